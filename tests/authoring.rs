//! The commands with which scenarios are written, from outside: new, record, fmt, explain, completions.

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use support::room::{Room, output};

fn main() {
    let offline = [
        (
            "a_new_scenario_is_well_formed_and_laid_out",
            a_new_scenario_is_well_formed_and_laid_out as fn(),
        ),
        ("a_new_scenario_replaces_nothing", a_new_scenario_replaces_nothing),
        ("a_bad_name_is_met_with_a_good_one", a_bad_name_is_met_with_a_good_one),
        ("shipped_scenarios_are_laid_out", shipped_scenarios_are_laid_out),
        ("a_file_with_mistakes_is_left_alone", a_file_with_mistakes_is_left_alone),
        ("what_is_no_capture_is_refused", what_is_no_capture_is_refused),
        (
            "a_shell_learns_the_names_of_scenarios",
            a_shell_learns_the_names_of_scenarios,
        ),
        ("the_manual_has_every_subcommand", the_manual_has_every_subcommand),
    ];
    let live = [
        (
            "a_stripped_scenario_is_recorded_to_one_that_passes",
            a_stripped_scenario_is_recorded_to_one_that_passes as fn(),
        ),
        (
            "recording_what_holds_changes_nothing",
            recording_what_holds_changes_nothing,
        ),
        ("a_wrong_line_is_corrected_alone", a_wrong_line_is_corrected_alone),
        (
            "a_table_is_not_written_into_and_all_else_is",
            a_table_is_not_written_into_and_all_else_is,
        ),
        ("a_check_writes_nothing", a_check_writes_nothing),
        (
            "a_call_that_never_ends_is_not_recorded",
            a_call_that_never_ends_is_not_recorded,
        ),
        (
            "every_template_can_be_recorded_and_played",
            every_template_can_be_recorded_and_played,
        ),
        (
            "a_capture_is_explained_however_it_ends",
            a_capture_is_explained_however_it_ends,
        ),
        ("every_save_is_played_until_ctrl_c", every_save_is_played_until_ctrl_c),
    ];
    let trials = offline.into_iter().map(|(name, claim)| {
        Trial::test(name, move || {
            claim();
            Ok(())
        })
    });
    let live = live.into_iter().map(|(name, claim)| {
        Trial::ignorable_test(name, move || -> Result<Completion, Failed> {
            if support::tcplab(["doctor"]).status.code() == Some(4) {
                eprintln!("\nNOT TRIED: {name}: this machine cannot play scenarios");
                return Ok(Completion::ignored_with("this machine cannot play scenarios"));
            }
            claim();
            Ok(Completion::Completed)
        })
    });
    libtest_mimic::run(&Arguments::from_args(), trials.chain(live).collect()).exit();
}

const TEMPLATES: [&str; 8] = [
    "echo",
    "close",
    "reset",
    "refused",
    "half-close",
    "crash",
    "loss",
    "forged",
];

#[track_caller]
fn says(room: &Room, arguments: &[&str], code: i32, words: &[&str]) -> Output {
    let output = output(&mut room.tcplab(arguments));
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{said}");
    for word in words {
        assert!(said.contains(word), "«{word}» is not in:\n{said}");
    }
    output
}

fn a_new_scenario_is_well_formed_and_laid_out() {
    let room = Room::with(&[]);
    for template in TEMPLATES {
        let name = format!("group/{template}");
        says(
            &room,
            &["new", &name, "--template", template],
            0,
            &["wrote scenarios/group/", "tcplab record"],
        );
        says(&room, &["check", &name], 0, &[]);
        says(&room, &["fmt", "--check", &name], 0, &[]);
    }
}

fn a_new_scenario_replaces_nothing() {
    let room = Room::with_odd_scenario("mine");
    says(&room, &["new", "odd"], 2, &["exists already", "help"]);
    assert_eq!(room.read("scenarios/odd.toml"), "mine");
}

fn a_bad_name_is_met_with_a_good_one() {
    let room = Room::with(&[]);
    let before = room.files();
    for (name, better) in [
        ("../gone", "`gone`"),
        ("My Scenario!", "`my-scenario`"),
        ("/etc/x", "`etc/x`"),
        ("", "`my-scenario`"),
        (".x", "`x`"),
    ] {
        says(&room, &["new", "--", name], 2, &["cannot be the name", better]);
    }
    assert_eq!(room.files(), before);
}

fn shipped_scenarios_are_laid_out() {
    assert!(
        support::tcplab(["fmt", "--check"]).status.success(),
        "`tcplab fmt` writes them in the canonical layout"
    );
}

fn a_file_with_mistakes_is_left_alone() {
    for command in ["fmt", "record"] {
        let wrong = "title = 'x'\nteaches = 'x'\ntimeline = '''\n server   lissen\n'''\n";
        let room = Room::with_odd_scenario(wrong);
        says(&room, &[command, "odd"], 2, &["lissen", "listen"]);
        assert_eq!(room.read("scenarios/odd.toml"), wrong);
    }
}

