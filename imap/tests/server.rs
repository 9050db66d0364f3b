//! What the server does by itself, beyond what `transcripts/server` shows.

use std::{num::NonZeroU32, time::Duration};

use bytes::{Bytes, BytesMut};
use mailwire_core::machine::{Eof, Machine, Step};
use mailwire_imap::{
    ClearText, Server, State,
    command::{CommandBody, Mechanism},
    response::{Condition, Fetch, Numbers, Response, Section, Status, Vanished},
    server::{
        Access, Config, Done, Event, Extension, Extensions, Misuse, Owed, ProtocolError, Selected,
        StartTls,
    },
};

use crate::transcripts::tls;

pub(crate) const ONE: NonZeroU32 = NonZeroU32::MIN;

/// A server, what it was sent, what it said and what it told.
pub(crate) struct Rig {
    pub(crate) server: Server,
    pub(crate) input: BytesMut,
    pub(crate) said: Vec<u8>,
    pub(crate) events: Vec<Event>,
    /// What the machine waits for.
    pub(crate) wait: Step<Event, ProtocolError>,
}

impl Rig {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            server: Server::new(config),
            input: BytesMut::new(),
            said: Vec::new(),
            events: Vec::new(),
            wait: Step::NeedInput,
        }
    }

    pub(crate) fn in_state(config: Config, state: State) -> Self {
        let mut rig = Self::new(config);
        rig.run();
        if state == State::Logout {
            rig.say("q LOGOUT");
        } else if state != State::NotAuthenticated {
            rig.say("l LOGIN bob secret");
            rig.server.accept_login().unwrap();
        }
        if state == State::Selected {
            rig.say("s SELECT INBOX");
            rig.server.open(&inbox()).unwrap();
        }
        rig.run();
        rig.forget();
        assert_eq!(rig.server.state(), state);
        rig
    }

    pub(crate) fn forget(&mut self) {
        self.said.clear();
        self.events.clear();
    }

    pub(crate) fn say(&mut self, line: &str) -> &Step<Event, ProtocolError> {
        self.input.extend_from_slice(line.as_bytes());
        self.input.extend_from_slice(b"\r\n");
        self.run()
    }

    /// Steps until the machine waits.
    pub(crate) fn run(&mut self) -> &Step<Event, ProtocolError> {
        loop {
            match self.server.step(&mut self.input) {
                Step::Transmit(octets) => self.said.extend_from_slice(&octets),
                Step::Event(event) => self.events.push(event),
                wait => {
                    self.wait = wait;
                    return &self.wait;
                }
            }
        }
    }

    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&self.said).into_owned()
    }
}

pub(crate) fn everything() -> Config {
    let mut config = Config::new("mail.example.test");
    config.clear_text = ClearText::Permitted;
    config.start_tls = StartTls::Offered;
    config.mechanisms.extend(Mechanism::new(b"PLAIN"));
    config.extensions = Extensions::none().with(Extension::Imap4Rev2);
    for extension in [
        Extension::CondStore,
        Extension::CreateSpecialUse,
        Extension::Id,
        Extension::MultiAppend,
        Extension::Sort,
        Extension::SpecialUse,
        Extension::ThreadReferences,
        Extension::Within,
    ] {
        config.extensions = config.extensions.with(extension);
    }
    config.limits.bad_commands_before_login = 1_000;
    config.limits.bad_commands = 1_000;
    config
}

pub(crate) fn inbox() -> Selected {
    let mut inbox = Selected::new(Access::ReadWrite, ONE, ONE);
    inbox.exists = 9;
    inbox.highest_mod_seq = Some(77);
    inbox
}

/// What becomes of a command that is possible.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    /// The machine answers it.
    Answered,
    /// The application is asked.
    Asked,
}

