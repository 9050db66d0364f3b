//! Messages that are made to hurt whoever takes them apart.

use bytes::Bytes;
use mailwire_imap::{
    bodystructure::{BodyForm, BodyStructure, PartKind},
    command::{Part, Section},
    envelope::{AddressKind, Envelope},
    limits,
    response::Tolerances,
    toolkit::message::{Content, Scanner, Structure},
};

/// Runs on a stack of 128 KiB.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    #[allow(
        clippy::disallowed_methods,
        reason = "a test of the depth of the stack"
    )]
    let thread = std::thread::Builder::new()
        .stack_size(128 * 1024)
        .spawn(test);
    thread.unwrap().join().unwrap();
}

/// What is told of a message, read by our client; it must be as small as a client takes it.
fn understood(structure: &Structure) -> (Envelope, BodyStructure) {
    let envelope = Bytes::copy_from_slice(structure.envelope().wire());
    assert!(envelope.len() < limits::RESPONSE_LINE);
    let envelope = Envelope::parse(envelope, Tolerances::NONE).unwrap();
    for form in [BodyForm::Body, BodyForm::BodyStructure] {
        let body = structure.body(form);
        assert!(body.wire().len() < limits::RESPONSE_LINE);
        BodyStructure::parse(Bytes::copy_from_slice(body.wire()), Tolerances::NONE).unwrap();
    }
    (envelope, structure.body(BodyForm::BodyStructure))
}

fn deepest(structure: &Structure) -> usize {
    let body = structure.body(BodyForm::BodyStructure);
    let mut parts = body.parts();
    let mut deepest = 0;
    while parts.next().is_some() {
        deepest = deepest.max(parts.depth());
    }
    deepest
}

#[test]
fn imap_12_ten_thousand_multiparts_within_each_other_are_told_to_the_limit() {
    on_a_small_stack(|| {
        let mut message = String::new();
        for level in 0..10_000 {
            message +=
                &format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n");
        }
        message += "\r\nat the bottom\r\n";
        let structure = Structure::of(message.as_bytes());
        assert!(structure.is_truncated());
        let (_, body) = understood(&structure);
        let last = body.parts().last().unwrap();
        assert!(last.is("application", "octet-stream"));
        assert_eq!(deepest(&structure), limits::DEPTH);

        // As deep as the limit they are all there.
        let start = message
            .find("Content-Type: multipart/mixed; boundary=b9936")
            .unwrap();
        let structure = Structure::of(&message.as_bytes()[start..]);
        assert!(!structure.is_truncated());
        let (_, body) = understood(&structure);
        assert!(body.parts().last().unwrap().is("text", "plain"));
    });
}

#[test]
fn imap_12_ten_thousand_messages_within_each_other_are_told_to_the_limit() {
    on_a_small_stack(|| {
        let message = "Subject: x\r\nContent-Type: message/rfc822\r\n\r\n".repeat(10_000);
        let structure = Structure::of(message.as_bytes());
        assert!(structure.is_truncated());
        let (_, body) = understood(&structure);
        assert_eq!(body.parts().count(), limits::DEPTH + 1);
        assert!(
            body.parts()
                .last()
                .unwrap()
                .is("application", "octet-stream")
        );
        let bottom = vec!["1"; limits::DEPTH].join(".");
        assert!(structure.find(Part::new(&bottom).unwrap()).is_some());
    });
}

#[test]
fn imap_12_a_million_sibling_parts_are_told_to_the_limit() {
    on_a_small_stack(|| {
        let head = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
        let message = head.to_owned() + &"--b\r\n\r\n".repeat(1_400_000) + "--b--\r\n";
        let structure = Structure::of(message.as_bytes());
        assert!(structure.is_truncated());
        let (_, body) = understood(&structure);
        assert_eq!(body.parts().count(), limits::PARTS);
        let last = body.parts().last().unwrap();
        assert!(last.is("application", "octet-stream"));
        // The last one is all the rest of the message.
        let number = (limits::PARTS - 1).to_string();
        let rest = structure.find(Part::new(&number).unwrap()).unwrap();
        assert_eq!(rest.body().end, message.len() as u64);
        assert_eq!(
            structure.find(Part::new("4294967295").unwrap()).map(|_| ()),
            None
        );
    });
}

