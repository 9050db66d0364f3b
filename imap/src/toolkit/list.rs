//! LIST, LSUB and STATUS: which mailboxes there are, and what is told of them.
//!
//! Read RFC 9051 §6.3.9 and RFC 5258 first, and RFC 3501 §6.3.9 for LSUB.
//!
//! A store gives what it knows of its mailboxes as [`MailboxFacts`]; [`Mailboxes`] puts them into
//! their hierarchy once, and answers LIST and LSUB from it, mailbox by mailbox, so that a long
//! answer need not be held as a whole. [`NamePolicy`] says which names may be created.
//!
//! Names are compared as they stand on the wire of the connection, in modified UTF-7 or in UTF-8:
//! a store that has them as text writes them with [`Mailbox::encode`](crate::mailbox::Mailbox).
//!
//! Not supported: MYRIGHTS of RFC 8440; the rights are the store's.

mod listing;
mod mailboxes;
mod name;
mod pattern;
mod status;

pub use self::{
    listing::{Listed, Listing, TooManyPatterns},
    mailboxes::{Existence, MailboxFacts, Mailboxes, Wording},
    name::{NamePolicy, RefusedName},
    pattern::Pattern,
    status::StatusFacts,
};
