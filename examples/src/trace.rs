//! What is put in front of a message: trace fields (RFC 5321 §4.4), and for submission a missing Date and Message-ID
//! (RFC 6409 §8.2, §8.3). Pure: the clock, the ids and the peer's data are arguments.
//!
//! Behind them the octets of the message stand unchanged. Text from a peer is cut and cleaned before it gets into a
//! field, so that it can neither end the field nor pass for a part of it that is ours.

use std::net::IpAddr;

use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter, tz::TimeZone};

/// Octets of a peer's name in a field; a domain is no longer (RFC 5321 §4.5.3.1.2).
const MAX_NAME: usize = 255;
/// Octets of a path in a field (RFC 5321 §4.5.3.1.3).
const MAX_PATH: usize = 256;
/// Octets of a header block that are held back to see whether Date and Message-ID are there. Beyond, nothing is
/// added: a message with so long a header has been through other hands.
pub const MAX_HELD: usize = 1024 * 1024;
/// Octets of the name of a header field: what fits on a line (RFC 5322 §2.1.1). Of any message, this much is held back
/// to see whether it begins with a field at all.
const MAX_FIELD: usize = 998;

/// The protocol of a transaction, as the `with` clause names it (RFC 3848, RFC 6531 §3.7.3).
///
/// ```
/// use mailwire_examples::trace::With;
///
/// assert_eq!(With::esmtp().secured().authenticated().keyword(), "ESMTPSA");
/// assert_eq!(With::lmtp().utf8().keyword(), "UTF8LMTP");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct With {
    base: Base,
    security: Security,
    peer: Peer,
    text: Text,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Base {
    Smtp,
    Esmtp,
    Lmtp,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Security {
    Clear,
    Tls,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Peer {
    Unknown,
    Authenticated,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Text {
    Ascii,
    Utf8,
}

impl With {
    const fn of(base: Base) -> Self {
        Self {
            base,
            security: Security::Clear,
            peer: Peer::Unknown,
            text: Text::Ascii,
        }
    }

    /// After HELO. It has no other forms.
    #[must_use]
    pub const fn smtp() -> Self {
        Self::of(Base::Smtp)
    }

    /// After EHLO.
    #[must_use]
    pub const fn esmtp() -> Self {
        Self::of(Base::Esmtp)
    }

    /// After LHLO.
    #[must_use]
    pub const fn lmtp() -> Self {
        Self::of(Base::Lmtp)
    }

    /// Over TLS.
    #[must_use]
    pub const fn secured(mut self) -> Self {
        self.security = Security::Tls;
        self
    }

    /// After AUTH.
    #[must_use]
    pub const fn authenticated(mut self) -> Self {
        self.peer = Peer::Authenticated;
        self
    }

    /// With the SMTPUTF8 parameter.
    #[must_use]
    pub const fn utf8(mut self) -> Self {
        self.text = Text::Utf8;
        self
    }

    /// The registered keyword.
    #[must_use]
    pub const fn keyword(self) -> &'static str {
        use Base::{Esmtp, Lmtp, Smtp};
        use Peer::{Authenticated, Unknown};
        use Security::{Clear, Tls};
        use Text::{Ascii, Utf8};
        match (self.base, self.text, self.security, self.peer) {
            (Smtp, ..) => "SMTP",
            (Esmtp, Ascii, Clear, Unknown) => "ESMTP",
            (Esmtp, Ascii, Clear, Authenticated) => "ESMTPA",
            (Esmtp, Ascii, Tls, Unknown) => "ESMTPS",
            (Esmtp, Ascii, Tls, Authenticated) => "ESMTPSA",
            (Esmtp, Utf8, Clear, Unknown) => "UTF8SMTP",
            (Esmtp, Utf8, Clear, Authenticated) => "UTF8SMTPA",
            (Esmtp, Utf8, Tls, Unknown) => "UTF8SMTPS",
            (Esmtp, Utf8, Tls, Authenticated) => "UTF8SMTPSA",
            (Lmtp, Ascii, Clear, Unknown) => "LMTP",
            (Lmtp, Ascii, Clear, Authenticated) => "LMTPA",
            (Lmtp, Ascii, Tls, Unknown) => "LMTPS",
            (Lmtp, Ascii, Tls, Authenticated) => "LMTPSA",
            (Lmtp, Utf8, Clear, Unknown) => "UTF8LMTP",
            (Lmtp, Utf8, Clear, Authenticated) => "UTF8LMTPA",
            (Lmtp, Utf8, Tls, Unknown) => "UTF8LMTPS",
            (Lmtp, Utf8, Tls, Authenticated) => "UTF8LMTPSA",
        }
    }
}

/// What a Received field says (RFC 5321 §4.4). `Display` gives the whole field with its line ends.
///
/// ```
/// use mailwire_examples::trace::{Received, With};
///
/// let mut received = Received::new(b"client.example", "mx.example.test", With::esmtp(), "a1", jiff::Timestamp::UNIX_EPOCH);
/// received.address = Some([192, 0, 2, 1].into());
/// let field = received.to_string();
/// assert!(field.starts_with("Received: from client.example ([192.0.2.1])\r\n\tby mx.example.test with ESMTP id a1"));
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Received<'a> {
    /// What the client called itself: any octets.
    pub helo: &'a [u8],
    /// The name that its address has in the DNS, where that was asked for.
    pub reverse: Option<&'a [u8]>,
    /// Its address, where it has one.
    pub address: Option<IpAddr>,
    /// Our name.
    pub by: &'a str,
    /// The protocol.
    pub with: With,
    /// Version and cipher suite of TLS, as `TLS1.3` and `TLS_AES_256_GCM_SHA384`.
    pub tls: Option<(&'a str, &'a str)>,
    /// Our id of the transaction: an atom.
    pub id: &'a str,
    /// The recipient, if there is only one: to name one of several would tell the others (RFC 5321 §7.2).
    pub recipient: Option<&'a [u8]>,
    /// When it came.
    pub now: Timestamp,
}

impl<'a> Received<'a> {
    /// With what every message has; the other fields are public.
    #[must_use]
    pub const fn new(helo: &'a [u8], by: &'a str, with: With, id: &'a str, now: Timestamp) -> Self {
        Self {
            helo,
            reverse: None,
            address: None,
            by,
            with,
            tls: None,
            id,
            recipient: None,
            now,
        }
    }
}

impl std::fmt::Display for Received<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Received: from {}", domain(self.helo))?;
        let address = self.address.map(|address| match address.to_canonical() {
            IpAddr::V4(address) => format!("[{address}]"),
            IpAddr::V6(address) => format!("[IPv6:{address}]"),
        });
        match (self.reverse, address) {
            (Some(name), Some(address)) => write!(f, " ({} {address})", domain(name))?,
            (None, Some(address)) => write!(f, " ({address})")?,
            (_, None) => {}
        }
        write!(
            f,
            "\r\n\tby {} with {}",
            domain(self.by.as_bytes()),
            self.with.keyword()
        )?;
        if let Some((version, suite)) = self.tls {
            write!(
                f,
                " ({} {})",
                domain(version.as_bytes()),
                domain(suite.as_bytes())
            )?;
        }
        write!(f, " id {}", domain(self.id.as_bytes()))?;
        if let Some(path) = self.recipient.and_then(path) {
            write!(f, "\r\n\tfor <{path}>")?;
        }
        write!(f, ";\r\n\t{}\r\n", date(self.now))
    }
}

