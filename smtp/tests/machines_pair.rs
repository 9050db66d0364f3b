//! Our client against our server, in memory, with random cuts.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use mailwire_core::machine::{Machine, Step};
use mailwire_smtp::{
    client::{self, Chunking, Client, Envelope, Outcome, Progress, Transaction},
    command::Command,
    extension::Extension,
    params::BodyType,
    reply::{Code, EnhancedCode, Reply},
    server::{Config, Event, Mode, Pipelining, Server},
};

use crate::machines_stage::{Message, Random};

/// Two machines and what is between them.
struct Pair {
    client: Client,
    server: Server,
    to_client: Vec<u8>,
    to_server: Vec<u8>,
    client_input: BytesMut,
    server_input: BytesMut,
    current: Message,
    kept: Vec<Message>,
    random: Random,
    /// Recipients that are refused begin with this.
    refused: &'static str,
    /// Whether the server may have to refuse something by itself.
    expects: Expects,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Expects {
    Order,
    Refusals,
}

/// What stopped a client.
#[derive(Debug)]
enum Stop {
    Event(client::Event),
    NeedBody,
    Closed,
    Quiet,
}

impl Pair {
    fn new(server: Config, client: client::Config, seed: u64) -> Self {
        Self {
            client: Client::new(client),
            server: Server::new(Arc::new(server)),
            to_client: Vec::new(),
            to_server: Vec::new(),
            client_input: BytesMut::new(),
            server_input: BytesMut::new(),
            current: Message::default(),
            kept: Vec::new(),
            random: Random::new(seed),
            refused: "no",
            expects: Expects::Order,
        }
    }

    /// Moves a random part of what is on the wire.
    fn carry(random: &mut Random, wire: &mut Vec<u8>, input: &mut BytesMut) -> bool {
        if wire.is_empty() {
            return false;
        }
        let most = wire.len().min(if wire.len() > 4_096 { 4_096 } else { 64 });
        let size = 1 + random.below(most);
        input.extend_from_slice(&wire[..size]);
        wire.drain(..size);
        true
    }

    fn serve(&mut self) {
        loop {
            match self.server.step(&mut self.server_input) {
                Step::Transmit(octets) => self.to_client.extend_from_slice(&octets),
                Step::Event(event) => self.answer(event),
                Step::NeedInput | Step::Close(Ok(())) => return,
                other => panic!("{other:?}"),
            }
        }
    }

    fn answer(&mut self, event: Event) {
        match event {
            Event::Mail(mail) => {
                self.current = Message {
                    from: mail.from.to_string(),
                    ..Message::default()
                };
            }
            Event::Rcpt(rcpt) => {
                let to = rcpt.to.to_string();
                if to.starts_with(&format!("<{}", self.refused)) {
                    let refusal = EnhancedCode::of::<5, 1, 1>();
                    return self
                        .server
                        .reply(Reply::new(Code::MAILBOX_UNAVAILABLE, refusal, "no"))
                        .unwrap();
                }
                self.current.to.push(to);
            }
            Event::Body(octets) => return self.current.body.extend_from_slice(&octets),
            Event::BodyEnd(_) => {
                let message = std::mem::take(&mut self.current);
                let each: Vec<Reply> = message
                    .to
                    .iter()
                    .map(|to| Reply::new(Code::OK, None, to))
                    .collect();
                self.kept.push(message);
                if self.server.config().mode == Mode::Lmtp {
                    return self.server.reply_each(each).unwrap();
                }
            }
            Event::Reset(_) => return self.current = Message::default(),
            Event::Invalid(_) if self.expects == Expects::Refusals => {}
            Event::Invalid(invalid) => panic!("our client said something invalid: {invalid}"),
            _ => {}
        }
        if self.server.owed().is_some() {
            self.server.accept().unwrap();
        }
    }

