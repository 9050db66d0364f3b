//! VANISHED, and what a client is told that has been away (RFC 7162 §3.2).

use mailwire_imap::{
    command::Qresync,
    flag::Flag,
    response::Response,
    toolkit::view::{Timing, View},
};

use super::{facts, nz, snapshot, told, wire};

fn resync(view: &View, known: &Qresync) -> Vec<String> {
    view.resync(known).map(|response| wire(&response)).collect()
}

#[test]
fn vanished_takes_the_place_of_expunge() {
    // RFC 7162 §3.2.10.2.
    let mut state = snapshot([1, 504, 505, 507, 508, 509, 510, 600, 601, 602, 625]);
    let mut view = View::new(state.clone());
    view.tell_vanished();
    for uid in [505, 507, 510, 625] {
        state.messages.remove(nz(uid));
    }
    state.messages.push(facts(626));
    view.update(state.clone()).unwrap();
    assert_eq!(told(&mut view, Timing::KeepNumbers), ["* 12 EXISTS"]);
    assert_eq!(told(&mut view, Timing::Any), ["* VANISHED 505,507,510,625"]);
    assert_eq!(view.exists(), 8);
    for uid in [504, 508] {
        state.messages.remove(nz(uid));
    }
    // It came and went before EXISTS: no client may hear that it vanished.
    let mut short = state.clone();
    short.messages.push(facts(627));
    view.update(short).unwrap();
    view.update(state).unwrap();
    assert_eq!(told(&mut view, Timing::Any), ["* VANISHED 504,508"]);
    assert_eq!(view.number(nz(626)), Some(nz(6)));
}

#[test]
fn a_long_vanished_is_told_in_pieces() {
    let mut state = snapshot(1..=100_000);
    let mut view = View::new(state.clone());
    view.tell_vanished();
    state.messages.retain(|facts| facts.uid.get() % 2 == 0);
    view.update(state).unwrap();
    let told: Vec<_> = view.changes(Timing::Any).collect();
    let sum: u64 = told
        .iter()
        .map(|response| match response {
            Response::Vanished(vanished) => {
                assert!(vanished.wire().len() < 65_536);
                vanished.uids().unwrap().count().unwrap()
            }
            other => panic!("{other:?}"),
        })
        .sum();
    assert_eq!((told.len(), sum, view.exists()), (7, 50_000, 50_000));
}

#[test]
fn what_a_client_counts_still_has_not_vanished_earlier() {
    let mut state = snapshot([2, 4, 6]);
    state.uid_next = nz(9);
    let mut view = View::new(state.clone());
    state.messages.remove(nz(4));
    state.messages.push(facts(8));
    view.update(state).unwrap();
    let vanished = |view: &View, set: &str| -> Vec<String> {
        let vanished = view.vanished(&set.parse().unwrap());
        vanished
            .into_iter()
            .map(|vanished| wire(&Response::Vanished(vanished)))
            .collect()
    };
    // 4 is told with the next VANISHED, 8 with the next EXISTS.
    assert_eq!(vanished(&view, "1:*"), ["* VANISHED (EARLIER) 1,3,5,7"]);
    assert_eq!(
        vanished(&view, "5:3,100:4294967295,3"),
        ["* VANISHED (EARLIER) 3,5"]
    );
    assert_eq!(vanished(&view, "2,4,6,8"), [""; 0]);
    let none = View::new(snapshot([]));
    assert_eq!(vanished(&none, "1:4294967295"), [""; 0]);
}

#[test]
fn a_client_that_comes_back_is_told_what_has_changed() {
    let mut state = snapshot([42, 117, 119, 541]);
    state.uid_next = nz(600);
    state.highest_mod_seq = 50;
    for (uid, mod_seq) in [(117, 41), (541, 50)] {
        state.messages.change(nz(uid), |facts| {
            facts.mod_seq = mod_seq;
            facts.flags.insert(&Flag::Seen);
        });
    }
    let view = View::new(state);
    let mut known = Qresync::new(nz(1), 40);
    known.known_uids = Some("41:211,214:541".parse().unwrap());
    let fetches = [
        "* 2 FETCH (UID 117 FLAGS (\\Seen) MODSEQ (41))",
        "* 4 FETCH (UID 541 FLAGS (\\Seen) MODSEQ (50))",
    ];
    let all = resync(&view, &known);
    assert_eq!(all[0], "* VANISHED (EARLIER) 41,43:116,118,120:211,214:540");
    assert_eq!(all[1..], fetches);
    // The client knows that 119 was the third message: only what is behind it is told.
    known.pairs = Some(("1,3,4".parse().unwrap(), "42,119,540".parse().unwrap()));
    let all = resync(&view, &known);
    assert_eq!(all[0], "* VANISHED (EARLIER) 120:211,214:540");
    assert_eq!(all[1..], fetches);
    known.known_uids = None;
    assert_eq!(
        resync(&view, &known)[0],
        "* VANISHED (EARLIER) 120:540,542:599"
    );
    assert_eq!(resync(&view, &Qresync::new(nz(2), 40)), [""; 0]);
    assert_eq!(resync(&view, &Qresync::new(nz(1), 50)), [""; 0]);
    assert_eq!(resync(&view, &Qresync::new(nz(1), u64::MAX)), [""; 0]);
}

#[test]
fn imap_26_pairs_and_uids_without_end_cost_no_more_than_the_mailbox() {
    let mut state = snapshot((1..=10_003).map(|at| at * 3));
    state.uid_next = nz(30_013);
    state.highest_mod_seq = 9;
    let view = View::new(state);
    let mut known = Qresync::new(nz(1), 8);
    known.known_uids = Some("1:29997".parse().unwrap());
    assert!(resync(&view, &known)[0].starts_with("* VANISHED (EARLIER) 1:2,4:5,7:8,"));
    // RFC 7162 §3.2.5.2, with ranges without end behind it.
    let numbers = "5000,7500,9000,9990:9999,1:4294967295,1:4294967295";
    let uids = "15000,22500,27000,29970,29973,29976,29979,29982,29985,29988,29991,29994,29997,\
                1:4294967295,1:4294967295";
    known.pairs = Some((numbers.parse().unwrap(), uids.parse().unwrap()));
    assert_eq!(resync(&view, &known), [""; 0]);
    for set in ["4294967295:1", "4294967294:4294967295"] {
        known.known_uids = Some(vec![set; 10_000].join(",").parse().unwrap());
        known.pairs = Some((set.parse().unwrap(), set.parse().unwrap()));
        let told = resync(&view, &known);
        assert_eq!(told.is_empty(), !set.ends_with(":1"));
    }
}
