//! Tables: one row for each case, and the lines that it stands for.
//!
//! The first row holds the heads. Each further row is read as the lines that its cells make with the heads above them,
//! from left to right, exactly as if they stood in the file; the place of such a line is its cell. A table is only a way of
//! writing: the model knows steps.

use std::collections::HashSet;

use super::token::{Kind, Line};
use super::{BLOCK_HELP, Parser, before, is_actor, segment};
use crate::scenario::Span;
use crate::scenario::diagnostic::{Diagnostic, quote};

/// The cell that leaves its column out.
pub(super) const NOTHING: &str = "-";
/// The cell that adds nothing to its head.
pub(super) const AS_IT_IS: &str = "+";
/// The most bytes of a head. Each row repeats it.
const MAX_HEAD: usize = 200;
/// The most lines for which the tables of a timeline may stand.
const MAX_LINES: usize = 10_000;

const CELL_HELP: &str = "a cell goes on where its head ends; `-` leaves the column out, `+` takes the head as it is";
const ROW_HELP: &str = "cells are separated by `|`, with none at the ends of the row";

/// A table whose `}` has not come yet.
pub(super) struct Table<'a> {
    /// The line that opens it.
    pub(super) open: Span,
    /// `None` before the first row.
    heads: Option<Heads<'a>>,
    /// How many rows of cells it has.
    rows: usize,
    /// The mistakes in its heads that have been told, by place and message: each row makes them again.
    told: HashSet<(usize, String)>,
}

enum Heads<'a> {
    Read(Vec<Line<'a>>),
    /// They could not be read: nothing can be said about the rows.
    Broken,
}

/// The cells of a row, without the blanks around them; the last one ends before a comment. A `|` in quotation marks is text.
pub(super) fn cells(source: &str, span: Span) -> Vec<Span> {
    let mut cells = Vec::new();
    let mut start = span.start;
    let mut end = span.end;
    let mut quoted = false;
    let mut chars = source[span.clone()].char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quoted => drop(chars.next()),
            '"' => quoted = !quoted,
            '|' if !quoted => {
                cells.push(start..span.start + at);
                start = span.start + at + 1;
            }
            '#' if !quoted => {
                end = span.start + at;
                break;
            }
            _ => {}
        }
    }
    cells.push(start..end);
    cells.into_iter().map(|cell| trimmed(source, cell)).collect()
}

fn trimmed(source: &str, span: Span) -> Span {
    let text = &source[span.clone()];
    let start = span.start + text.len() - text.trim_start().len();
    start..start.max(span.start + text.trim_end().len())
}

impl<'a> Parser<'a> {
    /// A line `table {`.
    pub(super) fn open_table(&mut self, line: &mut Line, span: Span, diagnostics: &mut Vec<Diagnostic>) {
        self.close_all("a table", &span);
        line.advance();
        if self.open_brace(line, diagnostics) {
            self.broken_action = true;
            return;
        }
        self.begin_table(span);
    }

    /// The lines that follow are those of a table.
    pub(super) fn begin_table(&mut self, open: Span) {
        self.table = Some(Table {
            open,
            heads: None,
            rows: 0,
            told: HashSet::new(),
        });
    }

    /// Reports the table that is still open where `what` begins.
    pub(super) fn close_table(&mut self, what: &str, at: &Span) {
        if let Some(table) = self.table.take() {
            let message = before(self.source, what, at);
            self.diagnostics
                .push(Diagnostic::new(table.open, message, "never closed").help(BLOCK_HELP));
        }
    }

    /// A line inside a table; `false` if it is none, for the table's `}` is missing.
    pub(super) fn row(&mut self, span: Span) -> bool {
        let mut lexed = Vec::new();
        let mut line = Line::new(self.source, span.clone(), &mut lexed);
        let Some(whole) = line.span() else { return true };
        let Some(mut table) = self.table.take() else {
            return false;
        };
        if line.peek().is_some_and(|token| token.kind == Kind::Symbol('}')) {
            line.advance();
            self.end_table(&table, &line, whole);
            return true;
        }
        let cells = cells(self.source, whole.start..span.end);
        let under_actions = matches!(&table.heads, Some(Heads::Read(heads)) if is_actor(heads[0].peek_str()));
        if under_actions && is_actor(line.peek_str()) && line.peek_str() != AS_IT_IS {
            self.table = Some(table);
            self.close_table("an action", &whole);
            return false;
        }
        if let Some(brace) = line.has_symbol(&['{', '}']) {
            let message = "expected a row of a table, or `}` alone in its line";
            let diagnostic = Diagnostic::new(brace, message, "a brace in a row");
            self.diagnostics
                .push(diagnostic.help("no block and no table can stand in a table: write these lines out behind it"));
            table.heads = table.heads.or(Some(Heads::Broken));
            self.broken_action = true;
        } else if !lexed.is_empty() {
            // A text that never ends makes nonsense of the rest of its row.
            self.diagnostics.extend(lexed);
            table.heads = table.heads.or(Some(Heads::Broken));
            table.rows += 1;
            self.broken_action = true;
        } else {
            match table.heads.take() {
                None => table.heads = Some(self.heads(&cells)),
                Some(Heads::Broken) => {
                    table.rows += 1;
                    table.heads = Some(Heads::Broken);
                }
                Some(Heads::Read(heads)) => {
                    table.rows += 1;
                    self.cells(&heads, &mut table.told, &cells, whole);
                    table.heads = Some(Heads::Read(heads));
                }
            }
        }
        self.table = Some(table);
        true
    }

