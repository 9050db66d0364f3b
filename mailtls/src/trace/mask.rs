//! The little that must be known of SMTP, IMAP and POP3 to mask them.

mod imap;

use std::collections::VecDeque;

use mailwire_core::{machine::Side, text::Sanitized};
use zeroize::Zeroize;

use self::imap::Imap;
use crate::limits::{TRACE_LINE, TRACE_OUTSTANDING};

/// Where masked lines go.
pub(super) type Show<'a> = &'a mut dyn FnMut(Side, &str);

const HIDDEN: &str = "***";

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Protocol {
    /// The greeting has not come.
    Unknown,
    Smtp,
    Imap,
    Pop3,
    /// None of them, or the dialogue was lost track of: nothing is shown any more.
    Opaque,
}

/// A command whose reply is awaited.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sent {
    Plain,
    Rcpt,
    Data,
    /// `AUTH`: until its last reply everything is secret.
    Auth,
    /// `PASS`, `APOP`: the text of the reply is hidden.
    Password,
    /// A multi-line answer that is shown.
    Listing,
    /// A multi-line answer that is a message.
    Message,
}

/// What the client's next octets are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Client {
    Commands,
    /// Behind `AUTH`, until the last reply.
    Secret,
    /// Behind `DATA`, until its reply.
    AfterData,
    /// A message; the count of its octets, and whether the last line ended in CRLF.
    Body(u64, bool),
    /// A chunk of a message: octets to come, and in all.
    Chunk(u64, u64),
}

/// What the server's next lines are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Server {
    Replies,
    Listing,
    /// The count of its octets, and whether the last line ended in CRLF.
    Message(u64, bool),
}

pub(super) struct Masker {
    protocol: Protocol,
    outstanding: VecDeque<Sent>,
    client: Client,
    server: Server,
    imap: Imap,
    from_client: Line,
    from_server: Line,
    /// Whether `LHLO` was said: then the end of a message has a reply for each recipient
    /// (RFC 2033 §4.2).
    lmtp: bool,
    /// Recipients accepted since `MAIL`.
    accepted: usize,
}

impl Masker {
    pub(super) fn new() -> Self {
        Self {
            protocol: Protocol::Unknown,
            // The greeting is the reply to connecting.
            outstanding: VecDeque::from([Sent::Plain]),
            client: Client::Commands,
            server: Server::Replies,
            imap: Imap::default(),
            from_client: Line::default(),
            from_server: Line::default(),
            lmtp: false,
            accepted: 0,
        }
    }

    /// Everything from before is over (RFC 3207 §4.2). No second greeting comes.
    pub(super) fn tls_started(&mut self) {
        if self.protocol != Protocol::Unknown {
            let (protocol, lmtp) = (self.protocol, self.lmtp);
            *self = Self {
                protocol,
                lmtp,
                ..Self::new()
            };
            self.outstanding.clear();
        }
    }

    pub(super) fn octets(&mut self, from: Side, mut octets: &[u8], show: Show<'_>) {
        while !octets.is_empty() {
            if let (Side::Client, Client::Chunk(left, all)) = (from, self.client) {
                let here =
                    usize::try_from(left).map_or(octets.len(), |left| left.min(octets.len()));
                octets = octets.get(here..).unwrap_or_default();
                let left = left.saturating_sub(here as u64);
                self.client = Client::Chunk(left, all);
                if left == 0 {
                    self.client = Client::Commands;
                    show(Side::Client, &format!("[{all} octets of message]"));
                }
                continue;
            }
            if let Some(behind) = self.imap.literal(from, octets, show) {
                octets = behind;
                continue;
            }
            let line = match from {
                Side::Client => &mut self.from_client,
                Side::Server => &mut self.from_server,
            };
            octets = line.take(octets);
            if !line.complete {
                return;
            }
            let mut line = std::mem::take(line);
            match from {
                Side::Client => self.client_line(&line, show),
                Side::Server => self.server_line(&line, show),
            }
            line.start.zeroize();
            line.end.zeroize();
        }
    }

