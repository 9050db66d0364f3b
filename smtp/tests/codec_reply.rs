//! Replies: RFC 5321 §4.2, RFC 2034.

use bytes::BytesMut;
use mailwire_core::text::Sanitized;
use mailwire_smtp::{
    error::ReplyError,
    limits::{REPLY, REPLY_LINE, REPLY_LINES},
    reply::{Code, EnhancedCode, Reply, ReplyParser, Severity},
};

/// Reads replies from octets that come in pieces of `size`.
fn read(octets: &[u8], size: usize) -> (Vec<Reply>, Option<ReplyError>) {
    let mut parser = ReplyParser::new();
    let mut input = BytesMut::new();
    let mut replies = Vec::new();
    for piece in octets.chunks(size) {
        input.extend_from_slice(piece);
        loop {
            match parser.parse(&mut input) {
                Ok(None) => break,
                Ok(Some(reply)) => replies.push(reply),
                Err(error) => return (replies, Some(error)),
            }
        }
    }
    (replies, None)
}

fn one(octets: &[u8]) -> Reply {
    let (mut replies, error) = read(octets, octets.len());
    assert_eq!(
        (replies.len(), error),
        (1, None),
        "{}",
        octets.escape_ascii()
    );
    replies.remove(0)
}

fn status(class: u8, subject: u16, detail: u16) -> Option<EnhancedCode> {
    Some(EnhancedCode::new(class, subject, detail).unwrap())
}

/// What is on the wire, and what each line says.
#[test]
fn replies_are_read_and_written() {
    for (wire, code, enhanced, lines) in [
        ("250 ok\r\n", 250, None, vec!["ok"]),
        ("250 2.1.5 ok\r\n", 250, status(2, 1, 5), vec!["ok"]),
        ("250-a\r\n250-\r\n250 b\r\n", 250, None, vec!["a", "", "b"]),
        (
            "550-5.1.1 no\r\n550 5.1.1 user\r\n",
            550,
            status(5, 1, 1),
            vec!["no", "user"],
        ),
        ("354 go on\r\n", 354, None, vec!["go on"]),
        (
            "421 4.3.2 closing\r\n",
            421,
            status(4, 3, 2),
            vec!["closing"],
        ),
        ("250\r\n", 250, None, vec![""]),
        ("559 \tx\r\n", 559, None, vec!["\tx"]),
    ] {
        let reply = one(wire.as_bytes());
        assert_eq!(reply.code().value(), code);
        assert_eq!(reply.enhanced(), enhanced, "{wire}");
        let texts: Vec<_> = reply.lines().map(|line| line.text().to_vec()).collect();
        assert_eq!(
            texts,
            lines.iter().map(|line| line.as_bytes()).collect::<Vec<_>>()
        );
        let built = Reply::new(Code::new(code).unwrap(), enhanced, &lines.join("\n"));
        assert_eq!(built, reply, "{wire}");
        assert_eq!(built.wire(), wire.as_bytes());
        let mut out = BytesMut::new();
        reply.encode(&mut out);
        assert_eq!(out, wire);
        assert_eq!(reply.clone().detach(), reply);
    }
    assert_eq!(
        one(b"250 \r\n"),
        one(b"250\r\n"),
        "a space with nothing behind it says nothing"
    );
    assert_ne!(one(b"250 a\r\n"), one(b"250 b\r\n"));
    assert_ne!(one(b"250 a\r\n"), one(b"251 a\r\n"));
    assert_ne!(one(b"250-a\r\n250 a\r\n"), one(b"250 a\r\n"));
}

#[test]
fn codes_are_those_of_the_grammar() {
    for value in 0..=u16::MAX {
        let (a, b) = (value / 100, value / 10 % 10);
        let valid = (2..=5).contains(&a) && b <= 5;
        assert_eq!(Code::new(value).is_some(), valid, "{value}");
        let line = format!("{value:03} x\r\n");
        assert_eq!(read(line.as_bytes(), 1).1.is_none(), valid, "{line}");
    }
    for (code, severity) in [
        (250, Severity::Completion),
        (354, Severity::Intermediate),
        (451, Severity::Transient),
        (550, Severity::Permanent),
    ] {
        assert_eq!(Code::new(code).unwrap().severity(), severity);
    }
}

