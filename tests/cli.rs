//! The finished program from outside: bad input, bad folders, bad usage, interruption, and the way from a changed
//! transcript to an accepted one. Each trial holds the exit code, what the user is told, and that nothing is left behind.

mod support;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::room::{Room, output};

/// The exit codes that the README documents.
const PASSED: i32 = 0;
const MISMATCH: i32 = 1;
const BAD_INPUT: i32 = 2;
const UNABLE: i32 = 4;
const INTERRUPTED: i32 = 130;

/// Every trial is named once more here: one that is forgotten is dead code, which the lints refuse.
macro_rules! trials {
    ($kind:ident: $($claim:ident),+ $(,)?) => { [$($kind(stringify!($claim), $claim)),+] };
}

fn main() {
    let input = trials![
        offline:
        an_empty_scenario_file_is_refused,
        a_binary_scenario_file_is_refused,
        a_scenario_file_that_is_not_utf8_is_refused,
        a_huge_scenario_file_is_refused,
        a_file_without_an_end_is_refused,
        an_unknown_key_is_refused_with_its_place,
        all_mistakes_of_a_file_are_told_at_once,
        a_folder_is_no_scenario_file,
        a_missing_scenario_file_is_named,
        a_missing_scenario_folder_is_named,
        an_empty_scenario_folder_is_named,
        an_unreadable_scenario_file_is_named,
        an_unreadable_scenario_folder_is_named,
        an_output_folder_that_cannot_be_written_is_named,
        an_output_folder_that_is_a_file_is_named,
        a_mistyped_scenario_name_is_met_with_a_suggestion,
        a_name_that_leads_out_of_the_folder_is_unknown,
        wrong_usage_is_refused,
        judging_needs_a_recording,
        a_damaged_recording_is_refused,
        accepting_what_is_not_pending_is_refused,
        the_list_names_every_scenario,
        all_scenario_files_are_in_order,
        a_closed_pipe_is_no_reason_to_panic,
        the_doctor_gives_an_answer,
    ];
    let live = trials![
        live:
        a_passing_run_leaves_its_files,
        a_setting_that_the_kernel_lacks_skips_the_scenario,
        a_slow_scenario_is_played_when_it_is_named,
        coverage_says_what_was_observed,
        a_run_writes_no_colour_into_a_pipe,
        a_saved_run_is_judged_as_the_live_one,
        repetition_leaves_one_run,
        a_changed_transcript_is_pending_until_it_is_accepted,
        a_rejected_transcript_changes_nothing,
        a_snapshot_folder_that_cannot_be_written_hides_no_verdict,
        a_review_without_a_terminal_names_the_commands,
        a_step_that_does_not_happen_is_a_mismatch,
        the_ladder_of_the_readme_is_the_real_one,
        the_failure_scenario_of_the_readme_works_as_told,
        an_interrupted_run_leaves_nothing_half_written,
        an_interrupted_repetition_ends_at_once,
    ];
    let trials = input.into_iter().chain(live).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// A trial that needs no bench.
fn offline(name: &str, claim: fn()) -> Trial {
    Trial::test(name, move || {
        claim();
        Ok(())
    })
}

/// A trial that plays a scenario: ignored, loudly, where this machine cannot play any.
fn live(name: &str, claim: fn()) -> Trial {
    let title = name.to_owned();
    Trial::ignorable_test(name, move || -> Result<Completion, Failed> {
        let doctor = support::tcplab(["doctor"]);
        if doctor.status.code() == Some(UNABLE) {
            let reason = "this machine cannot play scenarios; `tcplab doctor` says why";
            eprintln!("\nNOT TRIED: {title}: {reason}");
            return Ok(Completion::ignored_with(reason));
        }
        claim();
        Ok(Completion::Completed)
    })
}

// What is said and left ----------------------------------------------------------------------------------------------

/// Runs the command, which must end with this code, say each of these words on standard error (a run that cannot take
/// place: in its report), panic nowhere, and leave the room as it was.
#[track_caller]
fn refuses(room: &Room, command: &mut Command, code: i32, words: &[&str]) -> String {
    let before = room.files();
    let output = output(command);
    let mut told = ends_with(&output, code);
    if code == UNABLE {
        told += &String::from_utf8_lossy(&output.stdout);
    }
    for word in words {
        assert!(told.contains(word), "«{word}» is not in:\n{told}");
    }
    assert!(names_a_remedy(&told), "what to do about it is not in:\n{told}");
    assert_eq!(room.files(), before, "something was left behind, or changed");
    told
}

/// The output's standard error, when the program ended with this code and did not panic.
#[track_caller]
fn ends_with(output: &Output, code: i32) -> String {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!told.contains("panicked"), "{told}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(code),
        "standard error:\n{told}\nstandard output:\n{said}"
    );
    told
}

