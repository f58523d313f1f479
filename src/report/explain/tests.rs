use std::fmt::Write;
use std::sync::Arc;

use insta::assert_snapshot;

use super::*;
use crate::run::{ActionResult, CaptureStats, Ending, Entry, Environment, IcmpEvent, IcmpFate, Mode, Stall};
use crate::scenario::{Action, Family, IcmpKind, Outcome, Payload, Phase, Settings};
use crate::tcp::sample::{client, itself, server, session};
use crate::tcp::{Party, Segment, Seq, TcpOption};

/// What happens in a made-up run.
enum Do {
    /// An action that goes well without reading or writing.
    Act(Party, Verb),
    /// An action with its result, which comes when the segments after it have passed.
    With(Party, Verb, ActionResult),
    Wire(Vec<Segment>),
    /// An ICMP error that comes to the client in the step.
    Icmp(IcmpKind, Option<u16>),
}
use Do::{Act, Icmp, Wire, With};

fn run(play: Vec<Do>) -> (Scenario, Recording) {
    let (mut steps, mut entries, mut pending) = (Vec::new(), Vec::new(), None);
    for what in play {
        let (party, verb, result) = match what {
            Wire(segments) => {
                entries.extend(segments.into_iter().map(Entry::Segment));
                continue;
            }
            Icmp(kind, mtu) => {
                entries.push(Entry::Icmp(IcmpEvent {
                    step: steps.len(),
                    at: 0,
                    family: Family::Ipv4,
                    kind,
                    from: Party::Client,
                    to: Party::Server,
                    seq: client("ACK", 1, 1, b"").seq,
                    mtu,
                    fate: IcmpFate::Received,
                }));
                continue;
            }
            Act(party, verb) => (party, verb, done(None, None)),
            With(party, verb, result) => (party, verb, result),
        };
        entries.extend(pending.take());
        let step = steps.len();
        steps.push(Step {
            action: Action {
                span: 0..0,
                delay: None,
                party,
                verb,
                outcome: Outcome::Success,
                outcome_span: None,
                background: false,
            },
            expect: Vec::new(),
        });
        entries.push(Entry::ActionStarted { step, at: 0 });
        pending = Some(Entry::ActionEnded { step, at: 0, result });
    }
    entries.extend(pending);
    let scenario = Scenario {
        name: "made-up".to_owned(),
        path: "made-up.toml".into(),
        source: Arc::from(""),
        title: String::new(),
        teaches: String::new(),
        covers: Vec::new(),
        findings: Vec::new(),
        deviations: Vec::new(),
        slow: false,
        settings: Settings::default(),
        phases: vec![Phase {
            title: String::new(),
            steps,
        }],
        written_out: Default::default(),
    };
    let recording = Recording {
        scenario: "made-up".to_owned(),
        environment: Environment {
            kernel: String::new(),
            tcplab: String::new(),
            mode: Mode::Private,
            sysctls: Default::default(),
        },
        entries,
        ending: Ending::Completed,
        capture: CaptureStats::default(),
        counters: None,
        sockets: Vec::new(),
        stall: Stall::default(),
    };
    (scenario, recording)
}

fn done(received: Option<&[u8]>, sent: Option<&[u8]>) -> ActionResult {
    ActionResult::Done {
        received: received.map(<[u8]>::to_vec),
        sent: sent.map(<[u8]>::to_vec),
        value: None,
    }
}

/// The run with its explanations and lessons, as text. No sentence may be longer than a student reads.
fn told(play: Vec<Do>) -> String {
    let (scenario, recording) = run(play);
    let mut text = String::new();
    for (number, explained) in explain(&scenario, &recording) {
        assert!(explained.chars().count() <= 260, "too long: {explained}");
        writeln!(text, "{number}. {explained}").unwrap();
    }
    assert!(text.is_ascii(), "{text}");
    for lesson in lessons_shown(&scenario, &recording) {
        assert!(lesson.chars().count() <= 260, "too long: {lesson}");
        writeln!(text, "- {lesson}").unwrap();
    }
    text
}

