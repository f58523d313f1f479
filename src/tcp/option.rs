//! TCP options (RFC 9293, section 3.2, and the RFCs that define the others).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Seq;

/// One option of a segment, in the order of the header.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TcpOption {
    /// Kind 0: end of the option list. Zeros after it are padding and not kept; other bytes follow as `Malformed`.
    End,
    /// Kind 1: one byte of padding.
    Nop,
    /// Kind 2: maximum segment size, bytes.
    Mss(u16),
    /// Kind 3: window scale, the number of bits to shift (RFC 7323).
    WindowScale(u8),
    /// Kind 4: selective acknowledgments are welcome (RFC 2018).
    SackPermitted,
    /// Kind 5: blocks received beyond the acknowledgment, as absolute [left, right) edges (RFC 2018, RFC 2883).
    Sack(Vec<(Seq, Seq)>),
    /// Kind 8: timestamps (RFC 7323).
    Timestamps {
        /// TSval: the sender's clock.
        value: u32,
        /// TSecr: the echo of the peer's clock.
        echo: u32,
    },
    /// Kind 34: fast open cookie; empty when one is requested (RFC 7413).
    FastOpen(Vec<u8>),
    /// Any other kind, with its data.
    Unknown {
        /// The option's kind.
        kind: u8,
        /// What follows kind and length.
        data: Vec<u8>,
    },
    /// The rest of the option area, which cannot be decoded: a length of 0 or 1, or one that runs over the end.
    Malformed(Vec<u8>),
}

impl TcpOption {
    /// Decodes the option area of a TCP header. Nothing is lost but zero padding: an option of a known kind with a length
    /// that this kind cannot have is [`TcpOption::Unknown`], and where no option can be read the rest is
    /// [`TcpOption::Malformed`].
    pub fn decode(mut area: &[u8]) -> Vec<TcpOption> {
        let mut options = Vec::new();
        loop {
            match *area {
                [] => break,
                [0, ref padding @ ..] => {
                    options.push(TcpOption::End);
                    if padding.iter().any(|byte| *byte != 0) {
                        options.push(TcpOption::Malformed(padding.to_vec()));
                    }
                    break;
                }
                [1, ref rest @ ..] => {
                    options.push(TcpOption::Nop);
                    area = rest;
                }
                [kind, length, ..] if (2..=area.len()).contains(&usize::from(length)) => {
                    let (option, rest) = area.split_at(usize::from(length));
                    options.push(TcpOption::of_kind(kind, &option[2..]));
                    area = rest;
                }
                _ => {
                    options.push(TcpOption::Malformed(area.to_vec()));
                    break;
                }
            }
        }
        options
    }

    /// The option's bytes as they stand in the header.
    pub fn encode(&self) -> Vec<u8> {
        let of_kind = |kind: u8, data: &[u8]| {
            let length = u8::try_from(data.len() + 2).unwrap_or(u8::MAX);
            [&[kind, length], data].concat()
        };
        let pair = |left: Seq, right: Seq| [left.0.to_be_bytes(), right.0.to_be_bytes()].concat();
        match self {
            TcpOption::End => vec![0],
            TcpOption::Nop => vec![1],
            TcpOption::Mss(size) => of_kind(2, &size.to_be_bytes()),
            TcpOption::WindowScale(shift) => of_kind(3, &[*shift]),
            TcpOption::SackPermitted => of_kind(4, &[]),
            TcpOption::Sack(blocks) => {
                let edges: Vec<u8> = blocks.iter().flat_map(|(left, right)| pair(*left, *right)).collect();
                of_kind(5, &edges)
            }
            TcpOption::Timestamps { value, echo } => of_kind(8, &pair(Seq(*value), Seq(*echo))),
            TcpOption::FastOpen(cookie) => of_kind(34, cookie),
            TcpOption::Unknown { kind, data } => of_kind(*kind, data),
            TcpOption::Malformed(bytes) => bytes.clone(),
        }
    }

    fn of_kind(kind: u8, data: &[u8]) -> TcpOption {
        let number = |bytes: &[u8]| bytes.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        match (kind, data) {
            (2, &[high, low]) => TcpOption::Mss(u16::from_be_bytes([high, low])),
            (3, &[shift]) => TcpOption::WindowScale(shift),
            (4, []) => TcpOption::SackPermitted,
            (5, blocks) if !blocks.is_empty() && blocks.len() % 8 == 0 => TcpOption::Sack(
                blocks
                    .chunks_exact(8)
                    .map(|block| (Seq(number(&block[..4])), Seq(number(&block[4..]))))
                    .collect(),
            ),
            (8, times) if times.len() == 8 => TcpOption::Timestamps {
                value: number(&times[..4]),
                echo: number(&times[4..]),
            },
            (34, cookie) => TcpOption::FastOpen(cookie.to_vec()),
            (kind, data) => TcpOption::Unknown {
                kind,
                data: data.to_vec(),
            },
        }
    }
}

