//! The scenario library: a folder of scenario files, and how people name what they want from it.
//!
//! A file's name is its path below the folder without `.toml`: `basic`, `resets/half-open`. Hidden files and folders
//! and files of other kinds are no scenarios. Folders that are symbolic links are not entered, so that no loop can
//! catch the search; files may be links.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::diagnostic::{list, nearest};
use super::file::MAX_FILE;
use super::{Diagnostics, Scenario, parse};

/// How deep folders may stand in each other.
const MAX_DEPTH: usize = 16;

/// A folder of scenario files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// The folder.
    pub root: PathBuf,
}

/// A scenario file that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its name, as in [`Scenario::name`].
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

/// A scenario that could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file could not be read.
    #[error("cannot {operation} {}: {source}\n  help: {}", path.display(), remedy(source))]
    Io {
        /// What was tried: `open the scenario`, `read the scenario`.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no valid scenario.
    #[error("{0}")]
    Invalid(Box<Diagnostics>),
}

/// Scenarios that could not be found.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// A folder could not be read.
    #[error(
        "cannot {operation} {}: {source}\n  help: {}; name another folder with --scenarios DIR", path.display(), remedy(source)
    )]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder has no scenario files.
    #[error(
        "there are no scenario files (*.toml) in {}\n  help: name another folder with --scenarios DIR", root.display()
    )]
    Empty {
        /// The folder.
        root: PathBuf,
    },
    /// No scenario is meant by this.
    #[error("{}", unknown(selector, nearest, known))]
    Unknown {
        /// What was asked for.
        selector: String,
        /// The names most like it.
        nearest: Vec<String>,
        /// All names of the library.
        known: Vec<String>,
    },
}

/// Reads and parses one scenario file. Its name is its path below `root`, or its file name if it is elsewhere.
///
/// # Errors
///
/// [`LoadError::Io`] if the file cannot be read or is not a regular file, [`LoadError::Invalid`] with all its mistakes.
pub fn load(path: &Path, root: &Path) -> Result<Scenario, LoadError> {
    let failed = |operation| {
        move |source| LoadError::Io {
            operation,
            path: path.to_owned(),
            source,
        }
    };
    // Looked at before it is opened: opening a FIFO would wait for a writer.
    let metadata = fs::metadata(path).map_err(failed("find the scenario"))?;
    if !metadata.is_file() {
        let error = io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file");
        return Err(failed("read the scenario")(error));
    }
    let file = File::open(path).map_err(failed("open the scenario"))?;
    let mut source = Vec::new();
    // One byte more than allowed is enough for the parser to refuse it.
    file.take(MAX_FILE as u64 + 1)
        .read_to_end(&mut source)
        .map_err(failed("read the scenario"))?;
    parse(&name_below(root, path), path, &source).map_err(|diagnostics| LoadError::Invalid(Box::new(diagnostics)))
}

impl Library {
    /// The library in this folder.
    pub fn new(root: impl Into<PathBuf>) -> Library {
        Library { root: root.into() }
    }

    /// The names of all scenarios, sorted.
    ///
    /// # Errors
    ///
    /// [`SelectError::Io`] if the folder or one in it cannot be read.
    pub fn names(&self) -> Result<Vec<String>, SelectError> {
        Ok(self.entries()?.into_iter().map(|entry| entry.name).collect())
    }

