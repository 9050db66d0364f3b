//! Responses that are made to hurt: depth, numbers, sets, floods of tokens, damaged octets.

use bytes::Bytes;
use mailwire_imap::{
    bodystructure::BodyStructure,
    error::Expected,
    response::{Code, ESearchItem, FetchItem, Response, Tolerances},
};

use crate::responses::{fetch, lenient, nz, strict};

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

const LEAF: &str = "(\"IMAGE\" \"PNG\" NIL NIL NIL \"7BIT\" 1)";

fn nested(levels: usize) -> String {
    format!(
        "{}{LEAF}{}",
        "(".repeat(levels),
        " \"MIXED\")".repeat(levels)
    )
}

fn nested_messages(levels: usize) -> String {
    let head =
        "(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 1 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) ";
    format!("{}{LEAF}{}", head.repeat(levels), " 1)".repeat(levels))
}

#[test]
fn imap_38_bodystructure_works_to_64_levels_and_not_to_65() {
    on_a_small_stack(|| {
        for make in [nested, nested_messages] {
            let body = BodyStructure::parse(make(64).into(), Tolerances::NONE).unwrap();
            assert_eq!(body.parts().count(), 65);
            let mut parts = body.parts();
            parts.nth(64).unwrap();
            assert_eq!(
                parts.path().len(),
                if make(1).starts_with("((") { 64 } else { 65 }
            );
            let mut part = body.root().unwrap();
            for _ in 0..64 {
                part = part.children().next().unwrap();
            }
            assert!(part.is("image", "png"));
            for levels in [65, 66, 1_000] {
                let error =
                    BodyStructure::parse(make(levels).into(), Tolerances::NONE).unwrap_err();
                assert_eq!(error.expected, Expected::ShallowerNesting);
                let wire = format!("* 1 FETCH (UID 7 BODYSTRUCTURE {} FLAGS ())", make(levels));
                let (Response::Fetch(fetch), notices) = lenient(wire.as_bytes()).unwrap() else {
                    panic!();
                };
                assert_eq!(notices.invalid_items(), 1);
                assert!(fetch.flags().is_some() && fetch.uid() == Some(nz(7)));
                let invalid = fetch.items().nth(1).unwrap();
                assert!(
                    matches!(invalid, FetchItem::Invalid { name: b"BODYSTRUCTURE", error, .. }
                    if error.expected == Expected::ShallowerNesting)
                );
            }
        }
    });
}

#[test]
fn imap_38_a_hundred_thousand_parentheses_are_an_error_on_a_small_stack() {
    on_a_small_stack(|| {
        let open = "(".repeat(100_000);
        let both = format!("{open}{}", ")".repeat(100_000));
        for deep in [&open, &both] {
            for head in [
                "* 1 FETCH (BODYSTRUCTURE ",
                "* 1 FETCH (BODY ",
                "* 1 FETCH (ENVELOPE ",
                "* 1 FETCH (X-Y ",
            ] {
                let (response, notices) = lenient(format!("{head}{deep})").as_bytes()).unwrap();
                assert_eq!(notices.invalid_items(), 1, "{head}");
                assert_eq!(response, response.clone());
            }
            for head in [
                "* THREAD ",
                "* LIST () NIL x (\"TAG\" ",
                "* LIST ",
                "* NAMESPACE ((\"\" \"/\" \"X\" ",
                "* ID ",
                "* STATUS x ",
                "* FLAGS ",
                "* ESEARCH ",
            ] {
                assert!(
                    lenient(format!("{head}{deep}").as_bytes()).is_err(),
                    "{head}"
                );
            }
        }
        assert!(lenient(format!("* STATUS x (X {open})").as_bytes()).is_err());
        let (_, notices) = lenient(format!("* STATUS x (X {both})").as_bytes()).unwrap();
        assert_eq!(notices.invalid_items(), 0);
    });
}

#[test]
fn imap_38_threads_branch_to_64_and_not_to_65() {
    on_a_small_stack(|| {
        let deep = |levels: usize| {
            format!(
                "* THREAD {}2{}",
                "(1 (3)".repeat(levels - 1) + "(",
                ")".repeat(levels)
            )
        };
        let Ok(Response::Thread(thread)) = strict(deep(64).as_bytes()) else {
            panic!();
        };
        assert_eq!(thread.iter().count(), 127);
        let error = strict(deep(65).as_bytes()).unwrap_err();
        assert_eq!(error.expected, Expected::ShallowerNesting);
        let line: Vec<_> = (1..=100_000)
            .map(|number: u32| number.to_string())
            .collect();
        let Ok(Response::Thread(thread)) =
            strict(format!("* THREAD ({})", line.join(" ")).as_bytes())
        else {
            panic!();
        };
        assert_eq!(thread.iter().last().unwrap().level(), 99_999);
    });
}

