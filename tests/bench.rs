//! The bench and its capture on the machine's own kernel.
//!
//! The usual test harness starts threads before a test can run, and then the kernel refuses a user namespace. So this
//! program enters first and runs the trials afterwards, each in a thread of its own. Started by root it runs itself once
//! more as the user nobody. A trial that the machine makes impossible is ignored, and the reason is printed.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, ExitCode};
use std::sync::{Arc, Barrier as Rendezvous};
use std::thread;
use std::time::{Duration, Instant};

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use libtest_mimic::{Arguments, Failed, Trial};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::geteuid;
use socket2::{Domain, SockFilter, Socket, Type};
use tcplab::bench::{self, Bench, BenchError, BenchSettings, PROFILE, Timer};
use tcplab::capture::{self, CaptureError, Live};
use tcplab::scenario::Family;
use tcplab::tcp::State;

type Outcome = Result<(), Failed>;

/// Run by the trial about teardown: opens many benches in a user namespace that may have few.
const TEARDOWN_PROGRAM: &str = "--teardown-program";

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == TEARDOWN_PROGRAM) {
        return teardown_program();
    }
    let entered = bench::enter();
    let arguments = Arguments::from_args();
    let forbidden = entered.err().map(|error| error.to_string());
    let as_root = geteuid().is_root();

    let mut trials: Vec<Trial> = [
        (
            "loopback_is_private_and_like_ethernet",
            loopback_is_private_and_like_ethernet as fn() -> Outcome,
        ),
        ("thread_of_a_bench_stays_on_one_cpu", thread_of_a_bench_stays_on_one_cpu),
        (
            "settings_have_the_values_of_the_profile",
            settings_have_the_values_of_the_profile,
        ),
        ("fin_is_acknowledged_at_once_over_ipv4", || {
            fin_is_acknowledged_at_once(Family::Ipv4)
        }),
        ("fin_is_acknowledged_at_once_over_ipv6", || {
            fin_is_acknowledged_at_once(Family::Ipv6)
        }),
        (
            "after_the_barrier_everything_is_captured",
            after_the_barrier_everything_is_captured,
        ),
        ("capture_and_counters_agree", capture_and_counters_agree),
        (
            "window_scale_does_not_depend_on_the_host",
            window_scale_does_not_depend_on_the_host,
        ),
        (
            "one_write_of_a_mebibyte_gives_one_transcript",
            one_write_of_a_mebibyte_gives_one_transcript,
        ),
        ("five_hundred_benches_work_at_once", five_hundred_benches_work_at_once),
        (
            "a_run_needs_no_other_rights_than_it_keeps",
            a_run_needs_no_other_rights_than_it_keeps,
        ),
        (
            "lookup_follows_a_connection_through_its_states",
            lookup_follows_a_connection_through_its_states,
        ),
        (
            "waiting_connection_is_seen_by_its_listener",
            waiting_connection_is_seen_by_its_listener,
        ),
        ("destroy_all_leaves_no_socket", destroy_all_leaves_no_socket),
        (
            "capture_opened_in_another_thread_is_of_this_bench",
            capture_opened_in_another_thread_is_of_this_bench,
        ),
        (
            "namespaces_end_though_sockets_were_retransmitting",
            namespaces_end_though_sockets_were_retransmitting,
        ),
        ("doctor_finds_this_machine_fit", doctor_finds_this_machine_fit),
    ]
    .into_iter()
    .map(|(name, claim)| trial(name, forbidden.as_deref(), claim))
    .collect();
    trials.push(trial(
        "host_loopback_is_used_as_it_is",
        None,
        host_loopback_is_used_as_it_is,
    ));
    trials.push(trial(
        "capture_on_the_host_needs_a_permission",
        as_root.then_some("root may capture"),
        capture_on_the_host_needs_a_permission,
    ));
    let no_other_user = (!as_root).then_some("only root can become another user");
    trials.push(trial(
        "all_of_this_works_for_nobody",
        no_other_user,
        all_of_this_works_for_nobody,
    ));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A trial in a thread of its own, as a run of the lab has it.
