//! What can be said about the order of the actions without playing them.
//!
//! Only impossibilities are reported: an action on a socket that cannot exist at that point. An action whose outcome is
//! an error is left alone, for that may be what the scenario shows.

use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::{Action, Expect, Outcome, Phase, Span, Verb};
use crate::tcp::Party;

/// Checks all actions, top to bottom.
pub(super) fn check(source: &str, phases: &[Phase]) -> Vec<Diagnostic> {
    let mut play = Play {
        source,
        listener: Socket::Missing,
        ends: [Socket::Missing; 2],
        pending: [false; 2],
        to_self: false,
        is_void: [false; 2],
        diagnostics: Vec::new(),
    };
    for step in phases.iter().flat_map(|phase| &phase.steps) {
        play.action(&step.action);
        play.segments(&step.expect);
    }
    play.diagnostics
}

#[derive(Clone, Copy)]
enum Socket {
    Missing,
    Open,
    /// Closed by the action that begins here.
    Closed(usize),
}

struct Play<'a> {
    source: &'a str,
    listener: Socket,
    /// The two ends of the connection, indexed by party.
    ends: [Socket; 2],
    /// Whether a party has background actions.
    pending: [bool; 2],
    /// Whether the client has connected to itself.
    to_self: bool,
    /// Whether a party's last connect fails, as its line says: then there may be another.
    is_void: [bool; 2],
    diagnostics: Vec<Diagnostic>,
}

impl Play<'_> {
    fn action(&mut self, action: &Action) {
        let party = action.party;
        let index = party as usize;
        if !matches!(action.outcome, Outcome::Errno(_)) {
            self.possible(action);
        }
        if matches!(action.verb, Verb::Connect { .. } | Verb::ConnectTo(_)) {
            let on_another = |errno| !matches!(errno, libc::EISCONN | libc::EALREADY);
            self.is_void[index] = matches!(action.outcome, Outcome::Errno(errno) if on_another(errno));
        }
        match action.verb {
            Verb::Listen { .. } => self.listener = Socket::Open,
            Verb::Connect { to_self } => {
                self.to_self |= to_self;
                self.ends[index] = Socket::Open;
            }
            Verb::ConnectTo(_) => self.ends[index] = Socket::Open,
            Verb::Accept => {
                self.ends[index] = Socket::Open;
                self.is_void[index] = false;
            }
            Verb::Close { listener: true } => self.listener = Socket::Closed(action.span.start),
            Verb::Close { .. } | Verb::Abort => self.close(party, action.span.start),
            Verb::Wait => self.pending[index] = false,
            _ => {}
        }
        self.pending[index] |= action.background;
        if let Verb::Peer(injection) = &action.verb {
            self.way(&action.span, injection.segment.from, injection.segment.to);
        }
        if let Verb::Icmp(error) = &action.verb {
            self.way(&action.span, error.from, error.to);
        }
    }

    /// `close` and `abort` mean the connection, or the listener while there is none.
    fn close(&mut self, party: Party, at: usize) {
        match self.ends[party as usize] {
            Socket::Open => self.ends[party as usize] = Socket::Closed(at),
            _ if party == Party::Server => self.listener = Socket::Closed(at),
            _ => {}
        }
    }

    fn possible(&mut self, action: &Action) {
        let end = self.ends[action.party as usize];
        match action.verb {
            Verb::Connect { .. } | Verb::ConnectTo(_) => {
                if matches!(end, Socket::Open) && !self.is_void[action.party as usize] {
                    let party = action.party;
                    let message = format!("expected the {party} to connect once");
                    let label = match party {
                        Party::Client => "it has connected above",
                        Party::Server => "it has a connection from above",
                    };
                    self.diagnostics.push(
                        Diagnostic::new(action.span.clone(), message, label)
                            .help(format!("write `{party} close` before, or `-> EISCONN` behind it")),
                    );
                }
            }
            Verb::Accept | Verb::Close { listener: true } => self.need(action, self.listener, "listen"),
            Verb::Close { .. } | Verb::Abort if action.party == Party::Server && !matches!(end, Socket::Open) => {
                self.need(action, self.listener, "listen");
            }
            Verb::Send(_)
            | Verb::Write(_)
            | Verb::SendMore(_)
            | Verb::WriteMore(_)
            | Verb::Recv(_)
            | Verb::Read(_)
            | Verb::Echo { .. }
            | Verb::EchoStrlen { .. }
            | Verb::Shutdown(_)
            | Verb::Close { .. }
            | Verb::Abort => {
                let opening = match action.party {
                    Party::Client => "connect",
                    Party::Server => "accept",
                };
                self.need(action, end, opening);
            }
            Verb::Wait if !self.pending[action.party as usize] => {
                let message = format!("expected a background action of the {} before `wait`", action.party);
                let diagnostic = Diagnostic::new(action.span.clone(), message, "nothing to wait for");
                self.diagnostics
                    .push(diagnostic.help("an action goes to the background with `&` at the end of its line"));
            }
            Verb::Bind(_)
            | Verb::Listen { .. }
            | Verb::Set(..)
            | Verb::Get(..)
            | Verb::State(_)
            | Verb::Wait
            | Verb::Peer(_)
            | Verb::Icmp(_)
            | Verb::Wire(_) => {}
        }
    }

    /// Reports an action whose socket is not open.
    fn need(&mut self, action: &Action, socket: Socket, opening: &str) {
        let (party, verb) = (action.party, action.verb.name());
        let (label, help) = match socket {
            Socket::Open => return,
            Socket::Missing => (
                "no such socket yet".to_owned(),
                format!("add `{party} {opening}` above"),
            ),
            Socket::Closed(at) => {
                let line = self.source[..at].matches('\n').count() + 1;
                (
                    format!("closed in line {line}"),
                    "move it above that line, or delete it".to_owned(),
                )
            }
        };
        let message = match socket {
            Socket::Closed(_) => format!("expected `{party} {verb}` before the socket is closed"),
            _ => format!("expected `{party} {opening}` before `{party} {verb}`"),
        };
        self.diagnostics
            .push(Diagnostic::new(action.span.clone(), message, label).help(help));
    }

    /// Reports segments from a party to itself where no socket is connected to itself.
    fn segments(&mut self, expects: &[Expect]) {
        for expect in expects {
            match expect {
                Expect::Segment(pattern) => self.way(&pattern.span, pattern.from, pattern.to),
                Expect::Stream { span, from, to, .. } => self.way(span, *from, *to),
                Expect::AnyOrder { items, .. } => self.segments(items),
                Expect::Either { alternatives, .. } => alternatives.iter().for_each(|items| self.segments(items)),
                Expect::Anything { .. } => {}
            }
        }
    }

    fn way(&mut self, span: &Span, from: Party, to: Party) {
        if from != to || (self.to_self && from == Party::Client) {
            return;
        }
        let (from, to) = (from.letter(), to.letter());
        let message = "expected sender and receiver to differ";
        let diagnostic = Diagnostic::new(span.clone(), message, format!("from {from} to {to}"));
        self.diagnostics.push(diagnostic.help(match from {
            'C' => "`C > C` needs a socket that is connected to itself: `client connect self`",
            _ => "only the client can connect to itself",
        }));
    }
}
