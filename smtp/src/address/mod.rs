//! Addresses: paths, mailboxes, domains and address literals, in ASCII and in UTF-8.
//!
//! Read first: RFC 5321 §4.1.2 and §4.1.3, RFC 6531 §3.3.
//!
//! Values are kept in the form that is sent: the local part unquoted where that is possible and
//! with the fewest quotes where it is not. A source route is parsed and dropped (RFC 5321
//! Appendix C).

pub(crate) mod class;
mod domain;
mod literal;
mod mailbox;
pub(crate) mod parse;
mod word;

pub use domain::{ClientName, Domain, Host, OtherName};
pub use literal::{AddressLiteral, GeneralLiteral};
pub use mailbox::{ForwardPath, LocalPart, Mailbox, ReversePath};
