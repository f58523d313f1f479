//! Files that are there as a whole or not at all, whatever ends the program: each is written as a new file with a name of
//! its own in the same folder, and renamed. So no link that somebody has put in its place is ever followed.

use std::fs::{self, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::NamedTempFile;

/// What the names of files begin with that are not complete yet.
pub const UNFINISHED: &str = ".tcplab-";

/// A file is complete and renamed within milliseconds. Whoever was stopped for longer than this in between is told that the
/// file is gone.
const LEFT_BEHIND: Duration = Duration::from_secs(600);

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
    /// Begins the file, and removes what a killed program left unfinished in its folder.
    ///
    /// # Errors
    /// The folder does not exist or cannot be written.
    pub fn create(path: &Path, readers: Readers) -> io::Result<Whole> {
        let mode = match readers {
            Readers::Usual => 0o666,
            Readers::Owner => 0o600,
        };
        let file = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(folder(path))?;
        sweep(folder(path));
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
        if let Ok(folder) = fs::File::open(folder(&path)) {
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

/// Removes what a killed program left unfinished in this folder: hidden files of tcplab's that are older than ten minutes. What
/// cannot be removed stays.
pub fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let now = SystemTime::now();
    for entry in entries.flatten() {
        let is_unfinished = entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes());
        let is_old = || {
            let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            let age = now.duration_since(metadata.modified().ok()?).ok()?;
            Some(age > LEFT_BEHIND)
        };
        if is_unfinished && is_old() == Some(true) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
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

    #[test]
    fn only_old_unfinished_files_are_swept_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let old = SystemTime::now() - 2 * LEFT_BEHIND;
        for (name, modified) in [
            (".tcplab-a.pcap", old),
            (".tcplab-b", old),
            (".tcplab-new", SystemTime::now()),
            (".other", old),
        ] {
            let file = File::create(folder.path().join(name)).expect("a file");
            file.set_modified(modified).expect("its time");
        }
        fs::create_dir(folder.path().join(".tcplab-folder")).expect("a folder");
        write(&folder.path().join("run.json"), Readers::Usual);
        let mut left: Vec<String> = fs::read_dir(folder.path())
            .expect("the folder")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        left.sort();
        assert_eq!(left, [".other", ".tcplab-folder", ".tcplab-new", "run.json"]);
    }
}
