//! Every scenario file is a trial: it is played live, must pass, and its transcript must be the accepted snapshot.
//!
//! The snapshot is held against the transcript twice, by the program and by insta itself, so that both read the same
//! files in the same way. What this machine cannot play is reported as ignored, with the reason; so are slow
//! scenarios, which `--include-ignored` plays.

mod support;

use std::path::Path;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use support::Play;

fn main() {
    let arguments = Arguments::from_args();
    let scenarios = support::all_scenarios();
    let mut trials: Vec<Trial> = scenarios
        .iter()
        .cloned()
        .map(|name| {
            let is_slow = support::is_slow(&name);
            Trial::ignorable_test(name.clone(), move || passes_with_its_snapshot(&name)).with_ignored_flag(is_slow)
        })
        .collect();
    trials.push(Trial::test("every_snapshot_has_its_scenario", move || {
        every_snapshot_has_its_scenario(&scenarios)
    }));
    libtest_mimic::run(&arguments, trials).exit();
}

fn passes_with_its_snapshot(name: &str) -> Result<Completion, Failed> {
    let snapshots = support::root().join("snapshots");
    if !snapshots.join(format!("{name}.snap")).exists() {
        return Err(format!(
            "there is no accepted snapshot of {name}. Play it with `./justw lab {name}`, read what happened, and accept it \
             with `./justw review --accept {name}`"
        )
        .into());
    }
    let play = match Play::of(name) {
        Ok(play) => play,
        Err(not_played) => return not_played.completion(name),
    };

    // insta replaces a `/` in a name, so the folder part goes into the path.
    let place = Path::new(name);
    let folder = snapshots.join(place.parent().unwrap_or(Path::new("")));
    let stem = place
        .file_name()
        .and_then(|stem| stem.to_str())
        .ok_or("the scenario has no name")?;
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_input_file(format!("scenarios/{name}.toml"));
    settings.bind(|| insta::assert_snapshot!(stem, play.text("transcript.txt")));
    Ok(Completion::Completed)
}

fn every_snapshot_has_its_scenario(scenarios: &[String]) -> Result<(), Failed> {
    let orphans: Vec<String> = support::names_below(&support::root().join("snapshots"), ".snap")
        .into_iter()
        .filter(|name| !scenarios.contains(name))
        .map(|name| format!("snapshots/{name}.snap"))
        .collect();
    if orphans.is_empty() {
        return Ok(());
    }
    Err(format!(
        "no scenario belongs to {}; delete what is left over",
        orphans.join(", ")
    )
    .into())
}
