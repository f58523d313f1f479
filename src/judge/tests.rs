//! A good run passes; each single thing that is wrong with it is found by the check that is there for it, and by no other.

use super::*;
use crate::endpoint::ActionResult;
use crate::matcher::support::{Sketch, Tape, payload};
use crate::run::{CaptureStats, Counters, Ending, Entry, Fate, SocketReport};
use crate::scenario::{Expect, Outcome, SocketOption, Verb, Want};
use crate::snapshot::Transcript;
use crate::tcp::{Checksum, Flags, Party, Segment, State};

const CLOSE: Verb = Verb::Close { listener: false };
const HELLO: &str = "Hello World!";

/// The reference session with everything named, and an echo of `reply`.
fn session(reply: &str) -> (Scenario, Recording) {
    let (len, after) = (reply.len(), reply.len() + 1);
    let data = format!("S > C PSH ACK seq 1 ack 13 len {len} \"{reply}\"");
    let data_ack = format!("C > S ACK seq 13 ack {after} len 0");
    let fin = format!("C > S FIN ACK seq 13 ack {after} len 0");
    let fin_ack = format!("S > C ACK seq {after} ack 14 len 0");
    let second_fin = format!("S > C FIN ACK seq {after} ack 14 len 0");
    let last = format!("C > S ACK seq 14 ack {} len 0", after + 1);
    let handshake = [
        "C > S SYN seq 0 len 0",
        "S > C SYN ACK seq 0 ack 1 len 0",
        "C > S ACK seq 1 ack 1 len 0",
    ];
    let hello = [
        "C > S PSH ACK seq 1 ack 1 len 12 \"Hello World!\"",
        "S > C ACK seq 1 ack 13 len 0",
    ];
    let echo = [data.as_str(), data_ack.as_str()];
    let (client_close, server_close) = ([fin.as_str(), fin_ack.as_str()], [second_fin.as_str(), last.as_str()]);
    let (c, s) = (Party::Client, Party::Server);
    let scenario = Sketch::default()
        .act(s, Verb::Listen { backlog: 5 })
        .act(c, Verb::Connect { to_self: false })
        .lines(&handshake)
        .act(s, Verb::Accept)
        .act(c, Verb::Send(payload(HELLO)))
        .lines(&hello)
        .act(s, Verb::Echo { bytes: None })
        .lines(&echo)
        .act(c, Verb::Recv(Want::Bytes(len as u64)))
        .act(c, CLOSE)
        .lines(&client_close)
        .act(s, CLOSE)
        .lines(&server_close)
        .scenario();
    let echoed = ActionResult::Done {
        received: Some(HELLO.into()),
        sent: Some(reply.into()),
        value: None,
    };
    let steps: [(&[&str], ActionResult, State, State); 8] = [
        (&[], ActionResult::done(), State::Closed, State::Listen),
        (&handshake, ActionResult::done(), State::Established, State::Established),
        (&[], ActionResult::done(), State::Established, State::Established),
        (
            &hello,
            ActionResult::sent(HELLO.into()),
            State::Established,
            State::Established,
        ),
        (&echo, echoed, State::Established, State::Established),
        (
            &[],
            ActionResult::received(reply.into()),
            State::Established,
            State::Established,
        ),
        (&client_close, ActionResult::done(), State::FinWait2, State::CloseWait),
        (&server_close, ActionResult::done(), State::TimeWait, State::Closed),
    ];
    let mut tape = Tape::new();
    for (step, (segments, result, client, server)) in steps.into_iter().enumerate() {
        tape = tape.start(step).segments(segments).end(step, result);
        tape.recording.entries.push(Entry::Settled {
            step,
            client: Some(client),
            server: Some(server),
        });
    }
    let mut recording = tape.recording;
    recording.capture = CaptureStats {
        received: 30,
        read: 15,
        copies: 2,
        ..CaptureStats::default()
    };
    recording.counters = Some(Counters {
        in_segs: 11,
        out_segs: 11,
        listen_overflows: Some(0),
        syncookies_sent: Some(0),
        ..Counters::default()
    });
    // As the kernel reports, measured with the same session; see `sockets`.
    recording.sockets = vec![
        SocketReport {
            party: c,
            after_segments: 7,
            undelivered: Vec::new(),
            state: State::Established,
            segs_in: 3,
            segs_out: 4,
            bytes_received: len as u64,
            bytes_acked: 13,
            bytes_sent: 12,
            retransmits: 0,
        },
        SocketReport {
            party: s,
            after_segments: 9,
            undelivered: Vec::new(),
            state: State::CloseWait,
            segs_in: 5,
            segs_out: 3,
            bytes_received: 13,
            bytes_acked: len as u64,
            bytes_sent: len as u64,
            retransmits: 0,
        },
    ];
    (scenario, recording)
}

