//! Telling the client.

use alloc::vec::Vec;
use core::num::NonZeroU32;

use super::{Entry, View, number_at, told_flags};
use crate::{
    command::{By, CommandBody},
    limits,
    response::{Fetch, FlagList, Response, Vanished},
    sequence::SequenceSet,
};

/// Whether message numbers may move now (RFC 9051 §7.5.1).
///
/// ```
/// use mailwire_imap::toolkit::view::Timing;
/// assert_eq!(Timing::default(), Timing::KeepNumbers);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "RFC 9051 §7.5.1 allows EXPUNGE or not"
)]
pub enum Timing {
    /// No EXPUNGE: no command is in progress, or one whose numbers it would confuse.
    #[default]
    KeepNumbers,
    /// All that there is to tell.
    Any,
}

impl Timing {
    /// While this command is being answered: FETCH and STORE by number, and SEARCH, SORT and THREAD
    /// keep the numbers (RFC 9051 §7.5.1, RFC 5256 §3); the others do not, IDLE included.
    ///
    /// So does UID SEARCH, whose criteria may have numbers in them (RFC 7162 §3.2.10.2).
    ///
    /// ```
    /// use mailwire_imap::{command::CommandBody, toolkit::view::Timing};
    /// assert_eq!(Timing::of(&CommandBody::Noop), Timing::Any);
    /// ```
    #[must_use]
    pub const fn of(command: &CommandBody) -> Self {
        match command {
            CommandBody::Fetch { by: By::Number, .. }
            | CommandBody::Store { by: By::Number, .. }
            | CommandBody::Search { .. }
            | CommandBody::Sort { .. }
            | CommandBody::Thread { .. } => Self::KeepNumbers,
            _ => Self::Any,
        }
    }
}

/// What is told of the changes in a mailbox, one response after the other: FLAGS, EXPUNGE or
/// VANISHED, EXISTS, RECENT, FETCH.
///
/// What was taken counts as told, and no more than that: where there is no room for the rest, it is
/// left for the next time.
///
/// ```
/// use core::num::NonZeroU32;
/// use mailwire_imap::{response::Response, toolkit::view::{Facts, Snapshot, Timing, View}};
/// let uid = NonZeroU32::new(7).unwrap();
/// let mut snapshot = Snapshot::new(uid, uid);
/// let mut view = View::new(snapshot.clone());
/// snapshot.messages.push(Facts::new(uid, "\"17-Jul-1996 02:44:25 -0700\"".parse()?, None));
/// view.update(snapshot).unwrap();
/// assert!(view.changes(Timing::KeepNumbers).eq([Response::Exists(1)]));
/// assert!(!view.has_changes(Timing::Any));
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Debug)]
#[must_use = "what is not taken is not told"]
pub struct Changes<'a> {
    view: &'a mut View,
    timing: Timing,
    /// Entries before `kept` stay, those from there up to `looked` are gone and told.
    kept: usize,
    looked: usize,
}

impl View {
    /// What the client is to be told, as far as `timing` lets it be.
    pub fn changes(&mut self, timing: Timing) -> Changes<'_> {
        Changes {
            view: self,
            timing,
            kept: 0,
            looked: 0,
        }
    }
}

impl Changes<'_> {
    /// The next message that is gone. Entries move up by as much as is known to be gone before
    /// them, so that all EXPUNGEs together cost one walk.
    fn expunge(&mut self) -> Option<NonZeroU32> {
        while self.view.gone > 0 && self.looked < self.view.entries.len() {
            let entry = *self.view.entries.get(self.looked)?;
            self.looked += 1;
            if entry.has(Entry::GONE) {
                let number = number_at(self.kept);
                self.view.gone -= 1;
                if entry.has(Entry::RECENT) {
                    self.view.recent -= 1;
                }
                self.view.exists -= 1;
                return number;
            }
            if let Some(place) = self.view.entries.get_mut(self.kept) {
                *place = entry;
            }
            self.kept += 1;
        }
        self.close();
        None
    }

    /// The next messages that are gone, as many as go into one response.
    fn vanished(&mut self) -> Option<Vanished> {
        let view = &mut *self.view;
        let mut uids = Vec::new();
        if view.gone > 0 {
            view.entries.retain(|entry| {
                let is_told = entry.has(Entry::GONE) && uids.len() < limits::VANISHED;
                if is_told {
                    uids.push(entry.uid);
                    view.recent -= u32::from(entry.has(Entry::RECENT));
                }
                !is_told
            });
            view.gone -= uids.len();
            view.exists -= uids.len();
            view.next_news = 0;
        }
        SequenceSet::of(uids).map(|uids| Vanished::now(&uids))
    }

    /// Closes the gap that EXPUNGEs have left.
    fn close(&mut self) {
        if self.kept < self.looked {
            self.view.entries.drain(self.kept..self.looked);
            self.view.next_news = 0;
        }
        (self.kept, self.looked) = (0, 0);
    }

    fn fetch(&mut self) -> Option<Fetch> {
        let view = &mut *self.view;
        while view.news > 0 && view.next_news < view.exists {
            let at = view.next_news;
            view.next_news += 1;
            let entry = view.entries.get_mut(at)?;
            let marks = entry.marks;
            if marks & Entry::NEWS == 0 {
                continue;
            }
            entry.marks &= !Entry::NEWS;
            view.news -= 1;
            let entry = *entry;
            // Unsolicited FETCH responses have the UID (RFC 9051 §7.5.2).
            let mut fetch = Fetch::builder(number_at(at)?).uid(entry.uid);
            let Some(facts) = view.facts_of(entry, &mut at.clone()) else {
                continue;
            };
            if marks & Entry::FLAGS == 0 && facts.mod_seq == 0 {
                // A store without mod-sequences has nothing to tell behind `.SILENT`.
                continue;
            }
            if marks & Entry::FLAGS != 0 {
                fetch = fetch.flags(&told_flags(&facts));
            }
            if view.tells_mod_seq && facts.mod_seq > 0 {
                fetch = fetch.mod_seq(facts.mod_seq);
            }
            return Some(fetch.build());
        }
        view.next_news = 0;
        None
    }
}

impl Iterator for Changes<'_> {
    type Item = Response;

    fn next(&mut self) -> Option<Response> {
        if core::mem::take(&mut self.view.has_new_flags) {
            let flags = FlagList::new(&self.view.snapshot.flags);
            return Some(Response::Flags(flags));
        }
        if self.timing == Timing::Any {
            let gone = if self.view.tells_vanished {
                self.vanished().map(Response::Vanished)
            } else {
                self.expunge().map(Response::Expunge)
            };
            if gone.is_some() {
                return gone;
            }
        }
        if self.view.exists < self.view.entries.len() {
            self.view.exists = self.view.entries.len();
            return Some(Response::Exists(self.view.exists()));
        }
        if self.view.recent != self.view.recent_told {
            self.view.recent_told = self.view.recent;
            return Some(Response::Recent(self.view.recent));
        }
        self.fetch().map(Response::Fetch)
    }
}

impl Drop for Changes<'_> {
    fn drop(&mut self) {
        self.close();
    }
}
