//! The SCRAM server against the reference exchanges and against everything that is almost one.

use alloc::format;
use alloc::string::String;

use super::{
    BOTH, CLIENT_FINAL, CLIENT_FIRST, CLIENT_NONCE, SCRAM, SERVER_FINAL, SERVER_FIRST,
    SERVER_NONCE, challenge, exporter, keys, refused, scram_server, server_nonce, text,
};
use crate::sasl::{
    BindingType, CertificateHash, ChannelBinding, Delegation, FailKind, FailReason, FinalData,
    Mechanism, Nonce, ScramKeys, Server, ServerConfig, ServerErrorValue, ServerStep, StartError,
    Verdict,
};

/// A server that has sent the challenge of the reference exchange.
fn challenged() -> Server {
    let mut server = scram_server(Mechanism::ScramSha256, &SCRAM);
    let step = server.begin(Some(CLIENT_FIRST.as_bytes()));
    assert!(matches!(step, ServerStep::NeedKeys { .. }));
    assert_eq!(text(&challenge(server.keys(keys()))), SERVER_FIRST);
    server
}

fn first(mechanism: Mechanism, offered: &[Mechanism], message: &str) -> FailReason {
    refused(scram_server(mechanism, offered).begin(Some(message.as_bytes())))
}

#[test]
fn rfc_7677_server_side() {
    let mut server = challenged();
    assert_eq!(
        text(&challenge(server.step(CLIENT_FINAL.as_bytes()))),
        SERVER_FINAL
    );
    let ServerStep::Done(identity) = server.step(b"") else {
        panic!()
    };
    assert_eq!(
        (identity.authcid.as_str(), identity.authzid),
        ("user", None)
    );
    assert_eq!(identity.final_data, None);
    assert_eq!(refused(server.step(b"")), FailReason::OutOfOrder);
}

#[test]
fn the_signature_travels_with_success_where_the_protocol_can() {
    let config = ServerConfig::new(&SCRAM)
        .nonce(server_nonce())
        .final_data(FinalData::WithSuccess);
    let mut server = Server::start(Mechanism::ScramSha256, config).unwrap();
    assert!(challenge(server.begin(None)).is_empty());
    assert!(matches!(
        server.step(CLIENT_FIRST.as_bytes()),
        ServerStep::NeedKeys { .. }
    ));
    challenge(server.keys(keys()));
    let ServerStep::Done(identity) = server.step(CLIENT_FINAL.as_bytes()) else {
        panic!()
    };
    assert_eq!(text(&identity.final_data.unwrap()), SERVER_FINAL);
}

