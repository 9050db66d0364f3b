//! BODY and BODYSTRUCTURE: the MIME tree of a message (RFC 9051 §7.5.2).
//!
//! The tree stays in its wire form and is walked without recursion: reading it costs neither an
//! allocation nor a stack frame a level, and a level too many is an error of its own. What real
//! servers do to the grammar is in [`Tolerance`](crate::response::Tolerance).

mod build;
mod part;
mod read;
mod walk;

use core::fmt;

use bytes::Bytes;

pub use self::{
    build::{BodyForm, BodyStructureBuilder, Extension, PartFields, Unbalanced},
    part::{Disposition, Languages, Parameters, Part, PartKind},
    walk::{Children, Parts},
};
use crate::{
    error::ParseError,
    response::{Tolerances, scan::Scan},
};
pub(crate) use read::read;

/// The MIME tree of a message.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::{bodystructure::BodyStructure, response::Tolerances};
/// let wire = Bytes::from_static(
///     br#"(("TEXT" "PLAIN" ("CHARSET" "UTF-8") NIL NIL "7BIT" 12 1)("IMAGE" "PNG" NIL NIL NIL "BASE64" 99) "MIXED")"#,
/// );
/// let body = BodyStructure::parse(wire, Tolerances::NONE)?;
/// let mut parts = body.parts();
/// while let Some(part) = parts.next() {
///     println!("{:?} {:?}", parts.path(), part.subtype());
/// }
/// assert_eq!(body.parts().count(), 3);
/// assert_eq!(body.root().unwrap().children().nth(1).unwrap().octets(), 99);
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone)]
pub struct BodyStructure {
    wire: Bytes,
    /// Where the parts of a multipart that is the message itself end; 0 if that is not known.
    behind_parts: u32,
}

impl BodyStructure {
    /// Parses a body structure from its parenthesis to its parenthesis.
    ///
    /// # Errors
    ///
    /// [`ParseError`] if it is none, or if more than [`DEPTH`](crate::limits::DEPTH) multiparts
    /// and messages lie within each other.
    pub fn parse(wire: Bytes, tolerances: Tolerances) -> Result<Self, ParseError> {
        let mut scan = Scan::new(&wire, tolerances);
        let behind_parts = read(&mut scan)?;
        scan.end()?;
        Ok(Self { wire, behind_parts })
    }

    /// What has been checked by [`read()`], and what it gave.
    pub(crate) const fn of_checked(wire: Bytes, behind_parts: u32) -> Self {
        Self { wire, behind_parts }
    }

    /// A new one.
    #[must_use]
    pub fn builder(form: BodyForm) -> BodyStructureBuilder {
        BodyStructureBuilder::new(form)
    }

    /// The message itself.
    #[must_use]
    pub fn root(&self) -> Option<Part<'_>> {
        Part::at(&self.wire, 0, self.behind_parts)
    }

    /// All parts, each before its children.
    #[must_use]
    pub fn parts(&self) -> Parts<'_> {
        Parts::new(&self.wire, self.behind_parts)
    }

    /// The octets on the wire.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// Copies what would pin a read buffer.
    #[must_use]
    pub fn detach(self) -> Self {
        Self {
            wire: Bytes::copy_from_slice(&self.wire),
            ..self
        }
    }
}

impl PartialEq for BodyStructure {
    fn eq(&self, other: &Self) -> bool {
        self.parts().eq(other.parts())
    }
}

impl Eq for BodyStructure {}

impl fmt::Debug for BodyStructure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.parts()).finish()
    }
}
