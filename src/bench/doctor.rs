//! What this machine can do for the lab: the probes behind `tcplab doctor`; those of the capture are in
//! [`capture::probe`](crate::capture::probe).
//!
//! Each probe tries the real thing in a thread and a bench of its own, so that one that fails, or a machine on which
//! nothing works, leaves the others untouched.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::thread;
use std::time::Instant;

use netlink_packet_core::{NLM_F_ACK, NetlinkPayload, NetlinkSerializable};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::protocols::NETLINK_NETFILTER;
use serde::Serialize;
use socket2::{Domain, Protocol, Socket, Type};

use super::netlink::Netlink;
use super::{Bench, BenchError, BenchSettings, EnterError, PROFILE, tcp_info};
use crate::scenario::Family;
use crate::tcp::State;

/// The oldest kernel on which the lab works: the first whose `tcp_info` counts the bytes sent.
const OLDEST_KERNEL: (u32, u32) = (4, 19);

/// How well something works here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As the lab needs it.
    Works,
    /// The lab can do without it, with less to see or less certainty.
    Degraded,
    /// It does not work, and the lab needs it.
    Missing,
}

/// What one probe found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// What was probed, a few words.
    pub name: &'static str,
    /// How it went.
    pub status: Status,
    /// What was found, for people; may have several lines.
    pub detail: String,
    /// What the user can do about it.
    pub remedy: Option<String>,
}

impl Probe {
    /// It works.
    pub fn works(name: &'static str, detail: impl Into<String>) -> Probe {
        Probe {
            name,
            status: Status::Works,
            detail: detail.into(),
            remedy: None,
        }
    }

    /// It does not work; `status` says how bad that is.
    pub fn failed(name: &'static str, status: Status, detail: impl Into<String>) -> Probe {
        Probe {
            name,
            status,
            detail: detail.into(),
            remedy: None,
        }
    }

    /// With a remedy.
    #[must_use]
    pub fn with_remedy(self, remedy: impl Into<String>) -> Probe {
        Probe {
            remedy: Some(remedy.into()),
            ..self
        }
    }
}

/// Probes the machine. `entered` is what [`enter`](super::enter) returned; without a private loopback, what needs one is
/// not tried.
pub fn probe(entered: &Result<(), EnterError>) -> Vec<Probe> {
    let mut probes = vec![kernel(), processors()];
    if let Err(error) = entered {
        probes.push(refused("private loopback", Status::Missing, error));
        return probes;
    }
    probes.push(private_loopback());
    if probes.iter().any(|probe| probe.status == Status::Missing) {
        // All others would fail for the same reason.
        return probes;
    }
    probes.push(in_bench("IPv6", Family::Ipv6, Status::Degraded, |_| {
        Ok("::1 is there".to_owned())
    }));
    probes.push(settings());
    for (name, family) in [
        ("immediate ACKs, IPv4", Family::Ipv4),
        ("immediate ACKs, IPv6", Family::Ipv6),
    ] {
        probes.push(in_bench(name, family, Status::Degraded, immediate_acks));
    }
    probes.push(in_bench(
        "socket reports",
        Family::Ipv4,
        Status::Missing,
        socket_reports,
    ));
    probes.push(
        in_bench("destroying sockets", Family::Ipv4, Status::Degraded, destroying_sockets).or_remedy(
            "Without CONFIG_INET_DIAG_DESTROY a namespace can outlive its run by minutes; nothing else is lost.",
        ),
    );
    probes.push(in_bench("packet sockets", Family::Ipv4, Status::Missing, |_| {
        // The protocol number is in network byte order; 3 is ETH_P_ALL.
        Socket::new(
            Domain::PACKET,
            Type::RAW,
            Some(Protocol::from(i32::from(3_u16.to_be()))),
        )?;
        Ok("AF_PACKET can be opened".to_owned())
    }));
    probes.push(in_bench("raw sockets", Family::Ipv4, Status::Degraded, |_| {
        Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(libc::IPPROTO_RAW)))?;
        Ok("IPPROTO_RAW can be opened; hand-built segments would need it".to_owned())
    }));
    probes.push(
        in_bench("packet queue", Family::Ipv4, Status::Degraded, packet_queue)
            .or_remedy("Faults on the wire would need it. Load the module: sudo modprobe nfnetlink_queue"),
    );
    probes
}

