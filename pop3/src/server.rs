//! The server's side of a session.
//!
//! [`Server`] answers everything that does not need the application: it keeps the states, checks
//! the arguments, holds the marks of DELE over the [`Maildrop`] that it was given at the login,
//! lists it, stuffs dots and cuts TOP. The application is asked who may come in, for the contents
//! of a message, and to remove the marked ones at the end.

mod config;
mod event;
mod listing;
mod message;
mod output;
mod reply;

use alloc::{boxed::Box, sync::Arc};

use bytes::{Bytes, BytesMut};
use mailwire_core::{
    base64,
    line::{Lines, Next},
    machine::{Answer, Eof, Machine, Patience, Side, Step, TlsInfo},
};
use zeroize::Zeroize;

pub use config::{Config, Stls, UserPass};
pub use event::{Event, Owed};

use self::{listing::Listing, message::Message, output::Output, reply::is_http};
use crate::{
    command::{Command, MAX_RESPONSE, Mechanism, UserName},
    error::{Expected, Misuse, ParseError, ProtocolError},
    limits,
    maildrop::{Deletions, Maildrop},
    response::Response,
    state::{ClearText, Protection, State},
};

/// The server's side of a session.
///
/// The order of calls: `step` until it yields an [`Event`] that owes an answer (see there), then
/// one of [`open`](Self::open), [`challenge`](Self::challenge), [`accept`](Self::accept) and
/// [`reply`](Self::reply); behind the `accept` of a message, [`write_body`](Self::write_body) for
/// each piece and [`end_body`](Self::end_body).
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_core::machine::{Machine, Step};
/// use mailwire_pop3::{ClearText, Maildrop, Server, server::{Config, Event}};
///
/// let mut config = Config::new("mail.example.test");
/// config.clear_text = ClearText::Permitted;
/// let mut server = Server::new(config);
/// let mut input = BytesMut::from("USER bob\r\nPASS secret\r\nSTAT\r\n");
/// let mut said = BytesMut::new();
/// loop {
///     match server.step(&mut input) {
///         Step::Transmit(octets) => said.extend_from_slice(&octets),
///         Step::Event(Event::Login { user, password }) => {
///             assert_eq!((&*user, password.expose().as_str()), ("bob", "secret"));
///             let mut maildrop = Maildrop::new();
///             maildrop.push(120, b"id-1")?;
///             server.open(maildrop)?;
///         }
///         _ => break,
///     }
/// }
/// assert!(said.ends_with(b"+OK 1 120\r\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server {
    config: Arc<Config>,
    phase: Phase,
    state: State,
    lines: Lines,
    out: Output,
    /// Told when what was said before has been handed over.
    event: Option<Event>,
    tls: Option<TlsInfo>,
    /// What USER said, until the next command.
    user: Option<UserName>,
    maildrop: Maildrop,
    deletions: Deletions,
    bad_commands: u32,
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
    /// A line of an AUTH exchange is awaited.
    Auth,
    /// The application owes an answer.
    Owed(Owed),
    /// A listing is being sent.
    Listing(Listing),
    /// The application writes a message.
    Body(Message),
    /// The driver shakes hands.
    Tls,
    /// The connection is over.
    Closed(Result<(), ProtocolError>),
}

/// What was found at the front of the input.
enum Taken {
    /// A line that the application hears of.
    Event(Event),
    /// A line that has been dealt with.
    Line,
    /// No whole line.
    Nothing,
}

impl Server {
    /// A server that has not greeted yet. Pass an [`Arc`] where many connections share the
    /// configuration.
    #[must_use]
    pub fn new(config: impl Into<Arc<Config>>) -> Self {
        Self {
            config: config.into(),
            phase: Phase::Greeting,
            state: State::Authorization,
            lines: Lines::new(limits::COMMAND_LINE),
            out: Output::default(),
            event: None,
            tls: None,
            user: None,
            maildrop: Maildrop::new(),
            deletions: Deletions::default(),
            bad_commands: 0,
            auth_failures: 0,
            mark: 0,
            eof: None,
            shutting_down: false,
        }
    }

    /// Lets the client in, as the answer to [`Event::Login`], [`Event::AuthStart`] or
    /// [`Event::AuthResponse`]: `+OK`, and the session is in the TRANSACTION state.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when no such event waits for an answer.
    pub fn open(&mut self, maildrop: Maildrop) -> Result<(), Misuse> {
        self.owes(|owed| matches!(owed, Owed::Login | Owed::Auth))?;
        self.state = State::Transaction;
        self.maildrop = maildrop;
        self.answered(Phase::Commands);
        let (count, octets) = self.remaining();
        self.out
            .line(format_args!("+OK {count} messages ({octets} octets)"));
        Ok(())
    }

