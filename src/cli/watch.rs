//! `tcplab watch`: plays a scenario again whenever its file is saved.
//!
//! The folder is watched, not the file: many editors write a new file and rename it over the old one.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use notify::{RecursiveMode, Watcher};

use super::Exit;
use super::folders::Folders;
use super::load::{load, report_error};
use super::signals::prepare;
use crate::report::{self, Artefact, Closing, Outcome, Theme};
use crate::run::{Interrupt, Mode, Options};
use crate::scenario::{self, LoadError, Scenario};
use crate::snapshot::Store;
use crate::suite::Lab;

/// Saves that come closer together than this are one.
const DEBOUNCE: Duration = Duration::from_millis(60);
/// How often Ctrl-C is looked for while nothing is saved.
const LOOK: Duration = Duration::from_millis(100);

/// The arguments of `tcplab watch`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The scenario
    #[arg(value_name = "SCENARIO", add = super::completions::scenarios())]
    scenario: String,
    #[command(flatten)]
    folders: Folders,
}

pub(super) fn main(args: &Args, theme: &Theme) -> Exit {
    let library = args.folders.library();
    let entries = match library.select(std::slice::from_ref(&args.scenario)) {
        Ok(entries) => entries,
        // The same message as everywhere, from the loader.
        Err(_) => match load(&library, std::slice::from_ref(&args.scenario)) {
            Err(error) => return report_error(&error, theme),
            Ok(_) => return Exit::Usage,
        },
    };
    let [entry] = &entries[..] else {
        eprintln!("error: `{}` names {} scenarios; name one", args.scenario, entries.len());
        return Exit::Usage;
    };
    let interrupt = match prepare(Mode::Private) {
        Ok(interrupt) => interrupt,
        Err(exit) => return exit,
    };
    let lab = Lab {
        snapshots: Store::new(&args.folders.snapshots),
        out: args.folders.out.clone(),
        options: Options {
            mode: Mode::Private,
            port: None,
        },
    };
    match watch(&entry.path, &library.root, &lab, &interrupt, theme) {
        Ok(exit) => exit,
        Err(error) => {
            eprintln!("error: cannot watch {}: {error}", entry.path.display());
            eprintln!("  help: `tcplab run {}` plays it once", entry.name);
            Exit::Environment
        }
    }
}

fn watch(path: &Path, root: &Path, lab: &Lab, interrupt: &Interrupt, theme: &Theme) -> notify::Result<Exit> {
    let folder = path
        .parent()
        .filter(|folder| *folder != Path::new(""))
        .unwrap_or(Path::new("."));
    let name = path.file_name().map(ToOwned::to_owned);
    let (sender, saves) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let ours = match &event {
            // Reading the file is no save.
            Ok(event) if event.kind.is_access() && !is_close(event) => false,
            Ok(event) => event.need_rescan() || event.paths.iter().any(|path| path.file_name() == name.as_deref()),
            Err(_) => true,
        };
        if ours {
            // Nobody listens any more when the watch has ended.
            let _ = sender.send(());
        }
    })?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    let mut last = None;
    loop {
        // What was saved is what counts, not that it was saved: a save without a change plays nothing.
        let text = std::fs::read(path).ok();
        if last.as_ref() != Some(&text) {
            let shown = match scenario::load(path, root) {
                Ok(scenario) => play(lab, &Arc::new(scenario), interrupt, theme),
                Err(LoadError::Invalid(diagnostics)) => format!("{}\n", diagnostics.render(theme.color)),
                Err(error) => format!("error: {error}\n"),
            };
            last = Some(text);
            if interrupt.is_triggered() {
                break;
            }
            let told = format!("\n{shown}\nwatching {}; Ctrl-C ends it\n", path.display());
            let mut out = io::stdout().lock();
            if out.write_all(told.as_bytes()).and_then(|()| out.flush()).is_err() {
                // Nobody reads on.
                return Ok(Exit::Pass);
            }
        }
        if !saved(&saves, interrupt) {
            break;
        }
    }
    Ok(Exit::Interrupted)
}

fn is_close(event: &notify::Event) -> bool {
    use notify::event::{AccessKind, AccessMode, EventKind};
    matches!(event.kind, EventKind::Access(AccessKind::Close(AccessMode::Write)))
}

/// Waits for a save and until no more follow at once; `false` after Ctrl-C.
fn saved(saves: &Receiver<()>, interrupt: &Interrupt) -> bool {
    loop {
        if interrupt.is_triggered() {
            return false;
        }
        match saves.recv_timeout(LOOK) {
            Ok(()) => break,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
    while saves.recv_timeout(DEBOUNCE).is_ok() {}
    true
}

fn play(lab: &Lab, scenario: &Arc<Scenario>, interrupt: &Interrupt, theme: &Theme) -> String {
    let started = Instant::now();
    let result = lab.play(scenario, interrupt, &mut |_| {});
    let outcome = Outcome::of(scenario, &result, started.elapsed());
    let mut artefacts = Vec::new();
    let mut pending = false;
    let mut ladder = String::new();
    if let Ok(played) = &result {
        ladder = report::ladder(&played.transcript, theme, None) + "\n";
        artefacts.push(Artefact {
            name: "capture".to_owned(),
            path: played.artefacts.capture(),
        });
        pending = played.pending;
    }
    let closing = Closing {
        outcome: &outcome,
        artefacts: &artefacts,
        pending,
        explained: false,
    };
    ladder + &report::verdict(&closing, theme)
}
