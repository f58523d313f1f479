//! The barrier: a datagram that the bench sends to itself, behind everything that is under way.
//!
//! What a thread sends over loopback goes into the backlog of the CPU on which it is sent, one queue for all sockets and
//! for IPv4 and IPv6 alike, and the kernel works that queue off in order. So when the datagram has arrived, every segment
//! that was sent before it on the same CPU has been captured and has been received by TCP.
//!
//! Mostly the kernel does that work before the sending system call returns. It may put it off under load (to the thread
//! ksoftirqd); then the answer to a segment can stand behind the datagram. Therefore: pass the barrier, read the capture,
//! and pass it again until the capture shows nothing new. It says nothing about what a timer will send later.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// How long a datagram may take. On a machine in order it has arrived before `send` returns; when the softirq has handed
/// its work to the thread ksoftirqd, that one competes with all others for the CPU.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A UDP socket that is connected to itself.
#[derive(Debug)]
pub(super) struct Barrier {
    socket: UdpSocket,
    address: SocketAddr,
    count: u64,
}

impl Barrier {
    /// Binds the socket; port 0 for any.
    pub(super) fn bind(port: u16) -> io::Result<Barrier> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = socket.local_addr()?;
        socket.connect(address)?;
        socket.set_nonblocking(true)?;
        Ok(Barrier {
            socket,
            address,
            count: 0,
        })
    }

    /// The port that the datagrams come from and go to.
    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Sends a datagram and waits until it has come back.
    pub(super) fn pass(&mut self) -> io::Result<()> {
        self.count += 1;
        let token = self.count.to_be_bytes();
        self.socket.send(&token)?;
        let deadline = Instant::now() + TIMEOUT;
        let mut received = [0; 8];
        loop {
            match self.socket.recv(&mut received) {
                // One that came back after its own deadline is not the one that is waited for.
                Ok(_) if received == token => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait_until(deadline)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn wait_until(&self, deadline: Instant) -> io::Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("a datagram over loopback did not arrive within {} s", TIMEOUT.as_secs()),
            ));
        }
        let timeout = PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)], timeout) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn barrier_passes_on_the_hosts_loopback_again_and_again() -> io::Result<()> {
        let mut barrier = Barrier::bind(0)?;
        assert_ne!(barrier.port(), 0);
        (0..100).try_for_each(|_| barrier.pass())
    }

    #[test]
    fn datagram_of_an_earlier_barrier_is_not_taken_for_this_one() -> io::Result<()> {
        let mut barrier = Barrier::bind(0)?;
        barrier.socket.send(&7_u64.to_be_bytes())?;
        barrier.pass()?;
        assert_eq!(
            barrier.socket.recv(&mut [0; 8]).unwrap_err().kind(),
            io::ErrorKind::WouldBlock
        );
        Ok(())
    }
}
