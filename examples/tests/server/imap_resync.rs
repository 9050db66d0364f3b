//! IMAP: modification sequences, and coming back after a while.

use std::collections::BTreeMap;

use mailwire_imap::response::{Code, Fetch, Response};

use super::{
    harness::{BOB, Mail, served, served_in},
    imap::{Answer, Imap, Told, numbers_of, words},
};

fn highest(answer: &Answer) -> u64 {
    let highest = |code| match code {
        Code::HighestModSeq(value) => Some(value),
        _ => None,
    };
    answer.codes().into_iter().rev().find_map(highest).unwrap()
}

fn validity(answer: &Answer) -> u32 {
    let validity = |code| match code {
        Code::UidValidity(value) => Some(value.get()),
        _ => None,
    };
    answer.codes().into_iter().find_map(validity).unwrap()
}

#[test]
fn store_unless_changed_since() {
    served(async |mail| {
        let mut imap = mail.imap_of(BOB).await;
        imap.fill("INBOX", 4).await;
        let mark = highest(&imap.ok("SELECT INBOX (CONDSTORE)").await);
        imap.learn().await;
        let mut other = mail.imap_in(BOB, "INBOX").await;
        other.ok("STORE 2,4 +FLAGS.SILENT (\\Seen)").await;
        let command = format!("STORE 1:4 (UNCHANGEDSINCE {mark}) +FLAGS.SILENT (\\Flagged)");
        let answer = imap.ok(command).await;
        let Some(Code::Modified(left)) = answer.status.code() else {
            panic!("{answer:?}");
        };
        assert_eq!(numbers_of(&left), [2, 4]);
        // The new MODSEQ of what has changed is told even so (RFC 7162 §3.1.3).
        let told: Vec<_> = answer
            .fetches()
            .iter()
            .filter(|fetch| fetch.mod_seq().is_some_and(|new| new > mark))
            .map(|fetch| fetch.number().get())
            .collect();
        assert!(told.contains(&1) && told.contains(&3), "{answer:?}");
        imap.learn().await;
        assert_eq!(imap.flags(1), ["\\Flagged"]);
        assert_eq!(imap.flags(2), ["\\Seen"]);
        assert_eq!(imap.messages, mail.fresh(BOB, "INBOX").await);
        let answer = imap.ok(format!("SEARCH MODSEQ {}", mark + 1)).await;
        assert_eq!(answer.found(), [1, 2, 3, 4]);
        let Some(Response::Search(found)) = answer.untagged.first() else {
            panic!("{answer:?}");
        };
        let newest = found.mod_seq().unwrap();
        assert!(newest > mark);
        let answer = imap
            .ok(format!("FETCH 1:* (FLAGS) (CHANGEDSINCE {})", newest - 1))
            .await;
        assert!(!answer.fetches().is_empty() && answer.fetches().len() < 4);
        assert!(
            answer
                .fetches()
                .iter()
                .all(|fetch| fetch.mod_seq().is_some())
        );
        let answer = imap
            .ok(format!("UID STORE 1 (UNCHANGEDSINCE {newest}) FLAGS ()"))
            .await;
        assert_eq!(answer.status.code(), None);
        let answer = imap.ok("STATUS INBOX (HIGHESTMODSEQ)").await;
        let said = format!("{:?}", answer.untagged);
        assert!(said.contains("HighestModSeq"), "{said}");
    });
}

#[test]
fn after_enable_vanished_stands_for_expunge() {
    served(async |mail| {
        let mut imap = mail.imap_of(BOB).await;
        imap.fill("INBOX", 5).await;
        let answer = imap.ok("ENABLE QRESYNC").await;
        assert!(matches!(answer.untagged[..], [Response::Enabled(_)]));
        imap.ok("SELECT INBOX").await;
        imap.learn().await;
        let mut other = mail.imap_in(BOB, "INBOX").await;
        let answer = imap.ok("STORE 2,3 +FLAGS (\\Deleted)").await;
        for fetch in answer.fetches() {
            assert!(fetch.uid().is_some() && fetch.mod_seq().is_some());
        }
        let answer = imap.ok("EXPUNGE").await;
        assert_eq!((answer.vanished(), answer.expunged()), (vec![2, 3], vec![]));
        assert!(answer.has(&Code::HighestModSeq(highest(&answer))));
        let answer = other.ok("NOOP").await;
        assert_eq!(answer.expunged().len(), 2);
        other.ok("MOVE 1 Trash").await;
        let tag = imap.idle().await;
        other.ok("MOVE 1 Trash").await;
        while imap.messages.len() > 1 {
            imap.response().await;
        }
        imap.done(&tag).await;
        assert_eq!(imap.uids(), [5]);
        let answer = imap
            .ok("UID FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)")
            .await;
        assert_eq!(answer.vanished(), [1, 2, 3, 4]);
    });
}

