//! Payload bytes as text: short ones in full, long ones by beginning, length and digest.
//!
//! The spelling is that of scenario files, so that a payload can be copied from a transcript into a timeline.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// Payloads up to this many bytes are shown in full.
const FULL: usize = 48;
/// So many bytes of a longer payload are shown.
const BEGINNING: usize = 24;

/// `"Hello World!"`, `hex 0001ff`, or for a longer payload `"xxxxxxxxxxxxxxxxxxxxxxxx"… 1448 bytes, sha256 9a3f21…`.
///
/// Two payloads that differ in any byte have different texts (for long ones, as far as 64 bits of SHA-256 tell them
/// apart).
pub(super) fn describe(bytes: &[u8]) -> String {
    if bytes.len() <= FULL {
        return literal(bytes);
    }
    format!(
        "{}… {} bytes, sha256 {}",
        literal(&bytes[..BEGINNING]),
        bytes.len(),
        short_digest(Sha256::new_with_prefix(bytes))
    )
}

/// The first 16 hex digits of the digest: what `sha256sum` prints begins with them.
pub(super) fn short_digest(hasher: Sha256) -> String {
    hex(&hasher.finalize()[..8])
}

/// Lower-case hex digits, two a byte.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn literal(bytes: &[u8]) -> String {
    let readable = |byte: &&u8| matches!(**byte, b' '..=b'~' | b'\n' | b'\r' | b'\t');
    // Three in four: a C string with its stale tail is text, a length-prefixed record is not.
    if bytes.iter().filter(readable).count() * 4 >= bytes.len() * 3 {
        quoted(bytes)
    } else {
        format!("hex {}", hex(bytes))
    }
}

fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from('"');
    for &byte in bytes {
        match byte {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => {
                let _ = write!(text, "\\x{byte:02x}");
            }
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_quoted_and_binary_is_hex() {
        assert_eq!(describe(b"Hello World!"), r#""Hello World!""#);
        assert_eq!(describe(b"Hello World!\x04"), r#""Hello World!\x04""#);
        assert_eq!(describe(b"a\"\\\n\r\t"), r#""a\"\\\n\r\t""#);
        assert_eq!(describe(&[0, 1, 0xff, b'a']), "hex 0001ff61");
        assert_eq!(describe(b""), r#""""#);
    }

    #[test]
    fn a_long_payload_shows_its_beginning_its_length_and_the_digest_of_sha256sum() {
        assert_eq!(describe(&[b'x'; 48]), format!("\"{}\"", "x".repeat(48)));
        // printf 'x%.0s' {1..1448} | sha256sum
        assert_eq!(
            describe(&[b'x'; 1448]),
            r#""xxxxxxxxxxxxxxxxxxxxxxxx"… 1448 bytes, sha256 23155b218f1338c9"#
        );
    }

    proptest! {
        #[test]
        fn different_payloads_have_different_texts(a: Vec<u8>, b: Vec<u8>) {
            prop_assert_eq!(a == b, describe(&a) == describe(&b));
        }

        #[test]
        fn every_single_byte_matters(mut bytes in prop::collection::vec(any::<u8>(), 1..200), at: prop::sample::Index, flip in 1u8..) {
            let before = describe(&bytes);
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            prop_assert_ne!(before, describe(&bytes));
        }
    }
}
