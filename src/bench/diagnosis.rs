//! Why the kernel refuses a namespace, and what helps: a pure function of the step, the error number and facts about the
//! machine.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::Uid;

use super::EnterStep;

/// What a refusal means on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// The cause, one sentence.
    pub cause: String,
    /// What helps, with the commands to type.
    pub remedy: String,
}

/// What is known about the machine; `None` where the kernel has no such setting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// `Threads:` of `/proc/self/status`.
    pub(super) threads: Option<u64>,
    /// `user.max_user_namespaces`.
    pub(super) max_user_namespaces: Option<u64>,
    /// `user.max_net_namespaces`.
    pub(super) max_net_namespaces: Option<u64>,
    /// `kernel.unprivileged_userns_clone`, which only Debian's kernels and their relatives have.
    pub(super) unprivileged_userns_clone: Option<u64>,
    /// `kernel.apparmor_restrict_unprivileged_userns`, which Ubuntu has since 23.10.
    pub(super) apparmor_restricts: Option<u64>,
    /// `Seccomp:` of `/proc/self/status`; 2 is a filter.
    pub(super) seccomp: Option<u64>,
    /// Whether this is the inside of a container.
    pub(super) container: bool,
    /// Whether the root directory is not the root of a mount.
    pub(super) chrooted: bool,
    /// Whether root runs the program.
    pub(super) root: bool,
    /// This program's file.
    pub(super) program: PathBuf,
}

impl Facts {
    /// Reads them from `/proc`; what cannot be read is unknown.
    pub(super) fn gather(user: Uid) -> Facts {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let of_status = |key: &str| {
            let value = status
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
            value.trim().parse().ok()
        };
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        Facts {
            threads: of_status("Threads"),
            max_user_namespaces: number("/proc/sys/user/max_user_namespaces"),
            max_net_namespaces: number("/proc/sys/user/max_net_namespaces"),
            unprivileged_userns_clone: number("/proc/sys/kernel/unprivileged_userns_clone"),
            apparmor_restricts: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
            seccomp: of_status("Seccomp"),
            container: ["/.dockerenv", "/run/.containerenv"]
                .iter()
                .any(|path| Path::new(path).exists())
                || env::var_os("container").is_some(),
            chrooted: !mounts.is_empty() && !shows_root_mount(&mounts),
            root: user.is_root(),
            program: env::current_exe().unwrap_or_else(|_| PathBuf::from("/path/to/tcplab")),
        }
    }
}

fn number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Whether one of the mounts (proc_pid_mountinfo(5)) is at `/`. In a chroot to a plain folder none is.
fn shows_root_mount(mountinfo: &str) -> bool {
    mountinfo.lines().any(|line| line.split(' ').nth(4) == Some("/"))
}

