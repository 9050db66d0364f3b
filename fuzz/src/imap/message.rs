//! Messages as they come from anywhere, and what is told of them.

use std::ops::Range;

use bytes::Bytes;
use mailwire_imap::{
    bodystructure::{BodyForm, BodyStructure},
    command::{By, FetchItems, Part, Section},
    envelope::Envelope,
    limits,
    response::{Response, Tolerances},
    toolkit::{
        message::{
            Content, FetchPlan, Fetched, Measure, ModSeq, Scanner, Structure, Text, Unanswerable,
            address::addresses,
            date,
            header::Fields,
            msgid::ids,
            subject,
            text::{decode_charset, decode_value, decode_words},
            transfer::{Decoder, Encoding},
        },
        view::Facts,
    },
};

use super::session::{body_of, cut_out};
use crate::{Target, machine::pieces, take_octet};

pub(crate) const IMAP_MESSAGE: Target = Target {
    name: "imap_message",
    run: message,
    seeds: &[
        b"\x01Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\nFrom: Terry Gray <gray@cac.example>\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3?= \
          =?utf-8?b?nw==?=\r\nTo: imap@cac.example, friends: \"a b\" <a@x.example>, b@y.example;\r\nMessage-Id: <B27397@cac.example>\r\n\
          In-Reply-To: <\"a.b\"@c> (x)\r\n\r\nhello\r\n",
        b"\x02Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\npreamble\r\n--b\r\n\r\none\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n\
          Subject: in\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\ntext\r\n--c--\r\n--b\r\n\
          Content-Type: image/png; name*0=\"a\"; name*1*=%41\r\nContent-Transfer-Encoding: base64\r\n\
          Content-Disposition: attachment; filename=x.png\r\n\r\niVBORw0KGgo=\r\n--b--\r\nepilogue\r\n",
        b"\x03Content-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Language: de, en\r\n\
          Content-ID: <1@x>\r\nContent-Description: d\r\nContent-MD5: x\r\nContent-Location: y\r\n\r\na=3Db =\r\n c =E9 \t\r\n=\r\n",
        b"\x05Content-Type: multipart/digest; boundary=x\r\n\r\n--x\r\n\r\nSubject: 1\r\n\r\n1\r\n--x\r\n\r\nSubject: 2\r\n\r\n2\r\n--x--",
        b"\x04no header at all\n--x\n.\r\0\xff",
        b"\x00",
    ],
};

/// Some ways to ask for all that there is.
const ITEMS: [&str; 4] = [
    "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE MODSEQ)",
    "(BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[TEXT] BODY.PEEK[1]<1.4> BODY.PEEK[1.MIME] BODY.PEEK[2.HEADER] BODY.PEEK[2.TEXT])",
    "(BODY.PEEK[HEADER.FIELDS (Subject From)] BODY.PEEK[2.HEADER.FIELDS.NOT (Subject)] RFC822 RFC822.HEADER RFC822.TEXT)",
    "(BINARY.PEEK[1] BINARY.SIZE[1] BINARY.PEEK[2]<2.3> BINARY.SIZE[3] BINARY.PEEK[3])",
];

fn message(mut data: &[u8]) {
    let sizes = [take_octet(&mut data)];
    let structure = Structure::of(data);
    for cut in [
        structure_of(data.chunks(1)),
        structure_of(pieces(data, &sizes)),
    ] {
        assert!(structure == cut, "whole: {structure:#?}\ncut: {cut:#?}");
    }
    assert_eq!(structure.octets(), len(data));
    told(&structure);
    entities(&structure);
    for items in ITEMS {
        fetched(&structure, items, data);
    }
    for encoding in [
        Encoding::Identity,
        Encoding::Base64,
        Encoding::QuotedPrintable,
    ] {
        let whole = decoded(encoding, [data]);
        assert!(encoding != Encoding::Identity || whole == data);
        assert!(whole == decoded(encoding, data.chunks(1)), "{encoding:?}");
        assert!(
            whole == decoded(encoding, pieces(data, &sizes)),
            "{encoding:?}"
        );
    }
    values(data);
}

fn len(octets: &[u8]) -> u64 {
    u64::try_from(octets.len()).unwrap_or(u64::MAX)
}

fn structure_of<'a>(cuts: impl IntoIterator<Item = &'a [u8]>) -> Structure {
    let mut scanner = Scanner::new();
    for piece in cuts {
        scanner.feed(piece);
    }
    scanner.finish()
}

fn decoded<'a>(encoding: Encoding, cuts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let (mut decoder, mut decoded) = (Decoder::new(encoding), Vec::new());
    for piece in cuts {
        decoder.feed(piece, &mut decoded);
    }
    decoder.finish(&mut decoded);
    decoded
}

/// What a server tells of the message is what a strict client reads.
fn told(structure: &Structure) {
    let envelope = structure.envelope();
    assert!(envelope.wire().len() < limits::RESPONSE_LINE);
    let again = Envelope::parse(Bytes::copy_from_slice(envelope.wire()), Tolerances::NONE);
    assert!(
        again
            .as_ref()
            .is_ok_and(|again| again.wire() == envelope.wire()),
        "{}: {again:?}",
        envelope.wire().escape_ascii()
    );
    for form in [BodyForm::Body, BodyForm::BodyStructure] {
        let body = structure.body(form);
        assert!(body.wire().len() < limits::RESPONSE_LINE);
        let again = BodyStructure::parse(Bytes::copy_from_slice(body.wire()), Tolerances::NONE);
        assert!(again.is_ok(), "{}: {again:?}", body.wire().escape_ascii());
    }
}

