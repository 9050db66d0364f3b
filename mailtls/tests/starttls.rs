//! The upgrade: what must not pass it, how it fails, and what is known after it.

use std::{sync::Arc, time::Duration};

use mailtls::{
    Connection, Error, Stream, Tls, Turn,
    sniff::FirstOctets,
    upgrade::{HandshakeError, Handshakes, UpgradeError, implicit, upgrade},
};
use mailwire_core::machine::{Eof, PeerVerification, TlsVersion};
use rustls::version::{TLS12, TLS13};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::{Instant, sleep},
};

use crate::support::{
    cut::{Cut, Hand, Wire, impatient, wire},
    lines::{Client, Event, Fault, Server},
    tls,
};

/// A server that is about to upgrade, and the peer's end of it.
fn server(tls: Tls) -> (Connection<Server, Wire>, Hand) {
    let (wire, hand) = wire();
    (Connection::new(wire, Server::new(), tls), hand)
}

type Pair = (
    Connection<Client, DuplexStream>,
    Connection<Server, DuplexStream>,
);

/// Both sides behind STARTTLS.
async fn upgraded(client_tls: Tls, server_tls: Tls) -> Pair {
    let (ours, theirs) = duplex(4096);
    let mut client = Connection::new(ours, Client::new(), client_tls);
    let mut server = Connection::new(theirs, Server::new(), server_tls);
    assert_eq!(
        upgrade_both(&mut client, &mut server).await,
        (
            Ok(Turn::Event(Event::TlsStarted)),
            Ok(Turn::Event(Event::TlsStarted))
        ),
    );
    (client, server)
}

type Outcome = Result<Turn<Event>, Error<Fault>>;

async fn upgrade_both(
    client: &mut Connection<Client, DuplexStream>,
    server: &mut Connection<Server, DuplexStream>,
) -> (Outcome, Outcome) {
    let ask = async {
        assert_eq!(client.turn().await, Ok(Event::line("220 ready")));
        client.machine().send("STARTTLS");
        client.turn().await
    };
    tokio::join!(ask, server.turn())
}

#[tokio::test]
async fn both_sides_know_the_same_of_their_session() {
    for (version, known, name) in [
        (&TLS13, TlsVersion::Tls13, "TLS13_"),
        (&TLS12, TlsVersion::Tls12, "TLS_ECDHE_ECDSA_"),
    ] {
        let client_tls = tls::client_with(tls::client_config(&[version]));
        let (mut client, mut server) = upgraded(client_tls, tls::server()).await;
        assert_eq!(client.tls_info(), client.machine().core.tls);
        let (client, server) = (
            client.tls_info().unwrap(),
            server.machine().core.tls.clone().unwrap(),
        );
        assert_eq!((client.version, server.version), (known, known));
        assert!(client.cipher.starts_with(name), "{}", client.cipher);
        assert_eq!(client.cipher, server.cipher);
        assert!(client.group.is_some());
        assert_eq!(client.group, server.group);
        assert_eq!(server.server_name.as_deref(), Some(tls::NAME));
        assert_eq!(client.server_name, server.server_name);
        assert!(!client.resumed && !server.resumed);
        assert_eq!(client.peer_chain, [tls::certificate().to_vec()]);
        assert_eq!(client.verification, PeerVerification::Verified);
        assert_eq!(server.verification, PeerVerification::NoCertificate);
        assert_eq!(
            client.end_point,
            mailtls::stream::end_point(&tls::certificate())
        );
        assert!(client.end_point.is_some());
        assert_eq!(client.end_point, server.end_point);
        // Without the extended master secret for certain, TLS 1.2 has no unique exporter.
        assert_eq!(client.exporter.is_some(), known == TlsVersion::Tls13);
        assert_eq!(client.exporter, server.exporter);
    }
}

#[tokio::test]
async fn tls_1_2_has_an_exporter_with_extended_master_secret() {
    let mut client = tls::client_config(&[&TLS12]);
    client.require_ems = true;
    let mut server = tls::server_config(&[&TLS12]);
    server.require_ems = true;
    let (client, server) = upgraded(tls::client_with(client), Tls::server(Arc::new(server))).await;
    let (client, server) = (client.tls_info().unwrap(), server.tls_info().unwrap());
    assert!(client.exporter.is_some());
    assert_eq!(client.exporter, server.exporter);
}

