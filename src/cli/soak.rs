//! `tcplab soak`: plays scenarios very often while the machine is under load, and counts the verdicts.
//!
//! Each load is a stage. The runs of a stage are made by a process of its own (`stage.rs`), so that it can be stopped as a
//! whole without the shell taking notice, and so that its death would be a result and not the end of the report. This process
//! makes the load, passes signals on, and reports.

mod loads;
mod report;
mod stage;

use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;

use self::loads::{Loads, Pressure};
use self::report::{Report, StageReport, Told};
use super::Exit;
use super::folders::Folders;
use super::load::{load, report_error};
use crate::report::Theme;

/// The arguments of `tcplab soak`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Names, files, folders, or parts of names; all scenarios that are not slow when none is given
    #[arg(value_name = "SCENARIO", add = super::completions::scenarios())]
    selectors: Vec<String>,
    #[command(flatten)]
    folders: Folders,
    /// Play each scenario N times under each load [default: 100]
    #[arg(long, value_name = "N", conflicts_with = "duration")]
    runs: Option<NonZeroUsize>,
    /// Play all scenarios in turn for this long under each load: `90s`, `10min`, `2h`
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    duration: Option<Duration>,
    /// Under which loads, one after the other: idle, busy, memory, stopped, clock, or several at once as in `busy+stopped`
    #[arg(
        long = "load",
        value_name = "LOAD",
        value_delimiter = ',',
        default_value = "idle,busy"
    )]
    loads: Vec<Loads>,
    /// How many scenarios to run at once [default: four per core]
    #[arg(long, short, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Play slow scenarios too, which take minutes
    #[arg(long)]
    slow: bool,
    /// For the load `memory`: how much to leave to the rest of the machine [default: a tenth, at least 2048]
    #[arg(long, value_name = "MIB")]
    leave: Option<u64>,
    /// What the process is, of those that a soak consists of
    #[arg(long, hide = true)]
    part: Option<Part>,
}

/// The processes of a soak beside the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Plays the runs of one stage.
    Stage,
    /// Holds memory.
    Hoard,
}

pub(super) fn main(args: &Args, theme: &Theme) -> Exit {
    match args.part {
        Some(Part::Stage) => return stage::main(args, theme),
        Some(Part::Hoard) => return loads::hoard(args.leave),
        None => {}
    }
    // Mistakes are told once, before anything is loaded onto the machine.
    if let Err(error) = load(&args.folders.library(), &args.selectors) {
        return report_error(&error, theme);
    }
    supervise(args).unwrap_or_else(|error| {
        // Nobody reads on: that is no reason to complain.
        if error.kind() != io::ErrorKind::BrokenPipe {
            eprintln!("error: {error}");
        }
        Exit::Environment
    })
}

/// `90s`, `10min`, `2h`.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "s" => 1,
        "min" | "m" => 60,
        "h" => 3600,
        _ => return Err("expected a number and s, min or h, as in 90s, 10min or 2h".to_owned()),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "expected a number before the unit".to_owned())?;
    match number.checked_mul(seconds) {
        None | Some(0) => Err("expected a time between a second and some years".to_owned()),
        Some(seconds) => Ok(Duration::from_secs(seconds)),
    }
}

/// Plays one stage after the other and reports.
fn supervise(args: &Args) -> io::Result<Exit> {
    let mut signals = SigSet::empty();
    signals.extend([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGCHLD]);
    signals.thread_block()?;
    let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
    let mut report = Report::begin();
    let file = args.folders.out.join("soak.json");
    for loads in &args.loads {
        let stage = stage_of(args, loads, &signals)?;
        write!(io::stdout(), "{stage}")?;
        let interrupted = stage.interrupted;
        report.stages.push(stage);
        // After each stage, so that a later one that goes wrong takes nothing away.
        report.save(&file).map_err(|error| named(&file, error))?;
        if interrupted {
            break;
        }
    }
    write!(io::stdout(), "{report}")?;
    writeln!(io::stdout(), "all figures: {}", file.display())?;
    Ok(report.exit())
}

fn named(file: &Path, error: io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!(
            "cannot write `{}`: {error}\n  help: name another folder with --out DIR",
            file.display()
        ),
    )
}

