//! What a log may print of an exchange: nothing that would let its reader log in.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Debug;

use super::{
    BOTH, CLIENT_FINAL, CLIENT_FIRST, KEYS, SCRAM, SERVER_FINAL, SERVER_FIRST, challenge,
    derivation, exporter, keys, response, scram_client, scram_server,
};
use crate::base64;
use crate::sasl::{ClientBinding, ClientStep, Mechanism, ServerConfig, ServerStep};
use crate::secret::SecretString;

/// The password, both keys of the server and the proof: as they are, in base64, and as numbers.
fn secrets() -> Vec<String> {
    let (_, stored) = KEYS.rsplit_once('$').unwrap();
    let (stored, server) = stored.split_once(':').unwrap();
    let (_, proof) = CLIENT_FINAL.rsplit_once("p=").unwrap();
    let coded = [stored, server, proof];
    let mut all: Vec<String> = coded.iter().map(ToString::to_string).collect();
    let octets = coded.map(|coded| base64::decode(coded.as_bytes(), 64).unwrap());
    for octets in octets.iter().map(|octets| octets.expose()) {
        all.push(listed(octets));
        all.push(octets.iter().map(|octet| format!("{octet:02x}")).collect());
    }
    let binding: [u8; 32] = core::array::from_fn(|at| u8::try_from(at).unwrap());
    all.extend(["pencil".to_string(), listed(b"pencil"), listed(&binding)]);
    all
}

fn listed(octets: &[u8]) -> String {
    let numbers: Vec<_> = octets.iter().map(u8::to_string).collect();
    numbers.join(", ")
}

fn check(what: &str, shown: &dyn Debug) {
    for shown in [
        format!("{shown:?}"),
        format!("{shown:#?}").replace(",\n", ", "),
    ] {
        let dense = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        for secret in secrets() {
            assert!(!dense.contains(&secret), "{what}: {dense}");
        }
    }
}

#[test]
fn starttls_36_no_stage_of_scram_shows_a_key() {
    let mut client = scram_client(&ClientBinding::Unsupported);
    let mut server = scram_server(Mechanism::ScramSha256, &SCRAM);
    check("the client", &client);
    check("the server", &server);
    let first = client.initial_response().unwrap();
    assert_eq!(first.expose(), CLIENT_FIRST.as_bytes());
    check("the first message", &first);
    check("what the server needs", &server.begin(Some(first.expose())));
    check("the server that needs keys", &server);
    check("the keys", &keys());
    check("the keys as text", &keys().to_text());
    let step = server.keys(keys());
    check("the server that has keys", &server);
    assert_eq!(challenge(step), SERVER_FIRST.as_bytes());

    let step = client.step(SERVER_FIRST.as_bytes());
    check("what the client needs", &step);
    check("the client that needs it", &client);
    let derived = derivation(step).run();
    check("what was derived", &derived);
    let step = client.derived(&derived);
    check("the proof", &step);
    check("the client behind it", &client);
    let proof = response(step);
    assert_eq!(proof.expose(), CLIENT_FINAL.as_bytes());
    let step = server.step(proof.expose());
    check("the server behind it", &server);
    assert_eq!(challenge(step), SERVER_FINAL.as_bytes());
    let step = client.step(SERVER_FINAL.as_bytes());
    assert!(matches!(step, ClientStep::Respond(_)), "{step:?}");
    check("the client at the end", &client);
    let end = server.step(b"");
    assert!(matches!(end, ServerStep::Done(_)), "{end:?}");
    check("the server at the end", &server);
}

#[test]
fn starttls_36_no_binding_and_no_secret_is_shown() {
    let config = ServerConfig::new(&BOTH).bindings([exporter()].into());
    check("a configuration", &config);
    check("a binding", &exporter());
    check(
        "a client with a binding",
        &scram_client(&ClientBinding::Use(exporter())),
    );
    check("a secret", &SecretString::from("pencil"));
    // What is looked for can be found.
    let shown = format!("{:?}", b"pencil");
    assert!(
        secrets().iter().any(|secret| shown.contains(secret)),
        "{shown}"
    );
}
