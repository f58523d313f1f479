//! Writing into a scenario's text, by spans: whatever is not a recorded line or outcome stays byte for byte.
//!
//! A file in canonical layout stays in it. Comments of lines that go stay as lines of their own.

use std::collections::BTreeMap;

use super::merge::Merged;
use super::{RecordError, reparse};
use crate::matcher::check_result;
use crate::run::ActionResult;
use crate::scenario::{
    Action, Count, Expect, Outcome, Payload, Scenario, SegmentPattern, Span, Step, Verb, Want, lay_out, lay_out_lines,
};

/// Begins each comment that a recording writes; a later one replaces it.
const MARK: &str = "# recorded: ";
/// Longer payloads of a `read` are not written.
const READ: usize = 64;

/// What happens to one step.
pub(super) struct Edit {
    /// Its new lines; `None` leaves those that it has.
    pub(super) lines: Option<Merged>,
    /// Another outcome than is written.
    outcome: Option<Outcome>,
    /// What a `read` without a payload has read.
    payload: Option<Payload>,
    /// What the action demands and did not get.
    pub(super) unmet: Option<String>,
}

impl Edit {
    pub(super) fn new<'a>(step: &Step, lines: Option<Merged>, results: impl Iterator<Item = &'a ActionResult>) -> Edit {
        let results: Vec<&ActionResult> = results.collect();
        let mut edit = Edit {
            lines,
            outcome: None,
            payload: None,
            unmet: None,
        };
        let action = &step.action;
        let outcome = |result: &ActionResult| match result {
            ActionResult::Failed { errno, .. } => Outcome::Errno(*errno),
            ActionResult::Eof { .. } if !wants_end(action) => Outcome::Eof,
            _ => Outcome::Success,
        };
        let agreed = results.iter().all(|result| outcome(result) == outcome(results[0]));
        let held = |action: &Action| results.iter().find_map(|result| check_result(action, result).err());
        let Some(told) = held(action) else {
            edit.payload = read_payload(action, &results);
            return edit;
        };
        let other = Action {
            outcome: outcome(results[0]),
            ..action.clone()
        };
        if !agreed {
            edit.unmet = Some(format!("it ends differently from run to run; in one of them it {told}"));
        } else if let Some(told) = held(&other) {
            edit.unmet = Some(told);
        } else {
            edit.outcome = Some(other.outcome);
        }
        edit
    }

    /// A step that stands in a table, which is not written into: what would change is told.
    pub(super) fn told(self) -> Edit {
        let lines = self.lines.map(|merged| match &*merged.lines {
            [] => "no segment came".to_owned(),
            lines => {
                let lines: Vec<String> = lines.iter().map(|line| format!("`{line}`")).collect();
                format!("what came is {}", lines.join(", "))
            }
        });
        let outcome = self.outcome.map(|outcome| format!("the call ends with `-> {outcome}`"));
        let news: Vec<String> = outcome.into_iter().chain(lines).collect();
        let refused =
            (!news.is_empty()).then(|| format!("{}; write it yourself: this is a row of a table", news.join(" and ")));
        Edit {
            lines: None,
            outcome: None,
            payload: None,
            unmet: [self.unmet, refused]
                .into_iter()
                .flatten()
                .reduce(|one, other| one + "; " + &other),
        }
    }

    /// Whether the step changes.
    pub(super) fn changes(&self) -> bool {
        self.lines.is_some() || self.outcome.is_some() || self.payload.is_some()
    }
}

fn wants_end(action: &Action) -> bool {
    matches!(action.verb, Verb::Recv(Want::Eof) | Verb::Read(Want::Eof))
}

/// The bytes that a plain `read` got, if it got the same few in every run.
fn read_payload(action: &Action, results: &[&ActionResult]) -> Option<Payload> {
    let bytes = results[0].bytes_received();
    let plain = action.verb == Verb::Read(Want::Anything) && action.outcome == Outcome::Success;
    let same = results.iter().all(|result| result.bytes_received() == bytes);
    (plain && same && (1..=READ).contains(&bytes.len())).then(|| Payload { bytes: bytes.into() })
}

