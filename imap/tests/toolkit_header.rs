//! Header fields, encoded words, dates, addresses, message identifiers, subjects.

use mailwire_imap::{
    envelope::AddressKind,
    toolkit::message::{
        address::addresses,
        date,
        header::Fields,
        msgid::ids,
        subject::base,
        text::{decode_charset, decode_value, decode_words},
    },
};

#[test]
fn fields_are_told_as_they_stand() {
    let header = b"From x@y Mon Jan  1 00:00:00 2024\r\nA: 1\r\n continued\r\n\t\r\nB:\r\n : c\r\nC\t : 3\r\n\
        \xFC: no name\r\n\r\nD: 4\r\n";
    let fields: Vec<_> = Fields::new(header)
        .map(|field| (field.name().to_vec(), field.value().into_owned()))
        .collect();
    let expected: [(&[u8], &[u8]); 5] = [
        (b"", b"From x@y Mon Jan  1 00:00:00 2024"),
        (b"A", b"1 continued"),
        (b"B", b": c"),
        (b"C", b"3"),
        (b"", b"\xFC: no name"),
    ];
    assert_eq!(fields.len(), expected.len());
    for (found, expected) in fields.iter().zip(expected) {
        assert_eq!((&*found.0, &*found.1), expected);
    }
    let raw: Vec<u8> = Fields::new(header)
        .flat_map(|field| field.raw().to_vec())
        .collect();
    assert!(header.starts_with(&raw));
    assert_eq!(raw.len() + "\r\nD: 4\r\n".len(), header.len());
}

