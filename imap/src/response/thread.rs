//! THREAD (RFC 5256 §4): trees of messages, walked without recursion.

use alloc::vec::Vec;
use core::{fmt, num::NonZeroU32};

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    scan::{Parsed, Scan, Span},
    write,
};
use crate::{error::Expected, limits::DEPTH};

/// A THREAD response.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::response::{Response, Tolerances};
/// let frame = Bytes::from_static(b"* THREAD (2)(3 6 (4 23)(44 7 96))");
/// let (Response::Thread(thread), _) = Response::parse(frame, Tolerances::NONE)? else {
///     unreachable!()
/// };
/// let nodes: Vec<_> = thread.iter().map(|node| (node.number().unwrap().get(), node.level())).collect();
/// assert_eq!(nodes, [(2, 0), (3, 0), (6, 1), (4, 2), (23, 3), (44, 2), (7, 3), (96, 4)]);
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone)]
pub struct Thread {
    pub(super) frame: Bytes,
    lists: Span,
}

/// One message of a THREAD response, each before those that answer it.
///
/// ```
/// use mailwire_imap::response::ThreadNode;
/// let root = ThreadNode::new(std::num::NonZero::new(3), 0);
/// assert_eq!(root.level(), 0);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ThreadNode {
    number: Option<NonZeroU32>,
    level: u32,
}

impl ThreadNode {
    /// A message, or a missing one, that answers the last one before it whose level is one less.
    #[must_use]
    pub const fn new(number: Option<NonZeroU32>, level: u32) -> Self {
        Self { number, level }
    }

    /// Its number or UID; none if the message that the following ones answer is not there.
    #[must_use]
    pub const fn number(&self) -> Option<NonZeroU32> {
        self.number
    }

    /// How many messages are above it in its thread.
    #[must_use]
    pub const fn level(&self) -> u32 {
        self.level
    }
}

/// Threads nested in each other as lists, at most [`DEPTH`] of them. The messages of a list are
/// one below the other, so a long thread is no deep one.
#[derive(Clone)]
struct Walk<'a> {
    scan: Scan<'a>,
    /// The level at which each open list began.
    levels: [u32; DEPTH],
    depth: usize,
    level: u32,
    /// Whether the list that is open has no message of its own so far.
    is_fresh: bool,
}

impl<'a> Walk<'a> {
    const fn new(scan: Scan<'a>) -> Self {
        Self {
            scan,
            levels: [0; DEPTH],
            depth: 0,
            level: 0,
            is_fresh: false,
        }
    }

    /// The next message; nothing at the end of the last list.
    fn node(&mut self) -> Parsed<Option<ThreadNode>> {
        loop {
            match self.scan.peek() {
                Some(b'(') => {
                    // A list that begins with a list: the message above it is missing.
                    let missing = self.is_fresh;
                    if missing {
                        self.is_fresh = false;
                        let node = ThreadNode::new(None, self.level);
                        self.level = self.level.saturating_add(1);
                        return Ok(Some(node));
                    }
                    let Some(level) = self.levels.get_mut(self.depth) else {
                        return self.scan.fail(Expected::ShallowerNesting);
                    };
                    *level = self.level;
                    self.scan.open()?;
                    self.depth += 1;
                    self.is_fresh = true;
                }
                Some(b')') if self.depth > 0 && !self.is_fresh => {
                    self.scan.close()?;
                    self.depth -= 1;
                    self.level = self.levels.get(self.depth).copied().unwrap_or_default();
                }
                Some(b' ') if self.depth > 0 && !self.is_fresh => {
                    if !self.scan.closed() {
                        self.scan.sp()?;
                        continue;
                    }
                    self.depth -= 1;
                    self.level = self.levels.get(self.depth).copied().unwrap_or_default();
                }
                _ if self.depth > 0 => {
                    let number = self.scan.nz_number()?;
                    self.is_fresh = false;
                    let node = ThreadNode::new(Some(number), self.level);
                    self.level = self.level.saturating_add(1);
                    return Ok(Some(node));
                }
                _ => return Ok(None),
            }
        }
    }
}

