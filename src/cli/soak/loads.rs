//! The loads of a soak: what the runs have to put up with.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Serialize;

use crate::cli::Exit;
use crate::suite::pressure::{ClockSteps, Hoard, LEAST_LEFT, all_memory};

/// One kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Idle,
    Busy,
    Memory,
    Stopped,
    Clock,
}

impl Kind {
    const ALL: [(Kind, &'static str); 5] = [
        (Kind::Idle, "idle"),
        (Kind::Busy, "busy"),
        (Kind::Memory, "memory"),
        (Kind::Stopped, "stopped"),
        (Kind::Clock, "clock"),
    ];
}

/// The load of one stage: `busy+stopped`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Loads(Vec<Kind>);

impl Loads {
    pub(super) fn has(&self, kind: Kind) -> bool {
        self.0.contains(&kind)
    }
}

impl FromStr for Loads {
    type Err = String;

    fn from_str(text: &str) -> Result<Loads, String> {
        let kind = |word: &str| {
            let known = Kind::ALL.iter().find(|(_, name)| *name == word);
            known.map(|(kind, _)| *kind).ok_or_else(|| {
                format!(
                    "`{word}` is no load; expected idle, busy, memory, stopped, clock, or several as in busy+stopped"
                )
            })
        };
        let kinds = text.split('+').map(kind).collect::<Result<Vec<_>, _>>()?;
        if kinds.len() > 1 && kinds.contains(&Kind::Idle) {
            return Err("`idle` is the absence of any other load".to_owned());
        }
        Ok(Loads(kinds))
    }
}

impl fmt::Display for Loads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |kind: &Kind| {
            Kind::ALL
                .iter()
                .find(|(other, _)| other == kind)
                .map_or("", |(_, name)| *name)
        };
        let names: Vec<&str> = self.0.iter().map(name).collect();
        f.write_str(&names.join("+"))
    }
}

/// What was done to the machine and the lab in a stage.
#[derive(Debug, Default, Clone, Serialize)]
pub(super) struct Made {
    /// How often the process that plays was stopped.
    pub(super) stops: u64,
    /// For how long in all, seconds.
    pub(super) stopped_seconds: f64,
    /// How often the clock was set.
    pub(super) clock_steps: u64,
    /// The most memory that was held, MiB.
    pub(super) memory_mib: u64,
}

/// The loads that go on while a stage plays.
pub(super) struct Pressure {
    made: Made,
    chance: Chance,
    stops: Option<Stops>,
    clock: Option<Clock>,
    hoard: Option<(Child, BufReader<std::process::ChildStdout>)>,
}

struct Stops {
    /// Since when the process stands still, if it does.
    since: Option<Instant>,
    next: Instant,
}

struct Clock {
    steps: ClockSteps,
    next: Instant,
}

impl Pressure {
    /// # Errors
    /// Why this load is not possible here, as a clause.
    pub(super) fn begin(loads: &Loads, leave: Option<u64>) -> Result<Pressure, String> {
        let mut pressure = Pressure {
            made: Made::default(),
            chance: Chance::default(),
            stops: None,
            clock: None,
            hoard: None,
        };
        if loads.has(Kind::Clock) {
            let steps = ClockSteps::new()?;
            let next = Instant::now();
            pressure.clock = Some(Clock { steps, next });
        }
        if loads.has(Kind::Memory) {
            pressure.hoard = Some(begin_hoard(leave)?);
        }
        if loads.has(Kind::Stopped) {
            let next = Instant::now() + Duration::from_millis(200);
            pressure.stops = Some(Stops { since: None, next });
        }
        Ok(pressure)
    }

    /// How long nothing is to be done.
    pub(super) fn pause(&self) -> Duration {
        let next = [
            self.stops.as_ref().map(|stops| stops.next),
            self.clock.as_ref().map(|clock| clock.next),
        ];
        let next = next.into_iter().flatten().min();
        next.map_or(Duration::from_secs(1), |next| {
            next.saturating_duration_since(Instant::now())
        })
        .min(Duration::from_secs(1))
    }

