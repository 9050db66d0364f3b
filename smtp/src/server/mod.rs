//! The server machine: SMTP, submission and LMTP.
//!
//! Read first: RFC 5321 §4.1.4 (order of commands), RFC 2920 §3 (groups), RFC 3207 §4 (what TLS
//! makes one forget), RFC 4954 §4, RFC 3030 §2, RFC 2033 §4.2.
//!
//! ```text
//!            ┌───────────┐ EHLO ┌───────┐ MAIL ┌──────┐ RCPT ┌──────┐ DATA, BDAT   ┌──────┐
//!  220 ────► │ connected │─────►│ ready │─────►│ mail │─────►│ rcpt │─────────────►│ body │
//!            └───────────┘      └───────┘      └──────┘      └──────┘              └──────┘
//!                  ▲             │  ▲ │ ▲         │             │                    │
//!                  │  STARTTLS   │  │ │ └─────────┴─────────────┴────────────────────┘
//!                  └─────────────┘  │ │         RSET, EHLO, the end of the body
//!                                   └─┘ AUTH
//! ```
//!
//! The machine knows the order and enforces it; the application decides about names, senders,
//! recipients, credentials and messages, and is asked nothing else.
//!
//! Not here: XCLIENT, XFORWARD, ETRN and BURL, and everything about the content of messages.

mod answer;
mod auth;
mod body;
mod command;
mod config;
mod error;
mod event;
mod replies;
mod transaction;

use alloc::{boxed::Box, collections::VecDeque, sync::Arc};

use bytes::{Bytes, BytesMut};
use mailwire_core::{
    line::Lines,
    machine::{Eof, Machine, Patience, Side, Step, TlsInfo},
};

pub use config::{
    AuthOver, Config, Extensions, Limits, LineBreaks, MailAfter, Mode, Peer, Pipelining, StartTls,
};
pub use error::{Inside, Misuse, ProtocolError};
pub use event::{
    AuthStart, BodyEnd, BodyStart, Event, Hello, HelloVerb, Invalid, Mail, Rcpt, Reset, Transfer,
};

use self::{
    command::LineKind,
    replies::Said,
    transaction::{Body, Transaction},
};
use crate::reply::Reply;

/// The server's side of one connection.
///
/// ```
/// use std::sync::Arc;
/// use bytes::BytesMut;
/// use mailwire_core::machine::{Machine, Step};
/// use mailwire_smtp::server::{Config, Event, Server};
///
/// let mut server = Server::new(Arc::new(Config::smtp("mx.example".parse()?)));
/// let mut input = BytesMut::from("EHLO client.example\r\n");
/// let Step::Transmit(greeting) = server.step(&mut input) else { panic!() };
/// assert_eq!(greeting, "220 mx.example ESMTP\r\n");
/// let Step::Event(Event::Hello(hello)) = server.step(&mut input) else { panic!() };
/// assert_eq!(hello.client.to_string(), "client.example");
/// assert_eq!(server.step(&mut input), Step::NeedAnswer);
/// server.accept().unwrap();
/// let Step::Transmit(offer) = server.step(&mut input) else { panic!() };
/// assert!(offer.starts_with(b"250-mx.example\r\n250-PIPELINING\r\n"));
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
pub struct Server {
    config: Arc<Config>,
    tls: Option<Arc<TlsInfo>>,
    phase: Phase,
    owed: Option<Owed>,
    hello: Option<HelloVerb>,
    /// The greeting that waits for its answer.
    greeted_by: HelloVerb,
    login: Login,
    /// The MAIL that waits for its answer.
    next_transaction: Option<Box<Transaction>>,
    transaction: Option<Box<Transaction>>,
    /// Replies that were not handed out yet. They leave before any event.
    out: BytesMut,
    events: VecDeque<Event>,
    lines: Lines,
    line_kind: LineKind,
    bad_commands: u32,
    idle_commands: u32,
    auth_failures: u32,
    mark: u32,
    stopping: Stopping,
    expects: Expects,
}

