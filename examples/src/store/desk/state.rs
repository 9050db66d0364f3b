//! What is in memory of one mailbox.

use std::{
    collections::HashSet,
    ffi::{OsStr, OsString},
    sync::Arc,
};

use rusqlite::Transaction;
use tokio::sync::watch;

use crate::store::{
    flags::Keywords,
    fs::Mark,
    index::{self, Fault, Record, View},
    listing::{Claim, Listed, Snapshot},
    maildir::Part,
    name::Name,
};

/// A mailbox, as those see it who have it open.
#[derive(Debug)]
pub(super) struct State {
    loaded: Option<Loaded>,
    pub(super) snapshots: watch::Sender<Arc<Snapshot>>,
}

/// All that is known of a mailbox.
#[derive(Debug)]
pub(super) struct Loaded {
    /// In the index.
    pub(super) id: i64,
    pub(super) snapshot: Arc<Snapshot>,
    /// In the order of the messages of the snapshot.
    pub(super) entries: Vec<Entry>,
    /// When the directories were last looked at.
    pub(super) seen: Seen,
    /// Base names that more than one file has.
    pub(super) twins: HashSet<OsString>,
}

/// The file of a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Entry {
    pub(super) file: Box<OsStr>,
    pub(super) part: Part,
    /// Octets of the file.
    pub(super) size: u64,
    /// Octets that POP3 puts behind the message.
    pub(super) missing: u8,
}

impl Entry {
    pub(super) fn name(&self) -> Name<'_> {
        Name::of(&self.file)
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// Of `new` and `cur`; `None` when all must be looked at again.
    pub(super) marks: Option<[Mark; 2]>,
    /// Whether no change can hide behind the same mark.
    pub(super) sure: bool,
    /// Whether the last change of the mark was made here.
    pub(super) own: bool,
    /// How many deliveries there were by then.
    pub(super) deliveries: u64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            loaded: None,
            snapshots: watch::Sender::new(Arc::new(Snapshot::empty(0))),
        }
    }
}

impl State {
    pub(super) fn loaded(&self) -> Option<&Loaded> {
        self.loaded.as_ref()
    }

    pub(super) fn take(&mut self) -> Option<Loaded> {
        self.loaded.take()
    }

    pub(super) fn put(&mut self, loaded: Loaded) {
        self.loaded = Some(loaded);
    }

    pub(super) fn unload(&mut self) {
        self.loaded = None;
    }

    pub(super) fn len(&self) -> usize {
        self.loaded
            .as_ref()
            .map_or(0, |loaded| loaded.entries.len())
    }

    pub(super) fn is_open(&self) -> bool {
        self.snapshots.receiver_count() > 0
    }

    pub(super) fn publish(&self) {
        let Some(loaded) = &self.loaded else { return };
        self.snapshots.send_if_modified(|published| {
            let changed =
                !Arc::ptr_eq(published, &loaded.snapshot) && *published != loaded.snapshot;
            published.clone_from(&loaded.snapshot);
            changed
        });
    }
}

impl Loaded {
    pub(super) fn new(id: i64, uid_validity: u32) -> Self {
        Self {
            id,
            snapshot: Arc::new(Snapshot::empty(uid_validity)),
            entries: Vec::new(),
            seen: Seen::default(),
            twins: HashSet::new(),
        }
    }

    /// What the index says. Where the files are is known after the next look. Whom messages are recent for is taken
    /// from what was known before.
    pub(super) fn load(tx: &Transaction<'_>, name: &str, before: &Snapshot) -> Result<Self, Fault> {
        let (id, view) = index::load(tx, name)?.ok_or(Fault::Unusable)?;
        let mut snapshot = Snapshot::empty(view.uidvalidity);
        snapshot.uid_next = view.uidnext;
        snapshot.highest_mod_seq = u64::try_from(view.modseq).map_err(|_| Fault::Unusable)?;
        let same = before.uid_validity == snapshot.uid_validity;
        let mut old = before.messages.iter().filter(|_| same).peekable();
        let mut entries = Vec::with_capacity(view.records.len());
        snapshot.messages.reserve_exact(view.records.len());
        for record in view.records {
            let words = record.keywords.split(' ').filter(|word| !word.is_empty());
            // One keyword too many is lost, and no message.
            let keywords = snapshot.keywords.bits(words).map(|(_, bits)| bits);
            while old.next_if(|old| old.uid < record.uid).is_some() {}
            let claim = old.next_if(|old| old.uid == record.uid);
            snapshot.messages.push(Listed {
                uid: record.uid,
                flags: record.flags,
                keywords: keywords.unwrap_or_default(),
                internal_date: record.internal_date,
                octets: record.octets.and_then(|octets| u64::try_from(octets).ok()),
                mod_seq: u64::try_from(record.modseq).map_err(|_| Fault::Unusable)?,
                claim: claim.map_or(Claim::Nobody, |old| old.claim),
            });
            entries.push(Entry {
                file: record.base.into_boxed_os_str(),
                part: Part::Cur,
                size: u64::try_from(record.size).unwrap_or(0),
                missing: u8::try_from(record.missing).unwrap_or(0),
            });
        }
        Ok(Self {
            id,
            snapshot: Arc::new(snapshot),
            entries,
            seen: Seen::default(),
            twins: HashSet::new(),
        })
    }