/// Runs a probe in a bench of its own.
pub(crate) fn in_bench(
    name: &'static str,
    family: Family,
    if_not: Status,
    probe: impl FnOnce(&mut Bench) -> Result<String, Box<dyn std::error::Error>> + Send,
) -> Probe {
    let settings = BenchSettings {
        family,
        ..BenchSettings::default()
    };
    let in_thread = move || -> Result<Result<String, String>, BenchError> {
        let mut bench = Bench::open(&settings)?;
        Ok(probe(&mut bench).map_err(|error| error.to_string()))
    };
    match thread::scope(|scope| scope.spawn(in_thread).join()) {
        Ok(Ok(Ok(detail))) => Probe::works(name, detail),
        Ok(Ok(Err(detail))) => Probe::failed(name, if_not, detail),
        Ok(Err(BenchError::Namespace(error))) => refused(name, if_not, &error),
        Ok(Err(error)) => {
            let text = error.to_string();
            match text.split_once('\n') {
                Some((detail, remedy)) => Probe::failed(name, if_not, detail).with_remedy(remedy),
                None => Probe::failed(name, if_not, text),
            }
        }
        Err(_) => Probe::failed(name, if_not, "the probe itself failed (a mistake in tcplab)"),
    }
}

fn refused(name: &'static str, status: Status, error: &EnterError) -> Probe {
    let detail = format!(
        "{}: {}. {}",
        error.step.name(),
        error.errno.desc(),
        error.diagnosis.cause
    );
    Probe::failed(name, status, detail).with_remedy(error.diagnosis.remedy.clone())
}

impl Probe {
    fn or_remedy(self, remedy: &str) -> Probe {
        if self.status == Status::Works {
            self
        } else {
            self.with_remedy(remedy)
        }
    }
}

fn kernel() -> Probe {
    const NAME: &str = "kernel";
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim();
    match version(release) {
        Some(version) if version >= OLDEST_KERNEL => Probe::works(NAME, format!("Linux {release}")),
        Some(_) => Probe::failed(
            NAME,
            Status::Missing,
            format!("Linux {release}; tcplab needs 4.19 or later"),
        ),
        None => Probe::failed(
            NAME,
            Status::Degraded,
            format!("its version is not known: \"{release}\""),
        ),
    }
}

/// The first two numbers of `6.18.44-generic`.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|character: char| !character.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn processors() -> Probe {
    const NAME: &str = "processors";
    match thread::available_parallelism() {
        Ok(count) => Probe::works(NAME, format!("{count} may be used; each bench uses one")),
        Err(error) => Probe::failed(NAME, Status::Degraded, format!("their number is not known: {error}")),
    }
}

fn private_loopback() -> Probe {
    let began = Instant::now();
    in_bench("private loopback", Family::Ipv4, Status::Missing, |bench| {
        bench.barrier()?;
        Ok(format!(
            "set up and tried in {:.1} ms",
            began.elapsed().as_secs_f64() * 1e3
        ))
    })
}

fn settings() -> Probe {
    const NAME: &str = "settings";
    let mut absent = Vec::new();
    let probe = in_bench(NAME, Family::Ipv4, Status::Missing, |bench| {
        absent.extend_from_slice(bench.absent_settings());
        for sysctl in PROFILE
            .iter()
            .filter(|sysctl| !bench.absent_settings().contains(&sysctl.name))
        {
            let value = sysctl.current()?;
            if value != sysctl.value {
                return Err(format!("net/{} is {value} after {} was written", sysctl.name, sysctl.value).into());
            }
        }
        Ok(format!("all {} of the profile have their values", PROFILE.len()))
    });
    if absent.is_empty() || probe.status != Status::Works {
        return probe;
    }
    let detail = PROFILE
        .iter()
        .filter(|sysctl| absent.contains(&sysctl.name))
        .map(|sysctl| format!("\n  net/{} = {}: {}", sysctl.name, sysctl.value, sysctl.why))
        .collect::<String>();
    Probe::failed(NAME, Status::Degraded, format!("this kernel does not have:{detail}"))
        .with_remedy("A newer kernel. Until then, snapshots taken elsewhere may differ where these settings matter.")
}

/// A FIN whose ACK waits (for up to 40 ms) leaves its sender in FIN-WAIT-1.
fn immediate_acks(bench: &mut Bench) -> Result<String, Box<dyn std::error::Error>> {
    let pair = Pair::connect(bench)?;
    // A conversation in which both have spoken is interactive for the kernel: there, ACKs wait for data.
    (&pair.client).write_all(b"ping")?;
    (&pair.server).read_exact(&mut [0; 4])?;
    (&pair.server).write_all(b"pong")?;
    (&pair.client).read_exact(&mut [0; 4])?;
    pair.client.shutdown(Shutdown::Write)?;
    bench.barrier()?;
    bench.barrier()?;
    match bench.lookup(pair.here, pair.there)?.map(|socket| socket.state) {
        Some(State::FinWait2) => Ok("the ACK of a FIN comes at once".to_owned()),
        state => Err(format!(
            "the ACK of a FIN did not come at once ({}): the metric quickack of the local routes has no effect",
            state.unwrap_or(State::Closed)
        )
        .into()),
    }
}

