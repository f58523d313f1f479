//! The clock of a run: the same one that the kernel stamps captured segments with.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::tcp::Nanos;

/// CLOCK_REALTIME, counted from the moment in which the capture was active. A clock step within a run shows as a stall.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: u64,
}

impl Clock {
    pub(super) fn start() -> Clock {
        Clock { start: realtime() }
    }

    pub(super) fn now(self) -> Nanos {
        self.since_start(realtime())
    }

    /// A kernel timestamp, in nanoseconds since the epoch, as a time of the run.
    pub(super) fn since_start(self, realtime: u64) -> Nanos {
        realtime.saturating_sub(self.start)
    }
}

fn realtime() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}
