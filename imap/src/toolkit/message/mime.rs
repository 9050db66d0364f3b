//! Content-Type, Content-Disposition and their parameters (RFC 2045 §5.1, RFC 2183, RFC 2231).

use alloc::{borrow::Cow, vec::Vec};

use super::lex::{Joined, Lexer};
use crate::limits::{MEDIA_TYPE, PARAMETERS, TOLD};

/// A name and a value, both as an IMAP client is told them.
pub(crate) type Parameter<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// A Content-Type that could be understood.
#[derive(Clone, Copy)]
pub(crate) struct ContentType<'a> {
    pub(crate) media: &'a [u8],
    pub(crate) subtype: &'a [u8],
    parameters: &'a [u8],
}

impl<'a> ContentType<'a> {
    /// `None` for what RFC 2045 §5.2 calls syntactically invalid; the default holds then.
    pub(crate) fn parse(value: &'a [u8]) -> Option<Self> {
        let mut lexer = Lexer::new(value);
        lexer.skip_cfws();
        let media = lexer.run(is_token);
        lexer.skip_cfws();
        if media.is_empty() || !lexer.eat(b'/') {
            return None;
        }
        lexer.skip_cfws();
        let subtype = lexer.run(is_token);
        let is_usual = !subtype.is_empty() && media.len().max(subtype.len()) <= MEDIA_TYPE;
        is_usual.then_some(Self {
            media,
            subtype,
            parameters: lexer.rest(),
        })
    }

    pub(crate) fn is(&self, media: &str, subtype: &str) -> bool {
        self.media.eq_ignore_ascii_case(media.as_bytes())
            && self.subtype.eq_ignore_ascii_case(subtype.as_bytes())
    }

    pub(crate) const fn is_media(&self, media: &str) -> bool {
        self.media.eq_ignore_ascii_case(media.as_bytes())
    }

    pub(crate) const fn is_message(&self) -> bool {
        self.is_media("message")
            && (self.subtype.eq_ignore_ascii_case(b"rfc822")
                || self.subtype.eq_ignore_ascii_case(b"global"))
    }

    pub(crate) fn parameters(&self) -> Vec<Parameter<'a>> {
        parameters(self.parameters)
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<Cow<'a, [u8]>> {
        let mut parameters = self.parameters().into_iter();
        parameters
            .find(|(here, _)| here.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }
}

/// A Content-Disposition: its word and its parameters.
pub(super) fn disposition(value: &[u8]) -> Option<(&[u8], Vec<Parameter<'_>>)> {
    let word = token(value)?;
    let mut lexer = Lexer::new(value);
    lexer.skip_cfws();
    lexer.run(is_token);
    Some((word, parameters(lexer.rest())))
}

/// The word that a value begins with, cut where it is absurdly long.
pub(crate) fn token(value: &[u8]) -> Option<&[u8]> {
    let mut lexer = Lexer::new(value);
    lexer.skip_cfws();
    let token = lexer.run(is_token);
    let token = token.get(..MEDIA_TYPE).unwrap_or(token);
    (!token.is_empty()).then_some(token)
}

/// The words of a Content-Language (RFC 3282 §2).
pub(super) fn languages(value: &[u8]) -> Vec<&[u8]> {
    let value = value.get(..TOLD).unwrap_or(value);
    let languages = value.split(|octet| *octet == b',').filter_map(token);
    languages.take(PARAMETERS).collect()
}

/// `token` of RFC 2045 §5.1, and octets that are not ASCII.
const fn is_token(octet: u8) -> bool {
    !matches!(
        octet,
        0..=b' '
            | 0x7f
            | b'('
            | b')'
            | b'<'
            | b'>'
            | b'@'
            | b','
            | b';'
            | b':'
            | b'\\'
            | b'"'
            | b'/'
            | b'['
            | b']'
            | b'?'
            | b'='
    )
}

/// The parameters, with continuations put together as RFC 2231 §6 asks of IMAP servers. What is in
/// a charset stays so, and its name keeps the asterisk.
fn parameters(value: &[u8]) -> Vec<Parameter<'_>> {
    let mut found = Vec::new();
    let mut octets = 0;
    let mut lexer = Lexer::new(value);
    while found.len() < PARAMETERS {
        lexer.run(|octet| !is_token(octet) && octet != b'(' && octet != b'"');
        if lexer.skip_cfws() {
            continue;
        }
        match lexer.peek() {
            None => break,
            // A value without a name.
            Some(b'"') => {
                lexer.quoted(&mut Joined::default());
                continue;
            }
            Some(_) => {}
        }
        let name = lexer.run(is_token);
        lexer.skip_cfws();
        if !lexer.eat(b'=') {
            continue;
        }
        lexer.skip_cfws();
        let mut value = Joined::default();
        if lexer.peek() == Some(b'"') {
            lexer.quoted(&mut value);
        } else {
            // Not only a token: file names with `/`, `=` or `[` come without quotes.
            value.push(lexer.run(|octet| !matches!(octet, 0..=b' ' | 0x7f | b';' | b'"' | b'(')));
        }
        let value: Cow<'_, [u8]> = value.into();
        octets += name.len() + value.len();
        if octets > 2 * TOLD {
            break;
        }
        found.push((Cow::Borrowed(name), value));
    }
    if found.iter().any(|(name, _)| name.contains(&b'*')) {
        joined(found)
    } else {
        found
    }
}

