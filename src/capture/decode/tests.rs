use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

// Recorded on Linux 6.18. The same SYN on `lo`, in a raw form, and as the `any` device shows it in both versions.
const SYN_IP: &str = "4500003c49c440004006f2f57f0000017f000001b6fc1b588f68001800000000a002faf0fe300000\
    020405b40402080a1db865f7000000000103030a";
const ETHERNET_4: &str = "0000000000000000000000000800";
const SLL: &str = "00000304000600000000000000000800";
const SLL2: &str = "0800000000000001030400060000000000000000";
const NULL: &str = "02000000";
// "Hello World!".
const DATA: &str = "00000000000000000000000008004500004049c640004006f2ef7f0000017f000001b6fc1b588f6800196c50666e\
    8018003ffe3400000101080a1db865f7b1c4d50248656c6c6f20576f726c6421";
// The echo of it with a thirteenth byte, over IPv6.
const DATA_6: &str = "00000000000000000000000086dd60097438002d064000000000000000000000000000000001000000000000000000\
    000000000000011b58e50221117cb4166281988018003f003500000101080a9f5527e8d08b34f748656c6c6f20576f726c642104";
// A closed port's answer: the kernel computes its checksum.
const RST: &str = "0000000000000000000000000800450000280000400040063cce7f0000017f0000011f3fc02a00000000f9bb70b950140000\
    67ef0000";
// The last segment of a simultaneous open, with a SACK block.
const SACK: &str = "00000000000000000000000008004500004099ed40004006a2c87f0000017f0000011b591b590f30e6280f30e628\
    b010003ffe3400000101080a9dfd35ba9dfd35ba0101050a0f30e6270f30e628";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex"))
        .collect()
}

fn whole(link: LinkType, frame: &[u8]) -> Decoded {
    decode(link, frame, u32::try_from(frame.len()).expect("a short frame"))
}

fn tcp(decoded: Decoded) -> TcpFrame {
    match decoded {
        Decoded::Tcp(frame) => *frame,
        other => panic!("not TCP: {other:?}"),
    }
}

fn ethernet(hex: &str) -> TcpFrame {
    tcp(whole(LinkType::Ethernet, &bytes(hex)))
}

#[test]
fn a_syn_is_decoded_with_all_its_fields() {
    let frame = ethernet(&[ETHERNET_4, SYN_IP].concat());
    assert_eq!(
        frame,
        TcpFrame {
            source: "127.0.0.1:46844".parse().unwrap(),
            destination: "127.0.0.1:7000".parse().unwrap(),
            seq: Seq(2_405_957_656),
            ack: Seq(0),
            flags: Flags::SYN,
            window: 64_240,
            urgent: 0,
            options: vec![
                TcpOption::Mss(1460),
                TcpOption::SackPermitted,
                TcpOption::Timestamps {
                    value: 498_623_991,
                    echo: 0
                },
                TcpOption::Nop,
                TcpOption::WindowScale(10),
            ],
            len: 0,
            payload: Vec::new(),
            checksum: Checksum::Offloaded,
            ip: IpFields::default(),
            offset: None,
        }
    );
}

#[test]
fn every_link_type_leads_to_the_same_segment() {
    let expected = ethernet(&[ETHERNET_4, SYN_IP].concat());
    for (link, header) in [
        (LinkType::RawIp, ""),
        (LinkType::Null, NULL),
        (LinkType::LinuxSll, SLL),
        (LinkType::LinuxSll2, SLL2),
    ] {
        assert_eq!(
            tcp(whole(link, &bytes(&[header, SYN_IP].concat()))),
            expected,
            "{link:?}"
        );
        assert_eq!(LinkType::by_code(link.code()), Some(link));
    }
    assert_eq!(LinkType::by_code(12), Some(LinkType::RawIp));
    assert_eq!(LinkType::by_code(127), None);
}

#[test]
fn payload_is_taken_by_the_length_of_the_ip_header() {
    let mut padded = bytes(DATA);
    padded.extend([0; 6]);
    let frame = tcp(whole(LinkType::Ethernet, &padded));
    assert_eq!((frame.len, &frame.payload[..]), (12, &b"Hello World!"[..]));
    assert_eq!(frame.checksum, Checksum::Offloaded);

    let frame = ethernet(DATA_6);
    assert_eq!((frame.len, &frame.payload[..]), (13, &b"Hello World!\x04"[..]));
    assert_eq!(frame.checksum, Checksum::Offloaded);
    assert_eq!(frame.source, "[::1]:7000".parse().unwrap());
}

