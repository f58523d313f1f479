//! Many runs at once.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::{Lab, Played, SuiteError};
use crate::run::Interrupt;
use crate::run::event::{Event, What};
use crate::scenario::Scenario;

/// One run to be made.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its number within the suite; events carry it.
    pub run: usize,
    /// What to play.
    pub scenario: Arc<Scenario>,
}

/// What [`play_all`] tells while it goes on.
#[derive(Debug)]
pub enum News {
    /// Something happened in a run.
    Event(Event),
    /// A run is over.
    Done(Job, Box<Result<Played, SuiteError>>),
}

/// Plays all jobs, at most `workers` at a time; they may come without an end. `tell` hears of everything while it happens, on the calling thread. After
/// an interrupt no further job begins.
pub fn play_all<J>(lab: &Lab, jobs: J, workers: usize, interrupt: &Interrupt, mut tell: impl FnMut(News))
where
    J: IntoIterator<Item = Job, IntoIter: Send>,
{
    let queue = jobs.into_iter();
    let workers = workers.clamp(1, queue.size_hint().1.unwrap_or(usize::MAX).max(1));
    let queue = Mutex::new(queue);
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        let started = (0..workers)
            .map_while(|_| {
                let (queue, sender) = (&queue, sender.clone());
                let worker = move || work(lab, queue, interrupt, sender);
                thread::Builder::new().spawn_scoped(scope, worker).ok()
            })
            .count();
        if started == 0 {
            // The machine has no thread to spare: each run will say so.
            work(lab, &queue, interrupt, sender);
        } else {
            drop(sender);
        }
        receiver.into_iter().for_each(&mut tell);
    });
}

fn work(lab: &Lab, queue: &Mutex<impl Iterator<Item = Job>>, interrupt: &Interrupt, sender: Sender<News>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(job) = job.filter(|_| !interrupt.is_triggered()) else {
            return;
        };
        let run = job.run;
        // The receiver outlives all workers.
        let tell = |what| drop(sender.send(News::Event(Event { run, what })));
        tell(What::Started {
            scenario: job.scenario.name.clone(),
        });
        let result = lab.play(&job.scenario, interrupt, &mut |entry| tell(What::Entry(entry.clone())));
        match &result {
            Ok(played) => tell(What::Finished(Box::new(played.recording.clone()))),
            Err(error) => tell(What::Unable(error.to_string())),
        }
        drop(sender.send(News::Done(job, Box::new(result))));
    }
}