fn listen_and_connect(segments: Vec<Segment>) -> Vec<Do> {
    vec![
        Act(Party::Server, Verb::Listen { backlog: 5 }),
        Act(Party::Client, Verb::Connect { to_self: false }),
        Wire(segments),
    ]
}

fn opened() -> Vec<Segment> {
    session(b"").into_iter().take(3).collect()
}

fn payload(bytes: &[u8]) -> Payload {
    Payload { bytes: bytes.into() }
}

fn with(mut segment: Segment, change: impl FnOnce(&mut Segment)) -> Segment {
    change(&mut segment);
    segment
}

/// The article's session; `reply` comes back.
fn article(reply: &[u8], echo: Verb) -> Vec<Do> {
    let mut wire = session(reply);
    let close_server = wire.split_off(9);
    let close_client = wire.split_off(7);
    let back = wire.split_off(5);
    let data = wire.split_off(3);
    let mut play = listen_and_connect(wire);
    play.extend([
        Act(Party::Server, Verb::Accept),
        With(
            Party::Client,
            Verb::Send(payload(b"Hello World!")),
            done(None, Some(b"Hello World!")),
        ),
        Wire(data),
        With(Party::Server, echo, done(Some(b"Hello World!"), Some(reply))),
        Wire(back),
        Act(Party::Client, Verb::Close { listener: false }),
        Wire(close_client),
        Act(Party::Server, Verb::Close { listener: false }),
        Wire(close_server),
    ]);
    play
}

