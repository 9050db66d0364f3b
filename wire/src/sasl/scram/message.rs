//! The four messages, RFC 5802 §7, read to the letter.
//!
//! Attributes have an order and every character has a place. What two programs could read in two
//! ways is refused, since the text that is parsed is also the text that is signed.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;

use super::keys::{self, Key};
use super::nonce::is_printable;
use crate::base64;
use crate::sasl::{FailReason, InvalidString, limits, prepare_identity};
use crate::secret::SecretBytes;

/// `gs2-cbind-flag` as a server reads it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flag<'a> {
    No,
    NotOffered,
    Use(&'a str),
}

/// `client-first-message`.
#[derive(Debug)]
pub(super) struct ClientFirst<'a> {
    pub(super) flag: Flag<'a>,
    /// The header with both commas, as `c=` has to repeat it.
    pub(super) gs2_header: &'a str,
    pub(super) authzid: Option<String>,
    /// What goes into AuthMessage.
    pub(super) bare: &'a str,
    pub(super) username: String,
    pub(super) nonce: &'a str,
}

impl<'a> ClientFirst<'a> {
    pub(super) fn parse(input: &'a [u8]) -> Result<Self, FailReason> {
        let text = text(input).ok_or(FailReason::InvalidEncoding)?;
        let parts = || {
            let (flag, rest) = text.split_once(',')?;
            let (authzid, bare) = rest.split_once(',')?;
            let header = text.len().checked_sub(bare.len())?;
            Some((flag, authzid, bare, text.get(..header)?))
        };
        let (flag, authzid, bare, gs2_header) = parts().ok_or(FailReason::InvalidEncoding)?;
        let flag = match flag {
            "n" => Flag::No,
            "y" => Flag::NotOffered,
            _ => match flag.strip_prefix("p=") {
                Some(name) if is_binding_name(name) => Flag::Use(name),
                _ => return Err(FailReason::InvalidEncoding),
            },
        };
        let authzid = match authzid {
            "" => None,
            _ => Some(attribute(authzid, "a=").and_then(|name| identity(name).ok())),
        };
        let authzid = match authzid {
            Some(None) => return Err(FailReason::InvalidUsernameEncoding),
            Some(authzid) => authzid,
            None => None,
        };
        let mut attributes = bare.split(',');
        let first = attributes.next().unwrap_or_default();
        if first.starts_with("m=") {
            return Err(FailReason::ExtensionsNotSupported);
        }
        let username = attribute(first, "n=").ok_or(FailReason::InvalidEncoding)?;
        let nonce = attributes
            .next()
            .and_then(|second| attribute(second, "r="))
            .filter(|nonce| nonce.len() <= limits::NONCE / 2 && is_printable(nonce))
            .ok_or(FailReason::InvalidEncoding)?;
        extensions(attributes)?;
        let username = identity(username).map_err(|_| FailReason::InvalidUsernameEncoding)?;
        Ok(Self {
            flag,
            gs2_header,
            authzid,
            bare,
            username,
            nonce,
        })
    }
}

/// `server-first-message`, its numbers not yet judged.
#[derive(Debug)]
pub(super) struct ServerFirst<'a> {
    pub(super) nonce: &'a str,
    pub(super) salt: &'a str,
    pub(super) iterations: &'a str,
}

/// Why a message from the server cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unreadable {
    Malformed,
    MandatoryExtension,
}

impl<'a> ServerFirst<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, Unreadable> {
        if text.starts_with("m=") {
            return Err(Unreadable::MandatoryExtension);
        }
        let mut attributes = text.split(',');
        let mut next = |name| attributes.next().and_then(|text| attribute(text, name));
        let nonce = next("r=").ok_or(Unreadable::Malformed)?;
        // An empty salt is seen and named where salts are judged.
        let salt = attributes
            .next()
            .and_then(|text| text.strip_prefix("s="))
            .ok_or(Unreadable::Malformed)?;
        let iterations = attributes
            .next()
            .and_then(|text| attribute(text, "i="))
            .ok_or(Unreadable::Malformed)?;
        extensions(attributes).map_err(Unreadable::from)?;
        if nonce.len() > limits::NONCE || !is_printable(nonce) {
            return Err(Unreadable::Malformed);
        }
        Ok(Self {
            nonce,
            salt,
            iterations,
        })
    }
}

