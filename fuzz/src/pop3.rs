//! POP3 sessions, either side.

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use mailwire_core::dot::BareLineBreaks;
use mailwire_pop3::{
    ClearText, Client, Command, Maildrop, Mechanism, Response, Server, client,
    server::{self, Owed, Stls},
};

use crate::{
    Target,
    machine::{Application, Log, same_for_all_cuts},
    take_octet,
};

pub(crate) const POP3_SERVER: Target = Target {
    name: "pop3_server",
    run: server_session,
    seeds: &[
        b"\x00\x00\x05CAPA\r\nUSER bob\r\nPASS secret\r\nSTAT\r\nLIST\r\nUIDL 1\r\nRETR 2\r\nTOP 1 0\r\nDELE 1\r\nRSET\r\nQUIT\r\n",
        b"\x06\x00\x05AUTH PLAIN AGJvYgBzZWNyZXQ=\r\nRETR 3\r\nNOOP\r\nDELE 3\r\nQUIT\r\n",
        b"\x02\x09\x05AUTH LOGIN\r\nYm9i\r\n*\r\nSTLS\r\nUSER a\r\n",
    ],
};

pub(crate) const POP3_CLIENT: Target = Target {
    name: "pop3_client",
    run: client_session,
    seeds: &[
        b"\x00\x00\x05+OK ready\r\n+OK\r\nTOP\r\nUIDL\r\n.\r\n+OK\r\n+OK\r\n+OK 2 10\r\n+OK\r\n1 5\r\n2 5\r\n.\r\n\
          +OK\r\n1 a\r\n2 b\r\n.\r\n+OK\r\n..x\r\n\r\n.\r\n+OK bye\r\n",
        b"\x01\x00\x05+OK <1.2@h>\r\n+OK\r\n.\r\n-ERR [AUTH] no\r\n-ERR\r\n",
        b"\x03\x00\x05+OK\r\n+OK\r\nSASL PLAIN\r\n.\r\n+ \r\n+OK\r\n-ERR [IN-USE] later\r\n",
    ],
};

const MESSAGES: [&[u8]; 3] = [
    b"Subject: one\r\n\r\nbody\r\n",
    b".\n..\r.x\r\n\0",
    b"Subject: three\r\n\r\n1\r\n2\r\n3",
];

/// How many octets POP3 counts in each of the messages above.
const SIZES: [u64; 3] = [22, 12, 27];

/// A server over three messages, whose application answers by a plan.
pub(crate) struct Host {
    pub(crate) server: Server,
    plan: u32,
    /// What is left of the open message.
    open: Bytes,
}

impl Host {
    pub(crate) fn new(shape: u8, plan: u8) -> Self {
        let mut config = server::Config::new("mail.example");
        if shape & 1 != 0 {
            config.stls = Stls::Offered;
        }
        if shape & 8 == 0 {
            config.clear_text = ClearText::Permitted;
        }
        if shape & 2 != 0 {
            let names = ["PLAIN", "LOGIN", "SCRAM-SHA-256"];
            config.mechanisms = names
                .iter()
                .filter_map(|name| Mechanism::new(name).ok())
                .collect();
        }
        if shape & 16 != 0 {
            config.bad_commands = 2;
            config.auth_failures = 1;
        }
        Self {
            server: Server::new(config),
            plan: plan.into(),
            open: Bytes::new(),
        }
    }

    fn answer(&mut self) {
        let Some(owed) = self.server.owed() else {
            return;
        };
        let choice = self.plan % 7;
        self.plan = if self.plan == 0 {
            0
        } else {
            self.plan.wrapping_mul(0x9e37).rotate_left(7) + 1
        };
        let refused = Response::err("by plan");
        let first = match choice {
            0..=3 if matches!(owed, Owed::Login | Owed::Auth) => self.server.open(maildrop()),
            0..=3 => self.server.accept(),
            4 => self.server.reply(&refused),
            5 => self.server.challenge(b"challenge"),
            _ => self.server.open(maildrop()),
        };
        if first.is_err() {
            assert_eq!(self.server.owed(), Some(owed), "a misuse changes nothing");
            assert_eq!(self.server.reply(&refused), Ok(()), "{owed:?}");
        }
    }
}

