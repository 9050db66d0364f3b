//! Nothing that a log may print has a secret in it, and no key leaves by the back door.

use std::{fmt::Debug, sync::Arc};

use bytes::Bytes;
use mailtls::{
    Connection, Tls, Turn,
    certs::{CertStore, Entry, Resumption, ServerTls, Source},
    level::Level,
    provider::Provider,
    verify::{ClientTlsBuilder, Roots},
};
use mailwire_core::base64;
use rustls::{KeyLog, RootCertStore, ServerConfig};
use tokio::io::duplex;

use crate::{
    pki::{Ca, Leaf, providers},
    support::{
        cut::impatient,
        lines::{Client, Event, Server},
        tls,
    },
};

const NAME: &str = "mail.example.test";
const CANARY: &str = "canary-of-the-application-41c7";

/// Every way in which octets are printed by those who don't think.
fn shapes(secret: &[u8]) -> Vec<String> {
    let list = |show: fn(&u8) -> String, between| {
        let all: Vec<_> = secret.iter().map(show).collect();
        all.join(between)
    };
    let mut shapes = vec![
        list(u8::to_string, ", "),
        list(|octet| format!("{octet:02x}"), ""),
        list(|octet| format!("{octet:02X}"), ""),
        list(|octet| format!("{octet:02x}"), ":"),
        secret.escape_ascii().to_string(),
    ];
    for shift in 0..3 {
        let coded = base64::encode(&[&[0; 2][..shift], secret].concat());
        // The first and the last group depend on the neighbours.
        shapes.push(coded.as_str()[4..coded.len() - 4].to_owned());
    }
    shapes
}

fn assert_hidden(what: &str, shown: &str, secrets: &[&[u8]]) {
    for secret in secrets {
        for shape in shapes(secret) {
            assert!(!shown.contains(&shape), "{what} shows a secret: {shown}");
        }
    }
}

/// A stretch from the middle of the private number of a P-256 key in PKCS #8 (RFC 5915 §3): far from
/// the algorithm, which is no secret, and from the public key.
fn secret_of(leaf: &Leaf) -> Vec<u8> {
    let der = leaf.key.serialize_der();
    let number = der.windows(4).position(|w| w == [2, 1, 1, 4]).unwrap() + 5;
    der[number + 4..number + 28].to_vec()
}

fn shown(value: &impl Debug) -> String {
    format!("{value:?} {value:#?}")
}

struct Setup {
    leaf: Leaf,
    store: CertStore,
    server: Arc<ServerConfig>,
    client: ClientTlsBuilder,
}

fn setup(provider: &Provider) -> Setup {
    let ca = Ca::new("our authority");
    let leaf = ca.leaf(&[NAME]);
    let source = Source::memory("in memory", leaf.pem());
    let store = CertStore::load([Entry::new(source)], provider.clone()).unwrap();
    let server = ServerTls::new(store.clone()).resumption(Resumption::Memory { sessions: 8 });
    let mut roots = RootCertStore::empty();
    roots.add(ca.der()).unwrap();
    let roots = Roots::from_store(Arc::new(roots)).unwrap();
    let name = NAME.parse().unwrap();
    Setup {
        leaf,
        store,
        server: server.build().unwrap(),
        client: ClientTlsBuilder::new(Level::Secure, name, provider.clone()).roots(roots),
    }
}