#[test]
fn smtp_58_no_text_of_an_application_becomes_a_second_reply() {
    for (text, wire) in [
        ("done\r\n250 OK", "550-5.7.1 done\r\n550 5.7.1 250 OK\r\n"),
        ("a\nb", "550-5.7.1 a\r\n550 5.7.1 b\r\n"),
        ("a\n", "550-5.7.1 a\r\n550 5.7.1\r\n"),
        ("a\rb", "550 5.7.1 a?b\r\n"),
        ("a\r\r\nb\r", "550-5.7.1 a?\r\n550 5.7.1 b?\r\n"),
        ("a\0b\x1b[31m\x7f", "550 5.7.1 a?b?[31m?\r\n"),
        ("grüße", "550 5.7.1 gr??e\r\n"),
        ("\u{2028}x", "550 5.7.1 ?x\r\n"),
        ("tab\there", "550 5.7.1 tab\there\r\n"),
        ("", "550 5.7.1\r\n"),
    ] {
        let reply = Reply::new(
            Code::MAILBOX_UNAVAILABLE,
            EnhancedCode::of::<5, 7, 1>(),
            text,
        );
        assert_eq!(String::from_utf8(reply.wire().to_vec()).unwrap(), wire);
        assert_eq!(one(reply.wire()), reply);
        let args = format_args!("{text}");
        let formatted = Reply::format(reply.code(), EnhancedCode::of::<5, 7, 1>(), args);
        assert_eq!(formatted, reply);
    }
    for c in '\0'..='\u{3000}' {
        let reply = Reply::new(Code::OK, None, &format!("a{c}250 b"));
        let (replies, error) = read(reply.wire(), 1);
        assert_eq!((replies.len(), error), (1, None), "{c:?}");
        assert!(
            reply
                .wire()
                .iter()
                .all(|o| matches!(o, b'\t' | b'\r' | b'\n' | b' '..=b'~'))
        );
    }
    assert_eq!(Code::new(99), None);
    assert_eq!(Code::new(1000), None);
}

#[test]
fn smtp_58_long_text_is_broken_into_lines_of_512_octets() {
    for text in [
        "x".repeat(5_000),
        "word ".repeat(1_000),
        format!("{} {}", "a".repeat(400), "b".repeat(400)),
        format!("{} {}", "a".repeat(502), "b".repeat(502)),
        " ".repeat(2_000),
    ] {
        for enhanced in [None, status(2, 0, 0)] {
            let reply = Reply::new(Code::OK, enhanced, &text);
            assert_eq!(one(reply.wire()), reply);
            for line in reply.wire().split_inclusive(|octet| *octet == b'\n') {
                assert!(line.len() <= 512, "{}", line.len());
            }
            let said: usize = reply.lines().map(|line| line.text().len()).sum();
            let blank = text.bytes().filter(|octet| *octet == b' ').count();
            assert!(said <= text.len() && said >= text.len() - blank);
        }
    }
    let exact = Reply::new(Code::OK, None, &"x".repeat(506));
    assert_eq!((exact.lines().count(), exact.wire().len()), (1, 512));
    assert_eq!(
        Reply::new(Code::OK, None, &"x".repeat(507)).lines().count(),
        2
    );
    let endless = Reply::new(Code::OK, None, &"x\n".repeat(100_000));
    assert_eq!(endless.lines().count(), REPLY_LINES);
    assert_eq!(one(endless.wire()), endless);
    let huge = Reply::new(Code::OK, status(2, 999, 999), &"x".repeat(1_000_000));
    assert_eq!(one(huge.wire()), huge);
}

