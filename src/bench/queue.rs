//! The wire of a bench: every TCP packet waits in a queue until the lab lets it go on (NFQUEUE, nfnetlink_queue).
//!
//! The queue hangs in the INPUT hook. What goes in there has been captured, has left its sender for good, and has not
//! reached TCP: exactly what "on the wire" means. (At OUTPUT a held packet would still count as the sender's, which then
//! does not retransmit it, and a dropped one would not be captured.) The kernel delivers a packet within the call that
//! lets it go, on the calling thread's CPU.
//!
//! Rule and queue are set up by netlink alone. Where the kernel has no `queue` expression for nf_tables, its older NFQUEUE
//! target serves.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use etherparse::{IpNumber, LaxSlicedPacket, TransportSlice};
use netlink_sys::Socket;
use nix::libc;
use socket2::{Domain, Protocol, Type};

use super::nfnetlink::{ACK, APPEND, CREATE, Message, Received, attributes, nested, open};
use crate::scenario::Place;
use crate::tcp::Ecn;

/// The queue's number in its namespace.
const QUEUE: u16 = 0;
/// The largest packet, with room for the message around it.
const BUFFER: usize = 0x1_0000 + 4096;
/// Room for packets that wait to be read, bytes; what does not fit would be dropped by the kernel.
const RECEIVE_BUFFER: u32 = 8 << 20;
/// As many packets may wait.
const LONGEST: u32 = 1 << 16;

const NFQNL_MSG_PACKET: u16 = 3 << 8;
const NFQNL_MSG_VERDICT: u16 = 3 << 8 | 1;
const NFQNL_MSG_CONFIG: u16 = 3 << 8 | 2;
const NF_DROP: u32 = 0;
const NF_ACCEPT: u32 = 1;

/// A TCP packet that waits for its verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    id: u32,
    /// The packet, from its IP header on, with its full checksum.
    pub bytes: Vec<u8>,
}

/// All TCP packets that arrive in a bench, one at a time.
#[derive(Debug)]
pub struct Queue {
    socket: Socket,
    /// The address that both ends have.
    loopback: IpAddr,
    sequence: u32,
    buffer: Vec<u8>,
}