/// A name that is one piece of a longer value: `name*1` or `name*1*`.
struct Piece<'n> {
    base: &'n [u8],
    number: u32,
    is_encoded: bool,
}

impl<'n> Piece<'n> {
    fn of(name: &'n [u8]) -> Option<Self> {
        let (is_encoded, name) = match name.strip_suffix(b"*") {
            Some(name) => (true, name),
            None => (false, name),
        };
        let star = memchr::memrchr(b'*', name)?;
        let (base, digits) = name.split_at_checked(star)?;
        let digits = core::str::from_utf8(digits.get(1..)?).ok()?;
        let is_plain = digits == "0" || !digits.starts_with(['0', '+']);
        Some(Self {
            base,
            number: digits.parse().ok().filter(|_| is_plain)?,
            is_encoded,
        })
    }
}

/// Puts together what was continued.
fn joined(parameters: Vec<Parameter<'_>>) -> Vec<Parameter<'_>> {
    let mut pieces: Vec<(Vec<u8>, u32, bool, usize)> = Vec::new();
    for (at, (name, _)) in parameters.iter().enumerate() {
        if let Some(piece) = Piece::of(name) {
            let base = piece.base.to_ascii_lowercase();
            pieces.push((base, piece.number, piece.is_encoded, at));
        }
    }
    pieces.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
    let mut values: Vec<Option<Cow<'_, [u8]>>> = Vec::with_capacity(parameters.len());
    let mut names = Vec::with_capacity(parameters.len());
    for (name, value) in parameters {
        names.push(name);
        values.push(Some(value));
    }
    for group in pieces.chunk_by(|one, other| one.0 == other.0) {
        // One after the other from 0 on; others stay what they are.
        let numbered = group.iter().zip(0..);
        let len = numbered
            .take_while(|(piece, number)| piece.1 == *number)
            .count();
        let run = group.get(..len).unwrap_or_default();
        let is_encoded = run.iter().any(|piece| piece.2);
        let mut whole = Vec::new();
        let mut first = None;
        for (base, _, is_piece_encoded, at) in run {
            let Some(value) = values.get_mut(*at).and_then(Option::take) else {
                continue;
            };
            if is_encoded && !is_piece_encoded {
                percent_encode(&value, &mut whole);
            } else {
                whole.extend_from_slice(&value);
            }
            first.get_or_insert((*at, base.len()));
        }
        let Some((at, len)) = first else {
            continue;
        };
        if let (Some(name), Some(value)) = (names.get_mut(at), values.get_mut(at)) {
            let mut base = name.get(..len).unwrap_or_default().to_vec();
            if is_encoded {
                base.push(b'*');
            }
            *name = Cow::Owned(base);
            *value = Some(Cow::Owned(whole));
        }
    }
    let kept = names.into_iter().zip(values);
    kept.filter_map(|(name, value)| Some((name, value?)))
        .collect()
}

/// What stands beside encoded pieces is encoded too, so that the whole can be decoded.
fn percent_encode(value: &[u8], to: &mut Vec<u8>) {
    for octet in value {
        if is_token(*octet) && octet.is_ascii() && !b"*'%".contains(octet) {
            to.push(*octet);
        } else {
            to.push(b'%');
            for digit in [octet >> 4, octet & 15] {
                to.push(if digit < 10 {
                    b'0' + digit
                } else {
                    b'A' + digit - 10
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_whatever_their_state() {
        type Case<'a> = (&'a [u8], &'a [(&'a str, &'a str)]);
        let cases: [Case<'_>; 9] = [
            (b"; charset=utf-8", &[("charset", "utf-8")]),
            (b" charset = \"a\\\"b\" (c) ;; x", &[("charset", "a\"b")]),
            (b"; a=1 b=2", &[("a", "1"), ("b", "2")]),
            (b"; name=a[1]/b.txt", &[("name", "a[1]/b.txt")]),
            (b"; \"lost\"=x; n=", &[("n", "")]),
            (b"; n*1=b; N*0=a; m=c", &[("N", "ab"), ("m", "c")]),
            (
                b"; n*0*=utf-8''%41; n*1=\"b c\"; n*3=d",
                &[("n*", "utf-8''%41b%20c"), ("n*3", "d")],
            ),
            (b"; n*=utf-8''x; n=y", &[("n*", "utf-8''x"), ("n", "y")]),
            (
                b"; n*01=x; n*999999999999=y",
                &[("n*01", "x"), ("n*999999999999", "y")],
            ),
        ];
        for (value, expected) in cases {
            let found = parameters(value);
            let found: Vec<_> = found
                .iter()
                .map(|(name, value)| (&**name, &**value))
                .collect();
            let expected = expected
                .iter()
                .map(|(name, value)| (name.as_bytes(), value.as_bytes()));
            assert!(
                found.iter().copied().eq(expected),
                "{}",
                value.escape_ascii()
            );
        }
    }
}
