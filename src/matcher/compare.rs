//! A whole recording against its scenario, and what to say about the first segment that does not fit.

use std::ops::Range;

use super::align::{Alignment, Pair, Row, align};
use super::fields::Difference;
use super::hints::{self, Case};
use super::online::{Matcher, Push};
use super::program::{Program, Takes};
use crate::run::{Entry, Recording};
use crate::scenario::{Scenario, Span};
use crate::tcp::{Party, Segment};

/// How many explained segments the alignment shows before the one that does not fit.
const BEFORE: usize = 2;
/// How many rows it shows after that one.
const AFTER: usize = 3;

/// What a recording is, held against its scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// The line that explains each segment, in the order of the capture: of all segments, or of those before the
    /// mismatch.
    pub explained: Vec<Place>,
    /// What did not fit; `None` when every segment is explained and every line of the steps that began has been seen.
    pub mismatch: Option<Box<Mismatch>>,
}

impl Match {
    /// The runs of consecutive segments that belong to one `stream` line, for a transcript that folds them.
    pub fn stream_runs(&self) -> Vec<StreamRun> {
        let mut first = 0;
        let mut runs = Vec::new();
        for places in self.explained.chunk_by(|one, other| one.span == other.span) {
            let segments = first..first + places.len();
            first = segments.end;
            if let Role::Stream { from, to, bytes } = places[0].role {
                let span = places[0].span.clone();
                runs.push(StreamRun {
                    segments,
                    span,
                    from,
                    to,
                    bytes,
                });
            }
        }
        runs
    }
}

/// The line that explains a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The step that the line belongs to.
    pub step: usize,
    /// Where the line was written.
    pub span: Span,
    /// What kind of line it is.
    pub role: Role,
}

/// What kind of line explains a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A segment line.
    Line,
    /// A `stream` line.
    Stream {
        /// Who sends the bytes.
        from: Party,
        /// Who receives them.
        to: Party,
        /// How many bytes the whole stream has.
        bytes: u64,
    },
    /// `...`.
    Anything,
    /// A `peer send` line: the lab has sent the segment itself.
    Injected,
}

/// Consecutive segments of one `stream` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRun {
    /// Their indices in the capture, from 0.
    pub segments: Range<usize>,
    /// Where the line was written.
    pub span: Span,
    /// Who sends the bytes.
    pub from: Party,
    /// Who receives them.
    pub to: Party,
    /// How many bytes the whole stream has.
    pub bytes: u64,
}

/// The first thing that is not as the scenario says.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// What is wrong.
    pub kind: Kind,
    /// The step that the expectation belongs to; without one, the step in progress.
    pub step: usize,
    /// That step's action.
    pub action: Span,
    /// The nearest expectation.
    pub expectation: Option<Span>,
    /// The index in the capture, from 0, of the segment that does not fit; `None` when none came.
    pub segment: Option<usize>,
    /// In which fields the segment differs from the expectation; empty unless the kind is [`Kind::Differs`].
    pub differences: Vec<Difference>,
    /// Lines and segments side by side, from a little before the mismatch to a little after it.
    pub alignment: Vec<Row>,
    /// What such a difference usually means, the most likely first.
    pub hints: Vec<String>,
}

/// What is wrong with a mismatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A segment came in the place of the expected one, and is not as the line says.
    Differs,
    /// The expected segment did not come, but the one of a later line.
    Skipped,
    /// No line expects the segment.
    Extra,
    /// The segment is as a line says, but it came before that line's action had begun.
    Early,
    /// No more segments came, but one was expected.
    Missing,
}

/// Holds a recording's segments against the scenario's expectations, with its actions and segments in recorded order, as
/// [`Matcher`] does during a run. Steps that never began are not expected; whether a run was played to its end is another
/// question.
pub fn compare(scenario: &Scenario, recording: &Recording) -> Match {
    let mut matcher = Matcher::new(scenario);
    let mut rejected = None;
    let mut before = 0;
    for (entry, what) in recording.entries.iter().enumerate() {
        match what {
            Entry::ActionStarted { step, at } => matcher.begin(*step, *at),
            Entry::Segment(segment) => {
                if matcher.push(segment) == Push::Rejected {
                    rejected = Some(entry);
                    break;
                }
                before += 1;
            }
            Entry::ActionEnded { .. } | Entry::Fault { .. } | Entry::Icmp(_) | Entry::Settled { .. } => {}
        }
    }
    if rejected.is_none()
        && matcher.owes_nothing()
        && let Some(thread) = matcher.satisfied_thread()
    {
        return Match {
            explained: places(&matcher, thread),
            mismatch: None,
        };
    }
    let segments: Vec<Segment> = recording.segments().cloned().collect();
    let alignment = align(&matcher, &segments, before);
    let explained = places(&matcher, alignment.thread);
    let history = &recording.entries[..rejected.unwrap_or(recording.entries.len())];
    let mismatch = mismatch(scenario, &matcher, history, &segments, before, &explained, &alignment);
    Match {
        explained,
        mismatch: Some(Box::new(mismatch)),
    }
}

