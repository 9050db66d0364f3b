//! What a peer speaks, told from its first octets.
//!
//! The most frequent mistake in mail set-ups is a client that starts with TLS where the server
//! begins in clear text, or the other way round; what people see then is "wrong version number".
//! These are pure functions over the first octets; the driver and the handshake ask them and put
//! the answer into a typed error, whose text names the remedy.
//!
//! Nothing is ever upgraded, downgraded or answered because of what is found here: it ends the
//! connection with a better explanation.

use std::fmt;

/// What the first octets look like.
///
/// ```
/// use mailtls::sniff::FirstOctets;
/// assert_eq!(FirstOctets::of(b"\x16\x03\x01\x02\x00"), Some(FirstOctets::Tls));
/// assert_eq!(FirstOctets::of(b"220 mx.example ESMTP\r\n"), Some(FirstOctets::SmtpServer));
/// assert_eq!(FirstOctets::of(b""), None);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum FirstOctets {
    /// A TLS record: handshake or alert (RFC 8446 §5.1).
    Tls,
    /// An SSLv2 hello, which nothing that is in use sends.
    Ssl2,
    /// An SMTP or LMTP client: `EHLO`, `HELO`, `LHLO`.
    SmtpClient,
    /// An SMTP greeting: `220`, or a refusal: `421`, `554`.
    SmtpServer,
    /// An IMAP client: a tag and a command.
    ImapClient,
    /// An IMAP greeting: `* OK`, `* BYE`, `* PREAUTH`.
    ImapServer,
    /// A POP3 client: `USER`, `CAPA`, `APOP`, `STLS`.
    Pop3Client,
    /// A POP3 greeting: `+OK` or `-ERR`.
    Pop3Server,
    /// An HTTP request.
    Http,
    /// A PROXY protocol header, version 1 or 2.
    Proxy,
    /// Printable text that is none of these.
    Text,
    /// Something else.
    Other,
}

impl FirstOctets {
    /// Looks at what came first. `None` means that nothing came yet.
    ///
    /// One octet tells TLS from text; more octets tell which text. An answer for a few octets may
    /// become more exact with more of them, but never changes between TLS and text.
    #[must_use]
    pub fn of(octets: &[u8]) -> Option<Self> {
        let first = *octets.first()?;
        Some(match first {
            // Alert 21 and handshake 22; nobody starts with the other record types.
            0x15 | 0x16 => Self::Tls,
            0x80..=0xff if octets.get(2) == Some(&1) => Self::Ssl2,
            b'\r' if octets.starts_with(b"\r\n\r\n\0\r\nQUIT\n") => Self::Proxy,
            b' '..=b'~' | b'\r' | b'\n' | b'\t' => Self::text(octets),
            _ => Self::Other,
        })
    }

    /// Whether it is TLS.
    #[must_use]
    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Tls)
    }

    /// Whether it is text that somebody may read.
    #[must_use]
    pub const fn is_text(self) -> bool {
        !matches!(self, Self::Tls | Self::Ssl2 | Self::Other)
    }

    fn text(octets: &[u8]) -> Self {
        let line = octets
            .split(|&o| matches!(o, b'\r' | b'\n'))
            .next()
            .unwrap_or_default();
        let mut words = line.split(|&o| o == b' ').filter(|word| !word.is_empty());
        let word = words.next().unwrap_or_default();
        let second = words.next().unwrap_or_default();
        let among = |list: &[&str]| list.iter().any(|w| word.eq_ignore_ascii_case(w.as_bytes()));
        let then = |list: &[&str]| {
            list.iter()
                .any(|w| second.eq_ignore_ascii_case(w.as_bytes()))
        };

        if among(&["PROXY"]) {
            Self::Proxy
        } else if among(&["EHLO", "HELO", "LHLO", "MAIL"]) {
            Self::SmtpClient
        } else if among(&["USER", "CAPA", "APOP", "STLS"]) {
            Self::Pop3Client
        } else if among(&["GET", "POST", "HEAD", "PUT", "OPTIONS", "CONNECT", "PRI"]) {
            Self::Http
        } else if word.starts_with(b"+OK") || word.starts_with(b"-ERR") {
            Self::Pop3Server
        } else if word == b"*" && then(&["OK", "BYE", "PREAUTH"]) {
            Self::ImapServer
        } else if [&b"220"[..], b"421", b"554"]
            .iter()
            .any(|code| word.starts_with(code))
        {
            Self::SmtpServer
        } else if then(&[
            "CAPABILITY",
            "LOGIN",
            "STARTTLS",
            "ID",
            "AUTHENTICATE",
            "NOOP",
            "LOGOUT",
        ]) {
            Self::ImapClient
        } else {
            Self::Text
        }
    }
}

