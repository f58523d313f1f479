//! Each construct of the language with what it allows and what it nearly allows.

use std::time::Duration;

use super::support::{Sketch, Tape, payload, segment};
use super::{Kind, Match, Matcher, Push, Role, compare};
use crate::endpoint::ActionResult;
use crate::scenario::{Expect, OptionPattern, OptionsPattern, Scenario, Scope, SegmentPattern, Timing, Verb, Want};
use crate::tcp::{Flags, Party, Seq, TcpOption};

const CLOSE: Verb = Verb::Close { listener: false };

/// One step with these lines, plainly.
fn lines(lines: &[&str]) -> Scenario {
    Sketch::default()
        .act(Party::Client, Verb::Accept)
        .lines(lines)
        .scenario()
}

/// Whether all segments are accepted and nothing is missing after them.
fn accepts(scenario: &Scenario, segments: &[&str]) -> bool {
    let mut matcher = Matcher::new(scenario);
    matcher.begin(0, 0);
    let all = segments
        .iter()
        .all(|text| matcher.push(&segment(text)) == Push::Accepted);
    all && matcher.is_satisfied()
}

fn compared(scenario: &Scenario, segments: &[&str]) -> Match {
    compare(scenario, &Tape::new().start(0).segments(segments).recording)
}

const SYN: &str = "C > S SYN seq 0";
const SYN_ACK: &str = "S > C SYN ACK seq 0 ack 1";
const ACK: &str = "C > S ACK seq 1 ack 1";

#[test]
fn a_sequence_is_closed() {
    let scenario = lines(&["C > S SYN", "S > C SYN ACK", "C > S ACK"]);
    assert!(accepts(&scenario, &[SYN, SYN_ACK, ACK]));
    assert!(!accepts(&scenario, &[]));
    assert!(!accepts(&scenario, &[SYN, SYN_ACK]));
    assert!(!accepts(&scenario, &[SYN, SYN_ACK, ACK, ACK]));
    assert!(!accepts(&scenario, &[SYN, ACK, SYN_ACK]));
    assert!(!accepts(&scenario, &[SYN, SYN, SYN_ACK, ACK]));
}

#[test]
fn each_field_that_a_line_names_is_checked() {
    let good = r#"C > S PSH ACK seq 1 ack 1 len 2 "ab""#;
    let heads = [SYN, SYN_ACK];
    let with = |line: &str, last: &str| {
        let scenario = lines(&["C > S SYN", "S > C SYN ACK", line]);
        accepts(&scenario, &[heads[0], heads[1], last])
    };
    assert!(with(good, good));
    for near in [
        r#"S > C PSH ACK seq 1 ack 1 len 2 "ab""#,
        r#"C > S ACK seq 1 ack 1 len 2 "ab""#,
        r#"C > S PSH ACK seq 2 ack 1 len 2 "ab""#,
        r#"C > S PSH ACK seq 1 ack 2 len 2 "ab""#,
        r#"C > S PSH ACK seq 1 ack 1 len 3 "abc""#,
        r#"C > S PSH ACK seq 1 ack 1 len 2 "ax""#,
    ] {
        assert!(!with(good, near), "{near}");
    }
    assert!(with("C > S", good), "what a line does not name is not checked");
}

#[test]
fn an_ack_number_needs_the_ack_flag() {
    let scenario = lines(&["C > S ack 0"]);
    assert!(!accepts(&scenario, &["C > S RST seq 1"]));
}

#[test]
fn window_urgent_pointer_and_options_are_checked() {
    let options = |items: Vec<OptionPattern>, open| Some(OptionsPattern { items, open });
    let check = |change: fn(&mut SegmentPattern), options: Option<OptionsPattern>| {
        let mut pattern = super::support::pattern("C > S SYN");
        change(&mut pattern);
        pattern.options = options;
        let scenario = Sketch::default().act(Party::Client, Verb::Accept);
        let scenario = scenario.expect(Expect::Segment(pattern)).scenario();
        let mut sent = segment(SYN);
        sent.options.push(TcpOption::SackPermitted);
        let mut matcher = Matcher::new(&scenario);
        matcher.begin(0, 0);
        matcher.push(&sent) == Push::Accepted
    };
    assert!(check(|line| line.window = Some(502), None));
    assert!(!check(|line| line.window = Some(501), None));
    assert!(check(|line| line.urgent = Some(0), None));
    assert!(!check(|line| line.urgent = Some(1), None));
    let mss = OptionPattern::Mss;
    assert!(check(
        |_| {},
        options(vec![mss(Some(1460)), OptionPattern::SackPermitted], false)
    ));
    assert!(check(|_| {}, options(vec![mss(None)], true)));
    assert!(!check(|_| {}, options(vec![mss(None)], false)));
    assert!(!check(|_| {}, options(vec![mss(Some(1000))], true)));
    assert!(!check(
        |_| {},
        options(vec![OptionPattern::SackPermitted, mss(None)], false)
    ));
    assert!(!check(
        |_| {},
        options(vec![mss(None), OptionPattern::SackPermitted, OptionPattern::Nop], true)
    ));
}

