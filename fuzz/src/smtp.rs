//! SMTP, submission and LMTP sessions, either side.

use std::sync::Arc;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use mailwire_core::dot::NulOctets;
use mailwire_smtp::{
    client::{self, Client},
    command::Command,
    extension::Extension,
    params::BodyType,
    reply::{Code, Reply},
    server::{self, AuthOver, LineBreaks, Pipelining, Server, StartTls},
};

use crate::{
    Target,
    machine::{Application, Log, play, same_for_all_cuts},
    take_octet,
};

pub(crate) const SMTP_SERVER: Target = Target {
    name: "smtp_server",
    run: server_session,
    seeds: &[
        b"\x00\x00\x00\x05EHLO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n\
          Subject: t\r\n\r\nA\r\n.\r\nQUIT\r\n",
        b"\x02\x00\x00\x05LHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nRCPT TO:<e@d.example>\r\n\
          DATA\r\n..\r\n.\r\nRSET\r\nNOOP\r\n",
        b"\x18\x00\x00\x05EHLO c.example\r\nAUTH PLAIN AGJvYgBzZWNyZXQ=\r\nMAIL FROM:<a@b.example> SIZE=9\r\nSTARTTLS\r\n",
        b"\x00\x01\x09\x05EHLO c.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n\
          A\n.\nMAIL FROM:<evil@x>\r\n.\r\n",
    ],
};

pub(crate) const SMTP_BDAT: Target = Target {
    name: "smtp_bdat",
    run: bdat_session,
    seeds: &[
        b"\x00\x00\x05BDAT 4\r\nA\r\nBBDAT 2 LAST\r\n\r\n",
        b"\x00\x00\x01BDAT 0 LAST\r\nBDAT 3\r\nabcMAIL FROM:<a@b.example>\r\n",
        b"\x01\x03\x02BDAT 99999999999999999999\r\nBDAT 2 \r\nxxBDAT 1 LAST x\r\ny",
    ],
};

pub(crate) const SMTP_CLIENT: Target = Target {
    name: "smtp_client",
    run: client_session,
    seeds: &[
        b"\x00\x00\x05220 mx\r\n250-mx\r\n250-PIPELINING\r\n250 SIZE 10\r\n250 ok\r\n250 ok\r\n354 go\r\n250 done\r\n221 bye\r\n",
        b"\x01\x00\x05220 mx\r\n250-mx\r\n250 CHUNKING\r\n250 ok\r\n550 no\r\n250 ok\r\n250 done\r\n",
        b"\x02\x00\x05220 mx\r\n250-mx\r\n250 AUTH PLAIN LOGIN\r\n334 VXNlcm5hbWU6\r\n235 2.7.0 ok\r\n",
        b"\x00\x00\x05554 go away\r\n",
    ],
};

/// A server whose application answers by a plan.
pub(crate) struct Host {
    pub(crate) server: Server,
    /// Turned on with each answer.
    plan: u32,
}

impl Host {
    pub(crate) fn new(shape: u8, limits: u8, plan: u8) -> Self {
        Self {
            server: Server::new(Arc::new(config(shape, limits))),
            plan: plan.into(),
        }
    }

    /// An answer for what is owed, mostly a positive one. A wrong one must change nothing.
    pub(crate) fn answer(&mut self, recipients: usize) {
        let Some(owed) = self.server.owed() else {
            return;
        };
        let choice = self.plan % 11;
        self.plan = if self.plan == 0 {
            0
        } else {
            self.plan.wrapping_mul(0x9e37).rotate_left(7) + 1
        };
        let reply = |code| Reply::new(code, None, "by plan");
        let (refused, later) = (Code::of::<550>(), Code::of::<450>());
        let first = match choice {
            0..=5 => self.server.accept(),
            6 => self.server.reply(reply(refused)),
            7 => self.server.reply(reply(later)),
            8 => self.server.challenge(&b"challenge"[..]),
            9 => {
                let codes = [Code::OK, refused, later].into_iter().cycle();
                self.server
                    .reply_each(codes.take(recipients).map(reply).collect())
            }
            _ => self.server.reply(reply(Code::of::<421>())),
        };
        if first.is_err() {
            assert_eq!(self.server.owed(), Some(owed), "a misuse changes nothing");
            let second = self
                .server
                .accept()
                .or_else(|_| self.server.reply(reply(refused)));
            assert_eq!(second, Ok(()), "{owed:?}");
        }
    }
}

fn config(shape: u8, limits: u8) -> server::Config {
    let host = "mx.example".parse();
    let Ok(host) = host else {
        unreachable!("a valid name");
    };
    let mut config = match shape % 3 {
        0 => server::Config::smtp(host),
        1 => server::Config::submission(host),
        _ => server::Config::lmtp(host),
    };
    if shape & 4 != 0 {
        config.start_tls = StartTls::Offered;
    }
    if shape & 8 != 0 {
        config.auth_over = AuthOver::TlsOrClearText;
        config.mechanisms = ["PLAIN", "LOGIN", "SCRAM-SHA-256"]
            .into_iter()
            .filter_map(|name| name.parse().ok())
            .collect();
    }
    if shape & 16 != 0 {
        let more = [Extension::BinaryMime, Extension::Dsn];
        config.extensions = more
            .into_iter()
            .fold(config.extensions, server::Extensions::with);
    }
    config.line_breaks = match shape >> 5 & 3 {
        0 | 1 => LineBreaks::Reject,
        2 => LineBreaks::Normalize,
        _ => LineBreaks::RejectAndClose,
    };
    if shape & 128 != 0 {
        config.nul = NulOctets::Keep;
    }
    // Small limits are met in short inputs.
    if limits & 1 != 0 {
        config.limits.message = 40;
        config.limits.drain = 120;
    }
    if limits & 2 != 0 {
        config.limits.recipients = 2;
        config.limits.chunks = 3;
    }
    if limits & 4 != 0 {
        config.limits.bad_commands = 2;
        config.limits.idle_commands = 3;
    }
    config.pipelining = match limits >> 4 & 3 {
        2 => Pipelining::Strict,
        3 => Pipelining::Off,
        _ => Pipelining::Offered,
    };
    config
}

