//! A mailbox in memory that a session has open.

use std::sync::Arc;

use bytes::Bytes;

use super::{Facts, Mailbox, Memory, State, Stored};
use crate::store::{
    appending::{Appended, Text},
    error::{MailboxError, ReadError},
    flags::{FlagChange, Keywords},
    listing::{Claim, Snapshot},
    mailbox::{Account, Folder},
    selected::{Access, Copied, Fetched, Opened, Stored as Changed, Ticket},
};

impl Memory {
    pub(crate) fn open_mailbox(
        &self,
        account: &Account,
        folder: &Folder,
        access: Access,
    ) -> Result<Opened, MailboxError> {
        let mut state = self.state();
        state.next += 1;
        let number = state.next;
        let home = state.accounts.entry(account.clone()).or_default();
        let mailbox = home.mailbox(folder)?;
        if access == Access::ReadWrite {
            mailbox.claim(number);
        }
        mailbox.publish();
        Ok(Opened {
            uid_validity: mailbox.snapshot.uid_validity,
            number,
            snapshots: mailbox.snapshots.subscribe(),
            arrivals: mailbox.arrivals.subscribe(),
        })
    }

    pub(crate) fn refresh(&self, ticket: &Ticket) -> Result<(), MailboxError> {
        self.state().admit(ticket, |mailbox| {
            if ticket.access == Access::ReadWrite {
                mailbox.claim(ticket.number);
            }
            Ok(())
        })
    }

    pub(crate) fn store(
        &self,
        ticket: &Ticket,
        uids: &[u32],
        change: &FlagChange,
        unchanged_since: Option<u64>,
    ) -> Result<Changed, MailboxError> {
        self.state().admit(ticket, |mailbox| {
            mailbox.store(uids, change, unchanged_since)
        })
    }

    pub(crate) fn expunge(
        &self,
        ticket: &Ticket,
        only: Option<&[u32]>,
    ) -> Result<Vec<u32>, MailboxError> {
        self.state().admit(ticket, |mailbox| {
            let mut chosen = only.map(<[u32]>::to_vec);
            if let Some(chosen) = &mut chosen {
                chosen.sort_unstable();
            }
            Ok(mailbox.remove(|listed, _| {
                let among = |chosen: &Vec<u32>| chosen.binary_search(&listed.uid).is_ok();
                listed.is_deleted() && chosen.as_ref().is_none_or(among)
            }))
        })
    }

    pub(crate) fn copy(
        &self,
        ticket: &Ticket,
        uids: &[u32],
        to: &Folder,
    ) -> Result<Copied, MailboxError> {
        let mut state = self.state();
        let taken = state.admit(ticket, |mailbox| Ok(mailbox.take(uids)))?;
        state.put(&ticket.account, to, taken)
    }

    pub(crate) fn move_to(
        &self,
        ticket: &Ticket,
        uids: &[u32],
        to: &Folder,
    ) -> Result<Copied, MailboxError> {
        let mut state = self.state();
        let taken = state.admit(ticket, |mailbox| Ok(mailbox.take(uids)))?;
        let copied = state.put(&ticket.account, to, taken)?;
        state.admit(ticket, |mailbox| {
            let moved = |uid| copied.pairs.binary_search_by_key(&uid, |(old, _)| *old);
            mailbox.remove(|listed, _| moved(listed.uid).is_ok());
            Ok(())
        })?;
        Ok(copied)
    }

    pub(crate) fn append(
        &self,
        account: &Account,
        folder: &Folder,
        texts: Vec<Text>,
    ) -> Result<Appended, MailboxError> {
        let mut state = self.state();
        let mut number = state.next;
        let home = state.accounts.entry(account.clone()).or_default();
        let mailbox = home.mailbox(folder)?;
        let mut uids = Vec::new();
        Snapshot::make_room(&mut mailbox.snapshot);
        let mut table = mailbox.snapshot.keywords.clone();
        let heads = texts.iter().map(|text| table.bits(text.head.names()));
        let heads: Vec<_> = heads.collect::<Result<_, _>>()?;
        Arc::make_mut(&mut mailbox.snapshot).keywords = table;
        for (text, (letters, keywords)) in texts.into_iter().zip(heads) {
            number += 1;
            let shown = text.octets.freeze();
            let stored = Stored {
                number,
                octets: shown.len() as u64 + u64::from(text.lines.missing()),
                text: shown.clone(),
                shown,
            };
            let facts = Facts {
                flags: text.head.flags | letters,
                keywords,
                internal_date: text.head.internal_date,
                claim: Claim::Open,
            };
            uids.push(mailbox.add(stored, facts));
        }
        mailbox.publish();
        let uid_validity = mailbox.snapshot.uid_validity;
        state.next = number;
        Ok(Appended { uid_validity, uids })
    }

    pub(crate) fn read(&self, ticket: &Ticket, uid: u32) -> Result<Bytes, ReadError> {
        let mut state = self.state();
        let found = state.admit(ticket, |mailbox| Ok(mailbox.shown(uid)));
        found.ok().flatten().ok_or(ReadError::Gone)
    }

