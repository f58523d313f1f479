//! Diagnostics: what is wrong in a scenario file, where, and what to write instead.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::Span;

/// How many diagnostics are rendered; who has more has one mistake, made often.
const RENDERED: usize = 50;
/// Words longer than this are no misspelling of anything.
const LONGEST_WORD: usize = 40;

/// One mistake in a scenario file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where it is: bytes of the file, on character boundaries.
    pub span: Span,
    /// What was expected here.
    pub message: String,
    /// What stands there instead, shown at the place itself.
    pub label: String,
    /// The remedy.
    pub help: Option<String>,
}

impl Diagnostic {
    pub(super) fn new(span: Span, message: impl Into<String>, label: impl Into<String>) -> Diagnostic {
        Diagnostic {
            span,
            message: message.into(),
            label: label.into(),
            help: None,
        }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }
}

/// All mistakes of one file, in the order of the file. There is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostics {
    path: PathBuf,
    source: Arc<str>,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    pub(super) fn new(path: &Path, source: Arc<str>, mut list: Vec<Diagnostic>) -> Diagnostics {
        for diagnostic in &mut list {
            diagnostic.span = within(&source, &diagnostic.span);
        }
        list.sort_by_key(|diagnostic| diagnostic.span.start);
        Diagnostics {
            path: path.to_owned(),
            source,
            list,
        }
    }

    /// The mistakes in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// The file that they are about.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file's text, into which the spans point; unreadable bytes are replaced.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text for people: each mistake with its file, line, column and the line itself, in colors if `color`.
    ///
    /// Of very many mistakes only the first fifty are shown.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let path = self.path.display().to_string();
        let mut text = String::new();
        for diagnostic in self.list.iter().take(RENDERED) {
            let snippet = Snippet::source(&*self.source).path(&path).annotation(
                AnnotationKind::Primary
                    .span(diagnostic.span.clone())
                    .label(&diagnostic.label),
            );
            let mut group = Level::ERROR.primary_title(&diagnostic.message).element(snippet);
            if let Some(help) = &diagnostic.help {
                group = group.element(Level::HELP.message(help));
            }
            text += &renderer.render(&[group]);
            text += "\n\n";
        }
        match self.list.len() {
            0 | 1 => {}
            count @ 2..=RENDERED => text += &format!("{count} errors in {path}\n"),
            count => text += &format!("{count} errors in {path}; the first {RENDERED} are shown\n"),
        }
        text.truncate(text.trim_end().len());
        text
    }
}

/// The plain text, as [`Diagnostics::render`] gives it without colors.
impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Diagnostics {}

/// The span cut to the text and widened to character boundaries.
fn within(text: &str, span: &Span) -> Span {
    let mut start = span.start.min(text.len());
    let mut end = span.end.clamp(start, text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

/// The known spelling nearest to `word`, if one is near enough to be meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST_WORD {
        return None;
    }
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= name.len().min(word.len()).div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// A remedy for an unknown word: the nearest known one, or all of them.
pub(super) fn did_you_mean(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known here: {}", list(known)),
    }
}

/// The words in backticks, separated by commas.
pub(super) fn list(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A piece of the file for use in a message: cut where it gets long.
pub(super) fn quote(text: &str) -> String {
    match text.char_indices().nth(LONGEST_WORD) {
        Some((cut, _)) => format!("`{}…`", &text[..cut]),
        None => format!("`{text}`"),
    }
}
