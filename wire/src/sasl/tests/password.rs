//! PLAIN and LOGIN.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{challenge, given_up, refused, response};
use crate::sasl::{
    Client, ClientError, ClientStep, Credentials, Delegation, FailKind, FailReason, Identity,
    InvalidCredentials, Mechanism, PasswordCheck, Server, ServerConfig, ServerStep, StartError,
    Verdict,
};

fn server(mechanism: Mechanism) -> Server {
    let config = ServerConfig::new(&[Mechanism::Plain, Mechanism::Login]);
    Server::start(mechanism, config).unwrap()
}

fn plain(message: &[u8]) -> ServerStep {
    server(Mechanism::Plain).begin(Some(message))
}

fn check(step: ServerStep) -> PasswordCheck {
    match step {
        ServerStep::NeedPassword(check) => check,
        other => panic!("no password: {other:?}"),
    }
}

fn done(step: ServerStep) -> Identity {
    match step {
        ServerStep::Done(identity) => identity,
        other => panic!("not done: {other:?}"),
    }
}

#[test]
fn auth_8_plain_has_two_nuls_and_nothing_empty() {
    for message in [
        &b""[..],
        b"user",
        b"user\0secret",
        b"\0user",
        b"\0user\0secret\0",
        b"a\0b\0c\0d",
        b"\0\0\0",
        b"\0\0",
        b"\0\0secret",
        b"\0user\0",
        b"user\0\0",
        b"\0us\xffer\0secret",
        b"\0user\0\xc3",
        b"\xed\xa0\x80\0user\0secret",
    ] {
        let reason = refused(plain(message));
        assert_eq!(reason, FailReason::InvalidEncoding, "{message:?}");
        assert_eq!(reason.kind(), FailKind::Malformed);
    }
}

#[test]
fn auth_8_a_password_of_one_character_is_a_password() {
    let check = check(plain(b"\0user\0x"));
    assert_eq!((check.authzid, check.authcid.as_str()), (None, "user"));
    assert!(check.password.matches(b"x"));
}

#[test]
fn auth_8_acting_as_somebody_else_is_refused_before_the_password_is_looked_at() {
    assert_eq!(
        refused(plain(b"admin\0user\0secret")),
        FailReason::AuthorizationRefused
    );
    // An authorization identity that says nothing new is not a request.
    assert_eq!(check(plain(b"user\0user\0secret")).authzid, None);

    let config = ServerConfig::new(&[Mechanism::Plain]).delegation(Delegation::CallerDecides);
    let mut server = Server::start(Mechanism::Plain, config).unwrap();
    let check = check(server.begin(Some(b"admin\0user\0secret")));
    assert_eq!(
        (check.authzid.as_deref(), check.authcid.as_str()),
        (Some("admin"), "user")
    );
    let identity = done(server.verified(Verdict::Accepted));
    assert_eq!(identity.authzid.as_deref(), Some("admin"));
}

#[test]
fn auth_8_names_with_control_characters_or_without_end_are_refused() {
    for name in [
        "a\tb",
        "a\nb",
        "a\r\nb",
        "\u{1b}",
        "\u{7f}",
        &"u".repeat(1_025),
    ] {
        let reason = refused(plain(format!("\0{name}\0secret").as_bytes()));
        assert_eq!(reason, FailReason::InvalidUsernameEncoding);
        assert_eq!(reason.kind(), FailKind::Refused);
        let reason = refused(server(Mechanism::Login).begin(Some(name.as_bytes())));
        assert_eq!(reason, FailReason::InvalidUsernameEncoding);
    }
    for name in [
        "%u%{pass}",
        "*)(uid=*",
        "' OR 1=1",
        "../../bob",
        "bob/../al",
    ] {
        assert_eq!(
            check(plain(format!("\0{name}\0x").as_bytes())).authcid,
            name
        );
    }
    let long = [b'u'; 65_536];
    assert_eq!(refused(plain(&long)), FailReason::TooLong { max: 9_216 });
}

