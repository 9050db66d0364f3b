//! A store that forgets everything with the process, for measuring a server without a disk.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::{Bytes, BytesMut};
use mailwire_core::dot::Encoder;

use super::{error::OpenError, mailbox::Account};

#[derive(Clone, Debug, Default)]
pub(crate) struct Memory(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    boxes: HashMap<Account, Vec<Stored>>,
    open: HashSet<Account>,
}

#[derive(Clone)]
pub(crate) struct Stored {
    number: u64,
    text: Bytes,
    octets: u64,
}

/// What a session sees of a mailbox.
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

    pub(crate) fn deliver(&self, recipients: &HashSet<&Account>, text: BytesMut) {
        let text = text.freeze();
        let mut encoder = Encoder::normalizing();
        // An encoder that normalizes refuses nothing.
        let _ = encoder.encode(text.clone(), |_| ());
        let _ = encoder.finish();
        let octets = encoder.octets();
        let mut state = self.state();
        for account in recipients {
            state.next += 1;
            let stored = Stored {
                number: state.next,
                text: text.clone(),
                octets,
            };
            state
                .boxes
                .entry((*account).clone())
                .or_default()
                .push(stored);
        }
    }

    pub(crate) fn open(&self, account: &Account) -> Result<Session, OpenError> {
        let mut state = self.state();
        if !state.open.insert(account.clone()) {
            return Err(OpenError::InUse);
        }
        let messages = state.boxes.get(account).cloned().unwrap_or_default();
        Ok(Session {
            memory: self.clone(),
            account: account.clone(),
            messages,
        })
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
        if let Some(messages) = self.memory.state().boxes.get_mut(&self.account) {
            messages.retain(|message| !doomed.contains(&message.number));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.memory.state().open.remove(&self.account);
    }
}
