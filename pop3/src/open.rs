//! From the greeting to the login, TLS included, in the one order that is safe.
//!
//! [`Open`] is a machine on top of [`Client`]: greeting, CAPA, STLS, CAPA again because what was
//! said in clear does not count (RFC 2595 §4), then AUTH with the strongest mechanism that both
//! sides know, or USER and PASS. It ends in [`Event::Ready`] with a client in the TRANSACTION
//! state. No step can be left out or done out of order, and no credential leaves where the
//! configuration forbids it; a mechanism that the server refused is not followed by a weaker one.

mod config;
mod error;

use alloc::boxed::Box;

use bytes::BytesMut;
use mailwire_core::{
    machine::{Eof, Machine, Patience, Side, Step, TlsInfo, Upgrade},
    sasl,
    secret::SecretBytes,
};

pub use config::Config;
pub use error::Error;
pub use mailwire_core::sasl::Login;

use crate::{
    client::{self, Client},
    command::{Command, InitialResponse, Mechanism, Password, UserName},
    error::Misuse,
    response::Response,
    state::{ClearText, Protection},
};

/// Opens a session as a client.
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_core::{machine::{Machine, Step, Upgrade}, sasl::Nonce};
/// use mailwire_pop3::{Open, open::{Config, Error, Login}};
///
/// let nonce = Nonce::from_random(&[7; 24]); // from the system's random number generator
/// let login = Login::new("bob", "secret", nonce)?;
/// let mut open = Open::new(Config::new(Upgrade::Required).with_login(login));
/// let mut input = BytesMut::from("+OK ready\r\n");
/// while let Step::Event(_) = open.step(&mut input) {}
/// input.extend_from_slice(b"+OK\r\nTOP\r\n.\r\n");
/// // There is no STLS, so there is nothing more to say.
/// assert!(matches!(open.step(&mut input), Step::Close(Err(Error::StlsNotOffered))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Open {
    /// Until it is given away.
    client: Option<Box<Client>>,
    upgrade: Upgrade,
    clear_text: ClearText,
    login: Option<Login>,
    stage: Stage,
    /// Set when the session cannot be opened.
    failure: Option<Error>,
    event: Option<Event>,
}