/// Makes the load, has the runs made, and collects what came of them.
fn stage_of(args: &Args, loads: &Loads, signals: &SignalFd) -> io::Result<StageReport> {
    let started = Instant::now();
    let mut pressure = match Pressure::begin(loads, args.leave) {
        Ok(pressure) => pressure,
        Err(reason) => return Ok(StageReport::not_possible(loads, reason)),
    };
    let mut child = part(args, Part::Stage, loads)?;
    let mut pipe = child
        .stdout
        .take()
        .ok_or_else(|| io::Error::other("the stage has no output"))?;
    let reader = thread::Builder::new().spawn(move || {
        let mut text = Vec::new();
        pipe.read_to_end(&mut text).map(|_| text)
    })?;
    let (status, interrupted) = watch(&mut child, &mut pressure, signals)?;
    let text = reader
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the stage's output could not be read")))?;
    let made = pressure.end();
    let told: Option<Told> = serde_json::from_slice(&text).ok();
    Ok(StageReport::new(
        loads,
        started.elapsed(),
        made,
        told,
        ended(status),
        interrupted,
    ))
}

/// Until the stage is over: passes signals on, and lets the load take its turns.
fn watch(child: &mut Child, pressure: &mut Pressure, signals: &SignalFd) -> io::Result<(ExitStatus, bool)> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    use std::os::fd::AsFd;

    let pid = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    let mut interrupted = false;
    loop {
        let pause = u16::try_from(pressure.pause().as_millis()).unwrap_or(u16::MAX);
        let mut waits = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        match poll(&mut waits, PollTimeout::from(pause)) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        while let Some(signal) = signals.read_signal()? {
            let signal = Signal::try_from(signal.ssi_signo.cast_signed())?;
            if signal != Signal::SIGCHLD {
                interrupted = true;
                pressure.let_go(pid)?;
                // The child may be gone by now; it is waited for below.
                let _ = kill(pid, signal);
            }
        }
        if let Some(status) = child.try_wait()? {
            return Ok((status, interrupted));
        }
        if !interrupted {
            pressure.turn(pid)?;
        }
    }
}

/// Starts this program once more, as a part of the soak.
fn part(args: &Args, part: Part, loads: &Loads) -> io::Result<Child> {
    let name = clap::ValueEnum::to_possible_value(&part).map(|value| value.get_name().to_owned());
    let mut command = Command::new(PathBuf::from("/proc/self/exe"));
    command.args(["soak", "--part", &name.unwrap_or_default()]);
    let path = |option: &str, path: &Path| [option.into(), path.as_os_str().to_owned()];
    command
        .args(path("--scenarios", &args.folders.scenarios))
        .args(path("--snapshots", &args.folders.snapshots))
        .args(path("--out", &args.folders.out))
        .args(["--load", &loads.to_string()]);
    if let Some(runs) = args.runs {
        command.args(["--runs", &runs.to_string()]);
    }
    if let Some(duration) = args.duration {
        command.args(["--for", &format!("{}s", duration.as_secs())]);
    }
    if let Some(jobs) = args.jobs {
        command.args(["--jobs", &jobs.to_string()]);
    }
    if args.slow {
        command.arg("--slow");
    }
    command.arg("--").args(&args.selectors);
    // A group of its own: Ctrl-C comes from here alone, and the shell does not see it stop.
    command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
}

/// How the process of a stage ended, where that is not as it should.
fn ended(status: ExitStatus) -> Option<String> {
    match (status.code(), status.signal()) {
        (Some(code), _) if code == i32::from(Exit::Pass.code()) || code == i32::from(Exit::Interrupted.code()) => None,
        (Some(code), _) => Some(format!("the process that played ended with exit code {code}")),
        (None, Some(signal)) => Some(format!("signal {signal} ended the process that played")),
        (None, None) => Some("the process that played ended in an unknown way".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("10min"), Ok(Duration::from_secs(600)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        for bad in [
            "",
            "s",
            "10",
            "0s",
            "1.5h",
            "10 min",
            "99999999999999999999h",
            "9999999999999999999h",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
