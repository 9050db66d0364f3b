//! Keys: what the client derives, and what the server keeps instead of a password.

use alloc::boxed::Box;
use alloc::format;
use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::base64;
use crate::limits;
use crate::sasl::prepare_password;
use crate::secret::{Secret, SecretString};

/// Octets of every key, hash and signature here.
pub(super) const SIZE: usize = 32;

pub(super) type Key = Secret<[u8; SIZE]>;

/// What a text or a set of parameters cannot be made SCRAM keys of.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum InvalidKeys {
    /// Below 4,096 or above 2,000,000.
    #[error("iteration count out of range")]
    Iterations,
    /// The password cannot be prepared, see [`prepare_password`].
    #[error("password cannot be prepared")]
    Password,
    /// Empty, or longer than the limit.
    #[error("salt empty or too long")]
    Salt,
    /// Not of the form `SCRAM-SHA-256$iterations:salt$stored:server`.
    #[error("expected SCRAM-SHA-256$iterations:salt$stored:server")]
    Text,
}

/// What a server keeps of one user, RFC 5802 §3: enough to check a proof, not enough to make one.
///
/// It is a secret still: with it one can play the server, and search the password offline.
///
/// ```
/// use mailwire_core::sasl::ScramKeys;
///
/// let keys = ScramKeys::derive("pencil", b"salt from the system", 4_096)?;
/// let row = keys.to_text();
/// assert!(ScramKeys::from_text(row.expose())?.verify_password("pencil"));
/// assert!(!keys.verify_password("pen"));
/// # Ok::<(), mailwire_core::sasl::InvalidKeys>(())
/// ```
pub struct ScramKeys {
    pub(super) salt: Box<[u8]>,
    pub(super) iterations: u32,
    pub(super) stored_key: Key,
    pub(super) server_key: Key,
}

impl ScramKeys {
    /// Derives the keys of a password; this is the slow part, so keep it off an event loop.
    ///
    /// The salt is 16 random octets, fresh for every password.
    ///
    /// # Errors
    ///
    /// [`InvalidKeys`] when the password cannot be prepared, the salt is empty or too long, or the
    /// iterations are below what a client may accept (RFC 7677 §3) or above what ours does.
    ///
    /// ```
    /// use mailwire_core::sasl::{InvalidKeys, ScramKeys};
    ///
    /// assert_eq!(ScramKeys::derive("x", b"salt", 1).unwrap_err(), InvalidKeys::Iterations);
    /// ```
    pub fn derive(password: &str, salt: &[u8], iterations: u32) -> Result<Self, InvalidKeys> {
        check_parameters(salt, iterations)?;
        let password = prepare_password(password).map_err(|_| InvalidKeys::Password)?;
        let salted = salted_password(&password, salt, iterations);
        Ok(Self {
            salt: salt.into(),
            iterations,
            stored_key: stored_key(&client_key(&salted)),
            server_key: server_key(&salted),
        })
    }

    /// Keys for a user who does not exist, so that the exchange looks like that of one who does.
    ///
    /// They depend on the name and on a secret of the server alone: asking twice gives the same
    /// salt, as it would for a real user. No password has these keys. `iterations` must be what
    /// real users have, or the number gives it away.
    ///
    /// # Errors
    ///
    /// [`InvalidKeys::Iterations`] as in [`derive`](Self::derive).
    ///
    /// ```
    /// use mailwire_core::sasl::ScramKeys;
    ///
    /// let keys = ScramKeys::dummy(b"a secret of this server", "nobody", 4_096)?;
    /// assert!(!keys.verify_password("any"));
    /// # Ok::<(), mailwire_core::sasl::InvalidKeys>(())
    /// ```
    pub fn dummy(server_secret: &[u8], user: &str, iterations: u32) -> Result<Self, InvalidKeys> {
        let make = |label: &[u8]| mac(server_secret, &[label, b"\0", user.as_bytes()]);
        let salt: Box<[u8]> = make(b"salt").expose().iter().copied().take(16).collect();
        check_parameters(&salt, iterations)?;
        Ok(Self {
            salt,
            iterations,
            stored_key: make(b"stored"),
            server_key: make(b"server"),
        })
    }

