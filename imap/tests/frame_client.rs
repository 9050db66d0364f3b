//! Where responses end, whatever a server announces.

use bytes::BytesMut;
use mailwire_core::line::Octet;
use mailwire_imap::frame::{Lost, ResponseFrame, Responses};

/// All that comes of `input` in pieces of `size` octets; bodies as what they hold.
fn run(input: &[u8], size: usize, inline: u64) -> Vec<ResponseFrame> {
    let mut responses = Responses::new();
    responses.set_inline(inline);
    let mut buffer = BytesMut::new();
    let mut found = Vec::new();
    let mut body = BytesMut::new();
    for piece in input.chunks(size) {
        buffer.extend_from_slice(piece);
        loop {
            match responses.next(&mut buffer) {
                ResponseFrame::NeedInput => break,
                ResponseFrame::InBody => {
                    while let Some(octets) = responses.take_body(&mut buffer) {
                        body.extend_from_slice(&octets);
                    }
                    if responses.body_left() > 0 {
                        break;
                    }
                    found.push(ResponseFrame::Whole(body.split().freeze()));
                }
                response @ ResponseFrame::Lost(_) => {
                    found.push(response);
                    return found;
                }
                response => found.push(response),
            }
        }
    }
    found
}

fn found(input: &[u8]) -> Vec<ResponseFrame> {
    let at_once = run(input, input.len(), 64);
    for size in [1, 2, 3, 7] {
        assert_eq!(run(input, size, 64), at_once, "pieces of {size}");
    }
    at_once
}

fn whole(text: &'static str) -> ResponseFrame {
    ResponseFrame::Whole(text.into())
}

#[test]
fn literals_are_part_of_a_response() {
    assert_eq!(
        found(b"* LIST () \"/\" {3}\r\na\r\n\r\n* 2 EXISTS\r\n+ go\r\na OK done\r\n"),
        [
            whole("* LIST () \"/\" {3}\r\na\r\n"),
            whole("* 2 EXISTS"),
            whole("+ go"),
            whole("a OK done"),
        ]
    );
}

#[test]
fn the_text_of_a_status_announces_nothing() {
    for line in [
        "* OK see {50}",
        "* ok [X] {50}",
        "* NO {50}",
        "* BAD {1}",
        "* BYE {2}",
        "* PREAUTH {3}",
        "a1 OK {50}",
        "+ {50}",
        "a1 NO {99999999999999999999}",
        "*  OK {5}",
    ] {
        let input = format!("{line}\r\n* 1 EXISTS\r\n");
        assert_eq!(
            found(input.as_bytes()),
            [
                ResponseFrame::Whole(line.to_owned().into()),
                whole("* 1 EXISTS")
            ]
        );
    }
}

#[test]
fn braces_that_announce_nothing_are_text() {
    assert_eq!(found(b"* XTEXT {a}\r\n"), [whole("* XTEXT {a}")]);
    assert_eq!(found(b"* XTEXT a}\r\n"), [whole("* XTEXT a}")]);
}

#[test]
fn large_bodies_are_streamed() {
    let body = "x".repeat(100);
    let input = format!(
        "* 7 FETCH (UID 3 BODY[] {{100}}\r\n{body} BODY[TEXT]<0> {{65}}\r\n{} FLAGS ())\r\n* 8 FETCH (UID 4)\r\n",
        &body[..65]
    );
    let responses = found(input.as_bytes());
    let ResponseFrame::Body { head, literal } = &responses[0] else {
        panic!();
    };
    assert_eq!(
        (&head[..], literal.len),
        (&b"* 7 FETCH (UID 3 BODY[] {100}"[..], 100)
    );
    assert_eq!(responses[1], ResponseFrame::Whole(body.clone().into()));
    assert!(
        matches!(&responses[2], ResponseFrame::Body { head, .. } if head == " BODY[TEXT]<0> {65}")
    );
    assert_eq!(
        responses[3],
        ResponseFrame::Whole(body[..65].to_owned().into())
    );
    assert_eq!(responses[4], ResponseFrame::Tail(" FLAGS ())".into()));
    assert_eq!(responses[5], whole("* 8 FETCH (UID 4)"));
}

