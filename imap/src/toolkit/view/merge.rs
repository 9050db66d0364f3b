//! What is different in a newer snapshot.

use alloc::{sync::Arc, vec::Vec};
use core::cmp::Ordering;

use super::{Entry, Facts, Messages, Replaced, Snapshot, Stored, View, stored_flags};
use crate::{command::Silence, flag::Flags};

impl View {
    /// Takes a newer snapshot and notes what the client is to be told.
    ///
    /// UIDs only grow (RFC 9051 §2.3.1.1): a message that was not there before and whose UID is not
    /// above all others stays unknown to this client.
    ///
    /// ```
    /// use core::num::NonZeroU32;
    /// use mailwire_imap::toolkit::view::{Snapshot, Timing, View};
    /// let snapshot = Snapshot::new(NonZeroU32::MIN, NonZeroU32::MIN);
    /// let mut view = View::new(snapshot.clone());
    /// view.update(snapshot).unwrap();
    /// assert!(!view.has_changes(Timing::Any));
    /// ```
    ///
    /// # Errors
    ///
    /// [`Replaced`] where UIDVALIDITY is another.
    pub fn update(&mut self, snapshot: Snapshot) -> Result<(), Replaced> {
        self.merge(snapshot, None)
    }

    /// Takes the snapshot behind a STORE of this session.
    ///
    /// All flags of the messages that were stored to are told, whether they changed or not. With
    /// `.SILENT` they are told only where others have changed them too; where MODSEQ is told, it
    /// still is (RFC 7162 §3.1.3).
    ///
    /// ```
    /// use core::num::NonZeroU32;
    /// use mailwire_imap::{command::{Silence, StoreMode}, flag::{Flag, Flags}, toolkit::view::*};
    /// let uid = NonZeroU32::new(7).unwrap();
    /// let mut snapshot = Snapshot::new(uid, uid);
    /// snapshot.messages.push(Facts::new(uid, "\"17-Jul-1996 02:44:25 -0700\"".parse()?, None));
    /// let mut view = View::new(snapshot.clone());
    ///
    /// let seen = Flags::from_iter([Flag::Seen]);
    /// let stored = Stored::new(vec![uid], StoreMode::Add, seen, Silence::Silent);
    /// snapshot.messages.change(uid, |facts| facts.flags.insert(&Flag::Seen));
    /// view.stored(snapshot, &stored).unwrap();
    /// assert!(!view.has_changes(Timing::Any));
    /// # Ok::<(), mailwire_imap::error::ParseError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Replaced`] where UIDVALIDITY is another.
    pub fn stored(&mut self, snapshot: Snapshot, stored: &Stored) -> Result<(), Replaced> {
        self.merge(snapshot, Some(stored))?;
        let marks = match stored.silence {
            Silence::Told => Entry::FLAGS,
            Silence::Silent => Entry::MOD_SEQ,
        };
        if stored.silence == Silence::Told || self.tells_mod_seq {
            for uid in &stored.uids {
                if let Some(at) = self.position(*uid) {
                    self.mark(at, marks);
                }
            }
        }
        Ok(())
    }

    fn merge(&mut self, snapshot: Snapshot, stored: Option<&Stored>) -> Result<(), Replaced> {
        if snapshot.uid_validity != self.snapshot.uid_validity {
            return Err(Replaced);
        }
        let known = &self.snapshot.flags;
        self.has_new_flags |= snapshot.flags.iter().any(|flag| !known.contains(&flag));
        let before = core::mem::replace(&mut self.snapshot, snapshot);
        let after = self.snapshot.messages.clone();
        let has_new = self.entries.len() > self.exists;
        for difference in Differences::new(&before.messages, &after) {
            match difference {
                Difference::Gone(facts) => self.note_gone(facts),
                Difference::New(facts) => self.note_new(facts),
                Difference::Same { before, after } => self.note_same(before, after, stored),
            }
        }
        if has_new {
            self.forget_untold();
        }
        Ok(())
    }

    fn note_gone(&mut self, facts: &Facts) {
        let Some(at) = self.position(facts.uid) else {
            return;
        };
        let Some(entry) = self.entries.get_mut(at) else {
            return;
        };
        if entry.has(Entry::GONE) {
            return;
        }
        if at < self.exists {
            self.gone += 1;
            self.news -= usize::from(entry.has(Entry::NEWS));
        }
        entry.marks = entry.marks & !Entry::NEWS | Entry::GONE;
    }

