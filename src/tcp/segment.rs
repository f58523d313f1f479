//! One captured segment.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{Flags, IpFields, Party, Seq, TcpOption};

/// Nanoseconds since the run began (the moment in which the capture was active).
pub type Nanos = u64;

/// What the checksum field of a captured segment holds.
///
/// Loopback never computes TCP checksums: the kernel leaves the sum over the pseudo-header in the field, for
/// hardware that does not exist. That is a known value, so it can be told from a wrong one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checksum {
    /// The full checksum, and it is right.
    Correct,
    /// The pseudo-header's partial sum, as loopback leaves it.
    Offloaded,
    /// Neither: the segment is damaged.
    Wrong,
    /// The capture cut the segment short.
    Unknown,
}

/// Who made a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The kernel, for one of its sockets.
    #[default]
    Kernel,
    /// The lab, in the name of an end that knows nothing of it: a third party, or a ghost of an earlier connection.
    Spoofed,
    /// The lab, for an end that has no kernel socket: all that this end sends is made by hand.
    FakeEnd,
}

/// Two addresses with their ports: together they name a connection (RFC 9293, section 3.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SocketPair {
    /// The sender's address and port.
    pub source: SocketAddr,
    /// The receiver's address and port.
    pub destination: SocketAddr,
}

impl SocketPair {
    /// The same connection, seen from the other end.
    pub fn reversed(self) -> SocketPair {
        SocketPair {
            source: self.destination,
            destination: self.source,
        }
    }
}

/// One TCP segment as it was on the wire, with absolute numbers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Segment {
    /// When the kernel captured it.
    pub at: Nanos,
    /// Who sent it.
    pub from: Party,
    /// Who it is addressed to; equal to `from` when a socket is connected to itself.
    pub to: Party,
    /// SEG.SEQ.
    pub seq: Seq,
    /// SEG.ACK; without meaning unless [`Flags::ACK`] is set.
    pub ack: Seq,
    /// All control bits, the reserved ones included.
    pub flags: Flags,
    /// SEG.WND as in the header, not scaled.
    pub window: u16,
    /// The urgent pointer as in the header.
    pub urgent: u16,
    /// The options in header order.
    pub options: Vec<TcpOption>,
    /// Payload length by the IP header, bytes, even where the capture cut the payload short.
    pub len: u32,
    /// The payload as far as it was captured.
    #[serde(with = "super::bytes")]
    pub payload: Vec<u8>,
    /// The checksum field.
    pub checksum: Checksum,
    /// Who made it, by the lab's own log of what it sent.
    #[serde(default)]
    pub origin: Origin,
    /// What its IP header says.
    #[serde(default)]
    pub ip: IpFields,
    /// The data offset as in the header, 32-bit words, where it cannot be right: less than the header's fixed part, or
    /// beyond the end of the segment. Then all that follows the fixed part counts as payload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u8>,
    /// The addresses and ports between which it went; `None` in recordings that did not keep them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sockets: Option<SocketPair>,
}

impl Segment {
    /// SEG.LEN: payload bytes, plus one for SYN and one for FIN (RFC 9293, section 3.4).
    pub fn sequence_len(&self) -> u32 {
        // A damaged recording can claim any length.
        self.len
            .wrapping_add(u32::from(self.flags.contains(Flags::SYN)))
            .wrapping_add(u32::from(self.flags.contains(Flags::FIN)))
    }

    /// Whether the lab made the segment, not the kernel.
    pub fn is_injected(&self) -> bool {
        self.origin != Origin::Kernel
    }

    /// Whether its receiver takes notice of it: one that the lab made with a wrong checksum (MUST-3), or with a data offset
    /// that cannot be right, is dropped in silence.
    pub fn is_intact(&self) -> bool {
        !(self.is_injected() && (self.checksum == Checksum::Wrong || self.offset.is_some()))
    }

    /// The number after the last one that the segment occupies: what a receiver acknowledges.
    pub fn end(&self) -> Seq {
        self.seq + self.sequence_len()
    }
}
