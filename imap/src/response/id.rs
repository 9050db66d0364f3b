//! ID (RFC 2971 §3.2).

use core::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    scan::{Parsed, Scan, Span},
    write,
};
use crate::text::Text;

/// An ID response: what the server says that it is. It is for statistics and logs; no decision
/// belongs on it.
///
/// ```
/// use mailwire_imap::response::ServerId;
/// let id = ServerId::new([(&b"name"[..], Some(&b"mailwire"[..])), (b"os", None)]);
/// assert_eq!(id.wire(), br#"* ID ("name" "mailwire" "os" NIL)"#);
/// assert_eq!(id.field("Name").unwrap(), "mailwire");
/// ```
#[derive(Clone)]
pub struct ServerId {
    pub(super) frame: Bytes,
    fields: Span,
}

impl ServerId {
    pub(super) fn read(scan: &mut Scan<'_>) -> Parsed<Self> {
        scan.sp()?;
        let start = scan.at();
        if !scan.is_nil() {
            scan.open()?;
            let first = scan.at();
            while !scan.closed() {
                if scan.at() != first {
                    scan.sp()?;
                }
                scan.string()?;
                scan.sp()?;
                scan.nstring()?;
            }
        }
        let fields = scan.since(start);
        scan.end()?;
        Ok(Self {
            frame: Bytes::new(),
            fields,
        })
    }

    /// An ID response; without fields it says NIL.
    #[must_use]
    pub fn new<'f>(fields: impl IntoIterator<Item = (&'f [u8], Option<&'f [u8]>)>) -> Self {
        let mut wire = BytesMut::with_capacity(64);
        wire.put_slice(b"* ID ");
        let start = wire.len();
        for (name, value) in fields {
            wire.put_u8(if wire.len() == start { b'(' } else { b' ' });
            write::string(&mut wire, name);
            wire.put_u8(b' ');
            write::nstring(&mut wire, value);
        }
        wire.put_slice(if wire.len() == start { b"NIL" } else { b")" });
        Self {
            fields: Span::new(start, wire.len()),
            frame: wire.freeze(),
        }
    }

    /// The fields and their values.
    pub fn fields(&self) -> impl Iterator<Item = (Text<'_>, Option<Text<'_>>)> {
        let mut scan = Scan::again(self.fields.of(&self.frame));
        scan.eat(b'(');
        core::iter::from_fn(move || {
            while scan.eat(b' ') {}
            let name = scan.string().ok()?;
            scan.sp().ok()?;
            let value = scan.nstring().ok()?;
            Some((scan.text(name), scan.ntext(value)))
        })
    }

    /// The value of the first field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<Text<'_>> {
        self.fields()
            .find(|(here, _)| here.eq_ignore_ascii_case(name.as_bytes()))
            .and_then(|(_, value)| value)
    }

    /// The octets on the wire, without the CRLF.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.frame
    }
}

impl PartialEq for ServerId {
    fn eq(&self, other: &Self) -> bool {
        self.fields().eq(other.fields())
    }
}

impl fmt::Debug for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.fields()).finish()
    }
}
