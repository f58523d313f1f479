//! What is known about each segment of a run: its relative numbers, what it acknowledges and repeats, the states around it.

use std::collections::{HashMap, VecDeque};

use crate::run::{ActionResult, Calls, Entry, Fate, Fates, IcmpEvent, IcmpFate, Recording, calls_in_the_end};
use crate::scenario::{Scenario, Step};
pub(super) use crate::tcp::slot;
use crate::tcp::{
    Analysis, Conversation, Flags, IpFields, Numbers, Party, Probe, Relative, Replay, Segment, Seq, State,
};

/// One segment with what came before it.
pub(super) struct Facts<'a> {
    /// Its number in the capture, from 1.
    pub(super) number: usize,
    pub(super) segment: &'a Segment,
    /// What the wire did with it, if anything.
    pub(super) fate: Option<Fate>,
    pub(super) relative: Relative,
    /// The step during which it was captured.
    pub(super) step: Option<&'a Step>,
    /// What came of that step's action.
    pub(super) result: Option<&'a ActionResult>,
    /// The states before and after it, client first.
    pub(super) before: [State; 2],
    pub(super) after: [State; 2],
    /// The segment whose numbers it repeats.
    pub(super) again: Option<usize>,
    /// What it acknowledges that its sender had not acknowledged before.
    pub(super) acknowledges: Option<Acknowledged>,
    /// Whether the numbers that it repeats had been acknowledged already.
    pub(super) needless: bool,
    /// The probe that it is.
    pub(super) probe: Option<Probe>,
    /// Whether the last segment that its sender received begins beyond what this one acknowledges.
    pub(super) gap: bool,
    /// How many duplicate ACKs the sender has received for the number with which the segment begins.
    pub(super) asked: u32,
    /// The window that this segment offers, in bytes, and whether that differs from the offer before.
    pub(super) window: (u32, bool),
    /// The last segment that its sender had received.
    pub(super) heard: Option<Heard<'a>>,
    /// Whether its IP header says something else than that of its sender's last segment.
    pub(super) new_ip: bool,
    /// The ICMP error that came to its sender in this step.
    pub(super) icmp: Option<&'a IcmpEvent>,
    /// Bytes that have reached the sender and that its application has not read.
    pub(super) unread: u64,
}

/// A segment that an end received.
#[derive(Clone, Copy)]
pub(super) struct Heard<'a> {
    pub(super) number: usize,
    pub(super) segment: &'a Segment,
    pub(super) relative: Relative,
    pub(super) probe: bool,
}

/// A part of the peer's sequence space that is acknowledged for the first time.
#[derive(Clone, Copy)]
pub(super) struct Acknowledged {
    /// The segment that ends where the ACK points to, if one does.
    pub(super) segment: Option<Sent>,
    /// The first and the last segment that it covers in full.
    pub(super) covers: Option<(usize, usize)>,
}

/// A segment as its acknowledgment counts it.
#[derive(Clone, Copy)]
pub(super) struct Sent {
    pub(super) number: usize,
    pub(super) seq: u32,
    pub(super) len: u32,
    pub(super) syn: bool,
    pub(super) fin: bool,
}

/// All segments of the recording with their facts, in order.
pub(super) fn facts<'a>(scenario: &'a Scenario, recording: &'a Recording) -> Vec<Facts<'a>> {
    let steps: Vec<&Step> = scenario.steps().collect();
    let mut walk = Walk {
        scenario_steps: steps,
        calls: Calls::of(scenario, recording),
        results: recording.results(),
        step: None,
        conversation: Conversation::default(),
        replay: Replay::new(),
        analysis: Analysis::default(),
        fates: Fates::of(recording),
        ends: [End::default(), End::default()],
        icmp: None,
        number: 0,
    };
    let mut facts = Vec::new();
    for entry in &recording.entries {
        match entry {
            Entry::ActionStarted { step, .. } => walk.begin(*step),
            Entry::ActionEnded { step, result, .. } => walk.ended(*step, result),
            Entry::Segment(segment) => facts.push(walk.segment(entry, segment)),
            Entry::Fault {
                segment,
                fate: Fate::Released,
                ..
            } => walk.released(entry, *segment),
            Entry::Icmp(event) => walk.icmp(entry, event),
            Entry::Fault { .. } | Entry::Settled { .. } => {}
        }
    }
    facts
}

