//! IMAP: clients that ask for much, read little, or wait for long.

use std::time::Duration;

use mailwire_examples::config::Service;
use mailwire_imap::response::{Condition, Response};
use rustix::process::Signal;
use tokio::time::Instant;

use super::{
    harness::{ALICE, BOB, piped, served},
    imap::Imap,
    process::{Running, user, within},
};

#[test]
fn imap_32_a_flood_of_commands_is_answered_in_order() {
    served(async |mail| {
        // Who has not logged in gets no further than a hundred of them, and the one too many.
        let mut stranger = mail.imap(Service::Imaps).await;
        let flood = "a NOOP\r\n".repeat(200);
        stranger.wire.push(flood).await;
        let mut answered = 0;
        loop {
            match stranger.response().await {
                Response::Status(status) if status.condition() == Condition::Bye => break,
                Response::Status(_) => answered += 1,
                other => panic!("{other:?}"),
            }
        }
        assert!(answered <= 101, "{answered}");
        // Others do not wait for one who floods, and his commands are answered in their order,
        // also where a tag comes twice.
        let mut flooder = mail.imap_in(BOB, "INBOX").await;
        let mut other = mail.imap_in(ALICE, "INBOX").await;
        for round in 0..10 {
            let commands: String = (0..2_000).map(|n| format!("f{} NOOP\r\n", n / 2)).collect();
            flooder.wire.send(commands).await;
            for _ in 0..5 {
                other.ok("STATUS Sent (MESSAGES)").await;
            }
            for number in 0..2_000 {
                let answer = flooder.end(&format!("f{}", number / 2)).await;
                assert!(answer.is_ok() && answer.untagged.is_empty(), "{round}");
            }
        }
        flooder.wire.send("a LOGOUT\r\nb NOOP\r\nc NOOP\r\n").await;
        flooder.bye_and("a").await;
    });
}

#[test]
fn imap_22_idle_ends_with_done_and_not_with_anything_else() {
    piped(async |mail| {
        let mut imap = mail.imap_in(BOB, "INBOX").await;
        imap.bad("DONE").await;
        let tag = imap.idle().await;
        imap.done(&tag).await;
        let tag = imap.idle().await;
        imap.wire.send("done\r\n").await;
        assert!(imap.end(&tag).await.is_ok());
        for line in ["NOOP", "x NOOP", "DONE ", " DONE", "", "\0"] {
            let mut imap = mail.imap_in(BOB, "INBOX").await;
            let tag = imap.idle().await;
            imap.wire.send(format!("{line}\r\n")).await;
            // Refused, and nothing that followed was taken for a command.
            let mut refused = false;
            while let Some(response) = imap.try_response().await {
                let Response::Status(status) = response else {
                    panic!("{response:?}");
                };
                assert_ne!(status.condition(), Condition::Ok, "{line:?}");
                refused = true;
                if status.tag().is_some() {
                    assert_eq!(status.tag(), Some(tag.as_bytes()));
                    break;
                }
            }
            assert!(refused, "{line:?}");
        }
        // After half an hour the server says goodbye.
        let mut imap = mail.imap_in(BOB, "INBOX").await;
        imap.idle().await;
        let begin = Instant::now();
        imap.bye().await;
        let taken = begin.elapsed().as_secs();
        assert!((1_790..=1_810).contains(&taken), "{taken}");
        // News do not keep a client that says nothing, but are told up to the end.
        let mut imap = mail.imap_in(BOB, "INBOX").await;
        imap.idle().await;
        let begin = Instant::now();
        for count in 1..=4 {
            mail.deliver(BOB, "Subject: x\r\n\r\nx").await;
            while imap.messages.len() < count {
                imap.response().await;
            }
            tokio::time::advance(Duration::from_secs(400)).await;
        }
        imap.bye().await;
        let taken = begin.elapsed().as_secs();
        assert!(taken <= 1_900, "{taken}");
    });
}

