//! What a soak tells: a table for people, `soak.json` for programs.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::loads::{Loads, Made};
use crate::cli::Exit;
use crate::file::{Readers, Whole};
use crate::suite::pressure::all_memory;
use crate::suite::{Count, Tally};

/// What the process of a stage tells.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) tally: Tally,
}

/// A whole soak.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The command line, in words.
    command: Vec<String>,
    tcplab: &'static str,
    kernel: String,
    cores: usize,
    memory_mib: u64,
    user: u32,
    /// When it began, seconds since 1970.
    started: u64,
    /// One for each load, in order.
    pub(super) stages: Vec<StageReport>,
}

/// The runs under one load.
#[derive(Debug, Serialize)]
pub(super) struct StageReport {
    load: String,
    seconds: f64,
    /// Why there were no runs under this load.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_possible: Option<String>,
    /// How the process that played died, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    died: Option<String>,
    pub(super) interrupted: bool,
    made: Made,
    total: Figures,
    scenarios: BTreeMap<String, Figures>,
    /// Differences are shown, not saved.
    #[serde(skip)]
    tally: Tally,
}

/// The numbers of one scenario, or of all.
#[derive(Debug, Default, Serialize)]
struct Figures {
    runs: usize,
    pass: usize,
    fail: usize,
    inconclusive: usize,
    skip: usize,
    unable: usize,
    error: usize,
    /// Different transcripts of runs that passed or failed; of all scenarios: the most that one of them has.
    transcripts: usize,
    /// The checks that made runs inconclusive, and how often.
    doubts: BTreeMap<String, usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_reason: Option<String>,
}

impl From<&Count> for Figures {
    fn from(count: &Count) -> Figures {
        Figures {
            runs: count.runs(),
            pass: count.pass,
            fail: count.fail,
            inconclusive: count.inconclusive,
            skip: count.skip,
            unable: count.unable,
            error: count.error,
            transcripts: count.trusted_transcripts(),
            doubts: count.doubts.clone(),
            first_reason: count.first_reason.clone(),
        }
    }
}

impl Report {
    pub(super) fn begin() -> Report {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Report {
            command: std::env::args_os()
                .map(|word| word.to_string_lossy().into_owned())
                .collect(),
            tcplab: env!("CARGO_PKG_VERSION"),
            kernel: nix::sys::utsname::uname()
                .map_or_else(|_| String::new(), |name| name.release().to_string_lossy().into_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: all_memory().unwrap_or_default() >> 20,
            user: nix::unistd::geteuid().as_raw(),
            started: started.as_secs(),
            stages: Vec::new(),
        }
    }

    /// Writes it beside its place and renames it.
    pub(super) fn save(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut file = Whole::create(path, Readers::Usual)?;
        serde_json::to_writer_pretty(&mut file, self)?;
        file.write_all(b"\n")?;
        file.finish()
    }

    /// A verdict that was wrong in one run makes the whole soak fail; doubts alone do not, unless nothing else was left.
    pub(super) fn exit(&self) -> Exit {
        if self.stages.iter().any(|stage| stage.interrupted) {
            return Exit::Interrupted;
        }
        self.stages.iter().map(StageReport::exit).max().unwrap_or(Exit::Pass)
    }
}

impl StageReport {
    pub(super) fn new(
        loads: &Loads,
        elapsed: Duration,
        made: Made,
        told: Option<Told>,
        died: Option<String>,
        interrupted: bool,
    ) -> StageReport {
        let died = died.or_else(|| {
            told.is_none()
                .then(|| "the process that played told nothing".to_owned())
        });
        let tally = told.unwrap_or_default().tally;
        let scenarios: BTreeMap<String, Figures> = tally
            .scenarios
            .iter()
            .map(|(name, count)| (name.clone(), count.into()))
            .collect();
        let mut total = Figures::from(&tally.total());
        total.transcripts = scenarios
            .values()
            .map(|figures| figures.transcripts)
            .max()
            .unwrap_or_default();
        StageReport {
            load: loads.to_string(),
            seconds: elapsed.as_secs_f64(),
            not_possible: None,
            died,
            interrupted,
            made,
            total,
            scenarios,
            tally,
        }
    }

    pub(super) fn not_possible(loads: &Loads, reason: String) -> StageReport {
        let mut stage = StageReport::new(
            loads,
            Duration::ZERO,
            Made::default(),
            Some(Told::default()),
            None,
            false,
        );
        stage.not_possible = Some(reason);
        stage
    }

