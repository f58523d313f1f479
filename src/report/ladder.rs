//! The ladder: a session as a diagram, time running down, the client's end on the left, the server's on the right.
//!
//! ```text
//!              client                                             server
//!       CLOSED                                                    LISTEN
//!              ● connect                                         │
//!     SYN-SENT │── 1  SYN  seq 0  len 0 ────────────────────────►│ SYN-RECEIVED
//! ```
//!
//! States stand at the sides where they change; where the terminal is too narrow for that, in brackets below the
//! segment. Options that are only timestamps and padding are left out, since almost every segment has them; transcript
//! and snapshot show them. Times are not drawn: the distance of two lines says nothing.

use super::label::{Columns, Field};
use super::text::{Spans, clean, wrap};
use super::theme::{Glyphs, Role, Theme};
use crate::run::Fate;
use crate::snapshot::Transcript;
use crate::snapshot::transcript::Line;
use crate::tcp::{Party, State};

/// The columns of the longest state name.
const STATE: usize = 12;

/// The end of an arrow that does not arrive.
const CROSS: char = 'X';

/// What an arrow needs beside its label: a shaft before it, shaft and head after it.
const SHAFT: usize = 3;

/// Draws the transcript; with explanations (number of the segment, sentence), each stands below its segment.
///
/// No line is wider than the theme's width, which is limited to
/// [`MIN_WIDTH`](super::MIN_WIDTH)..=[`MAX_WIDTH`](super::MAX_WIDTH).
pub fn ladder(transcript: &Transcript, theme: &Theme, explanations: Option<&[(usize, String)]>) -> String {
    let lines = &transcript.lines;
    let columns = Columns::of(lines);
    let total = theme.columns();
    let beside = total - 2 * (STATE + 1) - 2;
    let wide = beside >= SHAFT + columns.core() + SHAFT;
    let mut drawing = Drawing {
        theme,
        glyphs: theme.glyphs(),
        columns,
        wide,
        lane: if wide { beside } else { total - 2 },
        one_socket: is_one_socket(lines),
        states: [State::Closed; 2],
        explanations: explanations.unwrap_or_default(),
        out: String::new(),
    };
    drawing.head();
    let mut rest = lines.iter().peekable();
    while let Some(line) = rest.next() {
        // What an action itself has changed stands beside it.
        let after = match (line, rest.peek()) {
            (Line::Action { .. }, Some(Line::States { client, server })) => Some([*client, *server]),
            _ => None,
        };
        if after.is_some() {
            rest.next();
        }
        drawing.line(line, after);
    }
    drawing.out
}

/// Whether the only socket is a client that is connected to itself: there is no server to draw.
fn is_one_socket(lines: &[Line]) -> bool {
    let mut loops = 0;
    let no_server = lines.iter().all(|line| match line {
        Line::Segment(segment) => {
            loops += usize::from(segment.from == segment.to);
            segment.from == Party::Client && segment.to == Party::Client
        }
        Line::Stream { from, to, .. } => *from == Party::Client && *to == Party::Client,
        Line::Action { text, .. } => actor(text).0 != Some(Party::Server),
        Line::Phase(_) | Line::Ending(_) | Line::States { .. } => true,
    });
    no_server && loops > 0
}

/// The party that an action line names, and the rest of the line.
fn actor(text: &str) -> (Option<Party>, String) {
    let (delay, rest) = match text.split_once(' ') {
        Some((delay, rest)) if delay.starts_with('+') => (format!("{delay} "), rest.trim_start()),
        _ => (String::new(), text),
    };
    let (word, verb) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    if word == "peer" {
        // The segment is sent in the name of the end that stands on its left.
        let mut words = verb.split_whitespace();
        let sender = match words.next() {
            // An ICMP error comes to the sender of the segment that it is about.
            Some("icmp") => words.nth(2),
            _ => words.next(),
        };
        let sender = sender.unwrap_or_default();
        let party = Party::ALL
            .into_iter()
            .find(|party| party.letter().to_string() == sender);
        return (party, text.to_owned());
    }
    match Party::ALL.into_iter().find(|party| party.name() == word) {
        Some(party) => (Some(party), format!("{delay}{}", verb.trim_start())),
        None => (None, text.to_owned()),
    }
}

