//! What the kernel knows about the TCP sockets of a namespace (sock_diag(7)): also those without a descriptor, such as a
//! connection that waits in an accept queue, or one in TIME-WAIT.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP};
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP};
use netlink_packet_sock_diag::inet::nlas::Nla;
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponse, InetResponseHeader, SocketId, StateFlags, Timer as RawTimer,
};
use netlink_packet_sock_diag::{SockDiagDestroy, SockDiagMessage};
use netlink_sys::protocols::NETLINK_SOCK_DIAG;

use super::TcpInfo;
use super::netlink::Netlink;
use crate::tcp::State;

/// One TCP socket as the kernel reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketInfo {
    /// The socket's own address.
    pub local: SocketAddr,
    /// The peer's address; all zero for a listener.
    pub remote: SocketAddr,
    /// The state. A connection whose handshake is not complete is SYN-RECEIVED whatever the kernel keeps of it.
    pub state: State,
    /// The timer that runs, if one does.
    pub timer: Option<Timer>,
    /// Bytes that the application has not read yet; for a listener the connections in the accept queue.
    pub receive_queue: u32,
    /// Bytes that the peer has not acknowledged yet; for a listener the length of the accept queue.
    pub send_queue: u32,
    /// The inode of the socket; 0 for one that no process holds.
    pub inode: u32,
    /// The kernel's counters; `None` in SYN-RECEIVED and TIME-WAIT, in which it keeps none.
    pub info: Option<TcpInfo>,
    cookie: [u8; 8],
}

/// The timer that runs for a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// Retransmission (or a tail loss probe).
    Retransmit {
        /// Until it fires.
        expires: Duration,
        /// How often it has fired for the same segment.
        attempts: u8,
    },
    /// Keep-alive.
    KeepAlive {
        /// Until it fires.
        expires: Duration,
    },
    /// TIME-WAIT, or FIN-WAIT-2 after the application has closed the socket.
    TimeWait,
    /// Probe of a zero window.
    ZeroWindowProbe {
        /// Until it fires.
        expires: Duration,
    },
}

/// A connection to the kernel's socket reports, for the network namespace of the thread that opened it.
#[derive(Debug)]
pub struct SocketDiag {
    netlink: Netlink,
}

impl SocketDiag {
    /// Opens it and makes sure that the kernel can report TCP sockets (the module `tcp_diag`): without it, the kernel answers
    /// a lookup exactly as if there were no such socket.
    ///
    /// # Errors
    ///
    /// ENOENT without the module; EPROTONOSUPPORT without sock_diag.
    pub fn open() -> io::Result<SocketDiag> {
        let mut diag = SocketDiag {
            netlink: Netlink::open(NETLINK_SOCK_DIAG)?,
        };
        diag.dump_states(IpAddr::V4(Ipv4Addr::UNSPECIFIED), StateFlags::empty())?;
        Ok(diag)
    }

    /// The connection with these two addresses, in any state but LISTEN. `None` when the kernel knows none: CLOSED.
    ///
    /// # Errors
    ///
    /// What the socket or the kernel's answer says; `InvalidInput` for addresses of different families.
    pub fn lookup(&mut self, local: SocketAddr, remote: SocketAddr) -> io::Result<Option<SocketInfo>> {
        // The kernel looks for an established connection first and then for a listener that would take its SYN.
        Ok(self
            .exact(local, remote)?
            .filter(|socket| socket.state != State::Listen))
    }

