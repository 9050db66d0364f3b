//! Where a message ends, and what never becomes a command.

use mailwire_examples::config::Service;

use super::{
    client::Client,
    harness::{ALICE, BOB, Mail, hello, piped, received, served, served_with},
};

/// What an attacker hopes to be read as commands.
const SMUGGLED: &str = "MAIL FROM:<evil@x>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nB\r\n.\r\n";

/// Sends a body with `sequence` in front of the smuggled commands, on each kind of service.
async fn smuggle(mail: &Mail, sequence: &[u8], verdict: &str) {
    for service in [Service::Smtp, Service::Lmtp, Service::Submissions] {
        for pieces in [usize::MAX, 1] {
            let before = mail.stored().len();
            let mut client = mail.hello(service).await;
            client
                .transaction("a@example.test", "bob@example.test")
                .await;
            client.says("DATA", "354").await;
            let body = [b"Subject: t\r\n\r\nA", sequence, SMUGGLED.as_bytes()].concat();
            for piece in body.chunks(pieces.min(body.len())) {
                client.send(piece).await;
            }
            client.hears(verdict).await;
            // One final reply: the next one is for the next command.
            client.says("NOOP", "250 2.0.0").await;
            client.says("RCPT TO:<bob@example.test>", "503").await;
            client.says("QUIT", "221").await;
            client.closes().await;
            assert_eq!(mail.stored().len(), before, "{service}: {sequence:?}");
        }
    }
}

async fn smuggle_all(mail: &Mail, sequences: &[&[u8]]) {
    for sequence in sequences {
        smuggle(mail, sequence, "550 5.5.2").await;
    }
    assert_eq!(mail.inbox(BOB).await.len(), 0);
}

#[test]
fn smtp_1_lf_dot_lf_ends_nothing() {
    served(async |mail| smuggle_all(mail, &[b"\n.\n"]).await);
}

#[test]
fn smtp_2_lf_dot_crlf_ends_nothing() {
    served(async |mail| smuggle_all(mail, &[b"\n.\r\n"]).await);
}

#[test]
fn smtp_3_crlf_dot_lf_ends_nothing() {
    served(async |mail| smuggle_all(mail, &[b"\r\n.\n"]).await);
}

#[test]
fn smtp_4_bare_cr_and_bare_lf_around_the_dot_end_nothing() {
    served(async |mail| smuggle_all(mail, &[b"\r.\r", b"\r.\n", b"\n.\r"]).await);
}

#[test]
fn smtp_5_half_a_crlf_on_either_side_ends_nothing() {
    served(async |mail| smuggle_all(mail, &[b"\r.\r\n", b"\r\n.\r"]).await);
}

#[test]
fn smtp_6_a_doubled_cr_is_not_stripped() {
    served(async |mail| {
        smuggle_all(mail, &[b"\r\n.\r\r\n", b"\r\r\n.\r\r\n"]).await;
        // A stray CR in front of the true end: refused there, and what follows are commands.
        let mut client = mail.hello(Service::Smtp).await;
        client
            .transaction("a@example.org", "bob@example.test")
            .await;
        client.says("DATA", "354").await;
        client
            .send("Subject: t\r\n\r\nA\r\r\n.\r\nNOOP\r\nRCPT TO:<bob@example.test>\r\n")
            .await;
        client.hears("550 5.5.2").await;
        client.hears("250 2.0.0").await;
        client.hears("503 5.5.1").await;
        assert_eq!(mail.stored().len(), 0);
    });
}

#[test]
fn smtp_7_nul_is_refused_and_never_dropped() {
    served(async |mail| {
        for sequence in [&b"\r\n\0.\r\n"[..], b"\r\n.\0\r\n"] {
            smuggle(mail, sequence, "550 5.6.0").await;
        }
        assert_eq!(mail.inbox(BOB).await.len(), 0);
    });
}

