//! One switch that ends all runs: Ctrl-C, or a suite that gives up.

use tokio::sync::watch;

/// The switch; clones share it. Runs on any thread and runtime wait for it.
#[derive(Debug, Clone)]
pub struct Interrupt {
    sender: watch::Sender<bool>,
}

impl Interrupt {
    /// A switch that is off.
    pub fn new() -> Interrupt {
        Interrupt {
            sender: watch::Sender::new(false),
        }
    }

    /// Switches it on, for good.
    pub fn trigger(&self) {
        self.sender.send_replace(true);
    }

    /// Whether it is on.
    pub fn is_triggered(&self) -> bool {
        *self.sender.borrow()
    }

    /// Waits until it is on.
    pub(super) async fn triggered(&self) {
        let mut receiver = self.sender.subscribe();
        // The sender lives in `self`, so this cannot fail.
        let _ = receiver.wait_for(|on| *on).await;
    }
}

impl Default for Interrupt {
    fn default() -> Interrupt {
        Interrupt::new()
    }
}