/// What a client has kept of a mailbox since it was there.
struct Kept {
    validity: u32,
    mod_seq: u64,
    messages: BTreeMap<u32, Told>,
}

fn keep(kept: &mut Kept, fetch: &Fetch) {
    let uid = fetch.uid().unwrap().get();
    let flags = Some(words(&fetch.flags().unwrap()));
    let told = Told {
        uid: Some(uid),
        flags,
    };
    kept.messages.insert(uid, told);
}

/// Comes back, and is told what has happened.
async fn come_back(mail: &Mail, kept: &mut Kept) -> Imap {
    let mut imap = mail.imap_of(BOB).await;
    imap.ok("ENABLE QRESYNC").await;
    let known = if kept.messages.is_empty() {
        String::new()
    } else {
        let uids: Vec<_> = kept.messages.keys().map(u32::to_string).collect();
        format!(" {}", uids.join(","))
    };
    let (validity_then, mod_seq) = (kept.validity, kept.mod_seq);
    let command = format!("SELECT INBOX (QRESYNC ({validity_then} {mod_seq}{known}))");
    let answer = imap.ok(command).await;
    assert_eq!(validity(&answer), kept.validity);
    for uid in answer.vanished() {
        kept.messages.remove(&uid);
    }
    let mut newest = kept.mod_seq;
    for fetch in answer.fetches() {
        newest = newest.max(fetch.mod_seq().unwrap());
        keep(kept, fetch);
    }
    let highest = highest(&answer);
    assert!(newest <= highest && kept.mod_seq <= highest);
    kept.mod_seq = highest;
    // What has come since is no part of what the client has said it knows (RFC 7162 §3.2.5.1).
    let last = kept.messages.keys().last().copied().unwrap_or_default();
    let answer = imap.ok(format!("UID FETCH {}:* FLAGS", last + 1)).await;
    for fetch in answer.fetches() {
        keep(kept, fetch);
    }
    assert_eq!(imap.messages.len(), kept.messages.len(), "{answer:?}");
    let told: Vec<_> = kept.messages.values().cloned().collect();
    assert_eq!(told, mail.fresh(BOB, "INBOX").await);
    imap
}

#[test]
fn a_client_that_comes_back_knows_as_much_as_a_new_one() {
    let mut random = 0x9e37_79b9_u32;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        random
    };
    let mut kept = None;
    let mut dir = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        dir = served_in(dir, "", async |mail| {
            let mut other = mail.imap_in(BOB, "INBOX").await;
            if kept.is_none() {
                other.fill("INBOX", 12).await;
                let mut first = mail.imap_of(BOB).await;
                let answer = first.ok("SELECT INBOX (CONDSTORE)").await;
                first.learn().await;
                let messages = first.messages.iter();
                kept = Some(Kept {
                    validity: validity(&answer),
                    mod_seq: highest(&answer),
                    messages: messages.map(|m| (m.uid.unwrap(), m.clone())).collect(),
                });
            }
            let kept = kept.as_mut().unwrap();
            for _ in 0..15 {
                for _ in 0..next() % 5 {
                    other.ok("NOOP").await;
                    let count = u32::try_from(other.messages.len()).unwrap();
                    let one = next() % count.max(1) + 1;
                    match next() % 6 {
                        0 | 1 => drop(other.append("INBOX", "Subject: new\r\n\r\n").await),
                        _ if count == 0 => {}
                        2 => drop(other.ok(format!("MOVE {one} Trash")).await),
                        3 => drop(other.ok(format!("STORE {one} FLAGS (\\Seen work)")).await),
                        4 => drop(other.ok(format!("STORE 1:{one} +FLAGS (\\Flagged)")).await),
                        _ => drop(other.ok(format!("COPY {one} INBOX")).await),
                    }
                }
                let mut imap = come_back(mail, kept).await;
                imap.ok("LOGOUT").await;
            }
        });
    }
}

