//! Addresses: RFC 5321 §4.1.2 and §4.1.3, RFC 6531 §3.3.

use std::net::{Ipv4Addr, Ipv6Addr};

use mailwire_smtp::{
    address::{
        AddressLiteral, ClientName, Domain, ForwardPath, GeneralLiteral, Host, LocalPart, Mailbox,
        ReversePath,
    },
    error::Expected,
};

fn mailbox(local_part: &str, host: &str) -> Mailbox {
    Mailbox::new(&LocalPart::new(local_part).unwrap(), &host.parse().unwrap()).unwrap()
}

/// What is received, what it means, and what is sent.
#[test]
fn paths_are_read_and_written() {
    for (octets, local_part, host, sent) in [
        (
            "<alice@example.org>",
            "alice",
            "example.org",
            "<alice@example.org>",
        ),
        ("<a.b+c=d@x>", "a.b+c=d", "x", "<a.b+c=d@x>"),
        (
            "<!#$%&'*+-/=?^_`{|}~@x>",
            "!#$%&'*+-/=?^_`{|}~",
            "x",
            "<!#$%&'*+-/=?^_`{|}~@x>",
        ),
        (r#"<"alice"@x>"#, "alice", "x", "<alice@x>"),
        (r#"<"al\ice"@x>"#, "alice", "x", "<alice@x>"),
        (r#"<"a b"@x>"#, "a b", "x", r#"<"a b"@x>"#),
        (r#"<"a\ b"@x>"#, "a b", "x", r#"<"a b"@x>"#),
        (r#"<"a\"b\\c"@x>"#, r#"a"b\c"#, "x", r#"<"a\"b\\c"@x>"#),
        (r#"<"\,\\"@x>"#, r",\", "x", r#"<",\\"@x>"#),
        (r#"<".a"@x>"#, ".a", "x", r#"<".a"@x>"#),
        (r#"<"a..b"@x>"#, "a..b", "x", r#"<"a..b"@x>"#),
        (r#"<"a@b"@x>"#, "a@b", "x", r#"<"a@b"@x>"#),
        (r#"<">"@x>"#, ">", "x", r#"<">"@x>"#),
        (r#"<""@x>"#, "", "x", r#"<""@x>"#),
        (
            "<grüße@bücher.example>",
            "grüße",
            "bücher.example",
            "<grüße@bücher.example>",
        ),
        (r#"<"grü ße"@x>"#, "grü ße", "x", r#"<"grü ße"@x>"#),
        (r#"<"grü\ße"@x>"#, "grüße", "x", ""),
        ("<u@[127.0.0.1]>", "u", "[127.0.0.1]", "<u@[127.0.0.1]>"),
        ("<u@[IPv6:::1]>", "u", "[IPv6:::1]", "<u@[IPv6:::1]>"),
        ("<@a,@b:u@c>", "u", "c", "<u@c>"),
        ("<@a.example:u@c>", "u", "c", "<u@c>"),
    ] {
        let reverse = octets.parse::<ReversePath>();
        if sent.is_empty() {
            // Only ASCII may stand behind a backslash.
            assert_eq!(
                reverse.unwrap_err().expected(),
                Expected::LocalPart,
                "{octets}"
            );
            continue;
        }
        let value = mailbox(local_part, host);
        assert_eq!(reverse, Ok(ReversePath::Mailbox(value.clone())), "{octets}");
        assert_eq!(
            octets.parse(),
            Ok(ForwardPath::Mailbox(value.clone())),
            "{octets}"
        );
        assert_eq!(reverse.unwrap().to_string(), sent);
        assert_eq!(sent.parse(), Ok(ReversePath::Mailbox(value.clone())));
        assert_eq!(value.local_part(), local_part);
        assert_eq!(value.host_str(), host);
        assert_eq!(value.host(), host.parse::<Host>().unwrap());
        assert_eq!(value.as_str(), &sent[1..sent.len() - 1]);
        assert_eq!(value.is_ascii(), sent.is_ascii());
    }
}

#[test]
fn smtp_37_a_quoted_local_part_hides_neither_a_domain_nor_a_parameter() {
    for (octets, local_part, host) in [
        (
            r#"<"foo@psres.net> ORCPT=admin@admin.com"@test.com>"#,
            "foo@psres.net> ORCPT=admin@admin.com",
            "test.com",
        ),
        (r#"<"a@b x"@internal.dom>"#, "a@b x", "internal.dom"),
    ] {
        let ForwardPath::Mailbox(mailbox) = octets.parse().unwrap() else {
            panic!("{octets}")
        };
        assert_eq!(mailbox.local_part(), local_part);
        assert_eq!(mailbox.host_str(), host);
        assert_eq!(mailbox.to_string(), octets[1..octets.len() - 1]);
    }
}

#[test]
fn smtp_38_controls_and_open_quotes_are_refused_by_constructor_and_parser() {
    for octet in (0..0x20).chain([0x7f]) {
        let c = char::from(octet);
        for (before, after) in [("a", ""), ("", "b"), ("a", "\nRCPT TO:<x@y>")] {
            let text = format!("{before}{c}{after}");
            assert!(LocalPart::new(&text).is_err(), "{text:?}");
            assert!(
                format!("\"{text}\"@d").parse::<Mailbox>().is_err(),
                "{text:?}"
            );
            assert!(
                format!("\"\\{text}\"@d").parse::<Mailbox>().is_err(),
                "{text:?}"
            );
            assert!(format!("{text}@d").parse::<Mailbox>().is_err(), "{text:?}");
            assert!(format!("a@{text}").parse::<Mailbox>().is_err(), "{text:?}");
            assert!(
                format!("a@[x:{text}]").parse::<Mailbox>().is_err(),
                "{text:?}"
            );
        }
    }
    for bad in [
        "\"a\r\nRCPT TO:<x@y>\"@d",
        "\"a\"b\"@d",
        "\"a\\\"@d",
        "\"a@d",
        "a\"b\"@d",
        "\"a\"b@d",
        "a b@d",
        "\"a\".b@d",
    ] {
        let error = bad.parse::<Mailbox>().unwrap_err();
        assert_eq!(error.expected(), Expected::LocalPart, "{bad:?}");
    }
    // Nor what only RFC 6531 would let through: C1 controls and line separators.
    for c in ('\u{80}'..='\u{9f}').chain(['\u{2028}', '\u{2029}']) {
        assert!(LocalPart::new(&format!("a{c}")).is_err(), "{c:?}");
        let error = format!("a{c}@d").parse::<Mailbox>().unwrap_err();
        assert_eq!((error.expected(), error.offset()), (Expected::Text, 1));
    }
}

#[test]
fn smtp_39_empty_and_blank_quoted_strings_are_local_parts() {
    assert_eq!(
        r#"""@example.org"#.parse::<Mailbox>().unwrap().local_part(),
        ""
    );
    let blank = r#""\ "@x"#.parse::<Mailbox>().unwrap();
    assert_eq!(
        (blank.local_part().as_ref(), blank.as_str()),
        (" ", r#"" "@x"#)
    );
    assert!(r#"<"">"#.parse::<ForwardPath>().is_err());
    assert!(r#"<">"#.parse::<ForwardPath>().is_err());
}

/// What is refused, with the rule and the place.
#[test]
fn smtp_40_smtp_43_bad_paths_are_refused_where_they_are_bad() {
    for (octets, expected, offset) in [
        ("<@a:@b:u@c>", Expected::LocalPart, 4),
        ("<@a,b:u@c>", Expected::Domain, 3),
        ("<@a,@:u@c>", Expected::Domain, 5),
        ("<@[127.0.0.1]:u@c>", Expected::Domain, 2),
        ("<@a:>", Expected::LocalPart, 4),
        ("<@a>", Expected::Domain, 3),
        ("u@c", Expected::ForwardPath, 0),
        (" <u@c>", Expected::ForwardPath, 0),
        ("<u@c", Expected::Domain, 4),
        ("<<u@c>>", Expected::LocalPart, 1),
        ("<u@c>x", Expected::End, 5),
        ("<u>", Expected::LocalPart, 2),
        ("<@>", Expected::Domain, 2),
        ("<u@>", Expected::Domain, 3),
        ("<>", Expected::ForwardPath, 0),
        ("", Expected::ForwardPath, 0),
        ("<", Expected::LocalPart, 1),
        ("<a..b@x>", Expected::LocalPart, 3),
        ("<.a@x>", Expected::LocalPart, 1),
        ("<a.@x>", Expected::LocalPart, 3),
        ("<a@-x>", Expected::Domain, 3),
        ("<a@x->", Expected::Domain, 5),
        ("<a@x-.y>", Expected::Domain, 5),
        ("<a@x.>", Expected::Domain, 5),
        ("<a@x..y>", Expected::Domain, 5),
        ("<a@.x>", Expected::Domain, 3),
        ("<a@x_y>", Expected::Domain, 4),
        ("<a@x y>", Expected::Domain, 4),
        ("<postmaster>x", Expected::End, 12),
        ("<postmaste>", Expected::LocalPart, 10),
    ] {
        let error = octets.parse::<ForwardPath>().unwrap_err();
        assert_eq!(
            (error.expected(), error.offset()),
            (expected, offset),
            "{octets}"
        );
    }
}

#[test]
fn smtp_40_a_route_of_a_thousand_hops_is_refused() {
    let route = vec!["@a"; 1_000].join(",");
    let error = format!("<{route}:u@c>").parse::<ReversePath>().unwrap_err();
    assert_eq!(error.expected(), Expected::ShorterPath);
}

#[test]
fn smtp_41_the_null_path_is_for_senders_and_the_postmaster_for_recipients() {
    assert_eq!("<>".parse(), Ok(ReversePath::Null));
    assert!("<>".parse::<ForwardPath>().is_err());
    for postmaster in ["<Postmaster>", "<postmaster>", "<POSTMASTER>"] {
        assert_eq!(postmaster.parse(), Ok(ForwardPath::Postmaster));
        assert!(postmaster.parse::<ReversePath>().is_err());
    }
    assert_eq!(ForwardPath::Postmaster.to_string(), "<Postmaster>");
    let with_domain = "<postmaster@example.org>".parse::<ForwardPath>().unwrap();
    assert!(with_domain.mailbox().is_some());
}

#[test]
fn smtp_42_literals_are_typed_or_refused() {
    let general =
        |tag, content| AddressLiteral::General(GeneralLiteral::new(tag, content).unwrap());
    let v6 = |text: &str| AddressLiteral::V6(text.parse::<Ipv6Addr>().unwrap());
    for (octets, value, sent) in [
        (
            "[127.0.0.1]",
            AddressLiteral::V4(Ipv4Addr::LOCALHOST),
            "[127.0.0.1]",
        ),
        (
            "[0.0.0.0]",
            AddressLiteral::V4(Ipv4Addr::UNSPECIFIED),
            "[0.0.0.0]",
        ),
        ("[IPv6:::1]", v6("::1"), "[IPv6:::1]"),
        (
            "[ipv6:2001:DB8::1]",
            v6("2001:db8::1"),
            "[IPv6:2001:db8::1]",
        ),
        (
            "[IPv6:1:2:3:4:5:6:7:8]",
            v6("1:2:3:4:5:6:7:8"),
            "[IPv6:1:2:3:4:5:6:7:8]",
        ),
        (
            "[IPv6:::ffff:192.0.2.1]",
            v6("::ffff:192.0.2.1"),
            "[IPv6:::ffff:192.0.2.1]",
        ),
        ("[tag:x]", general("tag", "x"), "[tag:x]"),
        ("[x-4:a@>b]", general("x-4", "a@>b"), "[x-4:a@>b]"),
    ] {
        assert_eq!(octets.parse(), Ok(value.clone()), "{octets}");
        assert_eq!(octets.parse(), Ok(Host::Literal(value.clone())), "{octets}");
        assert_eq!(value.to_string(), sent);
        assert_eq!(sent.parse(), Ok(value));
    }
    for bad in [
        "[IPv6:1::2::3]",
        "[::1]",
        "[IPv6:fe80::1%lo]",
        "[IPv6:fe80::1%1]",
        "[IPv6:]",
        "[1.2.3.256]",
        "[1.2.3]",
        "[1.2.3.4.5]",
        "[01.2.3.4]",
        "[0x1.2.3.4]",
        "[1.2.3.4",
        "[",
        "[]",
        "[tag:]",
        "[:x]",
        "[-:x]",
        "[tag-:x]",
        "[t g:x]",
        "[tag:a b]",
        "[tag:a\\b]",
        "[tag:[x]",
        "[example.org]",
        "127.0.0.1]",
    ] {
        let error = bad.parse::<AddressLiteral>().unwrap_err();
        assert_eq!(error.expected(), Expected::AddressLiteral, "{bad}");
        assert!(
            format!("<u@{bad}>").parse::<ForwardPath>().is_err(),
            "{bad}"
        );
    }
    let dotted = "127.0.0.1".parse::<Host>().unwrap();
    assert!(
        matches!(dotted, Host::Domain(_)),
        "never taken for an address: {dotted:?}"
    );
    assert!(GeneralLiteral::new("ipV6", "::1").is_err());
}

#[test]
fn smtp_43_the_limits_are_exact() {
    let a = |n: usize| "a".repeat(n);
    assert!(format!("{}@x", a(64)).parse::<Mailbox>().is_ok());
    assert!(format!("{}@x", a(65)).parse::<Mailbox>().is_err());
    assert!(format!("\"{} \"@x", a(61)).parse::<Mailbox>().is_ok());
    assert!(format!("\"{} \"@x", a(62)).parse::<Mailbox>().is_err());
    assert!(LocalPart::new(&a(64)).is_ok());
    assert!(LocalPart::new(&a(65)).is_err());
    assert!(LocalPart::new(&format!("{} ", a(61))).is_ok());
    assert!(LocalPart::new(&format!("{} ", a(62))).is_err());
    // Quotes are part of what is sent.
    assert!(LocalPart::new(&"\"".repeat(31)).is_ok());
    assert!(LocalPart::new(&"\"".repeat(32)).is_err());

    assert!(a(63).parse::<Domain>().is_ok());
    assert!(a(64).parse::<Domain>().is_err());
    assert!(format!("x.{}.y", a(63)).parse::<Domain>().is_ok());
    assert!(format!("x.{}.y", a(64)).parse::<Domain>().is_err());
    let l = a(63);
    let domain = |n: usize| format!("{l}.{l}.{l}.{}.b", a(n - 194));
    for (n, fits) in [(255, true), (256, false)] {
        assert_eq!(domain(n).len(), n);
        assert_eq!(domain(n).parse::<Domain>().is_ok(), fits, "{n}");
    }

    // 64 octets of local part, the @ and the angle brackets.
    let host = |n: usize| format!("{l}.{l}.{}", a(n - 128 - 67));
    for (n, fits) in [(256, true), (257, false)] {
        let path = format!("<{}@{}>", a(64), host(n));
        assert_eq!(path.len(), n);
        assert_eq!(path.parse::<ForwardPath>().is_ok(), fits, "{n}");
        assert_eq!(path.parse::<ReversePath>().is_ok(), fits, "{n}");
        let mailbox = Mailbox::new(&LocalPart::new(&a(64)).unwrap(), &host(n).parse().unwrap());
        assert_eq!(mailbox.is_ok(), fits, "{n}");
        // A source route counts, although it is dropped.
        let path = format!("<@x:{}@{}>", a(61), host(n));
        assert_eq!(path.len(), n);
        assert_eq!(path.parse::<ReversePath>().is_ok(), fits, "{n}");
    }

    let name = |n: usize| format!("{}_", a(n - 1)).parse::<ClientName>();
    assert!(name(255).is_ok());
    assert!(name(256).is_err());
}

#[test]
fn smtp_46_forms_of_unicode_are_neither_folded_nor_normalised() {
    let local = |text: &str| format!("{text}@x").parse::<Mailbox>().unwrap();
    for (one, other) in [
        ("é", "e\u{301}"),
        ("\u{212a}", "K"),
        ("ß", "ss"),
        ("ı", "i"),
        ("\u{fb01}", "fi"),
        ("a\u{200d}b", "ab"),
        ("Alice", "alice"),
    ] {
        assert_ne!(local(one), local(other), "{one} {other}");
        assert_eq!(local(one).local_part(), one);
    }
    assert_eq!(
        "a@EXAMPLE.org".parse::<Mailbox>().unwrap(),
        "a@example.ORG".parse::<Mailbox>().unwrap()
    );
}

#[test]
fn smtp_47_domains_are_strict() {
    for (domain, ascii) in [
        ("Example.ORG", "example.org"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BüCHER.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("βόλος.com", "xn--nxasmm1c.com"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("XN--bcher-kva.example", "xn--bcher-kva.example"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("r3---sn-x.example", "r3---sn-x.example"),
        ("a--b.example", "a--b.example"),
        ("1.2.3", "1.2.3"),
    ] {
        let parsed = domain
            .parse::<Domain>()
            .unwrap_or_else(|e| panic!("{domain}: {e}"));
        assert_eq!(parsed.as_str(), domain);
        assert_eq!(parsed.to_ascii().as_str(), ascii);
        assert_eq!(parsed.to_ascii().to_ascii().as_str(), ascii);
        assert_eq!(parsed.is_ascii(), domain.is_ascii());
    }
    let long_u_label = format!("{}.example", "ü".repeat(60));
    for bad in [
        "xn--example-.org",
        "example.org.xn--",
        "xn--.org",
        "xn--a.org",
        "xn--zzzzzzzzzzzz.org",
        "xn--example.org",
        "example．org",
        "example。org",
        "ｅxample.org",
        "BÜCHER.example",
        "example.BÜCHER",
        "example.ｏrg",
        "example.bu\u{308}cher",
        "bu\u{308}cher.example",
        "a\u{200d}b.example",
        "\u{fb01}.example",
        "a\u{ad}b.example",
        "☃\u{fe0f}.example",
        "\u{202e}x.example",
        "-ü.example",
        "ü-.example",
        "\u{301}x.example",
        "ü..example",
        "ü.",
        "*.example",
        "a_b.example",
        "a/b.example",
        "ü_.example",
        &long_u_label,
    ] {
        assert!(bad.parse::<Domain>().is_err(), "{bad}");
        assert!(format!("u@{bad}").parse::<Mailbox>().is_err(), "{bad}");
    }
}

#[test]
fn smtp_59_what_a_client_calls_itself_is_one_printable_word() {
    for (text, is_host) in [
        ("client.example", true),
        ("bücher.example", true),
        ("[192.0.2.1]", true),
        ("[IPv6:2001:db8::1]", true),
        ("my_host", false),
        ("[my.host]", false),
        ("host.", false),
        ("x)", false),
        ("\"quoted\"", false),
        ("a@b", false),
    ] {
        let name = text.parse::<ClientName>().unwrap();
        assert_eq!(matches!(name, ClientName::Host(_)), is_host, "{text}");
        assert_eq!(name.to_string(), text);
    }
    for bad in [
        "",
        " ",
        "x) by evil (",
        "x\t",
        "x\u{85}",
        "x\r\nDATA",
        "x\0",
        "x\x7f",
        " x",
        "x ",
    ] {
        assert!(bad.parse::<ClientName>().is_err(), "{bad:?}");
    }
}

/// Every octet in every place, against the ABNF.
#[test]
fn smtp_36_each_octet_is_allowed_where_the_abnf_allows_it() {
    for octet in 0..=0x7f_u8 {
        let c = char::from(octet);
        let graphic = octet.is_ascii_graphic();
        let alnum = octet.is_ascii_alphanumeric();
        let atext = graphic && !b"()<>[]:;@\\,.\"".contains(&octet);
        let qtext = (graphic || c == ' ') && c != '"' && c != '\\';
        let dcontent = graphic && !b"[\\]".contains(&octet);
        let ok = |text: String| text.parse::<Mailbox>().is_ok();
        assert_eq!(
            ok(format!("a{c}a@x")),
            atext || c == '.',
            "dot-string {octet}"
        );
        assert_eq!(ok(format!("{c}@x")), atext, "atom {octet}");
        assert_eq!(ok(format!("\"{c}\"@x")), qtext, "quoted {octet}");
        assert_eq!(
            ok(format!("\"\\{c}\"@x")),
            graphic || c == ' ',
            "pair {octet}"
        );
        assert_eq!(
            ok(format!("a@x{c}x")),
            alnum || c == '-' || c == '.',
            "domain {octet}"
        );
        assert_eq!(ok(format!("a@{c}")), alnum, "let-dig {octet}");
        assert_eq!(ok(format!("a@[t:{c}]")), dcontent, "dcontent {octet}");
        let client = format!("a{c}a").parse::<ClientName>().is_ok();
        assert_eq!(client, graphic, "client {octet}");
    }
}
