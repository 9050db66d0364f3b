//! IMAP: flags, copies and removals, and what other sessions are told of them.

use std::collections::BTreeSet;

use mailwire_imap::{
    flag::Flag,
    response::{Code, Condition, Response},
};

use super::{
    harness::{ALICE, BOB, served, served_in},
    imap::{Answer, Imap, numbers_of},
};

/// The UIDs that COPYUID names: where from, where to.
fn copied(answer: &Answer) -> (Vec<u32>, Vec<u32>) {
    for code in answer.codes() {
        if let Code::CopyUid { source, target, .. } = code {
            return (numbers_of(&source), numbers_of(&target));
        }
    }
    panic!("{answer:?}");
}

async fn subjects(imap: &mut Imap) -> Vec<String> {
    let answer = imap.ok("FETCH 1:* BODY.PEEK[HEADER]").await;
    let subject = |fetch: &&mailwire_imap::response::Fetch| {
        let header = fetch.section(b"HEADER").unwrap().text().unwrap();
        let header = String::from_utf8(header.to_octets().to_vec()).unwrap();
        header
            .trim_end()
            .strip_prefix("Subject: ")
            .unwrap()
            .to_owned()
    };
    answer.fetches().iter().map(subject).collect()
}

#[test]
fn flags_and_keywords_survive_everything() {
    let mut told = Vec::new();
    let dir = served_in(tempfile::tempdir().unwrap(), "", async |mail| {
        let mut imap = mail.imap_of(BOB).await;
        imap.fill("INBOX", 5).await;
        imap.ok("SELECT INBOX").await;
        for command in [
            "STORE 1 FLAGS (\\Seen \\Answered \\Flagged \\Deleted \\Draft)",
            "STORE 2 +FLAGS ($Forwarded $Junk NonJunk work)",
            "STORE 2:3 +FLAGS (\\Seen)",
            "STORE 2 -FLAGS ($Junk)",
            "STORE 4 FLAGS (work \\Flagged)",
            "STORE 4 FLAGS ()",
            "STORE 5 +FLAGS.SILENT (WORK)",
        ] {
            imap.ok(command).await;
        }
        imap.learn().await;
        let all = ["\\Answered", "\\Deleted", "\\Draft", "\\Flagged", "\\Seen"];
        assert_eq!(imap.flags(1), all);
        assert_eq!(imap.flags(2), ["$Forwarded", "NonJunk", "\\Seen", "work"]);
        assert_eq!(imap.flags(3), ["\\Seen"]);
        assert_eq!(imap.flags(4), [""; 0]);
        // Keywords have no case (RFC 9051 §2.3.2); the first way of writing one stays.
        assert_eq!(imap.flags(5), ["work"]);
        told = imap.messages.clone();
        assert_eq!(mail.fresh(BOB, "INBOX").await, told);
    });
    served_in(dir, "", async |mail| {
        assert_eq!(mail.fresh(BOB, "INBOX").await, told);
        let mut imap = mail.imap_in(BOB, "INBOX").await;
        assert_eq!(imap.ok("SEARCH KEYWORD Work").await.found(), [2, 5]);
        assert_eq!(
            imap.ok("SEARCH UNKEYWORD work UNDELETED").await.found(),
            [3, 4]
        );
        let answer = imap.ok("SELECT INBOX").await;
        assert!(answer.has(&Code::ReadWrite));
        let flags = answer.untagged.iter().find_map(|response| match response {
            Response::Flags(list) => Some(list.flags()),
            _ => None,
        });
        assert!(flags.unwrap().contains(&Flag::new(b"$Forwarded").unwrap()));
    });
}