#[test]
fn a_connection_that_is_lost_loses_no_expunge() {
    served(async |mail| {
        let mut imap = mail.imap_of(BOB).await;
        imap.fill("INBOX", 6).await;
        let mut other = mail.imap_in(BOB, "INBOX").await;
        for (gone, command) in [
            (2, "FETCH 1:* (FLAGS)"),
            (3, "STORE 1 +FLAGS (work)"),
            (4, "FETCH 1:* BODY.PEEK[]"),
        ] {
            let mut imap = mail.imap_of(BOB).await;
            imap.ok("ENABLE QRESYNC").await;
            let answer = imap.ok("SELECT INBOX").await;
            let (validity, mut mod_seq) = (validity(&answer), highest(&answer));
            imap.learn().await;
            let uids: Vec<_> = imap.uids().iter().map(u32::to_string).collect();
            other
                .ok(format!("UID STORE {gone} +FLAGS (\\Deleted)"))
                .await;
            other.ok("EXPUNGE").await;
            other.ok("STORE 1 +FLAGS (\\Flagged)").await;
            other.ok("STORE 1 -FLAGS (\\Flagged)").await;
            // The expunge has to wait, the newer flags need not; the connection is lost then.
            let answer = imap.ask(command).await;
            assert!(!answer.fetches().is_empty());
            for response in &answer.untagged {
                match response {
                    Response::Fetch(fetch) => {
                        mod_seq = mod_seq.max(fetch.mod_seq().unwrap_or_default());
                    }
                    Response::Status(status) => {
                        if let Some(Code::HighestModSeq(value)) = status.code() {
                            mod_seq = value;
                        }
                    }
                    _ => {}
                }
            }
            drop(imap);
            let mut imap = mail.imap_of(BOB).await;
            imap.ok("ENABLE QRESYNC").await;
            let known = uids.join(",");
            let answer = imap
                .ok(format!(
                    "SELECT INBOX (QRESYNC ({validity} {mod_seq} {known}))"
                ))
                .await;
            assert_eq!(answer.vanished(), [gone], "{command}: {mod_seq}");
        }
    });
}

#[test]
fn imap_26_what_a_client_claims_to_know_may_be_nonsense() {
    served(async |mail| {
        let mut imap = mail.imap_of(BOB).await;
        imap.fill("INBOX", 3).await;
        imap.bad("SELECT INBOX (QRESYNC (1 1))").await;
        imap.ok("ENABLE QRESYNC").await;
        for nonsense in [
            "(QRESYNC (0 1))",
            "(QRESYNC (1))",
            "(QRESYNC ())",
            "(QRESYNC 1)",
            "(QRESYNC (1 1 *))",
            "(QRESYNC (1 99999999999999999999))",
        ] {
            imap.bad(format!("SELECT INBOX {nonsense}")).await;
        }
        let validity = validity(&imap.ok("SELECT INBOX").await);
        for odd in [
            "(QRESYNC (1 1))".to_owned(),
            "(QRESYNC (4294967295 9223372036854775807))".to_owned(),
            format!("(QRESYNC ({validity} 1 1:4294967295))"),
            format!("(QRESYNC ({validity} 9223372036854775807 1:4294967295))"),
            format!("(QRESYNC ({validity} 1 4294967290:4294967295 (1:3 1:3)))"),
            format!("(QRESYNC ({validity} 1 1:3 (1:3 4294967200:4294967202)))"),
        ] {
            let answer = imap.ok(format!("SELECT INBOX {odd}")).await;
            let few = answer.vanished();
            assert!(few.len() <= 10, "{odd}: {}", few.len());
            imap.ok("UID FETCH 1:* FLAGS").await;
            assert_eq!(imap.uids(), [1, 2, 3]);
        }
    });
}
