//! The system calls for which neither `std` nor `nix` has a safe function: the only `unsafe` of the program.

#![expect(
    unsafe_code,
    reason = "these system calls have no safe wrapper; each call says why it is sound"
)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Commands of `SIOCETHTOOL` that switch an offload, from `linux/ethtool.h`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Offload {
    /// TCP segmentation offload (ETHTOOL_STSO).
    Tso = 0x1f,
    /// Generic segmentation offload (ETHTOOL_SGSO).
    Gso = 0x24,
    /// Generic receive offload (ETHTOOL_SGRO).
    Gro = 0x2c,
}

/// `struct ethtool_value` of `linux/ethtool.h`.
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

/// Switches an offload of an interface (name of at most 15 bytes) off: SIOCETHTOOL, netdevice(7). `socket` is any socket of
/// the interface's namespace.
pub(super) fn switch_off(offload: Offload, interface: &str, socket: BorrowedFd) -> io::Result<()> {
    let mut value = EthtoolValue {
        command: offload as u32,
        data: 0,
    };
    // SAFETY: ifreq is plain old data, for which all bytes zero is a value: an array of characters and a union.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    for (to, from) in request
        .ifr_name
        .iter_mut()
        .zip(interface.bytes().take(libc::IFNAMSIZ - 1))
    {
        *to = from as c_char;
    }
    request.ifr_ifru.ifru_data = (&raw mut value).cast();
    // SAFETY: the request takes a pointer to an ifreq whose data pointer refers to an EthtoolValue, which is what the commands
    // of Offload read; both live through the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Reads a socket option of any size; returns what the kernel wrote, which may be shorter than `max_len`.
pub(super) fn socket_option(fd: BorrowedFd, level: c_int, name: c_int, max_len: usize) -> io::Result<Vec<u8>> {
    let mut value = vec![0_u8; max_len];
    let mut len = max_len as libc::socklen_t;
    // SAFETY: the pointer and the length describe `value`, which the kernel may fill up to `len` bytes.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            level,
            name,
            value.as_mut_ptr().cast::<c_void>(),
            &mut len,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    value.truncate(len as usize);
    Ok(value)
}

/// Tells a packet socket to leave out the copies of packets that go out (PACKET_IGNORE_OUTGOING, packet(7), Linux 4.20).
///
/// # Errors
///
/// ENOPROTOOPT on an older kernel.
pub(crate) fn ignore_outgoing(packet_socket: BorrowedFd) -> io::Result<()> {
    const PACKET_IGNORE_OUTGOING: c_int = 23;
    let on: c_int = 1;
    // SAFETY: the option takes an int; pointer and length describe `on`, which outlives the call.
    let result = unsafe {
        libc::setsockopt(
            packet_socket.as_raw_fd(),
            libc::SOL_PACKET,
            PACKET_IGNORE_OUTGOING,
            (&raw const on).cast::<c_void>(),
            mem::size_of::<c_int>() as libc::socklen_t,
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// libpcap's description of itself: `libpcap version 1.10.3 (with TPACKET_V3)`.
pub(crate) fn libpcap_version() -> String {
    unsafe extern "C" {
        // pcap_lib_version(3PCAP); the crate pcap links the library but does not offer the function.
        safe fn pcap_lib_version() -> *const c_char;
    }
    // SAFETY: the function returns a constant string that ends with a zero byte.
    unsafe { CStr::from_ptr(pcap_lib_version()) }
        .to_string_lossy()
        .into_owned()
}