    /// Whether these are the keys of this password: for servers that keep SCRAM keys and are told
    /// the password by PLAIN or LOGIN. As slow as [`derive`](Self::derive), and as slow for a wrong
    /// password and for [`dummy`](Self::dummy) keys as for the right one.
    #[must_use]
    pub fn verify_password(&self, password: &str) -> bool {
        let Ok(password) = prepare_password(password) else {
            return false;
        };
        let salted = salted_password(&password, &self.salt, self.iterations);
        let stored = stored_key(&client_key(&salted));
        stored.expose().ct_eq(self.stored_key.expose()).into()
    }

    /// Reads `SCRAM-SHA-256$iterations:salt$stored:server`, the form of RFC 5803 §2 that other
    /// servers and databases keep too.
    ///
    /// # Errors
    ///
    /// [`InvalidKeys`] when the text has another form or its numbers are out of range.
    ///
    /// ```
    /// use mailwire_core::sasl::{InvalidKeys, ScramKeys};
    ///
    /// assert_eq!(ScramKeys::from_text("{PLAIN}pencil").unwrap_err(), InvalidKeys::Text);
    /// ```
    pub fn from_text(text: &str) -> Result<Self, InvalidKeys> {
        let parts = || {
            let rest = text.strip_prefix("SCRAM-SHA-256$")?;
            let (parameters, keys) = rest.split_once('$')?;
            let (iterations, salt) = parameters.split_once(':')?;
            let (stored, server) = keys.split_once(':')?;
            let salt = base64::decode(salt.as_bytes(), limits::SCRAM_SALT).ok()?;
            Some((positive(iterations)?, salt, key(stored)?, key(server)?))
        };
        let (iterations, salt, stored_key, server_key) = parts().ok_or(InvalidKeys::Text)?;
        check_parameters(salt.expose(), iterations)?;
        Ok(Self {
            salt: salt.expose().as_slice().into(),
            iterations,
            stored_key,
            server_key,
        })
    }

    /// Writes what [`from_text`](Self::from_text) reads.
    #[must_use]
    pub fn to_text(&self) -> SecretString {
        let stored = base64::encode_secret(self.stored_key.expose());
        let server = base64::encode_secret(self.server_key.expose());
        Secret::new(format!(
            "SCRAM-SHA-256${}:{}${}:{}",
            self.iterations,
            base64::encode(&self.salt),
            stored.expose(),
            server.expose(),
        ))
    }

    /// PBKDF2 rounds.
    #[must_use]
    pub const fn iterations(&self) -> u32 {
        self.iterations
    }

    /// The salt, which every client that asks is told.
    #[must_use]
    pub const fn salt(&self) -> &[u8] {
        &self.salt
    }
}

impl Clone for ScramKeys {
    fn clone(&self) -> Self {
        Self {
            salt: self.salt.clone(),
            iterations: self.iterations,
            stored_key: Secret::new(*self.stored_key.expose()),
            server_key: Secret::new(*self.server_key.expose()),
        }
    }
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScramKeys({} iterations, ..)", self.iterations)
    }
}

/// The slow part of a client's SCRAM exchange, as a value: run it on any thread and give the
/// result to [`Client::derived`](crate::sasl::Client::derived).
///
/// Its parameters are within the limits already.
///
/// ```
/// # use mailwire_core::sasl::{Client, ClientBinding, ClientStep, Credentials, Nonce};
/// # let nonce = Nonce::from_printable("rOprNGfwEbeRWgbNEkqO")?;
/// # let credentials = Credentials::new("user", "pencil")?;
/// # let mut client = Client::scram_sha_256(&credentials, nonce, &ClientBinding::Unsupported)?;
/// # client.initial_response();
/// # let challenge = b"r=rOprNGfwEbeRWgbNEkqOxyz,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
/// let ClientStep::NeedDerivation(derivation) = client.step(challenge) else { panic!() };
/// let derived = std::thread::spawn(move || derivation.run()).join().unwrap();
/// let ClientStep::Respond(proof) = client.derived(&derived) else { panic!() };
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Derivation {
    pub(super) password: SecretString,
    pub(super) salt: Box<[u8]>,
    pub(super) iterations: u32,
}

