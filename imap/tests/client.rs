//! What transcripts of the client cannot show: its clock, its limits, its refusals, and what it
//! keeps.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mailwire_core::{
    machine::{Eof, Machine, Patience, Step},
    secret::SecretBytes,
};
use mailwire_imap::{
    ClearText, Client, State,
    capability::Capability,
    client::{Config, Event, Frames, Misuse, ProtocolError},
    command::{Command, CommandBody, Message, SelectParameters},
    encode::LiteralKind,
    limits,
    mailbox::{Encoding, Mailbox},
    response::{FetchItem, Response},
};

use crate::transcripts_client::tls;

/// A client behind PREAUTH, and what it has sent and told since.
struct Session {
    client: Client,
    input: BytesMut,
    sent: Vec<u8>,
    events: Vec<Event>,
    /// What it waits for.
    wait: Step<Event, ProtocolError>,
}

impl Session {
    fn new(config: Config) -> Self {
        let mut session = Self {
            client: Client::new(config),
            input: BytesMut::new(),
            sent: Vec::new(),
            events: Vec::new(),
            wait: Step::NeedInput,
        };
        session.hear("* PREAUTH ready\r\n");
        session.events.clear();
        session
    }

    fn selected(config: Config) -> Self {
        let mut session = Self::new(config);
        session.send("SELECT INBOX").unwrap();
        session.hear("A1 OK done\r\n");
        session.events.clear();
        session.sent.clear();
        session
    }

    fn send(&mut self, line: &str) -> Result<(), Misuse> {
        self.client.send(command(line))?;
        self.run();
        Ok(())
    }

    fn hear(&mut self, octets: impl AsRef<[u8]>) {
        self.input.extend_from_slice(octets.as_ref());
        self.run();
    }

    fn run(&mut self) {
        loop {
            match self.client.step(&mut self.input) {
                Step::Transmit(octets) => self.sent.extend_from_slice(&octets),
                Step::Event(event) => self.events.push(event),
                wait => {
                    self.wait = wait;
                    return;
                }
            }
        }
    }

    fn patience(&self) -> Option<Patience> {
        self.client.patience()
    }
}

fn command(line: &str) -> CommandBody {
    let frame = Bytes::from(format!("x {line}"));
    Command::parse(&frame).unwrap().body
}

#[test]
fn a_clock_runs_while_the_server_owes_something_and_no_longer() {
    let mut client = Client::new(Config::new());
    let mut input = BytesMut::new();
    assert_eq!(client.step(&mut input), Step::NeedInput);
    let limit = limits::RESPONSE_TIMEOUT;
    assert_eq!(client.patience().unwrap().limit, limit);

    let mut session = Session::new(Config::new());
    assert_eq!(session.patience(), None);
    session.send("NOOP").unwrap();
    let first = session.patience().unwrap();
    assert_eq!((first.limit, first.floor), (limit, None));
    // Part of a line gains nothing, a whole response does.
    session.hear("* OK still");
    assert_eq!(session.patience(), Some(first));
    session.hear(" here\r\n");
    assert_ne!(session.patience(), Some(first));
    session.hear("A1 OK done\r\n");
    assert_eq!(session.patience(), None);
}

#[test]
fn imap_47_streamed_content_has_a_floor_rate_and_a_drip_gains_nothing() {
    let mut config = Config::new();
    config.inline = 10;
    config.response_timeout = Duration::from_secs(7);
    let mut session = Session::selected(config);
    session.send("FETCH 1 BODY[]").unwrap();
    session.hear("* 1 FETCH (BODY[] {1000}\r\n");
    let patience = session.patience().unwrap();
    assert_eq!(patience.limit, Duration::from_secs(7));
    assert_eq!(patience.floor, Some(limits::FLOOR_RATE));
    for _ in 0..999 {
        session.hear("x");
        assert_eq!(session.patience(), Some(patience));
    }
    session.hear("x");
    assert_ne!(session.patience(), Some(patience));
    assert_eq!(session.patience().unwrap().floor, None);
    assert_eq!(session.events.last(), Some(&Event::BodyEnd));
}

