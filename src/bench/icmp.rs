//! The ICMP counters of a network namespace (RFC 4293), of both families together, and what TCP makes of the errors.
//!
//! From `/proc/thread-self/net/snmp`, `snmp6` and `netstat`. They are the evidence that an error made by hand has arrived:
//! no system call reports that. Only errors are counted here: echo, redirects and neighbour discovery are left out.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::io;
use std::ops::{Add, Sub};

use serde::{Deserialize, Serialize};

/// The errors by their type. IPv4 has no type of its own for what is too big: it counts as unreachable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IcmpTypes {
    /// Destination unreachable.
    pub dest_unreachs: u64,
    /// Packet too big (IPv6).
    pub pkt_too_bigs: u64,
    /// Time exceeded.
    pub time_excds: u64,
    /// Parameter problem.
    pub parm_probs: u64,
    /// Source quench (IPv4).
    pub src_quenchs: u64,
}

/// What the kernel counted, from a zero start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IcmpCounters {
    /// Errors that came in.
    pub received: IcmpTypes,
    /// Errors that were sent, mostly by the kernel itself; over loopback they come in as well. Those of a raw socket count
    /// here over IPv4 and not over IPv6.
    pub sent: IcmpTypes,
    /// icmpInErrors: messages that are damaged, or about no connection.
    pub in_errors: u64,
    /// TcpExtOutOfWindowIcmps: errors that quote a number outside SND.UNA..SND.NXT.
    pub out_of_window: u64,
}

impl IcmpCounters {
    /// Reads the counters of the calling thread's namespace. A kernel without IPv6 has none of that.
    pub(super) fn read() -> io::Result<IcmpCounters> {
        let text = |name: &str| fs::read_to_string(format!("/proc/thread-self/net/{name}"));
        let ipv6 = match text("snmp6") {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            read => Some(read?),
        };
        IcmpCounters::parse(&text("snmp")?, ipv6.as_deref(), &text("netstat")?)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "/proc/net has no complete ICMP counters"))
    }

    /// `snmp` and `netstat` have a line of names and one of values, `snmp6` a line for each counter.
    fn parse(ipv4: &str, ipv6: Option<&str>, netstat: &str) -> Option<IcmpCounters> {
        let pair = |text: &str, prefix: &str, wanted: &str| -> Option<u64> {
            let mut lines = text.lines().filter_map(|line| line.strip_prefix(prefix));
            let (names, values) = (lines.next()?, lines.next()?);
            let mut both = names.split(' ').zip(values.split(' '));
            both.find(|(name, _)| *name == wanted)?.1.parse().ok()
        };
        let in_ipv4 = |name: &str| pair(ipv4, "Icmp: ", name);
        let in_ipv6 = |name: &str| -> Option<u64> {
            let Some(text) = ipv6 else { return Some(0) };
            let mut words = text.lines().map(str::split_whitespace);
            words.find_map(|mut words| (words.next() == Some(name)).then(|| words.next()?.parse().ok())?)
        };
        let types = |way: &str| {
            let in_both = |one: &str, other: &str| {
                Some(in_ipv4(&format!("{way}{one}"))? + in_ipv6(&format!("Icmp6{way}{other}"))?)
            };
            Some(IcmpTypes {
                dest_unreachs: in_both("DestUnreachs", "DestUnreachs")?,
                pkt_too_bigs: in_ipv6(&format!("Icmp6{way}PktTooBigs"))?,
                time_excds: in_both("TimeExcds", "TimeExcds")?,
                parm_probs: in_both("ParmProbs", "ParmProblems")?,
                src_quenchs: in_ipv4(&format!("{way}SrcQuenchs"))?,
            })
        };
        Some(IcmpCounters {
            received: types("In")?,
            sent: types("Out")?,
            in_errors: in_ipv4("InErrors")? + in_ipv6("Icmp6InErrors")?,
            out_of_window: pair(netstat, "TcpExt: ", "OutOfWindowIcmps")?,
        })
    }
}

/// `2 unreachable, 1 time exceeded`; `none`.
impl Display for IcmpTypes {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let all = [
            (self.dest_unreachs, "unreachable"),
            (self.pkt_too_bigs, "too big"),
            (self.time_excds, "time exceeded"),
            (self.parm_probs, "parameter problem"),
            (self.src_quenchs, "source quench"),
        ];
        let some = all.iter().filter(|(count, _)| *count > 0);
        let text = some.map(|(count, name)| format!("{count} {name}")).collect::<Vec<_>>();
        f.write_str(if text.is_empty() { "none" } else { "" })?;
        f.write_str(&text.join(", "))
    }
}

