//! `mailsend`.

use base64::{Engine, prelude::BASE64_STANDARD};
use mailwire_examples::config::Service;

use super::{
    fake::{Answer, Fake, message, pop3, say},
    harness::{ALICE, BOB, Server, mailsend, popfetch},
};

const TO_BOB: [&str; 4] = ["--to", "bob@example.test", "--from", "alice@example.test"];

/// A header that the server has nothing to add to but its trace.
const HEADER: &str = "Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@example.test>\r\n\
                      From: alice@example.test\r\n\r\n";

/// Messages as they are kept, and as they must arrive.
fn awkward() -> Vec<(Vec<u8>, Vec<u8>)> {
    let with_header = |body: &[u8]| [HEADER.as_bytes(), body].concat();
    let mut large = HEADER.as_bytes().to_vec();
    while large.len() < 1024 * 1024 {
        large.extend_from_slice(b".a line that begins with a dot, \xe4\xff, and is long\r\n");
    }
    vec![
        (
            with_header(b".\r\n..\r\n.x\r\n"),
            with_header(b".\r\n..\r\n.x\r\n"),
        ),
        (
            with_header("\u{e4}\r\n".as_bytes()),
            with_header("\u{e4}\r\n".as_bytes()),
        ),
        (with_header(b"no end"), with_header(b"no end\r\n")),
        (with_header(b""), with_header(b"")),
        (
            String::from_utf8(with_header(b"a\r\n\r\nb\r\n"))
                .unwrap()
                .replace("\r\n", "\n")
                .into(),
            with_header(b"a\r\n\r\nb\r\n"),
        ),
        (
            with_header(&[b'x'; 998]),
            with_header(&[&[b'x'; 998][..], b"\r\n"].concat()),
        ),
        (large.clone(), large),
    ]
}

#[test]
fn tools_1f_what_is_sent_is_fetched_octet_by_octet_over_every_mode() {
    let server = Server::start();
    for (index, (send, fetch)) in [("smtp", "pop3"), ("smtps", "pop3s")]
        .into_iter()
        .enumerate()
    {
        for (kept, _) in awkward() {
            let path = server.file("message.eml", &kept);
            let sent = mailsend([&*server.url(send, "alice"), path.to_str().unwrap()])
                .args(TO_BOB)
                .ca(&server.ca)
                .password(ALICE)
                .run();
            assert_eq!((sent.code, &*sent.err), (0, ""), "{sent:?}");
            assert_eq!(
                sent.out,
                "bob@example.test delivered: 250 2.0.0 Message accepted\n"
            );
        }
        let dir = format!("mail{index}");
        let ran = server.fetch(fetch, &dir).args(["--delete"]).run();
        assert_eq!(ran.code, 0, "{ran:?}");
        let fetched = server.fetched(&dir);
        assert_eq!(fetched.len(), awkward().len());
        for (octets, (_, want)) in fetched.iter().zip(awkward()) {
            let trace = octets.strip_suffix(&*want).expect("not what was sent");
            assert!(trace.starts_with(b"Return-Path: <alice@example.test>\r\n"));
        }
    }
}

#[test]
fn tools_1f_standard_input_of_any_size_is_sent() {
    let server = Server::start();
    for (kept, _) in awkward() {
        let sent = mailsend([&*server.url("smtp", "alice"), "-"])
            .args(TO_BOB)
            .ca(&server.ca)
            .password(ALICE)
            .stdin(&kept)
            .run();
        assert_eq!(sent.code, 0, "{sent:?}");
    }
    assert_eq!(server.fetch("pop3s", "mail").run().code, 0);
    for (octets, (_, want)) in server.fetched("mail").iter().zip(awkward()) {
        assert!(octets.ends_with(&want));
    }
}

