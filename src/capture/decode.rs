//! From a captured frame to a TCP segment.
//!
//! Frames may be cut short by the capture; lengths come from the IP header. Panic contract: [`decode`] never panics, for
//! no bytes whatever, and says of a frame it cannot read where it stopped.
//!
//! Not modelled: reassembly of IP fragments, tunnels, IPsec, jumbograms.

use std::net::{IpAddr, SocketAddr};

use etherparse::checksum::Sum16BitWords;
use etherparse::{EtherType, IpNumber, LaxNetSlice, LaxSlicedPacket, LenSource, TcpSlice, TransportSlice};

use crate::tcp::{Checksum, Flags, IpFields, Nanos, Origin, Party, Segment, Seq, SocketPair, TcpOption};

/// What a frame begins with: the link types of pcap files (<https://www.tcpdump.org/linktypes.html>) that carry loopback
/// traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// BSD loopback: four bytes of address family, then IP.
    Null,
    /// Ethernet; Linux's `lo` too.
    Ethernet,
    /// IP without anything before it.
    RawIp,
    /// Linux "cooked" capture, as of the `any` device: 16 bytes.
    LinuxSll,
    /// Its second version: 20 bytes.
    LinuxSll2,
}

impl LinkType {
    /// The link type of this number; `None` for one that is not decoded.
    pub fn by_code(code: i32) -> Option<LinkType> {
        Some(match code {
            0 => LinkType::Null,
            1 => LinkType::Ethernet,
            // libpcap's own number on most systems, and the number in files.
            12 | 101 => LinkType::RawIp,
            113 => LinkType::LinuxSll,
            276 => LinkType::LinuxSll2,
            _ => return None,
        })
    }

    /// The number that stands for it in a pcap file.
    pub fn code(self) -> i32 {
        match self {
            LinkType::Null => 0,
            LinkType::Ethernet => 1,
            LinkType::RawIp => 101,
            LinkType::LinuxSll => 113,
            LinkType::LinuxSll2 => 276,
        }
    }
}

/// What a frame holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded {
    /// A TCP segment.
    Tcp(Box<TcpFrame>),
    /// An ICMP or ICMPv6 message.
    Icmp,
    /// Something else: UDP, ARP, …
    Other,
    /// A frame whose headers cannot be read.
    Damaged {
        /// The header in question: `Ethernet`, `IP`, `TCP`, …
        layer: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A TCP segment with the addresses it travelled between.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields from `seq` on are those of `Segment`")]
pub struct TcpFrame {
    /// The sender's address and port.
    pub source: SocketAddr,
    /// The receiver's address and port.
    pub destination: SocketAddr,
    pub seq: Seq,
    pub ack: Seq,
    pub flags: Flags,
    pub window: u16,
    pub urgent: u16,
    pub options: Vec<TcpOption>,
    pub len: u32,
    pub payload: Vec<u8>,
    pub checksum: Checksum,
    pub ip: IpFields,
    pub offset: Option<u8>,
}

impl TcpFrame {
    /// The frame that would carry this segment between these addresses.
    pub fn of_segment(segment: &Segment, source: SocketAddr, destination: SocketAddr) -> TcpFrame {
        TcpFrame {
            source,
            destination,
            seq: segment.seq,
            ack: segment.ack,
            flags: segment.flags,
            window: segment.window,
            urgent: segment.urgent,
            options: segment.options.clone(),
            len: segment.len,
            payload: segment.payload.clone(),
            checksum: segment.checksum,
            ip: segment.ip.clone(),
            offset: segment.offset,
        }
    }

    /// The segment, once it is known when it was captured and who its ends are.
    pub fn into_segment(self, at: Nanos, from: Party, to: Party) -> Segment {
        Segment {
            at,
            from,
            to,
            seq: self.seq,
            ack: self.ack,
            flags: self.flags,
            window: self.window,
            urgent: self.urgent,
            options: self.options,
            len: self.len,
            payload: self.payload,
            checksum: self.checksum,
            origin: Origin::Kernel,
            ip: self.ip,
            offset: self.offset,
            sockets: Some(SocketPair {
                source: self.source,
                destination: self.destination,
            }),
        }
    }
}

/// Decodes one frame. `original_len` is its length on the wire, in bytes, of which `bytes` may be only the beginning.
pub fn decode(link: LinkType, bytes: &[u8], original_len: u32) -> Decoded {
    let packet = match slice(link, bytes) {
        Ok(packet) => packet,
        Err(outcome) => return outcome,
    };
    match (&packet.net, &packet.transport, &packet.stop_err) {
        (Some(net), Some(TransportSlice::Tcp(tcp)), _) => {
            let cut = bytes.len() < usize::try_from(original_len).unwrap_or(usize::MAX);
            segment(net, tcp, bytes.len(), original_len, cut).unwrap_or_else(|reason| damaged("IP", reason))
        }
        (_, Some(TransportSlice::Icmpv4(_) | TransportSlice::Icmpv6(_)), _) => Decoded::Icmp,
        (_, Some(_), _) => Decoded::Other,
        (Some(net), None, _) if net.ip_payload_ref().is_some_and(|payload| payload.fragmented) => {
            match net.ip_payload_ref().map(|payload| payload.ip_number) {
                Some(IpNumber::TCP) => damaged("IP", "a fragment, which holds only a part of a segment"),
                _ => Decoded::Other,
            }
        }
        (net, None, Some((error, layer))) => net
            .as_ref()
            .filter(|_| bytes.len() as u64 == u64::from(original_len))
            .and_then(|net| impossible_offset(net, bytes.len(), original_len))
            .unwrap_or_else(|| damaged(&layer.to_string(), error.to_string())),
        (_, None, None) => Decoded::Other,
    }
}

/// Finds the headers behind the link's own.
fn slice(link: LinkType, bytes: &[u8]) -> Result<LaxSlicedPacket<'_>, Decoded> {
    let cooked = |at: usize, header: usize| match (bytes.get(at..at + 2), bytes.get(header..)) {
        (Some(&[high, low]), Some(payload)) => Ok(LaxSlicedPacket::from_ether_type(
            EtherType(u16::from_be_bytes([high, low])),
            payload,
        )),
        _ => Err(damaged(
            "cooked capture",
            format!("{} bytes are too few for a header of {header}", bytes.len()),
        )),
    };
    let ip = |bytes| LaxSlicedPacket::from_ip(bytes).map_err(|error| damaged("IP", error.to_string()));
    match link {
        LinkType::Ethernet => {
            LaxSlicedPacket::from_ethernet(bytes).map_err(|error| damaged("Ethernet", error.to_string()))
        }
        LinkType::LinuxSll => cooked(14, 16),
        LinkType::LinuxSll2 => cooked(0, 20),
        LinkType::RawIp => ip(bytes),
        // The family is written in the byte order of whoever captured; the IP version says the same.
        LinkType::Null => match bytes.get(4..) {
            Some(payload) => ip(payload),
            None => Err(damaged(
                "loopback",
                format!("{} bytes are too few for a header of 4", bytes.len()),
            )),
        },
    }
}

