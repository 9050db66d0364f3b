//! The fields that ENVELOPE and BODYSTRUCTURE are made of, found once in a header.

use alloc::vec::Vec;
use core::ops::Range;

use super::header::{Field, Fields};

/// The name of a field that is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Known {
    Date,
    Subject,
    From,
    Sender,
    ReplyTo,
    To,
    Cc,
    Bcc,
    InReplyTo,
    MessageId,
    ContentType,
    TransferEncoding,
    ContentId,
    Description,
    Md5,
    Disposition,
    Language,
    Location,
}

impl Known {
    fn of(field: &Field<'_>) -> Option<Self> {
        let known: &[(&str, Self)] = match field.name().len() {
            2 => &[("To", Self::To), ("Cc", Self::Cc)],
            3 => &[("Bcc", Self::Bcc)],
            4 => &[("From", Self::From), ("Date", Self::Date)],
            6 => &[("Sender", Self::Sender)],
            7 => &[("Subject", Self::Subject)],
            8 => &[("Reply-To", Self::ReplyTo)],
            10 => &[
                ("Message-ID", Self::MessageId),
                ("Content-ID", Self::ContentId),
            ],
            11 => &[("In-Reply-To", Self::InReplyTo), ("Content-MD5", Self::Md5)],
            12 => &[("Content-Type", Self::ContentType)],
            16 => &[
                ("Content-Language", Self::Language),
                ("Content-Location", Self::Location),
            ],
            19 => &[
                ("Content-Disposition", Self::Disposition),
                ("Content-Description", Self::Description),
            ],
            25 => &[("Content-Transfer-Encoding", Self::TransferEncoding)],
            _ => &[],
        };
        let found = known.iter().find(|(name, _)| field.is(name));
        found.map(|(_, known)| *known)
    }
}

/// Where the value of a known field is in what is kept of the headers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Place {
    pub(super) name: Known,
    value: Range<u32>,
}

impl Place {
    /// Adds the places of a header that begins at `start`.
    pub(super) fn find_all(header: &[u8], start: usize, places: &mut Vec<Self>) {
        let mut at = start;
        for field in Fields::new(header) {
            at += field.raw().len();
            if let Some(name) = Known::of(&field) {
                let begin = at.saturating_sub(field.raw_value().len());
                let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
                let value = narrow(begin)..narrow(at);
                places.push(Self { name, value });
            }
        }
    }

    /// The value, with its line ends.
    pub(super) fn of<'a>(&self, kept: &'a [u8]) -> &'a [u8] {
        let range = self.value.start as usize..self.value.end as usize;
        kept.get(range).unwrap_or_default()
    }
}
