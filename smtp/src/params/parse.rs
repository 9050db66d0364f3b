//! The grammar of parameters.

use core::ops::Range;

use mailwire_core::text::ByteStr;

use super::{
    BodyType, EnvId, MailParams, Notify, OriginalRecipient, Param, RcptParams, Ret, param::Raw,
    push_unknown, xtext::decode_xtext,
};
use crate::{
    address::{
        Mailbox, ReversePath,
        class::{NON_ASCII, XCHAR},
        parse::Source,
    },
    error::{Expected, InvalidValue, ParseError},
    limits::{ENVID, ORCPT},
};

/// `[SP Mail-parameters]`, all that is left of `source` from `at` on.
#[inline]
pub(crate) fn mail_params(source: Source<'_>, mut at: usize) -> Result<MailParams, ParseError> {
    let mut params = MailParams::new();
    while let Some(item) = Item::next(source, at)? {
        item.mail(&mut params).map_err(ParseError::argument)?;
        at = item.raw.end;
    }
    Ok(params)
}

/// `[SP Rcpt-parameters]`, all that is left of `source` from `at` on.
#[inline]
pub(crate) fn rcpt_params(source: Source<'_>, mut at: usize) -> Result<RcptParams, ParseError> {
    let mut params = RcptParams::new();
    while let Some(item) = Item::next(source, at)? {
        item.rcpt(&mut params).map_err(ParseError::argument)?;
        at = item.raw.end;
    }
    Ok(params)
}

/// One parameter in its place.
struct Item<'a> {
    source: Source<'a>,
    at: usize,
    raw: Raw,
}

impl<'a> Item<'a> {
    /// The parameter behind the space at `at`; nothing at the end.
    #[inline]
    fn next(source: Source<'a>, at: usize) -> Result<Option<Self>, ParseError> {
        match source.get(at) {
            None => return Ok(None),
            Some(b' ') => {}
            Some(_) => {
                return Err(ParseError::argument(InvalidValue::new(
                    Expected::EsmtpParam,
                    at,
                )));
            }
        }
        let at = at + 1;
        let raw = Raw::parse(source, at).map_err(ParseError::argument)?;
        Ok(Some(Self { source, at, raw }))
    }

    #[inline]
    fn mail(&self, params: &mut MailParams) -> Result<(), InvalidValue> {
        let keyword = self.keyword();
        // One comparison decides for most commands.
        if keyword.eq_ignore_ascii_case(b"SIZE") {
            let size = self.value(Expected::SizeValue)?;
            let size = decimal(size).ok_or_else(|| self.bad_value(Expected::SizeValue))?;
            self.fill(&mut params.size, size)
        } else if keyword.eq_ignore_ascii_case(b"BODY") {
            let body = self.word(
                Expected::BodyValue,
                [
                    BodyType::EightBitMime,
                    BodyType::SevenBit,
                    BodyType::BinaryMime,
                ],
                BodyType::as_str,
            )?;
            self.fill(&mut params.body, body)
        } else if keyword.eq_ignore_ascii_case(b"SMTPUTF8") {
            if self.raw.value.is_some() {
                let at = self.at + self.raw.keyword;
                return Err(InvalidValue::new(Expected::EsmtpParam, at));
            }
            if params.smtputf8 {
                return Err(InvalidValue::new(Expected::UniqueParam, self.at));
            }
            params.smtputf8 = true;
            Ok(())
        } else {
            self.rare_mail(params)
        }
    }

    fn rare_mail(&self, params: &mut MailParams) -> Result<(), InvalidValue> {
        let keyword = self.keyword();
        let rare = params.rare.get_or_insert_default();
        if keyword.eq_ignore_ascii_case(b"RET") {
            let ret = self.word(Expected::RetValue, [Ret::Full, Ret::Hdrs], Ret::as_str)?;
            self.fill(&mut rare.ret, ret)
        } else if keyword.eq_ignore_ascii_case(b"ENVID") {
            let value = self.range(Expected::EnvidValue)?;
            if value.len() > ENVID {
                return Err(InvalidValue::new(Expected::EnvidValue, value.start + ENVID));
            }
            let text = self.xtext(value, XCHAR, Expected::EnvidValue)?;
            let envid =
                EnvId::from_decoded(text).map_err(|_| self.bad_value(Expected::EnvidValue))?;
            self.fill(&mut rare.envid, envid)
        } else if keyword.eq_ignore_ascii_case(b"AUTH") {
            let submitter = self.submitter()?;
            self.fill(&mut rare.auth, submitter)
        } else {
            self.unknown(&mut rare.unknown)
        }
    }

