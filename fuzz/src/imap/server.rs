//! The server's machine under an application that answers by a plan.

use std::num::NonZeroU32;

use bytes::{Bytes, BytesMut};
use mailwire_imap::{
    ClearText, Server, State,
    command::{CommandBody, Mechanism},
    encode::Literals,
    flag::{Flag, Flags},
    frame::{ResponseFrame, Responses},
    response::{Fetch, Response, Section, Tolerances, Vanished},
    sequence::SequenceSet,
    server::{
        Access, Config, Done, Event, Extension, Extensions, Greeting, Misuse, Owed, Selected,
        StartTls,
    },
};

use crate::{
    Target,
    machine::{Application, Log, same_for_all_cuts},
    take_octet,
};

pub(crate) const IMAP_SERVER: Target = Target {
    name: "imap_server",
    run: session,
    seeds: &[
        b"\x00\x00\x05a CAPABILITY\r\nb LOGIN bob {6}\r\nsecret\r\nc SELECT INBOX\r\nd FETCH 1:* (FLAGS BODY[])\r\ne IDLE\r\nDONE\r\n\
          f STORE 1 +FLAGS (\\Deleted)\r\ng EXPUNGE\r\nh CLOSE\r\ni LOGOUT\r\n",
        b"\x02\x07\x03a AUTHENTICATE PLAIN\r\nAGJvYgBzZWNyZXQ=\r\nb AUTHENTICATE LOGIN\r\n*\r\nc STARTTLS\r\nd NOOP\r\n",
        b"\x24\x00\x05a APPEND Sent (\\Seen) {5+}\r\nhello {3+}\r\nabc\r\nb APPEND x UTF8 (~{3+}\r\nabc)\r\nc APPEND x {4}\r\nabcd\r\nd NOOP\r\n",
        b"\x20\x2b\x05a ENABLE CONDSTORE QRESYNC IMAP4rev2\r\nb SELECT x (QRESYNC (1 2 1:9))\r\nc UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)\r\n\
          d UID SEARCH RETURN (MIN COUNT) TEXT {3+}\r\nabc\r\ne SORT (DATE) UTF-8 ALL\r\nf THREAD REFERENCES UTF-8 ALL\r\ng MOVE 1 y\r\n\
          h UNSELECT\r\ni EXAMINE y (CONDSTORE)\r\nj STORE 1 FLAGS ()\r\n",
        b"\x30\x91\x02a IDLE\r\nx\r\nb APPEND x {99}\r\nc LIST \"\" *\r\nd XYZZY {300+}\r\n\r\ne ID (\"name\" \"x\")\r\n",
        b"\x12\x05\x09GET / HTTP/1.1\r\n",
    ],
};

const ONE: NonZeroU32 = NonZeroU32::MIN;

/// An application that answers by a plan.
pub(super) struct Host {
    server: Server,
    plan: u32,
    /// Whether it answers in pieces, and how many responses are left.
    streams: Option<u8>,
    /// Whether it gives the message of an APPEND up, which it has not said yet.
    refuses: bool,
    /// Whether it has said so: what comes then is nobody's business.
    refused: bool,
}

impl Host {
    pub(super) fn new(shape: u8, plan: u8) -> Self {
        Self {
            server: Server::new(config(shape)),
            plan: plan.into(),
            streams: None,
            refuses: false,
            refused: false,
        }
    }

    /// The next part of the plan; always 0 where there is none.
    fn choose(&mut self, of: u32) -> u32 {
        let choice = self.plan % of;
        if self.plan != 0 {
            self.plan = self.plan.wrapping_mul(0x9e37).rotate_left(7) + 1;
        }
        choice
    }

    /// Does something that may be a misuse, which then changes nothing.
    fn attempt(&mut self, call: impl FnOnce(&mut Server) -> Result<(), Misuse>) -> bool {
        let before = self.state();
        let done = call(&mut self.server);
        if done.is_err() {
            assert_eq!(self.state(), before, "{done:?} changes nothing");
        }
        done.is_ok()
    }