    /// The listener that takes connections to this address.
    ///
    /// # Errors
    ///
    /// As for [`SocketDiag::lookup`].
    pub fn lookup_listener(&mut self, local: SocketAddr) -> io::Result<Option<SocketInfo>> {
        let any: IpAddr = match local {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        Ok(self
            .exact(local, SocketAddr::new(any, 0))?
            .filter(|socket| socket.state == State::Listen))
    }

    /// All TCP sockets of the namespace. Costs a walk through the kernel's hash table, 0.4 ms and more.
    ///
    /// # Errors
    ///
    /// What the socket or the kernel's answer says.
    pub fn dump(&mut self) -> io::Result<Vec<SocketInfo>> {
        let mut sockets = self.dump_states(Ipv4Addr::UNSPECIFIED.into(), StateFlags::all())?;
        sockets.extend(self.dump_states(Ipv6Addr::UNSPECIFIED.into(), StateFlags::all())?);
        Ok(sockets)
    }

    /// Aborts a connection or closes a listener (SOCK_DESTROY); the peer of a connection receives a RST. The socket's
    /// descriptor stays open and reports ECONNABORTED.
    ///
    /// # Errors
    ///
    /// EOPNOTSUPP on a kernel without CONFIG_INET_DIAG_DESTROY, ENOENT when the socket is gone.
    pub fn destroy(&mut self, socket: &SocketInfo) -> io::Result<()> {
        let mut request = request(socket.local, socket.remote);
        request.socket_id.cookie = socket.cookie;
        let request = SockDiagDestroy::new(SockDiagMessage::InetRequest(request));
        self.netlink.request::<_, SockDiagMessage>(request, NLM_F_ACK).map(drop)
    }

    fn exact(&mut self, local: SocketAddr, remote: SocketAddr) -> io::Result<Option<SocketInfo>> {
        if local.is_ipv4() != remote.is_ipv4() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "addresses of different families",
            ));
        }
        let request = SockDiagMessage::InetRequest(request(local, remote));
        match self.netlink.request(request, 0) {
            Ok(answers) => Ok(answers.into_iter().find_map(decode)),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn dump_states(&mut self, any: IpAddr, states: StateFlags) -> io::Result<Vec<SocketInfo>> {
        let any = SocketAddr::new(any, 0);
        let request = InetRequest {
            states,
            ..request(any, any)
        };
        let answers = self
            .netlink
            .request(SockDiagMessage::InetRequest(request), NLM_F_DUMP)?;
        Ok(answers.into_iter().filter_map(decode).collect())
    }
}

fn request(local: SocketAddr, remote: SocketAddr) -> InetRequest {
    InetRequest {
        family: if local.is_ipv4() { AF_INET } else { AF_INET6 },
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::INFO,
        states: StateFlags::all(),
        socket_id: SocketId {
            source_port: local.port(),
            destination_port: remote.port(),
            source_address: local.ip(),
            destination_address: remote.ip(),
            interface_id: 0,
            // INET_DIAG_NOCOOKIE: whichever socket has these addresses.
            cookie: [0xff; 8],
        },
    }
}

fn decode(message: SockDiagMessage) -> Option<SocketInfo> {
    let SockDiagMessage::InetResponse(response) = message else {
        return None;
    };
    let InetResponse { header, nlas } = *response;
    let state = state(header.state)?;
    let info = nlas.iter().find_map(|nla| match nla {
        Nla::TcpInfo(bytes) => TcpInfo::decode(bytes),
        _ => None,
    });
    Some(SocketInfo {
        local: SocketAddr::new(header.socket_id.source_address, header.socket_id.source_port),
        remote: SocketAddr::new(header.socket_id.destination_address, header.socket_id.destination_port),
        state,
        timer: timer(&header),
        receive_queue: header.recv_queue,
        send_queue: header.send_queue,
        inode: header.inode,
        info,
        cookie: header.socket_id.cookie,
    })
}

fn timer(header: &InetResponseHeader) -> Option<Timer> {
    Some(match *header.timer.as_ref()? {
        RawTimer::Retransmit(expires, attempts) => Timer::Retransmit { expires, attempts },
        RawTimer::KeepAlive(expires) => Timer::KeepAlive { expires },
        RawTimer::TimeWait => Timer::TimeWait,
        RawTimer::Probe(expires) => Timer::ZeroWindowProbe { expires },
    })
}

/// The state of the kernel's number (`net/tcp_states.h`); `None` for a number that no kernel up to 6.18 uses here.
///
/// The kernel reports a socket in FIN-WAIT-2 whose application has closed it as FIN-WAIT-2, though it keeps only a
/// TIME-WAIT entry of it, and a bare connection request (TCP_NEW_SYN_RECV, 12) as SYN-RECEIVED.
fn state(number: u8) -> Option<State> {
    Some(match number {
        1 => State::Established,
        2 => State::SynSent,
        3 | 12 => State::SynReceived,
        4 => State::FinWait1,
        5 => State::FinWait2,
        6 => State::TimeWait,
        7 | 13 => State::Closed,
        8 => State::CloseWait,
        9 => State::LastAck,
        10 => State::Listen,
        11 => State::Closing,
        _ => return None,
    })
}
