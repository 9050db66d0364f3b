//! Mailboxes on a real file system, where other programs have a hand in them.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    sync::Arc,
};

use super::{
    super::{
        Access, Fetched, FlagChange, Flags, MailboxError, Mode, Sizes, Snapshot,
        appending::{Head, Step},
        desk::Desk,
        fs::Disk,
        index::back_to_version_1,
        selected::Ticket,
    },
    disk::{Place, open, place},
    *,
};

/// Of the file system, so that what is written now may be looked at again.
const NOW: i64 = 1_700_000_000;

type Session = (Arc<Desk<Disk>>, Ticket);

fn enter(store: &Store<Disk>, folder: &Folder, access: Access) -> Session {
    let desk = store.desk(&alice());
    let opened = desk.open(folder, access, at(NOW)).unwrap();
    let ticket = Ticket {
        account: alice(),
        folder: folder.clone(),
        access,
        uid_validity: opened.uid_validity,
        number: opened.number,
    };
    (desk, ticket)
}

fn session(place: &Place) -> Session {
    enter(&place.store, &Folder::inbox(), Access::ReadWrite)
}

fn look((desk, ticket): &Session) -> Arc<Snapshot> {
    desk.refresh(ticket, at(NOW)).unwrap();
    desk.snapshot(&ticket.folder)
}

fn texts(session: &Session) -> Vec<(u32, Vec<u8>)> {
    let uids: Vec<u32> = look(session).messages.iter().map(|m| m.uid).collect();
    let (desk, ticket) = session;
    let read = desk.read_many(ticket, &uids, usize::MAX, at(NOW)).unwrap();
    let text = |fetched| match fetched {
        Fetched::Whole(text) => text.to_vec(),
        other => panic!("{other:?}"),
    };
    read.into_iter()
        .map(|(uid, fetched)| (uid, text(fetched)))
        .collect()
}

fn files(place: &Place, part: &str) -> Vec<String> {
    let entries = fs::read_dir(place.home.join(part)).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().display().to_string())
        .collect();
    names.sort();
    names
}

fn change(session: &Session, uids: &[u32], mode: Mode, flags: Flags) -> Vec<u32> {
    let (desk, ticket) = session;
    let change = FlagChange::new(mode, flags);
    desk.store(ticket, uids, &change, None, at(NOW))
        .unwrap()
        .changed
}

#[test]
fn store_11_flags_that_two_sessions_and_another_program_change() {
    let place = place();
    place.put("cur/1.a:2,Xc", b"x\n");
    place.put("cur/2.b", b"x\n");
    let (one, two) = (session(&place), session(&place));
    change(&one, &[1, 2], Mode::Add, Flags::SEEN);
    assert_eq!(files(&place, "cur"), ["1.a:2,SXc", "2.b:2,S"]);
    change(&two, &[1], Mode::Add, Flags::FLAGGED);
    assert_eq!(look(&one).find(1).unwrap().flags.to_string(), "FSXc");
    // Another program renames the file behind the back of both.
    fs::rename(
        place.home.join("cur/1.a:2,FSXc"),
        place.home.join("cur/1.a:2,FRSXcz"),
    )
    .unwrap();
    assert_eq!(change(&two, &[1, 2], Mode::Add, Flags::DRAFT), [1, 2]);
    assert_eq!(files(&place, "cur"), ["1.a:2,DFRSXcz", "2.b:2,DS"]);
    change(&one, &[1], Mode::Replace, Flags::NONE);
    assert_eq!(files(&place, "cur"), ["1.a:2,Xcz", "2.b:2,DS"]);
    let flags: Vec<String> = look(&two)
        .messages
        .iter()
        .map(|m| m.flags.to_string())
        .collect();
    assert_eq!(flags, ["Xcz", "DS"]);
    // Nobody is told of a change that was not one.
    let before = look(&one);
    change(&two, &[1, 2], Mode::Remove, Flags::DELETED);
    assert_eq!(look(&one), before);
}