#[test]
fn sack_blocks_are_relative_to_the_receiver() {
    let sack = |blocks| {
        let pattern = SegmentPattern {
            options: Some(OptionsPattern {
                items: vec![OptionPattern::Sack(Some(blocks))],
                open: false,
            }),
            ..super::support::pattern("S > C ACK")
        };
        let sketch = Sketch::default()
            .act(Party::Client, Verb::Accept)
            .line("C > S SYN")
            .expect(Expect::Segment(pattern));
        let scenario = sketch.scenario();
        let syn = segment(SYN);
        let mut ack = segment("S > C ACK seq 1 ack 1");
        ack.options = vec![TcpOption::Sack(vec![(syn.seq + 1, syn.seq + 13)])];
        let mut matcher = Matcher::new(&scenario);
        matcher.begin(0, 0);
        assert_eq!(matcher.push(&syn), Push::Accepted);
        matcher.push(&ack) == Push::Accepted
    };
    assert!(sack(vec![(1, 13)]));
    assert!(!sack(vec![(1, 14)]));
    assert!(!sack(vec![]));
}

#[test]
fn repetition_counts_both_ways() {
    let fin = "S > C FIN ACK seq 1 ack 1";
    for (line, least, most) in [("C > S ACK x2", 2, 2), ("C > S ACK x2..4", 2, 4), ("C > S ACK ?", 0, 1)] {
        let scenario = lines(&[line, "S > C FIN ACK"]);
        for count in 0..6 {
            let mut segments = vec![ACK; count];
            segments.push(fin);
            assert_eq!(
                accepts(&scenario, &segments),
                (least..=most).contains(&count),
                "{line} {count}"
            );
        }
    }
}

#[test]
fn any_order_takes_each_line_once_and_lets_them_interleave() {
    let scenario = Sketch::default()
        .act(Party::Client, Verb::Accept)
        .any_order(&["C > S ACK x2", "S > C ACK"])
        .line("S > C FIN ACK")
        .scenario();
    let (a, b, fin) = (ACK, "S > C ACK seq 1 ack 1", "S > C FIN ACK seq 1 ack 1");
    for good in [[a, a, b, fin], [a, b, a, fin], [b, a, a, fin]] {
        assert!(accepts(&scenario, &good));
    }
    assert!(!accepts(&scenario, &[a, b, fin]));
    assert!(!accepts(&scenario, &[a, a, fin]));
    assert!(!accepts(&scenario, &[a, a, a, b, fin]));
    assert!(!accepts(&scenario, &[a, a, b]));
}

#[test]
fn many_equal_lines_in_any_order_stay_cheap() {
    let scenario = Sketch::default()
        .act(Party::Client, Verb::Accept)
        .any_order(&["C > S ACK"; 40])
        .scenario();
    assert!(accepts(&scenario, &[ACK; 40]));
    assert!(!accepts(&scenario, &[ACK; 39]));
}

#[test]
fn either_takes_one_sequence_whole() {
    let scenario = Sketch::default()
        .act(Party::Client, Verb::Accept)
        .either(&[&["C > S ACK", "S > C FIN ACK"], &["S > C RST ACK"]])
        .line("C > S ACK")
        .scenario();
    let (fin, rst) = ("S > C FIN ACK seq 1 ack 1", "S > C RST ACK seq 1 ack 1");
    assert!(accepts(&scenario, &[ACK, fin, ACK]));
    assert!(accepts(&scenario, &[rst, ACK]));
    assert!(!accepts(&scenario, &[ACK, rst, ACK]));
    assert!(!accepts(&scenario, &[ACK, fin, rst, ACK]));
    assert!(!accepts(&scenario, &[ACK]));
}