fn maildrop() -> Maildrop {
    let mut maildrop = Maildrop::new();
    for (size, id) in SIZES.iter().zip([b"a", b"b", b"c"]) {
        assert!(maildrop.push(*size, id).is_ok());
    }
    maildrop
}

impl Application for Host {
    type Machine = Server;

    fn machine(&mut self) -> &mut Server {
        &mut self.server
    }

    fn handle(&mut self, event: server::Event, log: &mut Log) {
        if let server::Event::Retr { message } | server::Event::Top { message, .. } = &event {
            self.open = MESSAGES
                .get(message.index())
                .copied()
                .map(Bytes::from_static)
                .unwrap_or_default();
        }
        log.entry("event", event);
        self.answer();
    }

    fn write(&mut self) {
        let piece = self.open.split_to(self.open.len().min(5));
        let done = if piece.is_empty() || !self.server.wants_body() {
            self.server.end_body()
        } else {
            self.server.write_body(piece)
        };
        assert_eq!(done, Ok(()));
    }
}

fn server_session(mut data: &[u8]) {
    let (shape, plan) = (take_octet(&mut data), take_octet(&mut data));
    let size = [take_octet(&mut data)];
    same_for_all_cuts(|| Host::new(shape, plan), data, &size);
}

/// A client that sends everything there is at once, and what the input makes of it.
struct Reader(Client);

impl Reader {
    fn new(shape: u8, values: &[u8]) -> Self {
        let mut config = client::Config::new();
        config.clear_text = ClearText::Permitted;
        config.bare_line_breaks = match shape >> 4 & 3 {
            0 | 1 => BareLineBreaks::Reject,
            2 => BareLineBreaks::Normalize,
            _ => BareLineBreaks::Keep,
        };
        if shape & 128 != 0 {
            config.max_message = 10;
            config.max_lines = 3;
        }
        let mut client = Client::new(config);
        let login: &[&[u8]] = match shape & 3 {
            0 => &[b"USER bob", b"PASS secret"],
            1 => &[b"APOP bob c4c9334bac560ecc979e58001b3e22fb"],
            2 => &[b"AUTH PLAIN AGJvYgBzZWNyZXQ="],
            _ => &[b"AUTH LOGIN", b"STLS"],
        };
        let rest: &[&[u8]] = &[
            b"STAT", b"LIST", b"UIDL", b"RETR 1", b"TOP 2 5", b"DELE 1", b"QUIT",
        ];
        for line in [&[&b"CAPA"[..]], login, rest].concat() {
            if let Ok(command) = Command::parse(line) {
                // What may not be sent now is refused, and changes nothing.
                let _ = client.send(command).is_err();
            }
        }
        let mut unstructured = Unstructured::new(values);
        while !unstructured.is_empty() {
            let Ok(command) = Command::arbitrary(&mut unstructured) else {
                break;
            };
            let _ = client.send(command).is_err();
        }
        Self(client)
    }
}

impl Application for Reader {
    type Machine = Client;

    fn machine(&mut self) -> &mut Client {
        &mut self.0
    }

    fn handle(&mut self, event: client::Event, log: &mut Log) {
        if let client::Event::Challenge { octets, .. } = &event {
            let answered = if octets.len() % 3 == 1 {
                self.0.cancel()
            } else {
                self.0.answer(b"response")
            };
            assert_eq!(answered, Ok(()));
        }
        match event {
            client::Event::Body { octets, .. } => log.octets("body", &octets),
            // It comes with the octets in which the line break was found.
            notice @ client::Event::Notice { .. } => log.aside(notice),
            other => log.entry("event", other),
        }
    }

    fn write(&mut self) {
        unreachable!("a POP3 client sends no body");
    }
}

fn client_session(mut data: &[u8]) {
    let (shape, values) = (take_octet(&mut data), take_octet(&mut data));
    let size = [take_octet(&mut data)];
    let (values, wire) = data.split_at_checked(values.into()).unwrap_or((&[], data));
    same_for_all_cuts(|| Reader::new(shape, values), wire, &size);
}