/// A run and its snapshot comparison.
struct Run {
    scenario: Scenario,
    recording: Recording,
    snapshot: SnapshotComparison,
}

fn good() -> Run {
    let (scenario, recording) = session(HELLO);
    Run {
        scenario,
        recording,
        snapshot: SnapshotComparison::Matches,
    }
}

impl Run {
    fn judge(&self) -> Judgement {
        judge(&self.scenario, &self.recording, &self.snapshot)
    }

    fn segment(&mut self, index: usize) -> &mut Segment {
        let segments = self.recording.entries.iter_mut().filter_map(|entry| match entry {
            Entry::Segment(segment) => Some(segment),
            _ => None,
        });
        segments.into_iter().nth(index).unwrap()
    }

    fn result(&mut self, number: usize) -> &mut ActionResult {
        let results = self.recording.entries.iter_mut().filter_map(|entry| match entry {
            Entry::ActionEnded { step, result, .. } if *step == number => Some(result),
            _ => None,
        });
        results.into_iter().next().unwrap()
    }

    fn counters(&mut self) -> &mut Counters {
        self.recording.counters.as_mut().unwrap()
    }

    fn settled(&mut self, number: usize) -> (&mut Option<State>, &mut Option<State>) {
        let states = self.recording.entries.iter_mut().filter_map(|entry| match entry {
            Entry::Settled { step, client, server } if *step == number => Some((client, server)),
            _ => None,
        });
        states.into_iter().next().unwrap()
    }
}

fn bad(judgement: &Judgement) -> Vec<(&str, Status)> {
    let bad = |check: &&Check| matches!(check.status, Status::Failed | Status::Doubtful);
    let checks = judgement.checks.iter().filter(bad);
    checks.map(|check| (check.name.as_str(), check.status)).collect()
}

fn check<'j>(judgement: &'j Judgement, name: &str) -> &'j Check {
    judgement.checks.iter().find(|check| check.name == name).unwrap()
}

#[test]
fn a_good_run_passes_with_every_check_heard() {
    let judgement = good().judge();
    assert_eq!(bad(&judgement), []);
    assert_eq!(judgement.verdict, Verdict::Pass);
    assert_eq!(judgement.findings, []);
    let text: Vec<String> = judgement
        .checks
        .iter()
        .map(|check| {
            format!(
                "{:?} {}: {:?}, {}",
                check.witness, check.name, check.status, check.detail
            )
        })
        .collect();
    insta::assert_snapshot!(text.join("\n"));
}

type Change = fn(&mut Run);

