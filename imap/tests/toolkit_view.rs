//! What a client is told of its selected mailbox, while others change it: the untagged responses
//! always lead it to what the server has.

mod resync;
mod sessions;

use std::num::NonZeroU32;

use mailwire_imap::{
    command::{By, CommandBody, Silence, StoreMode},
    datetime::DateTime,
    flag::{Flag, Flags},
    response::{Code, Response},
    sequence::SequenceSet,
    toolkit::view::{
        Facts, Found, Messages, NoSuchMessage, Recent, Replaced, Snapshot, Stored, Timing, View,
        stored_flags,
    },
};

use crate::commands::parse;

fn nz(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

fn facts(uid: u32) -> Facts {
    let mut facts = Facts::new(nz(uid), DateTime::from_timestamp(0).unwrap(), Some(10));
    facts.mod_seq = 1;
    facts
}

fn snapshot(uids: impl IntoIterator<Item = u32>) -> Snapshot {
    let mut snapshot = Snapshot::new(nz(1), nz(1));
    snapshot.messages = uids.into_iter().map(facts).collect();
    let last = snapshot.messages.iter().last();
    snapshot.uid_next = nz(last.map_or(0, |facts| facts.uid.get()) + 1);
    snapshot
}

fn flags(names: &str) -> Flags {
    names
        .split_whitespace()
        .map(|name| Flag::new(name.as_bytes()).unwrap())
        .collect()
}

fn wire(response: &Response) -> String {
    let mut wire = bytes::BytesMut::new();
    response.encode(&mut wire);
    String::from_utf8(wire.to_vec())
        .unwrap()
        .trim_end()
        .to_owned()
}

fn told(view: &mut View, timing: Timing) -> Vec<String> {
    view.changes(timing)
        .map(|response| wire(&response))
        .collect()
}

fn found(found: Found<'_>) -> Vec<(u32, u32)> {
    found
        .map(|(number, facts)| (number.get(), facts.uid.get()))
        .collect()
}

fn resolve(view: &View, set: &str, by: By) -> Result<Vec<(u32, u32)>, NoSuchMessage> {
    view.resolve(&set.parse().unwrap(), by, &[]).map(found)
}

#[test]
fn select_has_its_numbers_from_the_view() {
    let mut state = snapshot([3, 5, 9]);
    state
        .messages
        .change(nz(3), |facts| facts.flags.insert(&Flag::Seen));
    state
        .messages
        .change(nz(9), |facts| facts.recent = Recent::Yes);
    let view = View::new(state.clone());
    assert_eq!((view.exists(), view.recent()), (3, 1));
    assert_eq!(view.first_unseen(), Some(nz(2)));
    let view = view.with_recent(4..=u32::MAX);
    assert_eq!(view.recent(), 2);
    assert_eq!(view.facts(nz(5)).unwrap().recent, Recent::Yes);
    assert!(!view.has_changes(Timing::Any));
    let rev2 = View::new(state).without_recent();
    assert_eq!(rev2.recent(), 0);
    assert_eq!(rev2.facts(nz(9)).unwrap().recent, Recent::No);
    assert_eq!(View::new(snapshot([])).first_unseen(), None);
}

#[test]
fn timing_is_that_of_rfc_9051_7_5_1() {
    for (command, timing) in [
        ("FETCH 1 FLAGS", Timing::KeepNumbers),
        ("STORE 1 +FLAGS (\\Seen)", Timing::KeepNumbers),
        ("SEARCH ALL", Timing::KeepNumbers),
        ("SORT (DATE) UTF-8 ALL", Timing::KeepNumbers),
        ("THREAD REFERENCES UTF-8 ALL", Timing::KeepNumbers),
        ("UID FETCH 1 FLAGS", Timing::Any),
        ("UID STORE 1 +FLAGS (\\Seen)", Timing::Any),
        ("UID SEARCH ALL", Timing::KeepNumbers),
        ("UID SORT (DATE) UTF-8 ALL", Timing::KeepNumbers),
        ("UID THREAD REFERENCES UTF-8 ALL", Timing::KeepNumbers),
        ("COPY 1 a", Timing::Any),
        ("NOOP", Timing::Any),
        ("IDLE", Timing::Any),
        ("EXPUNGE", Timing::Any),
    ] {
        let command = parse(format!("a {command}").as_bytes()).unwrap();
        assert_eq!(Timing::of(&command.body), timing, "{command:?}");
    }
    assert_eq!(Timing::of(&CommandBody::Check), Timing::Any);
}

#[test]
fn changes_are_told_in_an_order_that_a_client_can_follow() {
    let mut state = snapshot([1, 2, 3, 4, 5]);
    let mut view = View::new(state.clone());
    for uid in [2, 3, 5] {
        state.messages.remove(nz(uid));
    }
    state.messages.push(facts(6));
    state.messages.push(facts(7));
    state
        .messages
        .change(nz(4), |facts| facts.flags = flags("\\Seen $new"));
    state.flags = flags("\\Seen $new");
    view.update(state).unwrap();
    view.claim_recent(6..=6);
    assert_eq!(
        told(&mut view, Timing::KeepNumbers),
        [
            "* FLAGS (\\Seen $new)",
            "* 7 EXISTS",
            "* 1 RECENT",
            "* 4 FETCH (UID 4 FLAGS (\\Seen $new))"
        ]
    );
    assert_eq!(view.uid(6), Some(nz(6)));
    assert_eq!(told(&mut view, Timing::KeepNumbers), [""; 0]);
    assert!(view.has_changes(Timing::Any) && !view.has_changes(Timing::KeepNumbers));
    assert_eq!(
        told(&mut view, Timing::Any),
        ["* 2 EXPUNGE", "* 2 EXPUNGE", "* 3 EXPUNGE"]
    );
    assert_eq!(
        resolve(&view, "1:*", By::Number),
        Ok(vec![(1, 1), (2, 4), (3, 6), (4, 7)])
    );
    assert!(!view.has_changes(Timing::Any));
}

#[test]
fn what_was_not_taken_is_told_the_next_time() {
    let mut state = snapshot(1..=6);
    let mut view = View::new(state.clone());
    state
        .messages
        .retain(|facts| !matches!(facts.uid.get(), 2 | 4 | 5));
    for uid in [1, 3, 6] {
        state
            .messages
            .change(nz(uid), |facts| facts.flags.insert(&Flag::Seen));
    }
    state.messages.push(facts(7));
    view.update(state).unwrap();
    let mut all = Vec::new();
    while view.has_changes(Timing::Any) {
        let next = view.changes(Timing::Any).next().unwrap();
        all.push(wire(&next));
    }
    assert_eq!(
        all,
        [
            "* 2 EXPUNGE",
            "* 3 EXPUNGE",
            "* 3 EXPUNGE",
            "* 4 EXISTS",
            "* 1 FETCH (UID 1 FLAGS (\\Seen))",
            "* 2 FETCH (UID 3 FLAGS (\\Seen))",
            "* 3 FETCH (UID 6 FLAGS (\\Seen))",
        ]
    );
}

#[test]
fn many_changes_of_a_message_are_told_once() {
    let mut state = snapshot(1..=3);
    let mut view = View::new(state.clone());
    for round in 0..1_000 {
        state
            .messages
            .change(nz(2), |facts| facts.flags = flags(&format!("k{round}")));
        state.messages.push(facts(10 + round));
        if round < 999 {
            state.messages.remove(nz(10 + round));
        }
        view.update(state.clone()).unwrap();
    }
    assert_eq!(
        told(&mut view, Timing::Any),
        ["* 4 EXISTS", "* 2 FETCH (UID 2 FLAGS (k999))"]
    );
    assert_eq!(view.uid(4), Some(nz(1_009)));
}

#[test]
fn imap_10_sets_are_resolved_by_their_ranges() {
    let view = View::new(snapshot((1..=100_000).map(|uid| uid * 3)));
    let no = |number, exists| {
        let error = resolve(&view, &format!("{number}"), By::Number).unwrap_err();
        assert_eq!((error.number, error.exists), (number, exists));
    };
    no(100_001, 100_000);
    no(u32::MAX, 100_000);
    assert!(resolve(&view, "1:4294967295", By::Number).is_err());
    assert!(resolve(&view, "4294967295:*", By::Number).is_err());
    assert_eq!(
        resolve(&view, "1:4294967295", By::Uid).unwrap().len(),
        100_000
    );
    assert_eq!(
        resolve(&view, "*:*", By::Number),
        Ok(vec![(100_000, 300_000)])
    );
    assert_eq!(resolve(&view, "*", By::Uid), Ok(vec![(100_000, 300_000)]));
    // A range with `*` always has the last message (RFC 9051 §9).
    assert_eq!(
        resolve(&view, "4294967295:*", By::Uid),
        Ok(vec![(100_000, 300_000)])
    );
    assert_eq!(resolve(&view, "*:1", By::Number).unwrap().len(), 100_000);
    assert_eq!(resolve(&view, "10:7", By::Uid), Ok(vec![(3, 9)]));
    assert_eq!(resolve(&view, "1:2,4:5,7", By::Uid), Ok(vec![]));
    assert_eq!(
        resolve(&view, "5,3:4,4,1:2,5", By::Number).unwrap(),
        [(1, 3), (2, 6), (3, 9), (4, 12), (5, 15)]
    );
    // As many elements as a command line has room for, each of them all messages.
    let set: SequenceSet = vec!["1:*"; 100_000].join(",").parse().unwrap();
    assert_eq!(
        view.resolve(&set, By::Number, &[]).unwrap().count(),
        100_000
    );
    let set: SequenceSet = vec!["*"; 100_000].join(",").parse().unwrap();
    assert_eq!(view.resolve(&set, By::Uid, &[]).unwrap().count(), 1);
    let empty = View::new(snapshot([]));
    for set in ["1", "*", "1:*", "*:*", "*:4294967295"] {
        assert!(resolve(&empty, set, By::Number).is_err(), "{set}");
        assert_eq!(resolve(&empty, set, By::Uid), Ok(vec![]), "{set}");
    }
    assert_eq!(empty.messages().count(), 0);
}

#[test]
fn a_saved_result_stands_for_what_is_left_of_it() {
    let mut state = snapshot([2, 4, 6, 8]);
    let mut view = View::new(state.clone());
    state.messages.remove(nz(4));
    view.update(state).unwrap();
    let saved = [2, 4, 5, 8].map(nz);
    for by in [By::Number, By::Uid] {
        let results = view.resolve(&SequenceSet::saved(), by, &saved).unwrap();
        assert_eq!(found(results), [(1, 2), (4, 8)]);
    }
    let nothing = view
        .resolve(&SequenceSet::saved(), By::Number, &[])
        .unwrap();
    assert_eq!(nothing.count(), 0);
}

#[test]
fn imap_27_numbers_stay_while_another_session_expunges() {
    let mut state = snapshot([10, 20, 30]);
    let mut view = View::new(state.clone());
    state.messages.remove(nz(10));
    view.update(state.clone()).unwrap();
    let set = |set: &str| set.parse::<SequenceSet>().unwrap();
    // What is gone cannot be fetched; the rest keeps its numbers.
    let results = view.resolve(&set("1:2"), By::Number, &[]).unwrap();
    assert!(results.has_expunged());
    assert_eq!(found(results), [(2, 20)]);
    assert!(
        !view
            .resolve(&set("2:3"), By::Number, &[])
            .unwrap()
            .has_expunged()
    );
    assert_eq!(resolve(&view, "*", By::Number), Ok(vec![(3, 30)]));
    assert_eq!(resolve(&view, "10:20", By::Uid), Ok(vec![(2, 20)]));
    assert_eq!(told(&mut view, Timing::KeepNumbers), [""; 0]);
    assert_eq!(view.uid(1), Some(nz(10)));
    assert_eq!(view.exists(), 3);
    // The last one goes too; `*` is then the last that is there.
    state.messages.remove(nz(30));
    view.update(state).unwrap();
    assert_eq!(resolve(&view, "31:*", By::Uid), Ok(vec![(2, 20)]));
    assert_eq!(told(&mut view, Timing::Any), ["* 1 EXPUNGE", "* 2 EXPUNGE"]);
    assert_eq!(resolve(&view, "1:*", By::Number), Ok(vec![(1, 20)]));
}

#[test]
fn a_message_is_found_near_the_one_before_as_it_is_alone() {
    let mut view = View::new(snapshot([2, 3, 5, 7, 8, 9]));
    view.claim_recent(5..=7);
    // 3 and 8 are gone, 11 has no number yet.
    view.update(snapshot([2, 5, 7, 9, 11])).unwrap();
    for told in [false, true] {
        for stale in 0..8 {
            let mut near = stale;
            for uid in (1..=12).chain([4, 9, 2]) {
                let alone = view.number(nz(uid)).zip(view.facts(nz(uid)));
                assert_eq!(view.message_near(nz(uid), &mut near), alone, "{told} {uid}");
            }
        }
        view.changes(Timing::Any).for_each(drop);
    }
}

#[test]
fn new_messages_have_no_number_before_exists() {
    let mut state = snapshot([1]);
    let mut view = View::new(state.clone());
    state.messages.push(facts(2));
    view.update(state).unwrap();
    assert!(resolve(&view, "2", By::Number).is_err());
    assert_eq!(resolve(&view, "1:*", By::Uid), Ok(vec![(1, 1)]));
    assert_eq!((view.number(nz(2)), view.uid(2)), (None, None));
    assert!(view.facts(nz(2)).is_none());
    assert_eq!(told(&mut view, Timing::KeepNumbers), ["* 2 EXISTS"]);
    assert_eq!(resolve(&view, "2", By::Number), Ok(vec![(2, 2)]));
}

#[test]
fn a_store_is_told_unless_it_is_silent() {
    let store = |names: &str, silence| {
        Stored::new(vec![nz(2), nz(1)], StoreMode::Add, flags(names), silence)
    };
    let apply = |state: &mut Snapshot, stored: &Stored| {
        for uid in &stored.uids {
            state.messages.change(*uid, |facts| {
                facts.flags = stored_flags(&facts.flags, stored.mode, &stored.flags);
                facts.mod_seq += 1;
            });
        }
    };
    let mut state = snapshot([1, 2, 3]);
    let mut view = View::new(state.clone());
    let loud = store("\\Seen", Silence::Told);
    apply(&mut state, &loud);
    view.stored(state.clone(), &loud).unwrap();
    let both = [
        "* 1 FETCH (UID 1 FLAGS (\\Seen))",
        "* 2 FETCH (UID 2 FLAGS (\\Seen))",
    ];
    assert_eq!(told(&mut view, Timing::KeepNumbers), both);
    // Told also where nothing is different (RFC 9051 §6.4.6).
    view.stored(state.clone(), &loud).unwrap();
    assert_eq!(told(&mut view, Timing::KeepNumbers), both);
    // Silent, but another session has changed message 2 before.
    state
        .messages
        .change(nz(2), |facts| facts.flags.insert(&Flag::Draft));
    let silent = store("\\Flagged", Silence::Silent);
    apply(&mut state, &silent);
    view.stored(state.clone(), &silent).unwrap();
    assert_eq!(
        told(&mut view, Timing::KeepNumbers),
        ["* 2 FETCH (UID 2 FLAGS (\\Flagged \\Seen \\Draft))"]
    );
    // Or its change was noted and not told yet.
    state
        .messages
        .change(nz(1), |facts| facts.flags.insert(&Flag::Draft));
    view.update(state.clone()).unwrap();
    let silent = store("k1", Silence::Silent);
    apply(&mut state, &silent);
    view.stored(state.clone(), &silent).unwrap();
    assert_eq!(
        told(&mut view, Timing::KeepNumbers),
        ["* 1 FETCH (UID 1 FLAGS (\\Flagged \\Seen \\Draft k1))"]
    );
    // With CONDSTORE the new mod-sequence is told, `.SILENT` or not (RFC 7162 §3.1.3).
    view.tell_mod_seq();
    let silent = store("k2", Silence::Silent);
    apply(&mut state, &silent);
    view.stored(state, &silent).unwrap();
    assert_eq!(
        told(&mut view, Timing::KeepNumbers),
        [
            "* 1 FETCH (UID 1 MODSEQ (5))",
            "* 2 FETCH (UID 2 MODSEQ (5))"
        ]
    );
}

#[test]
fn a_conditional_store_names_what_was_modified() {
    // RFC 7162 §3.1.3 example 6: 7 and 9 fail; their present state is told.
    let mut state = snapshot(1..=9);
    for (uid, mod_seq, names) in [(7, 320_162_342, "\\Seen"), (9, 320_162_349, "")] {
        state.messages.change(nz(uid), |facts| {
            facts.mod_seq = mod_seq;
            facts.flags = flags(names);
        });
    }
    let mut view = View::new(state.clone());
    view.tell_mod_seq();
    state.messages.change(nz(9), |facts| {
        facts.flags.insert(&Flag::Answered);
        facts.mod_seq += 1;
    });
    let (stored, failed): (Vec<_>, Vec<_>) = view
        .resolve(&"7,5,9".parse().unwrap(), By::Number, &[])
        .unwrap()
        .uids()
        .partition(|uid| state.messages.by_uid(*uid).unwrap().mod_seq <= 320_162_338);
    let stored = Stored::new(stored, StoreMode::Add, flags("\\Deleted"), Silence::Silent);
    state.messages.change(nz(5), |facts| {
        facts.flags.insert(&Flag::Deleted);
        facts.mod_seq = 320_162_351;
    });
    view.stored(state, &stored).unwrap();
    assert_eq!(
        told(&mut view, Timing::KeepNumbers),
        [
            "* 5 FETCH (UID 5 MODSEQ (320162351))",
            "* 9 FETCH (UID 9 FLAGS (\\Answered) MODSEQ (320162350))"
        ]
    );
    let modified = Code::Modified(view.set_of(By::Number, failed).unwrap());
    assert_eq!(modified, Code::Modified("7,9".parse().unwrap()));
}

#[test]
fn only_a_changed_mod_sequence_is_told_too_where_the_client_wants_them() {
    let mut state = snapshot([1]);
    let mut view = View::new(state.clone());
    let mut condstore = view.clone();
    condstore.tell_mod_seq();
    state.messages.change(nz(1), |facts| facts.mod_seq = 9);
    view.update(state.clone()).unwrap();
    condstore.update(state).unwrap();
    assert_eq!(told(&mut view, Timing::Any), [""; 0]);
    assert_eq!(
        told(&mut condstore, Timing::Any),
        ["* 1 FETCH (UID 1 MODSEQ (9))"]
    );
}

#[test]
fn keywords_in_another_order_are_the_same() {
    let mut state = snapshot([1]);
    state
        .messages
        .change(nz(1), |facts| facts.flags = flags("a b \\Seen"));
    let mut view = View::new(state.clone());
    state
        .messages
        .change(nz(1), |facts| facts.flags = flags("B \\Seen A"));
    view.update(state).unwrap();
    assert!(!view.has_changes(Timing::Any));
}

#[test]
fn a_store_without_mod_sequences_tells_none() {
    let mut state = snapshot([1]);
    state.messages.change(nz(1), |facts| facts.mod_seq = 0);
    let mut view = View::new(state.clone());
    view.tell_mod_seq();
    let silent = Stored::new(
        vec![nz(1)],
        StoreMode::Add,
        flags("\\Seen"),
        Silence::Silent,
    );
    state
        .messages
        .change(nz(1), |facts| facts.flags.insert(&Flag::Seen));
    view.stored(state, &silent).unwrap();
    assert_eq!(told(&mut view, Timing::Any), [""; 0]);
    assert!(!view.has_changes(Timing::Any));
}

#[test]
fn sessions_on_several_threads_share_a_mailbox() {
    fn is_shared<T: Send + Sync>(_: &T) {}
    let view = View::new(snapshot([1]));
    is_shared(&view);
    is_shared(view.snapshot());
}

#[test]
fn expunge_removes_what_is_deleted() {
    let mut state = snapshot(1..=6);
    for uid in [2, 4, 5] {
        state
            .messages
            .change(nz(uid), |facts| facts.flags.insert(&Flag::Deleted));
    }
    let view = View::new(state);
    assert!(view.deleted().eq([2, 4, 5].map(nz)));
    let some = view
        .resolve(&"1:4,9".parse().unwrap(), By::Uid, &[])
        .unwrap();
    assert!(some.deleted().eq([2, 4].map(nz)));
    let set = view.set_of(By::Uid, [2, 4, 5, 77].map(nz)).unwrap();
    assert_eq!(set.as_bytes(), b"2,4:5");
}

#[test]
fn another_mailbox_of_the_name_is_no_update() {
    let mut view = View::new(snapshot([1, 2]));
    let mut other = snapshot([1]);
    other.uid_validity = nz(2);
    let replaced: Result<(), Replaced> = view.update(other);
    assert!(replaced.is_err());
    assert_eq!(view.exists(), 2);
    assert!(!view.has_changes(Timing::Any));
}

#[test]
fn an_older_snapshot_behind_a_newer_one_does_no_harm() {
    let old = snapshot([1, 2, 3]);
    let mut new = old.clone();
    new.messages.remove(nz(2));
    new.messages.push(facts(4));
    let mut view = View::new(old.clone());
    view.update(new.clone()).unwrap();
    view.update(old.clone()).unwrap();
    assert_eq!(told(&mut view, Timing::Any), ["* 2 FETCH (UID 2 FLAGS ())"]);
    view.update(new.clone()).unwrap();
    assert_eq!(told(&mut view, Timing::Any), ["* 2 EXPUNGE", "* 3 EXISTS"]);
    // Told as gone, it never comes back, as its UID is below the last one.
    view.update(old).unwrap();
    view.update(new).unwrap();
    let _ = told(&mut view, Timing::Any);
    assert!(view.messages().uids().eq([1, 3, 4].map(nz)));
}

#[test]
fn messages_share_what_does_not_change() {
    let mut random = Random(7);
    let mut messages = Messages::new();
    let mut model = std::collections::BTreeMap::new();
    for round in 0..6_000_u32 {
        let uid = nz(random.below(4_000) + 1);
        match random.below(4) {
            0 => assert_eq!(messages.remove(uid).is_some(), model.remove(&uid).is_some()),
            1 => {
                let seq = u64::from(round);
                let is_there = messages.change(uid, |facts| facts.mod_seq = seq);
                assert_eq!(is_there, model.contains_key(&uid));
                model
                    .entry(uid)
                    .and_modify(|facts: &mut Facts| facts.mod_seq = seq);
            }
            _ => {
                let mut new = facts(uid.get());
                new.mod_seq = u64::from(round);
                messages.push(new.clone());
                model.insert(uid, new);
            }
        }
        if round % 500 == 0 {
            let before = messages.clone();
            assert!(messages.iter().eq(model.values()));
            for (at, facts) in model.values().enumerate() {
                assert_eq!(messages.get(at), Some(facts));
                assert_eq!(messages.by_uid(facts.uid), Some(facts));
            }
            assert_eq!(
                (messages.len(), messages.get(model.len())),
                (model.len(), None)
            );
            messages.retain(|facts| facts.uid.get() % 7 != 0);
            model.retain(|uid, _| uid.get() % 7 != 0);
            assert!(messages.iter().eq(model.values()));
            assert!(before.len() >= messages.len());
            let again: Messages = model.values().rev().cloned().collect();
            assert_eq!(again, messages);
        }
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).unwrap() % bound
    }
}

#[test]
fn a_large_mailbox_changes_at_the_cost_of_the_change() {
    let mut state = snapshot(1..=100_000);
    let mut view = View::new(state.clone());
    for round in 0..2_000 {
        state
            .messages
            .change(nz(round * 50 + 1), |facts| facts.flags.insert(&Flag::Seen));
        view.update(state.clone()).unwrap();
    }
    assert_eq!(view.changes(Timing::Any).count(), 2_000);
    // All messages go at once: each EXPUNGE costs one step, not one walk.
    state.messages.retain(|facts| facts.uid.get() == 77_777);
    view.update(state).unwrap();
    assert_eq!(view.changes(Timing::Any).count(), 99_999);
    assert_eq!(view.number(nz(77_777)), Some(nz(1)));
}
