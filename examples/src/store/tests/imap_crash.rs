//! What a power cut leaves of the operations of IMAP: behind every change, with every subset of what was not yet
//! durable. What is in the index is durable when SQLite says so; what counts here are the files.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    super::{
        Access, Copied, Fetched, FlagChange, Flags, MailboxError, Mode,
        appending::{Head, Step},
        desk::Desk,
        model::{Model, NOW, Plan, Unsynced, shown},
        name::Name,
        selected::Ticket,
    },
    *,
};

type Session = (Arc<Desk<Model>>, Ticket);

/// Where each text was promised to be, and with what letters; what was promised to be gone.
#[derive(Clone, Debug, Default)]
struct Promises {
    kept: Vec<(&'static str, String, Option<&'static str>)>,
    gone: Vec<(&'static str, String)>,
}

const INBOX: &str = "";
const OTHER: &str = "/.a";

#[derive(Clone, Copy, Debug)]
enum Operation {
    Append,
    Copy,
    Create,
    Delete,
    Expunge,
    Flag,
    Move,
    Open,
    Rename,
    RenameInbox,
    Subscribe,
}

use Operation::*;

fn store(model: &Model) -> Store<Model> {
    Store::new(model.clone(), None, "mx.example.test", 1)
}

fn enter(store: &Store<Model>, folder: &Folder) -> Result<Session, MailboxError> {
    let desk = store.desk(&alice());
    let access = Access::ReadWrite;
    let opened = desk.open(folder, access, at(NOW))?;
    let ticket = Ticket {
        account: alice(),
        folder: folder.clone(),
        access,
        uid_validity: opened.uid_validity,
        number: opened.number,
    };
    Ok((desk, ticket))
}

fn other() -> Folder {
    Folder::parse("a").unwrap()
}

/// An INBOX with two messages, one of them new, and a folder with one.
fn filled() -> (Model, Store<Model>) {
    let model = Model::new();
    let store = store(&model);
    assert_eq!(deliver(&store, &[inbox(alice())], b"one\r\n"), [Ok(())]);
    enter(&store, &Folder::inbox()).unwrap();
    assert_eq!(deliver(&store, &[inbox(alice())], b"two\r\n"), [Ok(())]);
    store
        .desk(&alice())
        .create(&other(), None, at(NOW))
        .unwrap();
    append(&store, &other(), &["three\r\n"]).unwrap();
    (model, store)
}

fn append(store: &Store<Model>, to: &Folder, texts: &[&str]) -> Result<Vec<u32>, MailboxError> {
    let desk = store.desk(&alice());
    let mut batch = desk.batch(to, at(NOW))?;
    for text in texts {
        let head = Head {
            flags: Flags::DRAFT,
            keywords: Vec::new(),
            internal_date: NOW,
        };
        let octets = text.as_bytes().to_vec().into();
        batch.take(vec![Step::Begin(head), Step::Octets(octets), Step::End]);
    }
    Ok(desk.commit(batch)?.uids)
}

impl Promises {
    fn at_first() -> Self {
        let kept = [(INBOX, "one"), (INBOX, "two"), (OTHER, "three")];
        Self {
            kept: kept
                .map(|(at, text)| (at, format!("{text}\r\n"), None))
                .into(),
            gone: Vec::new(),
        }
    }

    /// Nothing is promised of a text while it is on its way out of a place.
    fn release(&mut self, place: &str, text: &str) {
        self.kept
            .retain(|(at, kept, _)| (*at, &**kept) != (place, text));
    }
}

impl Operation {
    const EACH: [Self; 11] = [
        Append,
        Copy,
        Create,
        Delete,
        Expunge,
        Flag,
        Move,
        Open,
        Rename,
        RenameInbox,
        Subscribe,
    ];

