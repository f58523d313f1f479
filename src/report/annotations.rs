//! The failures of a suite as annotations of GitHub Actions: a workflow command for each, which shows it beside the line of
//! the scenario file.

use std::collections::BTreeSet;
use std::path::Path;

use super::verdict::Outcome;
use crate::suite::{Conclusion, Ended, Event};

/// Collects the annotations of a suite; the same one of several runs is told once.
#[derive(Debug, Default)]
pub struct Annotations {
    /// The folder of the checkout, to which file names are relative.
    root: Option<String>,
    lines: BTreeSet<String>,
}

impl Annotations {
    /// `root` is the folder of the checkout (`GITHUB_WORKSPACE`); without it, file names are as the user gave them.
    pub fn new(root: Option<String>) -> Annotations {
        Annotations {
            root,
            lines: BTreeSet::new(),
        }
    }

    /// Takes note of an event.
    pub fn on(&mut self, event: &Event) {
        if let Event::RunEnded(ended) = event
            && let Some(line) = self.line(ended)
        {
            self.lines.insert(line);
        }
    }

    /// The commands, a line each.
    pub fn render(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }

    fn line(&self, ended: &Ended) -> Option<String> {
        let outcome = Outcome::of(&ended.scenario, &ended.result, ended.elapsed);
        let conclusion = outcome.conclusion();
        let command = match conclusion {
            Conclusion::Fail | Conclusion::Error | Conclusion::Unable => "error",
            Conclusion::Inconclusive => "warning",
            Conclusion::Skip | Conclusion::Pass => return None,
        };
        let title = format!("{} {}", conclusion.name(), outcome.scenario);
        // Without a line of its own it is about the file: its first line.
        let line = ended.line_at_fault().unwrap_or(1);
        Some(annotation(
            command,
            &self.relative(&ended.scenario.path),
            line,
            &title,
            &message(&outcome),
        ))
    }

    fn relative(&self, path: &Path) -> String {
        let root = self.root.as_deref().map(Path::new);
        let below = root.and_then(|root| path.strip_prefix(root).ok()).unwrap_or(path);
        below.to_string_lossy().into_owned()
    }
}

/// What is wrong, with all its lines.
fn message(outcome: &Outcome) -> String {
    match &outcome.result {
        Ok(judgement) => super::verdict::culprits(judgement).next().map_or_else(
            || outcome.reason(),
            |check| format!("{}: {}", check.name, check.detail.trim_end()),
        ),
        Err(unjudged) => unjudged.reason.clone(),
    }
}

/// A workflow command.
fn annotation(command: &str, file: &str, line: usize, title: &str, message: &str) -> String {
    format!(
        "::{command} file={},line={line},title={}::{}",
        property(file),
        property(title),
        data(message)
    )
}

/// What stands behind the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property, which ends at a comma or at `::`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::samples::{check, ended, judged, session};
    use super::*;
    use crate::judge::{Status, Verdict, Witness};

    #[test]
    fn what_would_end_a_field_is_escaped() {
        assert_eq!(
            annotation("error", "a,b:c%.toml", 9, "fail: x, y", "50 %: one,\r\ntwo"),
            "::error file=a%2Cb%3Ac%25.toml,line=9,title=fail%3A x%2C y::50 %25: one,%0D%0Atwo"
        );
    }

    #[test]
    fn a_run_that_could_not_take_place_is_an_error_told_once() {
        let (scenario, _) = session();
        let mut annotations = Annotations::new(None);
        annotations.on(&ended(0, &scenario, "epoll_wait"));
        annotations.on(&ended(1, &scenario, "epoll_wait"));
        assert_eq!(
            annotations.render(),
            "::error file=scenario.toml,line=1,title=unable basic::the lab's own `epoll_wait` failed: permission denied\n"
        );
    }

    #[test]
    fn an_inconclusive_run_is_a_warning_and_a_pass_or_a_skip_is_nothing() {
        let (scenario, _) = session();
        let lost = check(Witness::Integrity, "capture", Status::Doubtful, "3 packets lost\nof 11");
        let mut annotations = Annotations::new(None);
        annotations.on(&judged(0, &scenario, Verdict::Inconclusive, vec![lost]));
        annotations.on(&judged(1, &scenario, Verdict::Pass, Vec::new()));
        annotations.on(&judged(2, &scenario, Verdict::Skip, Vec::new()));
        assert_eq!(
            annotations.render(),
            "::warning file=scenario.toml,line=1,title=inconclusive basic::capture: 3 packets lost%0Aof 11\n"
        );
    }

    #[test]
    fn files_are_named_from_the_checkout() {
        let annotations = Annotations::new(Some("/home/runner/work/x".to_owned()));
        assert_eq!(
            annotations.relative(Path::new("/home/runner/work/x/scenarios/a.toml")),
            "scenarios/a.toml"
        );
        assert_eq!(annotations.relative(Path::new("scenarios/a.toml")), "scenarios/a.toml");
    }
}
