//! `tcplab completions`: what a shell needs to complete arguments, with the names of the scenarios.

use std::io::{self, Write};
use std::path::Path;

use clap::ValueEnum;
use clap_complete::env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh};
use clap_complete::{ArgValueCandidates, CompletionCandidate};

use super::Exit;
use crate::scenario::{Library, load};
use crate::snapshot::Store;

/// The arguments of `tcplab completions`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell
    shell: Shell,
}

/// Shells that can ask the program what may follow.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

/// The variable in which the shell asks; [`super::main`] answers.
pub(super) const VARIABLE: &str = "COMPLETE";

pub(super) fn main(args: &Args) -> Exit {
    let completer: &dyn EnvCompleter = match args.shell {
        Shell::Bash => &Bash,
        Shell::Elvish => &Elvish,
        Shell::Fish => &Fish,
        Shell::Powershell => &Powershell,
        Shell::Zsh => &Zsh,
    };
    let mut script = Vec::new();
    let written = completer.write_registration(VARIABLE, "tcplab", "tcplab", "tcplab", &mut script);
    match written.and_then(|()| io::stdout().write_all(&script)) {
        Ok(()) => Exit::Pass,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Pass,
        Err(error) => {
            eprintln!("error: cannot write the completions: {error}");
            Exit::Environment
        }
    }
}

/// The scenarios of the standard folder with their titles.
pub(super) fn scenarios() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let library = Library::new("scenarios");
        let entries = library.entries().unwrap_or_default();
        let candidate = |entry: crate::scenario::Entry| {
            let title = load(&entry.path, Path::new("scenarios")).map(|scenario| scenario.title.into());
            CompletionCandidate::new(entry.name).help(title.ok())
        };
        entries.into_iter().map(candidate).collect()
    })
}

/// The snapshots that wait for review.
pub(super) fn pending() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let names = Store::new("snapshots").pending_names().unwrap_or_default();
        names.into_iter().map(CompletionCandidate::new).collect()
    })
}
