//! Loading the scenarios that the user names; all errors of all files are told.

use std::sync::Arc;

use crate::report::Theme;
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
