//! The review of pending snapshots: at a terminal one by one, or by name.
//!
//! Nothing is written before the review ends: decisions are collected, so that an undo takes back all of a decision, and
//! an interrupt leaves every file as it was. What changed on the disk since it was shown is not accepted.

use std::fmt;
use std::io;

use console::{Style, Term};
use thiserror::Error;

use super::diff::{View, diff};
use super::store::{Pending, Store, StoreError, Stored};
use super::text::visible;
use super::transcript::Transcript;

const PROMPT: &str = "[a]ccept [r]eject [s]kip [A]ll [u]ndo [b]oth [l]adder [q]uit? ";
/// How wide the two versions stand side by side where nothing else is known.
const WIDTH: usize = 120;
const HELP: &str = "\
  a  accept: this is how the session goes from now on
  r  reject: remove the pending transcript; the accepted one stays
  s  skip: leave it pending
  A  accept this one and all that follow
  u  undo the last decision and go back to it
  b  show both versions in full, side by side
  l  show both versions as ladder diagrams
  q  quit; what was decided is done, the rest stays pending
  Ctrl-C leaves everything as it was
";

/// A key that a reviewer pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// Ctrl-C.
    Interrupt,
    /// Any other key.
    Other,
}

/// Where a review takes place: a terminal, or a script in a test.
pub trait Screen {
    /// Shows the text.
    ///
    /// # Errors
    /// Those of the terminal.
    fn show(&mut self, text: &str) -> io::Result<()>;

    /// Waits for a key.
    ///
    /// # Errors
    /// Those of the terminal, also when it is closed.
    fn key(&mut self) -> io::Result<Key>;
}

impl Screen for Term {
    fn show(&mut self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn key(&mut self) -> io::Result<Key> {
        if !self.is_term() {
            // Without a terminal every read would return an unknown key at once.
            return Err(io::ErrorKind::NotConnected.into());
        }
        Ok(match self.read_key_raw()? {
            console::Key::Char('\u{3}') | console::Key::CtrlC => Key::Interrupt,
            console::Key::Char(character) => Key::Char(character),
            _ => Key::Other,
        })
    }
}

/// What a review can tell about a scenario beside its snapshots.
pub struct Guide<'a> {
    /// The scenario's title by its name.
    pub title: &'a dyn Fn(&str) -> Option<String>,
    /// Draws a transcript as a ladder diagram.
    pub ladder: &'a dyn Fn(&Transcript) -> String,
    /// Whether to use colours.
    pub colour: bool,
}

/// What to do with a pending snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Make it the accepted one.
    Accept,
    /// Remove it.
    Reject,
    /// Leave it pending.
    Skip,
}

/// Which pending snapshots are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection<'a> {
    /// All of them.
    All,
    /// Those of these scenarios.
    Names(&'a [String]),
}

/// What came of a review. Each pending snapshot is in one of the lists.
#[derive(Debug, Default)]
pub struct ReviewOutcome {
    /// Accepted now.
    pub accepted: Vec<String>,
    /// Removed now.
    pub rejected: Vec<String>,
    /// Still pending.
    pub skipped: Vec<String>,
    /// Could not be read, accepted or rejected; nothing about them has changed.
    pub failed: Vec<(String, StoreError)>,
    /// Ctrl-C was pressed: nothing at all has changed.
    pub interrupted: bool,
}

/// Why a review did not take place.
#[derive(Debug, Error)]
pub enum ReviewError {
    /// The pending snapshots could not be listed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The terminal failed. Nothing has changed.
    #[error("the terminal failed, nothing was changed: {0}")]
    Terminal(#[from] io::Error),
    /// Nothing is pending under this name. Nothing has changed.
    #[error(
        "nothing is pending for `{name}`, nothing was changed; {pending}\n  help: `tcplab run {name}` leaves its transcript for review when it differs from the accepted one"
    )]
    NotPending {
        /// The name as given.
        name: String,
        /// What is pending, as the end of a sentence.
        pending: String,
    },
}

/// The pending snapshots, listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overview {
    /// Each name with what is pending: `new`, `2 lines changed`, or why it cannot be read.
    pub pending: Vec<(String, String)>,
}

