//! Whose mail is ours: from an address to the accounts that get it.
//!
//! Two local parts are the same account when they are equal after Unicode normalisation form C and
//! lower-casing, and nothing else: compatibility forms (NFKC) are never folded, for a letter that
//! merely looks like another one must not receive its mail. Mail for `postmaster` is always taken
//! (RFC 5321 §4.5.1).

use std::collections::{BTreeMap, BTreeSet};

use unicode_normalization::UnicodeNormalization;

use crate::config::{Config, InvalidConfig};

/// The accounts, aliases and domains, for look-ups.
///
/// ```
/// use mailwire_examples::{config::Config, recipients::{Recipients, Resolved}};
/// let recipients = Recipients::new(&Config::default(), ["alice@example.test"]).unwrap();
/// assert_eq!(
///     recipients.resolve("Alice+lists", "EXAMPLE.test"),
///     Resolved::Accounts(vec!["alice@example.test".into()]),
/// );
/// assert_eq!(recipients.resolve("alice", "example.org"), Resolved::NotOurs);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Recipients {
    accounts: BTreeSet<String>,
    domains: BTreeMap<String, Rules>,
    primary: String,
    delimiter: String,
    postmaster: Option<String>,
}

#[derive(Clone, Debug, Default)]
struct Rules {
    aliases: BTreeMap<String, Vec<String>>,
    catch_all: Option<String>,
}

/// Who gets mail for an address.
///
/// ```
/// use mailwire_examples::recipients::Resolved;
/// assert_ne!(Resolved::NotOurs, Resolved::Unknown);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "each has its own reply")]
pub enum Resolved {
    /// These accounts, each once.
    Accounts(Vec<String>),
    /// The domain is ours, the mailbox is not there.
    Unknown,
    /// The domain is not ours; taking the mail would make us a relay.
    NotOurs,
}

impl Recipients {
    /// From the configuration and the accounts that exist.
    ///
    /// # Errors
    ///
    /// An alias or a catch-all that names an account which does not exist.
    pub fn new<'a>(
        config: &Config,
        accounts: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, InvalidConfig> {
        let primary = config
            .domains
            .first()
            .map(|d| canonical(&d.name))
            .unwrap_or_default();
        let accounts: BTreeSet<_> = accounts.into_iter().map(canonical).collect();
        let account = |name: &str, of: &str| {
            let name = qualified(name, &primary);
            if accounts.contains(&name) {
                Ok(name)
            } else {
                Err(InvalidConfig::unknown_account(&name, of))
            }
        };
        let mut domains = BTreeMap::new();
        for domain in &config.domains {
            let mut rules = Rules::default();
            for (alias, targets) in &domain.aliases {
                let of = format!("alias {alias}@{}", domain.name);
                let targets = targets
                    .iter()
                    .map(|t| account(t, &of))
                    .collect::<Result<_, _>>()?;
                rules.aliases.insert(canonical(alias), targets);
            }
            let of = format!("the catch-all of {}", domain.name);
            rules.catch_all = domain
                .catch_all
                .as_deref()
                .map(|c| account(c, &of))
                .transpose()?;
            domains.insert(canonical(&domain.name), rules);
        }
        let first = config.accounts.first().map(|a| qualified(a, &primary));
        let postmaster = first
            .filter(|a| accounts.contains(a))
            .or_else(|| accounts.first().cloned());
        let delimiter = config.recipient_delimiter.clone();
        Ok(Self {
            accounts,
            domains,
            primary,
            delimiter,
            postmaster,
        })
    }

    /// Who gets mail for `local@domain`.
    #[must_use]
    pub fn resolve(&self, local: &str, domain: &str) -> Resolved {
        let domain = canonical(domain.strip_suffix('.').unwrap_or(domain));
        let Some(rules) = self.domains.get(&domain) else {
            return Resolved::NotOurs;
        };
        let local = canonical(local);
        if let Some(found) = self.exact(&local, &domain, rules) {
            return Resolved::Accounts(found);
        }
        let base = match self.delimiter.as_str() {
            "" => None,
            delimiter => local
                .split_once(delimiter)
                .filter(|(base, _)| !base.is_empty()),
        };
        if let Some(found) = base.and_then(|(base, _)| self.exact(base, &domain, rules)) {
            return Resolved::Accounts(found);
        }
        let otherwise = rules.catch_all.clone();
        otherwise
            .or_else(|| self.postmaster.clone().filter(|_| local == "postmaster"))
            .map_or(Resolved::Unknown, |account| {
                Resolved::Accounts(vec![account])
            })
    }

    /// Who gets mail for the bare `postmaster` of RFC 5321 §4.5.1.
    #[must_use]
    pub fn postmaster(&self) -> Resolved {
        self.resolve("postmaster", &self.primary)
    }

