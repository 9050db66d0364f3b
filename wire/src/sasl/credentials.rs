//! What a client logs in with, checked before anything is sent.

use alloc::string::String;
use core::fmt;

use thiserror::Error;

use super::limits;
use crate::secret::SecretString;

/// A name or password that no mechanism can carry: empty, too long, or with a NUL.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum InvalidCredentials {
    /// The authentication identity.
    #[error("invalid authentication identity")]
    Authcid,
    /// The authorization identity.
    #[error("invalid authorization identity")]
    Authzid,
    /// The password.
    #[error("invalid password")]
    Password,
}

/// User name, password, and where wanted the identity to act as.
///
/// PLAIN and LOGIN carry them as they are, for preparing them is the server's part there
/// (RFC 4616 §2); SCRAM prepares them in the client.
///
/// ```
/// use mailwire_core::sasl::Credentials;
///
/// let credentials = Credentials::new("fred", "secret")?.acting_as("postmaster")?;
/// assert!(Credentials::new("fred", "").is_err());
/// # Ok::<(), mailwire_core::sasl::InvalidCredentials>(())
/// ```
pub struct Credentials {
    pub(super) authcid: String,
    pub(super) authzid: Option<String>,
    pub(super) password: SecretString,
}

impl Credentials {
    /// A user name of at most 1,024 and a password of at most 4,096 octets.
    ///
    /// # Errors
    ///
    /// [`InvalidCredentials`] when one of them is empty, too long, or holds a NUL, which PLAIN
    /// uses as its separator: with it, one string could become two.
    pub fn new(authcid: &str, password: &str) -> Result<Self, InvalidCredentials> {
        check(authcid, limits::IDENTITY).ok_or(InvalidCredentials::Authcid)?;
        check(password, limits::PASSWORD).ok_or(InvalidCredentials::Password)?;
        Ok(Self {
            authcid: authcid.into(),
            authzid: None,
            password: password.into(),
        })
    }

    /// Asks to act as somebody else, `authzid`. LOGIN cannot carry it.
    ///
    /// # Errors
    ///
    /// [`InvalidCredentials::Authzid`] as in [`new`](Self::new).
    pub fn acting_as(mut self, authzid: &str) -> Result<Self, InvalidCredentials> {
        check(authzid, limits::IDENTITY).ok_or(InvalidCredentials::Authzid)?;
        self.authzid = Some(authzid.into());
        Ok(self)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

fn check(text: &str, max: usize) -> Option<()> {
    (!text.is_empty() && text.len() <= max && !text.contains('\0')).then_some(())
}