    /// Sends a SASL challenge, given before base64, as the answer to [`Event::AuthStart`] or
    /// [`Event::AuthResponse`].
    ///
    /// # Errors
    ///
    /// [`Misuse`] when no such event waits for an answer, or the challenge does not fit into a
    /// line.
    pub fn challenge(&mut self, challenge: &[u8]) -> Result<(), Misuse> {
        self.owes(|owed| matches!(owed, Owed::Auth))?;
        if challenge.len() > MAX_RESPONSE {
            return Err(Misuse::Unencodable);
        }
        self.answered(Phase::Auth);
        self.lines.set_max(limits::AUTH_LINE);
        self.out
            .line(format_args!("+ {}", base64::encode(challenge)));
        Ok(())
    }

    /// Agrees, as the answer to [`Event::Retr`] and [`Event::Top`], whose message must follow, and
    /// to [`Event::Quit`], when the marked messages are gone.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when no such event waits for an answer.
    pub fn accept(&mut self) -> Result<(), Misuse> {
        match self.owed() {
            None => Err(self.nothing_owed()),
            Some(Owed::Login | Owed::Auth) => Err(Misuse::WrongAnswer),
            Some(Owed::Retr { octets }) => {
                self.answered(Phase::Body(Message::whole()));
                self.out.line(format_args!("+OK {octets} octets"));
                Ok(())
            }
            Some(Owed::Top { lines }) => {
                self.answered(Phase::Body(Message::top(lines)));
                self.out.line(format_args!("+OK top of message follows"));
                Ok(())
            }
            Some(Owed::Quit) => {
                let (left, _) = self.remaining();
                self.out
                    .line(format_args!("+OK goodbye, {left} messages left"));
                self.close(Ok(()));
                Ok(())
            }
        }
    }

    /// Answers with this response: a negative one to any event that waits for an answer, a positive
    /// one to [`Event::Quit`] only.
    ///
    /// A negative answer to a login counts as a wrong password unless its code says otherwise.
    ///
    /// # Errors
    ///
    /// [`Misuse`] when nothing is owed, or the response is positive where more than a line is due.
    pub fn reply(&mut self, response: &Response) -> Result<(), Misuse> {
        let owed = self.owed().ok_or_else(|| self.nothing_owed())?;
        if response.is_ok() && owed != Owed::Quit {
            return Err(Misuse::WrongAnswer);
        }
        self.answered(Phase::Commands);
        self.out.response(response);
        match owed {
            Owed::Login | Owed::Auth => self.count_failure(response),
            Owed::Quit => self.close(Ok(())),
            Owed::Retr { .. } | Owed::Top { .. } => {}
        }
        Ok(())
    }

    /// Answers in the words that all machines share. [`Answer::Each`] fits no event of POP3, and
    /// to let a client in takes [`open`](Self::open).
    ///
    /// # Errors
    ///
    /// [`Misuse`] when the answer does not fit what is owed.
    pub fn answer(&mut self, answer: Answer<Response>) -> Result<(), Misuse> {
        match answer {
            Answer::Accept => self.accept(),
            Answer::Reply(response) => self.reply(&response),
            Answer::Challenge(challenge) => self.challenge(&challenge),
            Answer::Nothing if self.owed().is_none() => Ok(()),
            Answer::Nothing | Answer::Each(_) => Err(Misuse::WrongAnswer),
        }
    }

    /// Sends the next octets of a message, cut anywhere. The machine doubles dots, and makes a CRLF
    /// of each bare CR and LF. It takes all that it is given; [`Step::NeedBody`] says when
    /// there is room.
    ///
    /// # Errors
    ///
    /// [`Misuse::NoBody`] when no message was accepted.
    pub fn write_body(&mut self, octets: Bytes) -> Result<(), Misuse> {
        let Phase::Body(message) = &mut self.phase else {
            return Err(self.no_body());
        };
        message.write(octets, &mut self.out);
        Ok(())
    }

    /// Ends the message.
    ///
    /// # Errors
    ///
    /// [`Misuse::NoBody`] when none is open.
    pub fn end_body(&mut self) -> Result<(), Misuse> {
        let Phase::Body(message) = &mut self.phase else {
            return Err(self.no_body());
        };
        message.finish(&mut self.out);
        self.answered(Phase::Commands);
        Ok(())
    }

    /// Whether a message is open and more of it would be sent. It turns `false` when TOP has all
    /// its lines; [`end_body`](Self::end_body) may be called then without reading on.
    #[must_use]
    pub fn wants_body(&self) -> bool {
        matches!(&self.phase, Phase::Body(message) if message.wants_more())
    }

