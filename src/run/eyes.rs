//! What the run sees: captured frames become segments, go into the log, and are held against the expectations at once.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

use super::clock::Clock;
use super::forge::Forge;
use super::log::Log;
use super::wire::Wire;
use super::{CaptureStats, Entry, RunError, Stall};
use crate::bench;
use crate::capture::{Decoded, Frame, LinkType, Live, TcpFrame, decode};
use crate::matcher::{Matcher, Push};
use crate::scenario::{Fault, Scenario};
use crate::tcp::{Flags, Origin, Party, Segment};

/// What a look at the capture brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// No new segment.
    Nothing,
    /// New segments, all of them expected.
    Expected,
    /// A segment that no expectation allows. It and all later ones are still logged.
    Unexpected,
}

impl Look {
    /// What two looks brought together.
    fn and(self, later: Look) -> Look {
        match (self, later) {
            (Look::Unexpected, _) | (_, Look::Unexpected) => Look::Unexpected,
            (Look::Nothing, Look::Nothing) => Look::Nothing,
            _ => Look::Expected,
        }
    }
}

pub(super) struct Eyes {
    live: Live,
    /// The wire, when the scenario disturbs it.
    wire: Option<Wire>,
    /// A duplicate of the capture's descriptor, for the reactor.
    readiness: AsyncFd<OwnedFd>,
    link: LinkType,
    clock: Clock,
    server: SocketAddr,
    pub(super) matcher: Matcher,
    /// All TCP and ICMP frames, for the saved capture.
    pub(super) frames: Vec<Frame>,
    pub(super) segments: usize,
    pub(super) stall: Stall,
    /// What the lab has sent itself and the capture has not shown yet.
    injected: VecDeque<(TcpFrame, Origin)>,
    /// What a segment made by hand must know about the conversation.
    pub(super) forge: Forge,
    /// The server's last SYN or SYN,ACK.
    server_syn: Option<Segment>,
    /// What completes the handshake, once it has arrived: then the server has a connection, not only a listener; by its index.
    completing: Vec<usize>,
}

impl Eyes {
    pub(super) fn open(
        live: Live,
        clock: Clock,
        server: SocketAddr,
        scenario: &Scenario,
        wire: Option<Wire>,
    ) -> Result<Eyes, RunError> {
        let link = live.link_type();
        let link = LinkType::by_code(link.0).ok_or(RunError::LinkType(link.0))?;
        let duplicate = live
            .as_fd()
            .try_clone_to_owned()
            .map_err(|error| RunError::io("dup", error))?;
        let readiness =
            bench::watch(duplicate, Interest::READABLE).map_err(|error| RunError::io("epoll_ctl", error))?;
        Ok(Eyes {
            live,
            wire,
            readiness,
            link,
            clock,
            server,
            matcher: Matcher::new(scenario),
            frames: Vec::new(),
            segments: 0,
            stall: Stall::default(),
            injected: VecDeque::new(),
            forge: Forge::new(&scenario.settings),
            server_syn: None,
            completing: Vec::new(),
        })
    }

    /// A new listener has had no connection yet.
    pub(super) fn forget_connection(&mut self) {
        self.server_syn = None;
        self.completing.clear();
    }

    /// Whether the server has had a connection: the client has acknowledged its SYN, and that was not lost.
    pub(super) fn server_connected(&self) -> bool {
        let has_arrived = |index: &usize| self.wire.as_ref().is_none_or(|wire| wire.has_delivered(*index));
        self.completing.iter().any(has_arrived)
    }

    /// Waits until the capture may have something new.
    pub(super) async fn readable(&self) -> Result<(), RunError> {
        let wire = async {
            match &self.wire {
                Some(wire) => wire.readable().await,
                None => std::future::pending().await,
            }
        };
        let mut ready = tokio::select! {
            ready = self.readiness.readable() => ready.map_err(|error| RunError::io("epoll_wait", error))?,
            ready = wire => return ready,
        };
        // Cleared before the capture is read, so that what arrives meanwhile is a new event.
        ready.clear_ready();
        Ok(())
    }

    /// Reads everything that has been captured so far, and lets what waits on the wire go on, one packet after the other.
    pub(super) fn look(&mut self, step: usize, log: &mut Log<'_>) -> Result<Look, RunError> {
        let mut look = self.read(step, log)?;
        while let Some(wire) = &mut self.wire {
            let released = wire.release_due(log)?;
            let packet = wire.next()?;
            if packet.is_none() && !released {
                break;
            }
            // A packet is captured before it gets into the queue.
            look = look.and(self.read(step, log)?);
            if let (Some(packet), Some(wire)) = (packet, &mut self.wire) {
                wire.pass(packet, log)?;
            }
            look = look.and(Look::Expected).and(self.read(step, log)?);
        }
        Ok(look)
    }

    /// Whether segments wait on the wire until the lab lets them go.
    pub(super) fn has_wire(&self) -> bool {
        self.wire.is_some()
    }

    /// A line of the wire begins.
    pub(super) fn act(&mut self, step: usize, fault: &Fault, log: &mut Log<'_>) -> Result<(), RunError> {
        self.wire.as_mut().map_or(Ok(()), |wire| wire.act(step, fault, log))
    }

