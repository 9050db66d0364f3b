//! IMAP: mailboxes that come, go, and are called something.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::ffi::OsStrExt,
    path::Path,
};

use mailwire_imap::response::{Code, Condition, ListAttribute, Response, StatusItem};

use super::{
    harness::{ALICE, BOB, served, served_in},
    imap::{Answer, Asked, Imap},
};

/// The names of LIST with their attributes in words.
fn listed(answer: &Answer) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    for response in &answer.untagged {
        if let Response::List(list) | Response::Lsub(list) = response {
            let name = String::from_utf8(list.name().to_octets().to_vec()).unwrap();
            let attributes = list.attributes().map(|a| a.name().to_vec());
            let attributes = attributes.map(|a| String::from_utf8(a).unwrap());
            assert!(all.insert(name, attributes.collect()).is_none());
        }
    }
    all
}

async fn names(imap: &mut Imap) -> Vec<String> {
    listed(&imap.ok("LIST \"\" *").await).into_keys().collect()
}

/// UIDVALIDITY and UIDNEXT.
async fn marks(imap: &mut Imap, name: &str) -> (u32, u32) {
    let answer = imap
        .ok(format!("STATUS {name} (UIDVALIDITY UIDNEXT)"))
        .await;
    let (mut validity, mut next) = (0, 0);
    for response in &answer.untagged {
        if let Response::MailboxStatus(status) = response {
            for item in status.items() {
                match item {
                    StatusItem::UidValidity(value) => validity = value.get(),
                    StatusItem::UidNext(value) => next = value.get(),
                    other => panic!("{other:?}"),
                }
            }
        }
    }
    assert!(validity > 0 && next > 0, "{answer:?}");
    (validity, next)
}

#[test]
fn an_account_begins_with_the_usual_mailboxes() {
    served(async |mail| {
        let mut imap = mail.imap_of(ALICE).await;
        let all = listed(&imap.ok("LIST \"\" * RETURN (SPECIAL-USE)").await);
        let expected = ["Archive", "Drafts", "INBOX", "Junk", "Sent", "Trash"];
        assert_eq!(all.keys().collect::<Vec<_>>(), expected);
        for (name, attributes) in &all {
            let used = attributes.contains(&format!("\\{name}"));
            assert_eq!(used, name != "INBOX", "{name}: {attributes:?}");
        }
        imap.no("CREATE Sent").await;
        imap.ok("CREATE Lists/rust").await;
        let answer = imap.ok("LIST \"\" %").await;
        assert!(listed(&answer)["Lists"].contains(&"\\HasChildren".to_owned()));
        imap.ok("SUBSCRIBE Lists/rust").await;
        let subscribed = listed(&imap.ok("LSUB \"\" *").await);
        assert!(subscribed.contains_key("Lists/rust"), "{subscribed:?}");
        imap.ok("UNSUBSCRIBE Lists/rust").await;
        assert!(listed(&imap.ok("LSUB \"\" L*").await).is_empty());
        let answer = imap.ok("NAMESPACE").await;
        assert!(matches!(answer.untagged[..], [Response::Namespace(_)]));
        let answer = imap.ok("LIST \"\" \"\"").await;
        assert!(matches!(&answer.untagged[..], [Response::List(list)] if
            list.delimiter() == Some(b'/') && list.has(ListAttribute::NoSelect)));
        // Others have their own.
        let mut other = mail.imap_of(BOB).await;
        assert!(!names(&mut other).await.contains(&"Lists/rust".to_owned()));
        // A name of another script.
        imap.ok("CREATE Entw&APw-rfe").await;
        assert!(names(&mut imap).await.contains(&"Entw&APw-rfe".to_owned()));
        assert!(mail.home(ALICE).join(".Entw\u{fc}rfe").is_dir());
    });
}

