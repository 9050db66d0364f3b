//! Random lines, sensible or not, give the same however the connection cuts them.

use bytes::{Bytes, BytesMut};
use mailwire_core::machine::{Eof, Machine, Step};
use mailwire_pop3::{
    ClearText, Client, Command, Mechanism, MessageNumber, Response, Server, client, server,
};

use crate::{
    pair::Random,
    stage::{maildrop, tls},
};

/// Feeds `octets` in pieces, and writes down all that the server does.
fn server_record(octets: &[u8], mut piece: impl FnMut() -> usize) -> String {
    let mut config = server::Config::new("mail.example");
    config.clear_text = ClearText::Permitted;
    config.mechanisms = vec![Mechanism::new("PLAIN").unwrap()];
    let mut server = Server::new(config);
    let (mut said, mut told) = (Vec::new(), String::new());
    let mut input = BytesMut::new();
    let mut rest = octets;
    let mut answers = Random::new(octets.len() as u64);
    let mut bodies = 0;
    loop {
        match server.step(&mut input) {
            Step::Transmit(octets) => said.extend_from_slice(&octets),
            Step::Event(event) => told += &format!("{event:?}\n"),
            Step::NeedAnswer => answer(&mut server, answers.below(4)),
            Step::NeedBody => {
                bodies += 1;
                if bodies % 3 == 0 {
                    server.end_body().unwrap();
                } else {
                    server.write_body(Bytes::from_static(b".x\ny")).unwrap();
                }
            }
            Step::NeedInput if rest.is_empty() => server.handle_eof(Eof::Clean),
            Step::NeedInput => {
                let (front, behind) = rest.split_at(piece().min(rest.len()));
                input.extend_from_slice(front);
                rest = behind;
            }
            Step::Close(how) => {
                return format!("{}\n{told}{how:?}", said.escape_ascii());
            }
            step => panic!("{step:?}"),
        }
    }
}

fn answer(server: &mut Server, choice: usize) {
    use server::Owed;

    match (server.owed().unwrap(), choice) {
        (Owed::Login | Owed::Auth, 0) => server.reply(&Response::unavailable()),
        (Owed::Auth, 1) => server.challenge(b"again"),
        (Owed::Login | Owed::Auth, _) => server.open(maildrop("10:a 20:b 30:c").unwrap()),
        (_, 0) => server.reply(&Response::err("no")),
        _ => server.accept(),
    }
    .unwrap();
}

#[test]
fn all_1_random_commands_give_the_same_at_every_cut() {
    let lines: [&[u8]; 28] = [
        b"USER bob\r\n",
        b"PASS secret\r\n",
        b"USER bob\r\nPASS x\r\n",
        b"AUTH PLAIN\r\n",
        b"*\r\n",
        b"AUTH PLAIN AGEAYg==\r\n",
        b"AGEAYg==\r\n",
        b"CAPA\r\n",
        b"STAT\r\n",
        b"LIST\r\n",
        b"LIST 2\r\n",
        b"UIDL\r\n",
        b"UIDL 9\r\n",
        b"RETR 1\r\n",
        b"TOP 2 1\r\n",
        b"DELE 1\r\n",
        b"DELE 3\r\n",
        b"RSET\r\n",
        b"NOOP\r\n",
        b"QUIT\r\n",
        b"NOOP\n",
        b"\r",
        b"\n",
        b"\0",
        b"x\ry\r\n",
        b"\r\n",
        &[b'z'; 300],
        b"RETR 01\r\n",
    ];
    for seed in 0..2_000 {
        let mut random = Random::new(seed);
        let mut octets = b"USER bob\r\nPASS x\r\n".to_vec();
        for _ in 0..random.below(30) {
            octets.extend_from_slice(lines[random.below(lines.len())]);
        }
        let whole = server_record(&octets, || usize::MAX);
        assert_eq!(
            server_record(&octets, || 1),
            whole,
            "{}",
            octets.escape_ascii()
        );
        let cut = server_record(&octets, || 1 + random.below(9));
        assert_eq!(cut, whole, "{}", octets.escape_ascii());
    }
}

/// The same for a client that has pipelined all kinds of commands.
fn client_record(octets: &[u8], mut piece: impl FnMut() -> usize) -> String {
    let mut client = Client::new(client::Config::new());
    client.tls_started(tls());
    let first = MessageNumber::MIN;
    let mut input = BytesMut::from("+OK\r\n");
    for command in ["CAPA", "USER bob", "PASS x"] {
        client
            .send(Command::parse(command.as_bytes()).unwrap())
            .unwrap();
    }
    while matches!(client.step(&mut input), Step::Event(_) | Step::Transmit(_)) {}
    input.extend_from_slice(b"+OK\r\nPIPELINING\r\n.\r\n");
    while matches!(client.step(&mut input), Step::Event(_) | Step::Transmit(_)) {}
    for _ in 0..3 {
        for command in [
            Command::Stat,
            Command::List(None),
            Command::Uidl(None),
            Command::Retr(first),
            Command::Uidl(Some(first)),
            Command::Top {
                message: first,
                lines: 1,
            },
            Command::Noop,
        ] {
            client.send(command).unwrap();
        }
    }
    while matches!(client.step(&mut input), Step::Event(_) | Step::Transmit(_)) {}
    let mut told = String::new();
    let mut body = Vec::new();
    let mut rest = octets;
    loop {
        match client.step(&mut input) {
            // Neighbours of a body are one.
            Step::Event(client::Event::Body { octets, .. }) => body.extend_from_slice(&octets),
            Step::Event(event) => {
                let before = std::mem::take(&mut body);
                told += &format!("{} {event:?}\n", before.escape_ascii());
            }
            Step::Transmit(_) => {}
            Step::NeedInput if rest.is_empty() => client.handle_eof(Eof::Clean),
            Step::NeedInput => {
                let (front, behind) = rest.split_at(piece().min(rest.len()));
                input.extend_from_slice(front);
                rest = behind;
            }
            Step::Close(how) => return format!("{told}{} {how:?}", body.escape_ascii()),
            step => panic!("{step:?}"),
        }
    }
}

#[test]
fn all_1_random_responses_give_the_same_at_every_cut() {
    let lines: [&[u8]; 18] = [
        b"+OK\r\n",
        b"+OK 1 10\r\n",
        b"-ERR\r\n",
        b"+OK\r\n.\r\n",
        b"1 10\r\n",
        b"2 id\r\n",
        b".\r\n",
        b"..\r\n",
        b".x\r\n",
        b"text\r\n",
        b"\r\n",
        b"a\nb\r\n",
        b"\r",
        b"\n",
        b"+OK 1 id\r\n",
        b"-ERR [IN-USE] x\r\n",
        b"\0\r\n",
        b"0 0\r\n",
    ];
    for seed in 0..2_000 {
        let mut random = Random::new(seed);
        let mut octets = b"+OK\r\n+OK\r\n".to_vec();
        for _ in 0..random.below(40) {
            octets.extend_from_slice(lines[random.below(lines.len())]);
        }
        let whole = client_record(&octets, || usize::MAX);
        assert_eq!(
            client_record(&octets, || 1),
            whole,
            "{}",
            octets.escape_ascii()
        );
        let cut = client_record(&octets, || 1 + random.below(9));
        assert_eq!(cut, whole, "{}", octets.escape_ascii());
    }
}
