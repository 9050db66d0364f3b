//! How a session is to be opened, and as whom.

use alloc::string::String;

use mailwire_core::{
    machine::{TlsInfo, Upgrade},
    sasl::{
        BindingPolicy, ChannelBinding, Choice, ChoicePolicy, Client, Connection, Credentials,
        InvalidCredentials, Mechanism, Nonce, PasswordPolicy,
    },
    secret::SecretString,
};

use crate::{
    address::ClientName,
    client::{self, AuthOver},
};

/// What an [`Open`](super::Open) is told at the beginning.
///
/// ```
/// use mailwire_core::machine::Upgrade;
/// use mailwire_smtp::open::Config;
/// let config = Config::new("client.example".parse()?, Upgrade::Implicit);
/// assert!(config.login.is_none());
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Config {
    /// Who we say we are.
    pub name: ClientName,
    /// When to turn to TLS.
    pub upgrade: Upgrade,
    /// What the client does; whether a credential may pass in clear stands here.
    pub client: client::Config,
    /// As whom to log in; without it nobody does.
    pub login: Option<Login>,
}

impl Config {
    /// SMTP with the defaults of [`client::Config`], and nobody to log in.
    #[must_use]
    pub fn new(name: ClientName, upgrade: Upgrade) -> Self {
        Self {
            name,
            upgrade,
            client: client::Config::smtp(),
            login: None,
        }
    }

    /// Logs in.
    #[must_use]
    pub fn with_login(mut self, login: Login) -> Self {
        self.login = Some(login);
        self
    }
}

/// User name and password, and what is wanted of the way to use them.
///
/// ```
/// use mailwire_core::sasl::{Mechanism, Nonce};
/// use mailwire_smtp::open::Login;
/// let nonce = Nonce::from_random(&[7; 24]); // from the system's random number generator
/// let login = Login::new("bob", "secret", nonce)?.at_least(Mechanism::ScramSha256);
/// assert_eq!(format!("{login:?}"), "Login(..)");
/// # Ok::<(), mailwire_core::sasl::InvalidCredentials>(())
/// ```
pub struct Login {
    user: String,
    password: SecretString,
    nonce: Nonce,
    at_least: Option<Mechanism>,
    channel_binding: BindingPolicy,
}

impl core::fmt::Debug for Login {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Login(..)")
    }
}

impl Login {
    /// Any mechanism that sends the password only through TLS. `nonce` is for SCRAM and must be
    /// fresh.
    ///
    /// # Errors
    ///
    /// [`InvalidCredentials`] for what no mechanism can carry.
    pub fn new(user: &str, password: &str, nonce: Nonce) -> Result<Self, InvalidCredentials> {
        // Made for its check only; it is made again when it is needed.
        Credentials::new(user, password)?;
        Ok(Self {
            user: user.into(),
            password: password.into(),
            nonce,
            at_least: None,
            channel_binding: BindingPolicy::Prefer,
        })
    }

    /// The weakest mechanism to use.
    #[must_use]
    pub const fn at_least(mut self, mechanism: Mechanism) -> Self {
        self.at_least = Some(mechanism);
        self
    }

    /// How much channel binding is wanted.
    #[must_use]
    pub const fn channel_binding(mut self, policy: BindingPolicy) -> Self {
        self.channel_binding = policy;
        self
    }

    pub(super) fn policy(&self, tls: Option<&TlsInfo>, auth_over: AuthOver) -> ChoicePolicy {
        let connection = if tls.is_some() {
            Connection::Protected
        } else {
            Connection::Clear
        };
        let binding = tls.and_then(|tls| ChannelBinding::available(tls).into_iter().next());
        let policy = ChoicePolicy::new(connection)
            .binding(binding)
            .channel_binding(self.channel_binding)
            .password(match auth_over {
                AuthOver::Tls => PasswordPolicy::Protected,
                AuthOver::TlsOrClearText => PasswordPolicy::EvenInClear,
            });
        match self.at_least {
            Some(mechanism) => policy.at_least(mechanism),
            None => policy,
        }
    }

    pub(super) fn exchange(self, choice: &Choice) -> Result<Client, InvalidCredentials> {
        let credentials = Credentials::new(&self.user, self.password.expose())?;
        match choice.mechanism {
            Mechanism::Login => Client::login(&credentials),
            Mechanism::ScramSha256 | Mechanism::ScramSha256Plus => {
                Client::scram_sha_256(&credentials, self.nonce, &choice.binding)
            }
            _ => Ok(Client::plain(&credentials)),
        }
    }
}
