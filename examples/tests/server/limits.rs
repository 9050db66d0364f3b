//! Peers that are silent, slow or many, and the end of the server.

use std::time::Duration;

use mailwire_examples::config::Service;
use tokio::{net::TcpStream, time::Instant};

use super::harness::{ALICE, BOB, hello, piped, plain, received, served, served_with};

/// Whether it is within a tenth, and the moment that a closing server goes on reading.
fn about(seconds: u64, want: u64) -> bool {
    (want - want / 10..=want + want / 10 + 2).contains(&seconds)
}

#[test]
fn dos_1_a_silent_peer_is_closed_on_every_service() {
    piped(async |mail| {
        for (service, seconds, last) in [
            (Service::Smtp, 300, "421 4.4.2"),
            (Service::Submission, 60, "421 4.4.2"),
            (Service::Lmtp, 300, "421 4.4.2"),
            (Service::Pop3, 60, ""),
            // The handshake has a time of its own.
            (Service::Submissions, 10, ""),
            (Service::Pop3s, 10, ""),
        ] {
            let begin = Instant::now();
            let said = mail.raw(service).await.rest().await;
            let taken = begin.elapsed().as_secs();
            assert!(about(taken, seconds), "{service}: {taken}");
            let said = String::from_utf8(said).unwrap();
            let said = said.lines().nth(1).unwrap_or_default();
            assert!(
                said.starts_with(last) && said.is_empty() == last.is_empty(),
                "{said}"
            );
        }
        for (service, seconds) in [
            (Service::Smtp, 300),
            (Service::Submission, 60),
            (Service::Submissions, 60),
            (Service::Pop3, 60),
            (Service::Pop3s, 60),
        ] {
            let mut client = mail.secure(service).await;
            let begin = Instant::now();
            client.rest().await;
            let taken = begin.elapsed().as_secs();
            assert!(about(taken, seconds), "{service} in TLS: {taken}");
        }
        mail.settle().await;
    });
}

#[test]
fn dos_1_greeting_to_login_has_a_limit_that_no_activity_moves() {
    piped(async |mail| {
        for (service, line, last) in [
            (Service::Submission, "NOOP", "421 4.3.2"),
            (Service::Submissions, "RSET", "421 4.3.2"),
            (Service::Pop3s, "CAPA", ""),
        ] {
            let begin = Instant::now();
            let mut client = mail.secure(service).await;
            let said = loop {
                tokio::time::advance(Duration::from_secs(30)).await;
                client.push(format!("{line}\r\n")).await;
                match client.try_reply().await {
                    Some(reply) if reply.starts_with('2') => {}
                    Some(reply) if reply.starts_with("+OK") => drop(client.listing().await),
                    end => break end.unwrap_or_default(),
                }
            };
            assert!(said.starts_with(last), "{said}");
            let taken = begin.elapsed().as_secs();
            assert!((175..=215).contains(&taken), "{service}: {taken}");
        }
        // Who has logged in may stay.
        let mut client = mail.login(Service::Submissions, ALICE).await;
        for _ in 0..20 {
            tokio::time::advance(Duration::from_secs(30)).await;
            client.says("NOOP", "250").await;
        }
    });
}

#[test]
fn dos_2_a_drip_of_octets_gains_no_time() {
    piped(async |mail| {
        let noop = || {
            b"NOOP "
                .iter()
                .copied()
                .chain(std::iter::repeat_n(b'x', 1_000))
        };
        for (service, seconds) in [
            (Service::Smtp, 300),
            (Service::Submissions, 60),
            (Service::Lmtp, 300),
            (Service::Pop3s, 60),
        ] {
            let mut client = mail.connect(service).await;
            let (said, taken) = client.drip(noop()).await;
            assert!(about(taken, seconds), "{service}: {taken}");
            assert!(said.is_empty() || said.starts_with("421 4.4.2"), "{said}");
        }
        // A ClientHello.
        let mut client = mail.raw(Service::Submissions).await;
        let hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
            .iter()
            .copied();
        let (_, taken) = client.drip(hello.chain(std::iter::repeat_n(7, 500))).await;
        assert!(taken <= 13, "{taken}");
        // An answer of SASL.
        let mut client = mail.secure(Service::Submissions).await;
        client.says("AUTH PLAIN", "334 ").await;
        let (_, taken) = client.drip(std::iter::repeat_n(b'A', 1_000)).await;
        assert!(about(taken, 60), "{taken}");
        // A body, which must come at some rate.
        let mut client = mail.hello(Service::Smtp).await;
        client
            .transaction("a@example.org", "bob@example.test")
            .await;
        client.says("DATA", "354").await;
        let (said, taken) = client.drip(std::iter::repeat_n(b'x', 1_000)).await;
        assert!(about(taken, 180), "{taken}");
        assert!(said.starts_with("421 4.4.2"), "{said}");
        mail.settle().await;
        assert_eq!(mail.stored().len(), 0);
    });
}

#[test]
fn pop3_18_a_reader_that_does_not_read_is_cut_off() {
    piped(async |mail| {
        let mut sender = mail.hello(Service::Smtp).await;
        let text = format!("{}\r\n.\r\n", "x".repeat(4 << 20));
        let reply = sender.mail("", "bob@example.test", text).await;
        assert!(reply.starts_with("250"), "{reply}");
        drop(sender);
        let mut client = mail.login(Service::Pop3s, BOB).await;
        client.says("RETR 1", "+OK").await;
        let begin = Instant::now();
        // The session ends although this client is still there.
        mail.settle().await;
        let taken = begin.elapsed().as_secs();
        assert!((170..=400).contains(&taken), "{taken}");
        assert!(
            client.rest().await.len() < 1 << 20,
            "the server does not read ahead"
        );
        assert_eq!(mail.inbox(BOB).await.len(), 1);
    });
}