/// What the refusal means.
pub(super) fn diagnose(step: EnterStep, errno: Errno, facts: &Facts) -> Diagnosis {
    use EnterStep::{GidMap, NetworkNamespace, SetGroups, UidMap, UserNamespace};

    let denied = matches!(errno, Errno::EPERM | Errno::EACCES);
    match (step, errno) {
        (UserNamespace, Errno::EINVAL) if facts.threads.is_some_and(|threads| threads > 1) => says(
            format!(
                "the process has {} threads, and the kernel lets only a process with one thread change its user namespace.",
                facts.threads.unwrap_or_default()
            ),
            "call bench::enter() first in main(), before any thread or async runtime is started.",
        ),
        (UserNamespace | NetworkNamespace, Errno::EINVAL) => says(
            "this kernel was built without the namespaces (CONFIG_USER_NS, CONFIG_NET_NS).",
            "run tcplab as root, or on another kernel.",
        ),
        (UserNamespace, Errno::ENOSPC) if facts.max_user_namespaces == Some(0) => says(
            "user namespaces are switched off: user.max_user_namespaces is 0.",
            "sudo sysctl -w user.max_user_namespaces=15000 (to keep it, put the line \"user.max_user_namespaces = 15000\" \
             into /etc/sysctl.d/90-tcplab.conf), or run tcplab as root.",
        ),
        (UserNamespace, Errno::ENOSPC | Errno::EUSERS) => limit("user", facts.max_user_namespaces),
        (NetworkNamespace, Errno::ENOSPC) if facts.max_net_namespaces == Some(0) => says(
            "network namespaces are switched off: user.max_net_namespaces is 0.",
            "sudo sysctl -w user.max_net_namespaces=15000",
        ),
        (NetworkNamespace, Errno::ENOSPC | Errno::EUSERS) => limit("net", facts.max_net_namespaces),
        (UserNamespace, _) if denied && !facts.root && facts.unprivileged_userns_clone == Some(0) => says(
            "this Debian kernel lets only root make user namespaces: kernel.unprivileged_userns_clone is 0.",
            "sudo sysctl -w kernel.unprivileged_userns_clone=1 (to keep it, put the line \
             \"kernel.unprivileged_userns_clone = 1\" into /etc/sysctl.d/90-tcplab.conf), or run tcplab as root.",
        ),
        (UserNamespace, Errno::EPERM) if facts.chrooted => says(
            "the process is in a chroot, and the kernel lets no process in a chroot make a user namespace.",
            "run tcplab outside of the chroot, or as root with CAP_SYS_ADMIN.",
        ),
        _ if denied && !facts.root && facts.apparmor_restricts.is_some_and(|value| value != 0) => {
            apparmor(&facts.program)
        }
        (UidMap, Errno::EPERM) if facts.root => says(
            "this root has no capability CAP_SETFCAP, without which root cannot be mapped into a user namespace.",
            "run tcplab as an ordinary user, or as root with CAP_SETFCAP or CAP_SYS_ADMIN.",
        ),
        (_, Errno::EPERM | Errno::EACCES | Errno::ENOSYS) if facts.container => container(facts),
        (_, Errno::EPERM | Errno::ENOSYS) if facts.seccomp == Some(2) => says(
            "a seccomp filter of the surrounding sandbox (systemd, snap, flatpak, a CI runner) forbids the call.",
            "run tcplab outside of the sandbox, or allow unshare in it (systemd: RestrictNamespaces=no).",
        ),
        (NetworkNamespace, Errno::EPERM) => says(
            "the process has no right to make network namespaces: it is not root and has not entered a user namespace.",
            "call bench::enter() at the start of main(); as a user of the program, see tcplab doctor.",
        ),
        (SetGroups | UidMap | GidMap, Errno::EACCES) => says(
            "the kernel gives the process no rights in the user namespace it has just made: a security module (SELinux, \
             AppArmor) withholds them, or the program file has capabilities (setcap).",
            "run tcplab as root, without setcap, or allow it user namespaces in the security module's policy.",
        ),
        _ => says(
            "unknown; a security module or the configuration of this kernel may forbid it.",
            "run tcplab as root, or see tcplab doctor for what else the machine allows.",
        ),
    }
}

fn says(cause: impl Into<String>, remedy: impl Into<String>) -> Diagnosis {
    Diagnosis {
        cause: cause.into(),
        remedy: remedy.into(),
    }
}

fn limit(kind: &str, max: Option<u64>) -> Diagnosis {
    let max = max.map_or_else(|| "unknown".to_owned(), |max| max.to_string());
    says(
        format!(
            "the limit of namespaces is reached: user.max_{kind}_namespaces is {max}, here or in a surrounding namespace."
        ),
        format!(
            "run fewer scenarios at once, wait a second (namespaces end with a delay), or raise the limit: \
             sudo sysctl -w user.max_{kind}_namespaces=15000"
        ),
    )
}

/// Ubuntu since 23.10 lets an unprivileged program make a user namespace, but gives it no rights in it.
fn apparmor(program: &Path) -> Diagnosis {
    says(
        "AppArmor gives unprivileged programs no rights in user namespaces: \
         kernel.apparmor_restrict_unprivileged_userns is 1 (Ubuntu 23.10 and later).",
        format!(
            "allow it to this program with a profile:\n\
             \x20 sudo tee /etc/apparmor.d/tcplab <<'EOF'\n\
             \x20 abi <abi/4.0>,\n\
             \x20 profile tcplab \"{}\" flags=(unconfined) {{\n\
             \x20   userns,\n\
             \x20 }}\n\
             \x20 EOF\n\
             \x20 sudo apparmor_parser -r /etc/apparmor.d/tcplab\n\
             or to all programs: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
            program.display()
        ),
    )
}

