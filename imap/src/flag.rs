//! Flags and keywords (RFC 9051 §2.3.2).

use core::fmt;

use bytes::{BufMut, BytesMut};
use mailwire_core::text::Octets;

use crate::{
    error::{Expected, ParseError},
    grammar::{Cursor, is_atom_char},
};

/// A flag of a message.
///
/// ```
/// use mailwire_imap::flag::Flag;
/// assert_eq!(Flag::new(b"\\seen")?, Flag::Seen);
/// assert!(matches!(Flag::new(b"$Forwarded")?, Flag::Keyword(_)));
/// assert!(Flag::new(b"two words").is_err());
/// # Ok::<(), mailwire_imap::flag::InvalidFlag>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Flag {
    /// `\Answered`.
    Answered,
    /// `\Flagged`.
    Flagged,
    /// `\Deleted`.
    Deleted,
    /// `\Seen`.
    Seen,
    /// `\Draft`.
    Draft,
    /// `\Recent`, which only a server sets (RFC 3501 §2.3.2).
    Recent,
    /// `\*` of PERMANENTFLAGS: new keywords can be created.
    Wildcard,
    /// Another flag that begins with a backslash, with it.
    Extension(FlagName),
    /// A keyword.
    Keyword(FlagName),
}

/// The octets of a keyword, or of an extension flag with its backslash: an atom.
///
/// ```
/// use mailwire_imap::flag::{Flag, FlagName};
/// let Flag::Keyword(name) = Flag::new(b"$Junk")? else { unreachable!() };
/// assert_eq!(name.as_bytes(), b"$Junk");
/// # Ok::<(), mailwire_imap::flag::InvalidFlag>(())
/// ```
#[derive(Clone)]
pub struct FlagName(Octets);

impl FlagName {
    /// The octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for FlagName {
    /// Flags are equal in any case.
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for FlagName {}

impl fmt::Debug for FlagName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The octets are no flag: neither an atom nor a backslash and an atom.
///
/// ```
/// use mailwire_imap::flag::Flag;
/// assert_eq!(Flag::new(b"a)").unwrap_err().to_string(), "invalid flag");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("invalid flag")]
#[non_exhaustive]
pub struct InvalidFlag;

const SYSTEM: [(&[u8], Flag); 7] = [
    (b"\\Answered", Flag::Answered),
    (b"\\Flagged", Flag::Flagged),
    (b"\\Deleted", Flag::Deleted),
    (b"\\Seen", Flag::Seen),
    (b"\\Draft", Flag::Draft),
    (b"\\Recent", Flag::Recent),
    (b"\\*", Flag::Wildcard),
];

impl Flag {
    /// A flag by its octets, in any case.
    ///
    /// # Errors
    ///
    /// [`InvalidFlag`] for what is no atom, so that nothing can be written behind it.
    pub fn new(octets: &[u8]) -> Result<Self, InvalidFlag> {
        if let Some((_, flag)) = SYSTEM
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(octets))
        {
            return Ok(flag.clone());
        }
        let name = FlagName(Octets::from(octets));
        let atom = octets.strip_prefix(b"\\");
        let is_atom =
            |octets: &[u8]| !octets.is_empty() && octets.iter().all(|octet| is_atom_char(*octet));
        match atom {
            Some(atom) if is_atom(atom) => Ok(Self::Extension(name)),
            None if is_atom(octets) => Ok(Self::Keyword(name)),
            _ => Err(InvalidFlag),
        }
    }

    /// The octets, backslash included.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Answered => b"\\Answered",
            Self::Flagged => b"\\Flagged",
            Self::Deleted => b"\\Deleted",
            Self::Seen => b"\\Seen",
            Self::Draft => b"\\Draft",
            Self::Recent => b"\\Recent",
            Self::Wildcard => b"\\*",
            Self::Extension(name) | Self::Keyword(name) => name.as_bytes(),
        }
    }

    /// Reads one flag.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let error = cursor.error(Expected::Flag);
        Self::new(token(cursor)).map_err(|_| error)
    }

    const fn bit(&self) -> Option<u8> {
        match self {
            Self::Answered => Some(1),
            Self::Flagged => Some(1 << 1),
            Self::Deleted => Some(1 << 2),
            Self::Seen => Some(1 << 3),
            Self::Draft => Some(1 << 4),
            Self::Recent => Some(1 << 5),
            Self::Wildcard => Some(1 << 6),
            Self::Extension(_) | Self::Keyword(_) => None,
        }
    }
}

