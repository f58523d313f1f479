//! `tcplab fmt`: scenario files in canonical layout.

use std::io::{self, Write};
use std::path::Path;

use super::Exit;
use super::folders::Folders;
use super::load::{load, report_error};
use super::replace::replace;
use crate::report::Theme;
use crate::scenario::{self, Scenario};

/// The arguments of `tcplab fmt`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files, names, folders, or parts of names; all scenarios when none is given
    #[arg(value_name = "SCENARIO", add = super::completions::scenarios())]
    selectors: Vec<String>,
    #[command(flatten)]
    folders: Folders,
    /// Change nothing; name the files that would change, and exit with 1 if there are any
    #[arg(long)]
    check: bool,
}

pub(super) fn main(args: &Args, theme: &Theme) -> Exit {
    let scenarios = match load(&args.folders.library(), &args.selectors) {
        Ok(scenarios) => scenarios,
        Err(error) => return report_error(&error, theme),
    };
    let mut exit = Exit::Pass;
    for scenario in &scenarios {
        let text = scenario::lay_out(scenario);
        if text == *scenario.source {
            continue;
        }
        let done = if args.check {
            exit = exit.max(Exit::Fail);
            "would change"
        } else if !means_the_same(scenario, &text) {
            eprintln!(
                "error: {}: the new layout would change the meaning, which is a defect of tcplab; the file is left as it is",
                scenario.path.display()
            );
            exit = exit.max(Exit::Environment);
            continue;
        } else if let Err(error) = replace(&scenario.path, &scenario.source, &text) {
            eprintln!("error: {error}");
            exit = exit.max(Exit::Environment);
            continue;
        } else {
            "laid out"
        };
        // Nobody reads on: the files are what counts.
        let _ = writeln!(io::stdout(), "{done}: {}", scenario.path.display());
    }
    if args.check && exit == Exit::Fail {
        eprintln!("help: `tcplab fmt` writes them in the canonical layout");
    }
    exit
}

fn means_the_same(scenario: &Scenario, text: &str) -> bool {
    let path: &Path = &scenario.path;
    scenario::parse(&scenario.name, path, text.as_bytes())
        .is_ok_and(|laid_out| scenario::same_meaning(scenario, &laid_out))
}
