//! The automaton against an obvious, exponentially slow matcher, on random expectations and random segments.

use proptest::collection::vec;
use proptest::prelude::*;

use super::online::{Matcher, Push};
use super::support::{Sketch, pattern};
use super::wire::Wire;
use super::{fields, support};
use crate::scenario::{Count, Expect, SegmentPattern, Verb};
use crate::tcp::{Party, Segment};

const SEGMENTS: [&str; 4] = [
    "C > S ACK seq 1 ack 1",
    "S > C ACK seq 1 ack 1",
    "C > S PSH ACK seq 1 ack 1 len 5",
    "S > C FIN ACK seq 1 ack 6",
];
const LINES: [&str; 6] = [
    "C > S ACK",
    "C > S",
    "S > C",
    "S > C ACK",
    "C > S len 5",
    "S > C FIN ACK",
];
const COUNTS: [(u32, u32); 5] = [(1, 1), (0, 1), (2, 2), (1, 3), (0, 2)];

/// Whether these segments are exactly what the sequence describes.
fn is_full(expects: &[Expect], segments: &[Segment]) -> bool {
    match expects {
        [] => segments.is_empty(),
        [head, tail @ ..] => splits(segments).any(|(left, right)| is_one_full(head, left) && is_full(tail, right)),
    }
}

/// Whether more segments could make it so.
fn is_begun(expects: &[Expect], segments: &[Segment]) -> bool {
    match expects {
        [] => segments.is_empty(),
        [head, tail @ ..] => {
            is_one_begun(head, segments)
                || splits(segments).any(|(left, right)| is_one_full(head, left) && is_begun(tail, right))
        }
    }
}

fn splits(segments: &[Segment]) -> impl Iterator<Item = (&[Segment], &[Segment])> {
    (0..=segments.len()).map(|at| segments.split_at(at))
}

fn is_one_full(expect: &Expect, segments: &[Segment]) -> bool {
    match expect {
        Expect::Segment(line) => segments.len() >= line.count.min as usize && is_one_begun(expect, segments),
        Expect::AnyOrder { items, .. } => is_shared_out(items, segments, is_one_full),
        Expect::Either { alternatives, .. } => alternatives.iter().any(|sequence| is_full(sequence, segments)),
        Expect::Anything { .. } => true,
        Expect::Stream { .. } => unreachable!("not generated"),
    }
}

fn is_one_begun(expect: &Expect, segments: &[Segment]) -> bool {
    match expect {
        Expect::Segment(line) => {
            segments.len() <= line.count.max as usize
                && segments
                    .iter()
                    .all(|segment| fields::fits(line, &Wire::default().see(segment), None))
        }
        Expect::AnyOrder { items, .. } => is_shared_out(items, segments, is_one_begun),
        Expect::Either { alternatives, .. } => alternatives.iter().any(|sequence| is_begun(sequence, segments)),
        Expect::Anything { .. } => true,
        Expect::Stream { .. } => unreachable!("not generated"),
    }
}

/// Whether the segments can be dealt out to the items, in any way, so that each is content with what it gets.
fn is_shared_out(items: &[Expect], segments: &[Segment], content: fn(&Expect, &[Segment]) -> bool) -> bool {
    let ways = items.len().pow(u32::try_from(segments.len()).unwrap());
    (0..ways).any(|way| {
        let owner = |index: usize| way / items.len().pow(u32::try_from(index).unwrap()) % items.len();
        items.iter().enumerate().all(|(item, expect)| {
            let dealt = segments.iter().enumerate().filter(|(index, _)| owner(*index) == item);
            let dealt: Vec<Segment> = dealt.map(|(_, segment)| segment.clone()).collect();
            content(expect, &dealt)
        })
    })
}

fn line() -> impl Strategy<Value = Expect> {
    (0..LINES.len(), 0..COUNTS.len()).prop_map(|(line, count)| {
        let (min, max) = COUNTS[count];
        Expect::Segment(SegmentPattern {
            count: Count { min, max },
            ..pattern(LINES[line])
        })
    })
}

fn expect() -> impl Strategy<Value = Expect> {
    let leaf = prop_oneof![6 => line(), 1 => Just(Expect::Anything { span: 0..0 })];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..=3).prop_map(|items| Expect::AnyOrder { span: 0..0, items }),
            vec(vec(inner, 0..=2), 1..=2).prop_map(|alternatives| Expect::Either {
                span: 0..0,
                alternatives
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_automaton_agrees_with_exhaustive_search(
        steps in vec(vec(expect(), 0..=3), 1..=3),
        sequence in vec(0..SEGMENTS.len(), 0..=5),
        // At which segment each further step begins.
        mut begins in vec(0..=5usize, 3),
    ) {
        begins.sort_unstable();
        begins[0] = 0;
        let mut sketch = Sketch::default();
        for expects in &steps {
            sketch = sketch.act(Party::Client, Verb::Accept);
            for expect in expects {
                sketch = sketch.expect(expect.clone());
            }
        }
        let scenario = sketch.scenario();
        let segments: Vec<Segment> = sequence.iter().map(|at| support::segment(SEGMENTS[*at])).collect();
        let mut matcher = Matcher::new(&scenario);
        for seen in 0..=segments.len() {
            (0..steps.len()).filter(|step| begins[*step] == seen).for_each(|step| matcher.begin(step, 0));
            let begun: Vec<(usize, &[Expect])> = begins
                .iter()
                .zip(&steps)
                .filter(|(begin, _)| **begin <= seen)
                .map(|(begin, expects)| (*begin, &expects[..]))
                .collect();
            prop_assert_eq!(matcher.is_satisfied(), is_explained(&begun, &segments[..seen], 0, false));
            let Some(segment) = segments.get(seen) else { break };
            let is_accepted = matcher.push(segment) == Push::Accepted;
            prop_assert_eq!(is_accepted, is_explained(&begun, &segments[..=seen], 0, true));
            if !is_accepted {
                break;
            }
        }
    }
}

/// Whether the steps can share out the segments from index `at` on, none taking one from before it began. With `open` more
/// segments may follow.
fn is_explained(steps: &[(usize, &[Expect])], segments: &[Segment], at: usize, open: bool) -> bool {
    let [(begin, expects), rest @ ..] = steps else {
        return at == segments.len();
    };
    let may_take = *begin <= at;
    let is_last = open && (may_take || at == segments.len()) && is_begun(expects, &segments[at..]);
    is_last
        || (at..=segments.len()).any(|end| {
            (may_take || end == at) && is_full(expects, &segments[at..end]) && is_explained(rest, segments, end, open)
        })
}
