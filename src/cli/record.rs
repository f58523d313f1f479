//! `tcplab record`: plays the actions of a scenario and writes the segments that they cause into its file.

use std::io::{self, Write};
use std::num::NonZeroUsize;

use super::Exit;
use super::folders::Folders;
use super::load::{load, report_error};
use super::replace::replace;
use super::signals::prepare;
use crate::record::{self, RecordError};
use crate::report::Theme;
use crate::run::{Interrupt, Mode};
use crate::scenario::Scenario;

/// The arguments of `tcplab record`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Names, files, folders, or parts of names
    #[arg(value_name = "SCENARIO", required = true, add = super::completions::scenarios())]
    selectors: Vec<String>,
    #[command(flatten)]
    folders: Folders,
    /// How often to play it; what differs becomes optional, either-or, or any-order lines
    #[arg(long, value_name = "N", default_value = "5")]
    runs: NonZeroUsize,
    /// Write all lines anew, also those that hold
    #[arg(long)]
    anew: bool,
    /// Change nothing; say whether the file would change, and exit with 1 if so
    #[arg(long)]
    check: bool,
}

pub(super) fn main(args: &Args, theme: &Theme) -> Exit {
    let scenarios = match load(&args.folders.library(), &args.selectors) {
        Ok(scenarios) => scenarios,
        Err(error) => return report_error(&error, theme),
    };
    let interrupt = match prepare(Mode::Private) {
        Ok(interrupt) => interrupt,
        Err(exit) => return exit,
    };
    let mut exit = Exit::Pass;
    for scenario in &scenarios {
        exit = exit.max(record(args, scenario, &interrupt));
        if exit == Exit::Interrupted {
            break;
        }
    }
    exit
}

fn record(args: &Args, scenario: &Scenario, interrupt: &Interrupt) -> Exit {
    let file = scenario.path.display();
    let recorded = match record::record(scenario, args.runs, args.anew, interrupt) {
        Ok(recorded) => recorded,
        Err(error) => {
            eprintln!("error: {file}: {error}\nthe file is left as it is");
            return match error {
                RecordError::Interrupted => Exit::Interrupted,
                RecordError::Run(_) => Exit::Environment,
                RecordError::Lost => Exit::Inconclusive,
                _ => Exit::Fail,
            };
        }
    };
    let changes = recorded.text != *scenario.source;
    if changes
        && !args.check
        && let Err(error) = replace(&scenario.path, &scenario.source, &recorded.text)
    {
        eprintln!("error: {error}");
        return Exit::Environment;
    }
    let steps = match recorded.changed {
        1 => "1 step".to_owned(),
        steps => format!("{steps} steps"),
    };
    let mut said = match (changes, args.check) {
        (false, _) => format!(
            "{file}: all that it says came in {} runs; nothing to write\n",
            args.runs
        ),
        (true, true) => format!(
            "{file}: would change in {steps}\n  help: `tcplab record {}` writes it\n",
            scenario.name
        ),
        (true, false) => format!("{file}: wrote what came in {} runs, in {steps}\n", args.runs),
    };
    for note in &recorded.unstable {
        said += &format!("  not the same in every run: {note}\n");
    }
    for note in &recorded.unmet {
        said += &format!("  not as the file says: {note}\n");
    }
    if changes && !args.check {
        let name = &scenario.name;
        said += &format!("Read it, then: tcplab run {name}\n");
    }
    // Nobody reads on: the file is what counts.
    let _ = io::stdout().write_all(said.as_bytes());
    if (changes && args.check) || !recorded.unmet.is_empty() {
        Exit::Fail
    } else {
        Exit::Pass
    }
}