fn damaged(layer: &str, reason: impl Into<String>) -> Decoded {
    Decoded::Damaged {
        layer: layer.to_owned(),
        reason: reason.into(),
    }
}

fn segment(
    net: &LaxNetSlice<'_>,
    tcp: &TcpSlice<'_>,
    captured: usize,
    original_len: u32,
    cut: bool,
) -> Result<Decoded, String> {
    let (source, destination) = addresses(net).ok_or("TCP that is not carried by IP")?;
    let length = tcp_length(net, captured, original_len)?;
    let header = u32::try_from(tcp.header_slice().len()).map_err(|error| error.to_string())?;
    let len = length
        .checked_sub(header)
        .ok_or_else(|| format!("its length leaves {length} bytes to a TCP header of {header}"))?;
    let complete = tcp.payload().len() as u64 == u64::from(len);
    if !complete && !cut {
        return Err(format!(
            "it promises {len} bytes of TCP payload, but the frame ends after {}",
            tcp.payload().len()
        ));
    }
    let [.., high, low] = tcp.header_slice()[..14] else {
        return Err("a TCP header of less than 14 bytes".to_owned());
    };
    Ok(Decoded::Tcp(Box::new(TcpFrame {
        source: SocketAddr::new(source, tcp.source_port()),
        destination: SocketAddr::new(destination, tcp.destination_port()),
        seq: Seq(tcp.sequence_number()),
        ack: Seq(tcp.acknowledgment_number()),
        flags: Flags::from_bits_truncate(u16::from_be_bytes([high & 0x0f, low])),
        window: tcp.window_size(),
        urgent: tcp.urgent_pointer(),
        options: TcpOption::decode(tcp.options()),
        len,
        payload: tcp.payload().to_vec(),
        checksum: if complete {
            checksum(tcp.slice(), source, destination)
        } else {
            Checksum::Unknown
        },
        ip: ip_fields(net),
        offset: None,
    })))
}

