//! Tests of the scenario layer as its users see it.

mod catalogue;
mod language;
mod layout;
mod library;
mod robustness;
mod spelling;

use std::path::Path;

use super::{Diagnostics, Expect, Scenario, Step, parse};

/// A whole file around a timeline.
fn file(timeline: &str) -> String {
    format!("title = \"A test\"\nteaches = \"Nothing.\"\ntimeline = '''\n{timeline}\n'''\n")
}

/// Parses a timeline in an otherwise faultless file.
fn play(timeline: &str) -> Result<Scenario, Diagnostics> {
    parse("test", Path::new("test.toml"), file(timeline).as_bytes())
}

/// The only step of a timeline.
fn step(timeline: &str) -> Step {
    let scenario = play(timeline).unwrap_or_else(|diagnostics| panic!("{timeline}\n{diagnostics}"));
    let steps: Vec<&Step> = scenario.steps().collect();
    assert_eq!(steps.len(), 1);
    steps[0].clone()
}

/// The expectations below `client connect self`.
fn expectations(lines: &str) -> Vec<Expect> {
    step(&format!("client connect self\n{lines}")).expect
}
