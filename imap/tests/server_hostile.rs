//! Clients that want to be too much for a server.

use bytes::{Bytes, BytesMut};
use mailwire_core::machine::{Eof, Machine, Step};
use mailwire_imap::{
    Server, State,
    command::CommandBody,
    response::{Fetch, Response, Section},
    server::{Event, Owed, ProtocolError, Selected},
};

use crate::server::{ONE, Rig, everything, inbox};

/// Runs `test` where a recursion that nobody bounds would not get far.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let builder = std::thread::Builder::new().stack_size(128 * 1024);
    let thread = builder.spawn(test).unwrap();
    thread.join().unwrap();
}

#[test]
fn imap_1_a_literal_before_login_takes_no_room_before_it_comes() {
    for size in ["4294967295", "400000000", "65536", "9223372036854775807"] {
        let mut rig = Rig::in_state(everything(), State::NotAuthenticated);
        rig.say(&format!("a LOGIN {{{size}}}"));
        assert!(rig.said().starts_with("a NO [TOOBIG] "), "{}", rig.said());
        assert!(!rig.said().contains('+') && rig.input.capacity() < 1024);
        rig.say("b LOGIN bob secret");
        assert_eq!(rig.server.owed(), Some(Owed::Login));
    }
}

#[test]
fn imap_2_what_a_large_literal_holds_is_never_a_command() {
    for state in [State::NotAuthenticated, State::Selected] {
        for size in [70_000_u64, 1 << 20, 99_999_999] {
            let mut rig = Rig::in_state(everything(), state);
            rig.say(&format!("a CREATE {{{size}+}}"));
            for _ in 0..(size / 12).min(200_000) {
                rig.say("b LOGOUT  ");
            }
            assert!(!rig.said().contains("b OK"), "{size} in {state}");
            match &rig.wait {
                Step::Close(how) => {
                    assert!(
                        matches!(how, Err(ProtocolError::Lost(_))),
                        "{size}: {how:?}"
                    );
                }
                _ => {
                    // Drained to its end.
                    rig.say(&"x".repeat(usize::try_from(size % 12).unwrap()));
                    rig.say("c CAPABILITY");
                    assert!(rig.said().contains("c OK "), "{size}: {}", rig.said());
                }
            }
        }
    }
}

#[test]
fn imap_6_tiny_literals_do_not_add_up() {
    // A megabyte of empty literals is one command, which is too long.
    let mut rig = Rig::in_state(everything(), State::Authenticated);
    let mut line = String::from("a SEARCH");
    while line.len() < 1 << 20 {
        line.push_str(" {0+}\r\n");
    }
    // Also octet by octet.
    for octet in line.bytes() {
        rig.input.extend_from_slice(&[octet]);
        rig.run();
        assert!(rig.input.len() <= 1 << 20);
    }
    rig.say("");
    assert!(
        rig.events
            .iter()
            .all(|event| matches!(event, Event::Invalid(_)))
    );
    assert!(!rig.said().contains("OK"));
    let mut rig = Rig::in_state(everything(), State::Authenticated);
    rig.say(&format!("a SEARCH{}", " {1+}\r\nx".repeat(100_000)));
    rig.say("b CAPABILITY");
    assert!(rig.said().contains("a BAD ") || rig.said().contains("a NO [TOOBIG] "));
    assert!(rig.said().ends_with("b OK CAPABILITY completed\r\n"));
}

#[test]
fn imap_8_what_is_no_line_and_no_tag_is_counted() {
    let mut config = everything();
    config.limits.bad_commands = 20;
    for line in [
        "",
        "+ NOOP",
        "\\",
        "a",
        "DONE",
        &" ".repeat(64 * 1024),
        &"x".repeat(60_000),
    ] {
        let mut rig = Rig::in_state(config.clone(), State::Authenticated);
        let mut count = 0;
        while !matches!(rig.wait, Step::Close(_)) {
            rig.say(line);
            count += 1;
            assert!(count <= 20, "{line:?}");
        }
        assert!(rig.said().ends_with("* BYE too many bad commands\r\n"));
        assert_eq!(count, 20);
        // What is repeated is a tag.
        assert!(rig.said.len() < 20 * 200);
    }
}

#[test]
fn imap_9_nesting_of_a_client_that_has_not_logged_in() {
    on_a_small_stack(|| {
        for line in [
            "(".repeat(1 << 16),
            format!("a SEARCH {}", "(".repeat(60_000)),
            format!("a SEARCH {}ALL", "NOT ".repeat(15_000)),
            format!("a SEARCH {}ALL", "OR ".repeat(20_000)),
            format!("a ID {}", "(".repeat(60_000)),
            format!("a LIST {}", "(".repeat(60_000)),
        ] {
            for state in [State::NotAuthenticated, State::Selected] {
                let mut rig = Rig::in_state(everything(), state);
                rig.say(&line);
                assert!(rig.said().contains("BAD "), "{}", rig.said());
                assert_eq!(rig.server.owed(), None);
            }
        }
        // What is just deep enough is walked without recursion.
        let mut rig = Rig::in_state(everything(), State::Selected);
        rig.say(&format!(
            "a SEARCH {}OLDER 9{}",
            "NOT (".repeat(31),
            ")".repeat(31)
        ));
        assert_eq!(rig.server.owed(), Some(Owed::Command), "{}", rig.said());
    });
}

