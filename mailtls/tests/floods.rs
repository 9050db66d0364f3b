//! Peers that misuse what TLS permits: updates of keys, alerts, records with little or nothing in
//! them.

use std::{io, time::Duration};

use mailtls::{Connection, Error, Turn};
use rustls::{ClientConnection, pki_types::ServerName, version::TLS13};
use tokio::time::{Instant, advance};

use crate::support::{
    cut::{Hand, Wire, impatient, wire},
    lines::{Event, Fault, Server},
    tls,
};

/// A client whose every record is under control.
struct Peer {
    tls: ClientConnection,
    hand: Hand,
}

impl Peer {
    fn say(&mut self, text: &[u8]) {
        io::Write::write_all(&mut self.tls.writer(), text).unwrap();
        self.send();
    }

    fn update_keys(&mut self) {
        self.tls.refresh_traffic_keys().unwrap();
        self.send();
    }

    fn send(&mut self) {
        let mut records = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut records).unwrap();
        }
        self.hand.say(&records);
    }

    /// Takes what was said: how many octets, and the text in them.
    fn hear(&mut self) -> (usize, String) {
        let records = self.hand.heard();
        let mut rest = &records[..];
        let mut text = String::new();
        while !rest.is_empty() {
            self.tls.read_tls(&mut rest).unwrap();
            self.tls.process_new_packets().unwrap();
            match io::Read::read_to_string(&mut self.tls.reader(), &mut text) {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => panic!("{error}"),
                _ => {}
            }
        }
        (records.len(), text)
    }
}

type Outcome = Result<Turn<Event>, Error<Fault>>;

/// Both ends behind a handshake of TLS 1.3.
async fn secured() -> (Connection<Server, Wire>, Peer) {
    let (wire, hand) = wire();
    let mut connection = Connection::implicit(wire, Server::silent(), tls::server());
    let config = tls::client_config(&[&TLS13]);
    let name = ServerName::try_from(tls::NAME).unwrap();
    let tls = ClientConnection::new(config.into(), name).unwrap();
    let mut peer = Peer { tls, hand };
    loop {
        peer.send();
        match impatient(connection.turn(), 4).await {
            None => drop(peer.hear()),
            Some(turn) => {
                assert_eq!(turn, Ok(Turn::Event(Event::TlsStarted)));
                peer.hear();
                assert!(!peer.tls.is_handshaking());
                return (connection, peer);
            }
        }
    }
}

/// What comes of one round, if anything does.
async fn turn(connection: &mut Connection<Server, Wire>) -> Option<Outcome> {
    impatient(connection.turn(), 3).await
}

/// One line and its answer.
async fn exchange(connection: &mut Connection<Server, Wire>, peer: &mut Peer) {
    peer.say(b"NOOP\r\n");
    assert_eq!(turn(connection).await, Some(Ok(Event::line("NOOP"))));
    connection.machine().answer("250 fine");
    assert_eq!(turn(connection).await, None);
    assert_eq!(peer.hear().1, "250 fine\r\n");
}

#[tokio::test]
async fn starttls_32_a_flood_of_key_updates_ends_the_connection() {
    let (mut connection, mut peer) = secured().await;
    for updates in 1..1000 {
        peer.update_keys();
        if let Some(end) = turn(&mut connection).await {
            // RFC 8446 §4.6.3 sets no limit; that of rustls is 32 without data between.
            assert_eq!(updates, 33);
            assert_eq!(end, Err(Error::Io(io::ErrorKind::InvalidData)));
            assert_eq!(connection.turn().await, Ok(Turn::Closed));
            return;
        }
        // Each asks for an update of ours; they are not queued up.
        assert_eq!(peer.hear().0, 0);
    }
    panic!("keys are updated for ever");
}

