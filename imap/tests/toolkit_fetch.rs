//! FETCH, planned and answered.

use core::num::NonZeroU32;

use mailwire_imap::{
    bodystructure::BodyForm,
    command::By,
    datetime::DateTime,
    flag::Flag,
    response::{Response, Tolerances},
    toolkit::{
        message::{
            Answer, BodySource, FetchPlan, Fetched, ModSeq, Needs, Scanner, Seen, Structure, Text,
            Unanswerable, transfer::Encoding,
        },
        view::{Facts, Recent},
    },
};

use crate::toolkit_message::{NESTED, crlf, octets};

const UID: NonZeroU32 = NonZeroU32::new(77).unwrap();
const NUMBER: NonZeroU32 = NonZeroU32::new(3).unwrap();

fn facts(octets: Option<u64>) -> Facts {
    let date: DateTime = "\"17-Jul-1996 02:44:25 -0700\"".parse().unwrap();
    let mut facts = Facts::new(UID, date, octets);
    facts.flags.insert(&Flag::Seen);
    facts.mod_seq = 12;
    facts
}

fn plan(items: &str) -> FetchPlan {
    FetchPlan::new(&items.parse().unwrap(), By::Number, ModSeq::IfAsked)
}

/// The answer for a message that is at hand.
fn whole(items: &str, message: &[u8]) -> Result<Answer, Unanswerable> {
    let (structure, facts) = (Structure::of(message), facts(Some(message.len() as u64)));
    let mut fetched = Fetched::new(NUMBER, &facts);
    fetched.structure = Some(&structure);
    fetched.text = Text::Whole(message);
    plan(items).answer(&fetched)
}

/// The answer for a message in a store, read as a store would: the header or all is scanned only if
/// the plan needs it, and what is to be decoded is measured.
fn apart(items: &str, message: &[u8]) -> Result<Answer, Unanswerable> {
    let (plan, facts) = (plan(items), facts(Some(message.len() as u64)));
    let mut scanner = Scanner::new();
    let needs = plan.needs(&facts);
    for piece in message.chunks(5) {
        if needs == Needs::Facts || (needs == Needs::Header && scanner.has_header()) {
            break;
        }
        scanner.feed(piece);
    }
    let structure = (needs != Needs::Facts).then(|| scanner.finish());
    let mut measures = structure
        .as_ref()
        .map_or_else(Vec::new, |structure| plan.measures(structure));
    for measure in &mut measures {
        let octets = octets(message, measure.range());
        octets.chunks(3).for_each(|piece| measure.feed(piece));
    }
    let mut fetched = Fetched::new(NUMBER, &facts);
    fetched.structure = structure.as_ref();
    fetched.text = Text::Apart(&measures);
    plan.answer(&fetched)
}

/// The octets on the wire, with the bodies where they belong.
fn wire(answer: &Answer, message: &[u8]) -> String {
    let mut bodies = answer.bodies.iter();
    let mut wire = Vec::new();
    for (piece, body) in answer.fetch.pieces() {
        wire.extend_from_slice(&piece);
        let Some(octets) = body else { continue };
        let source = bodies.next().unwrap();
        assert_eq!(source.octets(), octets);
        let start = wire.len();
        let text = self::octets(message, source.range().unwrap_or_default());
        match (source, source.reader()) {
            (BodySource::Octets(octets), _) => wire.extend_from_slice(octets),
            (_, None) => wire.extend_from_slice(text),
            (_, Some(mut reader)) => {
                for piece in text.chunks(7) {
                    wire.extend(reader.feed(piece));
                }
                wire.extend(reader.finish());
                assert!(reader.is_done());
            }
        }
        assert_eq!((wire.len() - start) as u64, octets);
    }
    assert!(bodies.next().is_none());
    String::from_utf8(wire).unwrap()
}

