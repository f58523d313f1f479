//! What the language means, and that its documentation is right.

use std::path::Path;
use std::time::Duration;

use super::{expectations, file, play, step};
use crate::scenario::{
    Count, Expect, Family, Finding, Outcome, Scenario, SegmentPattern, Settings, SocketOption, Verb, Want, parse,
    same_meaning,
};
use crate::tcp::{Flags, State};

const DOCUMENT: &str = include_str!("../../../docs/scenario-language.md");

/// The contents of the document's fences of this kind.
fn examples(kind: &str) -> Vec<&'static str> {
    let fence = format!("```{kind}\n");
    DOCUMENT
        .split(fence.as_str())
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default())
        .collect()
}

#[test]
fn every_example_of_the_document_parses() {
    let files = examples("toml");
    let fragments = examples("timeline");
    assert!(files.len() >= 2 && fragments.len() >= 4);
    assert_eq!(
        DOCUMENT.matches("```").count(),
        2 * (files.len() + fragments.len()),
        "a fence of another kind"
    );
    for example in files {
        parse("example", Path::new("example.toml"), example.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    }
    for example in fragments {
        let prelude = if example.contains("listen") || example.contains("server  connect") {
            ""
        } else {
            "server listen\nclient connect\nserver accept\n"
        };
        play(&format!("{prelude}{example}")).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn the_document_names_all_words() {
    let verbs = [
        "listen", "connect", "accept", "send", "write", "recv", "read", "echo", "shutdown", "close", "abort", "set",
        "get", "state", "wait",
    ];
    let words = verbs
        .into_iter()
        .chain(Flags::NAMES.map(|(name, _)| name))
        .chain(SocketOption::NAMES.map(|(name, _)| name))
        .chain(Finding::ALL.map(Finding::name));
    for word in words {
        assert!(DOCUMENT.contains(word), "{word} is not documented");
    }
}

#[test]
fn what_a_file_does_not_say_has_a_default() {
    let scenario = play("client connect").expect("a scenario");
    assert_eq!(scenario.settings, Settings::default());
    assert_eq!(scenario.phases.len(), 1);
    assert_eq!(scenario.phases[0].title, "");
    let action = step("server listen").action;
    assert_eq!(
        (action.delay, action.outcome, action.background),
        (None, Outcome::Success, false)
    );
    assert_eq!(action.verb, Verb::Listen { backlog: 5 });
}

#[test]
fn settings_stand_in_dotted_keys_or_in_a_table_below() {
    let table = "[bench]\nfamily = \"ipv6\"\nquickack = false\ndeadline = \"250ms\"\n";
    let source = file("client connect") + table;
    let scenario = parse("test", Path::new("test.toml"), source.as_bytes()).expect("a scenario");
    let settings = Settings {
        family: Family::Ipv6,
        quickack: false,
        deadline: Duration::from_millis(250),
        ..Settings::default()
    };
    assert_eq!(scenario.settings, settings);
}

#[test]
fn settings_of_the_namespace_are_written_with_dots_or_tables() {
    let dotted = "bench.mtu = 576\nbench.congestion = \"bbr\"\nbench.sysctl.\"ipv4.tcp_syn_retries\" = 1\n\
                  bench.sysctl.ipv4.tcp_sack = false\nbench.route.initcwnd = 3\nbench.route.rto_min = \"50ms\"\n";
    let table = "[bench]\nmtu = 576\ncongestion = \"bbr\"\nroute = { initcwnd = 3, rto_min = \"50ms\" }\n\
                 [bench.sysctl]\n\"ipv4.tcp_syn_retries\" = \"1\"\nipv4.tcp_sack = 0\n";
    let settings = |more: &str| {
        let source = file("client connect") + more;
        let scenario = parse("test", Path::new("test.toml"), source.as_bytes()).expect("a scenario");
        scenario.settings
    };
    assert_eq!(settings(dotted), settings(table));
    let settings = settings(dotted);
    let values: Vec<(&str, &str)> = settings
        .sysctls
        .iter()
        .map(|sysctl| (sysctl.name.as_str(), sysctl.value.as_str()))
        .collect();
    let expected = [
        ("ipv4.tcp_congestion_control", "bbr"),
        ("ipv4.tcp_sack", "0"),
        ("ipv4.tcp_syn_retries", "1"),
    ];
    assert_eq!(values, expected);
    assert_eq!(settings.mtu, 576);
    assert_eq!(settings.route.initcwnd, Some(3));
    assert_eq!(settings.route.rto_min, Some(Duration::from_millis(50)));
    assert!(settings.need_a_bench());
}

#[test]
fn steps_are_numbered_through_all_phases() {
    let scenario = play("server listen\n== a ==\nclient connect\n C > S SYN\n== b # 2 == # the last\nserver accept")
        .expect("a play");
    let titles: Vec<&str> = scenario.phases.iter().map(|phase| phase.title.as_str()).collect();
    assert_eq!(titles, ["", "a", "b # 2"]);
    let verbs: Vec<&str> = scenario.steps().map(|step| step.action.verb.name()).collect();
    assert_eq!(verbs, ["listen", "connect", "accept"]);
    assert_eq!(scenario.steps().nth(1).expect("a step").expect.len(), 1);
}

#[test]
fn spans_are_lines_without_indentation_comment_and_line_end() {
    let timeline = "\t+1s client connect -> ECONNREFUSED & # so\r\n  C > S  SYN   # the first  \r\n";
    let scenario = play(timeline).expect("a scenario");
    let step = scenario.steps().next().expect("a step");
    assert_eq!(scenario.text(&step.action.span), "+1s client connect -> ECONNREFUSED &");
    assert_eq!(
        scenario.text(step.action.outcome_span.as_ref().expect("an outcome")),
        "ECONNREFUSED"
    );
    assert_eq!(scenario.text(step.expect[0].span()), "C > S  SYN");
    assert_eq!(scenario.line(step.expect[0].span()), 5);
}

#[test]
fn spans_are_right_behind_a_byte_order_mark_or_wide_characters() {
    let source = file("client connect\n  C > S  SYN").replace("A test", "Ein Täst für 网络");
    let scenario = parse("test", Path::new("test.toml"), source.as_bytes()).expect("a scenario");
    let step = scenario.steps().next().expect("a step");
    assert_eq!(scenario.text(step.expect[0].span()), "C > S  SYN");
    let marked = format!("\u{feff}{}", file("client connect\n  C > S  SYN"));
    let scenario = parse("test", Path::new("test.toml"), marked.as_bytes()).expect("a scenario");
    let step = scenario.steps().next().expect("a step");
    assert_eq!(scenario.text(step.expect[0].span()), "C > S  SYN");
}

#[test]
fn a_windows_file_means_the_same() {
    let unix = file("== a ==\nclient connect\n  C > S SYN \"x\"\n");
    let windows = unix.replace('\n', "\r\n");
    let plain = |source: &str| {
        let scenario = parse("test", Path::new("test.toml"), source.as_bytes()).expect("a scenario");
        let lines: Vec<String> = scenario
            .steps()
            .map(|step| format!("{} {}", step.action, step.expect[0]))
            .collect();
        (scenario.phases[0].title.clone(), lines)
    };
    assert_eq!(plain(&unix), plain(&windows));
}

#[test]
fn a_hash_in_a_text_is_no_comment() {
    let Verb::Send(payload) = step("client send \"a # b\" -> EPIPE # c").action.verb else {
        panic!("another verb");
    };
    assert_eq!(&*payload.bytes, b"a # b");
}

#[test]
fn escapes_stand_for_single_bytes() {
    let Verb::Send(payload) = step(r#"client send "\n\r\t\0\\\"\x7f\xFFé" -> EPIPE"#).action.verb else {
        panic!("another verb");
    };
    assert_eq!(&*payload.bytes, b"\n\r\t\0\\\"\x7f\xff\xc3\xa9");
}

#[test]
fn a_pattern_is_cut_at_the_size() {
    let Verb::Recv(Want::Payload(payload)) = step("client recv 5 of \"ab\" -> EPIPE").action.verb else {
        panic!("another verb");
    };
    assert_eq!(&*payload.bytes, b"ababa");
}

#[test]
fn words_need_no_blanks_around_symbols() {
    let step = step("client connect self->EPIPE&\nC>C SYN<mss 1460,ts>x2");
    assert_eq!(step.action.outcome, Outcome::Errno(libc::EPIPE));
    assert!(step.action.background);
    assert_eq!(step.expect[0].to_string(), "C > C SYN <mss 1460, ts> x2");
}

#[test]
fn an_empty_set_of_flags_is_not_an_unchecked_one() {
    let flags = |line: &str| match &expectations(line)[0] {
        Expect::Segment(SegmentPattern { flags, count, .. }) => (*flags, *count),
        other => panic!("{other}"),
    };
    assert_eq!(flags("C > C none"), (Some(Flags::empty()), Count::ONE));
    assert_eq!(flags("C > C ?"), (None, Count { min: 0, max: 1 }));
}

#[test]
fn all_error_names_of_the_system_are_outcomes() {
    for (name, number) in [
        ("ECONNREFUSED", libc::ECONNREFUSED),
        ("EHOSTUNREACH", libc::EHOSTUNREACH),
        ("EWOULDBLOCK", libc::EAGAIN),
        ("ENOTSUP", libc::EOPNOTSUPP),
        ("EHWPOISON", libc::EHWPOISON),
    ] {
        assert_eq!(
            step(&format!("client connect -> {name}")).action.outcome,
            Outcome::Errno(number)
        );
    }
}

#[test]
fn all_states_of_the_rfc_can_be_asked_for() {
    for state in State::ALL {
        assert_eq!(step(&format!("client state {state}")).action.verb, Verb::State(state));
    }
}

#[test]
fn an_action_that_must_fail_may_stand_anywhere() {
    play("client send \"x\" -> EPIPE\nserver accept -> EINVAL\nclient connect\nclient connect -> EISCONN")
        .expect("a play");
}

#[test]
fn the_server_may_connect_too() {
    play("client connect &\nserver connect to 127.0.0.1 port 40001 &\nclient wait\nserver wait\nserver send \"x\"\nserver close\nserver connect")
        .expect("a simultaneous open, and another one");
    let diagnostics = play("server connect &\nserver listen\nserver wait\nserver connect").expect_err("it has one");
    assert!(
        diagnostics.to_string().contains("expected the server to connect once"),
        "{diagnostics}"
    );
}

#[test]
fn a_connection_may_follow_another() {
    play("server listen\nclient connect\nserver accept\nclient close\nserver close\nclient connect\nserver accept\nserver close\nserver close")
        .expect("a play");
}

/// Two tables and the lines that they stand for.
const TABLES: [(&str, &str); 2] = [
    (
        "table {
          peer send C > S      |  S > C         # the heads
          SYN                  |  RST ACK  seq 0  ack 1

          # alone
          ACK ack 7 \"a | # b\" |  RST seq 7
          RST                  |  -             # in silence
          FIN                  |  +
        }",
        "peer send C > S SYN
           S > C RST ACK seq 0 ack 1
         peer send C > S ACK ack 7 \"a | # b\"
           S > C RST seq 7
         peer send C > S RST
         peer send C > S FIN
           S > C",
    ),
    (
        "server listen
         table {
           +1s client connect | C > S SYN | server | client
           -> ECONNREFUSED    | seq 0     | state LISTEN | -
           &                  | x2        | state LISTEN | wait
         }",
        "server listen
         +1s client connect -> ECONNREFUSED
           C > S SYN seq 0
         server state LISTEN
         +1s client connect &
           C > S SYN x2
         server state LISTEN
         client wait",
    ),
];

#[test]
fn a_row_of_a_table_stands_for_the_lines_that_it_makes_with_the_heads() {
    for (table, lines) in TABLES {
        let (table, lines) = (play(table), play(lines));
        let (table, lines) = (
            table.unwrap_or_else(|e| panic!("{e}")),
            lines.unwrap_or_else(|e| panic!("{e}")),
        );
        assert!(same_meaning(&table, &lines));
        let texts = |scenario: &Scenario| -> Vec<String> {
            let spans = scenario.steps().flat_map(|step| {
                let segments = step.expect.iter().map(|expect| expect.span().clone());
                std::iter::once(step.action.span.clone()).chain(segments)
            });
            let text = |span| scenario.text(&span).split_whitespace().collect::<Vec<_>>().join(" ");
            spans.map(text).collect()
        };
        assert_eq!(texts(&table), texts(&lines));
    }
}

#[test]
fn the_place_of_a_line_of_a_table_is_its_cell() {
    let scenario = play(TABLES[0].0).expect("a scenario");
    let places: Vec<(usize, &str)> = scenario
        .steps()
        .flat_map(|step| std::iter::once(&step.action.span).chain(step.expect.iter().map(Expect::span)))
        .map(|span| (scenario.line(span), &scenario.source[span.clone()]))
        .collect();
    assert_eq!(
        places,
        [
            (6, "SYN"),
            (6, "RST ACK  seq 0  ack 1"),
            (9, "ACK ack 7 \"a | # b\""),
            (9, "RST seq 7"),
            (10, "RST"),
            (11, "FIN"),
            (11, "+"),
        ]
    );
}
