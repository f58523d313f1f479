//! `tcplab run`: plays scenarios and shows what happened.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;

use indicatif::ProgressDrawTarget;

use super::Exit;
use super::folders::Folders;
use super::load::{covering, load, report_error};
use super::reports::{ReportArgs, Reports};
use super::signals::prepare;
use super::steady;
use super::workers::workers;
use crate::report::{self, Artefact, Closing, Detail, Live, Outcome, Summary, Theme};
use crate::run::{Interrupt, Mode, Options, kernel_release};
use crate::scenario::Scenario;
use crate::snapshot::Store;
use crate::suite::{self, Conclusion, Ended, Event, Lab, Load, Suite, Tally};

/// The arguments of `tcplab run`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Names, files, folders, or parts of names; all scenarios when none is given
    #[arg(value_name = "SCENARIO", add = super::completions::scenarios())]
    selectors: Vec<String>,
    #[command(flatten)]
    folders: Folders,
    /// Explain each segment: what it does, and by which rule its numbers follow
    #[arg(long)]
    explain: bool,
    /// Show verdict lines only
    #[arg(long, short)]
    quiet: bool,
    /// How many scenarios to run at once [default: four per core]
    #[arg(long, short, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Run each scenario N times, and demand N identical transcripts
    #[arg(long, value_name = "N")]
    repeat: Option<NonZeroUsize>,
    /// Begin no further run after the first one that does not pass
    #[arg(long)]
    fail_fast: bool,
    /// Play the selection again and again until a run does not pass, or until Ctrl-C; at most --repeat times
    #[arg(long)]
    until_fail: bool,
    /// Only scenarios that cover this requirement or transition of RFC 9293, such as MUST-14 or T15; can be given again
    #[arg(long, value_name = "ID")]
    covers: Vec<String>,
    /// Play slow scenarios too, which take minutes; otherwise only when they are named
    #[arg(long)]
    slow: bool,
    /// Keep all cores busy meanwhile
    #[arg(long)]
    busy: bool,
    /// Use the host's own loopback instead of a private one; needs the right to capture, and shares the port
    #[arg(long)]
    host: bool,
    /// The server's port on the host's loopback [default: a free one]
    #[arg(long, value_name = "PORT", requires = "host", value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    #[command(flatten)]
    reports: ReportArgs,
}

pub(super) fn main(args: &Args, theme: &Theme) -> Exit {
    let scenarios = match load(&args.folders.library(), &args.selectors) {
        Ok(scenarios) => scenarios,
        Err(error) => return report_error(&error, theme),
    };
    let covering = covering(scenarios, &args.covers).and_then(|covering| match covering.uncovered.first() {
        Some(id) => Err(format!(
            "no scenario that is named covers {id}\n  help: `tcplab list --covers {id}` asks all of them"
        )),
        None => Ok(covering.scenarios),
    });
    let mut scenarios = match covering {
        Ok(scenarios) => scenarios,
        Err(message) => {
            eprintln!("error: {message}");
            return Exit::Usage;
        }
    };
    let left_out = leave_out_slow(args, &mut scenarios);
    let mode = if args.host { Mode::Host } else { Mode::Private };
    let reports = match Reports::open(&args.reports, mode) {
        Ok(reports) => reports,
        Err(message) => {
            eprintln!("error: {message}");
            return Exit::Usage;
        }
    };
    let interrupt = match prepare(mode) {
        Ok(interrupt) => interrupt,
        Err(exit) => return exit,
    };
    let _load = match args.busy.then(Load::start).transpose() {
        Ok(load) => load,
        Err(error) => {
            eprintln!("error: cannot keep the cores busy: {error}");
            return Exit::Environment;
        }
    };
    let lab = Lab {
        snapshots: Store::new(&args.folders.snapshots),
        out: args.folders.out.clone(),
        options: Options { mode, port: args.port },
    };
    let shown = show(args, lab, scenarios, reports, &interrupt, theme).and_then(|exit| {
        let told = format!("{left_out} slow left out: --slow plays them too\n");
        match left_out {
            0 => {}
            _ if args.reports.take_stdout() => io::stderr().write_all(told.as_bytes())?,
            _ => io::stdout().write_all(told.as_bytes())?,
        }
        Ok(exit)
    });
    shown.unwrap_or_else(|error| {
        // Nobody reads on: `tcplab run | head` must not panic.
        if error.kind() != io::ErrorKind::BrokenPipe {
            eprintln!("error: cannot write the report: {error}");
        }
        Exit::Environment
    })
}

/// Takes out the slow scenarios that nobody asked for by name, and says how many those are.
fn leave_out_slow(args: &Args, scenarios: &mut Vec<Arc<Scenario>>) -> usize {
    let is_named = |scenario: &Scenario| {
        let path = scenario.path.to_string_lossy();
        args.selectors
            .iter()
            .any(|word| *word == scenario.name || *word == path)
    };
    let all = scenarios.len();
    // A selection of nothing but slow ones is asked for too.
    let all_are_meant = args.selectors.is_empty() && args.covers.is_empty();
    if !args.slow && (all_are_meant || scenarios.iter().any(|scenario| !scenario.slow)) {
        scenarios.retain(|scenario| !scenario.slow || is_named(scenario));
    }
    all - scenarios.len()
}

