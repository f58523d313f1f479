//! `docs/your-first-scenario.md`, done: its commands are run one after the other in a new folder, each must say what the page
//! says, and the reviews are held at a real terminal.
//!
//! In a `console` block, `$` begins a command. The lines below it must be in its output, in this order; `> k` is a key typed
//! at the terminal; `exit code N` is how it ends, 0 unless said. A `toml` block is what the reader writes into the file.

mod support;

use std::process::Command;

use libtest_mimic::{Arguments, Completion, Trial};
use rexpect::session::spawn_command;
use support::room::{Room, output};

const PAGE: &str = include_str!("../docs/your-first-scenario.md");
/// How long a command at the terminal may take, milliseconds.
const PATIENCE: u64 = 60_000;

fn main() {
    let trial = Trial::ignorable_test("the_first_scenario_is_as_the_page_says", || {
        if support::tcplab(["doctor"]).status.code() == Some(4) {
            eprintln!("\nNOT TRIED: this machine cannot play scenarios; `tcplab doctor` says why");
            return Ok(Completion::ignored_with("this machine cannot play scenarios"));
        }
        walk()
    });
    libtest_mimic::run(&Arguments::from_args(), vec![trial]).exit();
}

/// A command of the page.
#[derive(Debug, Default)]
struct Step {
    command: String,
    /// What it says and what is typed, in order.
    lines: Vec<String>,
    exit_code: i32,
}

fn walk() -> Result<Completion, libtest_mimic::Failed> {
    let room = Room::with(&[]);
    let mut kind = None;
    let mut file = String::new();
    let mut steps: Vec<Step> = Vec::new();
    let mut done = 0;
    for line in PAGE.lines() {
        match (line.strip_prefix("```"), kind) {
            (Some(""), Some("toml")) => room.write("scenarios/crash.toml", std::mem::take(&mut file)),
            (Some(""), _) => {
                for step in steps.drain(..) {
                    done += 1;
                    run(&room, &step)?;
                }
            }
            (Some(begins), _) => {
                kind = Some(begins);
                continue;
            }
            (None, Some("toml")) => file += &format!("{line}\n"),
            (None, Some("console")) => match (line.strip_prefix("$ "), line.strip_prefix("exit code ")) {
                (Some(command), _) => steps.push(Step {
                    command: command.to_owned(),
                    ..Step::default()
                }),
                (None, Some(code)) => steps.last_mut().ok_or("a code without a command")?.exit_code = code.parse()?,
                _ => steps
                    .last_mut()
                    .ok_or("a line without a command")?
                    .lines
                    .push(line.to_owned()),
            },
            _ => continue,
        }
        if line == "```" {
            kind = None;
        }
    }
    if done < 10 {
        return Err(format!("only {done} commands were found on the page").into());
    }
    Ok(Completion::Completed)
}

/// The command in the room, with `tcplab` on its path.
fn shell(room: &Room, command: &str) -> Command {
    let mut shell = Command::new("bash");
    let program = support::program();
    let folder = program
        .parent()
        .expect("the program stands in a folder")
        .display()
        .to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    shell
        .args(["-c", command])
        .current_dir(room.path(""))
        .env("PATH", format!("{folder}:{path}"))
        .env("TERM", "xterm")
        .env("NO_COLOR", "1");
    shell
}

fn run(room: &Room, step: &Step) -> Result<(), libtest_mimic::Failed> {
    if step.lines.iter().any(|line| line.starts_with("> ")) {
        return at_terminal(room, step);
    }
    let output = output(&mut shell(room, &step.command));
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let mut rest = &*said;
    for line in &step.lines {
        let at = rest
            .find(line.trim())
            .ok_or_else(|| format!("`{}` did not say «{line}» (in this order):\n{said}", step.command))?;
        rest = &rest[at + line.trim().len()..];
    }
    if output.status.code() != Some(step.exit_code) {
        return Err(format!("`{}`: {}\n{said}", step.command, output.status).into());
    }
    Ok(())
}

fn at_terminal(room: &Room, step: &Step) -> Result<(), libtest_mimic::Failed> {
    let failed = |error: rexpect::error::Error| libtest_mimic::Failed::from(format!("`{}`: {error}", step.command));
    let mut terminal = spawn_command(shell(room, &step.command), Some(PATIENCE)).map_err(failed)?;
    for line in &step.lines {
        match line.strip_prefix("> ") {
            Some(keys) => {
                terminal.exp_string("[q]uit?").map_err(failed)?;
                terminal.send(keys).map_err(failed)?;
                terminal.flush().map_err(failed)?;
            }
            None => drop(terminal.exp_string(line.trim()).map_err(failed)?),
        }
    }
    terminal.exp_eof().map_err(failed)?;
    Ok(())
}
