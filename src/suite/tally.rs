//! Many runs of the same scenarios, counted: verdicts, transcripts, and why a verdict was not clear.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Conclusion, Ended};
use crate::judge::{Check, Status};
use crate::run::Ending;

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
    /// The run could not take place.
    pub unable: usize,
    /// The run broke down: it panicked, or did not come back.
    pub error: usize,
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
    /// Counts one run; `reason` says why it did not pass. One that was interrupted counts, but has no whole transcript.
    pub fn add(&mut self, ended: &Ended, reason: impl FnOnce() -> String) {
        let count = self.scenarios.entry(ended.scenario.name.clone()).or_default();
        let conclusion = ended.conclusion();
        *match conclusion {
            Conclusion::Pass => &mut count.pass,
            Conclusion::Fail => &mut count.fail,
            Conclusion::Inconclusive => &mut count.inconclusive,
            Conclusion::Skip => &mut count.skip,
            Conclusion::Unable => &mut count.unable,
            Conclusion::Error => &mut count.error,
        } += 1;
        if !matches!(conclusion, Conclusion::Pass | Conclusion::Skip) {
            count.first_reason.get_or_insert_with(reason);
        }
        let Ok(played) = &ended.result else { return };
        if played.recording.ending == Ending::Interrupted {
            return;
        }
        let seen = count.transcripts.entry(played.transcript.to_string()).or_default();
        if conclusion == Conclusion::Inconclusive {
            seen.doubtful += 1;
            let doubtful = |check: &&Check| check.status == Status::Doubtful;
            for check in played.judgement.checks.iter().filter(doubtful) {
                *count.doubts.entry(check.name.clone()).or_default() += 1;
            }
        } else {
            seen.trusted += 1;
        }
    }

    /// Whether some scenario has given different transcripts.
    pub fn has_different_transcripts(&self) -> bool {
        self.scenarios.values().any(|count| count.transcripts.len() > 1)
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
            total.error += count.error;
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
        self.pass + self.fail + self.inconclusive + self.skip + self.unable + self.error
    }

    /// The runs that did not pass, by the word for what became of them.
    pub fn but_passed(&self) -> [(&'static str, usize); 5] {
        [
            (Conclusion::Fail.name(), self.fail),
            (Conclusion::Error.name(), self.error),
            (Conclusion::Unable.name(), self.unable),
            (Conclusion::Inconclusive.name(), self.inconclusive),
            (Conclusion::Skip.name(), self.skip),
        ]
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
