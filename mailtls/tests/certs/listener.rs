//! The TLS configuration of a listener.

use std::sync::Arc;

use mailtls::{
    Tls,
    certs::{CertStore, Entry, MinVersion, Resumption, ServerTls},
    level::Level,
    provider::Provider,
    upgrade::{UpgradeError, implicit},
    verify::{ClientTls, ClientTlsBuilder, VerifyError},
};
use mailwire_core::machine::PeerVerification;
use rustls::{
    AlertDescription, HandshakeKind, ServerConfig,
    pki_types::ServerName,
    version::{TLS12, TLS13},
};

use super::{NAME, connect, memory, one_version, store, trusting};
use crate::pki::{Ca, handshake, providers};

fn kinds(tls: &ClientTls, server: &Arc<ServerConfig>) -> [HandshakeKind; 2] {
    [0, 1].map(|_| connect(tls, server).client.handshake_kind().unwrap())
}

#[test]
fn s21_s20_resumption_is_off_unless_asked_for() {
    use HandshakeKind::{Full, Resumed};

    let ca = Ca::new("our authority");
    for provider in providers() {
        let entry = Entry::new(memory(&ca.leaf(&[NAME])));
        let store = CertStore::load([entry], provider.clone()).unwrap();
        // A level that does not verify, because one that does never resumes.
        let client = || {
            ClientTlsBuilder::new(Level::May, NAME.parse().unwrap(), provider.clone())
                .build()
                .unwrap()
        };
        for (version, resumption, second) in [
            (MinVersion::Tls12, Resumption::Off, Full),
            (MinVersion::Tls13, Resumption::Off, Full),
            (
                MinVersion::Tls12,
                Resumption::Memory { sessions: 16 },
                Resumed,
            ),
            (
                MinVersion::Tls13,
                Resumption::Memory { sessions: 16 },
                Resumed,
            ),
        ] {
            let server = ServerTls::new(store.clone())
                .min_version(version)
                .resumption(resumption)
                .build()
                .unwrap();
            // Off means neither remembered here nor handed out.
            let on = second == Resumed;
            assert_eq!(server.session_storage.can_cache(), on);
            assert_eq!(server.send_tls13_tickets > 0, on);
            assert_eq!(
                kinds(&client(), &server),
                [Full, second],
                "{version:?} {resumption:?}"
            );
        }

        // STARTTLS-27: a session of one listener means nothing to another.
        let listener = || {
            ServerTls::new(store.clone())
                .resumption(Resumption::Memory { sessions: 16 })
                .build()
                .unwrap()
        };
        let client = client();
        assert_eq!(kinds(&client, &listener()), [Full, Resumed]);
        assert_eq!(kinds(&client, &listener())[0], Full);
    }
}

#[test]
fn s22_a_session_is_resumed_under_its_own_name_only() {
    let ca = Ca::new("our authority");
    let leaf = ca.leaf(&["a.example", "b.example"]);
    for version in [&TLS12, &TLS13] {
        let server = ServerTls::new(store([Entry::new(memory(&leaf))]))
            .resumption(Resumption::Memory { sessions: 16 })
            .build()
            .unwrap();
        let config = one_version(&Provider::default(), version, &ca);
        let kind = |name: &'static str| {
            let name = ServerName::try_from(name).unwrap();
            let pair = handshake(Arc::clone(&config), name, &server).unwrap();
            pair.server.handshake_kind().unwrap()
        };
        assert_eq!(kind("a.example"), HandshakeKind::Full);
        assert_eq!(kind("a.example"), HandshakeKind::Resumed);
        assert_eq!(kind("b.example"), HandshakeKind::Full);
    }
}

