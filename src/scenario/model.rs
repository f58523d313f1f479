//! What a scenario file means, after parsing.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Fault, IcmpError};
use crate::tcp::{Ecn, Flags, IpFields, Party, State};

/// Bytes of the scenario file: where something was written.
pub type Span = Range<usize>;

/// One scenario file.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// The path below the scenario folder without `.toml`, with `/` between folders: `basic`, `resets/half-open`.
    pub name: String,
    /// The file it was read from.
    pub path: PathBuf,
    /// The file's text; all spans point into it.
    pub source: Arc<str>,
    /// One line that says what the session shows.
    pub title: String,
    /// What a reader learns from it, as plain text.
    pub teaches: String,
    /// Ids of RFC 9293 requirements and transitions that the session shows, such as `T1` or `MUST-14`.
    pub covers: Vec<String>,
    /// Mistakes of the applications that the lab must find; any other finding is a failure, and so is a missing one.
    pub findings: Vec<Finding>,
    /// Where Linux does otherwise than RFC 9293 says, and this session shows it.
    pub deviations: Vec<Deviation>,
    /// Whether it takes minutes, or waits for real timers: such a scenario is played only when asked for.
    pub slow: bool,
    /// How the bench is set up.
    pub settings: Settings,
    /// The phases in order; their steps are numbered through.
    pub phases: Vec<Phase>,
    /// The lines that the cells of tables stand for, by where the cells begin in the file.
    pub written_out: BTreeMap<usize, String>,
}

impl Scenario {
    /// All steps of all phases in order; a step's index in this sequence is its number in a run.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.phases.iter().flat_map(|phase| &phase.steps)
    }

    /// The text of a span, as it stands in the file; of a line of a table, the line that the cell stands for.
    pub fn text(&self, span: &Span) -> &str {
        match self.written_out.get(&span.start) {
            Some(line) => line,
            None => &self.source[span.clone()],
        }
    }

    /// Whether what stands there is a cell of a table.
    pub fn in_table(&self, span: &Span) -> bool {
        self.written_out.contains_key(&span.start)
    }

    /// The 1-based line of the file in which the span begins.
    pub fn line(&self, span: &Span) -> usize {
        self.source[..span.start].matches('\n').count() + 1
    }
}

/// What a bench is like for this scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// IPv4 (127.0.0.1) or IPv6 (::1).
    pub family: Family,
    /// Whether every ACK is sent at once (the default). Off, acknowledgments may be delayed and ride on data or FIN.
    pub quickack: bool,
    /// How long one action with its segments may take before the run gives up.
    pub deadline: Duration,
    /// The largest IP packet on the private loopback, bytes, from 68 on; from 1280 on over IPv6.
    pub mtu: u16,
    /// Whether the loopback takes several segments in one packet, as an ordinary machine's does.
    pub offloads: bool,
    /// Settings of the namespace that differ from the profile of all benches, in the order of their names.
    pub sysctls: Vec<SysctlValue>,
    /// Metrics of the local routes.
    pub route: RouteMetrics,
    /// The end that has no kernel socket: everything that it sends is a `peer send` line.
    pub peer: Option<Party>,
    /// The initial sequence number of that end: what its number 0 stands for.
    pub isn: u32,
}

impl Settings {
    /// Whether the scenario is about settings that only a private bench can have.
    pub fn need_a_bench(&self) -> bool {
        let default = Settings::default();
        self.mtu != default.mtu || !self.sysctls.is_empty() || self.route != default.route || self.peer.is_some()
    }
}

/// A setting below `net.` with the value that a scenario gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SysctlValue {
    /// As sysctl(8) spells it, without `net.`: `ipv4.tcp_syn_retries`.
    pub name: String,
    /// What is written into its file.
    pub value: String,
}

/// Metrics of the routes to the loopback addresses (`ip route … initcwnd 10`, ip-route(8)); `None` leaves the kernel's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RouteMetrics {
    /// The initial congestion window, segments.
    pub initcwnd: Option<u32>,
    /// The initial window that is advertised, segments.
    pub initrwnd: Option<u32>,
    /// The smallest retransmission timeout, whole milliseconds.
    pub rto_min: Option<Duration>,
    /// The path's MTU, bytes.
    pub mtu: Option<u32>,
    /// The MSS to advertise, bytes.
    pub advmss: Option<u32>,
}

/// A requirement or transition of RFC 9293 that Linux does not keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// Its id, such as `MUST-13`.
    pub id: String,
    /// What Linux does instead, in a few words.
    pub reason: String,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            family: Family::Ipv4,
            quickack: true,
            deadline: Duration::from_secs(5),
            mtu: 1500,
            offloads: false,
            sysctls: Vec::new(),
            route: RouteMetrics::default(),
            peer: None,
            isn: 1_000_000,
        }
    }
}

/// The address family of a scenario's conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// A mistake of an application that TCP itself cannot see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// What the server echoed is not what the client had sent.
    EchoContract,
}

impl Finding {
    /// All findings.
    pub const ALL: [Finding; 1] = [Finding::EchoContract];

    /// The spelling in scenario files.
    pub fn name(self) -> &'static str {
        match self {
            Finding::EchoContract => "echo-contract",
        }
    }
}

