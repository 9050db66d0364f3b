//! What waits for the driver: large slices as they are, small ones copied together.

use alloc::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Slices below this are copied behind one another, for each counted slice costs a system call's
/// worth of bookkeeping further down.
const SMALL: usize = 1_024;

#[derive(Default)]
pub(super) struct Outbox {
    slices: VecDeque<Bytes>,
    /// What comes behind all slices.
    tail: BytesMut,
}

impl Outbox {
    pub(super) fn push(&mut self, octets: &[u8]) {
        self.tail.extend_from_slice(octets);
    }

    pub(super) fn push_slice(&mut self, octets: Bytes) {
        if octets.len() < SMALL {
            self.tail.extend_from_slice(&octets);
            return;
        }
        if !self.tail.is_empty() {
            self.slices.push_back(self.tail.split().freeze());
        }
        self.slices.push_back(octets);
    }

    pub(super) fn write(&mut self, write: impl FnOnce(&mut BytesMut)) {
        write(&mut self.tail);
    }

    pub(super) fn pop(&mut self) -> Option<Bytes> {
        self.slices
            .pop_front()
            .or_else(|| (!self.tail.is_empty()).then(|| self.tail.split().freeze()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slices.is_empty() && self.tail.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.slices.clear();
        self.tail.clear();
    }
}

impl core::fmt::Debug for Outbox {
    // Credentials and messages pass through here.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Outbox(..)")
    }
}
