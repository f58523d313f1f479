//! What became of segments on the wire, for those who read a recording.

use std::collections::HashMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{Entry, Recording};
use crate::capture::{Decoded, LinkType, TcpFrame, decode};
use crate::matcher::Strike;
use crate::scenario::{How, Place};
use crate::tcp::{IpFields, Origin, Replay, Segment};

/// What the wire did with a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is lost.
    Dropped,
    /// It waits for its release.
    Held,
    /// It waits for its time.
    Delayed,
    /// It was held or delayed, and goes on now.
    Released,
    /// A copy of it follows.
    Duplicated,
    /// It is the copy of a segment before it, made by the wire and not by its sender.
    Copied,
    /// It goes on with a wrong bit, so that its receiver throws it away.
    Corrupted,
    /// It goes on with a wrong bit and a checksum to match, so that its receiver takes it as it is now.
    Altered,
    /// It goes on with the ECN codepoint CE.
    Marked,
}

impl Fate {
    /// All of them.
    pub const ALL: [Fate; 9] = [
        Fate::Dropped,
        Fate::Held,
        Fate::Delayed,
        Fate::Released,
        Fate::Duplicated,
        Fate::Copied,
        Fate::Corrupted,
        Fate::Altered,
        Fate::Marked,
    ];

    /// What becomes of a segment that meets this.
    pub fn of(strike: Strike) -> Fate {
        match strike {
            Strike::Copy => Fate::Copied,
            Strike::Fault(How::Drop) => Fate::Dropped,
            Strike::Fault(How::Hold) => Fate::Held,
            Strike::Fault(How::Delay(_)) => Fate::Delayed,
            Strike::Fault(How::Duplicate) => Fate::Duplicated,
            Strike::Fault(How::Corrupt { unnoticed: false, .. }) => Fate::Corrupted,
            Strike::Fault(How::Corrupt { unnoticed: true, .. }) => Fate::Altered,
            Strike::Fault(How::Mark) => Fate::Marked,
        }
    }

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Fate::Dropped => "dropped",
            Fate::Held => "held",
            Fate::Delayed => "delayed",
            Fate::Released => "released",
            Fate::Duplicated => "duplicated",
            Fate::Copied => "copy",
            Fate::Corrupted => "corrupted",
            Fate::Altered => "altered",
            Fate::Marked => "marked",
        }
    }

    /// Whether the segment does not reach its receiver, or not at once.
    pub fn keeps_away(self) -> bool {
        matches!(self, Fate::Dropped | Fate::Held | Fate::Delayed | Fate::Corrupted)
    }
}

/// Bits of a segment that the wire has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Damage {
    /// The byte.
    pub place: Place,
    /// Which of its bits.
    pub mask: u8,
}

impl Damage {
    /// What this does to the segment; `None` where it changes no bit of it.
    pub fn of(strike: Strike, segment: &Segment) -> Option<Damage> {
        match strike {
            Strike::Fault(How::Corrupt { place, .. }) => place.within(segment).map(|place| Damage { place, mask: 1 }),
            _ => None,
        }
    }

    /// The segment as its receiver gets it. `None` where that is no TCP segment any more, as nothing that a scenario can say
    /// leads to.
    fn done_to(self, segment: &Segment) -> Option<Segment> {
        let mut altered = segment.clone();
        match self.place {
            Place::Payload(byte) => *altered.payload.get_mut(byte as usize)? ^= self.mask,
            Place::Header(byte) => {
                // Where it comes from and where it goes changes nothing here.
                let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
                let frame = TcpFrame {
                    ip: IpFields::default(),
                    ..TcpFrame::of_segment(segment, anywhere, anywhere)
                };
                let mut packet = frame.encode().ok()?;
                *packet.get_mut(IP_HEADER + byte as usize)? ^= self.mask;
                let length = u32::try_from(packet.len()).ok()?;
                let Decoded::Tcp(frame) = decode(LinkType::RawIp, &packet, length) else {
                    return None;
                };
                altered.seq = frame.seq;
                altered.ack = frame.ack;
                altered.flags = frame.flags;
                altered.window = frame.window;
                altered.urgent = frame.urgent;
                altered.options = frame.options;
            }
        }
        Some(altered)
    }
}

/// The length of an IPv4 header without options.
const IP_HEADER: usize = 20;