    /// The `}` of a table.
    fn end_table(&mut self, table: &Table, line: &Line, brace: Span) {
        if !line.is_done() {
            let message = "expected the end of the line after `}`";
            self.diagnostics
                .push(Diagnostic::new(line.rest(), message, "more follows").help(BLOCK_HELP));
        }
        let missing = match &table.heads {
            None => Some("expected a row with the heads, and a row for each case"),
            Some(Heads::Read(_)) if table.rows == 0 => Some("expected a row for each case below the heads"),
            _ => None,
        };
        if let Some(message) = missing {
            self.diagnostics
                .push(Diagnostic::new(brace.start..brace.start + 1, message, "the table ends here").help(CELL_HELP));
            self.broken_action = true;
        }
        self.behind_table = true;
    }

    /// The heads of a table, from its first row.
    fn heads(&mut self, cells: &[Span]) -> Heads<'a> {
        let before = self.diagnostics.len();
        for (column, cell) in cells.iter().enumerate() {
            if cell.is_empty() {
                let diagnostic = Diagnostic::new(cell.clone(), "expected a head for every column", "an empty head");
                self.diagnostics.push(diagnostic.help(
                    "a head is how the lines of its column begin, such as `peer send C > S` or `S > C RST`; \
                     there is no `|` at the ends of a row",
                ));
            } else if cell.len() > MAX_HEAD {
                let message = format!("expected a head of at most {MAX_HEAD} bytes");
                let diagnostic = Diagnostic::new(cell.clone(), message, "each row repeats it");
                self.diagnostics.push(diagnostic.help("put more of it into the cells"));
            } else if column == 0 && segment::begins(&Line::new(self.source, cell.clone(), &mut Vec::new())) {
                let message = "expected an action in the first column of a table";
                let diagnostic = Diagnostic::new(cell.clone(), message, "a segment");
                self.diagnostics
                    .push(diagnostic.help("segments stand in the columns behind the action that causes them"));
            }
        }
        if self.diagnostics.len() > before {
            self.broken_action = true;
            return Heads::Broken;
        }
        let read = |cell: &Span| Line::new(self.source, cell.clone(), &mut Vec::new());
        Heads::Read(cells.iter().map(read).collect())
    }

    /// A row below the heads.
    fn cells(&mut self, heads: &[Line<'a>], told: &mut HashSet<(usize, String)>, cells: &[Span], row: Span) {
        if cells.len() != heads.len() {
            let message = format!("expected {} in this row", count(heads.len()));
            let label = format!("{} here", count(cells.len()));
            self.diagnostics
                .push(Diagnostic::new(row, message, label).help(format!("{ROW_HELP}; {CELL_HELP}")));
            self.broken_action = true;
            return;
        }
        for (column, (head, cell)) in heads.iter().zip(cells).enumerate() {
            let mut diagnostics = Vec::new();
            self.cell(head, cell.clone(), column, &mut diagnostics);
            diagnostics.retain(|diagnostic| {
                let is_of_this_row = diagnostic.span.start >= row.start;
                is_of_this_row || told.insert((diagnostic.span.start, diagnostic.message.clone()))
            });
            self.diagnostics.extend(diagnostics);
        }
    }

    fn cell(&mut self, head: &Line<'a>, cell: Span, column: usize, diagnostics: &mut Vec<Diagnostic>) {
        let text = &self.source[cell.clone()];
        let rest = match text {
            "" => {
                let label = "an empty cell";
                let diagnostic = Diagnostic::new(cell, "expected something in every cell", label);
                diagnostics.push(diagnostic.help(CELL_HELP));
                self.broken_action = true;
                return;
            }
            NOTHING if column == 0 => {
                let message = "expected an action in the first column of every row";
                let diagnostic = Diagnostic::new(cell, message, format!("{} leaves it out", quote(text)));
                diagnostics.push(diagnostic.help("delete the row, or take the head as it is with `+`"));
                self.broken_action = true;
                return;
            }
            NOTHING => return,
            AS_IT_IS => cell.end..cell.end,
            _ => cell.clone(),
        };
        if self.written_out.len() >= MAX_LINES {
            if !std::mem::replace(&mut self.too_many, true) {
                let message = format!("expected tables that stand for at most {MAX_LINES} lines");
                diagnostics.push(Diagnostic::new(cell, message, "one more"));
            }
            return;
        }
        let mut known = Vec::new();
        let head_span = head.span().unwrap_or_default();
        let mut line = Line::joined(head, Line::new(self.source, rest, &mut known), cell.clone());
        self.single(&mut line, cell.clone(), &mut known);
        for diagnostic in &mut known {
            // What begins in the head and ends in the cell would show all that lies between them.
            if diagnostic.span.start < head_span.end && diagnostic.span.end > head_span.end {
                diagnostic.span = cell.clone();
            }
        }
        diagnostics.extend(known);
        self.written_out.insert(cell.start, line.written_out());
    }
}

fn count(cells: usize) -> String {
    match cells {
        1 => "1 cell".to_owned(),
        cells => format!("{cells} cells"),
    }
}
