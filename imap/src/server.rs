//! The server's side of a session.
//!
//! [`Server`] answers everything that does not need a mail store: it keeps the states, checks
//! what each command needs, frames AUTHENTICATE, IDLE and the messages of APPEND, and writes what
//! SELECT has to say. The application is asked who may come in, and for all that is in mailboxes.

mod answer;
mod append;
mod config;
mod dialogue;
mod done;
mod error;
mod event;
mod extension;
mod gate;
mod output;
mod push;
mod reply;
mod selected;
mod step;

use alloc::sync::Arc;

use mailwire_core::{
    line::Lines,
    machine::{Eof, TlsInfo},
};

pub use config::{Config, Greeting, Limits, Login, StartTls};
pub use done::Done;
pub use error::{Misuse, ProtocolError};
pub use event::{Access, Event, Invalid, Owed, Reset};
pub use extension::{Extension, Extensions};
pub use selected::Selected;

use self::{append::Append, output::Output, push::OpenBody};
use crate::{
    command::{Mechanism, Tag},
    frame::{Commands, Policy},
    limits,
    state::{ClearText, Protection, State},
};

/// The server's side of a session.
///
/// The order of calls: `step` until it yields an [`Event`] that owes an answer (see there), then
/// [`push`](Self::push) for each untagged response, and one of
/// [`accept_login`](Self::accept_login), [`challenge`](Self::challenge), [`open`](Self::open),
/// [`accept`](Self::accept), [`appended`](Self::appended) and [`reply`](Self::reply). Where there
/// are many responses, [`stream`](Self::stream): the driver then says when there is room for more.
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_core::machine::{Machine, Step};
/// use mailwire_imap::{
///     ClearText, Server,
///     command::CommandBody,
///     response::Response,
///     server::{Access, Config, Event, Selected},
/// };
///
/// let mut config = Config::new("mail.example.test");
/// config.clear_text = ClearText::Permitted;
/// let mut server = Server::new(config);
/// let mut input = BytesMut::from("a LOGIN bob secret\r\nb SELECT INBOX\r\nc NOOP\r\n");
/// let mut said = BytesMut::new();
/// loop {
///     match server.step(&mut input) {
///         Step::Transmit(octets) => said.extend_from_slice(&octets),
///         Step::Event(Event::Login { user, password }) => {
///             assert!(*user == b"bob"[..] && password.matches(b"secret"));
///             server.accept_login()?;
///         }
///         Step::Event(Event::Select { access, .. }) => {
///             let one = std::num::NonZero::<u32>::MIN;
///             server.open(&Selected::new(access, one, one))?;
///         }
///         Step::Event(Event::Command(CommandBody::Noop)) => {
///             server.push(&Response::Exists(1))?;
///             server.accept()?;
///         }
///         _ => break,
///     }
/// }
/// assert!(said.ends_with(b"b OK [READ-WRITE] SELECT completed\r\n* 1 EXISTS\r\nc OK NOOP completed\r\n"));
/// # Ok::<(), mailwire_imap::server::Misuse>(())
/// ```
#[derive(Debug)]
pub struct Server {
    config: Arc<Config>,
    phase: Phase,
    state: State,
    commands: Commands,
    /// The lines of AUTHENTICATE and IDLE, which have no literals.
    lines: Lines,
    out: Output,
    /// Told when what was said before has been handed over.
    event: Option<Event>,
    tls: Option<TlsInfo>,
    /// The command that is under way.
    command: UnderWay,
    append: Append,
    /// A literal of ours that is not complete.
    body: Option<OpenBody>,
    /// What is selected.
    selected: Option<View>,
    enabled: Extensions,
    bad_commands: u32,
    idle_commands: u32,
    auth_failures: u32,
    /// Changes whenever the clock on the peer begins anew.
    mark: u32,
    eof: Option<Eof>,
    shutting_down: bool,
}

/// What the machine is at.
#[derive(Debug)]
enum Phase {
    /// The greeting has not been sent.
    Greeting,
    /// A command is awaited.
    Commands,
    /// A line of an AUTHENTICATE exchange is awaited.
    Auth,
    /// DONE is awaited.
    Idle,
    /// The message of an APPEND, or what follows it, is awaited.
    Append,
    /// The application owes an answer; in pieces, if that is so.
    Owed(Owed, Pieces),
    /// The driver shakes hands.
    Tls,
    /// The connection is over.
    Closed(Result<(), ProtocolError>),
}

/// Whether the application gives its answer in pieces.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Pieces {
    One,
    Many,
}

/// The command that is under way.
#[derive(Debug, Default)]
struct UnderWay {
    tag: Option<Tag>,
    name: &'static str,
    /// Whether message numbers may change while it is answered.
    expunges: bool,
}

/// What is known of the mailbox that is selected, or about to be.
#[derive(Clone, Copy, Debug)]
struct View {
    access: Access,
    highest_mod_seq: Option<u64>,
}

