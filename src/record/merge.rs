//! What came below one action in several runs becomes lines that cover all of them. Pure.
//!
//! The forms, the tightest first: the same lines in every run; lines of which some may be missing; the same lines in any
//! order; one of a few sequences; the same sequence with the differing fields left out; anything.

use crate::scenario::{Count, Expect, SegmentPattern};
use crate::tcp::{Flags, Party};

/// More data segments than this in one direction are told as a stream.
const BULK: usize = 8;
/// The most alternatives that are spelled out.
const ALTERNATIVES: usize = 3;

/// The lines for a step.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Merged {
    pub(super) lines: Vec<Expect>,
    /// What differed between the runs.
    pub(super) note: Option<String>,
}

impl Merged {
    /// What covers everything.
    pub(super) fn anything() -> Merged {
        Merged {
            lines: vec![Expect::Anything { span: 0..0 }],
            note: Some("too different from run to run to say more".to_owned()),
        }
    }
}

type Run<'a> = &'a [SegmentPattern];

/// Lines that cover all the runs, of which there is at least one.
pub(super) fn merge(runs: &[Run]) -> Merged {
    let mut kinds: Vec<(Run, usize)> = Vec::new();
    for run in runs {
        match kinds.iter_mut().find(|(kind, _)| kind == run) {
            Some((_, times)) => *times += 1,
            None => kinds.push((run, 1)),
        }
    }
    // The form that came most often stands first.
    kinds.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    let kinds: Vec<Run> = kinds.into_iter().map(|(kind, _)| kind).collect();
    if let Some(lines) = streams(&kinds) {
        return Merged { lines, note: None };
    }
    if kinds.len() == 1 {
        return Merged {
            lines: fold(kinds[0].to_vec()),
            note: None,
        };
    }
    let noted = |lines, note: &str| Merged {
        lines,
        note: Some(note.to_owned()),
    };
    if let Some(lines) = optional(&kinds) {
        return noted(lines, "what has a `?` did not come in every run");
    }
    if let Some(lines) = any_order(&kinds) {
        return noted(lines, "the order differs from run to run");
    }
    if kinds.len() <= ALTERNATIVES {
        return noted(either(&kinds), "one of these came, depending on the run");
    }
    match without_differences(&kinds) {
        Some(lines) => noted(lines, "what is left out differs from run to run"),
        None => Merged::anything(),
    }
}

/// Equal lines in a row are one line with a count.
fn fold(patterns: Vec<SegmentPattern>) -> Vec<Expect> {
    let mut folded: Vec<SegmentPattern> = Vec::new();
    for pattern in patterns {
        match folded.last_mut() {
            Some(last)
                if (SegmentPattern {
                    count: pattern.count,
                    ..last.clone()
                }) == pattern =>
            {
                last.count.min += pattern.count.min;
                last.count.max += pattern.count.max;
            }
            _ => folded.push(pattern),
        }
    }
    folded.into_iter().map(Expect::Segment).collect()
}

/// Many data segments as streams, where all runs carry the same bytes.
fn streams(kinds: &[Run]) -> Option<Vec<Expect>> {
    let data = |run: Run, from: Party| run.iter().filter(|one| one.from == from && one.len > Some(0)).count();
    let bulk: Vec<Party> = Party::ALL
        .into_iter()
        .filter(|party| kinds.iter().any(|run| data(run, *party) > BULK))
        .collect();
    if bulk.is_empty() {
        return None;
    }
    let told = |run: Run| {
        let mut lines: Vec<Expect> = Vec::new();
        for one in run {
            let carries = one.len > Some(0);
            if carries && bulk.contains(&one.from) {
                let known = lines.iter_mut().find_map(|line| match line {
                    Expect::Stream { from, bytes, .. } if *from == one.from => Some(bytes),
                    _ => None,
                });
                let length = u64::from(one.len.unwrap_or_default());
                match known {
                    Some(bytes) => *bytes += length,
                    None => lines.push(Expect::Stream {
                        span: 0..0,
                        from: one.from,
                        to: one.to,
                        bytes: length,
                    }),
                }
            } else if carries || one.flags != Some(Flags::ACK) {
                lines.push(Expect::Segment(one.clone()));
            }
        }
        lines
    };
    let lines = told(kinds[0]);
    kinds.iter().all(|run| told(run) == lines).then_some(lines)
}

