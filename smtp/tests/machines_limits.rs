//! What a peer can make grow, and what it cannot.

use std::{sync::Arc, time::Duration};

use bytes::BytesMut;
use mailwire_core::machine::{Eof, Machine, Step};
use mailwire_smtp::{
    client::{self, Client},
    server::{Config, Inside, ProtocolError, Server, StartTls},
};

use crate::{
    machines_stage::{Host, config, dialogue},
    transcripts::tls,
};

const ENVELOPE: &[u8] = b"EHLO x\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n";

#[test]
fn an_idle_machine_is_small() {
    assert!(size_of::<Server>() <= 512, "{}", size_of::<Server>());
    assert!(size_of::<Client>() <= 640, "{}", size_of::<Client>());
}

#[test]
fn smtp_25_a_million_chunks_leave_nothing_behind() {
    let mut config = config();
    config.limits.chunks = 2_000_000;
    let mut host = Host::new(config);
    host.run();
    host.feed(b"EHLO x\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\n");
    for _ in 0..1_000_000 / 50 {
        host.feed(&b"BDAT 1\r\nx".repeat(50));
        assert!(host.input.is_empty());
    }
    host.feed(b"BDAT 0 LAST\r\n");
    let outcome = host.finish();
    assert_eq!(outcome.messages[0].body.len(), 1_000_000);
}

#[test]
fn smtp_18_a_line_of_a_megabyte_is_streamed() {
    let mut host = Host::new(config());
    host.run();
    host.feed(ENVELOPE);
    for _ in 0..1_024 {
        host.feed(&[b'x'; 1_024]);
        assert!(host.input.len() <= 2);
    }
    host.feed(b"\r\n.\r\n");
    assert_eq!(host.finish().messages[0].body.len(), 1024 * 1024 + 2);
}

#[test]
fn smtp_32_an_end_at_every_octet_delivers_nothing() {
    let text = [
        b"Subject: x\r\n\r\n",
        &b"..0123456\r\n".repeat(26)[..],
        b".\r\n",
    ]
    .concat();
    assert_eq!(text.len(), 303);
    let chunk = [b"BDAT 300 LAST\r\n", &b"0123456789".repeat(30)[..]].concat();
    for (start, body) in [(ENVELOPE, &text), (&ENVELOPE[..ENVELOPE.len() - 6], &chunk)] {
        for at in 0..body.len() {
            for how in [Eof::Clean, Eof::Truncated] {
                let mut host = Host::new(config());
                host.run();
                host.feed(start);
                host.feed(&body[..at]);
                host.server.handle_eof(how);
                host.run();
                let outcome = host.finish();
                assert_eq!(outcome.messages, []);
                assert_eq!(outcome.resets, ["disconnected"], "{at}");
                let Some(Err(ProtocolError::UnexpectedEof { inside })) = outcome.closed else {
                    panic!("{:?}", outcome.closed);
                };
                assert!(matches!(inside, Inside::Body | Inside::Transaction));
            }
        }
    }
}

#[test]
fn smtp_33_ten_megabytes_without_a_line_are_not_kept() {
    let mut host = Host::new(config());
    host.run();
    for _ in 0..10 * 1_024 {
        host.feed(&[b'A'; 1_024]);
        assert!(host.input.len() <= 4_096);
    }
    let outcome = host.finish();
    assert_eq!(outcome.codes(), [220, 500]);
    assert_eq!(outcome.closed, Some(Err(ProtocolError::LineWithoutEnd)));
}

#[test]
fn smtp_34_the_limit_of_a_command_line_is_exact() {
    let noop = |size: usize| [b"NOOP ", &vec![b'x'; size - 7][..], b"\r\n"].concat();
    for size in [511, 512, 513] {
        let outcome = dialogue(config(), &noop(size), |left| left);
        assert_eq!(outcome.codes(), [220, 250], "{size}");
    }
    let mut wide = config();
    wide.limits.command_line = 400;
    for (size, code) in [(399, 250), (400, 250), (401, 500)] {
        let outcome = dialogue(wide.clone(), &noop(size), |_| 1);
        assert_eq!(outcome.codes(), [220, code], "{size}");
    }
}

#[test]
fn smtp_53_recipients_without_end_are_452_and_earlier_ones_are_kept() {
    let mut host = Host::new(config());
    host.run();
    host.feed(b"EHLO x\r\nMAIL FROM:<a@x>\r\n");
    for _ in 0..100 {
        host.feed(&b"RCPT TO:<b@y>\r\n".repeat(1_000));
    }
    host.feed(b"DATA\r\n");
    host.feed(b"x\r\n.\r\n");
    let outcome = host.finish();
    let codes = outcome.codes();
    assert_eq!(codes.iter().filter(|code| **code == 452).count(), 99_000);
    assert_eq!(codes[3 + 999], 250);
    assert_eq!(codes[3 + 1_000], 452);
    assert_eq!(outcome.messages[0].to.len(), 1_000);
}

