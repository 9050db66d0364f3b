//! Writing a FETCH response; the places of its items are noted on the way.

use core::num::NonZeroU32;

use bytes::{BufMut, BytesMut};

use super::{Entry, Fetch, Index, Kind, Plain, Section, noted};
use crate::{
    bodystructure::{BodyForm, BodyStructure, BodyStructureBuilder, Unbalanced},
    datetime::DateTime,
    envelope::{Envelope, EnvelopeBuilder},
    flag::Flags,
    response::{
        Tolerances,
        scan::{Scan, narrow},
        write,
    },
};

/// Writes a FETCH response, item by item.
///
/// ```
/// use mailwire_imap::response::{Fetch, Section};
/// let fetch = Fetch::builder(std::num::NonZero::new(23).unwrap())
///     .size(44_827)
///     .section(Section::of(b"TEXT")?, Some(0), Some(b"hello"))
///     .build();
/// assert_eq!(fetch.wire(), b"* 23 FETCH (RFC822.SIZE 44827 BODY[TEXT]<0> {5}\r\nhello)");
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
pub struct FetchBuilder {
    wire: BytesMut,
    number: NonZeroU32,
    plain: Plain,
    index: Index,
}

impl FetchBuilder {
    pub(super) fn new(number: NonZeroU32) -> Self {
        Self::within(number, BytesMut::with_capacity(512))
    }

    pub(super) fn within(number: NonZeroU32, mut wire: BytesMut) -> Self {
        wire.clear();
        wire.put_slice(b"* ");
        write::number(&mut wire, number.get().into());
        wire.put_slice(b" FETCH (");
        Self {
            wire,
            number,
            plain: Plain::default(),
            index: Index::default(),
        }
    }

    /// One item: its name, and what writes its value.
    fn item(mut self, kind: Kind, name: &[u8], put: impl FnOnce(&mut BytesMut)) -> Self {
        if self.wire.last() != Some(&b'(') || self.index.len > 0 || self.index.rest > 0 {
            self.wire.put_u8(b' ');
        }
        let start = narrow(self.wire.len());
        self.wire.put_slice(name);
        self.wire.put_u8(b' ');
        let value = narrow(self.wire.len());
        put(&mut self.wire);
        self.index.push(&Entry {
            kind,
            name: start,
            value,
            end: narrow(self.wire.len()),
        });
        self
    }

    /// `UID`.
    #[must_use]
    pub fn uid(mut self, uid: NonZeroU32) -> Self {
        self.plain.uid = Some(uid);
        self.item(Kind::Uid, b"UID", |wire| {
            write::number(wire, uid.get().into());
        })
    }

    /// `FLAGS`.
    #[must_use]
    pub fn flags(self, flags: &Flags) -> Self {
        self.item(Kind::Flags, b"FLAGS", |wire| flags.encode(wire))
    }

    /// `INTERNALDATE`.
    #[must_use]
    pub fn internal_date(self, date: DateTime) -> Self {
        self.item(Kind::InternalDate, b"INTERNALDATE", |wire| {
            date.encode(wire)
        })
    }

    /// `RFC822.SIZE`.
    #[must_use]
    pub fn size(mut self, octets: u64) -> Self {
        self.plain.size = Some(octets);
        self.item(Kind::Size, b"RFC822.SIZE", |wire| {
            write::number(wire, octets)
        })
    }

    /// `MODSEQ`.
    #[must_use]
    pub fn mod_seq(mut self, value: u64) -> Self {
        self.plain.mod_seq = Some(value);
        self.item(Kind::ModSeq, b"MODSEQ", |wire| {
            wire.put_u8(b'(');
            write::number(wire, value);
            wire.put_u8(b')');
        })
    }

    /// `ENVELOPE`.
    #[must_use]
    pub fn envelope(self, envelope: &Envelope) -> Self {
        let mut builder = self.item(Kind::Envelope, b"ENVELOPE", |wire| {
            wire.put_slice(envelope.wire());
        });
        let at = narrow(builder.wire.len() - envelope.wire().len());
        if let Some(noted) = noted(at, envelope.starts()) {
            builder.plain.envelope = noted;
        }
        builder
    }

