//! When the machine or the lab itself fails: the program is killed, stopped, and refused files, memory and threads. Whatever
//! happens, it does not claim that TCP did something wrong, it does not panic, and no file is half-written.

mod support;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::room::{Room, output};

const PASSED: i32 = 0;
const MISMATCH: i32 = 1;
const INCONCLUSIVE: i32 = 3;
const UNABLE: i32 = 4;
const INTERRUPTED: i32 = 130;

const ARTEFACTS: [&str; 4] = ["capture.pcap", "judgement.json", "run.json", "transcript.txt"];
/// What unfinished files are called; `src/files.rs`.
const UNFINISHED: [&str; 2] = [".tcplab-", ".tcplab-"];

/// Each trial is named once.
macro_rules! trials {
    ($($claim:ident),+ $(,)?) => { [$(live(stringify!($claim), $claim)),+] };
}

fn main() {
    let trials = trials![
        a_killed_run_leaves_no_half_file_and_no_process,
        what_a_killed_run_left_unfinished_is_cleared_away,
        a_full_disk_is_told_and_leaves_whole_files,
        a_file_that_may_not_grow_is_told_and_leaves_whole_files,
        a_folder_that_cannot_be_written_is_told,
        too_few_file_descriptors_are_told,
        too_few_threads_are_told,
        too_little_memory_is_told,
        a_run_that_is_stopped_for_seconds_is_not_blamed_on_tcp,
        a_deadline_that_passes_while_the_run_is_stopped_is_no_failure,
        a_closed_output_is_no_reason_to_panic,
        a_full_output_is_told,
        every_ending_signal_ends_in_good_order_in_every_phase,
        a_soak_that_is_interrupted_reports_what_it_has,
        a_soak_notices_that_the_process_that_plays_dies,
        a_soak_under_stops_has_no_false_verdict,
    ];
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit();
}

/// A trial that plays a scenario: ignored, loudly, where this machine cannot play any.
fn live(name: &str, claim: fn() -> Result<(), String>) -> Trial {
    let title = name.to_owned();
    Trial::ignorable_test(name, move || -> Result<Completion, Failed> {
        let reason = if support::tcplab(["doctor"]).status.code() == Some(UNABLE) {
            "this machine cannot play scenarios; `tcplab doctor` says why".to_owned()
        } else {
            match claim() {
                Ok(()) => return Ok(Completion::Completed),
                Err(reason) => reason,
            }
        };
        eprintln!("\nNOT TRIED: {title}: {reason}");
        Ok(Completion::ignored_with(reason))
    })
}

// What is said and left ----------------------------------------------------------------------------------------------

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|words| String::from_utf8_lossy(words))
        .join("\n")
}

/// One of these codes, no panic, and where the machine refused something, what helps.
#[track_caller]
fn is_clear(output: &Output, codes: &[i32], what: &str) {
    let told = said(output);
    let code = output.status.code();
    assert!(!told.contains("panicked"), "{what}: {told}");
    assert!(
        code.is_some_and(|code| codes.contains(&code)),
        "{what}: {:?}\n{told}",
        output.status
    );
    let is_unable = code == Some(UNABLE);
    assert!(
        !is_unable || told.contains("help: ") || told.contains("Remedy: "),
        "{what}: no remedy in:\n{told}"
    );
}