/// `client-final-message`.
#[derive(Debug)]
pub(super) struct ClientFinal<'a> {
    pub(super) channel_binding: SecretBytes,
    pub(super) nonce: &'a str,
    pub(super) without_proof: &'a str,
    pub(super) proof: Key,
}

impl<'a> ClientFinal<'a> {
    pub(super) fn parse(input: &'a [u8]) -> Result<Self, FailReason> {
        let invalid = FailReason::InvalidEncoding;
        let text = text(input).ok_or(invalid)?;
        let (without_proof, proof) = text.rsplit_once(',').ok_or(invalid)?;
        let mut attributes = without_proof.split(',');
        let channel_binding = attributes
            .next()
            .and_then(|text| attribute(text, "c="))
            .ok_or(invalid)?;
        let nonce = attributes
            .next()
            .and_then(|text| attribute(text, "r="))
            .ok_or(invalid)?;
        extensions(attributes)?;
        let channel_binding =
            base64::decode(channel_binding.as_bytes(), limits::MESSAGE).map_err(|_| invalid)?;
        let proof = attribute(proof, "p=").and_then(keys::key).ok_or(invalid)?;
        Ok(Self {
            channel_binding,
            nonce,
            without_proof,
            proof,
        })
    }
}

/// `server-final-message`.
#[derive(Debug)]
pub(super) enum ServerFinal {
    Verifier(Key),
    Error(ServerErrorValue),
}

impl ServerFinal {
    pub(super) fn parse(text: &str) -> Result<Self, Unreadable> {
        let mut attributes = text.split(',');
        let first = attributes.next().unwrap_or_default();
        extensions(attributes).map_err(Unreadable::from)?;
        if let Some(value) = attribute(first, "e=") {
            return Ok(Self::Error(ServerErrorValue::from_value(value)));
        }
        attribute(first, "v=")
            .and_then(keys::key)
            .map(Self::Verifier)
            .ok_or(Unreadable::Malformed)
    }
}

impl From<FailReason> for Unreadable {
    fn from(reason: FailReason) -> Self {
        match reason {
            FailReason::ExtensionsNotSupported => Self::MandatoryExtension,
            _ => Self::Malformed,
        }
    }
}

/// `server-error-value`, RFC 5802 §7: why a server says that it refuses.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ServerErrorValue {
    /// `invalid-encoding`.
    InvalidEncoding,
    /// `extensions-not-supported`.
    ExtensionsNotSupported,
    /// `invalid-proof`: the password is wrong.
    InvalidProof,
    /// `channel-bindings-dont-match`: client and server are not in the same TLS session.
    ChannelBindingsDontMatch,
    /// `server-does-support-channel-binding`: somebody took `-PLUS` out of the list.
    ServerDoesSupportChannelBinding,
    /// `channel-binding-not-supported`.
    ChannelBindingNotSupported,
    /// `unsupported-channel-binding-type`.
    UnsupportedChannelBindingType,
    /// `unknown-user`.
    UnknownUser,
    /// `invalid-username-encoding`.
    InvalidUsernameEncoding,
    /// `no-resources`.
    NoResources,
    /// `other-error`, and every value that we do not know.
    OtherError,
}

impl ServerErrorValue {
    const ALL: [Self; 11] = [
        Self::InvalidEncoding,
        Self::ExtensionsNotSupported,
        Self::InvalidProof,
        Self::ChannelBindingsDontMatch,
        Self::ServerDoesSupportChannelBinding,
        Self::ChannelBindingNotSupported,
        Self::UnsupportedChannelBindingType,
        Self::UnknownUser,
        Self::InvalidUsernameEncoding,
        Self::NoResources,
        Self::OtherError,
    ];

