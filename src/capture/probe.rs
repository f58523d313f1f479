//! What this machine can capture: the second half of `tcplab doctor`.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{CaptureError, Live};
use crate::bench::doctor::{Probe, Status, in_bench};
use crate::bench::{Bench, EnterError, sys};
use crate::scenario::Family;

type Found = Result<String, Box<dyn std::error::Error>>;

/// Probes the capture. `entered` is what [`enter`](crate::bench::enter) returned; if it failed, only the host's loopback is
/// tried.
pub fn probe(entered: &Result<(), EnterError>) -> Vec<Probe> {
    let mut probes = vec![Probe::works("libpcap", sys::libpcap_version())];
    if entered.is_ok() {
        probes.push(in_bench("capture", Family::Ipv4, Status::Missing, sees_a_packet));
    }
    if probes
        .last()
        .is_some_and(|probe| probe.name == "capture" && probe.status == Status::Works)
    {
        probes.push(in_bench(
            "capture, nanoseconds",
            Family::Ipv4,
            Status::Degraded,
            has_nanoseconds,
        ));
        probes.push(in_bench(
            "capture, one copy",
            Family::Ipv4,
            Status::Degraded,
            keeps_one_copy,
        ));
    }
    probes.push(on_the_host());
    probes
}

fn sees_a_packet(bench: &mut Bench) -> Found {
    let mut live = Live::open(None)?;
    bench.barrier()?;
    let mut count = 0;
    while live.next()?.is_some() {
        count += 1;
    }
    let stats = live.stats()?;
    if count != 1 || stats.received != stats.copies || stats.dropped != 0 {
        return Err(format!("one packet was sent and {count} captured; {stats:?}").into());
    }
    Ok("a packet on lo is captured before it is received".to_owned())
}

/// Times in microseconds, read as nanoseconds, would lie outside of the time in which the packets were sent.
fn has_nanoseconds(bench: &mut Bench) -> Found {
    let mut live = Live::open(None)?;
    let before = now()?;
    (0..16).try_for_each(|_| bench.barrier())?;
    let after = now()?;
    let mut whole_microseconds = true;
    while let Some(frame) = live.next()? {
        if !(before..=after).contains(&u128::from(frame.realtime)) {
            return Err("the times of packets are not nanoseconds".into());
        }
        whole_microseconds &= frame.realtime % 1000 == 0;
    }
    if whole_microseconds {
        Err("times are whole microseconds".into())
    } else {
        Ok("times have nanoseconds".to_owned())
    }
}

fn now() -> Result<u128, std::time::SystemTimeError> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())
}

fn keeps_one_copy(_: &mut Bench) -> Found {
    match Live::open(None)?.stats()?.copies {
        1 => Ok("the kernel leaves out the outgoing copies".to_owned()),
        _ => Err("the kernel hands over outgoing copies too (Linux before 4.20); long streams cost more".into()),
    }
}

fn on_the_host() -> Probe {
    const NAME: &str = "capture on the host";
    match Live::open(None) {
        Ok(_) => Probe::works(NAME, "the host's own loopback can be captured (tcplab run --host)"),
        Err(error @ CaptureError::NotPermitted(_)) => {
            let text = error.to_string();
            let (detail, remedy) = text.split_once('\n').unwrap_or((&text, ""));
            Probe::failed(NAME, Status::Degraded, detail).with_remedy(remedy)
        }
        Err(error) => Probe::failed(NAME, Status::Degraded, error.to_string()),
    }
}