    fn state(&self) -> (Option<Owed>, State, Option<Access>, Extensions, u64, usize) {
        let server = &self.server;
        (
            server.owed(),
            server.state(),
            server.access(),
            server.enabled(),
            server.body_left(),
            server.queued(),
        )
    }

    /// Something that fits, or does not.
    fn blunder(&mut self) {
        match self.choose(9) {
            0 => {}
            1 => drop(self.attempt(|server| server.challenge(&[b'x'; 20_000]))),
            2 => drop(self.attempt(|server| server.write_body(Bytes::from_static(b"abc")))),
            3 if self.server.owed() != Some(Owed::Select) => {
                self.attempt(|server| server.announce(&mailbox()));
            }
            4 => drop(self.attempt(|server| server.push(&Response::Expunge(ONE)))),
            5 if !matches!(self.server.owed(), Some(Owed::Login | Owed::Auth)) => {
                self.attempt(Server::accept_login);
            }
            6 => drop(self.attempt(|server| server.push(&Response::Exists(7)))),
            7 if self.server.owed().is_none() => {
                self.attempt(Server::stream);
                self.attempt(Server::accept);
                self.attempt(|server| server.reply(&Done::ok("no")));
            }
            _ => {
                let tagged = Response::parse(Bytes::from_static(b"x OK done"), Tolerances::NONE);
                if let Ok((tagged, _)) = tagged {
                    assert!(!self.attempt(|server| server.push(&tagged)));
                }
            }
        }
    }

    fn answer(&mut self) {
        self.blunder();
        let Some(owed) = self.server.owed() else {
            return;
        };
        let choice = self.choose(7);
        let done = match (owed, choice) {
            (Owed::Login | Owed::Auth, 0..=4) => self.attempt(Server::accept_login),
            (Owed::Auth, 5) => self.attempt(|server| server.challenge(b"challenge")),
            (Owed::Login | Owed::Auth, _) => self.refuse(&Done::wrong_credentials()),
            (Owed::Select, 0..=3) => self.attempt(|server| server.open(&mailbox())),
            (Owed::Select, 4) => {
                self.attempt(|server| server.announce(&mailbox())) && self.stream()
            }
            (Owed::Append | Owed::AppendNext, 0..=4) => {
                self.refuses = choice == 4;
                self.attempt(Server::accept)
            }
            (Owed::AppendEnd, 1) => {
                self.attempt(|server| server.appended(ONE, &SequenceSet::one(ONE)))
            }
            (Owed::AppendEnd | Owed::Command, 2) => self.stream(),
            (Owed::AppendEnd | Owed::Command, 0..=5) => {
                self.push(choice);
                self.server.body_left() > 0 || self.attempt(Server::accept)
            }
            _ => self.refuse(&Done::no("by plan")),
        };
        assert!(done, "{owed:?} is answered");
    }

    fn refuse(&mut self, done: &Done) -> bool {
        self.attempt(|server| server.reply(done))
    }

    fn stream(&mut self) -> bool {
        self.streams = Some(3);
        self.attempt(Server::stream)
    }

    /// Some untagged responses, or those of them that fit.
    fn push(&mut self, choice: u32) {
        let flags: Flags = [Flag::Seen, Flag::Recent].into_iter().collect();
        let told = Fetch::builder(ONE)
            .uid(ONE)
            .flags(&flags)
            .mod_seq(9)
            .build();
        self.attempt(|server| server.push_fetch(&told));
        self.attempt(|server| server.push(&Response::Exists(8)));
        self.attempt(|server| {
            server.push(&Response::Vanished(Vanished::now(&SequenceSet::one(ONE))))
        });
        if let Ok(section) = Section::of(b"1.MIME")
            && choice == 0
        {
            let streamed = Fetch::builder(ONE)
                .streamed_section(section, Some(2), 0)
                .streamed_section(section, None, 12)
                .uid(ONE)
                .streamed_binary(section, None, 3)
                .build();
            self.attempt(|server| server.push_fetch(&streamed));
        }
    }
}