fn trial(name: &str, impossible: Option<&str>, claim: fn() -> Outcome) -> Trial {
    if let Some(reason) = impossible {
        eprintln!("NOT TRIED: {name}: {reason}");
    }
    let run = move || {
        thread::spawn(claim)
            .join()
            .unwrap_or_else(|panic| Err(panic_text(panic.as_ref()).into()))
    };
    Trial::test(name, run).with_ignored_flag(impossible.is_some())
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("panicked").to_owned()
}

// --- trials ---

fn loopback_is_private_and_like_ethernet() -> Outcome {
    let bench = Bench::open(&BenchSettings::default())?;
    assert_eq!(bench.server_address().to_string(), "127.0.0.1:7000");
    let mut pair = Pair::connect(&bench)?;
    // Nobody can be reached from another bench.
    let elsewhere = thread::spawn(|| -> Result<io::ErrorKind, BenchError> {
        let bench = Bench::open(&BenchSettings::default())?;
        let refused = TcpStream::connect(bench.server_address()).map_err(|error| error.kind());
        Ok(refused.map_or_else(|kind| kind, |_| io::ErrorKind::Other))
    });
    assert_eq!(elsewhere.join().expect("no panic")?, io::ErrorKind::ConnectionRefused);

    let interfaces = fs::read_to_string("/proc/thread-self/net/dev")?;
    let names: Vec<_> = interfaces
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name.trim())
        .collect();
    assert_eq!(names.iter().filter(|name| **name == "lo").count(), 1, "{names:?}");
    pair.client.write_all(&[b'x'; 5000])?;
    let info = bench::tcp_info(pair.client.as_fd())?;
    // 1460 bytes less 12 for the timestamps: four segments, not one of 5000 bytes.
    assert_eq!(info.segs_out, 2 + 4, "{info:?}");
    Ok(())
}

fn thread_of_a_bench_stays_on_one_cpu() -> Outcome {
    let bench = Bench::open(&BenchSettings::default())?;
    let status = fs::read_to_string("/proc/thread-self/status")?;
    let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    assert_eq!(
        allowed.map(str::trim),
        bench.cpu().map(|cpu| cpu.to_string()).as_deref()
    );
    Ok(())
}

fn settings_have_the_values_of_the_profile() -> Outcome {
    let bench = Bench::open(&BenchSettings::default())?;
    for sysctl in PROFILE {
        match sysctl.current() {
            Ok(value) => assert_eq!(value, sysctl.value, "{}", sysctl.name),
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::NotFound, "{}", sysctl.name);
                assert!(bench.absent_settings().contains(&sysctl.name), "{}", sysctl.name);
            }
        }
    }
    Ok(())
}

fn fin_is_acknowledged_at_once(family: Family) -> Outcome {
    let settings = BenchSettings {
        family,
        ..BenchSettings::default()
    };
    let mut bench = Bench::open(&settings)?;
    let mut wire = Wire::open(&bench)?;
    let mut pair = Pair::connect(&bench)?;
    pair.client.write_all(b"Hello World!")?;
    pair.server.read_exact(&mut [0; 12])?;
    pair.server.write_all(b"Hello World!")?;
    pair.client.read_exact(&mut [0; 12])?;
    wire.settle(&mut bench)?;
    pair.client.shutdown(Shutdown::Write)?;
    let segments = wire.settle(&mut bench)?;
    let shown: Vec<String> = segments.iter().map(Seen::to_string).collect();
    assert_eq!(shown, ["C FA 0", "S A 0"]);
    Ok(())
}

