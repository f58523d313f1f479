//! What became of segments on the wire, for those who read a recording.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Entry, Recording};
use crate::matcher::Strike;
use crate::scenario::How;
use crate::tcp::{Origin, Replay, Segment};

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
}

impl Fate {
    /// What becomes of a segment that meets this.
    pub fn of(strike: Strike) -> Fate {
        match strike {
            Strike::Copy => Fate::Copied,
            Strike::Fault(How::Drop) => Fate::Dropped,
            Strike::Fault(How::Hold) => Fate::Held,
            Strike::Fault(How::Delay(_)) => Fate::Delayed,
            Strike::Fault(How::Duplicate) => Fate::Duplicated,
            Strike::Fault(How::Corrupt { .. }) => Fate::Corrupted,
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
        }
    }

    /// Whether the segment does not reach its receiver, or not at once.
    pub fn keeps_away(self) -> bool {
        matches!(self, Fate::Dropped | Fate::Held | Fate::Delayed | Fate::Corrupted)
    }
}

/// What met each segment when it was sent, by its index in the capture; those that just went on are left out.
#[derive(Debug, Clone, Default)]
pub struct Fates<'r> {
    fates: HashMap<usize, Fate>,
    segments: Vec<&'r Segment>,
    captured: usize,
}

impl<'r> Fates<'r> {
    /// Those of a recording.
    pub fn of(recording: &'r Recording) -> Fates<'r> {
        let mut fates = HashMap::new();
        for entry in &recording.entries {
            if let Entry::Fault { segment, fate, .. } = entry
                && *fate != Fate::Released
            {
                fates.insert(*segment, *fate);
            }
        }
        Fates {
            fates,
            segments: recording.segments().collect(),
            captured: 0,
        }
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
    pub fn way(&mut self, entry: &'r Entry) -> Way<'r> {
        match entry {
            Entry::Segment(segment) => {
                let fate = self.get(self.captured);
                self.captured += 1;
                // Neither a copy nor a forgery is sent by the end whose address it bears.
                let own = fate != Some(Fate::Copied) && segment.origin != Origin::Spoofed;
                let arrives = !fate.is_some_and(Fate::keeps_away) && segment.is_intact();
                Way {
                    sent: own.then_some(segment),
                    delivered: arrives.then_some(segment),
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
        if let Some(event) = entry.icmp()
            && let Some(call) = event.call()
        {
            replay.call(event.from, call);
        }
        let Way { sent, delivered } = self.way(entry);
        sent.into_iter().for_each(|segment| replay.sent(segment));
        delivered.into_iter().for_each(|segment| replay.delivered(segment));
        delivered.filter(|_| matches!(entry, Entry::Fault { .. }))
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
