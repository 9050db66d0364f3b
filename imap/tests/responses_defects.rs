//! Responses of servers that are not what the RFCs say: each defect is read with its tolerance,
//! told as a notice, and refused, or kept as an invalid item, without it.

use bytes::Bytes;
use mailwire_imap::{
    bodystructure::PartKind,
    capability::Capability,
    flag::Flag,
    response::{Code, Condition, Fetch, FetchItem, Response, StatusItem, Tolerance, Tolerances},
};

use crate::responses::{fetch, lenient, nz, status, strict};

/// Reads a whole response that needs exactly one tolerance, and is refused without it.
fn needs(wire: &[u8], defect: Tolerance) -> Response {
    let frame = Bytes::copy_from_slice(wire);
    let without = Tolerances::ALL.without(defect);
    assert!(
        Response::parse(frame.clone(), without).is_err(),
        "{} needs {defect:?}",
        wire.escape_ascii()
    );
    assert!(strict(wire).is_err());
    let only = Tolerances::NONE.with(defect);
    let (response, notices) = Response::parse(frame, only)
        .unwrap_or_else(|error| panic!("{error}: {}", wire.escape_ascii()));
    assert_eq!(notices.tolerated(), only);
    assert_eq!(notices.invalid_items(), 0);
    response
}

/// The same for an item of FETCH, which is invalid without the tolerance.
fn needs_item(wire: &[u8], defect: Tolerance) -> Fetch {
    let frame = Bytes::copy_from_slice(wire);
    for without in [Tolerances::NONE, Tolerances::ALL.without(defect)] {
        let (_, notices) = Response::parse(frame.clone(), without).unwrap();
        assert!(notices.invalid_items() > 0, "{}", wire.escape_ascii());
    }
    let only = Tolerances::NONE.with(defect);
    let (response, notices) = Response::parse(frame, only).unwrap();
    assert_eq!(notices.tolerated(), only);
    assert_eq!(notices.invalid_items(), 0, "{response:?}");
    let Response::Fetch(fetch) = response else {
        panic!("{response:?}");
    };
    fetch
}

fn body(fields: &str) -> Vec<u8> {
    format!("* 1 FETCH (UID 5 BODYSTRUCTURE {fields} FLAGS (\\Seen))").into_bytes()
}

#[test]
fn imap_48_peers_1_nil_as_the_value_of_a_parameter() {
    let wire =
        body("(\"TEXT\" \"PLAIN\" (\"boundary\" NIL \"CHARSET\" \"x\") NIL NIL \"7BIT\" 1 1)");
    let fetch = needs_item(&wire, Tolerance::NilParameter);
    let structure = fetch.body_structure().unwrap();
    let part = structure.root().unwrap();
    assert!(part.parameter("boundary").is_none());
    assert_eq!(part.parameter("charset").unwrap(), "x");
    assert_eq!(part.parameters().count(), 2);
}

#[test]
fn imap_48_peers_3_esearch_and_special_use_are_known() {
    assert!(matches!(
        strict(b"* ESEARCH (TAG \"a\") ALL 1"),
        Ok(Response::ESearch(_))
    ));
    let Ok(Response::List(list)) = strict(b"* LIST (\\Trash) NIL x") else {
        panic!();
    };
    assert_eq!(list.attributes().count(), 1);
}

#[test]
fn imap_48_peers_4_a_space_behind_status() {
    let response = needs(b"* STATUS INBOX (MESSAGES 3) ", Tolerance::TrailingSpace);
    let Response::MailboxStatus(status) = response else {
        panic!("{response:?}");
    };
    assert!(status.items().eq([StatusItem::Messages(3)]));
}

#[test]
fn imap_48_peers_5_status_without_items() {
    let Ok(Response::MailboxStatus(status)) = strict(b"* STATUS \"INBOX\" ()") else {
        panic!();
    };
    assert_eq!(status.items().count(), 0);
}