/// What the next octets of the peer are, or what happens instead of reading them.
#[derive(Debug)]
enum Phase {
    /// Nothing was said yet.
    Greeting,
    Command,
    /// A response to a SASL challenge.
    AuthResponse,
    Data,
    Chunk {
        left: u64,
        last: bool,
    },
    /// A chunk that was refused; the refusal is said behind it.
    Skip {
        left: u64,
        then: Said,
    },
    StartTls,
    Closing(Result<(), ProtocolError>),
}

/// What the application owes an answer to.
///
/// ```
/// use mailwire_smtp::server::Owed;
/// assert_eq!(Owed::Rcpt.to_string(), "RCPT");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Owed {
    /// [`Event::Hello`].
    Hello,
    /// [`Event::AuthStart`] or [`Event::AuthResponse`].
    Auth,
    /// [`Event::Mail`].
    Mail,
    /// [`Event::Rcpt`].
    Rcpt,
    /// [`Event::BodyStart`].
    BodyStart,
    /// [`Event::BodyEnd`].
    BodyEnd,
    /// [`Event::Verify`].
    Verify,
    /// [`Event::Expand`].
    Expand,
}

impl core::fmt::Display for Owed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Hello => "EHLO",
            Self::Auth => "AUTH",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::BodyStart => "the start of a message",
            Self::BodyEnd => "the end of a message",
            Self::Verify => "VRFY",
            Self::Expand => "EXPN",
        })
    }
}

/// What the next line may be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Expects {
    Anything,
    /// A command, for DATA was refused: what is none is the message of a client that did not wait
    /// for the 354, and whoever wrote that message must not write commands.
    Command,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Login {
    Anonymous,
    Authenticated,
}

/// Whether the server goes on after the message under way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stopping {
    No,
    AfterMessage,
    /// The 421 is said already.
    Silently,
}

impl core::fmt::Debug for Server {
    // What waits to be sent may be a challenge that names a user.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Server")
            .field("phase", &self.phase)
            .field("owed", &self.owed)
            .field("login", &self.login)
            .finish_non_exhaustive()
    }
}

type ServerStep = Step<Event, ProtocolError>;

impl Server {
    /// A connection that was just accepted. Where TLS runs from the first octet, the driver calls
    /// [`Machine::tls_started`] before the first step.
    #[must_use]
    pub fn new(config: Arc<Config>) -> Self {
        let lines = Lines::new(config.limits.command_line);
        Self {
            config,
            tls: None,
            phase: Phase::Greeting,
            owed: None,
            hello: None,
            greeted_by: HelloVerb::Helo,
            login: Login::Anonymous,
            next_transaction: None,
            transaction: None,
            out: BytesMut::new(),
            events: VecDeque::new(),
            lines,
            line_kind: LineKind::Unknown,
            bad_commands: 0,
            idle_commands: 0,
            auth_failures: 0,
            mark: 0,
            stopping: Stopping::No,
            expects: Expects::Anything,
        }
    }

    /// A connection that is turned away with `reply` instead of a greeting, 554 or 421
    /// (RFC 5321 §3.1), for example because there are too many.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use bytes::BytesMut;
    /// use mailwire_core::machine::{Machine, Step};
    /// use mailwire_smtp::{reply::{Code, EnhancedCode, Reply}, server::{Config, Server}};
    ///
    /// let busy = Reply::new(Code::NOT_AVAILABLE, EnhancedCode::of::<4, 3, 2>(), "too busy");
    /// let mut server = Server::turning_away(Arc::new(Config::smtp("mx.example".parse()?)), &busy);
    /// let mut input = BytesMut::new();
    /// assert_eq!(server.step(&mut input), Step::Transmit("421 4.3.2 too busy\r\n".into()));
    /// assert_eq!(server.step(&mut input), Step::Close(Ok(())));
    /// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
    /// ```
    #[must_use]
    pub fn turning_away(config: Arc<Config>, reply: &Reply) -> Self {
        let mut server = Self::new(config);
        reply.encode(&mut server.out);
        server.phase = Phase::Closing(Ok(()));
        server
    }

