//! Dates, and dates with a time (RFC 9051 §9 `date`, `date-time`).

use bytes::{BufMut, BytesMut};

use crate::{
    error::{Expected, ParseError},
    grammar::Cursor,
};

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// A day of the calendar, from the year 0 to 9999.
///
/// ```
/// use mailwire_imap::datetime::Date;
/// let date: Date = "1-Feb-1994".parse()?;
/// assert_eq!((date.year(), date.month(), date.day()), (1994, 2, 1));
/// assert!("31-Feb-1994".parse::<Date>().is_err());
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// A day that exists; `None` for others.
    #[must_use]
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let fits = year <= 9999 && day >= 1 && day <= days_in(year, month);
        fits.then_some(Self { year, month, day })
    }

    /// The year.
    #[must_use]
    pub const fn year(self) -> u16 {
        self.year
    }

    /// The month, from 1 to 12.
    #[must_use]
    pub const fn month(self) -> u8 {
        self.month
    }

    /// The day, from 1 to 31.
    #[must_use]
    pub const fn day(self) -> u8 {
        self.day
    }

    /// Days since 1 January 1970.
    ///
    /// ```
    /// use mailwire_imap::datetime::Date;
    /// assert_eq!(Date::new(2000, 3, 1).map(Date::days), Some(11_017));
    /// ```
    #[must_use]
    pub fn days(self) -> i64 {
        // Years that begin in March, so that the leap day is the last of its year.
        let (year, month) = (i64::from(self.year), i64::from(self.month));
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let of_era = year.rem_euclid(400);
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + i64::from(self.day) - 1;
        era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }

    /// The day that is `days` after 1 January 1970; `None` outside of the years 0 to 9999.
    #[must_use]
    pub fn from_days(days: i64) -> Option<Self> {
        let days = days.checked_add(719_468)?;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * of_year + 2) / 153;
        let day = of_year - (153 * shifted + 2) / 5 + 1;
        let month = (shifted + 2) % 12 + 1;
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        Self::new(
            u16::try_from(year).ok()?,
            u8::try_from(month).ok()?,
            u8::try_from(day).ok()?,
        )
    }

    /// Reads a `date`: `1-Feb-1994`, with quotes or without.
    ///
    /// # Errors
    ///
    /// There is none, or no such day.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let error = cursor.error(Expected::Date);
        let is_quoted = cursor.eat(b'"');
        let day = match cursor.take_while(|octet| octet.is_ascii_digit()) {
            [one @ b'0'..=b'9'] => one - b'0',
            [ten, one] => (ten - b'0') * 10 + (one - b'0'),
            _ => return Err(error),
        };
        let date = month_and_year(cursor, day).ok_or(error)?;
        if is_quoted && !cursor.eat(b'"') {
            return Err(error);
        }
        Ok(date)
    }

    /// Writes `01-Feb-1994` without quotes.
    pub fn encode(self, wire: &mut BytesMut) {
        put_two(wire, self.day);
        self.put_month_and_year(wire);
    }

    fn put_month_and_year(self, wire: &mut BytesMut) {
        let month = MONTHS
            .get(usize::from(self.month).wrapping_sub(1))
            .copied()
            .unwrap_or(b"Jan");
        wire.put_u8(b'-');
        wire.put_slice(month);
        wire.put_u8(b'-');
        for divisor in [1000, 100, 10, 1] {
            put_digit(wire, self.year / divisor % 10);
        }
    }
}

/// A date and a time with its zone: INTERNALDATE.
///
/// ```
/// use mailwire_imap::datetime::DateTime;
/// let date: DateTime = "\"17-Jul-1996 02:44:25 -0700\"".parse()?;
/// assert_eq!(date.timestamp(), 837_596_665);
/// let mut wire = bytes::BytesMut::new();
/// DateTime::from_timestamp(0).unwrap().encode(&mut wire);
/// assert_eq!(wire, "\" 1-Jan-1970 00:00:00 +0000\"");
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct DateTime {
    date: Date,
    hour: u8,
    minute: u8,
    second: u8,
    /// Minutes east of Greenwich.
    zone: i16,
}

