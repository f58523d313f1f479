use proptest::prelude::*;

use super::*;

const OLD: &str = "
server listen
client connect
  C > S  SYN          seq 0     ack -     len 0      SYN-SENT
  S > C  SYN ACK      seq 0     ack 1     len 0      ESTABLISHED
  C > S  ACK          seq 1     ack 1     len 0

== data ==
client send \"Hello\"
  C > S  PSH ACK      seq 1     ack 1     len 5      \"Hello\"
  S > C  ACK          seq 1     ack 6     len 0
server echo
  S > C  PSH ACK      seq 1     ack 6     len 5      \"Hello\"
  C > S  ACK          seq 6     ack 6     len 0
";

fn plain(new: &str) -> String {
    diff(OLD, new).render(&View {
        context: 1,
        ..View::default()
    })
}

#[test]
fn changed_fields_are_pointed_at() {
    let new = OLD.replace(
        "seq 1     ack 6     len 5      \"Hello\"",
        "seq 1     ack 6     len 6      \"Hello\\x04\"",
    );
    insta::assert_snapshot!(plain(&new), @r#"
    - accepted
    + new

      … 11 lines unchanged … == data ==
                 server echo
    -    6         S > C  PSH ACK      seq 1     ack 6     len 5      "Hello"
                                                               ^      ^^^^^^^
    +         6    S > C  PSH ACK      seq 1     ack 6     len 6      "Hello\x04"
                                                               ^      ^^^^^^^^^^^
         7    7    C > S  ACK          seq 6     ack 6     len 0
    "#);
    assert_eq!(diff(OLD, &new).summary(), "1 line changed");
}

#[test]
fn one_more_segment_is_one_line_of_difference() {
    let new = OLD.replace(
        "server echo\n",
        "  S > C  ACK          seq 1     ack 6     len 0\nserver echo\n",
    );
    assert_eq!(diff(OLD, &new).summary(), "1 line added");
    insta::assert_snapshot!(plain(&new), @"
    - accepted
    + new

      … 10 lines unchanged … == data ==
         5    5    S > C  ACK          seq 1     ack 6     len 0
    +         6    S > C  ACK          seq 1     ack 6     len 0
                 server echo
      … 2 lines unchanged …
    ");
}

#[test]
fn segments_are_compared_with_their_like() {
    // The segment with the changed ACK is paired although another one stands before it.
    let new = OLD.replace(
        "  C > S  ACK          seq 6     ack 6     len 0\n",
        "  S > C  ACK          seq 9     ack 9     len 0\n  C > S  ACK          seq 6     ack 7     len 0\n",
    );
    assert_eq!(diff(OLD, &new).summary(), "1 line changed, 1 added");
    let other_direction = OLD.replace("  C > S  SYN  ", "  S > C  SYN  ");
    assert_eq!(diff(OLD, &other_direction).summary(), "1 line added, 1 removed");
    let other_flags = OLD.replace("  C > S  SYN    ", "  C > S  SYN ECE");
    assert_eq!(diff(OLD, &other_flags).summary(), "1 line changed");
}

#[test]
fn another_result_is_a_change_of_the_action() {
    let new = OLD.replace("client connect", "client connect -> ECONNREFUSED");
    let text = plain(&new);
    assert!(
        text.contains("+            client connect -> ECONNREFUSED\n                            ^^ ^^^^^^^^^^^^"),
        "{text}"
    );
}

#[test]
fn a_single_unchanged_line_is_shown_rather_than_folded() {
    let view = View {
        context: 0,
        ..View::default()
    };
    let folds = |middle: &str| {
        diff(&format!("a{middle}\nz"), &format!("b{middle}\ny"))
            .render(&view)
            .contains('…')
    };
    assert!(!folds("\n1"));
    assert!(folds("\n1\n2"));
}

#[test]
fn colours_are_there_only_when_asked_for() {
    let new = OLD.replace("ack 6     len 5", "ack 6     len 6");
    assert!(!plain(&new).contains('\u{1b}'));
    let coloured = diff(OLD, &new).render(&View {
        colour: true,
        ..View::default()
    });
    assert!(coloured.contains("\u{1b}[31m"), "red");
    assert!(coloured.contains("\u{1b}[32m"), "green");
    assert!(
        coloured.contains("\u{1b}[32m\u{1b}[1m\u{1b}[4m6\u{1b}[0m"),
        "the changed field stands out:\n{coloured:?}"
    );
    assert!(!coloured.contains('^'));
    assert_eq!(
        console::strip_ansi_codes(&coloured)
            .lines()
            .filter(|line| line.starts_with(['-', '+']))
            .count(),
        4
    );
}

#[test]
fn another_kernel_is_mentioned() {
    let view = |old, new| View {
        accepted_kernel: old,
        kernel: new,
        ..View::default()
    };
    let differ = diff("a", "b").render(&view(Some("6.12"), Some("6.18")));
    assert!(
        differ.starts_with("- accepted, Linux 6.12\n+ new, Linux 6.18\nThe two kernels differ"),
        "{differ}"
    );
    for (old, new) in [(Some("6.18"), Some("6.18")), (None, Some("6.18")), (None, None)] {
        assert!(!diff("a", "b").render(&view(old, new)).contains("differ"));
    }
}

#[test]
fn a_new_snapshot_is_all_added() {
    assert_eq!(diff("", "a\nb\n").summary(), "2 lines added");
    assert_eq!(diff("a\nb\nc", "").summary(), "3 lines removed");
    assert_eq!(diff("", "").render(&View::default()), "no difference\n");
}

#[test]
fn escape_sequences_of_a_hostile_file_are_shown_and_not_sent() {
    let text = diff("client connect \u{1b}[2J", "client connect \u{1b}]0;x\u{7}").render(&View::default());
    assert!(!text.contains('\u{1b}') && !text.contains('\u{7}'), "{text:?}");
    assert!(text.contains(r"\u{1b}]0;x\u{7}"), "{text:?}");
}

#[test]
fn a_change_of_blanks_only_is_a_difference() {
    assert_eq!(diff("a b", "a  b").summary(), "1 line changed");
    assert!(diff("a  \r\nb\n", "a  \nb").is_empty());
}

/// A few similar lines, so that alignment and pairing have something to do.
fn transcript() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "",
        "== data ==",
        "client send \"a\"",
        "client send \"b\" -> EPIPE",
        "  C > S  ACK          seq 1",
        "  C > S  ACK          seq 2",
        "  S > C  FIN ACK      seq 1",
        "  S > C  ACK   seq 1  ü\u{1b}…",
    ]);
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn equal_texts_have_no_difference_and_different_ones_have(old in transcript(), new in transcript()) {
        let diff = diff(&old, &new);
        prop_assert_eq!(diff.is_empty(), normalise(&old) == normalise(&new));
        prop_assert_eq!(diff.is_empty(), diff.render(&View::default()) == "no difference\n");
    }

    #[test]
    fn a_diff_holds_both_texts(old in transcript(), new in transcript()) {
        let diff = diff(&old, &new);
        let side = |side: fn(&Row) -> &Option<Side>| {
            let lines: Vec<&str> = diff.rows.iter().filter_map(|row| side(row).as_ref()).map(|side| &*side.text).collect();
            lines.join("\n")
        };
        prop_assert_eq!(side(|row| &row.old), normalise(&old));
        prop_assert_eq!(side(|row| &row.new), normalise(&new));
    }

    #[test]
    fn any_text_can_be_shown(old: String, new: String) {
        for colour in [false, true] {
            let _ = diff(&old, &new).render(&View { colour, ..View::default() });
        }
    }
}
