//! The rows about AUTH, each test named after its row. The reference exchanges are RFC 7677 §3 and
//! two that an independent program computed with channel binding.

mod choice;
mod pair;
mod password;
mod scram_client;
mod scram_server;
mod shown;

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use super::{
    ChannelBinding, Client, ClientBinding, ClientError, ClientStep, Credentials, Derivation,
    FailReason, Mechanism, Nonce, ScramKeys, Server, ServerConfig, ServerStep,
};
use crate::secret::SecretBytes;

const CLIENT_NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const KEYS: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==\
    $WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
const CLIENT_FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
    s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
    p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

const BOTH: [Mechanism; 2] = [Mechanism::ScramSha256, Mechanism::ScramSha256Plus];
const SCRAM: [Mechanism; 1] = [Mechanism::ScramSha256];

fn client_nonce() -> Nonce {
    Nonce::from_printable(CLIENT_NONCE).unwrap()
}

fn server_nonce() -> Nonce {
    Nonce::from_printable(SERVER_NONCE).unwrap()
}

fn exporter() -> ChannelBinding {
    ChannelBinding::tls_exporter(core::array::from_fn(|at| u8::try_from(at).unwrap()))
}

fn keys() -> ScramKeys {
    ScramKeys::from_text(KEYS).unwrap()
}

fn scram_client(binding: &ClientBinding) -> Client {
    let credentials = Credentials::new("user", "pencil").unwrap();
    Client::scram_sha_256(&credentials, client_nonce(), binding).unwrap()
}

fn scram_server(mechanism: Mechanism, offered: &[Mechanism]) -> Server {
    let config = ServerConfig::new(offered)
        .nonce(server_nonce())
        .bindings([exporter()].into());
    Server::start(mechanism, config).unwrap()
}

fn challenge(step: ServerStep) -> Vec<u8> {
    match step {
        ServerStep::Challenge(challenge) => challenge.into(),
        other => panic!("no challenge: {other:?}"),
    }
}

fn refused(step: ServerStep) -> FailReason {
    match step {
        ServerStep::Fail(reason) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

fn response(step: ClientStep) -> SecretBytes {
    match step {
        ClientStep::Respond(response) => response,
        other => panic!("no response: {other:?}"),
    }
}

fn derivation(step: ClientStep) -> Derivation {
    match step {
        ClientStep::NeedDerivation(derivation) => derivation,
        other => panic!("no derivation: {other:?}"),
    }
}

fn given_up(step: ClientStep) -> ClientError {
    match step {
        ClientStep::Fail(error) => error,
        other => panic!("not given up: {other:?}"),
    }
}

fn text(octets: &[u8]) -> String {
    core::str::from_utf8(octets).unwrap().to_owned()
}