    /// Goes on until the client stops for something; never may both wait.
    fn turn(&mut self) -> Stop {
        loop {
            match self.client.step(&mut self.client_input) {
                Step::Transmit(octets) => self.to_server.extend_from_slice(&octets),
                Step::Event(event) => return Stop::Event(event),
                Step::NeedBody if self.random.below(2) == 0 => return Stop::NeedBody,
                Step::NeedBody | Step::NeedInput => {
                    let mut moved = Self::carry(
                        &mut self.random,
                        &mut self.to_server,
                        &mut self.server_input,
                    );
                    self.serve();
                    moved |= Self::carry(
                        &mut self.random,
                        &mut self.to_client,
                        &mut self.client_input,
                    );
                    if !moved {
                        return if self.client.is_idle() {
                            Stop::Quiet
                        } else {
                            Stop::NeedBody
                        };
                    }
                }
                Step::Close(how) => {
                    how.unwrap();
                    return Stop::Closed;
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn say(&mut self, command: Command) {
        self.client.send(command).unwrap();
        while !matches!(self.turn(), Stop::Event(client::Event::Reply { .. })) {}
    }

    fn hello(&mut self) {
        let client = "client.example".parse().unwrap();
        let hello = match self.client.config().protocol {
            client::Protocol::Smtp => Command::Ehlo { client },
            client::Protocol::Lmtp => Command::Lhlo { client },
        };
        self.say(hello);
    }

    /// Sends one message in random pieces.
    fn send(&mut self, envelope: Envelope, body: &[u8]) -> Vec<Outcome> {
        let mut transaction = Transaction::begin(&mut self.client, envelope).unwrap();
        let mut rest = body;
        let mut wanted = false;
        loop {
            match self.turn() {
                Stop::Event(event) => match transaction.handle(&mut self.client, event) {
                    Progress::Waiting => {}
                    Progress::WantsBody => wanted = true,
                    Progress::Done => return transaction.outcomes(),
                },
                Stop::NeedBody if wanted && rest.is_empty() => {
                    transaction.end_body(&mut self.client).unwrap();
                    wanted = false;
                }
                Stop::NeedBody if wanted => {
                    let size = (1 + self.random.below(30_000)).min(rest.len());
                    transaction
                        .write_body(&mut self.client, Bytes::copy_from_slice(&rest[..size]))
                        .unwrap();
                    rest = &rest[size..];
                }
                Stop::NeedBody => {}
                stop => panic!("{stop:?}"),
            }
        }
    }
}

fn lines(random: &mut Random, most: usize) -> Vec<u8> {
    let mut body = Vec::new();
    for _ in 0..random.below(most) {
        match random.below(4) {
            0 => body.extend_from_slice(b".\r\n"),
            1 => body.extend_from_slice(b"..x\r\n"),
            2 => body.extend_from_slice(b"\r\n"),
            _ => {
                let size = random.below(200);
                body.extend((0..size).map(|i| b'!' + (i % 90) as u8));
                body.extend_from_slice(b"\r\n");
            }
        }
    }
    body
}

fn envelope(recipients: &[&str], body: BodyType) -> Envelope {
    let mut envelope = Envelope::new("<alice@example.org>".parse().unwrap());
    for recipient in recipients {
        envelope.add(format!("<{recipient}@mx.example>").parse().unwrap());
    }
    envelope.body = body;
    envelope
}

fn server(number: u64) -> Config {
    let hostname = "mx.example".parse().unwrap();
    let mut config = if number.is_multiple_of(3) {
        Config::lmtp(hostname)
    } else {
        Config::smtp(hostname)
    };
    config.extensions = config.extensions.with(Extension::BinaryMime);
    if number % 2 == 1 {
        config.extensions = config.extensions.without(Extension::Chunking);
    }
    config.pipelining = match number % 5 {
        0 => Pipelining::Off,
        1 => Pipelining::Strict,
        _ => Pipelining::Offered,
    };
    config
}

fn client(number: u64) -> client::Config {
    let mut config = if number.is_multiple_of(3) {
        client::Config::lmtp()
    } else {
        client::Config::smtp()
    };
    if number % 7 == 1 {
        config.chunking = Chunking::OnlyForBinary;
    }
    if number % 7 == 2 {
        config.pipelining = client::Pipelining::Never;
    }
    config
}

#[test]
fn all_1_messages_arrive_whole_at_any_cut() {
    for seed in 0..210 {
        let mut pair = Pair::new(server(seed), client(seed), seed);
        pair.hello();
        for _ in 0..3 {
            let body = lines(&mut Random::new(seed + 1_000), 40);
            let outcomes = pair.send(
                envelope(&["bob", "no-one", "carol"], BodyType::SevenBit),
                &body,
            );
            assert!(
                matches!(&outcomes[..], [Outcome::Delivered(_), Outcome::Rejected(refusal), Outcome::Delivered(_)]
                    if refusal.code() == Code::MAILBOX_UNAVAILABLE),
                "{seed}: {outcomes:?}"
            );
            let kept = pair.kept.pop().unwrap();
            assert_eq!(kept.body, body, "{seed}");
            assert_eq!(kept.to, ["<bob@mx.example>", "<carol@mx.example>"]);
            assert_eq!(kept.from, "<alice@example.org>");
        }
        pair.say(Command::Noop { text: None });
        pair.client.send(Command::Quit).unwrap();
        while !matches!(pair.turn(), Stop::Closed) {}
    }
}

#[test]
fn large_messages_in_chunks_and_in_lines() {
    for seed in [2, 3, 4, 5, 16] {
        let mut pair = Pair::new(server(seed), client(seed), seed);
        pair.hello();
        let body =
            b"0123456789012345678901234567890123456789012345678901234567890\r\n.\r\n".repeat(6_000);
        let outcomes = pair.send(envelope(&["bob"], BodyType::EightBitMime), &body);
        assert!(
            matches!(outcomes[..], [Outcome::Delivered(_)]),
            "{outcomes:?}"
        );
        assert!(pair.kept[0].body == body, "seed {seed}");
    }
}

#[test]
fn binary_messages_are_kept_octet_by_octet() {
    let body: Vec<u8> = (0..200_000_u32)
        .map(|i| (i.wrapping_mul(i) / 7) as u8)
        .collect();
    let mut pair = Pair::new(server(2), client(2), 9);
    pair.hello();
    let outcomes = pair.send(envelope(&["bob"], BodyType::BinaryMime), &body);
    assert!(
        matches!(outcomes[..], [Outcome::Delivered(_)]),
        "{outcomes:?}"
    );
    assert!(pair.kept[0].body == body);
}

#[test]
fn smtp_31_nothing_is_sent_when_nobody_is_left() {
    for seed in 0..60 {
        let mut pair = Pair::new(server(seed), client(seed), seed);
        pair.hello();
        if pair.client.pipelines() && !pair.client.chunks(BodyType::SevenBit) {
            // DATA goes out with the envelope, and its refusal is read.
            pair.expects = Expects::Refusals;
        }
        let outcomes = pair.send(
            envelope(&["no-one", "nobody"], BodyType::SevenBit),
            b"x\r\n",
        );
        assert!(
            matches!(outcomes[..], [Outcome::Rejected(_), Outcome::Rejected(_)]),
            "{outcomes:?}"
        );
        assert_eq!(pair.kept, []);
        // The client is ready for the next.
        let outcomes = pair.send(envelope(&["bob"], BodyType::SevenBit), b"x\r\n");
        assert!(
            matches!(outcomes[..], [Outcome::Delivered(_)]),
            "{outcomes:?}"
        );
    }
}

#[test]
fn smtp_53_each_of_many_recipients_has_its_own_outcome() {
    let names: Vec<String> = (0..1_200).map(|i| format!("user{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for seed in [2, 7, 15, 16] {
        let mut config = server(seed);
        config.limits.recipients = 1_000;
        let mut pair = Pair::new(config, client(seed), seed);
        pair.refused = "user11";
        pair.expects = Expects::Refusals;
        pair.hello();
        let outcomes = pair.send(envelope(&names, BodyType::SevenBit), b"x\r\n");
        let mut accepted = 0;
        for (name, outcome) in names.iter().zip(&outcomes) {
            match outcome {
                // It is not asked about the rest once there are too many.
                Outcome::Rejected(reply) if accepted == 1_000 => {
                    assert_eq!(reply.code().value(), 452)
                }
                Outcome::Rejected(reply) => {
                    assert!(name.starts_with("user11"));
                    assert_eq!(reply.code().value(), 550);
                }
                Outcome::Delivered(_) => accepted += 1,
                other => panic!("{name}: {other:?}"),
            }
        }
        assert_eq!(accepted, 1_000, "{seed}");
        assert_eq!(pair.kept[0].to.len(), 1_000);
    }
}