#[test]
fn auth_15_reference_exchange_with_tls_exporter() {
    let mut server = scram_server(Mechanism::ScramSha256Plus, &BOTH);
    let step = server.begin(Some(b"p=tls-exporter,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
    assert!(matches!(step, ServerStep::NeedKeys { .. }));
    challenge(server.keys(keys()));
    let last = format!(
        "c=cD10bHMtZXhwb3J0ZXIsLAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f,\
         r={CLIENT_NONCE}{SERVER_NONCE},p=QC6CS20quADQRb3mT99YUH+n3VJxUvzuK0K0E1Vrs2M="
    );
    let verifier = challenge(server.step(last.as_bytes()));
    assert_eq!(
        text(&verifier),
        "v=2GiAgapEppLVlUXbxUDksL3VgYHzuqiK5tR4mhJGgvs="
    );
}

#[test]
fn auth_15_reference_exchange_with_tls_server_end_point_and_authzid() {
    let end_point =
        ChannelBinding::tls_server_end_point(b"certificate", CertificateHash::Sha384).unwrap();
    assert_eq!(end_point.kind(), BindingType::TlsServerEndPoint);
    let config = ServerConfig::new(&BOTH)
        .nonce(server_nonce())
        .bindings([exporter(), end_point].into())
        .delegation(Delegation::CallerDecides);
    let mut server = Server::start(Mechanism::ScramSha256Plus, config).unwrap();
    let first = "p=tls-server-end-point,a=ad=2Cmin,n=us=3Der,r=rOprNGfwEbeRWgbNEkqO";
    let ServerStep::NeedKeys { authcid, authzid } = server.begin(Some(first.as_bytes())) else {
        panic!()
    };
    assert_eq!(
        (authcid.as_str(), authzid.as_deref()),
        ("us=er", Some("ad,min"))
    );
    challenge(server.keys(keys()));
    let last = format!(
        "c=cD10bHMtc2VydmVyLWVuZC1wb2ludCxhPWFkPTJDbWluLObBXljBScgo+18TYJw/jU1P7jvGnm/5O/qryLvy9kVg\
         ZB5tSBjlx2NJUSlRIBr4Kg==,r={CLIENT_NONCE}{SERVER_NONCE},\
         p=2j7jQZtvBp0U7ZA8XdASvo3UH/MKinIygaQc1PmcEGA="
    );
    let verifier = challenge(server.step(last.as_bytes()));
    assert_eq!(
        text(&verifier),
        "v=PGUtgSx4QtKn4wxIOJKeJgu2fQrRe2lHYvZVUnVgRS4="
    );
    let ServerStep::Done(identity) = server.step(b"") else {
        panic!()
    };
    assert_eq!(identity.authzid.as_deref(), Some("ad,min"));
}

#[test]
fn auth_12_channel_binding_flags_that_do_not_fit_are_refused() {
    let (plain, plus) = (Mechanism::ScramSha256, Mechanism::ScramSha256Plus);
    let rest = ",,n=user,r=rOprNGfwEbeRWgbNEkqO";
    for (mechanism, offered, flag, reason) in [
        (
            plain,
            &BOTH[..],
            "y",
            FailReason::ServerDoesSupportChannelBinding,
        ),
        (
            plus,
            &BOTH,
            "y",
            FailReason::ServerDoesSupportChannelBinding,
        ),
        (plus, &BOTH, "n", FailReason::ChannelBindingNotSupported),
        (
            plain,
            &BOTH,
            "p=tls-exporter",
            FailReason::ChannelBindingNotSupported,
        ),
        (
            plain,
            &SCRAM,
            "p=tls-exporter",
            FailReason::ChannelBindingNotSupported,
        ),
        (
            plus,
            &BOTH,
            "p=unknown",
            FailReason::UnsupportedChannelBindingType,
        ),
        (
            plus,
            &BOTH,
            "p=tls-unique",
            FailReason::UnsupportedChannelBindingType,
        ),
        (
            plus,
            &BOTH,
            "p=tls-server-end-point",
            FailReason::UnsupportedChannelBindingType,
        ),
        (plus, &BOTH, "p=", FailReason::InvalidEncoding),
        (plus, &BOTH, "p", FailReason::InvalidEncoding),
        (plus, &BOTH, "p=tls exporter", FailReason::InvalidEncoding),
        (plus, &BOTH, "P=tls-exporter", FailReason::InvalidEncoding),
        (plain, &SCRAM, "x", FailReason::InvalidEncoding),
        (plain, &SCRAM, "", FailReason::InvalidEncoding),
        (plain, &SCRAM, "N", FailReason::InvalidEncoding),
    ] {
        assert_eq!(
            first(mechanism, offered, &format!("{flag}{rest}")),
            reason,
            "{flag}"
        );
    }
    let without_tls = ServerConfig::new(&BOTH).nonce(server_nonce());
    let error = Server::start(Mechanism::ScramSha256Plus, without_tls).unwrap_err();
    assert_eq!(error, StartError::NoBinding);
    let mut not_offered = scram_server(plain, &SCRAM);
    let step = not_offered.begin(Some(format!("y{rest}").as_bytes()));
    assert!(matches!(step, ServerStep::NeedKeys { .. }));
}

#[test]
fn auth_12_client_first_that_is_almost_one_is_refused() {
    let invalid = FailReason::InvalidEncoding;
    let name = FailReason::InvalidUsernameEncoding;
    let long_nonce = format!("n,,n=user,r={}", "n".repeat(257));
    for (message, reason) in [
        ("", invalid),
        ("n", invalid),
        ("n,", invalid),
        ("n,,", invalid),
        ("n,,n=user", invalid),
        ("n,,n=user,", invalid),
        ("n,,n=user,r=", invalid),
        ("n,,r=abc,n=user", invalid),
        ("n,,n=,r=abc", invalid),
        ("n,,N=user,r=abc", invalid),
        ("n,n=user,r=abc", name),
        ("n,a=,n=user,r=abc", name),
        ("n,b=x,n=user,r=abc", name),
        ("n,,m=x,n=user,r=abc", FailReason::ExtensionsNotSupported),
        ("n,,n=user,r=abc,m=x", FailReason::ExtensionsNotSupported),
        ("n,,n=user,m=x,r=abc", invalid),
        ("n,,n=user,r=abc,r=def", invalid),
        ("n,,n=user,r=abc,p=x", invalid),
        ("n,,n=user,r=abc,", invalid),
        ("n,,n=user,r=abc,x", invalid),
        ("n,,n=user,r=abc,x=", invalid),
        ("n,,n=user,r=abc,1=x", invalid),
        ("n,,n=user,r=a bc", invalid),
        ("n,,n=user,r=a\u{e9}c", invalid),
        ("n,,n=us=2Der,r=abc", name),
        ("n,,n=us=er,r=abc", name),
        ("n,,n=user=,r=abc", name),
        ("n,,n=us=2cer,r=abc", name),
        ("n,,n=us,er,r=abc", invalid),
        ("n,,n=us\ner,r=abc", name),
        ("n,,n=user\0,r=abc", invalid),
        ("n,a=admin,n=user,r=abc", FailReason::AuthorizationRefused),
        (&long_nonce, invalid),
    ] {
        assert_eq!(
            first(Mechanism::ScramSha256, &SCRAM, message),
            reason,
            "{message:?}"
        );
    }
    let mut server = scram_server(Mechanism::ScramSha256, &SCRAM);
    assert_eq!(refused(server.begin(Some(b"n,,n=\xff,r=abc"))), invalid);
}

#[test]
fn unknown_extensions_are_passed_over_and_signed() {
    let mut server = scram_server(Mechanism::ScramSha256, &SCRAM);
    let step = server.begin(Some(b"n,a=user,n=user,r=abc,x=y,Z==="));
    assert!(matches!(step, ServerStep::NeedKeys { authzid: None, .. }));
}

#[test]
fn auth_12_client_final_that_is_almost_one_is_refused() {
    let nonce = format!("{CLIENT_NONCE}{SERVER_NONCE}");
    let proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    let invalid = FailReason::InvalidEncoding;
    let nonce_mismatch = FailReason::NonceMismatch;
    let short = nonce.get(..nonce.len() - 1).unwrap();
    let wrong_proof = "eHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    for (message, reason) in [
        (String::new(), invalid),
        (format!("c=biws,r={nonce}"), invalid),
        (format!("c=biws,r={nonce},p="), invalid),
        (format!("r={nonce},c=biws,p={proof}"), invalid),
        (format!("c=biws,p={proof},r={nonce}"), invalid),
        (format!("c=biws,p={proof}"), invalid),
        (format!("r={nonce},p={proof}"), invalid),
        (format!("c=biws,r={short},p={proof}"), nonce_mismatch),
        (format!("c=biws,r={nonce}x,p={proof}"), nonce_mismatch),
        (format!("c=biws,r={CLIENT_NONCE},p={proof}"), nonce_mismatch),
        (
            format!("c=biws,r={},p={proof}", nonce.to_lowercase()),
            nonce_mismatch,
        ),
        (format!("c=biws,r={nonce},p={proof},x=y"), invalid),
        (format!("c=biws,r={nonce},p=AAAA,p={proof}"), invalid),
        (
            format!("c=biws,r={nonce},m=x,p={proof}"),
            FailReason::ExtensionsNotSupported,
        ),
        (
            format!("c=biws,r={nonce},p={}", proof.get(..43).unwrap()),
            invalid,
        ),
        (
            format!("c=biws,r={nonce},p={}", proof.get(..40).unwrap()),
            invalid,
        ),
        (format!("c=biws,r={nonce},p={proof}AAAA"), invalid),
        (
            format!("c=biws,r={nonce},p=*{}", proof.get(1..).unwrap()),
            invalid,
        ),
        (format!("c=biws,r={nonce},p= {proof}"), invalid),
        (format!("c=biws,r={nonce},p={proof}\0"), invalid),
        (format!("c=biw,r={nonce},p={proof}"), invalid),
        (format!("c=,r={nonce},p={proof}"), invalid),
        (
            format!("c=eSws,r={nonce},p={proof}"),
            FailReason::ChannelBindingsDontMatch,
        ),
        (
            format!("c=biwsAA==,r={nonce},p={proof}"),
            FailReason::ChannelBindingsDontMatch,
        ),
        (
            format!("c=biws,r={nonce},p={wrong_proof}"),
            FailReason::InvalidCredentials,
        ),
        (
            format!("c=biws,r={nonce},x=y,p={proof}"),
            FailReason::InvalidCredentials,
        ),
    ] {
        let mut server = challenged();
        assert_eq!(
            refused(server.step(message.as_bytes())),
            reason,
            "{message}"
        );
        assert_eq!(
            refused(server.step(CLIENT_FINAL.as_bytes())),
            FailReason::OutOfOrder
        );
    }
    assert_eq!(refused(challenged().step(b"c=biws,r=\xff")), invalid);
    assert_eq!(
        refused(challenged().step(&[b'x'; 9_217])),
        FailReason::TooLong { max: 9_216 }
    );
}

#[test]
fn auth_12_binding_data_of_another_session_is_refused() {
    let config = ServerConfig::new(&BOTH)
        .nonce(server_nonce())
        .bindings([ChannelBinding::tls_exporter([9; 32])].into());
    let mut server = Server::start(Mechanism::ScramSha256Plus, config).unwrap();
    let step = server.begin(Some(b"p=tls-exporter,,n=user,r=rOprNGfwEbeRWgbNEkqO"));
    assert!(matches!(step, ServerStep::NeedKeys { .. }));
    challenge(server.keys(keys()));
    let last = format!(
        "c=cD10bHMtZXhwb3J0ZXIsLAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f,\
         r={CLIENT_NONCE}{SERVER_NONCE},p=QC6CS20quADQRb3mT99YUH+n3VJxUvzuK0K0E1Vrs2M="
    );
    let reason = refused(server.step(last.as_bytes()));
    assert_eq!(reason, FailReason::ChannelBindingsDontMatch);
    assert_eq!(
        reason.scram_error(),
        ServerErrorValue::ChannelBindingsDontMatch
    );
    assert_eq!(reason.kind(), FailKind::Refused);
}

#[test]
fn auth_12_the_signature_is_acknowledged_with_nothing() {
    let mut server = challenged();
    challenge(server.step(CLIENT_FINAL.as_bytes()));
    assert_eq!(refused(server.step(b"x")), FailReason::InvalidEncoding);
    assert_eq!(refused(server.step(b"")), FailReason::OutOfOrder);
}

#[test]
fn auth_10_an_unknown_user_takes_the_same_path_to_the_same_end() {
    let ends = |keys: ScramKeys, last: &str| {
        let mut server = scram_server(Mechanism::ScramSha256, &SCRAM);
        let step = server.begin(Some(CLIENT_FIRST.as_bytes()));
        assert!(matches!(step, ServerStep::NeedKeys { .. }));
        let challenge = challenge(server.keys(keys));
        (challenge.len(), refused(server.step(last.as_bytes())))
    };
    let wrong = CLIENT_FINAL.replace("p=dH", "p=eH");
    let dummy = ScramKeys::dummy(b"server secret", "user", 4_096).unwrap();
    assert_eq!(ends(keys(), &wrong), ends(dummy.clone(), &wrong));
    // Even the proof that is right for the real user is only a wrong password here.
    assert_eq!(ends(dummy, CLIENT_FINAL).1, FailReason::InvalidCredentials);
}

#[test]
fn a_back_end_that_does_not_answer_is_no_wrong_password() {
    for (verdict, reason) in [
        (Verdict::Unavailable, FailReason::Unavailable),
        (Verdict::Rejected, FailReason::InvalidCredentials),
        (Verdict::Accepted, FailReason::OutOfOrder),
    ] {
        let mut server = scram_server(Mechanism::ScramSha256, &SCRAM);
        let step = server.begin(Some(CLIENT_FIRST.as_bytes()));
        assert!(matches!(step, ServerStep::NeedKeys { .. }));
        assert_eq!(refused(server.verified(verdict)), reason);
        assert_eq!(refused(server.keys(keys())), FailReason::OutOfOrder);
    }
    let mut server = challenged();
    assert_eq!(
        refused(server.verified(Verdict::Accepted)),
        FailReason::OutOfOrder
    );
}

#[test]
fn auth_26_a_recorded_exchange_proves_nothing_again() {
    // Everything the client said is played back; only the server's nonce is fresh.
    let nonce = Nonce::from_printable("another-nonce-of-ours").unwrap();
    let config = ServerConfig::new(&SCRAM).nonce(nonce);
    let mut server = Server::start(Mechanism::ScramSha256, config).unwrap();
    let step = server.begin(Some(CLIENT_FIRST.as_bytes()));
    assert!(matches!(step, ServerStep::NeedKeys { .. }));
    challenge(server.keys(keys()));
    let reason = refused(server.step(CLIENT_FINAL.as_bytes()));
    assert_eq!(
        (reason, reason.kind()),
        (FailReason::NonceMismatch, FailKind::Refused)
    );

    // Nor does the old proof under the new nonce.
    let nonce = Nonce::from_printable("another-nonce-of-ours").unwrap();
    let config = ServerConfig::new(&SCRAM).nonce(nonce);
    let mut server = Server::start(Mechanism::ScramSha256, config).unwrap();
    let step = server.begin(Some(CLIENT_FIRST.as_bytes()));
    assert!(matches!(step, ServerStep::NeedKeys { .. }));
    challenge(server.keys(keys()));
    let adapted = CLIENT_FINAL.replace(SERVER_NONCE, "another-nonce-of-ours");
    assert_eq!(
        refused(server.step(adapted.as_bytes())),
        FailReason::InvalidCredentials
    );
}

#[test]
fn auth_24_the_exchange_shows_no_keys() {
    let mut server = challenged();
    let mut shown = format!("{server:?}");
    let step = server.step(CLIENT_FINAL.as_bytes());
    shown.push_str(&format!("{server:?} {step:?}"));
    assert!(shown.contains("ScramKeys(4096 iterations, ..)"));
    for secret in [
        "WG5d8oPm",
        "88, 110, 93",
        "wfPLwcE6",
        "193, 243, 203",
        "dHzbZapW",
    ] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}

#[test]
fn auth_17_a_client_cannot_prolong_an_exchange() {
    for mechanism in [Mechanism::ScramSha256, Mechanism::Plain, Mechanism::Login] {
        let mut server = scram_server(mechanism, &[mechanism]);
        let mut step = server.begin(None);
        let mut answers: u8 = 0;
        let answer = |answers| match (mechanism, answers) {
            (Mechanism::ScramSha256, 1) => CLIENT_FIRST,
            (Mechanism::ScramSha256, 2) => CLIENT_FINAL,
            (Mechanism::ScramSha256, _) => "",
            (Mechanism::Plain, _) => "\0user\0x",
            _ => "user",
        };
        loop {
            step = match step {
                ServerStep::Challenge(_) => {
                    answers += 1;
                    server.step(answer(answers).as_bytes())
                }
                ServerStep::NeedKeys { .. } => server.keys(keys()),
                ServerStep::NeedPassword(_) => server.verified(Verdict::Accepted),
                ServerStep::Done(_) => break,
                ServerStep::Fail(reason) => panic!("{mechanism}: {reason}"),
            };
        }
        assert!(answers <= 3, "{mechanism} took {answers}");
        assert!(answers < crate::limits::SASL_STEPS);
        assert_eq!(refused(server.step(b"")), FailReason::OutOfOrder);
    }
}
