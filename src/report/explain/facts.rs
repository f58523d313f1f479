//! What is known about each segment of a run: its relative numbers, what it acknowledges and repeats, the states around it.

use std::collections::{HashMap, VecDeque};

use crate::run::{ActionResult, Entry, Fate, Fates, IcmpEvent, IcmpFate, Recording, call_at_once, ends_connection};
use crate::scenario::{Scenario, Step, Verb};
use crate::tcp::{Call, Conversation, Flags, Origin, Party, Relative, Replay, Segment, Seq, State, TcpOption};

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
    /// An empty segment one below SND.NXT: a keep-alive or a zero-window probe.
    pub(super) probe: bool,
    /// Whether the last segment that its sender received begins beyond what this one acknowledges.
    pub(super) gap: bool,
    /// How many duplicate ACKs the sender has received for the number with which the segment begins.
    pub(super) asked: u32,
    /// The window that the peer offered last, in bytes.
    pub(super) allowed: Option<u32>,
    /// The window that this segment offers, in bytes, and whether that differs from the offer before.
    pub(super) window: (u32, bool),
    /// The last segment that its sender had received.
    pub(super) heard: Option<Heard<'a>>,
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
    let results = recording.results();
    let mut walk = Walk {
        scenario_steps: steps,
        results,
        step: None,
        conversation: Conversation::default(),
        replay: Replay::new(),
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

pub(super) fn slot(party: Party) -> usize {
    match party {
        Party::Client => 0,
        Party::Server => 1,
    }
}

struct Walk<'a> {
    scenario_steps: Vec<&'a Step>,
    results: HashMap<usize, &'a ActionResult>,
    step: Option<usize>,
    conversation: Conversation,
    replay: Replay,
    fates: Fates<'a>,
    ends: [End<'a>; 2],
    /// The error that the step's line has sent, if TCP took it.
    icmp: Option<&'a IcmpEvent>,
    number: usize,
}

/// One end: what it sent, what it acknowledged, what it heard.
#[derive(Default)]
struct End<'a> {
    initial: Option<Seq>,
    /// SND.NXT.
    next: Option<Seq>,
    /// The segments by the number after them.
    sent: HashMap<Seq, Sent>,
    /// The segments that are not acknowledged: number and end.
    open: VecDeque<(usize, Seq)>,
    /// The segments by the number with which they begin.
    begun: HashMap<Seq, usize>,
    /// The highest acknowledgment that this end has sent, and how often it was repeated because of a gap.
    acknowledged: Option<Seq>,
    repeated: u32,
    /// The last window it offered, in bytes.
    offered: Option<u32>,
    scale: Option<u8>,
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
        let result = self.results.get(&number).copied();
        if let Some(call) = result.and_then(|result| call_at_once(&step.action.verb, result)) {
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
        if let (Verb::State(State::Closed), ActionResult::Done { .. }) = (&step.action.verb, result) {
            // By a timer, perhaps, which no segment shows.
            self.replay.call(step.action.party, Call::Failed);
        }
        // An open that failed, and a connection that the kernel gave up, are CLOSED without a segment.
        if ends_connection(&step.action.verb, result) {
            self.replay.call(step.action.party, Call::Failed);
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
        let syn = segment.flags.contains(Flags::SYN);
        let rst = segment.flags.contains(Flags::RST);
        let relative = self.conversation.relate(segment);
        let before = Party::ALL.map(|party| self.replay.state(party));
        let fate = self.fates.get(self.number - 1);
        self.fates.replay(entry, &mut self.replay);
        let after = Party::ALL.map(|party| self.replay.state(party));
        let step = self.step.and_then(|step| self.scenario_steps.get(step).copied());
        let result = self.step.and_then(|step| self.results.get(&step).copied());
        if syn && segment.origin != Origin::Spoofed && self.ends[from].initial != Some(segment.seq) {
            self.ends[to].acknowledged = None;
            self.ends[from].open_anew(segment);
        }
        let window = self.window(segment);
        let (sender, receiver) = (&self.ends[from], &self.ends[to]);
        let old = segment.sequence_len() > 0 && sender.next.is_some_and(|next| segment.seq.is_before(next));
        let icmp = self.icmp.filter(|event| event.from == segment.from);
        let again = sender.begun.get(&segment.seq).copied().or_else(|| {
            // A later piece of what was too big begins within that segment.
            icmp.and_then(|event| event.mtu)?;
            sender.sending(relative.seq)
        });
        let again = again.filter(|_| old && !rst);
        let probe = segment.sequence_len() == 0
            && !rst
            && sender.next.is_some_and(|next| segment.seq + 1 == next)
            && receiver.acknowledged == sender.next;
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
            needless: again.is_some() && receiver.acknowledged.is_some_and(|ack| !ack.is_before(segment.end())),
            probe,
            gap: sender
                .heard
                .is_some_and(|heard| heard.segment.len > 0 && segment.ack.is_before(heard.segment.seq)),
            asked: if receiver.acknowledged == Some(segment.seq) {
                receiver.repeated
            } else {
                0
            },
            allowed: receiver.offered,
            window: (window, sender.offered.is_some_and(|offered| offered != window)),
            heard: sender.heard,
            icmp,
            unread: sender.received.saturating_sub(sender.read),
        };
        self.note_sent(segment, relative, rst);
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
        sender.offered = Some(window);
        if let Some(heard) = &mut sender.heard {
            // One segment answers a probe.
            heard.probe = false;
        }
        if !fate.is_some_and(Fate::keeps_away) {
            self.ends[to].heard = Some(Heard {
                number: self.number,
                segment,
                relative,
                probe,
            });
        }
        facts
    }

    /// The window that a segment offers, in bytes (RFC 7323, section 2.2).
    fn window(&self, segment: &Segment) -> u32 {
        let scales = (self.ends[slot(segment.from)].scale, self.ends[slot(segment.to)].scale);
        match scales {
            (Some(shift), Some(_)) if !segment.flags.contains(Flags::SYN) => u32::from(segment.window) << shift.min(14),
            _ => u32::from(segment.window),
        }
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
            sender.begun.insert(segment.seq, self.number);
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
    fn open_anew(&mut self, syn: &Segment) {
        self.initial = Some(syn.seq);
        self.next = None;
        self.sent.clear();
        self.begun.clear();
        self.open.clear();
        self.scale = syn.options.iter().find_map(|option| match option {
            TcpOption::WindowScale(shift) => Some(*shift),
            _ => None,
        });
    }
}
