//! The upgrade: what stands behind it, what fails, what is forgotten.

use mailtls::{
    level::Level,
    upgrade::{HandshakeError, UpgradeError},
};
use mailwire_examples::config::Service;

use super::{
    client::Client,
    harness::{ALICE, BOB, hello, is_pop3, piped, plain, served},
};

const UPGRADED: [Service; 4] = [
    Service::Smtp,
    Service::Submission,
    Service::Lmtp,
    Service::Pop3,
];

async fn say_hello(client: &mut Client, service: Service) {
    if !is_pop3(service) {
        client.says(hello(service), "250").await;
    }
}

fn verb(service: Service) -> &'static str {
    if is_pop3(service) { "STLS" } else { "STARTTLS" }
}

/// What an attacker puts behind the command.
fn injections(service: Service) -> Vec<String> {
    let creds = plain(ALICE);
    if is_pop3(service) {
        vec![
            "CAPA\r\n".to_owned(),
            "NOOP\r\nQUIT\r\n".to_owned(),
            format!("AUTH PLAIN {creds}\r\n"),
            "USER mallory\r\n".to_owned(),
            "USER mallory\r\nPASS".to_owned(),
            "C".to_owned(),
            "\r\n".to_owned(),
        ]
    } else {
        vec![
            "EHLO injected\r\n".to_owned(),
            "NOOP\r\nQUIT\r\n".to_owned(),
            format!("AUTH PLAIN {creds}\r\n"),
            "MAIL FROM:<evil@x>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n".to_owned(),
            "EHLO x\r\nMAIL FROM:<evil@x>\r\nRCPT TO:<bob@example.test>\r\nBDAT 1000 LAST\r\n"
                .to_owned(),
            "N".to_owned(),
            "\r\n".to_owned(),
        ]
    }
}

#[test]
fn starttls_1_3_4_what_stands_behind_the_command_closes_the_connection() {
    served(async |mail| {
        for service in UPGRADED {
            for injected in injections(service) {
                let mut client = mail.connect(service).await;
                say_hello(&mut client, service).await;
                client
                    .send(format!("{}\r\n{injected}", verb(service)))
                    .await;
                client
                    .hears(if is_pop3(service) {
                        "-ERR"
                    } else {
                        "503 5.5.1"
                    })
                    .await;
                client.closes().await;
            }
        }
        assert_eq!(mail.stored().len(), 0);
    });
}

/// Cuts the command and what is injected behind it into segments in every way that a counter says,
/// sends the ClientHello behind them or not, and looks for any sign that it was executed.
#[test]
fn starttls_6_no_cut_lets_injected_octets_be_executed() {
    served(async |mail| {
        let mut refused = 0;
        let mut broken = 0;
        for round in 0..120_usize {
            let service = UPGRADED[round % UPGRADED.len()];
            let all = injections(service);
            let injected = &all[(round / 4) % all.len()];
            let mut client = mail.connect(service).await;
            say_hello(&mut client, service).await;
            let command = format!("{}\r\n", verb(service));
            let whole = format!("{command}{injected}");
            match round % 3 {
                // Before the reply can be there, cut at some octet.
                0 => {
                    let at = 1 + round % (whole.len() - 1);
                    client.push(&whole[..at]).await;
                    tokio::task::yield_now().await;
                    client.push(&whole[at..]).await;
                }
                // Behind the reply, in front of the ClientHello.
                1 => {
                    client.send(&command).await;
                    client
                        .hears(if is_pop3(service) { "+OK" } else { "220" })
                        .await;
                    client.push(injected).await;
                }
                // Octet by octet.
                _ => {
                    for octet in whole.as_bytes() {
                        client.push([*octet]).await;
                        if round % 2 == 0 {
                            tokio::task::yield_now().await;
                        }
                    }
                }
            }
            // What was said in clear: at most the one reply to the one command.
            let reply = if round % 3 == 1 {
                None
            } else {
                client.try_reply().await
            };
            let ready = reply
                .as_deref()
                .is_none_or(|r| r.starts_with("220") || r.starts_with("+OK"));
            if !ready {
                client.closes().await;
                refused += 1;
                continue;
            }
            // The handshake runs into the injected octets and fails; nothing comes in clear.
            let failed = client.upgrade(&mail.tls()).await;
            assert!(
                failed.is_err(),
                "round {round}: the injected octets vanished"
            );
            broken += 1;
        }
        assert!(
            refused > 0 && broken > 0,
            "both ways were met: {refused} {broken}"
        );
        assert_eq!(mail.stored().len(), 0);
        assert_eq!(mail.inbox(BOB).await.len(), 0);
    });
}

