//! Hostile and odd servers, and what becomes of each recipient.

use bytes::{Bytes, BytesMut};
use mailwire_core::{
    machine::{Eof, Machine, Step, Upgrade},
    sasl::Nonce,
};
use mailwire_smtp::{
    address::ClientName,
    client::{
        Client, Config, Envelope, Misuse, NotBegun, Outcome, Progress, Transaction, Unsupported,
    },
    command::Command,
    open::{self, Login, Open},
    params::BodyType,
};

const SECRET: &str = "canary-5ecret";

/// Replies of a server that is in order, by the command that they answer.
fn usual(line: &[u8]) -> &'static str {
    match line {
        _ if line.starts_with(b"EHLO") => "250-mx.example\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n",
        _ if line.starts_with(b"HELO") => "250 mx.example\r\n",
        _ if line.starts_with(b"STARTTLS") => "220 go\r\n",
        _ if line.starts_with(b"QUIT") => "221 bye\r\n",
        _ => "250 ok\r\n",
    }
}

/// SMTP-80: each of these commands answered with each of these replies, as EAST does. Whatever the
/// server says, the client ends in a defined state and no credential was sent.
#[test]
fn smtp_80_every_command_answered_with_every_reply() {
    let replies = [
        "220 x", "221 x", "250", "354 x", "421 x", "454 x", "500 x", "501 x", "502 x", "504 x",
        "530 x", "550 x", "554 x",
    ];
    let mut combinations = 0;
    for upgrade in [Upgrade::Required, Upgrade::IfOffered] {
        for place in ["greeting", "EHLO", "HELO", "STARTTLS"] {
            for reply in replies {
                let nonce = Nonce::from_random(&[7; 24]);
                let login = Login::new("user", SECRET, nonce).unwrap();
                let name: ClientName = "client.example".parse().unwrap();
                let mut config = open::Config::new(name, upgrade);
                if place != "HELO" {
                    config = config.with_login(login);
                }
                let mut open = Open::new(config);
                let first = if place == "greeting" {
                    reply
                } else {
                    "220 mx.example ESMTP"
                };
                let mut input = BytesMut::from(format!("{first}\r\n").as_str());
                let mut sent = Vec::new();
                let mut steps = 0;
                let end = loop {
                    steps += 1;
                    assert!(steps < 1_000, "{place} {reply}");
                    match open.step(&mut input) {
                        Step::Transmit(octets) => {
                            sent.extend_from_slice(&octets);
                            let forced = octets.starts_with(place.as_bytes())
                                || (place == "HELO" && octets.starts_with(b"EHLO"));
                            let answer = match () {
                                () if place == "HELO" && octets.starts_with(b"EHLO") => {
                                    "502 what".into()
                                }
                                () if forced => reply.to_owned(),
                                () => usual(&octets).trim_end().to_owned(),
                            };
                            input.extend_from_slice(format!("{answer}\r\n").as_bytes());
                        }
                        Step::Event(open::Event::Ready(_)) => break "ready".to_owned(),
                        Step::Event(_) => {}
                        Step::NeedInput => open.handle_timeout(),
                        // The server has no TLS to offer; a driver would see its handshake fail.
                        Step::StartTls => open.handle_eof(Eof::Truncated),
                        Step::Close(how) => break format!("{how:?}"),
                        other => panic!("{other:?}"),
                    }
                };
                let text = String::from_utf8_lossy(&sent);
                assert!(
                    !text.contains("AUTH") && !text.contains("MAIL"),
                    "{place} {reply}: {text}"
                );
                assert!(!end.contains(SECRET));
                if upgrade == Upgrade::Required {
                    assert!(end.starts_with("Err("), "{place} {reply}: {end}");
                }
                combinations += 1;
            }
        }
    }
    assert!(combinations >= 48);
}

#[test]
fn smtp_80_rset_and_quit_answered_with_every_reply() {
    for code in [
        220, 221, 250, 354, 421, 454, 500, 501, 502, 504, 530, 550, 554,
    ] {
        for command in ["RSET", "QUIT"] {
            let mut client = Client::new(Config::smtp());
            let mut input = BytesMut::from("220 mx\r\n");
            let mut replied = 0;
            let mut asked = false;
            let closed = loop {
                match client.step(&mut input) {
                    Step::Transmit(_) => {
                        input.extend_from_slice(format!("{code} x\r\n").as_bytes())
                    }
                    Step::Event(mailwire_smtp::client::Event::Reply { .. }) => replied += 1,
                    Step::Event(_) => {}
                    Step::NeedInput if !asked => {
                        asked = true;
                        client
                            .send(Command::parse(command.into()).unwrap())
                            .unwrap();
                    }
                    Step::NeedInput => break None,
                    Step::Close(how) => break Some(how),
                    other => panic!("{other:?}"),
                }
            };
            // Either it was the reply, or the session is over for a reason that is named.
            assert!(
                replied == 1 || matches!(closed, Some(Err(_))),
                "{command} {code}"
            );
            assert_eq!(
                closed.is_none(),
                command == "RSET" && ![220, 221, 354, 421].contains(&code)
            );
        }
    }
}

