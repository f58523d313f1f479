//! What must hold for any bytes at all, one function per kind of input. The fuzz targets look for bytes for which it does not;
//! `tests/hostile.rs` holds the collected inputs to it with every `cargo test`.

#![allow(dead_code, reason = "each fuzz target uses one of these")]

use std::io::Write;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::json;
use tcplab::capture::{self, Decoded, LinkType};
use tcplab::judge::{SnapshotComparison, judge};
use tcplab::matcher::{Matcher, Push, compare};
use tcplab::report::{Theme, explain, ladder};
use tcplab::run::{Entry, Recording};
use tcplab::scenario::{self, Scenario};
use tcplab::snapshot::{Transcript, diff};
use tcplab::tcp::{Flags, Party, Segment, Seq};

/// Parses the bytes as a scenario of this name.
fn parse(bytes: &[u8]) -> Result<Scenario, scenario::Diagnostics> {
    scenario::parse("fuzz", Path::new("scenarios/fuzz.toml"), bytes)
}

/// A scenario file is read or refused; what is read keeps its meaning in canonical layout, which is stable.
pub fn scenario(bytes: &[u8]) {
    match parse(bytes) {
        Ok(scenario) => {
            let text = scenario::lay_out(&scenario);
            let again = parse(text.as_bytes()).unwrap_or_else(|mistakes| panic!("{mistakes}\nafter layout:\n{text}"));
            assert!(
                scenario::same_meaning(&scenario, &again),
                "another meaning after layout:\n{text}"
            );
            assert_eq!(scenario::lay_out(&again), text, "the layout is not stable");
        }
        Err(mistakes) => {
            assert!(mistakes.len() > 0, "refused without a mistake");
            assert!(!mistakes.render(false).is_empty());
        }
    }
}

/// A capture file is read to its end or to its first error.
pub fn capture(bytes: &[u8]) {
    let mut file = tempfile::Builder::new()
        .prefix("fuzz")
        .tempfile_in("/dev/shm")
        .expect("a file in memory");
    file.write_all(bytes).expect("a file in memory");
    let Ok(frames) = capture::read(file.path()) else { return };
    let link = LinkType::by_code(frames.link_type().0);
    for frame in frames {
        let Ok(frame) = frame else { return };
        if let Some(link) = link {
            capture::decode(link, &frame.bytes, frame.original_len);
        }
    }
}

/// A frame is a segment, something else, or damaged; a segment lies within its frame.
pub fn segment(bytes: &[u8]) {
    let Some((&[code, cut], frame)) = bytes.split_first_chunk() else {
        return;
    };
    let links = [1, 12, 113, 276, 101, 0, 108].map(LinkType::by_code);
    let Some(link) = links[usize::from(code) % links.len()] else {
        return;
    };
    let length = frame.len() as u32 + u32::from(cut);
    if let Decoded::Tcp(tcp) = capture::decode(link, frame, length) {
        let segment = tcp.into_segment(0, Party::Client, Party::Server);
        assert!(segment.payload.len() <= frame.len());
        assert!(segment.payload.len() <= segment.len as usize);
    }
}

/// Whatever the lines and the segments are, the matcher comes to the same end during a run and afterwards.
pub fn matcher(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let mut timeline = String::from("server listen\n");
    lines(&mut choices, &mut timeline, 0, false);
    timeline.push_str("client connect\n");
    lines(&mut choices, &mut timeline, 0, false);
    let file = format!("title = \"t\"\nteaches = \"t\"\ntimeline = '''\n{timeline}'''\n");
    let scenario = match parse(file.as_bytes()) {
        Ok(scenario) => scenario,
        Err(mistakes) => panic!("{mistakes}\nin:\n{file}"),
    };
    let mut recording = RECORDING.clone();
    recording.entries.push(Entry::ActionStarted { step: 0, at: 0 });
    let mut matcher = Matcher::new(&scenario);
    matcher.begin(0, 0);
    let (mut accepted, mut rejected) = (0, false);
    for at in 1..=u64::from(choices.below(24)) {
        if choices.below(6) == 0 {
            recording.entries.push(Entry::ActionStarted { step: 1, at });
            matcher.begin(1, at);
        }
        let segment = one_segment(&mut choices, at);
        match matcher.push(&segment) {
            Push::Accepted => {
                assert!(!rejected, "a segment is accepted after one that was not");
                accepted += 1;
            }
            Push::Rejected => rejected = true,
        }
        recording.entries.push(Entry::Segment(segment));
    }
    let comparison = compare(&scenario, &recording);
    let unexpected = comparison.mismatch.as_ref().and_then(|mismatch| mismatch.segment);
    assert_eq!(unexpected.is_some(), rejected, "{:?}", comparison.mismatch);
    if rejected {
        assert_eq!(unexpected, Some(accepted));
    } else {
        assert_eq!(comparison.explained.len(), accepted);
    }
}

