//! What waits to be handed to the driver.

use alloc::collections::VecDeque;
use core::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{command::Tag, limits, server::Done};

/// Octets in order: responses and short slices gathered in one buffer, long slices as they are.
#[derive(Default)]
pub(crate) struct Output {
    slices: VecDeque<Bytes>,
    /// Octets in `slices`.
    sealed: usize,
    tail: BytesMut,
}

/// A slice of that many octets is worth handing on without a copy.
const LONG: usize = 8 * 1024;

/// What a buffer begins with: the answer to most commands fits.
const SMALL: usize = 512;

impl Output {
    /// The buffer, with room for `octets` in the most usual case. It is full-grown as soon as there
    /// is more than the answer to one command, so that many responses cost one allocation.
    pub(crate) fn buffer(&mut self, octets: usize) -> &mut BytesMut {
        if self.tail.capacity() - self.tail.len() < octets {
            if self.tail.len() >= LONG {
                // A buffer that is full is handed on and not copied into a larger one.
                self.seal();
            }
            let is_more = self.tail.len() >= SMALL / 2 || !self.slices.is_empty();
            let chunk = if is_more { limits::OUTPUT_CHUNK } else { SMALL };
            self.tail.reserve(octets.max(chunk));
        }
        &mut self.tail
    }

    /// A line, which the caller knows to be clean.
    pub(crate) fn line(&mut self, line: fmt::Arguments<'_>) {
        use fmt::Write;

        let out = self.buffer(SMALL / 4);
        // Writing to memory does not fail.
        out.write_fmt(line).unwrap_or_default();
        out.put_slice(b"\r\n");
    }

    /// `tag condition text`, or untagged where there is no tag.
    pub(crate) fn status(&mut self, tag: Option<&Tag>, status: fmt::Arguments<'_>) {
        let tag = tag.map_or(&b"*"[..], Tag::as_bytes);
        let out = self.buffer(SMALL / 4);
        out.put_slice(tag);
        out.put_u8(b' ');
        self.line(status);
    }

    /// The answer to the command with that tag.
    pub(crate) fn done(&mut self, tag: Option<&Tag>, done: &Done) {
        if let Some(tag) = tag {
            done.write(tag, self.buffer(SMALL / 4));
        } else {
            self.line(format_args!("* {done}"));
        }
    }

    pub(crate) fn octets(&mut self, octets: Bytes) {
        if octets.len() < LONG {
            self.buffer(octets.len()).put_slice(&octets);
            return;
        }
        self.seal();
        self.sealed += octets.len();
        self.slices.push_back(octets);
    }

    /// The next octets for the driver.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        match self.slices.pop_front() {
            Some(octets) => {
                self.sealed -= octets.len();
                Some(octets)
            }
            None if self.tail.is_empty() => None,
            None => Some(self.tail.split().freeze()),
        }
    }

    /// How many octets wait.
    pub(crate) fn len(&self) -> usize {
        self.sealed + self.tail.len()
    }

    /// Whether it is time to hand something over although more could be gathered.
    pub(crate) fn is_full(&self) -> bool {
        !self.slices.is_empty() || self.tail.len() >= LONG
    }

    /// Lets the memory go while nothing is to be said.
    pub(crate) fn rest(&mut self) {
        if self.len() == 0 {
            self.tail = BytesMut::new();
            self.slices = VecDeque::new();
        }
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.sealed += self.tail.len();
            self.slices.push_back(self.tail.split().freeze());
        }
    }
}

impl fmt::Debug for Output {
    // Messages pass through here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Output({} octets)", self.len())
    }
}
