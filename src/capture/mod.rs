//! Captured frames, and the TCP segments in them.

mod decode;

pub use decode::{Decoded, LinkType, TcpFrame, decode};
