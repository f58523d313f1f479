//! The process that makes the runs of one stage. It tells what came of them as JSON on its standard output.

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use super::Args;
use super::loads::Kind;
use super::report::Told;
use crate::cli::Exit;
use crate::cli::load::{load, report_error};
use crate::cli::signals::prepare;
use crate::cli::workers::workers;
use crate::judge::Verdict;
use crate::report::{Outcome, Theme};
use crate::run::{Ending, Mode, Options};
use crate::snapshot::Store;
use crate::suite::{self, Artefacts, Event, Lab, Load, Suite, Tally};

/// How often each scenario is played when neither a number nor a time is given.
const RUNS: usize = 100;

pub(super) fn main(args: &Args, theme: &Theme) -> Exit {
    let mut scenarios = match load(&args.folders.library(), &args.selectors) {
        Ok(scenarios) => scenarios,
        Err(error) => return report_error(&error, theme),
    };
    if !args.slow {
        let named = |path: &std::path::Path, name: &str| {
            args.selectors
                .iter()
                .any(|word| word == name || word.as_str() == path.to_string_lossy())
        };
        scenarios.retain(|scenario| !scenario.slow || named(&scenario.path, &scenario.name));
    }
    let interrupt = match prepare(Mode::Private) {
        Ok(interrupt) => interrupt,
        Err(exit) => return exit,
    };
    let is_busy = args.loads.iter().any(|loads| loads.has(Kind::Busy));
    let _load = match is_busy.then(Load::start).transpose() {
        Ok(load) => load,
        Err(error) => {
            eprintln!("error: cannot keep the cores busy: {error}");
            return Exit::Environment;
        }
    };
    let out = args.folders.out.join("soak");
    let lab = Lab {
        snapshots: Store::new(&args.folders.snapshots),
        out: out.clone(),
        options: Options {
            mode: Mode::Private,
            port: None,
        },
    };
    let rounds = match args.duration {
        Some(_) => usize::MAX,
        None => args.runs.map_or(RUNS, NonZeroUsize::get),
    };
    let until = args.duration.map(|duration| Instant::now() + duration);
    let runs = until.is_none().then(|| rounds.saturating_mul(scenarios.len()));
    let bar = progress(runs);
    let mut tally = Tally::default();
    let jobs = workers(args.jobs);
    let suite = Suite {
        tcplab: env!("CARGO_PKG_VERSION").to_owned(),
        kernel: String::new(),
        mode: Mode::Private,
        jobs,
        scenarios,
        runs,
    };
    suite::play_all(&Arc::new(lab), suite, &interrupt, |event| {
        let go_on = match until {
            Some(until) if Instant::now() >= until => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        let Event::RunEnded(ended) = event else { return go_on };
        bar.inc(1);
        let name = &ended.scenario.name;
        if let Ok(played) = &ended.result {
            if played.recording.ending == Ending::Interrupted {
                // It was never finished: no run at all.
                return go_on;
            }
            let is_first = tally.scenarios.get(name).is_none_or(|count| count.fail == 0);
            if played.judgement.verdict == Verdict::Fail && is_first {
                let failed = out.join("failed");
                let transcript = played.transcript.to_string();
                if let Err(error) = Artefacts::keep(&failed, name, &played.recording, &transcript, &played.judgement) {
                    eprintln!("warning: a failed run could not be kept: {error}");
                }
            }
        }
        tally.add(ended, || {
            Outcome::of(&ended.scenario, &ended.result, ended.elapsed).reason()
        });
        go_on
    });
    bar.finish_and_clear();
    let told = Told { tally };
    let text = serde_json::to_vec(&told).expect("these types have string keys only");
    // Whoever started this process has gone: there is nobody to tell.
    let _ = io::stdout().write_all(&text);
    if interrupt.is_triggered() {
        Exit::Interrupted
    } else {
        Exit::Pass
    }
}

/// A bar with an end, or a count of runs.
fn progress(total: Option<usize>) -> ProgressBar {
    let template = match total {
        Some(_) => "{bar:30} {pos} of {len} runs  {elapsed}",
        None => "{spinner} {pos} runs  {elapsed}",
    };
    let bar = total.map_or_else(ProgressBar::new_spinner, |total| ProgressBar::new(total as u64));
    bar.set_style(ProgressStyle::with_template(template).expect("a template that is fixed"));
    bar
}
