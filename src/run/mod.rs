//! The orchestrator: a scenario goes in, run events and a [`Recording`] come out.
//!
//! One run uses one OS thread: it enters a bench of its own, opens the capture, performs the actions step by step and
//! goes on when the segments that a step must cause have been seen. It does not judge: `judge` does, from the recording.

mod calls;
mod clock;
mod eyes;
mod fate;
mod forge;
mod icmp;
mod interrupt;
mod log;
mod play;
mod recording;
mod wire;

use std::any::Any;
use std::io;
use std::thread;

use thiserror::Error;
use tokio::runtime;
use tokio::task::LocalSet;

use self::clock::Clock;
use self::eyes::Eyes;
use self::log::Log;
use self::play::Play;
use self::wire::Wire;
use crate::bench::{Bench, BenchError, BenchSettings};
use crate::capture::{CaptureError, EncodeError, Frame, Live};
pub use crate::endpoint::ActionResult;
use crate::scenario::{Expect, Scenario, Settings, Verb};
use crate::tcp::Party;
pub use calls::{Calls, calls_in_the_end, ends_connection};
pub use fate::{Damage, Fate, Fates, Way};
pub use icmp::{IcmpEvent, IcmpFate};
pub use interrupt::Interrupt;
pub use recording::{CaptureStats, Counters, Ending, Entry, Environment, Mode, Recording, SocketReport, Stall};

/// How runs are made, the same for all scenarios of a suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Where the conversation takes place.
    pub mode: Mode,
    /// The server's port in host mode; `None` for one that is free.
    pub port: Option<u16>,
}

/// A run that took place.
#[derive(Debug)]
pub struct Run {
    /// What happened.
    pub recording: Recording,
    /// The captured TCP and ICMP frames, for a capture file.
    pub frames: Vec<Frame>,
}

