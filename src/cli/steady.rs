//! `tcplab run --repeat N`: are all transcripts of a scenario the same?

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::Exit;
use crate::run::Ending;
use crate::snapshot::{View, diff};
use crate::suite::{Conclusion, Event};

/// The runs of all scenarios, counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    scenarios: BTreeMap<String, Count>,
}

#[derive(Debug, Default)]
struct Count {
    /// How many runs ended so.
    ended: BTreeMap<Conclusion, usize>,
    /// Each transcript that was seen, and how often.
    transcripts: BTreeMap<String, usize>,
}

impl Tally {
    /// Takes note of an event.
    pub(super) fn on(&mut self, event: &Event) {
        let Event::RunEnded(ended) = event else {
            return;
        };
        let count = self.scenarios.entry(ended.scenario.name.clone()).or_default();
        *count.ended.entry(ended.conclusion()).or_default() += 1;
        // An interrupted run has only the beginning of a transcript.
        if let Ok(played) = &ended.result
            && played.recording.ending != Ending::Interrupted
        {
            *count.transcripts.entry(played.transcript.to_string()).or_default() += 1;
        }
    }

    /// Whether some scenario has given different transcripts.
    pub(super) fn has_different_transcripts(&self) -> bool {
        self.scenarios.values().any(|count| count.transcripts.len() > 1)
    }

    /// Prints a line per scenario and what differed; a scenario with more than one transcript is a failure.
    pub(super) fn print(&self, out: &mut dyn Write) -> io::Result<Exit> {
        let width = self.scenarios.keys().map(String::len).max().unwrap_or_default();
        let mut exit = Exit::Pass;
        for (name, count) in &self.scenarios {
            let runs: usize = count.ended.values().sum();
            let passed = count.ended.get(&Conclusion::Pass).copied().unwrap_or_default();
            let kinds = count.transcripts.len();
            write!(out, "{name:width$}  {runs:>5} runs  {passed:>5} pass")?;
            for (conclusion, number) in &count.ended {
                if *conclusion != Conclusion::Pass {
                    write!(out, "  {number} {}", conclusion.name())?;
                }
            }
            writeln!(
                out,
                "  {kinds} {}",
                match kinds {
                    0 => "transcripts",
                    1 => "transcript",
                    _ => "different transcripts",
                }
            )?;
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
