//! What the test programs share: where things are, and how to play one scenario with the finished program.

#![allow(dead_code, reason = "each test program uses its part")]

pub mod mutants;
pub mod room;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use libtest_mimic::Completion;
use serde_json::Value;
use tempfile::TempDir;

/// The finished program. A test program that was copied elsewhere asks the environment, as cargo sets it.
pub fn program() -> PathBuf {
    std::env::var_os("CARGO_BIN_EXE_tcplab").map_or_else(|| env!("CARGO_BIN_EXE_tcplab").into(), PathBuf::from)
}

/// The folder with `scenarios/` and `snapshots/`.
pub fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}

/// The names of all scenarios that are not slow, in order: paths below `scenarios/` without `.toml`.
pub fn scenarios() -> Vec<String> {
    let mut names = all_scenarios();
    names.retain(|name| !is_slow(name));
    names
}

/// Whether the scenario takes minutes.
pub fn is_slow(name: &str) -> bool {
    let folder = root().join("scenarios");
    let scenario = tcplab::scenario::load(&folder.join(format!("{name}.toml")), &folder);
    scenario.is_ok_and(|scenario| scenario.slow)
}

/// Whether its two ends speak IPv6.
pub fn is_ipv6(name: &str) -> bool {
    let folder = root().join("scenarios");
    let scenario = tcplab::scenario::load(&folder.join(format!("{name}.toml")), &folder);
    scenario.is_ok_and(|scenario| scenario.settings.family == tcplab::scenario::Family::Ipv6)
}

/// The names of all scenarios, in order.
pub fn all_scenarios() -> Vec<String> {
    let folder = root().join("scenarios");
    let names = names_below(&folder, ".toml");
    assert!(!names.is_empty(), "{} holds no scenario", folder.display());
    names
}

/// The paths below `folder` of all files with this ending, without the ending, in order.
pub fn names_below(folder: &Path, ending: &str) -> Vec<String> {
    let mut names: Vec<String> = files_below(folder)
        .iter()
        .filter_map(|file| file.strip_prefix(folder).ok()?.to_str()?.strip_suffix(ending))
        .map(str::to_owned)
        .collect();
    names.sort();
    names
}

/// All files below a folder, in no order.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("read {}: {error}", folder.display()));
        for entry in entries {
            let path = entry.expect("read a folder's entry").path();
            if path.is_dir() { &mut folders } else { &mut files }.push(path);
        }
    }
    files
}

/// One scenario, played live.
pub struct Play {
    /// `runs/NAME` of this run.
    folder: PathBuf,
    _out: TempDir,
}

impl Play {
    /// Plays the scenario. `Err` says how the trial ends when there is nothing to look at: ignored where this machine
    /// cannot play it, else failed.
    pub fn of(name: &str) -> Result<Play, NotPlayed> {
        let out = tempfile::tempdir().map_err(|error| NotPlayed::Failed(format!("make a folder: {error}")))?;
        let output = tcplab([OsStr::new("run"), name.as_ref(), "--out".as_ref(), out.path().as_ref()]);
        let folder = out.path().join(name);
        let play = Play { folder, _out: out };
        match output.status.code() {
            Some(0) if play.verdict().as_deref() == Some("skip") => Err(NotPlayed::Unable(last_words(&output))),
            Some(0) => Ok(play),
            Some(4) => Err(NotPlayed::Unable(last_words(&output))),
            _ => Err(NotPlayed::Failed(format!(
                "tcplab run {name}: {}\n{}",
                output.status,
                all_words(&output)
            ))),
        }
    }

    /// The path of one of the files that the run left.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// One of the text files that the run left.
    pub fn text(&self, file: &str) -> String {
        let path = self.path(file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
    }

    fn verdict(&self) -> Option<String> {
        let judgement = fs::read(self.path("judgement.json")).ok()?;
        let judgement: Value = serde_json::from_slice(&judgement).ok()?;
        Some(judgement.get("verdict")?.as_str()?.to_owned())
    }
}

/// Why there is nothing to look at.
pub enum NotPlayed {
    /// This machine or kernel cannot play the scenario.
    Unable(String),
    /// It went wrong.
    Failed(String),
}

impl NotPlayed {
    /// The trial's end. What could not be played is said aloud as well: an `ignored` in a list is easily missed.
    pub fn completion(self, name: &str) -> Result<Completion, libtest_mimic::Failed> {
        match self {
            NotPlayed::Failed(message) => Err(message.into()),
            NotPlayed::Unable(reason) => {
                eprintln!("\nNOT PLAYED: {name}: {reason}");
                Ok(Completion::ignored_with(reason))
            }
        }
    }
}

/// Runs the program in [`root`] with these arguments.
pub fn tcplab<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Output {
    Command::new(program())
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap_or_else(|error| panic!("start {}: {error}", program().display()))
}

fn all_words(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|words| String::from_utf8_lossy(words))
        .join("\n")
}

/// The last line that is not empty: the reason, where a run says one.
fn last_words(output: &Output) -> String {
    let words = all_words(output);
    let line = words.lines().rev().map(str::trim).find(|line| !line.is_empty());
    line.unwrap_or("no reason given").to_owned()
}
