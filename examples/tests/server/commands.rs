//! Commands of SMTP that are odd, out of order, too many, or not SMTP at all.

use mailwire_examples::config::Service;

use super::harness::{BOB, hello, served};

#[test]
fn smtp_33_a_line_without_end_is_refused_once_and_closes() {
    served(async |mail| {
        for service in [Service::Smtp, Service::Submissions, Service::Lmtp] {
            let mut client = mail.connect(service).await;
            for _ in 0..160 {
                client.push([b'A'; 64 * 1024]).await;
            }
            let rest = String::from_utf8(client.rest().await).unwrap();
            assert!(rest.is_empty() || rest.starts_with("500 5.5.2"), "{rest}");
            assert!(rest.matches("\r\n").count() <= 1, "{rest}");
        }
        // One that ends is refused, and the next one is obeyed.
        let mut client = mail.connect(Service::Smtp).await;
        for (octets, begin) in [(2_048, "250"), (2_049, "500 5.5.2")] {
            let mut line = b"NOOP ".to_vec();
            line.resize(octets - 2, b'x');
            let reply = client.ask(&line).await;
            assert!(
                reply.starts_with(begin) || reply.starts_with("501"),
                "{octets}: {reply}"
            );
            assert_eq!(reply.starts_with("500"), octets > 2_048, "{reply}");
            client.says("NOOP", "250").await;
        }
    });
}

#[test]
fn smtp_35_a_bare_line_break_hides_no_second_command() {
    served(async |mail| {
        for service in [Service::Smtp, Service::Submissions, Service::Lmtp] {
            let mut client = mail.hello(service).await;
            for line in [
                "NOOP\nMAIL FROM:<a@x>",
                "NOOP\rQUIT",
                "NOOP\n",
                "\nNOOP",
                "NOOP\n\n\nNOOP",
            ] {
                client.says(line, "500 5.5.2").await;
                client.says("RCPT TO:<bob@example.test>", "503").await;
            }
        }
    });
}

#[test]
fn smtp_36_control_octets_are_refused_and_the_state_is_kept() {
    served(async |mail| {
        let odd = (0..=0x1f)
            .filter(|octet| !b"\n\r".contains(octet))
            .chain([0x7f, 0x80, 0xff]);
        let odd: Vec<u8> = odd.collect();
        for octets in odd.chunks(4) {
            let mut client = mail.hello(Service::Smtp).await;
            client
                .transaction("a@example.org", "bob@example.test")
                .await;
            for octet in octets {
                for line in [
                    [b"NO", &[*octet][..], b"OP"].concat(),
                    [b"RCPT TO:<al", &[*octet][..], b"ice@example.test>"].concat(),
                    [b"MAIL FROM:<a@example.org>", &[*octet][..], b"SIZE=1"].concat(),
                ] {
                    let reply = client.ask(&line).await;
                    assert!(
                        reply.starts_with("50") || reply.starts_with("55"),
                        "{line:?}: {reply}"
                    );
                }
            }
            client.says("DATA", "354").await;
            client.send("x\r\n.\r\n").await;
            client.hears("250").await;
        }
    });
}

#[test]
fn smtp_48_parameters_that_are_none() {
    served(async |mail| {
        for (parameters, begin) in [
            ("FOO=1", "555"),
            ("SIZE=1 SIZE=2", "501"),
            ("SIZE=18446744073709551616", "5"),
            ("SIZE=-1", "501"),
            ("SIZE=", "501"),
            ("BODY=9BIT", "501"),
            ("=x", "501"),
            ("SMTPUTF8=1", "501"),
            ("SIZE=67108865", "552"),
            ("SIZE=67108864 BODY=8BITMIME", "250"),
        ] {
            let mut client = mail.hello(Service::Smtp).await;
            client
                .says(format!("MAIL FROM:<a@example.org> {parameters}"), begin)
                .await;
            client.says("NOOP", "250").await;
        }
    });
}

#[test]
fn smtp_50_order() {
    served(async |mail| {
        let mut client = mail.connect(Service::Smtp).await;
        client.says("MAIL FROM:<a@example.org>", "503").await;
        client.says("RCPT TO:<bob@example.test>", "503").await;
        client.says("DATA", "503").await;
        client.says("EHLO", "501").await;
        client.says("EHLO a b", "501").await;
        client.says("EHLO \u{1}", "50").await;
        client.says("MAIL FROM:<a@example.org>", "503").await;
        client.says("EHLO client.example", "250").await;
        client.says("RCPT TO:<bob@example.test>", "503").await;
        client.says("DATA", "503").await;
        client.says("MAIL FROM:<a@example.org>", "250").await;
        client.says("MAIL FROM:<b@example.org>", "503").await;
        client.says("DATA", "503").await;
        client.says("RCPT TO:<bob@example.test>", "250").await;
        // EHLO in the middle ends the transaction.
        client.says("EHLO client.example", "250").await;
        client.says("RCPT TO:<bob@example.test>", "503").await;
        client.says("HELO client.example", "250").await;
        client.says("MAIL FROM:<a@example.org> SIZE=1", "555").await;
        let reply = client
            .mail("a@example.org", "bob@example.test", "x\r\n.\r\n")
            .await;
        assert!(reply.starts_with("250"), "{reply}");
        let stored = String::from_utf8(mail.stored().remove(0)).unwrap();
        assert!(stored.contains("with SMTP id"), "{stored}");
    });
}

