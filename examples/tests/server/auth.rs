//! AUTH on every service that has it.

use mailwire_core::{
    sasl::{
        ChannelBinding, Client as Sasl, ClientBinding, ClientStep, Credentials, Mechanism, Nonce,
    },
    secret::SecretBytes,
};
use mailwire_examples::config::Service;

use super::{
    client::Client,
    harness::{ALICE, BOB, base64, is_pop3, plain, served},
};

const LOGINS: [Service; 4] = [
    Service::Submission,
    Service::Submissions,
    Service::Pop3,
    Service::Pop3s,
];

/// What the service says to the right password, and to a wrong one.
fn verdicts(service: Service) -> (&'static str, &'static str) {
    if is_pop3(service) {
        ("+OK", "-ERR [AUTH]")
    } else {
        ("235 2.7.0", "535 5.7.8")
    }
}

/// Whether the initial response goes with the command.
#[derive(Clone, Copy, PartialEq)]
enum First {
    WithCommand,
    WhenAsked,
}

/// Plays an exchange to its end and answers with the last reply.
async fn exchange(client: &mut Client, mut sasl: Sasl, first: First) -> String {
    let encoded = |octets: &SecretBytes| base64(octets.expose());
    let initial = sasl.initial_response();
    let name = sasl.mechanism().name();
    let mut reply = match &initial {
        Some(initial) if first == First::WithCommand => {
            client
                .ask(format!("AUTH {name} {}", encoded(initial)))
                .await
        }
        Some(initial) => {
            let challenge = client.ask(format!("AUTH {name}")).await;
            assert!(["334 ", "+ "].contains(&&*challenge), "{challenge}");
            client.ask(encoded(initial)).await
        }
        None => client.ask(format!("AUTH {name}")).await,
    };
    loop {
        let challenge = reply
            .strip_prefix("334 ")
            .or_else(|| reply.strip_prefix("+ "));
        let Some(challenge) = challenge else {
            return reply;
        };
        let octets = mailwire_core::base64::decode(challenge.as_bytes(), 4096).unwrap();
        let mut step = sasl.step(octets.expose());
        if let ClientStep::NeedDerivation(derivation) = step {
            step = sasl.derived(&derivation.run());
        }
        let ClientStep::Respond(response) = step else {
            panic!("{step:?} to {challenge}");
        };
        reply = client.ask(encoded(&response)).await;
    }
}

fn sasl(mechanism: Mechanism, client: &Client, who: (&str, &str)) -> Sasl {
    let credentials = Credentials::new(who.0, who.1).unwrap();
    let scram = |binding| {
        let nonce = Nonce::from_random(&[9; 24]);
        Sasl::scram_sha_256(&credentials, nonce, &binding).unwrap()
    };
    match mechanism {
        Mechanism::Plain => Sasl::plain(&credentials),
        Mechanism::Login => Sasl::login(&credentials).unwrap(),
        Mechanism::ScramSha256 => scram(ClientBinding::Unsupported),
        Mechanism::ScramSha256Plus => {
            let mut bindings = ChannelBinding::available(client.tls().unwrap());
            scram(ClientBinding::Use(bindings.remove(0)))
        }
        other => panic!("{other}"),
    }
}

#[test]
fn login_1b_every_mechanism_on_every_service() {
    served(async |mail| {
        for service in LOGINS {
            for mechanism in [
                Mechanism::Plain,
                Mechanism::Login,
                Mechanism::ScramSha256,
                Mechanism::ScramSha256Plus,
            ] {
                for first in [First::WithCommand, First::WhenAsked] {
                    let mut client = mail.secure(service).await;
                    let wrong = sasl(mechanism, &client, ("alice", "Wonderland"));
                    let reply = exchange(&mut client, wrong, first).await;
                    assert!(
                        reply.starts_with(verdicts(service).1),
                        "{mechanism}: {reply}"
                    );
                    let right = sasl(mechanism, &client, ALICE);
                    let reply = exchange(&mut client, right, first).await;
                    assert!(
                        reply.starts_with(verdicts(service).0),
                        "{mechanism}: {reply}"
                    );
                }
            }
        }
    });
}

#[test]
fn login_1b_user_and_pass() {
    served(async |mail| {
        for service in [Service::Pop3, Service::Pop3s] {
            let mut client = mail.secure(service).await;
            client.says("USER alice@example.test", "+OK").await;
            client.says("PASS wonderland", "+OK").await;
            client.says("STAT", "+OK 0 0").await;
        }
    });
}