#[test]
fn no_clock_runs_in_idle_but_before_and_behind_it() {
    let mut session = Session::new(Config::new());
    session.client.idle().unwrap();
    session.run();
    assert!(session.patience().is_some());
    session.hear("+ idling\r\n");
    assert_eq!(session.patience(), None);
    session.hear("* OK Still here\r\n");
    assert_eq!(session.patience(), None);
    session.client.done().unwrap();
    session.run();
    let asked = session.patience();
    assert!(asked.is_some());
    assert_eq!(session.client.done(), Err(Misuse::NothingOwed));
    session.hear("A1 OK done\r\n");
    assert_eq!(session.patience(), None);
    assert!(limits::IDLE_REFRESH < Duration::from_secs(29 * 60));
}

#[test]
fn an_idle_that_waits_for_others_can_be_ended_too() {
    let mut session = Session::new(Config::new());
    session.send("NOOP").unwrap();
    session.client.idle().unwrap();
    session.client.done().unwrap();
    assert_eq!(session.client.done(), Err(Misuse::NothingOwed));
    session.hear("A1 OK done\r\n");
    session.hear("+ idling\r\n");
    assert_eq!(session.sent, b"A1 NOOP\r\nA2 IDLE\r\nDONE\r\n");
}

#[test]
fn the_clock_stands_still_while_the_application_writes_a_message() {
    let mut session = Session::new(Config::new());
    session.send("APPEND x {4}").unwrap();
    assert!(session.patience().is_some());
    session.hear("+ go\r\n");
    assert_eq!(session.wait, Step::NeedBody);
    assert_eq!(session.patience(), None);
    session.client.write_body("abcd".into()).unwrap();
    session.client.end_body().unwrap();
    session.run();
    assert_eq!(session.wait, Step::NeedInput);
    assert!(session.patience().is_some());
}

#[test]
fn a_message_has_as_many_octets_as_were_announced() {
    let mut session = Session::new(Config::new());
    session.send("APPEND x {4}").unwrap();
    let write =
        |session: &mut Session, octets: &'static str| session.client.write_body(octets.into());
    assert_eq!(write(&mut session, "ab"), Err(Misuse::NoBody));
    session.hear("+ go\r\n");
    assert_eq!(
        write(&mut session, "abcde"),
        Err(Misuse::BodyTooLong { left: 4 })
    );
    assert_eq!(write(&mut session, "a\0"), Err(Misuse::NulInBody));
    write(&mut session, "ab").unwrap();
    assert_eq!(
        session.client.end_body(),
        Err(Misuse::BodyIncomplete { left: 2 })
    );
    let next = Message::new(1);
    assert_eq!(
        session.client.next_body(&next),
        Err(Misuse::BodyIncomplete { left: 2 })
    );
    write(&mut session, "cd").unwrap();
    session.client.end_body().unwrap();
    assert_eq!(session.client.end_body(), Err(Misuse::NoBody));
    session.run();
    assert_eq!(session.sent, b"A1 APPEND x {4}\r\nabcd\r\n");
}

#[test]
fn a_literal8_and_a_message_of_utf8_are_closed_as_they_were_opened() {
    let mut session = Session::new(Config::new());
    let mut message = Message::new(2);
    message.kind = LiteralKind::Binary;
    let mailbox = Mailbox::inbox();
    session
        .client
        .send(CommandBody::Append { mailbox, message })
        .unwrap();
    session.run();
    session.hear("+ go\r\n");
    session
        .client
        .write_body(Bytes::from_static(b"\0x"))
        .unwrap();
    session.client.end_body().unwrap();
    session.hear("A1 OK done\r\n");
    session.send("APPEND x UTF8 (~{2}").unwrap();
    session.hear("+ go\r\n");
    session
        .client
        .write_body(Bytes::from_static(b"ab"))
        .unwrap();
    session.client.end_body().unwrap();
    session.hear("A2 OK done\r\n");
    assert_eq!(
        session.sent,
        b"A1 APPEND INBOX ~{2}\r\n\0x\r\nA2 APPEND x UTF8 (~{2}\r\nab)\r\n"
    );
}

