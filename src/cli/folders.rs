//! Where scenarios, snapshots and artefacts are.

use std::path::PathBuf;

use crate::scenario::Library;

/// The folders that most subcommands share.
#[derive(Debug, clap::Args)]
pub(super) struct Folders {
    /// The folder of the scenario files
    #[arg(long, value_name = "DIR", default_value = "scenarios")]
    pub(super) scenarios: PathBuf,
    /// The folder of the accepted and pending snapshots
    #[arg(long, value_name = "DIR", default_value = "snapshots")]
    pub(super) snapshots: PathBuf,
    /// The folder below which each run leaves its capture and records
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub(super) out: PathBuf,
}

impl Folders {
    pub(super) fn library(&self) -> Library {
        Library::new(&self.scenarios)
    }
}