/// Each file below the folder is known by its name and whole; an unfinished one is neither, and only a killed run may leave it.
#[track_caller]
fn is_whole(folder: &Path, what: &str) {
    if !folder.exists() {
        return;
    }
    for file in support::files_below(folder) {
        let name = file.file_name().and_then(OsStr::to_str).expect("a name");
        if UNFINISHED.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        assert!(ARTEFACTS.contains(&name), "{what}: {} was left behind", file.display());
        if name.ends_with(".json") {
            let text = fs::read(&file).expect("read a file of the run");
            serde_json::from_slice::<serde_json::Value>(&text)
                .unwrap_or_else(|error| panic!("{what}: {} is half-written: {error}", file.display()));
        } else if name == "capture.pcap" {
            let mut capture = pcap::Capture::from_file(&file).expect("open the capture");
            let end = loop {
                if let Err(error) = capture.next_packet() {
                    break error;
                }
            };
            assert_eq!(
                end,
                pcap::Error::NoMorePackets,
                "{what}: {} is half-written",
                file.display()
            );
        } else {
            let text = fs::read_to_string(&file).expect("read the transcript");
            assert!(text.ends_with('\n'), "{what}: {} is half-written", file.display());
        }
    }
}

fn unfinished(folder: &Path) -> Vec<PathBuf> {
    let is_unfinished = |file: &PathBuf| {
        let name = file.file_name().and_then(OsStr::to_str).unwrap_or_default();
        UNFINISHED.iter().any(|prefix| name.starts_with(prefix))
    };
    support::files_below(folder).into_iter().filter(is_unfinished).collect()
}

#[track_caller]
fn nothing_unfinished(room: &Room, what: &str) {
    assert_eq!(unfinished(&room.path("")), Vec::<PathBuf>::new(), "{what}");
}

// Killed -------------------------------------------------------------------------------------------------------------

fn start(command: &mut Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("start tcplab")
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a process id"))
}

/// The network namespaces of the process's threads.
fn namespaces(process: &Path) -> BTreeSet<u64> {
    let Ok(tasks) = fs::read_dir(process.join("task")) else {
        return BTreeSet::new();
    };
    tasks
        .flatten()
        .filter_map(|task| Some(fs::metadata(task.path().join("ns/net")).ok()?.ino()))
        .collect()
}

/// The namespaces in which any process of the machine is, as far as they can be seen.
fn all_namespaces() -> BTreeSet<u64> {
    let processes = fs::read_dir("/proc").expect("read /proc").flatten();
    processes.flat_map(|process| namespaces(&process.path())).collect()
}

/// The room's scenario `basic` with a snapshot that every run wants to replace, so that snapshots are written too.
fn room_with_a_difference() -> (Room, String) {
    let room = Room::with(&["basic"]);
    let snapshot = room.read("snapshots/basic.snap").replacen("len 12", "len 21", 1);
    room.write("snapshots/basic.snap", &snapshot);
    (room, snapshot)
}

fn a_killed_run_leaves_no_half_file_and_no_process() -> Result<(), String> {
    let (room, snapshot) = room_with_a_difference();
    let own = namespaces(Path::new("/proc/self"));
    let mut seen = 0;
    // Over three runs one after the other, of some tens of milliseconds each, from the start of the program on.
    for moment in 0..40_u64 {
        let after = Duration::from_millis(1 + moment * 5);
        let mut child = start(&mut room.tcplab(["run", "basic", "--repeat", "4", "--jobs", "1", "--quiet"]));
        thread::sleep(after);
        let mut left = namespaces(&PathBuf::from(format!("/proc/{}", child.id())));
        left.retain(|namespace| !own.contains(namespace));
        seen += left.len();
        child.kill().expect("kill tcplab");
        child.wait().expect("wait for tcplab");
        let what = format!("killed after {after:?}");
        assert!(
            all_namespaces().is_disjoint(&left),
            "{what}: somebody is still in a namespace of the run"
        );
        is_whole(&room.path("runs"), &what);
        assert_eq!(room.read("snapshots/basic.snap"), snapshot, "{what}");
        if room.path("snapshots/basic.snap.new").exists() {
            let pending = room.read("snapshots/basic.snap.new");
            assert!(
                pending.starts_with("---\n")
                    && pending
                        .trim_end()
                        .ends_with(snapshot.trim_end().lines().last().unwrap_or_default()),
                "{what}:\n{pending}"
            );
        }
    }
    assert!(seen > 0, "no run was killed while it had a namespace");
    // What was killed does not keep the next run from its result.
    is_clear(
        &output(&mut room.tcplab(["run", "basic", "--quiet"])),
        &[MISMATCH],
        "after all",
    );
    Ok(())
}

