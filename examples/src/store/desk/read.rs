//! Messages are read.

use std::{io, sync::Arc};

use bytes::Bytes;
use jiff::Timestamp;

use super::{Bench, Desk, Failure, Open, Written, look::marks, state::Entry};
use crate::store::{
    content::Lines,
    error::{Doing, MailboxError, ReadError, StoreError},
    fs::Fs,
    index,
    maildir::{Maildir, vanished},
    maildrop::Reader,
    selected::{Fetched, Ticket},
};

/// An opened message file, if it is there.
type Opened<F> = Option<(<F as Fs>::File, u64)>;

impl<F: Fs> Desk<F> {
    pub(crate) fn read(
        &self,
        ticket: &Ticket,
        uid: u32,
        now: Timestamp,
    ) -> Result<Reader<F>, ReadError> {
        let maildir = self.maildir(ticket)?;
        let entry = self.locate(ticket, &[uid], now)?.pop().flatten();
        let opened = self.open_file(ticket, &maildir, uid, entry, now)?;
        let (file, size) = opened.ok_or(ReadError::Gone)?;
        Ok(Reader::over(&self.store, file, size))
    }

    pub(crate) fn read_many(
        &self,
        ticket: &Ticket,
        uids: &[u32],
        max_octets: usize,
        now: Timestamp,
    ) -> Result<Vec<(u32, Fetched)>, ReadError> {
        let maildir = self.maildir(ticket)?;
        let entries = self.locate(ticket, uids, now)?;
        let mut left = max_octets;
        let mut fetched = Vec::new();
        for (uid, entry) in uids.iter().zip(entries) {
            let Some((file, size)) = self.open_file(ticket, &maildir, *uid, entry, now)? else {
                fetched.push((*uid, Fetched::Gone));
                continue;
            };
            let text = match usize::try_from(size) {
                Ok(size) if size <= left => self.whole(file, size)?,
                _ => None,
            };
            match text.and_then(|text| Some((left.checked_sub(text.len())?, text))) {
                Some((rest, text)) => {
                    left = rest;
                    fetched.push((*uid, Fetched::Whole(text)));
                }
                None => {
                    if fetched.is_empty() {
                        fetched.push((*uid, Fetched::Large));
                    }
                    break;
                }
            }
        }
        Ok(fetched)
    }

    /// Counts the octets of these messages, where that was not done before.
    pub(crate) fn sizes(
        &self,
        ticket: &Ticket,
        uids: &[u32],
        now: Timestamp,
    ) -> Result<(), MailboxError> {
        let maildir = match self.maildir(ticket) {
            Ok(maildir) => maildir,
            Err(ReadError::Gone) => return Err(MailboxError::Gone),
            Err(ReadError::Store(error)) => return Err(error.into()),
        };
        let entries = self.locate(ticket, uids, now)?;
        // Nothing is held while files are read.
        let mut counted = Vec::new();
        for (uid, entry) in uids.iter().zip(entries) {
            if let Some((file, size)) = self.open_file(ticket, &maildir, *uid, entry, now)? {
                counted.push((*uid, size, Reader::over(&self.store, file, size).count()?));
            }
        }
        self.enter(now, |bench| {
            let mut open = bench.admit(ticket)?;
            let mut positions = Vec::new();
            let messages = &mut Arc::make_mut(&mut open.loaded.snapshot).messages;
            for (uid, size, lines) in &counted {
                let Ok(at) = messages.binary_search_by_key(uid, |listed| listed.uid) else {
                    continue;
                };
                if let Some((listed, entry)) =
                    messages.get_mut(at).zip(open.loaded.entries.get_mut(at))
                {
                    listed.octets = Some(lines.octets());
                    (entry.size, entry.missing) = (*size, lines.missing());
                    positions.push(at);
                }
            }
            let name = index::name_of(&open.folder);
            open.loaded.save(bench.tx, name, positions)?;
            bench.wrote(Written::Known);
            bench.close(open);
            Ok(())
        })
    }

    /// Whether a look at the directories may find something new.
    pub(crate) fn touched(&self, ticket: &Ticket) -> bool {
        let Ok(maildir) = self.maildir(ticket) else {
            return true;
        };
        let marks = marks(self.store.fs(), &maildir).ok();
        let place = self.cell.work();
        let state = place.states.get(&ticket.folder);
        let loaded = state.and_then(|state| state.loaded());
        loaded.is_none_or(|loaded| !loaded.seen.sure || loaded.seen.marks != marks)
    }