    /// How the server is set up.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The TLS that the connection runs over.
    #[must_use]
    pub fn tls(&self) -> Option<&Arc<TlsInfo>> {
        self.tls.as_ref()
    }

    /// Whether the application has accepted credentials on this connection.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.login == Login::Authenticated
    }

    /// Whether a transaction is open: MAIL was accepted, and neither its message nor anything else
    /// has ended it.
    #[must_use]
    pub const fn is_in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    /// What the application owes an answer to.
    #[must_use]
    pub const fn owed(&self) -> Option<Owed> {
        self.owed
    }

    /// Ends the session in order: what is owed is answered with 421, but a message that is being
    /// received is received, and its end is still the application's to answer.
    pub fn shutdown(&mut self) {
        let in_body = matches!(
            self.phase,
            Phase::Data | Phase::Chunk { .. } | Phase::Skip { .. }
        );
        if in_body || self.owed == Some(Owed::BodyEnd) {
            self.stopping = Stopping::AfterMessage;
        } else if !matches!(self.phase, Phase::Closing(_) | Phase::StartTls) {
            self.owed = None;
            self.say(replies::SHUTDOWN);
            self.close(Ok(()), Reset::Shutdown);
        } else if matches!(self.phase, Phase::StartTls) {
            self.close(Ok(()), Reset::Shutdown);
        }
    }

    /// Ends the session at once, without a reply. A message that is being received is thrown away.
    pub fn abort(&mut self) {
        if !matches!(self.phase, Phase::Closing(_)) {
            self.owed = None;
            self.close(Ok(()), Reset::Shutdown);
        }
    }

    /// Queues a reply.
    fn say(&mut self, reply: &str) {
        self.out.extend_from_slice(reply.as_bytes());
    }

    fn say_all(&mut self, said: &Said) {
        said.write(&mut self.out);
    }

    /// Nothing is read from here on; the transaction is gone.
    fn close(&mut self, how: Result<(), ProtocolError>, why: Reset) {
        // What was not handed out yet need not be asked any more.
        self.events.retain(|event| event.owes().is_none());
        self.end_transaction(why);
        self.next_transaction = None;
        self.phase = Phase::Closing(how);
    }

    /// Throws the transaction away and tells so, where there is one.
    fn end_transaction(&mut self, why: Reset) {
        if self.transaction.take().is_some() {
            self.events.push_back(Event::Reset(why));
        }
    }

    fn greet(&mut self) {
        use core::fmt::Write;
        let protocol = if self.config.mode == Mode::Lmtp {
            "LMTP"
        } else {
            "ESMTP"
        };
        // Writing to a buffer that grows cannot fail.
        let _ = write!(self.out, "220 {} {protocol}\r\n", self.config.hostname);
        self.phase = Phase::Command;
        self.moved();
    }

    const fn moved(&mut self) {
        self.mark = self.mark.wrapping_add(1);
    }

    /// The phases that wait for octets. `None`: something is to be handed out, or a phase is over.
    fn advance(&mut self, input: &mut BytesMut) -> Option<ServerStep> {
        match &self.phase {
            Phase::Greeting => self.wait_with_greeting(input),
            Phase::Command => self.take_command(input),
            Phase::AuthResponse => self.take_auth_response(input),
            Phase::Data => self.take_data(input),
            Phase::Chunk { .. } => self.take_chunk(input),
            Phase::Skip { .. } => self.skip_chunk(input),
            Phase::StartTls => {
                if input.is_empty() {
                    return Some(Step::StartTls);
                }
                // It came in clear behind the command: it is neither for TLS nor for us.
                self.close(
                    Err(ProtocolError::PlaintextAfterStartTls),
                    Reset::Disconnected,
                );
                None
            }
            Phase::Closing(how) => Some(Step::Close(how.clone())),
        }
    }

    fn wait_with_greeting(&mut self, input: &BytesMut) -> Option<ServerStep> {
        if self.config.greeting_pause.is_none() {
            self.greet();
            return None;
        }
        if input.is_empty() {
            return Some(Step::NeedInput);
        }
        self.say(replies::EARLY_TALK);
        self.close(Err(ProtocolError::EarlyTalk), Reset::Disconnected);
        None
    }

    const fn body(&mut self) -> Option<&mut Body> {
        match &mut self.transaction {
            Some(transaction) => transaction.body.as_mut(),
            None => None,
        }
    }
}

