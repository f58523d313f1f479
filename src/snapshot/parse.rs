//! A transcript from its text, so that an accepted snapshot can be drawn as well as a new one.
//!
//! What the text does not tell is left out: the numbers of steps and of captured segments, and where an action's text ends
//! and its result begins.

use super::transcript::{Line, SegmentLine, Transcript};
use crate::run::Fate;
use crate::tcp::{Party, State};

/// The width of the columns of a state.
const STATE: usize = 12;

impl Transcript {
    /// Reads the text that a transcript prints; `None` for any other text.
    pub fn parse(text: &str) -> Option<Transcript> {
        let mut lines = text.lines();
        let heading = lines.next()?;
        if heading.split_whitespace().ne(["client", "server"]) {
            return None;
        }
        let mut reader = Reader {
            states: (State::Closed, State::Closed),
            number: 0,
        };
        let mut parsed = Vec::new();
        let mut after_blank = false;
        for line in lines {
            if line.is_empty() {
                after_blank = true;
                continue;
            }
            parsed.push(reader.line(line, after_blank)?);
            after_blank = false;
        }
        let transcript = Transcript { lines: parsed };
        let printed = transcript.to_string();
        // A snapshot's contents come without the last line end.
        (printed == text || printed.strip_suffix('\n') == Some(text)).then_some(transcript)
    }
}

struct Reader {
    states: (State, State),
    number: usize,
}

impl Reader {
    fn line(&mut self, line: &str, after_blank: bool) -> Option<Line> {
        if let Some(title) = line.strip_prefix("== ").filter(|_| after_blank) {
            return Some(Line::Phase(title.strip_suffix(" ==")?.to_owned()));
        }
        if after_blank {
            return Some(Line::Ending(line.to_owned()));
        }
        let Some(row) = line.strip_prefix("  ") else {
            return Some(Line::Action {
                step: 0,
                text: line.to_owned(),
                result: None,
            });
        };
        if row.starts_with("   ") {
            // Direction, flags and numbers are blank.
            self.states_at(row.get(5 + 2 + 11 + 2 + 9 + 1 + 9 + 1 + 9 + 2..)?)?;
            let (client, server) = self.states;
            return Some(Line::States { client, server });
        }
        self.number += 1;
        let mut letters = row.get(..5)?.split(" > ").map(party);
        let (from, to) = (letters.next()??, letters.next()??);
        let fields = row.get(5..)?.trim_start();
        if let Some(stream) = fields.strip_prefix("stream") {
            let text = self.states_at(stream.get(11 - 6 + 2 + 9 + 1 + 9 + 1 + 9 + 2..)?)?;
            let (client, server) = self.states;
            let number = self.number;
            return Some(Line::Stream {
                number,
                first: number,
                last: number,
                from,
                to,
                text,
                client,
                server,
            });
        }
        self.segment(from, to, fields).map(Line::Segment)
    }

    fn segment(&mut self, from: Party, to: Party, fields: &str) -> Option<SegmentLine> {
        let (flags, fields) = fields.split_once("seq ")?;
        let (seq, fields) = fields.split_once("ack ")?;
        let (ack, fields) = fields.split_once("len ")?;
        let digits = fields
            .find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(fields.len());
        let (len, rest) = fields.split_at(digits);
        // The column is nine wide, `len ` included.
        let rest = self.states_at(rest.get(5_usize.saturating_sub(digits) + 2..).unwrap_or_default())?;
        let (before, options) = match rest.rfind('<').filter(|_| rest.ends_with('>')) {
            Some(at) => rest.split_at(at),
            None => (&*rest, ""),
        };
        let before = before.trim_end();
        let notes = before.rsplit("  ").next().unwrap_or_default();
        let fate = Fate::ALL
            .into_iter()
            .find(|fate| notes.split(", ").any(|note| note == fate.name()));
        let (payload, notes) = match fate {
            Some(_) => (before.strip_suffix(notes)?.trim_end(), notes),
            None => (before, ""),
        };
        Some(SegmentLine {
            number: self.number,
            index: self.number - 1,
            from,
            to,
            flags: flags.trim_end().to_owned(),
            seq: seq.trim().parse().ok()?,
            ack: match ack.trim() {
                "-" => None,
                number => Some(number.parse().ok()?),
            },
            len: len.parse().ok()?,
            options: options.to_owned(),
            payload: payload.to_owned(),
            notes: notes.to_owned(),
            fate,
            client: self.states.0,
            server: self.states.1,
        })
    }

    /// Takes note of the states in their two columns, and returns what stands behind them.
    fn states_at(&mut self, columns: &str) -> Option<String> {
        let column = |from: usize| {
            let end = columns.len().min(from + STATE);
            columns.get(from.min(end)..end).map(str::trim_end)
        };
        for (name, state) in [
            (column(0)?, &mut self.states.0),
            (column(STATE + 2)?, &mut self.states.1),
        ] {
            if !name.is_empty() {
                *state = State::by_name(name)?;
            }
        }
        Some(columns.get(2 * (STATE + 2)..).unwrap_or_default().to_owned())
    }
}

fn party(letter: &str) -> Option<Party> {
    Party::ALL.into_iter().find(|party| letter.chars().eq([party.letter()]))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::snapshot::Store;

    fn accepted() -> Vec<(String, String)> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let library = crate::scenario::Library::new(root.join("scenarios"));
        let store = Store::new(root.join("snapshots"));
        let names = library.names().expect("the scenarios");
        let contents = |name: String| {
            let stored = store
                .accepted(&name)
                .expect("a snapshot")
                .expect("an accepted snapshot");
            (name, stored.contents)
        };
        names.into_iter().map(contents).collect()
    }

    #[test]
    fn every_accepted_snapshot_is_read_as_it_prints() {
        let accepted = accepted();
        assert!(accepted.len() > 13);
        for (name, contents) in accepted {
            let transcript = Transcript::parse(&contents).unwrap_or_else(|| panic!("{name} cannot be read"));
            assert_eq!(transcript.to_string().trim_end(), contents.trim_end(), "{name}");
            assert!(
                transcript
                    .lines
                    .iter()
                    .any(|line| matches!(line, Line::Segment(_) | Line::Action { .. })),
                "{name}"
            );
        }
    }

    #[test]
    fn what_was_dropped_is_known_from_the_text() {
        let lost = accepted()
            .into_iter()
            .find(|(name, _)| name == "loss/data-lost")
            .expect("the scenario");
        let transcript = Transcript::parse(&lost.1).expect("a transcript");
        let fates = transcript.lines.iter().filter_map(|line| match line {
            Line::Segment(segment) => segment.fate,
            _ => None,
        });
        assert!(fates.collect::<Vec<_>>().contains(&Fate::Dropped));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "([ -~]{0,60}\n){0,6}", cut in 0..400_usize) {
            let _ = Transcript::parse(&format!("  client        server\n{text}"));
            let (_, contents) = &accepted()[0];
            if contents.is_char_boundary(cut) {
                let _ = Transcript::parse(&contents[..cut.min(contents.len())]);
            }
        }
    }
}