impl Derivation {
    /// PBKDF2 with HMAC-SHA-256, `Hi` in RFC 5802 §2.2.
    #[must_use]
    pub fn run(self) -> Derived {
        Derived {
            salted: salted_password(&self.password, &self.salt, self.iterations),
        }
    }

    /// How many rounds it takes: what to estimate the time from.
    #[must_use]
    pub const fn iterations(&self) -> u32 {
        self.iterations
    }
}

impl fmt::Debug for Derivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Derivation({} iterations, ..)", self.iterations)
    }
}

/// What a [`Derivation`] found, as secret as the password.
pub struct Derived {
    pub(super) salted: Key,
}

impl fmt::Debug for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Derived(..)")
    }
}

/// `posit-number` of RFC 5802 §7, if it fits into 32 bits.
pub(super) fn positive(text: &str) -> Option<u32> {
    let first = text.bytes().next()?;
    if first == b'0' || !text.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// A key in base64, of exactly its size.
pub(super) fn key(text: &str) -> Option<Key> {
    let octets = base64::decode(text.as_bytes(), SIZE).ok()?;
    Some(Secret::new(octets.expose().as_slice().try_into().ok()?))
}

pub(super) fn client_key(salted: &Key) -> Key {
    mac(salted.expose(), &[b"Client Key"])
}

pub(super) fn server_key(salted: &Key) -> Key {
    mac(salted.expose(), &[b"Server Key"])
}

pub(super) fn stored_key(client_key: &Key) -> Key {
    Secret::new(Sha256::digest(client_key.expose()).into())
}

/// `a XOR b`; this makes a proof of a client key, and a client key of a proof.
pub(super) fn xor(a: &Key, b: &Key) -> Key {
    let mut out = Secret::new(*a.expose());
    for (octet, other) in out.expose_mut().iter_mut().zip(b.expose()) {
        *octet ^= other;
    }
    out
}

#[expect(
    clippy::expect_used,
    reason = "HMAC takes a key of any length, RFC 2104 §2"
)]
pub(super) fn mac(key: &[u8], parts: &[&[u8]]) -> Key {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    for part in parts {
        mac.update(part);
    }
    Secret::new(mac.finalize().into_bytes().into())
}

#[expect(
    clippy::expect_used,
    reason = "HMAC takes a key of any length, RFC 2104 §2"
)]
fn salted_password(password: &SecretString, salt: &[u8], iterations: u32) -> Key {
    let mut out = Secret::new([0; SIZE]);
    let password = password.expose().as_bytes();
    pbkdf2::pbkdf2::<Hmac<Sha256>>(password, salt, iterations, out.expose_mut())
        .expect("any length is a key");
    out
}

