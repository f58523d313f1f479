//! The automaton: where in the expectations a run can be, and where one more segment can lead.
//!
//! A [`Thread`] is one way to explain all segments so far. Threads stand in order of preference, as in a backtracking
//! matcher, and of two that have come to the same place the preferred one lives.

use super::program::{Node, Program, Takes};
use super::stream::Flow;
use super::wire::Wire;

/// A place in the expectations of all steps.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Thread {
    pub(super) step: usize,
    pub(super) cursor: Cursor,
}

/// A place in a sequence.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Cursor {
    pub(super) at: usize,
    pub(super) progress: Progress,
}

/// How much of one expectation has been seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) enum Progress {
    #[default]
    Fresh,
    /// So many segments of a segment line.
    Count(u32),
    Flow(Flow),
    /// That of each line in the braces.
    AnyOrder(Vec<Progress>),
    /// The chosen sequence, and the place in it.
    Either(usize, Box<Cursor>),
}

const FRESH: &Progress = &Progress::Fresh;

/// Asked whether a leaf takes the segment in question: its progress after that, or `None`.
pub(super) type Take<'t> = dyn FnMut(usize, &Progress) -> Option<Progress> + 't;

/// Where a segment leads, in order of preference, with the leaf that took it.
struct Successors<T> {
    /// By lines that describe the segment.
    eager: Vec<(T, usize)>,
    /// By `...`, which takes a segment only when no later line does; the last one is preferred.
    lazy: Vec<(T, usize)>,
}

impl<T> Successors<T> {
    fn new() -> Successors<T> {
        Successors {
            eager: Vec::new(),
            lazy: Vec::new(),
        }
    }

    fn in_order(self) -> impl Iterator<Item = (T, usize)> {
        self.eager.into_iter().chain(self.lazy.into_iter().rev())
    }
}

impl Program {
    /// Where one segment leads from `thread` while the steps up to `current` have begun.
    pub(super) fn advance(
        &self,
        thread: &Thread,
        current: usize,
        wire: &Wire,
        take: &mut Take<'_>,
    ) -> impl Iterator<Item = (Thread, usize)> {
        let mut all = Successors::new();
        let start = Cursor::default();
        for step in thread.step..=current {
            let cursor = if step == thread.step { &thread.cursor } else { &start };
            let (successors, passable) = self.advance_in(&self.steps[step], cursor, wire, take);
            let place = |(cursor, leaf)| (Thread { step, cursor }, leaf);
            all.eager.extend(successors.eager.into_iter().map(place));
            all.lazy.extend(successors.lazy.into_iter().map(place));
            if !passable {
                break;
            }
        }
        all.in_order()
    }

    /// Whether everything that the steps up to `current` require has been seen.
    pub(super) fn is_satisfied(&self, thread: &Thread, current: usize, wire: &Wire) -> bool {
        (thread.step..=current).all(|step| {
            let nodes = &self.steps[step];
            if step == thread.step {
                self.is_passable(nodes, &thread.cursor, wire)
            } else {
                self.is_passable(nodes, &Cursor::default(), wire)
            }
        })
    }

    /// Where one segment leads within a sequence, and whether the sequence may also end before it.
    fn advance_in(
        &self,
        nodes: &[Node],
        cursor: &Cursor,
        wire: &Wire,
        take: &mut Take<'_>,
    ) -> (Successors<Cursor>, bool) {
        let mut all = Successors::new();
        for (at, node) in nodes.iter().enumerate().skip(cursor.at) {
            let progress = if at == cursor.at { &cursor.progress } else { FRESH };
            let is_lazy = matches!(node, Node::Leaf(leaf) if self.leaves[*leaf].takes == Takes::Anything);
            let here = self.advance_node(node, progress, wire, take);
            let here = here.into_iter().map(|(progress, leaf)| (Cursor { at, progress }, leaf));
            if is_lazy {
                all.lazy.extend(here);
            } else {
                all.eager.extend(here);
            }
            if !self.can_end(node, progress, wire) {
                return (all, false);
            }
        }
        (all, true)
    }

