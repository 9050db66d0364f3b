//! The walks over a body structure.

use core::fmt;

use super::part::{Part, PartKind};
use crate::limits::DEPTH;

/// The children of a part, in their order.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::{bodystructure::BodyStructure, response::Tolerances};
/// let wire = Bytes::from_static(br#"(("A" "B" NIL NIL NIL "7BIT" 0)("C" "D" NIL NIL NIL "7BIT" 0) "MIXED")"#);
/// let body = BodyStructure::parse(wire, Tolerances::NONE)?;
/// assert_eq!(body.root().unwrap().children().count(), 2);
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone)]
pub struct Children<'a> {
    wire: &'a [u8],
    /// Where the next one begins; 0, where only the root begins, if there is none.
    next: u32,
}

impl<'a> Children<'a> {
    pub(super) const fn new(wire: &'a [u8], next: u32) -> Self {
        Self { wire, next }
    }
}

/// The next parenthesis from `at` on, behind spaces that some servers write.
fn opening(wire: &[u8], at: u32) -> Option<u32> {
    let behind = wire.get(at as usize..)?;
    let spaces = behind.iter().take_while(|octet| **octet == b' ').count();
    let is_open = behind.get(spaces) == Some(&b'(');
    is_open.then(|| at.saturating_add(u32::try_from(spaces).unwrap_or(u32::MAX)))
}

impl<'a> Iterator for Children<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        if self.next == 0 {
            return None;
        }
        let part = Part::at(self.wire, opening(self.wire, self.next)?, 0)?;
        self.next = part.end();
        Some(part)
    }
}

impl fmt::Debug for Children<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

#[derive(Clone, Copy, Default)]
struct Level {
    end: u32,
    /// How many numbers of the path belong to the part that is open here.
    path: u8,
    is_message: bool,
    children: u32,
}

/// All parts of a body structure, each before its children.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::{bodystructure::BodyStructure, response::Tolerances};
/// let wire = Bytes::from_static(br#"(("A" "B" NIL NIL NIL "7BIT" 0)("C" "D" NIL NIL NIL "7BIT" 0) "MIXED")"#);
/// let body = BodyStructure::parse(wire, Tolerances::NONE)?;
/// let mut parts = body.parts();
/// parts.nth(2);
/// assert_eq!(parts.path(), [2]);
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone)]
pub struct Parts<'a> {
    wire: &'a [u8],
    at: u32,
    /// The first one stands for what holds the message: its one body is the root.
    levels: [Level; DEPTH + 1],
    depth: usize,
    path: [u32; DEPTH + 1],
    len: u8,
    behind_parts: u32,
}

impl<'a> Parts<'a> {
    pub(super) fn new(wire: &'a [u8], behind_parts: u32) -> Self {
        let mut levels = [Level::default(); DEPTH + 1];
        levels[0].is_message = true;
        Self {
            wire,
            at: 0,
            levels,
            depth: 0,
            path: [0; DEPTH + 1],
            len: 0,
            behind_parts,
        }
    }

    /// The numbers of the part handed out last, for FETCH: `[2, 1]` is `BODY[2.1]`. Empty for a
    /// multipart that is the message itself, whose text is `BODY[TEXT]`.
    #[must_use]
    pub fn path(&self) -> &[u32] {
        self.path.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// How many parts hold the one that comes next.
    #[must_use]
    pub const fn depth(&self) -> usize {
        self.depth
    }

    fn number(&mut self, part: &Part<'_>) -> Option<()> {
        let level = self.levels.get_mut(self.depth)?;
        level.children += 1;
        self.len = level.path;
        // The multipart that is the body of a message has no number of its own.
        if !(level.is_message && part.kind() == PartKind::Multipart) {
            *self.path.get_mut(usize::from(self.len))? = level.children;
            self.len += 1;
        }
        Some(())
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        loop {
            let level = *self.levels.get(self.depth)?;
            let is_full = level.is_message && level.children > 0;
            let opening = opening(self.wire, self.at).filter(|_| !is_full);
            let Some(opening) = opening else {
                self.depth = self.depth.checked_sub(1)?;
                self.at = level.end;
                continue;
            };
            // It is known of the root only.
            let behind_parts = core::mem::take(&mut self.behind_parts);
            let part = Part::at(self.wire, opening, behind_parts)?;
            self.number(&part)?;
            if part.child() == 0 {
                self.at = part.end();
            } else {
                self.at = part.child();
                self.depth += 1;
                *self.levels.get_mut(self.depth)? = Level {
                    end: part.end(),
                    path: self.len,
                    is_message: part.kind() == PartKind::Message,
                    children: 0,
                };
            }
            return Some(part);
        }
    }
}

impl fmt::Debug for Parts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