#[test]
fn smtp_57_ten_thousand_junk_commands_get_twenty_answers() {
    let outcome = dialogue(config(), &b"JUNK\r\n".repeat(10_000), |left| left);
    let mut codes = vec![220];
    codes.extend([500; 19]);
    codes.push(421);
    assert_eq!(outcome.codes(), codes);
    assert_eq!(outcome.closed, Some(Err(ProtocolError::TooManyBadCommands)));
}

#[test]
fn smtp_57_a_flood_of_noop_ends() {
    let outcome = dialogue(config(), &b"NOOP\r\n".repeat(10_000), |left| left);
    assert_eq!(outcome.codes().len(), 1 + 1_000);
    assert_eq!(outcome.codes().last(), Some(&421));
}

#[test]
fn smtp_57_a_client_that_sends_mail_may_send_any_number() {
    let one = [ENVELOPE, b"x\r\n.\r\nNOOP\r\nRSET\r\n"].concat();
    let mut host = Host::new(config());
    host.run();
    for _ in 0..3_000 {
        host.feed(&one);
    }
    host.feed(b"QUIT\r\n");
    let outcome = host.finish();
    assert_eq!(outcome.messages.len(), 3_000);
    assert_eq!(outcome.closed, Some(Ok(())));
}

#[test]
fn auth_3_ten_thousand_cancels_leave_nothing_behind() {
    let mut config = config();
    config.mechanisms = vec!["LOGIN".parse().unwrap()];
    config.limits.bad_commands = u32::MAX;
    let mut server = Server::new(Arc::new(config));
    server.tls_started(tls());
    let mut input = BytesMut::from("EHLO x\r\n");
    let mut turn = |input: &mut BytesMut, challenge: bool| {
        loop {
            match server.step(input) {
                Step::NeedInput => return,
                Step::NeedAnswer if challenge => server.challenge(&b"Username:"[..]).unwrap(),
                Step::NeedAnswer => server.accept().unwrap(),
                Step::Close(how) => panic!("{how:?}"),
                _ => {}
            }
        }
    };
    turn(&mut input, false);
    for _ in 0..10_000 {
        input.extend_from_slice(b"AUTH LOGIN\r\n*\r\n");
        turn(&mut input, true);
        assert!(input.is_empty());
    }
    assert!(!server.is_authenticated());
}

/// How long the peer has, and what changes it.
#[test]
fn the_patience_of_a_server() {
    let seconds = |server: &Server| server.patience().map(|patience| patience.limit.as_secs());
    let mut host = Host::new(config());
    host.run();
    assert_eq!(seconds(&host.server), Some(300));
    let start = host.server.patience();
    host.feed(b"NO");
    assert_eq!(
        host.server.patience(),
        start,
        "a drip of octets gains nothing"
    );
    host.feed(b"OP\r\n");
    assert_ne!(host.server.patience(), start, "a whole command does");
    host.feed(ENVELOPE);
    let body = host.server.patience().unwrap();
    assert_eq!(
        (body.limit, body.floor),
        (Duration::from_secs(180), mailwire_smtp::limits::BODY_FLOOR)
    );
    host.feed(b"x\r\n");
    assert_eq!(
        host.server.patience(),
        Some(body),
        "the floor rate watches over the whole body"
    );

    let mut submission = Host::new(Config::submission("mx.example".parse().unwrap()));
    submission.run();
    assert_eq!(seconds(&submission.server), Some(60));

    // Nothing runs on the peer while the application thinks.
    let mut server = Server::new(Arc::new(config()));
    let mut input = BytesMut::from("EHLO x\r\n");
    while server.step(&mut input) != Step::NeedAnswer {}
    assert_eq!(server.patience(), None);
    server.handle_timeout();
    assert_eq!(server.step(&mut input), Step::NeedAnswer);
}

#[test]
fn the_patience_of_a_client() {
    let seconds = |client: &Client| client.patience().map(|patience| patience.limit.as_secs());
    let mut client = Client::new(client::Config::smtp());
    let mut input = BytesMut::new();
    assert_eq!(seconds(&client), Some(300));
    input.extend_from_slice(b"220 mx\r\n");
    while client.step(&mut input) != Step::NeedInput {}
    assert_eq!(seconds(&client), None, "nothing is awaited");
    let body = client
        .send_body(mailwire_smtp::params::BodyType::SevenBit)
        .unwrap();
    while client.step(&mut input) != Step::NeedInput {}
    assert_eq!(seconds(&client), Some(120));
    input.extend_from_slice(b"354 go\r\n");
    while client.step(&mut input) != Step::NeedBody {}
    assert_eq!(seconds(&client), None, "it is our turn");
    client.end_body().unwrap();
    assert_eq!(seconds(&client), Some(600));
    let _ = body;
}

