//! What an action line means.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::{Fault, IcmpError, OptionPattern, OptionsPattern, SegmentPattern, Span};
use crate::tcp::{IpFields, Party, State};

/// One action line: `+1s client send "Hello" -> EPIPE &`.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// The whole line, without indentation, comment and line end.
    pub span: Span,
    /// `+1s`: how long to wait before it.
    pub delay: Option<Duration>,
    /// Who acts; for a line of `wire` or `peer`, whose segments it is about (their sender).
    pub party: Party,
    /// What it does.
    pub verb: Verb,
    /// How the call must end.
    pub outcome: Outcome,
    /// Where `outcome` was written, when it was.
    pub outcome_span: Option<Span>,
    /// `&`: the run goes on while the call blocks; it must have ended as `outcome` says before the scenario ends, or at
    /// the party's next `wait`.
    pub background: bool,
}

/// What an action line tells an end to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Verb {
    /// `listen [backlog N]`: socket, bind, listen.
    Listen {
        /// The length of the accept queue; 5 when not given, as in the article.
        backlog: u32,
    },
    /// `connect [self]`: socket, bind, connect to the other end, or to the socket's own address.
    Connect {
        /// Whether the socket connects to itself.
        to_self: bool,
    },
    /// `connect to ADDRESS`: connect to somewhere else than to the other end.
    ConnectTo(Address),
    /// `bind ADDRESS`: make a socket with this address, which the next `connect` or `listen` uses that has none yet.
    Bind(Address),
    /// `accept`: take one connection out of the accept queue.
    Accept,
    /// `send PAYLOAD`: write until all of it is written.
    Send(Payload),
    /// `write PAYLOAD`: one write call, which must take all of it.
    Write(Payload),
    /// `send PAYLOAD more`: as `Send`, with MSG_MORE: more will follow soon (send(2)).
    SendMore(Payload),
    /// `write PAYLOAD more`: as `Write`, with MSG_MORE.
    WriteMore(Payload),
    /// `recv PAYLOAD|N|eof`: read until that much has arrived; what arrives must be this.
    Recv(Want),
    /// `read [PAYLOAD|N|eof]`: one read call, which must return this.
    Read(Want),
    /// `echo [N]`: read once (or until N bytes have arrived) and write back what arrived.
    Echo {
        /// How many bytes to collect before writing them back; `None` for what one read call returns.
        bytes: Option<u64>,
    },
    /// `echo strlen [stale PAYLOAD]`: read once into a buffer that was not cleared and write `strlen(buffer)` bytes back,
    /// as the article's C program does.
    EchoStrlen {
        /// What the buffer of 1024 bytes holds before, from the first byte that the read does not overwrite; zero bytes
        /// follow it.
        stale: Payload,
    },
    /// `shutdown read|write|both`.
    Shutdown(ShutdownHow),
    /// `close` for the connection (or for the listener while there is no connection), `close listener`.
    Close {
        /// Whether the listening socket is meant.
        listener: bool,
    },
    /// `abort`: close with SO_LINGER 0, which sends RST.
    Abort,
    /// `set OPTION VALUE` on the connection, or on the listener or the socket to be when there is no connection yet.
    Set(SocketOption, i64),
    /// `get OPTION VALUE`: the option must have this value.
    Get(SocketOption, i64),
    /// `state NAME`: the kernel must come to report this state for the party's end of the connection.
    State(State),
    /// `wait`: until all background actions of the party have ended.
    Wait,
    /// `peer send C > S RST seq 13`: the lab sends this segment in the name of its sender.
    Peer(Injection),
    /// `peer icmp KIND about C > S`: the lab sends an ICMP error to the sender of the quoted segment.
    Icmp(IcmpError),
    /// A line of the actor `wire`; the action's party is the sender of the segments that it is about.
    Wire(Fault),
}

/// A segment that the lab makes and sends.
#[derive(Debug, Clone, PartialEq)]
pub struct Injection {
    /// The segment; what it does not name has a default. It stands for one segment and has no time.
    pub segment: SegmentPattern,
    /// `bad checksum`: the checksum is wrong.
    pub bad_checksum: bool,
    /// `offset N`: the data offset, which cannot be right: the receiver must ignore the segment.
    pub offset: Option<u8>,
    /// `ip-options hex 01010100`: the options of its IPv4 header.
    pub ip_options: Vec<u8>,
}

impl Verb {
    /// What `send` and `write` write.
    pub fn written(&self) -> Option<&Payload> {
        match self {
            Verb::Send(payload) | Verb::Write(payload) | Verb::SendMore(payload) | Verb::WriteMore(payload) => {
                Some(payload)
            }
            _ => None,
        }
    }

    /// Whether it tells the kernel that more will follow soon (MSG_MORE).
    pub fn announces_more(&self) -> bool {
        matches!(self, Verb::SendMore(_) | Verb::WriteMore(_))
    }

    /// The word that the action line begins with, after the actor.
    pub fn name(&self) -> &'static str {
        match self {
            Verb::Listen { .. } => "listen",
            Verb::Connect { .. } | Verb::ConnectTo(_) => "connect",
            Verb::Bind(_) => "bind",
            Verb::Accept => "accept",
            Verb::Send(_) | Verb::SendMore(_) => "send",
            Verb::Write(_) | Verb::WriteMore(_) => "write",
            Verb::Recv(_) => "recv",
            Verb::Read(_) => "read",
            Verb::Echo { .. } | Verb::EchoStrlen { .. } => "echo",
            Verb::Shutdown(_) => "shutdown",
            Verb::Close { .. } => "close",
            Verb::Abort => "abort",
            Verb::Set(..) => "set",
            Verb::Get(..) => "get",
            Verb::State(_) => "state",
            Verb::Wait => "wait",
            Verb::Peer(_) => "peer send",
            Verb::Icmp(_) => "peer icmp",
            Verb::Wire(fault) => fault.name(),
        }
    }
}

