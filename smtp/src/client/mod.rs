//! The client machine: SMTP, submission and LMTP.
//!
//! Read first: RFC 5321 §4.2 and §4.3, RFC 2920 §3.1, RFC 3030 §2, RFC 2033 §4.2, RFC 1047.
//!
//! Commands are queued with [`Client::send`] and go out as soon as the order of the protocol allows:
//! many at once where the server offers PIPELINING, one after the other where it does not. Every
//! reply is read, and told with the [`Id`] of its command, in the order of the commands.
//!
//! ```text
//!   220       EHLO        MAIL RCPT RCPT DATA    354    octets   CRLF.CRLF    250
//!  ─────► ready ────► ready ─────────────────► waiting ─────► body ────────► ready
//!                                                             write_body      │
//!                     STARTTLS 220, TLS, and all is forgotten ◄───────────────┘
//! ```
//!
//! What is above a command is above this machine: [`Open`](crate::open::Open) opens a session,
//! [`Transaction`] sends a message.

mod body;
mod check;
mod config;
mod error;
mod event;
mod outbox;
mod replies;
mod transaction;

use alloc::{boxed::Box, collections::VecDeque, sync::Arc};

use bytes::BytesMut;
use mailwire_core::{
    base64,
    machine::{Eof, Machine, Patience, Side, Step, TlsInfo},
};

pub use config::{AuthOver, Chunking, Config, Pipelining, Protocol, ReplyPatience};
pub use error::{Awaiting, Misuse, ProtocolError, Unsupported};
pub use event::{Event, Id};
pub use transaction::{Envelope, NotBegun, Outcome, Progress, Recipient, Transaction};

use self::{body::Body, outbox::Outbox};
use crate::{
    command::Command,
    extension::{Capabilities, Extension},
    limits,
    params::BodyType,
    reply::ReplyParser,
};

/// The client's side of one connection.
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_core::machine::{Machine, Step};
/// use mailwire_smtp::{client::{Client, Config, Event}, command::Command};
///
/// let mut client = Client::new(Config::smtp());
/// let id = client.send(Command::Ehlo { client: "client.example".parse()? }).unwrap();
/// let mut input = BytesMut::from("220 mx.example ESMTP\r\n");
/// assert!(matches!(client.step(&mut input), Step::Event(Event::Greeting(_))));
/// assert_eq!(client.step(&mut input), Step::Transmit("EHLO client.example\r\n".into()));
/// input.extend_from_slice(b"250-mx.example\r\n250 SIZE 1000\r\n");
/// let Step::Event(Event::Reply { id: answered, .. }) = client.step(&mut input) else { panic!() };
/// assert_eq!(answered, id);
/// assert_eq!(client.capabilities().and_then(|offered| offered.size()), Some(1000));
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[derive(Debug)]
pub struct Client {
    config: Config,
    tls: Option<Arc<TlsInfo>>,
    phase: Phase,
    /// What the server offers, since its last greeting.
    capabilities: Option<Box<Capabilities>>,
    parser: ReplyParser,
    /// Commands that could not go out yet.
    queued: VecDeque<Queued>,
    /// Commands that went out and whose replies have not come, in order.
    outstanding: VecDeque<Outstanding>,
    out: Outbox,
    events: VecDeque<Event>,
    body: Option<Box<Body>>,
    /// Recipients that were accepted since MAIL.
    accepted: usize,
    challenge: Option<Id>,
    next_id: u32,
    mark: u32,
}

#[derive(Debug)]
enum Phase {
    Greeting,
    Ready,
    StartTls,
    Closing(Result<(), ProtocolError>),
}

#[derive(Debug)]
struct Queued {
    id: Id,
    what: What,
}

#[derive(Debug)]
enum What {
    Command(Command),
    Body(BodyType),
}

/// A reply that is due.
#[derive(Clone, Copy, Debug)]
struct Outstanding {
    id: Id,
    due: Due,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Due {
    Hello,
    /// HELO gives no capabilities.
    Helo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    /// A chunk that is not the last.
    Chunk,
    /// A chunk of a message that has failed already.
    LostChunk,
    /// So many of the replies to the end of a message have come.
    End {
        told: usize,
    },
    Reset,
    Quit,
    Other,
}

impl Due {
    const fn of(command: &Command) -> Self {
        match command {
            Command::Ehlo { .. } | Command::Lhlo { .. } => Self::Hello,
            Command::Helo { .. } => Self::Helo,
            Command::StartTls => Self::StartTls,
            Command::Auth { .. } => Self::Auth,
            Command::Mail { .. } => Self::Mail,
            Command::Rcpt { .. } => Self::Rcpt,
            Command::Rset => Self::Reset,
            Command::Quit => Self::Quit,
            _ => Self::Other,
        }
    }

