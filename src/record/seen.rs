//! What came in a run: for each step its segments as the tightest patterns, and how its action ended.

use crate::run::{ActionResult, Entry, Recording};
use crate::scenario::{Count, OptionPattern, OptionsPattern, Payload, Scenario, SegmentPattern};
use crate::tcp::{Conversation, Flags, IpFields, Segment, TcpOption};

/// Longer payloads are told by their length: the applications' calls say what is in them.
const SHOWN: u32 = 64;

/// One run.
pub(super) struct Session {
    /// The segments of each step.
    pub(super) segments: Vec<Vec<SegmentPattern>>,
    /// The result of each step's action.
    pub(super) results: Vec<ActionResult>,
    pub(super) recording: Recording,
}

impl Session {
    pub(super) fn of(scenario: &Scenario, recording: &Recording) -> Session {
        let steps = scenario.steps().count();
        let mut session = Session {
            segments: vec![Vec::new(); steps],
            results: vec![ActionResult::Unfinished; steps],
            recording: recording.clone(),
        };
        let mut conversation = Conversation::default();
        let mut current = 0;
        for entry in &recording.entries {
            match entry {
                Entry::ActionStarted { step, .. } => current = *step,
                Entry::ActionEnded { step, result, .. } => {
                    if let Some(place) = session.results.get_mut(*step) {
                        *place = result.clone();
                    }
                }
                Entry::Segment(segment) => {
                    let pattern = pattern(segment, &mut conversation);
                    // What the lab sent itself is told by its action.
                    if let Some(segments) = session.segments.get_mut(current).filter(|_| !segment.is_injected()) {
                        segments.push(pattern);
                    }
                }
                Entry::Fault { .. } | Entry::Icmp(_) | Entry::Settled { .. } => {}
            }
        }
        session
    }

    /// Why the step's action could not be tried.
    pub(super) fn impossible(&self, step: usize) -> String {
        match self.results.get(step) {
            Some(ActionResult::Impossible { reason }) => reason.clone(),
            _ => "the run ended there".to_owned(),
        }
    }
}

/// The pattern that names all of the segment that is the same on every machine: no window (but that it is closed), no
/// window scale, no timestamps.
fn pattern(segment: &Segment, conversation: &mut Conversation) -> SegmentPattern {
    let relative = conversation.relate(segment);
    let whole = segment.payload.len() == segment.len as usize;
    let ordinary = IpFields::default();
    let reset = segment.flags.contains(Flags::RST);
    SegmentPattern {
        span: 0..0,
        from: segment.from,
        to: segment.to,
        count: Count::ONE,
        flags: Some(segment.flags),
        seq: Some(relative.seq),
        ack: relative.ack,
        len: Some(segment.len),
        payload: (whole && (1..=SHOWN).contains(&segment.len)).then(|| Payload {
            bytes: segment.payload.as_slice().into(),
        }),
        window: (segment.window == 0 && !reset).then_some(0),
        dscp: (segment.ip.dscp != ordinary.dscp).then_some(segment.ip.dscp),
        ecn: (segment.ip.ecn != ordinary.ecn).then_some(segment.ip.ecn),
        ttl: (segment.ip.ttl != ordinary.ttl).then_some(segment.ip.ttl),
        urgent: segment.flags.contains(Flags::URG).then_some(segment.urgent),
        options: options(segment, conversation),
        timing: None,
    }
}

/// The options where they say something: in a SYN, and where blocks are acknowledged selectively.
fn options(segment: &Segment, conversation: &Conversation) -> Option<OptionsPattern> {
    let selective = |option: &TcpOption| matches!(option, TcpOption::Sack(_));
    if !segment.flags.contains(Flags::SYN) && !segment.options.iter().any(selective) {
        return None;
    }
    let relative = |number| conversation.relative_to(segment.to, number);
    let item = |option: &TcpOption| {
        Some(match option {
            TcpOption::End => OptionPattern::End,
            TcpOption::Nop => OptionPattern::Nop,
            TcpOption::Mss(size) => OptionPattern::Mss(Some(*size)),
            TcpOption::WindowScale(_) => OptionPattern::WindowScale(None),
            TcpOption::SackPermitted => OptionPattern::SackPermitted,
            TcpOption::Sack(blocks) => {
                let blocks = blocks.iter().map(|(left, right)| (relative(*left), relative(*right)));
                OptionPattern::Sack(Some(blocks.collect()))
            }
            TcpOption::Timestamps { .. } => OptionPattern::Timestamps,
            TcpOption::FastOpen(_) => OptionPattern::FastOpen,
            TcpOption::Unknown { kind, .. } => OptionPattern::Unknown(*kind),
            TcpOption::Malformed(_) => return None,
        })
    };
    let items = segment.options.iter().map(item).collect::<Option<_>>()?;
    Some(OptionsPattern { items, open: false })
}