    fn advance_node(
        &self,
        node: &Node,
        progress: &Progress,
        wire: &Wire,
        take: &mut Take<'_>,
    ) -> Vec<(Progress, usize)> {
        match node {
            Node::Leaf(leaf) => take(*leaf, progress)
                .map(|progress| (progress, *leaf))
                .into_iter()
                .collect(),
            Node::AnyOrder(items) => self.advance_any_order(items, progress, wire, take),
            Node::Either(alternatives) => {
                let mut all = Vec::new();
                for (index, sequence) in alternatives.iter().enumerate() {
                    let start = Cursor::default();
                    let cursor = match progress {
                        Progress::Either(chosen, cursor) if *chosen == index => cursor,
                        Progress::Either(..) => continue,
                        _ => &start,
                    };
                    let (successors, _) = self.advance_in(sequence, cursor, wire, take);
                    all.extend(
                        successors
                            .in_order()
                            .map(|(cursor, leaf)| (Progress::Either(index, Box::new(cursor)), leaf)),
                    );
                }
                all
            }
        }
    }

    fn advance_any_order(
        &self,
        items: &[Node],
        progress: &Progress,
        wire: &Wire,
        take: &mut Take<'_>,
    ) -> Vec<(Progress, usize)> {
        let all = progress.of_items(items.len());
        let mut successors = Vec::new();
        for (index, item) in items.iter().enumerate() {
            // Equal lines in an equal place are the same place: without this, n of them would be 2^n places.
            let is_repeated =
                (0..index).any(|earlier| all[earlier] == all[index] && self.are_twins(&items[earlier], item));
            if is_repeated {
                continue;
            }
            for (progress, leaf) in self.advance_node(item, &all[index], wire, take) {
                let mut next = all.clone();
                next[index] = progress;
                successors.push((Progress::AnyOrder(next), leaf));
            }
        }
        successors
    }

    fn are_twins(&self, one: &Node, other: &Node) -> bool {
        matches!((one, other), (Node::Leaf(one), Node::Leaf(other)) if self.leaves[*one].twin == self.leaves[*other].twin)
    }

    /// Whether nothing that the sequence requires is missing after the cursor.
    fn is_passable(&self, nodes: &[Node], cursor: &Cursor, wire: &Wire) -> bool {
        nodes.iter().enumerate().skip(cursor.at).all(|(at, node)| {
            let progress = if at == cursor.at { &cursor.progress } else { FRESH };
            self.can_end(node, progress, wire)
        })
    }

    pub(super) fn can_end(&self, node: &Node, progress: &Progress, wire: &Wire) -> bool {
        match node {
            Node::Leaf(leaf) => match &self.leaves[*leaf].takes {
                Takes::Segment(pattern) => progress.count() >= pattern.count.min,
                Takes::Stream(line) => line.is_complete(&progress.flow(), wire),
                Takes::Anything | Takes::Injected { .. } => true,
            },
            Node::AnyOrder(items) => items
                .iter()
                .zip(progress.of_items(items.len()))
                .all(|(item, progress)| self.can_end(item, &progress, wire)),
            Node::Either(alternatives) => match progress {
                Progress::Either(chosen, cursor) => self.is_passable(&alternatives[*chosen], cursor, wire),
                _ => alternatives
                    .iter()
                    .any(|sequence| self.is_passable(sequence, &Cursor::default(), wire)),
            },
        }
    }
}

impl Progress {
    pub(super) fn count(&self) -> u32 {
        match self {
            Progress::Count(count) => *count,
            _ => 0,
        }
    }

    pub(super) fn flow(&self) -> Flow {
        match self {
            Progress::Flow(flow) => *flow,
            _ => Flow::default(),
        }
    }

    pub(super) fn of_items(&self, count: usize) -> Vec<Progress> {
        match self {
            Progress::AnyOrder(items) => items.clone(),
            _ => vec![Progress::Fresh; count],
        }
    }
}