    /// Whether a command may follow before the reply to this one (RFC 2920 §3.1).
    const fn lets_follow(self) -> bool {
        matches!(
            self,
            Self::Mail
                | Self::Rcpt
                | Self::Reset
                | Self::Chunk
                | Self::LostChunk
                | Self::End { .. }
        )
    }

    /// Whether all replies must be there before this is sent, whatever is offered.
    const fn goes_alone(self) -> bool {
        matches!(self, Self::Hello | Self::Helo | Self::StartTls | Self::Auth)
    }

    const fn awaiting(self) -> Awaiting {
        match self {
            Self::Hello | Self::Helo => Awaiting::Hello,
            Self::StartTls => Awaiting::StartTls,
            Self::Auth => Awaiting::Auth,
            Self::Mail => Awaiting::Mail,
            Self::Rcpt => Awaiting::Rcpt,
            Self::Data => Awaiting::Data,
            Self::Chunk | Self::LostChunk => Awaiting::Chunk,
            Self::End { .. } => Awaiting::EndOfMessage,
            Self::Quit => Awaiting::Quit,
            Self::Reset | Self::Other => Awaiting::Other,
        }
    }
}

type ClientStep = Step<Event, ProtocolError>;

impl Client {
    /// A connection that was just opened. Where TLS runs from the first octet, the driver calls
    /// [`Machine::tls_started`] before the first step.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            tls: None,
            phase: Phase::Greeting,
            capabilities: None,
            parser: ReplyParser::new(),
            queued: VecDeque::new(),
            outstanding: VecDeque::new(),
            out: Outbox::default(),
            events: VecDeque::new(),
            body: None,
            accepted: 0,
            challenge: None,
            next_id: 0,
            mark: 0,
        }
    }

    /// How the client is set up.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// What the server offers: known after EHLO or LHLO, forgotten when TLS starts.
    #[must_use]
    pub fn capabilities(&self) -> Option<&Capabilities> {
        self.capabilities.as_deref()
    }

    /// The TLS that the connection runs over.
    #[must_use]
    pub const fn tls(&self) -> Option<&Arc<TlsInfo>> {
        self.tls.as_ref()
    }

    /// Whether nothing waits to be sent or answered.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Ready)
            && self.outstanding.is_empty()
            && self.queued.is_empty()
            && self.body.is_none()
            && self.out.is_empty()
    }

    /// Whether commands go out before the replies to earlier ones have come.
    #[must_use]
    pub fn pipelines(&self) -> bool {
        self.config.pipelining == Pipelining::WhereOffered && self.offers(Extension::Pipelining)
    }

    /// Queues a command; its reply comes as an event with the same id.
    ///
    /// # Errors
    ///
    /// [`Misuse`] if the command may not be sent now, or needs what the server does not offer;
    /// nothing is sent then. DATA and BDAT are sent by [`send_body`](Self::send_body).
    ///
    /// ```
    /// use mailwire_smtp::{client::{Client, Config, Misuse}, command::Command};
    /// let mut client = Client::new(Config::smtp());
    /// let auth = Command::Auth { mechanism: "PLAIN".parse()?, initial: None };
    /// assert_eq!(client.send(auth), Err(Misuse::AuthInClearText));
    /// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
    /// ```
    pub fn send(&mut self, command: Command) -> Result<Id, Misuse> {
        match &command {
            Command::Data | Command::Bdat { .. } => return Err(Misuse::BodyCommand),
            Command::Auth { .. } if !self.may_authenticate() => {
                return Err(Misuse::AuthInClearText);
            }
            Command::Mail { from, params } => {
                let nothing = Capabilities::new();
                check::mail(self.capabilities().unwrap_or(&nothing), from, params)?;
            }
            Command::Rcpt { to, params } => {
                let nothing = Capabilities::new();
                check::rcpt(self.capabilities().unwrap_or(&nothing), to, params)?;
            }
            _ => {}
        }
        self.queue(What::Command(command))
    }

    /// Whether credentials may be sent over the connection as it is.
    #[must_use]
    pub fn may_authenticate(&self) -> bool {
        self.tls.is_some() || self.config.auth_over == AuthOver::TlsOrClearText
    }

    /// Queues the message, by BDAT where that is offered and wanted, otherwise by DATA.
    /// [`Event::BodyWanted`] asks for it; the reply comes with the same id.
    ///
    /// # Errors
    ///
    /// [`Misuse`], among it that the server does not take messages of this type.
    ///
    /// ```
    /// use mailwire_smtp::{client::{Client, Config, Misuse, Unsupported}, params::BodyType};
    /// let mut client = Client::new(Config::smtp());
    /// let refused = Misuse::Unsupported(Unsupported::EightBitMime);
    /// assert_eq!(client.send_body(BodyType::EightBitMime), Err(refused));
    /// ```
    pub fn send_body(&mut self, body: BodyType) -> Result<Id, Misuse> {
        let nothing = Capabilities::new();
        check::body(self.capabilities().unwrap_or(&nothing), Some(body))?;
        self.queue(What::Body(body))
    }

    /// Whether [`send_body`](Self::send_body) would use BDAT, whose octets go out whatever becomes
    /// of the recipients before it.
    #[must_use]
    pub fn chunks(&self, body: BodyType) -> bool {
        self.offers(Extension::Chunking)
            && (body == BodyType::BinaryMime || self.config.chunking == Chunking::WhereOffered)
    }

    /// Answers a challenge.
    ///
    /// # Errors
    ///
    /// [`Misuse::NoChallenge`] if none waits.
    ///
    /// ```
    /// use mailwire_smtp::client::{Client, Config, Misuse};
    /// assert_eq!(Client::new(Config::smtp()).respond(b"secret"), Err(Misuse::NoChallenge));
    /// ```
    pub fn respond(&mut self, response: &[u8]) -> Result<(), Misuse> {
        let id = self.challenge.take().ok_or(Misuse::NoChallenge)?;
        self.out
            .push(base64::encode_secret(response).expose().as_bytes());
        self.out.push(b"\r\n");
        self.expect(id, Due::Auth);
        Ok(())
    }

    /// Gives an AUTH exchange up, with `*` (RFC 4954 §4). The reply comes as an event.
    ///
    /// # Errors
    ///
    /// [`Misuse::NoChallenge`] if none waits.
    ///
    /// ```
    /// use mailwire_smtp::client::{Client, Config, Misuse};
    /// assert_eq!(Client::new(Config::smtp()).cancel_auth(), Err(Misuse::NoChallenge));
    /// ```
    pub fn cancel_auth(&mut self) -> Result<(), Misuse> {
        let id = self.challenge.take().ok_or(Misuse::NoChallenge)?;
        self.out.push(b"*\r\n");
        self.expect(id, Due::Auth);
        Ok(())
    }

    /// Ends the connection at once, for example because a message that was begun cannot be
    /// completed: closing is the only way to say so inside DATA.
    pub fn abort(&mut self) {
        if !matches!(self.phase, Phase::Closing(_)) {
            self.out.clear();
            self.close(Ok(()));
        }
    }

    fn queue(&mut self, what: What) -> Result<Id, Misuse> {
        if matches!(self.phase, Phase::Closing(_)) {
            return Err(Misuse::Closed);
        }
        let ends = |due: Due| matches!(due, Due::StartTls | Due::Quit);
        let last = self.queued.iter().any(|queued| match &queued.what {
            What::Command(command) => ends(Due::of(command)),
            What::Body(_) => false,
        });
        let waits = self
            .outstanding
            .iter()
            .any(|outstanding| ends(outstanding.due));
        if last || waits || matches!(self.phase, Phase::StartTls) || self.challenge.is_some() {
            return Err(Misuse::NotNow);
        }
        if self.queued.len() + self.outstanding.len() >= limits::OUTSTANDING {
            return Err(Misuse::TooManyCommands {
                max: limits::OUTSTANDING,
            });
        }
        let id = Id(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        self.queued.push_back(Queued { id, what });
        Ok(id)
    }

    fn offers(&self, extension: Extension) -> bool {
        self.capabilities()
            .is_some_and(|offered| offered.offers(extension))
    }

    fn expect(&mut self, id: Id, due: Due) {
        if self.outstanding.is_empty() {
            self.moved();
        }
        self.outstanding.push_back(Outstanding { id, due });
    }

    const fn moved(&mut self) {
        self.mark = self.mark.wrapping_add(1);
    }

    fn close(&mut self, how: Result<(), ProtocolError>) {
        self.phase = Phase::Closing(how);
        self.queued.clear();
        self.body = None;
        self.challenge = None;
    }

    /// Sends what may be sent now.
    fn flush_queue(&mut self) {
        while self.challenge.is_none()
            && self.body.is_none()
            && let Some(next) = self.queued.front()
            && self.may_send(&next.what)
            && let Some(Queued { id, what }) = self.queued.pop_front()
        {
            match what {
                What::Command(command) => {
                    let due = Due::of(&command);
                    self.out.write(|out| command.encode(out));
                    self.expect(id, due);
                }
                What::Body(body) => self.begin_body(id, body),
            }
        }
    }

    /// Whether something stands in the input when STARTTLS is about to go out. It came in clear,
    /// and if it were taken for the reply, TLS would start without the server's word.
    fn is_early(&self, input: &BytesMut) -> bool {
        let next = self.queued.front().map(|queued| &queued.what);
        matches!(next, Some(What::Command(Command::StartTls)))
            && !input.is_empty()
            && self.outstanding.is_empty()
    }

    fn may_send(&self, what: &What) -> bool {
        if self.outstanding.is_empty() {
            return true;
        }
        let alone = match what {
            What::Command(command) => Due::of(command).goes_alone(),
            What::Body(_) => false,
        };
        !alone && self.pipelines() && self.outstanding.iter().all(|o| o.due.lets_follow())
    }

    fn awaiting(&self) -> Option<Awaiting> {
        match (&self.phase, self.outstanding.front()) {
            (Phase::Greeting, _) => Some(Awaiting::Greeting),
            (Phase::Ready, Some(outstanding)) => Some(outstanding.due.awaiting()),
            _ => None,
        }
    }
}

