//! What does a whole suite cost? All scenarios in one process: its time beside the longest of them, and its memory beside that
//! of one scenario at a time, all in one run of the machine.
//!
//! `cargo bench --bench suite [-- RUNS]` prints medians, and each figure as a part of what the project allows itself: 1.2 times the longest
//! scenario plus 10 ms for each, and 20 MiB for each that runs at the same time.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use tcplab::run::Recording;

const MEASURE: &str = "--measure";
/// Scenarios at once in the run that shows what each of them takes.
const MANY: usize = 64;
/// Milliseconds beyond the longest scenario that each scenario may add.
const EACH: f64 = 10.0;
/// How much longer than the longest scenario the suite may take.
const FACTOR: f64 = 1.2;
/// MiB for each running scenario.
const MEMORY: f64 = 20.0;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let Some(at) = arguments.iter().position(|argument| argument == MEASURE) {
        return measure(&arguments[at + 1..]);
    }
    let runs = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(5);
    let out = tempfile::tempdir().expect("a folder for the artefacts");
    let suite = |jobs: Option<usize>| {
        let jobs = jobs.map(|jobs| ["--jobs".to_owned(), jobs.to_string()]);
        play(out.path(), &jobs.into_iter().flatten().collect::<Vec<_>>())
    };
    let together: Vec<Usage> = (0..runs).map(|_| suite(None)).collect();
    let (alone, many) = (suite(Some(1)), suite(Some(MANY)));
    let longest = recordings(out.path())
        .iter()
        .map(|recording| recording.duration().as_secs_f64() * 1e3)
        .fold(0.0, f64::max);
    let scenarios = recordings(out.path()).len() as f64;

    let wall = median(together.iter().map(|usage| usage.wall).collect());
    let allowed = FACTOR * longest + EACH * scenarios;
    println!("{scenarios} scenarios; the longest takes {longest:.0} ms");
    println!("all, as many at once as usual    {wall:9.0} ms   median of {runs}");
    println!(
        "all, one after the other         {:9.0} ms   {:.1} times that",
        alone.wall,
        alone.wall / wall
    );
    println!(
        "allowed                          {allowed:9.0} ms   the suite takes {:.2} of it",
        wall / allowed
    );
    let each = (many.memory - alone.memory) / (MANY as f64 - 1.0);
    println!("memory, one at a time            {:9.1} MiB", alone.memory);
    println!("memory, {MANY} at once               {:9.1} MiB", many.memory);
    println!(
        "for each that runs               {each:9.1} MiB   {:.2} of the {MEMORY} that are allowed",
        each / MEMORY
    );
    ExitCode::SUCCESS
}

/// What a process took.
struct Usage {
    /// Milliseconds.
    wall: f64,
    /// The most memory that it held at one time, MiB.
    memory: f64,
}

/// Plays all scenarios in a process of its own, whose parent is asked what its child took.
fn play(out: &Path, arguments: &[String]) -> Usage {
    let output = Command::new(env::current_exe().expect("the path of a running program"))
        .arg(MEASURE)
        .arg(out)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .expect("the program starts");
    assert!(output.status.success(), "not all scenarios pass");
    let text = String::from_utf8(output.stdout).expect("two numbers");
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    Usage {
        wall: numbers[0],
        memory: numbers[1],
    }
}

/// Prints the time and the memory of one suite.
fn measure(arguments: &[String]) -> ExitCode {
    let started = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_tcplab"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["run", "--quiet", "--out"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .expect("the program starts");
    let wall = started.elapsed().as_secs_f64() * 1e3;
    let children = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel counts");
    // getrusage(2): kibibytes.
    println!("{wall} {}", children.max_rss() as f64 / 1024.0);
    ExitCode::from(u8::from(!status.success()))
}

/// All recordings below a folder.
fn recordings(folder: &Path) -> Vec<Recording> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(recordings(&path));
        } else if path.ends_with("run.json") {
            let text = fs::read(&path).expect("a recording");
            found.push(serde_json::from_slice(&text).expect("a recording"));
        }
    }
    found
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