#[test]
fn auth_10_unknown_user_and_wrong_password_end_alike() {
    let fail = |message: &[u8]| {
        let mut server = server(Mechanism::Plain);
        check(server.begin(Some(message)));
        refused(server.verified(Verdict::Rejected))
    };
    assert_eq!(fail(b"\0user\0wrong"), fail(b"\0nobody\0wrong"));
    let mut server = server(Mechanism::Plain);
    check(server.begin(Some(b"\0user\0secret")));
    let reason = refused(server.verified(Verdict::Unavailable));
    assert_eq!(reason.kind(), FailKind::Unavailable);
}

#[test]
fn login_asks_twice_or_takes_the_name_with_the_command() {
    let mut server_first = server(Mechanism::Login);
    assert_eq!(challenge(server_first.begin(None)), b"Username:");
    assert_eq!(challenge(server_first.step(b"tim")), b"Password:");
    let mut with_name = server(Mechanism::Login);
    assert_eq!(challenge(with_name.begin(Some(b"tim"))), b"Password:");
    for mut server in [server_first, with_name] {
        let check = check(server.step(b"secret"));
        assert_eq!(check.authcid, "tim");
        assert!(check.password.matches(b"secret"));
        assert_eq!(done(server.verified(Verdict::Accepted)).authcid, "tim");
    }
    for message in [&b""[..], b"\xff"] {
        let reason = refused(server(Mechanism::Login).begin(Some(message)));
        assert_eq!(reason, FailReason::InvalidEncoding);
        let mut server = server(Mechanism::Login);
        challenge(server.begin(Some(b"tim")));
        assert_eq!(refused(server.step(message)), FailReason::InvalidEncoding);
    }
}

#[test]
fn a_call_out_of_order_fails_and_nothing_succeeds_after_it() {
    let mut early = server(Mechanism::Plain);
    assert_eq!(
        refused(early.verified(Verdict::Accepted)),
        FailReason::OutOfOrder
    );
    assert_eq!(refused(early.step(b"\0user\0x")), FailReason::OutOfOrder);

    let mut owed = server(Mechanism::Plain);
    check(owed.begin(Some(b"\0user\0x")));
    assert_eq!(refused(owed.step(b"\0user\0x")), FailReason::OutOfOrder);
    assert_eq!(
        refused(owed.verified(Verdict::Accepted)),
        FailReason::OutOfOrder
    );

    let mut twice = server(Mechanism::Plain);
    check(twice.begin(Some(b"\0user\0x")));
    done(twice.verified(Verdict::Accepted));
    assert_eq!(
        refused(twice.verified(Verdict::Accepted)),
        FailReason::OutOfOrder
    );
    assert_eq!(refused(twice.begin(None)), FailReason::OutOfOrder);
}

#[test]
fn only_what_was_offered_starts() {
    let start = |mechanism| {
        Server::start(
            mechanism,
            ServerConfig::new(&[Mechanism::Plain, Mechanism::ScramSha256]),
        )
        .map(|server| server.mechanism())
    };
    assert_eq!(start(Mechanism::Plain), Ok(Mechanism::Plain));
    assert_eq!(start(Mechanism::Login), Err(StartError::NotOffered));
    assert_eq!(start(Mechanism::ScramSha256), Err(StartError::NoNonce));
}

#[test]
fn auth_23_credentials_that_cannot_be_carried_are_refused() {
    let new = |user: &str, password: &str| Credentials::new(user, password).map(|_| ());
    assert_eq!(new("", "x"), Err(InvalidCredentials::Authcid));
    assert_eq!(new("a\0b", "x"), Err(InvalidCredentials::Authcid));
    assert_eq!(new("user", ""), Err(InvalidCredentials::Password));
    assert_eq!(new("user", "a\0b"), Err(InvalidCredentials::Password));
    assert_eq!(
        new("user", &"p".repeat(4_097)),
        Err(InvalidCredentials::Password)
    );
    assert_eq!(new("user", "x"), Ok(()));
    let credentials = Credentials::new("user", "x").unwrap();
    let error = credentials.acting_as("a\0b").unwrap_err();
    assert_eq!(error, InvalidCredentials::Authzid);
    let proxy = Credentials::new("user", "x")
        .unwrap()
        .acting_as("admin")
        .unwrap();
    assert_eq!(
        Client::login(&proxy).unwrap_err(),
        InvalidCredentials::Authzid
    );
    assert_eq!(
        Client::plain(&proxy).initial_response().unwrap().expose(),
        b"admin\0user\0x"
    );
}

