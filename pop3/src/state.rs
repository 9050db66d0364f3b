//! Where a session stands.

use core::fmt;

/// The states of RFC 1939 §3.
///
/// ```text
///   greeting ──► AUTHORIZATION ── PASS, AUTH ──► TRANSACTION ── QUIT ──► UPDATE ──► closed
///                  │    ▲                            │
///                QUIT   └─ STLS, failures            └─ timeout, end of file, error
///                  ▼                                 ▼
///                closed                            closed, and nothing is removed
/// ```
///
/// ```
/// use mailwire_pop3::{Server, State, server::Config};
/// let server = Server::new(Config::new("mail.example.test"));
/// assert_eq!(server.state(), State::Authorization);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 1939 §3 has these three")]
pub enum State {
    /// Nobody has logged in yet.
    Authorization,
    /// The maildrop is open.
    Transaction,
    /// The marked messages are being removed, and the connection closes.
    Update,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authorization => "AUTHORIZATION",
            Self::Transaction => "TRANSACTION",
            Self::Update => "UPDATE",
        })
    }
}

/// Whether what was received came through TLS. What came in clear text may have been written by
/// anybody on the way, and must not be shown as the server's word.
///
/// ```
/// use mailwire_pop3::{Client, Protection, client::Config};
/// assert_eq!(Client::new(Config::new()).protection(), Protection::Clear);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there is TLS or there is not")]
pub enum Protection {
    /// In clear text.
    Clear,
    /// Through TLS.
    Tls,
}

/// Whether passwords may pass without TLS.
///
/// ```
/// use mailwire_pop3::ClearText;
/// assert_eq!(ClearText::default(), ClearText::Forbidden);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it is allowed or it is not")]
pub enum ClearText {
    /// Only through TLS (RFC 8314 §4).
    #[default]
    Forbidden,
    /// In clear text too: for loopback and private wires.
    Permitted,
}
