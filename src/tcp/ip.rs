//! What the IP header of a segment says that its TCP, or whoever watches it, may care about.
//!
//! Not modelled: addresses (see [`Party`](super::Party)), fragments, flow labels, extension headers of IPv6.

use serde::{Deserialize, Serialize};

/// The fields of the IP header, of either version, that a scenario can name. What is ordinary is the default: DSCP 0, not
/// ECN-capable, TTL 64, no options.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub struct IpFields {
    /// The Differentiated Services code point, 0 to 63: the upper six bits of the TOS byte or traffic class (RFC 2474).
    pub dscp: u8,
    /// The lower two bits of that byte.
    pub ecn: Ecn,
    /// How many more routers may pass it on: TTL, or hop limit in IPv6.
    pub ttl: u8,
    /// The options of an IPv4 header, as they stand there; a multiple of four bytes, at most 40.
    #[serde(with = "super::bytes", skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<u8>,
}

impl Default for IpFields {
    fn default() -> IpFields {
        IpFields {
            dscp: 0,
            ecn: Ecn::NotEct,
            ttl: 64,
            options: Vec::new(),
        }
    }
}

impl IpFields {
    /// The largest DSCP.
    pub const MAX_DSCP: u8 = 63;

    /// From the TOS byte or traffic class, and TTL or hop limit.
    pub fn of_bytes(class: u8, ttl: u8) -> IpFields {
        IpFields {
            dscp: class >> 2,
            ecn: Ecn::of_bits(class),
            ttl,
            options: Vec::new(),
        }
    }

    /// The TOS byte or traffic class.
    pub fn class(&self) -> u8 {
        self.dscp << 2 | self.ecn.bits()
    }

    /// What is not ordinary, as a scenario writes it: `dscp 46`, `ecn ce`, `ttl 7`, `ip-options hex 01010100`.
    pub fn out_of_the_ordinary(&self) -> Vec<String> {
        let ordinary = IpFields::default();
        let options: String = self.options.iter().map(|byte| format!("{byte:02x}")).collect();
        let parts = [
            (self.dscp != ordinary.dscp).then(|| format!("dscp {}", self.dscp)),
            (self.ecn != ordinary.ecn).then(|| format!("ecn {}", self.ecn)),
            (self.ttl != ordinary.ttl).then(|| format!("ttl {}", self.ttl)),
            (!options.is_empty()).then(|| format!("ip-options hex {options}")),
        ];
        parts.into_iter().flatten().collect()
    }
}

/// The ECN codepoint (RFC 3168, section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ecn {
    /// The sender's transport does not know ECN: a congested router drops the packet.
    #[default]
    NotEct,
    /// ECN-capable transport, codepoint 01.
    Ect1,
    /// ECN-capable transport, codepoint 10: what TCP uses.
    Ect0,
    /// Congestion experienced: a router has marked the packet.
    Ce,
}

impl Ecn {
    /// All codepoints, by their bits.
    pub const ALL: [Ecn; 4] = [Ecn::NotEct, Ecn::Ect1, Ecn::Ect0, Ecn::Ce];

    /// The codepoint in the lower two bits of the byte.
    pub fn of_bits(byte: u8) -> Ecn {
        Ecn::ALL[usize::from(byte & 3)]
    }

    /// Its two bits.
    pub fn bits(self) -> u8 {
        self as u8
    }

    /// The spelling in scenario files.
    pub fn name(self) -> &'static str {
        match self {
            Ecn::NotEct => "not-ect",
            Ecn::Ect1 => "ect1",
            Ecn::Ect0 => "ect0",
            Ecn::Ce => "ce",
        }
    }

    /// Whether a router that is congested may mark the packet in place of dropping it.
    pub fn can_be_marked(self) -> bool {
        matches!(self, Ecn::Ect0 | Ecn::Ect1)
    }
}

impl std::fmt::Display for Ecn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_byte_is_a_dscp_and_a_codepoint() {
        for class in 0..=u8::MAX {
            let ip = IpFields::of_bytes(class, 64);
            assert_eq!(ip.class(), class);
            assert!(ip.dscp <= IpFields::MAX_DSCP);
        }
        assert_eq!(IpFields::of_bytes(0xb8, 64).dscp, 46, "expedited forwarding");
    }

    #[test]
    fn only_what_is_not_ordinary_is_told() {
        assert!(IpFields::default().out_of_the_ordinary().is_empty());
        let odd = IpFields {
            options: vec![1, 1, 1, 0],
            ..IpFields::of_bytes(0xbb, 7)
        };
        let told = ["dscp 46", "ecn ce", "ttl 7", "ip-options hex 01010100"];
        assert_eq!(odd.out_of_the_ordinary(), told);
    }

    #[test]
    fn an_old_recording_without_these_fields_is_ordinary() {
        assert_eq!(serde_json::from_str::<IpFields>("{}").unwrap(), IpFields::default());
    }
}
