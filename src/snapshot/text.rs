//! Text from files, made fit for one line of a terminal or a snapshot.

use std::borrow::Cow;

/// The text with every character spelled out that a terminal obeys instead of showing: control characters, and those
/// that turn the writing direction, which make a diff look other than it is.
///
/// Line feeds are control characters too: give it lines.
pub(super) fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_invisible) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().fold(String::new(), |mut shown, character| {
        if is_invisible(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
        shown
    }))
}

fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The text with each run of blanks outside quotes made one, and none at the ends.
pub(super) fn single_blanks(text: &str) -> String {
    let mut normal = String::new();
    let mut quoted = false;
    let mut escaped = false;
    for character in text.trim().chars() {
        if !quoted && character.is_whitespace() {
            if !normal.ends_with(' ') {
                normal.push(' ');
            }
            continue;
        }
        quoted ^= character == '"' && !escaped;
        escaped = quoted && character == '\\' && !escaped;
        normal.push(character);
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_inside_quotes_are_kept() {
        assert_eq!(
            single_blanks("  client\t send   \"a  b\"  & "),
            "client send \"a  b\" &"
        );
        assert_eq!(
            single_blanks(r#"client  send "a\"  b"  stale  "\\"  x"#),
            r#"client send "a\"  b" stale "\\" x"#
        );
    }

    #[test]
    fn what_a_terminal_would_obey_is_spelled_out() {
        assert_eq!(visible("plain … ü"), "plain … ü");
        assert_eq!(visible("\u{1b}[2J\u{202e}x\r\t"), r"\u{1b}[2J\u{202e}x\u{d}\u{9}");
    }
}