struct Walk<'a> {
    scenario_steps: Vec<&'a Step>,
    calls: Calls,
    results: HashMap<usize, &'a ActionResult>,
    step: Option<usize>,
    conversation: Conversation,
    replay: Replay,
    analysis: Analysis,
    fates: Fates<'a>,
    ends: [End<'a>; 2],
    /// The error that the step's line has sent, if TCP took it.
    icmp: Option<&'a IcmpEvent>,
    number: usize,
}

/// One end: what it sent, what it acknowledged, what it heard.
#[derive(Default)]
struct End<'a> {
    /// SND.NXT.
    next: Option<Seq>,
    /// The segments by the number after them.
    sent: HashMap<Seq, Sent>,
    /// The segments that are not acknowledged: number and end.
    open: VecDeque<(usize, Seq)>,
    /// The highest acknowledgment that this end has sent, and how often it was repeated because of a gap.
    acknowledged: Option<Seq>,
    repeated: u32,
    /// What the IP header of its last segment said.
    ip: IpFields,
    heard: Option<Heard<'a>>,
    received: u64,
    read: u64,
}

impl<'a> Walk<'a> {
    fn begin(&mut self, number: usize) {
        self.step = Some(number);
        self.icmp = None;
        let Some(step) = self.scenario_steps.get(number) else {
            return;
        };
        if let Some(call) = self.calls.at_once(number) {
            self.replay.call(step.action.party, call);
        }
    }

    fn ended(&mut self, number: usize, result: &ActionResult) {
        let Some(step) = self.scenario_steps.get(number) else {
            return;
        };
        let end = &mut self.ends[slot(step.action.party)];
        match result {
            ActionResult::Done {
                received: Some(received),
                ..
            }
            | ActionResult::Eof { received }
            | ActionResult::Failed { received, .. } => end.read += received.len() as u64,
            _ => {}
        }
        for call in calls_in_the_end(&step.action.verb, result) {
            self.replay.call(step.action.party, *call);
        }
    }

    /// An ICMP error comes to the sender of the segment that it quotes.
    fn icmp(&mut self, entry: &'a Entry, event: &'a IcmpEvent) {
        self.fates.replay(entry, &mut self.replay);
        self.icmp = Some(event).filter(|event| event.fate == IcmpFate::Received);
    }

    /// A segment that the wire had kept reaches its receiver.
    fn released(&mut self, entry: &'a Entry, index: usize) {
        let Some(segment) = self.fates.replay(entry, &mut self.replay) else {
            return;
        };
        self.ends[slot(segment.to)].heard = Some(Heard {
            number: index + 1,
            segment,
            relative: self.conversation.relate(segment),
            probe: false,
        });
    }