    fn client_line(&mut self, line: &Line, show: Show<'_>) {
        match self.client {
            Client::Body(octets, strict) => {
                if line.start.as_slice() == b"." && line.strict && strict {
                    self.client = Client::Commands;
                    show(Side::Client, &format!("[{octets} octets of message]"));
                    show(Side::Client, ".");
                    self.message_ended();
                } else {
                    self.client = Client::Body(octets.saturating_add(line.octets), line.strict);
                }
            }
            Client::Secret => show(Side::Client, HIDDEN),
            Client::AfterData | Client::Chunk(..) => show(Side::Client, &line.hidden()),
            Client::Commands => match self.protocol {
                Protocol::Smtp => self.smtp_command(line, show),
                Protocol::Imap => self.imap.client_line(line, show),
                Protocol::Pop3 => self.pop3_command(line, show),
                Protocol::Unknown | Protocol::Opaque => show(Side::Client, &line.hidden()),
            },
        }
    }

    fn smtp_command(&mut self, line: &Line, show: Show<'_>) {
        let (verb, arguments) = line.verb();
        let shown = match verb.as_str() {
            "AUTH" => {
                self.client = Client::Secret;
                self.sent(Sent::Auth);
                return show(Side::Client, &exchange("AUTH", arguments));
            }
            "BDAT" => {
                let mut words = arguments
                    .split(|&o| o == b' ')
                    .filter(|word| !word.is_empty());
                let size = words.next().and_then(number);
                let last = words.next().is_some();
                match size {
                    Some(0) => {}
                    Some(size) => self.client = Client::Chunk(size, size),
                    // The length of what follows is not known.
                    None => self.protocol = Protocol::Opaque,
                }
                if last {
                    self.message_ended()
                } else {
                    self.sent(Sent::Plain)
                }
                size.is_some()
            }
            "DATA" => {
                self.client = Client::AfterData;
                self.sent(Sent::Data);
                true
            }
            "RCPT" => {
                self.sent(Sent::Rcpt);
                true
            }
            "EHLO" | "HELO" | "LHLO" | "MAIL" | "RSET" => {
                self.accepted = 0;
                self.lmtp =
                    verb == "LHLO" || (self.lmtp && !matches!(verb.as_str(), "EHLO" | "HELO"));
                self.sent(Sent::Plain);
                true
            }
            "NOOP" | "VRFY" | "EXPN" | "HELP" | "QUIT" | "STARTTLS" | "ETRN" => {
                self.sent(Sent::Plain);
                true
            }
            _ => {
                self.sent(Sent::Plain);
                false
            }
        };
        show(
            Side::Client,
            &if shown { line.shown() } else { line.hidden() },
        );
    }

    fn pop3_command(&mut self, line: &Line, show: Show<'_>) {
        let (verb, arguments) = line.verb();
        let (sent, shown) = match verb.as_str() {
            "PASS" | "APOP" => {
                self.sent(Sent::Password);
                return show(Side::Client, &format!("{verb} {HIDDEN}"));
            }
            "AUTH" if !arguments.is_empty() => {
                self.client = Client::Secret;
                self.sent(Sent::Auth);
                return show(Side::Client, &exchange("AUTH", arguments));
            }
            "RETR" | "TOP" => (Sent::Message, true),
            "AUTH" | "CAPA" => (Sent::Listing, true),
            "LIST" | "UIDL" if arguments.is_empty() => (Sent::Listing, true),
            "DELE" | "LANG" | "LIST" | "NOOP" | "QUIT" | "RSET" | "STAT" | "STLS" | "UIDL"
            | "USER" | "UTF8" => (Sent::Plain, true),
            _ => (Sent::Plain, false),
        };
        self.sent(sent);
        show(
            Side::Client,
            &if shown { line.shown() } else { line.hidden() },
        );
    }

    fn server_line(&mut self, line: &Line, show: Show<'_>) {
        if self.protocol == Protocol::Unknown {
            self.protocol = match line.start.get(..3) {
                Some(b"220" | b"421" | b"554") => Protocol::Smtp,
                Some(b"+OK" | b"-ER") => Protocol::Pop3,
                Some(b"* O" | b"* P" | b"* B") => Protocol::Imap,
                _ => Protocol::Opaque,
            };
        }
        match self.protocol {
            Protocol::Smtp => self.smtp_reply(line, show),
            Protocol::Imap => self.imap.server_line(line, show),
            Protocol::Pop3 => self.pop3_reply(line, show),
            Protocol::Unknown | Protocol::Opaque => show(Side::Server, &line.hidden()),
        }
    }

