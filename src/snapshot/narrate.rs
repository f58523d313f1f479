//! From a recording to the lines of a transcript.
//!
//! A recording's entries stand in the order in which the lab learned of them. For segments that is the order of the
//! capture, and an action begins before its segments. But the end of an action may be learned of before or after the
//! segments that it caused, so nothing here depends on where an end stands:
//! - a result stands on its action's line;
//! - a call that changes a state at once (`listen`, `close` without a connection) counts from its action's line on;
//! - a call that failed because time ran out counts from the end of its step on, a background call's from the end of the
//!   party's next `wait`, or from the end of the run.

use std::collections::HashMap;

use super::action;
use super::payload::{describe, hex};
use super::stream::{Stream, streams};
use super::text::visible;
use super::transcript::{Line, SegmentLine};
use crate::run::{ActionResult, Calls, Ending, Entry, Fate, Fates, IcmpEvent, Recording, calls_in_the_end};
use crate::scenario::{Scenario, Step, Verb};
use crate::tcp::{Call, Checksum, Conversation, Flags, Party, Relative, Replay, Segment, State, TcpOption};

/// The lines of the run.
pub(super) fn narrate(scenario: &Scenario, recording: &Recording) -> Vec<Line> {
    let mut narrator = Narrator::new(scenario, recording);
    for entry in &recording.entries {
        match entry {
            Entry::ActionStarted { step, .. } => narrator.begin(*step),
            Entry::Segment(segment) => narrator.segment(entry, segment),
            Entry::Fault {
                step,
                segment,
                fate: Fate::Released,
                ..
            } => narrator.released(entry, *step, *segment),
            Entry::Icmp(event) => narrator.icmp(entry, event),
            Entry::ActionEnded { .. } | Entry::Fault { .. } | Entry::Settled { .. } => {}
        }
    }
    narrator.end(&recording.ending)
}

struct Narrator<'a> {
    scenario: &'a Scenario,
    steps: Vec<&'a Step>,
    results: HashMap<usize, &'a ActionResult>,
    conversation: Conversation,
    calls: Calls,
    replay: Replay,
    fates: Fates<'a>,
    lines: Vec<Line>,
    /// The states that the lines so far tell.
    told: (State, State),
    phase: Option<usize>,
    /// The step in progress and its streams.
    step: Option<usize>,
    streams: Vec<Stream>,
    /// Background steps whose end counts from a later moment on.
    background: Vec<usize>,
    captured: usize,
    numbered: usize,
}