/// The tcpdump-like spelling with absolute numbers: `mss 1460`, `wscale 7`, `sack_ok`, `ts 1 2`, `nop`, `sack 1:5`.
impl fmt::Display for TcpOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TcpOption::End => f.write_str("eol"),
            TcpOption::Nop => f.write_str("nop"),
            TcpOption::Mss(size) => write!(f, "mss {size}"),
            TcpOption::WindowScale(shift) => write!(f, "wscale {shift}"),
            TcpOption::SackPermitted => f.write_str("sack_ok"),
            TcpOption::Sack(blocks) => {
                f.write_str("sack")?;
                blocks.iter().try_for_each(|(left, right)| write!(f, " {left}:{right}"))
            }
            TcpOption::Timestamps { value, echo } => write!(f, "ts {value} {echo}"),
            TcpOption::FastOpen(cookie) => write!(f, "tfo {}", hex(cookie)),
            TcpOption::Unknown { kind, data } => write!(f, "kind {kind} {}", hex(data)),
            TcpOption::Malformed(bytes) => write!(f, "malformed {}", hex(bytes)),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tcp::arbitrary;

    /// The bytes of a header that hold this option.
    fn encode(option: &TcpOption) -> Vec<u8> {
        let (kind, data) = match option {
            TcpOption::End => return vec![0],
            TcpOption::Nop => return vec![1],
            TcpOption::Malformed(bytes) => return bytes.clone(),
            TcpOption::Mss(size) => (2, size.to_be_bytes().to_vec()),
            TcpOption::WindowScale(shift) => (3, vec![*shift]),
            TcpOption::SackPermitted => (4, vec![]),
            TcpOption::Sack(blocks) => (
                5,
                blocks
                    .iter()
                    .flat_map(|(left, right)| [left.0.to_be_bytes(), right.0.to_be_bytes()].concat())
                    .collect(),
            ),
            TcpOption::Timestamps { value, echo } => (8, [value.to_be_bytes(), echo.to_be_bytes()].concat()),
            TcpOption::FastOpen(cookie) => (34, cookie.clone()),
            TcpOption::Unknown { kind, data } => (*kind, data.clone()),
        };
        let length = u8::try_from(data.len() + 2).expect("a short option");
        [vec![kind, length], data].concat()
    }

    fn is_canonical(option: &TcpOption) -> bool {
        match option {
            TcpOption::Sack(blocks) => !blocks.is_empty(),
            TcpOption::Unknown { kind, .. } => !matches!(kind, 0..=5 | 8 | 34),
            TcpOption::End | TcpOption::Malformed(_) => false,
            _ => true,
        }
    }

    proptest! {
        #[test]
        fn encoded_options_decode_to_themselves(options in proptest::collection::vec(arbitrary::option(), 0..8)) {
            let options: Vec<TcpOption> = options.into_iter().filter(is_canonical).collect();
            let area: Vec<u8> = options.iter().flat_map(encode).collect();
            prop_assert_eq!(TcpOption::decode(&area), options);
        }

        #[test]
        fn no_byte_but_zero_padding_is_lost(area in proptest::collection::vec(prop_oneof![0_u8..9, any::<u8>()], 0..40)) {
            let mut again: Vec<u8> = TcpOption::decode(&area).iter().flat_map(encode).collect();
            again.resize(area.len(), 0);
            prop_assert_eq!(again, area);
        }
    }

    #[test]
    fn options_without_a_proper_length_end_the_list() {
        let malformed = |bytes: &[u8]| TcpOption::Malformed(bytes.to_vec());
        for (area, options) in [
            (&[2_u8][..], vec![malformed(&[2])]),
            (&[2, 0, 5, 180], vec![malformed(&[2, 0, 5, 180])]),
            (&[2, 1, 5, 180], vec![malformed(&[2, 1, 5, 180])]),
            (&[1, 2, 5, 5, 180], vec![TcpOption::Nop, malformed(&[2, 5, 5, 180])]),
            (
                &[3, 4, 1, 1],
                vec![TcpOption::Unknown {
                    kind: 3,
                    data: vec![1, 1],
                }],
            ),
            (&[5, 2], vec![TcpOption::Unknown { kind: 5, data: vec![] }]),
            (&[0, 0, 0], vec![TcpOption::End]),
            (&[0, 0, 9], vec![TcpOption::End, malformed(&[0, 9])]),
        ] {
            assert_eq!(TcpOption::decode(area), options, "{area:02x?}");
        }
    }

    #[test]
    fn options_are_written_as_tcpdump_writes_them() {
        let area = [
            2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7, 34, 4, 171, 205, 99, 3, 1, 5, 10, 0, 0, 0,
            1, 0, 0, 0, 13, 0,
        ];
        let text: Vec<String> = TcpOption::decode(&area).iter().map(TcpOption::to_string).collect();
        assert_eq!(
            text.join(", "),
            "mss 1460, sack_ok, ts 1 2, nop, wscale 7, tfo abcd, kind 99 01, sack 1:13, eol"
        );
    }
}