#[test]
fn auth_7_nothing_is_offered_or_looked_at_in_clear() {
    served(async |mail| {
        let mut client = mail.connect(Service::Submission).await;
        let offered = client.says("EHLO client.example", "250").await;
        assert!(
            offered.contains("STARTTLS") && !offered.contains("AUTH"),
            "{offered}"
        );
        // The right password and a wrong one get the same answer.
        for who in [ALICE, ("alice", "wrong")] {
            client
                .says(format!("AUTH PLAIN {}", plain(who)), "538 5.7.11")
                .await;
        }
        client.says("AUTH LOGIN", "538 5.7.11").await;
        client
            .says("MAIL FROM:<alice@example.test>", "530 5.7.0")
            .await;

        let mut client = mail.connect(Service::Pop3).await;
        client.says("CAPA", "+OK").await;
        let offered = String::from_utf8(client.listing().await).unwrap();
        assert!(offered.contains("STLS\r\n"), "{offered}");
        assert!(
            !offered.contains("SASL") && !offered.contains("USER"),
            "{offered}"
        );
        client
            .says(format!("AUTH PLAIN {}", plain(ALICE)), "-ERR")
            .await;
        client.says("USER alice", "-ERR").await;
        client.says("PASS wonderland", "-ERR").await;
        client.says("STAT", "-ERR").await;
    });
}

#[test]
fn auth_7_port_25_and_lmtp_offer_none_at_all() {
    served(async |mail| {
        for service in [Service::Smtp, Service::Lmtp] {
            let mut client = mail.secure(service).await;
            let offered = client.says(super::harness::hello(service), "250").await;
            assert!(!offered.contains("AUTH"), "{offered}");
            client
                .says(format!("AUTH PLAIN {}", plain(ALICE)), "502 5.5.1")
                .await;
        }
    });
}

#[test]
fn auth_is_required_before_mail_on_submission() {
    served(async |mail| {
        for service in [Service::Submission, Service::Submissions] {
            let mut client = mail.secure(service).await;
            client
                .says("MAIL FROM:<alice@example.test>", "530 5.7.0")
                .await;
            client.says("RCPT TO:<bob@example.test>", "503 5.5.1").await;
            client.says("DATA", "503 5.5.1").await;
            client
                .says(format!("AUTH PLAIN {}", plain(ALICE)), "235")
                .await;
            client.says("MAIL FROM:<alice@example.test>", "250").await;
        }
    });
}

#[test]
fn auth_1_the_longest_line_and_one_octet_more() {
    served(async |mail| {
        let mut client = mail.secure(Service::Submissions).await;
        // 12,288 octets with CRLF are a line: what it says is nonsense, but it is looked at.
        for (octets, begin) in [(12_288, "501 5.5.2"), (12_289, "500 5.5.6")] {
            let mut line = b"AUTH PLAIN ".to_vec();
            line.resize(octets - 2, b'A');
            // A length that is no multiple of four is no base64 either.
            client.says(&line, begin).await;
            client.says("AUTH PLAIN", "334 ").await;
            client.says(vec![b'A'; octets - 2], begin).await;
            client.says("MAIL FROM:<alice@example.test>", "530").await;
        }
        let mut client = mail.secure(Service::Pop3s).await;
        for octets in [12_288, 12_289] {
            client.says("AUTH PLAIN", "+ ").await;
            client.says(vec![b'A'; octets - 2], "-ERR").await;
            client.says("STAT", "-ERR").await;
        }
    });
}

#[test]
fn auth_1_an_answer_without_end_closes() {
    served(async |mail| {
        for (service, end) in [
            (Service::Submissions, "500 5.5.6"),
            (Service::Pop3s, "-ERR"),
        ] {
            let mut client = mail.secure(service).await;
            let begin = if is_pop3(service) { "+ " } else { "334 " };
            client.says("AUTH PLAIN", begin).await;
            for _ in 0..64 {
                client.push([b'A'; 64 * 1024]).await;
            }
            let rest = String::from_utf8(client.rest().await).unwrap();
            assert!(rest.is_empty() || rest.starts_with(end), "{rest}");
            assert!(rest.matches("\r\n").count() <= 1, "{rest}");
        }
    });
}