    pub(crate) fn read_many(
        &self,
        ticket: &Ticket,
        uids: &[u32],
        max_octets: usize,
    ) -> Vec<(u32, Fetched)> {
        let mut state = self.state();
        let read = state.admit(ticket, |mailbox| {
            let mut left = max_octets;
            let mut fetched = Vec::new();
            for uid in uids {
                let text = mailbox.shown(*uid);
                let size = text.as_ref().map_or(0, Bytes::len);
                match (left.checked_sub(size), text) {
                    (Some(rest), Some(text)) => {
                        left = rest;
                        fetched.push((*uid, Fetched::Whole(text)));
                    }
                    (_, None) => fetched.push((*uid, Fetched::Gone)),
                    (None, Some(_)) => {
                        if fetched.is_empty() {
                            fetched.push((*uid, Fetched::Large));
                        }
                        break;
                    }
                }
            }
            Ok(fetched)
        });
        read.unwrap_or_else(|_| uids.iter().map(|uid| (*uid, Fetched::Gone)).collect())
    }
}

/// Messages on their way from one mailbox to another.
type Taken = (Arc<Snapshot>, Vec<(usize, Stored)>);

impl State {
    /// The mailbox of a session, unless it is another one by now. What was done is published.
    fn admit<T>(
        &mut self,
        ticket: &Ticket,
        work: impl FnOnce(&mut Mailbox) -> Result<T, MailboxError>,
    ) -> Result<T, MailboxError> {
        let home = self.accounts.get_mut(&ticket.account);
        let mailbox = home.and_then(|home| home.boxes.get_mut(&ticket.folder));
        let same = mailbox.filter(|mailbox| mailbox.snapshot.uid_validity == ticket.uid_validity);
        let mailbox = same.ok_or(MailboxError::Gone)?;
        let done = work(mailbox)?;
        mailbox.publish();
        Ok(done)
    }

    fn put(
        &mut self,
        account: &Account,
        to: &Folder,
        (from, taken): Taken,
    ) -> Result<Copied, MailboxError> {
        let home = self.accounts.entry(account.clone()).or_default();
        let target = home.mailbox(to)?;
        let listed = taken.iter().filter_map(|(at, _)| from.messages.get(*at));
        let listed: Vec<_> = listed.collect();
        Snapshot::make_room(&mut target.snapshot);
        let mut table = target.snapshot.keywords.clone();
        let bits = listed
            .iter()
            .map(|listed| table.bits(from.keywords_of(listed)));
        let bits: Vec<(_, Keywords)> = bits.collect::<Result<_, _>>()?;
        Arc::make_mut(&mut target.snapshot).keywords = table;
        let mut pairs = Vec::new();
        for (((_, stored), listed), (_, keywords)) in taken.into_iter().zip(listed).zip(bits) {
            self.next += 1;
            let stored = Stored {
                number: self.next,
                ..stored
            };
            let facts = Facts {
                flags: listed.flags,
                keywords,
                internal_date: listed.internal_date,
                claim: Claim::Nobody,
            };
            pairs.push((listed.uid, target.add(stored, facts)));
        }
        target.publish();
        Ok(Copied {
            uid_validity: target.snapshot.uid_validity,
            pairs,
        })
    }
}

impl Mailbox {
    fn shown(&self, uid: u32) -> Option<Bytes> {
        let at = self.snapshot.position(uid)?;
        self.texts.get(at).map(|stored| stored.shown.clone())
    }

    /// The messages with these UIDs, in rising order.
    fn take(&self, uids: &[u32]) -> Taken {
        let at = self.snapshot.positions(uids).into_iter();
        let taken = at.filter_map(|at| Some((at, self.texts.get(at)?.clone())));
        (Arc::clone(&self.snapshot), taken.collect())
    }

    fn claim(&mut self, number: u64) {
        if std::mem::take(&mut self.has_open_claims) {
            for message in &mut Arc::make_mut(&mut self.snapshot).messages {
                if message.claim == Claim::Open {
                    message.claim = Claim::By(number);
                }
            }
        }
    }

    fn store(
        &mut self,
        uids: &[u32],
        change: &FlagChange,
        unchanged_since: Option<u64>,
    ) -> Result<Changed, MailboxError> {
        Snapshot::make_room(&mut self.snapshot);
        let plan = self.snapshot.plan(uids, change, unchanged_since)?;
        Snapshot::carry_out(&mut self.snapshot, &plan);
        Ok(plan.done)
    }

    /// Moves all messages into an empty mailbox, under new UIDs.
    pub(super) fn pour_into(&mut self, target: &mut Self) {
        let from = Arc::clone(&self.snapshot);
        Arc::make_mut(&mut target.snapshot).keywords = from.keywords.clone();
        for (listed, stored) in from.messages.iter().zip(&self.texts) {
            let facts = Facts {
                flags: listed.flags,
                keywords: listed.keywords,
                internal_date: listed.internal_date,
                claim: Claim::Nobody,
            };
            target.add(stored.clone(), facts);
        }
        target.publish();
        self.remove(|_, _| true);
        self.publish();
    }

    /// The same under another name, with nobody looking on.
    pub(super) fn moved(mut self, uid_validity: u32) -> Self {
        Arc::make_mut(&mut self.snapshot).uid_validity = uid_validity;
        let mut moved = Self::new(uid_validity);
        (moved.snapshot, moved.texts) = (self.snapshot, self.texts);
        moved.has_open_claims = self.has_open_claims;
        moved.publish();
        moved
    }
}