/// A message that configures the queue or its rule: what it is for, and how it is built with a sequence number.
type Request = (&'static str, Message);

impl Queue {
    /// Opens the queue in the calling thread's network namespace; from now on each TCP packet waits there.
    ///
    /// # Errors
    /// What the kernel said, with the part that it lacks.
    pub(super) fn open(loopback: IpAddr) -> Result<Queue, (&'static str, io::Error)> {
        let netlink = |error| ("a netlink socket for netfilter", error);
        let socket = open().map_err(netlink)?;
        socket.set_rx_buf_sz(RECEIVE_BUFFER).map_err(netlink)?;
        let mut queue = Queue {
            socket,
            loopback,
            sequence: 0,
            buffer: Vec::with_capacity(BUFFER),
        };
        let config = |sequence| Message::new(NFQNL_MSG_CONFIG, ACK, sequence, libc::AF_UNSPEC as u8, QUEUE);
        // NFQA_CFG_CMD: bind; NFQA_CFG_PARAMS: whole packets; NFQA_CFG_QUEUE_MAXLEN.
        let mut whole = u32::to_be_bytes(0xffff).to_vec();
        whole.push(2);
        let steps: [Request; 3] = [
            ("packet queues (nfnetlink_queue)", config(1).with(1, &[1, 0, 0, 0])),
            ("whole packets in its packet queues", config(2).with(2, &whole)),
            ("long packet queues", config(3).with(3, &LONGEST.to_be_bytes())),
        ];
        for (what, message) in steps {
            queue.configure(message).map_err(|error| (what, error))?;
        }
        queue.socket.set_non_blocking(true).map_err(netlink)?;
        install(&queue_expression())
            .or_else(|_| install(&queue_target()))
            .map_err(|error| {
                (
                    "a rule that sends TCP packets to a queue (nft_queue, or nft_compat with xt_NFQUEUE)",
                    error,
                )
            })?;
        Ok(queue)
    }

    fn configure(&mut self, message: Message) -> io::Result<()> {
        self.socket.send(&message.finish(), 0)?;
        self.buffer.clear();
        self.socket.recv(&mut self.buffer, 0)?;
        let messages = Received::all(&self.buffer);
        messages.iter().find_map(Received::acknowledgment).unwrap_or(Ok(()))
    }

    /// The next packet, or `None` when no more waits for now.
    ///
    /// # Errors
    /// What recv(2) reports: ENOBUFS when the kernel had to drop a packet because the lab did not read.
    pub fn take(&mut self) -> io::Result<Option<Waiting>> {
        loop {
            self.buffer.clear();
            match self.socket.recv(&mut self.buffer, 0) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            for message in Received::all(&self.buffer) {
                if let Some(said) = message.acknowledgment() {
                    said?;
                } else if message.kind() == NFQNL_MSG_PACKET {
                    return packet(&message).map(Some);
                }
            }
        }
    }

    /// Lets a packet go on to its receiver, which has it when this returns.
    ///
    /// # Errors
    /// What send(2) reports.
    pub fn accept(&mut self, packet: &Waiting) -> io::Result<()> {
        self.verdict(packet, NF_ACCEPT, None)
    }

    /// Throws a packet away.
    ///
    /// # Errors
    /// What send(2) reports.
    pub fn drop(&mut self, packet: &Waiting) -> io::Result<()> {
        self.verdict(packet, NF_DROP, None)
    }

    /// Sends a copy of a packet that waits: it is captured and waits in the queue like any other, behind what is under way.
    ///
    /// # Errors
    /// What socket(2) and sendto(2) report.
    pub fn copy(&mut self, packet: &Waiting) -> io::Result<()> {
        let destination = SocketAddr::new(self.loopback, 0);
        let protocol = Protocol::from(libc::IPPROTO_RAW);
        let socket = socket2::Socket::new(
            Domain::for_address(destination),
            Type::from(libc::SOCK_RAW),
            Some(protocol),
        )?;
        socket.send_to(&packet.bytes, &destination.into()).map(drop)
    }

    /// Lets a packet go on with the lowest bit of a byte changed. The checksum stays as it was, unless it is to be
    /// `unnoticed`.
    ///
    /// # Errors
    /// `InvalidInput` for a packet that has no such byte, or what send(2) reports.
    pub fn corrupt(&mut self, packet: &Waiting, place: Place, unnoticed: bool) -> io::Result<()> {
        self.alter(packet, damage(&packet.bytes, place, unnoticed), "such a byte")
    }

    /// Lets a packet go on with the ECN codepoint CE, as a congested router does.
    ///
    /// # Errors
    /// `InvalidInput` for what is no IP packet, or what send(2) reports.
    pub fn mark(&mut self, packet: &Waiting) -> io::Result<()> {
        self.alter(packet, marked(&packet.bytes), "an ECN field")
    }

    fn alter(&mut self, packet: &Waiting, altered: Option<Vec<u8>>, lacks: &str) -> io::Result<()> {
        let missing = || {
            let what = format!("a packet to be altered has not {lacks}");
            io::Error::new(io::ErrorKind::InvalidInput, what)
        };
        self.verdict(packet, NF_ACCEPT, Some(&altered.ok_or_else(missing)?))
    }

    fn verdict(&mut self, packet: &Waiting, verdict: u32, bytes: Option<&[u8]>) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        // NFQA_VERDICT_HDR, NFQA_PAYLOAD.
        let header = [verdict.to_be_bytes(), packet.id.to_be_bytes()].concat();
        let message = Message::new(NFQNL_MSG_VERDICT, 0, self.sequence, libc::AF_UNSPEC as u8, QUEUE).with(2, &header);
        let message = match bytes {
            Some(bytes) => message.with(10, bytes),
            None => message,
        };
        self.socket.send(&message.finish(), 0).map(drop)
    }
}

/// Readable when packets wait.
impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn packet(message: &Received<'_>) -> io::Result<Waiting> {
    let bad = || {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "a packet of the queue without number or content",
        )
    };
    // NFQA_PACKET_HDR begins with the packet's number; NFQA_PAYLOAD.
    let header = message
        .attribute(1)
        .and_then(|header| header.first_chunk())
        .ok_or_else(bad)?;
    let bytes = message.attribute(10).ok_or_else(bad)?;
    Ok(Waiting {
        id: u32::from_be_bytes(*header),
        bytes: bytes.to_vec(),
    })
}