/// Shows each pending snapshot on the screen, asks what to do with it, and does it.
///
/// # Errors
/// The pending snapshots cannot be listed, or the screen fails. Then nothing has changed.
pub fn review(
    store: &Store,
    selection: Selection,
    screen: &mut dyn Screen,
    guide: &Guide,
) -> Result<ReviewOutcome, ReviewError> {
    let mut outcome = ReviewOutcome::default();
    let mut pending = Vec::new();
    for name in meant(store, selection)? {
        match store.pending(&name) {
            Ok(Some(found)) => pending.push(found),
            Ok(None) => {}
            Err(error) => outcome.failed.push((name, error)),
        }
    }
    let decisions = ask(&pending, screen, guide)?;
    outcome.interrupted = decisions.is_none();
    for (index, pending) in pending.iter().enumerate() {
        let decision = decisions.as_ref().and_then(|decisions| decisions.get(index)).copied();
        outcome.apply(store, pending, decision.unwrap_or(Decision::Skip));
    }
    screen.show(&outcome.to_string())?;
    Ok(outcome)
}

/// Decides by name, without a question.
///
/// # Errors
/// The pending snapshots cannot be listed, or one of the names is not among them. Then nothing has changed.
pub fn decide(store: &Store, selection: Selection, decision: Decision) -> Result<ReviewOutcome, ReviewError> {
    let mut outcome = ReviewOutcome::default();
    for name in meant(store, selection)? {
        match store.pending(&name) {
            Ok(Some(pending)) => outcome.apply(store, &pending, decision),
            Ok(None) => {}
            Err(error) => outcome.failed.push((name, error)),
        }
    }
    Ok(outcome)
}

/// The names that are meant, in the order of the folder.
fn meant(store: &Store, selection: Selection) -> Result<Vec<String>, ReviewError> {
    let known = store.pending_names()?;
    match selection {
        Selection::All => Ok(known),
        Selection::Names(names) => {
            if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
                return Err(ReviewError::NotPending {
                    name: unknown.clone(),
                    pending: match &*known {
                        [] => "no snapshot is".to_owned(),
                        names => format!("pending are {}", names.join(", ")),
                    },
                });
            }
            Ok(known.into_iter().filter(|name| names.contains(name)).collect())
        }
    }
}

/// Lists what is pending, for those who cannot be asked.
///
/// # Errors
/// The pending snapshots cannot be listed.
pub fn overview(store: &Store, selection: Selection) -> Result<Overview, ReviewError> {
    let describe = |name: String| {
        let text = match store.pending(&name) {
            Ok(Some(Pending { accepted: None, .. })) => "new".to_owned(),
            Ok(Some(Pending {
                proposed,
                accepted: Some(accepted),
                ..
            })) => diff(&accepted.contents, &proposed.contents).summary(),
            Ok(None) => return None,
            Err(error) => error.to_string(),
        };
        Some((name, text))
    };
    Ok(Overview {
        pending: meant(store, selection)?.into_iter().filter_map(describe).collect(),
    })
}

/// The decisions for the first of the pending snapshots; `None` after an interrupt.
fn ask(pending: &[Pending], screen: &mut dyn Screen, guide: &Guide) -> io::Result<Option<Vec<Decision>>> {
    let mut decisions = Vec::new();
    let mut shown = None;
    while let Some(current) = pending.get(decisions.len()) {
        if shown != Some(decisions.len()) {
            shown = Some(decisions.len());
            screen.show(&page(current, decisions.len() + 1, pending.len(), guide))?;
        }
        screen.show(PROMPT)?;
        let key = screen.key()?;
        screen.show(&match key {
            Key::Char(character) => format!("{}\n", visible(character.encode_utf8(&mut [0; 4]))),
            Key::Interrupt | Key::Other => "\n".to_owned(),
        })?;
        match key {
            Key::Char('a') => decisions.push(Decision::Accept),
            Key::Char('r') => decisions.push(Decision::Reject),
            Key::Char('s') => decisions.push(Decision::Skip),
            Key::Char('A') => decisions.resize(pending.len(), Decision::Accept),
            Key::Char('u') if decisions.pop().is_none() => screen.show("There is nothing to undo yet.\n")?,
            Key::Char('u') => {}
            Key::Char('b') => screen.show(&both(current))?,
            Key::Char('l') => screen.show(&ladders(current, guide))?,
            Key::Char('q') => break,
            Key::Interrupt => return Ok(None),
            Key::Char(_) | Key::Other => screen.show(HELP)?,
        }
    }
    Ok(Some(decisions))
}

