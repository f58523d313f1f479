//! What the kernel is asked while a scenario is played: states, reports on sockets, timers that still run.

use super::Play;
use crate::bench::{SocketInfo, Timer};
use crate::run::{RunError, SocketReport};
use crate::tcp::{Party, State};

impl Play<'_> {
    /// The state that the kernel reports; `None` for an end that it knows nothing of.
    pub(super) fn asked_state(&mut self, party: Party) -> Result<Option<State>, RunError> {
        if self.scenario.settings.peer == Some(party) {
            return Ok(None);
        }
        self.state(party).map(Some)
    }

    /// What the kernel reports for one end: its connection, or the listener while there was no connection yet.
    pub(super) fn state(&mut self, party: Party) -> Result<State, RunError> {
        let info = self.lookup(party)?;
        // A connection that never got beyond SYN-RECEIVED leaves its listener as it was (RFC 9293, section 3.10.7.4).
        let connected = info.as_ref().is_some_and(|info| info.state != State::SynReceived);
        self.accepted |= party == Party::Server && (connected || self.eyes.server_connected());
        Ok(match info {
            Some(info) => info.state,
            None if party == Party::Server
                && !self.accepted
                && self.bench.lookup_listener(self.bench.server_address())?.is_some() =>
            {
                // A handshake that was not completed is forgotten: what follows its SYN,ACK is no evidence of a connection.
                self.eyes.forget_connection();
                State::Listen
            }
            None => State::Closed,
        })
    }

    fn lookup(&mut self, party: Party) -> Result<Option<SocketInfo>, RunError> {
        // A server that connects names an address at which there may be no socket.
        let named = self.client.connection_address().or(self.server.connection_target());
        self.client_address = named.or(self.client_address);
        let Some(client) = self.client_address else {
            return Ok(None);
        };
        let server = if self.to_self {
            client
        } else {
            self.bench.server_address()
        };
        let (local, remote) = match party {
            Party::Client => (client, server),
            Party::Server if self.to_self => return Ok(None),
            Party::Server => (server, client),
        };
        Ok(self.bench.lookup(local, remote)?)
    }

    /// Takes the kernel's report on one end of the connection, if it has one.
    pub(super) fn report_socket(&mut self, party: Party) -> Result<(), RunError> {
        let after_segments = self.eyes.segments;
        if let Some(SocketInfo {
            state, info: Some(tcp), ..
        }) = self.lookup(party)?
        {
            self.sockets.push(SocketReport {
                party,
                after_segments,
                undelivered: self.eyes.undelivered(),
                state,
                segs_in: tcp.segs_in,
                segs_out: tcp.segs_out,
                bytes_received: tcp.bytes_received,
                bytes_acked: tcp.bytes_acked,
                bytes_sent: tcp.bytes_sent,
                retransmits: tcp.total_retrans,
            });
        }
        Ok(())
    }

    /// A connection whose timers will still send something, in words.
    pub(super) fn unquiet(&mut self) -> Result<Option<String>, RunError> {
        let server = self.bench.server_address();
        let busy = self.bench.dump()?.into_iter().find(|socket| {
            matches!(
                socket.timer,
                Some(Timer::Retransmit { .. } | Timer::ZeroWindowProbe { .. })
            ) && [socket.local, socket.remote].contains(&server)
        });
        Ok(busy.map(|socket| {
            let party = if socket.local == server {
                Party::Server
            } else {
                Party::Client
            };
            format!(
                "the {party}'s socket, in {}, still waits for an acknowledgment",
                socket.state
            )
        }))
    }
}
