//! The replay against the rows of the transition table, and in whole sessions.

use proptest::prelude::*;

use super::State::*;
use super::*;
use crate::tcp::arbitrary;
use crate::tcp::sample::{CLIENT_ISN, client, itself, server, session};

/// What happens in a row of the tables.
enum Do {
    Call(Party, Call),
    Sent(Segment),
    Gets(Segment),
    Whole(Segment),
}
use Do::{Gets, Sent, Whole};

fn play(replay: &mut Replay, steps: Vec<Do>) {
    for step in steps {
        match step {
            Do::Call(party, call) => replay.call(party, call),
            Do::Sent(segment) => replay.sent(&segment),
            Do::Gets(segment) => replay.delivered(&segment),
            Do::Whole(segment) => replay.segment(&segment),
        }
    }
}

fn listening() -> Replay {
    let mut replay = Replay::new();
    replay.call(Party::Server, Call::Listen { backlog: 5 });
    replay
}

/// A replay whose client is in `state`, having gone there by an active OPEN; both have sent no data.
fn client_in(state: State) -> Replay {
    let mut replay = listening();
    let fin = || client("FIN ACK", 1, 1, b"");
    let open = || session(b"").into_iter().take(3).map(Whole);
    let steps: Vec<Do> = match state {
        Closed => vec![],
        SynSent => vec![Sent(client("SYN", 0, 0, b""))],
        SynReceived => vec![
            Sent(client("SYN", 0, 0, b"")),
            Gets(server("SYN", 0, 0, b"")),
            Sent(client("SYN ACK", 0, 1, b"")),
        ],
        Established => open().collect(),
        FinWait1 => open().chain([Sent(fin())]).collect(),
        FinWait2 => open().chain([Sent(fin()), Gets(server("ACK", 1, 2, b""))]).collect(),
        CloseWait => open().chain([Whole(server("FIN ACK", 1, 1, b""))]).collect(),
        Closing => open()
            .chain([Sent(fin()), Gets(server("FIN ACK", 1, 1, b""))])
            .collect(),
        LastAck => open()
            .chain([Whole(server("FIN ACK", 1, 1, b"")), Sent(client("FIN ACK", 1, 2, b""))])
            .collect(),
        TimeWait => open()
            .chain([Sent(fin()), Gets(server("FIN ACK", 1, 2, b""))])
            .collect(),
        Listen => unreachable!("a client does not listen"),
    };
    play(&mut replay, steps);
    assert_eq!(replay.state(Party::Client), state);
    replay
}

/// A replay whose server is in SYN-RECEIVED, from LISTEN.
fn passive_syn_received() -> Replay {
    let mut replay = listening();
    play(
        &mut replay,
        vec![Whole(client("SYN", 0, 0, b"")), Sent(server("SYN ACK", 0, 1, b""))],
    );
    assert_eq!(replay.state(Party::Server), SynReceived);
    replay
}