#[test]
fn auth_3_an_exchange_can_be_left_at_every_step() {
    served(async |mail| {
        for service in [Service::Submissions, Service::Pop3s] {
            let (ok, _) = verdicts(service);
            let more = if is_pop3(service) { "+ " } else { "334 " };
            let no = if is_pop3(service) { "-ERR" } else { "501 " };
            let locked = if is_pop3(service) {
                ("STAT", "-ERR")
            } else {
                ("MAIL FROM:<alice@example.test>", "530")
            };
            for leave in ["*", "not base64!", "=", "QUI"] {
                let mut client = mail.secure(service).await;
                client.says("AUTH PLAIN", more).await;
                client.says(leave, no).await;
                client.says("AUTH LOGIN", more).await;
                client.says(leave, no).await;
                client.says("AUTH LOGIN", more).await;
                client.says(base64("alice"), more).await;
                client.says(leave, no).await;
                client.says(locked.0, locked.1).await;
                client
                    .says(format!("AUTH PLAIN {}", plain(ALICE)), ok)
                    .await;
            }
            // QUIT is base64 of something; it is an answer here and no command.
            let mut client = mail.secure(service).await;
            client.says("AUTH PLAIN", more).await;
            client
                .says("QUIT", if is_pop3(service) { "-ERR" } else { "5" })
                .await;
            client.says(locked.0, locked.1).await;
        }
    });
}

#[test]
fn auth_4_disconnecting_at_each_step_harms_nobody() {
    served(async |mail| {
        for service in [Service::Submissions, Service::Pop3s] {
            for script in [
                &["AUTH PLAIN"][..],
                &["AUTH LOGIN"],
                &["AUTH LOGIN", "YWxpY2U="],
                &["AUTH SCRAM-SHA-256 biwsbj1hbGljZSxyPWFiY2RlZmdoaWprbG1ub3A="],
            ] {
                let mut client = mail.secure(service).await;
                for line in script {
                    client.ask(line).await;
                }
                drop(client);
            }
            for first in ["=", "AA==", "AAAA", "AGE=", "eA=="] {
                let mut client = mail.secure(service).await;
                let reply = client.ask(format!("AUTH PLAIN {first}")).await;
                assert!(
                    reply.starts_with('5') || reply.starts_with("-ERR"),
                    "{reply}"
                );
            }
            mail.login(service, ALICE).await;
        }
    });
}

#[test]
fn auth_5_odd_forms_of_the_command() {
    served(async |mail| {
        for (line, begin) in [
            ("AUTH PLAIN =", "501 "),
            ("AUTH", "501 "),
            ("AUTH  PLAIN", "501 "),
            ("AUTH NTLM", "504 "),
            ("AUTH CRAM-MD5", "504 "),
            ("AUTH PLAIN !", "501 "),
            ("AUTH PLAIN a b", "501 "),
        ] {
            let mut client = mail.secure(Service::Submissions).await;
            client.says(line, begin).await;
            client.says("NOOP", "250").await;
            client.says("MAIL FROM:<alice@example.test>", "530").await;
        }
        let mut client = mail.secure(Service::Submissions).await;
        client.says("AUTH PLAIN", "334 ").await;
        client.says("", "5").await;
        client.says("auth login YWxpY2U=", "334 ").await;
        client.says(base64("wonderland"), "235").await;
        let mut client = mail.secure(Service::Submissions).await;
        client
            .says(format!("aUtH pLaIn {}", plain(ALICE)), "235")
            .await;

        for line in ["AUTH PLAIN =", "AUTH  PLAIN", "AUTH NTLM", "AUTH PLAIN !"] {
            let mut client = mail.secure(Service::Pop3s).await;
            client.says(line, "-ERR").await;
            client.says("STAT", "-ERR").await;
            client
                .says(format!("auth plain {}", plain(ALICE)), "+OK")
                .await;
        }
    });
}

#[test]
fn auth_6_an_identity_is_never_replaced() {
    served(async |mail| {
        let mut client = mail.connect(Service::Submissions).await;
        client
            .says(format!("AUTH PLAIN {}", plain(ALICE)), "503 5.5.1")
            .await;
        client.says("EHLO client.example", "250").await;
        client
            .says(format!("AUTH PLAIN {}", plain(ALICE)), "235")
            .await;
        client
            .says(format!("AUTH PLAIN {}", plain(BOB)), "503 5.5.1")
            .await;
        client.says("MAIL FROM:<alice@example.test>", "250").await;
        client
            .says(format!("AUTH PLAIN {}", plain(BOB)), "503 5.5.1")
            .await;

        let mut client = mail.secure(Service::Submissions).await;
        let two = format!(
            "AUTH PLAIN {}\r\nAUTH PLAIN {}\r\n",
            plain(ALICE),
            plain(BOB)
        );
        client.send(two).await;
        client.hears("235").await;
        client.hears("503 5.5.1").await;

        // bob has a message; whoever reads none is alice.
        let mut sender = mail.hello(Service::Smtp).await;
        let sent = sender
            .mail("a@example.org", "bob@example.test", "hi\r\n.\r\n")
            .await;
        assert!(sent.starts_with("250"), "{sent}");
        let mut client = mail.secure(Service::Pop3s).await;
        let two = format!(
            "AUTH PLAIN {}\r\nAUTH PLAIN {}\r\n",
            plain(ALICE),
            plain(BOB)
        );
        client.send(two).await;
        client.hears("+OK").await;
        client.hears("-ERR").await;
        client.says("USER bob", "-ERR").await;
        client.says("STAT", "+OK 0 0").await;
    });
}