    fn run(self, store: &Store<Model>, promises: &mut Promises) -> Result<(), MailboxError> {
        let desk = store.desk(&alice());
        let inbox = Folder::inbox();
        match self {
            Append => {
                append(store, &other(), &["four\r\n", "five\r\n"])?;
                for text in ["four\r\n", "five\r\n"] {
                    promises.kept.push((OTHER, text.to_owned(), Some("D")));
                }
            }
            Copy => {
                let (desk, ticket) = enter(store, &inbox)?;
                let Copied { pairs, .. } = desk.copy(&ticket, &[1, 2], &other(), at(NOW))?;
                assert_eq!(pairs.len(), 2);
                promises.kept.push((OTHER, "one\r\n".to_owned(), None));
                promises.kept.push((OTHER, "two\r\n".to_owned(), None));
            }
            Create => {
                let folder = Folder::parse("b/c").unwrap();
                desk.create(&folder, None, at(NOW))?;
                append(store, &folder, &["six\r\n"])?;
                promises
                    .kept
                    .push(("/.b.c", "six\r\n".to_owned(), Some("D")));
            }
            Delete => {
                promises.release(OTHER, "three\r\n");
                desk.delete(&other(), at(NOW))?;
                promises.gone.push((OTHER, "three\r\n".to_owned()));
            }
            Expunge => {
                let (desk, ticket) = enter(store, &inbox)?;
                let change = FlagChange::new(Mode::Add, Flags::DELETED);
                desk.store(&ticket, &[1, 2], &change, None, at(NOW))?;
                promises.release(INBOX, "one\r\n");
                promises.release(INBOX, "two\r\n");
                assert_eq!(desk.expunge(&ticket, None, at(NOW))?, [1, 2]);
                promises.gone.push((INBOX, "one\r\n".to_owned()));
                promises.gone.push((INBOX, "two\r\n".to_owned()));
            }
            Flag => {
                let (desk, ticket) = enter(store, &inbox)?;
                let change = FlagChange::new(Mode::Replace, Flags::SEEN | Flags::FLAGGED);
                desk.store(&ticket, &[1, 2], &change, None, at(NOW))?;
                for kept in promises.kept.iter_mut().filter(|kept| kept.0 == INBOX) {
                    kept.2 = Some("FS");
                }
            }
            Move => {
                let (desk, ticket) = enter(store, &inbox)?;
                promises.anywhere();
                desk.move_to(&ticket, &[1, 2], &other(), at(NOW))?;
                promises.moved(OTHER);
            }
            Open => {
                enter(store, &inbox)?;
            }
            Rename => {
                promises.release(OTHER, "three\r\n");
                promises.kept.push(("/.*", "three\r\n".to_owned(), None));
                desk.rename(&other(), &Folder::parse("b").unwrap(), at(NOW))?;
                promises.kept.push(("/.b", "three\r\n".to_owned(), None));
            }
            RenameInbox => {
                promises.anywhere();
                desk.rename(&inbox, &Folder::parse("b").unwrap(), at(NOW))?;
                promises.moved("/.b");
            }
            Subscribe => desk.subscribe(&other(), at(NOW))?,
        }
        Ok(())
    }
}

impl Promises {
    /// The messages of INBOX are on their way: each has to be in one place at least.
    fn anywhere(&mut self) {
        for text in ["one\r\n", "two\r\n"] {
            self.release(INBOX, text);
            self.kept.push(("*", text.to_owned(), None));
        }
    }

    fn moved(&mut self, to: &'static str) {
        for text in ["one\r\n", "two\r\n"] {
            self.kept.push((to, text.to_owned(), None));
            self.gone.push((INBOX, text.to_owned()));
        }
    }

