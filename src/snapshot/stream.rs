//! Streams: the many segments of a `stream` expectation, told in one line.
//!
//! How many acknowledgments a receiver sends, and where in the stream they fall, depends on when it gets to run. So a
//! stream's pure ACKs are part of its line and are not counted in it; the bytes, their segmentation and their options
//! are told.

use sha2::{Digest, Sha256};

use super::payload::short_digest;
use crate::scenario::Expect;
use crate::tcp::{Flags, IpFields, Party, Segment, Seq, TcpOption};

/// One stream of the step in progress.
#[derive(Debug)]
pub(super) struct Stream {
    pub from: Party,
    pub to: Party,
    /// The bytes that the scenario expects.
    goal: u64,
    bytes: u64,
    /// The place of the stream's line in the transcript, once its first segment was seen.
    pub line: Option<usize>,
    /// Relative SEG.SEQ of the first segment.
    start: u32,
    /// SEG.SEQ of the next new segment.
    next: Seq,
    acknowledged: Option<Seq>,
    options: String,
    /// What the IP headers of its segments say.
    ip: IpFields,
    count: u64,
    /// The sizes of all segments but the last one: smallest and largest.
    sizes: Option<(u32, u32)>,
    last: u32,
    hash: Sha256,
    captured: u64,
    closed: bool,
}

/// The streams among a step's expectations, however deep.
pub(super) fn streams(expectations: &[Expect]) -> Vec<Stream> {
    expectations
        .iter()
        .flat_map(|expectation| match expectation {
            Expect::Stream { from, to, bytes, .. } => vec![Stream::new(*from, *to, *bytes)],
            Expect::AnyOrder { items, .. } => streams(items),
            Expect::Either { alternatives, .. } => alternatives.iter().flat_map(|items| streams(items)).collect(),
            Expect::Segment(_) | Expect::Anything { .. } => Vec::new(),
        })
        .collect()
}

impl Stream {
    fn new(from: Party, to: Party, goal: u64) -> Stream {
        Stream {
            from,
            to,
            goal,
            bytes: 0,
            line: None,
            start: 0,
            next: Seq::default(),
            acknowledged: None,
            options: String::new(),
            ip: IpFields::default(),
            count: 0,
            sizes: None,
            last: 0,
            hash: Sha256::new(),
            captured: 0,
            closed: false,
        }
    }

    /// Whether the segment belongs to the stream; if so, it is counted in. `seq` and `options` are the segment's as the
    /// transcript shows them.
    pub fn takes(&mut self, segment: &Segment, seq: u32, options: &str) -> bool {
        if self.closed {
            return false;
        }
        if self.is_data(segment, options) {
            self.add(segment, seq, options);
            return true;
        }
        self.is_acknowledgment(segment)
    }

    /// Takes note of what any segment acknowledges.
    pub fn note_acknowledgment(&mut self, segment: &Segment) {
        let backwards = segment.from == self.to && segment.to == self.from && segment.flags.contains(Flags::ACK);
        if backwards && self.acknowledged.is_none_or(|known| known.is_before(segment.ack)) {
            self.acknowledged = Some(segment.ack);
        }
    }

    /// A segment came that no stream takes: a stream that has all its bytes is over, so that a later acknowledgment has
    /// a line of its own.
    pub fn interrupted(&mut self) {
        self.closed |= self.bytes == self.goal;
    }

    /// New data, in order, with the options of the first segment.
    fn is_data(&self, segment: &Segment, options: &str) -> bool {
        segment.from == self.from
            && segment.to == self.to
            && segment.len > 0
            && segment.flags.difference(Flags::PSH) == Flags::ACK
            && self.bytes + u64::from(segment.len) <= self.goal
            && (self.count == 0 || (segment.seq == self.next && options == self.options && segment.ip == self.ip))
    }

    fn is_acknowledgment(&self, segment: &Segment) -> bool {
        self.count > 0
            && segment.from == self.to
            && segment.to == self.from
            && segment.len == 0
            && segment.flags == Flags::ACK
            && segment.ip == IpFields::default()
            && segment
                .options
                .iter()
                .all(|option| matches!(option, TcpOption::Nop | TcpOption::Timestamps { .. }))
    }

    fn add(&mut self, segment: &Segment, seq: u32, options: &str) {
        if self.count == 0 {
            self.start = seq;
            self.options = options.to_owned();
            self.ip = segment.ip.clone();
        } else {
            let (min, max) = self.sizes.unwrap_or((self.last, self.last));
            self.sizes = Some((min.min(self.last), max.max(self.last)));
        }
        self.count += 1;
        self.last = segment.len;
        self.bytes += u64::from(segment.len);
        self.next = segment.end();
        self.hash.update(&segment.payload);
        self.captured += segment.payload.len() as u64;
    }

    /// `1048576 bytes from seq 1 in 725 segments of 1448, the last 224, sha256 …, <nop, nop, ts>`.
    pub fn summary(&self) -> String {
        let mut text = self.bytes.to_string();
        if self.bytes < self.goal {
            text.push_str(&format!(" of {}", self.goal));
        }
        text.push_str(&format!(" bytes from seq {} in {}", self.start, self.segments()));
        text.push_str(&format!(", sha256 {}", short_digest(self.hash.clone())));
        if self.captured < self.bytes {
            text.push_str(&format!(" of the {} bytes captured", self.captured));
        }
        if self.acknowledged != Some(self.next) {
            let missing = self
                .acknowledged
                .map_or(self.bytes, |upto| u64::from(self.next.since(upto)));
            text.push_str(&format!(", {missing} bytes unacknowledged"));
        }
        for part in self.ip.out_of_the_ordinary() {
            text.push_str(&format!(", {part}"));
        }
        if !self.options.is_empty() {
            text.push_str(&format!(", {}", self.options));
        }
        text
    }

    fn segments(&self) -> String {
        match self.sizes {
            None => "1 segment".to_owned(),
            Some((min, max)) if min == max && max == self.last => format!("{} segments of {max}", self.count),
            Some((min, max)) if min == max => format!("{} segments of {max}, the last {}", self.count, self.last),
            Some((min, max)) => format!("{} segments of {min} to {max}, the last {}", self.count, self.last),
        }
    }
}