    /// Whether this is still what the index says.
    pub(super) fn is(&self, id: i64, view: &View) -> bool {
        self.id == id
            && self.snapshot.uid_validity == view.uidvalidity
            && self.snapshot.uid_next == view.uidnext
            && i64::try_from(self.snapshot.highest_mod_seq) == Ok(view.modseq)
    }

    /// The row of the mailbox.
    pub(super) fn view(&self) -> View {
        View {
            uidvalidity: self.snapshot.uid_validity,
            uidnext: self.snapshot.uid_next,
            modseq: i64::try_from(self.snapshot.highest_mod_seq).unwrap_or(i64::MAX),
            records: Vec::new(),
        }
    }

    /// Writes the row of the mailbox and those of the messages at these positions.
    pub(super) fn save(
        &self,
        tx: &Transaction<'_>,
        name: &str,
        positions: impl IntoIterator<Item = usize>,
    ) -> Result<(), Fault> {
        for at in positions {
            if let Some(record) = self.record(at) {
                index::put(tx, self.id, &record)?;
            }
        }
        index::update_folder(tx, self.id, name, &self.view())
    }

    fn record(&self, at: usize) -> Option<Record> {
        let (listed, entry) = (self.snapshot.messages.get(at)?, self.entries.get(at)?);
        Some(Record {
            uid: listed.uid,
            base: entry.name().base.to_owned(),
            flags: listed.flags,
            keywords: self.snapshot.words(listed.keywords),
            internal_date: listed.internal_date,
            size: i64::try_from(entry.size).unwrap_or(i64::MAX),
            octets: listed.octets.and_then(|octets| i64::try_from(octets).ok()),
            missing: entry.missing.into(),
            modseq: i64::try_from(listed.mod_seq).unwrap_or(i64::MAX),
        })
    }

    /// Adds a message under the next UID and the mod-sequence that the snapshot has. Answers the UID.
    pub(super) fn add(&mut self, entry: Entry, listed: Listed) -> Result<u32, Fault> {
        let snapshot = Arc::make_mut(&mut self.snapshot);
        let uid = snapshot.uid_next;
        // When all are used up, a new UIDVALIDITY is the only way on (RFC 9051 §2.3.1.1).
        snapshot.uid_next = uid.checked_add(1).ok_or(Fault::Unusable)?;
        snapshot.messages.push(Listed {
            uid,
            mod_seq: snapshot.highest_mod_seq,
            ..listed
        });
        self.entries.push(entry);
        Ok(uid)
    }

    /// Forgets the messages at these positions, which rise. Answers their UIDs.
    pub(super) fn remove(&mut self, positions: &[usize]) -> Vec<u32> {
        if positions.is_empty() {
            return Vec::new();
        }
        let snapshot = Arc::make_mut(&mut self.snapshot);
        snapshot.highest_mod_seq += 1;
        let mut uids = Vec::with_capacity(positions.len());
        let mut doomed = positions.iter().peekable();
        let mut at = 0;
        snapshot.messages.retain(|listed| {
            let gone = doomed.next_if_eq(&&at).is_some();
            at += 1;
            if gone {
                uids.push(listed.uid);
            }
            !gone
        });
        let mut doomed = positions.iter().peekable();
        let mut at = 0;
        self.entries.retain(|_| {
            let gone = doomed.next_if_eq(&&at).is_some();
            at += 1;
            !gone
        });
        uids
    }

    /// Something about messages has changed: the mod-sequence of that.
    pub(super) fn step(&mut self) -> u64 {
        let snapshot = Arc::make_mut(&mut self.snapshot);
        snapshot.highest_mod_seq += 1;
        snapshot.highest_mod_seq
    }
}

/// A message that has just come.
pub(super) const fn arrived(internal_date: i64, claim: Claim) -> Listed {
    Listed {
        uid: 0,
        flags: crate::store::flags::Flags::NONE,
        keywords: Keywords(0),
        internal_date,
        octets: None,
        mod_seq: 0,
        claim,
    }
}