/// A scenario and a recording, with a zero byte between them, are judged, told and drawn.
pub fn recording(bytes: &[u8]) {
    let Some(middle) = bytes.iter().position(|&byte| byte == 0) else {
        return;
    };
    let (Ok(scenario), Ok(recording)) = (parse(&bytes[..middle]), serde_json::from_slice(&bytes[middle + 1..])) else {
        return;
    };
    let recording: Recording = recording;
    let transcript = Transcript::of(&scenario, &recording);
    judge(&scenario, &recording, &SnapshotComparison::Missing);
    let sentences = explain(&scenario, &recording);
    ladder(&transcript, &theme(), Some(&sentences));
}

/// A transcript that can be read prints what can be read again; two texts differ or are equal.
pub fn transcript(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(transcript) = Transcript::parse(&text) {
        let printed = transcript.to_string();
        let again = Transcript::parse(&printed).unwrap_or_else(|| panic!("cannot be read again:\n{printed}"));
        assert_eq!(again.to_string(), printed);
        ladder(&transcript, &theme(), None);
        assert_eq!(diff(&text, &printed).is_empty(), text.lines().eq(printed.lines()));
    }
}

fn theme() -> Theme {
    Theme::decide(Some(80), |_| None)
}

/// Bytes as a sequence of decisions; zeros once they are used up.
struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn below(&mut self, limit: u8) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                first % limit
            }
            None => 0,
        }
    }
}

const PATTERNS: [&str; 8] = [
    "C > S",
    "S > C",
    "C > S ACK",
    "S > C ACK seq 1 ack 1",
    "C > S len 5",
    "C > S PSH ACK seq 1",
    "S > C FIN ACK",
    "C > S <mss, ...>",
];

/// A sequence of expectations, at most seven per block and three blocks deep.
fn lines(choices: &mut Choices, text: &mut String, depth: u8, any_order: bool) {
    // One line has one order, and any segments have none.
    for _ in 0..=choices.below(6) + u8::from(any_order) {
        match choices.below(if depth < 3 { 10 } else { 7 }) {
            0 if !any_order => text.push_str("...\n"),
            1 => text.push_str("C > S stream 10\n"),
            7 | 8 => {
                text.push_str("any order {\n");
                lines(choices, text, depth + 1, true);
                text.push_str("}\n");
            }
            9 => {
                text.push_str("either {\n");
                for _ in 0..=choices.below(2) {
                    lines(choices, text, depth + 1, false);
                    text.push_str("} or {\n");
                }
                lines(choices, text, depth + 1, false);
                text.push_str("}\n");
            }
            _ => {
                let pattern = PATTERNS[usize::from(choices.below(PATTERNS.len() as u8))];
                let count = ["", " ?", " x2", " x1..3", " x1..20"][usize::from(choices.below(5))];
                text.push_str(&format!("{pattern}{count}\n"));
            }
        }
    }
}

fn one_segment(choices: &mut Choices, at: u64) -> Segment {
    let mut segment = SEGMENT.clone();
    segment.at = at;
    if choices.below(2) == 1 {
        (segment.from, segment.to) = (Party::Server, Party::Client);
    }
    let flags = [
        Flags::SYN,
        Flags::SYN | Flags::ACK,
        Flags::ACK,
        Flags::ACK | Flags::PSH,
        Flags::ACK | Flags::FIN,
        Flags::RST,
    ];
    segment.flags = flags[usize::from(choices.below(flags.len() as u8))];
    segment.seq = Seq(u32::from(choices.below(16)).wrapping_sub(3));
    segment.ack = Seq(u32::from(choices.below(16)).wrapping_sub(3));
    segment.payload = vec![b'x'; usize::from(choices.below(8))];
    segment.len = segment.payload.len() as u32;
    segment
}

static SEGMENT: LazyLock<Segment> = LazyLock::new(|| {
    let segment = json!({
        "at": 0, "from": "client", "to": "server", "seq": 0, "ack": 0, "flags": "", "window": 1000, "urgent": 0,
        "options": [], "len": 0, "payload": "", "checksum": "offloaded",
    });
    serde_json::from_value(segment).expect("a segment")
});

static RECORDING: LazyLock<Recording> = LazyLock::new(|| {
    let recording = json!({
        "scenario": "fuzz",
        "environment": { "kernel": "6.0", "tcplab": "0.0.0", "mode": "private" },
        "entries": [],
        "ending": "completed",
        "capture": { "received": 0, "dropped": 0, "interface_dropped": 0, "read": 0, "copies": 1 },
        "counters": null,
        "sockets": [],
        "stall": { "longest": 0, "step": 0 },
    });
    serde_json::from_value(recording).expect("a recording")
});
