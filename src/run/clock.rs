//! The clock of a run: the same one that the kernel stamps captured segments with.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::tcp::Nanos;

/// CLOCK_REALTIME, counted from the moment in which the capture was active. Somebody may set it meanwhile, which shows
/// against CLOCK_MONOTONIC, which nobody can set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: u64,
    /// CLOCK_MONOTONIC just before and just after `start` was read.
    steady: (Instant, Instant),
}

impl Clock {
    pub(super) fn start() -> Clock {
        let before = Instant::now();
        let start = realtime();
        let steady = (before, Instant::now());
        Clock { start, steady }
    }

    pub(super) fn now(self) -> Nanos {
        self.since_start(realtime())
    }

    /// A kernel timestamp, in nanoseconds since the epoch, as a time of the run.
    pub(super) fn since_start(self, realtime: u64) -> Nanos {
        realtime.saturating_sub(self.start)
    }

    /// How far the clock is from where it would be had nobody set it since the start of the run, in nanoseconds. That the lab
    /// was held up between two of these readings is no step of the clock: only what no delay explains counts.
    pub(super) fn step(self) -> Nanos {
        let before = Instant::now();
        let now = i128::from(realtime()) - i128::from(self.start);
        let after = Instant::now();
        let shortest = nanos(before.duration_since(self.steady.1));
        let longest = nanos(after.duration_since(self.steady.0));
        let step = (shortest - now).max(now - longest).max(0);
        u64::try_from(step).unwrap_or(u64::MAX)
    }
}

fn nanos(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)
}

fn realtime() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_shows_and_one_that_was_not_does_not() {
        let hour = 3_600_000_000_000;
        let clock = Clock::start();
        let harmless = 5_000_000;
        assert!(clock.step() < harmless, "{}", clock.step());
        for start in [clock.start - hour, clock.start + hour] {
            let step = Clock { start, ..clock }.step();
            assert!(step.abs_diff(hour) < harmless, "{step}");
        }
    }
}
