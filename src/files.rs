//! Files that are written beside their place and then renamed: what a killed program leaves of them.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What the names of files begin with that are not complete yet.
pub const UNFINISHED: [&str; 3] = [ARTEFACT, SNAPSHOT, SCENARIO];
/// Of a run.
pub const ARTEFACT: &str = ".tcplab-";
/// Of a snapshot.
pub const SNAPSHOT: &str = ".snapshot-";
/// Of a scenario.
pub const SCENARIO: &str = ".scenario-";

/// A file is complete and renamed within milliseconds. Whoever was stopped for longer than this in between is told that the
/// file is gone.
const LEFT_BEHIND: Duration = Duration::from_secs(600);

/// Removes what a killed program left unfinished in this folder: hidden files of tcplab's that are older than ten minutes. What
/// cannot be removed stays.
pub fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let now = SystemTime::now();
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_unfinished = UNFINISHED
            .iter()
            .any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes()));
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

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn only_old_unfinished_files_are_swept_away() {
        let folder = tempfile::tempdir().expect("a folder");
        let old = SystemTime::now() - 2 * LEFT_BEHIND;
        for (name, modified) in [
            (".tcplab-a.pcap", old),
            (".snapshot-b", old),
            (".scenario-c", old),
            (".tcplab-new", SystemTime::now()),
            (".other", old),
            ("run.json", old),
        ] {
            let file = File::create(folder.path().join(name)).expect("a file");
            file.set_modified(modified).expect("its time");
        }
        fs::create_dir(folder.path().join(".tcplab-folder")).expect("a folder");
        sweep(folder.path());
        let mut left: Vec<String> = fs::read_dir(folder.path())
            .expect("the folder")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        left.sort();
        assert_eq!(left, [".other", ".tcplab-folder", ".tcplab-new", "run.json"]);
    }
}