#[test]
fn tools_1f_one_refused_recipient_does_not_cost_the_others() {
    let server = Server::start();
    let path = server.file("message.eml", HEADER);
    let send = || {
        mailsend([&*server.url("smtp", "alice"), path.to_str().unwrap()])
            .args(TO_BOB)
            .args(["--to", "nobody@example.test", "--to", "alice@example.test"])
            .ca(&server.ca)
            .password(ALICE)
    };
    let sent = send().run();
    assert_eq!(sent.code, 1);
    let lines: Vec<_> = sent.out.lines().collect();
    assert_eq!(lines.len(), 3, "{sent:?}");
    assert!(lines[0].starts_with("bob@example.test delivered: 250 2.0.0"));
    assert!(lines[1].starts_with("nobody@example.test refused: 550 5.1.1"));
    assert!(lines[2].starts_with("alice@example.test delivered: 250 2.0.0"));
    let ran = send().args(["--json"]).run();
    let document = ran.json();
    assert_eq!(
        (ran.code, &document["exit"], &document["delivered"]),
        (1, &1.into(), &false.into())
    );
    let of = |i: usize, key: &str| document["recipients"][i][key].clone();
    assert_eq!(of(1, "to"), "nobody@example.test");
    assert_eq!(
        (of(1, "outcome"), of(1, "code"), of(1, "enhanced")),
        ("refused".into(), 550.into(), "5.1.1".into())
    );
    assert_eq!(of(2, "outcome"), "delivered");
    assert_eq!(document["octets"], HEADER.len());
    server.fetch("pop3s", "mail").run();
    assert_eq!(server.fetched("mail").len(), 2);
}

#[test]
fn tools_1f_lmtp_has_an_answer_for_each_recipient() {
    let server = Server::start();
    let path = server.file("message.eml", HEADER);
    let sent = mailsend([&*server.url("lmtp", ""), path.to_str().unwrap()])
        .args([
            "--to",
            "bob@example.test",
            "--to",
            "nobody@example.test",
            "--to",
            "alice@example.test",
        ])
        .ca(&server.ca)
        .run();
    assert_eq!(sent.code, 1, "{sent:?}");
    let words: Vec<_> = sent
        .out
        .lines()
        .map(|line| line.split(' ').nth(1).unwrap())
        .collect();
    assert_eq!(words, ["delivered:", "refused:", "delivered:"]);
}