/// Whether the message says what to do: by a line of help, a choice, or a command to run.
fn names_a_remedy(told: &str) -> bool {
    ["help", "tip:", "did you mean", "there are:", "`tcplab ", "--"]
        .iter()
        .any(|word| told.contains(word))
}

#[track_caller]
fn odd_scenario_is_refused(bytes: impl AsRef<[u8]>, words: &[&str]) -> String {
    let room = Room::with_odd_scenario(bytes);
    let words = [&["odd.toml"], words].concat();
    refuses(&room, &mut room.tcplab(["run"]), BAD_INPUT, &words);
    refuses(
        &room,
        &mut room.tcplab(["check", "scenarios/odd.toml"]),
        BAD_INPUT,
        &words,
    )
}

// Scenario files -----------------------------------------------------------------------------------------------------

fn an_empty_scenario_file_is_refused() {
    odd_scenario_is_refused("", &["title"]);
}

fn a_binary_scenario_file_is_refused() {
    odd_scenario_is_refused((0..=255).cycle().take(4096).collect::<Vec<u8>>(), &["UTF-8"]);
}

fn a_scenario_file_that_is_not_utf8_is_refused() {
    odd_scenario_is_refused(b"title = \"caf\xe9\"\ntimeline = \"\"\n", &["UTF-8"]);
}

fn a_huge_scenario_file_is_refused() {
    let comment = "# much ado about nothing\n".repeat(2_000_000);
    odd_scenario_is_refused(comment, &["large"]);
}

