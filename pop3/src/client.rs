//! The client's side of a session.
//!
//! [`Client`] sends commands, pipelined where the server offers that, and tells what came back.
//! Nothing that is streamed is gathered: a listing is one event for each line, a message is as
//! many as it takes. From the greeting to the login, [`open`](crate::open) does the work.

mod config;
mod dialogue;
mod event;
mod outstanding;
mod read;
mod step;

use alloc::collections::VecDeque;
use core::fmt;

use bytes::{BufMut, BytesMut};
use mailwire_core::{
    base64,
    line::Lines,
    machine::{Eof, TlsInfo},
};

pub use config::Config;
pub use event::{CommandId, Event, Notice};

use self::outstanding::{Kind, Outstanding};
use crate::{
    capability::Capabilities,
    command::{Command, MAX_RESPONSE},
    error::{Misuse, ProtocolError},
    limits,
    state::{ClearText, Protection, State},
};

/// The client's side of a session.
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_core::machine::{Machine, Step};
/// use mailwire_pop3::{ClearText, Client, Command, client::{Config, Event}};
///
/// let mut client = Client::new(Config::new());
/// let mut input = BytesMut::from("+OK ready\r\n");
/// let Step::Event(Event::Greeting { .. }) = client.step(&mut input) else { unreachable!() };
/// let id = client.send(Command::Capa)?;
/// assert_eq!(client.step(&mut input), Step::Transmit("CAPA\r\n".into()));
/// input.extend_from_slice(b"-ERR what?\r\n");
/// let Step::Event(Event::Reply { id: of, response }) = client.step(&mut input) else { unreachable!() };
/// assert_eq!((of, response.is_ok()), (id, false));
/// # Ok::<(), mailwire_pop3::Misuse>(())
/// ```
pub struct Client {
    config: Config,
    phase: Phase,
    state: State,
    lines: Lines,
    out: BytesMut,
    /// What one line brought and was not told yet.
    events: VecDeque<Event>,
    /// Commands that were not handed over yet.
    waiting: VecDeque<(CommandId, Command)>,
    /// Commands whose responses have not come yet.
    sent: VecDeque<Outstanding>,
    last_id: CommandId,
    capabilities: Option<Capabilities>,
    /// How many messages STAT announced.
    count: Option<u32>,
    tls: Option<TlsInfo>,
    /// Changes whenever the clock on the peer begins anew.
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
        Self {
            config,
            phase: Phase::Greeting,
            state: State::Authorization,
            lines: Lines::new(limits::RESPONSE_LINE_READ),
            out: BytesMut::new(),
            events: VecDeque::new(),
            waiting: VecDeque::new(),
            sent: VecDeque::new(),
            last_id: CommandId::default(),
            capabilities: None,
            count: None,
            tls: None,
            mark: 0,
            eof: None,
        }
    }

    /// Sends a command as soon as that is possible: at once where the server offers PIPELINING,
    /// otherwise when the responses to the commands before have come. STLS and AUTH always wait
    /// for those, and what is sent behind them waits for them.
    ///
    /// # Errors
    ///
    /// [`Misuse`] for credentials in clear text, for APOP, for commands that the state of the
    /// session excludes, behind QUIT, and above [`limits::OUTSTANDING`].
    ///
    /// ```
    /// # use bytes::BytesMut;
    /// # use mailwire_core::machine::{Machine, Step};
    /// # use mailwire_pop3::{ClearText, Client, Command, Mechanism, Misuse, UserName, client::Config};
    /// # let mut config = Config::new();
    /// # config.clear_text = ClearText::Permitted;
    /// # let mut client = Client::new(config);
    /// let id = client.send(Command::Capa)?;
    /// assert_eq!(id.value(), 1);
    ///
    /// let mut strict = Client::new(Config::new());
    /// assert_eq!(strict.send(Command::User(UserName::new("bob")?)), Err(Misuse::ClearText));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn send(&mut self, command: Command) -> Result<CommandId, Misuse> {
        if matches!(self.phase, Phase::Closed(_)) {
            return Err(Misuse::Closed);
        }
        if self.sent.len() + self.waiting.len() >= limits::OUTSTANDING {
            return Err(Misuse::Outstanding);
        }
        if self.pending(|kind| matches!(kind, Kind::Quit), &Command::Quit) {
            return Err(Misuse::Exclusive);
        }
        let forbidden = self.config.clear_text == ClearText::Forbidden;
        if command.is_credential() && forbidden && self.protection() == Protection::Clear {
            return Err(Misuse::ClearText);
        }
        if matches!(command, Command::Apop { .. }) || !self.state_allows(&command) {
            return Err(Misuse::State { state: self.state });
        }
        self.last_id = self.last_id.next();
        self.waiting.push_back((self.last_id, command));
        Ok(self.last_id)
    }

    /// Answers [`Event::Challenge`]; `response` is given before base64.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when no challenge waits, or the response does not fit into a line.
    ///
    /// ```
    /// # use bytes::BytesMut;
    /// # use mailwire_core::machine::{Machine, Step};
    /// # use mailwire_pop3::{ClearText, Client, Command, Mechanism, Misuse, UserName, client::Config};
    /// # let mut config = Config::new();
    /// # config.clear_text = ClearText::Permitted;
    /// # let mut client = Client::new(config);
    /// let mechanism = Mechanism::new("LOGIN")?;
    /// client.send(Command::Auth { mechanism, initial: None })?;
    /// # for line in ["+OK\r\n", "+ VXNlcm5hbWU6\r\n"] {
    /// #     let mut input = BytesMut::from(line);
    /// #     while let Step::Event(_) | Step::Transmit(_) = client.step(&mut input) {}
    /// # }
    /// // The event `Challenge` has come:
    /// client.answer(b"bob")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn answer(&mut self, response: &[u8]) -> Result<(), Misuse> {
        self.challenged()?;
        if response.len() > MAX_RESPONSE {
            return Err(Misuse::Unencodable);
        }
        self.put_response(response);
        Ok(())
    }

    /// Gives the AUTH exchange up; the server answers with `-ERR` (RFC 5034 §4).
    ///
    /// # Errors
    ///
    /// [`Misuse`] when no challenge waits.
    ///
    /// ```
    /// # use bytes::BytesMut;
    /// # use mailwire_core::machine::{Machine, Step};
    /// # use mailwire_pop3::{ClearText, Client, Command, Mechanism, Misuse, UserName, client::Config};
    /// # let mut config = Config::new();
    /// # config.clear_text = ClearText::Permitted;
    /// # let mut client = Client::new(config);
    /// let mechanism = Mechanism::new("LOGIN")?;
    /// client.send(Command::Auth { mechanism, initial: None })?;
    /// # for line in ["+OK\r\n", "+ VXNlcm5hbWU6\r\n"] {
    /// #     let mut input = BytesMut::from(line);
    /// #     while let Step::Event(_) | Step::Transmit(_) = client.step(&mut input) {}
    /// # }
    /// // The event `Challenge` has come:
    /// client.cancel()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cancel(&mut self) -> Result<(), Misuse> {
        self.challenged()?;
        self.out.put_slice(b"*\r\n");
        self.phase = Phase::Ready;
        Ok(())
    }

    /// What the server said it can do, since TLS was started and as far as it was asked.
    #[must_use]
    pub const fn capabilities(&self) -> Option<&Capabilities> {
        self.capabilities.as_ref()
    }

    /// The state of the session.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
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

    /// How many commands wait for their response.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.sent.len() + self.waiting.len()
    }

    /// Whether a command of this kind was given to us and is not answered yet.
    fn pending(&self, sent: impl Fn(&Kind) -> bool, waiting: &Command) -> bool {
        self.sent.iter().any(|outstanding| sent(&outstanding.kind))
            || self.waiting.iter().any(|(_, command)| {
                core::mem::discriminant(command) == core::mem::discriminant(waiting)
            })
    }

    /// RFC 1939 §4 and §5. Behind a login whose response has not come, the commands of both states
    /// are possible.
    fn state_allows(&self, command: &Command) -> bool {
        match command {
            Command::Capa | Command::Quit | Command::Unknown(_) => true,
            Command::User(_) | Command::Pass(_) | Command::Auth { .. } | Command::Apop { .. } => {
                self.state == State::Authorization
            }
            Command::Stls => self.state == State::Authorization && self.tls.is_none(),
            _ => self.state == State::Transaction || self.login_is_pending(),
        }
    }

    fn login_is_pending(&self) -> bool {
        let sent = |o: &Outstanding| matches!(o.kind, Kind::Login | Kind::Auth { .. });
        let waits = |(_, c): &(_, Command)| matches!(c, Command::Pass(_) | Command::Auth { .. });
        self.sent.iter().any(sent) || self.waiting.iter().any(waits)
    }

    const fn challenged(&self) -> Result<(), Misuse> {
        match self.phase {
            Phase::Challenged => Ok(()),
            Phase::Closed(_) => Err(Misuse::Closed),
            _ => Err(Misuse::NothingOwed),
        }
    }

    fn put_response(&mut self, response: &[u8]) {
        let encoded = base64::encode_secret(response);
        self.out.reserve(encoded.expose().len() + 2);
        self.out.put_slice(encoded.expose().as_bytes());
        self.out.put_slice(b"\r\n");
        self.mark = self.mark.wrapping_add(1);
        self.phase = Phase::Ready;
    }

    /// Hands over what may go out now.
    fn put_commands(&mut self) {
        while let Some((_, command)) = self.waiting.front() {
            let alone = matches!(command, Command::Stls | Command::Auth { .. });
            let pipelining = self
                .capabilities
                .as_ref()
                .is_some_and(Capabilities::pipelining);
            let blocked = self
                .sent
                .iter()
                .any(|outstanding| outstanding.kind.is_exclusive());
            if !self.sent.is_empty() && (alone || !pipelining || blocked) {
                return;
            }
            let Some((id, command)) = self.waiting.pop_front() else {
                return;
            };
            if self.sent.is_empty() {
                self.mark = self.mark.wrapping_add(1);
            }
            let kind = Kind::put(command, &mut self.out);
            self.sent.push_back(Outstanding { id, kind });
        }
    }

    /// Ends the connection; the first reason stands.
    fn close(&mut self, how: Result<(), ProtocolError>) {
        self.waiting.clear();
        if !matches!(self.phase, Phase::Closed(_)) {
            self.phase = Phase::Closed(how);
        }
    }
}

impl fmt::Debug for Client {
    // Credentials wait in the output, and messages in the events.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("phase", &self.phase)
            .field("state", &self.state)
            .field("tls", &self.tls)
            .field("outstanding", &self.outstanding())
            .finish_non_exhaustive()
    }
}
