//! What a header says beside flags and numbers: congestion, and what is not ordinary in the IP header.

use super::facts::Facts;
use crate::tcp::Flags;

/// What ECE and CWR say (RFC 3168), with a blank before it.
pub(super) fn congestion(facts: &Facts<'_>) -> String {
    let Facts { segment, .. } = facts;
    let (from, to, flags) = (segment.from, segment.to, segment.flags);
    if segment.is_injected() {
        return String::new();
    }
    let has = |flag| flags.contains(flag);
    match (has(Flags::SYN), has(Flags::ACK), has(Flags::ECE), has(Flags::CWR)) {
        (true, false, true, true) => {
            " ECE and CWR together ask whether routers may mark its segments in place of dropping them (RFC 3168 section \
             6.1.1)."
                .to_owned()
        }
        (true, true, true, false) => format!(" ECE agrees to ECN, as the {to} has asked (RFC 3168 section 6.1.1)."),
        (false, _, true, false) => format!(
            " ECE: a router has marked what came to the {from}. It says so until the {to} answers with CWR (RFC 3168 section \
             6.1.3)."
        ),
        (false, _, false, true) => {
            format!(" CWR: the {from} has heard of the congestion and reduced its window (RFC 3168 section 6.1.2).")
        }
        _ => String::new(),
    }
}

/// What is not ordinary in the IP header, where it is new, with a blank before it.
pub(super) fn ip(facts: &Facts<'_>) -> String {
    let told = facts.segment.ip.out_of_the_ordinary();
    if told.is_empty() || !facts.new_ip {
        return String::new();
    }
    format!(" Its IP header says {}.", told.join(", "))
}
