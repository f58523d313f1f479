//! `tcplab list`: which scenarios are there, and what do they show?

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use super::Exit;
use super::folders::Folders;
use super::load::{covering, load, report_error};
use crate::report::{Role, Theme};
use crate::scenario::{Family, Scenario};
use crate::suite::Artefacts;

/// The arguments of `tcplab list`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Names, files, folders, or parts of names; all scenarios when none is given
    #[arg(value_name = "SCENARIO", add = super::completions::scenarios())]
    selectors: Vec<String>,
    #[command(flatten)]
    folders: Folders,
    /// Only those that cover this requirement or transition of RFC 9293, such as MUST-14 or T15; can be given again
    #[arg(long, value_name = "ID")]
    covers: Vec<String>,
    /// Names only, one a line
    #[arg(long)]
    names: bool,
    /// What each covers, needs and took when it was last played, too
    #[arg(long, short, conflicts_with = "names")]
    long: bool,
}

pub(super) fn main(args: &Args, theme: &Theme) -> Exit {
    let scenarios = match load(&args.folders.library(), &args.selectors) {
        Ok(scenarios) => scenarios,
        Err(error) => return report_error(&error, theme),
    };
    let covering = match covering(scenarios, &args.covers) {
        Ok(covering) => covering,
        Err(message) => {
            eprintln!("error: {message}");
            return Exit::Usage;
        }
    };
    for id in covering.uncovered {
        eprintln!("no scenario covers {id}");
    }
    let scenarios = covering.scenarios;
    let mut out = io::stdout().lock();
    // Whoever stops reading has seen enough.
    let _ = print(&mut out, args, &scenarios, theme);
    Exit::Pass
}

fn print(out: &mut dyn Write, args: &Args, scenarios: &[Arc<Scenario>], theme: &Theme) -> io::Result<()> {
    let lengths = scenarios.iter().map(|scenario| scenario.name.len());
    let width = lengths.max().unwrap_or_default();
    let mut group = None;
    for scenario in scenarios {
        if args.names {
            writeln!(out, "{}", scenario.name)?;
            continue;
        }
        let folder = scenario.name.rsplit_once('/').map(|(folder, _)| folder);
        if group != Some(folder) && (group.is_some() || folder.is_some()) {
            if group.is_some() {
                writeln!(out)?;
            }
            writeln!(out, "{}", theme.paint(Role::Dim, folder.unwrap_or("basics")))?;
        }
        group = Some(folder);
        let name = theme.paint(Role::Strong, &format!("{:width$}", scenario.name));
        writeln!(out, "{name}  {}", scenario.title)?;
        if args.long {
            for line in details(scenario, &args.folders) {
                writeln!(out, "{:width$}  {}", "", theme.paint(Role::Dim, &line))?;
            }
        }
    }
    Ok(())
}

fn details(scenario: &Scenario, folders: &Folders) -> Vec<String> {
    let mut lines = Vec::new();
    if !scenario.covers.is_empty() {
        lines.push(format!("covers {}", scenario.covers.join(" ")));
    }
    for deviation in &scenario.deviations {
        lines.push(format!("Linux deviates from {}: {}", deviation.id, deviation.reason));
    }
    let mut last = format!("needs {}", needs(scenario).join(", "));
    if let Ok(recording) = Artefacts::of(&folders.out, &scenario.name).read_recording() {
        let took: Duration = recording.duration();
        last += &format!("; took {took:.1?}");
    }
    lines.push(last);
    lines
}

/// What a scenario needs beside two sockets and a loopback.
fn needs(scenario: &Scenario) -> Vec<String> {
    // An actor other than the two ends is something that the lab itself must be able to do.
    let actors: BTreeSet<&str> = scenario
        .steps()
        .filter_map(|step| {
            let line = scenario.text(&step.action.span);
            line.split_whitespace().find(|word| !word.starts_with('+'))
        })
        .filter(|actor| !matches!(*actor, "client" | "server"))
        .collect();
    let mut needs: Vec<String> = actors.into_iter().map(str::to_owned).collect();
    if scenario.settings.need_a_bench() {
        needs.push("sysctl".to_owned());
    }
    if scenario.settings.family == Family::Ipv6 {
        needs.push("ipv6".to_owned());
    }
    if scenario.slow {
        needs.push("time (slow)".to_owned());
    }
    if needs.is_empty() {
        needs.push("nothing (plain)".to_owned());
    }
    needs
}