#[test]
fn a_reply_to_the_first_of_several_messages_ends_them_all() {
    let mut session = Session::new(Config::new());
    session.hear("* CAPABILITY IMAP4rev1 LITERAL+ MULTIAPPEND\r\n");
    session.send("APPEND x {1}").unwrap();
    session.hear("A1 NO [OVERQUOTA] full\r\n");
    session.client.write_body("a".into()).unwrap();
    session.client.next_body(&Message::new(1)).unwrap();
    session.run();
    assert!(matches!(session.events.last(), Some(Event::Done { .. })));
    assert_eq!(session.client.outstanding(), 0);
    assert_eq!(session.sent, b"A1 APPEND x {1+}\r\na\r\n");
}

#[test]
fn imap_43_a_literal_minus_of_4096_octets_does_not_wait() {
    let mut session = Session::new(Config::new());
    session.hear("* CAPABILITY IMAP4rev1 LITERAL-\r\n");
    session.send("APPEND x {4096}").unwrap();
    assert_eq!(session.sent, b"A1 APPEND x {4096+}\r\n");
    assert!(matches!(session.events.last(), Some(Event::GoAhead { .. })));
}

#[test]
fn imap_43_what_was_listed_before_login_does_not_count_behind_it() {
    let mut config = Config::new();
    config.clear_text = ClearText::Permitted;
    let mut session = Session {
        client: Client::new(config),
        ..Session::new(Config::new())
    };
    session.hear("* OK [CAPABILITY IMAP4rev1 LITERAL+] ready\r\n");
    session.send("LOGIN a b").unwrap();
    // It is written with what is known now, and sent with what is known then.
    session.send("APPEND x {9}").unwrap();
    session.hear("A1 OK in\r\n");
    assert!(!session.client.has(Capability::LiteralPlus));
    assert_eq!(session.sent, b"A1 LOGIN a b\r\nA2 APPEND x {9}\r\n");
    session.hear("+ go\r\n");
    assert!(matches!(session.events.last(), Some(Event::GoAhead { .. })));
}

#[test]
fn so_many_commands_may_wait_and_no_more() {
    let mut session = Session::new(Config::new());
    for _ in 0..limits::OUTSTANDING {
        session.client.send(CommandBody::Noop).unwrap();
    }
    assert_eq!(
        session.client.send(CommandBody::Noop),
        Err(Misuse::Outstanding)
    );
    session.run();
    session.hear("A1 OK done\r\n");
    session.client.send(CommandBody::Noop).unwrap();
}

#[test]
fn what_cannot_be_written_is_refused_and_takes_no_tag() {
    let mut session = Session::new(Config::new());
    session.client.tls_started(tls());
    let mut open = Client::new(Config::new());
    open.tls_started(tls());
    let login = CommandBody::Login {
        username: b"a\0b"[..].into(),
        password: SecretBytes::new(b"x".to_vec()),
    };
    assert_eq!(open.send(login), Err(Misuse::Unencodable));
    assert_eq!(open.send(CommandBody::Capability).unwrap().value(), 1);
}

#[test]
fn each_command_needs_its_state() {
    let mut client = Client::new(Config::new());
    let refused = |client: &mut Client, line| client.send(command(line)).unwrap_err();
    let state = State::NotAuthenticated;
    for line in [
        "SELECT INBOX",
        "LIST \"\" *",
        "IDLE",
        "APPEND x {1}",
        "FETCH 1 FLAGS",
        "CLOSE",
    ] {
        assert_eq!(refused(&mut client, line), Misuse::State { state });
    }
    for line in ["CAPABILITY", "NOOP", "ID NIL", "STARTTLS"] {
        client.send(command(line)).unwrap();
    }
    let mut session = Session::new(Config::new());
    let state = State::Authenticated;
    for line in ["EXPUNGE", "SEARCH ALL", "COPY 1 x", "UNSELECT", "STARTTLS"] {
        assert_eq!(refused(&mut session.client, line), Misuse::State { state });
    }
    session.client.logout().unwrap();
    session.run();
    session.hear("* BYE\r\nA1 OK bye\r\n");
    assert_eq!(session.client.state(), State::Logout);
    assert_eq!(session.client.send(CommandBody::Noop), Err(Misuse::Closed));
    assert_eq!(session.client.done(), Err(Misuse::Closed));
    assert_eq!(session.client.answer(b""), Err(Misuse::Closed));
    assert_eq!(session.client.write_body(Bytes::new()), Err(Misuse::Closed));
}