#[tokio::test]
async fn a_resumed_session_says_so_and_keeps_its_end_point() {
    let client_tls = tls::client_with(tls::client_config(&[&TLS13]));
    let (mut client, mut server) = upgraded(client_tls.clone(), tls::server()).await;
    // The tickets come with the first octets that the client reads.
    client.machine().send("one");
    let (one, _) = tokio::join!(server.turn(), impatient(client.turn(), 3));
    assert_eq!(one, Ok(Event::line("one")));
    server.machine().answer("250 one");
    let (_, answer) = tokio::join!(impatient(server.turn(), 3), client.turn());
    assert_eq!(answer, Ok(Event::line("250 one")));

    let first = client.tls_info().unwrap();
    let (client, server) = upgraded(client_tls, tls::server()).await;
    let (client, server) = (client.tls_info().unwrap(), server.tls_info().unwrap());
    assert!(client.resumed && server.resumed);
    assert_eq!(client.end_point, first.end_point);
    assert_eq!(client.end_point, server.end_point);
    assert_ne!(client.exporter, first.exporter);
    assert_eq!(client.exporter, server.exporter);
}

#[tokio::test]
async fn starttls_1_nothing_behind_the_command_is_answered_or_run() {
    let injected = b"STARTTLS\r\nEHLO inj\r\nMAIL FROM:<eve@example.test>\r\n";
    // A machine that looks refuses by itself.
    let (mut connection, hand) = server(tls::server());
    hand.say(injected);
    hand.close();
    assert_eq!(
        connection.turn().await,
        Err(Error::Protocol(Fault::Injected))
    );
    assert_eq!(hand.heard(), b"220 ready\r\n503 nothing may follow\r\n");
    assert!(connection.machine().core.tls.is_none());

    // One that does not look is stopped by the driver, at every place where the input may end.
    for end in b"STARTTLS\r\n".len() + 1..=injected.len() {
        let (mut connection, hand) = server(tls::server());
        connection.machine().core.careless = true;
        hand.say(&injected[..end]);
        assert_eq!(connection.turn().await, Err(Error::Injected));
        assert_eq!(hand.heard(), b"220 ready\r\n220 go\r\n");
        assert!(connection.machine().core.tls.is_none());
        assert!(hand.is_alone());
        assert_eq!(connection.turn().await, Ok(Turn::Closed));
    }
}

#[tokio::test]
async fn starttls_8_nothing_behind_the_reply_is_believed() {
    for (behind, careless) in [
        ("250-x\r\n250 AUTH PLAIN\r\n", true),
        ("250-AUTH LOGI", true),
        ("2", true),
        ("2", false),
    ] {
        let (wire, hand) = wire();
        let mut client = Connection::new(wire, Client::new(), tls::client());
        client.machine().core.careless = careless;
        client.machine().send("STARTTLS");
        hand.say(b"220 go\r\n");
        hand.say(behind.as_bytes());
        let error = client.turn().await.unwrap_err();
        if careless {
            assert_eq!(error, Error::Injected);
        } else {
            assert_eq!(error, Error::Protocol(Fault::Injected));
        }
        assert_eq!(hand.heard(), b"STARTTLS\r\n", "no handshake has begun");
        assert!(client.machine().core.tls.is_none());
    }
}

#[tokio::test]
async fn s27_the_upgrade_itself_refuses_octets_in_clear() {
    let (ours, _theirs) = duplex(64);
    assert_eq!(
        upgrade(ours, b"E", &tls::server()).await.unwrap_err(),
        UpgradeError::Injected
    );
}

