//! The first TCP conversation of any capture file, as a recording: what an explanation needs, and no more.
//!
//! A capture tells nothing of actions, results and kernel states. The client is who sent the first SYN; without one, who
//! sent the first segment. A capture that shows each packet twice (of all interfaces, say) is not made single.

use std::net::SocketAddr;
use std::path::Path;

use crate::capture::{self, CaptureError, Decoded, LinkType, TcpFrame, decode};
use crate::run::{CaptureStats, Ending, Entry, Environment, Mode, Recording, Stall};
use crate::scenario::Family;
use crate::tcp::{Flags, Party};

/// What was found in a capture file.
#[derive(Debug)]
pub struct Conversation {
    /// Its segments, as a recording without actions.
    pub recording: Recording,
    /// Who is the client.
    pub client: SocketAddr,
    /// Who is the server.
    pub server: SocketAddr,
    /// How many segments of other conversations are left out.
    pub left_out: usize,
    /// Where the file ends otherwise than a capture does.
    pub damage: Option<CaptureError>,
}

impl Conversation {
    /// Reads the first conversation of a pcap or pcapng file; `None` if it has no TCP segment.
    ///
    /// # Errors
    /// The file cannot be opened, or is no capture. A file that breaks off is told as its `damage`.
    pub fn read(path: &Path) -> Result<Option<Conversation>, CaptureError> {
        let frames = capture::read(path)?;
        let link = LinkType::by_code(frames.link_type().0);
        let mut damage = None;
        let mut found: Vec<(u64, TcpFrame)> = Vec::new();
        for frame in frames {
            match frame {
                Ok(frame) => {
                    if let Some(Decoded::Tcp(tcp)) = link.map(|link| decode(link, &frame.bytes, frame.original_len)) {
                        found.push((frame.realtime, *tcp));
                    }
                }
                Err(error) => damage = Some(error),
            }
        }
        let Some((begin, first)) = found.first() else {
            return Ok(None);
        };
        let ends = [first.source, first.destination];
        let begin = *begin;
        let (ours, others): (Vec<_>, Vec<_>) = found
            .iter()
            .partition(|(_, frame)| ends.contains(&frame.source) && ends.contains(&frame.destination));
        let opener = ours.iter().find(|(_, frame)| frame.flags.contains(Flags::SYN));
        let client = match opener {
            Some((_, frame)) if frame.flags.contains(Flags::ACK) => frame.destination,
            Some((_, frame)) => frame.source,
            None => ends[0],
        };
        let server = if client == ends[0] { ends[1] } else { ends[0] };
        let left_out = others.len();
        let party = |address| {
            if address == client {
                Party::Client
            } else {
                Party::Server
            }
        };
        let entries = found
            .iter()
            .filter(|(_, frame)| ends.contains(&frame.source) && ends.contains(&frame.destination))
            .map(|(at, frame)| {
                let (from, to) = (party(frame.source), party(frame.destination));
                Entry::Segment(frame.clone().into_segment(at.saturating_sub(begin), from, to))
            })
            .collect();
        Ok(Some(Conversation {
            recording: recording(entries),
            client,
            server,
            left_out,
            damage,
        }))
    }

    /// The address family of its ends.
    pub fn family(&self) -> Family {
        if self.client.is_ipv4() {
            Family::Ipv4
        } else {
            Family::Ipv6
        }
    }
}

fn recording(entries: Vec<Entry>) -> Recording {
    Recording {
        scenario: String::new(),
        environment: Environment {
            kernel: String::new(),
            tcplab: env!("CARGO_PKG_VERSION").to_owned(),
            mode: Mode::Host,
            sysctls: Default::default(),
        },
        entries,
        ending: Ending::Completed,
        capture: CaptureStats::default(),
        counters: None,
        sockets: Vec::new(),
        stall: Stall::default(),
    }
}
