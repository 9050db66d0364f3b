//! Our client against our server, with names and passwords as people have them.

use alloc::string::String;
use alloc::vec::Vec;

use super::{BOTH, challenge, derivation, exporter, refused, response};
use crate::sasl::{
    ChannelBinding, Client, ClientBinding, ClientStep, Credentials, FailReason, Identity,
    Mechanism, Nonce, ScramKeys, Server, ServerConfig, ServerStep, Verdict,
};

/// A small generator, so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next()).unwrap() % end
    }

    fn octets<const N: usize>(&mut self) -> [u8; N] {
        core::array::from_fn(|_| self.next().to_le_bytes()[0])
    }

    /// Printable characters of the scripts that Unicode 3.2 had and SASLprep permits together;
    /// ASCII alone where there are no tables.
    fn string(&mut self, max: usize) -> String {
        let ascii = 0x20..0x7f_u32;
        let mut ranges = Vec::from([ascii.clone(), ascii]);
        if cfg!(feature = "saslprep") {
            ranges.extend([
                0xc0..0xd7,
                0xe0..0xf7,
                0x100..0x17f,
                0x391..0x3a2,
                0x430..0x44f,
                0x3041..0x3094,
                0x4e00..0x9fa5,
                0xac00..0xd7a3,
                0xff21..0xff3a,
                0x2160..0x216b,
                0x1d400..0x1d454,
            ]);
        }
        let length = 1 + self.below(max);
        (0..length)
            .map(|_| {
                let range = &ranges[self.below(ranges.len())];
                let size = usize::try_from(range.end - range.start).unwrap();
                let code = range.start + u32::try_from(self.below(size)).unwrap();
                char::from_u32(code).unwrap()
            })
            .collect()
    }
}

fn scram(
    client: &mut Client,
    offered: &[Mechanism],
    binding: ChannelBinding,
    nonce: Nonce,
    keys: ScramKeys,
) -> Result<Identity, FailReason> {
    let config = ServerConfig::new(offered)
        .nonce(nonce)
        .bindings([binding].into());
    let mut server = Server::start(client.mechanism(), config).unwrap();
    let first = client.initial_response().unwrap();
    match server.begin(Some(first.expose())) {
        ServerStep::NeedKeys { .. } => {}
        other => return Err(refused(other)),
    }
    let derivation = derivation(client.step(&challenge(server.keys(keys))));
    let last = response(client.derived(&derivation.run()));
    let server_final = match server.step(last.expose()) {
        ServerStep::Challenge(server_final) => server_final,
        other => return Err(refused(other)),
    };
    let acknowledgement = response(client.step(&server_final));
    let ServerStep::Done(identity) = server.step(acknowledgement.expose()) else {
        panic!()
    };
    assert!(matches!(client.succeeded(None), ClientStep::Done));
    Ok(identity)
}

#[test]
fn auth_23_random_names_and_passwords_log_in_by_scram() {
    let mut random = Random(7677);
    for round in 0..24 {
        let (user, password) = (random.string(20), random.string(40));
        let salt: [u8; 16] = random.octets();
        let keys = ScramKeys::derive(&password, &salt, 4_096).unwrap();
        let bindings = [ClientBinding::Unsupported, ClientBinding::Use(exporter())];
        let credentials = Credentials::new(&user, &password).unwrap();
        let nonce = Nonce::from_random(&random.octets());
        let binding = &bindings[round % 2];
        let mut client = Client::scram_sha_256(&credentials, nonce, binding).unwrap();
        let nonce = Nonce::from_random(&random.octets());
        let identity = scram(&mut client, &BOTH, exporter(), nonce, keys).unwrap();
        let prepared = crate::sasl::prepare_identity(&user).unwrap();
        assert_eq!(identity.authcid, prepared, "{user:?} {password:?}");
    }
}

