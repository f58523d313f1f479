//! TCP options (RFC 9293, section 3.2, and the RFCs that define the others).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Seq;

/// One option of a segment, in the order of the header.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TcpOption {
    /// Kind 0: end of the option list.
    End,
    /// Kind 1: one byte of padding.
    Nop,
    /// Kind 2: maximum segment size, bytes.
    Mss(u16),
    /// Kind 3: window scale, the number of bits to shift (RFC 7323).
    WindowScale(u8),
    /// Kind 4: selective acknowledgments are welcome (RFC 2018).
    SackPermitted,
    /// Kind 5: blocks received beyond the acknowledgment, as absolute [left, right) edges (RFC 2018, RFC 2883).
    Sack(Vec<(Seq, Seq)>),
    /// Kind 8: timestamps (RFC 7323).
    Timestamps {
        /// TSval: the sender's clock.
        value: u32,
        /// TSecr: the echo of the peer's clock.
        echo: u32,
    },
    /// Kind 34: fast open cookie; empty when one is requested (RFC 7413).
    FastOpen(Vec<u8>),
    /// Any other kind, with its data.
    Unknown {
        /// The option's kind.
        kind: u8,
        /// What follows kind and length.
        data: Vec<u8>,
    },
    /// The rest of the option area, which cannot be decoded: a length of 0 or 1, or one that runs over the end.
    Malformed(Vec<u8>),
}

/// The tcpdump-like spelling with absolute numbers: `mss 1460`, `wscale 7`, `sack_ok`, `ts 1 2`, `nop`, `sack 1:5`.
impl fmt::Display for TcpOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TcpOption::End => f.write_str("eol"),
            TcpOption::Nop => f.write_str("nop"),
            TcpOption::Mss(size) => write!(f, "mss {size}"),
            TcpOption::WindowScale(shift) => write!(f, "wscale {shift}"),
            TcpOption::SackPermitted => f.write_str("sack_ok"),
            TcpOption::Sack(blocks) => {
                f.write_str("sack")?;
                blocks.iter().try_for_each(|(left, right)| write!(f, " {left}:{right}"))
            }
            TcpOption::Timestamps { value, echo } => write!(f, "ts {value} {echo}"),
            TcpOption::FastOpen(cookie) => write!(f, "tfo {}", hex(cookie)),
            TcpOption::Unknown { kind, data } => write!(f, "kind {kind} {}", hex(data)),
            TcpOption::Malformed(bytes) => write!(f, "malformed {}", hex(bytes)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
