//! IMAP: what goes wrong in the middle harms nobody else.

use std::{collections::BTreeMap, fs};

use mailwire_examples::config::Service;
use mailwire_imap::response::{Code, Condition, Response};

use super::{
    client::Client,
    harness::{ALICE, BOB, Mail, files, piped, served},
    imap::Imap,
};

/// The subjects of all messages of a mailbox.
async fn subjects(mail: &Mail, who: (&str, &str), mailbox: &str) -> Vec<String> {
    let mut imap = mail.imap_of(who).await;
    let answer = imap.ask(format!("EXAMINE {mailbox}")).await;
    if !answer.is_ok() || imap.messages.is_empty() {
        return Vec::new();
    }
    let answer = imap.ok("FETCH 1:* ENVELOPE").await;
    let subject = |fetch: &&mailwire_imap::response::Fetch| {
        let subject = fetch.envelope().unwrap().subject().unwrap().to_octets();
        String::from_utf8(subject.to_vec()).unwrap()
    };
    answer.fetches().iter().map(subject).collect()
}

#[test]
fn imap_30_a_line_is_one_command() {
    served(async |mail| {
        for (line, tags) in [
            (&b"a NOOP\nb LOGIN bob builder\r\n"[..], 1),
            (b"a NOOP\rb LOGIN bob builder\r\n", 1),
            (b"a LOGIN bob \"buil\rder\"\r\n", 1),
            (b"a LOGIN bob \"buil\nder\"\r\n", 1),
            (b"a LOGIN bob \"buil\0der\"\r\n", 1),
            (b"a LOGIN \"bob\r\nb LOGIN bob builder\r\n", 2),
        ] {
            let mut imap = mail.imap(Service::Imaps).await;
            imap.wire.send(line).await;
            let mut bad = 0;
            while bad < 1 {
                match imap.response().await {
                    Response::Status(status) => {
                        assert_eq!(status.condition(), Condition::Bad, "{line:?}");
                        bad += 1;
                    }
                    other => panic!("{other:?}"),
                }
            }
            // The second of two lines is a command of its own.
            if tags == 2 {
                assert!(imap.end("b").await.is_ok());
            } else {
                imap.bad("SELECT INBOX").await;
            }
        }
    });
}

#[test]
fn imap_1_2_3_literals_that_are_too_large() {
    served(async |mail| {
        for announced in [
            "{4294967295}",
            "{400000000}",
            "{65536}",
            "{99999999999999999999}",
        ] {
            let mut imap = mail.imap(Service::Imaps).await;
            let tag = imap.begin(format!("LOGIN {announced}")).await;
            let answer = imap.end_or_go(&tag).await.expect("it is not asked for");
            assert_ne!(answer.status.condition(), Condition::Ok);
        }
        // One that is too large to be swallowed ends the connection.
        let mut imap = mail.imap(Service::Imaps).await;
        imap.begin("LOGIN {99999999+}").await;
        imap.wire.push("x LOGIN bob builder\r\n".repeat(300)).await;
        imap.bye().await;
        // A smaller one that should have waited is swallowed; what it holds is no command.
        let mut held = "x CREATE injected\r\n".repeat(300);
        held.truncate(4_097);
        for mut imap in [mail.imap(Service::Imaps).await, mail.imap_of(BOB).await] {
            let tag = imap.begin("LOGIN {4097+}").await;
            imap.wire.push(format!("{held} x\r\ny NOOP\r\n")).await;
            let answer = imap.end(&tag).await;
            assert_eq!(answer.status.condition(), Condition::Bad);
            assert!(imap.end("y").await.is_ok());
        }
        let mut imap = mail.imap_of(BOB).await;
        let answer = imap.ok("LIST \"\" injected").await;
        assert!(answer.untagged.is_empty());
    });
}

#[test]
fn dos_6_what_was_sent_to_imap_before_a_half_close_is_answered() {
    served(async |mail| {
        let mut imap = mail.imap_of(BOB).await;
        imap.fill("INBOX", 3).await;
        let commands = "a SELECT INBOX\r\nb FETCH 1:* BODY.PEEK[]\r\nc SEARCH ALL\r\n";
        imap.wire.send(commands).await;
        imap.wire.finish().await;
        assert!(imap.end("a").await.is_ok());
        assert_eq!(imap.end("b").await.fetches().len(), 3);
        assert_eq!(imap.end("c").await.found(), [1, 2, 3]);
        while let Some(response) = imap.try_response().await {
            let is_bye =
                |status: &mailwire_imap::response::Status| status.condition() == Condition::Bye;
            assert!(matches!(&response, Response::Status(status) if is_bye(status)));
        }
    });
}