#[test]
fn imap_21_every_command_in_every_state() {
    use Fate::{Answered, Asked};
    const BEFORE: &[State] = &[State::NotAuthenticated];
    const ANYWHERE: &[State] = &[
        State::NotAuthenticated,
        State::Authenticated,
        State::Selected,
    ];
    const BEHIND: &[State] = &[State::Authenticated, State::Selected];
    const MAILBOX: &[State] = &[State::Selected];

    let table: [(&str, &[State], Fate); 52] = [
        ("CAPABILITY", ANYWHERE, Answered),
        ("LOGOUT", ANYWHERE, Answered),
        ("ID NIL", ANYWHERE, Answered),
        ("STARTTLS", BEFORE, Answered),
        ("AUTHENTICATE PLAIN", BEFORE, Asked),
        ("AUTHENTICATE PLAIN AGJvYgBzZWNyZXQ=", BEFORE, Asked),
        ("LOGIN bob secret", BEFORE, Asked),
        ("ENABLE CONDSTORE", BEHIND, Answered),
        ("SELECT INBOX", BEHIND, Asked),
        ("SELECT INBOX (CONDSTORE)", BEHIND, Asked),
        ("EXAMINE INBOX", BEHIND, Asked),
        ("CREATE x", BEHIND, Asked),
        ("CREATE x (USE (\\Sent))", BEHIND, Asked),
        ("DELETE x", BEHIND, Asked),
        ("RENAME x y", BEHIND, Asked),
        ("SUBSCRIBE x", BEHIND, Asked),
        ("UNSUBSCRIBE x", BEHIND, Asked),
        ("LIST \"\" *", BEHIND, Asked),
        (
            "LIST (SUBSCRIBED) \"\" (a b) RETURN (CHILDREN STATUS (SIZE))",
            BEHIND,
            Asked,
        ),
        ("LSUB \"\" *", BEHIND, Asked),
        ("NAMESPACE", BEHIND, Asked),
        ("STATUS INBOX (MESSAGES DELETED)", BEHIND, Asked),
        ("APPEND INBOX {3}", BEHIND, Asked),
        ("IDLE", BEHIND, Answered),
        ("CHECK", MAILBOX, Asked),
        ("CLOSE", MAILBOX, Asked),
        ("UNSELECT", MAILBOX, Asked),
        ("EXPUNGE", MAILBOX, Asked),
        ("UID EXPUNGE 1", MAILBOX, Asked),
        ("SEARCH ALL", MAILBOX, Asked),
        ("UID SEARCH RETURN (SAVE) OLDER 9", MAILBOX, Asked),
        ("SORT (DATE) UTF-8 ALL", MAILBOX, Asked),
        ("UID SORT (DATE) UTF-8 ALL", MAILBOX, Asked),
        ("THREAD REFERENCES UTF-8 ALL", MAILBOX, Asked),
        ("UID THREAD REFERENCES UTF-8 ALL", MAILBOX, Asked),
        ("FETCH 1 FLAGS", MAILBOX, Asked),
        ("UID FETCH $ (MODSEQ BINARY[1])", MAILBOX, Asked),
        ("STORE 1 FLAGS ()", MAILBOX, Asked),
        (
            "UID STORE 1 (UNCHANGEDSINCE 7) +FLAGS (\\Seen)",
            MAILBOX,
            Asked,
        ),
        ("COPY 1 x", MAILBOX, Asked),
        ("UID COPY 1 x", MAILBOX, Asked),
        ("MOVE 1 x", MAILBOX, Asked),
        ("UID MOVE 1 x", MAILBOX, Asked),
        // Never: unknown, not offered, or not what the grammar says.
        ("XYZZY", &[], Answered),
        ("UID NOOP", &[], Answered),
        ("COMPRESS DEFLATE", &[], Answered),
        ("THREAD ORDEREDSUBJECT UTF-8 ALL", &[], Answered),
        ("LIST \"\" * RETURN (MYRIGHTS)", &[], Answered),
        ("STATUS INBOX (MAILBOXID)", &[], Answered),
        ("FETCH 1 PREVIEW", &[], Answered),
        ("FETCH 0 FLAGS", &[], Answered),
        ("NOOP x", &[], Answered),
    ];
    for (line, places, fate) in table {
        for state in [
            State::NotAuthenticated,
            State::Authenticated,
            State::Selected,
            State::Logout,
        ] {
            let what = format!("{line} in {state}");
            let mut rig = Rig::in_state(everything(), state);
            rig.say(&format!("a {line}"));
            if state == State::Logout {
                assert!(rig.said.is_empty() && rig.events.is_empty(), "{what}");
                assert_eq!(rig.wait, Step::Close(Ok(())), "{what}");
                continue;
            }
            if !places.contains(&state) {
                // A literal that nobody may send is asked for all the same before login, for a
                // server looks at a command when it has it.
                if line.starts_with("APPEND") {
                    rig.say("abc");
                    rig.said.drain(..b"+ go ahead\r\n".len());
                }
                assert!(rig.said().starts_with("a BAD "), "{what}: {}", rig.said());
                assert_eq!(rig.server.owed(), None, "{what}");
                assert_eq!(rig.server.state(), state, "{what}");
                // ALL-2: the next command is served.
                rig.forget();
                rig.say("b CAPABILITY");
                assert!(
                    rig.said().ends_with("b OK CAPABILITY completed\r\n"),
                    "{what}"
                );
                continue;
            }
            assert!(!rig.said().contains("BAD"), "{what}: {}", rig.said());
            let is_asked = rig.server.owed().is_some();
            assert_eq!(is_asked, fate == Asked, "{what}");
        }
    }
    // NOOP is answered before login; behind it there may be news.
    for state in [State::NotAuthenticated, State::Authenticated] {
        let mut rig = Rig::in_state(everything(), state);
        rig.say("a NOOP");
        assert_eq!(
            rig.server.owed().is_some(),
            state != State::NotAuthenticated
        );
    }
}

