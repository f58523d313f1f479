//! What is different between two transcripts, segment by segment.
//!
//! Lines are aligned first; within a stretch that differs, a segment is compared with a segment of the same direction and
//! flags, an action with the same action, and the changed fields are marked. Lines that agree are folded.

use std::fmt::Write;
use std::ops::Range;

use console::{Style, measure_text_width, truncate_str};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::file::normalise;
use super::text::visible;
use super::transcript::direction_of;

/// The differences between an accepted text and a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    rows: Vec<Row>,
}

/// How a [`Diff`] is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View<'a> {
    /// With terminal colours; without them, carets below a line point at its changed fields.
    pub colour: bool,
    /// How many unchanged lines are shown before and after a change.
    pub context: usize,
    /// The kernel of the accepted transcript (`uname -r`), if known.
    pub accepted_kernel: Option<&'a str>,
    /// The kernel of the new transcript, if known.
    pub kernel: Option<&'a str>,
}

impl Default for View<'_> {
    fn default() -> Self {
        View {
            colour: false,
            context: 3,
            accepted_kernel: None,
            kernel: None,
        }
    }
}

/// A line of the old text beside a line of the new one; one of them may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    old: Option<Side>,
    new: Option<Side>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Side {
    /// The segment's number in its text, from 1; `None` for other lines.
    number: Option<usize>,
    text: String,
    /// The fields, as bytes of the text, that the other side has not.
    changed: Vec<Range<usize>>,
}

/// Compares two transcripts as insta does: line ends and blanks at the end do not count.
pub fn diff(old: &str, new: &str) -> Diff {
    let (old, new) = (normalise(old), normalise(new));
    let (old_sides, new_sides) = (sides(&old), sides(&new));
    let lines = |sides: &[Side]| sides.iter().map(|side| side.text.clone()).collect::<Vec<_>>();
    let mut rows = Vec::new();
    for op in capture_diff_slices(Algorithm::Patience, &lines(&old_sides), &lines(&new_sides)) {
        let (old, new) = (&old_sides[op.old_range()], &new_sides[op.new_range()]);
        match op {
            DiffOp::Equal { .. } => rows.extend(beside(old, new)),
            _ => rows.extend(pair(old, new)),
        }
    }
    Diff { rows }
}

/// The differences as plain text, for logs, pipes and the details of a check.
pub fn plain(old: &str, new: &str) -> String {
    diff(old, new).render(&View::default())
}

impl Diff {
    /// Whether the texts are the same.
    pub fn is_empty(&self) -> bool {
        self.rows.iter().all(Row::is_same)
    }

    /// `2 lines changed, 1 added, 3 removed`, without the parts that are zero; `no difference`.
    pub fn summary(&self) -> String {
        let count = |what: fn(&Row) -> bool| self.rows.iter().filter(|row| what(row)).count();
        let counts = [
            (
                count(|row| row.old.is_some() && row.new.is_some() && !row.is_same()),
                "changed",
            ),
            (count(|row| row.old.is_none()), "added"),
            (count(|row| row.new.is_none()), "removed"),
        ];
        let mut parts = Vec::new();
        for (count, what) in counts.into_iter().filter(|(count, _)| *count > 0) {
            parts.push(match (parts.is_empty(), count) {
                (true, 1) => format!("1 line {what}"),
                (true, _) => format!("{count} lines {what}"),
                (false, _) => format!("{count} {what}"),
            });
        }
        if parts.is_empty() {
            "no difference".to_owned()
        } else {
            parts.join(", ")
        }
    }

    /// Both transcripts in full, side by side, in so many columns: lines that differ have `|` between them, a line that only
    /// one of them has `<` or `>`. What is too long for its half is cut.
    pub fn side_by_side(&self, width: usize) -> String {
        let half = width.saturating_sub(3) / 2;
        let side = |side: &Option<Side>| {
            let text = side
                .as_ref()
                .map_or(String::new(), |side| visible(&side.text).into_owned());
            let cut = truncate_str(&text, half, "~").into_owned();
            let blanks = half.saturating_sub(measure_text_width(&cut));
            cut + &" ".repeat(blanks)
        };
        let mut text = String::new();
        for row in &self.rows {
            let mark = match (&row.old, &row.new) {
                (Some(_), None) => '<',
                (None, Some(_)) => '>',
                _ if row.is_same() => ' ',
                _ => '|',
            };
            let line = format!("{} {mark} {}", side(&row.old), side(&row.new));
            text += line.trim_end();
            text.push('\n');
        }
        text
    }

