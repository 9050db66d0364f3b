//! UIDs and the index, and what becomes of them when the index is damaged.

use std::{collections::BTreeMap, ffi::OsString, fs, path::PathBuf};

use super::{
    super::{
        fs::Disk,
        index::{Index, View},
        uidvalidity,
    },
    disk::{Place, all, place},
    *,
};

const NOW: i64 = 1_700_000_000;

fn index(place: &Place, now: i64) -> (Index, View) {
    let folder = Folder::inbox();
    let maildir = place.store.maildir(&alice(), &folder).unwrap();
    let found = maildir.scan(place.store.fs()).unwrap();
    place
        .store
        .index(&alice(), &folder, &maildir, &found, at(now))
        .unwrap()
        .unwrap()
}

fn view(place: &Place, now: i64) -> View {
    index(place, now).1
}

fn uids(view: &View) -> BTreeMap<OsString, u32> {
    view.records
        .iter()
        .map(|record| (record.base.clone(), record.uid))
        .collect()
}

fn file(place: &Place) -> PathBuf {
    place.home.join("mailwire-index.sqlite")
}

fn filled() -> Place {
    let place = place();
    for name in ["cur/2.b:2,S", "new/1.a", "cur/3.c:2,FS"] {
        place.put(name, b"x\r\n");
    }
    place
}

#[test]
fn store_15_uids_rise_and_are_never_given_again() {
    let place = filled();
    let first = view(&place, NOW);
    assert_eq!((first.uidvalidity, first.uidnext), (1_700_000_000, 4));
    let names: Vec<_> = first
        .records
        .iter()
        .map(|record| (record.uid, record.base.to_str().unwrap()))
        .collect();
    assert_eq!(
        names,
        [(1, "1.a"), (2, "2.b"), (3, "3.c")],
        "the oldest first"
    );
    assert_eq!(view(&place, NOW + 1), first, "looking changes nothing");
    fs::remove_file(place.home.join("cur/3.c:2,FS")).unwrap();
    let second = view(&place, NOW + 2);
    assert_eq!((second.uidnext, second.records.len()), (4, 2));
    assert!(second.modseq > first.modseq);
    // Older by its name than all others, and yet new.
    place.put("new/0.z", b"x\r\n");
    let third = view(&place, NOW + 3);
    assert_eq!(third.records[2].uid, 4);
    assert_eq!((third.uidvalidity, third.uidnext), (first.uidvalidity, 5));
}