#[test]
fn auth_9_names_are_data() {
    served(async |mail| {
        let long = "a".repeat(64 * 1024);
        let names: [&[u8]; 12] = [
            b"%u%{pass}",
            b"*)(uid=*",
            b"' OR 1=1",
            b"a\tb",
            b"a\nb",
            b"../../bob",
            b"bob/../alice",
            b"..",
            b"",
            b"\xff\xfe",
            b"alice@example.org",
            long.as_bytes(),
        ];
        for name in names {
            let message = [b"\0", name, b"\0wonderland"].concat();
            let line = format!("AUTH PLAIN {}", base64(message));
            let mut client = mail.secure(Service::Submissions).await;
            let reply = client.ask(&line).await;
            assert!(
                reply.starts_with("535 ") || reply.starts_with("50"),
                "{name:?}: {reply}"
            );
            client.says("MAIL FROM:<alice@example.test>", "530").await;
            let mut client = mail.secure(Service::Pop3s).await;
            client.says(&line, "-ERR").await;
            client.says("STAT", "-ERR").await;
        }
        // Another spelling of the same name is the same account.
        for name in ["ALICE", "Alice@Example.TEST"] {
            mail.login(Service::Pop3s, (name, "wonderland")).await;
        }
        let outside = std::fs::read_dir(mail.dir.path()).unwrap();
        let mut made: Vec<_> = outside.map(|e| e.unwrap().file_name()).collect();
        made.sort();
        assert_eq!(made, ["data", "mailserver.toml"]);
    });
}

#[test]
fn auth_11_three_failures_end_the_connection_and_nobody_else_notices() {
    served(async |mail| {
        let wrong = format!("AUTH PLAIN {}", plain(("alice", "wrong")));
        let mut good = mail.secure(Service::Submissions).await;
        let mut client = mail.secure(Service::Submissions).await;
        client.says(&wrong, "535 5.7.8").await;
        client.says(&wrong, "535 5.7.8").await;
        client.says(&wrong, "421 4.7.0").await;
        client.closes().await;
        good.says(&wrong, "535").await;
        good.says(&wrong, "535").await;
        good.says(format!("AUTH PLAIN {}", plain(ALICE)), "235")
            .await;

        let mut client = mail.secure(Service::Pop3s).await;
        client.says(&wrong, "-ERR [AUTH]").await;
        client.says("USER alice", "+OK").await;
        client.says("PASS wrong", "-ERR [AUTH]").await;
        client.says(&wrong, "-ERR").await;
        client.closes().await;
        mail.login(Service::Pop3s, ALICE).await;
    });
}

#[test]
fn auth_10_an_unknown_name_is_told_what_a_wrong_password_is_told() {
    served(async |mail| {
        for service in LOGINS {
            let mut client = mail.secure(service).await;
            let wrong = client
                .ask(format!("AUTH PLAIN {}", plain(("alice", "x"))))
                .await;
            let unknown = client
                .ask(format!("AUTH PLAIN {}", plain(("nobody", "x"))))
                .await;
            assert_eq!(wrong, unknown);
        }
    });
}

#[test]
fn auth_26_a_recorded_scram_exchange_is_of_no_use() {
    served(async |mail| {
        let mut client = mail.secure(Service::Submissions).await;
        let mut recorded = sasl(Mechanism::ScramSha256, &client, ALICE);
        let first = base64(recorded.initial_response().unwrap().expose());
        let challenge = client.ask(format!("AUTH SCRAM-SHA-256 {first}")).await;
        let octets =
            mailwire_core::base64::decode(challenge.strip_prefix("334 ").unwrap().as_bytes(), 4096)
                .unwrap();
        let ClientStep::NeedDerivation(derivation) = recorded.step(octets.expose()) else {
            panic!("no derivation");
        };
        let ClientStep::Respond(proof) = recorded.derived(&derivation.run()) else {
            panic!("no proof");
        };
        let proof = base64(proof.expose());
        client.says(&proof, "334 ").await;
        client.says("", "235").await;

        let mut thief = mail.secure(Service::Submissions).await;
        thief
            .says(format!("AUTH SCRAM-SHA-256 {first}"), "334 ")
            .await;
        let reply = thief.ask(&proof).await;
        assert!(reply.starts_with('5'), "{reply}");
        thief.says("MAIL FROM:<alice@example.test>", "530").await;
    });
}
