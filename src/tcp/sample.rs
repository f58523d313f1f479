//! Segments for tests, in relative numbers. The client's initial sequence number lies just below 2^32, so that its
//! numbers wrap within every session.

use super::{Checksum, Flags, Party, Segment, Seq, TcpOption};

pub(crate) const CLIENT_ISN: Seq = Seq(0xffff_fffb);
pub(crate) const SERVER_ISN: Seq = Seq(7_000);

/// A segment of the client: `flags` as in `"PSH ACK"`, relative SEQ and ACK.
pub(crate) fn client(flags: &str, seq: u32, ack: u32, payload: &[u8]) -> Segment {
    segment(Party::Client, flags, CLIENT_ISN + seq, SERVER_ISN + ack, payload)
}

/// A segment of the server.
pub(crate) fn server(flags: &str, seq: u32, ack: u32, payload: &[u8]) -> Segment {
    segment(Party::Server, flags, SERVER_ISN + seq, CLIENT_ISN + ack, payload)
}

/// A segment of a socket that is connected to itself.
pub(crate) fn itself(flags: &str, seq: u32, ack: u32, payload: &[u8]) -> Segment {
    Segment {
        to: Party::Client,
        ..segment(Party::Client, flags, CLIENT_ISN + seq, CLIENT_ISN + ack, payload)
    }
}

/// The article's session: handshake, 12 bytes, `reply`, a close that the client begins.
pub(crate) fn session(reply: &[u8]) -> Vec<Segment> {
    let end = 1 + u32::try_from(reply.len()).expect("a short reply");
    let mut segments = vec![
        client("SYN", 0, 0, b""),
        server("SYN ACK", 0, 1, b""),
        client("ACK", 1, 1, b""),
        client("PSH ACK", 1, 1, b"Hello World!"),
        server("ACK", 1, 13, b""),
        server("PSH ACK", 1, 13, reply),
        client("ACK", 13, end, b""),
        client("FIN ACK", 13, end, b""),
        server("ACK", end, 14, b""),
        server("FIN ACK", end, 14, b""),
        client("ACK", 14, end + 1, b""),
    ];
    for (at, segment) in (0..).zip(&mut segments) {
        segment.at = at * 1_000;
    }
    segments
}

fn segment(from: Party, flags: &str, seq: Seq, ack: Seq, payload: &[u8]) -> Segment {
    let flags: Flags = flags
        .split_whitespace()
        .map(|name| Flags::by_name(name).expect("a flag"))
        .collect();
    Segment {
        at: 0,
        from,
        to: from.peer(),
        seq,
        ack: if flags.contains(Flags::ACK) { ack } else { Seq(0) },
        flags,
        window: if flags.contains(Flags::SYN) { 64_240 } else { 502 },
        urgent: 0,
        options: if flags.contains(Flags::SYN) {
            vec![
                TcpOption::Mss(1460),
                TcpOption::SackPermitted,
                TcpOption::Timestamps { value: 1, echo: 0 },
                TcpOption::Nop,
                TcpOption::WindowScale(7),
            ]
        } else {
            Vec::new()
        },
        len: u32::try_from(payload.len()).expect("a short payload"),
        payload: payload.to_vec(),
        checksum: Checksum::Offloaded,
        origin: crate::tcp::Origin::Kernel,
        ip: crate::tcp::IpFields::default(),
        offset: None,
        sockets: None,
    }
}
