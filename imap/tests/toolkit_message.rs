//! What the toolkit makes of the content of messages.

use mailwire_imap::{
    command::{FetchItem, FetchItems},
    toolkit::message::{Content, Scanner, Structure},
};

/// A test message: lines end with LF here and with CRLF there.
pub(crate) fn crlf(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

/// The octets of a section, as `BODY.PEEK[...]` names it; `None` for NIL.
fn section(message: &str, name: &str) -> Option<String> {
    let message = crlf(message);
    let items: FetchItems = format!("BODY.PEEK[{name}]").parse().unwrap();
    let Some(FetchItem::Body { section, .. }) = items.iter().next() else {
        unreachable!()
    };
    let octets = match Structure::of(&message).section(section)? {
        Content::Range(range) => {
            let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            message[range].to_vec()
        }
        Content::Fields(fields) => fields,
    };
    Some(String::from_utf8(octets).unwrap().replace("\r\n", "\n"))
}

/// The example of RFC 9051 §6.4.5.1: parts 1, 2, 3 and 4, of which 3 is a message and 4 a
/// multipart.
pub(crate) const NESTED: &str = "\
From: a@x.example
Content-Type: multipart/mixed; boundary=outer

preamble
--outer
Content-Type: text/plain

one
--outer
Content-Type: application/octet-stream
Content-Transfer-Encoding: base64

dHdv
--outer
Content-Type: message/rfc822

Subject: three
Content-Type: multipart/mixed; boundary=\"inner\"

--inner

three one
--inner
Content-Type: application/x-three-two

three two
--inner--
--outer
Content-Type: multipart/mixed; boundary=fourth

--fourth
Content-Type: image/gif
Content-ID: <gif@x>

four one
--fourth
Content-Type: message/rfc822

Subject: four two
Content-Type: multipart/alternative; boundary=deep

--deep
Content-Type: text/plain

four two one
--deep
Content-Type: text/richtext

four two two
--deep--

--fourth--
--outer--
epilogue
";

#[test]
fn sections_are_those_of_the_example_of_the_rfc() {
    let cases = [
        ("1", Some("one")),
        ("1.MIME", Some("Content-Type: text/plain\n\n")),
        ("1.1", None),
        ("1.HEADER", None),
        ("1.TEXT", None),
        ("2", Some("dHdv")),
        (
            "3.HEADER",
            Some("Subject: three\nContent-Type: multipart/mixed; boundary=\"inner\"\n\n"),
        ),
        ("3.HEADER.FIELDS (SUBJECT X)", Some("Subject: three\n\n")),
        (
            "3.HEADER.FIELDS.NOT (Content-Type)",
            Some("Subject: three\n\n"),
        ),
        ("3.1", Some("three one")),
        ("3.1.MIME", Some("\n")),
        ("3.2", Some("three two")),
        ("3.3", None),
        ("3.MIME", Some("Content-Type: message/rfc822\n\n")),
        (
            "4",
            Some(&NESTED[NESTED.find("--fourth\n").unwrap()..NESTED.find("\n--outer--").unwrap()]),
        ),
        ("4.HEADER", None),
        ("4.1", Some("four one")),
        (
            "4.1.MIME",
            Some("Content-Type: image/gif\nContent-ID: <gif@x>\n\n"),
        ),
        (
            "4.2.HEADER",
            Some("Subject: four two\nContent-Type: multipart/alternative; boundary=deep\n\n"),
        ),
        ("4.2.1", Some("four two one")),
        ("4.2.2", Some("four two two")),
        ("4.2.2.1", None),
        ("5", None),
        (
            "HEADER",
            Some("From: a@x.example\nContent-Type: multipart/mixed; boundary=outer\n\n"),
        ),
        ("HEADER.FIELDS (TO)", Some("\n")),
        ("TEXT", Some(&NESTED[NESTED.find("preamble").unwrap()..])),
        ("", Some(NESTED)),
        ("4294967295", None),
    ];
    for (name, expected) in cases {
        assert_eq!(section(NESTED, name).as_deref(), expected, "BODY[{name}]");
    }
}

#[test]
fn every_cut_of_a_message_gives_the_same_structure() {
    let message = crlf(NESTED);
    let whole = Structure::of(&message);
    for cut in 0..=message.len() {
        let mut scanner = Scanner::new();
        scanner.feed(&message[..cut]);
        scanner.feed(&message[cut..]);
        assert_eq!(scanner.finish(), whole, "cut at {cut}");
    }
    for size in 1..8 {
        let mut scanner = Scanner::new();
        message.chunks(size).for_each(|piece| scanner.feed(piece));
        assert_eq!(scanner.finish(), whole, "pieces of {size}");
    }
}
