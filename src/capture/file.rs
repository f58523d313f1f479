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
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let file = tempfile::Builder::new()
                .prefix(".tcplab-")
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
        Ok(Writer { path: path.to_owned(), file })
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
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "the packet does not fit into a pcap file"));
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
        complete().map(drop).map_err(|source| CaptureError::write(&path, source))
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
    let file = File::open(path).map_err(|source| CaptureError::File { path: path.to_owned(), source })?;
    // libpcap opens files by name and takes only UTF-8 here; the name of the open descriptor always is.
    let name = format!("/proc/self/fd/{}", file.as_raw_fd());
    let capture = Capture::from_file_with_precision(name, Precision::Nano)
        .map_err(|source| CaptureError::Format { path: path.to_owned(), source })?;
    Ok(Frames { capture, path: path.to_owned() })
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
            Err(source) => Some(Err(CaptureError::Format { path: self.path.clone(), source })),
        }
    }
}