#[test]
fn inbox_is_always_there() {
    served(async |mail| {
        let mut imap = mail.imap_of(BOB).await;
        imap.no("DELETE INBOX").await;
        imap.no("CREATE inbox").await;
        imap.no("RENAME Sent InBoX").await;
        imap.fill("INBOX", 3).await;
        // RENAME INBOX moves what is in it (RFC 9051 §6.3.6).
        imap.ok("RENAME INBOX old").await;
        assert_eq!(mail.fresh(BOB, "old").await.len(), 3);
        assert_eq!(mail.fresh(BOB, "iNBOX").await.len(), 0);
        let uid = imap.append("INBOX", "Subject: x\r\n\r\n").await;
        assert_eq!(uid, 4);
    });
}

#[test]
fn what_is_open_elsewhere_can_be_deleted_and_renamed() {
    served(async |mail| {
        let mut imap = mail.imap_of(BOB).await;
        for command in ["DELETE work", "RENAME work play"] {
            imap.ok("CREATE work").await;
            imap.fill("work", 2).await;
            let mut reader = mail.imap_in(BOB, "work").await;
            let mut idler = mail.imap_in(BOB, "work").await;
            idler.idle().await;
            imap.ok(command).await;
            imap.ok("CREATE work").await;
            imap.append("work", "Subject: another\r\n\r\n").await;
            // Nothing that is said now is about the mailbox that has the name now.
            let answer = reader.ask("FETCH 1:* (UID BODY.PEEK[HEADER])").await;
            for fetch in answer.fetches() {
                let header = fetch.section(b"HEADER").unwrap().text().unwrap();
                assert!(!header.to_octets().starts_with(b"Subject: another"));
            }
            if answer.status.condition() == Condition::No {
                assert!(answer.has(&Code::NonExistent), "{answer:?}");
            }
            reader.wire.push("last NOOP\r\n").await;
            reader.bye().await;
            idler.bye().await;
            imap.ok("DELETE work").await;
        }
        assert_eq!(mail.fresh(BOB, "play").await.len(), 2);
        // What is open in the session that deletes it.
        imap.ok("SELECT play").await;
        let answer = imap.ask("DELETE play").await;
        if answer.status.condition() == Condition::Ok {
            assert!(
                !names(&mut mail.imap_of(BOB).await)
                    .await
                    .contains(&"play".to_owned())
            );
        }
    });
}

#[test]
fn imap_33_no_uid_comes_back() {
    served(async |mail| {
        let mut imap = mail.imap_of(BOB).await;
        // Not when the last message goes.
        imap.fill("INBOX", 3).await;
        imap.ok("SELECT INBOX").await;
        imap.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)").await;
        imap.ok("CLOSE").await;
        assert_eq!(imap.append("INBOX", "Subject: 4\r\n\r\n").await, 4);
        // Not when a mailbox is made again, or another one gets its name.
        let mut last = 0;
        for round in 0..6 {
            imap.ok("CREATE box").await;
            imap.append("box", "Subject: x\r\n\r\n").await;
            let (validity, next) = marks(&mut imap, "box").await;
            assert!(validity > last && next == 2, "{validity} {last} {next}");
            last = validity;
            if round % 2 == 0 {
                imap.ok("DELETE box").await;
            } else {
                imap.ok("RENAME box away").await;
                imap.ok("CREATE other").await;
                imap.append("other", "Subject: y\r\n\r\n").await;
                imap.ok("RENAME other box").await;
                let (validity, _) = marks(&mut imap, "box").await;
                assert!(validity > last, "{validity} {last}");
                last = validity;
                imap.ok("DELETE box").await;
                imap.ok("DELETE away").await;
            }
        }
    });
}

#[test]
fn imap_33_a_lost_index_begins_a_new_uidvalidity() {
    let mut before = (0, 0);
    let dir = served_in(tempfile::tempdir().unwrap(), "", async |mail| {
        let mut imap = mail.imap_of(BOB).await;
        imap.fill("INBOX", 3).await;
        before = marks(&mut imap, "INBOX").await;
    });
    let dir = served_in(dir, "", async |mail| {
        let mut imap = mail.imap_of(BOB).await;
        assert_eq!(marks(&mut imap, "INBOX").await, before);
    });
    let home = dir.path().join("data/mail/example.test/bob");
    let mut lost = 0;
    for entry in fs::read_dir(&home).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_file() && name.contains("index") {
            fs::remove_file(path).unwrap();
            lost += 1;
        }
    }
    assert!(lost > 0);
    served_in(dir, "", async |mail| {
        let mut imap = mail.imap_of(BOB).await;
        let (validity, _) = marks(&mut imap, "INBOX").await;
        assert!(validity > before.0, "{validity} {before:?}");
        assert_eq!(mail.fresh(BOB, "INBOX").await.len(), 3);
    });
}

