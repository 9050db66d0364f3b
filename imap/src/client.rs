//! The client's side of a session.
//!
//! [`Client`] makes the tags, sends commands as soon as RFC 9051 §5.5 allows, waits for `+` where a
//! literal has to, and tells what comes back in the order in which it comes. Large content of
//! messages is streamed in both directions. From the greeting to the login, [`open`](crate::open)
//! does the work.
//!
//! Read RFC 9051 §2.2, §3, §5 and §7 first, then RFC 2177 for IDLE and RFC 7888 for literals. Not
//! supported: COMPRESS (RFC 4978).

mod config;
mod error;
mod event;
mod outstanding;
mod read;
mod reply;
mod selected;
mod step;
mod write;

use alloc::collections::VecDeque;
use core::fmt;

use bytes::Bytes;
use mailwire_core::machine::{Eof, TlsInfo};

pub use config::{Config, Frames};
pub use error::{Inside, Misuse, ProtocolError};
pub use event::{BodyStart, CommandId, Event, Fault, InvalidResponse, Notice};
pub use selected::{Access, Selected};

use self::{
    outstanding::{Outstanding, Waiting},
    read::Streaming,
};
use crate::{
    capability::{Capabilities, Capability},
    encode::Literals,
    frame::Responses,
    mailbox::Encoding,
    state::{Protection, State},
};

/// The client's side of a session.
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_core::machine::{Machine, Step};
/// use mailwire_imap::{
///     Client,
///     client::{Config, Event},
///     command::{CommandBody, SelectParameters},
///     mailbox::Mailbox,
/// };
///
/// let mut client = Client::new(Config::new());
/// let mut input = BytesMut::from("* PREAUTH welcome\r\n");
/// let Step::Event(Event::Greeting { .. }) = client.step(&mut input) else { unreachable!() };
/// let (mailbox, parameters) = (Mailbox::inbox(), SelectParameters::default());
/// let id = client.send(CommandBody::Select { mailbox, parameters })?;
/// assert_eq!(client.step(&mut input), Step::Transmit("A1 SELECT INBOX\r\n".into()));
///
/// input.extend_from_slice(b"* 18 EXISTS\r\nA1 OK [READ-WRITE] selected\r\n");
/// while let Step::Event(event) = client.step(&mut input) {
///     if event.is_ok_of(id) {
///         assert_eq!(client.mailbox().unwrap().exists, 18);
///     }
/// }
/// # assert!(client.mailbox().is_some());
/// # Ok::<(), mailwire_imap::client::Misuse>(())
/// ```
pub struct Client {
    config: Config,
    phase: Phase,
    state: State,
    responses: Responses,
    /// The FETCH whose content is being streamed.
    streaming: Option<Streaming>,
    /// What is to be sent.
    out: VecDeque<Bytes>,
    /// What one response brought and was not told yet.
    events: VecDeque<Event>,
    /// Commands that were not handed over yet.
    waiting: VecDeque<Waiting>,
    /// Commands whose replies have not come yet. Only the last one can wait for `+`.
    sent: VecDeque<Outstanding>,
    last_id: CommandId,
    capabilities: Option<Capabilities>,
    encoding: Encoding,
    mailbox: Option<Selected>,
    /// What a SELECT that was sent has brought so far.
    opening: Option<Selected>,
    tls: Option<TlsInfo>,
    /// Changes whenever the clock on the server begins anew.
    mark: u32,
    eof: Option<Eof>,
}

/// What the machine is at.
#[derive(Debug)]
enum Phase {
    Greeting,
    /// Responses are read as they come.
    Ready,
    /// The application owes an answer to a challenge.
    Challenged,
    /// The driver shakes hands.
    Tls,
    Closed(Result<(), ProtocolError>),
}

impl Client {
    /// A client that waits for the greeting.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let mut responses = Responses::new();
        responses.set_inline(config.inline);
        Self {
            config,
            phase: Phase::Greeting,
            state: State::NotAuthenticated,
            responses,
            streaming: None,
            out: VecDeque::new(),
            events: VecDeque::new(),
            waiting: VecDeque::new(),
            sent: VecDeque::new(),
            last_id: CommandId::default(),
            capabilities: None,
            encoding: Encoding::Utf7,
            mailbox: None,
            opening: None,
            tls: None,
            mark: 0,
            eof: None,
        }
    }

    /// What the server last said it can do, in the present state of security: what it said before
    /// TLS or before login is forgotten then (RFC 9051 §6.2.1 and §6.2.2).
    #[must_use]
    pub const fn capabilities(&self) -> Option<&Capabilities> {
        self.capabilities.as_ref()
    }

    /// Whether the server is known to have this capability.
    ///
    /// ```
    /// use mailwire_imap::{Client, capability::Capability, client::Config};
    /// // Nothing was heard yet.
    /// assert!(!Client::new(Config::new()).has(Capability::Idle));
    /// ```
    #[must_use]
    pub fn has(&self, capability: Capability<'_>) -> bool {
        self.capabilities
            .as_ref()
            .is_some_and(|capabilities| capabilities.contains(capability))
    }

    /// The state of the session.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The mailbox that is selected.
    #[must_use]
    pub const fn mailbox(&self) -> Option<&Selected> {
        self.mailbox.as_ref()
    }

    /// How names of mailboxes are written: UTF-8 once IMAP4rev2 or UTF8=ACCEPT was enabled.
    #[must_use]
    pub const fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Whether what comes in now comes through TLS.
    #[must_use]
    pub const fn protection(&self) -> Protection {
        match self.tls {
            Some(_) => Protection::Tls,
            None => Protection::Clear,
        }
    }

    /// The TLS that the connection runs over.
    #[must_use]
    pub const fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }

    /// How many commands wait for their replies.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.sent.len() + self.waiting.len()
    }

    /// RFC 7888 §4 and §5, RFC 9051 §4.3: what the server is known to take without waiting.
    fn literals(&self) -> Literals {
        if self.has(Capability::LiteralPlus) {
            Literals::Plus
        } else if self.has(Capability::LiteralMinus) || self.has(Capability::Imap4Rev2) {
            Literals::Minus
        } else {
            Literals::Synchronizing
        }
    }

    /// Ends the connection; the first reason stands.
    fn close(&mut self, how: Result<(), ProtocolError>) {
        self.waiting.clear();
        self.state = State::Logout;
        if !matches!(self.phase, Phase::Closed(_)) {
            self.phase = Phase::Closed(how);
        }
    }

    fn fail(&mut self, error: ProtocolError) {
        self.close(Err(error));
    }
}

impl fmt::Debug for Client {
    // Credentials wait in the output, and messages in the events.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("phase", &self.phase)
            .field("state", &self.state)
            .field("mailbox", &self.mailbox)
            .field("tls", &self.tls)
            .field("outstanding", &self.outstanding())
            .finish_non_exhaustive()
    }
}