#[test]
fn smtp_52_what_ends_a_transaction_ends_all_of_it() {
    served(async |mail| {
        for (line, begin) in [
            ("RSET", "250"),
            ("EHLO client.example", "250"),
            ("HELO client.example", "250"),
            ("BDAT 0 LAST", "250"),
        ] {
            let mut client = mail.hello(Service::Smtp).await;
            client
                .transaction("a@example.org", "bob@example.test")
                .await;
            client.says(line, begin).await;
            client.says("RCPT TO:<bob@example.test>", "503").await;
            client.says("DATA", "503").await;
        }
        // What is refused does not.
        for (line, begin) in [
            ("NOOP", "250"),
            ("VRFY bob", "252"),
            ("STARTTLS", "503"),
            ("AUTH PLAIN", "50"),
            ("MAIL FROM:<b@example.org>", "503"),
            ("RCPT TO:<", "501"),
            ("EHLO", "501"),
            ("BLURB", "500"),
        ] {
            let mut client = mail.hello(Service::Smtp).await;
            client
                .transaction("a@example.org", "bob@example.test")
                .await;
            client.says(line, begin).await;
            client.says("RCPT TO:<alice@example.test>", "250").await;
            client.says("DATA", "354").await;
            client.send(".\r\n").await;
            client.hears("250").await;
        }
        assert_eq!(mail.inbox(BOB).await.len(), 9);
    });
}

#[test]
fn smtp_53_the_1001st_recipient_is_asked_to_come_again() {
    served(async |mail| {
        let mut client = mail.hello(Service::Smtp).await;
        client.says("MAIL FROM:<a@example.org>", "250").await;
        // In one go, all the same one: it is delivered once.
        client
            .send("RCPT TO:<bob@example.test>\r\n".repeat(1_000))
            .await;
        for _ in 0..1_000 {
            client.hears("250 2.1.5").await;
        }
        client
            .says("RCPT TO:<alice@example.test>", "452 4.5.3")
            .await;
        client.says("DATA", "354").await;
        client.send("x\r\n.\r\n").await;
        client.hears("250").await;
        assert_eq!(mail.inbox(BOB).await.len(), 1);
        assert_eq!(mail.stored().len(), 1);
        client
            .transaction("a@example.org", "alice@example.test")
            .await;
    });
}

/// What a terminal, a browser or a mail reader might obey.
const HOSTILE: &str = "<script>canary()</script>";

#[test]
fn smtp_54_verification_tells_nothing_and_echoes_nothing() {
    served(async |mail| {
        let mut client = mail.hello(Service::Smtp).await;
        for (verb, begin) in [
            ("VRFY", "252"),
            ("EXPN", "252"),
            ("HELP", "214"),
            ("BLURB", "500"),
        ] {
            let reply = client.says(format!("{verb} {HOSTILE}"), begin).await;
            assert!(!reply.contains("canary"), "{reply}");
        }
        let known = client.ask("VRFY bob@example.test").await;
        let unknown = client.ask("VRFY nobody@example.test").await;
        assert_eq!(known, unknown);
    });
}

#[test]
fn smtp_55_http_ends_at_its_first_line() {
    served(async |mail| {
        for request in [
            "GET / HTTP/1.1\r\nHost: mail.example.test\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\n\r\nEHLO x\r\nMAIL FROM:<evil@x>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\nx\r\n.\r\n",
            "CONNECT mail.example.test:25 HTTP/1.1\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\n\r\n",
            "get / HTTP/1.1\r\n\r\n",
        ] {
            for service in [
                Service::Smtp,
                Service::Submission,
                Service::Submissions,
                Service::Lmtp,
            ] {
                let mut client = mail.connect(service).await;
                client.send(request).await;
                client.hears("554 5.5.1").await;
                client.closes().await;
            }
        }
        assert_eq!(mail.stored().len(), 0);
    });
}

#[test]
fn smtp_56_a_proxy_header_that_nobody_asked_for_ends_the_connection() {
    served(async |mail| {
        let mut client = mail.connect(Service::Smtp).await;
        client
            .send("PROXY TCP4 192.0.2.1 192.0.2.2 1 25\r\nEHLO x\r\n")
            .await;
        client.hears("554").await;
        client.closes().await;
    });
}

