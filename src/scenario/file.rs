//! The scenario file: TOML with a handful of known keys, one of which holds the timeline.
//!
//! Parsing goes on after a mistake, so that all mistakes of a file are told at once; the timeline is checked even when
//! the TOML around it is broken, as long as its own quotes are whole.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Diagnostics, did_you_mean, list, nearest, quote};
use super::settings::BENCH_KEYS;
use super::timeline::{self, Timeline};
use super::{Deviation, Family, Finding, Injection, Scenario, Settings, Span, Verb};
use crate::rfc9293;
use crate::tcp::Flags;

/// The largest scenario file that is read, bytes.
pub(super) const MAX_FILE: usize = 1 << 20;

pub(super) const KEYS: [&str; 8] = [
    "title", "teaches", "covers", "deviates", "findings", "slow", "bench", "timeline",
];
const TIMELINE_HELP: &str = "write timeline = ''' … ''' over several lines";

/// Parses the text of a scenario file.
///
/// `name` becomes [`Scenario::name`]; `path` stands in messages, and payloads written as `file "…"` are read from its
/// folder.
///
/// # Errors
///
/// All mistakes of the file. No input panics.
pub fn parse(name: &str, path: &Path, source: &[u8]) -> Result<Scenario, Diagnostics> {
    let text: Arc<str> = match decode(source) {
        Ok(text) => text.into(),
        Err((shown, diagnostic)) => return Err(Diagnostics::new(path, shown.into(), vec![diagnostic])),
    };
    let mut reader = Reader {
        text: &text,
        folder: path.parent().unwrap_or(Path::new("")),
        diagnostics: Vec::new(),
    };
    let scenario = reader.scenario(name, path, &text);
    match scenario {
        Some(scenario) if reader.diagnostics.is_empty() => Ok(scenario),
        _ => Err(Diagnostics::new(path, text.clone(), reader.diagnostics)),
    }
}

/// Where the timeline stands between its quotation marks, in the text of a valid scenario file.
pub(super) fn timeline_span(text: &str) -> Option<Span> {
    let table = DeTable::parse(text).ok()?;
    let span = table.get_ref().get("timeline")?.span();
    (span.len() >= 6).then_some(span.start + 3..span.end - 3)
}

/// The text of the bytes, or a text to show and what is wrong with it.
fn decode(source: &[u8]) -> Result<String, (String, Diagnostic)> {
    let whole = 0..0;
    if source.len() > MAX_FILE {
        let label = format!("the file has {} bytes", source.len());
        let diagnostic = Diagnostic::new(whole, "expected a scenario file of at most 1 MiB", label)
            .help("keep large payloads in files of their own and name them: `file \"payload.bin\"`");
        return Err((String::new(), diagnostic));
    }
    let text = match std::str::from_utf8(source) {
        Ok(text) => text,
        Err(error) => {
            let at = error.valid_up_to();
            let diagnostic = Diagnostic::new(
                at..at + 1,
                "expected UTF-8 text",
                format!("byte 0x{:02x} is not part of any character", source[at]),
            )
            .help("a scenario file is text; write other bytes of a payload as `\\xNN` or `hex …`");
            return Err((String::from_utf8_lossy(source).into_owned(), diagnostic));
        }
    };
    if let Some(at) = text.find('\0') {
        let diagnostic = Diagnostic::new(at..at + 1, "expected a text file", "a NUL byte")
            .help("a scenario file is text; write a zero byte of a payload as `\\0`");
        return Err((text.to_owned(), diagnostic));
    }
    if text.trim().is_empty() {
        let diagnostic = Diagnostic::new(whole, "expected a scenario", "the file is empty")
            .help("it needs at least the keys `title`, `teaches` and `timeline`");
        return Err((text.to_owned(), diagnostic));
    }
    Ok(text.to_owned())
}

pub(super) struct Reader<'a> {
    text: &'a str,
    folder: &'a Path,
    pub(super) diagnostics: Vec<Diagnostic>,
}

pub(super) type Key<'t> = (&'t str, Span);
pub(super) type Value<'t> = Spanned<DeValue<'t>>;