#[test]
fn the_client_moves_as_the_transition_table_says() {
    use Party::Client;
    let peer = server;
    // Transition, from, what happens, to.
    let rows: Vec<(&str, State, Do, State)> = vec![
        ("T2", Closed, Sent(client("SYN", 0, 0, b"")), SynSent),
        ("T6", SynSent, Do::Call(Client, Call::Close { read: 0 }), Closed),
        ("T7", SynSent, Gets(peer("SYN", 0, 0, b"")), SynReceived),
        ("T8", SynSent, Gets(peer("SYN ACK", 0, 1, b"")), Established),
        ("T9", SynReceived, Gets(peer("ACK", 1, 1, b"")), Established),
        (
            "T9, figure 7",
            SynReceived,
            Gets(peer("SYN ACK", 0, 1, b"")),
            Established,
        ),
        ("T11", SynReceived, Sent(client("FIN ACK", 1, 1, b"")), FinWait1),
        ("T12", Established, Sent(client("FIN ACK", 1, 1, b"")), FinWait1),
        ("T13", Established, Gets(peer("FIN ACK", 1, 1, b"")), CloseWait),
        ("T14", FinWait1, Gets(peer("ACK", 1, 2, b"")), FinWait2),
        ("T14 not yet", FinWait1, Gets(peer("ACK", 1, 1, b"")), FinWait1),
        ("T15", FinWait1, Gets(peer("FIN ACK", 1, 1, b"")), Closing),
        ("T16", FinWait2, Gets(peer("FIN ACK", 1, 2, b"")), TimeWait),
        ("T17", CloseWait, Sent(client("FIN ACK", 1, 2, b"")), LastAck),
        ("T18", Closing, Gets(peer("ACK", 2, 2, b"")), TimeWait),
        ("T19", LastAck, Gets(peer("ACK", 2, 2, b"")), Closed),
        ("T21", FinWait1, Gets(peer("FIN ACK", 1, 2, b"")), TimeWait),
        ("T22", SynReceived, Gets(peer("RST", 1, 0, b"")), Closed),
        ("T23", SynSent, Gets(peer("RST ACK", 0, 1, b"")), Closed),
        ("T24", Established, Gets(peer("RST", 1, 0, b"")), Closed),
        ("T25", FinWait1, Gets(peer("RST", 1, 0, b"")), Closed),
        ("T26", FinWait2, Gets(peer("RST", 1, 0, b"")), Closed),
        ("T27", CloseWait, Gets(peer("RST", 2, 0, b"")), Closed),
        ("T27, one below", CloseWait, Gets(peer("RST", 1, 0, b"")), Closed),
        ("T28", Closing, Gets(peer("RST", 2, 0, b"")), Closed),
        ("T29", LastAck, Gets(peer("RST", 2, 0, b"")), Closed),
        ("T30", TimeWait, Gets(peer("RST", 2, 0, b"")), Closed),
        ("T32", SynSent, Do::Call(Client, Call::Abort), Closed),
        ("T33", SynReceived, Sent(client("RST ACK", 1, 1, b"")), Closed),
        ("T34", Established, Sent(client("RST ACK", 1, 1, b"")), Closed),
        ("T35", FinWait1, Sent(client("RST ACK", 2, 1, b"")), Closed),
        ("T36", FinWait2, Sent(client("RST ACK", 2, 1, b"")), Closed),
        ("T37", CloseWait, Sent(client("RST ACK", 1, 2, b"")), Closed),
        ("T38", Closing, Do::Call(Client, Call::Abort), Closed),
        ("T39", LastAck, Do::Call(Client, Call::Abort), Closed),
        ("T40, Linux", TimeWait, Do::Call(Client, Call::Abort), TimeWait),
        ("T42", SynSent, Do::Call(Client, Call::Failed), Closed),
        ("T44", Established, Do::Call(Client, Call::Failed), Closed),
        (
            "T112",
            SynSent,
            Do::Call(Client, Call::Unreachable { passive: false }),
            Closed,
        ),
        (
            "T114",
            Established,
            Do::Call(Client, Call::Unreachable { passive: true }),
            Established,
        ),
        ("T50", SynSent, Sent(client("SYN", 0, 0, b"")), SynSent),
        ("T51", SynReceived, Sent(client("SYN ACK", 0, 1, b"")), SynReceived),
        ("T54", FinWait1, Sent(client("FIN ACK", 1, 1, b"")), FinWait1),
        ("T55", Closing, Sent(client("FIN ACK", 1, 2, b"")), Closing),
        ("T56", LastAck, Sent(client("FIN ACK", 1, 2, b"")), LastAck),
        ("T65", SynSent, Gets(peer("ACK", 1, 9, b"")), SynSent),
        ("T65, the answer", SynSent, Sent(client("RST", 9, 0, b"")), SynSent),
        ("T66", SynSent, Gets(peer("RST ACK", 0, 9, b"")), SynSent),
        ("T67", SynSent, Gets(peer("RST", 0, 0, b"")), SynSent),
        ("T68", SynSent, Gets(peer("ACK", 0, 1, b"")), SynSent),
        ("T69", SynSent, Gets(peer("FIN", 0, 0, b"")), SynSent),
        ("T70", SynSent, Gets(peer("SYN ACK", 0, 1, b"early")), Established),
        ("T71, Linux", SynSent, Gets(peer("SYN FIN ACK", 0, 1, b"")), Established),
        ("T75", SynReceived, Gets(peer("ACK", 1, 9, b"")), SynReceived),
        (
            "T75, the answer",
            SynReceived,
            Sent(client("RST", 9, 0, b"")),
            SynReceived,
        ),
        ("T76", SynReceived, Gets(peer("RST", 5, 0, b"")), SynReceived),
        ("T77", SynReceived, Gets(peer("SYN", 0, 0, b"")), SynReceived),
        ("T78", SynReceived, Gets(peer("FIN ACK", 1, 1, b"")), CloseWait),
        ("T79", Established, Gets(peer("PSH ACK", 1, 1, b"text")), Established),
        ("T80", Established, Gets(peer("FIN ACK", 5, 1, b"")), Established),
        ("T82", FinWait1, Gets(peer("ACK", 1, 9, b"")), FinWait1),
        ("T83", FinWait1, Gets(peer("FIN", 1, 0, b"")), FinWait1),
        ("T84", Established, Gets(peer("SYN", 90, 0, b"")), Established),
        ("T85", Established, Gets(peer("RST", 5, 0, b"")), Established),
        ("T86", Established, Gets(peer("RST", 1 << 30, 0, b"")), Established),
        ("T89", FinWait1, Gets(peer("PSH ACK", 1, 1, b"text")), FinWait1),
        ("T90", FinWait2, Gets(peer("PSH ACK", 1, 2, b"text")), FinWait2),
        ("T91", FinWait2, Gets(peer("SYN", 0, 0, b"")), FinWait2),
        ("T92", LastAck, Gets(peer("RST", 9, 0, b"")), LastAck),
        ("T93", CloseWait, Gets(peer("PSH ACK", 2, 1, b"late")), CloseWait),
        ("T94", CloseWait, Gets(peer("FIN ACK", 1, 1, b"")), CloseWait),
        ("T95", Closing, Gets(peer("FIN ACK", 1, 1, b"")), Closing),
        (
            "T95, acknowledging ours",
            Closing,
            Gets(peer("FIN ACK", 1, 2, b"")),
            TimeWait,
        ),
        ("T96", Closing, Gets(peer("ACK", 2, 1, b"")), Closing),
        ("T97", LastAck, Gets(peer("FIN ACK", 1, 1, b"")), LastAck),
        ("T98", LastAck, Gets(peer("ACK", 2, 1, b"")), LastAck),
        ("T99", TimeWait, Gets(peer("FIN ACK", 1, 2, b"")), TimeWait),
        ("T100", TimeWait, Gets(peer("PSH ACK", 1, 2, b"old")), TimeWait),
        ("T104", FinWait2, Do::Call(Client, Call::Close { read: 0 }), FinWait2),
        ("T116", CloseWait, Sent(client("RST ACK", 1, 2, b"")), Closed),
        ("T117", FinWait2, Sent(client("RST", 2, 0, b"")), Closed),
    ];
    for (id, from, step, to) in rows {
        let mut replay = client_in(from);
        play(&mut replay, vec![step]);
        assert_eq!(replay.state(Client), to, "{id} from {from}");
    }
}

