//! PLAIN, RFC 4616: `[authzid] NUL authcid NUL passwd`, in one message.
//!
//! Whoever reads the connection reads the password, so this is for encrypted connections; the
//! protocol machines refuse it elsewhere. The form is checked to the letter: with one NUL or three
//! it is not clear what is name and what is password, and two programs that guess differently let
//! one log in with what the other did not mean.

use alloc::string::String;
use alloc::vec::Vec;

use super::server::FailReason;
use super::{Credentials, limits, prepare_identity, prepare_password};
use crate::secret::{Secret, SecretBytes, SecretString};

/// The three strings, prepared.
pub(super) struct Message {
    pub(super) authzid: Option<String>,
    pub(super) authcid: String,
    pub(super) password: SecretString,
}

pub(super) fn parse(input: &[u8]) -> Result<Message, FailReason> {
    let text = core::str::from_utf8(input).map_err(|_| FailReason::InvalidEncoding)?;
    let mut parts = text.split('\0');
    let (Some(authzid), Some(authcid), Some(password), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(FailReason::InvalidEncoding);
    };
    if authcid.is_empty() || password.is_empty() {
        return Err(FailReason::InvalidEncoding);
    }
    let invalid = |_| FailReason::InvalidUsernameEncoding;
    Ok(Message {
        authzid: match authzid {
            "" => None,
            _ => Some(prepare_identity(authzid).map_err(invalid)?),
        },
        authcid: prepare_identity(authcid).map_err(invalid)?,
        password: prepare_password(password).map_err(invalid)?,
    })
}

pub(super) fn message(credentials: &Credentials) -> SecretBytes {
    let authzid = credentials.authzid.as_deref().unwrap_or_default();
    let password = credentials.password.expose();
    let size = authzid.len() + credentials.authcid.len() + password.len() + 2;
    debug_assert!(size <= limits::MESSAGE);
    let mut octets = Secret::new(Vec::with_capacity(size));
    let out = octets.expose_mut();
    out.extend_from_slice(authzid.as_bytes());
    out.push(0);
    out.extend_from_slice(credentials.authcid.as_bytes());
    out.push(0);
    out.extend_from_slice(password.as_bytes());
    octets
}
