//! The driver in clear text: order, cancellation, back-pressure, clocks and ends.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use mailtls::{
    Connection, Error, Tls, Turn,
    drive::{Limits, Room},
};
use mailwire_core::machine::{Eof, Machine, Patience, Side, Step, TlsInfo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    time::{Instant, sleep},
};

use crate::support::{
    cut::{Cut, Dice, Wire, impatient, wire},
    lines::{Client, Event, Fault, Server},
    tls,
};

const MINUTE: Duration = Duration::from_secs(60);

/// A server that answers each line with the same line.
async fn echo<IO>(connection: &mut Connection<Server, IO>) -> Result<Vec<Event>, Error<Fault>>
where
    IO: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut events = Vec::new();
    while let Some(event) = connection.next_event().await? {
        match &event {
            Event::Line(line) => connection.machine().answer(&format!("250 {line}")),
            Event::BodyEnd => connection.machine().answer("250 stored"),
            Event::Body(_) | Event::TlsStarted => {}
        }
        events.push(event);
    }
    Ok(events)
}

fn server(machine: Server) -> (Connection<Server, Wire>, crate::support::cut::Hand) {
    let (wire, hand) = wire();
    (Connection::new(wire, machine, Tls::none()), hand)
}

/// A server that gives a peer so long for each line.
fn hurried(limit: Duration, floor: u32) -> (Connection<Server, Wire>, crate::support::cut::Hand) {
    let mut machine = Server::new();
    machine.core.patience = Some(limit);
    machine.core.floor = floor;
    server(machine)
}

#[tokio::test]
async fn a_dialogue_from_greeting_to_goodbye() {
    let (ours, theirs) = duplex(16);
    let mut client = Connection::new(ours, Client::new(), Tls::none());
    let mut server = Connection::new(theirs, Server::new(), Tls::none());
    let talk = async {
        assert_eq!(client.turn().await, Ok(Event::line("220 ready")));
        client.machine().send("hello");
        client.machine().send("QUIT");
        assert_eq!(client.turn().await, Ok(Event::line("250 hello")));
        assert_eq!(client.turn().await, Ok(Event::line("221 bye")));
        assert_eq!(client.turn().await, Ok(Turn::Closed));
        assert_eq!(client.turn().await, Ok(Turn::Closed), "the end stays");
        assert_eq!(client.next_event().await, Ok(None));
    };
    let (served, ()) = tokio::join!(echo(&mut server), talk);
    assert_eq!(served.unwrap(), [Event::Line("hello".to_owned())]);
}

