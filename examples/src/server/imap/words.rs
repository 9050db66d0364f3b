//! The store's words in those of the protocol, and back.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use mailwire_imap::{
    command::StoreMode,
    datetime::DateTime,
    flag::{Flag, Flags},
    mailbox::{Encoding, Mailbox},
    response::{Code, ListAttribute},
    server::Done,
    toolkit::view,
};

use crate::store::{
    Account, FlagChange, Flags as Letters, Folder, Listed, MailboxError, Mode, Snapshot,
    SpecialUse, StoreError,
};

/// The separator of levels in mailbox names.
pub(super) const DELIMITER: u8 = b'/';

/// How mailbox names are written: neither IMAP4rev2 nor UTF8=ACCEPT is offered.
pub(super) const ENCODING: Encoding = Encoding::Utf7;

const SYSTEM: [(Letters, Flag); 5] = [
    (Letters::ANSWERED, Flag::Answered),
    (Letters::FLAGGED, Flag::Flagged),
    (Letters::DELETED, Flag::Deleted),
    (Letters::SEEN, Flag::Seen),
    (Letters::DRAFT, Flag::Draft),
];

/// The system flags that a client may store (RFC 9051 §2.3.2).
pub(super) fn system_flags() -> Flags {
    SYSTEM.into_iter().map(|(_, flag)| flag).collect()
}

/// The keyword that a file name has a letter for, so that every mailbox has room for it.
const FORWARDED: &[u8] = b"$Forwarded";

/// All flags of a mailbox: for FLAGS.
pub(super) fn all_flags(snapshot: &Snapshot) -> Flags {
    let mut flags = system_flags();
    let keywords = snapshot.keywords().iter().map(|keyword| keyword.as_bytes());
    for keyword in keywords.chain([FORWARDED]) {
        if let Ok(flag) = Flag::new(keyword) {
            flags.insert(&flag);
        }
    }
    flags
}

fn flags_of(snapshot: &Snapshot, listed: &Listed) -> Flags {
    let mut flags = Flags::new();
    for (letter, flag) in &SYSTEM {
        if listed.flags.contains(*letter) {
            flags.insert(flag);
        }
    }
    for keyword in snapshot.keywords_of(listed) {
        // A keyword of another program may be what no client can be told.
        if let Ok(flag) = Flag::new(keyword.as_bytes()) {
            flags.insert(&flag);
        }
    }
    flags
}

/// The flags of a command: those that a file name has letters for, and keywords. What is neither
/// is not kept, as PERMANENTFLAGS says.
pub(super) fn letters(flags: &Flags) -> (Letters, Vec<String>) {
    let (mut letters, mut keywords) = (Letters::NONE, Vec::new());
    for flag in flags.iter() {
        if let Some((letter, _)) = SYSTEM.iter().find(|(_, known)| *known == flag) {
            letters = letters | *letter;
        } else if let Flag::Keyword(name) = &flag
            && let Ok(name) = std::str::from_utf8(name.as_bytes())
        {
            keywords.push(name.to_owned());
        }
    }
    (letters, keywords)
}

/// What STORE does.
pub(super) fn change(mode: StoreMode, flags: &Flags) -> FlagChange {
    let (letters, keywords) = letters(flags);
    let mut change = FlagChange::new(
        match mode {
            StoreMode::Replace => Mode::Replace,
            StoreMode::Add => Mode::Add,
            StoreMode::Remove => Mode::Remove,
        },
        letters,
    );
    change.keywords = keywords;
    change
}

/// A time of the store. What no client can be told is told as the epoch.
pub(super) fn date(seconds: i64) -> DateTime {
    let epoch = || DateTime::from_timestamp(0);
    DateTime::from_timestamp(seconds)
        .or_else(epoch)
        .unwrap_or_else(|| unreachable!("the epoch is a time"))
}

/// The folder that a name means.
pub(super) fn folder(mailbox: &Mailbox) -> Option<Folder> {
    Folder::parse(&mailbox.name(ENCODING).ok()?).ok()
}

/// The name of a folder on the wire.
pub(super) fn mailbox(folder: &Folder) -> Option<Mailbox> {
    Mailbox::encode(&folder.name(), ENCODING).ok()
}

/// What a folder is for, as LIST says it (RFC 6154 §2).
pub(super) const fn attribute(special_use: SpecialUse) -> Option<ListAttribute<'static>> {
    Some(match special_use {
        SpecialUse::Archive => ListAttribute::Archive,
        SpecialUse::Drafts => ListAttribute::Drafts,
        SpecialUse::Junk => ListAttribute::Junk,
        SpecialUse::Sent => ListAttribute::Sent,
        SpecialUse::Trash => ListAttribute::Trash,
    })
}

/// UIDs of the store; none of them is zero.
pub(super) fn uids(numbers: impl IntoIterator<Item = u32>) -> impl Iterator<Item = NonZeroU32> {
    numbers.into_iter().filter_map(NonZeroU32::new)
}

/// UIDVALIDITY and UIDNEXT; the store never says zero.
pub(super) fn nonzero(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MAX)
}

/// What a mailbox was wanted for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum For {
    /// Messages are to go there: the client may create it (RFC 9051 §7.1 TRYCREATE).
    Messages,
    /// Anything else.
    Itself,
}

