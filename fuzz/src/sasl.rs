//! Every mechanism, both sides: against the input, and against each other with the input in between.

use std::sync::OnceLock;

use mailwire_core::sasl::{
    ChannelBinding, Client, ClientBinding, ClientStep, Credentials, Mechanism, Nonce, ScramKeys,
    Server, ServerConfig, ServerStep, Verdict,
};

use crate::{Target, take_octet};

pub(crate) const SASL: Target = Target {
    name: "sasl",
    run,
    seeds: &[
        b"\x00\0bob\0secret",
        b"\x01bob\nsecret",
        b"\x02n,,n=bob,r=fyko\nc=biws,r=fyko,p=AAAA",
        b"\x03y,,n=bob,r=fyko",
        b"\x04\n",
        b"\x06r=x,s=QSXCR+Q6sek8bf92,i=4096\nv=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ],
};

const MECHANISMS: [Mechanism; 4] = [
    Mechanism::Plain,
    Mechanism::Login,
    Mechanism::ScramSha256,
    Mechanism::ScramSha256Plus,
];

fn run(mut data: &[u8]) {
    let choice = take_octet(&mut data);
    let Some(mechanism) = MECHANISMS.get(usize::from(choice & 3)).copied() else {
        return;
    };
    match choice >> 2 & 3 {
        0 => against_server(mechanism, data),
        1 => against_client(mechanism, data),
        _ => both(mechanism, data),
    }
}

/// The messages of an exchange stand on lines.
fn messages(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|octet| *octet == b'\n')
}

fn binding() -> ChannelBinding {
    ChannelBinding::tls_exporter([7; 32])
}

fn server(mechanism: Mechanism) -> Option<Server> {
    let config = ServerConfig::new(&MECHANISMS).nonce(Nonce::from_random(&[9; 24]));
    let config = if mechanism == Mechanism::ScramSha256Plus {
        config.bindings(vec![binding()])
    } else {
        config
    };
    Server::start(mechanism, config).ok()
}

fn client(mechanism: Mechanism) -> Option<Client> {
    let credentials = Credentials::new("bob", "secret").ok()?;
    let nonce = Nonce::from_random(&[7; 24]);
    match mechanism {
        Mechanism::Plain => Some(Client::plain(&credentials)),
        Mechanism::Login => Client::login(&credentials).ok(),
        Mechanism::ScramSha256 => {
            Client::scram_sha_256(&credentials, nonce, &ClientBinding::Unsupported).ok()
        }
        Mechanism::ScramSha256Plus => {
            Client::scram_sha_256(&credentials, nonce, &ClientBinding::Use(binding())).ok()
        }
        _ => None,
    }
}

/// The keys of bob, derived once: it takes longer than all the rest.
fn keys() -> Option<ScramKeys> {
    static KEYS: OnceLock<Option<String>> = OnceLock::new();
    let text = KEYS.get_or_init(|| {
        let keys = ScramKeys::derive("secret", b"saltsaltsaltsalt", 4096).ok()?;
        Some(keys.to_text().expose().clone())
    });
    ScramKeys::from_text(text.as_ref()?).ok()
}

/// What the application of a server does between two messages.
fn settle(server: &mut Server, mut step: ServerStep) -> ServerStep {
    loop {
        step = match step {
            ServerStep::NeedPassword(check) => {
                let right = check.authcid == "bob" && check.password.matches(b"secret");
                server.verified(if right {
                    Verdict::Accepted
                } else {
                    Verdict::Rejected
                })
            }
            ServerStep::NeedKeys { .. } => match keys() {
                Some(keys) => server.keys(keys),
                None => {
                    return ServerStep::NeedKeys {
                        authcid: String::new(),
                        authzid: None,
                    };
                }
            },
            other => return other,
        };
    }
}

/// Nobody who does not know the password gets in.
fn against_server(mechanism: Mechanism, data: &[u8]) {
    let Some(mut server) = server(mechanism) else {
        return;
    };
    let mut input = messages(data);
    let first = server.begin(input.next());
    let mut step = settle(&mut server, first);
    for message in input {
        if !matches!(step, ServerStep::Challenge(_)) {
            break;
        }
        let next = server.step(message);
        step = settle(&mut server, next);
    }
    if let ServerStep::Done(identity) = step {
        assert_eq!(identity.authcid, "bob");
        assert!(
            matches!(mechanism, Mechanism::Plain | Mechanism::Login),
            "{mechanism:?}"
        );
        assert!(data.windows(6).any(|octets| octets == b"secret"));
    }
}

/// A server that does not know the password is never believed where the mechanism can tell.
fn against_client(mechanism: Mechanism, data: &[u8]) {
    let Some(mut client) = client(mechanism) else {
        return;
    };
    client.initial_response();
    for message in messages(data) {
        match client.step(message) {
            ClientStep::Respond(_) => {}
            ClientStep::NeedDerivation(derivation) if derivation.iterations() == 4096 => {
                let derived = derivation.run();
                assert!(!matches!(client.derived(&derived), ClientStep::Done));
            }
            ClientStep::NeedDerivation(_) => return,
            ClientStep::Done => assert!(!is_scram(mechanism)),
            ClientStep::Fail(_) => break,
        }
    }
    let done = matches!(client.succeeded(None), ClientStep::Done);
    assert!(!(done && is_scram(mechanism)));
}

const fn is_scram(mechanism: Mechanism) -> bool {
    matches!(
        mechanism,
        Mechanism::ScramSha256 | Mechanism::ScramSha256Plus
    )
}

/// The two of them: with nothing in between they agree; with a message changed they do not hang.
fn both(mechanism: Mechanism, data: &[u8]) {
    let (Some(mut client), Some(mut server)) = (client(mechanism), server(mechanism)) else {
        return;
    };
    let mut changes = messages(data).map(|change| (!change.is_empty()).then_some(change));
    let initial = client.initial_response();
    let first = server.begin(initial.as_ref().map(|initial| initial.expose().as_slice()));
    let mut step = settle(&mut server, first);
    let mut honest = true;
    for _ in 0..10 {
        let challenge = match step {
            ServerStep::Challenge(challenge) => challenge,
            ServerStep::Done(identity) => {
                assert_eq!(identity.authcid, "bob");
                let end = client.succeeded(identity.final_data.as_deref());
                assert!(!honest || matches!(end, ClientStep::Done));
                return;
            }
            _ => {
                assert!(!honest, "two honest sides agree");
                return;
            }
        };
        let change = changes.next().flatten();
        honest &= change.is_none();
        let mut said = client.step(change.unwrap_or(&challenge));
        if let ClientStep::NeedDerivation(derivation) = said {
            if derivation.iterations() != 4096 {
                return;
            }
            said = client.derived(&derivation.run());
        }
        let ClientStep::Respond(response) = said else {
            assert!(!honest, "two honest sides agree");
            return;
        };
        let next = server.step(response.expose());
        step = settle(&mut server, next);
    }
    assert!(data.is_empty(), "an exchange of ten messages");
}
