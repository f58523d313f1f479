//! What several runs become, and how it is written into a file.

use std::path::Path;

use super::edit::{self, Edit};
use super::merge::{Merged, merge};
use crate::run::ActionResult;
use crate::scenario::{Expect, Scenario, SegmentPattern, Step, parse};

fn scenario(timeline: &str) -> Scenario {
    let text = format!("title = 'x'  # a title\nteaches = 'x'\ntimeline = '''\n{timeline}'''\n");
    parse("x", Path::new("x.toml"), text.as_bytes()).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

fn patterns(lines: &str) -> Vec<SegmentPattern> {
    let scenario = scenario(&format!("client connect self\n{lines}\n"));
    let step = scenario.steps().next().expect("a step").clone();
    let bare = |line: Expect| match line {
        Expect::Segment(pattern) => SegmentPattern { span: 0..0, ..pattern },
        other => panic!("{other}"),
    };
    step.expect.into_iter().map(bare).collect()
}

/// Merges runs, each given as lines separated by `;`, into the text of their lines.
fn merged(runs: &[&str]) -> String {
    let runs: Vec<Vec<SegmentPattern>> = runs.iter().map(|run| patterns(&run.replace("; ", "\n"))).collect();
    let runs: Vec<&[SegmentPattern]> = runs.iter().map(Vec::as_slice).collect();
    let Merged { lines, note } = merge(&runs);
    let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
    format!(
        "{}{}",
        note.map_or(String::new(), |note| format!("# {note}\n")),
        lines.join("\n")
    )
}

#[test]
fn what_is_always_the_same_is_written_as_it_came() {
    assert_eq!(merged(&["C > S ACK ack 1; S > C RST"; 3]), "C > S ACK ack 1\nS > C RST");
    assert_eq!(merged(&["C > S ACK ack 1; C > S ACK ack 1"; 2]), "C > S ACK ack 1 x2");
    assert_eq!(merged(&["", ""]), "");
}

#[test]
fn what_differs_becomes_the_tightest_form_that_covers_all_runs() {
    insta::assert_snapshot!(merged(&["C > S ACK; S > C FIN", "S > C FIN"]), @r"
    # what has a `?` did not come in every run
    C > S ACK ?
    S > C FIN
    ");
    insta::assert_snapshot!(merged(&["C > S SYN; C > S ACK; S > C FIN; S > C RST", "C > S SYN; S > C FIN; C > S ACK; S > C RST"]), @r"
    # the order differs from run to run
    C > S SYN
    any order {
      C > S ACK
      S > C FIN
    }
    S > C RST
    ");
    insta::assert_snapshot!(merged(&["C > S SYN; S > C SYN ACK", "C > S SYN; S > C RST", "C > S SYN"]), @r"
    # one of these came, depending on the run
    C > S SYN
    either {
      S > C SYN ACK ?
    } or {
      S > C RST
    }
    ");
    insta::assert_snapshot!(merged(&["C > S RST seq 1", "C > S RST seq 2", "C > S RST seq 3", "C > S RST seq 4"]), @r"
    # what is left out differs from run to run
    C > S RST
    ");
    insta::assert_snapshot!(merged(&["C > S RST", "S > C RST", "C > S SYN", "S > C SYN"]), @r"
    # too different from run to run to say more
    ...
    ");
}

#[test]
fn many_data_segments_are_a_stream() {
    let run = format!(
        "{}; S > C FIN ACK len 0",
        ["C > S ACK len 1448; S > C ACK len 0"; 12].join("; ")
    );
    assert_eq!(merged(&[&run]), "C > S stream 17376\nS > C FIN ACK len 0");
}

/// The text after the first step has got these lines, and its action has ended so.
fn written(timeline: &str, lines: Option<&str>, result: ActionResult) -> String {
    let scenario = scenario(timeline);
    let steps: Vec<&Step> = scenario.steps().collect();
    let merged = lines.map(|lines| Merged {
        lines: patterns(lines).into_iter().map(Expect::Segment).collect(),
        note: None,
    });
    let mut edits = vec![Edit::new(steps[0], merged, [result].iter())];
    let others = steps[1..]
        .iter()
        .map(|step| Edit::new(step, None, [ActionResult::done()].iter()));
    edits.extend(others);
    let text = edit::apply(&scenario, &edits).expect("it can be read again").0;
    let start = text.find("'''\n").expect("the timeline") + 4;
    assert!(
        text.starts_with("title = 'x'  # a title\nteaches = 'x'\ntimeline = '''\n"),
        "{text}"
    );
    text[start..].trim_end_matches("'''\n").to_owned()
}

#[test]
fn all_but_the_recorded_lines_survives_byte_for_byte() {
    let before = " client   connect self   # why\n\n   # before\n\tC > C   SYN seq 7 # seven?\n # between\n   C > C ACK   # gone\n\n   # end\n";
    let after = " client   connect self   # why\n\n   # before\n  C > C  SYN  seq 0  # seven?\n # between\n  # gone\n  C > C  RST\n\n   # end\n";
    assert_eq!(
        written(before, Some("C > C SYN seq 0\nC > C RST"), ActionResult::done()),
        after
    );
}

#[test]
fn a_line_that_says_less_and_holds_stays_as_it_is() {
    let before = "client connect self\n   C > C     SYN   # the first\n";
    let after = "client connect self\n   C > C     SYN   # the first\n  C > C  ACK  seq 1\n";
    assert_eq!(
        written(before, Some("C > C SYN seq 0\nC > C ACK seq 1"), ActionResult::done()),
        after
    );
}

#[test]
fn comments_of_a_block_that_goes_stay() {
    let before = "client  connect self\n  any order {  # either way\n    C > C  ACK\n    C > C  RST  # why\n  }\n";
    let after = "client  connect self\n  # either way\n  # why\n  C > C  SYN\n";
    assert_eq!(written(before, Some("C > C SYN"), ActionResult::done()), after);
}

#[test]
fn outcomes_are_put_in_and_taken_out() {
    let refused = || ActionResult::Failed {
        call: "connect".to_owned(),
        errno: libc::ECONNREFUSED,
        received: Vec::new(),
        sent: Vec::new(),
    };
    for (before, result, after) in [
        (
            "client  connect  # x\n",
            refused(),
            "client  connect -> ECONNREFUSED  # x\n",
        ),
        ("client connect&\n", refused(), "client connect -> ECONNREFUSED&\n"),
        (
            "client connect -> EPIPE   &\n",
            refused(),
            "client connect -> ECONNREFUSED   &\n",
        ),
        (
            "client connect   ->  EPIPE & # x\n",
            ActionResult::done(),
            "client connect & # x\n",
        ),
    ] {
        assert_eq!(written(before, None, result), after);
    }
}

#[test]
fn the_outcome_and_the_lines_of_a_last_line_go_in_together() {
    let refused = ActionResult::Failed {
        call: "connect".to_owned(),
        errno: libc::ECONNREFUSED,
        received: Vec::new(),
        sent: Vec::new(),
    };
    let after = "client  connect -> ECONNREFUSED\n  C > S  SYN\n";
    let lines = "C > S SYN";
    assert_eq!(written("client  connect\n", Some(lines), refused), after);
}