#[test]
fn imap_22_idle_takes_nothing_but_done() {
    let mut rig = Rig::in_state(everything(), State::Selected);
    for (line, tail) in [
        ("DONE", "a OK IDLE completed\r\n"),
        ("dOnE", "a OK IDLE completed\r\n"),
        ("DONE ", "a BAD expected DONE\r\n"),
        ("a LOGOUT", "a BAD expected DONE\r\n"),
        ("", "a BAD expected DONE\r\n"),
        ("DO\0NE", "a BAD expected DONE\r\n"),
        (&"x".repeat(20_000), "a BAD expected DONE\r\n"),
    ] {
        rig.forget();
        rig.say("a IDLE");
        assert!(matches!(rig.events.pop(), Some(Event::Idle)));
        rig.say(line);
        assert!(rig.said().ends_with(tail), "{line:?}: {}", rig.said());
        assert!(matches!(rig.events.pop(), Some(Event::Done)));
    }
}

#[test]
fn imap_22_updates_are_limited_while_the_client_does_not_read() {
    let mut rig = Rig::in_state(everything(), State::Selected);
    rig.say("a IDLE");
    let mut pushed = 0;
    // The driver does not step while its queue is above its mark.
    while rig.server.push(&Response::Exists(pushed)).is_ok() {
        pushed += 1;
        assert!(rig.server.queued() < 2 << 20);
    }
    assert_eq!(rig.server.push(&Response::Exists(1)), Err(Misuse::Closed));
    rig.forget();
    assert!(matches!(
        rig.run(),
        Step::Close(Err(ProtocolError::SlowReader { .. }))
    ));
    assert!(rig.said().ends_with("* BYE too slow\r\n"));
}

#[test]
fn imap_23_an_answer_in_pieces_waits_for_room() {
    let mut rig = Rig::in_state(everything(), State::Selected);
    rig.say("a FETCH 1:* BODY[]");
    assert_eq!(rig.run(), &Step::NeedAnswer);
    rig.server.stream().unwrap();
    let piece = Bytes::from(vec![b'x'; 64 * 1024]);
    for number in 1..=20 {
        // Nothing waits in the machine when it asks for more.
        assert_eq!(rig.run(), &Step::NeedBody);
        assert_eq!(rig.server.queued(), 0);
        rig.said.clear();
        let fetch = Fetch::builder(NonZeroU32::new(number).unwrap())
            .streamed_section(Section::of(b"").unwrap(), None, 10 * piece.len() as u64)
            .build();
        rig.server.push_fetch(&fetch).unwrap();
        while rig.server.body_left() > 0 {
            rig.server.write_body(piece.clone()).unwrap();
            assert!(rig.server.queued() <= piece.len() + 64);
            let mut handed = false;
            loop {
                match rig.server.step(&mut rig.input) {
                    // Handed on as the slice that it was.
                    Step::Transmit(octets) => handed |= octets.as_ptr() == piece.as_ptr(),
                    wait => break assert_eq!(wait, Step::NeedBody),
                }
            }
            assert!(handed);
        }
    }
    rig.server.accept().unwrap();
    rig.run();
    assert!(rig.said().ends_with("a OK FETCH completed\r\n"));
}