/// Why a run could not take place, or could not go on. None of these says anything about TCP.
#[derive(Debug, Error)]
pub enum RunError {
    /// No bench.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// No capture.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The loopback interface speaks a link layer that cannot be decoded.
    #[error("loopback uses link type {0}, which tcplab cannot decode")]
    LinkType(i32),
    /// The packets on the wire are not those of the capture.
    #[error("a packet on the wire is not the segment that was captured in its turn: something else sends on the bench")]
    Wire,
    /// A system call of the lab's own failed.
    #[error("the lab's own `{call}` failed: {error}")]
    Io {
        /// The system call.
        call: &'static str,
        /// What it reported.
        error: io::Error,
    },
    /// This kernel or machine lacks what the scenario needs: it is skipped, which is no failure.
    #[error("{what}")]
    Unsupported {
        /// What is missing, as a clause.
        what: String,
    },
    /// A segment cannot be put into a packet.
    #[error("a segment made by hand cannot be sent: {0}")]
    Encode(#[from] EncodeError),
    /// A packet that the lab made cannot be decoded by itself.
    #[error("a segment made by hand could not be decoded again, which is a defect of tcplab")]
    Undecodable,
    /// A defect of the lab.
    #[error("the run panicked, which is a defect of tcplab: {0}")]
    Panicked(String),
}

impl RunError {
    fn io(call: &'static str, error: io::Error) -> RunError {
        RunError::Io { call, error }
    }
}

/// Plays a scenario on a bench of its own. `observe` is told each entry of the recording as it comes.
///
/// # Errors
/// See [`RunError`]. That something else than expected happened is not an error: it stands in the recording.
pub fn run(
    scenario: &Scenario,
    options: &Options,
    interrupt: &Interrupt,
    observe: &mut (dyn FnMut(&Entry) + Send),
) -> Result<Run, RunError> {
    in_thread(scenario, options, interrupt, observe, false)
}

/// Plays a scenario to find out what happens: whatever segments come and however calls end, the run goes on. The lines of
/// the scenario only ask for patience: a step waits for what they name as long as it may still come.
///
/// # Errors
/// See [`RunError`].
pub fn explore(scenario: &Scenario, options: &Options, interrupt: &Interrupt) -> Result<Run, RunError> {
    in_thread(scenario, options, interrupt, &mut |_| {}, true)
}

fn in_thread(
    scenario: &Scenario,
    options: &Options,
    interrupt: &Interrupt,
    observe: &mut (dyn FnMut(&Entry) + Send),
    explores: bool,
) -> Result<Run, RunError> {
    // A thread of its own: it leaves the network namespace of all others, and it never comes back.
    thread::scope(|scope| {
        let bench = thread::Builder::new()
            .name(scenario.name.clone())
            .spawn_scoped(scope, || on_bench(scenario, options, interrupt, observe, explores))
            .map_err(|error| RunError::io("clone", error))?;
        bench
            .join()
            .unwrap_or_else(|panic| Err(RunError::Panicked(panic_text(panic.as_ref()))))
    })
}

fn on_bench(
    scenario: &Scenario,
    options: &Options,
    interrupt: &Interrupt,
    observe: &mut (dyn FnMut(&Entry) + Send),
    explores: bool,
) -> Result<Run, RunError> {
    let Settings { family, .. } = scenario.settings;
    let mut bench = match options.mode {
        Mode::Private => Bench::open(&BenchSettings {
            family,
            quickack: scenario.settings.quickack,
            mtu: scenario.settings.mtu,
            offloads: scenario.settings.offloads,
            sysctls: scenario.settings.sysctls.clone(),
            route: scenario.settings.route,
            fake: scenario.settings.peer,
        })
        .map_err(|error| match error {
            BenchError::Unsupported(what) => RunError::Unsupported { what },
            error => error.into(),
        })?,
        Mode::Host => match needs_a_bench(scenario) {
            Some(need) => {
                let what = format!("the scenario {need}, which is not done on the host's own loopback");
                return Err(RunError::Unsupported { what });
            }
            None => Bench::host(family, options.port)?,
        },
    };
    let has_wire = scenario.steps().any(|step| matches!(step.action.verb, Verb::Wire(_)));
    let queue = has_wire
        .then(|| bench.queue())
        .transpose()
        .map_err(|error| match error {
            error @ BenchError::NoQueue { .. } => RunError::Unsupported {
                what: error.to_string(),
            },
            error => error.into(),
        })?;
    let sysctls = bench.settings().clone();
    let live = Live::open(bench.capture_filter().as_deref())?;
    let clock = Clock::start();
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| RunError::io("epoll_create", error))?;
    runtime.block_on(LocalSet::new().run_until(async {
        let wire = queue.map(|queue| Wire::new(queue, clock)).transpose()?;
        let eyes = Eyes::open(live, clock, bench.server_address(), scenario, wire)?;
        let mut play = Play::new(
            scenario,
            &mut bench,
            interrupt,
            clock,
            eyes,
            Log::new(observe),
            explores,
        );
        let ending = play.play().await?;
        // The last words come before the play drops its sockets, which puts more segments on the wire.
        let (counters, capture) = (play.bench.counters()?, play.eyes.stats()?);
        let stall = play.close_watch();
        let Play { log, sockets, .. } = &mut play;
        let recording = Recording {
            scenario: scenario.name.clone(),
            environment: Environment {
                kernel: kernel_release(),
                tcplab: env!("CARGO_PKG_VERSION").to_owned(),
                mode: options.mode,
                sysctls,
            },
            entries: std::mem::take(&mut log.entries),
            ending,
            counters,
            capture,
            sockets: std::mem::take(sockets),
            stall,
        };
        Ok(Run {
            recording,
            frames: play.close_capture(),
        })
    }))
}

/// What of the scenario only a private bench can do, as the end of a sentence.
fn needs_a_bench(scenario: &Scenario) -> Option<&'static str> {
    let has = |wanted: fn(&Verb) -> bool| scenario.steps().any(|step| wanted(&step.action.verb));
    let streams = || {
        let mut lines = scenario.steps().flat_map(|step| &step.expect);
        lines.any(|line| matches!(line, Expect::Stream { .. }))
    };
    if scenario.settings.need_a_bench() {
        Some("changes settings")
    } else if has(|verb| matches!(verb, Verb::Peer(_))) {
        Some("sends segments made by hand")
    } else if has(|verb| matches!(verb, Verb::Icmp(_))) {
        Some("sends ICMP errors made by hand")
    } else if has(|verb| matches!(verb, Verb::Wire(_))) {
        Some("disturbs the wire")
    } else if has(|verb| matches!(verb, Verb::Connect { to_self: true })) {
        Some("connects a socket to itself, past the server's port that is captured")
    } else if scenario.steps().any(|step| {
        step.action.party == Party::Server && matches!(step.action.verb, Verb::Connect { .. } | Verb::ConnectTo(_))
    }) {
        Some("connects from the server's end to the client's port, which is not known there")
    } else if has(|verb| matches!(verb, Verb::Bind(_) | Verb::ConnectTo(_))) {
        // On the host an address may be somebody's: nothing is ever sent beyond loopback.
        Some("names addresses or ports")
    } else if streams() {
        Some("is about full-sized segments")
    } else {
        None
    }
}

/// `uname -r`.
pub fn kernel_release() -> String {
    nix::sys::utsname::uname().map_or_else(|_| String::new(), |name| name.release().to_string_lossy().into_owned())
}

pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "no message".to_owned())
}
