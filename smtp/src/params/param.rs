//! Parameters that have no type of their own.

use alloc::format;

use mailwire_core::text::ByteStr;

use crate::{
    address::{
        class::{LET_DIG, VALUE, is},
        parse::Source,
    },
    error::{Expected, InvalidValue},
};

/// `esmtp-param`, RFC 5321 §4.1.2: a parameter that has no type of its own, as it stands there.
///
/// ```
/// use mailwire_smtp::params::Param;
/// let param = Param::new("FOO", "1")?;
/// assert_eq!((param.keyword(), param.value()), ("FOO", Some("1")));
/// assert!(Param::new("FOO", "a b").is_err());
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[derive(Clone, Debug)]
pub struct Param {
    text: ByteStr,
    /// The length of the keyword.
    keyword: usize,
    /// Where it stood in the command, for the error that refuses it.
    offset: usize,
}

impl Param {
    /// A parameter with or without a value.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] where a character is not allowed, or the value is empty.
    pub fn new<'a>(keyword: &str, value: impl Into<Option<&'a str>>) -> Result<Self, InvalidValue> {
        let bad = |at| Err(InvalidValue::new(Expected::EsmtpParam, at));
        let text = match value.into() {
            None => ByteStr::from(keyword),
            Some(value) => ByteStr::from(format!("{keyword}={value}")),
        };
        // Nothing but one parameter parses as one.
        let (parsed, end) = Self::parse(Source::text(&text), 0)?;
        if end < text.len() || parsed.keyword != keyword.len() {
            return bad(end);
        }
        Ok(parsed)
    }

    /// `esmtp-param` at `at`, and where it ends.
    pub(super) fn parse(source: Source<'_>, at: usize) -> Result<(Self, usize), InvalidValue> {
        let Raw { keyword, end, .. } = Raw::parse(source, at)?;
        let param = Self {
            text: source.keep(at..end)?,
            keyword,
            offset: at,
        };
        Ok((param, end))
    }

    /// The keyword as it was written.
    #[must_use]
    pub fn keyword(&self) -> &str {
        self.text.get(..self.keyword).unwrap_or(&self.text)
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.text.get(self.keyword + 1..)
    }

    /// Keyword, `=` and value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) const fn offset(&self) -> usize {
        self.offset
    }
}

impl PartialEq for Param {
    fn eq(&self, other: &Self) -> bool {
        self.keyword().eq_ignore_ascii_case(other.keyword()) && self.value() == other.value()
    }
}

impl Eq for Param {}

/// Where a parameter and its value stand.
pub(super) struct Raw {
    /// The length of the keyword.
    pub(super) keyword: usize,
    /// Where the value begins, if there is one.
    pub(super) value: Option<usize>,
    /// Where the parameter ends.
    pub(super) end: usize,
}

impl Raw {
    /// `esmtp-param` at `at`.
    #[inline]
    pub(super) fn parse(source: Source<'_>, at: usize) -> Result<Self, InvalidValue> {
        let bad = |at| Err(InvalidValue::new(Expected::EsmtpParam, at));
        let rest = source.from(at);
        let keyword = rest
            .iter()
            .position(|&octet| !is(octet, LET_DIG) && octet != b'-')
            .unwrap_or(rest.len());
        if keyword == 0 || rest.first() == Some(&b'-') {
            return bad(at);
        }
        let mut end = at + keyword;
        let mut value = None;
        if source.get(end) == Some(b'=') {
            let start = end + 1;
            end = start + source.run(start, VALUE);
            if end == start {
                return bad(end);
            }
            value = Some(start);
        }
        Ok(Self {
            keyword,
            value,
            end,
        })
    }
}