fn ready(offered: &str) -> (Client, BytesMut) {
    let mut client = Client::new(Config::smtp());
    let mut input = BytesMut::from("220 mx\r\n");
    while client.step(&mut input) != Step::NeedInput {}
    client
        .send(Command::Ehlo {
            client: "client.example".parse().unwrap(),
        })
        .unwrap();
    while client.step(&mut input) != Step::NeedInput {}
    input.extend_from_slice(format!("250-mx\r\n{offered}").as_bytes());
    while client.step(&mut input) != Step::NeedInput {}
    (client, input)
}

fn envelope(names: &[&str]) -> Envelope {
    let mut envelope = Envelope::new("<alice@example.org>".parse().unwrap());
    for name in names {
        envelope.add(format!("<{name}@example.net>").parse().unwrap());
    }
    envelope.body = BodyType::SevenBit;
    envelope
}

/// Plays a transaction against fixed replies; the connection ends when they do.
fn outcomes(offered: &str, names: &[&str], before_body: &str, after_body: &str) -> Vec<Outcome> {
    let (mut client, mut input) = ready(offered);
    let mut transaction = Transaction::begin(&mut client, envelope(names)).unwrap();
    let mut replies: Vec<String> = before_body
        .split_inclusive('\n')
        .rev()
        .map(|line| line.replace('\n', "\r\n"))
        .collect();
    loop {
        match client.step(&mut input) {
            Step::Transmit(_) => {}
            Step::Event(event) => match transaction.handle(&mut client, event) {
                Progress::Waiting => {}
                Progress::WantsBody => {
                    client.write_body(Bytes::from_static(b"x\r\n")).unwrap();
                    transaction.end_body(&mut client).unwrap();
                    replies = after_body
                        .split_inclusive('\n')
                        .rev()
                        .map(|line| line.replace('\n', "\r\n"))
                        .collect();
                }
                Progress::Done => return transaction.outcomes(),
            },
            Step::NeedInput | Step::NeedBody => match replies.pop() {
                Some(reply) => input.extend_from_slice(reply.as_bytes()),
                None => client.handle_eof(Eof::Truncated),
            },
            Step::Close(_) => {
                transaction.connection_lost();
                return transaction.outcomes();
            }
            other => panic!("{other:?}"),
        }
    }
}

fn words(outcomes: &[Outcome]) -> Vec<String> {
    outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Delivered(reply) => format!("delivered {}", reply.code()),
            Outcome::Rejected(reply) => format!("rejected {}", reply.code()),
            Outcome::NotSent => "not sent".into(),
            Outcome::Unknown => "unknown".into(),
            other => format!("{other:?}"),
        })
        .collect()
}

#[test]
fn one_refused_recipient_never_costs_the_others() {
    for offered in [
        "250 PIPELINING\r\n",
        "250 HELP\r\n",
        "250-PIPELINING\r\n250 CHUNKING\r\n",
        "250 CHUNKING\r\n",
    ] {
        let chunks = offered.contains("CHUNKING");
        let go = if chunks { "" } else { "354 go\n" };
        let before = format!("250 ok\n250 ok\n550 no\n450 later\n250 ok\n{go}");
        let found = outcomes(offered, &["a", "b", "c", "d"], &before, "250 kept\n");
        assert_eq!(
            words(&found),
            [
                "delivered 250",
                "rejected 550",
                "rejected 450",
                "delivered 250"
            ]
        );
    }
}

#[test]
fn a_refused_sender_costs_all() {
    let refused = ["rejected 550", "rejected 550"];
    let found = outcomes("250 HELP\r\n", &["a", "b"], "550 no\n", "");
    assert_eq!(words(&found), refused);
    let found = outcomes(
        "250 PIPELINING\r\n",
        &["a", "b"],
        "550 no\n503 x\n503 x\n503 x\n250 reset\n",
        "",
    );
    assert_eq!(words(&found), refused);
    let chunking = "250-PIPELINING\r\n250 CHUNKING\r\n";
    let found = outcomes(
        chunking,
        &["a", "b"],
        "550 no\n503 x\n503 x\n250 reset\n",
        "",
    );
    assert_eq!(words(&found), refused);
}

#[test]
fn smtp_31_a_354_although_nobody_was_accepted() {
    // RFC 2920 §3.1: nothing but the dot goes out then, and its refusal is read.
    let found = outcomes(
        "250 PIPELINING\r\n",
        &["a", "b"],
        "250 ok\n550 no\n550 no\n354 go\n554 nobody\n",
        "",
    );
    assert_eq!(words(&found), ["rejected 550", "rejected 550"]);
}

