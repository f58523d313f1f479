//! The orchestrator: a scenario goes in, run events and a [`Recording`] come out.
//!
//! One run uses one OS thread: it enters a bench of its own, opens the capture, performs the actions step by step and
//! goes on when the segments that a step must cause have been seen. It does not judge: `judge` does, from the recording.

pub mod event;
mod recording;

pub use crate::endpoint::ActionResult;
pub use recording::{CaptureStats, Counters, Ending, Entry, Environment, Mode, Recording, SocketReport, Stall};