/// The longest run, with those lines optional that others lack.
fn optional(kinds: &[Run]) -> Option<Vec<Expect>> {
    let longest = *kinds.iter().max_by_key(|run| run.len())?;
    let mut missing = vec![false; longest.len()];
    for run in kinds {
        let mut left = run.iter().peekable();
        for (line, missing) in longest.iter().zip(&mut missing) {
            let here = left.next_if(|next| *next == line).is_some();
            *missing |= !here;
        }
        if left.next().is_some() {
            return None;
        }
    }
    let lines = longest.iter().zip(missing).map(|(line, missing)| SegmentPattern {
        count: Count {
            min: u32::from(!missing),
            max: 1,
        },
        ..line.clone()
    });
    Some(fold(lines.collect()))
}

/// The same segments in another order.
fn any_order(kinds: &[Run]) -> Option<Vec<Expect>> {
    let first = kinds[0];
    let same = |run: &Run| {
        let times = |run: Run, one: &SegmentPattern| run.iter().filter(|other| *other == one).count();
        run.len() == first.len() && first.iter().all(|one| times(run, one) == times(first, one))
    };
    kinds.iter().all(same).then(|| {
        around(kinds, |middles| {
            let items = fold(middles[0].to_vec());
            vec![Expect::AnyOrder { span: 0..0, items }]
        })
    })
}

fn either(kinds: &[Run]) -> Vec<Expect> {
    around(kinds, |middles| {
        let none = middles.iter().any(|run| run.is_empty());
        let mut alternatives: Vec<Vec<Expect>> = middles
            .iter()
            .filter(|run| !run.is_empty())
            .map(|run| fold(run.to_vec()))
            .collect();
        // An alternative cannot be empty: that nothing comes is said by lines that may all be missing.
        for line in alternatives.first_mut().filter(|_| none).into_iter().flatten() {
            if let Expect::Segment(pattern) = line {
                pattern.count.min = 0;
            }
        }
        vec![Expect::Either {
            span: 0..0,
            alternatives,
        }]
    })
}

/// What all runs begin and end with stands around what differs.
fn around(kinds: &[Run], differing: impl Fn(&[Run]) -> Vec<Expect>) -> Vec<Expect> {
    let first = kinds[0];
    let shortest = kinds.iter().map(|run| run.len()).min().unwrap_or_default();
    let same = |at: &dyn Fn(Run) -> usize| kinds.iter().all(|run| run[at(run)] == first[at(first)]);
    let before = (0..shortest).take_while(|index| same(&|_| *index)).count();
    let after = (0..shortest - before)
        .take_while(|index| same(&|run: Run| run.len() - 1 - index))
        .count();
    let middles: Vec<Run> = kinds.iter().map(|run| &run[before..run.len() - after]).collect();
    let mut lines = fold(first[..before].to_vec());
    lines.extend(differing(&middles));
    lines.extend(fold(first[first.len() - after..].to_vec()));
    lines
}

/// The same sequence of directions and flags, with the fields that are the same in all runs.
fn without_differences(kinds: &[Run]) -> Option<Vec<Expect>> {
    let mut common = kinds[0].to_vec();
    for run in kinds {
        if run.len() != common.len() {
            return None;
        }
        for (one, other) in common.iter_mut().zip(*run) {
            if (one.from, one.to, one.flags) != (other.from, other.to, other.flags) {
                return None;
            }
            keep(&mut one.seq, &other.seq);
            keep(&mut one.ack, &other.ack);
            keep(&mut one.len, &other.len);
            keep(&mut one.payload, &other.payload);
            keep(&mut one.window, &other.window);
            keep(&mut one.urgent, &other.urgent);
            keep(&mut one.options, &other.options);
        }
    }
    Some(fold(common))
}

fn keep<T: PartialEq>(one: &mut Option<T>, other: &Option<T>) {
    if one != other {
        *one = None;
    }
}