#[test]
fn dos_4_one_more_than_allowed_is_turned_away_and_slots_return() {
    served_with("[limits]\nconnections-per-address = 3\n", async |mail| {
        let mut open = Vec::new();
        for service in [Service::Smtp, Service::Submission, Service::Pop3] {
            open.push(mail.connect(service).await);
        }
        for (service, refusal) in [
            (Service::Smtp, "421 4.3.2"),
            (Service::Lmtp, "421 4.3.2"),
            (Service::Pop3, "-ERR [SYS/TEMP]"),
        ] {
            let mut client = mail.raw(service).await;
            client.hears(refusal).await;
            client.closes().await;
        }
        mail.raw(Service::Pop3s).await.closes().await;
        // The others do not notice.
        open[0].says("NOOP", "250").await;
        open[2].says("CAPA", "+OK").await;
        open.clear();
        while !mail
            .raw(Service::Smtp)
            .await
            .reply()
            .await
            .starts_with("220")
        {}
    });
}

#[test]
fn dos_6_what_was_sent_before_a_half_close_is_answered() {
    served(async |mail| {
        let mut client = mail.connect(Service::Smtp).await;
        client.send("EHLO client.example\r\nNOOP\r\n").await;
        client.finish().await;
        client.hears("250").await;
        client.hears("250 2.0.0").await;
        client.closes().await;
        let mut client = mail.connect(Service::Pop3).await;
        client.send("NOOP\r\nCAPA\r\n").await;
        client.finish().await;
        client.hears("-ERR").await;
        client.hears("+OK").await;
        client.listing().await;
        client.closes().await;
    });
}

#[test]
fn dos_11_a_stop_finishes_what_is_in_flight_and_refuses_the_rest() {
    served(async |mail| {
        let mut in_data = Vec::new();
        for service in [Service::Smtp, Service::Submissions, Service::Lmtp] {
            let mut client = mail.hello(service).await;
            client
                .transaction("a@example.test", "bob@example.test")
                .await;
            client.says("DATA", "354").await;
            client.send("Subject: in flight\r\n\r\nhalf").await;
            in_data.push(client);
        }
        let mut in_chunk = mail.hello(Service::Smtp).await;
        in_chunk
            .transaction("a@example.test", "bob@example.test")
            .await;
        in_chunk.send("BDAT 10 LAST\r\nhello").await;
        let mut between_chunks = mail.hello(Service::Smtp).await;
        between_chunks
            .transaction("a@example.test", "bob@example.test")
            .await;
        between_chunks.send("BDAT 5\r\nhello").await;
        between_chunks.hears("250").await;
        let mut in_transaction = mail.hello(Service::Smtp).await;
        in_transaction
            .transaction("a@example.test", "bob@example.test")
            .await;
        let mut idle = mail.connect(Service::Submission).await;
        let mut in_auth = mail.secure(Service::Submissions).await;
        in_auth.says("AUTH LOGIN", "334 ").await;
        let mut reader = mail.login(Service::Pop3s, BOB).await;
        let mut stranger = mail.connect(Service::Pop3).await;

        mail.stop.now();
        for client in [
            &mut between_chunks,
            &mut in_transaction,
            &mut idle,
            &mut in_auth,
        ] {
            client.hears("421 4.3.2").await;
            client.closes().await;
        }
        reader.closes().await;
        stranger.closes().await;
        for mut client in in_data {
            client.send(" a message\r\n.\r\nNOOP\r\n").await;
            client.hears("250").await;
            client.hears("421 4.3.2").await;
            client.closes().await;
        }
        in_chunk.send("world").await;
        in_chunk.hears("250").await;
        in_chunk.hears("421 4.3.2").await;
        in_chunk.closes().await;
        let stored = mail.stored();
        assert_eq!(stored.len(), 4);
        let whole = stored
            .iter()
            .filter(|s| s.ends_with(b"\r\n\r\nhalf a message\r\n"))
            .count();
        assert_eq!(whole, 3);
        let chunked = stored.iter().find(|s| s.ends_with(b"helloworld")).unwrap();
        assert!(received(chunked).ends_with(b"helloworld"));
        assert!(
            TcpStream::connect(mail.address(Service::Smtp))
                .await
                .is_err()
        );
    });
}

#[test]
fn dos_20_aborted_work_leaves_nothing_behind() {
    piped(async |mail| {
        for round in 0..300 {
            let mut client = mail.secure(Service::Submissions).await;
            match round % 3 {
                0 => drop(client.ask("AUTH LOGIN").await),
                1 => drop(
                    client
                        .ask("AUTH SCRAM-SHA-256 biwsbj1hbGljZSxyPWFiY2RlZmdoaWprbG1ub3A=")
                        .await,
                ),
                _ => {
                    client
                        .says(format!("AUTH PLAIN {}", plain(ALICE)), "235")
                        .await;
                    client.says(hello(Service::Submissions), "250").await;
                    client
                        .transaction("alice@example.test", "bob@example.test")
                        .await;
                    client.says("DATA", "354").await;
                    client.send("x".repeat(20_000)).await;
                }
            }
        }
        mail.settle().await;
        assert_eq!((mail.stored().len(), mail.half()), (0, 0));
        assert_eq!(mail.inbox(BOB).await.len(), 0);
    });
}
