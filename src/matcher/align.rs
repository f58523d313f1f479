//! The nearest alignment: which lines and which segments belong together once something does not fit.
//!
//! An edit distance over a short window: what is still expected, in file order, against the segments from the failing one
//! on. A line without a segment and a segment without a line have a price, two that go together cost what differs.

use super::automaton::{Cursor, Progress, Thread};
use super::fields::{self, Difference};
use super::online::Matcher;
use super::program::{Node, Takes};
use super::wire::{Seen, Wire};
use crate::scenario::Span;
use crate::tcp::Segment;

/// How many expectations, and how many segments, are looked at.
const WINDOW: usize = 8;
/// How many ways to read the expectations are tried.
const READINGS: usize = 16;
/// The price of a required line without a segment: cheap, so that a later line that fits exactly is found.
const SKIP: u32 = 2;
/// The price of a segment without a line.
const EXTRA: u32 = 5;
const NEVER: u32 = 1_000;

/// One row of an alignment: a line with its segment, or one of them alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where the expectation was written; `None` for a segment that no line expects.
    pub expectation: Option<Span>,
    /// The segment's index in the capture, from 0; `None` for a line that no segment answers.
    pub segment: Option<usize>,
    /// Whether the segment is as the line says.
    pub agrees: bool,
}

/// The best alignment from the failing segment on.
pub(super) struct Alignment {
    /// The thread that explains what came before.
    pub(super) thread: usize,
    pub(super) pairs: Vec<Pair>,
}

pub(super) struct Pair {
    pub(super) leaf: Option<usize>,
    /// The index in the capture.
    pub(super) segment: Option<usize>,
    pub(super) differences: Vec<Difference>,
}

/// A line that may take a segment next, or later.
#[derive(Debug, Clone)]
struct Pending {
    leaf: usize,
    progress: Progress,
    required: bool,
}

/// Aligns `segments`, of which those from index `first` on are unexplained, with what `matcher` still expects.
pub(super) fn align(matcher: &Matcher, segments: &[Segment], first: usize) -> Alignment {
    let window = window(matcher, segments, first);
    let mut best: Option<(u32, Alignment)> = None;
    for (thread, place) in matcher.threads.iter().enumerate().take(READINGS) {
        for pending in readings(matcher, place) {
            let (cost, pairs) = cheapest(matcher, &pending, &window, first);
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, Alignment { thread, pairs }));
            }
        }
    }
    let nothing = Alignment {
        thread: 0,
        pairs: Vec::new(),
    };
    best.map_or(nothing, |(_, alignment)| alignment)
}

/// The segments from `first` on, each with the state of the wire before it.
fn window<'s>(matcher: &Matcher, segments: &'s [Segment], first: usize) -> Vec<(Seen<'s>, Wire)> {
    let mut wire = matcher.wire.clone();
    segments[first..]
        .iter()
        .take(WINDOW)
        .map(|segment| {
            let seen = wire.see(segment);
            let before = wire.clone();
            wire.advance(segment);
            (seen, before)
        })
        .collect()
}

/// What is still expected at `place`: one list for each choice among the alternatives of `either`.
fn readings(matcher: &Matcher, place: &Thread) -> Vec<Vec<Pending>> {
    let mut all = vec![Vec::new()];
    for (step, nodes) in matcher.program.steps.iter().enumerate().skip(place.step) {
        let start = Cursor::default();
        let cursor = if step == place.step { &place.cursor } else { &start };
        all = followed_by(all, &sequence(matcher, nodes, cursor));
        if all.iter().all(|reading| reading.len() >= WINDOW) {
            break;
        }
    }
    all.iter_mut().for_each(|reading| reading.truncate(WINDOW));
    all
}

fn sequence(matcher: &Matcher, nodes: &[Node], cursor: &Cursor) -> Vec<Vec<Pending>> {
    let mut all = vec![Vec::new()];
    for (at, node) in nodes.iter().enumerate().skip(cursor.at).take(WINDOW) {
        let progress = if at == cursor.at {
            &cursor.progress
        } else {
            &Progress::Fresh
        };
        all = followed_by(all, &of_node(matcher, node, progress));
    }
    all
}

fn followed_by(heads: Vec<Vec<Pending>>, tails: &[Vec<Pending>]) -> Vec<Vec<Pending>> {
    let joined = heads
        .iter()
        .flat_map(|head| tails.iter().map(|tail| [head.as_slice(), tail.as_slice()].concat()));
    joined.take(READINGS).collect()
}

