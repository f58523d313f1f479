//! Arbitrary segments for property tests: nonsense, and sessions whose numbers hang together more or less.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Checksum, Flags, Party, Segment, Seq, TcpOption};

/// Any option, well formed or not.
pub(crate) fn option() -> impl Strategy<Value = TcpOption> {
    prop_oneof![
        Just(TcpOption::End),
        Just(TcpOption::Nop),
        any::<u16>().prop_map(TcpOption::Mss),
        any::<u8>().prop_map(TcpOption::WindowScale),
        Just(TcpOption::SackPermitted),
        vec((any::<u32>(), any::<u32>()), 0..4).prop_map(|blocks| TcpOption::Sack(
            blocks
                .into_iter()
                .map(|(left, right)| (Seq(left), Seq(right)))
                .collect()
        )),
        (any::<u32>(), any::<u32>()).prop_map(|(value, echo)| TcpOption::Timestamps { value, echo }),
        vec(any::<u8>(), 0..16).prop_map(TcpOption::FastOpen),
        (any::<u8>(), vec(any::<u8>(), 0..8)).prop_map(|(kind, data)| TcpOption::Unknown { kind, data }),
        vec(any::<u8>(), 1..8).prop_map(TcpOption::Malformed),
    ]
}

/// Any segments at all.
pub(crate) fn segments() -> impl Strategy<Value = Vec<Segment>> {
    vec(segment(any::<u32>().boxed(), any::<u16>().boxed()), 0..40)
}

/// Segments with likely flags and numbers near the beginning of both sequence spaces, between two ends or of a socket
/// that is connected to itself.
pub(crate) fn session() -> impl Strategy<Value = Vec<Segment>> {
    const LIKELY: [u16; 8] = [0x02, 0x12, 0x10, 0x10, 0x18, 0x11, 0x04, 0x14];
    let segments = vec(segment((1_u32..12).boxed(), select(&LIKELY[..]).boxed()), 0..40);
    (segments, any::<bool>()).prop_map(|(mut segments, to_self)| {
        for segment in &mut segments {
            (segment.from, segment.to) = if to_self {
                (Party::Client, Party::Client)
            } else {
                (segment.from, segment.from.peer())
            };
        }
        segments
    })
}

fn segment(numbers: BoxedStrategy<u32>, flags: BoxedStrategy<u16>) -> impl Strategy<Value = Segment> {
    let party = select(&Party::ALL[..]);
    (
        (party.clone(), party),
        (numbers.clone(), numbers, flags),
        (any::<u16>(), any::<u16>()),
        vec(option(), 0..5),
        (0_u32..6, vec(any::<u8>(), 0..6)),
    )
        .prop_map(
            |((from, to), (seq, ack, flags), (window, urgent), options, (len, payload))| Segment {
                at: 0,
                from,
                to,
                seq: Seq(seq),
                ack: Seq(ack),
                flags: Flags::from_bits_truncate(flags),
                window,
                urgent,
                options,
                len,
                payload,
                checksum: Checksum::Offloaded,
                origin: crate::tcp::Origin::Kernel,
                ip: crate::tcp::IpFields::default(),
                offset: None,
                sockets: None,
            },
        )
}

/// The same segment with other initial numbers. The SEQ 0 of a RST,ACK that answers a segment without ACK belongs to no
/// sequence space and stays (RFC 9293, section 3.10.7.1).
pub(crate) fn shifted(segment: &Segment, client: u32, server: u32) -> Segment {
    let shift = |party| match party {
        Party::Client => client,
        Party::Server => server,
    };
    let mut shifted = segment.clone();
    if !(segment.flags.contains(Flags::RST) && segment.seq == Seq(0)) {
        shifted.seq += shift(segment.from);
    }
    shifted.ack += shift(segment.to);
    shifted
}
