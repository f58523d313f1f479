//! The events of a suite as JUnit XML, which most services for continuous integration show: a test case for each run, and a
//! test suite for each folder of scenarios.
//!
//! JUnit has no word for *inconclusive*: such a run is an error, as is one that could not take place or broke down. None of
//! them counts as a failure, which says something about TCP.

use std::collections::BTreeMap;
use std::io;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::verdict::{Closing, Outcome, verdict};
use super::{MAX_WIDTH, Theme};
use crate::run::Mode;
use crate::suite::{Conclusion, Ended, Event, Suite};

/// The suite of the scenarios that are in no folder.
const NO_FOLDER: &str = "scenarios";

/// Collects the runs of a suite.
#[derive(Debug, Default)]
pub struct Junit {
    suite: Option<Suite>,
    folders: BTreeMap<String, TestSuite>,
    elapsed: std::time::Duration,
}

impl Junit {
    /// Takes note of an event.
    pub fn on(&mut self, event: &Event) {
        match event {
            Event::SuiteStarted(suite) => self.suite = Some(suite.clone()),
            Event::RunEnded(ended) => self.add(ended),
            Event::SuiteEnded(totals) => self.elapsed = totals.elapsed,
            Event::RunStarted { .. } | Event::Entry { .. } => {}
        }
    }

    fn add(&mut self, ended: &Ended) {
        let name = &ended.scenario.name;
        let (folder, name) = name.rsplit_once('/').unwrap_or((NO_FOLDER, name));
        let repeats = self
            .suite
            .as_ref()
            .is_some_and(|suite| suite.runs != Some(suite.scenarios.len()));
        let name = if repeats {
            format!("{name} (run {})", ended.run + 1)
        } else {
            name.to_owned()
        };
        let mut case = TestCase::new(name, status(ended));
        case.set_classname(folder).set_time(ended.elapsed);
        let suite = self.folders.entry(folder.to_owned()).or_insert_with(|| {
            let mut suite = TestSuite::new(folder);
            if let Some(known) = &self.suite {
                let mode = match known.mode {
                    Mode::Private => "private",
                    Mode::Host => "host",
                };
                suite.add_property(("tcplab", known.tcplab.as_str()));
                suite.add_property(("kernel", known.kernel.as_str()));
                suite.add_property(("mode", mode));
            }
            suite
        });
        let time = suite.time.unwrap_or_default() + ended.elapsed;
        suite.set_time(time).add_test_case(case);
    }

    /// The XML.
    ///
    /// # Errors
    /// The writer's.
    pub fn write(self, out: impl io::Write) -> io::Result<()> {
        let mut report = Report::new("tcplab");
        report.set_time(self.elapsed);
        report.add_test_suites(self.folders.into_values());
        report.serialize(out).map_err(io::Error::other)
    }
}

fn status(ended: &Ended) -> TestCaseStatus {
    let outcome = Outcome::of(&ended.scenario, &ended.result, ended.elapsed);
    let conclusion = outcome.conclusion();
    let mut status = match conclusion {
        Conclusion::Pass => return TestCaseStatus::success(),
        Conclusion::Skip => TestCaseStatus::skipped(),
        Conclusion::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Conclusion::Inconclusive | Conclusion::Unable | Conclusion::Error => {
            TestCaseStatus::non_success(NonSuccessKind::Error)
        }
    };
    status.set_message(outcome.reason());
    if conclusion != Conclusion::Skip {
        status.set_type(conclusion.name());
        let plain = Theme {
            color: false,
            unicode: true,
            width: MAX_WIDTH,
        };
        let closing = Closing {
            outcome: &outcome,
            artefacts: &[],
            pending: ended.result.as_ref().is_ok_and(|played| played.pending),
            explained: false,
        };
        let place = ended.line_at_fault().map_or(String::new(), |line| format!(":{line}"));
        status.set_description(format!(
            "{}{place}\n{}",
            ended.scenario.path.display(),
            verdict(&closing, &plain)
        ));
    }
    status
}

#[cfg(test)]
mod tests {
    use super::super::samples::{check, ended, judged, session, suite_ended};
    use super::*;
    use crate::judge::{Status, Verdict, Witness};

    #[test]
    fn only_a_fail_is_a_failure_and_what_says_nothing_about_tcp_is_an_error() {
        let (scenario, mut events) = session();
        let with = |status| vec![check(Witness::Integrity, "capture", status, "3 lost <\u{1b}> of 11")];
        events.push(judged(0, &scenario, Verdict::Pass, Vec::new()));
        events.push(judged(1, &scenario, Verdict::Fail, with(Status::Failed)));
        events.push(judged(2, &scenario, Verdict::Inconclusive, with(Status::Doubtful)));
        events.push(judged(3, &scenario, Verdict::Skip, with(Status::NotChecked)));
        events.push(ended(4, &scenario, "epoll_wait"));
        events.push(suite_ended());
        let mut junit = Junit::default();
        events.iter().for_each(|event| junit.on(event));
        let mut xml = Vec::new();
        junit.write(&mut xml).unwrap();
        insta::assert_snapshot!(String::from_utf8(xml).unwrap());
    }
}