#[test]
fn smtp_72_the_outcome_is_unknown_only_behind_the_end_of_the_message() {
    for (offered, go) in [
        ("250 PIPELINING\r\n", "354 go\n"),
        ("250-PIPELINING\r\n250 CHUNKING\r\n", ""),
    ] {
        let before = format!("250 ok\n250 ok\n550 no\n{go}");
        assert_eq!(
            words(&outcomes(offered, &["a", "b"], &before, "")),
            ["unknown", "rejected 550"]
        );
        assert_eq!(
            words(&outcomes(offered, &["a", "b"], "250 ok\n250 ok\n", "")),
            ["not sent", "not sent"]
        );
        assert_eq!(words(&outcomes(offered, &["a"], "", "")), ["not sent"]);
        assert_eq!(
            words(&outcomes(
                offered,
                &["a"],
                &format!("250 ok\n250 ok\n{go}"),
                "250"
            )),
            ["unknown"]
        );
    }
}

#[test]
fn smtp_73_a_message_that_was_taken_stays_taken() {
    let found = outcomes(
        "250 PIPELINING\r\n",
        &["a"],
        "250 ok\n250 ok\n354 go\n",
        "250 kept\n421 bye\n",
    );
    assert_eq!(words(&found), ["delivered 250"]);
}

#[test]
fn smtp_76_what_the_server_does_not_take_is_not_begun() {
    let unsupported = |offered: &str, envelope: Envelope| {
        let (mut client, mut input) = ready(offered);
        let error = Transaction::begin(&mut client, envelope).unwrap_err();
        assert_eq!(client.step(&mut input), Step::NeedInput, "nothing was sent");
        let NotBegun::Unsupported(unsupported) = error else {
            panic!("{error:?}")
        };
        (unsupported, unsupported.enhanced().to_string())
    };
    let mut large = envelope(&["a"]);
    large.size = Some(1_001);
    assert_eq!(
        unsupported("250 SIZE 1000\r\n", large.clone()),
        (Unsupported::Size { max: 1_000 }, "5.3.4".into())
    );
    let (mut client, _) = ready("250 SIZE 0\r\n");
    assert!(
        Transaction::begin(&mut client, large).is_ok(),
        "0 is no limit (RFC 1870 §4)"
    );

    let mut eight = envelope(&["a"]);
    eight.body = BodyType::EightBitMime;
    assert_eq!(
        unsupported("250 HELP\r\n", eight),
        (Unsupported::EightBitMime, "5.6.3".into())
    );

    let mut binary = envelope(&["a"]);
    binary.body = BodyType::BinaryMime;
    assert_eq!(
        unsupported("250 CHUNKING\r\n", binary),
        (Unsupported::BinaryMime, "5.6.3".into())
    );

    let mut utf8 = envelope(&["a"]);
    utf8.add("<ä@example.net>".parse().unwrap());
    assert_eq!(
        unsupported("250 8BITMIME\r\n", utf8),
        (Unsupported::SmtpUtf8, "5.6.7".into())
    );
}

#[test]
fn smtp_13_no_bare_line_break_and_no_nul_leaves() {
    for (offered, go) in [
        ("250 PIPELINING\r\n", "354 go\r\n"),
        ("250-PIPELINING\r\n250 CHUNKING\r\n", ""),
    ] {
        for bad in [
            &b"a\nb"[..],
            b"a\rb",
            b"a\0b",
            b"\n.\n",
            b"\r\n.\n",
            b"\r.\r\n",
        ] {
            let (mut client, mut input) = ready(offered);
            client.send_body(BodyType::SevenBit).unwrap();
            while client.step(&mut input) != Step::NeedInput && go.is_empty() {
                if client.step(&mut input) == Step::NeedBody {
                    break;
                }
            }
            input.extend_from_slice(go.as_bytes());
            let mut sent = Vec::new();
            loop {
                match client.step(&mut input) {
                    Step::NeedBody => break,
                    Step::Transmit(octets) => sent.extend_from_slice(&octets),
                    Step::Event(_) => {}
                    other => panic!("{other:?}"),
                }
            }
            sent.clear();
            let refused = client.write_body(Bytes::copy_from_slice(bad));
            assert!(
                matches!(refused, Err(Misuse::Body(_))),
                "{}",
                bad.escape_ascii()
            );
            assert_eq!(
                client.write_body(Bytes::from_static(b"\xe4")),
                Err(Misuse::EightBitBody)
            );
            // A CR at the end may be half of a CRLF, but not the end of the message.
            client.write_body(Bytes::from_static(b"x\r")).unwrap();
            assert!(matches!(client.end_body(), Err(Misuse::Body(_))));
            client.write_body(Bytes::from_static(b"\n")).unwrap();
            client.end_body().unwrap();
            while let Step::Transmit(octets) = client.step(&mut input) {
                sent.extend_from_slice(&octets);
            }
            let text = sent.strip_prefix(b"BDAT 3 LAST\r\n").unwrap_or(&sent);
            assert!(
                text == b"x\r\n" || text == b"x\r\n.\r\n",
                "{}",
                sent.escape_ascii()
            );
        }
    }
}
