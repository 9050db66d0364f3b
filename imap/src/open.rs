//! From the greeting to the login, TLS included, in the one order that is safe.
//!
//! [`Open`] is a machine on top of [`Client`]: greeting, CAPABILITY unless the greeting has told
//! them, STARTTLS, CAPABILITY again because what was said in clear does not count (RFC 9051
//! §6.2.1), then AUTHENTICATE with the strongest mechanism that both sides know, or LOGIN, the
//! capabilities behind the login, ID and ENABLE where they are wanted. It ends in [`Event::Ready`]
//! with a client in the authenticated state. No step can be left out or done out of order, and no
//! credential leaves where the configuration forbids it; a mechanism that the server refused is not
//! followed by a weaker one. What the server says of mailboxes meanwhile is dropped.

mod config;
mod error;

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};

use bytes::BytesMut;
use mailwire_core::{
    machine::{Eof, Machine, Patience, Side, Step, TlsInfo, Upgrade},
    sasl,
    secret::SecretBytes,
    text::Octets,
};

pub use config::Config;
pub use error::Error;
pub use mailwire_core::sasl::Login;

use crate::{
    capability::Capability,
    client::{self, Client, Misuse},
    command::{CommandBody, Fields, Mechanism, Names},
    response::{Code, Condition, Response, Status},
    state::{ClearText, Protection, State},
};

/// Opens a session as a client.
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_core::{machine::{Machine, Step, Upgrade}, sasl::Nonce};
/// use mailwire_imap::{Open, open::{Config, Error, Login}};
///
/// let nonce = Nonce::from_random(&[7; 24]); // from the system's random number generator
/// let login = Login::new("bob", "secret", nonce)?;
/// let mut open = Open::new(Config::new(Upgrade::Required).with_login(login));
/// let mut input = BytesMut::from("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n");
/// while let Step::Event(_) = open.step(&mut input) {}
/// // There is no STARTTLS, so there is nothing more to say.
/// assert!(matches!(open.step(&mut input), Step::Close(Err(Error::StartTlsNotOffered))));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Open {
    /// Until it is given away.
    client: Option<Box<Client>>,
    upgrade: Upgrade,
    clear_text: ClearText,
    login: Option<Login>,
    id: Option<Fields>,
    enable: Option<Names>,
    stage: Stage,
    /// Set when the session cannot be opened.
    failure: Option<Error>,
    events: VecDeque<Event>,
}

