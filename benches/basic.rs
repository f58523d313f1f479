//! What does the lab cost? `tcplab run basic`, from the start of the process to its verdict and to its end, beside the same
//! exchange by a program without a lab: processes of both kinds in turn, so that a slow minute of the machine slows both.
//!
//! `cargo bench --bench basic [-- RUNS]` prints medians and their ratio.

use std::env;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const MESSAGE: &[u8] = b"Hello World!";
const BARE: &str = "--bare-exchange";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == BARE) {
        exchange().expect("loopback works");
        return ExitCode::SUCCESS;
    }
    let runs = arguments
        .iter()
        .find_map(|argument| argument.parse().ok())
        .unwrap_or(50);
    let own = env::current_exe().expect("the path of a running program");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = tempfile::tempdir().expect("a folder for the artefacts");
    let mut lab = Command::new(env!("CARGO_BIN_EXE_tcplab"));
    lab.current_dir(root)
        .args(["run", "basic", "--quiet", "--out"])
        .arg(out.path());
    let mut bare = Command::new(own);
    bare.arg(BARE);
    // The first run of each warms the caches.
    let _ = (time(&mut lab), time(&mut bare));
    let mut times: [Vec<Duration>; 3] = Default::default();
    for _ in 0..runs {
        let lab = time(&mut lab);
        times[0].push(lab.verdict);
        times[1].push(lab.exit);
        times[2].push(time(&mut bare).exit);
    }
    let [verdict, lab, bare] = times.map(summary);
    println!("{runs} runs of each, in turn; whole processes, milliseconds");
    println!("                             median      best     worst");
    println!("tcplab run basic, verdict {verdict}");
    println!("tcplab run basic, exit    {lab}");
    println!("the bare exchange, exit   {bare}");
    println!(
        "ratio of the medians      {:9.1} to the verdict, {:.1} to the exit",
        verdict.median / bare.median,
        lab.median / bare.median
    );
    ExitCode::SUCCESS
}

/// The session of the `basic` scenario with nothing around it.
fn exchange() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || -> std::io::Result<()> {
        let (mut connection, _) = listener.accept()?;
        let mut buffer = [0; 1024];
        let count = connection.read(&mut buffer)?;
        connection.write_all(&buffer[..count])?;
        connection.read_to_end(&mut Vec::new()).map(drop)
    });
    let mut client = TcpStream::connect(address)?;
    client.write_all(MESSAGE)?;
    let mut reply = [0; MESSAGE.len()];
    client.read_exact(&mut reply)?;
    assert_eq!(reply, MESSAGE);
    client.shutdown(Shutdown::Write)?;
    server.join().expect("the server does not panic")
}

/// How long a process took from its start.
struct Time {
    /// To its first words: with `--quiet`, the verdict. The capture is closed after that.
    verdict: Duration,
    /// To its end.
    exit: Duration,
}

fn time(command: &mut Command) -> Time {
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut words = child.stdout.take().expect("standard output is a pipe");
    let mut first = [0];
    // A program that says nothing has ended.
    let _ = words.read(&mut first).expect("the pipe can be read");
    let verdict = started.elapsed();
    let status = child.wait().expect("the program ends");
    let exit = started.elapsed();
    assert!(status.success(), "{command:?}: {status}");
    Time { verdict, exit }
}

struct Summary {
    median: f64,
    best: f64,
    worst: f64,
}

fn summary(mut times: Vec<Duration>) -> Summary {
    times.sort();
    let milliseconds = |time: &Duration| time.as_secs_f64() * 1e3;
    Summary {
        median: milliseconds(&times[times.len() / 2]),
        best: milliseconds(&times[0]),
        worst: milliseconds(&times[times.len() - 1]),
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:9.1} {:9.1} {:9.1}", self.median, self.best, self.worst)
    }
}