fn what_a_killed_run_left_unfinished_is_cleared_away() -> Result<(), String> {
    let (room, _) = room_with_a_difference();
    fs::create_dir_all(room.path("runs/basic")).expect("make the folder of the run");
    let old = SystemTime::now() - Duration::from_secs(3600);
    for name in [
        "runs/basic/.tcplab-a1b2c3.pcap",
        "runs/basic/.tcplab-d4e5f6",
        "snapshots/.tcplab-a1b2c3",
    ] {
        room.write(name, "half of it");
        let file = fs::File::options().write(true).open(room.path(name)).expect("open it");
        file.set_modified(old).expect("make it old");
    }
    is_clear(
        &output(&mut room.tcplab(["run", "basic", "--quiet"])),
        &[MISMATCH],
        "run",
    );
    nothing_unfinished(&room, "after a run");
    Ok(())
}

// Refused ------------------------------------------------------------------------------------------------------------

/// The program as nobody in a shell that first does this: limits hold for nobody, not for root.
fn limited(room: &Room, first: &str, arguments: &str) -> Command {
    let program = room.tcplab_as_nobody([""; 0]).get_program().to_owned();
    shell(room, &format!("{first}; exec '{}' {arguments}", program.display()))
}

fn shell(room: &Room, script: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", script])
        .current_dir(room.path(""))
        .stdin(Stdio::null());
    command.env("TMPDIR", room.path("tmp")).env_remove("NO_COLOR");
    if nix::unistd::geteuid().is_root() {
        use std::os::unix::process::CommandExt;
        command.uid(65534).gid(65534);
    }
    command
}

/// A room in which the user nobody may write.
fn room_for_nobody() -> Room {
    let room = Room::with(&["basic"]);
    for folder in ["", "snapshots", "tmp"] {
        room.chmod(folder, 0o777);
    }
    room
}

fn a_full_disk_is_told_and_leaves_whole_files() -> Result<(), String> {
    let room = room_for_nobody();
    let try_out = output(&mut shell(&room, "unshare -Urm true"));
    if !try_out.status.success() {
        return Err(format!("`unshare -Urm` does not work here: {}", said(&try_out).trim()));
    }
    fs::create_dir(room.path("runs")).expect("make the folder");
    let program = room.tcplab_as_nobody([""; 0]).get_program().to_owned();
    let mut full = 0;
    for kibibytes in [4, 8, 12, 16, 20, 28, 512] {
        let what = format!("a disk of {kibibytes} KiB");
        // The mount ends with its namespace, so what it held is copied out.
        let script = format!(
            "mount -t tmpfs -o size={kibibytes}k tmpfs runs || exit 99; '{}' run basic; code=$?; \
             mkdir -p kept; cp -r runs kept/{kibibytes}; exit $code",
            program.display()
        );
        let output = output(&mut shell(
            &room,
            &format!("exec unshare -Urm sh -c \"{}\"", script.replace('$', "\\$")),
        ));
        is_clear(&output, &[PASSED, UNABLE], &what);
        let told = said(&output);
        if output.status.code() == Some(UNABLE) {
            full += 1;
            assert!(told.contains("No space left on device"), "{what}: {told}");
        }
        let kept = room.path(&format!("kept/{kibibytes}"));
        is_whole(&kept, &what);
        assert_eq!(unfinished(&kept), Vec::<PathBuf>::new(), "{what}");
        assert_eq!(
            kept.join("basic/judgement.json").exists(),
            output.status.success(),
            "{what}"
        );
    }
    assert!((1..7).contains(&full), "{full} of the disks were full");
    Ok(())
}

