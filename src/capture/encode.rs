//! From a segment to an IP packet: the inverse of [`decode`](super::decode()), for segments that the lab makes by hand.
//!
//! Nothing is checked: a lab must be able to send what no kernel would.

use std::net::{IpAddr, SocketAddr};

use etherparse::checksum::Sum16BitWords;
use etherparse::{
    IpDscp, IpEcn, IpFragOffset, IpNumber, Ipv4Header, Ipv4Options, Ipv6FlowLabel, Ipv6Header, TcpHeader,
};
use thiserror::Error;

use super::TcpFrame;
use crate::scenario::IcmpKind;
use crate::tcp::{Checksum, TcpOption};

/// How many routers a packet may pass; as in the bench's profile.
pub(super) const HOP_LIMIT: u8 = 64;

/// Why a segment cannot be put into a packet.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EncodeError {
    /// The options need more room than a TCP header has.
    #[error("the options take {0} bytes, but a TCP header has room for 40")]
    Options(usize),
    /// The segment is too long for an IP packet.
    #[error("a payload of {0} bytes does not fit into an IP packet")]
    Payload(usize),
    /// The IP options do not fit into an IPv4 header, or there is none.
    #[error("{0} bytes of IP options: an IPv4 header takes a multiple of 4, at most 40, and an IPv6 header none")]
    IpOptions(usize),
    /// One address is IPv4, the other IPv6.
    #[error("the addresses {source_address} and {destination} are of different families")]
    Families {
        /// Where the segment claims to come from.
        source_address: SocketAddr,
        /// Where it goes.
        destination: SocketAddr,
    },
    /// An ICMP error of the other family.
    #[error("`{0}` is no ICMP error of this address family")]
    Kind(IcmpKind),
}

