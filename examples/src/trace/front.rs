//! What has to stand in front of a message, decided while the message streams by.

/// Octets of a header block that are held back to see whether Date and Message-ID are there. Beyond, nothing is
/// added: a message with so long a header has been through other hands.
pub const MAX_HELD: usize = 1024 * 1024;
/// Octets of the name of a header field: what fits on a line (RFC 5322 §2.1.1). Of any message, this much is held back
/// to see whether it begins with a field at all.
pub(super) const MAX_FIELD: usize = 998;

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
