//! What a scenario file means, after parsing.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{Action, Expect};
use crate::tcp::Party;

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
