//! `tcplab coverage`: which transitions and requirements of RFC 9293 are shown, and by which evidence?

use std::io::{self, Write};

use super::Exit;
use super::folders::Folders;
use super::load::{load, report_error};
use crate::coverage::{Covered, Evidence, LastRun, Level, coverage};
use crate::judge::Verdict;
use crate::report::{Role, Theme};
use crate::rfc9293::Kind;
use crate::suite::Artefacts;

/// How many scenarios a row names; the others are counted.
const NAMED: usize = 3;

/// The arguments of `tcplab coverage`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    folders: Folders,
    /// Only what no scenario shows, or what was claimed and not observed
    #[arg(long)]
    missing: bool,
    /// Only these ids, or those that begin so: T15, MUST, U
    #[arg(value_name = "ID")]
    ids: Vec<String>,
}

pub(super) fn main(args: &Args, theme: &Theme) -> Exit {
    let scenarios = match load(&args.folders.library(), &[]) {
        Ok(scenarios) => scenarios,
        Err(error) => return report_error(&error, theme),
    };
    let runs: Vec<LastRun> = scenarios
        .iter()
        .map(|scenario| {
            let artefacts = Artefacts::of(&args.folders.out, &scenario.name);
            LastRun {
                scenario,
                // A run of another version, or none: it is no evidence.
                recording: artefacts.read_recording().ok(),
                passed: artefacts
                    .read_judgement()
                    .is_ok_and(|judgement| judgement.verdict == Verdict::Pass),
            }
        })
        .collect();
    let rows = coverage(&runs);
    let mut out = io::stdout().lock();
    // Whoever stops reading has seen enough.
    let _ = print(&mut out, args, &rows, &runs, theme);
    Exit::Pass
}

fn print(out: &mut dyn Write, args: &Args, rows: &[Covered], runs: &[LastRun], theme: &Theme) -> io::Result<()> {
    let wanted = |covered: &&Covered| {
        let id = covered.row.id;
        let is_meant = |asked: &String| {
            let prefix = asked.bytes().all(|byte| !byte.is_ascii_digit());
            id.eq_ignore_ascii_case(asked)
                || (prefix && id.to_ascii_uppercase().starts_with(&asked.to_ascii_uppercase()))
        };
        (args.ids.is_empty() || args.ids.iter().any(is_meant)) && (!args.missing || covered.level() < Level::Observed)
    };
    for covered in rows.iter().filter(wanted) {
        row(out, covered, theme)?;
    }
    if args.ids.is_empty() {
        writeln!(out)?;
        let is_transition = |covered: &&Covered| matches!(covered.row.kind, Kind::Transition { .. });
        let is_rule = |covered: &&Covered| covered.row.kind == Kind::Rule;
        let (transitions, others): (Vec<_>, Vec<_>) = rows.iter().partition(is_transition);
        let (rules, requirements): (Vec<_>, Vec<_>) = others.into_iter().partition(is_rule);
        count(out, "transitions", "observed", &transitions)?;
        count(out, "requirements", "passed", &requirements)?;
        count(out, "rules without a label", "passed", &rules)?;
    }
    let unplayed = runs.iter().filter(|run| run.recording.is_none()).count();
    if unplayed > 0 {
        writeln!(
            out,
            "{unplayed} of {} scenarios have not been played: `tcplab run --slow` plays them all",
            runs.len()
        )?;
    }
    Ok(())
}

fn row(out: &mut dyn Write, covered: &Covered, theme: &Theme) -> io::Result<()> {
    let row = covered.row;
    let is_transition = matches!(row.kind, Kind::Transition { .. });
    let (role, evidence) = match (covered.level(), covered.evidence()) {
        (Level::Observed, Some(Evidence::Kernel)) => (Role::Good, "kernel and wire"),
        (Level::Observed, Some(Evidence::Wire)) => (Role::Good, "wire"),
        (Level::Observed, None) => (Role::Good, "passed"),
        (Level::Claimed, _) if is_transition => (Role::Doubt, "not observed"),
        (Level::Claimed, _) => (Role::Doubt, "not passed"),
        (Level::Missing, _) => (Role::Dim, "-"),
    };
    let says = match row.kind {
        Kind::Transition { from, event, to, .. } => format!("{from}, {event}: {to}"),
        _ => row.says.to_owned(),
    };
    let names: Vec<&String> = match covered.observed.is_empty() {
        true => covered.claimed.iter().collect(),
        false => covered.observed.keys().collect(),
    };
    let mut shown = names
        .iter()
        .take(NAMED)
        .map(|name| name.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > NAMED {
        shown += &format!(" and {} more", names.len() - NAMED);
    }
    if covered.level() == Level::Missing {
        let linux = row.linux.replace(" [t]", "").replace(" [k]", "");
        shown = if cannot_be_shown(&linux) {
            format!("cannot be shown on Linux: {linux}")
        } else {
            format!("no scenario yet; Linux: {linux}")
        };
    }
    if let Some(reason) = &covered.deviation {
        shown += &format!("; Linux deviates: {reason}");
    }
    writeln!(
        out,
        "{}  {}  {says}",
        theme.paint(Role::Strong, &format!("{:8}", row.id)),
        theme.paint(role, &format!("{evidence:15}"))
    )?;
    writeln!(out, "{}", theme.paint(Role::Dim, &format!("{:27}{shown}", "")))
}

fn count(out: &mut dyn Write, what: &str, observed: &str, rows: &[&Covered]) -> io::Result<()> {
    let at = |level| rows.iter().filter(|covered| covered.level() == level).count();
    writeln!(
        out,
        "{:22} {:>4}: {:>3} {observed}, {} claimed only, {} without a scenario",
        what,
        rows.len(),
        at(Level::Observed),
        at(Level::Claimed),
        at(Level::Missing)
    )
}

/// Whether this note of the tables says that Linux has nothing of the kind, or that it is not the kernel's affair.
fn cannot_be_shown(linux: &str) -> bool {
    const BEGINNINGS: [&str; 5] = [
        "not reachable",
        "not done",
        "not applicable",
        "not offered",
        "not a kernel",
    ];
    BEGINNINGS.iter().any(|beginning| linux.starts_with(beginning))
}