#[test]
fn imap_32_pipelined_commands_are_answered_in_order_and_in_pieces() {
    let mut rig = Rig::in_state(everything(), State::Authenticated);
    let mut expected = 0;
    for number in 0..20_000 {
        // Tags may come again.
        let line = format!("t{} ID NIL\r\n", number % 7);
        rig.input.extend_from_slice(line.as_bytes());
    }
    loop {
        match rig.server.step(&mut rig.input) {
            Step::Transmit(octets) => {
                assert!(octets.len() < 64 * 1024);
                let text = String::from_utf8(octets.to_vec()).unwrap();
                for line in text.lines().filter(|line| line.starts_with('t')) {
                    assert_eq!(line, format!("t{} OK ID completed", expected % 7));
                    expected += 1;
                }
            }
            Step::Event(_) => assert!(rig.server.queued() < 64 * 1024),
            wait => break assert_eq!(wait, Step::NeedInput),
        }
    }
    assert_eq!(expected, 20_000);
    assert!(rig.input.is_empty());
}

#[test]
fn starttls_6_octets_in_clear_are_left_to_the_driver() {
    let mut rig = Rig::in_state(everything(), State::NotAuthenticated);
    assert_eq!(rig.say("a STARTTLS"), &Step::StartTls);
    // What comes in a later segment reaches nobody but the TLS layer.
    assert_eq!(rig.say("b LOGIN mallory x"), &Step::StartTls);
    assert_eq!(rig.input, "b LOGIN mallory x\r\n");
    assert!(rig.events.is_empty());
    assert_eq!(rig.said(), "a OK begin TLS now\r\n");
    assert_eq!(
        rig.server.push(&Response::Exists(1)),
        Err(Misuse::Misplaced)
    );
}

#[test]
fn starttls_17_nothing_said_in_clear_counts_under_tls() {
    let mut rig = Rig::in_state(everything(), State::NotAuthenticated);
    rig.say("a CAPABILITY");
    assert!(rig.said().contains(" STARTTLS"));
    rig.say("b STARTTLS");
    rig.server.tls_started(tls());
    rig.forget();
    rig.say("c CAPABILITY");
    assert!(!rig.said().contains("STARTTLS"));
    assert!(matches!(rig.events.first(), Some(Event::Secured(_))));
    assert_eq!(rig.server.state(), State::NotAuthenticated);
    assert_eq!(rig.server.enabled(), Extensions::none());
}

#[test]
fn starttls_35_the_go_ahead_is_the_last_thing_in_clear() {
    let mut rig = Rig::in_state(everything(), State::NotAuthenticated);
    assert_eq!(rig.say("a STARTTLS"), &Step::StartTls);
    assert!(rig.said.ends_with(b"a OK begin TLS now\r\n"));
    assert_eq!(rig.server.queued(), 0);
    // A client that gives up there is told nothing in clear.
    rig.forget();
    rig.server.shutdown();
    assert_eq!(rig.run(), &Step::Close(Ok(())));
    assert!(rig.said.is_empty());
}

#[test]
fn auth_9_user_names_are_data() {
    for name in [
        "%u%{pass}",
        "*)(uid=*",
        "' OR 1=1",
        "a\tb",
        "a\nb",
        "../../bob",
        "bob/../al",
        "BOB",
        "",
        "\u{e9}",
    ] {
        let mut rig = Rig::in_state(everything(), State::NotAuthenticated);
        rig.say(&format!("a LOGIN {{{}+}}\r\n{name} x", name.len()));
        let Some(Event::Login { user, password }) = rig.events.pop() else {
            panic!("{name:?}: {}", rig.said());
        };
        assert_eq!(&*user, name.as_bytes());
        assert!(password.matches(b"x"));
    }
    // A NUL is in no string (RFC 9051 §9), and a name of 64 KiB is nobody's.
    for line in [
        "a LOGIN {1+}\r\n\0 x".into(),
        format!("a LOGIN {} x", "b".repeat(65_536)),
    ] {
        let mut rig = Rig::in_state(everything(), State::NotAuthenticated);
        rig.say(&line);
        assert!(rig.said().starts_with("a BAD "), "{}", rig.said());
    }
}

