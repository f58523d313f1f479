//! What the judge said about one run, at length: failures first, then every check of the three witnesses, the findings,
//! the files, and what to do next.

use std::path::PathBuf;
use std::time::Duration;

use super::text::{Spans, clean, duration, plural, wrap};
use super::theme::{Role, Theme};
use crate::judge::{Check, Judgement, Status, Verdict, Witness};
use crate::scenario::Scenario;
use crate::suite::{Conclusion, Played, SuiteError};

/// One run and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The scenario's name.
    pub scenario: String,
    /// What the judge said, when there was a run to judge.
    pub result: Result<Judgement, Unjudged>,
    /// How many segments were captured.
    pub segments: usize,
    /// How long the run took, by the clock on the wall.
    pub wall: Duration,
}

/// Why there was nothing to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unjudged {
    /// Whether the run broke down by a defect of the lab; else it could not take place.
    pub is_defect: bool,
    /// What went wrong.
    pub reason: String,
}

impl Outcome {
    /// That of a run of this scenario, which took `wall`.
    pub fn of(scenario: &Scenario, result: &Result<Played, SuiteError>, wall: Duration) -> Outcome {
        Outcome {
            scenario: scenario.name.clone(),
            segments: result.as_ref().map_or(0, |played| played.recording.segments().count()),
            result: match result {
                Ok(played) => Ok(played.judgement.clone()),
                Err(SuiteError::Skipped { reason }) => Ok(Judgement::skip(reason)),
                Err(error) => Err(Unjudged {
                    is_defect: Conclusion::of(result) == Conclusion::Error,
                    reason: super::with_remedy(error.to_string()),
                }),
            },
            wall,
        }
    }

    /// How the run ended, in one word.
    pub fn conclusion(&self) -> Conclusion {
        match &self.result {
            Ok(judgement) => judgement.verdict.into(),
            Err(Unjudged { is_defect: true, .. }) => Conclusion::Error,
            Err(_) => Conclusion::Unable,
        }
    }

    pub(super) fn role(&self) -> Role {
        role(self.conclusion())
    }

    /// Why it is not a pass, in one line: what was said about the first check that is to blame.
    pub fn reason(&self) -> String {
        let reason = match &self.result {
            Err(unjudged) => unjudged.reason.clone(),
            Ok(judgement) => match culprits(judgement).next() {
                Some(check) if check.detail.trim().is_empty() => check.name.clone(),
                Some(check) => format!("{}: {}", check.name, check.brief.as_ref().unwrap_or(&check.detail)),
                None => String::new(),
            },
        };
        let words: Vec<&str> = reason.split_whitespace().collect();
        clean(&words.join(" "))
    }
}

/// What a conclusion looks like.
pub(super) fn role(conclusion: Conclusion) -> Role {
    match conclusion {
        Conclusion::Pass => Role::Good,
        Conclusion::Fail | Conclusion::Error | Conclusion::Unable => Role::Bad,
        Conclusion::Inconclusive => Role::Doubt,
        Conclusion::Skip => Role::Dim,
    }
}

/// The checks that explain a verdict other than pass, the worst first.
pub(super) fn culprits(judgement: &Judgement) -> impl Iterator<Item = &Check> {
    let blamed: &[Status] = match judgement.verdict {
        Verdict::Pass => &[],
        Verdict::Fail => &[Status::Failed, Status::Doubtful],
        Verdict::Inconclusive => &[Status::Doubtful, Status::Failed],
        Verdict::Skip => &[Status::NotChecked],
    };
    let checks = |status| judgement.checks.iter().filter(move |check| check.status == status);
    blamed.iter().copied().flat_map(checks)
}

/// A file that a run has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artefact {
    /// What it is: `capture`, `recording`.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// What stands at the end of a run's output.
#[derive(Debug, Clone, Copy)]
pub struct Closing<'a> {
    /// The run.
    pub outcome: &'a Outcome,
    /// Its files.
    pub artefacts: &'a [Artefact],
    /// Whether the transcript waits for a review, as a first or a changed snapshot.
    pub pending: bool,
    /// Whether the explanations of the segments were shown.
    pub explained: bool,
}

