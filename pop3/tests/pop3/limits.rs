//! Each limit at its edge, and what a peer cannot make grow.

use bytes::{Bytes, BytesMut};
use mailwire_core::machine::{Eof, Machine, Step};
use mailwire_pop3::{
    ClearText, Client, Command, Maildrop, Mechanism, MessageNumber, Misuse, ProtocolError, Server,
    State, client, limits, server,
};

use crate::stage::{maildrop, tls};

fn config() -> server::Config {
    let mut config = server::Config::new("mail.example");
    config.clear_text = ClearText::Permitted;
    config.mechanisms = vec![Mechanism::new("PLAIN").unwrap()];
    config
}

/// What the server waits for.
#[derive(Debug, PartialEq)]
enum Wait {
    Input,
    Answer,
    Body,
    Close,
}

/// Steps until the server waits for something.
fn run(server: &mut Server, input: &mut BytesMut) -> (Vec<u8>, Vec<server::Event>, Wait) {
    let (mut said, mut events) = (Vec::new(), Vec::new());
    loop {
        let wait = match server.step(input) {
            Step::Transmit(octets) => {
                said.extend_from_slice(&octets);
                continue;
            }
            Step::Event(event) => {
                events.push(event);
                continue;
            }
            Step::NeedAnswer => Wait::Answer,
            Step::NeedBody => Wait::Body,
            Step::Close(_) => Wait::Close,
            step => {
                assert_eq!(step, Step::NeedInput);
                Wait::Input
            }
        };
        return (said, events, wait);
    }
}

fn logged_in(maildrop: Maildrop) -> Server {
    let mut server = Server::new(config());
    let mut input = BytesMut::from("USER bob\r\nPASS x\r\n");
    run(&mut server, &mut input);
    server.open(maildrop).unwrap();
    run(&mut server, &mut input);
    server
}

#[test]
fn auth_1_a_response_of_12_288_octets_is_read_and_a_longer_one_ends_the_exchange() {
    // Base64 comes in fours, so 12,286 octets with CRLF are the longest line that can be right.
    for (octets, is_read) in [
        (12_280, true),
        (12_284, true),
        (12_288, false),
        (1 << 19, false),
    ] {
        let mut server = Server::new(config());
        let mut input = BytesMut::from("AUTH PLAIN\r\n");
        run(&mut server, &mut input);
        server.challenge(b"").unwrap();
        input.extend_from_slice(&vec![b'A'; octets]);
        input.extend_from_slice(b"\r\n");
        let (said, events, _) = run(&mut server, &mut input);
        if is_read {
            let [server::Event::AuthResponse(response)] = &events[..] else {
                panic!("{octets}")
            };
            assert_eq!(response.expose().len(), octets / 4 * 3);
        } else {
            assert_eq!(events, [server::Event::AuthCancelled], "{octets}");
            assert!(said.ends_with(b"-ERR authentication cancelled\r\n"));
            // ALL-2, and the limit of commands holds again.
            input.extend_from_slice(&vec![b'A'; 300]);
            input.extend_from_slice(b"\r\nCAPA\r\n");
            let (said, events, _) = run(&mut server, &mut input);
            assert!(matches!(events[..], [server::Event::Invalid(_)]));
            assert!(said.ends_with(b".\r\n"));
        }
    }
}

#[test]
fn auth_1_a_response_without_end_is_given_up_and_never_kept() {
    let mut server = Server::new(config());
    let mut input = BytesMut::from("AUTH PLAIN\r\n");
    run(&mut server, &mut input);
    server.challenge(b"").unwrap();
    for _ in 0..2_000 {
        input.extend_from_slice(&[b'A'; 1_000]);
        let (_, _, wait) = run(&mut server, &mut input);
        if wait == Wait::Close {
            return;
        }
        assert!(input.len() <= limits::AUTH_LINE);
    }
    panic!("it was not given up");
}

#[test]
fn pop3_13_a_command_without_end_is_given_up_and_never_kept() {
    let mut server = Server::new(config());
    let mut input = BytesMut::new();
    for _ in 0..2_000 {
        input.extend_from_slice(&[b'A'; 1_000]);
        let (_, _, wait) = run(&mut server, &mut input);
        if wait == Wait::Close {
            return;
        }
        assert!(input.len() <= limits::COMMAND_LINE);
    }
    panic!("it was not given up");
}

