//! The TCP and ICMP counters of a network namespace, from `/proc/thread-self/net/snmp` (RFC 4022) and Linux's own from `netstat`
//! beside it.
//!
//! `/proc/net` will not do: it is that of the process's main thread. IPv6 has no line of its own; its segments count in
//! the same `Tcp:` line.

use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

use super::IcmpCounters;

const PATH: &str = "/proc/thread-self/net/snmp";
const LINUX_PATH: &str = "/proc/thread-self/net/netstat";

/// The namespace's TCP counters, from a zero start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// tcpInSegs.
    pub in_segs: u64,
    /// tcpOutSegs: without retransmissions, as in RFC 4022; but a SYN,ACK that a listener repeats is counted here too.
    pub out_segs: u64,
    /// tcpRetransSegs.
    pub retrans_segs: u64,
    /// tcpInErrs.
    pub in_errs: u64,
    /// tcpOutRsts.
    pub out_rsts: u64,
    /// InCsumErrors.
    pub in_csum_errors: u64,
    /// TcpExtListenOverflows: SYNs and ACKs of handshakes that were dropped because an accept queue was full. `None` where
    /// the kernel does not say, and in recordings that did not ask.
    #[serde(default)]
    pub listen_overflows: Option<u64>,
    /// TcpExtSyncookiesSent: SYN,ACKs whose initial sequence number is a cookie. `None` as above.
    #[serde(default)]
    pub syncookies_sent: Option<u64>,
    /// The ICMP errors.
    #[serde(default)]
    pub icmp: IcmpCounters,
}

impl Counters {
    /// Reads the counters of the calling thread's namespace.
    pub(super) fn read() -> io::Result<Counters> {
        let counters = Counters::parse(&fs::read_to_string(PATH)?)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("{PATH} has no complete Tcp: lines")))?;
        let extended = fs::read_to_string(LINUX_PATH)?;
        Ok(Counters {
            listen_overflows: value_of(&extended, "TcpExt: ", "ListenOverflows"),
            syncookies_sent: value_of(&extended, "TcpExt: ", "SyncookiesSent"),
            icmp: IcmpCounters::read()?,
            ..counters
        })
    }

    /// How much was counted since `start`.
    pub(super) fn since(self, start: Counters) -> Counters {
        Counters {
            in_segs: self.in_segs.saturating_sub(start.in_segs),
            out_segs: self.out_segs.saturating_sub(start.out_segs),
            retrans_segs: self.retrans_segs.saturating_sub(start.retrans_segs),
            in_errs: self.in_errs.saturating_sub(start.in_errs),
            out_rsts: self.out_rsts.saturating_sub(start.out_rsts),
            in_csum_errors: self.in_csum_errors.saturating_sub(start.in_csum_errors),
            listen_overflows: difference(self.listen_overflows, start.listen_overflows),
            syncookies_sent: difference(self.syncookies_sent, start.syncookies_sent),
            icmp: self.icmp - start.icmp,
        }
    }

    /// The TCP counters. The file has two lines per protocol, `Tcp: NAME…` and `Tcp: VALUE…`; newer kernels append columns.
    fn parse(text: &str) -> Option<Counters> {
        let value = |name| value_of(text, "Tcp: ", name);
        Some(Counters {
            in_segs: value("InSegs")?,
            out_segs: value("OutSegs")?,
            retrans_segs: value("RetransSegs")?,
            in_errs: value("InErrs")?,
            out_rsts: value("OutRsts")?,
            in_csum_errors: value("InCsumErrors")?,
            listen_overflows: None,
            syncookies_sent: None,
            icmp: IcmpCounters::default(),
        })
    }
}

/// What was counted since the start, where the kernel said so both times.
fn difference(now: Option<u64>, start: Option<u64>) -> Option<u64> {
    now.zip(start).map(|(now, start)| now.saturating_sub(start))
}

/// One counter. A file has two lines per protocol, `Tcp: NAME…` and `Tcp: VALUE…`; newer kernels append columns.
fn value_of(text: &str, protocol: &str, wanted: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(protocol));
    let (names, values) = (lines.next()?, lines.next()?);
    let mut pairs = names.split(' ').zip(values.split(' '));
    pairs.find(|(name, _)| *name == wanted)?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found_by_name() {
        let text = "Ip: Forwarding InSegs\nIp: 1 99\n\
                    Tcp: RtoMin MaxConn InSegs OutSegs RetransSegs InErrs OutRsts InCsumErrors Later\n\
                    Tcp: 200 -1 1 2 3 4 5 6 7\n";
        let counters = Counters {
            in_segs: 1,
            out_segs: 2,
            retrans_segs: 3,
            in_errs: 4,
            out_rsts: 5,
            in_csum_errors: 6,
            listen_overflows: None,
            syncookies_sent: None,
            icmp: IcmpCounters::default(),
        };
        let extended = "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 2 3\nIpExt: InOctets\nIpExt: 9\n";
        assert_eq!(value_of(extended, "TcpExt: ", "ListenOverflows"), Some(2));
        assert_eq!(value_of(extended, "TcpExt: ", "Later"), None);
        assert_eq!(Counters::parse(text), Some(counters));
        assert_eq!(counters.since(counters), Counters::default());
    }

    #[test]
    fn file_without_a_counter_is_refused() {
        assert_eq!(Counters::parse("Tcp: InSegs\nTcp: 1\n"), None);
        assert_eq!(Counters::parse(""), None);
    }
}
