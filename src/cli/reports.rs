//! The reports of `tcplab run` that are not for the person before the terminal: JSON lines, JUnit XML, annotations.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::file::{Readers, Whole};
use crate::report::{Annotations, JsonLines, Junit};
use crate::run::Mode;
use crate::suite::Event;

/// The options of the reports.
#[derive(Debug, clap::Args)]
pub(super) struct ReportArgs {
    /// Write the events of the runs as JSON lines; `-` writes them to standard output, and the report for people to
    /// standard error (docs/events.md)
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    events: Option<PathBuf>,
    /// Write the results as JUnit XML, a test case for each run; `-` as for --events
    #[arg(long, value_name = "FILE", help_heading = "Reports")]
    junit: Option<PathBuf>,
    /// Print an annotation of GitHub Actions for each run that fails; `auto`: when GITHUB_ACTIONS is `true`
    #[arg(long, value_name = "WHEN", default_value = "auto", default_missing_value = "always", num_args = 0..=1,
          require_equals = true, help_heading = "Reports")]
    annotations: When,
}

/// When to print annotations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

impl ReportArgs {
    /// Whether standard output belongs to a report.
    pub(super) fn take_stdout(&self) -> bool {
        [&self.events, &self.junit]
            .into_iter()
            .flatten()
            .any(|path| is_stdout(path))
    }
}

fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

/// The reports that are being written.
pub(super) struct Reports {
    events: Option<(PathBuf, JsonLines<Sink>)>,
    junit: Option<(PathBuf, Junit, Sink)>,
    annotations: Option<Annotations>,
    /// What went wrong first.
    failed: Option<String>,
}

impl Reports {
    /// Begins all files, so that one that cannot be written is known before anything is played.
    ///
    /// # Errors
    /// What to tell the user.
    pub(super) fn open(args: &ReportArgs, mode: Mode) -> Result<Reports, String> {
        let open = |path: &PathBuf| match Sink::open(path, mode) {
            Ok(sink) => Ok((path.clone(), sink)),
            Err(error) => Err(cannot_write(path, &error)),
        };
        if let (Some(events), Some(junit)) = (&args.events, &args.junit)
            && events == junit
        {
            let path = events.display();
            return Err(format!(
                "--events and --junit cannot both be written to `{path}`\n  help: name two files"
            ));
        }
        let events = args.events.as_ref().map(open).transpose()?;
        let junit = args.junit.as_ref().map(open).transpose()?;
        let wanted = match args.annotations {
            When::Auto => std::env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true"),
            When::Always => true,
            When::Never => false,
        };
        Ok(Reports {
            events: events.map(|(path, sink)| (path, JsonLines::new(sink))),
            junit: junit.map(|(path, sink)| (path, Junit::default(), sink)),
            annotations: wanted.then(|| Annotations::new(std::env::var("GITHUB_WORKSPACE").ok())),
            failed: None,
        })
    }

    /// Hands one event to all of them. A file that cannot be written any more is given up; [`Reports::close`] tells.
    ///
    /// # Errors
    /// Nobody reads the events on standard output any more.
    pub(super) fn on(&mut self, event: &Event) -> io::Result<()> {
        if let Some((path, lines)) = &mut self.events
            && let Err(error) = lines.on(event)
        {
            if is_stdout(path) && error.kind() == io::ErrorKind::BrokenPipe {
                return Err(error);
            }
            self.failed.get_or_insert(cannot_write(path, &error));
            self.events = None;
        }
        if let Some((_, junit, _)) = &mut self.junit {
            junit.on(event);
        }
        if let Some(annotations) = &mut self.annotations {
            annotations.on(event);
        }
        Ok(())
    }

    /// Completes the files; returns the annotations to print.
    ///
    /// # Errors
    /// What to tell the user about the first file that could not be written.
    pub(super) fn close(self) -> Result<String, String> {
        let mut failed = self.failed;
        if let Some((path, lines)) = self.events
            && let Err(error) = lines.into_inner().finish()
        {
            failed.get_or_insert(cannot_write(&path, &error));
        }
        if let Some((path, junit, mut sink)) = self.junit
            && let Err(error) = junit.write(&mut sink).and_then(|()| sink.finish())
        {
            failed.get_or_insert(cannot_write(&path, &error));
        }
        match failed {
            None => Ok(self
                .annotations
                .map(|annotations| annotations.render())
                .unwrap_or_default()),
            Some(failed) => Err(failed),
        }
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    format!(
        "cannot write the report `{}`: {error}\n  help: name a file in a folder that exists and can be written",
        path.display()
    )
}

/// Where a report goes.
enum Sink {
    /// A file that is there when it is complete.
    Whole(Whole),
    /// What is no regular file and must not be replaced by one: a pipe, a device, a descriptor.
    Stream(File),
    Stdout,
}

impl Sink {
    fn open(path: &Path, mode: Mode) -> io::Result<Sink> {
        if is_stdout(path) {
            return Ok(Sink::Stdout);
        }
        let is_special = ["/dev", "/proc"].iter().any(|folder| path.starts_with(folder));
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(found) if is_special || !found.is_file() => {
                return File::options().append(true).open(path).map(Sink::Stream);
            }
            _ => {}
        }
        let readers = match mode {
            Mode::Private => Readers::Usual,
            Mode::Host => Readers::Owner,
        };
        Whole::create(path, readers).map(Sink::Whole)
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Sink::Whole(whole) => whole.finish(),
            Sink::Stream(mut file) => file.flush(),
            Sink::Stdout => io::stdout().flush(),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Whole(whole) => whole.write(bytes),
            Sink::Stream(file) => file.write(bytes),
            Sink::Stdout => io::stdout().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            // Nobody can read it before it is complete.
            Sink::Whole(_) => Ok(()),
            Sink::Stream(file) => file.flush(),
            Sink::Stdout => io::stdout().flush(),
        }
    }
}
