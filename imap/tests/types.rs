//! Sets, flags, dates, names: what is read is what was meant, and nothing else is read.

use bytes::{Bytes, BytesMut};
use mailwire_imap::{
    datetime::{Date, DateTime},
    error::Expected,
    flag::{Flag, Flags, Spaces},
    grammar::{Cursor, Form},
    mailbox::{Encoding, Mailbox},
    sequence::{SeqNumber, SequenceSet},
    utf7,
};

fn set(text: &str) -> SequenceSet {
    text.parse().unwrap()
}

#[test]
fn imap_10_bad_sets_are_refused() {
    for bad in [
        "",
        "0",
        "4294967296",
        "1,",
        ",1",
        ":",
        "1:",
        ":1",
        "1:2:3",
        "1,,2",
        "1:0",
        "**",
        "-1",
        "1 ",
        "1:*:2",
        "a",
        "$1",
        "1,$",
        "99999999999999999999999",
    ] {
        assert!(bad.parse::<SequenceSet>().is_err(), "{bad}");
    }
}

#[test]
fn imap_10_sets_stay_ranges() {
    let all = set("1:4294967295");
    assert_eq!(all.iter().count(), 1);
    assert_eq!(all.count(), Some(4_294_967_295));
    assert_eq!(set("*:*").iter().next().unwrap().bounds(0), 0..=0);
    assert_eq!(set("*:1").iter().next().unwrap().bounds(9), 1..=9);
    assert_eq!(set("*:12").iter().next().unwrap().bounds(9), 9..=12);
    assert!(
        set("559:*").contains(300, 300),
        "RFC 9051 seq-range: the last one is always in it"
    );
    assert!(!set("559:*").contains(299, 300));

    let many: Vec<String> = (1..=100_000).map(|n| (2 * n).to_string()).collect();
    let many = set(&many.join(","));
    assert_eq!(many.iter().count(), 100_000);
    assert_eq!(many.count(), Some(100_000));
}

#[test]
fn imap_36_giant_and_reversed_sets_are_counted_without_being_expanded() {
    assert_eq!(
        set("4294967295:1,1:4294967295").count(),
        Some(2 * 4_294_967_295)
    );
    assert_eq!(set("1:*").count(), None);
    assert_eq!(set("$").count(), None);
    assert_ne!(set("1:3").count(), set("1:4").count());
}

#[test]
fn sets_are_equal_by_what_they_name() {
    assert_eq!(set("007"), set("7"));
    assert_eq!(set("3:3"), set("3"));
    assert_ne!(set("1,2"), set("2,1"));
    assert_ne!(set("$"), set("*"));
    let elements: Vec<_> = set("2,4:*").iter().map(|range| range.last).collect();
    assert_eq!(elements.len(), 2);
    assert_eq!(elements[1], SeqNumber::Largest);
}

#[test]
fn imap_11_numbers_are_checked() {
    let number64 = |text: &str| Cursor::borrowing(text.as_bytes()).number64();
    assert_eq!(number64("9223372036854775807"), Ok(i64::MAX as u64));
    assert!(number64("9223372036854775808").is_err());
    assert!(number64("-1").is_err());
    assert!(number64("").is_err());
    let number = |text: &str| Cursor::borrowing(text.as_bytes()).number();
    assert_eq!(number("4294967295"), Ok(u32::MAX));
    assert_eq!(number("4294967296").unwrap_err().expected, Expected::Number);
}