#[test]
fn imap_12_delimiters_without_end_are_text() {
    on_a_small_stack(|| {
        let boundary = "b".repeat(70);
        let mut message = String::new();
        for level in 0..64 {
            message += &format!(
                "Content-Type: multipart/mixed; boundary={boundary}{level}\r\n\r\n--{boundary}{level}\r\n"
            );
        }
        message += "\r\n";
        // Lines that are nearly delimiters, short ones, and one without end.
        message += &format!("--{boundary}x\r\n").repeat(20_000);
        message += &"--\r\n".repeat(100_000);
        message += &"-".repeat(1 << 20);
        let structure = Structure::of(message.as_bytes());
        understood(&structure);
        let leaf = structure.entities().last().unwrap();
        assert_eq!(leaf.body().end, message.len() as u64);
        assert_eq!(leaf.kind(), PartKind::Text);
        assert_eq!(leaf.lines(), 120_000);
    });
}

#[test]
fn imap_12_headers_of_thousands_of_parts_do_not_make_the_response_endless() {
    let name = "n".repeat(200);
    let quotes = "\\\"".repeat(100_000);
    let recipients = "\"\\\"\" <a@b>,".repeat(20_000);
    let mut message = format!("From: {recipients}\r\nDate: {quotes}\r\nSubject: {quotes}\r\n");
    message += "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
    message += "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n";
    message += "--b\r\nContent-Type: message/rfc822\r\n\r\n";
    message += &format!("To: {recipients}\r\n\r\n");
    for _ in 0..3_900 {
        message += &format!("--b\r\nContent-Type: image/png; name=\"{name}\"\r\n\r\n");
    }
    let structure = Structure::of(message.as_bytes());
    let (envelope, body) = understood(&structure);
    assert!(envelope.wire().len() + body.wire().len() < limits::RESPONSE_LINE);
    let kinds: Vec<_> = body
        .root()
        .unwrap()
        .children()
        .map(|part| part.kind())
        .collect();
    assert_eq!(kinds.len(), 3_902);
    assert_eq!(kinds[0], PartKind::Message);
    assert!(
        body.root()
            .unwrap()
            .children()
            .nth(2)
            .unwrap()
            .is("image", "png")
    );
    assert!(
        body.parts()
            .last()
            .unwrap()
            .is("application", "octet-stream")
    );
    // What is told in short can be fetched all the same.
    assert!(structure.find(Part::new("3902").unwrap()).is_some());
    assert!(
        structure
            .section(Section::Header(Part::new("2").unwrap()))
            .is_some()
    );
}

#[test]
fn imap_13_a_hundred_thousand_addresses_end_with_a_marker() {
    on_a_small_stack(|| {
        let list = "\"A\" <someone@x.example>,\r\n ".repeat(100_000);
        let groups = format!("Cc: g:{}\r\n", "a@b,".repeat(50_000));
        for message in [
            format!("To: {list}z@y\r\n{groups}\r\n"),
            format!("{groups}To: {list}\r\n\r\n"),
        ] {
            let structure = Structure::of(message.as_bytes());
            assert!(structure.is_truncated());
            let (envelope, _) = understood(&structure);
            assert!(envelope.wire().len() < limits::ENVELOPE_ADDRESSES + 1_000);
            assert!(envelope.to().count() > 4_000);
            let end: Vec<_> = envelope.to().skip(envelope.to().count() - 2).collect();
            assert_eq!(end[0].kind(), AddressKind::Group);
            assert_eq!(end[0].mailbox().unwrap(), "...");
            assert_eq!(end[1].kind(), AddressKind::GroupEnd);
        }
        // A group that is cut is closed in front of the marker.
        let structure = Structure::of(groups.as_bytes());
        let (envelope, _) = understood(&structure);
        let kinds: Vec<_> = envelope.cc().map(|address| address.kind()).collect();
        let end = [
            AddressKind::Mailbox,
            AddressKind::GroupEnd,
            AddressKind::Group,
            AddressKind::GroupEnd,
        ];
        assert!(kinds.ends_with(&end));
    });
}

#[test]
fn imap_13_comments_nested_without_end_cost_no_stack() {
    on_a_small_stack(|| {
        let open = "(".repeat(100_000);
        let values = [
            open.clone(),
            format!("{open}\\"),
            format!("{open}{}a@b", ")".repeat(100_000)),
            format!("a@b {open}"),
            format!("<a@{open}"),
            format!("\"{}", "\\\"".repeat(50_000)),
            "(\\".into(),
            "<@".repeat(50_000),
            ":;".repeat(50_000),
            "[".repeat(100_000),
            "a".repeat(200_000),
            "a ".repeat(100_000),
            "=?utf-8?q?".repeat(10_000),
        ];
        for value in values {
            let message = format!(
                "From: {value}\r\nContent-Type: text/plain; {value}\r\nContent-Disposition: {value}\r\n\
                 Content-Language: {value}\r\nContent-Transfer-Encoding: {value}\r\nDate: {value}\r\n\r\n"
            );
            let structure = Structure::of(message.as_bytes());
            understood(&structure);
            let root = structure.root().unwrap();
            let _ = (root.encoding(), root.charset());
        }
    });
}

