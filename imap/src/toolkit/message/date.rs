//! The dates of headers (RFC 5322 §3.3), with their obsolete forms (RFC 5322 §4.3).

use super::lex::Lexer;
use crate::datetime::{Date, DateTime};

const MONTHS: [&[u8; 3]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

/// The zones with names (RFC 5322 §4.3), in hours. The letters of the military ones and unknown
/// names mean nothing known, which is `-0000`.
const ZONES: [(&[u8; 3], i16); 8] = [
    (b"EDT", -4),
    (b"EST", -5),
    (b"CDT", -5),
    (b"CST", -6),
    (b"MDT", -6),
    (b"MST", -7),
    (b"PDT", -7),
    (b"PST", -8),
];

/// The date of a value, raw or unfolded. `None` for what the calendar or the clock does not have.
///
/// ```
/// use mailwire_imap::toolkit::message::date::parse;
/// let date = parse(b"Wed, 17 Jul 1996 02:44:25 -0700 (PDT)").unwrap();
/// assert_eq!(date.timestamp(), 837_596_665);
/// assert_eq!(parse(b"17 Jul 96 09:44:25 GMT").unwrap().timestamp(), date.timestamp());
/// assert!(parse(b"31 Feb 2020 00:00:00 +0000").is_none());
/// ```
#[must_use]
pub fn parse(value: &[u8]) -> Option<DateTime> {
    let mut lexer = Lexer::new(value);
    lexer.skip_cfws();
    let name = lexer.run(|octet| octet.is_ascii_alphabetic());
    if !name.is_empty() {
        lexer.skip_cfws();
        lexer.eat(b',');
        lexer.skip_cfws();
    }
    let day = number(&mut lexer, 1, 2)?.0;
    lexer.skip_cfws();
    // `17-Jul-1996` is in no RFC for mail, but in mail.
    lexer.eat(b'-');
    let month = month(lexer.run(|octet| octet.is_ascii_alphabetic()))?;
    lexer.skip_cfws();
    lexer.eat(b'-');
    let year = match number(&mut lexer, 2, 4)? {
        (year @ 0..=49, 2) => year + 2000,
        (year, 2 | 3) => year + 1900,
        (year, _) => year,
    };
    let date = Date::new(year, month, u8::try_from(day).ok()?)?;
    lexer.skip_cfws();
    let hour = clock(&mut lexer)?;
    let minute = colon(&mut lexer).then(|| clock(&mut lexer)).flatten()?;
    let second = if colon(&mut lexer) {
        clock(&mut lexer)?
    } else {
        0
    };
    lexer.skip_cfws();
    DateTime::new(date, hour, minute, second, zone(&mut lexer)?)
}

fn month(name: &[u8]) -> Option<u8> {
    let name = name.get(..3)?;
    let at = MONTHS
        .iter()
        .position(|month| month.eq_ignore_ascii_case(name))?;
    Some(u8::try_from(at).ok()? + 1)
}

/// A number and how many digits it has, from `min` to `max`.
fn number(lexer: &mut Lexer<'_>, min: usize, max: usize) -> Option<(u16, usize)> {
    let digits = lexer.run(|octet| octet.is_ascii_digit());
    if digits.len() < min || digits.len() > max {
        return None;
    }
    let number = digits.iter().try_fold(0_u16, |number, digit| {
        number.checked_mul(10)?.checked_add(u16::from(digit - b'0'))
    })?;
    Some((number, digits.len()))
}

fn clock(lexer: &mut Lexer<'_>) -> Option<u8> {
    u8::try_from(number(lexer, 1, 2)?.0).ok()
}

fn colon(lexer: &mut Lexer<'_>) -> bool {
    lexer.skip_cfws();
    let is_there = lexer.eat(b':');
    lexer.skip_cfws();
    is_there
}

/// Minutes east of Greenwich.
fn zone(lexer: &mut Lexer<'_>) -> Option<i16> {
    let sign = match lexer.peek() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => {
            let name = lexer.run(|octet| octet.is_ascii_alphabetic());
            let known = ZONES
                .iter()
                .find(|(zone, _)| zone.eq_ignore_ascii_case(name));
            return Some(known.map_or(0, |(_, hours)| hours * 60));
        }
    };
    lexer.advance();
    let (number, _) = number(lexer, 4, 4)?;
    let number = i16::try_from(number).ok()?;
    (number % 100 < 60).then(|| sign * (number / 100 * 60 + number % 100))
}
