//! What a message is made of: MIME, ENVELOPE, BODYSTRUCTURE, sections.

pub mod address;
pub mod date;
pub mod header;
pub(crate) mod lex;
pub mod msgid;
pub mod subject;
pub mod text;
pub mod transfer;
