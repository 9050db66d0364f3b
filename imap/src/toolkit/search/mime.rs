//! What the header of a part says of its content, as far as SEARCH wants to know.

use alloc::{borrow::Cow, vec::Vec};

use crate::toolkit::message::{
    header::Field,
    lex::{Joined, Lexer},
    text::charset,
    transfer::Encoding,
};

pub(super) enum Kind {
    Multipart {
        boundary: Vec<u8>,
        is_digest: bool,
    },
    /// A whole message, `message/rfc822` and `message/global`.
    Message,
    /// Any other MESSAGE or TEXT.
    Plain,
    Other,
}

pub(super) struct Content {
    pub(super) kind: Kind,
    /// `None` for one that cannot be undone.
    pub(super) encoding: Option<Encoding>,
    pub(super) charset: Option<&'static encoding_rs::Encoding>,
}

impl Content {
    /// What a part is that does not say it (RFC 2045 §5.2, RFC 2046 §5.1.5).
    pub(super) const fn new(kind: Kind) -> Self {
        Self {
            kind,
            encoding: Some(Encoding::Identity),
            charset: None,
        }
    }

    pub(super) fn field(&mut self, field: &Field<'_>) {
        if field.is("Content-Transfer-Encoding") {
            let value = field.value();
            let mut lexer = Lexer::new(&value);
            lexer.skip_cfws();
            self.encoding = Encoding::of(lexer.run(is_token));
        } else if field.is("Content-Type") {
            self.content_type(&field.value());
        }
    }

    fn content_type(&mut self, value: &[u8]) {
        let mut lexer = Lexer::new(value);
        lexer.skip_cfws();
        let kind = lexer.run(is_token).to_ascii_lowercase();
        lexer.skip_cfws();
        let has_subtype = lexer.eat(b'/');
        lexer.skip_cfws();
        let subtype = lexer.run(is_token).to_ascii_lowercase();
        if !has_subtype || subtype.is_empty() {
            // A type that is none counts as text/plain (RFC 2045 §5.2).
            return;
        }
        self.kind = match (&*kind, &*subtype) {
            (b"multipart", _) => Kind::Multipart {
                boundary: Vec::new(),
                is_digest: subtype == b"digest",
            },
            (b"message", b"rfc822" | b"global") => Kind::Message,
            (b"message" | b"text", _) => Kind::Plain,
            _ => Kind::Other,
        };
        self.parameters(&mut lexer);
        if matches!(&self.kind, Kind::Multipart { boundary, .. } if boundary.is_empty()) {
            self.kind = Kind::Other;
        }
    }

    fn parameters(&mut self, lexer: &mut Lexer<'_>) {
        loop {
            lexer.skip_cfws();
            if lexer.peek().is_none() {
                return;
            }
            if !lexer.eat(b';') {
                lexer.advance();
                continue;
            }
            lexer.skip_cfws();
            let name = lexer.run(is_token);
            lexer.skip_cfws();
            if !lexer.eat(b'=') {
                continue;
            }
            lexer.skip_cfws();
            let value: Cow<'_, [u8]> = if lexer.peek() == Some(b'"') {
                let mut joined = Joined::default();
                lexer.quoted(&mut joined);
                joined.into()
            } else {
                Cow::Borrowed(lexer.run(|octet| !matches!(octet, b';' | b' ' | b'\t' | b'(')))
            };
            self.parameter(name, &value);
        }
    }

    fn parameter(&mut self, name: &[u8], value: &[u8]) {
        if name.eq_ignore_ascii_case(b"charset") {
            // Octets above 127 in what is said to be ASCII are UTF-8 in these days.
            let is_ascii = value.eq_ignore_ascii_case(b"us-ascii");
            self.charset = charset(value).filter(|_| !is_ascii);
        } else if name.eq_ignore_ascii_case(b"boundary")
            && let Kind::Multipart { boundary, .. } = &mut self.kind
            && boundary.is_empty()
        {
            *boundary = value.trim_ascii_end().into();
        }
    }
}

/// RFC 2045 §5.1 `token`.
const fn is_token(octet: u8) -> bool {
    octet > b' '
        && octet < 127
        && !matches!(
            octet,
            b'(' | b')'
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
