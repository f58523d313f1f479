//! One canonical layout of scenario files: `tcplab fmt`.
//!
//! The timeline is laid out in aligned columns; the TOML around it is left as it is, for TOML has tools of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Expect, Scenario, Span, file, timeline};

/// The file's text in canonical layout. It means the same, and laid out again it does not change.
pub fn lay_out(scenario: &Scenario) -> String {
    let source = &*scenario.source;
    let Some(span) = timeline_span(scenario) else {
        return source.to_owned();
    };
    let body = timeline::lay_out(&source[span.clone()]);
    let body = if source[span.clone()].contains("\r\n") {
        format!("\r\n{}", body.replace('\n', "\r\n"))
    } else {
        format!("\n{body}")
    };
    format!("{}{body}{}", &source[..span.start], &source[span.end..])
}

/// Lines of a timeline, such as the segments below one action, in canonical layout.
pub fn lay_out_lines(lines: &str) -> String {
    timeline::lay_out(lines)
}

/// Where the timeline stands in the scenario's text, without its quotation marks.
pub fn timeline_span(scenario: &Scenario) -> Option<Span> {
    file::timeline_span(&scenario.source)
}

/// Whether two scenarios say the same, wherever it stands in their files.
pub fn same_meaning(one: &Scenario, other: &Scenario) -> bool {
    let said = |scenario: &Scenario| {
        let steps = scenario.phases.iter().flat_map(|phase| {
            let title = format!("== {} ==", phase.title);
            let steps = phase.steps.iter().flat_map(|step| {
                let expected = step.expect.iter().map(Expect::to_string);
                std::iter::once(step.action.to_string()).chain(expected)
            });
            std::iter::once(title).chain(steps).collect::<Vec<_>>()
        });
        steps.collect::<Vec<_>>()
    };
    let around = |scenario: &Scenario| Scenario {
        name: String::new(),
        path: PathBuf::new(),
        source: "".into(),
        phases: Vec::new(),
        written_out: BTreeMap::new(),
        ..scenario.clone()
    };
    around(one) == around(other) && said(one) == said(other)
}