fn is_within(range: &Range<u64>, octets: u64) -> bool {
    range.start <= range.end && range.end <= octets
}

/// Every part, and every section of it, lies within the message.
fn entities(structure: &Structure) {
    let octets = structure.octets();
    for entity in structure.entities() {
        let (header, body) = (entity.header(), entity.body());
        assert!(
            is_within(&header, octets) && is_within(&body, octets),
            "{entity:?}"
        );
        assert!(header.end <= body.start, "{entity:?}");
        let whole = entity.whole_header();
        // The line end that its last line may lack is added.
        assert!(
            whole.is_none_or(|whole| len(whole) <= header.end - header.start + 2),
            "{entity:?}"
        );
        for child in entity.children() {
            let (first, last) = (child.header().start, child.body().end);
            assert!(
                body.start <= first && last <= body.end,
                "{entity:?} {child:?}"
            );
        }
        let _ = (entity.charset(), entity.encoding());
    }
    for number in ["1", "2", "1.1", "2.1", "2.2", "1.2.1", "3"] {
        let Some(part) = Part::new(number) else {
            continue;
        };
        for section in [
            Section::All(part),
            Section::Header(part),
            Section::Text(part),
            Section::Mime(part),
        ] {
            if let Some(Content::Range(range)) = structure.section(section) {
                assert!(is_within(&range, octets), "{section:?}");
            }
        }
        if let Some(mut measure) = Measure::of(structure, part) {
            assert!(is_within(&measure.range(), octets));
            measure.feed(b"aGVsbG8=");
            assert!(measure.octets() <= 8);
        }
    }
}

/// The answer to a FETCH is what a strict client reads, and the bodies that follow are as long as
/// was announced, whether the message is at hand or comes from a store.
fn fetched(structure: &Structure, items: &str, message: &[u8]) {
    let Ok(items) = items.parse::<FetchItems>() else {
        return;
    };
    let (Some(facts), plan) = (
        facts(message),
        FetchPlan::new(&items, By::Uid, ModSeq::Always),
    ) else {
        return;
    };
    let mut measures = plan.measures(structure);
    for measure in &mut measures {
        let octets = cut_out(message, &measure.range());
        measure.feed(octets);
    }
    let mut wires = Vec::new();
    for text in [Text::Whole(message), Text::Apart(&measures)] {
        let mut fetched = Fetched::new(facts.uid, &facts);
        (fetched.structure, fetched.text) = (Some(structure), text);
        let answer = match plan.answer(&fetched) {
            Ok(answer) => answer,
            Err(error) => {
                assert_eq!(error, Unanswerable::UnknownEncoding);
                continue;
            }
        };
        let mut bodies = answer.bodies.iter();
        let mut wire = Vec::new();
        for (piece, announced) in answer.fetch.pieces() {
            wire.extend_from_slice(&piece);
            let Some(announced) = announced else { continue };
            let Some(source) = bodies.next() else {
                continue;
            };
            let octets = body_of(source, message);
            assert_eq!(len(&octets), announced, "{source:?}");
            wire.extend_from_slice(&octets);
        }
        assert!(bodies.next().is_none());
        if wire.ends_with(b"\r\n") {
            wire.truncate(wire.len().saturating_sub(2));
        }
        let read = Response::parse(Bytes::from(wire.clone()), Tolerances::NONE);
        assert!(read.is_ok(), "{}: {read:?}", wire.escape_ascii());
        wires.push(wire);
    }
    assert!(
        wires.windows(2).all(|two| two.first() == two.last()),
        "{wires:?}"
    );
}

fn facts(message: &[u8]) -> Option<Facts> {
    let date = "\"17-Jul-1996 02:44:25 -0700\"".parse().ok()?;
    let mut facts = Facts::new(7.try_into().ok()?, date, len(message));
    facts.mod_seq = 12;
    Some(facts)
}

/// The parts of a header, whatever their state.
fn values(data: &[u8]) {
    let mut octets = 0;
    for field in Fields::new(data) {
        octets += field.raw().len();
        let raw = field.raw_value();
        for address in addresses(raw) {
            let _ = (
                address.name(),
                address.route(),
                address.mailbox(),
                address.host(),
            );
        }
        let _ = (date::parse(raw), ids(raw).count());
        let (base, _) = subject::base(&decode_value(raw));
        let again = subject::base(&base).0;
        assert_eq!(again, base, "a base subject is its own");
    }
    assert!(octets <= data.len());
    let _ = (
        decode_words(data),
        addresses(data).count(),
        ids(data).count(),
        date::parse(data),
    );
    for charset in [&b"utf-8"[..], b"iso-2022-jp", b"utf-16le", b"nonsense"] {
        let _ = decode_charset(charset, data);
    }
}
