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
/// The directory has the name in UTF-8. A dot, which separates the levels there, is written `\2e` within a level, and
/// a backslash `\5c`; so every name has one directory, and every directory one name or none.
///
/// ```
/// use mailwire_examples::store::Folder;
///
/// let folder = Folder::parse("Lists/rust-1.90")?;
/// assert_eq!(folder.directory(), Some(r".Lists.rust-1\2e90"));
/// assert_eq!(folder.name(), "Lists/rust-1.90");
/// assert_eq!(Folder::parse("inbox")?, Folder::inbox());
/// assert!(Folder::parse("a/../b").is_err());
/// # Ok::<(), mailwire_examples::store::InvalidName>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Folder(Option<String>);

const INBOX: &str = "INBOX";

impl Folder {
    /// A directory entry ends at 255 octets.
    const MAX_DIRECTORY: usize = 255;

    /// The folder that mail is delivered to: the Maildir itself.
    #[must_use]
    pub const fn inbox() -> Self {
        Self(None)
    }

    /// A folder by its name, with `/` between the levels. A level may not be empty, `.` or `..`, and may not contain a
    /// control character or one that separates lines. Only INBOX has no case, also as the first level.
    ///
    /// # Errors
    ///
    /// When the name breaks one of these rules, or is longer than the name of a directory may be.
    pub fn parse(name: &str) -> Result<Self, InvalidName> {
        let bad = |c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}';
        let mut directory = String::new();
        for (number, level) in name.split('/').enumerate() {
            if matches!(level, "" | "." | "..") || level.contains(bad) {
                return Err(InvalidName);
            }
            let inbox = number == 0 && level.eq_ignore_ascii_case(INBOX);
            directory.push('.');
            for c in if inbox { INBOX } else { level }.chars() {
                match c {
                    '.' => directory.push_str("\\2e"),
                    '\\' => directory.push_str("\\5c"),
                    _ => directory.push(c),
                }
            }
        }
        if directory.strip_prefix('.') == Some(INBOX) {
            return Ok(Self::inbox());
        }
        if directory.len() > Self::MAX_DIRECTORY {
            return Err(InvalidName);
        }
        Ok(Self(Some(directory)))
    }

    /// The folder that a directory of the Maildir is, if it is one.
    pub(crate) fn of_directory(directory: &str) -> Option<Self> {
        let folder = Self(Some(
            directory.strip_prefix('.').map(|_| directory.to_owned())?,
        ));
        // What is written in another way than ours would be found under no name.
        (Self::parse(&folder.name()).as_ref() == Ok(&folder)).then_some(folder)
    }

    /// Its directory in the Maildir; none for INBOX, which is the Maildir.
    #[must_use]
    pub fn directory(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// Its name, with `/` between the levels.
    #[must_use]
    pub fn name(&self) -> String {
        let directory = self.0.as_deref().and_then(|name| name.strip_prefix('.'));
        let levels = directory.unwrap_or(INBOX).split('.');
        let levels: Vec<String> = levels
            .map(|level| level.replace("\\2e", ".").replace("\\5c", "\\"))
            .collect();
        levels.join("/")
    }

    /// Whether it is INBOX.
    #[must_use]
    pub const fn is_inbox(&self) -> bool {
        self.0.is_none()
    }

    /// Whether `other` is below this one, at any depth.
    #[must_use]
    pub fn is_above(&self, other: &Self) -> bool {
        let own = self.prefix();
        let below = other.directory().and_then(|name| name.strip_prefix(own));
        below.is_some_and(|rest| rest.starts_with('.'))
    }

    /// The folder that this one is directly below.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (above, _) = self.directory()?.rsplit_once('.')?;
        match above.strip_prefix('.') {
            None => None,
            Some(INBOX) => Some(Self::inbox()),
            Some(_) => Some(Self(Some(above.to_owned()))),
        }
    }

    /// What it is called when `from` is renamed to `to`; `None` when that is nothing to it.
    pub(crate) fn moved(&self, from: &Self, to: &Self) -> Option<Self> {
        if self == from {
            return Some(to.clone());
        }
        if !from.is_above(self) {
            return None;
        }
        let rest = self.directory()?.strip_prefix(from.prefix())?;
        Some(Self(Some(format!("{}{rest}", to.prefix()))))
    }

    /// Whether its directory can have this name.
    pub(crate) fn fits(&self) -> bool {
        self.prefix().len() <= Self::MAX_DIRECTORY
    }

    fn prefix(&self) -> &str {
        self.directory().unwrap_or(".INBOX")
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
        let deep = vec!["a"; 1000].join("/");
        for bad in [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            ".",
            "..",
            "../x",
            "a/../b",
            "a/./b",
            "a\0b",
            "a\nb",
            "a\u{7f}b",
            "a\u{85}",
            "a\u{2028}b",
            "/etc/passwd",
            &long,
            &deep,
            "INBOX/",
            "inbox//a",
        ] {
            assert_eq!(Folder::parse(bad), Err(InvalidName), "{bad:?}");
        }
        for (path, directory) in [
            ("Sent", ".Sent"),
            ("a/b/c", ".a.b.c"),
            ("tmp", ".tmp"),
            ("&AC8-&AC4-", ".&AC8-&AC4-"),
            ("a..b/.c.", r".a\2e\2eb.\2ec\2e"),
            (r"a\2e/b\", r".a\5c2e.b\5c"),
            ("Entwürfe/日本", ".Entwürfe.日本"),
            ("iNbOx/Lists", ".INBOX.Lists"),
            ("a/inbox", ".a.inbox"),
            ("~root", ".~root"),
            ("#news", ".#news"),
        ] {
            let folder = Folder::parse(path).unwrap();
            assert_eq!(folder.directory(), Some(directory));
            assert_eq!(Folder::parse(&folder.name()), Ok(folder.clone()));
            assert_eq!(Folder::of_directory(directory), Some(folder));
        }
        assert_ne!(Folder::parse("Sent"), Folder::parse("sent"));
    }

    #[test]
    fn store_20_directories_that_no_name_leads_to_are_no_folders() {
        for other in [
            "",
            ".",
            "..",
            "...",
            "..a",
            ".a..b",
            ".a.",
            "a",
            "cur",
            r".a\b",
            r".a\2E",
            ".INBOX",
            ".inbox.x",
            ".a/b",
            "..mailwire-gone.1",
        ] {
            assert_eq!(Folder::of_directory(other), None, "{other:?}");
        }
    }

    #[test]
    fn folders_know_what_is_above_and_below() {
        let [inbox, a, ab, abc, ax, ib] = ["INBOX", "a", "a/b", "a/b/c", "ax", "INBOX/b"]
            .map(|name| Folder::parse(name).unwrap());
        assert!(a.is_above(&ab) && a.is_above(&abc) && inbox.is_above(&ib));
        assert!(!a.is_above(&a) && !a.is_above(&ax) && !ab.is_above(&a) && !inbox.is_above(&a));
        assert_eq!(
            [&inbox, &a, &abc, &ib].map(Folder::parent),
            [None, None, Some(ab), Some(inbox.clone())]
        );
        assert_eq!(abc.moved(&a, &ib).unwrap().name(), "INBOX/b/b/c");
        assert_eq!(ib.moved(&inbox, &a).unwrap().name(), "a/b");
        assert_eq!(ax.moved(&a, &ib), None);
    }
}
