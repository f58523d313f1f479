//! `tcplab selfcheck`: shows that the judge sees every change of a recorded run.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::Exit;
use super::folders::Folders;
use super::load::{load, report_error};
use crate::report::{Role, Theme};
use crate::selfcheck::{self, Outcome, Tally};
use crate::snapshot::Store;
use crate::suite::Artefacts;

/// The arguments of `tcplab selfcheck`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Names, files, folders, or parts of names; all scenarios when none is given
    #[arg(value_name = "SCENARIO")]
    selectors: Vec<String>,
    #[command(flatten)]
    folders: Folders,
}

pub(super) fn main(args: &Args, theme: &Theme) -> Exit {
    let scenarios = match load(&args.folders.library(), &args.selectors) {
        Ok(scenarios) => scenarios,
        Err(error) => return report_error(&error, theme),
    };
    let store = Store::new(&args.folders.snapshots);
    let mut total: BTreeMap<&'static str, Tally> = BTreeMap::new();
    let mut checked = 0;
    // As for `run`: slow scenarios are left out unless they are named.
    for scenario in scenarios
        .iter()
        .filter(|scenario| !scenario.slow || !args.selectors.is_empty())
    {
        let recording = match Artefacts::of(&args.folders.out, &scenario.name).read_recording() {
            Ok(recording) => recording,
            Err(error) => {
                eprintln!("error: {error}\n  help: `tcplab run {}` makes one", scenario.name);
                return Exit::Usage;
            }
        };
        match selfcheck::check(&store, scenario, &recording) {
            Ok(Outcome::Checked(tallies)) => {
                checked += 1;
                for (kind, tally) in tallies {
                    add(total.entry(kind).or_default(), tally, &scenario.name);
                }
            }
            Ok(Outcome::Unfit(verdict)) => {
                eprintln!(
                    "error: the recorded run of {name} is no pass ({verdict}), so its mutants would prove nothing\n  \
                     help: `tcplab run {name}` makes another one",
                    name = scenario.name
                );
                return Exit::from(verdict).max(Exit::Environment);
            }
            Err(error) => {
                eprintln!("error: {error}");
                return Exit::Environment;
            }
        }
    }
    // Nobody reads on: that changes no result.
    let _ = print(&total, checked, theme);
    if total.values().any(|tally| !tally.survivors.is_empty()) {
        Exit::Fail
    } else {
        Exit::Pass
    }
}

fn add(sum: &mut Tally, tally: Tally, scenario: &str) {
    sum.made += tally.made;
    sum.expectation += tally.expectation;
    sum.snapshot += tally.snapshot;
    sum.integrity += tally.integrity;
    sum.equivalent += tally.equivalent;
    sum.reason = sum.reason.or(tally.reason);
    sum.survivors.extend(
        tally
            .survivors
            .into_iter()
            .map(|change| format!("{scenario}: {change}")),
    );
}

fn print(total: &BTreeMap<&'static str, Tally>, scenarios: usize, theme: &Theme) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let width = total.keys().map(|kind| kind.len()).max().unwrap_or_default();
    writeln!(
        out,
        "{}",
        theme.paint(
            Role::Dim,
            &format!(
                "{:width$}  mutants  expectation  snapshot  integrity  passed",
                "changed"
            )
        )
    )?;
    let (mut made, mut equivalent, mut alive) = (0, 0, 0);
    for (kind, tally) in total {
        made += tally.made;
        equivalent += tally.equivalent;
        alive += tally.survivors.len();
        let line = format!(
            "{kind:width$}  {:>7}  {:>11}  {:>8}  {:>9}  {:>6}",
            tally.made,
            tally.expectation,
            tally.snapshot,
            tally.integrity,
            tally.equivalent + tally.survivors.len()
        );
        let role = if tally.survivors.is_empty() {
            Role::Plain
        } else {
            Role::Bad
        };
        let reason = theme.paint(Role::Dim, tally.reason.unwrap_or_default());
        writeln!(out, "{}  {reason}", theme.paint(role, &line))?;
        for survivor in &tally.survivors {
            writeln!(out, "    {survivor}")?;
        }
    }
    writeln!(
        out,
        "\n{scenarios} recorded runs, {made} mutants: {} caught, {equivalent} equivalent, {alive} alive",
        made - equivalent - alive
    )
}