#[test]
fn the_listener_moves_as_the_transition_table_says() {
    use Party::Server;
    let peer = client;
    // Transition, what happens to a listener, to.
    let rows: Vec<(&str, Do, State)> = vec![
        ("T3", Do::Call(Server, Call::CloseListener), Closed),
        ("T3, by close", Do::Call(Server, Call::Close { read: 0 }), Closed),
        ("T4", Sent(server("SYN", 0, 0, b"")), SynSent),
        ("T5", Gets(peer("SYN", 0, 0, b"")), SynReceived),
        ("T31", Do::Call(Server, Call::Abort), Closed),
        ("T60", Gets(peer("RST", 0, 0, b"")), Listen),
        ("T61", Gets(peer("ACK", 0, 1, b"")), Listen),
        ("T61, the answer", Sent(server("RST", 1, 0, b"")), Listen),
        ("T62", Gets(peer("PSH", 0, 0, b"text")), Listen),
        ("T63", Gets(peer("SYN", 0, 0, b"early")), SynReceived),
        ("T64, Linux", Gets(peer("SYN FIN", 0, 0, b"")), Listen),
    ];
    for (id, step, to) in rows {
        let mut replay = listening();
        play(&mut replay, vec![step]);
        assert_eq!(replay.state(Server), to, "{id}");
    }
    let rows: Vec<(&str, Do, State)> = vec![
        ("T9", Gets(peer("ACK", 1, 1, b"")), Established),
        ("T10", Gets(peer("RST", 1, 0, b"")), Listen),
        ("T43", Do::Call(Server, Call::Failed), Closed),
        ("ICMP", Do::Call(Server, Call::Unreachable { passive: true }), Listen),
        (
            "ICMP of the other kinds",
            Do::Call(Server, Call::Unreachable { passive: false }),
            SynReceived,
        ),
        ("T72", Gets(peer("SYN", 9, 0, b"")), Listen),
        ("T73", Gets(peer("SYN", 0, 0, b"")), SynReceived),
        ("T74", Gets(peer("ACK", 0, 1, b"")), SynReceived),
        ("T74, ahead", Gets(peer("FIN ACK", 1 << 20, 1, b"")), SynReceived),
        ("T74, a SYN", Gets(peer("SYN", 1 << 20, 0, b"")), SynReceived),
    ];
    for (id, step, to) in rows {
        let mut replay = passive_syn_received();
        play(&mut replay, vec![step]);
        assert_eq!(replay.state(Server), to, "{id}");
    }
    let mut replay = Replay::new();
    for segment in [
        peer("SYN", 0, 0, b""),
        server("RST ACK", 0, 1, b""),
        peer("RST", 1, 0, b""),
    ] {
        replay.segment(&segment);
        assert_eq!(replay.state(Server), Closed, "T57, T58, T59");
    }
}