/// What an [`Open`] tells its application.
///
/// ```
/// use mailwire_imap::open::Event;
/// fn is_over(event: &Event) -> bool { matches!(event, Event::Ready(_)) }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The server's greeting, for the record. In clear text anybody may have written it.
    Greeting {
        /// What it says.
        status: Status,
        /// How it came.
        protection: Protection,
    },
    /// Something that the user must be shown (RFC 9051 §7.1); in clear text anybody may have
    /// written it, so it is not to be shown as the server's word.
    Alert {
        /// What it says.
        status: Status,
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
    /// CAPABILITY in clear, to see whether STARTTLS is offered.
    CapabilitiesInClear,
    StartTls,
    /// CAPABILITY that counts.
    Capabilities,
    Login,
    Auth(sasl::Client),
    /// The application owes the result of a derivation.
    Deriving(sasl::Client),
    CapabilitiesAfterLogin,
    Id,
    Enable,
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
            id: config.id,
            enable: config.enable,
            stage: Stage::Greeting,
            failure: None,
            events: VecDeque::new(),
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
    /// use mailwire_imap::{Open, client::Misuse, open::Event};
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
            client::Event::Greeting { status, protection } => {
                self.events
                    .push_back(Event::Greeting { status, protection });
                self.greeted();
            }
            client::Event::Challenge { octets, .. } => {
                if let Stage::Auth(mut exchange) = core::mem::replace(&mut self.stage, Stage::Over)
                {
                    let step = exchange.step(&octets);
                    self.follow(exchange, step);
                }
            }
            client::Event::Data(Response::Status(status)) => self.alert(&status),
            client::Event::Done { status, .. } => {
                self.alert(&status);
                self.handle_reply(status);
            }
            client::Event::NotSent { misuse, .. } => self.fail(Error::Misuse(misuse)),
            _ => {}
        }
    }

    fn alert(&mut self, status: &Status) {
        if status.code() == Some(Code::Alert) {
            let (status, protection) = (status.clone(), self.protection());
            self.events.push_back(Event::Alert { status, protection });
        }
    }

    fn greeted(&mut self) {
        let is_clear = self.protection() == Protection::Clear;
        let is_logged_in = self.client_is(|client| client.state() == State::Authenticated);
        let is_known = self.client_is(|client| client.capabilities().is_some());
        match self.upgrade {
            Upgrade::Implicit if is_clear => self.fail(Error::NotProtected),
            Upgrade::Never | Upgrade::Implicit if is_logged_in => self.logged_in(),
            Upgrade::IfOffered | Upgrade::Required if is_clear && is_logged_in => {
                self.fail(Error::PreAuthInClear);
            }
            Upgrade::IfOffered | Upgrade::Required if is_clear && is_known => self.upgrade(),
            Upgrade::IfOffered | Upgrade::Required if is_clear => {
                self.send(CommandBody::Capability, Stage::CapabilitiesInClear);
            }
            _ if is_logged_in => self.logged_in(),
            _ if is_known => self.log_in(),
            _ => self.send(CommandBody::Capability, Stage::Capabilities),
        }
    }

    fn handle_reply(&mut self, status: Status) {
        let protection = self.protection();
        let stage = core::mem::replace(&mut self.stage, Stage::Over);
        match (stage, status.condition() == Condition::Ok) {
            (Stage::CapabilitiesInClear, _) => self.upgrade(),
            // What is sent now waits for the handshake.
            (Stage::StartTls, true) => self.send(CommandBody::Capability, Stage::Capabilities),
            (Stage::StartTls, false) if self.upgrade.forbids_clear_text() => {
                self.fail(Error::StartTlsRefused { status });
            }
            (Stage::StartTls, false) | (Stage::Capabilities, _) => self.log_in(),
            (Stage::Login, true) => self.logged_in(),
            (Stage::Auth(mut exchange), true) => match exchange.succeeded(None) {
                sasl::ClientStep::Done => self.logged_in(),
                sasl::ClientStep::Fail(error) => self.fail(Error::Sasl(error)),
                _ => self.fail(Error::Sasl(sasl::ClientError::OutOfOrder)),
            },
            (Stage::Login | Stage::Auth(_), false) => {
                self.fail(Error::LoginRefused { status, protection });
            }
            // A session without these is one all the same.
            (Stage::CapabilitiesAfterLogin, _) => self.introduce(),
            (Stage::Id, _) => self.enable(),
            (Stage::Enable, _) => self.ready(),
            (stage, _) => self.stage = stage,
        }
    }

    fn upgrade(&mut self) {
        if self.offers(Capability::StartTls) {
            return self.send(CommandBody::StartTls, Stage::StartTls);
        }
        if self.upgrade.forbids_clear_text() {
            return self.fail(Error::StartTlsNotOffered);
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
            Err(error)
                if !login.permits_password_command() || self.offers(Capability::LoginDisabled) =>
            {
                self.fail(Error::Mechanism(error));
            }
            Err(_) => {
                let command = CommandBody::Login {
                    username: Octets::from(login.user().as_bytes()),
                    password: SecretBytes::new(login.password().expose().as_bytes().to_vec()),
                };
                self.send(command, Stage::Login);
            }
        }
    }

    fn choose(&self, login: &Login) -> Result<sasl::Choice, sasl::ChoiceError> {
        let client = self.client.as_ref();
        let offered = client.and_then(|client| client.capabilities());
        let names = offered
            .into_iter()
            .flat_map(|offered| offered.mechanisms())
            .map(|name| name.raw());
        let password = match self.clear_text {
            ClearText::Forbidden => sasl::PasswordPolicy::Protected,
            ClearText::Permitted => sasl::PasswordPolicy::EvenInClear,
        };
        sasl::choose(names, &login.policy(client.and_then(|c| c.tls()), password))
    }

    fn authenticate(&mut self, mut exchange: sasl::Client) {
        let initial = exchange.initial_response();
        match Mechanism::new(exchange.mechanism().name().as_bytes()) {
            Some(mechanism) => {
                let command = CommandBody::Authenticate { mechanism, initial };
                self.send(command, Stage::Auth(exchange));
            }
            None => self.fail(Error::Misuse(Misuse::Unencodable)),
        }
    }

    /// Does what the mechanism says.
    fn follow(&mut self, exchange: sasl::Client, step: sasl::ClientStep) {
        match step {
            sasl::ClientStep::Respond(response) => self.respond(exchange, &response),
            sasl::ClientStep::NeedDerivation(derivation) => {
                self.events.push_back(Event::NeedDerivation(derivation));
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

    fn logged_in(&mut self) {
        if self.client_is(|client| client.capabilities().is_some()) {
            self.introduce();
        } else {
            self.send(CommandBody::Capability, Stage::CapabilitiesAfterLogin);
        }
    }

    fn introduce(&mut self) {
        match self.id.take() {
            Some(fields) if self.offers(Capability::Id) => {
                let fields = Some(fields);
                self.send(CommandBody::Id { fields }, Stage::Id);
            }
            _ => self.enable(),
        }
    }

    fn enable(&mut self) {
        let wanted = self.enable.take();
        let can_enable = self.offers(Capability::Enable) || self.offers(Capability::Imap4Rev2);
        let offered: Vec<&str> = wanted
            .iter()
            .flat_map(Names::iter)
            .filter(|name| can_enable && self.offers(Capability::of(name)))
            .filter_map(|name| core::str::from_utf8(name).ok())
            .collect();
        match Names::new(offered) {
            Some(capabilities) => {
                self.send(CommandBody::Enable { capabilities }, Stage::Enable);
            }
            None => self.ready(),
        }
    }

    fn offers(&self, capability: Capability<'_>) -> bool {
        self.client_is(|client| client.has(capability))
    }

    fn client_is(&self, what: impl FnOnce(&Client) -> bool) -> bool {
        self.client.as_ref().is_some_and(|client| what(client))
    }

    fn send(&mut self, command: CommandBody, next: Stage) {
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
        self.events.extend(self.client.take().map(Event::Ready));
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
            if let Some(event) = self.events.pop_front() {
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
