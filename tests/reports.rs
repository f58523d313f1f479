//! `tcplab run` from outside, as a service for continuous integration sees it: which runs are made, the reports for programs,
//! and the files that are left.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use serde_json::Value;
use support::room::{Room, output};

const PASSED: i32 = 0;
const MISMATCH: i32 = 1;
const BAD_INPUT: i32 = 2;
const UNABLE: i32 = 4;

/// Every trial is named once more here: one that is forgotten is dead code, which the lints refuse.
macro_rules! trials {
    ($kind:ident: $($claim:ident),+ $(,)?) => { [$($kind(stringify!($claim), $claim)),+] };
}

fn main() {
    let usage = trials![
        offline:
        an_unknown_id_is_refused,
        an_id_that_no_named_scenario_covers_is_refused,
        a_report_that_cannot_be_written_is_refused_before_anything_is_played,
        two_reports_in_one_file_are_refused,
    ];
    let runs = trials![
        live:
        fail_fast_begins_no_run_after_a_failure,
        until_fail_ends_at_the_first_failure,
        until_fail_ends_at_its_limit,
        until_fail_does_not_repeat_what_cannot_be_played,
        only_what_covers_one_of_the_ids_is_played,
        failures_stand_above_the_counts,
        the_documented_events_are_the_real_ones,
        the_documented_fields_are_all_that_there_are,
        events_on_standard_output_are_alone_there,
        events_go_into_a_pipe_and_leave_it_one,
        the_junit_report_keeps_to_its_schema,
        a_failure_is_annotated_at_its_line,
        what_runs_leave_follows_the_umask,
        what_was_seen_on_the_host_is_its_owners_alone,
        no_link_in_the_place_of_a_file_is_followed,
        a_snapshot_of_another_kernel_is_called_so,
        the_settings_that_were_in_force_are_recorded,
    ];
    libtest_mimic::run(&Arguments::from_args(), usage.into_iter().chain(runs).collect()).exit();
}

fn offline(name: &str, claim: fn()) -> Trial {
    Trial::test(name, move || {
        claim();
        Ok(())
    })
}

/// A trial that plays scenarios: ignored, loudly, where this machine cannot play any, or where the claim says so.
fn live(name: &str, claim: fn() -> Option<&'static str>) -> Trial {
    let title = name.to_owned();
    Trial::ignorable_test(name, move || -> Result<Completion, Failed> {
        let unable = support::tcplab(["doctor"]).status.code() == Some(UNABLE);
        let reason = if unable {
            Some("this machine cannot play scenarios; `tcplab doctor` says why")
        } else {
            claim()
        };
        Ok(reason.map_or(Completion::Completed, |reason| {
            eprintln!("\nNOT TRIED: {title}: {reason}");
            Completion::ignored_with(reason)
        }))
    })
}

/// Runs the command, which must end with this code; what it said on standard output and standard error.
#[track_caller]
fn ends_with(command: &mut Command, code: i32) -> (String, String) {
    // A test that itself runs in GitHub Actions.
    command.env_remove("GITHUB_ACTIONS").env_remove("GITHUB_WORKSPACE");
    said(command, code)
}

#[track_caller]
fn said(command: &mut Command, code: i32) -> (String, String) {
    let output = output(command);
    let [said, told] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    assert!(!told.contains("panicked"), "{told}");
    assert_eq!(
        output.status.code(),
        Some(code),
        "standard error:\n{told}\nstandard output:\n{said}"
    );
    (said, told)
}

/// A scenario of two segments; the second one is to be this.
fn refused(keys: &str, second: &str) -> String {
    format!(
        "title = \"Refused\"\nteaches = \"Nobody listens.\"\n{keys}\n\
         timeline = '''\nclient connect -> ECONNREFUSED\n  C > S SYN\n  S > C {second}\n'''\n"
    )
}

/// A room with a scenario that passes, one that fails and one that is skipped, which are played in the order of their names.
fn room_of_three() -> Room {
    let room = Room::with(&[]);
    room.write("scenarios/a-fails.toml", refused("", "RST"));
    room.write("scenarios/b-passes.toml", refused("covers = [\"T57\"]", "RST ACK"));
    room.write(
        "scenarios/c-skips.toml",
        refused("bench.sysctl.\"ipv4.tcp_tw_recycle\" = 0", "RST ACK"),
    );
    room
}