#[test]
fn store_12_new_messages_are_seen_once_wherever_others_move_them() {
    let place = place();
    place.put("new/1.a", b"a\n");
    place.put("new/2.b", b"b\n");
    let reader = enter(&place.store, &Folder::inbox(), Access::ReadOnly);
    assert_eq!(
        files(&place, "new"),
        ["1.a", "2.b"],
        "who only looks moves nothing"
    );
    let before = look(&reader);
    // Another reader was stopped between the two steps of moving a message.
    fs::hard_link(place.home.join("new/1.a"), place.home.join("cur/1.a:2,")).unwrap();
    fs::rename(place.home.join("new/2.b"), place.home.join("cur/2.b:2,S")).unwrap();
    let writer = session(&place);
    let uids: Vec<u32> = look(&writer).messages.iter().map(|m| m.uid).collect();
    assert_eq!(uids, [1, 2]);
    assert_eq!(look(&reader).uid_next, before.uid_next);
    assert_eq!(
        texts(&reader),
        [(1, b"a\r\n".to_vec()), (2, b"b\r\n".to_vec())]
    );
    let pop = place.session();
    assert_eq!(pop.messages().len(), 2);
    deliver(&place.store, &[inbox(alice())], b"c\n");
    assert_eq!(look(&writer).messages.len(), 3);
    assert!(
        files(&place, "new").iter().all(|name| name == "1.a"),
        "it was moved to cur"
    );
    assert_eq!(pop.update(&[0]), Ok(()));
    let left: Vec<u32> = look(&writer).messages.iter().map(|m| m.uid).collect();
    assert_eq!(left, [2, 3]);
    assert!(
        files(&place, "new").is_empty(),
        "no second name brings it back"
    );
}

#[test]
fn store_16_a_message_with_two_names_does_not_come_back() {
    let place = place();
    let path = place.put("new/1.a", b"a\n");
    fs::hard_link(path, place.home.join("cur/1.a:2,T")).unwrap();
    place.put("cur/2.b:2,T", b"b\n");
    place.put("cur/3.c:2,", b"c\n");
    let session = session(&place);
    let (desk, ticket) = &session;
    assert_eq!(desk.expunge(ticket, None, at(NOW)).unwrap(), [1, 2]);
    assert_eq!(texts(&session), [(3, b"c\r\n".to_vec())]);
    assert_eq!(
        (files(&place, "new").len(), files(&place, "cur").len()),
        (0, 1)
    );
}

#[test]
fn store_21_and_23_foreign_files_are_served_or_passed_over() {
    let place = place();
    let long = format!("new/{}", "n".repeat(255));
    for (name, text) in [
        (OsStr::from_bytes(b"new/\xff\xfe"), &b"1\n"[..]),
        (OsStr::new(&long), b"2\n"),
        (OsStr::new("cur/5.no-info"), b"3\n"),
        (OsStr::new("cur/6.x,S=1,W=99:2,Sabc"), b"4444\n"),
        (OsStr::new("new/8.both"), b"old\n"),
        (OsStr::new("cur/8.both:2,S"), b"new\n"),
        (OsStr::new("new/.hidden"), b"x"),
    ] {
        place.put(name, text);
    }
    symlink("/dev/zero", place.home.join("new/3.device")).unwrap();
    fs::create_dir(place.home.join("cur/4.dir:2,")).unwrap();
    let fifo = place.home.join("cur/5.fifo:2,");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RWXU).unwrap();
    for _ in 0..2 {
        let session = session(&place);
        let all: BTreeSet<Vec<u8>> = texts(&session).into_iter().map(|(_, text)| text).collect();
        let expected: [&[u8]; 5] = [b"1\r\n", b"2\r\n", b"3\r\n", b"4444\r\n", b"new\r\n"];
        assert_eq!(all, expected.map(<[u8]>::to_vec).into());
        let (desk, ticket) = &session;
        let uids: Vec<u32> = look(&session).messages.iter().map(|m| m.uid).collect();
        desk.sizes(ticket, &uids, at(NOW)).unwrap();
        for (uid, text) in texts(&session) {
            assert_eq!(
                look(&session).find(uid).unwrap().octets,
                Some(text.len() as u64)
            );
        }
    }
    assert!(
        files(&place, "new").contains(&"n".repeat(255)),
        "its name leaves no room for flags"
    );
}