    /// `ENVELOPE`, written in its place instead of being built first.
    ///
    /// ```
    /// use mailwire_imap::{envelope::Envelope, response::Fetch};
    /// let fetch = Fetch::builder(std::num::NonZero::new(1).unwrap())
    ///     .envelope_of(&Envelope::builder().subject(Some(b"hi")))
    ///     .build();
    /// assert_eq!(fetch.envelope().unwrap().subject().unwrap(), "hi");
    /// ```
    #[must_use]
    pub fn envelope_of(self, envelope: &EnvelopeBuilder<'_>) -> Self {
        let mut starts = None;
        let mut builder = self.item(Kind::Envelope, b"ENVELOPE", |wire| {
            starts = noted(narrow(wire.len()), envelope.put(wire));
        });
        if let Some(starts) = starts {
            builder.plain.envelope = starts;
        }
        builder
    }

    /// `BODYSTRUCTURE`, or `BODY` as `form` says, written in its place instead of being built first.
    ///
    /// # Errors
    ///
    /// [`Unbalanced`] if the calls to the builder were not one tree.
    ///
    /// ```
    /// use mailwire_imap::{bodystructure::{BodyForm, PartFields}, response::Fetch};
    /// let fetch = Fetch::builder(std::num::NonZero::new(1).unwrap())
    ///     .body_structure_of(BodyForm::Body, |body| body.part(&PartFields::new(b"IMAGE", b"PNG")))?
    ///     .build();
    /// assert_eq!(fetch.wire(), br#"* 1 FETCH (BODY ("IMAGE" "PNG" NIL NIL NIL "7BIT" 0))"#);
    /// # Ok::<(), mailwire_imap::bodystructure::Unbalanced>(())
    /// ```
    pub fn body_structure_of(
        self,
        form: BodyForm,
        build: impl FnOnce(&mut BodyStructureBuilder),
    ) -> Result<Self, Unbalanced> {
        let (kind, name): (_, &[u8]) = match form {
            BodyForm::Body => (Kind::Body, b"BODY"),
            BodyForm::BodyStructure => (Kind::BodyStructure, b"BODYSTRUCTURE"),
        };
        let mut outcome = Ok(());
        let builder = self.item(kind, name, |wire| {
            let mut body = BodyStructureBuilder::behind(core::mem::take(wire), form);
            build(&mut body);
            (*wire, outcome) = body.into_wire();
        });
        outcome.map(|()| builder)
    }

    /// `BODY`: what was built as [`BodyForm::Body`].
    #[must_use]
    pub fn body(self, body: &BodyStructure) -> Self {
        self.item(Kind::Body, b"BODY", |wire| wire.put_slice(body.wire()))
    }

    /// `BODYSTRUCTURE`.
    #[must_use]
    pub fn body_structure(self, body: &BodyStructure) -> Self {
        self.item(Kind::BodyStructure, b"BODYSTRUCTURE", |wire| {
            wire.put_slice(body.wire());
        })
    }

    /// `BODY[...]`: the content from `origin` on if a part of it was asked for; NIL if the section
    /// does not exist.
    #[must_use]
    pub fn section(
        self,
        section: Section<'_>,
        origin: Option<u64>,
        content: Option<&[u8]>,
    ) -> Self {
        let name = name(b"BODY[", section, origin);
        self.item(Kind::Section, &name, |wire| literal(wire, b"{", content))
    }

    /// `BODY[...]` whose content is sent by itself: see [`Fetch::pieces`].
    #[must_use]
    pub fn streamed_section(self, section: Section<'_>, origin: Option<u64>, octets: u64) -> Self {
        let name = name(b"BODY[", section, origin);
        self.item(Kind::Section, &name, |wire| announce(wire, b"{", octets))
    }

    /// `BINARY[...]`: content with its transfer encoding undone.
    #[must_use]
    pub fn binary(self, section: Section<'_>, origin: Option<u64>, content: Option<&[u8]>) -> Self {
        let name = name(b"BINARY[", section, origin);
        self.item(Kind::Binary, &name, |wire| literal(wire, b"~{", content))
    }

    /// `BINARY[...]` whose content is sent by itself: see [`Fetch::pieces`].
    #[must_use]
    pub fn streamed_binary(self, section: Section<'_>, origin: Option<u64>, octets: u64) -> Self {
        let name = name(b"BINARY[", section, origin);
        self.item(Kind::Binary, &name, |wire| announce(wire, b"~{", octets))
    }

    /// `BINARY.SIZE[...]`.
    #[must_use]
    pub fn binary_size(self, section: Section<'_>, octets: u64) -> Self {
        let name = name(b"BINARY.SIZE[", section, None);
        self.item(Kind::BinarySize, &name, |wire| write::number(wire, octets))
    }

    /// `RFC822`.
    #[must_use]
    pub fn rfc822(self, content: &[u8]) -> Self {
        self.item(Kind::Rfc822, b"RFC822", |wire| {
            literal(wire, b"{", Some(content));
        })
    }