#[test]
fn imap_33_uids_over_random_operations() {
    served(async |mail| {
        let mut imap = mail.imap_of(BOB).await;
        let boxes = ["INBOX", "a", "b", "a/c"];
        // What stood behind each UID, and how far the marks have come.
        let mut texts: BTreeMap<(&str, u32, u32), u32> = BTreeMap::new();
        let mut highest: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
        let mut random = 0x2545_f491_u32;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            random
        };
        for step in 0..400_u32 {
            let (one, two) = (boxes[next() as usize % 4], boxes[next() as usize % 4]);
            match next() % 8 {
                0 => drop(imap.ask(format!("CREATE {one}")).await),
                1 => drop(imap.ask(format!("DELETE {one}")).await),
                2 if next() % 2 == 0 => drop(imap.ask(format!("RENAME {one} {two}")).await),
                3 | 4 => {
                    let text = format!("Subject: {step}\r\n\r\n");
                    drop(imap.ask_with(&format!("APPEND {one}"), text).await);
                }
                5 if imap.ask(format!("SELECT {one}")).await.is_ok() => {
                    let command = ["COPY", "MOVE"][next() as usize % 2];
                    drop(imap.ask(format!("{command} 1:2 {two}")).await);
                    imap.ok("UNSELECT").await;
                }
                6 if imap.ask(format!("SELECT {one}")).await.is_ok() => {
                    drop(imap.ask("STORE 1 +FLAGS (\\Deleted)").await);
                    imap.ok("CLOSE").await;
                }
                _ => {}
            }
            for name in [one, two] {
                if !imap.ask(format!("EXAMINE {name}")).await.is_ok() {
                    continue;
                }
                imap.learn().await;
                let uids = imap.uids();
                assert!(uids.is_sorted_by(|a, b| a < b), "{uids:?}");
                let (validity, next) = marks(&mut imap, name).await;
                assert!(uids.last().is_none_or(|last| *last < next));
                let known = highest.entry(name).or_default();
                assert!(
                    (validity, next) >= *known,
                    "{name}: {known:?} {validity} {next}"
                );
                *known = (validity, next);
                if uids.is_empty() {
                    continue;
                }
                let answer = imap.ok("FETCH 1:* (UID BODY.PEEK[HEADER])").await;
                for fetch in answer.fetches() {
                    let header = fetch.section(b"HEADER").unwrap().text().unwrap();
                    let header = String::from_utf8(header.to_octets().to_vec()).unwrap();
                    let subject = header.trim_end().strip_prefix("Subject: ").unwrap();
                    let key = (name, validity, fetch.uid().unwrap().get());
                    let subject: u32 = subject.parse().unwrap();
                    assert_eq!(*texts.entry(key).or_insert(subject), subject, "{key:?}");
                }
            }
        }
        assert!(texts.len() > 50, "{}", texts.len());
    });
}

/// All paths below a folder.
fn paths(dir: &Path) -> BTreeSet<Vec<u8>> {
    let mut all = BTreeSet::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            all.extend(paths(&path));
        }
        all.insert(path.as_os_str().as_bytes().to_vec());
    }
    all
}

