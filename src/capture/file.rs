//! Saved captures.
//!
//! Reading is libpcap's: it knows the formats and their variants. Writing is not: libpcap's writer does not report a full
//! disk, cannot have a path that is not UTF-8 through its Rust interface, and cuts packets of the host's loopback (up to
//! 65549 bytes) at 65535; the format is a header and a line of four numbers before each packet.

use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use pcap::{Capture, Linktype, Offline, Precision};
use tempfile::NamedTempFile;

use super::{CaptureError, Frame};
use crate::files;

/// The first four bytes of a file whose times are in nanoseconds, in the byte order of the machine that writes it.
const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;

/// The most bytes of a packet that a reader must expect; libpcap refuses more.
const SNAPLEN: u32 = 256 << 10;

/// Writes packets to a pcap file (pcap-savefile(5)) with times in nanoseconds.
///
/// The file appears under its name when it is complete; until then, or when the writer is dropped, there is none.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
}

impl Writer {
    /// Begins a file beside its later place.
    ///
    /// # Errors
    ///
    /// [`CaptureError::Write`].
    pub fn create(path: &Path, link_type: Linktype) -> Result<Writer, CaptureError> {
        let begin = || {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            let file = tempfile::Builder::new()
                .prefix(files::ARTEFACT)
                .suffix(".pcap")
                // As for any new file: what the umask leaves of it.
                .permissions(Permissions::from_mode(0o666))
                .tempfile_in(folder)?;
            let mut file = BufWriter::new(file);
            file.write_all(&MAGIC_NANOSECONDS.to_ne_bytes())?;
            for half in [2_u16, 4] {
                file.write_all(&half.to_ne_bytes())?;
            }
            for word in [0, 0, SNAPLEN, link_type.0.cast_unsigned()] {
                file.write_all(&word.to_ne_bytes())?;
            }
            Ok(file)
        };
        let file = begin().map_err(|source| CaptureError::write(path, source))?;
        Ok(Writer {
            path: path.to_owned(),
            file,
        })
    }

    /// Appends a packet.
    ///
    /// # Errors
    ///
    /// [`CaptureError::Write`]; also for a packet of more than 256 KiB or a time after the year 2106, which the format
    /// cannot hold.
    pub fn write(&mut self, frame: &Frame) -> Result<(), CaptureError> {
        let Writer { path, file } = self;
        let mut append = || {
            let too_large = |_| io::Error::new(io::ErrorKind::InvalidInput, "the packet does not fit into a pcap file");
            let seconds = u32::try_from(frame.realtime / 1_000_000_000).map_err(too_large)?;
            let captured = u32::try_from(frame.bytes.len()).map_err(too_large)?;
            if captured > SNAPLEN {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "the packet does not fit into a pcap file",
                ));
            }
            let nanoseconds = (frame.realtime % 1_000_000_000) as u32;
            for word in [seconds, nanoseconds, captured, frame.original_len] {
                file.write_all(&word.to_ne_bytes())?;
            }
            file.write_all(&frame.bytes)
        };
        append().map_err(|source| CaptureError::write(path, source))
    }

    /// Completes the file and gives it its name; a file that has it already is replaced.
    ///
    /// # Errors
    ///
    /// [`CaptureError::Write`].
    pub fn finish(self) -> Result<(), CaptureError> {
        let Writer { path, file } = self;
        let complete = || {
            let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.persist(&path).map_err(|error| error.error)
        };
        complete()
            .map(drop)
            .map_err(|source| CaptureError::write(&path, source))
    }
}

/// The packets of a saved capture, in the order of the file.
pub struct Frames {
    capture: Capture<Offline>,
    path: PathBuf,
}

/// Opens a saved capture: pcap or pcapng, with times of any resolution.
///
/// # Errors
///
/// [`CaptureError::File`] when the file cannot be opened; [`CaptureError::Format`] when it is not a capture.
pub fn read(path: &Path) -> Result<Frames, CaptureError> {
    let file = File::open(path).map_err(|source| CaptureError::File {
        path: path.to_owned(),
        source,
    })?;
    // libpcap opens files by name and takes only UTF-8 here; the name of the open descriptor always is.
    let name = format!("/proc/self/fd/{}", file.as_raw_fd());
    let capture = Capture::from_file_with_precision(name, Precision::Nano).map_err(|source| CaptureError::Format {
        path: path.to_owned(),
        source,
    })?;
    Ok(Frames {
        capture,
        path: path.to_owned(),
    })
}