impl Thread {
    pub(super) fn read(scan: &mut Scan<'_>) -> Parsed<Self> {
        let start = scan.at();
        if scan.at_end() {
            return Ok(Self {
                frame: Bytes::new(),
                lists: scan.since(start),
            });
        }
        scan.sp()?;
        let start = scan.at();
        let mut walk = Walk::new(scan.clone());
        while walk.node()?.is_some() {}
        *scan = walk.scan;
        let lists = scan.since(start);
        if lists.is_empty() {
            return scan.fail(Expected::List);
        }
        scan.end()?;
        Ok(Self {
            frame: Bytes::new(),
            lists,
        })
    }

    /// A THREAD response: each message before those that answer it. Where messages branch off
    /// more than [`DEPTH`] times within each other, what is deeper stands
    /// in one line below the deepest that can be written.
    ///
    /// ```
    /// use mailwire_imap::response::{Thread, ThreadNode};
    /// let node = |number, level| ThreadNode::new(std::num::NonZero::new(number), level);
    /// let thread = Thread::new(&[node(2, 0), node(3, 0), node(6, 1), node(4, 2), node(7, 2)]);
    /// assert_eq!(thread.wire(), b"* THREAD (2)(3 6 (4)(7))");
    /// ```
    #[must_use]
    pub fn new(nodes: &[ThreadNode]) -> Self {
        let mut wire = BytesMut::with_capacity(64);
        wire.put_slice(b"* THREAD");
        let start = wire.len() + 1;
        if !nodes.is_empty() {
            wire.put_u8(b' ');
        }
        let lists = lists(nodes);
        let mut open: Vec<u32> = Vec::new();
        for (node, is_list) in nodes.iter().zip(lists) {
            if is_list {
                while open.last().is_some_and(|level| *level >= node.level) {
                    open.pop();
                    wire.put_u8(b')');
                }
            }
            let ends_number = wire.last().is_some_and(u8::is_ascii_digit);
            if is_list && open.len() < DEPTH {
                wire.put_slice(if ends_number { b" (" } else { b"(" });
                open.push(node.level);
            } else if ends_number || wire.last() == Some(&b')') {
                wire.put_u8(b' ');
            }
            if let Some(number) = node.number {
                write::number(&mut wire, number.get().into());
            }
        }
        wire.put_bytes(b')', open.len());
        Self {
            lists: Span::new(start.min(wire.len()), wire.len()),
            frame: wire.freeze(),
        }
    }

    /// Each message before those that answer it.
    #[must_use]
    pub fn iter(&self) -> ThreadNodes<'_> {
        ThreadNodes {
            walk: Walk::new(Scan::again(self.lists.of(&self.frame))),
        }
    }

    /// The octets on the wire, without the CRLF.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.frame
    }
}

/// Which messages begin a list: the first of a thread, one of several answers to the same message,
/// a missing one, and what answers a missing one.
fn lists(nodes: &[ThreadNode]) -> Vec<bool> {
    let mut lists = Vec::with_capacity(nodes.len());
    // The last message of each level above, and whether it is missing.
    let mut path: Vec<(usize, bool)> = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        let level = (node.level as usize).min(path.len());
        let has_sibling = path.get(level).map(|(sibling, _)| *sibling);
        path.truncate(level);
        let below_missing = path.last().is_none_or(|(_, missing)| *missing);
        if let Some(first) = has_sibling.and_then(|sibling| lists.get_mut(sibling)) {
            *first = true;
        }
        let is_missing = node.number.is_none();
        lists.push(has_sibling.is_some() || below_missing || is_missing);
        path.push((at, is_missing));
    }
    lists
}

impl PartialEq for Thread {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.iter(), f)
    }
}

/// The messages of a THREAD response.
///
/// ```
/// use mailwire_imap::response::{Thread, ThreadNode};
/// let thread = Thread::new(&[ThreadNode::new(std::num::NonZero::new(2), 0)]);
/// assert_eq!(thread.iter().count(), 1);
/// ```
#[derive(Clone)]
pub struct ThreadNodes<'a> {
    walk: Walk<'a>,
}

impl Iterator for ThreadNodes<'_> {
    type Item = ThreadNode;

    fn next(&mut self) -> Option<ThreadNode> {
        self.walk.node().ok().flatten()
    }
}

impl fmt::Debug for ThreadNodes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
