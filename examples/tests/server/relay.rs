//! Whose mail is taken, and where it is then.

use mailwire_examples::config::Service;

use super::harness::{ALICE, BOB, Mail, hello, received, served, served_with};

const DOMAINS: &str = "
[[domains]]
name = \"example.test\"
[domains.aliases]
info = [\"alice@example.test\", \"bob@example.test\"]
[[domains]]
name = \"catch.test\"
catch-all = \"bob@example.test\"
[domains.aliases]
sales = [\"alice@example.test\"]
";

const MAIL: [Service; 4] = [
    Service::Smtp,
    Service::Submission,
    Service::Submissions,
    Service::Lmtp,
];

#[test]
fn relay_1d_a_foreign_domain_is_refused_everywhere() {
    served(async |mail| {
        for service in MAIL {
            let mut client = mail.hello(service).await;
            client.says("MAIL FROM:<alice@example.test>", "250").await;
            for to in [
                "victim@example.org",
                "victim@sub.example.test",
                "victim@example.test.example.org",
                "victim@[127.0.0.1]",
                "victim@localhost",
                "\"bob@example.test\"@example.org",
                "bob%example.test@example.org",
            ] {
                client.says(format!("RCPT TO:<{to}>"), "550 5.7.1").await;
            }
            client
                .says("RCPT TO:<nobody@example.test>", "550 5.1.1")
                .await;
            client
                .says("RCPT TO:<victim%example.org@example.test>", "550 5.1.1")
                .await;
            client
                .says("RCPT TO:<@example.test:victim@example.org>", "550 5.7.1")
                .await;
            client.says("DATA", "503 5.5.1").await;
            // One refused recipient does not cost the others theirs.
            client.says("RCPT TO:<bob@example.test>", "250").await;
            client.says("DATA", "354").await;
            client.send("x\r\n.\r\n").await;
            client.hears("250").await;
        }
        assert_eq!(mail.inbox(BOB).await.len(), MAIL.len());
        assert_eq!(mail.stored().len(), MAIL.len());
    });
}

#[test]
fn relay_1d_who_has_not_logged_in_gets_no_further_than_mail_on_submission() {
    served(async |mail| {
        for service in [Service::Submission, Service::Submissions] {
            let mut client = mail.connect(service).await;
            client.says(hello(service), "250").await;
            client.says("MAIL FROM:<alice@example.test>", "530").await;
            client.says("RCPT TO:<victim@example.org>", "503").await;
            client.says("RCPT TO:<bob@example.test>", "503").await;
        }
    });
}

#[test]
fn relay_1d_aliases_and_the_catch_all() {
    served_with(DOMAINS, async |mail| {
        for (to, alice, bob) in [
            ("info@example.test", 1, 1),
            ("INFO@Example.TEST", 1, 1),
            ("whoever@catch.test", 0, 1),
            ("sales@catch.test", 1, 0),
            ("alice+lists@example.test", 1, 0),
            ("postmaster", 1, 0),
        ] {
            let (before_a, before_b) = counts(mail).await;
            let mut client = mail.hello(Service::Smtp).await;
            let reply = client.mail("", to, "x\r\n.\r\n").await;
            assert!(reply.starts_with("250"), "{to}: {reply}");
            let (after_a, after_b) = counts(mail).await;
            assert_eq!(
                (after_a - before_a, after_b - before_b),
                (alice, bob),
                "{to}"
            );
        }
        let mut client = mail.hello(Service::Smtp).await;
        client.says("MAIL FROM:<>", "250").await;
        client
            .says("RCPT TO:<whoever@example.test>", "550 5.1.1")
            .await;
        client
            .says("RCPT TO:<whoever@example.org>", "550 5.7.1")
            .await;
    });
}

async fn counts(mail: &Mail) -> (usize, usize) {
    (mail.inbox(ALICE).await.len(), mail.inbox(BOB).await.len())
}

/// Bodies that a wrong dot, line end or character set would change.
fn awkward() -> Vec<Vec<u8>> {
    vec![
        b"".to_vec(),
        b"\r\n".to_vec(),
        b"Subject: x\r\n\r\n.\r\n..\r\n.x\r\n...\r\n".to_vec(),
        b".\r\n".to_vec(),
        b"\r\n.\r\n\r\n.\r\n".to_vec(),
        [
            b"Subject: 8 bit\r\n\r\n",
            &[0x80, 0xff, 0xc3, 0xa9, b'\r', b'\n'][..],
        ]
        .concat(),
        [b"a: ", &[b'x'; 995][..], b"\r\n\r\n", &[b'y'; 998], b"\r\n"].concat(),
        [b"\r\n", &[b'.'; 100_000][..], b"\r\n"].concat(),
        b"no: header end\r\n".to_vec(),
        b" folded first\r\n\r\nx\r\n".to_vec(),
    ]
}

/// As it goes over the wire: dots doubled, the end behind it.
fn stuffed(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in text.split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    out.extend_from_slice(b".\r\n");
    out
}

#[test]
fn store_1d_what_is_answered_250_is_there_octet_for_octet() {
    served(async |mail| {
        for service in [Service::Smtp, Service::Lmtp] {
            let mut client = mail.hello(service).await;
            for text in awkward() {
                let before = mail.inbox(BOB).await.len();
                let reply = client
                    .mail("a@example.org", "bob@example.test", stuffed(&text))
                    .await;
                assert!(reply.starts_with("250"), "{reply}");
                let inbox = mail.inbox(BOB).await;
                assert_eq!(inbox.len(), before + 1);
                let stored = inbox.last().unwrap();
                assert!(stored.starts_with(b"Return-Path: <a@example.org>\r\nReceived: from "));
                let octets = received(stored);
                // A body without a header gets the empty line that keeps it a body.
                let octets = octets
                    .strip_prefix(b"\r\n")
                    .filter(|rest| *rest == text)
                    .unwrap_or(octets);
                assert_eq!(octets, text, "{:?}", String::from_utf8_lossy(stored));
                let on_disk = mail.stored();
                assert!(on_disk.contains(stored), "POP3 shows what is in the file");
            }
        }
    });
}

#[test]
fn store_1d_chunks_are_taken_as_they_are() {
    served(async |mail| {
        let mut client = mail.hello(Service::Smtp).await;
        for text in awkward() {
            client
                .transaction("a@example.org", "bob@example.test")
                .await;
            let (first, second) = text.split_at(text.len() / 2);
            client
                .send([format!("BDAT {}\r\n", first.len()).as_bytes(), first].concat())
                .await;
            client.hears("250").await;
            client
                .send([format!("BDAT {} LAST\r\n", second.len()).as_bytes(), second].concat())
                .await;
            client.hears("250").await;
            let inbox = mail.inbox(BOB).await;
            let octets = received(inbox.last().unwrap());
            let octets = octets
                .strip_prefix(b"\r\n")
                .filter(|rest| *rest == text)
                .unwrap_or(octets);
            assert_eq!(octets, text);
        }
    });
}

#[test]
fn trace_1d_submission_puts_what_is_missing_in_front_only() {
    served(async |mail| {
        let mut client = mail.hello(Service::Submissions).await;
        let both = "Message-ID: <1@x>\r\nSubject: s\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n";
        for (header, date, id) in [
            ("Subject: s\r\n", true, true),
            (
                "Subject: s\r\ndate: Mon, 1 Jan 2024 00:00:00 +0000\r\n",
                false,
                true,
            ),
            ("MESSAGE-ID: <1@x>\r\nSubject: s\r\n", true, false),
            (both, false, false),
        ] {
            let text = format!("{header}\r\nDate: in the body\r\nMessage-ID: too\r\n");
            let reply = client
                .mail(
                    "alice@example.test",
                    "bob@example.test",
                    format!("{text}.\r\n"),
                )
                .await;
            assert!(reply.starts_with("250"), "{reply}");
            let inbox = mail.inbox(BOB).await;
            let stored = String::from_utf8(inbox.last().unwrap().clone()).unwrap();
            let front = stored
                .strip_suffix(&text)
                .unwrap_or_else(|| panic!("{stored}"));
            assert!(front.contains("with ESMTPSA (TLS"), "{front}");
            assert_eq!(front.contains("\r\nDate: "), date, "{front}");
            assert_eq!(front.contains("\r\nMessage-ID: <"), id, "{front}");
        }
    });
}

#[test]
fn trace_s46_the_received_field_says_how_it_came() {
    served(async |mail| {
        for (service, with) in [
            (Service::Smtp, "with ESMTP id"),
            (Service::Lmtp, "with LMTP id"),
        ] {
            let mut client = mail.hello(service).await;
            client.mail("", "bob@example.test", "x\r\n.\r\n").await;
            let inbox = mail.inbox(BOB).await;
            let stored = String::from_utf8(inbox.last().unwrap().clone()).unwrap();
            assert!(stored.contains(with), "{stored}");
            assert!(
                stored.contains("from client.example ([127.0.0.1])"),
                "{stored}"
            );
            assert!(stored.contains("for <bob@example.test>;"), "{stored}");
        }
        let mut client = mail.secure(Service::Smtp).await;
        client.mail("", "bob@example.test", "x\r\n.\r\n").await;
        let inbox = mail.inbox(BOB).await;
        let stored = String::from_utf8(inbox.last().unwrap().clone()).unwrap();
        assert!(stored.contains("with ESMTPS (TLS"), "{stored}");
    });
}

#[test]
fn store_5_a_message_that_does_not_fit_is_refused_before_it_is_sent() {
    let limit = "[limits]\nmessage-size = 4611686018427387904\n";
    served_with(limit, async |mail| {
        for service in [Service::Smtp, Service::Submissions, Service::Lmtp] {
            let mut client = mail.hello(service).await;
            client
                .says(
                    "MAIL FROM:<a@example.test> SIZE=4611686018427387904",
                    "452 4.3.1",
                )
                .await;
            client.says("RCPT TO:<bob@example.test>", "503").await;
            let reply = client
                .mail("a@example.test", "bob@example.test", "x\r\n.\r\n")
                .await;
            assert!(reply.starts_with("250"), "{reply}");
        }
    });
}

#[test]
fn store_10_one_broken_mailbox_costs_the_others_nothing() {
    served(async |mail| {
        let domain = mail.dir.path().join("data/mail/example.test");
        let mut client = mail.hello(Service::Smtp).await;
        client.mail("", "alice@example.test", "x\r\n.\r\n").await;
        // Something that is no folder stands where bob's mail would be.
        std::fs::write(domain.join("bob"), "").unwrap();
        let mut lmtp = mail.hello(Service::Lmtp).await;
        for client in [&mut client, &mut lmtp] {
            client.says("MAIL FROM:<a@example.org>", "250").await;
            client.says("RCPT TO:<bob@example.test>", "250").await;
            client.says("RCPT TO:<alice@example.test>", "250").await;
            client.says("DATA", "354").await;
            client.send("both\r\n.\r\n").await;
        }
        client.hears("451 4.3.0").await;
        lmtp.hears("451 4.3.0").await;
        lmtp.hears("250 2.1.5").await;
        assert!(
            mail.inbox(ALICE)
                .await
                .last()
                .unwrap()
                .ends_with(b"both\r\n")
        );
        let mut reader = mail.secure(Service::Pop3s).await;
        reader.says("USER bob", "+OK").await;
        reader.says("PASS builder", "-ERR [SYS/TEMP]").await;
        // It heals by itself.
        std::fs::remove_file(domain.join("bob")).unwrap();
        let reply = client.mail("", "bob@example.test", "later\r\n.\r\n").await;
        assert!(reply.starts_with("250"), "{reply}");
        assert!(mail.inbox(BOB).await[0].ends_with(b"later\r\n"));
    });
}

#[test]
fn store_7_folders_that_vanish_while_running_are_made_again() {
    served(async |mail| {
        let mut client = mail.hello(Service::Smtp).await;
        for gone in [
            "data/mail/example.test/bob/tmp",
            "data/mail/example.test/bob",
            "data/mail",
        ] {
            client.mail("", "bob@example.test", "before\r\n.\r\n").await;
            std::fs::remove_dir_all(mail.dir.path().join(gone)).unwrap();
            let reply = client.mail("", "bob@example.test", "after\r\n.\r\n").await;
            assert!(reply.starts_with("250"), "{gone}: {reply}");
            assert!(
                mail.inbox(BOB)
                    .await
                    .last()
                    .unwrap()
                    .ends_with(b"after\r\n")
            );
        }
    });
}
