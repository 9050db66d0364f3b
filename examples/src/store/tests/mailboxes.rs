//! What IMAP needs of the store, over each of its back ends.

use std::time::Duration;

use super::{
    super::{
        Access, Fetched, FlagChange, Flags, Mailbox, MailboxError, Mailstore, Mode, Sizes,
        Snapshot, SpecialUse, StatusFacts,
    },
    *,
};

const NOW: i64 = 1_700_000_000;

/// Both back ends, empty.
fn each() -> [(Mailstore, Option<tempfile::TempDir>); 2] {
    let dir = tempfile::tempdir().unwrap();
    let disk = Mailstore::disk(dir.path(), "h", at(NOW)).unwrap();
    [(Mailstore::memory(), None), (disk, Some(dir))]
}

fn folder(name: &str) -> Folder {
    Folder::parse(name).unwrap()
}

async fn append(store: &Mailstore, to: &Folder, texts: &[&str]) -> Vec<u32> {
    let mut appending = store.appending(&alice(), to, at(NOW)).await.unwrap();
    for text in texts {
        appending.begin(Flags::NONE, Vec::new(), None);
        appending.write(text.as_bytes()).await;
    }
    appending.commit().await.unwrap().uids
}

async fn deliver_one(store: &Mailstore, to: Folder, text: &str) {
    let mut incoming = store.incoming(vec![(alice(), to)], at(NOW));
    incoming.write(text.as_bytes()).await;
    assert_eq!(incoming.commit().await, [Ok(())]);
}

async fn open(store: &Mailstore, name: &str) -> Mailbox {
    let (account, folder) = (alice(), folder(name));
    let opened = store.open(&account, &folder, Access::ReadWrite, at(NOW));
    opened.await.unwrap()
}

async fn text(mailbox: &Mailbox, uid: u32) -> Vec<u8> {
    let mut content = mailbox.read(uid, at(NOW)).await.unwrap();
    let mut text = Vec::new();
    while let Some(piece) = content.next().await.unwrap() {
        text.extend_from_slice(&piece);
    }
    text
}

fn uids(snapshot: &Snapshot) -> Vec<u32> {
    snapshot.messages.iter().map(|m| m.uid).collect()
}

fn words(snapshot: &Snapshot, uid: u32) -> Vec<String> {
    let listed = snapshot.find(uid).unwrap();
    snapshot.keywords_of(listed).map(str::to_owned).collect()
}

async fn names(store: &Mailstore) -> Vec<(String, bool)> {
    let entries = store.mailboxes(&alice(), at(NOW)).await.unwrap();
    let named = entries.iter().map(|e| (e.folder.name(), e.selectable));
    named.collect()
}