/// How many runs there are to be; `None` where only a failure or Ctrl-C ends them.
fn total(args: &Args, scenarios: usize) -> Option<usize> {
    match (args.repeat, args.until_fail) {
        (None, true) => None,
        (repeat, _) => Some(scenarios.saturating_mul(repeat.map_or(1, NonZeroUsize::get))),
    }
}

/// Plays everything and prints the report.
fn show(
    args: &Args,
    lab: Lab,
    scenarios: Vec<Arc<Scenario>>,
    mut reports: Reports,
    interrupt: &Interrupt,
    theme: &Theme,
) -> io::Result<Exit> {
    let repeats = args.repeat.is_some_and(|times| times.get() > 1) || args.until_fail;
    let runs = total(args, scenarios.len());
    let detail = match (args.quiet, repeats, runs) {
        (_, true, _) => Detail::Silent,
        (true, ..) => Detail::Quiet,
        (false, false, Some(1)) => Detail::Session,
        _ => Detail::Suite,
    };
    let suite = Suite {
        tcplab: env!("CARGO_PKG_VERSION").to_owned(),
        kernel: kernel_release(),
        mode: lab.options.mode,
        jobs: match args.jobs {
            _ if args.host => 1,
            jobs => workers(jobs),
        },
        runs,
        scenarios,
    };
    let round = suite.scenarios.len();
    // Standard output may belong to a report for programs.
    let out: &mut dyn Write = if args.reports.take_stdout() {
        &mut io::stderr().lock()
    } else {
        &mut io::stdout().lock()
    };
    let target = if args.quiet {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    };
    let mut live = Live::new(detail, *theme, out, target);
    let mut summary = Summary::default();
    let mut tally = Tally::default();
    let mut exit = Exit::Pass;
    // The story of a single run is told after it.
    let mut story = None;
    let mut skipped_in_a_row = 0;
    // A report that nobody reads ends the runs.
    let mut broken = None;
    suite::play_all(&Arc::new(lab), suite, interrupt, |event| {
        if let Err(error) = live.on(event).and_then(|()| reports.on(event)) {
            broken.get_or_insert(error);
            interrupt.trigger();
        }
        summary.on(event);
        let Event::RunEnded(ended) = event else {
            return ControlFlow::Continue(());
        };
        if repeats {
            tally.add(ended, || {
                Outcome::of(&ended.scenario, &ended.result, ended.elapsed).reason()
            });
        }
        let conclusion = ended.conclusion();
        exit = exit.max(conclusion.into());
        if detail == Detail::Session {
            story = Some(session(args, ended, theme));
        }
        skipped_in_a_row = if conclusion == Conclusion::Skip {
            skipped_in_a_row + 1
        } else {
            0
        };
        let is_enough = match conclusion.is_good() {
            // What this machine cannot play will never fail.
            true => args.until_fail && (tally.has_different_transcripts() || skipped_in_a_row >= round),
            false => args.until_fail || args.fail_fast,
        };
        if is_enough {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    drop(live);
    if let Some(error) = broken {
        return Err(error);
    }
    if let Some(story) = story {
        write!(out, "{story}")?;
    }
    if repeats {
        exit = exit.max(steady::print(&tally, out)?);
        writeln!(out)?;
    }
    if repeats || detail == Detail::Suite {
        write!(out, "{}", summary.render(theme))?;
    }
    match reports.close() {
        Ok(annotations) => write!(out, "{annotations}")?,
        Err(message) => {
            eprintln!("error: {message}");
            exit = exit.max(Exit::Environment);
        }
    }
    out.flush()?;
    Ok(if interrupt.is_triggered() {
        Exit::Interrupted
    } else {
        exit
    })
}

/// The whole story of one run: ladder, explanations, verdict.
fn session(args: &Args, ended: &Ended, theme: &Theme) -> String {
    let mut text = String::from("\n");
    let mut artefacts = Vec::new();
    let mut pending = false;
    if let Ok(played) = &ended.result {
        let explanations = args
            .explain
            .then(|| report::explain(&played.scenario, &played.recording));
        text += &report::ladder(&played.transcript, theme, explanations.as_deref());
        text.push('\n');
        if args.explain {
            text += &report::lessons(&played.scenario, &played.recording, theme);
        }
        artefacts.push(Artefact {
            name: "capture".to_owned(),
            path: played.artefacts.capture(),
        });
        artefacts.push(Artefact {
            name: "recording".to_owned(),
            path: played.artefacts.recording(),
        });
        pending = played.pending;
    }
    text + &report::verdict(
        &Closing {
            outcome: &Outcome::of(&ended.scenario, &ended.result, ended.elapsed),
            artefacts: &artefacts,
            pending,
            explained: args.explain,
        },
        theme,
    )
}
