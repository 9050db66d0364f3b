//! The SCRAM client against the reference exchanges and against servers that are none.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{
    CLIENT_FINAL, CLIENT_FIRST, CLIENT_NONCE, SERVER_FINAL, SERVER_FIRST, SERVER_NONCE,
    client_nonce, derivation, exporter, given_up, response, scram_client, text,
};
use crate::sasl::{
    CertificateHash, ChannelBinding, Client, ClientBinding, ClientError, ClientStep, Credentials,
    InvalidCredentials, Mechanism, ServerErrorValue,
};

/// A client that waits for `server-first`.
fn waiting() -> Client {
    let mut client = scram_client(&ClientBinding::Unsupported);
    assert_eq!(
        text(client.initial_response().unwrap().expose()),
        CLIENT_FIRST
    );
    client
}

/// A client that has proved itself and waits for the server to do so.
fn proved() -> Client {
    let mut client = waiting();
    let derived = derivation(client.step(SERVER_FIRST.as_bytes())).run();
    assert_eq!(
        text(response(client.derived(&derived)).expose()),
        CLIENT_FINAL
    );
    client
}

fn server_first(salt: &str, iterations: &str) -> ClientError {
    let message = format!("r={CLIENT_NONCE}{SERVER_NONCE},s={salt},i={iterations}");
    given_up(waiting().step(message.as_bytes()))
}

#[test]
fn rfc_7677_client_side() {
    let mut client = proved();
    assert!(
        response(client.step(SERVER_FINAL.as_bytes()))
            .expose()
            .is_empty()
    );
    assert!(matches!(client.succeeded(None), ClientStep::Done));

    let mut with_success = proved();
    assert!(matches!(
        with_success.succeeded(Some(SERVER_FINAL.as_bytes())),
        ClientStep::Done
    ));

    let mut without_initial = scram_client(&ClientBinding::Unsupported);
    assert_eq!(
        text(response(without_initial.step(b"")).expose()),
        CLIENT_FIRST
    );
}

