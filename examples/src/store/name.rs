//! Names of message files, as maildir(5) has them: `seconds.Mmicros Ppid Qcount.host,S=size:2,FLAGS`.

use std::{
    ffi::{OsStr, OsString},
    fmt::Write as _,
    os::unix::ffi::{OsStrExt, OsStringExt},
};

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::flags::Flags;

/// Octets of the host name that go into a file name. With them a name of ours stays within [`MAX_ID`].
const MAX_HOST: usize = 20;

/// Octets of a unique id (RFC 1939 §7).
const MAX_ID: usize = 70;

/// The part of a host name that goes into file names: `/` and `:` have a meaning there and are written in octal, as
/// maildir(5) says; so is all else that is not a letter, a digit, a dot or a hyphen.
pub(crate) fn escape_host(host: &str) -> String {
    let mut escaped = String::new();
    for byte in host.bytes() {
        let mut next = String::new();
        if byte.is_ascii_alphanumeric() || b".-".contains(&byte) {
            next.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(next, "\\{byte:03o}");
        }
        if escaped.len() + next.len() > MAX_HOST {
            break;
        }
        escaped.push_str(&next);
    }
    if escaped.is_empty() {
        escaped.push_str("localhost");
    }
    escaped
}

/// A name that no other delivery has: by the time, the process, and a count within the process.
pub(crate) fn unique(now: Timestamp, pid: u32, count: u64, host: &str) -> String {
    let (seconds, micros) = (now.as_second(), now.subsec_microsecond());
    format!("{seconds}.M{micros:06}P{pid}Q{count}.{host}")
}

/// A file name taken apart: what never changes, and what does with the flags.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Name<'a> {
    /// The same from delivery to deletion.
    pub(crate) base: &'a OsStr,
    /// Behind `:2,`, as it stands.
    pub(crate) info: &'a [u8],
}

impl<'a> Name<'a> {
    /// Any octets are a name: other programs put files here, too.
    pub(crate) fn of(file: &'a OsStr) -> Self {
        let octets = file.as_bytes();
        let at = octets.windows(3).position(|window| window == b":2,");
        let (base, info) = at
            .and_then(|at| octets.split_at_checked(at))
            .unwrap_or((octets, b""));
        Self {
            base: OsStr::from_bytes(base),
            info: info.strip_prefix(b":2,").unwrap_or_default(),
        }
    }

    /// The letters of the flags.
    pub(crate) fn flags(&self) -> Flags {
        Flags::of(self.info.iter().copied())
    }

    /// The name in `cur` of the same message with these flags. What else stands behind `:2,` stays.
    pub(crate) fn with(&self, flags: Flags) -> OsString {
        let mut name = self.base.as_bytes().to_vec();
        name.extend_from_slice(b":2,");
        name.extend_from_slice(flags.to_string().as_bytes());
        name.extend(
            self.info
                .iter()
                .filter(|octet| !octet.is_ascii_alphabetic()),
        );
        OsString::from_vec(name)
    }

    /// When it was delivered, where the name says so: seconds and microseconds.
    pub(crate) fn delivered(&self) -> Option<(i64, u32)> {
        let name = self.base.to_str()?;
        let (seconds, rest) = name.split_once('.')?;
        let micros: String = match rest.strip_prefix('M') {
            Some(rest) => rest.chars().take_while(char::is_ascii_digit).collect(),
            None => String::new(),
        };
        Some((seconds.parse().ok()?, micros.parse().unwrap_or(0)))
    }

    /// The unique id of the message (RFC 1939 §7): the base name where that fits, otherwise a hash of it. It depends
    /// on nothing else, so neither flags, nor the move from `new` to `cur`, nor the loss of the index change it.
    pub(crate) fn id(&self) -> String {
        let octets = self.base.as_bytes();
        let fits = (1..=MAX_ID).contains(&octets.len()) && octets.iter().all(u8::is_ascii_graphic);
        // A foreign name of this form could be the hash of another one.
        let like_hash = octets.len() == 64 && octets.iter().all(u8::is_ascii_hexdigit);
        match self.base.to_str() {
            Some(base) if fits && !like_hash => base.to_owned(),
            _ => Sha256::digest(octets)
                .iter()
                .fold(String::new(), |mut hex, byte| {
                    let _ = write!(hex, "{byte:02x}");
                    hex
                }),
        }
    }
}

