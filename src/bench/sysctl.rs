//! The settings of a bench's network namespace: everything on which a transcript depends.
//!
//! A new namespace takes some values over from the host and some from the kernel's defaults, which change from release to
//! release. The profile writes both, so that a scenario gives the same segments on every Linux. Not covered, because the
//! kernel has one value for all namespaces: `tcp_mem`, `net.core.rmem_max`, `net.core.netdev_max_backlog`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::BenchError;
use crate::scenario::SysctlValue;

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Sysctl {
    /// Its file below `/proc/sys/net`.
    pub name: &'static str,
    /// What a bench sets.
    pub value: &'static str,
    /// Why this value.
    pub why: &'static str,
    /// Whether every supported kernel has it. Without one that is newer, the kernel behaves as the reason says or the
    /// difference is small; so its absence is no error.
    pub required: bool,
}

const fn required(name: &'static str, value: &'static str, why: &'static str) -> Sysctl {
    Sysctl {
        name,
        value,
        why,
        required: true,
    }
}

const fn newer(name: &'static str, value: &'static str, why: &'static str) -> Sysctl {
    Sysctl {
        name,
        value,
        why,
        required: false,
    }
}

const DEFAULT: &str = "the documented default";
const CLOCK: &str = "otherwise it depends on how much time has passed";

/// The profile of a bench. "The documented default" is that of `ip-sysctl.rst` in the kernel's documentation.
pub const PROFILE: &[Sysctl] = &[
    // Congestion control and the form of the segments.
    required(
        "ipv4/tcp_congestion_control",
        "reno",
        "the only one that everybody may set; bbr would pace segments",
    ),
    required(
        "ipv4/tcp_autocorking",
        "0",
        "a small write is sent at once, whatever is still queued",
    ),
    required("ipv4/tcp_slow_start_after_idle", "0", CLOCK),
    required(
        "ipv4/tcp_limit_output_bytes",
        "4194304",
        "bytes below TCP; older kernels had less",
    ),
    required("ipv4/tcp_notsent_lowat", "4294967295", DEFAULT),
    required("ipv4/tcp_mtu_probing", "0", DEFAULT),
    required(
        "ipv4/tcp_no_metrics_save",
        "1",
        "a connection must not learn from the one before it",
    ),
    // Buffers and windows.
    required(
        "ipv4/tcp_rmem",
        "4096 8388608 8388608",
        "1 MiB with the kernel's overhead fits unread, and the window reaches its bound without tuning",
    ),
    required(
        "ipv4/tcp_wmem",
        "4096 8388608 8388608",
        "one write call takes 1 MiB, with the kernel's overhead",
    ),
    required("ipv4/tcp_moderate_rcvbuf", "0", "tuning goes by measured times"),
    required(
        "ipv4/tcp_adv_win_scale",
        "1",
        "half of the buffer is window: the documented default, fixed since Linux 6.6",
    ),
    required("ipv4/tcp_app_win", "31", DEFAULT),
    newer("ipv4/tcp_shrink_window", "0", DEFAULT),
    // Options of the handshake.
    required("ipv4/tcp_timestamps", "1", DEFAULT),
    required("ipv4/tcp_sack", "1", DEFAULT),
    required("ipv4/tcp_dsack", "1", DEFAULT),
    required("ipv4/tcp_window_scaling", "1", DEFAULT),
    required("ipv4/tcp_ecn", "0", "no ECN, not even when asked for"),
    required("ipv4/tcp_fastopen", "0", "no cookies, no data in SYN"),
    required("ipv4/tcp_syncookies", "1", DEFAULT),
    required(
        "ipv4/tcp_max_syn_backlog",
        "1024",
        "the default depends on the host's memory",
    ),
    required("core/somaxconn", "4096", DEFAULT),
    required("ipv4/tcp_abort_on_overflow", "0", DEFAULT),
    // When acknowledgments are sent.
    newer(
        "ipv4/tcp_backlog_ack_defer",
        "0",
        "one ACK for each segment, also for those that come during a system call",
    ),
    newer(
        "ipv4/tcp_comp_sack_nr",
        "0",
        "one ACK for each segment out of order; before Linux 4.18 always so",
    ),
    newer("ipv4/tcp_pingpong_thresh", "1", DEFAULT),
    required("ipv4/tcp_invalid_ratelimit", "500", DEFAULT),
    required(
        "ipv4/tcp_challenge_ack_limit",
        "2147483647",
        "no limit, the default since Linux 5.19",
    ),
    // Loss and time.
    required(
        "ipv4/tcp_early_retrans",
        "0",
        "no tail loss probes: they go by the measured RTT",
    ),
    required("ipv4/tcp_recovery", "1", DEFAULT),
    required("ipv4/tcp_reordering", "3", DEFAULT),
    required("ipv4/tcp_frto", "2", DEFAULT),
    required("ipv4/tcp_retries1", "3", DEFAULT),
    required("ipv4/tcp_retries2", "15", DEFAULT),
    required("ipv4/tcp_orphan_retries", "0", DEFAULT),
    required("ipv4/tcp_syn_retries", "6", DEFAULT),
    required("ipv4/tcp_synack_retries", "5", DEFAULT),
    newer(
        "ipv4/tcp_syn_linear_timeouts",
        "0",
        "SYNs back off at once, as RFC 6298 says and Linux did before 6.5",
    ),
    required("ipv4/tcp_thin_linear_timeouts", "0", DEFAULT),
    newer("ipv4/tcp_rto_min_us", "200000", DEFAULT),
    newer("ipv4/tcp_rto_max_ms", "120000", DEFAULT),
    required("ipv4/tcp_keepalive_time", "7200", DEFAULT),
    required("ipv4/tcp_keepalive_intvl", "75", DEFAULT),
    required("ipv4/tcp_keepalive_probes", "9", DEFAULT),
    // The end of a connection.
    required("ipv4/tcp_fin_timeout", "60", DEFAULT),
    required(
        "ipv4/tcp_tw_reuse",
        "0",
        "TIME-WAIT holds; the default lets a connection take it over after one second",
    ),
    required("ipv4/tcp_rfc1337", "0", DEFAULT),
    required(
        "ipv4/tcp_max_tw_buckets",
        "16384",
        "the default depends on the host's memory",
    ),
    // Addresses and IP.
    required("ipv4/ip_local_port_range", "32768 60999", DEFAULT),
    required("ipv4/ip_default_ttl", "64", DEFAULT),
    newer(
        "ipv6/conf/lo/disable_ipv6",
        "0",
        "a host may have switched IPv6 off for new interfaces",
    ),
];

