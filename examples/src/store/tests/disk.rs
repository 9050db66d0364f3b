//! The store on a real file system.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt, symlink},
    },
    path::{Path, PathBuf},
};

use mailwire_core::dot::Encoder;
use tempfile::TempDir;

use super::{
    super::{
        fs::Disk,
        maildrop::{Reader, Snapshot},
    },
    *,
};

pub(super) struct Place {
    pub(super) store: Store<Disk>,
    pub(super) home: PathBuf,
    _dir: TempDir,
}

pub(super) fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap();
    let home = path.join("mail/example.test/alice");
    Place {
        store: open(&path),
        home,
        _dir: dir,
    }
}

pub(super) fn open(path: &Path) -> Store<Disk> {
    Store::new(
        Disk::open(path).unwrap(),
        Some(path.to_owned()),
        "mx.example.test",
        std::process::id(),
    )
}

impl Place {
    pub(super) fn session(&self) -> Snapshot<Disk> {
        Snapshot::open(&self.store, &alice(), at(2_000_000)).unwrap()
    }

    /// A message of another program.
    pub(super) fn put(&self, name: impl AsRef<OsStr>, text: &[u8]) -> PathBuf {
        drop(self.store.maildir(&alice(), &Folder::inbox()).unwrap());
        let path = self.home.join(name.as_ref());
        fs::write(&path, text).unwrap();
        path
    }
}

pub(super) fn all(mut reader: Reader<Disk>) -> Vec<u8> {
    let mut text = Vec::new();
    while let Some(piece) = reader.next().unwrap() {
        text.extend_from_slice(&piece);
    }
    text
}

fn ids(session: &Snapshot<Disk>) -> Vec<String> {
    session
        .messages()
        .iter()
        .map(|message| message.id())
        .collect()
}

