//! The state of a mailbox at one moment, shared by all sessions.

use alloc::{sync::Arc, vec::Vec};
use core::num::NonZeroU32;

use super::Facts;
use crate::flag::Flags;

/// Messages of one piece. A change copies one piece, and comparing two snapshots skips pieces that
/// they share; so it is a small part of a large mailbox, and 512 x 80 octets are copied in
/// microseconds.
const PIECE: usize = 512;

/// The state of a mailbox at one moment.
///
/// ```
/// use core::num::NonZeroU32;
/// use mailwire_imap::toolkit::view::Snapshot;
/// let snapshot = Snapshot::new(NonZeroU32::new(38_505).unwrap(), NonZeroU32::MIN);
/// assert!(snapshot.messages.is_empty());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The messages.
    pub messages: Messages,
    /// UIDVALIDITY.
    pub uid_validity: NonZeroU32,
    /// UIDNEXT.
    pub uid_next: NonZeroU32,
    /// HIGHESTMODSEQ, which grows with each expunge too (RFC 7162 §3.2.7); 0 where the store keeps
    /// no mod-sequences.
    pub highest_mod_seq: u64,
    /// The flags that there are in the mailbox, for FLAGS.
    pub flags: Flags,
}

impl Snapshot {
    /// An empty mailbox.
    #[must_use]
    pub fn new(uid_validity: NonZeroU32, uid_next: NonZeroU32) -> Self {
        Self {
            messages: Messages::new(),
            uid_validity,
            uid_next,
            highest_mod_seq: 0,
            flags: Flags::new(),
        }
    }
}

/// The messages of a mailbox in ascending order of their UIDs.
///
/// A copy shares the messages with the original until one of them is changed, and then all but the
/// few hundred around it: a store keeps one, changes it, and gives each session a copy.
///
/// ```
/// use core::num::NonZeroU32;
/// use mailwire_imap::{flag::Flag, toolkit::view::{Facts, Messages}};
/// let uid = |uid| NonZeroU32::new(uid).unwrap();
/// let date = "\"17-Jul-1996 02:44:25 -0700\"".parse()?;
/// let mut messages: Messages = [9, 4].map(|n| Facts::new(uid(n), date, None)).into_iter().collect();
/// let before = messages.clone();
/// messages.push(Facts::new(uid(12), date, None));
/// messages.change(uid(4), |facts| facts.flags.insert(&Flag::Seen));
/// messages.remove(uid(9));
/// assert!(messages.iter().map(|facts| facts.uid.get()).eq([4, 12]));
/// assert_eq!(before.len(), 2);
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Default)]
pub struct Messages {
    /// None of them is empty.
    pieces: Vec<Piece>,
}

#[derive(Clone)]
struct Piece {
    /// How many messages are before it.
    before: usize,
    messages: Arc<Vec<Facts>>,
}

impl Messages {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self { pieces: Vec::new() }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pieces
            .last()
            .map_or(0, |piece| piece.before + piece.messages.len())
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The message at this place, from 0.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<&Facts> {
        let behind = self.pieces.partition_point(|piece| piece.before <= at);
        let piece = self.pieces.get(behind.checked_sub(1)?)?;
        piece.messages.get(at - piece.before)
    }

