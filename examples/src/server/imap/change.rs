//! The commands that change messages: STORE, COPY, MOVE, EXPUNGE.

use std::num::NonZeroU32;

use jiff::Timestamp;
use mailwire_imap::{
    command::{By, CommandBody},
    mailbox::Mailbox,
    response::{Code, Condition, Response, Status},
    sequence::SequenceSet,
    server::Done,
    session::{Answer, Untagged},
    toolkit::view::{Stored, copy_uid},
};

use super::{
    Imap,
    words::{self, For, refusal},
};
use crate::store::{Copied, Folder, Snapshot};

/// The messages that a set names.
#[derive(Debug, Default)]
pub(super) struct Named {
    pub(super) uids: Vec<NonZeroU32>,
    /// Whether one of them is gone, which the client does not know yet.
    pub(super) has_expunged: bool,
}

impl Imap {
    /// The messages that a set names.
    pub(super) fn named(&self, by: By, set: &SequenceSet) -> Result<Named, Done> {
        let open = self.selected.as_ref().ok_or_else(Done::unavailable)?;
        // `$` stands for messages, whatever the command counts by (RFC 9051 §6.4.4.1).
        let (set, by) = match (set.is_saved(), open.saved.to_set()) {
            (false, _) => (set.clone(), by),
            (true, Some(saved)) => (saved, By::Uid),
            (true, None) => return Ok(Named::default()),
        };
        let found = open.view.resolve(&set, by, &[]);
        let found = found.map_err(|error| Done::bad(&error.to_string()))?;
        Ok(Named {
            has_expunged: found.has_expunged(),
            uids: found.uids().collect(),
        })
    }

    pub(super) async fn store(&mut self, command: CommandBody, out: &mut Untagged) -> Answer {
        let CommandBody::Store {
            by,
            set,
            unchanged_since,
            mode,
            silence,
            flags,
        } = command
        else {
            return Answer::Done(Done::unavailable());
        };
        let uids = match self.named(by, &set) {
            Ok(named) => named.uids,
            Err(done) => return Answer::Done(done),
        };
        let Some(open) = &mut self.selected else {
            return Answer::Done(Done::unavailable());
        };
        if unchanged_since.is_some() {
            open.view.tell_mod_seq();
        }
        let numbers = uids.iter().map(|uid| uid.get()).collect();
        let change = words::change(mode, &flags);
        let now = Timestamp::now();
        let stored = open
            .mailbox
            .store(numbers, change, unchanged_since, now)
            .await;
        let stored = match stored {
            Ok(stored) => stored,
            Err(error) => return Answer::Done(self.lost(&error)),
        };
        let snapshot = open.mailbox.snapshot();
        let translated = open.translated(&snapshot);
        let kept: Vec<_> = words::uids(stored.changed).collect();
        let told = Stored::new(kept, mode, flags, silence);
        if open.view.stored(translated, &told).is_err() {
            return Answer::Done(self.lost(&crate::store::MailboxError::Gone));
        }
        open.claim(&snapshot);
        self.tell(mailwire_imap::toolkit::view::Timing::KeepNumbers, out);
        let Some(open) = &self.selected else {
            return Answer::Completed;
        };
        match open.view.set_of(by, words::uids(stored.modified)) {
            // RFC 7162 §3.1.3: an OK that names those that were left alone.
            Some(left) => Answer::Done(
                Done::ok("some messages have changed since").with_code(&Code::Modified(left)),
            ),
            None => Answer::Completed,
        }
    }

    pub(super) async fn copy(&mut self, by: By, set: &SequenceSet, to: &Mailbox) -> Answer {
        let (uids, folder) = match self.going(by, set, to) {
            Ok(going) => going,
            Err(done) => return Answer::Done(done),
        };
        let Some(open) = &self.selected else {
            return Answer::Done(Done::unavailable());
        };
        let copied = open.mailbox.copy(uids, &folder, Timestamp::now()).await;
        match copied {
            Ok(copied) => Answer::Done(match copy_code(&copied) {
                Some(code) => Done::ok("COPY completed").with_code(&code),
                None => Done::ok("COPY completed, there was nothing to copy"),
            }),
            Err(error) => Answer::Done(self.not_gone(&error)),
        }
    }

