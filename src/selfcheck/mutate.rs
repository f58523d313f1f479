//! Mutants of a recording.

use crate::endpoint::ActionResult;
use crate::run::{Damage, Ending, Entry, Fate, IcmpEvent, IcmpFate, Recording, SocketReport};
use crate::scenario::{Family, IcmpKind, Place};
use crate::tcp::{Checksum, Ecn, Flags, Origin, Segment, SocketPair, State, TcpOption};

/// A recording that differs from the original in one place.
#[derive(Debug, Clone)]
pub struct Mutant {
    /// What kind of change it is.
    pub kind: &'static str,
    /// The change, with its place.
    pub change: String,
    /// The changed segment, by its index in the capture.
    pub segment: Option<usize>,
    /// The changed recording.
    pub recording: Recording,
}

/// Payload bytes of a segment that are changed, spread evenly.
const PLACES: usize = 3;
/// Segments of a recording that have their turn: of a longer one, the first and the last ones.
const SEGMENTS: usize = 64;
/// The same for a recording of thousands, each of whose mutants takes long to judge.
const SEGMENTS_OF_BULK: usize = 12;
const BULK: usize = 500;

/// Shows all mutants of a recording, one after the other: each is as large as the recording. Of a long one only the first
/// and the last segments have their turn: those between are alike.
pub fn mutants(original: &Recording, show: &mut dyn FnMut(Mutant)) {
    let mut all = Mutants {
        original,
        segment: None,
        show,
    };
    let places: Vec<usize> = (0..original.entries.len())
        .filter(|place| matches!(original.entries[*place], Entry::Segment(_)))
        .collect();
    let turns = if places.len() < BULK {
        SEGMENTS
    } else {
        SEGMENTS_OF_BULK
    };
    for (number, place) in places.iter().enumerate() {
        if number < turns / 2 || number + turns / 2 >= places.len() {
            all.segment = Some(number);
            all.of_segment(*place, number, places.get(number + 1).copied());
            all.of_isn(*place, number);
        }
    }
    all.segment = None;
    for (place, entry) in original.entries.iter().enumerate() {
        match entry {
            Entry::ActionEnded { result, .. } => all.of_result(place, result),
            Entry::Fault { fate, .. } => all.of_fault(place, *fate),
            Entry::Icmp(event) => all.of_icmp(place, event),
            Entry::Settled { client, server, .. } => all.of_states(place, *client, *server),
            _ => {}
        }
    }
    all.of_counts();
    for number in 0..original.sockets.len() {
        all.of_socket(number);
    }
}

struct Mutants<'a> {
    original: &'a Recording,
    /// The segment whose turn it is.
    segment: Option<usize>,
    show: &'a mut dyn FnMut(Mutant),
}

