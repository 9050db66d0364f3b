//! IMAP: TLS and its faults, other protocols, and peers that are silent.

use mailtls::{
    level::Level,
    upgrade::{HandshakeError, UpgradeError},
};
use mailwire_examples::config::Service;
use mailwire_imap::response::{Condition, Response};
use tokio::time::Instant;

use super::{
    harness::{BOB, piped, served, served_with},
    imap::Imap,
    imap_login::offered,
};

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
fn starttls_24_a_handshake_of_imap_that_fails_ends_in_silence() {
    served(async |mail| {
        for garbage in [&b"b NOOP\r\n"[..], b"\x16\x03\x01\x00\x05hello", &[0; 300]] {
            let mut imap = mail.imap(Service::Imap).await;
            imap.ok("STARTTLS").await;
            imap.wire.push(garbage).await;
            let rest = imap.wire.rest().await;
            assert!(rest.is_empty() || rest[0] == 0x15, "{rest:?}");
        }
        mail.imap_of(BOB).await;
    });
    piped(async |mail| {
        let mut imap = mail.imap(Service::Imap).await;
        imap.ok("STARTTLS").await;
        let begin = Instant::now();
        imap.wire.closes().await;
        let seconds = begin.elapsed().as_secs();
        assert!((9..=12).contains(&seconds), "{seconds}");
    });
}

#[test]
fn starttls_29_imap_over_implicit_tls_has_its_own_alpn() {
    served(async |mail| {
        for (alpn, good) in [
            (&[][..], true),
            (&["imap"], true),
            (&["h2", "imap"], true),
            (&["pop3"], false),
            (&["http/1.1"], false),
        ] {
            let tls = mail.tls_as("mail.example.test", Level::Secure, alpn);
            match mail.raw(Service::Imaps).await.implicit(&tls).await {
                Ok(client) => {
                    assert!(good, "{alpn:?}");
                    let chosen = client.tls().unwrap().alpn.as_deref();
                    assert_eq!(chosen, alpn.last().map(|id| id.as_bytes()));
                }
                Err(UpgradeError::Handshake(HandshakeError::Refused(fault))) => {
                    let alert = format!("{fault:?}");
                    assert!(!good && alert.contains("NoApplicationProtocol"), "{alert}");
                }
                Err(other) => panic!("{other:?}"),
            }
        }
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
        let begin = Instant::now();
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
