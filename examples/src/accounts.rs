//! Who may log in: SCRAM keys on disk, never a password, and checks that keep off the I/O threads.
//!
//! A password that arrives by PLAIN, LOGIN or USER/PASS costs a key derivation of 15,000 rounds.
//! After it has succeeded once, a MAC of (user, password) under a key that lives in this process
//! only is kept in memory, so that the same client's next login costs no derivation. Changing the
//! password forgets it. A user who does not exist costs what one who does costs (same reply, same
//! work), so that nobody can find out who has an account.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use hmac::{Hmac, KeyInit, Mac};
use mailwire_core::{
    sasl::{InvalidKeys, ScramKeys},
    secret::{Secret, SecretString},
};
use sha2::Sha256;
use tokio::sync::Semaphore;

use crate::{
    file::{Access, replace},
    recipients::canonical,
    store::Account,
};

/// PBKDF2 rounds of new keys.
pub const ITERATIONS: u32 = 15_000;

/// Derivations at once: more would only starve the threads that serve open sessions.
const DERIVATIONS: usize = 2;

/// The accounts of a server. Cloning gives another handle to the same ones.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use mailwire_core::secret::Secret;
/// use mailwire_examples::accounts::{Accounts, Checked};
///
/// let dir = tempfile::tempdir().unwrap();
/// let accounts = Accounts::open(dir.path()).unwrap();
/// accounts.set_password("alice@example.test", &Secret::new("wonderland".to_owned())).unwrap();
/// let checked = accounts.check("alice@example.test", Secret::new("wonderland".to_owned())).await;
/// assert_eq!(checked, Checked::Accepted);
/// # });
/// ```
#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

struct Inner {
    path: PathBuf,
    users: Mutex<BTreeMap<String, ScramKeys>>,
    /// Under `mac_key`, of users whose password was right.
    known: Mutex<BTreeMap<String, [u8; 32]>>,
    mac_key: Secret<[u8; 32]>,
    /// From it the keys of users who do not exist are made.
    dummy: Secret<[u8; 32]>,
    derivations: Semaphore,
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts")
            .field("path", &self.0.path)
            .finish_non_exhaustive()
    }
}

/// What came of a password.
///
/// ```
/// use mailwire_examples::accounts::Checked;
/// assert_ne!(Checked::Rejected, Checked::Unavailable);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "each has its own reply")]
pub enum Checked {
    /// It is this account's.
    Accepted,
    /// It is not, or there is no such account; the two look the same.
    Rejected,
    /// It could not be found out: say so, and do not count it as a wrong password.
    Unavailable,
}

/// Why accounts cannot be read or changed.
///
/// ```
/// use mailwire_examples::accounts::AccountError;
/// let error = AccountError::Name { name: "a b".into() };
/// assert!(error.to_string().contains("a b"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A line of the file is not one of ours.
    #[error("{}: line {line}: {error}", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What was expected.
        error: InvalidKeys,
    },
    /// Not a name that an account can have.
    #[error(
        "{name:?} cannot be the name of an account: it is user@domain, of letters, digits and . _ - + ="
    )]
    Name {
        /// The name.
        name: String,
    },
    /// A password that cannot be prepared (RFC 4013).
    #[error("the password of {name} cannot be used: {error}")]
    Password {
        /// Whose.
        name: String,
        /// Why.
        error: InvalidKeys,
    },
    /// The system gave no random octets.
    #[error("the system gave no random octets: {0}")]
    Random(getrandom::Error),
}