#[test]
fn imap_31_other_protocols_get_no_further() {
    for (line, is_told) in [
        ("GET / HTTP/1.1", true),
        ("post /x HTTP/1.1", true),
        ("CONNECT mail:143 HTTP/1.1", true),
        ("PRI * HTTP/2.0", true),
        ("EHLO client", true),
        ("220 mail ESMTP \x1b[31m", true),
        ("220-mail ESMTP", true),
        // These are tags that IMAP clients may choose.
        ("GET CAPABILITY", false),
        ("220 CAPABILITY", false),
    ] {
        let mut rig = Rig::in_state(everything(), State::NotAuthenticated);
        rig.say(line);
        let is_closed = matches!(rig.wait, Step::Close(Err(ProtocolError::OtherProtocol)));
        assert_eq!(is_closed, is_told, "{line}: {}", rig.said());
        if is_told {
            assert_eq!(rig.said(), "* BYE this is an IMAP server\r\n");
        }
    }
    let mut rig = Rig::in_state(everything(), State::NotAuthenticated);
    rig.input.extend_from_slice(&[0x16, 3, 1, 2, 0, 1]);
    assert_eq!(rig.run(), &Step::Close(Err(ProtocolError::TlsOnClearPort)));
}

#[test]
fn auth_3_ten_thousand_exchanges_leave_nothing_behind() {
    let mut config = everything();
    config.limits.bad_commands_before_login = u32::MAX;
    let mut rig = Rig::in_state(config, State::NotAuthenticated);
    let mut sizes = Vec::new();
    for _ in 0..10_000 {
        rig.say("a AUTHENTICATE PLAIN");
        rig.server.challenge(&[b'x'; 200]).unwrap();
        rig.say("*");
        rig.forget();
        sizes.push((rig.server.queued(), rig.input.len()));
    }
    assert!(sizes.iter().all(|size| *size == (0, 0)));
    assert_eq!(rig.server.owed(), None);
}

#[test]
fn auth_1_a_line_without_end_ends_the_connection() {
    let mut rig = Rig::in_state(everything(), State::NotAuthenticated);
    rig.say("a AUTHENTICATE PLAIN");
    rig.server.challenge(b"").unwrap();
    let mut count = 0;
    while !matches!(rig.run(), Step::Close(_)) {
        rig.input.extend_from_slice(&[b'A'; 4096]);
        count += 1;
        assert!(count < 10_000 && rig.input.len() < 64 * 1024);
    }
    assert_eq!(rig.wait, Step::Close(Err(ProtocolError::EndlessLine)));
}

#[test]
fn imap_20_a_message_comes_in_pieces_and_is_never_whole_in_memory() {
    let mut config = everything();
    config.limits.message = u64::MAX >> 2;
    let mut rig = Rig::in_state(config, State::Authenticated);
    rig.say("a APPEND INBOX {10000000}");
    rig.server.accept().unwrap();
    let mut left = 10_000_000;
    while left > 0 {
        rig.input.extend_from_slice(&[b'x'; 10_000]);
        rig.run();
        assert!(rig.input.is_empty());
        for event in rig.events.drain(..) {
            if let Event::Body(octets) = event {
                left -= octets.len();
            }
        }
    }
    rig.say("");
    assert_eq!(rig.server.owed(), Some(Owed::AppendEnd));
}

/// A generator with a fixed seed.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % most
    }
}

/// Answers at random, now and then in a way that does not fit.
fn answer(server: &mut Server, random: &mut Random) {
    let mailbox: Selected = inbox();
    let fetch = Fetch::builder(ONE)
        .streamed_section(Section::of(b"").unwrap(), None, 3)
        .build();
    let done = mailwire_imap::server::Done::no("no");
    let _ = match random.below(16) {
        0 => server.accept_login(),
        1 => server.open(&mailbox),
        2 => server.reply(&done),
        3 => server.challenge(b"more"),
        4 => server.stream(),
        5 => server.push(&Response::Exists(7)),
        6 => server.push(&Response::Expunge(ONE)),
        7 => server.push_fetch(&fetch),
        8 | 9 => server.write_body(Bytes::from_static(b"abc")),
        10 => server.appended(ONE, &"1".parse().unwrap()),
        11 => server.announce(&mailbox),
        _ => server.accept(),
    };
}

