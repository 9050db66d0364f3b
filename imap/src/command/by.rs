//! Numbers or UIDs.

use crate::encode::Encoder;

/// What the numbers of a command and of its results are (RFC 9051 §6.4.9).
///
/// ```
/// use mailwire_imap::command::By;
/// assert_ne!(By::Number, By::Uid);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9051 §2.3.1 has these two")]
pub enum By {
    /// Message sequence numbers.
    Number,
    /// Unique identifiers: the command has `UID` in front.
    Uid,
}

impl By {
    pub(super) fn encode(self, encoder: &mut Encoder) {
        if self == Self::Uid {
            encoder.raw(b"UID ");
        }
    }
}