/// The packet with the lowest bit of a byte changed, and with a checksum to match if that is to be `unnoticed`. `None` for a
/// packet that has no such byte.
fn damage(packet: &[u8], place: Place, unnoticed: bool) -> Option<Vec<u8>> {
    let sliced = LaxSlicedPacket::from_ip(packet).ok()?;
    let Some(TransportSlice::Tcp(tcp)) = &sliced.transport else {
        return None;
    };
    let start = packet.len().checked_sub(tcp.slice().len())?;
    let header = tcp.slice().len() - tcp.payload().len();
    let at = match place.among(header, tcp.payload().len())? {
        Place::Payload(byte) => header + byte as usize,
        Place::Header(byte) => byte as usize,
    };
    let mut damaged = packet.to_vec();
    let segment = damaged.get_mut(start..)?;
    let word = |segment: &[u8]| {
        let byte = |at: usize| segment.get(at).copied().unwrap_or_default();
        u16::from_be_bytes([byte(at & !1), byte(at | 1)])
    };
    let before = word(segment);
    *segment.get_mut(at)? ^= 1;
    if unnoticed {
        let sum = segment.get_mut(16..18)?;
        let checksum = u16::from_be_bytes([sum[0], sum[1]]);
        let checksum = updated(checksum, before, word(segment));
        segment[16..18].copy_from_slice(&checksum.to_be_bytes());
    }
    Some(damaged)
}

/// The packet with the ECN codepoint CE, and with the checksum of an IPv4 header to match. TCP's checksum does not cover it.
fn marked(packet: &[u8]) -> Option<Vec<u8>> {
    let mut marked = packet.to_vec();
    match packet.first()? >> 4 {
        4 => {
            let before = u16::from_be_bytes([*packet.first()?, *packet.get(1)?]);
            *marked.get_mut(1)? |= Ecn::Ce.bits();
            let after = u16::from_be_bytes([marked[0], marked[1]]);
            let checksum = u16::from_be_bytes([*packet.get(10)?, *packet.get(11)?]);
            marked[10..12].copy_from_slice(&updated(checksum, before, after).to_be_bytes());
        }
        // The traffic class lies across two bytes.
        6 => *marked.get_mut(1)? |= Ecn::Ce.bits() << 4,
        _ => return None,
    }
    Some(marked)
}

/// The Internet checksum after one 16-bit word has changed (RFC 1624, equation 3).
fn updated(checksum: u16, before: u16, after: u16) -> u16 {
    let sum = u32::from(!checksum) + u32::from(!before) + u32::from(after);
    let sum = (sum & 0xffff) + (sum >> 16);
    !((sum & 0xffff) + (sum >> 16)) as u16
}

const NFT_BATCH_BEGIN: u16 = 0x10;
const NFT_BATCH_END: u16 = 0x11;
const NFT_NEW_TABLE: u16 = 10 << 8;
const NFT_NEW_CHAIN: u16 = 10 << 8 | 3;
const NFT_NEW_RULE: u16 = 10 << 8 | 6;
/// NFPROTO_INET: IPv4 and IPv6.
const INET: u8 = 1;

/// `queue num 0` (nft_queue).
fn queue_expression() -> Vec<u8> {
    let (number, total) = (QUEUE.to_be_bytes(), 1_u16.to_be_bytes());
    expression("queue", &attributes(&[(1, &number), (2, &total)]))
}

/// `NFQUEUE --queue-num 0` (xt_NFQUEUE through nft_compat): name, revision, `struct xt_NFQ_info_v3`.
fn queue_target() -> Vec<u8> {
    let info = [QUEUE.to_ne_bytes(), 1_u16.to_ne_bytes(), [0; 2], [0; 2]].concat();
    expression(
        "target",
        &attributes(&[(1, b"NFQUEUE\0"), (2, &3_u32.to_be_bytes()), (3, &info)]),
    )
}

/// One expression of a rule, as an element of its list.
fn expression(name: &str, data: &[u8]) -> Vec<u8> {
    let name = [name.as_bytes(), b"\0"].concat();
    attributes(&[(nested(1), &attributes(&[(1, &name), (nested(2), data)]))])
}