fn socket_reports(bench: &mut Bench) -> Result<String, Box<dyn std::error::Error>> {
    let pair = Pair::connect(bench)?;
    let socket = bench
        .lookup(pair.here, pair.there)?
        .ok_or("the kernel reports no socket where there is one")?;
    let info = tcp_info(pair.client.as_fd())?;
    if socket.state != State::Established || socket.info.map(|info| info.segs_out) != Some(info.segs_out) {
        return Err(format!("the kernel's reports differ: {socket:?}, {info:?}").into());
    }
    Ok("sock_diag and TCP_INFO agree".to_owned())
}

fn destroying_sockets(bench: &mut Bench) -> Result<String, Box<dyn std::error::Error>> {
    let pair = Pair::connect(bench)?;
    bench.destroy_all()?;
    bench.barrier()?;
    match bench.lookup(pair.here, pair.there)? {
        None => Ok("SOCK_DESTROY ends a connection".to_owned()),
        Some(_) => Err("SOCK_DESTROY has no effect".into()),
    }
}

fn packet_queue(_: &mut Bench) -> Result<String, Box<dyn std::error::Error>> {
    let mut netlink = Netlink::open(NETLINK_NETFILTER)?;
    netlink.request::<_, RouteNetlinkMessage>(BindQueue, NLM_F_ACK)?;
    Ok("NFQUEUE can be bound".to_owned())
}

/// The request to bind queue 0 (`linux/netfilter/nfnetlink_queue.h`).
struct BindQueue;

impl NetlinkSerializable for BindQueue {
    fn message_type(&self) -> u16 {
        const NFNL_SUBSYS_QUEUE: u16 = 3;
        const NFQNL_MSG_CONFIG: u16 = 2;
        NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_CONFIG
    }

    fn buffer_len(&self) -> usize {
        12
    }

    fn serialize(&self, buffer: &mut [u8]) {
        const NFQA_CFG_CMD: u16 = 1;
        const NFQNL_CFG_CMD_BIND: u8 = 1;
        // nfgenmsg: family, version, queue number; then one attribute: length, type, command, padding, family.
        buffer.fill(0);
        buffer[4..6].copy_from_slice(&8_u16.to_ne_bytes());
        buffer[6..8].copy_from_slice(&NFQA_CFG_CMD.to_ne_bytes());
        buffer[8] = NFQNL_CFG_CMD_BIND;
    }
}

impl From<BindQueue> for NetlinkPayload<BindQueue> {
    fn from(request: BindQueue) -> Self {
        NetlinkPayload::InnerMessage(request)
    }
}

/// A connection in a bench.
struct Pair {
    client: TcpStream,
    server: TcpStream,
    here: SocketAddr,
    there: SocketAddr,
}

impl Pair {
    fn connect(bench: &Bench) -> io::Result<Pair> {
        let listener = TcpListener::bind(bench.server_address())?;
        let client = TcpStream::connect(bench.server_address())?;
        let (server, _) = listener.accept()?;
        let (here, there) = (client.local_addr()?, server.local_addr()?);
        Ok(Pair {
            client,
            server,
            here,
            there,
        })
    }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;
    use nix::unistd::Uid;

    use super::*;
    use crate::bench::EnterStep;

    #[test]
    fn kernel_versions_are_compared_as_numbers() {
        assert_eq!(version("6.18.44-fc"), Some((6, 18)));
        assert_eq!(version("4.19"), Some((4, 19)));
        assert_eq!(version("5"), None);
        assert!(version("4.4.0-210-generic") < Some(OLDEST_KERNEL));
    }

    #[test]
    fn machine_without_namespaces_is_told_cause_and_remedy() {
        let refused = Err(EnterError::new(
            EnterStep::UserNamespace,
            Errno::ENOMEM,
            Uid::effective(),
        ));
        let probes = probe(&refused);
        let missing: Vec<_> = probes.iter().filter(|probe| probe.status == Status::Missing).collect();
        assert_eq!(missing.len(), 1, "{probes:#?}");
        assert!(missing[0].detail.contains("unshare(CLONE_NEWUSER)"), "{missing:#?}");
        assert!(missing[0].remedy.is_some());
    }
}
