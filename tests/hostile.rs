//! Hostile input: what the fuzz targets of `tests/fuzz/` found or began with, each file also cut short and with altered bytes.

#[path = "fuzz/properties.rs"]
mod properties;

use std::fs;
use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;

/// The files of a target's corpus.
fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz/corpus")
        .join(target);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

/// Each file as it is, cut short in many places, and with a byte altered in many places.
fn replay(target: &str, property: fn(&[u8])) {
    for file in corpus(target) {
        let bytes = fs::read(&file).expect("a file of the corpus");
        property(&bytes);
        let step = bytes.len() / 40 + 1;
        for at in (0..bytes.len()).step_by(step) {
            property(&bytes[..at]);
            let mut altered = bytes.clone();
            altered[at] ^= 1 << (at % 8);
            property(&altered);
        }
    }
}

#[test]
fn any_scenario_file_is_read_or_refused() {
    replay("scenario", properties::scenario);
}

#[test]
fn any_capture_file_is_read_to_its_end_or_first_error() {
    replay("capture", properties::capture);
}

#[test]
fn any_frame_is_a_segment_or_something_else_or_damaged() {
    replay("segment", properties::segment);
}

#[test]
fn the_matcher_says_the_same_during_a_run_and_afterwards() {
    replay("matcher", properties::matcher);
}

#[test]
fn any_recording_is_judged_told_and_drawn() {
    replay("recording", properties::recording);
}

#[test]
fn any_transcript_is_read_again_as_it_is_printed_or_not_at_all() {
    replay("transcript", properties::transcript);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_matcher_says_the_same_for_any_lines_and_segments(bytes in vec(any::<u8>(), 0..160)) {
        properties::matcher(&bytes);
    }
}
