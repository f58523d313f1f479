//! One snapshot with all the mistakes that people make, and what they are told.

use std::path::Path;

use super::{file, play};
use crate::scenario::parse;

/// Lines of a timeline that begins with a connection, each with one mistake.
const LINES: &[&str] = &[
    // Words.
    "client conect",
    "clinet connect",
    "wire drop SYN",
    "wire",
    "wire lose C > S SYN",
    "wire drop 2 C > S data",
    "wire drop 2th of C > S data",
    "wire drop 0 of C > S data",
    "wire drop C > S data x2",
    "wire drop C > S data within 1s",
    "wire drop C > S data data",
    "wire drop C > S sny",
    "wire delay C > S data",
    "wire cut C > S SYN",
    "wire release all",
    "wire corrupt C > S data byte",
    "wire hold C > S data &",
    "wire hold C > S data -> EPIPE",
    "wire drop C > S data byte 1",
    "wire drop C > S data unnoticed",
    "wire corrupt C > S data header",
    "wire corrupt C > S data header byte 60",
    "wire corrupt C > S data header byte 2 unnoticed",
    "wire corrupt C > S data header byte 17 unnoticed",
    "wire corrupt C > S data unnoticd",
    "wire mark C > S data byte 1",
    "wire mrak C > S data",
    "peer send SYN",
    "client",
    "C > S syn",
    "C > S SYN|ACK",
    "C > S SYN,ACK",
    "C > S SNY",
    "C > S PSH ACK sqe 1",
    "C > S ACK 13",
    "C > S ack",
    "C > S ACK ACK",
    "C > S none ACK",
    "client > server SYN",
    "C > X SYN",
    "C S SYN",
    "C -> S SYN",
    "C < S SYN",
    "C > C SYN",
    "= close =",
    "== close",
    "== ==",
    "close",
    // Numbers.
    "C > S seq 4294967296",
    "C > S ACK ack one",
    "C > S win 65536",
    "C > S len 70000",
    "C > S PSH len 4 \"Hello\"",
    "C > S SYN ack 1",
    "C > S ACK seq 1 seq 2",
    "C > S ACK dscp 64",
    "C > S ACK dscp 0x40",
    "C > S ACK dscp ef",
    "C > S ACK ttl 256",
    "C > S ACK ecn",
    "C > S ACK ecn CE",
    "C > S ACK ecn ect2",
    "C > S ACK offset 4",
    "C > S ACK x0",
    "C > S ACK x5..2",
    "C > S ACK x2 ?",
    "C > S ACK x3..many",
    "C > S ACK within 250",
    "C > S ACK within 1.5s",
    "C > S ACK within 2sec",
    "C > S ACK after 220ms..200ms",
    "C > S ACK within 1s after 1s",
    "C > S stream",
    "C > S stream 1MiB x2",
    "C > S ACK stream 1MiB",
    "client recv 1MB",
    "client recv 12 bytes",
    "client recv 0",
    "client recv",
    "+1 client recv eof",
    "+ 1s client recv eof",
    "+2h client recv eof",
    // Payloads.
    "client send",
    "client send Hello",
    "client send \"Hello",
    "client send \"Hello # not a comment",
    "client send \"\\q\"",
    "client send \"\\x4\"",
    "client send \"\"",
    "client send \"x\" mor",
    "client send \"x\" more more",
    "client send hex",
    "client send hex 48 6",
    "client send hex 48 65 zz",
    "client send 64KiB of",
    "client send 64KiB of \"\"",
    "client send 17MiB of \"x\"",
    "client send 4KB of \"x\"",
    "client send file payload.bin",
    "client send file \"../secret\"",
    "client send file \"/etc/passwd\"",
    "client send file \"missing.bin\"",
    // Options.
    "C > S SYN <mss 1460",
    "C > S SYN <mss 1460 sack_ok>",
    "C > S SYN <mss 1460, sackok>",
    "C > S SYN <mss 65536>",
    "C > S SYN <ts 1>",
    "C > S ACK <sack 13>",
    "C > S SYN <..., mss>",
    "C > S SYN <mss> <ts>",
    // Actions.
    "client listen",
    "client accept",
    "client close listener",
    "server connect",
    "server listen 5",
    "client shutdown",
    "client set TCP_NODELAY",
    "client set NODELAY 1",
    "client set TTL 7",
    "client set TCP_NODELAY on",
    "client state FIN_WAIT_2",
    "client state established",
    "client echo \"Hello\"",
    "client connect somewhere",
    "client connect to",
    "client connect to somewhere",
    "client connect to 127.0.0.1:80",
    "client bind",
    "client bind :40002",
    "client bind 127.0.0.256",
    "client bind port 70000",
    "server connect self",
    "server connect to somewhere",
    // Segments made by hand.
    "peer",
    "peer sned C > S RST",
    "peer send client > server RST",
    "peer send C > S seq 1",
    "peer send C > S ACK",
    "peer send C > S RTS seq 1",
    "peer send C > S RST x2",
    "peer send C > S RST within 1s",
    "peer send C > S ACK ack 1 len 5",
    "peer send C > S ACK ack 1 2000 of \"x\"",
    "peer send C > S SYN <mss>",
    "peer send C > S SYN <mss 1460, ...>",
    "peer send C > S SYN <ts, ts, ts, ts, nop>",
    "peer send C > S SYN bad",
    "peer send C > S SYN -> EPIPE",
    "peer send C > S SYN &",
    "peer send C > C SYN",
    "peer send C > S RST dscp 64",
    "peer send C > S RST offset 5",
    "peer send C > S RST offset 16",
    "peer send C > S SYN <mss 1460> offset 4",
    "peer send C > S RST offset 4 offset 3",
    "peer send C > S RST offset 4 seq 1",
    "peer send C > S RST ip-options 01010100",
    "peer send C > S RST ip-options hex",
    "peer send C > S RST ip-options hex 010101",
    "peer send C > S RST ip-options hex 0101010",
    "peer icmp",
    "peer icnp host-unreachable about C > S",
    "peer icmp host-unreachble about C > S",
    "peer icmp 3/1 about C > S",
    "peer icmp host-unreachable C > S",
    "peer icmp host-unreachable about C > C",
    "peer icmp host-unreachable about C > S SYN",
    "peer icmp host-unreachable about C > S seq one",
    "peer icmp host-unreachable about C > S seq 1 seq 2",
    "peer icmp host-unreachable about C > S mtu 1000",
    "peer icmp host-unreachable about C > S -> EPIPE",
    "peer icmp host-unreachable about C > S &",
    "peer icmp fragmentation-needed about C > S",
    "peer icmp fragmentation-needed about C > S mtu 20",
    "peer icmp fragmentation-needed about C > S mtu 70000",
    "peer icmp packet-too-big about C > S mtu 1280",
    "peeer send C > S SYN",
    // Outcomes.
    "client send \"x\" ->",
    "client send \"x\" -> ECONREFUSED",
    "client send \"x\" -> epipe",
    "client send \"x\" -> 32",
    "client send \"x\" -> ok",
    "client send \"x\" -> eof",
    "client send \"x\" EPIPE",
    "client recv eof -> eof",
    "client state CLOSED -> EPIPE",
    "client recv 1 & -> EPIPE",
    "client recv 1 -> EPIPE now",
    "client close &",
    "client wait",
    // Blocks.
    "any order {",
    "any oder {\nC > S ACK\nS > C ACK\n}",
    "any order { C > S ACK }",
    "any order {\n}",
    "any order {\nC > S ACK\n}",
    "any order {\nC > S ACK\n...\n}",
    "any order {\nC > S ACK\n} or {\nS > C ACK\n}",
    "either {\nC > S ACK\n}",
    "either {\nC > S ACK\n} else {\nS > C ACK\n}",
    "either {\nC > S ACK\nclient close",
    "}",
    "... x2",
    "{",
    // Tables.
    "table {",
    "table\npeer send C > S\nRST\n}",
    "table { }",
    "tabel {\npeer send C > S\nSYN\n}",
    "table {\n}",
    "table {\npeer send C > S\n}",
    "table {\npeer send C > S | S > C\nRST\nACK ack 1 | RST\n}",
    "table {\n| peer send C > S | S > C\nRST | -\n}",
    "table {\npeer send C > S | | S > C\nRST | RST\n}",
    "table {\nS > C | C > S\nRST | -\n}",
    "table {\npeer send C > S | S > C\n- | RST\n}",
    "table {\npeer send C > S | S > C\nRST |\n}",
    "table {\npeer send C > S | S > C\nRST | -\nRST | RST ACK sqe 1\n}",
    "table {\npeer sned C > S | S > C\nRST | -\nFIN | RST\n}",
    "table {\npear send C > S | S > C\nRST | -\nFIN | RST\n}",
    "table {\npeer send C > S | S > C\nRST \"a | -\n}",
    "table {\npeer send C > S | S > C\nACK | -\n}",
    "table {\npeer send C > S | S > C\n+ | -\n}",
    "table {\npeer send C > S | S > C\nRST | -\n} or {",
    "table {\npeer send C > S | S > C\nRST | -\nclient close",
    "table {\npeer send C > S | S > C\nRST | -\n== close ==\nclient close",
    "table {\npeer send C > S | S > C\nRST | -\nany order {\n}",
    "table {\npeer send C > S | S > C\nRST | -\n}\nS > C ACK",
    "any order {\ntable {\npeer send C > S\nRST\n}",
    "wire drop C > S | S > C",
    "\"Hello\"",
    // Order.
    "client connect",
    "server close listener\nserver accept",
    "client close\nclient send \"x\"",
    "== empty ==",
];

