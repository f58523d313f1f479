//! What the lab says about a capture, held against what tshark and tcpdump say about the same file.
//!
//! Every scenario is a trial: it is played live, then each segment of its recording and each segment line of its
//! transcript must agree with tshark's dissection of `capture.pcap`. Where the two mean different things by the same
//! field, [`DIFFERENCES`] says so. What each segment is, a retransmission or a duplicate ACK for example, is held against
//! tshark's own analysis in [`analysis`]. Without tshark the trials are ignored, with a word on how to install it.

#[path = "oracle/analysis.rs"]
mod analysis;
mod support;

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use support::Play;
use tcplab::run::{Entry, Recording};
use tcplab::tcp::{Conversation, Flags, Segment, TcpOption};

/// The fields that are compared, by tshark's names; [`lab_says`] gives the lab's values in the same order.
const FIELDS: [&str; 22] = [
    "tcp.flags",
    "tcp.seq",
    "tcp.ack",
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.len",
    "tcp.window_size_value",
    "tcp.urgent_pointer",
    "tcp.payload",
    "tcp.reset_cause",
    "tcp.options",
    "tcp.option_kind",
    "tcp.options.mss_val",
    "tcp.options.wscale.shift",
    "tcp.options.timestamp.tsval",
    "tcp.options.timestamp.tsecr",
    "ip.dsfield.dscp",
    "ip.dsfield.ecn",
    "ip.ttl",
    "ipv6.tclass.dscp",
    "ipv6.tclass.ecn",
    "ipv6.hlim",
];

/// What tshark still says of a segment whose data offset cannot be right; the lab reads all of the header's fixed part.
const BEFORE_THE_OFFSET: [&str; 7] = [
    "tcp.seq_raw",
    "ip.dsfield.dscp",
    "ip.dsfield.ecn",
    "ip.ttl",
    "ipv6.tclass.dscp",
    "ipv6.tclass.ecn",
    "ipv6.hlim",
];

const SEQ: usize = 1;
const ACK: usize = 2;
const PAYLOAD: usize = 8;

/// A field in which the lab and tshark differ on purpose.
struct Difference {
    /// The field's index in [`FIELDS`].
    field: usize,
    /// Why.
    reason: &'static str,
    /// For which segments, told by the conversation up to and with the segment.
    applies: fn(&Segment, &Conversation) -> bool,
    /// What tshark says instead.
    tshark: fn(&Segment) -> String,
}

const DIFFERENCES: [Difference; 4] = [
    Difference {
        field: SEQ,
        reason: "the sender has sent no SYN, as in the RST of a closed port: the lab shows the number as it is, tshark \
                 calls the first one it sees 1",
        applies: |segment, conversation| conversation.isn(segment.from).is_none(),
        tshark: |_| "1".to_owned(),
    },
    Difference {
        field: ACK,
        reason: "the receiver has sent no SYN: the lab shows the number as it is, tshark calls the first one it sees 1",
        applies: |segment, conversation| segment.flags.contains(Flags::ACK) && conversation.isn(segment.to).is_none(),
        tshark: |_| "1".to_owned(),
    },
    Difference {
        field: ACK + 2,
        reason: "without the ACK bit the field means nothing: the lab leaves it out, tshark shows what is in it",
        applies: |segment, _| !segment.flags.contains(Flags::ACK),
        tshark: |segment| segment.ack.0.to_string(),
    },
    Difference {
        field: PAYLOAD,
        reason: "tshark shows what a RST carries as the cause of the reset (RFC 1122, section 4.2.2.12), in a field of its own",
        applies: |segment, _| segment.flags.contains(Flags::RST),
        tshark: |_| String::new(),
    },
];

fn main() {
    let arguments = Arguments::from_args();
    let tshark = is_installed("tshark");
    let tcpdump = is_installed("tcpdump");
    let trials = support::scenarios()
        .into_iter()
        .map(|name| {
            Trial::ignorable_test(name.clone(), move || agrees(&name, tcpdump))
                .with_ignored_flag(!tshark)
                .with_kind(if tshark { "" } else { "needs tshark" })
        })
        .collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    for (program, installed) in [("tshark", tshark), ("tcpdump", tcpdump)] {
        if !installed && !arguments.list {
            eprintln!("NOT COMPARED with {program}: it is not installed; `./justw tools` installs it.\n");
        }
    }
    conclusion.exit();
}

