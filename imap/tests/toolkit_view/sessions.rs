//! Three sessions do what they like with one mailbox, and a client that believes all it is told
//! must come to know what the server has.

use std::{collections::BTreeSet, num::NonZeroU32};

use mailwire_imap::{
    command::{By, Silence, StoreMode},
    flag::{Flag, Flags},
    response::Response,
    toolkit::view::{Snapshot, Stored, Timing, View, stored_flags},
};

use super::{Random, facts, nz, snapshot};

type Names = BTreeSet<Vec<u8>>;

fn names(flags: &Flags) -> Names {
    let names = flags.iter().filter(|flag| *flag != Flag::Recent);
    names
        .map(|flag| flag.as_bytes().to_ascii_lowercase())
        .collect()
}

/// A message as a client knows it.
#[derive(Clone, Default)]
struct Known {
    uid: Option<u32>,
    flags: Option<Names>,
    mod_seq: Option<u64>,
}

/// A client that believes what it is told, and its view on the server.
struct Client {
    view: View,
    knows: Vec<Known>,
    recent: u32,
    has_condstore: bool,
}

impl Client {
    fn new(state: Snapshot, has_condstore: bool, has_vanished: bool) -> Self {
        let mut view = View::new(state);
        if has_condstore {
            view.tell_mod_seq();
        }
        if has_vanished {
            view.tell_vanished();
        }
        let mut client = Self {
            knows: vec![Known::default(); view.exists() as usize],
            recent: view.recent(),
            view,
            has_condstore,
        };
        client.fetch("1:*");
        client
    }

    /// FETCH set (UID FLAGS MODSEQ).
    fn fetch(&mut self, set: &str) {
        let set = set.parse().unwrap();
        let Ok(found) = self.view.resolve(&set, By::Number, &[]) else {
            assert!(self.knows.is_empty());
            return;
        };
        let found: Vec<_> = found
            .map(|(number, facts)| (number, facts.into_owned()))
            .collect();
        for (number, facts) in found {
            self.learn(number, facts.uid, Some(&facts.flags), Some(facts.mod_seq));
            self.view.flags_were_told(number);
        }
    }

    fn learn(
        &mut self,
        number: NonZeroU32,
        uid: NonZeroU32,
        flags: Option<&Flags>,
        mod_seq: Option<u64>,
    ) {
        let known = &mut self.knows[number.get() as usize - 1];
        assert_eq!(
            *known.uid.get_or_insert_with(|| uid.get()),
            uid.get(),
            "a number has moved"
        );
        known.flags = flags.map(names).or_else(|| known.flags.take());
        known.mod_seq = mod_seq.or(known.mod_seq);
    }

    fn hear(&mut self, timing: Timing, most: usize) {
        let told: Vec<Response> = self.view.changes(timing).take(most).collect();
        for response in told {
            match response {
                Response::Exists(count) => {
                    assert!(count as usize > self.knows.len());
                    self.knows.resize(count as usize, Known::default());
                }
                Response::Expunge(number) => {
                    assert_eq!(timing, Timing::Any);
                    self.knows.remove(number.get() as usize - 1);
                }
                Response::Vanished(vanished) => {
                    assert!(timing == Timing::Any && !vanished.is_earlier());
                    let uids = vanished.uids().unwrap();
                    for uid in uids.iter().flat_map(|range| range.bounds(0)) {
                        self.forget(uid);
                    }
                }
                Response::Recent(count) => self.recent = count,
                Response::Fetch(fetch) => {
                    assert_eq!(fetch.mod_seq().is_some(), self.has_condstore);
                    let uid = fetch.uid().unwrap();
                    self.learn(fetch.number(), uid, fetch.flags().as_ref(), fetch.mod_seq());
                }
                Response::Flags(_) => {}
                other => panic!("{other:?}"),
            }
        }
        self.agrees_on_numbers();
    }

    /// The message with this UID, or the one that must have it.
    fn forget(&mut self, uid: u32) {
        let is_before = |known: &&Known| known.uid.is_none_or(|known| known < uid);
        let known = self.knows.iter().position(|known| known.uid == Some(uid));
        let at = known.unwrap_or_else(|| {
            let before = self.knows.iter().take_while(is_before).count();
            before - 1
        });
        let forgotten = self.knows.remove(at);
        assert!(forgotten.uid.is_none_or(|known| known == uid));
    }

    fn agrees_on_numbers(&self) {
        assert_eq!(self.view.exists() as usize, self.knows.len());
        for (number, known) in (1..).zip(&self.knows) {
            let uid = self.view.uid(number).unwrap();
            assert!(known.uid.is_none_or(|known| known == uid.get()));
            assert_eq!(self.view.number(uid), Some(nz(number)));
        }
    }

    /// Behind a NOOP nothing is left that the client does not know or cannot ask for.
    fn agrees_with(&self, state: &Snapshot) {
        assert!(!self.view.has_changes(Timing::Any));
        assert_eq!(self.knows.len(), state.messages.len());
        assert_eq!(self.recent, self.view.recent());
        for (known, facts) in self.knows.iter().zip(state.messages.iter()) {
            assert!(known.uid.is_none_or(|uid| uid == facts.uid.get()));
            if let Some(flags) = &known.flags {
                assert_eq!(*flags, names(&facts.flags), "{}", facts.uid);
            }
            if let (Some(mod_seq), true) = (known.mod_seq, self.has_condstore) {
                assert_eq!(mod_seq, facts.mod_seq, "{}", facts.uid);
            }
        }
    }
}

struct World {
    state: Snapshot,
    clients: Vec<Client>,
    random: Random,
}