#[test]
fn the_articles_session_is_explained() {
    let strlen = Verb::EchoStrlen {
        stale: payload(b"\x04"),
    };
    assert_snapshot!(told(article(b"Hello World!\x04", strlen)), @"
    1. The client asks to open a connection and chooses its ISN, 4294967291, which is SEQ 0 from here on (RFC 9293 section 3.4.1). It announces MSS 1460 = 1500 - 40, SACK, timestamps, window scale 7.
    2. The server agrees: ACK 1 = SEQ 0 + 1, for the SYN of segment 1 counts one. Its own SYN opens the other direction, with an ISN of its own, 7000, as SEQ 0 (RFC 9293 section 3.4).
    3. The client acknowledges the SYN: ACK 1 = SEQ 0 + 1 for the SYN of segment 2. An ACK takes no number itself, so the first byte of data will be SEQ 1 too (RFC 9293 section 3.4). Both ends are ESTABLISHED.
    4. The client sends 12 bytes as numbers 1 to 12; PSH says that it has no more for now. SEQ 1 is the first byte's number; ACK stays 1, for nothing new has come (RFC 9293 section 3.4).
    5. The server acknowledges: ACK 13 = SEQ 1 + 12 bytes of segment 4 (RFC 9293 section 3.4). It carries no data, so it consumes no sequence number.
    6. The server sends 13 bytes as numbers 1 to 13; PSH says that it has no more for now. Only 12 bytes had come: what follows them is no echo. TCP carries faithfully what it is given; the mistake is the application's.
    7. The client acknowledges: ACK 14 = SEQ 1 + 13 bytes of segment 6 (RFC 9293 section 3.4). It carries no data, so it consumes no sequence number.
    8. The client has no more to send: FIN takes number 13, so it will be acknowledged with 14. The client goes to FIN-WAIT-1, the server to CLOSE-WAIT (RFC 9293 section 3.6).
    9. The server acknowledges the FIN, which counts one: ACK 14 = SEQ 13 + 1 for the FIN of segment 8 (RFC 9293 section 3.4). The client goes to FIN-WAIT-2: its direction is closed, but the server may go on sending (section 3.6.1).
    10. The server has no more to send: FIN takes number 14, so it will be acknowledged with 15. Both directions are closed now; the server waits in LAST-ACK for that ACK (RFC 9293 section 3.6).
    11. The client acknowledges the FIN, which counts one: ACK 15 = SEQ 14 + 1 for the FIN of segment 10 (RFC 9293 section 3.4). The server is CLOSED; the client stays in TIME-WAIT, in case this ACK is lost (section 3.6.1).
    - ACK = SEQ + SEG.LEN, not SEQ + LEN + 1: segment 5 has ACK 13 = 1 + 12. Only SYN and FIN add one of their own, as in segment 2 (RFC 9293 section 3.4).
    - The two directions count independently: the client began at 4294967291, the server at 7000. SEQ counts what an end sends, ACK what it has received from the other (RFC 9293 section 3.4).
    - A receiver never asks for a packet: its ACK says what it has. ACK 13 in segment 5 means that everything before number 13 has arrived; what is lost the sender repeats by its own timer (RFC 9293 section 3.8.1).
    - Byte 13 of the reply, 04, means nothing: it is a stale byte of the server's uncleared buffer. 12 bytes came, and strlen ran past them to the next zero. TCP was right, the program was wrong.
    - Who closes first waits in the end: the client went through CLOSED, SYN-SENT, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT (RFC 9293 section 3.3.2), and stays there so that a lost last ACK can be repeated.
    ");
}

#[test]
fn a_right_echo_teaches_nothing_about_programs() {
    let text = told(article(b"Hello World!", Verb::Echo { bytes: None }));
    assert!(!text.contains("program") && !text.contains("mistake"), "{text}");
}

#[test]
fn resets_are_told_apart() {
    let refused = vec![
        Act(Party::Client, Verb::Connect { to_self: false }),
        Wire(vec![
            client("SYN", 0, 0, b""),
            with(server("RST ACK", 0, 1, b""), |rst| rst.seq = Seq(0)),
        ]),
    ];
    assert_snapshot!(told(refused), @"
    1. The client asks to open a connection and chooses its ISN, 4294967291, which is SEQ 0 from here on (RFC 9293 section 3.4.1). It announces MSS 1460 = 1500 - 40, SACK, timestamps, window scale 7.
    2. The server refuses: nobody listens there. Without a connection it has no number of its own, so SEQ is 0; ACK 1 = SEQ 0 + 1 of segment 1 (RFC 9293 section 3.10.7.1).
    ");

    let mut aborted = listen_and_connect(opened());
    aborted.push(Act(Party::Client, Verb::Abort));
    aborted.push(Wire(vec![client("RST ACK", 1, 1, b"")]));
    assert_snapshot!(told(aborted).lines().nth(3).unwrap(), @"4. The client aborts: RST takes the next number, SEQ 1, and ends the connection for both ends at once. Nobody acknowledges a RST (RFC 9293 section 3.10.5).");

    let mut unread = listen_and_connect(opened());
    unread.push(With(
        Party::Client,
        Verb::Send(payload(b"abc")),
        done(None, Some(b"abc")),
    ));
    unread.push(Wire(vec![client("PSH ACK", 1, 1, b"abc"), server("ACK", 1, 4, b"")]));
    unread.push(Act(Party::Server, Verb::Close { listener: false }));
    unread.push(Wire(vec![server("RST ACK", 1, 4, b"")]));
    assert_snapshot!(told(unread).lines().nth(5).unwrap(), @"6. The server closes with 3 bytes unread. A FIN would say that all was taken, so TCP sends RST: the client learns that data was lost (RFC 9293 section 3.6.1).");

    let mut gone = listen_and_connect(opened());
    gone.push(Act(Party::Client, Verb::Close { listener: false }));
    gone.push(Wire(vec![client("FIN ACK", 1, 1, b""), server("ACK", 1, 2, b"")]));
    gone.push(With(
        Party::Server,
        Verb::Send(payload(b"abc")),
        done(None, Some(b"abc")),
    ));
    gone.push(Wire(vec![server("PSH ACK", 1, 2, b"abc"), client("RST", 2, 0, b"")]));
    gone.push(Wire(vec![server("ACK", 4, 2, b""), client("RST", 2, 0, b"")]));
    assert_snapshot!(told(gone).lines().skip(3).collect::<Vec<_>>().join("\n"), @"
    4. The client has no more to send: FIN takes number 1, so it will be acknowledged with 2. The client goes to FIN-WAIT-1, the server to CLOSE-WAIT (RFC 9293 section 3.6).
    5. The server acknowledges the FIN, which counts one: ACK 2 = SEQ 1 + 1 for the FIN of segment 4 (RFC 9293 section 3.4). The client goes to FIN-WAIT-2: its direction is closed, but the server may go on sending (section 3.6.1).
    6. The server sends 3 bytes as numbers 1 to 3; PSH says that it has no more for now. SEQ 1 is the first byte's number; ACK stays 2, for nothing new has come (RFC 9293 section 3.4).
    7. The client has closed, and nobody will read the data of segment 6: RST, with SEQ 2 from that segment's ACK, tells so (RFC 9293 section 3.6.1).
    8. The server repeats ACK 2: nothing new has come in order since (RFC 9293 section 3.10.7.4).
    9. The client has no connection for segment 8: the RST takes its SEQ 2 from that segment's ACK and acknowledges nothing (RFC 9293 section 3.10.7.1).
    - The two directions count independently: the client began at 4294967291, the server at 7000. SEQ counts what an end sends, ACK what it has received from the other (RFC 9293 section 3.4).
    ");
}

#[test]
fn a_socket_connected_to_itself_is_explained() {
    let play = vec![
        Act(Party::Client, Verb::Connect { to_self: true }),
        Wire(vec![
            itself("SYN", 0, 0, b""),
            itself("SYN ACK", 0, 1, b""),
            with(itself("ACK", 1, 1, b""), |ack| {
                ack.options.push(TcpOption::Sack(vec![(ack.seq - 1, ack.seq)]));
            }),
            itself("PSH ACK", 1, 1, b"Hello"),
            itself("ACK", 6, 6, b""),
        ]),
        Act(Party::Client, Verb::Close { listener: false }),
        Wire(vec![itself("FIN ACK", 6, 6, b""), itself("ACK", 7, 7, b"")]),
    ];
    assert_snapshot!(told(play), @"
    1. The client asks to open a connection and chooses its ISN, 4294967291, which is SEQ 0 from here on (RFC 9293 section 3.4.1). It announces MSS 1460 = 1500 - 40, SACK, timestamps, window scale 7.
    2. Two SYNs have crossed: the client repeats its own, SEQ 0, and acknowledges the other with ACK 1. A simultaneous open needs no listener (RFC 9293 section 3.5, figure 7).
    3. The client repeats ACK 1, and SACK names what has come twice (RFC 2883). Old numbers are answered, but not taken again (RFC 9293 section 3.10.7.4).
    4. The client sends 5 bytes as numbers 1 to 5; PSH says that it has no more for now. SEQ 1 is the first byte's number; ACK stays 1, for nothing new has come (RFC 9293 section 3.4).
    5. The client acknowledges: ACK 6 = SEQ 1 + 5 bytes of segment 4 (RFC 9293 section 3.4). It carries no data, so it consumes no sequence number.
    6. The client has no more to send: FIN takes number 6, so it will be acknowledged with 7. The FIN comes back to its own sender, as in a simultaneous close (RFC 9293 section 3.6).
    7. The client acknowledges the FIN, which counts one: ACK 7 = SEQ 6 + 1 for the FIN of segment 6 (RFC 9293 section 3.4). Both of the socket's directions are closed: it waits in TIME-WAIT (section 3.6.1).
    - ACK = SEQ + SEG.LEN, not SEQ + LEN + 1: segment 5 has ACK 6 = 1 + 5. Only SYN and FIN add one of their own, as in segment 2 (RFC 9293 section 3.4).
    - A receiver never asks for a packet: its ACK says what it has. ACK 6 in segment 5 means that everything before number 6 has arrived; what is lost the sender repeats by its own timer (RFC 9293 section 3.8.1).
    - FINs that cross let their senders wait in the end: the client went through CLOSED, SYN-RECEIVED, ESTABLISHED, CLOSING, TIME-WAIT (RFC 9293 section 3.3.2), and stays there so that a lost last ACK can be repeated.
    ");
}

#[test]
fn repeated_segments_are_explained() {
    let mut lost = listen_and_connect([client("SYN", 0, 0, b"")].into_iter().chain(opened()).collect());
    lost.push(Wire(vec![
        client("PSH ACK", 1, 1, b"abc"),
        client("PSH ACK", 1, 1, b"abc"),
        server("ACK", 1, 4, b""),
        client("PSH ACK", 1, 1, b"abc"),
        with(server("ACK", 1, 4, b""), |ack| {
            ack.options.push(TcpOption::Sack(vec![(ack.ack - 3, ack.ack)]));
        }),
    ]));
    assert_snapshot!(told(lost), @"
    1. The client asks to open a connection and chooses its ISN, 4294967291, which is SEQ 0 from here on (RFC 9293 section 3.4.1). It announces MSS 1460 = 1500 - 40, SACK, timestamps, window scale 7.
    2. The client repeats segment 1 (its SYN) because no ACK came in time. The numbers stay the same, so that the receiver can tell what it has already (RFC 9293 section 3.8.1).
    3. The server agrees: ACK 1 = SEQ 0 + 1, for the SYN of segment 1 counts one. Its own SYN opens the other direction, with an ISN of its own, 7000, as SEQ 0 (RFC 9293 section 3.4).
    4. The client acknowledges the SYN: ACK 1 = SEQ 0 + 1 for the SYN of segment 3. An ACK takes no number itself, so the first byte of data will be SEQ 1 too (RFC 9293 section 3.4). Both ends are ESTABLISHED.
    5. The client sends 3 bytes as numbers 1 to 3; PSH says that it has no more for now. SEQ 1 is the first byte's number; ACK stays 1, for nothing new has come (RFC 9293 section 3.4).
    6. The client repeats segment 5 (3 bytes as numbers 1 to 3) because no ACK came in time. The numbers stay the same, so that the receiver can tell what it has already (RFC 9293 section 3.8.1).
    7. The server acknowledges: ACK 4 = SEQ 1 + 3 bytes of segment 5 (RFC 9293 section 3.4). It carries no data, so it consumes no sequence number.
    8. The client repeats segment 5 (3 bytes as numbers 1 to 3) although it was acknowledged: that ACK had not reached it. The numbers stay the same, so that the receiver can tell what it has already (RFC 9293 section 3.8.1).
    9. The server repeats ACK 4, and SACK names what has come twice (RFC 2883). Old numbers are answered, but not taken again (RFC 9293 section 3.10.7.4).
    - ACK = SEQ + SEG.LEN, not SEQ + LEN + 1: segment 7 has ACK 4 = 1 + 3. Only SYN and FIN add one of their own, as in segment 3 (RFC 9293 section 3.4).
    - The two directions count independently: the client began at 4294967291, the server at 7000. SEQ counts what an end sends, ACK what it has received from the other (RFC 9293 section 3.4).
    - A receiver never asks for a packet: its ACK says what it has. Segment 6 repeats segment 5 because the sender decided to, when its timer ran out (RFC 9293 section 3.8.1).
    ");

    let mut fast = listen_and_connect(opened());
    let duplicate = || server("ACK", 1, 1, b"");
    fast.push(Wire(vec![
        client("ACK", 1, 1, b"ab"),
        client("ACK", 3, 1, b"cd"),
        duplicate(),
        client("ACK", 5, 1, b"ef"),
        duplicate(),
        client("PSH ACK", 7, 1, b"gh"),
        duplicate(),
        client("ACK", 1, 1, b"ab"),
        server("ACK", 1, 9, b""),
    ]));
    assert_snapshot!(told(fast).lines().skip(5).collect::<Vec<_>>().join("\n"), @"
    6. The server repeats ACK 1: it has received something later, but still lacks number 1. Three such duplicates make the client send it again (RFC 9293 section 3.8.2).
    7. The client sends 2 bytes as numbers 5 to 6. SEQ 5 is the first byte's number; ACK stays 1, for nothing new has come (RFC 9293 section 3.4).
    8. The server repeats ACK 1: it has received something later, but still lacks number 1. Three such duplicates make the client send it again (RFC 9293 section 3.8.2).
    9. The client sends 2 bytes as numbers 7 to 8; PSH says that it has no more for now. SEQ 7 is the first byte's number; ACK stays 1, for nothing new has come (RFC 9293 section 3.4).
    10. The server repeats ACK 1: it has received something later, but still lacks number 1. Three such duplicates make the client send it again (RFC 9293 section 3.8.2).
    11. The client repeats segment 4 (2 bytes as numbers 1 to 2) because 3 duplicate ACKs say that it is missing. The numbers stay the same, so that the receiver can tell what it has already (RFC 9293 section 3.8.1).
    12. The server acknowledges: ACK 9 = SEQ 7 + 2 bytes of segment 9; it covers segments 4 to 9 (RFC 9293 section 3.4). It carries no data, so it consumes no sequence number.
    - ACK = SEQ + SEG.LEN, not SEQ + LEN + 1: segment 12 has ACK 9 = 7 + 2. Only SYN and FIN add one of their own, as in segment 2 (RFC 9293 section 3.4).
    - The two directions count independently: the client began at 4294967291, the server at 7000. SEQ counts what an end sends, ACK what it has received from the other (RFC 9293 section 3.4).
    - A receiver never asks for a packet: its ACK says what it has. Segment 11 repeats segment 4 because the sender decided to, after 3 duplicate ACKs (RFC 9293 section 3.8.1).
    ");
}

#[test]
fn an_icmp_error_is_explained_and_so_are_the_smaller_pieces_that_it_asks_for() {
    let mut play = listen_and_connect(opened());
    play.push(Wire(vec![
        client("ACK", 0, 1, b""),
        server("ACK", 1, 1, b""),
        client("PSH ACK", 1, 1, b"abcdef"),
    ]));
    play.push(Icmp(IcmpKind::FragmentationNeeded, Some(1000)));
    play.push(Wire(vec![
        client("ACK", 1, 1, b"abcd"),
        client("PSH ACK", 5, 1, b"ef"),
        server("ACK", 1, 7, b""),
    ]));
    let told = told(play);
    let has = |text: &str| assert!(told.contains(text), "{text}\n{told}");
    has("7. The client repeats what was in segment 6, in smaller pieces (4 bytes as numbers 1 to 4)");
    has("8. The client repeats what was in segment 6, in smaller pieces (2 bytes as numbers 5 to 6)");
    has("because the sender decided to, when ICMP told it the largest packet that gets through");
    has("Here comes `fragmentation-needed` to the client, made by hand");
}

#[test]
fn probes_and_windows_are_explained() {
    let mut play = listen_and_connect(opened());
    let closed = |segment| with(segment, |segment: &mut Segment| segment.window = 0);
    play.push(Wire(vec![
        client("ACK", 0, 1, b""),
        server("ACK", 1, 1, b""),
        client("PSH ACK", 1, 1, b"abc"),
        closed(server("ACK", 1, 4, b"")),
        client("ACK", 3, 1, b""),
        closed(server("ACK", 1, 4, b"")),
        server("ACK", 1, 4, b""),
    ]));
    assert_snapshot!(told(play).lines().skip(3).collect::<Vec<_>>().join("\n"), @"
    4. A keep-alive: SEQ 0 is one below the next number, which the server must answer. So the client learns whether the server still lives (RFC 9293 section 3.8.4).
    5. The server answers the probe of segment 4: it still expects number 1 and has room for 64256 bytes (RFC 9293 section 3.10.7.4).
    6. The client sends 3 bytes as numbers 1 to 3; PSH says that it has no more for now. SEQ 1 is the first byte's number; ACK stays 1, for nothing new has come (RFC 9293 section 3.4).
    7. The server acknowledges: ACK 4 = SEQ 1 + 3 bytes of segment 6 (RFC 9293 section 3.4). It carries no data, so it consumes no sequence number.
    8. The client probes the closed window: SEQ 3 is one below the next number, which the server must answer, and so tell whether there is room again (RFC 9293 section 3.8.6.1).
    9. The server answers the probe of segment 8: it still expects number 4 and has room for 0 bytes (RFC 9293 section 3.10.7.4).
    10. The server changes its window: from number 4 on the client may send 64256 bytes (RFC 9293 section 3.8.6).
    - ACK = SEQ + SEG.LEN, not SEQ + LEN + 1: segment 7 has ACK 4 = 1 + 3. Only SYN and FIN add one of their own, as in segment 2 (RFC 9293 section 3.4).
    - The two directions count independently: the client began at 4294967291, the server at 7000. SEQ counts what an end sends, ACK what it has received from the other (RFC 9293 section 3.4).
    - A receiver never asks for a packet: its ACK says what it has. ACK 4 in segment 7 means that everything before number 4 has arrived; what is lost the sender repeats by its own timer (RFC 9293 section 3.8.1).
    ");
}

#[test]
fn crossing_fins_and_a_fin_with_data_are_explained() {
    let mut play = listen_and_connect(opened());
    play.push(Wire(vec![
        client("FIN PSH ACK", 1, 1, b"abc"),
        server("FIN ACK", 1, 5, b""),
        client("ACK", 5, 2, b""),
    ]));
    assert_snapshot!(told(play).lines().skip(3).collect::<Vec<_>>().join("\n"), @"
    4. The client has no more to send: FIN takes number 4 after 3 bytes as numbers 1 to 3, so it will be acknowledged with 5. The client goes to FIN-WAIT-1, the server to CLOSE-WAIT (RFC 9293 section 3.6).
    5. The server has no more to send: FIN takes number 1, so it will be acknowledged with 2. Both directions are closed now; the server waits in LAST-ACK for that ACK (RFC 9293 section 3.6).
    6. The client acknowledges the FIN, which counts one: ACK 2 = SEQ 1 + 1 for the FIN of segment 5 (RFC 9293 section 3.4). The server is CLOSED; the client stays in TIME-WAIT, in case this ACK is lost (section 3.6.1).
    - The two directions count independently: the client began at 4294967291, the server at 7000. SEQ counts what an end sends, ACK what it has received from the other (RFC 9293 section 3.4).
    - Who closes first waits in the end: the client went through CLOSED, SYN-SENT, ESTABLISHED, FIN-WAIT-1, TIME-WAIT (RFC 9293 section 3.3.2), and stays there so that a lost last ACK can be repeated.
    ");
}

#[test]
fn a_run_without_segments_says_nothing() {
    assert_eq!(told(vec![Act(Party::Server, Verb::Listen { backlog: 5 })]), "");
}

#[test]
fn any_segments_can_be_explained() {
    use proptest::prelude::*;
    proptest!(|(segments in crate::tcp::arbitrary::segments(), session in crate::tcp::arbitrary::session())| {
        for segments in [segments, session] {
            let count = segments.len();
            let (scenario, recording) = run(listen_and_connect(segments));
            prop_assert_eq!(explain(&scenario, &recording).len(), count);
            lessons_shown(&scenario, &recording);
        }
    });
}

#[test]
fn lessons_are_laid_out_for_the_theme() {
    let (scenario, recording) = run(listen_and_connect(opened()));
    let theme = Theme {
        color: false,
        unicode: true,
        width: 60,
    };
    assert_snapshot!(lessons(&scenario, &recording, &theme), @"
    what this run shows
      - The two directions count independently: the client began
        at 4294967291, the server at 7000. SEQ counts what an
        end sends, ACK what it has received from the other (RFC
        9293 section 3.4).
    ");
    assert_eq!(lessons(&scenario, &run(Vec::new()).1, &theme), "");
}
