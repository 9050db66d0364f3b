//! One part of a body structure as a view.

use core::fmt;

use super::{
    read::{self, Body},
    walk::Children,
};
use crate::{
    envelope::Envelope,
    error::Expected,
    response::{
        Tolerances,
        scan::{Parsed, Scan, Span, narrow},
    },
    text::Text,
};

/// What a [`Part`] is, which says what else it has.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::{bodystructure::{BodyStructure, PartKind}, response::Tolerances};
/// let wire = Bytes::from_static(br#"("IMAGE" "PNG" NIL NIL NIL "BASE64" 99)"#);
/// let body = BodyStructure::parse(wire, Tolerances::NONE)?;
/// assert_eq!(body.root().unwrap().kind(), PartKind::Basic);
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum PartKind {
    /// `multipart/*`: it has children.
    Multipart,
    /// `message/rfc822` or `message/global`: it has an envelope, a body and lines.
    Message,
    /// `text/*`: it has lines.
    Text,
    /// Anything else.
    Basic,
}

/// One part of a [`BodyStructure`](super::BodyStructure).
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::{bodystructure::{BodyStructure, PartKind}, response::Tolerances};
/// let wire = Bytes::from_static(br#"("TEXT" "PLAIN" ("CHARSET" "UTF-8") NIL NIL "7BIT" 12 1)"#);
/// let body = BodyStructure::parse(wire, Tolerances::NONE)?;
/// let part = body.root().unwrap();
/// assert_eq!(part.kind(), PartKind::Text);
/// assert!(part.is("text", "plain"));
/// assert_eq!(part.parameter("charset").unwrap(), "UTF-8");
/// assert_eq!((part.octets(), part.lines()), (12, Some(1)));
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Part<'a> {
    wire: &'a [u8],
    kind: PartKind,
    media: Option<Text<'a>>,
    subtype: Option<Text<'a>>,
    parameters: Span,
    id: Option<Text<'a>>,
    description: Option<Text<'a>>,
    encoding: Option<Text<'a>>,
    octets: u64,
    envelope: Span,
    child: u32,
    lines: Option<u64>,
    md5: Option<Text<'a>>,
    disposition: Span,
    languages: Span,
    location: Option<Text<'a>>,
    others: Span,
    end: u32,
}

impl<'a> Part<'a> {
    /// The part whose parenthesis is at `at`. All has been checked, so it is only looked for. The
    /// children of a multipart end at `behind_parts`, if that is known.
    pub(super) fn at(wire: &'a [u8], at: u32, behind_parts: u32) -> Option<Self> {
        let mut part = Self {
            wire,
            kind: PartKind::Multipart,
            media: None,
            subtype: None,
            parameters: Span::default(),
            id: None,
            description: None,
            encoding: None,
            octets: 0,
            envelope: Span::default(),
            child: 0,
            lines: None,
            md5: None,
            disposition: Span::default(),
            languages: Span::default(),
            location: None,
            others: Span::default(),
            end: 0,
        };
        let mut scan = Scan::again_at(wire, at);
        scan.open().ok()?;
        if scan.peek() == Some(b'(') {
            part.child = narrow(scan.at());
            if behind_parts > part.child {
                scan.back_to(behind_parts as usize);
            }
            while read::sibling(&mut scan).ok()? {
                scan.pass_checked().ok()?;
            }
            scan.sp().ok()?;
            part.subtype = scan.checked_ntext();
        } else {
            part.single(&mut scan)?;
        }
        part.extension(&mut scan)?;
        part.end = narrow(scan.at());
        Some(part)
    }

    /// The fields of a part that is no multipart, to the end of its lines.
    fn single(&mut self, scan: &mut Scan<'a>) -> Option<()> {
        self.media = scan.checked_ntext();
        scan.sp().ok()?;
        self.subtype = scan.checked_ntext();
        scan.sp().ok()?;
        self.parameters = scan.checked_value().ok()?;
        scan.sp().ok()?;
        self.id = scan.checked_ntext();
        scan.sp().ok()?;
        self.description = scan.checked_ntext();
        scan.sp().ok()?;
        self.encoding = scan.checked_ntext();
        scan.sp().ok()?;
        self.octets = scan.number64().ok()?;
        let (media, subtype) = (self.media?, self.subtype?);
        let start = scan.at();
        self.kind = match read::before_child(scan, media, subtype).ok()? {
            Body::Text => PartKind::Text,
            Body::Message => PartKind::Message,
            Body::Multipart | Body::Basic => PartKind::Basic,
        };
        match self.kind {
            PartKind::Message => {
                // A space on either side of the envelope.
                self.envelope = Span::new(start + 1, scan.at().saturating_sub(1));
                self.child = narrow(scan.at());
                scan.pass_checked().ok()?;
                self.lines = read::count(scan).ok()?;
            }
            PartKind::Text => self.lines = read::count(scan).ok()?,
            PartKind::Basic | PartKind::Multipart => {}
        }
        Some(())
    }

