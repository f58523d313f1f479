//! Segments and ICMP errors made by hand: what a `peer` line leaves open is filled in from the conversation so far.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::capture::TcpFrame;
use crate::scenario::{IcmpError, Injection, OptionPattern, Settings};
use crate::tcp::{Checksum, Conversation, Flags, IpFields, Origin, Party, Segment, Seq, TcpOption};

/// Follows the conversation.
pub(super) struct Forge {
    fake: Option<Party>,
    isn: Seq,
    conversation: Conversation,
    /// The last TSval of each end, client first.
    clocks: [u32; 2],
    /// The last segment in each direction, by its sender and receiver.
    last: HashMap<(Party, Party), Segment>,
}

impl Forge {
    pub(super) fn new(settings: &Settings) -> Forge {
        Forge {
            fake: settings.peer,
            isn: Seq(settings.isn),
            conversation: Conversation::default(),
            clocks: [0; 2],
            last: HashMap::new(),
        }
    }

    /// Takes note of a captured segment.
    pub(super) fn see(&mut self, segment: &Segment) {
        self.conversation.relate(segment);
        self.last.insert((segment.from, segment.to), segment.clone());
        for option in &segment.options {
            if let TcpOption::Timestamps { value, .. } = option {
                self.clocks[segment.from as usize] = *value;
            }
        }
    }

    /// The segment with absolute numbers, and what it is to its sender's end.
    pub(super) fn make(
        &self,
        injection: &Injection,
        (source, destination): (SocketAddr, SocketAddr),
    ) -> (TcpFrame, Origin) {
        let line = injection.complete();
        let flags = line.flags.unwrap_or_default();
        let payload = line.payload.unwrap_or_default().bytes.to_vec();
        let options = line.options.iter().flat_map(|options| &options.items);
        let ordinary = IpFields::default();
        let frame = TcpFrame {
            source,
            destination,
            seq: self.base(line.from, flags) + line.seq.unwrap_or_default(),
            ack: line.ack.map_or(Seq(0), |ack| self.base(line.to, Flags::empty()) + ack),
            flags,
            window: line.window.unwrap_or_default(),
            urgent: line.urgent.unwrap_or_default(),
            options: options.map(|option| self.option(line.from, line.to, option)).collect(),
            len: u32::try_from(payload.len()).unwrap_or(u32::MAX),
            payload,
            checksum: if injection.bad_checksum {
                Checksum::Wrong
            } else {
                Checksum::Correct
            },
            ip: IpFields {
                dscp: line.dscp.unwrap_or(ordinary.dscp),
                ecn: line.ecn.unwrap_or(ordinary.ecn),
                ttl: line.ttl.unwrap_or(ordinary.ttl),
                options: injection.ip_options.clone(),
            },
            offset: injection.offset,
        };
        let origin = if self.fake == Some(line.from) {
            Origin::FakeEnd
        } else {
            Origin::Spoofed
        };
        (frame, origin)
    }

    /// The segment that an ICMP error quotes: the last one in its direction, with another number if the line names one;
    /// `None` when there was none.
    pub(super) fn quoted(
        &self,
        error: &IcmpError,
        (source, destination): (SocketAddr, SocketAddr),
    ) -> Option<TcpFrame> {
        let segment = self.last.get(&(error.from, error.to))?.clone();
        Some(TcpFrame {
            source,
            destination,
            seq: error
                .seq
                .map_or(segment.seq, |seq| self.base(error.from, Flags::empty()) + seq),
            ack: segment.ack,
            flags: segment.flags,
            window: segment.window,
            urgent: segment.urgent,
            options: segment.options,
            len: segment.len,
            payload: segment.payload,
            checksum: Checksum::Correct,
            ip: segment.ip,
            offset: segment.offset,
        })
    }

    /// What the numbers of `party` are relative to: its ISN, which the first SYN of a fake end chooses; 0 before any SYN.
    fn base(&self, party: Party, flags: Flags) -> Seq {
        let chosen = flags.contains(Flags::SYN).then_some(self.isn);
        self.conversation.isn(party).or(chosen).unwrap_or_default()
    }

    fn option(&self, from: Party, to: Party, option: &OptionPattern) -> TcpOption {
        let edge = |number: u32| self.base(to, Flags::empty()) + number;
        match option {
            OptionPattern::End => TcpOption::End,
            OptionPattern::Nop => TcpOption::Nop,
            OptionPattern::Mss(size) => TcpOption::Mss(size.unwrap_or_default()),
            OptionPattern::WindowScale(shift) => TcpOption::WindowScale(shift.unwrap_or_default()),
            OptionPattern::SackPermitted => TcpOption::SackPermitted,
            OptionPattern::Sack(blocks) => {
                let blocks = blocks.iter().flatten();
                TcpOption::Sack(blocks.map(|(left, right)| (edge(*left), edge(*right))).collect())
            }
            // Never older than what the end has sent (RFC 7323, section 5).
            OptionPattern::Timestamps => TcpOption::Timestamps {
                value: self.clocks[from as usize].max(1),
                echo: self.clocks[to as usize],
            },
            OptionPattern::FastOpen => TcpOption::FastOpen(Vec::new()),
            OptionPattern::Unknown(kind) => TcpOption::Unknown {
                kind: *kind,
                data: Vec::new(),
            },
        }
    }
}
