//! Finding and loading scenario files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use tempfile::TempDir;

use super::file;
use crate::scenario::{Library, LoadError, SelectError, load};

fn library() -> (TempDir, Library) {
    let folder = tempfile::tempdir().expect("a folder");
    let text = file("client connect");
    for name in [
        "basic",
        "basic-ipv6",
        "half-close",
        "three-segment-close",
        "resets/abort",
        "resets/half-open",
    ] {
        let path = folder.path().join(format!("{name}.toml"));
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, &text).expect("a file");
    }
    for other in ["notes.md", ".hidden.toml", "resets/.toml"] {
        fs::write(folder.path().join(other), "x").expect("a file");
    }
    fs::create_dir(folder.path().join(".git")).expect("a folder");
    fs::write(folder.path().join(".git/config.toml"), "x").expect("a file");
    let library = Library::new(folder.path());
    (folder, library)
}

fn names(library: &Library, selectors: &[&str]) -> Vec<String> {
    let selectors: Vec<String> = selectors.iter().map(|selector| (*selector).to_owned()).collect();
    let entries = library.select(&selectors).expect("a selection");
    entries.into_iter().map(|entry| entry.name).collect()
}

fn refused(library: &Library, selector: &str) -> String {
    library.select(&[selector.to_owned()]).expect_err(selector).to_string()
}

#[test]
fn names_are_sorted_and_hidden_files_are_none() {
    let (_folder, library) = library();
    let all = [
        "basic",
        "basic-ipv6",
        "half-close",
        "resets/abort",
        "resets/half-open",
        "three-segment-close",
    ];
    assert_eq!(library.names().expect("names"), all);
    assert_eq!(names(&library, &[]), all);
}

#[test]
fn an_exact_name_wins_over_a_part_of_a_name() {
    let (_folder, library) = library();
    assert_eq!(names(&library, &["basic"]), ["basic"]);
    assert_eq!(names(&library, &["basic.toml"]), ["basic"]);
    assert_eq!(names(&library, &["basi"]), ["basic", "basic-ipv6"]);
}

#[test]
fn a_part_of_a_name_means_all_that_have_it() {
    let (_folder, library) = library();
    assert_eq!(names(&library, &["close"]), ["half-close", "three-segment-close"]);
    assert_eq!(names(&library, &["half"]), ["half-close", "resets/half-open"]);
}

#[test]
fn a_folder_means_all_below_it() {
    let (folder, library) = library();
    assert_eq!(names(&library, &["resets"]), ["resets/abort", "resets/half-open"]);
    assert_eq!(names(&library, &["resets/"]), ["resets/abort", "resets/half-open"]);
    let path = folder.path().join("resets");
    assert_eq!(
        names(&library, &[&path.display().to_string()]),
        ["resets/abort", "resets/half-open"]
    );
}

#[test]
fn a_path_means_this_file_inside_and_outside_the_library() {
    let (folder, library) = library();
    let inside = folder.path().join("resets/abort.toml");
    assert_eq!(names(&library, &[&inside.display().to_string()]), ["resets/abort"]);
    let elsewhere = tempfile::tempdir().expect("a folder");
    let outside = elsewhere.path().join("mine.toml");
    fs::write(&outside, file("client connect")).expect("a file");
    assert_eq!(names(&library, &[&outside.display().to_string()]), ["mine"]);
    assert_eq!(load(&outside, folder.path()).expect("a scenario").name, "mine");
    // A file of one's own needs no library.
    let none = Library::new("/nonexistent");
    assert_eq!(names(&none, &[&outside.display().to_string()]), ["mine"]);
}

#[test]
fn each_scenario_is_selected_once_in_the_order_asked_for() {
    let (_folder, library) = library();
    assert_eq!(
        names(&library, &["half-close", "close", "basic"]),
        ["half-close", "three-segment-close", "basic"]
    );
}

#[test]
fn an_unknown_selector_names_what_is_near_and_what_exists() {
    let (_folder, library) = library();
    let text = refused(&library, "basci");
    assert!(text.contains("no scenario is named `basci`"), "{text}");
    assert!(text.contains("did you mean `basic`"), "{text}");
    assert!(text.contains("`three-segment-close`"), "{text}");
    assert!(refused(&library, "").contains("no scenario is named"));
    assert!(refused(&library, "nonsense.toml").contains("no scenario is named"));
}