#[test]
fn smtp_8_near_ends_in_the_first_octets() {
    served(async |mail| {
        let mut client = mail.hello(Service::Smtp).await;
        for near in [".\n", ".\rX", "\n.\n", "\r.\r\n", ".\r.\r\n"] {
            let text = format!("{near}\r\n.\r\n");
            let reply = client.mail("a@example.org", "bob@example.test", text).await;
            assert!(reply.starts_with("550 5.5.2"), "{near:?}: {reply}");
            client.says("NOOP", "250 2.0.0").await;
        }
        assert_eq!(mail.stored().len(), 0);
        let reply = client
            .mail("a@example.org", "bob@example.test", ".\r\n")
            .await;
        assert!(reply.starts_with("250"), "{reply}");
        assert_eq!(received(&mail.stored()[0]), b"");
    });
}

#[test]
fn smtp_9_an_end_in_single_octets_is_found_once() {
    served(async |mail| {
        // Over TLS each octet is a record of its own.
        let mut client = mail.secure(Service::Smtp).await;
        let text = "Subject: cut\r\n\r\nx\r\n..\r\n";
        for _ in 0..3 {
            client
                .transaction("a@example.org", "bob@example.test")
                .await;
            client.says("DATA", "354").await;
            for octet in format!("{text}.\r\nNOOP\r\n").bytes() {
                client.send([octet]).await;
            }
            client.hears("250 2.0.0 Message").await;
            client.hears("250 2.0.0 OK").await;
        }
        let stored = mail.inbox(BOB).await;
        assert_eq!(stored.len(), 3);
        for message in stored {
            assert_eq!(received(&message), b"Subject: cut\r\n\r\nx\r\n.\r\n");
        }
    });
}

#[test]
fn smtp_16_a_message_may_begin_a_group_of_the_next_one() {
    served(async |mail| {
        let mut client = mail.hello(Service::Smtp).await;
        client
            .transaction("a@example.org", "bob@example.test")
            .await;
        client.says("DATA", "354").await;
        client
            .send(
                "one\r\n.\r\nMAIL FROM:<b@example.org>\r\nRCPT TO:<alice@example.test>\r\n\
                 RCPT TO:<nobody@example.test>\r\nDATA\r\n",
            )
            .await;
        for begin in ["250 2.0.0", "250 2.1.0", "250 2.1.5", "550 5.1.1", "354"] {
            client.hears(begin).await;
        }
        client.send("two\r\n.\r\nQUIT\r\n").await;
        client.hears("250 2.0.0").await;
        client.hears("221").await;
        client.closes().await;
        assert_eq!(
            (mail.inbox(ALICE).await.len(), mail.inbox(BOB).await.len()),
            (1, 1)
        );
    });
}

#[test]
fn smtp_17_what_comes_early_waits_and_is_never_a_body_before_354() {
    served(async |mail| {
        for early in ["NOOP", "EHLO other.example", "VRFY bob", "RSET", "HELP"] {
            let mut client = mail.hello(Service::Smtp).await;
            client
                .send(format!("{early}\r\nMAIL FROM:<a@example.org>\r\nQUIT\r\n"))
                .await;
            client.hears("2").await;
            client.hears("250 2.1.0").await;
            client.hears("221").await;
            client.closes().await;
        }
        // Behind QUIT nothing is looked at.
        let mut client = mail.hello(Service::Smtp).await;
        client.send("QUIT\r\nNOOP\r\n").await;
        client.hears("221").await;
        client.closes().await;
        // A message behind a DATA that was refused is not obeyed.
        for refused in [
            "",
            "MAIL FROM:<a@example.org>\r\nRCPT TO:<v@example.org>\r\n",
        ] {
            let mut client = mail.hello(Service::Smtp).await;
            client
                .send(format!("{refused}DATA\r\nSubject: t\r\n\r\n{SMUGGLED}"))
                .await;
            if !refused.is_empty() {
                client.hears("250 2.1.0").await;
                client.hears("550 5.7.1").await;
            }
            client.hears("503 5.5.1").await;
            client.hears("554 5.5.0").await;
            client.closes().await;
        }
        assert_eq!(mail.stored().len(), 0);
    });
}

