//! `tcplab selfcheck`: shows that the judge sees every change of a recorded run.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::Exit;
use super::folders::Folders;
use super::load::{load, report_error};
use crate::report::{Role, Theme};
use crate::selfcheck::{self, Outcome, Tally, excuse};
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
    for scenario in &scenarios {
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
    let alive = total
        .iter()
        .any(|(kind, tally)| excuse(kind).is_none() && !tally.survivors.is_empty());
    if alive { Exit::Fail } else { Exit::Pass }
}

fn add(sum: &mut Tally, tally: Tally, scenario: &str) {
    sum.made += tally.made;
    sum.expectation += tally.expectation;
    sum.snapshot += tally.snapshot;
    sum.integrity += tally.integrity;
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
    let (mut made, mut excused) = (0, 0);
    for (kind, tally) in total {
        let passed = tally.survivors.len();
        made += tally.made;
        let line = format!(
            "{kind:width$}  {:>7}  {:>11}  {:>8}  {:>9}  {passed:>6}",
            tally.made, tally.expectation, tally.snapshot, tally.integrity
        );
        match (passed, excuse(kind)) {
            (0, _) => writeln!(out, "{line}")?,
            (_, Some(reason)) => {
                excused += passed;
                writeln!(out, "{line}  {}", theme.paint(Role::Dim, reason))?;
            }
            (_, None) => {
                writeln!(out, "{}", theme.paint(Role::Bad, &line))?;
                for survivor in &tally.survivors {
                    writeln!(out, "    {survivor}")?;
                }
            }
        }
    }
    let alive: usize = total
        .iter()
        .filter(|(kind, _)| excuse(kind).is_none())
        .map(|(_, tally)| tally.survivors.len())
        .sum();
    writeln!(
        out,
        "\n{scenarios} recorded runs, {made} mutants: {} caught, {excused} equivalent, {alive} alive",
        made - excused - alive
    )
}