/// A segment whose data offset cannot be right: it is less than the fixed part of the header, or leads beyond the end. Only
/// the fixed part can be read then.
fn impossible_offset(net: &LaxNetSlice<'_>, captured: usize, original_len: u32) -> Option<Decoded> {
    let payload = net.ip_payload_ref().filter(|ip| ip.ip_number == IpNumber::TCP)?;
    let length = tcp_length(net, captured, original_len).ok()?;
    let bytes = payload.payload.get(..usize::try_from(length).ok()?)?;
    let (fixed, rest) = bytes.split_first_chunk::<20>()?;
    let offset = fixed[12] >> 4;
    if offset >= 5 && usize::from(offset) * 4 <= bytes.len() {
        return None;
    }
    let (source, destination) = addresses(net)?;
    let short = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
    let long = |at: usize| u32::from(short(at)) << 16 | u32::from(short(at + 2));
    Some(Decoded::Tcp(Box::new(TcpFrame {
        source: SocketAddr::new(source, short(0)),
        destination: SocketAddr::new(destination, short(2)),
        seq: Seq(long(4)),
        ack: Seq(long(8)),
        flags: Flags::from_bits_truncate(short(12) & 0x0fff),
        window: short(14),
        urgent: short(18),
        options: Vec::new(),
        len: u32::try_from(rest.len()).ok()?,
        payload: rest.to_vec(),
        checksum: checksum(bytes, source, destination),
        ip: ip_fields(net),
        offset: Some(offset),
    })))
}

/// What the IP header says.
fn ip_fields(net: &LaxNetSlice<'_>) -> IpFields {
    match net {
        LaxNetSlice::Ipv4(ip) => {
            let header = ip.header();
            IpFields {
                options: header.options().to_vec(),
                ..IpFields::of_bytes(header.slice()[1], header.ttl())
            }
        }
        LaxNetSlice::Ipv6(ip) => IpFields::of_bytes(ip.header().traffic_class(), ip.header().hop_limit()),
        LaxNetSlice::Arp(_) => IpFields::default(),
    }
}

fn addresses(net: &LaxNetSlice<'_>) -> Option<(IpAddr, IpAddr)> {
    match net {
        LaxNetSlice::Ipv4(ip) => Some((ip.header().source_addr().into(), ip.header().destination_addr().into())),
        LaxNetSlice::Ipv6(ip) => Some((ip.header().source_addr().into(), ip.header().destination_addr().into())),
        LaxNetSlice::Arp(_) => None,
    }
}

/// How long header and payload of the segment are, by the IP header. Where that says 0, as the kernel's own packets of
/// more than 64 KiB do, the frame's length counts.
fn tcp_length(net: &LaxNetSlice<'_>, captured: usize, original_len: u32) -> Result<u32, String> {
    let payload = net.ip_payload_ref().ok_or("TCP that is not carried by IP")?;
    let (total, headers) = match net {
        LaxNetSlice::Ipv4(ip) => (
            ip.header().total_len(),
            ip.header().slice().len() + ip.extensions().auth.as_ref().map_or(0, |auth| auth.slice().len()),
        ),
        LaxNetSlice::Ipv6(ip) => (ip.header().payload_length(), ip.extensions().slice().len()),
        LaxNetSlice::Arp(_) => (0, 0),
    };
    if total == 0 && payload.len_source == LenSource::Slice {
        let before = captured - payload.payload.len();
        return u32::try_from(before)
            .ok()
            .and_then(|before| original_len.checked_sub(before))
            .ok_or_else(|| format!("a frame of {original_len} bytes with {before} bytes of headers"));
    }
    usize::from(total)
        .checked_sub(headers)
        .and_then(|length| u32::try_from(length).ok())
        .ok_or_else(|| format!("a length of {total} with {headers} bytes of headers"))
}

/// What the checksum field of a complete segment holds: the checksum, or the sum over the pseudo-header alone, folded
/// but not complemented, as Linux leaves it for hardware to complete (`CHECKSUM_PARTIAL`).
fn checksum(tcp: &[u8], source: IpAddr, destination: IpAddr) -> Checksum {
    let (Ok(length), Some(&[high, low])) = (u32::try_from(tcp.len()), tcp.get(16..18)) else {
        return Checksum::Unknown;
    };
    let addresses = Sum16BitWords::new();
    let pseudo = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => addresses
            .clone()
            .add_4bytes(source.octets())
            .add_4bytes(destination.octets()),
        (IpAddr::V6(source), IpAddr::V6(destination)) => addresses
            .clone()
            .add_16bytes(source.octets())
            .add_16bytes(destination.octets()),
        _ => return Checksum::Unknown,
    }
    .add_2bytes([0, IpNumber::TCP.0])
    .add_4bytes(length.to_be_bytes());
    // Over a segment with a right checksum the complemented sum is 0.
    if pseudo.clone().add_slice(tcp).ones_complement() == 0 {
        Checksum::Correct
    } else if u16::from_be_bytes([high, low]) == !pseudo.ones_complement().to_be() {
        Checksum::Offloaded
    } else {
        Checksum::Wrong
    }
}

#[cfg(test)]
mod tests;