/// What met each segment when it was sent, by its index in the capture; those that just went on are left out.
#[derive(Debug, Clone, Default)]
pub struct Fates<'r> {
    fates: HashMap<usize, Fate>,
    /// The segments that arrive otherwise than they were sent.
    altered: HashMap<usize, Segment>,
    segments: Vec<&'r Segment>,
    captured: usize,
}

impl<'r> Fates<'r> {
    /// Those of a recording.
    pub fn of(recording: &'r Recording) -> Fates<'r> {
        let mut fates = HashMap::new();
        let mut altered = HashMap::new();
        let segments: Vec<&Segment> = recording.segments().collect();
        for entry in &recording.entries {
            let Entry::Fault {
                segment: index,
                fate,
                damage,
                ..
            } = entry
            else {
                continue;
            };
            if *fate != Fate::Released {
                fates.insert(*index, *fate);
            }
            let (Some(segment), Some(damage)) = (segments.get(*index), damage) else {
                continue;
            };
            if *fate == Fate::Altered
                && let Some(segment) = damage.done_to(segment)
            {
                altered.insert(*index, segment);
            }
        }
        Fates {
            fates,
            altered,
            segments,
            captured: 0,
        }
    }

    /// The segment with this index as it arrives, if that is otherwise than it was sent.
    pub fn altered(&self, index: usize) -> Option<&Segment> {
        self.altered.get(&index)
    }

    /// What met the segment with this index.
    pub fn get(&self, index: usize) -> Option<Fate> {
        self.fates.get(&index).copied()
    }

    /// The segment with this index.
    pub fn segment(&self, index: usize) -> Option<&'r Segment> {
        self.segments.get(index).copied()
    }

    /// How many segments met this.
    pub fn count(&self, wanted: Fate) -> usize {
        self.fates.values().filter(|fate| **fate == wanted).count()
    }

    /// How many segments had not come to the receiver's TCP when the run ended. One with a wrong checksum had.
    pub fn undelivered(&self, recording: &Recording) -> u64 {
        let kept = self
            .fates
            .values()
            .filter(|fate| matches!(fate, Fate::Dropped | Fate::Held | Fate::Delayed))
            .count();
        let is_release = |entry: &&Entry| {
            matches!(
                entry,
                Entry::Fault {
                    fate: Fate::Released,
                    ..
                }
            )
        };
        (kept - recording.entries.iter().filter(is_release).count().min(kept)) as u64
    }

    /// What an entry means for the segments under way, when all entries are shown in order.
    pub fn way<'f>(&'f mut self, entry: &'f Entry) -> Way<'f> {
        match entry {
            Entry::Segment(segment) => {
                let index = self.captured;
                let fate = self.get(index);
                self.captured += 1;
                // Neither a copy nor a forgery is sent by the end whose address it bears.
                let own = fate != Some(Fate::Copied) && segment.origin != Origin::Spoofed;
                let arrives = !fate.is_some_and(Fate::keeps_away) && segment.is_intact();
                Way {
                    sent: own.then_some(segment),
                    delivered: arrives.then(|| self.altered(index).unwrap_or(segment)),
                }
            }
            Entry::Fault {
                segment,
                fate: Fate::Released,
                ..
            } => Way {
                sent: None,
                delivered: self.segment(*segment),
            },
            _ => Way::default(),
        }
    }

    /// Has a replay take note of an entry, as [`Fates::way`] says. Returns the segment that a release lets go on.
    pub fn replay(&mut self, entry: &'r Entry, replay: &mut Replay) -> Option<&'r Segment> {
        let released = match entry {
            Entry::Fault {
                segment,
                fate: Fate::Released,
                ..
            } => self.segment(*segment),
            _ => None,
        };
        if let Some(event) = entry.icmp()
            && let Some(call) = event.call()
        {
            replay.call(event.from, call);
        }
        let Way { sent, delivered } = self.way(entry);
        sent.into_iter().for_each(|segment| replay.sent(segment));
        delivered.into_iter().for_each(|segment| replay.delivered(segment));
        released
    }
}

/// The segment that an entry says was sent, and the one that it says was received.
#[derive(Debug, Clone, Copy, Default)]
pub struct Way<'r> {
    /// Sent by the end whose address it bears.
    pub sent: Option<&'r Segment>,
    /// Received by the other end's TCP.
    pub delivered: Option<&'r Segment>,
}
