//! NAMESPACE (RFC 2342 §5, RFC 9051 §7.3.3).

use core::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    list::{delimiter, put_delimiter},
    scan::{Parsed, Scan, Span},
    write,
};
use crate::text::Text;

/// A NAMESPACE response.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::response::{Response, Tolerances};
/// let frame = Bytes::from_static(br#"* NAMESPACE (("" "/")) NIL (("Public/" "/"))"#);
/// let (Response::Namespace(spaces), _) = Response::parse(frame, Tolerances::NONE)? else {
///     unreachable!()
/// };
/// assert_eq!(spaces.personal().next().unwrap().delimiter(), Some(b'/'));
/// assert_eq!(spaces.other_users().count(), 0);
/// assert_eq!(spaces.shared().next().unwrap().prefix(), "Public/");
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone)]
pub struct Namespaces {
    pub(super) frame: Bytes,
    kinds: [Span; 3],
}

/// One namespace: what names in it begin with, and its hierarchy separator.
///
/// ```
/// use mailwire_imap::{response::{Namespace, Namespaces}, text::Text};
/// let own = Namespace::new(Text::plain(b""), Some(b'/'));
/// assert_eq!(Namespaces::new(&[own], &[], &[]).wire(), br#"* NAMESPACE (("" "/")) NIL NIL"#);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Namespace<'a> {
    prefix: Text<'a>,
    delimiter: Option<u8>,
    extensions: &'a [u8],
}

impl<'a> Namespace<'a> {
    /// A namespace without extensions.
    ///
    /// ```
    /// use mailwire_imap::{response::Namespace, text::Text};
    /// let own = Namespace::new(Text::plain(b""), Some(b'/'));
    /// assert_eq!(own.delimiter(), Some(b'/'));
    /// ```
    #[must_use]
    pub const fn new(prefix: Text<'a>, delimiter: Option<u8>) -> Self {
        Self {
            prefix,
            delimiter,
            extensions: b"",
        }
    }

    fn read(scan: &mut Scan<'a>) -> Parsed<Self> {
        scan.open()?;
        let prefix = scan.string()?;
        scan.sp()?;
        let delimiter = delimiter(scan)?;
        let start = scan.at();
        let mut extensions = scan.since(start);
        while !scan.closed() {
            scan.sp()?;
            scan.value()?;
            extensions = scan.since(start);
        }
        Ok(Self {
            prefix: scan.text(prefix),
            delimiter,
            extensions: scan.slice(extensions).trim_ascii_start(),
        })
    }

    /// What the names in it begin with.
    #[must_use]
    pub const fn prefix(&self) -> Text<'a> {
        self.prefix
    }

    /// Its hierarchy separator.
    #[must_use]
    pub const fn delimiter(&self) -> Option<u8> {
        self.delimiter
    }

    /// Extensions as they stand on the wire.
    #[must_use]
    pub const fn extensions(&self) -> &'a [u8] {
        self.extensions
    }
}

impl Namespaces {
    pub(super) fn read(scan: &mut Scan<'_>) -> Parsed<Self> {
        let mut kinds = [Span::default(); 3];
        for kind in &mut kinds {
            scan.sp()?;
            let start = scan.at();
            if !scan.is_nil() {
                scan.open()?;
                loop {
                    Namespace::read(scan)?;
                    if scan.closed() {
                        break;
                    }
                }
            }
            *kind = scan.since(start);
        }
        scan.end()?;
        Ok(Self {
            frame: Bytes::new(),
            kinds,
        })
    }

    /// A NAMESPACE response.
    #[must_use]
    pub fn new(
        personal: &[Namespace<'_>],
        other_users: &[Namespace<'_>],
        shared: &[Namespace<'_>],
    ) -> Self {
        let mut wire = BytesMut::with_capacity(96);
        wire.put_slice(b"* NAMESPACE");
        let kinds = [personal, other_users, shared].map(|kind| {
            wire.put_u8(b' ');
            let start = wire.len();
            if kind.is_empty() {
                wire.put_slice(b"NIL");
            } else {
                wire.put_u8(b'(');
                for space in kind {
                    wire.put_u8(b'(');
                    write::string(&mut wire, &space.prefix.octets());
                    wire.put_u8(b' ');
                    put_delimiter(&mut wire, space.delimiter);
                    if !space.extensions.is_empty() {
                        wire.put_u8(b' ');
                        wire.put_slice(space.extensions);
                    }
                    wire.put_u8(b')');
                }
                wire.put_u8(b')');
            }
            Span::new(start, wire.len())
        });
        Self {
            frame: wire.freeze(),
            kinds,
        }
    }

    fn kind(&self, kind: usize) -> impl Iterator<Item = Namespace<'_>> {
        let span = self.kinds.get(kind).copied().unwrap_or_default();
        let mut scan = Scan::again(span.of(&self.frame));
        let is_list = scan.eat(b'(');
        core::iter::from_fn(move || {
            if !is_list {
                return None;
            }
            while scan.eat(b' ') {}
            Namespace::read(&mut scan).ok()
        })
    }

    /// The user's own.
    pub fn personal(&self) -> impl Iterator<Item = Namespace<'_>> {
        self.kind(0)
    }

    /// Those of other users.
    pub fn other_users(&self) -> impl Iterator<Item = Namespace<'_>> {
        self.kind(1)
    }

    /// Those that are shared.
    pub fn shared(&self) -> impl Iterator<Item = Namespace<'_>> {
        self.kind(2)
    }

    /// The octets on the wire, without the CRLF.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.frame
    }
}

impl PartialEq for Namespaces {
    fn eq(&self, other: &Self) -> bool {
        (0..self.kinds.len()).all(|kind| self.kind(kind).eq(other.kind(kind)))
    }
}

impl fmt::Debug for Namespaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = f.debug_list();
        for kind in 0..self.kinds.len() {
            all.entries(self.kind(kind));
        }
        all.finish()
    }
}
