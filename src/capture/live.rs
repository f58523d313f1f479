//! The live capture on loopback.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use pcap::{Active, Capture, Linktype, Precision, Stat};

use super::{CaptureError, CaptureStats, Frame};
use crate::bench::{LOOPBACK, sys};

/// The kernel's buffer, bytes: room for 1 MiB of payload in full segments with an ACK for each, unread (2.5 MiB).
const BUFFER: i32 = 4 << 20;

/// Bytes to keep of a packet: all, also with the MTU of 65536 that the host's loopback has.
const SNAPLEN: i32 = 256 << 10;

/// The counts of a capture that has seen nothing.
const NOTHING: Stat = Stat {
    received: 0,
    dropped: 0,
    if_dropped: 0,
};

/// A running capture on `lo` of the network namespace in which it was opened.
///
/// It can be opened in one thread, used in another and dropped in a third: opening takes milliseconds and closing tens of
/// milliseconds, in which the kernel waits for its other CPUs.
///
/// Loopback shows every packet to a capture twice, going out and coming in; libpcap keeps the one that comes in: what a
/// firewall will drop is captured too. Where the kernel can leave out the other copy (Linux 4.20), it does.
pub struct Live {
    capture: Capture<Active>,
    copies: u64,
    before: Stat,
    read: u64,
}

impl Live {
    /// Starts the capture, in the calling thread's network namespace. Packets sent after it has returned are captured.
    ///
    /// `filter` is a pcap-filter(7) expression; without one, everything is captured.
    ///
    /// # Errors
    ///
    /// [`CaptureError`] with libpcap's own words.
    pub fn open(filter: Option<&str>) -> Result<Live, CaptureError> {
        let mut capture = Capture::from_device(LOOPBACK)
            .map_err(CaptureError::open)?
            .snaplen(SNAPLEN)
            .buffer_size(BUFFER)
            .immediate_mode(true)
            // libpcap has given nanoseconds on Linux since 1.5; where it could not, it would not tell. The doctor checks it.
            .precision(Precision::Nano)
            .open()
            .map_err(CaptureError::open)?;
        if let Some(filter) = filter {
            capture.filter(filter, true).map_err(CaptureError::open)?;
        }
        let copies = if sys::ignore_outgoing(capture.as_fd()).is_ok() {
            1
        } else {
            2
        };
        let mut live = Live {
            capture: capture.setnonblock().map_err(CaptureError::open)?,
            copies,
            before: NOTHING,
            read: 0,
        };
        if filter.is_some() {
            // Packets may have come in before the filter was there.
            live.before = live.capture.stats().map_err(CaptureError::Read)?;
            while live.next()?.is_some() {}
        }
        live.read = 0;
        Ok(live)
    }

    /// The next packet, or `None` when no more has been captured so far.
    ///
    /// # Errors
    ///
    /// [`CaptureError::Read`], when the interface goes away for example.
    #[expect(
        clippy::should_implement_trait,
        reason = "the end of the packets is for now only, unlike an iterator's"
    )]
    pub fn next(&mut self) -> Result<Option<Frame>, CaptureError> {
        match self.capture.next_packet() {
            Ok(packet) => {
                self.read += 1;
                Ok(Some(Frame::from(packet)))
            }
            Err(pcap::Error::TimeoutExpired) => Ok(None),
            Err(error) => Err(CaptureError::Read(error)),
        }
    }

    /// What libpcap has counted so far, beside the number of packets read.
    ///
    /// The capture is complete when `dropped` is 0 and, after a barrier and reading all, `received` is `copies` times `read`.
    ///
    /// # Errors
    ///
    /// [`CaptureError::Read`].
    pub fn stats(&mut self) -> Result<CaptureStats, CaptureError> {
        let stats = self.capture.stats().map_err(CaptureError::Read)?;
        Ok(CaptureStats {
            received: u64::from(stats.received.wrapping_sub(self.before.received)),
            dropped: u64::from(stats.dropped.wrapping_sub(self.before.dropped)),
            interface_dropped: u64::from(stats.if_dropped.wrapping_sub(self.before.if_dropped)),
            read: self.read,
            copies: self.copies,
        })
    }

    /// What the packets begin with: an Ethernet header on loopback.
    pub fn link_type(&self) -> Linktype {
        self.capture.get_datalink()
    }
}

/// Readable when packets have been captured; read until there are none before waiting again.
impl AsRawFd for Live {
    fn as_raw_fd(&self) -> RawFd {
        self.capture.as_raw_fd()
    }
}

impl AsFd for Live {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.capture.as_fd()
    }
}