fn after_the_barrier_everything_is_captured() -> Outcome {
    let mut bench = Bench::open(&BenchSettings::default())?;
    let mut wire = Wire::open(&bench)?;
    let mut pair = Pair::connect(&bench)?;
    wire.settle(&mut bench)?;
    for round in 0..500 {
        pair.client.write_all(b"Hello World!")?;
        bench.barrier()?;
        // The datagram is the last that the capture shows, and everything sent before it stands before it.
        let (segments, datagrams) = wire.drain()?;
        assert_eq!(
            (segments.first().map(|seen| seen.len), datagrams),
            (Some(12), 1),
            "round {round}"
        );
        wire.settle(&mut bench)?;
    }
    Ok(())
}

fn capture_and_counters_agree() -> Outcome {
    let mut bench = Bench::open(&BenchSettings::default())?;
    let mut wire = Wire::open(&bench)?;
    let mut seen = 0;
    for _ in 0..20 {
        let mut pair = Pair::connect(&bench)?;
        pair.client.write_all(b"Hello World!")?;
        // Closing with unread data resets the connection, which leaves the client's port free for the next one.
        drop(pair.server);
        seen += wire.settle(&mut bench)?.len() as u64;
    }
    let counters = bench.counters()?.ok_or("a private bench counts")?;
    assert_eq!((counters.in_segs, counters.out_segs), (seen, seen), "{counters:?}");
    assert_eq!(
        (counters.retrans_segs, counters.in_errs, counters.out_rsts),
        (0, 0, 20),
        "{counters:?}"
    );
    let stats = wire.live.stats()?;
    assert_eq!((stats.dropped, stats.interface_dropped), (0, 0), "{stats:?}");
    assert_eq!(stats.received, stats.copies * stats.read, "{stats:?}");
    assert_eq!(stats.read, seen + wire.datagrams, "{stats:?}");
    Ok(())
}

fn window_scale_does_not_depend_on_the_host() -> Outcome {
    let bench = Bench::open(&BenchSettings::default())?;
    // As on a host with large buffers.
    fs::write("/proc/sys/net/ipv4/tcp_rmem", "4096 8388608 134217728")?;
    let mut wire = Wire::open(&bench)?;
    let _pair = Pair::connect(&bench)?;
    let (segments, _) = wire.drain()?;
    let scales: Vec<_> = segments.iter().filter_map(|seen| seen.window_scale).collect();
    assert_eq!(scales, [7, 7]);
    Ok(())
}

fn one_write_of_a_mebibyte_gives_one_transcript() -> Outcome {
    let mut transcripts = HashSet::new();
    for _ in 0..10 {
        let transcript = thread::spawn(|| -> Result<String, Failed> {
            let mut bench = Bench::open(&BenchSettings::default())?;
            let mut wire = Wire::open(&bench)?;
            let mut pair = Pair::connect(&bench)?;
            pair.client.set_nonblocking(true)?;
            assert_eq!(pair.client.write(&vec![b'x'; 1 << 20])?, 1 << 20, "taken by one write");
            let segments = wire.settle(&mut bench)?;
            let stats = wire.live.stats()?;
            assert_eq!(
                (stats.dropped, stats.received),
                (0, stats.copies * stats.read),
                "{stats:?}"
            );
            let payload: u64 = segments
                .iter()
                .filter(|seen| seen.from_client)
                .map(|seen| u64::from(seen.len))
                .sum();
            assert_eq!(payload, 1 << 20, "all of it is on the wire though nobody reads");
            assert!(segments.iter().all(|seen| seen.window > 0), "no zero window");
            Ok(segments
                .iter()
                .map(|seen| format!("{seen} win {}\n", seen.window))
                .collect())
        });
        transcripts.insert(transcript.join().map_err(|panic| panic_text(panic.as_ref()))??);
    }
    assert_eq!(
        transcripts.len(),
        1,
        "{:?}",
        transcripts.iter().map(String::len).collect::<Vec<_>>()
    );
    Ok(())
}

