//! Does every expectation count? Each scenario is played once; then each flag, number, byte and line that it expects is
//! changed, one at a time, and so is each character of its snapshot. The judge must pass none of these mutants.
//!
//! What survives must be equivalent to the original; those are listed here, each with its reason.

mod support;

use std::fs;
use std::path::Path;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use support::{Play, mutants};
use tcplab::judge::Verdict;
use tcplab::run::Recording;
use tcplab::scenario::{self, Scenario};
use tcplab::snapshot::Store;
use tcplab::suite::judge_recording;

/// Survivors that mean the same as the original: scenario, a part of the change, and the reason.
const EQUIVALENT: &[(&str, &str, &str)] = &[];

fn main() {
    let arguments = Arguments::from_args();
    let trials = support::scenarios()
        .into_iter()
        .flat_map(|name| {
            let other = name.clone();
            [
                Trial::ignorable_test(format!("no_mutant_of_an_expectation_passes::{name}"), move || {
                    expectations(&name)
                }),
                Trial::ignorable_test(format!("no_mutant_of_the_snapshot_passes::{other}"), move || {
                    snapshot(&other)
                }),
            ]
        })
        .collect();
    libtest_mimic::run(&arguments, trials).exit();
}

/// A scenario and a recording of it that passes.
struct Original {
    scenario: Scenario,
    recording: Recording,
}

fn play(name: &str) -> Result<Original, support::NotPlayed> {
    let play = Play::of(name)?;
    let folder = support::root().join("scenarios");
    let scenario = scenario::load(&folder.join(format!("{name}.toml")), &folder)
        .map_err(|error| support::NotPlayed::Failed(error.to_string()))?;
    let recording = serde_json::from_str(&play.text("run.json"))
        .map_err(|error| support::NotPlayed::Failed(format!("run.json: {error}")))?;
    Ok(Original { scenario, recording })
}

fn verdict(snapshots: &Path, scenario: &Scenario, recording: &Recording) -> Result<Verdict, Failed> {
    Ok(judge_recording(&Store::new(snapshots), scenario, recording)?
        .judgement
        .verdict)
}

fn expectations(name: &str) -> Result<Completion, Failed> {
    let original = match play(name) {
        Ok(original) => original,
        Err(not_played) => return not_played.completion(name),
    };
    // Without a snapshot, so that only the expectation is heard.
    let nowhere = tempfile::tempdir()?;
    let verdict = |scenario: &Scenario| verdict(nowhere.path(), scenario, &original.recording);
    if verdict(&original.scenario)? != Verdict::Pass {
        return Err("the unchanged recording does not pass when it is judged again".into());
    }
    let mutants = mutants::of(&original.scenario);
    let mut survivors = Vec::new();
    for mutant in &mutants {
        if verdict(&mutant.scenario)? == Verdict::Pass {
            survivors.push(&mutant.change);
        }
    }
    let (equivalent, alive): (Vec<_>, Vec<_>) = survivors.into_iter().partition(|change| {
        EQUIVALENT
            .iter()
            .any(|(scenario, part, _)| *scenario == name && change.contains(part))
    });
    println!(
        "{name}: {} mutants, {} equivalent, {} alive",
        mutants.len(),
        equivalent.len(),
        alive.len()
    );
    if alive.is_empty() {
        return Ok(Completion::Completed);
    }
    let alive: Vec<String> = alive.into_iter().map(|change| format!("  {change}")).collect();
    Err(format!(
        "{} of {} mutants pass:\n{}",
        alive.len(),
        mutants.len(),
        alive.join("\n")
    )
    .into())
}

/// Changes each character of the accepted transcript. What insta does not compare is not part of it: the header, and
/// blanks at the very end.
fn snapshot(name: &str) -> Result<Completion, Failed> {
    let original = match play(name) {
        Ok(original) => original,
        Err(not_played) => return not_played.completion(name),
    };
    let file = support::root().join(format!("snapshots/{name}.snap"));
    let accepted = fs::read_to_string(&file)?;
    let body = accepted.find("\n---\n").ok_or("the snapshot has no header")? + "\n---\n".len();
    let folder = tempfile::tempdir()?;
    let copy = folder.path().join(format!("{name}.snap"));
    fs::create_dir_all(copy.parent().ok_or("no folder")?)?;
    let mut mutants = 0;
    let store = Store::new(folder.path());
    let transcript = tcplab::snapshot::Transcript::of(&original.scenario, &original.recording).to_string();
    for (place, character) in accepted[body..].trim_end().char_indices() {
        let other = if character == '#' { '%' } else { '#' };
        let at = body + place;
        let mutant = [
            &accepted[..at],
            &other.to_string(),
            &accepted[at + character.len_utf8()..],
        ]
        .concat();
        fs::write(&copy, mutant)?;
        mutants += 1;
        let read = store.accepted(name)?.ok_or("the mutant is not read")?;
        if read.matches(&transcript) {
            return Err(format!("character {place} ({character:?}) of the snapshot does not count").into());
        }
    }
    // That a snapshot which does not match makes the verdict fail is shown with the last mutant, for all of them.
    let verdict = verdict(folder.path(), &original.scenario, &original.recording)?;
    println!("{name}: {mutants} characters of the snapshot changed, one at a time");
    if matches!(verdict, Verdict::Fail | Verdict::Inconclusive) {
        Ok(Completion::Completed)
    } else {
        Err(format!("verdict {verdict}").into())
    }
}
