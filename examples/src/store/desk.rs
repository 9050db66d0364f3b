//! The desk at which everything about the mailboxes of one account is done, one thing at a time.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    appending::{Appended, Step},
    error::{MailboxError, ReadError, StoreError},
    flags::FlagChange,
    folders::{MailboxEntry, Sizes, SpecialUse, StatusFacts},
    fs::Fs,
    mailbox::{Account, Folder},
    maildir::Store,
    maildrop::Reader,
    selected::{Access, Copied, Fetched, Opened, Stored, Ticket},
};

#[derive(Debug)]
pub(crate) struct Desk<F: Fs> {
    store: Store<F>,
    account: Account,
}

pub(crate) struct Batch<F: Fs> {
    desk: Arc<Desk<F>>,
}

impl<F: Fs> Store<F> {
    pub(crate) fn desk(&self, account: &Account) -> Arc<Desk<F>> {
        Arc::new(Desk {
            store: self.clone(),
            account: account.clone(),
        })
    }
}

impl<F: Fs> Batch<F> {
    pub(crate) fn take(&mut self, _steps: Vec<Step>) {}
}

fn soon<T>() -> Result<T, MailboxError> {
    Err(StoreError::lost("do this yet").into())
}

impl<F: Fs> Desk<F> {
    pub(crate) fn account(&self) -> &Account {
        &self.account
    }
    pub(crate) fn mailboxes(&self, _now: Timestamp) -> Result<Vec<MailboxEntry>, MailboxError> {
        soon()
    }
    pub(crate) fn ensure(
        &self,
        _w: &[(Folder, SpecialUse)],
        _now: Timestamp,
    ) -> Result<bool, MailboxError> {
        soon()
    }
    pub(crate) fn create(
        &self,
        _f: &Folder,
        _u: Option<SpecialUse>,
        _now: Timestamp,
    ) -> Result<u32, MailboxError> {
        soon()
    }
    pub(crate) fn delete(&self, _f: &Folder, _now: Timestamp) -> Result<(), MailboxError> {
        soon()
    }
    pub(crate) fn rename(
        &self,
        _f: &Folder,
        _t: &Folder,
        _now: Timestamp,
    ) -> Result<(), MailboxError> {
        soon()
    }
    pub(crate) fn subscribe(&self, _f: &Folder, _now: Timestamp) -> Result<(), MailboxError> {
        soon()
    }
    pub(crate) fn unsubscribe(&self, _f: &Folder, _now: Timestamp) -> Result<(), MailboxError> {
        soon()
    }
    pub(crate) fn status(
        &self,
        _f: &Folder,
        _s: Sizes,
        _now: Timestamp,
    ) -> Result<StatusFacts, MailboxError> {
        soon()
    }
    pub(crate) fn open(
        &self,
        _f: &Folder,
        _a: Access,
        _now: Timestamp,
    ) -> Result<Opened, MailboxError> {
        soon()
    }
    pub(crate) fn refresh(&self, _t: &Ticket, _now: Timestamp) -> Result<(), MailboxError> {
        soon()
    }
    pub(crate) fn touched(&self, _t: &Ticket) -> bool {
        true
    }
    pub(crate) fn sizes(
        &self,
        _t: &Ticket,
        _u: &[u32],
        _now: Timestamp,
    ) -> Result<(), MailboxError> {
        soon()
    }
    pub(crate) fn store(
        &self,
        _t: &Ticket,
        _u: &[u32],
        _c: &FlagChange,
        _s: Option<u64>,
        _now: Timestamp,
    ) -> Result<Stored, MailboxError> {
        soon()
    }
    pub(crate) fn expunge(
        &self,
        _t: &Ticket,
        _u: Option<&[u32]>,
        _now: Timestamp,
    ) -> Result<Vec<u32>, MailboxError> {
        soon()
    }
    pub(crate) fn copy(
        &self,
        _t: &Ticket,
        _u: &[u32],
        _to: &Folder,
        _now: Timestamp,
    ) -> Result<Copied, MailboxError> {
        soon()
    }
    pub(crate) fn move_to(
        &self,
        _t: &Ticket,
        _u: &[u32],
        _to: &Folder,
        _now: Timestamp,
    ) -> Result<Copied, MailboxError> {
        soon()
    }
    pub(crate) fn read(
        &self,
        _t: &Ticket,
        _u: u32,
        _now: Timestamp,
    ) -> Result<Reader<F>, ReadError> {
        Err(ReadError::Gone)
    }
    pub(crate) fn read_many(
        &self,
        _t: &Ticket,
        _u: &[u32],
        _m: usize,
        _now: Timestamp,
    ) -> Result<Vec<(u32, Fetched)>, ReadError> {
        Err(ReadError::Gone)
    }
    pub(crate) fn batch(
        self: &Arc<Self>,
        _f: &Folder,
        _now: Timestamp,
    ) -> Result<Batch<F>, MailboxError> {
        soon()
    }
    pub(crate) fn commit(&self, batch: Batch<F>) -> Result<Appended, MailboxError> {
        drop(batch.desk.store.clone());
        soon()
    }
}
