//! Message identifiers in Message-ID, In-Reply-To and References (RFC 5322 §3.6.4).

use alloc::borrow::Cow;
use core::fmt;

use memchr::memchr;

use super::lex::{Joined, Lexer};

/// The message identifiers of a value, without `<` and `>`. They are what RFC 5256 §3 compares:
/// without comments, spaces and the quotes of a quoted string. What stands between them is
/// passed over, and an identifier without `@` is taken as it is, as such exist.
///
/// ```
/// use mailwire_imap::toolkit::message::msgid::ids;
/// let value = br#"Your note of Monday <"a.b" @ (x) c> <unclosed <d@e>"#;
/// assert_eq!(ids(value).collect::<Vec<_>>(), [&b"a.b@c"[..], b"d@e"]);
/// ```
#[must_use]
pub const fn ids(value: &[u8]) -> Ids<'_> {
    Ids { rest: value }
}

/// The walk of [`ids`].
///
/// ```
/// use mailwire_imap::toolkit::message::msgid::ids;
/// assert_eq!(ids(b"none here").count(), 0);
/// ```
#[derive(Clone)]
pub struct Ids<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Ids<'a> {
    type Item = Cow<'a, [u8]>;

    fn next(&mut self) -> Option<Cow<'a, [u8]>> {
        loop {
            let open = memchr(b'<', self.rest)?;
            self.rest = self.rest.get(open + 1..)?;
            let mut lexer = Lexer::new(self.rest);
            let mut id = Joined::default();
            loop {
                lexer.skip_cfws();
                match lexer.peek() {
                    Some(b'"') => lexer.quoted(&mut id),
                    None | Some(b'<' | b'>') => break,
                    Some(_) => id.push(lexer.run(|o| !b" \t\r\n(<>\"".contains(&o))),
                }
            }
            self.rest = lexer.rest();
            if self.rest.first() == Some(&b'>') && !id.is_empty() {
                return Some(id.into());
            }
        }
    }
}

impl fmt::Debug for Ids<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ids({} octets)", self.rest.len())
    }
}
