//! The loopback interface of a new namespace.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsFd;

use netlink_packet_core::NLM_F_ACK;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;

use super::BenchError;
use super::netlink::Netlink;
use super::sys::{self, Offload};

/// The name of the interface on which every conversation takes place.
pub const LOOPBACK: &str = "lo";

/// In a new namespace `lo` is always the first interface.
pub(super) const LOOPBACK_INDEX: u32 = 1;

const OFFLOADS: [(Offload, &str); 3] = [
    (Offload::Tso, "switch TCP segmentation offload off"),
    (Offload::Gso, "switch generic segmentation offload off"),
    (Offload::Gro, "switch generic receive offload off"),
];

/// Makes `lo` carry single segments as a wire does, and brings it up; its addresses then come by themselves.
///
/// With a limit of one segment for each packet that TCP hands down (`gso_max_segs`), TCP cuts its data itself, and sends each
/// segment as soon as it may. Without, it makes bursts whose size and time depend on the measured round-trip time, and
/// sets PSH in the last segment of each. The offloads make no difference to TCP then; but libpcap makes its buffers as
/// large as they allow packets to be.
///
/// With `offloads` both are left as they are on an ordinary machine.
pub(super) fn set_up_loopback(mtu: u16, offloads: bool) -> Result<(), BenchError> {
    let step = |step: &'static str| move |source: io::Error| BenchError::Loopback { step, source };
    // Any socket of the namespace will do; binding to no address needs no interface that is up.
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).map_err(step("open a socket"))?;
    let wanted_off: &[(Offload, &'static str)] = if offloads { &[] } else { &OFFLOADS };
    for &(offload, name) in wanted_off {
        sys::switch_off(offload, LOOPBACK, socket.as_fd()).map_err(step(name))?;
    }
    let mut link = LinkMessage::default();
    link.header.index = LOOPBACK_INDEX;
    link.header.flags = LinkFlags::Up;
    link.header.change_mask = LinkFlags::Up;
    link.attributes = vec![LinkAttribute::Mtu(mtu.into())];
    if !offloads {
        link.attributes.push(LinkAttribute::GsoMaxSegs(1));
    }
    Netlink::open(NETLINK_ROUTE)
        .and_then(|mut netlink| {
            netlink.request::<_, RouteNetlinkMessage>(RouteNetlinkMessage::SetLink(link), NLM_F_ACK)
        })
        .map_err(step("set MTU and segment limit and bring it up"))?;
    Ok(())
}