fn role(party: Party) -> Role {
    match party {
        Party::Client => Role::Client,
        Party::Server => Role::Server,
    }
}

struct Drawing<'a> {
    theme: &'a Theme,
    glyphs: &'static Glyphs,
    columns: Columns,
    /// Whether states stand beside the lifelines.
    wide: bool,
    /// The columns between the lifelines.
    lane: usize,
    one_socket: bool,
    /// The states as drawn last, the client's first.
    states: [State; 2],
    explanations: &'a [(usize, String)],
    out: String,
}

impl Drawing<'_> {
    fn head(&mut self) {
        let indent = if self.wide { STATE + 1 } else { 0 };
        let mut names = Spans::of(Role::Plain, " ".repeat(indent));
        if self.one_socket {
            names.push(Role::Client, "client, connected to itself");
        } else {
            names.push(Role::Client, "client");
            names.pad_to(indent + self.lane + 2 - "server".len());
            names.push(Role::Server, "server");
        }
        self.emit(&names);
        if self.wide {
            self.row(Spans::default(), self.states.map(Some));
        } else {
            self.states_below(self.states.map(Some));
        }
    }

    /// Draws one line; `after` are the states after an action that changed them by itself.
    fn line(&mut self, line: &Line, after: Option<[State; 2]>) {
        match line {
            Line::Phase(title) => self.rule(title, Role::Strong),
            Line::Action { text, result, .. } => self.action(text, result.as_deref(), after),
            Line::Segment(segment) => {
                let fields = self.columns.fields(segment);
                let after = [segment.client, segment.server];
                let lost = matches!(segment.fate, Some(Fate::Dropped | Fate::Corrupted));
                self.arrow(segment.from, segment.to, self.glyphs.dash, lost, fields, after);
                self.explain(segment.index + 1, segment.index + 1);
            }
            Line::Stream {
                number,
                first,
                last,
                from,
                to,
                text,
                client,
                server,
            } => {
                let number = format!("{:>1$}", number, self.columns.number);
                let fields = vec![
                    Field::new(Role::Dim, number, 0),
                    Field::new(Role::Strong, clean(text), 0),
                ];
                self.arrow(*from, *to, self.glyphs.fat, false, fields, [*client, *server]);
                self.explain(*first, *last);
            }
            Line::States { client, server } => {
                let changed = self.changed([*client, *server]);
                self.row(Spans::default(), changed);
            }
            Line::Ending(text) => self.rule(text, Role::Bad),
        }
    }

    /// A line across the whole diagram, with a title; a long title takes several.
    fn rule(&mut self, title: &str, role: Role) {
        let total = self.theme.columns();
        let rule = |count: usize| self.glyphs.rule.to_string().repeat(count);
        let titles = wrap(title, total - 6);
        if titles.is_empty() {
            let whole = Spans::of(Role::Dim, rule(total));
            return self.emit(&whole);
        }
        let rules: Vec<Spans> = titles
            .into_iter()
            .map(|title| {
                let mut line = Spans::of(Role::Dim, rule(2)).with(role, format!(" {title} "));
                let rest = total - line.width();
                line.push(Role::Dim, rule(rest));
                line
            })
            .collect();
        rules.iter().for_each(|line| self.emit(line));
    }

    fn action(&mut self, text: &str, result: Option<&str>, after: Option<[State; 2]>) {
        let changed = after.map_or([None; 2], |after| self.changed(after));
        let (party, mut said) = actor(text);
        if let Some(result) = result {
            said = format!("{said}  {result}");
        }
        let Some(party) = party else {
            let mut changed = changed;
            for row in wrap(&said, self.lane - 2) {
                self.row(Spans::of(Role::Doubt, format!(" {row}")), std::mem::take(&mut changed));
            }
            return;
        };
        for (index, row) in wrap(&said, self.lane - 2).into_iter().enumerate() {
            let mark = if index == 0 {
                self.glyphs.action
            } else {
                self.glyphs.bar
            };
            let gap = self.lane - 1 - Spans::of(Role::Plain, row.as_str()).width();
            let (lane, marks) = match party {
                Party::Client => {
                    let lane = Spans::of(role(party), format!(" {row}"));
                    (lane, [mark, self.glyphs.bar])
                }
                Party::Server => {
                    let lane = Spans::of(Role::Plain, " ".repeat(gap)).with(role(party), format!("{row} "));
                    (lane, [self.glyphs.bar, mark])
                }
            };
            self.marked_row(lane, marks, if index == 0 { changed } else { [None; 2] });
        }
    }

    /// An arrow with as many of the fields as fit, and the others below it.
    fn arrow(&mut self, from: Party, to: Party, dash: char, lost: bool, fields: Vec<Field>, after: [State; 2]) {
        let room = self.lane - 2 * SHAFT;
        let indent = self.indent();
        let mut label = Spans::default();
        let mut below = Vec::new();
        let mut start = 0;
        for field in fields
            .into_iter()
            .filter(|field| field.column > 0 || !field.text.is_empty())
        {
            let width = Spans::of(Role::Plain, field.text.as_str()).width();
            if below.is_empty() && start + width <= room {
                if width > 0 {
                    label.pad_to(start);
                    label.push(field.role, field.text);
                }
                start += width.max(field.column) + 2;
            } else {
                let rows = wrap(&field.text, self.lane - indent - 1);
                below.extend(rows.into_iter().map(|row| (field.role, row)));
            }
        }
        let mut rows = self.shaft(from, to, dash, lost, label);
        let head = rows.len() - 1;
        let blanks = " ".repeat(indent);
        rows.extend(
            below
                .into_iter()
                .map(|(role, row)| Spans::of(Role::Plain, &*blanks).with(role, row)),
        );

        let changed = self.changed(after);
        let last = rows.len() - 1;
        for (index, row) in rows.into_iter().enumerate() {
            let here = index == if self.wide { head } else { last };
            self.row(row, if here { changed } else { [None; 2] });
        }
    }

    /// The rows of the arrow itself; the last one has the arrowhead, or a cross where the segment was lost.
    fn shaft(&self, from: Party, to: Party, dash: char, lost: bool, label: Spans) -> Vec<Spans> {
        let Glyphs { left, right, loops, .. } = *self.glyphs;
        let (left, right) = if lost { (CROSS, CROSS) } else { (left, right) };
        let role = role(from);
        let dashes = |count: usize| dash.to_string().repeat(count);
        let rest = self.lane - SHAFT - label.width() - 1;
        let spans = |before: String, label: Spans, behind: String| {
            let mut row = Spans::of(role, before);
            row.append(label);
            row.with(role, behind)
        };
        match (from, to) {
            (Party::Client, Party::Server) => {
                vec![spans(
                    format!("{} ", dashes(2)),
                    label,
                    format!(" {}{right}", dashes(rest - 1)),
                )]
            }
            (Party::Server, Party::Client) => {
                vec![spans(format!("{left}{dash} "), label, format!(" {}", dashes(rest)))]
            }
            (Party::Client, Party::Client) => {
                let back = format!("{left}{}{}", dashes(SHAFT + label.width() + 1), loops[1]);
                vec![
                    spans(format!("{} ", dashes(2)), label, format!(" {dash}{}", loops[0])),
                    Spans::of(role, back),
                ]
            }
            (Party::Server, Party::Server) => {
                let gap = " ".repeat(rest - 2);
                let back = format!("{gap}{}{}{right}", loops[3], dashes(SHAFT + label.width() + 1));
                vec![
                    spans(format!("{gap}{}{dash} ", loops[2]), label, format!(" {}", dashes(2))),
                    Spans::of(role, back),
                ]
            }
        }
    }

    /// The first explanation of these segments.
    fn explain(&mut self, first: usize, last: usize) {
        let known = self
            .explanations
            .iter()
            .find(|(number, _)| (first..=last).contains(number));
        let Some((_, text)) = known else { return };
        let indent = self.indent();
        for row in wrap(text, self.lane - indent - 1) {
            self.row(Spans::of(Role::Plain, format!("{:indent$}{row}", "")), [None; 2]);
        }
        self.row(Spans::default(), [None; 2]);
    }

    /// Where what belongs to an arrow begins: below its flags.
    fn indent(&self) -> usize {
        SHAFT + self.columns.number + 2
    }

    /// The states that differ from those drawn last.
    fn changed(&mut self, after: [State; 2]) -> [Option<State>; 2] {
        let before = std::mem::replace(&mut self.states, after);
        [0, 1].map(|end| (before[end] != after[end]).then_some(after[end]))
    }

    /// One row between the lifelines, with the states that are new.
    fn row(&mut self, lane: Spans, states: [Option<State>; 2]) {
        self.marked_row(lane, [self.glyphs.bar; 2], states);
    }

    fn marked_row(&mut self, lane: Spans, marks: [char; 2], [left, right]: [Option<State>; 2]) {
        let name = |state: Option<State>| state.map(State::name).unwrap_or_default();
        let mark = |mark: char, party: Party| {
            let role = if mark == self.glyphs.action {
                role(party)
            } else {
                Role::Dim
            };
            Spans::of(role, mark)
        };
        let mut row = Spans::default();
        if self.wide {
            row.push(Role::Strong, format!("{:>STATE$} ", name(left)));
        }
        row.append(mark(marks[0], Party::Client));
        let edge = row.width() + self.lane;
        row.append(lane);
        if !self.one_socket {
            row.pad_to(edge);
            row.append(mark(marks[1], Party::Server));
            if self.wide && right.is_some() {
                row.push(Role::Strong, format!(" {}", name(right)));
            }
        }
        self.emit(&row);
        if !self.wide {
            self.states_below([left, right]);
        }
    }

    /// The states that are new, in brackets at their sides.
    fn states_below(&mut self, [left, right]: [Option<State>; 2]) {
        let right = right.filter(|_| !self.one_socket);
        if left.is_none() && right.is_none() {
            return;
        }
        let bracketed = |state: Option<State>| state.map(|state| format!("[{state}]")).unwrap_or_default();
        let (left, right) = (bracketed(left), bracketed(right));
        let bar = self.glyphs.bar;
        let mut row = Spans::of(Role::Dim, bar).with(Role::Strong, format!(" {left}"));
        if !self.one_socket {
            row.pad_to(self.lane - right.len());
            row.push(Role::Strong, format!("{right} "));
            row.push(Role::Dim, bar);
        }
        self.emit(&row);
    }

    fn emit(&mut self, row: &Spans) {
        self.out.push_str(row.paint(self.theme).trim_end_matches(' '));
        self.out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use console::measure_text_width;
    use proptest::prelude::*;

    use super::super::samples::{basic, itself, odd, theme, visible};
    use super::*;
    use crate::snapshot::transcript::SegmentLine;

    fn explanations() -> Vec<(usize, String)> {
        vec![
            (
                1,
                "SYN: the client asks to open the connection and names its initial sequence number.".to_owned(),
            ),
            (4, "PSH ACK: 12 bytes.".to_owned()),
            (5, "never shown twice".to_owned()),
        ]
    }

    #[test]
    fn ladders_are_drawn_at_every_width() {
        let explained = explanations();
        let mut all = String::new();
        let mut show = |label: &str, drawing: String| all += &format!("# {label}:\n{drawing}\n");
        for width in [60, 80, 100, 120] {
            show(
                &format!("basic, {width} columns"),
                ladder(&basic(), &theme(width), None),
            );
        }
        let ascii = Theme {
            unicode: false,
            ..theme(80)
        };
        show("basic, ASCII", ladder(&basic(), &ascii, None));
        for width in [60, 80] {
            show(
                &format!("explained, {width} columns"),
                ladder(&basic(), &theme(width), Some(&explained)),
            );
        }
        for width in [60, 80, 120] {
            show(&format!("odd, {width} columns"), ladder(&odd(), &theme(width), None));
        }
        show(
            "odd, ASCII",
            ladder(&odd(), &Theme { width: 90, ..ascii }, Some(&explained)),
        );
        show(
            "connected to itself, 60 columns",
            ladder(&itself(), &theme(60), Some(&explained)),
        );
        show("connected to itself, 80 columns", ladder(&itself(), &theme(80), None));
        show("connected to itself, ASCII", ladder(&itself(), &ascii, None));
        show("nothing", ladder(&Transcript { lines: Vec::new() }, &theme(80), None));
        insta::assert_snapshot!(all);
    }

    #[test]
    fn colours_follow_the_parties() {
        let colored = Theme {
            color: true,
            ..theme(80)
        };
        let mut short = basic();
        short.lines.truncate(5);
        insta::assert_snapshot!(visible(&ladder(&short, &colored, None)));
        let drawing = ladder(&basic(), &colored, Some(&explanations()));
        let plain = ladder(&basic(), &theme(80), Some(&explanations()));
        assert_eq!(console::strip_ansi_codes(&drawing), plain);
    }

    #[test]
    fn widths_outside_the_limits_are_limited() {
        assert_eq!(ladder(&basic(), &theme(5), None), ladder(&basic(), &theme(60), None));
        assert_eq!(ladder(&basic(), &theme(900), None), ladder(&basic(), &theme(120), None));
    }

    fn party() -> impl Strategy<Value = Party> {
        prop::sample::select(&Party::ALL[..])
    }

    fn states() -> impl Strategy<Value = (State, State)> {
        let state = || prop::sample::select(&State::ALL[..]);
        (state(), state())
    }

    /// Any line, with texts of any characters.
    fn line() -> impl Strategy<Value = Line> {
        let text = || prop_oneof![".{0,150}", "(client|server|wire) .{0,90}", "[a-z0-9 <>,]{0,200}"];
        let ends = || (party(), party(), states());
        let numbers = || (any::<u32>(), prop::option::of(any::<u32>()), any::<u32>(), 0..2000usize);
        let segment = (ends(), numbers(), ("[A-Z ]{0,50}", text(), text()));
        let segment = segment.prop_map(|((from, to, (client, server)), (seq, ack, len, number), texts)| {
            let (flags, options, payload) = texts;
            Line::Segment(SegmentLine {
                fate: None,
                number,
                from,
                to,
                flags,
                seq,
                ack,
                len,
                options,
                payload,
                index: number,
                notes: String::new(),
                client,
                server,
            })
        });
        let stream = (ends(), any::<[usize; 2]>(), text());
        let stream = stream.prop_map(|((from, to, (client, server)), [first, last], text)| Line::Stream {
            number: first % 2000,
            first,
            last,
            from,
            to,
            text,
            client,
            server,
        });
        let action = (text(), prop::option::of(text()));
        prop_oneof![
            text().prop_map(Line::Phase),
            text().prop_map(Line::Ending),
            action.prop_map(|(text, result)| Line::Action { step: 0, text, result }),
            states().prop_map(|(client, server)| Line::States { client, server }),
            segment,
            stream,
        ]
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_theme(
            lines in prop::collection::vec(line(), 0..12),
            width in 60usize..=130,
            (unicode, color) in any::<(bool, bool)>(),
            explanations in prop::collection::vec((0..20usize, ".{0,300}"), 0..5),
        ) {
            let theme = Theme { color, unicode, width };
            let drawing = ladder(&Transcript { lines }, &theme, Some(&explanations));
            for line in drawing.lines() {
                prop_assert!(measure_text_width(line) <= width, "{} > {width}: {line}", measure_text_width(line));
            }
        }
    }
}
