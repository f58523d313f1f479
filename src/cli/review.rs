//! `tcplab review`: shows pending snapshots, and accepts or rejects them.

use std::io::{self, Write};

use console::Term;

use super::Exit;
use super::folders::Folders;
use crate::report::{self, Theme};
use crate::scenario;
use crate::snapshot::review::{self, Decision, Guide, ReviewError, ReviewOutcome, Selection};
use crate::snapshot::{Store, Transcript};

/// The arguments of `tcplab review`.
#[derive(Debug, clap::Args)]
#[group(id = "decision", multiple = false)]
pub(super) struct Args {
    /// Review only the snapshots of these scenarios
    #[arg(value_name = "NAME", add = super::completions::pending())]
    names: Vec<String>,
    /// Accept these pending snapshots without a question
    #[arg(long, value_name = "NAME", num_args = 1.., group = "decision", add = super::completions::pending())]
    accept: Vec<String>,
    /// Remove these pending snapshots without a question
    #[arg(long, value_name = "NAME", num_args = 1.., group = "decision", add = super::completions::pending())]
    reject: Vec<String>,
    /// Accept all pending snapshots without a question
    #[arg(long, group = "decision")]
    all: bool,
    #[command(flatten)]
    folders: Folders,
}

pub(super) fn main(args: &Args, theme: &Theme) -> Exit {
    let store = Store::new(&args.folders.snapshots);
    let terminal = Term::stdout();
    let selection = match &args.names[..] {
        [] => Selection::All,
        names => Selection::Names(names),
    };
    let decided = match args {
        Args { all: true, .. } => review::decide(&store, selection, Decision::Accept),
        Args { accept, .. } if !accept.is_empty() => review::decide(&store, Selection::Names(accept), Decision::Accept),
        Args { reject, .. } if !reject.is_empty() => review::decide(&store, Selection::Names(reject), Decision::Reject),
        _ if !terminal.is_term() => return overview(&store, selection),
        _ => return at_terminal(args, &store, selection, terminal, theme),
    };
    if let Ok(outcome) = &decided {
        // Nobody reads on: what is done is done.
        let _ = write!(io::stdout(), "{outcome}");
    }
    exit_of(decided)
}

fn overview(store: &Store, selection: Selection) -> Exit {
    match review::overview(store, selection) {
        Ok(overview) => {
            let _ = write!(io::stdout(), "{overview}");
            if overview.pending.is_empty() {
                Exit::Pass
            } else {
                Exit::Fail
            }
        }
        Err(error) => failed(&error),
    }
}

fn at_terminal(args: &Args, store: &Store, selection: Selection, mut terminal: Term, theme: &Theme) -> Exit {
    let folders = &args.folders;
    let scenario = |name: &str| {
        let path = folders.scenarios.join(format!("{name}.toml"));
        scenario::load(&path, &folders.scenarios).ok()
    };
    let ladder = |transcript: &Transcript| report::ladder(transcript, theme, None);
    let guide = Guide {
        title: &|name| scenario(name).map(|scenario| scenario.title),
        ladder: &ladder,
        colour: theme.color,
    };
    exit_of(review::review(store, selection, &mut terminal, &guide))
}

fn exit_of(decided: Result<ReviewOutcome, ReviewError>) -> Exit {
    match decided {
        Ok(outcome) if outcome.interrupted => Exit::Interrupted,
        Ok(outcome) if outcome.is_settled() => Exit::Pass,
        Ok(_) => Exit::Fail,
        Err(error) => failed(&error),
    }
}

fn failed(error: &ReviewError) -> Exit {
    eprintln!("error: {error}");
    match error {
        ReviewError::NotPending { .. } => Exit::Usage,
        ReviewError::Store(_) | ReviewError::Terminal(_) => Exit::Environment,
    }
}
