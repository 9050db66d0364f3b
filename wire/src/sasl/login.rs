//! LOGIN: the server asks for the name, then for the password.
//!
//! It was never standardised (draft-murchison-sasl-login describes what programs do) and gives
//! nothing over PLAIN, but some clients have nothing else. The prompts below are the ones that old
//! clients look for; as a client we do not read prompts, for servers word them differently.

use alloc::string::String;

use super::server::FailReason;
use super::{prepare_identity, prepare_password};
use crate::secret::SecretString;

pub(super) const USER_PROMPT: &[u8] = b"Username:";
pub(super) const PASSWORD_PROMPT: &[u8] = b"Password:";

pub(super) fn user(input: &[u8]) -> Result<String, FailReason> {
    prepare_identity(text(input)?).map_err(|_| FailReason::InvalidUsernameEncoding)
}

pub(super) fn password(input: &[u8]) -> Result<SecretString, FailReason> {
    prepare_password(text(input)?).map_err(|_| FailReason::InvalidUsernameEncoding)
}

fn text(input: &[u8]) -> Result<&str, FailReason> {
    match core::str::from_utf8(input) {
        Ok(text) if !text.is_empty() => Ok(text),
        _ => Err(FailReason::InvalidEncoding),
    }
}
