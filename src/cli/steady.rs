//! `tcplab run --repeat N`: are all transcripts of a scenario the same?

use std::io::{self, Write};

use super::Exit;
use crate::snapshot::{View, diff};
use crate::suite::{Seen, Tally};

/// Prints a line per scenario and what differed; a scenario with more than one transcript is a failure.
pub(super) fn print(tally: &Tally, out: &mut dyn Write) -> io::Result<Exit> {
    let width = tally.scenarios.keys().map(String::len).max().unwrap_or_default();
    let mut exit = Exit::Pass;
    for (name, count) in &tally.scenarios {
        let kinds = count.transcripts.len();
        write!(out, "{name:width$}  {:>5} runs  {:>5} pass", count.runs(), count.pass)?;
        for (word, number) in count.but_passed() {
            if number > 0 {
                write!(out, "  {number} {word}")?;
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
