//! The client's side of an exchange.

use core::mem;

use thiserror::Error;

use super::scram::{ClientExchange, Derivation, Derived, Expected, Nonce, ServerErrorValue};
use super::{ClientBinding, Credentials, InvalidCredentials, Mechanism, limits, plain};
use crate::secret::{SecretBytes, SecretString};

/// One exchange, seen from the client.
///
/// Ask for the [`initial_response`](Self::initial_response) if the protocol can send one with the
/// command; otherwise the server's empty first challenge brings it out. Give every challenge to
/// [`step`](Self::step), and when the server reports success, ask [`succeeded`](Self::succeeded)
/// whether that can be true. A server cannot make an exchange longer than its mechanism is.
///
/// ```
/// use mailwire_core::sasl::{Client, ClientBinding, ClientError, ClientStep, Credentials, Nonce};
///
/// let nonce = Nonce::from_printable("rOprNGfwEbeRWgbNEkqO")?;
/// let credentials = Credentials::new("user", "pencil")?;
/// let mut client = Client::scram_sha_256(&credentials, nonce, &ClientBinding::Unsupported)?;
/// let first = client.initial_response().unwrap();
/// assert_eq!(first.expose(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
///
/// let step = client.step(b"r=rOprNGfwEbeRWgbNEkqOxyz,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1");
/// assert!(matches!(step, ClientStep::Fail(ClientError::TooFewIterations { .. })));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client {
    mechanism: Mechanism,
    state: State,
}

#[derive(Debug)]
enum State {
    Plain {
        message: SecretBytes,
    },
    LoginUser {
        user: SecretBytes,
        password: SecretString,
    },
    LoginPassword {
        password: SecretString,
    },
    ScramStart(ClientExchange),
    ScramFirstSent(ClientExchange),
    /// The caller owes the result of a derivation.
    ScramDeriving(ClientExchange),
    ScramFinalSent(Expected),
    /// All is said; success may come.
    Said,
    Over,
}

/// What the client must do now.
#[derive(Debug)]
#[must_use]
#[expect(
    clippy::exhaustive_enums,
    reason = "a caller that ignores a step would hang the exchange"
)]
pub enum ClientStep {
    /// Send this, which may be empty.
    Respond(SecretBytes),
    /// Run this where it does not hold up others and give the result to [`Client::derived`].
    NeedDerivation(Derivation),
    /// Logged in, and where the mechanism can tell, at the right server.
    Done,
    /// Cancel the exchange; do not use the connection as if it were authenticated.
    Fail(ClientError),
}

/// Why a client gives up an exchange.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ClientError {
    /// A challenge above the limit.
    #[error("challenge longer than {max} octets")]
    ChallengeTooLong {
        /// The limit.
        max: usize,
    },
    /// An empty salt, one above the limit, or one that is not base64.
    #[error("invalid salt")]
    InvalidSalt,
    /// The server does not know the password: it is not the server.
    #[error("server signature is wrong")]
    InvalidServerSignature,
    /// The challenge does not follow the mechanism's grammar.
    #[error("malformed challenge")]
    Malformed,
    /// A mandatory extension, `m=`.
    #[error("mandatory extension not supported")]
    MandatoryExtension,
    /// The server's nonce does not begin with ours, or adds nothing to it.
    #[error("nonce does not continue ours")]
    NonceMismatch,
    /// A call that the state of the exchange does not expect.
    #[error("call out of order")]
    OutOfOrder,
    /// The server says why it refuses.
    #[error("server refused: {}", .0.as_str())]
    Refused(ServerErrorValue),
    /// So few rounds that the proof would give the password away.
    #[error("fewer than {min} iterations")]
    TooFewIterations {
        /// The limit.
        min: u32,
    },
    /// So many rounds that the client would stand still.
    #[error("more than {max} iterations")]
    TooManyIterations {
        /// The limit.
        max: u32,
    },
    /// A challenge where the mechanism has none.
    #[error("unexpected challenge")]
    UnexpectedChallenge,
    /// Success before the server could know, or had shown, anything.
    #[error("unexpected success")]
    UnexpectedSuccess,
}

impl Client {
    /// PLAIN. Only for protected connections; [`choose`](super::choose) sees to it.
    #[must_use]
    pub fn plain(credentials: &Credentials) -> Self {
        let state = State::Plain {
            message: plain::message(credentials),
        };
        Self {
            mechanism: Mechanism::Plain,
            state,
        }
    }

    /// LOGIN. Only for protected connections; [`choose`](super::choose) sees to it.
    ///
    /// # Errors
    ///
    /// [`InvalidCredentials::Authzid`] when there is one, since LOGIN cannot carry it and would
    /// log in as somebody else than was asked for.
    ///
    /// ```
    /// use mailwire_core::sasl::{Client, ClientStep, Credentials};
    ///
    /// let mut client = Client::login(&Credentials::new("tim", "secret")?)?;
    /// let ClientStep::Respond(user) = client.step(b"Username:") else { panic!() };
    /// assert_eq!(user.expose(), b"tim");
    /// # Ok::<(), mailwire_core::sasl::InvalidCredentials>(())
    /// ```
    pub fn login(credentials: &Credentials) -> Result<Self, InvalidCredentials> {
        if credentials.authzid.is_some() {
            return Err(InvalidCredentials::Authzid);
        }
        let user = credentials.authcid.as_bytes().into();
        let password = credentials.password.expose().as_str().into();
        Ok(Self {
            mechanism: Mechanism::Login,
            state: State::LoginUser { user, password },
        })
    }

