//! One snapshot file in insta's format: a YAML header between two lines `---`, then the text.
//!
//! insta reads the file; what it would stumble over is refused before. It panics on some YAML numbers and recurses into
//! nested lists, and a folder under version control can hold anything.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::store::StoreError;

/// The file that asserts the snapshots in the test suite, as insta notes it.
const SOURCE: &str = "tests/scenarios.rs";
const PROVENANCE: &str = "recorded on Linux ";
const FENCE: &str = "---";
/// More than any header that insta writes for a transcript.
const HEADER_LINES: usize = 40;

/// The header's `description`: the kernel on which the transcript was recorded.
///
/// A test that asserts the same snapshots with insta gives this text to `Settings::set_description`.
pub fn provenance(kernel: &str) -> String {
    format!("{PROVENANCE}{kernel}")
}

/// A text as insta compares it: line feeds only, nothing blank at the end.
pub(super) fn normalise(text: &str) -> String {
    text.trim_end().replace("\r\n", "\n")
}

/// A snapshot file as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The file.
    pub path: PathBuf,
    /// The transcript's text as [`Transcript`](super::Transcript) prints it: with one line feed at the end.
    pub contents: String,
    /// The kernel on which it was recorded, as `uname -r` says; `None` if the header does not tell.
    pub kernel: Option<String>,
    /// The test file that the header names.
    pub source: Option<String>,
    /// The scenario file that the header names, relative to the project.
    pub input_file: Option<String>,
    text: String,
}

impl Stored {
    /// Reads the file; `None` if there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Stored>, StoreError> {
        let Some(text) = read_text(path)? else {
            return Ok(None);
        };
        let damaged = |why: String| StoreError::Damaged {
            path: path.to_owned(),
            why,
        };
        let (_, body) = split(&text).map_err(|why| damaged(why.to_owned()))?;
        let snapshot = insta::Snapshot::from_file(path).map_err(|error| damaged(error.to_string()))?;
        let Some(contents) = snapshot.as_text().map(ToString::to_string) else {
            return Err(damaged("it is a binary snapshot".to_owned()));
        };
        if contents != normalise(body) {
            return Err(StoreError::Changed { path: path.to_owned() });
        }
        let metadata = snapshot.metadata();
        let description = metadata.description();
        Ok(Some(Stored {
            path: path.to_owned(),
            contents: contents + "\n",
            kernel: description
                .and_then(|text| text.strip_prefix(PROVENANCE))
                .map(str::to_owned),
            source: metadata.source().map(str::to_owned),
            input_file: metadata.input_file().map(str::to_owned),
            text,
        }))
    }

    /// Whether insta would take `contents` for the same snapshot.
    pub fn matches(&self, contents: &str) -> bool {
        self.contents.trim_end() == normalise(contents)
    }

    /// An error unless the file still holds what was read; `expected` is `None` if there was no file.
    pub(super) fn check_unchanged(path: &Path, expected: Option<&Stored>) -> Result<(), StoreError> {
        let found = read_text(path).ok().flatten();
        let missing = !path.try_exists().unwrap_or(true);
        match expected {
            Some(expected) if found.as_deref() == Some(&expected.text) => Ok(()),
            None if missing => Ok(()),
            _ => Err(StoreError::Changed { path: path.to_owned() }),
        }
    }

    /// The file as insta keeps it once it is accepted: without the line of the assertion, which a pending file of
    /// insta's own has.
    pub(super) fn accepted_text(&self) -> String {
        let (header, body) = split(&self.text).unwrap_or(("", &self.text));
        let kept = header.lines().filter(|line| !line.starts_with("assertion_line:"));
        let header: String = kept.flat_map(|line| [line, "\n"]).collect();
        format!("{FENCE}\n{header}{FENCE}\n{body}")
    }
}

/// The text of a new snapshot file.
pub(super) fn compose(contents: &str, kernel: &str, input_file: Option<&str>) -> String {
    let description = provenance(kernel);
    let fields = [
        ("source", Some(SOURCE)),
        ("description", Some(&*description)),
        ("input_file", input_file),
    ];
    let header: String = fields
        .into_iter()
        .filter_map(|(key, value)| Some(format!("{key}: {}\n", scalar(value?))))
        .collect();
    format!("{FENCE}\n{header}{FENCE}\n{}\n", normalise(contents))
}

/// A YAML scalar: plain where insta writes it plain, else quoted as in JSON, which is YAML.
fn scalar(value: &str) -> String {
    let plain = value.starts_with(|first: char| first.is_ascii_alphabetic())
        && !value.ends_with(' ')
        && value.chars().all(|c| c.is_alphanumeric() || " ()+-./_~".contains(c));
    if plain {
        value.to_owned()
    } else {
        serde_json::Value::from(value).to_string()
    }
}

/// Reads a regular file of UTF-8 text; `None` if there is no such file.
fn read_text(path: &Path) -> Result<Option<String>, StoreError> {
    let failed = |source| StoreError::Io {
        operation: "read",
        path: path.to_owned(),
        source,
    };
    let damaged = |why: &str| StoreError::Damaged {
        path: path.to_owned(),
        why: why.to_owned(),
    };
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if !metadata.is_file() => return Err(damaged("it is not a regular file")),
        Ok(_) => {}
    }
    let bytes = fs::read(path).map_err(failed)?;
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| damaged("it is not UTF-8 text"))
}

/// The header's lines and the body, when the header is one that insta could have written.
fn split(text: &str) -> Result<(&str, &str), &'static str> {
    if text.lines().any(|line| line.starts_with("<<<<<<< ")) {
        return Err("it holds the conflict markers of a merge");
    }
    let mut at = 0;
    let mut start = None;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let next = at + line.len();
        match (start, line.trim_end() == FENCE) {
            (None, false) => return Err("it does not begin with the line ---"),
            (None, true) => start = Some(next),
            (Some(start), true) => return Ok((&text[start..at], &text[next..])),
            (Some(_), false) if index > HEADER_LINES => break,
            (Some(_), false) if !is_header_line(line.trim()) => return Err("its header is not one that insta writes"),
            (Some(_), false) => {}
        }
        at = next;
    }
    Err(match start {
        None => "it is empty",
        Some(_) => "its header has no end: a second line --- is missing",
    })
}

/// `key: value` with a plain or quoted value, or `key:` before an indented value.
fn is_header_line(line: &str) -> bool {
    line.split_once(':').is_some_and(|(key, value)| {
        key.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            && value
                .trim_start()
                .chars()
                .next()
                .is_none_or(|first| first.is_alphanumeric() || "\"~/_(".contains(first))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_that_yaml_would_take_for_something_else_are_quoted() {
        assert_eq!(
            scalar("scenarios/resets/half-open.toml"),
            "scenarios/resets/half-open.toml"
        );
        assert_eq!(
            scalar("recorded on Linux 6.18.44-amd64+"),
            "recorded on Linux 6.18.44-amd64+"
        );
        assert_eq!(scalar("a: b # \"c\"\n"), r##""a: b # \"c\"\n""##);
        assert_eq!(scalar("6.18"), "\"6.18\"");
    }

    #[test]
    fn only_headers_that_insta_writes_are_read() {
        for good in [
            "source: tests/x.rs",
            "info:",
            "kernel: \"6.1\"",
            "assertion_line: 12",
            "description: ~",
        ] {
            assert!(is_header_line(good), "{good}");
        }
        for bad in [
            "",
            "x",
            "info: .inf",
            "info: [[[[",
            "a: {",
            "- a: b",
            "a: *b",
            "a: |",
            "A: b",
        ] {
            assert!(!is_header_line(bad), "{bad}");
        }
    }
}
