//! The mailbox that is open, and what the client was told of it.

use std::{
    future::{pending, ready},
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use mailwire_imap::{
    command::{CommandBody, SelectParameters},
    flag::Flag,
    mailbox::Mailbox,
    response::{Code, Condition, Response, Status},
    server::{Access, Done, Extension, Extensions, Selected},
    session::{Answer, Untagged},
    toolkit::{
        search::Saved,
        view::{self, Timing, View},
    },
};

use super::{
    Imap, folders,
    words::{self, For, Translation, refusal},
};
use crate::store::{self, MailboxError, Snapshot};

/// How long what other programs may have done to a mailbox is not looked for. What this server
/// does is known at once, and NOOP, CHECK and IDLE look each time.
const FRESH: Duration = Duration::from_secs(1);

/// Responses of one turn while IDLE runs; the rest comes with the next one.
const NEWS: usize = 1_000;

/// A mailbox that is open.
pub(super) struct Open {
    pub(super) mailbox: Arc<store::Mailbox>,
    translation: Translation,
    pub(super) view: View,
    pub(super) saved: Saved,
    looked: Instant,
    /// What the view was updated with last.
    taken: Weak<Snapshot>,
    /// UIDs below it have been looked at for `\Recent`.
    next_claim: u32,
    /// The client has been told of all changes up to this modification sequence.
    told: u64,
}

impl Open {
    /// Takes over what the store knows now.
    pub(super) fn take(&mut self, snapshot: &Arc<Snapshot>) -> Result<(), MailboxError> {
        // A NOOP mostly has nothing to tell.
        if std::ptr::eq(self.taken.as_ptr(), Arc::as_ptr(snapshot)) {
            return Ok(());
        }
        let translated = self.translation.of(snapshot);
        let taken = self.view.update(translated);
        taken.map_err(|_| MailboxError::Gone)?;
        self.claim(snapshot);
        self.taken = Arc::downgrade(snapshot);
        Ok(())
    }

    /// Tells what the client has enabled (RFC 7162 §3.1, §3.2).
    fn follow(&mut self, enabled: Extensions) {
        if enabled.has(Extension::CondStore) {
            self.view.tell_mod_seq();
        }
        if enabled.has(Extension::QResync) {
            self.view.tell_vanished();
        }
    }

    /// The translation of a snapshot, for those who hand it to the view themselves.
    pub(super) fn translated(&self, snapshot: &Arc<Snapshot>) -> view::Snapshot {
        self.translation.of(snapshot)
    }

    /// Takes those new messages that are `\Recent` in this session.
    pub(super) fn claim(&mut self, snapshot: &Snapshot) {
        let from = snapshot
            .messages
            .partition_point(|listed| listed.uid < self.next_claim);
        for listed in snapshot.messages.get(from..).unwrap_or_default() {
            if self.mailbox.is_recent(listed) {
                self.view.claim_recent(listed.uid..=listed.uid);
            }
        }
        self.next_claim = self.next_claim.max(snapshot.uid_next);
    }
}

/// How thoroughly a mailbox is looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Look {
    /// Also for what other programs have done this very moment.
    Closely,
    /// For what this server has done, and now and then for the rest.
    Quickly,
}

impl Imap {
    /// SELECT and EXAMINE.
    pub(super) async fn open(
        &mut self,
        name: &Mailbox,
        parameters: &SelectParameters,
        access: Access,
        out: &mut Untagged,
    ) -> Result<Selected, Done> {
        self.selected = None;
        let account = self.account.clone().ok_or_else(Done::unavailable)?;
        let folder = words::folder(name).ok_or_else(folders::no_such_mailbox)?;
        let store = &self.shared.store;
        let opened = store.open(
            &account,
            &folder,
            match access {
                Access::ReadWrite => store::Access::ReadWrite,
                Access::ReadOnly => store::Access::ReadOnly,
            },
            Timestamp::now(),
        );
        let mailbox = opened.await.map_err(|error| refusal(&error, For::Itself))?;
        let snapshot = mailbox.snapshot();
        let translation = self.shared.translations.of(&account, &folder);
        let view = View::new(translation.of(&snapshot));
        let mut open = Open {
            mailbox: Arc::new(mailbox),
            translation,
            view,
            saved: Saved::new(),
            looked: Instant::now(),
            taken: Arc::downgrade(&snapshot),
            next_claim: 1,
            told: snapshot.highest_mod_seq,
        };
        open.claim(&snapshot);
        // SELECT tells of them.
        open.view.changes(Timing::KeepNumbers).for_each(drop);
        if parameters.condstore {
            open.view.tell_mod_seq();
        }
        open.follow(self.enabled);
        if let Some(known) = &parameters.qresync {
            for response in open.view.resync(known) {
                out.push(response);
            }
        }
        let mut selected = Selected::new(
            access,
            words::nonzero(snapshot.uid_validity),
            words::nonzero(snapshot.uid_next),
        );
        selected.flags = words::all_flags(&snapshot);
        selected.permanent_flags = selected.flags.clone();
        if snapshot.takes_new_keywords() {
            selected.permanent_flags.insert(&Flag::Wildcard);
        }
        selected.exists = open.view.exists();
        selected.recent = open.view.recent();
        selected.first_unseen = open.view.first_unseen();
        selected.highest_mod_seq = Some(snapshot.highest_mod_seq);
        self.selected = Some(Box::new(open));
        Ok(selected)
    }