    /// All scenarios, sorted by name.
    ///
    /// # Errors
    ///
    /// [`SelectError::Io`] if the folder or one in it cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>, SelectError> {
        entries(&self.root)
    }

    /// What the selectors mean, each scenario once, in the order of the selectors; all scenarios if there are none.
    ///
    /// A selector is, in this order: the exact name of a scenario, a folder of the library, the path of a `.toml` file
    /// or of a folder, or a part of the names of one or more scenarios.
    ///
    /// # Errors
    ///
    /// [`SelectError::Unknown`] for the first selector that means nothing, [`SelectError::Empty`] if all of no scenarios
    /// are meant, [`SelectError::Io`] if a folder cannot be read.
    pub fn select(&self, selectors: &[String]) -> Result<Vec<Entry>, SelectError> {
        if selectors.is_empty() {
            let all = self.entries()?;
            let root = || self.root.clone();
            return if all.is_empty() {
                Err(SelectError::Empty { root: root() })
            } else {
                Ok(all)
            };
        }
        let only_files = selectors.iter().all(|selector| is_file(selector));
        let known = if only_files { Vec::new() } else { self.entries()? };
        let mut selected: Vec<Entry> = Vec::new();
        for selector in selectors {
            for entry in self.meant_by(selector, &known)? {
                if !selected.iter().any(|chosen| chosen.path == entry.path) {
                    selected.push(entry);
                }
            }
        }
        Ok(selected)
    }

    fn meant_by(&self, selector: &str, known: &[Entry]) -> Result<Vec<Entry>, SelectError> {
        let matching = |matches: &dyn Fn(&str) -> bool| -> Vec<Entry> {
            known.iter().filter(|entry| matches(&entry.name)).cloned().collect()
        };
        let name = selector.strip_suffix(".toml").unwrap_or(selector);
        let exact = matching(&|known| known == name);
        let folder = format!("{}/", selector.trim_end_matches('/'));
        let below = matching(&|known| known.starts_with(&folder));
        let path = Path::new(selector);
        let found = if !exact.is_empty() {
            exact
        } else if !below.is_empty() {
            below
        } else if is_file(selector) {
            vec![Entry {
                name: name_below(&self.root, path),
                path: path.to_owned(),
            }]
        } else if path.is_dir() {
            let mut found = entries(path)?;
            for entry in &mut found {
                // A folder inside the library keeps the library's names.
                if let Some(name) = relative(&self.root, &entry.path) {
                    entry.name = name;
                }
            }
            found
        } else if selector.is_empty() {
            Vec::new()
        } else {
            matching(&|known| known.contains(name))
        };
        if found.is_empty() {
            let names: Vec<String> = known.iter().map(|entry| entry.name.clone()).collect();
            return Err(SelectError::Unknown {
                selector: selector.to_owned(),
                nearest: nearest_names(name, &names),
                known: names,
            });
        }
        Ok(found)
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "check the path, and the folder that you are in",
        io::ErrorKind::PermissionDenied => "`ls -ld` on it shows who may read it; `chmod` changes that",
        _ => "check that it is an ordinary file or folder",
    }
}

fn is_file(selector: &str) -> bool {
    let path = Path::new(selector);
    path.extension().is_some_and(|extension| extension == "toml") && path.is_file()
}

/// The name of a file, relative to the library if it is in it.
fn name_below(root: &Path, path: &Path) -> String {
    relative(root, path).unwrap_or_else(|| {
        let stem = path.file_stem().unwrap_or(path.as_os_str());
        stem.to_string_lossy().into_owned()
    })
}

/// The path below the root without `.toml`, with `/` between folders; `None` if it is not below it.
fn relative(root: &Path, path: &Path) -> Option<String> {
    let inside = match path.strip_prefix(root) {
        Ok(inside) => inside.to_owned(),
        Err(_) => {
            let (root, path) = (root.canonicalize().ok()?, path.canonicalize().ok()?);
            path.strip_prefix(root).ok()?.to_owned()
        }
    };
    let parts = inside.with_extension("");
    let parts: Vec<_> = parts
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    Some(parts.join("/"))
}

/// All scenario files below the folder, sorted by name.
fn entries(root: &Path) -> Result<Vec<Entry>, SelectError> {
    let mut found = Vec::new();
    let mut folders = vec![(root.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let failed = |source| SelectError::Io {
            operation: "list the scenarios in",
            path: folder.clone(),
            source,
        };
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if entry.file_type().map_err(failed)?.is_dir() {
                if depth < MAX_DEPTH {
                    folders.push((path, depth + 1));
                }
            } else if path.extension().is_some_and(|extension| extension == "toml") && !path.is_dir() {
                let name = name_below(root, &path);
                found.push(Entry { name, path });
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The names that are most like the selector, or whose last part is.
fn nearest_names(selector: &str, names: &[String]) -> Vec<String> {
    let parts = |name: &str| name.split(['/', '-']).any(|part| nearest(selector, [part]).is_some());
    let mut near: Vec<String> = names.iter().filter(|name| parts(name)).cloned().collect();
    if let Some(best) = nearest(selector, names.iter().map(String::as_str)) {
        near.retain(|name| name != best);
        near.insert(0, best.to_owned());
    }
    near.truncate(5);
    near
}

fn unknown(selector: &str, nearest: &[String], known: &[String]) -> String {
    let words = |names: &[String]| list(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut text = match Path::new(selector) {
        path if path.is_dir() => format!("`{selector}` is a folder without scenario files (*.toml)"),
        path if selector.contains('/') && !path.exists() => format!("there is no file and no scenario `{selector}`"),
        _ => format!("no scenario is named `{selector}`, and none has that in its name"),
    };
    if !nearest.is_empty() {
        text += &format!("\ndid you mean {}?", words(nearest));
    }
    match known {
        [] => text += "\nthe library has no scenarios",
        _ => text += &format!("\nthere are: {}", words(known)),
    }
    text + "\n  help: give a name, a part of a name, a folder, or the path of a scenario file"
}
