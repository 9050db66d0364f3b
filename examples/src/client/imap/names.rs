//! Mailboxes as folders: INBOX is the Maildir itself, `A/B` is `.A.B` in it, as Maildir++ has it.
//!
//! Names are those of [`Folder`](crate::store::Folder), so what is fetched here can be served from
//! here. What that cannot hold is escaped, too: nothing that a server calls a mailbox is lost for
//! its name, and no name leads out of the Maildir.

use super::super::exit::{Exit, Failure};

/// A directory entry ends at 255 octets.
const MAX: usize = 255;

const INBOX: &str = "INBOX";

/// The folder of a mailbox, empty for INBOX.
///
/// # Errors
///
/// When a directory cannot have so long a name.
///
/// ```
/// use mailwire_examples::client::imap::names::directory;
/// assert_eq!(directory("Lists.rust 1", Some('.'))?, ".Lists.rust 1");
/// assert_eq!(directory("Lists/rust-1.90", Some('/'))?, r".Lists.rust-1\2e90");
/// assert_eq!(directory("inbox", None)?, "");
/// # Ok::<(), mailwire_examples::client::exit::Failure>(())
/// ```
pub fn directory(mailbox: &str, delimiter: Option<char>) -> Result<String, Failure> {
    if mailbox.eq_ignore_ascii_case(INBOX) {
        return Ok(String::new());
    }
    let mut directory = String::new();
    for (number, level) in levels(mailbox, delimiter).enumerate() {
        directory.push('.');
        if number == 0 && level.eq_ignore_ascii_case(INBOX) {
            directory.push_str(INBOX);
        } else {
            escape(level, &mut directory);
        }
    }
    if directory.len() > MAX {
        let long = "its name is too long for a folder";
        return Err(Failure::new(Exit::Refused, long).remedy("rename it on the server"));
    }
    Ok(directory)
}

fn levels(mailbox: &str, delimiter: Option<char>) -> impl Iterator<Item = &str> {
    mailbox.split(move |c| Some(c) == delimiter)
}

fn escape(level: &str, out: &mut String) {
    if level.is_empty() {
        out.push_str("\\-");
    }
    for c in level.chars() {
        match c {
            '.' | '\\' | '/' | '\u{2028}' | '\u{2029}' => put_octets(c, out),
            c if c.is_control() => put_octets(c, out),
            c => out.push(c),
        }
    }
}

fn put_octets(c: char, out: &mut String) {
    for octet in c.encode_utf8(&mut [0; 4]).bytes() {
        out.push_str(&format!("\\{octet:02x}"));
    }
}

/// The mailbox that a folder is on a server with this separator.
///
/// # Errors
///
/// Where it is no folder of ours, or a level has the separator in it.
///
/// ```
/// use mailwire_examples::client::imap::names::mailbox;
/// assert_eq!(mailbox(".Lists.rust 1", Some('/'))?, "Lists/rust 1");
/// assert!(mailbox(r".rust-1\2e90", Some('.')).is_err());
/// assert_eq!(mailbox("", Some('/'))?, "INBOX");
/// # Ok::<(), mailwire_examples::client::exit::Failure>(())
/// ```
pub fn mailbox(directory: &str, delimiter: Option<char>) -> Result<String, Failure> {
    let Some(levels) = directory.strip_prefix('.') else {
        return Ok(INBOX.to_owned());
    };
    let mut name = String::new();
    for (number, level) in levels.split('.').enumerate() {
        if number > 0 {
            name.push(delimiter.ok_or_else(|| unnameable("the server knows no levels"))?);
        }
        let level = unescape(level).ok_or_else(|| unnameable("it is no name of a mailbox"))?;
        if delimiter.is_some_and(|delimiter| level.contains(delimiter)) {
            return Err(unnameable("it has the server's separator in it"));
        }
        name.push_str(&level);
    }
    Ok(name)
}

fn unnameable(why: &str) -> Failure {
    Failure::new(Exit::Refused, why).remedy("rename the folder")
}

fn unescape(level: &str) -> Option<String> {
    if level == "\\-" {
        return Some(String::new());
    }
    let mut parts = level.split('\\');
    let mut octets = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        octets.push(u8::from_str_radix(digits, 16).ok()?);
        octets.extend_from_slice(rest.as_bytes());
    }
    let name = String::from_utf8(octets).ok()?;
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Folder;

    #[test]
    fn names_that_the_store_takes_are_its_own() {
        for name in [
            "Sent",
            "a/b/c",
            "tmp",
            "a&b",
            "Entw\u{fc}rfe/\u{65e5}\u{672c}",
            "with space",
            r"back\slash",
            "a..b/.c.",
            "iNbOx/Lists",
            "~root",
        ] {
            let folder = Folder::parse(name).unwrap();
            assert_eq!(
                directory(name, Some('/')).unwrap(),
                folder.directory().unwrap_or_default()
            );
            assert_eq!(
                mailbox(folder.directory().unwrap(), Some('/')).unwrap(),
                folder.name()
            );
        }
    }

    #[test]
    fn store_20_no_name_leads_out_of_the_maildir_or_gets_lost() {
        let mut seen = std::collections::HashSet::new();
        for (name, delimiter) in [
            ("..", Some('/')),
            ("../x", Some('/')),
            ("/etc/passwd", Some('/')),
            ("a//b", Some('/')),
            ("a/", Some('/')),
            ("x/../y", Some('.')),
            ("a/b", Some('.')),
            ("nul\0\r\n", Some('/')),
            ("\u{2028}", Some('/')),
            ("whole.name", None),
        ] {
            let made = directory(name, delimiter).unwrap();
            assert!(!made.contains('/') && !made.contains('\0'), "{made:?}");
            assert!(!matches!(&*made, "." | ".." | ""), "{made:?}");
            assert_eq!(mailbox(&made, delimiter).unwrap(), name);
            assert!(seen.insert(made));
        }
        assert!(directory(&"x".repeat(255), Some('/')).is_err());
        for bad in [r".a\zz", r".\2", "..a", ".a..b", r".\ff"] {
            assert!(mailbox(bad, Some('/')).is_err(), "{bad}");
        }
    }
}
