//! The client's side of a session.
//!
//! [`Client`] sends commands, pipelined where the server offers that, and tells what came back.
//! Nothing that is streamed is gathered: a listing is one event for each line, a message is as
//! many as it takes. From the greeting to the login, [`open`](crate::open) does the work.

mod config;
mod event;
mod outstanding;
mod read;

use alloc::collections::VecDeque;
use core::fmt;

use bytes::{BufMut, BytesMut};
use mailwire_core::{
    base64,
    line::{Lines, Next},
    machine::{Eof, Machine, Patience, Side, Step, TlsInfo},
};
use zeroize::Zeroize;

pub use config::Config;
pub use event::{CommandId, Event, Notice};

use self::outstanding::{Kind, Outstanding};
use crate::{
    capability::Capabilities,
    command::{Command, MAX_RESPONSE},
    error::{Misuse, ProtocolError},
    limits,
    response::Response,
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

    /// The first line of a response, or a challenge.
    fn take_line(&mut self, input: &mut BytesMut) -> bool {
        let mut line = match self.lines.next(input) {
            Next::NeedInput => return self.handle_end(),
            Next::Line(line) => line,
            Next::Malformed(bad) => return self.fail(bad.into()),
            Next::TooLong | Next::Endless => {
                return self.fail(ProtocolError::LineTooLong {
                    max: limits::RESPONSE_LINE_READ,
                });
            }
        };
        self.mark = self.mark.wrapping_add(1);
        if let Some(challenge) = challenge_of(&line)
            && let Some(Outstanding {
                kind: Kind::Auth { .. },
                ..
            }) = self.sent.front()
        {
            let decoded = base64::decode(challenge, MAX_RESPONSE);
            line.zeroize();
            return match decoded {
                Ok(challenge) => self.handle_challenge(challenge.expose()),
                Err(error) => self.fail(ProtocolError::bad_base64(error.offset() + 2)),
            };
        }
        match Response::parse(&line) {
            Ok(response) => self.handle_response(response, input),
            Err(error) => self.fail(error.into()),
        }
    }

    fn fail(&mut self, error: ProtocolError) -> bool {
        self.close(Err(error));
        true
    }

    /// Nothing more will come, and no whole line is there.
    fn handle_end(&mut self) -> bool {
        if self.eof.is_none() {
            return false;
        }
        self.fail(ProtocolError::UnexpectedEof { state: self.state })
    }

    fn handle_challenge(&mut self, challenge: &[u8]) -> bool {
        let Some(Outstanding {
            id,
            kind: Kind::Auth {
                deferred,
                challenges,
            },
        }) = self.sent.front_mut()
        else {
            return false;
        };
        *challenges += 1;
        if *challenges > mailwire_core::limits::SASL_STEPS {
            return self.fail(ProtocolError::TooManyChallenges);
        }
        if let Some(initial) = deferred.take()
            && challenge.is_empty()
        {
            self.put_response(initial.expose());
            return true;
        }
        let event = Event::Challenge {
            id: *id,
            octets: challenge.to_vec().into(),
        };
        self.events.push_back(event);
        self.phase = Phase::Challenged;
        true
    }

    fn handle_response(&mut self, response: Response, input: &BytesMut) -> bool {
        if matches!(self.phase, Phase::Greeting) {
            if !response.is_ok() {
                return self.fail(ProtocolError::Dismissed { response });
            }
            self.phase = Phase::Ready;
            self.events.push_back(Event::Greeting {
                response,
                protection: self.protection(),
            });
            return true;
        }
        let Some(Outstanding { id, kind }) = self.sent.pop_front() else {
            return self.fail(if response.is_ok() {
                ProtocolError::Unsolicited
            } else {
                ProtocolError::Dismissed { response }
            });
        };
        let is_ok = response.is_ok();
        let text = response.octets().to_vec();
        self.events.push_back(Event::Reply { id, response });
        match kind {
            Kind::Quit => self.close(Ok(())),
            _ if !is_ok => {}
            Kind::Login | Kind::Auth { .. } => {
                self.state = State::Transaction;
            }
            Kind::Stls if input.is_empty() => self.phase = Phase::Tls,
            // RFC 2595 §4: nobody knows who wrote this.
            Kind::Stls => return self.fail(ProtocolError::PlaintextAfterStls),
            Kind::Single => {}
            Kind::Result(wanted) => {
                let event = wanted.parse(id, &text);
                if let Event::DropListing { count, .. } = event {
                    self.count = Some(count);
                }
                self.events.extend([event, Event::End { id }]);
            }
            Kind::Lines(reading) => {
                let kind = Kind::Reading(reading.begin(&self.config, self.count));
                self.sent.push_front(Outstanding { id, kind });
            }
            Kind::Reading(_) => {}
        }
        true
    }
}

/// `+ base64`, or `+` alone, which some servers send for an empty challenge.
fn challenge_of(line: &[u8]) -> Option<&[u8]> {
    match line {
        b"+" => Some(b""),
        [b'+', b' ', challenge @ ..] => Some(challenge),
        _ => None,
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

impl Machine for Client {
    const SIDE: Side = Side::Client;
    type Event = Event;
    type Error = ProtocolError;

    fn step(&mut self, input: &mut BytesMut) -> Step<Event, ProtocolError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Step::Event(event);
            }
            if matches!(self.phase, Phase::Ready) {
                self.put_commands();
            }
            if !self.out.is_empty() {
                return Step::Transmit(self.out.split().freeze());
            }
            match &self.phase {
                Phase::Challenged => return Step::NeedAnswer,
                Phase::Tls => return Step::StartTls,
                Phase::Closed(how) => return Step::Close(how.clone()),
                Phase::Greeting | Phase::Ready => {}
            }
            let moved = match self.sent.front_mut() {
                Some(Outstanding {
                    kind: Kind::Reading(_),
                    ..
                }) => self.read_on(input),
                _ => self.take_line(input),
            };
            if !moved {
                return Step::NeedInput;
            }
        }
    }

    fn patience(&self) -> Option<Patience> {
        let patience = Patience::new(self.config.response_timeout, self.mark);
        match (&self.phase, self.sent.front()) {
            (Phase::Greeting, _) => Some(patience),
            (
                Phase::Ready,
                Some(Outstanding {
                    kind: Kind::Reading(_),
                    ..
                }),
            ) => Some(patience.with_floor(self.config.floor_rate)),
            (Phase::Ready, Some(_)) => Some(patience),
            _ => None,
        }
    }

    fn handle_timeout(&mut self) {
        self.close(Err(ProtocolError::Timeout { state: self.state }));
    }

    fn handle_eof(&mut self, how: Eof) {
        self.eof = Some(how);
    }

    fn tls_started(&mut self, tls: TlsInfo) {
        // RFC 2595 §4: what was learnt in clear is forgotten.
        self.tls = Some(tls);
        self.capabilities = None;
        self.count = None;
        self.lines.reset();
        if matches!(self.phase, Phase::Tls) {
            self.mark = self.mark.wrapping_add(1);
            self.phase = Phase::Ready;
        }
    }
}
