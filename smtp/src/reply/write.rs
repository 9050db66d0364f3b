//! The writer of replies.

use core::fmt;

use bytes::{BufMut, BytesMut};
use mailwire_core::text::Octets;

use super::{Code, EnhancedCode, Reply};
use crate::limits::{REPLY_LINE_SENT, REPLY_LINES};

/// Puts text into the lines of one reply. Nothing that is written becomes a second reply.
#[derive(Debug)]
pub(crate) struct Writer {
    code: Code,
    enhanced: Option<EnhancedCode>,
    wire: BytesMut,
    /// Where the present line begins.
    line: usize,
    /// Where the text of the present line begins.
    text: usize,
    lines: usize,
    /// Whether the last character was a CR, which a LF may follow.
    cr: bool,
    /// Whether the text has passed the last line that is allowed.
    full: bool,
}

impl Writer {
    pub(crate) fn new(code: Code, enhanced: Option<EnhancedCode>) -> Self {
        let class = code.value() / 100;
        let enhanced = enhanced.and_then(|enhanced| {
            let class = u8::try_from(class).ok()?;
            EnhancedCode::new(class, enhanced.subject(), enhanced.detail())
        });
        let mut writer = Self {
            code,
            enhanced,
            wire: BytesMut::with_capacity(64),
            line: 0,
            text: 0,
            lines: 0,
            cr: false,
            full: false,
        };
        writer.begin_line();
        writer
    }

    /// Text of one or more lines.
    pub(crate) fn text(&mut self, text: &str) {
        for c in text.chars() {
            let after_cr = core::mem::take(&mut self.cr);
            match c {
                '\r' => {
                    if after_cr {
                        self.put(b'?');
                    }
                    self.cr = true;
                }
                '\n' => self.next_line(),
                c => {
                    if after_cr {
                        self.put(b'?');
                    }
                    self.put(shown(c));
                }
            }
        }
    }

    /// Ends the reply.
    pub(crate) fn finish(mut self) -> Reply {
        if core::mem::take(&mut self.cr) {
            self.put(b'?');
        }
        if let Some(hyphen) = self.wire.get_mut(self.line + 3) {
            *hyphen = b' ';
        }
        // A space with nothing behind it is not in the grammar of RFC 5321 §4.2.
        while self.wire.last() == Some(&b' ') {
            self.wire.truncate(self.wire.len() - 1);
        }
        self.wire.put_slice(b"\r\n");
        Reply {
            code: self.code,
            wire: Octets::from(self.wire.freeze()),
        }
    }

    fn begin_line(&mut self) {
        use fmt::Write;

        self.line = self.wire.len();
        self.lines += 1;
        // Writing to a `BytesMut` does not fail.
        let _ = match self.enhanced {
            None => write!(self.wire, "{}-", self.code),
            Some(enhanced) => write!(self.wire, "{}-{enhanced} ", self.code),
        };
        self.text = self.wire.len();
    }

    fn next_line(&mut self) {
        if self.lines >= REPLY_LINES {
            self.full = true;
        }
        if !self.full {
            self.wire.put_slice(b"\r\n");
            self.begin_line();
        }
    }

    /// Adds an octet that may stand in a reply, on a new line if this one is full.
    fn put(&mut self, octet: u8) {
        if self.wire.len() - self.line + 2 >= REPLY_LINE_SENT {
            self.break_line();
        }
        if !self.full {
            self.wire.put_u8(octet);
        }
    }

    /// Breaks a full line at its last space, or where it is if it has none.
    fn break_line(&mut self) {
        let text = self.wire.get(self.text..).unwrap_or_default();
        let tail = match text.iter().rposition(|octet| *octet == b' ') {
            Some(space) if space > 0 => self.wire.split_off(self.text + space),
            _ => BytesMut::new(),
        };
        self.next_line();
        if !self.full {
            self.wire.put_slice(tail.get(1..).unwrap_or_default());
        }
    }
}

impl fmt::Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text(text);
        Ok(())
    }
}

/// `textstring` of RFC 5321 §4.2; all else is shown as a question mark.
pub(crate) fn shown(c: char) -> u8 {
    if matches!(c, '\t' | ' '..='~') {
        u8::try_from(c).unwrap_or(b'?')
    } else {
        b'?'
    }
}