#[test]
fn a_missing_folder_is_named() {
    let text = refused(&Library::new("/nonexistent"), "basic");
    assert!(
        text.contains("cannot list the scenarios in /nonexistent: No such file"),
        "{text}"
    );
    assert!(matches!(
        Library::new("/nonexistent").names(),
        Err(SelectError::Io { .. })
    ));
}

#[test]
fn symbolic_links_in_a_circle_end_no_search() {
    let (folder, library) = library();
    symlink(folder.path(), folder.path().join("resets/again")).expect("a link");
    symlink("b.toml", folder.path().join("a.toml")).expect("a link");
    symlink("a.toml", folder.path().join("b.toml")).expect("a link");
    let names = library.names().expect("names");
    assert_eq!(names.len(), 8);
    let error = load(&folder.path().join("a.toml"), folder.path()).expect_err("a circle");
    assert!(error.to_string().starts_with("cannot find the scenario"), "{error}");
}

#[test]
fn what_is_no_regular_file_is_not_opened() {
    let (folder, _library) = library();
    let fifo = folder.path().join("fifo.toml");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR).expect("a FIFO");
    let error = load(&fifo, folder.path()).expect_err("a FIFO");
    assert!(error.to_string().contains("it is not a regular file"), "{error}");
}

#[test]
fn a_payload_file_is_read_from_the_scenarios_folder() {
    let (folder, _library) = library();
    fs::write(folder.path().join("resets/payload.bin"), b"\x00\xff").expect("a file");
    let path = folder.path().join("resets/file.toml");
    fs::write(&path, file("client connect\nclient send file \"payload.bin\"")).expect("a file");
    let scenario = load(&path, folder.path()).expect("a scenario");
    let action = scenario.steps().last().expect("a step").action.to_string();
    assert_eq!(action, r#"client send "\x00\xff""#);
}

#[test]
fn a_symbolic_link_does_not_lead_out_of_the_folder() {
    let outside = tempfile::tempdir().expect("a folder");
    fs::write(outside.path().join("secret"), "from elsewhere").expect("a file");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("test.toml");
    fs::write(&path, file("client connect\nclient send file \"bytes\"")).expect("a file");
    symlink(outside.path().join("secret"), folder.path().join("bytes")).expect("a link");
    let error = load(&path, folder.path()).expect_err("a link to elsewhere").to_string();
    assert!(error.contains("a symbolic link leads elsewhere"), "{error}");
    // Within the folder a link is a name like any other.
    fs::remove_file(folder.path().join("bytes")).expect("the link");
    fs::write(folder.path().join("other"), "from here").expect("a file");
    symlink("other", folder.path().join("bytes")).expect("a link");
    load(&path, folder.path()).expect("a scenario");
}

#[test]
fn a_payload_file_beyond_the_limit_is_refused() {
    let (folder, _library) = library();
    let large = fs::File::create(folder.path().join("large.bin")).expect("a file");
    large.set_len((16 << 20) + 1).expect("a sparse file");
    let path = folder.path().join("file.toml");
    fs::write(&path, file("client connect\nclient send file \"large.bin\"")).expect("a file");
    let error = load(&path, folder.path()).expect_err("too large");
    assert!(error.to_string().contains("the file has 16777217 bytes"), "{error}");
}

#[test]
fn a_faulty_file_shows_its_path() {
    let (folder, _library) = library();
    let path = folder.path().join("faulty.toml");
    fs::write(&path, file("client conect")).expect("a file");
    let error = load(&path, folder.path()).expect_err("a mistake");
    assert!(matches!(error, LoadError::Invalid(_)));
    assert!(error.to_string().contains("faulty.toml:4:8"), "{error}");
}

#[test]
fn every_scenario_of_the_repository_parses() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = Library::new(&root).entries().expect("the scenarios");
    assert!(entries.len() >= 13);
    for entry in entries {
        let scenario = load(&entry.path, &root).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(scenario.name, entry.name);
    }
}