#[test]
fn auth_23_the_longest_credentials_fit_into_one_message() {
    let name = "u".repeat(1_024);
    let password = "p".repeat(4_096);
    let credentials = Credentials::new(&name, &password)
        .unwrap()
        .acting_as(&name)
        .unwrap();
    let message = Client::plain(&credentials).initial_response().unwrap();
    let check = check(plain(message.expose()));
    assert_eq!(check.authcid, name);
    assert!(check.password.matches(password.as_bytes()));
}

#[test]
fn auth_17_a_server_cannot_prolong_plain_or_login() {
    let credentials = Credentials::new("tim", "secret").unwrap();
    let mut client = Client::plain(&credentials);
    assert_eq!(response(client.step(b"")).expose(), b"\0tim\0secret");
    assert_eq!(given_up(client.step(b"")), ClientError::UnexpectedChallenge);
    assert_eq!(
        given_up(client.succeeded(None)),
        ClientError::UnexpectedSuccess
    );

    let mut client = Client::login(&credentials).unwrap();
    assert!(client.initial_response().is_none());
    for sent in [&b"tim"[..], b"secret"] {
        assert_eq!(response(client.step(b"any prompt at all")).expose(), sent);
    }
    assert_eq!(
        given_up(client.step(b"Password:")),
        ClientError::UnexpectedChallenge
    );

    let fresh: [fn(&Credentials) -> Client; 2] = [Client::plain, |credentials| {
        Client::login(credentials).unwrap()
    }];
    for make in fresh {
        let mut client = make(&credentials);
        let mut steps: u8 = 0;
        while let ClientStep::Respond(_) = client.step(b"") {
            steps += 1;
            assert!(steps <= crate::limits::SASL_STEPS);
        }
        let mebibyte: Vec<u8> = [0].repeat(1 << 20);
        let error = given_up(make(&credentials).step(&mebibyte));
        assert_eq!(error, ClientError::ChallengeTooLong { max: 9_216 });
    }
    let mut client = Client::plain(&credentials);
    assert_eq!(
        given_up(client.step(b"hello")),
        ClientError::UnexpectedChallenge
    );
}

#[test]
fn auth_17_success_before_the_secret_was_sent_is_an_error() {
    let credentials = Credentials::new("tim", "secret").unwrap();
    let unexpected = |mut client: Client| given_up(client.succeeded(None));
    assert_eq!(
        unexpected(Client::plain(&credentials)),
        ClientError::UnexpectedSuccess
    );
    let mut client = Client::login(&credentials).unwrap();
    response(client.step(b"Username:"));
    assert_eq!(unexpected(client), ClientError::UnexpectedSuccess);

    let mut client = Client::plain(&credentials);
    client.initial_response().unwrap();
    assert!(client.initial_response().is_none());
    assert!(matches!(client.succeeded(None), ClientStep::Done));
    assert_eq!(given_up(client.step(b"")), ClientError::UnexpectedChallenge);
    assert_eq!(
        given_up(client.succeeded(None)),
        ClientError::UnexpectedSuccess
    );
}

#[test]
fn auth_24_no_step_or_state_shows_the_password() {
    let credentials = Credentials::new("tim", "canary").unwrap();
    let mut shown = Vec::<String>::new();
    shown.push(format!("{credentials:?}"));
    let mut client = Client::plain(&credentials);
    shown.push(format!("{client:?}"));
    let step = client.step(b"");
    shown.push(format!("{step:?} {client:?}"));
    let mut server = server(Mechanism::Plain);
    let step = server.begin(Some(response(step).expose()));
    shown.push(format!("{step:?} {server:?}"));
    let mut client = Client::login(&credentials).unwrap();
    for _ in 0..3 {
        shown.push(format!("{client:?}"));
        shown.push(format!("{:?}", client.step(b"")));
    }
    for reason in [
        FailReason::InvalidCredentials,
        FailReason::InvalidUsernameEncoding,
    ] {
        shown.push(format!("{reason} {reason:?}"));
    }
    assert!(shown.iter().any(|text| text.contains("Secret(..)")));
    for text in shown {
        assert!(
            !text.contains("canary") && !text.contains("Y2FuYXJ5"),
            "{text}"
        );
        assert!(!text.contains("[99, 97, 110"), "{text}");
    }
}
