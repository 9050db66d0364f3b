//! Why a server's certificate was refused.

use std::{error::Error as StdError, fmt, io, time::Duration};

use mailwire_core::text::Sanitized;
use rustls::CertificateError;
use rustls_pki_types::UnixTime;

use crate::{limits::MAX_NAMES_SHOWN, names::ReferenceName};

/// Why the certificate of a server was refused, each with what to do about it.
///
/// ```
/// use mailtls::verify::VerifyError;
/// use rustls::{CertificateError, Error};
/// let error = Error::InvalidCertificate(CertificateError::UnknownIssuer);
/// assert_eq!(VerifyError::from_tls(&error), Some(VerifyError::Untrusted));
/// assert!(VerifyError::Untrusted.remedy().contains("CA"));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum VerifyError {
    /// A signature, in the chain or on the handshake, is not by the key it should be by.
    #[error("a signature on the certificate or the handshake is wrong")]
    BadSignature,
    /// The server shows the certificate of an authority as its own.
    #[error("the server shows the certificate of an authority (CA:TRUE) as its own")]
    CaAsServer,
    /// It ran out.
    #[error("the certificate expired{}", ago(.since))]
    Expired {
        /// How long ago.
        since: Option<Duration>,
    },
    /// The chain asks for more work than any honest one: too many signatures, paths or names.
    #[error("the certificate chain is too complex")]
    LimitExceeded,
    /// A certificate that is no proper DER, or whose parts contradict each other.
    #[error("the certificate cannot be parsed")]
    Malformed,
    /// Nothing in it is the name that was asked for.
    #[error("the certificate is not for {expected}; it is for {shown}")]
    NameMismatch {
        /// The name that was asked for.
        expected: Box<ReferenceName>,
        /// The names that the certificate does show.
        shown: ShownNames,
    },
    /// An authority may not vouch for this name.
    #[error("an authority in the chain is not allowed to vouch for this name")]
    NameNotPermitted,
    /// The server sent none.
    #[error("the server showed no certificate")]
    NoCertificate,
    /// Its time has not come.
    #[error("the certificate is not valid yet{}", ahead(.until))]
    NotYetValid {
        /// How long from now.
        until: Option<Duration>,
    },
    /// It was withdrawn.
    #[error("the certificate was revoked")]
    Revoked,
    /// A rule of certificates that is broken rarely: a bad path length, a critical extension that
    /// nobody knows.
    #[error("the certificate breaks a rule for certificates")]
    Unacceptable,
    /// An algorithm, key size or certificate version that is refused.
    #[error("the certificate uses a key, a signature or a version that is not accepted")]
    UnsupportedAlgorithm,
    /// No path from it to an authority that is trusted.
    #[error(
        "the certificate is not issued by a trusted authority: it is self-signed, by an \
         authority of somebody's own, or an intermediate certificate is missing"
    )]
    Untrusted,
    /// It is made for something else than a server.
    #[error("the certificate is not made for servers (extended key usage)")]
    WrongPurpose,
}

impl VerifyError {
    /// What rustls says, as one of ours; [`None`] for what is not about a certificate.
    #[must_use]
    pub fn from_tls(error: &rustls::Error) -> Option<Self> {
        Some(match error {
            rustls::Error::NoCertificatesPresented => Self::NoCertificate,
            rustls::Error::InvalidCertificate(error) => Self::from_certificate(error),
            _ => return None,
        })
    }

    /// The same for what a stream over rustls gave.
    ///
    /// ```
    /// use mailtls::verify::VerifyError;
    /// use rustls::{CertificateError, Error};
    /// let tls = Error::InvalidCertificate(CertificateError::Revoked);
    /// let io = std::io::Error::new(std::io::ErrorKind::InvalidData, tls);
    /// assert_eq!(VerifyError::from_io(&io), Some(VerifyError::Revoked));
    /// ```
    #[must_use]
    pub fn from_io(error: &io::Error) -> Option<Self> {
        let inner: &(dyn StdError + 'static) = error.get_ref()?;
        Self::from_tls(inner.downcast_ref()?)
    }

    fn from_certificate(error: &CertificateError) -> Self {
        use CertificateError as C;
        match error {
            C::BadEncoding => Self::Malformed,
            C::Expired => Self::Expired { since: None },
            C::ExpiredContext { time, not_after } => Self::Expired {
                since: between(*not_after, *time),
            },
            C::NotValidYet => Self::NotYetValid { until: None },
            C::NotValidYetContext { time, not_before } => Self::NotYetValid {
                until: between(*time, *not_before),
            },
            C::Revoked => Self::Revoked,
            C::UnknownIssuer => Self::Untrusted,
            C::BadSignature => Self::BadSignature,
            C::UnsupportedSignatureAlgorithmContext { .. }
            | C::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                Self::UnsupportedAlgorithm
            }
            C::NotValidForNameContext {
                expected,
                presented,
            } => match ReferenceName::try_from(expected) {
                Ok(expected) => Self::NameMismatch {
                    expected: Box::new(expected),
                    shown: ShownNames::new(presented),
                },
                Err(_) => Self::Unacceptable,
            },
            C::InvalidPurpose | C::InvalidPurposeContext { .. } => Self::WrongPurpose,
            C::Other(other) => other
                .0
                .downcast_ref()
                .map_or(Self::Unacceptable, Self::from_webpki),
            _ => Self::Unacceptable,
        }
    }

