//! What is fuzzed, as plain functions over octets: a target of `cargo fuzz` calls one of them, and so does the
//! replay of the corpora on stable Rust.
//!
//! A body panics when a property does not hold:
//!
//! - nothing panics, loops for ever or asks for an answer twice;
//! - what is parsed and written again parses to the same value;
//! - what a program can build parses to what was built;
//! - a machine does the same however its input is cut, up to the first handshake;
//! - a client and a server that talk to each other never both wait.
#![forbid(unsafe_code)]

mod codec;
mod dot;
mod imap;
mod machine;
mod pair;
mod pop3;
mod sasl;
mod smtp;

/// A fuzz target: its name, which is that of its corpus too, what it does, and a few inputs to begin with.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of the binary, of the corpus and of the dictionary.
    pub name: &'static str,
    /// The body. It panics when a property does not hold.
    pub run: fn(&[u8]),
    /// Inputs that reach into the target.
    pub seeds: &'static [&'static [u8]],
}

/// All targets.
pub const TARGETS: &[Target] = &[
    codec::BASE64,
    codec::SMTP_ADDRESS,
    codec::SMTP_COMMAND,
    codec::SMTP_REPLY,
    codec::SMTP_VALUES,
    codec::POP3_CODEC,
    dot::DOT,
    imap::IMAP_CLIENT,
    imap::IMAP_COMMAND,
    imap::IMAP_FRAMING,
    imap::IMAP_LIST,
    imap::IMAP_MESSAGE,
    imap::IMAP_NAMES,
    imap::IMAP_PAIR,
    imap::IMAP_RESPONSE,
    imap::IMAP_SERVER,
    imap::IMAP_SESSION,
    pair::SMTP_PAIR,
    pop3::POP3_CLIENT,
    pop3::POP3_SERVER,
    sasl::SASL,
    smtp::SMTP_BDAT,
    smtp::SMTP_CLIENT,
    smtp::SMTP_SERVER,
];

/// Runs the body of the target with that name.
///
/// # Panics
///
/// When a property does not hold, and when there is no such target.
#[expect(clippy::panic, reason = "a fuzz target reports by panicking")]
pub fn run(name: &str, data: &[u8]) {
    let Some(target) = TARGETS.iter().find(|target| target.name == name) else {
        panic!("no target {name}");
    };
    (target.run)(data);
}

/// Takes the next octet of the part of an input that makes decisions; zero when there are none left.
fn take_octet(data: &mut &[u8]) -> u8 {
    match data.split_first() {
        Some((first, rest)) => {
            *data = rest;
            *first
        }
        None => 0,
    }
}
