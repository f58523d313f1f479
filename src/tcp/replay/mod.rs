//! Both ends' states, inferred from the wire and from what the applications did (RFC 9293, sections 3.3.2 and 3.10).
//!
//! Sending a segment says in which state its sender is; receiving it moves the receiver as section 3.10.7 tells. Where
//! the RFC leaves room, the replay follows Linux:
//! - data and FIN on a SYN count only when they are acknowledged; a SYN with FIN does not open a connection;
//! - a SYN,ACK that crosses the own one completes a simultaneous open (figure 7);
//! - after the peer's FIN a RST one below RCV.NXT is taken too, and so is one at the right edge of data beyond a gap;
//! - a RST sent closes the connection (section 3.10.5), it does not lead to TIME-WAIT;
//! - CLOSE leads to LAST-ACK at once, as it leads to FIN-WAIT-1, also where data or a closed window hold the FIN back;
//! - a half-close in SYN-RECEIVED waits for ESTABLISHED; a close does not;
//! - one connection more than the backlog waits for accept(); when so many do, a SYN and a handshake's ACK are dropped.
//!
//! Not modelled: timers (2 MSL, user timeouts), PAWS, TCP_DEFER_ACCEPT, a listener's queue of half-open connections, and
//! the reduced FIN-WAIT-2 of a closed socket, which takes any RST in the window. An end has one connection at a time; an
//! earlier one counts only as long as it waits to be accepted. Of a segment that begins in the window and ends beyond, what
//! the window takes is received; Linux takes all or nothing, which its next acknowledgment tells. What happens without a
//! segment comes in as a [`Call`].

mod end;
mod receive;
#[cfg(test)]
mod tests;
mod transition;

pub use transition::{Named, Transitions};

use self::end::End;
use super::{Origin, Party, Segment, State};

/// What an application told TCP to do, as far as it changes a state without a segment on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A passive OPEN: CLOSED becomes LISTEN.
    Listen {
        /// How long the accept queue may be; Linux lets one connection more wait.
        backlog: u32,
    },
    /// The listening socket was closed; connections live on.
    CloseListener,
    /// One connection was taken out of the accept queue, or will be as soon as there is one.
    Accept,
    /// The connection was closed (section 3.10.4). The state changes at once, whenever the FIN may follow. Where the
    /// application has left something unread, a RST follows and says so.
    Close {
        /// How many octets of this connection the application has read.
        read: u64,
    },
    /// Only the own direction was closed, by shutdown(2).
    CloseWriting,
    /// The connection was aborted (RFC 9293, section 3.10.5); where a RST follows, the segment says so.
    Abort,
    /// An open failed, or the connection timed out: the socket is CLOSED.
    Failed,
    /// An ICMP error has come that ends an open (section 3.9.2.2); an established connection goes on.
    Unreachable {
        /// Whether it also ends one that waits for the handshake's ACK behind a listener, for which fewer do.
        passive: bool,
    },
    /// The connection that a listener had begun is gone, and the listener goes on: LISTEN.
    StillListening,
}

/// Replays RFC 9293's state machine for the client's and the server's end.
#[derive(Debug, Clone, Default)]
pub struct Replay {
    client: End,
    server: End,
}

impl Replay {
    /// Both ends CLOSED.
    pub fn new() -> Replay {
        Replay::default()
    }

    /// Takes note of an application's call.
    pub fn call(&mut self, party: Party, call: Call) {
        self.end(party).call(call);
    }

    /// Takes note of a captured segment, which its sender has sent and its receiver receives. Of a spoofed one the end in
    /// whose name it was sent knows nothing; one with a wrong checksum is received by nobody.
    pub fn segment(&mut self, segment: &Segment) {
        if segment.origin != Origin::Spoofed {
            self.sent(segment);
        }
        if segment.is_intact() {
            self.delivered(segment);
        }
    }

    /// Takes note that a segment was sent: what that says about its sender.
    pub fn sent(&mut self, segment: &Segment) {
        self.end(segment.from).sent(segment);
    }

    /// Takes note that a segment reached its receiver, at once or later than it was sent.
    pub fn delivered(&mut self, segment: &Segment) {
        self.end(segment.to).delivered(segment);
    }

    /// The state of one end. A listener is shown only while there is no connection: once one has ended, its end is CLOSED
    /// even if the listener stays open.
    pub fn state(&self, party: Party) -> State {
        match party {
            Party::Client => self.client.state,
            Party::Server => self.server.state,
        }
    }

    /// How many segments this end's listener has dropped because its accept queue was full.
    pub fn overflows(&self, party: Party) -> u64 {
        match party {
            Party::Client => self.client.listener.overflows,
            Party::Server => self.server.listener.overflows,
        }
    }

    fn end(&mut self, party: Party) -> &mut End {
        match party {
            Party::Client => &mut self.client,
            Party::Server => &mut self.server,
        }
    }
}