#[test]
fn time_wait_takes_a_new_connection_when_its_listener_answers() {
    let mut replay = listening();
    let mirrored = [
        client("SYN", 0, 0, b""),
        server("SYN ACK", 0, 1, b""),
        client("ACK", 1, 1, b""),
        server("FIN ACK", 1, 1, b""),
        client("FIN ACK", 1, 2, b""),
        server("ACK", 2, 2, b""),
    ];
    mirrored.iter().for_each(|segment| replay.segment(segment));
    assert_eq!(replay.state(Party::Server), TimeWait);
    assert_eq!(replay.state(Party::Client), Closed);
    // T101.
    replay.segment(&client("SYN", 9_000, 0, b""));
    assert_eq!(replay.state(Party::Server), TimeWait);
    replay.segment(&server("SYN ACK", 70_000, 9_001, b""));
    assert_eq!(replay.state(Party::Server), SynReceived);
    replay.segment(&client("ACK", 9_001, 70_001, b""));
    assert_eq!(replay.state(Party::Server), Established);
    assert_eq!(replay.state(Party::Client), Established);
}

#[test]
fn a_syn_that_the_listener_dropped_leaves_it_free_for_the_next() {
    let mut replay = listening();
    replay.segment(&client("SYN", 0, 0, b""));
    replay.call(Party::Client, Call::Failed);
    for segment in [
        client("SYN", 7_000, 0, b""),
        server("SYN ACK", 0, 7_001, b""),
        client("ACK", 7_001, 1, b""),
    ] {
        replay.segment(&segment);
        assert_ne!(replay.state(Party::Server), Listen);
    }
    assert_eq!(replay.state(Party::Server), Established);
}

