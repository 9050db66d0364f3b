//! The client's half of an exchange, between the messages.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use subtle::ConstantTimeEq;

use super::keys::{self, Derivation, Derived, Key};
use super::message::{self, ServerFinal, ServerFirst, Unreadable};
use super::nonce::Nonce;
use crate::base64;
use crate::limits;
use crate::sasl::{ClientBinding, ClientError, Credentials, InvalidCredentials};
use crate::sasl::{prepare_identity, prepare_password};
use crate::secret::{Secret, SecretBytes, SecretString};

/// What is kept until the server has proved itself.
#[derive(Debug)]
pub(in crate::sasl) struct Exchange {
    gs2_header: String,
    cbind_data: SecretBytes,
    client_first_bare: String,
    client_nonce: Nonce,
    password: SecretString,
    /// Empty until `server-first` was read.
    server_first: String,
}

impl Exchange {
    pub(in crate::sasl) fn new(
        credentials: &Credentials,
        client_nonce: Nonce,
        binding: &ClientBinding,
    ) -> Result<Self, InvalidCredentials> {
        let username =
            prepare_identity(&credentials.authcid).map_err(|_| InvalidCredentials::Authcid)?;
        let password = prepare_password(credentials.password.expose())
            .map_err(|_| InvalidCredentials::Password)?;
        let authzid = match &credentials.authzid {
            None => String::new(),
            Some(authzid) => {
                let authzid = prepare_identity(authzid).map_err(|_| InvalidCredentials::Authzid)?;
                format!("a={}", message::escape(&authzid))
            }
        };
        let (gs2_header, cbind_data) = match binding {
            ClientBinding::Unsupported => (format!("n,{authzid},"), Vec::new()),
            ClientBinding::NotOffered => (format!("y,{authzid},"), Vec::new()),
            ClientBinding::Use(binding) => (
                format!("p={},{authzid},", binding.kind().name()),
                binding.data().into(),
            ),
        };
        let client_first_bare = format!(
            "n={},r={}",
            message::escape(&username),
            client_nonce.as_str()
        );
        Ok(Self {
            gs2_header,
            cbind_data: Secret::new(cbind_data),
            client_first_bare,
            client_nonce,
            password,
            server_first: String::new(),
        })
    }

    pub(in crate::sasl) fn client_first(&self) -> SecretBytes {
        Secret::new(format!("{}{}", self.gs2_header, self.client_first_bare).into_bytes())
    }

    /// Reads `server-first`; no work is begun for parameters out of range.
    pub(in crate::sasl) fn server_first(
        &mut self,
        challenge: &[u8],
    ) -> Result<Derivation, ClientError> {
        let text = message::text(challenge).ok_or(ClientError::Malformed)?;
        if let Ok(ServerFinal::Error(value)) = ServerFinal::parse(text) {
            return Err(ClientError::Refused(value));
        }
        let first = ServerFirst::parse(text)?;
        match first.nonce.strip_prefix(self.client_nonce.as_str()) {
            Some(server_nonce) if !server_nonce.is_empty() => {}
            _ => return Err(ClientError::NonceMismatch),
        }
        let salt = message::salt(first.salt).ok_or(ClientError::InvalidSalt)?;
        let iterations = iterations(first.iterations)?;
        self.server_first = text.into();
        let password = SecretString::from(self.password.expose().as_str());
        Ok(Derivation {
            password,
            salt,
            iterations,
        })
    }

    /// Writes `client-final`, and keeps what the server will have to answer.
    pub(in crate::sasl) fn client_final(self, derived: &Derived) -> (SecretBytes, Expected) {
        let mut cbind_input = self.gs2_header.into_bytes();
        cbind_input.extend_from_slice(self.cbind_data.expose());
        // What stands before the first comma is `r=` and the whole nonce; it was checked above.
        let nonce = self.server_first.split(',').next().unwrap_or_default();
        let without_proof = format!("c={},{nonce}", base64::encode(&cbind_input));
        let auth_message: [&[u8]; 5] = [
            self.client_first_bare.as_bytes(),
            b",",
            self.server_first.as_bytes(),
            b",",
            without_proof.as_bytes(),
        ];
        let client_key = keys::client_key(&derived.salted);
        let signature = keys::mac(keys::stored_key(&client_key).expose(), &auth_message);
        let proof = base64::encode_secret(keys::xor(&client_key, &signature).expose());
        let server_key = keys::server_key(&derived.salted);
        let server_signature = keys::mac(server_key.expose(), &auth_message);
        let message = format!("{without_proof},p={}", proof.expose());
        (
            Secret::new(message.into_bytes()),
            Expected { server_signature },
        )
    }
}

/// The signature that only somebody with the user's keys can send.
#[derive(Debug)]
pub(in crate::sasl) struct Expected {
    server_signature: Key,
}

impl Expected {
    pub(in crate::sasl) fn check(&self, server_final: &[u8]) -> Result<(), ClientError> {
        let text = message::text(server_final).ok_or(ClientError::Malformed)?;
        match ServerFinal::parse(text)? {
            ServerFinal::Error(value) => Err(ClientError::Refused(value)),
            ServerFinal::Verifier(verifier) => {
                let equal = verifier.expose().ct_eq(self.server_signature.expose());
                if equal.into() {
                    Ok(())
                } else {
                    Err(ClientError::InvalidServerSignature)
                }
            }
        }
    }
}

impl From<Unreadable> for ClientError {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Malformed => Self::Malformed,
            Unreadable::MandatoryExtension => Self::MandatoryExtension,
        }
    }
}

fn iterations(text: &str) -> Result<u32, ClientError> {
    let (min, max) = (limits::SCRAM_ITERATIONS_MIN, limits::SCRAM_ITERATIONS_MAX);
    if text == "0" {
        return Err(ClientError::TooFewIterations { min });
    }
    if text.starts_with('0') || !text.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(ClientError::Malformed);
    }
    match keys::positive(text) {
        Some(iterations) if iterations < min => Err(ClientError::TooFewIterations { min }),
        Some(iterations) if iterations <= max => Ok(iterations),
        _ => Err(ClientError::TooManyIterations { max }),
    }
}