#[test]
fn imap_48_peers_6_spaces_at_the_end_and_in_lists() {
    let response = needs(b"* CAPABILITY IMAP4rev1 IDLE ", Tolerance::TrailingSpace);
    assert!(matches!(response, Response::Capability(names) if names.contains(Capability::Idle)));
    let response = needs(b"* SEARCH 1 2 ", Tolerance::TrailingSpace);
    assert!(matches!(response, Response::Search(found) if found.iter().eq([nz(1), nz(2)])));
    needs(b"* SEARCH ", Tolerance::TrailingSpace);
    let response = needs(b"* ID (\"name\" \"x\" )", Tolerance::SpaceInParentheses);
    assert!(matches!(response, Response::Id(id) if id.field("name").unwrap() == "x"));
    let response = needs(b"* FLAGS ( \\Seen \\Draft )", Tolerance::SpaceInParentheses);
    assert!(matches!(response, Response::Flags(list) if list.flags().contains(&Flag::Draft)));
    let fetch = needs_item(
        b"* 1 FETCH (FLAGS (\\Seen ) UID 5)",
        Tolerance::SpaceInParentheses,
    );
    assert_eq!(fetch.flags().unwrap().iter().count(), 1);
    assert_eq!(fetch.uid(), Some(nz(5)));
}

#[test]
fn imap_48_peers_7_a_code_without_text_and_brackets_in_text() {
    let response = needs(b"* OK [HIGHESTMODSEQ 7]", Tolerance::MissingText);
    assert!(matches!(&response, Response::Status(status)
        if status.code() == Some(Code::HighestModSeq(7)) && status.text().is_empty()));
    needs(b"* OK", Tolerance::MissingText);
    needs(b"a OK", Tolerance::MissingText);
    // Legal, with nothing behind the space.
    assert_eq!(status(b"a OK ").condition(), Condition::Ok);
    for text in ["[", "[]", "[CAPABILITY", "[unknown]text", "[ x] y", "[]x"] {
        let read = status(format!("* OK {text}").as_bytes());
        assert_eq!(read.code(), None, "{text}");
        assert_eq!(read.text(), text);
    }
}

#[test]
fn imap_48_peers_8_and_17_raw_octets_in_strings_harm_nothing() {
    // UTF-8 in quotes is RFC 9051's grammar.
    let wire = "* 1 FETCH (ENVELOPE (NIL \"gr\u{fc}n\" NIL NIL NIL NIL NIL NIL NIL NIL) UID 2)";
    let fetch_utf8 = fetch(wire.as_bytes());
    assert_eq!(
        fetch_utf8.envelope().unwrap().subject().unwrap(),
        "gr\u{fc}n"
    );
    let wire = b"* 1 FETCH (ENVELOPE (NIL \"gr\xfcn\" NIL NIL NIL NIL NIL NIL NIL NIL) UID 2)";
    let latin1 = needs_item(wire, Tolerance::EightBitText);
    let envelope = latin1.envelope().unwrap();
    assert_eq!(&*envelope.subject().unwrap().octets(), b"gr\xfcn");
    assert!(envelope.subject().unwrap().to_str().is_err());
    // A literal may hold them anyway.
    let wire = b"* 1 FETCH (ENVELOPE (NIL {2}\r\n\xfc\xff NIL NIL NIL NIL NIL NIL NIL NIL) UID 2)";
    assert_eq!(
        &*fetch(wire).envelope().unwrap().subject().unwrap().octets(),
        b"\xfc\xff"
    );
    needs(b"* OK gr\xfcn", Tolerance::EightBitText);
    needs(b"* LIST () \"/\" gr\xfcn", Tolerance::EightBitText);
}

#[test]
fn imap_48_peers_9_an_answer_without_the_item_is_seen_as_such() {
    let fetch = fetch(b"* 1 FETCH (UID 5)");
    assert!(fetch.section(b"").is_none());
    assert!(
        !fetch
            .items()
            .any(|item| matches!(item, FetchItem::Rfc822(_)))
    );
}

#[test]
fn imap_48_peers_13_nil_as_transfer_encoding_and_lines() {
    let wire = body("(\"IMAGE\" \"PNG\" NIL NIL NIL NIL 9)");
    let fetch = needs_item(&wire, Tolerance::NilEncoding);
    assert!(
        fetch
            .body_structure()
            .unwrap()
            .root()
            .unwrap()
            .encoding()
            .is_none()
    );
    for lines in [" NIL", ""] {
        let wire = body(&format!(
            "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 9{lines})"
        ));
        let fetch = needs_item(&wire, Tolerance::NilLines);
        let structure = fetch.body_structure().unwrap();
        let part = structure.root().unwrap();
        assert_eq!((part.kind(), part.lines()), (PartKind::Text, None));
    }
}

