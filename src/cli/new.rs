//! `tcplab new`: a commented skeleton of a scenario.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use clap::ValueEnum;

use super::Exit;
use super::folders::Folders;
use crate::file;

/// The arguments of `tcplab new`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The name: a path below the scenario folder, without `.toml`, such as `reset/while-reading`
    name: String,
    /// What the two ends do to begin with
    #[arg(long, short, value_enum, default_value_t = Template::Echo)]
    template: Template,
    #[command(flatten)]
    folders: Folders,
}

/// Sessions to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Template {
    /// The client sends, the server echoes, both close
    Echo,
    /// The server closes first
    Close,
    /// The server aborts while the client waits
    Reset,
    /// Nobody listens
    Refused,
    /// One direction ends, the other goes on
    HalfClose,
    /// The server crashes in the middle of its answer
    Crash,
    /// A segment is lost on the wire and sent again
    Loss,
    /// Somebody else sends a RST in the client's name
    Forged,
}

impl Template {
    fn timeline(self) -> &'static str {
        match self {
            Template::Echo => include_str!("templates/echo.timeline"),
            Template::Close => include_str!("templates/close.timeline"),
            Template::Reset => include_str!("templates/reset.timeline"),
            Template::Refused => include_str!("templates/refused.timeline"),
            Template::HalfClose => include_str!("templates/half-close.timeline"),
            Template::Crash => include_str!("templates/crash.timeline"),
            Template::Loss => include_str!("templates/loss.timeline"),
            Template::Forged => include_str!("templates/forged.timeline"),
        }
    }

    /// The whole file. `schema` is the path of the schema from the file's folder.
    fn file(self, schema: Option<&str>) -> String {
        let schema = schema.map_or(String::new(), |schema| format!("#:schema {schema}\n"));
        let timeline = self.timeline();
        format!(
            r#"{schema}# One line that says what the session shows.
title   = "TITLE"
# What a reader learns from it: what happens, why TCP does it, and what people see when it happens to them.
teaches = """
TEACHES
"""
# The requirements and transitions of RFC 9293 that it shows, such as "MUST-14" or "T15".
covers = []

# The play. A line of `client` or `server` is an action; below it stand the segments that it causes, such as
#   C > S  SYN ACK  seq 0  ack 1  len 0
# Write only the actions: `tcplab record` writes the segments, and how the calls end (`-> ECONNRESET`).
timeline = '''
{timeline}'''
"#
        )
    }
}

pub(super) fn main(args: &Args) -> Exit {
    let name = args.name.strip_suffix(".toml").unwrap_or(&args.name);
    let root = &args.folders.scenarios;
    if let Err(reason) = check(name) {
        eprintln!("error: `{}` cannot be the name of a scenario: {reason}", args.name);
        eprintln!(
            "  help: a name has letters, digits and `-`, and folders are separated by `/`: did you mean `{}`?",
            nearest(name)
        );
        return Exit::Usage;
    }
    let path = root.join(format!("{name}.toml"));
    match create(&path, root, name, args.template) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            eprintln!("error: {} exists already and is left as it is", path.display());
            eprintln!("  help: choose another name, or look at it: `tcplab run {name}`");
            return Exit::Usage;
        }
        Err(error) => {
            eprintln!("error: cannot write {}: {error}", path.display());
            eprintln!("  help: name another folder with --scenarios DIR");
            return Exit::Environment;
        }
    }
    // Nobody reads on: the file is there.
    let _ = write!(
        io::stdout(),
        "wrote {}\n\n\
         Next:\n  \
         1. Say in it what the two ends do, and what that teaches.\n  \
         2. tcplab record {name}           writes the segments that they cause\n  \
         3. tcplab run {name}              plays it; `tcplab watch {name}` does at every save\n  \
         4. tcplab review --accept {name}  once the transcript is what you want to show\n",
        path.display()
    );
    Exit::Pass
}

/// What is wrong with the name.
fn check(name: &str) -> Result<(), &'static str> {
    let normal = |part: Component| matches!(part, Component::Normal(_));
    if name.is_empty() {
        return Err("it is empty");
    }
    if !Path::new(name).components().all(normal) || name.split('/').any(|part| part.is_empty() || part == ".") {
        return Err("it leads out of the scenario folder, or has an empty part");
    }
    if name.split('/').any(|part| part.starts_with(['.', '-'])) {
        return Err("a part begins with a dot, which hides it, or with a hyphen, which looks like an option");
    }
    if !name.chars().all(|c| c.is_alphanumeric() || "-_./".contains(c)) {
        return Err("it has blanks or other characters that shells and file systems trip over");
    }
    if name.split('/').any(|part| part.len() > 200) || name.split('/').count() > 8 {
        return Err("it is too long");
    }
    Ok(())
}

/// A name like this one that would do.
fn nearest(name: &str) -> String {
    let part = |part: &str| {
        let clean: String = part
            .chars()
            .map(|c| if c.is_alphanumeric() { c } else { '-' })
            .take(60)
            .collect();
        let words: Vec<&str> = clean.split('-').filter(|word| !word.is_empty()).collect();
        words.join("-").to_lowercase()
    };
    let parts: Vec<String> = name
        .split('/')
        .map(part)
        .filter(|part| !part.is_empty())
        .take(8)
        .collect();
    if parts.is_empty() {
        "my-scenario".to_owned()
    } else {
        parts.join("/")
    }
}

/// Writes the file, which must not be there yet.
fn create(path: &Path, root: &Path, name: &str, template: Template) -> io::Result<()> {
    let folder = path.parent().unwrap_or(root);
    fs::create_dir_all(folder)?;
    let text = template.file(schema(root, name).as_deref());
    // Complete or not there: written beside and linked, which never replaces a file.
    let mut file = tempfile::Builder::new()
        .prefix(file::UNFINISHED)
        // As for any new file: the umask takes its part.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    // The folder's entry, too; where that cannot be done nothing is lost.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// The path from the new file to the schema of scenario files, where the project has it.
fn schema(root: &Path, name: &str) -> Option<String> {
    let schema: PathBuf = root.parent()?.join("docs/scenario.schema.json");
    let up = "../".repeat(name.split('/').count());
    schema.is_file().then(|| format!("{up}docs/scenario.schema.json"))
}