fn what_is_no_capture_is_refused() {
    let room = Room::with(&[]);
    room.write("notes.txt", "no capture at all, but some text");
    says(&room, &["explain", "notes.txt"], 2, &["notes.txt", "help"]);
    says(
        &room,
        &["explain", "--scenario", "basic", "gone.pcap"],
        2,
        &["gone.pcap"],
    );
}

fn a_shell_learns_the_names_of_scenarios() {
    let room = Room::with(&["basic", "abort"]);
    for shell in ["bash", "fish", "zsh"] {
        says(&room, &["completions", shell], 0, &["COMPLETE"]);
    }
    let mut asked = room.tcplab(["--", "tcplab", "record", "ba"]);
    asked
        .env("COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", "2")
        .env("_CLAP_IFS", "\n");
    let answer = String::from_utf8(output(&mut asked).stdout).expect("text");
    assert_eq!(answer.trim(), "basic");
}

fn the_manual_has_every_subcommand() {
    let page = String::from_utf8(support::tcplab(["man"]).stdout).expect("text");
    for subcommand in ["RUN", "NEW", "RECORD", "WATCH", "REVIEW", "EXPLAIN", "FMT", "DOCTOR"] {
        assert!(
            page.contains(&format!("TCPLAB {subcommand}\"")),
            "{subcommand} is missing"
        );
    }
}

/// The file without its segment lines.
fn strip(room: &Room, name: &str) {
    let file = format!("scenarios/{name}.toml");
    let text = room.read(&file);
    let lines = text
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("  C > ") && !line.starts_with("  S > "));
    room.write(&file, lines.collect::<String>());
}

fn a_stripped_scenario_is_recorded_to_one_that_passes() {
    let names = [
        "basic",
        "half-close",
        "three-segment-close",
        "connect-refused",
        "close-unread-data",
        "self-connect",
        "loss/data-lost",
        "reset/rst-in-window",
    ];
    let room = Room::with(&names);
    for name in names {
        strip(&room, name);
        says(&room, &["record", name], 0, &["wrote what came"]);
        // Also against the accepted snapshot: the session is the same.
        says(&room, &["run", name], 0, &["pass"]);
        says(&room, &["record", "--check", name], 0, &["nothing to write"]);
        says(&room, &["fmt", "--check", name], 0, &[]);
    }
}

fn recording_what_holds_changes_nothing() {
    let room = Room::with(&["basic", "abort"]);
    let before = ["basic", "abort"].map(|name| room.read(&format!("scenarios/{name}.toml")));
    says(&room, &["record", "basic", "abort"], 0, &["nothing to write"]);
    assert_eq!(
        ["basic", "abort"].map(|name| room.read(&format!("scenarios/{name}.toml"))),
        before
    );
}

fn a_wrong_line_is_corrected_alone() {
    let room = Room::with(&["basic"]);
    let right = room.read("scenarios/basic.toml");
    let line = "  S > C  ACK      seq 1   ack 13  len 0\n";
    assert!(right.contains(line), "the scenario has changed");
    let wrong = right.replacen(line, "  S > C  RST      seq 1   len 0  # surely?\n", 1);
    room.write("scenarios/basic.toml", &wrong);
    // A file in canonical layout stays in it.
    says(&room, &["fmt", "basic"], 0, &["laid out"]);
    says(&room, &["record", "basic"], 0, &["in 1 step"]);
    let now = room.read("scenarios/basic.toml");
    // The comment is kept, in a line of its own.
    assert_eq!(now.replacen("  # surely?\n", "", 1), right);
    assert_ne!(now, right);
}

fn a_table_is_not_written_into_and_all_else_is() {
    let file = |before: &str, row: &str, after: &str| {
        format!(
            "title = 'x'\nteaches = 'x'\nbench.peer = 'client'\ntimeline = '''\npeer    send C > S SYN\n{before}table {{\n  \
             peer send C > S  |  S > C RST\n  ACK  ack 7       |  seq 7\n  {row}\n}}\npeer    send C > S FIN\n{after}'''\n"
        )
    };
    let room = Room::with_odd_scenario(file("", "ACK  ack 8       |  seq 9", ""));
    let told = "line 10: `peer send C > S ACK ack 8`: what came is `S > C RST seq 8 len 0`; write it yourself";
    says(&room, &["record", "odd"], 1, &["in 2 steps", told]);
    let lines = |number| format!("  S > C  RST ACK  seq 0  ack {number}  len 0\n");
    assert_eq!(
        room.read("scenarios/odd.toml"),
        file(&lines(1), "ACK  ack 8       |  seq 9", &lines(1))
    );
    // Also when all is to be written anew.
    let right = file(&lines(1), "ACK  ack 8       |  seq 8", &lines(1));
    room.write("scenarios/odd.toml", &right);
    says(&room, &["record", "--anew", "odd"], 0, &["nothing to write"]);
    assert_eq!(room.read("scenarios/odd.toml"), right);
    // A failure names the row by its line, and by what it stands for.
    room.write(
        "scenarios/odd.toml",
        file(&lines(1), "ACK  ack 8       |  seq 9", &lines(1)),
    );
    let row = ["line 10", "peer send C > S ACK ack 8", "S > C RST seq 9"];
    says(&room, &["run", "odd"], 1, &row);
}

