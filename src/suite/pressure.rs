//! Two loads that reach beyond the lab's own threads: memory that is short, and a clock that somebody sets.
//!
//! Both are bounded. Memory is held by a process of its own, which the kernel would end first and which gives back when others
//! need more. The clock moves by a second or two and is put back by what CLOCK_MONOTONIC says. What other programs see of
//! it meanwhile is not undone: a build may find files of the future.

use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_settime};

/// How much is allocated, and given back, at a time: bytes.
const CHUNK: usize = 32 << 20;

/// Never is less than this left to the rest of the machine: bytes.
pub const LEAST_LEFT: u64 = 2 << 30;

/// One byte in each page makes it real.
const PAGE: usize = 4096;

/// Memory that is held and written to again and again.
#[derive(Debug)]
pub struct Hoard {
    chunks: Vec<Vec<u8>>,
    leave: u64,
    round: u8,
}

impl Hoard {
    /// Will hold all but `leave` bytes of what is available, and never less than [`LEAST_LEFT`].
    ///
    /// # Errors
    /// A reason, as a clause, where there is not enough to begin with, or where the kernel could not be told to end this
    /// process before any other.
    pub fn new(leave: u64) -> Result<Hoard, String> {
        let leave = leave.max(LEAST_LEFT);
        let available = available().map_err(|error| format!("cannot read /proc/meminfo: {error}"))?;
        if available < leave + CHUNK as u64 {
            return Err(format!(
                "{} MiB are available, and {} MiB are to be left",
                available >> 20,
                leave >> 20
            ));
        }
        // The first to go when memory runs out: this process, not the lab, and nobody else's.
        fs::write("/proc/self/oom_score_adj", "1000")
            .map_err(|error| format!("cannot write /proc/self/oom_score_adj: {error}"))?;
        Ok(Hoard {
            chunks: Vec::new(),
            leave,
            round: 0,
        })
    }

    /// Takes more or gives back, writes to a part of what is held, and returns how many bytes are held.
    ///
    /// # Errors
    /// `/proc/meminfo` cannot be read.
    pub fn turn(&mut self) -> io::Result<u64> {
        let chunk = CHUNK as u64;
        let available = available()?;
        if available < self.leave {
            let back = (self.leave - available).div_ceil(chunk) as usize;
            self.chunks.truncate(self.chunks.len().saturating_sub(back));
        } else if available > self.leave + 2 * chunk {
            let mut more = vec![0; CHUNK];
            dirty(&mut more, self.round);
            self.chunks.push(more);
        } else {
            self.round = self.round.wrapping_add(1);
            let count = self.chunks.len().max(1);
            let one = usize::from(self.round) * 7 % count;
            if let Some(chunk) = self.chunks.get_mut(one) {
                dirty(chunk, self.round);
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(self.chunks.len() as u64 * chunk)
    }
}

fn dirty(chunk: &mut [u8], with: u8) {
    chunk.iter_mut().step_by(PAGE).for_each(|byte| *byte = with | 1);
}

/// What programs could still have, in bytes: MemAvailable of proc_meminfo(5).
fn available() -> io::Result<u64> {
    meminfo("MemAvailable:")
}

/// All memory of the machine, in bytes.
///
/// # Errors
/// `/proc/meminfo` cannot be read, or does not tell.
pub fn all_memory() -> io::Result<u64> {
    meminfo("MemTotal:")
}

fn meminfo(key: &str) -> io::Result<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    text.lines()
        .find_map(|line| {
            line.strip_prefix(key)?
                .trim()
                .strip_suffix("kB")?
                .trim()
                .parse::<u64>()
                .ok()
        })
        .map(|kibibytes| kibibytes << 10)
        .ok_or_else(|| io::Error::other(format!("it does not tell `{key}`")))
}

/// The machine's clock, which is put back when this is dropped.
#[derive(Debug)]
pub struct ClockSteps {
    /// The right time at `steady`.
    right: Duration,
    steady: Instant,
}

impl ClockSteps {
    /// Finds out whether the clock can be set, by setting it to what it is.
    ///
    /// # Errors
    /// A reason, as a clause.
    pub fn new() -> Result<ClockSteps, String> {
        let steps = ClockSteps {
            steady: Instant::now(),
            right: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
        };
        steps
            .set(0)
            .map_err(|error| format!("cannot set the clock (CAP_SYS_TIME): {error}"))?;
        Ok(steps)
    }

    /// Sets the clock to the right time and so many milliseconds.
    ///
    /// # Errors
    /// Those of clock_settime(2).
    pub fn set(&self, milliseconds: i64) -> io::Result<()> {
        let right = self.right + self.steady.elapsed();
        let off = Duration::from_millis(milliseconds.unsigned_abs());
        let time = if milliseconds < 0 {
            right.saturating_sub(off)
        } else {
            right + off
        };
        clock_settime(ClockId::CLOCK_REALTIME, TimeSpec::from_duration(time)).map_err(io::Error::from)
    }
}

impl Drop for ClockSteps {
    fn drop(&mut self) {
        if let Err(error) = self.set(0) {
            eprintln!("error: cannot put the machine's clock back: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hoard_that_would_leave_too_little_is_refused_before_it_takes_anything() {
        let all = all_memory().expect("a machine that tells its memory");
        let refused = Hoard::new(all).expect_err("nothing would be left over");
        assert!(refused.contains("MiB are to be left"), "{refused}");
    }
}