#[test]
fn store_11_flags_follow_the_file_names() {
    let place = filled();
    let first = view(&place, NOW);
    let flags = |view: &View| {
        view.records
            .iter()
            .map(|record| record.flags.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(flags(&first), ["", "S", "FS"]);
    fs::rename(
        place.home.join("new/1.a"),
        place.home.join("cur/1.a:2,xSSR"),
    )
    .unwrap();
    let second = view(&place, NOW);
    assert_eq!(
        flags(&second),
        ["RSx", "S", "FS"],
        "unknown letters are kept"
    );
    assert_eq!(uids(&second), uids(&first));
    assert_eq!(second.records[0].modseq, second.modseq);
    assert!(second.records[1].modseq < second.modseq);
}

#[test]
fn sizes_are_counted_once() {
    let place = filled();
    drop(place.session());
    let (index, view) = index(&place, NOW);
    assert!(view.records.iter().all(|record| record.octets == Some(3)));
    let mut record = view.records[0].clone();
    record.octets = Some(77);
    index.keep(&Folder::inbox(), &[record]).unwrap();
    drop(index);
    assert_eq!(
        place.session().messages()[0].octets,
        77,
        "the index is asked"
    );
    place.put("new/1.a", b"another size");
    assert_eq!(
        place.session().messages()[0].octets,
        14,
        "a changed file is counted again"
    );
}

#[test]
fn folders_have_uids_of_their_own() {
    let place = filled();
    let inbox = view(&place, NOW);
    let folder = Folder::parse("Sent").unwrap();
    let maildir = place.store.maildir(&alice(), &folder).unwrap();
    let (_, sent) = place
        .store
        .index(&alice(), &folder, &maildir, &[], at(NOW))
        .unwrap()
        .unwrap();
    assert!(sent.uidvalidity > inbox.uidvalidity);
    assert_eq!((sent.uidnext, sent.records.len()), (1, 0));
    assert_eq!(view(&place, NOW), inbox);
}

#[test]
fn store_13_an_index_that_is_gone_comes_back_with_a_larger_uidvalidity() {
    let place = filled();
    let first = view(&place, NOW);
    for (clock, expected) in [
        (NOW, 1_700_000_001),
        (0, 1_700_000_002),
        (NOW + 9, 1_700_000_009),
    ] {
        fs::remove_file(file(&place)).unwrap();
        let next = view(&place, clock);
        assert_eq!(next.uidvalidity, expected);
        assert_eq!(uids(&next), uids(&first));
    }
}

#[test]
fn store_13_whatever_is_in_the_index_every_message_is_there() {
    let place = filled();
    let mut floor = view(&place, NOW).uidvalidity;
    let good = fs::read(file(&place)).unwrap();
    let future = {
        let db = rusqlite::Connection::open(file(&place)).unwrap();
        db.pragma_update(None, "user_version", 3).unwrap();
        drop(db);
        fs::read(file(&place)).unwrap()
    };
    let swapped = {
        fs::write(file(&place), &good).unwrap();
        let db = rusqlite::Connection::open(file(&place)).unwrap();
        db.execute_batch(
            "UPDATE message SET uid = 99 WHERE uid = 1; UPDATE message SET uid = 1 WHERE uid = 2",
        )
        .unwrap();
        drop(db);
        fs::read(file(&place)).unwrap()
    };
    let others: [(&str, Vec<u8>); 6] = [
        ("empty", Vec::new()),
        ("truncated", good[..good.len() / 2].to_vec()),
        ("text", b"not a database".repeat(1000)),
        ("zeros", vec![0; good.len()]),
        ("from the future", future),
        ("other values", swapped),
    ];
    for (what, octets) in others {
        fs::write(file(&place), octets).unwrap();
        let next = view(&place, 0);
        assert!(next.uidvalidity > floor, "{what}");
        assert_eq!(next.records.len(), 3, "{what}");
        floor = next.uidvalidity;
    }
}

/// Small, fast, and the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

#[test]
fn store_13_random_damage_never_gives_a_uid_to_another_message() {
    let place = filled();
    let first = view(&place, NOW);
    let good = fs::read(file(&place)).unwrap();
    let floor_file = place.home.join("mailwire-uidvalidity");
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut rebuilt = 0;
    for _ in 0..150 {
        let mut bad = good.clone();
        for _ in 0..=random.below(4) {
            let at = random.below(bad.len());
            bad[at] ^= 1 << random.below(8);
        }
        if random.below(8) == 0 {
            bad.truncate(random.below(good.len()));
        }
        fs::write(file(&place), bad).unwrap();
        fs::write(&floor_file, first.uidvalidity.to_string()).unwrap();
        let next = view(&place, NOW);
        assert_eq!(next.records.len(), 3);
        if next.uidvalidity == first.uidvalidity {
            assert_eq!((uids(&next), next.uidnext), (uids(&first), first.uidnext));
        } else {
            assert!(next.uidvalidity > first.uidvalidity);
            rebuilt += 1;
        }
        let session = place.session();
        assert_eq!(session.messages().len(), 3);
        assert!((0..3).all(|number| all(session.read(number).unwrap()) == b"x\r\n"));
    }
    assert!(rebuilt > 10, "{rebuilt}");
}

#[test]
fn store_13_a_damaged_floor_is_no_obstacle() {
    let place = place();
    let home = place
        .store
        .maildir(&alice(), &Folder::inbox())
        .unwrap()
        .home;
    let file = place.home.join("mailwire-uidvalidity");
    let next = |now| {
        uidvalidity::next::<Disk>(
            place.store.fs(),
            &home,
            at(now),
            &place.store.unique(at(now)),
        )
    };
    for (text, clock, expected) in [
        ("", 5, 5),
        ("7", 5, 8),
        ("x", 5, 5),
        ("\0\0\0\0", 5, 5),
        ("99999999999", 5, 5),
        ("4294967294", 5, u32::MAX),
        ("4294967295", 5, 5),
        ("-1", -5, 1),
        (
            "11111111111111111111111111111111",
            i64::from(u32::MAX) + 5,
            1,
        ),
    ] {
        fs::write(&file, text).unwrap();
        assert_eq!(next(clock).unwrap(), expected, "{text:?}");
        assert_eq!(fs::read_to_string(&file).unwrap(), expected.to_string());
    }
    assert_eq!(
        fs::read_dir(&place.home).unwrap().count(),
        4,
        "tmp, new, cur and the file"
    );
}

#[test]
fn store_5_mail_can_be_read_and_removed_when_the_index_cannot_be_written() {
    let place = filled();
    fs::create_dir(file(&place)).unwrap();
    let session = place.session();
    assert_eq!(session.messages().len(), 3);
    assert_eq!(session.update(&[0, 1, 2]), Ok(()));
    drop(session);
    assert_eq!(place.session().messages().len(), 0);
}

#[test]
fn store_35_a_store_that_cannot_be_used_is_refused_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("a/b/data");
    assert!(super::super::Mailstore::disk(&data, "h", at(NOW)).is_ok());
    assert_eq!(fs::read_dir(data.join("mail")).unwrap().count(), 0);
    fs::remove_dir(data.join("mail")).unwrap();
    fs::write(data.join("mail"), "").unwrap();
    assert!(super::super::Mailstore::disk(&data, "h", at(NOW)).is_err());
    assert!(super::super::Mailstore::disk(&data.join("mail"), "h", at(NOW)).is_err());
}
