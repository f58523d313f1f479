//! Segments and ICMP errors that the lab makes and sends itself.

use std::net::SocketAddr;

use super::Play;
use crate::capture::{Decoded, LinkType, decode};
use crate::run::{ActionResult, Entry, IcmpEvent, IcmpFate, RunError};
use crate::scenario::{IcmpError, Injection};
use crate::tcp::{Call, Party};

impl Play<'_> {
    /// Makes a segment and sends it.
    pub(super) fn inject(&mut self, step: usize, injection: &Injection) -> Result<(), RunError> {
        let (from, to) = (injection.segment.from, injection.segment.to);
        let addresses = (self.address(from), self.address(to));
        let (frame, origin) = self.eyes.forge.make(injection, addresses);
        let packet = frame.encode()?;
        let destination = frame.destination;
        // Padded options are decoded with an end mark: what the capture will show is what the packet decodes to.
        let Decoded::Tcp(frame) = decode(
            LinkType::RawIp,
            &packet,
            u32::try_from(packet.len()).unwrap_or(u32::MAX),
        ) else {
            return Err(RunError::Undecodable);
        };
        self.eyes.note_injected(*frame, origin);
        self.bench.inject(&packet, destination)?;
        self.log.add(Entry::ActionEnded {
            step,
            at: self.clock.now(),
            result: ActionResult::done(),
        });
        Ok(())
    }

    /// Makes an ICMP error and sends it; the kernel's counters tell what became of it.
    pub(super) fn inject_icmp(&mut self, step: usize, error: &IcmpError) -> Result<(), RunError> {
        let addresses = (self.address(error.from), self.address(error.to));
        let result = match self.eyes.forge.quoted(error, addresses) {
            Some(quoted) => {
                let packet = quoted.encode_icmp_about(error.kind, error.mtu)?;
                let before = self.bench.icmp_counters()?;
                let at = self.clock.now();
                self.bench.inject(&packet, quoted.source)?;
                self.bench.barrier()?;
                let fate = IcmpFate::of(before, self.bench.icmp_counters()?);
                let event = IcmpEvent {
                    step,
                    at,
                    family: self.scenario.settings.family,
                    kind: error.kind,
                    from: error.from,
                    to: error.to,
                    seq: quoted.seq,
                    mtu: error.mtu,
                    fate,
                };
                if event.from == Party::Server && matches!(event.call(), Some(Call::Unreachable { passive: true })) {
                    // The listener has no half-open connection any more: an ACK that comes now opens none.
                    self.eyes.forget_connection();
                }
                self.log.add(Entry::Icmp(event));
                ActionResult::done()
            }
            None => ActionResult::impossible(format!(
                "no segment {} > {} has been captured that could be quoted",
                error.from.letter(),
                error.to.letter()
            )),
        };
        self.log.add(Entry::ActionEnded {
            step,
            at: self.clock.now(),
            result,
        });
        Ok(())
    }

    fn address(&self, party: Party) -> SocketAddr {
        match party {
            Party::Server => self.bench.server_address(),
            Party::Client => self.client_address.unwrap_or(self.client_start),
        }
    }
}