/// What an [`Open`] tells its application.
///
/// ```
/// use mailwire_pop3::open::Event;
/// fn is_over(event: &Event) -> bool { matches!(event, Event::Ready(_)) }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The server's greeting, for the record. In clear text anybody may have written it.
    Greeting {
        /// The line.
        response: Response,
        /// How it came.
        protection: Protection,
    },
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
    /// CAPA in clear, to see whether STLS is offered.
    CapabilitiesInClear,
    Stls,
    /// CAPA that counts.
    Capabilities,
    User(Password),
    Pass,
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
            clear_text: config.client.clear_text,
            client: Some(Box::new(Client::new(config.client))),
            upgrade: config.upgrade,
            login: config.login,
            stage: Stage::Greeting,
            failure: None,
            event: None,
        }
    }

    /// The result of [`Event::NeedDerivation`].
    ///
    /// # Errors
    ///
    /// [`Misuse::NothingOwed`] when no derivation was asked for.
    ///
    /// ```
    /// use mailwire_core::machine::Machine;
    /// use mailwire_pop3::{Misuse, Open, open::Event};
    /// fn on_event(open: &mut Open, event: Event) -> Result<(), Misuse> {
    ///     match event {
    ///         // On a thread that may be busy for a moment.
    ///         Event::NeedDerivation(derivation) => open.derived(&derivation.run()),
    ///         _ => Ok(()),
    ///     }
    /// }
    /// ```
    pub fn derived(&mut self, derived: &sasl::Derived) -> Result<(), Misuse> {
        match core::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Deriving(mut exchange) => {
                let step = exchange.derived(derived);
                self.follow(exchange, step);
                Ok(())
            }
            stage => {
                self.stage = stage;
                Err(Misuse::NothingOwed)
            }
        }
    }

    /// Whether the connection runs over TLS.
    #[must_use]
    pub fn protection(&self) -> Protection {
        self.client
            .as_ref()
            .map_or(Protection::Clear, |client| client.protection())
    }

    fn handle(&mut self, event: client::Event) {
        match event {
            client::Event::Greeting {
                response,
                protection,
            } => {
                self.event = Some(Event::Greeting {
                    response,
                    protection,
                });
                self.greeted();
            }
            client::Event::Challenge { octets, .. } => {
                if let Stage::Auth(mut exchange) = core::mem::replace(&mut self.stage, Stage::Over)
                {
                    let step = exchange.step(&octets);
                    self.follow(exchange, step);
                }
            }
            client::Event::Reply { response, .. } => self.handle_reply(response),
            // The list of CAPA is complete.
            client::Event::End { .. } => match self.stage {
                Stage::CapabilitiesInClear => self.upgrade(),
                Stage::Capabilities => self.log_in(),
                _ => {}
            },
            _ => {}
        }
    }

    fn greeted(&mut self) {
        match (self.protection(), self.upgrade) {
            (Protection::Clear, Upgrade::Implicit) => self.fail(Error::NotProtected),
            (Protection::Clear, Upgrade::IfOffered | Upgrade::Required) => {
                self.send(Command::Capa, Stage::CapabilitiesInClear);
            }
            _ => self.send(Command::Capa, Stage::Capabilities),
        }
    }

    fn handle_reply(&mut self, response: Response) {
        let protection = self.protection();
        match (
            core::mem::replace(&mut self.stage, Stage::Over),
            response.is_ok(),
        ) {
            (stage @ (Stage::Capabilities | Stage::CapabilitiesInClear), true) => {
                self.stage = stage;
            }
            // RFC 2449 §5: a server without CAPA is one that has nothing to list.
            (Stage::CapabilitiesInClear, false) => self.upgrade(),
            (Stage::Capabilities, false) => self.log_in(),
            // What is sent now waits for the handshake.
            (Stage::Stls, true) => self.send(Command::Capa, Stage::Capabilities),
            (Stage::Stls, false) if self.upgrade.forbids_clear_text() => {
                self.fail(Error::StlsRefused { response });
            }
            (Stage::Stls, false) => self.log_in(),
            (Stage::User(password), true) => self.send(Command::Pass(password), Stage::Pass),
            (Stage::Pass, true) => self.ready(),
            (Stage::Auth(mut exchange), true) => match exchange.succeeded(None) {
                sasl::ClientStep::Done => self.ready(),
                sasl::ClientStep::Fail(error) => self.fail(Error::Sasl(error)),
                _ => self.fail(Error::Sasl(sasl::ClientError::OutOfOrder)),
            },
            (_, false) => self.fail(Error::LoginRefused {
                response,
                protection,
            }),
            (stage, true) => self.stage = stage,
        }
    }

    fn upgrade(&mut self) {
        let offered = self
            .client
            .as_ref()
            .and_then(|client| client.capabilities());
        if offered.is_some_and(|offered| offered.stls()) {
            return self.send(Command::Stls, Stage::Stls);
        }
        if self.upgrade.forbids_clear_text() {
            return self.fail(Error::StlsNotOffered);
        }
        self.log_in();
    }

    /// Logs in by the strongest way that the server offers and the configuration permits.
    fn log_in(&mut self) {
        let Some(login) = self.login.take() else {
            return self.ready();
        };
        if self.protection() == Protection::Clear && self.clear_text == ClearText::Forbidden {
            return self.fail(Error::NotProtected);
        }
        match self.choose(&login) {
            Ok(choice) => match login.exchange(&choice) {
                Ok(exchange) => self.authenticate(exchange),
                Err(error) => self.fail(Error::Credentials(error)),
            },
            Err(error) if !login.permits_password_command() || !self.takes_user_pass() => {
                self.fail(Error::Mechanism(error));
            }
            Err(_) => match (
                UserName::new(login.user()),
                Password::new(login.password().expose()),
            ) {
                (Ok(name), Ok(password)) => self.send(Command::User(name), Stage::User(password)),
                (Err(error), _) | (_, Err(error)) => self.fail(Error::Argument(error)),
            },
        }
    }

    fn choose(&self, login: &Login) -> Result<sasl::Choice, sasl::ChoiceError> {
        let client = self.client.as_ref();
        let offered = client.and_then(|client| client.capabilities());
        let names = offered
            .into_iter()
            .flat_map(|o| o.mechanisms())
            .map(|m| m.as_bytes());
        let password = match self.clear_text {
            ClearText::Forbidden => sasl::PasswordPolicy::Protected,
            ClearText::Permitted => sasl::PasswordPolicy::EvenInClear,
        };
        sasl::choose(names, &login.policy(client.and_then(|c| c.tls()), password))
    }

    /// Whether the server lists USER, or lists nothing at all.
    fn takes_user_pass(&self) -> bool {
        let offered = self
            .client
            .as_ref()
            .and_then(|client| client.capabilities());
        offered.is_none_or(|offered| offered.user())
    }

    fn authenticate(&mut self, mut exchange: sasl::Client) {
        let initial = exchange
            .initial_response()
            .map(InitialResponse::new)
            .transpose();
        match (Mechanism::new(exchange.mechanism().name()), initial) {
            (Ok(mechanism), Ok(initial)) => {
                self.send(Command::Auth { mechanism, initial }, Stage::Auth(exchange));
            }
            (Err(error), _) | (_, Err(error)) => self.fail(Error::Argument(error)),
        }
    }

    /// Does what the mechanism says.
    fn follow(&mut self, exchange: sasl::Client, step: sasl::ClientStep) {
        match step {
            sasl::ClientStep::Respond(response) => self.respond(exchange, &response),
            sasl::ClientStep::NeedDerivation(derivation) => {
                self.event = Some(Event::NeedDerivation(derivation));
                self.stage = Stage::Deriving(exchange);
            }
            sasl::ClientStep::Done => self.stage = Stage::Auth(exchange),
            sasl::ClientStep::Fail(error) => {
                if let Some(client) = &mut self.client {
                    // There is nothing to cancel where the server has not challenged.
                    client.cancel().unwrap_or_default();
                }
                self.fail(Error::Sasl(error));
            }
        }
    }

    fn respond(&mut self, exchange: sasl::Client, response: &SecretBytes) {
        self.stage = Stage::Auth(exchange);
        if let Some(client) = &mut self.client
            && let Err(error) = client.answer(response.expose())
        {
            self.fail(Error::Misuse(error));
        }
    }

    fn send(&mut self, command: Command, next: Stage) {
        self.stage = next;
        if let Some(client) = &mut self.client
            && let Err(error) = client.send(command)
            // The client says itself why it is closed.
            && error != Misuse::Closed
        {
            self.fail(Error::Misuse(error));
        }
    }

    fn ready(&mut self) {
        self.stage = Stage::Over;
        self.event = self.client.take().map(Event::Ready);
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
            // Behind `Ready` somebody must take the client.
            let Some(client) = &mut self.client else {
                return Step::NeedAnswer;
            };
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
    }
}