    /// What BODYSTRUCTURE has and BODY has not, and the closing parenthesis.
    fn extension(&mut self, scan: &mut Scan<'a>) -> Option<()> {
        if scan.closed() {
            return Some(());
        }
        scan.sp().ok()?;
        if self.kind == PartKind::Multipart {
            self.parameters = scan.checked_value().ok()?;
        } else {
            self.md5 = scan.checked_ntext();
        }
        if scan.closed() {
            return Some(());
        }
        scan.sp().ok()?;
        self.disposition = scan.checked_value().ok()?;
        if scan.closed() {
            return Some(());
        }
        scan.sp().ok()?;
        self.languages = scan.checked_value().ok()?;
        if scan.closed() {
            return Some(());
        }
        scan.sp().ok()?;
        self.location = scan.checked_ntext();
        let start = scan.at();
        while !scan.closed() {
            scan.sp().ok()?;
            scan.value().ok()?;
        }
        self.others = Span::new(start, scan.at().saturating_sub(1));
        Some(())
    }

    fn slice(&self, span: Span) -> &'a [u8] {
        self.wire.get(span.range()).unwrap_or_default()
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> PartKind {
        self.kind
    }

    /// The top-level type, `multipart` for a multipart.
    #[must_use]
    pub fn media_type(&self) -> Text<'a> {
        match self.kind {
            PartKind::Multipart => Text::plain(b"multipart"),
            _ => self.media.unwrap_or(Text::plain(b"")),
        }
    }

    /// The subtype.
    #[must_use]
    pub fn subtype(&self) -> Text<'a> {
        self.subtype.unwrap_or(Text::plain(b""))
    }

    /// Whether it is of that type and subtype, in whatever case.
    #[must_use]
    pub fn is(&self, media_type: &str, subtype: &str) -> bool {
        self.media_type()
            .eq_ignore_ascii_case(media_type.as_bytes())
            && self.subtype().eq_ignore_ascii_case(subtype.as_bytes())
    }

    /// The parameters of the type.
    #[must_use]
    pub fn parameters(&self) -> Parameters<'a> {
        Parameters::at(self.wire, self.parameters)
    }

    /// The first parameter of that name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<Text<'a>> {
        self.parameters()
            .find(|(here, _)| here.eq_ignore_ascii_case(name.as_bytes()))
            .and_then(|(_, value)| value)
    }

    /// `body-fld-id`: Content-ID.
    #[must_use]
    pub const fn id(&self) -> Option<Text<'a>> {
        self.id
    }

    /// `body-fld-desc`: Content-Description.
    #[must_use]
    pub const fn description(&self) -> Option<Text<'a>> {
        self.description
    }

    /// `body-fld-enc`: Content-Transfer-Encoding; nothing for a multipart.
    #[must_use]
    pub const fn encoding(&self) -> Option<Text<'a>> {
        self.encoding
    }

    /// `body-fld-octets`: the size in its transfer encoding; 0 for a multipart.
    #[must_use]
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// `body-fld-lines`, for text and messages.
    #[must_use]
    pub const fn lines(&self) -> Option<u64> {
        self.lines
    }

    /// The envelope of a message.
    #[must_use]
    pub fn envelope(&self) -> Option<Envelope> {
        let wire = self.slice(self.envelope);
        if wire.is_empty() {
            return None;
        }
        Envelope::parse(bytes::Bytes::copy_from_slice(wire), Tolerances::ALL).ok()
    }

    /// The parts of a multipart, the one body of a message.
    #[must_use]
    pub const fn children(&self) -> Children<'a> {
        Children::new(self.wire, self.child)
    }

    /// `body-fld-md5`.
    #[must_use]
    pub const fn md5(&self) -> Option<Text<'a>> {
        self.md5
    }

    /// `body-fld-dsp`: Content-Disposition.
    #[must_use]
    pub fn disposition(&self) -> Option<Disposition<'a>> {
        Disposition::at(self.wire, self.disposition)
    }

    /// `body-fld-lang`: Content-Language.
    #[must_use]
    pub fn languages(&self) -> Languages<'a> {
        Languages {
            scan: Scan::again(self.slice(self.languages)),
        }
    }

    /// `body-fld-loc`: Content-Location.
    #[must_use]
    pub const fn location(&self) -> Option<Text<'a>> {
        self.location
    }

    /// `body-extension` of later standards, as it stands on the wire.
    #[must_use]
    pub fn extensions(&self) -> &'a [u8] {
        self.slice(self.others).trim_ascii_start()
    }

    pub(super) const fn child(&self) -> u32 {
        self.child
    }

    pub(super) const fn end(&self) -> u32 {
        self.end
    }
}