#[test]
fn imap_38_list_values_are_64_deep_at_most() {
    let list = |levels: usize| {
        format!(
            "* LIST () NIL x (\"TAG\" {}a{})",
            "(".repeat(levels),
            ")".repeat(levels)
        )
    };
    assert!(strict(list(64).as_bytes()).is_ok());
    let error = strict(list(65).as_bytes()).unwrap_err();
    assert_eq!(error.expected, Expected::ShallowerNesting);
}

#[test]
fn imap_36_giant_and_reversed_sets_stay_ranges() {
    let Ok(Response::Status(status)) = strict(b"* OK [COPYUID 1 1:4294967295 4294967295:1] done")
    else {
        panic!();
    };
    let Some(Code::CopyUid { source, target, .. }) = status.code() else {
        panic!("{status:?}");
    };
    assert_eq!(
        (source.count(), target.count()),
        (Some(u64::from(u32::MAX)), Some(u64::from(u32::MAX)))
    );
    assert_eq!(source.iter().count(), 1);
    let Ok(Response::Vanished(vanished)) = strict(b"* VANISHED (EARLIER) 4294967295:1,5") else {
        panic!();
    };
    assert_eq!(vanished.uids().unwrap().iter().count(), 2);
    let Ok(Response::ESearch(found)) = strict(b"* ESEARCH (TAG \"a\") UID ALL 1:4294967295") else {
        panic!();
    };
    assert!(matches!(found.items().next(), Some(ESearchItem::All(set)) if set.iter().count() == 1));
}

#[test]
fn imap_36_sets_of_unequal_size_and_bad_sets_are_invalid() {
    for code in [
        "COPYUID 1 1:2 1",
        "COPYUID 1 1 1:4294967295",
        "COPYUID 1 1:* 1:*",
        "COPYUID 0 1 1",
        "COPYUID 1 1",
        "COPYUID",
        "APPENDUID 1 0",
        "APPENDUID 1 *",
        "APPENDUID 4294967296 1",
        "MODIFIED 1,",
        "MODIFIED $",
        "HIGHESTMODSEQ 9223372036854775808",
        "UIDNEXT 0",
        "UIDNEXT x",
        "PERMANENTFLAGS (",
        "MAILBOXID ()",
    ] {
        let wire = format!("* OK [{code}] text");
        let (Response::Status(status), notices) = lenient(wire.as_bytes()).unwrap() else {
            panic!();
        };
        assert_eq!(notices.invalid_items(), 1, "{code}");
        assert_eq!(
            status.code(),
            Some(Code::Invalid(code.as_bytes())),
            "{code}"
        );
        assert_eq!(status.text(), "text");
    }
    for wire in [
        "* VANISHED",
        "* VANISHED *",
        "* VANISHED 0",
        "* VANISHED 1:4294967296",
        "* VANISHED (EARLIER)",
    ] {
        assert!(lenient(wire.as_bytes()).is_err(), "{wire}");
    }
    for (wire, name) in [
        ("ALL 1:*", b"ALL"),
        ("MIN 0", b"MIN"),
        ("ALL 1,,2", b"ALL"),
        ("MAX 1x", b"MAX"),
    ] {
        let wire = format!("* ESEARCH (TAG \"a\") {wire} COUNT 1");
        let (Response::ESearch(found), notices) = lenient(wire.as_bytes()).unwrap() else {
            panic!();
        };
        assert_eq!(notices.invalid_items(), 1);
        let items: Vec<_> = found.items().collect();
        assert!(matches!(&items[0], ESearchItem::Invalid { name: n, .. } if n == name));
        assert_eq!(items[1], ESearchItem::Count(1));
    }
}

#[test]
fn imap_37_many_tokens_in_one_response_cost_linear_time() {
    let many = 200_000;
    let fetch = |value: &str, count: usize| {
        let wire = format!("* 1 FETCH (X ({}) UID 5)", vec![value; count].join(" "));
        let Ok(Response::Fetch(fetch)) = strict(wire.as_bytes()) else {
            panic!();
        };
        assert_eq!(fetch.uid(), Some(nz(5)));
    };
    fetch("{0}\r\n", many);
    fetch("x", many);
    fetch("\"\"", many);
    let items = "UID 5 ".repeat(many);
    let wire = format!("* 1 FETCH ({}FLAGS ())", items);
    let Ok(Response::Fetch(read)) = strict(wire.as_bytes()) else {
        panic!();
    };
    assert_eq!(read.items().count(), many + 1);
    let parts = format!("* 1 FETCH (BODY ({} \"MIXED\"))", LEAF.repeat(many / 8));
    let Ok(Response::Fetch(read)) = strict(parts.as_bytes()) else {
        panic!();
    };
    assert_eq!(read.body_structure().unwrap().parts().count(), many / 8 + 1);
    let numbers = format!("* SEARCH{}", " 7".repeat(many));
    assert!(
        matches!(strict(numbers.as_bytes()), Ok(Response::Search(found)) if found.iter().count() == many)
    );
    // Broken items: what is passed over is not read again and again.
    let broken = format!("* 1 FETCH ({}X (", "UID 0 ".repeat(many));
    let (Response::Fetch(read), notices) = lenient(broken.as_bytes()).unwrap() else {
        panic!();
    };
    assert_eq!(read.items().count(), many + 1);
    assert_eq!(notices.invalid_items() as usize, many + 1);
    let marks = format!("* 1 FETCH (X {}", "\"".repeat(many));
    assert!(lenient(marks.as_bytes()).is_ok());
}

