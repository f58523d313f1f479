//! A folder to run the program in, with scenarios, snapshots and a place for temporary files of its own.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// Debian's user nobody.
const NOBODY: u32 = 65534;

/// The folder. The program's standard folders are `scenarios`, `snapshots` and `runs` in it.
pub struct Room {
    folder: TempDir,
}

impl Room {
    /// A room with the scenarios of these names and their accepted snapshots.
    pub fn with(names: &[&str]) -> Room {
        let folder = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .expect("make a room");
        let room = Room { folder };
        for part in ["scenarios", "snapshots", "tmp"] {
            fs::create_dir(room.path(part)).expect("furnish the room");
        }
        for name in names {
            for file in [format!("scenarios/{name}.toml"), format!("snapshots/{name}.snap")] {
                let original = super::root().join(&file);
                let copy = room.path(&file);
                fs::create_dir_all(copy.parent().expect("a file in the room")).expect("furnish the room");
                fs::copy(&original, copy).unwrap_or_else(|error| panic!("copy {}: {error}", original.display()));
            }
        }
        room
    }

    /// A room with one scenario, `odd`, whose file holds these bytes.
    pub fn with_odd_scenario(bytes: impl AsRef<[u8]>) -> Room {
        let room = Room::with(&[]);
        room.write("scenarios/odd.toml", bytes);
        room
    }

    /// A path in the room.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Writes a file in the room.
    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(path), bytes).unwrap_or_else(|error| panic!("write {path}: {error}"));
    }

    /// Reads a text file in the room.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("read {path}: {error}"))
    }

    /// Sets the permission bits of a file or folder in the room.
    pub fn chmod(&self, path: &str, mode: u32) {
        fs::set_permissions(self.path(path), Permissions::from_mode(mode))
            .unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// The program with these arguments, to be run in the room.
    pub fn tcplab<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        self.command(&super::program(), arguments)
    }

    /// The same, without root's right to pass over permission bits: as nobody, where the test itself is root.
    pub fn tcplab_as_nobody<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        // The program may stand where only root can reach it.
        let program = self.path("tmp/tcplab");
        if !program.exists() {
            // By another process: what this one has open for writing, a process that another trial starts has open too for a moment,
            // and a program that is open for writing cannot be run.
            let copied = Command::new("cp").arg(super::program()).arg(&program).status();
            assert!(copied.expect("start cp").success(), "copy the program");
        }
        let mut command = self.command(&program, arguments);
        if nix::unistd::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    fn command<S: AsRef<OsStr>>(&self, program: &Path, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("TMPDIR", self.path("tmp"));
        command
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR_FORCE")
            .stdin(Stdio::null());
        command
    }

    /// Every file in the room with its length: what a run may have changed.
    pub fn files(&self) -> BTreeMap<PathBuf, u64> {
        let length = |file: &PathBuf| fs::metadata(file).map_or(0, |metadata| metadata.len());
        let files = super::files_below(self.folder.path());
        files.into_iter().map(|file| (file.clone(), length(&file))).collect()
    }
}

/// Runs the command to its end.
pub fn output(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("start {}: {error}", command.get_program().display()))
}