#[test]
fn auth_7_a_credential_in_clear_is_not_told() {
    let mut config = everything();
    config.clear_text = ClearText::Forbidden;
    let mut rig = Rig::new(config);
    rig.say("a LOGIN bob canary-4711");
    rig.say("b AUTHENTICATE PLAIN AGJvYgBjYW5hcnktNDcxMQ==");
    assert!(rig.events.is_empty());
    assert!(rig.said().contains("a NO [PRIVACYREQUIRED]"));
    assert!(rig.said().contains("b NO [PRIVACYREQUIRED]"));
}

#[test]
fn all_4_secrets_and_messages_are_in_no_debug_output() {
    let mut shown = String::new();
    let mut rig = Rig::in_state(everything(), State::NotAuthenticated);
    let mut show = |rig: &Rig| {
        shown.push_str(&format!("{:?}{:?}", rig.server, rig.events));
    };
    rig.say("a LOGIN bob canary-4711");
    show(&rig);
    rig.server.reply(&Done::wrong_credentials()).unwrap();
    rig.say("b AUTHENTICATE PLAIN AGJvYgBjYW5hcnktNDcxMQ==");
    show(&rig);
    rig.server.challenge(b"canary-4711").unwrap();
    show(&rig);
    rig.say("Y2FuYXJ5LTQ3MTE=");
    show(&rig);
    rig.server.accept_login().unwrap();
    rig.say("c XYZZY canary-4711");
    rig.say("d APPEND INBOX {11}");
    rig.server.accept().unwrap();
    rig.say("canary-4711");
    show(&rig);
    rig.server.accept().unwrap();
    rig.say("e SELECT INBOX");
    rig.server.open(&inbox()).unwrap();
    rig.say("f FETCH 1 BODY[]");
    let fetch = Fetch::builder(ONE)
        .section(Section::of(b"1").unwrap(), None, Some(b"canary-4711"))
        .streamed_section(Section::of(b"").unwrap(), None, 20)
        .build();
    rig.server.push_fetch(&fetch).unwrap();
    rig.server
        .write_body(Bytes::from_static(b"canary-4711"))
        .unwrap();
    show(&rig);
    assert!(shown.len() > 1_000);
    for secret in ["canary-4711", "Y2FuYXJ5LTQ3MTE", "[99, 97, 110, 97"] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

#[test]
fn all_5_nothing_that_could_steer_a_terminal_is_said() {
    let done = Done::no("\x1b[31mred\r\nb OK \u{202e}x\u{9b}y\0z");
    assert_eq!(done.to_string(), "NO  [31mred  b OK ?x y z");
    assert!(Done::no(&"x".repeat(100_000)).to_string().len() < 300);
    // What begins like a response code is none.
    assert!(Done::no("[ALERT] pay now").code().is_none());
    let mut rig = Rig::new(Config::new("host\r\n* BYE \x1b[0m"));
    rig.run();
    assert!(rig.said().ends_with("] host  * BYE  [0m ready\r\n"));
    let mut rig = Rig::in_state(everything(), State::Authenticated);
    for line in [
        "a \x1b[31mX",
        "a X \x1b]0;title\x07",
        "\x1b[31m NOOP",
        "a FETCH \u{202e}",
    ] {
        rig.say(line);
    }
    assert!(rig.said.is_ascii() && !rig.said.contains(&0x1b) && !rig.said.contains(&7));
}

#[test]
fn expunges_are_told_only_where_numbers_may_change() {
    let expunge = Response::Expunge(ONE);
    let vanished = Response::Vanished(Vanished::now(&"7".parse().unwrap()));
    for (line, may) in [
        ("NOOP", true),
        ("EXPUNGE", true),
        ("UID FETCH 1 FLAGS", true),
        ("UID STORE 1 FLAGS ()", true),
        ("UID SEARCH ALL", true),
        ("COPY 1 x", true),
        ("FETCH 1 FLAGS", false),
        ("STORE 1 FLAGS ()", false),
        ("SEARCH ALL", false),
        ("SORT (DATE) UTF-8 ALL", false),
        ("THREAD REFERENCES UTF-8 ALL", false),
    ] {
        let mut rig = Rig::in_state(everything(), State::Selected);
        assert_eq!(rig.server.push(&expunge), Err(Misuse::Misplaced));
        rig.say(&format!("a {line}"));
        let result = if may { Ok(()) } else { Err(Misuse::Misplaced) };
        assert_eq!(rig.server.push(&expunge), result, "{line}");
        assert_eq!(rig.server.push(&vanished), result, "{line}");
        rig.server.accept().unwrap();
        assert_eq!(rig.server.push(&expunge), Err(Misuse::Misplaced));
    }
    // A command is not in progress while it is being sent (RFC 9051 §7.5.1).
    let mut rig = Rig::in_state(everything(), State::Selected);
    rig.say("a APPEND INBOX {3}");
    assert_eq!(rig.server.push(&expunge), Err(Misuse::Misplaced));
    rig.server.accept().unwrap();
    assert_eq!(rig.server.push(&expunge), Err(Misuse::Misplaced));
    assert_eq!(rig.server.push(&Response::Exists(2)), Ok(()));
    rig.say("abc");
    assert_eq!(rig.server.owed(), Some(Owed::AppendEnd));
    assert_eq!(rig.server.push(&expunge), Ok(()));
}

#[test]
fn what_is_of_a_mailbox_is_told_only_where_one_is_selected() {
    let mut rig = Rig::in_state(everything(), State::Authenticated);
    let search = Response::Search(Numbers::search([ONE], None));
    let tagged = Status::tagged(
        &mailwire_imap::command::Tag::new(b"x").unwrap(),
        Condition::Ok,
        None,
        "y",
    );
    for response in [Response::Exists(1), Response::Recent(1), search] {
        assert_eq!(rig.server.push(&response), Err(Misuse::Misplaced));
    }
    assert_eq!(
        rig.server.push(&Response::Status(tagged)),
        Err(Misuse::Misplaced)
    );
    rig.say("a NOOP");
    assert_eq!(
        rig.server.push(&Response::Exists(1)),
        Err(Misuse::Misplaced)
    );
    assert_eq!(rig.server.owed(), Some(Owed::Command));
}

#[test]
fn every_command_that_enables_condstore_does() {
    for line in [
        "ENABLE CONDSTORE",
        "SELECT x (CONDSTORE)",
        "EXAMINE x (CONDSTORE)",
        "STATUS x (HIGHESTMODSEQ)",
        "FETCH 1 (FLAGS MODSEQ)",
        "UID FETCH 1 FLAGS (CHANGEDSINCE 1)",
        "STORE 1 (UNCHANGEDSINCE 1) FLAGS ()",
        "SEARCH OR SEEN NOT (MODSEQ 9)",
    ] {
        let mut rig = Rig::in_state(everything(), State::Selected);
        assert!(!rig.server.enabled().has(Extension::CondStore));
        rig.say(&format!("a {line}"));
        assert!(rig.server.enabled().has(Extension::CondStore), "{line}");
        // RFC 7162 §3.1: where a mailbox is selected, it is told where that stands.
        let stays = rig.server.state() == State::Selected;
        assert_eq!(rig.said().contains("[HIGHESTMODSEQ 77]"), stays, "{line}");
    }
    let mut rig = Rig::in_state(everything(), State::Selected);
    rig.say("a FETCH 1 FLAGS");
    assert!(!rig.server.enabled().has(Extension::CondStore));
}

#[test]
fn each_phase_has_its_patience() {
    let minutes = |count: u64| Duration::from_secs(count * 60);
    let mut rig = Rig::in_state(everything(), State::NotAuthenticated);
    let patience = |rig: &Rig| rig.server.patience();
    let before = patience(&rig).unwrap();
    assert_eq!(before.limit, minutes(1));
    // A drip of octets gains nothing, a whole command does.
    rig.input.extend_from_slice(b"a NOO");
    rig.run();
    assert_eq!(patience(&rig), Some(before));
    rig.input.extend_from_slice(b"P\r\n");
    rig.run();
    assert_ne!(patience(&rig), Some(before));
    // The application's own time is not on the client's clock.
    rig.say("b LOGIN bob secret");
    assert_eq!(patience(&rig), None);
    rig.server.accept_login().unwrap();
    assert_eq!(patience(&rig).unwrap().limit, minutes(30));
    rig.say("c IDLE");
    assert_eq!(patience(&rig).unwrap().limit, minutes(30));
    rig.say("DONE");
    rig.say("d APPEND INBOX {100}");
    assert_eq!(patience(&rig), None);
    rig.server.accept().unwrap();
    let body = patience(&rig).unwrap();
    assert_eq!(
        (body.limit, body.floor.map(NonZeroU32::get)),
        (minutes(3), Some(64))
    );
    rig.input.extend_from_slice(b"some");
    rig.run();
    assert_eq!(patience(&rig), Some(body));
}

#[test]
fn the_machine_can_be_sent_to_another_thread_and_its_waits_are_levels() {
    const fn is_send<T: Send>() {}
    is_send::<Server>();
    is_send::<Event>();
    let mut rig = Rig::in_state(everything(), State::Selected);
    for line in ["a NOOP", "b IDLE", "DONE", "c APPEND INBOX {3}"] {
        rig.say(line);
        let kind = core::mem::discriminant(&rig.wait);
        assert_eq!(core::mem::discriminant(rig.run()), kind, "{line}");
        if rig.server.owed() == Some(Owed::Command) {
            rig.server.accept().unwrap();
            rig.run();
        }
    }
}

#[test]
fn mechanisms_with_channel_binding_are_offered_where_there_is_one() {
    let mut config = everything();
    config.mechanisms = [&b"SCRAM-SHA-256-PLUS"[..], b"SCRAM-SHA-256"]
        .into_iter()
        .filter_map(Mechanism::new)
        .collect();
    let mut rig = Rig::new(config);
    let names = |rig: &Rig| {
        let names = rig.server.mechanisms().map(|name| name.as_str().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(&rig), ["SCRAM-SHA-256"]);
    let mut info = tls();
    info.exporter = Some([7; 32]);
    rig.server.tls_started(info);
    assert_eq!(names(&rig), ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]);
    rig.run();
    assert!(rig.said().contains("AUTH=SCRAM-SHA-256-PLUS"));
}

#[test]
fn eof_in_order_between_commands_is_no_error() {
    for (state, line, how, is_error) in [
        (State::NotAuthenticated, "", Eof::Clean, false),
        (State::Selected, "", Eof::Clean, false),
        (State::Selected, "", Eof::Truncated, true),
        (State::Selected, "a NO", Eof::Clean, true),
        (State::Selected, "a IDLE\r\n", Eof::Clean, false),
        (State::Selected, "a IDLE\r\nDO", Eof::Clean, true),
        (State::Selected, "a LOGIN {5}\r\nab", Eof::Clean, true),
    ] {
        let mut rig = Rig::in_state(everything(), state);
        rig.input.extend_from_slice(line.as_bytes());
        rig.run();
        rig.server.handle_eof(how);
        let Step::Close(result) = rig.run() else {
            panic!("{line:?}");
        };
        assert_eq!(result.is_err(), is_error, "{line:?}");
        assert_eq!(rig.server.owed(), None);
    }
}

#[test]
fn commands_that_change_a_mailbox_are_refused_where_it_is_read_only() {
    let mut rig = Rig::in_state(everything(), State::Authenticated);
    rig.say("a EXAMINE INBOX");
    rig.server.open(&inbox()).unwrap();
    assert_eq!(rig.server.access(), Some(Access::ReadOnly));
    rig.run();
    for line in [
        "STORE 1 FLAGS ()",
        "EXPUNGE",
        "UID EXPUNGE 1",
        "MOVE 1 x",
        "UID MOVE 1 x",
    ] {
        rig.forget();
        rig.say(&format!("b {line}"));
        assert!(rig.said().starts_with("b NO [READ-ONLY] "), "{line}");
        assert!(rig.events.is_empty());
    }
    // A CLOSE expunges nothing there, which is for the application to know.
    rig.say("c CLOSE");
    assert!(matches!(
        rig.events.pop(),
        Some(Event::Command(CommandBody::Close))
    ));
    rig.server.accept().unwrap();
    assert_eq!(
        (rig.server.access(), rig.server.state()),
        (None, State::Authenticated)
    );
}
