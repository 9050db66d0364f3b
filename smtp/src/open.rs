//! From the connection to a session in which mail can be sent, in the one order that is safe.
//!
//! [`Open`] is a machine on top of [`Client`]: greeting, EHLO (or LHLO; HELO where a server knows no
//! EHLO), STARTTLS, EHLO again because what was said in clear does not count (RFC 3207 §4.2), then
//! AUTH with the strongest mechanism that both sides know. It ends in [`Event::Ready`]. No step can
//! be left out or done out of order, and no credential leaves where the configuration forbids it; a
//! mechanism that the server refused is not followed by a weaker one.
//!
//! Read first: RFC 5321 §3.2, RFC 3207 §4, RFC 4954 §4.

mod config;
mod error;

use alloc::boxed::Box;

use bytes::BytesMut;
use mailwire_core::{
    machine::{Eof, Machine, Patience, Side, Step, TlsInfo, Upgrade},
    sasl,
};

pub use config::Config;
pub use error::Error;
pub use mailwire_core::sasl::Login;

use crate::{
    address::ClientName,
    client::{self, AuthOver, Client, Misuse, Protocol},
    command::Command,
    extension::Extension,
    reply::{Code, Reply, Severity},
};

/// Opens a session as a client.
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_core::{machine::{Machine, Step, Upgrade}, sasl::Nonce};
/// use mailwire_smtp::open::{Config, Error, Login, Open};
///
/// let nonce = Nonce::from_random(&[7; 24]); // from the system's random number generator
/// let login = Login::new("bob", "secret", nonce)?;
/// let config = Config::new("client.example".parse()?, Upgrade::Required).with_login(login);
/// let mut open = Open::new(config);
/// let mut input = BytesMut::from("220 mx.example ESMTP\r\n");
/// while !matches!(open.step(&mut input), Step::NeedInput) {}
/// input.extend_from_slice(b"250-mx.example\r\n250 AUTH PLAIN\r\n");
/// // There is no STARTTLS, so there is nothing more to say.
/// assert!(matches!(open.step(&mut input), Step::Close(Err(Error::StartTlsNotOffered))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Open {
    /// Until it is given away.
    client: Option<Box<Client>>,
    name: ClientName,
    upgrade: Upgrade,
    auth_over: AuthOver,
    login: Option<Login>,
    stage: Stage,
    /// Set when the session cannot be opened.
    failure: Option<Error>,
    event: Option<Event>,
    ready: Gift,
}

/// Whether the client is to be handed over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Gift {
    NotYet,
    Wanted,
    Given,
}

/// What an [`Open`] tells its application.
///
/// ```
/// use mailwire_smtp::open::Event;
/// fn is_over(event: &Event) -> bool { matches!(event, Event::Ready(_)) }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The server's greeting, for the record. In clear text anybody may have written it.
    Greeting(Reply),
    /// The server did not take STARTTLS although it offers it, and the session goes on in clear
    /// text, as [`Upgrade::IfOffered`] permits.
    StartTlsRefused(Reply),
    /// SCRAM needs some milliseconds of a processor: run this where it holds nobody up, then call
    /// [`Open::derived`]. The machine waits for it.
    NeedDerivation(sasl::Derivation),
    /// The session is open. Go on with this client on the same connection.
    Ready(Box<Client>),
}

/// How far it has come.
#[derive(Debug)]
enum Stage {
    Greeting,
    /// EHLO in clear, to see whether STARTTLS is offered.
    HelloInClear,
    StartTls,
    /// EHLO that counts.
    Hello,
    /// HELO, for a server that knows no EHLO.
    OldHello,
    Auth(sasl::Client),
    /// The application owes the result of a derivation.
    Deriving(sasl::Client),
    Over,
}

