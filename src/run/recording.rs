//! Everything that is known about one run: what the judge judges, and what is saved as `run.json`.
//!
//! A recording is plain data. It is complete in itself: transcript, ladder, explanation and verdict are made from a
//! scenario and a recording, live or years later.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Damage, Fate, IcmpEvent};
pub use crate::bench::Counters;
pub use crate::capture::CaptureStats;
use crate::endpoint::ActionResult;
use crate::tcp::{Nanos, Party, Segment, State};

/// One run, from the moment in which the capture was active to its close.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// The scenario's name.
    pub scenario: String,
    /// Where the run took place.
    pub environment: Environment,
    /// What happened, in the order in which the lab learned of it. Segments stand in the order of the capture.
    pub entries: Vec<Entry>,
    /// How the run ended.
    pub ending: Ending,
    /// What libpcap counted.
    pub capture: CaptureStats,
    /// What the kernel counted in the bench's network namespace; `None` in host mode, where others send too.
    pub counters: Option<Counters>,
    /// The kernel's report on each connection end, taken just before it was closed or when the scenario ended.
    pub sockets: Vec<SocketReport>,
    /// The longest time in which the lab itself was held up.
    pub stall: Stall,
}

impl Recording {
    /// All captured segments in order.
    pub fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Segment(segment) => Some(segment),
            _ => None,
        })
    }

    /// What came of each action that has ended, by its step.
    pub fn results(&self) -> HashMap<usize, &ActionResult> {
        let ended = self.entries.iter().filter_map(|entry| match entry {
            Entry::ActionEnded { step, result, .. } => Some((*step, result)),
            _ => None,
        });
        ended.collect()
    }

    /// From the active capture to the last thing that happened.
    pub fn duration(&self) -> Duration {
        let last = self.entries.iter().rev().find_map(|entry| match entry {
            Entry::ActionStarted { at, .. } | Entry::ActionEnded { at, .. } | Entry::Fault { at, .. } => Some(*at),
            Entry::Segment(segment) => Some(segment.at),
            Entry::Icmp(event) => Some(event.at),
            Entry::Settled { .. } => None,
        });
        Duration::from_nanos(last.unwrap_or_default())
    }
}

/// The machine and the bench.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// `uname -r`.
    pub kernel: String,
    /// The version of tcplab.
    pub tcplab: String,
    /// Where the conversation took place.
    pub mode: Mode,
    /// The settings that the bench had written before the run, the profile's and the scenario's, by their names as sysctl(8)
    /// spells them without `net.`; none on the host's own loopback.
    #[serde(default)]
    pub sysctls: BTreeMap<String, String>,
}

/// Where a conversation takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// In a network namespace of its own with a pinned configuration.
    Private,
    /// On the host's own loopback, as it is configured.
    Host,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// The lab begins the step's action.
    ActionStarted {
        /// The step's number, from 0.
        step: usize,
        /// When.
        at: Nanos,
    },
    /// The step's action has ended; for a background action this may be any time later.
    ActionEnded {
        /// The step's number, from 0.
        step: usize,
        /// When.
        at: Nanos,
        /// What came of it.
        result: ActionResult,
    },
    /// A segment was captured.
    Segment(Segment),
    /// The wire did something with a segment that was captured before.
    Fault {
        /// The step of the line that says so.
        step: usize,
        /// When.
        at: Nanos,
        /// The segment, by its index among all captured ones, from 0.
        segment: usize,
        /// What became of it.
        fate: Fate,
        /// Which bit has changed, of one that was corrupted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        damage: Option<Damage>,
    },
    /// The lab has sent an ICMP error about a segment.
    Icmp(IcmpEvent),
    /// The step's segments have been seen and everything in flight was delivered: what the kernel reports now.
    Settled {
        /// The step's number, from 0.
        step: usize,
        /// The client's end; [`State::Closed`] when the kernel knows no such socket, `None` when it was not asked because
        /// this end has no socket.
        client: Option<State>,
        /// The server's end of the connection, or its listener while there is no connection; `None` as for the client.
        server: Option<State>,
    },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// All steps were played.
    Completed,
    /// A segment came that no expectation allows, or one that was required can no longer come.
    Mismatch {
        /// The step in progress.
        step: usize,
    },
    /// An action ended otherwise than the scenario says.
    ActionFailed {
        /// Its step.
        step: usize,
    },
    /// The step's segments or its action did not come to an end in time.
    Deadline {
        /// The step in progress.
        step: usize,
    },
    /// The end of the scenario was reached, but a connection was still retransmitting or probing.
    Unquiet {
        /// What was going on.
        detail: String,
    },
    /// The user interrupted the run.
    Interrupted,
}

/// One connection end as the kernel saw it (`TCP_INFO`, tcp(7)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketReport {
    /// Whose end.
    pub party: Party,
    /// How many segments had been captured when the report was taken.
    pub after_segments: usize,
    /// Those of them that the wire had kept from their receiver, by their index from 0.
    #[serde(default)]
    pub undelivered: Vec<usize>,
    /// Its state then.
    pub state: State,
    /// tcpi_segs_in.
    pub segs_in: u32,
    /// tcpi_segs_out.
    pub segs_out: u32,
    /// tcpi_bytes_received: payload bytes taken in order.
    pub bytes_received: u64,
    /// tcpi_bytes_acked: payload bytes that the peer acknowledged.
    pub bytes_acked: u64,
    /// tcpi_bytes_sent: payload bytes sent, retransmissions included.
    pub bytes_sent: u64,
    /// tcpi_total_retrans.
    pub retransmits: u32,
}

/// How long the machine held the lab up, and how far its clock was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stall {
    /// The longest time between the capture of a segment and its being read, or within a stretch of the lab's own code
    /// that waits for nothing.
    pub longest: Nanos,
    /// The step in which that was.
    pub step: usize,
    /// How far somebody set the machine's clock meanwhile, at the most: captured segments are stamped with it.
    #[serde(default)]
    pub clock_step: Nanos,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_from_before_settings_were_recorded_is_still_read() {
        let old = r#"{"kernel": "6.18.44", "tcplab": "0.1.0", "mode": "private"}"#;
        let environment: Environment = serde_json::from_str(old).unwrap();
        assert!(environment.sysctls.is_empty());
    }
}