// Usage --------------------------------------------------------------------------------------------------------------

#[track_caller]
fn is_refused(arguments: &[&str], words: &[&str]) {
    let room = room_of_three();
    let before = room.files();
    let (_, told) = ends_with(&mut room.tcplab(arguments), BAD_INPUT);
    for word in words {
        assert!(told.contains(word), "«{word}» is not in:\n{told}");
    }
    assert_eq!(room.files(), before, "something was left behind, or changed");
}

fn an_unknown_id_is_refused() {
    is_refused(
        &["run", "--covers", "T57", "--covers", "MUST-999"],
        &["MUST-999", "tcplab coverage"],
    );
}

fn an_id_that_no_named_scenario_covers_is_refused() {
    is_refused(&["run", "--covers", "T1"], &["T1", "tcplab list --covers T1"]);
}

fn a_report_that_cannot_be_written_is_refused_before_anything_is_played() {
    for option in ["--events", "--junit"] {
        is_refused(&["run", option, "nowhere/report"], &["nowhere/report", "help"]);
        is_refused(&["run", option, "scenarios"], &["`scenarios`", "directory", "help"]);
    }
}

fn two_reports_in_one_file_are_refused() {
    is_refused(
        &["run", "--events", "-", "--junit", "-"],
        &["--events", "--junit", "help"],
    );
}

// Which runs are made ------------------------------------------------------------------------------------------------

fn fail_fast_begins_no_run_after_a_failure() -> Option<&'static str> {
    let room = room_of_three();
    let (said, _) = ends_with(&mut room.tcplab(["run", "--fail-fast", "--jobs", "1"]), MISMATCH);
    assert!(said.contains("1 run in") && said.contains("2 not played"), "{said}");
    assert!(!room.path("runs/b-passes").exists());
    None
}

fn until_fail_ends_at_the_first_failure() -> Option<&'static str> {
    let room = room_of_three();
    let arguments = ["run", "b-passes", "a-fails", "--until-fail", "--jobs", "1"];
    let (said, _) = ends_with(&mut room.tcplab(arguments), MISMATCH);
    assert!(said.contains("1 failed"), "{said}");
    None
}

fn until_fail_ends_at_its_limit() -> Option<&'static str> {
    let room = room_of_three();
    let arguments = ["run", "b-passes", "--until-fail", "--repeat", "4"];
    let (said, _) = ends_with(&mut room.tcplab(arguments), PASSED);
    assert!(said.contains("4 runs in") && said.contains("4 passed"), "{said}");
    None
}

fn until_fail_does_not_repeat_what_cannot_be_played() -> Option<&'static str> {
    let room = room_of_three();
    let (said, _) = ends_with(
        &mut room.tcplab(["run", "c-skips", "--until-fail", "--jobs", "1"]),
        PASSED,
    );
    assert!(said.contains("1 run in") && said.contains("1 skipped"), "{said}");
    None
}

fn only_what_covers_one_of_the_ids_is_played() -> Option<&'static str> {
    let room = room_of_three();
    let (_, _) = ends_with(&mut room.tcplab(["run", "--covers", "t57"]), PASSED);
    assert!(room.path("runs/b-passes").exists() && !room.path("runs/a-fails").exists());
    None
}

fn failures_stand_above_the_counts() -> Option<&'static str> {
    let room = room_of_three();
    let (said, _) = ends_with(&mut room.tcplab(["run"]), MISMATCH);
    let reason = "fail  a-fails  segments: line 7 expects `S > C RST`, but segment 2 was `S > C RST ACK";
    let place = |text: &str| said.find(text).unwrap_or_else(|| panic!("«{text}» is not in:\n{said}"));
    assert!(place(reason) < place("skip  c-skips  not played:"));
    assert!(place("skip  c-skips  not played:") < place("3 runs in"));
    let (said, _) = ends_with(&mut room.tcplab(["run", "--repeat", "3"]), MISMATCH);
    assert!(said.contains("(3 times) segments: line 7 expects"), "{said}");
    assert!(said.contains(": 3 passed, 3 skipped, 3 failed\n"), "{said}");
    None
}

