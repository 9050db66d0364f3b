//! FLAGS: the flags that there are in a mailbox (RFC 9051 §7.3.5).

use core::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::scan::{Parsed, Scan, Span};
use crate::{
    flag::{Flags, Spaces},
    grammar::{Cursor, is_atom_char},
};

/// A FLAGS response.
///
/// ```
/// use mailwire_imap::{flag::{Flag, Flags}, response::FlagList};
/// let list = FlagList::new(&Flags::from_iter([Flag::Seen, Flag::Draft]));
/// assert_eq!(list.wire(), b"* FLAGS (\\Seen \\Draft)");
/// assert!(list.flags().contains(&Flag::Seen));
/// ```
#[derive(Clone)]
pub struct FlagList {
    pub(super) frame: Bytes,
    flags: Span,
}

/// Goes over a list of flags.
pub(super) fn pass(scan: &mut Scan<'_>) -> Parsed<Span> {
    let start = scan.at();
    scan.open()?;
    let first = scan.at();
    while !scan.closed() {
        if scan.at() != first {
            scan.sp()?;
        }
        let is_system = scan.eat(b'\\');
        if !(is_system && scan.eat(b'*')) {
            scan.run(is_atom_char, crate::error::Expected::Flag)?;
        }
    }
    Ok(scan.since(start))
}

/// The flags of a list that was passed.
pub(super) fn of(frame: &Bytes, span: Span) -> Flags {
    let mut cursor = Cursor::new(frame);
    cursor.seek(span.range().start);
    Flags::parse_spaced(&mut cursor, Spaces::Any).map_or_else(|_| Flags::new(), |(flags, _)| flags)
}

impl FlagList {
    pub(super) fn read(scan: &mut Scan<'_>) -> Parsed<Self> {
        scan.sp()?;
        let flags = pass(scan)?;
        scan.end()?;
        Ok(Self {
            frame: Bytes::new(),
            flags,
        })
    }

    /// A FLAGS response.
    #[must_use]
    pub fn new(flags: &Flags) -> Self {
        let mut wire = BytesMut::with_capacity(64);
        wire.put_slice(b"* FLAGS ");
        let start = wire.len();
        flags.encode(&mut wire);
        Self {
            flags: Span::new(start, wire.len()),
            frame: wire.freeze(),
        }
    }

    /// The flags.
    #[must_use]
    pub fn flags(&self) -> Flags {
        of(&self.frame, self.flags)
    }

    /// The octets on the wire, without the CRLF.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.frame
    }
}

impl PartialEq for FlagList {
    fn eq(&self, other: &Self) -> bool {
        self.flags() == other.flags()
    }
}

impl fmt::Debug for FlagList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FlagList(")?;
        fmt::Display::fmt(&self.flags.of(&self.frame).escape_ascii(), f)?;
        f.write_str(")")
    }
}
