//! Where a session stands.

use core::fmt;

/// The states of RFC 9051 §3.
///
/// ```text
///   greeting ──► not authenticated ── LOGIN, AUTHENTICATE ──► authenticated ── SELECT, EXAMINE ──► selected
///      │              │    ▲                                    │    ▲                                │
///      │ PREAUTH      │    └─ STARTTLS, failures                │    └─ CLOSE, UNSELECT, failed SELECT │
///      └──────────────┼─────────────────────────────────────►   │                                     │
///                     ▼                                         ▼                                     ▼
///                  logout ◄──────────────── LOGOUT, BYE, end of file, timeout ────────────────────────┘
/// ```
///
/// ```
/// use mailwire_imap::State;
/// assert_eq!(State::NotAuthenticated.to_string(), "the not authenticated state");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9051 §3 has these four")]
pub enum State {
    /// Nobody has logged in yet.
    NotAuthenticated,
    /// Somebody has, and no mailbox is selected.
    Authenticated,
    /// A mailbox is selected.
    Selected,
    /// The connection ends.
    Logout,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAuthenticated => "the not authenticated state",
            Self::Authenticated => "the authenticated state",
            Self::Selected => "the selected state",
            Self::Logout => "the logout state",
        })
    }
}

/// Whether what was received came through TLS. What came in clear text may have been written by
/// anybody on the way, and must not be shown as the server's word.
///
/// ```
/// use mailwire_imap::Protection;
/// assert_ne!(Protection::Clear, Protection::Tls);
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
/// use mailwire_imap::ClearText;
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