impl Machine for Client {
    const SIDE: Side = Side::Client;
    type Event = Event;
    type Error = ProtocolError;

    fn step(&mut self, input: &mut BytesMut) -> ClientStep {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Step::Event(event);
            }
            if matches!(self.phase, Phase::Ready) {
                if self.is_early(input) {
                    self.close(Err(ProtocolError::EarlyReply));
                } else {
                    self.flush_queue();
                }
            }
            if let Some(octets) = self.out.pop() {
                return Step::Transmit(octets);
            }
            if !self.events.is_empty() {
                continue;
            }
            match &self.phase {
                Phase::Closing(how) => return Step::Close(how.clone()),
                Phase::StartTls if input.is_empty() => return Step::StartTls,
                Phase::StartTls => self.close(Err(ProtocolError::BufferedDataBeforeTls)),
                Phase::Greeting | Phase::Ready => {
                    if !self.take_reply(input) {
                        return if self.wants_body() {
                            Step::NeedBody
                        } else {
                            Step::NeedInput
                        };
                    }
                }
            }
        }
    }

    fn patience(&self) -> Option<Patience> {
        let patience = &self.config.patience;
        let limit = match self.awaiting()? {
            Awaiting::Greeting => patience.greeting,
            Awaiting::Data => patience.data,
            Awaiting::EndOfMessage => patience.end,
            Awaiting::Quit => patience.quit,
            _ => patience.reply,
        };
        Some(Patience::new(limit, self.mark))
    }

    fn handle_timeout(&mut self) {
        match self.awaiting() {
            None => {}
            Some(Awaiting::Quit) => self.close(Ok(())),
            Some(awaiting) => self.close(Err(ProtocolError::Timeout { awaiting })),
        }
    }

    fn handle_eof(&mut self, _how: Eof) {
        if matches!(self.phase, Phase::Closing(_)) {
            return;
        }
        let how = match self.awaiting() {
            None if self.body.is_some() => Err(ProtocolError::UnexpectedEof {
                awaiting: Awaiting::Message,
            }),
            None if matches!(self.phase, Phase::StartTls) => Err(ProtocolError::UnexpectedEof {
                awaiting: Awaiting::StartTls,
            }),
            // A server need not wait for QUIT for ever, nor answer it (RFC 5321 §4.1.1.10).
            None | Some(Awaiting::Quit) => Ok(()),
            Some(awaiting) => Err(ProtocolError::UnexpectedEof { awaiting }),
        };
        self.close(how);
    }

    fn tls_started(&mut self, tls: TlsInfo) {
        self.tls = Some(Arc::new(tls));
        self.capabilities = None;
        self.parser = ReplyParser::new();
        self.accepted = 0;
        if matches!(self.phase, Phase::StartTls) {
            self.phase = Phase::Ready;
        }
        self.moved();
    }
}
