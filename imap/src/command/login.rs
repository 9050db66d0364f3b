//! LOGIN (RFC 9051 §6.2.3).

use mailwire_core::{secret::SecretBytes, text::Octets};

use super::CommandBody;
use crate::{encode::Encoder, error::ParseError, grammar::Cursor};

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<CommandBody, ParseError> {
    cursor.space()?;
    let username = cursor.astring()?;
    cursor.space()?;
    let password = cursor.astring()?;
    Ok(CommandBody::Login {
        username: cursor.octets(username),
        password: SecretBytes::new(password.text(cursor.frame()).octets().into_owned()),
    })
}

pub(super) fn encode(encoder: &mut Encoder, username: &Octets, password: &SecretBytes) {
    encoder.raw(b" ");
    encoder.astring(username);
    encoder.raw(b" ");
    encoder.astring(password.expose());
}