fn a_file_without_an_end_is_refused() {
    let room = Room::with(&[]);
    // Should the program read on and on, then not until this machine is out of memory.
    let mut shell = Command::new("sh");
    shell
        .args(["-c", r#"ulimit -v 4000000; exec "$0" check /dev/zero"#])
        .arg(support::program());
    refuses(&room, &mut shell, BAD_INPUT, &["/dev/zero"]);
}

fn an_unknown_key_is_refused_with_its_place() {
    let told = odd_scenario_is_refused("title = \"x\"\ntimelime = \"\"\n", &["timelime", "timeline"]);
    assert!(told.contains("odd.toml:2"), "no line in:\n{told}");
}

fn all_mistakes_of_a_file_are_told_at_once() {
    let timeline = "title = \"x\"\ntimeline = \"\"\"\nserver lissen\nclient connect\n  C > S  SYM\n\"\"\"\n";
    odd_scenario_is_refused(timeline, &["lissen", "SYM"]);
}

fn a_folder_is_no_scenario_file() {
    let room = Room::with(&[]);
    fs::create_dir(room.path("scenarios/odd.toml")).expect("make a folder");
    refuses(
        &room,
        &mut room.tcplab(["check", "scenarios/odd.toml"]),
        BAD_INPUT,
        &["odd.toml"],
    );
}

fn a_missing_scenario_file_is_named() {
    let room = Room::with(&[]);
    refuses(
        &room,
        &mut room.tcplab(["check", "scenarios/gone.toml"]),
        BAD_INPUT,
        &["gone.toml"],
    );
}

// Folders ------------------------------------------------------------------------------------------------------------

fn a_missing_scenario_folder_is_named() {
    let room = Room::with(&[]);
    refuses(
        &room,
        &mut room.tcplab(["run", "--scenarios", "nowhere"]),
        BAD_INPUT,
        &["nowhere"],
    );
}

fn an_empty_scenario_folder_is_named() {
    let room = Room::with(&[]);
    refuses(&room, &mut room.tcplab(["run"]), BAD_INPUT, &["scenarios"]);
}

fn an_unreadable_scenario_file_is_named() {
    let room = Room::with_odd_scenario("title = \"x\"\n");
    room.chmod("scenarios/odd.toml", 0o000);
    let mut check = room.tcplab_as_nobody(["check", "scenarios/odd.toml"]);
    refuses(&room, &mut check, BAD_INPUT, &["odd.toml", "ermission"]);
}

fn an_unreadable_scenario_folder_is_named() {
    let room = Room::with(&["basic"]);
    fs::create_dir(room.path("locked")).expect("make a folder");
    room.chmod("locked", 0o000);
    let mut run = room.tcplab_as_nobody(["run", "--scenarios", "locked"]);
    let output = output(&mut run);
    // Let the folder be cleared away.
    room.chmod("locked", 0o755);
    let told = ends_with(&output, BAD_INPUT);
    assert!(
        told.contains("locked") && told.contains("ermission") && names_a_remedy(&told),
        "{told}"
    );
}

fn an_output_folder_that_cannot_be_written_is_named() {
    let room = Room::with(&["basic"]);
    fs::create_dir(room.path("locked")).expect("make a folder");
    room.chmod("locked", 0o555);
    let mut run = room.tcplab_as_nobody(["run", "basic", "--out", "locked"]);
    refuses(&room, &mut run, UNABLE, &["locked", "ermission", "--out"]);
}

fn an_output_folder_that_is_a_file_is_named() {
    let room = Room::with(&["basic"]);
    room.write("file", "mine");
    let mut run = room.tcplab(["run", "basic", "--out", "file"]);
    refuses(&room, &mut run, UNABLE, &["file", "--out"]);
    assert_eq!(room.read("file"), "mine");
}

// Names and usage ----------------------------------------------------------------------------------------------------

fn a_mistyped_scenario_name_is_met_with_a_suggestion() {
    let room = Room::with(&["basic"]);
    refuses(
        &room,
        &mut room.tcplab(["run", "basci"]),
        BAD_INPUT,
        &["basci", "basic"],
    );
}

fn a_name_that_leads_out_of_the_folder_is_unknown() {
    let room = Room::with(&["basic"]);
    fs::create_dir(room.path("scenarios/inner")).expect("make a folder");
    let mut run = room.tcplab(["run", "--scenarios", "scenarios/inner", "../basic"]);
    refuses(&room, &mut run, BAD_INPUT, &["../basic"]);
}

fn wrong_usage_is_refused() {
    let room = Room::with(&["basic"]);
    let wrong: [(&[&str], &str); 8] = [
        (&["runn"], "runn"),
        (&["run", "--repeat", "0"], "--repeat"),
        (&["run", "--repeat", "many"], "many"),
        (&["run", "--jobs", "0"], "--jobs"),
        (&["run", "--color", "pink"], "pink"),
        (&["run", "--unknown"], "--unknown"),
        (&["judge"], "Usage"),
        (&["review", "--accept", "basic", "--reject", "basic"], "--reject"),
    ];
    for (arguments, word) in wrong {
        refuses(&room, &mut room.tcplab(arguments), BAD_INPUT, &[word]);
    }
}

fn judging_needs_a_recording() {
    let room = Room::with(&["basic"]);
    refuses(
        &room,
        &mut room.tcplab(["judge", "basic"]),
        BAD_INPUT,
        &["run.json", "tcplab run basic"],
    );
}

fn a_damaged_recording_is_refused() {
    let room = Room::with(&["basic"]);
    fs::create_dir_all(room.path("runs/basic")).expect("make a folder");
    for damaged in ["", "{", "{\"scenario\": 7}", "\u{0}\u{1}"] {
        room.write("runs/basic/run.json", damaged);
        refuses(
            &room,
            &mut room.tcplab(["judge", "basic"]),
            BAD_INPUT,
            &["run.json", "tcplab run basic"],
        );
    }
}

fn accepting_what_is_not_pending_is_refused() {
    let room = Room::with(&["basic"]);
    refuses(
        &room,
        &mut room.tcplab(["review", "--accept", "basic"]),
        BAD_INPUT,
        &["basic"],
    );
}

// What needs no bench and goes well ----------------------------------------------------------------------------------

fn the_list_names_every_scenario() {
    let list = support::tcplab(["list"]);
    ends_with(&list, PASSED);
    let said = String::from_utf8_lossy(&list.stdout);
    for name in support::scenarios() {
        assert!(
            said.split_whitespace().any(|word| word == name),
            "{name} is not in:\n{said}"
        );
    }
}

fn all_scenario_files_are_in_order() {
    ends_with(&support::tcplab(["check"]), PASSED);
}

fn a_closed_pipe_is_no_reason_to_panic() {
    let room = Room::with(&["basic"]);
    for arguments in [&["list"][..], &["check"], &["doctor"], &["--help"]] {
        let (reader, writer) = std::io::pipe().expect("make a pipe");
        drop(reader);
        let child = room
            .tcplab(arguments)
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .expect("start tcplab");
        let output = child.wait_with_output().expect("wait for tcplab");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!told.contains("panicked"), "{arguments:?}: {told}");
    }
}

fn the_doctor_gives_an_answer() {
    let doctor = support::tcplab(["doctor"]);
    let said = String::from_utf8_lossy(&doctor.stdout);
    assert!(
        matches!(doctor.status.code(), Some(PASSED | UNABLE)),
        "{}\n{said}",
        doctor.status
    );
    assert!(said.contains("kernel") && said.contains("private loopback"), "{said}");
}

// Runs ---------------------------------------------------------------------------------------------------------------

const ARTEFACTS: [&str; 4] = ["capture.pcap", "judgement.json", "run.json", "transcript.txt"];

fn a_passing_run_leaves_its_files() {
    let room = Room::with(&["basic"]);
    let mut expected = room.files();
    ends_with(&output(&mut room.tcplab(["run", "basic", "--explain"])), PASSED);
    let files = room.files();
    for artefact in ARTEFACTS {
        let path = room.path("runs/basic").join(artefact);
        let length = *files
            .get(&path)
            .unwrap_or_else(|| panic!("{} is missing", path.display()));
        assert!(length > 0, "{} is empty", path.display());
        expected.insert(path, length);
    }
    assert_eq!(files, expected);
}

fn a_run_writes_no_colour_into_a_pipe() {
    let room = Room::with(&["basic"]);
    for (arguments, coloured) in [
        (&["run", "basic"][..], false),
        (&["run", "basic", "--color", "never"], false),
        (&["run", "basic", "--color", "always"], true),
    ] {
        let output = output(&mut room.tcplab(arguments));
        ends_with(&output, PASSED);
        assert_eq!(output.stdout.contains(&0x1b), coloured, "{arguments:?}");
    }
}

fn a_saved_run_is_judged_as_the_live_one() {
    let room = Room::with(&["basic"]);
    ends_with(&output(&mut room.tcplab(["run", "basic"])), PASSED);
    let live = room.read("runs/basic/judgement.json");
    ends_with(&output(&mut room.tcplab(["judge", "basic"])), PASSED);
    assert_eq!(room.read("runs/basic/judgement.json"), live);
}

fn repetition_leaves_one_run() {
    let room = Room::with(&["basic"]);
    ends_with(
        &output(&mut room.tcplab(["run", "basic", "--repeat", "5", "--jobs", "2", "--quiet"])),
        PASSED,
    );
    let folders: Vec<_> = fs::read_dir(room.path("runs")).expect("list the runs").collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
}

/// Makes the accepted snapshot one that the run cannot give, and runs: the new transcript is pending.
fn room_with_pending_snapshot() -> (Room, String) {
    let room = Room::with(&["basic"]);
    let accepted = room.read("snapshots/basic.snap");
    room.write("snapshots/basic.snap", accepted.replace("seq 1 ", "seq 2 "));
    ends_with(&output(&mut room.tcplab(["run", "basic"])), MISMATCH);
    assert!(room.path("snapshots/basic.snap.new").exists(), "nothing is pending");
    (room, accepted)
}

/// A snapshot's text without its header, which names the kernel of the run.
fn transcript(snapshot: &str) -> &str {
    snapshot.splitn(3, "---\n").nth(2).expect("a header and a text")
}

fn a_changed_transcript_is_pending_until_it_is_accepted() {
    let (room, accepted) = room_with_pending_snapshot();
    ends_with(&output(&mut room.tcplab(["review", "--accept", "basic"])), PASSED);
    assert_eq!(transcript(&room.read("snapshots/basic.snap")), transcript(&accepted));
    assert!(!room.path("snapshots/basic.snap.new").exists(), "it is still pending");
    ends_with(&output(&mut room.tcplab(["run", "basic"])), PASSED);
}

fn a_rejected_transcript_changes_nothing() {
    let (room, _) = room_with_pending_snapshot();
    let changed = room.read("snapshots/basic.snap");
    ends_with(&output(&mut room.tcplab(["review", "--reject", "basic"])), PASSED);
    assert_eq!(room.read("snapshots/basic.snap"), changed);
    assert!(!room.path("snapshots/basic.snap.new").exists(), "it is still pending");
}

fn a_snapshot_folder_that_cannot_be_written_hides_no_verdict() {
    let room = Room::with(&["basic"]);
    let changed = room
        .read("snapshots/basic.snap")
        .replace("client state TIME-WAIT", "client state CLOSED");
    room.write("snapshots/basic.snap", changed);
    room.chmod("snapshots", 0o555);
    fs::create_dir(room.path("runs")).expect("make a folder");
    room.chmod("runs", 0o777);
    let output = output(&mut room.tcplab_as_nobody(["run", "basic"]));
    ends_with(&output, MISMATCH);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("the transcript is not the accepted one") && said.contains("ermission"),
        "{said}"
    );
}