    /// The differences as text for people: a legend, then the lines, each with its segment's number in the accepted and
    /// in the new transcript.
    pub fn render(&self, view: &View) -> String {
        if self.is_empty() {
            return "no difference\n".to_owned();
        }
        let mut page = Page::new(view);
        page.legend(view);
        let mut rows = &*self.rows;
        while let Some(first) = rows.first() {
            let alike = rows.iter().take_while(|row| row.is_same() == first.is_same()).count();
            let (stretch, rest) = rows.split_at(alike);
            if first.is_same() {
                let before = if rows.len() == self.rows.len() { 0 } else { view.context };
                let after = if rest.is_empty() { 0 } else { view.context };
                page.unchanged(stretch, before, after);
            } else {
                stretch.iter().for_each(|row| page.changed(row));
            }
            rows = rest;
        }
        page.text
    }
}

impl Row {
    fn is_same(&self) -> bool {
        matches!((&self.old, &self.new), (Some(old), Some(new)) if old.text == new.text)
    }
}

/// The text's lines with their segment numbers.
fn sides(text: &str) -> Vec<Side> {
    let mut segments = 0;
    let lines = text.split('\n').filter(|_| !text.is_empty());
    lines
        .map(|line| {
            let is_segment = direction_of(line).is_some();
            segments += usize::from(is_segment);
            Side {
                number: is_segment.then_some(segments),
                text: line.to_owned(),
                changed: Vec::new(),
            }
        })
        .collect()
}

fn beside<'a>(old: &'a [Side], new: &'a [Side]) -> impl Iterator<Item = Row> + 'a {
    old.iter().zip(new).map(|(old, new)| Row {
        old: Some(old.clone()),
        new: Some(new.clone()),
    })
}

/// Two stretches that differ: finds the lines that are about the same thing.
fn pair(old: &[Side], new: &[Side]) -> Vec<Row> {
    let keys = |sides: &[Side]| sides.iter().map(|side| key(&side.text)).collect::<Vec<_>>();
    let mut rows = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &keys(old), &keys(new)) {
        let (old, new) = (&old[op.old_range()], &new[op.new_range()]);
        let alike = old.len() == new.len()
            && old
                .iter()
                .zip(new)
                .all(|(old, new)| subject(&old.text) == subject(&new.text));
        if alike {
            rows.extend(beside(old, new).map(mark));
        } else {
            rows.extend(old.iter().map(|old| Row {
                old: Some(old.clone()),
                new: None,
            }));
            rows.extend(new.iter().map(|new| Row {
                old: None,
                new: Some(new.clone()),
            }));
        }
    }
    rows
}

/// Lines with the same key are about the same thing: direction and flags of a segment, actor and verb of an action.
fn key(line: &str) -> String {
    let fields: Vec<&str> = line.split_whitespace().collect();
    match direction_of(line) {
        Some(_) => fields
            .iter()
            .copied()
            .take_while(|field| *field != "seq")
            .collect::<Vec<_>>()
            .join(" "),
        None => fields.into_iter().take(2).collect::<Vec<_>>().join(" "),
    }
}

/// What a line is about at least: a direction, or an actor.
fn subject(line: &str) -> &str {
    direction_of(line).unwrap_or_else(|| line.split_whitespace().next().unwrap_or(""))
}

/// Marks the fields in which the two lines of a row differ.
fn mark(row: Row) -> Row {
    let (Some(mut old), Some(mut new)) = (row.old, row.new) else {
        unreachable!("a pair has two sides")
    };
    let (old_fields, new_fields) = (fields(&old.text), fields(&new.text));
    let words = |text: &str, fields: &[Range<usize>]| -> Vec<String> {
        fields.iter().map(|field| text[field.clone()].to_owned()).collect()
    };
    let ops = capture_diff_slices(
        Algorithm::Myers,
        &words(&old.text, &old_fields),
        &words(&new.text, &new_fields),
    );
    for op in ops.iter().filter(|op| !matches!(op, DiffOp::Equal { .. })) {
        old.changed.extend_from_slice(&old_fields[op.old_range()]);
        new.changed.extend_from_slice(&new_fields[op.new_range()]);
    }
    Row {
        old: Some(old),
        new: Some(new),
    }
}

