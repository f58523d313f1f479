//! Plays a scenario's steps on a bench, with the capture as its eyes.
//!
//! A step is over when its action has ended, its segments have been seen, and everything in flight has been delivered.
//! Then the kernel is asked for both ends' states, and the next step begins. Nothing is ever waited for by time, except
//! where the scenario says so (`+1s`) and where a deadline ends a step that does not come to its end.

mod by_hand;
mod explore;
mod kernel;

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use self::explore::Exploration;
use super::clock::Clock;
use super::eyes::{Eyes, Look};
use super::log::Log;
use super::{ActionResult, Ending, Entry, Interrupt, RunError, SocketReport, Stall};
use crate::bench::Bench;
use crate::capture::Frame;
use crate::endpoint::Endpoint;
use crate::matcher;
use crate::scenario::{Scenario, Step, Verb};
use crate::tcp::Party;

/// How often the kernel is asked again while a scenario waits for a state or for silence.
const POLL: Duration = Duration::from_millis(1);

pub(super) struct Play<'a> {
    scenario: &'a Scenario,
    pub(super) bench: &'a mut Bench,
    interrupt: &'a Interrupt,
    clock: Clock,
    pub(super) eyes: Eyes,
    pub(super) log: Log<'a>,
    pub(super) sockets: Vec<SocketReport>,
    client: Rc<Endpoint>,
    server: Rc<Endpoint>,
    /// The client's address once it has a socket; it stays known when the socket is closed.
    client_address: Option<SocketAddr>,
    /// What the client binds to.
    client_start: SocketAddr,
    /// Whether the client connects to itself: then there is no other end.
    to_self: bool,
    /// Whether the server's end of the connection was ever seen, on the wire or by the kernel.
    accepted: bool,
    results: (UnboundedSender<Ended>, UnboundedReceiver<Ended>),
    /// Actions that have begun and not ended.
    running: Vec<Running>,
    awake_since: std::time::Instant,
    /// For a run that finds out what happens, instead of holding it against the scenario.
    exploration: Option<Exploration>,
}

struct Ended {
    step: usize,
    result: ActionResult,
}

struct Running {
    step: usize,
    party: Party,
    task: JoinHandle<()>,
}

/// No wait is longer in one piece: whatever goes beyond it is time for which the machine held the lab up, also where there
/// is nothing else to measure it by.
const HEARTBEAT: Duration = Duration::from_millis(10);

/// Why a wait came to its end.
enum Wake {
    Segments,
    Ended(Ended),
    Tick,
    Deadline,
    Interrupted,
}

