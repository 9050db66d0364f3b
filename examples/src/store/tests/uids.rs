//! The rules of UIDs (RFC 9051 §2.3.1.1), over long random lives of an account.

use std::{collections::HashMap, sync::Arc};

use super::{
    super::{
        Access, Fetched, FlagChange, Flags, MailboxError, Mode,
        appending::{Head, Step},
        desk::Desk,
        fs::Fs,
        model::{Model, NOW, Unsynced},
        selected::Ticket,
    },
    disk::{open, place},
    *,
};

/// Small, fast, and the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }

    fn some(&mut self, of: &[u32]) -> Vec<u32> {
        let some = of.iter().filter(|_| self.below(3) == 0);
        some.copied().collect()
    }
}

/// Everything that was ever announced.
#[derive(Default)]
struct Announced {
    /// What each UID under each UIDVALIDITY stands for.
    texts: HashMap<(String, u32, u32), Vec<u8>>,
    /// UIDNEXT, and the largest UID.
    next: HashMap<(String, u32), (u32, u32)>,
    /// The last UIDVALIDITY of each name.
    validity: HashMap<String, u32>,
    number: u32,
}

impl Announced {
    fn check<F: Fs>(&mut self, desk: &Arc<Desk<F>>, folder: &Folder) {
        let Ok(session) = enter(desk, folder) else {
            return;
        };
        let (snapshot, name) = (desk.snapshot(folder), folder.name());
        let validity = snapshot.uid_validity;
        let last = self.validity.insert(name.clone(), validity);
        assert!(
            last.is_none_or(|last| last <= validity),
            "{name}: {last:?} {validity}"
        );
        let uids: Vec<u32> = snapshot.messages.iter().map(|m| m.uid).collect();
        assert!(uids.is_sorted_by(|a, b| a < b));
        let known = self.next.entry((name.clone(), validity)).or_default();
        assert!(
            snapshot.uid_next >= known.0 && uids.last().is_none_or(|uid| *uid < snapshot.uid_next)
        );
        let old = known.1;
        *known = (
            snapshot.uid_next,
            old.max(uids.last().copied().unwrap_or(0)),
        );
        let read = desk
            .read_many(&session, &uids, usize::MAX, at(NOW))
            .unwrap();
        for (uid, fetched) in read {
            let Fetched::Whole(text) = fetched else {
                panic!("{name} {uid}")
            };
            let key = (name.clone(), validity, uid);
            match self.texts.get(&key) {
                Some(known) => assert_eq!(*known, text, "{key:?}"),
                None => {
                    assert!(uid > old, "{key:?} is new and not above {old}");
                    self.texts.insert(key, text.to_vec());
                }
            }
        }
    }

    fn text(&mut self) -> Vec<u8> {
        self.number += 1;
        format!("{}\r\n", self.number).into_bytes()
    }
}

fn enter<F: Fs>(desk: &Arc<Desk<F>>, folder: &Folder) -> Result<Ticket, MailboxError> {
    let access = Access::ReadWrite;
    let opened = desk.open(folder, access, at(NOW))?;
    Ok(Ticket {
        account: alice(),
        folder: folder.clone(),
        access,
        uid_validity: opened.uid_validity,
        number: opened.number,
    })
}

/// One operation of any kind; refusals are part of life.
fn step<F: Fs>(store: &Store<F>, random: &mut Random, announced: &mut Announced) {
    let folders = ["INBOX", "a", "a/b", "c"].map(|name| Folder::parse(name).unwrap());
    let desk = store.desk(&alice());
    let (folder, other) = (&folders[random.below(4)], &folders[random.below(4)]);
    match random.below(12) {
        0 | 1 => {
            let text = announced.text();
            deliver(store, &[(alice(), folder.clone())], &text);
        }
        2 | 3 => {
            if let Ok(mut batch) = desk.batch(folder, at(NOW)) {
                for _ in 0..=random.below(3) {
                    let head = Head {
                        flags: Flags::NONE,
                        keywords: vec!["k".to_owned()],
                        internal_date: NOW,
                    };
                    let text = announced.text().into();
                    batch.take(vec![Step::Begin(head), Step::Octets(text), Step::End]);
                }
                let _ = desk.commit(batch);
            }
        }
        4 => drop(desk.create(folder, None, at(NOW))),
        5 => drop(desk.delete(folder, at(NOW))),
        6 => drop(desk.rename(folder, other, at(NOW))),
        kind => {
            let Ok(ticket) = enter(&desk, folder) else {
                return;
            };
            let snapshot = desk.snapshot(folder);
            let all: Vec<u32> = snapshot.messages.iter().map(|m| m.uid).collect();
            let some = random.some(&all);
            match kind {
                7 => drop(desk.copy(&ticket, &some[..some.len().min(4)], other, at(NOW))),
                8 => drop(desk.move_to(&ticket, &some, other, at(NOW))),
                _ => {
                    let change = FlagChange::new(Mode::Add, Flags::DELETED);
                    drop(desk.store(&ticket, &some, &change, None, at(NOW)));
                    if kind > 9 {
                        let gone = desk.expunge(&ticket, None, at(NOW)).unwrap();
                        assert!(some.iter().all(|uid| gone.contains(uid)));
                    }
                }
            }
        }
    }
    announced.check(&desk, folder);
    announced.check(&desk, other);
}

#[test]
fn imap_33_uids_rise_and_are_never_given_again_while_servers_come_and_go() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut announced = Announced::default();
    let place = place();
    let root = place.home.ancestors().nth(3).unwrap().to_owned();
    let mut store = open(&root);
    for _ in 0..400 {
        step(&store, &mut random, &mut announced);
        if random.below(20) == 0 {
            store = open(&root);
        }
    }
    assert!(announced.texts.len() > 200, "{}", announced.texts.len());
}

#[test]
fn imap_33_and_store_15_ten_thousand_operations_with_power_cuts_and_lost_indexes() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut announced = Announced::default();
    let mut model = Model::new();
    let mut store = Store::new(model.clone(), None, "h", 1);
    for number in 0..10_000 {
        step(&store, &mut random, &mut announced);
        if random.below(50) == 0 {
            let unsynced = Unsynced::EACH[random.below(4)];
            model = model.after_power_cut(random.0, unsynced);
            // The process is another one.
            store = Store::new(model.clone(), None, "h", number + 2);
        }
    }
    assert!(announced.texts.len() > 5_000, "{}", announced.texts.len());
}
