//! LIST and UIDL without an argument, a chunk at a time.

use crate::{
    command::MessageNumber,
    limits,
    maildrop::{Deletions, Maildrop},
    server::output::Output,
};

/// A multi-line response that the machine writes by itself. However large the maildrop is, only
/// one chunk of it is in memory.
#[derive(Debug)]
pub(crate) struct Listing {
    column: Column,
    /// The place of the next message.
    next: usize,
}

#[derive(Clone, Copy, Debug)]
enum Column {
    Size,
    UniqueId,
}

impl Listing {
    pub(crate) const fn sizes() -> Self {
        Self {
            column: Column::Size,
            next: 0,
        }
    }

    pub(crate) const fn unique_ids() -> Self {
        Self {
            column: Column::UniqueId,
            next: 0,
        }
    }

    /// Writes the next chunk; `false` when that was the last.
    pub(crate) fn write(
        &mut self,
        maildrop: &Maildrop,
        deletions: &Deletions,
        out: &mut Output,
    ) -> bool {
        let mut room = limits::LISTING_CHUNK / (limits::UNIQUE_ID + 2);
        while room > 0 {
            let message = MessageNumber::from_index(self.next);
            let Some((message, octets)) = message.and_then(|m| Some((m, maildrop.size(m)?))) else {
                out.line(format_args!("."));
                return false;
            };
            self.next += 1;
            if deletions.contains(message) {
                continue;
            }
            room -= 1;
            match self.column {
                Column::Size => out.line(format_args!("{message} {octets}")),
                Column::UniqueId => {
                    let unique_id = maildrop.unique_id(message).unwrap_or_default();
                    out.octets_line(format_args!("{message} "), unique_id);
                }
            }
        }
        true
    }
}