    /// When the wire lets the next delayed packet go on.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.wire.as_ref().and_then(Wire::next_due)
    }

    /// The segments that the wire has kept from their receiver so far, by their index.
    pub(super) fn undelivered(&self) -> Vec<usize> {
        self.wire.as_ref().map(Wire::undelivered).unwrap_or_default()
    }

    /// How many segments the wire has lost so far.
    pub(super) fn lost(&self) -> usize {
        self.wire.as_ref().map_or(0, Wire::lost)
    }

    /// Whether a direction of the wire is cut.
    pub(super) fn is_cut(&self) -> bool {
        self.wire.as_ref().is_some_and(Wire::is_cut)
    }

    /// Reads the capture.
    fn read(&mut self, step: usize, log: &mut Log<'_>) -> Result<Look, RunError> {
        let mut look = Look::Nothing;
        while let Some(frame) = self.live.next()? {
            self.note_stall(
                self.clock.now().saturating_sub(self.clock.since_start(frame.realtime)),
                step,
            );
            let tcp = match decode(self.link, &frame.bytes, frame.original_len) {
                Decoded::Tcp(tcp) => tcp,
                Decoded::Icmp => {
                    // It explains what TCP does next to whoever reads the saved capture.
                    self.frames.push(frame);
                    continue;
                }
                Decoded::Other | Decoded::Damaged { .. } => continue,
            };
            let segment = self.segment(*tcp, frame.realtime);
            self.frames.push(frame);
            let completes = self.server_syn.as_ref().is_some_and(|syn| completes(syn, &segment));
            if completes && !self.server_connected() {
                self.completing.push(self.segments);
            }
            self.segments += 1;
            self.forge.see(&segment);
            if segment.from == Party::Server && segment.flags.contains(Flags::SYN) && !segment.is_injected() {
                self.server_syn = Some(segment.clone());
            }
            if self.matcher.push(&segment) == Push::Rejected {
                look = Look::Unexpected;
            } else if look == Look::Nothing {
                look = Look::Expected;
            }
            if let Some(wire) = &mut self.wire {
                wire.captured(&segment);
            }
            log.add(Entry::Segment(segment));
        }
        Ok(look)
    }

    /// Remembers how long the lab was held up in `step`, if it was the longest time so far.
    pub(super) fn note_stall(&mut self, longest: u64, step: usize) {
        if longest > self.stall.longest {
            self.stall.longest = longest;
            self.stall.step = step;
        }
    }

    /// Remembers how far the clock was set, if it was the farthest so far.
    pub(super) fn note_clock(&mut self) {
        self.stall.clock_step = self.stall.clock_step.max(self.clock.step());
    }

    /// What libpcap has counted so far.
    pub(super) fn stats(&mut self) -> Result<CaptureStats, RunError> {
        Ok(self.live.stats()?)
    }

    /// Ends the capture. The close, which takes the kernel some 20 ms, happens on another thread.
    pub(super) fn close(self) -> Vec<Frame> {
        let Eyes {
            live,
            readiness,
            frames,
            ..
        } = self;
        drop(readiness);
        // Without a thread to spare it happens here: what is not run is dropped.
        let _ = std::thread::Builder::new().spawn(move || drop(live));
        frames
    }

    /// Takes note that the lab itself is about to send this frame: the capture's next one that is equal to it is this one.
    pub(super) fn note_injected(&mut self, frame: TcpFrame, origin: Origin) {
        self.injected.push_back((frame, origin));
    }

    fn segment(&mut self, frame: TcpFrame, realtime: u64) -> Segment {
        let is_own = self.injected.front().is_some_and(|(sent, _)| *sent == frame);
        let own = if is_own { self.injected.pop_front() } else { None };
        let origin = own.map_or(Origin::Kernel, |(_, origin)| origin);
        let party = |address: SocketAddr| {
            if address == self.server {
                Party::Server
            } else {
                Party::Client
            }
        };
        let (from, to) = (party(frame.source), party(frame.destination));
        Segment {
            origin,
            ..frame.into_segment(self.clock.since_start(realtime), from, to)
        }
    }
}

/// Whether this is the acceptable ACK of the server's SYN,ACK (RFC 9293, section 3.10.7.4).
fn completes(syn: &Segment, segment: &Segment) -> bool {
    let flags = segment.flags & (Flags::SYN | Flags::RST | Flags::ACK);
    let in_window = !segment.seq.is_before(syn.ack) && segment.seq.since(syn.ack) <= u32::from(syn.window);
    segment.from == Party::Client
        && segment.is_intact()
        && flags == Flags::ACK
        && segment.ack == syn.seq + 1
        && in_window
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::sample::{client, server};

    #[test]
    fn only_the_acceptable_ack_completes_a_handshake() {
        let syn = server("SYN ACK", 0, 1, b"");
        for (segment, expected) in [
            (client("ACK", 1, 1, b""), true),
            (client("FIN ACK", 1, 1, b""), true),
            (client("PSH ACK", 9, 1, b"later"), true),
            (client("ACK", 0, 1, b""), false),
            (client("ACK", 1, 2, b""), false),
            (client("ACK", 1 << 20, 1, b""), false),
            (client("PSH", 1, 1, b"text"), false),
            (client("RST ACK", 1, 1, b""), false),
            (client("SYN ACK", 1, 1, b""), false),
            (server("ACK", 1, 1, b""), false),
        ] {
            assert_eq!(completes(&syn, &segment), expected, "{segment:?}");
        }
    }
}