    /// Ends the session in order: what is owed is answered with `-ERR [SYS/TEMP]`, a message or
    /// listing that is under way is finished, and a QUIT is carried out.
    pub fn shutdown(&mut self) {
        match self.phase {
            Phase::Owed(Owed::Quit) | Phase::Body(_) | Phase::Listing(_) => {
                self.shutting_down = true;
            }
            Phase::Owed(_) | Phase::Greeting => {
                self.out.response(&Response::unavailable());
                self.close(Ok(()));
            }
            // RFC 1939 §3: a server that ends a session by itself says nothing.
            Phase::Commands | Phase::Auth | Phase::Tls => self.close(Ok(())),
            Phase::Closed(_) => {}
        }
    }

    /// Cuts the connection where a message cannot be completed: its end mark is never sent, so the
    /// client sees that something is missing.
    pub fn abort(&mut self) {
        self.close(Ok(()));
    }

    /// What the application owes.
    #[must_use]
    pub const fn owed(&self) -> Option<Owed> {
        match self.phase {
            Phase::Owed(owed) => Some(owed),
            _ => None,
        }
    }

    /// The state of the session.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The TLS that the connection runs over.
    #[must_use]
    pub const fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }

    /// The maildrop as it was at the login; empty before.
    #[must_use]
    pub const fn maildrop(&self) -> &Maildrop {
        &self.maildrop
    }

    /// What the client has marked so far. Only [`Event::Quit`] makes it final.
    #[must_use]
    pub const fn deletions(&self) -> &Deletions {
        &self.deletions
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
        offered.filter(move |mechanism| binding || !mechanism.ends_with("-PLUS"))
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

    /// Messages that are not marked, and their octets.
    fn remaining(&self) -> (u32, u64) {
        (
            self.maildrop.len().saturating_sub(self.deletions.len()),
            self.maildrop
                .octets()
                .saturating_sub(self.deletions.octets()),
        )
    }

    fn owes(&self, fits: impl FnOnce(Owed) -> bool) -> Result<(), Misuse> {
        match self.owed() {
            None => Err(self.nothing_owed()),
            Some(owed) if fits(owed) => Ok(()),
            Some(_) => Err(Misuse::WrongAnswer),
        }
    }

    /// Whether there is something to do without application and driver.
    const fn is_at_work(&self) -> bool {
        matches!(
            self.phase,
            Phase::Greeting | Phase::Commands | Phase::Auth | Phase::Listing(_)
        )
    }

    const fn nothing_owed(&self) -> Misuse {
        if matches!(self.phase, Phase::Closed(_)) {
            Misuse::Closed
        } else {
            Misuse::NothingOwed
        }
    }

    const fn no_body(&self) -> Misuse {
        if matches!(self.phase, Phase::Closed(_)) {
            Misuse::Closed
        } else {
            Misuse::NoBody
        }
    }

    /// Goes on after an answer; the peer's clock begins anew.
    fn answered(&mut self, next: Phase) {
        self.mark = self.mark.wrapping_add(1);
        self.lines.set_max(limits::COMMAND_LINE);
        let over = self.shutting_down && matches!(next, Phase::Commands);
        self.phase = if over { Phase::Closed(Ok(())) } else { next };
    }

    fn close(&mut self, how: Result<(), ProtocolError>) {
        self.user = None;
        self.event = None;
        self.phase = Phase::Closed(how);
    }

    /// Takes the next line and does what it says; [`Taken::Nothing`] when there is none yet.
    fn take_line(&mut self, input: &mut BytesMut) -> Taken {
        if self.is_tls_handshake(input) {
            self.close(Err(ProtocolError::TlsOnClearPort));
            return Taken::Nothing;
        }
        let bad = match self.lines.next(input) {
            Next::NeedInput => {
                self.handle_end(input);
                return Taken::Nothing;
            }
            Next::Endless => {
                self.out.response(&Response::err("line without end"));
                self.close(Err(ProtocolError::EndlessLine));
                return Taken::Nothing;
            }
            Next::Line(mut line) => {
                self.mark = self.mark.wrapping_add(1);
                let event = self.handle_line(&line, input);
                // It may have been a password.
                line.zeroize();
                return event.map_or(Taken::Line, Taken::Event);
            }
            Next::TooLong => ParseError::new(Expected::ShorterLine, limits::COMMAND_LINE),
            Next::Malformed(bad) => ParseError::new(Expected::CleanLine, bad.offset),
        };
        self.user = None;
        let in_auth = matches!(self.phase, Phase::Auth);
        self.answered(Phase::Commands);
        Taken::Event(if in_auth {
            self.cancelled()
        } else {
            self.invalid(bad)
        })
    }

    /// Nothing more will come than is in `input`, which is no whole line.
    fn handle_end(&mut self, input: &BytesMut) {
        let Some(how) = self.eof else { return };
        let inside = self.lines.is_inside(input) || matches!(self.phase, Phase::Auth);
        let error = ProtocolError::UnexpectedEof { state: self.state };
        self.close(if inside || how == Eof::Truncated {
            Err(error)
        } else {
            Ok(())
        });
    }

    /// A TLS record of type handshake, which no command begins with: the client took this port for
    /// one that begins with TLS.
    fn is_tls_handshake(&self, input: &BytesMut) -> bool {
        self.state == State::Authorization
            && self.protection() == Protection::Clear
            && input.starts_with(&[0x16, 0x03])
    }

    fn handle_line(&mut self, line: &[u8], input: &BytesMut) -> Option<Event> {
        if matches!(self.phase, Phase::Auth) {
            return Some(self.handle_auth_line(line));
        }
        if is_http(line) {
            self.out.response(&Response::err("this is a POP3 server"));
            self.close(Err(ProtocolError::Http));
            return None;
        }
        match Command::parse(line) {
            Ok(command) => self.handle_command(command, input),
            Err(error) => {
                self.user = None;
                Some(self.invalid(error))
            }
        }
    }

    /// `*` cancels (RFC 5034 §4); everything else is base64.
    fn handle_auth_line(&mut self, line: &[u8]) -> Event {
        self.answered(Phase::Commands);
        if let Some(octets) = Some(line)
            .filter(|line| *line != b"*")
            .and_then(|l| base64::decode(l, MAX_RESPONSE).ok())
        {
            self.phase = Phase::Owed(Owed::Auth);
            return Event::AuthResponse(octets);
        }
        self.cancelled()
    }

    fn cancelled(&mut self) -> Event {
        self.out
            .response(&Response::err("authentication cancelled"));
        Event::AuthCancelled
    }

    fn handle_command(&mut self, command: Command, input: &BytesMut) -> Option<Event> {
        let user = self.user.take();
        match (self.state, command) {
            (_, Command::Capa) => self.capabilities(),
            (State::Transaction, Command::Quit) => {
                self.state = State::Update;
                self.phase = Phase::Owed(Owed::Quit);
                return Some(Event::Quit {
                    deletions: self.deletions.clone(),
                });
            }
            (_, Command::Quit) => {
                self.out.response(&Response::ok("goodbye"));
                self.close(Ok(()));
            }
            (State::Authorization, Command::Stls) => self.start_tls(input),
            (State::Authorization, command) if command.is_credential() => {
                return self.handle_credential(command, user);
            }
            (State::Transaction, command) => return self.handle_transaction(command),
            (_, command) => self.out_of_place(&command),
        }
        None
    }

    fn handle_credential(&mut self, command: Command, user: Option<UserName>) -> Option<Event> {
        if !self.credentials_may_pass() {
            self.bad(&Response::err("not without TLS"));
            return None;
        }
        let by_password = self.config.user_pass == UserPass::Offered;
        match (command, user) {
            (Command::User(name), None) if by_password => {
                self.user = Some(name);
                self.out.response(&Response::ok("password, please"));
            }
            (Command::Pass(password), Some(user)) => {
                self.phase = Phase::Owed(Owed::Login);
                return Some(Event::Login {
                    user,
                    password: password.into_secret(),
                });
            }
            (Command::Pass(_), None) if by_password => {
                self.bad(&Response::err("USER comes first"));
            }
            (Command::User(_), Some(_)) => self.bad(&Response::err("PASS comes next")),
            (Command::Auth { mechanism, initial }, _)
                if self.mechanisms().any(|offered| *offered == mechanism) =>
            {
                self.phase = Phase::Owed(Owed::Auth);
                let initial = initial.map(crate::command::InitialResponse::into_secret);
                return Some(Event::AuthStart { mechanism, initial });
            }
            (Command::Auth { .. }, _) => self.bad(&Response::err("mechanism not offered")),
            _ => self.bad(&Response::err("not offered")),
        }
        None
    }

    fn handle_transaction(&mut self, command: Command) -> Option<Event> {
        match command {
            Command::Noop => self.out.response(&Response::ok("")),
            Command::Stat => {
                let (count, octets) = self.remaining();
                self.out.line(format_args!("+OK {count} {octets}"));
            }
            Command::Rset => {
                self.deletions.clear();
                let (count, octets) = self.remaining();
                self.out
                    .line(format_args!("+OK {count} messages ({octets} octets)"));
            }
            Command::List(None) => {
                let (count, octets) = self.remaining();
                self.out
                    .line(format_args!("+OK {count} messages ({octets} octets)"));
                self.phase = Phase::Listing(Listing::sizes());
            }
            Command::Uidl(None) => {
                self.out.response(&Response::ok("unique-ids follow"));
                self.phase = Phase::Listing(Listing::unique_ids());
            }
            Command::List(Some(message)) => {
                let octets = self.present(message)?;
                self.out.line(format_args!("+OK {message} {octets}"));
            }
            Command::Uidl(Some(message)) => {
                self.present(message)?;
                let unique_id = self.maildrop.unique_id(message).unwrap_or_default();
                self.out
                    .octets_line(format_args!("+OK {message} "), unique_id);
            }
            Command::Dele(message) => {
                let octets = self.present(message)?;
                self.deletions.mark(message, octets);
                self.out.line(format_args!("+OK message {message} deleted"));
            }
            Command::Retr(message) => {
                let octets = self.present(message)?;
                self.phase = Phase::Owed(Owed::Retr { octets });
                return Some(Event::Retr { message });
            }
            Command::Top { message, lines } => {
                self.present(message)?;
                self.phase = Phase::Owed(Owed::Top { lines });
                return Some(Event::Top { message, lines });
            }
            command => self.out_of_place(&command),
        }
        None
    }

    /// RFC 2595 §4. What stands behind the line was sent before TLS protects it, so nobody knows
    /// who wrote it (CVE-2011-0411).
    fn start_tls(&mut self, input: &BytesMut) {
        if self.tls.is_some() {
            return self.bad(&Response::err("TLS is active already"));
        }
        if self.config.stls == Stls::Withheld {
            return self.bad(&Response::err("STLS is not offered"));
        }
        if !input.is_empty() {
            self.out.response(&Response::err("nothing may follow STLS"));
            return self.close(Err(ProtocolError::PlaintextAfterStls));
        }
        self.out.response(&Response::ok("begin TLS negotiation"));
        self.phase = Phase::Tls;
    }
}