#[test]
fn flags_keep_what_they_do_not_know() {
    let read = |text: &str| Flags::parse(&mut Cursor::borrowing(text.as_bytes()));
    let flags = read("($Junk \\SEEN \\XFlag a-very-long-keyword-that-is-not-inline \\*)").unwrap();
    assert!(flags.contains(&Flag::Seen) && flags.contains(&Flag::Wildcard));
    assert!(flags.contains(&Flag::new(b"$JUNK").unwrap()));
    assert_eq!(flags.iter().count(), 5);
    let mut wire = BytesMut::new();
    flags.encode(&mut wire);
    assert_eq!(
        wire,
        "(\\Seen \\* $Junk \\XFlag a-very-long-keyword-that-is-not-inline)"
    );
    assert_eq!(read(std::str::from_utf8(&wire).unwrap()).unwrap(), flags);
    assert!(read("()").unwrap().is_empty());
    for bad in [
        "",
        "(",
        "(\\Seen",
        "( )",
        "(\\Seen )",
        "( \\Seen)",
        "(\\Seen  \\Draft)",
        "(\\)",
        "(a\"b)",
        "(\\*x)",
        "((a))",
        "(a(b))",
        "(\\Seen\\Draft)",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
    let lenient = |text: &str| {
        Flags::parse_spaced(&mut Cursor::borrowing(text.as_bytes()), Spaces::Any).unwrap()
    };
    assert_eq!(lenient("(\\Seen )"), (Flag::Seen.into_flags(), Spaces::Any));
    assert_eq!(
        lenient("(\\Seen)"),
        (Flag::Seen.into_flags(), Spaces::Single)
    );
    assert_eq!(lenient("(  )").1, Spaces::Any);
}

trait IntoFlags {
    fn into_flags(self) -> Flags;
}

impl IntoFlags for Flag {
    fn into_flags(self) -> Flags {
        [self].into_iter().collect()
    }
}

#[test]
fn flags_that_are_built_are_the_flags_that_are_read() {
    let names = [
        &b"$Forwarded"[..],
        b"\\Answered",
        b"NonJunk",
        b"$forwarded",
        b"\\Odd",
    ];
    let flags: Flags = names.iter().map(|name| Flag::new(name).unwrap()).collect();
    assert_eq!(
        flags.iter().count(),
        4,
        "the same keyword in another case is the same"
    );
    let mut wire = BytesMut::new();
    flags.encode(&mut wire);
    assert_eq!(
        Flags::parse(&mut Cursor::new(&wire.freeze())).unwrap(),
        flags
    );
}

#[test]
fn imap_42_no_flag_holds_what_ends_it() {
    for octet in 0..=u8::MAX {
        let is_special = octet <= b' ' || octet >= 0x7f || b"(){%*\"\\]".contains(&octet);
        assert_eq!(Flag::new(&[b'a', octet]).is_err(), is_special, "{octet}");
    }
}

#[test]
fn imap_14_dates_that_do_not_exist_are_refused() {
    for bad in [
        "31-Feb-2020",
        "29-Feb-2019",
        "29-Feb-1900",
        "0-Jan-2020",
        "32-Jan-2020",
        "00-Jan-2020",
        "1-Foo-2020",
        "1-Jan-20",
        "1-Jan-99999",
        "1-Jan-+200",
        "-1-Jan-2020",
        "1-Jan-2020\"",
        "\"1-Jan-2020",
        "001-Jan-2020",
        "1-January-2020",
        "",
    ] {
        assert!(bad.parse::<Date>().is_err(), "{bad}");
    }
    for good in [
        "29-Feb-2020",
        "1-Jan-0000",
        "\"31-dec-9999\"",
        "29-FEB-2000",
        "01-Jan-1970",
    ] {
        let date: Date = good.parse().unwrap();
        assert_eq!(Date::from_days(date.days()), Some(date));
    }
    let long = format!("\"{}\"", "(".repeat(65_536));
    assert!(long.parse::<DateTime>().is_err());
}

#[test]
fn imap_14_times_that_no_clock_shows_are_refused() {
    for bad in [
        "\"17-Jul-1996 24:00:00 +0000\"",
        "\"17-Jul-1996 02:60:00 +0000\"",
        "\"17-Jul-1996 02:44:61 +0000\"",
        "\"17-Jul-1996 02:44:25 +9999\"",
        "\"17-Jul-1996 02:44:25 +2400\"",
        "\"17-Jul-1996 02:44:25 0000\"",
        "\"17-Jul-1996 02:44:25 +000\"",
        "\"17-Jul-1996 02:44:25\"",
        "17-Jul-1996 02:44:25 +0000",
        "\"17-Jul-1996 2:44:25 +0000\"",
        "\"17-Jul-1996  02:44:25 +0000\"",
        "\"17-Jul-1996 02:44:25 +00:00\"",
    ] {
        assert!(bad.parse::<DateTime>().is_err(), "{bad}");
    }
}

#[test]
fn dates_survive_a_round_trip() {
    for text in [
        "\"17-Jul-1996 02:44:25 -0700\"",
        "\" 1-Jan-0000 00:00:00 +0000\"",
        "\"31-Dec-9999 23:59:60 +2359\"",
        "\"29-Feb-2024 12:00:00 -0030\"",
    ] {
        let date: DateTime = text.parse().unwrap();
        let mut wire = BytesMut::new();
        date.encode(&mut wire);
        assert_eq!(wire, text);
    }
    for seconds in [
        0,
        951_782_400,
        951_868_799,
        4_102_444_800,
        -1,
        -62_167_219_200,
    ] {
        let date = DateTime::from_timestamp(seconds).unwrap();
        assert_eq!(date.timestamp(), seconds);
    }
    assert_eq!(DateTime::from_timestamp(i64::MAX), None);
    assert_eq!(DateTime::from_timestamp(i64::MIN), None);
    for days in (-719_000..2_932_000).step_by(97) {
        assert_eq!(Date::from_days(days).unwrap().days(), days);
    }
}

#[test]
fn imap_19_utf7_has_one_form_for_each_name() {
    for (wire, name) in [
        (&b"INBOX"[..], "INBOX"),
        (b"&-", "&"),
        (b"&-&-", "&&"),
        (b"Entw&APw-rfe", "Entw\u{fc}rfe"),
        (
            b"&U,BTFw-&-&ZeVnLIqe-",
            "\u{53f0}\u{5317}&\u{65e5}\u{672c}\u{8a9e}",
        ),
        (b"&2D3c5w-", "\u{1f4e7}"),
        (b"&AAk-x", "\tx"),
        (b"a+b,c", "a+b,c"),
        (b"~", "~"),
        (b"", ""),
    ] {
        assert_eq!(utf7::decode(wire).unwrap(), name);
        assert_eq!(utf7::encode(name), wire, "{name}");
    }
}

#[test]
fn imap_19_utf7_that_could_be_written_otherwise_is_refused() {
    for bad in [
        &b"&"[..],
        b"a&",
        b"&AGE-",
        b"&AGEAYg-",
        b"&AC8-",
        b"&AC4-&AC4-",
        b"&2D0-",
        b"&3Oc-",
        b"&3OfYPQ-",
        b"&APw",
        b"&APx-",
        b"&APwA-",
        b"&A-",
        b"&APw-&APw-",
        b"&AP=-",
        b"&AP/8-",
        b"&AAA-",
        b"&AA0-",
        b"&AAo-",
        b"a\tb",
        b"a\x7f",
        b"gr\xc3\xbcn",
        b"&APw&-",
        b"&ACA-",
    ] {
        assert!(utf7::decode(bad).is_err(), "{}", bad.escape_ascii());
    }
}

#[test]
fn imap_19_every_decoded_name_is_encoded_as_it_was() {
    // Every pair of base64 characters behind a fixed front, so that all paddings are met.
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
    let mut read = 0;
    for first in alphabet {
        for second in alphabet {
            for front in [&b"&"[..], b"&A", b"&APwA", b"&2D3c"] {
                let mut wire = front.to_vec();
                wire.extend([*first, *second, b'-']);
                if let Ok(name) = utf7::decode(&wire) {
                    assert_eq!(utf7::encode(&name), wire, "{}", wire.escape_ascii());
                    read += 1;
                }
            }
        }
    }
    assert!(read > 500, "{read}");
}

#[test]
fn inbox_is_one_name_and_others_stay() {
    assert_eq!(Mailbox::new(b"InBoX").unwrap(), Mailbox::inbox());
    assert_ne!(
        Mailbox::new(b"inbox/a").unwrap(),
        Mailbox::new(b"INBOX/a").unwrap()
    );
    assert_ne!(Mailbox::new(b"a").unwrap(), Mailbox::new(b"A").unwrap());
    for bad in [&b"a\0"[..], b"a\rb", b"\n"] {
        assert!(Mailbox::new(bad).is_err());
    }
    for odd in [&b"a\tb"[..], b"&bad", b"\xff\xfe", b"", b"..", b"a//b"] {
        assert_eq!(Mailbox::new(odd).unwrap().as_bytes(), odd);
    }
}

#[test]
fn names_depend_on_the_encoding_of_the_connection() {
    let name = Mailbox::new("gr\u{fc}n & gut".as_bytes()).unwrap();
    assert_eq!(name.name(Encoding::Utf8).unwrap(), "gr\u{fc}n & gut");
    assert!(name.name(Encoding::Utf7).is_err());
    assert!(Mailbox::new(b"a\tb").unwrap().name(Encoding::Utf7).is_err());
    assert!(Mailbox::new(b"\xff").unwrap().name(Encoding::Utf8).is_err());
    for encoding in [Encoding::Utf7, Encoding::Utf8] {
        let name = Mailbox::encode("R&D \u{1f4e7}", encoding).unwrap();
        assert_eq!(name.name(encoding).unwrap(), "R&D \u{1f4e7}");
        assert!(Mailbox::encode("a\r\nb", encoding).is_err());
    }
}

#[test]
fn strings_are_read_in_every_form() {
    for (wire, form, octets) in [
        (&b"atom]"[..], Form::Atom, &b"atom]"[..]),
        (b"\"\"", Form::Quoted, b""),
        (b"\"NIL\"", Form::Quoted, b"NIL"),
        (b"\"a \\\\ \\\" {5}\"", Form::Escaped, b"a \\ \" {5}"),
        (b"{0}\r\n", Form::Literal, b""),
        (b"{5+}\r\na\r\n\"b", Form::Literal, b"a\r\n\"b"),
        (b"{003}\r\nabc", Form::Literal, b"abc"),
    ] {
        let frame = Bytes::from_static(wire);
        let mut cursor = Cursor::new(&frame);
        let span = cursor.astring().unwrap();
        assert_eq!((span.form(), &*cursor.octets(span)), (form, octets));
        assert!(cursor.is_done());
        let mut cursor = Cursor::borrowing(wire);
        let span = cursor.astring().unwrap();
        assert_eq!(&*cursor.octets(span), octets);
    }
    for bad in [
        &b""[..],
        b"(",
        b"\"a",
        b"\"a\\b\"",
        b"\"a\r\nb\"",
        b"\"a\0b\"",
        b"{3}\r\nab",
        b"{3}abc",
        b"{-1}\r\n",
        b"{}\r\n",
        b"{1\r\na",
        b"{99999999999999999999}\r\n",
        b"{1}\r\n\0",
        b"{1++}\r\na",
    ] {
        assert!(
            Cursor::borrowing(bad).astring().is_err(),
            "{}",
            bad.escape_ascii()
        );
    }
}

#[test]
fn nil_is_not_the_string_nil() {
    assert_eq!(Cursor::borrowing(b"nil)").nstring().unwrap(), None);
    assert!(Cursor::borrowing(b"\"NIL\"").nstring().unwrap().is_some());
    assert!(Cursor::borrowing(b"NILS").nstring().is_err());
    assert!(Cursor::borrowing(b"atom").nstring().is_err());
}

#[test]
fn literal8_may_hold_nul() {
    let mut cursor = Cursor::borrowing(b"~{3}\r\na\0b");
    let span = cursor.literal8().unwrap();
    assert_eq!(&*cursor.octets(span), b"a\0b");
}

#[test]
fn imap_38_values_are_skipped_to_a_depth_of_64() {
    let nested = |depth: usize| format!("{}x{}", "(".repeat(depth), ")".repeat(depth));
    let skip = |text: &str| {
        let mut cursor = Cursor::borrowing(text.as_bytes());
        cursor.skip_value().map(|()| cursor.offset())
    };
    assert_eq!(skip(&nested(64)), Ok(129));
    assert_eq!(
        skip(&nested(65)).unwrap_err().expected,
        Expected::ShallowerNesting
    );
    assert!(skip(&nested(100_000)).is_err());
    assert_eq!(skip("(a \"x)\" {1}\r\n) NIL (b)) rest"), Ok(23));
    assert_eq!(skip("atom[1](x) rest"), Ok(10));
    for bad in ["", "(", "(a", "(\"a)", ")", " a"] {
        assert!(skip(bad).is_err(), "{bad}");
    }
}