#[test]
fn encoded_words_are_decoded_and_broken_ones_stay() {
    let cases: [(&[u8], &str); 18] = [
        (b"plain", "plain"),
        (b"=?ISO-8859-1?Q?a?=", "a"),
        // The examples of RFC 2047 §8.
        (b"(=?ISO-8859-1?Q?a?= b)", "(a b)"),
        (b"(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
        (b"(=?ISO-8859-1?Q?a?=  \t =?ISO-8859-1?Q?b?=)", "(ab)"),
        (b"(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
        (b"(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"),
        (b"=?utf-8*de?b?R3LDvMOfZQ==?= !", "Grüße !"),
        // A character that is cut by the border of two words.
        (b"=?utf-8?q?=C3?= =?utf-8?q?=BC?=", "ü"),
        (b"=?utf-8?q?=C3?= x =?utf-8?q?=BC?=", "\u{FFFD} x \u{FFFD}"),
        (b"=?iso-2022-jp?b?GyRCJDMbKEI=?=", "こ"),
        (b"=?x-unheard-of?q?a?=", "=?x-unheard-of?q?a?="),
        (b"=?utf-8?q?open", "=?utf-8?q?open"),
        (b"=?utf-8?x?a?= =?=? ?=", "=?utf-8?x?a?= =?=? ?="),
        (b"a=b=?utf-8?q?=?==?utf-8?q?c=zz?=", "a=b=c=zz"),
        (b"=?utf-8?q??=", ""),
        ("naïve".as_bytes(), "naïve"),
        (b"caf\xE9", "café"),
    ];
    for (value, expected) in cases {
        assert_eq!(decode_words(value), expected, "{}", value.escape_ascii());
    }
    assert_eq!(decode_value(b" a\r\n =?utf-8?q?=C3=BC?=\r\n"), "a ü");
    assert_eq!(decode_charset(b"utf-8", b"\xEF\xBB\xBFa"), "a");
    assert_eq!(decode_charset(b"us-ascii", b"a"), "a");
    assert_eq!(decode_charset(b"utf-16le", b"a\0"), "a");
}

#[test]
fn imap_14_dates_are_read_in_all_their_forms_and_nonsense_is_none() {
    let noon = 837_596_665;
    let cases: [(&str, Option<i64>); 30] = [
        ("Wed, 17 Jul 1996 02:44:25 -0700 (PDT)", Some(noon)),
        ("17 Jul 96 09:44:25 GMT", Some(noon)),
        ("Wed,17 Jul 1996 09:44:25", Some(noon)),
        ("Wed 17 jul 1996 09 : 44 : 25 UT", Some(noon)),
        (
            " Wed (a (b) \\) c), (d) 17 (e) July(f) 1996 02:44:25(g) PDT",
            Some(noon),
        ),
        ("17-Jul-1996 04:44:25 EST", Some(noon)),
        ("Wed, 17 Jul\r\n 1996 09:44:25 Z", Some(noon)),
        ("17 Jul 1996 09:44 +0000", Some(noon - 25)),
        ("1 Jan 49 00:00:00 +0000", Some(2_493_072_000)),
        ("1 Jan 50 00:00:00 +0000", Some(-631_152_000)),
        ("1 Jan 100 00:00:00 +0000", Some(946_684_800)),
        ("1 Jan 0000 00:00:00 +0000", Some(-62_167_219_200)),
        ("31 Dec 9999 23:59:60 +0000", Some(253_402_300_800)),
        ("1 Jan 10000 00:00:00 +0000", None),
        ("1 Jan 9 00:00:00 +0000", None),
        ("31 Feb 2024 00:00:00 +0000", None),
        ("29 Feb 2023 00:00:00 +0000", None),
        ("0 Jan 2024 00:00:00 +0000", None),
        ("1 Jan 2024 24:00:00 +0000", None),
        ("1 Jan 2024 00:60:00 +0000", None),
        ("1 Jan 2024 00:00:00 +9999", None),
        ("1 Jan 2024 00:00:00 +2400", None),
        ("1 Jan 2024 00:00:00 +099999999999999999999", None),
        ("1 Jan 99999999999999999999 00:00:00 +0000", None),
        ("99999999999999999999 Jan 2024 00:00:00 +0000", None),
        ("1 Jän 2024 00:00:00 +0000", None),
        ("(never closed \\", None),
        ("Wed", None),
        ("1 Jan 2024", None),
        ("", None),
    ];
    for (value, expected) in cases {
        let found = date::parse(value.as_bytes()).map(mailwire_imap::datetime::DateTime::timestamp);
        assert_eq!(found, expected, "{value}");
    }
    // The day is that of its own zone, which SEARCH compares (RFC 9051 §6.4.4).
    let late = date::parse(b"31 Dec 2023 23:30:00 -0800").unwrap();
    assert_eq!((late.date().year(), late.date().day()), (2023, 31));
}

#[test]
fn imap_14_a_date_of_64_kib_costs_no_stack() {
    let comments = format!("{}17 Jul 1996 09:44:25 +0000", "(".repeat(64 * 1024));
    assert!(date::parse(comments.as_bytes()).is_none());
    let closed = format!(
        "{}{}17 Jul 1996 09:44:25 +0000",
        "(".repeat(32_768),
        ")".repeat(32_768)
    );
    assert!(date::parse(closed.as_bytes()).is_some());
    let digits = "1".repeat(64 * 1024);
    assert!(date::parse(digits.as_bytes()).is_none());
}

/// Name, local part and domain of each; a group as its name and a colon, its end as a semicolon.
fn told(value: &str) -> String {
    let text =
        |octets: Option<&[u8]>| String::from_utf8(octets.unwrap_or_default().to_vec()).unwrap();
    let all = addresses(value.as_bytes()).map(|address| match address.kind() {
        AddressKind::Group => format!("{}:", text(address.mailbox())),
        AddressKind::GroupEnd => ";".into(),
        _ => format!(
            "{}|{}|{}|{}",
            text(address.name()),
            text(address.route()),
            text(address.mailbox()),
            text(address.host())
        ),
    });
    all.collect::<Vec<_>>().join(" ")
}

#[test]
fn addresses_are_read_whatever_their_state() {
    let cases = [
        ("a@b", "||a|b"),
        ("Fred Foo <a@b>", "Fred Foo||a|b"),
        ("  Fred\r\n\tFoo  <a@b>", "Fred Foo||a|b"),
        ("F. Foo <a@b>", "F. Foo||a|b"),
        ("\"F\\\"oo\" Bar <a@b>", "F\"oo Bar||a|b"),
        ("\"a b\"@c (d (e) \\) f)", "d (e) ) f||a b|c"),
        ("Name (comment) <a@b>", "Name||a|b"),
        ("<@x,@y:a@b>", "|@x,@y|a|b"),
        ("<a@b", "||a|b"),
        ("<>", "|||"),
        ("<a>", "||a|"),
        ("g:;", "g: ;"),
        (
            "my group: a@b, Fred <c@d>;, e@f",
            "my group: ||a|b Fred||c|d ; ||e|f",
        ),
        ("g: a@b", "g: ||a|b ;"),
        ("g: h: a@b;", "g: ||h| ;"),
        ("a@b; c@d", "||a|b ||c|d"),
        ("a@b c@d, e@f", "||a|b ||e|f"),
        ("a@[1.2.3.4]", "||a|[1.2.3.4]"),
        ("a@[1", "||a|[1"),
        ("a@b.c . d", "||a|b.c.d"),
        ("@b", "|||b"),
        ("a@", "||a|"),
        (",,;:>", ""),
        ("\"open <a@b>", "||open <a@b>|"),
        ("(open <a@b>", ""),
        ("a@b (open \\", "open ||a|b"),
        ("jürgen@bücher.example", "||jürgen|bücher.example"),
        ("", ""),
    ];
    for (value, expected) in cases {
        assert_eq!(told(value), expected, "{value}");
    }
}

#[test]
fn message_identifiers_are_compared_in_one_form() {
    let cases = [
        ("<a@b>", "a@b"),
        (
            "<\"01KF8JCEOCBS0045PS\"@xxx.yyy.com>",
            "01KF8JCEOCBS0045PS@xxx.yyy.com",
        ),
        ("<a@b> (c <d@e>)<f@g>", "a@b d@e f@g"),
        ("<a @\r\n b>", "a@b"),
        ("<a@b <c@d>", "c@d"),
        ("<> < > <(x)>", ""),
        ("Your message of Monday", ""),
        ("<\"a > b\"@c>", "a > b@c"),
        ("<a@b", ""),
        ("<no-at-sign>", "no-at-sign"),
    ];
    for (value, expected) in cases {
        let found: Vec<_> = ids(value.as_bytes())
            .map(|id| String::from_utf8(id.into_owned()).unwrap())
            .collect();
        assert_eq!(found.join(" "), expected, "{value}");
    }
}

#[test]
fn base_subjects_are_those_of_rfc_5256() {
    let cases = [
        ("Hello", "Hello", false),
        ("Re: Hello", "Hello", true),
        ("RE : Hello", "Hello", true),
        ("re[2]: Hello", "Hello", true),
        ("Fw: Fwd: fWD [x] : Hello", "Hello", true),
        ("[a] [b]Re: Hello", "Hello", true),
        ("Hello (fwd) (FWD) ", "Hello", true),
        ("[list] Hello", "Hello", false),
        ("[list] [other]", "[other]", false),
        ("[list]", "[list]", false),
        ("[Fwd: Re: [list] Hello] (fwd)", "Hello", true),
        ("[fwd: Hello", "[fwd: Hello", false),
        ("Re: [list] Re: [list] Hello", "Hello", true),
        ("Re:", "", true),
        ("(fwd)", "", true),
        ("Regarding: Hello", "Regarding: Hello", false),
        ("Re [x Hello", "Re [x Hello", false),
        ("  Hello \t\t World  ", "Hello World", false),
        ("[a[b] Re: Hello", "[a[b] Re: Hello", false),
        ("Ré: Hello", "Ré: Hello", false),
        ("[fwd: [fwd: ]]", "", true),
        ("", "", false),
    ];
    for (subject, expected, is_answer) in cases {
        assert_eq!(base(subject), (expected.into(), is_answer), "{subject}");
    }
    // Each is linear, though all is looked at again behind every step.
    let many = "[a]".repeat(50_000);
    assert_eq!(base(&many), ("[a]".into(), false));
    let deep = format!("{}x{}", "[fwd: ".repeat(20_000), "]".repeat(20_000));
    assert_eq!(base(&deep), ("x".into(), true));
    let answers = format!("{}x", "re: ".repeat(50_000));
    assert_eq!(base(&answers), ("x".into(), true));
}