    pub(super) async fn move_to(
        &mut self,
        by: By,
        set: &SequenceSet,
        to: &Mailbox,
        out: &mut Untagged,
    ) -> Answer {
        let (uids, folder) = match self.going(by, set, to) {
            Ok(going) => going,
            Err(done) => return Answer::Done(done),
        };
        let Some(open) = &mut self.selected else {
            return Answer::Done(Done::unavailable());
        };
        let moved = open.mailbox.move_to(uids, &folder, Timestamp::now()).await;
        match moved {
            Ok(copied) => {
                // Before the EXPUNGEs, so that the client can follow each message (RFC 6851 §4.3).
                if let Some(code) = copy_code(&copied) {
                    let status = Status::untagged(Condition::Ok, Some(&code), "moved");
                    out.push(Response::Status(status));
                }
                let snapshot = open.mailbox.snapshot();
                match open.take(&snapshot) {
                    Ok(()) => left("MOVE completed", copied.pairs.len(), &snapshot),
                    Err(error) => Answer::Done(self.lost(&error)),
                }
            }
            Err(error) => Answer::Done(self.not_gone(&error)),
        }
    }

    pub(super) async fn expunge(
        &mut self,
        set: Option<&SequenceSet>,
        _out: &mut Untagged,
    ) -> Answer {
        let only = match set.map(|set| self.named(By::Uid, set)).transpose() {
            Ok(only) => only.map(|named| named.uids.into_iter().map(NonZeroU32::get).collect()),
            Err(done) => return Answer::Done(done),
        };
        let Some(open) = &mut self.selected else {
            return Answer::Done(Done::unavailable());
        };
        let gone = open.mailbox.expunge(only, Timestamp::now()).await;
        let snapshot = open.mailbox.snapshot();
        let taken = gone.and_then(|gone| open.take(&snapshot).map(|()| gone));
        match taken {
            Ok(gone) => left("EXPUNGE completed", gone.len(), &snapshot),
            Err(error) => Answer::Done(self.lost(&error)),
        }
    }

    /// Which messages go where.
    fn going(&self, by: By, set: &SequenceSet, to: &Mailbox) -> Result<(Vec<u32>, Folder), Done> {
        let named = self.named(by, set)?;
        // COPY by number of a message that is gone copies nothing (RFC 2180 §4.4.1).
        if named.has_expunged && by == By::Number {
            return Err(Done::no("some of the messages are gone").with_code(&Code::ExpungeIssued));
        }
        let no_such = || Done::no("no such mailbox").with_code(&Code::TryCreate);
        let folder = words::folder(to).ok_or_else(no_such)?;
        let uids = named.uids.into_iter().map(NonZeroU32::get).collect();
        Ok((uids, folder))
    }

    /// A failure of COPY or MOVE, which may be about the mailbox that is open or about the other.
    fn not_gone(&mut self, error: &crate::store::MailboxError) -> Done {
        match error {
            crate::store::MailboxError::Gone => self.lost(error),
            error => refusal(error, For::Messages),
        }
    }
}

/// So many messages have left: the client is told how far it knows the mailbox then (RFC 7162
/// §3.2.7, RFC 6851 §4.4).
fn left(text: &str, messages: usize, snapshot: &Snapshot) -> Answer {
    if messages == 0 {
        return Answer::Completed;
    }
    let highest = Code::HighestModSeq(snapshot.highest_mod_seq);
    Answer::Done(Done::ok(text).with_code(&highest))
}

fn copy_code(copied: &Copied) -> Option<Code<'static>> {
    let pairs = copied
        .pairs
        .iter()
        .filter_map(|(from, to)| Some((NonZeroU32::new(*from)?, NonZeroU32::new(*to)?)));
    copy_uid(words::nonzero(copied.uid_validity), pairs)
}
