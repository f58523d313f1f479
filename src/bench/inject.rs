//! Packets made by hand, sent over loopback through a raw socket (raw(7)).
//!
//! The kernel routes such a packet by its destination and delivers it with that route, so it does not ask whether the
//! source address may be used: any end can be impersonated, also one that does not exist. (A packet socket would be held
//! against the input route, which refuses what comes from a local address.) The capture sees it once.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// A raw socket for one address family.
#[derive(Debug)]
pub(super) struct Injector {
    socket: Socket,
}

impl Injector {
    /// Opens the socket; needs CAP_NET_RAW, which the owner of a namespace has in it.
    pub(super) fn open(destination: SocketAddr) -> io::Result<Injector> {
        // IPPROTO_RAW: the packets have their IP header already.
        let protocol = Protocol::from(libc::IPPROTO_RAW);
        let socket = Socket::new(Domain::for_address(destination), Type::RAW.cloexec(), Some(protocol))?;
        Ok(Injector { socket })
    }

    /// Sends an IP packet on its way to the address.
    pub(super) fn send(&self, packet: &[u8], destination: SocketAddr) -> io::Result<()> {
        // For a raw socket a port would be a protocol number.
        let address = SockAddr::from(SocketAddr::new(destination.ip(), 0));
        let sent = self.socket.send_to(packet, &address)?;
        if sent == packet.len() {
            Ok(())
        } else {
            Err(io::Error::new(
                io::ErrorKind::WriteZero,
                "only a part of the packet was sent",
            ))
        }
    }
}
