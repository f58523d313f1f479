//! What a run leaves behind: `capture.pcap`, `transcript.txt`, `run.json` and `judgement.json` in a folder of its own.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::capture::{CaptureError, Frame, Linktype, Writer};
use crate::file::{Readers, Whole};
use crate::judge::Judgement;
use crate::run::{Mode, Recording};

/// The files of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artefacts {
    /// `OUT/NAME`, the folder of all of them.
    pub folder: PathBuf,
}

/// An artefact could not be written or read.
#[derive(Debug, Error)]
pub enum ArtefactError {
    /// The file system said no.
    #[error("cannot {operation} `{}`: {error}\n  help: name another folder with --out DIR", path.display())]
    Io {
        /// `create`, `write`, …
        operation: &'static str,
        /// What.
        path: PathBuf,
        /// What it reported.
        error: io::Error,
    },
    /// libpcap said no.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// A saved file is not what this version of tcplab writes.
    #[error("`{}` is not a recording that this tcplab can read: {error}\n  help: run the scenario again", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: serde_json::Error,
    },
}

impl Artefacts {
    /// The artefacts of the scenario `name` below `out`, whether they exist or not.
    pub fn of(out: &Path, name: &str) -> Artefacts {
        Artefacts { folder: out.join(name) }
    }

    /// The capture, for Wireshark.
    pub fn capture(&self) -> PathBuf {
        self.folder.join("capture.pcap")
    }

    /// The recording as JSON.
    pub fn recording(&self) -> PathBuf {
        self.folder.join("run.json")
    }

    /// Writes all of them; each is complete or not there.
    pub(super) fn write(
        out: &Path,
        name: &str,
        recording: &Recording,
        frames: &[Frame],
        transcript: &str,
        judgement: &Judgement,
    ) -> Result<Artefacts, ArtefactError> {
        let artefacts = Artefacts::of(out, name);
        let folder = &artefacts.folder;
        fs::create_dir_all(folder).map_err(failed("create", folder))?;
        let readers = readers(recording);
        save_capture(&artefacts.capture(), frames, readers)?;
        replace(&folder.join("transcript.txt"), transcript.as_bytes(), readers)?;
        replace(&artefacts.recording(), &json(recording), readers)?;
        replace(&folder.join("judgement.json"), &json(judgement), readers)?;
        Ok(artefacts)
    }

    /// Keeps what a run told, without its capture, in another folder than the one that the next run replaces.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn keep(
        out: &Path,
        name: &str,
        recording: &Recording,
        transcript: &str,
        judgement: &Judgement,
    ) -> Result<Artefacts, ArtefactError> {
        let artefacts = Artefacts::of(out, name);
        let folder = &artefacts.folder;
        fs::create_dir_all(folder).map_err(failed("create", folder))?;
        let readers = readers(recording);
        replace(&folder.join("transcript.txt"), transcript.as_bytes(), readers)?;
        replace(&artefacts.recording(), &json(recording), readers)?;
        replace(&folder.join("judgement.json"), &json(judgement), readers)?;
        Ok(artefacts)
    }

    /// Writes the judgement on a scenario that was skipped, and removes what an earlier run left.
    pub(super) fn write_skip(out: &Path, name: &str, judgement: &Judgement) -> Result<(), ArtefactError> {
        let artefacts = Artefacts::of(out, name);
        let folder = &artefacts.folder;
        fs::create_dir_all(folder).map_err(failed("create", folder))?;
        for path in [
            artefacts.capture(),
            artefacts.recording(),
            folder.join("transcript.txt"),
        ] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("remove", &path)(error)),
                _ => {}
            }
        }
        replace(&folder.join("judgement.json"), &json(judgement), Readers::Usual)
    }

    /// Reads the recording back.
    ///
    /// # Errors
    /// A file that is missing, or not a recording.
    pub fn read_recording(&self) -> Result<Recording, ArtefactError> {
        read(&self.recording())
    }

    /// Reads the judgement back.
    ///
    /// # Errors
    /// A file that is missing, or not a judgement.
    pub fn read_judgement(&self) -> Result<Judgement, ArtefactError> {
        read(&self.folder.join("judgement.json"))
    }
}

fn readers(recording: &Recording) -> Readers {
    match recording.environment.mode {
        Mode::Private => Readers::Usual,
        // The host's loopback is shared: others may have sent to the port.
        Mode::Host => Readers::Owner,
    }
}

fn save_capture(path: &Path, frames: &[Frame], readers: Readers) -> Result<(), CaptureError> {
    let mut writer = Writer::create(path, Linktype::ETHERNET, readers)?;
    frames.iter().try_for_each(|frame| writer.write(frame))?;
    writer.finish()
}

fn json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("these types have string keys only");
    text.push(b'\n');
    text
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, ArtefactError> {
    let text = fs::read(path).map_err(failed("read", path))?;
    serde_json::from_slice(&text).map_err(|error| ArtefactError::Unreadable {
        path: path.to_owned(),
        error,
    })
}

/// Writes a file as a whole.
fn replace(path: &Path, contents: &[u8], readers: Readers) -> Result<(), ArtefactError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = Whole::create(path, readers).map_err(failed("create a file in", folder))?;
    file.write_all(contents).map_err(failed("write", path))?;
    file.finish().map_err(failed("replace", path))
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ArtefactError {
    move |error| ArtefactError::Io {
        operation,
        path: path.to_owned(),
        error,
    }
}