impl fmt::Display for FirstOctets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls => "TLS",
            Self::Ssl2 => "SSL 2",
            Self::SmtpClient => "an SMTP client in clear text",
            Self::SmtpServer => "an SMTP server in clear text",
            Self::ImapClient => "an IMAP client in clear text",
            Self::ImapServer => "an IMAP server in clear text",
            Self::Pop3Client => "a POP3 client in clear text",
            Self::Pop3Server => "a POP3 server in clear text",
            Self::Http => "HTTP in clear text",
            Self::Proxy => "a PROXY protocol header",
            Self::Text => "clear text",
            Self::Other => "something that is neither TLS nor text",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s39_s40_s41_s42_first_octets_of_both_directions() {
        let cases: &[(&[u8], FirstOctets)] = &[
            (b"\x16", FirstOctets::Tls),
            (b"\x16\x03\x01\x00\xf1\x01", FirstOctets::Tls),
            (b"\x15\x03\x03\x00\x02\x02\x46", FirstOctets::Tls),
            (b"\x80\x2e\x01\x03\x01", FirstOctets::Ssl2),
            (b"EHLO client.example\r\n", FirstOctets::SmtpClient),
            (b"ehlo client.example\r\n", FirstOctets::SmtpClient),
            (b"LHLO client.example\r\n", FirstOctets::SmtpClient),
            (b"220 mx.example ESMTP\r\n", FirstOctets::SmtpServer),
            (b"220-mx.example\r\n", FirstOctets::SmtpServer),
            (b"421 4.3.2 too many\r\n", FirstOctets::SmtpServer),
            (b"a1 LOGIN joe secret\r\n", FirstOctets::ImapClient),
            (b"A001 capability\r\n", FirstOctets::ImapClient),
            (
                b"* OK [CAPABILITY IMAP4rev1] hi\r\n",
                FirstOctets::ImapServer,
            ),
            (b"* PREAUTH hi\r\n", FirstOctets::ImapServer),
            (b"USER joe\r\n", FirstOctets::Pop3Client),
            (b"CAPA\r\n", FirstOctets::Pop3Client),
            (b"+OK ready\r\n", FirstOctets::Pop3Server),
            (b"-ERR busy\r\n", FirstOctets::Pop3Server),
            (b"GET / HTTP/1.1\r\n", FirstOctets::Http),
            (
                b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
                FirstOctets::Proxy,
            ),
            (b"\r\n\r\n\0\r\nQUIT\n\x21\x11", FirstOctets::Proxy),
            (b"SSH-2.0-OpenSSH_9.9\r\n", FirstOctets::Text),
            (b"\r\n", FirstOctets::Text),
            (b"\0\0\0\x2f", FirstOctets::Other),
            (b"\xff\xfb", FirstOctets::Other),
        ];
        for (octets, expected) in cases {
            assert_eq!(
                FirstOctets::of(octets),
                Some(*expected),
                "{}",
                octets.escape_ascii()
            );
            for end in 1..octets.len() {
                let early = FirstOctets::of(&octets[..end]).unwrap();
                assert_eq!(
                    early.is_tls(),
                    expected.is_tls(),
                    "{}",
                    octets.escape_ascii()
                );
            }
        }
        assert_eq!(FirstOctets::of(b""), None);
    }

    #[test]
    fn every_first_octet_has_an_answer() {
        for octet in 0..=255u8 {
            let found = FirstOctets::of(&[octet]).unwrap();
            assert_eq!(found.is_tls(), matches!(octet, 0x15 | 0x16));
            if octet.is_ascii_graphic() {
                assert!(found.is_text());
            }
        }
    }
}
