//! A scenario's expectations as the automaton reads them: a tree for each step, its leaves numbered through.

use crate::scenario::{Expect, Injection, Scenario, SegmentPattern, Span, Verb};
use crate::tcp::{Origin, Party};

#[derive(Debug, Clone, Default)]
pub(super) struct Program {
    pub(super) leaves: Vec<Leaf>,
    pub(super) steps: Vec<Vec<Node>>,
    /// For each step the leaf that stands for the segment which its action sends, if it is a `peer send`.
    pub(super) injected: Vec<Option<usize>>,
}

/// One line that takes segments.
#[derive(Debug, Clone)]
pub(super) struct Leaf {
    pub(super) step: usize,
    pub(super) span: Span,
    pub(super) takes: Takes,
    /// The first leaf of the scenario that takes exactly the same; itself if there is none before it.
    pub(super) twin: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Takes {
    Segment(SegmentPattern),
    Stream(StreamLine),
    Anything,
    /// The segment that a `peer send` line sends; it stands in no step's nodes.
    Injected {
        injection: Injection,
        origin: Origin,
    },
}

/// A `stream` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamLine {
    pub(super) from: Party,
    pub(super) to: Party,
    pub(super) bytes: u64,
}

#[derive(Debug, Clone)]
pub(super) enum Node {
    Leaf(usize),
    AnyOrder(Vec<Node>),
    Either(Vec<Vec<Node>>),
}

impl Program {
    pub(super) fn new(scenario: &Scenario) -> Program {
        let mut program = Program::default();
        for (number, step) in scenario.steps().enumerate() {
            let injected = match &step.action.verb {
                Verb::Peer(injection) => {
                    program.leaves.push(Leaf {
                        step: number,
                        span: step.action.span.clone(),
                        takes: Takes::Injected {
                            injection: Injection {
                                segment: injection.complete(),
                                ..injection.clone()
                            },
                            origin: match scenario.settings.peer {
                                Some(fake) if fake == injection.segment.from => Origin::FakeEnd,
                                _ => Origin::Spoofed,
                            },
                        },
                        twin: program.leaves.len(),
                    });
                    Some(program.leaves.len() - 1)
                }
                _ => None,
            };
            program.injected.push(injected);
            let nodes = program.nodes(number, &step.expect);
            program.steps.push(nodes);
        }
        program
    }

    fn nodes(&mut self, step: usize, expects: &[Expect]) -> Vec<Node> {
        expects.iter().map(|expect| self.node(step, expect)).collect()
    }

    fn node(&mut self, step: usize, expect: &Expect) -> Node {
        let takes = match expect {
            Expect::Segment(pattern) => Takes::Segment(pattern.clone()),
            Expect::Stream { from, to, bytes, .. } => Takes::Stream(StreamLine {
                from: *from,
                to: *to,
                bytes: *bytes,
            }),
            Expect::Anything { .. } => Takes::Anything,
            Expect::AnyOrder { items, .. } => return Node::AnyOrder(self.nodes(step, items)),
            Expect::Either { alternatives, .. } => {
                return Node::Either(alternatives.iter().map(|sequence| self.nodes(step, sequence)).collect());
            }
        };
        let twin = self
            .leaves
            .iter()
            .position(|leaf| leaf.step == step && same(&leaf.takes, &takes))
            .unwrap_or(self.leaves.len());
        self.leaves.push(Leaf {
            step,
            span: expect.span().clone(),
            takes,
            twin,
        });
        Node::Leaf(self.leaves.len() - 1)
    }
}

/// Whether two leaves take the same segments, wherever they were written.
fn same(one: &Takes, other: &Takes) -> bool {
    match (one, other) {
        (Takes::Segment(one), Takes::Segment(other)) => {
            *one == SegmentPattern {
                span: one.span.clone(),
                ..other.clone()
            }
        }
        _ => one == other,
    }
}
