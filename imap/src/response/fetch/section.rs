//! The section of BODY[...] and BINARY[...] (RFC 9051 §6.4.5.1).

use core::fmt;

use crate::{
    error::{Expected, ParseError},
    limits::SECTION_PARTS,
    response::{
        Tolerances,
        scan::{Parsed, Scan},
    },
    text::Text,
};

/// A section of a message, as it stands between the brackets.
///
/// ```
/// use mailwire_imap::response::{Section, SectionText};
/// let section = Section::of(b"1.2.HEADER.FIELDS (DATE FROM)")?;
/// assert!(section.part().eq([1, 2]));
/// assert_eq!(section.text(), SectionText::HeaderFields);
/// assert_eq!(section.fields().count(), 2);
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Section<'a>(pub(super) &'a [u8]);

/// What of the part is meant.
///
/// ```
/// use mailwire_imap::response::{Section, SectionText};
/// assert_eq!(Section::of(b"2.MIME")?.text(), SectionText::Mime);
/// assert!(Section::of(b"MIME").is_err());
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SectionText {
    /// All of it: the message, or the content of the part.
    Whole,
    /// `HEADER`.
    Header,
    /// `HEADER.FIELDS`.
    HeaderFields,
    /// `HEADER.FIELDS.NOT`.
    HeaderFieldsNot,
    /// `TEXT`.
    Text,
    /// `MIME`.
    Mime,
}

impl<'a> Section<'a> {
    /// Checks what stands between the brackets.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if it is no section.
    pub fn of(wire: &'a [u8]) -> Result<Self, ParseError> {
        let mut scan = Scan::new(wire, Tolerances::NONE);
        read(&mut scan)?;
        scan.end()?;
        Ok(Self(wire))
    }

    /// The octets on the wire.
    #[must_use]
    pub const fn wire(&self) -> &'a [u8] {
        self.0
    }

    /// The part; nothing for the message itself.
    pub fn part(&self) -> impl Iterator<Item = u32> + 'a {
        let mut scan = Scan::again(self.0);
        core::iter::from_fn(move || {
            let number = scan.number().ok();
            scan.eat(b'.');
            number
        })
    }

    /// What of the part is meant.
    #[must_use]
    pub fn text(&self) -> SectionText {
        let start = self.0.iter().position(u8::is_ascii_alphabetic);
        let mut scan = Scan::again(start.and_then(|at| self.0.get(at..)).unwrap_or_default());
        section_text(&mut scan).unwrap_or(SectionText::Whole)
    }

    /// The names of the header fields.
    pub fn fields(&self) -> impl Iterator<Item = Text<'a>> {
        let list = memchr::memchr(b'(', self.0).and_then(|open| self.0.get(open..));
        let mut scan = Scan::again(list.unwrap_or_default());
        core::iter::from_fn(move || {
            while scan.eat(b'(') || scan.eat(b' ') {}
            let name = scan.astring().ok()?;
            Some(scan.text(name))
        })
    }
}

/// `section` without its brackets.
pub(super) fn read(scan: &mut Scan<'_>) -> Parsed<()> {
    let mut parts = 0;
    while matches!(scan.peek(), Some(b'0'..=b'9')) {
        scan.nz_number()?;
        parts += 1;
        if parts > SECTION_PARTS {
            return scan.fail(Expected::Section);
        }
        if !scan.eat(b'.') {
            return Ok(());
        }
    }
    if parts == 0 && matches!(scan.peek(), None | Some(b']')) {
        return Ok(());
    }
    let text = section_text(scan)?;
    if text == SectionText::Mime && parts == 0 {
        return scan.fail(Expected::Section);
    }
    if matches!(
        text,
        SectionText::HeaderFields | SectionText::HeaderFieldsNot
    ) {
        scan.sp()?;
        scan.open()?;
        loop {
            scan.astring()?;
            if scan.closed() {
                break;
            }
            scan.sp()?;
        }
    }
    Ok(())
}

fn section_text(scan: &mut Scan<'_>) -> Parsed<SectionText> {
    let found = [
        (&b"HEADER"[..], SectionText::Header),
        (b"HEADER.FIELDS", SectionText::HeaderFields),
        (b"HEADER.FIELDS.NOT", SectionText::HeaderFieldsNot),
        (b"TEXT", SectionText::Text),
        (b"MIME", SectionText::Mime),
    ];
    for (name, text) in found {
        if scan.is_word(name) {
            return Ok(text);
        }
    }
    scan.fail(Expected::Section)
}

impl PartialEq for Section<'_> {
    fn eq(&self, other: &Self) -> bool {
        let fields = |name: Text<'_>| name.octets().to_ascii_uppercase();
        self.part().eq(other.part())
            && self.text() == other.text()
            && self.fields().map(fields).eq(other.fields().map(fields))
    }
}

impl Eq for Section<'_> {}

impl fmt::Debug for Section<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}]", self.0.escape_ascii())
    }
}
