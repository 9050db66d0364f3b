//! Who logs in, and what he wants of the way to do it: what every protocol needs to open a session.

use alloc::string::String;
use core::fmt;

use super::{
    BindingPolicy, ChannelBinding, Choice, ChoicePolicy, Client, Connection, Credentials,
    InvalidCredentials, Mechanism, Nonce, PasswordPolicy,
};
use crate::{machine::TlsInfo, secret::SecretString};

/// User name and password, and what is wanted of the way to use them.
///
/// ```
/// use mailwire_core::sasl::{Login, Mechanism, Nonce};
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

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

    /// The weakest mechanism to use. Above PLAIN this excludes a protocol's own command for
    /// passwords too.
    #[must_use]
    pub const fn at_least(mut self, mechanism: Mechanism) -> Self {
        self.at_least = Some(mechanism);
        self
    }

    /// How much channel binding is wanted. `Require` excludes a protocol's own command for
    /// passwords too.
    #[must_use]
    pub const fn channel_binding(mut self, policy: BindingPolicy) -> Self {
        self.channel_binding = policy;
        self
    }

    /// The user name.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The password.
    #[must_use]
    pub const fn password(&self) -> &SecretString {
        &self.password
    }

    /// What may be chosen on a connection with this TLS, or with none. `password` says when the
    /// password itself may be sent.
    #[must_use]
    pub fn policy(&self, tls: Option<&TlsInfo>, password: PasswordPolicy) -> ChoicePolicy {
        let connection = if tls.is_some() {
            Connection::Protected
        } else {
            Connection::Clear
        };
        let binding = tls.and_then(|tls| ChannelBinding::available(tls).into_iter().next());
        let policy = ChoicePolicy::new(connection)
            .binding(binding)
            .channel_binding(self.channel_binding)
            .password(password);
        match self.at_least {
            Some(mechanism) => policy.at_least(mechanism),
            None => policy,
        }
    }

    /// Whether a protocol's own command for passwords will do, such as USER and PASS: it is worth
    /// what PLAIN is.
    #[must_use]
    pub fn permits_password_command(&self) -> bool {
        self.at_least
            .is_none_or(|weakest| weakest <= Mechanism::Plain)
            && self.channel_binding != BindingPolicy::Require
    }

    /// The exchange for what was chosen.
    ///
    /// # Errors
    ///
    /// [`InvalidCredentials`] for what this mechanism cannot carry.
    ///
    /// ```
    /// use mailwire_core::sasl::{Login, Mechanism, Nonce, PasswordPolicy, choose};
    /// let login = Login::new("bob", "secret", Nonce::from_random(&[7; 24]))?;
    /// let policy = login.policy(None, PasswordPolicy::Protected);
    /// let choice = choose([&b"PLAIN"[..], b"SCRAM-SHA-256"], &policy).unwrap();
    /// assert_eq!(login.exchange(&choice)?.mechanism(), Mechanism::ScramSha256);
    /// # Ok::<(), mailwire_core::sasl::InvalidCredentials>(())
    /// ```
    pub fn exchange(self, choice: &Choice) -> Result<Client, InvalidCredentials> {
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