fn config(shape: u8) -> Config {
    let mut config = Config::new("mail.example");
    if shape & 1 != 0 {
        config.start_tls = StartTls::Offered;
    }
    if shape & 2 != 0 {
        let names = [&b"PLAIN"[..], b"LOGIN", b"SCRAM-SHA-256"];
        config.mechanisms = names.into_iter().filter_map(Mechanism::new).collect();
    }
    if shape & 4 != 0 {
        config.literals = Literals::Plus;
    }
    if shape & 8 == 0 {
        config.clear_text = ClearText::Permitted;
    }
    if shape & 16 != 0 {
        // Small ones, so that a short input comes to them.
        config.limits.literal = 16;
        config.limits.literal_before_login = 8;
        config.limits.line = 64;
        config.limits.command = 96;
        config.limits.swallow = 64;
        config.limits.message = 20;
        config.limits.bad_commands = 2;
        config.limits.auth_failures = 1;
        config.limits.idle_commands = 2;
    }
    if shape & 32 != 0 {
        config.greeting = Greeting::PreAuth;
    }
    if shape & 64 == 0 {
        config.extensions = Extensions::none().with(Extension::Imap4Rev2);
        for extension in [
            Extension::AppendLimit,
            Extension::Binary,
            Extension::CondStore,
            Extension::Id,
            Extension::MultiAppend,
            Extension::QResync,
            Extension::Sort,
            Extension::ThreadReferences,
            Extension::Utf8Accept,
            Extension::Within,
        ] {
            config.extensions = config.extensions.with(extension);
        }
    }
    config
}

fn mailbox() -> Selected {
    let mut mailbox = Selected::new(Access::ReadWrite, ONE, ONE);
    mailbox.exists = 9;
    mailbox.highest_mod_seq = Some(77);
    mailbox
}

impl Application for Host {
    type Machine = Server;

    fn machine(&mut self) -> &mut Server {
        &mut self.server
    }

    fn handle(&mut self, event: Event, log: &mut Log) {
        match event {
            Event::Body(octets) => {
                if self.refuses {
                    (self.refuses, self.refused) = (false, true);
                    assert!(self.refuse(&Done::no("by plan")));
                }
                if !self.refused {
                    log.octets("body", &octets);
                }
                return;
            }
            Event::Append { .. } | Event::AppendNext { .. } => {
                (self.refuses, self.refused) = (false, false);
            }
            Event::Command(CommandBody::Unknown(_)) => unreachable!("it was not offered"),
            _ => {}
        }
        let idles = event == Event::Idle;
        log.entry("event", event);
        if idles {
            self.push(1);
            self.attempt(|server| server.push(&Response::Expunge(ONE)));
        }
        self.answer();
    }

    fn write(&mut self) {
        let left = usize::try_from(self.server.body_left().min(5)).unwrap_or_default();
        if left > 0 {
            let octets = Bytes::from_static(b"abcde").split_to(left);
            assert!(!self.attempt(Server::accept), "a literal is open");
            assert!(self.attempt(|server| server.write_body(octets)));
        }
        if self.server.body_left() > 0 {
            return;
        }
        if let Some(left) = self.streams.take_if(|left| *left > 0) {
            self.streams = Some(left - 1);
            self.push(u32::from(left) % 2);
        } else {
            self.streams = None;
            assert!(self.attempt(Server::accept) || self.refuse(&Done::no("by plan")));
        }
    }
}

fn session(mut data: &[u8]) {
    let (shape, plan) = (take_octet(&mut data), take_octet(&mut data));
    let size = [take_octet(&mut data)];
    let log = same_for_all_cuts(|| Host::new(shape, plan), data, &size);
    readable(&log.said());
}

/// What a server says is what a strict client reads.
fn readable(said: &[u8]) {
    let (mut responses, mut input) = (Responses::new(), BytesMut::from(said));
    loop {
        match responses.next(&mut input) {
            ResponseFrame::Whole(frame) => {
                let read = Response::parse(frame.clone(), Tolerances::NONE);
                assert!(read.is_ok(), "{}: {read:?}", frame.escape_ascii());
            }
            ResponseFrame::NeedInput => break,
            other => unreachable!("{other:?}"),
        }
    }
    assert!(input.is_empty(), "{}", input.escape_ascii());
}
