//! What the toolkit makes of the content of messages.

use core::ops::Range;

use bytes::Bytes;
use mailwire_imap::{
    bodystructure::{BodyForm, BodyStructure, PartKind},
    command::{FetchItem, FetchItems, Part},
    envelope::Envelope,
    response::Tolerances,
    toolkit::message::{Content, Scanner, Structure, transfer},
};

/// A test message: lines end with LF here and with CRLF there.
pub(crate) fn crlf(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

/// These octets of a message.
pub(crate) fn octets(message: &[u8], range: Range<u64>) -> &[u8] {
    &message[usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap()]
}

fn body(message: &str) -> String {
    let structure = Structure::of(&crlf(message));
    String::from_utf8(structure.body(BodyForm::BodyStructure).wire().to_vec()).unwrap()
}

fn envelope(message: &str) -> String {
    let structure = Structure::of(&crlf(message));
    String::from_utf8(structure.envelope().wire().to_vec()).unwrap()
}

/// The octets of a section, as `BODY.PEEK[...]` names it; `None` for NIL.
fn section(message: &str, name: &str) -> Option<String> {
    let message = crlf(message);
    let items: FetchItems = format!("BODY.PEEK[{name}]").parse().unwrap();
    let Some(FetchItem::Body { section, .. }) = items.iter().next() else {
        unreachable!()
    };
    let octets = match Structure::of(&message).section(section)? {
        Content::Range(range) => octets(&message, range).to_vec(),
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

/// What a text part without a Content-Type is told as, with so many octets and lines.
fn plain(octets: u64, lines: u64) -> String {
    format!(
        r#"("text" "plain" ("charset" "us-ascii") NIL NIL "7BIT" {octets} {lines} NIL NIL NIL NIL)"#
    )
}

/// A multipart of these parts.
fn multipart(parts: &[String], subtype: &str, boundary: &str) -> String {
    let parts = parts.concat();
    format!(r#"({parts} "{subtype}" ("boundary" "{boundary}") NIL NIL NIL)"#)
}

#[test]
fn body_structure_tells_what_the_headers_say() {
    let cases = [
        ("Subject: x\n\nhello\n", plain(7, 1)),
        (
            "Content-Type: application/pdf; name*0=\"long\"; name*1=\" file.pdf\"; x*=utf-8''%41\n\
             Content-Disposition: attachment; filename*0*=utf-8''%e2%82%ac; filename*1=\" rest\"\n\
             Content-Transfer-Encoding: (why?) BASE64\nContent-ID: <id@x>\n\
             Content-Description: some\n thing\nContent-MD5: Q2hlY2s=\n\
             Content-Language: en, de\nContent-Location: http://x/y\n\nAAAA\n",
            r#"("application" "pdf" ("name" "long file.pdf" "x*" "utf-8''%41") "<id@x>" "some thing" "BASE64" 6 "Q2hlY2s=" ("attachment" ("filename*" "utf-8''%e2%82%ac%20rest")) ("en" "de") "http://x/y")"#.into(),
        ),
        // RFC 2045 §5.2: what is no Content-Type is text.
        ("Content-Type: text\nContent-Transfer-Encoding: \n\nbroken\n", plain(8, 1)),
        ("Content-Type: multipart/mixed\n\nno boundary\n", plain(13, 1)),
        ("Content-Type: multipart/mixed; boundary=\"\"\n\n--\n", plain(4, 1)),
        ("Content-Type: multipart/mixed; boundary=b\n\nno part\n", plain(9, 1)),
        ("Content-Type: multipart/mixed; boundary=a\n\n--a--\n", plain(7, 1)),
        ("Content-Type: multipart/mixed; boundary=a\n", plain(0, 0)),
        (
            "Content-Type: text/plain charset=utf-8; format=\"flowed\"\n\nx\n",
            r#"("text" "plain" ("charset" "utf-8" "format" "flowed") NIL NIL "7BIT" 3 1 NIL NIL NIL NIL)"#.into(),
        ),
        // Of a field that is there twice the first counts.
        (
            "Content-Type: IMAGE/png\nContent-Type: text/html\nContent-Disposition: inline\n\n",
            r#"("IMAGE" "png" NIL NIL NIL "7BIT" 0 NIL ("inline" NIL) NIL NIL)"#.into(),
        ),
        // A message that would have to be decoded first is not looked into.
        (
            "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogeA==\n",
            r#"("application" "octet-stream" NIL NIL NIL "base64" 18 NIL NIL NIL NIL)"#.into(),
        ),
        (
            "Content-Type: message/global\n\nSubject: g\n\nx\n",
            format!(
                r#"("message" "global" NIL NIL NIL "7BIT" 17 (NIL "g" NIL NIL NIL NIL NIL NIL NIL NIL) {} 3 NIL NIL NIL NIL)"#,
                plain(3, 1)
            ),
        ),
        ("", plain(0, 0)),
        ("\nno header\n", plain(11, 1)),
        ("Subject: no body", plain(0, 0)),
    ];
    for (message, expected) in cases {
        assert_eq!(body(message), expected, "{message}");
    }
}

#[test]
fn multiparts_are_taken_apart_whatever_their_delimiters() {
    let cases = [
        // The line end in front of a delimiter belongs to it, and so do spaces behind it.
        (
            "Content-Type: multipart/mixed; boundary=\"sp ace\"\n\npreamble\n--sp ace  \n\nx\n\n\
             --sp ace\n\ny--sp ace\n--sp ace--  \nepilogue\n--sp ace\n",
            multipart(&[plain(3, 1), plain(9, 0)], "mixed", "sp ace"),
        ),
        // Without a close delimiter the parts end with the message.
        (
            "Content-Type: multipart/mixed; boundary=o\n\n--o\n\nunterminated",
            multipart(&[plain(12, 0)], "mixed", "o"),
        ),
        (
            "Content-Type: multipart/mixed; boundary=o\n\n--o\n\nlast line end missing\n--o--",
            multipart(&[plain(21, 0)], "mixed", "o"),
        ),
        // Parts without a body, and without a header.
        (
            "Content-Type: multipart/mixed; boundary=x\n\n--x\n--x\n\n--x\n\n\n--x\nX: y\n--x--\n",
            multipart(
                &[plain(0, 0), plain(0, 0), plain(0, 0), plain(0, 0)],
                "mixed",
                "x",
            ),
        ),
        // One boundary begins with another.
        (
            "Content-Type: multipart/mixed; boundary=aa\n\n--aa\n\
             Content-Type: multipart/mixed; boundary=aab\n\n--aab\n\nx\n--aab--\n--aa\n\ny\n--aa--\n",
            multipart(
                &[multipart(&[plain(1, 0)], "mixed", "aab"), plain(1, 0)],
                "mixed",
                "aa",
            ),
        ),
        (
            "Content-Type: multipart/mixed; boundary=aab\n\n--aab\n\
             Content-Type: multipart/mixed; boundary=aa\n\n--aa\n\nx\n--aa--\n--aab\n\ny\n--aab--\n",
            multipart(
                &[multipart(&[plain(1, 0)], "mixed", "aa"), plain(1, 0)],
                "mixed",
                "aab",
            ),
        ),
        // The same boundary within itself: the inner one is meant until it is closed.
        (
            "Content-Type: multipart/mixed; boundary=s\n\n--s\n\
             Content-Type: multipart/mixed; boundary=s\n\n--s\n\nx\n--s--\n--s\n\ny\n--s--\n",
            multipart(
                &[multipart(&[plain(1, 0)], "mixed", "s"), plain(1, 0)],
                "mixed",
                "s",
            ),
        ),
        // An inner multipart that is not closed ends where the outer one goes on.
        (
            "Content-Type: multipart/mixed; boundary=o\n\n--o\n\
             Content-Type: multipart/mixed; boundary=i\n\n--i\n\na\n--o\n\nb\n--o--\n--i\n",
            multipart(
                &[multipart(&[plain(1, 0)], "mixed", "i"), plain(1, 0)],
                "mixed",
                "o",
            ),
        ),
        // A boundary that RFC 2231 cut in pieces.
        (
            "Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\n\n--ab\n\nx\n--ab--\n",
            multipart(&[plain(1, 0)], "mixed", "ab"),
        ),
        // The parts of a digest are messages.
        (
            "Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: one\n\nfirst\n--d\n\
             Content-Type: text/html\n\n<p>\n--d\n\nSubject: three\n\n--d--\n",
            multipart(
                &[
                    format!(
                        r#"("message" "rfc822" NIL NIL NIL "7BIT" 21 (NIL "one" NIL NIL NIL NIL NIL NIL NIL NIL) {} 2 NIL NIL NIL NIL)"#,
                        plain(5, 0)
                    ),
                    r#"("text" "html" NIL NIL NIL "7BIT" 3 0 NIL NIL NIL NIL)"#.into(),
                    format!(
                        r#"("message" "rfc822" NIL NIL NIL "7BIT" 18 (NIL "three" NIL NIL NIL NIL NIL NIL NIL NIL) {} 2 NIL NIL NIL NIL)"#,
                        plain(0, 0)
                    ),
                ],
                "digest",
                "d",
            ),
        ),
    ];
    for (message, expected) in cases {
        assert_eq!(body(message), expected, "{message}");
    }
}

#[test]
fn boundaries_of_more_than_70_octets_work_and_absurd_ones_are_text() {
    for (len, is_multipart) in [(70, true), (71, true), (256, true), (257, false)] {
        let boundary = "b".repeat(len);
        let message = format!(
            "Content-Type: multipart/mixed; boundary={boundary}\n\n--{boundary}\n\nx\n--{boundary}--\n"
        );
        let structure = Structure::of(&crlf(&message));
        let is_found = structure.root().unwrap().kind() == PartKind::Multipart;
        assert_eq!(is_found, is_multipart, "{len}");
    }
}

#[test]
fn envelope_tells_every_field() {
    let cases = [
        (
            // The example of RFC 9051 §8.
            "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\n\
             From: Terry Gray <gray@cac.washington.edu>\n\
             Subject: IMAP4rev2 WG mtg summary and minutes\n\
             To: imap@cac.washington.edu\n\
             cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\n\
             Message-Id: <B27397-0100000@cac.washington.ed>\n\n",
            r#"("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev2 WG mtg summary and minutes" (("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) (("Terry Gray" NIL "gray" "cac.washington.edu")) ((NIL NIL "imap" "cac.washington.edu")) ((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL "<B27397-0100000@cac.washington.ed>")"#,
        ),
        // Sender stands for itself, an empty Reply-To for From, and empty texts for themselves.
        (
            "From: f@x\nSender: s@x\nReply-To: (nobody)\nSubject:\nMessage-ID: \n\n",
            r#"(NIL "" ((NIL NIL "f" "x")) ((NIL NIL "s" "x")) ((NIL NIL "f" "x")) NIL NIL NIL NIL "")"#,
        ),
        // An empty From leaves nothing to stand for.
        (
            "From:\nTo: undisclosed-recipients:;\n\n",
            r#"(NIL NIL NIL NIL NIL ((NIL NIL "undisclosed-recipients" NIL)(NIL NIL NIL NIL)) NIL NIL NIL NIL)"#,
        ),
        // Groups in From, routes, comments as names, quotes, literals.
        (
            "From: A Group:Ed Jones <joe@where.test>,joe@example.org\n\
             To: bare, \"quoted, local\"@x.y, (comment) c@d (Real Name), <@route,@two:u@v>,\n \
             \"A\\\"B\" <q@r>\nCc: broken <a@b, next@x\n\
             Bcc: =?utf-8?q?J=C3=BC?= <j@x>, a.b . c @ [127.0.0.1]\n\
             In-Reply-To: <1@x>\n <2@y>\n\nx",
            r#"(NIL NIL ((NIL NIL "A Group" NIL)("Ed Jones" NIL "joe" "where.test")(NIL NIL "joe" "example.org")(NIL NIL NIL NIL)) ((NIL NIL "A Group" NIL)("Ed Jones" NIL "joe" "where.test")(NIL NIL "joe" "example.org")(NIL NIL NIL NIL)) ((NIL NIL "A Group" NIL)("Ed Jones" NIL "joe" "where.test")(NIL NIL "joe" "example.org")(NIL NIL NIL NIL)) ((NIL NIL "bare" "")(NIL NIL "quoted, local" "x.y")("Real Name" NIL "c" "d")(NIL "@route,@two" "u" "v")("A\"B" NIL "q" "r")) (("broken" NIL "a" "b")(NIL NIL "next" "x")) (("=?utf-8?q?J=C3=BC?=" NIL "j" "x")(NIL NIL "a.b . c" "[127.0.0.1]")) "<1@x> <2@y>" NIL)"#,
        ),
        // Recipients that are told in several fields are put together (RFC 5322 §4.5.3).
        (
            "Subject: folded\n  twice\n\tover\nTo: one@x\nTO : two@x\nSubject: second\n\n",
            "(NIL \"folded  twice\tover\" NIL NIL NIL ((NIL NIL \"one\" \"x\")(NIL NIL \"two\" \"x\")) NIL NIL NIL NIL)",
        ),
        // An mbox line, a line that is no field, and the end of the header.
        (
            "From someone Mon Jan  1 00:00:00 2024\nno colon\nSubject: x\n\nSubject: y\n",
            r#"(NIL "x" NIL NIL NIL NIL NIL NIL NIL NIL)"#,
        ),
        ("", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"),
    ];
    for (message, expected) in cases {
        assert_eq!(envelope(message), expected, "{message}");
    }
}

#[test]
fn octets_that_are_not_ascii_become_literals() {
    let structure = Structure::of(b"Subject: gr\xFC\xDFe\r\n\r\n");
    let envelope = structure.envelope();
    assert_eq!(envelope.subject().unwrap(), &b"gr\xFC\xDFe"[..]);
    let wire = Bytes::copy_from_slice(envelope.wire());
    assert_eq!(Envelope::parse(wire, Tolerances::NONE).unwrap(), envelope);
}

#[test]
fn sections_of_a_message_without_parts() {
    let message = "From: a\nX-Long: b\n c\njunk\n\nbody\n";
    let cases = [
        ("1", Some("body\n")),
        ("1.MIME", Some("From: a\nX-Long: b\n c\njunk\n\n")),
        ("1.TEXT", None),
        ("1.1", None),
        ("2", None),
        ("TEXT", Some("body\n")),
        ("HEADER.FIELDS (x-long)", Some("X-Long: b\n c\n\n")),
        ("HEADER.FIELDS.NOT (x-long)", Some("From: a\njunk\n\n")),
        ("HEADER.FIELDS (\"\")", Some("junk\n\n")),
    ];
    for (name, expected) in cases {
        assert_eq!(section(message, name).as_deref(), expected, "BODY[{name}]");
    }
    // RFC 9051 §6.4.5.1: the empty line is there, except where the message has none.
    assert_eq!(
        section("From: a\n", "HEADER.FIELDS (FROM)").unwrap(),
        "From: a\n"
    );
    assert_eq!(section("", "").unwrap(), "");
}

#[test]
fn sections_of_a_message_that_is_a_message() {
    let message =
        "Content-Type: message/rfc822\n\nContent-Type: message/rfc822\nX: 1\n\nX: 2\n\nx\n";
    let cases = [
        ("1.HEADER", Some("Content-Type: message/rfc822\nX: 1\n\n")),
        ("1.TEXT", Some("X: 2\n\nx\n")),
        ("1.1", Some("X: 2\n\nx\n")),
        ("1.1.HEADER", Some("X: 2\n\n")),
        ("1.1.1", Some("x\n")),
        ("1.1.1.MIME", Some("X: 2\n\n")),
        ("1.1.1.1", None),
        ("1.2", None),
    ];
    for (name, expected) in cases {
        assert_eq!(section(message, name).as_deref(), expected, "BODY[{name}]");
    }
}

/// The paths that our client gives the parts are those by which the server finds them.
#[test]
fn parts_are_found_by_the_paths_of_the_body_structure() {
    let structure = Structure::of(&crlf(NESTED));
    let body = structure.body(BodyForm::BodyStructure);
    let mut parts = body.parts();
    let mut entities = structure.entities();
    let mut before = Vec::new();
    while let Some(part) = parts.next() {
        let entity = entities.next().unwrap();
        let path: Vec<_> = parts.path().iter().map(u32::to_string).collect();
        // The multipart that is the text of a message has no number of its own.
        if path != before {
            let found = structure.find(Part::new(&path.join(".")).unwrap()).unwrap();
            assert_eq!(found.body(), entity.body(), "{path:?}");
            let octets = match part.kind() {
                PartKind::Multipart => 0,
                _ => found.octets(),
            };
            assert_eq!(part.octets(), octets, "{path:?}");
            before = path;
        }
    }
    assert!(entities.next().is_none());
}

/// A generator without a dependency (xorshift).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % below
    }
}

/// Messages out of pieces that mean something to a scanner.
pub(crate) fn any_message(random: &mut Random) -> Vec<u8> {
    const PIECES: [&str; 34] = [
        "\r\n",
        "\r\n",
        "\r\n",
        "\r\n\r\n",
        "--a\r\n",
        "--a--\r\n",
        "--b\r\n",
        "--b--",
        "--ab\r\n",
        "-",
        "--",
        "a",
        "text ",
        "\n",
        "\r",
        " ",
        "Content-Type: multipart/mixed; boundary=a\r\n",
        "Content-Type: multipart/digest; boundary=\"ab\"\r\n",
        "Content-Type: multipart/alternative;\r\n boundary*0=b\r\n",
        "Content-Type: message/rfc822\r\n",
        "Content-Type: text/plain; charset=\"\u{fc}\"; x*1=\"a\\\"\r\n",
        "Content-Type: ",
        "Content-Disposition: attachment; filename=\"a\"\"b\r\n",
        "Content-Language: a,,b (c\r\n",
        "Content-ID: \r\n",
        "Content-Transfer-Encoding: base64\r\n",
        "Subject: \0=?x\r\n",
        "From: ",
        "a@b",
        "<c@d>, g:",
        "(((",
        "\"",
        ";\r\n",
        "To: \u{201c}x\u{201d} <y",
    ];
    let count = 1 + random.below(40);
    let pieces = (0..count).map(|_| PIECES[random.below(PIECES.len())]);
    pieces.collect::<String>().into_bytes()
}

#[test]
fn imap_12_whatever_the_message_our_client_understands_what_is_told_of_it() {
    let mut random = Random(0x5eed_0012);
    for _ in 0..4_000 {
        let message = any_message(&mut random);
        let shown = message.escape_ascii();
        let structure = Structure::of(&message);
        assert_eq!(structure.octets(), message.len() as u64);

        let wire = Bytes::copy_from_slice(structure.envelope().wire());
        Envelope::parse(wire, Tolerances::NONE).unwrap_or_else(|e| panic!("{e}: {shown}"));
        for form in [BodyForm::Body, BodyForm::BodyStructure] {
            let wire = Bytes::copy_from_slice(structure.body(form).wire());
            BodyStructure::parse(wire, Tolerances::NONE).unwrap_or_else(|e| panic!("{e}: {shown}"));
        }

        // Parts lie within what holds them, one behind the other.
        for entity in structure.entities() {
            assert!(entity.header().end == entity.body().start, "{shown}");
            assert!(entity.body().end <= structure.octets(), "{shown}");
            let mut last = entity.body().start;
            for child in entity.children() {
                assert!(last <= child.header().start, "{entity:?} {child:?} {shown}");
                assert!(child.body().start <= child.body().end, "{shown}");
                last = child.body().end;
            }
            assert!(last <= entity.body().end, "{entity:?} {shown}");
        }

        // Any cut gives the same.
        let mut scanner = Scanner::new();
        let mut rest = &*message;
        while !rest.is_empty() {
            let (piece, behind) = rest.split_at(1 + random.below(rest.len()));
            scanner.feed(piece);
            rest = behind;
        }
        assert_eq!(scanner.finish(), structure, "{shown}");
    }
}

#[test]
fn a_scanner_that_stops_behind_the_header_knows_it() {
    let message = crlf(NESTED);
    let mut scanner = Scanner::new();
    let mut fed = 0;
    while !scanner.has_header() {
        scanner.feed(&message[fed..=fed]);
        fed += 1;
    }
    let structure = scanner.finish();
    let whole = Structure::of(&message);
    assert_eq!(
        structure.root().unwrap().header(),
        whole.root().unwrap().header()
    );
    assert_eq!(structure.envelope(), whole.envelope());
    assert!((fed as u64) <= whole.root().unwrap().body().start);
}

#[test]
fn transfer_encodings_are_undone_piece_by_piece() {
    use transfer::{Decoder, Encoding};
    let cases: [(Encoding, &[u8], &[u8]); 16] = [
        (Encoding::Identity, b"a=3D\r\n", b"a=3D\r\n"),
        (Encoding::Base64, b"aGVs\r\nbG8=\r\n", b"hello"),
        (Encoding::Base64, b"aG VsbG8", b"hello"),
        (Encoding::Base64, b"aGVsbG8=aGVsbG8=", b"hellohello"),
        (Encoding::Base64, b"!!!!", b""),
        (Encoding::Base64, b"a", b""),
        (Encoding::Base64, b"", b""),
        (Encoding::QuotedPrintable, b"a=3Db=3dc", b"a=b=c"),
        (
            Encoding::QuotedPrintable,
            b"soft=\r\n break= \t\r\n.",
            b"soft break.",
        ),
        (
            Encoding::QuotedPrintable,
            b"spaces \t \r\nend \r\n",
            b"spaces\r\nend\r\n",
        ),
        (
            Encoding::QuotedPrintable,
            b"kept=20\r\nlast  ",
            b"kept \r\nlast",
        ),
        (Encoding::QuotedPrintable, b"=ZZ=4=\r\n=", b"=ZZ=4"),
        (
            Encoding::QuotedPrintable,
            b"bare\nlf =\nx\ry",
            b"bare\nlf x\ry",
        ),
        (Encoding::QuotedPrintable, b" \r x= y", b" \r x= y"),
        (Encoding::QuotedPrintable, b"=", b""),
        (Encoding::QuotedPrintable, b"=\r=\r\n==41", b"=\r=A"),
    ];
    for (encoding, encoded, expected) in cases {
        for size in 1..=encoded.len().max(1) {
            let mut decoder = Decoder::new(encoding);
            let mut decoded = Vec::new();
            encoded
                .chunks(size)
                .for_each(|piece| decoder.feed(piece, &mut decoded));
            decoder.finish(&mut decoded);
            assert_eq!(
                decoded.escape_ascii().to_string(),
                expected.escape_ascii().to_string(),
                "{} in pieces of {size}",
                encoded.escape_ascii()
            );
        }
    }
}