async fn status(store: &Mailstore, sizes: Sizes) -> StatusFacts {
    let inbox = Folder::inbox();
    store
        .status(&alice(), &inbox, sizes, at(NOW))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_message_is_appended_flagged_copied_moved_and_expunged() {
    for (store, _dir) in each() {
        let inbox = Folder::inbox();
        let mut appending = store.appending(&alice(), &inbox, at(NOW)).await.unwrap();
        let large = "0123456789abcd\n".repeat(20_000);
        for (flags, keywords, date, body) in [
            (Flags::SEEN, vec!["$Work"], Some(1_000_000_000), "a\nb\n"),
            (Flags::NONE, vec!["$Forwarded", "$work"], Some(-5), &*large),
            (Flags::NONE, vec![], None, "no end"),
        ] {
            let keywords = keywords.into_iter().map(str::to_owned).collect();
            appending.begin(flags, keywords, date);
            for piece in body.as_bytes().chunks(10_000) {
                appending.write(piece).await;
            }
            appending.end();
        }
        let appended = appending.commit().await.unwrap();
        assert_eq!(appended.uids, [1, 2, 3]);

        let mailbox = open(&store, "INBOX").await;
        let snapshot = mailbox.snapshot();
        assert_eq!(appended.uid_validity, snapshot.uid_validity);
        assert_eq!((uids(&snapshot), snapshot.uid_next), (vec![1, 2, 3], 4));
        let dates: Vec<i64> = snapshot.messages.iter().map(|m| m.internal_date).collect();
        assert_eq!(dates, [1_000_000_000, -5, NOW]);
        let octets: Vec<_> = snapshot.messages.iter().map(|m| m.octets).collect();
        assert_eq!(octets, [Some(6), Some(16 * 20_000), Some(6)]);
        assert_eq!(words(&snapshot, 1), ["$Work"]);
        assert_eq!(words(&snapshot, 2), ["$Work", "$Forwarded"]);
        assert!(snapshot.messages.iter().all(|m| mailbox.is_recent(m)));
        assert_eq!(text(&mailbox, 1).await, b"a\r\nb\r\n");
        assert_eq!(
            text(&mailbox, 2).await,
            large.replace('\n', "\r\n").as_bytes()
        );
        assert_eq!(text(&mailbox, 3).await, b"no end");

        let change = FlagChange {
            mode: Mode::Add,
            flags: Flags::DELETED | Flags::FLAGGED,
            keywords: vec!["x".to_owned()],
        };
        let stored = mailbox
            .store(vec![3, 1, 1, 9], change, None, at(NOW))
            .await
            .unwrap();
        assert_eq!((stored.changed, stored.modified), (vec![1, 3], vec![]));
        let flagged = mailbox.snapshot();
        assert!(flagged.highest_mod_seq > snapshot.highest_mod_seq);
        assert_eq!(flagged.find(1).unwrap().flags.to_string(), "FST");
        assert_eq!(words(&flagged, 1), ["$Work", "x"]);
        assert_eq!(flagged.find(2), snapshot.find(2));

        let change = FlagChange::new(Mode::Replace, Flags::SEEN);
        let since = Some(snapshot.highest_mod_seq);
        let stored = mailbox
            .store(vec![1, 2, 3], change, since, at(NOW))
            .await
            .unwrap();
        assert_eq!((stored.changed, stored.modified), (vec![2], vec![1, 3]));
        assert!(words(&mailbox.snapshot(), 2).is_empty());

        store
            .create(&alice(), &folder("a"), None, at(NOW))
            .await
            .unwrap();
        let copied = mailbox
            .copy(vec![3, 1, 9], &folder("a"), at(NOW))
            .await
            .unwrap();
        assert_eq!(copied.pairs, [(1, 1), (3, 2)]);
        let a = open(&store, "a").await;
        assert_eq!(copied.uid_validity, a.snapshot().uid_validity);
        let copy = *a.snapshot().find(1).unwrap();
        let old = *mailbox.snapshot().find(1).unwrap();
        assert_eq!(
            (copy.flags, copy.internal_date, copy.octets),
            (old.flags, old.internal_date, old.octets)
        );
        assert_eq!(words(&a.snapshot(), 1), ["$Work", "x"]);
        assert_eq!(text(&a, 2).await, b"no end");

        assert_eq!(
            mailbox.expunge(Some(vec![2, 3]), at(NOW)).await.unwrap(),
            [3]
        );
        assert_eq!(uids(&mailbox.snapshot()), [1, 2]);
        let moved = mailbox
            .move_to(vec![1, 2], &folder("a"), at(NOW))
            .await
            .unwrap();
        assert_eq!(moved.pairs, [(1, 3), (2, 4)]);
        assert!(mailbox.snapshot().messages.is_empty());
        assert_eq!(uids(&a.refresh(at(NOW)).await.unwrap()), [1, 2, 3, 4]);
        let again = a.copy(vec![4], &folder("a"), at(NOW)).await.unwrap();
        assert_eq!(again.pairs, [(4, 5)]);
        assert_eq!(text(&a, 5).await.len(), 16 * 20_000);
        let within = a.move_to(vec![1, 5], &folder("a"), at(NOW)).await.unwrap();
        assert_eq!(within.pairs, [(1, 6), (5, 7)]);
        assert_eq!(uids(&a.snapshot()), [2, 3, 4, 6, 7]);
        assert_eq!(a.expunge(None, at(NOW)).await.unwrap(), [2, 3, 6]);
        assert_eq!(uids(&a.snapshot()), [4, 7]);
        assert_eq!(a.read(2, at(NOW)).await.err(), Some(ReadError::Gone));
        assert_eq!(mailbox.snapshot().uid_next, 4, "UIDs are never given again");
    }
}

#[tokio::test]
async fn many_small_messages_are_read_at_once() {
    for (store, _dir) in each() {
        append(
            &store,
            &Folder::inbox(),
            &["1\n", "22\n", "333\n", "4444\n"],
        )
        .await;
        let mailbox = open(&store, "INBOX").await;
        let read = |uids: Vec<u32>, max| mailbox.read_many(uids, max, at(NOW));
        let whole = |uid, text: &'static [u8]| (uid, Fetched::Whole(text.into()));
        assert_eq!(
            read(vec![4, 9, 1], 100).await.unwrap(),
            [
                whole(4, b"4444\r\n"),
                (9, Fetched::Gone),
                whole(1, b"1\r\n")
            ]
        );
        assert_eq!(
            read(vec![1, 2, 3], 7).await.unwrap(),
            [whole(1, b"1\r\n"), whole(2, b"22\r\n")]
        );
        assert_eq!(read(vec![4, 1], 5).await.unwrap(), [(4, Fetched::Large)]);
    }
}

#[tokio::test]
async fn sessions_hear_of_each_other_and_of_deliveries() {
    for (store, _dir) in each() {
        let (one, two) = (open(&store, "INBOX").await, open(&store, "INBOX").await);
        deliver_one(&store, Folder::inbox(), "x\n").await;
        // No time passes here: what wakes them is the delivery itself.
        one.changed().await;
        let snapshot = one.refresh(at(NOW)).await.unwrap();
        assert_eq!(uids(&snapshot), [1]);
        assert!(one.is_recent(&snapshot.messages[0]));
        two.changed().await;
        let snapshot = two.refresh(at(NOW)).await.unwrap();
        assert!(
            !two.is_recent(&snapshot.messages[0]),
            "it is recent for one only"
        );
        let change = FlagChange::new(Mode::Add, Flags::DELETED);
        two.store(vec![1], change, None, at(NOW)).await.unwrap();
        one.changed().await;
        assert!(one.snapshot().messages[0].flags.contains(Flags::DELETED));
        let maildrop = store.maildrop(&alice(), at(NOW)).await.unwrap();
        two.refresh(at(NOW)).await.unwrap();
        maildrop.update(vec![0]).await.unwrap();
        two.changed().await;
        assert!(two.refresh(at(NOW)).await.unwrap().messages.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_wakes_a_session_when_nothing_happens() {
    let store = Mailstore::memory();
    let mailbox = open(&store, "INBOX").await;
    let woken = tokio::time::timeout(Duration::from_secs(3600), mailbox.changed());
    assert!(woken.await.is_err());
}

#[tokio::test]
async fn a_session_that_only_looks_changes_nothing() {
    for (store, _dir) in each() {
        deliver_one(&store, Folder::inbox(), "x\n").await;
        let (account, inbox) = (alice(), Folder::inbox());
        let looking = store.open(&account, &inbox, Access::ReadOnly, at(NOW));
        let looking = looking.await.unwrap();
        assert!(looking.is_recent(&looking.snapshot().messages[0]));
        let change = FlagChange::new(Mode::Add, Flags::SEEN);
        let refused = looking.store(vec![1], change, None, at(NOW)).await;
        assert_eq!(refused, Err(MailboxError::ReadOnly));
        assert_eq!(
            looking.expunge(None, at(NOW)).await,
            Err(MailboxError::ReadOnly)
        );
        let moved = looking.move_to(vec![1], &Folder::inbox(), at(NOW)).await;
        assert_eq!(moved, Err(MailboxError::ReadOnly));
        let facts = status(&store, Sizes::Counted).await;
        assert_eq!((facts.messages, facts.recent, facts.unseen), (1, 1, 1));
        assert_eq!(facts.octets, Some(3));
        let writing = open(&store, "INBOX").await;
        assert!(writing.is_recent(&writing.snapshot().messages[0]));
        assert_eq!(status(&store, Sizes::Known).await.recent, 0);
    }
}

#[tokio::test]
async fn store_19_deleted_renamed_and_made_anew() {
    for (store, _dir) in each() {
        let account = alice();
        let uid_validity = store
            .create(&account, &folder("a/b"), None, at(NOW))
            .await
            .unwrap();
        append(&store, &folder("a/b"), &["1\n", "2\n"]).await;
        let session = open(&store, "a/b").await;

        store
            .rename(&account, &folder("a"), &folder("c"), at(NOW))
            .await
            .unwrap();
        assert_eq!(session.refresh(at(NOW)).await, Err(MailboxError::Gone));
        assert_eq!(
            names(&store).await,
            [("INBOX", true), ("c", false), ("c/b", true)].map(|(n, s)| (n.to_owned(), s))
        );
        let renamed = open(&store, "c/b").await;
        assert_eq!(uids(&renamed.snapshot()), [1, 2]);
        assert_eq!(
            renamed.snapshot().uid_validity,
            uid_validity,
            "a mailbox keeps its UIDs"
        );

        let again = store
            .create(&account, &folder("a/b"), None, at(NOW))
            .await
            .unwrap();
        assert!(
            again > uid_validity,
            "the old name must not lead to other messages"
        );
        assert_eq!(session.refresh(at(NOW)).await, Err(MailboxError::Gone));
        let change = FlagChange::new(Mode::Add, Flags::DELETED);
        let stored = session.store(vec![1], change, None, at(NOW)).await;
        assert_eq!(stored, Err(MailboxError::Gone));

        store
            .delete(&account, &folder("a/b"), at(NOW))
            .await
            .unwrap();
        store
            .rename(&account, &folder("c/b"), &folder("a/b"), at(NOW))
            .await
            .unwrap();
        let over = open(&store, "a/b").await.snapshot();
        assert!(
            over.uid_validity > again,
            "it has a name that had a larger one"
        );
        assert_eq!(uids(&over), [1, 2]);

        store
            .delete(&account, &folder("a/b"), at(NOW))
            .await
            .unwrap();
        assert_eq!(names(&store).await, [("INBOX".to_owned(), true)]);
        let gone = store
            .open(&account, &folder("a/b"), Access::ReadOnly, at(NOW))
            .await;
        assert_eq!(gone.err(), Some(MailboxError::NoSuchMailbox));
        let third = store
            .create(&account, &folder("a/b"), None, at(NOW))
            .await
            .unwrap();
        assert!(third > over.uid_validity);
        assert!(open(&store, "a/b").await.snapshot().messages.is_empty());
    }
}

#[tokio::test]
async fn store_19_inbox_is_renamed_by_moving_what_is_in_it() {
    for (store, _dir) in each() {
        store
            .create(&alice(), &folder("INBOX/below"), None, at(NOW))
            .await
            .unwrap();
        append(&store, &Folder::inbox(), &["1\n", "2\n"]).await;
        let inbox = open(&store, "INBOX").await;
        let before = inbox.snapshot();
        store
            .rename(&alice(), &Folder::inbox(), &folder("old"), at(NOW))
            .await
            .unwrap();
        let after = inbox.refresh(at(NOW)).await.unwrap();
        assert!(after.messages.is_empty());
        assert_eq!(
            (after.uid_validity, after.uid_next),
            (before.uid_validity, 3)
        );
        let old = open(&store, "old").await;
        assert_eq!(uids(&old.snapshot()), [1, 2]);
        assert!(old.snapshot().uid_validity != before.uid_validity);
        assert_eq!(text(&old, 2).await, b"2\r\n");
        let listed: Vec<String> = names(&store)
            .await
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(listed, ["INBOX", "INBOX/below", "old"]);
    }
}

#[tokio::test]
async fn mailboxes_that_cannot_be_made_renamed_or_deleted() {
    use MailboxError::{AlreadyExists, HasChildren, Impossible, NoSuchMailbox};
    for (store, _dir) in each() {
        let account = alice();
        for name in ["a", "a/b/c", "x"] {
            store
                .create(&account, &folder(name), None, at(NOW))
                .await
                .unwrap();
        }
        for (name, error) in [("INBOX", AlreadyExists), ("a", AlreadyExists)] {
            let created = store.create(&account, &folder(name), None, at(NOW)).await;
            assert_eq!(created, Err(error), "{name}");
        }
        for (name, error) in [
            ("INBOX", Impossible),
            ("a/b", HasChildren),
            ("b", NoSuchMailbox),
        ] {
            assert_eq!(
                store.delete(&account, &folder(name), at(NOW)).await,
                Err(error),
                "{name}"
            );
        }
        for (from, to, error) in [
            ("a", "INBOX", Impossible),
            ("a", "a/d", Impossible),
            ("a", "x", AlreadyExists),
            ("x", "a/b/c", AlreadyExists),
            ("y", "z", NoSuchMailbox),
            ("INBOX", "x", AlreadyExists),
        ] {
            let renamed = store
                .rename(&account, &folder(from), &folder(to), at(NOW))
                .await;
            assert_eq!(renamed, Err(error), "{from} {to}");
        }
        let inbox = open(&store, "INBOX").await;
        let copied = inbox.copy(vec![], &folder("y"), at(NOW)).await;
        assert_eq!(copied, Err(NoSuchMailbox));
        store.delete(&account, &folder("a"), at(NOW)).await.unwrap();
        let expected = [
            ("INBOX", true),
            ("a", false),
            ("a/b", false),
            ("a/b/c", true),
            ("x", true),
        ];
        assert_eq!(
            names(&store).await,
            expected.map(|(n, s)| (n.to_owned(), s))
        );
        store
            .rename(&account, &folder("a/b"), &folder("a"), at(NOW))
            .await
            .unwrap();
        let expected = [("INBOX", true), ("a", false), ("a/c", true), ("x", true)];
        assert_eq!(
            names(&store).await,
            expected.map(|(n, s)| (n.to_owned(), s))
        );
    }
}

#[tokio::test]
async fn subscriptions_and_uses_outlive_mailboxes_and_restarts() {
    for (store, dir) in each() {
        let account = alice();
        let wanted = [
            (folder("Sent"), SpecialUse::Sent),
            (folder("Entwürfe"), SpecialUse::Drafts),
        ];
        assert!(store.ensure(&account, &wanted, at(NOW)).await.unwrap());
        store
            .subscribe(&account, &folder("none/such"), at(NOW))
            .await
            .unwrap();
        store
            .unsubscribe(&account, &folder("Sent"), at(NOW))
            .await
            .unwrap();
        store
            .rename(&account, &folder("Sent"), &folder("Gesendet"), at(NOW))
            .await
            .unwrap();
        store
            .delete(&account, &folder("Entwürfe"), at(NOW))
            .await
            .unwrap();
        let store = match &dir {
            Some(dir) => Mailstore::disk(dir.path(), "h", at(NOW)).unwrap(),
            None => store,
        };
        assert!(!store.ensure(&account, &wanted, at(NOW)).await.unwrap());
        let entries = store.mailboxes(&account, at(NOW)).await.unwrap();
        let entries: Vec<_> = entries
            .iter()
            .map(|e| (e.folder.name(), e.subscribed, e.special_use, e.selectable))
            .collect();
        assert_eq!(
            entries,
            [
                ("INBOX".to_owned(), false, None, true),
                ("Entwürfe".to_owned(), true, None, false),
                ("Gesendet".to_owned(), false, Some(SpecialUse::Sent), true),
                ("none/such".to_owned(), true, None, false),
            ]
        );
        let taken = store
            .create(&account, &folder("s"), Some(SpecialUse::Sent), at(NOW))
            .await;
        assert_eq!(taken, Err(MailboxError::AlreadyExists));
    }
}

#[tokio::test]
async fn keywords_have_a_limit_and_refusals_change_nothing() {
    for (store, _dir) in each() {
        append(&store, &Folder::inbox(), &["1\n"]).await;
        let mailbox = open(&store, "INBOX").await;
        let change = |mode, keywords: Vec<String>| FlagChange {
            keywords,
            ..FlagChange::new(mode, Flags::SEEN)
        };
        let many = (0..65).map(|number| format!("k{number}")).collect();
        let before = mailbox.snapshot();
        for bad in [
            many,
            vec!["a b".to_owned()],
            vec![String::new()],
            vec!["x".repeat(65)],
        ] {
            let stored = mailbox
                .store(vec![1], change(Mode::Add, bad), None, at(NOW))
                .await;
            assert!(matches!(stored, Err(MailboxError::Limit { .. })));
        }
        assert_eq!(mailbox.refresh(at(NOW)).await.unwrap(), before);
        // Those that nobody has any more make room.
        for number in 0..200 {
            let one = vec![format!("k{number}")];
            let stored = mailbox
                .store(vec![1], change(Mode::Replace, one), None, at(NOW))
                .await;
            assert_eq!(stored.unwrap().changed, [1]);
        }
        assert_eq!(words(&mailbox.snapshot(), 1), ["k199"]);
    }
}

#[tokio::test]
async fn an_append_that_is_dropped_or_spoilt_leaves_nothing() {
    for (store, dir) in each() {
        let inbox = Folder::inbox();
        let mut appending = store.appending(&alice(), &inbox, at(NOW)).await.unwrap();
        appending.begin(Flags::NONE, Vec::new(), None);
        appending.write(&vec![b'x'; 100_000]).await;
        if let Some(dir) = &dir {
            let tmp = dir.path().join("mail/example.test/alice/tmp");
            assert_eq!(std::fs::read_dir(&tmp).unwrap().count(), 1);
            std::thread::scope(|scope| scope.spawn(|| drop(appending)).join().unwrap());
            assert_eq!(std::fs::read_dir(&tmp).unwrap().count(), 0);
        }
        let mut appending = store.appending(&alice(), &inbox, at(NOW)).await.unwrap();
        appending.begin(Flags::NONE, Vec::new(), None);
        appending.write(b"x").await;
        appending.begin(Flags::NONE, vec!["not one".to_owned()], None);
        assert!(matches!(
            appending.commit().await,
            Err(MailboxError::Limit { .. })
        ));
        let empty = store.appending(&alice(), &inbox, at(NOW)).await.unwrap();
        assert!(empty.commit().await.unwrap().uids.is_empty());
        store
            .create(&alice(), &folder("a"), None, at(NOW))
            .await
            .unwrap();
        let mut late = store
            .appending(&alice(), &folder("a"), at(NOW))
            .await
            .unwrap();
        late.begin(Flags::NONE, Vec::new(), None);
        late.write(&vec![b'x'; 100_000]).await;
        store.delete(&alice(), &folder("a"), at(NOW)).await.unwrap();
        assert_eq!(late.commit().await, Err(MailboxError::NoSuchMailbox));
        assert!(open(&store, "INBOX").await.snapshot().messages.is_empty());
    }
}

#[tokio::test]
async fn all_4_no_message_is_in_the_debug_output_of_a_mailbox() {
    for (store, _dir) in each() {
        let mut appending = store
            .appending(&alice(), &Folder::inbox(), at(NOW))
            .await
            .unwrap();
        appending.begin(Flags::NONE, Vec::new(), None);
        appending.write(b"canary-7f3a").await;
        assert!(!format!("{appending:?}").contains("canary"));
        appending.commit().await.unwrap();
        let mailbox = open(&store, "INBOX").await;
        let fetched = mailbox.read_many(vec![1], 100, at(NOW)).await.unwrap();
        let content = mailbox.read(1, at(NOW)).await.unwrap();
        assert!(!format!("{mailbox:?} {fetched:?} {content:?} {store:?}").contains("canary"));
    }
}
