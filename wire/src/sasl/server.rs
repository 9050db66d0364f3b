//! The server's side of an exchange.

use alloc::string::String;
use alloc::vec::Vec;
use core::mem;

use bytes::Bytes;
use thiserror::Error;

use super::scram::{Finished, Nonce, ScramKeys, ServerErrorValue, ServerExchange};
use super::{ChannelBinding, Mechanism, limits, login, plain};
use crate::secret::SecretString;

/// One exchange, seen from the server.
///
/// ```text
///            begin / step                        verified
/// PLAIN      ───────────► NeedPassword           ────────► Done | Fail
/// LOGIN      ──► Challenge ──► Challenge ──► NeedPassword ────────► Done | Fail
///            begin / step             keys               step               step
/// SCRAM      ───────────► NeedKeys    ────► Challenge    ────► Challenge    ────► Done | Fail
/// ```
///
/// Everything is fixed by the mechanism: a client cannot make an exchange longer than three
/// answers, well below [`SASL_STEPS`](crate::limits::SASL_STEPS); an answer that the caller owes
/// cannot be skipped; after `Done` or `Fail` every call fails.
/// A call that does not fit fails the exchange and can never make it succeed.
///
/// ```
/// use mailwire_core::sasl::{
///     FailReason, Mechanism, Server, ServerConfig, ServerStep, Verdict,
/// };
///
/// let mut server = Server::start(Mechanism::Plain, ServerConfig::new(&[Mechanism::Plain]))?;
/// assert!(matches!(server.begin(None), ServerStep::Challenge(empty) if empty.is_empty()));
/// let ServerStep::NeedPassword(check) = server.step(b"\0tim\0wrong") else { panic!() };
/// assert_eq!(check.authcid, "tim");
/// let step = server.verified(Verdict::Rejected);
/// assert!(matches!(step, ServerStep::Fail(FailReason::InvalidCredentials)));
/// # Ok::<(), mailwire_core::sasl::StartError>(())
/// ```
#[derive(Debug)]
pub struct Server {
    mechanism: Mechanism,
    config: ServerConfig,
    state: State,
}

#[derive(Debug)]
enum State {
    Start,
    LoginUser,
    LoginPassword {
        authcid: String,
    },
    /// The caller owes a verdict.
    Password(Identity),
    /// The caller owes keys.
    Keys(ServerExchange),
    Proof(ServerExchange, ScramKeys),
    /// The client has to acknowledge our signature with nothing.
    Acknowledge(Identity),
    Over,
}

/// What the server must do now.
#[derive(Debug)]
#[must_use]
#[expect(
    clippy::exhaustive_enums,
    reason = "a caller that ignores a step would hang the exchange"
)]
pub enum ServerStep {
    /// Send this to the client and give its answer to [`Server::step`].
    Challenge(Bytes),
    /// Find out whether the password is right and say so by [`Server::verified`].
    NeedPassword(PasswordCheck),
    /// Look up the keys of `authcid` and give them to [`Server::keys`]; for a user who does not
    /// exist give [`ScramKeys::dummy`].
    NeedKeys {
        /// The authentication identity, prepared.
        authcid: String,
        /// Whom the client wants to act as, see [`Delegation`].
        authzid: Option<String>,
    },
    /// The client is who it says.
    Done(Identity),
    /// It is over. Say the same to the client for all reasons of one [`FailKind`].
    Fail(FailReason),
}

/// A password to check.
#[derive(Debug)]
#[non_exhaustive]
pub struct PasswordCheck {
    /// Whom the client wants to act as, see [`Delegation`].
    pub authzid: Option<String>,
    /// The authentication identity, prepared.
    pub authcid: String,
    /// The password, prepared.
    pub password: SecretString,
}

/// Who has logged in.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Identity {
    /// Whose password it was.
    pub authcid: String,
    /// Whom to act as, where that is somebody else. Only with [`Delegation::CallerDecides`], and
    /// then it is still the caller's to permit.
    pub authzid: Option<String>,
    /// To be sent along with success; only with [`FinalData::WithSuccess`].
    pub final_data: Option<Bytes>,
}

/// What the caller found out about a password.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Verdict {
    /// It is this user's password.
    Accepted,
    /// There is no such user, or it is not his password, or he may not act as `authzid`.
    Rejected,
    /// It could not be found out.
    Unavailable,
}