fn five_hundred_benches_work_at_once() -> Outcome {
    const COUNT: usize = 500;
    // A bench and its capture hold some ten files; many systems allow a program 1,024 unless it asks for more.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let all_open = Arc::new(Rendezvous::new(COUNT));
    let threads: Vec<_> = (0..COUNT)
        .map(|_| {
            let all_open = Arc::clone(&all_open);
            thread::spawn(move || -> Result<usize, Failed> {
                let opened = Bench::open(&BenchSettings::default()).map(|bench| (Wire::open(&bench), bench));
                all_open.wait();
                let (wire, mut bench) = opened?;
                let mut wire = wire?;
                let mut pair = Pair::connect(&bench)?;
                pair.client.write_all(b"Hello World!")?;
                Ok(wire.settle(&mut bench)?.len())
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().map_err(|panic| panic_text(panic.as_ref()))??, 5);
    }
    Ok(())
}

/// Rights belong to a thread: only this one loses them.
fn a_run_needs_no_other_rights_than_it_keeps() -> Outcome {
    bench::give_up_privileges()?;
    let mut bench = Bench::open(&BenchSettings::default())?;
    let mut wire = Wire::open(&bench)?;
    let mut pair = Pair::connect(&bench)?;
    pair.client.write_all(b"Hello World!")?;
    assert_eq!(wire.settle(&mut bench)?.len(), 5);

    let status = fs::read_to_string("/proc/thread-self/status")?;
    let line = |name: &str| -> Result<&str, Failed> {
        let found = status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(":"));
        Ok(found.ok_or(format!("no {name}"))?.trim())
    };
    // capabilities(7): SYS_ADMIN, NET_RAW, NET_ADMIN, NET_BIND_SERVICE; and for root FOWNER, DAC_READ_SEARCH, DAC_OVERRIDE, CHOWN.
    let kept = if geteuid().is_root() {
        "000000000020340f"
    } else {
        "0000000000203400"
    };
    for set in ["CapEff", "CapPrm", "CapBnd"] {
        assert_eq!(line(set)?, kept, "{set}");
    }
    for set in ["CapInh", "CapAmb"] {
        assert_eq!(line(set)?, "0000000000000000", "{set}");
    }
    assert_eq!(line("NoNewPrivs")?, "1");
    Ok(())
}

fn lookup_follows_a_connection_through_its_states() -> Outcome {
    for family in [Family::Ipv4, Family::Ipv6] {
        let followed = thread::spawn(move || follow_a_connection(family));
        followed.join().map_err(|panic| panic_text(panic.as_ref()))??;
    }
    Ok(())
}

fn follow_a_connection(family: Family) -> Outcome {
    let mut bench = Bench::open(&BenchSettings {
        family,
        ..BenchSettings::default()
    })?;
    let (server, client) = (bench.server_address(), bench.client_address().ok_or("a fixed port")?);
    let states = |bench: &mut Bench| -> Result<(Option<State>, Option<State>), BenchError> {
        Ok((
            bench.lookup(client, server)?.map(|it| it.state),
            bench.lookup(server, client)?.map(|it| it.state),
        ))
    };
    assert_eq!(states(&mut bench)?, (None, None));
    assert_eq!(bench.lookup_listener(server)?, None);
    let Pair {
        listener,
        client: client_socket,
        server: server_socket,
    } = Pair::connect(&bench)?;
    let listening = bench.lookup_listener(server)?.ok_or("listening")?;
    assert_eq!(
        (listening.state, listening.send_queue, listening.receive_queue),
        (State::Listen, 128, 0)
    );
    assert_eq!(
        states(&mut bench)?,
        (Some(State::Established), Some(State::Established))
    );
    // An address that is only listened to has no connection.
    assert_eq!(bench.lookup(server, SocketAddr::new(client.ip(), 1))?, None);

    (&client_socket).write_all(b"Hello World!")?;
    bench.barrier()?;
    let reader = bench.lookup(server, client)?.ok_or("established")?;
    assert_eq!(
        (reader.receive_queue, reader.local, reader.remote),
        (12, server, client)
    );
    let info = reader.info.ok_or("with counters")?;
    assert_eq!((info.bytes_received, info.bytes_sent), (12, 0), "{info:?}");
    (&server_socket).read_exact(&mut [0; 12])?;

    client_socket.shutdown(Shutdown::Write)?;
    bench.barrier()?;
    assert_eq!(states(&mut bench)?, (Some(State::FinWait2), Some(State::CloseWait)));
    let info = bench.lookup(server, client)?.and_then(|socket| socket.info);
    assert_eq!(
        info.map(|info| info.bytes_received),
        Some(13),
        "the FIN counts as a byte"
    );
    drop(client_socket);
    let orphan = bench
        .lookup(client, server)?
        .ok_or("FIN-WAIT-2 outlives its descriptor")?;
    assert_eq!(
        (orphan.state, orphan.timer, orphan.inode),
        (State::FinWait2, Some(Timer::TimeWait), 0)
    );
    drop(server_socket);
    bench.barrier()?;
    assert_eq!(states(&mut bench)?, (Some(State::TimeWait), None));
    assert_eq!(
        bench.lookup(client, server)?.and_then(|it| it.timer),
        Some(Timer::TimeWait)
    );
    drop(listener);
    assert_eq!(bench.lookup_listener(server)?, None);
    Ok(())
}

fn waiting_connection_is_seen_by_its_listener() -> Outcome {
    let mut bench = Bench::open(&BenchSettings::default())?;
    let (server, client) = (bench.server_address(), bench.client_address().ok_or("a fixed port")?);
    let _listener = TcpListener::bind(server)?;
    let _client = connect(&bench)?;
    bench.barrier()?;
    assert_eq!(bench.lookup_listener(server)?.map(|it| it.receive_queue), Some(1));
    let waiting = bench.lookup(server, client)?.ok_or("not accepted yet, but there")?;
    assert_eq!((waiting.state, waiting.inode), (State::Established, 0));
    Ok(())
}

fn destroy_all_leaves_no_socket() -> Outcome {
    let mut bench = Bench::open(&BenchSettings::default())?;
    let mut pair = Pair::connect(&bench)?;
    let states: HashSet<State> = bench.dump()?.iter().map(|socket| socket.state).collect();
    assert_eq!(states, HashSet::from([State::Listen, State::Established]));
    bench.destroy_all()?;
    bench.barrier()?;
    assert_eq!(bench.dump()?, []);
    // Aborted itself, or reset by its peer that was destroyed first.
    let error = pair.client.read(&mut [0; 1]).unwrap_err().kind();
    assert!(
        matches!(error, io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset),
        "{error}"
    );
    Ok(())
}

fn capture_opened_in_another_thread_is_of_this_bench() -> Outcome {
    let mut bench = Bench::open(&BenchSettings::default())?;
    let live = thread::spawn(|| Live::open(None))
        .join()
        .map_err(|panic| panic_text(panic.as_ref()))??;
    let mut wire = Wire::of(live, &bench);
    let _pair = Pair::connect(&bench)?;
    assert_eq!(wire.settle(&mut bench)?.len(), 3);
    drop(thread::spawn(move || drop(wire)));
    Ok(())
}

fn host_loopback_is_used_as_it_is() -> Outcome {
    let mut bench = Bench::host(Family::Ipv4, None)?;
    assert!(!bench.is_private());
    assert_eq!((bench.client_address(), bench.counters()?), (None, None));
    let Pair {
        listener: _listener,
        client,
        server,
    } = Pair::connect(&bench)?;
    bench.barrier()?;
    let (here, there) = (client.local_addr()?, server.local_addr()?);
    assert_eq!(bench.lookup(here, there)?.map(|it| it.state), Some(State::Established));
    // Nobody's sockets are destroyed.
    bench.destroy_all()?;
    assert_eq!(bench.lookup(there, here)?.map(|it| it.state), Some(State::Established));
    if geteuid().is_root() {
        let mut wire = Wire::open(&bench)?;
        client.shutdown(Shutdown::Write)?;
        bench.barrier()?;
        let (segments, datagrams) = wire.drain()?;
        assert_eq!(
            (segments.first().map(Seen::to_string), datagrams),
            (Some("C FA 0".to_owned()), 1)
        );
        let stats = wire.live.stats()?;
        assert_eq!(stats.received, stats.copies * stats.read, "{stats:?}");
    }
    Ok(())
}

fn capture_on_the_host_needs_a_permission() -> Outcome {
    match Live::open(None) {
        Err(error @ CaptureError::NotPermitted(_)) => assert!(error.to_string().contains("setcap cap_net_raw+ep /")),
        Err(error) => return Err(format!("another error: {error}").into()),
        Ok(_) => return Err("it was permitted".into()),
    }
    Ok(())
}

fn doctor_finds_this_machine_fit() -> Outcome {
    use tcplab::bench::doctor::{self, Status};
    let mut probes = doctor::probe(&Ok(()));
    probes.extend(capture::probe(&Ok(())));
    assert!(probes.len() >= 15, "{probes:#?}");
    let missing: Vec<_> = probes.iter().filter(|probe| probe.status == Status::Missing).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    Ok(())
}

/// The kernel does not tell how many namespaces there are, but it counts them: in a user namespace that may have four, a
/// fifth bench can be opened only when an earlier one has ended.
fn namespaces_end_though_sockets_were_retransmitting() -> Outcome {
    let status = Command::new(std::env::current_exe()?).arg(TEARDOWN_PROGRAM).output()?;
    if status.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&status.stderr).into_owned().into())
    }
}