impl Reader<'_> {
    /// The scenario; `None` only if something was reported.
    fn scenario(&mut self, name: &str, path: &Path, source: &Arc<str>) -> Option<Scenario> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        let broken = !errors.is_empty();
        self.diagnostics.extend(errors.iter().map(toml_error));

        let (mut title, mut teaches, mut timeline) = (None, None, None);
        let (mut covers, mut findings, mut settings) = (Vec::new(), Vec::new(), Settings::default());
        let (mut deviations, mut slow) = (Vec::new(), false);
        let mut seen = HashSet::new();
        for (key, value) in table.get_ref() {
            let key = (&**key.get_ref(), key.span());
            seen.insert(key.0);
            match key.0 {
                "title" => title = self.title(value),
                "teaches" => teaches = self.sentence(&key, value),
                "covers" => covers = self.covers(&key, value),
                "deviates" => deviations = self.deviates(&key, value),
                "findings" => findings = self.findings(&key, value),
                "slow" => slow = self.switch("slow", value).unwrap_or_default(),
                "bench" => {
                    settings = self.settings(key.0, value);
                    // What a `[bench]` above it has swallowed is not missing as well.
                    let inside = value.get_ref().as_table().into_iter().flatten();
                    seen.extend(inside.map(|(key, _)| &**key.get_ref()));
                }
                "timeline" => timeline = self.timeline(value, broken),
                _ => self.unknown_key(&key, &KEYS, &[("bench", &BENCH_KEYS)]),
            }
        }
        if !broken {
            for (key, help) in [
                ("title", "add one line that says what the session shows: title = \"…\""),
                (
                    "teaches",
                    "say in a sentence or two what one learns from it: teaches = \"…\"",
                ),
                ("timeline", TIMELINE_HELP),
            ] {
                if !seen.contains(key) {
                    let message = format!("expected the key `{key}`");
                    self.diagnostics
                        .push(Diagnostic::new(0..0, message, "the file has none").help(help));
                }
            }
        }
        // What stands for a line that could not be read is an action of the client, which nobody wrote.
        if let Some(timeline) = timeline.as_ref().filter(|timeline| timeline.is_whole) {
            self.fake_end(&settings, &timeline.phases);
            self.ip_options(&settings, &timeline.phases);
            self.icmp(&settings, &timeline.phases);
        }
        let Timeline {
            phases, written_out, ..
        } = timeline?;
        Some(Scenario {
            name: name.to_owned(),
            path: path.to_owned(),
            source: source.clone(),
            title: title?,
            teaches: teaches?,
            covers,
            findings,
            deviations,
            slow,
            settings,
            phases,
            written_out,
        })
    }

    /// An IPv6 header has no options.
    fn ip_options(&mut self, settings: &Settings, phases: &[super::Phase]) {
        let actions = phases.iter().flat_map(|phase| &phase.steps).map(|step| &step.action);
        let with_options =
            actions.filter(|action| matches!(&action.verb, Verb::Peer(injection) if !injection.ip_options.is_empty()));
        for action in with_options.filter(|_| settings.family == super::Family::Ipv6) {
            let message = "expected no `ip-options` over IPv6";
            let diagnostic = Diagnostic::new(action.span.clone(), message, "its header has none");
            self.diagnostics
                .push(diagnostic.help("delete them, or `bench.family = \"ipv6\"`"));
        }
    }

    /// An end that is played by hand has no socket that could act.
    fn fake_end(&mut self, settings: &Settings, phases: &[super::Phase]) {
        let Some(fake) = settings.peer else { return };
        let mut opened = false;
        for action in phases.iter().flat_map(|phase| &phase.steps).map(|step| &step.action) {
            if action.party != fake || matches!(action.verb, Verb::Icmp(_)) {
                continue;
            }
            let Verb::Peer(Injection { segment, .. }) = &action.verb else {
                let message = format!("expected no action of the {fake}, which is played by `peer send` lines");
                let (from, to) = (fake.letter(), fake.peer().letter());
                let diagnostic = Diagnostic::new(action.span.clone(), message, format!("the {fake} has no socket"))
                    .help(format!("write `peer send {from} > {to} …`, or delete `bench.peer`"));
                self.diagnostics.push(diagnostic);
                continue;
            };
            let is_syn = segment.flags.is_some_and(|flags| flags.contains(Flags::SYN));
            if is_syn && !opened && segment.seq.is_some_and(|seq| seq != 0) {
                let message = format!("expected number 0 for the first SYN of the {fake}");
                let label = "numbers count from this SYN";
                let help = "leave `seq` out; the number itself is chosen by `bench.isn`";
                self.diagnostics
                    .push(Diagnostic::new(segment.span.clone(), message, label).help(help));
            }
            opened |= is_syn;
        }
    }

    /// ICMP errors are those of the family, with a size that it allows, and come to an end that has a socket.
    fn icmp(&mut self, settings: &Settings, phases: &[super::Phase]) {
        let (name, smallest) = match settings.family {
            Family::Ipv4 => ("IPv4", 68),
            Family::Ipv6 => ("IPv6", 1280),
        };
        for action in phases.iter().flat_map(|phase| &phase.steps).map(|step| &step.action) {
            let Verb::Icmp(error) = &action.verb else { continue };
            let kind = error.kind;
            let diagnostic = if kind.numbers(settings.family).is_none() {
                let help = match kind.counterpart() {
                    Some(other) => format!("with {name} it is `{other}`"),
                    None => format!("{name} has nothing like it"),
                };
                let message = format!("expected an ICMP error of {name}");
                Diagnostic::new(
                    error.span.clone(),
                    message,
                    format!("`{kind}` belongs to the other family"),
                )
                .help(help)
            } else if error.mtu.is_some_and(|mtu| mtu < smallest) {
                let message = format!("expected an `mtu` of at least {smallest} bytes");
                let label = format!("{name} has no smaller one");
                Diagnostic::new(action.span.clone(), message, label)
                    .help(format!("such as `mtu {}`", smallest.max(1000)))
            } else if settings.peer == Some(error.from) {
                let message = "expected an end with a socket to which the error comes";
                let label = format!("it would come to the {}, who is played by hand", error.from);
                let (from, to) = (error.to.letter(), error.from.letter());
                Diagnostic::new(action.span.clone(), message, label).help(format!(
                    "an error comes to the sender of the segment that it quotes: `about {from} > {to}`"
                ))
            } else {
                continue;
            };
            self.diagnostics.push(diagnostic);
        }
    }

    pub(super) fn unknown_key(&mut self, (key, span): &Key, known: &[&str], tables: &[(&str, &[&str])]) {
        let help = match tables.iter().find(|(_, keys)| keys.contains(key)) {
            Some((table, _)) => format!("`{key}` belongs below a line `[{table}]`"),
            None if known != KEYS && KEYS.contains(key) => {
                format!("`{key}` belongs above the line `[bench]`")
            }
            None => did_you_mean(key, known),
        };
        let message = format!("expected one of the keys {}", list(known));
        let label = format!("unknown key {}", quote(key));
        self.diagnostics
            .push(Diagnostic::new(span.clone(), message, label).help(help));
    }

    pub(super) fn wrong_type(&mut self, key: &str, value: &Value, expected: &str) {
        let message = format!("expected {expected} for `{key}`");
        let label = format!("this is {}", with_article(value.get_ref().type_str()));
        self.diagnostics.push(Diagnostic::new(value.span(), message, label));
    }

    fn title(&mut self, value: &Value) -> Option<String> {
        let title = self.sentence(&("title", 0..0), value)?;
        if title.contains('\n') {
            let diagnostic = Diagnostic::new(value.span(), "expected a title of one line", "more than one line")
                .help("put the rest into `teaches`");
            self.diagnostics.push(diagnostic);
            return None;
        }
        Some(title)
    }

    fn sentence(&mut self, (key, _): &Key, value: &Value) -> Option<String> {
        let Some(text) = value.get_ref().as_str() else {
            self.wrong_type(key, value, "a string");
            return None;
        };
        let text = text.trim();
        if text.is_empty() {
            let message = format!("expected some text for `{key}`");
            self.diagnostics
                .push(Diagnostic::new(value.span(), message, "nothing but blanks"));
            return None;
        }
        Some(text.to_owned())
    }

    /// The strings of a list, each once.
    fn strings<'v>(&mut self, key: &str, value: &'v Value) -> Vec<(&'v str, Span)> {
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type(key, value, "a list of strings");
            return Vec::new();
        };
        let mut strings: Vec<(&str, Span)> = Vec::new();
        let mut seen = HashSet::new();
        for item in items.iter() {
            let Some(text) = item.get_ref().as_str() else {
                self.wrong_type(key, item, "strings in the list");
                continue;
            };
            if seen.insert(text) {
                strings.push((text, item.span()));
            } else {
                let message = format!("expected every entry of `{key}` once");
                let label = format!("{} stands in the list already", quote(text));
                self.diagnostics
                    .push(Diagnostic::new(item.span(), message, label).help("delete this one"));
            }
        }
        strings
    }

    fn covers(&mut self, (key, _): &Key, value: &Value) -> Vec<String> {
        let ids = self.strings(key, value);
        ids.into_iter().filter_map(|(id, span)| self.id(id, span)).collect()
    }

    /// An id of RFC 9293's tables.
    fn id(&mut self, id: &str, span: Span) -> Option<String> {
        if rfc9293::find(id).is_some() {
            return Some(id.to_owned());
        }
        let help = match rfc9293::repaired(id).or_else(|| nearest(id, rfc9293::ids()).map(str::to_owned)) {
            Some(id) => format!("did you mean `{id}`?"),
            None => "such as `T1` (a transition), `MUST-14`, `SHLD-5`, `MAY-1`, `REC-1` or `U3`; \
                     `tcplab coverage` lists them all"
                .to_owned(),
        };
        let label = format!("{} is no such id", quote(id));
        self.diagnostics
            .push(Diagnostic::new(span, "expected the id of a requirement or transition", label).help(help));
        None
    }

    fn deviates(&mut self, (key, _): &Key, value: &Value) -> Vec<Deviation> {
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_type(
                key,
                value,
                "a table from ids to reasons, such as { \"MUST-13\" = \"…\" }",
            );
            return Vec::new();
        };
        let mut deviations = Vec::new();
        for (id, reason) in table {
            let key = (&**id.get_ref(), id.span());
            if let (Some(id), Some(reason)) = (self.id(key.0, id.span()), self.sentence(&key, reason)) {
                deviations.push(Deviation { id, reason });
            }
        }
        deviations
    }

    fn findings(&mut self, (key, _): &Key, value: &Value) -> Vec<Finding> {
        let names = Finding::ALL.map(Finding::name);
        let mut findings = Vec::new();
        for (name, span) in self.strings(key, value) {
            match Finding::ALL.into_iter().find(|finding| finding.name() == name) {
                Some(finding) => findings.push(finding),
                None => self.diagnostics.push(
                    Diagnostic::new(
                        span,
                        "expected the name of a finding",
                        format!("unknown: {}", quote(name)),
                    )
                    .help(did_you_mean(name, &names)),
                ),
            }
        }
        findings
    }

    fn timeline(&mut self, value: &Value, broken: bool) -> Option<Timeline> {
        if value.get_ref().as_str().is_none() {
            self.wrong_type("timeline", value, "a multi-line string");
            return None;
        }
        let span = value.span();
        let raw = self.text.get(span.clone()).unwrap_or_default();
        let inner = ["'''", "\"\"\""]
            .into_iter()
            .find_map(|quotes| raw.strip_prefix(quotes)?.strip_suffix(quotes));
        let Some(inner) = inner else {
            // In broken TOML this may be a string that never ends, which has been told.
            if !broken {
                let message = "expected the timeline as a multi-line literal string";
                let diagnostic = Diagnostic::new(span, message, "this string has other quotes");
                self.diagnostics.push(diagnostic.help(TIMELINE_HELP));
            }
            return None;
        };
        let start = span.start + 3;
        if raw.starts_with('"')
            && let Some(at) = inner.find('\\')
        {
            let message = "expected a literal string (''' … ''') around a timeline with a backslash";
            let label = "TOML would change this before the timeline is read";
            self.diagnostics.push(
                Diagnostic::new(start + at..start + at + 1, message, label)
                    .help("replace the \"\"\" around the timeline by '''"),
            );
            return None;
        }
        let (timeline, diagnostics) = timeline::parse(self.text, start..start + inner.len(), self.folder);
        self.diagnostics.extend(diagnostics);
        Some(timeline)
    }
}

fn toml_error(error: &toml::de::Error) -> Diagnostic {
    let message = error.message().lines().next().unwrap_or("syntax error");
    let diagnostic = Diagnostic::new(
        error.span().unwrap_or(0..0),
        format!("expected valid TOML: {message}"),
        "here",
    );
    match message.contains("multi-line literal string") {
        true => diagnostic.help("close the timeline with a line '''"),
        false => diagnostic,
    }
}

fn with_article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {noun}")
}