#[test]
fn each_thing_that_is_wrong_is_found_by_its_own_check() {
    let changes: [(&str, Status, Change); 34] = [
        ("segments", Status::Failed, |run| {
            let Expect::Segment(line) = &mut run.scenario.phases[0].steps[6].expect[0] else {
                unreachable!()
            };
            line.flags = Some(Flags::RST | Flags::ACK);
        }),
        ("segments", Status::Failed, |run| {
            run.scenario.phases[0].steps[7].expect.truncate(1)
        }),
        ("actions", Status::Failed, |run| {
            run.scenario.phases[0].steps[5].action.verb = Verb::Recv(Want::Payload(payload("Hello Earth!")));
        }),
        ("actions", Status::Failed, |run| {
            run.scenario.phases[0].steps[1].action.outcome = Outcome::Errno(libc::ECONNREFUSED);
        }),
        ("actions", Status::Failed, |run| {
            *run.result(2) = ActionResult::Unfinished
        }),
        ("actions", Status::Failed, |run| {
            run.scenario.phases[0].steps[2].action.verb = Verb::Get(SocketOption::TcpNodelay, 1);
        }),
        ("run", Status::Failed, |run| {
            run.recording.ending = Ending::Deadline { step: 7 }
        }),
        ("run", Status::Failed, |run| {
            run.recording.ending = Ending::Unquiet {
                detail: "still retransmitting".to_owned(),
            };
        }),
        ("run", Status::Doubtful, |run| {
            run.recording.ending = Ending::Interrupted
        }),
        ("finding: echo-contract", Status::Failed, |run| {
            run.scenario.findings = vec![Finding::EchoContract]
        }),
        ("snapshot", Status::Failed, |run| {
            run.snapshot = SnapshotComparison::Differs {
                diff: "- a\n+ b".to_owned(),
                accepted_kernel: None,
            };
        }),
        ("capture complete", Status::Doubtful, |run| {
            run.recording.capture.dropped = 1
        }),
        ("capture complete", Status::Doubtful, |run| {
            run.recording.capture.interface_dropped = 1
        }),
        ("capture complete", Status::Doubtful, |run| {
            run.recording.capture.received = 31
        }),
        ("capture complete", Status::Doubtful, |run| {
            (run.recording.capture.received, run.recording.capture.read) = (20, 10);
        }),
        ("kernel counters", Status::Doubtful, |run| run.counters().in_segs = 12),
        ("kernel counters", Status::Doubtful, |run| run.counters().out_segs = 10),
        ("kernel counters", Status::Doubtful, |run| {
            run.counters().retrans_segs = 1
        }),
        ("kernel counters", Status::Doubtful, |run| run.counters().in_errs = 1),
        ("kernel counters", Status::Doubtful, |run| {
            run.counters().in_csum_errors = 1
        }),
        ("kernel counters", Status::Doubtful, |run| run.counters().out_rsts = 1),
        ("socket counters", Status::Doubtful, |run| {
            run.recording.sockets[0].segs_in += 1
        }),
        ("socket counters", Status::Doubtful, |run| {
            run.recording.sockets[1].segs_in -= 1
        }),
        ("socket counters", Status::Doubtful, |run| {
            run.recording.sockets[1].segs_out += 1
        }),
        ("socket counters", Status::Doubtful, |run| {
            run.recording.sockets[0].bytes_received -= 1
        }),
        ("socket counters", Status::Doubtful, |run| {
            run.recording.sockets[0].bytes_acked += 1
        }),
        ("socket counters", Status::Doubtful, |run| {
            run.recording.sockets[1].bytes_sent += 1
        }),
        ("socket counters", Status::Doubtful, |run| {
            run.recording.sockets[0].retransmits = 1
        }),
        ("payload", Status::Failed, |run| {
            *run.result(5) = ActionResult::received("Hello Earth!".into())
        }),
        ("payload", Status::Failed, |run| {
            run.scenario.phases[0].steps[3].action.verb = Verb::Send(payload("Hello Wor"));
            *run.result(3) = ActionResult::sent("Hello Wor".into());
        }),
        ("states", Status::Failed, |run| {
            *run.settled(6).0 = Some(State::FinWait1)
        }),
        ("states", Status::Failed, |run| {
            run.counters().listen_overflows = Some(1)
        }),
        ("states", Status::Failed, |run| *run.settled(0).1 = Some(State::Closed)),
        ("lint: checksum", Status::Failed, |run| {
            run.segment(3).checksum = Checksum::Wrong
        }),
    ];
    for (index, (name, status, change)) in changes.into_iter().enumerate() {
        let mut run = good();
        change(&mut run);
        let judgement = run.judge();
        assert_eq!(bad(&judgement), [(name, status)], "change {index}");
        let verdict = if status == Status::Failed {
            Verdict::Fail
        } else {
            Verdict::Inconclusive
        };
        assert_eq!(judgement.verdict, verdict, "change {index}");
    }
}

