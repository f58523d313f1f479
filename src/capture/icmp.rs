//! ICMP errors that the lab makes: a packet that quotes the beginning of another one (RFC 792, RFC 4443).

use std::net::IpAddr;

use etherparse::PacketBuilder;

use super::TcpFrame;
use super::encode::{EncodeError, HOP_LIMIT};
use crate::scenario::{Family, IcmpKind};

impl TcpFrame {
    /// The packet of an ICMP error about this segment, from its IP header on. It comes from the segment's receiver and
    /// quotes IP and TCP header whole, and no payload: eight bytes of TCP are enough for its ports and its number.
    /// `mtu` is told by the kinds that have room for it.
    ///
    /// # Errors
    /// See [`EncodeError`]; a kind of the other family is one of [`EncodeError::Kind`].
    pub fn encode_icmp_about(&self, kind: IcmpKind, mtu: Option<u16>) -> Result<Vec<u8>, EncodeError> {
        let packet = self.encode()?;
        // The IP header still tells the length of the whole packet, as in any quotation.
        let quoted = &packet[..packet.len() - self.payload.len()];
        let family = match self.source.ip() {
            IpAddr::V4(_) => Family::Ipv4,
            IpAddr::V6(_) => Family::Ipv6,
        };
        let (icmp_type, code) = kind.numbers(family).ok_or(EncodeError::Kind(kind))?;
        // IPv4 has 16 bits for the MTU behind 16 of zeros (RFC 1191, section 4), IPv6 all 32 (RFC 4443, section 3.2).
        let rest = u32::from(mtu.unwrap_or_default()).to_be_bytes();
        let mut icmp = Vec::new();
        let written = match (self.destination.ip(), self.source.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => PacketBuilder::ipv4(from.octets(), to.octets(), HOP_LIMIT)
                .icmpv4_raw(icmp_type, code, rest)
                .write(&mut icmp, quoted),
            (IpAddr::V6(from), IpAddr::V6(to)) => PacketBuilder::ipv6(from.octets(), to.octets(), HOP_LIMIT)
                .icmpv6_raw(icmp_type, code, rest)
                .write(&mut icmp, quoted),
            // Two families were refused above.
            _ => return Err(EncodeError::Kind(kind)),
        };
        written.map_err(|_| EncodeError::Payload(quoted.len()))?;
        Ok(icmp)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use etherparse::checksum::Sum16BitWords;
    use etherparse::{LaxSlicedPacket, TransportSlice};

    use super::super::{Decoded, LinkType, decode};
    use super::*;
    use crate::tcp::{Checksum, Flags, IpFields, Seq};

    fn frame(family: Family) -> TcpFrame {
        let end = |port| match family {
            Family::Ipv4 => SocketAddr::from(([127, 0, 0, 1], port)),
            Family::Ipv6 => SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port)),
        };
        TcpFrame {
            source: end(40001),
            destination: end(7000),
            seq: Seq(0x0102_0304),
            ack: Seq(1),
            flags: Flags::ACK,
            window: 1,
            urgent: 0,
            options: Vec::new(),
            len: 100,
            payload: vec![b'x'; 100],
            checksum: Checksum::Correct,
            ip: IpFields::default(),
            offset: None,
        }
    }

    #[test]
    fn every_kind_of_a_family_has_its_numbers_a_right_checksum_and_quotes_the_segment() {
        for family in [Family::Ipv4, Family::Ipv6] {
            for (name, kind) in IcmpKind::NAMES {
                let packet = frame(family).encode_icmp_about(kind, Some(1400));
                let Some(numbers) = kind.numbers(family) else {
                    assert_eq!(packet, Err(EncodeError::Kind(kind)), "{name}");
                    continue;
                };
                let packet = packet.unwrap();
                let sliced = LaxSlicedPacket::from_ip(&packet).unwrap();
                let (found, ok, rest, quoted) = match sliced.transport {
                    Some(TransportSlice::Icmpv4(icmp)) => {
                        let sum = Sum16BitWords::new().add_slice(icmp.slice()).ones_complement();
                        (
                            (icmp.type_u8(), icmp.code_u8()),
                            // Over a message with a right checksum the complemented sum is 0.
                            sum == 0,
                            icmp.bytes5to8(),
                            icmp.payload(),
                        )
                    }
                    Some(TransportSlice::Icmpv6(icmp)) => {
                        let local = std::net::Ipv6Addr::LOCALHOST.octets();
                        let ok = icmp.is_checksum_valid(local, local);
                        ((icmp.type_u8(), icmp.code_u8()), ok, icmp.bytes5to8(), icmp.payload())
                    }
                    _ => panic!("{name} is not ICMP"),
                };
                assert_eq!((found, ok, rest), (numbers, true, [0, 0, 0x05, 0x78]), "{name}");
                let ip = if family == Family::Ipv4 { 20 } else { 40 };
                assert_eq!(quoted.len(), ip + 20, "{name}");
                assert_eq!(quoted[ip + 4..ip + 8], [1, 2, 3, 4], "{name}: the number");
                assert_eq!(decode(LinkType::RawIp, &packet, packet.len() as u32), Decoded::Icmp);
            }
        }
    }
}