impl DateTime {
    /// A time of a day, `zone` minutes east of Greenwich; `None` where the clock does not show it.
    /// The second may be 60.
    #[must_use]
    pub const fn new(date: Date, hour: u8, minute: u8, second: u8, zone: i16) -> Option<Self> {
        if hour > 23 || minute > 59 || second > 60 || zone.unsigned_abs() >= 24 * 60 {
            return None;
        }
        Some(Self {
            date,
            hour,
            minute,
            second,
            zone,
        })
    }

    /// The second `seconds` after the start of 1970, in UTC; `None` outside of the years 0 to 9999.
    #[must_use]
    pub fn from_timestamp(seconds: i64) -> Option<Self> {
        let date = Date::from_days(seconds.div_euclid(86_400))?;
        let of_day = u32::try_from(seconds.rem_euclid(86_400)).ok()?;
        Self::new(
            date,
            u8::try_from(of_day / 3_600).ok()?,
            u8::try_from(of_day / 60 % 60).ok()?,
            u8::try_from(of_day % 60).ok()?,
            0,
        )
    }

    /// The day in its own zone: what SEARCH compares, disregarding time and zone.
    #[must_use]
    pub const fn date(self) -> Date {
        self.date
    }

    /// The hour.
    #[must_use]
    pub const fn hour(self) -> u8 {
        self.hour
    }

    /// The minute.
    #[must_use]
    pub const fn minute(self) -> u8 {
        self.minute
    }

    /// The second, 60 in a leap second.
    #[must_use]
    pub const fn second(self) -> u8 {
        self.second
    }

    /// Minutes east of Greenwich.
    #[must_use]
    pub const fn zone(self) -> i16 {
        self.zone
    }

    /// Seconds since the start of 1970.
    #[must_use]
    pub fn timestamp(self) -> i64 {
        let minutes = i64::from(self.hour) * 60 + i64::from(self.minute) - i64::from(self.zone);
        self.date.days() * 86_400 + minutes * 60 + i64::from(self.second)
    }