/// What a client might say, to be cut, joined and spoilt.
const SCRIPT: [&str; 24] = [
    "a LOGIN bob secret\r\n",
    "a LOGIN {3}\r\nbob {6+}\r\nsecret\r\n",
    "b AUTHENTICATE PLAIN\r\n",
    "AGJvYgBzZWNyZXQ=\r\n",
    "*\r\n",
    "c SELECT INBOX\r\n",
    "d EXAMINE INBOX (CONDSTORE)\r\n",
    "e APPEND INBOX (\\Seen) {5}\r\n",
    "hello\r\n",
    "hello {3}\r\n",
    "e APPEND INBOX {5+}\r\nhello {3+}\r\nabc\r\n",
    "f IDLE\r\n",
    "DONE\r\n",
    "g FETCH 1:* (FLAGS MODSEQ BODY[])\r\n",
    "h UID STORE 1:* +FLAGS (\\Deleted)\r\n",
    "i EXPUNGE\r\n",
    "j CLOSE\r\n",
    "k NOOP\r\n",
    "l CAPABILITY\r\n",
    "m ENABLE CONDSTORE IMAP4rev2\r\n",
    "n SEARCH OR SEEN NOT (YOUNGER 7)\r\n",
    "o CREATE {7+}\r\nArchive\r\n",
    "p ID (\"name\" \"x\")\r\n",
    "q XYZZY {4}\r\n",
];

#[test]
fn all_2_whatever_a_client_says_the_machine_is_in_a_state_that_is_known() {
    on_a_small_stack(|| {
        for seed in 0..600 {
            let mut random = Random(seed);
            let mut config = everything();
            config.limits.swallow = 1_000;
            let mut server = Server::new(config);
            let mut input = BytesMut::new();
            for _ in 0..60 {
                let mut line = SCRIPT[random.below(SCRIPT.len())].as_bytes().to_vec();
                match random.below(8) {
                    0 => {
                        let at = random.below(line.len());
                        line[at] = u8::try_from(random.below(256)).unwrap();
                    }
                    1 => line.truncate(random.below(line.len())),
                    2 => line.extend_from_within(..),
                    _ => {}
                }
                input.extend_from_slice(&line);
                if drive(&mut server, &mut input, &mut random) {
                    break;
                }
            }
            server.handle_eof(Eof::Clean);
            if server.owed().is_some() {
                server.abort();
            }
            assert!(drive(&mut server, &mut input, &mut random), "seed {seed}");
            assert_eq!(server.state(), State::Logout);
        }
    });
}

/// Steps until the machine wants input; whether the connection is over.
fn drive(server: &mut Server, input: &mut BytesMut, random: &mut Random) -> bool {
    for _ in 0..10_000 {
        match server.step(input) {
            Step::Transmit(octets) => assert!(!octets.is_empty()),
            Step::Event(Event::Command(CommandBody::Unknown(_))) => panic!("it was not offered"),
            Step::Event(_) => {}
            Step::NeedInput => {
                assert_eq!(server.owed(), None);
                return false;
            }
            Step::NeedAnswer => {
                assert!(server.owed().is_some() && server.body_left() == 0);
                answer(server, random);
            }
            Step::NeedBody => answer(server, random),
            Step::StartTls => server.tls_started(crate::transcripts::tls()),
            Step::StartDeflate => panic!("nothing is compressed"),
            Step::Close(_) => {
                assert_eq!(server.state(), State::Logout);
                return true;
            }
        }
    }
    panic!("no end in {:?}", server.state());
}

/// What a server says and tells of a script that comes in such pieces.
fn play(script: &[u8], mut cut: impl FnMut() -> usize) -> (Vec<u8>, String) {
    let mut rig = Rig::new(everything());
    let mut told = String::new();
    let mut rest = script;
    loop {
        match rig.server.step(&mut rig.input) {
            Step::Transmit(octets) => rig.said.extend_from_slice(&octets),
            Step::Event(Event::Body(octets)) => told.push_str(&octets.escape_ascii().to_string()),
            Step::Event(event) => told.push_str(&format!("{event:?}\n")),
            Step::NeedAnswer => match rig.server.owed() {
                Some(Owed::Login | Owed::Auth) => rig.server.accept_login().unwrap(),
                Some(Owed::Select) => rig.server.open(&inbox()).unwrap(),
                _ => rig.server.accept().unwrap(),
            },
            Step::NeedInput if !rest.is_empty() => {
                let (piece, behind) = rest.split_at(cut().min(rest.len()));
                rig.input.extend_from_slice(piece);
                rest = behind;
            }
            _ => return (rig.said, told),
        }
    }
}

#[test]
fn all_1_an_imap_server_does_the_same_however_its_input_is_cut() {
    let script = SCRIPT.concat();
    let whole = play(script.as_bytes(), || usize::MAX);
    assert!(
        whole.0.len() > 1_000 && whole.1.contains("AppendEnd"),
        "{}",
        whole.1
    );
    assert_eq!(play(script.as_bytes(), || 1), whole);
    for first in 1..script.len() {
        let mut size = first;
        let split = play(script.as_bytes(), || {
            core::mem::replace(&mut size, usize::MAX)
        });
        assert_eq!(split, whole, "cut at {first}");
    }
    for seed in 0..500 {
        let mut random = Random(seed);
        assert_eq!(
            play(script.as_bytes(), || 1 + random.below(40)),
            whole,
            "seed {seed}"
        );
    }
}