#[test]
fn starttls_36_no_configuration_shows_a_key() {
    // What is looked for can be found.
    let found = std::panic::catch_unwind(|| assert_hidden("itself", "1, 2, 3", &[&[1, 2, 3]]));
    assert!(found.is_err());

    for provider in providers() {
        let setup = setup(&provider);
        let secret = secret_of(&setup.leaf);
        let source = Source::memory("in memory", setup.leaf.pem());
        let entry = Entry::new(source.clone());
        let client = setup.client.clone().build().unwrap();
        let spoilt = Source::memory("spoilt", setup.leaf.pem().replace("KEY-----", "KEY----"));
        let spoilt = CertStore::load([Entry::new(spoilt)], provider.clone()).unwrap_err();
        let twice = Source::memory("twice", setup.leaf.pem() + &setup.leaf.key_pem());
        let twice = CertStore::load([Entry::new(twice)], provider.clone()).unwrap_err();
        for (what, shown) in [
            ("a source", shown(&source)),
            ("an entry", shown(&entry)),
            ("the store", shown(&setup.store)),
            ("a listener", shown(&ServerTls::new(setup.store.clone()))),
            ("what rustls serves with", shown(&setup.server)),
            ("a client", shown(&setup.client)),
            ("a client that is made", shown(&client)),
            ("what rustls connects with", shown(&client.config())),
            (
                "a server's upgrade",
                shown(&Tls::server(Arc::clone(&setup.server))),
            ),
            ("a client's upgrade", shown(&Tls::from(&client))),
            ("an error", format!("{spoilt} {}", shown(&spoilt))),
            ("another error", format!("{twice} {}", shown(&twice))),
            ("a provider", shown(&provider)),
        ] {
            assert_hidden(what, &shown, &[&secret, b"PRIVATE KEY"]);
        }
    }
}

fn logs(log: &dyn KeyLog) -> bool {
    let labels = [
        "CLIENT_RANDOM",
        "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        "CLIENT_TRAFFIC_SECRET_0",
        "SERVER_TRAFFIC_SECRET_0",
        "EXPORTER_SECRET",
    ];
    labels.iter().any(|label| log.will_log(label))
}

#[test]
fn starttls_36_no_configuration_of_ours_logs_keys() {
    for provider in providers() {
        let setup = setup(&provider);
        // `KeyLogFile` would look at the environment; this one looks at nothing.
        assert_eq!(format!("{:?}", setup.server.key_log), "NoKeyLog");
        assert!(!logs(&*setup.server.key_log));
        assert!(!setup.server.enable_secret_extraction);
        let may = ClientTlsBuilder::new(Level::May, NAME.parse().unwrap(), provider.clone());
        for client in [setup.client, may] {
            let config = client.build().unwrap().config();
            assert_eq!(format!("{:?}", config.key_log), "NoKeyLog");
            assert!(!logs(&*config.key_log));
            assert!(!config.enable_secret_extraction);
        }
    }
}

#[tokio::test]
async fn starttls_36_a_session_shows_neither_its_keys_nor_what_passes() {
    let (ours, theirs) = duplex(64 * 1024);
    let mut client = Connection::new(ours, Client::new(), tls::client());
    let mut server = Connection::new(theirs, Server::new(), tls::server());
    let ask = async {
        assert_eq!(client.turn().await, Ok(Event::line("220 ready")));
        client.machine().send("STARTTLS");
        client.turn().await
    };
    let started = tokio::join!(ask, server.turn());
    assert_eq!(started.0, Ok(Turn::Event(Event::TlsStarted)));

    // A line is in the server's buffer, and one in its queue.
    client.machine().send("first");
    client.machine().send(CANARY);
    assert_eq!(impatient(client.turn(), 3).await, None);
    assert_eq!(server.turn().await, Ok(Event::line("first")));
    server.machine().core.say(CANARY);
    let info = server.tls_info().unwrap();
    let exporter = info.exporter.unwrap();
    let end_point = info.end_point.clone().unwrap();
    let secrets: [&[u8]; 3] = [CANARY.as_bytes(), &exporter, &end_point];
    for (what, shown) in [
        ("the client", shown(&client)),
        ("the server", shown(&server)),
        ("the stream", shown(&server.stream())),
        ("what is known of it", shown(&info)),
    ] {
        assert_hidden(what, &shown, &secrets);
    }
    let mut parts = server.into_parts();
    parts.unsent.push(Bytes::from_static(CANARY.as_bytes()));
    assert!(String::from_utf8_lossy(&parts.input).contains(CANARY));
    assert_hidden("what is left", &shown(&parts), &secrets);
}