    fn smtp_reply(&mut self, line: &Line, show: Show<'_>) {
        let Some((code, last)) = line.code() else {
            return show(Side::Server, &line.hidden());
        };
        let awaited = self.outstanding.front().copied();
        let shown = match awaited {
            // A reply to nothing is not understood; to AUTH it may repeat the secret.
            None | Some(Sent::Auth) => line.status(4),
            Some(_) => line.shown(),
        };
        show(Side::Server, &shown);
        let Some(awaited) = awaited.filter(|_| last) else {
            return;
        };
        match awaited {
            // Only these end an exchange (RFC 4954 §4); a reply that was taken for another's
            // command must not uncover what follows.
            Sent::Auth if code == b"235" || matches!(code.first(), Some(b'4' | b'5')) => {
                self.client = Client::Commands;
            }
            Sent::Auth => return,
            Sent::Data if code == b"354" => self.client = Client::Body(0, true),
            Sent::Data => self.client = Client::Commands,
            Sent::Rcpt if code.first() == Some(&b'2') => {
                self.accepted = self.accepted.saturating_add(1);
            }
            _ => {}
        }
        self.outstanding.pop_front();
    }

    fn pop3_reply(&mut self, line: &Line, show: Show<'_>) {
        match self.server {
            Server::Listing => {
                if line.start.as_slice() == b"." {
                    self.server = Server::Replies;
                }
                return show(Side::Server, &line.shown());
            }
            Server::Message(octets, strict) => {
                if line.start.as_slice() == b"." && line.strict && strict {
                    self.server = Server::Replies;
                    show(Side::Server, &format!("[{octets} octets of message]"));
                    show(Side::Server, ".");
                } else {
                    self.server = Server::Message(octets.saturating_add(line.octets), line.strict);
                }
                return;
            }
            Server::Replies => {}
        }
        let awaited = self.outstanding.front().copied();
        let positive = line.start.starts_with(b"+OK");
        if !positive && !line.start.starts_with(b"-ERR") {
            let challenge = line.start.first() == Some(&b'+') && awaited == Some(Sent::Auth);
            let shown = if challenge {
                format!("+ {HIDDEN}")
            } else {
                line.hidden()
            };
            return show(Side::Server, &shown);
        }
        let shown = match awaited {
            None | Some(Sent::Auth | Sent::Password) => line.status(if positive { 3 } else { 4 }),
            Some(_) => line.shown(),
        };
        show(Side::Server, &shown);
        match self.outstanding.pop_front() {
            Some(Sent::Auth) => self.client = Client::Commands,
            Some(Sent::Listing) if positive => self.server = Server::Listing,
            Some(Sent::Message) if positive => self.server = Server::Message(0, true),
            _ => {}
        }
    }

    fn message_ended(&mut self) {
        let replies = if self.lmtp { self.accepted } else { 1 };
        self.accepted = 0;
        (0..replies).for_each(|_| self.sent(Sent::Plain));
    }

    fn sent(&mut self, sent: Sent) {
        if self.outstanding.len() < TRACE_OUTSTANDING {
            self.outstanding.push_back(sent);
        } else {
            self.protocol = Protocol::Opaque;
        }
    }
}

/// `AUTH` and its mechanism, which is public; never what follows.
fn exchange(verb: &str, arguments: &[u8]) -> String {
    let mut words = arguments
        .split(|&o| o == b' ')
        .filter(|word| !word.is_empty());
    let mechanism = words.next().unwrap_or_default();
    let is_name = MECHANISMS
        .iter()
        .any(|name| mechanism.eq_ignore_ascii_case(name.as_bytes()));
    match (is_name, words.next()) {
        (true, None) => format!("{verb} {}", Sanitized(mechanism)),
        (true, Some(_)) => format!("{verb} {} {HIDDEN}", Sanitized(mechanism)),
        (false, _) => format!("{verb} {HIDDEN}"),
    }
}

