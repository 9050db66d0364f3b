//! Writing values so that nothing in them can end them (RFC 9051 §4.3, RFC 7888).
//!
//! Whether octets become an atom, a quoted string or a literal follows from the octets alone. A
//! client's literal may have to wait for the server's continuation request, so what
//! [`Encoder`] makes is handed out in fragments.

use alloc::vec::Vec;

use bytes::{BufMut, Bytes, BytesMut};
use zeroize::Zeroize;

use crate::{
    grammar::{is_astring_char, is_list_char},
    limits,
};

/// What a client may send without waiting, as the server's capabilities say in the present state of
/// security. STARTTLS makes it forget them, and so must the client.
///
/// ```
/// use mailwire_imap::encode::Literals;
/// assert_eq!(Literals::default(), Literals::Synchronizing);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7888 has no others")]
pub enum Literals {
    /// Every literal waits for the continuation request.
    #[default]
    Synchronizing,
    /// LITERAL-, and IMAP4rev2: up to 4,096 octets need not wait.
    Minus,
    /// LITERAL+: none needs to wait.
    Plus,
}

impl Literals {
    const fn waits(self, len: u64) -> bool {
        match self {
            Self::Synchronizing => true,
            Self::Minus => len > limits::LITERAL_MINUS,
            Self::Plus => false,
        }
    }
}

/// A value cannot be written: it holds what its place in a command cannot hold.
///
/// ```
/// use mailwire_imap::encode::{Encoder, Literals};
/// let mut encoder = Encoder::new(Literals::Plus);
/// encoder.astring(b"\0");
/// assert!(encoder.finish().is_err());
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an argument holds NUL or is no atom where one is needed")]
#[non_exhaustive]
pub struct Unencodable;

/// A command that is being written.
///
/// ```
/// use mailwire_imap::encode::{Encoder, Literals};
/// let mut encoder = Encoder::new(Literals::Synchronizing);
/// encoder.raw(b"a1 CREATE ");
/// encoder.astring(b"x\r\na2 LOGOUT");
/// encoder.raw(b"\r\n");
/// let mut fragments = encoder.finish()?;
/// assert_eq!(fragments.next().unwrap(), &b"a1 CREATE {12}\r\n"[..]);
/// // Here the client waits for `+`.
/// assert_eq!(fragments.next().unwrap(), &b"x\r\na2 LOGOUT\r\n"[..]);
/// assert_eq!(fragments.next(), None);
/// # Ok::<(), mailwire_imap::encode::Unencodable>(())
/// ```
pub struct Encoder {
    wire: BytesMut,
    literals: Literals,
    /// Where the writer has to wait for a continuation request.
    waits: Vec<usize>,
    error: Option<Unencodable>,
}

impl Encoder {
    /// An empty one.
    #[must_use]
    pub fn new(literals: Literals) -> Self {
        Self {
            wire: BytesMut::new(),
            literals,
            waits: Vec::new(),
            error: None,
        }
    }

    /// Octets of the protocol. What a caller was given goes through the other methods.
    pub fn raw(&mut self, octets: &[u8]) {
        self.wire.put_slice(octets);
    }

    /// A number.
    pub fn number(&mut self, number: u64) {
        put_number(&mut self.wire, number);
    }

    /// An astring: an atom, a quoted string or a literal, whichever the octets allow first.
    pub fn astring(&mut self, octets: &[u8]) {
        if is_bare(octets, is_astring_char) {
            self.raw(octets);
        } else {
            self.string(octets);
        }
    }

    /// A pattern of LIST, where wildcards need no quotes.
    pub fn list_mailbox(&mut self, octets: &[u8]) {
        if is_bare(octets, is_list_char) {
            self.raw(octets);
        } else {
            self.string(octets);
        }
    }

    /// A string: quoted, or a literal.
    pub fn string(&mut self, octets: &[u8]) {
        match Form::of(octets) {
            Form::Quoted => put_quoted(&mut self.wire, octets),
            Form::Literal => {
                self.announce(LiteralKind::Plain, octets.len() as u64);
                self.raw(octets);
            }
            Form::Literal8 => self.error = Some(Unencodable),
        }
    }

