//! Untagged responses without a type of their own, kept as they are.

use core::fmt;

use bytes::Bytes;
use mailwire_core::text::Sanitized;

/// An untagged response of a kind that is not known here.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::response::{Response, Tolerances};
/// let frame = Bytes::from_static(b"* QUOTAROOT INBOX \"\"");
/// let (Response::Unknown(unknown), _) = Response::parse(frame, Tolerances::NONE)? else {
///     unreachable!()
/// };
/// assert_eq!(unknown.keyword(), b"QUOTAROOT");
/// assert_eq!(unknown.wire(), b"* QUOTAROOT INBOX \"\"");
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone)]
pub struct Unknown {
    pub(super) frame: Bytes,
}

impl Unknown {
    /// The word that says what it is, behind the number if it begins with one.
    #[must_use]
    pub fn keyword(&self) -> &[u8] {
        let mut words = self
            .frame
            .split(|octet| *octet == b' ')
            .skip(1)
            .filter(|word| !word.is_empty());
        let first = words.next().unwrap_or_default();
        if first.iter().all(u8::is_ascii_digit) {
            return words.next().unwrap_or(first);
        }
        first
    }

    /// The octets on the wire, without the CRLF.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.frame
    }
}

impl PartialEq for Unknown {
    fn eq(&self, other: &Self) -> bool {
        self.frame == other.frame
    }
}

impl fmt::Debug for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unknown({})", Sanitized(&self.frame))
    }
}