/// The Return-Path field (RFC 5321 §4.4) for a reverse path without its brackets; the empty one is `<>`.
///
/// ```
/// assert_eq!(mailwire_examples::trace::return_path(b"a@b.example"), "Return-Path: <a@b.example>\r\n");
/// ```
#[must_use]
pub fn return_path(reverse_path: &[u8]) -> String {
    format!(
        "Return-Path: <{}>\r\n",
        path(reverse_path).unwrap_or_default()
    )
}

/// A date and time as RFC 5322 §3.3 writes it, in UTC.
///
/// ```
/// let now = jiff::Timestamp::UNIX_EPOCH;
/// assert_eq!(mailwire_examples::trace::date(now), "Thu, 1 Jan 1970 00:00:00 +0000");
/// ```
#[must_use]
pub fn date(now: Timestamp) -> String {
    // Years before 0 have no form in RFC 5322; no clock that says so is right.
    let now = now.max(Timestamp::UNIX_EPOCH);
    DateTimePrinter::new()
        .zoned_to_string(&now.to_zoned(TimeZone::UTC))
        .unwrap_or_default()
}

/// A peer's name as far as it looks like a domain or an address literal; an underscore stands for all else.
fn domain(name: &[u8]) -> String {
    let cleaned: String = name
        .iter()
        .take(MAX_NAME)
        .map(|octet| match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b':' | b'[' | b']' => {
                char::from(*octet)
            }
            _ => '_',
        })
        .collect();
    if cleaned.is_empty() {
        "unknown".to_owned()
    } else {
        cleaned
    }
}

