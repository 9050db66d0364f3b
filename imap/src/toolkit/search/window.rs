//! Strings looked for in text that comes in pieces.

use alloc::string::String;

use super::fold_into;

/// Octets that are gathered before they are looked through, so that short pieces cost no more than
/// long ones.
const GATHER: usize = 4 * 1024;

/// Text in one case, of which the end is kept from one look to the next.
pub(super) struct Window {
    folded: String,
    /// Octets that the longest string may have in front of the next look.
    keep: usize,
    /// Octets that were looked through already.
    seen: usize,
}

impl Window {
    /// For strings of `longest` octets at the most.
    pub(super) const fn new(longest: usize) -> Self {
        Self {
            folded: String::new(),
            keep: longest.saturating_sub(1),
            seen: 0,
        }
    }

    /// Adds text; whether it is time to look.
    pub(super) fn push(&mut self, text: &str) -> bool {
        fold_into(text, &mut self.folded);
        self.folded.len() - self.seen >= GATHER.max(self.keep)
    }

    /// What there is to look through.
    pub(super) const fn octets(&self) -> &[u8] {
        self.folded.as_bytes()
    }

    /// Whether there is something that nobody has looked at.
    pub(super) const fn has_more(&self) -> bool {
        self.folded.len() > self.seen
    }

    /// Goes on after a look.
    pub(super) fn looked(&mut self) {
        let mut cut = self.folded.len().saturating_sub(self.keep);
        while !self.folded.is_char_boundary(cut) {
            cut -= 1;
        }
        self.folded.drain(..cut);
        self.seen = self.folded.len();
    }

    /// Forgets all: what comes next is another text.
    pub(super) fn clear(&mut self) {
        self.folded.clear();
        self.seen = 0;
    }
}
