//! A session told in words: what the ends did, each segment with the rule behind its numbers.

use super::text::{clean, wrap};
use super::theme::{Role, Theme};
use crate::snapshot::Transcript;
use crate::snapshot::transcript::Line;

/// The transcript's lines with the explanations, which are numbered as the segments of the capture, from 1.
pub fn story(transcript: &Transcript, explanations: &[(usize, String)], theme: &Theme) -> String {
    let mut out = String::new();
    let mut next = 0;
    for line in &transcript.lines {
        let last = match line {
            Line::Phase(title) => {
                out += &format!("\n{}\n", theme.paint(Role::Strong, &format!("== {} ==", clean(title))));
                continue;
            }
            Line::Action { text, result, .. } => {
                let result = result.as_ref().map(|result| format!(" {result}")).unwrap_or_default();
                out += &format!("\n{}\n", theme.paint(Role::Strong, &clean(&format!("{text}{result}"))));
                continue;
            }
            Line::Segment(segment) => {
                let ack = segment.ack.map(|ack| format!("  ack {ack}")).unwrap_or_default();
                let head = format!(
                    "{:>4}  {} > {}  {}  seq {}{ack}  len {}",
                    segment.index + 1,
                    segment.from.letter(),
                    segment.to.letter(),
                    segment.flags,
                    segment.seq,
                    segment.len
                );
                out += &clean(&head);
                if !segment.payload.is_empty() {
                    out += &format!("  {}", theme.paint(Role::Good, &clean(&segment.payload)));
                }
                out.push('\n');
                segment.index + 1
            }
            Line::Stream {
                first,
                last,
                from,
                to,
                text,
                ..
            } => {
                let head = format!("{first:>4}  {} > {}  {text}", from.letter(), to.letter());
                out += &format!("{}\n", clean(&head));
                *last
            }
            Line::States { .. } => continue,
            Line::Ending(text) => {
                out += &format!("\n{}\n", clean(text));
                continue;
            }
        };
        let told: Vec<&(usize, String)> = explanations[next.min(explanations.len())..]
            .iter()
            .take_while(|(number, _)| *number <= last)
            .collect();
        next += told.len();
        // Of a stream the first segment is explained; the others say the same.
        if let Some((_, text)) = told.first() {
            for row in wrap(text, theme.columns().saturating_sub(6)) {
                out += &format!("      {row}\n");
            }
        }
    }
    out
}