impl<'a> Play<'a> {
    pub(super) fn new(
        scenario: &'a Scenario,
        bench: &'a mut Bench,
        interrupt: &'a Interrupt,
        clock: Clock,
        eyes: Eyes,
        log: Log<'a>,
        explores: bool,
    ) -> Play<'a> {
        let server = bench.server_address();
        let client = bench
            .client_address()
            .unwrap_or_else(|| SocketAddr::new(server.ip(), 0));
        Play {
            scenario,
            bench,
            interrupt,
            clock,
            eyes,
            log,
            sockets: Vec::new(),
            client: Rc::new(Endpoint::new(Party::Client, client, server)),
            server: Rc::new(Endpoint::new(Party::Server, server, client)),
            client_address: (scenario.settings.peer == Some(Party::Client)).then_some(client),
            client_start: client,
            to_self: scenario
                .steps()
                .any(|step| matches!(step.action.verb, Verb::Connect { to_self: true })),
            accepted: false,
            results: unbounded_channel(),
            running: Vec::new(),
            awake_since: std::time::Instant::now(),
            exploration: explores.then(Exploration::default),
        }
    }

    /// Plays all steps; afterwards the log tells what happened.
    pub(super) async fn play(&mut self) -> Result<Ending, RunError> {
        self.awake_since = std::time::Instant::now();
        let ending = match self.all_steps().await? {
            Some(ending) => ending,
            None => Ending::Completed,
        };
        let last = self.scenario.steps().count().saturating_sub(1);
        // A run that ended without another wait may have been held up since the last one.
        self.note_stall(last);
        if ending != Ending::Completed {
            // What was still in flight helps to explain what went wrong.
            self.bench.barrier()?;
            self.eyes.look(last, &mut self.log)?;
        }
        self.abandon_running();
        for party in Party::ALL {
            self.report_socket(party)?;
        }
        Ok(ending)
    }

    /// The last words about the run itself, when all else has been asked: what held the lab up until now.
    pub(super) fn close_watch(&mut self) -> Stall {
        self.note_stall(self.scenario.steps().count().saturating_sub(1));
        self.eyes.note_clock();
        self.eyes.stall
    }

    /// Ends the capture and drops the sockets; returns the captured frames.
    pub(super) fn close_capture(self) -> Vec<Frame> {
        self.eyes.close()
    }

    async fn all_steps(&mut self) -> Result<Option<Ending>, RunError> {
        let scenario = self.scenario;
        for (number, step) in scenario.steps().enumerate() {
            if let Some(ending) = self.step(number, step).await? {
                return Ok(Some(ending));
            }
        }
        self.come_to_rest(scenario.steps().count().saturating_sub(1)).await
    }

    /// Plays one step; `Some` ends the run.
    async fn step(&mut self, number: usize, step: &Step) -> Result<Option<Ending>, RunError> {
        let action = &step.action;
        if let Some(delay) = action.delay
            && let Some(ending) = self.pause(number, delay).await?
        {
            return Ok(Some(ending));
        }
        if matches!(action.verb, Verb::Close { .. } | Verb::Abort) {
            self.report_socket(action.party)?;
        }
        if matches!(action.verb, Verb::Listen { .. }) && !self.server.listens() {
            self.accepted = false;
            self.eyes.forget_connection();
        }
        // What a timer has sent since the last step belongs to that one.
        let quotes = matches!(action.verb, Verb::Icmp(_));
        if (self.eyes.has_wire() || quotes) && self.settle(number.saturating_sub(1))? == Look::Unexpected {
            return Ok(Some(Ending::Mismatch {
                step: number.saturating_sub(1),
            }));
        }
        let now = self.clock.now();
        self.log.add(Entry::ActionStarted { step: number, at: now });
        self.eyes.matcher.begin(number, now);
        let deadline = Instant::now() + self.scenario.settings.deadline;
        if let Verb::Wire(fault) = &action.verb {
            self.eyes.act(number, fault, &mut self.log)?;
        }
        let on_socket = !matches!(
            action.verb,
            Verb::State(_) | Verb::Wait | Verb::Peer(_) | Verb::Icmp(_) | Verb::Wire(_)
        );
        let mut over = action.background;
        if let Verb::Peer(injection) = &action.verb {
            self.inject(number, injection)?;
            over = true;
        } else if let Verb::Icmp(error) = &action.verb {
            self.inject_icmp(number, error)?;
            over = true;
        } else if on_socket {
            self.start(number, action.party, &action.verb);
        }
        let before = self.eyes.segments;
        self.begin_exploring();
        loop {
            if self.look(number)? == Look::Unexpected {
                return Ok(Some(Ending::Mismatch { step: number }));
            }
            if !on_socket
                && !over
                && let Some(result) = self.ask(action.party, &action.verb)?
            {
                self.log.add(Entry::ActionEnded {
                    step: number,
                    at: self.clock.now(),
                    result,
                });
                over = true;
            }
            if self.exploration.is_some() {
                if self.is_explored(number, step, before, &mut over)? {
                    break;
                }
            } else if over && self.eyes.matcher.is_satisfied() {
                match self.settle(number)? {
                    Look::Unexpected => return Ok(Some(Ending::Mismatch { step: number })),
                    _ if self.eyes.matcher.is_satisfied() && self.eyes.next_due().is_none() => break,
                    _ => {}
                }
            }
            let asks = !on_socket && !over;
            match self.wake(number, deadline, asks || self.exploration.is_some()).await? {
                Wake::Segments | Wake::Tick => {}
                Wake::Ended(ended) => {
                    over |= ended.step == number;
                    if let Some(ending) = self.ended(ended) {
                        return Ok(Some(ending));
                    }
                }
                Wake::Deadline if over && self.exploration.is_some() => break,
                Wake::Deadline => {
                    if asks {
                        let result = self.last_answer(action.party, &action.verb)?;
                        self.log.add(Entry::ActionEnded {
                            step: number,
                            at: self.clock.now(),
                            result,
                        });
                    }
                    return Ok(Some(Ending::Deadline { step: number }));
                }
                Wake::Interrupted => return Ok(Some(Ending::Interrupted)),
            }
        }
        let (client, server) = (self.asked_state(Party::Client)?, self.asked_state(Party::Server)?);
        self.log.add(Entry::Settled {
            step: number,
            client,
            server,
        });
        Ok(None)
    }

    /// Waits as `+1s` says, with open eyes.
    async fn pause(&mut self, number: usize, delay: Duration) -> Result<Option<Ending>, RunError> {
        let until = Instant::now() + delay;
        loop {
            match self.wake(number, until, false).await? {
                Wake::Deadline => return Ok(None),
                Wake::Interrupted => return Ok(Some(Ending::Interrupted)),
                Wake::Ended(ended) => {
                    if let Some(ending) = self.ended(ended) {
                        return Ok(Some(ending));
                    }
                }
                Wake::Segments | Wake::Tick => {
                    if self.look(number)? == Look::Unexpected {
                        return Ok(Some(Ending::Mismatch {
                            step: number.saturating_sub(1),
                        }));
                    }
                }
            }
        }
    }

    /// After the last step: background actions end, timers run out, and nothing more comes.
    async fn come_to_rest(&mut self, last: usize) -> Result<Option<Ending>, RunError> {
        let deadline = Instant::now() + self.scenario.settings.deadline;
        loop {
            if self.settle(last)? == Look::Unexpected {
                return Ok(Some(Ending::Mismatch { step: last }));
            }
            let unquiet = self.unquiet()?;
            if self.running.is_empty() && unquiet.is_none() && self.eyes.next_due().is_none() {
                return Ok(None);
            }
            match self.wake(last, deadline, unquiet.is_some()).await? {
                Wake::Segments | Wake::Tick => {}
                Wake::Ended(ended) => {
                    if let Some(ending) = self.ended(ended) {
                        return Ok(Some(ending));
                    }
                }
                Wake::Deadline => {
                    return Ok(Some(match (self.running.first(), unquiet) {
                        (None, Some(detail)) => Ending::Unquiet { detail },
                        (running, _) => Ending::Deadline {
                            step: running.map_or(last, |running| running.step),
                        },
                    }));
                }
                Wake::Interrupted => return Ok(Some(Ending::Interrupted)),
            }
        }
    }

    fn start(&mut self, step: usize, party: Party, verb: &Verb) {
        let endpoint = match party {
            Party::Client => Rc::clone(&self.client),
            Party::Server => Rc::clone(&self.server),
        };
        let results = self.results.0.clone();
        let verb = verb.clone();
        let task = tokio::task::spawn_local(async move {
            let result = endpoint.perform(&verb).await;
            // The receiver lives as long as the play.
            let _ = results.send(Ended { step, result });
        });
        self.running.push(Running { step, party, task });
    }

    /// Takes note of an ended action; `Some` if it ended otherwise than the scenario says.
    fn ended(&mut self, ended: Ended) -> Option<Ending> {
        let Ended { step, result } = ended;
        self.running.retain(|running| running.step != step);
        let as_expected = self
            .scenario
            .steps()
            .nth(step)
            .is_none_or(|known| matcher::check_result(&known.action, &result).is_ok());
        // An exploration goes on whatever a call reports, as long as there was a call.
        let tolerated = self.exploration.is_some() && !matches!(result, ActionResult::Impossible { .. });
        self.log.add(Entry::ActionEnded {
            step,
            at: self.clock.now(),
            result,
        });
        (!as_expected && !tolerated).then_some(Ending::ActionFailed { step })
    }

    /// Answers a `state` or `wait` as soon as it is as the scenario says.
    fn ask(&mut self, party: Party, verb: &Verb) -> Result<Option<ActionResult>, RunError> {
        Ok(match verb {
            Verb::State(wanted) => {
                let state = self.state(party)?;
                (state == *wanted).then(|| ActionResult::value(state.name().to_owned()))
            }
            Verb::Wire(_) => Some(ActionResult::done()),
            _ => self
                .running
                .iter()
                .all(|running| running.party != party)
                .then(ActionResult::done),
        })
    }

    fn last_answer(&mut self, party: Party, verb: &Verb) -> Result<ActionResult, RunError> {
        Ok(match verb {
            Verb::State(_) => ActionResult::value(self.state(party)?.name().to_owned()),
            _ => ActionResult::Unfinished,
        })
    }

    /// Has everything in flight delivered and seen.
    fn settle(&mut self, step: usize) -> Result<Look, RunError> {
        let mut seen = Look::Nothing;
        loop {
            self.bench.barrier()?;
            match self.look(step)? {
                Look::Nothing => return Ok(seen),
                Look::Expected => seen = Look::Expected,
                Look::Unexpected => return Ok(Look::Unexpected),
            }
        }
    }

    /// Takes note of how long the lab has been busy since it last waited.
    fn note_stall(&mut self, step: usize) {
        let busy = u64::try_from(self.awake_since.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.eyes.note_stall(busy, step);
    }

    async fn wake(&mut self, step: usize, deadline: Instant, tick: bool) -> Result<Wake, RunError> {
        self.note_stall(step);
        let due = self.eyes.next_due();
        loop {
            let asleep = std::time::Instant::now();
            let wake = tokio::select! {
                biased;
                () = self.interrupt.triggered() => Some(Wake::Interrupted),
                Some(ended) = self.results.1.recv() => Some(Wake::Ended(ended)),
                ready = self.eyes.readable() => {
                    ready?;
                    Some(Wake::Segments)
                }
                () = sleep_until(due.unwrap_or(deadline)), if due.is_some() => Some(Wake::Segments),
                () = sleep(POLL), if tick => Some(Wake::Tick),
                () = sleep_until(deadline) => Some(Wake::Deadline),
                () = sleep(HEARTBEAT) => None,
            };
            self.awake_since = std::time::Instant::now();
            let overslept = self.awake_since.duration_since(asleep).saturating_sub(HEARTBEAT);
            self.eyes
                .note_stall(u64::try_from(overslept.as_nanos()).unwrap_or(u64::MAX), step);
            self.eyes.note_clock();
            if let Some(wake) = wake {
                return Ok(wake);
            }
        }
    }

    /// Gives up what has not ended.
    fn abandon_running(&mut self) {
        while let Ok(ended) = self.results.1.try_recv() {
            self.ended(ended);
        }
        for running in std::mem::take(&mut self.running) {
            running.task.abort();
            let at = self.clock.now();
            self.log.add(Entry::ActionEnded {
                step: running.step,
                at,
                result: ActionResult::Unfinished,
            });
        }
    }
}
