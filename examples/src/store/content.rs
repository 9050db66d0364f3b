//! Messages as IMAP shows them: with CRLF line ends, in pieces.

use std::fmt;

use bytes::{Bytes, BytesMut};

use super::{blocking, error::StoreError, fs::Disk, maildrop::Reader};

/// What a NUL becomes: no literal may have one (RFC 9051 §4.3.1), and other servers send this in its place.
const NO_NUL: u8 = 0x80;

/// A message that is being read, in pieces of about 64 KiB with CRLF line ends.
pub struct Content(Reading);

enum Reading {
    /// With octets that were read already.
    Disk(Box<Source>, Option<Bytes>),
    Whole(Option<Bytes>),
    /// With a thread of ours, or lost with it.
    Away,
}

struct Source {
    reader: Reader<Disk>,
    lines: Lines,
}

impl Content {
    pub(crate) const fn whole(text: Bytes) -> Self {
        Self(Reading::Whole(Some(text)))
    }

    /// Blocks.
    pub(crate) fn disk(reader: Reader<Disk>) -> Result<Self, StoreError> {
        let lines = Lines::default();
        let mut source = Box::new(Source { reader, lines });
        let first = source.next()?;
        Ok(Self(Reading::Disk(source, first)))
    }

    /// The next octets; `None` at the end.
    ///
    /// # Errors
    ///
    /// When the file cannot be read; what came so far is not the whole message.
    ///
    /// # Cancel safety
    ///
    /// None: after a call that was dropped before its end, the next one is an error.
    ///
    /// ```
    /// # use mailwire_examples::store::{Access, Account, Flags, Folder, Mailstore};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let (store, now) = (Mailstore::memory(), jiff::Timestamp::UNIX_EPOCH);
    /// # let (alice, inbox) = (Account::parse("alice@example.test")?, Folder::inbox());
    /// let mut appending = store.appending(&alice, &inbox, now).await?;
    /// appending.begin(Flags::SEEN, Vec::new(), None);
    /// appending.write(b"a\nb").await;
    /// appending.commit().await?;
    /// let mailbox = store.open(&alice, &inbox, Access::ReadOnly, now).await?;
    /// let mut content = mailbox.read(1, now).await?;
    /// assert_eq!(content.next().await?.as_deref(), Some(&b"a\r\nb"[..]));
    /// assert_eq!(content.next().await?, None);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        match std::mem::replace(&mut self.0, Reading::Away) {
            Reading::Whole(text) => {
                self.0 = Reading::Whole(None);
                Ok(text.filter(|text| !text.is_empty()))
            }
            Reading::Disk(source, Some(piece)) => {
                self.0 = Reading::Disk(source, None);
                Ok(Some(piece))
            }
            Reading::Disk(source, None) if source.is_at_end() => {
                self.0 = Reading::Disk(source, None);
                Ok(None)
            }
            Reading::Disk(mut source, None) => {
                let read = blocking("read a message", move || (source.next(), source));
                let (piece, source) = read.await?;
                self.0 = Reading::Disk(source, None);
                piece
            }
            Reading::Away => Err(StoreError::lost("read a message")),
        }
    }
}

impl fmt::Debug for Content {
    // What was read is somebody's message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").finish_non_exhaustive()
    }
}

impl Source {
    const fn is_at_end(&self) -> bool {
        self.reader.is_at_end() && !self.lines.holds_cr
    }

    fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        loop {
            let Some(piece) = self.reader.next()? else {
                return Ok(self.lines.finish());
            };
            let piece = self.lines.normalize(piece);
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
    }
}

/// Makes CRLF of each bare LF and each bare CR, in a text that may be cut anywhere, and counts what comes out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines {
    /// A CR at the end of the last piece was not handed on, for it may be bare.
    holds_cr: bool,
    /// Whether the last octet handed on ended a line, or there was none.
    within: bool,
    octets: u64,
}

impl Lines {
    /// The next octets: those of `piece` themselves where nothing is wrong with them.
    pub(crate) fn normalize(&mut self, mut piece: Bytes) -> Bytes {
        let clean = if self.holds_cr { None } else { clean(&piece) };
        let out = match clean {
            Some(len) => {
                self.holds_cr = len < piece.len();
                piece.truncate(len);
                piece
            }
            None => self.repair(&piece),
        };
        self.octets += out.len() as u64;
        if let Some(last) = out.last() {
            self.within = *last != b'\n';
        }
        out
    }

