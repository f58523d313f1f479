//! `tcplab run --repeat N`: are all transcripts of a scenario the same?

use std::io::{self, Write};

use super::Exit;
use crate::report::Outcome;
use crate::snapshot::{View, diff};
use crate::suite::{self, Played, Seen, SuiteError};

/// The runs of all scenarios, counted.
#[derive(Debug, Default)]
pub(super) struct Tally(suite::Tally);

impl Tally {
    pub(super) fn add(&mut self, outcome: &Outcome, result: &Result<Played, SuiteError>) {
        self.0.add(&outcome.scenario, result, || outcome.reason());
    }

    /// Prints a line per scenario and what differed; a scenario with more than one transcript is a failure.
    pub(super) fn print(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let width = self.0.scenarios.keys().map(String::len).max().unwrap_or_default();
        let mut exit = Exit::Pass;
        for (name, count) in &self.0.scenarios {
            let runs = count.runs();
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
                let times = |(text, seen): (_, &Seen)| (text, seen.trusted + seen.doubtful);
                let mut seen: Vec<(&String, usize)> = count.transcripts.iter().map(times).collect();
                seen.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
                for (other, times) in &seen[1..] {
                    writeln!(out, "  seen {} times, against {} times:", times, seen[0].1)?;
                    writeln!(out, "{}", diff(seen[0].0, other).render(&View::default()))?;
                }
            }
        }
        Ok(exit)
    }
}