impl Add for IcmpTypes {
    type Output = IcmpTypes;

    fn add(self, other: IcmpTypes) -> IcmpTypes {
        IcmpTypes {
            dest_unreachs: self.dest_unreachs + other.dest_unreachs,
            pkt_too_bigs: self.pkt_too_bigs + other.pkt_too_bigs,
            time_excds: self.time_excds + other.time_excds,
            parm_probs: self.parm_probs + other.parm_probs,
            src_quenchs: self.src_quenchs + other.src_quenchs,
        }
    }
}

impl Sub for IcmpTypes {
    type Output = IcmpTypes;

    /// How much was counted since; never less than nothing.
    fn sub(self, start: IcmpTypes) -> IcmpTypes {
        IcmpTypes {
            dest_unreachs: self.dest_unreachs.saturating_sub(start.dest_unreachs),
            pkt_too_bigs: self.pkt_too_bigs.saturating_sub(start.pkt_too_bigs),
            time_excds: self.time_excds.saturating_sub(start.time_excds),
            parm_probs: self.parm_probs.saturating_sub(start.parm_probs),
            src_quenchs: self.src_quenchs.saturating_sub(start.src_quenchs),
        }
    }
}

impl Sub for IcmpCounters {
    type Output = IcmpCounters;

    /// How much was counted since; never less than nothing.
    fn sub(self, start: IcmpCounters) -> IcmpCounters {
        IcmpCounters {
            received: self.received - start.received,
            sent: self.sent - start.sent,
            in_errors: self.in_errors.saturating_sub(start.in_errors),
            out_of_window: self.out_of_window.saturating_sub(start.out_of_window),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNMP: &str = "Icmp: InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs InSrcQuenchs \
                        OutDestUnreachs OutTimeExcds OutParmProbs OutSrcQuenchs\nIcmp: 9 1 0 2 3 4 5 6 7 8 9\n";
    const SNMP6: &str = "Icmp6InErrors   \t10\nIcmp6InDestUnreachs\t20\nIcmp6InPktTooBigs\t30\nIcmp6InTimeExcds\t40\n\
                         Icmp6InParmProblems\t50\nIcmp6OutDestUnreachs\t60\nIcmp6OutPktTooBigs\t70\n\
                         Icmp6OutTimeExcds\t80\nIcmp6OutParmProblems\t90\n";
    const NETSTAT: &str = "TcpExt: SyncookiesSent OutOfWindowIcmps\nTcpExt: 1 11\n";

    #[test]
    fn both_families_are_counted_together() {
        let all = IcmpCounters::parse(SNMP, Some(SNMP6), NETSTAT).unwrap();
        let types = |dest_unreachs, pkt_too_bigs, time_excds, parm_probs, src_quenchs| IcmpTypes {
            dest_unreachs,
            pkt_too_bigs,
            time_excds,
            parm_probs,
            src_quenchs,
        };
        assert_eq!(all.received, types(22, 30, 43, 54, 5));
        assert_eq!(all.sent, types(66, 70, 87, 98, 9));
        assert_eq!((all.in_errors, all.out_of_window), (11, 11));
        assert_eq!(
            all.received.to_string(),
            "22 unreachable, 30 too big, 43 time exceeded, 54 parameter problem, 5 source quench"
        );
        assert_eq!(IcmpTypes::default().to_string(), "none");
        assert_eq!(all - all, IcmpCounters::default());
        let without = IcmpCounters::parse(SNMP, None, NETSTAT).unwrap();
        assert_eq!(without.received, types(2, 0, 3, 4, 5));
    }

    #[test]
    fn a_missing_counter_is_refused() {
        assert_eq!(IcmpCounters::parse(SNMP, Some("Icmp6InErrors 1\n"), NETSTAT), None);
        assert_eq!(IcmpCounters::parse("", Some(SNMP6), NETSTAT), None);
        assert_eq!(IcmpCounters::parse(SNMP, Some(SNMP6), ""), None);
    }

    #[test]
    fn this_kernel_has_all_of_them() {
        assert!(IcmpCounters::read().is_ok());
    }
}
