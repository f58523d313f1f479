//! The layout of tables: the columns stand below each other, and in a column of segments so do their parts.

use super::{Content, Row, Widths, cells, is_party, segment, widen, words};
use crate::scenario::timeline::table::{self, AS_IT_IS, NOTHING};
use crate::scenario::timeline::token::Line;
use crate::tcp::Flags;

/// Wider cells shift the rest of their own row only.
const WIDEST_CELL: usize = 80;

/// The cells of a row, as they were written.
pub(super) fn row(line: &str) -> Vec<String> {
    let cells = table::cells(line, 0..line.len());
    cells.into_iter().map(|cell| line[cell].to_owned()).collect()
}

/// Lays out the rows of each table.
pub(super) fn lay_out(rows: &mut [Row]) {
    let tables = rows.split_mut(|row| matches!(&row.content, Content::Action(_) | Content::Title(_)));
    for table in tables {
        let mut rows: Vec<&mut Vec<String>> = table
            .iter_mut()
            .filter_map(|row| match &mut row.content {
                Content::Cells(cells) => Some(cells),
                _ => None,
            })
            .collect();
        let columns = rows.iter().map(|row| row.len()).min().unwrap_or_default();
        for column in 0..columns {
            let mut texts: Vec<&mut String> = rows.iter_mut().map(|row| &mut row[column]).collect();
            lay_out_column(&mut texts);
            if column + 1 < columns {
                pad(&mut texts);
            }
        }
    }
}

fn lay_out_column(texts: &mut [&mut String]) {
    let Some((head, texts)) = texts.split_first_mut() else {
        return;
    };
    let mut mistakes = Vec::new();
    let takes_parts = takes_parts(Line::new(head, 0..head.len(), &mut mistakes));
    let mut line = Line::new(head, 0..head.len(), &mut mistakes);
    **head = match takes_parts {
        true => std::iter::from_fn(|| line.advance_str()).collect::<Vec<_>>().join(" "),
        false => words(&mut line),
    };
    let mut widest = Widths::default();
    let mut parts: Vec<Option<Vec<String>>> = Vec::with_capacity(texts.len());
    for text in texts.iter() {
        let mut line = Line::new(text, 0..text.len(), &mut mistakes);
        let is_bare = [NOTHING, AS_IT_IS].contains(&text.as_str());
        let cells = (takes_parts && !is_bare).then(|| cells(&mut line));
        cells.iter().for_each(|cells| widen(&mut widest, cells));
        parts.push(cells);
    }
    for (text, parts) in texts.iter_mut().zip(parts) {
        **text = match parts {
            Some(cells) => segment("", &cells, &widest).trim().to_owned(),
            None => words(&mut Line::new(text, 0..text.len(), &mut mistakes)),
        };
    }
}

/// Whether all that follows the head are whole parts of a segment, whose order means nothing.
fn takes_parts(mut head: Line) -> bool {
    if head.eat("peer") && !head.eat("send") {
        return false;
    }
    let direction = is_party(head.peek_str()) && head.nth_str(1) == ">" && is_party(head.nth_str(2));
    (0..3).for_each(|_| drop(head.advance()));
    while head.peek_word().is_some_and(|word| Flags::by_name(word).is_some()) {
        head.advance();
    }
    direction && head.is_done()
}

fn pad(texts: &mut [&mut String]) {
    let lengths = texts.iter().map(|text| text.chars().count());
    let width = lengths
        .filter(|length| *length <= WIDEST_CELL)
        .max()
        .unwrap_or_default();
    for text in texts {
        **text = format!("{text:width$}");
    }
}
