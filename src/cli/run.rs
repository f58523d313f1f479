//! `tcplab run`: plays scenarios and shows what happened.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use indicatif::ProgressDrawTarget;

use super::Exit;
use super::folders::Folders;
use super::load::{load, report_error};
use super::signals::prepare;
use crate::judge::Judgement;
use crate::report::{self, Artefact, Closing, Detail, Live, Outcome, Theme};
use crate::run::{Interrupt, Mode, Options};
use crate::scenario::Scenario;
use crate::snapshot::Store;
use crate::suite::{self, Job, Lab, Load, News, Played, SuiteError};

use super::steady::Tally;

/// Runs that wait for the kernel cost almost no processor time, so more of them than cores pays.
const RUNS_PER_CORE: usize = 4;

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
    #[arg(long, value_name = "N", default_value = "1")]
    repeat: NonZeroUsize,
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
}

pub(super) fn main(args: &Args, theme: &Theme) -> Exit {
    let mut scenarios = match load(&args.folders.library(), &args.selectors) {
        Ok(scenarios) => scenarios,
        Err(error) => return report_error(&error, theme),
    };
    let left_out = leave_out_slow(args, &mut scenarios);
    let mode = if args.host { Mode::Host } else { Mode::Private };
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
    let shown = show(args, &lab, &scenarios, &interrupt, theme).and_then(|exit| {
        if left_out > 0 {
            writeln!(io::stdout(), "{left_out} slow left out: --slow plays them too")?;
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
    if !args.slow && (args.selectors.is_empty() || scenarios.iter().any(|scenario| !scenario.slow)) {
        scenarios.retain(|scenario| !scenario.slow || is_named(scenario));
    }
    all - scenarios.len()
}

/// Plays everything and prints the report.
fn show(args: &Args, lab: &Lab, scenarios: &[Arc<Scenario>], interrupt: &Interrupt, theme: &Theme) -> io::Result<Exit> {
    let jobs: Vec<Job> = (0..args.repeat.get())
        .flat_map(|_| scenarios)
        .enumerate()
        .map(|(run, scenario)| Job {
            run,
            scenario: Arc::clone(scenario),
        })
        .collect();
    let total = jobs.len();
    let detail = match (args.quiet || args.repeat.get() > 1, total) {
        (true, _) => Detail::Quiet,
        (false, 1) => Detail::Session,
        (false, _) => Detail::Suite,
    };
    let workers = if args.host {
        1
    } else {
        args.jobs.map_or_else(default_workers, NonZeroUsize::get)
    };
    let mut stdout = io::stdout().lock();
    let started = Instant::now();
    let mut live = Live::new(
        scenarios,
        total,
        detail,
        *theme,
        &mut stdout,
        ProgressDrawTarget::stderr(),
    );
    let mut ended = Vec::new();
    let mut tally = Tally::default();
    // A report that nobody reads ends the runs.
    let mut broken = None;
    suite::play_all(lab, jobs, workers, interrupt, |news| {
        let told = match news {
            News::Event(event) => live.on(&event),
            News::Done(job, result) => {
                let outcome = outcome(&job.scenario, &result);
                tally.add(&outcome, &result);
                let told = if args.repeat.get() > 1 {
                    Ok(())
                } else {
                    live.judged(&outcome)
                };
                ended.push((outcome, (total == 1).then_some(result)));
                told
            }
        };
        if let Err(error) = told {
            broken.get_or_insert(error);
            interrupt.trigger();
        }
    });
    drop(live);
    if let Some(error) = broken {
        return Err(error);
    }
    let exit = ended
        .iter()
        .map(|(outcome, _)| exit_of(outcome))
        .max()
        .unwrap_or(Exit::Pass);
    let out = &mut stdout;
    match (&ended[..], detail) {
        _ if args.repeat.get() > 1 => {}
        ([(outcome, Some(result))], Detail::Session) => write!(out, "{}", session(args, outcome, result, theme))?,
        _ if !args.quiet => {
            let outcomes: Vec<Outcome> = ended.into_iter().map(|(outcome, _)| outcome).collect();
            write!(out, "{}", report::summary(&outcomes, started.elapsed(), theme))?;
        }
        _ => {}
    }
    let exit = if args.repeat.get() > 1 {
        exit.max(tally.print(out)?)
    } else {
        exit
    };
    out.flush()?;
    Ok(if interrupt.is_triggered() {
        Exit::Interrupted
    } else {
        exit
    })
}

/// The whole story of one run: ladder, explanations, verdict.
fn session(args: &Args, outcome: &Outcome, result: &Result<Played, SuiteError>, theme: &Theme) -> String {
    let mut text = String::from("\n");
    let mut artefacts = Vec::new();
    let mut pending = false;
    if let Ok(played) = result {
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
            outcome,
            artefacts: &artefacts,
            pending,
            explained: args.explain,
        },
        theme,
    )
}

pub(super) fn outcome(scenario: &Scenario, result: &Result<Played, SuiteError>) -> Outcome {
    let (segments, wall) = match result {
        Ok(played) => (played.recording.segments().count(), played.elapsed),
        Err(_) => Default::default(),
    };
    Outcome {
        scenario: scenario.name.clone(),
        result: match result {
            Ok(played) => Ok(played.judgement.clone()),
            Err(SuiteError::Skipped { reason }) => Ok(Judgement::skip(reason)),
            Err(error) => Err(report::with_remedy(error.to_string())),
        },
        segments,
        wall,
    }
}

fn exit_of(outcome: &Outcome) -> Exit {
    outcome.verdict().map_or(Exit::Environment, Exit::from)
}

pub(super) fn default_workers() -> usize {
    RUNS_PER_CORE * std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}
