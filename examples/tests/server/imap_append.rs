//! IMAP: messages that come in by APPEND.

use std::num::NonZeroU32;

use mailwire_imap::response::{Code, Condition, Response};

use super::{
    harness::{ALICE, BOB, piped, served, served_with},
    imap::{Answer, Asked, Imap, numbers_of},
};

/// The smallest that a message may be limited to.
const LIMITED: &str = "[limits]\nmessage-size = 65536\n";

/// Several messages by one command, each with what stands in front of its literal. Goes on while
/// the server asks for more.
async fn multi_append(imap: &mut Imap, to: &str, messages: &[(&str, &[u8])]) -> Answer {
    let (front, text) = messages[0];
    let tag = imap
        .begin(format!("APPEND {to} {front}{{{}}}", text.len()))
        .await;
    if let Some(answer) = imap.end_or_go(&tag).await {
        return answer;
    }
    imap.wire.send(text).await;
    for (front, text) in &messages[1..] {
        imap.wire
            .push(format!(" {front}{{{}}}\r\n", text.len()))
            .await;
        if let Some(answer) = imap.end_or_go(&tag).await {
            return answer;
        }
        imap.wire.push(text).await;
    }
    imap.wire.push("\r\n").await;
    imap.end(&tag).await
}

/// The UIDs that APPENDUID names.
fn uids(answer: &Answer) -> Vec<u32> {
    match answer.status.code() {
        Some(Code::AppendUid { uids, .. }) => numbers_of(&uids),
        _ => panic!("{answer:?}"),
    }
}

#[test]
fn a_message_is_kept_as_it_came_with_its_flags_and_date() {
    served(async |mail| {
        let mut imap = mail.imap_in(BOB, "Sent").await;
        let mut other = mail.imap_in(BOB, "Sent").await;
        let text = b"Subject: hi\r\n\r\n\xff 8 bit, no end of line";
        let front = "APPEND Sent (\\Seen \\Flagged $Forwarded work) \" 7-Mar-1996 22:01:02 -0330\"";
        let (answer, _) = imap.ask_with(front, text).await;
        let uid = uids(&answer);
        assert!(answer.untagged.contains(&Response::Exists(1)), "{answer:?}");
        imap.learn().await;
        assert_eq!(imap.uids(), uid);
        other.ok("NOOP").await;
        let answer = other
            .ok("FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")
            .await;
        assert_eq!(other.uids(), uid);
        assert_eq!(
            other.flags(1),
            ["$Forwarded", "\\Flagged", "\\Seen", "work"]
        );
        let fetch = answer.fetch();
        // What has no end gets one: a message is lines.
        let shown = answer.section("");
        assert!(shown.starts_with(text), "{shown:?}");
        assert_eq!(fetch.size(), Some(shown.len() as u64));
        let date = fetch.internal_date().unwrap().timestamp();
        assert_eq!(date, 826_248_662);
        let answer = other
            .ok("SEARCH SENTBEFORE 1-Jan-1990 BEFORE 8-Mar-1996")
            .await;
        assert_eq!(answer.found(), [0; 0]);
        assert_eq!(other.ok("SEARCH ON 8-Mar-1996").await.found(), [1]);
        assert_eq!(imap.messages, mail.fresh(BOB, "Sent").await);
    });
}

#[test]
fn imap_7_20_what_cannot_be_kept_is_refused_before_it_is_sent() {
    served_with(LIMITED, async |mail| {
        let mut imap = mail.imap_in(BOB, "INBOX").await;
        let large = vec![b'x'; 65_537];
        for (command, text, condition, code) in [
            (
                "APPEND INBOX",
                &large[..],
                Condition::No,
                Some(Code::TooBig),
            ),
            (
                "APPEND Nowhere",
                b"text",
                Condition::No,
                Some(Code::TryCreate),
            ),
            (
                "APPEND Sent/../INBOX",
                b"text",
                Condition::No,
                Some(Code::TryCreate),
            ),
            ("APPEND INBOX", b"", Condition::No, None),
            (
                "APPEND INBOX \"31-Feb-2020 00:00:00 +0000\"",
                b"text",
                Condition::Bad,
                None,
            ),
            ("APPEND INBOX \"yesterday\"", b"text", Condition::Bad, None),
            ("APPEND INBOX (\\Recent)", b"text", Condition::Bad, None),
            ("APPEND INBOX (\\*)", b"text", Condition::Bad, None),
            ("APPEND INBOX (\\Seen", b"text", Condition::Bad, None),
        ] {
            let (answer, asked) = imap.ask_with(command, text).await;
            let shown = format!("{command}: {:?}", answer.status);
            assert_eq!(asked, Asked::No, "{shown}");
            assert_eq!(answer.status.condition(), condition, "{shown}");
            if code.is_some() {
                assert_eq!(answer.status.code(), code, "{shown}");
            }
            // What comes next is a command, not a message.
            imap.ok("NOOP").await;
        }
        // One that does not wait is swallowed whole.
        for command in ["APPEND Nowhere {4+}\r\na b\n", "APPEND INBOX {0+}\r\n"] {
            imap.no(command).await;
            imap.ok("NOOP").await;
        }
        // The largest that may be.
        imap.append("INBOX", &large[1..]).await;
        assert_eq!(imap.messages.len(), 1);
        let answer = imap.ok("STATUS INBOX (MESSAGES SIZE APPENDLIMIT)").await;
        assert_eq!(answer.untagged.len(), 1);
        let said = format!("{:?}", answer.untagged[0]);
        assert!(said.contains("65536"), "{said}");
    });
}

