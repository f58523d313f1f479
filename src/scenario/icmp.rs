//! ICMP errors about a segment: `peer icmp host-unreachable about C > S`.
//!
//! Only errors that a TCP may get about a segment of its own (RFC 9293, section 3.9.2.2). Not modelled: echo, redirects and
//! everything else of ICMP that is about no segment.

use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

use super::{Family, Span};
use crate::tcp::Party;

/// An ICMP error that the lab makes and sends to the sender of the segment that it quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IcmpError {
    /// What it says.
    pub kind: IcmpKind,
    /// Where the kind was written.
    pub span: Span,
    /// The sender of the quoted segment, to whom the error comes.
    pub from: Party,
    /// The quoted segment's receiver.
    pub to: Party,
    /// The relative number that is quoted; `None` for that of the last segment captured in this direction.
    pub seq: Option<u32>,
    /// The largest packet that gets through, bytes; for the two kinds that say so.
    pub mtu: Option<u16>,
}

/// What an ICMP error says. Each name belongs to IPv4, to IPv6, or to both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the RFCs' own: RFC 792, RFC 1812, RFC 4443")]
pub enum IcmpKind {
    NetUnreachable,
    HostUnreachable,
    ProtocolUnreachable,
    PortUnreachable,
    FragmentationNeeded,
    SourceRouteFailed,
    AdminProhibited,
    TtlExceeded,
    ReassemblyTimeout,
    ParameterProblem,
    SourceQuench,
    NoRoute,
    AddressUnreachable,
    PacketTooBig,
    HopLimitExceeded,
}

/// How RFC 9293 sorts an error (section 3.9.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It must not end the connection (MUST-56).
    Soft,
    /// It should end the connection (SHLD-26).
    Hard,
}

impl IcmpKind {
    /// All kinds with their spelling.
    pub const NAMES: [(&'static str, IcmpKind); 15] = [
        ("net-unreachable", IcmpKind::NetUnreachable),
        ("host-unreachable", IcmpKind::HostUnreachable),
        ("protocol-unreachable", IcmpKind::ProtocolUnreachable),
        ("port-unreachable", IcmpKind::PortUnreachable),
        ("fragmentation-needed", IcmpKind::FragmentationNeeded),
        ("source-route-failed", IcmpKind::SourceRouteFailed),
        ("admin-prohibited", IcmpKind::AdminProhibited),
        ("ttl-exceeded", IcmpKind::TtlExceeded),
        ("reassembly-timeout", IcmpKind::ReassemblyTimeout),
        ("parameter-problem", IcmpKind::ParameterProblem),
        ("source-quench", IcmpKind::SourceQuench),
        ("no-route", IcmpKind::NoRoute),
        ("address-unreachable", IcmpKind::AddressUnreachable),
        ("packet-too-big", IcmpKind::PacketTooBig),
        ("hop-limit-exceeded", IcmpKind::HopLimitExceeded),
    ];

    /// The spelling in scenario files.
    pub fn name(self) -> &'static str {
        let known = IcmpKind::NAMES.iter().find(|(_, kind)| *kind == self);
        known.map_or("", |(name, _)| name)
    }

    /// Type and code in the ICMP header; `None` for a kind of the other family (RFC 792, RFC 1812 section 5.2.7.1,
    /// RFC 4443).
    pub fn numbers(self, family: Family) -> Option<(u8, u8)> {
        use IcmpKind::*;
        Some(match (family, self) {
            (Family::Ipv4, NetUnreachable) => (3, 0),
            (Family::Ipv4, HostUnreachable) => (3, 1),
            (Family::Ipv4, ProtocolUnreachable) => (3, 2),
            (Family::Ipv4, PortUnreachable) => (3, 3),
            (Family::Ipv4, FragmentationNeeded) => (3, 4),
            (Family::Ipv4, SourceRouteFailed) => (3, 5),
            (Family::Ipv4, AdminProhibited) => (3, 13),
            (Family::Ipv4, SourceQuench) => (4, 0),
            (Family::Ipv4, TtlExceeded) => (11, 0),
            (Family::Ipv4, ReassemblyTimeout) => (11, 1),
            (Family::Ipv4, ParameterProblem) => (12, 0),
            (Family::Ipv6, NoRoute) => (1, 0),
            (Family::Ipv6, AdminProhibited) => (1, 1),
            (Family::Ipv6, AddressUnreachable) => (1, 3),
            (Family::Ipv6, PortUnreachable) => (1, 4),
            (Family::Ipv6, PacketTooBig) => (2, 0),
            (Family::Ipv6, HopLimitExceeded) => (3, 0),
            (Family::Ipv6, ParameterProblem) => (4, 0),
            _ => return None,
        })
    }

    /// The kind that says the same in the other family, if there is one.
    pub fn counterpart(self) -> Option<IcmpKind> {
        use IcmpKind::*;
        Some(match self {
            NetUnreachable => NoRoute,
            HostUnreachable => AddressUnreachable,
            FragmentationNeeded => PacketTooBig,
            TtlExceeded => HopLimitExceeded,
            // Who does not know the protocol says so by a parameter problem (RFC 8200, section 4).
            ProtocolUnreachable => ParameterProblem,
            NoRoute => NetUnreachable,
            AddressUnreachable => HostUnreachable,
            PacketTooBig => FragmentationNeeded,
            HopLimitExceeded => TtlExceeded,
            PortUnreachable | AdminProhibited | ParameterProblem | SourceRouteFailed | ReassemblyTimeout
            | SourceQuench => return None,
        })
    }

    /// Whether it tells the largest packet that gets through.
    pub fn has_mtu(self) -> bool {
        matches!(self, IcmpKind::FragmentationNeeded | IcmpKind::PacketTooBig)
    }

    /// How RFC 9293 sorts it; `None` for what it does not sort: path MTU discovery, source quench, and what a filter
    /// prohibits.
    pub fn severity(self) -> Option<Severity> {
        use IcmpKind::*;
        match self {
            NetUnreachable | HostUnreachable | SourceRouteFailed | TtlExceeded | ReassemblyTimeout
            | ParameterProblem | NoRoute | AddressUnreachable | HopLimitExceeded => Some(Severity::Soft),
            ProtocolUnreachable | PortUnreachable => Some(Severity::Hard),
            FragmentationNeeded | PacketTooBig | SourceQuench | AdminProhibited => None,
        }
    }

    /// Whether Linux gives up an active open because of it: hard or soft, as RFC 5461 section 3.2 found it
    /// everywhere. It passes a reassembly timeout on to nobody.
    pub fn ends_an_open(self) -> bool {
        use IcmpKind::*;
        !matches!(
            self,
            FragmentationNeeded | PacketTooBig | SourceQuench | ReassemblyTimeout
        )
    }

    /// Whether Linux gives up an open in SYN-RECEIVED that came from a listener because of it: over IPv4 the soft ones, over
    /// IPv6 those that it calls fatal (measured on Linux 6.18).
    pub fn ends_a_passive_open(self, family: Family) -> bool {
        use IcmpKind::*;
        match family {
            Family::Ipv4 => matches!(self, NetUnreachable | HostUnreachable | TtlExceeded | ParameterProblem),
            Family::Ipv6 => matches!(self, AdminProhibited | PortUnreachable | ParameterProblem),
        }
    }
}

impl Display for IcmpKind {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}