/// What to do with a client that logs in as one user and wants to act as another.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Delegation {
    /// It fails before any password is looked at.
    #[default]
    Refuse,
    /// The caller sees `authzid` and decides.
    CallerDecides,
}

/// How SCRAM's last message travels.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum FinalData {
    /// As a challenge, which the client answers with nothing: SMTP, POP3 and IMAP have no room for
    /// data in their success reply (RFC 4954 §4, RFC 5034 §4).
    #[default]
    AsChallenge,
    /// With the reply that tells of success.
    WithSuccess,
}

/// What a server must know to start an exchange.
///
/// ```
/// use mailwire_core::sasl::{ChannelBinding, Mechanism, Nonce, ServerConfig};
///
/// let config = ServerConfig::new(&[Mechanism::ScramSha256Plus, Mechanism::ScramSha256])
///     .nonce(Nonce::from_random(&[1; 24]))
///     .bindings(vec![ChannelBinding::tls_exporter([2; 32])]);
/// ```
#[derive(Debug)]
#[must_use]
pub struct ServerConfig {
    offered: Vec<Mechanism>,
    nonce: Option<Nonce>,
    bindings: Vec<ChannelBinding>,
    delegation: Delegation,
    final_data: FinalData,
}

impl ServerConfig {
    /// `offered` is the list as this client was told it: SCRAM compares it with what the client
    /// says that it saw.
    pub fn new(offered: &[Mechanism]) -> Self {
        Self {
            offered: offered.into(),
            nonce: None,
            bindings: Vec::new(),
            delegation: Delegation::default(),
            final_data: FinalData::default(),
        }
    }

    /// A fresh nonce, which SCRAM needs.
    pub fn nonce(mut self, nonce: Nonce) -> Self {
        self.nonce = Some(nonce);
        self
    }

    /// The bindings of the TLS session, see [`ChannelBinding::available`].
    pub fn bindings(mut self, bindings: Vec<ChannelBinding>) -> Self {
        self.bindings = bindings;
        self
    }

    /// What to do about an authorization identity.
    pub const fn delegation(mut self, delegation: Delegation) -> Self {
        self.delegation = delegation;
        self
    }

    /// How SCRAM's last message travels.
    pub const fn final_data(mut self, final_data: FinalData) -> Self {
        self.final_data = final_data;
        self
    }
}

/// Why an exchange cannot be started.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum StartError {
    /// SCRAM-SHA-256-PLUS without a channel binding: a mistake in our configuration.
    #[error("no channel binding available")]
    NoBinding,
    /// SCRAM without a nonce: a mistake in our configuration.
    #[error("no nonce given")]
    NoNonce,
    /// The client asked for something that it was not offered.
    #[error("mechanism was not offered")]
    NotOffered,
}

/// What became of the exchange, as far as a reply may tell.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum FailKind {
    /// The message was not one: 501 5.5.2 in SMTP.
    Malformed,
    /// Not accepted: 535 5.7.8 in SMTP.
    Refused,
    /// The account database did not answer: 454 4.7.0 in SMTP. Not a wrong password.
    Unavailable,
}

/// Why the exchange failed: for the log. The client is told the [`FailKind`] at most.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
#[non_exhaustive]
pub enum FailReason {
    /// Acting as somebody else is not permitted.
    #[error("acting as another identity is not permitted")]
    AuthorizationRefused,
    /// `p=` in a mechanism without `-PLUS`, or anything else in one with it.
    #[error("channel binding flag does not fit the mechanism")]
    ChannelBindingNotSupported,
    /// The client's TLS session is not ours: there is somebody in between.
    #[error("channel bindings do not match")]
    ChannelBindingsDontMatch,
    /// A mandatory extension, `m=`.
    #[error("mandatory extension not supported")]
    ExtensionsNotSupported,
    /// Wrong password, wrong proof, or no such user.
    #[error("invalid credentials")]
    InvalidCredentials,
    /// The message does not follow the mechanism's grammar.
    #[error("malformed message")]
    InvalidEncoding,
    /// A name or password that cannot be prepared.
    #[error("name or password cannot be prepared")]
    InvalidUsernameEncoding,
    /// Not the nonce of this exchange: a replay, or a change on the way.
    #[error("nonce is not that of this exchange")]
    NonceMismatch,
    /// A call that the state of the exchange does not expect.
    #[error("call out of order")]
    OutOfOrder,
    /// The client did not see `-PLUS` in the list though it was there.
    #[error("client was not shown the offer of channel binding")]
    ServerDoesSupportChannelBinding,
    /// A message above the limit.
    #[error("message longer than {max} octets")]
    TooLong {
        /// The limit.
        max: usize,
    },
    /// The account database did not answer.
    #[error("account database unavailable")]
    Unavailable,
    /// A channel binding type that this session does not have.
    #[error("unsupported channel binding type")]
    UnsupportedChannelBindingType,
}