#[test]
fn auth_23_random_names_and_passwords_log_in_by_plain_and_login() {
    let mut random = Random(4616);
    for _ in 0..12 {
        let (user, password) = (random.string(20), random.string(40));
        let keys = ScramKeys::derive(&password, b"salt", 4_096).unwrap();
        let credentials = Credentials::new(&user, &password).unwrap();
        for mut client in [
            Client::plain(&credentials),
            Client::login(&credentials).unwrap(),
        ] {
            let config = ServerConfig::new(&[Mechanism::Plain, Mechanism::Login]);
            let mut server = Server::start(client.mechanism(), config).unwrap();
            let mut step = server.begin(None);
            while let ServerStep::Challenge(challenge) = step {
                step = server.step(response(client.step(&challenge)).expose());
            }
            let ServerStep::NeedPassword(check) = step else {
                panic!("{step:?}")
            };
            assert!(keys.verify_password(check.password.expose()));
            assert!(matches!(
                server.verified(Verdict::Accepted),
                ServerStep::Done(_)
            ));
            assert!(matches!(client.succeeded(None), ClientStep::Done));
        }
    }
}

#[cfg(feature = "saslprep")]
#[test]
fn auth_23_one_password_typed_in_two_ways_is_one_password() {
    let keys = ScramKeys::derive("Cafe\u{301} \u{2168}", b"salt", 4_096).unwrap();
    let credentials = Credentials::new("jose\u{301}", "Caf\u{e9}\u{a0}IX").unwrap();
    let nonce = Nonce::from_random(&[1; 24]);
    let binding = ClientBinding::Unsupported;
    let mut client = Client::scram_sha_256(&credentials, nonce, &binding).unwrap();
    let nonce = Nonce::from_random(&[2; 24]);
    let identity = scram(&mut client, &BOTH, exporter(), nonce, keys).unwrap();
    assert_eq!(identity.authcid, "jos\u{e9}");
}

#[test]
fn auth_12_another_password_another_session_and_a_hidden_offer_fail() {
    let attempt = |password: &str, binding: ClientBinding, session: [u8; 32]| {
        let credentials = Credentials::new("user", password).unwrap();
        let nonce = Nonce::from_random(&[1; 24]);
        let mut client = Client::scram_sha_256(&credentials, nonce, &binding).unwrap();
        let keys = ScramKeys::derive("pencil", b"salt", 4_096).unwrap();
        let session = ChannelBinding::tls_exporter(session);
        scram(
            &mut client,
            &BOTH,
            session,
            Nonce::from_random(&[2; 24]),
            keys,
        )
        .map(|identity| identity.authcid)
    };
    let bound = || ClientBinding::Use(ChannelBinding::tls_exporter([1; 32]));
    assert_eq!(attempt("pencil", bound(), [1; 32]), Ok("user".into()));
    assert_eq!(
        attempt("pencil", bound(), [2; 32]),
        Err(FailReason::ChannelBindingsDontMatch)
    );
    assert_eq!(
        attempt("pen", bound(), [1; 32]),
        Err(FailReason::InvalidCredentials)
    );
    assert_eq!(
        attempt("pencil", ClientBinding::NotOffered, [1; 32]),
        Err(FailReason::ServerDoesSupportChannelBinding)
    );
}

#[test]
fn auth_12_no_message_with_one_octet_changed_logs_in() {
    let keys = super::keys();
    let octets = super::CLIENT_FINAL.as_bytes();
    for at in 0..octets.len() {
        for change in [0x01, 0x20, 0x80] {
            let mut message = octets.to_vec();
            message[at] ^= change;
            let mut server = super::scram_server(Mechanism::ScramSha256, &super::SCRAM);
            let step = server.begin(Some(super::CLIENT_FIRST.as_bytes()));
            assert!(matches!(step, ServerStep::NeedKeys { .. }));
            challenge(server.keys(keys.clone()));
            refused(server.step(&message));
        }
    }
}