/// A path that may stand between brackets as it is, or nothing: a changed path would be another one.
fn path(path: &[u8]) -> Option<&str> {
    let path = str::from_utf8(path).ok()?;
    let odd = |c: char| c.is_control() || "<>\u{2028}\u{2029}".contains(c) || is_format(c);
    (path.len() <= MAX_PATH && !path.contains(odd)).then_some(path)
}

/// Characters that turn the direction of the text around them.
const fn is_format(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The front of a stored message: the trace fields, what submission has to add, and then the message, unchanged.
///
/// A part of the message is held back until it is known what has to stand in front of it. Where the message does not
/// begin with a header field, an empty line comes in between, or its text would become part of our header.
///
/// ```
/// use mailwire_examples::trace::Front;
///
/// let mut front = Front::completing("Received: ...\r\n", "Sun, 22 Nov 2026 06:00:00 +0000", "1@mx.example.test");
/// assert_eq!(front.push(b"Date: x\r\nSubject: hi\r\n"), (Vec::new(), &b""[..]));
/// let (first, rest) = front.push(b"\r\nhello");
/// assert!(first.starts_with(b"Received: ...\r\nMessage-ID: <1@mx.example.test>\r\nDate: x\r\n"));
/// assert_eq!(rest, b"");
/// assert_eq!(front.push(b" world\r\n"), (Vec::new(), &b" world\r\n"[..]));
/// ```
#[derive(Clone, Debug)]
pub struct Front {
    scan: Scan,
    /// What comes in front, until it was given out.
    waiting: Option<Waiting>,
}

#[derive(Clone)]
struct Waiting {
    trace: String,
    /// The fields to add where they are missing: Date and Message-ID.
    fields: Option<[String; 2]>,
    held: Vec<u8>,
}

impl std::fmt::Debug for Waiting {
    // What is held is part of somebody's message.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting")
            .field("held", &self.held.len())
            .finish_non_exhaustive()
    }
}

impl Front {
    /// Only trace fields: for what comes from other servers, where nothing else may be added (RFC 5321 §6.4).
    #[must_use]
    pub fn new(trace: impl Into<String>) -> Self {
        let waiting = Waiting {
            trace: trace.into(),
            fields: None,
            held: Vec::new(),
        };
        Self {
            scan: Scan::default(),
            waiting: Some(waiting),
        }
    }

    /// With a Date and a Message-ID, if they are missing: for submission (RFC 6409 §8). The id comes without its
    /// brackets.
    #[must_use]
    pub fn completing(trace: impl Into<String>, date: &str, message_id: &str) -> Self {
        let mut front = Self::new(trace);
        let fields = [
            format!("Date: {date}\r\n"),
            format!("Message-ID: <{message_id}>\r\n"),
        ];
        if let Some(waiting) = &mut front.waiting {
            waiting.fields = Some(fields);
        }
        front
    }