/// Whole files, each with one mistake.
const FILES: &[(&str, &[u8])] = &[
    ("empty", b""),
    ("blank", b"\n  \n"),
    ("not UTF-8", b"title = \"caf\xe9\"\n"),
    ("NUL byte", b"title = \"a\0b\"\n"),
    ("only a title", b"title = \"A test\"\n"),
    ("broken TOML", b"title = \"A test\nteaches = \"Nothing.\"\n"),
    (
        "timeline never closed",
        b"title = \"A\"\nteaches = \"B\"\ntimeline = '''\nserver listen\n",
    ),
    ("key twice", b"title = \"A\"\ntitle = \"B\"\n"),
];

/// Additional keys of an otherwise faultless file.
const KEYS: &[&str] = &[
    "titel = \"A test\"",
    "family = \"ipv6\"",
    "teaches = 7",
    "title = \"  \"",
    "title = \"\"\"\none\ntwo\n\"\"\"",
    "covers = \"T1\"",
    "covers = [\"T1\", 2]",
    "covers = [\"must14\", \"handshake\"]",
    "covers = [\"T1\", \"T1\"]",
    "findings = [\"echo-contact\"]",
    "bench = true",
    "bench.family = \"ip4\"",
    "bench.quickack = \"yes\"",
    "bench.deadline = 5",
    "bench.deadline = \"5\"",
    "bench.deadline = \"0s\"",
    "bench.dedline = \"5s\"",
    "bench.mtu = 20",
    "bench.mtu = \"1500\"",
    "bench.mtu = 576\nbench.family = \"ipv6\"",
    "bench.offloads = 1",
    "bench.congestion = 7.5",
    "bench.congestion = \"reno\"\nbench.sysctl.\"ipv4.tcp_congestion_control\" = \"bbr\"",
    "bench.sysctl = 1",
    "bench.sysctl.\"ipv4.tcp_syn_retrys\" = 1",
    "bench.sysctl.\"net.ipv4.tcp_syn_retries\" = 1",
    "bench.sysctl.\"ipv4/tcp_syn_retries\" = 1",
    "bench.sysctl.\"../../kernel/hostname\" = \"mine\"",
    "bench.sysctl.\"kernel.hostname\" = \"mine\"",
    "bench.sysctl.ipv4.tcp_syn_retries = [1]",
    "bench.sysctl.ipv4.tcp_rmem = \"\"",
    "bench.route = 10",
    "bench.route.initcwd = 10",
    "bench.route.initcwnd = 0",
    "bench.route.rto_min = \"50us\"",
    "bench.route.rto_min = 50",
    "bench.initcwnd = 10",
    "bench.peer = \"clinet\"",
    "bench.peer = 1",
    "bench.isn = 7",
    "bench.peer = \"client\"\nbench.isn = -1",
    "bench.peer = \"client\"\nbench.family = \"ipv6\"",
    "bench.peer = \"client\"\ntimeline = '''\nclient connect\n'''",
    "bench.peer = \"client\"\ntimeline = '''\npeer send C > S SYN seq 9\n'''",
    "bench.peer = \"client\"\ntimeline = '''\npeer send C > S SNY\n'''",
    "bench.family = \"ipv6\"\ntimeline = '''\npeer send C > S SYN ip-options hex 01010100\n'''",
    "bench.peer = \"server\"\ntimeline = '''\npeer icmp host-unreachable about S > C\n'''",
    "bench.family = \"ipv6\"\ntimeline = '''\npeer icmp host-unreachable about S > C\n'''",
    "bench.family = \"ipv6\"\ntimeline = '''\npeer icmp source-quench about S > C\n'''",
    "bench.family = \"ipv6\"\ntimeline = '''\npeer icmp packet-too-big about S > C mtu 1000\n'''",
    "slow = \"very\"",
    "deviates = [\"MUST-13\"]",
    "deviates.\"MUST-131\" = \"it is shorter\"",
    "deviates.\"MUST-13\" = \"\"",
    "timeline = 'client connect'",
    "timeline = \"\"\"\nclient connect\nclient send \"\\x04\"\n\"\"\"",
    "timeline = ''''''",
    "timeline = '''\n# nothing\n'''",
    "timeline = '''\nC > S SYN\n'''",
    "timeline = '''\nclient send \"x\"\n'''",
    "timeline = '''\nserver accept\n'''",
    "[bench]\nquickack = true\ntimeline = '''\nclient connect\n'''",
];