/// Equal in everything but the children.
impl PartialEq for Part<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.media_type() == other.media_type()
            && self.subtype() == other.subtype()
            && self.parameters().eq(other.parameters())
            && self.id() == other.id()
            && self.description() == other.description()
            && self.encoding() == other.encoding()
            && self.octets() == other.octets()
            && self.lines == other.lines
            && self.envelope() == other.envelope()
            && self.md5() == other.md5()
            && self.disposition() == other.disposition()
            && self.languages().eq(other.languages())
            && self.location() == other.location()
            && self.extensions() == other.extensions()
    }
}

impl fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("kind", &self.kind)
            .field("media_type", &self.media_type())
            .field("subtype", &self.subtype())
            .field("parameters", &self.parameters())
            .field("encoding", &self.encoding())
            .field("octets", &self.octets())
            .finish_non_exhaustive()
    }
}

/// The reader of a list that has been checked, at its parenthesis; of none, at the end of nothing.
/// It sees the octets behind the list too, since strings end faster in front of more.
fn list_at(wire: &[u8], list: Span) -> Scan<'_> {
    if list.is_empty() {
        return Scan::again(b"");
    }
    Scan::again_at(wire, list.start)
}

/// The parameters of a type or a disposition; a value is missing only where the server sent NIL.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::{bodystructure::BodyStructure, response::Tolerances};
/// let wire = Bytes::from_static(br#"("TEXT" "PLAIN" ("A" "1" "B" "2") NIL NIL "7BIT" 0 0)"#);
/// let body = BodyStructure::parse(wire, Tolerances::NONE)?;
/// assert_eq!(body.root().unwrap().parameters().count(), 2);
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone)]
pub struct Parameters<'a> {
    scan: Scan<'a>,
}

impl<'a> Parameters<'a> {
    fn at(wire: &'a [u8], list: Span) -> Self {
        let mut scan = list_at(wire, list);
        if scan.open().is_err() {
            scan = Scan::again(b")");
        }
        Self { scan }
    }

    fn pair(&mut self) -> Parsed<(Text<'a>, Option<Text<'a>>)> {
        while self.scan.eat(b' ') {}
        if self.scan.peek() == Some(b')') {
            return self.scan.fail(Expected::String);
        }
        let Some(name) = self.scan.checked_ntext() else {
            return self.scan.fail(Expected::String);
        };
        self.scan.sp()?;
        Ok((name, self.scan.checked_ntext()))
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = (Text<'a>, Option<Text<'a>>);

    fn next(&mut self) -> Option<Self::Item> {
        self.pair().ok()
    }
}

impl fmt::Debug for Parameters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.clone()).finish()
    }
}

/// Content-Disposition of a part.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::{bodystructure::BodyStructure, response::Tolerances};
/// let wire = Bytes::from_static(
///     br#"("IMAGE" "PNG" NIL NIL NIL "BASE64" 9 NIL ("ATTACHMENT" ("FILENAME" "a.png")))"#,
/// );
/// let body = BodyStructure::parse(wire, Tolerances::NONE)?;
/// let disposition = body.root().unwrap().disposition().unwrap();
/// assert_eq!(disposition.kind(), "ATTACHMENT");
/// assert_eq!(disposition.parameter("filename").unwrap(), "a.png");
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Disposition<'a> {
    kind: Text<'a>,
    parameters: Parameters<'a>,
}

impl<'a> Disposition<'a> {
    fn at(wire: &'a [u8], value: Span) -> Option<Self> {
        let mut scan = list_at(wire, value);
        let is_bare = scan.open().is_err();
        let kind = scan.checked_ntext()?;
        let parameters = if is_bare {
            Span::default()
        } else {
            scan.sp().ok()?;
            Span::new(scan.at(), value.range().end)
        };
        Some(Self {
            kind,
            parameters: Parameters::at(wire, parameters),
        })
    }

    /// `inline`, `attachment` or another one.
    #[must_use]
    pub const fn kind(&self) -> Text<'a> {
        self.kind
    }

    /// Its parameters.
    #[must_use]
    pub fn parameters(&self) -> Parameters<'a> {
        self.parameters.clone()
    }

    /// The first parameter of that name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<Text<'a>> {
        self.parameters()
            .find(|(here, _)| here.eq_ignore_ascii_case(name.as_bytes()))
            .and_then(|(_, value)| value)
    }
}

impl PartialEq for Disposition<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.parameters().eq(other.parameters())
    }
}

/// The languages of a part.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::{bodystructure::BodyStructure, response::Tolerances};
/// let wire = Bytes::from_static(br#"("A" "B" NIL NIL NIL "7BIT" 0 NIL NIL ("de" "en"))"#);
/// let body = BodyStructure::parse(wire, Tolerances::NONE)?;
/// assert_eq!(body.root().unwrap().languages().count(), 2);
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Languages<'a> {
    scan: Scan<'a>,
}

impl<'a> Iterator for Languages<'a> {
    type Item = Text<'a>;

    fn next(&mut self) -> Option<Text<'a>> {
        while self.scan.eat(b'(') || self.scan.eat(b' ') {}
        self.scan.checked_ntext()
    }
}
