//! Ctrl-C and SIGTERM: the first one ends the runs in good order, the second one ends the program at once.

use nix::sys::signal::{SigSet, Signal};

use super::Exit;
use crate::bench;
use crate::report::with_remedy;
use crate::run::{Interrupt, Mode};

/// Makes the process ready to play scenarios: it may make namespaces (unless it uses the host's loopback), has no other rights, and
/// Ctrl-C ends runs in good order. Tells the user what stands in the way.
///
/// Call it before any other thread exists: namespaces can only be entered, and signals blocked for all, while this is the only
/// one.
///
/// # Errors
/// How the program has to end.
pub(super) fn prepare(mode: Mode) -> Result<Interrupt, Exit> {
    if mode == Mode::Private {
        bench::enter().map_err(|error| {
            eprintln!("error: {error}");
            Exit::Environment
        })?;
    }
    bench::give_up_privileges().map_err(|error| {
        eprintln!("error: cannot give up the rights that a run does not need: {error}");
        Exit::Environment
    })?;
    interrupt_on_signal().map_err(|error| {
        let message = format!("cannot prepare for Ctrl-C: {error}");
        eprintln!("error: {}", with_remedy(message));
        Exit::Environment
    })
}

/// Blocks the signals for this thread and all that it starts, and turns them into an interrupt.
///
/// # Errors
/// Those of sigprocmask(2) and of starting a thread.
fn interrupt_on_signal() -> std::io::Result<Interrupt> {
    let interrupt = Interrupt::new();
    let mut signals = SigSet::empty();
    signals.extend([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
    signals.thread_block()?;
    let switch = interrupt.clone();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        if signals.wait().is_ok() {
            switch.trigger();
        }
        if signals.wait().is_ok() {
            std::process::exit(i32::from(Exit::Interrupted.code()));
        }
    })?;
    Ok(interrupt)
}