#[test]
fn the_basic_session_goes_through_the_states_of_figures_5_and_12() {
    let mut replay = listening();
    let states: Vec<String> = session(b"Hello World!")
        .iter()
        .map(|segment| {
            replay.segment(segment);
            format!("{} {}", replay.state(Party::Client), replay.state(Party::Server))
        })
        .collect();
    assert_eq!(
        states,
        [
            "SYN-SENT SYN-RECEIVED",
            "ESTABLISHED SYN-RECEIVED",
            "ESTABLISHED ESTABLISHED",
            "ESTABLISHED ESTABLISHED",
            "ESTABLISHED ESTABLISHED",
            "ESTABLISHED ESTABLISHED",
            "ESTABLISHED ESTABLISHED",
            "FIN-WAIT-1 CLOSE-WAIT",
            "FIN-WAIT-2 CLOSE-WAIT",
            "TIME-WAIT LAST-ACK",
            "TIME-WAIT CLOSED",
        ]
    );
}

#[test]
fn crossing_fins_lead_both_ends_through_closing_to_time_wait() {
    let mut replay = client_in(Established);
    let (ours, theirs) = (client("FIN ACK", 1, 1, b""), server("FIN ACK", 1, 1, b""));
    play(
        &mut replay,
        vec![Sent(ours.clone()), Sent(theirs.clone()), Gets(ours), Gets(theirs)],
    );
    assert_eq!(replay.state(Party::Client), Closing);
    assert_eq!(replay.state(Party::Server), Closing);
    replay.segment(&client("ACK", 2, 2, b""));
    replay.segment(&server("ACK", 2, 2, b""));
    assert_eq!(replay.state(Party::Client), TimeWait);
    assert_eq!(replay.state(Party::Server), TimeWait);
}

#[test]
fn a_socket_connected_to_itself_goes_the_way_of_simultaneous_open_and_close() {
    let mut replay = Replay::new();
    // As Linux sends it.
    let transcript = [
        (itself("SYN", 0, 0, b""), SynReceived),
        (itself("SYN ACK", 0, 1, b""), Established),
        (itself("ACK", 1, 1, b""), Established),
        (itself("PSH ACK", 1, 1, b"Hello World!"), Established),
        (itself("ACK", 13, 13, b""), Established),
        (itself("FIN ACK", 13, 13, b""), Closing),
        (itself("ACK", 14, 14, b""), TimeWait),
    ];
    for (segment, state) in transcript {
        replay.segment(&segment);
        assert_eq!(replay.state(Party::Client), state, "{}", segment.flags);
        assert_eq!(replay.state(Party::Server), Closed);
    }
}

#[test]
fn a_listener_is_shown_only_while_there_is_no_connection() {
    let mut replay = listening();
    assert_eq!(replay.state(Party::Server), Listen);
    session(b"x").iter().for_each(|segment| replay.segment(segment));
    assert_eq!(replay.state(Party::Server), Closed);
    // The listener is still there and takes the next one.
    replay.segment(&client("SYN", 5_000, 0, b""));
    assert_eq!(replay.state(Party::Server), SynReceived);
}

#[test]
fn a_fin_beyond_a_gap_counts_when_the_gap_is_filled() {
    let mut replay = client_in(Established);
    let (first, second, fin) = (
        server("ACK", 1, 1, b"abc"),
        server("ACK", 4, 1, b"def"),
        server("FIN ACK", 7, 1, b""),
    );
    play(&mut replay, vec![Sent(first.clone()), Gets(second), Gets(fin)]);
    assert_eq!(replay.state(Party::Client), Established);
    replay.delivered(&first);
    assert_eq!(replay.state(Party::Client), CloseWait);
}

#[test]
fn a_rst_at_the_end_of_data_beyond_a_gap_is_taken() {
    let mut replay = client_in(Established);
    replay.delivered(&server("ACK", 4, 1, b"def"));
    replay.delivered(&server("RST ACK", 7, 1, b""));
    assert_eq!(replay.state(Party::Client), Closed);
}

#[test]
fn data_of_a_syn_counts_only_when_it_is_acknowledged() {
    let mut replay = listening();
    replay.segment(&client("SYN", 0, 0, b"early"));
    replay.segment(&server("SYN ACK", 0, 1, b""));
    replay.segment(&client("ACK", 1, 1, b""));
    replay.delivered(&client("FIN ACK", 1, 1, b"early"));
    assert_eq!(replay.state(Party::Server), CloseWait);
}