const MECHANISMS: &[&str] = &[
    "ANONYMOUS",
    "CRAM-MD5",
    "EXTERNAL",
    "LOGIN",
    "OAUTHBEARER",
    "PLAIN",
    "SCRAM-SHA-1",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-256",
    "SCRAM-SHA-256-PLUS",
    "XOAUTH2",
];

fn number(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    text.bytes()
        .all(|o| o.is_ascii_digit())
        .then(|| text.parse().ok())?
}

/// Octets of the longest announcement of a literal, `{18446744073709551615+}`.
const LITERAL: usize = 23;

/// A line that is being put together.
#[derive(Default)]
struct Line {
    /// The start of it, without its end.
    start: Vec<u8>,
    /// The end of it, where a literal is announced.
    end: [u8; LITERAL],
    octets: u64,
    complete: bool,
    /// Whether it ended in CRLF.
    strict: bool,
    /// Whether the octet before was a CR.
    cr: bool,
}

impl Line {
    /// Takes octets up to the end of the line, and gives the rest back.
    fn take<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        if self.start.capacity() == 0 {
            // Never moved, so that no copy of a secret stays behind.
            self.start.reserve_exact(TRACE_LINE);
        }
        for (at, &octet) in octets.iter().enumerate() {
            self.octets = self.octets.saturating_add(1);
            if octet == b'\n' {
                self.strict = self.cr;
                self.complete = true;
                if self.cr && self.start.last() == Some(&b'\r') {
                    self.start.pop();
                }
                return octets.get(at.saturating_add(1)..).unwrap_or_default();
            }
            self.cr = octet == b'\r';
            if octet != b'\r' {
                self.end.rotate_left(1);
                if let Some(last) = self.end.last_mut() {
                    *last = octet;
                }
            }
            if self.start.len() < TRACE_LINE {
                self.start.push(octet);
            }
        }
        &[]
    }

    /// The first word in upper case, and what stands behind it. A verb is at most eight letters.
    fn verb(&self) -> (String, &[u8]) {
        let end = self
            .start
            .iter()
            .position(|&o| o == b' ')
            .unwrap_or(self.start.len());
        let (word, rest) = self.start.split_at_checked(end).unwrap_or_default();
        let verb = if word.len() <= 8 && word.iter().all(u8::is_ascii_alphanumeric) {
            word.iter()
                .map(|o| char::from(o.to_ascii_uppercase()))
                .collect()
        } else {
            String::new()
        };
        (verb, rest.trim_ascii())
    }

    /// The code of a reply, and whether this is its last line (RFC 5321 §4.2.1).
    fn code(&self) -> Option<(&[u8], bool)> {
        let (code, rest) = self.start.split_at_checked(3)?;
        let digits = code.iter().all(u8::is_ascii_digit);
        (digits && !matches!(rest.first(), Some(o) if !b" -".contains(o)))
            .then_some((code, rest.first() != Some(&b'-')))
    }

    /// The length of the literal that the line announces, and whether it waits for the server.
    fn literal(&self) -> Option<(u64, bool)> {
        let inner = self.end.strip_suffix(b"}")?;
        let (inner, waits) = match inner.strip_suffix(b"+") {
            Some(inner) => (inner, false),
            None => (inner, true),
        };
        let digits = inner.rsplit(|&octet| octet == b'{').next()?;
        // There is a brace in front of the digits, and not only digits.
        let len = number(digits).filter(|_| !digits.is_empty() && digits.len() < inner.len())?;
        Some((len, waits))
    }

    fn shown(&self) -> String {
        Sanitized(&self.start).to_string()
    }

    /// The first octets, which are fixed by the protocol, and no more.
    fn status(&self, octets: usize) -> String {
        let status = self.start.get(..octets).unwrap_or(&self.start);
        format!("{} {HIDDEN}", Sanitized(status.trim_ascii_end()))
    }

    fn hidden(&self) -> String {
        format!("[{} octets]", self.octets)
    }
}

#[cfg(test)]
mod tests;
