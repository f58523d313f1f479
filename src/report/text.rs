//! Pieces of text: wrapping, padding, quoting, durations.

use std::time::Duration;

use console::measure_text_width;

use super::theme::{Role, Theme};

/// Text made of parts with different roles, laid out before it is painted.
#[derive(Debug, Clone, Default)]
pub(super) struct Spans(Vec<(Role, String)>);

impl Spans {
    pub fn of(role: Role, text: impl Into<String>) -> Spans {
        Spans::default().with(role, text)
    }

    pub fn with(mut self, role: Role, text: impl Into<String>) -> Spans {
        self.push(role, text);
        self
    }

    pub fn push(&mut self, role: Role, text: impl Into<String>) {
        self.0.push((role, text.into()));
    }

    pub fn append(&mut self, mut other: Spans) {
        self.0.append(&mut other.0);
    }

    /// Display columns.
    pub fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| measure_text_width(text)).sum()
    }

    /// Adds blanks up to this width.
    pub fn pad_to(&mut self, width: usize) {
        let missing = width.saturating_sub(self.width());
        if missing > 0 {
            self.push(Role::Plain, " ".repeat(missing));
        }
    }

    pub fn paint(&self, theme: &Theme) -> String {
        self.0.iter().map(|(role, text)| theme.paint(*role, text)).collect()
    }
}

/// Breaks a text into lines of at most `width` columns, at blanks where there are any. Control characters, line ends
/// among them, are escaped. An empty text gives no line.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let fits = |line: &str, more: &str| measure_text_width(&format!("{line}{more}")) <= width;
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in clean(text).split_inclusive(' ') {
        let bare = word.trim_end_matches(' ');
        if !fits(&line, bare) && !line.trim_matches(' ').is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        if fits(&line, bare) {
            line.push_str(word);
            continue;
        }
        for character in word.chars() {
            if !fits(&line, character.encode_utf8(&mut [0; 4])) {
                lines.push(std::mem::take(&mut line));
            }
            line.push(character);
        }
    }
    lines.push(line);
    let trimmed = lines.iter().map(|line| line.trim_end_matches(' ').to_owned());
    trimmed.filter(|line| !line.is_empty()).collect()
}

/// The text with its control characters escaped and tabs turned into blanks: it cannot disturb the terminal.
pub(super) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\t' => cleaned.push(' '),
            character if character.is_control() => cleaned.extend(character.escape_default()),
            character => cleaned.push(character),
        }
    }
    cleaned
}

/// Bytes as a quoted text with escapes, at most `limit` of them; then an ellipsis.
pub(super) fn quote(bytes: &[u8], limit: usize, ellipsis: &str) -> String {
    let shown = &bytes[..bytes.len().min(limit)];
    let text = shown.escape_ascii().to_string().replace("\\'", "'");
    let rest = if bytes.len() > limit { ellipsis } else { "" };
    format!("\"{text}\"{rest}")
}

/// A duration with two or three significant digits: `0.4 ms`, `41 ms`, `1.24 s`, `75 s`.
pub(super) fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        ..0.00995 => format!("{:.1} ms", seconds * 1e3),
        ..0.9995 => format!("{:.0} ms", seconds * 1e3),
        ..9.995 => format!("{seconds:.2} s"),
        ..59.95 => format!("{seconds:.1} s"),
        _ => format!("{seconds:.0} s"),
    }
}

/// The noun as it stands after this number.
pub(super) fn plural(count: usize, noun: &str) -> String {
    format!("{noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_keep_their_significant_digits() {
        let shown = [
            400, 9_949, 41_400, 999_400, 999_600, 1_240_000, 9_996_000, 59_940_000, 75_400_000,
        ]
        .map(|micros| duration(Duration::from_micros(micros)));
        assert_eq!(
            shown,
            [
                "0.4 ms", "9.9 ms", "41 ms", "999 ms", "1.00 s", "1.24 s", "10.0 s", "59.9 s", "75 s"
            ]
        );
    }

    #[test]
    fn quoted_bytes_are_escaped_and_cut() {
        assert_eq!(quote(b"it's\x04 \"so\"\n", 40, "…"), r#""it's\x04 \"so\"\n""#);
        assert_eq!(quote(b"abcdef", 3, "..."), r#""abc"..."#);
    }

    #[test]
    fn words_stay_whole_where_they_fit() {
        assert_eq!(wrap("the quick brown fox", 10), ["the quick", "brown fox"]);
        assert_eq!(wrap("a  b", 10), ["a  b"]);
        assert_eq!(wrap("go abcdefghijkl m", 5), ["go", "abcde", "fghij", "kl m"]);
        assert_eq!(wrap("", 5), [""; 0]);
        assert_eq!(wrap("\u{1b}[31m\tred", 40), ["\\u{1b}[31m red"]);
    }

    proptest! {
        #[test]
        fn wrapped_lines_fit_and_lose_nothing_but_blanks(text in ".{0,200}", width in 2usize..80) {
            let lines = wrap(&text, width);
            for line in &lines {
                prop_assert!(measure_text_width(line) <= width, "{line:?}");
            }
            let squeeze = |text: &str| text.replace(' ', "");
            prop_assert_eq!(squeeze(&lines.concat()), squeeze(&clean(&text)));
        }
    }
}