#[test]
fn starttls_17_everything_said_in_clear_is_forgotten() {
    served(async |mail| {
        for service in [Service::Smtp, Service::Submission, Service::Lmtp] {
            let mut client = mail.connect(service).await;
            client.says(hello(service), "250").await;
            client.says("STARTTLS", "220").await;
            let mut client = client.upgrade(&mail.tls()).await.unwrap();
            client
                .says(
                    "MAIL FROM:<a@example.org>",
                    if service == Service::Submission {
                        "5"
                    } else {
                        "503"
                    },
                )
                .await;
            client
                .says(format!("AUTH PLAIN {}", plain(ALICE)), "503")
                .await;
            let offered = client.says(hello(service), "250").await;
            assert!(!offered.contains("STARTTLS"), "{offered}");
        }
        let mut client = mail.connect(Service::Smtp).await;
        client.says("EHLO in-clear.example", "250").await;
        client.says("STARTTLS", "220").await;
        let mut client = client.upgrade(&mail.tls()).await.unwrap();
        client.says("EHLO in-tls.example", "250").await;
        let reply = client.mail("", "bob@example.test", "x\r\n.\r\n").await;
        assert!(reply.starts_with("250"), "{reply}");
        let stored = String::from_utf8(mail.stored().remove(0)).unwrap();
        assert!(
            stored.contains("in-tls.example") && !stored.contains("in-clear"),
            "{stored}"
        );

        let mut client = mail.connect(Service::Pop3).await;
        client.says("STLS", "+OK").await;
        let mut client = client.upgrade(&mail.tls()).await.unwrap();
        client.says("CAPA", "+OK").await;
        let offered = String::from_utf8(client.listing().await).unwrap();
        assert!(
            !offered.contains("STLS") && offered.contains("USER\r\n"),
            "{offered}"
        );
    });
}

#[test]
fn starttls_23_out_of_place() {
    served(async |mail| {
        let mut client = mail.connect(Service::Smtp).await;
        client.says("STARTTLS", "503").await;
        client.says("EHLO client.example", "250").await;
        client.says("STARTTLS foo", "501").await;
        client.says("MAIL FROM:<a@example.org>", "250").await;
        client.says("STARTTLS", "503").await;
        // The state is as it was.
        client.says("RCPT TO:<bob@example.test>", "250").await;
        client.says("RSET", "250").await;
        client.says("STARTTLS", "220").await;
        let mut client = client.upgrade(&mail.tls()).await.unwrap();
        client.says("EHLO client.example", "250").await;
        client.says("STARTTLS", "503").await;

        let mut client = mail.login(Service::Submission, ALICE).await;
        client.says("STARTTLS", "503").await;
        let mut client = mail.secure(Service::Submissions).await;
        client.says("STARTTLS", "503").await;

        let mut client = mail.connect(Service::Pop3).await;
        client.says("STLS foo", "-ERR").await;
        client.says("STLS", "+OK").await;
        let mut client = client.upgrade(&mail.tls()).await.unwrap();
        client.says("STLS", "-ERR").await;
        client
            .says(format!("AUTH PLAIN {}", plain(ALICE)), "+OK")
            .await;
        client.says("STLS", "-ERR").await;
        client.says("STAT", "+OK").await;
    });
}

#[test]
fn starttls_24_a_handshake_that_fails_ends_in_silence() {
    served(async |mail| {
        for service in UPGRADED {
            for garbage in [
                &b"EHLO again\r\n"[..],
                b"\x16\x03\x01\x00\x05hello",
                &[0; 300],
            ] {
                let mut client = mail.connect(service).await;
                say_hello(&mut client, service).await;
                client
                    .says(verb(service), if is_pop3(service) { "+OK" } else { "220" })
                    .await;
                client.push(garbage).await;
                let rest = client.rest().await;
                // An alert of TLS at most; never a reply in clear.
                assert!(rest.is_empty() || rest[0] == 0x15, "{rest:?}");
            }
        }
        // A client that does not trust us gives up; the next one is served.
        let mut client = mail.connect(Service::Smtp).await;
        client.says("EHLO client.example", "250").await;
        client.says("STARTTLS", "220").await;
        let wrong = mail.tls_as("other.example.test", Level::Secure, &[]);
        assert!(client.upgrade(&wrong).await.is_err());
        mail.secure(Service::Smtp).await;
    });
}

#[test]
fn starttls_24_silence_after_the_220_ends_within_ten_seconds() {
    piped(async |mail| {
        for service in UPGRADED {
            let mut client = mail.connect(service).await;
            say_hello(&mut client, service).await;
            client
                .says(verb(service), if is_pop3(service) { "+OK" } else { "220" })
                .await;
            let begin = tokio::time::Instant::now();
            client.closes().await;
            let seconds = begin.elapsed().as_secs();
            assert!((9..=12).contains(&seconds), "{service}: {seconds}");
        }
    });
}