const PRELUDE: &str = "server listen\nclient connect\nserver accept\n";

#[test]
fn every_mistake_is_explained() {
    let mut text = String::new();
    let mut add = |label: &str, source: &[u8]| {
        let diagnostics = parse("test", Path::new("test.toml"), source).expect_err(label);
        let label = label.replace('\n', " / ");
        text += &format!("# {label}\n{diagnostics}\n\n");
    };
    for (label, source) in FILES {
        add(label, source);
    }
    add("more than 1 MiB", " ".repeat((1 << 20) + 1).as_bytes());
    for keys in KEYS {
        let given = |key: &str| keys.lines().any(|line| line.starts_with(key));
        let mut source = String::new();
        for (key, line) in [
            ("title", "title = \"A test\"\n"),
            ("teaches", "teaches = \"Nothing.\"\n"),
            ("timeline", "timeline = '''\nclient connect\n'''\n"),
        ] {
            if !given(key) {
                source += line;
            }
        }
        add(keys, format!("{source}{keys}\n").as_bytes());
    }
    for line in LINES {
        add(line, file(&format!("{PRELUDE}{line}")).as_bytes());
    }
    insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("diagnostics", text);
    });
}

#[test]
fn every_line_of_the_catalogue_holds_one_mistake() {
    for line in LINES {
        let diagnostics = play(&format!("{PRELUDE}{line}")).expect_err(line);
        assert_eq!(diagnostics.len(), 1, "{line}\n{diagnostics}");
    }
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once() {
    let source = "titel = \"A test\"\nteaches = 7\nbench.family = \"ipv5\"\ntitle = \"A\"\ntimeline = '''
server listen
client conect
  C > S SIN
server accept -> EFUN
  S > C ACK within 5
  any order {
'''\n";
    let diagnostics = parse("test", Path::new("test.toml"), source.as_bytes()).expect_err("eight mistakes");
    let lines: Vec<usize> = diagnostics
        .iter()
        .map(|diagnostic| source[..diagnostic.span.start].matches('\n').count() + 1)
        .collect();
    assert_eq!(lines, [1, 2, 3, 7, 8, 9, 10, 11], "{diagnostics}");
    assert!(
        diagnostics.to_string().ends_with("8 errors in test.toml"),
        "{diagnostics}"
    );
}

#[test]
fn several_mistakes_of_one_line_are_told_at_once() {
    let diagnostics = play("client conect -> EFUN\n  C > S SIN seq one ack 2 x0").expect_err("five mistakes");
    assert_eq!(diagnostics.len(), 5, "{diagnostics}");
}

#[test]
fn broken_toml_does_not_hide_the_mistakes_of_the_timeline() {
    let source = "title = A test\nteaches = \"Nothing.\"\ntimeline = '''\nclient conect\n'''\n";
    let diagnostics = parse("test", Path::new("test.toml"), source.as_bytes()).expect_err("two mistakes");
    assert!(
        diagnostics.to_string().contains("did you mean `connect`?"),
        "{diagnostics}"
    );
}

#[test]
fn of_very_many_mistakes_the_first_are_shown() {
    let diagnostics = play(&"C > S SIN\n".repeat(2000)).expect_err("2000 mistakes");
    assert!(diagnostics.len() >= 2000);
    let text = diagnostics.to_string();
    assert_eq!(text.matches("error:").count(), 50);
    assert!(text.ends_with("the first 50 are shown"));
}