#[test]
fn a_handshake_that_the_kernel_did_not_take_begins_anew() {
    let mut replay = passive_syn_received();
    replay.segment(&client("ACK", 1, 1, b""));
    assert_eq!(replay.state(Party::Server), Established);
    // The accept queue was full, or the socket defers its accept: the server repeats its SYN,ACK.
    replay.segment(&server("SYN ACK", 0, 1, b""));
    assert_eq!(replay.state(Party::Server), SynReceived);
    assert_eq!(replay.state(Party::Client), Established);
    replay.segment(&client("ACK", 1, 1, b""));
    assert_eq!(replay.state(Party::Server), Established);
}

#[test]
fn a_close_changes_the_state_although_the_fin_waits() {
    use Party::Client;
    // The peer's window holds queued data back, and with it the FIN.
    for call in [Call::Close { read: 0 }, Call::CloseWriting] {
        let mut replay = client_in(Established);
        replay.call(Client, call);
        assert_eq!(replay.state(Client), FinWait1);
        // An acknowledgment of all that was sent so far is none of the FIN.
        replay.segment(&server("ACK", 1, 1, b""));
        assert_eq!(replay.state(Client), FinWait1);
        replay.segment(&client("FIN ACK", 1, 1, b"queued"));
        assert_eq!(replay.state(Client), FinWait1);
        replay.segment(&server("ACK", 1, 8, b""));
        assert_eq!(replay.state(Client), FinWait2);
        let mut replay = client_in(CloseWait);
        replay.call(Client, call);
        assert_eq!(replay.state(Client), LastAck);
    }
}

#[test]
fn a_close_with_unread_data_waits_for_its_rst() {
    for (read, state) in [(2, Established), (3, FinWait1)] {
        let mut replay = client_in(Established);
        replay.segment(&server("PSH ACK", 1, 1, b"abc"));
        replay.call(Party::Client, Call::Close { read });
        assert_eq!(replay.state(Party::Client), state, "{read} of 3 octets read");
    }
    // The FIN is nothing that could be read.
    let mut replay = client_in(CloseWait);
    replay.call(Party::Client, Call::Close { read: 0 });
    assert_eq!(replay.state(Party::Client), LastAck);
    // Nor is data beyond a gap.
    let mut replay = client_in(Established);
    replay.delivered(&server("PSH ACK", 4, 1, b"def"));
    replay.call(Party::Client, Call::Close { read: 0 });
    assert_eq!(replay.state(Party::Client), FinWait1);
}

#[test]
fn in_syn_received_a_close_counts_at_once_and_a_half_close_later() {
    use Party::Client;
    let mut replay = client_in(SynReceived);
    replay.call(Client, Call::Close { read: 0 });
    assert_eq!(replay.state(Client), FinWait1);
    let mut replay = client_in(SynReceived);
    replay.call(Client, Call::CloseWriting);
    assert_eq!(replay.state(Client), SynReceived);
    replay.delivered(&server("SYN ACK", 0, 1, b""));
    assert_eq!(replay.state(Client), FinWait1);
}

/// A session in which the client offers a window of so many octets, scaled by 2^7 when both SYNs have the option.
fn client_offers(window: u16, scaled: bool) -> Replay {
    let mut replay = listening();
    for mut segment in session(b"").into_iter().take(3) {
        if !scaled && segment.from == Party::Server {
            segment.options.clear();
        }
        if segment.from == Party::Client {
            segment.window = window;
        }
        replay.segment(&segment);
    }
    replay
}

#[test]
fn what_lies_beyond_the_window_is_not_held() {
    for (window, scaled, first_beyond) in [(3, false, 4), (3, true, 385)] {
        for (seq, state) in [(first_beyond - 1, CloseWait), (first_beyond, Established)] {
            let mut replay = client_offers(window, scaled);
            replay.delivered(&server("FIN ACK", seq, 1, b""));
            assert_eq!(replay.state(Party::Client), Established, "before the gap is filled");
            let text = vec![b'x'; seq as usize - 1];
            replay.delivered(&server("ACK", 1, 1, &text));
            assert_eq!(
                replay.state(Party::Client),
                state,
                "window {window}, scaled {scaled}, FIN {seq}"
            );
        }
    }
}

