//! `tcplab judge`: judges a saved run again, with today's scenario and snapshot. Nothing is sent or captured.

use std::io::{self, Write};

use super::Exit;
use super::folders::Folders;
use super::load::{load, report_error};
use crate::report::{self, Artefact, Closing, Outcome, Theme};
use crate::snapshot::Store;
use crate::suite::{self, Artefacts};

/// The arguments of `tcplab judge`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The scenario whose last run is judged
    #[arg(value_name = "SCENARIO", add = super::completions::scenarios())]
    scenario: String,
    #[command(flatten)]
    folders: Folders,
    /// Explain each segment: what it does, and by which rule its numbers follow
    #[arg(long)]
    explain: bool,
}

pub(super) fn main(args: &Args, theme: &Theme) -> Exit {
    let scenarios = match load(&args.folders.library(), std::slice::from_ref(&args.scenario)) {
        Ok(scenarios) => scenarios,
        Err(error) => return report_error(&error, theme),
    };
    let [scenario] = &scenarios[..] else {
        eprintln!(
            "error: `{}` names {} scenarios; name one",
            args.scenario,
            scenarios.len()
        );
        return Exit::Usage;
    };
    let artefacts = Artefacts::of(&args.folders.out, &scenario.name);
    let recording = match artefacts.read_recording() {
        Ok(recording) => recording,
        Err(error) => {
            eprintln!("error: {error}\n  help: `tcplab run {}` makes one", scenario.name);
            return Exit::Usage;
        }
    };
    let judged = match suite::judge_recording(&Store::new(&args.folders.snapshots), scenario, &recording) {
        Ok(judged) => judged,
        Err(error) => {
            eprintln!("error: {error}");
            return Exit::Environment;
        }
    };
    let exit = Exit::from(judged.judgement.verdict);
    let outcome = Outcome {
        scenario: scenario.name.clone(),
        result: Ok(judged.judgement),
        segments: recording.segments().count(),
        wall: recording.duration(),
    };
    let explanations = args.explain.then(|| report::explain(scenario, &recording));
    let ladder = report::ladder(&judged.transcript, theme, explanations.as_deref());
    let artefacts = [Artefact {
        name: "capture".to_owned(),
        path: artefacts.capture(),
    }];
    let closing = Closing {
        outcome: &outcome,
        artefacts: &artefacts,
        pending: false,
        explained: args.explain,
    };
    // Nobody reads on: that changes no verdict.
    let _ = write!(io::stdout().lock(), "{ladder}\n{}", report::verdict(&closing, theme));
    exit
}