#[test]
fn imap_20_a_message_that_the_disk_has_no_room_for_is_refused_before_it_is_sent() {
    let anything = "[limits]\nmessage-size = 9000000000000000000\n";
    served_with(anything, async |mail| {
        let mut imap = mail.imap_in(BOB, "INBOX").await;
        let tag = imap.begin("APPEND INBOX {8999999999999999999}").await;
        let answer = imap.end_or_go(&tag).await.unwrap();
        assert_eq!(answer.status.condition(), Condition::No);
        assert_eq!(answer.status.code(), Some(Code::OverQuota));
        // One that fits goes in.
        imap.append("INBOX", "Subject: small\r\n\r\n").await;
        assert_eq!(imap.messages.len(), 1);
    });
}

#[test]
fn imap_20_nul_is_for_literal8_alone() {
    served(async |mail| {
        let mut imap = mail.imap_in(BOB, "INBOX").await;
        let text = b"Subject: nul\r\n\r\na\0b\r\n";
        let (answer, asked) = imap.ask_with("APPEND INBOX", text).await;
        assert_eq!(answer.status.condition(), Condition::Bad);
        assert_eq!(asked, Asked::Yes);
        imap.ok("NOOP").await;
        assert_eq!(imap.messages.len(), 0);
        let tag = imap
            .begin(format!("APPEND INBOX ~{{{}}}", text.len()))
            .await;
        assert!(imap.end_or_go(&tag).await.is_none());
        imap.wire.send([&text[..], b"\r\n"].concat()).await;
        let answer = imap.end(&tag).await;
        assert_eq!(uids(&answer).len(), 1);
        assert_eq!(imap.messages.len(), 1);
        // No literal of BODY[] has a NUL in it, and the sizes agree.
        let answer = imap.ok("FETCH 1 (RFC822.SIZE BODY.PEEK[])").await;
        let shown = answer.section("");
        assert!(!shown.contains(&0), "{shown:?}");
        assert_eq!(answer.fetch().size(), Some(shown.len() as u64));
    });
}

#[test]
fn imap_20_many_messages_come_together_or_not_at_all() {
    served_with(LIMITED, async |mail| {
        let mut imap = mail.imap_in(BOB, "Archive").await;
        let mut watcher = mail.imap_in(BOB, "Archive").await;
        let one = b"Subject: one\r\n\r\n1\r\n";
        let two = b"Subject: two\r\n\r\n2\r\n";
        let large = vec![b'x'; 65_537];
        for (last, condition, code) in [
            (("", &large[..]), Condition::No, Some(Code::TooBig)),
            (("", b""), Condition::No, None),
            (("", b"with\0nul"), Condition::Bad, None),
            (
                ("\"31-Feb-2020 00:00:00 +0000\" ", b"x"),
                Condition::Bad,
                None,
            ),
            (("(\\Recent) ", b"x"), Condition::Bad, None),
            (("nonsense ", b"x"), Condition::Bad, None),
        ] {
            let messages = [("", &one[..]), ("(\\Seen) ", two), last];
            let answer = multi_append(&mut imap, "Archive", &messages).await;
            assert_eq!(answer.status.condition(), condition, "{last:?}: {answer:?}");
            if code.is_some() {
                assert_eq!(answer.status.code(), code);
            }
            imap.ok("NOOP").await;
            watcher.ok("NOOP").await;
            assert_eq!((imap.messages.len(), watcher.messages.len()), (0, 0));
            assert_eq!(mail.half(), 0, "{last:?}");
        }
        let messages = [("", &one[..]), ("(\\Seen) ", two), ("(work) ", one)];
        let answer = multi_append(&mut imap, "Archive", &messages).await;
        let named = uids(&answer);
        assert_eq!(named.len(), 3);
        imap.learn().await;
        assert_eq!(imap.uids(), named);
        assert_eq!(
            (imap.flags(2), imap.flags(3)),
            (vec!["\\Seen"], vec!["work"])
        );
        watcher.ok("NOOP").await;
        watcher.learn().await;
        assert_eq!(watcher.messages, imap.messages);
        assert_eq!(imap.ok("FETCH 2 BODY.PEEK[]").await.section(""), two);
    });
}