fn a_check_writes_nothing() {
    let room = Room::with(&["basic"]);
    strip(&room, "basic");
    let stripped = room.read("scenarios/basic.toml");
    says(&room, &["record", "--check", "basic"], 1, &["would change"]);
    assert_eq!(room.read("scenarios/basic.toml"), stripped);
}

fn a_call_that_never_ends_is_not_recorded() {
    let endless = "title = 'x'\nteaches = 'x'\nbench.deadline = '300ms'\ntimeline = '''\nserver listen\nclient connect\nserver accept\nclient recv 1\n'''\n";
    let room = Room::with_odd_scenario(endless);
    says(
        &room,
        &["record", "odd"],
        1,
        &["line 8", "client recv 1", "had not ended", "&"],
    );
    assert_eq!(room.read("scenarios/odd.toml"), endless);
}

fn every_template_can_be_recorded_and_played() {
    let room = Room::with(&[]);
    for template in TEMPLATES {
        says(&room, &["new", template, "--template", template], 0, &[]);
        says(&room, &["record", template], 0, &["wrote what came"]);
        says(&room, &["run", template], 0, &["pass"]);
    }
}

fn a_capture_is_explained_however_it_ends() {
    let room = Room::with(&["basic"]);
    says(&room, &["run", "basic"], 0, &[]);
    says(
        &room,
        &["explain", "basic"],
        0,
        &["== handshake ==", "RFC 9293 section 3.4", "what this run shows"],
    );
    says(
        &room,
        &["explain", "runs/basic/capture.pcap"],
        0,
        &["client 127.0.0.1", "FIN takes number 13"],
    );
    let with = ["explain", "runs/basic/capture.pcap", "--scenario", "basic"];
    says(&room, &with, 0, &["client send \"Hello World!\""]);
    let whole = fs::read(room.path("runs/basic/capture.pcap")).expect("read the capture");
    for length in (0..whole.len()).step_by(97) {
        room.write("cut.pcap", &whole[..length]);
        let ended = output(&mut room.tcplab(["explain", "cut.pcap"]));
        assert!(
            matches!(ended.status.code(), Some(0 | 2)),
            "cut to {length} bytes: {}",
            ended.status
        );
    }
}

/// The longest that the next line may be waited for.
const PATIENCE: Duration = Duration::from_secs(60);

fn every_save_is_played_until_ctrl_c() {
    let room = Room::with(&["basic"]);
    let right = room.read("scenarios/basic.toml");
    let line = "  S > C  ACK      seq 1   ack 13  len 0\n";
    assert!(right.contains(line), "the scenario has changed");
    let mut command = room.tcplab(["watch", "basic"]);
    let mut watch = command.stdout(Stdio::piped()).spawn().expect("start the watch");
    let out = BufReader::new(watch.stdout.take().expect("its output"));
    let (sender, lines) = channel();
    let reader = std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    // As editors do it: a new file is renamed over the old one.
    let save = |text: &str| {
        room.write("tmp/edited", text);
        fs::rename(room.path("tmp/edited"), room.path("scenarios/basic.toml")).expect("save the file");
    };
    next_told(&lines, "pass  basic");
    save(&right.replacen(line, "  S > C  RST      seq 1   len 0\n", 1));
    let told = next_told(&lines, "fail  basic");
    assert!(told.contains("expected") && told.contains("RST"), "{told}");
    save(&right.replacen("listen", "lissen", 1));
    next_told(&lines, "did you mean");
    save(&right);
    next_told(&lines, "pass  basic");
    let process = nix::unistd::Pid::from_raw(watch.id().cast_signed());
    nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGINT).expect("send SIGINT");
    // Its output ends when it does.
    while lines.recv_timeout(PATIENCE).is_ok() {}
    assert!(reader.is_finished() || reader.join().is_ok());
    assert_eq!(watch.wait().expect("its end").code(), Some(130));
    assert_eq!(
        fs::read_dir(room.path("tmp")).expect("read tmp").count(),
        0,
        "left in tmp"
    );
    assert_eq!(fs::read_dir(room.path("scenarios")).expect("read scenarios").count(), 1);
}

/// What the watch tells of the next save, which must have these words in it.
#[track_caller]
fn next_told(lines: &Receiver<String>, words: &str) -> String {
    let mut told = String::new();
    loop {
        let line = lines
            .recv_timeout(PATIENCE)
            .unwrap_or_else(|error| panic!("{error} after:\n{told}"));
        let is_last = line.starts_with("watching ");
        told += &(line + "\n");
        if is_last {
            assert!(told.contains(words), "«{words}» is not in:\n{told}");
            return told;
        }
    }
}
