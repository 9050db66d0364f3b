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
    client,
    command::{InvalidArgument, Password, UserName},
    state::ClearText,
};

/// What an [`Open`](super::Open) is told at the beginning.
///
/// ```
/// use mailwire_core::machine::Upgrade;
/// use mailwire_pop3::open::Config;
/// let config = Config::new(Upgrade::Implicit);
/// assert!(config.login.is_none());
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Config {
    /// When to turn to TLS.
    pub upgrade: Upgrade,
    /// What the client permits and tolerates; whether a credential may pass in clear stands here.
    pub client: client::Config,
    /// As whom to log in; without it the session is handed over in the AUTHORIZATION state.
    pub login: Option<Login>,
}

impl Config {
    /// The defaults of [`client::Config`], and nobody to log in.
    #[must_use]
    pub const fn new(upgrade: Upgrade) -> Self {
        Self {
            upgrade,
            client: client::Config::new(),
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
/// use mailwire_pop3::open::Login;
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

    /// The weakest mechanism to use. Above PLAIN this excludes USER and PASS.
    #[must_use]
    pub const fn at_least(mut self, mechanism: Mechanism) -> Self {
        self.at_least = Some(mechanism);
        self
    }

    /// How much channel binding is wanted. `Require` excludes USER and PASS.
    #[must_use]
    pub const fn channel_binding(mut self, policy: BindingPolicy) -> Self {
        self.channel_binding = policy;
        self
    }

    pub(super) fn policy(&self, tls: Option<&TlsInfo>, clear_text: ClearText) -> ChoicePolicy {
        let connection = if tls.is_some() {
            Connection::Protected
        } else {
            Connection::Clear
        };
        let binding = tls.and_then(|tls| ChannelBinding::available(tls).into_iter().next());
        let policy = ChoicePolicy::new(connection)
            .binding(binding)
            .channel_binding(self.channel_binding)
            .password(match clear_text {
                ClearText::Forbidden => PasswordPolicy::Protected,
                ClearText::Permitted => PasswordPolicy::EvenInClear,
            });
        match self.at_least {
            Some(mechanism) => policy.at_least(mechanism),
            None => policy,
        }
    }

    pub(super) fn permits_user_pass(&self) -> bool {
        self.at_least
            .is_none_or(|weakest| weakest <= Mechanism::Plain)
            && self.channel_binding != BindingPolicy::Require
    }

    pub(super) fn user_pass(&self) -> Result<(UserName, Password), InvalidArgument> {
        Ok((
            UserName::new(&self.user)?,
            Password::new(self.password.expose())?,
        ))
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