impl TcpFrame {
    /// The packet from its IP header on. The checksum is right unless the frame says that it is
    /// [wrong](Checksum::Wrong). Options are followed by zeros up to a multiple of four bytes.
    ///
    /// # Errors
    /// See [`EncodeError`].
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let tcp = self.tcp_header()?;
        let length = tcp.len() + self.payload.len();
        let too_long = |_| EncodeError::Payload(self.payload.len());
        let total = u16::try_from(length).map_err(too_long)?;
        let (addresses, mut packet) = match (self.source.ip(), self.destination.ip()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                let (source, destination) = (source.octets(), destination.octets());
                let mut header = Ipv4Header::new(total, self.ip.ttl, IpNumber::TCP, source, destination)
                    .map_err(|_| EncodeError::Payload(self.payload.len()))?;
                header.options = Ipv4Options::try_from(&self.ip.options[..])
                    .map_err(|_| EncodeError::IpOptions(self.ip.options.len()))?;
                header
                    .set_payload_len(length)
                    .map_err(|_| EncodeError::Payload(self.payload.len()))?;
                header.dont_fragment = true;
                header.fragment_offset = IpFragOffset::ZERO;
                header.dscp = IpDscp::try_new(self.ip.dscp).unwrap_or_default();
                header.ecn = IpEcn::try_new(self.ip.ecn.bits()).unwrap_or_default();
                header.header_checksum = header.calc_header_checksum();
                let sum = Sum16BitWords::new().add_4bytes(source).add_4bytes(destination);
                (sum, header.to_bytes().to_vec())
            }
            (IpAddr::V6(..), IpAddr::V6(..)) if !self.ip.options.is_empty() => {
                return Err(EncodeError::IpOptions(self.ip.options.len()));
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let header = Ipv6Header {
                    traffic_class: self.ip.class(),
                    flow_label: Ipv6FlowLabel::ZERO,
                    payload_length: total,
                    next_header: IpNumber::TCP,
                    hop_limit: self.ip.ttl,
                    source: source.octets(),
                    destination: destination.octets(),
                };
                let sum = Sum16BitWords::new()
                    .add_16bytes(header.source)
                    .add_16bytes(header.destination);
                (sum, header.to_bytes().to_vec())
            }
            _ => {
                return Err(EncodeError::Families {
                    source_address: self.source,
                    destination: self.destination,
                });
            }
        };
        let start = packet.len();
        packet.extend_from_slice(&tcp);
        packet.extend_from_slice(&self.payload);
        let checksum = addresses
            .add_2bytes([0, IpNumber::TCP.0])
            .add_2bytes(total.to_be_bytes())
            .add_slice(&packet[start..])
            .ones_complement()
            .to_be();
        // A wrong sum must be neither the right one nor the pseudo-header's alone, which loopback leaves in the field.
        let checksum = if self.checksum == Checksum::Wrong {
            checksum ^ 0x5a5a
        } else {
            checksum
        };
        packet[start + 16..start + 18].copy_from_slice(&checksum.to_be_bytes());
        Ok(packet)
    }

    /// The header with options and a checksum of 0.
    fn tcp_header(&self) -> Result<Vec<u8>, EncodeError> {
        let mut options: Vec<u8> = self.options.iter().flat_map(TcpOption::encode).collect();
        options.resize(options.len().next_multiple_of(4), 0);
        let mut header = TcpHeader::new(self.source.port(), self.destination.port(), self.seq.0, self.window);
        header.acknowledgment_number = self.ack.0;
        header.urgent_pointer = self.urgent;
        header
            .set_options_raw(&options)
            .map_err(|_| EncodeError::Options(options.len()))?;
        let mut bytes = header.to_bytes().to_vec();
        // All twelve control bits, the reserved ones too.
        let [high, low] = self.flags.bits().to_be_bytes();
        let offset = self.offset.map_or(bytes[12] & 0xf0, |offset| offset << 4);
        bytes[12] = offset | high;
        bytes[13] = low;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Decoded, LinkType, decode};
    use super::*;
    use crate::tcp::{Flags, IpFields, Seq};

    fn frame() -> impl Strategy<Value = TcpFrame> {
        let numbers = (any::<u32>(), any::<u32>(), any::<u16>(), any::<u16>(), any::<u16>());
        let options = prop_oneof![
            Just(Vec::new()),
            Just(vec![TcpOption::Mss(1460), TcpOption::Nop, TcpOption::WindowScale(7)]),
            Just(vec![
                TcpOption::Nop,
                TcpOption::Nop,
                TcpOption::Timestamps { value: 7, echo: 9 }
            ]),
            Just(vec![
                TcpOption::SackPermitted,
                TcpOption::Unknown {
                    kind: 99,
                    data: vec![1, 2]
                }
            ]),
            Just(vec![
                TcpOption::Nop,
                TcpOption::Nop,
                TcpOption::Sack(vec![(Seq(1), Seq(u32::MAX))])
            ]),
        ];
        let payload = prop::collection::vec(any::<u8>(), 0..40);
        (numbers, options, payload, any::<(bool, bool)>(), any::<(u8, u8)>()).prop_map(
            |((seq, ack, flags, window, urgent), options, payload, (v6, wrong), (class, ttl))| {
                let end = |host: u8, port| {
                    let ip = if v6 {
                        IpAddr::from([0, 0, 0, 0, 0, 0, 0, host.into()])
                    } else {
                        IpAddr::from([192, 0, 2, host])
                    };
                    SocketAddr::new(ip, port)
                };
                TcpFrame {
                    source: end(2, 40001),
                    destination: end(1, 7000),
                    seq: Seq(seq),
                    ack: Seq(ack),
                    flags: Flags::from_bits_truncate(flags),
                    window,
                    urgent,
                    options,
                    len: payload.len() as u32,
                    payload,
                    checksum: if wrong { Checksum::Wrong } else { Checksum::Correct },
                    ip: IpFields {
                        options: if v6 {
                            Vec::new()
                        } else {
                            vec![1; 4 * usize::from(class & 7)]
                        },
                        ..IpFields::of_bytes(class, ttl)
                    },
                    offset: None,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn a_data_offset_that_cannot_be_right_is_told(mut frame in frame(), offset in 0..16_u8) {
            frame.options.clear();
            prop_assume!(offset < 5 || usize::from(offset) * 4 > 20 + frame.payload.len());
            frame.offset = Some(offset);
            let bytes = frame.encode().unwrap();
            prop_assert_eq!(decode(LinkType::RawIp, &bytes, bytes.len() as u32), Decoded::Tcp(Box::new(frame)));
        }

        #[test]
        fn what_is_encoded_is_decoded_again(mut frame in frame()) {
            let bytes = frame.encode().unwrap();
            let Decoded::Tcp(mut decoded) = decode(LinkType::RawIp, &bytes, bytes.len() as u32) else {
                panic!("not decoded");
            };
            // Padding decodes as the end of the list.
            for options in [&mut frame.options, &mut decoded.options] {
                options.retain(|option| *option != TcpOption::End);
            }
            prop_assert_eq!(&*decoded, &frame);
        }
    }

    #[test]
    fn options_that_do_not_fit_are_refused() {
        let options = vec![TcpOption::Timestamps { value: 1, echo: 1 }; 5];
        let local: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let frame = TcpFrame {
            source: local,
            destination: local,
            seq: Seq(0),
            ack: Seq(0),
            flags: Flags::SYN,
            window: 0,
            urgent: 0,
            options,
            len: 0,
            payload: Vec::new(),
            checksum: Checksum::Correct,
            ip: IpFields::default(),
            offset: None,
        };
        assert_eq!(frame.encode(), Err(EncodeError::Options(52)));
    }
}
