//! No input panics, and what a diagnostic points at is there.

use std::path::Path;

use proptest::prelude::*;

use super::{file, play};
use crate::scenario::{Diagnostics, Entry, Library, Scenario, parse};

fn parse_bytes(source: &[u8]) -> Result<Scenario, Diagnostics> {
    let result = parse("test", Path::new("test.toml"), source);
    if let Err(diagnostics) = &result {
        assert!(diagnostics.len() > 0);
        for diagnostic in diagnostics.iter() {
            assert!(
                diagnostics.source().get(diagnostic.span.clone()).is_some(),
                "{diagnostic:?}"
            );
            assert!(!diagnostic.message.is_empty());
        }
        diagnostics.render(false);
        diagnostics.render(true);
    }
    result
}

/// The repository's scenarios.
fn valid_files() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = Library::new(folder).entries().expect("the scenario folder");
    let read = |entry: Entry| std::fs::read(entry.path).expect("a scenario");
    entries.into_iter().map(read).collect()
}

/// One change to a text: bytes of it are replaced by others.
fn mutation() -> impl Strategy<Value = (prop::sample::Index, usize, String)> {
    let piece = prop_oneof![
        "[ -~\n]{0,4}",
        r#"\PC{0,3}"#,
        prop::sample::select(vec![
            "'''",
            "\"\"\"",
            "\"",
            "\\",
            "->",
            "{",
            "}",
            "} or {",
            "either {",
            "any order {",
            "table {\n",
            "|",
            " | ",
            "...",
            "==",
            "<",
            ">",
            "x9",
            "&",
            "+1s ",
            "hex ",
            " of ",
            "99999999999999999999",
            "\r\n",
            "\r",
            "#",
            "é",
            "~",
            "..",
        ])
        .prop_map(str::to_owned),
    ];
    (any::<prop::sample::Index>(), 0..6usize, piece)
}

/// Lines made of the language's own words in any order.
fn word_salad() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "client",
        "server",
        "C",
        "S",
        ">",
        "<",
        "->",
        "&",
        "?",
        "{",
        "}",
        "or",
        "either",
        "any",
        "order",
        "table",
        "table {\n peer send C > S | S > C\n",
        "|",
        "|",
        "-",
        "+",
        "peer",
        "...",
        "==",
        "send",
        "recv",
        "read",
        "echo",
        "strlen",
        "stale",
        "listen",
        "connect",
        "self",
        "close",
        "listener",
        "wait",
        "state",
        "set",
        "SYN",
        "ACK",
        "none",
        "seq",
        "ack",
        "len",
        "win",
        "urg",
        "within",
        "after",
        "stream",
        "hex",
        "of",
        "file",
        "12",
        "1MiB",
        "16MiB",
        "x3",
        "x2..5",
        "200ms..220ms",
        "~1s",
        "+1s",
        "\"text\"",
        "\"é\\x04\"",
        "mss",
        "sack",
        "1:13",
        "kind",
        ",",
        "eof",
        "EPIPE",
        "TCP_NODELAY",
        "ESTABLISHED",
        "\n",
        "\n",
        "\n",
        "#",
        "\"",
        "\\",
    ]);
    prop::collection::vec(word, 0..60).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_parsed_or_refused(source in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse_bytes(&source);
    }

    #[test]
    fn any_text_is_parsed_or_refused(source in r"(\PC|\n|=|'''){0,200}") {
        let _ = parse_bytes(source.as_bytes());
        let _ = parse_bytes(file(&source).as_bytes());
    }

    #[test]
    fn words_in_any_order_are_parsed_or_refused(timeline in word_salad()) {
        let _ = parse_bytes(file(&timeline).as_bytes());
    }

    #[test]
    fn damaged_files_are_parsed_or_refused(
        file in prop::sample::select(valid_files()),
        mutations in prop::collection::vec(mutation(), 1..6),
    ) {
        let mut source = file;
        for (at, length, piece) in mutations {
            let start = at.index(source.len() + 1);
            let end = (start + length).min(source.len());
            source.splice(start..end, piece.into_bytes());
        }
        let _ = parse_bytes(&source);
    }
}

#[test]
fn every_prefix_of_a_valid_file_is_parsed_or_refused() {
    for file in valid_files() {
        for length in (0..file.len()).step_by(31) {
            let _ = parse_bytes(&file[..length]);
        }
    }
}

#[test]
fn deep_nesting_is_refused() {
    let source = file(&format!("client connect\n{}", "either {\n".repeat(50_000)));
    let diagnostics = parse_bytes(source.as_bytes()).expect_err("too deep");
    assert!(
        diagnostics
            .to_string()
            .contains("expected at most 8 blocks inside each other")
    );
}

#[test]
fn a_file_cannot_demand_unbounded_memory() {
    let diagnostics =
        play(&format!("client connect\n{}", "client send 16MiB of \"x\"\n".repeat(5))).expect_err("80 MiB");
    assert_eq!(diagnostics.len(), 1);
    assert!(
        diagnostics
            .to_string()
            .contains("expected at most 64MiB of payload in one scenario"),
        "{diagnostics}"
    );
}

#[test]
fn a_table_cannot_grow_beyond_its_file() {
    let heads = format!("table {{\npeer send C > S{} | S > C\n", " ".repeat(100));
    for (timeline, message) in [
        (
            format!("{heads}{}}}", "SYN | RST\n".repeat(6000)),
            "expected tables that stand for at most 10000 lines",
        ),
        (
            format!("table {{\npeer send C > S {}\nSYN\n}}", "ACK ".repeat(100)),
            "expected a head of at most 200 bytes",
        ),
        (
            format!("table {{\n{}\n{}", "| ".repeat(50_000), "| ".repeat(50_000)),
            "expected a head for every column",
        ),
        (
            format!("{heads}{}", "SNY | RTS\n".repeat(40_000)),
            "expected tables that stand for at most 10000 lines",
        ),
        (
            format!(
                "table {{\npeer send C > S PSH \"{}\" | S > C\n{}}}",
                "\\x00".repeat(40),
                "+ | -\n".repeat(4000)
            ),
            "",
        ),
    ] {
        match play(&timeline) {
            Ok(_) => assert_eq!(message, ""),
            Err(diagnostics) => assert!(
                diagnostics.iter().any(|diagnostic| diagnostic.message == message),
                "{message}\n{diagnostics}"
            ),
        }
    }
}

#[test]
fn one_huge_line_is_refused_in_few_words() {
    for line in [
        "x".repeat(100_000),
        "< ".repeat(50_000),
        "\\".repeat(100_000),
        "a = ".repeat(30_000),
    ] {
        let diagnostics = parse_bytes(file(&format!("client connect\nC > S {line}")).as_bytes()).expect_err("nonsense");
        assert!(diagnostics.len() <= 10);
        assert!(
            diagnostics
                .iter()
                .all(|diagnostic| diagnostic.message.len() + diagnostic.label.len() < 300)
        );
        parse_bytes(line.as_bytes()).expect_err("nonsense");
    }
}
