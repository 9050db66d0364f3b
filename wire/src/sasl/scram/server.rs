//! The server's half of an exchange, between the messages.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use subtle::ConstantTimeEq;

use super::keys::{self, ScramKeys};
use super::message::{ClientFinal, ClientFirst, Flag};
use super::nonce::Nonce;
use crate::base64;
use crate::sasl::{ChannelBinding, FailReason, Mechanism};
use crate::secret::{Secret, SecretBytes};

/// What must be known of `client-first` until the end.
#[derive(Debug)]
pub(in crate::sasl) struct Exchange {
    pub(in crate::sasl) username: String,
    pub(in crate::sasl) authzid: Option<String>,
    client_first_bare: String,
    nonce: String,
    /// What `c=` has to hold.
    cbind_input: SecretBytes,
}

impl Exchange {
    /// Reads `client-first` and judges what it says of channel binding, RFC 5802 §6.
    pub(in crate::sasl) fn begin(
        input: &[u8],
        mechanism: Mechanism,
        offered: &[Mechanism],
        bindings: &[ChannelBinding],
        nonce: &Nonce,
    ) -> Result<Self, FailReason> {
        let first = ClientFirst::parse(input)?;
        let data: &[u8] = match (first.flag, mechanism) {
            (Flag::Use(name), Mechanism::ScramSha256Plus) => bindings
                .iter()
                .find(|binding| binding.kind().name() == name)
                .ok_or(FailReason::UnsupportedChannelBindingType)?
                .data(),
            // `y` says that we did not offer -PLUS. When we did, somebody hid it from the client.
            (Flag::NotOffered, _) if offered.contains(&Mechanism::ScramSha256Plus) => {
                return Err(FailReason::ServerDoesSupportChannelBinding);
            }
            (Flag::Use(_), _) | (_, Mechanism::ScramSha256Plus) => {
                return Err(FailReason::ChannelBindingNotSupported);
            }
            (Flag::No | Flag::NotOffered, _) => &[],
        };
        let mut cbind_input = Vec::with_capacity(first.gs2_header.len() + data.len());
        cbind_input.extend_from_slice(first.gs2_header.as_bytes());
        cbind_input.extend_from_slice(data);
        Ok(Self {
            client_first_bare: first.bare.into(),
            nonce: format!("{}{}", first.nonce, nonce.as_str()),
            cbind_input: Secret::new(cbind_input),
            username: first.username,
            authzid: first.authzid,
        })
    }

    /// Writes `server-first` for these keys.
    pub(in crate::sasl) fn challenge(&self, keys: &ScramKeys) -> Bytes {
        Bytes::from(self.server_first(keys))
    }

    /// Checks `client-final`; everything that can be wrong is looked at before anything is told.
    pub(in crate::sasl) fn finish(
        self,
        keys: &ScramKeys,
        input: &[u8],
    ) -> Result<Finished, FailReason> {
        let last = ClientFinal::parse(input)?;
        if last.nonce != self.nonce {
            return Err(FailReason::NonceMismatch);
        }
        if last.channel_binding != self.cbind_input {
            return Err(FailReason::ChannelBindingsDontMatch);
        }
        let server_first = self.server_first(keys);
        let auth_message: [&[u8]; 5] = [
            self.client_first_bare.as_bytes(),
            b",",
            server_first.as_bytes(),
            b",",
            last.without_proof.as_bytes(),
        ];
        let signature = keys::mac(keys.stored_key.expose(), &auth_message);
        let client_key = keys::xor(&last.proof, &signature);
        let stored = keys::stored_key(&client_key);
        if !bool::from(stored.expose().ct_eq(keys.stored_key.expose())) {
            return Err(FailReason::InvalidCredentials);
        }
        let verifier = keys::mac(keys.server_key.expose(), &auth_message);
        Ok(Finished {
            username: self.username,
            authzid: self.authzid,
            server_final: Bytes::from(format!("v={}", base64::encode(verifier.expose()))),
        })
    }

    fn server_first(&self, keys: &ScramKeys) -> String {
        format!(
            "r={},s={},i={}",
            self.nonce,
            base64::encode(&keys.salt),
            keys.iterations
        )
    }
}

/// The proof was right.
#[derive(Debug)]
pub(in crate::sasl) struct Finished {
    pub(in crate::sasl) username: String,
    pub(in crate::sasl) authzid: Option<String>,
    pub(in crate::sasl) server_final: Bytes,
}
