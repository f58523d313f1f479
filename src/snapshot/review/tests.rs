use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::super::play::scenario;
use super::*;

/// Presses the keys of a script and keeps all that is shown.
struct Script<'a> {
    keys: std::str::Chars<'a>,
    shown: String,
    /// Called before each key.
    meanwhile: &'a dyn Fn(),
}

/// In a script, this stands for Ctrl-C.
const INTERRUPT: char = '^';

impl Screen for Script<'_> {
    fn show(&mut self, text: &str) -> io::Result<()> {
        self.shown.push_str(text);
        Ok(())
    }

    fn key(&mut self) -> io::Result<Key> {
        (self.meanwhile)();
        match self.keys.next() {
            None => Err(io::ErrorKind::UnexpectedEof.into()),
            Some(INTERRUPT) => Ok(Key::Interrupt),
            Some('\n') => Ok(Key::Other),
            Some(character) => Ok(Key::Char(character)),
        }
    }
}

struct Folder {
    folder: tempfile::TempDir,
    store: Store,
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

impl Folder {
    /// `one` is accepted and has changed, `three` and `two` are new.
    fn new() -> Folder {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let this = Folder {
            store: Store::new(folder.path().join("snapshots")),
            folder,
        };
        this.propose("one", "client connect\n  C > S  SYN\n", "6.12");
        decide(&this.store, Selection::All, Decision::Accept).expect("accepted");
        for (name, contents) in [
            ("one", "client connect\n  C > S  SYN ECE\n"),
            ("two", "two\n"),
            ("three", "three \u{1b}[2J\n"),
        ] {
            this.propose(name, contents, "6.18");
        }
        this
    }

    fn propose(&self, name: &str, contents: &str, kernel: &str) {
        let path = self.folder.path().join(format!("scenarios/{name}.toml"));
        self.store
            .propose(&scenario(name, path), contents, kernel)
            .expect("proposed");
    }

    fn files(&self) -> Files {
        let entries = fs::read_dir(self.store.root()).expect("the store");
        entries
            .map(|entry| entry.expect("an entry").path())
            .map(|path| (path.clone(), fs::read(&path).expect("a file")))
            .collect()
    }

    fn try_review(&self, keys: &str, meanwhile: &dyn Fn()) -> (String, Result<ReviewOutcome, ReviewError>) {
        let mut script = Script {
            keys: keys.chars(),
            shown: String::new(),
            meanwhile,
        };
        let guide = Guide {
            title: &|name| (name == "one").then(|| "The first".to_owned()),
            ladder: &|transcript| format!("a ladder of {} lines", transcript.lines.len()),
            colour: false,
        };
        let outcome = review(&self.store, Selection::All, &mut script, &guide);
        assert!(
            outcome.is_err() || script.keys.as_str().is_empty(),
            "keys were left over"
        );
        (script.shown, outcome)
    }

