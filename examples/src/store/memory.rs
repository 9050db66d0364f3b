//! A store that forgets everything with the process, for measuring a server without a disk.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use tokio::sync::watch;

use super::{
    content::Lines,
    error::OpenError,
    flags::{Flags, Keywords},
    folders::SpecialUse,
    listing::{Claim, Listed, Snapshot},
    mailbox::{Account, Folder},
};

mod folders;
mod selected;

#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    accounts: HashMap<Account, Home>,
    /// Held by POP3 sessions.
    open: HashSet<Account>,
}

#[derive(Debug)]
struct Home {
    boxes: BTreeMap<Folder, Mailbox>,
    subscribed: BTreeSet<Folder>,
    uses: BTreeMap<SpecialUse, Folder>,
    ensured: Option<()>,
    /// Of UIDVALIDITY.
    floor: u32,
    /// The last UIDVALIDITY under each name that there was.
    former: BTreeMap<Folder, u32>,
}

#[derive(Debug)]
struct Mailbox {
    snapshot: Arc<Snapshot>,
    /// In the order of the messages of the snapshot.
    texts: Vec<Stored>,
    /// Whether a message may be there that nobody has claimed.
    has_open_claims: bool,
    snapshots: watch::Sender<Arc<Snapshot>>,
    arrivals: watch::Sender<u64>,
}

#[derive(Clone)]
pub(crate) struct Stored {
    number: u64,
    /// As it came.
    text: Bytes,
    /// With CRLF line ends.
    shown: Bytes,
    /// As POP3 counts.
    octets: u64,
}

/// What a POP3 session sees of an INBOX.
#[derive(Debug)]
pub(crate) struct Session {
    memory: Memory,
    account: Account,
    pub(crate) messages: Vec<Stored>,
}

impl Memory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn deliver(
        &self,
        recipients: &HashSet<&(Account, Folder)>,
        text: BytesMut,
        now: Timestamp,
    ) {
        let text = text.freeze();
        let mut lines = Lines::default();
        let mut shown = lines.normalize(text.clone());
        if let Some(end) = lines.finish() {
            shown = [shown, end].concat().into();
        }
        let octets = lines.octets() + u64::from(lines.missing());
        let mut state = self.state();
        for (account, folder) in recipients {
            state.next += 1;
            let stored = Stored {
                number: state.next,
                text: text.clone(),
                shown: shown.clone(),
                octets,
            };
            let home = state.accounts.entry(account.clone()).or_default();
            home.deliver(folder, stored, now);
        }
    }

    pub(crate) fn open(&self, account: &Account) -> Result<Session, OpenError> {
        let mut state = self.state();
        if !state.open.insert(account.clone()) {
            return Err(OpenError::InUse);
        }
        let inbox = state.accounts.get(account).and_then(Home::inbox);
        let messages = inbox.map(|inbox| inbox.texts.clone()).unwrap_or_default();
        Ok(Session {
            memory: self.clone(),
            account: account.clone(),
            messages,
        })
    }
}

impl Default for Home {
    fn default() -> Self {
        Self {
            boxes: BTreeMap::from([(Folder::inbox(), Mailbox::new(1))]),
            subscribed: BTreeSet::new(),
            uses: BTreeMap::new(),
            ensured: None,
            floor: 1,
            former: BTreeMap::new(),
        }
    }
}

impl Home {
    fn inbox(&self) -> Option<&Mailbox> {
        self.boxes.get(&Folder::inbox())
    }

    /// A delivery makes the folder that it is for.
    fn deliver(&mut self, folder: &Folder, stored: Stored, now: Timestamp) {
        let validity = self.floor + 1;
        let target = self.boxes.entry(folder.clone()).or_insert_with(|| {
            self.floor = validity;
            Mailbox::new(validity)
        });
        let head = Facts {
            flags: Flags::NONE,
            keywords: Keywords::default(),
            internal_date: now.as_second(),
            claim: Claim::Open,
        };
        target.add(stored, head);
        target.arrivals.send_modify(|count| *count += 1);
    }
}

/// What is known of a message that comes in.
struct Facts {
    flags: Flags,
    keywords: Keywords,
    internal_date: i64,
    claim: Claim,
}

impl Mailbox {
    fn new(uid_validity: u32) -> Self {
        let snapshot = Arc::new(Snapshot::empty(uid_validity));
        Self {
            snapshots: watch::Sender::new(Arc::clone(&snapshot)),
            snapshot,
            texts: Vec::new(),
            has_open_claims: false,
            arrivals: watch::Sender::new(0),
        }
    }

    fn add(&mut self, stored: Stored, facts: Facts) -> u32 {
        let snapshot = Arc::make_mut(&mut self.snapshot);
        let uid = snapshot.uid_next;
        snapshot.uid_next += 1;
        snapshot.highest_mod_seq += 1;
        self.has_open_claims |= facts.claim == Claim::Open;
        snapshot.messages.push(Listed {
            uid,
            flags: facts.flags,
            keywords: facts.keywords,
            internal_date: facts.internal_date,
            octets: Some(stored.shown.len() as u64),
            mod_seq: snapshot.highest_mod_seq,
            claim: facts.claim,
        });
        self.texts.push(stored);
        uid
    }

    /// Removes messages. Answers their UIDs.
    fn remove(&mut self, mut doomed: impl FnMut(&Listed, &Stored) -> bool) -> Vec<u32> {
        let both = self.snapshot.messages.iter().zip(&self.texts);
        let gone: Vec<bool> = both.map(|(listed, text)| doomed(listed, text)).collect();
        if !gone.contains(&true) {
            return Vec::new();
        }
        let snapshot = Arc::make_mut(&mut self.snapshot);
        snapshot.highest_mod_seq += 1;
        let mut uids = Vec::new();
        let mut marks = gone.iter();
        snapshot.messages.retain(|listed| {
            let gone = marks.next() == Some(&true);
            if gone {
                uids.push(listed.uid);
            }
            !gone
        });
        let mut marks = gone.iter();
        self.texts.retain(|_| marks.next() != Some(&true));
        uids
    }

    fn publish(&self) {
        let snapshot = &self.snapshot;
        self.snapshots.send_if_modified(|published| {
            let changed = !Arc::ptr_eq(published, snapshot);
            published.clone_from(snapshot);
            changed
        });
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stored({}, {} octets)", self.number, self.octets)
    }
}

impl Stored {
    pub(crate) const fn octets(&self) -> u64 {
        self.octets
    }

    pub(crate) fn id(&self) -> String {
        format!("m{}", self.number)
    }

    pub(crate) fn text(&self) -> Bytes {
        self.text.clone()
    }
}

impl Session {
    pub(crate) fn update(&self, deleted: &[usize]) {
        let doomed: HashSet<u64> = deleted
            .iter()
            .filter_map(|at| self.messages.get(*at))
            .map(|m| m.number)
            .collect();
        let mut state = self.memory.state();
        let home = state.accounts.get_mut(&self.account);
        if let Some(inbox) = home.and_then(|home| home.boxes.get_mut(&Folder::inbox())) {
            inbox.remove(|_, text| doomed.contains(&text.number));
            inbox.publish();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.memory.state().open.remove(&self.account);
    }
}