#[test]
fn auth_3_ten_thousand_cancelled_exchanges_leave_nothing_behind() {
    let mut server = Server::new(config());
    let mut input = BytesMut::new();
    for _ in 0..10_000 {
        input.extend_from_slice(b"AUTH PLAIN\r\n*\r\n");
        run(&mut server, &mut input);
        server.challenge(b"").unwrap();
        let (_, events, wait) = run(&mut server, &mut input);
        assert_eq!(
            (&events[..], wait),
            (&[server::Event::AuthCancelled][..], Wait::Input)
        );
    }
    assert_eq!(server.state(), State::Authorization);
}

#[test]
fn pop3_7_marking_and_unmarking_a_hundred_thousand_times_leaks_nothing() {
    let mut server = logged_in(maildrop("1:a 2:b").unwrap());
    let mut input = BytesMut::new();
    for _ in 0..100_000 {
        input.extend_from_slice(b"DELE 1\r\nDELE 1\r\nRSET\r\nDELE 2\r\n");
        let (said, _, _) = run(&mut server, &mut input);
        assert_eq!(said.iter().filter(|&&octet| octet == b'\n').count(), 4);
        input.extend_from_slice(b"RSET\r\n");
        run(&mut server, &mut input);
    }
    assert!(server.deletions().is_empty());
    input.extend_from_slice(b"STAT\r\n");
    assert_eq!(run(&mut server, &mut input).0, b"+OK 2 3\r\n");
}

#[test]
fn pop3_3_a_listing_of_a_large_maildrop_is_written_in_small_pieces() {
    let mut large = Maildrop::new();
    for number in 0..200_000 {
        large
            .push(number, format!("id-{number}").as_bytes())
            .unwrap();
    }
    let mut server = logged_in(large);
    for command in ["LIST\r\n", "UIDL\r\n"] {
        let mut input = BytesMut::from(command);
        let mut lines = 0;
        loop {
            match server.step(&mut input) {
                Step::Transmit(octets) => {
                    assert!(
                        octets.len() <= 2 * limits::LISTING_CHUNK,
                        "{}",
                        octets.len()
                    );
                    lines += octets.iter().filter(|&&octet| octet == b'\n').count();
                }
                step => {
                    assert_eq!(step, Step::NeedInput);
                    break;
                }
            }
        }
        assert_eq!(lines, 200_002);
    }
}

#[test]
fn starttls_24_the_clock_runs_only_where_the_peer_must_speak() {
    let mut server = Server::new(config());
    let mut input = BytesMut::new();
    run(&mut server, &mut input);
    let idle = server.patience().unwrap();
    assert_eq!(idle.limit, limits::AUTHORIZATION_TIMEOUT);
    // A drip of octets gains nothing.
    input.extend_from_slice(b"USER bo");
    run(&mut server, &mut input);
    assert_eq!(server.patience(), Some(idle));
    input.extend_from_slice(b"b\r\nPASS x\r\n");
    assert_eq!(run(&mut server, &mut input).2, Wait::Answer);
    // The application's own time is not on the peer's clock.
    assert_eq!(server.patience(), None);
    server.open(maildrop("1:a").unwrap()).unwrap();
    run(&mut server, &mut input);
    let first = server.patience().unwrap();
    assert_eq!(first.limit, limits::AUTOLOGOUT);
    input.extend_from_slice(b"NOOP\r\n");
    run(&mut server, &mut input);
    assert_ne!(
        server.patience(),
        Some(first),
        "POP3-18: any command begins the ten minutes anew"
    );
    input.extend_from_slice(b"RETR 1\r\n");
    run(&mut server, &mut input);
    server.accept().unwrap();
    assert_eq!(run(&mut server, &mut input).2, Wait::Body);
    assert_eq!(
        server.patience(),
        None,
        "POP3-18: a slow reader is the driver's to find out"
    );
}