#[tokio::test]
async fn starttls_32_key_updates_between_commands_of_a_peer_that_does_not_read() {
    let (mut connection, mut peer) = secured().await;
    peer.hand.set_room(0);
    let mut answered = 0;
    for _ in 0..10_000 {
        peer.update_keys();
        peer.say(b"NOOP\r\n");
        match turn(&mut connection).await {
            Some(Ok(Turn::Event(Event::Line(_)))) => {
                connection.machine().answer("250 fine");
                answered += 1;
            }
            // The queue is full: what comes is left where it is.
            None => break,
            other => panic!("{other:?}"),
        }
    }
    // The queue itself and one buffer of the library above it, of answers of ten octets, each of
    // which may bring an update of a hundred.
    assert!(answered > 10, "{answered}");
    assert!(answered <= 2 * mailtls::limits::QUEUE / 10, "{answered}");
    let before = connection.stream().unwrap().octets_read();
    for _ in 0..1000 {
        peer.update_keys();
        assert_eq!(turn(&mut connection).await, None);
    }
    let read = connection.stream().unwrap().octets_read() - before;
    assert!(read <= 64 * 1024, "{read}");
}

#[tokio::test(start_paused = true)]
async fn starttls_33_key_updates_through_a_day_of_waiting() {
    let (mut connection, mut peer) = secured().await;
    let begin = Instant::now();
    for tenth_minutes in 0..144 {
        advance(Duration::from_secs(600)).await;
        peer.update_keys();
        assert_eq!(turn(&mut connection).await, None);
        // Half an hour without a word is as long as a server has to wait (RFC 9051 §5.4, and ten
        // minutes in RFC 1939 §3), so a client that stays says something.
        if tenth_minutes % 3 == 2 {
            exchange(&mut connection, &mut peer).await;
        }
    }
    assert_eq!(begin.elapsed(), Duration::from_secs(86_400));
}

#[tokio::test]
async fn starttls_32_records_of_one_octet_cost_one_step_each() {
    const LINES: usize = 40;
    const LENGTH: usize = 1000;

    let (mut connection, mut peer) = secured().await;
    let line = "x".repeat(LENGTH);
    let before = connection.machine().core.steps;
    for _ in 0..LINES {
        for octet in format!("{line}\r\n").as_bytes() {
            peer.say(&[*octet]);
        }
        loop {
            match turn(&mut connection).await {
                Some(outcome) => {
                    assert_eq!(outcome, Ok(Event::line(&line)));
                    break;
                }
                None => tokio::task::yield_now().await,
            }
        }
        connection.machine().answer("250 fine");
    }
    let steps = connection.machine().core.steps - before;
    let records = u64::try_from(LINES * (LENGTH + 2)).unwrap();
    assert!(steps <= 2 * records, "{steps} steps for {records} records");
    assert_eq!(turn(&mut connection).await, None);
    assert_eq!(peer.hear().1, "250 fine\r\n".repeat(LINES));
}

/// Records that are no use to anybody, as they are in clear.
const EMPTY: [(&str, &[u8]); 5] = [
    ("change of cipher", b"\x14\x03\x03\x00\x01\x01"),
    ("warning", b"\x15\x03\x03\x00\x02\x01\x5a"),
    ("empty alert", b"\x15\x03\x03\x00\x00"),
    ("empty handshake", b"\x16\x03\x03\x00\x00"),
    ("empty data", b"\x17\x03\x03\x00\x00"),
];

#[tokio::test(start_paused = true)]
async fn starttls_32_a_flood_of_useless_records_is_no_handshake() {
    for (name, record) in EMPTY {
        let (wire, hand) = wire();
        let mut connection = Connection::implicit(wire, Server::silent(), tls::server());
        hand.say(&record.repeat(2000));
        let begin = Instant::now();
        let end = connection.turn().await;
        assert!(matches!(end, Err(Error::Handshake(_))), "{name}: {end:?}");
        // It is the flood that ends it, and not the clock.
        assert!(begin.elapsed() < mailtls::limits::HANDSHAKE, "{name}");
        assert_eq!(connection.turn().await, Ok(Turn::Closed), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn starttls_32_useless_records_in_a_session_end_it() {
    for (name, record) in EMPTY {
        let (mut connection, mut peer) = secured().await;
        exchange(&mut connection, &mut peer).await;
        peer.hand.say(record);
        let end = connection.turn().await;
        assert_eq!(end, Err(Error::Io(io::ErrorKind::InvalidData)), "{name}");
        assert_eq!(connection.turn().await, Ok(Turn::Closed), "{name}");
    }
}
