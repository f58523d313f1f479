//! Captures, live from loopback and saved in files, and the TCP segments in their frames.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

mod decode;
mod encode;
mod file;
mod icmp;
mod live;
mod probe;

pub use decode::{Decoded, LinkType, TcpFrame, decode};
pub use encode::EncodeError;
pub use file::{Frames, Writer, read};
pub use live::Live;
pub use pcap::Linktype;
pub use probe::probe;

/// One captured packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When the kernel captured it: nanoseconds since 1970, by the clock that may be set (CLOCK_REALTIME).
    pub realtime: u64,
    /// The packet from its link-layer header on, as far as it was captured.
    pub bytes: Vec<u8>,
    /// How long it was on the wire, bytes.
    pub original_len: u32,
}

/// A packet of a capture that was opened with nanosecond precision: libpcap then has nanoseconds in `tv_usec`.
impl From<pcap::Packet<'_>> for Frame {
    fn from(packet: pcap::Packet<'_>) -> Frame {
        // The types of a timeval differ between platforms, and a damaged file can hold any values.
        let seconds = u64::try_from(packet.header.ts.tv_sec).unwrap_or_default();
        let nanoseconds = u64::try_from(packet.header.ts.tv_usec).unwrap_or_default();
        Frame {
            realtime: seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds),
            bytes: packet.data.to_vec(),
            original_len: packet.header.len,
        }
    }
}

/// What libpcap counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CaptureStats {
    /// Packets that the kernel handed to the capture (on loopback each is seen twice, going out and coming in).
    pub received: u64,
    /// Packets lost because the buffer was full.
    pub dropped: u64,
    /// Packets lost by the interface.
    pub interface_dropped: u64,
    /// Packets that the lab read, its own sentinels included.
    pub read: u64,
    /// Copies of each packet that the kernel counts in `received`: 2 on loopback, 1 when the outgoing one is ignored.
    pub copies: u64,
}

/// Why packets cannot be captured, read or saved.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// The user may not capture here.
    #[error(
        "capturing on lo is not permitted: {0}\n\
         In a private bench nobody needs a permission. For the host's own loopback run tcplab as root, or give the program \
         the right once: sudo setcap cap_net_raw+ep {program}", program = program()
    )]
    NotPermitted(#[source] pcap::Error),
    /// There is no loopback interface.
    #[error("there is no interface lo to capture on: {0}")]
    NoDevice(#[source] pcap::Error),
    /// The capture could not be started for another reason.
    #[error("the capture on lo could not be started: {0}")]
    Open(#[source] pcap::Error),
    /// The running capture failed.
    #[error("the capture on lo failed: {0}")]
    Read(#[source] pcap::Error),
    /// A capture file could not be opened.
    #[error("the capture file {} could not be opened: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not a capture, or is damaged.
    #[error("{} cannot be read as a capture (pcap or pcapng): {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What libpcap said.
        source: pcap::Error,
    },
    /// A capture could not be saved.
    #[error("the capture could not be saved to {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl CaptureError {
    /// The crate passes on libpcap's text, not its status.
    fn open(error: pcap::Error) -> CaptureError {
        let text = error.to_string();
        if text.contains("ermission") || text.contains("Operation not permitted") {
            CaptureError::NotPermitted(error)
        } else if text.contains("No such device") {
            CaptureError::NoDevice(error)
        } else {
            CaptureError::Open(error)
        }
    }

    fn write(path: &Path, source: io::Error) -> CaptureError {
        CaptureError::Write {
            path: path.to_owned(),
            source,
        }
    }
}

fn program() -> String {
    std::env::current_exe().map_or_else(|_| "/path/to/tcplab".to_owned(), |path| path.display().to_string())
}