    /// The next octets of the message. Answers what is to be stored now, in two parts; the second is of `octets`.
    #[must_use]
    pub fn push<'a>(&mut self, octets: &'a [u8]) -> (Vec<u8>, &'a [u8]) {
        self.scan.push(octets);
        let Some(waiting) = &mut self.waiting else {
            return (Vec::new(), octets);
        };
        waiting.held.extend_from_slice(octets);
        let limit = if waiting.fields.is_some() {
            MAX_HELD
        } else {
            MAX_FIELD
        };
        let known = match waiting.fields {
            Some(_) => self.scan.at == At::Body,
            None => self.scan.at == At::Body || self.scan.fields > 0,
        };
        // A CR alone may be the first half of an empty line.
        let undecided = !known || waiting.held == b"\r";
        if undecided && waiting.held.len() <= limit {
            return (Vec::new(), b"");
        }
        if !known {
            waiting.fields = None;
        }
        (self.release(), b"")
    }

    /// The end of the message. Answers what was still held back, with what has to stand in front of it.
    #[must_use]
    pub fn finish(&mut self) -> Vec<u8> {
        self.release()
    }

    /// How many Received fields the message has so far: 100 are a loop (RFC 5321 §6.3).
    #[must_use]
    pub const fn received(&self) -> u32 {
        self.scan.received
    }

    fn release(&mut self) -> Vec<u8> {
        let Some(Waiting {
            trace,
            fields,
            mut held,
        }) = self.waiting.take()
        else {
            return Vec::new();
        };
        let mut front = trace.into_bytes();
        for (field, seen) in fields
            .iter()
            .flatten()
            .zip([self.scan.date, self.scan.message_id])
        {
            if seen == Seen::No {
                front.extend_from_slice(field.as_bytes());
            }
        }
        let empty_line = held.is_empty() || held.starts_with(b"\r\n") || held.starts_with(b"\n");
        if self.scan.fields == 0 && !empty_line {
            front.extend_from_slice(b"\r\n");
        }
        front.append(&mut held);
        front
    }
}