/// The accepted and the new transcript as ladder diagrams, one below the other.
fn ladders(pending: &Pending, guide: &Guide) -> String {
    let accepted = pending.accepted.as_ref().map(|accepted| ("accepted", accepted));
    let drawn = |(what, stored): (&str, &Stored)| match Transcript::parse(&stored.contents) {
        Some(transcript) => format!("{what}:\n{}\n", (guide.ladder)(&transcript)),
        None => format!("{what}: this text is no transcript, so there is nothing to draw\n\n"),
    };
    accepted
        .into_iter()
        .chain([("new", &pending.proposed)])
        .map(drawn)
        .collect()
}

/// The accepted and the new transcript side by side.
fn both(pending: &Pending) -> String {
    match &pending.accepted {
        None => "No transcript of this scenario is accepted yet.\n".to_owned(),
        Some(accepted) => {
            let sides = diff(&accepted.contents, &pending.proposed.contents).side_by_side(WIDTH);
            format!("{:<w$} new\n{sides}\n", "accepted", w = WIDTH / 2)
        }
    }
}

/// All about one pending snapshot.
fn page(pending: &Pending, number: usize, count: usize, guide: &Guide) -> String {
    let title = (guide.title)(&pending.name).map_or_else(String::new, |title| format!(": {title}"));
    let heading = format!("[{number}/{count}] {}{title}", pending.name);
    let heading = Style::new()
        .force_styling(guide.colour)
        .bold()
        .apply_to(visible(&heading));
    let file = pending
        .accepted
        .as_ref()
        .unwrap_or(&pending.proposed)
        .path
        .display()
        .to_string();
    let contents = match &pending.accepted {
        None => {
            let lines = pending
                .proposed
                .contents
                .lines()
                .map(|line| format!("{}\n", visible(line)));
            format!(
                "No transcript of this scenario is accepted yet. This is the new one:\n\n{}",
                lines.collect::<String>()
            )
        }
        Some(accepted) => diff(&accepted.contents, &pending.proposed.contents).render(&View {
            colour: guide.colour,
            accepted_kernel: accepted.kernel.as_deref(),
            kernel: pending.proposed.kernel.as_deref(),
            ..View::default()
        }),
    };
    format!("\n{heading}\n{}\n\n{contents}\n", visible(&file))
}

impl ReviewOutcome {
    /// Whether nothing is left to review.
    pub fn is_settled(&self) -> bool {
        self.skipped.is_empty() && self.failed.is_empty()
    }

    fn apply(&mut self, store: &Store, pending: &Pending, decision: Decision) {
        let (done, list) = match decision {
            Decision::Accept => (store.accept(pending), &mut self.accepted),
            Decision::Reject => (store.reject(pending), &mut self.rejected),
            Decision::Skip => (Ok(()), &mut self.skipped),
        };
        match done {
            Ok(()) => list.push(pending.name.clone()),
            Err(error) => self.failed.push((pending.name.clone(), error)),
        }
    }
}

/// The names by what was done with them, a line each.
impl fmt::Display for ReviewOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.interrupted {
            writeln!(f, "Interrupted: nothing was changed.")?;
        }
        let lists = [
            ("accepted", &self.accepted),
            ("rejected", &self.rejected),
            ("still pending", &self.skipped),
        ];
        for (what, names) in lists.iter().filter(|(_, names)| !names.is_empty()) {
            writeln!(f, "{what}: {}", names.join(", "))?;
        }
        for (name, error) in &self.failed {
            writeln!(f, "not decided: {name}: {error}")?;
        }
        if self.is_settled() && self.accepted.is_empty() && self.rejected.is_empty() {
            writeln!(f, "Nothing waits for review.")?;
        }
        Ok(())
    }
}

impl fmt::Display for Overview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pending.is_empty() {
            return writeln!(f, "Nothing waits for review.");
        }
        let width = self
            .pending
            .iter()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or_default();
        for (name, what) in &self.pending {
            writeln!(f, "{name:width$}  {what}")?;
        }
        writeln!(f)?;
        writeln!(f, "Review them at a terminal with `tcplab review`, or decide by name:")?;
        writeln!(
            f,
            "  tcplab review --accept NAME…   or all of them: tcplab review --all"
        )?;
        writeln!(f, "  tcplab review --reject NAME…")
    }
}

#[cfg(test)]
mod tests;