#[test]
fn s23_early_data_is_off_and_s45_tls_1_2_is_the_oldest() {
    let ca = Ca::new("our authority");
    let leaf = ca.leaf(&[NAME]);
    for provider in providers() {
        let store = CertStore::load([Entry::new(memory(&leaf))], provider.clone()).unwrap();
        let any = ServerTls::new(store.clone()).build().unwrap();
        let new = ServerTls::new(store)
            .min_version(MinVersion::Tls13)
            .build()
            .unwrap();
        assert_eq!((any.max_early_data_size, new.max_early_data_size), (0, 0));
        let name = || ServerName::try_from(NAME).unwrap();
        for (version, server, works) in [
            (&TLS12, &any, true),
            (&TLS13, &any, true),
            (&TLS12, &new, false),
            (&TLS13, &new, true),
        ] {
            let client = one_version(&provider, version, &ca);
            assert_eq!(
                handshake(client, name(), server).is_ok(),
                works,
                "{version:?}"
            );
        }
    }
}

#[test]
fn s24_s25_no_client_certificate_is_asked_for() {
    let ca = Ca::new("our authority");
    let server = ServerTls::new(store([Entry::new(memory(&ca.leaf(&[NAME])))]))
        .build()
        .unwrap();
    let pair = connect(&trusting(&ca, NAME, &Provider::default()), &server);
    assert_eq!(pair.server.peer_certificates(), None);
}

#[test]
fn starttls_29_alpn_on_implicit_tls() {
    let ca = Ca::new("our authority");
    let store = store([Entry::new(memory(&ca.leaf(&[NAME])))]);
    let implicit = ServerTls::new(store.clone())
        .alpn(["pop3"])
        .build()
        .unwrap();
    let starttls = ServerTls::new(store).build().unwrap();
    for (offered, chosen) in [
        (&[][..], Ok(None)),
        (&["pop3"], Ok(Some("pop3"))),
        (&["imap", "pop3"], Ok(Some("pop3"))),
        (&["http/1.1"], Err(AlertDescription::NoApplicationProtocol)),
        (&["h2", "ftp"], Err(AlertDescription::NoApplicationProtocol)),
    ] {
        let client = ClientTls::builder(Level::May, NAME.parse().unwrap())
            .alpn(offered.iter().copied())
            .build()
            .unwrap();
        let result = handshake(client.config(), client.server_name(), &implicit);
        match (result, chosen) {
            (Ok(pair), Ok(chosen)) => {
                assert_eq!(pair.server.alpn_protocol(), chosen.map(str::as_bytes));
            }
            (Err(failure), Err(alert)) => {
                assert_eq!(
                    failure.at_server.as_deref(),
                    Some(&rustls::Error::NoApplicationProtocol)
                );
                assert_eq!(failure.alert_to_client(), Some(alert));
            }
            (result, _) => panic!("{offered:?}: {result:?}"),
        }
        // Under STARTTLS whatever is offered is tolerated.
        let pair = connect(&client, &starttls);
        assert_eq!(pair.server.alpn_protocol(), None);
    }
}

#[tokio::test]
async fn a_session_says_what_its_level_stands_for() {
    let ca = Ca::new("our authority");
    let store = store([Entry::new(memory(&ca.leaf(&[NAME])))]);
    let listener = Tls::server(ServerTls::new(store).build().unwrap());
    let may = ClientTls::builder(Level::May, NAME.parse().unwrap())
        .build()
        .unwrap();
    let secure = trusting(&ca, NAME, &Provider::default());
    let nobody = trusting(&Ca::new("somebody else"), NAME, &Provider::default());
    for (tls, expected) in [
        (may, Some(PeerVerification::NotChecked)),
        (secure, Some(PeerVerification::Verified)),
        (nobody, None),
    ] {
        let (near, far) = tokio::io::duplex(1 << 16);
        let tls = Tls::from(&tls);
        let (client, server) = tokio::join!(implicit(near, &tls), implicit(far, &listener));
        match (client, expected) {
            (Ok(client), Some(expected)) => {
                assert_eq!(client.tls_info().unwrap().verification, expected);
                let seen = server.unwrap().tls_info().unwrap();
                assert_eq!(seen.server_name.as_deref(), Some(NAME));
                assert_eq!(seen.verification, PeerVerification::NoCertificate);
            }
            (Err(UpgradeError::Handshake(error)), None) => {
                let error = VerifyError::from_tls(error.fault().unwrap().rustls());
                assert_eq!(error, Some(VerifyError::Untrusted));
            }
            (client, _) => panic!("{client:?}"),
        }
    }
}