/// The name under which a message is published: the size helps other readers, we do not rely on it.
pub(crate) fn published(unique: &str, size: u64) -> OsString {
    format!("{unique},S={size}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_9_host_is_escaped_and_shortened() {
        for (host, escaped) in [
            ("mail.example.test", "mail.example.test"),
            ("a/b:c", "a\\057b\\072c"),
            ("a,b\nc", "a\\054b\\012c"),
            ("ä", "\\303\\244"),
            ("", "localhost"),
            (&"h".repeat(300), &"h".repeat(20)),
            (&"/".repeat(300), &"\\057".repeat(5)),
        ] {
            assert_eq!(escape_host(host), escaped);
        }
        let name = unique(
            "9999-12-30T00:00:00Z".parse().unwrap(),
            4_194_304,
            999_999,
            &escape_host(&"h".repeat(300)),
        );
        let name = published(&name, 99_999_999);
        assert_eq!(
            Name::of(&name).id(),
            name.to_str().unwrap(),
            "a name of ours is its own id"
        );
    }

    #[test]
    fn store_23_foreign_names_are_taken_apart() {
        for (file, base, flags, delivered) in [
            ("1.M7P1Q2.h,S=3:2,FS", "1.M7P1Q2.h,S=3", "FS", Some((1, 7))),
            ("1.M7P1Q2.h:2,", "1.M7P1Q2.h", "", Some((1, 7))),
            ("1.2_3.h", "1.2_3.h", "", Some((1, 0))),
            ("x:1,abc", "x:1,abc", "", None),
            ("x:2,SaSS-", "x", "Sa", None),
            ("x:2,a:2,b", "x", "ab", None),
            (":2,S", "", "S", None),
            ("99999999999999999999.x", "99999999999999999999.x", "", None),
        ] {
            let name = Name::of(OsStr::new(file));
            assert_eq!(name.base, base, "{file}");
            assert_eq!(name.flags().to_string(), flags, "{file}");
            assert_eq!(name.delivered(), delivered, "{file}");
        }
        let foreign = OsString::from_vec(b"\xff\xfe:2,S".to_vec());
        assert_eq!(Name::of(&foreign).base.as_bytes(), b"\xff\xfe");
    }

    #[test]
    fn store_11_what_others_put_behind_the_base_name_stays() {
        for (file, flags, renamed) in [
            ("1.x", "", "1.x:2,"),
            ("1.x:2,S", "FS", "1.x:2,FS"),
            ("1.x:2,b-S,9", "Sb", "1.x:2,Sb-,9"),
            ("1.x:1,old", "T", "1.x:1,old:2,T"),
        ] {
            let name = Name::of(OsStr::new(file));
            let renamed_to = name.with(Flags::of(flags.bytes()));
            assert_eq!(renamed_to, renamed);
            assert_eq!(Name::of(&renamed_to).base, name.base);
        }
    }

    #[test]
    fn pop3_19_ids_are_printable_short_and_distinct() {
        let long = "l".repeat(255);
        let hash = Name::of(OsStr::new(&long)).id();
        let mut seen = std::collections::HashSet::new();
        for file in [
            &b"a"[..],
            b"b:2,S",
            b"",
            b"a b",
            b"\xff",
            b"a\n",
            long.as_bytes(),
            hash.as_bytes(),
        ] {
            let id = Name::of(OsStr::from_bytes(file)).id();
            assert!(
                (1..=70).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic()),
                "{id:?}"
            );
            assert!(seen.insert(id));
        }
        for count in 0..100_000 {
            let name = unique(Timestamp::UNIX_EPOCH, 1, count, "h");
            assert!(seen.insert(Name::of(OsStr::new(&name)).id()));
        }
    }
}
