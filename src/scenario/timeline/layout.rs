//! The canonical layout of a timeline: aligned columns, one blank between words, one blank line between phases.
//!
//! Only blanks, line ends and the order of a segment line's parts change. Words, numbers and payloads stay as they were
//! written (`hex 48 65` is not turned into a text), and so does every comment. The layout knows tokens, not meanings: a part
//! that it does not know keeps its place behind the known ones.

mod table;

use super::payload;
use super::quantity::starts_numeric;
use super::token::{Kind, Line, Token};
use crate::tcp::{Flags, Party};

/// Columns that stand below each other: flags, seq, ack, len. What follows them is only separated by two blanks.
const ALIGNED: usize = 4;
/// Wider cells shift the rest of their own line only.
const WIDEST: usize = 24;
/// All parts of a segment line behind its direction.
const CELLS: usize = 14;

const FLAGS: usize = 0;
const PAYLOAD: usize = 4;
const OPTIONS: usize = 10;
const COUNT: usize = 11;
const TIMING: usize = 12;
const OTHER: usize = 13;

/// One line of the timeline.
struct Row {
    content: Content,
    /// From `#` on; empty without a comment.
    comment: String,
}

enum Content {
    Nothing,
    Title(String),
    Action(String),
    Segment {
        direction: String,
        /// One text for each of [`CELLS`].
        cells: Vec<String>,
    },
    /// A line of a block, `...`, `stream`.
    Other(String),
    /// A row of a table.
    Cells(Vec<String>),
}

/// The lines of a timeline that can be parsed, laid out; each with a line feed.
pub(in crate::scenario) fn lay_out(text: &str) -> String {
    let mut in_table = false;
    let mut rows: Vec<Row> = text.lines().map(|line| row(line.trim(), &mut in_table)).collect();
    table::lay_out(&mut rows);
    separate(&mut rows);
    let mut depth = 0;
    let mut out = String::new();
    let widths = widths(&rows);
    let margins: Vec<usize> = rows.iter().map(|row| margin(row, &mut depth)).collect();
    for (index, row) in rows.iter().enumerate() {
        let content = match &row.content {
            Content::Nothing => String::new(),
            Content::Title(text) | Content::Action(text) | Content::Other(text) => text.clone(),
            Content::Segment { direction, cells } => segment(direction, cells, &widths[index]),
            Content::Cells(cells) => cells.join("  |  "),
        };
        // A comment alone in its line belongs to what follows it.
        let margin = match row.content {
            Content::Nothing => (index..rows.len())
                .find(|later| !matches!(rows[*later].content, Content::Nothing))
                .or_else(|| {
                    (0..index)
                        .rev()
                        .find(|row| !matches!(rows[*row].content, Content::Nothing))
                })
                .map_or(0, |other| margins[other]),
            _ => margins[index],
        };
        let gap = if content.is_empty() || row.comment.is_empty() {
            ""
        } else {
            "  "
        };
        let line = format!("{}{content}{gap}{}", " ".repeat(margin), row.comment);
        out += line.trim_end();
        out.push('\n');
    }
    out
}

fn row(line: &str, in_table: &mut bool) -> Row {
    if let Some((title, after)) = line.strip_prefix("==").and_then(|rest| rest.split_once("==")) {
        return Row {
            content: Content::Title(format!("== {} ==", title.trim())),
            comment: after.trim().to_owned(),
        };
    }
    let mut mistakes = Vec::new();
    let mut tokens = Line::new(line, 0..line.len(), &mut mistakes);
    let end = tokens.span().map_or(0, |span| span.end);
    let content = match tokens.peek_str() {
        "" => Content::Nothing,
        first @ ("table" | "}") if *in_table == (first == "}") => {
            *in_table = first == "table";
            Content::Action(words(&mut tokens))
        }
        _ if *in_table => Content::Cells(table::row(line)),
        first if is_party(first) && tokens.nth_str(1) == ">" && tokens.nth_str(3) != "stream" => {
            segment_row(&mut tokens)
        }
        first if Party::ALL.iter().any(|party| party.letter().to_string() == first) || is_block(first) => {
            let text = words(&mut tokens);
            Content::Other(text.replacen(" stream ", "  stream ", 1))
        }
        _ => Content::Action(action(&mut tokens)),
    };
    Row {
        content,
        comment: line[end..].trim().to_owned(),
    }
}

