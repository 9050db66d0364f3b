//! Mailboxes come and go.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    io,
};

use jiff::Timestamp;
use tokio::sync::watch;

use super::{Bench, Desk, Failure, Open, Written, register::Register};
use crate::store::{
    error::{Doing, MailboxError},
    folders::{MailboxEntry, Sizes, SpecialUse, StatusFacts, entries},
    fs::{Fs, Kind},
    index,
    mailbox::Folder,
    maildir::vanished,
    selected::{Access, Opened, Ticket},
};

/// Mailboxes of an account.
const MAX_FOLDERS: usize = 10_000;

/// What a deleted mailbox is called until all of it is removed. No folder has such a name.
const GONE: &str = "..mailwire-gone.";

impl<F: Fs> Desk<F> {
    pub(crate) fn mailboxes(&self, now: Timestamp) -> Result<Vec<MailboxEntry>, MailboxError> {
        self.enter(now, |bench| {
            let register = bench.register()?.unwrap_or_default();
            let there = bench.folders()?;
            Ok(entries(
                there.iter(),
                &register.subscribed,
                &register.by_folder(),
            ))
        })
    }

    pub(crate) fn ensure(
        &self,
        wanted: &[(Folder, SpecialUse)],
        now: Timestamp,
    ) -> Result<bool, MailboxError> {
        self.enter(now, |bench| {
            if bench.register()?.is_some() {
                return Ok(false);
            }
            let mut register = Register::default();
            for (folder, special_use) in wanted {
                bench.make(folder)?;
                register.subscribed.insert(folder.clone());
                register.uses.insert(*special_use, folder.clone());
            }
            bench.write(&register)?;
            Ok(true)
        })
    }

    pub(crate) fn create(
        &self,
        folder: &Folder,
        special_use: Option<SpecialUse>,
        now: Timestamp,
    ) -> Result<u32, MailboxError> {
        self.enter(now, |bench| {
            let there = bench.folders()?;
            let mut register = bench.register()?.unwrap_or_default();
            let taken = special_use.is_some_and(|wanted| register.uses.contains_key(&wanted));
            if taken || there.contains(folder) {
                return Err(MailboxError::AlreadyExists.into());
            }
            if there.len() >= MAX_FOLDERS {
                return Err(MailboxError::Limit { what: "mailboxes" }.into());
            }
            let uid_validity = bench.make(folder)?;
            if let Some(special_use) = special_use {
                register.uses.insert(special_use, folder.clone());
                bench.write(&register)?;
            }
            Ok(uid_validity)
        })
    }

    pub(crate) fn delete(&self, folder: &Folder, now: Timestamp) -> Result<(), MailboxError> {
        let Some(directory) = folder.directory() else {
            return Err(MailboxError::Impossible);
        };
        let trash = OsString::from(format!("{GONE}{}", self.store.unique(now)));
        self.enter(now, |bench| {
            let there = bench.folders()?;
            if !there.contains(folder) {
                let above = there.iter().any(|other| folder.is_above(other));
                let error = if above {
                    MailboxError::HasChildren
                } else {
                    MailboxError::NoSuchMailbox
                };
                return Err(error.into());
            }
            let (fs, home) = (bench.fs(), &*bench.home.home);
            fs.rename(home, OsStr::new(directory), &trash)
                .and_then(|()| fs.sync_dir(home))
                .doing("delete a mailbox")?;
            bench.forget(folder)?;
            if let Some(mut register) = bench.register()? {
                let before = register.uses.len();
                register.uses.retain(|_, used| used != folder);
                if register.uses.len() < before {
                    bench.write(&register)?;
                }
            }
            Ok(())
        })?;
        // It is deleted already; what is left of it is in nobody's way.
        let home = self.store.maildir(&self.account, &Folder::inbox());
        let home = home.doing("delete a mailbox")?.home;
        if let Err(error) = remove_tree(self.store.fs(), &home, &trash) {
            tracing::debug!(account = %self.account, %error, "a deleted mailbox is not removed yet");
        }
        Ok(())
    }