fn a_file_that_may_not_grow_is_told_and_leaves_whole_files() -> Result<(), String> {
    let room = room_for_nobody();
    // In the shell's blocks of 512 bytes.
    for blocks in [0, 1, 2, 4, 8, 16] {
        let what = format!("ulimit -f {blocks}");
        let output = output(&mut limited(&room, &what, "run basic"));
        is_clear(&output, &[UNABLE], &what);
        assert!(said(&output).contains("File too large"), "{what}: {}", said(&output));
        is_whole(&room.path("runs"), &what);
        nothing_unfinished(&room, &what);
    }
    Ok(())
}

fn a_folder_that_cannot_be_written_is_told() -> Result<(), String> {
    if !nix::unistd::geteuid().is_root() {
        // In its user namespace the program has every right to the files of its user.
        return Err("it takes a folder of another user, which only root can make".to_owned());
    }
    let room = room_for_nobody();
    fs::create_dir_all(room.path("runs/basic")).expect("make the folder");
    for (folder, codes) in [("runs/basic", [UNABLE]), ("runs", [UNABLE]), ("snapshots", [PASSED])] {
        room.chmod("runs", 0o777);
        room.chmod("runs/basic", 0o777);
        room.chmod(folder, 0o555);
        if folder == "runs" {
            fs::remove_dir_all(room.path("runs/basic")).expect("remove the folder");
        }
        let output = output(&mut room.tcplab_as_nobody(["run", "basic", "--quiet"]));
        is_clear(&output, &codes, folder);
        if folder == "runs" {
            fs::create_dir_all(room.path("runs/basic")).expect("make the folder");
        }
    }
    Ok(())
}

fn too_few_file_descriptors_are_told() -> Result<(), String> {
    let room = room_for_nobody();
    let mut codes = BTreeSet::new();
    for number in [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 20, 64] {
        let what = format!("ulimit -n {number}");
        let output = output(&mut limited(&room, &what, "run basic"));
        is_clear(&output, &[PASSED, UNABLE], &what);
        codes.extend(output.status.code());
        is_whole(&room.path("runs"), &what);
    }
    assert_eq!(codes, [PASSED, UNABLE].into());
    Ok(())
}

fn too_few_threads_are_told() -> Result<(), String> {
    let room = room_for_nobody();
    let probe = output(&mut shell(&room, "ulimit -u 1 2>/dev/null || ulimit -p 1"));
    if !probe.status.success() {
        return Err(format!("the shell cannot limit processes: {}", said(&probe).trim()));
    }
    let mut unable = 0;
    for number in [1, 2, 3, 4, 5, 6, 7, 8, 4000] {
        let what = format!("{number} processes");
        let first = format!("ulimit -u {number} 2>/dev/null || ulimit -p {number}");
        let output = output(&mut limited(&room, &first, "run basic"));
        is_clear(&output, &[PASSED, UNABLE], &what);
        unable += usize::from(output.status.code() == Some(UNABLE));
        is_whole(&room.path("runs"), &what);
    }
    assert!((1..9).contains(&unable), "{unable}");
    Ok(())
}

fn too_little_memory_is_told() -> Result<(), String> {
    let room = room_for_nobody();
    let mut codes = BTreeSet::new();
    // KiB of address space. With less than the first the program cannot even be loaded.
    for number in [45_000, 60_000, 75_000, 90_000, 150_000, 300_000, 1_000_000] {
        let what = format!("ulimit -v {number}");
        let output = output(&mut limited(&room, &what, "run basic --quiet --jobs 1"));
        let code = output.status.code();
        // The dynamic linker's own words, and those of an allocation that has to succeed, are no verdict either.
        let is_allocation = said(&output).contains("memory allocation of") || code == Some(127);
        if !is_allocation {
            is_clear(&output, &[PASSED, UNABLE], &what);
            codes.extend(code);
        }
        is_whole(&room.path("runs"), &what);
    }
    assert!(codes.contains(&UNABLE) || codes.contains(&PASSED), "{codes:?}");
    Ok(())
}

