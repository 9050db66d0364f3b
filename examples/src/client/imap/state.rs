//! What is known of a folder from earlier runs: a small file in it, written after each batch.
//!
//! It says which UIDs of which UIDVALIDITY were fetched, and up to which modification sequence the
//! flags are those of the server. Should it get lost, the messages are known by their file names.

use std::{
    io,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use mailwire::imap::{client::Selected, sequence::SequenceSet};

use super::uids::Uids;
use crate::file::{Access, replace};

const FILE: &str = ".mailfetch-state";

/// The state of a folder.
#[derive(Debug)]
pub(super) struct State {
    path: PathBuf,
    /// Whose folder it is: account and mailbox. Nothing before the first run.
    pub(super) source: String,
    pub(super) uid_validity: Option<NonZeroU32>,
    /// What was fetched, whether it is still here or not.
    pub(super) uids: Uids,
    /// Of the time when all flags here were those of the server.
    pub(super) mod_seq: Option<u64>,
    /// EXISTS and UIDNEXT when all was fetched: while they are the same nothing has come or gone.
    pub(super) settled: Option<(u32, NonZeroU32)>,
}

impl State {
    pub(super) fn load(dir: &Path) -> io::Result<Self> {
        let path = dir.join(FILE);
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        let mut state = Self {
            path,
            source: String::new(),
            uid_validity: None,
            uids: Uids::default(),
            mod_seq: None,
            settled: None,
        };
        for line in String::from_utf8_lossy(&text).lines() {
            let (word, value) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "source" => value.clone_into(&mut state.source),
                "uidvalidity" => state.uid_validity = value.parse().ok(),
                "uids" => {
                    let set = value.parse::<SequenceSet>();
                    state.uids = set.as_ref().map(Uids::of).unwrap_or_default();
                }
                "modseq" => state.mod_seq = value.parse().ok(),
                "settled" => {
                    let pair = value.split_once(' ');
                    let pair = pair.map(|(exists, next)| (exists.parse(), next.parse()));
                    state.settled = pair.and_then(|(exists, next)| exists.ok().zip(next.ok()));
                }
                _ => {}
            }
        }
        Ok(state)
    }

    /// Forgets what was known under another UIDVALIDITY.
    pub(super) fn turn_to(&mut self, uid_validity: Option<NonZeroU32>) {
        if self.uid_validity != uid_validity || uid_validity.is_none() {
            self.uid_validity = uid_validity;
            self.uids = Uids::default();
            self.mod_seq = None;
            self.settled = None;
        }
    }

    /// Whether the mailbox is as it was when all was fetched, flags and all.
    pub(super) fn is_settled(&self, selected: &Selected) -> bool {
        let now = selected.uid_next.map(|next| (selected.exists, next));
        self.uid_validity.is_some()
            && now.is_some()
            && self.settled == now
            && self.mod_seq.is_some()
            && self.mod_seq == selected.highest_mod_seq
    }

    /// Returns when it is on disk.
    pub(super) fn save(&self) -> io::Result<()> {
        let mut text = format!("source {}\n", self.source);
        if let Some(uid_validity) = self.uid_validity {
            text.push_str(&format!("uidvalidity {uid_validity}\n"));
            if let Some(uids) = self.uids.to_set() {
                text.push_str(&format!("uids {uids}\n"));
            }
            if let Some(mod_seq) = self.mod_seq {
                text.push_str(&format!("modseq {mod_seq}\n"));
            }
            if let Some((exists, next)) = self.settled {
                text.push_str(&format!("settled {exists} {next}\n"));
            }
        }
        replace(&self.path, text.as_bytes(), Access::Owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded_and_another_uidvalidity_forgets_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = State::load(dir.path()).unwrap();
        assert!(state.source.is_empty());
        state.source = "bob@h INBOX".to_owned();
        state.turn_to(NonZeroU32::new(7));
        state.uids.insert(1, 9);
        state.mod_seq = Some(u64::MAX);
        state.settled = Some((9, NonZeroU32::MAX));
        state.save().unwrap();
        let mut again = State::load(dir.path()).unwrap();
        assert_eq!(format!("{again:?}"), format!("{state:?}"));
        again.turn_to(NonZeroU32::new(7));
        assert_eq!(again.uids.count(), 9);
        again.turn_to(NonZeroU32::new(8));
        assert_eq!((again.uids.count(), again.mod_seq), (0, None));
    }

    #[test]
    fn without_a_uidvalidity_nothing_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = State::load(dir.path()).unwrap();
        state.uids.insert(1, 9);
        state.turn_to(None);
        assert_eq!(state.uids.count(), 0);
    }
}
