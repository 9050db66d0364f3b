//! IMAP: what others do to a mailbox is seen by those who have it open.

use std::{
    fs,
    path::{Path, PathBuf},
};

use mailwire_examples::config::Service;
use mailwire_imap::response::Response;

use super::{
    harness::{ALICE, BOB, files, received, served},
    imap::Imap,
};

/// Waits for a response, up to one that is wanted.
async fn until(imap: &mut Imap, wanted: impl Fn(&Response) -> bool) -> Response {
    loop {
        let response = imap.response().await;
        if wanted(&response) {
            return response;
        }
        assert!(!matches!(response, Response::Status(_)), "{response:?}");
    }
}

fn the_file(home: &Path) -> PathBuf {
    let mut all = files(home, &["new", "cur"]);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn a_delivery_is_seen_at_noop_and_at_once_in_idle() {
    served(async |mail| {
        let mut idler = mail.imap_in(BOB, "INBOX").await;
        let mut other = mail.imap_in(BOB, "INBOX").await;
        let mut reader = mail.imap_in(BOB, "INBOX").await;
        let (tag, other_tag) = (idler.idle().await, other.idle().await);
        for count in 1..=3 {
            let text = format!("Subject: {count}\r\n\r\nhi");
            if count == 2 {
                let mut sender = mail.hello(Service::Smtp).await;
                let reply = sender.mail("", "bob@example.test", text + "\r\n.\r\n");
                assert!(reply.await.starts_with("250"));
            } else {
                mail.deliver(BOB, &text).await;
            }
            for imap in [&mut idler, &mut other] {
                until(imap, |response| *response == Response::Exists(count)).await;
            }
            reader.ok("NOOP").await;
            assert_eq!(reader.messages.len(), usize::try_from(count).unwrap());
            let answer = reader.ok(format!("FETCH {count} BODY.PEEK[]")).await;
            let text = answer.section("");
            let begin = format!("Subject: {count}\r\n");
            assert!(received(&text).starts_with(begin.as_bytes()));
        }
        idler.done(&tag).await;
        other.done(&other_tag).await;
        idler.learn().await;
        assert_eq!(idler.messages, mail.fresh(BOB, "INBOX").await);
        // One of them only has seen it as recent.
        let unseen = other.ok("SEARCH UNSEEN").await.found();
        assert_eq!(unseen, [1, 2, 3]);
    });
}

#[test]
fn one_session_only_is_told_that_a_message_is_recent() {
    served(async |mail| {
        mail.deliver(BOB, "Subject: 1\r\n\r\nhi").await;
        let mut looker = mail.imap_of(BOB).await;
        let answer = looker.ok("EXAMINE INBOX").await;
        assert!(answer.untagged.contains(&Response::Recent(1)), "{answer:?}");
        let mut first = mail.imap_of(BOB).await;
        let answer = first.ok("SELECT INBOX").await;
        assert!(answer.untagged.contains(&Response::Recent(1)), "{answer:?}");
        let mut second = mail.imap_of(BOB).await;
        let answer = second.ok("SELECT INBOX").await;
        assert!(answer.untagged.contains(&Response::Recent(0)), "{answer:?}");
        assert_eq!(first.ok("SEARCH RECENT").await.found(), [1]);
        assert_eq!(second.ok("SEARCH RECENT").await.found(), [0; 0]);
    });
}

#[test]
fn what_another_program_does_to_the_files_is_noticed() {
    served(async |mail| {
        let home = mail.home(BOB);
        let mut imap = mail.imap_in(BOB, "INBOX").await;
        let mut idler = mail.imap_in(BOB, "INBOX").await;
        // A file that comes.
        let text = b"Subject: dropped\n\nbare LF\n";
        fs::write(home.join("new/1700000000.elsewhere.example"), text).unwrap();
        imap.ok("NOOP").await;
        assert_eq!(imap.messages.len(), 1);
        let answer = imap.ok("FETCH 1 (UID RFC822.SIZE FLAGS BODY.PEEK[])").await;
        let canonical = b"Subject: dropped\r\n\r\nbare LF\r\n";
        assert_eq!(answer.section(""), canonical);
        assert_eq!(answer.fetch().size(), Some(canonical.len() as u64));
        idler.ok("NOOP").await;
        idler.learn().await;
        // Its flags change by a rename.
        let file = the_file(&home);
        fs::rename(&file, home.join("cur/1700000000.elsewhere.example:2,FS")).unwrap();
        imap.ok("NOOP").await;
        assert_eq!(imap.flags(1), ["\\Flagged", "\\Seen"]);
        let uid = imap.uids();
        let tag = idler.idle().await;
        let told = |imap: &Imap| imap.flags(1) == ["\\Flagged", "\\Seen"];
        while !told(&idler) {
            idler.response().await;
        }
        idler.done(&tag).await;
        assert_eq!(idler.uids(), uid);
        // It can be read under its new name, and is removed.
        imap.ok("FETCH 1 BODY.PEEK[]").await;
        fs::remove_file(the_file(&home)).unwrap();
        let answer = imap.ok("NOOP").await;
        assert_eq!(answer.expunged(), [1]);
        idler.ok("NOOP").await;
        assert!(idler.messages.is_empty());
    });
}

#[test]
fn imap_27_a_file_that_is_gone_takes_no_number_away_in_the_middle() {
    served(async |mail| {
        let home = mail.home(BOB);
        let mut imap = mail.imap_of(BOB).await;
        imap.fill("INBOX", 3).await;
        imap.ok("SELECT INBOX").await;
        imap.learn().await;
        let mut all = files(&home, &["new", "cur"]);
        all.sort();
        fs::remove_file(&all[1]).unwrap();
        // It is not known yet that it is gone; when it is, numbers stay as they are.
        for command in [
            "FETCH 1:3 BODY.PEEK[]",
            "SEARCH ALL",
            "STORE 1:3 +FLAGS (\\Seen)",
        ] {
            imap.ask(command).await;
            assert_eq!(imap.messages.len(), 3, "{command}");
        }
        let answer = imap.ok("NOOP").await;
        assert_eq!(answer.expunged(), [2]);
        assert_eq!(imap.messages, mail.fresh(BOB, "INBOX").await);
    });
}

#[test]
fn pop3_and_imap_share_an_inbox() {
    served(async |mail| {
        let mut imap = mail.imap_of(ALICE).await;
        imap.fill("INBOX", 4).await;
        imap.ok("SELECT INBOX").await;
        imap.learn().await;
        let texts = mail.inbox(ALICE).await;
        assert_eq!(texts.len(), 4);
        for (at, text) in texts.iter().enumerate() {
            let answer = imap.ok(format!("FETCH {} BODY.PEEK[]", at + 1)).await;
            assert_eq!(answer.section(""), *text);
        }
        // A session of POP3 does not see what IMAP does after it has begun, and the other way
        // round messages go at QUIT.
        let mut pop3 = mail.login(Service::Pop3s, ALICE).await;
        pop3.says("STAT", "+OK 4 ").await;
        imap.ok("STORE 4 +FLAGS (\\Deleted)").await;
        imap.ok("EXPUNGE").await;
        pop3.says("DELE 1", "+OK").await;
        imap.ok("NOOP").await;
        assert_eq!(imap.messages.len(), 3);
        let tag = imap.idle().await;
        pop3.says("QUIT", "+OK").await;
        until(&mut imap, |response| {
            matches!(response, Response::Expunge(_))
        })
        .await;
        imap.done(&tag).await;
        assert_eq!(imap.messages.len(), 2);
        assert_eq!(imap.messages, mail.fresh(ALICE, "INBOX").await);
        assert_eq!(mail.inbox(ALICE).await, texts[1..3]);
    });
}