/// Looks at the header fields of a message as it streams by, and remembers only a few octets.
#[derive(Clone, Debug, Default)]
struct Scan {
    /// The name of the field so far, up to [`Scan::KEPT`] octets of it, and how long it is.
    name: Vec<u8>,
    length: usize,
    at: At,
    /// How many fields there were.
    fields: u64,
    received: u32,
    date: Seen,
    message_id: Seen,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum At {
    /// At the beginning of a line, or in what may be the name of a field.
    #[default]
    Name,
    /// In the white space behind a name: obsolete, not wrong (RFC 5322 §4.5).
    Gap,
    /// Behind the colon, or in the continuation of a field.
    Value,
    /// Behind the header.
    Body,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Seen {
    #[default]
    No,
    Yes,
}

impl Scan {
    /// More than the longest name that is looked for.
    const KEPT: usize = 16;

    fn push(&mut self, mut octets: &[u8]) {
        while self.at != At::Body {
            if self.at == At::Value {
                let Some(end) = memchr::memchr(b'\n', octets) else {
                    return;
                };
                self.at = At::Name;
                octets = octets.get(end + 1..).unwrap_or_default();
            }
            let Some((octet, rest)) = octets.split_first() else {
                return;
            };
            self.at = self.next(*octet);
            octets = rest;
        }
    }

    fn next(&mut self, octet: u8) -> At {
        match (octet, self.at) {
            (b' ' | b'\t', _) if self.length > 0 => At::Gap,
            (b' ' | b'\t', _) if self.fields > 0 => At::Value,
            (b':', _) if self.length > 0 => {
                self.field();
                At::Value
            }
            (b'!'..=b'~', At::Name) if octet != b':' && self.length < MAX_FIELD => {
                if self.length < Self::KEPT {
                    self.name.push(octet);
                }
                self.length += 1;
                At::Name
            }
            // The empty line, or one that is no field: what follows is no header.
            _ => At::Body,
        }
    }

    fn field(&mut self) {
        if self.length == self.name.len() {
            if self.name.eq_ignore_ascii_case(b"Received") {
                self.received = self.received.saturating_add(1);
            } else if self.name.eq_ignore_ascii_case(b"Date") {
                self.date = Seen::Yes;
            } else if self.name.eq_ignore_ascii_case(b"Message-ID") {
                self.message_id = Seen::Yes;
            }
        }
        self.name.clear();
        self.length = 0;
        self.fields += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received<'a>(helo: &'a [u8]) -> Received<'a> {
        let now = "2026-11-22T05:06:07Z".parse().unwrap();
        Received {
            reverse: Some(b"host.example"),
            address: Some("2001:db8::1".parse().unwrap()),
            tls: Some(("TLS1.3", "TLS_AES_256_GCM_SHA384")),
            recipient: Some(b"bob@example.test"),
            ..Received::new(helo, "mx.example.test", With::esmtp().secured(), "q1", now)
        }
    }

    #[test]
    fn received_says_who_how_and_when() {
        assert_eq!(
            received(b"client.example").to_string(),
            "Received: from client.example (host.example [IPv6:2001:db8::1])\r\n\
             \tby mx.example.test with ESMTPS (TLS1.3 TLS_AES_256_GCM_SHA384) id q1\r\n\
             \tfor <bob@example.test>;\r\n\
             \tSun, 22 Nov 2026 05:06:07 +0000\r\n"
        );
        let mapped = Received {
            address: Some("::ffff:192.0.2.1".parse().unwrap()),
            ..received(b"[192.0.2.1]")
        };
        assert!(
            mapped
                .to_string()
                .starts_with("Received: from [192.0.2.1] (host.example [192.0.2.1])\r\n")
        );
    }

    #[test]
    fn smtp_59_a_peer_cannot_write_our_fields() {
        let long = vec![b'a'; 5000];
        for evil in [
            &b"x) by evil ("[..],
            b"x\t",
            b"x\r\nReceived: from y",
            b"\x1b[31m",
            b"x\0y",
            b"\"q\"",
            b";",
            b"<a>",
            "ö\u{202e}".as_bytes(),
            b"",
            b" ",
            b"\\",
            b"x;\r\n\tSun",
            &long,
        ] {
            let field = Received {
                reverse: Some(evil),
                recipient: Some(evil),
                ..received(evil)
            };
            let text = field.to_string();
            assert!(text.is_ascii() || str::from_utf8(evil).is_ok());
            assert_eq!(text.matches("\r\n").count(), text.matches('\n').count());
            let lines: Vec<&str> = text.split_terminator("\r\n").collect();
            assert!((3..=4).contains(&lines.len()), "{text:?}");
            assert!(
                lines.iter().all(|line| line.len() <= 998
                    && !line.contains(|c: char| c.is_control() && c != '\t'))
            );
            let words: Vec<&str> = lines[0].split(' ').collect();
            assert_eq!(
                (words[0], words[1], words.len()),
                ("Received:", "from", 5),
                "{text:?}"
            );
            assert!(words[3].starts_with('(') && words[4] == "[IPv6:2001:db8::1])");
            assert_eq!(
                lines[1],
                "\tby mx.example.test with ESMTPS (TLS1.3 TLS_AES_256_GCM_SHA384) id q1".to_owned()
                    + if lines.len() == 3 { ";" } else { "" }
            );
            assert_eq!(*lines.last().unwrap(), "\tSun, 22 Nov 2026 05:06:07 +0000");
        }
    }

    #[test]
    fn return_path_is_one_line() {
        assert_eq!(return_path(b""), "Return-Path: <>\r\n");
        for bad in [
            &b"a\r\nX: y"[..],
            b"a>b@c",
            b"\xff@c",
            b"a\x7f@b",
            &[b'a'; 257],
            "a\u{202e}@b".as_bytes(),
        ] {
            assert_eq!(return_path(bad), "Return-Path: <>\r\n");
        }
        assert_eq!(
            return_path("jörg@b".as_bytes()),
            "Return-Path: <jörg@b>\r\n"
        );
    }

    #[test]
    fn store_34_dates_at_the_ends_of_time() {
        assert_eq!(date(Timestamp::MIN), "Thu, 1 Jan 1970 00:00:00 +0000");
        assert_eq!(
            date("2038-01-19T03:14:08Z".parse().unwrap()),
            "Tue, 19 Jan 2038 03:14:08 +0000"
        );
        assert!(date(Timestamp::MAX).ends_with(" +0000"));
        assert!(date(Timestamp::MAX).contains(" 9999 "));
    }

    /// All of `text` through `front`, cut in two at `cut`, with the end.
    fn stored(mut front: Front, text: &[u8], cut: usize) -> (Vec<u8>, u32) {
        let mut all = Vec::new();
        for part in [&text[..cut], &text[cut..]] {
            let (first, rest) = front.push(part);
            all.extend_from_slice(&first);
            all.extend_from_slice(rest);
        }
        all.extend_from_slice(&front.finish());
        (all, front.received())
    }

    #[test]
    fn missing_date_and_message_id_come_in_front() {
        for (text, added) in [
            ("Subject: x\r\n\r\nbody", "DM"),
            ("Date: x\r\n\r\nbody", "M"),
            ("date : x\r\nMESSAGE-ID:\r\n <y>\r\n\r\nbody", ""),
            ("X-Date: x\r\nDate-X: y\r\n\r\nbody", "DM"),
            ("Subject: x\r\n Date: y\r\n\r\nDate: z\r\n", "DM"),
            ("Subject: x\nDate: y\n\nMessage-ID: z\n", "M"),
            ("Date: only a header", "M"),
            ("Subject: x\r\nno field\r\nDate: y\r\n", "DM"),
            ("", "DM"),
            ("\r\nDate: body\r\n", "DM"),
            ("no header at all\r\n", "DM|"),
            (": no name\r\n", "DM|"),
            (" begins with space: x\r\nDate: y\r\n", "DM|"),
            ("From alice: x\r\n", "DM|"),
        ] {
            let expected = added
                .replace('D', "Date: d\r\n")
                .replace('M', "Message-ID: <m>\r\n")
                .replace('|', "\r\n");
            for cut in 0..=text.len() {
                let (all, _) = stored(
                    Front::completing("T: t\r\n", "d", "m"),
                    text.as_bytes(),
                    cut,
                );
                assert_eq!(
                    String::from_utf8(all).unwrap(),
                    format!("T: t\r\n{expected}{text}"),
                    "cut at {cut}"
                );
            }
        }
    }

    #[test]
    fn trace_fields_alone_change_nothing_else() {
        let long = format!("{}: x\r\n\r\n", "N".repeat(998));
        let longer = format!("{}: x\r\n\r\n", "N".repeat(999));
        for (text, between) in [
            ("A: b\r\n\r\n", ""),
            ("\r\nx", ""),
            ("x", "\r\n"),
            (&long, ""),
            (&longer, "\r\n"),
        ] {
            for cut in 0..=text.len() {
                let (all, _) = stored(Front::new("T: t\r\n"), text.as_bytes(), cut);
                assert_eq!(
                    String::from_utf8(all).unwrap(),
                    format!("T: t\r\n{between}{text}"),
                    "cut at {cut}"
                );
            }
        }
    }

    #[test]
    fn all_3_what_is_held_back_is_bounded() {
        for (mut front, limit) in [
            (Front::completing("T: t\r\n", "d", "m"), MAX_HELD),
            (Front::new("T: t\r\n"), MAX_FIELD),
        ] {
            let mut held = 0;
            loop {
                let (first, _) = front.push(b"X");
                held += 1;
                if !first.is_empty() {
                    break;
                }
                assert!(held <= limit);
            }
            let (first, rest) = front.push(&[b'X'; 70_000]);
            assert_eq!((first.len(), rest.len()), (0, 70_000));
        }
        let mut front = Front::completing("T: t\r\n", "d", "m");
        let field = format!("A: {}\r\n", "b".repeat(990));
        let mut stored = Vec::new();
        for _ in 0..2000 {
            let (first, rest) = front.push(field.as_bytes());
            stored.extend_from_slice(&first);
            stored.extend_from_slice(rest);
        }
        assert!(
            stored.starts_with(b"T: t\r\nA: b"),
            "nothing is added to a header of more than 1 MiB"
        );
        assert_eq!(stored.len(), 6 + 2000 * field.len());
    }

    #[test]
    fn smtp_60_received_fields_are_counted_as_they_come() {
        let text = "Received: a\r\n\tReceived: folded\r\nreceived: b\r\nX-Received: c\r\n"
            .repeat(50)
            + "\r\nReceived: body\r\n";
        for cut in 0..text.len() {
            assert_eq!(stored(Front::new(""), text.as_bytes(), cut).1, 100);
        }
        let mut front = Front::new("");
        for octet in text.as_bytes() {
            let _ = front.push(std::slice::from_ref(octet));
        }
        assert_eq!(front.received(), 100);
    }
}