#[test]
fn imap_40_odd_responses_are_kept_or_refused_and_never_a_panic() {
    for unknown in [
        "* X",
        "* QUOTA x",
        "* 5 X-THING a",
        "* XVERYLONGKEYWORDTHATNOBODYKNOWS y",
        "* x\0y",
        "* -1 EXISTS",
    ] {
        let Ok((Response::Unknown(kept), _)) = lenient(unknown.as_bytes()) else {
            panic!("{unknown}");
        };
        assert_eq!(kept.wire(), unknown.as_bytes());
    }
    let Ok(Response::Continuation(plus)) = strict(b"+ Nose[CAY a") else {
        panic!();
    };
    assert_eq!(plus.text(), "Nose[CAY a");
    for text in ["[", "[CAPABILITY", "[CAY a", ""] {
        assert!(strict(format!("+ {text}").as_bytes()).is_ok());
    }
    for wire in [
        &b"* 4294967296 EXISTS"[..],
        b"* 0 FETCH (UID 1)",
        b"* 4294967296 FETCH (UID 1)",
        b"* OK a\0b",
        b"* OK a\rb",
        b"+ a\0",
        b"*",
        b"* ",
        b"**",
        b" ",
        b"\0",
        b"a\0 OK",
        b"\xff OK x",
        b"* LIST () \"/\" \"a\0b\"",
        b"* LIST () \"/\" {4294967295}\r\nx",
        b"* LIST () \"/\" {99999999999999999999}\r\nx",
        b"* LIST () \"/\" {3}\r\nxy",
    ] {
        assert!(lenient(wire).is_err(), "{}", wire.escape_ascii());
    }
    let (_, notices) =
        lenient(b"* 1 FETCH (UID 0 RFC822.SIZE 9223372036854775808 MODSEQ (x))").unwrap();
    assert_eq!(notices.invalid_items(), 3);
}

#[test]
fn imap_40_sizes_and_numbers_are_as_wide_as_rfc_9051_says() {
    let read = fetch(b"* 4294967295 FETCH (RFC822.SIZE 9223372036854775807 MODSEQ (9223372036854775807) BODY[]<9223372036854775807> NIL)");
    assert_eq!(read.number(), nz(u32::MAX));
    assert_eq!(read.size(), Some(i64::MAX as u64));
    assert!(read.items().any(
        |item| matches!(item, FetchItem::Section { origin: Some(origin), .. }
        if origin == i64::MAX as u64)
    ));
}

#[test]
fn imap_46_names_can_be_selected_again_whatever_they_hold() {
    for (wire, name) in [
        (&b"* LIST () NIL \"a\tb\x01\""[..], &b"a\tb\x01"[..]),
        (b"* LIST () \"/\" &bad-", b"&bad-"),
        (b"* LIST () \"/\" {3}\r\n\xff\xfe\x7f", b"\xff\xfe\x7f"),
        (b"* LIST () \"/\" \"a \\\"b\\\\\"", b"a \"b\\"),
        (b"* LIST () \"\" NIL", b"NIL"),
    ] {
        let (Response::List(list), _) = lenient(wire).unwrap() else {
            panic!();
        };
        assert_eq!(list.mailbox().unwrap().as_bytes(), name);
    }
    let (Response::List(list), _) = lenient(b"* LIST () NIL inBox").unwrap() else {
        panic!();
    };
    assert!(list.mailbox().unwrap().is_inbox() && list.delimiter().is_none());
    for wire in [
        &b"* LIST () NIL {3}\r\na\r\n"[..],
        b"* LIST () NIL {2}\r\na\0",
    ] {
        if let Ok((Response::List(list), _)) = lenient(wire) {
            assert!(list.mailbox().is_err(), "{}", wire.escape_ascii());
        }
    }
}

