//! The matcher that a run feeds while it goes on.

use std::collections::{HashSet, VecDeque};

use super::automaton::{Cursor, Progress, Thread};
use super::fields;
use super::program::{Program, Takes};
use super::wire::{Seen, Wire};
use crate::scenario::Scenario;
use crate::tcp::{Checksum, Nanos, Segment};

/// Whether a segment fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Push {
    /// Some expectation of the steps begun so far explains it.
    Accepted,
    /// None does, or an earlier segment was rejected already.
    Rejected,
}

/// Holds segments against the expectations of a scenario, one at a time.
#[derive(Debug, Clone)]
pub struct Matcher {
    pub(super) program: Program,
    pub(super) wire: Wire,
    /// When each step's action began; its length says which steps have begun.
    started: Vec<Nanos>,
    /// All ways to explain the accepted segments, the preferred one first.
    pub(super) threads: Vec<Thread>,
    /// For each accepted segment and each thread after it: which thread it came from, and which leaf took the segment.
    trace: Vec<Vec<(usize, usize)>>,
    rejected: bool,
    /// The leaves of segments that the lab has been told to send and that were not captured yet.
    owed: VecDeque<usize>,
}

impl Matcher {
    /// A matcher for a run of this scenario from its beginning.
    pub fn new(scenario: &Scenario) -> Matcher {
        Matcher {
            program: Program::new(scenario),
            wire: Wire::default(),
            started: Vec::new(),
            threads: vec![Thread {
                step: 0,
                cursor: Cursor::default(),
            }],
            trace: Vec::new(),
            rejected: false,
            owed: VecDeque::new(),
        }
    }

    /// The action of step number `step`, from 0, begins at this time. Only now may its expectations match. A number that
    /// the scenario does not have is ignored.
    pub fn begin(&mut self, step: usize, at: Nanos) {
        if (self.started.len()..self.program.steps.len()).contains(&step) {
            self.started.resize(step + 1, at);
            self.owed.extend(self.program.injected[step]);
        }
    }

    /// The next captured segment.
    pub fn push(&mut self, segment: &Segment) -> Push {
        if self.rejected {
            return Push::Rejected;
        }
        let before = self.wire.clone();
        let seen = self.wire.see(segment);
        if segment.is_injected() {
            let taken = self
                .owed
                .front()
                .copied()
                .filter(|leaf| match &self.program.leaves[*leaf].takes {
                    Takes::Injected { injection, origin } => {
                        segment.origin == *origin
                            && (segment.checksum == Checksum::Wrong) == injection.bad_checksum
                            && segment.offset == injection.offset
                            && segment.ip.options == injection.ip_options
                            && fields::fits(&injection.segment, &seen, None)
                    }
                    _ => false,
                });
            let Some(leaf) = taken else {
                self.wire = before;
                self.rejected = true;
                return Push::Rejected;
            };
            self.owed.pop_front();
            self.trace
                .push((0..self.threads.len()).map(|thread| (thread, leaf)).collect());
            self.wire.advance(segment);
            return Push::Accepted;
        }
        let mut known = HashSet::new();
        let (mut threads, mut origins) = (Vec::new(), Vec::new());
        if let Some(current) = self.current() {
            for (origin, thread) in self.threads.iter().enumerate() {
                let mut take = |leaf: usize, progress: &Progress| self.take(leaf, progress, &seen);
                for (next, leaf) in self.program.advance(thread, current, &self.wire, &mut take) {
                    if known.insert(next.clone()) {
                        threads.push(next);
                        origins.push((origin, leaf));
                    }
                }
            }
        }
        if threads.is_empty() {
            // All stays as it was before the segment, so that the mismatch can be explained from there.
            self.wire = before;
            self.rejected = true;
            return Push::Rejected;
        }
        self.threads = threads;
        self.trace.push(origins);
        self.wire.advance(segment);
        Push::Accepted
    }

    /// Whether all that the steps begun so far require has been seen. More may still be allowed.
    pub fn is_satisfied(&self) -> bool {
        !self.rejected && self.owed.is_empty() && self.satisfied_thread().is_some()
    }

    /// Whether all that the lab has sent itself was captured.
    pub(super) fn owes_nothing(&self) -> bool {
        self.owed.is_empty()
    }

    pub(super) fn satisfied_thread(&self) -> Option<usize> {
        let Some(current) = self.current() else {
            return Some(0);
        };
        self.threads
            .iter()
            .position(|thread| self.program.is_satisfied(thread, current, &self.wire))
    }

    /// The last step that has begun.
    pub(super) fn current(&self) -> Option<usize> {
        self.started.len().checked_sub(1)
    }

    pub(super) fn started(&self, step: usize) -> Option<Nanos> {
        self.started.get(step).copied()
    }

    /// The leaf that took each accepted segment, as `thread` tells it.
    pub(super) fn explanation(&self, mut thread: usize) -> Vec<usize> {
        let mut leaves: Vec<usize> = self
            .trace
            .iter()
            .rev()
            .map(|origins| {
                let (origin, leaf) = origins[thread];
                thread = origin;
                leaf
            })
            .collect();
        leaves.reverse();
        leaves
    }

    /// The leaf's progress after it has taken the segment, if it can.
    fn take(&self, leaf: usize, progress: &Progress, seen: &Seen<'_>) -> Option<Progress> {
        let leaf = &self.program.leaves[leaf];
        match &leaf.takes {
            Takes::Segment(pattern) => {
                let count = progress.count();
                (count < pattern.count.max && fields::fits(pattern, seen, self.started(leaf.step)))
                    .then_some(Progress::Count(count + 1))
            }
            Takes::Stream(line) => line.take(&progress.flow(), seen, &self.wire).ok().map(Progress::Flow),
            Takes::Anything => Some(Progress::Fresh),
            Takes::Injected { .. } => None,
        }
    }
}
