//! ICMP errors made by hand: what was sent, and what the kernel made of it.

use serde::{Deserialize, Serialize};

use super::Entry;
use crate::bench::{IcmpCounters, IcmpTypes};
use crate::scenario::{Family, IcmpKind};
use crate::tcp::{Call, Nanos, Party, Seq};

/// An ICMP error that the lab has sent about a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IcmpEvent {
    /// The step of the line that says so.
    pub step: usize,
    /// When.
    pub at: Nanos,
    /// The address family, without which the kind may mean two things.
    pub family: Family,
    /// What it says.
    pub kind: IcmpKind,
    /// The sender of the quoted segment, to whom it came.
    pub from: Party,
    /// The quoted segment's receiver.
    pub to: Party,
    /// The sequence number that it quotes.
    pub seq: Seq,
    /// The largest packet that gets through, if it says that; bytes.
    pub mtu: Option<u16>,
    /// What the kernel's counters say became of it.
    pub fate: IcmpFate,
}

/// What became of an ICMP error, by the kernel's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IcmpFate {
    /// It was received, and TCP has a connection for it.
    Received,
    /// It was received, but the number that it quotes does not lie from SND.UNA to SND.NXT: TCP ignores it
    /// (OutOfWindowIcmps, RFC 5927 section 4.1).
    OutOfWindow,
    /// It was received, but it is about no connection (icmpInErrors).
    NoConnection,
    /// The kernel has not counted it.
    Lost,
}

impl IcmpFate {
    /// All of them.
    pub const ALL: [IcmpFate; 4] = [
        IcmpFate::Received,
        IcmpFate::OutOfWindow,
        IcmpFate::NoConnection,
        IcmpFate::Lost,
    ];

    /// By the counters before and after it was sent.
    pub(super) fn of(before: IcmpCounters, after: IcmpCounters) -> IcmpFate {
        let new = after - before;
        if new.received == IcmpTypes::default() {
            IcmpFate::Lost
        } else if new.out_of_window > 0 {
            IcmpFate::OutOfWindow
        } else if new.in_errors > 0 {
            IcmpFate::NoConnection
        } else {
            IcmpFate::Received
        }
    }

    /// What to add to a line about it; nothing for one that was simply received.
    pub fn note(self) -> Option<&'static str> {
        match self {
            IcmpFate::Received => None,
            IcmpFate::OutOfWindow => Some("outside SND.UNA..SND.NXT"),
            IcmpFate::NoConnection => Some("about no connection"),
            IcmpFate::Lost => Some("never received"),
        }
    }
}

impl IcmpEvent {
    /// What it does to an end that has no connection yet; nothing if TCP did not take it.
    pub fn call(&self) -> Option<Call> {
        let taken = self.fate == IcmpFate::Received && self.kind.ends_an_open();
        taken.then(|| Call::Unreachable {
            passive: self.kind.ends_a_passive_open(self.family),
        })
    }

    /// `to C about seq 0, made by hand`; `relative` is the quoted number relative to its sender's ISN.
    pub fn describe(&self, relative: u32) -> String {
        let note = self.fate.note().map_or(String::new(), |note| format!(", {note}"));
        format!("to {} about seq {relative}, made by hand{note}", self.from.letter())
    }
}

impl Entry {
    /// The ICMP error that the entry is about, if it is about one.
    pub fn icmp(&self) -> Option<&IcmpEvent> {
        match self {
            Entry::Icmp(event) => Some(event),
            _ => None,
        }
    }
}