    fn note_new(&mut self, facts: &Facts) {
        if self.entries.last().is_none_or(|last| last.uid < facts.uid) {
            self.push(facts);
        } else if let Some(at) = self.position(facts.uid)
            && let Some(entry) = self.entries.get_mut(at)
            && entry.has(Entry::GONE)
        {
            // It is back: the store has given an older snapshot behind a newer one.
            entry.marks &= !Entry::GONE;
            if at < self.exists {
                self.gone -= 1;
                self.mark(at, Entry::FLAGS);
            }
        }
    }

    fn note_same(&mut self, before: &Facts, after: &Facts, stored: Option<&Stored>) {
        let has_flags = !are_same(&before.flags, &after.flags);
        if !has_flags && before.mod_seq == after.mod_seq {
            return;
        }
        let Some(at) = self.position(after.uid) else {
            return;
        };
        let is_echo = stored.is_some_and(|stored| {
            let expected = stored_flags(&before.flags, stored.mode, &stored.flags);
            stored.has(after.uid) && are_same(&expected, &after.flags)
        });
        if has_flags && !is_echo {
            self.mark(at, Entry::FLAGS);
        } else if self.tells_mod_seq {
            self.mark(at, Entry::MOD_SEQ);
        }
    }

    /// Notes news of a message that the client knows; of others it hears when it fetches them.
    fn mark(&mut self, at: usize, marks: u8) {
        if at >= self.exists {
            return;
        }
        if let Some(entry) = self.entries.get_mut(at)
            && !entry.has(Entry::GONE)
        {
            self.news += usize::from(!entry.has(Entry::NEWS));
            entry.marks |= marks;
            self.next_news = self.next_news.min(at);
        }
    }

    /// Drops messages that came and went before the client was told.
    fn forget_untold(&mut self) {
        let mut untold = self.entries.split_off(self.exists);
        untold.retain(|entry| {
            let is_gone = entry.has(Entry::GONE);
            self.recent -= u32::from(is_gone && entry.has(Entry::RECENT));
            !is_gone
        });
        self.entries.append(&mut untold);
    }
}

/// Whether the same flags are in both, in whatever order a store keeps its keywords.
fn are_same(one: &Flags, two: &Flags) -> bool {
    /// Above this many keywords a new order counts as a change, so that the comparison is not
    /// quadratic in what a client can store.
    const KEYWORDS: usize = 64;
    one == two
        || one.iter().count() == two.iter().count()
            && one.iter().count() <= KEYWORDS
            && one.iter().all(|flag| two.contains(&flag))
}

enum Difference<'a> {
    Gone(&'a Facts),
    New(&'a Facts),
    Same { before: &'a Facts, after: &'a Facts },
}

/// Walks two lists of messages together, without those pieces that they share.
struct Differences<'a> {
    before: Side<'a>,
    after: Side<'a>,
}

/// What of one list is still ahead.
struct Side<'a> {
    pieces: Vec<&'a Arc<Vec<Facts>>>,
    piece: usize,
    at: usize,
}

impl<'a> Side<'a> {
    fn new(messages: &'a Messages) -> Self {
        Self {
            pieces: messages.pieces().collect(),
            piece: 0,
            at: 0,
        }
    }

    fn peek(&self) -> Option<&'a Facts> {
        self.pieces.get(self.piece)?.get(self.at)
    }

    fn advance(&mut self) {
        self.at += 1;
        let len = self.pieces.get(self.piece).map_or(0, |piece| piece.len());
        if self.at >= len {
            (self.piece, self.at) = (self.piece + 1, 0);
        }
    }

    /// The piece that begins here.
    fn whole(&self) -> Option<&'a Arc<Vec<Facts>>> {
        self.pieces
            .get(self.piece)
            .copied()
            .filter(|_| self.at == 0)
    }
}

impl<'a> Differences<'a> {
    fn new(before: &'a Messages, after: &'a Messages) -> Self {
        Self {
            before: Side::new(before),
            after: Side::new(after),
        }
    }
}

impl<'a> Iterator for Differences<'a> {
    type Item = Difference<'a>;

    fn next(&mut self) -> Option<Difference<'a>> {
        while let (Some(before), Some(after)) = (self.before.whole(), self.after.whole())
            && Arc::ptr_eq(before, after)
        {
            self.before.piece += 1;
            self.after.piece += 1;
        }
        let order = match (self.before.peek(), self.after.peek()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(before), Some(after)) => before.uid.cmp(&after.uid),
        };
        let before = self.before.peek();
        let after = self.after.peek();
        if order.is_le() {
            self.before.advance();
        }
        if order.is_ge() {
            self.after.advance();
        }
        match order {
            Ordering::Less => before.map(Difference::Gone),
            Ordering::Greater => after.map(Difference::New),
            Ordering::Equal => before
                .zip(after)
                .map(|(before, after)| Difference::Same { before, after }),
        }
    }
}