    fn maildir(&self, ticket: &Ticket) -> Result<Maildir<F>, ReadError> {
        let maildir = self.store.folder(&self.account, &ticket.folder);
        maildir.doing("open a mailbox")?.ok_or(ReadError::Gone)
    }

    /// Where the files of messages are, as far as is known.
    fn locate(
        &self,
        ticket: &Ticket,
        uids: &[u32],
        now: Timestamp,
    ) -> Result<Vec<Option<Entry>>, MailboxError> {
        if let Some(known) = self.known(ticket, uids) {
            return Ok(known);
        }
        self.enter(now, |bench| {
            let open = bench.admit(ticket)?;
            bench.close(open);
            Ok(())
        })?;
        Ok(self
            .known(ticket, uids)
            .unwrap_or_else(|| vec![None; uids.len()]))
    }

    fn known(&self, ticket: &Ticket, uids: &[u32]) -> Option<Vec<Option<Entry>>> {
        let place = self.cell.work();
        let loaded = place.states.get(&ticket.folder)?.loaded()?;
        if loaded.snapshot.uid_validity != ticket.uid_validity || loaded.seen.marks.is_none() {
            return None;
        }
        let entry = |uid: &u32| {
            let at = loaded.snapshot.position(*uid)?;
            loaded.entries.get(at).cloned()
        };
        Some(uids.iter().map(entry).collect())
    }

    /// Opens a file. Where it is not, another program may have given it another name.
    fn open_file(
        &self,
        ticket: &Ticket,
        maildir: &Maildir<F>,
        uid: u32,
        entry: Option<Entry>,
        now: Timestamp,
    ) -> Result<Opened<F>, MailboxError> {
        let Some(entry) = entry else { return Ok(None) };
        if let Some(opened) = self.try_open(maildir, &entry)? {
            return Ok(Some(opened));
        }
        self.enter(now, |bench| {
            let mut open = bench.admit(ticket)?;
            open.loaded.seen.marks = None;
            bench.look(&mut open)?;
            bench.resize(&mut open, uid)?;
            bench.close(open);
            Ok(())
        })?;
        match self
            .known(ticket, &[uid])
            .and_then(|mut known| known.pop().flatten())
        {
            Some(entry) => self.try_open(maildir, &entry),
            None => Ok(None),
        }
    }

    /// A file of another size is not the message that was announced.
    fn try_open(&self, maildir: &Maildir<F>, entry: &Entry) -> Result<Opened<F>, MailboxError> {
        match self.store.fs().open(maildir.part(entry.part), &entry.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::new("open a message", &error).into()),
            Ok((file, stat)) => Ok((stat.size == entry.size).then_some((file, stat.size))),
        }
    }

    /// A small message. `None` when it was cut short behind our back.
    fn whole(&self, mut file: F::File, size: usize) -> Result<Option<Bytes>, StoreError> {
        let mut text = vec![0; size];
        let mut filled = 0;
        while let Some(rest) = text.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self
                .store
                .fs()
                .read(&mut file, rest)
                .doing("read a message")?
            {
                0 => return Ok(None),
                count => filled += count,
            }
        }
        let mut lines = Lines::default();
        let text = lines.normalize(text.into());
        Ok(Some(match lines.finish() {
            None => text,
            Some(end) => [text, end].concat().into(),
        }))
    }
}

impl<F: Fs> Bench<'_, F> {
    /// Should a file have another size than was known, that one counts.
    fn resize(&mut self, open: &mut Open<F>, uid: u32) -> Result<(), Failure> {
        let Some(at) = open.loaded.snapshot.position(uid) else {
            return Ok(());
        };
        let mod_seq = open.loaded.snapshot.highest_mod_seq + 1;
        let Some(entry) = open.loaded.entries.get_mut(at) else {
            return Ok(());
        };
        let stat = vanished(
            self.desk
                .store
                .fs()
                .stat(open.maildir.part(entry.part), &entry.file),
        );
        match stat.doing("look at a message")? {
            Some(stat) if stat.size != entry.size => {
                (entry.size, entry.missing) = (stat.size, 0);
                let snapshot = Arc::make_mut(&mut open.loaded.snapshot);
                snapshot.highest_mod_seq = mod_seq;
                if let Some(listed) = snapshot.messages.get_mut(at) {
                    (listed.octets, listed.mod_seq) = (None, mod_seq);
                }
                let name = index::name_of(&open.folder);
                open.loaded.save(self.tx, name, [at])?;
                self.wrote(Written::Known);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl From<MailboxError> for ReadError {
    fn from(error: MailboxError) -> Self {
        match error {
            MailboxError::Store(error) => Self::Store(error),
            _ => Self::Gone,
        }
    }
}
