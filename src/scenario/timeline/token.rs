//! One line of the timeline as tokens with their places in the file.

use std::sync::Arc;

use crate::scenario::Span;
use crate::scenario::diagnostic::{Diagnostic, quote};

/// Characters that stand for themselves and end a word.
const SYMBOLS: [char; 7] = ['<', '>', '{', '}', ',', '&', '?'];

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A run of other characters.
    Word,
    /// A quoted text, its escapes resolved.
    Text(Arc<[u8]>),
    /// `->`.
    Arrow,
    /// One of `<>{},&?`.
    Symbol(char),
}

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

/// A line being read from left to right.
#[derive(Debug)]
pub(super) struct Line<'a> {
    source: &'a str,
    tokens: Vec<Token>,
    at: usize,
    /// Where the whole line stands if that is not from its first to its last token: the cell of a table's row.
    place: Option<Span>,
}

impl<'a> Line<'a> {
    /// Splits the line at `span` of `source`, which holds no line end. Mistakes in quoted texts go to `diagnostics`; the
    /// token is there nevertheless.
    pub(super) fn new(source: &'a str, span: Span, diagnostics: &mut Vec<Diagnostic>) -> Line<'a> {
        let mut tokens = Vec::new();
        let mut at = span.start;
        while let Some(token) = next_token(source, at..span.end, diagnostics) {
            at = token.span.end;
            tokens.push(token);
        }
        Line {
            source,
            tokens,
            at: 0,
            place: None,
        }
    }

    /// The line that begins with the tokens of `head` and goes on with those of `cell`. It stands at `place`; its tokens stand
    /// where they were written.
    pub(super) fn joined(head: &Line<'a>, cell: Line<'a>, place: Span) -> Line<'a> {
        let tokens = head.tokens.iter().cloned().chain(cell.tokens).collect();
        Line {
            tokens,
            place: Some(place),
            ..cell
        }
    }

    /// The whole line without indentation, comment and line end; `None` if that is nothing. For a line of a table it is
    /// the cell.
    pub(super) fn span(&self) -> Option<Span> {
        if self.place.is_some() {
            return self.place.clone();
        }
        Some(self.tokens.first()?.span.start..self.tokens.last()?.span.end)
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    /// The next token's text in the file; empty at the end of the line.
    pub(super) fn peek_str(&self) -> &'a str {
        self.nth_str(0)
    }

    /// The text of the token after `n` others.
    pub(super) fn nth_str(&self, n: usize) -> &'a str {
        self.tokens
            .get(self.at + n)
            .map_or("", |token| &self.source[token.span.clone()])
    }

    /// The next token if it is a word.
    pub(super) fn peek_word(&self) -> Option<&'a str> {
        (self.peek()?.kind == Kind::Word).then(|| self.peek_str())
    }

    pub(super) fn advance(&mut self) -> Option<Token> {
        let token = self.peek()?.clone();
        self.at += 1;
        Some(token)
    }

    /// Takes the next token; its text in the file.
    pub(super) fn advance_str(&mut self) -> Option<&'a str> {
        let text = self.peek_str();
        self.advance().map(|_| text)
    }

    /// Takes the next token if it is this word.
    pub(super) fn eat(&mut self, word: &str) -> bool {
        let found = self.peek_word() == Some(word);
        self.at += usize::from(found);
        found
    }

    /// Takes the next token if it is this symbol.
    pub(super) fn eat_symbol(&mut self, symbol: char) -> bool {
        let found = self.peek().is_some_and(|token| token.kind == Kind::Symbol(symbol));
        self.at += usize::from(found);
        found
    }

    /// Takes the next token if it is a word.
    pub(super) fn word(&mut self) -> Option<(&'a str, Span)> {
        let word = self.peek_word()?;
        Some((word, self.advance()?.span))
    }

    pub(super) fn is_done(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// Goes on to the next token for which `stop` holds, or to the end.
    pub(super) fn skip_until(&mut self, stop: impl Fn(&Token, &str) -> bool) {
        while let Some(token) = self.peek() {
            if stop(token, self.peek_str()) {
                return;
            }
            self.at += 1;
        }
    }

    /// The place of the next token, or the end of the line.
    pub(super) fn here(&self) -> Span {
        match (self.peek(), self.tokens.last()) {
            (Some(token), _) => token.span.clone(),
            (None, Some(last)) => last.span.end..last.span.end,
            (None, None) => 0..0,
        }
    }

    /// Where the last token that was read ends.
    pub(super) fn previous_end(&self) -> usize {
        let read = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        read.map_or(self.here().start, |token| token.span.end)
    }

    /// From `start` to the last token that was read; in a line of a table, the cell.
    pub(super) fn since(&self, start: usize) -> Span {
        self.place.clone().unwrap_or(start..self.previous_end())
    }

    /// Whether one of the tokens is one of these symbols.
    pub(super) fn has_symbol(&self, symbols: &[char]) -> Option<Span> {
        let found = self
            .tokens
            .iter()
            .find(|token| matches!(token.kind, Kind::Symbol(symbol) if symbols.contains(&symbol)));
        found.map(|token| token.span.clone())
    }

    /// All tokens as they were written, with one blank where there were any. Where head and cell meet there is one, too.
    pub(super) fn written_out(&self) -> String {
        let mut text = String::new();
        let mut end = None;
        for token in &self.tokens {
            if end.is_some_and(|end| end != token.span.start) {
                text.push(' ');
            }
            text += &self.source[token.span.clone()];
            end = Some(token.span.end);
        }
        text
    }

    /// All that has not been read.
    pub(super) fn rest(&self) -> Span {
        let here = self.here();
        here.start..self.tokens.last().map_or(here.end, |last| last.span.end.max(here.end))
    }

    /// A diagnostic about the next token: `message` says what was expected instead.
    pub(super) fn unexpected(&self, message: impl Into<String>) -> Diagnostic {
        let label = match self.peek() {
            Some(_) => format!("found {}", quote(self.peek_str())),
            None => "the line ends here".to_owned(),
        };
        Diagnostic::new(self.here(), message, label)
    }
}