#[test]
fn auth_15_reference_exchange_with_tls_exporter() {
    let mut client = scram_client(&ClientBinding::Use(exporter()));
    assert_eq!(client.mechanism(), Mechanism::ScramSha256Plus);
    let first = client.initial_response().unwrap();
    assert_eq!(
        text(first.expose()),
        "p=tls-exporter,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    );
    let derived = derivation(client.step(SERVER_FIRST.as_bytes())).run();
    assert_eq!(
        text(response(client.derived(&derived)).expose()),
        format!(
            "c=cD10bHMtZXhwb3J0ZXIsLAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f,\
             r={CLIENT_NONCE}{SERVER_NONCE},p=QC6CS20quADQRb3mT99YUH+n3VJxUvzuK0K0E1Vrs2M="
        )
    );
    let verifier = b"v=2GiAgapEppLVlUXbxUDksL3VgYHzuqiK5tR4mhJGgvs=";
    assert!(response(client.step(verifier)).expose().is_empty());
}

#[test]
fn auth_15_reference_exchange_with_tls_server_end_point_and_authzid() {
    let end_point =
        ChannelBinding::tls_server_end_point(b"certificate", CertificateHash::Sha384).unwrap();
    let credentials = Credentials::new("us=er", "pencil")
        .unwrap()
        .acting_as("ad,min")
        .unwrap();
    let binding = ClientBinding::Use(end_point);
    let mut client = Client::scram_sha_256(&credentials, client_nonce(), &binding).unwrap();
    assert_eq!(
        text(client.initial_response().unwrap().expose()),
        "p=tls-server-end-point,a=ad=2Cmin,n=us=3Der,r=rOprNGfwEbeRWgbNEkqO"
    );
    let derived = derivation(client.step(SERVER_FIRST.as_bytes())).run();
    let last = text(response(client.derived(&derived)).expose());
    assert!(
        last.ends_with(",p=2j7jQZtvBp0U7ZA8XdASvo3UH/MKinIygaQc1PmcEGA="),
        "{last}"
    );
}

#[test]
fn auth_15_a_client_that_could_bind_says_so() {
    let mut client = scram_client(&ClientBinding::NotOffered);
    assert_eq!(client.mechanism(), Mechanism::ScramSha256);
    assert!(
        client
            .initial_response()
            .unwrap()
            .expose()
            .starts_with(b"y,,")
    );
}

#[test]
fn auth_13_iterations_out_of_bounds_are_refused_before_any_work() {
    let salt = "W22ZaJ0SNY7soEsUEjb6gQ==";
    for few in ["0", "1", "4095"] {
        let error = server_first(salt, few);
        assert_eq!(error, ClientError::TooFewIterations { min: 4_096 }, "{few}");
    }
    for many in [
        "2000001",
        "4294967295",
        "4294967296",
        "99999999999",
        &"9".repeat(1_000),
    ] {
        let error = server_first(salt, many);
        assert_eq!(
            error,
            ClientError::TooManyIterations { max: 2_000_000 },
            "{many}"
        );
    }
    for nonsense in [
        "", "-1", "+4096", "04096", "4096.0", "4096 ", "0x1000", "\u{664}",
    ] {
        assert_eq!(
            server_first(salt, nonsense),
            ClientError::Malformed,
            "{nonsense}"
        );
    }
    for permitted in [4_096, 2_000_000] {
        let message = format!("r={CLIENT_NONCE}{SERVER_NONCE},s={salt},i={permitted}");
        let derivation = derivation(waiting().step(message.as_bytes()));
        assert_eq!(derivation.iterations(), permitted);
    }
}

#[test]
fn auth_13_salts_out_of_bounds_are_refused() {
    for salt in [
        "",
        "====",
        "W22ZaJ0SNY7soEsUEjb6gQ",
        "W22ZaJ0SNY7soEsUEjb6gR==",
        "a b=",
        "*",
    ] {
        assert_eq!(
            server_first(salt, "4096"),
            ClientError::InvalidSalt,
            "{salt}"
        );
    }
    assert_eq!(
        server_first(&"AAAA".repeat(342), "4096"),
        ClientError::InvalidSalt
    );
    let mebibyte = server_first(&"A".repeat(1 << 20), "4096");
    assert_eq!(mebibyte, ClientError::ChallengeTooLong { max: 9_216 });
}

#[test]
fn auth_12_server_first_that_is_almost_one_is_refused() {
    let rest = "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    let nonce = format!("{CLIENT_NONCE}{SERVER_NONCE}");
    let long = format!("{CLIENT_NONCE}{}", "n".repeat(500));
    for (message, error) in [
        (String::new(), ClientError::Malformed),
        (rest.into(), ClientError::Malformed),
        (format!("r={nonce}"), ClientError::Malformed),
        (format!("r={nonce},i=4096,s=AAAA"), ClientError::Malformed),
        (format!("r={nonce},s=AAAA"), ClientError::Malformed),
        (format!("s=AAAA,r={nonce},i=4096"), ClientError::Malformed),
        (format!("r={nonce},{rest},"), ClientError::Malformed),
        (format!("r={nonce},{rest},i=4096"), ClientError::Malformed),
        (format!("r={nonce},{rest}\0"), ClientError::Malformed),
        (format!("r={nonce}\u{e9},{rest}"), ClientError::Malformed),
        (format!("r={long},{rest}"), ClientError::Malformed),
        (
            format!("m=x,r={nonce},{rest}"),
            ClientError::MandatoryExtension,
        ),
        (
            format!("r={nonce},{rest},m=x"),
            ClientError::MandatoryExtension,
        ),
        (
            format!("r={CLIENT_NONCE},{rest}"),
            ClientError::NonceMismatch,
        ),
        (format!("r=x{nonce},{rest}"), ClientError::NonceMismatch),
        (
            format!("r={},{rest}", nonce.to_uppercase()),
            ClientError::NonceMismatch,
        ),
        (
            format!("r={SERVER_NONCE},{rest}"),
            ClientError::NonceMismatch,
        ),
        (
            "e=unknown-user".into(),
            ClientError::Refused(ServerErrorValue::UnknownUser),
        ),
        (
            "e=new,x=y".into(),
            ClientError::Refused(ServerErrorValue::OtherError),
        ),
    ] {
        let mut client = waiting();
        assert_eq!(
            given_up(client.step(message.as_bytes())),
            error,
            "{message}"
        );
        assert_eq!(
            given_up(client.step(SERVER_FIRST.as_bytes())),
            ClientError::UnexpectedChallenge
        );
    }
    assert_eq!(given_up(waiting().step(b"r=\xff")), ClientError::Malformed);
    let step = waiting().step(format!("{SERVER_FIRST},x=y").as_bytes());
    assert!(matches!(step, ClientStep::NeedDerivation(_)));
}

#[test]
fn auth_12_a_server_that_does_not_know_the_password_is_found_out() {
    for (message, error) in [
        (
            "v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
            ClientError::InvalidServerSignature,
        ),
        ("v=", ClientError::Malformed),
        ("v=AAAA", ClientError::Malformed),
        ("", ClientError::Malformed),
        ("ok", ClientError::Malformed),
        (
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4",
            ClientError::Malformed,
        ),
        (
            "e=invalid-proof",
            ClientError::Refused(ServerErrorValue::InvalidProof),
        ),
        ("e=", ClientError::Malformed),
    ] {
        assert_eq!(
            given_up(proved().step(message.as_bytes())),
            error,
            "{message}"
        );
        assert_eq!(
            given_up(proved().succeeded(Some(message.as_bytes()))),
            error,
            "{message}"
        );
    }
}

#[test]
fn auth_17_success_before_the_signature_is_an_error() {
    let unexpected = |mut client: Client| given_up(client.succeeded(None));
    let mut deriving = waiting();
    derivation(deriving.step(SERVER_FIRST.as_bytes()));
    for client in [
        scram_client(&ClientBinding::Unsupported),
        waiting(),
        deriving,
        proved(),
    ] {
        assert_eq!(unexpected(client), ClientError::UnexpectedSuccess);
    }
    let error = given_up(waiting().succeeded(Some(SERVER_FINAL.as_bytes())));
    assert_eq!(error, ClientError::UnexpectedSuccess);
    // Data that nobody checks is not accepted on top of a signature that was.
    let mut client = proved();
    response(client.step(SERVER_FINAL.as_bytes()));
    let error = given_up(client.succeeded(Some(SERVER_FINAL.as_bytes())));
    assert_eq!(error, ClientError::UnexpectedSuccess);
}

#[test]
fn auth_17_a_server_cannot_prolong_the_exchange() {
    let mut client = proved();
    response(client.step(SERVER_FINAL.as_bytes()));
    let again = given_up(client.step(SERVER_FINAL.as_bytes()));
    assert_eq!(again, ClientError::UnexpectedChallenge);
    assert_eq!(
        given_up(client.succeeded(None)),
        ClientError::UnexpectedSuccess
    );

    let mut client = scram_client(&ClientBinding::Unsupported);
    assert_eq!(
        given_up(client.step(b"x")),
        ClientError::UnexpectedChallenge
    );
    assert!(client.initial_response().is_none());

    let mebibyte: Vec<u8> = [b'x'].repeat(1 << 20);
    for mut client in [
        scram_client(&ClientBinding::Unsupported),
        waiting(),
        proved(),
    ] {
        let error = given_up(client.step(&mebibyte));
        assert_eq!(error, ClientError::ChallengeTooLong { max: 9_216 });
    }
}

#[test]
fn a_call_out_of_order_gives_up() {
    let mut deriving = waiting();
    let derived = derivation(deriving.step(SERVER_FIRST.as_bytes())).run();
    assert_eq!(given_up(deriving.step(b"")), ClientError::OutOfOrder);
    assert_eq!(
        given_up(deriving.derived(&derived)),
        ClientError::OutOfOrder
    );
    assert_eq!(
        given_up(waiting().derived(&derived)),
        ClientError::OutOfOrder
    );
}

#[test]
fn auth_23_strings_that_cannot_be_prepared_are_refused() {
    let client = |user: &str, password: &str| {
        let credentials = Credentials::new(user, password).unwrap();
        Client::scram_sha_256(&credentials, client_nonce(), &ClientBinding::Unsupported)
            .map(|client| client.mechanism())
    };
    assert_eq!(client("a\tb", "x"), Err(InvalidCredentials::Authcid));
    assert_eq!(client("user", "a\u{7}b"), Err(InvalidCredentials::Password));
    assert_eq!(
        client("user", "\u{1f512}"),
        Err(InvalidCredentials::Password)
    );
    assert_eq!(
        client("user", "a\u{5d0}"),
        Err(InvalidCredentials::Password)
    );
    assert_eq!(client("user", "x"), Ok(Mechanism::ScramSha256));
    assert_eq!(
        client("user", &"p".repeat(1_000)),
        Ok(Mechanism::ScramSha256)
    );
}

#[test]
fn auth_24_the_exchange_shows_no_password_and_no_proof() {
    let credentials = Credentials::new("user", "canary").unwrap();
    let binding = ClientBinding::Unsupported;
    let mut client = Client::scram_sha_256(&credentials, client_nonce(), &binding).unwrap();
    let mut shown = format!("{client:?}");
    shown.push_str(&format!("{:?}{client:?}", client.initial_response()));
    let step = client.step(SERVER_FIRST.as_bytes());
    shown.push_str(&format!("{step:?}{client:?}"));
    let derived = derivation(step).run();
    shown.push_str(&format!(
        "{derived:?}{:?}{client:?}",
        client.derived(&derived)
    ));
    assert!(shown.contains("Secret(..)"));
    assert!(
        !shown.contains("canary") && !shown.contains("p="),
        "{shown}"
    );
}