fn of_node(matcher: &Matcher, node: &Node, progress: &Progress) -> Vec<Vec<Pending>> {
    match node {
        Node::Leaf(leaf) => vec![of_leaf(matcher, *leaf, progress)],
        Node::AnyOrder(items) => items
            .iter()
            .zip(progress.of_items(items.len()))
            .fold(vec![Vec::new()], |all, (item, progress)| {
                followed_by(all, &of_node(matcher, item, &progress))
            }),
        Node::Either(alternatives) => match progress {
            Progress::Either(chosen, cursor) => sequence(matcher, &alternatives[*chosen], cursor),
            _ => alternatives
                .iter()
                .flat_map(|nodes| sequence(matcher, nodes, &Cursor::default()))
                .take(READINGS)
                .collect(),
        },
    }
}

fn of_leaf(matcher: &Matcher, leaf: usize, progress: &Progress) -> Vec<Pending> {
    let pending = |required| Pending {
        leaf,
        progress: progress.clone(),
        required,
    };
    match &matcher.program.leaves[leaf].takes {
        Takes::Segment(pattern) => {
            let count = progress.count();
            let missing = pattern.count.min.saturating_sub(count) as usize;
            let is_open = pattern.count.max > pattern.count.min.max(count);
            let mut all = vec![pending(true); missing.min(WINDOW)];
            all.extend(is_open.then(|| pending(false)));
            all
        }
        Takes::Stream(line) => vec![pending(!line.is_complete(&progress.flow(), &matcher.wire))],
        Takes::Anything => vec![pending(false)],
        Takes::Injected { .. } => Vec::new(),
    }
}

/// In what a segment of the window is not as a line says.
fn differences(
    matcher: &Matcher,
    pending: &Pending,
    (seen, wire): &(Seen<'_>, Wire),
    is_first: bool,
) -> Vec<Difference> {
    let leaf = &matcher.program.leaves[pending.leaf];
    match &leaf.takes {
        Takes::Segment(pattern) => fields::differences(pattern, seen, matcher.started(leaf.step)).collect(),
        Takes::Stream(line) => {
            let mut wrong = line
                .take(&pending.progress.flow(), seen, wire)
                .err()
                .unwrap_or_default();
            // How far the stream would have come by a later segment is not known.
            wrong.retain(|difference| is_first || matches!(difference.field, "direction" | "flags"));
            wrong
        }
        Takes::Anything | Takes::Injected { .. } => Vec::new(),
    }
}

fn cheapest(matcher: &Matcher, pending: &[Pending], window: &[(Seen<'_>, Wire)], first: usize) -> (u32, Vec<Pair>) {
    let has_begun = |line: &Pending| {
        matcher
            .current()
            .is_some_and(|current| matcher.program.leaves[line.leaf].step <= current)
    };
    let wrong: Vec<Vec<Vec<Difference>>> = pending
        .iter()
        .map(|line| {
            let each = window.iter().enumerate();
            each.map(|(at, seen)| differences(matcher, line, seen, at == 0))
                .collect()
        })
        .collect();
    let together = |line: usize, at: usize| {
        let wrong: &Vec<Difference> = &wrong[line][at];
        // Nobody can say how a line differs whose action has not begun.
        if !wrong.is_empty() && !has_begun(&pending[line]) {
            return NEVER;
        }
        wrong.iter().map(Difference::weight).sum()
    };
    let skip = |line: usize| if pending[line].required { SKIP } else { 0 };

    // least[line][at]: the price of aligning pending[line..] with window[at..]. Lines after the last segment are free:
    // the run ended before they could be answered.
    let (lines, count) = (pending.len(), window.len());
    let mut least = vec![vec![0; count + 1]; lines + 1];
    for line in (0..=lines).rev() {
        for at in (0..count).rev() {
            let mut price = EXTRA + least[line][at + 1];
            if line < lines {
                price = price.min(skip(line) + least[line + 1][at]);
                price = price.min(together(line, at) + least[line + 1][at + 1]);
            }
            least[line][at] = price;
        }
    }

    let mut pairs = Vec::new();
    let (mut line, mut at) = (0, 0);
    while at < count {
        let pair = |leaf, segment, differences| Pair {
            leaf,
            segment,
            differences,
        };
        let price = least[line][at];
        if line < lines && price == together(line, at) + least[line + 1][at + 1] {
            pairs.push(pair(
                Some(pending[line].leaf),
                Some(first + at),
                wrong[line][at].clone(),
            ));
            line += 1;
            at += 1;
        } else if line < lines && price == skip(line) + least[line + 1][at] {
            if pending[line].required {
                pairs.push(pair(Some(pending[line].leaf), None, Vec::new()));
            }
            line += 1;
        } else {
            pairs.push(pair(None, Some(first + at), Vec::new()));
            at += 1;
        }
    }
    let rest = pending[line..].iter().filter(|line| line.required && has_begun(line));
    pairs.extend(rest.map(|line| Pair {
        leaf: Some(line.leaf),
        segment: None,
        differences: Vec::new(),
    }));
    (least[0][0], pairs)
}
