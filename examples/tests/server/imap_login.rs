//! IMAP: from the greeting to the login, with and without TLS.

use mailwire_core::{
    sasl::{
        ChannelBinding, Client as Sasl, ClientBinding, ClientStep, Credentials, Mechanism, Nonce,
    },
    secret::SecretBytes,
};
use mailwire_examples::config::Service;
use mailwire_imap::response::{Code, Condition, Response};

use super::{
    client::Client,
    harness::{ALICE, BOB, CAROL, base64, piped, plain, served, served_with},
    imap::Imap,
};

const BOTH: [Service; 2] = [Service::Imap, Service::Imaps];

/// What is offered, as CAPABILITY says it.
async fn offered(imap: &mut Imap) -> Vec<String> {
    let answer = imap.ok("CAPABILITY").await;
    let Some(Response::Capability(offered)) = answer.untagged.first() else {
        panic!("{answer:?}");
    };
    let name = |name: &[u8]| String::from_utf8(name.to_vec()).unwrap();
    offered.as_names().names().map(name).collect()
}

/// A connection in TLS, by STARTTLS where it does not begin so.
async fn secure(mail: &super::harness::Mail, service: Service) -> Imap {
    let mut imap = mail.imap(service).await;
    if service == Service::Imap {
        imap.ok("STARTTLS").await;
        imap = Imap::over(imap.wire.upgrade(&mail.tls()).await.unwrap());
    }
    imap
}