    /// CLOSE: what is `\Deleted` goes, and nobody is told (RFC 9051 §6.4.1).
    pub(super) async fn close(&mut self) -> Answer {
        let Some(open) = self.selected.take() else {
            return Answer::Completed;
        };
        if open.mailbox.access() == store::Access::ReadOnly {
            return Answer::Completed;
        }
        match open.mailbox.expunge(None, Timestamp::now()).await {
            Ok(_) | Err(MailboxError::Gone) => Answer::Completed,
            Err(error) => Answer::Done(refusal(&error, For::Itself)),
        }
    }

    /// Waits for something to tell to a client that idles.
    pub(super) async fn stirred(&self) {
        match &self.selected {
            Some(open) if !open.view.has_changes(Timing::Any) => open.mailbox.changed().await,
            Some(_) => ready(()).await,
            None => pending().await,
        }
    }

    /// Looks at the mailbox and tells what is new.
    pub(super) async fn tell_news(&mut self, out: &mut Untagged) {
        if self.look(Look::Closely).await.is_ok() {
            self.tell(Timing::Any, out);
        }
    }

    /// Tells what is known to be new, as far as message numbers may move.
    pub(super) fn tell(&mut self, timing: Timing, out: &mut Untagged) {
        if let Some(open) = &mut self.selected {
            let most = if self.idles { NEWS } else { usize::MAX };
            for response in open.view.changes(timing).take(most) {
                out.push(response);
            }
            if !open.view.has_changes(Timing::Any) {
                open.told = open.view.snapshot().highest_mod_seq;
            }
        }
    }

    /// Behind a command that may not tell of messages that are gone: a client that loses the
    /// connection now has to hear of them when it comes back, whatever newer changes it was told
    /// of (RFC 7162 §3.2).
    pub(super) fn hold_back(&self, out: &mut Untagged) {
        if let Some(open) = &self.selected
            && self.enabled.has(Extension::QResync)
            && open.view.has_changes(Timing::Any)
        {
            let code = Code::HighestModSeq(open.told);
            let text = "some messages are gone";
            let status = Status::untagged(Condition::Ok, Some(&code), text);
            out.push(Response::Status(status));
        }
    }

    /// Takes over what others have done to the mailbox.
    pub(super) async fn look(&mut self, how: Look) -> Result<(), Done> {
        let Some(open) = &mut self.selected else {
            return Ok(());
        };
        let is_due = how == Look::Closely || open.looked.elapsed() >= FRESH || {
            tokio::select! {
                biased;
                () = open.mailbox.changed() => true,
                () = ready(()) => false,
            }
        };
        if !is_due {
            return Ok(());
        }
        open.looked = Instant::now();
        let looked = open.mailbox.refresh(Timestamp::now()).await;
        let taken = looked.and_then(|snapshot| open.take(&snapshot));
        taken.map_err(|error| self.lost(&error))
    }

    /// What to say of a failure with the mailbox that is open. If it is another one now, the
    /// session ends: no UID means what it did.
    pub(super) fn lost(&mut self, error: &MailboxError) -> Done {
        if *error == MailboxError::Gone {
            self.selected = None;
            self.is_lost = true;
        }
        refusal(error, For::Itself)
    }

    /// The commands about the messages of the mailbox that is open.
    pub(super) async fn messages(&mut self, command: CommandBody, out: &mut Untagged) -> Answer {
        if let Err(done) = self.look(Look::Quickly).await {
            return Answer::Done(done);
        }
        if let Some(open) = &mut self.selected {
            open.follow(self.enabled);
        }
        let timing = Timing::of(&command);
        let answer = match command {
            CommandBody::Fetch {
                by,
                set,
                items,
                modifiers,
            } => self.fetch(by, &set, &items, modifiers, out).await,
            CommandBody::Store { .. } => self.store(command, out).await,
            CommandBody::Copy { by, set, mailbox } => self.copy(by, &set, &mailbox).await,
            CommandBody::Move { by, set, mailbox } => self.move_to(by, &set, &mailbox, out).await,
            CommandBody::Expunge => self.expunge(None, out).await,
            CommandBody::UidExpunge { set } => self.expunge(Some(&set), out).await,
            CommandBody::Search { by, search } => self.search(by, &search, out).await,
            CommandBody::Sort {
                by,
                criteria,
                search,
            } => self.sort(by, &criteria, &search, out).await,
            CommandBody::Thread {
                by,
                algorithm,
                search,
            } => self.thread(by, &algorithm, &search, out).await,
            _ => Answer::Done(Done::bad("not a command of this server")),
        };
        if answer != Answer::More {
            self.tell(timing, out);
            self.hold_back(out);
        }
        answer
    }
}