/// Renders the verdict on one run.
pub fn verdict(closing: &Closing, theme: &Theme) -> String {
    let outcome = closing.outcome;
    let mut page = Page {
        theme,
        out: String::new(),
    };
    let head = Spans::of(outcome.role(), outcome.conclusion().name())
        .with(Role::Strong, format!("  {}", outcome.scenario))
        .with(
            Role::Plain,
            format!("  {} {}", outcome.segments, plural(outcome.segments, "segment")),
        )
        .with(Role::Dim, format!("  {}", duration(outcome.wall)));
    page.emit(&head);
    match &outcome.result {
        Err(unjudged) => {
            page.blank();
            page.paragraph(2, &unjudged.reason);
        }
        Ok(judgement) => page.judgement(judgement),
    }
    page.pairs(
        closing
            .artefacts
            .iter()
            .map(|artefact| (artefact.name.as_str(), artefact.path.display().to_string())),
        Role::Dim,
    );
    page.pairs(advice(closing).into_iter().map(|advice| ("next", advice)), Role::Strong);
    page.out
}

/// What a user may do now.
fn advice(closing: &Closing) -> Vec<String> {
    let mut advice = Vec::new();
    let judgement = match &closing.outcome.result {
        Ok(judgement) => judgement,
        Err(Unjudged { is_defect: true, .. }) => {
            return vec![
                "report it with the scenario file: no scenario and no machine should bring tcplab to this".to_owned(),
            ];
        }
        Err(_) => return vec!["run `tcplab doctor` to see what this machine can do".to_owned()],
    };
    let failed = |witness| {
        let mut checks = judgement.checks.iter();
        checks.any(|check| check.witness == witness && check.status == Status::Failed)
    };
    if failed(Witness::Expectation) && !closing.explained {
        let name = &closing.outcome.scenario;
        advice.push(format!(
            "run `tcplab run {name} --explain` to read why each segment was sent"
        ));
    }
    if closing.pending {
        advice.push(match failed(Witness::Snapshot) {
            true => "run `tcplab review` to see what changed, and accept it if it is right".to_owned(),
            false => "no snapshot yet: run `tcplab review` to accept it".to_owned(),
        });
    }
    match judgement.verdict {
        Verdict::Inconclusive => advice.push("run it again when the machine has less to do".to_owned()),
        Verdict::Skip => advice.push("run `tcplab doctor` to see what this machine can do".to_owned()),
        Verdict::Pass | Verdict::Fail => {}
    }
    advice
}

pub(super) fn witness_name(witness: Witness) -> &'static str {
    match witness {
        Witness::Expectation => "expectation",
        Witness::Snapshot => "snapshot",
        Witness::Integrity => "integrity",
    }
}

/// The symbol and the role of a status.
pub(super) fn symbol(status: Status, theme: &Theme) -> (char, Role) {
    let [ok, failed, doubtful, unchecked] = theme.glyphs().checks;
    match status {
        Status::Ok => (ok, Role::Good),
        Status::Failed => (failed, Role::Bad),
        Status::Doubtful => (doubtful, Role::Doubt),
        Status::NotChecked => (unchecked, Role::Dim),
    }
}

/// The columns of the longest name of a witness.
const WITNESS: usize = 11;

/// The fewest columns for details beside the names of the checks.
const MIN_DETAIL: usize = 30;

struct Page<'a> {
    theme: &'a Theme,
    out: String,
}

