//! Writing a body structure, part by part.

use bytes::{BufMut, BytesMut};

use super::BodyStructure;
use crate::{envelope::Envelope, limits::DEPTH, response::write};

/// Which item of FETCH is built.
///
/// ```
/// use mailwire_imap::bodystructure::{BodyForm, BodyStructure, PartFields};
/// let mut builder = BodyStructure::builder(BodyForm::BodyStructure);
/// builder.part(&PartFields::new(b"IMAGE", b"PNG"));
/// let body = builder.finish()?;
/// assert_eq!(body.wire(), br#"("IMAGE" "PNG" NIL NIL NIL "7BIT" 0 NIL NIL NIL NIL)"#);
/// # Ok::<(), mailwire_imap::bodystructure::Unbalanced>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyForm {
    /// BODY: without extension data.
    Body,
    /// BODYSTRUCTURE: with it.
    BodyStructure,
}

/// A list of names and values.
type Pairs<'a> = &'a [(&'a [u8], &'a [u8])];

/// What a part that is no multipart says of itself.
///
/// ```
/// use mailwire_imap::bodystructure::PartFields;
/// let mut fields = PartFields::new(b"TEXT", b"PLAIN");
/// fields.octets = 12;
/// fields.lines = 1;
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct PartFields<'a> {
    /// The top-level type.
    pub media_type: &'a [u8],
    /// The subtype.
    pub subtype: &'a [u8],
    /// The parameters of the type.
    pub parameters: Pairs<'a>,
    /// `body-fld-id`.
    pub id: Option<&'a [u8]>,
    /// `body-fld-desc`.
    pub description: Option<&'a [u8]>,
    /// `body-fld-enc`, `7BIT` at first.
    pub encoding: &'a [u8],
    /// `body-fld-octets`.
    pub octets: u64,
    /// `body-fld-lines`, written only for text and messages.
    pub lines: u64,
    /// What only BODYSTRUCTURE has.
    pub extension: Extension<'a>,
}

impl<'a> PartFields<'a> {
    /// A part of that type, empty and without parameters.
    #[must_use]
    pub fn new(media_type: &'a [u8], subtype: &'a [u8]) -> Self {
        Self {
            media_type,
            subtype,
            parameters: &[],
            id: None,
            description: None,
            encoding: b"7BIT",
            octets: 0,
            lines: 0,
            extension: Extension::default(),
        }
    }
}

/// Extension data of a part: `body-ext-1part` and `body-ext-mpart`.
///
/// ```
/// use mailwire_imap::bodystructure::Extension;
/// let mut extension = Extension::default();
/// extension.disposition = Some((b"attachment", &[(b"filename", b"a.png")]));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default)]
pub struct Extension<'a> {
    /// `body-fld-md5`, of no meaning for a multipart.
    pub md5: Option<&'a [u8]>,
    /// `body-fld-dsp`: the disposition and its parameters.
    pub disposition: Option<(&'a [u8], Pairs<'a>)>,
    /// `body-fld-lang`.
    pub languages: &'a [&'a [u8]],
    /// `body-fld-loc`.
    pub location: Option<&'a [u8]>,
}

/// Writes a [`BodyStructure`]: begin and end of what has children, and the parts in between.
///
/// ```
/// use mailwire_imap::bodystructure::{BodyForm, BodyStructure, Extension, PartFields};
/// let mut builder = BodyStructure::builder(BodyForm::Body);
/// builder.begin_multipart();
/// builder.part(&PartFields::new(b"IMAGE", b"PNG"));
/// builder.part(&PartFields::new(b"IMAGE", b"GIF"));
/// builder.end_multipart(b"MIXED", &[], &Extension::default());
/// let body = builder.finish()?;
/// assert_eq!(
///     body.wire(),
///     br#"(("IMAGE" "PNG" NIL NIL NIL "7BIT" 0)("IMAGE" "GIF" NIL NIL NIL "7BIT" 0) "MIXED")"#,
/// );
/// # Ok::<(), mailwire_imap::bodystructure::Unbalanced>(())
/// ```
#[derive(Clone, Debug)]
pub struct BodyStructureBuilder {
    wire: BytesMut,
    form: BodyForm,
    /// One bit an open level: whether it is a message.
    messages: u64,
    depth: usize,
    /// Whether the innermost open one has a child, and whether the root is there.
    has_child: bool,
    fault: bool,
}

/// The calls to the builder were not one tree: an end without its begin, a begin without its end,
/// a multipart without parts, a message without exactly one body, two roots, or more than
/// [`DEPTH`] levels.
///
/// ```
/// use mailwire_imap::bodystructure::{BodyForm, BodyStructure};
/// assert!(BodyStructure::builder(BodyForm::Body).finish().is_err());
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the parts of the body structure are not one tree")]
#[non_exhaustive]
pub struct Unbalanced;

impl BodyStructureBuilder {
    pub(super) fn new(form: BodyForm) -> Self {
        Self::behind(BytesMut::with_capacity(512), form)
    }

    /// One that writes behind what is there.
    pub(crate) const fn behind(wire: BytesMut, form: BodyForm) -> Self {
        Self {
            wire,
            form,
            messages: 0,
            depth: 0,
            has_child: false,
            fault: false,
        }
    }

    /// A part without children. A `message/rfc822` has a child: see
    /// [`begin_message`](Self::begin_message).
    pub fn part(&mut self, fields: &PartFields<'_>) {
        self.fault |= is_message(fields);
        self.child();
        self.fields(fields);
        if fields.media_type.eq_ignore_ascii_case(b"TEXT") {
            self.lines(fields.lines);
        }
        self.single_extension(&fields.extension);
    }

