//! Is the capture complete? libpcap's own counts, and the kernel's for the whole namespace.
//!
//! A contradiction here is never TCP's fault, and so never a failure: either the capture lost something, or the machine
//! damaged it, or something else than the two ends used the bench.

use super::connection::Connections;
use super::{Check, Status};
use crate::run::{Fate, Fates, Recording};
use crate::tcp::{Flags, Party, Segment, Seq};

/// Holds what libpcap counted against what the lab read.
pub(super) fn capture(recording: &Recording) -> Check {
    let stats = &recording.capture;
    let mut wrong = Vec::new();
    if stats.dropped > 0 {
        wrong.push(format!(
            "the capture buffer was full: {} packets were lost",
            stats.dropped
        ));
    }
    if stats.interface_dropped > 0 {
        wrong.push(format!("the interface lost {} packets", stats.interface_dropped));
    }
    if stats.received != stats.copies * stats.read {
        wrong.push(format!(
            "the kernel handed {} packets to the capture (each {} times), but the lab read {}",
            stats.received, stats.copies, stats.read
        ));
    }
    let segments = recording.segments().count() as u64;
    if stats.read < segments {
        wrong.push(format!(
            "only {} packets were read, but {segments} segments recorded",
            stats.read
        ));
    }
    let detail = format!("{segments} segments, none lost");
    Check::unless(&wrong, "capture complete", Status::Doubtful, detail)
}

/// Holds the namespace's TCP counters against the captured segments.
///
/// Measured on Linux 6.18: `InSegs` counts every segment. `OutSegs` leaves out what is retransmitted, and the SYN,ACK of a
/// simultaneous open; a repeated SYN,ACK of a listener is counted both there and in `RetransSegs`. A SYN that reaches an
/// established connection counts in `InErrs`.
pub(super) fn kernel(recording: &Recording) -> Check {
    const NAME: &str = "kernel counters";
    let Some(counters) = recording.counters else {
        return Check::integrity(
            NAME,
            Status::NotChecked,
            "others use the host's loopback too, so that its counters say nothing",
        );
    };
    let captured = recording.segments().count() as u64;
    let count =
        |is_meant: &dyn Fn(&Segment) -> bool| recording.segments().filter(|segment| is_meant(segment)).count() as u64;
    // What the lab makes itself the kernel's TCP has not sent. What goes to an end without a socket TCP has received.
    let made = count(&|segment| !segment.is_injected());
    let damaged = count(&|segment| segment.is_injected() && !segment.is_intact());
    let syns = Syns::count(recording.segments());
    let mut wrong = Vec::new();
    let fates = Fates::of(recording);
    let undelivered = fates.undelivered(recording);
    let copies = fates.count(Fate::Copied) as u64;
    let corrupted = fates.count(Fate::Corrupted) as u64;
    let mut compare = |what: &str, counted: u64, captured: u64| {
        if counted != captured {
            wrong.push(format!(
                "the kernel counted {counted} segments {what}, but {captured} were to be counted"
            ));
        }
    };
    compare("in", counters.in_segs, captured.saturating_sub(undelivered));
    let sent = counters.out_segs + counters.retrans_segs + syns.crossing;
    compare("out", sent.saturating_sub(syns.repeated_syn_acks), made - copies);
    if counters.in_csum_errors != corrupted + damaged {
        wrong.push(format!(
            "the kernel saw {} wrong checksums, but {} segments were damaged on purpose",
            counters.in_csum_errors,
            corrupted + damaged
        ));
    }
    if counters.in_errs > syns.repeated + counters.in_csum_errors {
        wrong.push(format!(
            "the kernel threw {} segments away as damaged",
            counters.in_errs
        ));
    }
    let resets = recording
        .segments()
        .filter(|segment| segment.flags.contains(Flags::RST) && !segment.is_injected())
        .count() as u64;
    if counters.out_rsts != resets {
        wrong.push(format!(
            "the kernel counted {} RSTs, but {resets} were captured",
            counters.out_rsts
        ));
    }
    let detail = match captured - made {
        0 => format!("{captured} segments in and out, as captured"),
        by_hand => format!("{captured} segments in and {made} out, as captured: {by_hand} were made by hand"),
    };
    Check::unless(&wrong, NAME, Status::Doubtful, detail)
}

/// The SYNs that the kernel counts in its own way.
#[derive(Debug, Default)]
struct Syns {
    /// SYNs of any kind beyond the first of an end.
    repeated: u64,
    /// SYN,ACKs of a listener beyond the first.
    repeated_syn_acks: u64,
    /// SYN,ACKs of an end that had sent a SYN: a simultaneous open.
    crossing: u64,
}

impl Syns {
    fn count<'s>(segments: impl Iterator<Item = &'s Segment>) -> Syns {
        let mut syns = Syns::default();
        let mut connections = Connections::default();
        let mut sent: Vec<(Party, Seq, bool)> = Vec::new();
        for segment in segments {
            if connections.begins(segment) {
                sent.clear();
            }
            if !segment.flags.contains(Flags::SYN) {
                continue;
            }
            let is_answer = segment.flags.contains(Flags::ACK);
            let syn = (segment.from, segment.seq, is_answer);
            let crosses = is_answer && sent.contains(&(segment.from, segment.seq, false));
            syns.repeated += u64::from(sent.iter().any(|(from, ..)| *from == segment.from));
            syns.crossing += u64::from(crosses);
            syns.repeated_syn_acks += u64::from(is_answer && !crosses && sent.contains(&syn));
            sent.push(syn);
        }
        syns
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matcher::support::Tape;
    use crate::run::Counters;

    /// What /proc/net/snmp said on Linux 6.18: InSegs, OutSegs, RetransSegs, InErrs, OutRsts.
    fn agrees(lines: &[&str], (in_segs, out_segs, retrans_segs, in_errs, out_rsts): (u64, u64, u64, u64, u64)) -> bool {
        let mut recording = Tape::new().segments(lines).recording;
        recording.counters = Some(Counters {
            in_segs,
            out_segs,
            retrans_segs,
            in_errs,
            out_rsts,
            ..Counters::default()
        });
        kernel(&recording).status == Status::Ok
    }

    #[test]
    fn what_linux_counts_is_what_the_capture_shows() {
        let (syn, syn_ack, ack) = ("C > S SYN seq 0", "S > C SYN ACK seq 0 ack 1", "C > S ACK seq 1 ack 1");
        let data = "C > S PSH ACK seq 1 ack 1 len 3";
        let itself = ["C > C SYN seq 0", "C > C SYN ACK seq 0 ack 1", "C > C ACK seq 1 ack 1"];
        assert!(agrees(&[syn, "S > C RST ACK seq 0 ack 1"], (2, 2, 0, 0, 1)));
        assert!(agrees(
            &[syn, syn_ack, ack, data, data, data, "S > C ACK seq 1 ack 4"],
            (7, 5, 2, 0, 0)
        ));
        assert!(agrees(&[syn, syn, syn_ack, ack], (4, 3, 1, 0, 0)));
        assert!(agrees(
            &[syn, syn_ack, syn, syn_ack, ack, syn_ack, ack],
            (7, 6, 3, 1, 0)
        ));
        assert!(agrees(&itself, (3, 2, 0, 0, 0)));
        assert!(!agrees(&[syn, syn_ack, ack], (3, 2, 0, 0, 0)));
        assert!(!agrees(&[syn, syn_ack, ack], (4, 4, 0, 0, 0)));
        assert!(!agrees(&[syn, syn_ack, ack], (3, 3, 0, 1, 0)));
    }
}