fn a_review_without_a_terminal_names_the_commands() {
    let (room, _) = room_with_pending_snapshot();
    let before = room.files();
    let output = output(&mut room.tcplab(["review"]));
    ends_with(&output, MISMATCH);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        ["basic", "--accept", "--reject"].iter().all(|word| said.contains(word)),
        "{said}"
    );
    assert_eq!(room.files(), before, "a list has changed something");
}

fn a_step_that_does_not_happen_is_a_mismatch() {
    let room = Room::with(&["basic"]);
    let mut scenario = room.read("scenarios/basic.toml");
    let end = scenario.rfind("'''").expect("the timeline ends");
    scenario.insert_str(end, "  C > S  RST\n");
    room.write("scenarios/basic.toml", &scenario);
    let told = output(&mut room.tcplab(["run", "basic"]));
    ends_with(&told, MISMATCH);
    let words = String::from_utf8_lossy(&told.stdout).into_owned() + &String::from_utf8_lossy(&told.stderr);
    assert!(words.contains("basic.toml") && words.contains("RST"), "{words}");
}

// The README -----------------------------------------------------------------------------------------------------------

/// The README's first block of this language.
fn readme_block(language: &str) -> String {
    let readme = fs::read_to_string(support::root().join("README.md")).expect("read the README");
    let indented = readme
        .split(&format!("```{language}\n"))
        .nth(1)
        .expect("the README has such a block");
    let block = indented.split("```").next().expect("the block ends");
    let indent = block.len() - block.trim_start_matches(' ').len();
    let indent = if language == "toml" { indent } else { 0 };
    block
        .lines()
        .map(|line| format!("{}\n", line.get(indent..).unwrap_or("")))
        .collect()
}