fn teardown_program() -> ExitCode {
    use nix::sched::{CloneFlags, unshare};
    const LIMIT: usize = 4;
    let prepare = || -> io::Result<()> {
        unshare(CloneFlags::CLONE_NEWUSER)?;
        fs::write("/proc/sys/user/max_net_namespaces", LIMIT.to_string())
    };
    if let Err(error) = prepare() {
        eprintln!("the user namespace could not be limited: {error}");
        return ExitCode::FAILURE;
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    for number in 0..3 * LIMIT {
        loop {
            match thread::spawn(leave_a_retransmitting_socket).join().expect("no panic") {
                Ok(()) => break,
                Err(error) if Instant::now() > deadline => {
                    eprintln!("bench {number} after 20 s: {error}");
                    return ExitCode::FAILURE;
                }
                Err(_) => thread::yield_now(),
            }
        }
    }
    ExitCode::SUCCESS
}

fn leave_a_retransmitting_socket() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let bench = Bench::open(&BenchSettings::default())?;
    let Pair {
        listener: _listener,
        client,
        server: _server,
    } = Pair::connect(&bench)?;
    let client = Socket::from(client);
    // BPF_RET | BPF_K with 0: what comes in is dropped.
    client.attach_filter(&[SockFilter::new(0x06, 0, 0, 0)])?;
    client.send(b"never acknowledged")?;
    drop(client);
    Ok(())
}