    /// A quoted string where nothing else may stand; what cannot be quoted spoils the command.
    pub(crate) fn quoted(&mut self, octets: &[u8]) {
        if Form::of(octets) != Form::Quoted {
            self.refuse();
        }
        put_quoted(&mut self.wire, octets);
    }

    /// A string, or NIL.
    pub fn nstring(&mut self, octets: Option<&[u8]>) {
        match octets {
            None => self.raw(b"NIL"),
            Some(octets) => self.string(octets),
        }
    }

    /// An atom; what is none spoils the command instead of being sent.
    pub fn atom(&mut self, octets: &[u8]) {
        if octets.is_empty() || !octets.iter().all(|octet| is_astring_char(*octet)) {
            self.error = Some(Unencodable);
        }
        self.raw(octets);
    }

    /// Announces a literal of `len` octets that somebody else writes behind it.
    pub fn announce(&mut self, kind: LiteralKind, len: u64) {
        let waits = self.literals.waits(len);
        if kind == LiteralKind::Binary {
            self.raw(b"~");
        }
        self.raw(b"{");
        self.number(len);
        self.raw(if waits { b"}\r\n" } else { b"+}\r\n" });
        if waits {
            self.waits.push(self.wire.len());
        }
    }

    /// The buffer, for values that write themselves and need no literal.
    pub(crate) const fn wire(&mut self) -> &mut BytesMut {
        &mut self.wire
    }

    pub(crate) const fn refuse(&mut self) {
        self.error = Some(Unencodable);
    }

    /// What was written.
    ///
    /// # Errors
    ///
    /// [`Unencodable`] where a value could not be written; nothing may be sent then.
    pub fn finish(mut self) -> Result<Fragments, Unencodable> {
        if let Some(error) = self.error {
            self.wire.zeroize_all();
            return Err(error);
        }
        Ok(Fragments {
            len: self.wire.len(),
            ends_waiting: self.waits.last() == Some(&self.wire.len()),
            wire: self.wire,
            waits: self.waits.into_iter(),
            taken: 0,
        })
    }
}

impl core::fmt::Debug for Encoder {
    /// Without the octets: there may be a password among them.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Encoder")
            .field("len", &self.wire.len())
            .field("literals", &self.literals)
            .finish_non_exhaustive()
    }
}

trait ZeroizeAll {
    fn zeroize_all(&mut self);
}

impl ZeroizeAll for BytesMut {
    fn zeroize_all(&mut self) {
        self.as_mut().zeroize();
        self.clear();
    }
}

/// Which literal is announced.
///
/// ```
/// use mailwire_imap::encode::LiteralKind;
/// assert_ne!(LiteralKind::Plain, LiteralKind::Binary);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9051 literal and literal8")]
pub enum LiteralKind {
    /// `{n}`, without NUL.
    Plain,
    /// `~{n}`, any octets (RFC 3516 §4.4).
    Binary,
}

/// A command in the pieces that can be sent at once: behind each but the last the client waits for
/// a continuation request.
///
/// ```
/// use mailwire_imap::encode::{Encoder, Literals};
/// let mut encoder = Encoder::new(Literals::Plus);
/// encoder.string(b"\xff");
/// let mut fragments = encoder.finish()?;
/// assert_eq!(fragments.next().unwrap(), &b"{1+}\r\n\xff"[..]);
/// assert!(fragments.is_done());
/// # Ok::<(), mailwire_imap::encode::Unencodable>(())
/// ```
pub struct Fragments {
    wire: BytesMut,
    len: usize,
    taken: usize,
    ends_waiting: bool,
    waits: alloc::vec::IntoIter<usize>,
}

impl Fragments {
    /// Whether the client has to wait behind the last one too: it ends in the announcement of the
    /// message of an APPEND.
    #[must_use]
    pub const fn ends_waiting(&self) -> bool {
        self.ends_waiting
    }

    /// Whether all were handed out.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.wire.is_empty() && self.taken == self.len
    }
}

impl Iterator for Fragments {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.is_done() {
            return None;
        }
        let end = self.waits.next().unwrap_or(self.len);
        let piece = self.wire.split_to(end.saturating_sub(self.taken));
        self.taken = end;
        Some(piece.freeze())
    }
}

