//! A load on all cores, to show that results do not depend on the machine being idle.

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// Threads that keep every core busy for as long as this lives.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts one busy thread per core.
    ///
    /// # Errors
    /// Those of starting a thread.
    pub fn start() -> std::io::Result<Load> {
        let mut load = Load {
            stop: Arc::default(),
            threads: Vec::new(),
        };
        for core in 0..thread::available_parallelism()?.get() {
            let stop = Arc::clone(&load.stop);
            load.threads
                .push(thread::Builder::new().name(format!("load-{core}")).spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        spin_loop();
                    }
                })?);
        }
        Ok(load)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A thread that only spins cannot panic.
            let _ = thread.join();
        }
    }
}