fn all_of_this_works_for_nobody() -> Outcome {
    // The program may lie in a folder that others cannot enter.
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
    let program = folder.path().join("bench");
    fs::copy(std::env::current_exe()?, &program)?;
    let output = Command::new("setpriv")
        .args([
            "--reuid",
            "65534",
            "--regid",
            "65534",
            "--clear-groups",
            "--no-new-privs",
            "--bounding-set",
            "-all",
        ])
        .arg(&program)
        .current_dir("/")
        .output()?;
    let shown = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    println!("--- as nobody ---\n{shown}--- end ---");
    if output.status.success() {
        Ok(())
    } else {
        Err(shown.into())
    }
}

// --- what the trials use ---

/// A connection between the bench's two addresses.
struct Pair {
    listener: TcpListener,
    client: TcpStream,
    server: TcpStream,
}

impl Pair {
    fn connect(bench: &Bench) -> io::Result<Pair> {
        let listener = TcpListener::bind(bench.server_address())?;
        let client = connect(bench)?;
        let (server, _) = listener.accept()?;
        Ok(Pair {
            listener,
            client,
            server,
        })
    }
}

fn connect(bench: &Bench) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(bench.server_address()), Type::STREAM, None)?;
    socket.set_tcp_nodelay(true)?;
    if let Some(client) = bench.client_address() {
        socket.bind(&client.into())?;
    }
    socket.connect(&bench.server_address().into())?;
    Ok(socket.into())
}

