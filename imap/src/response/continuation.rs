//! Continuation requests (RFC 9051 §7.6).

use core::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    Tolerance, code,
    code::Code,
    scan::{Parsed, Scan, Span},
    write,
};
use crate::{error::Expected, text::Text};

/// A continuation request: `+`, and text or the challenge of an authentication.
///
/// Which of both it is follows from what the client has sent, so [`text`](Self::text) is all that
/// stands behind `+ `.
///
/// ```
/// use mailwire_imap::response::Continuation;
/// assert_eq!(Continuation::new("idling").wire(), b"+ idling");
/// assert_eq!(Continuation::new("idling").text(), "idling");
/// ```
#[derive(Clone)]
pub struct Continuation {
    pub(super) frame: Bytes,
    text: Span,
    code: Span,
}

impl Continuation {
    pub(super) fn read(scan: &mut Scan<'_>) -> Parsed<Self> {
        let bare = scan.rest().is_empty();
        if !(scan.eat(b' ') || bare && scan.tolerates(Tolerance::ContinuationWithoutSpace)) {
            return scan.fail(Expected::Continuation);
        }
        let start = scan.at();
        let code = code::read(scan).unwrap_or_default();
        scan.back_to(start);
        let rest = scan.rest();
        if let Some(bad) = memchr::memchr3(0, b'\r', b'\n', rest) {
            scan.back_to(start + bad);
            return scan.fail(Expected::Text);
        }
        Ok(Self {
            frame: Bytes::new(),
            text: Span::new(start, start + rest.len()),
            code,
        })
    }

    /// A continuation request of that text, or of a challenge in base64.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut wire = BytesMut::with_capacity(text.len() + 2);
        wire.put_slice(b"+ ");
        write::text(&mut wire, text);
        let mut scan = Scan::again(&wire);
        scan.back_to(2);
        let code = code::read(&mut scan).unwrap_or_default();
        Self {
            text: Span::new(2, wire.len()),
            code,
            frame: wire.freeze(),
        }
    }

    /// What stands behind `+ `.
    #[must_use]
    pub fn text(&self) -> Text<'_> {
        Text::plain(self.text.of(&self.frame))
    }

    /// The response code, if the text begins with one.
    #[must_use]
    pub fn code(&self) -> Option<Code<'_>> {
        (!self.code.is_empty()).then(|| Code::of(self.code.of(&self.frame)))
    }

    /// The octets on the wire, without the CRLF.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.frame
    }
}

impl PartialEq for Continuation {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

/// Without the text, which may be a challenge.
impl fmt::Debug for Continuation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Continuation").finish_non_exhaustive()
    }
}