    /// What is wrong with the files, if anything.
    fn broken(&self, model: &Model) -> Option<String> {
        let mut there: Vec<(String, String, String)> = Vec::new();
        for (path, data) in model.files() {
            let inner = path.strip_prefix("/mail/example.test/alice").unwrap();
            let parts: Vec<&str> = inner.rsplitn(3, '/').collect();
            let [file, "new" | "cur", place] = parts[..] else {
                continue;
            };
            let text = shown(&data);
            if !["one", "two", "three", "four", "five", "six"]
                .iter()
                .any(|whole| text == format!("{whole}\r\n"))
            {
                return Some(format!("{path} is not whole: {text:?}"));
            }
            let flags = Name::of(file.as_ref()).flags().to_string();
            there.push((place.to_owned(), text, flags));
        }
        for (place, text, flags) in &self.kept {
            let fits = |(at, found, letters): &(String, String, String)| {
                let here = match place.strip_suffix('*') {
                    Some(prefix) => at.starts_with(prefix) && !at.starts_with("/.."),
                    None => at == place,
                };
                here && found == text && flags.is_none_or(|flags| flags == letters)
            };
            if !there.iter().any(fits) {
                return Some(format!("{place:?} lost {text:?} {flags:?}"));
            }
        }
        for (place, text) in &self.gone {
            if there
                .iter()
                .any(|(at, found, _)| at == place && found == text)
            {
                return Some(format!("{text:?} came back to {place:?}"));
            }
        }
        None
    }
}

/// Runs an operation with the power cut behind each of its changes. Answers what breaks, and how many states were
/// looked at.
fn cut_everywhere(last: Operation, plan: Plan) -> (Option<String>, u64) {
    let mut states = 0;
    for more in 0.. {
        let (model, store) = filled();
        let mut promises = Promises::at_first();
        let cut = model.changes() + more;
        model.plan(Plan {
            cut: Some(cut),
            ..plan
        });
        let done = last.run(&store, &mut promises);
        let survived = model.changes() < cut;
        assert!(!survived || done.is_ok(), "{last:?}: {done:?}");
        let pending = model.pending();
        assert!(pending <= 16, "too many to try all");
        for survivors in 0..1 << pending {
            for unsynced in Unsynced::EACH {
                states += 1;
                let after = model.after_power_cut(survivors, unsynced);
                if let Some(broken) = promises.broken(&after) {
                    let what =
                        format!("{last:?}, cut at {more}, {survivors:b}, {unsynced:?}: {broken}");
                    return (Some(what), states);
                }
                if plan.skip_sync.is_none() && survivors == 0 {
                    recover(&after, &promises);
                }
            }
        }
        if survived {
            return (None, states);
        }
    }
    unreachable!("an operation ends")
}

/// The server starts again, without help: every mailbox can be opened, read, and written to.
fn recover(model: &Model, promises: &Promises) {
    let store = store(model);
    let desk = store.desk(&alice());
    for entry in desk.mailboxes(at(NOW)).unwrap() {
        if entry.selectable {
            let (desk, ticket) = enter(&store, &entry.folder).unwrap();
            let snapshot = desk.snapshot(&entry.folder);
            let uids: Vec<u32> = snapshot.messages.iter().map(|m| m.uid).collect();
            let read = desk.read_many(&ticket, &uids, 1 << 20, at(NOW)).unwrap();
            let whole = |(_, fetched): &(u32, Fetched)| matches!(fetched, Fetched::Whole(_));
            assert!(read.len() == uids.len() && read.iter().all(whole));
            append(&store, &entry.folder, &["six\r\n"]).unwrap();
        }
    }
    store.sweep(at(NOW + 37 * 3600)).unwrap();
    assert!(
        model
            .files()
            .keys()
            .all(|path| !path.contains("/tmp/") && !path.contains("/.."))
    );
    assert_eq!(promises.broken(model), None);
}

#[test]
fn store_2_and_16_a_power_cut_in_any_operation_of_imap_loses_nothing_promised() {
    let mut states = 0;
    for last in Operation::EACH {
        let (broken, count) = cut_everywhere(last, Plan::default());
        assert_eq!(broken, None);
        states += count;
    }
    assert!(states > 5_000, "{states}");
}

#[test]
fn store_3_the_first_append_ever_survives_with_its_directories() {
    for more in 0.. {
        let model = Model::new();
        let store = store(&model);
        model.plan(Plan {
            cut: Some(more),
            ..Plan::default()
        });
        let done = store.desk(&alice()).create(&other(), None, at(NOW));
        let done = done.and_then(|_| append(&store, &other(), &["three\r\n"]));
        for survivors in 0..1 << model.pending() {
            let after = model.after_power_cut(survivors, Unsynced::Nothing);
            let there = after.files().values().any(|data| data == b"three\r\n");
            assert!(there || done.is_err(), "{more} {survivors:b}");
        }
        if done.is_ok() && model.changes() < more {
            return;
        }
    }
}

#[test]
fn store_2_self_test_without_any_one_sync_of_imap_the_suite_fails() {
    // Opening INBOX moves a new message to `cur`. That its name in `new` is gone for good counts only for Expunge and
    // Move; that it has its flag durably does not count once it is expunged.
    for (last, needless) in [
        (Append, &[][..]),
        (Copy, &[1]),
        (Delete, &[]),
        (Expunge, &[2]),
        (Flag, &[1]),
        (Move, &[]),
        (Rename, &[]),
    ] {
        let (model, store) = filled();
        let first = model.syncs();
        last.run(&store, &mut Promises::at_first()).unwrap();
        let mut missed = Vec::new();
        for skipped in first..model.syncs() {
            let plan = Plan {
                skip_sync: Some(skipped),
                ..Plan::default()
            };
            if cut_everywhere(last, plan).0.is_none() {
                missed.push(skipped - first);
            }
        }
        assert_eq!(missed, needless, "{last:?}");
    }
}

#[test]
fn store_5_and_17_an_error_anywhere_leaves_all_or_none() {
    const EIO: i32 = 5;
    const ENOSPC: i32 = 28;
    const EDQUOT: i32 = 122;
    let places = |model: &Model| {
        let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (path, data) in model.files() {
            if let Some((place, _)) = path
                .split_once("/new/")
                .or_else(|| path.split_once("/cur/"))
            {
                places
                    .entry(place.to_owned())
                    .or_default()
                    .push(shown(&data));
            }
        }
        places.values_mut().for_each(|texts| texts.sort());
        places
    };
    for last in [Append, Copy, Move] {
        for error in [EIO, ENOSPC, EDQUOT] {
            for number in 0.. {
                let (model, store) = filled();
                let mut promises = Promises::at_first();
                enter(&store, &Folder::inbox()).unwrap();
                let before = places(&model);
                let call = model.calls().len() + number;
                model.plan(Plan {
                    fail: Some((call, error)),
                    ..Plan::default()
                });
                let done = last.run(&store, &mut promises);
                let calls = model.calls();
                let Some(failed) = calls.get(call) else {
                    break;
                };
                let what = format!("{last:?} errno {error} at {failed}");
                match &done {
                    Ok(()) => {}
                    Err(MailboxError::Store(StoreError::Full)) => assert!(error != EIO, "{what}"),
                    Err(MailboxError::Store(_)) => assert!(error == EIO, "{what}"),
                    Err(other) => panic!("{what}: {other:?}"),
                }
                // A message that cannot be removed once it is copied is in both places.
                if done.is_err() && !matches!(last, Move) {
                    assert_eq!(places(&model), before, "{what}");
                }
                assert_eq!(promises.broken(&model), None, "{what}");
                model.plan(Plan::default());
                recover(&model.after_power_cut(u64::MAX, Unsynced::All), &promises);
            }
        }
    }
}

#[test]
fn store_17_the_fifty_seventh_copy_fails_and_there_is_none() {
    const ENOSPC: i32 = 28;
    let model = Model::new();
    let store = store(&model);
    let texts = vec!["one\r\n"; 100];
    append(&store, &Folder::inbox(), &texts).unwrap();
    store
        .desk(&alice())
        .create(&other(), None, at(NOW))
        .unwrap();
    let (desk, ticket) = enter(&store, &Folder::inbox()).unwrap();
    let uids: Vec<u32> = (1..=100).collect();
    let links = || model.calls().iter().filter(|call| **call == "link").count();
    let before = links();
    desk.copy(&ticket, &uids, &other(), at(NOW)).unwrap();
    assert_eq!(links() - before, 100);
    let copied = desk
        .status(&other(), super::super::Sizes::Known, at(NOW))
        .unwrap();
    let files = model.files().len();
    model.plan(Plan {
        fail_of: Some(("link", links() + 56, ENOSPC)),
        ..Plan::default()
    });
    let before = links();
    let refused = desk.copy(&ticket, &uids, &other(), at(NOW));
    assert_eq!(refused, Err(StoreError::Full.into()));
    assert_eq!(links() - before, 57);
    assert_eq!(model.files().len(), files);
    let after = desk
        .status(&other(), super::super::Sizes::Known, at(NOW))
        .unwrap();
    assert_eq!(
        (after.messages, after.uid_next),
        (copied.messages, copied.uid_next)
    );
    let begun = model.calls().len();
    model.plan(Plan {
        fail: Some((begun + 3 * 57, ENOSPC)),
        ..Plan::default()
    });
    assert_eq!(
        append(&store, &other(), &texts),
        Err(StoreError::Full.into())
    );
    assert_eq!(model.files().len(), files);
}