impl Injection {
    /// The window of a segment whose line does not name one.
    pub const WINDOW: u16 = 64_240;

    /// The segment with a value for every field: what is sent.
    pub fn complete(&self) -> SegmentPattern {
        let mut segment = self.segment.clone();
        let payload = segment.payload.get_or_insert_default();
        segment.len = u32::try_from(payload.bytes.len()).ok();
        segment.flags.get_or_insert_default();
        segment.seq.get_or_insert(0);
        segment.window.get_or_insert(Injection::WINDOW);
        segment.urgent.get_or_insert(0);
        let ordinary = IpFields::default();
        segment.dscp.get_or_insert(ordinary.dscp);
        segment.ecn.get_or_insert(ordinary.ecn);
        segment.ttl.get_or_insert(ordinary.ttl);
        let options = segment.options.get_or_insert_with(|| OptionsPattern {
            items: Vec::new(),
            open: false,
        });
        // The list is filled up with zeros, of which the first one ends it.
        if options.items.iter().map(OptionPattern::len).sum::<usize>() % 4 != 0 {
            options.items.push(OptionPattern::End);
        }
        segment
    }
}

/// `127.0.0.5 port 40002`; what is not given is as on any other run: the bench's address, the end's own port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// The IP address, of the family of the bench.
    pub ip: Option<IpAddr>,
    /// The port; 0 leaves the choice to the kernel.
    pub port: Option<u16>,
}

impl Address {
    /// The address, with what it leaves open taken from `usual`.
    pub fn or(self, usual: SocketAddr) -> SocketAddr {
        SocketAddr::new(self.ip.unwrap_or(usual.ip()), self.port.unwrap_or(usual.port()))
    }
}

/// What a `recv` or `read` must bring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// Whatever one read call returns (`read` only).
    Anything,
    /// This many bytes.
    Bytes(u64),
    /// These bytes.
    Payload(Payload),
    /// The end of the stream: a read that returns 0.
    Eof,
}

/// The direction that `shutdown` closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShutdownHow {
    /// No more reading.
    Read,
    /// No more writing: sends FIN.
    Write,
    /// Both.
    Both,
}

/// How a call must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Without an error; the default.
    Success,
    /// `-> ECONNREFUSED`: with this error number.
    Errno(i32),
    /// `-> eof`: a read that returned 0 where bytes might have come.
    Eof,
}

/// The socket options that a scenario can set and read. All are integers; switches are 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(
    missing_docs,
    reason = "the names are the kernel's own: tcp(7), socket(7), ip(7), ipv6(7)"
)]
pub enum SocketOption {
    TcpNodelay,
    TcpCork,
    TcpQuickack,
    TcpMaxseg,
    TcpUserTimeout,
    TcpDeferAccept,
    TcpLinger2,
    TcpKeepidle,
    TcpKeepintvl,
    TcpKeepcnt,
    TcpSyncnt,
    SoKeepalive,
    SoReuseaddr,
    SoSndbuf,
    SoRcvbuf,
    SoError,
    IpTos,
    IpTtl,
    Ipv6Tclass,
    Ipv6UnicastHops,
    IpRecverr,
    Ipv6Recverr,
}

impl SocketOption {
    /// All of them with the kernel's spelling, such as `TCP_NODELAY`.
    pub const NAMES: [(&'static str, SocketOption); 22] = [
        ("TCP_NODELAY", SocketOption::TcpNodelay),
        ("TCP_CORK", SocketOption::TcpCork),
        ("TCP_QUICKACK", SocketOption::TcpQuickack),
        ("TCP_MAXSEG", SocketOption::TcpMaxseg),
        ("TCP_USER_TIMEOUT", SocketOption::TcpUserTimeout),
        ("TCP_DEFER_ACCEPT", SocketOption::TcpDeferAccept),
        ("TCP_LINGER2", SocketOption::TcpLinger2),
        ("TCP_KEEPIDLE", SocketOption::TcpKeepidle),
        ("TCP_KEEPINTVL", SocketOption::TcpKeepintvl),
        ("TCP_KEEPCNT", SocketOption::TcpKeepcnt),
        ("TCP_SYNCNT", SocketOption::TcpSyncnt),
        ("SO_KEEPALIVE", SocketOption::SoKeepalive),
        ("SO_REUSEADDR", SocketOption::SoReuseaddr),
        ("SO_SNDBUF", SocketOption::SoSndbuf),
        ("SO_RCVBUF", SocketOption::SoRcvbuf),
        ("SO_ERROR", SocketOption::SoError),
        ("IP_TOS", SocketOption::IpTos),
        ("IP_TTL", SocketOption::IpTtl),
        ("IPV6_TCLASS", SocketOption::Ipv6Tclass),
        ("IPV6_UNICAST_HOPS", SocketOption::Ipv6UnicastHops),
        ("IP_RECVERR", SocketOption::IpRecverr),
        ("IPV6_RECVERR", SocketOption::Ipv6Recverr),
    ];
}

/// Bytes as a scenario writes them: `"text\x04"`, `hex 48656c6c6f`, `64KiB of "x"`, `file "payload.bin"`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Payload {
    /// The bytes themselves.
    pub bytes: Arc<[u8]>,
}