#[test]
fn starttls_35_220_leaves_alone_before_the_switch() {
    let mut config = config();
    config.start_tls = StartTls::Offered;
    let mut server = Server::new(Arc::new(config));
    let mut input = BytesMut::from("EHLO x\r\n");
    while server.step(&mut input) != Step::NeedAnswer {}
    server.accept().unwrap();
    while server.step(&mut input) != Step::NeedInput {}
    input.extend_from_slice(b"STARTTLS\r\n");
    assert_eq!(
        server.step(&mut input),
        Step::Transmit("220 2.0.0 Ready to start TLS\r\n".into())
    );
    for _ in 0..3 {
        assert_eq!(server.step(&mut input), Step::StartTls);
    }
    server.tls_started(tls());
    // Nothing is said in TLS that was meant for clear text: no second greeting, no reply.
    assert!(matches!(server.step(&mut input), Step::Event(_)));
    assert_eq!(server.step(&mut input), Step::NeedInput);
}

#[test]
fn starttls_24_a_handshake_that_fails_ends_the_session() {
    let mut config = config();
    config.start_tls = StartTls::Offered;
    let mut server = Server::new(Arc::new(config));
    let mut input = BytesMut::from("EHLO x\r\n");
    while server.step(&mut input) != Step::NeedAnswer {}
    server.accept().unwrap();
    while server.step(&mut input) != Step::NeedInput {}
    input.extend_from_slice(b"STARTTLS\r\n");
    while server.step(&mut input) != Step::StartTls {}
    server.handle_eof(Eof::Truncated);
    let closed = Step::Close(Err(ProtocolError::UnexpectedEof {
        inside: Inside::StartTls,
    }));
    assert_eq!(server.step(&mut input), closed);
}

#[test]
fn smtp_28_a_refused_chunk_is_drained_in_constant_memory() {
    let mut config = config();
    config.limits.message = 1_000;
    config.limits.drain = 1_000_000;
    let mut host = Host::new(config);
    host.run();
    host.feed(b"EHLO x\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nBDAT 1000000\r\n");
    for _ in 0..1_000 {
        host.feed(&[b'Q'; 1_000]);
        assert!(host.input.is_empty());
    }
    host.feed(b"NOOP\r\n");
    let codes = host.finish().codes();
    assert_eq!(codes, [220, 250, 250, 250, 552, 250]);
}

#[test]
fn all_4_debug_shows_no_credential_and_no_message() {
    const CANARY: &str = "canary-5ecret";
    let base64 = mailwire_core::base64::encode(CANARY.as_bytes());
    let hidden = |shown: String| {
        assert!(
            !shown.contains(CANARY) && !shown.contains(&base64),
            "{shown}"
        );
    };
    let mut config = config();
    config.mechanisms = vec!["PLAIN".parse().unwrap()];
    let mut server = Server::new(Arc::new(config));
    server.tls_started(tls());
    let mut input = BytesMut::from("EHLO x\r\n");
    let script = [
        format!("AUTH PLAIN {base64}\r\n"),
        "MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nDATA\r\n".into(),
        format!("{CANARY}\r\n"),
    ];
    for octets in script {
        loop {
            match server.step(&mut input) {
                Step::NeedInput => break,
                Step::NeedAnswer => server.accept().unwrap(),
                Step::Event(event) => hidden(format!("{event:?}")),
                _ => {}
            }
            hidden(format!("{server:?}"));
        }
        input.extend_from_slice(octets.as_bytes());
    }
    while !matches!(server.step(&mut input), Step::NeedInput) {
        hidden(format!("{server:?}"));
    }

    let mut client = Client::new(client::Config::smtp());
    client.tls_started(tls());
    let auth = format!("AUTH PLAIN {base64}");
    client
        .send(mailwire_smtp::command::Command::parse(auth.as_str().into()).unwrap())
        .unwrap();
    hidden(format!("{client:?}"));
    let mut input = BytesMut::from("220 mx\r\n");
    assert!(matches!(client.step(&mut input), Step::Event(_)));
    hidden(format!("{client:?}"));
    while client.step(&mut input) != Step::NeedInput {}
    input.extend_from_slice(b"334 \r\n");
    while client.step(&mut input) != Step::NeedInput {}
    client.respond(CANARY.as_bytes()).unwrap();
    hidden(format!("{client:?}"));
    while client.step(&mut input) != Step::NeedInput {}
    input.extend_from_slice(b"235 ok\r\n");
    while client.step(&mut input) != Step::NeedInput {}
    client
        .send_body(mailwire_smtp::params::BodyType::SevenBit)
        .unwrap();
    while client.step(&mut input) != Step::NeedInput {}
    input.extend_from_slice(b"354 ok\r\n");
    while client.step(&mut input) != Step::NeedBody {}
    client.write_body(CANARY.into()).unwrap();
    hidden(format!("{client:?}"));
}