fn is_party(word: &str) -> bool {
    Party::ALL
        .iter()
        .any(|party| word.starts_with(party.letter()) && word.len() == 1)
}

fn is_block(word: &str) -> bool {
    matches!(word, "any" | "either" | "}" | "...")
}

/// `client  send "Hello" -> EPIPE &`: the actors take one column.
fn action(line: &mut Line) -> String {
    let mut head = String::new();
    while line.peek_str().starts_with('+') {
        head += line.peek_str();
        head.push(' ');
        line.advance();
    }
    let actor = line.peek_str();
    line.advance();
    format!("{head}{actor:<6}  {}", words(line)).trim_end().to_owned()
}

/// The rest of the line with one blank where it had any.
fn words(line: &mut Line) -> String {
    let mut out = String::new();
    let mut end = None;
    while let Some(token) = line.peek().cloned() {
        let apart = matches!(token.kind, Kind::Arrow | Kind::Text(_) | Kind::Symbol('&' | '{'));
        let before = end.replace(token.span.end);
        if before.is_some_and(|before| apart || before < token.span.start) && !out.ends_with(' ') {
            out.push(' ');
        }
        out += line.peek_str();
        line.advance();
        if token.kind == Kind::Arrow && !line.is_done() {
            out.push(' ');
        }
    }
    out
}

fn segment_row(line: &mut Line) -> Content {
    let direction = format!("{} > {}", line.nth_str(0), line.nth_str(2));
    (0..3).for_each(|_| drop(line.advance()));
    Content::Segment {
        direction,
        cells: cells(line),
    }
}

/// The parts of a segment that follow, one text for each of [`CELLS`].
fn cells(line: &mut Line) -> Vec<String> {
    let mut cells = vec![String::new(); CELLS];
    let mut flags = Vec::new();
    while !line.is_done() {
        let (cell, text) = part(line, &mut flags);
        let cell = &mut cells[cell];
        if !cell.is_empty() {
            cell.push(' ');
        }
        *cell += &text;
    }
    if !flags.is_empty() {
        let known = Flags::NAMES
            .iter()
            .filter(|(name, _)| flags.iter().any(|flag| flag == name));
        cells[FLAGS] = known.map(|(name, _)| *name).collect::<Vec<_>>().join(" ");
    }
    cells
}

/// The next part of a segment line, and the cell that it stands in.
fn part(line: &mut Line, flags: &mut Vec<String>) -> (usize, String) {
    if payload::begins(line) {
        return (PAYLOAD, payload_text(line));
    }
    let Some(Token { kind, .. }) = line.peek().cloned() else {
        return (OTHER, String::new());
    };
    let text = line.peek_str();
    line.advance();
    let field = |line: &mut Line| {
        let value = line.peek_str();
        line.advance();
        format!("{text} {value}").trim_end().to_owned()
    };
    match (kind, text) {
        (Kind::Symbol('<'), _) => (OPTIONS, options(line)),
        (Kind::Symbol('?'), _) => (COUNT, text.to_owned()),
        (Kind::Word, "seq") => (1, field(line)),
        (Kind::Word, "ack") => (2, field(line)),
        (Kind::Word, "len") => (3, field(line)),
        (Kind::Word, "win") => (5, field(line)),
        (Kind::Word, "urg") => (6, field(line)),
        (Kind::Word, "dscp") => (7, field(line)),
        (Kind::Word, "ecn") => (8, field(line)),
        (Kind::Word, "ttl") => (9, field(line)),
        (Kind::Word, "within" | "after") => (TIMING, field(line)),
        (Kind::Word, "none") => (FLAGS, text.to_owned()),
        (Kind::Word, word) if word.strip_prefix('x').is_some_and(starts_numeric) => (COUNT, text.to_owned()),
        (Kind::Word, word) if Flags::by_name(word).is_some() => {
            flags.push(word.to_owned());
            (OTHER, String::new())
        }
        _ => (OTHER, text.to_owned()),
    }
}

