//! An SMTP client and a server that talk to each other never both wait.

use arbitrary::{Arbitrary, Unstructured};
use bytes::{Bytes, BytesMut};
use mailwire_core::machine::{Machine, Step, TlsInfo, TlsVersion};
use mailwire_smtp::{
    client::{self, Client},
    command::Command,
    params::BodyType,
};

use crate::{
    Target,
    machine::{Application, Log},
    smtp::Host,
    take_octet,
};

pub(crate) const SMTP_PAIR: Target = Target {
    name: "smtp_pair",
    run,
    seeds: &[
        b"\x00\x00\x00\x00\x00",
        b"\x04\x00\x03\x01\x05abcdefgh",
        b"\x1c\x02\x07\x02\x09\x12\x34\x56\x78",
        b"\x02\x00\x05\x04\x03",
    ],
};

struct Talk {
    client: Client,
    host: Host,
    to_client: BytesMut,
    to_server: BytesMut,
    client_input: BytesMut,
    server_input: BytesMut,
    body: Bytes,
    /// How much arrives at once.
    size: usize,
}

/// What a turn of one side came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Turn {
    Moved,
    Waits,
    StartTls,
    Over,
}

fn run(mut data: &[u8]) {
    let (shape, limits) = (take_octet(&mut data), take_octet(&mut data));
    let (plan, kind) = (take_octet(&mut data), take_octet(&mut data));
    let size = usize::from(take_octet(&mut data)).max(1);
    let mut config = if shape % 3 == 2 {
        client::Config::lmtp()
    } else {
        client::Config::smtp()
    };
    config.auth_over = client::AuthOver::TlsOrClearText;
    if kind & 128 != 0 {
        config.chunking = client::Chunking::OnlyForBinary;
    }
    let mut talk = Talk {
        client: Client::new(config),
        host: Host::new(shape, limits & 0x0f, plan),
        to_client: BytesMut::new(),
        to_server: BytesMut::new(),
        client_input: BytesMut::new(),
        server_input: BytesMut::new(),
        body: Bytes::from_static(b"Subject: t\r\n\r\n.\r\n..a\r\nend"),
        size,
    };
    talk.queue(kind, shape % 3 == 2, data);
    talk.go();
}

impl Talk {
    fn queue(&mut self, kind: u8, lmtp: bool, values: &[u8]) {
        let hello = if lmtp {
            "LHLO c.example"
        } else {
            "EHLO c.example"
        };
        let mut lines = vec![hello];
        if kind & 1 != 0 {
            lines.extend(["STARTTLS", hello]);
        }
        if kind & 2 != 0 {
            lines.push("AUTH PLAIN AGJvYgBzZWNyZXQ=");
        }
        lines.extend([
            "MAIL FROM:<a@b.example>",
            "RCPT TO:<c@d.example>",
            "RCPT TO:<e@d.example>",
        ]);
        for line in lines {
            if let Ok(command) = Command::parse(line.into()) {
                let _ = self.client.send(command).is_err();
            }
        }
        let _ = self.client.send_body(BodyType::EightBitMime).is_err();
        let mut unstructured = Unstructured::new(values);
        while !unstructured.is_empty() {
            let Ok(command) = Command::arbitrary(&mut unstructured) else {
                break;
            };
            let _ = self.client.send(command).is_err();
        }
        let _ = self.client.send(Command::Quit).is_err();
    }

    fn go(&mut self) {
        let mut log = Log::default();
        for _ in 0..200_000 {
            let client = self.turn_client();
            let server = self.turn_server(&mut log);
            match (client, server) {
                (Turn::Over, _) | (_, Turn::Over) => return,
                (Turn::StartTls, Turn::StartTls) => {
                    assert!(self.client_input.is_empty() && self.server_input.is_empty());
                    let tls = || TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256");
                    self.client.tls_started(tls());
                    self.host.server.tls_started(tls());
                }
                (Turn::Moved, _) | (_, Turn::Moved) => {}
                _ if self.carry() => {}
                // Nothing is left to be said when the client has nothing to send.
                _ => {
                    assert!(
                        self.client.is_idle(),
                        "both wait: {:?} {log:?}",
                        self.client
                    );
                    return;
                }
            }
        }
        assert!(self.size == 0, "they go on for ever: {log:?}");
    }

    /// Brings some octets of each direction to the other side.
    fn carry(&mut self) -> bool {
        let there = (&mut self.to_client, &mut self.client_input);
        let back = (&mut self.to_server, &mut self.server_input);
        let mut carried = false;
        for (from, to) in [there, back] {
            let size = self.size.min(from.len());
            to.extend_from_slice(&from.split_to(size));
            carried |= size > 0;
        }
        carried
    }

    fn turn_client(&mut self) -> Turn {
        match self.client.step(&mut self.client_input) {
            Step::Transmit(octets) => self.to_server.extend_from_slice(&octets),
            Step::Event(client::Event::Challenge { challenge, .. }) => {
                let answered = if challenge.expose().is_empty() {
                    self.client.cancel_auth()
                } else {
                    self.client.respond(b"response")
                };
                assert_eq!(answered, Ok(()));
            }
            Step::Event(_) => {}
            Step::NeedBody => {
                let piece = self.body.split_to(self.body.len().min(7));
                let done = if piece.is_empty() {
                    self.client.end_body()
                } else {
                    self.client.write_body(piece)
                };
                assert_eq!(done, Ok(()));
            }
            Step::StartTls => return Turn::StartTls,
            Step::Close(result) => {
                assert!(
                    result.is_ok(),
                    "our server keeps to the protocol: {result:?}"
                );
                return Turn::Over;
            }
            _ => return Turn::Waits,
        }
        Turn::Moved
    }

    fn turn_server(&mut self, log: &mut Log) -> Turn {
        match self.host.server.step(&mut self.server_input) {
            Step::Transmit(octets) => {
                log.octets("server", &octets);
                self.to_client.extend_from_slice(&octets);
            }
            Step::Event(event) => self.host.handle(event, log),
            Step::StartTls => return Turn::StartTls,
            Step::Close(_) => return Turn::Over,
            _ => return Turn::Waits,
        }
        Turn::Moved
    }
}