impl<'a> Narrator<'a> {
    fn new(scenario: &'a Scenario, recording: &'a Recording) -> Narrator<'a> {
        let replay = Replay::new();
        Narrator {
            scenario,
            steps: scenario.steps().collect(),
            results: recording.results(),
            conversation: Conversation::default(),
            calls: Calls::of(scenario, recording),
            told: states(&replay),
            replay,
            fates: Fates::of(recording),
            lines: Vec::new(),
            phase: None,
            step: None,
            streams: Vec::new(),
            background: Vec::new(),
            captured: 0,
            numbered: 0,
        }
    }

    fn begin(&mut self, number: usize) {
        self.finish_step();
        self.step = Some(number);
        self.enter_phase(number);
        let Some(step) = self.steps.get(number).copied() else {
            self.lines.push(Line::Action {
                step: number,
                text: format!("step {} of another version of the scenario", number + 1),
                result: None,
            });
            return;
        };
        self.lines.push(Line::Action {
            step: number,
            text: action::text(self.scenario, &step.action),
            result: action::result(&step.action, self.results.get(&number).copied()),
        });
        self.streams = streams(&step.expect);
        if step.action.background {
            self.background.push(number);
        }
        self.call_at_once(number, step);
    }

    /// Adds the title of the step's phase when it is another one than that of the step before.
    fn enter_phase(&mut self, step: usize) {
        let mut first = 0;
        for (index, phase) in self.scenario.phases.iter().enumerate() {
            let steps = first..first + phase.steps.len();
            first = steps.end;
            if steps.contains(&step) && self.phase != Some(index) {
                self.phase = Some(index);
                if !phase.title.is_empty() {
                    self.lines.push(Line::Phase(visible(&phase.title).into_owned()));
                }
            }
        }
    }

    /// What the step's call changes before any segment: it opens or closes a listener, or gives up a connection.
    fn call_at_once(&mut self, number: usize, step: &Step) {
        let call = self.calls.at_once(number);
        if let Some(call) = call {
            self.replay.call(step.action.party, call);
        }
        // The line of the FIN tells its state; where it has to wait, the end of the step does.
        if !matches!(call, Some(Call::Close { .. } | Call::CloseWriting)) {
            self.tell_states();
        }
    }

    /// The step in progress is over: its streams are summed up and its calls have ended.
    fn finish_step(&mut self) {
        for stream in std::mem::take(&mut self.streams) {
            let Some(Line::Stream { text, .. }) = stream.line.and_then(|line| self.lines.get_mut(line)) else {
                continue;
            };
            *text = stream.summary();
        }
        let Some((number, step)) = self.step.and_then(|number| Some((number, *self.steps.get(number)?))) else {
            return;
        };
        if matches!(step.action.verb, Verb::Wait) {
            self.join(|party| party == step.action.party);
        } else if !step.action.background {
            self.call_in_the_end(number);
        }
        self.tell_states();
    }

    /// The background calls of these parties have ended.
    fn join(&mut self, whose: impl Fn(Party) -> bool) {
        let (ended, running): (Vec<_>, Vec<_>) = std::mem::take(&mut self.background)
            .into_iter()
            .partition(|number| whose(self.steps[*number].action.party));
        self.background = running;
        for number in ended {
            self.call_in_the_end(number);
        }
    }

    fn call_in_the_end(&mut self, number: usize) {
        let action = &self.steps[number].action;
        if let Some(result) = self.results.get(&number) {
            for call in calls_in_the_end(&action.verb, result) {
                self.replay.call(action.party, *call);
            }
        }
    }

    fn tell_states(&mut self) {
        let (client, server) = states(&self.replay);
        if self.told != (client, server) {
            self.told = (client, server);
            self.lines.push(Line::States { client, server });
        }
    }

    /// A segment that the wire had kept reaches its receiver.
    fn released(&mut self, entry: &'a Entry, step: usize, index: usize) {
        let Some(segment) = self.fates.replay(entry, &mut self.replay) else {
            return;
        };
        // The line of a delay stands far above by now; that of a release has just begun.
        if self.step == Some(step)
            && self.fates.get(index) == Some(Fate::Held)
            && let Some(Line::Action { result, .. }) =
                self.lines.iter_mut().rfind(|line| matches!(line, Line::Action { .. }))
        {
            let seq = self.conversation.relative_to(segment.from, segment.seq);
            let (from, to) = (segment.from.letter(), segment.to.letter());
            let what = format!("{from} > {to} {} seq {seq}", segment.flags);
            *result = Some(match result.take() {
                Some(before) => format!("{before}, {what}"),
                None => format!("-> {what}"),
            });
        }
        self.tell_states();
    }

    /// An ICMP error has come to an end: which number it quotes stands on its line.
    fn icmp(&mut self, entry: &'a Entry, event: &IcmpEvent) {
        let relative = self.conversation.relative_to(event.from, event.seq);
        if self.step == Some(event.step)
            && let Some(Line::Action { result, .. }) =
                self.lines.iter_mut().rfind(|line| matches!(line, Line::Action { .. }))
        {
            *result = Some(format!("-> {}", event.describe(relative)));
        }
        self.fates.replay(entry, &mut self.replay);
        self.tell_states();
    }

    fn segment(&mut self, entry: &'a Entry, segment: &Segment) {
        let index = self.captured;
        self.captured += 1;
        let relative = self.conversation.relate(segment);
        self.fates.replay(entry, &mut self.replay);
        let fate = self.fates.get(index);
        let options = self.options(segment);
        for stream in &mut self.streams {
            stream.note_acknowledgment(segment);
        }
        match self
            .streams
            .iter_mut()
            .position(|stream| fate.is_none() && stream.takes(segment, relative.seq, &options))
        {
            Some(stream) => self.stream_line(stream, index),
            None => {
                self.streams.iter_mut().for_each(Stream::interrupted);
                let line = self.segment_line(segment, index, relative, options);
                self.lines.push(Line::Segment(line));
                self.told = states(&self.replay);
            }
        }
    }

    fn next_number(&mut self) -> usize {
        self.numbered += 1;
        self.numbered
    }

    fn stream_line(&mut self, stream: usize, index: usize) {
        let now = states(&self.replay);
        let stream = &mut self.streams[stream];
        let at = *stream.line.get_or_insert_with(|| {
            self.numbered += 1;
            self.lines.push(Line::Stream {
                number: self.numbered,
                first: index + 1,
                last: index + 1,
                from: stream.from,
                to: stream.to,
                text: String::new(),
                client: now.0,
                server: now.1,
            });
            self.lines.len() - 1
        });
        let is_last_line = at + 1 == self.lines.len();
        if let Line::Stream {
            last, client, server, ..
        } = &mut self.lines[at]
        {
            *last = index + 1;
            // With another line in between, a changed state gets a line of its own.
            if is_last_line {
                (*client, *server) = now;
                self.told = now;
            }
        }
    }

    fn segment_line(&mut self, segment: &Segment, index: usize, relative: Relative, options: String) -> SegmentLine {
        let (client, server) = states(&self.replay);
        SegmentLine {
            number: self.next_number(),
            index,
            from: segment.from,
            to: segment.to,
            flags: segment.flags.to_string(),
            seq: relative.seq,
            ack: relative.ack,
            len: segment.len,
            options,
            payload: payload(segment),
            notes: notes(segment, self.fates.get(index)),
            fate: self.fates.get(index),
            client,
            server,
        }
    }

    /// `<mss 1460, sack_ok, ts, nop, wscale>`.
    fn options(&self, segment: &Segment) -> String {
        if segment.options.is_empty() {
            return String::new();
        }
        let names: Vec<String> = segment
            .options
            .iter()
            .map(|option| self.option(segment, option))
            .collect();
        format!("<{}>", names.join(", "))
    }

    fn option(&self, segment: &Segment, option: &TcpOption) -> String {
        match option {
            TcpOption::Timestamps { .. } => "ts".to_owned(),
            TcpOption::WindowScale(_) => "wscale".to_owned(),
            TcpOption::FastOpen(cookie) if cookie.is_empty() => "tfo request".to_owned(),
            TcpOption::FastOpen(cookie) => format!("tfo {} bytes", cookie.len()),
            // The blocks are about what the segment's receiver has sent (RFC 2018, section 3).
            TcpOption::Sack(blocks) => blocks.iter().fold("sack".to_owned(), |text, (left, right)| {
                let [left, right] = [left, right].map(|edge| self.conversation.relative_to(segment.to, *edge));
                format!("{text} {left}:{right}")
            }),
            TcpOption::Unknown { kind, data } => format!("kind {kind} {}", hex(data)).trim_end().to_owned(),
            TcpOption::Malformed(bytes) => format!("malformed {}", hex(bytes)),
            TcpOption::End | TcpOption::Nop | TcpOption::Mss(_) | TcpOption::SackPermitted => option.to_string(),
        }
    }

    fn end(mut self, ending: &Ending) -> Vec<Line> {
        self.finish_step();
        self.join(|_| true);
        self.tell_states();
        if let Some(text) = self.ending(ending) {
            self.lines.push(Line::Ending(format!("stopped: {text}")));
        }
        self.lines
    }

    fn ending(&self, ending: &Ending) -> Option<String> {
        let name = |step: &usize| match self.steps.get(*step) {
            Some(known) => format!("`{}`", action::text(self.scenario, &known.action)),
            None => format!("step {}", step + 1),
        };
        match ending {
            Ending::Completed => None,
            Ending::Mismatch { step } => Some(format!("the segments after {} are not those expected", name(step))),
            Ending::ActionFailed { step } => Some(format!("{} ended otherwise than expected", name(step))),
            Ending::Deadline { step } => Some(format!(
                "{} and its segments did not come to an end in time",
                name(step)
            )),
            Ending::Unquiet { .. } => Some("a connection was still sending at the end".to_owned()),
            Ending::Interrupted => Some("the run was interrupted".to_owned()),
        }
    }
}

fn states(replay: &Replay) -> (State, State) {
    (replay.state(Party::Client), replay.state(Party::Server))
}

/// The payload as text, and how much of it the capture holds when that is not all.
fn payload(segment: &Segment) -> String {
    let captured = segment.payload.len();
    match segment.len {
        0 => String::new(),
        len if captured < len as usize => {
            format!("{}, {captured} of {len} bytes captured", describe(&segment.payload))
        }
        _ => describe(&segment.payload),
    }
}

fn notes(segment: &Segment, fate: Option<Fate>) -> String {
    let mut notes = Vec::new();
    if segment.flags.contains(Flags::URG) {
        notes.push(format!("urgent {}", segment.urgent));
    }
    if segment.is_injected() {
        notes.push("made by hand".to_owned());
    }
    notes.extend(segment.ip.out_of_the_ordinary());
    notes.extend(segment.offset.map(|offset| format!("offset {offset}")));
    // On loopback a sum that was left to the hardware and a full one are both right; which one it is says nothing.
    if segment.checksum == Checksum::Wrong {
        notes.push("checksum wrong".to_owned());
    }
    notes.extend(fate.map(|fate| fate.name().to_owned()));
    notes.join(", ")
}

#[cfg(test)]
mod tests;