fn payload_text(line: &mut Line) -> String {
    let mut parts = vec![line.peek_str()];
    let first = parts[0];
    line.advance();
    if first == "file" {
        parts.push(line.peek_str());
        line.advance();
    } else if starts_numeric(first) {
        parts.push(line.peek_str());
        line.advance();
        return format!("{} {}", parts.join(" "), payload_text(line));
    } else if first == "hex" {
        while let Some(word) = line
            .peek_word()
            .filter(|word| word.bytes().all(|byte| byte.is_ascii_hexdigit()))
        {
            parts.push(word);
            line.advance();
        }
    }
    parts.join(" ")
}

/// `<mss 1460, sack_ok>`, from behind the `<`.
fn options(line: &mut Line) -> String {
    let mut out = String::from("<");
    while let Some(token) = line.advance_str() {
        match token {
            ">" => return out + ">",
            "," => out += ", ",
            word => {
                if !out.ends_with([' ', '<']) {
                    out.push(' ');
                }
                out += word;
            }
        }
    }
    out
}

/// One blank line before each phase and its comments, none at the ends, and never two in a row.
fn separate(rows: &mut Vec<Row>) {
    let blank = |row: &Row| matches!(row.content, Content::Nothing) && row.comment.is_empty();
    let mut at = 0;
    while at < rows.len() {
        if matches!(rows[at].content, Content::Title(_)) {
            let comments = rows[..at].iter().rev();
            let above = comments
                .take_while(|row| matches!(row.content, Content::Nothing) && !row.comment.is_empty())
                .count();
            rows.insert(
                at - above,
                Row {
                    content: Content::Nothing,
                    comment: String::new(),
                },
            );
            at += 1;
        }
        at += 1;
    }
    rows.dedup_by(|later, earlier| blank(later) && blank(earlier));
    rows.drain(..rows.iter().take_while(|row| blank(row)).count());
    rows.truncate(rows.len() - rows.iter().rev().take_while(|row| blank(row)).count());
}

fn margin(row: &Row, depth: &mut usize) -> usize {
    match &row.content {
        Content::Other(text) => {
            *depth -= usize::from(text.starts_with('}') && *depth > 0);
            let margin = 2 + 2 * *depth;
            *depth += usize::from(text.ends_with('{'));
            margin
        }
        Content::Segment { .. } | Content::Cells(_) => 2 + 2 * *depth,
        Content::Nothing | Content::Title(_) | Content::Action(_) => 0,
    }
}

type Widths = [usize; ALIGNED];

/// The widths of the columns at each row: those of its phase.
fn widths(rows: &[Row]) -> Vec<Widths> {
    let mut all = Vec::with_capacity(rows.len());
    for phase in rows.chunk_by(|_, next| !matches!(next.content, Content::Title(_))) {
        let mut widest = Widths::default();
        for row in phase {
            if let Content::Segment { cells, .. } = &row.content {
                widen(&mut widest, cells);
            }
        }
        all.extend(phase.iter().map(|_| widest));
    }
    all
}

/// Makes room for the parts of a segment, but for those that are too wide.
fn widen(widths: &mut Widths, cells: &[String]) {
    for (width, cell) in widths.iter_mut().zip(cells) {
        let length = cell.chars().count();
        *width = (*width).max(if length <= WIDEST { length } else { 0 });
    }
}

fn segment(direction: &str, cells: &[String], widths: &Widths) -> String {
    let mut line = direction.to_owned();
    for (index, cell) in cells.iter().enumerate() {
        match widths.get(index) {
            Some(0) => {}
            Some(width) => line += &format!("  {cell:width$}"),
            None if cell.is_empty() => {}
            None => line += &format!("  {cell}"),
        }
    }
    line
}