    fn segment(&mut self, entry: &'a Entry, segment: &'a Segment) -> Facts<'a> {
        self.number += 1;
        let (from, to) = (slot(segment.from), slot(segment.to));
        let rst = segment.flags.contains(Flags::RST);
        let relative = self.conversation.relate(segment);
        let before = Party::ALL.map(|party| self.replay.state(party));
        let fate = self.fates.get(self.number - 1);
        self.fates.replay(entry, &mut self.replay);
        let after = Party::ALL.map(|party| self.replay.state(party));
        let step = self.step.and_then(|step| self.scenario_steps.get(step).copied());
        let result = self.step.and_then(|step| self.results.get(&step).copied());
        let role = self.analysis.next(segment, fate == Some(Fate::Copied));
        if role.opens {
            self.ends[to].acknowledged = None;
            self.ends[from].open_anew();
        }
        let (sender, receiver) = (&self.ends[from], &self.ends[to]);
        let icmp = self.icmp.filter(|event| event.from == segment.from);
        let (again, needless) = match role.numbers {
            Numbers::Again { first, acknowledged } => {
                let again = first.map(|index| index + 1).or_else(|| {
                    // A later piece of what was too big begins within that segment.
                    icmp.and_then(|event| event.mtu)?;
                    sender.sending(relative.seq)
                });
                (again, acknowledged)
            }
            _ => (None, false),
        };
        let mut facts = Facts {
            number: self.number,
            segment,
            fate,
            relative,
            step,
            result,
            before,
            after,
            again,
            acknowledges: None,
            needless,
            probe: role.probe,
            gap: sender
                .heard
                .is_some_and(|heard| heard.segment.len > 0 && segment.ack.is_before(heard.segment.seq)),
            asked: if receiver.acknowledged == Some(segment.seq) {
                receiver.repeated
            } else {
                0
            },
            window: (role.window, role.resized),
            heard: sender.heard,
            new_ip: segment.ip != sender.ip,
            icmp,
            unread: sender.received.saturating_sub(sender.read),
        };
        self.ends[from].ip = segment.ip.clone();
        // What its receiver drops for its header's sake has been heard by nobody.
        if segment.is_intact() {
            self.note_sent(segment, relative, rst);
        }
        if !rst && segment.flags.contains(Flags::ACK) {
            facts.acknowledges = self.note_acknowledgment(segment);
            let sender = &mut self.ends[from];
            if facts.acknowledges.is_some() {
                sender.repeated = 0;
            } else if segment.sequence_len() == 0 && facts.gap {
                sender.repeated += 1;
            }
        }
        let sender = &mut self.ends[from];
        if let Some(heard) = &mut sender.heard {
            // One segment answers a probe.
            heard.probe = false;
        }
        if !fate.is_some_and(Fate::keeps_away) && segment.is_intact() {
            self.ends[to].heard = Some(Heard {
                number: self.number,
                segment,
                relative,
                probe: role.probe.is_some(),
            });
        }
        facts
    }

    fn note_sent(&mut self, segment: &Segment, relative: Relative, rst: bool) {
        let (from, to) = (slot(segment.from), slot(segment.to));
        if rst || segment.sequence_len() == 0 {
            return;
        }
        let sender = &mut self.ends[from];
        if sender.next.is_none_or(|next| !segment.seq.is_before(next)) {
            sender.next = Some(segment.end());
            sender.open.push_back((self.number, segment.end()));
            self.ends[to].received += u64::from(segment.len);
        }
        self.ends[from].sent.entry(segment.end()).or_insert(Sent {
            number: self.number,
            seq: relative.seq,
            len: segment.len,
            syn: segment.flags.contains(Flags::SYN),
            fin: segment.flags.contains(Flags::FIN),
        });
    }

    fn note_acknowledgment(&mut self, segment: &Segment) -> Option<Acknowledged> {
        let (from, to) = (slot(segment.from), slot(segment.to));
        let peer = &self.ends[to];
        let sent = peer.next.is_some_and(|next| !next.is_before(segment.ack));
        if !sent
            || self.ends[from]
                .acknowledged
                .is_some_and(|ack| !ack.is_before(segment.ack))
        {
            return None;
        }
        let peer = &mut self.ends[to];
        let mut covers = None;
        while let Some((number, _)) = peer
            .open
            .front()
            .copied()
            .filter(|(_, end)| !segment.ack.is_before(*end))
        {
            peer.open.pop_front();
            covers = Some((covers.map_or(number, |(first, _)| first), number));
        }
        let acknowledged = Acknowledged {
            segment: peer.sent.get(&segment.ack).copied(),
            covers,
        };
        self.ends[from].acknowledged = Some(segment.ack);
        Some(acknowledged)
    }
}

impl End<'_> {
    /// The first segment that carried the byte with this relative number.
    fn sending(&self, seq: u32) -> Option<usize> {
        let carried = |sent: &&Sent| seq.wrapping_sub(sent.seq) < sent.len;
        self.sent.values().filter(carried).map(|sent| sent.number).min()
    }

    /// A SYN begins a new sequence space.
    fn open_anew(&mut self) {
        self.next = None;
        self.sent.clear();
        self.open.clear();
    }
}