    fn review(&self, keys: &str) -> (String, ReviewOutcome) {
        let (shown, outcome) = self.try_review(keys, &|| {});
        (shown, outcome.expect("reviewed"))
    }
}

#[test]
fn each_is_shown_and_decided() {
    let folder = Folder::new();
    let (shown, outcome) = folder.review("ars");
    assert_eq!(outcome.accepted, ["one"]);
    assert_eq!(outcome.rejected, ["three"]);
    assert_eq!(outcome.skipped, ["two"]);
    assert!(!outcome.is_settled());
    let root = folder.store.root().display().to_string();
    insta::assert_snapshot!(shown.replace(&root, "snapshots"));
    let names: Vec<_> = folder
        .files()
        .into_keys()
        .map(|path| path.file_name().expect("a name").to_owned())
        .collect();
    assert_eq!(names, ["one.snap", "two.snap.new"]);
    assert!(
        folder
            .store
            .accepted("one")
            .expect("readable")
            .expect("accepted")
            .contents
            .contains("SYN ECE")
    );
}

#[test]
fn all_accepts_what_is_left() {
    let folder = Folder::new();
    let (_, outcome) = folder.review("rA");
    assert_eq!(outcome.rejected, ["one"]);
    assert_eq!(outcome.accepted, ["three", "two"]);
    assert!(outcome.is_settled());
}

#[test]
fn an_undo_takes_the_decision_back() {
    let folder = Folder::new();
    let before = folder.files();
    let (shown, outcome) = folder.review("uauruasuq");
    assert!(shown.contains("nothing to undo"));
    assert_eq!(
        shown.matches("[1/3] one").count(),
        3,
        "an undone snapshot is shown again"
    );
    assert_eq!(outcome.accepted, ["one"]);
    assert_eq!(outcome.skipped, ["three", "two"]);
    let folder = Folder::new();
    folder.review("ausauq");
    assert_eq!(folder.files().len(), before.len());
    assert!(folder.store.pending("three").expect("readable").is_some());
}

#[test]
fn an_interrupt_leaves_everything_as_it_was() {
    for keys in ["^", "a^", "ar^"] {
        let folder = Folder::new();
        let before = folder.files();
        let (shown, outcome) = folder.review(keys);
        assert!(outcome.interrupted && outcome.accepted.is_empty() && outcome.skipped.len() == 3);
        assert!(shown.contains("Interrupted: nothing was changed"));
        assert_eq!(folder.files(), before);
    }
}

#[test]
fn a_closed_terminal_leaves_everything_as_it_was() {
    let folder = Folder::new();
    let before = folder.files();
    let (_, outcome) = folder.try_review("a", &|| {});
    assert!(matches!(outcome, Err(ReviewError::Terminal(_))));
    assert_eq!(folder.files(), before);
}

#[test]
fn quitting_does_what_was_decided() {
    let folder = Folder::new();
    let (_, outcome) = folder.review("aq");
    assert_eq!(outcome.accepted, ["one"]);
    assert_eq!(outcome.skipped, ["three", "two"]);
}

#[test]
fn both_ladders_are_shown_on_request() {
    let folder = Folder::new();
    let heading = "                                                     client        server\n";
    folder.propose("one", &format!("{heading}client connect\n"), "6.12");
    decide(&folder.store, Selection::Names(&["one".to_owned()]), Decision::Accept).expect("accepted");
    folder.propose("one", &format!("{heading}client connect\nclient close\n"), "6.18");
    let (shown, _) = folder.review("lslq");
    assert!(
        shown.contains("accepted:\na ladder of 1 lines\nnew:\na ladder of 2 lines\n"),
        "{shown}"
    );
    assert!(shown.contains("new: this text is no transcript"), "{shown}");
}

#[test]
fn an_unknown_key_is_answered_with_help() {
    let folder = Folder::new();
    let (shown, outcome) = folder.review("?\u{4}\nq");
    assert_eq!(shown.matches("a  accept").count(), 3);
    assert_eq!(outcome.skipped.len(), 3);
    assert!(
        !shown.contains(['\u{4}', '\u{1b}']),
        "what is shown holds nothing that a terminal obeys"
    );
}

#[test]
fn what_changes_while_it_is_reviewed_is_not_accepted() {
    let folder = Folder::new();
    let path = folder.store.root().join("one.snap");
    let (shown, outcome) = folder.try_review("aaa", &|| fs::write(&path, "somebody else's").expect("written"));
    let outcome = outcome.expect("reviewed");
    assert_eq!(outcome.accepted, ["three", "two"]);
    assert!(matches!(&*outcome.failed, [(name, StoreError::Changed { .. })] if name == "one"));
    assert!(shown.contains("not decided: one: "), "{shown}");
    assert_eq!(fs::read(&path).expect("there"), b"somebody else's");
    assert!(folder.store.root().join("one.snap.new").exists());
}

#[test]
fn a_damaged_file_does_not_stop_the_review_of_the_others() {
    let folder = Folder::new();
    fs::write(folder.store.root().join("one.snap"), b"\xff").expect("written");
    let (shown, outcome) = folder.review("aa");
    assert_eq!(outcome.accepted, ["three", "two"]);
    assert!(
        shown.contains("not decided: one: ") && shown.contains("not UTF-8"),
        "{shown}"
    );
    assert!(!outcome.is_settled());
}

#[test]
fn without_a_terminal_the_pending_ones_and_the_commands_are_listed() {
    let folder = Folder::new();
    insta::assert_snapshot!(overview(&folder.store, Selection::All).expect("listed"), @"
    one    1 line changed
    three  new
    two    new

    Review them at a terminal with `tcplab review`, or decide by name:
      tcplab review --accept NAME…   or all of them: tcplab review --all
      tcplab review --reject NAME…
    ");
    decide(&folder.store, Selection::All, Decision::Reject).expect("rejected");
    assert_eq!(
        overview(&folder.store, Selection::All).expect("listed").to_string(),
        "Nothing waits for review.\n"
    );
    assert_eq!(folder.review("").0, "Nothing waits for review.\n");
}

#[test]
fn decisions_by_name_are_all_or_nothing_about_unknown_names() {
    let folder = Folder::new();
    let before = folder.files();
    let names = ["two", "four"].map(str::to_owned);
    let error = decide(&folder.store, Selection::Names(&names), Decision::Accept).expect_err("four is unknown");
    let told = "nothing is pending for `four`, nothing was changed; pending are one, three, two";
    assert!(error.to_string().starts_with(told), "{error}");
    assert_eq!(folder.files(), before);
    let outcome = decide(&folder.store, Selection::Names(&names[..1]), Decision::Accept).expect("accepted");
    assert_eq!(outcome.accepted, ["two"]);
    assert!(outcome.is_settled());
}

#[test]
fn names_limit_the_review_and_its_list() {
    let folder = Folder::new();
    let names = ["two".to_owned()];
    let listed = overview(&folder.store, Selection::Names(&names)).expect("listed");
    assert_eq!(listed.pending, [("two".to_owned(), "new".to_owned())]);
    let unknown = ["four".to_owned()];
    assert!(matches!(
        overview(&folder.store, Selection::Names(&unknown)),
        Err(ReviewError::NotPending { .. })
    ));
}

#[test]
fn both_versions_are_shown_side_by_side() {
    let folder = Folder::new();
    let (shown, outcome) = folder.review("bsss");
    assert!(outcome.accepted.is_empty());
    let row = shown
        .lines()
        .find(|line| line.contains(" | "))
        .expect("a row that differs");
    assert!(
        row.starts_with("  C > S  SYN ") && row.ends_with("|   C > S  SYN ECE"),
        "{row}"
    );
}

#[test]
fn a_terminal_that_is_none_is_an_error() {
    let null = || {
        fs::File::options()
            .read(true)
            .write(true)
            .open("/dev/null")
            .expect("the null device")
    };
    let mut term = Term::read_write_pair(null(), null());
    assert_eq!(term.key().expect_err("no terminal").kind(), io::ErrorKind::NotConnected);
}