impl PartialEq for Flag {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Extension(one) | Self::Keyword(one),
                Self::Extension(two) | Self::Keyword(two),
            ) => one == two,
            _ => self.bit() == other.bit(),
        }
    }
}

impl Eq for Flag {}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_bytes().escape_ascii())
    }
}

/// A list of flags: a bit for each system flag, and the octets of the others as they came.
///
/// ```
/// use mailwire_imap::{flag::{Flag, Flags}, grammar::Cursor};
/// let flags = Flags::parse(&mut Cursor::borrowing(b"(\\Seen $Junk \\Draft)"))?;
/// assert!(flags.contains(&Flag::Draft) && !flags.contains(&Flag::Deleted));
/// assert_eq!(flags.iter().count(), 3);
/// let mut wire = bytes::BytesMut::new();
/// flags.encode(&mut wire);
/// assert_eq!(wire, "(\\Seen \\Draft $Junk)");
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Default)]
pub struct Flags {
    system: u8,
    /// From the first to the last other flag; system flags between them are in `system` too.
    others: Octets,
}

/// Whether spaces that do not belong there are let through.
///
/// ```
/// use mailwire_imap::{flag::{Flags, Spaces}, grammar::Cursor};
/// let mut cursor = Cursor::borrowing(b"(\\Seen )");
/// let (flags, found) = Flags::parse_spaced(&mut cursor, Spaces::Any)?;
/// assert_eq!((flags.iter().count(), found), (1, Spaces::Any));
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Spaces {
    /// Exactly one between two elements.
    Single,
    /// Any number, also before the closing parenthesis (SurgeMail and others).
    Any,
}

impl Flags {
    /// No flags.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            system: 0,
            others: Octets::new(),
        }
    }

    /// Reads a list in parentheses, `()` included.
    ///
    /// # Errors
    ///
    /// There is no such list.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        Self::parse_spaced(cursor, Spaces::Single).map(|(flags, _)| flags)
    }

    /// Reads a list in parentheses, and says whether there were spaces that do not belong there.
    ///
    /// # Errors
    ///
    /// There is no such list.
    pub fn parse_spaced(
        cursor: &mut Cursor<'_>,
        spaces: Spaces,
    ) -> Result<(Self, Spaces), ParseError> {
        cursor.expect(b'(', Expected::List)?;
        let mut seen = Spaces::Single;
        let mut list = Collect::default();
        let mut parted = true;
        loop {
            if cursor.peek() == Some(b' ') {
                let extra = parted || matches!(cursor.rest(), [_, b' ' | b')', ..]);
                if extra && spaces == Spaces::Single {
                    return Err(cursor.error(Expected::Flag));
                }
                if extra {
                    seen = Spaces::Any;
                }
                parted = true;
                cursor.advance(1);
            } else if cursor.eat(b')') {
                return Ok((list.finish(cursor), seen));
            } else if parted {
                list.flag(cursor)?;
                parted = false;
            } else {
                return Err(cursor.error(Expected::Close));
            }
        }
    }

    /// Reads flags without parentheses, parted by spaces (RFC 9051 §6.4.6).
    pub(crate) fn parse_bare(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let mut list = Collect::default();
        loop {
            list.flag(cursor)?;
            if !cursor.eat(b' ') {
                return Ok(list.finish(cursor));
            }
        }
    }

    /// Adds `flag` if it is not there.
    pub fn insert(&mut self, flag: &Flag) {
        if let Some(bit) = flag.bit() {
            self.system |= bit;
        } else if !self.contains(flag) {
            let mut others = BytesMut::with_capacity(self.others.len() + flag.as_bytes().len() + 1);
            others.put_slice(&self.others);
            if !others.is_empty() {
                others.put_u8(b' ');
            }
            others.put_slice(flag.as_bytes());
            self.others = Octets::from(others.freeze());
        }
    }

    /// Whether `flag` is in it.
    #[must_use]
    pub fn contains(&self, flag: &Flag) -> bool {
        match flag.bit() {
            Some(bit) => self.system & bit != 0,
            None => self
                .others()
                .any(|name| name.eq_ignore_ascii_case(flag.as_bytes())),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.system == 0 && self.others.is_empty()
    }

    /// The flags: first those of the system, then the others in their order.
    pub fn iter(&self) -> impl Iterator<Item = Flag> + '_ {
        SYSTEM
            .iter()
            .filter(|(_, flag)| flag.bit().is_some_and(|bit| self.system & bit != 0))
            .map(|(_, flag)| flag.clone())
            .chain(self.others().filter_map(|name| Flag::new(name).ok()))
    }

    /// Writes the list with its parentheses.
    pub fn encode(&self, wire: &mut BytesMut) {
        wire.put_u8(b'(');
        self.put_bare(wire);
        wire.put_u8(b')');
    }

    /// Copies what would pin a larger frame.
    #[must_use]
    pub fn detach(self) -> Self {
        Self {
            system: self.system,
            others: self.others.detach(),
        }
    }

    fn put_bare(&self, wire: &mut BytesMut) {
        let mut parted = true;
        let system = SYSTEM
            .iter()
            .filter(|(_, flag)| flag.bit().is_some_and(|bit| self.system & bit != 0))
            .map(|(name, _)| *name);
        for name in system.chain(self.others()) {
            if !core::mem::take(&mut parted) {
                wire.put_u8(b' ');
            }
            wire.put_slice(name);
        }
    }

    fn others(&self) -> impl Iterator<Item = &[u8]> {
        self.others
            .split(|octet| *octet == b' ')
            .filter(|name| !name.is_empty() && system_bit(name).is_none())
    }
}