/// The scenario's text with all edits, and what it means.
pub(super) fn apply(scenario: &Scenario, edits: &[Edit]) -> Result<(String, Scenario), RecordError> {
    let source = &*scenario.source;
    let mut changes: BTreeMap<(usize, usize), String> = BTreeMap::new();
    for (step, edit) in scenario.steps().zip(edits) {
        // Both may be put in at the end of the same line: first the outcome, then the lines.
        if let Some((span, text)) = action_change(source, &step.action, edit) {
            changes.entry((span.start, span.end)).or_default().push_str(&text);
        }
        if let Some(merged) = &edit.lines {
            let (span, text) = lines_change(source, step, merged);
            changes.entry((span.start, span.end)).or_default().push_str(&text);
        }
    }
    let mut text = source.to_owned();
    for ((start, end), new) in changes.into_iter().rev() {
        text.replace_range(start..end, &new);
    }
    let written = reparse(scenario, &text)?;
    if lay_out(scenario) != source {
        return Ok((text, written));
    }
    let text = lay_out(&written);
    let written = reparse(scenario, &text)?;
    Ok((text, written))
}

/// The change of the action's own line.
fn action_change(source: &str, action: &Action, edit: &Edit) -> Option<(Span, String)> {
    let line = &source[action.span.clone()];
    let bare = match action.background {
        true => line.strip_suffix('&').unwrap_or(line).trim_end(),
        false => line,
    };
    let end = action.span.start + bare.len();
    if let Some(payload) = &edit.payload {
        return Some((end..end, format!(" {payload}")));
    }
    match (edit.outcome?, &action.outcome_span) {
        (Outcome::Success, None) => None,
        (Outcome::Success, Some(span)) => {
            let before = &source[action.span.start..span.start];
            let verb = before[..before.rfind("->")?].trim_end();
            Some((action.span.start + verb.len()..span.end, String::new()))
        }
        (outcome, Some(span)) => Some((span.clone(), outcome.to_string())),
        (outcome, None) => Some((end..end, format!(" -> {outcome}"))),
    }
}

/// The change of the lines below the action.
fn lines_change(source: &str, step: &Step, merged: &Merged) -> (Span, String) {
    let after_action = line_end(source, step.action.span.end);
    let old = match (step.expect.first(), step.expect.last()) {
        (Some(first), Some(last)) => {
            let mut start = line_start(source, first.span().start);
            // A comment of an earlier recording goes with its lines.
            while start > after_action + 1 {
                let above = line_start(source, start - 1);
                if above <= step.action.span.start || !source[above..start].trim_start().starts_with(MARK) {
                    break;
                }
                start = above;
            }
            start..line_end(source, last.span().end)
        }
        _ => after_action..after_action,
    };
    let rows = rows(&source[old.clone()], old.start, step, merged);
    let eol = if source.contains("\r\n") { "\r\n" } else { "\n" };
    if step.expect.is_empty() {
        let text = rows.iter().fold(String::new(), |text, row| text + eol + row);
        return (old, text);
    }
    if rows.is_empty() {
        // The last line end goes, too.
        let start = source[..old.start].strip_suffix('\n').map_or(old.start, str::len);
        let start = source[..start].strip_suffix('\r').map_or(start, str::len);
        return (start..old.end, String::new());
    }
    (old, rows.join(eol))
}

fn line_start(source: &str, at: usize) -> usize {
    source[..at].rfind('\n').map_or(0, |end| end + 1)
}

/// Where the line ends, without its line end, or the timeline's closing quotes that may stand in it.
fn line_end(source: &str, at: usize) -> usize {
    let rest = &source[at..];
    let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
    let quotes = ["'''", "\"\"\""]
        .iter()
        .filter_map(|quotes| rest[..end].find(quotes))
        .min();
    at + quotes.unwrap_or(end)
}