    /// `RFC822.HEADER`.
    #[must_use]
    pub fn rfc822_header(self, content: &[u8]) -> Self {
        self.item(Kind::Rfc822Header, b"RFC822.HEADER", |wire| {
            literal(wire, b"{", Some(content));
        })
    }

    /// `RFC822.TEXT`.
    #[must_use]
    pub fn rfc822_text(self, content: &[u8]) -> Self {
        self.item(Kind::Rfc822Text, b"RFC822.TEXT", |wire| {
            literal(wire, b"{", Some(content));
        })
    }

    /// `RFC822` whose content is sent by itself: see [`Fetch::pieces`].
    #[must_use]
    pub fn streamed_rfc822(self, octets: u64) -> Self {
        self.item(Kind::Rfc822, b"RFC822", |wire| {
            announce(wire, b"{", octets);
        })
    }

    /// `RFC822.HEADER` whose content is sent by itself: see [`Fetch::pieces`].
    #[must_use]
    pub fn streamed_rfc822_header(self, octets: u64) -> Self {
        self.item(Kind::Rfc822Header, b"RFC822.HEADER", |wire| {
            announce(wire, b"{", octets);
        })
    }

    /// `RFC822.TEXT` whose content is sent by itself: see [`Fetch::pieces`].
    #[must_use]
    pub fn streamed_rfc822_text(self, octets: u64) -> Self {
        self.item(Kind::Rfc822Text, b"RFC822.TEXT", |wire| {
            announce(wire, b"{", octets);
        })
    }

    /// An item of an extension: an atom, and one value in wire form. What is neither is left out.
    ///
    /// ```
    /// use mailwire_imap::response::Fetch;
    /// let fetch = Fetch::builder(std::num::NonZero::new(1).unwrap())
    ///     .extension(b"EMAILID", b"(M6d99ac3275bb4e)")
    ///     .extension(b"X", b"1) FETCH (UID 2")
    ///     .build();
    /// assert_eq!(fetch.wire(), b"* 1 FETCH (EMAILID (M6d99ac3275bb4e))");
    /// ```
    #[must_use]
    pub fn extension(self, name: &[u8], value: &[u8]) -> Self {
        let mut name_scan = Scan::again(name);
        let mut value_scan = Scan::again(value);
        let fits = name_scan.atom().is_ok()
            && name_scan.rest().is_empty()
            && value_scan.value().is_ok()
            && value_scan.rest().is_empty();
        if !fits {
            return self;
        }
        self.item(Kind::Unknown, name, |wire| wire.put_slice(value))
    }

    /// The response.
    #[must_use]
    pub fn build(mut self) -> Fetch {
        self.wire.put_u8(b')');
        let wire = core::mem::take(&mut self.wire);
        self.around(wire)
    }

    /// The response, and the rest of the buffer for the next one: see [`Fetch::builder_in`].
    #[must_use]
    pub fn build_and_keep(mut self) -> (Fetch, BytesMut) {
        self.wire.put_u8(b')');
        let mut buffer = core::mem::take(&mut self.wire);
        let wire = buffer.split();
        (self.around(wire), buffer)
    }

    fn around(self, wire: BytesMut) -> Fetch {
        Fetch {
            frame: wire.freeze(),
            number: self.number,
            index: self.index,
            plain: self.plain,
            manner: (Tolerances::NONE, true),
        }
    }
}

/// Without the octets, which may be a body.
impl core::fmt::Debug for FetchBuilder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("FetchBuilder")
            .field("number", &self.number)
            .field("len", &self.wire.len())
            .finish_non_exhaustive()
    }
}

fn name(head: &[u8], section: Section<'_>, origin: Option<u64>) -> BytesMut {
    let mut name = BytesMut::with_capacity(head.len() + section.wire().len() + 24);
    name.put_slice(head);
    name.put_slice(section.wire());
    name.put_u8(b']');
    if let Some(origin) = origin {
        name.put_u8(b'<');
        write::number(&mut name, origin);
        name.put_u8(b'>');
    }
    name
}

fn announce(wire: &mut BytesMut, brace: &[u8], octets: u64) {
    wire.put_slice(brace);
    write::number(wire, octets);
    wire.put_u8(b'}');
}

/// A literal whatever the octets are: content is never looked at.
fn literal(wire: &mut BytesMut, brace: &[u8], content: Option<&[u8]>) {
    let Some(content) = content else {
        return wire.put_slice(b"NIL");
    };
    wire.reserve(content.len() + 32);
    announce(wire, brace, content.len() as u64);
    wire.put_slice(b"\r\n");
    wire.put_slice(content);
}
