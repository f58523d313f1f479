//! The always-on lints: rules of RFC 9293 that every segment of every conversation must keep.
//!
//! They are sound for what real stacks do in ordinary sessions: keep-alives, zero-window probes, retransmissions,
//! challenge ACKs, a connection that is opened anew with the same address pair, a socket connected to itself. Where a
//! capture cannot tell a violation from one of these, nothing is reported. Segments of a conversation whose SYN was not
//! captured are held only against the rules that need no numbers.
//!
//! Three rules need to know more, and are excused by whoever does: a sender that told its TCP to expect more data (MSG_MORE)
//! and then closes may leave out the PSH, one that sets the DSCP (IP_TOS) may change it, and a kernel that was flooded with
//! SYNs may send cookies as initial sequence numbers.

mod clock;
mod space;

use self::clock::Clocks;
use self::space::Spaces;
use super::{Checksum, Flags, Segment, TcpOption};

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The segment's index in the capture, from 0.
    pub segment: usize,
    /// The rule's name, as in [`RULES`].
    pub rule: &'static str,
    /// What is wrong, with numbers.
    pub detail: String,
}

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// A short name.
    pub name: &'static str,
    /// The requirement and section of RFC 9293: `MUST-2, section 3.1`.
    pub source: &'static str,
}

macro_rules! rules {
    ($($constant:ident = $name:literal, $source:literal;)*) => {
        $(pub(crate) const $constant: Rule = Rule { name: $name, source: $source };)*

        /// All rules that [`lint`] checks.
        pub const RULES: &[Rule] = &[$($constant),*];
    };
}

rules! {
    CHECKSUM = "checksum", "MUST-2, section 3.1";
    RESERVED = "reserved bits zero", "section 3.1";
    ACK_SET = "ACK on every segment", "section 3.1";
    URGENT = "no urgent data", "SHLD-13, section 3.8.5";
    MSS_ELSEWHERE = "MSS only with SYN", "MUST-65, section 3.1";
    MSS_MISSING = "MSS with every SYN", "SHLD-5, section 3.7.1";
    OPTIONS = "options well formed", "MUST-68, section 3.1";
    PADDING = "zero padding", "MUST-69, section 3.1";
    PUSH = "PSH before FIN", "MUST-61, section 3.9.1.2";
    SEQUENCE = "SEQ without gaps", "section 3.4";
    COUNT_ONE = "SYN and FIN count one", "section 3.4";
    AFTER_FIN = "no data after FIN", "section 3.6";
    ISN_CLOCK = "ISN by the clock", "MUST-8, section 3.4.1";
    ACK_SENT = "ACK of what was sent", "section 3.4";
    ACK_BACK = "ACK never moves back", "section 3.4";
    WINDOW = "within the window", "section 3.8.6";
    RIGHT_EDGE = "window never shrinks", "SHLD-14, section 3.8.6";
    DSCP = "one DSCP", "SHLD-23, section 3.9.2";
    RST_FOR_RST = "no RST for RST", "section 3.5.2";
}

/// Checks the segments of one capture, in capture order.
pub fn lint(segments: &[Segment]) -> Vec<Violation> {
    let mut found = Found(Vec::new());
    let mut spaces = Spaces::default();
    let mut clocks = Clocks::default();
    let mut classes = [None; 2];
    for (index, segment) in segments.iter().enumerate() {
        one_dscp(index, segment, &mut classes, &mut found);
        header(index, segment, &mut found);
        options(index, segment, &mut found);
        clocks.segment(index, segment, &mut found);
        spaces.segment(index, segment, &mut found);
    }
    spaces.end(&mut found);
    // What the lab made by hand may break any rule.
    found.0.retain(|violation| !segments[violation.segment].is_injected());
    // Stable: what was found late, such as a gap that nothing filled, goes where it belongs.
    found.0.sort_by_key(|violation| violation.segment);
    found.0
}

/// The violations found so far.
struct Found(Vec<Violation>);

impl Found {
    fn add(&mut self, segment: usize, rule: Rule, detail: impl Into<String>) {
        self.0.push(Violation {
            segment,
            rule: rule.name,
            detail: detail.into(),
        });
    }
}

/// Each end keeps the DSCP that its SYN had. A RST may come from no connection: then it takes over the DSCP of what it
/// answers.
fn one_dscp(index: usize, segment: &Segment, classes: &mut [Option<u8>; 2], found: &mut Found) {
    let (flags, dscp) = (segment.flags, segment.ip.dscp);
    if segment.is_injected() || flags.contains(Flags::RST) {
        return;
    }
    let known = &mut classes[segment.from as usize];
    if flags.contains(Flags::SYN) {
        *known = Some(dscp);
    } else if let Some(before) = known.filter(|before| *before != dscp) {
        *known = Some(dscp);
        found.add(
            index,
            DSCP,
            format!("DSCP {dscp} after {before}: one connection should have one"),
        );
    }
}

fn header(index: usize, segment: &Segment, found: &mut Found) {
    let flags = segment.flags;
    if segment.checksum == Checksum::Wrong {
        found.add(
            index,
            CHECKSUM,
            "the checksum is neither right nor what loopback leaves in the field",
        );
    }
    if flags.intersects(Flags::RESERVED) {
        found.add(
            index,
            RESERVED,
            format!("reserved bits are set: {}", flags & Flags::RESERVED),
        );
    }
    if !flags.intersects(Flags::ACK | Flags::SYN | Flags::RST) {
        found.add(
            index,
            ACK_SET,
            format!("flags {flags}: once a connection is established the ACK bit is always set"),
        );
    }
    if flags.contains(Flags::URG) {
        found.add(
            index,
            URGENT,
            format!("URG is set, with urgent pointer {}", segment.urgent),
        );
    }
}

fn options(index: usize, segment: &Segment, found: &mut Found) {
    let syn = segment.flags.contains(Flags::SYN);
    let mss = segment.options.iter().any(|option| matches!(option, TcpOption::Mss(_)));
    if mss && !syn {
        found.add(
            index,
            MSS_ELSEWHERE,
            format!("flags {}: the MSS option belongs to the SYN alone", segment.flags),
        );
    }
    if syn && !mss {
        found.add(index, MSS_MISSING, "a SYN without the MSS option");
    }
    let mut ended = false;
    for option in &segment.options {
        match option {
            TcpOption::End => ended = true,
            TcpOption::Malformed(bytes) if ended => {
                found.add(
                    index,
                    PADDING,
                    format!("after the end of the option list stands {bytes:02x?}, not zeros"),
                );
            }
            TcpOption::Malformed(bytes) => {
                found.add(index, OPTIONS, format!("an option has no proper length: {bytes:02x?}"));
            }
            TcpOption::Unknown {
                kind: kind @ (2..=5 | 8),
                data,
            } => {
                let length = data.len() + 2;
                found.add(
                    index,
                    OPTIONS,
                    format!("the option of kind {kind} cannot have length {length}"),
                );
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