impl Mutants<'_> {
    fn add(&mut self, kind: &'static str, change: impl Into<String>, apply: impl FnOnce(&mut Recording)) {
        let mut recording = self.original.clone();
        apply(&mut recording);
        (self.show)(Mutant {
            kind,
            change: change.into(),
            segment: self.segment,
            recording,
        });
    }

    /// Changes the segment at this place of the entries, the segment `number` of the capture.
    fn alter(&mut self, kind: &'static str, place: usize, number: usize, apply: impl FnOnce(&mut Segment)) {
        self.add(kind, format!("{kind} of segment {}", number + 1), |recording| {
            if let Entry::Segment(segment) = &mut recording.entries[place] {
                apply(segment);
            }
        });
    }

    fn of_fault(&mut self, place: usize, fate: Fate) {
        let name = format!("entry {place}: {}", fate.name());
        self.add("fault left out", name.clone(), |recording| {
            drop(recording.entries.remove(place));
        });
        for other in Fate::ALL.into_iter().filter(|other| *other != fate) {
            self.add("fault", name.clone(), |recording| {
                if let Entry::Fault { fate, .. } = &mut recording.entries[place] {
                    *fate = other;
                }
            });
        }
        if let Entry::Fault {
            damage: Some(damage), ..
        } = &self.original.entries[place]
        {
            let byte = |step: i32| match damage.place {
                Place::Payload(byte) => Place::Payload(byte.wrapping_add_signed(step)),
                Place::Header(byte) => Place::Header(byte.wrapping_add_signed(step)),
            };
            let others = [
                Damage { mask: 2, ..*damage },
                Damage { mask: 0, ..*damage },
                Damage {
                    place: byte(1),
                    ..*damage
                },
                Damage {
                    place: byte(-1),
                    ..*damage
                },
            ];
            for other in others.map(Some).into_iter().chain([None]) {
                self.add("damage", format!("{name}: {damage:?} becomes {other:?}"), |recording| {
                    if let Entry::Fault { damage, .. } = &mut recording.entries[place] {
                        *damage = other;
                    }
                });
            }
        }
        self.add("segment of a fault", name.clone(), |recording| {
            if let Entry::Fault { segment, .. } = &mut recording.entries[place] {
                *segment += 1;
            }
        });
        self.add("line of a fault", name, |recording| {
            if let Entry::Fault { step, .. } = &mut recording.entries[place] {
                *step += 1;
            }
        });
    }

    fn of_icmp(&mut self, place: usize, event: &IcmpEvent) {
        let name = format!("entry {place}: {}", event.kind);
        self.add("icmp left out", name.clone(), |recording| {
            drop(recording.entries.remove(place));
        });
        self.add("icmp doubled", name.clone(), |recording| {
            recording.entries.insert(place, recording.entries[place].clone());
        });
        let mut set = |kind: &'static str, changed: IcmpEvent| {
            self.add(kind, format!("{name} becomes {changed:?}"), |recording| {
                recording.entries[place] = Entry::Icmp(changed);
            });
        };
        for (_, kind) in IcmpKind::NAMES {
            if kind != event.kind {
                set("icmp kind", IcmpEvent { kind, ..*event });
            }
        }
        for fate in IcmpFate::ALL {
            if fate != event.fate {
                set("icmp fate", IcmpEvent { fate, ..*event });
            }
        }
        for step in [1, u32::MAX] {
            let seq = event.seq + step;
            set("icmp number", IcmpEvent { seq, ..*event });
        }
        let family = match event.family {
            Family::Ipv4 => Family::Ipv6,
            Family::Ipv6 => Family::Ipv4,
        };
        set("icmp family", IcmpEvent { family, ..*event });
        let mtu = event.mtu.xor(Some(1));
        set("icmp mtu", IcmpEvent { mtu, ..*event });
        let (from, to) = (event.to, event.from);
        if from != to {
            set("icmp direction", IcmpEvent { from, to, ..*event });
        }
        let step = event.step + 1;
        set("icmp line", IcmpEvent { step, ..*event });
    }

    fn of_segment(&mut self, place: usize, number: usize, next: Option<usize>) {
        let Entry::Segment(segment) = &self.original.entries[place] else {
            return;
        };
        let name = format!("segment {}", number + 1);
        self.add("segment left out", name.clone(), |recording| {
            drop(recording.entries.remove(place))
        });
        self.add("segment doubled", name.clone(), |recording| {
            recording.entries.insert(place, recording.entries[place].clone());
        });
        if let Some(next) = next.filter(|next| !is_same(&self.original.entries[place], &self.original.entries[*next])) {
            self.add("segments exchanged", name, |recording| {
                recording.entries.swap(place, next)
            });
        }
        if segment.from != segment.to {
            self.alter("direction", place, number, |segment| {
                std::mem::swap(&mut segment.from, &mut segment.to)
            });
        }
        for (_, flag) in Flags::NAMES {
            self.alter("flag", place, number, |segment| segment.flags ^= flag);
        }
        let opens = segment.flags.contains(Flags::SYN);
        let seq = if opens {
            "initial sequence number"
        } else {
            "sequence number"
        };
        let ack = if segment.flags.contains(Flags::ACK) {
            "acknowledgment"
        } else {
            "acknowledgment without ACK"
        };
        let urgent = if segment.flags.contains(Flags::URG) {
            "urgent pointer"
        } else {
            "urgent pointer without URG"
        };
        for step in [1, u32::MAX] {
            self.alter(seq, place, number, |segment| segment.seq += step);
            self.alter(ack, place, number, |segment| segment.ack += step);
            // Less than nothing would be four gigabytes.
            if let Some(len) = segment.len.checked_add_signed(step.cast_signed()) {
                self.alter("length", place, number, |segment| segment.len = len);
            }
        }
        for origin in [Origin::Kernel, Origin::Spoofed, Origin::FakeEnd] {
            if origin != segment.origin {
                self.alter("origin", place, number, |segment| segment.origin = origin);
            }
        }
        self.alter("window", place, number, |segment| segment.window ^= 1);
        self.alter(urgent, place, number, |segment| segment.urgent ^= 1);
        self.alter("checksum", place, number, |segment| segment.checksum = Checksum::Wrong);
        self.alter("DSCP", place, number, |segment| segment.ip.dscp ^= 1);
        for ecn in Ecn::ALL.into_iter().filter(|ecn| *ecn != segment.ip.ecn) {
            self.alter("ECN codepoint", place, number, |segment| segment.ip.ecn = ecn);
        }
        self.alter("TTL", place, number, |segment| segment.ip.ttl ^= 1);
        self.alter("IP options", place, number, |segment| {
            segment.ip.options.extend([1, 1, 1, 0]);
        });
        if !segment.ip.options.is_empty() {
            self.alter("IP options", place, number, |segment| segment.ip.options.clear());
        }
        for offset in [None, Some(0), Some(4)] {
            if offset != segment.offset {
                self.alter("data offset", place, number, |segment| segment.offset = offset);
            }
        }
        let len = segment.payload.len();
        for byte in (0..len).step_by(len.div_ceil(PLACES).max(1)) {
            self.alter("payload", place, number, |segment| segment.payload[byte] ^= 1);
        }
        for (index, option) in segment.options.iter().enumerate() {
            self.alter("option left out", place, number, |segment| {
                drop(segment.options.remove(index))
            });
            if let Some((kind, other)) = other_value(option) {
                self.alter(kind, place, number, |segment| segment.options[index] = other);
            }
        }
    }

    /// Another initial sequence number of a pair of sockets that the kernel opened more than once, with all numbers that count
    /// from it: only its clock tells.
    fn of_isn(&mut self, place: usize, number: usize) {
        let Some((syn, pair)) = opened(&self.original.entries[place]) else {
            return;
        };
        let opens = |entry: &Entry| opened(entry).is_some_and(|(other, its)| its == pair && other.seq != syn.seq);
        if !self.original.entries.iter().any(opens) {
            return;
        }
        let (isn, others) = (syn.seq, self.original.entries[place..].iter().position(opens));
        let end = others.map_or(self.original.entries.len(), |next| place + next);
        // A quarter of a second of Linux's clock, forwards and backwards, and half of its way round.
        for step in [1 << 22, (1_u32 << 22).wrapping_neg(), 1 << 31] {
            let change = format!(
                "all numbers from {isn} on, the ISN of segment {}, move by {step}",
                number + 1
            );
            self.add("initial sequence number of a pair opened again", change, |recording| {
                for entry in &mut recording.entries[place..end] {
                    let Entry::Segment(segment) = entry else { continue };
                    if segment.sockets == Some(pair) {
                        segment.seq += step;
                    } else if segment.sockets == Some(pair.reversed()) && segment.flags.contains(Flags::ACK) {
                        segment.ack += step;
                        for option in &mut segment.options {
                            if let TcpOption::Sack(blocks) = option {
                                for (left, right) in blocks {
                                    *left += step;
                                    *right += step;
                                }
                            }
                        }
                    }
                }
            });
        }
    }

    fn of_result(&mut self, place: usize, result: &ActionResult) {
        let mut set = |kind: &'static str, changed: ActionResult| {
            let change = format!("{result:?} becomes {changed:?}");
            self.add(kind, change.chars().take(200).collect::<String>(), |recording| {
                if let Entry::ActionEnded { result, .. } = &mut recording.entries[place] {
                    *result = changed;
                }
            });
        };
        set("result: unfinished", ActionResult::Unfinished);
        if let ActionResult::Failed {
            call,
            errno,
            received,
            sent,
        } = result
        {
            let (call, received, sent) = (call.clone(), received.clone(), sent.clone());
            set(
                "result: error number",
                ActionResult::Failed {
                    call,
                    errno: errno + 1,
                    received,
                    sent,
                },
            );
            set("result: success", ActionResult::done());
            return;
        }
        set(
            "result: error",
            ActionResult::Failed {
                call: "write".to_owned(),
                errno: libc::EPIPE,
                received: Vec::new(),
                sent: Vec::new(),
            },
        );
        match result {
            ActionResult::Done { received, sent, value } => {
                for changed in received.iter().flat_map(|bytes| other_bytes(bytes)) {
                    let (sent, value) = (sent.clone(), value.clone());
                    set(
                        "result: bytes read",
                        ActionResult::Done {
                            received: Some(changed),
                            sent,
                            value,
                        },
                    );
                }
                for changed in sent.iter().flat_map(|bytes| other_bytes(bytes)) {
                    let (received, value) = (received.clone(), value.clone());
                    set(
                        "result: bytes written",
                        ActionResult::Done {
                            received,
                            sent: Some(changed),
                            value,
                        },
                    );
                }
                if value.is_some() {
                    let (received, sent) = (received.clone(), sent.clone());
                    set(
                        "result: value",
                        ActionResult::Done {
                            received,
                            sent,
                            value: Some("odd".to_owned()),
                        },
                    );
                }
            }
            ActionResult::Eof { received } => {
                let received = [&received[..], b"x"].concat();
                set("result: bytes read", ActionResult::Eof { received });
            }
            _ => {}
        }
    }

    /// The states that the kernel has reported; an end without a socket has none.
    fn of_states(&mut self, place: usize, client: Option<State>, server: Option<State>) {
        for other in State::ALL {
            let mut set = |change: String, states: (Option<State>, Option<State>)| {
                self.add("state", change, |recording| {
                    if let Entry::Settled { client, server, .. } = &mut recording.entries[place] {
                        (*client, *server) = states;
                    }
                });
            };
            if let Some(client) = client.filter(|client| *client != other) {
                set(format!("client {client} becomes {other}"), (Some(other), server));
            }
            if let Some(server) = server.filter(|server| *server != other) {
                set(format!("server {server} becomes {other}"), (client, Some(other)));
            }
        }
    }

    fn of_counts(&mut self) {
        self.add("capture: dropped", "one packet", |recording| {
            recording.capture.dropped += 1
        });
        self.add("capture: dropped", "one packet by the interface", |recording| {
            recording.capture.interface_dropped += 1
        });
        self.add("capture: received", "one more", |recording| {
            recording.capture.received += 1
        });
        self.add("capture: read", "one more", |recording| recording.capture.read += 1);
        self.add("ending", "interrupted", |recording| {
            recording.ending = Ending::Interrupted
        });
        self.add("ending", "deadline", |recording| {
            recording.ending = Ending::Deadline { step: 0 }
        });
        self.add("ending", "mismatch", |recording| {
            recording.ending = Ending::Mismatch { step: 0 }
        });
        let Some(counters) = self.original.counters else {
            return;
        };
        let counts_overflows = counters.listen_overflows.is_some();
        type Counter = fn(&mut crate::run::Counters) -> &mut u64;
        let counters: [(&str, Counter); 6] = [
            ("tcpInSegs", |counters| &mut counters.in_segs),
            ("tcpOutSegs", |counters| &mut counters.out_segs),
            ("tcpRetransSegs", |counters| &mut counters.retrans_segs),
            ("tcpInErrs", |counters| &mut counters.in_errs),
            ("tcpOutRsts", |counters| &mut counters.out_rsts),
            ("InCsumErrors", |counters| &mut counters.in_csum_errors),
        ];
        if counts_overflows {
            self.add("kernel counter", "ListenOverflows", |recording| {
                let counters = recording.counters.as_mut();
                if let Some(overflows) = counters.and_then(|counters| counters.listen_overflows.as_mut()) {
                    *overflows += 1;
                }
            });
        }
        let icmp: [(&str, Counter); 4] = [
            ("InDestUnreachs", |counters| &mut counters.icmp.received.dest_unreachs),
            ("OutTimeExcds", |counters| &mut counters.icmp.sent.time_excds),
            ("icmpInErrors", |counters| &mut counters.icmp.in_errors),
            ("OutOfWindowIcmps", |counters| &mut counters.icmp.out_of_window),
        ];
        // Nobody looks at them where no error was made by hand.
        let of_icmp = self.original.entries.iter().any(|entry| entry.icmp().is_some());
        let icmp = icmp.into_iter().filter(|_| of_icmp);
        for (name, counter) in counters.into_iter().chain(icmp) {
            let kind = if name == "tcpInErrs" {
                "kernel counter tcpInErrs"
            } else {
                "kernel counter"
            };
            self.add(kind, name, |recording| {
                if let Some(counters) = &mut recording.counters {
                    *counter(counters) += 1;
                }
            });
        }
    }

    fn of_socket(&mut self, number: usize) {
        type Change = fn(&mut SocketReport);
        let changes: [(&str, Change); 6] = [
            ("segs_in", |report| report.segs_in += 1),
            ("segs_out", |report| report.segs_out += 1),
            ("bytes_received", |report| report.bytes_received += 1),
            ("bytes_acked", |report| report.bytes_acked += 1),
            ("bytes_sent", |report| report.bytes_sent += 1),
            ("retransmits", |report| report.retransmits += 1),
        ];
        for (name, change) in changes {
            self.add(
                "socket counter",
                format!("{name} of report {}", number + 1),
                |recording| {
                    change(&mut recording.sockets[number]);
                },
            );
        }
    }
}