    /// SCRAM-SHA-256, or with [`ClientBinding::Use`] SCRAM-SHA-256-PLUS.
    ///
    /// # Errors
    ///
    /// [`InvalidCredentials`] when a string cannot be prepared, see
    /// [`prepare_password`](super::prepare_password).
    pub fn scram_sha_256(
        credentials: &Credentials,
        nonce: Nonce,
        binding: &ClientBinding,
    ) -> Result<Self, InvalidCredentials> {
        let mechanism = match binding {
            ClientBinding::Use(_) => Mechanism::ScramSha256Plus,
            ClientBinding::NotOffered | ClientBinding::Unsupported => Mechanism::ScramSha256,
        };
        let exchange = ClientExchange::new(credentials, nonce, binding)?;
        Ok(Self {
            mechanism,
            state: State::ScramStart(exchange),
        })
    }

    /// The mechanism to name in the command.
    #[must_use]
    pub const fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// The first message, to be sent with the command: once, and only before anything else.
    /// `None` for LOGIN, where the server speaks first.
    pub fn initial_response(&mut self) -> Option<SecretBytes> {
        match mem::replace(&mut self.state, State::Over) {
            State::Plain { message } => {
                self.state = State::Said;
                Some(message)
            }
            State::ScramStart(exchange) => {
                let message = exchange.client_first();
                self.state = State::ScramFirstSent(exchange);
                Some(message)
            }
            state => {
                self.state = state;
                None
            }
        }
    }

    /// Takes a challenge, decoded.
    pub fn step(&mut self, challenge: &[u8]) -> ClientStep {
        self.take(challenge)
            .unwrap_or_else(|error| self.fail(error))
    }

    /// Takes the result of [`ClientStep::NeedDerivation`].
    pub fn derived(&mut self, derived: &Derived) -> ClientStep {
        let State::ScramDeriving(exchange) = mem::replace(&mut self.state, State::Over) else {
            return self.fail(ClientError::OutOfOrder);
        };
        let (message, expected) = exchange.client_final(derived);
        self.state = State::ScramFinalSent(expected);
        ClientStep::Respond(message)
    }

    /// The server reports success, with data if its protocol can carry some.
    ///
    /// `Done` when that can be true. A success that comes before the secret was sent, or in SCRAM
    /// before the server's signature was seen, is a lie or a confusion: somebody wants the client
    /// to go on and hand its mail to a server that never knew the password.
    pub fn succeeded(&mut self, data: Option<&[u8]>) -> ClientStep {
        match (mem::replace(&mut self.state, State::Over), data) {
            (State::Said, None) => ClientStep::Done,
            (State::ScramFinalSent(expected), Some(data)) if data.len() <= limits::MESSAGE => {
                match expected.check(data) {
                    Ok(()) => ClientStep::Done,
                    Err(error) => self.fail(error),
                }
            }
            _ => self.fail(ClientError::UnexpectedSuccess),
        }
    }

    fn take(&mut self, challenge: &[u8]) -> Result<ClientStep, ClientError> {
        if challenge.len() > limits::MESSAGE {
            return Err(ClientError::ChallengeTooLong {
                max: limits::MESSAGE,
            });
        }
        match mem::replace(&mut self.state, State::Over) {
            State::Plain { .. } | State::ScramStart(_) if !challenge.is_empty() => {
                Err(ClientError::UnexpectedChallenge)
            }
            State::Plain { message } => {
                self.state = State::Said;
                Ok(ClientStep::Respond(message))
            }
            State::ScramStart(exchange) => {
                let message = exchange.client_first();
                self.state = State::ScramFirstSent(exchange);
                Ok(ClientStep::Respond(message))
            }
            State::LoginUser { user, password } => {
                self.state = State::LoginPassword { password };
                Ok(ClientStep::Respond(user))
            }
            State::LoginPassword { password } => {
                self.state = State::Said;
                Ok(ClientStep::Respond(password.expose().as_bytes().into()))
            }
            State::ScramFirstSent(mut exchange) => {
                let derivation = exchange.server_first(challenge)?;
                self.state = State::ScramDeriving(exchange);
                Ok(ClientStep::NeedDerivation(derivation))
            }
            State::ScramFinalSent(expected) => {
                expected.check(challenge)?;
                self.state = State::Said;
                Ok(ClientStep::Respond(
                    SecretBytes::new(alloc::vec::Vec::new()),
                ))
            }
            State::Said | State::Over => Err(ClientError::UnexpectedChallenge),
            State::ScramDeriving(_) => Err(ClientError::OutOfOrder),
        }
    }

    fn fail(&mut self, error: ClientError) -> ClientStep {
        self.state = State::Over;
        ClientStep::Fail(error)
    }
}
