use std::fs;
use std::os::unix::fs::symlink;

use super::super::play::scenario;
use super::*;

const KERNEL: &str = "6.18.44";
const OLD: &str = "server listen\n  C > S  SYN\n";
const NEW: &str = "server listen\n  C > S  SYN ECE\n";

/// A project folder with a store in it.
struct Project {
    folder: tempfile::TempDir,
    store: Store,
}

impl Project {
    fn new() -> Project {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::new(folder.path().join("snapshots"));
        Project { folder, store }
    }

    fn propose(&self, name: &str, contents: &str) {
        let path = self.folder.path().join(format!("scenarios/{name}.toml"));
        self.store
            .propose(&scenario(name, path), contents, KERNEL)
            .expect("proposed");
    }

    fn accept(&self, name: &str, contents: &str) {
        self.propose(name, contents);
        self.store.accept(&self.pending(name)).expect("accepted");
    }

    fn pending(&self, name: &str) -> Pending {
        self.store.pending(name).expect("readable").expect("pending")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.store.root().join(name)
    }

    /// All files of the store with their contents.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files: Vec<_> = fs::read_dir(self.store.root())
            .expect("the store")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.is_file())
            .map(|path| (path.clone(), fs::read(path).expect("a file")))
            .collect();
        files.sort();
        files
    }
}

#[test]
fn what_is_proposed_and_accepted_is_read_back() {
    let project = Project::new();
    project.propose("resets/half-open", NEW);
    let pending = project.pending("resets/half-open");
    assert_eq!(pending.accepted, None);
    assert!(pending.proposed.matches(NEW) && !pending.proposed.matches(OLD));
    assert_eq!(pending.proposed.kernel.as_deref(), Some(KERNEL));
    assert_eq!(
        pending.proposed.input_file.as_deref(),
        Some("scenarios/resets/half-open.toml")
    );

    project.store.accept(&pending).expect("accepted");
    let accepted = project
        .store
        .accepted("resets/half-open")
        .expect("readable")
        .expect("accepted");
    assert_eq!(accepted.contents, NEW);
    assert_eq!(accepted.kernel.as_deref(), Some(KERNEL));
    assert_eq!(project.store.pending("resets/half-open").expect("readable"), None);
}

#[test]
fn a_new_snapshot_replaces_the_accepted_one_and_the_pending_one() {
    let project = Project::new();
    project.accept("basic", OLD);
    project.propose("basic", "first try");
    project.propose("basic", NEW);
    let pending = project.pending("basic");
    assert!(pending.accepted.as_ref().expect("accepted").matches(OLD));
    project.store.accept(&pending).expect("accepted");
    assert_eq!(project.files().len(), 1, "no temporary and no pending file is left");
    assert!(
        project
            .store
            .accepted("basic")
            .expect("readable")
            .expect("accepted")
            .matches(NEW)
    );
}

#[test]
fn a_rejected_snapshot_leaves_the_accepted_one_untouched() {
    let project = Project::new();
    project.accept("basic", OLD);
    let before = project.files();
    project.propose("basic", NEW);
    project.store.reject(&project.pending("basic")).expect("rejected");
    assert_eq!(project.files(), before);
}

#[test]
fn a_pass_withdraws_what_was_pending() {
    let project = Project::new();
    assert!(!project.store.discard_pending("basic").expect("nothing to do"));
    project.propose("basic", NEW);
    assert!(project.store.discard_pending("basic").expect("withdrawn"));
    assert_eq!(project.store.pending("basic").expect("readable"), None);
}

#[test]
fn the_pending_ones_are_found_in_all_folders() {
    let project = Project::new();
    assert_eq!(project.store.pending_names().expect("no folder yet"), [""; 0]);
    for name in ["loss/syn", "basic", "resets/half-open", "v1.2"] {
        project.propose(name, NEW);
    }
    project.accept("accepted", OLD);
    fs::write(project.file(".snap.new"), "nameless").expect("written");
    symlink(project.store.root(), project.file("loop")).expect("linked");
    assert_eq!(
        project.store.pending_names().expect("listed"),
        ["basic", "loss/syn", "resets/half-open", "v1.2"]
    );
}

#[test]
fn a_file_changed_since_the_review_is_neither_overwritten_nor_removed() {
    for (changed, how) in [
        ("basic.snap", Some("other")),
        ("basic.snap.new", Some("other")),
        ("basic.snap", None),
    ] {
        let project = Project::new();
        project.accept("basic", OLD);
        project.propose("basic", NEW);
        let pending = project.pending("basic");
        match how {
            Some(text) => fs::write(project.file(changed), text).expect("written"),
            None => fs::remove_file(project.file(changed)).expect("removed"),
        }
        let before = project.files();
        let error = project.store.accept(&pending).expect_err("changed");
        assert!(
            matches!(&error, StoreError::Changed { path } if path.ends_with(changed)),
            "{error}"
        );
        assert_eq!(project.files(), before);
    }
}