#[test]
fn the_enhanced_code_agrees_with_the_code() {
    let reply = Reply::new(Code::OK, status(5, 1, 1), "x");
    assert_eq!(reply.wire(), b"250 2.1.1 x\r\n");
    let reply = Reply::new(Code::START_MAIL_INPUT, status(2, 1, 1), "x");
    assert_eq!(reply.wire(), b"354 x\r\n");
}

#[test]
fn smtp_68_bad_replies_are_errors() {
    for (octets, error) in [
        (&b"250-a\r\n550 b\r\n"[..], ReplyError::MixedCodes),
        (b"250-a\r\n250-b\r\n251 c\r\n", ReplyError::MixedCodes),
        (b"25 x\r\n", ReplyError::Malformed),
        (b"2500 x\r\n", ReplyError::Malformed),
        (b"abc\r\n", ReplyError::Malformed),
        (b"\r\n", ReplyError::Malformed),
        (b"2\r\n", ReplyError::Malformed),
        (b"250\tX\r\n", ReplyError::Malformed),
        (b"250_X\r\n", ReplyError::Malformed),
        (b" 250 X\r\n", ReplyError::Malformed),
        (b"600 x\r\n", ReplyError::Malformed),
        (b"199 x\r\n", ReplyError::Malformed),
        (b"260 x\r\n", ReplyError::Malformed),
        (b"250-a\r\n\r\n", ReplyError::Malformed),
        (b"250-a\r\nb\r\n", ReplyError::Malformed),
        (b"250 a\n", ReplyError::BareLineEnd),
        (b"250-a\n250 b\r\n", ReplyError::BareLineEnd),
        (b"250 a\rb\r\n", ReplyError::BareLineEnd),
        (b"250 a\r\r\n", ReplyError::BareLineEnd),
        (b"\n250 a\r\n", ReplyError::BareLineEnd),
    ] {
        for size in 1..=octets.len() {
            let (replies, found) = read(octets, size);
            assert_eq!(
                (replies.len(), found),
                (0, Some(error)),
                "{}",
                octets.escape_ascii()
            );
        }
    }
    assert_eq!(one(b"250\r\n").code(), Code::OK);
    assert_eq!(one(b"250-\r\n250\r\n").lines().count(), 2);
}

#[test]
fn smtp_68_a_reply_that_has_not_ended_stays_in_the_buffer() {
    let mut parser = ReplyParser::new();
    let mut input = BytesMut::from("250-a\r\n250-");
    assert_eq!(parser.parse(&mut input), Ok(None));
    assert!(parser.is_inside(&input));
    assert_eq!(input, "250-a\r\n250-");
    input.extend_from_slice(b"b\r\n250 c\r\n");
    assert_eq!(
        parser.parse(&mut input).unwrap().unwrap().lines().count(),
        3
    );
    assert!(!parser.is_inside(&input));
}

#[test]
fn smtp_67_the_limits_of_replies_are_exact() {
    let line = |n: usize| format!("250 {}\r\n", "x".repeat(n - 6));
    assert_eq!(read(line(REPLY_LINE).as_bytes(), 1).1, None);
    let too_long = Some(ReplyError::LineTooLong { max: REPLY_LINE });
    assert_eq!(read(line(REPLY_LINE + 1).as_bytes(), 1).1, too_long);
    assert_eq!(read(line(REPLY_LINE + 1).as_bytes(), 10_000).1, too_long);
    // Neither does a line without end.
    assert_eq!(read(&vec![b'2'; 1 << 20], 100).1, too_long);

    let lines = |n: usize| format!("{}250 x\r\n", "250-x\r\n".repeat(n - 1));
    assert_eq!(read(lines(REPLY_LINES).as_bytes(), 7).1, None);
    let too_many = Some(ReplyError::TooManyLines { max: REPLY_LINES });
    assert_eq!(read(lines(REPLY_LINES + 1).as_bytes(), 7).1, too_many);
    assert_eq!(
        read("250-x\r\n".repeat(1_000_000).as_bytes(), 4_096).1,
        too_many
    );

    // Fifteen full lines, a line of 2,000 octets, and what is left.
    let long = |size: usize| {
        let line = |mark: char, n: usize| format!("250{mark}{}\r\n", "x".repeat(n - 6));
        let rest = size - 15 * REPLY_LINE - 2_000;
        line('-', REPLY_LINE).repeat(15) + &line('-', 2_000) + &line(' ', rest)
    };
    let too_long = Some(ReplyError::TooLong { max: REPLY });
    for (size, error) in [(REPLY, None), (REPLY + 1, too_long)] {
        assert_eq!(long(size).len(), size);
        assert_eq!(read(long(size).as_bytes(), 1_000).1, error, "{size}");
        assert_eq!(read(long(size).as_bytes(), size).1, error, "{size}");
    }
}

