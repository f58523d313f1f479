//! Metrics on the local routes: immediate acknowledgments and a bounded window.
//!
//! The option TCP_QUICKACK of a socket does not make the acknowledgment of a FIN immediate: the FIN puts the socket back
//! into the interactive ("ping-pong") mode, in which it waits up to 40 ms for data to ride on. The metric RTAX_QUICKACK of
//! the route overrules that mode for every connection.
//!
//! The metric RTAX_WINDOW bounds the window that a socket may ever advertise. With it the window scale option depends on
//! this number alone and no more on the host's `net.core.rmem_max`, which a namespace cannot change.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteMetric, RouteProtocol, RouteScope, RouteType,
};
use netlink_sys::protocols::NETLINK_ROUTE;

use super::link::LOOPBACK_INDEX;
use super::netlink::Netlink;
use crate::scenario::{Family, RouteMetrics};

/// The routing table that the kernel fills with the addresses of the machine itself.
const TABLE_LOCAL: u8 = 255;

/// The routing table of ordinary routes.
const TABLE_MAIN: u8 = 254;

/// The number of the metric `rto_min` (`linux/rtnetlink.h`), and its bit in the lock of metrics.
const RTAX_RTO_MIN: u32 = 13;

/// The largest window that an end may advertise: 4 MiB, for which the window scale option is 7.
const LARGEST_WINDOW: u32 = 4 << 20;

/// Replaces the local routes to the loopback addresses of the family by the same routes with metrics.
///
/// Between removal and addition there is no route; nobody uses it yet. The kernel's own route to ::1 has the priority 0, which
/// no request can name, so that a plain replacement would leave it in front of the new one.
pub(super) fn set_metrics(family: Family, quickack: bool, wanted: &RouteMetrics) -> io::Result<()> {
    let mut netlink = Netlink::open(NETLINK_ROUTE)?;
    for &(address, prefix_len) in routes(family) {
        let remove = RouteNetlinkMessage::DelRoute(local_route(address, prefix_len, Vec::new()));
        netlink.request::<_, RouteNetlinkMessage>(remove, NLM_F_ACK)?;
        let metrics = vec![metrics(quickack, wanted)];
        let add = RouteNetlinkMessage::NewRoute(local_route(address, prefix_len, metrics));
        netlink.request::<_, RouteNetlinkMessage>(add, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)?;
    }
    Ok(())
}

fn metrics(quickack: bool, wanted: &RouteMetrics) -> RouteAttribute {
    let mut metrics = vec![RouteMetric::Window(LARGEST_WINDOW)];
    if quickack {
        metrics.push(RouteMetric::QuickAck(1));
    }
    metrics.extend(wanted.initcwnd.map(RouteMetric::InitCwnd));
    metrics.extend(wanted.initrwnd.map(RouteMetric::InitRwnd));
    metrics.extend(wanted.mtu.map(RouteMetric::Mtu));
    metrics.extend(wanted.advmss.map(RouteMetric::Advmss));
    let rto_min = wanted
        .rto_min
        .map(|min| u32::try_from(min.as_millis()).unwrap_or(u32::MAX));
    // TCP heeds this one only where it is locked, as ip-route(8) does without being asked.
    metrics.extend(rto_min.map(|_| RouteMetric::Lock(1 << RTAX_RTO_MIN)));
    metrics.extend(rto_min.map(RouteMetric::RtoMin));
    RouteAttribute::Metrics(metrics)
}

/// Adds a route by which packets to an address that the machine does not have go out on loopback. They come in again with
/// that route and TCP counts them, but finds no socket; and it sends no RST, because the route is not one to the machine itself
/// (measured on Linux 6.18).
pub(super) fn add_stranger(address: IpAddr, quickack: bool, wanted: &RouteMetrics) -> io::Result<()> {
    let prefix_len = if address.is_ipv4() { 32 } else { 128 };
    let mut route = local_route(address, prefix_len, vec![metrics(quickack, wanted)]);
    route.header.table = TABLE_MAIN;
    route.header.protocol = RouteProtocol::Static;
    route.header.kind = RouteType::Unicast;
    route.header.scope = RouteScope::Link;
    route
        .attributes
        .retain(|attribute| !matches!(attribute, RouteAttribute::PrefSource(_)));
    let add = RouteNetlinkMessage::NewRoute(route);
    let mut netlink = Netlink::open(NETLINK_ROUTE)?;
    netlink.request::<_, RouteNetlinkMessage>(add, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)?;
    Ok(())
}

/// The local routes as the kernel sets them when `lo` comes up.
fn routes(family: Family) -> &'static [(IpAddr, u8)] {
    const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const V4_NET: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0));
    const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
    match family {
        Family::Ipv4 => &[(V4_NET, 8), (V4, 32)],
        Family::Ipv6 => &[(V6, 128)],
    }
}

fn local_route(address: IpAddr, prefix_len: u8, attributes: Vec<RouteAttribute>) -> RouteMessage {
    let mut route = RouteMessage::default();
    route.header = RouteHeader {
        destination_prefix_length: prefix_len,
        table: TABLE_LOCAL,
        protocol: RouteProtocol::Kernel,
        kind: RouteType::Local,
        ..RouteHeader::default()
    };
    route.attributes = attributes;
    route.attributes.push(RouteAttribute::Oif(LOOPBACK_INDEX));
    match address {
        IpAddr::V4(address) => {
            route.header.address_family = AddressFamily::Inet;
            route.header.scope = RouteScope::Host;
            route
                .attributes
                .push(RouteAttribute::Destination(RouteAddress::Inet(address)));
            route
                .attributes
                .push(RouteAttribute::PrefSource(RouteAddress::Inet(Ipv4Addr::LOCALHOST)));
        }
        IpAddr::V6(address) => {
            route.header.address_family = AddressFamily::Inet6;
            route
                .attributes
                .push(RouteAttribute::Destination(RouteAddress::Inet6(address)));
        }
    }
    route
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_smallest_timeout_is_locked_for_tcp_heeds_no_other() {
        let wanted = RouteMetrics {
            rto_min: Some(Duration::from_millis(50)),
            ..RouteMetrics::default()
        };
        let RouteAttribute::Metrics(set) = metrics(true, &wanted) else {
            panic!("metrics are metrics");
        };
        assert!(set.contains(&RouteMetric::RtoMin(50)));
        assert!(set.contains(&RouteMetric::Lock(1 << 13)));
        let RouteAttribute::Metrics(unset) = metrics(true, &RouteMetrics::default()) else {
            panic!("metrics are metrics");
        };
        assert!(!unset.iter().any(|metric| matches!(metric, RouteMetric::Lock(_))));
    }
}