/// Plays an exchange to its end, and answers with how it ended.
async fn exchange(imap: &mut Imap, mut sasl: Sasl, with_command: bool) -> Condition {
    let encoded = |octets: &SecretBytes| base64(octets.expose());
    let initial = sasl.initial_response();
    let name = sasl.mechanism().name();
    let mut waiting = None;
    let tag = match initial {
        Some(initial) if with_command => {
            imap.begin(format!("AUTHENTICATE {name} {}", encoded(&initial)))
                .await
        }
        initial => {
            waiting = initial;
            imap.begin(format!("AUTHENTICATE {name}")).await
        }
    };
    loop {
        match imap.response().await {
            Response::Continuation(challenge) => {
                let response = match waiting.take() {
                    Some(initial) => encoded(&initial),
                    None => {
                        let text = challenge.text().to_octets();
                        let octets = mailwire_core::base64::decode(&text, 4096).unwrap();
                        let mut step = sasl.step(octets.expose());
                        if let ClientStep::NeedDerivation(derivation) = step {
                            step = sasl.derived(&derivation.run());
                        }
                        let ClientStep::Respond(response) = step else {
                            panic!("{step:?}");
                        };
                        encoded(&response)
                    }
                };
                imap.wire.send(format!("{response}\r\n")).await;
            }
            Response::Status(status) if status.tag().is_some() => {
                assert_eq!(status.tag(), Some(tag.as_bytes()));
                if status.condition() == Condition::No {
                    assert_eq!(status.code(), Some(Code::AuthenticationFailed));
                }
                return status.condition();
            }
            Response::Capability(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn sasl(mechanism: Mechanism, client: &Client, who: (&str, &str)) -> Sasl {
    let credentials = Credentials::new(who.0, who.1).unwrap();
    let scram = |binding| {
        let nonce = Nonce::from_random(&[7; 24]);
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
fn login_1b_every_mechanism_of_imap() {
    served(async |mail| {
        for service in BOTH {
            for mechanism in [
                Mechanism::Plain,
                Mechanism::Login,
                Mechanism::ScramSha256,
                Mechanism::ScramSha256Plus,
            ] {
                for with_command in [true, false] {
                    let mut imap = secure(mail, service).await;
                    let wrong = sasl(mechanism, &imap.wire, ("alice", "Wonderland"));
                    let end = exchange(&mut imap, wrong, with_command).await;
                    assert_eq!(end, Condition::No, "{mechanism}");
                    let right = sasl(mechanism, &imap.wire, ALICE);
                    let end = exchange(&mut imap, right, with_command).await;
                    assert_eq!(end, Condition::Ok, "{mechanism}");
                    imap.ok("SELECT INBOX").await;
                }
            }
            for (wrong, right) in [
                ("LOGIN bob Builder", "LOGIN bob@example.test builder"),
                ("LOGIN \"\" \"\"", "LOGIN carol \"  two  words \""),
            ] {
                let mut imap = secure(mail, service).await;
                let answer = imap.no(wrong).await;
                assert!(answer.has(&Code::AuthenticationFailed), "{answer:?}");
                imap.ok(right).await;
                imap.ok("SELECT INBOX").await;
            }
            let mut imap = secure(mail, service).await;
            let tag = imap.begin("LOGIN {5+}\r\ncarol {13}").await;
            assert!(imap.end_or_go(&tag).await.is_none());
            imap.wire.send(format!("{}\r\n", CAROL.1)).await;
            assert_eq!(imap.end(&tag).await.status.condition(), Condition::Ok);
        }
    });
}

#[test]
fn auth_7_imap_in_clear_is_told_that_login_is_disabled() {
    served(async |mail| {
        let mut imap = mail.imap(Service::Imap).await;
        let names = offered(&mut imap).await;
        for name in ["IMAP4rev1", "STARTTLS", "LOGINDISABLED"] {
            assert!(names.iter().any(|offered| offered == name), "{names:?}");
        }
        assert!(!names.iter().any(|name| name.starts_with("AUTH=")));
        // Neither the right password nor a wrong one makes a difference.
        for command in [
            "LOGIN bob builder".to_owned(),
            "LOGIN bob wrong".to_owned(),
            format!("AUTHENTICATE PLAIN {}", plain(BOB)),
        ] {
            let mut imap = mail.imap(Service::Imap).await;
            let answer = imap.no(&command).await;
            assert!(answer.has(&Code::PrivacyRequired), "{answer:?}");
            imap.bad("SELECT INBOX").await;
        }
    });
}

#[test]
fn auth_6_who_has_logged_in_stays_who_he_is() {
    served(async |mail| {
        let mut imap = mail.imap_of(ALICE).await;
        imap.append("INBOX", "Subject: alice's\r\n\r\n").await;
        imap.bad("LOGIN bob builder").await;
        imap.bad(format!("AUTHENTICATE PLAIN {}", plain(BOB))).await;
        imap.ok("SELECT INBOX").await;
        assert_eq!(imap.messages.len(), 1);
        // Two that are sent together.
        let mut imap = mail.imap(Service::Imaps).await;
        let login = "a LOGIN alice wonderland\r\nb LOGIN bob builder\r\nc SELECT INBOX\r\n";
        imap.wire.send(login).await;
        assert_eq!(imap.end("a").await.status.condition(), Condition::Ok);
        assert_eq!(imap.end("b").await.status.condition(), Condition::Bad);
        assert_eq!(imap.end("c").await.status.condition(), Condition::Ok);
        assert_eq!(imap.messages.len(), 1);
    });
}

#[test]
fn auth_9_imap_names_that_are_no_accounts() {
    served(async |mail| {
        let long = "x".repeat(7_000);
        for name in [
            "%u%{pass}",
            "*)(uid=*",
            "' OR 1=1",
            "../../bob",
            "bob/../alice",
            "a\tb",
            "bob@example.test/../alice",
            "\u{e9}\u{301}",
            &long,
        ] {
            let mut imap = mail.imap(Service::Imaps).await;
            let tag = imap.begin(format!("LOGIN {{{}}}", name.len())).await;
            assert!(imap.end_or_go(&tag).await.is_none(), "{name}");
            imap.wire.send(format!("{name} builder\r\n")).await;
            let answer = imap.end(&tag).await;
            assert_eq!(answer.status.condition(), Condition::No, "{name}");
        }
        // What is no UTF-8 is nobody either.
        let mut imap = mail.imap(Service::Imaps).await;
        let tag = imap.begin("LOGIN {2}").await;
        assert!(imap.end_or_go(&tag).await.is_none());
        imap.wire.send(b"\xff\xfe builder\r\n").await;
        assert_eq!(imap.end(&tag).await.status.condition(), Condition::No);
        let made = std::fs::read_dir(mail.dir.path().join("data/mail")).unwrap();
        assert_eq!(made.count(), 0);
    });
}

#[test]
fn auth_3_imap_exchanges_can_be_given_up() {
    served(async |mail| {
        let mut imap = mail.imap(Service::Imaps).await;
        for first in [
            "AUTHENTICATE PLAIN",
            "AUTHENTICATE LOGIN",
            "AUTHENTICATE SCRAM-SHA-256",
            "AUTHENTICATE SCRAM-SHA-256 biwsbj1hbGljZSxyPWFiY2RlZmdoaWprbG1ub3A=",
        ] {
            if first.ends_with("PLAIN") || first.ends_with('=') {
                imap = mail.imap(Service::Imaps).await;
            }
            let tag = imap.begin(first).await;
            assert!(imap.end_or_go(&tag).await.is_none());
            imap.wire.send("*\r\n").await;
            assert_eq!(imap.end(&tag).await.status.condition(), Condition::Bad);
            imap.bad("SELECT INBOX").await;
            imap = mail.imap(Service::Imaps).await;
        }
        imap.ok("LOGIN alice wonderland").await;
    });
}

#[test]
fn starttls_2_4_what_stands_behind_starttls_of_imap_is_never_done() {
    served(async |mail| {
        for injected in [
            "INJTG NOOP\r\n",
            "INJTG LOGIN mallory x\r\n",
            "INJTG LOGIN {5+}\r\nalice ",
            "INJTG AUTHENTICATE PLAIN\r\n",
            "INJTG CAPABILITY\r\nINJ2 LOGOUT\r\n",
            "I",
            "\r\n",
        ] {
            let mut imap = mail.imap(Service::Imap).await;
            imap.wire.send(format!("a STARTTLS\r\n{injected}")).await;
            let answer = imap.end("a").await;
            assert_eq!(answer.status.condition(), Condition::Bad, "{injected:?}");
            let bye = imap.bye().await;
            assert!(!bye.wire().windows(3).any(|window| window == b"INJ"));
        }
    });
}

#[test]
fn starttls_6_no_cut_lets_imap_execute_what_was_injected() {
    served(async |mail| {
        let injected = "INJTG LOGIN alice wonderland\r\n";
        for round in 0..60 {
            let mut wire = mail.raw(Service::Imap).await;
            wire.hears("* OK").await;
            let whole = format!("a STARTTLS\r\n{injected}");
            match round % 3 {
                0 => {
                    let at = 1 + round % (whole.len() - 1);
                    wire.push(&whole[..at]).await;
                    tokio::task::yield_now().await;
                    wire.push(&whole[at..]).await;
                }
                1 => {
                    wire.send("a STARTTLS\r\n").await;
                    wire.hears("a OK").await;
                    wire.push(injected).await;
                }
                _ => {
                    for octet in whole.as_bytes() {
                        wire.push([*octet]).await;
                    }
                }
            }
            if round % 3 == 1 {
                // The handshake is over before it begins, and nothing was said in clear.
                assert!(wire.upgrade(&mail.tls()).await.is_err());
                continue;
            }
            let reply = wire.reply().await;
            if reply.starts_with("a OK") {
                let failed = wire.upgrade(&mail.tls()).await.is_err();
                assert!(failed, "{reply}");
            } else {
                assert!(reply.starts_with("a BAD"), "{reply}");
                let rest = String::from_utf8(wire.rest().await).unwrap();
                assert!(!rest.contains("INJTG"), "{rest}");
            }
        }
    });
}

#[test]
fn starttls_17_23_imap_forgets_what_was_said_in_clear() {
    served(async |mail| {
        let mut imap = mail.imap(Service::Imap).await;
        imap.bad("STARTTLS foo").await;
        imap.ok("ID (\"name\" \"in clear\")").await;
        imap.ok("STARTTLS").await;
        let mut imap = Imap::over(imap.wire.upgrade(&mail.tls()).await.unwrap());
        let names = offered(&mut imap).await;
        assert!(names.iter().any(|name| name == "AUTH=SCRAM-SHA-256-PLUS"));
        let never = ["STARTTLS", "LOGINDISABLED"];
        assert!(!names.iter().any(|name| never.contains(&name.as_str())));
        imap.bad("STARTTLS").await;
        imap.ok("LOGIN alice wonderland").await;
        imap.bad("STARTTLS").await;
        imap.ok("SELECT INBOX").await;
        imap.bad("STARTTLS").await;
        imap.ok("NOOP").await;
        let mut imap = mail.imap(Service::Imaps).await;
        imap.bad("STARTTLS").await;
        imap.ok("LOGIN alice wonderland").await;
    });
}

#[test]
fn imap_31_other_protocols_on_the_ports_of_imap() {
    served(async |mail| {
        for text in [
            "GET / HTTP/1.1\r\nHost: mail.example.test\r\n\r\n",
            "EHLO client.example\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n",
            "CAPA\r\nUSER bob\r\nPASS builder\r\n",
        ] {
            let mut imap = mail.imap(Service::Imap).await;
            imap.wire.push(text).await;
            let mut said = Vec::new();
            loop {
                match imap.response().await {
                    Response::Status(status) => {
                        said.extend_from_slice(status.wire());
                        if status.condition() == Condition::Bye {
                            break;
                        }
                        assert_eq!(status.condition(), Condition::Bad);
                    }
                    other => panic!("{other:?}"),
                }
            }
            imap.wire.closes().await;
            let said = String::from_utf8(said).unwrap();
            assert!(!said.contains("HTTP") && !said.contains("client.example"));
        }
        // A TLS hello in clear: silence behind the greeting.
        let mut wire = mail.connect(Service::Imap).await;
        wire.send(b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03")
            .await;
        wire.closes().await;
        // Clear text on the port that begins with TLS: a hint, and the end.
        let mut wire = mail.raw(Service::Imaps).await;
        wire.send("a CAPABILITY\r\n").await;
        wire.hears("* BYE [UNAVAILABLE]").await;
        wire.closes().await;
    });
}

#[test]
fn dos_1_2_silent_and_slow_imap_clients_are_closed() {
    let about = |seconds: u64, want: u64| (want * 9 / 10..=want * 11 / 10 + 2).contains(&seconds);
    piped(async |mail| {
        let begin = tokio::time::Instant::now();
        let mut imap = mail.imap(Service::Imap).await;
        imap.bye().await;
        let taken = begin.elapsed().as_secs();
        assert!(about(taken, 60), "{taken}");
        // A drip gains no time.
        let mut wire = mail.connect(Service::Imap).await;
        let noop = b"a NOOP"
            .iter()
            .copied()
            .chain(std::iter::repeat_n(b'x', 1_000));
        let (said, taken) = wire.drip(noop).await;
        assert!(about(taken, 60), "{taken}");
        assert!(said.starts_with("* BYE"), "{said}");
        // Nor does one in a message that is appended: it must come at some rate.
        let mut imap = mail.imap_of(BOB).await;
        let tag = imap.begin("APPEND INBOX {100000}").await;
        assert!(imap.end_or_go(&tag).await.is_none());
        let (_, taken) = imap.wire.drip(std::iter::repeat_n(b'x', 1_000)).await;
        assert!(about(taken, 180), "{taken}");
        mail.settle().await;
        assert_eq!(mail.fresh(BOB, "INBOX").await.len(), 0);
    });
}

#[test]
fn dos_4_one_imap_connection_too_many_is_told_so() {
    served_with("[limits]\nconnections-per-address = 2\n", async |mail| {
        let one = mail.imap(Service::Imap).await;
        let mut two = mail.imap_of(BOB).await;
        let mut wire = mail.raw(Service::Imap).await;
        wire.hears("* BYE [UNAVAILABLE] ").await;
        wire.closes().await;
        two.ok("NOOP").await;
        drop(one);
        while !mail
            .raw(Service::Imap)
            .await
            .reply()
            .await
            .starts_with("* OK")
        {}
    });
}

#[test]
fn dos_11_a_stop_tells_imap_sessions_goodbye() {
    served(async |mail| {
        let mut stranger = mail.imap(Service::Imap).await;
        let mut selected = mail.imap_in(BOB, "INBOX").await;
        let mut idler = mail.imap_in(BOB, "INBOX").await;
        idler.idle().await;
        let mut appending = mail.imap_of(BOB).await;
        let tag = appending.begin("APPEND INBOX {100}").await;
        assert!(appending.end_or_go(&tag).await.is_none());
        appending.wire.send("Subject: half").await;
        mail.stop.now();
        for imap in [&mut stranger, &mut selected, &mut idler, &mut appending] {
            imap.bye().await;
        }
        assert_eq!(mail.stored().len(), 0);
    });
}