    fn repair(&mut self, mut rest: &[u8]) -> Bytes {
        let mut out = BytesMut::with_capacity(rest.len() + rest.len() / 16 + 2);
        while let Some((first, behind)) = rest.split_first() {
            if std::mem::take(&mut self.holds_cr) {
                out.extend_from_slice(b"\r\n");
                if *first == b'\n' {
                    rest = behind;
                }
                continue;
            }
            match first {
                b'\r' => self.holds_cr = true,
                b'\n' => out.extend_from_slice(b"\r\n"),
                0 => out.extend_from_slice(&[NO_NUL]),
                _ => {
                    let len = memchr::memchr3(b'\r', b'\n', 0, rest).unwrap_or(rest.len());
                    let (text, behind) = rest.split_at_checked(len).unwrap_or((rest, b""));
                    out.extend_from_slice(text);
                    rest = behind;
                    continue;
                }
            }
            rest = behind;
        }
        out.freeze()
    }

    /// The end of the text: a line end where a CR was held back.
    pub(crate) fn finish(&mut self) -> Option<Bytes> {
        if !std::mem::take(&mut self.holds_cr) {
            return None;
        }
        self.octets += 2;
        self.within = false;
        Some(Bytes::from_static(b"\r\n"))
    }

    /// How many octets came out.
    pub(crate) const fn octets(&self) -> u64 {
        self.octets
    }

    /// What POP3 puts behind the text, so that the end mark stands on a line of its own (RFC 1939 §3): its octets.
    pub(crate) const fn missing(&self) -> u8 {
        if self.within { 2 } else { 0 }
    }
}

/// How much of a piece may be handed on as it is: all of it, but for a CR at its end. `None` when it needs repair.
fn clean(piece: &[u8]) -> Option<usize> {
    let mut hits = memchr::memchr3_iter(b'\r', b'\n', 0, piece);
    while let Some(at) = hits.next() {
        if piece.get(at) != Some(&b'\r') {
            return None;
        }
        if at + 1 == piece.len() {
            return Some(at);
        }
        if hits.next() != Some(at + 1) || piece.get(at + 1) != Some(&b'\n') {
            return None;
        }
    }
    Some(piece.len())
}

#[cfg(test)]
mod tests {
    use mailwire_core::dot::Encoder;

    use super::*;

    #[test]
    fn store_24_line_ends_are_those_of_pop3_wherever_the_text_is_cut() {
        for text in [
            &b""[..],
            b"\n",
            b"\r",
            b"\r\n",
            b"a",
            b"a\n",
            b"a\r",
            b"\n\n",
            b"\r\r\n\n\r",
            b"a\r\nb\nc\rd\r\n",
            b"\r\n.\r\n",
            b"\xff\xfe\n",
            b"a\r\nb\r\n",
            b"a\r\n\r",
            b"\r\ra",
        ] {
            let mut encoder = Encoder::normalizing();
            let mut expected = BytesMut::new();
            encoder.encode_to(text, &mut expected).unwrap();
            encoder.finish().unwrap();
            for cut in 0..=text.len() {
                let mut lines = Lines::default();
                let mut out = Vec::new();
                for piece in [&text[..cut], &text[cut..]] {
                    out.extend_from_slice(&lines.normalize(Bytes::copy_from_slice(piece)));
                }
                out.extend_from_slice(&lines.finish().unwrap_or_default());
                assert_eq!(lines.octets(), out.len() as u64);
                assert_eq!(
                    lines.octets() + u64::from(lines.missing()),
                    encoder.octets(),
                    "{text:?}"
                );
                let stuffed = String::from_utf8_lossy(&expected).replace("\r\n..", "\r\n.");
                let held = if text.ends_with(b"\r") { "\r\n" } else { "" };
                assert_eq!(String::from_utf8_lossy(&out), stuffed + held, "{text:?}");
            }
        }
    }

    #[test]
    fn a_nul_never_gets_out() {
        let mut lines = Lines::default();
        let text = lines.normalize(Bytes::from_static(b"a\0b\r\n"));
        assert_eq!(text, b"a\x80b\r\n"[..]);
    }

    #[test]
    fn text_without_faults_is_not_copied() {
        let piece = Bytes::from_static(b"one\r\ntwo\r\n\r");
        let out = Lines::default().normalize(piece.clone());
        assert_eq!(out, b"one\r\ntwo\r\n"[..]);
        assert_eq!(out.as_ptr(), piece.as_ptr());
    }
}
