//! What stands on the arrows of the ladder: the fields of a segment, lined up.

use super::text::clean;
use super::theme::Role;
use crate::snapshot::transcript::{Line, SegmentLine};

/// Digits that are lined up; longer numbers (raw ones, of an end without a SYN) shift the rest of their line.
const MAX_DIGITS: usize = 7;

/// The widths of the fields that stand below each other, and thus line up.
pub(super) struct Columns {
    pub number: usize,
    flags: usize,
    seq: usize,
    ack: usize,
    len: usize,
}

impl Columns {
    pub fn of(lines: &[Line]) -> Columns {
        let segments = || {
            lines.iter().filter_map(|line| match line {
                Line::Segment(segment) => Some(segment),
                _ => None,
            })
        };
        let widest = |text: &dyn Fn(&SegmentLine) -> String| {
            let widths = segments().map(|segment| text(segment).len());
            widths.filter(|width| *width <= MAX_DIGITS).max().unwrap_or(1)
        };
        Columns {
            number: widest(&|segment| segment.number.to_string()),
            flags: widest(&|segment| segment.flags.clone()),
            seq: 4 + widest(&|segment| segment.seq.to_string()),
            ack: 4 + widest(&|segment| segment.ack.unwrap_or_default().to_string()),
            len: 4 + widest(&|segment| segment.len.to_string()),
        }
    }

    /// The columns of a label without payload and options.
    pub fn core(&self) -> usize {
        self.number + 2 + self.flags + 2 + self.seq + 2 + self.ack + 2 + self.len
    }

    /// The fields of a segment in the order of their columns.
    pub fn fields(&self, segment: &SegmentLine) -> Vec<Field> {
        let ack = segment.ack.map(|ack| format!("ack {ack}")).unwrap_or_default();
        let mut fields = vec![
            Field::new(Role::Dim, format!("{:>1$}", segment.number, self.number), self.number),
            Field::new(Role::Strong, clean(&segment.flags), self.flags),
            Field::new(Role::Plain, format!("seq {}", segment.seq), self.seq),
            Field::new(Role::Plain, ack, self.ack),
            Field::new(Role::Plain, format!("len {}", segment.len), self.len),
            Field::new(Role::Good, clean(&segment.payload), 0),
            Field::new(Role::Doubt, clean(&segment.notes), 0),
        ];
        if !is_routine(&segment.options) {
            fields.push(Field::new(Role::Dim, clean(&segment.options), 0));
        }
        fields
    }
}

/// A part of a segment's label.
pub(super) struct Field {
    pub role: Role,
    pub text: String,
    /// The columns to keep free for it, so that the next one lines up.
    pub column: usize,
}

impl Field {
    pub fn new(role: Role, text: String, column: usize) -> Field {
        Field { role, text, column }
    }
}

/// Whether an option list says no more than timestamps and padding.
fn is_routine(options: &str) -> bool {
    let names = options.trim_matches(['<', '>']).split(',').map(str::trim);
    names.into_iter().all(|name| matches!(name, "" | "nop" | "ts"))
}