/// The settings of a bench, once they are written.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// The names of the profile's settings that this kernel does not have.
    pub(super) absent: Vec<&'static str>,
    /// What was written, by its name as sysctl(8) spells it without `net.`.
    pub(super) set: BTreeMap<String, String>,
}

/// Writes the profile, and then what a scenario wants otherwise.
///
/// What a scenario wants and the kernel does not have is [`BenchError::Unsupported`].
pub(super) fn apply(wanted: &[SysctlValue]) -> Result<Applied, BenchError> {
    let mut applied = Applied::default();
    for sysctl in PROFILE {
        match fs::write(sysctl.path(), sysctl.value) {
            Ok(()) => {
                let name = sysctl.name.replace('/', ".");
                applied.set.insert(name, sysctl.value.to_owned());
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && !sysctl.required => {
                applied.absent.push(sysctl.name);
            }
            Err(source) => {
                return Err(BenchError::Sysctl {
                    name: sysctl.name.to_owned(),
                    value: sysctl.value.to_owned(),
                    source,
                });
            }
        }
    }
    for sysctl in wanted {
        write(sysctl)?;
        applied.set.insert(sysctl.name.clone(), sysctl.value.clone());
    }
    Ok(applied)
}

/// The scenario layer lets only known names through; here they are told from paths once more, for what is written is a file.
fn write(sysctl: &SysctlValue) -> Result<(), BenchError> {
    let SysctlValue { name, value } = sysctl;
    let failed = |source| BenchError::Sysctl {
        name: name.replace('.', "/"),
        value: value.clone(),
        source,
    };
    if name.split('.').any(str::is_empty) || name.contains('/') {
        return Err(failed(io::ErrorKind::InvalidInput.into()));
    }
    let path = Path::new("/proc/sys/net").join(name.replace('.', "/"));
    let is_algorithm = name == "ipv4.tcp_congestion_control";
    fs::write(&path, value).map_err(|source| match source.raw_os_error() {
        Some(libc::ENOENT) if is_algorithm && path.exists() => {
            BenchError::Unsupported(format!("this kernel has no congestion control `{value}`"))
        }
        Some(libc::EPERM) if is_algorithm => BenchError::Unsupported(format!(
            "this machine does not let everybody choose the congestion control `{value}` \
             (net.ipv4.tcp_allowed_congestion_control)"
        )),
        Some(libc::ENOENT) => BenchError::Unsupported(format!("this kernel has no setting net.{name}")),
        _ => failed(source),
    })
}

impl Sysctl {
    /// The setting's file, which shows the namespace of the thread that opens it.
    pub fn path(&self) -> PathBuf {
        Path::new("/proc/sys/net").join(self.name)
    }

    /// The value in the calling thread's namespace, with single spaces.
    ///
    /// # Errors
    ///
    /// What reading the file says; `NotFound` on a kernel without the setting.
    pub fn current(&self) -> io::Result<String> {
        Ok(fs::read_to_string(self.path())?
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profile_names_each_setting_once() {
        let mut names: Vec<_> = PROFILE.iter().map(|sysctl| sysctl.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
