//! `tcplab list`: which scenarios are there, and what do they show?

use std::io::{self, Write};

use super::Exit;
use super::folders::Folders;
use super::load::{load, report_error};
use crate::report::{Role, Theme};

/// The arguments of `tcplab list`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Names, files, folders, or parts of names; all scenarios when none is given
    #[arg(value_name = "SCENARIO", add = super::completions::scenarios())]
    selectors: Vec<String>,
    #[command(flatten)]
    folders: Folders,
    /// Only those that cover this requirement or transition of RFC 9293, such as MUST-14 or T15
    #[arg(long, value_name = "ID")]
    covers: Option<String>,
}

pub(super) fn main(args: &Args, theme: &Theme) -> Exit {
    let mut scenarios = match load(&args.folders.library(), &args.selectors) {
        Ok(scenarios) => scenarios,
        Err(error) => return report_error(&error, theme),
    };
    if let Some(id) = &args.covers {
        scenarios.retain(|scenario| scenario.covers.contains(id));
        if scenarios.is_empty() {
            eprintln!("no scenario covers {id}");
        }
    }
    let width = scenarios
        .iter()
        .map(|scenario| scenario.name.len())
        .max()
        .unwrap_or_default();
    let mut out = io::stdout().lock();
    for scenario in &scenarios {
        let name = theme.paint(Role::Strong, &format!("{:width$}", scenario.name));
        if writeln!(out, "{name}  {}", scenario.title).is_err() {
            // Nobody reads on.
            return Exit::Pass;
        }
    }
    Exit::Pass
}
