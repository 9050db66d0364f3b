//! The services, their ports and how each may use TLS.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What is spoken on a listener.
///
/// ```
/// use mailwire_examples::config::Service;
/// assert_eq!(Service::Submissions.port(), 465);
/// ```
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Service {
    /// SMTP between servers (RFC 5321).
    Smtp,
    /// Message submission with STARTTLS (RFC 6409).
    Submission,
    /// Message submission with implicit TLS (RFC 8314 §3.3).
    Submissions,
    /// Local delivery (RFC 2033).
    Lmtp,
    /// IMAP with STARTTLS (RFC 9051 §6.2.1).
    Imap,
    /// IMAP with implicit TLS (RFC 8314 §3.2).
    Imaps,
    /// POP3 with STLS (RFC 1939, RFC 2595).
    Pop3,
    /// POP3 with implicit TLS (RFC 8314 §3.2).
    Pop3s,
}

/// How a listener uses TLS.
///
/// ```
/// use mailwire_examples::config::TlsMode;
/// assert_eq!(TlsMode::StartTls.to_string(), "starttls");
/// ```
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(
    clippy::exhaustive_enums,
    reason = "never, on request, or from the first octet"
)]
pub enum TlsMode {
    /// Not at all.
    None,
    /// When the client asks for it.
    StartTls,
    /// From the first octet.
    Implicit,
}

impl Service {
    /// Every service, in the order in which the server lists them.
    pub const ALL: [Self; 8] = [
        Self::Smtp,
        Self::Submission,
        Self::Submissions,
        Self::Lmtp,
        Self::Imap,
        Self::Imaps,
        Self::Pop3,
        Self::Pop3s,
    ];

    /// The well-known port.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Smtp => 25,
            Self::Submission => 587,
            Self::Submissions => 465,
            Self::Lmtp => 24,
            Self::Imap => 143,
            Self::Imaps => 993,
            Self::Pop3 => 110,
            Self::Pop3s => 995,
        }
    }

    /// How the service uses TLS where nothing else is said.
    #[must_use]
    pub const fn usual_tls(self) -> TlsMode {
        match self {
            Self::Submissions | Self::Imaps | Self::Pop3s => TlsMode::Implicit,
            Self::Smtp | Self::Submission | Self::Lmtp | Self::Imap | Self::Pop3 => {
                TlsMode::StartTls
            }
        }
    }

    /// Whether the service may use TLS in this way.
    #[must_use]
    pub const fn allows(self, tls: TlsMode) -> bool {
        match self {
            Self::Submissions | Self::Imaps | Self::Pop3s => matches!(tls, TlsMode::Implicit),
            Self::Smtp | Self::Submission | Self::Lmtp | Self::Imap | Self::Pop3 => {
                !matches!(tls, TlsMode::Implicit)
            }
        }
    }

    /// The name in configuration, logs and `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Submission => "submission",
            Self::Submissions => "submissions",
            Self::Lmtp => "lmtp",
            Self::Imap => "imap",
            Self::Imaps => "imaps",
            Self::Pop3 => "pop3",
            Self::Pop3s => "pop3s",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for TlsMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::StartTls => "starttls",
            Self::Implicit => "implicit",
        })
    }
}