fn is_installed(program: &str) -> bool {
    let version = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    !matches!(version, Err(error) if error.kind() == ErrorKind::NotFound)
}

fn agrees(name: &str, tcpdump: bool) -> Result<Completion, Failed> {
    let play = match Play::of(name) {
        Ok(play) => play,
        Err(not_played) => return not_played.completion(name),
    };
    let recording: Recording =
        serde_json::from_str(&play.text("run.json")).map_err(|error| format!("run.json: {error}"))?;
    let segments: Vec<&Segment> = recording.segments().collect();
    let capture = play.path("capture.pcap");
    let (dissected, analysed) = dissect(&capture)?;

    let mut problems = Vec::new();
    if dissected.len() != segments.len() {
        problems.push(format!(
            "tshark sees {} segments, the lab {}",
            dissected.len(),
            segments.len()
        ));
    }
    // The recording does not say which version of IP it was.
    let is_ipv6 = support::is_ipv6(name);
    let mut conversation = Conversation::default();
    let mut lines = Vec::new();
    let mut rebased = false;
    for (number, (segment, row)) in segments.iter().zip(&dissected).enumerate() {
        rebased |= may_rebase(segment, &conversation);
        let lab = lab_says(segment, &mut conversation, is_ipv6);
        let mut agreed = row.clone();
        if rebased {
            // The raw numbers are compared all the same.
            (agreed[SEQ], agreed[ACK]) = (lab[SEQ].clone(), lab[ACK].clone());
        }
        for (field, name) in FIELDS.iter().enumerate() {
            if segment.offset.is_some() && !BEFORE_THE_OFFSET.contains(name) {
                agreed[field] = lab[field].clone();
                continue;
            }
            if rebased && [SEQ, ACK].contains(&field) {
                continue;
            }
            let difference = DIFFERENCES
                .iter()
                .find(|difference| difference.field == field && (difference.applies)(segment, &conversation));
            let expected = difference.map_or_else(|| lab[field].clone(), |difference| (difference.tshark)(segment));
            if row[field] != expected {
                let known = difference.map_or("", |difference| difference.reason);
                problems.push(format!(
                    "segment {}: {name} is {} for tshark, {} for the lab  {known}",
                    number + 1,
                    short(&row[field]),
                    short(&lab[field]),
                ));
            }
            if difference.is_some() {
                agreed[field] = lab[field].clone();
            }
        }
        lines.push(transcript_line(segment, &agreed));
    }
    problems.extend(analysis::problems(name, &recording, &analysed));
    problems.extend(icmp_problem(&capture, &recording)?);
    problems.extend(transcript_problem(&play.text("transcript.txt"), &lines));
    if tcpdump {
        let counted = count_with_tcpdump(&capture)?;
        if counted != segments.len() {
            problems.push(format!("tcpdump sees {counted} segments, the lab {}", segments.len()));
        }
    }
    if problems.is_empty() {
        return Ok(Completion::Completed);
    }
    Err(problems.join("\n").into())
}

/// Whether tshark may count from another number than the lab from here on: it begins anew with each SYN, also with one that
/// was forged or that began nothing. The lab counts from the SYN of the connection, and on after it.
fn may_rebase(segment: &Segment, conversation: &Conversation) -> bool {
    let begins = segment.flags.contains(Flags::SYN);
    let again = conversation.isn(segment.from).is_some_and(|isn| isn != segment.seq);
    segment.is_injected() || begins && again
}

/// A row of values per segment.
type Rows = Vec<Vec<String>>;

