//! One line for each run, and the summary of a suite: failures first.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use console::truncate_str;

use super::text::{Spans, clean, duration, plural};
use super::theme::{MIN_WIDTH, Role, Theme};
use super::verdict::{Outcome, role};
use crate::suite::{Conclusion, Event, Totals};

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
    let word = outcome.conclusion().name();
    let mut line = Spans::of(Role::Plain, " ".repeat(VERDICT.saturating_sub(word.len())));
    line.push(outcome.role(), word);
    line.push(Role::Strong, format!("  {}", clean(&outcome.scenario)));
    line.pad_to(VERDICT + 2 + name_width);
    line.with(Role::Plain, "  ")
}

/// The end of a suite's output: every run that is not a pass with its reason, the worst first; the counts; the slowest.
/// Runs of one scenario that ended in the same way are one line.
#[derive(Debug, Default)]
pub struct Summary {
    /// The runs that did not pass, and how often each was so.
    others: Vec<(Outcome, usize)>,
    /// The longest run of each scenario.
    longest: BTreeMap<String, Duration>,
    totals: Totals,
}

impl Summary {
    /// Takes note of an event.
    pub fn on(&mut self, event: &Event) {
        match event {
            Event::RunEnded(ended) => self.add(Outcome::of(&ended.scenario, &ended.result, ended.elapsed)),
            Event::SuiteEnded(totals) => self.totals = totals.clone(),
            _ => {}
        }
    }

    fn add(&mut self, outcome: Outcome) {
        let longest = self.longest.entry(outcome.scenario.clone()).or_default();
        *longest = outcome.wall.max(*longest);
        if outcome.conclusion() == Conclusion::Pass {
            return;
        }
        let key = |outcome: &Outcome| (outcome.scenario.clone(), outcome.conclusion(), outcome.reason());
        let new = key(&outcome);
        match self.others.iter_mut().find(|(known, _)| key(known) == new) {
            Some((_, times)) => *times += 1,
            None => self.others.push((outcome, 1)),
        }
    }

    /// The text, for the end of the output.
    pub fn render(&self, theme: &Theme) -> String {
        let totals = &self.totals;
        let mut rows = Vec::new();
        let mut others: Vec<&(Outcome, usize)> = self.others.iter().collect();
        others.sort_by_key(|(outcome, _)| (outcome.conclusion(), &outcome.scenario));
        let names = others.iter().map(|(outcome, _)| outcome.scenario.len());
        let names = names.max().unwrap_or_default();
        for (outcome, times) in &others {
            let mut row = start(outcome, names);
            if *times > 1 {
                row.push(Role::Dim, format!("({times} times) "));
            }
            row.push(Role::Plain, outcome.reason());
            let row = row.paint(theme);
            rows.push(truncate_str(&row, theme.width.max(MIN_WIDTH), theme.glyphs().ellipsis).into_owned());
        }
        if !others.is_empty() {
            rows.push(String::new());
        }

        let total = format!("{} {}", totals.runs(), plural(totals.runs(), "run"));
        let mut counts = Spans::of(Role::Strong, total).with(Role::Dim, format!(" in {}", duration(totals.elapsed)));
        let mut separator = ": ";
        for conclusion in Conclusion::ALL.into_iter().rev() {
            let count = totals.count(conclusion);
            if count > 0 {
                counts.push(Role::Plain, separator);
                counts.push(role(conclusion), format!("{count} {}", word(conclusion)));
                separator = ", ";
            }
        }
        if totals.not_played > 0 {
            counts.push(Role::Plain, separator);
            counts.push(Role::Doubt, format!("{} not played", totals.not_played));
        }
        rows.push(counts.paint(theme));

        if self.longest.len() > FEW {
            let mut slowest: Vec<(&String, &Duration)> = self.longest.iter().collect();
            slowest.sort_by_key(|(_, wall)| Reverse(**wall));
            let slowest = slowest[..3]
                .iter()
                .map(|(scenario, wall)| format!("{} {}", clean(scenario), duration(**wall)));
            let slowest = slowest.collect::<Vec<_>>().join(", ");
            rows.push(theme.paint(Role::Dim, &format!("slowest: {slowest}")));
        }
        rows.iter().map(|row| format!("{row}\n")).collect()
    }
}

/// The conclusion as the counts name it.
fn word(conclusion: Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Fail => "failed",
        Conclusion::Error => "broke down",
        Conclusion::Unable => "unable",
        Conclusion::Inconclusive => "inconclusive",
        Conclusion::Skip => "skipped",
        Conclusion::Pass => "passed",
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{check, outcome, theme, visible};
    use super::super::verdict::Unjudged;
    use super::*;
    use crate::judge::{Status, Verdict, Witness};

    /// The summary of runs that ended so.
    fn summary(outcomes: &[Outcome], millis: u64, not_played: usize, theme: &Theme) -> String {
        let mut totals = Totals {
            not_played,
            elapsed: Duration::from_millis(millis),
            ..Totals::default()
        };
        let mut summary = Summary::default();
        for outcome in outcomes {
            totals.add(outcome.conclusion());
            summary.add(outcome.clone());
        }
        summary.on(&Event::SuiteEnded(totals));
        summary.render(theme)
    }

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
                result: Err(Unjudged {
                    is_defect: false,
                    reason: "cannot open the capture on lo:\npermission denied".to_owned(),
                }),
                segments: 0,
                ..outcome("unlucky", Verdict::Pass, Vec::new(), 9)
            },
            Outcome {
                result: Err(Unjudged {
                    is_defect: true,
                    reason: "the run panicked".to_owned(),
                }),
                segments: 0,
                ..outcome("broken", Verdict::Pass, Vec::new(), 7)
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
                visible(&summary(&outcomes(), 5_400, 0, &theme)),
            );
        }
        let thrice: Vec<Outcome> = (0..3).flat_map(|_| outcomes()).collect();
        show("three times, 12 not played", summary(&thrice, 15_000, 12, &theme(80)));
        show("all passed", summary(&outcomes()[..2], 54, 0, &theme(80)));
        show("one", summary(&outcomes()[..1], 54, 0, &theme(80)));
        show("none", summary(&[], 0, 0, &theme(80)));
        insta::assert_snapshot!(all);
    }
}
