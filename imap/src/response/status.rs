//! Status responses: OK, NO, BAD, BYE and PREAUTH (RFC 9051 §7.1).

use core::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    Response, Tolerance,
    code::{self, Code},
    scan::{Parsed, Scan, Span},
    write,
};
use crate::{command::Tag, error::Expected, grammar::Upper, text::Text};

/// Which status a response has.
///
/// ```
/// use mailwire_imap::response::{Condition, Status};
/// let greeting = Status::untagged(Condition::PreAuth, None, "hello");
/// assert_eq!(greeting.condition(), Condition::PreAuth);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Condition {
    /// `OK`: success, or a message.
    Ok,
    /// `NO`: failure, or a warning.
    No,
    /// `BAD`: the command was not understood.
    Bad,
    /// `PREAUTH`: a greeting; no login is needed.
    PreAuth,
    /// `BYE`: the server closes the connection.
    Bye,
}

impl Condition {
    const fn name(self) -> &'static [u8] {
        match self {
            Self::Ok => b"OK",
            Self::No => b"NO",
            Self::Bad => b"BAD",
            Self::PreAuth => b"PREAUTH",
            Self::Bye => b"BYE",
        }
    }

    pub(super) fn of(word: &[u8]) -> Option<Self> {
        Some(match Upper::of(word).as_bytes() {
            b"OK" => Self::Ok,
            b"NO" => Self::No,
            b"BAD" => Self::Bad,
            b"PREAUTH" => Self::PreAuth,
            b"BYE" => Self::Bye,
            _ => return None,
        })
    }
}

/// A status response, tagged or not.
///
/// ```
/// use mailwire_imap::{command::Tag, response::{Code, Condition, Status}};
/// let tag = Tag::new(b"A1").unwrap();
/// let status = Status::tagged(&tag, Condition::No, Some(&Code::TryCreate), "no such mailbox");
/// assert_eq!(status.wire(), b"A1 NO [TRYCREATE] no such mailbox");
/// assert_eq!(status.code(), Some(Code::TryCreate));
/// assert_eq!(status.text(), "no such mailbox");
/// ```
#[derive(Clone)]
pub struct Status {
    pub(super) frame: Bytes,
    tag: Span,
    condition: Condition,
    code: Span,
    text: Span,
}

impl Status {
    /// Behind the condition, to `place`. The tag of an untagged one is empty.
    pub(super) fn read(
        scan: &mut Scan<'_>,
        tag: Span,
        condition: Condition,
        place: &mut Response,
    ) -> Parsed<()> {
        let mut code = Span::default();
        if scan.rest().is_empty() {
            if !scan.tolerates(Tolerance::MissingText) {
                return scan.fail(Expected::Text);
            }
        } else {
            // Spaces are text here, so a second one is no defect.
            scan.need(b' ', Expected::Space)?;
            if let Some(found) = code::read(scan) {
                code = found;
                if !scan.eat(b' ') && !scan.tolerates(Tolerance::MissingText) {
                    return scan.fail(Expected::Space);
                }
            }
        }
        let rest = scan.rest();
        if let Some(bad) = memchr::memchr3(0, b'\r', b'\n', rest) {
            scan.back_to(scan.at() + bad);
            return scan.fail(Expected::Text);
        }
        if !rest.is_ascii()
            && core::str::from_utf8(rest).is_err()
            && !scan.tolerates(Tolerance::EightBitText)
        {
            return scan.fail(Expected::Utf8);
        }
        *place = Response::Status(Self {
            frame: Bytes::new(),
            tag,
            condition,
            code,
            text: Span::new(scan.at(), scan.at() + rest.len()),
        });
        Ok(())
    }

    /// The answer to the command of that tag: OK, NO or BAD; another condition becomes BAD.
    #[must_use]
    pub fn tagged(tag: &Tag, condition: Condition, code: Option<&Code<'_>>, text: &str) -> Self {
        let condition = match condition {
            Condition::Ok | Condition::No => condition,
            _ => Condition::Bad,
        };
        Self::written(tag.as_bytes(), condition, code, text)
    }

    /// A status of its own, a greeting, or a farewell.
    #[must_use]
    pub fn untagged(condition: Condition, code: Option<&Code<'_>>, text: &str) -> Self {
        Self::written(b"*", condition, code, text)
    }

    fn written(tag: &[u8], condition: Condition, code: Option<&Code<'_>>, text: &str) -> Self {
        let mut wire = BytesMut::with_capacity(tag.len() + text.len() + 64);
        wire.put_slice(tag);
        wire.put_u8(b' ');
        wire.put_slice(condition.name());
        wire.put_u8(b' ');
        let mut span = Span::default();
        if let Some(code) = code {
            wire.put_u8(b'[');
            let start = wire.len();
            code.encode(&mut wire);
            span = Span::new(start, wire.len());
            wire.put_slice(b"] ");
        }
        let start = wire.len();
        if code.is_none() && text.starts_with('[') {
            // A space keeps brackets of the text from being read as a response code.
            wire.put_u8(b' ');
        }
        write::text(&mut wire, text);
        Self {
            tag: Span::new(0, if tag == b"*" { 0 } else { tag.len() }),
            condition,
            code: span,
            text: Span::new(start, wire.len()),
            frame: wire.freeze(),
        }
    }

    /// The tag of the command that it answers; none if it is untagged.
    #[must_use]
    pub fn tag(&self) -> Option<&[u8]> {
        (!self.tag.is_empty()).then(|| self.tag.of(&self.frame))
    }

    /// OK, NO, BAD, BYE or PREAUTH.
    #[must_use]
    pub const fn condition(&self) -> Condition {
        self.condition
    }

    /// The response code.
    #[must_use]
    pub fn code(&self) -> Option<Code<'_>> {
        (!self.code.is_empty()).then(|| Code::of(self.code.of(&self.frame)))
    }

    /// The text for people; it may be empty.
    #[must_use]
    pub fn text(&self) -> Text<'_> {
        Text::plain(self.text.of(&self.frame))
    }

    /// The octets on the wire, without the CRLF.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.frame
    }
}

impl PartialEq for Status {
    fn eq(&self, other: &Self) -> bool {
        self.tag() == other.tag()
            && self.condition == other.condition
            && self.code() == other.code()
            && self.text() == other.text()
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Status")
            .field("tag", &self.tag().map(Text::plain))
            .field("condition", &self.condition)
            .field("code", &self.code())
            .field("text", &self.text())
            .finish()
    }
}