#[test]
fn tools_1f_the_sender_is_the_user_or_the_author_or_must_be_named() {
    let server = Server::start();
    let send = |user: &str, text: &str| {
        let path = server.file("message.eml", text);
        mailsend([
            &*server.url("smtp", user),
            path.to_str().unwrap(),
            "--to",
            "bob@example.test",
        ])
        .ca(&server.ca)
        .password(ALICE)
    };
    assert_eq!(send("alice%40example.test", "Subject: x\n\n").run().code, 0);
    assert_eq!(
        send("alice", "From: Alice <author@example.test>\n\n")
            .run()
            .code,
        0
    );
    assert_eq!(
        send("alice", "Subject: x\n\n")
            .args(["--from", ""])
            .run()
            .code,
        0
    );
    send("alice", "Subject: x\n\n")
        .run()
        .fails(2, "name it with --from");
    server.fetch("pop3s", "mail").run();
    let senders: Vec<_> = server
        .fetched("mail")
        .iter()
        .map(|m| {
            String::from_utf8(m.clone())
                .unwrap()
                .lines()
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(
        senders,
        [
            "Return-Path: <alice@example.test>",
            "Return-Path: <author@example.test>",
            "Return-Path: <>"
        ]
    );
}

#[test]
fn tools_1f_a_server_that_does_not_prove_itself_gets_no_credential() {
    let (server, other) = (Server::start(), Server::start());
    let path = server.file("message.eml", HEADER);
    for scheme in ["smtp", "smtps"] {
        let sent = mailsend([
            &*server.url(scheme, "alice"),
            path.to_str().unwrap(),
            "--trace",
        ])
        .args(TO_BOB)
        .ca(&other.ca)
        .password(ALICE)
        .run();
        sent.fails(4, "with --ca");
        assert!(
            !sent.err.contains("AUTH") && sent.out.is_empty(),
            "{sent:?}"
        );
        assert_eq!(sent.err.contains("C: STARTTLS"), scheme == "smtp");
    }
}

#[test]
fn tools_1f_a_wrong_password_is_a_refused_login_wherever_it_comes_from() {
    let server = Server::start();
    let path = server.file("message.eml", HEADER);
    let send = |user: &str| {
        mailsend([&*server.url("smtp", user), path.to_str().unwrap()])
            .args(TO_BOB)
            .ca(&server.ca)
    };
    let (right, wrong) = (
        server.file("right", format!("{ALICE}\n")),
        server.file("wrong", BOB),
    );
    let right = ["--password-file", right.to_str().unwrap()];
    let wrong = ["--password-file", wrong.to_str().unwrap()];
    send("alice")
        .password(BOB)
        .run()
        .fails(5, "check user and password");
    send("alice")
        .args(wrong)
        .run()
        .fails(5, "check user and password");
    send(&format!("alice:{BOB}"))
        .run()
        .fails(5, "check user and password");
    assert_eq!(send("alice").args(right).run().code, 0);
    assert_eq!(send(&format!("alice:{ALICE}")).run().code, 0);
    // What is said for this run comes before what is said for all.
    assert_eq!(send("alice").args(right).password(BOB).run().code, 0);
    send("alice").run().fails(2, "MAILWIRE_PASSWORD");
    send("").args(right).run().fails(2, "no user");
}

#[test]
fn tools_1f_what_cannot_be_used_is_one_sentence_and_exit_code_2() {
    let server = Server::start();
    let (good, bad) = (server.file("good", HEADER), server.file("bad", "a\rb"));
    let url = server.url("smtp", "alice");
    let (good, bad) = (good.to_str().unwrap(), bad.to_str().unwrap());
    let ca = server.ca.to_str().unwrap();
    for (args, says) in [
        (vec![], "--to"),
        (
            vec!["--to", "bob@example.test", "localhost", good],
            "smtp://",
        ),
        (
            vec!["--to", "bob@example.test", "pop3://alice@localhost", good],
            "lmtp://",
        ),
        (
            vec!["--to", "bob", &url, good, "--ca", ca],
            "no mail address",
        ),
        (
            vec!["--to", "bob@example.test", &url, bad, "--ca", ca],
            "bare CR at octet 1",
        ),
        (
            vec!["--to", "bob@example.test", &url, "/no/such", "--ca", ca],
            "/no/such",
        ),
        (
            vec!["--to", "bob@example.test", &url, good, "--ca", good],
            "no usable certificate",
        ),
        (
            vec!["--to", "bob@example.test", &url, good, "--tls", "ssl"],
            "secure",
        ),
        (
            vec![
                "--to",
                "bob@example.test",
                "smtps://alice@h",
                good,
                "--tls",
                "none",
            ],
            "level none",
        ),
    ] {
        let mut tool = mailsend([]).password(ALICE);
        for arg in &args {
            tool = tool.args([arg]);
        }
        let ran = tool.run();
        ran.fails(2, says);
        assert_eq!((ran.err.lines().count(), &*ran.out), (1, ""), "{ran:?}");
    }
    let ran = mailsend(["--help"]).run();
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("Exit codes:") && ran.out.contains("5  the login was refused"));
}

#[test]
fn tools_1f_a_mix_up_of_modes_names_the_scheme_to_use() {
    let server = Server::start();
    let path = server.file("message.eml", HEADER);
    let port = server.port(Service::Submission);
    mailsend([
        &*format!("smtps://alice@localhost:{port}"),
        path.to_str().unwrap(),
    ])
    .args(TO_BOB)
    .ca(&server.ca)
    .password(ALICE)
    .run()
    .fails(4, "use smtp:// ");
    let fake = Fake::serve("\x15\x03\x03\x00\x02\x02\x28", |_| Answer::Nothing);
    mailsend([
        &*format!("smtp://alice@127.0.0.1:{}", fake.port),
        path.to_str().unwrap(),
    ])
    .args(TO_BOB)
    .ca(&server.ca)
    .password(ALICE)
    .run()
    .fails(4, "use smtps:// ");
}

#[test]
fn all_4_no_trace_shows_password_or_message() {
    let server = Server::start();
    let body = "body-canary";
    let path = server.file("message.eml", format!("{HEADER}{body}\r\n.{body}\r\n"));
    let mut traces = Vec::new();
    for scheme in ["smtp", "smtps"] {
        for password in [ALICE, "wrong-canary"] {
            let sent = mailsend([
                &*server.url(scheme, "alice"),
                path.to_str().unwrap(),
                "--trace",
            ])
            .args(TO_BOB)
            .ca(&server.ca)
            .password(password)
            .run();
            assert!(
                sent.err.contains("C: AUTH SCRAM-SHA-256-PLUS ***"),
                "{sent:?}"
            );
            traces.push(sent);
        }
    }
    // PLAIN and LOGIN in clear, with a server that repeats what it heard.
    for (mechanism, answers) in [("PLAIN", 0), ("LOGIN", 2)] {
        let mut in_body = false;
        let mut asked = 0;
        let fake = Fake::serve("220 mx ESMTP\r\n", move |line| {
            if in_body {
                in_body = line != ".";
                return if in_body {
                    Answer::Nothing
                } else {
                    say("250 ok\r\n")
                };
            }
            match line.split(' ').next().unwrap_or_default() {
                "EHLO" => Answer::Say(format!(
                    "250-mx\r\n250-8BITMIME\r\n250 AUTH {mechanism}\r\n"
                )),
                "AUTH" if answers > 0 => say("334 VXNlcm5hbWU6\r\n"),
                "AUTH" => Answer::Say(format!("235 {line}\r\n")),
                "DATA" => {
                    in_body = true;
                    say("354 go\r\n")
                }
                "MAIL" | "RCPT" => say("250 ok\r\n"),
                "QUIT" => Answer::Close("221 bye\r\n".to_owned()),
                _ => {
                    asked += 1;
                    if asked < answers {
                        say("334 UGFzc3dvcmQ6\r\n")
                    } else {
                        Answer::Say(format!("235 {line}\r\n"))
                    }
                }
            }
        });
        let sent = mailsend([&*format!("smtp://alice@127.0.0.1:{}", fake.port)])
            .args([path.to_str().unwrap(), "--trace", "--tls", "none"])
            .args(TO_BOB)
            .password(ALICE)
            .run();
        assert_eq!(sent.code, 0, "{sent:?}");
        // The test would prove nothing if it had not been sent.
        let heard = fake.heard().join("\n");
        let secret = match mechanism {
            "PLAIN" => format!("\0alice\0{ALICE}"),
            _ => ALICE.to_owned(),
        };
        assert!(heard.contains(&BASE64_STANDARD.encode(secret)) && heard.contains(body));
        traces.push(sent);
    }
    server.send_to_bob(format!("{HEADER}{body}\r\n"));
    for scheme in ["pop3", "pop3s"] {
        let ran = server.fetch(scheme, scheme).args(["--trace"]).run();
        assert!(ran.code == 0 && ran.err.contains("C: RETR"), "{ran:?}");
        traces.push(ran);
    }
    // USER and PASS in clear.
    let fake = pop3(vec![("a", message(body))], "+OK\r\n");
    let dir = server.dir.path().join("in-clear");
    let url = format!("pop3://bob@127.0.0.1:{}", fake.port);
    let ran = popfetch([&*url, dir.to_str().unwrap(), "--trace", "--tls", "none"])
        .password(BOB)
        .run();
    assert!(ran.code == 0 && ran.err.contains("C: PASS ***"), "{ran:?}");
    assert!(fake.heard().contains(&format!("PASS {BOB}")));
    traces.push(ran);
    for trace in traces {
        let all = format!("{}{}", trace.out, trace.err);
        assert!(all.contains("C: QUIT") || trace.code == 5, "{all}");
        for secret in [ALICE, BOB, "wrong-canary", body] {
            assert!(!all.contains(secret), "{secret}: {all}");
            // Wherever it begins in a group of three octets.
            for shift in 0..3 {
                let shifted = format!("{}{secret}", "\0".repeat(shift));
                let encoded = BASE64_STANDARD.encode(shifted);
                let sure = &encoded[4..encoded.len() - 4];
                assert!(!all.contains(sure), "{secret}: {all}");
            }
        }
    }
}

/// A server in clear text that answers the recipients and the message as it is told.
fn answering(rcpt: &'static [&'static str], message: &'static str) -> Fake {
    let (mut in_body, mut recipients) = (false, rcpt.iter());
    Fake::serve("220 mx ESMTP\r\n", move |line| {
        if in_body {
            in_body = line != ".";
            return match (in_body, message) {
                (true, _) => Answer::Nothing,
                (false, "") => Answer::Close(String::new()),
                (false, message) => say(message),
            };
        }
        match line.split(' ').next().unwrap_or_default() {
            "EHLO" => say("250-mx\r\n250 8BITMIME\r\n"),
            "RCPT" => say(recipients.next().unwrap()),
            "DATA" => {
                in_body = true;
                say("354 go\r\n")
            }
            "QUIT" => Answer::Close("221 bye\r\n".to_owned()),
            _ => say("250 ok\r\n"),
        }
    })
}