impl FailReason {
    /// What the client may be told.
    #[must_use]
    pub const fn kind(self) -> FailKind {
        match self {
            Self::InvalidEncoding | Self::TooLong { .. } => FailKind::Malformed,
            Self::Unavailable | Self::OutOfOrder => FailKind::Unavailable,
            _ => FailKind::Refused,
        }
    }

    /// The value of SCRAM's `e=` for servers that send one.
    #[must_use]
    pub const fn scram_error(self) -> ServerErrorValue {
        match self {
            Self::ChannelBindingNotSupported => ServerErrorValue::ChannelBindingNotSupported,
            Self::ChannelBindingsDontMatch => ServerErrorValue::ChannelBindingsDontMatch,
            Self::ExtensionsNotSupported => ServerErrorValue::ExtensionsNotSupported,
            Self::InvalidCredentials => ServerErrorValue::InvalidProof,
            Self::InvalidEncoding => ServerErrorValue::InvalidEncoding,
            Self::InvalidUsernameEncoding => ServerErrorValue::InvalidUsernameEncoding,
            Self::ServerDoesSupportChannelBinding => {
                ServerErrorValue::ServerDoesSupportChannelBinding
            }
            Self::TooLong { .. } | Self::Unavailable => ServerErrorValue::NoResources,
            Self::UnsupportedChannelBindingType => ServerErrorValue::UnsupportedChannelBindingType,
            Self::AuthorizationRefused | Self::NonceMismatch | Self::OutOfOrder => {
                ServerErrorValue::OtherError
            }
        }
    }
}

impl Server {
    /// Starts an exchange for a mechanism that the client has named.
    ///
    /// # Errors
    ///
    /// [`StartError`] when the mechanism was not offered, or lacks a nonce or a channel binding.
    ///
    /// ```
    /// use mailwire_core::sasl::{Mechanism, Server, ServerConfig, StartError};
    ///
    /// let config = ServerConfig::new(&[Mechanism::Plain]);
    /// assert_eq!(Server::start(Mechanism::Login, config).unwrap_err(), StartError::NotOffered);
    /// ```
    pub fn start(mechanism: Mechanism, config: ServerConfig) -> Result<Self, StartError> {
        if !config.offered.contains(&mechanism) {
            return Err(StartError::NotOffered);
        }
        if !mechanism.sends_password() && config.nonce.is_none() {
            return Err(StartError::NoNonce);
        }
        if mechanism == Mechanism::ScramSha256Plus && config.bindings.is_empty() {
            return Err(StartError::NoBinding);
        }
        Ok(Self {
            mechanism,
            config,
            state: State::Start,
        })
    }

    /// Takes the initial response, if the client sent one with the command.
    ///
    /// Without one the client is asked for its first message.
    pub fn begin(&mut self, initial_response: Option<&[u8]>) -> ServerStep {
        match (initial_response, &self.state) {
            (Some(input), State::Start) => self.step(input),
            (None, State::Start) if self.mechanism == Mechanism::Login => {
                self.state = State::LoginUser;
                ServerStep::Challenge(Bytes::from_static(login::USER_PROMPT))
            }
            (None, State::Start) => ServerStep::Challenge(Bytes::new()),
            _ => self.fail(FailReason::OutOfOrder),
        }
    }

    /// Takes the client's answer to a challenge, decoded.
    pub fn step(&mut self, input: &[u8]) -> ServerStep {
        self.take(input).unwrap_or_else(|reason| self.fail(reason))
    }

    /// Takes the verdict about [`ServerStep::NeedPassword`]. Where keys are owed, `Rejected` and
    /// `Unavailable` end the exchange, and `Accepted` is out of order.
    pub fn verified(&mut self, verdict: Verdict) -> ServerStep {
        match (mem::replace(&mut self.state, State::Over), verdict) {
            (State::Password(identity), Verdict::Accepted) => ServerStep::Done(identity),
            (State::Password(_) | State::Keys(_), Verdict::Rejected) => {
                self.fail(FailReason::InvalidCredentials)
            }
            (State::Password(_) | State::Keys(_), Verdict::Unavailable) => {
                self.fail(FailReason::Unavailable)
            }
            _ => self.fail(FailReason::OutOfOrder),
        }
    }