// Stopped, and without anybody to tell -------------------------------------------------------------------------------

fn a_run_that_is_stopped_for_seconds_is_not_blamed_on_tcp() -> Result<(), String> {
    thread::scope(|scope| {
        for after in [10, 30, 60, 120, 250] {
            scope.spawn(move || {
                let room = Room::with(&["loss/data-lost"]);
                let child = start(&mut room.tcplab(["run", "loss/data-lost", "--quiet"]));
                thread::sleep(Duration::from_millis(after));
                kill(pid(&child), Signal::SIGSTOP).expect("stop tcplab");
                thread::sleep(Duration::from_millis(1500));
                kill(pid(&child), Signal::SIGCONT).expect("continue tcplab");
                let output = child.wait_with_output().expect("wait for tcplab");
                is_clear(&output, &[PASSED, INCONCLUSIVE], &format!("stopped after {after} ms"));
                nothing_unfinished(&room, "stopped");
            });
        }
    });
    Ok(())
}

/// Nothing else tells of the time: no segment and no call comes to its end in it.
fn a_deadline_that_passes_while_the_run_is_stopped_is_no_failure() -> Result<(), String> {
    let room = Room::with_odd_scenario(
        "title = \"Nothing comes\"\nteaches = \"A reader waits.\"\nbench.deadline = \"1500ms\"\n\
         timeline = '''\nserver listen\nclient connect\n  C > S SYN\n  S > C SYN ACK\n  C > S ACK\nserver accept\n\
         client recv 1\n'''\n",
    );
    let child = start(&mut room.tcplab(["run", "odd", "--quiet"]));
    thread::sleep(Duration::from_millis(700));
    kill(pid(&child), Signal::SIGSTOP).expect("stop tcplab");
    thread::sleep(Duration::from_millis(1500));
    kill(pid(&child), Signal::SIGCONT).expect("continue tcplab");
    let stopped = child.wait_with_output().expect("wait for tcplab");
    is_clear(&stopped, &[INCONCLUSIVE], "stopped");
    assert!(said(&stopped).contains("held the lab up"), "{}", said(&stopped));
    Ok(())
}

fn a_closed_output_is_no_reason_to_panic() -> Result<(), String> {
    let room = Room::with(&["basic"]);
    for arguments in [
        &["run", "basic"][..],
        &["run", "basic", "--explain"],
        &["run", "--quiet"],
        &["soak", "--runs", "2", "--load", "idle"],
    ] {
        for bytes in [0, 1, 100] {
            let mut child = start(&mut room.tcplab(arguments));
            let mut pipe = child.stdout.take().expect("its output");
            let mut some = vec![0; bytes];
            // Less than asked for is as good.
            let _ = pipe.read(&mut some);
            drop(pipe);
            let output = child.wait_with_output().expect("wait for tcplab");
            let told = said(&output);
            assert!(
                !told.contains("panicked") && output.status.signal().is_none(),
                "{arguments:?}: {:?} {told}",
                output.status
            );
        }
    }
    is_whole(&room.path("runs/basic"), "closed output");
    Ok(())
}

fn a_full_output_is_told() -> Result<(), String> {
    let room = Room::with(&["basic"]);
    let full = fs::File::options()
        .write(true)
        .open("/dev/full")
        .map_err(|error| format!("/dev/full: {error}"))?;
    let output = output(room.tcplab(["run", "basic"]).stdout(full));
    assert!(said(&output).contains("cannot write the report"), "{}", said(&output));
    assert_eq!(output.status.code(), Some(UNABLE));
    Ok(())
}

// Signals ------------------------------------------------------------------------------------------------------------

