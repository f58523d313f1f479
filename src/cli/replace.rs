//! Replacing a scenario file as a whole.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::file;

/// A file could not be replaced; it is as it was.
#[derive(Debug, Error)]
pub(super) enum ReplaceError {
    /// The file system refused.
    #[error("cannot {operation} {}: {source}; the file is left as it is", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody else has changed it.
    #[error("{} was changed meanwhile and is left as it is; try again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

/// Gives the file a new text, if it still has the old one. A symbolic link stays one; the permissions stay as they are.
pub(super) fn replace(path: &Path, old: &str, new: &str) -> Result<(), ReplaceError> {
    let failed = |operation| {
        move |source| ReplaceError::Io {
            operation,
            path: path.to_owned(),
            source,
        }
    };
    let target = path.canonicalize().map_err(failed("find"))?;
    let permissions = fs::metadata(&target).map_err(failed("look at"))?.permissions();
    if fs::read(&target).map_err(failed("read"))? != old.as_bytes() {
        return Err(ReplaceError::Changed { path: path.to_owned() });
    }
    let folder = target.parent().unwrap_or(Path::new("."));
    file::sweep(folder);
    let mut replacement = tempfile::Builder::new()
        .prefix(file::UNFINISHED)
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(folder)
        .map_err(failed("write beside"))?;
    replacement
        .write_all(new.as_bytes())
        .and_then(|()| replacement.as_file().set_permissions(permissions))
        .and_then(|()| replacement.as_file().sync_all())
        .map_err(failed("write"))?;
    replacement
        .persist(&target)
        .map_err(|error| failed("replace")(error.error))?;
    Ok(())
}
