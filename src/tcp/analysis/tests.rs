use super::*;
use crate::tcp::sample::{CLIENT_ISN, client, server, session};

fn roles(segments: impl IntoIterator<Item = Segment>) -> Vec<Role> {
    let mut analysis = Analysis::default();
    segments
        .into_iter()
        .map(|segment| analysis.next(&segment, false))
        .collect()
}

/// The roles of these after a handshake.
fn opened(then: impl IntoIterator<Item = Segment>) -> Vec<Role> {
    roles(session(b"x").into_iter().take(3).chain(then)).split_off(3)
}

fn window(mut segment: Segment, window: u16) -> Segment {
    segment.window = window;
    segment
}

fn sack(mut segment: Segment, left: u32, right: u32) -> Segment {
    segment
        .options
        .push(TcpOption::Sack(vec![(CLIENT_ISN + left, CLIENT_ISN + right)]));
    segment
}

fn numbers(roles: &[Role]) -> Vec<Numbers> {
    roles.iter().map(|role| role.numbers).collect()
}

fn acknowledgments(roles: &[Role]) -> Vec<Acknowledgment> {
    roles.iter().map(|role| role.acknowledgment).collect()
}

#[test]
fn a_plain_session_has_only_new_numbers_and_new_acknowledgments() {
    for role in roles(session(b"Hello World!")) {
        assert!(matches!(role.numbers, Numbers::Next | Numbers::None), "{role:?}");
        assert!(
            matches!(role.acknowledgment, Acknowledgment::New | Acknowledgment::None),
            "{role:?}"
        );
        assert_eq!((role.probe, role.answers, role.reopens), (None, None, false));
    }
}

#[test]
fn a_retransmission_names_its_first_segment_and_whether_it_was_needless() {
    let again = |acknowledged| Numbers::Again {
        first: Some(3),
        acknowledged,
    };
    let roles = opened([
        client("PSH ACK", 1, 1, b"abc"),
        client("PSH ACK", 1, 1, b"abc"),
        server("ACK", 1, 4, b""),
        client("PSH ACK", 1, 1, b"abc"),
    ]);
    assert_eq!(
        numbers(&roles),
        [Numbers::Next, again(false), Numbers::None, again(true)]
    );
}

#[test]
fn a_copy_and_a_forgery_are_not_of_their_sender() {
    let mut analysis = Analysis::default();
    for segment in session(b"x").iter().take(4) {
        analysis.next(segment, false);
    }
    let data = client("PSH ACK", 1, 1, b"Hello World!");
    assert_eq!(analysis.next(&data, true).numbers, Numbers::Copy);
    let mut forged = client("PSH ACK", 13, 1, b"no");
    forged.origin = Origin::Spoofed;
    assert_eq!(analysis.next(&forged, false).numbers, Numbers::Forged);
    let true_one = client("PSH ACK", 13, 1, b"yes");
    assert_eq!(analysis.next(&true_one, false).numbers, Numbers::Next);
}

#[test]
fn what_fills_a_gap_is_late_and_not_a_retransmission() {
    let roles = opened([
        client("ACK", 4, 1, b"def"),
        client("ACK", 2, 1, b"b"),
        client("ACK", 1, 1, b"abc"),
        client("ACK", 1, 1, b"abc"),
    ]);
    let again = Numbers::Again {
        first: Some(5),
        acknowledged: false,
    };
    assert_eq!(numbers(&roles), [Numbers::Beyond, Numbers::Late, Numbers::Late, again]);
}

#[test]
fn a_duplicate_ack_needs_something_outstanding_and_the_same_window() {
    let roles = opened([
        client("ACK", 1, 1, b"abc"),
        client("PSH ACK", 4, 1, b"def"),
        server("ACK", 1, 4, b""),
        server("ACK", 1, 4, b""),
        window(server("ACK", 1, 4, b""), 600),
        sack(window(server("ACK", 1, 4, b""), 700), 5, 7),
        sack(window(server("ACK", 1, 4, b""), 700), 1, 4),
        window(server("ACK", 1, 7, b""), 700),
        window(server("ACK", 1, 7, b""), 700),
        window(server("ACK", 1, 4, b""), 700),
        window(server("ACK", 1, 8, b""), 700),
    ]);
    assert_eq!(
        acknowledgments(&roles)[2..],
        [
            Acknowledgment::New,
            Acknowledgment::Duplicate,
            Acknowledgment::Update,
            Acknowledgment::Duplicate,
            Acknowledgment::Duplicate,
            Acknowledgment::New,
            Acknowledgment::Repeated,
            Acknowledgment::Old,
            Acknowledgment::Unsent,
        ]
    );
}

#[test]
fn a_probe_is_told_by_the_window_and_its_answer_by_the_probe() {
    let keep_alive = opened([client("ACK", 0, 1, b""), server("ACK", 1, 1, b"")]);
    assert_eq!(keep_alive[0].probe, Some(Probe::KeepAlive));
    assert_eq!(keep_alive[1].answers, Some(Probe::KeepAlive));
    let closed = opened([
        client("PSH ACK", 1, 1, b"abc"),
        window(server("ACK", 1, 4, b""), 0),
        client("ACK", 3, 1, b""),
        window(server("ACK", 1, 4, b""), 0),
    ]);
    assert_eq!(closed[2].probe, Some(Probe::ZeroWindow));
    assert_eq!(closed[3].answers, Some(Probe::ZeroWindow));
    assert_eq!(closed[1].answers, None);
}

#[test]
fn a_syn_with_another_number_opens_the_sequence_space_anew() {
    let mut again = client("SYN", 0, 0, b"");
    assert!(!opened([again.clone()])[0].reopens);
    again.seq += 100_000;
    let roles = opened([again]);
    assert!(roles[0].reopens);
    assert_eq!(roles[0].numbers, Numbers::Next);
}

#[test]
fn only_a_pair_of_sockets_that_was_open_before_is_reopened() {
    let mut analysis = Analysis::default();
    let mut reopens = |port: u16, isn: u32| {
        let mut syn = client("SYN", 0, 0, b"");
        syn.seq += isn;
        syn.sockets = Some(SocketPair {
            source: ([127, 0, 0, 1], port).into(),
            destination: ([127, 0, 0, 1], 7000).into(),
        });
        analysis.next(&syn, false).reopens
    };
    assert!(!reopens(40_001, 0));
    assert!(!reopens(40_002, 7));
    assert!(reopens(40_001, 9));
    assert!(reopens(40_002, 11));
}