#[test]
fn smtp_18_a_line_of_a_mebibyte_is_only_long() {
    served(async |mail| {
        let mut client = mail.hello(Service::Smtp).await;
        let mut text = vec![b'x'; 1 << 20];
        text.extend_from_slice(b"\r\n.\r\n");
        let reply = client
            .mail("a@example.org", "bob@example.test", &text)
            .await;
        assert!(reply.starts_with("250"), "{reply}");
        let stored = mail.stored().remove(0);
        assert!(stored.ends_with(&text[..text.len() - 3]));
    });
}

#[test]
fn smtp_20_headers_that_are_none_are_stored_as_they_are() {
    served(async |mail| {
        let long = [b"X-Long: ", &vec![b'h'; 10 << 20][..], b"\r\n\r\nbody\r\n"].concat();
        let many = b"X-Many: x\r\n".repeat(100_000);
        for text in [
            b"a: b\r\n \r\nc\r\n".to_vec(),
            b"no colon first\r\na: b\r\n\r\nc\r\n".to_vec(),
            b": nameless\r\n\r\n".to_vec(),
            long,
            many,
        ] {
            let before = mail.stored().len();
            for service in [Service::Smtp, Service::Submissions] {
                let mut client = mail.hello(service).await;
                let wire = [&text[..], b".\r\n"].concat();
                let reply = client
                    .mail("a@example.test", "bob@example.test", wire)
                    .await;
                assert!(reply.starts_with("250"), "{reply}");
            }
            let stored = mail.stored();
            assert_eq!(stored.len(), before + 2);
            let same = stored.iter().filter(|s| s.ends_with(&text)).count();
            assert_eq!(
                same,
                2,
                "{:?}",
                String::from_utf8_lossy(&text[..40.min(text.len())])
            );
        }
    });
}

#[test]
fn smtp_21_a_size_that_is_none_closes() {
    served(async |mail| {
        for size in [
            "",
            " ",
            " -1",
            " +5",
            " 0x10",
            " 1e3",
            " 18446744073709551616",
            " 111111111111111111111111111111",
            " 5 LASTX",
            " 5 LAST LAST",
            " 5LAST",
        ] {
            let mut client = mail.hello(Service::Smtp).await;
            client
                .transaction("a@example.org", "bob@example.test")
                .await;
            client
                .send(format!("BDAT{size}\r\nMAIL FROM:<evil@x>\r\n"))
                .await;
            client.hears("501 5.5.4").await;
            client.closes().await;
        }
        assert_eq!(mail.stored().len(), 0);
    });
}

#[test]
fn smtp_22_a_chunk_that_is_refused_is_swallowed_and_not_obeyed() {
    served(async |mail| {
        let chunk = "MAIL FROM:<e@x>\r\n...";
        assert_eq!(chunk.len(), 20);
        for setup in [
            &[][..],
            &["MAIL FROM:<a@example.org>"],
            &["MAIL FROM:<a@example.org>", "RCPT TO:<v@example.org>"],
        ] {
            let mut client = mail.hello(Service::Smtp).await;
            for line in setup {
                client.ask(line).await;
            }
            client
                .send(format!(
                    "BDAT 20\r\n{chunk}NOOP\r\nRCPT TO:<bob@example.test>\r\n"
                ))
                .await;
            client.hears("503").await;
            client.hears("250 2.0.0 OK").await;
            client.hears("503").await;
        }
    });
}

#[test]
fn smtp_23_after_an_error_in_bdat_the_transaction_is_over() {
    served(async |mail| {
        for next in [
            "BDAT 1\r\nx",
            "BDAT 1 LAST\r\nx",
            "DATA\r\n",
            "RCPT TO:<bob@example.test>\r\n",
        ] {
            let mut client = mail.hello(Service::Smtp).await;
            client
                .transaction("a@example.org", "bob@example.test")
                .await;
            client.send("BDAT 3\r\nx\nyBDAT 2 LAST\r\nzz").await;
            client.hears("550 5.5.2").await;
            client.hears("503").await;
            client.send(next).await;
            client.hears("503").await;
            let reply = client
                .mail("a@example.org", "bob@example.test", "x\r\n.\r\n")
                .await;
            assert!(reply.starts_with("250"), "{reply}");
        }
    });
}

