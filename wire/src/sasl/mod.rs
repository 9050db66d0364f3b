//! SASL mechanisms, both sides, without I/O: RFC 4422 is the frame, RFC 4616 has PLAIN, RFC 5802
//! and RFC 7677 have SCRAM.
//!
//! The protocols (RFC 4954 for SMTP, RFC 5034 for POP3) carry messages in base64 and say who
//! speaks; what stands in the messages is decided here. Nothing in here blocks or calls back.
//! A [`Server`] that needs to know whether a password is right, or what keys a user has, *returns*
//! that need and goes on when it is answered, so the account database may be as asynchronous as it
//! likes. A [`Client`] returns the expensive part of SCRAM as a value that any thread can work on.
//!
//! | mechanism | the server learns the password | a thief of the database can log in | a man in the middle of TLS can log in |
//! |---|---|---|---|
//! | PLAIN, LOGIN | yes | depends on the database | yes |
//! | SCRAM-SHA-256 | no | no | yes, as long as the session lasts |
//! | SCRAM-SHA-256-PLUS | no | no | no |
//!
//! The attacks that shaped this module:
//!
//! * *Downgrade.* Somebody between client and server edits the list of mechanisms until only PLAIN
//!   is left. [`choose`] sends no password in clear, and can insist on channel binding; SCRAM
//!   itself notices that `-PLUS` was taken out of the list.
//! * *Cheap proofs.* A false server asks for one PBKDF2 round, and searches passwords at the speed
//!   of one hash per guess; or asks for four thousand million and stops the client. Both are
//!   refused before the work.
//! * *Who exists?* An unknown user must look like a wrong password: [`ScramKeys::dummy`].
//! * *Success by surprise.* A server that says "welcome" before it has shown that it knows the
//!   password is not the server: [`Client::succeeded`].
//!
//! Not supported: `tls-unique` (it is broken without the extended master secret and does not exist
//! in TLS 1.3, RFC 9266 §1), SCRAM-SHA-1, CRAM-MD5 and DIGEST-MD5.
//!
//! ```
//! use mailwire_core::sasl::{
//!     Client, ClientStep, Credentials, Mechanism, Server, ServerConfig, ServerStep, Verdict,
//! };
//!
//! let mut client = Client::plain(&Credentials::new("tim", "tanstaaftanstaaf")?);
//! let mut server = Server::start(Mechanism::Plain, ServerConfig::new(&[Mechanism::Plain]))?;
//!
//! let message = client.initial_response().unwrap();
//! let ServerStep::NeedPassword(check) = server.begin(Some(message.expose())) else { panic!() };
//! assert!(check.password.matches(b"tanstaaftanstaaf"));
//!
//! let ServerStep::Done(identity) = server.verified(Verdict::Accepted) else { panic!() };
//! assert_eq!(identity.authcid, "tim");
//! assert!(matches!(client.succeeded(None), ClientStep::Done));
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

mod binding;
mod choice;
mod client;
mod credentials;
pub mod limits;
mod login;
mod plain;
mod prepare;
mod scram;
mod server;
mod user;

use core::fmt;

pub use binding::{BindingType, CertificateHash, ChannelBinding, ClientBinding};
pub use choice::{
    BindingPolicy, Choice, ChoiceError, ChoicePolicy, Connection, PasswordPolicy, choose,
};
pub use client::{Client, ClientError, ClientStep};
pub use credentials::{Credentials, InvalidCredentials};
pub use prepare::{InvalidString, prepare_identity, prepare_password};
pub use scram::{
    Derivation, Derived, InvalidKeys, InvalidNonce, Nonce, ScramKeys, ServerErrorValue,
};
pub use server::{
    Delegation, FailKind, FailReason, FinalData, Identity, PasswordCheck, Server, ServerConfig,
    ServerStep, StartError, Verdict,
};
pub use user::Login;

/// A mechanism that this module implements, in ascending order of strength.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Mechanism {
    /// LOGIN: name and password in two answers, never standardised, still asked for.
    Login,
    /// PLAIN, RFC 4616: name and password in one message.
    Plain,
    /// SCRAM-SHA-256, RFC 7677.
    ScramSha256,
    /// SCRAM-SHA-256-PLUS, RFC 7677: the same, bound to the TLS session that it runs in.
    ScramSha256Plus,
}

impl Mechanism {
    /// Finds a mechanism by its name, in upper or lower case; `None` for all others.
    ///
    /// ```
    /// use mailwire_core::sasl::Mechanism;
    ///
    /// assert_eq!(Mechanism::from_name(b"PLAIN"), Some(Mechanism::Plain));
    /// assert_eq!(Mechanism::from_name(b"CRAM-MD5"), None);
    /// ```
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        [
            Self::Login,
            Self::Plain,
            Self::ScramSha256,
            Self::ScramSha256Plus,
        ]
        .into_iter()
        .find(|mechanism| mechanism.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// The registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Login => "LOGIN",
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
        }
    }

    /// Whether the password itself travels, so that only an encrypted connection may carry it.
    #[must_use]
    pub const fn sends_password(self) -> bool {
        matches!(self, Self::Login | Self::Plain)
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests;