fn check_parameters(salt: &[u8], iterations: u32) -> Result<(), InvalidKeys> {
    if salt.is_empty() || salt.len() > limits::SCRAM_SALT {
        return Err(InvalidKeys::Salt);
    }
    if !(limits::SCRAM_ITERATIONS_MIN..=limits::SCRAM_ITERATIONS_MAX).contains(&iterations) {
        return Err(InvalidKeys::Iterations);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    /// RFC 7677 §3 gives salt, iterations and both proofs; the keys follow from them.
    const SALT: &str = "W22ZaJ0SNY7soEsUEjb6gQ==";

    fn keys() -> ScramKeys {
        let salt = base64::decode(SALT.as_bytes(), 64).unwrap();
        ScramKeys::derive("pencil", salt.expose(), 4_096).unwrap()
    }

    #[test]
    fn the_text_form_comes_back() {
        let keys = keys();
        let text = keys.to_text();
        assert!(
            text.expose()
                .starts_with("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$")
        );
        let again = ScramKeys::from_text(text.expose()).unwrap();
        assert_eq!(again.to_text(), text);
        assert!(again.verify_password("pencil"));
        assert!(!again.verify_password("pencil "));
        assert!(!again.verify_password(""));
        assert!(!again.verify_password("pen\0cil"));
    }

    #[test]
    fn refuses_texts_of_another_form() {
        let text = keys().to_text();
        let text = text.expose();
        for (bad, error) in [
            (text.replace("SHA-256", "SHA-1"), InvalidKeys::Text),
            (text.replace("4096", "4095"), InvalidKeys::Iterations),
            (text.replace("4096", "2000001"), InvalidKeys::Iterations),
            (text.replace("4096", "04096"), InvalidKeys::Text),
            (text.replace("4096", "99999999999"), InvalidKeys::Text),
            (text.replace("4096", "+4096"), InvalidKeys::Text),
            (text.replace(SALT, ""), InvalidKeys::Salt),
            (
                text.replace(SALT, "W22ZaJ0SNY7soEsUEjb6gQ="),
                InvalidKeys::Text,
            ),
            (format!("{text} "), InvalidKeys::Text),
            (format!("{text}:"), InvalidKeys::Text),
            (text.replacen('$', ":", 2), InvalidKeys::Text),
            (alloc::string::String::new(), InvalidKeys::Text),
        ] {
            assert_eq!(ScramKeys::from_text(&bad).unwrap_err(), error, "{bad}");
        }
    }

    #[test]
    fn auth_13_parameters_out_of_range_are_refused_before_the_work() {
        let derive = |salt: &[u8], iterations| ScramKeys::derive("x", salt, iterations).map(|_| ());
        assert_eq!(derive(b"", 4_096), Err(InvalidKeys::Salt));
        assert_eq!(derive(&[0; 1 << 20], 4_096), Err(InvalidKeys::Salt));
        for iterations in [0, 1, 4_095, 2_000_001, u32::MAX] {
            assert_eq!(derive(b"salt", iterations), Err(InvalidKeys::Iterations));
        }
        assert_eq!(derive(b"salt", 4_096), Ok(()));
    }

    #[test]
    fn auth_10_dummy_keys_look_like_a_user_and_fit_no_password() {
        let dummy = |secret: &[u8], user: &str| ScramKeys::dummy(secret, user, 4_096).unwrap();
        let once = dummy(b"secret", "nobody");
        assert_eq!(once.to_text(), dummy(b"secret", "nobody").to_text());
        assert_ne!(once.salt(), dummy(b"secret", "nobodx").salt());
        assert_ne!(once.salt(), dummy(b"secreu", "nobody").salt());
        assert_ne!(once.stored_key, once.server_key);
        assert_eq!(
            (once.salt().len(), once.iterations()),
            (16, keys().iterations())
        );
        assert!(!once.verify_password("pencil"));
        assert!(ScramKeys::dummy(b"secret", "nobody", 1).is_err());
    }

    #[cfg(feature = "saslprep")]
    #[test]
    fn auth_23_keys_are_those_of_the_prepared_password() {
        let keys = ScramKeys::derive("e\u{301}", b"salt", 4_096).unwrap();
        assert!(keys.verify_password("\u{e9}"));
        assert!(!keys.verify_password("e"));
        let error = ScramKeys::derive("a\u{5d0}", b"salt", 4_096).unwrap_err();
        assert_eq!(error, InvalidKeys::Password);
    }

    #[test]
    fn auth_24_debug_shows_no_keys() {
        let keys = keys();
        let text = keys.to_text();
        let shown = format!("{keys:?}");
        assert_eq!(shown, "ScramKeys(4096 iterations, ..)");
        assert!(!text.expose().contains(&shown));
        let password = SecretString::from("canary");
        let derivation = Derivation {
            password,
            salt: [7; 4].into(),
            iterations: 4_096,
        };
        assert_eq!(format!("{derivation:?}"), "Derivation(4096 iterations, ..)");
        assert_eq!(format!("{:?}", derivation.run()), "Derived(..)");
    }
}
