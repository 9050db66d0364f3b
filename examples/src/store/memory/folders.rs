//! The mailboxes of an account in memory.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Home, Mailbox, Memory};
use crate::store::{
    error::MailboxError,
    folders::{MailboxEntry, SpecialUse, StatusFacts, entries},
    mailbox::{Account, Folder},
};

impl Memory {
    pub(crate) fn mailboxes(&self, account: &Account) -> Vec<MailboxEntry> {
        let mut state = self.state();
        let home = state.accounts.entry(account.clone()).or_default();
        let uses = home.uses.iter().map(|(use_, at)| (at.clone(), *use_));
        entries(home.boxes.keys(), &home.subscribed, &uses.collect())
    }

    pub(crate) fn exists(&self, account: &Account, folder: &Folder) -> Result<(), MailboxError> {
        self.with(account, |home| home.mailbox(folder).map(|_| ()))
    }

    pub(crate) fn ensure(
        &self,
        account: &Account,
        wanted: &[(Folder, SpecialUse)],
        now: Timestamp,
    ) -> bool {
        let first = self.with(account, |home| home.ensured.replace(()).is_none());
        if first {
            for (folder, special_use) in wanted {
                // One that is there already is what was wanted.
                let _ = self.create(account, folder, Some(*special_use), now);
                self.with(account, |home| home.subscribed.insert(folder.clone()));
            }
        }
        first
    }

    pub(crate) fn create(
        &self,
        account: &Account,
        folder: &Folder,
        special_use: Option<SpecialUse>,
        now: Timestamp,
    ) -> Result<u32, MailboxError> {
        self.with(account, |home| {
            let taken = special_use.is_some_and(|wanted| home.uses.contains_key(&wanted));
            if taken || home.boxes.contains_key(folder) {
                return Err(MailboxError::AlreadyExists);
            }
            let validity = home.fresh(now);
            home.boxes.insert(folder.clone(), Mailbox::new(validity));
            if let Some(special_use) = special_use {
                home.uses.insert(special_use, folder.clone());
            }
            Ok(validity)
        })
    }

    pub(crate) fn delete(&self, account: &Account, folder: &Folder) -> Result<(), MailboxError> {
        if folder.is_inbox() {
            return Err(MailboxError::Impossible);
        }
        self.with(account, |home| {
            let Some(deleted) = home.boxes.remove(folder) else {
                let above = home.boxes.keys().any(|other| folder.is_above(other));
                return Err(if above {
                    MailboxError::HasChildren
                } else {
                    MailboxError::NoSuchMailbox
                });
            };
            let validity = deleted.snapshot.uid_validity;
            home.former.insert(folder.clone(), validity);
            home.uses.retain(|_, at| at != folder);
            Ok(())
        })
    }

    pub(crate) fn rename(
        &self,
        account: &Account,
        from: &Folder,
        to: &Folder,
        now: Timestamp,
    ) -> Result<(), MailboxError> {
        if to.is_inbox() || from.is_above(to) {
            return Err(MailboxError::Impossible);
        }
        self.with(account, |home| {
            if home.boxes.contains_key(to) {
                return Err(MailboxError::AlreadyExists);
            }
            if from.is_inbox() {
                let validity = home.fresh(now);
                let mut target = Mailbox::new(validity);
                home.mailbox(from)?.pour_into(&mut target);
                home.boxes.insert(to.clone(), target);
                return Ok(());
            }
            let moved: BTreeMap<Folder, Folder> = home
                .boxes
                .keys()
                .filter_map(|old| Some((old.clone(), old.moved(from, to)?)))
                .collect();
            if moved.is_empty() {
                return Err(MailboxError::NoSuchMailbox);
            }
            if moved.values().any(|new| home.boxes.contains_key(new)) {
                return Err(MailboxError::AlreadyExists);
            }
            for (old, new) in moved {
                if let Some(renamed) = home.boxes.remove(&old) {
                    let mut validity = renamed.snapshot.uid_validity;
                    home.former.insert(old, validity);
                    if home
                        .former
                        .get(&new)
                        .is_some_and(|former| *former >= validity)
                    {
                        validity = home.fresh(now);
                    }
                    // Who has it open has to open it anew.
                    home.boxes.insert(new, renamed.moved(validity));
                }
            }
            for at in home.uses.values_mut() {
                if let Some(new) = at.moved(from, to) {
                    *at = new;
                }
            }
            Ok(())
        })
    }

    pub(crate) fn subscribe(&self, account: &Account, folder: &Folder) -> Result<(), MailboxError> {
        self.with(account, |home| home.subscribed.insert(folder.clone()));
        Ok(())
    }

    pub(crate) fn unsubscribe(&self, account: &Account, folder: &Folder) {
        self.with(account, |home| home.subscribed.remove(folder));
    }

    pub(crate) fn status(
        &self,
        account: &Account,
        folder: &Folder,
    ) -> Result<StatusFacts, MailboxError> {
        self.with(account, |home| {
            Ok(StatusFacts::of(&home.mailbox(folder)?.snapshot))
        })
    }

    pub(super) fn with<T>(&self, account: &Account, work: impl FnOnce(&mut Home) -> T) -> T {
        work(self.state().accounts.entry(account.clone()).or_default())
    }
}

impl Home {
    pub(super) fn mailbox(&mut self, folder: &Folder) -> Result<&mut Mailbox, MailboxError> {
        self.boxes
            .get_mut(folder)
            .ok_or(MailboxError::NoSuchMailbox)
    }

    fn fresh(&mut self, now: Timestamp) -> u32 {
        let clock = u32::try_from(now.as_second()).unwrap_or(1);
        self.floor = clock.max(self.floor.saturating_add(1));
        self.floor
    }
}
