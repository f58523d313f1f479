//! Descriptors on tokio's reactor.

#![expect(
    unsafe_code,
    reason = "tokio cannot know that a descriptor stays open while it watches it"
)]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Has the current tokio runtime watch a descriptor that `inner` owns.
///
/// # Errors
/// What epoll_ctl(2) reports.
pub fn watch<T: AsRawFd + Into<OwnedFd>>(inner: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    // SAFETY: a type that converts into `OwnedFd` owns its descriptor, so it stays open, and the same, until `inner` is
    // dropped; the lab never exchanges the inner value of an `AsyncFd`.
    let registered = unsafe { AsyncFd::register_with_interest(inner, interest) };
    registered.map_err(io::Error::from)
}