impl Frames {
    /// What the packets begin with.
    pub fn link_type(&self) -> Linktype {
        self.capture.get_datalink()
    }
}

/// Ends after the first error.
impl Iterator for Frames {
    type Item = Result<Frame, CaptureError>;

    fn next(&mut self) -> Option<Result<Frame, CaptureError>> {
        match self.capture.next_packet() {
            Ok(packet) => Some(Ok(Frame::from(packet))),
            Err(pcap::Error::NoMorePackets) => None,
            Err(source) => Some(Err(CaptureError::Format {
                path: self.path.clone(),
                source,
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;

    use proptest::prelude::*;

    use super::*;

    fn frame(realtime: u64, bytes: &[u8]) -> Frame {
        Frame {
            realtime,
            bytes: bytes.to_vec(),
            original_len: bytes.len() as u32,
        }
    }

    fn save(path: &Path, frames: &[Frame]) -> Result<(), CaptureError> {
        let mut writer = Writer::create(path, Linktype::ETHERNET)?;
        frames.iter().try_for_each(|frame| writer.write(frame))?;
        writer.finish()
    }

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    proptest! {
        #[test]
        fn saved_frames_come_back_as_they_were(
            frames in prop::collection::vec((0..u64::from(i32::MAX as u32) * 1_000_000_000,
                                             prop::collection::vec(any::<u8>(), 0..2000), 0_u32..1000), 0..8)
        ) {
            let folder = folder();
            let path = folder.path().join("run.pcap");
            let frames: Vec<Frame> = frames
                .into_iter()
                .map(|(at, bytes, cut)| Frame { original_len: bytes.len() as u32 + cut, ..frame(at, &bytes) })
                .collect();
            save(&path, &frames)?;
            let read = read(&path)?;
            prop_assert_eq!(read.link_type(), Linktype::ETHERNET);
            prop_assert_eq!(read.collect::<Result<Vec<_>, _>>()?, frames);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), valid_header: bool) {
            let folder = folder();
            let path = folder.path().join("any.pcap");
            save(&path, &[])?;
            let mut file = if valid_header { fs::read(&path)? } else { Vec::new() };
            file.extend(bytes);
            fs::write(&path, file)?;
            if let Ok(frames) = read(&path) {
                // It ends: at the end of the file or at its first error.
                let _ = frames.take(1000).count();
            }
        }
    }

    #[test]
    fn packet_of_the_hosts_loopback_is_saved_whole() -> Result<(), CaptureError> {
        let folder = folder();
        let path = folder.path().join("large.pcap");
        let frames = [frame(1, &vec![7; 65_550])];
        save(&path, &frames)?;
        assert_eq!(read(&path)?.collect::<Result<Vec<_>, _>>()?, frames);
        Ok(())
    }

    #[test]
    fn path_need_not_be_text() -> Result<(), CaptureError> {
        let folder = folder();
        let path = folder.path().join(OsStr::from_bytes(b"\xff.pcap"));
        save(&path, &[frame(1, b"x")])?;
        assert_eq!(read(&path)?.count(), 1);
        Ok(())
    }

    #[test]
    fn unfinished_file_leaves_nothing_behind() -> Result<(), CaptureError> {
        let folder = folder();
        let path = folder.path().join("run.pcap");
        let mut writer = Writer::create(&path, Linktype::ETHERNET)?;
        writer.write(&frame(1, b"x"))?;
        drop(writer);
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
        Ok(())
    }

    #[test]
    fn saved_file_can_be_read_by_those_whom_the_umask_allows() -> Result<(), CaptureError> {
        let folder = folder();
        save(&folder.path().join("run.pcap"), &[])?;
        fs::write(folder.path().join("plain"), "").expect("writable");
        let mode = |name: &str| {
            fs::metadata(folder.path().join(name))
                .expect("there")
                .permissions()
                .mode()
        };
        assert_eq!(mode("run.pcap"), mode("plain"));
        Ok(())
    }

    #[test]
    fn errors_name_the_file() {
        let folder = folder();
        let missing = folder.path().join("missing.pcap");
        let text = |error: CaptureError| error.to_string();
        assert!(text(read(&missing).err().expect("missing")).contains("missing.pcap could not be opened"));
        fs::write(&missing, "not a capture at all, but long enough").expect("writable");
        assert!(text(read(&missing).err().expect("wrong")).contains("missing.pcap cannot be read as a capture"));
        let nowhere = folder.path().join("no/such/folder.pcap");
        assert!(text(save(&nowhere, &[]).expect_err("no folder")).contains("could not be saved to"));
    }
}