    /// The account behind a login name; a bare one belongs to the first domain.
    #[must_use]
    pub fn login(&self, name: &str) -> String {
        qualified(name, &self.primary)
    }

    fn exact(&self, local: &str, domain: &str, rules: &Rules) -> Option<Vec<String>> {
        let account = format!("{local}@{domain}");
        if self.accounts.contains(&account) {
            return Some(vec![account]);
        }
        let mut targets = rules.aliases.get(local)?.clone();
        targets.sort();
        targets.dedup();
        Some(targets)
    }
}

/// The one spelling under which a name is compared and kept.
///
/// ```
/// use mailwire_examples::recipients::canonical;
/// assert_eq!(canonical("Alice@Example.TEST"), "alice@example.test");
/// ```
#[must_use]
pub fn canonical(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    // Lower-casing can leave a string that is not in form C, so it is normalised behind it.
    name.nfc()
        .collect::<String>()
        .to_lowercase()
        .nfc()
        .collect()
}

/// An account name with its domain.
///
/// ```
/// use mailwire_examples::recipients::qualified;
/// assert_eq!(qualified("Bob", "example.test"), "bob@example.test");
/// assert_eq!(qualified("bob@example.org", "example.test"), "bob@example.org");
/// ```
#[must_use]
pub fn qualified(name: &str, domain: &str) -> String {
    if name.contains('@') {
        canonical(name)
    } else {
        canonical(&format!("{name}@{domain}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Domain;

    fn recipients() -> Recipients {
        let mut config = Config::default();
        let aliases = [
            ("info", vec!["alice", "bob", "alice"]),
            ("sales+eu", vec!["bob"]),
        ];
        config.domains[0].aliases = aliases
            .into_iter()
            .map(|(a, t)| (a.to_owned(), t.into_iter().map(str::to_owned).collect()))
            .collect();
        let mut all = Domain::new("all.test");
        all.catch_all = Some("bob@example.test".to_owned());
        config.domains.push(all);
        let accounts = [
            "alice@example.test",
            "bob@example.test",
            "grüße@example.test",
        ];
        Recipients::new(&config, accounts).unwrap()
    }

    fn accounts(names: &[&str]) -> Resolved {
        Resolved::Accounts(names.iter().map(|n| format!("{n}@example.test")).collect())
    }

    #[test]
    fn every_kind_of_recipient_is_found() {
        let recipients = recipients();
        for (local, domain, want) in [
            ("alice", "example.test", accounts(&["alice"])),
            ("ALICE", "Example.Test", accounts(&["alice"])),
            ("alice+x+y", "example.test", accounts(&["alice"])),
            ("info", "example.test", accounts(&["alice", "bob"])),
            ("info+x", "example.test", accounts(&["alice", "bob"])),
            ("sales+eu", "example.test", accounts(&["bob"])),
            ("+alice", "example.test", Resolved::Unknown),
            ("carol", "example.test", Resolved::Unknown),
            ("carol", "all.test", accounts(&["bob"])),
            ("postmaster", "example.test", accounts(&["alice"])),
            ("PostMaster", "all.test", accounts(&["bob"])),
            ("alice", "sub.example.test", Resolved::NotOurs),
            ("alice", "example.test.evil", Resolved::NotOurs),
            ("alice", "", Resolved::NotOurs),
        ] {
            assert_eq!(recipients.resolve(local, domain), want, "{local}@{domain}");
        }
        assert_eq!(recipients.postmaster(), accounts(&["alice"]));
    }

    #[test]
    fn smtp_46_forms_of_one_letter_are_one_and_lookalikes_are_not() {
        let recipients = recipients();
        let nfd: String = "grüße".nfd().collect();
        assert_ne!(nfd, "grüße");
        for same in [
            nfd.as_str(),
            "GRÜSSE".to_lowercase().replace("ss", "ß").as_str(),
        ] {
            assert_eq!(
                recipients.resolve(same, "example.test"),
                accounts(&["grüße"]),
                "{same}"
            );
        }
        for other in [
            "gruße",
            "grüsse",
            "ａlice",
            "alice\u{200d}",
            "al\u{131}ce",
            "\u{202e}alice",
        ] {
            assert_eq!(
                recipients.resolve(other, "example.test"),
                Resolved::Unknown,
                "{other}"
            );
        }
    }

    #[test]
    fn an_alias_for_nobody_is_refused() {
        let mut config = Config::default();
        config.domains[0].catch_all = Some("carol".to_owned());
        let error = Recipients::new(&config, ["alice@example.test"]).unwrap_err();
        assert!(error.to_string().contains("carol@example.test"), "{error}");
    }
}