#[test]
fn store_24_the_size_is_that_of_what_is_read() {
    let place = place();
    let line = vec![b'x'; 1024 * 1024];
    let texts: [&[u8]; 12] = [
        b"",
        b"\n",
        b"\r",
        b"\r\n",
        b"\0",
        b"a",
        b"a\n",
        b"a\r",
        b"a\n\nb\r\n\rc\r\r\n\n\r",
        b"no colon\n\nx",
        b"\xff\xfe\x80\n",
        &line,
    ];
    for (number, text) in texts.iter().enumerate() {
        place.put(format!("new/{number:02}.x"), text);
    }
    let session = session(&place);
    let (desk, ticket) = &session;
    let uids: Vec<u32> = look(&session).messages.iter().map(|m| m.uid).collect();
    assert_eq!(uids.len(), texts.len());
    desk.sizes(ticket, &uids, at(NOW)).unwrap();
    for (uid, text) in self::texts(&session) {
        assert_eq!(
            look(&session).find(uid).unwrap().octets,
            Some(text.len() as u64)
        );
    }
    // POP3 counts the line end that it adds, too.
    let pop = place.session();
    for (message, uid) in pop.messages().iter().zip(&uids) {
        let octets = look(&session).find(*uid).unwrap().octets.unwrap();
        assert!(message.octets == octets || message.octets == octets + 2);
    }
    drop(pop);
    // A file that somebody rewrites is another text, and is counted again.
    let name = files(&place, "cur").remove(5);
    fs::write(place.home.join("cur").join(&name), b"longer than before\n").unwrap();
    let read = self::texts(&session).remove(5).1;
    assert_eq!(read, b"longer than before\r\n");
    desk.sizes(ticket, &uids, at(NOW)).unwrap();
    assert_eq!(look(&session).messages[5].octets, Some(20));
}

#[test]
fn store_15_an_index_of_version_1_keeps_its_uids() {
    let place = place();
    for name in ["cur/2.b:2,S", "new/1.a", "cur/3.c:2,FS"] {
        place.put(name, b"x\n");
    }
    let session = session(&place);
    let (desk, ticket) = &session;
    let tagged = FlagChange {
        keywords: vec!["k".to_owned()],
        ..FlagChange::new(Mode::Add, Flags::NONE)
    };
    desk.store(ticket, &[2], &tagged, None, at(NOW)).unwrap();
    change(&session, &[3], Mode::Add, Flags::DELETED);
    desk.expunge(ticket, None, at(NOW)).unwrap();
    let before = look(&session);
    drop(session);
    let root = place.home.ancestors().nth(3).unwrap();
    let db = rusqlite::Connection::open(place.home.join("mailwire-index.sqlite")).unwrap();
    back_to_version_1(&db);
    drop(db);
    let later = enter(&open(root), &Folder::inbox(), Access::ReadWrite);
    let mut after = (*look(&later)).clone();
    for (after, before) in after.messages.iter_mut().zip(&before.messages) {
        (after.octets, after.claim) = (before.octets, before.claim);
    }
    assert_eq!(after, *before);
}

#[test]
fn store_13_a_session_lets_go_of_a_mailbox_whose_index_is_gone() {
    let place = place();
    place.put("cur/1.a:2,", b"x\n");
    let session = session(&place);
    let before = look(&session);
    fs::remove_file(place.home.join("mailwire-index.sqlite")).unwrap();
    let (desk, ticket) = &session;
    assert_eq!(desk.refresh(ticket, at(NOW)), Err(MailboxError::Gone));
    let anew = self::session(&place);
    assert!(look(&anew).uid_validity > before.uid_validity);
    for name in ["mailwire-index.sqlite", "mailwire-index.sqlite-wal"] {
        fs::remove_file(place.home.join(name)).unwrap();
    }
    fs::write(place.home.join("mailwire-index.sqlite"), "not a database").unwrap();
    let third = self::session(&place);
    assert!(third.1.uid_validity > anew.1.uid_validity);
    assert_eq!(texts(&third).len(), 1);
}

#[test]
fn store_20_and_21_a_link_in_place_of_a_folder_is_no_folder() {
    let place = place();
    let outside = tempfile::tempdir().unwrap();
    for name in ["tmp", "new", "cur"] {
        fs::create_dir(outside.path().join(name)).unwrap();
    }
    fs::write(outside.path().join("cur/1.x"), "secret").unwrap();
    drop(session(&place));
    symlink(outside.path(), place.home.join(".Lists")).unwrap();
    fs::write(place.home.join(".file"), "").unwrap();
    let desk = place.store.desk(&alice());
    for name in ["Lists", "file"] {
        let folder = Folder::parse(name).unwrap();
        let opened = desk.open(&folder, Access::ReadWrite, at(NOW));
        assert_eq!(opened.err(), Some(MailboxError::NoSuchMailbox));
        assert!(desk.create(&folder, None, at(NOW)).is_err());
        assert_eq!(
            desk.delete(&folder, at(NOW)),
            Err(MailboxError::NoSuchMailbox)
        );
        let renamed = desk.rename(&Folder::inbox(), &folder, at(NOW));
        assert!(renamed.is_err());
    }
    assert_eq!(desk.mailboxes(at(NOW)).unwrap().len(), 1);
    assert_eq!(fs::read_dir(outside.path().join("cur")).unwrap().count(), 1);
}