/// tshark's dissection: the values of [`FIELDS`], and those of [`analysis::FIELDS`].
fn dissect(capture: &Path) -> Result<(Rows, Rows), String> {
    let fields: Vec<&str> = FIELDS.into_iter().chain(analysis::FIELDS).collect();
    // An empty folder of settings: the user's own must not matter.
    let settings = tempfile::tempdir().map_err(|error| format!("make a folder: {error}"))?;
    let preferences = [
        "tcp.relative_sequence_numbers:TRUE",
        "tcp.analyze_sequence_numbers:TRUE",
        "tcp.desegment_tcp_streams:FALSE",
    ];
    let output = Command::new("tshark")
        .env("WIRESHARK_CONFIG_DIR", settings.path())
        .args(["-n", "-r"])
        .arg(capture)
        .args([
            "-Y",
            "tcp && !icmp && !icmpv6",
            "-T",
            "fields",
            "-E",
            "occurrence=a",
            "-E",
            "aggregator=,",
        ])
        .args(preferences.iter().flat_map(|preference| ["-o", preference]))
        .args(fields.iter().flat_map(|field| ["-e", field]))
        .output()
        .map_err(|error| format!("start tshark: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "tshark: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let rows: Vec<Vec<String>> = text
        .lines()
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect();
    match rows.iter().find(|row| row.len() != fields.len()) {
        Some(row) => Err(format!(
            "tshark printed {} fields instead of {}: {row:?}",
            row.len(),
            fields.len()
        )),
        None => Ok(rows
            .into_iter()
            .map(|mut row| {
                let analysed = row.split_off(FIELDS.len());
                (row, analysed)
            })
            .unzip()),
    }
}

/// The ICMP errors that the lab has made, against those that tshark finds: type, code, quoted number, size, checksum.
fn icmp_problem(capture: &Path, recording: &Recording) -> Result<Option<String>, String> {
    let events: Vec<_> = recording.entries.iter().filter_map(Entry::icmp).collect();
    if events.is_empty() {
        return Ok(None);
    }
    let settings = tempfile::tempdir().map_err(|error| format!("make a folder: {error}"))?;
    let fields = |family: &str| ["type", "code", "mtu", "checksum.status"].map(|name| format!("{family}.{name}"));
    let fields = [fields("icmp"), fields("icmpv6")].concat();
    let output = Command::new("tshark")
        .env("WIRESHARK_CONFIG_DIR", settings.path())
        .args(["-n", "-r"])
        .arg(capture)
        .args(["-o", "tcp.relative_sequence_numbers:FALSE"])
        .args(["-Y", "icmp || icmpv6", "-T", "fields", "-e", "tcp.seq"])
        .args(fields.iter().flat_map(|field| ["-e", field]))
        .output()
        .map_err(|error| format!("start tshark: {error}"))?;
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    // The columns of the other family are empty.
    let found: Vec<String> = found
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let made: Vec<String> = events
        .iter()
        .map(|event| {
            let (icmp_type, code) = event.kind.numbers(event.family).unwrap_or_default();
            let mtu = event.mtu.map_or(String::new(), |mtu| format!("{mtu} "));
            format!("{} {icmp_type} {code} {mtu}1", event.seq.0)
        })
        .collect();
    Ok((found != made).then(|| format!("tshark sees the ICMP errors {found:?}, the lab made {made:?}")))
}

/// The lab's values of [`FIELDS`], in tshark's spelling.
fn lab_says(segment: &Segment, conversation: &mut Conversation, is_ipv6: bool) -> Vec<String> {
    let relative = conversation.relate(segment);
    let has_ack = segment.flags.contains(Flags::ACK);
    let is_reset = segment.flags.contains(Flags::RST);
    let options = &segment.options;
    let ip = [segment.ip.dscp, segment.ip.ecn.bits(), segment.ip.ttl].map(|number| number.to_string());
    let other = [(); 3].map(|()| String::new());
    let (v4, v6) = if is_ipv6 { (other, ip) } else { (ip, other) };
    let mut says = vec![
        format!("{:#06x}", segment.flags.bits()),
        relative.seq.to_string(),
        relative.ack.unwrap_or_default().to_string(),
        segment.seq.0.to_string(),
        if has_ack { segment.ack.0 } else { 0 }.to_string(),
        segment.len.to_string(),
        segment.window.to_string(),
        segment.urgent.to_string(),
        // What tshark has for the text of a RST (RFC 9293, section 3.5.3) is another field.
        if is_reset { String::new() } else { hex(&segment.payload) },
        if is_reset {
            String::from_utf8_lossy(&segment.payload).into_owned()
        } else {
            String::new()
        },
        hex(&options.iter().flat_map(encode).collect::<Vec<u8>>()),
        listed(options, |option| encode(option).first().copied()),
        listed(options, |option| match option {
            TcpOption::Mss(size) => Some(*size),
            _ => None,
        }),
        listed(options, |option| match option {
            TcpOption::WindowScale(shift) => Some(*shift),
            _ => None,
        }),
        listed(options, |option| match option {
            TcpOption::Timestamps { value, .. } => Some(*value),
            _ => None,
        }),
        listed(options, |option| match option {
            TcpOption::Timestamps { echo, .. } => Some(*echo),
            _ => None,
        }),
    ];
    says.extend(v4.into_iter().chain(v6));
    says
}

/// An option's bytes as they stand in the header.
fn encode(option: &TcpOption) -> Vec<u8> {
    let with_length = |kind: u8, data: &[u8]| {
        let length = u8::try_from(data.len() + 2).expect("40 bytes of options at most");
        [&[kind, length], data].concat()
    };
    match option {
        TcpOption::End => vec![0],
        TcpOption::Nop => vec![1],
        TcpOption::Mss(size) => with_length(2, &size.to_be_bytes()),
        TcpOption::WindowScale(shift) => with_length(3, &[*shift]),
        TcpOption::SackPermitted => with_length(4, &[]),
        TcpOption::Sack(blocks) => {
            let edges = blocks.iter().flat_map(|(left, right)| [left.0, right.0]);
            with_length(5, &edges.flat_map(u32::to_be_bytes).collect::<Vec<u8>>())
        }
        TcpOption::Timestamps { value, echo } => with_length(8, &[value.to_be_bytes(), echo.to_be_bytes()].concat()),
        TcpOption::FastOpen(cookie) => with_length(34, cookie),
        TcpOption::Unknown { kind, data } => with_length(*kind, data),
        TcpOption::Malformed(bytes) => bytes.clone(),
    }
}

/// The values of those options that have one, as tshark lists them.
fn listed<T: ToString>(options: &[TcpOption], value: impl Fn(&TcpOption) -> Option<T>) -> String {
    let values: Vec<String> = options
        .iter()
        .filter_map(value)
        .map(|value| value.to_string())
        .collect();
    values.join(",")
}

/// At most 60 characters of a value: payloads can be long.
fn short(value: &str) -> String {
    match value.char_indices().nth(60) {
        Some((end, _)) => format!("{:?}…", &value[..end]),
        None => format!("{value:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How the transcript must begin its line for a segment of which tshark says `row`, with single blanks.
fn transcript_line(segment: &Segment, row: &[String]) -> String {
    let flags = u16::from_str_radix(row[0].trim_start_matches("0x"), 16).unwrap_or_default();
    let flags = Flags::from_bits_retain(flags);
    let ack = if flags.contains(Flags::ACK) { &row[ACK] } else { "-" };
    let (from, to) = (segment.from.letter(), segment.to.letter());
    format!("{from} > {to} {flags} seq {} ack {ack} len {}", row[SEQ], row[5])
}

/// Finds the transcript's segment lines among tshark's, in order. A `stream` line stands for segments that it does not
/// list one by one; without such a line, no segment may be left out.
fn transcript_problem(transcript: &str, expected: &[String]) -> Option<String> {
    let mut rest = expected.iter();
    let mut listed = 0;
    let mut has_stream = false;
    for line in transcript.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["C" | "S", ">", "C" | "S", "stream", ..] => has_stream = true,
            ["C" | "S", ">", "C" | "S", ..] => {
                let line = words.join(" ");
                let told = |candidate: &&String| line == **candidate || line.starts_with(&format!("{candidate} "));
                if !rest.by_ref().any(|candidate| told(&candidate)) {
                    return Some(format!(
                        "the transcript says «{line}», and no such segment is left for tshark"
                    ));
                }
                listed += 1;
            }
            _ => {}
        }
    }
    (!has_stream && listed != expected.len())
        .then(|| format!("the transcript lists {listed} segments, tshark {}", expected.len()))
}

fn count_with_tcpdump(capture: &Path) -> Result<usize, String> {
    // By standard input: tcpdump gives up root's rights before it opens a file.
    let file = File::open(capture).map_err(|error| format!("open {}: {error}", capture.display()))?;
    let output = Command::new("tcpdump")
        .args(["-n", "-q", "-r", "-", "tcp"])
        .stdin(file)
        .output()
        .map_err(|error| format!("start tcpdump: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "tcpdump: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().count())
}