fn every_ending_signal_ends_in_good_order_in_every_phase() -> Result<(), String> {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        thread::scope(|scope| {
            for after in [3, 15, 40, 80, 160, 320] {
                scope.spawn(move || {
                    let room = Room::with(&["basic"]);
                    let child = start(&mut room.tcplab(["run", "basic", "--repeat", "100000", "--quiet"]));
                    thread::sleep(Duration::from_millis(after));
                    kill(pid(&child), signal).expect("signal tcplab");
                    let asked = Instant::now();
                    let output = child.wait_with_output().expect("wait for tcplab");
                    let what = format!("{signal} after {after} ms");
                    // Before the program listens to signals, they end it in the system's way.
                    if after > 100 || output.status.signal() != Some(signal as i32) {
                        is_clear(&output, &[INTERRUPTED], &what);
                    }
                    assert!(
                        asked.elapsed() < Duration::from_secs(5),
                        "{what}: {:?}",
                        asked.elapsed()
                    );
                    is_whole(&room.path("runs"), &what);
                    nothing_unfinished(&room, &what);
                });
            }
        });
    }
    Ok(())
}

// Soak ---------------------------------------------------------------------------------------------------------------

fn soak_figures(room: &Room) -> serde_json::Value {
    serde_json::from_str(&room.read("runs/soak.json")).expect("soak.json is JSON")
}

fn a_soak_that_is_interrupted_reports_what_it_has() -> Result<(), String> {
    let room = Room::with(&["basic"]);
    let child = start(&mut room.tcplab(["soak", "basic", "--for", "60s", "--load", "idle,busy"]));
    thread::sleep(Duration::from_millis(1500));
    kill(pid(&child), Signal::SIGINT).expect("interrupt tcplab");
    let output = child.wait_with_output().expect("wait for tcplab");
    is_clear(&output, &[INTERRUPTED], "interrupted soak");
    let stages = &soak_figures(&room)["stages"];
    assert_eq!(stages.as_array().map(Vec::len), Some(1), "{stages:#}");
    let total = &stages[0]["total"];
    assert!(
        total["runs"].as_u64() > Some(0) && total["runs"] == total["pass"],
        "{total:#}"
    );
    assert!(said(&output).contains("interrupted"), "{}", said(&output));
    Ok(())
}

/// The child process that plays.
fn stage_of(soak: &Child) -> Option<Pid> {
    let text = fs::read_to_string(format!("/proc/{0}/task/{0}/children", soak.id())).ok()?;
    text.split_whitespace().next()?.parse().ok().map(Pid::from_raw)
}

fn a_soak_notices_that_the_process_that_plays_dies() -> Result<(), String> {
    let room = Room::with(&["basic"]);
    let child = start(&mut room.tcplab(["soak", "basic", "--for", "60s", "--load", "idle"]));
    thread::sleep(Duration::from_millis(700));
    let Some(stage) = stage_of(&child) else {
        child.wait_with_output().expect("wait for tcplab");
        return Err("this kernel does not tell the children of a process".to_owned());
    };
    kill(stage, Signal::SIGKILL).expect("kill the process that plays");
    let output = child.wait_with_output().expect("wait for tcplab");
    is_clear(&output, &[MISMATCH], "a stage that dies");
    assert!(
        said(&output).contains("signal 9 ended the process that played"),
        "{}",
        said(&output)
    );
    Ok(())
}

fn a_soak_under_stops_has_no_false_verdict() -> Result<(), String> {
    let room = Room::with(&["basic", "loss/data-lost"]);
    let output = output(&mut room.tcplab(["soak", "--for", "3s", "--load", "stopped"]));
    is_clear(&output, &[PASSED, INCONCLUSIVE], "soak under stops");
    let figures = soak_figures(&room);
    let stage = &figures["stages"][0];
    assert!(stage["made"]["stops"].as_u64() > Some(0), "{stage:#}");
    assert_eq!(
        (stage["total"]["fail"].as_u64(), stage["total"]["unable"].as_u64()),
        (Some(0), Some(0)),
        "{stage:#}"
    );
    assert!(stage["total"]["runs"].as_u64() > Some(0), "{stage:#}");
    Ok(())
}