// Events -------------------------------------------------------------------------------------------------------------

/// The blocks of examples in docs/events.md.
fn documented() -> Vec<Vec<Value>> {
    let page = fs::read_to_string(support::root().join("docs/events.md")).expect("read docs/events.md");
    let blocks = page.split("```json\n").skip(1);
    blocks
        .map(|block| lines(block.split("```").next().expect("the block ends")))
        .collect()
}

fn lines(text: &str) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in:\n{line}"));
    text.lines().map(parse).collect()
}

/// What differs from run to run and from machine to machine, made equal.
fn normal(lines: &[Value]) -> Vec<Value> {
    let mut lines = lines.to_vec();
    for line in &mut lines {
        let line = line.as_object_mut().expect("an object");
        for field in ["at_ns", "elapsed_ms", "jobs"] {
            line.entry(field).and_modify(|value| {
                assert!(value.is_u64(), "{field} is {value}");
                *value = 0.into();
            });
        }
        line.entry("kernel").and_modify(|kernel| *kernel = "".into());
        for option in line
            .get_mut("options")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if option.as_str().is_some_and(|option| option.starts_with("ts ")) {
                *option = "ts".into();
            }
        }
    }
    lines
}

/// The events of these runs, and what people were told meanwhile.
fn events(room: &Room, arguments: &[&str], code: i32) -> (Vec<Value>, String) {
    let (said, told) = ends_with(room.tcplab(arguments).args(["--events", "-"]), code);
    (lines(&said), told)
}

fn the_documented_events_are_the_real_ones() -> Option<&'static str> {
    let documented = documented();
    let [session, faults] = &documented[..] else {
        panic!("docs/events.md has {} examples", documented.len());
    };
    let room = Room::with(&["connect-refused", "loss/synack-lost"]);
    let (real, _) = events(&room, &["run", "connect-refused"], PASSED);
    assert_eq!(normal(session), normal(&real));
    let (mut real, _) = events(&room, &["run", "loss/synack-lost"], PASSED);
    if real.iter().any(|line| line["verdict"] == "skip") {
        return Some("this kernel has no packet queue: the faults of docs/events.md were not compared");
    }
    real.retain(|line| line["event"] == "fault");
    assert_eq!(normal(faults), normal(&real));
    None
}

fn the_documented_fields_are_all_that_there_are() -> Option<&'static str> {
    let page = fs::read_to_string(support::root().join("docs/events.md")).expect("read docs/events.md");
    let rows: BTreeMap<&str, &str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .collect();
    let (real, _) = events(&room_of_three(), &["run"], MISMATCH);
    assert_eq!(real[0]["event"], "suite");
    assert_eq!(real[0]["version"], 1);
    assert_eq!(real.last().expect("there are lines")["event"], "suite_end");
    for line in &real {
        let event = line["event"].as_str().expect("a word");
        let row = rows
            .get(event)
            .unwrap_or_else(|| panic!("docs/events.md does not know `{event}`"));
        for field in line.as_object().expect("an object").keys() {
            let is_told = ["event", "run", "scenario", "step", "at_ns"].contains(&&**field)
                || row.contains(&format!("`{field}`"));
            assert!(is_told, "docs/events.md does not know `{field}` of `{event}`");
        }
    }
    let verdicts: BTreeMap<&str, &str> = real
        .iter()
        .filter(|line| line["event"] == "run_end")
        .map(|line| {
            (
                line["scenario"].as_str().expect("a name"),
                line["verdict"].as_str().expect("a word"),
            )
        })
        .collect();
    assert_eq!(
        verdicts,
        BTreeMap::from([("a-fails", "fail"), ("b-passes", "pass"), ("c-skips", "skip")])
    );
    let failed = real.iter().find(|line| line["verdict"] == "fail").expect("one failed");
    assert_eq!(failed["line"], 7);
    assert_eq!(failed["failed"][0]["check"], "segments");
    None
}