    /// What rustls has no word of its own for.
    const fn from_webpki(error: &webpki::Error) -> Self {
        use webpki::Error as W;
        match error {
            W::CaUsedAsEndEntity => Self::CaAsServer,
            W::NameConstraintViolation => Self::NameNotPermitted,
            W::MaximumNameConstraintComparisonsExceeded
            | W::MaximumPathBuildCallsExceeded
            | W::MaximumPathDepthExceeded
            | W::MaximumSignatureChecksExceeded => Self::LimitExceeded,
            W::UnsupportedCertVersion | W::SignatureAlgorithmMismatch => Self::UnsupportedAlgorithm,
            W::ExtensionValueInvalid
            | W::InvalidSerialNumber
            | W::MalformedExtensions
            | W::MalformedDnsIdentifier
            | W::MalformedNameConstraint => Self::Malformed,
            W::EmptyEkuExtension => Self::WrongPurpose,
            _ => Self::Unacceptable,
        }
    }

    /// What to do about it, and on which side.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::BadSignature => {
                "the server's key does not belong to its certificate, or somebody is in between: \
                 do not go on"
            }
            Self::CaAsServer => {
                "on the server, use a certificate that the authority issued for it, not the \
                 authority's own"
            }
            Self::Expired { .. } => {
                "on the server, renew the certificate, and reload it if that has been done; check \
                 the clock here"
            }
            Self::LimitExceeded => "on the server, send the certificate and its intermediates only",
            Self::Malformed | Self::Unacceptable => {
                "on the server, have the certificate issued anew"
            }
            Self::NameMismatch { .. } => {
                "connect by a name that the certificate shows, or on the server add the name to \
                 the certificate (subject alternative name; the common name does not count)"
            }
            Self::NameNotPermitted => {
                "on the server, use a certificate by an authority that may issue for this name"
            }
            Self::NoCertificate => "on the server, configure a certificate",
            Self::NotYetValid { .. } => "check the clocks here and where the certificate was made",
            Self::Revoked => "on the server, replace the certificate",
            Self::UnsupportedAlgorithm => {
                "on the server, use an ECDSA key, or an RSA key of 2048 bits or more, with a \
                 SHA-2 signature"
            }
            Self::Untrusted => {
                "name the CA's certificate if you know that it is the right one, or on the server \
                 use a certificate by a public authority and send the intermediate with it"
            }
            Self::WrongPurpose => {
                "on the server, use a certificate with the extended key usage serverAuth"
            }
        }
    }
}

fn between(from: UnixTime, to: UnixTime) -> Option<Duration> {
    to.as_secs()
        .checked_sub(from.as_secs())
        .map(Duration::from_secs)
}

fn ago(since: &Option<Duration>) -> String {
    since.map_or_else(String::new, |since| format!(" {} ago", rough(since)))
}

fn ahead(until: &Option<Duration>) -> String {
    until.map_or_else(String::new, |until| {
        format!(", for another {}", rough(until))
    })
}

/// A length of time in the unit that a person would say it in.
fn rough(time: Duration) -> String {
    let seconds = time.as_secs();
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// The names that a certificate shows, as far as they are fit to be shown: the first few, capped
/// and without control characters.
///
/// ```
/// use mailtls::verify::ShownNames;
/// let names = ShownNames::new(["mx1.example", "evil\r\n.example"]);
/// assert_eq!(names.to_string(), "mx1.example, evil??.example");
/// assert_eq!(ShownNames::new([""; 0]).to_string(), "no name at all");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ShownNames {
    first: Box<[Box<str>]>,
    more: usize,
}

impl ShownNames {
    /// Takes over what fits.
    pub fn new<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Self {
        let mut names = names.into_iter();
        let first = names
            .by_ref()
            .take(MAX_NAMES_SHOWN)
            .map(|name| Sanitized(name.as_ref().as_bytes()).to_string().into())
            .collect();
        Self {
            first,
            more: names.count(),
        }
    }

    /// The names that are shown.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.first.iter().map(AsRef::as_ref)
    }

    /// How many more there are.
    #[must_use]
    pub const fn more(&self) -> usize {
        self.more
    }
}

impl fmt::Display for ShownNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first.is_empty() {
            return f.write_str("no name at all");
        }
        for (at, name) in self.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{name}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