#[test]
fn a_deleted_mailbox_leaves_nothing_and_what_is_left_is_swept() {
    let place = place();
    let (desk, folder) = (place.store.desk(&alice()), Folder::parse("a.b").unwrap());
    desk.create(&folder, None, at(NOW)).unwrap();
    assert!(place.home.join(r".a\2eb/cur").is_dir());
    deliver(&place.store, &[(alice(), folder.clone())], b"x");
    desk.delete(&folder, at(NOW)).unwrap();
    let left = |place: &Place| {
        files(place, "")
            .into_iter()
            .filter(|name| name.starts_with('.'))
            .count()
    };
    assert_eq!(left(&place), 0);
    fs::create_dir_all(place.home.join("..mailwire-gone.1/cur")).unwrap();
    fs::write(place.home.join("..mailwire-gone.1/cur/x"), "").unwrap();
    assert_eq!(place.store.sweep(at(NOW)), Ok(1));
    assert_eq!(left(&place), 0);
}

#[test]
fn store_19_deliveries_to_a_folder_that_is_deleted_and_renamed_are_not_lost() {
    const EACH: usize = 40;
    let place = place();
    let folder = Folder::parse("a").unwrap();
    let (mut kept, mut deleted) = (0, 0);
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            for number in 0..EACH {
                let text = format!("{number}\n");
                let target = [(alice(), Folder::parse("a").unwrap())];
                while deliver(&place.store, &target, text.as_bytes()) != [Ok(())] {}
            }
        });
        let desk = place.store.desk(&alice());
        let other = Folder::parse("b").unwrap();
        while !sender.is_finished() {
            // What is renamed is counted, and removed only then.
            if desk.rename(&folder, &other, at(NOW)).is_ok() {
                let facts = desk.status(&other, Sizes::Known, at(NOW)).unwrap();
                deleted += facts.messages;
                desk.delete(&other, at(NOW)).unwrap();
            }
        }
        if let Ok(facts) = desk.status(&folder, Sizes::Known, at(NOW)) {
            kept = facts.messages;
        }
    });
    // A message may be there twice when its folder went away under it, but never not at all.
    assert!(kept + deleted >= EACH as u64, "{kept} {deleted}");
}

#[test]
fn store_12_two_servers_on_one_store_lose_no_change() {
    const EACH: usize = 60;
    let place = place();
    for number in 0..4 {
        place.put(format!("new/{number}.x"), b"x\n");
    }
    let root = place.home.ancestors().nth(3).unwrap();
    let stores = [open(root), open(root)];
    std::thread::scope(|scope| {
        for (store, flags) in stores.iter().zip([Flags::SEEN, Flags::FLAGGED]) {
            scope.spawn(move || {
                let session = enter(store, &Folder::inbox(), Access::ReadWrite);
                for round in 0..EACH {
                    let mode = [Mode::Remove, Mode::Add][round % 2];
                    assert_eq!(change(&session, &[1, 2, 3, 4], mode, flags), [1, 2, 3, 4]);
                    deliver(store, &[inbox(alice())], b"y\n");
                }
            });
        }
    });
    let session = session(&place);
    let snapshot = look(&session);
    assert_eq!(snapshot.messages.len(), 4 + 2 * EACH);
    assert_eq!(snapshot.uid_next, 5 + 2 * u32::try_from(EACH).unwrap());
    for message in &snapshot.messages[..4] {
        assert_eq!(message.flags.to_string(), "FS");
    }
}

#[test]
fn internal_dates_and_flags_are_on_the_files_too() {
    let place = place();
    let desk = place.store.desk(&alice());
    let mut batch = desk.batch(&Folder::inbox(), at(NOW)).unwrap();
    let head = Head {
        flags: Flags::SEEN,
        keywords: Vec::new(),
        internal_date: 1_000_000_000,
    };
    batch.take(vec![
        Step::Begin(head),
        Step::Octets("a\n".into()),
        Step::End,
    ]);
    assert_eq!(desk.commit(batch).unwrap().uids, [1]);
    let session = session(&place);
    let copied = desk
        .copy(&session.1, &[1], &Folder::inbox(), at(NOW))
        .unwrap();
    assert_eq!(copied.pairs, [(1, 2)]);
    fs::remove_file(place.home.join("mailwire-index.sqlite")).unwrap();
    for message in &look(&self::session(&place)).messages {
        assert_eq!(message.internal_date, 1_000_000_000);
        assert_eq!(message.flags, Flags::SEEN);
    }
}
