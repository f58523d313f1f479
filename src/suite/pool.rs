//! Many runs at once, each on a thread of its own.
//!
//! A run that panics or does not come back is the end of that run alone: the panic is caught on its thread, and a thread that
//! hangs is left behind, for nothing ends a thread that waits in the kernel. The process takes it along when it ends.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use super::event::{Ended, Event, Suite, Totals};
use super::{Lab, Played, SuiteError};
use crate::run::{Entry, Interrupt, RunError, panic_text};
use crate::scenario::Scenario;

/// How often the pool looks for runs that have taken too long.
const TICK: Duration = Duration::from_millis(100);

/// How long a run may take after an interrupt.
const GRACE: Duration = Duration::from_secs(10);

/// What a run may take besides what its timeline says: opening the bench, the judgement, a machine with much to do.
const OVERHEAD: Duration = Duration::from_secs(60);

/// Plays one run of the pool.
pub trait Player: Send + Sync + 'static {
    /// Plays and judges a scenario; `observe` is told what happens on the bench.
    ///
    /// # Errors
    /// See [`SuiteError`].
    fn play(
        &self,
        scenario: &Arc<Scenario>,
        interrupt: &Interrupt,
        observe: &mut (dyn FnMut(&Entry) + Send),
    ) -> Result<Played, SuiteError>;

    /// How long a run of this scenario may take until it counts as one that hangs.
    fn patience(&self, scenario: &Scenario) -> Duration;
}

impl Player for Lab {
    fn play(
        &self,
        scenario: &Arc<Scenario>,
        interrupt: &Interrupt,
        observe: &mut (dyn FnMut(&Entry) + Send),
    ) -> Result<Played, SuiteError> {
        Lab::play(self, scenario, interrupt, observe)
    }

    fn patience(&self, scenario: &Scenario) -> Duration {
        longest(scenario).saturating_add(OVERHEAD)
    }
}

/// The longest time that a run which works can take on its bench: every delay of its timeline, every step up to its deadline
/// (which also ends a step whose segments the wire delays), and one deadline more for the wire to come to rest.
fn longest(scenario: &Scenario) -> Duration {
    let deadline = scenario.settings.deadline;
    scenario.steps().fold(deadline, |total, step| {
        let delay = step.action.delay.unwrap_or_default();
        total.saturating_add(delay).saturating_add(deadline)
    })
}

/// Plays the scenarios of `suite` round after round, up to its number of runs, at most `jobs` at a time. `tell` hears of
/// everything while it happens, on the calling thread; after it says [`ControlFlow::Break`], and after an interrupt, no
/// further run begins, and those that go on come to their end.
pub fn play_all(
    player: &Arc<impl Player>,
    suite: Suite,
    interrupt: &Interrupt,
    mut tell: impl FnMut(&Event) -> ControlFlow<()>,
) {
    let (sender, receiver) = mpsc::channel();
    let mut pool = Pool {
        player: Arc::clone(player),
        interrupt: interrupt.clone(),
        jobs: suite.jobs.max(1),
        total: suite.runs.unwrap_or(usize::MAX),
        queue: suite.scenarios.clone(),
        begun: 0,
        sender,
        receiver,
        running: BTreeMap::new(),
        totals: Totals::default(),
    };
    let is_endless = suite.runs.is_none();
    let started = Instant::now();
    let mut stopped = tell(&Event::SuiteStarted(suite)).is_break();
    let mut last = Instant::now();
    loop {
        while !stopped && !interrupt.is_triggered() && pool.may_begin() {
            stopped |= pool.begin(&mut tell).is_break();
        }
        if pool.running.is_empty() {
            break;
        }
        stopped |= pool.listen(&mut tell).is_break();
        // A process that was stopped for a while has not waited all that time.
        let waited = last.elapsed().min(2 * TICK);
        last = Instant::now();
        stopped |= pool.give_up(waited, &mut tell).is_break();
    }
    let mut totals = pool.totals;
    if !is_endless {
        totals.not_played = pool.total - pool.begun;
    }
    totals.elapsed = started.elapsed();
    totals.interrupted = interrupt.is_triggered();
    // Nothing can be stopped any more.
    let _ = tell(&Event::SuiteEnded(totals));
}

struct Pool<P> {
    player: Arc<P>,
    interrupt: Interrupt,
    jobs: usize,
    total: usize,
    /// The scenarios of one round.
    queue: Vec<Arc<Scenario>>,
    /// How many runs have begun.
    begun: usize,
    sender: Sender<(usize, News)>,
    receiver: Receiver<(usize, News)>,
    running: BTreeMap<usize, Running>,
    totals: Totals,
}

/// What the thread of a run tells.
enum News {
    Entry(Entry),
    Done(Box<Result<Played, SuiteError>>),
}

