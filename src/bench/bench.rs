//! The bench itself: where a conversation takes place, and the addresses that it uses there.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::sched::{CloneFlags, CpuSet, sched_getaffinity, sched_setaffinity, unshare};
use nix::unistd::{Pid, Uid};
use thiserror::Error;

use super::barrier::Barrier;
use super::enter::{EnterError, EnterStep};
use super::inject::Injector;
use super::link::set_up_loopback;
use super::sysctl::Applied;
use super::{Counters, IcmpCounters, Queue, SocketDiag, SocketInfo, route, sysctl};
use crate::scenario::{Family, RouteMetrics, SysctlValue};
use crate::tcp::Party;

/// The server's port in a private bench.
const SERVER_PORT: u16 = 7000;

/// The client's port in a private bench.
const CLIENT_PORT: u16 = 40001;

/// The port of the barrier's datagrams in a private bench.
const BARRIER_PORT: u16 = 9;

/// How a private bench is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BenchSettings {
    /// Which loopback address the conversation uses.
    pub family: Family,
    /// Whether the kernel sends every ACK at once.
    pub quickack: bool,
    /// The largest IP packet, bytes. 1500 as on Ethernet gives segments of up to 1460 bytes over IPv4.
    pub mtu: u16,
    /// Whether loopback takes several segments in one packet.
    pub offloads: bool,
    /// Settings that differ from the [profile](super::PROFILE).
    pub sysctls: Vec<SysctlValue>,
    /// Metrics of the local routes.
    pub route: RouteMetrics,
    /// The end that has no kernel socket and an address that is not the machine's own.
    pub fake: Option<Party>,
}

impl Default for BenchSettings {
    fn default() -> BenchSettings {
        BenchSettings {
            family: Family::Ipv4,
            quickack: true,
            mtu: 1500,
            offloads: false,
            sysctls: Vec::new(),
            route: RouteMetrics::default(),
            fake: None,
        }
    }
}

/// Why a bench could not be set up or used.
#[derive(Debug, Error)]
pub enum BenchError {
    /// The thread could not get a network namespace of its own.
    #[error(transparent)]
    Namespace(#[from] EnterError),
    /// The loopback interface could not be configured.
    #[error("the private loopback could not be set up: {step}: {source}")]
    Loopback {
        /// What was being done.
        step: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// A setting could not be written.
    #[error(
        "the setting net/{name} could not be set to \"{value}\": {source}\n\
         {}",
        sysctl_remedy(source)
    )]
    Sysctl {
        /// The setting's file below `/proc/sys/net`.
        name: String,
        /// The value.
        value: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The scenario wants what this kernel does not have.
    #[error("{0}")]
    Unsupported(String),
    /// The local routes did not take their metrics.
    #[error("the metrics of the local routes could not be set (rtnetlink): {0}")]
    Route(#[source] io::Error),
    /// IPv6 is missing on this machine.
    #[error(
        "this machine has no IPv6 on loopback: {0}\n\
         Boot the kernel without ipv6.disable=1, or use family = \"ipv4\"."
    )]
    NoIpv6(#[source] io::Error),
    /// The port that the user wants belongs to somebody else.
    #[error(
        "port {port} is in use on this host\nName another one with --port, or leave the option out: a free one is then taken."
    )]
    PortInUse {
        /// The port.
        port: u16,
    },
    /// The port that the user wants is for privileged programs only.
    #[error(
        "port {port} may not be used by an unprivileged program (ip_unprivileged_port_start)\nName one from 1024 on with --port."
    )]
    PortReserved {
        /// The port.
        port: u16,
    },
    /// The thread could not be bound to one CPU.
    #[error("the thread could not be bound to one CPU (sched_setaffinity): {0}")]
    Affinity(#[source] io::Error),
    /// The socket of the barrier could not be set up, or its datagram got lost.
    #[error("the barrier over loopback failed: {0}")]
    Barrier(#[source] io::Error),
    /// The kernel's socket reports cannot be read.
    #[error(
        "the kernel does not report its TCP sockets (sock_diag): {0}\n\
         Load the modules: sudo modprobe -a inet_diag tcp_diag"
    )]
    SocketDiag(#[source] io::Error),
    /// A packet that was made by hand could not be sent.
    #[error("a packet made by hand could not be sent (raw socket): {0}")]
    Inject(#[source] io::Error),
    /// This kernel has no packet queue, or a part of it is missing.
    #[error(
        "this kernel does not offer {what}: {source}\n\
         Faults on the wire need it. Load the modules: sudo modprobe -a nfnetlink_queue nft_queue nft_compat xt_NFQUEUE"
    )]
    NoQueue {
        /// What is missing.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The wire's queue failed while it was in use.
    #[error("the queue of the wire failed: {0}")]
    Queue(#[source] io::Error),
    /// The kernel's counters cannot be read.
    #[error("the kernel's TCP counters cannot be read: {0}")]
    Counters(#[source] io::Error),
}

fn sysctl_remedy(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EROFS) => {
            "/proc/sys is mounted read-only, as in a container. Start the container with --privileged, or with \
             --security-opt systempaths=unconfined --security-opt seccomp=unconfined --security-opt apparmor=unconfined."
        }
        Some(libc::ENOENT) => {
            "This kernel is too old for tcplab (4.19 is the oldest), or was built without this part of TCP."
        }
        Some(libc::EINVAL) => "The kernel does not take this value: is it within the bounds of ip-sysctl.rst?",
        Some(libc::EACCES | libc::EPERM) => {
            "Something denies the owner of the namespace its rights: see tcplab doctor."
        }
        _ => "See tcplab doctor.",
    }
}