#[test]
fn smtp_70_octets_are_kept_and_shown_safely() {
    let reply = one(b"250 a\0b\x1b[31m\xff\xc3\xbc\r\n");
    let line = reply.lines().next().unwrap();
    assert_eq!(line.raw(), b"a\0b\x1b[31m\xff\xc3\xbc");
    assert_eq!(Sanitized(line.text()).to_string(), "a?b?[31m?ü");
    assert_eq!(reply.to_text(), "a?b?[31m?ü");
    let long =
        one(format!("250-{}\r\n250 {}\r\n", "x".repeat(4_000), "y".repeat(4_000)).as_bytes());
    assert!(long.to_text().len() < 300);
}

#[test]
fn smtp_70_the_enhanced_code_is_that_of_its_line_or_none() {
    let enhanced = |wire: &str| {
        let reply = one(wire.as_bytes());
        (
            reply.enhanced(),
            reply
                .lines()
                .map(|line| line.enhanced())
                .collect::<Vec<_>>(),
        )
    };
    for (wire, of_reply, of_lines) in [
        ("250 5.1.1 x\r\n", None, vec![status(5, 1, 1)]),
        ("550 5.1 x\r\n", None, vec![None]),
        ("550 5.1.1000 x\r\n", None, vec![None]),
        (
            "550 5.1.999 x\r\n",
            status(5, 1, 999),
            vec![status(5, 1, 999)],
        ),
        ("550 5.01.1 x\r\n", None, vec![None]),
        ("550 5.1.1x\r\n", None, vec![None]),
        ("550 5.1.1.1 x\r\n", None, vec![None]),
        ("550 5.1.1\r\n", status(5, 1, 1), vec![status(5, 1, 1)]),
        ("550 3.1.1 x\r\n", None, vec![None]),
        ("550 #5.1.1 x\r\n", None, vec![None]),
        ("550  5.1.1 x\r\n", None, vec![None]),
        (
            "550-5.1.1 x\r\n550 y\r\n",
            status(5, 1, 1),
            vec![status(5, 1, 1), None],
        ),
        (
            "550-x\r\n550 5.1.1 y\r\n",
            None,
            vec![None, status(5, 1, 1)],
        ),
    ] {
        assert_eq!(enhanced(wire), (of_reply, of_lines), "{wire}");
    }
    let (replies, _) = read(b"550 5.1.1 x\r\n550 y\r\n", 3);
    assert_eq!(replies[0].enhanced(), status(5, 1, 1));
    assert_eq!(
        replies[1].enhanced(),
        None,
        "the code of the reply before is not used again"
    );
}

#[test]
fn all_1_every_piece_size_gives_the_same_replies() {
    let octets =
        b"220 mx\r\n250-mx\r\n250-SIZE\r\n250 X\r\n250\r\n354 go\r\n550-5.1.1 a\r\n550 b\r\n2";
    let whole = read(octets, octets.len());
    assert_eq!((whole.0.len(), whole.1), (5, None));
    for size in 1..octets.len() {
        assert_eq!(read(octets, size), whole, "pieces of {size}");
    }
}
