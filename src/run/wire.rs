//! The wire of a run whose scenario has lines of the actor `wire`, in lock-step with the capture.
//!
//! Every TCP packet waits in the bench's queue. They are taken one at a time, in the order in which they were captured:
//! the nth packet of the queue is the nth segment of the capture. So nothing happens on the wire while the lab does
//! something else, and what two ends send at the same time always meets in the same way.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

use super::clock::Clock;
use super::fate::{Damage, Fate};
use super::log::Log;
use super::{Entry, RunError};
use crate::bench::{self, Queue, Waiting};
use crate::capture::{Decoded, LinkType, decode};
use crate::matcher::{Faults, Strike};
use crate::scenario::{Fault, How};
use crate::tcp::Segment;

pub(super) struct Wire {
    queue: Queue,
    /// A duplicate of the queue's descriptor, for the reactor.
    readiness: AsyncFd<OwnedFd>,
    clock: Clock,
    faults: Faults,
    /// Segments that were captured and whose packets were not taken out of the queue.
    captured: VecDeque<Segment>,
    /// How many packets were taken.
    taken: usize,
    parked: Vec<Parked>,
    lost: Vec<usize>,
}

/// A packet that waits.
struct Parked {
    step: usize,
    segment: usize,
    packet: Waiting,
    /// When it goes on; `None` for one that waits for its release.
    until: Option<Instant>,
}

impl Wire {
    pub(super) fn new(queue: Queue, clock: Clock) -> Result<Wire, RunError> {
        let duplicate = queue
            .as_fd()
            .try_clone_to_owned()
            .map_err(|error| RunError::io("dup", error))?;
        let readiness =
            bench::watch(duplicate, Interest::READABLE).map_err(|error| RunError::io("epoll_ctl", error))?;
        Ok(Wire {
            queue,
            readiness,
            clock,
            faults: Faults::new(),
            captured: VecDeque::new(),
            taken: 0,
            parked: Vec::new(),
            lost: Vec::new(),
        })
    }

    /// Waits until the queue may have something new.
    pub(super) async fn readable(&self) -> Result<(), RunError> {
        let mut ready = self
            .readiness
            .readable()
            .await
            .map_err(|error| RunError::io("epoll_wait", error))?;
        ready.clear_ready();
        Ok(())
    }

    /// Takes note of a captured segment.
    pub(super) fn captured(&mut self, segment: &Segment) {
        self.captured.push_back(segment.clone());
    }

    /// The next packet of the queue.
    pub(super) fn next(&mut self) -> Result<Option<Waiting>, RunError> {
        self.queue.take().map_err(queue_failed)
    }

    /// Does with a packet what the scenario says.
    pub(super) fn pass(&mut self, packet: Waiting, log: &mut Log<'_>) -> Result<(), RunError> {
        let Some(segment) = self.captured.pop_front().filter(|segment| is(&packet, segment)) else {
            return Err(RunError::Wire);
        };
        let index = self.taken;
        self.taken += 1;
        let Some((step, strike)) = self.faults.decide(&segment) else {
            return self.queue.accept(&packet).map_err(queue_failed);
        };
        self.log(step, index, Fate::of(strike), Damage::of(strike, &segment), log);
        match strike {
            Strike::Copy => self.queue.accept(&packet),
            Strike::Fault(How::Drop) => {
                self.lost.push(index);
                self.queue.drop(&packet)
            }
            Strike::Fault(How::Hold) => {
                self.park(step, index, packet, None);
                Ok(())
            }
            Strike::Fault(How::Delay(time)) => {
                self.park(step, index, packet, Some(Instant::now() + time));
                Ok(())
            }
            // The copy is under way before the answer to the original is.
            Strike::Fault(How::Duplicate) => self.queue.copy(&packet).and_then(|()| self.queue.accept(&packet)),
            Strike::Fault(How::Corrupt { place, unnoticed }) => {
                if !unnoticed {
                    self.lost.push(index);
                }
                self.queue.corrupt(&packet, place, unnoticed)
            }
            Strike::Fault(How::Mark) => self.queue.mark(&packet),
        }
        .map_err(queue_failed)
    }

    /// A line of the wire begins.
    pub(super) fn act(&mut self, step: usize, fault: &Fault, log: &mut Log<'_>) -> Result<(), RunError> {
        for segment in self.faults.declare(step, fault) {
            if let Some(at) = self.parked.iter().position(|parked| parked.segment == segment) {
                let parked = self.parked.remove(at);
                self.release(step, &parked, log)?;
            }
        }
        Ok(())
    }

    /// Lets packets go whose time has come; whether there were any.
    pub(super) fn release_due(&mut self, log: &mut Log<'_>) -> Result<bool, RunError> {
        let now = Instant::now();
        let is_due = |parked: &Parked| parked.until.is_some_and(|until| until <= now);
        let (mut due, parked): (Vec<_>, Vec<_>) = std::mem::take(&mut self.parked).into_iter().partition(is_due);
        self.parked = parked;
        due.sort_by_key(|parked| parked.until);
        for parked in &due {
            self.release(parked.step, parked, log)?;
        }
        Ok(!due.is_empty())
    }

    /// When the next delayed packet goes on.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.parked.iter().filter_map(|parked| parked.until).min()
    }

    /// The segments that have not reached their receiver, by their index: lost or waiting.
    pub(super) fn undelivered(&self) -> Vec<usize> {
        let waiting = self.parked.iter().map(|parked| parked.segment);
        let mut all: Vec<usize> = self.lost.iter().copied().chain(waiting).collect();
        all.sort_unstable();
        all
    }

    /// Whether the segment with this index has reached its receiver.
    pub(super) fn has_delivered(&self, index: usize) -> bool {
        let waits = self.parked.iter().any(|parked| parked.segment == index);
        index < self.taken && !waits && !self.lost.contains(&index)
    }

    /// How many segments were lost.
    pub(super) fn lost(&self) -> usize {
        self.lost.len()
    }

    /// Whether a direction is cut.
    pub(super) fn is_cut(&self) -> bool {
        self.faults.is_cut()
    }

    fn park(&mut self, step: usize, segment: usize, packet: Waiting, until: Option<Instant>) {
        self.parked.push(Parked {
            step,
            segment,
            packet,
            until,
        });
    }

    fn release(&mut self, step: usize, parked: &Parked, log: &mut Log<'_>) -> Result<(), RunError> {
        self.log(step, parked.segment, Fate::Released, None, log);
        self.queue.accept(&parked.packet).map_err(queue_failed)
    }

    fn log(&self, step: usize, segment: usize, fate: Fate, damage: Option<Damage>, log: &mut Log<'_>) {
        log.add(Entry::Fault {
            step,
            at: self.clock.now(),
            segment,
            fate,
            damage,
        });
    }
}

/// Whether the packet is this segment.
fn is(packet: &Waiting, segment: &Segment) -> bool {
    let length = u32::try_from(packet.bytes.len()).unwrap_or(u32::MAX);
    let Decoded::Tcp(tcp) = decode(LinkType::RawIp, &packet.bytes, length) else {
        return false;
    };
    (tcp.seq, tcp.ack, tcp.flags, tcp.len) == (segment.seq, segment.ack, segment.flags, segment.len)
}

fn queue_failed(error: std::io::Error) -> RunError {
    RunError::Bench(bench::BenchError::Queue(error))
}
