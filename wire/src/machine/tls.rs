//! What a machine is told about the TLS that protects its connection.

use alloc::{borrow::Cow, boxed::Box, vec::Vec};

use bytes::Bytes;

/// The version of TLS that was negotiated.
///
/// ```
/// use mailwire_core::machine::TlsVersion;
/// assert_eq!(TlsVersion::Tls13.to_string(), "TLSv1.3");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl core::fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        })
    }
}

/// What is known about the peer's certificate.
///
/// ```
/// use mailwire_core::machine::PeerVerification;
/// assert_ne!(PeerVerification::NoCertificate, PeerVerification::Verified);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum PeerVerification {
    /// The peer showed no certificate; the usual case on a server.
    NoCertificate,
    /// It showed one that nobody checked: the connection is private against onlookers only.
    NotChecked,
    /// The chain and, on a client, the name were checked.
    Verified,
}

/// The TLS that a connection runs over, as far as a machine or an application may ask.
///
/// It is filled in by the driver; the machines use it to decide whether credentials may pass, and
/// SASL mechanisms take their channel bindings from it.
///
/// ```
/// use mailwire_core::machine::{PeerVerification, TlsInfo, TlsVersion};
/// let mut tls = TlsInfo::new(TlsVersion::Tls13, "TLS13_AES_128_GCM_SHA256");
/// tls.server_name = Some("mail.example.test".into());
/// assert_eq!(tls.verification, PeerVerification::NoCertificate);
/// ```
#[non_exhaustive]
#[derive(Clone, Eq, PartialEq)]
pub struct TlsInfo {
    /// The protocol version.
    pub version: TlsVersion,
    /// The cipher suite by its registered name.
    pub cipher: Cow<'static, str>,
    /// The key-exchange group by name, where one was used.
    pub group: Option<Cow<'static, str>>,
    /// The server name (SNI, RFC 6066 §3) that the client sent, already checked to be a host name.
    pub server_name: Option<Box<str>>,
    /// The application protocol that was chosen (ALPN, RFC 7301).
    pub alpn: Option<Box<[u8]>>,
    /// Whether the handshake resumed an earlier session.
    pub resumed: bool,
    /// The certificates that the peer sent, leaf first, in DER.
    pub peer_chain: Vec<Bytes>,
    /// What was found about them.
    pub verification: PeerVerification,
    /// The `tls-exporter` channel binding (RFC 9266 §4.1).
    pub exporter: Option<[u8; 32]>,
    /// The `tls-server-end-point` channel binding (RFC 5929 §4.1), where it is defined.
    pub end_point: Option<Box<[u8]>>,
}

impl TlsInfo {
    /// What is known at the least: version and cipher suite.
    #[must_use]
    pub fn new(version: TlsVersion, cipher: impl Into<Cow<'static, str>>) -> Self {
        Self {
            version,
            cipher: cipher.into(),
            group: None,
            server_name: None,
            alpn: None,
            resumed: false,
            peer_chain: Vec::new(),
            verification: PeerVerification::NoCertificate,
            exporter: None,
            end_point: None,
        }
    }
}

impl core::fmt::Debug for TlsInfo {
    // The channel bindings identify the session and the chain is long, so neither is printed.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("TlsInfo")
            .field("version", &self.version)
            .field("cipher", &self.cipher)
            .field("group", &self.group)
            .field("server_name", &self.server_name)
            .field("resumed", &self.resumed)
            .field("verification", &self.verification)
            .finish_non_exhaustive()
    }
}

/// When a client session turns to TLS. What the policy levels of `mailtls` mean is turned into
/// this and a verifier; protocol crates know no level.
///
/// ```
/// use mailwire_core::machine::Upgrade;
/// assert!(Upgrade::Required.forbids_clear_text());
/// assert!(!Upgrade::IfOffered.forbids_clear_text());
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Upgrade {
    /// Stay in clear text.
    Never,
    /// Upgrade where the server offers it, go on in clear text where it does not.
    IfOffered,
    /// Upgrade, or end the session before anything else is sent.
    Required,
    /// TLS runs from the first octet (RFC 8314 §3).
    Implicit,
}

impl Upgrade {
    /// Whether the session must not go on in clear text.
    #[must_use]
    pub const fn forbids_clear_text(self) -> bool {
        matches!(self, Self::Required | Self::Implicit)
    }
}
