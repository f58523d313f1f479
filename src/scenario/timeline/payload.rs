//! Payloads: `"text\x04"`, `hex 48656c`, `64KiB of "x"`, `file "name"`.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path};
use std::sync::Arc;

use super::quantity::{size_text, starts_numeric};
use super::token::{Kind, Line};
use crate::scenario::Payload;
use crate::scenario::diagnostic::Diagnostic;

/// The largest payload, bytes.
pub(super) const MAX_PAYLOAD: u64 = 16 << 20;
/// The largest number of payload bytes in one scenario.
const MAX_TOTAL: u64 = 64 << 20;
/// What a payload can be.
pub(super) const FORMS: &str = "a payload is `\"text\"`, `hex 48656c`, `64KiB of \"x\"` or `file \"name\"`";

/// Where payloads come from, and how much of them is still allowed.
#[derive(Debug)]
pub(super) struct Payloads<'a> {
    folder: &'a Path,
    left: u64,
}

/// Whether a payload begins at the next token: a text, `hex`, `file` or `N of`.
pub(super) fn begins(line: &Line) -> bool {
    match line.peek() {
        Some(token) if matches!(token.kind, Kind::Text(_)) => true,
        Some(token) if token.kind == Kind::Word => match line.peek_str() {
            "hex" | "file" => true,
            word => starts_numeric(word) && line.nth_str(1) == "of",
        },
        _ => false,
    }
}

impl<'a> Payloads<'a> {
    /// Files are read from `folder`.
    pub(super) fn new(folder: &'a Path) -> Payloads<'a> {
        Payloads {
            folder,
            left: MAX_TOTAL,
        }
    }

    /// The payload that `what` needs behind it.
    pub(super) fn parse(&mut self, line: &mut Line, what: &str) -> Result<Payload, Diagnostic> {
        if !begins(line) {
            let help = match line.peek_word() {
                Some(word) if !starts_numeric(word) && word.len() < 40 => {
                    format!("a text has quotation marks: `\"{word}\"`")
                }
                _ => FORMS.to_owned(),
            };
            return Err(line.unexpected(format!("expected a payload after `{what}`")).help(help));
        }
        let from = line.here();
        let bytes: Arc<[u8]> = if line.eat("file") {
            self.file(line)?.into()
        } else if line.peek_word().is_some_and(starts_numeric) {
            repeated(line, what)?.into()
        } else {
            literal(line)?
        };
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(|| {
            let message = format!("expected at most {} of payload in one scenario", size_text(MAX_TOTAL));
            Diagnostic::new(from, message, "here the sum gets larger")
        })?;
        Ok(Payload { bytes })
    }

    fn file(&self, line: &mut Line) -> Result<Vec<u8>, Diagnostic> {
        let span = line.here();
        let expected = "expected the name of a file after `file`";
        let Some(Kind::Text(name)) = line.peek().map(|token| token.kind.clone()) else {
            return Err(line
                .unexpected(expected)
                .help("in quotation marks: `file \"payload.bin\"`"));
        };
        line.advance();
        let Ok(name) = std::str::from_utf8(&name) else {
            return Err(Diagnostic::new(span, expected, "this is not UTF-8"));
        };
        let path = Path::new(name);
        let plain = path
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if name.is_empty() || !plain {
            let message = "expected a file in the scenario's folder or below it";
            return Err(Diagnostic::new(span, message, "this leads elsewhere")
                .help("copy the file there; absolute paths and `..` are not allowed"));
        }
        let path = self.folder.join(path);
        if leads_out(self.folder, &path) {
            let message = "expected a file in the scenario's folder or below it";
            return Err(Diagnostic::new(span, message, "a symbolic link leads elsewhere")
                .help("copy the file there; what a scenario sends comes from its own folder"));
        }
        read(&path).map_err(|error| match error {
            Unread::TooLarge(size) => {
                let message = format!("expected a payload of at most {}", size_text(MAX_PAYLOAD));
                Diagnostic::new(span, message, format!("the file has {size} bytes"))
            }
            Unread::Because(reason) => {
                let message = format!("expected a file that can be read at {}", path.display());
                Diagnostic::new(span, message, reason)
            }
        })
    }
}

enum Unread {
    TooLarge(u64),
    Because(String),
}

/// Whether the file, with all symbolic links followed, lies outside of the folder. What cannot be found lies nowhere.
fn leads_out(folder: &Path, path: &Path) -> bool {
    // Without a name it is the working directory.
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    match (folder.canonicalize(), path.canonicalize()) {
        (Ok(folder), Ok(path)) => !path.starts_with(folder),
        _ => false,
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Unread> {
    let because = |error: std::io::Error| Unread::Because(error.to_string());
    // Looked at before it is opened: opening a FIFO would wait for a writer.
    let metadata = path.metadata().map_err(because)?;
    if !metadata.is_file() {
        return Err(Unread::Because("not a regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(because)?;
    file.take(MAX_PAYLOAD + 1).read_to_end(&mut bytes).map_err(because)?;
    if bytes.len() as u64 > MAX_PAYLOAD {
        return Err(Unread::TooLarge(metadata.len()));
    }
    Ok(bytes)
}

/// `64KiB of "x"`.
fn repeated(line: &mut Line, what: &str) -> Result<Vec<u8>, Diagnostic> {
    let size = line.size(what, MAX_PAYLOAD)?;
    line.eat("of");
    let span = line.here();
    let pattern = literal(line)?;
    if pattern.is_empty() {
        return Err(Diagnostic::new(
            span,
            "expected something to repeat after `of`",
            "of nothing",
        ));
    }
    Ok(pattern.iter().copied().cycle().take(size as usize).collect())
}

/// A text or `hex …`.
fn literal(line: &mut Line) -> Result<Arc<[u8]>, Diagnostic> {
    if let Some(Kind::Text(bytes)) = line.peek().map(|token| token.kind.clone()) {
        line.advance();
        return Ok(bytes);
    }
    if !line.eat("hex") {
        return Err(line.unexpected("expected a text or `hex …`").help(FORMS));
    }
    let mut bytes = Vec::new();
    while let Some((word, span)) = line
        .peek_word()
        .filter(|word| bytes.is_empty() || word.bytes().all(|b| b.is_ascii_hexdigit()))
        .and_then(|_| line.word())
    {
        let digits = word
            .bytes()
            .map(|b| char::from(b).to_digit(16))
            .collect::<Option<Vec<u32>>>();
        match digits {
            Some(digits) if digits.len().is_multiple_of(2) => {
                bytes.extend(digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8));
            }
            Some(_) => {
                return Err(
                    Diagnostic::new(span, "expected hexadecimal digits in pairs", "an odd number of digits")
                        .help("every byte has two digits; flags and fields stand before `hex`"),
                );
            }
            None => {
                return Err(Diagnostic::new(
                    span,
                    "expected hexadecimal digits after `hex`",
                    "not hexadecimal",
                ));
            }
        }
    }
    if bytes.is_empty() {
        return Err(line
            .unexpected("expected hexadecimal digits after `hex`")
            .help("such as `hex 48 65 6c`"));
    }
    Ok(bytes.into())
}
