//! Progress bars: one for each run that goes on, and with several scenarios one for all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::theme::{Role, Theme};

/// How often a spinner turns while a run waits.
const TICK: Duration = Duration::from_millis(100);

/// The bars on the screen; on a hidden target all of this does nothing.
pub(super) struct Progress {
    theme: Theme,
    bars: MultiProgress,
    /// How many of the suite's runs are over; `None` for a single run.
    all: Option<ProgressBar>,
    /// The columns of the longest scenario name.
    names: usize,
    runs: BTreeMap<usize, ProgressBar>,
}

impl Progress {
    pub fn new(theme: Theme, target: ProgressDrawTarget) -> Progress {
        Progress {
            theme,
            bars: MultiProgress::with_draw_target(target),
            all: None,
            names: 0,
            runs: BTreeMap::new(),
        }
    }

    /// The suite begins: so many runs, without an end when `None`; the columns of its longest name.
    pub fn begin(&mut self, total: Option<usize>, names: usize) {
        self.names = names;
        let bar = match total {
            Some(1) => return,
            Some(total) => {
                let marks = if self.theme.unicode { "━╸─" } else { "=>-" };
                let bar = ProgressBar::new(total as u64);
                bar.with_style(style("{bar:30} {pos} of {len}  {elapsed}", self.theme).progress_chars(marks))
            }
            None => ProgressBar::no_length().with_style(style("{pos} runs  {elapsed}", self.theme)),
        };
        self.all = Some(self.bars.add(bar));
    }

    /// Nothing is drawn any more.
    pub fn end(&mut self) {
        self.runs
            .values()
            .chain(&self.all)
            .for_each(ProgressBar::finish_and_clear);
    }

    pub fn started(&mut self, run: usize, scenario: &str, steps: usize) {
        let bar = self.bars.add(ProgressBar::new(steps as u64));
        bar.set_style(style(
            "{spinner} {prefix}  step {pos:>2} of {len:2}  {wide_msg}",
            self.theme,
        ));
        bar.set_prefix(
            self.theme
                .paint(Role::Strong, &format!("{scenario:names$}", names = self.names)),
        );
        self.tick(&bar);
        if let Some(all) = &self.all
            && self.runs.is_empty()
        {
            self.tick(all);
        }
        self.runs.insert(run, bar);
    }

    /// Lets the bar move by itself, which takes a thread: not for a bar that nobody sees, nor where there is no thread to spare,
    /// for which indicatif would panic.
    fn tick(&self, bar: &ProgressBar) {
        if !self.bars.is_hidden() && std::thread::Builder::new().spawn(|| {}).is_ok() {
            bar.enable_steady_tick(TICK);
        }
    }

    /// The run has begun this step, counted from 0.
    pub fn step(&mut self, run: usize, step: usize, action: &str) {
        if let Some(bar) = self.runs.get(&run) {
            bar.set_position(step as u64 + 1);
            bar.set_message(self.theme.paint(Role::Dim, action));
        }
    }

    pub fn finished(&mut self, run: usize) {
        if let Some(bar) = self.runs.remove(&run) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
        if let Some(all) = &self.all {
            all.inc(1);
        }
    }

    /// Prints while the bars are out of the way.
    pub fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bars.suspend(print)
    }
}

/// The bars must not stay on the screen, whatever ends the program.
impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}

fn style(template: &str, theme: Theme) -> ProgressStyle {
    let turns = if theme.unicode {
        "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "
    } else {
        "-\\|/ "
    };
    ProgressStyle::with_template(template)
        .expect("the templates are ours")
        .tick_chars(turns)
}
