//! What came of an action.

use serde::{Deserialize, Serialize};

use crate::tcp::bytes;

/// What came of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActionResult {
    /// It went well.
    Done {
        /// Bytes that the call (or loop of calls) brought from the peer, if it reads.
        #[serde(with = "bytes::optional", default)]
        received: Option<Vec<u8>>,
        /// Bytes that it wrote, if it writes.
        #[serde(with = "bytes::optional", default)]
        sent: Option<Vec<u8>>,
        /// The value that `get` or `state` saw.
        value: Option<String>,
    },
    /// A read returned 0: the peer has closed its direction. What had come before stands in `received`.
    Eof {
        /// Bytes read before the end.
        #[serde(with = "bytes")]
        received: Vec<u8>,
    },
    /// A system call failed.
    Failed {
        /// The call: `connect`, `write`, …
        call: String,
        /// The error number.
        errno: i32,
        /// Bytes read before the failure.
        #[serde(with = "bytes")]
        received: Vec<u8>,
        /// Bytes written before the failure.
        #[serde(with = "bytes")]
        sent: Vec<u8>,
    },
    /// The action makes no sense here: no such socket yet, or no more.
    Impossible {
        /// What is missing.
        reason: String,
    },
    /// It had not ended when the run ended.
    Unfinished,
}

impl ActionResult {
    /// A success of a call that moves no bytes.
    pub fn done() -> ActionResult {
        ActionResult::Done {
            received: None,
            sent: None,
            value: None,
        }
    }

    /// A success that brought bytes.
    pub fn received(bytes: Vec<u8>) -> ActionResult {
        ActionResult::Done {
            received: Some(bytes),
            sent: None,
            value: None,
        }
    }

    /// A success that wrote bytes.
    pub fn sent(bytes: Vec<u8>) -> ActionResult {
        ActionResult::Done {
            received: None,
            sent: Some(bytes),
            value: None,
        }
    }

    /// A success that read a value.
    pub fn value(value: String) -> ActionResult {
        ActionResult::Done {
            received: None,
            sent: None,
            value: Some(value),
        }
    }

    /// The bytes that it brought from the peer, however it ended.
    pub fn bytes_received(&self) -> &[u8] {
        match self {
            ActionResult::Done { received, .. } => received.as_deref().unwrap_or_default(),
            ActionResult::Eof { received } | ActionResult::Failed { received, .. } => received,
            ActionResult::Impossible { .. } | ActionResult::Unfinished => &[],
        }
    }

    /// The bytes that it wrote, however it ended.
    pub fn bytes_sent(&self) -> &[u8] {
        match self {
            ActionResult::Done { sent, .. } => sent.as_deref().unwrap_or_default(),
            ActionResult::Failed { sent, .. } => sent,
            ActionResult::Eof { .. } | ActionResult::Impossible { .. } | ActionResult::Unfinished => &[],
        }
    }

    /// An action that cannot be tried.
    pub fn impossible(reason: impl Into<String>) -> ActionResult {
        ActionResult::Impossible { reason: reason.into() }
    }
}
