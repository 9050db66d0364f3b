//! LIST and LSUB (RFC 9051 §7.3.1, RFC 3501 §7.2.3, RFC 6154, RFC 5258).

use core::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    Tolerance,
    scan::{Parsed, Scan, Span},
    write,
};
use crate::{
    error::Expected,
    grammar::is_atom_char,
    mailbox::{InvalidMailbox, Mailbox},
    text::Text,
};

macro_rules! attributes {
    ($($name:literal $variant:ident $doc:literal,)+) => {
        /// An attribute of a mailbox in a LIST response.
        ///
        /// ```
        /// use mailwire_imap::response::ListAttribute;
        /// assert_eq!(ListAttribute::of(b"\\noselect"), ListAttribute::NoSelect);
        /// assert!(matches!(ListAttribute::of(b"\\Work"), ListAttribute::Unknown(_)));
        /// ```
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum ListAttribute<'a> {
            $(#[doc = $doc] $variant,)+
            /// Any other one, with its backslash.
            Unknown(Text<'a>),
        }

        impl<'a> ListAttribute<'a> {
            /// The attribute of that name, in whatever case.
            #[must_use]
            pub fn of(name: &'a [u8]) -> Self {
                $(
                    if name.len() == $name.len() && name.eq_ignore_ascii_case($name) {
                        return Self::$variant;
                    }
                )+
                Self::Unknown(Text::plain(name))
            }

            /// Its name.
            #[must_use]
            pub const fn name(&self) -> &'a [u8] {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Unknown(name) => name.raw(),
                }
            }
        }
    };
}

attributes! {
    b"\\All" All "`\\All`, RFC 6154.",
    b"\\Archive" Archive "`\\Archive`, RFC 6154.",
    b"\\Drafts" Drafts "`\\Drafts`, RFC 6154.",
    b"\\Flagged" Flagged "`\\Flagged`, RFC 6154.",
    b"\\HasChildren" HasChildren "`\\HasChildren`, RFC 3348.",
    b"\\HasNoChildren" HasNoChildren "`\\HasNoChildren`, RFC 3348.",
    b"\\Important" Important "`\\Important`, RFC 8457.",
    b"\\Junk" Junk "`\\Junk`, RFC 6154.",
    b"\\Marked" Marked "`\\Marked`.",
    b"\\NoInferiors" NoInferiors "`\\NoInferiors`.",
    b"\\NonExistent" NonExistent "`\\NonExistent`, RFC 5258.",
    b"\\NoSelect" NoSelect "`\\Noselect`.",
    b"\\Remote" Remote "`\\Remote`, RFC 5258.",
    b"\\Sent" Sent "`\\Sent`, RFC 6154.",
    b"\\Subscribed" Subscribed "`\\Subscribed`, RFC 5258.",
    b"\\Trash" Trash "`\\Trash`, RFC 6154.",
    b"\\Unmarked" Unmarked "`\\Unmarked`.",
}

/// A LIST or LSUB response: one mailbox.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::response::{ListAttribute, Response, Tolerances};
/// let frame = Bytes::from_static(br#"* LIST (\HasNoChildren \Sent) "/" "Sent Items""#);
/// let (Response::List(list), _) = Response::parse(frame, Tolerances::NONE)? else { unreachable!() };
/// assert_eq!(list.name(), "Sent Items");
/// assert_eq!(list.delimiter(), Some(b'/'));
/// assert!(list.attributes().any(|attribute| attribute == ListAttribute::Sent));
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone)]
pub struct List {
    pub(super) frame: Bytes,
    attributes: Span,
    delimiter: Option<u8>,
    name: Span,
    extended: Span,
}

impl List {
    pub(super) fn read(scan: &mut Scan<'_>) -> Parsed<Self> {
        scan.sp()?;
        scan.open()?;
        let start = scan.at();
        let mut attributes = scan.since(start);
        while !scan.closed() {
            if scan.at() != start {
                scan.sp()?;
            }
            scan.eat(b'\\');
            scan.run(is_atom_char, Expected::Flag)?;
            attributes = scan.since(start);
        }
        scan.sp()?;
        let delimiter = delimiter(scan)?;
        scan.sp()?;
        let name = scan.mailbox()?;
        let mut extended = Span::default();
        if scan.peek() == Some(b' ') && !scan.at_end() {
            scan.sp()?;
            let start = scan.at();
            pairs(scan)?;
            extended = scan.since(start);
        }
        scan.end()?;
        Ok(Self {
            frame: Bytes::new(),
            attributes,
            delimiter,
            name,
            extended,
        })
    }