#[test]
fn dots_take_anything_but_no_more_than_they_must() {
    let scenario = lines(&["C > S SYN", "...", "C > S ACK"]);
    assert!(accepts(&scenario, &[SYN, ACK]));
    assert!(accepts(&scenario, &[SYN, SYN_ACK, ACK, SYN_ACK, ACK]));
    assert!(!accepts(&scenario, &[SYN, SYN_ACK]));
    assert!(!accepts(&scenario, &[SYN_ACK, ACK]));
    let roles = |segments: &[&str]| -> Vec<Role> {
        let explained = compared(&scenario, segments).explained;
        explained.iter().map(|place| place.role).collect()
    };
    assert_eq!(roles(&[SYN, ACK]), [Role::Line, Role::Line]);
    assert_eq!(roles(&[SYN, ACK, ACK]), [Role::Line, Role::Anything, Role::Line]);
}

#[test]
fn dots_at_the_end_leave_segments_to_the_next_step() {
    let scenario = Sketch::default()
        .act(Party::Client, Verb::Accept)
        .line("...")
        .act(Party::Client, CLOSE)
        .line("C > S FIN ACK")
        .scenario();
    let tape = Tape::new()
        .start(0)
        .segment(ACK)
        .start(1)
        .segment("C > S FIN ACK seq 1 ack 1");
    let explained = compare(&scenario, &tape.recording).explained;
    assert_eq!(explained.iter().map(|place| place.step).collect::<Vec<_>>(), [0, 1]);
}

const HANDSHAKE: [&str; 3] = [SYN, SYN_ACK, ACK];

/// A stream of 2500 bytes from client to server after a handshake.
fn streams(segments: &[&str]) -> bool {
    let scenario = lines(&["C > S SYN", "S > C SYN ACK", "C > S ACK", "C > S stream 2500"]);
    accepts(&scenario, &[&HANDSHAKE[..], segments].concat())
}

#[test]
fn a_stream_is_new_full_sized_segments_and_their_acknowledgments() {
    let (one, two) = (
        "C > S ACK seq 1 ack 1 len 1000",
        "C > S PSH ACK seq 1001 ack 1 len 1000",
    );
    let three = "C > S PSH ACK seq 2001 ack 1 len 500";
    let (half, all) = ("S > C ACK seq 1 ack 1001", "S > C ACK seq 1 ack 2501");
    assert!(streams(&[one, two, three, all]));
    assert!(streams(&[one, half, two, half, three, all, all]));
    let near_misses: [(&str, &[&str]); 13] = [
        ("not acknowledged", &[one, two, three]),
        ("acknowledged in part", &[one, two, three, half]),
        ("a segment is missing", &[one, three, all]),
        ("a segment came twice", &[one, one, two, three, all]),
        ("too few bytes", &[one, two, all]),
        ("too many bytes", &[one, two, "C > S ACK seq 2001 ack 1 len 1000", all]),
        (
            "more after the last",
            &[one, two, three, all, "C > S ACK seq 2501 ack 1 len 1", all],
        ),
        (
            "a short one in the middle",
            &[
                one,
                "C > S ACK seq 1001 ack 1 len 400",
                "C > S ACK seq 1401 ack 1 len 1000",
            ],
        ),
        (
            "a longer one later",
            &[
                "C > S ACK seq 1 ack 1 len 1000",
                "C > S ACK seq 1001 ack 1 len 1500",
                all,
            ],
        ),
        (
            "an acknowledgment moves back",
            &[one, two, "S > C ACK seq 1 ack 2001", half, three, all],
        ),
        (
            "data in the acknowledgment",
            &[one, "S > C ACK seq 1 ack 1001 len 1", two, three, all],
        ),
        (
            "a flag in the acknowledgment",
            &[one, "S > C PSH ACK seq 1 ack 1001", two, three, all],
        ),
        (
            "the FIN rides on data",
            &[
                one,
                two,
                "C > S FIN PSH ACK seq 2001 ack 1 len 500",
                "S > C ACK seq 1 ack 2502",
            ],
        ),
    ];
    for (what, segments) in near_misses {
        assert!(!streams(segments), "{what}");
    }
}

