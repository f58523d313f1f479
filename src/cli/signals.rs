//! Ctrl-C and SIGTERM: the first one ends the runs in good order, the second one ends the program at once.

use nix::sys::signal::{SigSet, Signal};

use super::Exit;
use crate::run::Interrupt;

/// Blocks the signals for this thread and all that it starts, and turns them into an interrupt.
///
/// Call it before any other thread exists.
///
/// # Errors
/// Those of sigprocmask(2) and of starting a thread.
pub(super) fn interrupt_on_signal() -> std::io::Result<Interrupt> {
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
