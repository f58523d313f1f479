//! tcplab: an integrated lab for TCP.
//!
//! The layers, top to bottom; each may use those below it, never above:
//! `cli`, [`selfcheck`], [`coverage`], [`report`], [`suite`], [`judge`], [`snapshot`], [`record`], [`run`], [`endpoint`],
//! [`capture`], [`mod@bench`], [`matcher`], [`scenario`],
//! [`tcp`], [`rfc9293`].

pub mod bench;
pub mod capture;
pub mod cli;
pub mod coverage;
pub mod endpoint;
mod files;
pub mod judge;
pub mod matcher;
pub mod record;
pub mod report;
pub mod rfc9293;
pub mod run;
pub mod scenario;
pub mod selfcheck;
pub mod snapshot;
pub mod suite;
pub mod tcp;
