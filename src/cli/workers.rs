//! How many runs go on at once.

use std::num::NonZeroUsize;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Runs that wait for the kernel cost almost no processor time, so more of them than cores pays.
const RUNS_PER_CORE: usize = 4;

/// Files that a run has open at most: eleven while it goes on (the capture, the packet queue, netlink, raw and UDP sockets, the runtime's
/// own), its connection, and what it writes.
const FILES_PER_RUN: u64 = 16;

/// Files of the program itself.
const OWN_FILES: u64 = 32;

/// As many runs as were asked for, or four per core, but no more than the open files allow; says so where that is less than was
/// asked for. The limit of open files is raised as far as the system lets it.
pub(super) fn workers(asked: Option<NonZeroUsize>) -> usize {
    let default = || RUNS_PER_CORE * std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let wanted = asked.map_or_else(default, NonZeroUsize::get);
    let Some(files) = most_files() else { return wanted };
    let possible = possible(files);
    if asked.is_some() && possible < wanted {
        eprintln!(
            "note: {possible} runs at once, not {wanted}: this program may have {files} files open\n  \
             help: allow more (`ulimit -n`)"
        );
    }
    wanted.min(possible)
}

fn possible(files: u64) -> usize {
    usize::try_from(files.saturating_sub(OWN_FILES) / FILES_PER_RUN).map_or(usize::MAX, |runs| runs.max(1))
}

/// Raises the soft limit of open files to the hard one; which is that, if the system tells.
fn most_files() -> Option<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => Some(hard),
        Err(_) => Some(soft),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_room_for_one_run() {
        assert_eq!([0, 40, 64, 1024, 20_000].map(possible), [1, 1, 2, 62, 1248]);
    }
}
