//! What the tests of the machines share: a peer that says fixed octets, and an application that
//! takes everything.

use std::sync::Arc;

use bytes::BytesMut;
use mailwire_core::machine::{Answer, Machine, Step};
use mailwire_smtp::{
    reply::Reply,
    server::{Config, Event, ProtocolError, Server},
};

/// A message that the application was given up to its end.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Message {
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) body: Vec<u8>,
}

/// What came of a dialogue.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) messages: Vec<Message>,
    /// All that the server said.
    pub(crate) said: Vec<u8>,
    pub(crate) resets: Vec<String>,
    pub(crate) events: Vec<String>,
    pub(crate) closed: Option<Result<(), ProtocolError>>,
}

impl Outcome {
    /// The codes of the replies, one for each, the last line of each counting.
    pub(crate) fn codes(&self) -> Vec<u16> {
        let text = String::from_utf8(self.said.clone()).unwrap();
        let last = text
            .lines()
            .filter(|line| line.as_bytes().get(3) == Some(&b' '));
        last.map(|line| line[..3].parse().unwrap()).collect()
    }
}

/// An application that accepts everything, and a server for it.
pub(crate) struct Host {
    pub(crate) server: Server,
    pub(crate) input: BytesMut,
    current: Message,
    outcome: Outcome,
    /// The answer to a message, if it is not `Accept`.
    pub(crate) verdict: Option<Reply>,
}

impl Host {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            server: Server::new(Arc::new(config)),
            input: BytesMut::new(),
            current: Message::default(),
            outcome: Outcome {
                messages: Vec::new(),
                said: Vec::new(),
                resets: Vec::new(),
                events: Vec::new(),
                closed: None,
            },
            verdict: None,
        }
    }

    /// Steps until more input is needed or the end has come.
    pub(crate) fn run(&mut self) {
        loop {
            match self.server.step(&mut self.input) {
                Step::Transmit(octets) => self.outcome.said.extend_from_slice(&octets),
                Step::Event(event) => self.take(event),
                Step::Close(how) => {
                    self.outcome.closed = Some(how);
                    return;
                }
                Step::NeedInput => return,
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) fn feed(&mut self, octets: &[u8]) {
        if self.outcome.closed.is_none() {
            self.input.extend_from_slice(octets);
            self.run();
        }
    }

    fn take(&mut self, event: Event) {
        self.outcome.events.push(format!("{event:?}"));
        let answer = match event {
            Event::Mail(mail) => {
                self.current = Message {
                    from: mail.from.to_string(),
                    ..Message::default()
                };
                Answer::Accept
            }
            Event::Rcpt(rcpt) => {
                self.current.to.push(rcpt.to.to_string());
                Answer::Accept
            }
            Event::Body(octets) => {
                // Joined, so that the cuts of the input do not show.
                self.outcome.events.pop();
                self.current.body.extend_from_slice(&octets);
                Answer::Nothing
            }
            Event::BodyEnd(end) => {
                assert_eq!(end.octets, self.current.body.len() as u64);
                assert_eq!(end.recipients, self.current.to.len());
                let whole = std::mem::take(&mut self.current);
                match &self.verdict {
                    None => {
                        self.outcome.messages.push(whole);
                        Answer::Accept
                    }
                    Some(reply) => Answer::Reply(reply.clone()),
                }
            }
            Event::Reset(why) => {
                self.current = Message::default();
                self.outcome.resets.push(why.to_string());
                Answer::Nothing
            }
            _ if self.server.owed().is_some() => Answer::Accept,
            _ => Answer::Nothing,
        };
        self.server.answer(answer).unwrap();
    }

    pub(crate) fn finish(self) -> Outcome {
        self.outcome
    }
}

pub(crate) fn config() -> Config {
    Config::smtp("mx.example".parse().unwrap())
}

/// Everything in one dialogue, cut as `cuts` says; the server says its greeting first.
pub(crate) fn dialogue(
    config: Config,
    octets: &[u8],
    mut cuts: impl FnMut(usize) -> usize,
) -> Outcome {
    let mut host = Host::new(config);
    host.run();
    let mut rest = octets;
    while !rest.is_empty() {
        let size = cuts(rest.len()).clamp(1, rest.len());
        host.feed(&rest[..size]);
        rest = &rest[size..];
    }
    host.finish()
}

/// A small generator with a fixed seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }
}