#[test]
fn rfc9051_6_2_2_a_challenge_must_be_answered_before_anything_is_read() {
    let mut client = Client::new(Config::new());
    client.tls_started(tls());
    let mut input = BytesMut::from("* OK ready\r\n");
    while let Step::Event(_) = client.step(&mut input) {}
    client.send(command("AUTHENTICATE LOGIN")).unwrap();
    while let Step::Transmit(_) = client.step(&mut input) {}
    input.extend_from_slice(b"+ \r\n* OK more\r\n");
    assert!(matches!(
        client.step(&mut input),
        Step::Event(Event::Challenge { .. })
    ));
    assert_eq!(client.step(&mut input), Step::NeedAnswer);
    assert_eq!(client.step(&mut input), Step::NeedAnswer);
    assert_eq!(client.patience(), None);
    client.answer(b"x").unwrap();
    assert_eq!(client.answer(b"x"), Err(Misuse::NothingOwed));
    assert_eq!(client.step(&mut input), Step::Transmit("eA==\r\n".into()));
    assert!(matches!(
        client.step(&mut input),
        Step::Event(Event::Data(_))
    ));
}

#[test]
fn enabling_utf8_changes_how_mailboxes_are_named() {
    for name in ["IMAP4rev2", "utf8=accept"] {
        let mut session = Session::new(Config::new());
        assert_eq!(session.client.encoding(), Encoding::Utf7);
        session.hear(format!("* ENABLED CONDSTORE {name}\r\n"));
        assert_eq!(session.client.encoding(), Encoding::Utf8);
    }
}

#[test]
fn rfc9051_7_5_1_messages_are_counted() {
    let mut session = Session::selected(Config::new());
    let exists = |session: &Session| session.client.mailbox().unwrap().exists;
    session.hear("* 10 EXISTS\r\n* 3 EXPUNGE\r\n* 3 EXPUNGE\r\n");
    assert_eq!(exists(&session), 8);
    session.hear("* VANISHED 4,7:9\r\n* VANISHED (EARLIER) 1:5\r\n");
    assert_eq!(exists(&session), 4);
    session.hear("* VANISHED 1:4294967295\r\n* 1 EXPUNGE\r\n");
    assert_eq!(exists(&session), 0);
    session.send("UNSELECT").unwrap();
    session.hear("A2 OK done\r\n");
    assert_eq!(session.client.mailbox(), None);
    assert_eq!(session.client.state(), State::Authenticated);
}

#[test]
fn examine_is_read_only_whatever_the_server_forgets_to_say() {
    let mut session = Session::new(Config::new());
    let (mailbox, parameters) = (Mailbox::inbox(), SelectParameters::default());
    let examine = CommandBody::Examine {
        mailbox,
        parameters,
    };
    session.client.send(examine).unwrap();
    session.run();
    session.hear("A1 OK done\r\n");
    let access = session.client.mailbox().unwrap().access;
    assert_eq!(access, mailwire_imap::client::Access::ReadOnly);
}

/// Whether a response that is kept keeps the buffer it was read into.
fn shares_a_buffer(config: Config) -> bool {
    let mut session = Session::new(config);
    session.hear("* LIST () \"/\" INBOX\r\n");
    let Some(Event::Data(Response::List(list))) = session.events.pop() else {
        panic!();
    };
    let kept = Bytes::copy_from_slice(list.wire());
    session.events.clear();
    let before = session.input.capacity();
    // A buffer that nobody shares is given back whole.
    let is_shared = !session.input.try_reclaim(before + kept.len() + 1);
    drop(list);
    is_shared
}

#[test]
fn frames_are_shared_or_copied_as_the_configuration_says() {
    let mut copied = Config::new();
    copied.frames = Frames::Copied;
    assert!(shares_a_buffer(Config::new()));
    assert!(!shares_a_buffer(copied));
}