/// A place for one conversation, which belongs to the thread that opened it.
///
/// A private bench is a network namespace with a loopback of its own; the thread stays in it, and everything that the thread
/// creates later (sockets, threads, programs) is in it too. Nobody else can send there. When the bench is dropped, its
/// sockets are destroyed; the namespace ends a little after its last thread, socket and capture have gone. So let the thread
/// end, and open each bench in a new one.
#[derive(Debug)]
pub struct Bench {
    private: bool,
    server: SocketAddr,
    client: Option<SocketAddr>,
    cpu: Option<usize>,
    settings: Applied,
    start: Counters,
    diag: SocketDiag,
    barrier: Barrier,
    /// Opened with the first packet that is made by hand.
    injector: Option<Injector>,
    /// Namespace and CPU are those of the opening thread.
    not_send: PhantomData<*const ()>,
}

impl Bench {
    /// Takes the calling thread into a network namespace of its own and sets that up: MTU, no offloads, the sysctl
    /// [profile](super::PROFILE), the metrics of the local routes. Costs about a millisecond.
    ///
    /// The thread is bound to one CPU of those it may use (in turn, so that benches spread): what it sends is then
    /// received on the same CPU, in order, mostly before the sending call returns. The thread's later children
    /// inherit that. [`enter`](super::enter) must have succeeded before.
    ///
    /// # Errors
    ///
    /// Any [`BenchError`]. The thread may be in the new namespace by then and should end.
    pub fn open(settings: &BenchSettings) -> Result<Bench, BenchError> {
        unshare(CloneFlags::CLONE_NEWNET)
            .map_err(|errno| EnterError::new(EnterStep::NetworkNamespace, errno, Uid::effective()))?;
        let cpu = pin_to_one_cpu()?;
        set_up_loopback(settings.mtu, settings.offloads)?;
        let applied = sysctl::apply(&settings.sysctls)?;
        let address = loopback(settings.family);
        if address.is_ipv6() {
            // The address is what a machine without IPv6 lacks, and binding is how to find out.
            UdpSocket::bind((address, 0)).map_err(BenchError::NoIpv6)?;
        }
        route::set_metrics(settings.family, settings.quickack, &settings.route).map_err(BenchError::Route)?;
        let stranger = stranger(settings.family);
        if settings.fake.is_some() {
            route::add_stranger(stranger, settings.quickack, &settings.route).map_err(BenchError::Route)?;
        }
        let of = |party| {
            if settings.fake == Some(party) {
                stranger
            } else {
                address
            }
        };
        Ok(Bench {
            private: true,
            server: SocketAddr::new(of(Party::Server), SERVER_PORT),
            client: Some(SocketAddr::new(of(Party::Client), CLIENT_PORT)),
            cpu: Some(cpu),
            settings: applied,
            start: Counters::read().map_err(BenchError::Counters)?,
            diag: SocketDiag::open().map_err(BenchError::SocketDiag)?,
            barrier: Barrier::bind(BARRIER_PORT).map_err(BenchError::Barrier)?,
            injector: None,
            not_send: PhantomData,
        })
    }

