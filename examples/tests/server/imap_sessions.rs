//! IMAP: several sessions of one user, each believing only what it is told.

use std::collections::BTreeMap;

use mailwire_imap::response::Response;

use super::{
    harness::{ALICE, Mail, served},
    imap::Imap,
};

/// Numbers that look random and are the same each time.
struct Random(u32);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        usize::try_from(self.0).unwrap() % limit.max(1)
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

const FLAGS: [&str; 6] = [
    "\\Seen",
    "\\Flagged",
    "\\Answered",
    "$Forwarded",
    "work",
    "\\Deleted",
];

/// Asks for what is new without knowing its flags.
async fn fill_in(imap: &mut Imap) {
    let unknown = |told: &super::imap::Told| told.uid.is_none() || told.flags.is_none();
    while let Some(at) = imap.messages.iter().position(unknown) {
        let (from, to) = (at + 1, imap.messages.len());
        // What is gone is left out, and told of at the next command that may.
        imap.ask(format!("FETCH {from}:{to} (UID FLAGS)")).await;
        imap.ok("NOOP").await;
    }
}

/// One step of a client in a mailbox that is open.
async fn step(imap: &mut Imap, random: &mut Random, step: usize) {
    fill_in(imap).await;
    let count = imap.messages.len();
    let number = random.below(count) + 1;
    let to = (number + random.below(3)).min(count.max(1));
    let uid = imap
        .messages
        .get(number - 1)
        .map_or(1, |told| told.uid.unwrap());
    let flag = random.one(&FLAGS);
    let sign = random.one(&[
        "+FLAGS",
        "-FLAGS",
        "FLAGS",
        "+FLAGS.SILENT",
        "-FLAGS.SILENT",
    ]);
    let text = format!("Subject: {step}\r\nMessage-ID: <{step}@x>\r\n\r\nstep {step}\r\n");
    match random.below(16) {
        0..=2 => drop(
            imap.ask_with(random.one(&["APPEND INBOX", "APPEND Sent"]), text)
                .await,
        ),
        _ if count == 0 => drop(imap.ok("NOOP").await),
        3 | 4 => {
            imap.ask(format!("STORE {number}:{to} {sign} ({flag})"))
                .await;
            // What .SILENT has done is not told; this client asks instead of reckoning.
            imap.ok("UID FETCH 1:* (UID FLAGS)").await;
        }
        5 => {
            imap.ok(format!("UID STORE {uid} {sign} ({flag})")).await;
            imap.ok("UID FETCH 1:* (UID FLAGS)").await;
        }
        6 => drop(imap.ok("EXPUNGE").await),
        7 => drop(imap.ok(format!("UID MOVE {uid} Trash")).await),
        8 => drop(imap.ask(format!("MOVE {number} Trash")).await),
        9 => drop(imap.ask(format!("COPY {number}:{to} INBOX")).await),
        10 => drop(imap.ask(format!("FETCH {number}:{to} (UID BODY[])")).await),
        11 => {
            // What SEARCH finds is what the client would find.
            let answer = imap
                .ok(format!("SEARCH {number}:{to} NOT UID 4294967295"))
                .await;
            for found in answer.found() {
                let found = usize::try_from(found).unwrap();
                assert!((number..=to).contains(&found));
            }
        }
        12 => drop(imap.ok("UID FETCH 1:* (FLAGS)").await),
        13 => drop(imap.ok(format!("UID EXPUNGE {uid}")).await),
        14 => {
            let tag = imap.idle().await;
            imap.done(&tag).await;
        }
        _ => drop(imap.ok("NOOP").await),
    }
}

/// What a client believes is what a new one is told.
async fn compare(mail: &Mail, imap: &mut Imap) {
    imap.ok("NOOP").await;
    fill_in(imap).await;
    assert_eq!(imap.messages, mail.fresh(ALICE, "INBOX").await);
}

#[test]
fn sessions_that_work_in_turn_agree() {
    served(async |mail| {
        let mut random = Random(0x1234_5678);
        let mut first = mail.imap_of(ALICE).await;
        first.fill("INBOX", 10).await;
        let mut all = Vec::new();
        for at in 0..3 {
            let mut imap = mail.imap_of(ALICE).await;
            if at == 2 {
                imap.ok("ENABLE QRESYNC").await;
            }
            imap.ok("SELECT INBOX").await;
            imap.learn().await;
            all.push(imap);
        }
        for at in 0..400 {
            let who = random.below(all.len());
            step(&mut all[who], &mut random, at).await;
            if at % 25 == 24 {
                for imap in &mut all {
                    compare(mail, imap).await;
                }
            }
        }
    });
}