/// Both ways give the same octets; they are told without the frame of the response.
fn told(items: &str, message: &str) -> String {
    let message = crlf(message);
    let here = wire(&whole(items, &message).unwrap(), &message);
    let there = wire(&apart(items, &message).unwrap(), &message);
    assert_eq!(here, there, "{items}");
    let parsed = here.strip_suffix("\r\n").unwrap().to_owned();
    let (Response::Fetch(fetch), _) =
        Response::parse(parsed.into_bytes().into(), Tolerances::NONE).unwrap()
    else {
        panic!("{here}")
    };
    assert_eq!(fetch.number(), NUMBER);
    let inner = here.strip_prefix("* 3 FETCH (").unwrap();
    inner.strip_suffix(")\r\n").unwrap().to_owned()
}

#[test]
fn facts_are_told_without_opening_the_message() {
    let items = "(UID FLAGS INTERNALDATE RFC822.SIZE MODSEQ)";
    assert_eq!(plan(items).needs(&facts(Some(9))), Needs::Facts);
    let facts = facts(Some(9));
    let answer = plan(items).answer(&Fetched::new(NUMBER, &facts)).unwrap();
    assert_eq!(
        answer.fetch.wire().escape_ascii().to_string(),
        "* 3 FETCH (UID 77 FLAGS (\\\\Seen) INTERNALDATE \\\"17-Jul-1996 02:44:25 -0700\\\" \
         RFC822.SIZE 9 MODSEQ (12))"
    );
}

#[test]
fn needs_are_the_least_that_answers() {
    let cases = [
        ("FAST", Needs::Facts, Needs::Structure),
        ("ALL", Needs::Header, Needs::Structure),
        ("FULL", Needs::Structure, Needs::Structure),
        ("FLAGS", Needs::Facts, Needs::Facts),
        ("PREVIEW", Needs::Facts, Needs::Facts),
        ("BODY[]", Needs::Facts, Needs::Structure),
        ("BINARY[]", Needs::Facts, Needs::Structure),
        ("RFC822", Needs::Facts, Needs::Structure),
        ("RFC822.HEADER", Needs::Header, Needs::Header),
        ("BODY[HEADER]", Needs::Header, Needs::Header),
        ("BODY[HEADER.FIELDS (A)]", Needs::Header, Needs::Header),
        ("BODY[HEADER.FIELDS.NOT (A)]", Needs::Header, Needs::Header),
        ("ENVELOPE", Needs::Header, Needs::Header),
        ("BODY[TEXT]", Needs::Header, Needs::Structure),
        ("RFC822.TEXT", Needs::Header, Needs::Structure),
        ("BODY[1]", Needs::Structure, Needs::Structure),
        ("BODY[1.HEADER]", Needs::Structure, Needs::Structure),
        ("BODY", Needs::Structure, Needs::Structure),
        ("BODYSTRUCTURE", Needs::Structure, Needs::Structure),
        ("BINARY.SIZE[1]", Needs::Structure, Needs::Structure),
    ];
    for (items, counted, uncounted) in cases {
        assert_eq!(plan(items).needs(&facts(Some(1))), counted, "{items}");
        assert_eq!(plan(items).needs(&facts(None)), uncounted, "{items}");
    }
}

#[test]
fn only_content_that_is_not_peeked_at_sets_seen() {
    let sets = [
        "BODY[]",
        "BODY[1]",
        "BODY[HEADER]",
        "RFC822",
        "RFC822.TEXT",
        "BINARY[1]",
    ];
    let leaves = [
        "BODY.PEEK[]",
        "RFC822.HEADER",
        "BINARY.PEEK[1]",
        "BINARY.SIZE[1]",
        "BODY",
        "FULL",
    ];
    assert!(sets.iter().all(|items| plan(items).sets_seen()));
    assert!(!leaves.iter().any(|items| plan(items).sets_seen()));
    assert!(plan("(FLAGS BODY[TEXT])").sets_seen());
}

