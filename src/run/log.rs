//! The log of a run: what happened, told at once to whoever watches.

use super::Entry;

pub(super) struct Log<'o> {
    pub(super) entries: Vec<Entry>,
    observe: &'o mut dyn FnMut(&Entry),
}

impl<'o> Log<'o> {
    pub(super) fn new(observe: &'o mut dyn FnMut(&Entry)) -> Log<'o> {
        Log {
            entries: Vec::new(),
            observe,
        }
    }

    pub(super) fn add(&mut self, entry: Entry) {
        (self.observe)(&entry);
        self.entries.push(entry);
    }
}
