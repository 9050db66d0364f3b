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
    behind_parts: u32,
    /// How many parts are open. The first level stands for what holds the message: its one body is
    /// the root.
    depth: u8,
    /// One bit a level: whether the part that is open there is a message.
    messages: u128,
    /// The same: whether it has a child.
    parents: u128,
    /// Where the part that is open at a level ends. These arrays are small, since a walk is moved
    /// about more often than it goes deep.
    ends: [u32; DEPTH + 1],
    /// How many numbers of the path belong to it.
    lens: [u8; DEPTH + 1],
    /// Behind those, the number of its child.
    path: [u32; DEPTH + 1],
    len: u8,
}

impl<'a> Parts<'a> {
    pub(super) const fn new(wire: &'a [u8], behind_parts: u32) -> Self {
        Self {
            wire,
            at: 0,
            behind_parts,
            depth: 0,
            messages: 1,
            parents: 0,
            ends: [0; DEPTH + 1],
            lens: [0; DEPTH + 1],
            path: [0; DEPTH + 1],
            len: 0,
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
        self.depth as usize
    }

    const fn bit(&self) -> u128 {
        1 << self.depth
    }

    fn number(&mut self, part: &Part<'_>) -> Option<()> {
        let bit = self.bit();
        self.len = *self.lens.get(self.depth())?;
        // The multipart that is the body of a message has no number of its own.
        if self.messages & bit == 0 || part.kind() != PartKind::Multipart {
            let number = self.path.get_mut(usize::from(self.len))?;
            *number = if self.parents & bit == 0 {
                1
            } else {
                *number + 1
            };
            self.len += 1;
        }
        self.parents |= bit;
        Some(())
    }

    /// Goes into the part that was found last.
    fn enter(&mut self, part: &Part<'_>) -> Option<()> {
        self.depth += 1;
        let bit = self.bit();
        let depth = self.depth();
        *self.ends.get_mut(depth)? = part.end();
        *self.lens.get_mut(depth)? = self.len;
        self.messages &= !bit;
        self.parents &= !bit;
        if part.kind() == PartKind::Message {
            self.messages |= bit;
        }
        self.at = part.child();
        Some(())
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        loop {
            let is_full = self.messages & self.parents & self.bit() != 0;
            let opening = opening(self.wire, self.at).filter(|_| !is_full);
            let Some(opening) = opening else {
                let end = *self.ends.get(self.depth())?;
                self.depth = self.depth.checked_sub(1)?;
                self.at = end;
                continue;
            };
            // It is known of the root only.
            let behind_parts = core::mem::take(&mut self.behind_parts);
            let part = Part::at(self.wire, opening, behind_parts)?;
            self.number(&part)?;
            if part.child() == 0 {
                self.at = part.end();
            } else {
                self.enter(&part)?;
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