/// Adds a table with one chain at INPUT, and in that `meta l4proto tcp` with this expression.
fn install(action: &[u8]) -> io::Result<()> {
    let name = b"tcplab\0";
    let number = |value: u32| value.to_be_bytes();
    // NF_INET_LOCAL_IN is 1; the priority of an ordinary filter is 0.
    let hook = attributes(&[(1, &number(1)), (2, &number(0))]);
    // NFT_META_L4PROTO is 16, into register 1; then compared.
    let protocol = attributes(&[(1, &number(1)), (2, &number(16))]);
    let tcp = attributes(&[(1, &[IpNumber::TCP.0])]);
    let is_tcp = attributes(&[(1, &number(1)), (2, &number(0)), (nested(3), &tcp)]);
    let rule = [
        expression("meta", &protocol),
        expression("cmp", &is_tcp),
        action.to_vec(),
    ]
    .concat();
    let batch = |kind, sequence| Message::new(kind, 0, sequence, 0, 10);
    let add = |kind, flags, sequence| Message::new(kind, CREATE | ACK | flags, sequence, INET, 0);
    let messages = [
        batch(NFT_BATCH_BEGIN, 0),
        add(NFT_NEW_TABLE, 0, 1).with(1, name),
        add(NFT_NEW_CHAIN, 0, 2)
            .with(1, name)
            .with(3, name)
            .with_nested(4, &hook)
            .with(7, b"filter\0"),
        add(NFT_NEW_RULE, APPEND, 3)
            .with(1, name)
            .with(2, name)
            .with_nested(4, &rule),
        batch(NFT_BATCH_END, 4),
    ];
    let socket = open()?;
    socket.send(&messages.map(Message::finish).concat(), 0)?;
    // The kernel has answered all of them when the call returns; a batch that fails has no effect.
    socket.set_non_blocking(true)?;
    let mut answered = 0;
    loop {
        let mut buffer = Vec::with_capacity(BUFFER);
        match socket.recv(&mut buffer, 0) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && answered > 0 => return Ok(()),
            Err(error) => return Err(error),
        }
        for said in Received::all(&buffer).iter().filter_map(Received::acknowledgment) {
            said?;
            answered += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{IpEcn, Ipv4HeaderSlice, NetSlice, PacketBuilder, SlicedPacket};

    fn tcp(payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        PacketBuilder::ipv4([127, 0, 0, 1], [127, 0, 0, 1], 64)
            .tcp(40001, 7000, 1, 1024)
            .write(&mut bytes, payload)
            .unwrap();
        bytes
    }

    fn differences(one: &[u8], other: &[u8]) -> Vec<usize> {
        assert_eq!(one.len(), other.len());
        (0..one.len()).filter(|at| one[*at] != other[*at]).collect()
    }

    #[test]
    fn damage_changes_the_byte_and_no_other() {
        let damage = |packet: &[u8], place| damage(packet, place, false);
        let packet = tcp(b"abc");
        let damaged = damage(&packet, Place::Payload(1)).unwrap();
        assert_eq!(differences(&packet, &damaged), [41]);
        assert_eq!(damage(&packet, Place::Payload(3)), None);
        let damaged = damage(&packet, Place::Header(13)).unwrap();
        assert_eq!(differences(&packet, &damaged), [33]);
        assert_eq!(damage(&packet, Place::Header(20)), None);
        let empty = tcp(b"");
        let damaged = damage(&empty, Place::Payload(0)).unwrap();
        assert_eq!(differences(&empty, &damaged), [39]);
        assert_eq!(damage(b"nonsense", Place::Payload(0)), None);
    }

    #[test]
    fn unnoticed_damage_has_a_checksum_to_match() {
        for (payload, place) in [
            (&b"abc"[..], Place::Payload(0)),
            (b"abc", Place::Payload(1)),
            (b"abc", Place::Payload(2)),
            (b"", Place::Header(7)),
            (b"", Place::Header(13)),
        ] {
            let damaged = damage(&tcp(payload), place, true).unwrap();
            let elsewhere = differences(&tcp(payload), &damaged)
                .into_iter()
                .filter(|at| ![36, 37].contains(at));
            assert_eq!(elsewhere.count(), 1, "{place:?}: one byte beside the checksum");
            let sliced = SlicedPacket::from_ip(&damaged).unwrap();
            let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Tcp(tcp))) = (&sliced.net, &sliced.transport) else {
                panic!("no TCP");
            };
            let right = tcp.calc_checksum_ipv4(ip.header().source(), ip.header().destination());
            assert_eq!(right.ok(), Some(tcp.checksum()), "{place:?}");
        }
    }

    #[test]
    fn a_mark_changes_the_ecn_field_and_the_header_checksum() {
        let mut header = Ipv4HeaderSlice::from_slice(&tcp(b"abc")).unwrap().to_header();
        header.ecn = IpEcn::TWO;
        header.header_checksum = header.calc_header_checksum();
        let marked_one = marked(&header.to_bytes()).unwrap();
        header.ecn = IpEcn::THREE;
        header.header_checksum = header.calc_header_checksum();
        assert_eq!(marked_one, header.to_bytes()[..]);
        let mut six = [0_u8; 40];
        (six[0], six[1]) = (0x6a, 0x20);
        assert_eq!(marked(&six).unwrap()[..2], [0x6a, 0x30]);
        assert_eq!(marked(b""), None);
    }
}
