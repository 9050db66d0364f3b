//! VANISHED (RFC 7162 §3.2.10).

use core::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::scan::{Parsed, Scan, Span};
use crate::{grammar::Cursor, sequence::SequenceSet};

/// A VANISHED response: UIDs of messages that are no longer there.
///
/// ```
/// use mailwire_imap::response::Vanished;
/// let vanished = Vanished::earlier(&"41,43:116".parse()?);
/// assert_eq!(vanished.wire(), b"* VANISHED (EARLIER) 41,43:116");
/// assert!(vanished.is_earlier());
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone)]
pub struct Vanished {
    pub(super) frame: Bytes,
    is_earlier: bool,
    uids: Span,
}

impl Vanished {
    pub(super) fn read(scan: &mut Scan<'_>) -> Parsed<Self> {
        scan.sp()?;
        let is_earlier = scan.peek() == Some(b'(');
        if is_earlier {
            scan.open()?;
            if !scan.is_word(b"EARLIER") {
                return scan.fail(crate::error::Expected::Parameter);
            }
            scan.close()?;
            scan.sp()?;
        }
        let uids = scan.set()?;
        scan.end()?;
        Ok(Self {
            frame: Bytes::new(),
            is_earlier,
            uids,
        })
    }

    /// Messages that were expunged just now. `*` and `$` have no meaning in the set.
    #[must_use]
    pub fn now(uids: &SequenceSet) -> Self {
        Self::written(b"* VANISHED ", uids)
    }

    /// Messages that were expunged while the client was away.
    #[must_use]
    pub fn earlier(uids: &SequenceSet) -> Self {
        let vanished = Self::written(b"* VANISHED (EARLIER) ", uids);
        Self {
            is_earlier: true,
            ..vanished
        }
    }

    fn written(head: &[u8], uids: &SequenceSet) -> Self {
        let mut wire = BytesMut::with_capacity(head.len() + uids.as_bytes().len());
        wire.put_slice(head);
        wire.put_slice(uids.as_bytes());
        Self {
            uids: Span::new(head.len(), wire.len()),
            frame: wire.freeze(),
            is_earlier: false,
        }
    }

    /// Whether it answers a FETCH or SELECT; else message numbers have moved up.
    #[must_use]
    pub const fn is_earlier(&self) -> bool {
        self.is_earlier
    }

    /// The UIDs, as ranges.
    #[must_use]
    pub fn uids(&self) -> Option<SequenceSet> {
        SequenceSet::parse(&mut Cursor::borrowing(self.uids.of(&self.frame))).ok()
    }

    /// The octets on the wire, without the CRLF.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.frame
    }
}

impl PartialEq for Vanished {
    fn eq(&self, other: &Self) -> bool {
        self.is_earlier == other.is_earlier && self.uids() == other.uids()
    }
}

impl fmt::Debug for Vanished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vanished")
            .field("is_earlier", &self.is_earlier)
            .field("uids", &self.uids())
            .finish()
    }
}