/// The SYN that this is, with its pair, if the kernel sent it.
fn opened(entry: &Entry) -> Option<(&Segment, SocketPair)> {
    let Entry::Segment(segment) = entry else { return None };
    let opens = segment.flags.contains(Flags::SYN) && !segment.flags.contains(Flags::RST) && !segment.is_injected();
    segment.sockets.filter(|_| opens).map(|pair| (segment, pair))
}

/// Whether two segments differ in their times only, so that nobody could tell which came first.
fn is_same(one: &Entry, other: &Entry) -> bool {
    let timeless = |entry: &Entry| match entry {
        Entry::Segment(segment) => {
            let mut segment = segment.clone();
            segment.at = 0;
            // A copy that the wire makes has its checksum filled in.
            if segment.checksum == Checksum::Offloaded {
                segment.checksum = Checksum::Correct;
            }
            segment
                .options
                .retain(|option| !matches!(option, TcpOption::Timestamps { .. }));
            Some(segment)
        }
        _ => None,
    };
    timeless(one) == timeless(other)
}

/// The option with another value, where it has one.
fn other_value(option: &TcpOption) -> Option<(&'static str, TcpOption)> {
    Some(match option {
        TcpOption::Mss(size) => ("maximum segment size", TcpOption::Mss(size ^ 1)),
        TcpOption::WindowScale(shift) => ("window scale", TcpOption::WindowScale(shift ^ 1)),
        TcpOption::Timestamps { value, echo } => (
            "timestamp value",
            TcpOption::Timestamps {
                value: value.wrapping_add(1),
                echo: *echo,
            },
        ),
        TcpOption::Sack(blocks) => {
            let moved = blocks.iter().map(|(left, right)| (*left, *right + 1)).collect();
            ("SACK block", TcpOption::Sack(moved))
        }
        TcpOption::Nop => ("padding", TcpOption::End),
        _ => return None,
    })
}

/// The bytes with one of them changed, without the last one, and with one more.
fn other_bytes(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![[bytes, b"x"].concat()];
    if let Some((last, rest)) = bytes.split_last() {
        all.push(rest.to_vec());
        all.push([rest, &[last ^ 1]].concat());
    }
    all
}
