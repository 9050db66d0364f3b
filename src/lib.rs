#![cfg_attr(
    all(feature = "smtp", feature = "imap", feature = "pop3", feature = "tls"),
    doc = include_str!("../README.md")
)]
//!
//! # The crates behind this one
//!
//! | here | crate | what it is |
//! |---|---|---|
//! | [`core`](mod@core) | `mailwire-core` | the machine contract, strict lines and dots, SASL |
//! | `smtp` | `mailwire-smtp` | SMTP, submission and LMTP |
//! | `imap` | `mailwire-imap` | IMAP4rev1 and IMAP4rev2 |
//! | `pop3` | `mailwire-pop3` | POP3 |
//! | `tls` | `mailtls` | TLS for mail and the driver that runs the machines |
#![forbid(unsafe_code)]

#[cfg(all(
    feature = "tls",
    any(feature = "smtp", feature = "imap", feature = "pop3")
))]
mod account;
#[cfg(all(
    feature = "tls",
    any(feature = "smtp", feature = "imap", feature = "pop3")
))]
mod endpoint;
#[cfg(all(feature = "tls", any(feature = "smtp", feature = "imap")))]
mod line_ends;
#[cfg(all(feature = "imap", feature = "tls"))]
mod mailboxes;
#[cfg(all(feature = "pop3", feature = "tls"))]
mod maildrop;
#[cfg(all(feature = "smtp", feature = "tls"))]
mod submission;

pub use mailwire_core as core;

#[cfg(feature = "tls")]
pub use mailtls as tls;
#[cfg(feature = "imap")]
pub use mailwire_imap as imap;
#[cfg(feature = "pop3")]
pub use mailwire_pop3 as pop3;
#[cfg(feature = "smtp")]
pub use mailwire_smtp as smtp;

#[cfg(all(
    feature = "tls",
    any(feature = "smtp", feature = "imap", feature = "pop3")
))]
pub use account::{Account, DialError};
#[cfg(all(
    feature = "tls",
    any(feature = "smtp", feature = "imap", feature = "pop3")
))]
pub use endpoint::{Endpoint, InvalidEndpoint, Protocol};
#[cfg(all(feature = "tls", any(feature = "smtp", feature = "imap")))]
pub use line_ends::{BareCr, LineEnds};
#[cfg(all(feature = "imap", feature = "tls"))]
pub use mailboxes::{AccessError, Appended, Download, Mailboxes, OpenMailboxesError, Piece};
#[cfg(all(feature = "pop3", feature = "tls"))]
pub use maildrop::{FetchError, Maildrop, Message, OpenMaildropError};
#[cfg(all(feature = "smtp", feature = "tls"))]
pub use submission::{OpenError, Report, SendError, Submission, envelope};
