//! Tables of lines, each against a machine that must be in a known state afterwards.

use bytes::BytesMut;
use mailwire_core::machine::{Eof, Machine, Step};
use mailwire_pop3::{
    Client, Command, Maildrop, ProtocolError, Response, Server, State, client, server,
};

use crate::stage::{maildrop, tls};

/// A server whose greeting has been read, behind TLS, with one message, in the TRANSACTION state.
fn transaction() -> Server {
    let mut server = Server::new(server::Config::new("mail.example"));
    server.tls_started(tls());
    let said = talk(&mut server, b"USER bob\r\nPASS x\r\n", |server| {
        server.open(maildrop("120:id-1").unwrap()).unwrap();
    });
    assert!(said.ends_with("+OK 1 messages (120 octets)\r\n"), "{said}");
    server
}

/// What the server says to `octets`; `answer` is called where it owes one.
fn talk(server: &mut Server, octets: &[u8], mut answer: impl FnMut(&mut Server)) -> String {
    let mut input = BytesMut::from(octets);
    let mut said = Vec::new();
    loop {
        match server.step(&mut input) {
            Step::Transmit(octets) => said.extend_from_slice(&octets),
            Step::Event(_) => {}
            Step::NeedAnswer => answer(server),
            _ => return String::from_utf8(said).unwrap(),
        }
    }
}

fn refuse(server: &mut Server) {
    server.reply(&Response::unavailable()).unwrap();
}

#[test]
fn pop3_6_bad_arguments_are_refused_and_the_session_lives() {
    let digits = "9".repeat(200);
    for line in [
        "RETR 0",
        "RETR -1",
        "RETR +1",
        "RETR 01",
        "RETR 4294967297",
        "RETR 1 2",
        "RETR",
        "RETR 2",
        "TOP 1",
        "TOP 1 -1",
        "TOP 1 99999999999",
        "TOP 0 1",
        "TOP",
        "UIDL -1",
        "UIDL 0",
        "UIDL 2",
        "LIST a",
        "LIST 0",
        "LIST 2",
        "LIST 1 1",
        "DELE 0",
        "DELE",
        "DELE 4294967295",
        "STAT x",
        ":",
        "",
        " ",
        "\u{1}",
        "\u{7f}",
        "RETR\t1",
        "retr  1",
        "RSET 1",
        "NOOP 1",
        "QUIT 1",
        &format!("RETR {digits}"),
        &format!("XTND {digits}"),
        "STLS",
        "USER bob",
        "PASS x",
        "AUTH PLAIN",
        "AUTH",
        "APOP bob x",
    ] {
        let mut server = transaction();
        let said = talk(&mut server, format!("{line}\r\n").as_bytes(), refuse);
        assert!(
            said.starts_with("-ERR ") && said.ends_with("\r\n"),
            "{line:?}: {said:?}"
        );
        assert_eq!(said.matches('\n').count(), 1, "{line:?}: {said:?}");
        // ALL-2: the state is what it was.
        assert_eq!(
            talk(&mut server, b"NOOP\r\nSTAT\r\n", refuse),
            "+OK\r\n+OK 1 120\r\n"
        );
    }
}

#[test]
fn smtp_36_no_octet_in_a_keyword_confuses_the_session() {
    for octet in 0..=255_u8 {
        let mut server = transaction();
        let said = talk(&mut server, &[b'S', octet, b'T', b'\r', b'\n'], refuse);
        assert!(
            said.starts_with("-ERR ") && said.matches('\n').count() == 1,
            "{octet}: {said:?}"
        );
        assert_eq!(
            talk(&mut server, b"STAT\r\n", refuse),
            "+OK 1 120\r\n",
            "{octet}"
        );
    }
}

/// A client in the TRANSACTION state that has sent one command.
fn asked(line: &str) -> Client {
    let mut client = Client::new(client::Config::new());
    client.tls_started(tls());
    let user = Command::parse(b"USER bob").unwrap();
    client.send(user).unwrap();
    client
        .send(Command::parse(b"PASS secret").unwrap())
        .unwrap();
    drain(&mut client, b"+OK hi\r\n+OK\r\n");
    drain(&mut client, b"+OK\r\n");
    assert_eq!(client.state(), State::Transaction);
    client
        .send(Command::parse(line.as_bytes()).unwrap())
        .unwrap();
    drain(&mut client, b"");
    client
}