    /// Does what is due.
    pub(super) fn turn(&mut self, pid: Pid) -> io::Result<()> {
        let now = Instant::now();
        if let Some(stops) = self.stops.as_mut().filter(|stops| stops.next <= now) {
            match stops.since.take() {
                None => {
                    kill(pid, Signal::SIGSTOP)?;
                    stops.since = Some(now);
                    // Most stops are short: those are the ones that are hard to notice.
                    let longest = [60, 120, 400, 2000][self.chance.below(4) as usize];
                    stops.next = now + Duration::from_millis(50 + self.chance.below(longest - 50));
                }
                Some(since) => {
                    kill(pid, Signal::SIGCONT)?;
                    self.made.stops += 1;
                    self.made.stopped_seconds += since.elapsed().as_secs_f64();
                    stops.next = now + Duration::from_millis(20 + self.chance.below(500));
                }
            }
        }
        if let Some(clock) = self.clock.as_mut().filter(|clock| clock.next <= now) {
            let milliseconds = 10 + self.chance.below(1990).cast_signed();
            let sign = [-1, 0, 1][self.chance.below(3) as usize];
            clock.steps.set(sign * milliseconds)?;
            self.made.clock_steps += 1;
            // Now and then it is left alone for long enough that a scenario with times can pass.
            let longest = [50, 400, 400, 6000][self.chance.below(4) as usize];
            clock.next = now + Duration::from_millis(5 + self.chance.below(longest));
        }
        Ok(())
    }

    /// Lets the process go on, for good.
    pub(super) fn let_go(&mut self, pid: Pid) -> io::Result<()> {
        if let Some(Stops { since: Some(_), .. }) = self.stops.take() {
            kill(pid, Signal::SIGCONT)?;
        }
        Ok(())
    }

    /// Ends the load, puts the clock back, and says what was done.
    pub(super) fn end(mut self) -> Made {
        if let Some((mut child, mut told)) = self.hoard.take() {
            // It ends when nobody holds the other end of its input.
            drop(child.stdin.take());
            let mut line = String::new();
            while told.read_line(&mut line).is_ok_and(|read| read > 0) {
                if let Some(mib) = line.trim().parse().ok().filter(|mib| *mib > self.made.memory_mib) {
                    self.made.memory_mib = mib;
                }
                line.clear();
            }
            let _ = child.wait();
        }
        self.made
    }
}

/// Starts the process that holds memory. It takes a while until it holds all that it will, which is a load too.
fn begin_hoard(leave: Option<u64>) -> Result<(Child, BufReader<std::process::ChildStdout>), String> {
    let failed = |error: io::Error| format!("the process that holds memory could not be started: {error}");
    let mut command = Command::new("/proc/self/exe");
    command.args(["soak", "--part", "hoard"]);
    if let Some(leave) = leave {
        command.args(["--leave", &leave.to_string()]);
    }
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut told = BufReader::new(child.stdout.take().expect("its output is a pipe"));
    let mut line = String::new();
    told.read_line(&mut line).map_err(failed)?;
    if line.trim() == "begun" {
        Ok((child, told))
    } else {
        let _ = child.wait();
        Err(line.trim().to_owned())
    }
}

/// The process that holds memory: until its standard input ends. It says `begun`, or why it cannot, and at the end how many
/// MiB it held at the most.
pub(super) fn hoard(leave: Option<u64>) -> Exit {
    let tenth = all_memory().unwrap_or_default() / 10;
    let leave = leave.map_or(tenth, |mib| mib << 20).max(LEAST_LEFT);
    let mut hoard = match Hoard::new(leave) {
        Ok(hoard) => hoard,
        Err(reason) => {
            let _ = writeln!(io::stdout(), "{reason}");
            return Exit::Environment;
        }
    };
    let _ = writeln!(io::stdout(), "begun");
    let mut most = 0;
    loop {
        let Ok(held) = hoard.turn() else {
            return Exit::Environment;
        };
        most = most.max(held);
        let stdin = io::stdin();
        let mut waits = [PollFd::new(std::os::fd::AsFd::as_fd(&stdin), PollFlags::POLLIN)];
        if poll(&mut waits, PollTimeout::ZERO).is_ok_and(|ready| ready > 0) {
            let _ = writeln!(io::stdout(), "{}", most >> 20);
            return Exit::Pass;
        }
    }
}

/// Numbers that nobody foresees; splitmix64.
struct Chance(u64);

impl Default for Chance {
    fn default() -> Chance {
        Chance(RandomState::new().hash_one(0))
    }
}

impl Chance {
    /// From 0, below the limit.
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_are_printed_as_they_are_read() {
        for text in [
            "idle",
            "busy",
            "memory",
            "stopped",
            "clock",
            "busy+stopped",
            "busy+memory+clock",
        ] {
            assert_eq!(
                text.parse::<Loads>().map(|loads| loads.to_string()),
                Ok(text.to_owned())
            );
        }
        for bad in ["", "bussy", "idle+busy", "busy+", "busy stopped"] {
            assert!(bad.parse::<Loads>().is_err(), "{bad}");
        }
    }
}
