//! The date of the Date field.

use alloc::{borrow::Cow, vec::Vec};

use crate::{datetime::DateTime, toolkit::message::date};

/// The date and time of a Date field. Where its zone is none, it counts as UTC, and where its time
/// is none either, as 00:00:00 (RFC 5256 §2.2).
pub(in crate::toolkit) fn sent(value: &[u8]) -> Option<DateTime> {
    date::parse(value)
        .or_else(|| date::parse(without_zone(value)))
        .or_else(|| date::parse(&at_midnight(value)))
}

fn without_zone(value: &[u8]) -> &[u8] {
    // Behind the last colon stand the minutes or seconds and the zone.
    let Some(colon) = memchr::memrchr(b':', value) else {
        return value;
    };
    let behind = value.get(colon + 1..).unwrap_or_default();
    let digits = behind.iter().take_while(|octet| octet.is_ascii_digit());
    let end = colon + 1 + digits.count();
    value.get(..end).unwrap_or(value)
}

fn at_midnight(value: &[u8]) -> Cow<'_, [u8]> {
    // The hour is the last word before the first colon; where there is none, all is date.
    let end = memchr::memchr(b':', value).map_or(value.len(), |colon| {
        let front = value.get(..colon).unwrap_or_default();
        memchr::memrchr(b' ', front).unwrap_or(colon)
    });
    // A date is short; what is longer is none.
    let Some(date) = value.get(..end).filter(|date| date.len() < 100) else {
        return Cow::Borrowed(&[]);
    };
    let mut date: Vec<u8> = date.trim_ascii_end().into();
    date.extend_from_slice(b" 00:00:00");
    Cow::Owned(date)
}