#[test]
fn smtp_24_data_and_bdat_do_not_mix() {
    served(async |mail| {
        let mut client = mail.hello(Service::Smtp).await;
        client
            .transaction("a@example.org", "bob@example.test")
            .await;
        client.send("BDAT 3\r\nabc").await;
        client.hears("250").await;
        client.says("DATA", "503").await;
        client.says("RCPT TO:<alice@example.test>", "503").await;
        client.says("RSET", "250").await;
        let binary = client
            .ask("MAIL FROM:<a@example.org> BODY=BINARYMIME")
            .await;
        assert!(binary.starts_with("555"), "it is not offered: {binary}");
        assert_eq!(mail.stored().len(), 0);
    });
}

#[test]
fn smtp_27_an_empty_last_chunk_and_a_command_right_behind_a_chunk() {
    served(async |mail| {
        let mut client = mail.hello(Service::Smtp).await;
        client
            .transaction("a@example.org", "bob@example.test")
            .await;
        client.send("BDAT 7\r\nhello\r\nBDAT 0 LAST\r\n").await;
        client.hears("250").await;
        client.hears("250").await;
        client
            .transaction("a@example.org", "bob@example.test")
            .await;
        client.send("BDAT 5 LAST\r\nhelloQUIT\r\n").await;
        client.hears("250").await;
        client.hears("221").await;
        client.closes().await;
        let inbox = mail.inbox(BOB).await;
        assert!(inbox[0].ends_with(b"\r\nhello\r\n"));
        // POP3 ends the last line; the file does not.
        assert!(inbox[1].ends_with(b"\r\nhello\r\n"));
        let unended = mail
            .stored()
            .iter()
            .filter(|s| s.ends_with(b"\r\nhello"))
            .count();
        assert_eq!(unended, 1);
    });
}

#[test]
fn smtp_28_too_large_in_chunks_is_refused_and_drained_to_a_bound() {
    served_with("[limits]\nmessage-size = 65536\n", async |mail| {
        let mut client = mail.hello(Service::Smtp).await;
        let offered = client.says(hello(Service::Smtp), "250").await;
        assert!(offered.contains("SIZE 65536"), "{offered}");
        client
            .says("MAIL FROM:<a@example.org> SIZE=65537", "552 5.3.4")
            .await;
        client
            .says("MAIL FROM:<a@example.org> SIZE=65536", "250")
            .await;
        client.says("RCPT TO:<bob@example.test>", "250").await;
        client
            .send(format!("BDAT 65000\r\n{}", "x".repeat(65_000)))
            .await;
        client.hears("250").await;
        client
            .send(format!("BDAT 537\r\n{}NOOP\r\n", "x".repeat(537)))
            .await;
        client.hears("552 5.3.4").await;
        client.hears("250 2.0.0 OK").await;
        client
            .transaction("a@example.org", "bob@example.test")
            .await;
        client.send(format!("BDAT {}\r\nxxx", 10_u64 << 30)).await;
        client.hears("552 5.3.4").await;
        client.closes().await;

        // DATA: refused at its true end.
        let mut client = mail.hello(Service::Smtp).await;
        for (octets, verdict) in [(65_536 - 1, "552 5.3.4"), (65_536 - 2, "250")] {
            let text = format!("{}\r\n.\r\n", "x".repeat(octets));
            let reply = client.mail("a@example.org", "bob@example.test", text).await;
            assert!(reply.starts_with(verdict), "{octets}: {reply}");
        }
        assert_eq!(mail.stored().len(), 1);
    });
}

/// A message that takes 300 octets with its end.
fn three_hundred() -> Vec<u8> {
    let mut text = b"Subject: cut\r\n\r\n..dot\r\n".to_vec();
    text.resize(300 - b"\r\n.\r\n".len(), b'x');
    text.extend_from_slice(b"\r\n.\r\n");
    text
}