fn places(matcher: &Matcher, thread: usize) -> Vec<Place> {
    let leaves = matcher.explanation(thread).into_iter();
    leaves.map(|leaf| place(&matcher.program, leaf)).collect()
}

fn place(program: &Program, leaf: usize) -> Place {
    let leaf = &program.leaves[leaf];
    Place {
        step: leaf.step,
        span: leaf.span.clone(),
        role: match &leaf.takes {
            Takes::Segment(_) => Role::Line,
            Takes::Stream(line) => Role::Stream {
                from: line.from,
                to: line.to,
                bytes: line.bytes,
            },
            Takes::Anything => Role::Anything,
            Takes::Injected { .. } => Role::Injected,
        },
    }
}

fn mismatch(
    scenario: &Scenario,
    matcher: &Matcher,
    history: &[Entry],
    segments: &[Segment],
    failing: usize,
    explained: &[Place],
    alignment: &Alignment,
) -> Mismatch {
    let current = matcher.current().unwrap_or_default();
    let pairs = &alignment.pairs;
    let (kind, leaf, differences) = diagnose(matcher, pairs, failing, segments.len());
    let segment = (failing < segments.len()).then_some(failing);
    let step = match (kind, leaf) {
        (Kind::Early, _) | (_, None) => current,
        (_, Some(leaf)) => matcher.program.leaves[leaf].step,
    };
    let steps: Vec<_> = scenario.steps().collect();
    let hints = hints::of(&Case {
        kind,
        expected: leaf.map(|leaf| &matcher.program.leaves[leaf].takes),
        differences: &differences,
        segment: segment.map(|index| &segments[index]),
        before: &segments[..failing],
        wire: &matcher.wire,
        history,
        steps: &steps,
        quickack: scenario.settings.quickack,
    });
    let explained = explained.iter().enumerate().skip(failing.saturating_sub(BEFORE));
    let mut rows: Vec<Row> = explained
        .map(|(index, place)| Row {
            expectation: Some(place.span.clone()),
            segment: Some(index),
            agrees: true,
        })
        .collect();
    let shown = pairs
        .iter()
        .position(|pair| pair.segment == segment)
        .map_or(AFTER, |at| at + 1 + AFTER);
    rows.extend(pairs.iter().take(shown).map(|pair| Row {
        expectation: pair.leaf.map(|leaf| matcher.program.leaves[leaf].span.clone()),
        segment: pair.segment,
        agrees: pair.leaf.is_some()
            && pair.segment.is_some_and(|index| index != failing)
            && pair.differences.is_empty(),
    }));
    Mismatch {
        kind,
        step,
        action: steps.get(step).map(|step| step.action.span.clone()).unwrap_or_default(),
        expectation: leaf.map(|leaf| matcher.program.leaves[leaf].span.clone()),
        segment,
        differences,
        alignment: rows,
        hints,
    }
}

/// What is wrong, with which leaf, and in what the failing segment differs from it.
fn diagnose(matcher: &Matcher, pairs: &[Pair], failing: usize, count: usize) -> (Kind, Option<usize>, Vec<Difference>) {
    let first_unanswered = || {
        pairs
            .iter()
            .find(|pair| pair.segment.is_none())
            .and_then(|pair| pair.leaf)
    };
    if failing == count {
        return (Kind::Missing, first_unanswered(), Vec::new());
    }
    let at = pairs.iter().position(|pair| pair.segment == Some(failing));
    let Some((skipped, pair, after)) = at.map(|at| (&pairs[..at], &pairs[at], &pairs[at + 1..])) else {
        return (Kind::Extra, None, Vec::new());
    };
    if let Some(leaf) = skipped.iter().find_map(|pair| pair.leaf) {
        return (Kind::Skipped, Some(leaf), Vec::new());
    }
    let has_begun = |leaf: usize| {
        matcher
            .current()
            .is_some_and(|current| matcher.program.leaves[leaf].step <= current)
    };
    match pair.leaf {
        None => {
            let next = after.iter().find_map(|pair| pair.leaf);
            (Kind::Extra, next.filter(|leaf| has_begun(*leaf)), Vec::new())
        }
        Some(leaf) if !has_begun(leaf) => (Kind::Early, Some(leaf), Vec::new()),
        Some(leaf) => (Kind::Differs, Some(leaf), pair.differences.clone()),
    }
}
