//! Coverage: which transitions and requirements of RFC 9293 do the scenarios show, and by which evidence?
//!
//! That a scenario covers a requirement is its author's claim, which holds as far as its last run passed. That a
//! transition took place is observed in the runs themselves: on the wire, by a replay that names it, and by the kernel's
//! report of the state to which it leads. So a claim about a transition is checked.

mod observe;

use std::collections::BTreeMap;

pub use observe::{Evidence, observe};

use crate::rfc9293::{self, Kind, Row};
use crate::run::Recording;
use crate::scenario::Scenario;

/// A scenario with what its last run left.
#[derive(Debug)]
pub struct LastRun<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// What happened; `None` if it was not played yet.
    pub recording: Option<Recording>,
    /// Whether it passed.
    pub passed: bool,
}

/// One row of RFC 9293's tables and what is known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Covered {
    /// The row.
    pub row: &'static Row,
    /// The scenarios that claim to show it, in order.
    pub claimed: Vec<String>,
    /// The scenarios in whose last run it was observed, with the best evidence.
    pub observed: BTreeMap<String, Evidence>,
    /// Whether a scenario that claims it has passed.
    pub passed: bool,
    /// What a scenario says about Linux's deviation from it.
    pub deviation: Option<String>,
}

impl Covered {
    /// How far it is covered.
    pub fn level(&self) -> Level {
        match self.row.kind {
            Kind::Transition { .. } if !self.observed.is_empty() => Level::Observed,
            Kind::Requirement { .. } | Kind::Rule if self.passed => Level::Observed,
            _ if !self.claimed.is_empty() => Level::Claimed,
            _ => Level::Missing,
        }
    }

    /// The best evidence for a transition.
    pub fn evidence(&self) -> Option<Evidence> {
        self.observed.values().max().copied()
    }
}

/// How far a row is covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// No scenario.
    Missing,
    /// A scenario claims it; it was not observed, or that scenario has not passed.
    Claimed,
    /// A transition was observed; the scenario of a requirement has passed.
    Observed,
}

/// All rows of the tables, in their order.
pub fn coverage(runs: &[LastRun]) -> Vec<Covered> {
    let mut rows: Vec<Covered> = rfc9293::all()
        .iter()
        .map(|row| Covered {
            row,
            claimed: Vec::new(),
            observed: BTreeMap::new(),
            passed: false,
            deviation: None,
        })
        .collect();
    for run in runs {
        let observed = run
            .recording
            .as_ref()
            .map(|recording| observe(run.scenario, recording))
            .unwrap_or_default();
        let name = &run.scenario.name;
        for covered in &mut rows {
            let id = covered.row.id;
            let deviation = run.scenario.deviations.iter().find(|deviation| deviation.id == id);
            if let Some(deviation) = deviation {
                covered.deviation = Some(deviation.reason.clone());
            }
            if deviation.is_some() || run.scenario.covers.iter().any(|covers| covers == id) {
                covered.claimed.push(name.clone());
                covered.passed |= run.passed;
            }
            if let Some(evidence) = observed.get(id) {
                covered.observed.insert(name.clone(), *evidence);
            }
        }
    }
    rows
}