/// Where the first and the last flag stand that are not of the system.
#[derive(Default)]
struct Collect {
    system: u8,
    others: Option<(usize, usize)>,
}

impl Collect {
    fn flag(&mut self, cursor: &mut Cursor<'_>) -> Result<(), ParseError> {
        let start = cursor.offset();
        let name = token(cursor);
        if let Some(bit) = system_bit(name) {
            self.system |= bit;
            return Ok(());
        }
        if matches!(name, [] | [b'\\'] | [b'\\', b'*', ..]) {
            return Err(ParseError::new(Expected::Flag, start));
        }
        let first = self.others.map_or(start, |(first, _)| first);
        self.others = Some((first, cursor.offset()));
        Ok(())
    }

    fn finish(self, cursor: &Cursor<'_>) -> Flags {
        let others = self.others.map_or_else(Octets::new, |(first, last)| {
            let mut back = cursor.clone();
            back.seek(last);
            back.since(first)
        });
        Flags {
            system: self.system,
            others,
        }
    }
}

/// A backslash and an atom, an atom, or `\*`.
fn token<'a>(cursor: &mut Cursor<'a>) -> &'a [u8] {
    let start = cursor.offset();
    if cursor.eat(b'\\') && cursor.eat(b'*') {
        return cursor
            .frame()
            .get(start..cursor.offset())
            .unwrap_or_default();
    }
    cursor.take_while(is_atom_char);
    cursor
        .frame()
        .get(start..cursor.offset())
        .unwrap_or_default()
}

fn system_bit(name: &[u8]) -> Option<u8> {
    if name.first() != Some(&b'\\') {
        return None;
    }
    SYSTEM
        .iter()
        .find(|(system, _)| system.eq_ignore_ascii_case(name))
        .and_then(|(_, flag)| flag.bit())
}

impl FromIterator<Flag> for Flags {
    fn from_iter<I: IntoIterator<Item = Flag>>(flags: I) -> Self {
        let mut list = Self::new();
        for flag in flags {
            list.insert(&flag);
        }
        list
    }
}

impl PartialEq for Flags {
    /// Equal where the same flags are in it, keywords in the same order and in any case.
    fn eq(&self, other: &Self) -> bool {
        self.system == other.system
            && self
                .others()
                .map(AsciiCase)
                .eq(other.others().map(AsciiCase))
    }
}

impl Eq for Flags {}

struct AsciiCase<'a>(&'a [u8]);

impl PartialEq for AsciiCase<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(other.0)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut wire = BytesMut::new();
        self.encode(&mut wire);
        write!(f, "{}", wire.escape_ascii())
    }
}
