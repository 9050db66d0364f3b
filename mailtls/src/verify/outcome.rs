//! What a handshake that succeeded says about the server.

use std::fmt;

use mailwire_core::machine::PeerVerification;

use crate::{level::Level, names::ReferenceName};

/// What a successful handshake says about the server.
///
/// ```
/// use mailtls::verify::Outcome;
/// use mailwire_core::machine::PeerVerification;
/// let outcome = Outcome::Verified { name: "mail.example.test".parse()? };
/// assert_eq!(outcome.as_verification(), PeerVerification::Verified);
/// assert_eq!(outcome.to_string(), "verified as mail.example.test");
/// # Ok::<(), mailtls::names::InvalidName>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The chain is trusted and the certificate shows this name.
    Verified {
        /// The reference name that matched.
        name: ReferenceName,
    },
    /// Nobody checked who this is: the connection is private against onlookers only.
    NotChecked {
        /// Why not.
        why: WhyNotChecked,
        /// Whether at least the key in the certificate made the handshake.
        key: KeyCheck,
    },
}

impl Outcome {
    /// The same in the words of the machines.
    #[must_use]
    pub const fn as_verification(&self) -> PeerVerification {
        match self {
            Self::Verified { .. } => PeerVerification::Verified,
            Self::NotChecked {
                why: WhyNotChecked::NoCertificate,
                ..
            } => PeerVerification::NoCertificate,
            Self::NotChecked { .. } => PeerVerification::NotChecked,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verified { name } => write!(f, "verified as {name}"),
            Self::NotChecked { why, key } => {
                match why {
                    WhyNotChecked::AnotherChain => f.write_str("not checked: unknown chain")?,
                    WhyNotChecked::Level(level) => write!(f, "not checked at level {level}")?,
                    WhyNotChecked::NoCertificate => f.write_str("no certificate")?,
                }
                match key {
                    KeyCheck::Verified => Ok(()),
                    KeyCheck::NotVerifiable => f.write_str(", key not verifiable"),
                }
            }
        }
    }
}

/// Why a server was not checked.
///
/// ```
/// use mailtls::{level::Level, verify::WhyNotChecked};
/// assert_ne!(WhyNotChecked::Level(Level::May), WhyNotChecked::NoCertificate);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum WhyNotChecked {
    /// The chain is not one that this configuration has accepted.
    AnotherChain,
    /// The level does not ask for it.
    Level(Level),
    /// There was no certificate.
    NoCertificate,
}

/// Whether the signature on the handshake was checked with the key in the certificate.
///
/// ```
/// use mailtls::verify::KeyCheck;
/// assert_ne!(KeyCheck::Verified, KeyCheck::NotVerifiable);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum KeyCheck {
    /// The provider cannot check this kind of key, such as RSA below 2048 bits.
    NotVerifiable,
    /// It was.
    Verified,
}
