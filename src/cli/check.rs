//! `tcplab check`: are the scenario files right?

use std::io::{self, Write};

use super::Exit;
use super::folders::Folders;
use super::load::{load, report_error};
use crate::report::Theme;

/// Check scenario files without playing them
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files, names, folders, or parts of names; all scenarios when none is given
    #[arg(value_name = "SCENARIO", add = super::completions::scenarios())]
    selectors: Vec<String>,
    #[command(flatten)]
    folders: Folders,
}

pub(super) fn main(args: &Args, theme: &Theme) -> Exit {
    match load(&args.folders.library(), &args.selectors) {
        Ok(scenarios) => {
            let files = if scenarios.len() == 1 { "file is" } else { "files are" };
            // Nobody reads on: the files are in order all the same.
            let _ = writeln!(io::stdout(), "{} scenario {files} in order", scenarios.len());
            Exit::Pass
        }
        Err(error) => report_error(&error, theme),
    }
}