#[test]
fn uid_fetch_tells_the_uid_and_condstore_the_mod_sequence() {
    let facts = facts(None);
    let fetched = Fetched::new(NUMBER, &facts);
    let told = |items: &str, by, mod_seq| {
        let plan = FetchPlan::new(&items.parse().unwrap(), by, mod_seq);
        let wire = plan.answer(&fetched).unwrap().fetch.wire().to_vec();
        String::from_utf8(wire).unwrap()
    };
    let flags = "FLAGS (\\Seen)";
    let cases = [
        ("FLAGS", By::Number, ModSeq::IfAsked, flags.to_owned()),
        ("FLAGS", By::Uid, ModSeq::IfAsked, format!("UID 77 {flags}")),
        (
            "(FLAGS UID)",
            By::Uid,
            ModSeq::IfAsked,
            format!("{flags} UID 77"),
        ),
        (
            "FLAGS",
            By::Uid,
            ModSeq::Always,
            format!("UID 77 {flags} MODSEQ (12)"),
        ),
        (
            "(MODSEQ FLAGS)",
            By::Number,
            ModSeq::Always,
            format!("MODSEQ (12) {flags}"),
        ),
        ("PREVIEW", By::Number, ModSeq::IfAsked, "PREVIEW NIL".into()),
    ];
    for (items, by, mod_seq, expected) in cases {
        assert_eq!(told(items, by, mod_seq), format!("* 3 FETCH ({expected})"));
    }
}

#[test]
fn flags_that_the_fetch_changed_are_told_with_it() {
    let mut facts = facts(Some(2));
    facts.recent = Recent::Yes;
    let mut fetched = Fetched::new(NUMBER, &facts);
    fetched.seen = Seen::JustSet;
    fetched.text = Text::Whole(b"hi");
    let answer = plan("BODY[]").answer(&fetched).unwrap();
    let expected = b"* 3 FETCH (BODY[] {2}\r\nhi FLAGS (\\Seen \\Recent))";
    assert_eq!(
        answer.fetch.wire().escape_ascii().to_string(),
        expected.escape_ascii().to_string()
    );
    let answer = plan("(FLAGS BODY[])").answer(&fetched).unwrap();
    assert!(answer.fetch.wire().ends_with(b"BODY[] {2}\r\nhi)"));
}

#[test]
fn sections_are_named_as_they_were_asked_for() {
    let message = "Subject: s\nX: y\n\nhello\n";
    let cases = [
        (
            "BODY.PEEK[]",
            "BODY[] {27}\r\nSubject: s\r\nX: y\r\n\r\nhello\r\n",
        ),
        (
            "RFC822",
            "RFC822 {27}\r\nSubject: s\r\nX: y\r\n\r\nhello\r\n",
        ),
        (
            "RFC822.HEADER",
            "RFC822.HEADER {20}\r\nSubject: s\r\nX: y\r\n\r\n",
        ),
        ("RFC822.TEXT", "RFC822.TEXT {7}\r\nhello\r\n"),
        ("body[text]", "BODY[TEXT] {7}\r\nhello\r\n"),
        ("BODY[1]", "BODY[1] {7}\r\nhello\r\n"),
        ("BODY[1.2.TEXT]", "BODY[1.2.TEXT] NIL"),
        (
            "BODY[1.mime]",
            "BODY[1.MIME] {20}\r\nSubject: s\r\nX: y\r\n\r\n",
        ),
        (
            "BODY[HEADER.FIELDS (x \"a b\")]",
            "BODY[HEADER.FIELDS (x \"a b\")] {8}\r\nX: y\r\n\r\n",
        ),
        (
            "BODY.PEEK[HEADER.FIELDS.NOT (x)]<3.4>",
            "BODY[HEADER.FIELDS.NOT (x)]<3> {4}\r\nject",
        ),
        ("BINARY[1]<1.3>", "BINARY[1]<1> ~{3}\r\nell"),
        ("BINARY[2]", "BINARY[2] NIL"),
        ("BINARY.SIZE[1]", "BINARY.SIZE[1] 7"),
        ("BINARY.SIZE[2]", "BINARY.SIZE[2] 0"),
        ("BINARY.SIZE[]", "BINARY.SIZE[] 27"),
    ];
    for (items, expected) in cases {
        assert_eq!(told(items, message), expected, "{items}");
    }
}