    /// Takes the keys that [`ServerStep::NeedKeys`] asked for.
    pub fn keys(&mut self, keys: ScramKeys) -> ServerStep {
        let State::Keys(exchange) = mem::replace(&mut self.state, State::Over) else {
            return self.fail(FailReason::OutOfOrder);
        };
        let challenge = exchange.challenge(&keys);
        self.state = State::Proof(exchange, keys);
        ServerStep::Challenge(challenge)
    }

    /// Which mechanism runs.
    #[must_use]
    pub const fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    fn take(&mut self, input: &[u8]) -> Result<ServerStep, FailReason> {
        if input.len() > limits::MESSAGE {
            return Err(FailReason::TooLong {
                max: limits::MESSAGE,
            });
        }
        match (mem::replace(&mut self.state, State::Over), self.mechanism) {
            (State::Start, Mechanism::Plain) => {
                let message = plain::parse(input)?;
                self.need_password(message.authzid, message.authcid, message.password)
            }
            (State::Start | State::LoginUser, Mechanism::Login) => {
                self.state = State::LoginPassword {
                    authcid: login::user(input)?,
                };
                Ok(ServerStep::Challenge(Bytes::from_static(
                    login::PASSWORD_PROMPT,
                )))
            }
            (State::LoginPassword { authcid }, _) => {
                let password = login::password(input)?;
                self.need_password(None, authcid, password)
            }
            (State::Start, Mechanism::ScramSha256 | Mechanism::ScramSha256Plus) => {
                let config = &mut self.config;
                let nonce = config.nonce.take().ok_or(FailReason::OutOfOrder)?;
                let mut exchange = ServerExchange::begin(
                    input,
                    self.mechanism,
                    &config.offered,
                    &config.bindings,
                    &nonce,
                )?;
                exchange.authzid = self.delegated(exchange.authzid, &exchange.username)?;
                let need = ServerStep::NeedKeys {
                    authcid: exchange.username.clone(),
                    authzid: exchange.authzid.clone(),
                };
                self.state = State::Keys(exchange);
                Ok(need)
            }
            (State::Proof(exchange, keys), _) => Ok(self.proved(exchange.finish(&keys, input)?)),
            (State::Acknowledge(identity), _) if input.is_empty() => Ok(ServerStep::Done(identity)),
            (State::Acknowledge(_), _) => Err(FailReason::InvalidEncoding),
            _ => Err(FailReason::OutOfOrder),
        }
    }

    fn need_password(
        &mut self,
        authzid: Option<String>,
        authcid: String,
        password: SecretString,
    ) -> Result<ServerStep, FailReason> {
        let authzid = self.delegated(authzid, &authcid)?;
        self.state = State::Password(Identity {
            authcid: authcid.clone(),
            authzid: authzid.clone(),
            final_data: None,
        });
        Ok(ServerStep::NeedPassword(PasswordCheck {
            authzid,
            authcid,
            password,
        }))
    }

    fn proved(&mut self, finished: Finished) -> ServerStep {
        let Finished {
            username,
            authzid,
            server_final,
        } = finished;
        let identity = Identity {
            authcid: username,
            authzid,
            final_data: None,
        };
        match self.config.final_data {
            FinalData::AsChallenge => {
                self.state = State::Acknowledge(identity);
                ServerStep::Challenge(server_final)
            }
            FinalData::WithSuccess => ServerStep::Done(Identity {
                final_data: Some(server_final),
                ..identity
            }),
        }
    }

    /// An authorization identity that says nothing new is none.
    fn delegated(
        &self,
        authzid: Option<String>,
        authcid: &str,
    ) -> Result<Option<String>, FailReason> {
        match (authzid, self.config.delegation) {
            (None, _) => Ok(None),
            (Some(authzid), _) if authzid == authcid => Ok(None),
            (Some(authzid), Delegation::CallerDecides) => Ok(Some(authzid)),
            (Some(_), Delegation::Refuse) => Err(FailReason::AuthorizationRefused),
        }
    }

    fn fail(&mut self, reason: FailReason) -> ServerStep {
        self.state = State::Over;
        ServerStep::Fail(reason)
    }
}
