//! Many runs of the same scenarios, counted: verdicts, transcripts, and why a verdict was not clear.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Played, SuiteError};
use crate::judge::{Status, Verdict};

/// The runs of all scenarios, counted.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// By the scenarios' names.
    pub scenarios: BTreeMap<String, Count>,
}

/// The runs of one scenario, counted.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Every witness agreed.
    pub pass: usize,
    /// Something differed, and the machine was not to blame.
    pub fail: usize,
    /// The machine or the capture could not be trusted.
    pub inconclusive: usize,
    /// This kernel or machine cannot play it.
    pub skip: usize,
    /// No run, or one without a judgement.
    pub unable: usize,
    /// The checks that made verdicts inconclusive, and how often.
    pub doubts: BTreeMap<String, usize>,
    /// Why the first run that neither passed nor was skipped did not pass.
    pub first_reason: Option<String>,
    /// Each transcript that was seen.
    pub transcripts: BTreeMap<String, Seen>,
}

/// How often a transcript was seen.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// In runs that passed or failed.
    pub trusted: usize,
    /// In runs whose verdict was inconclusive: what differs there is put down to the machine.
    pub doubtful: usize,
}

impl Tally {
    /// Counts one run; `reason` says why it did not pass.
    pub fn add(&mut self, scenario: &str, result: &Result<Played, SuiteError>, reason: impl FnOnce() -> String) {
        let count = self.scenarios.entry(scenario.to_owned()).or_default();
        match result {
            Ok(played) => {
                let verdict = played.judgement.verdict;
                *match verdict {
                    Verdict::Pass => &mut count.pass,
                    Verdict::Fail => &mut count.fail,
                    Verdict::Inconclusive => &mut count.inconclusive,
                    Verdict::Skip => &mut count.skip,
                } += 1;
                let seen = count.transcripts.entry(played.transcript.to_string()).or_default();
                if verdict == Verdict::Inconclusive {
                    seen.doubtful += 1;
                    let doubtful = |check: &&crate::judge::Check| check.status == Status::Doubtful;
                    for check in played.judgement.checks.iter().filter(doubtful) {
                        *count.doubts.entry(check.name.clone()).or_default() += 1;
                    }
                } else {
                    seen.trusted += 1;
                }
                if verdict != Verdict::Pass {
                    count.first_reason.get_or_insert_with(reason);
                }
            }
            Err(SuiteError::Skipped { .. }) => count.skip += 1,
            Err(_) => {
                count.unable += 1;
                count.first_reason.get_or_insert_with(reason);
            }
        }
    }

    /// All scenarios together; of their transcripts nothing is left.
    pub fn total(&self) -> Count {
        let mut total = Count::default();
        for count in self.scenarios.values() {
            total.pass += count.pass;
            total.fail += count.fail;
            total.inconclusive += count.inconclusive;
            total.skip += count.skip;
            total.unable += count.unable;
            for (check, times) in &count.doubts {
                *total.doubts.entry(check.clone()).or_default() += times;
            }
        }
        total
    }
}

impl Count {
    /// All runs.
    pub fn runs(&self) -> usize {
        self.pass + self.fail + self.inconclusive + self.skip + self.unable
    }

    /// How many different transcripts came from runs whose verdict was not put down to the machine.
    pub fn trusted_transcripts(&self) -> usize {
        self.transcripts.values().filter(|seen| seen.trusted > 0).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_of_doubtful_runs_only_is_no_second_one() {
        let seen = |trusted, doubtful| Seen { trusted, doubtful };
        let mut count = Count::default();
        count.transcripts.insert("a".to_owned(), seen(3, 0));
        count.transcripts.insert("b".to_owned(), seen(0, 2));
        assert_eq!(count.trusted_transcripts(), 1);
        count.transcripts.insert("c".to_owned(), seen(1, 2));
        assert_eq!(count.trusted_transcripts(), 2);
    }
}