#[test]
fn smtp_57_junk_and_floods_are_counted() {
    served(async |mail| {
        for service in [Service::Smtp, Service::Submissions, Service::Lmtp] {
            let mut client = mail.connect(service).await;
            client.push("JUNK\r\n".repeat(10_000)).await;
            for _ in 0..19 {
                client.hears("500 5.5.1").await;
            }
            client.hears("421 4.7.0").await;
            client.closes().await;
        }
        for idle in ["NOOP", "RSET", "VRFY bob"] {
            let mut client = mail.hello(Service::Smtp).await;
            client.push(format!("{idle}\r\n").repeat(2_000)).await;
            let mut replies = 1;
            while client.reply().await.starts_with('2') {
                replies += 1;
            }
            client.closes().await;
            assert!((990..=1_001).contains(&replies), "{idle}: {replies}");
        }
    });
}

#[test]
fn smtp_60_a_message_that_goes_in_circles_is_refused() {
    served(async |mail| {
        let mut client = mail.hello(Service::Smtp).await;
        let field = "Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n";
        for (fields, verdict) in [(101, "554 5.4.6"), (100, "250")] {
            let text = format!("{}\r\nx\r\n.\r\n", field.repeat(fields));
            let reply = client.mail("a@example.org", "bob@example.test", text).await;
            assert!(reply.starts_with(verdict), "{fields}: {reply}");
        }
        assert_eq!(mail.stored().len(), 1);
    });
}

#[test]
fn smtp_37_39_addresses_that_are_more_than_they_seem() {
    served(async |mail| {
        let mut client = mail.hello(Service::Smtp).await;
        client.says("MAIL FROM:<a@example.org>", "250").await;
        for (to, begin) in [
            (
                "<\"foo@psres.net> ORCPT=admin@admin.com\"@example.org>",
                "550 5.7.1",
            ),
            ("<\"a@b x\"@example.org>", "550 5.7.1"),
            ("<\"\"@example.test>", "5"),
            ("<\"\\ \"@example.test>", "5"),
            ("<\"\">", "501"),
            ("<>", "501"),
            ("<u@[127.0.0.1]>", "550 5.7.1"),
            ("<u@[IPv6:1::2::3]>", "501"),
            ("<u@[>", "501"),
            ("<POSTmaster>", "250"),
        ] {
            client.says(format!("RCPT TO:{to}"), begin).await;
        }
    });
}

#[test]
fn all_5_no_reply_repeats_what_the_peer_said() {
    served(async |mail| {
        let hostile = "\u{1b}[31mcanary\u{202e}";
        for service in [Service::Smtp, Service::Submissions, Service::Lmtp] {
            for line in [
                format!("{} {hostile}", &hello(service)[..4]),
                format!("MAIL FROM:<{hostile}@example.org>"),
                format!("MAIL FROM:<a@example.org> {hostile}=1"),
                format!("RCPT TO:<{hostile}@example.test>"),
                "RCPT TO:<canary@example.test>".to_owned(),
                "RCPT TO:<bob@canary.example.org>".to_owned(),
                format!("VRFY {hostile}"),
                format!("HELP {hostile}"),
                format!("NOOP {hostile}"),
                format!("AUTH {hostile}"),
                format!("BDAT {hostile}"),
                hostile.to_owned(),
                "canary\r\n250 injected".to_owned(),
            ] {
                let mut client = mail.hello(service).await;
                client.ask("MAIL FROM:<a@example.org>").await;
                client.push(format!("{line}\r\nQUIT\r\n")).await;
                let said = String::from_utf8(client.rest().await).unwrap();
                assert!(
                    !said.contains("canary") && !said.contains("injected"),
                    "{line:?}: {said}"
                );
                assert!(
                    said.chars()
                        .all(|c| c == '\r' || c == '\n' || !c.is_control()),
                    "{said:?}"
                );
                assert!(said.is_ascii(), "{said:?}");
            }
        }
        for service in [Service::Pop3, Service::Pop3s] {
            for line in [
                hostile.to_owned(),
                format!("USER {hostile}"),
                format!("AUTH {hostile}"),
                format!("STAT {hostile}"),
                format!("RETR {hostile}"),
                "RETR canary".to_owned(),
                "CANARY canary".to_owned(),
            ] {
                for in_session in [false, true] {
                    let mut client = if in_session {
                        mail.login(service, BOB).await
                    } else {
                        mail.connect(service).await
                    };
                    client.push(format!("{line}\r\nQUIT\r\n")).await;
                    let said = String::from_utf8(client.rest().await).unwrap();
                    assert!(!said.to_lowercase().contains("canary"), "{line:?}: {said}");
                    assert!(said.is_ascii(), "{said:?}");
                    assert!(!said.contains('\u{1b}'), "{said:?}");
                }
            }
        }
    });
}