#[test]
fn stream_segments_are_reported_as_one_run() {
    let scenario = lines(&[
        "C > S SYN",
        "S > C SYN ACK",
        "C > S ACK",
        "C > S stream 1500",
        "C > S FIN ACK",
    ]);
    let data = [
        "C > S ACK seq 1 ack 1 len 1000",
        "S > C ACK seq 1 ack 1001",
        "C > S PSH ACK seq 1001 ack 1 len 500",
        "S > C ACK seq 1 ack 1501",
    ];
    let fin = ["C > S FIN ACK seq 1501 ack 1"];
    let matched = compared(&scenario, &[&HANDSHAKE[..], &data, &fin].concat());
    assert_eq!(matched.mismatch, None);
    let runs = matched.stream_runs();
    assert_eq!(runs.len(), 1);
    assert_eq!((runs[0].segments.clone(), runs[0].bytes), (3..7, 1500));
}

fn timed(since: Scope, min: u64, max: Option<u64>) -> Scenario {
    let timing = Timing {
        min: Duration::from_millis(min),
        max: max.map(Duration::from_millis),
        since,
    };
    let pattern = SegmentPattern {
        timing: Some(timing),
        ..super::support::pattern("C > S ACK")
    };
    let sketch = Sketch::default().act(Party::Client, Verb::Accept).line("C > S SYN");
    sketch.expect(Expect::Segment(pattern)).scenario()
}

#[test]
fn times_are_measured_from_the_action_or_the_segment_before() {
    let accepts = |scenario: &Scenario, at_ms: u64| {
        let mut matcher = Matcher::new(scenario);
        matcher.begin(0, 50_000_000);
        let at = |text: &str, ms: u64| crate::tcp::Segment {
            at: ms * 1_000_000,
            ..segment(text)
        };
        assert_eq!(matcher.push(&at(SYN, 60)), Push::Accepted);
        matcher.push(&at(ACK, at_ms)) == Push::Accepted
    };
    let action = timed(Scope::Action, 0, Some(250));
    assert!(accepts(&action, 300));
    assert!(!accepts(&action, 301));
    let previous = timed(Scope::PreviousSegment, 180, Some(220));
    assert!(!accepts(&previous, 239));
    assert!(accepts(&previous, 240));
    assert!(accepts(&previous, 280));
    assert!(!accepts(&previous, 281));
    assert!(accepts(&timed(Scope::PreviousSegment, 180, None), 9_000));
}

#[test]
fn a_step_cannot_match_before_its_action_begins() {
    let scenario = two_steps();
    let mut matcher = Matcher::new(&scenario);
    assert!(matcher.is_satisfied());
    matcher.begin(0, 0);
    assert!(!matcher.is_satisfied());
    assert_eq!(matcher.push(&segment("C > S FIN ACK seq 1 ack 1")), Push::Accepted);
    assert!(matcher.is_satisfied());
    let mut too_early = matcher.clone();
    assert_eq!(too_early.push(&segment("S > C FIN ACK seq 1 ack 2")), Push::Rejected);
    assert!(!too_early.is_satisfied());
    matcher.begin(1, 0);
    assert!(!matcher.is_satisfied());
    assert_eq!(matcher.push(&segment("S > C FIN ACK seq 1 ack 2")), Push::Accepted);
    assert!(matcher.is_satisfied());
    assert_eq!(matcher.push(&segment("S > C FIN ACK seq 1 ack 2")), Push::Rejected);
}

fn two_steps() -> Scenario {
    Sketch::default()
        .act(Party::Client, CLOSE)
        .line("C > S FIN ACK")
        .act(Party::Server, CLOSE)
        .line("S > C FIN ACK")
        .scenario()
}

#[test]
fn nothing_is_accepted_before_the_first_action() {
    assert_eq!(Matcher::new(&lines(&["..."])).push(&segment(SYN)), Push::Rejected);
}

fn mismatch_of(matched: &Match) -> (Kind, Option<usize>) {
    let mismatch = matched.mismatch.as_ref().expect("a mismatch");
    (mismatch.kind, mismatch.segment)
}

#[test]
fn a_mismatch_says_what_kind_it_is() {
    let handshake = lines(&["C > S SYN", "S > C SYN ACK", "C > S ACK"]);
    let kind = |segments: &[&str]| mismatch_of(&compared(&handshake, segments));
    assert_eq!(kind(&[SYN, "S > C RST ACK seq 0 ack 1"]), (Kind::Differs, Some(1)));
    assert_eq!(kind(&[SYN, ACK]), (Kind::Skipped, Some(1)));
    assert_eq!(kind(&[SYN, SYN, SYN_ACK, ACK]), (Kind::Extra, Some(1)));
    assert_eq!(kind(&[SYN, SYN_ACK, ACK, ACK]), (Kind::Extra, Some(3)));
    assert_eq!(kind(&[SYN, SYN_ACK]), (Kind::Missing, None));
    let fin = "C > S FIN ACK seq 1 ack 1";
    let early = Tape::new()
        .start(0)
        .segments(&[fin, "S > C FIN ACK seq 1 ack 2"])
        .start(1);
    assert_eq!(
        mismatch_of(&compare(&two_steps(), &early.recording)),
        (Kind::Early, Some(1))
    );
    let before_all = Tape::new().segment(fin).start(0);
    assert_eq!(
        mismatch_of(&compare(&two_steps(), &before_all.recording)),
        (Kind::Early, Some(0))
    );
}