/// What a client is told of a failure. Those of ours are logged.
pub(super) fn refusal(error: &MailboxError, wanted: For) -> Done {
    let (text, code) = match error {
        MailboxError::AlreadyExists => ("mailbox exists already", Code::AlreadyExists),
        MailboxError::Gone => ("the mailbox was deleted or renamed", Code::NonExistent),
        MailboxError::HasChildren => (
            "the name has no messages and mailboxes below it",
            Code::HasChildren,
        ),
        MailboxError::Impossible => ("not possible with this mailbox", Code::Cannot),
        MailboxError::Limit { .. } => ("more than the server keeps", Code::Limit),
        MailboxError::NoSuchMailbox if wanted == For::Messages => {
            ("no such mailbox", Code::TryCreate)
        }
        MailboxError::NoSuchMailbox => ("no such mailbox", Code::NonExistent),
        MailboxError::ReadOnly => ("the mailbox was opened read-only", Code::NoPerm),
        MailboxError::Store(error) => return failure(error),
    };
    Done::no(text).with_code(&code)
}

/// The store failed.
pub(super) fn failure(error: &StoreError) -> Done {
    tracing::warn!(%error, "an IMAP command failed");
    match error {
        StoreError::Full => Done::no("the mail store is full").with_code(&Code::OverQuota),
        _ => Done::unavailable(),
    }
}

/// What was translated last, of one folder.
type Known = Mutex<Option<(Arc<Snapshot>, view::Snapshot)>>;

/// A folder, of whom.
type Place = (Account, Folder);

/// Snapshots of the store in the words of the protocol. Sessions that have the same folder open
/// share them, so a large folder is translated once and takes its memory once.
#[derive(Debug, Default)]
pub struct Translations {
    places: Mutex<HashMap<Place, Weak<Known>>>,
}

/// One folder's.
#[derive(Debug)]
pub(super) struct Translation(Arc<Known>);

impl Translations {
    pub(super) fn of(&self, account: &Account, folder: &Folder) -> Translation {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.retain(|_, known| known.strong_count() > 0);
        let place = (account.clone(), folder.clone());
        if let Some(known) = places.get(&place).and_then(Weak::upgrade) {
            return Translation(known);
        }
        let known = Arc::new(Known::default());
        places.insert(place, Arc::downgrade(&known));
        Translation(known)
    }
}

impl Translation {
    /// The snapshot in the words of the protocol. Only what is different from the one before costs
    /// anything.
    pub(super) fn of(&self, snapshot: &Arc<Snapshot>) -> view::Snapshot {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let translated = match &*known {
            Some((before, translated)) if Arc::ptr_eq(before, snapshot) => {
                return translated.clone();
            }
            Some((before, translated)) if before.uid_validity == snapshot.uid_validity => {
                changed(before, translated, snapshot)
            }
            _ => {
                let all = snapshot.messages.iter().map(|m| facts(snapshot, m));
                with_messages(snapshot, all.collect())
            }
        };
        // A session that is behind must not take the others back.
        let is_newer = known
            .as_ref()
            .is_none_or(|(before, _)| before.highest_mod_seq <= snapshot.highest_mod_seq);
        if is_newer {
            *known = Some((Arc::clone(snapshot), translated.clone()));
        }
        translated
    }
}

fn facts(snapshot: &Snapshot, listed: &Listed) -> view::Facts {
    let uid = nonzero(listed.uid);
    let mut facts = view::Facts::new(uid, date(listed.internal_date), listed.octets);
    facts.flags = flags_of(snapshot, listed);
    facts.mod_seq = listed.mod_seq;
    facts
}

fn with_messages(snapshot: &Snapshot, messages: view::Messages) -> view::Snapshot {
    let (uid_validity, uid_next) = (nonzero(snapshot.uid_validity), nonzero(snapshot.uid_next));
    let mut translated = view::Snapshot::new(uid_validity, uid_next);
    translated.messages = messages;
    translated.highest_mod_seq = snapshot.highest_mod_seq;
    translated.flags = all_flags(snapshot);
    translated
}

/// The translation of `after`, made from that of `before`.
fn changed(before: &Snapshot, translated: &view::Snapshot, after: &Snapshot) -> view::Snapshot {
    let mut messages = translated.messages.clone();
    // Where the table of keywords is another one, the same bits mean other words.
    let same_words = before.keywords() == after.keywords();
    let mut old = before.messages.iter().peekable();
    for listed in &after.messages {
        while let Some(gone) = old.next_if(|old| old.uid < listed.uid) {
            remove(&mut messages, gone.uid);
        }
        match old.next_if(|old| old.uid == listed.uid) {
            Some(known) if known == listed && (same_words || listed.keywords.is_empty()) => {}
            Some(_) => {
                let facts = facts(after, listed);
                messages.change(facts.uid, |place| *place = facts.clone());
            }
            None => messages.push(facts(after, listed)),
        }
    }
    for gone in old {
        remove(&mut messages, gone.uid);
    }
    with_messages(after, messages)
}

fn remove(messages: &mut view::Messages, uid: u32) {
    if let Some(uid) = NonZeroU32::new(uid) {
        messages.remove(uid);
    }
}
