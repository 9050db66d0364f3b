//! What a client knows of the mailbox that it has selected.

mod facts;

pub use self::facts::{Facts, Recent};