/// The places of the words of a line.
fn fields(line: &str) -> Vec<Range<usize>> {
    let start = |word: &str| word.as_ptr().addr() - line.as_ptr().addr();
    line.split_whitespace()
        .map(|word| start(word)..start(word) + word.len())
        .collect()
}

/// The text under construction.
struct Page {
    text: String,
    colour: bool,
    removed: Style,
    added: Style,
    dim: Style,
}

impl Page {
    fn new(view: &View) -> Page {
        let style = Style::new().force_styling(view.colour);
        Page {
            text: String::new(),
            colour: view.colour,
            removed: style.clone().red(),
            added: style.clone().green(),
            dim: style.dim(),
        }
    }

    fn legend(&mut self, view: &View) {
        let on =
            |kernel: Option<&str>| kernel.map_or_else(String::new, |kernel| format!(", Linux {}", visible(kernel)));
        let old = format!("- accepted{}", on(view.accepted_kernel));
        let new = format!("+ new{}", on(view.kernel));
        self.line(&self.removed.apply_to(old).to_string());
        self.line(&self.added.apply_to(new).to_string());
        if let (Some(old), Some(new)) = (view.accepted_kernel, view.kernel)
            && old != new
        {
            self.line("The two kernels differ, which may be the reason for the differences.");
        }
        self.line("");
    }

    /// A stretch of lines that agree, all but the first and the last few of them folded.
    fn unchanged(&mut self, rows: &[Row], before: usize, after: usize) {
        let folded = rows.len().saturating_sub(before + after);
        // A fold of one line would take a line itself.
        if folded < 2 {
            rows.iter().for_each(|row| self.same(row));
            return;
        }
        rows[..before].iter().for_each(|row| self.same(row));
        let hidden = &rows[before..before + folded];
        let phase = hidden
            .iter()
            .rev()
            .filter_map(|row| row.new.as_ref())
            .find(|side| side.text.starts_with("== "))
            .map_or_else(String::new, |side| format!(" {}", visible(&side.text)));
        let fold = format!("  … {folded} lines unchanged …{phase}");
        self.line(&self.dim.apply_to(fold).to_string());
        rows[before + folded..].iter().for_each(|row| self.same(row));
    }

    fn same(&mut self, row: &Row) {
        if let (Some(old), Some(new)) = (&row.old, &row.new) {
            let line = format!("{}{}", prefix(' ', old.number, new.number), visible(&new.text));
            self.line(line.trim_end());
        }
    }

    fn changed(&mut self, row: &Row) {
        if let Some(old) = &row.old {
            self.side(prefix('-', old.number, None), old, self.removed.clone());
        }
        if let Some(new) = &row.new {
            self.side(prefix('+', None, new.number), new, self.added.clone());
        }
    }

    /// One line with its changed fields marked, by style or by carets.
    fn side(&mut self, prefix: String, side: &Side, style: Style) {
        let mut line = style.apply_to(&prefix).to_string();
        let mut carets = " ".repeat(prefix.len());
        let strong = style.clone().bold().underlined();
        let mut at = 0;
        let end = side.text.len()..side.text.len();
        for field in side.changed.iter().chain([&end]) {
            for (piece, style, caret) in [(at..field.start, &style, " "), (field.clone(), &strong, "^")] {
                let shown = visible(&side.text[piece]);
                if !shown.is_empty() {
                    let _ = write!(line, "{}", style.apply_to(&shown));
                    carets.push_str(&caret.repeat(measure_text_width(&shown)));
                }
            }
            at = field.end;
        }
        self.line(line.trim_end());
        if !self.colour && !side.changed.is_empty() {
            self.line(carets.trim_end());
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
}

/// `-    7      `: the sign and the segment's numbers in both texts.
fn prefix(sign: char, old: Option<usize>, new: Option<usize>) -> String {
    let number = |number: Option<usize>| number.map_or_else(String::new, |number| number.to_string());
    format!("{sign} {:>4} {:>4}  ", number(old), number(new))
}

#[cfg(test)]
mod tests;