/// A titled part of the timeline: `== handshake ==`. Lines before the first title form a phase with an empty title.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// The text between the `==`.
    pub title: String,
    /// What happens in it.
    pub steps: Vec<Step>,
}

/// One action and the segments that it must cause. The next step begins when they have been seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What an end does.
    pub action: Action,
    /// What must then be on the wire, in this order, and nothing else.
    pub expect: Vec<Expect>,
}

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

/// One expectation about segments.
#[derive(Debug, Clone, PartialEq)]
pub enum Expect {
    /// A pattern for one segment, or for several in a row.
    Segment(SegmentPattern),
    /// `C > S stream 1MiB`: this many payload bytes in new, full-sized segments (each but the last carries the effective
    /// MSS), in order and none twice, among them any number of pure ACKs of the other end.
    Stream {
        /// Where it was written.
        span: Span,
        /// Who sends the bytes.
        from: Party,
        /// Who receives them.
        to: Party,
        /// How many payload bytes.
        bytes: u64,
    },
    /// `any order { … }`: all of these, in any order.
    AnyOrder {
        /// Where it was written.
        span: Span,
        /// The lines in the braces.
        items: Vec<Expect>,
    },
    /// `either { … } or { … }`: one of these sequences.
    Either {
        /// Where it was written.
        span: Span,
        /// The sequences.
        alternatives: Vec<Vec<Expect>>,
    },
    /// `...`: any number of any segments, as few as possible.
    Anything {
        /// Where it was written.
        span: Span,
    },
}

impl Expect {
    /// Where it was written.
    pub fn span(&self) -> &Span {
        match self {
            Expect::Segment(pattern) => &pattern.span,
            Expect::Stream { span, .. }
            | Expect::AnyOrder { span, .. }
            | Expect::Either { span, .. }
            | Expect::Anything { span } => span,
        }
    }
}

/// A segment line. What is `None` is not checked.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentPattern {
    /// The whole line, without indentation, comment and line end.
    pub span: Span,
    /// The sender.
    pub from: Party,
    /// The receiver.
    pub to: Party,
    /// How many segments in a row must match.
    pub count: Count,
    /// Exactly these flags.
    pub flags: Option<Flags>,
    /// SEG.SEQ relative to the sender's ISN.
    pub seq: Option<u32>,
    /// SEG.ACK relative to the receiver's ISN; a segment without ACK does not match.
    pub ack: Option<u32>,
    /// Payload bytes.
    pub len: Option<u32>,
    /// The payload itself.
    pub payload: Option<Payload>,
    /// The window field, not scaled.
    pub window: Option<u16>,
    /// The urgent pointer.
    pub urgent: Option<u16>,
    /// The Differentiated Services code point of the IP header, 0 to 63.
    pub dscp: Option<u8>,
    /// The ECN codepoint of the IP header.
    pub ecn: Option<Ecn>,
    /// The TTL of the IP header, or the hop limit.
    pub ttl: Option<u8>,
    /// The options.
    pub options: Option<OptionsPattern>,
    /// When it must come.
    pub timing: Option<Timing>,
}

/// How many segments in a row a line stands for: `x3`, `x2..5`, `?`; without any of them, one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// At least this many.
    pub min: u32,
    /// At most this many.
    pub max: u32,
}

impl Count {
    /// Exactly one.
    pub const ONE: Count = Count { min: 1, max: 1 };
}

/// `<mss 1460, sack_ok, ts, nop, wscale>`: the options in header order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionsPattern {
    /// What must be there, in this order.
    pub items: Vec<OptionPattern>,
    /// Whether the list ends with `...`: others may follow.
    pub open: bool,
}

/// One option; what is `None` is not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionPattern {
    /// `eol`.
    End,
    /// `nop`.
    Nop,
    /// `mss` or `mss 1460`.
    Mss(Option<u16>),
    /// `wscale` or `wscale 7`.
    WindowScale(Option<u8>),
    /// `sack_ok`.
    SackPermitted,
    /// `sack` or `sack 1:13`, relative to the ISN of the segment's receiver.
    Sack(Option<Vec<(u32, u32)>>),
    /// `ts`.
    Timestamps,
    /// `tfo`.
    FastOpen,
    /// `kind 99`.
    Unknown(u8),
}

impl OptionPattern {
    /// How many bytes the option takes in the header when it holds what the pattern says and nothing else.
    #[expect(clippy::len_without_is_empty, reason = "no option is empty")]
    pub fn len(&self) -> usize {
        match self {
            OptionPattern::End | OptionPattern::Nop => 1,
            OptionPattern::Mss(_) => 4,
            OptionPattern::WindowScale(_) => 3,
            OptionPattern::SackPermitted | OptionPattern::FastOpen | OptionPattern::Unknown(_) => 2,
            OptionPattern::Sack(blocks) => 2 + 8 * blocks.as_ref().map_or(0, Vec::len),
            OptionPattern::Timestamps => 10,
        }
    }
}

/// When a segment must come, measured from `Scope`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// Not before.
    pub min: Duration,
    /// Not after; `None` for no limit.
    pub max: Option<Duration>,
    /// From where it is measured.
    pub since: Scope,
}

/// What a time is relative to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The start of the step's action: `within 250ms`.
    Action,
    /// The segment before this one in the capture: `after 200ms..220ms`, `after ~200ms` (a tenth more or less).
    PreviousSegment,
}
