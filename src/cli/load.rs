//! Loading the scenarios that the user names; all errors of all files are told.

use std::sync::Arc;

use crate::report::Theme;
use crate::rfc9293;
use crate::scenario::{self, Library, LoadError, Scenario, SelectError};

use super::Exit;

/// Why no scenarios could be loaded.
pub(super) enum NotLoaded {
    /// The names do not select scenarios.
    Selection(SelectError),
    /// These files cannot be read or have errors.
    Files(Vec<LoadError>),
}

pub(super) fn load(library: &Library, selectors: &[String]) -> Result<Vec<Arc<Scenario>>, NotLoaded> {
    let selected = library.select(selectors).map_err(NotLoaded::Selection)?;
    let mut scenarios = Vec::new();
    let mut errors = Vec::new();
    for entry in &selected {
        match scenario::load(&entry.path, &library.root) {
            Ok(scenario) => scenarios.push(Arc::new(scenario)),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() {
        Ok(scenarios)
    } else {
        Err(NotLoaded::Files(errors))
    }
}

/// Those of the scenarios that cover one of these requirements or transitions of RFC 9293, or deviate from it; all of them
/// when none is named.
pub(super) struct Covering {
    /// The scenarios, in their order.
    pub(super) scenarios: Vec<Arc<Scenario>>,
    /// The ids, as RFC 9293's tables spell them, for which there is none.
    pub(super) uncovered: Vec<String>,
}

/// Selects by what scenarios cover.
///
/// # Errors
/// An id that RFC 9293 does not have: what to tell the user.
pub(super) fn covering(mut scenarios: Vec<Arc<Scenario>>, ids: &[String]) -> Result<Covering, String> {
    let mut known = Vec::new();
    for id in ids {
        let meant = rfc9293::repaired(id);
        let Some(meant) = meant.or_else(|| rfc9293::find(id).map(|row| row.id.to_owned())) else {
            return Err(format!(
                "RFC 9293 has no requirement or transition {id}: `tcplab coverage` lists them"
            ));
        };
        known.push(meant);
    }
    let covers = |scenario: &Scenario, id: &String| {
        scenario.covers.contains(id) || scenario.deviations.iter().any(|deviation| deviation.id == *id)
    };
    if !known.is_empty() {
        scenarios.retain(|scenario| known.iter().any(|id| covers(scenario, id)));
    }
    known.retain(|id| !scenarios.iter().any(|scenario| covers(scenario, id)));
    Ok(Covering {
        scenarios,
        uncovered: known,
    })
}

/// Tells the user on standard error.
pub(super) fn report_error(error: &NotLoaded, theme: &Theme) -> Exit {
    match error {
        NotLoaded::Selection(error) => eprintln!("error: {error}"),
        NotLoaded::Files(errors) => {
            for error in errors {
                match error {
                    LoadError::Invalid(diagnostics) => eprintln!("{}", diagnostics.render(theme.color)),
                    other => eprintln!("error: {other}"),
                }
            }
        }
    }
    Exit::Usage
}
