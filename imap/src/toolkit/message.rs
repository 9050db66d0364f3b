//! What a message is made of: MIME, ENVELOPE, BODYSTRUCTURE, sections.

pub mod address;
mod body;
pub mod date;
mod envelope;
mod fetch;
pub mod header;
mod known;
mod lex;
pub(crate) mod mime;
pub mod msgid;
mod scan;
mod section;
mod structure;
pub mod subject;
pub mod text;
pub mod transfer;

pub use self::{
    fetch::{
        Answer, BodyReader, BodySource, FetchPlan, Fetched, Measure, ModSeq, Needs, Seen, Text,
        Unanswerable,
    },
    scan::Scanner,
    section::Content,
    structure::{Entity, Structure},
};
