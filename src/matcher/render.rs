//! A mismatch as text for people.

use std::fmt::Write;

use super::compare::{Kind, Mismatch};
use super::fields::{arrow, quoted};
use crate::scenario::{Scenario, Span};
use crate::tcp::{Conversation, Segment};

impl Mismatch {
    /// The whole story, in several lines without a line end after the last: what was expected where, what came instead, the
    /// fields that differ, the segments around, and what it usually means. `segments` are all of the recording's.
    pub fn explain(&self, scenario: &Scenario, segments: &[Segment]) -> String {
        let lines = segment_lines(segments);
        let mut text = String::new();
        self.headline(scenario, &lines, &mut text);
        self.differences(&mut text);
        self.around(scenario, &lines, &mut text);
        if !self.hints.is_empty() {
            text.push_str("what it usually means:\n");
            for hint in &self.hints {
                paragraph(&mut text, hint);
            }
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// The first sentence of the story, in one line: what the line of the scenario expects and what came.
    pub fn brief(&self, scenario: &Scenario, segments: &[Segment]) -> String {
        let lines = segment_lines(segments);
        let number = self.segment.unwrap_or_default() + 1;
        let came = self.segment.and_then(|index| lines.get(index));
        // As the scenario language may write it: in single blanks.
        let came = came.map_or(String::new(), |line| {
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        });
        let expected = self.expectation.as_ref().map_or(String::new(), |span| {
            format!("line {} expects `{}`", scenario.line(span), scenario.text(span))
        });
        let after = format!(
            "line {}, `{}`",
            scenario.line(&self.action),
            scenario.text(&self.action)
        );
        match self.kind {
            Kind::Differs => format!("{expected}, but segment {number} was `{came}`"),
            Kind::Skipped => format!("{expected}, but segment {number} already was `{came}`"),
            Kind::Missing => format!("{expected}, but no more segments came"),
            Kind::Early => format!("segment {number}, `{came}`, came too early, during {after}"),
            Kind::Extra => format!("no line expects segment {number}, `{came}`, after {after}"),
        }
    }

    fn headline(&self, scenario: &Scenario, lines: &[String], text: &mut String) {
        let place = |span: &Span| format!("{}:{}", scenario.path.display(), scenario.line(span));
        let action = format!(
            "`{}` (line {})",
            scenario.text(&self.action),
            scenario.line(&self.action)
        );
        let expectation = self.expectation.as_ref();
        let number = self.segment.unwrap_or_default() + 1;
        let came = self.segment.and_then(|index| lines.get(index));
        let came = came.map_or("", String::as_str);
        let wanted = expectation.map_or("", |span| scenario.text(span));
        let at = expectation.map_or_else(|| scenario.path.display().to_string(), place);
        let say = match self.kind {
            Kind::Differs => {
                format!("expected at {at}, after {action}:\n    {wanted}\nbut segment {number} was:\n    {came}\n")
            }
            Kind::Skipped => format!(
                "expected at {at}, after {action}:\n    {wanted}\nbut it did not come; segment {number} already was:\n    {came}\n"
            ),
            Kind::Missing => {
                format!("expected at {at}, after {action}:\n    {wanted}\nbut no more segments came.\n")
            }
            Kind::Early => format!(
                "segment {number} came too early, during {action}:\n    {came}\nit is expected at {at}, after an action that had not begun:\n    {wanted}\n"
            ),
            Kind::Extra => {
                let next = match expectation {
                    Some(_) => format!("expected next is {at}:\n    {wanted}\n"),
                    None => "nothing more was expected there.\n".to_owned(),
                };
                format!("no line expects segment {number}, after {action}:\n    {came}\n{next}")
            }
        };
        text.push_str(&say);
    }

    fn differences(&self, text: &mut String) {
        if self.differences.is_empty() {
            return;
        }
        text.push_str("differences:\n");
        let width = |of: fn(&str) -> usize| self.differences.iter().map(|one| of(one.field)).max().unwrap_or(0);
        let fields = width(str::len);
        let expected = self.differences.iter().map(|one| one.expected.chars().count());
        let expected = expected.max().unwrap_or(0);
        for one in &self.differences {
            let _ = writeln!(
                text,
                "    {:fields$}   expected {:expected$}   actual {}",
                one.field, one.expected, one.actual
            );
        }
    }

    fn around(&self, scenario: &Scenario, lines: &[String], text: &mut String) {
        if self.alignment.is_empty() {
            return;
        }
        text.push_str("side by side:\n");
        let captured = |index: Option<usize>| match index {
            Some(index) => format!("{:>4}  {}", index + 1, lines.get(index).map_or("", String::as_str)),
            None => "   -  (no segment)".to_owned(),
        };
        let cells: Vec<String> = self.alignment.iter().map(|row| captured(row.segment)).collect();
        let width = cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
        for (row, cell) in self.alignment.iter().zip(&cells) {
            let mark = if row.agrees { ' ' } else { '!' };
            let expectation = row.expectation.as_ref().map_or_else(
                || "(no line)".to_owned(),
                |span| format!("line {}: {}", scenario.line(span), scenario.text(span)),
            );
            let _ = writeln!(text, "  {mark} {cell:width$}   {expectation}");
        }
    }
}

/// All segments as short lines with relative numbers.
fn segment_lines(segments: &[Segment]) -> Vec<String> {
    let mut conversation = Conversation::default();
    segments
        .iter()
        .map(|segment| line(segment, &mut conversation))
        .collect()
}

/// `S > C  RST ACK  seq 13  ack 14  len 0`.
fn line(segment: &Segment, conversation: &mut Conversation) -> String {
    let relative = conversation.relate(segment);
    let mut text = format!(
        "{}  {}  seq {}",
        arrow((segment.from, segment.to)),
        segment.flags,
        relative.seq
    );
    if let Some(ack) = relative.ack {
        let _ = write!(text, "  ack {ack}");
    }
    let _ = write!(text, "  len {}", segment.len);
    if (1..=20).contains(&segment.len) {
        let _ = write!(text, "  {}", quoted(&segment.payload));
    }
    text
}

/// Wraps a hint at 100 columns, indented by four.
fn paragraph(text: &mut String, words: &str) {
    const WIDTH: usize = 100;
    let mut column = 0;
    for word in words.split_whitespace() {
        let len = word.chars().count();
        if column > 0 && column + 1 + len > WIDTH {
            text.push('\n');
            column = 0;
        }
        text.push_str(if column == 0 { "    " } else { " " });
        column += len + if column == 0 { 4 } else { 1 };
        text.push_str(word);
    }
    text.push('\n');
}
