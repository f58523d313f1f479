//! `tcplab check`: are the scenario files right?

use super::Exit;
use super::folders::Folders;
use super::load::{load, report_error};
use crate::report::Theme;

/// Check scenario files without playing them
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Files, names, folders, or parts of names; all scenarios when none is given
    #[arg(value_name = "SCENARIO")]
    selectors: Vec<String>,
    #[command(flatten)]
    folders: Folders,
}

pub(super) fn main(args: &Args, theme: &Theme) -> Exit {
    match load(&args.folders.library(), &args.selectors) {
        Ok(scenarios) => {
            println!(
                "{} scenario {} in order",
                scenarios.len(),
                if scenarios.len() == 1 { "file is" } else { "files are" }
            );
            Exit::Pass
        }
        Err(error) => report_error(&error, theme),
    }
}