#[test]
fn an_acknowledgment_beyond_the_window_is_not_taken() {
    for (seq, state) in [(4, FinWait2), (5, FinWait1)] {
        let mut replay = client_offers(3, false);
        let mut fin = client("FIN ACK", 1, 1, b"");
        fin.window = 3;
        replay.sent(&fin);
        replay.delivered(&server("ACK", seq, 2, b""));
        assert_eq!(replay.state(Party::Client), state, "SEQ {seq}");
    }
}

#[test]
fn what_is_acknowledged_beyond_the_window_was_taken_all_the_same() {
    let mut replay = client_offers(3, false);
    replay.delivered(&server("FIN ACK", 1, 1, b"abc"));
    assert_eq!(replay.state(Party::Client), Established);
    replay.sent(&client("ACK", 1, 5, b""));
    assert_eq!(replay.state(Party::Client), CloseWait);
}

#[test]
fn a_full_accept_queue_drops_a_syn_until_a_connection_is_accepted() {
    use Party::Server;
    let mut replay = Replay::new();
    replay.call(Server, Call::Listen { backlog: 0 });
    // Linux lets one more wait than the backlog says; a reset does not take it out of the queue.
    let first = session(b"").into_iter().take(3);
    first.for_each(|segment| replay.segment(&segment));
    assert_eq!(replay.state(Server), Established);
    replay.segment(&client("RST ACK", 1, 1, b""));
    let next = client("SYN", 9_000, 0, b"");
    replay.segment(&next);
    assert_eq!((replay.state(Server), replay.overflows(Server)), (Closed, 1));
    replay.call(Server, Call::Accept);
    replay.segment(&next);
    assert_eq!((replay.state(Server), replay.overflows(Server)), (SynReceived, 1));
}

#[test]
fn a_full_accept_queue_drops_the_ack_of_a_handshake() {
    use Party::Server;
    let mut replay = Replay::new();
    replay.call(Server, Call::Listen { backlog: 0 });
    replay.server.listener.queue();
    replay.segment(&client("SYN", 0, 0, b""));
    assert_eq!(replay.state(Server), Listen);
    replay.call(Server, Call::Accept);
    for segment in &session(b"")[..2] {
        replay.segment(segment);
    }
    // Another connection got in before.
    replay.server.listener.queue();
    replay.segment(&client("ACK", 1, 1, b""));
    assert_eq!((replay.state(Server), replay.overflows(Server)), (SynReceived, 2));
    replay.call(Server, Call::Accept);
    replay.segment(&client("ACK", 1, 1, b""));
    assert_eq!(replay.state(Server), Established);
}

#[test]
fn who_waits_in_accept_takes_the_connection_out_of_the_queue() {
    use Party::Server;
    let mut replay = Replay::new();
    replay.call(Server, Call::Listen { backlog: 0 });
    replay.call(Server, Call::Accept);
    session(b"").iter().for_each(|segment| replay.segment(segment));
    replay.segment(&client("SYN", 9_000, 0, b""));
    assert_eq!(replay.state(Server), SynReceived);
}

proptest! {
    #[test]
    fn states_do_not_depend_on_the_initial_numbers(
        segments in arbitrary::session(),
        client_shift: u32,
        server_shift: u32,
    ) {
        let (mut plain, mut shifted) = (listening(), listening());
        for segment in &segments {
            plain.segment(segment);
            shifted.segment(&arbitrary::shifted(segment, client_shift, server_shift));
            for party in Party::ALL {
                prop_assert_eq!(plain.state(party), shifted.state(party));
            }
        }
    }

    #[test]
    fn any_segments_can_be_replayed(segments in arbitrary::segments()) {
        let mut replay = listening();
        for segment in &segments {
            replay.segment(segment);
        }
    }
}

#[test]
fn the_sample_numbers_wrap() {
    assert!(CLIENT_ISN.0.checked_add(13).is_none());
}