#[test]
fn imap_19_store_20_no_name_leads_out_of_the_store() {
    served(async |mail| {
        let mut victim = mail.imap_of(ALICE).await;
        victim.append("INBOX", "Subject: alice's\r\n\r\n").await;
        let mut imap = mail.imap_of(BOB).await;
        imap.append("INBOX", "Subject: bob's\r\n\r\n").await;
        let home = mail.home(BOB).as_os_str().as_bytes().to_vec();
        let outside = |all: BTreeSet<Vec<u8>>| -> BTreeSet<Vec<u8>> {
            all.into_iter()
                .filter(|path| !path.starts_with(&home))
                .collect()
        };
        let before = outside(paths(mail.dir.path()));
        let deep = vec!["a"; 1_000].join("/");
        let mut hostile: Vec<Vec<u8>> = [
            "..",
            ".",
            "../alice",
            "a/../../alice",
            "/etc",
            "/",
            "//",
            "a//b",
            "a/",
            "/a",
            "../../../../../../tmp/x",
            "INBOX/..",
            "INBOX/../..",
            "inbox/../../alice",
            "&",
            "&AGE-",
            "&2D0-",
            "&AC8-",
            "&AC4-&AC4-",
            "&AC4ALg-",
            "..&AC8-alice",
            "&AC8-etc",
            "&AAA-",
            "&AA0ACg-",
            "&ZeVnLIqe",
            "&Jjo!-",
            "a*",
            "a%",
            "*",
            "%",
            ".new",
            "new",
            "cur",
            "tmp",
            ".Sent",
            "a..b",
            "a\\..\\b",
            "~",
            "~root",
            "#news",
            "%2e%2e",
            "a\\5c..",
            "a\\2e",
            ":2,S",
            "a:b",
        ]
        .map(|name| name.as_bytes().to_vec())
        .to_vec();
        hostile.push(b"\xff\xfe".to_vec());
        hostile.push("\u{2025}/\u{2025}".into());
        hostile.push(b"a\rb".to_vec());
        hostile.push(b"a\nb".to_vec());
        hostile.push(vec![b'x'; 256]);
        hostile.push(vec![b'x'; 5_000]);
        hostile.push(deep.into_bytes());
        hostile.push([&b"&"[..], &[b'A'; 400], b"-"].concat());
        for name in &hostile {
            let shown = String::from_utf8_lossy(name).into_owned();
            // What is no name at all counts against the session.
            imap = mail.imap_of(BOB).await;
            for command in ["CREATE", "SUBSCRIBE", "UNSUBSCRIBE", "LSUB \"\"", "EXAMINE"] {
                say_name(&mut imap, command, name).await;
            }
            imap.ok("SELECT INBOX").await;
            say_name(&mut imap, "DELETE", name).await;
            say_name(&mut imap, "RENAME Archive", name).await;
            say_name(&mut imap, "LIST \"\"", name).await;
            // In front of other arguments.
            let tag = imap.begin(format!("APPEND {{{}}}", name.len())).await;
            if imap.end_or_go(&tag).await.is_none() {
                imap.wire.send([name, &b" {1}\r\n"[..]].concat()).await;
                if imap.end_or_go(&tag).await.is_none() {
                    imap.wire.send("x\r\n").await;
                    imap.end(&tag).await;
                }
            }
            say_name(&mut imap, "COPY 1", name).await;
            assert_eq!(outside(paths(mail.dir.path())), before, "{shown:?}");
            imap.ask("CREATE Archive").await;
        }
        // What was made is one level of directories, and has three in it.
        for entry in fs::read_dir(mail.home(BOB)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().as_bytes().to_vec();
            if path.is_dir() && name.starts_with(b".") {
                for part in ["new", "cur", "tmp"] {
                    assert!(path.join(part).is_dir(), "{path:?}");
                }
            }
        }
        assert_eq!(mail.fresh(ALICE, "INBOX").await.len(), 1);
        assert_eq!(mail.fresh(BOB, "INBOX").await.len(), 1);
        // A NUL is not even a string.
        let tag = imap.begin("CREATE {3}").await;
        assert!(imap.end_or_go(&tag).await.is_none());
        imap.wire.send("a\0b\r\n").await;
        assert_eq!(imap.end(&tag).await.status.condition(), Condition::Bad);
    });
}

/// A command with a name as a literal.
async fn say_name(imap: &mut Imap, command: &str, name: &[u8]) {
    let (answer, asked) = imap.ask_with(command, name).await;
    let shown = String::from_utf8_lossy(name).into_owned();
    assert!(asked == Asked::Yes || !answer.is_ok(), "{command} {shown}");
}