#[test]
fn a_step_that_never_began_fails_a_completed_run() {
    let mut run = good();
    let steps = &mut run.scenario.phases[0].steps;
    steps.push(steps[2].clone());
    assert_eq!(bad(&run.judge()), [("actions", Status::Failed)]);
    run.recording.ending = Ending::Mismatch { step: 7 };
    assert_eq!(bad(&run.judge()), [("run", Status::Failed)]);
}

#[test]
fn a_stall_makes_a_failure_inconclusive_and_leaves_a_pass_alone() {
    let limit = u64::try_from(LONGEST_HARMLESS_STALL.as_nanos()).unwrap();
    for (longest, fails, verdict) in [
        (limit, false, Verdict::Pass),
        (limit - 1, true, Verdict::Fail),
        (limit, true, Verdict::Inconclusive),
    ] {
        let mut run = good();
        run.recording.stall = crate::run::Stall {
            longest,
            step: 3,
            ..Default::default()
        };
        if fails {
            run.scenario.phases[0].steps[7].expect.truncate(1);
        }
        let judgement = run.judge();
        assert_eq!(judgement.verdict, verdict);
        if verdict == Verdict::Inconclusive {
            let detail = &check(&judgement, "undisturbed").detail;
            assert!(detail.contains("30ms in `client send` (line 7)"), "{detail}");
        }
    }
}

#[test]
fn a_missing_snapshot_is_said_but_does_not_fail() {
    for (snapshot, word) in [
        (SnapshotComparison::Missing, "tcplab review test"),
        (
            SnapshotComparison::NotCompared {
                reason: "host mode".to_owned(),
            },
            "host mode",
        ),
    ] {
        let judgement = Run { snapshot, ..good() }.judge();
        assert_eq!(judgement.verdict, Verdict::Pass);
        let snapshot = check(&judgement, "snapshot");
        assert_eq!(snapshot.status, Status::NotChecked);
        assert!(snapshot.detail.contains(word));
    }
}

#[test]
fn a_review_is_offered_only_where_something_waits_for_it() {
    let differs = SnapshotComparison::Differs {
        diff: "- a\n+ b".to_owned(),
        accepted_kernel: None,
    };
    for snapshot in [SnapshotComparison::Missing, differs] {
        let mut run = Run { snapshot, ..good() };
        let detail = |run: &Run| check(&run.judge(), "snapshot").detail.clone();
        assert!(run.judge().is_vouched());
        assert!(detail(&run).contains("tcplab review test"));
        run.recording.ending = Ending::Deadline { step: 7 };
        assert!(!run.judge().is_vouched());
        assert!(!detail(&run).contains("tcplab review"), "{}", detail(&run));
        assert!(detail(&run).contains("not proposed for review"));
    }
}

#[test]
fn another_kernel_is_named_beside_a_different_transcript() {
    let differs = |kernel: &str| SnapshotComparison::Differs {
        diff: "- a\n+ b\n".to_owned(),
        accepted_kernel: Some(kernel.to_owned()),
    };
    let detail = |kernel| {
        check(
            &Run {
                snapshot: differs(kernel),
                ..good()
            }
            .judge(),
            "snapshot",
        )
        .detail
        .clone()
    };
    assert!(detail("6.1.0").contains("accepted with Linux 6.1.0, this is 6.18.0"));
    assert!(!detail("6.18.0").contains("Linux"));
}