#[test]
fn sessions_that_work_at_once_agree() {
    served(async |mail| {
        let mut first = mail.imap_of(ALICE).await;
        first.fill("INBOX", 10).await;
        let mut one = mail.imap_in(ALICE, "INBOX").await;
        let mut two = mail.imap_in(ALICE, "INBOX").await;
        let mut three = mail.imap_of(ALICE).await;
        three.ok("ENABLE QRESYNC").await;
        three.ok("SELECT INBOX").await;
        three.learn().await;
        for round in 0..10 {
            let work = async |imap: &mut Imap, seed: u32| {
                let mut random = Random(seed * 7_919 + round);
                for at in 0..12 {
                    step(imap, &mut random, at).await;
                }
            };
            let deliver = async {
                for at in 0..3 {
                    mail.deliver(ALICE, &format!("Subject: {at}\r\n\r\ndelivered"))
                        .await;
                }
            };
            tokio::join!(
                work(&mut one, 1),
                work(&mut two, 2),
                work(&mut three, 3),
                deliver
            );
            for imap in [&mut one, &mut two, &mut three] {
                compare(mail, imap).await;
            }
        }
    });
}

/// Two connections of one program, as desktop programs have: one idles in INBOX, one does the rest.
#[test]
fn a_desktop_program_with_two_connections() {
    served(async |mail| {
        let mut random = Random(77);
        let mut inbox = mail.imap_in(ALICE, "INBOX").await;
        let mut other = mail.imap_of(ALICE).await;
        let mut idling = inbox.idle().await;
        let mut sent = 0;
        let mut deleted = 0;
        for at in 0..60 {
            match random.below(4) {
                0 => {
                    mail.deliver(ALICE, &format!("Subject: {at}\r\n\r\nnew mail"))
                        .await;
                    let count = inbox.messages.len();
                    while inbox.messages.len() == count {
                        inbox.response().await;
                    }
                    let number = inbox.messages.len();
                    inbox.done(&idling).await;
                    let items =
                        "(UID FLAGS RFC822.SIZE ENVELOPE BODY.PEEK[HEADER.FIELDS (Subject)])";
                    let answer = inbox.ok(format!("FETCH {number} {items}")).await;
                    let envelope = answer.fetch().envelope().unwrap();
                    let subject = envelope.subject().unwrap().to_octets();
                    assert_eq!(*subject, *at.to_string().as_bytes());
                    idling = inbox.idle().await;
                }
                1 => {
                    let text = format!("Subject: sent {at}\r\n\r\nhello\r\n");
                    other.ask_with("APPEND Sent (\\Seen)", text).await;
                    sent += 1;
                }
                2 if !inbox.messages.is_empty() => {
                    // Read and thrown away by the other connection; the idle one is told.
                    other.ok("SELECT INBOX").await;
                    other.ok("FETCH 1 (UID BODY[])").await;
                    let count = inbox.messages.len();
                    other.ok("MOVE 1 Trash").await;
                    deleted += 1;
                    while inbox.messages.len() == count {
                        inbox.response().await;
                    }
                }
                _ => {
                    other.ok("SELECT Trash").await;
                    assert_eq!(other.messages.len(), deleted);
                    let found = other.ok("SEARCH SEEN BODY \"new mail\"").await.found();
                    assert_eq!(found.len(), deleted);
                }
            }
        }
        inbox.done(&idling).await;
        inbox.learn().await;
        assert_eq!(inbox.messages, mail.fresh(ALICE, "INBOX").await);
        assert_eq!(mail.fresh(ALICE, "Sent").await.len(), sent);
        assert_eq!(mail.fresh(ALICE, "Trash").await.len(), deleted);
        // Every message is somewhere, once.
        let mut everything = BTreeMap::new();
        for name in ["INBOX", "Trash"] {
            other.ok(format!("EXAMINE {name}")).await;
            if other.messages.is_empty() {
                continue;
            }
            let answer = other.ok("FETCH 1:* ENVELOPE").await;
            for fetch in answer.fetches() {
                let subject = fetch.envelope().unwrap().subject().unwrap().to_octets();
                assert!(everything.insert(subject.to_vec(), name).is_none());
            }
        }
        assert!(everything.len() >= deleted && deleted > 3 && sent > 3);
        let status = other.ok("LIST \"\" (INBOX Sent Trash) RETURN (STATUS (MESSAGES UNSEEN))");
        let told = status.await.untagged;
        let statuses = told
            .iter()
            .filter(|r| matches!(r, Response::MailboxStatus(_)));
        assert_eq!(statuses.count(), 3);
    });
}
