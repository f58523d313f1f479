//! `tcplab explain`: a saved run, or any capture, told in words.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use super::Exit;
use super::folders::Folders;
use super::load::{load, report_error};
use crate::matcher;
use crate::report::{self, Theme};
use crate::run::{ActionResult, Entry, Recording};
use crate::scenario::{self, Action, Outcome, Scenario, Verb, Want};
use crate::snapshot::Transcript;
use crate::suite::{Artefacts, Conversation};

/// The arguments of `tcplab explain`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A scenario whose last run is explained, or a capture file (pcap, pcapng)
    #[arg(value_name = "SCENARIO|FILE", add = super::completions::scenarios())]
    what: String,
    /// The scenario that the capture file is a run of: then its actions are told, too
    #[arg(long, value_name = "SCENARIO", add = super::completions::scenarios())]
    scenario: Option<String>,
    #[command(flatten)]
    folders: Folders,
}

pub(super) fn main(args: &Args, theme: &Theme) -> Exit {
    let path = Path::new(&args.what);
    // A file of another kind than a scenario is meant as a capture, whatever it is called.
    let is_capture = args.scenario.is_some() || (path.is_file() && path.extension().is_none_or(|kind| kind != "toml"));
    let told = if is_capture {
        of_capture(args, path, theme)
    } else {
        of_run(args, theme)
    };
    match told {
        Ok(story) => {
            // Nobody reads on: that is no failure.
            let _ = io::stdout().write_all(story.as_bytes());
            Exit::Pass
        }
        Err(exit) => exit,
    }
}

fn scenario(args: &Args, name: &str, theme: &Theme) -> Result<Arc<Scenario>, Exit> {
    let scenarios = load(&args.folders.library(), &[name.to_owned()]).map_err(|error| report_error(&error, theme))?;
    match &scenarios[..] {
        [scenario] => Ok(Arc::clone(scenario)),
        several => {
            eprintln!("error: `{name}` names {} scenarios; name one", several.len());
            Err(Exit::Usage)
        }
    }
}

fn of_run(args: &Args, theme: &Theme) -> Result<String, Exit> {
    let scenario = scenario(args, &args.what, theme)?;
    let recording = Artefacts::of(&args.folders.out, &scenario.name)
        .read_recording()
        .map_err(|error| {
            eprintln!("error: {error}\n  help: `tcplab run {}` makes one", scenario.name);
            Exit::Usage
        })?;
    Ok(format!("{}\n{}\n", scenario.title, tell(&scenario, &recording, theme)))
}

fn of_capture(args: &Args, path: &Path, theme: &Theme) -> Result<String, Exit> {
    let conversation = match Conversation::read(path) {
        Ok(Some(conversation)) => conversation,
        Ok(None) => {
            eprintln!("error: {} has no TCP segment that could be decoded", path.display());
            eprintln!("  help: capture with `tcpdump -i lo -w FILE tcp`, or name a file of `runs/`");
            return Err(Exit::Usage);
        }
        Err(error) => {
            eprintln!("error: {error}\n  help: name a pcap or pcapng file, or a scenario: `tcplab list`");
            return Err(Exit::Usage);
        }
    };
    let mut out = format!("client {}, server {}\n", conversation.client, conversation.server);
    if conversation.left_out > 0 {
        out += &format!(
            "{} segments of other conversations in this file are left out\n",
            conversation.left_out
        );
    }
    if let Some(damage) = &conversation.damage {
        out += &format!("what follows is only what can be read: {damage}\n");
    }
    let (scenario, recording) = match &args.scenario {
        None => (bare(&conversation), conversation.recording),
        Some(name) => {
            let scenario = scenario(args, name, theme)?;
            out += &format!("{}\n", scenario.title);
            let recording = with_actions(&scenario, conversation.recording);
            (Arc::unwrap_or_clone(scenario), recording)
        }
    };
    Ok(format!("{out}{}\n", tell(&scenario, &recording, theme)))
}

fn tell(scenario: &Scenario, recording: &Recording, theme: &Theme) -> String {
    let explanations = report::explain(scenario, recording);
    let story = report::story(&Transcript::of(scenario, recording), &explanations, theme);
    format!("{story}\n{}", report::lessons(scenario, recording, theme).trim_end())
}

/// What stands for the scenario of a capture of which nothing else is known.
fn bare(conversation: &Conversation) -> Scenario {
    let text = b"title = 'A capture'\nteaches = '-'\ntimeline = '''client connect'''\n";
    let mut scenario = scenario::parse("", Path::new(""), text).expect("this is a scenario");
    scenario.settings.family = conversation.family();
    scenario.phases.clear();
    scenario
}

/// A capture does not tell how a call ended: as the scenario says, since the segments are as it says.
fn as_said(action: &Action) -> ActionResult {
    match (action.outcome, &action.verb) {
        (Outcome::Errno(errno), verb) => ActionResult::Failed {
            call: verb.name().to_owned(),
            errno,
            received: Vec::new(),
            sent: Vec::new(),
        },
        (Outcome::Eof, _) | (_, Verb::Recv(Want::Eof) | Verb::Read(Want::Eof)) => {
            ActionResult::Eof { received: Vec::new() }
        }
        (_, Verb::Recv(Want::Payload(payload)) | Verb::Read(Want::Payload(payload))) => {
            ActionResult::received(payload.bytes.to_vec())
        }
        (_, verb) => match verb.written() {
            Some(payload) => ActionResult::sent(payload.bytes.to_vec()),
            None => ActionResult::done(),
        },
    }
}

/// The segments, each behind the actions of the scenario that must have begun before it; as they are if they are not those
/// of the scenario.
fn with_actions(scenario: &Scenario, recording: Recording) -> Recording {
    let mut all = recording.clone();
    let steps = scenario.steps().count();
    all.entries
        .splice(0..0, (0..steps).map(|step| Entry::ActionStarted { step, at: 0 }));
    let matched = matcher::compare(scenario, &all);
    if let Some(mismatch) = matched.mismatch {
        let number = mismatch
            .segment
            .map_or(String::new(), |index| format!(" from segment {} on", index + 1));
        eprintln!(
            "note: this is not the session of `{}`{number}; its actions are not told",
            scenario.name
        );
        return recording;
    }
    let mut begun = 0;
    let mut entries = Vec::new();
    let mut begin = |until: usize, at, entries: &mut Vec<Entry>| {
        for (step, known) in scenario.steps().enumerate().take(until).skip(begun) {
            let result = as_said(&known.action);
            entries.push(Entry::ActionStarted { step, at });
            entries.push(Entry::ActionEnded { step, at, result });
        }
        begun = begun.max(until);
    };
    for (entry, place) in recording.entries.iter().zip(&matched.explained) {
        let at = match entry {
            Entry::Segment(segment) => segment.at,
            _ => 0,
        };
        begin(place.step + 1, at, &mut entries);
        entries.push(entry.clone());
    }
    begin(steps, 0, &mut entries);
    Recording { entries, ..recording }
}