fn events_on_standard_output_are_alone_there() -> Option<&'static str> {
    let (real, told) = events(&room_of_three(), &["run"], MISMATCH);
    assert!(real.len() > 10);
    assert!(told.contains("3 runs in"), "the report for people is gone: {told}");
    None
}

fn events_go_into_a_pipe_and_leave_it_one() -> Option<&'static str> {
    let room = Room::with(&["connect-refused"]);
    let pipe = room.path("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("make a pipe");
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read_to_string(pipe).expect("read the pipe")
    });
    ends_with(&mut room.tcplab(["run", "--events", "pipe"]), PASSED);
    let told = lines(&reader.join().expect("the reader ends"));
    assert_eq!(told.last().expect("there are lines")["event"], "suite_end");
    assert!(!fs::metadata(&pipe).expect("it is there").is_file());
    None
}

// JUnit and annotations ----------------------------------------------------------------------------------------------

fn the_junit_report_keeps_to_its_schema() -> Option<&'static str> {
    let room = room_of_three();
    // Something that XML cannot hold as it is, in a folder.
    fs::create_dir(room.path("scenarios/sub")).expect("make a folder");
    room.write("scenarios/sub/odd & <big>.toml", refused("", "RST"));
    ends_with(
        &mut room.tcplab(["run", "--junit", "junit.xml", "--repeat", "2"]),
        MISMATCH,
    );
    let xml = room.read("junit.xml");
    for part in [
        "<testsuites name=\"tcplab\" tests=\"8\" skipped=\"2\" failures=\"4\" errors=\"0\"",
        "<testsuite name=\"sub\" tests=\"2\"",
        "odd &amp; &lt;big&gt; (run ",
        "<failure message=\"segments: line 7 expects `S &gt; C RST`, but segment 2 was",
        "type=\"fail\">scenarios/a-fails.toml:7\n",
        "<skipped message=\"not played: this kernel has no setting net.ipv4.tcp_tw_recycle\"/>",
    ] {
        assert!(xml.contains(part), "«{part}» is not in:\n{xml}");
    }
    let schema = support::root().join("tests/junit.xsd");
    let mut xmllint = Command::new("xmllint");
    xmllint
        .arg("--noout")
        .arg("--schema")
        .arg(schema)
        .arg(room.path("junit.xml"));
    match xmllint.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Some("xmllint is not installed (`./justw tools`): the report was not held against tests/junit.xsd")
        }
        Err(error) => panic!("start xmllint: {error}"),
        Ok(output) => {
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{told}\n{xml}");
            None
        }
    }
}

fn a_failure_is_annotated_at_its_line() -> Option<&'static str> {
    let room = room_of_three();
    let command = "::error file=scenarios/a-fails.toml,line=7,title=fail a-fails::segments: ";
    let annotated = |arguments: &[&str], is_github: bool| {
        let mut run = room.tcplab(arguments);
        run.env_remove("GITHUB_WORKSPACE");
        if is_github {
            run.env("GITHUB_ACTIONS", "true");
        } else {
            run.env_remove("GITHUB_ACTIONS");
        }
        let (said, _) = said(&mut run, MISMATCH);
        let commands: Vec<&str> = said.lines().filter(|line| line.starts_with("::")).collect();
        assert!(commands.iter().all(|line| line.starts_with(command)), "{said}");
        commands.len()
    };
    assert_eq!(annotated(&["run"], true), 1);
    assert_eq!(annotated(&["run", "--repeat", "3"], true), 1);
    assert_eq!(annotated(&["run"], false), 0);
    assert_eq!(annotated(&["run", "--annotations"], false), 1);
    assert_eq!(annotated(&["run", "--annotations=never"], true), 0);
    None
}

// What is left -------------------------------------------------------------------------------------------------------

/// The arguments by which a run leaves every kind of file.
const EVERYTHING: [&str; 5] = ["run", "--events", "events.jsonl", "--junit", "junit.xml"];

/// Every kind of file that a first run of `connect-refused` leaves.
const LEFT: [&str; 7] = [
    "runs/connect-refused/capture.pcap",
    "runs/connect-refused/judgement.json",
    "runs/connect-refused/run.json",
    "runs/connect-refused/transcript.txt",
    "snapshots/connect-refused.snap.new",
    "events.jsonl",
    "junit.xml",
];

