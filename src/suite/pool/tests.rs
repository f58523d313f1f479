//! The pool with players that pass, fail, panic, and do not come back.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::{Artefacts, Conclusion};
use super::*;
use crate::judge::{Judgement, Verdict};
use crate::run::{CaptureStats, Ending, Environment, Mode, Recording, Stall};
use crate::scenario;
use crate::snapshot::Transcript;

/// A scenario of three steps with a deadline of a second, which is never played here.
fn scenario(name: &str) -> Arc<Scenario> {
    let text = "title = \"x\"\nteaches = \"x\"\nbench.deadline = \"1s\"\n\
                timeline = '''\nserver listen\n+2s client connect -> ECONNREFUSED\nserver close\n'''\n";
    let scenario = scenario::parse(name, "scenarios/x.toml".as_ref(), text.as_bytes()).expect("a scenario");
    Arc::new(scenario)
}

fn played(scenario: &Arc<Scenario>, verdict: Verdict) -> Played {
    Played {
        scenario: Arc::clone(scenario),
        recording: Recording {
            scenario: scenario.name.clone(),
            environment: Environment {
                kernel: "6.18.44".to_owned(),
                tcplab: "0.1.0".to_owned(),
                mode: Mode::Private,
                sysctls: Default::default(),
            },
            entries: Vec::new(),
            ending: Ending::Completed,
            capture: CaptureStats::default(),
            counters: None,
            sockets: Vec::new(),
            stall: Stall::default(),
        },
        transcript: Transcript { lines: Vec::new() },
        judgement: Judgement {
            verdict,
            checks: Vec::new(),
            findings: Vec::new(),
        },
        artefacts: Artefacts { folder: "runs".into() },
        pending: false,
    }
}

/// Does what the scenario's name says.
struct Fake {
    /// How many runs have begun.
    begun: AtomicUsize,
}

impl Player for Fake {
    fn play(
        &self,
        scenario: &Arc<Scenario>,
        interrupt: &Interrupt,
        observe: &mut (dyn FnMut(&Entry) + Send),
    ) -> Result<Played, SuiteError> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        observe(&Entry::ActionStarted { step: 0, at: 0 });
        observe(&Entry::Settled {
            step: 0,
            client: None,
            server: None,
        });
        match &*scenario.name {
            "panics" => panic!("index {} out of bounds", 7),
            "waits for good" => {
                observe(&Entry::ActionStarted { step: 1, at: 1 });
                loop {
                    thread::park();
                }
            }
            "turns for good" => loop {
                observe(&Entry::ActionStarted { step: 2, at: 1 });
                thread::yield_now();
            },
            "ends on interrupt" => {
                while !interrupt.is_triggered() {
                    thread::yield_now();
                }
                Ok(played(scenario, Verdict::Inconclusive))
            }
            "fails" => Ok(played(scenario, Verdict::Fail)),
            "skips" => Err(SuiteError::Skipped {
                reason: "no".to_owned(),
            }),
            _ => Ok(played(scenario, Verdict::Pass)),
        }
    }

    /// Enough for those that hang to say where; all the time of a busy machine for those that do not.
    fn patience(&self, scenario: &Scenario) -> Duration {
        if scenario.name.ends_with("for good") {
            20 * TICK
        } else {
            OVERHEAD
        }
    }
}

/// What was told of a suite.
#[derive(Default)]
struct Told {
    ended: Vec<(String, Conclusion, Option<String>)>,
    lines: Vec<Option<usize>>,
    totals: Totals,
    /// How many runs had begun when the suite was over.
    begun: usize,
}