    /// The host's own loopback as it is configured: nothing is changed, and others may send there too. The server's port is
    /// `port`, or one that was free a moment ago; the client's is the kernel's choice. The thread is bound to one CPU as in
    /// [`Bench::open`], where that is allowed, so that the barrier works.
    ///
    /// # Errors
    ///
    /// [`BenchError::NoIpv6`], or those of the barrier, the counters and the socket reports.
    pub fn host(family: Family, port: Option<u16>) -> Result<Bench, BenchError> {
        let address = loopback(family);
        let free = TcpListener::bind((address, port.unwrap_or(0))).and_then(|listener| listener.local_addr());
        let server = free.map_err(|source| match (address, port) {
            (_, Some(port)) if source.kind() == io::ErrorKind::AddrInUse => BenchError::PortInUse { port },
            (_, Some(port)) if source.kind() == io::ErrorKind::PermissionDenied => BenchError::PortReserved { port },
            (IpAddr::V4(_), _) => BenchError::Loopback {
                step: "bind to 127.0.0.1",
                source,
            },
            (IpAddr::V6(_), _) => BenchError::NoIpv6(source),
        })?;
        Ok(Bench {
            private: false,
            server,
            client: None,
            cpu: pin_to_one_cpu().ok(),
            settings: Applied::default(),
            start: Counters::read().map_err(BenchError::Counters)?,
            diag: SocketDiag::open().map_err(BenchError::SocketDiag)?,
            barrier: Barrier::bind(0).map_err(BenchError::Barrier)?,
            injector: None,
            not_send: PhantomData,
        })
    }

    /// Whether the bench is a namespace of its own.
    pub fn is_private(&self) -> bool {
        self.private
    }

    /// Where the server listens: port 7000 in a private bench.
    pub fn server_address(&self) -> SocketAddr {
        self.server
    }

    /// What the client binds to before it connects: port 40001 in a private bench. `None` on the host, where the kernel
    /// chooses.
    pub fn client_address(&self) -> Option<SocketAddr> {
        self.client
    }

    /// The UDP port from which and to which the barrier's datagrams go, over 127.0.0.1 in either family. A capture sees
    /// one packet for each [`Bench::barrier`].
    pub fn barrier_port(&self) -> u16 {
        self.barrier.port()
    }

    /// What a capture on the host must filter for: the conversation and the barrier. `None` in a private bench, where there
    /// is nothing else.
    pub fn capture_filter(&self) -> Option<String> {
        (!self.private).then(|| format!("tcp port {} or udp port {}", self.server.port(), self.barrier.port()))
    }

    /// The CPU to which the thread is bound; `None` where the host did not allow that.
    pub fn cpu(&self) -> Option<usize> {
        self.cpu
    }

    /// The settings of the profile that this kernel does not have.
    pub fn absent_settings(&self) -> &[&'static str] {
        &self.settings.absent
    }