impl Machine for Server {
    const SIDE: Side = Side::Server;
    type Event = Event;
    type Error = ProtocolError;

    fn step(&mut self, input: &mut BytesMut) -> Step<Event, ProtocolError> {
        loop {
            // Responses are gathered while there is something to do without the application.
            if self.event.is_some() || self.out.is_full() || !self.is_at_work() {
                if let Some(octets) = self.out.next() {
                    return Step::Transmit(octets);
                }
                if let Some(event) = self.event.take() {
                    return Step::Event(event);
                }
            }
            match &mut self.phase {
                Phase::Greeting => self.greet(),
                Phase::Commands | Phase::Auth => match self.take_line(input) {
                    Taken::Event(event) => self.event = Some(event),
                    Taken::Line => {}
                    Taken::Nothing if self.is_at_work() => {
                        return self.out.next().map_or(Step::NeedInput, Step::Transmit);
                    }
                    Taken::Nothing => {}
                },
                Phase::Listing(listing) => {
                    if !listing.write(&self.maildrop, &self.deletions, &mut self.out) {
                        self.answered(Phase::Commands);
                    }
                }
                Phase::Owed(_) => return Step::NeedAnswer,
                Phase::Body(_) => return Step::NeedBody,
                Phase::Tls => return Step::StartTls,
                Phase::Closed(how) => return Step::Close(how.clone()),
            }
        }
    }

    fn patience(&self) -> Option<Patience> {
        let limit = match (&self.phase, self.state) {
            (Phase::Commands | Phase::Auth, State::Authorization) => {
                self.config.authorization_timeout
            }
            (Phase::Commands | Phase::Auth, _) => self.config.autologout,
            _ => return None,
        };
        Some(Patience::new(limit, self.mark))
    }

    fn handle_timeout(&mut self) {
        // RFC 1939 §3: no response, and nothing is removed.
        self.close(Err(ProtocolError::Timeout { state: self.state }));
    }

    fn handle_eof(&mut self, how: Eof) {
        self.eof = Some(how);
    }

    fn tls_started(&mut self, tls: TlsInfo) {
        self.event = Some(Event::Secured(Box::new(tls.clone())));
        self.tls = Some(tls);
        self.user = None;
        self.lines.reset();
        if matches!(self.phase, Phase::Tls) {
            self.answered(Phase::Commands);
        }
    }
}