fn container(facts: &Facts) -> Diagnosis {
    let sandbox = if facts.seccomp == Some(2) {
        "seccomp filter"
    } else {
        "configuration"
    };
    says(
        format!("the container's {sandbox} forbids namespaces."),
        "start the container with --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
         --security-opt systempaths=unconfined (Docker, Podman), or with --privileged.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row per cause: step, error number, facts, and words that cause and remedy must have.
    #[test]
    fn every_known_refusal_has_its_cause_and_remedy() {
        use EnterStep::{NetworkNamespace, SetGroups, UidMap, UserNamespace};
        let none = Facts::default;
        let apparmor = || Facts {
            apparmor_restricts: Some(1),
            program: "/usr/bin/tcplab".into(),
            ..none()
        };
        let rows = [
            (
                UserNamespace,
                Errno::EINVAL,
                Facts {
                    threads: Some(3),
                    ..none()
                },
                "3 threads",
                "first in main()",
            ),
            (
                UserNamespace,
                Errno::EINVAL,
                Facts {
                    threads: Some(1),
                    ..none()
                },
                "CONFIG_USER_NS",
                "as root",
            ),
            (
                UserNamespace,
                Errno::ENOSPC,
                Facts {
                    max_user_namespaces: Some(0),
                    ..none()
                },
                "switched off",
                "sysctl -w user.max_user_namespaces=15000",
            ),
            (
                UserNamespace,
                Errno::ENOSPC,
                Facts {
                    max_user_namespaces: Some(9),
                    ..none()
                },
                "max_user_namespaces is 9",
                "raise the limit",
            ),
            (
                NetworkNamespace,
                Errno::ENOSPC,
                Facts {
                    max_net_namespaces: Some(0),
                    ..none()
                },
                "switched off",
                "user.max_net_namespaces=15000",
            ),
            (
                NetworkNamespace,
                Errno::ENOSPC,
                Facts {
                    max_net_namespaces: Some(7),
                    ..none()
                },
                "max_net_namespaces is 7",
                "raise the limit",
            ),
            (
                UserNamespace,
                Errno::EPERM,
                Facts {
                    unprivileged_userns_clone: Some(0),
                    ..none()
                },
                "Debian",
                "sysctl -w kernel.unprivileged_userns_clone=1",
            ),
            (
                UserNamespace,
                Errno::EPERM,
                Facts {
                    chrooted: true,
                    ..none()
                },
                "chroot",
                "outside of the chroot",
            ),
            (
                SetGroups,
                Errno::EACCES,
                apparmor(),
                "AppArmor",
                "profile tcplab \"/usr/bin/tcplab\"",
            ),
            (UidMap, Errno::EPERM, apparmor(), "AppArmor", "apparmor_parser -r"),
            (
                UserNamespace,
                Errno::EACCES,
                apparmor(),
                "AppArmor",
                "apparmor_restrict_unprivileged_userns=0",
            ),
            (NetworkNamespace, Errno::EPERM, apparmor(), "AppArmor", "userns,"),
            (
                UserNamespace,
                Errno::EPERM,
                Facts {
                    container: true,
                    seccomp: Some(2),
                    root: true,
                    ..none()
                },
                "container's seccomp filter",
                "seccomp=unconfined",
            ),
            (
                UserNamespace,
                Errno::ENOSYS,
                Facts {
                    container: true,
                    ..none()
                },
                "container's",
                "--privileged",
            ),
            (
                UidMap,
                Errno::EPERM,
                Facts { root: true, ..none() },
                "CAP_SETFCAP",
                "ordinary user",
            ),
            (
                UserNamespace,
                Errno::EPERM,
                Facts {
                    seccomp: Some(2),
                    ..none()
                },
                "sandbox",
                "RestrictNamespaces=no",
            ),
            (NetworkNamespace, Errno::EPERM, none(), "no right", "bench::enter()"),
            (SetGroups, Errno::EACCES, none(), "security module", "setcap"),
            (UserNamespace, Errno::ENOMEM, none(), "unknown", "tcplab doctor"),
        ];
        for (step, errno, facts, cause, remedy) in rows {
            let diagnosis = diagnose(step, errno, &facts);
            assert!(diagnosis.cause.contains(cause), "{step:?} {errno}: {diagnosis:?}");
            assert!(diagnosis.remedy.contains(remedy), "{step:?} {errno}: {diagnosis:?}");
        }
    }

    #[test]
    fn settings_that_bind_only_the_unprivileged_are_not_blamed_for_roots_trouble() {
        let facts = Facts {
            root: true,
            apparmor_restricts: Some(1),
            unprivileged_userns_clone: Some(0),
            ..Facts::default()
        };
        let diagnosis = diagnose(EnterStep::UserNamespace, Errno::EPERM, &facts);
        assert!(diagnosis.cause.starts_with("unknown"), "{diagnosis:?}");
    }

    #[test]
    fn chroot_shows_no_mount_at_its_root() {
        let host = "22 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw\n23 22 0:20 / /proc rw - proc proc rw\n";
        assert!(shows_root_mount(host));
        assert!(!shows_root_mount("23 22 0:20 / /proc rw - proc proc rw\n"));
    }

    #[test]
    fn facts_of_this_machine_are_found() {
        let facts = Facts::gather(Uid::effective());
        assert!(facts.threads.is_some_and(|threads| threads >= 1), "{facts:?}");
        assert!(facts.max_net_namespaces.is_some(), "{facts:?}");
        assert!(!facts.chrooted, "{facts:?}");
    }
}
