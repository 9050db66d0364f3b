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
    harness::{ALICE, BOB, CAROL, Mail, base64, plain, served},
    imap::Imap,
};

const BOTH: [Service; 2] = [Service::Imap, Service::Imaps];

/// What is offered, as CAPABILITY says it.
pub(crate) async fn offered(imap: &mut Imap) -> Vec<String> {
    let answer = imap.ok("CAPABILITY").await;
    let Some(Response::Capability(offered)) = answer.untagged.first() else {
        panic!("{answer:?}");
    };
    let name = |name: &[u8]| String::from_utf8(name.to_vec()).unwrap();
    offered.as_names().names().map(name).collect()
}

/// A connection in TLS, by STARTTLS where it does not begin so.
async fn secure(mail: &Mail, service: Service) -> Imap {
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
fn auth_1_the_longest_line_of_imap_and_one_octet_more() {
    served(async |mail| {
        for (octets, goes_on) in [(12_288, true), (12_289, false)] {
            let mut imap = mail.imap(Service::Imaps).await;
            let tag = imap.begin("AUTHENTICATE PLAIN").await;
            assert!(imap.end_or_go(&tag).await.is_none());
            imap.wire
                .send([&vec![b'A'; octets - 2][..], b"\r\n"].concat())
                .await;
            let answer = imap.end(&tag).await;
            assert_eq!(answer.status.condition(), Condition::Bad, "{octets}");
            if goes_on {
                imap.bad("SELECT INBOX").await;
            }
        }
        // An answer without end closes.
        let mut imap = mail.imap(Service::Imaps).await;
        let tag = imap.begin("AUTHENTICATE PLAIN").await;
        assert!(imap.end_or_go(&tag).await.is_none());
        for _ in 0..64 {
            imap.wire.push([b'A'; 64 * 1024]).await;
        }
        let said = imap.wire.rest().await;
        assert!(said.len() < 1_000, "{}", said.len());
    });
}

#[test]
fn auth_10_11_imap_tells_nobody_why_and_has_enough_after_three() {
    served(async |mail| {
        let mut good = mail.imap(Service::Imaps).await;
        let mut said = Vec::new();
        for who in [("alice", "x"), ("nobody", "x"), ("alice", "wonderlane")] {
            let mut imap = mail.imap(Service::Imaps).await;
            let login = format!("LOGIN {} {}", who.0, who.1);
            let auth = format!("AUTHENTICATE PLAIN {}", plain(who));
            for command in [&login, &auth] {
                let answer = imap.no(command).await;
                let tag = answer.status.tag().unwrap().len();
                said.push(answer.status.wire()[tag..].to_vec());
            }
            let tag = imap.begin(&login).await;
            let last = imap.end(&tag).await;
            assert_eq!(last.status.condition(), Condition::No);
            imap.bye().await;
        }
        assert!(said.iter().all(|text| *text == said[0]), "{said:?}");
        // Others do not notice.
        good.no("LOGIN alice x").await;
        good.no("LOGIN alice x").await;
        good.ok("LOGIN alice wonderland").await;
    });
}

#[test]
fn auth_4_imap_messages_of_plain_that_are_none() {
    served(async |mail| {
        for message in [
            &b""[..],
            b"\0",
            b"alice",
            b"\0alice",
            b"\0alice\0",
            b"\0\0wonderland",
            b"\0alice\0wonderland\0",
            b"\0a\0l\0i\0c\0e",
            b"\0alice\0\xff",
            b"bob\0alice\0wonderland",
        ] {
            let mut imap = mail.imap(Service::Imaps).await;
            let initial = match base64(message) {
                empty if empty.is_empty() => "=".to_owned(),
                other => other,
            };
            let answer = imap.ask(format!("AUTHENTICATE PLAIN {initial}")).await;
            assert!(!answer.is_ok(), "{message:?}: {answer:?}");
            imap.bad("SELECT INBOX").await;
        }
        for junk in [
            "AUTHENTICATE",
            "AUTHENTICATE PLAIN !!!",
            "AUTHENTICATE X-NONE",
        ] {
            let mut imap = mail.imap(Service::Imaps).await;
            let answer = imap.ask(junk).await;
            assert!(!answer.is_ok(), "{junk}");
        }
        // Each step can be the last.
        for command in ["AUTHENTICATE LOGIN", "AUTHENTICATE SCRAM-SHA-256"] {
            let mut imap = mail.imap(Service::Imaps).await;
            let tag = imap.begin(command).await;
            assert!(imap.end_or_go(&tag).await.is_none());
        }
        mail.imap_of(ALICE).await;
    });
}