impl Server {
    /// A server that has not greeted yet. Pass an [`Arc`] where many connections share the
    /// configuration.
    #[must_use]
    pub fn new(config: impl Into<Arc<Config>>) -> Self {
        let config = config.into();
        let mut server = Self {
            phase: Phase::Greeting,
            state: match config.greeting {
                Greeting::Ok => State::NotAuthenticated,
                Greeting::PreAuth => State::Authenticated,
            },
            commands: Commands::new(Policy::before_login()),
            lines: Lines::new(limits::AUTH_LINE),
            out: Output::default(),
            event: None,
            tls: None,
            command: UnderWay::default(),
            append: Append::default(),
            body: None,
            selected: None,
            enabled: Extensions::none(),
            bad_commands: 0,
            idle_commands: 0,
            auth_failures: 0,
            mark: 0,
            eof: None,
            shutting_down: false,
            config,
        };
        server.commands.set_policy(server.policy());
        server
    }

    /// Ends the session in order: with BYE at once, but for a message that has come whole and waits
    /// for its answer, and an answer that is given in pieces; behind these then.
    pub fn shutdown(&mut self) {
        match self.phase {
            Phase::Owed(Owed::AppendEnd, _) | Phase::Owed(_, Pieces::Many) => {
                self.shutting_down = true;
            }
            Phase::Owed(..) if self.body.is_some() => self.shutting_down = true,
            Phase::Closed(_) => {}
            _ => {
                let reset = self.reset_at_end();
                self.bye("shutting down");
                self.close(Ok(()));
                self.event = reset;
            }
        }
    }

    /// Cuts the connection where a literal cannot be completed: the client sees that something is
    /// missing.
    pub fn abort(&mut self) {
        self.body = None;
        self.close(Ok(()));
    }

    /// What the application owes.
    #[must_use]
    pub const fn owed(&self) -> Option<Owed> {
        match self.phase {
            Phase::Owed(owed, _) => Some(owed),
            _ => None,
        }
    }

    /// The tag of the command that is being answered, for ESEARCH, which names it.
    #[must_use]
    pub const fn tag(&self) -> Option<&Tag> {
        self.command.tag.as_ref()
    }

    /// The state of the session.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// How the mailbox that is selected was opened.
    #[must_use]
    pub const fn access(&self) -> Option<Access> {
        match (self.state, self.selected) {
            (State::Selected, Some(view)) => Some(view.access),
            _ => None,
        }
    }

    /// The TLS that the connection runs over.
    #[must_use]
    pub const fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }

    /// What the client has turned on: IMAP4rev2, UTF8=ACCEPT, CONDSTORE and QRESYNC, by ENABLE
    /// (RFC 5161) or by a command that does so (RFC 7162 §3.1).
    #[must_use]
    pub const fn enabled(&self) -> Extensions {
        self.enabled
    }

    /// How many octets of a FETCH's literal have still to be written; 0 if none is open.
    #[must_use]
    pub fn body_left(&self) -> u64 {
        self.body.as_ref().map_or(0, OpenBody::left)
    }

    /// Octets that wait to be handed to the driver.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.out.len()
    }

    /// The SASL mechanisms that the client is offered now: those of the configuration, the ones
    /// with channel binding only where TLS has given one. SCRAM must know this list to notice that
    /// somebody has edited it (RFC 5802 §6).
    pub fn mechanisms(&self) -> impl Iterator<Item = &Mechanism> {
        let binding = self
            .tls
            .as_ref()
            .is_some_and(|tls| tls.exporter.is_some() || tls.end_point.is_some());
        let offered = self.config.mechanisms.iter();
        offered.filter(move |mechanism| binding || !mechanism.as_str().ends_with("-PLUS"))
    }

    const fn protection(&self) -> Protection {
        match self.tls {
            Some(_) => Protection::Tls,
            None => Protection::Clear,
        }
    }

    fn credentials_may_pass(&self) -> bool {
        self.protection() == Protection::Tls || self.config.clear_text == ClearText::Permitted
    }

    fn policy(&self) -> Policy {
        let limits = &self.config.limits;
        let (mut policy, literal) = match self.state {
            State::NotAuthenticated => (Policy::before_login(), limits.literal_before_login),
            _ => (Policy::logged_in(), limits.literal),
        };
        policy.literal = literal;
        policy.line = limits.line;
        policy.command = limits.command;
        policy.swallow = limits.swallow;
        policy.with_literals(self.config.literals)
    }

    /// Whether there is something to do without application and driver.
    const fn is_at_work(&self) -> bool {
        matches!(
            self.phase,
            Phase::Greeting | Phase::Commands | Phase::Auth | Phase::Idle | Phase::Append
        )
    }

    /// Goes on after an answer; the peer's clock begins anew.
    fn answered(&mut self, next: Phase) {
        self.mark = self.mark.wrapping_add(1);
        self.phase = next;
        if self.shutting_down && matches!(self.phase, Phase::Commands) {
            self.bye("shutting down");
            self.close(Ok(()));
        }
    }

    /// Ends the connection; the first reason stands.
    fn close(&mut self, how: Result<(), ProtocolError>) {
        self.event = None;
        self.state = State::Logout;
        self.selected = None;
        if !matches!(self.phase, Phase::Closed(_)) {
            self.phase = Phase::Closed(how);
        }
    }
}
