//! Both ends' states, inferred from the wire and from what the applications did (RFC 9293, section 3.3.2).

use super::{Party, Segment, State};

/// What an application told TCP to do, as far as it changes a state without a segment on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A passive OPEN: CLOSED becomes LISTEN.
    Listen,
    /// The listening socket was closed; connections live on.
    CloseListener,
    /// The connection was closed, or aborted without a segment; where a FIN or RST follows, the segment says so.
    Close,
    /// An open failed: the socket is CLOSED.
    Failed,
}

/// Replays RFC 9293's state machine for the client's and the server's end.
#[derive(Debug, Clone)]
pub struct Replay {
    client: State,
    server: State,
}

impl Replay {
    /// Both ends CLOSED.
    pub fn new() -> Replay {
        Replay {
            client: State::Closed,
            server: State::Closed,
        }
    }

    /// Takes note of an application's call.
    pub fn call(&mut self, _party: Party, _call: Call) {}

    /// Takes note of a captured segment, which its sender has sent and its receiver receives.
    pub fn segment(&mut self, _segment: &Segment) {}

    /// The state of one end.
    pub fn state(&self, party: Party) -> State {
        match party {
            Party::Client => self.client,
            Party::Server => self.server,
        }
    }
}

impl Default for Replay {
    fn default() -> Replay {
        Replay::new()
    }
}