#[test]
fn the_thirteenth_byte_is_found_and_passes_where_the_scenario_is_about_it() {
    let (mut scenario, recording) = session("Hello World!\u{4}");
    scenario.phases[0].steps[4].action.verb = Verb::EchoStrlen {
        stale: payload("\u{4}"),
    };
    let unlisted = judge(&scenario, &recording, &SnapshotComparison::Matches);
    assert_eq!(bad(&unlisted), [("finding: echo-contract", Status::Failed)]);
    scenario.findings = vec![Finding::EchoContract];
    let listed = judge(&scenario, &recording, &SnapshotComparison::Matches);
    assert_eq!(listed.verdict, Verdict::Pass);
    assert_eq!(
        listed.findings[0].detail,
        "12 bytes went in, 13 came back: 1 byte too many (04), which the client never sent: `strlen` read past the 12 bytes \
         that had arrived, on to the first zero byte of a buffer that was not cleared (line 10)"
    );
}

#[test]
fn an_echo_that_stops_short_or_differs_is_found() {
    for (reply, words) in [("Hello", "7 bytes missing"), ("Hello Earth!", "differ from byte 6")] {
        let (scenario, recording) = session(reply);
        let judgement = judge(&scenario, &recording, &SnapshotComparison::Matches);
        assert_eq!(bad(&judgement), [("finding: echo-contract", Status::Failed)]);
        assert!(
            judgement.findings[0].detail.contains(words),
            "{}",
            judgement.findings[0].detail
        );
    }
}

#[test]
fn host_mode_leaves_out_what_others_disturb() {
    let mut run = good();
    run.recording.environment.mode = crate::run::Mode::Host;
    run.recording.counters = None;
    run.recording.sockets[0].segs_in = 99;
    let judgement = run.judge();
    assert_eq!(judgement.verdict, Verdict::Pass);
    assert_eq!(check(&judgement, "kernel counters").status, Status::NotChecked);
    assert_eq!(check(&judgement, "socket counters").status, Status::NotChecked);
}

#[test]
fn a_handshake_that_linux_does_not_take_yet_is_no_contradiction() {
    let mut run = good();
    *run.settled(1).1 = Some(State::SynReceived);
    // With room in the accept queue there is no reason to wait, however short it is.
    assert_eq!(bad(&run.judge()), [("states", Status::Failed)]);
    run.scenario.phases[0].steps[0].action.verb = Verb::Listen { backlog: 0 };
    assert_eq!(bad(&run.judge()), [("states", Status::Failed)]);
    run.scenario.phases[0].steps[2].action.verb = Verb::Set(SocketOption::TcpDeferAccept, 1);
    assert_eq!(run.judge().verdict, Verdict::Pass);
    *run.settled(1).0 = Some(State::SynReceived);
    assert_eq!(bad(&run.judge()), [("states", Status::Failed)]);
    *run.settled(1).0 = Some(State::Established);
    *run.settled(3).1 = Some(State::SynReceived);
    assert_eq!(bad(&run.judge()), [("states", Status::Failed)]);
}

#[test]
fn a_closed_state_after_a_second_of_silence_is_a_timer() {
    let mut run = good();
    *run.settled(7).0 = Some(State::Closed);
    assert_eq!(bad(&run.judge()), [("states", Status::Failed)]);
    let end = run.recording.entries.iter_mut().rev().find_map(|entry| match entry {
        Entry::ActionEnded { at, .. } => Some(at),
        _ => None,
    });
    *end.unwrap() += 61_000_000_000;
    assert_eq!(run.judge().verdict, Verdict::Pass);
}