    pub(crate) fn rename(
        &self,
        from: &Folder,
        to: &Folder,
        now: Timestamp,
    ) -> Result<(), MailboxError> {
        if to.is_inbox() || (!from.is_inbox() && from.is_above(to)) {
            return Err(MailboxError::Impossible);
        }
        self.enter(now, |bench| {
            let there = bench.folders()?;
            if there.contains(to) {
                return Err(MailboxError::AlreadyExists.into());
            }
            if from.is_inbox() {
                return bench.rename_inbox(to);
            }
            let moved = there
                .iter()
                .filter_map(|old| Some((old, old.moved(from, to)?)));
            let moved: Vec<(&Folder, Folder)> = moved.collect();
            if moved.is_empty() {
                return Err(MailboxError::NoSuchMailbox.into());
            }
            if moved.iter().any(|(_, new)| there.contains(new)) {
                return Err(MailboxError::AlreadyExists.into());
            }
            if !moved.iter().all(|(_, new)| new.fits()) {
                return Err(MailboxError::Impossible.into());
            }
            bench.rename_directories(&moved)?;
            for (old, new) in &moved {
                bench.rename_in_index(old, new)?;
            }
            if let Some(mut register) = bench.register()? {
                let before = register.clone();
                for used in register.uses.values_mut() {
                    if let Some(new) = used.moved(from, to) {
                        *used = new;
                    }
                }
                if register != before {
                    bench.write(&register)?;
                }
            }
            Ok(())
        })
    }

    pub(crate) fn subscribe(&self, folder: &Folder, now: Timestamp) -> Result<(), MailboxError> {
        self.enter(now, |bench| {
            let mut register = bench.register()?.unwrap_or_default();
            if register.subscribed.insert(folder.clone()) {
                bench.write(&register)?;
            }
            Ok(())
        })
    }

    pub(crate) fn unsubscribe(&self, folder: &Folder, now: Timestamp) -> Result<(), MailboxError> {
        self.enter(now, |bench| {
            let mut register = bench.register()?.unwrap_or_default();
            if register.subscribed.remove(folder) {
                bench.write(&register)?;
            }
            Ok(())
        })
    }

    pub(crate) fn status(
        &self,
        folder: &Folder,
        sizes: Sizes,
        now: Timestamp,
    ) -> Result<StatusFacts, MailboxError> {
        let snapshot = || {
            self.enter(now, |bench| {
                let open = bench.open(folder)?;
                let snapshot = open.loaded.snapshot.clone();
                bench.close(open);
                Ok(snapshot)
            })
        };
        let known = snapshot()?;
        let unknown = known.messages.iter().filter(|m| m.octets.is_none());
        let unknown: Vec<u32> = unknown.map(|message| message.uid).collect();
        if sizes == Sizes::Known || unknown.is_empty() {
            return Ok(StatusFacts::of(&known));
        }
        let ticket = Ticket {
            account: self.account.clone(),
            folder: folder.clone(),
            access: Access::ReadOnly,
            uid_validity: known.uid_validity,
            number: 0,
        };
        self.sizes(&ticket, &unknown, now)?;
        Ok(StatusFacts::of(&*snapshot()?))
    }

    pub(crate) fn open(
        &self,
        folder: &Folder,
        access: Access,
        now: Timestamp,
    ) -> Result<Opened, MailboxError> {
        let number = self.next_session();
        // Before the look, or what comes between the two would be missed.
        let arrivals = {
            let mut bells = self.cell.bells();
            bells.retain(|_, bell| bell.receiver_count() > 0);
            let bell = bells.entry(folder.clone());
            bell.or_insert_with(|| watch::Sender::new(0)).subscribe()
        };
        self.enter(now, |bench| {
            let mut open = bench.open(folder)?;
            if access == Access::ReadWrite {
                bench.claim(&mut open, number);
            }
            let uid_validity = open.loaded.snapshot.uid_validity;
            bench.close(open);
            // Here and not later, for what nobody has open may be forgotten at the end of this.
            let state = bench.states.entry(folder.clone()).or_default();
            Ok(Opened {
                uid_validity,
                number,
                snapshots: state.snapshots.subscribe(),
                arrivals: arrivals.clone(),
            })
        })
    }

    pub(crate) fn refresh(&self, ticket: &Ticket, now: Timestamp) -> Result<(), MailboxError> {
        self.enter(now, |bench| {
            let open = bench.admit(ticket)?;
            bench.close(open);
            Ok(())
        })
    }
}