#[test]
fn a_snapshot_accepted_meanwhile_by_somebody_else_is_not_overwritten() {
    let project = Project::new();
    project.propose("basic", NEW);
    let pending = project.pending("basic");
    fs::write(project.file("basic.snap"), "---\nsource: x\n---\nother\n").expect("written");
    assert!(matches!(
        project.store.accept(&pending),
        Err(StoreError::Changed { .. })
    ));
}

#[test]
fn a_pending_file_changed_since_the_review_is_not_rejected() {
    let project = Project::new();
    project.propose("basic", OLD);
    let pending = project.pending("basic");
    project.propose("basic", NEW);
    assert!(matches!(
        project.store.reject(&pending),
        Err(StoreError::Changed { .. })
    ));
    assert!(project.pending("basic").proposed.matches(NEW));
}

#[test]
fn files_that_are_no_snapshots_are_named_and_left_alone() {
    let long_header = format!("---\n{}---\nx\n", "source: x\n".repeat(60));
    let cases: [(&[u8], &str); 12] = [
        (b"", "it is empty"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (
            b"Expression: old\nSource: x\n\ncontents\n",
            "does not begin with the line ---",
        ),
        (
            "\u{feff}---\nsource: x\n---\nx\n".as_bytes(),
            "does not begin with the line ---",
        ),
        (b"---\nsource: x\n", "a second line --- is missing"),
        (b"---\ninfo: .inf\n---\nx\n", "not one that insta writes"),
        (b"---\ninfo: [[[[[[[\n---\nx\n", "not one that insta writes"),
        (b"---\nsource: \"unfinished\n---\nx\n", "YAML"),
        (
            b"---\nsource: x\n---\n<<<<<<< HEAD\na\n=======\nb\n",
            "conflict markers",
        ),
        (b"---\nextension: bin\nsnapshot_kind: binary\n---\n", "binary snapshot"),
        (b"---\nsnapshot_kind: binary\n---\n", "cannot be read as a snapshot"),
        (long_header.as_bytes(), "a second line --- is missing"),
    ];
    for (bytes, why) in cases {
        let project = Project::new();
        project.propose("basic", NEW);
        fs::write(project.file("basic.snap"), bytes).expect("written");
        let before = project.files();
        for error in [
            project.store.accepted("basic").expect_err("damaged"),
            project.store.pending("basic").expect_err("damaged"),
        ] {
            let text = error.to_string();
            assert!(text.contains(why) && text.contains("basic.snap"), "{text}");
        }
        assert_eq!(project.files(), before);
    }
}

#[test]
fn a_folder_or_a_pipe_in_a_snapshots_place_is_named() {
    let project = Project::new();
    fs::create_dir_all(project.file("basic.snap")).expect("a folder");
    nix::unistd::mkfifo(&project.file("pipe.snap"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    for name in ["basic", "pipe"] {
        let error = project.store.accepted(name).expect_err("no file").to_string();
        assert!(error.contains("not a regular file"), "{error}");
    }
}

#[test]
fn a_store_that_cannot_be_written_says_where_and_why() {
    let project = Project::new();
    fs::write(project.store.root(), "a file in the folder's place").expect("written");
    let error = project
        .store
        .propose(&scenario("a/b", "b.toml"), NEW, KERNEL)
        .expect_err("no folder");
    assert!(matches!(error, StoreError::Io { .. }));
    assert!(error.to_string().contains("cannot make the folder"), "{error}");
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let project = Project::new();
    for name in [
        "",
        "../x",
        "a/../../x",
        "/etc/passwd",
        "a//b",
        "a/",
        "./a",
        "a\0b",
        "a\nb",
        "a\\b",
        ".",
    ] {
        let error = project.store.accepted(name).expect_err(name);
        assert!(matches!(error, StoreError::Name { .. }), "{name}: {error}");
    }
}

#[test]
fn a_scenario_outside_the_project_leaves_no_path_of_this_machine() {
    let project = Project::new();
    project
        .store
        .propose(&scenario("basic", "/elsewhere/basic.toml"), NEW, KERNEL)
        .expect("proposed");
    assert_eq!(project.pending("basic").proposed.input_file, None);
}

#[test]
fn files_checked_out_with_carriage_returns_are_the_same_snapshot() {
    let project = Project::new();
    project.accept("basic", OLD);
    let path = project.file("basic.snap");
    let text = fs::read_to_string(&path).expect("read").replace('\n', "\r\n");
    fs::write(&path, text).expect("written");
    let accepted = project.store.accepted("basic").expect("readable").expect("accepted");
    assert!(accepted.matches(OLD));
    assert_eq!(accepted.kernel.as_deref(), Some(KERNEL));
}

#[test]
fn hostile_kernel_names_survive_the_header() {
    let project = Project::new();
    for kernel in ["", "6.1: \"x\" # y", "---", "6.1\n---\nsource: z", "\u{1b}[31m"] {
        project
            .store
            .propose(&scenario("basic", "b.toml"), NEW, kernel)
            .expect("proposed");
        assert_eq!(project.pending("basic").proposed.kernel.as_deref(), Some(kernel));
    }
}