#[test]
fn imap_11_pieces_end_where_the_section_ends() {
    let message = "Subject: s\n\nhello\n";
    let cases = [
        ("BODY[TEXT]<0.5>", "BODY[TEXT]<0> {5}\r\nhello"),
        ("BODY[TEXT]<4.100>", "BODY[TEXT]<4> {3}\r\no\r\n"),
        ("BODY[TEXT]<7.1>", "BODY[TEXT]<7> {0}\r\n"),
        ("BODY[TEXT]<0.4294967295>", "BODY[TEXT]<0> {7}\r\nhello\r\n"),
        (
            "BODY[]<4294967295.4294967295>",
            "BODY[]<4294967295> {0}\r\n",
        ),
        (
            "BODY[HEADER.FIELDS (SUBJECT)]<100.1>",
            "BODY[HEADER.FIELDS (SUBJECT)]<100> {0}\r\n",
        ),
        ("BODY[2]<0.1>", "BODY[2]<0> NIL"),
        ("BODY[4294967295]", "BODY[4294967295] NIL"),
        (
            "BINARY[1]<4294967295.4294967295>",
            "BINARY[1]<4294967295> ~{0}\r\n",
        ),
    ];
    for (items, expected) in cases {
        assert_eq!(told(items, message), expected, "{items}");
    }
    let deepest = vec!["1"; 64].join(".");
    let items = format!("BODY[{deepest}]");
    assert_eq!(told(&items, message), format!("BODY[{deepest}] NIL"));
}

#[test]
fn imap_29_binary_undoes_the_transfer_encoding() {
    let part =
        |encoding: &str, body: &str| format!("Content-Transfer-Encoding: {encoding}\n\n{body}");
    let cases = [
        (part("base64", "aGVs\nbG8=\n"), "hello"),
        (part("BASE64 (really)", "aGVsbG8"), "hello"),
        (part("base64", ""), ""),
        (part("base64", "!*'$%&\n"), ""),
        (part("quoted-printable", "h=65l=\nlo"), "hello"),
        (part("quoted-printable", "=XY"), "=XY"),
        (part("8bit", "plain=41"), "plain=41"),
        (part("", "plain"), "plain"),
        (part("7bit; charset=x", "plain"), "plain"),
        // The charset is nobody's business here.
        (
            "Content-Type: text/plain; charset=x-none\nContent-Transfer-Encoding: base64\n\n+/8="
                .into(),
            "\u{fb}\u{ff}",
        ),
    ];
    for (message, expected) in &cases[..9] {
        let len = expected.len();
        assert_eq!(
            told("BINARY.PEEK[1]", message),
            format!("BINARY[1] ~{{{len}}}\r\n{expected}")
        );
        assert_eq!(
            told("BINARY.SIZE[1]", message),
            format!("BINARY.SIZE[1] {len}")
        );
        if len > 2 {
            let piece = &expected[1..3];
            assert_eq!(
                told("BINARY[1]<1.2>", message),
                format!("BINARY[1]<1> ~{{2}}\r\n{piece}")
            );
        }
    }
    let answer = whole("BINARY[1]", &crlf(&cases[9].0)).unwrap();
    assert!(answer.fetch.wire().ends_with(b"~{2}\r\n\xFB\xFF)"));
}

#[test]
fn imap_29_an_unknown_transfer_encoding_fails_only_binary() {
    let message = b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin";
    for items in [
        "BINARY[1]",
        "BINARY.PEEK[1]",
        "BINARY.SIZE[1]",
        "(FLAGS BINARY[1]<0.1>)",
    ] {
        for answer in [whole(items, message), apart(items, message)] {
            assert_eq!(
                answer.unwrap_err(),
                Unanswerable::UnknownEncoding,
                "{items}"
            );
        }
    }
    let shown = String::from_utf8_lossy(message).replace("\r\n", "\n");
    assert_eq!(told("BODY[1]", &shown), "BODY[1] {5}\r\nbegin");
    assert_eq!(told("BINARY[2]", &shown), "BINARY[2] NIL");
    assert_eq!(told("BODY[2.MIME]", &shown), "BODY[2.MIME] NIL");
}