#[tokio::test]
async fn all_1_cancelled_futures_and_cut_sockets_lose_nothing() {
    for seed in 0..1000 {
        let mut dice = Dice::new(seed);
        // A handshake costs a millisecond, so every tenth dialogue has one. A TLS library does not
        // read while it has something to write, so there it is only the passes that are small.
        let encrypted = seed % 10 == 0;
        let room = 1 + dice.roll(64);
        let (ours, theirs) = duplex(if encrypted { 4096 } else { room });
        let most = 1 + dice.roll(40);
        let ours = Cut::new(ours, seed, most);
        let theirs = Cut::new(theirs, seed + 7, most);
        let mut client = Connection::new(ours, Client::new(), tls::client());
        let mut server = Connection::new(theirs, Server::new(), tls::server());
        let lines: Vec<String> = (0..dice.roll(12)).map(|n| format!("line {n}")).collect();

        let mut server_dice = dice.clone();
        let serve = async {
            let mut seen = Vec::new();
            loop {
                let polls = server_dice.roll(4);
                let Some(turn) = impatient(server.turn(), polls).await else {
                    continue;
                };
                let turn = turn.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
                match turn {
                    Turn::Event(Event::Line(line)) => {
                        server.machine().answer(&format!("250 {line}"));
                        seen.push(line);
                    }
                    Turn::Event(Event::BodyEnd) => server.machine().answer("250 stored"),
                    Turn::Event(_) | Turn::Room => {}
                    Turn::Closed => return seen,
                }
            }
        };
        let talk = async {
            let mut heard = Vec::new();
            let (mut written, mut ended) = (0, false);
            loop {
                let polls = dice.roll(4);
                if dice.roll(8) == 0 && impatient(client.flush(), polls).await.is_none() {
                    continue;
                }
                let Some(turn) = impatient(client.turn(), polls).await else {
                    continue;
                };
                let turn = turn.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
                match turn {
                    Turn::Event(Event::Line(line)) => {
                        let first = if encrypted { "STARTTLS" } else { "BODY" };
                        match line.as_str() {
                            "220 ready" => client.machine().send(first),
                            "354 send" => {}
                            "250 stored" => {
                                lines.iter().for_each(|line| client.machine().send(line));
                                client.machine().send("QUIT");
                            }
                            _ => heard.push(line),
                        }
                    }
                    Turn::Event(Event::TlsStarted) => client.machine().send("BODY"),
                    Turn::Room if written < 300 => {
                        client.machine().write_body(Bytes::from(vec![b'x'; 50]));
                        written += 50;
                    }
                    Turn::Room => {
                        client.machine().end_body();
                        ended = true;
                    }
                    Turn::Event(event) => panic!("{event:?}"),
                    Turn::Closed => return (heard, ended),
                }
            }
        };
        let (seen, (heard, ended)) = tokio::join!(serve, talk);
        assert!(ended, "seed {seed}");
        assert_eq!(seen, lines, "seed {seed}");
        let mut expected: Vec<String> = lines.iter().map(|line| format!("250 {line}")).collect();
        expected.push("221 bye".to_owned());
        assert_eq!(heard, expected, "seed {seed}");
        assert_eq!(
            client.machine().core.tls.is_some(),
            encrypted,
            "seed {seed}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn dos_1_a_silent_peer_is_closed_at_its_deadline() {
    let (mut connection, hand) = hurried(MINUTE, 0);
    let begin = Instant::now();
    let outcome = connection.turn().await;
    assert_eq!(outcome, Err(Error::Protocol(Fault::Late)));
    // The peer is told, and then given a moment to close on its side.
    assert_eq!(begin.elapsed().as_secs(), 60 + 2);
    assert_eq!(hand.heard(), b"220 ready\r\n421 too slow\r\n");
    assert!(
        hand.is_shut_down() && hand.is_alone(),
        "the socket is free again"
    );
}

#[tokio::test(start_paused = true)]
async fn dos_2_a_drip_of_octets_gains_nothing() {
    let (mut connection, hand) = hurried(MINUTE, 0);
    let begin = Instant::now();
    let drip = async {
        loop {
            sleep(Duration::from_secs(10)).await;
            hand.say(b"N");
        }
    };
    tokio::select! {
        outcome = connection.turn() => assert_eq!(outcome, Err(Error::Protocol(Fault::Late))),
        () = drip => {}
    }
    assert!(
        (60..=62).contains(&begin.elapsed().as_secs()),
        "{:?}",
        begin.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn dos_2_a_peer_that_goes_on_sending_whole_lines_lives() {
    let (mut connection, hand) = hurried(MINUTE, 0);
    let talk = async {
        for _ in 0..20 {
            sleep(Duration::from_secs(50)).await;
            hand.say(b"NOOP\r\n");
        }
        hand.say(b"QUIT\r\n");
        hand.close();
    };
    let (events, ()) = tokio::join!(echo(&mut connection), talk);
    assert_eq!(events.unwrap().len(), 20);
}

#[tokio::test(start_paused = true)]
async fn dos_2_bulk_data_has_a_floor_rate() {
    for (per_second, lives) in [(9, false), (11, true)] {
        let (mut connection, hand) = hurried(MINUTE, 10);
        hand.say(b"BODY\r\n");
        let begin = Instant::now();
        let send = async {
            for _ in 0..600 {
                sleep(Duration::from_secs(1)).await;
                hand.say(&vec![b'x'; per_second]);
            }
            hand.say(b"\r\n.\r\nQUIT\r\n");
            hand.close();
        };
        let (events, ()) = tokio::join!(echo(&mut connection), send);
        match events {
            Ok(events) => {
                assert!(lives);
                assert_eq!(events.last(), Some(&Event::BodyEnd));
            }
            Err(error) => {
                assert!(!lives);
                assert_eq!(error, Error::Protocol(Fault::Late));
            }
        }
        assert_eq!(begin.elapsed().as_secs(), 600);
    }
}

#[tokio::test(start_paused = true)]
async fn the_applications_time_is_not_on_the_peers_clock() {
    let (mut connection, hand) = hurried(MINUTE, 1);
    hand.say(b"BODY\r\n12345678");
    assert_eq!(connection.turn().await, Ok(Turn::Event(Event::Body(4))));
    sleep(10 * MINUTE).await;
    hand.say(b"9");
    // The machine's patience is the same as ten minutes ago: only waiting counts.
    assert_eq!(connection.turn().await, Ok(Turn::Event(Event::Body(1))));
    let dropped = impatient(connection.next_event(), 1).await;
    assert!(dropped.is_none());
    connection.during(sleep(10 * MINUTE)).await;
    hand.say(b"\r\n.\r\n");
    assert!(matches!(
        connection.turn().await,
        Ok(Turn::Event(Event::Body(_)))
    ));
    assert_eq!(connection.machine().core.timeouts, 0);
}

#[tokio::test(start_paused = true)]
async fn dos_17_a_stall_at_each_line_ends_at_the_deadline() {
    let script: [&[u8]; 3] = [b"220 ready\r\n", b"250 one\r\n", b"250 two\r\n"];
    for stall in 0..script.len() {
        for cut in 0..2 {
            let (wire, hand) = wire();
            let mut machine = Client::new();
            machine.core.patience = Some(MINUTE);
            let mut client = Connection::new(wire, machine, Tls::none());
            script[..stall].iter().for_each(|line| hand.say(line));
            // Half a line and then silence is a stall as well.
            hand.say(&script[stall][..cut * 4]);
            let begin = Instant::now();
            for _ in 0..stall {
                assert!(matches!(
                    client.turn().await,
                    Ok(Turn::Event(Event::Line(_)))
                ));
                client.machine().send("next");
            }
            // A future that is dropped changes nothing about the deadline.
            for _ in 0..5 {
                assert!(impatient(client.turn(), 0).await.is_none());
            }
            assert_eq!(client.turn().await, Err(Error::Protocol(Fault::Late)));
            assert_eq!(begin.elapsed().as_secs(), 60, "stall {stall}");
            assert!(client.machine().core.steps < 50, "no spin");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn dos_17_a_total_deadline_cancels() {
    let (wire, hand) = wire();
    let mut client = Connection::new(wire, Client::new(), Tls::none());
    let outcome = tokio::time::timeout(MINUTE, client.turn()).await;
    assert!(
        outcome.is_err(),
        "the machine has no clock, the application has"
    );
    drop(client);
    assert!(hand.is_alone());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_given_up() {
    for window in [0, 1] {
        let (mut connection, hand) = server(Server::new());
        hand.set_room(0);
        let begin = Instant::now();
        let open = async {
            loop {
                sleep(Duration::from_secs(1)).await;
                // A window that opens by an octet a second is no progress either.
                hand.set_room(window);
            }
        };
        for _ in 0..100 {
            hand.say(b"a line that is sent back\r\n");
        }
        tokio::select! {
            outcome = echo(&mut connection) => assert_eq!(outcome, Err(Error::WriteStalled)),
            () = open => {}
        }
        assert_eq!(begin.elapsed().as_secs(), 180);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_takes_no_command_while_its_replies_are_not_read() {
    let (mut connection, hand) = server(Server::new());
    hand.set_room(0);
    for _ in 0..100_000 {
        hand.say(b"a line that is sent back\r\n");
    }
    let mut events = 0;
    let stalled = async {
        while let Ok(Some(_)) = connection.next_event().await {
            connection.machine().answer("250 a line that is sent back");
            events += 1;
        }
    };
    assert!(tokio::time::timeout(MINUTE, stalled).await.is_err());
    assert!(!connection.has_room());
    assert!((1000..5000).contains(&events), "{events}");
    // With room again it goes on where it stopped.
    hand.set_room(usize::MAX);
    assert!(matches!(connection.turn().await, Ok(Turn::Event(_))));
    assert!(connection.has_room());
}

#[tokio::test]
async fn a_client_reads_while_it_writes() {
    // Neither side's replies and commands fit into the pipes, so who only writes waits for ever.
    let (ours, theirs) = duplex(64);
    let mut client = Connection::new(ours, Client::new(), Tls::none());
    let mut limits = Limits::default();
    limits.queue = 128;
    let mut server = Connection::new(theirs, Server::silent(), Tls::none()).with_limits(limits);
    for n in 0..1000 {
        client.machine().send(&format!("line {n}"));
    }
    client.machine().send("QUIT");
    let talk = async {
        let mut heard = 0;
        while let Some(event) = client.next_event().await.unwrap() {
            heard += usize::from(matches!(event, Event::Line(_)));
        }
        heard
    };
    let (served, heard) = tokio::join!(echo(&mut server), talk);
    assert_eq!((served.unwrap().len(), heard), (1000, 1001));
}

#[tokio::test]
async fn what_was_said_is_read_although_writing_fails() {
    let (ours, mut theirs) = duplex(64);
    let mut client = Connection::new(ours, Client::new(), Tls::none());
    theirs.write_all(b"421 going down\r\n").await.unwrap();
    drop(theirs);
    client.machine().send("hello");
    assert_eq!(client.turn().await, Ok(Event::line("421 going down")));
    assert_eq!(client.turn().await, Ok(Turn::Closed));
}

#[tokio::test]
async fn room_is_told_while_a_body_is_open() {
    let (ours, theirs) = duplex(1024);
    let mut client = Connection::new(ours, Client::new(), Tls::none());
    let mut server = Connection::new(theirs, Server::silent(), Tls::none());
    client.machine().send("BODY");
    let talk = async {
        assert_eq!(client.turn().await, Ok(Event::line("354 send")));
        let mut rooms = 0;
        while client.turn().await == Ok(Turn::Room) {
            rooms += 1;
            if rooms == 100 {
                client.machine().end_body();
                break;
            }
            client.machine().write_body(Bytes::from(vec![b'x'; 10_000]));
        }
        assert_eq!(client.turn().await, Ok(Event::line("250 stored")));
        drop(client);
    };
    let (events, ()) = tokio::join!(echo(&mut server), talk);
    let octets: usize = events
        .unwrap()
        .iter()
        .map(|event| match event {
            Event::Body(octets) => *octets,
            _ => 0,
        })
        .sum();
    assert_eq!(octets, 990_000);
}

#[tokio::test]
async fn next_event_never_tells_of_room() {
    let (wire, hand) = wire();
    let mut client = Connection::new(wire, Client::new(), Tls::none());
    hand.say(b"354 send\r\n");
    assert_eq!(
        client.next_event().await,
        Ok(Some(Event::Line("354 send".to_owned())))
    );
    assert!(impatient(client.next_event(), 3).await.is_none());
    let room = poll_fn(|cx| client.poll_turn(cx, Room::Told)).await;
    assert_eq!(room, Ok(Turn::Room));
}

#[tokio::test]
async fn during_goes_on_sending() {
    let (mut connection, hand) = server(Server::silent());
    hand.say(b"one\r\ntwo\r\n");
    assert_eq!(connection.turn().await, Ok(Event::line("one")));
    connection.machine().answer("250 one");
    assert_eq!(connection.turn().await, Ok(Event::line("two")));
    assert_eq!(
        hand.heard(),
        b"",
        "replies wait for one another, to share a segment"
    );
    let mut polls = 0;
    let check = poll_fn(|cx| {
        polls += 1;
        cx.waker().wake_by_ref();
        if polls == 3 {
            Poll::Ready("fine")
        } else {
            Poll::Pending
        }
    });
    assert_eq!(connection.during(check).await, "fine");
    assert_eq!(hand.heard(), b"250 one\r\n");
}

#[tokio::test]
async fn flush_sends_all_and_keeps_the_event_it_meets() {
    let (wire, hand) = wire();
    let mut client = Connection::new(wire, Client::new(), Tls::none());
    hand.say(b"220 ready\r\n250 more\r\n");
    assert_eq!(client.turn().await, Ok(Event::line("220 ready")));
    client.machine().send("hello");
    client.flush().await.unwrap();
    assert_eq!(hand.heard(), b"hello\r\n");
    assert_eq!(client.turn().await, Ok(Event::line("250 more")));
}

#[tokio::test]
async fn a_forgotten_answer_is_an_error_at_once() {
    let (mut connection, hand) = server(Server::new());
    hand.say(b"one\r\n");
    assert_eq!(connection.turn().await, Ok(Event::line("one")));
    assert_eq!(connection.turn().await, Err(Error::Unanswered));
    assert_eq!(connection.turn().await, Ok(Turn::Closed));
    assert!(hand.is_alone());
}

/// Says the same thing for ever.
struct Chatter;

impl Machine for Chatter {
    const SIDE: Side = Side::Server;
    type Event = std::convert::Infallible;
    type Error = std::convert::Infallible;

    fn step(&mut self, _: &mut BytesMut) -> Step<Self::Event, Self::Error> {
        Step::Transmit(Bytes::from_static(b"x"))
    }
    fn patience(&self) -> Option<Patience> {
        None
    }
    fn handle_timeout(&mut self) {}
    fn handle_eof(&mut self, _: Eof) {}
    fn tls_started(&mut self, _: TlsInfo) {}
}

#[tokio::test]
async fn dos_8_a_busy_connection_lets_others_run() {
    let (wire, hand) = wire();
    let mut connection = Connection::new(wire, Chatter, Tls::none());
    let mut turn = pin!(connection.turn());
    let polled = poll_fn(|cx| Poll::Ready(turn.as_mut().poll(cx).is_ready())).await;
    assert!(!polled, "one poll has an end");
    drop(hand);
}

#[tokio::test(start_paused = true)]
async fn a_closing_server_drains_so_that_no_reset_eats_the_reply() {
    // The peer closes at once, goes on sending, or does neither.
    let cases: [(usize, bool, u64); 3] = [(100, true, 0), (200_000, false, 0), (100, false, 2)];
    for (octets, closes, seconds) in cases {
        let (mut connection, hand) = server(Server::new());
        hand.say(b"QUIT\r\n");
        hand.say(&vec![b'x'; octets]);
        if closes {
            hand.close();
        }
        let begin = Instant::now();
        assert_eq!(connection.turn().await, Ok(Turn::Closed));
        assert_eq!(begin.elapsed().as_secs(), seconds);
        assert_eq!(hand.heard(), b"220 ready\r\n221 bye\r\n");
        assert!(hand.is_shut_down() && hand.is_alone());
    }
}

#[tokio::test]
async fn ends_are_told_apart() {
    let (mut connection, hand) = server(Server::new());
    hand.close();
    assert_eq!(connection.turn().await, Ok(Turn::Closed));
    assert_eq!(connection.machine().core.eof, Some(Eof::Clean));

    let (mut connection, hand) = server(Server::new());
    hand.reset();
    assert_eq!(
        connection.turn().await,
        Err(Error::Protocol(Fault::Truncated))
    );
    assert_eq!(connection.machine().core.eof, Some(Eof::Truncated));

    // A body that ends with the connection is no body.
    let (mut connection, hand) = server(Server::new());
    hand.say(b"BODY\r\nhalf of it");
    hand.close();
    assert!(matches!(
        connection.turn().await,
        Ok(Turn::Event(Event::Body(_)))
    ));
    assert_eq!(
        connection.turn().await,
        Err(Error::Protocol(Fault::Truncated))
    );
}

#[tokio::test]
async fn s39_tls_on_a_port_in_clear_text_is_named() {
    let (mut connection, hand) = server(Server::new());
    hand.say(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    let error = connection.turn().await.unwrap_err();
    assert_eq!(error, Error::UnexpectedTls);
    assert!(error.to_string().contains("implicit TLS"), "{error}");
    assert_eq!(
        hand.heard(),
        b"220 ready\r\n",
        "no upgrade of our own accord"
    );

    // Later in the dialogue such an octet is the machine's to judge.
    let (mut connection, hand) = server(Server::new());
    hand.say(b"one\r\n");
    assert_eq!(connection.turn().await, Ok(Event::line("one")));
    connection.machine().answer("250 one");
    hand.say(b"\x16\x03\r\n");
    assert_eq!(connection.turn().await, Ok(Event::line("\x16\x03")));
}

#[tokio::test]
async fn input_that_was_read_already_comes_first() {
    let (wire, hand) = wire();
    let input = BytesMut::from(&b"one\r\ntw"[..]);
    let mut connection = Connection::with_input(wire, Server::new(), Tls::none(), input);
    hand.say(b"o\r\n");
    assert_eq!(connection.turn().await, Ok(Event::line("one")));
    connection.machine().answer("250 one");
    assert_eq!(connection.turn().await, Ok(Event::line("two")));
}

#[tokio::test]
async fn a_machine_is_swapped_with_what_was_read() {
    let (wire, hand) = wire();
    let mut first = Connection::new(wire, Client::new(), Tls::none());
    hand.say(b"220 ready\r\n250 for the second\r\n250 par");
    assert_eq!(first.turn().await, Ok(Event::line("220 ready")));
    let mut second = first.swap(Client::new());
    assert_eq!(second.turn().await, Ok(Event::line("250 for the second")));
    second.machine().send("more");
    assert!(impatient(second.turn(), 1).await.is_none());
    assert_eq!(hand.heard(), b"more\r\n");
    let parts = second.into_parts();
    assert_eq!(&parts.input[..], b"250 par");
    assert!(parts.unsent.is_empty());
    assert!(parts.stream.unwrap().into_socket().is_ok());
}

#[tokio::test]
async fn all_4_debug_shows_no_octet() {
    let (mut connection, hand) = server(Server::new());
    hand.say(b"PASS canary\r\nPASS canary");
    assert!(matches!(connection.turn().await, Ok(Turn::Event(_))));
    let shown = format!("{connection:?} {:?}", Tls::none());
    assert!(!shown.contains("canary"), "{shown}");
    let shown = format!("{:?}", connection.into_parts());
    assert!(!shown.contains("canary"), "{shown}");
}

#[tokio::test]
async fn a_real_socket_carries_it_as_well() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = async {
        let (socket, _) = listener.accept().await.unwrap();
        echo(&mut Connection::new(socket, Server::new(), Tls::none())).await
    };
    let talk = async {
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        socket
            .write_all(b"one\r\nQUIT\r\nand more that nobody reads")
            .await
            .unwrap();
        let mut heard = String::new();
        socket.read_to_string(&mut heard).await.unwrap();
        heard
    };
    let (events, heard) = tokio::join!(serve, talk);
    assert_eq!(events.unwrap().len(), 1);
    assert_eq!(heard, "220 ready\r\n250 one\r\n221 bye\r\n");
}