    /// A LIST response.
    #[must_use]
    pub fn new(
        attributes: &[ListAttribute<'_>],
        delimiter: Option<u8>,
        name: &Mailbox,
        extended: &[ListExtended<'_>],
    ) -> Self {
        Self::written(b"* LIST (", attributes, delimiter, name, extended)
    }

    /// An LSUB response.
    #[must_use]
    pub fn lsub(attributes: &[ListAttribute<'_>], delimiter: Option<u8>, name: &Mailbox) -> Self {
        Self::written(b"* LSUB (", attributes, delimiter, name, &[])
    }

    fn written(
        head: &[u8],
        attributes: &[ListAttribute<'_>],
        delimiter: Option<u8>,
        name: &Mailbox,
        extended: &[ListExtended<'_>],
    ) -> Self {
        let mut wire = BytesMut::with_capacity(96);
        wire.put_slice(head);
        let start = wire.len();
        for attribute in attributes {
            if wire.len() > start {
                wire.put_u8(b' ');
            }
            wire.put_slice(attribute.name());
        }
        let attributes = Span::new(start, wire.len());
        wire.put_slice(b") ");
        put_delimiter(&mut wire, delimiter);
        wire.put_u8(b' ');
        let start = wire.len();
        write::astring(&mut wire, name.as_bytes());
        let name = Span::new(start, wire.len());
        let mut span = Span::default();
        if !extended.is_empty() {
            wire.put_u8(b' ');
            let start = wire.len();
            let mut front = b'(';
            for item in extended {
                wire.put_u8(front);
                item.encode(&mut wire);
                front = b' ';
            }
            wire.put_u8(b')');
            span = Span::new(start, wire.len());
        }
        Self {
            frame: wire.freeze(),
            attributes,
            delimiter,
            name,
            extended: span,
        }
    }

    /// The attributes.
    pub fn attributes(&self) -> impl Iterator<Item = ListAttribute<'_>> {
        let octets = self.attributes.of(&self.frame);
        octets
            .split(|octet| *octet == b' ')
            .filter(|name| !name.is_empty())
            .map(ListAttribute::of)
    }

    /// Whether it has this attribute.
    #[must_use]
    pub fn has(&self, attribute: ListAttribute<'_>) -> bool {
        self.attributes().any(|here| here == attribute)
    }

    /// The hierarchy separator; none in a flat namespace.
    #[must_use]
    pub const fn delimiter(&self) -> Option<u8> {
        self.delimiter
    }

    /// The name as the server sent it.
    #[must_use]
    pub fn name(&self) -> Text<'_> {
        Text::of_wire(self.name.of(&self.frame))
    }

    /// The name to be used in commands: what a server lists can be selected, also if it is no
    /// valid modified UTF-7.
    ///
    /// # Errors
    ///
    /// [`InvalidMailbox`] if it holds NUL, CR or LF.
    pub fn mailbox(&self) -> Result<Mailbox, InvalidMailbox> {
        Mailbox::new(&self.name().octets())
    }

    /// The extended items (RFC 5258 §6).
    pub fn extended(&self) -> impl Iterator<Item = ListExtended<'_>> {
        let mut scan = Scan::again(self.extended.of(&self.frame));
        scan.eat(b'(');
        core::iter::from_fn(move || {
            while scan.eat(b' ') {}
            let tag = scan.astring().ok()?;
            scan.sp().ok()?;
            let start = scan.at();
            scan.pass().ok()?;
            let value = scan.slice(scan.since(start));
            Some(ListExtended::of(scan.text(tag), value))
        })
    }

    /// The octets on the wire, without the CRLF.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.frame
    }
}

/// The hierarchy separator: one quoted character or NIL.
pub(super) fn delimiter(scan: &mut Scan<'_>) -> Parsed<Option<u8>> {
    if scan.is_nil() {
        return Ok(None);
    }
    let start = scan.at();
    let span = scan.string()?;
    match *scan.text(span).octets() {
        [one] => Ok(Some(one)),
        [] if scan.tolerates(Tolerance::EmptyDelimiter) => Ok(None),
        _ => {
            scan.back_to(start);
            scan.fail(Expected::Quoted)
        }
    }
}

pub(super) fn put_delimiter(wire: &mut BytesMut, delimiter: Option<u8>) {
    match delimiter {
        None => wire.put_slice(b"NIL"),
        Some(delimiter) => write::string(wire, &[delimiter]),
    }
}

/// `"(" tag SP value *(SP tag SP value) ")"`, or an empty list.
fn pairs(scan: &mut Scan<'_>) -> Parsed<()> {
    scan.open()?;
    let start = scan.at();
    while !scan.closed() {
        if scan.at() != start {
            scan.sp()?;
        }
        scan.astring()?;
        scan.sp()?;
        scan.value()?;
    }
    Ok(())
}

impl PartialEq for List {
    fn eq(&self, other: &Self) -> bool {
        self.attributes().eq(other.attributes())
            && self.delimiter == other.delimiter
            && self.name() == other.name()
            && self.extended().eq(other.extended())
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List")
            .field(
                "attributes",
                &self.attributes.of(&self.frame).escape_ascii(),
            )
            .field("delimiter", &self.delimiter)
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

/// An extended item of a LIST response.
///
/// ```
/// use mailwire_imap::{mailbox::Mailbox, response::{List, ListExtended}, text::Text};
/// let extended = [ListExtended::OldName(Text::plain(b"old name"))];
/// let list = List::new(&[], Some(b'/'), &Mailbox::new(b"new")?, &extended);
/// assert_eq!(list.wire(), br#"* LIST () "/" new ("OLDNAME" ("old name"))"#);
/// assert!(list.extended().eq(extended));
/// # Ok::<(), mailwire_imap::mailbox::InvalidMailbox>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ListExtended<'a> {
    /// `CHILDINFO`, RFC 5258 §3.5: the selection options that a child matches.
    ChildInfo(ChildInfo<'a>),
    /// `OLDNAME`, RFC 9051 §6.3.9.7.
    OldName(Text<'a>),
    /// Any other one.
    Unknown {
        /// Its tag.
        tag: Text<'a>,
        /// Its value as it stands on the wire.
        value: &'a [u8],
    },
}

impl<'a> ListExtended<'a> {
    fn of(tag: Text<'a>, value: &'a [u8]) -> Self {
        let mut scan = Scan::again(value);
        if tag.eq_ignore_ascii_case(b"CHILDINFO") && scan.eat(b'(') {
            return Self::ChildInfo(ChildInfo(value));
        }
        if tag.eq_ignore_ascii_case(b"OLDNAME")
            && scan.open().is_ok()
            && let Ok(name) = scan.mailbox()
        {
            return Self::OldName(scan.text(name));
        }
        Self::Unknown { tag, value }
    }

    fn encode(&self, wire: &mut BytesMut) {
        match self {
            Self::ChildInfo(info) => {
                wire.put_slice(b"\"CHILDINFO\" ");
                wire.put_slice(info.0);
            }
            Self::OldName(name) => {
                wire.put_slice(b"\"OLDNAME\" (");
                write::astring(wire, &name.octets());
                wire.put_u8(b')');
            }
            Self::Unknown { tag, value } => {
                write::astring(wire, &tag.octets());
                wire.put_u8(b' ');
                // Only one value, so that it cannot end the list.
                let mut scan = Scan::again(value);
                let one = scan.value().is_ok_and(|_| scan.rest().is_empty());
                wire.put_slice(if one { value } else { b"()" });
            }
        }
    }
}

/// The selection options of CHILDINFO.
///
/// ```
/// use mailwire_imap::response::ChildInfo;
/// assert_eq!(ChildInfo::SUBSCRIBED.options().next().unwrap(), "SUBSCRIBED");
/// ```
#[derive(Clone, Copy)]
pub struct ChildInfo<'a>(&'a [u8]);

impl<'a> ChildInfo<'a> {
    /// A child is subscribed to.
    pub const SUBSCRIBED: ChildInfo<'static> = ChildInfo(b"(\"SUBSCRIBED\")");
    /// A child has a special use, RFC 6154.
    pub const SPECIAL_USE: ChildInfo<'static> = ChildInfo(b"(\"SPECIAL-USE\")");
    /// A child is subscribed to and has a special use.
    pub const SUBSCRIBED_SPECIAL_USE: ChildInfo<'static> =
        ChildInfo(b"(\"SUBSCRIBED\" \"SPECIAL-USE\")");

    /// Each of them.
    pub fn options(self) -> impl Iterator<Item = Text<'a>> {
        let mut scan = Scan::again(self.0);
        core::iter::from_fn(move || {
            while scan.eat(b'(') || scan.eat(b' ') {}
            let span = scan.astring().ok()?;
            Some(scan.text(span))
        })
    }
}

impl PartialEq for ChildInfo<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.options().eq(other.options())
    }
}

impl fmt::Debug for ChildInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.options()).finish()
    }
}