#[test]
fn a_change_is_told_once_to_each_session() {
    served(async |mail| {
        let mut one = mail.imap_of(BOB).await;
        one.fill("INBOX", 3).await;
        one.ok("SELECT INBOX").await;
        one.learn().await;
        let mut two = mail.imap_in(BOB, "INBOX").await;
        let mut idler = mail.imap_in(BOB, "INBOX").await;
        let tag = idler.idle().await;
        let answer = one.ok("STORE 2 +FLAGS (\\Seen)").await;
        assert_eq!(answer.fetches().len(), 1);
        let answer = one.ok("STORE 1 +FLAGS.SILENT (\\Flagged)").await;
        assert_eq!(answer.fetches().len(), 0);
        let answer = one.ok("NOOP").await;
        assert_eq!(answer.fetches().len(), 0, "{answer:?}");
        let answer = two.ok("NOOP").await;
        assert_eq!(answer.fetches().len(), 2, "{answer:?}");
        assert_eq!(two.ok("NOOP").await.untagged.len(), 0);
        while idler.flags(1) != ["\\Flagged"] || idler.flags(2) != ["\\Seen"] {
            idler.response().await;
        }
        idler.done(&tag).await;
        one.learn().await;
        assert_eq!(one.messages, two.messages);
        assert_eq!(one.messages, idler.messages);
        // Both change the same message at once: nothing is lost.
        let (first, second) = tokio::join!(
            one.ok("STORE 3 +FLAGS.SILENT (\\Answered)"),
            two.ok("STORE 3 +FLAGS.SILENT (work)"),
        );
        assert!(first.is_ok() && second.is_ok());
        let fresh = mail.fresh(BOB, "INBOX").await;
        let both = ["\\Answered", "work"].map(str::to_owned);
        assert_eq!(fresh[2].flags, Some(BTreeSet::from(both)));
    });
}

#[test]
fn imap_27_an_expunge_of_another_session_waits_for_its_time() {
    served(async |mail| {
        let mut one = mail.imap_of(BOB).await;
        one.fill("INBOX", 40).await;
        one.ok("SELECT INBOX").await;
        one.learn().await;
        let mut two = mail.imap_in(BOB, "INBOX").await;
        // The other one goes on while the messages are being fetched.
        let tag = one.begin("FETCH 1:* (FLAGS BODY[])").await;
        two.ok("STORE 3,5,7 +FLAGS.SILENT (\\Deleted)").await;
        two.ok("EXPUNGE").await;
        one.end(&tag).await;
        assert_eq!(one.messages.len(), 40);
        let uids = one.uids();
        for command in [
            "FETCH 1:* (UID FLAGS)",
            "FETCH 3:8 (UID BODY.PEEK[])",
            "STORE 1:8 +FLAGS (\\Flagged)",
            "STORE 5 -FLAGS.SILENT (\\Flagged)",
            "SEARCH ALL",
            "SEARCH UNDELETED",
            "SORT (SUBJECT) UTF-8 ALL",
            "THREAD REFERENCES UTF-8 ALL",
        ] {
            let answer = one.ask(command).await;
            assert_eq!(one.messages.len(), 40, "{command}");
            assert_eq!(one.uids(), uids);
            let is_told = answer.has(&Code::ExpungeIssued);
            assert!(answer.is_ok() || is_told, "{command}: {answer:?}");
            // What is still there was told under its old number.
            for fetch in answer.fetches() {
                if let Some(uid) = fetch.uid() {
                    let at = usize::try_from(fetch.number().get()).unwrap() - 1;
                    assert_eq!(uids[at], uid.get());
                }
            }
        }
        // A number of a message that is gone copies nothing else in its place.
        let answer = one.ask("COPY 4:6 Archive").await;
        assert_eq!(answer.status.condition(), Condition::No);
        assert_eq!(mail.fresh(BOB, "Archive").await.len(), 0);
        // UID commands may tell of it, and it is what the other one did.
        let mut expunged = answer.expunged();
        expunged.extend(one.ok("NOOP").await.expunged());
        assert_eq!(expunged.len(), 3);
        one.learn().await;
        two.ok("NOOP").await;
        assert_eq!(one.messages, mail.fresh(BOB, "INBOX").await);
        assert_eq!(two.messages, one.messages);
    });
}