/// All events for `octets`, and how the connection ended if it did.
fn drain(
    client: &mut Client,
    octets: &[u8],
) -> (Vec<client::Event>, Option<Result<(), ProtocolError>>) {
    let mut input = BytesMut::new();
    let mut events = Vec::new();
    // Line by line, so that a pipelined response is not read before its command went out.
    for line in octets
        .split_inclusive(|&octet| octet == b'\n')
        .chain([&b""[..]])
    {
        input.extend_from_slice(line);
        loop {
            match client.step(&mut input) {
                Step::Event(event) => events.push(event),
                Step::Transmit(_) => {}
                Step::Close(how) => return (events, Some(how)),
                _ => break,
            }
        }
    }
    (events, None)
}

#[test]
fn pop3_4_drop_and_scan_listings_that_make_no_sense_are_told_as_such() {
    for (command, reply, expected) in [
        ("STAT", "+OK 99999999999999999999 1", "a number of messages"),
        ("STAT", "+OK 4294967296 1", "a number of messages"),
        ("STAT", "+OK -1 1", "a number of messages"),
        ("STAT", "+OK", "a number of messages"),
        ("STAT", "+OK  2 1", "a number of messages"),
        ("STAT", "+OK 2", "a size in octets"),
        ("STAT", "+OK 2 x", "a size in octets"),
        ("STAT", "+OK 2 18446744073709551616", "a size in octets"),
        ("LIST 2", "+OK 1 10", "the next message-number"),
        ("LIST 2", "+OK 2", "a size in octets"),
        ("LIST 2", "+OK 0 1", "a message-number"),
        ("UIDL 2", "+OK id-2", "a message-number"),
        ("UIDL 2", "+OK 3 id-2", "the next message-number"),
        ("UIDL 2", "+OK 2 id 2", "a unique-id"),
    ] {
        let (events, end) = drain(&mut asked(command), format!("{reply}\r\n").as_bytes());
        let [
            _,
            client::Event::Invalid { error, .. },
            client::Event::End { .. },
        ] = &events[..]
        else {
            panic!("{reply}: {events:?}");
        };
        assert_eq!(
            (error.expected.to_string().as_str(), end),
            (expected, None),
            "{reply}"
        );
    }
    for reply in [
        "+OK 2 320",
        "+OK 0 0",
        "+OK 4294967295 18446744073709551615 and more",
    ] {
        let (events, _) = drain(&mut asked("STAT"), format!("{reply}\r\n").as_bytes());
        assert!(
            matches!(events[1], client::Event::DropListing { .. }),
            "{events:?}"
        );
    }
}

#[test]
fn pop3_4_bad_lines_of_a_listing_spoil_only_themselves() {
    let listing = b"+OK\r\n0 1\r\n1 10\r\n1 10\r\n3 30\r\n2 20\r\n-4 1\r\n4 \r\n5 x\r\n\
        99999999999999999999 1\r\n.\r\n";
    let (events, end) = drain(&mut asked("LIST"), listing);
    let numbers: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            client::Event::ScanListing {
                message, octets, ..
            } => Some((message.value(), *octets)),
            _ => None,
        })
        .collect();
    assert_eq!(numbers, [(1, 10), (3, 30)]);
    let invalid = events
        .iter()
        .filter(|e| matches!(e, client::Event::Invalid { .. }))
        .count();
    assert_eq!((invalid, end), (7, None));
    assert!(matches!(events.last(), Some(client::Event::End { .. })));
}

#[test]
fn all_2_every_wrong_answer_to_a_client_ends_or_leaves_a_known_state() {
    for reply in [
        "220 smtp",
        "* OK imap",
        "+",
        "+ ",
        "+ eA==",
        "OK",
        "",
        "\u{16}\u{3}\u{1}",
        "-ERROR",
        "+OKAY",
        ".",
        "HTTP/1.1 400 Bad Request",
    ] {
        let (_, end) = drain(&mut asked("NOOP"), format!("{reply}\r\n").as_bytes());
        assert!(
            matches!(end, Some(Err(ProtocolError::BadResponse(_)))),
            "{reply:?}: {end:?}"
        );
    }
    for how in [Eof::Clean, Eof::Truncated] {
        for (command, so_far) in [
            ("NOOP", ""),
            ("NOOP", "+O"),
            ("LIST", "+OK\r\n1 1\r\n"),
            ("RETR 1", "+OK\r\nhalf\r\n.\r"),
            ("CAPA", "+OK\r\nTOP"),
        ] {
            let mut client = asked(command);
            let mut input = BytesMut::from(so_far);
            while matches!(client.step(&mut input), Step::Event(_)) {}
            client.handle_eof(how);
            let state = State::Transaction;
            let error = ProtocolError::UnexpectedEof { state };
            assert_eq!(
                client.step(&mut input),
                Step::Close(Err(error)),
                "{command} {so_far:?}"
            );
        }
    }
}

