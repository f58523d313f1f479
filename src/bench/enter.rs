//! The right to make network namespaces: taken once, at the start of the program, before it has a second thread.

use std::fs;
use std::io;
use std::path::PathBuf;

use caps::CapSet;
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::unistd::{Uid, getegid, geteuid};
use thiserror::Error;

use super::diagnosis::{Diagnosis, Facts, diagnose};
use super::privileges::NEEDED;

/// A step on the way to a network namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnterStep {
    /// unshare(CLONE_NEWUSER).
    UserNamespace,
    /// Writing `/proc/self/setgroups`.
    SetGroups,
    /// Writing `/proc/self/uid_map`.
    UidMap,
    /// Writing `/proc/self/gid_map`.
    GidMap,
    /// unshare(CLONE_NEWNET), in the thread of a bench.
    NetworkNamespace,
}

impl EnterStep {
    /// What is done in the step.
    pub fn name(self) -> &'static str {
        match self {
            EnterStep::UserNamespace => "unshare(CLONE_NEWUSER)",
            EnterStep::SetGroups => "write /proc/self/setgroups",
            EnterStep::UidMap => "write /proc/self/uid_map",
            EnterStep::GidMap => "write /proc/self/gid_map",
            EnterStep::NetworkNamespace => "unshare(CLONE_NEWNET)",
        }
    }
}

/// Why no private loopback can be made here: the step that failed, the cause and the remedy.
#[derive(Debug, Error)]
#[error(
    "no private loopback: {}: {errno}\n\
     Cause: {}\n\
     Remedy: {}", step.name(), diagnosis.cause, diagnosis.remedy
)]
pub struct EnterError {
    /// The step that failed.
    pub step: EnterStep,
    /// What the kernel said.
    pub errno: Errno,
    /// What that means on this machine.
    pub diagnosis: Box<Diagnosis>,
}

impl EnterError {
    /// Looks at the machine to find the cause. `user` is who runs the program; in a new user namespace the system does not
    /// tell any more until the map is written.
    pub(super) fn new(step: EnterStep, errno: Errno, user: Uid) -> EnterError {
        let diagnosis = Box::new(diagnose(step, errno, &Facts::gather(user)));
        EnterError { step, errno, diagnosis }
    }
}

/// Gives the program the right to make private benches; call it before any thread exists, and not at all for a run on the
/// host's own loopback.
///
/// With the capabilities that namespaces need (root), nothing changes: files keep their access. Everybody else, root in a
/// container included, moves into a user namespace in which the user and group have the same numbers as outside, so that
/// files belong to who they should. The program has all capabilities there; programs that it starts have none (unless the
/// user is root).
///
/// # Errors
///
/// [`EnterError`] with cause and remedy. The process may be in a user namespace without a mapping by then; it should
/// do nothing more than report that.
pub fn enter() -> Result<(), EnterError> {
    if has_capabilities() {
        return Ok(());
    }
    let (uid, gid) = (geteuid(), getegid());
    // A program with file capabilities is not "dumpable", and then its files in /proc belong to root. It stays as it is where
    // that is forbidden; the maps will tell.
    let _ = prctl::set_dumpable(true);
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|errno| EnterError::new(EnterStep::UserNamespace, errno, uid))?;
    let write = |step: EnterStep, file: &str, text: &str| {
        let path = PathBuf::from("/proc/self").join(file);
        fs::write(path, text).map_err(|error| EnterError::new(step, errno_of(&error), uid))
    };
    // The kernel wants setgroups(2) given up before it lets an unprivileged process write the group map.
    write(EnterStep::SetGroups, "setgroups", "deny")?;
    write(EnterStep::UidMap, "uid_map", &format!("{uid} {uid} 1"))?;
    write(EnterStep::GidMap, "gid_map", &format!("{gid} {gid} 1"))
}

fn errno_of(error: &io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw)
}

/// Whether the process may do all that a bench needs without a user namespace: make namespaces, configure them, capture.
fn has_capabilities() -> bool {
    caps::read(None, CapSet::Effective).is_ok_and(|held| NEEDED.iter().all(|capability| held.contains(capability)))
}