#[test]
fn copies_and_moves_take_everything_along() {
    served(async |mail| {
        let mut imap = mail.imap_of(ALICE).await;
        for number in 1..=6 {
            let front =
                format!("APPEND INBOX (\\Seen k{number}) \"0{number}-Jul-2020 10:00:00 +0000\"");
            imap.ask_with(&front, format!("Subject: {number}\r\n\r\n"))
                .await;
        }
        imap.ok("SELECT INBOX").await;
        imap.learn().await;
        let mut watcher = mail.imap_in(ALICE, "Archive").await;
        let (from, to) = copied(&imap.ok("COPY 2,4:5 Archive").await);
        assert_eq!((from, to), (vec![2, 4, 5], vec![1, 2, 3]));
        watcher.ok("NOOP").await;
        watcher.learn().await;
        assert_eq!(subjects(&mut watcher).await, ["2", "4", "5"]);
        assert_eq!(watcher.flags(2), ["\\Seen", "k4"]);
        let answer = watcher.ok("FETCH 3 INTERNALDATE").await;
        let date = answer.fetch().internal_date().unwrap();
        assert_eq!(date.timestamp(), 1_593_943_200);
        // MOVE: COPYUID comes before the messages go (RFC 6851 §4.3).
        let answer = imap.ok("MOVE 1,6 Archive").await;
        let at = |is: fn(&Response) -> bool| answer.untagged.iter().position(is).unwrap();
        assert!(
            at(|r| matches!(r, Response::Status(_))) < at(|r| matches!(r, Response::Expunge(_)))
        );
        assert_eq!(copied(&answer), (vec![1, 6], vec![4, 5]));
        assert_eq!(subjects(&mut imap).await, ["2", "3", "4", "5"]);
        watcher.ok("NOOP").await;
        watcher.learn().await;
        assert_eq!(subjects(&mut watcher).await, ["2", "4", "5", "1", "6"]);
        // By UID; into the same mailbox; of nothing; to nowhere.
        let answer = imap.ok("UID MOVE 3:4 Trash").await;
        assert_eq!(copied(&answer).0, [3, 4]);
        let (_, to) = copied(&imap.ok("COPY 1 INBOX").await);
        assert_eq!(to, [7]);
        let answer = imap.ok("UID COPY 900:999 Trash").await;
        assert!(answer.codes().is_empty(), "{answer:?}");
        for command in ["COPY 1 Nowhere", "MOVE 1 Nowhere", "UID MOVE 2 Nowhere"] {
            let answer = imap.no(command).await;
            assert!(answer.has(&Code::TryCreate), "{answer:?}");
        }
        imap.ok("NOOP").await;
        imap.learn().await;
        assert_eq!(imap.uids(), [2, 5, 7]);
        assert_eq!(imap.messages, mail.fresh(ALICE, "INBOX").await);
        assert_eq!(watcher.messages, mail.fresh(ALICE, "Archive").await);
    });
}

#[test]
fn uid_expunge_takes_only_what_it_names() {
    served(async |mail| {
        let mut imap = mail.imap_of(BOB).await;
        imap.fill("INBOX", 6).await;
        imap.ok("SELECT INBOX").await;
        imap.learn().await;
        imap.ok("STORE 1,3,5 +FLAGS (\\Deleted)").await;
        let answer = imap.ok("UID EXPUNGE 2:3,6").await;
        assert_eq!(answer.expunged(), [3]);
        imap.ok("UID EXPUNGE 100:200").await;
        assert_eq!(imap.uids(), [1, 2, 4, 5, 6]);
        imap.ok("UNSELECT").await;
        imap.ok("EXAMINE INBOX").await;
        imap.learn().await;
        for command in [
            "STORE 1 FLAGS ()",
            "EXPUNGE",
            "UID EXPUNGE 1",
            "MOVE 1 Trash",
        ] {
            imap.no(command).await;
        }
        // What is looked at only is not seen, and CLOSE takes nothing.
        imap.ok("FETCH 2 BODY[]").await;
        imap.ok("CLOSE").await;
        imap.ok("SELECT INBOX").await;
        imap.learn().await;
        assert_eq!(imap.uids(), [1, 2, 4, 5, 6]);
        assert_eq!(imap.flags(2), [""; 0]);
        let mut other = mail.imap_in(BOB, "INBOX").await;
        let answer = imap.ok("CLOSE").await;
        assert!(answer.untagged.is_empty(), "{answer:?}");
        assert_eq!(other.ok("NOOP").await.expunged(), [1, 3]);
        imap.bad("FETCH 1 FLAGS").await;
    });
}