/// A capture whose frames are sorted into segments and the barrier's datagrams.
struct Wire {
    live: Live,
    server_port: u16,
    datagrams: u64,
}

impl Wire {
    fn open(bench: &Bench) -> Result<Wire, CaptureError> {
        Ok(Wire::of(Live::open(bench.capture_filter().as_deref())?, bench))
    }

    fn of(live: Live, bench: &Bench) -> Wire {
        Wire {
            live,
            server_port: bench.server_address().port(),
            datagrams: 0,
        }
    }

    /// All segments until the capture shows nothing new behind a barrier.
    fn settle(&mut self, bench: &mut Bench) -> Result<Vec<Seen>, Failed> {
        let mut all = Vec::new();
        loop {
            bench.barrier()?;
            let (segments, _) = self.drain()?;
            if segments.is_empty() {
                return Ok(all);
            }
            all.extend(segments);
        }
    }

    /// The segments captured so far, and the number of datagrams among them.
    fn drain(&mut self) -> Result<(Vec<Seen>, u64), Failed> {
        let (mut segments, before) = (Vec::new(), self.datagrams);
        while let Some(frame) = self.live.next()? {
            assert_eq!(frame.bytes.len(), frame.original_len as usize, "captured whole");
            match Seen::decode(&frame.bytes, self.server_port)? {
                Some(seen) => segments.push(seen),
                None => self.datagrams += 1,
            }
        }
        Ok((segments, self.datagrams - before))
    }
}

/// What the trials look at in a segment.
struct Seen {
    from_client: bool,
    flags: String,
    len: u32,
    window: u16,
    window_scale: Option<u8>,
}

impl Seen {
    fn decode(frame: &[u8], server_port: u16) -> Result<Option<Seen>, Failed> {
        let packet = SlicedPacket::from_ethernet(frame)?;
        let Some(TransportSlice::Tcp(tcp)) = packet.transport else {
            return Ok(None);
        };
        let destination: IpAddr = match packet.net {
            Some(NetSlice::Ipv4(ip)) => ip.header().destination_addr().into(),
            Some(NetSlice::Ipv6(ip)) => ip.header().destination_addr().into(),
            _ => Ipv4Addr::UNSPECIFIED.into(),
        };
        assert!(destination.is_loopback());
        let flags = [
            (tcp.syn(), 'S'),
            (tcp.fin(), 'F'),
            (tcp.rst(), 'R'),
            (tcp.psh(), 'P'),
            (tcp.ack(), 'A'),
        ];
        let window_scale = tcp.options_iterator().find_map(|option| match option {
            Ok(etherparse::TcpOptionElement::WindowScale(scale)) => Some(scale),
            _ => None,
        });
        Ok(Some(Seen {
            from_client: tcp.destination_port() == server_port,
            flags: flags
                .into_iter()
                .filter_map(|(set, letter)| set.then_some(letter))
                .collect(),
            len: tcp.payload().len() as u32,
            window: tcp.window_size(),
            window_scale,
        }))
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} {} {}",
            if self.from_client { 'C' } else { 'S' },
            self.flags,
            self.len
        )
    }
}
