//! SEARCH and SORT (RFC 3501 §7.2.5, RFC 5256 §4, RFC 7162 §3.1.5).

use core::{fmt, num::NonZeroU32};

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    scan::{Parsed, Scan, Span},
    write,
};
use crate::error::Expected;

/// The numbers of a SEARCH or SORT response, message numbers or UIDs as the command was.
///
/// ```
/// use mailwire_imap::response::Numbers;
/// let found = Numbers::search([2, 5, 6].into_iter().filter_map(std::num::NonZero::new), Some(917));
/// assert_eq!(found.wire(), b"* SEARCH 2 5 6 (MODSEQ 917)");
/// assert_eq!((found.iter().count(), found.mod_seq()), (3, Some(917)));
/// ```
#[derive(Clone)]
pub struct Numbers {
    pub(super) frame: Bytes,
    numbers: Span,
    mod_seq: Option<u64>,
}

impl Numbers {
    pub(super) fn read(scan: &mut Scan<'_>) -> Parsed<Self> {
        let start = scan.at();
        let mut mod_seq = None;
        let mut numbers = scan.since(start);
        while !scan.at_end() {
            scan.sp()?;
            if scan.peek() == Some(b'(') {
                scan.open()?;
                if !scan.is_word(b"MODSEQ") {
                    return scan.fail(Expected::ModSequence);
                }
                scan.sp()?;
                mod_seq = Some(scan.number64()?);
                scan.close()?;
                scan.end()?;
                break;
            }
            scan.nz_number()?;
            numbers = scan.since(start);
        }
        Ok(Self {
            frame: Bytes::new(),
            numbers,
            mod_seq,
        })
    }

    /// A SEARCH response.
    #[must_use]
    pub fn search(numbers: impl IntoIterator<Item = NonZeroU32>, mod_seq: Option<u64>) -> Self {
        Self::written(b"* SEARCH", numbers, mod_seq)
    }

    /// A SORT response.
    #[must_use]
    pub fn sort(numbers: impl IntoIterator<Item = NonZeroU32>, mod_seq: Option<u64>) -> Self {
        Self::written(b"* SORT", numbers, mod_seq)
    }

    fn written(
        head: &[u8],
        numbers: impl IntoIterator<Item = NonZeroU32>,
        mod_seq: Option<u64>,
    ) -> Self {
        let mut wire = BytesMut::with_capacity(64);
        wire.put_slice(head);
        for number in numbers {
            wire.put_u8(b' ');
            write::number(&mut wire, number.get().into());
        }
        let numbers = Span::new(head.len(), wire.len());
        if let Some(mod_seq) = mod_seq {
            wire.put_slice(b" (MODSEQ ");
            write::number(&mut wire, mod_seq);
            wire.put_u8(b')');
        }
        Self {
            frame: wire.freeze(),
            numbers,
            mod_seq,
        }
    }

    /// The numbers, in the server's order.
    pub fn iter(&self) -> impl Iterator<Item = NonZeroU32> {
        let mut scan = Scan::again(self.numbers.of(&self.frame));
        core::iter::from_fn(move || {
            while scan.eat(b' ') {}
            scan.nz_number().ok()
        })
    }

    /// `MODSEQ`: the highest of what was found.
    #[must_use]
    pub const fn mod_seq(&self) -> Option<u64> {
        self.mod_seq
    }

    /// The octets on the wire, without the CRLF.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.frame
    }
}

impl PartialEq for Numbers {
    fn eq(&self, other: &Self) -> bool {
        self.mod_seq == other.mod_seq && self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
