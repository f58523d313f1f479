//! Socket options by their kernel numbers.

use std::io;
use std::os::fd::BorrowedFd;

use crate::bench::sockopt;
use crate::scenario::SocketOption;

/// Sets `option`; every value that a C `int` can hold goes to the kernel, which decides.
pub(super) fn set(socket: BorrowedFd<'_>, option: SocketOption, value: i64) -> io::Result<()> {
    let value = i32::try_from(value).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    let (level, name) = numbers(option);
    sockopt::set_int(socket, level, name, value)
}

/// What the kernel reports for `option`.
pub(super) fn get(socket: BorrowedFd<'_>, option: SocketOption) -> io::Result<i64> {
    let (level, name) = numbers(option);
    sockopt::int(socket, level, name).map(i64::from)
}

fn numbers(option: SocketOption) -> (i32, i32) {
    use SocketOption as O;
    match option {
        O::TcpNodelay => (libc::IPPROTO_TCP, libc::TCP_NODELAY),
        O::TcpCork => (libc::IPPROTO_TCP, libc::TCP_CORK),
        O::TcpQuickack => (libc::IPPROTO_TCP, libc::TCP_QUICKACK),
        O::TcpMaxseg => (libc::IPPROTO_TCP, libc::TCP_MAXSEG),
        O::TcpUserTimeout => (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT),
        O::TcpDeferAccept => (libc::IPPROTO_TCP, libc::TCP_DEFER_ACCEPT),
        O::TcpLinger2 => (libc::IPPROTO_TCP, libc::TCP_LINGER2),
        O::TcpKeepidle => (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE),
        O::TcpKeepintvl => (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL),
        O::TcpKeepcnt => (libc::IPPROTO_TCP, libc::TCP_KEEPCNT),
        O::TcpSyncnt => (libc::IPPROTO_TCP, libc::TCP_SYNCNT),
        O::SoKeepalive => (libc::SOL_SOCKET, libc::SO_KEEPALIVE),
        O::SoReuseaddr => (libc::SOL_SOCKET, libc::SO_REUSEADDR),
        O::SoSndbuf => (libc::SOL_SOCKET, libc::SO_SNDBUF),
        O::SoRcvbuf => (libc::SOL_SOCKET, libc::SO_RCVBUF),
        O::SoError => (libc::SOL_SOCKET, libc::SO_ERROR),
        O::IpTos => (libc::IPPROTO_IP, libc::IP_TOS),
        O::IpTtl => (libc::IPPROTO_IP, libc::IP_TTL),
        O::Ipv6Tclass => (libc::IPPROTO_IPV6, libc::IPV6_TCLASS),
        O::Ipv6UnicastHops => (libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS),
        O::IpRecverr => (libc::IPPROTO_IP, libc::IP_RECVERR),
        O::Ipv6Recverr => (libc::IPPROTO_IPV6, libc::IPV6_RECVERR),
    }
}