    /// Opens a multipart.
    pub fn begin_multipart(&mut self) {
        self.child();
        self.wire.put_u8(b'(');
        self.open(0);
    }

    /// Closes the multipart that was opened last.
    pub fn end_multipart(
        &mut self,
        subtype: &[u8],
        parameters: &[(&[u8], &[u8])],
        extension: &Extension<'_>,
    ) {
        self.close(0);
        self.wire.put_u8(b' ');
        write::string(&mut self.wire, subtype);
        if self.form == BodyForm::BodyStructure {
            self.wire.put_u8(b' ');
            pairs(&mut self.wire, parameters);
            self.extension(extension);
        }
        self.wire.put_u8(b')');
    }

    /// Opens a `message/rfc822` or `message/global`; one body must follow.
    pub fn begin_message(&mut self, fields: &PartFields<'_>, envelope: &Envelope) {
        self.fault |= !is_message(fields);
        self.child();
        self.fields(fields);
        self.wire.put_u8(b' ');
        self.wire.put_slice(envelope.wire());
        self.wire.put_u8(b' ');
        self.open(1);
    }

    /// Closes the message that was opened last.
    pub fn end_message(&mut self, lines: u64, extension: &Extension<'_>) {
        self.close(1);
        self.lines(lines);
        self.single_extension(extension);
    }

    /// The body structure of one who walks a tree, which cannot but give one tree.
    #[cfg(feature = "toolkit")]
    pub(crate) fn finish_balanced(self) -> BodyStructure {
        debug_assert!(!self.fault && self.depth == 0 && self.has_child);
        BodyStructure::of_checked(self.wire.freeze(), 0)
    }

    /// Octets written so far.
    #[cfg(feature = "toolkit")]
    pub(crate) fn len(&self) -> usize {
        self.wire.len()
    }

    /// The body structure.
    ///
    /// # Errors
    ///
    /// [`Unbalanced`] if the calls were not one tree.
    pub fn finish(self) -> Result<BodyStructure, Unbalanced> {
        let (wire, outcome) = self.into_wire();
        outcome.map(|()| BodyStructure::of_checked(wire.freeze(), 0))
    }

    /// What was written, and whether it is one tree.
    pub(crate) fn into_wire(self) -> (BytesMut, Result<(), Unbalanced>) {
        let is_whole = !self.fault && self.depth == 0 && self.has_child;
        (self.wire, is_whole.then_some(()).ok_or(Unbalanced))
    }

    /// One more child where only a multipart may have several.
    fn child(&mut self) {
        let one_only = self.depth == 0 || self.messages & 1 == 1;
        self.fault |= one_only && self.has_child;
        self.has_child = true;
    }

    fn open(&mut self, message: u64) {
        self.fault |= self.depth >= DEPTH;
        self.depth += 1;
        self.messages = self.messages << 1 | message;
        self.has_child = false;
    }

    fn close(&mut self, message: u64) {
        self.fault |= self.depth == 0 || self.messages & 1 != message || !self.has_child;
        self.depth = self.depth.saturating_sub(1);
        self.messages >>= 1;
        self.has_child = true;
    }

    fn fields(&mut self, fields: &PartFields<'_>) {
        let wire = &mut self.wire;
        wire.put_u8(b'(');
        write::string(wire, fields.media_type);
        wire.put_u8(b' ');
        write::string(wire, fields.subtype);
        wire.put_u8(b' ');
        pairs(wire, fields.parameters);
        for text in [fields.id, fields.description, Some(fields.encoding)] {
            wire.put_u8(b' ');
            write::nstring(wire, text);
        }
        wire.put_u8(b' ');
        write::number(wire, fields.octets);
    }

    fn lines(&mut self, lines: u64) {
        self.wire.put_u8(b' ');
        write::number(&mut self.wire, lines);
    }

    fn single_extension(&mut self, extension: &Extension<'_>) {
        if self.form == BodyForm::BodyStructure {
            self.wire.put_u8(b' ');
            write::nstring(&mut self.wire, extension.md5);
            self.extension(extension);
        }
        self.wire.put_u8(b')');
    }

    fn extension(&mut self, extension: &Extension<'_>) {
        let wire = &mut self.wire;
        match extension.disposition {
            None => wire.put_slice(b" NIL"),
            Some((kind, parameters)) => {
                wire.put_slice(b" (");
                write::string(wire, kind);
                wire.put_u8(b' ');
                pairs(wire, parameters);
                wire.put_u8(b')');
            }
        }
        match extension.languages {
            [] => wire.put_slice(b" NIL"),
            languages => {
                let mut front: &[u8] = b" (";
                for language in languages {
                    wire.put_slice(front);
                    write::string(wire, language);
                    front = b" ";
                }
                wire.put_u8(b')');
            }
        }
        wire.put_u8(b' ');
        write::nstring(wire, extension.location);
    }
}

fn is_message(fields: &PartFields<'_>) -> bool {
    fields.media_type.eq_ignore_ascii_case(b"MESSAGE")
        && (fields.subtype.eq_ignore_ascii_case(b"RFC822")
            || fields.subtype.eq_ignore_ascii_case(b"GLOBAL"))
}

fn pairs(wire: &mut BytesMut, pairs: &[(&[u8], &[u8])]) {
    if pairs.is_empty() {
        return wire.put_slice(b"NIL");
    }
    let mut front = b'(';
    for (name, value) in pairs {
        wire.put_u8(front);
        write::string(wire, name);
        wire.put_u8(b' ');
        write::string(wire, value);
        front = b' ';
    }
    wire.put_u8(b')');
}