/// A room in which a run of `connect-refused` has everything to leave.
fn room_without_snapshot() -> Room {
    let room = Room::with(&["connect-refused"]);
    fs::remove_file(room.path("snapshots/connect-refused.snap")).expect("remove the snapshot");
    room
}

fn what_runs_leave_follows_the_umask() -> Option<&'static str> {
    for (umask, mode) in [("022", 0o644), ("077", 0o600)] {
        let room = room_without_snapshot();
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!(r#"umask {umask}; exec "$0" "$@""#)]);
        shell
            .arg(support::program())
            .args(EVERYTHING)
            .current_dir(room.path("."));
        ends_with(&mut shell, PASSED);
        for file in LEFT {
            let metadata = fs::metadata(room.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert_eq!(metadata.permissions().mode() & 0o777, mode, "{file} with umask {umask}");
        }
    }
    None
}

fn what_was_seen_on_the_host_is_its_owners_alone() -> Option<&'static str> {
    let room = room_without_snapshot();
    let out = output(room.tcplab(EVERYTHING).args(["connect-refused", "--host"]));
    match out.status.code() {
        Some(PASSED) if room.path("runs/connect-refused/run.json").exists() => {}
        Some(PASSED | UNABLE) => return Some("this user may not capture on the host's loopback"),
        // Somebody else uses the loopback: what is left is what counts here.
        _ if room.path("runs/connect-refused/run.json").exists() => {}
        code => panic!("{code:?}: {}", String::from_utf8_lossy(&out.stderr)),
    }
    for file in LEFT.iter().filter(|file| !file.starts_with("snapshots/")) {
        let metadata = fs::metadata(room.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{file}");
    }
    None
}

fn no_link_in_the_place_of_a_file_is_followed() -> Option<&'static str> {
    let room = room_without_snapshot();
    fs::create_dir_all(room.path("runs/connect-refused")).expect("make a folder");
    room.write("victim", "precious");
    for file in LEFT {
        symlink(room.path("victim"), room.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
    ends_with(&mut room.tcplab(EVERYTHING), PASSED);
    assert_eq!(room.read("victim"), "precious");
    for file in LEFT {
        let metadata = fs::symlink_metadata(room.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(metadata.is_file(), "{file} is still a link");
    }
    None
}

fn a_snapshot_of_another_kernel_is_called_so() -> Option<&'static str> {
    let room = Room::with(&["connect-refused"]);
    let accepted = room.read("snapshots/connect-refused.snap");
    let kernel = accepted
        .split("recorded on Linux ")
        .nth(1)
        .and_then(|rest| rest.lines().next())
        .expect("the snapshot names its kernel");
    let changed = accepted.replace(kernel, "4.19.0").replace("RST ACK", "RST");
    room.write("snapshots/connect-refused.snap", changed);
    let (said, _) = ends_with(&mut room.tcplab(["run", "connect-refused"]), MISMATCH);
    assert!(said.contains("It was accepted with Linux 4.19.0, this is "), "{said}");
    let (real, _) = events(&room, &["run"], MISMATCH);
    let end = real.iter().find(|line| line["event"] == "run_end").expect("it ended");
    let reason = end["reason"].as_str().expect("a sentence");
    assert!(
        reason.ends_with("the transcript is not the accepted one, which is of Linux 4.19.0"),
        "{reason}"
    );
    None
}

fn the_settings_that_were_in_force_are_recorded() -> Option<&'static str> {
    let room = Room::with_odd_scenario(refused("bench.sysctl.\"ipv4.tcp_syn_retries\" = 2", "RST ACK"));
    ends_with(&mut room.tcplab(["run", "odd"]), PASSED);
    let run: Value = serde_json::from_str(&room.read("runs/odd/run.json")).expect("JSON");
    let sysctls = &run["environment"]["sysctls"];
    // One of the profile, and one that the scenario has changed.
    assert_eq!(sysctls["ipv4.tcp_congestion_control"], "reno");
    assert_eq!(sysctls["ipv4.tcp_syn_retries"], "2");
    None
}