    fn exit(&self) -> Exit {
        let figures = || self.scenarios.values();
        if self.died.is_some() && !self.interrupted || figures().any(|one| one.fail > 0 || one.transcripts > 1) {
            Exit::Fail
        } else if figures().any(|one| one.inconclusive > 0 && one.pass == 0) {
            Exit::Inconclusive
        } else if figures().any(|one| one.unable + one.error > 0) {
            Exit::Environment
        } else {
            Exit::Pass
        }
    }
}

/// With more scenarios than these, those that passed every time are only counted.
const SHORT: usize = 20;

/// The columns after the name, of which the last three appear only where they are not zero.
fn row(f: &mut fmt::Formatter<'_>, name: &str, width: usize, figures: &Figures) -> fmt::Result {
    write!(
        f,
        "{name:width$}  {:>7}  {:>7}  {:>5}  {:>12}  {:>11}",
        figures.runs, figures.pass, figures.fail, figures.inconclusive, figures.transcripts
    )?;
    for (number, word) in [
        (figures.skip, "skip"),
        (figures.unable, "unable"),
        (figures.error, "error"),
    ] {
        if number > 0 {
            write!(f, "  {number} {word}")?;
        }
    }
    writeln!(f)
}

impl fmt::Display for StageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "== load {}", self.load)?;
        if let Some(reason) = &self.not_possible {
            return writeln!(f, ": not possible here: {reason} ==\n");
        }
        write!(f, ", {:.0} s", self.seconds)?;
        let Made {
            stops,
            stopped_seconds,
            clock_steps,
            memory_mib,
        } = &self.made;
        if *stops > 0 {
            write!(f, ", stopped {stops} times for {stopped_seconds:.0} s in all")?;
        }
        if *clock_steps > 0 {
            write!(f, ", clock set {clock_steps} times")?;
        }
        if *memory_mib > 0 {
            write!(f, ", {memory_mib} MiB held")?;
        }
        writeln!(f, "{} ==", if self.interrupted { ", interrupted" } else { "" })?;
        if let Some(died) = &self.died {
            writeln!(f, "{died}")?;
        }
        let width = self
            .scenarios
            .keys()
            .map(String::len)
            .max()
            .unwrap_or_default()
            .max("scenario".len());
        writeln!(
            f,
            "{:width$}  {:>7}  {:>7}  {:>5}  {:>12}  {:>11}",
            "scenario", "runs", "pass", "fail", "inconclusive", "transcripts"
        )?;
        let clean = |figures: &Figures| figures.pass == figures.runs && figures.transcripts == 1;
        let is_short = self.scenarios.len() <= SHORT;
        for (name, figures) in &self.scenarios {
            if !is_short && clean(figures) {
                continue;
            }
            row(f, name, width, figures)?;
            // What is doubtful under a load is expected; what fails is not.
            if let Some(reason) = figures
                .first_reason
                .as_ref()
                .filter(|_| figures.fail + figures.unable + figures.error > 0)
            {
                writeln!(f, "    {reason}")?;
            }
            if figures.transcripts > 1 {
                differences(f, &self.tally.scenarios[name])?;
            }
        }
        let unlisted = self
            .scenarios
            .values()
            .filter(|figures| !is_short && clean(figures))
            .count();
        if unlisted > 0 {
            writeln!(f, "{unlisted} scenarios passed every time, with one transcript each")?;
        }
        row(f, "total", width, &self.total)?;
        for (check, times) in &self.total.doubts {
            writeln!(f, "  inconclusive by `{check}`: {times}")?;
        }
        writeln!(f)
    }
}

/// What differs between the transcripts of runs that were not put down to the machine.
fn differences(f: &mut fmt::Formatter<'_>, count: &Count) -> fmt::Result {
    let mut seen: Vec<(&String, usize)> = count
        .transcripts
        .iter()
        .map(|(text, seen)| (text, seen.trusted))
        .collect();
    seen.retain(|(_, times)| *times > 0);
    seen.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    for (other, times) in &seen[1..] {
        writeln!(f, "  seen {times} times, against {} times:", seen[0].1)?;
        let difference = crate::snapshot::diff(seen[0].0, other).render(&crate::snapshot::View::default());
        writeln!(f, "{difference}")?;
    }
    Ok(())
}

/// The line of figures: what to copy into docs/trust.md.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "tcplab {}, Linux {}, {} cores, {} MiB, user {}",
            self.tcplab, self.kernel, self.cores, self.memory_mib, self.user
        )?;
        writeln!(f, "$ {}", self.command.join(" "))?;
        writeln!(
            f,
            "| load | scenarios | runs | pass | fail | inconclusive | most transcripts of one scenario | time |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|")?;
        for stage in &self.stages {
            let total = &stage.total;
            match &stage.not_possible {
                Some(reason) => writeln!(f, "| {} | not possible here: {reason} | | | | | | |", stage.load)?,
                None => writeln!(
                    f,
                    "| {} | {} | {} | {} | {} | {} | {} | {:.0} s |",
                    stage.load,
                    stage.scenarios.len(),
                    total.runs,
                    total.pass,
                    total.fail,
                    total.inconclusive,
                    total.transcripts,
                    stage.seconds
                )?,
            }
        }
        Ok(())
    }
}