#[test]
fn imap_13_a_hundred_thousand_parameters_are_told_to_the_limit() {
    let mut parameters = String::new();
    for number in 0..100_000 {
        parameters += &format!("; n*{number}*=x");
    }
    let hostile = [
        parameters,
        "; charset*999999999*=x; charset*4294967296=y; charset*-1=z; charset**=q; *=r; *0=s".into(),
        "; n*0=x".repeat(100_000),
        ";".repeat(200_000),
        "; a=\"".repeat(50_000),
    ];
    for parameters in hostile {
        let message = format!("Content-Type: text/plain{parameters}\r\n\r\n");
        let structure = Structure::of(message.as_bytes());
        let (_, body) = understood(&structure);
        assert!(body.root().unwrap().parameters().count() <= limits::PARAMETERS);
    }
}

#[test]
fn imap_13_headers_without_end_are_kept_to_the_limit() {
    on_a_small_stack(|| {
        // 10 MiB in one line, in one field of many lines, and in many fields; 50 MiB in all.
        let line = format!("Subject: {}\r\n", "x".repeat(10 << 20));
        let field = format!("Subject: x\r\n{}", " folded\r\n".repeat((10 << 20) / 9));
        let fields = "X-Filler: x\r\n".repeat((10 << 20) / 13);
        let parts = [
            "From: a@b\r\n",
            &line,
            "To: c@d\r\n",
            &field,
            &fields,
            &fields,
            &line,
            "Cc: e@f\r\n\r\nbody\r\n",
        ];
        let mut scanner = Scanner::new();
        for part in parts {
            part.as_bytes()
                .chunks(64 * 1024)
                .for_each(|piece| scanner.feed(piece));
        }
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let structure = scanner.finish();
        assert!(structure.is_truncated());
        let (envelope, _) = understood(&structure);
        assert_eq!(envelope.from().count(), 1);
        // The field is cut, and the next one is not lost with it.
        assert_eq!(envelope.to().count(), 1);
        let subject = envelope.subject().unwrap().octets().len();
        assert!(subject > 1_000 && subject <= limits::HEADER_FIELD);
        // The octets themselves are all there: sections are ranges.
        let header = structure.section(Section::Header(Part::WHOLE));
        assert_eq!(header, Some(Content::Range(0..len as u64 - 6)));
        assert_eq!(structure.root().unwrap().whole_header(), None);
        assert_eq!(structure.root().unwrap().octets(), 6);
    });
}

#[test]
fn imap_13_fields_that_are_asked_for_by_the_thousand_are_found_at_once() {
    use mailwire_imap::command::{FetchItem, FetchItems};
    let names: Vec<_> = (0..5_000).map(|number| format!("X-{number}")).collect();
    let items: FetchItems = format!("BODY.PEEK[HEADER.FIELDS ({})]", names.join(" "))
        .parse()
        .unwrap();
    let Some(FetchItem::Body { section, .. }) = items.iter().next() else {
        unreachable!()
    };
    let message = "X-4999: x\r\nY: y\r\n".repeat(20_000) + "\r\n";
    let Some(Content::Fields(fields)) = Structure::of(message.as_bytes()).section(section) else {
        panic!("no fields")
    };
    assert_eq!(fields.len(), "X-4999: x\r\n".len() * 20_000 + 2);
}

#[test]
fn imap_13_headers_at_the_limit_are_kept_alike_however_they_are_cut() {
    let mut message = Vec::new();
    for len in [
        limits::HEADER_FIELD - 20,
        limits::HEADER_FIELD,
        limits::HEADER_FIELD + 20,
    ] {
        let field = format!(
            "Subject: {}\r\n folded\r\n\tand more\r\nTo: a@b\r\n",
            "x".repeat(len - 11)
        );
        message.extend_from_slice(field.as_bytes());
    }
    // The last ones go beyond the limit of all headers.
    message.extend_from_slice(format!("Cc: {}\r\n", "c@d,".repeat(80_000)).as_bytes());
    message.extend_from_slice(b"Bcc: e@f\r\n\r\nbody\r\n");
    let whole = Structure::of(&message);
    assert!(whole.is_truncated());
    let (envelope, _) = understood(&whole);
    assert_eq!(envelope.to().count(), 3);
    for size in [1, 7, 4_093, 64 * 1024, limits::HEADER_FIELD] {
        let mut scanner = Scanner::new();
        message.chunks(size).for_each(|piece| scanner.feed(piece));
        assert!(scanner.finish() == whole, "pieces of {size}");
    }
}
