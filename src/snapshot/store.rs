//! The folder of snapshots: `NAME.snap` is the accepted transcript of scenario NAME, `NAME.snap.new` a pending one.
//!
//! The files are insta's: `cargo insta review` accepts what a run left behind, and a test can assert the accepted files
//! with `assert_snapshot!`. Scenarios in folders have their snapshots in folders of the same names.
//!
//! Every file is replaced as a whole (written beside, synced, renamed), so a crash leaves the old or the new one. What
//! is reviewed is what gets accepted: a file that changed after it was read is never overwritten or removed. Two reviews
//! of one folder at the same instant are not excluded; the window is that between the comparison and the rename.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use thiserror::Error;

use super::file::compose;
pub use super::file::{Stored, provenance};
use crate::files;
use crate::scenario::Scenario;

/// Why a snapshot could not be read, written, accepted or rejected.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The name would lead out of the folder.
    #[error("`{name}` is no name of a snapshot: give the scenario's path below the scenario folder, without .toml")]
    Name {
        /// The name as given.
        name: String,
    },
    /// The file system refused.
    #[error("cannot {operation} {}: {source}", path.display())]
    Io {
        /// What was tried: `read`, `write`, …
        operation: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file is not a snapshot that insta or the lab has written.
    #[error(
        "{} cannot be read as a snapshot: {why}\n\
         restore it from version control, or remove it and run the scenario again",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The file is another one than that which was read.
    #[error("{} was changed by somebody else and is left as it is; review it again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

/// A folder of accepted and pending snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    root: PathBuf,
}

/// A snapshot that waits for a review, and what it would replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The scenario's name.
    pub name: String,
    /// The transcript of the last run.
    pub proposed: Stored,
    /// The accepted transcript; `None` for a new scenario.
    pub accepted: Option<Stored>,
}

impl Store {
    /// The snapshots in this folder, which need not exist yet. Its parent is the project's folder.
    pub fn new(root: impl Into<PathBuf>) -> Store {
        Store { root: root.into() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The accepted snapshot; `None` if there is none yet.
    ///
    /// # Errors
    /// A bad name, a file that cannot be read, or one that is no snapshot.
    pub fn accepted(&self, name: &str) -> Result<Option<Stored>, StoreError> {
        Stored::read(&self.accepted_path(name)?)
    }

    /// The pending snapshot; `None` if nothing is pending under this name.
    ///
    /// # Errors
    /// A bad name, or one of the two files cannot be read or is no snapshot.
    pub fn pending(&self, name: &str) -> Result<Option<Pending>, StoreError> {
        let Some(proposed) = Stored::read(&self.pending_path(name)?)? else {
            return Ok(None);
        };
        Ok(Some(Pending {
            name: name.to_owned(),
            proposed,
            accepted: self.accepted(name)?,
        }))
    }

    /// The names of all pending snapshots, sorted. Symbolic links to folders are not followed.
    ///
    /// # Errors
    /// A folder cannot be read. That the store's folder does not exist is no error: then nothing is pending.
    pub fn pending_names(&self) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(failed("read the folder", &folder))?,
            };
            for entry in entries {
                let entry = entry.map_err(failed("read the folder", &folder))?;
                let path = entry.path();
                if entry.file_type().map_err(failed("look at", &path))?.is_dir() {
                    folders.push(path);
                } else if let Some(name) = self.pending_name(&path) {
                    names.push(name);
                }
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Leaves a transcript for review, in place of one that may be pending already. Returns the pending file's path.
    ///
    /// `kernel` is the kernel of the run (`uname -r`).
    ///
    /// # Errors
    /// The scenario has a bad name, or the file cannot be written.
    pub fn propose(&self, scenario: &Scenario, contents: &str, kernel: &str) -> Result<PathBuf, StoreError> {
        let path = self.pending_path(&scenario.name)?;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed("make the folder", folder))?;
        }
        write(
            &path,
            &compose(contents, kernel, self.within_project(&scenario.path).as_deref()),
        )?;
        Ok(path)
    }

    /// Removes a pending snapshot that has no meaning any more, because a run agreed with the accepted one. Returns
    /// whether there was one.
    ///
    /// # Errors
    /// A bad name, or the file cannot be removed.
    pub fn discard_pending(&self, name: &str) -> Result<bool, StoreError> {
        let path = self.pending_path(name)?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            other => other.map(|()| true).map_err(failed("remove", &path)),
        }
    }

    /// Makes the pending snapshot the accepted one.
    ///
    /// # Errors
    /// One of the two files is not any more what was read, or cannot be written. Then both are left as they are.
    pub fn accept(&self, pending: &Pending) -> Result<(), StoreError> {
        let path = self.accepted_path(&pending.name)?;
        Stored::check_unchanged(&pending.proposed.path, Some(&pending.proposed))?;
        Stored::check_unchanged(&path, pending.accepted.as_ref())?;
        write(&path, &pending.proposed.accepted_text())?;
        self.discard_pending(&pending.name).map(|_| ())
    }

    /// Removes the pending snapshot.
    ///
    /// # Errors
    /// The file is not any more what was read, or cannot be removed.
    pub fn reject(&self, pending: &Pending) -> Result<(), StoreError> {
        Stored::check_unchanged(&pending.proposed.path, Some(&pending.proposed))?;
        self.discard_pending(&pending.name).map(|_| ())
    }

    /// Where the accepted snapshot is.
    ///
    /// # Errors
    /// A bad name.
    pub fn accepted_path(&self, name: &str) -> Result<PathBuf, StoreError> {
        self.path(name, "snap")
    }

    fn pending_path(&self, name: &str) -> Result<PathBuf, StoreError> {
        self.path(name, "snap.new")
    }

    fn path(&self, name: &str, extension: &str) -> Result<PathBuf, StoreError> {
        let normal = |component| matches!(component, Component::Normal(_));
        let plain = !name.is_empty()
            && !name.contains(['\0', '\\', '\n'])
            && name.split('/').all(|part| !part.is_empty() && part != ".")
            && Path::new(name).components().all(normal);
        if plain {
            Ok(self.root.join(format!("{name}.{extension}")))
        } else {
            Err(StoreError::Name { name: name.to_owned() })
        }
    }

    /// The name of a pending file below the folder; `None` for any other file, also for one whose name no scenario can
    /// have.
    fn pending_name(&self, path: &Path) -> Option<String> {
        let below = path.strip_prefix(&self.root).ok()?.to_str()?;
        let name = below.strip_suffix(".snap.new")?;
        self.pending_path(name).is_ok().then(|| name.to_owned())
    }

    /// `scenarios/basic.toml`, for a file of the project; what insta notes must be the same on every machine.
    fn within_project(&self, file: &Path) -> Option<String> {
        let root = std::path::absolute(&self.root).ok()?;
        let file = std::path::absolute(file).ok()?;
        file.strip_prefix(root.parent()?).ok()?.to_str().map(str::to_owned)
    }
}

/// Replaces the file as a whole.
fn write(path: &Path, text: &str) -> Result<(), StoreError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    files::sweep(folder);
    let mut file = tempfile::Builder::new()
        .prefix(files::SNAPSHOT)
        // As for any new file: the umask takes its part.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(failed("write into", folder))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.as_file().sync_all())
        .map_err(failed("write", path))?;
    file.persist(path)
        .map_err(|error| failed("replace", path)(error.error))?;
    // The rename itself is safe after a crash only with the folder synced; where that cannot be done, nothing is lost.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io {
        operation,
        path,
        source,
    }
}

#[cfg(test)]
mod tests;
