//! The canonical layout: it changes no meaning, and laid out again nothing changes.

use proptest::prelude::*;

use super::{file, play};
use crate::scenario::{Scenario, lay_out, parse, same_meaning};

fn scenario(text: &str) -> Scenario {
    let path = std::path::Path::new("test.toml");
    parse("test", path, text.as_bytes()).unwrap_or_else(|diagnostics| panic!("{text}\n{diagnostics}"))
}

/// Words of lines, between which any blanks may stand.
const LINES: [&str; 22] = [
    "server listen backlog 3 -> EPIPE",
    "+1s client connect -> EPIPE &",
    "client send 64KiB of \"x\" -> EPIPE",
    "server recv hex 00 ff AE -> EPIPE",
    "client state CLOSED",
    "C > S SYN seq 0 <mss 1460 , sack_ok , ts , nop , wscale 7>",
    "S > C ACK SYN seq 0 ack 1 len 0 after ~200ms",
    "C > S \"a # b  c\" ACK PSH len 8 ack 77777",
    "S > C x2..5 none",
    "S > C ? win 0 urg 4",
    "C > S FIN hex 48 65 6c",
    "C > S ACK <nop, nop, sack 1:5 7:9, ...> within 1s",
    "C > S stream 1MiB",
    "...",
    "== a phase ==\nclient wait",
    "any order {\nC > S ACK\nS > C FIN\n}",
    "either {\nC > S RST\n} or {\nany order {\nC > S ACK\nS > C ACK\n}\n}",
    "table {\npeer send C > S | S > C PSH\nRST seq 5 | -\nack 5 FIN ACK seq 1 | ACK seq 0 \"a | b\" len 5\n}\nclient state CLOSED",
    "table {\n+1s client set | C > S | S > C PSH hex 48\nTCP_NODELAY 1 | stream 12 | seq 1 AE\nSO_KEEPALIVE 1 | x2 SYN | 65\n}\nclient state CLOSED",
    "table {\nclient bind port | ...\n40002 -> EPIPE | +\n40003 | -\n}\nclient state CLOSED",
    "peer icmp fragmentation-needed about C > S seq 1 mtu 1000",
    "# a comment alone",
];

fn timeline() -> impl Strategy<Value = String> {
    let blanks = || prop::sample::select(vec!["", " ", "    ", "\t"]);
    let comment = prop::sample::select(vec!["", "# why", "  # \"why\" { ", "#"]);
    let line = (
        prop::sample::select(LINES.to_vec()),
        blanks(),
        blanks(),
        comment,
        0..3usize,
    )
        .prop_map(|(line, indent, gap, comment, empty)| {
            let rows = line.lines().map(|row| {
                let gap = if row.contains('"') || gap.is_empty() { " " } else { gap };
                format!("{indent}{} {comment}\n", row.replace(' ', gap))
            });
            rows.collect::<String>() + &"\n".repeat(empty)
        });
    prop::collection::vec(line, 0..12).prop_map(|lines| format!("client connect self -> EPIPE\n{}", lines.concat()))
}

#[test]
fn every_table_to_be_laid_out_is_valid() {
    for line in LINES.iter().filter(|line| line.starts_with("table")) {
        play(&format!("client connect self -> EPIPE\n{line}")).unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn layout_changes_no_meaning_and_is_stable(timeline in timeline(), crlf: bool) {
        let text = file(&timeline);
        let text = if crlf { text.replace('\n', "\r\n") } else { text };
        let path = std::path::Path::new("test.toml");
        let before = parse("test", path, text.as_bytes());
        prop_assume!(before.is_ok());
        let before = scenario(&text);
        let laid_out = lay_out(&before);
        let after = scenario(&laid_out);
        prop_assert!(same_meaning(&before, &after), "{}\n{}", text, laid_out);
        prop_assert_eq!(lay_out(&after), laid_out.clone());
        let comments = |text: &str| text.matches("why").count();
        prop_assert_eq!(comments(&laid_out), comments(&text));
    }
}

#[test]
fn another_meaning_is_another_meaning() {
    let one = play("client connect self\n  C > C SYN").expect("a scenario");
    let other = play("client connect self\n  C > C SYN ACK").expect("a scenario");
    assert!(!same_meaning(&one, &other));
}

#[test]
fn a_table_is_laid_out_in_columns() {
    let timeline = "  table{ # cases\npeer  send C>S|S > C # heads\n\nSYN|seq 0 ACK RST ack 1\n# twice\nACK seq 50 ack 1|RST seq 700\n\
                    SYN \"a|b\"|-\nRST|+ #all\n  }";
    insta::assert_snapshot!(lay_out(&play(timeline).expect("a scenario")), @r#"
    title = "A test"
    teaches = "Nothing."
    timeline = '''
    table {  # cases
      peer send C > S            |  S > C  # heads

      SYN                        |  RST ACK  seq 0    ack 1
      # twice
      ACK  seq 50  ack 1         |  RST      seq 700
      SYN                 "a|b"  |  -
      RST                        |  +  #all
    }
    '''
    "#);
}

#[test]
fn a_timeline_is_laid_out_in_columns() {
    let timeline = "\n\n  server listen # it waits\nclient   connect\nC > S SYN seq 0\n  S > C ACK  SYN   ack 1 seq 0 <mss 1460,ts>  x2\n\n\n  \
                    # all said\n==  end ==\n+1s client close->EPIPE\n either {\nC > S FIN ACK\n} or {\n...\n}\n";
    insta::assert_snapshot!(lay_out(&play(timeline).expect("a scenario")), @r#"
    title = "A test"
    teaches = "Nothing."
    timeline = '''
    server  listen  # it waits
    client  connect
      C > S  SYN      seq 0
      S > C  SYN ACK  seq 0  ack 1  <mss 1460, ts>  x2

    # all said
    == end ==
    +1s client  close -> EPIPE
      either {
        C > S  FIN ACK
      } or {
        ...
      }
    '''
    "#);
}
