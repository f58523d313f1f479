//! The store's files are insta's: what one writes, the other reads, and both write the same bytes.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use tcplab::scenario::{Scenario, Settings};
use tcplab::snapshot::{Store, provenance};

const KERNEL: &str = "6.18.44-amd64+";
const TRANSCRIPT: &str =
    "                     client\n\n== data ==\nclient send \"a\"\n  C > S  PSH ACK  \"a\\x04…\"\n";
const OTHER: &str = "== data ==\nserver listen\n";

/// In the project of this folder, insta asserts its half of a test.
const PROJECT: &str = "TCPLAB_TEST_PROJECT";

/// Runs in a process of its own: insta takes its orders from environment variables and asserts by a panic.
#[test]
fn insta_asserts_the_transcript() {
    let Some(project) = env::var_os(PROJECT) else {
        return;
    };
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(&project).join("snapshots/resets"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_description(provenance(KERNEL));
    settings.set_input_file("scenarios/resets/half-open.toml");
    settings.bind(|| insta::assert_snapshot!("half-open", TRANSCRIPT));
}

/// Whether insta's assertion holds in the project.
fn insta_agrees(project: &Path, update: &str) -> bool {
    Command::new(env::current_exe().expect("this test"))
        .args(["--exact", "insta_asserts_the_transcript"])
        .current_dir(project)
        .env(PROJECT, project)
        .env("INSTA_WORKSPACE_ROOT", project)
        .env("INSTA_UPDATE", update)
        .env("INSTA_REQUIRE_FULL_MATCH", "0")
        .env_remove("INSTA_PENDING_DIR")
        .env_remove("CI")
        .output()
        .expect("run")
        .status
        .success()
}

/// A project with the scenario that the snapshot is of.
fn project() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir_all(folder.path().join("scenarios/resets")).expect("made");
    fs::write(folder.path().join("scenarios/resets/half-open.toml"), "title = \"x\"\n").expect("written");
    let store = Store::new(folder.path().join("snapshots"));
    (folder, store)
}

fn propose(project: &Path, store: &Store, transcript: &str) {
    let scenario = Scenario {
        name: "resets/half-open".into(),
        path: project.join("scenarios/resets/half-open.toml"),
        source: "".into(),
        title: String::new(),
        teaches: String::new(),
        covers: Vec::new(),
        findings: Vec::new(),
        deviations: Vec::new(),
        slow: false,
        settings: Settings::default(),
        phases: Vec::new(),
        written_out: Default::default(),
    };
    store.propose(&scenario, transcript, KERNEL).expect("proposed");
}

fn accept(store: &Store) {
    let pending = store.pending("resets/half-open").expect("readable").expect("pending");
    store.accept(&pending).expect("accepted");
}

/// The file of the snapshot, with the name of the asserting file as the suite has it.
fn file(project: &Path, extension: &str) -> String {
    let path = project.join("snapshots/resets/half-open").with_extension(extension);
    fs::read_to_string(path)
        .expect("read")
        .replace("tests/snapshot_files.rs", "tests/scenarios.rs")
}

#[test]
fn insta_agrees_with_what_the_store_has_accepted() {
    let (folder, store) = project();
    propose(folder.path(), &store, TRANSCRIPT);
    accept(&store);
    let before = file(folder.path(), "snap");
    assert!(insta_agrees(folder.path(), "no"));
    assert_eq!(file(folder.path(), "snap"), before);

    propose(folder.path(), &store, OTHER);
    accept(&store);
    assert!(!insta_agrees(folder.path(), "no"));
}

#[test]
fn insta_and_the_store_write_the_same_bytes() {
    let (ours, store) = project();
    propose(ours.path(), &store, TRANSCRIPT);
    accept(&store);
    let (theirs, _) = project();
    insta_agrees(theirs.path(), "always");
    assert_eq!(file(ours.path(), "snap"), file(theirs.path(), "snap"));
}

#[test]
fn the_store_accepts_what_insta_left_pending() {
    let (folder, store) = project();
    propose(folder.path(), &store, OTHER);
    accept(&store);
    assert!(!insta_agrees(folder.path(), "new"));
    assert!(file(folder.path(), "snap.new").contains("assertion_line:"));
    accept(&store);
    let (ours, other_store) = project();
    propose(ours.path(), &other_store, TRANSCRIPT);
    accept(&other_store);
    assert_eq!(file(folder.path(), "snap"), file(ours.path(), "snap"));
    assert!(insta_agrees(folder.path(), "no"));
}