#[test]
fn imap_48_peers_14_doubled_spaces() {
    let response = needs(b"*  5 EXISTS", Tolerance::DoubledSpace);
    assert_eq!(response, Response::Exists(5));
    let fetch = needs_item(
        b"* 1 FETCH (UID 5   FLAGS (\\Seen))",
        Tolerance::DoubledSpace,
    );
    assert_eq!(fetch.items().count(), 2);
    assert!(fetch.flags().is_some());
}

#[test]
fn imap_48_peers_15_spaces_between_addresses_and_a_bare_plus() {
    let wire = b"* 1 FETCH (ENVELOPE (NIL NIL ((NIL NIL \"a\" \"b\") (NIL NIL \"c\" \"d\")) NIL NIL NIL NIL NIL NIL NIL) UID 2)";
    let fetch = needs_item(wire, Tolerance::SpaceBetweenItems);
    assert_eq!(fetch.envelope().unwrap().from().count(), 2);
    let leaf = "(\"IMAGE\" \"PNG\" NIL NIL NIL \"7BIT\" 9)";
    let fetch = needs_item(
        &body(&format!("({leaf} {leaf} \"MIXED\")")),
        Tolerance::SpaceBetweenItems,
    );
    let structure = fetch.body_structure().unwrap();
    assert_eq!(structure.root().unwrap().children().count(), 2);
    assert_eq!(structure.parts().count(), 3);
    let response = needs(b"+", Tolerance::ContinuationWithoutSpace);
    assert!(matches!(response, Response::Continuation(plus) if plus.text().is_empty()));
}

#[test]
fn imap_48_peers_18_quotation_marks_that_are_not_escaped() {
    let wire = b"* 1 FETCH (UID 2 ENVELOPE (NIL \"\"\"\" ((\"A \"B\"\" NIL \"a\" \"b\")) NIL NIL NIL NIL NIL NIL NIL))";
    let fetch = needs_item(wire, Tolerance::UnescapedQuote);
    let envelope = fetch.envelope().unwrap();
    assert_eq!(envelope.subject().unwrap(), "\"\"");
    assert_eq!(envelope.from().next().unwrap().name().unwrap(), "A \"B\"");
    // A mark in front of a space cannot be told from the end: the item is lost, not the others.
    let wire =
        b"* 1 FETCH (UID 2 ENVELOPE (NIL \"say \"hi\" now\" NIL NIL NIL NIL NIL NIL NIL NIL))";
    for tolerances in [Tolerances::NONE, Tolerances::ALL] {
        let (response, notices) = Response::parse(Bytes::from_static(wire), tolerances).unwrap();
        let Response::Fetch(fetch) = response else {
            panic!("{response:?}");
        };
        assert!(notices.invalid_items() > 0);
        assert_eq!(fetch.uid(), Some(nz(2)));
    }
}

#[test]
fn imap_48_peers_19_an_unknown_item_harms_nothing() {
    let fetch =
        fetch(b"* 1 FETCH (UID 2 X-A NIL X-B (a (\")\" {2}\r\n)))) X-C[1.2 x]<4> 5 FLAGS ())");
    let names: Vec<_> = fetch
        .items()
        .filter_map(|item| match item {
            FetchItem::Unknown { name, value } => Some((name.to_vec(), value.to_vec())),
            _ => None,
        })
        .collect();
    assert_eq!(
        names,
        [
            (b"X-A".to_vec(), b"NIL".to_vec()),
            (b"X-B".to_vec(), b"(a (\")\" {2}\r\n))))".to_vec()),
            (b"X-C[1.2 x]<4>".to_vec(), b"5".to_vec()),
        ]
    );
    assert!(fetch.flags().unwrap().is_empty());
    needs_item(b"* 1 FETCH (UID 5 )", Tolerance::SpaceInParentheses);
    // A quoted NIL is three letters.
    let wire = b"* 1 FETCH (ENVELOPE (NIL \"NIL\" NIL NIL NIL NIL NIL NIL NIL NIL))";
    assert_eq!(
        crate::responses::fetch(wire)
            .envelope()
            .unwrap()
            .subject()
            .unwrap(),
        "NIL"
    );
}

#[test]
fn imap_48_peers_20_literal_plus_among_the_capabilities() {
    let Ok(Response::Capability(names)) = strict(b"* CAPABILITY IMAP4rev1 LITERAL+ AUTH=PLAIN")
    else {
        panic!();
    };
    assert!(names.contains(Capability::LiteralPlus));
    let Ok(Response::Capability(names)) = strict(b"* capability imap4rev1 idle") else {
        panic!();
    };
    assert!(names.contains(Capability::Imap4Rev1));
}