#[test]
fn delivered_is_what_was_written_for_us_alone() {
    let place = place();
    let text: Vec<u8> = (0..300_000_u32).flat_map(u32::to_be_bytes).collect();
    assert_eq!(
        deliver(
            &place.store,
            &[inbox(alice()), inbox(bob()), inbox(alice())],
            &text
        ),
        [Ok(()), Ok(()), Ok(())]
    );
    let mut inodes = Vec::new();
    for user in ["alice", "bob"] {
        let home = place.home.with_file_name(user);
        for part in ["", "tmp", "new", "cur"] {
            assert_eq!(
                fs::metadata(home.join(part)).unwrap().mode() & 0o7777,
                0o700
            );
        }
        let files: Vec<_> = fs::read_dir(home.join("new"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        let [file] = &files[..] else {
            panic!("one copy each, also for one named twice: {files:?}")
        };
        assert_eq!(fs::read(file).unwrap(), text);
        let stat = fs::metadata(file).unwrap();
        assert_eq!((stat.mode() & 0o7777, stat.nlink()), (0o600, 2));
        inodes.push(stat.ino());
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(
            name.starts_with("1000000.M000000P") && name.ends_with(".mx.example.test,S=1200000"),
            "{name}"
        );
        assert_eq!(fs::read_dir(home.join("tmp")).unwrap().count(), 0);
    }
    assert_eq!(inodes[0], inodes[1]);
}

#[test]
fn folders_are_maildir_plus_plus() {
    let place = place();
    let folder = Folder::parse("Lists/rust").unwrap();
    assert_eq!(deliver(&place.store, &[(alice(), folder)], b"x"), [Ok(())]);
    assert_eq!(
        fs::read_dir(place.home.join(".Lists.rust/new"))
            .unwrap()
            .count(),
        1
    );
    assert_eq!(place.session().messages().len(), 0);
}

#[test]
fn store_7_directories_that_were_removed_come_back() {
    let place = place();
    assert_eq!(deliver(&place.store, &[inbox(alice())], b"x"), [Ok(())]);
    for gone in ["tmp", "new", "cur", ""] {
        fs::remove_dir_all(place.home.join(gone)).unwrap();
        assert_eq!(
            deliver(&place.store, &[inbox(alice())], b"x"),
            [Ok(())],
            "{gone}"
        );
    }
    assert_eq!(place.session().messages().len(), 1);
}

#[test]
fn store_10_one_bad_mailbox_does_not_cost_the_others() {
    let place = place();
    fs::create_dir_all(place.home.parent().unwrap()).unwrap();
    fs::write(&place.home, "not a directory").unwrap();
    let results = deliver(&place.store, &[inbox(alice()), inbox(bob())], b"x");
    assert!(matches!(
        results[..],
        [Err(StoreError::Temporary { .. }), Ok(())]
    ));
}

#[test]
fn store_20_and_21_a_link_in_place_of_a_directory_is_refused() {
    for part in ["", "tmp", "new", "cur"] {
        let place = place();
        assert_eq!(deliver(&place.store, &[inbox(alice())], b"x"), [Ok(())]);
        let outside = tempfile::tempdir().unwrap();
        for name in ["tmp", "new", "cur"] {
            fs::create_dir(outside.path().join(name)).unwrap();
        }
        let target = if part.is_empty() {
            outside.path().to_owned()
        } else {
            outside.path().join(part)
        };
        let link = if part.is_empty() {
            place.home.clone()
        } else {
            place.home.join(part)
        };
        fs::remove_dir_all(&link).unwrap();
        symlink(target, link).unwrap();
        assert!(matches!(
            deliver(&place.store, &[inbox(alice())], b"x")[..],
            [Err(_)]
        ));
        assert!(Snapshot::open(&place.store, &alice(), at(0)).is_err());
        let count = |name| fs::read_dir(outside.path().join(name)).unwrap().count();
        assert_eq!(count("tmp") + count("new") + count("cur"), 0);
    }
}

#[test]
fn store_21_what_is_not_a_file_is_passed_over_without_waiting() {
    let place = place();
    let real = place.put("new/1.real", b"a\r\n");
    symlink(&real, place.home.join("new/2.link")).unwrap();
    symlink("/dev/zero", place.home.join("new/3.device")).unwrap();
    fs::create_dir(place.home.join("cur/4.dir:2,")).unwrap();
    let fifo = place.home.join("new/5.fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RWXU).unwrap();
    fs::hard_link(&real, place.home.join("cur/6.hard")).unwrap();
    place.put("new/.hidden", b"x");
    let session = place.session();
    assert_eq!(ids(&session), ["1.real", "6.hard"]);
    assert_eq!(all(session.read(0).unwrap()), b"a\r\n");
    // Somebody puts a FIFO in place of the message while the session goes on.
    fs::rename(fifo, real).unwrap();
    assert!(session.read(0).is_err());
}

#[test]
fn store_21_rights_do_not_depend_on_the_umask() {
    // The umask is of the whole process; the modes are given with the calls, so what a umask of 0 would let through
    // is what we ask for. Only a setgid parent adds to it.
    let place = place();
    let parent = place.home.parent().unwrap();
    fs::create_dir_all(parent).unwrap();
    fs::set_permissions(parent, fs::Permissions::from_mode(0o2777)).unwrap();
    assert_eq!(deliver(&place.store, &[inbox(alice())], b"x"), [Ok(())]);
    drop(place.session());
    for entry in fs::read_dir(&place.home).unwrap() {
        let stat = entry.unwrap().metadata().unwrap();
        assert_eq!(
            stat.mode() & 0o777,
            if stat.is_dir() { 0o700 } else { 0o600 }
        );
    }
}

#[test]
fn store_23_foreign_names_are_served_and_the_real_size_wins() {
    let place = place();
    let long = format!("new/{}", "n".repeat(255));
    for (name, text) in [
        (OsStr::from_bytes(b"new/\xff\xfe"), &b"1\r\n"[..]),
        (OsStr::new(&long), b"22\r\n"),
        (OsStr::new("cur/5.no-info"), b"333\r\n"),
        (OsStr::new("cur/6.x,S=1,W=99:2,Sabc"), b"4444\r\n"),
        (OsStr::new("new/7.x,S=99999999999999999999"), b"55555\r\n"),
        (OsStr::new("new/8.both"), b"old\r\n"),
        (OsStr::new("cur/8.both:2,S"), b"new666\r\n"),
        (OsStr::new("cur/8.both:2,"), b"other\r\n"),
    ] {
        place.put(name, text);
    }
    for _ in 0..2 {
        let session = place.session();
        let mut seen = BTreeMap::new();
        for (number, message) in session.messages().iter().enumerate() {
            let text = all(session.read(number).unwrap());
            assert_eq!(message.octets, text.len() as u64);
            assert!((1..=70).contains(&message.id().len()));
            seen.insert(text, number);
        }
        let texts: Vec<&[u8]> = seen.keys().map(|text| &**text).collect();
        assert_eq!(
            texts,
            [
                &b"1\r\n"[..],
                b"22\r\n",
                b"333\r\n",
                b"4444\r\n",
                b"55555\r\n",
                b"new666\r\n"
            ]
        );
    }
}

#[test]
fn pop3_1_and_store_24_the_size_is_what_is_sent() {
    let place = place();
    let mut line = vec![b'x'; 1024 * 1024];
    line[..2].copy_from_slice(b"..");
    let texts: [&[u8]; 14] = [
        b"",
        b"\n",
        b"\r",
        b"\r\n",
        b"\0",
        b"a",
        b"a\n",
        b"a\r",
        b".\n..\n.x",
        b"a\n\nb\r\n\rc\r\r\n\n\r",
        b"no colon\n\nx",
        b"\r\n.\r\n",
        b"\xff\xfe\x80\n",
        &line,
    ];
    for (number, text) in texts.iter().enumerate() {
        place.put(format!("new/{number}.x"), text);
    }
    // Once counted, once from the index.
    for _ in 0..2 {
        let session = place.session();
        assert_eq!(session.messages().len(), texts.len());
        for (number, message) in session.messages().iter().enumerate() {
            let stored = all(session.read(number).unwrap());
            assert_eq!(stored, texts[number]);
            let mut encoder = Encoder::normalizing();
            let mut wire = bytes::BytesMut::new();
            encoder.encode_to(&stored, &mut wire).unwrap();
            wire.extend_from_slice(&encoder.finish().unwrap());
            let sent = naive_unstuffed(&wire);
            assert_eq!(message.octets, sent, "{number}");
        }
    }
}

/// What a client stores of a multi-line response.
fn naive_unstuffed(wire: &[u8]) -> u64 {
    let text = wire.strip_suffix(b".\r\n").unwrap();
    assert!(text.is_empty() || text.ends_with(b"\r\n"));
    let dots = (0..text.len())
        .filter(|at| text[*at] == b'.' && (*at == 0 || text[..*at].ends_with(b"\r\n")));
    (text.len() - dots.count()) as u64
}

#[test]
fn store_24_sizes_have_64_bits() {
    let place = place();
    let path = place.put("new/1.big", b"");
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(5 << 30)
        .unwrap();
    let maildir = place.store.maildir(&alice(), &Folder::inbox()).unwrap();
    assert_eq!(maildir.scan(place.store.fs()).unwrap()[0].size, 5 << 30);
}

#[test]
fn pop3_9_one_session_at_a_time() {
    let place = place();
    deliver(&place.store, &[inbox(alice())], b"a\r\n");
    let first = place.session();
    let again =
        || Snapshot::open(&place.store, &alice(), at(0)).map(|session| session.messages().len());
    assert_eq!(again(), Err(OpenError::InUse));
    // Another process is another opening of the lock file; that is all that flock(2) looks at.
    let other = open(place.home.ancestors().nth(3).unwrap());
    assert_eq!(
        Snapshot::open(&other, &alice(), at(0)).err(),
        Some(OpenError::InUse)
    );
    deliver(&place.store, &[inbox(alice())], b"b\r\n");
    assert_eq!(first.messages().len(), 1, "numbers are stable");
    drop(first);
    assert_eq!(again(), Ok(2), "a lock file without an owner is no lock");
}

#[test]
fn pop3_9_and_store_12_messages_that_others_move_or_remove() {
    let place = place();
    let paths =
        ["new/1.a", "new/2.b", "cur/3.c:2,", "cur/4.d:2,S"].map(|name| place.put(name, b"x\r\n"));
    let session = place.session();
    fs::rename(&paths[0], place.home.join("cur/1.a:2,S")).unwrap();
    fs::remove_file(&paths[1]).unwrap();
    fs::rename(&paths[2], place.home.join("cur/3.c:2,FRS")).unwrap();
    assert!(session.read(0).is_ok());
    assert_eq!(session.read(1).err(), Some(ReadError::Gone));
    assert!(session.read(2).is_ok());
    assert_eq!(session.read(4).err(), Some(ReadError::Gone));
    assert_eq!(session.update(&[0, 1, 2]), Ok(()));
    drop(session);
    assert_eq!(ids(&place.session()), ["4.d"]);
}

#[test]
fn store_16_only_the_message_that_was_seen_is_removed() {
    let place = place();
    let path = place.put("new/1.a", b"x\r\n");
    place.put("new/2.b", b"y\r\n");
    fs::hard_link(&path, place.home.join("cur/1.a:2,")).unwrap();
    let session = place.session();
    assert_eq!(ids(&session), ["1.a", "2.b"]);
    // Another message takes a name that was ours to remove.
    place.put("new/other", b"z\r\n");
    fs::rename(place.home.join("new/other"), place.home.join("new/2.b")).unwrap();
    assert_eq!(session.update(&[0, 1]), Ok(()));
    drop(session);
    let left: Vec<OsString> = ["new", "cur"]
        .iter()
        .flat_map(|part| fs::read_dir(place.home.join(part)).unwrap())
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(
        left,
        ["2.b"],
        "both names of the one are gone, and the other message is there"
    );
}

#[test]
fn pop3_19_ids_outlive_moves_flags_restarts_and_the_index() {
    let place = place();
    for _ in 0..3 {
        deliver(&place.store, &[inbox(alice())], b"x\r\n");
    }
    let before = ids(&place.session());
    let name = fs::read_dir(place.home.join("new"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .file_name();
    let moved = |flags| {
        place
            .home
            .join("cur")
            .join(format!("{}:2,{flags}", name.to_str().unwrap()))
    };
    fs::rename(place.home.join("new").join(&name), moved("")).unwrap();
    assert_eq!(ids(&place.session()), before);
    fs::rename(moved(""), moved("FS")).unwrap();
    assert_eq!(ids(&place.session()), before);
    fs::remove_file(place.home.join("mailwire-index.sqlite")).unwrap();
    let other = open(place.home.ancestors().nth(3).unwrap());
    assert_eq!(
        ids(&Snapshot::open(&other, &alice(), at(0)).unwrap()),
        before
    );
}

#[test]
fn store_34_times_at_the_ends_of_time() {
    let place = place();
    for (number, seconds) in [-2_177_452_800, 0, 2_147_483_648, 253_402_300_799]
        .into_iter()
        .enumerate()
    {
        let path = place.put(format!("new/{number}"), b"x\r\n");
        let file = fs::File::options().write(true).open(path).unwrap();
        let times = rustix::fs::Timespec {
            tv_sec: seconds,
            tv_nsec: 0,
        };
        let times = rustix::fs::Timestamps {
            last_access: times,
            last_modification: times,
        };
        rustix::fs::futimens(&file, &times).unwrap();
    }
    assert_eq!(ids(&place.session()).len(), 4);
    assert!(place.store.sweep(jiff::Timestamp::MAX).is_ok());
    assert!(place.store.sweep(jiff::Timestamp::MIN).is_ok());
}

#[test]
fn store_12_and_28_deliveries_and_sessions_at_once_lose_nothing() {
    const EACH: usize = 20;
    let place = place();
    let mut removed = 0;
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..4)
            .map(|sender| {
                let store = &place.store;
                scope.spawn(move || {
                    for number in 0..EACH {
                        let text = format!("{sender} {number}\r\n");
                        assert_eq!(deliver(store, &[inbox(alice())], text.as_bytes()), [Ok(())]);
                    }
                })
            })
            .collect();
        while !senders.iter().all(|sender| sender.is_finished()) {
            let session = place.session();
            if !session.messages().is_empty() {
                assert!(all(session.read(0).unwrap()).ends_with(b"\r\n"));
                session.update(&[0]).unwrap();
                removed += 1;
            }
        }
    });
    let session = place.session();
    let texts: std::collections::BTreeSet<_> = (0..session.messages().len())
        .map(|at| all(session.read(at).unwrap()))
        .collect();
    assert_eq!(texts.len() + removed, 4 * EACH);
}
