//! Run events: what a run tells while it goes on. Terminal, files and later reports are consumers of these.

use super::{Entry, Recording};

/// One event. Events of one run come in order; those of several runs in parallel are told apart by `run`.
#[derive(Debug, Clone)]
pub struct Event {
    /// The number of the run within the suite, from 0.
    pub run: usize,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum What {
    /// The run begins.
    Started {
        /// The scenario's name.
        scenario: String,
    },
    /// Something happened on the bench.
    Entry(Entry),
    /// The run is over.
    Finished(Box<Recording>),
    /// The run could not take place.
    Unable(String),
}