    /// Reads a `date-time` with its quotes. The day may have a space, a zero, or nothing in front.
    ///
    /// # Errors
    ///
    /// There is none, or no such time.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        let error = cursor.error(Expected::DateTime);
        Self::read(cursor).ok_or(error)
    }

    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        if let Some(date) = cursor.rest().first_chunk().and_then(Self::usual) {
            cursor.advance(28);
            return Some(date);
        }
        Self::unusual(cursor)
    }

    /// The form in which nearly all write it, `"17-Jul-1996 02:44:25 -0700"`.
    fn usual(octets: &[u8; 28]) -> Option<Self> {
        #[rustfmt::skip]
        let [
            b'"', day @ .., b'-', m, o, n, b'-', y, e, a, r, b' ', h, u, b':', i, t, b':', s, c, b' ',
            sign @ (b'+' | b'-'), z, w, x, v, b'"',
        ] = octets else {
            return None;
        };
        let pair = |ten: &u8, one: &u8| {
            let are_digits = ten.is_ascii_digit() && one.is_ascii_digit();
            are_digits.then(|| (ten & 0xf) * 10 + (one & 0xf))
        };
        let [ten, one] = day;
        let day = pair(if *ten == b' ' { &b'0' } else { ten }, one)?;
        let name = [*m, *o, *n];
        let month = (1..).zip(MONTHS).find(|(_, month)| **month == name)?.0;
        let year = u16::from(pair(y, e)?) * 100 + u16::from(pair(a, r)?);
        let (hours, minutes) = (pair(z, w)?, pair(x, v)?);
        if minutes > 59 {
            return None;
        }
        let zone = i16::from(hours) * 60 + i16::from(minutes);
        let zone = if *sign == b'-' { -zone } else { zone };
        Self::new(
            Date::new(year, month, day)?,
            pair(h, u)?,
            pair(i, t)?,
            pair(s, c)?,
            zone,
        )
    }

    /// Any form that there is.
    fn unusual(cursor: &mut Cursor<'_>) -> Option<Self> {
        cursor.eat(b'"').then_some(())?;
        cursor.eat(b' ');
        let day = match cursor.take_while(|octet| octet.is_ascii_digit()) {
            [one] => one - b'0',
            [ten, one] => (ten - b'0') * 10 + (one - b'0'),
            _ => return None,
        };
        let date = month_and_year(cursor, day)?;
        cursor.eat(b' ').then_some(())?;
        let hour = two(cursor)?;
        cursor.eat(b':').then_some(())?;
        let minute = two(cursor)?;
        cursor.eat(b':').then_some(())?;
        let second = two(cursor)?;
        cursor.eat(b' ').then_some(())?;
        let sign: i16 = if cursor.eat(b'-') { -1 } else { 1 };
        if sign == 1 {
            cursor.eat(b'+').then_some(())?;
        }
        let (hours, minutes) = (two(cursor)?, two(cursor)?);
        cursor.eat(b'"').then_some(())?;
        if minutes > 59 {
            return None;
        }
        let zone = sign * (i16::from(hours) * 60 + i16::from(minutes));
        Self::new(date, hour, minute, second, zone)
    }

    /// Writes it with its quotes.
    pub fn encode(self, wire: &mut BytesMut) {
        wire.put_u8(b'"');
        if self.date.day < 10 {
            wire.put_u8(b' ');
            put_digit(wire, u16::from(self.date.day));
        } else {
            put_two(wire, self.date.day);
        }
        self.date.put_month_and_year(wire);
        for (front, value) in [(b' ', self.hour), (b':', self.minute), (b':', self.second)] {
            wire.put_u8(front);
            put_two(wire, value);
        }
        wire.put_slice(if self.zone < 0 { b" -" } else { b" +" });
        let zone = self.zone.unsigned_abs();
        for digit in [zone / 600, zone / 60 % 10, zone % 60 / 10, zone % 10] {
            put_digit(wire, digit);
        }
        wire.put_u8(b'"');
    }
}

const fn days_in(year: u16, month: u8) -> u8 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 0,
    }
}

/// `-Feb-1994` behind the day.
fn month_and_year(cursor: &mut Cursor<'_>, day: u8) -> Option<Date> {
    cursor.eat(b'-').then_some(())?;
    let name = cursor.take_while(|octet| octet.is_ascii_alphabetic());
    let month = MONTHS
        .iter()
        .position(|month| month.eq_ignore_ascii_case(name))?;
    cursor.eat(b'-').then_some(())?;
    let digits = cursor.take_while(|octet| octet.is_ascii_digit());
    if digits.len() != 4 {
        return None;
    }
    let year = digits
        .iter()
        .fold(0, |year, digit| year * 10 + u16::from(digit - b'0'));
    Date::new(year, u8::try_from(month).ok()? + 1, day)
}

fn two(cursor: &mut Cursor<'_>) -> Option<u8> {
    match cursor.rest() {
        [ten @ b'0'..=b'9', one @ b'0'..=b'9', ..] => {
            cursor.advance(2);
            Some((ten - b'0') * 10 + (one - b'0'))
        }
        _ => None,
    }
}

fn put_two(wire: &mut BytesMut, value: u8) {
    put_digit(wire, u16::from(value / 10));
    put_digit(wire, u16::from(value % 10));
}

fn put_digit(wire: &mut BytesMut, digit: u16) {
    wire.put_u8(b'0' + u8::try_from(digit % 10).unwrap_or_default());
}

impl core::str::FromStr for Date {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut cursor = Cursor::borrowing(text.as_bytes());
        let date = Self::parse(&mut cursor)?;
        cursor.end()?;
        Ok(date)
    }
}

impl core::str::FromStr for DateTime {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut cursor = Cursor::borrowing(text.as_bytes());
        let date = Self::parse(&mut cursor)?;
        cursor.end()?;
        Ok(date)
    }
}