#[test]
fn the_nearest_alternative_explains_a_mismatch() {
    let scenario = Sketch::default()
        .act(Party::Client, Verb::Accept)
        .either(&[&["C > S FIN ACK", "S > C ACK"], &["C > S RST ACK seq 5"]])
        .scenario();
    let matched = compared(&scenario, &["C > S RST ACK seq 4 ack 1"]);
    let mismatch = matched.mismatch.unwrap();
    assert_eq!(scenario.text(&mismatch.expectation.unwrap()), "C > S RST ACK seq 5");
    assert_eq!(mismatch.differences[0].field, "seq");
}

#[test]
fn unbegun_steps_are_not_missing() {
    let cut_short = Tape::new().start(0).segment("C > S FIN ACK seq 1 ack 1");
    assert_eq!(compare(&two_steps(), &cut_short.recording).mismatch, None);
}

fn hints(matched: &Match) -> String {
    matched.mismatch.as_ref().expect("a mismatch").hints.join("\n")
}

/// A connection that received 12 bytes, of which the server read `read`, and closes.
fn closing(read: usize, last: &[&str]) -> (Scenario, Tape) {
    let scenario = Sketch::default()
        .act(Party::Client, Verb::Send(payload("Hello World!")))
        .lines(&["C > S SYN", "S > C SYN ACK", "C > S ACK", "C > S PSH ACK", "S > C ACK"])
        .act(Party::Server, Verb::Read(Want::Anything))
        .act(Party::Server, CLOSE)
        .lines(&["S > C FIN ACK", "C > S ACK"])
        .scenario();
    let tape = Tape::new()
        .start(0)
        .segments(&HANDSHAKE)
        .segments(&[r#"C > S PSH ACK seq 1 ack 1 "Hello World!""#, "S > C ACK seq 1 ack 13"])
        .start(1)
        .end(1, ActionResult::received(b"Hello World!"[..read].to_vec()))
        .start(2)
        .segments(last);
    (scenario, tape)
}

#[test]
fn a_reset_after_close_is_explained_by_the_unread_bytes() {
    let reset = ["S > C RST ACK seq 1 ack 13"];
    let (scenario, tape) = closing(5, &reset);
    let matched = compare(&scenario, &tape.recording);
    let segments: Vec<_> = tape.recording.segments().cloned().collect();
    insta::assert_snapshot!(matched.mismatch.as_ref().unwrap().explain(&scenario, &segments), @r#"
    expected at scenarios/test.toml:9, after `server close` (line 8):
        S > C FIN ACK
    but segment 6 was:
        S > C  RST ACK  seq 1  ack 13  len 0
    differences:
        flags   expected FIN ACK   actual RST ACK
    side by side:
           4  C > S  PSH ACK  seq 1  ack 1  len 12  "Hello World!"   line 5: C > S PSH ACK
           5  S > C  ACK  seq 1  ack 13  len 0                       line 6: S > C ACK
      !    6  S > C  RST ACK  seq 1  ack 13  len 0                   line 9: S > C FIN ACK
      !    -  (no segment)                                           line 10: C > S ACK
    what it usually means:
        The server closed with 7 unread bytes, so the kernel answered RST instead of FIN: the peer must
        learn that data was lost (RFC 9293, section 3.6.1, SHLD-3; RFC 2525, section 2.17). Read
        everything before closing.
    "#);
    let (scenario, tape) = closing(12, &reset);
    assert!(!hints(&compare(&scenario, &tape.recording)).contains("unread"));
}

#[test]
fn every_kind_of_mismatch_reads_well() {
    let say = |scenario: &Scenario, tape: Tape| {
        let segments: Vec<_> = tape.recording.segments().cloned().collect();
        let mismatch = compare(scenario, &tape.recording).mismatch.unwrap();
        format!(
            "{}\n--\n{}",
            mismatch.brief(scenario, &segments),
            mismatch.explain(scenario, &segments)
        )
    };
    let handshake = lines(&["C > S SYN", "S > C SYN ACK", "C > S ACK ack 1"]);
    let on_handshake = |segments: &[&str]| say(&handshake, Tape::new().start(0).segments(segments));
    let fins = ["C > S FIN ACK seq 1 ack 1", "S > C FIN ACK seq 1 ack 2"];
    let all = [
        ("skipped", on_handshake(&[SYN, ACK])),
        ("extra", on_handshake(&[SYN, SYN, SYN_ACK, ACK])),
        ("extra at the end", on_handshake(&[SYN, SYN_ACK, ACK, ACK])),
        ("missing", on_handshake(&[SYN, SYN_ACK])),
        ("differs", on_handshake(&[SYN, SYN_ACK, "C > S ACK seq 1 ack 2"])),
        (
            "early",
            say(&two_steps(), Tape::new().start(0).segments(&fins).start(1)),
        ),
    ];
    let text: Vec<String> = all
        .iter()
        .map(|(label, text)| format!("# {label}:\n{text}\n"))
        .collect();
    insta::assert_snapshot!(text.join("\n"));
}

#[test]
fn hints_name_the_usual_cause() {
    let handshake = ["C > S SYN", "S > C SYN ACK", "C > S ACK"];
    let data = r#"C > S PSH ACK seq 1 ack 1 "Hello World!""#;
    let cases: [(&[&str], &[&str], &str); 11] = [
        (
            &["C > S SYN", "S > C SYN ACK"],
            &[SYN, "S > C RST ACK seq 0 ack 1"],
            "nobody listens",
        ),
        (&handshake, &[SYN, SYN], "retransmission of segment 1"),
        (&["C > S SYN", "S > C SYN ACK ack 2"], &[SYN, SYN_ACK], "absolute"),
        (
            &["C > S SYN", "S > C SYN ACK ack 0"],
            &[SYN, SYN_ACK],
            "SYN and FIN each take one",
        ),
        (
            &["C > S SYN", "S > C SYN ACK", "S > C ACK"],
            &[SYN, SYN_ACK, ACK],
            "other direction",
        ),
        (
            &["C > S SYN", "S > C SYN ACK", "C > S ACK", "C > S ACK len 12"],
            &[SYN, SYN_ACK, ACK, data],
            "Only PSH differs",
        ),
        (
            &["C > S SYN", "S > C SYN ACK", "C > S ACK", "C > S PSH ACK len 6"],
            &[SYN, SYN_ACK, ACK, data],
            "not messages",
        ),
        (
            &["C > S SYN", "S > C SYN ACK", "C > S ACK"],
            &[SYN, SYN_ACK, ACK, ACK],
            "repeats the last acknowledgment",
        ),
        (
            &["C > S SYN", "S > C SYN ACK", "C > S ACK"],
            &[SYN, SYN_ACK, ACK, "C > S ACK seq 0 ack 1"],
            "keep-alive",
        ),
        (
            &["C > S SYN", "S > C SYN ACK", "C > S ACK", "C > S FIN ACK"],
            &[SYN, SYN_ACK, "C > S FIN ACK seq 1 ack 1"],
            "FIN carries the ACK",
        ),
        (
            &["C > S SYN", "S > C SYN ACK", "C > S ACK", "C > S PSH ACK"],
            &[SYN, SYN_ACK, data],
            "rides on data",
        ),
    ];
    for (expected, segments, hint) in cases {
        let mut scenario = lines(expected);
        if hint == "absolute" {
            // The line that somebody copied out of a capture with absolute numbers.
            let Expect::Segment(line) = &mut scenario.phases[0].steps[0].expect[1] else {
                unreachable!()
            };
            line.ack = Some(segment(SYN_ACK).ack.0);
        }
        let text = hints(&compared(&scenario, segments));
        assert!(text.contains(hint), "{expected:?}: {text}");
    }
}

#[test]
fn sequence_numbers_wrap_within_a_stream() {
    // The client's initial sequence number lies just below 2^32.
    assert!(segment(SYN).seq.is_before(Seq(0)));
    assert_eq!(segment("C > S ACK seq 1000 ack 1").flags, Flags::ACK);
    assert!(streams(&[
        "C > S PSH ACK seq 1 ack 1 len 2500",
        "S > C ACK seq 1 ack 2501"
    ]));
}