#[test]
fn tools_1f_temporary_refusals_and_lost_connections_are_told_apart_from_final_ones() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("message.eml");
    std::fs::write(&path, HEADER).unwrap();
    let send = |fake: Fake| {
        mailsend([
            &*format!("smtp://127.0.0.1:{}", fake.port),
            path.to_str().unwrap(),
        ])
        .args([
            "--tls",
            "none",
            "--to",
            "a@example.test",
            "--to",
            "b@example.test",
            "--json",
        ])
        .run()
    };
    let outcomes = |ran: &super::harness::Ran| -> Vec<String> {
        let document = ran.json();
        let recipients = document["recipients"].as_array().unwrap();
        recipients
            .iter()
            .map(|r| r["outcome"].as_str().unwrap().to_owned())
            .collect()
    };
    const OK: &str = "250 ok\r\n";
    const LATER: &str = "451 4.3.0 later\r\n";
    for (rcpt, message, code, want) in [
        (&[OK, LATER][..], OK, 3, ["delivered", "deferred"]),
        (&[LATER, "550 no\r\n"], OK, 1, ["deferred", "refused"]),
        (&[OK, OK], LATER, 3, ["deferred", "deferred"]),
        (&[OK, OK], "554 5.7.1 spam\r\n", 1, ["refused", "refused"]),
        (&[OK, "550 no\r\n"], "", 3, ["unknown", "refused"]),
    ] {
        let ran = send(answering(rcpt, message));
        assert_eq!(
            (ran.code, outcomes(&ran)),
            (code, want.map(str::to_owned).to_vec()),
            "{ran:?}"
        );
    }
}

#[test]
fn tools_1f_what_a_server_says_cannot_write_to_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("message.eml");
    std::fs::write(&path, HEADER).unwrap();
    let fake = answering(&["550 5.1.1 \x1b]0;evil\x07\x1b[31mred\u{202e}\r\n"], "");
    let ran = mailsend([
        &*format!("smtp://127.0.0.1:{}", fake.port),
        path.to_str().unwrap(),
    ])
    .args(["--tls", "none", "--to", "a@example.test", "--trace"])
    .run();
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("red"), "{ran:?}");
    for text in [&ran.out, &ran.err] {
        let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!text.contains(bad), "{ran:?}");
    }
}