    #[inline]
    fn rcpt(&self, params: &mut RcptParams) -> Result<(), InvalidValue> {
        let keyword = self.keyword();
        if keyword.eq_ignore_ascii_case(b"NOTIFY") {
            let value = self.value(Expected::NotifyValue)?;
            let notify =
                Notify::parse(value).ok_or_else(|| self.bad_value(Expected::NotifyValue))?;
            return self.fill(&mut params.notify, notify);
        }
        let rare = params.rare.get_or_insert_default();
        if keyword.eq_ignore_ascii_case(b"ORCPT") {
            let orcpt = self.original_recipient()?;
            self.fill(&mut rare.orcpt, orcpt)
        } else {
            self.unknown(&mut rare.unknown)
        }
    }

    fn unknown(&self, unknown: &mut alloc::vec::Vec<Param>) -> Result<(), InvalidValue> {
        let (param, _) = Param::parse(self.source, self.at)?;
        push_unknown(unknown, param).map_err(|error| InvalidValue::new(error.expected(), self.at))
    }

    /// RFC 4954 §5: `<>`, or a mailbox in xtext.
    fn submitter(&self) -> Result<ReversePath, InvalidValue> {
        let value = self.range(Expected::AuthParameter)?;
        if self.source.slice(value.clone()) == b"<>" {
            return Ok(ReversePath::Null);
        }
        let text = self.xtext(value, XCHAR | NON_ASCII, Expected::AuthParameter)?;
        text.parse::<Mailbox>()
            .map(ReversePath::Mailbox)
            .map_err(|_| self.bad_value(Expected::AuthParameter))
    }

    /// RFC 3461 §4.2: an address type, a semicolon, and an address in xtext.
    fn original_recipient(&self) -> Result<OriginalRecipient, InvalidValue> {
        let bad = || self.bad_value(Expected::OrcptValue);
        let value = self.range(Expected::OrcptValue)?;
        if value.len() > ORCPT {
            return Err(bad());
        }
        let octets = self.source.slice(value.clone());
        let kind = memchr::memchr(b';', octets).ok_or_else(bad)?;
        let address = self.xtext(
            value.start + kind + 1..value.end,
            XCHAR | NON_ASCII,
            Expected::OrcptValue,
        )?;
        let kind = self.source.keep(value.start..value.start + kind)?;
        OriginalRecipient::from_decoded(kind, address)
            .map_err(|error| InvalidValue::new(Expected::OrcptValue, value.start + error.offset()))
    }

    /// Decodes xtext, if there is anything in it to be decoded.
    fn xtext(
        &self,
        range: Range<usize>,
        classes: u8,
        expected: Expected,
    ) -> Result<ByteStr, InvalidValue> {
        let run = self.source.run(range.start, classes);
        if run >= range.len() {
            return self.source.keep(range);
        }
        decode_xtext(self.source.slice(range.clone()))
            .map(ByteStr::from)
            .map_err(|at| InvalidValue::new(expected, range.start + at))
    }

    /// One of a few words.
    #[inline]
    fn word<T: Copy, const N: usize>(
        &self,
        expected: Expected,
        words: [T; N],
        as_str: fn(T) -> &'static str,
    ) -> Result<T, InvalidValue> {
        let value = self.value(expected)?;
        words
            .into_iter()
            .find(|word| value.eq_ignore_ascii_case(as_str(*word).as_bytes()))
            .ok_or_else(|| self.bad_value(expected))
    }

    /// Puts the value where none is yet (RFC 3461 §4.5).
    #[inline]
    fn fill<T>(&self, place: &mut Option<T>, value: T) -> Result<(), InvalidValue> {
        if place.is_some() {
            return Err(InvalidValue::new(Expected::UniqueParam, self.at));
        }
        *place = Some(value);
        Ok(())
    }

    #[inline]
    fn keyword(&self) -> &'a [u8] {
        self.source.slice(self.at..self.at + self.raw.keyword)
    }

    #[inline]
    fn value(&self, expected: Expected) -> Result<&'a [u8], InvalidValue> {
        self.range(expected).map(|range| self.source.slice(range))
    }

    #[inline]
    fn range(&self, expected: Expected) -> Result<Range<usize>, InvalidValue> {
        match self.raw.value {
            Some(start) => Ok(start..self.raw.end),
            None => Err(InvalidValue::new(expected, self.raw.end)),
        }
    }

    #[inline]
    fn bad_value(&self, expected: Expected) -> InvalidValue {
        InvalidValue::new(expected, self.raw.value.unwrap_or(self.raw.end))
    }
}

/// `1*20DIGIT` that fits 64 bits, RFC 1870 §5 and RFC 3030 §4.2.
#[inline]
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 20 {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, octet| {
        let digit = octet.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}
