//! What transcripts of opening a session cannot show.

use bytes::BytesMut;
use mailwire_core::{
    machine::{Eof, Machine, Step, Upgrade},
    sasl::{self, Nonce},
};
use mailwire_imap::{
    Open, State,
    client::{Misuse, ProtocolError},
    command::{CommandBody, Fields, Names},
    open::{Config, Error, Event, Login},
};

use crate::transcripts_client::tls;

fn login() -> Login {
    let nonce = Nonce::from_printable("rOprNGfwEbeRWgbNEkqO").unwrap();
    Login::new("user", "pencil", nonce).unwrap()
}

fn implicit() -> Open {
    let mut open = Open::new(Config::new(Upgrade::Implicit).with_login(login()));
    open.tls_started(tls());
    open
}

/// Steps until something but `Transmit` and the events of the way comes.
fn hear(open: &mut Open, line: &str) -> Step<Event, Error> {
    let mut input = BytesMut::from(line);
    loop {
        match open.step(&mut input) {
            Step::Transmit(_) | Step::Event(Event::Greeting { .. } | Event::Alert { .. }) => {}
            step => return step,
        }
    }
}

/// The same where the server's next word is waited for.
fn greet(open: &mut Open, line: &str) {
    let step = hear(open, line);
    assert!(matches!(step, Step::NeedInput), "{step:?}");
}

#[test]
fn a_client_that_is_ready_goes_on_where_opening_ended() {
    let mut open = implicit();
    greet(&mut open, "* OK [CAPABILITY IMAP4rev1] ready\r\n");
    let step = hear(&mut open, "A1 OK [CAPABILITY IMAP4rev1] in\r\n");
    let Step::Event(Event::Ready(mut client)) = step else {
        panic!("{step:?}");
    };
    assert_eq!(client.state(), State::Authenticated);
    let mut input = BytesMut::new();
    assert_eq!(client.step(&mut input), Step::NeedInput);
    client.send(CommandBody::Noop).unwrap();
    assert_eq!(
        client.step(&mut input),
        Step::Transmit("A2 NOOP\r\n".into())
    );
    // Until somebody has taken the client, nothing is read.
    assert!(matches!(open.step(&mut input), Step::NeedAnswer));
    assert_eq!(open.patience(), None);
}

#[test]
fn what_comes_with_the_last_reply_is_left_for_the_client() {
    let mut open = implicit();
    greet(&mut open, "* OK [CAPABILITY IMAP4rev1] ready\r\n");
    let mut input = BytesMut::from("A1 OK [CAPABILITY IMAP4rev1] in\r\n* OK [ALERT] hello\r\n");
    let step = open.step(&mut input);
    assert!(matches!(step, Step::Event(Event::Ready(_))), "{step:?}");
    assert_eq!(input, "* OK [ALERT] hello\r\n");
}

#[test]
fn an_alert_with_the_last_reply_is_told_too() {
    let mut open = implicit();
    greet(&mut open, "* OK [CAPABILITY IMAP4rev1] ready\r\n");
    let mut input = BytesMut::from("* CAPABILITY IMAP4rev1\r\nA1 OK [ALERT] quota\r\n");
    let step = open.step(&mut input);
    assert!(matches!(step, Step::Event(Event::Alert { .. })), "{step:?}");
    let step = open.step(&mut input);
    assert!(matches!(step, Step::Event(Event::Ready(_))), "{step:?}");
}

#[test]
fn a_derivation_is_asked_for_once_and_waited_for() {
    let mut open = implicit();
    let greeting = "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=SCRAM-SHA-256] ready\r\n";
    greet(&mut open, greeting);
    let first = "+ cj1yT3ByTkdmd0ViZVJXZ2JORWtxTyVodllEcFdVYTJSYVRDQWZ1eEZJbGopaE5sRiRrMCxzPVcyMlphSjBTTlk3c29Fc1VFamI2Z1E9PSxpPTQwOTY=\r\n";
    let Step::Event(Event::NeedDerivation(derivation)) = hear(&mut open, first) else {
        panic!();
    };
    assert!(matches!(open.step(&mut BytesMut::new()), Step::NeedAnswer));
    let derived = derivation.run();
    open.derived(&derived).unwrap();
    assert_eq!(open.derived(&derived), Err(Misuse::NothingOwed));
}

#[test]
fn auth_16_a_thousand_mechanisms_are_walked_over() {
    let mut open = implicit();
    let names: String = (0..1_000).map(|n| format!(" AUTH=X{n}")).collect();
    let greeting = format!("* OK [CAPABILITY IMAP4rev1{names} SASL-IR AUTH=PLAIN] ready\r\n");
    let mut input = BytesMut::from(&greeting[..]);
    assert!(matches!(
        open.step(&mut input),
        Step::Event(Event::Greeting { .. })
    ));
    let Step::Transmit(sent) = open.step(&mut input) else {
        panic!();
    };
    assert_eq!(sent, "A1 AUTHENTICATE PLAIN AHVzZXIAcGVuY2ls\r\n");
}

#[test]
fn starttls_16_tls_where_clear_text_is_expected_is_no_greeting() {
    let mut open = Open::new(Config::new(Upgrade::Required).with_login(login()));
    // An alert record: what a TLS port says to nonsense.
    let step = hear(&mut open, "\u{15}\u{3}\u{1}\0\u{2}\u{2}\n\r\n");
    let bad = Error::Protocol(ProtocolError::BadGreeting);
    assert!(matches!(step, Step::Close(Err(error)) if error == bad));
}

#[test]
fn starttls_14_no_octet_goes_out_between_the_ok_and_the_handshake() {
    let mut open = Open::new(Config::new(Upgrade::Required).with_login(login()));
    greet(&mut open, "* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n");
    let mut input = BytesMut::from("A1 OK begin\r\n");
    for _ in 0..3 {
        assert!(matches!(open.step(&mut input), Step::StartTls));
    }
    open.handle_eof(Eof::Truncated);
    assert!(matches!(open.step(&mut input), Step::StartTls));
    open.handle_timeout();
    assert!(matches!(open.step(&mut input), Step::Close(Err(_))));
}

#[test]
fn enable_and_id_are_skipped_where_nothing_is_offered() {
    let config = Config::new(Upgrade::Implicit)
        .with_login(login())
        .with_id(Fields::default())
        .with_enable(Names::new(["QRESYNC"]).unwrap());
    let mut open = Open::new(config);
    open.tls_started(tls());
    greet(&mut open, "* OK [CAPABILITY IMAP4rev1] ready\r\n");
    let step = hear(&mut open, "A1 OK [CAPABILITY IMAP4rev1] in\r\n");
    assert!(matches!(step, Step::Event(Event::Ready(_))), "{step:?}");
}

#[test]
fn whether_to_try_again_follows_from_the_code() {
    let refused = |code: &str| {
        let mut open = implicit();
        greet(&mut open, "* OK [CAPABILITY IMAP4rev1] ready\r\n");
        match hear(&mut open, &format!("A1 NO {code} no\r\n")) {
            Step::Close(Err(error)) => error,
            step => panic!("{step:?}"),
        }
    };
    assert!(refused("[UNAVAILABLE]").is_temporary());
    assert!(refused("[INUSE]").is_temporary());
    assert!(!refused("[AUTHENTICATIONFAILED]").is_temporary());
    assert!(!refused("").is_temporary());
    let mechanism = Error::Mechanism(sasl::ChoiceError::TooWeak);
    assert!(!mechanism.is_temporary());
}
