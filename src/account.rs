//! Everything that it takes to reach a server as somebody.

#[cfg(feature = "smtp")]
use std::net::IpAddr;
use std::{
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use mailtls::{
    Tls,
    level::{Contradiction, Level},
    names::{InvalidName, ReferenceName},
    trace::Trace,
    verify::{ClientConfigError, ClientTls, Roots, RootsError},
};
use mailwire_core::{
    base64::encode_secret,
    machine::Upgrade,
    sasl::{InvalidCredentials, Nonce},
    secret::{Secret, SecretString},
};
use tokio::net::TcpStream;

use crate::endpoint::Endpoint;

/// Time to reach a server, all of its addresses together.
const CONNECT: Duration = Duration::from_secs(30);

type Show = Arc<Mutex<dyn FnMut(&str) + Send>>;

/// A server, who we are on it, and how much TLS is asked for: [`Level::Secure`] unless said.
///
/// ```
/// use mailwire::Account;
/// let account = Account::new("smtps://alice@mail.example.test".parse()?).password("secret");
/// assert!(!format!("{account:?}").contains("secret"));
/// # Ok::<(), mailwire::InvalidEndpoint>(())
/// ```
#[derive(Clone)]
pub struct Account {
    endpoint: Endpoint,
    password: Option<Arc<SecretString>>,
    level: Level,
    roots: Option<Roots>,
    show: Option<Show>,
}

impl Account {
    /// A server. Without a user in the endpoint nobody logs in.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        let password = endpoint.password.clone();
        Self {
            endpoint,
            password,
            level: Level::Secure,
            roots: None,
            show: None,
        }
    }

    /// The password of the endpoint's user.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(Arc::new(Secret::new(password.into())));
        self
    }

    /// How much TLS is asked for. Below [`Level::Verify`] anybody who sits on the way can take the
    /// server's place, and at [`Level::None`] the password passes in clear.
    #[must_use]
    pub const fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Whom to trust, instead of the authorities of the operating system.
    #[must_use]
    pub fn roots(mut self, roots: Roots) -> Self {
        self.roots = Some(roots);
        self
    }

    /// Shows every line of the dialogue to `show`; secrets and messages are masked.
    #[must_use]
    pub fn trace(mut self, show: impl FnMut(&str) + Send + 'static) -> Self {
        self.show = Some(Arc::new(Mutex::new(show)));
        self
    }

    /// Whether there is a user and no password yet.
    ///
    /// ```
    /// let account = mailwire::Account::new("smtps://alice@mail.example.test".parse()?);
    /// assert!(account.needs_password());
    /// assert!(!account.password("secret").needs_password());
    /// # Ok::<(), mailwire::InvalidEndpoint>(())
    /// ```
    #[must_use]
    pub const fn needs_password(&self) -> bool {
        self.endpoint.user.is_some() && self.password.is_none()
    }

    /// Whether a text holds the password, as it is or in base64: what a server says may repeat what
    /// it was told, and should not be shown then.
    ///
    /// ```
    /// let account = mailwire::Account::new("smtps://alice@mail.example.test".parse()?);
    /// let account = account.password("wonderland");
    /// assert!(account.is_repeated_in("no such user: AGFsaWNlAHdvbmRlcmxhbmQ="));
    /// assert!(!account.is_repeated_in("authentication failed"));
    /// # Ok::<(), mailwire::InvalidEndpoint>(())
    /// ```
    #[must_use]
    pub fn is_repeated_in(&self, text: &str) -> bool {
        let Some(password) = &self.password else {
            return false;
        };
        let password = password.expose();
        if password.is_empty() {
            return false;
        }
        // In base64 it looks different by where in a group of three octets it begins; of the first
        // and the last digit other octets have a share.
        let is_encoded_in = |before: usize| {
            let mut octets = Secret::new(vec![0; before]);
            octets.expose_mut().extend_from_slice(password.as_bytes());
            let encoded = encode_secret(octets.expose());
            let own = (before * 8).div_ceil(6)..octets.expose().len() * 8 / 6;
            let own = encoded.expose().get(own).unwrap_or_default();
            own.len() >= 4 && text.contains(own)
        };
        text.contains(password.as_str()) || (0..3).any(is_encoded_in)
    }

    /// Where it is.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Connects, and says how to go on.
    pub(crate) async fn dial(&self) -> Result<Dialled, DialError> {
        let upgrade = self.level.upgrade(self.endpoint.mode)?;
        // A configuration that cannot work is found before anything is sent.
        let tls = self.tls()?;
        if self.endpoint.user.is_some() && self.password.is_none() {
            return Err(DialError::NoPassword);
        }
        let place = (self.endpoint.host.as_str(), self.endpoint.port);
        let connected = tokio::time::timeout(CONNECT, TcpStream::connect(place)).await;
        let socket = connected
            .map_err(|_| DialError::Timeout)?
            .map_err(DialError::connect)?;
        socket.set_nodelay(true).map_err(DialError::connect)?;
        #[cfg(feature = "smtp")]
        let local = socket.local_addr().map_err(DialError::connect)?.ip();
        Ok(Dialled {
            socket,
            upgrade,
            tls,
            #[cfg(feature = "smtp")]
            local,
            trace: self.new_trace(),
        })
    }

    /// User, password and a fresh nonce for SCRAM.
    pub(crate) fn login(&self) -> Result<Option<(&str, &str, Nonce)>, DialError> {
        let Some((user, password)) = self.endpoint.user.as_deref().zip(self.password.as_ref())
        else {
            return Ok(None);
        };
        let mut octets = [0; 24];
        getrandom::fill(&mut octets).map_err(|_| DialError::Random)?;
        Ok(Some((user, password.expose(), Nonce::from_random(&octets))))
    }

    /// Whether a credential may pass in clear: only where clear text was asked for by name.
    pub(crate) const fn clear_text_is_wanted(&self) -> bool {
        matches!(self.level, Level::None)
    }

    fn tls(&self) -> Result<Tls, DialError> {
        if self.level == Level::None {
            return Ok(Tls::none());
        }
        let name: ReferenceName = self.endpoint.host.parse()?;
        let mut builder = ClientTls::builder(self.level, name);
        if self.level.verifies() {
            let roots = match &self.roots {
                Some(roots) => roots.clone(),
                None => Roots::native()?,
            };
            builder = builder.roots(roots);
        }
        Ok(Tls::from(&builder.build()?))
    }

    fn new_trace(&self) -> Option<Trace> {
        let show = Arc::clone(self.show.as_ref()?);
        Some(Trace::new(move |seen| {
            let mut show = show.lock().unwrap_or_else(PoisonError::into_inner);
            show(&seen.to_string());
        }))
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("endpoint", &self.endpoint)
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

/// A connection that was just made.
pub(crate) struct Dialled {
    pub(crate) socket: TcpStream,
    pub(crate) upgrade: Upgrade,
    pub(crate) tls: Tls,
    /// Our own address on it, for EHLO.
    #[cfg(feature = "smtp")]
    pub(crate) local: IpAddr,
    pub(crate) trace: Option<Trace>,
}

/// Why no connection was made.
///
/// ```
/// assert_eq!(mailwire::DialError::NoPassword.to_string(), "there is a user and no password");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The TLS configuration cannot be made.
    #[error(transparent)]
    Config(#[from] ClientConfigError),
    /// The server cannot be reached.
    #[error("the server cannot be reached: {0}")]
    Connect(io::Error),
    /// The user name or the password cannot be used.
    #[error(transparent)]
    Credentials(#[from] InvalidCredentials),
    /// The level does not fit the scheme.
    #[error(transparent)]
    Level(#[from] Contradiction),
    /// The host is no name that a certificate could be for.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// There is nothing to log in with.
    #[error("there is a user and no password")]
    NoPassword,
    /// There is nobody to log in as, where somebody must.
    #[error("no user is named")]
    NoUser,
    /// The endpoint is for another protocol.
    #[error("the scheme is not one for {wanted}")]
    Protocol {
        /// What was wanted.
        wanted: &'static str,
    },
    /// The system gave no random octets.
    #[error("the system gave no random octets")]
    Random,
    /// There is nobody to trust.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// No address of the server answered in time.
    #[error("the server did not answer in time")]
    Timeout,
}

impl DialError {
    const fn connect(error: io::Error) -> Self {
        Self::Connect(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_4_a_repeated_password_is_noticed_wherever_it_stands() {
        let account = |password: &str| {
            let endpoint: Endpoint = "smtp://alice@h".parse().unwrap();
            Account::new(endpoint).password(password)
        };
        for password in ["wonder", "wonderl", "wonderla", "w\u{f6}nder"] {
            let account = account(password);
            assert!(account.is_repeated_in(&format!("no: {password}!")));
            for before in ["", "a", "ab", "\0alice\0"] {
                for behind in ["", "z", "zz"] {
                    let octets = format!("{before}{password}{behind}");
                    let text = mailwire_core::base64::encode(octets.as_bytes());
                    assert!(account.is_repeated_in(&text), "{octets:?}");
                }
            }
            assert!(!account.is_repeated_in("authentication failed"));
        }
        assert!(!account("").is_repeated_in("authentication failed"));
    }
}