/// Plays scenarios of these names; `is_enough` says after which end no further run begins.
fn play(names: &[&str], jobs: usize, runs: Option<usize>, is_enough: impl Fn(&Ended) -> bool) -> Told {
    let suite = Suite {
        tcplab: String::new(),
        kernel: String::new(),
        mode: Mode::Private,
        jobs,
        scenarios: names.iter().map(|name| scenario(name)).collect(),
        runs,
    };
    let player = Arc::new(Fake {
        begun: AtomicUsize::new(0),
    });
    let mut told = Told::default();
    play_all(&player, suite, &Interrupt::new(), |event| match event {
        Event::RunEnded(ended) => {
            let error = ended.result.as_ref().err().map(ToString::to_string);
            told.ended
                .push((ended.scenario.name.clone(), ended.conclusion(), error));
            told.lines.push(ended.line_at_fault());
            if is_enough(ended) {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        }
        Event::SuiteEnded(totals) => {
            told.totals = totals.clone();
            ControlFlow::Continue(())
        }
        _ => ControlFlow::Continue(()),
    });
    told.begun = player.begun.load(Ordering::SeqCst);
    told
}

#[test]
fn a_panic_is_the_error_of_its_run_alone() {
    let told = play(&["a", "panics", "b"], 1, Some(3), |_| false);
    let conclusions: Vec<Conclusion> = told.ended.iter().map(|(_, conclusion, _)| *conclusion).collect();
    assert_eq!(conclusions, [Conclusion::Pass, Conclusion::Error, Conclusion::Pass]);
    let message = told.ended[1].2.as_deref().unwrap();
    assert!(message.contains("index 7 out of bounds"), "{message}");
    assert_eq!(told.totals.count(Conclusion::Pass), 2);
    assert_eq!(told.totals.count(Conclusion::Error), 1);
}

#[test]
fn a_run_that_hangs_is_given_up_with_the_action_in_which_it_hangs() {
    let told = play(&["waits for good", "a", "turns for good", "b"], 2, Some(4), |_| false);
    assert_eq!(told.totals.runs(), 4);
    let of = |wanted: &str| told.ended.iter().position(|(name, ..)| name == wanted).unwrap();
    for (name, action, line) in [
        ("waits for good", "in `+2s client connect -> ECONNREFUSED` (line 6)", 6),
        ("turns for good", "in `server close` (line 7)", 7),
    ] {
        let (_, conclusion, error) = &told.ended[of(name)];
        assert_eq!(*conclusion, Conclusion::Error);
        let error = error.as_deref().unwrap();
        assert!(error.contains(action), "{error}");
        assert_eq!(told.lines[of(name)], Some(line));
    }
    for name in ["a", "b"] {
        assert_eq!(told.ended[of(name)].1, Conclusion::Pass);
    }
}

#[test]
fn after_enough_no_run_begins_and_those_that_go_on_end() {
    // With two at a time, one is under way when the failure is told.
    let told = play(&["fails", "a", "b", "c", "d"], 2, Some(5), |ended| {
        ended.conclusion() == Conclusion::Fail
    });
    assert_eq!(told.ended.len(), told.begun);
    assert_eq!(told.totals.runs() + told.totals.not_played, 5);
    let alone = play(&["a", "fails", "b", "c"], 1, Some(4), |ended| {
        !ended.conclusion().is_good()
    });
    assert_eq!(alone.begun, 2);
    assert_eq!(alone.totals.not_played, 2);
}

#[test]
fn without_a_number_of_runs_only_enough_is_the_end() {
    let left = Mutex::new(VecDeque::from([false, false, false, false, true]));
    let told = play(&["a", "b"], 1, None, |_| left.lock().unwrap().pop_front().unwrap());
    let names: Vec<&str> = told.ended.iter().map(|(name, ..)| &**name).collect();
    assert_eq!(names, ["a", "b", "a", "b", "a"]);
    assert_eq!(told.totals.not_played, 0);
}

#[test]
fn after_an_interrupt_what_goes_on_ends_and_is_told() {
    let suite = Suite {
        tcplab: String::new(),
        kernel: String::new(),
        mode: Mode::Private,
        jobs: 1,
        scenarios: vec![scenario("ends on interrupt")],
        runs: Some(3),
    };
    let player = Arc::new(Fake {
        begun: AtomicUsize::new(0),
    });
    let interrupt = Interrupt::new();
    let mut totals = None;
    play_all(&player, suite, &interrupt, |event| {
        match event {
            Event::Entry { .. } => interrupt.trigger(),
            Event::SuiteEnded(told) => totals = Some(told.clone()),
            _ => {}
        }
        ControlFlow::Continue(())
    });
    let totals = totals.unwrap();
    assert_eq!(totals.count(Conclusion::Inconclusive), 1);
    assert_eq!(totals.not_played, 2);
    assert!(totals.interrupted);
}

#[test]
fn a_selection_of_nothing_ends_at_once() {
    assert_eq!(play(&[], 4, None, |_| false).totals.runs(), 0);
}

#[test]
fn a_run_may_take_its_delays_and_all_its_deadlines() {
    // Three steps and the rest at the end, of a second each, and a pause of two.
    assert_eq!(longest(&scenario("a")), Duration::from_secs(3 + 1 + 2));
}