#[test]
fn imap_39_a_flood_waits_in_the_buffer_until_it_is_asked_for() {
    let mut session = Session::new(Config::new());
    let line = b"* 1 EXISTS\r\n";
    session.input.extend_from_slice(&line.repeat(100_000));
    for left in (0..100_000).rev() {
        let step = session.client.step(&mut session.input);
        assert_eq!(step, Step::Event(Event::Data(Response::Exists(1))));
        // One response was taken, no more.
        assert_eq!(session.input.len(), left * line.len());
    }
}

#[test]
fn imap_46_a_million_rows_are_told_one_by_one() {
    let mut session = Session::new(Config::new());
    session.client.send(command("LIST \"\" *")).unwrap();
    session.run();
    let block: String = (0..1_000)
        .map(|row| format!("* LIST (\\HasNoChildren) \"/\" box-{row}\r\n"))
        .collect();
    let mut rows = 0_u32;
    for _ in 0..1_000 {
        session.input.extend_from_slice(block.as_bytes());
        while let Step::Event(Event::Data(Response::List(_))) =
            session.client.step(&mut session.input)
        {
            rows += 1;
        }
        assert!(session.input.is_empty());
    }
    assert_eq!(rows, 1_000_000);
}

#[test]
fn imap_35_content_of_four_gigabytes_takes_what_has_come_and_no_more() {
    let mut session = Session::selected(Config::new());
    session.send("FETCH 1 BODY[]").unwrap();
    session.hear("* 1 FETCH (BODY[] {4294967295}\r\n");
    let Some(Event::BodyStart(start)) = session.events.pop() else {
        panic!("{:?}", session.events);
    };
    assert_eq!(start.octets, 4_294_967_295);
    assert!(matches!(start.item(), Some(FetchItem::Section { .. })));
    session.hear([b'x'; 1_000]);
    let told: usize = session
        .events
        .iter()
        .map(|event| match event {
            Event::Body(octets) => octets.len(),
            _ => 0,
        })
        .sum();
    assert_eq!(told, 1_000);
    assert!(session.input.is_empty());
    session.client.handle_eof(Eof::Clean);
    session.run();
    assert!(matches!(
        session.wait,
        Step::Close(Err(ProtocolError::UnexpectedEof { .. }))
    ));
}

#[test]
fn imap_35_literals_that_no_response_can_hold_end_the_session() {
    for line in [
        "* 1 FETCH (BODY[] {99999999999999999999}\r\n",
        "* LIST () \"/\" {1000000000}\r\n",
        "* 1 FETCH (ENVELOPE (NIL {1000000000}\r\n",
    ] {
        let mut session = Session::selected(Config::new());
        session.hear(line);
        let is_lost = matches!(session.wait, Step::Close(Err(ProtocolError::Lost(_))));
        assert!(is_lost, "{line}");
        assert!(session.input.capacity() < 10_000);
    }
}

#[test]
fn imap_37_a_response_of_many_small_contents_is_read_once() {
    let mut config = Config::new();
    config.inline = 0;
    let mut session = Session::selected(config);
    session.send("FETCH 1 BODY[]").unwrap();
    let mut wire = b"* 1 FETCH (UID 7".to_vec();
    for _ in 0..50_000 {
        wire.extend_from_slice(b" BODY[1] {1}\r\nx");
    }
    wire.extend_from_slice(b")\r\n");
    session.hear(wire);
    let bodies = session
        .events
        .iter()
        .filter(|event| **event == Event::BodyEnd);
    assert_eq!(bodies.count(), 50_000);
    let uids = session.events.iter().filter_map(|event| match event {
        Event::BodyStart(start) => start.fetch.uid(),
        _ => None,
    });
    assert_eq!(uids.count(), 50_000);
    assert!(matches!(
        session.events.last(),
        Some(Event::Data(Response::Fetch(fetch))) if fetch.uid().unwrap().get() == 7
    ));
}

#[test]
fn what_stands_around_streamed_contents_is_limited() {
    let mut config = Config::new();
    config.inline = 0;
    let mut session = Session::selected(config);
    session.send("FETCH 1 BODY[]").unwrap();
    session.hear("* 1 FETCH (UID 7");
    let item = format!(" X-LONG {} BODY[1] {{1}}\r\nx", "y".repeat(100_000));
    let lost = (0..100).any(|_| {
        session.hear(&item);
        matches!(session.wait, Step::Close(Err(ProtocolError::Lost(_))))
    });
    assert!(lost);
}