impl Accounts {
    /// Reads the accounts kept in `dir`; none where there is no file yet.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or holds a line that is not ours.
    pub fn open(dir: &Path) -> Result<Self, AccountError> {
        let path = dir.join("accounts");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(AccountError::File { path, error }),
        };
        let mut users = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let keys = line.split_once(' ').ok_or(InvalidKeys::Text);
            let parsed = keys.and_then(|(name, keys)| Ok((name, ScramKeys::from_text(keys)?)));
            let (name, keys) = parsed.map_err(|error| AccountError::Line {
                path: path.clone(),
                line: number + 1,
                error,
            })?;
            users.insert(name.to_owned(), keys);
        }
        Ok(Self(Arc::new(Inner {
            path,
            users: Mutex::new(users),
            known: Mutex::default(),
            mac_key: Secret::new(random()?),
            dummy: Secret::new(random()?),
            derivations: Semaphore::new(DERIVATIONS),
        })))
    }

    /// The names of all accounts, sorted.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        lock(&self.0.users).keys().cloned().collect()
    }

    /// Whether the account exists.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        lock(&self.0.users).contains_key(&canonical(name))
    }

    /// Sets a password, making the account where it does not exist; on disk when this returns.
    ///
    /// It derives keys, so it blocks for some milliseconds.
    ///
    /// # Errors
    ///
    /// A name or password that cannot be used, or a file that cannot be written; nothing has
    /// changed then.
    pub fn set_password(&self, name: &str, password: &SecretString) -> Result<(), AccountError> {
        let name = canonical(name);
        if Account::parse(&name).is_err() {
            return Err(AccountError::Name { name });
        }
        let salt: [u8; 16] = random()?;
        let keys = ScramKeys::derive(password.expose(), &salt, ITERATIONS).map_err(|error| {
            AccountError::Password {
                name: name.clone(),
                error,
            }
        })?;
        let mut users = lock(&self.0.users);
        let mut changed = users.clone();
        changed.insert(name.clone(), keys);
        let mut text = Secret::new(String::new());
        for (name, keys) in &changed {
            text.expose_mut().push_str(name);
            text.expose_mut().push(' ');
            text.expose_mut().push_str(keys.to_text().expose());
            text.expose_mut().push('\n');
        }
        replace(&self.0.path, text.expose().as_bytes(), Access::Owner).map_err(|error| {
            AccountError::File {
                path: self.0.path.clone(),
                error,
            }
        })?;
        *users = changed;
        lock(&self.0.known).remove(&name);
        Ok(())
    }

    /// Makes the account with a random password, which is returned; `None` where it exists.
    ///
    /// # Errors
    ///
    /// As [`Accounts::set_password`].
    ///
    /// ```
    /// let dir = tempfile::tempdir().unwrap();
    /// let accounts = mailwire_examples::accounts::Accounts::open(dir.path()).unwrap();
    /// assert!(accounts.ensure("bob@example.test").unwrap().is_some());
    /// assert!(accounts.ensure("bob@example.test").unwrap().is_none());
    /// ```
    pub fn ensure(&self, name: &str) -> Result<Option<SecretString>, AccountError> {
        if self.contains(name) {
            return Ok(None);
        }
        let password = random_password()?;
        self.set_password(name, &password)?;
        Ok(Some(password))
    }

    /// Checks a password. The derivation, where one is needed, runs on a thread for blocking work,
    /// [`DERIVATIONS`](self) at a time.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing; a derivation that has begun ends by itself.
    pub async fn check(&self, name: &str, password: SecretString) -> Checked {
        let name = canonical(name);
        let mac = self.mac(&name, &password);
        if lock(&self.0.known)
            .get(&name)
            .is_some_and(|known| same(known, &mac))
        {
            return Checked::Accepted;
        }
        let Some(keys) = self.keys(&name) else {
            return Checked::Unavailable;
        };
        let iterations_and_salt = keys.to_text();
        let Ok(_permit) = self.0.derivations.acquire().await else {
            return Checked::Unavailable;
        };
        let derived = tokio::task::spawn_blocking(move || keys.verify_password(password.expose()));
        match derived.await {
            Err(_) => Checked::Unavailable,
            Ok(false) => Checked::Rejected,
            Ok(true) => {
                // The password may have been changed while this ran; then it is not remembered.
                let users = lock(&self.0.users);
                let now = users.get(&name).map(ScramKeys::to_text);
                if now.is_some_and(|now| now.matches(iterations_and_salt.expose().as_bytes())) {
                    lock(&self.0.known).insert(name, mac);
                }
                Checked::Accepted
            }
        }
    }

    /// The keys for a SCRAM exchange. For a user who does not exist they are made up, the same ones
    /// every time, and no proof fits them. `None` only where even that fails.
    #[must_use]
    pub fn keys(&self, name: &str) -> Option<ScramKeys> {
        let name = canonical(name);
        let found = lock(&self.0.users).get(&name).cloned();
        found.or_else(|| ScramKeys::dummy(self.0.dummy.expose(), &name, ITERATIONS).ok())
    }

    fn mac(&self, name: &str, password: &SecretString) -> [u8; 32] {
        // HMAC takes keys of any length, so this cannot fail; an empty MAC matches nothing.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.0.mac_key.expose()) else {
            return [0; 32];
        };
        mac.update(&name.len().to_be_bytes());
        mac.update(name.as_bytes());
        mac.update(password.expose().as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// A password that a person can type: 20 letters and digits, 100 bits.
fn random_password() -> Result<SecretString, AccountError> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let octets: [u8; 20] = random()?;
    let letter = |octet: u8| {
        LETTERS
            .get(usize::from(octet % 32))
            .copied()
            .map_or('x', char::from)
    };
    Ok(Secret::new(octets.map(letter).iter().collect()))
}

/// Octets from the system's generator.
///
/// # Errors
///
/// [`AccountError::Random`] where the system has none.
///
/// ```
/// use mailwire_examples::accounts::random;
/// assert_ne!(random::<16>().unwrap(), random::<16>().unwrap());
/// ```
pub fn random<const N: usize>() -> Result<[u8; N], AccountError> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).map_err(AccountError::Random)?;
    Ok(octets)
}

fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    mailwire_core::secret::constant_time_eq(a, b)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // The maps are replaced or changed in one call, so a panic elsewhere leaves them whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        Secret::new(text.to_owned())
    }

    #[tokio::test]
    async fn auth_8_passwords_are_checked_and_only_the_right_one_passes() {
        let dir = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(dir.path()).unwrap();
        accounts
            .set_password("Alice@example.test", &secret("x"))
            .unwrap();
        for (name, password, want) in [
            ("alice@example.test", "x", Checked::Accepted),
            ("ALICE@example.test", "x", Checked::Accepted),
            ("alice@example.test", "x", Checked::Accepted),
            ("alice@example.test", "", Checked::Rejected),
            ("alice@example.test", "xx", Checked::Rejected),
            ("bob@example.test", "x", Checked::Rejected),
            ("", "", Checked::Rejected),
        ] {
            assert_eq!(
                accounts.check(name, secret(password)).await,
                want,
                "{name} {password}"
            );
        }
    }

    #[tokio::test]
    async fn a_login_that_succeeded_is_remembered_until_the_password_changes() {
        let dir = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(dir.path()).unwrap();
        let known = |accounts: &Accounts| lock(&accounts.0.known).len();
        accounts
            .set_password("a@example.test", &secret("one"))
            .unwrap();
        accounts.check("a@example.test", secret("two")).await;
        assert_eq!(known(&accounts), 0);
        accounts.check("a@example.test", secret("one")).await;
        assert_eq!(known(&accounts), 1);
        // With the keys gone only the memory can accept it.
        let keys = lock(&accounts.0.users).remove("a@example.test").unwrap();
        assert_eq!(
            accounts.check("a@example.test", secret("one")).await,
            Checked::Accepted
        );
        assert_eq!(
            accounts.check("a@example.test", secret("two")).await,
            Checked::Rejected
        );
        lock(&accounts.0.users).insert("a@example.test".to_owned(), keys);
        accounts
            .set_password("a@example.test", &secret("two"))
            .unwrap();
        assert_eq!(known(&accounts), 0);
        assert_eq!(
            accounts.check("a@example.test", secret("one")).await,
            Checked::Rejected
        );
        assert_eq!(
            accounts.check("a@example.test", secret("two")).await,
            Checked::Accepted
        );
    }

    #[test]
    fn all_4_the_file_holds_no_password() {
        let dir = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(dir.path()).unwrap();
        let password = accounts.ensure("bob@example.test").unwrap().unwrap();
        let text = std::fs::read_to_string(dir.path().join("accounts")).unwrap();
        assert!(text.starts_with("bob@example.test SCRAM-SHA-256$15000:"));
        assert!(
            !text.contains(password.expose())
                && !text.contains(&mailwire_core::base64::encode(password.expose().as_bytes()))
        );
        assert!(!format!("{accounts:?}").contains("SCRAM"));
        let again = Accounts::open(dir.path()).unwrap();
        assert_eq!(again.names(), ["bob@example.test"]);
        assert!(
            again
                .keys("bob@example.test")
                .unwrap()
                .verify_password(password.expose())
        );
    }

    #[test]
    fn auth_9_a_name_that_would_be_a_path_or_a_line_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(dir.path()).unwrap();
        for name in [
            "../../bob@example.test",
            "bob/../al@example.test",
            ".bob@example.test",
            "bob@../x",
            "bob",
            "@example.test",
            "bob@",
            "a b@example.test",
            "a\tb@example.test",
            "a\nroot SCRAM@example.test",
            "a\0@example.test",
            "a:2,S@example.test",
        ] {
            assert!(
                accounts.set_password(name, &secret("x")).is_err(),
                "{name:?}"
            );
        }
        assert!(accounts.names().is_empty());
    }

    #[test]
    fn auth_10_an_unknown_user_looks_like_a_known_one() {
        let dir = tempfile::tempdir().unwrap();
        let accounts = Accounts::open(dir.path()).unwrap();
        accounts
            .set_password("a@example.test", &secret("x"))
            .unwrap();
        let (known, unknown) = (
            accounts.keys("a@example.test").unwrap(),
            accounts.keys("b@example.test").unwrap(),
        );
        assert_eq!(known.iterations(), unknown.iterations());
        assert_eq!(known.salt().len(), unknown.salt().len());
        assert_eq!(
            unknown.salt(),
            accounts.keys("b@example.test").unwrap().salt()
        );
    }

    #[test]
    fn a_spoilt_file_is_named_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let good = ScramKeys::derive("x", b"salt", 4_096).unwrap().to_text();
        std::fs::write(
            dir.path().join("accounts"),
            format!("a@b {}\nspoilt\n", good.expose()),
        )
        .unwrap();
        let error = Accounts::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
    }
}