#[test]
fn pop3_18_a_server_reads_no_command_while_a_message_is_open() {
    let mut server = logged_in(maildrop("1:a").unwrap());
    let mut input = BytesMut::from("RETR 1\r\nNOOP\r\nNOOP\r\n");
    run(&mut server, &mut input);
    server.accept().unwrap();
    for _ in 0..3 {
        assert_eq!(run(&mut server, &mut input).2, Wait::Body);
        server.write_body(Bytes::from_static(b"x\r\n")).unwrap();
    }
    assert_eq!(&input[..], b"NOOP\r\nNOOP\r\n");
    server.end_body().unwrap();
    let (said, _, wait) = run(&mut server, &mut input);
    assert_eq!(
        (&said[..], wait),
        (&b"x\r\n.\r\n+OK\r\n+OK\r\n"[..], Wait::Input)
    );
}

#[test]
fn a_large_piece_of_a_message_is_handed_on_without_a_copy() {
    let mut server = logged_in(maildrop("1:a").unwrap());
    let mut input = BytesMut::from("RETR 1\r\n");
    run(&mut server, &mut input);
    server.accept().unwrap();
    let piece = Bytes::from(vec![b'x'; 65_536]);
    server.write_body(piece.clone()).unwrap();
    let mut handed_on = false;
    while let Step::Transmit(octets) = server.step(&mut input) {
        handed_on |= piece.as_ptr_range().contains(&octets.as_ptr());
    }
    assert!(handed_on);
}

#[test]
fn pop3_3_a_client_keeps_no_more_than_its_limits() {
    let mut client = Client::new(client::Config::new());
    for _ in 0..limits::OUTSTANDING {
        client.send(Command::Capa).unwrap();
    }
    assert_eq!(client.send(Command::Capa), Err(Misuse::Outstanding));

    let mut client = Client::new(client::Config::new());
    client.send(Command::Capa).unwrap();
    let mut input = BytesMut::from("+OK\r\n+OK\r\n");
    while matches!(client.step(&mut input), Step::Event(_) | Step::Transmit(_)) {}
    for _ in 0..limits::CAPABILITIES {
        input.extend_from_slice(b"X\r\n");
        assert_eq!(client.step(&mut input), Step::NeedInput);
    }
    input.extend_from_slice(b"X\r\n");
    let max = limits::CAPABILITIES;
    let error = ProtocolError::TooManyCapabilities { max };
    assert_eq!(client.step(&mut input), Step::Close(Err(error)));
}

#[test]
fn a_number_from_the_peer_allocates_nothing() {
    let mut client = Client::new(client::Config::new());
    client.tls_started(tls());
    client.send(Command::parse(b"USER bob").unwrap()).unwrap();
    client
        .send(Command::parse(b"PASS secret").unwrap())
        .unwrap();
    client.send(Command::Stat).unwrap();
    client.send(Command::Retr(MessageNumber::MIN)).unwrap();
    let mut input = BytesMut::new();
    let mut ended = 0;
    for line in [
        "+OK",
        "+OK",
        "+OK",
        "+OK 4294967295 18446744073709551615",
        "+OK 18446744073709551615 octets",
        "x",
        ".",
    ] {
        input.extend_from_slice(line.as_bytes());
        input.extend_from_slice(b"\r\n");
        loop {
            match client.step(&mut input) {
                Step::Event(client::Event::End { .. }) => ended += 1,
                Step::Event(_) | Step::Transmit(_) => {}
                step => {
                    assert_eq!(step, Step::NeedInput);
                    break;
                }
            }
        }
    }
    assert_eq!(ended, 2);
}

#[test]
fn auth_4_a_client_that_goes_away_at_any_octet_of_an_exchange_is_gone() {
    let dialogue = b"AUTH PLAIN\r\nAGEAYg==\r\nAA==\r\n\r\n";
    for end in 0..=dialogue.len() {
        for how in [Eof::Clean, Eof::Truncated] {
            let mut server = Server::new(config());
            let mut input = BytesMut::new();
            run(&mut server, &mut input);
            input.extend_from_slice(&dialogue[..end]);
            while run(&mut server, &mut input).2 == Wait::Answer {
                server.challenge(b"").unwrap();
            }
            server.handle_eof(how);
            // Between commands an orderly end is one; inside of anything it is not.
            let clean = end == 0 && how == Eof::Clean;
            let state = State::Authorization;
            let expected = if clean {
                Ok(())
            } else {
                Err(ProtocolError::UnexpectedEof { state })
            };
            assert_eq!(
                server.step(&mut input),
                Step::Close(expected),
                "{end} {how:?}"
            );
        }
    }
}
