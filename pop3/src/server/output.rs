//! What waits to be handed to the driver.

use alloc::collections::VecDeque;
use core::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{limits, response::Response};

/// Octets in order: lines and short slices gathered in one buffer, long slices as they are.
#[derive(Default)]
pub(crate) struct Output {
    slices: VecDeque<Bytes>,
    tail: BytesMut,
}

/// A slice of that many octets is worth handing on without a copy. A smaller message goes out with
/// its first and last line in one piece.
const LONG: usize = 8 * 1024;

impl Output {
    /// A line, which the caller knows to be clean and short.
    pub(crate) fn line(&mut self, line: fmt::Arguments<'_>) {
        self.octets_line(line, b"");
    }

    /// The same with octets behind it.
    pub(crate) fn octets_line(&mut self, line: fmt::Arguments<'_>, octets: &[u8]) {
        use fmt::Write;

        // Writing to memory does not fail.
        self.tail.write_fmt(line).unwrap_or_default();
        self.tail.put_slice(octets);
        self.tail.put_slice(b"\r\n");
    }

    pub(crate) fn response(&mut self, response: &Response) {
        response.encode(&mut self.tail);
    }

    pub(crate) const fn buffer(&mut self) -> &mut BytesMut {
        &mut self.tail
    }

    pub(crate) fn octets(&mut self, octets: Bytes) {
        if octets.len() < LONG {
            self.tail.put_slice(&octets);
            return;
        }
        self.seal();
        self.slices.push_back(octets);
    }

    /// The next octets for the driver.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        if self.slices.is_empty() {
            self.seal();
        }
        self.slices.pop_front()
    }

    /// Whether it is time to hand something over although more could be gathered.
    pub(crate) fn is_full(&self) -> bool {
        !self.slices.is_empty() || self.tail.len() >= limits::LISTING_CHUNK
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.slices.push_back(self.tail.split().freeze());
        }
    }
}

impl fmt::Debug for Output {
    // Messages pass through here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let octets = self.slices.iter().map(Bytes::len).sum::<usize>() + self.tail.len();
        write!(f, "Output({octets} octets)")
    }
}