#[test]
fn smtp_32_a_cut_at_every_octet_delivers_nothing() {
    piped(async |mail| {
        let text = three_hundred();
        for at in 0..text.len() {
            let mut client = mail.hello(Service::Smtp).await;
            client
                .transaction("a@example.org", "bob@example.test")
                .await;
            client.says("DATA", "354").await;
            client.send(&text[..at]).await;
            drop(client);
            let mut client = mail.hello(Service::Smtp).await;
            client
                .transaction("a@example.org", "bob@example.test")
                .await;
            client.send(format!("BDAT {} LAST\r\n", text.len())).await;
            client.send(&text[..at]).await;
            drop(client);
        }
        mail.settle().await;
        assert_eq!(mail.stored().len(), 0);
        // The octet that was missing makes the difference.
        let mut client = mail.hello(Service::Smtp).await;
        let reply = client
            .mail("a@example.org", "bob@example.test", &text)
            .await;
        assert!(reply.starts_with("250"), "{reply}");
        assert_eq!(mail.stored().len(), 1);
    });
}

#[test]
fn smtp_32_a_cut_removes_the_file_that_had_begun() {
    served(async |mail| {
        for end in [Ending::Cut, Ending::Reset, Ending::Refused] {
            let mut client = mail.hello(Service::Smtp).await;
            client
                .transaction("a@example.org", "bob@example.test")
                .await;
            client.says("DATA", "354").await;
            client.send("x".repeat(300_000)).await;
            until(|| mail.half() == 1).await;
            match end {
                Ending::Cut => drop(client),
                Ending::Reset => {
                    client.send("\r\nx\rx\r\n.\r\n").await;
                    client.hears("550 5.5.2").await;
                }
                Ending::Refused => {
                    mail.stop.now();
                    client.send("\n\r\n.\r\n").await;
                    client.hears("550 5.5.2").await;
                    client.hears("421 4.3.2").await;
                    client.closes().await;
                }
            }
            until(|| mail.half() == 0).await;
            assert_eq!(mail.stored().len(), 0);
        }
    });
}

enum Ending {
    Cut,
    Reset,
    Refused,
}

/// Lets everybody else go on until it is so; the test's own time is the limit.
async fn until(so: impl Fn() -> bool) {
    while !so() {
        tokio::task::yield_now().await;
    }
}

#[test]
fn smtp_62_lmtp_answers_once_for_each_accepted_recipient() {
    served(async |mail| {
        let mut client = mail.connect(Service::Lmtp).await;
        client.says("EHLO client.example", "500 5.5.1").await;
        client.says("HELO client.example", "500 5.5.1").await;
        client.says("LHLO client.example", "250").await;
        client.says("MAIL FROM:<a@example.org>", "250").await;
        client.says("RCPT TO:<alice@example.test>", "250").await;
        client.says("RCPT TO:<nobody@example.test>", "550").await;
        client.says("RCPT TO:<bob@example.test>", "250").await;
        client.says("DATA", "354").await;
        client.send("x\r\n.\r\nNOOP\r\n").await;
        client.hears("250 2.1.5").await;
        client.hears("250 2.1.5").await;
        client.hears("250 2.0.0").await;
        assert_eq!(
            (mail.inbox(ALICE).await.len(), mail.inbox(BOB).await.len()),
            (1, 1)
        );
        // The same when it is refused, and for BDAT.
        client.says("MAIL FROM:<a@example.org>", "250").await;
        client.says("RCPT TO:<alice@example.test>", "250").await;
        client.says("RCPT TO:<bob@example.test>", "250").await;
        client.says("DATA", "354").await;
        client.send("x\ny\r\n.\r\n").await;
        client.hears("550 5.5.2").await;
        client.hears("550 5.5.2").await;
        client.says("NOOP", "250 2.0.0").await;
        client.says("MAIL FROM:<a@example.org>", "250").await;
        client.says("RCPT TO:<alice@example.test>", "250").await;
        client.says("RCPT TO:<bob@example.test>", "250").await;
        client.send("BDAT 2\r\nx\r").await;
        client.hears("250").await;
        client.send("BDAT 1 LAST\r\n\n").await;
        client.hears("250 2.1.5").await;
        client.hears("250 2.1.5").await;
        client.says("NOOP", "250 2.0.0").await;
        let mut client: Client = mail.connect(Service::Smtp).await;
        client.says("LHLO client.example", "500 5.5.1").await;
    });
}