impl World {
    fn set(&mut self, client: usize) -> Option<String> {
        let exists = self.clients[client].view.exists();
        if exists == 0 {
            return None;
        }
        let (one, two) = (self.random.below(exists) + 1, self.random.below(exists) + 1);
        Some(match self.random.below(4) {
            0 => format!("{one}"),
            1 => format!("{one}:{two}"),
            2 => format!("{one},{two},*"),
            _ => "1:*".to_owned(),
        })
    }

    fn some_flags(&mut self) -> Flags {
        let all = ["\\Seen", "\\Deleted", "\\Flagged", "$a", "$b"];
        let count = self.random.below(3);
        (0..count)
            .map(|_| Flag::new(all[self.random.below(5) as usize].as_bytes()).unwrap())
            .collect()
    }

    fn next_mod_seq(&mut self) -> u64 {
        self.state.highest_mod_seq += 1;
        self.state.highest_mod_seq
    }

    fn store(&mut self, at: usize) {
        let Some(set) = self.set(at) else { return };
        let set = set.parse().unwrap();
        let modes = [StoreMode::Replace, StoreMode::Add, StoreMode::Remove];
        let mode = modes[self.random.below(3) as usize];
        let silence = [Silence::Told, Silence::Silent][self.random.below(2) as usize];
        let flags = self.some_flags();
        let found = self.clients[at]
            .view
            .resolve(&set, By::Number, &[])
            .unwrap();
        // What another session has removed meanwhile is passed by.
        let uids: Vec<_> = found
            .uids()
            .filter(|uid| self.state.messages.by_uid(*uid).is_some())
            .collect();
        for uid in &uids {
            let mod_seq = self.next_mod_seq();
            self.state.messages.change(*uid, |facts| {
                let after = stored_flags(&facts.flags, mode, &flags);
                if after != facts.flags {
                    facts.mod_seq = mod_seq;
                }
                facts.flags = after;
            });
        }
        let client = &mut self.clients[at];
        if silence == Silence::Silent {
            // The client expects that what it asked for was done.
            for uid in &uids {
                let number = client.view.number(*uid).unwrap();
                let known = &mut client.knows[number.get() as usize - 1];
                if let Some(known) = &mut known.flags {
                    let before = known.iter().map(|name| Flag::new(name).unwrap()).collect();
                    *known = names(&stored_flags(&before, mode, &flags));
                }
            }
        }
        let stored = Stored::new(uids, mode, flags, silence);
        client.view.stored(self.state.clone(), &stored).unwrap();
        client.hear(Timing::KeepNumbers, usize::MAX);
    }

    fn step(&mut self) {
        let count = u32::try_from(self.clients.len()).unwrap();
        let at = self.random.below(count) as usize;
        match self.random.below(9) {
            0 => {
                if let Some(set) = self.set(at) {
                    self.clients[at].fetch(&set);
                    self.clients[at].hear(Timing::KeepNumbers, usize::MAX);
                }
            }
            1 | 2 => self.store(at),
            3 => {
                let flags = self.some_flags();
                for _ in 0..=self.random.below(3) {
                    let mut new = facts(self.state.uid_next.get());
                    new.mod_seq = self.next_mod_seq();
                    new.flags = flags.clone();
                    self.state.uid_next = nz(self.state.uid_next.get() + 1);
                    self.state.messages.push(new);
                }
                let all = self.state.clone();
                let client = &mut self.clients[at];
                client.view.update(all.clone()).unwrap();
                client.view.claim_recent(all.uid_next.get() - 1..=u32::MAX);
                client.hear(Timing::Any, usize::MAX);
                client.agrees_with(&all);
            }
            4 => {
                let client = &mut self.clients[at];
                client.view.update(self.state.clone()).unwrap();
                let deleted: Vec<_> = client.view.deleted().collect();
                self.state
                    .messages
                    .retain(|facts| !deleted.contains(&facts.uid));
                self.next_mod_seq();
                let client = &mut self.clients[at];
                client.view.update(self.state.clone()).unwrap();
                client.hear(Timing::Any, usize::MAX);
                client.agrees_with(&self.state);
            }
            5 => {
                let client = &mut self.clients[at];
                client.view.update(self.state.clone()).unwrap();
                client.hear(Timing::Any, usize::MAX);
                client.agrees_with(&self.state);
            }
            6 => {
                // IDLE with room for a few responses only.
                let most = self.random.below(4) as usize;
                let client = &mut self.clients[at];
                client.view.update(self.state.clone()).unwrap();
                client.hear(Timing::Any, most);
            }
            7 => {
                // SEARCH: the news is noted, and part of it told.
                let client = &mut self.clients[at];
                client.view.update(self.state.clone()).unwrap();
                client.hear(Timing::KeepNumbers, self.random.below(3) as usize);
            }
            _ => {
                let client = &mut self.clients[at];
                client.view.update(self.state.clone()).unwrap();
                client.agrees_on_numbers();
            }
        }
    }
}

#[test]
fn imap_27_clients_agree_with_the_server_whatever_others_do() {
    for seed in 0..60 {
        let mut random = Random(seed);
        let mut state = snapshot(1..=random.below(12));
        state.highest_mod_seq = 10;
        let clients = (0..3)
            .map(|at| Client::new(state.clone(), at >= 1, at == 2))
            .collect();
        let mut world = World {
            state,
            clients,
            random,
        };
        for _ in 0..400 {
            world.step();
        }
        for client in &mut world.clients {
            client.view.update(world.state.clone()).unwrap();
            client.hear(Timing::Any, usize::MAX);
            client.fetch("1:*");
            client.agrees_with(&world.state);
            assert!(client.knows.iter().all(|known| known.flags.is_some()));
        }
    }
}
