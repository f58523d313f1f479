//! The kernel's report on one TCP socket: `struct tcp_info` of `linux/tcp.h`.

use std::io;
use std::os::fd::BorrowedFd;

use super::sys;

/// What the lab uses of `struct tcp_info`; see the fields of the same names with the prefix `tcpi_`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpInfo {
    /// Consecutive retransmissions by timeout that are still without an answer.
    pub retransmits: u8,
    /// The retransmission timeout, microseconds.
    pub rto_us: u32,
    /// Segments in flight; for a listener the connections that wait in the accept queue.
    pub unacked: u32,
    /// The smoothed round-trip time, microseconds.
    pub rtt_us: u32,
    /// The congestion window, segments.
    pub snd_cwnd: u32,
    /// All retransmitted segments so far.
    pub total_retrans: u32,
    /// Sequence numbers that the peer acknowledged. The kernel counts the SYN among them.
    pub bytes_acked: u64,
    /// Sequence numbers taken in order from the peer: payload bytes, and one for its FIN.
    pub bytes_received: u64,
    /// Segments sent, retransmissions included.
    pub segs_out: u32,
    /// Segments received.
    pub segs_in: u32,
    /// Bytes written by the application that were never sent yet.
    pub notsent_bytes: u32,
    /// Payload bytes sent, retransmissions included.
    pub bytes_sent: u64,
}

impl TcpInfo {
    /// Where the last field that the lab uses ends: `tcpi_bytes_sent`, which came with Linux 4.19.
    const LEN: usize = 208;

    /// Decodes the structure as the kernel hands it out; fields that later kernels append are ignored. `None` when it is
    /// shorter than that of Linux 4.19.
    pub(super) fn decode(bytes: &[u8]) -> Option<TcpInfo> {
        let bytes: &[u8; TcpInfo::LEN] = bytes.first_chunk()?;
        Some(TcpInfo {
            retransmits: bytes[2],
            rto_us: word(bytes, 8),
            unacked: word(bytes, 24),
            rtt_us: word(bytes, 68),
            snd_cwnd: word(bytes, 80),
            total_retrans: word(bytes, 100),
            bytes_acked: double_word(bytes, 120),
            bytes_received: double_word(bytes, 128),
            segs_out: word(bytes, 136),
            segs_in: word(bytes, 140),
            notsent_bytes: word(bytes, 144),
            bytes_sent: double_word(bytes, 200),
        })
    }
}

/// Asks the kernel about a TCP socket by its descriptor (TCP_INFO, tcp(7)).
///
/// # Errors
///
/// The error number of getsockopt(2), or `Unsupported` on kernels before 4.19.
pub fn tcp_info(socket: BorrowedFd) -> io::Result<TcpInfo> {
    let bytes = sys::socket_option(socket, libc::IPPROTO_TCP, libc::TCP_INFO, 512)?;
    TcpInfo::decode(&bytes).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::Unsupported,
            format!(
                "this kernel's tcp_info has {} bytes; tcplab needs the {} of Linux 4.19",
                bytes.len(),
                TcpInfo::LEN
            ),
        )
    })
}

fn word(bytes: &[u8; TcpInfo::LEN], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn double_word(bytes: &[u8; TcpInfo::LEN], at: usize) -> u64 {
    let mut value = [0; 8];
    value.copy_from_slice(&bytes[at..at + 8]);
    u64::from_ne_bytes(value)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn counts_of_a_real_connection_are_found_at_their_places() -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let mut client = TcpStream::connect(listener.local_addr()?)?;
        let (mut server, _) = listener.accept()?;
        client.write_all(b"Hello World!")?;
        server.read_exact(&mut [0; 12])?;
        server.write_all(b"Hello")?;
        client.read_exact(&mut [0; 5])?;
        let info = tcp_info(client.as_fd())?;
        assert_eq!((info.bytes_sent, info.bytes_received, info.notsent_bytes), (12, 5, 0));
        assert_eq!((info.retransmits, info.total_retrans), (0, 0));
        assert!(
            (3..=5).contains(&info.segs_out),
            "SYN, ACK, data, perhaps ACKs: {info:?}"
        );
        assert!(
            info.segs_in >= 2 && info.rto_us >= 1_000 && info.snd_cwnd >= 1,
            "{info:?}"
        );
        Ok(())
    }

    #[test]
    fn structure_of_an_older_kernel_is_refused() {
        assert_eq!(TcpInfo::decode(&[0; TcpInfo::LEN - 1]), None);
        assert!(TcpInfo::decode(&[0; 400]).is_some());
    }
}