    /// The message with this UID.
    #[must_use]
    pub fn by_uid(&self, uid: NonZeroU32) -> Option<&Facts> {
        let (piece, at) = self.place(uid).ok()?;
        self.pieces.get(piece)?.messages.get(at)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Facts> {
        self.pieces.iter().flat_map(|piece| piece.messages.iter())
    }

    /// Adds a message behind all others. One whose UID is not above theirs takes the place that
    /// belongs to it, or replaces the one that has it.
    pub fn push(&mut self, facts: Facts) {
        match self.place(facts.uid) {
            Ok((piece, at)) => {
                if let Some(place) = self.in_piece(piece).and_then(|facts| facts.get_mut(at)) {
                    *place = facts;
                }
            }
            Err((piece, at)) => self.insert(piece, at, facts),
        }
    }

    /// Changes the message with this UID; its UID stays. Whether there is one.
    pub fn change(&mut self, uid: NonZeroU32, change: impl FnOnce(&mut Facts)) -> bool {
        let Ok((piece, at)) = self.place(uid) else {
            return false;
        };
        let Some(facts) = self.in_piece(piece).and_then(|facts| facts.get_mut(at)) else {
            return false;
        };
        change(facts);
        facts.uid = uid;
        true
    }

    /// Removes the message with this UID.
    pub fn remove(&mut self, uid: NonZeroU32) -> Option<Facts> {
        let (piece, at) = self.place(uid).ok()?;
        let messages = self.in_piece(piece)?;
        let removed = messages.remove(at);
        if messages.is_empty() {
            self.pieces.remove(piece);
        }
        self.count_from(piece);
        Some(removed)
    }

    /// Removes all messages but those to be kept.
    pub fn retain(&mut self, mut keep: impl FnMut(&Facts) -> bool) {
        for piece in &mut self.pieces {
            let kept: Vec<bool> = piece.messages.iter().map(&mut keep).collect();
            if kept.contains(&false) {
                let mut kept = kept.into_iter();
                Arc::make_mut(&mut piece.messages).retain(|_| kept.next().unwrap_or(true));
            }
        }
        self.pieces.retain(|piece| !piece.messages.is_empty());
        self.count_from(0);
    }

    /// Where the message with this UID is; else where it would be.
    pub(super) fn position(&self, uid: NonZeroU32) -> Result<usize, usize> {
        let index = |(piece, at)| {
            let before = self
                .pieces
                .get(piece)
                .map_or(0, |piece: &Piece| piece.before);
            before + at
        };
        self.place(uid).map(index).map_err(index)
    }

    /// The pieces, for a comparison that skips those that are shared.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &Arc<Vec<Facts>>> {
        self.pieces.iter().map(|piece| &piece.messages)
    }

    /// The piece and the place in it; else where it belongs, the last piece for what is behind all.
    fn place(&self, uid: NonZeroU32) -> Result<(usize, usize), (usize, usize)> {
        let starts_above = self.pieces.partition_point(|piece| {
            let first = piece.messages.first();
            first.is_some_and(|first| first.uid <= uid)
        });
        let piece = starts_above.saturating_sub(1);
        let messages = self.pieces.get(piece).map(|piece| &**piece.messages);
        let messages = messages.unwrap_or_default();
        match messages.binary_search_by_key(&uid, |facts| facts.uid) {
            Ok(at) => Ok((piece, at)),
            Err(at) => Err((piece, at)),
        }
    }

    fn in_piece(&mut self, piece: usize) -> Option<&mut Vec<Facts>> {
        let piece = self.pieces.get_mut(piece)?;
        Some(Arc::make_mut(&mut piece.messages))
    }

    fn insert(&mut self, piece: usize, at: usize, facts: Facts) {
        let is_last = piece + 1 >= self.pieces.len();
        let Some(messages) = self.in_piece(piece) else {
            return self.append(Vec::from([facts]));
        };
        if messages.len() < PIECE {
            messages.insert(at, facts);
        } else if is_last && at == messages.len() {
            return self.append(Vec::from([facts]));
        } else {
            // Two halves, as in a tree: the order of arrival may be any.
            messages.insert(at, facts);
            let behind = messages.split_off(messages.len() / 2);
            let half = Piece {
                before: 0,
                messages: Arc::new(behind),
            };
            self.pieces.insert(piece + 1, half);
        }
        self.count_from(piece);
    }

    fn append(&mut self, messages: Vec<Facts>) {
        if !messages.is_empty() {
            let before = self.len();
            let messages = Arc::new(messages);
            self.pieces.push(Piece { before, messages });
        }
    }

    /// Counts anew behind a piece that has changed.
    fn count_from(&mut self, piece: usize) {
        let mut before = piece
            .checked_sub(1)
            .and_then(|piece| self.pieces.get(piece))
            .map_or(0, |piece| piece.before + piece.messages.len());
        for piece in self.pieces.iter_mut().skip(piece) {
            piece.before = before;
            before += piece.messages.len();
        }
    }
}

impl FromIterator<Facts> for Messages {
    /// In any order; of several with one UID the last one counts.
    fn from_iter<I: IntoIterator<Item = Facts>>(messages: I) -> Self {
        let mut sorted: Vec<Facts> = messages.into_iter().collect();
        sorted.reverse();
        sorted.sort_by_key(|facts| facts.uid);
        sorted.dedup_by_key(|facts| facts.uid);
        let mut all = Self::new();
        let mut sorted = sorted.into_iter();
        while sorted.len() > 0 {
            all.append(sorted.by_ref().take(PIECE).collect());
        }
        all
    }
}

impl PartialEq for Messages {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for Messages {}

/// Without the messages, of which there may be many.
impl core::fmt::Debug for Messages {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Messages")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