/// All ways to alter one field of one segment that are tried.
fn alterations(segment: &Segment) -> Vec<Segment> {
    let with = |change: &dyn Fn(&mut Segment)| {
        let mut altered = segment.clone();
        change(&mut altered);
        altered
    };
    let distances = [1, 2, 13, 1 << 16, 1 << 31, u32::MAX - 1, u32::MAX];
    let mut all: Vec<Segment> = Flags::NAMES
        .iter()
        .map(|(_, flag)| with(&|altered| altered.flags ^= *flag))
        .collect();
    for distance in distances {
        all.push(with(&|altered| altered.seq += distance));
        if segment.flags.contains(Flags::ACK) {
            all.push(with(&|altered| altered.ack += distance));
        }
    }
    all.extend([1, 2, 1460].map(|more| with(&|altered| altered.len += more)));
    for byte in 0..segment.payload.len() {
        all.extend([1, 0x20, 0xff].map(|bits| with(&|altered| altered.payload[byte] ^= bits)));
    }
    all
}

#[test]
fn no_altered_segment_passes() {
    let mut count = 0;
    for index in 0..11 {
        let original = good().segment(index).clone();
        for altered in alterations(&original) {
            let mut run = good();
            *run.segment(index) = altered.clone();
            assert_ne!(run.judge().verdict, Verdict::Pass, "segment {}: {altered:?}", index + 1);
            count += 1;
        }
    }
    assert!(count > 300, "only {count} alterations were tried");
}

/// With lines that name only flags, the snapshot and the integrity checks must notice.
#[test]
fn no_altered_segment_passes_beside_an_accepted_transcript() {
    let mut vague = good();
    for expect in vague.scenario.phases[0]
        .steps
        .iter_mut()
        .flat_map(|step| &mut step.expect)
    {
        let Expect::Segment(line) = expect else { unreachable!() };
        (line.seq, line.ack, line.len, line.payload) = (None, None, None, None);
    }
    let accepted = Transcript::of(&vague.scenario, &vague.recording);
    assert_eq!(vague.judge().verdict, Verdict::Pass);
    for index in 0..11 {
        for altered in alterations(&good().segment(index).clone()) {
            let mut run = Run {
                scenario: vague.scenario.clone(),
                recording: vague.recording.clone(),
                snapshot: SnapshotComparison::Matches,
            };
            *run.segment(index) = altered.clone();
            if Transcript::of(&run.scenario, &run.recording) != accepted {
                run.snapshot = SnapshotComparison::Differs {
                    diff: String::new(),
                    accepted_kernel: None,
                };
            }
            assert_ne!(run.judge().verdict, Verdict::Pass, "segment {}: {altered:?}", index + 1);
        }
    }
}

#[test]
fn no_segment_can_be_left_out_repeated_or_moved() {
    for index in 0..11 {
        let at = |run: &Run| {
            let entries = run.recording.entries.iter().enumerate();
            let mut segments = entries.filter(|(_, entry)| matches!(entry, Entry::Segment(_)));
            segments.nth(index).unwrap().0
        };
        let mut lost = good();
        let entry = lost.recording.entries.remove(at(&lost));
        assert_ne!(lost.judge().verdict, Verdict::Pass, "segment {} lost", index + 1);
        let mut repeated = good();
        repeated.recording.entries.insert(at(&repeated), entry);
        assert_ne!(repeated.judge().verdict, Verdict::Pass, "segment {} twice", index + 1);
        if index < 10 {
            let mut swapped = good();
            let (one, other) = (swapped.segment(index).clone(), swapped.segment(index + 1).clone());
            *swapped.segment(index) = other;
            *swapped.segment(index + 1) = one;
            assert_ne!(swapped.judge().verdict, Verdict::Pass, "segment {} late", index + 1);
        }
    }
}

#[test]
fn a_recording_that_tells_of_more_lost_segments_than_there_are_does_not_pass() {
    let mut run = good();
    let lost = (0..12).map(|segment| Entry::Fault {
        step: 0,
        at: 0,
        segment,
        fate: Fate::Dropped,
        damage: None,
    });
    run.recording.entries.extend(lost);
    run.counters().in_segs = 0;
    assert_ne!(run.judge().verdict, Verdict::Pass);
}
