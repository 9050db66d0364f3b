//! Line ends of messages as people keep them, made fit for the wire.

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memchr_iter;

/// A CR that no LF follows.
///
/// Programs disagree on whether it ends a line, which is how mail is smuggled; so it is neither
/// sent nor guessed at.
///
/// ```
/// let error = mailwire::BareCr::at(7);
/// assert_eq!(error.to_string(), "bare CR at octet 7 of the message");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("bare CR at octet {offset} of the message")]
#[non_exhaustive]
pub struct BareCr {
    /// Where, from the start of the message.
    pub offset: u64,
}

impl BareCr {
    /// At an offset.
    #[must_use]
    pub const fn at(offset: u64) -> Self {
        Self { offset }
    }
}

/// Turns LF into CRLF as a message streams by; what is canonical passes without a copy.
///
/// [`Submission`](crate::Submission) does this by itself. It is here for those who want to know
/// beforehand what will be sent, and how much of it.
///
/// ```
/// let mut line_ends = mailwire::LineEnds::new();
/// assert_eq!(line_ends.push("a\nb\r".into())?, "a\r\nb\r");
/// assert_eq!(line_ends.push("\n".into())?, "\n");
/// line_ends.finish()?;
/// # Ok::<(), mailwire::BareCr>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct LineEnds {
    /// Octets that came before.
    passed: u64,
    after_cr: bool,
}

impl LineEnds {
    /// At the start of a message.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next octets, as they are to be sent.
    ///
    /// # Errors
    ///
    /// [`BareCr`].
    ///
    /// ```
    /// assert!(mailwire::LineEnds::new().push("a\rb".into()).is_err());
    /// ```
    pub fn push(&mut self, piece: Bytes) -> Result<Bytes, BareCr> {
        let (begin, after_cr) = (self.passed, self.after_cr);
        let at = |offset: usize| begin + u64::try_from(offset).unwrap_or(u64::MAX);
        if after_cr && piece.first().is_some_and(|octet| *octet != b'\n') {
            return Err(BareCr::at(begin.saturating_sub(1)));
        }
        for cr in memchr_iter(b'\r', &piece) {
            if piece.get(cr + 1).is_some_and(|octet| *octet != b'\n') {
                return Err(BareCr::at(at(cr)));
            }
        }
        let is_bare = |lf: usize| match lf.checked_sub(1) {
            Some(before) => piece.get(before) != Some(&b'\r'),
            None => !after_cr,
        };
        let bare: Vec<usize> = memchr_iter(b'\n', &piece)
            .filter(|lf| is_bare(*lf))
            .collect();
        self.passed = at(piece.len());
        self.after_cr = piece.last().map_or(after_cr, |octet| *octet == b'\r');
        if bare.is_empty() {
            return Ok(piece);
        }
        let mut canonical = BytesMut::with_capacity(piece.len() + bare.len());
        let mut from = 0;
        for lf in bare {
            canonical.put_slice(piece.get(from..lf).unwrap_or_default());
            canonical.put_slice(b"\r");
            from = lf;
        }
        canonical.put_slice(piece.get(from..).unwrap_or_default());
        Ok(canonical.freeze())
    }

    /// The message has ended.
    ///
    /// # Errors
    ///
    /// [`BareCr`] where its last octet is one.
    ///
    /// ```
    /// let mut line_ends = mailwire::LineEnds::new();
    /// line_ends.push("a\r".into())?;
    /// assert_eq!(line_ends.finish(), Err(mailwire::BareCr::at(1)));
    /// # Ok::<(), mailwire::BareCr>(())
    /// ```
    pub const fn finish(&self) -> Result<(), BareCr> {
        if self.after_cr {
            Err(BareCr::at(self.passed.saturating_sub(1)))
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All of `text`, cut at `cut`.
    fn canonical(text: &[u8], cut: usize) -> Result<Vec<u8>, BareCr> {
        let mut line_ends = LineEnds::default();
        let mut all = Vec::new();
        for piece in [&text[..cut], &text[cut..]] {
            all.extend_from_slice(&line_ends.push(Bytes::copy_from_slice(piece))?);
        }
        line_ends.finish()?;
        Ok(all)
    }

    #[test]
    fn line_ends_become_crlf_at_every_cut() {
        for (text, want) in [
            ("", ""),
            ("a", "a"),
            ("a\nb\n", "a\r\nb\r\n"),
            ("a\r\nb\r\n", "a\r\nb\r\n"),
            ("\n\n\r\n\n", "\r\n\r\n\r\n\r\n"),
            ("a\nb\r\nc", "a\r\nb\r\nc"),
        ] {
            for cut in 0..=text.len() {
                assert_eq!(
                    canonical(text.as_bytes(), cut).unwrap(),
                    want.as_bytes(),
                    "{text:?} {cut}"
                );
            }
        }
    }

    #[test]
    fn smtp_13_a_bare_cr_is_refused_with_its_place() {
        for (text, offset) in [
            ("\r", 0),
            ("a\rb", 1),
            ("a\r\r\n", 1),
            ("a\n\r", 2),
            ("ab\r\n\rx\n", 4),
        ] {
            for cut in 0..=text.len() {
                assert_eq!(
                    canonical(text.as_bytes(), cut),
                    Err(BareCr::at(offset)),
                    "{text:?} {cut}"
                );
            }
        }
    }

    #[test]
    fn what_is_canonical_is_not_copied() {
        let piece = Bytes::from_static(b"a\r\nb\r\n");
        let passed = LineEnds::default().push(piece.clone()).unwrap();
        assert_eq!(passed.as_ptr(), piece.as_ptr());
    }
}
