//! One line for each run, and the summary of a suite: failures first.

use std::cmp::Reverse;
use std::time::Duration;

use console::truncate_str;

use super::text::{Spans, clean, duration, plural};
use super::theme::{MIN_WIDTH, Role, Theme};
use super::verdict::Outcome;
use crate::judge::Verdict;

/// The columns of the longest verdict.
const VERDICT: usize = 12;

/// The slowest runs are named when more than this many ran.
const FEW: usize = 5;

/// The verdict on one run in one line without a line end: `pass  basic  11 segments  41 ms`. The verdict is set flush
/// right and the scenario's name padded to `name_width` columns, so that the lines of a suite are aligned.
pub fn line(outcome: &Outcome, name_width: usize, theme: &Theme) -> String {
    let mut line = start(outcome, name_width);
    line.push(
        Role::Plain,
        format!("{:>3} {:8}", outcome.segments, plural(outcome.segments, "segment")),
    );
    line.push(Role::Dim, format!("  {:>8}", duration(outcome.wall)));
    line.paint(theme)
}

fn start(outcome: &Outcome, name_width: usize) -> Spans {
    let word = outcome.word();
    let mut line = Spans::of(Role::Plain, " ".repeat(VERDICT.saturating_sub(word.len())));
    line.push(outcome.role(), word);
    line.push(Role::Strong, format!("  {}", clean(&outcome.scenario)));
    line.pad_to(VERDICT + 2 + name_width);
    line.with(Role::Plain, "  ")
}

/// The end of a suite's output: every run that is not a pass with its reason, the worst first; the counts; the slowest.
pub fn summary(outcomes: &[Outcome], wall: Duration, theme: &Theme) -> String {
    let mut rows = Vec::new();
    let mut others: Vec<&Outcome> = outcomes.iter().filter(|outcome| rank(outcome) < PASSED).collect();
    others.sort_by_key(|outcome| (rank(outcome), &outcome.scenario));
    let names = others
        .iter()
        .map(|outcome| outcome.scenario.len())
        .max()
        .unwrap_or_default();
    for outcome in &others {
        let row = start(outcome, names).with(Role::Plain, outcome.reason()).paint(theme);
        rows.push(truncate_str(&row, theme.width.max(MIN_WIDTH), theme.glyphs().ellipsis).into_owned());
    }
    if !others.is_empty() {
        rows.push(String::new());
    }

    let total = format!("{} {}", outcomes.len(), plural(outcomes.len(), "run"));
    let mut counts = Spans::of(Role::Strong, total).with(Role::Dim, format!(" in {}", duration(wall)));
    let mut separator = ": ";
    for (index, (word, role)) in KINDS.into_iter().enumerate().rev() {
        let count = outcomes.iter().filter(|outcome| rank(outcome) == index).count();
        if count > 0 {
            counts.push(Role::Plain, separator);
            counts.push(role, format!("{count} {word}"));
            separator = ", ";
        }
    }
    rows.push(counts.paint(theme));

    if outcomes.len() > FEW {
        let mut slowest: Vec<&Outcome> = outcomes.iter().collect();
        slowest.sort_by_key(|outcome| Reverse(outcome.wall));
        let slowest = slowest[..3]
            .iter()
            .map(|outcome| format!("{} {}", outcome.scenario, duration(outcome.wall)));
        let slowest = slowest.collect::<Vec<_>>().join(", ");
        rows.push(theme.paint(Role::Dim, &format!("slowest: {slowest}")));
    }
    rows.iter().map(|row| format!("{row}\n")).collect()
}

/// The kinds of outcomes, the worst first, as the counts name them.
const KINDS: [(&str, Role); 5] = [
    ("failed", Role::Bad),
    ("unable", Role::Bad),
    ("inconclusive", Role::Doubt),
    ("skipped", Role::Dim),
    ("passed", Role::Good),
];

/// The place of passes in [`KINDS`].
const PASSED: usize = 4;

/// The place of an outcome in [`KINDS`].
fn rank(outcome: &Outcome) -> usize {
    match outcome.verdict() {
        Some(Verdict::Fail) => 0,
        None => 1,
        Some(Verdict::Inconclusive) => 2,
        Some(Verdict::Skip) => 3,
        Some(Verdict::Pass) => PASSED,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{check, outcome, theme, visible};
    use super::*;
    use crate::judge::{Status, Witness};

    fn outcomes() -> Vec<Outcome> {
        let late =
            "no FIN within 250 ms of the close, although the server had read everything that the client had sent";
        let checks = |name: &str, status, detail: &str| vec![check(Witness::Integrity, name, status, detail)];
        vec![
            outcome("basic", Verdict::Pass, checks("states", Status::Ok, "fine"), 41),
            outcome("article", Verdict::Pass, Vec::new(), 4_012),
            outcome(
                "options/tfo",
                Verdict::Skip,
                checks("kernel", Status::NotChecked, "no fast open"),
                3,
            ),
            Outcome {
                result: Err("cannot open the capture on lo:\npermission denied".to_owned()),
                segments: 0,
                ..outcome("unlucky", Verdict::Pass, Vec::new(), 9)
            },
            outcome(
                "close/late",
                Verdict::Fail,
                checks("timeline", Status::Failed, late),
                1_240,
            ),
            Outcome {
                segments: 1,
                ..outcome(
                    "resets/a",
                    Verdict::Inconclusive,
                    checks("capture", Status::Doubtful, "\n3 dropped"),
                    38,
                )
            },
            outcome("aborts", Verdict::Fail, checks("states", Status::Failed, ""), 40),
        ]
    }

    #[test]
    fn failures_come_first_in_the_summary() {
        let mut all = String::new();
        let mut show = |label: &str, text: String| all += &format!("# {label}:\n{text}\n");
        for (label, theme) in [
            ("80 columns", theme(80)),
            (
                "60 columns, ASCII, colour",
                Theme {
                    color: true,
                    unicode: false,
                    width: 60,
                },
            ),
        ] {
            let lines: Vec<String> = outcomes().iter().map(|outcome| line(outcome, 11, &theme)).collect();
            show(&format!("lines, {label}"), visible(&(lines.join("\n") + "\n")));
            show(
                &format!("summary, {label}"),
                visible(&summary(&outcomes(), Duration::from_millis(5_400), &theme)),
            );
        }
        show(
            "all passed",
            summary(&outcomes()[..2], Duration::from_millis(54), &theme(80)),
        );
        show("one", summary(&outcomes()[..1], Duration::from_millis(54), &theme(80)));
        show("none", summary(&[], Duration::ZERO, &theme(80)));
        insta::assert_snapshot!(all);
    }
}