#[test]
fn all_4_no_debug_of_the_client_shows_a_secret_or_a_message() {
    let secret = "canary-93b7";
    let hidden = |shown: String| assert!(!shown.contains(secret), "{shown}");
    let mut config = Config::new();
    config.inline = 5;
    let mut client = Client::new(config);
    client.tls_started(tls());
    let mut input = BytesMut::from("* OK ready\r\n");
    while let Step::Event(_) = client.step(&mut input) {}
    client
        .send(command(&format!("LOGIN joe {secret}")))
        .unwrap();
    hidden(format!("{client:?}"));
    let step = client.step(&mut input);
    hidden(format!("{step:?}"));
    input.extend_from_slice(b"A1 OK in\r\n");
    while let Step::Event(_) = client.step(&mut input) {}
    client.send(command("SELECT INBOX")).unwrap();
    while let Step::Transmit(_) = client.step(&mut input) {}
    let fetch = format!(
        "A2 OK done\r\n* 1 FETCH (BODY[] {{11}}\r\n{secret} BODY[1] {secret:?} UID 7)\r\n\
         * 2 FETCH (BODY[TEXT] \"{secret}\")\r\n* 0 FETCH (X {secret})\r\n"
    );
    input.extend_from_slice(fetch.as_bytes());
    let mut told = 0;
    loop {
        hidden(format!("{client:?}"));
        match client.step(&mut input) {
            Step::Event(event) => {
                hidden(format!("{event:?}"));
                told += 1;
            }
            Step::Transmit(_) => {}
            _ => break,
        }
    }
    assert!(told >= 7, "{told}");
    client.send(command("APPEND x {11}")).unwrap();
    while let Step::Transmit(_) = client.step(&mut input) {}
    input.extend_from_slice(b"+ go\r\n");
    while let Step::Event(_) = client.step(&mut input) {}
    client.write_body(secret.into()).unwrap();
    hidden(format!("{client:?}"));
    let step = client.step(&mut input);
    hidden(format!("{step:?}"));
}

#[test]
fn auth_17_a_challenge_of_a_mebibyte_ends_the_session() {
    let mut config = Config::new();
    config.clear_text = ClearText::Permitted;
    let mut session = Session {
        client: Client::new(config),
        ..Session::new(Config::new())
    };
    session.hear("* OK ready\r\n");
    session.send("AUTHENTICATE LOGIN").unwrap();
    session.hear(format!("+ {}\r\n", "A".repeat(1024 * 1024 - 4)));
    let bad = matches!(
        session.wait,
        Step::Close(Err(ProtocolError::BadChallenge(_)))
    );
    assert!(bad);
    assert!(
        session
            .events
            .iter()
            .all(|event| !matches!(event, Event::Challenge { .. }))
    );
}

#[test]
fn preauth_in_the_middle_of_a_session_changes_nothing() {
    let mut config = Config::new();
    config.clear_text = ClearText::Permitted;
    let mut session = Session {
        client: Client::new(config),
        ..Session::new(Config::new())
    };
    session.hear("* OK ready\r\n* PREAUTH welcome\r\n* OK [READ-WRITE] selected\r\n");
    assert_eq!(session.client.state(), State::NotAuthenticated);
    assert_eq!(session.client.mailbox(), None);
}

#[test]
fn answers_and_challenges_are_not_shown() {
    let mut client = Client::new(Config::new());
    client.tls_started(tls());
    let mut input = BytesMut::from("* OK ready\r\n");
    while let Step::Event(_) = client.step(&mut input) {}
    client.send(command("AUTHENTICATE PLAIN")).unwrap();
    while let Step::Transmit(_) = client.step(&mut input) {}
    input.extend_from_slice(b"+ Y2FuYXJ5\r\n");
    let Step::Event(event) = client.step(&mut input) else {
        panic!();
    };
    assert_eq!(format!("{event:?}"), "Challenge((1, 6))");
    client.answer(b"canary").unwrap();
    assert!(!format!("{client:?}").contains("canary"));
}