#[test]
fn binary_of_what_has_parts_is_what_it_is() {
    let within = "--fourth\r\nContent-Type: image/gif\r\n";
    assert!(told("BINARY[4]", NESTED).contains(within));
    assert!(told("BINARY[3]", NESTED).contains("\r\nSubject: three\r\n"));
    assert_eq!(told("BINARY[2]", NESTED), "BINARY[2] ~{3}\r\ntwo");
}

#[test]
fn large_content_follows_the_response_in_the_order_of_the_items() {
    let long = "0123456789abcdef\n".repeat(4_000);
    let message = format!(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n{long}--b\n\
         Content-Transfer-Encoding: base64\n\n{}\n--b--\n",
        "QUJD".repeat(10_000)
    );
    let items =
        "(BODY[1] UID BINARY[2]<1.20000> BODY[2]<4.4> RFC822.TEXT BINARY.SIZE[2] RFC822 BODY[9])";
    let octets = crlf(&message);
    let answer = whole(items, &octets).unwrap();
    let lens: Vec<_> = answer.bodies.iter().map(BodySource::octets).collect();
    let text = Structure::of(&octets).root().unwrap().octets();
    assert_eq!(lens, [71_998, 20_000, text, octets.len() as u64]);
    assert!(matches!(answer.bodies[0], BodySource::Range(_)));
    assert!(matches!(answer.bodies[1], BodySource::Octets(_)));

    let answer = apart(items, &octets).unwrap();
    let decoded = BodySource::Decoded {
        range: answer.bodies[1].range().unwrap(),
        encoding: Encoding::Base64,
        window: 1..20_001,
    };
    assert_eq!(answer.bodies[1], decoded);
    let told = told(items, &message);
    assert!(told.contains(" BINARY[2]<1> ~{20000}\r\nBCABC"));
    assert!(told.contains(" BODY[2]<4> {4}\r\nQUJD RFC822.TEXT {"));
    assert!(told.ends_with(" BODY[9] NIL"));
}

#[test]
fn envelope_and_structure_are_within_the_response() {
    let structure = Structure::of(&crlf(NESTED));
    let told = told("FULL", NESTED);
    let expected = [
        "FLAGS (\\Seen) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE ".into(),
        structure.octets().to_string(),
        " ENVELOPE ".into(),
        String::from_utf8_lossy(structure.envelope().wire()).into_owned(),
        " BODY ".into(),
        String::from_utf8_lossy(structure.body(BodyForm::Body).wire()).into_owned(),
    ];
    assert_eq!(told, expected.concat());
}

#[test]
fn what_the_caller_left_out_is_said() {
    let message = b"Content-Transfer-Encoding: base64\r\n\r\naGk=";
    let (structure, facts) = (Structure::of(message), facts(None));
    let mut fetched = Fetched::new(NUMBER, &facts);
    for items in [
        "ENVELOPE",
        "RFC822.SIZE",
        "BODY[]",
        "BODY[1]",
        "BINARY.SIZE[1]",
        "BODYSTRUCTURE",
    ] {
        let error = plan(items).answer(&fetched).unwrap_err();
        assert_eq!(error, Unanswerable::Unscanned, "{items}");
    }
    fetched.structure = Some(&structure);
    for items in ["BINARY[1]", "BINARY.SIZE[1]"] {
        let error = plan(items).answer(&fetched).unwrap_err();
        assert_eq!(error, Unanswerable::Unmeasured, "{items}");
    }
    let twice = plan("(BINARY.SIZE[1] BINARY[1] BINARY[2])").measures(&structure);
    assert_eq!(twice.len(), 1);
}
