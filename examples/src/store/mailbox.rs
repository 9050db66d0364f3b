//! Accounts and folders: names that are also names of directories, so nothing doubtful gets through.

use std::fmt;

/// An account, `user@domain`, as it names a directory: `<data>/mail/<domain>/<user>`.
///
/// Stricter than the RFCs on purpose: lower case (ASCII is folded, so that `Alice` and `alice` are one account),
/// letters, digits and `.` `_` `-` `+` `=`, no dot at either end and no two together. So no account can leave its
/// directory, hide, or be taken for another.
///
/// ```
/// use mailwire_examples::store::Account;
///
/// let alice = Account::parse("Alice@example.test")?;
/// assert_eq!(alice.to_string(), "alice@example.test");
/// assert!(Account::parse("../x@example.test").is_err());
/// # Ok::<(), mailwire_examples::store::InvalidName>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Account {
    domain: String,
    user: String,
}

/// Not a name of an account or a folder that the store can keep.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a name that the mail store can keep")]
#[non_exhaustive]
pub struct InvalidName;

impl Account {
    /// RFC 5321 §4.5.3.1.1.
    const MAX_USER: usize = 64;
    /// RFC 5321 §4.5.3.1.2 allows 255; a directory entry ends at 255 and a domain name at 253.
    const MAX_DOMAIN: usize = 253;

    /// The account of an address.
    ///
    /// # Errors
    ///
    /// When the address has other characters than those above, or is too long.
    pub fn parse(address: &str) -> Result<Self, InvalidName> {
        let (user, domain) = address.rsplit_once('@').ok_or(InvalidName)?;
        let (user, domain) = (user.to_ascii_lowercase(), domain.to_ascii_lowercase());
        let dots = |name: &str| name.split('.').any(str::is_empty);
        let of = |name: &str, more: &[u8]| {
            name.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || more.contains(&b))
        };
        let user_fits = user.len() <= Self::MAX_USER && !dots(&user) && of(&user, b"._-+=");
        let domain_fits = domain.len() <= Self::MAX_DOMAIN && !dots(&domain) && of(&domain, b".-");
        if !user_fits || !domain_fits {
            return Err(InvalidName);
        }
        Ok(Self { domain, user })
    }

    /// The domain, in lower case.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// What is in front of the `@`, in lower case.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.user, self.domain)
    }
}

/// A folder of an account: INBOX, or a path whose directory in Maildir++ is `.Name.Sub`.
///
/// ```
/// use mailwire_examples::store::Folder;
///
/// let folder = Folder::parse("Lists/rust")?;
/// assert_eq!(folder.directory(), Some(".Lists.rust"));
/// assert_eq!(Folder::parse("inbox")?, Folder::inbox());
/// assert!(Folder::parse("a/../b").is_err());
/// # Ok::<(), mailwire_examples::store::InvalidName>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Folder(Option<String>);

impl Folder {
    /// A directory entry ends at 255 octets.
    const MAX_DIRECTORY: usize = 255;

    /// The folder that mail is delivered to: the Maildir itself.
    #[must_use]
    pub const fn inbox() -> Self {
        Self(None)
    }

    /// A folder by its path, with `/` between the levels. A level may not be empty and may not contain a dot, which
    /// separates the levels on disk, nor `\` or a control character. Only INBOX has no case.
    ///
    /// # Errors
    ///
    /// When the path breaks one of these rules, or is longer than the name of a directory may be.
    pub fn parse(path: &str) -> Result<Self, InvalidName> {
        if path.eq_ignore_ascii_case("INBOX") {
            return Ok(Self::inbox());
        }
        let bad = |c: char| c == '.' || c == '\\' || c.is_control();
        if path
            .split('/')
            .any(|level| level.is_empty() || level.contains(bad))
        {
            return Err(InvalidName);
        }
        let directory = format!(".{}", path.replace('/', "."));
        if directory.len() > Self::MAX_DIRECTORY {
            return Err(InvalidName);
        }
        Ok(Self(Some(directory)))
    }

    /// Its directory in the Maildir; none for INBOX, which is the Maildir.
    #[must_use]
    pub fn directory(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_20_accounts_cannot_leave_their_directory() {
        let long = format!("{}@example.test", "a".repeat(65));
        let deep = format!("a@{}", "b.".repeat(127) + "test");
        for bad in [
            "",
            "@",
            "a",
            "a@",
            "@b",
            "..@b",
            ".@b",
            "a@..",
            "a@.",
            "a@../x",
            "../a@b",
            "/a@b",
            "a/b@c",
            "a@/b",
            "a\\b@c",
            "a\0@b",
            "a@b\0",
            "a b@c",
            ".a@b",
            "a.@b",
            "a..b@c",
            "a@b..c",
            "a@b.",
            "a\n@b",
            "a:b@c",
            "\"a\"@b",
            "ä@b",
            "a@[127.0.0.1]",
            "a%2f@b",
            "a&AC8-@b",
            &long,
            &deep,
        ] {
            assert_eq!(Account::parse(bad), Err(InvalidName), "{bad:?}");
        }
        let account = Account::parse("A.b+c_d-e=1@Example.TEST").unwrap();
        assert_eq!(
            (account.user(), account.domain()),
            ("a.b+c_d-e=1", "example.test")
        );
    }

    #[test]
    fn store_20_folders_cannot_leave_the_account() {
        let long = "x".repeat(255);
        for bad in [
            "", "/", "/a", "a/", "a//b", ".", "..", "a..b", "a/../b", "a.b", "a\\b", "a\0b",
            "a\nb", &long,
        ] {
            assert_eq!(Folder::parse(bad), Err(InvalidName), "{bad:?}");
        }
        for (path, directory) in [
            ("Sent", ".Sent"),
            ("a/b/c", ".a.b.c"),
            ("tmp", ".tmp"),
            ("&AC8-&AC4-", ".&AC8-&AC4-"),
        ] {
            assert_eq!(Folder::parse(path).unwrap().directory(), Some(directory));
        }
        assert_ne!(Folder::parse("Sent"), Folder::parse("sent"));
    }
}
