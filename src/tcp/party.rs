//! Who sent a segment or performs an action.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the two ends of a conversation.
///
/// The client is the end that connects, the server the one that listens. A socket that connects to itself
/// (RFC 9293, section 3.5, simultaneous open) is a client on both sides of its segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Party {
    /// The end that connects; `C` in segment lines.
    Client,
    /// The end that listens; `S` in segment lines.
    Server,
}

impl Party {
    /// Both parties, client first.
    pub const ALL: [Party; 2] = [Party::Client, Party::Server];

    /// The letter that stands for this party in segment lines: `C` or `S`.
    pub fn letter(self) -> char {
        match self {
            Party::Client => 'C',
            Party::Server => 'S',
        }
    }

    /// The word that stands for this party in action lines: `client` or `server`.
    pub fn name(self) -> &'static str {
        match self {
            Party::Client => "client",
            Party::Server => "server",
        }
    }

    /// The other end.
    pub fn peer(self) -> Party {
        match self {
            Party::Client => Party::Server,
            Party::Server => Party::Client,
        }
    }
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
