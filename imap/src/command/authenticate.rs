//! AUTHENTICATE with an initial response (RFC 9051 §6.2.2, RFC 4959 §3).

use core::fmt;

use mailwire_core::{
    base64,
    secret::SecretBytes,
    text::{ByteStr, Octets},
};

use super::CommandBody;
use crate::{
    encode::Encoder,
    error::{Expected, ParseError},
    grammar::Cursor,
    limits,
};

/// The name of a SASL mechanism, in upper case (RFC 4422 §3.1).
///
/// ```
/// use mailwire_imap::command::Mechanism;
/// assert_eq!(Mechanism::new(b"scram-sha-256").unwrap().as_str(), "SCRAM-SHA-256");
/// assert!(Mechanism::new(b"NOT A NAME").is_none());
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Mechanism(ByteStr);

impl Mechanism {
    /// A name of up to 20 letters, digits, hyphens and underscores; `None` for others.
    #[must_use]
    pub fn new(name: &[u8]) -> Option<Self> {
        let mut upper = [0; 20];
        let upper = upper.get_mut(..name.len())?;
        upper.copy_from_slice(name);
        upper.make_ascii_uppercase();
        let is_allowed = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        if upper.is_empty() || !upper.iter().all(is_allowed) {
            return None;
        }
        ByteStr::new(Octets::from(&*upper)).ok().map(Self)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<CommandBody, ParseError> {
    cursor.space()?;
    let error = cursor.error(Expected::Mechanism);
    let mechanism = Mechanism::new(cursor.atom()?).ok_or(error)?;
    let initial = if cursor.eat(b' ') {
        let error = cursor.error(Expected::Base64);
        let text = cursor.rest();
        let initial = base64::decode_initial(text, limits::INITIAL_RESPONSE).map_err(|_| error)?;
        cursor.advance(text.len());
        Some(initial)
    } else {
        None
    };
    Ok(CommandBody::Authenticate { mechanism, initial })
}

pub(super) fn encode(encoder: &mut Encoder, mechanism: &Mechanism, initial: Option<&SecretBytes>) {
    encoder.raw(b" ");
    encoder.raw(mechanism.as_str().as_bytes());
    if let Some(initial) = initial {
        encoder.raw(b" ");
        encoder.raw(base64::encode_initial(initial.expose()).expose().as_bytes());
    }
}