impl Machine for Server {
    const SIDE: Side = Side::Server;
    type Event = Event;
    type Error = ProtocolError;

    fn step(&mut self, input: &mut BytesMut) -> ServerStep {
        loop {
            if !self.out.is_empty() {
                return Step::Transmit(self.out.split().freeze());
            }
            if let Some(event) = self.events.pop_front() {
                self.owed = event.owes();
                return Step::Event(event);
            }
            if self.owed.is_some() {
                return Step::NeedAnswer;
            }
            if let Some(step) = self.advance(input) {
                return step;
            }
        }
    }

    fn patience(&self) -> Option<Patience> {
        let limits = &self.config.limits;
        if self.owed.is_some() {
            return None;
        }
        let limit = match self.phase {
            Phase::Greeting => self.config.greeting_pause?,
            Phase::Command | Phase::AuthResponse => {
                let waits = self.config.mail_after == MailAfter::Auth;
                if waits && self.login == Login::Anonymous {
                    limits.before_auth_patience
                } else {
                    limits.command_patience
                }
            }
            Phase::Data | Phase::Chunk { .. } | Phase::Skip { .. } => {
                let patience = Patience::new(limits.body_patience, self.mark);
                return Some(match limits.body_floor {
                    Some(floor) => patience.with_floor(floor),
                    None => patience,
                });
            }
            Phase::StartTls | Phase::Closing(_) => return None,
        };
        Some(Patience::new(limit, self.mark))
    }

    fn handle_timeout(&mut self) {
        match self.phase {
            _ if self.owed.is_some() => {}
            Phase::StartTls | Phase::Closing(_) => {}
            Phase::Greeting => self.greet(),
            _ => {
                self.say(replies::TIMEOUT);
                self.close(Err(ProtocolError::Timeout), Reset::Timeout);
            }
        }
    }

    fn handle_eof(&mut self, _how: Eof) {
        // What an end in order and a cut look like differs, what is to be done does not: only
        // `BodyEnd` commits, and between commands nothing is lost.
        let inside = match self.phase {
            Phase::Closing(_) => return,
            Phase::Data | Phase::Chunk { .. } | Phase::Skip { .. } => Some(Inside::Body),
            Phase::AuthResponse => Some(Inside::Auth),
            Phase::StartTls => Some(Inside::StartTls),
            Phase::Greeting | Phase::Command => {
                self.transaction.is_some().then_some(Inside::Transaction)
            }
        };
        self.owed = None;
        let how = inside.map_or(Ok(()), |inside| {
            Err(ProtocolError::UnexpectedEof { inside })
        });
        self.close(how, Reset::Disconnected);
    }

    fn tls_started(&mut self, tls: TlsInfo) {
        let tls = Arc::new(tls);
        self.tls = Some(Arc::clone(&tls));
        self.hello = None;
        self.login = Login::Anonymous;
        self.owed = None;
        self.end_transaction(Reset::Disconnected);
        self.lines.reset();
        self.line_kind = LineKind::Unknown;
        if !matches!(self.phase, Phase::Greeting | Phase::Closing(_)) {
            self.phase = Phase::Command;
        }
        self.moved();
        self.events.push_back(Event::TlsStarted(tls));
    }
}

/// A body event, straight from the input.
const fn body_event(octets: Bytes) -> ServerStep {
    Step::Event(Event::Body(octets))
}