#[test]
fn imap_22_a_flood_of_news_is_kept_within_bounds() {
    piped(async |mail| {
        let mut writer = mail.imap_in(BOB, "INBOX").await;
        writer.fill("INBOX", 40).await;
        let keywords: Vec<_> = (0..20).map(|n| format!("{n}{}", "k".repeat(40))).collect();
        writer
            .ok(format!("STORE 1:* +FLAGS.SILENT ({})", keywords.join(" ")))
            .await;
        let mut idler = mail.imap_in(BOB, "INBOX").await;
        let tag = idler.idle().await;
        // Each round is 40 responses of 900 octets for a client that reads none of them.
        for _ in 0..40 {
            writer.ok("STORE 1:* +FLAGS.SILENT (\\Flagged)").await;
            writer.ok("STORE 1:* -FLAGS.SILENT (\\Flagged)").await;
        }
        idler.wire.push("DONE\r\n").await;
        let mut octets = 0;
        let mut over = false;
        while let Some(response) = idler.try_response().await {
            match response {
                Response::Fetch(fetch) => octets += fetch.wire().len(),
                Response::Status(status) if status.tag() == Some(tag.as_bytes()) => {
                    over = true;
                    break;
                }
                Response::Status(status) => assert_eq!(status.condition(), Condition::Bye),
                _ => {}
            }
        }
        // 2.9 MB of news have come together in less than the queue and the pipe hold.
        assert!(octets < (1 << 20) + (256 << 10), "{octets}");
        if over {
            idler.ok("NOOP").await;
            assert_eq!(idler.messages, mail.fresh(BOB, "INBOX").await);
        }
    });
}

#[test]
fn imap_23_a_reader_that_does_not_read_is_cut_off() {
    piped(async |mail| {
        let mut imap = mail.imap_in(BOB, "INBOX").await;
        let text = format!("Subject: x\r\n\r\n{}", "x".repeat(3 << 20));
        imap.append("INBOX", text).await;
        let mut reader = mail.imap_in(BOB, "INBOX").await;
        imap.ok("LOGOUT").await;
        drop(imap);
        reader.begin("FETCH 1 (BODY.PEEK[] BODY.PEEK[TEXT])").await;
        let begin = Instant::now();
        // The session ends although this client is still there.
        mail.settle().await;
        let taken = begin.elapsed().as_secs();
        assert!((170..=400).contains(&taken), "{taken}");
        let said = reader.wire.rest().await.len();
        assert!(said < 1 << 20, "the server does not send ahead: {said}");
    });
}

/// The most memory that a process has had, in KiB.
#[cfg(target_os = "linux")]
fn peak(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn imap_23_memory_does_not_grow_with_what_is_fetched() {
    const MESSAGES: usize = 16;
    let dir = tempfile::tempdir().unwrap();
    within(async {
        let running = Running::start(dir.path(), &[&user(BOB)]).await;
        let connect = async || {
            let mut imap = Imap::over(running.implicit(dir.path(), "imaps").await);
            imap.ok(format!("LOGIN {} {}", BOB.0, BOB.1)).await;
            imap.ok("SELECT INBOX").await;
            imap
        };
        let mut imap = connect().await;
        let text = format!("Subject: x\r\n\r\n{}", "a line of text\r\n".repeat(4 << 16));
        for _ in 0..MESSAGES {
            imap.append("INBOX", &text).await;
        }
        let mut reader = connect().await;
        reader.ok("FETCH 1 (RFC822.SIZE BODYSTRUCTURE)").await;
        reader.ok("FETCH 1 BODY.PEEK[]").await;
        reader.bodies.clear();
        let before = peak(running.id());
        // 128 MiB are asked for, and none of it is read while others work.
        let tag = reader
            .begin("FETCH 1:* (BODY.PEEK[] BODY.PEEK[TEXT])")
            .await;
        for _ in 0..50 {
            imap.ok("NOOP").await;
            imap.ok("STATUS INBOX (UNSEEN SIZE)").await;
        }
        let mut whole = 0;
        loop {
            match reader.response().await {
                Response::Fetch(_) => {
                    for body in std::mem::take(&mut reader.bodies) {
                        assert!(body.len() >= 4 << 20);
                        whole += 1;
                    }
                }
                Response::Status(status) => {
                    assert_eq!(status.tag(), Some(tag.as_bytes()));
                    assert_eq!(status.condition(), Condition::Ok);
                    break;
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(whole, 2 * MESSAGES);
        let grown = peak(running.id()) - before;
        assert!(grown < 12 << 10, "{before} KiB and {grown} more");
        running.signal(Signal::TERM);
        assert!(running.end().await.0.success());
    });
}