/// The first token in the span; `None` before a comment or the end.
fn next_token(source: &str, span: Span, diagnostics: &mut Vec<Diagnostic>) -> Option<Token> {
    let line = &source[span.clone()];
    let rest = line.trim_start();
    let start = span.end - rest.len();
    let first = rest.chars().next()?;
    if first == '#' {
        return None;
    }
    if first == '"' {
        return Some(quoted(source, start..span.end, diagnostics));
    }
    let (kind, length) = if rest.starts_with("->") {
        (Kind::Arrow, 2)
    } else if SYMBOLS.contains(&first) {
        (Kind::Symbol(first), 1)
    } else {
        let ends = |c: char| c.is_whitespace() || c == '"' || c == '#' || SYMBOLS.contains(&c);
        let end = rest.find(ends).unwrap_or(rest.len());
        // In `listen->EPIPE` the word ends before the arrow, of which `>` would end it too late.
        let arrow = rest[end..].starts_with('>') && rest[..end].ends_with('-');
        (Kind::Word, end - usize::from(arrow))
    };
    Some(Token {
        kind,
        span: start..start + length,
    })
}

/// The quoted text at the beginning of the span.
fn quoted(source: &str, span: Span, diagnostics: &mut Vec<Diagnostic>) -> Token {
    let mut bytes = Vec::new();
    let mut chars = source[span.clone()].char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        let at = span.start + at;
        match c {
            '"' => {
                let kind = Kind::Text(bytes.into());
                return Token {
                    kind,
                    span: span.start..at + 1,
                };
            }
            '\\' => {
                let after = chars.next().map(|(_, c)| c);
                match escape(source, at, after, span.end) {
                    Ok(byte) => {
                        bytes.push(byte);
                        if after == Some('x') {
                            chars.nth(1);
                        }
                    }
                    Err(diagnostic) => diagnostics.push(diagnostic),
                }
            }
            c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    let message = "expected a closing `\"` in the same line";
    diagnostics.push(
        Diagnostic::new(span.clone(), message, "this text never ends")
            .help("write a line end inside a text as `\\n`, a quotation mark as `\\\"`"),
    );
    Token {
        kind: Kind::Text(bytes.into()),
        span,
    }
}

/// The byte that the escape at `at` stands for; `after` is the character behind the backslash.
fn escape(source: &str, at: usize, after: Option<char>, end: usize) -> Result<u8, Diagnostic> {
    match after {
        Some('n') => Ok(b'\n'),
        Some('r') => Ok(b'\r'),
        Some('t') => Ok(b'\t'),
        Some('0') => Ok(0),
        Some('\\') => Ok(b'\\'),
        Some('"') => Ok(b'"'),
        Some('x') => {
            let digits = source
                .get(at + 2..at + 4)
                .filter(|digits| at + 4 <= end && digits.bytes().all(|b| b.is_ascii_hexdigit()));
            digits
                .and_then(|digits| u8::from_str_radix(digits, 16).ok())
                .ok_or_else(|| {
                    Diagnostic::new(
                        at..at + 2,
                        "expected two hexadecimal digits after `\\x`",
                        "an incomplete byte",
                    )
                    .help("such as `\\x04`")
                })
        }
        _ => {
            let length = 1 + after.map_or(0, char::len_utf8);
            let message = "expected one of the escapes `\\n \\r \\t \\0 \\\\ \\\" \\xNN`";
            Err(Diagnostic::new(at..at + length, message, "unknown escape").help("write a backslash itself as `\\\\`"))
        }
    }
}