struct Running {
    scenario: Arc<Scenario>,
    started: Instant,
    /// How long it may still take.
    patience: Duration,
    allowed: Duration,
    place: Place,
}

/// How far a run has come.
#[derive(Clone, Copy)]
enum Place {
    Before,
    In(usize),
    After(usize),
}

impl<P: Player> Pool<P> {
    fn may_begin(&self) -> bool {
        self.running.len() < self.jobs && self.begun < self.total && !self.queue.is_empty()
    }

    /// Begins the next run.
    fn begin(&mut self, tell: &mut impl FnMut(&Event) -> ControlFlow<()>) -> ControlFlow<()> {
        let run = self.begun;
        self.begun += 1;
        let scenario = Arc::clone(&self.queue[run % self.queue.len()]);
        let patience = self.player.patience(&scenario);
        self.running.insert(
            run,
            Running {
                scenario: Arc::clone(&scenario),
                started: Instant::now(),
                patience,
                allowed: patience,
                place: Place::Before,
            },
        );
        let told = tell(&Event::RunStarted {
            run,
            scenario: Arc::clone(&scenario),
        });
        let (player, interrupt, sender) = (Arc::clone(&self.player), self.interrupt.clone(), self.sender.clone());
        let spawned = thread::Builder::new()
            .name(format!("run {}", scenario.name))
            .spawn(move || {
                // The receiver is gone when this run was given up and the suite is over.
                let mut observe = |entry: &Entry| drop(sender.send((run, News::Entry(entry.clone()))));
                let played = catch_unwind(AssertUnwindSafe(|| player.play(&scenario, &interrupt, &mut observe)));
                let result =
                    played.unwrap_or_else(|panic| Err(SuiteError::Run(RunError::Panicked(panic_text(panic.as_ref())))));
                drop(sender.send((run, News::Done(Box::new(result)))));
            });
        match spawned {
            Ok(_) => told,
            Err(error) => {
                let result = Err(SuiteError::Run(RunError::Io { call: "clone", error }));
                self.end(run, result, tell)
            }
        }
    }

    /// Waits for the next news, a little while.
    fn listen(&mut self, tell: &mut impl FnMut(&Event) -> ControlFlow<()>) -> ControlFlow<()> {
        let (run, news) = match self.receiver.recv_timeout(TICK) {
            Ok(news) => news,
            // The pool has a sender itself.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return ControlFlow::Continue(()),
        };
        // A run that was given up has nothing to say any more.
        let Some(running) = self.running.get_mut(&run) else {
            return ControlFlow::Continue(());
        };
        match news {
            News::Entry(entry) => {
                running.place = match entry {
                    Entry::ActionStarted { step, .. } => Place::In(step),
                    Entry::Settled { step, .. } => Place::After(step),
                    _ => running.place,
                };
                tell(&Event::Entry { run, entry })
            }
            News::Done(result) => self.end(run, *result, tell),
        }
    }

    /// Gives up the runs that have used up their time.
    fn give_up(&mut self, waited: Duration, tell: &mut impl FnMut(&Event) -> ControlFlow<()>) -> ControlFlow<()> {
        let interrupted = self.interrupt.is_triggered();
        let mut hung = Vec::new();
        for (run, running) in &mut self.running {
            if interrupted {
                running.patience = running.patience.min(GRACE);
            }
            running.patience = running.patience.saturating_sub(waited);
            if running.patience.is_zero() {
                hung.push((*run, running.hung()));
            }
        }
        let mut flow = ControlFlow::Continue(());
        for (run, error) in hung {
            if self.end(run, Err(error), tell).is_break() {
                flow = ControlFlow::Break(());
            }
        }
        flow
    }

    fn end(
        &mut self,
        run: usize,
        result: Result<Played, SuiteError>,
        tell: &mut impl FnMut(&Event) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Some(running) = self.running.remove(&run) else {
            return ControlFlow::Continue(());
        };
        let ended = Ended {
            run,
            scenario: running.scenario,
            result,
            elapsed: running.started.elapsed(),
        };
        self.totals.add(ended.conclusion());
        tell(&Event::RunEnded(Box::new(ended)))
    }
}

impl Running {
    fn hung(&self) -> SuiteError {
        let scenario = &*self.scenario;
        let action = |step: usize| {
            scenario.steps().nth(step).map_or_else(
                || format!("step {}", step + 1),
                |known| {
                    let span = &known.action.span;
                    format!("`{}` (line {})", scenario.text(span), scenario.line(span))
                },
            )
        };
        let (place, step) = match self.place {
            Place::Before => ("before its first action".to_owned(), None),
            Place::In(step) => (format!("in {}", action(step)), Some(step)),
            Place::After(step) => (format!("after {}", action(step)), Some(step)),
        };
        SuiteError::Hung {
            place,
            step,
            allowed: self.allowed,
        }
    }
}

#[cfg(test)]
mod tests;
