//! TCP as RFC 9293 describes it, pure: no I/O, time comes in as an argument.
//!
//! - [`Segment`]: one captured segment with its raw flags, options and payload;
//! - [`Seq`]: sequence numbers, which wrap at 2^32;
//! - [`Conversation`]: relative numbers, as people and tcpdump write them;
//! - [`State`] and the state inference that replays RFC 9293's machine for both ends;
//! - [`Analysis`]: what each segment is, a retransmission for example;
//! - the always-on lints.
//!
//! Not modelled: congestion control, retransmission timers, the contents of IP options. The lab observes a real
//! stack, it does not emulate one.

mod analysis;
#[cfg(test)]
pub(crate) mod arbitrary;
pub mod bytes;
mod conversation;
mod flags;
mod ip;
pub(crate) mod lint;
mod option;
mod party;
mod repeats;
mod replay;
#[cfg(test)]
pub(crate) mod sample;
mod segment;
mod seq;
mod state;

pub use analysis::{Acknowledgment, Analysis, Numbers, Probe, Role};
pub use conversation::{Conversation, Relative};
pub use flags::Flags;
pub use ip::{Ecn, IpFields};
pub use lint::{RULES, Rule, Violation, lint};
pub use option::TcpOption;
pub use party::Party;
pub use repeats::Repeats;
pub use replay::{Call, Named, Replay, Transitions};
pub use segment::{Checksum, Nanos, Origin, Segment, SocketPair};
pub use seq::Seq;
pub use state::State;

/// The party's place in a pair of values, client first.
pub(crate) fn slot(party: Party) -> usize {
    match party {
        Party::Client => 0,
        Party::Server => 1,
    }
}
