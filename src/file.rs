//! Files that are there as a whole or not at all, whatever ends the program: each is written as a new file with a name of
//! its own in the same folder, and renamed. So no link that somebody has put in its place is ever followed.

use std::fs::Permissions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// As for any new file: whom the umask lets.
    Usual,
    /// Its owner only: what was seen on the host's own loopback may be anybody's.
    Owner,
}

/// A file that is being written. Dropped before its end, it leaves nothing.
#[derive(Debug)]
pub struct Whole {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

impl Whole {
    /// Begins the file.
    ///
    /// # Errors
    /// The folder does not exist or cannot be written.
    pub fn create(path: &Path, readers: Readers) -> io::Result<Whole> {
        let mode = match readers {
            Readers::Usual => 0o666,
            Readers::Owner => 0o600,
        };
        let file = tempfile::Builder::new()
            .prefix(".tcplab-")
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(folder(path))?;
        Ok(Whole {
            path: path.to_owned(),
            file: BufWriter::new(file),
        })
    }

    /// Gives the file its name; one that has it already is replaced.
    ///
    /// # Errors
    /// What was written last could not be, or the rename failed.
    pub fn finish(self) -> io::Result<()> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.persist(&self.path).map(drop).map_err(|error| error.error)
    }

    /// The same, and it is there after a crash of the machine too.
    ///
    /// # Errors
    /// As for [`Whole::finish`], or the disk's.
    pub fn finish_durably(mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().as_file().sync_all()?;
        let path = self.path.clone();
        self.finish()?;
        // The rename itself is safe after a crash only with the folder synced; where that cannot be done, nothing is lost.
        if let Ok(folder) = std::fs::File::open(folder(&path)) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

impl Write for Whole {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(path: &Path, readers: Readers) {
        let mut file = Whole::create(path, readers).unwrap();
        file.write_all(b"new").unwrap();
        file.finish().unwrap();
    }

    #[test]
    fn a_link_in_the_place_of_a_file_is_replaced_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (victim, path) = (folder.path().join("victim"), folder.path().join("file"));
        fs::write(&victim, "old").unwrap();
        symlink(&victim, &path).unwrap();
        write(&path, Readers::Usual);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "old");
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
    }

    #[test]
    fn private_files_are_their_owners_and_others_follow_the_umask() {
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
        fs::write(folder.path().join("any"), "").unwrap();
        write(&folder.path().join("usual"), Readers::Usual);
        assert_eq!(mode("usual"), mode("any"));
        // One that everybody could read is replaced by one that they cannot.
        fs::write(folder.path().join("owner"), "").unwrap();
        write(&folder.path().join("owner"), Readers::Owner);
        assert_eq!(mode("owner"), 0o600);
    }

    #[test]
    fn what_is_not_finished_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = Whole::create(&folder.path().join("file"), Readers::Usual).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