fn the_ladder_of_the_readme_is_the_real_one() {
    let room = Room::with(&["basic"]);
    let output = output(room.tcplab(["run", "basic"]).env("LC_ALL", "C.UTF-8"));
    ends_with(&output, PASSED);
    let said = String::from_utf8_lossy(&output.stdout);
    let ladder = readme_block("text");
    assert!(
        said.contains(ladder.trim_end()),
        "the README shows\n{ladder}\nbut the program\n{said}"
    );
}

fn the_failure_scenario_of_the_readme_works_as_told() {
    let room = Room::with(&[]);
    let wrong = readme_block("toml");
    room.write("scenarios/gone.toml", &wrong);
    let stopped = output(&mut room.tcplab(["run", "gone"]));
    ends_with(&stopped, MISMATCH);
    let said = String::from_utf8_lossy(&stopped.stdout).into_owned();
    assert!(said.contains("FIN ACK") && said.contains("RST ACK"), "{said}");
    assert!(
        !room.path("snapshots/gone.snap.new").exists(),
        "a mismatch is offered for review"
    );
    room.write("scenarios/gone.toml", wrong.replace("S > C  FIN ACK", "S > C  RST ACK"));
    let passed = output(&mut room.tcplab(["run", "gone"]));
    ends_with(&passed, PASSED);
    assert!(String::from_utf8_lossy(&passed.stdout).contains("no snapshot yet"));
    ends_with(&output(&mut room.tcplab(["review", "--accept", "gone"])), PASSED);
    let again = output(&mut room.tcplab(["run", "gone"]));
    ends_with(&again, PASSED);
    assert!(String::from_utf8_lossy(&again.stdout).contains("the transcript is the accepted one"));
}

// Interruption -------------------------------------------------------------------------------------------------------

