//! `tcplab run --repeat N`: are all transcripts of a scenario the same?

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::Exit;
use crate::judge::Verdict;
use crate::report::Outcome;
use crate::snapshot::{View, diff};
use crate::suite::{Played, SuiteError};

/// The runs of all scenarios, counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    scenarios: BTreeMap<String, Count>,
}

#[derive(Debug, Default)]
struct Count {
    pass: usize,
    fail: usize,
    inconclusive: usize,
    skip: usize,
    unable: usize,
    /// Each transcript that was seen, and how often.
    transcripts: BTreeMap<String, usize>,
    /// The first line about the first run that did not pass.
    first_reason: Option<String>,
}

impl Tally {
    pub(super) fn add(&mut self, outcome: &Outcome, result: &Result<Played, SuiteError>) {
        let count = self.scenarios.entry(outcome.scenario.clone()).or_default();
        *match outcome.verdict() {
            Some(Verdict::Pass) => &mut count.pass,
            Some(Verdict::Fail) => &mut count.fail,
            Some(Verdict::Inconclusive) => &mut count.inconclusive,
            Some(Verdict::Skip) => &mut count.skip,
            None => &mut count.unable,
        } += 1;
        if !matches!(outcome.verdict(), Some(Verdict::Pass | Verdict::Skip)) {
            count.first_reason.get_or_insert_with(|| outcome.reason());
        }
        if let Ok(played) = result {
            *count.transcripts.entry(played.transcript.to_string()).or_default() += 1;
        }
    }

    /// Prints a line per scenario and what differed; a scenario with more than one transcript is a failure.
    pub(super) fn print(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let width = self.scenarios.keys().map(String::len).max().unwrap_or_default();
        let mut exit = Exit::Pass;
        for (name, count) in &self.scenarios {
            let runs = count.pass + count.fail + count.inconclusive + count.skip + count.unable;
            let kinds = count.transcripts.len();
            write!(out, "{name:width$}  {runs:>5} runs  {:>5} pass", count.pass)?;
            for (number, word) in [
                (count.fail, "fail"),
                (count.inconclusive, "inconclusive"),
                (count.skip, "skip"),
                (count.unable, "unable"),
            ] {
                if number > 0 {
                    write!(out, "  {number} {word}")?;
                }
            }
            writeln!(
                out,
                "  {kinds} {}",
                if kinds == 1 {
                    "transcript"
                } else {
                    "different transcripts"
                }
            )?;
            if let Some(reason) = &count.first_reason {
                writeln!(out, "    {reason}")?;
            }
            if kinds > 1 {
                exit = Exit::Fail;
                let mut seen: Vec<(&String, &usize)> = count.transcripts.iter().collect();
                seen.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
                for (other, times) in &seen[1..] {
                    writeln!(out, "  seen {} times, against {} times:", times, seen[0].1)?;
                    writeln!(out, "{}", diff(seen[0].0, other).render(&View::default()))?;
                }
            }
        }
        Ok(exit)
    }
}