#[test]
fn dos_20_aborted_work_of_imap_leaves_nothing_behind() {
    piped(async |mail| {
        let mut imap = mail.imap_of(BOB).await;
        let text = format!("Subject: large\r\n\r\n{}", "x".repeat(2 << 20));
        imap.append("INBOX", text).await;
        drop(imap);
        for round in 0..200 {
            let mut imap = mail.imap_of(BOB).await;
            match round % 5 {
                0 => {
                    let tag = imap.begin("APPEND INBOX {100000}").await;
                    assert!(imap.end_or_go(&tag).await.is_none());
                    imap.wire.send("x".repeat(20_000)).await;
                }
                1 => {
                    imap.ok("SELECT INBOX").await;
                    imap.begin("FETCH 1 BODY.PEEK[]").await;
                    imap.wire.octet().await;
                }
                2 => {
                    imap.ok("SELECT INBOX").await;
                    imap.idle().await;
                }
                3 => drop(imap.begin("APPEND INBOX (\\Seen) {5}").await),
                _ => drop(imap.begin("SEARCH TEXT x").await),
            }
        }
        mail.settle().await;
        assert_eq!((mail.stored().len(), mail.half()), (1, 0));
        assert_eq!(mail.fresh(BOB, "INBOX").await.len(), 1);
    });
}

#[test]
fn a_literal_that_cannot_be_completed_is_never_taken_for_whole() {
    served(async |mail| {
        let mut imap = mail.imap_in(BOB, "INBOX").await;
        let text = format!(
            "Subject: large\r\n\r\n{}",
            "a line of text\r\n".repeat(1 << 20)
        );
        imap.append("INBOX", &text).await;
        let file = files(&mail.home(BOB), &["new", "cur"]).remove(0);
        imap.ok("FETCH 1 RFC822.SIZE").await;
        let tag = imap.begin("FETCH 1 BODY.PEEK[]").await;
        // As soon as it is on its way another program cuts the file.
        imap.wire.octet().await;
        let opened = fs::OpenOptions::new().write(true).open(&file).unwrap();
        opened.set_len(100).unwrap();
        let said = imap.wire.rest().await;
        let end = format!("{tag} OK");
        let is_whole = said.len() > text.len();
        let is_answered = said
            .windows(end.len())
            .any(|window| window == end.as_bytes());
        assert!(!is_whole && !is_answered, "{}", said.len());
        // The next session sees it as it is.
        let mut imap = mail.imap_in(BOB, "INBOX").await;
        let answer = imap.ask("FETCH 1 (RFC822.SIZE BODY.PEEK[])").await;
        if answer.is_ok() && !answer.fetches().is_empty() {
            assert_eq!(answer.fetch().size(), Some(answer.section("").len() as u64));
        }
    });
}

#[test]
fn store_11_flags_of_other_programs_and_of_two_sessions() {
    served(async |mail| {
        let mut one = mail.imap_in(BOB, "INBOX").await;
        let home = mail.home(BOB);
        for (file, flags) in [
            ("cur/1700000001.a:2,", &[""; 0][..]),
            (
                "cur/1700000002.b:2,SFR",
                &["\\Answered", "\\Flagged", "\\Seen"],
            ),
            (
                "cur/1700000003.c:2,DPT",
                &["$Forwarded", "\\Deleted", "\\Draft"],
            ),
            ("cur/1700000004.d:2,SSab", &["\\Seen"]),
            ("cur/1700000005.e", &[]),
            ("new/1700000006.f:2,F", &["\\Flagged"]),
            ("cur/1700000007.g:1,S", &[]),
        ] {
            fs::write(home.join(file), format!("Subject: {file}\n\nx\n")).unwrap();
            one.ok("NOOP").await;
            one.learn().await;
            let number = one.messages.len();
            assert_eq!(one.flags(number), flags, "{file}");
        }
        let mut two = mail.imap_in(BOB, "INBOX").await;
        // All three change the same message.
        let (first, second) = tokio::join!(
            one.ok("UID STORE 4 +FLAGS.SILENT (\\Flagged)"),
            two.ok("UID STORE 4 +FLAGS.SILENT (\\Answered)"),
        );
        assert!(first.is_ok() && second.is_ok());
        let of = |base: &str| {
            let all = files(&home, &["new", "cur"]);
            let is = |file: &&std::path::PathBuf| file.to_string_lossy().contains(base);
            all.iter().find(is).unwrap().clone()
        };
        let file = of("1700000004.d");
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let info = name.split(":2,").nth(1).unwrap();
        for letter in ["S", "F", "R", "a", "b"] {
            assert!(info.contains(letter), "{name}");
        }
        fs::rename(&file, home.join("cur/1700000004.d:2,ST")).unwrap();
        one.ok("UID STORE 4 +FLAGS.SILENT (\\Draft)").await;
        one.ok("NOOP").await;
        one.learn().await;
        assert_eq!(one.flags(4), ["\\Deleted", "\\Draft", "\\Seen"]);
        two.ok("NOOP").await;
        two.learn().await;
        assert_eq!(two.messages, one.messages);
        assert_eq!(one.messages, mail.fresh(BOB, "INBOX").await);
    });
}