#[tokio::test]
async fn starttls_6_clear_text_behind_the_go_ahead_reaches_only_tls() {
    // In segments of their own: nothing is in the buffer when the handshake begins.
    for late in [
        &b"EHLO inj\r\n"[..],
        b"MAIL FROM:<eve@example.test>\r\nDATA\r\n",
        b"\r\n",
        b"\0",
    ] {
        let (mut connection, hand) = server(tls::server());
        hand.say(b"STARTTLS\r\n");
        assert!(impatient(connection.turn(), 5).await.is_none());
        assert_eq!(hand.heard(), b"220 ready\r\n220 go\r\n");
        hand.say(late);
        hand.close();
        let error = connection.turn().await.unwrap_err();
        assert!(
            matches!(error, Error::Handshake(HandshakeError::NotTls(_))),
            "{error:?}"
        );
        assert_eq!(hand.heard(), b"", "not an octet is answered");
        assert!(connection.machine().core.tls.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn starttls_24_silence_and_halves_end_at_the_deadline() {
    let hello = client_hello();
    for some in [
        &b""[..],
        &hello[..1],
        &hello[..hello.len() / 2],
        &hello[..hello.len() - 1],
    ] {
        let (mut connection, hand) = server(tls::server());
        hand.say(b"STARTTLS\r\n");
        assert!(impatient(connection.turn(), 5).await.is_none());
        hand.say(some);
        let begin = Instant::now();
        assert_eq!(connection.turn().await, Err(Error::HandshakeTimeout));
        assert_eq!(begin.elapsed().as_secs(), 10);
        assert_eq!(hand.heard(), b"220 ready\r\n220 go\r\n");
        assert!(hand.is_alone(), "the slot is free");
        assert_eq!(connection.turn().await, Ok(Turn::Closed));
    }
}

#[tokio::test(start_paused = true)]
async fn dos_2_a_client_hello_that_drips_ends_at_the_deadline() {
    let (mut connection, hand) = server(tls::server());
    hand.say(b"STARTTLS\r\n");
    let begin = Instant::now();
    let drip = async {
        for octet in client_hello() {
            sleep(Duration::from_secs(1)).await;
            hand.say(&[octet]);
        }
    };
    tokio::select! {
        outcome = connection.turn() => assert_eq!(outcome, Err(Error::HandshakeTimeout)),
        () = drip => panic!("the whole hello was taken"),
    }
    assert_eq!(begin.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn starttls_24_an_end_in_the_handshake_is_an_end() {
    let hello = client_hello();
    for octets in [0, 1, hello.len() / 2, hello.len()] {
        let (mut connection, hand) = server(tls::server());
        hand.say(b"STARTTLS\r\n");
        assert!(impatient(connection.turn(), 5).await.is_none());
        hand.say(&hello[..octets]);
        hand.close();
        let outcome = connection.turn().await;
        assert_eq!(outcome, Err(Error::Handshake(HandshakeError::Closed)));
    }
}

#[tokio::test]
async fn s28_nothing_goes_out_in_clear_after_a_failed_handshake() {
    let (mut connection, hand) = server(tls::server());
    hand.say(b"STARTTLS\r\n");
    assert!(impatient(connection.turn(), 5).await.is_none());
    hand.heard();
    // A handshake record that is none, and a dialogue in clear behind it.
    hand.say(b"\x16\x03\x01\x00\x05\x07\x00\x00\x01\x00");
    hand.say(b"EHLO again\r\nQUIT\r\n");
    hand.close();
    let error = connection.turn().await.unwrap_err();
    assert!(
        matches!(error, Error::Handshake(HandshakeError::Misbehaved(_))),
        "{error:?}"
    );
    connection.machine().core.say("554 in clear");
    assert_eq!(connection.turn().await, Ok(Turn::Closed));
    let heard = hand.heard();
    assert_eq!(heard.first(), Some(&0x15), "an alert");
    assert_eq!(heard.len(), 7, "and nothing else: {}", heard.escape_ascii());
}

#[tokio::test]
async fn a_refused_certificate_is_named_on_both_sides() {
    let (ours, theirs) = duplex(4096);
    let mut client = Connection::new(
        ours,
        Client::new(),
        tls::client_with(tls::stranger_config()),
    );
    let mut server = Connection::new(theirs, Server::new(), tls::server());
    let ask = async {
        assert_eq!(client.turn().await, Ok(Event::line("220 ready")));
        client.machine().send("STARTTLS");
        let error = client.turn().await.unwrap_err();
        drop(client);
        error
    };
    let (ours, theirs) = tokio::join!(ask, server.turn());
    assert!(
        matches!(ours, Error::Handshake(HandshakeError::Certificate(_))),
        "{ours:?}"
    );
    let theirs = theirs.unwrap_err();
    assert!(
        matches!(theirs, Error::Handshake(HandshakeError::Refused(_))),
        "{theirs:?}"
    );
}

#[tokio::test]
async fn s26_a_machine_without_tls_cannot_start_it() {
    let (mut connection, hand) = server(Tls::none());
    hand.say(b"STARTTLS\r\n");
    assert_eq!(connection.turn().await, Err(Error::NoTls));
    assert!(hand.is_alone());
    let (wire, hand) = wire();
    let mut connection = Connection::implicit(wire, Server::new(), Tls::none());
    assert_eq!(connection.turn().await, Err(Error::NoTls));
    assert_eq!(hand.heard(), b"");
}

#[tokio::test]
async fn starttls_25_s51_truncation_is_no_end_of_anything() {
    for in_body in [false, true] {
        for orderly in [false, true] {
            let (mut client, mut server) = upgraded(tls::client(), tls::server()).await;
            if in_body {
                client.machine().send("BODY");
                let (asked, _) = tokio::join!(client.turn(), impatient(server.turn(), 5));
                assert_eq!(asked, Ok(Event::line("354 send")));
                client
                    .machine()
                    .write_body("a message that is not wh".into());
                client.flush().await.unwrap();
            }
            let mut stream = client.into_parts().stream.unwrap();
            if orderly {
                stream.shutdown().await.unwrap();
            }
            drop(stream);
            let end = loop {
                match server.turn().await {
                    Ok(Turn::Event(Event::Body(_))) => {}
                    end => break end,
                }
            };
            let expected = match (in_body, orderly) {
                (false, true) => Ok(Turn::Closed),
                _ => Err(Error::Protocol(Fault::Truncated)),
            };
            assert_eq!(end, expected);
            let eof = if orderly { Eof::Clean } else { Eof::Truncated };
            assert_eq!(server.machine().core.eof, Some(eof));
        }
    }
}

#[tokio::test]
async fn starttls_25_a_client_sees_truncation_too() {
    for orderly in [false, true] {
        let (mut client, mut server) = upgraded(tls::client(), tls::server()).await;
        server.machine().core.say("250-half a rep");
        server.flush().await.unwrap();
        let mut stream = server.into_parts().stream.unwrap();
        if orderly {
            stream.shutdown().await.unwrap();
        }
        drop(stream);
        assert_eq!(client.turn().await, Ok(Event::line("250-half a rep")));
        let end = client.turn().await;
        let eof = client.machine().core.eof;
        if orderly {
            assert_eq!((end, eof), (Ok(Turn::Closed), Some(Eof::Clean)));
        } else {
            let truncated = Err(Error::Protocol(Fault::Truncated));
            assert_eq!((end, eof), (truncated, Some(Eof::Truncated)));
        }
    }
}

#[tokio::test]
async fn s51_both_sides_send_close_notify() {
    let (mut client, mut server) = upgraded(tls::client(), tls::server()).await;
    client.machine().send("QUIT");
    let (said, closed) = tokio::join!(
        async {
            let said = client.turn().await;
            assert_eq!(client.turn().await, Ok(Turn::Closed));
            said
        },
        server.turn(),
    );
    assert_eq!(said, Ok(Event::line("221 bye")));
    assert_eq!(closed, Ok(Turn::Closed));
    // The driver's own reads would have told of a truncation.
    assert_eq!(client.machine().core.eof, None);
}

#[tokio::test]
async fn starttls_35_the_go_ahead_is_flushed_alone() {
    let (mut connection, hand) = server(tls::server());
    hand.say(b"one\r\n");
    assert_eq!(connection.turn().await, Ok(Event::line("one")));
    assert_eq!(hand.heard(), b"220 ready\r\n");
    connection.machine().answer("250 one");
    hand.say(b"STARTTLS\r\n");
    hand.set_room(5);
    assert!(impatient(connection.turn(), 5).await.is_none());
    assert_eq!(hand.heard(), b"250 o");
    // No handshake begins before all of it is out, although a hello is there.
    hand.say(&client_hello());
    assert!(impatient(connection.turn(), 5).await.is_none());
    assert_eq!(hand.heard(), b"");
    hand.set_room(b"ne\r\n220 go\r\n".len());
    assert!(impatient(connection.turn(), 5).await.is_none());
    assert_eq!(hand.heard(), b"ne\r\n220 go\r\n");
    hand.set_room(usize::MAX);
    // And behind it there are records only.
    assert!(impatient(connection.turn(), 5).await.is_none());
    let records = hand.heard();
    let mut left = &records[..];
    while !left.is_empty() {
        assert!(
            (0x14..=0x17).contains(&left[0]) && left[1] == 3,
            "{}",
            left.escape_ascii()
        );
        left = &left[5 + usize::from(left[3]) * 256 + usize::from(left[4])..];
    }
}

/// What a client says first.
fn client_hello() -> Vec<u8> {
    let config = Arc::new(tls::client_config(&[&TLS13]));
    let name = tls::NAME.try_into().unwrap();
    let mut client = rustls::ClientConnection::new(config, name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    hello
}

/// The same octets in records of one octet each.
fn in_tiny_records(hello: &[u8]) -> Vec<u8> {
    hello[5..]
        .iter()
        .flat_map(|octet| [0x16, 3, 1, 0, 1, *octet])
        .collect()
}

#[tokio::test]
async fn starttls_31_a_hello_in_tiny_pieces() {
    for pieces in [false, true] {
        let (mut connection, hand) = server(tls::server());
        hand.say(b"STARTTLS\r\n");
        assert!(impatient(connection.turn(), 5).await.is_none());
        hand.heard();
        if pieces {
            // One octet a segment.
            for octet in client_hello() {
                hand.say(&[octet]);
                assert!(impatient(connection.turn(), 1).await.is_none());
            }
        } else {
            hand.say(&in_tiny_records(&client_hello()));
        }
        assert!(impatient(connection.turn(), 5).await.is_none());
        assert_eq!(hand.heard().get(5), Some(&2), "a server hello");
    }
}

#[tokio::test]
async fn starttls_31_a_whole_dialogue_octet_by_octet() {
    let (ours, theirs) = duplex(4096);
    let mut client = Connection::implicit(Cut::new(ours, 1, 1), Client::new(), tls::client());
    let mut server = Connection::implicit(Cut::new(theirs, 2, 1), Server::new(), tls::server());
    let talk = async {
        assert_eq!(client.turn().await, Ok(Turn::Event(Event::TlsStarted)));
        assert_eq!(client.turn().await, Ok(Event::line("220 ready")));
        client.machine().send("QUIT");
        assert_eq!(client.turn().await, Ok(Event::line("221 bye")));
        assert_eq!(client.turn().await, Ok(Turn::Closed));
    };
    let serve = async {
        assert_eq!(server.turn().await, Ok(Turn::Event(Event::TlsStarted)));
        assert_eq!(server.turn().await, Ok(Turn::Closed));
    };
    tokio::join!(talk, serve);
}

#[tokio::test]
async fn starttls_31_what_is_no_hello_is_refused() {
    let mut long = vec![0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff];
    long.resize(5 + 0x4000, 0);
    let cases: [&[u8]; 4] = [
        &long,
        // close_notify in place of a hello, and behind half of one.
        b"\x15\x03\x01\x00\x02\x01\x00",
        b"\x16\x03\x01\x00\x02\x01\x00\x15\x03\x01\x00\x02\x01\x00",
        // A record longer than any.
        b"\x16\x03\x01\xff\xff\x01",
    ];
    for case in cases {
        let (mut connection, hand) = server(tls::server());
        hand.say(b"STARTTLS\r\n");
        assert!(impatient(connection.turn(), 5).await.is_none());
        hand.say(case);
        hand.close();
        let error = connection.turn().await.unwrap_err();
        assert!(matches!(error, Error::Handshake(_)), "{error:?}");
    }
}

#[tokio::test]
async fn starttls_29_application_protocols() {
    let protocols = |names: &[&str]| names.iter().map(|n| n.as_bytes().to_vec()).collect();
    let mut config = tls::server_config(rustls::DEFAULT_VERSIONS);
    config.alpn_protocols = protocols(&["imap", "pop3"]);
    let server_tls = Tls::server(Arc::new(config));
    let cases: [(&[&str], Option<Option<&str>>); 4] = [
        (&[], Some(None)),
        (&["pop3", "imap"], Some(Some("imap"))),
        (&["h2", "http/1.1"], None),
        (&["ftp"], None),
    ];
    for (offered, expected) in cases {
        let mut config = tls::client_config(rustls::DEFAULT_VERSIONS);
        config.alpn_protocols = protocols(offered);
        let client_tls = tls::client_with(config);

        let (ours, theirs) = duplex(4096);
        let (ours, theirs) =
            tokio::join!(implicit(ours, &client_tls), implicit(theirs, &server_tls));
        match expected {
            Some(chosen) => {
                assert_eq!(
                    ours.unwrap().tls_info().unwrap().alpn.as_deref(),
                    chosen.map(str::as_bytes)
                );
                assert_eq!(
                    theirs.unwrap().tls_info().unwrap().alpn.as_deref(),
                    chosen.map(str::as_bytes)
                );
            }
            None => {
                let Err(UpgradeError::Handshake(HandshakeError::Refused(alert))) = ours else {
                    panic!("{ours:?}");
                };
                let alert = alert.rustls().clone();
                let number = rustls::AlertDescription::NoApplicationProtocol;
                assert_eq!(alert, rustls::Error::AlertReceived(number));
                assert!(matches!(
                    theirs,
                    Err(UpgradeError::Handshake(HandshakeError::Incompatible(_)))
                ));
            }
        }
        // S38: behind STARTTLS the port has said what is spoken.
        let (client, server) = upgraded(client_tls, server_tls.clone()).await;
        assert_eq!(client.tls_info().unwrap().alpn, None);
        assert_eq!(server.tls_info().unwrap().alpn, None);
    }
}

#[tokio::test]
async fn s40_clear_text_on_a_port_for_implicit_tls_gets_one_hint() {
    let hint = "421 4.7.0 this port begins with TLS\r\n";
    for (said, found, answered) in [
        (
            "EHLO client.example\r\nAUTH PLAIN AGEAYg==\r\n",
            FirstOctets::SmtpClient,
            hint,
        ),
        ("a1 LOGIN alice secret\r\n", FirstOctets::ImapClient, hint),
        ("GET / HTTP/1.1\r\n\r\n", FirstOctets::Http, hint),
        ("\0\0\0\0", FirstOctets::Other, ""),
    ] {
        let (wire, hand) = wire();
        let tls = tls::server().with_hint(hint);
        let mut connection = Connection::implicit(wire, Server::new(), tls);
        hand.say(said.as_bytes());
        hand.close();
        let error = connection.turn().await.unwrap_err();
        assert_eq!(error, Error::Handshake(HandshakeError::NotTls(found)));
        assert_eq!(hand.heard(), answered.as_bytes());
        assert_eq!(
            connection.machine().core.steps,
            0,
            "nothing reached the machine"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn s40_silence_on_a_port_for_implicit_tls_ends() {
    let (wire, hand) = wire();
    let mut connection = Connection::implicit(wire, Server::new(), tls::server());
    let begin = Instant::now();
    assert_eq!(connection.turn().await, Err(Error::HandshakeTimeout));
    assert_eq!(begin.elapsed().as_secs(), 10);
    assert_eq!(hand.heard(), b"");
}

#[tokio::test]
async fn s41_a_server_in_clear_where_tls_is_expected_is_named() {
    for (said, found) in [
        ("220 mx.example ESMTP\r\n", FirstOctets::SmtpServer),
        ("* OK IMAP4rev1\r\n", FirstOctets::ImapServer),
        ("+OK POP3\r\n", FirstOctets::Pop3Server),
    ] {
        let (wire, hand) = wire();
        let mut client = Connection::implicit(wire, Client::new(), tls::client());
        hand.say(said.as_bytes());
        let error = client.turn().await.unwrap_err();
        assert_eq!(error, Error::Handshake(HandshakeError::NotTls(found)));
        assert!(error.to_string().contains("STARTTLS"), "{error}");
    }
}

#[tokio::test]
async fn dos_18_handshakes_wait_for_one_another() {
    let slots = Handshakes::at_most(1);
    let server_tls = tls::server().sharing(slots.clone());
    // The first peer has begun and goes no further.
    let (mut first, hand) = server(server_tls.clone());
    hand.say(b"STARTTLS\r\n");
    assert!(impatient(first.turn(), 5).await.is_none());
    assert_eq!(slots.free(), 1, "a silent peer holds no slot");
    hand.say(&client_hello()[..100]);
    assert!(impatient(first.turn(), 5).await.is_none());
    assert_eq!(slots.free(), 0);
    // The second waits until the first is gone.
    let (ours, theirs) = duplex(4096);
    let mut client = Connection::implicit(ours, Client::new(), tls::client());
    let mut second = Connection::implicit(theirs, Server::new(), server_tls);
    let both = async { tokio::join!(client.turn(), second.turn()) };
    let mut both = Box::pin(both);
    assert!(impatient(&mut both, 20).await.is_none());
    drop(first);
    assert_eq!(
        both.await,
        (
            Ok(Turn::Event(Event::TlsStarted)),
            Ok(Turn::Event(Event::TlsStarted))
        )
    );
    assert_eq!(slots.free(), 1);
}

#[tokio::test]
async fn a_stream_counts_what_passes() {
    let (ours, theirs) = duplex(4096);
    let (client_tls, server_tls) = (tls::client(), tls::server());
    let (client, server) = tokio::join!(implicit(ours, &client_tls), implicit(theirs, &server_tls));
    let (mut client, mut server): (Stream<_>, Stream<_>) = (client.unwrap(), server.unwrap());
    client.write_all(b"hello").await.unwrap();
    client.flush().await.unwrap();
    let mut heard = [0; 5];
    server.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"hello");
    assert_eq!(client.octets_written(), server.octets_read());
    assert!(client.octets_written() > 200);
    assert!(client.is_tls() && client.into_socket().is_err());
}

#[tokio::test]
async fn all_4_a_trace_follows_the_dialogue_into_tls_and_masks_it() {
    use std::sync::Mutex;

    let seen = Arc::new(Mutex::new(String::new()));
    let sink = Arc::clone(&seen);
    let trace = mailtls::trace::Trace::new(move |line| {
        sink.lock().unwrap().push_str(&format!("{line}\n"));
    });
    let (ours, theirs) = duplex(4096);
    let client = Connection::new(Cut::new(ours, 3, 7), Client::new(), tls::client());
    let mut client = client.with_trace(trace);
    let mut server = Connection::new(theirs, Server::new(), tls::server());
    let serve = async {
        while let Some(event) = server.next_event().await.unwrap() {
            if let Event::Line(_) = event {
                server.machine().answer("235 canary");
            }
        }
    };
    let talk = async {
        assert_eq!(client.turn().await, Ok(Event::line("220 ready")));
        client.machine().send("STARTTLS");
        assert_eq!(client.turn().await, Ok(Turn::Event(Event::TlsStarted)));
        client.machine().send("AUTH PLAIN Y2FuYXJ5");
        assert_eq!(client.turn().await, Ok(Event::line("235 canary")));
        client.machine().send("QUIT");
        assert_eq!(client.turn().await, Ok(Event::line("221 bye")));
        drop(client);
    };
    tokio::join!(serve, talk);
    let seen = seen.lock().unwrap();
    let (before, after) = seen.split_once("*: TLSv1.3 TLS13_").unwrap();
    assert_eq!(before, "S: 220 ready\nC: STARTTLS\nS: 220 go\n");
    assert!(
        after.ends_with("\nC: AUTH PLAIN ***\nS: 235 ***\nC: QUIT\nS: 221 bye\n"),
        "{after}"
    );
}