/// The new lines without line ends, together with what must not get lost of the old ones.
fn rows(old: &str, start: usize, step: &Step, merged: &Merged) -> Vec<String> {
    let text: String = merged.lines.iter().map(|line| format!("{line}\n")).collect();
    let new: Vec<String> = lay_out_lines(&text).lines().map(str::to_owned).collect();
    let mut rows = Vec::new();
    rows.extend(merged.note.iter().map(|note| format!("  {MARK}{note}")));
    let patterns: Option<Vec<&SegmentPattern>> = merged.lines.iter().map(segment).collect();
    let old_patterns: Option<Vec<&SegmentPattern>> = step.expect.iter().map(segment).collect();
    let (Some(patterns), Some(old_patterns)) = (patterns, old_patterns) else {
        rows.extend(comments(old, start, &step.expect));
        rows.extend(new);
        return rows;
    };
    let pairs = pairs(&old_patterns, &patterns);
    let mut written = 0;
    let mut offset = start;
    let mut index = 0;
    for line in old.split_inclusive('\n') {
        let here = offset..offset + line.len();
        offset = here.end;
        let line = line.trim_end_matches(['\n', '\r']);
        let Some(pattern) = old_patterns
            .get(index)
            .filter(|pattern| here.contains(&pattern.span.start))
        else {
            if !line.trim_start().starts_with(MARK) && (!line.is_empty() || !old.is_empty()) {
                rows.push(line.to_owned());
            }
            continue;
        };
        let comment = line[pattern.span.end - here.start..].trim();
        match pairs[index] {
            Some(other) => {
                rows.extend(new[written..other].iter().cloned());
                written = other + 1;
                rows.push(if covers(pattern, patterns[other]) {
                    line.to_owned()
                } else if comment.is_empty() {
                    new[other].clone()
                } else {
                    format!("{}  {comment}", new[other])
                });
            }
            None if comment.is_empty() => {}
            None => rows.push(format!("  {comment}")),
        }
        index += 1;
    }
    if old.is_empty() {
        rows.retain(|row| !row.is_empty());
    }
    rows.extend(new[written..].iter().cloned());
    rows
}

fn segment(line: &Expect) -> Option<&SegmentPattern> {
    match line {
        Expect::Segment(pattern) => Some(pattern),
        _ => None,
    }
}

/// The comments of lines that are replaced as a whole.
fn comments(old: &str, start: usize, expect: &[Expect]) -> Vec<String> {
    let mut spans = Vec::new();
    leaves(expect, &mut spans);
    let mut kept = Vec::new();
    let mut offset = start;
    for line in old.split_inclusive('\n') {
        let here = offset..offset + line.len();
        offset = here.end;
        let from = spans
            .iter()
            .filter(|span| here.contains(&span.start))
            .map(|span: &Span| span.end - here.start)
            .max()
            .unwrap_or_default();
        // Without a payload in it, a `#` begins a comment.
        if let Some(at) = line[from..].find('#') {
            let comment = line[from + at..].trim_end();
            if !comment.starts_with(MARK) {
                kept.push(format!("  {comment}"));
            }
        }
    }
    kept
}

fn leaves(expect: &[Expect], spans: &mut Vec<Span>) {
    for line in expect {
        match line {
            Expect::AnyOrder { items, .. } => leaves(items, spans),
            Expect::Either { alternatives, .. } => alternatives.iter().for_each(|items| leaves(items, spans)),
            _ => spans.push(line.span().clone()),
        }
    }
}

/// For each old line the new line in its place, in order: the longest common sequence of directions and flags.
fn pairs(old: &[&SegmentPattern], new: &[&SegmentPattern]) -> Vec<Option<usize>> {
    let alike = |one: &SegmentPattern, other: &SegmentPattern| {
        (one.from, one.to) == (other.from, other.to) && (one.flags.is_none() || one.flags == other.flags)
    };
    let mut length = vec![vec![0; new.len() + 1]; old.len() + 1];
    for one in (0..old.len()).rev() {
        for other in (0..new.len()).rev() {
            length[one][other] = match alike(old[one], new[other]) {
                true => length[one + 1][other + 1] + 1,
                false => length[one + 1][other].max(length[one][other + 1]),
            };
        }
    }
    let mut pairs = vec![None; old.len()];
    let (mut one, mut other) = (0, 0);
    while one < old.len() && other < new.len() {
        if alike(old[one], new[other]) {
            pairs[one] = Some(other);
            (one, other) = (one + 1, other + 1);
        } else if length[one + 1][other] >= length[one][other + 1] {
            one += 1;
        } else {
            other += 1;
        }
    }
    pairs
}

/// Whether the old line says nothing that the new one does not say.
fn covers(old: &SegmentPattern, new: &SegmentPattern) -> bool {
    fn within<T: PartialEq>(old: &Option<T>, new: &Option<T>) -> bool {
        old.is_none() || old == new
    }
    let Count { min, max } = old.count;
    min <= new.count.min
        && max >= new.count.max
        && within(&old.flags, &new.flags)
        && within(&old.seq, &new.seq)
        && within(&old.ack, &new.ack)
        && within(&old.len, &new.len)
        && within(&old.payload, &new.payload)
        && old.window.is_none()
        && within(&old.urgent, &new.urgent)
        && within(&old.options, &new.options)
        && old.timing.is_none()
}