#[test]
fn auth_9_user_names_are_data_and_nothing_else() {
    for name in [
        "%u%{pass}",
        "*)(uid=*",
        "' OR 1=1",
        "../../bob",
        "bob/../al",
        "Bob",
        "bob\u{301}",
    ] {
        let mut server = Server::new(server::Config::new("mail.example"));
        server.tls_started(tls());
        let mut input = BytesMut::from(format!("USER {name}\r\nPASS x\r\n").as_bytes());
        let told = loop {
            match server.step(&mut input) {
                Step::Event(server::Event::Login { user, .. }) => break user,
                Step::Event(_) | Step::Transmit(_) => {}
                other => panic!("{name}: {other:?}"),
            }
        };
        assert_eq!(&*told, name);
        server.open(Maildrop::new()).unwrap();
    }
}

#[test]
fn misuse_changes_nothing() {
    use mailwire_pop3::Misuse;

    let mut server = transaction();
    assert_eq!(server.accept(), Err(Misuse::NothingOwed));
    assert_eq!(server.open(Maildrop::new()), Err(Misuse::NothingOwed));
    assert_eq!(server.end_body(), Err(Misuse::NoBody));
    let mut owed = 0;
    let said = talk(&mut server, b"RETR 1\r\nSTAT\r\n", |server| {
        owed += 1;
        assert_eq!(server.open(Maildrop::new()), Err(Misuse::WrongAnswer));
        assert_eq!(server.challenge(b"x"), Err(Misuse::WrongAnswer));
        assert_eq!(
            server.reply(&Response::ok("fine")),
            Err(Misuse::WrongAnswer)
        );
        assert_eq!(server.write_body("x".into()), Err(Misuse::NoBody));
        server.reply(&Response::err("gone")).unwrap();
    });
    assert_eq!((owed, said.as_str()), (1, "-ERR gone\r\n+OK 1 120\r\n"));
    server.abort();
    assert_eq!(server.accept(), Err(Misuse::Closed));
    assert_eq!(server.write_body("x".into()), Err(Misuse::Closed));
}

#[test]
fn all_4_debug_shows_neither_credentials_nor_messages() {
    let mut client = Client::new(client::Config::new());
    client.tls_started(tls());
    client
        .send(Command::parse(b"USER canary").unwrap())
        .unwrap();
    client
        .send(Command::parse(b"PASS canary").unwrap())
        .unwrap();
    let mut input = BytesMut::new();
    let mut shown = format!("{client:?}");
    for line in ["+OK\r\n", "+OK\r\n", "+OK\r\n"] {
        input.extend_from_slice(line.as_bytes());
        while matches!(client.step(&mut input), Step::Event(_)) {}
        shown += &format!("{client:?}");
        while matches!(client.step(&mut input), Step::Event(_) | Step::Transmit(_)) {}
    }
    client.send(Command::parse(b"RETR 1").unwrap()).unwrap();
    input.extend_from_slice(b"+OK\r\ncanary\r\n.\r\n");
    while let step @ (Step::Event(_) | Step::Transmit(_)) = client.step(&mut input) {
        if let Step::Event(event) = step {
            shown += &format!("{event:?} {client:?}");
        }
    }
    let mut server = transaction();
    talk(&mut server, b"RETR 1\r\n", |server| {
        server.accept().unwrap()
    });
    server.write_body("canary\r\n".into()).unwrap();
    shown += &format!("{server:?}");
    let write = mailwire_pop3::session::Reaction::Write("canary".into());
    shown += &format!("{write:?}");
    let octets = format!("{:?}", b"canary");
    assert!(
        !shown.contains("canary") && !shown.contains(&octets),
        "{shown}"
    );
    assert!(shown.contains("Body(3, 8)"), "{shown}");
}