impl core::fmt::Debug for Fragments {
    /// Without the octets: there may be a password among them.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Fragments")
            .field("left", &self.wire.len())
            .finish_non_exhaustive()
    }
}

/// The shortest form that can hold octets as a string.
///
/// ```
/// use mailwire_imap::encode::Form;
/// assert_eq!(Form::of(b"two words"), Form::Quoted);
/// assert_eq!(Form::of(b"two\r\nlines"), Form::Literal);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Form {
    /// A quoted string: up to a line of printable ASCII.
    Quoted,
    /// A literal: there are controls or 8-bit octets, or it is long.
    Literal,
    /// A literal8: there is NUL.
    Literal8,
}

impl Form {
    /// Above this a literal is shorter to read over and no line grows too long.
    pub(crate) const QUOTED_MAX: usize = 1_000;

    /// The form for `octets`.
    #[must_use]
    pub fn of(octets: &[u8]) -> Self {
        if octets.contains(&0) {
            Self::Literal8
        } else if octets.len() <= Self::QUOTED_MAX
            && octets
                .iter()
                .all(|octet| matches!(octet, b'\t' | b' '..=b'~'))
        {
            Self::Quoted
        } else {
            Self::Literal
        }
    }
}

fn is_bare(octets: &[u8], class: impl Fn(u8) -> bool) -> bool {
    !octets.is_empty()
        && octets.iter().all(|octet| class(*octet))
        && !octets.eq_ignore_ascii_case(b"NIL")
}

/// Writes a number in decimal.
///
/// ```
/// let mut wire = bytes::BytesMut::new();
/// mailwire_imap::encode::put_number(&mut wire, 4_294_967_296);
/// assert_eq!(wire, "4294967296");
/// ```
pub fn put_number(wire: &mut BytesMut, number: u64) {
    let mut digits = [0; 20];
    let mut rest = number;
    let mut start = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        start -= 1;
        if rest == 0 {
            break;
        }
    }
    wire.put_slice(digits.get(start..).unwrap_or_default());
}

/// Writes a quoted string. The octets are such that [`Form::of`] says quoted.
pub fn put_quoted(wire: &mut BytesMut, octets: &[u8]) {
    wire.reserve(octets.len() + 2);
    wire.put_u8(b'"');
    let mut rest = octets;
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
        let (plain, special) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        wire.put_slice(plain);
        wire.put_u8(b'\\');
        wire.put_slice(special.get(..1).unwrap_or_default());
        rest = special.get(1..).unwrap_or_default();
    }
    wire.put_slice(rest);
    wire.put_u8(b'"');
}

/// Writes a server's string: quoted, a literal, or a literal8 where there is NUL. A server's
/// literal never waits (RFC 9051 §4.3).
///
/// ```
/// let mut wire = bytes::BytesMut::new();
/// mailwire_imap::encode::put_string(&mut wire, b"a\r\nb");
/// assert_eq!(wire, "{4}\r\na\r\nb");
/// ```
pub fn put_string(wire: &mut BytesMut, octets: &[u8]) {
    match Form::of(octets) {
        Form::Quoted => put_quoted(wire, octets),
        form => {
            wire.put_slice(if form == Form::Literal8 { b"~{" } else { b"{" });
            put_number(wire, octets.len() as u64);
            wire.put_slice(b"}\r\n");
            wire.put_slice(octets);
        }
    }
}

/// Writes a server's string, or NIL.
pub fn put_nstring(wire: &mut BytesMut, octets: Option<&[u8]>) {
    match octets {
        None => wire.put_slice(b"NIL"),
        Some(octets) => put_string(wire, octets),
    }
}

/// Writes a server's astring: an atom where the octets allow it.
///
/// ```
/// let mut wire = bytes::BytesMut::new();
/// mailwire_imap::encode::put_astring(&mut wire, b"INBOX");
/// mailwire_imap::encode::put_astring(&mut wire, b"NIL");
/// assert_eq!(wire, "INBOX\"NIL\"");
/// ```
pub fn put_astring(wire: &mut BytesMut, octets: &[u8]) {
    if is_bare(octets, is_astring_char) {
        wire.put_slice(octets);
    } else {
        put_string(wire, octets);
    }
}