impl Application for Host {
    type Machine = Server;

    fn machine(&mut self) -> &mut Server {
        &mut self.server
    }

    fn handle(&mut self, event: server::Event, log: &mut Log) {
        let mut recipients = 0;
        match event {
            server::Event::Body(octets) => log.octets("body", &octets),
            other => {
                if let server::Event::BodyEnd(end) = &other {
                    recipients = end.recipients;
                }
                log.entry("event", other);
            }
        }
        self.answer(recipients);
    }

    fn write(&mut self) {
        unreachable!("an SMTP server sends no body");
    }
}

fn server_session(mut data: &[u8]) {
    let (shape, limits) = (take_octet(&mut data), take_octet(&mut data));
    let (plan, size) = (take_octet(&mut data), [take_octet(&mut data)]);
    session(shape, limits, plan, &size, data);
}

fn session(shape: u8, limits: u8, plan: u8, size: &[u8], wire: &[u8]) {
    let open = || Host::new(shape, limits, plan);
    if limits & 32 == 0 {
        same_for_all_cuts(open, wire, size);
    } else {
        // What must not stand behind a command is refused where it stands there already.
        play(open(), [wire]);
        play(open(), wire.chunks(1));
    }
}

/// Straight into a transaction with chunks.
fn bdat_session(mut data: &[u8]) {
    let (limits, plan) = (take_octet(&mut data), take_octet(&mut data));
    let size = [take_octet(&mut data)];
    let front =
        b"EHLO c.example\r\nMAIL FROM:<a@b.example> BODY=BINARYMIME\r\nRCPT TO:<c@d.example>\r\n";
    let wire = [&front[..], data].concat();
    session(16, limits & 0x0f, plan, &size, &wire);
}

/// A client that sends a message, or logs in, or sends what the input makes of it.
struct Sender {
    client: Client,
    body: Bytes,
}

impl Sender {
    fn new(shape: u8, values: &[u8]) -> Self {
        let mut config = if shape & 4 == 0 {
            client::Config::smtp()
        } else {
            client::Config::lmtp()
        };
        config.auth_over = client::AuthOver::TlsOrClearText;
        if shape & 8 != 0 {
            config.pipelining = client::Pipelining::Never;
        }
        let mut client = Client::new(config);
        let mut unstructured = Unstructured::new(values);
        let hello = if shape & 4 == 0 {
            "EHLO c.example"
        } else {
            "LHLO c.example"
        };
        let lines: &[&str] = match shape % 4 {
            0 | 1 => &[
                "MAIL FROM:<a@b.example>",
                "RCPT TO:<c@d.example>",
                "RCPT TO:<e@d.example>",
            ],
            2 => &["AUTH PLAIN AGJvYgBzZWNyZXQ="],
            _ => &["STARTTLS"],
        };
        for line in [hello].iter().chain(lines) {
            if let Ok(command) = Command::parse((*line).into()) {
                // What may not be sent is refused, and changes nothing.
                let _ = client.send(command).is_err();
            }
        }
        if shape % 4 < 2 {
            let _ = client.send_body(BodyType::EightBitMime).is_err();
        }
        while !unstructured.is_empty() {
            let Ok(command) = Command::arbitrary(&mut unstructured) else {
                break;
            };
            let _ = client.send(command).is_err();
        }
        let _ = client.send(Command::Quit).is_err();
        Self {
            client,
            body: Bytes::from_static(b"Subject: t\r\n\r\n.\r\n..a\r\nend"),
        }
    }
}

impl Application for Sender {
    type Machine = Client;

    fn machine(&mut self) -> &mut Client {
        &mut self.client
    }

    fn handle(&mut self, event: client::Event, log: &mut Log) {
        if let client::Event::Challenge { challenge, .. } = &event {
            let answered = if challenge.expose().len() % 3 == 0 {
                self.client.cancel_auth()
            } else {
                self.client.respond(b"response")
            };
            assert_eq!(answered, Ok(()));
        }
        log.entry("event", event);
    }

    fn write(&mut self) {
        let piece = self.body.split_to(self.body.len().min(9));
        let done = if piece.is_empty() {
            self.client.end_body()
        } else {
            self.client.write_body(piece)
        };
        assert_eq!(done, Ok(()));
    }
}

fn client_session(mut data: &[u8]) {
    let (shape, values) = (take_octet(&mut data), take_octet(&mut data));
    let size = [take_octet(&mut data)];
    let (values, wire) = data.split_at_checked(values.into()).unwrap_or((&[], data));
    same_for_all_cuts(|| Sender::new(shape, values), wire, &size);
}
