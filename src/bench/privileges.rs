//! The lab gives up each right that it has no use for, so that a mistake in it can do little.
//!
//! Not covered: what the kernel lets everybody do. The lab opens no file beside those named on its command line and in scenarios, and
//! starts no program.

use caps::errors::CapsError;
use caps::{CapSet, Capability, CapsHashSet};
use nix::sys::prctl;
use nix::unistd::geteuid;

/// What making and using a bench takes (capabilities(7)): namespaces, their settings and routes, captures and raw segments, and
/// any port.
pub(super) const NEEDED: [Capability; 4] = [
    Capability::CAP_SYS_ADMIN,
    Capability::CAP_NET_ADMIN,
    Capability::CAP_NET_RAW,
    Capability::CAP_NET_BIND_SERVICE,
];

/// What root keeps beside it, for without a user namespace its files are still those of the machine: it reads and writes what
/// belongs to others, as everybody expects of root.
const OF_ROOT: [Capability; 4] = [
    Capability::CAP_DAC_OVERRIDE,
    Capability::CAP_DAC_READ_SEARCH,
    Capability::CAP_FOWNER,
    Capability::CAP_CHOWN,
];

/// Gives up all capabilities that a run does not need, for this thread and all that it starts, for good: no program that it might
/// start gets them back. Call it before there is another thread, behind [`enter`](super::enter()).
///
/// # Errors
/// The kernel refuses to take a right away, which it has no reason to.
pub fn give_up_privileges() -> Result<(), CapsError> {
    let mut kept: CapsHashSet = NEEDED.into_iter().collect();
    if geteuid().is_root() {
        kept.extend(OF_ROOT);
    }
    // The bounding set needs a right of its own to be made smaller; without it nothing can be gained through it either.
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP)? {
        for capability in caps::read(None, CapSet::Bounding)?.difference(&kept) {
            caps::drop(None, CapSet::Bounding, *capability)?;
        }
    }
    for set in [CapSet::Effective, CapSet::Permitted] {
        let held = caps::read(None, set)?;
        caps::set(None, set, &held.intersection(&kept).copied().collect())?;
    }
    caps::clear(None, CapSet::Inheritable)?;
    // Kernels before 4.3 have no ambient set.
    if caps::read(None, CapSet::Ambient).is_ok() {
        caps::clear(None, CapSet::Ambient)?;
    }
    prctl::set_no_new_privs().map_err(|errno| CapsError::from(format!("PR_SET_NO_NEW_PRIVS: {errno}")))
}
