//! The level: how much TLS a client asks for.
//!
//! The words are those of Postfix. Each level in one row:
//!
//! | level | server offers no TLS | handshake fails | chain checked | name checked |
//! |---|---|---|---|---|
//! | `none` | clear text, always | - | - | - |
//! | `may` | clear text | the connection ends | no | no |
//! | `encrypt` | the connection ends | the connection ends | no | no |
//! | `verify` | the connection ends | the connection ends | yes | yes |
//! | `secure` | the connection ends | the connection ends | yes | yes |
//!
//! `verify` and `secure` differ for mail between servers only, in where the name comes from: the MX
//! host, which an attacker on DNS may choose, or the domain that the mail is for. The name is
//! given by the caller, so here they do the same. `may` protects against nobody who can change
//! what is sent; `encrypt` protects against nobody who can answer in the server's place. A
//! password belongs on `verify` or `secure`.
//!
//! At every level the key that signed the handshake is the one in the certificate that was shown;
//! what the two lower levels do not ask is whose certificate that is.

use std::{fmt, str::FromStr};

use mailwire_core::machine::Upgrade;

/// How much TLS is asked for, from nothing to a verified server.
///
/// The order is that of strength.
///
/// ```
/// use mailtls::level::Level;
/// let level: Level = "secure".parse()?;
/// assert!(level > Level::Encrypt && level.verifies());
/// # Ok::<(), mailtls::level::UnknownLevel>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// Clear text.
    None,
    /// TLS where it is offered, with whoever answers.
    May,
    /// TLS, with whoever answers.
    Encrypt,
    /// TLS with a server whose certificate is trusted and shows the reference name.
    Verify,
    /// The same; the reference name is one that does not come from DNS.
    Secure,
}

impl Level {
    /// All levels, weakest first.
    pub const ALL: &'static [Self] = &[
        Self::None,
        Self::May,
        Self::Encrypt,
        Self::Verify,
        Self::Secure,
    ];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::May => "may",
            Self::Encrypt => "encrypt",
            Self::Verify => "verify",
            Self::Secure => "secure",
        }
    }

    /// Whether the server must prove who it is.
    #[must_use]
    pub const fn verifies(self) -> bool {
        matches!(self, Self::Verify | Self::Secure)
    }

    /// What a session at this level does about TLS.
    ///
    /// # Errors
    /// [`Contradiction`] for `none` on a port where TLS runs from the first octet.
    ///
    /// ```
    /// use mailtls::level::{Level, Mode};
    /// use mailwire_core::machine::Upgrade;
    /// assert_eq!(Level::Secure.upgrade(Mode::StartTls), Ok(Upgrade::Required));
    /// assert_eq!(Level::Secure.upgrade(Mode::Implicit), Ok(Upgrade::Implicit));
    /// assert!(Level::None.upgrade(Mode::Implicit).is_err());
    /// ```
    pub const fn upgrade(self, mode: Mode) -> Result<Upgrade, Contradiction> {
        match (self, mode) {
            (Self::None, Mode::Implicit) => Err(Contradiction { _priv: () }),
            (_, Mode::Implicit) => Ok(Upgrade::Implicit),
            (Self::None, Mode::StartTls) => Ok(Upgrade::Never),
            (Self::May, Mode::StartTls) => Ok(Upgrade::IfOffered),
            (Self::Encrypt | Self::Verify | Self::Secure, Mode::StartTls) => Ok(Upgrade::Required),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(word: &str) -> Result<Self, UnknownLevel> {
        Self::ALL
            .iter()
            .copied()
            .find(|level| level.as_str() == word)
            .ok_or(UnknownLevel { _priv: () })
    }
}

/// How TLS begins on a port (RFC 8314 §3): these are the only two names for it.
///
/// ```
/// use mailtls::level::Mode;
/// assert_eq!("starttls".parse(), Ok(Mode::StartTls));
/// assert_eq!(Mode::Implicit.to_string(), "implicit");
/// ```
#[expect(
    clippy::exhaustive_enums,
    reason = "TLS begins at the start or later, there is no third way"
)]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Mode {
    /// In clear text first, with STARTTLS or STLS.
    StartTls,
    /// From the first octet.
    Implicit,
}

impl Mode {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StartTls => "starttls",
            Self::Implicit => "implicit",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(word: &str) -> Result<Self, UnknownMode> {
        [Self::StartTls, Self::Implicit]
            .into_iter()
            .find(|mode| mode.as_str() == word)
            .ok_or(UnknownMode { _priv: () })
    }
}

/// The word is none of the levels.
///
/// ```
/// use mailtls::level::{Level, UnknownLevel};
/// let error: UnknownLevel = "ssl".parse::<Level>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "unknown TLS level: use one of none, may, encrypt, verify, secure"
/// );
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnknownLevel {
    _priv: (),
}

impl fmt::Display for UnknownLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown TLS level: use one of ")?;
        for (at, level) in Level::ALL.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{level}")?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownLevel {}

/// The word is none of the two modes.
///
/// ```
/// use mailtls::level::{Mode, UnknownMode};
/// let error: UnknownMode = "ssl/tls".parse::<Mode>().unwrap_err();
/// assert_eq!(error.to_string(), "unknown TLS mode: use starttls or implicit");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("unknown TLS mode: use starttls or implicit")]
pub struct UnknownMode {
    _priv: (),
}

/// Level `none` was asked for on a port that speaks TLS from the first octet.
///
/// ```
/// use mailtls::level::{Contradiction, Level, Mode};
/// let error: Contradiction = Level::None.upgrade(Mode::Implicit).unwrap_err();
/// assert!(error.to_string().contains("implicit"));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "level none has no TLS, and this port is implicit TLS: use a STARTTLS port or another level"
)]
pub struct Contradiction {
    _priv: (),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_is_read_as_it_is_written() {
        for level in Level::ALL {
            assert_eq!(level.to_string().parse(), Ok(*level));
        }
        for word in ["", "None", "SECURE", "secure ", "tls", "dane-onl"] {
            assert_eq!(word.parse::<Level>(), Err(UnknownLevel { _priv: () }));
        }
        assert!(Level::ALL.is_sorted());
    }

    #[test]
    fn what_each_level_means_for_a_session() {
        use Upgrade::{IfOffered, Implicit, Never, Required};
        let starttls = [Never, IfOffered, Required, Required, Required];
        for (level, upgrade) in Level::ALL.iter().zip(starttls) {
            assert_eq!(level.upgrade(Mode::StartTls), Ok(upgrade));
            assert_eq!(
                level.upgrade(Mode::Implicit).ok(),
                (*level != Level::None).then_some(Implicit)
            );
            assert_eq!(level.verifies(), *level >= Level::Verify);
        }
    }
}