    /// The settings that were written, by their names as sysctl(8) spells them without `net.`; none on the host.
    pub fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings.set
    }

    /// Waits until everything that was sent before on this bench's CPU has been captured and received.
    ///
    /// When the capture then shows segments, their answers may still be under way on a loaded machine: read the capture and
    /// pass the barrier again, until it shows none. Costs some 10 µs and one captured datagram on [`Bench::barrier_port`].
    ///
    /// # Errors
    ///
    /// [`BenchError::Barrier`] when the datagram has not arrived within 5 s.
    pub fn barrier(&mut self) -> Result<(), BenchError> {
        self.barrier.pass().map_err(BenchError::Barrier)
    }

    /// Sends an IP packet that was made by hand to one of the two ends. Like everything that is sent over loopback it has been
    /// received when the next [`Bench::barrier`] is passed.
    ///
    /// # Errors
    ///
    /// [`BenchError::Inject`].
    pub fn inject(&mut self, packet: &[u8], destination: SocketAddr) -> Result<(), BenchError> {
        let injector = match self.injector.take() {
            Some(injector) => injector,
            None => Injector::open(destination).map_err(BenchError::Inject)?,
        };
        let sent = injector.send(packet, destination).map_err(BenchError::Inject);
        self.injector = Some(injector);
        sent
    }

    /// What the kernel has counted about ICMP since the bench was opened.
    ///
    /// # Errors
    ///
    /// [`BenchError::Counters`].
    pub fn icmp_counters(&self) -> Result<IcmpCounters, BenchError> {
        let now = IcmpCounters::read().map_err(BenchError::Counters)?;
        Ok(now - self.start.icmp)
    }

    /// Puts a queue on the wire of a private bench: from now on each TCP packet waits until it is let go.
    ///
    /// # Errors
    ///
    /// [`BenchError::NoQueue`].
    pub fn queue(&self) -> Result<Queue, BenchError> {
        Queue::open(self.server.ip()).map_err(|(what, source)| BenchError::NoQueue { what, source })
    }

    /// The connection with these two addresses; `None` when the kernel knows none: CLOSED. Costs some 5 µs.
    ///
    /// # Errors
    ///
    /// [`BenchError::SocketDiag`].
    pub fn lookup(&mut self, local: SocketAddr, remote: SocketAddr) -> Result<Option<SocketInfo>, BenchError> {
        self.diag.lookup(local, remote).map_err(BenchError::SocketDiag)
    }

    /// The listener at this address.
    ///
    /// # Errors
    ///
    /// [`BenchError::SocketDiag`].
    pub fn lookup_listener(&mut self, local: SocketAddr) -> Result<Option<SocketInfo>, BenchError> {
        self.diag.lookup_listener(local).map_err(BenchError::SocketDiag)
    }

    /// All TCP sockets: in a private bench those of the conversation, on the host everybody's.
    ///
    /// # Errors
    ///
    /// [`BenchError::SocketDiag`].
    pub fn dump(&mut self) -> Result<Vec<SocketInfo>, BenchError> {
        self.diag.dump().map_err(BenchError::SocketDiag)
    }

    /// Destroys all sockets of a private bench, so that none of them keeps the namespace alive: one that was closed with
    /// data on the way would go on retransmitting for minutes. On the host it does nothing.
    ///
    /// # Errors
    ///
    /// [`BenchError::SocketDiag`] when the sockets cannot be listed. That one of them cannot be destroyed is no error.
    pub fn destroy_all(&mut self) -> Result<(), BenchError> {
        if self.private && sockets_in_use() {
            for socket in self.dump()? {
                // It may have gone by itself meanwhile, and old kernels cannot destroy every kind; the namespace then lives on
                // until the socket's timers give up.
                let _ = self.diag.destroy(&socket);
            }
        }
        Ok(())
    }

    /// What the kernel has counted since the bench was opened; `None` on the host, where others are counted too.
    ///
    /// # Errors
    ///
    /// [`BenchError::Counters`].
    pub fn counters(&self) -> Result<Option<Counters>, BenchError> {
        if !self.private {
            return Ok(None);
        }
        let now = Counters::read().map_err(BenchError::Counters)?;
        Ok(Some(now.since(self.start)))
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Only the time at which the namespace disappears depends on it.
        let _ = self.destroy_all();
    }
}

/// Whether the namespace has TCP sockets other than in TIME-WAIT, which do not keep it alive. Asking this first spares most
/// runs the walk through the kernel's hash table, whose size depends on the machine.
fn sockets_in_use() -> bool {
    // sockstat(5): `TCP: inuse 1 orphan 0 tw 0 …`, `TCP6: inuse 0`.
    let none_in = |path: &str, line_start: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .find_map(|line| line.strip_prefix(line_start))
            .is_some_and(|rest| rest.split(' ').next() == Some("0"))
    };
    !(none_in("/proc/thread-self/net/sockstat", "TCP: inuse ")
        && (none_in("/proc/thread-self/net/sockstat6", "TCP6: inuse ")
            || !Path::new("/proc/thread-self/net/sockstat6").exists()))
}

/// The address of an end that has no socket: one of those kept for documentation (RFC 5737, RFC 3849), so that no machine
/// has it. Packets to it go out on loopback and nobody answers them.
fn stranger(family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => Ipv4Addr::new(192, 0, 2, 2).into(),
        Family::Ipv6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2).into(),
    }
}

fn loopback(family: Family) -> IpAddr {
    match family {
        Family::Ipv4 => Ipv4Addr::LOCALHOST.into(),
        Family::Ipv6 => Ipv6Addr::LOCALHOST.into(),
    }
}

/// Binds the calling thread to one of the CPUs that it may use, each caller to the next one.
fn pin_to_one_cpu() -> Result<usize, BenchError> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let this_thread = Pid::from_raw(0);
    let affinity = |errno: nix::errno::Errno| BenchError::Affinity(errno.into());
    let allowed = sched_getaffinity(this_thread).map_err(affinity)?;
    let cpus: Vec<usize> = (0..CpuSet::count())
        .filter(|&cpu| allowed.is_set(cpu).unwrap_or(false))
        .collect();
    let cpu = *NEXT
        .fetch_add(1, Ordering::Relaxed)
        .checked_rem(cpus.len())
        .and_then(|index| cpus.get(index))
        .ok_or(nix::errno::Errno::ENODEV)
        .map_err(affinity)?;
    let mut one = CpuSet::new();
    one.set(cpu).map_err(affinity)?;
    sched_setaffinity(this_thread, &one).map_err(affinity)?;
    Ok(cpu)
}