impl Open {
    /// Waits for the greeting.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            auth_over: config.client.auth_over,
            client: Some(Box::new(Client::new(config.client))),
            name: config.name,
            upgrade: config.upgrade,
            login: config.login,
            stage: Stage::Greeting,
            failure: None,
            event: None,
            ready: Gift::NotYet,
        }
    }

    /// The result of [`Event::NeedDerivation`].
    ///
    /// # Errors
    ///
    /// [`Misuse::NoChallenge`] when no derivation was asked for.
    pub fn derived(&mut self, derived: &sasl::Derived) -> Result<(), Misuse> {
        match core::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Deriving(mut exchange) => {
                let step = exchange.derived(derived);
                self.follow(exchange, step);
                Ok(())
            }
            stage => {
                self.stage = stage;
                Err(Misuse::NoChallenge)
            }
        }
    }

    /// The TLS that the connection runs over.
    #[must_use]
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.client
            .as_ref()
            .and_then(|client| client.tls())
            .map(|tls| &**tls)
    }

    fn handle(&mut self, event: client::Event) {
        match event {
            client::Event::Greeting(reply) => self.greeted(reply),
            client::Event::Reply { reply, .. } => self.replied(reply),
            client::Event::Challenge { challenge, .. } => {
                if let Stage::Auth(mut exchange) = core::mem::replace(&mut self.stage, Stage::Over)
                {
                    let step = exchange.step(challenge.expose());
                    self.follow(exchange, step);
                }
            }
            client::Event::Closing(reply) => self.fail(Error::Closing(reply)),
            // Nothing is sent here that could lead to these.
            client::Event::RecipientReply { .. } | client::Event::BodyWanted { .. } => {}
        }
    }

    fn greeted(&mut self, reply: Reply) {
        if reply.severity() != Severity::Completion {
            return self.fail(Error::GreetingRefused(reply));
        }
        self.event = Some(Event::Greeting(reply));
        match (self.tls().is_some(), self.upgrade) {
            (false, Upgrade::Implicit) => self.fail(Error::NotProtected),
            (false, Upgrade::IfOffered | Upgrade::Required) => self.say_hello(Stage::HelloInClear),
            _ => self.say_hello(Stage::Hello),
        }
    }

    fn say_hello(&mut self, next: Stage) {
        let client = self.name.clone();
        let lmtp = self.protocol() == Protocol::Lmtp;
        let hello = if lmtp {
            Command::Lhlo { client }
        } else {
            Command::Ehlo { client }
        };
        self.send(hello, next);
    }

    fn replied(&mut self, reply: Reply) {
        let done = reply.severity() == Severity::Completion;
        match (core::mem::replace(&mut self.stage, Stage::Over), done) {
            (Stage::HelloInClear, true) => self.upgrade(),
            (Stage::Hello | Stage::OldHello, true) => self.log_in(),
            (Stage::HelloInClear | Stage::Hello, false) => self.hello_refused(reply),
            (Stage::OldHello, false) => self.fail(Error::HelloRefused(reply)),
            // EHLO follows when the handshake is done.
            (Stage::StartTls, true) => self.stage = Stage::StartTls,
            (Stage::StartTls, false) if self.upgrade.forbids_clear_text() => {
                self.fail(Error::StartTlsRefused(reply));
            }
            // There is nothing to go on with behind a farewell.
            (Stage::StartTls, false) if reply.code() == Code::NOT_AVAILABLE => {
                self.fail(Error::Closing(reply));
            }
            (Stage::StartTls, false) => {
                self.event = Some(Event::StartTlsRefused(reply));
                self.log_in();
            }
            (Stage::Auth(mut exchange), true) => match exchange.succeeded(None) {
                sasl::ClientStep::Done => self.ready(),
                sasl::ClientStep::Fail(error) => self.fail(Error::Sasl(error)),
                _ => self.fail(Error::Sasl(sasl::ClientError::OutOfOrder)),
            },
            (Stage::Auth(_), false) => self.fail(Error::LoginRefused(reply)),
            (stage, _) => self.stage = stage,
        }
    }

    /// A server that knows no EHLO offers neither TLS nor AUTH (RFC 5321 §3.2).
    fn hello_refused(&mut self, reply: Reply) {
        let permanent = reply.severity() == Severity::Permanent;
        // Who says "later" has not said what he offers.
        if permanent && self.upgrade.forbids_clear_text() && self.tls().is_none() {
            self.fail(Error::StartTlsNotOffered);
        } else if permanent && self.login.is_none() && self.protocol() == Protocol::Smtp {
            self.send(
                Command::Helo {
                    client: self.name.clone(),
                },
                Stage::OldHello,
            );
        } else {
            self.fail(Error::HelloRefused(reply));
        }
    }

    fn upgrade(&mut self) {
        if self.offers(Extension::StartTls) {
            return self.send(Command::StartTls, Stage::StartTls);
        }
        if self.upgrade.forbids_clear_text() {
            return self.fail(Error::StartTlsNotOffered);
        }
        self.log_in();
    }

    /// Logs in by the strongest mechanism that the server offers and the configuration permits.
    fn log_in(&mut self) {
        let Some(login) = self.login.take() else {
            return self.ready();
        };
        if self.tls().is_none() && self.auth_over == AuthOver::Tls {
            return self.fail(Error::NotProtected);
        }
        if !self.offers(Extension::Auth) {
            return self.fail(Error::AuthNotOffered);
        }
        match self.choose(&login) {
            Ok(choice) => match login.exchange(&choice) {
                Ok(exchange) => self.authenticate(exchange),
                Err(error) => self.fail(Error::Credentials(error)),
            },
            Err(error) => self.fail(Error::Mechanism(error)),
        }
    }

    fn choose(&self, login: &Login) -> Result<sasl::Choice, sasl::ChoiceError> {
        let offered = self
            .client
            .as_ref()
            .and_then(|client| client.capabilities());
        let known = offered
            .into_iter()
            .flat_map(|offered| offered.mechanisms())
            .filter_map(|offered| sasl::Mechanism::from_name(offered.as_str().as_bytes()))
            .map(|mechanism| mechanism.name().as_bytes());
        let password = match self.auth_over {
            AuthOver::Tls => sasl::PasswordPolicy::Protected,
            AuthOver::TlsOrClearText => sasl::PasswordPolicy::EvenInClear,
        };
        sasl::choose(known, &login.policy(self.tls(), password))
    }

    fn authenticate(&mut self, mut exchange: sasl::Client) {
        let initial = exchange.initial_response();
        match exchange.mechanism().name().parse() {
            Ok(mechanism) => {
                self.send(Command::Auth { mechanism, initial }, Stage::Auth(exchange));
            }
            Err(_) => self.fail(Error::Mechanism(sasl::ChoiceError::NothingInCommon)),
        }
    }

    /// Does what the mechanism says.
    fn follow(&mut self, exchange: sasl::Client, step: sasl::ClientStep) {
        match step {
            sasl::ClientStep::Respond(response) => {
                self.stage = Stage::Auth(exchange);
                if let Some(client) = &mut self.client
                    && let Err(error) = client.respond(response.expose())
                {
                    self.fail(Error::Misuse(error));
                }
            }
            sasl::ClientStep::NeedDerivation(derivation) => {
                self.event = Some(Event::NeedDerivation(derivation));
                self.stage = Stage::Deriving(exchange);
            }
            sasl::ClientStep::Done => self.stage = Stage::Auth(exchange),
            sasl::ClientStep::Fail(error) => {
                if let Some(client) = &mut self.client {
                    // There is nothing to cancel where the server has not challenged.
                    client.cancel_auth().unwrap_or_default();
                }
                self.fail(Error::Sasl(error));
            }
        }
    }

    fn send(&mut self, command: Command, next: Stage) {
        self.stage = next;
        if let Some(client) = &mut self.client
            && let Err(error) = client.send(command)
        {
            self.fail(Error::Misuse(error));
        }
    }

    fn protocol(&self) -> Protocol {
        self.client
            .as_ref()
            .map_or(Protocol::Smtp, |client| client.config().protocol)
    }

    fn offers(&self, extension: Extension) -> bool {
        let offered = self
            .client
            .as_ref()
            .and_then(|client| client.capabilities());
        offered.is_some_and(|offered| offered.offers(extension))
    }

    fn ready(&mut self) {
        self.stage = Stage::Over;
        self.ready = Gift::Wanted;
    }

    fn fail(&mut self, error: Error) {
        self.stage = Stage::Over;
        self.failure = Some(error);
    }
}