#[test]
fn starttls_29_alpn_is_for_implicit_tls() {
    served(async |mail| {
        for (service, alpn, good) in [
            (Service::Submissions, &[][..], true),
            (Service::Submissions, &["smtp"], true),
            (Service::Submissions, &["http/1.1"], false),
            (Service::Submissions, &["h2", "http/1.1"], false),
            (Service::Submissions, &["pop3"], false),
            (Service::Submissions, &["h2", "smtp"], true),
            (Service::Pop3s, &["pop3"], true),
            (Service::Pop3s, &["ftp"], false),
            (Service::Pop3s, &["imap"], false),
        ] {
            let tls = mail.tls_as("mail.example.test", Level::Secure, alpn);
            let client = mail.raw(service).await.implicit(&tls).await;
            match client {
                Ok(client) => {
                    assert!(good, "{service} {alpn:?}");
                    let chosen = client.tls().unwrap().alpn.as_deref();
                    let want = alpn.last().map(|id| id.as_bytes());
                    assert_eq!(chosen, want, "{service} {alpn:?}");
                }
                Err(error) => {
                    assert!(!good, "{service} {alpn:?}: {error}");
                    let UpgradeError::Handshake(HandshakeError::Refused(fault)) = &error else {
                        panic!("{error:?}");
                    };
                    let alert = format!("{fault:?}");
                    assert!(alert.contains("NoApplicationProtocol"), "{alert}");
                }
            }
        }
        // Behind STARTTLS whatever is offered is tolerated.
        let mut client = mail.connect(Service::Submission).await;
        client.says("EHLO client.example", "250").await;
        client.says("STARTTLS", "220").await;
        let tls = mail.tls_as("mail.example.test", Level::Secure, &["http/1.1"]);
        let mut client = client.upgrade(&tls).await.unwrap();
        client.says("EHLO client.example", "250").await;
    });
}

#[test]
fn starttls_30_an_unknown_name_gets_the_default_certificate() {
    served(async |mail| {
        for name in [
            "unknown.example.org",
            "a",
            "under_score.example.test",
            "xn--bcher-kva.example",
            "127.0.0.1",
        ] {
            let tls = mail.tls_as(name, Level::Encrypt, &[]);
            let mut client = mail
                .raw(Service::Submissions)
                .await
                .implicit(&tls)
                .await
                .unwrap();
            client.hears("220 mail.example.test ").await;
        }
    });
}

/// A ClientHello whose server name is replaced by as many other octets.
#[test]
fn starttls_30_odd_server_names_harm_nobody() {
    served(async |mail| {
        let name = "name-to-be-replaced.example.test";
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        let tls = mail.tls_as(name, Level::Encrypt, &[]);
        let asking = tokio::spawn(async move { Client::over(ours).implicit(&tls).await.is_ok() });
        let mut hello = vec![0; 64 * 1024];
        let len = tokio::io::AsyncReadExt::read(&mut theirs, &mut hello)
            .await
            .unwrap();
        hello.truncate(len);
        drop(theirs);
        assert!(!asking.await.unwrap());
        let at = hello
            .windows(name.len())
            .position(|w| w == name.as_bytes())
            .unwrap();
        let padded = |odd: &str| {
            let mut octets = vec![b'a'; name.len()];
            octets[..odd.len()].copy_from_slice(odd.as_bytes());
            octets
        };
        let handshake = 0x16;
        let alert = 0x15;
        let all = |octet| vec![octet; name.len()];
        for (odd, first) in [
            (padded("UPPER.EXAMPLE."), handshake),
            (padded("under_score."), handshake),
            (padded("1.2.3.4."), handshake),
            // What no host can be called: rustls refuses it before any certificate is chosen.
            (padded("*."), alert),
            (padded("a\0."), alert),
            (padded("a..b"), alert),
            (padded("\u{e9}."), alert),
            (all(0xff), alert),
            (all(0), alert),
        ] {
            let mut hello = hello.clone();
            hello[at..at + name.len()].copy_from_slice(&odd);
            let mut client = mail.raw(Service::Submissions).await;
            client.send(&hello).await;
            let odd = String::from_utf8_lossy(&odd);
            assert_eq!(client.octet().await, Some(first), "{odd:?}");
        }
        // Still there.
        mail.connect(Service::Submissions).await;
    });
}

#[test]
fn starttls_25_a_cut_without_close_notify_is_no_end_of_a_message() {
    served(async |mail| {
        let mut client = mail.login(Service::Submissions, ALICE).await;
        client
            .transaction("alice@example.test", "bob@example.test")
            .await;
        client.says("DATA", "354").await;
        client.send("Subject: half\r\n\r\nhalf a mess").await;
        // The socket is closed below TLS.
        drop(client);
        assert_eq!(mail.inbox(BOB).await.len(), 0);
    });
}

#[test]
fn s39_s40_the_wrong_mode_is_recognised() {
    served(async |mail| {
        // Clear text on a port that begins with TLS: a hint, and the end.
        for (service, text, hint) in [
            (Service::Submissions, "EHLO client.example\r\n", "421 "),
            (Service::Pop3s, "CAPA\r\n", "-ERR"),
        ] {
            let mut client = mail.raw(service).await;
            client.send(text).await;
            client.hears(hint).await;
            client.closes().await;
        }
        // TLS on a port that begins in clear: silence behind the greeting.
        for service in UPGRADED {
            let mut client = mail.connect(service).await;
            client
                .send(b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03")
                .await;
            client.closes().await;
        }
    });
}