    /// The value as it stands behind `e=`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidEncoding => "invalid-encoding",
            Self::ExtensionsNotSupported => "extensions-not-supported",
            Self::InvalidProof => "invalid-proof",
            Self::ChannelBindingsDontMatch => "channel-bindings-dont-match",
            Self::ServerDoesSupportChannelBinding => "server-does-support-channel-binding",
            Self::ChannelBindingNotSupported => "channel-binding-not-supported",
            Self::UnsupportedChannelBindingType => "unsupported-channel-binding-type",
            Self::UnknownUser => "unknown-user",
            Self::InvalidUsernameEncoding => "invalid-username-encoding",
            Self::NoResources => "no-resources",
            Self::OtherError => "other-error",
        }
    }

    fn from_value(value: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|known| known.as_str() == value)
            .unwrap_or(Self::OtherError)
    }
}

/// `saslname` from a name: the two characters that have a meaning are written as escapes.
pub(super) fn escape(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// A message as text: UTF-8 without NUL, which no attribute may hold.
pub(super) fn text(input: &[u8]) -> Option<&str> {
    core::str::from_utf8(input)
        .ok()
        .filter(|text| !text.contains('\0'))
}

fn identity(name: &str) -> Result<String, InvalidString> {
    prepare_identity(&unescape(name).ok_or(InvalidString::new())?)
}

/// A name from `saslname`. RFC 5802 §5.1: `=` followed by anything but `2C` or `3D` fails.
fn unescape(name: &str) -> Option<Cow<'_, str>> {
    if !name.contains('=') {
        return Some(Cow::Borrowed(name));
    }
    let mut pieces = name.split('=');
    let mut out = String::from(pieces.next()?);
    for piece in pieces {
        let (character, rest) = match (piece.strip_prefix("2C"), piece.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return None,
        };
        out.push(character);
        out.push_str(rest);
    }
    Some(Cow::Owned(out))
}

/// The value of an attribute of this name, `1*value-char`.
fn attribute<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.strip_prefix(name).filter(|value| !value.is_empty())
}

/// What follows the attributes that we know: well-formed attributes are passed over, but `m=`
/// means that one must not, and the other names of RFC 5802 §5.1 have their places elsewhere.
fn extensions<'a>(attributes: impl Iterator<Item = &'a str>) -> Result<(), FailReason> {
    for text in attributes {
        let mut octets = text.bytes();
        match (octets.next(), octets.next(), octets.next()) {
            (Some(b'm'), Some(b'='), _) => return Err(FailReason::ExtensionsNotSupported),
            (Some(b'a' | b'c' | b'e' | b'i' | b'n' | b'p' | b'r' | b's' | b'v'), ..) => {
                return Err(FailReason::InvalidEncoding);
            }
            (Some(name), Some(b'='), Some(_)) if name.is_ascii_alphabetic() => {}
            _ => return Err(FailReason::InvalidEncoding),
        }
    }
    Ok(())
}

fn is_binding_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-'))
}

/// `salt` decoded; `None` when it is empty, too long, or not base64.
pub(super) fn salt(text: &str) -> Option<Box<[u8]>> {
    let salt = base64::decode(text.as_bytes(), crate::limits::SCRAM_SALT).ok()?;
    (!salt.expose().is_empty()).then(|| salt.expose().as_slice().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_come_back() {
        for name in ["user", "a,b", "a=b", "=2C", "==,,", "=", ","] {
            let escaped = escape(name);
            assert!(!escaped.contains(','));
            assert_eq!(unescape(&escaped).unwrap(), name);
        }
    }

    #[test]
    fn auth_12_bad_escapes_are_refused() {
        for name in ["=", "a=", "=2", "=2D", "=2c", "=3d", "a=b", "=20", "==3D"] {
            assert_eq!(unescape(name), None, "{name}");
        }
    }

    #[test]
    fn server_errors_are_read_by_name() {
        for value in ServerErrorValue::ALL {
            assert_eq!(ServerErrorValue::from_value(value.as_str()), value);
        }
        assert_eq!(
            ServerErrorValue::from_value("x"),
            ServerErrorValue::OtherError
        );
    }
}