impl Machine for Open {
    const SIDE: Side = Side::Client;
    type Event = Event;
    type Error = Error;

    fn step(&mut self, input: &mut BytesMut) -> Step<Event, Error> {
        loop {
            if let Some(event) = self.event.take() {
                return Step::Event(event);
            }
            if self.ready == Gift::Wanted
                && let Some(client) = self.client.take()
            {
                self.ready = Gift::Given;
                return Step::Event(Event::Ready(client));
            }
            // Behind `Ready` somebody must take the client over.
            let Some(client) = &mut self.client else {
                return Step::NeedAnswer;
            };
            if matches!(self.stage, Stage::Deriving(_)) && self.failure.is_none() {
                return Step::NeedAnswer;
            }
            let step = client.step(input);
            if let (Some(failure), false) = (&self.failure, matches!(step, Step::Transmit(_))) {
                return Step::Close(Err(failure.clone()));
            }
            match step {
                Step::Event(event) => self.handle(event),
                Step::Transmit(octets) => return Step::Transmit(octets),
                Step::NeedInput => return Step::NeedInput,
                Step::NeedAnswer => return Step::NeedAnswer,
                Step::NeedBody => return Step::NeedBody,
                Step::StartTls => return Step::StartTls,
                Step::StartDeflate => return Step::StartDeflate,
                Step::Close(Ok(())) => return Step::Close(Ok(())),
                Step::Close(Err(error)) => return Step::Close(Err(Error::Protocol(error))),
            }
        }
    }

    fn patience(&self) -> Option<Patience> {
        if matches!(self.stage, Stage::Deriving(_)) {
            return None;
        }
        self.client.as_ref().and_then(|client| client.patience())
    }

    fn handle_timeout(&mut self) {
        if let Some(client) = &mut self.client {
            client.handle_timeout();
        }
    }

    fn handle_eof(&mut self, how: Eof) {
        if let Some(client) = &mut self.client {
            client.handle_eof(how);
        }
    }

    fn tls_started(&mut self, tls: TlsInfo) {
        if let Some(client) = &mut self.client {
            client.tls_started(tls);
        }
        if matches!(self.stage, Stage::StartTls) {
            self.say_hello(Stage::Hello);
        }
    }
}
