//! The control bits of a segment, raw: a lab must be able to report SYN|FIN.

use std::fmt;

use serde::{Deserialize, Serialize};

bitflags::bitflags! {
    /// The control bits and the reserved bits, as bits 12 to 0 of header bytes 13 and 14 (RFC 9293, section 3.1; AE from
    /// RFC 9768, the former nonce-sum bit).
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
    #[serde(transparent)]
    pub struct Flags: u16 {
        /// No more data from the sender.
        const FIN = 0x001;
        /// Synchronize sequence numbers.
        const SYN = 0x002;
        /// Reset the connection.
        const RST = 0x004;
        /// Push: hand what has arrived to the application.
        const PSH = 0x008;
        /// The acknowledgment field is significant.
        const ACK = 0x010;
        /// The urgent pointer is significant.
        const URG = 0x020;
        /// ECN echo (RFC 3168).
        const ECE = 0x040;
        /// Congestion window reduced (RFC 3168).
        const CWR = 0x080;
        /// Accurate ECN (RFC 9768).
        const AE  = 0x100;
        /// Reserved bit, next to AE.
        const R1  = 0x200;
        /// Reserved bit.
        const R2  = 0x400;
        /// Reserved bit, next to the data offset.
        const R3  = 0x800;
    }
}

impl Flags {
    /// The reserved bits: zero in every segment sent (RFC 9293, section 3.1).
    pub const RESERVED: Flags = Flags::R1.union(Flags::R2).union(Flags::R3);

    /// All names in the order in which they are written: `SYN` before `ACK` before `CWR`.
    pub const NAMES: [(&'static str, Flags); 12] = [
        ("SYN", Flags::SYN),
        ("FIN", Flags::FIN),
        ("RST", Flags::RST),
        ("PSH", Flags::PSH),
        ("URG", Flags::URG),
        ("ACK", Flags::ACK),
        ("ECE", Flags::ECE),
        ("CWR", Flags::CWR),
        ("AE", Flags::AE),
        ("R1", Flags::R1),
        ("R2", Flags::R2),
        ("R3", Flags::R3),
    ];

    /// The flag of this name; upper case only, as everywhere in the lab.
    pub fn by_name(name: &str) -> Option<Flags> {
        Flags::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, flag)| *flag)
    }
}

/// The set names, separated by blanks, in the order of [`Flags::NAMES`]; `none` for no flag at all.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.pad("none");
        }
        let names: Vec<&str> = Flags::NAMES
            .iter()
            .filter(|(_, flag)| self.contains(*flag))
            .map(|(name, _)| *name)
            .collect();
        f.pad(&names.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn written_flags_read_back(bits: u16) {
            let flags = Flags::from_bits_truncate(bits);
            let read: Option<Flags> = match flags.to_string().as_str() {
                "none" => Some(Flags::empty()),
                names => names.split(' ').map(Flags::by_name).collect(),
            };
            prop_assert_eq!(read, Some(flags));
        }
    }

    #[test]
    fn flags_are_written_in_the_order_of_the_handshake() {
        assert_eq!((Flags::ACK | Flags::SYN).to_string(), "SYN ACK");
        assert_eq!((Flags::ACK | Flags::PSH | Flags::FIN).to_string(), "FIN PSH ACK");
        assert_eq!(Flags::by_name("syn"), None);
    }
}
