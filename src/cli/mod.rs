//! The command line: one file per subcommand, each a thin call of the library.

mod check;
mod completions;
mod coverage;
mod doctor;
mod exit;
mod explain;
mod fmt;
mod folders;
mod judge;
mod list;
mod load;
mod man;
mod new;
mod record;
mod replace;
mod reports;
mod review;
mod run;
mod selfcheck;
mod signals;
mod soak;
mod steady;
mod watch;
mod workers;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory, Parser, Subcommand};
use clap_complete::CompleteEnv;
use console::Term;
use nix::sys::signal::{SigSet, Signal};

use crate::report::Theme;
use crate::scenario::schema;
pub use exit::Exit;

/// A lab for TCP: runs an echo exchange as a scenario says, captures it live, explains and judges every segment.
#[derive(Debug, Parser)]
#[command(name = "tcplab", version, after_help = Exit::HELP, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// When to use colours; `auto` respects NO_COLOR
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play scenarios, and judge what was captured
    Run(run::Args),
    /// Play scenarios very often under load, and count the verdicts
    Soak(soak::Args),
    /// List the scenarios
    List(list::Args),
    /// Show which transitions and requirements of RFC 9293 the scenarios cover, and by which evidence
    Coverage(coverage::Args),
    /// Check scenario files without playing them
    Check(check::Args),
    /// Write the skeleton of a new scenario
    New(new::Args),
    /// Play the actions of a scenario, and write the segments that they cause into its file
    Record(record::Args),
    /// Play a scenario again whenever its file is saved
    Watch(watch::Args),
    /// Write scenario files in the canonical layout
    Fmt(fmt::Args),
    /// Show pending snapshots, and accept or reject them
    Review(review::Args),
    /// Judge a saved run again, with today's scenario and snapshot
    Judge(judge::Args),
    /// Change recorded runs in every place, and show that the judge sees it
    Selfcheck(selfcheck::Args),
    /// Tell a saved run, or any capture, in words: each segment with the rule behind its numbers
    Explain(explain::Args),
    /// Say what works on this machine, and the remedy for what does not
    Doctor,
    /// Print what a shell needs to complete arguments: `source <(tcplab completions bash)`
    Completions(completions::Args),
    /// Print the JSON schema of scenario files, with which editors complete and check them
    Schema,
    /// Print the manual page: `tcplab man | man -l -`
    Man,
}

/// The theme for standard output.
fn theme(color: ColorChoice) -> Theme {
    let theme = Theme::detect(&Term::stdout());
    match color {
        ColorChoice::Auto => theme,
        ColorChoice::Always => Theme { color: true, ..theme },
        ColorChoice::Never => Theme { color: false, ..theme },
    }
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    // A shell that completes asks in a variable, gets its answer, and that is all.
    CompleteEnv::with_factory(Cli::command)
        .var(completions::VARIABLE)
        .complete();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A closed standard error leaves nobody to tell.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Usage.into()
            } else {
                Exit::Pass.into()
            };
        }
    };
    // A file that may not grow any further is an error to be told, not an end without a word. Nothing else can go wrong with
    // a valid set of signals.
    let _ = SigSet::from(Signal::SIGXFSZ).thread_block();
    let out = theme(cli.color);
    let exit = match cli.command {
        Command::Run(args) => run::main(&args, &out),
        Command::Soak(args) => soak::main(&args, &out),
        Command::List(args) => list::main(&args, &out),
        Command::Coverage(args) => coverage::main(&args, &out),
        Command::Check(args) => check::main(&args, &out),
        Command::Review(args) => review::main(&args, &out),
        Command::Judge(args) => judge::main(&args, &out),
        Command::Selfcheck(args) => selfcheck::main(&args, &out),
        Command::New(args) => new::main(&args),
        Command::Record(args) => record::main(&args, &out),
        Command::Watch(args) => watch::main(&args, &out),
        Command::Fmt(args) => fmt::main(&args, &out),
        Command::Explain(args) => explain::main(&args, &out),
        Command::Doctor => doctor::main(&out),
        Command::Completions(args) => completions::main(&args),
        Command::Schema => {
            // Nobody reads on: that is no failure.
            let _ = writeln!(io::stdout(), "{:#}", schema());
            Exit::Pass
        }
        Command::Man => man::main(),
    };
    exit.into()
}