#[test]
fn imap_40_damaged_octets_never_panic_and_read_the_same_twice() {
    let seeds: [&[u8]; 6] = [
        b"* 1 FETCH (FLAGS (\\Seen $a) UID 5 ENVELOPE (NIL \"s\" ((\"n\" NIL \"m\" \"h\")(NIL NIL NIL NIL)) NIL NIL NIL NIL NIL NIL {1}\r\nx) MODSEQ (5))",
        b"* 1 FETCH (BODYSTRUCTURE ((\"TEXT\" \"PLAIN\" (\"C\" \"D\") NIL NIL \"7BIT\" 1 1 NIL (\"A\" (\"B\" \"C\")) (\"de\" \"en\") NIL (1 (2)))(\"MESSAGE\" \"RFC822\" NIL NIL NIL \"7BIT\" 1 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) (\"A\" \"B\" NIL NIL NIL \"7BIT\" 1) 1) \"MIXED\" (\"a\" \"b\") NIL NIL))",
        b"* 1 FETCH (BODY[1.HEADER.FIELDS (A \"B\")]<5> {3}\r\nabc BINARY[1] ~{1}\r\n\0 INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" X[y] (z))",
        b"a OK [COPYUID 1 1:2 3,4] text",
        b"* LIST (\\A \\B) \"/\" \"x y\" (\"CHILDINFO\" (\"SUBSCRIBED\") \"OLDNAME\" ({1}\r\nz))",
        b"* THREAD (1 2 (3)(4 (5)(6)))((7)(8))",
    ];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % below
    };
    let octets = b"\0\r\n \"\\(){}[]<>*%+~0a9N\xff";
    for seed in seeds {
        for _ in 0..4_000 {
            let mut wire = seed.to_vec();
            for _ in 0..=random(4) {
                let at = random(wire.len());
                match random(4) {
                    0 => wire[at] = octets[random(octets.len())],
                    1 => wire.insert(at, octets[random(octets.len())]),
                    2 => {
                        wire.remove(at);
                    }
                    _ => {
                        let from = random(wire.len());
                        let piece = wire[from..wire.len().min(from + random(20))].to_vec();
                        wire.splice(at..at, piece);
                    }
                }
            }
            for tolerances in [Tolerances::NONE, Tolerances::ALL] {
                let Ok((response, notices)) =
                    Response::parse(Bytes::from(wire.clone()), tolerances)
                else {
                    continue;
                };
                let _ = format!("{response:?}");
                assert_eq!(response, response.clone(), "{}", wire.escape_ascii());
                if let Response::Fetch(fetch) = &response {
                    let items: Vec<_> = fetch.items().collect();
                    let invalid = items
                        .iter()
                        .filter(|item| matches!(item, FetchItem::Invalid { .. }));
                    assert_eq!(
                        invalid.count(),
                        notices.invalid_items() as usize,
                        "{}",
                        wire.escape_ascii()
                    );
                    for item in &items {
                        if let FetchItem::BodyStructure(body) = item {
                            assert!(body.parts().count() > 0, "{}", wire.escape_ascii());
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn imap_40_items_behind_the_eighth_and_repeated_ones_are_understood_alike() {
    let envelope =
        |subject: &str| format!("ENVELOPE (NIL \"{subject}\" NIL NIL NIL NIL NIL NIL NIL NIL)");
    let bad = "BODY (\"IMAGE\" \"PNG\" NIL NIL NIL NIL 1)";
    let wire = format!(
        "* 1 FETCH ({} {} {bad} UID 1 UID 2 UID 3 UID 4 UID 5 UID 6 {} {bad} UID 7 FLAGS (\\Seen))",
        envelope("one"),
        envelope("second"),
        envelope("third"),
    );
    for (tolerances, invalid) in [(Tolerances::NONE, 2), (Tolerances::ALL, 0)] {
        let (response, notices) = Response::parse(wire.clone().into(), tolerances).unwrap();
        let Response::Fetch(fetch) = response else {
            panic!("{response:?}");
        };
        assert_eq!(notices.invalid_items(), invalid);
        let items: Vec<_> = fetch.items().collect();
        assert_eq!(items.len(), 13);
        let subjects: Vec<_> = items
            .iter()
            .filter_map(|item| match item {
                FetchItem::Envelope(envelope) => Some(envelope.subject().unwrap().to_octets()),
                _ => None,
            })
            .collect();
        assert_eq!(subjects, [&b"one"[..], b"second", b"third"].map(Into::into));
        let bad = items.iter().filter(|item| {
            matches!(item, FetchItem::Invalid { name: b"BODY", error, .. }
            if error.expected == Expected::String)
        });
        assert_eq!(u32::try_from(bad.count()), Ok(invalid));
        // The last of several is what the getter shows; the walk shows all.
        assert_eq!(fetch.uid(), Some(nz(7)));
        assert!(fetch.flags().is_some());
        assert_eq!(fetch.clone(), fetch);
    }
}
