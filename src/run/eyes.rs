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
    /// All TCP frames, for the saved capture.
    pub(super) frames: Vec<Frame>,
    pub(super) segments: usize,
    pub(super) stall: Stall,
    /// What the lab has sent itself and the capture has not shown yet.
    injected: VecDeque<(TcpFrame, Origin)>,
    /// What a segment made by hand must know about the conversation.
    pub(super) forge: Forge,
    /// Whether the server has sent a SYN, and whether more than a RST followed: it then has a connection, not only a
    /// listener.
    server_answered: bool,
    pub(super) server_connected: bool,
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
            server_answered: false,
            server_connected: false,
        })
    }

    /// A new listener has had no connection yet.
    pub(super) fn forget_connection(&mut self) {
        self.server_answered = false;
        self.server_connected = false;
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
            let Decoded::Tcp(tcp) = decode(self.link, &frame.bytes, frame.original_len) else {
                continue;
            };
            let segment = self.segment(*tcp, frame.realtime);
            self.frames.push(frame);
            self.segments += 1;
            self.forge.see(&segment);
            self.server_connected |=
                self.server_answered && !segment.flags.intersects(Flags::SYN | Flags::RST) && segment.is_intact();
            self.server_answered |=
                segment.from == Party::Server && segment.flags.contains(Flags::SYN) && !segment.is_injected();
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
