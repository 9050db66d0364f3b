//! The server's side of a session.
//!
//! [`Server`] answers everything that does not need the application: it keeps the states, checks
//! the arguments, holds the marks of DELE over the [`Maildrop`] that it was given at the login,
//! lists it, stuffs dots and cuts TOP. The application is asked who may come in, for the contents
//! of a message, and to remove the marked ones at the end.

mod config;
mod dialogue;
mod event;
mod listing;
mod message;
mod output;
mod reply;
mod step;

use alloc::sync::Arc;

use bytes::Bytes;
use mailwire_core::{
    base64,
    line::Lines,
    machine::{Answer, Eof, TlsInfo},
};

pub use config::{Config, Stls, UserPass};
pub use event::{Event, Owed};

use self::{listing::Listing, message::Message, output::Output};
use crate::{
    command::{MAX_RESPONSE, Mechanism, UserName},
    error::{Misuse, ProtocolError},
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
    ///
    /// ```
    /// # use bytes::{Bytes, BytesMut};
    /// # use mailwire_core::machine::{Answer, Machine, Step};
    /// # use mailwire_pop3::{ClearText, Maildrop, Mechanism, Response, Server, server::Config};
    /// # let mut config = Config::new("mail.example.test");
    /// # config.clear_text = ClearText::Permitted;
    /// # config.mechanisms.push(Mechanism::new("LOGIN")?);
    /// # let mut server = Server::new(config);
    /// # let mut say = |server: &mut Server, line: &str| {
    /// #     let mut input = BytesMut::from(line);
    /// #     while let Step::Transmit(_) | Step::Event(_) = server.step(&mut input) {}
    /// # };
    /// # say(&mut server, "USER bob\r\nPASS secret\r\n");
    /// let mut maildrop = Maildrop::new();
    /// maildrop.push(120, b"1700000000.M1P2.mail")?;
    /// server.open(maildrop)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// # use bytes::{Bytes, BytesMut};
    /// # use mailwire_core::machine::{Answer, Machine, Step};
    /// # use mailwire_pop3::{ClearText, Maildrop, Mechanism, Response, Server, server::Config};
    /// # let mut config = Config::new("mail.example.test");
    /// # config.clear_text = ClearText::Permitted;
    /// # config.mechanisms.push(Mechanism::new("LOGIN")?);
    /// # let mut server = Server::new(config);
    /// # let mut say = |server: &mut Server, line: &str| {
    /// #     let mut input = BytesMut::from(line);
    /// #     while let Step::Transmit(_) | Step::Event(_) = server.step(&mut input) {}
    /// # };
    /// # say(&mut server, "AUTH LOGIN\r\n");
    /// server.challenge(b"Username:")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// # use bytes::{Bytes, BytesMut};
    /// # use mailwire_core::machine::{Answer, Machine, Step};
    /// # use mailwire_pop3::{ClearText, Maildrop, Mechanism, Response, Server, server::Config};
    /// # let mut config = Config::new("mail.example.test");
    /// # config.clear_text = ClearText::Permitted;
    /// # config.mechanisms.push(Mechanism::new("LOGIN")?);
    /// # let mut server = Server::new(config);
    /// # let mut say = |server: &mut Server, line: &str| {
    /// #     let mut input = BytesMut::from(line);
    /// #     while let Step::Transmit(_) | Step::Event(_) = server.step(&mut input) {}
    /// # };
    /// # say(&mut server, "USER bob\r\nPASS secret\r\n");
    /// # let mut maildrop = Maildrop::new();
    /// # maildrop.push(5, b"id-1")?;
    /// # server.open(maildrop)?;
    /// # say(&mut server, "RETR 1\r\n");
    /// server.accept()?;
    /// server.write_body(Bytes::from_static(b"body\n"))?;
    /// server.end_body()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// # use bytes::{Bytes, BytesMut};
    /// # use mailwire_core::machine::{Answer, Machine, Step};
    /// # use mailwire_pop3::{ClearText, Maildrop, Mechanism, Response, Server, server::Config};
    /// # let mut config = Config::new("mail.example.test");
    /// # config.clear_text = ClearText::Permitted;
    /// # config.mechanisms.push(Mechanism::new("LOGIN")?);
    /// # let mut server = Server::new(config);
    /// # let mut say = |server: &mut Server, line: &str| {
    /// #     let mut input = BytesMut::from(line);
    /// #     while let Step::Transmit(_) | Step::Event(_) = server.step(&mut input) {}
    /// # };
    /// # say(&mut server, "USER bob\r\nPASS secret\r\n");
    /// server.reply(&Response::wrong_credentials())?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// # use bytes::{Bytes, BytesMut};
    /// # use mailwire_core::machine::{Answer, Machine, Step};
    /// # use mailwire_pop3::{ClearText, Maildrop, Mechanism, Response, Server, server::Config};
    /// # let mut config = Config::new("mail.example.test");
    /// # config.clear_text = ClearText::Permitted;
    /// # config.mechanisms.push(Mechanism::new("LOGIN")?);
    /// # let mut server = Server::new(config);
    /// # let mut say = |server: &mut Server, line: &str| {
    /// #     let mut input = BytesMut::from(line);
    /// #     while let Step::Transmit(_) | Step::Event(_) = server.step(&mut input) {}
    /// # };
    /// # say(&mut server, "USER bob\r\nPASS secret\r\n");
    /// server.answer(Answer::Reply(Response::unavailable()))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// of each bare CR and LF. It takes all that it is given; `NeedBody` says when
    /// there is room.
    ///
    /// # Errors
    ///
    /// [`Misuse::NoBody`] when no message was accepted.
    ///
    /// ```
    /// # use bytes::{Bytes, BytesMut};
    /// # use mailwire_core::machine::{Answer, Machine, Step};
    /// # use mailwire_pop3::{ClearText, Maildrop, Mechanism, Response, Server, server::Config};
    /// # let mut config = Config::new("mail.example.test");
    /// # config.clear_text = ClearText::Permitted;
    /// # config.mechanisms.push(Mechanism::new("LOGIN")?);
    /// # let mut server = Server::new(config);
    /// # let mut say = |server: &mut Server, line: &str| {
    /// #     let mut input = BytesMut::from(line);
    /// #     while let Step::Transmit(_) | Step::Event(_) = server.step(&mut input) {}
    /// # };
    /// # say(&mut server, "USER bob\r\nPASS secret\r\n");
    /// # let mut maildrop = Maildrop::new();
    /// # maildrop.push(5, b"id-1")?;
    /// # server.open(maildrop)?;
    /// # say(&mut server, "RETR 1\r\n");
    /// # server.accept()?;
    /// server.write_body(Bytes::from_static(b".d"))?;
    /// server.write_body(Bytes::from_static(b"ot\n"))?;
    /// # server.end_body()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    ///
    /// ```
    /// # use bytes::{Bytes, BytesMut};
    /// # use mailwire_core::machine::{Answer, Machine, Step};
    /// # use mailwire_pop3::{ClearText, Maildrop, Mechanism, Response, Server, server::Config};
    /// # let mut config = Config::new("mail.example.test");
    /// # config.clear_text = ClearText::Permitted;
    /// # config.mechanisms.push(Mechanism::new("LOGIN")?);
    /// # let mut server = Server::new(config);
    /// # let mut say = |server: &mut Server, line: &str| {
    /// #     let mut input = BytesMut::from(line);
    /// #     while let Step::Transmit(_) | Step::Event(_) = server.step(&mut input) {}
    /// # };
    /// # say(&mut server, "USER bob\r\nPASS secret\r\n");
    /// # let mut maildrop = Maildrop::new();
    /// # maildrop.push(5, b"id-1")?;
    /// # server.open(maildrop)?;
    /// # say(&mut server, "TOP 1 0\r\n");
    /// # server.accept()?;
    /// while server.wants_body() {
    ///     server.write_body(Bytes::from_static(b"Subject: x\n\nbody"))?;
    /// }
    /// server.end_body()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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

    /// Ends the connection; the first reason stands.
    fn close(&mut self, how: Result<(), ProtocolError>) {
        self.user = None;
        self.event = None;
        if !matches!(self.phase, Phase::Closed(_)) {
            self.phase = Phase::Closed(how);
        }
    }
}