#[test]
fn many_small_bodies_are_streamed_before_they_are_too_much_together() {
    let part = format!("BODY[1] {{60000}}\r\n{} ", "x".repeat(60_000));
    let input = format!("* 7 FETCH ({}UID 1)\r\n", part.repeat(200));
    let responses = run(input.as_bytes(), 65_536, 65_536);
    let bodies = responses
        .iter()
        .filter(|response| matches!(response, ResponseFrame::Body { .. }));
    assert_eq!(bodies.count(), 2);
    assert!(matches!(responses.last(), Some(ResponseFrame::Tail(_))));
}

#[test]
fn only_the_content_of_messages_is_streamed() {
    let subject = "s".repeat(100);
    let input =
        format!("* 7 FETCH (ENVELOPE (NIL {{100}}\r\n{subject} NIL) RFC822.TEXT {{2}}\r\nab)\r\n");
    let responses = found(input.as_bytes());
    assert!(
        matches!(&responses[..], [ResponseFrame::Whole(frame)] if frame.len() == input.len() - 2)
    );
    for item in [
        "RFC822",
        "rfc822.header",
        "RFC822.TEXT",
        "BINARY[1]",
        "BODY[2]<7>",
    ] {
        let input = format!("* 7 FETCH ({item} {{100}}\r\n{subject})\r\n");
        let responses = found(input.as_bytes());
        assert!(matches!(responses[0], ResponseFrame::Body { .. }), "{item}");
    }
}

#[test]
fn imap_35_an_announced_size_takes_no_memory() {
    assert_eq!(
        found(b"* LIST () \"/\" {4294967295}\r\n"),
        [ResponseFrame::Lost(Lost::LiteralTooLarge {
            len: 4_294_967_295
        })]
    );
    assert_eq!(
        found(b"* LIST () \"/\" {99999999999999999999}\r\n"),
        [ResponseFrame::Lost(Lost::BadLiteral)]
    );
    let mut responses = Responses::new();
    let mut input = BytesMut::from("* 1 FETCH (BODY[] {1000000000}\r\nabc");
    let capacity = input.capacity();
    assert!(matches!(
        responses.next(&mut input),
        ResponseFrame::Body { .. }
    ));
    assert_eq!(responses.take_body(&mut input).unwrap(), "abc");
    assert_eq!(responses.take_body(&mut input), None);
    assert_eq!(responses.body_left(), 999_999_997);
    assert!(input.capacity() <= capacity);
    assert!(responses.is_inside(&input), "EOF here is an error");
}

#[test]
fn imap_37_many_tiny_literals_are_looked_at_once() {
    let mut input = b"* XLIST (".to_vec();
    for _ in 0..200_000 {
        input.extend_from_slice(b"{0}\r\n ");
    }
    input.extend_from_slice(b")\r\n");
    for size in [1, input.len()] {
        let responses = run(&input, size, 64);
        assert!(
            matches!(&responses[..], [ResponseFrame::Whole(frame)] if frame.len() == input.len() - 2)
        );
    }
}

#[test]
fn imap_37_responses_are_bounded() {
    let line = vec![b'x'; 1_100_000];
    let limit = Lost::ResponseTooLong { max: 4_194_304 };
    assert_eq!(run(&line, 8_192, 64), [ResponseFrame::Lost(limit)]);
    let mut input = b"* X".to_vec();
    for _ in 0..900_000 {
        input.extend_from_slice(b"{0}\r\n ");
    }
    assert!(matches!(
        run(&input, 8_192, 64)[..],
        [ResponseFrame::Lost(_)]
    ));
}

#[test]
fn a_bad_octet_spoils_one_response_to_its_end() {
    let responses = found(b"* LIST (\n) \"/\" {4}\r\n* 1\r\r\n* 1 EXISTS\r\n");
    assert!(matches!(responses[0], ResponseFrame::Malformed(bad) if bad.octet == Octet::Lf));
    assert_eq!(responses[1], whole("* 1 EXISTS"));
    assert_eq!(responses.len(), 2);
}