#[test]
fn imap_48_peers_31_a_bad_bodystructure_costs_itself() {
    for bad in [
        "\"\"",
        "NIL",
        "(\"TEXT\" \"PLAIN\")",
        "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" -1 1)",
        "(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 1 1 NIL (x))",
        "((\"A\" \"B\" NIL NIL NIL \"7BIT\" 1))",
        "(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 1 (NIL) x 1)",
    ] {
        let wire = body(bad);
        for tolerances in [Tolerances::NONE, Tolerances::ALL] {
            let (response, notices) =
                Response::parse(Bytes::copy_from_slice(&wire), tolerances).unwrap();
            let Response::Fetch(fetch) = response else {
                panic!("{response:?}");
            };
            assert_eq!(notices.invalid_items(), 1, "{bad}");
            let items: Vec<_> = fetch.items().collect();
            assert_eq!(items.len(), 3, "{bad}");
            assert!(
                matches!(&items[1], FetchItem::Invalid { name: b"BODYSTRUCTURE", value, .. }
                if *value == bad.as_bytes())
            );
            assert_eq!(fetch.uid(), Some(nz(5)));
            assert!(fetch.flags().unwrap().contains(&Flag::Seen));
            assert!(fetch.body_structure().is_none());
        }
    }
}

#[test]
fn imap_48_peers_32_bare_dispositions_messages_and_empty_lists() {
    let wire = body("(\"IMAGE\" \"PNG\" NIL NIL NIL \"7BIT\" 1 NIL \"attachment\" NIL NIL)");
    let fetch = needs_item(&wire, Tolerance::BareDisposition);
    let structure = fetch.body_structure().unwrap();
    let disposition = structure.root().unwrap().disposition().unwrap();
    assert_eq!(disposition.kind(), "attachment");
    assert_eq!(disposition.parameters().count(), 0);
    let wire = body("(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 1 NIL)");
    let fetch = needs_item(&wire, Tolerance::BareMessage);
    assert_eq!(
        fetch.body_structure().unwrap().root().unwrap().kind(),
        PartKind::Basic
    );
    let wire = body("(\"IMAGE\" \"PNG\" () NIL NIL \"7BIT\" 1)");
    needs_item(&wire, Tolerance::EmptyList);
    let wire = b"* 1 FETCH (ENVELOPE (NIL NIL () NIL NIL NIL NIL NIL NIL NIL))";
    let fetch = needs_item(wire, Tolerance::EmptyList);
    assert_eq!(fetch.envelope().unwrap().from().count(), 0);
}

#[test]
fn imap_48_a_useless_escape_is_left_out() {
    let wire = b"* 1 FETCH (ENVELOPE (NIL \"a\\bc\" NIL NIL NIL NIL NIL NIL NIL NIL))";
    let fetch = needs_item(wire, Tolerance::UselessEscape);
    assert_eq!(fetch.envelope().unwrap().subject().unwrap(), "abc");
}

#[test]
fn each_tolerance_is_in_all_and_none_in_none() {
    for one in Tolerance::EVERY {
        assert!(Tolerances::ALL.contains(one) && !Tolerances::NONE.contains(one));
        assert!(Tolerances::NONE.with(one).iter().eq([one]));
    }
    assert!(lenient(b"* 1 EXISTS").unwrap().1.is_empty());
}

#[test]
fn imap_46_an_empty_string_as_the_separator_of_a_flat_namespace() {
    let response = needs(b"* LIST () \"\" x", Tolerance::EmptyDelimiter);
    assert!(matches!(response, Response::List(list) if list.delimiter().is_none()));
    let response = needs(
        b"* NAMESPACE ((\"\" \"\")) NIL NIL",
        Tolerance::EmptyDelimiter,
    );
    assert!(matches!(response, Response::Namespace(spaces)
        if spaces.personal().all(|space| space.delimiter().is_none())));
}

#[test]
fn a_literal8_stands_for_binary_content_only() {
    let read = fetch(b"* 1 FETCH (BINARY[1] ~{1}\r\n\0 UID 5)");
    assert!(
        read.items()
            .any(|item| matches!(item, FetchItem::Binary { .. }))
    );
    let (_, notices) = lenient(b"* 1 FETCH (BODY[1] ~{1}\r\n\0 UID 5)").unwrap();
    assert_eq!(notices.invalid_items(), 1);
}
