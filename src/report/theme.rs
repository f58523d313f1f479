//! How output looks: colour, character set, width. Everything that prints is given a [`Theme`]; only
//! [`Theme::detect`] reads the environment.

use console::{Style, Term};

/// The narrowest output; narrower terminals get this and wrap by themselves.
pub const MIN_WIDTH: usize = 60;

/// The widest ladder and the widest paragraph: longer lines are hard to read.
pub const MAX_WIDTH: usize = 120;

/// The width of what does not go to a terminal.
const PIPE_WIDTH: usize = 100;

/// How output looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// Whether to write escape codes for colours.
    pub color: bool,
    /// Whether to draw with characters beyond ASCII.
    pub unicode: bool,
    /// Columns; what is outside [`MIN_WIDTH`]..=[`MAX_WIDTH`] is treated as the nearest of them.
    pub width: usize,
}

/// What a piece of text is, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Ordinary text.
    Plain,
    /// Headings and names.
    Strong,
    /// What may be overlooked.
    Dim,
    /// What the client does or sends.
    Client,
    /// What the server does or sends.
    Server,
    /// A success.
    Good,
    /// A failure.
    Bad,
    /// Something that cannot be told, or that needs attention.
    Doubt,
}

/// The drawing characters, each one column wide.
#[derive(Debug)]
pub(super) struct Glyphs {
    pub bar: char,
    pub dash: char,
    pub fat: char,
    pub rule: char,
    pub right: char,
    pub left: char,
    pub action: char,
    /// The corners of a loop: beside the client at the top and bottom, then beside the server.
    pub loops: [char; 4],
    /// Check symbols: ok, failed, doubtful, not checked.
    pub checks: [char; 4],
    pub ellipsis: &'static str,
}

const UNICODE: Glyphs = Glyphs {
    bar: '│',
    dash: '─',
    fat: '━',
    rule: '═',
    right: '►',
    left: '◄',
    action: '●',
    loops: ['╮', '╯', '╭', '╰'],
    checks: ['✓', '✗', '?', '–'],
    ellipsis: "…",
};

const ASCII: Glyphs = Glyphs {
    bar: '|',
    dash: '-',
    fat: '=',
    rule: '=',
    right: '>',
    left: '<',
    action: '*',
    loops: ['.', '\'', '.', '\''],
    checks: ['+', 'x', '?', '-'],
    ellipsis: "...",
};

impl Theme {
    /// The theme for this stream and the process's environment.
    pub fn detect(stream: &Term) -> Theme {
        let columns = stream.size_checked().map(|(_, columns)| usize::from(columns));
        let columns = columns.or_else(|| stream.is_term().then_some(80));
        Theme::decide(columns, |name| std::env::var(name).ok())
    }

    /// The theme for a terminal with this many columns, or for a pipe or file (`None`).
    ///
    /// - No colour if `NO_COLOR` is set and not empty; else colour if `CLICOLOR_FORCE` is set and not `0`; else colour
    ///   on a terminal, unless `CLICOLOR` is `0` or `TERM` is `dumb`.
    /// - ASCII if `TERM` is `dumb` or the locale (the first of `LC_ALL`, `LC_CTYPE`, `LANG` that is not empty) is named
    ///   and not a UTF-8 one. Without any, as in a container, terminals are UTF-8 all the same.
    pub fn decide(columns: Option<usize>, variable: impl Fn(&str) -> Option<String>) -> Theme {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").is_some_and(|term| term == "dumb");
        let forced = set("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        let refused = set("CLICOLOR").is_some_and(|value| value == "0");
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(set)
            .unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        Theme {
            color: set("NO_COLOR").is_none() && (forced || columns.is_some() && !dumb && !refused),
            unicode: !dumb && (locale.is_empty() || locale.contains("utf-8") || locale.contains("utf8")),
            width: columns.unwrap_or(PIPE_WIDTH),
        }
    }

    /// The text in the colour of its role.
    pub fn paint(&self, role: Role, text: &str) -> String {
        if !self.color || role == Role::Plain || text.is_empty() {
            return text.to_owned();
        }
        let style = Style::new().force_styling(true);
        let style = match role {
            Role::Plain => style,
            Role::Strong => style.bold(),
            Role::Dim => style.dim(),
            Role::Client => style.cyan(),
            Role::Server => style.magenta(),
            Role::Good => style.green().bold(),
            Role::Bad => style.red().bold(),
            Role::Doubt => style.yellow().bold(),
        };
        style.apply_to(text).to_string()
    }

    /// The width to use.
    pub(super) fn columns(&self) -> usize {
        self.width.clamp(MIN_WIDTH, MAX_WIDTH)
    }

    pub(super) fn glyphs(&self) -> &'static Glyphs {
        if self.unicode { &UNICODE } else { &ASCII }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The environment as `NAME=value` words; the locale is UTF-8 unless they say otherwise.
    fn decide(columns: Option<usize>, environment: &str) -> (bool, bool, usize) {
        let theme = Theme::decide(columns, |name| {
            let given = environment
                .split_whitespace()
                .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            given.or((name == "LANG").then_some("C.UTF-8")).map(str::to_owned)
        });
        (theme.color, theme.unicode, theme.width)
    }

    #[test]
    fn a_machine_without_a_locale_is_no_reason_for_ascii() {
        assert!(Theme::decide(Some(80), |_| None).unicode);
        assert!(!Theme::decide(Some(80), |name| (name == "LC_ALL").then(|| "C".to_owned())).unicode);
    }

    #[test]
    fn the_environment_decides_colour_and_characters() {
        // (columns, environment) -> (colour, unicode, width)
        assert_eq!(decide(Some(90), ""), (true, true, 90));
        assert_eq!(decide(None, ""), (false, true, 100));
        assert_eq!(decide(Some(90), "NO_COLOR=1"), (false, true, 90));
        assert_eq!(decide(Some(90), "NO_COLOR="), (true, true, 90));
        assert_eq!(decide(None, "CLICOLOR_FORCE=1"), (true, true, 100));
        assert_eq!(decide(None, "CLICOLOR_FORCE=0"), (false, true, 100));
        assert_eq!(decide(None, "CLICOLOR_FORCE=1 NO_COLOR=1"), (false, true, 100));
        assert_eq!(decide(Some(90), "CLICOLOR=0"), (false, true, 90));
        assert_eq!(decide(Some(90), "TERM=dumb"), (false, false, 90));
        assert_eq!(decide(Some(90), "LANG=C"), (true, false, 90));
        assert_eq!(decide(Some(90), "LANG=C LC_ALL=de_DE.utf8"), (true, true, 90));
        assert_eq!(decide(Some(90), "LC_ALL=POSIX"), (true, false, 90));
    }

    #[test]
    fn a_theme_without_colour_writes_no_escape_codes() {
        let theme = Theme {
            color: false,
            unicode: true,
            width: 80,
        };
        assert_eq!(theme.paint(Role::Bad, "fail"), "fail");
        let colored = Theme { color: true, ..theme };
        assert_eq!(colored.paint(Role::Client, "send"), "\u{1b}[36msend\u{1b}[0m");
        assert_eq!(colored.paint(Role::Plain, "send"), "send");
    }
}