#[test]
fn imap_20_a_cut_in_the_middle_leaves_nothing() {
    piped(async |mail| {
        for (command, sent) in [
            ("APPEND INBOX {1000}", "Subject: half"),
            ("APPEND INBOX {20+}", "Subject: half"),
            ("APPEND INBOX {4}", "half"),
            ("APPEND INBOX {4}", "half {4+}\r\nha"),
            ("APPEND INBOX {4}", "half {4+}\r\nhalf"),
        ] {
            let mut imap = mail.imap_of(BOB).await;
            let tag = imap.begin(command).await;
            if !command.contains('+') {
                assert!(imap.end_or_go(&tag).await.is_none());
            }
            imap.wire.send(sent).await;
            drop(imap);
            mail.settle().await;
            assert_eq!((mail.half(), mail.stored().len()), (0, 0), "{sent:?}");
        }
        // In order, with a half close, it is the same.
        let mut imap = mail.imap_of(BOB).await;
        let tag = imap.begin("APPEND INBOX {1000}").await;
        assert!(imap.end_or_go(&tag).await.is_none());
        imap.wire.send("Subject: half").await;
        imap.wire.finish().await;
        imap.wire.rest().await;
        mail.settle().await;
        assert_eq!((mail.half(), mail.stored().len()), (0, 0));
        assert_eq!(mail.fresh(BOB, "INBOX").await.len(), 0);
    });
}

#[test]
fn imap_20_keywords_have_an_end() {
    served(async |mail| {
        let mut imap = mail.imap_in(ALICE, "INBOX").await;
        imap.append("INBOX", "Subject: k\r\n\r\n").await;
        let mut kept = 0;
        for round in 0..100 {
            let keywords: Vec<_> = (0..100).map(|n| format!("k{}", round * 100 + n)).collect();
            let command = format!("STORE 1 +FLAGS ({})", keywords.join(" "));
            let answer = imap.ask(command).await;
            match answer.status.condition() {
                Condition::Ok => kept = imap.flags(1).len(),
                _ => assert_eq!(answer.status.code(), Some(Code::Limit), "{answer:?}"),
            }
        }
        // One after the other, until there is no room.
        let mut single = 0;
        loop {
            let answer = imap.ask(format!("STORE 1 +FLAGS (single{single})")).await;
            if answer.status.condition() != Condition::Ok {
                assert_eq!(answer.status.code(), Some(Code::Limit), "{answer:?}");
                break;
            }
            single += 1;
            assert!(single < 10_000, "{kept}");
        }
        let (answer, _) = imap
            .ask_with("APPEND INBOX (one-too-many)", "Subject: k\r\n\r\n")
            .await;
        assert_eq!(answer.status.code(), Some(Code::Limit), "{answer:?}");
        assert_eq!(imap.messages.len(), 1);
        imap.learn().await;
        assert_eq!(imap.messages, mail.fresh(ALICE, "INBOX").await);
        // The client is told that there is no room, and system flags need none.
        let answer = imap.ok("SELECT INBOX").await;
        let codes = answer.codes();
        let permanent = codes.iter().find_map(|code| match code {
            Code::PermanentFlags(flags) => Some(flags),
            _ => None,
        });
        let wild = mailwire_imap::flag::Flag::Wildcard;
        assert!(!permanent.unwrap().contains(&wild));
        imap.learn().await;
        imap.ok("STORE 1 +FLAGS (\\Seen)").await;
        assert!(imap.flags(1).contains(&"\\Seen"));
        assert!(NonZeroU32::new(imap.uids()[0]).is_some());
    });
}