impl<F: Fs> Bench<'_, F> {
    /// Every mailbox that there is.
    fn folders(&self) -> Result<BTreeSet<Folder>, Failure> {
        let (fs, home) = (self.fs(), &*self.home.home);
        let mut folders = BTreeSet::from([Folder::inbox()]);
        for name in fs.list(home).doing("list mailboxes")? {
            let Some(folder) = name.to_str().and_then(Folder::of_directory) else {
                continue;
            };
            let stat = vanished(fs.stat(home, &name)).doing("list mailboxes")?;
            if stat.is_some_and(|stat| stat.kind == Kind::Directory) {
                folders.insert(folder);
            }
        }
        Ok(folders)
    }

    fn register(&self) -> Result<Option<Register>, Failure> {
        Ok(Register::read(self.fs(), &self.home.home)?)
    }

    fn write(&self, register: &Register) -> Result<(), Failure> {
        let unique = self.desk.store.unique(self.now);
        Ok(register.write(self.fs(), &self.home.home, &unique)?)
    }

    /// Makes a mailbox, unless it is there. Answers its UIDVALIDITY.
    fn make(&mut self, folder: &Folder) -> Result<u32, Failure> {
        let (store, account) = (&self.desk.store, &self.desk.account);
        if store
            .folder(account, folder)
            .doing("make a mailbox")?
            .is_none()
        {
            // Another mailbox of this name may have been removed behind our back.
            self.forget(folder)?;
            store.maildir(account, folder).doing("make a mailbox")?;
        }
        let open = self.open(folder)?;
        let uid_validity = open.loaded.snapshot.uid_validity;
        self.close(open);
        Ok(uid_validity)
    }

    /// The mailbox is no more; its name is remembered.
    fn forget(&mut self, folder: &Folder) -> Result<(), Failure> {
        self.states.remove(folder);
        self.desk.store.unsettle(&self.desk.account, folder);
        let name = index::name_of(folder);
        if let Some((id, view)) = index::head(self.tx, name)? {
            index::remember(self.tx, name, view.uidvalidity)?;
            index::forget_folder(self.tx, id)?;
            self.wrote(Written::New);
        }
        Ok(())
    }

    /// All of them or none, unless the power fails.
    fn rename_directories(&self, moved: &[(&Folder, Folder)]) -> Result<(), Failure> {
        let (fs, home) = (self.fs(), &*self.home.home);
        let rename = |from: &Folder, to: &Folder| match (from.directory(), to.directory()) {
            (Some(from), Some(to)) => fs.rename(home, OsStr::new(from), OsStr::new(to)),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        };
        let all = || {
            for (at, (old, new)) in moved.iter().enumerate() {
                if let Err(error) = rename(old, new) {
                    for (old, new) in moved.iter().take(at) {
                        let _ = rename(new, old);
                    }
                    return Err(error);
                }
            }
            fs.sync_dir(home)
        };
        Ok(all().doing("rename a mailbox")?)
    }

    /// UIDs stay. So does UIDVALIDITY, unless the new name has had a larger one.
    fn rename_in_index(&mut self, old: &Folder, new: &Folder) -> Result<(), Failure> {
        self.forget(new)?;
        self.states.remove(old);
        self.desk.store.unsettle(&self.desk.account, old);
        let (old, new) = (index::name_of(old), index::name_of(new));
        if let Some((id, mut view)) = index::head(self.tx, old)? {
            index::remember(self.tx, old, view.uidvalidity)?;
            if index::former(self.tx, new)? >= view.uidvalidity {
                view.uidvalidity = self.fresh_uid_validity()?;
            }
            index::rename_folder(self.tx, id, new, &view)?;
            self.wrote(Written::New);
        }
        Ok(())
    }

    /// The messages move, and INBOX stays (RFC 9051 §6.3.6).
    fn rename_inbox(&mut self, to: &Folder) -> Result<(), Failure> {
        self.make(to)?;
        let from: Open<F> = self.open(&Folder::inbox())?;
        let uids = from.loaded.snapshot.messages.iter();
        let uids: Vec<u32> = uids.map(|message| message.uid).collect();
        self.relocate(from, &uids, to)?;
        Ok(())
    }
}

/// Removes what is left of deleted mailboxes. Answers how many files.
pub(crate) fn sweep_deleted<F: Fs>(fs: &F, home: &F::Dir) -> io::Result<u64> {
    let mut removed = 0;
    for name in fs.list(home)? {
        if name.to_str().is_some_and(|name| name.starts_with(GONE)) {
            removed += remove_tree(fs, home, &name)?;
        }
    }
    Ok(removed)
}

/// Removes a Maildir: files, and directories that have nothing but files in them. Nothing else is followed.
fn remove_tree<F: Fs>(fs: &F, home: &F::Dir, name: &OsStr) -> io::Result<u64> {
    let mut removed = 0;
    let dir = fs.open_dir(home, name)?;
    for name in fs.list(&dir)? {
        match vanished(fs.stat(&dir, &name))?.map(|stat| stat.kind) {
            None => {}
            Some(Kind::Directory) => {
                let inner = fs.open_dir(&dir, &name)?;
                for file in fs.list(&inner)? {
                    removed += u64::from(vanished(fs.unlink(&inner, &file))?.is_some());
                }
                vanished(fs.remove_dir(&dir, &name))?;
            }
            Some(Kind::File | Kind::Other) => {
                removed += u64::from(vanished(fs.unlink(&dir, &name))?.is_some());
            }
        }
    }
    vanished(fs.remove_dir(home, name))?;
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deleted_mailbox_has_the_name_of_no_folder() {
        assert_eq!(
            Folder::of_directory(&format!("{GONE}1.M000002P3Q4.mx.example.test")),
            None
        );
    }
}
