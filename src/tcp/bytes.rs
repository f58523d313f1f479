//! Bytes in JSON: a hex string, or `COUNT*BYTE` for a long run of one byte, so that bulk recordings stay small.

use std::fmt::Write;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

/// Runs of one byte from this length on are written as `COUNT*BYTE`.
const SHORTEST_RUN: usize = 32;

/// For `#[serde(with = …)]` on a `Vec<u8>`.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&encode(bytes))
}

/// For `#[serde(with = …)]` on a `Vec<u8>`.
///
/// # Errors
/// Those of the deserializer, and a text that [`serialize`] does not write.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    decode(&String::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("expected bytes as hex or COUNT*BYTE"))
}

fn encode(bytes: &[u8]) -> String {
    if let [first, rest @ ..] = bytes
        && bytes.len() >= SHORTEST_RUN
        && rest.iter().all(|byte| byte == first)
    {
        return format!("{}*{first:02x}", bytes.len());
    }
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a String cannot fail");
            text
        })
}

fn decode(text: &str) -> Option<Vec<u8>> {
    /// A recording never holds more in one piece; a larger count is a damaged file.
    const LARGEST: usize = 1 << 30;
    if let Some((count, byte)) = text.split_once('*') {
        let count = count.parse().ok().filter(|count| *count <= LARGEST)?;
        return Some(vec![u8::from_str_radix(byte, 16).ok()?; count]);
    }
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

/// The same for an `Option<Vec<u8>>`.
pub mod optional {
    use super::{Deserialize, Deserializer, Error, Serializer, decode, encode};

    /// For `#[serde(with = …)]` on an `Option<Vec<u8>>`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => serializer.serialize_some(&encode(bytes)),
            None => serializer.serialize_none(),
        }
    }

    /// For `#[serde(with = …)]` on an `Option<Vec<u8>>`.
    ///
    /// # Errors
    /// Those of the deserializer, and a text that [`super::serialize`] does not write.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
        Option::<String>::deserialize(deserializer)?
            .map(|text| decode(&text).ok_or_else(|| D::Error::custom("expected bytes as hex or COUNT*BYTE")))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{decode, encode};

    proptest! {
        #[test]
        fn encoded_bytes_decode_to_themselves(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }

        #[test]
        fn any_text_decodes_or_is_refused(text in ".{0,40}") {
            let _ = decode(&text);
        }
    }

    #[test]
    fn a_long_run_of_one_byte_is_short() {
        assert_eq!(encode(&[b'x'; 1_048_576]), "1048576*78");
        assert_eq!(decode("1048576*78"), Some(vec![b'x'; 1_048_576]));
    }
}