#[test]
fn checksums_are_told_apart() {
    assert_eq!(ethernet(RST).checksum, Checksum::Correct);
    for (hex, field) in [(DATA, 14 + 20 + 16), (DATA_6, 14 + 40 + 16), (RST, 14 + 20 + 16)] {
        let mut frame = bytes(hex);
        frame[field] ^= 1;
        assert_eq!(tcp(whole(LinkType::Ethernet, &frame)).checksum, Checksum::Wrong);
    }
    // Filled in, the checksum of the same data is right; one changed byte of payload makes it wrong.
    let mut frame = bytes(DATA);
    let (source, destination) = ([127, 0, 0, 1], [127, 0, 0, 1]);
    let full = TcpSlice::from_slice(&frame[34..])
        .unwrap()
        .calc_checksum_ipv4(source, destination)
        .unwrap();
    frame[50..52].copy_from_slice(&full.to_be_bytes());
    assert_eq!(tcp(whole(LinkType::Ethernet, &frame)).checksum, Checksum::Correct);
    frame[70] ^= 1;
    assert_eq!(tcp(whole(LinkType::Ethernet, &frame)).checksum, Checksum::Wrong);
}

#[test]
fn a_frame_cut_by_the_capture_keeps_its_length() {
    let frame = bytes(DATA);
    let decoded = tcp(decode(LinkType::Ethernet, &frame[..70], 78));
    assert_eq!((decoded.len, &decoded.payload[..]), (12, &b"Hell"[..]));
    assert_eq!(decoded.checksum, Checksum::Unknown);
    // Within the options nothing can be said.
    let Decoded::Damaged { layer, .. } = decode(LinkType::Ethernet, &frame[..60], 78) else {
        panic!("a cut header was decoded");
    };
    assert_eq!(layer, "TCP header");
}

#[test]
fn a_frame_shorter_than_its_ip_header_says_is_damaged() {
    let frame = bytes(DATA);
    assert_eq!(
        decode(LinkType::Ethernet, &frame[..70], 70),
        Decoded::Damaged {
            layer: "IP".to_owned(),
            reason: "it promises 12 bytes of TCP payload, but the frame ends after 4".to_owned(),
        }
    );
}

#[test]
fn fragments_and_other_protocols_are_not_taken_for_segments() {
    let mut fragment = bytes(DATA);
    fragment[20] = 0x20;
    assert!(matches!(
        whole(LinkType::Ethernet, &fragment),
        Decoded::Damaged { layer, .. } if layer == "IP"
    ));
    let mut udp = bytes(DATA);
    udp[23] = 17;
    assert_eq!(whole(LinkType::Ethernet, &udp), Decoded::Other);
    let mut arp = bytes(DATA);
    arp[12..14].copy_from_slice(&[0x08, 0x35]);
    assert_eq!(whole(LinkType::Ethernet, &arp), Decoded::Other);
}

#[test]
fn all_flag_bits_are_kept() {
    let mut frame = bytes(DATA);
    frame[46] |= 0x0f;
    frame[47] = 0xff;
    assert_eq!(tcp(whole(LinkType::Ethernet, &frame)).flags, Flags::all());
}

#[test]
fn a_sack_block_is_decoded() {
    let options = ethernet(SACK).options;
    assert_eq!(
        options.last(),
        Some(&TcpOption::Sack(vec![(Seq(254_862_887), Seq(254_862_888))]))
    );
}

#[test]
fn a_packet_of_unstated_length_is_as_long_as_its_frame() {
    let mut frame = bytes(DATA);
    frame[16..18].copy_from_slice(&[0, 0]);
    assert_eq!(tcp(decode(LinkType::Ethernet, &frame, 90_078)).len, 90_012);
}

fn link() -> impl Strategy<Value = LinkType> {
    prop_oneof![
        Just(LinkType::Null),
        Just(LinkType::Ethernet),
        Just(LinkType::RawIp),
        Just(LinkType::LinuxSll),
        Just(LinkType::LinuxSll2),
    ]
}

proptest! {
    #[test]
    fn any_bytes_can_be_decoded(link in link(), frame in vec(any::<u8>(), 0..120), original_len: u32) {
        decode(link, &frame, original_len);
    }

    #[test]
    fn a_damaged_frame_can_be_decoded(
        hex in prop_oneof![Just(DATA), Just(DATA_6), Just(SACK)],
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        keep: prop::sample::Index,
        original_len: u32,
    ) {
        let mut frame = bytes(hex);
        for (at, byte) in changes {
            let at = at.index(frame.len());
            frame[at] = byte;
        }
        decode(LinkType::Ethernet, &frame[..keep.index(frame.len() + 1)], original_len);
    }

    #[test]
    fn a_prefix_of_a_frame_agrees_with_the_whole(
        hex in prop_oneof![Just(DATA), Just(DATA_6)],
        keep: prop::sample::Index,
    ) {
        let frame = bytes(hex);
        let complete = ethernet(hex);
        let kept = &frame[..keep.index(frame.len())];
        match decode(LinkType::Ethernet, kept, u32::try_from(frame.len()).unwrap()) {
            Decoded::Tcp(cut) => {
                prop_assert_eq!(cut.len, complete.len);
                prop_assert!(complete.payload.starts_with(&cut.payload));
                prop_assert_eq!(&cut.options, &complete.options);
                prop_assert_eq!(cut.checksum, Checksum::Unknown);
            }
            Decoded::Damaged { .. } => {}
            Decoded::Icmp | Decoded::Other => prop_assert!(false, "a prefix of TCP is not something else"),
        }
    }
}