/// Starts the program, interrupts it after this time as Ctrl-C does, and returns what it said.
fn interrupt(room: &Room, arguments: &[&str], after: Duration) -> Output {
    let mut command = room.tcplab(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("start tcplab");
    // The moment is what is tried here; nothing is waited for.
    thread::sleep(after);
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id"));
    kill(pid, Signal::SIGINT).expect("interrupt tcplab");
    child.wait_with_output().expect("wait for tcplab")
}

fn an_interrupted_run_leaves_nothing_half_written() {
    thread::scope(|scope| {
        for after in [5, 20, 60, 150, 400, 1100, 2500] {
            scope.spawn(move || {
                let room = Room::with(&["article"]);
                let before = room.files();
                let output = interrupt(&room, &["run", "article"], Duration::from_millis(after));
                // Before the program has begun to listen to signals, Ctrl-C ends it in the system's way.
                let ended_by_signal = after < 400 && output.status.signal() == Some(Signal::SIGINT as i32);
                if !ended_by_signal {
                    ends_with(&output, INTERRUPTED);
                }
                let mut files = room.files();
                files.retain(|file, _| !file.starts_with(room.path("runs")));
                assert_eq!(files, before, "after {after} ms");
                every_artefact_is_whole(&room, "article");
            });
        }
    });
}

fn an_interrupted_repetition_ends_at_once() {
    let room = Room::with(&["basic"]);
    let output = interrupt(
        &room,
        &["run", "basic", "--repeat", "100000", "--quiet"],
        Duration::from_millis(800),
    );
    ends_with(&output, INTERRUPTED);
    every_artefact_is_whole(&room, "basic");
}

/// What a run left, if it left anything, is known by name and can be read to its end.
fn every_artefact_is_whole(room: &Room, name: &str) {
    let runs = room.path("runs");
    if !runs.exists() {
        return;
    }
    for file in support::files_below(&runs) {
        let known = ARTEFACTS.iter().any(|artefact| file == runs.join(name).join(artefact));
        assert!(known, "{} was left behind", file.display());
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("json") => {
                let text = fs::read_to_string(&file).expect("read a file of the run");
                serde_json::from_str::<serde_json::Value>(&text)
                    .unwrap_or_else(|error| panic!("{} is half-written: {error}", file.display()));
            }
            Some("pcap") => {
                let mut capture = pcap::Capture::from_file(&file).expect("open the capture");
                let end = loop {
                    if let Err(error) = capture.next_packet() {
                        break error;
                    }
                };
                assert_eq!(end, pcap::Error::NoMorePackets, "{} is half-written", file.display());
            }
            _ => {}
        }
    }
}

/// A scenario of two segments with these further keys.
fn refused(keys: &str) -> String {
    format!(
        "title = \"Refused\"\nteaches = \"Nobody listens.\"\n{keys}\n\
         timeline = '''\nclient connect -> ECONNREFUSED\n  C > S SYN\n  S > C RST ACK\n'''\n"
    )
}

fn a_setting_that_the_kernel_lacks_skips_the_scenario() {
    // Gone since Linux 4.12.
    let room = Room::with_odd_scenario(refused("bench.sysctl.\"ipv4.tcp_tw_recycle\" = 0"));
    let told = said(&mut room.tcplab(["run", "odd"]));
    assert!(
        told.contains("skip") && told.contains("no setting net.ipv4.tcp_tw_recycle"),
        "{told}"
    );
    assert!(room.read("runs/odd/judgement.json").contains("\"verdict\": \"skip\""));
    assert!(!room.path("runs/odd/run.json").exists());
}

fn a_slow_scenario_is_played_when_it_is_named() {
    let room = Room::with(&["connect-refused"]);
    room.write("scenarios/long.toml", refused("slow = true"));
    for (arguments, is_played) in [
        (&["run"][..], false),
        (&["run", "--slow"], true),
        (&["run", "long"], true),
    ] {
        let told = said(&mut room.tcplab(arguments));
        assert_eq!(told.contains("left out"), !is_played, "{told}");
        assert_eq!(room.path("runs/long/run.json").exists(), is_played, "{told}");
        if is_played {
            fs::remove_dir_all(room.path("runs/long")).expect("clear the run");
        }
    }
}

fn coverage_says_what_was_observed() {
    // T57 is claimed and takes place; T12 is claimed and does not.
    let room = Room::with_odd_scenario(refused("covers = [\"T57\", \"T12\", \"MUST-12\"]"));
    let coverage = |id: &str| said(&mut room.tcplab(["coverage", id]));
    assert!(coverage("T57").contains("not observed"), "nothing was played yet");
    said(&mut room.tcplab(["run", "odd"]));
    for (id, word) in [
        ("T57", "wire"),
        ("T12", "not observed"),
        ("MUST-12", "passed"),
        ("T1", "no scenario yet"),
        ("T4", "cannot be shown on Linux: not reachable"),
    ] {
        let told = coverage(id);
        assert!(told.contains(word), "{id}: {told}");
    }
}

/// What a call that passes says on standard output.
fn said(command: &mut Command) -> String {
    let output = output(command);
    ends_with(&output, PASSED);
    String::from_utf8_lossy(&output.stdout).into_owned()
}