impl Page<'_> {
    fn judgement(&mut self, judgement: &Judgement) {
        let blamed: Vec<&Check> = culprits(judgement).collect();
        for check in &blamed {
            self.blank();
            let (symbol, role) = symbol(check.status, self.theme);
            let title = format!("{symbol} {}: {}", witness_name(check.witness), clean(&check.name));
            self.emit(&Spans::of(role, title));
            self.detail(&check.detail);
        }
        self.blank();
        let names = judgement
            .checks
            .iter()
            .map(|check| Spans::of(Role::Plain, clean(&check.name)).width());
        let names = names.max().unwrap_or_default();
        let mut witness = None;
        for check in &judgement.checks {
            let heading = if witness == Some(check.witness) {
                ""
            } else {
                witness_name(check.witness)
            };
            witness = Some(check.witness);
            let blamed = blamed.iter().any(|culprit| std::ptr::eq(*culprit, check));
            self.check(heading, check, names, if blamed { "see above" } else { &check.detail });
        }
        if !judgement.findings.is_empty() {
            self.blank();
            self.emit(&Spans::of(Role::Strong, "found in the applications"));
            for found in &judgement.findings {
                self.emit(&Spans::of(Role::Doubt, format!("! {}", found.finding.name())));
                self.detail(&found.detail);
            }
        }
    }

    /// One row of the table of checks; the detail stands beside the name where there is room.
    fn check(&mut self, heading: &str, check: &Check, names: usize, detail: &str) {
        let (symbol, role) = symbol(check.status, self.theme);
        let mut row = Spans::of(Role::Dim, format!("  {heading:WITNESS$}  "))
            .with(role, symbol)
            .with(Role::Plain, format!(" {}", clean(&check.name)));
        let start = 2 + WITNESS + 2 + 2 + names + 2;
        let total = self.theme.columns();
        let wrapped = |width| -> Vec<String> { detail.lines().flat_map(|line| wrap(line, width)).collect() };
        let mut lines = wrapped(total.saturating_sub(start).max(1));
        let mut indent = start;
        if lines.len() > 1 && start + MIN_DETAIL > total {
            indent = 2 + WITNESS + 2 + 2;
            lines = wrapped(total - indent);
        } else {
            row.pad_to(start);
            row.push(Role::Dim, lines.drain(..lines.len().min(1)).collect::<String>());
        }
        self.emit(&row);
        for line in lines {
            self.emit(&Spans::of(Role::Plain, " ".repeat(indent)).with(Role::Dim, line));
        }
    }

    /// A detail below its title: a single line is a sentence and wrapped, several lines are laid out already.
    fn detail(&mut self, detail: &str) {
        let detail = detail.trim_end();
        if !detail.contains('\n') {
            return self.paragraph(4, detail);
        }
        detail
            .lines()
            .for_each(|line| self.emit(&Spans::of(Role::Plain, format!("    {}", clean(line)))));
    }

    fn paragraph(&mut self, indent: usize, text: &str) {
        for line in text.lines().flat_map(|line| wrap(line, self.theme.columns() - indent)) {
            self.emit(&Spans::of(Role::Plain, format!("{:indent$}{line}", "")));
        }
    }

    /// Names with what belongs to them, after a blank line. Paths and commands are not wrapped: they are copied.
    fn pairs<'a>(&mut self, pairs: impl Iterator<Item = (&'a str, String)>, role: Role) {
        let pairs: Vec<(&str, String)> = pairs.collect();
        let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        if !pairs.is_empty() {
            self.blank();
        }
        for (name, value) in pairs {
            self.emit(&Spans::of(role, format!("  {name:width$}  ")).with(Role::Plain, clean(&value)));
        }
    }

    fn blank(&mut self) {
        self.out.push('\n');
    }

    fn emit(&mut self, row: &Spans) {
        self.out.push_str(row.paint(self.theme).trim_end());
        self.out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{check, outcome, theme, visible};
    use super::*;
    use crate::judge::FoundMistake;
    use crate::scenario::Finding;

    fn good() -> Vec<Check> {
        vec![
            check(Witness::Expectation, "timeline", Status::Ok, "13 steps, 11 segments"),
            check(
                Witness::Snapshot,
                "transcript",
                Status::Ok,
                "equal to snapshots/basic.snap",
            ),
            check(
                Witness::Integrity,
                "capture complete",
                Status::Ok,
                "11 of 11 segments, none dropped",
            ),
            check(
                Witness::Integrity,
                "kernel counters",
                Status::NotChecked,
                "host mode: others send too",
            ),
            check(
                Witness::Integrity,
                "states",
                Status::Ok,
                "at 13 points both ends were in the states that RFC 9293 gives for the segments seen so far",
            ),
        ]
    }

    fn mismatch() -> Check {
        let detail = "line 9 of scenarios/basic.toml expects\n    S > C  SYN ACK\nbut segment 2 is\n    S > C  RST ACK  seq 0  ack 1\n                ^^^ the port is closed";
        check(Witness::Expectation, "timeline", Status::Failed, detail)
    }

    fn render(outcome: &Outcome, pending: bool, theme: &Theme) -> String {
        let artefacts = [
            ("capture", "runs/basic/capture.pcap"),
            ("recording", "runs/basic/run.json"),
        ];
        let artefacts = artefacts.map(|(name, path)| Artefact {
            name: name.to_owned(),
            path: path.into(),
        });
        let closing = Closing {
            outcome,
            artefacts: &artefacts,
            pending,
            explained: false,
        };
        verdict(&closing, theme)
    }

    fn fail() -> Outcome {
        let mut checks = good();
        checks[0] = mismatch();
        checks[1].status = Status::Failed;
        checks[1].detail = "line 3 differs from snapshots/basic.snap\n- S > C  SYN ACK\n+ S > C  RST ACK".to_owned();
        checks[2].status = Status::Doubtful;
        checks[2].detail = "one packet was dropped".to_owned();
        outcome("basic", Verdict::Fail, checks, 52)
    }

    #[test]
    fn every_verdict_is_rendered() {
        let mut all = String::new();
        let mut show = |label: &str, page: String| all += &format!("# {label}:\n{page}\n");
        let pass = outcome("basic", Verdict::Pass, good(), 41);
        show("pass", render(&pass, false, &theme(80)));
        show("pass, 60 columns", render(&pass, false, &theme(60)));
        show("pass, 120 columns", render(&pass, false, &theme(120)));

        let mut first = pass.clone();
        let checks = &mut first.result.as_mut().unwrap().checks;
        checks[1] = check(
            Witness::Snapshot,
            "transcript",
            Status::NotChecked,
            "there is no snapshot yet",
        );
        show("first run", render(&first, true, &theme(80)));

        show("fail", render(&fail(), true, &theme(80)));
        let ascii = Theme {
            unicode: false,
            ..theme(60)
        };
        show("fail, ASCII, 60 columns", render(&fail(), true, &ascii));

        let mut doubt = good();
        doubt[2].status = Status::Doubtful;
        doubt[2].detail = "the kernel dropped 3 packets because the capture's buffer was full; the transcript has gaps, and nothing can be said about the session".to_owned();
        let doubt = outcome("basic", Verdict::Inconclusive, doubt, 1_240);
        show("inconclusive", render(&doubt, false, &theme(80)));

        let missing = "this kernel cannot switch tcp_fastopen on";
        let skip = vec![check(Witness::Integrity, "kernel", Status::NotChecked, missing)];
        show(
            "skip",
            render(&outcome("options/tfo", Verdict::Skip, skip, 3), false, &theme(80)),
        );

        let unable = Outcome {
            result: Err(Unjudged {
                is_defect: false,
                reason: "cannot open the capture on lo: permission denied".to_owned(),
            }),
            segments: 0,
            ..pass.clone()
        };
        show("unable", render(&unable, false, &theme(80)));

        let broken = Outcome {
            result: Err(Unjudged {
                is_defect: true,
                reason: "the run panicked, which is a defect of tcplab: index out of bounds".to_owned(),
            }),
            ..unable
        };
        show("error", render(&broken, false, &theme(80)));

        let mut found = pass;
        let judgement = found.result.as_mut().unwrap();
        judgement.findings.push(FoundMistake {
            finding: Finding::EchoContract,
            detail: "the client sent 12 bytes and got 13 back: byte 13, 0x04, stood in the server's buffer before"
                .to_owned(),
        });
        found.segments = 1;
        show("a finding", render(&found, false, &theme(80)));
        insta::assert_snapshot!(all);
    }

    #[test]
    fn colours_follow_the_status() {
        let colored = Theme {
            color: true,
            ..theme(80)
        };
        let page = render(&fail(), true, &colored);
        assert_eq!(console::strip_ansi_codes(&page), render(&fail(), true, &theme(80)));
        insta::assert_snapshot!(visible(&page));
    }
}