#[test]
fn store_19_mail_that_comes_while_mailboxes_go_is_in_one_of_them() {
    served(async |mail| {
        let mut given = 0;
        let mut keeper = mail.imap_of(BOB).await;
        for round in 0..8 {
            let mut imap = mail.imap_of(BOB).await;
            imap.ask("CREATE box").await;
            let mut idler = mail.imap_in(BOB, "box").await;
            idler.idle().await;
            let appending = async {
                let mut stored = 0;
                for at in 0..6 {
                    let text = format!("Subject: {round}-{at}\r\n\r\n");
                    let (answer, _) = imap.ask_with("APPEND box", text).await;
                    match answer.status.code() {
                        Some(Code::AppendUid { .. }) => stored += 1,
                        other => assert_eq!(other, Some(Code::TryCreate), "{answer:?}"),
                    }
                    mail.deliver(BOB, &format!("Subject: in {round}-{at}\r\n\r\n"))
                        .await;
                    stored += 1;
                }
                stored
            };
            let renaming = async {
                for at in 0..3 {
                    keeper.ok("STATUS INBOX (MESSAGES)").await;
                    keeper.ok(format!("RENAME box kept-{round}-{at}")).await;
                    keeper.ok("CREATE box").await;
                }
                keeper.ok(format!("RENAME INBOX inbox-{round}")).await;
            };
            let (stored, ()) = tokio::join!(appending, renaming);
            given += stored;
            idler.bye().await;
        }
        let mut everything = BTreeMap::new();
        let answer = keeper.ok("LIST \"\" *").await;
        for response in &answer.untagged {
            let Response::List(list) = response else {
                continue;
            };
            let name = String::from_utf8(list.name().to_octets().to_vec()).unwrap();
            for subject in subjects(mail, BOB, &name).await {
                let delivered = subject.starts_with("in ");
                assert_eq!(
                    delivered,
                    name.to_ascii_lowercase().starts_with("inbox"),
                    "{name}"
                );
                assert!(everything.insert(subject, name.clone()).is_none());
            }
        }
        assert_eq!(everything.len(), given);
    });
}

/// A client of POP3 that takes all that is there.
async fn take_all(mail: &Mail) -> Vec<Vec<u8>> {
    let mut pop3: Client = mail.login(Service::Pop3s, ALICE).await;
    pop3.says("LIST", "+OK").await;
    let listing = String::from_utf8(pop3.listing().await).unwrap();
    let mut taken = Vec::new();
    for number in 1..=listing.lines().count() {
        // IMAP may have been faster.
        if pop3.ask(format!("RETR {number}")).await.starts_with("+OK") {
            taken.push(pop3.listing().await);
            pop3.says(format!("DELE {number}"), "+OK").await;
        }
    }
    pop3.says("QUIT", "+OK").await;
    taken
}

#[test]
fn store_12_smtp_pop3_and_imap_on_one_inbox_lose_nothing() {
    served(async |mail| {
        const EACH: usize = 30;
        let send = async |service: Service, name: &str| {
            let mut sender = mail.hello(service).await;
            for at in 0..EACH {
                let text = format!("Subject: {name}{at}\r\n\r\nx\r\n.\r\n");
                let reply = sender.mail("", "alice@example.test", text).await;
                assert!(reply.starts_with("250"), "{reply}");
            }
        };
        let read = async |rounds: usize| {
            let mut imap: Imap = mail.imap_in(ALICE, "INBOX").await;
            let mut seen = std::collections::BTreeSet::new();
            for _ in 0..rounds {
                imap.ok("NOOP").await;
                imap.ask("FETCH 1:* (UID FLAGS)").await;
                for told in &imap.messages {
                    seen.extend(told.uid);
                }
                imap.ask("STORE 1 +FLAGS (\\Seen)").await;
            }
            seen
        };
        let keep = async {
            let mut moved = 0;
            let mut imap = mail.imap_in(ALICE, "INBOX").await;
            for _ in 0..40 {
                imap.ok("NOOP").await;
                if !imap.messages.is_empty() {
                    let answer = imap.ask("MOVE 1 Archive").await;
                    moved += answer.expunged().len().min(1);
                }
            }
            moved
        };
        let take = async {
            let mut taken = Vec::new();
            for _ in 0..6 {
                taken.extend(take_all(mail).await);
            }
            taken
        };
        let ((), (), _, _, _, mut taken) = tokio::join!(
            send(Service::Smtp, "smtp"),
            send(Service::Lmtp, "lmtp"),
            read(30),
            read(30),
            keep,
            take,
        );
        taken.extend(take_all(mail).await);
        let mut everything: BTreeMap<String, usize> = BTreeMap::new();
        for text in &taken {
            let text = String::from_utf8(text.clone()).unwrap();
            let line = text.lines().find_map(|line| line.strip_prefix("Subject: "));
            *everything.entry(line.unwrap().to_owned()).or_default() += 1;
        }
        for name in ["INBOX", "Archive"] {
            for subject in subjects(mail, ALICE, name).await {
                *everything.entry(subject).or_default() += 1;
            }
        }
        assert_eq!(everything.len(), 2 * EACH, "{everything:?}");
    });
}
