//! The bench: a private network namespace with a loopback of its own, in which one conversation takes place.
//!
//! - [`enter`]: the right to make namespaces, for root and everybody else; [`give_up_privileges`]: no other rights;
//! - [`Bench`]: one namespace with everything set on which a transcript depends, or the host's loopback as it is;
//! - [`SocketDiag`], [`tcp_info`], [`Counters`]: what the kernel knows about the conversation;
//! - [`doctor`]: what this machine can do.
//!
//! All of it is Linux, from 4.19 on. The bench pins what a namespace can have for itself; what the kernel keeps once for the
//! whole machine (memory limits, the clock tick, BPF programs of a cgroup) it cannot.

mod barrier;
#[expect(clippy::module_inception, reason = "the bench is what this module is about")]
mod bench;
mod counters;
mod diagnosis;
pub mod doctor;
mod enter;
mod icmp;
mod inject;
mod link;
mod netlink;
mod nfnetlink;
mod privileges;
mod queue;
mod route;
mod socket_diag;
pub mod sockopt;
pub(crate) mod sys;
mod sysctl;
mod tcp_info;
mod watch;

pub use bench::{Bench, BenchError, BenchSettings};
pub use counters::Counters;
pub use diagnosis::Diagnosis;
pub use enter::{EnterError, EnterStep, enter};
pub use icmp::{IcmpCounters, IcmpTypes};
pub use link::LOOPBACK;
pub use privileges::give_up_privileges;
pub use queue::{Queue, Waiting};
pub use socket_diag::{SocketDiag, SocketInfo, Timer};
pub use sysctl::{PROFILE, Sysctl};
pub use tcp_info::{TcpInfo, tcp_info};
pub use watch::watch;
