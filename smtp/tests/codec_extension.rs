//! What servers offer: RFC 5321 §4.1.1.1.

use bytes::BytesMut;
use mailwire_smtp::{
    command::Mechanism,
    extension::{Capabilities, Extension},
    reply::{Reply, ReplyParser},
};

fn read_in(octets: &[u8], size: usize) -> (Reply, Capabilities) {
    let mut parser = ReplyParser::new();
    let mut input = BytesMut::new();
    let mut found = None;
    for piece in octets.chunks(size) {
        assert_eq!(found, None);
        input.extend_from_slice(piece);
        found = parser.parse_ehlo(&mut input).unwrap();
    }
    assert!(input.is_empty());
    found.unwrap()
}

fn read(wire: &str) -> Capabilities {
    let whole = read_in(wire.as_bytes(), wire.len());
    for size in 1..wire.len() {
        assert_eq!(read_in(wire.as_bytes(), size), whole, "pieces of {size}");
    }
    whole.1
}

fn offered(capabilities: &Capabilities) -> Vec<Extension> {
    Extension::ALL
        .into_iter()
        .filter(|extension| capabilities.offers(*extension))
        .collect()
}

fn mechanisms(capabilities: &Capabilities) -> Vec<String> {
    capabilities
        .mechanisms()
        .map(|mechanism| mechanism.to_string())
        .collect()
}

#[test]
fn what_is_offered_is_read_and_written() {
    let capabilities = Capabilities::new()
        .with(Extension::Pipelining)
        .with_size(35_882_577)
        .with(Extension::StartTls)
        .with_auth(["PLAIN".parse().unwrap(), "SCRAM-SHA-256".parse().unwrap()])
        .with_other("LIMITS", "RCPTMAX=100 MAILMAX=5")
        .unwrap()
        .with_other("XFOO", "")
        .unwrap();
    let wire = "250-mx.example at your service\r\n250-PIPELINING\r\n250-SIZE 35882577\r\n\
                250-STARTTLS\r\n250-AUTH PLAIN SCRAM-SHA-256\r\n\
                250-LIMITS RCPTMAX=100 MAILMAX=5\r\n250 XFOO\r\n";
    let reply = capabilities.to_reply("mx.example at your service");
    assert_eq!(String::from_utf8(reply.wire().to_vec()).unwrap(), wire);
    let received = read(wire);
    assert_eq!(received, capabilities);
    for capabilities in [received, capabilities] {
        assert_eq!(
            offered(&capabilities),
            [
                Extension::Auth,
                Extension::Limits,
                Extension::Pipelining,
                Extension::Size,
                Extension::StartTls,
            ]
        );
        assert_eq!(capabilities.size(), Some(35_882_577));
        assert_eq!(mechanisms(&capabilities), ["PLAIN", "SCRAM-SHA-256"]);
        let unknown: Vec<_> = capabilities
            .iter()
            .filter(|offer| offer.extension().is_none())
            .collect();
        assert_eq!((unknown.len(), unknown[0].keyword()), (1, &b"XFOO"[..]));
        let limits = capabilities
            .iter()
            .find(|o| o.extension() == Some(Extension::Limits));
        assert_eq!(limits.unwrap().params(), b"RCPTMAX=100 MAILMAX=5");
        assert_eq!(capabilities.clone().detach(), capabilities);
    }
}

#[test]
fn each_keyword_is_read_in_any_case_and_only_whole() {
    for extension in Extension::ALL {
        let word = extension.keyword();
        assert_eq!(
            offered(&read(&format!("250-mx\r\n250 {word}\r\n"))),
            [extension]
        );
        let lower = word.to_lowercase();
        assert_eq!(
            offered(&read(&format!("250-mx\r\n250 {lower}\r\n"))),
            [extension]
        );
        assert_eq!(offered(&Capabilities::new().with(extension)), [extension]);
        for wrong in [
            format!("X{word}"),
            format!("{word}X"),
            word[1..].to_owned(),
            format!("{word}="),
            format!("{word}\t"),
            format!(" {word}"),
            format!("{}\u{17f}", &word[..word.len() - 1]),
        ] {
            let wire = format!("250-mx\r\n250 {wrong}\r\n");
            assert_eq!(offered(&read(&wire)), [], "{wrong:?}");
        }
    }
}

#[test]
fn smtp_75_keywords_are_whole_words_and_the_greeting_is_none() {
    for (line, starttls, auth) in [
        ("XSTARTTLS", false, vec![]),
        ("STARTTLSX", false, vec![]),
        ("X STARTTLS", false, vec![]),
        ("AUTH=PLAIN LOGIN", false, vec![]),
        ("AUTHX PLAIN", false, vec![]),
        ("starttls", true, vec![]),
        ("STARTTLS foo", true, vec![]),
        ("AUTH", false, vec![]),
        ("auth plain  login", false, vec!["PLAIN", "LOGIN"]),
        ("AUTH PLA/IN LOGIN", false, vec!["LOGIN"]),
        (
            "AUTH PLAIN\r\n250-AUTH=LOGIN\r\n250-AUTH LOGIN",
            false,
            vec!["PLAIN", "LOGIN"],
        ),
    ] {
        let wire = format!("250-host STARTTLS AUTH PLAIN SIZE 5\r\n250-{line}\r\n250 XLAST\r\n");
        let capabilities = read(&wire);
        assert_eq!(capabilities.offers(Extension::StartTls), starttls, "{line}");
        assert_eq!(mechanisms(&capabilities), auth, "{line}");
        assert_eq!(capabilities.size(), None);
        assert_eq!(capabilities.iter().last().unwrap().keyword(), b"XLAST");
    }
    assert_eq!(offered(&read("250 STARTTLS\r\n")), []);
    assert_eq!(read("250 STARTTLS\r\n"), Capabilities::new());
    assert_eq!(offered(&read("250-STARTTLS\r\n250 mx\r\n")), []);
}

#[test]
fn smtp_76_sizes_are_typed() {
    for (line, size) in [
        ("SIZE", None),
        ("SIZE 0", Some(0)),
        ("SIZE 1000", Some(1000)),
        ("SIZE 18446744073709551615", Some(u64::MAX)),
        ("SIZE 18446744073709551616", None),
        ("SIZE -1", None),
        ("SIZE 10M", None),
        ("SIZE 5\r\n250-SIZE 6", Some(5)),
    ] {
        let capabilities = read(&format!("250-mx\r\n250-{line}\r\n250 DSN\r\n"));
        assert_eq!(capabilities.size(), size, "{line}");
        assert!(capabilities.offers(Extension::Size));
    }
}

#[test]
fn a_refusal_offers_nothing() {
    let wire = b"502-no\r\n502 STARTTLS\r\n";
    let (reply, capabilities) = read_in(wire, wire.len());
    assert_eq!(
        (reply.code().value(), capabilities),
        (502, Capabilities::new())
    );
    // Nothing is left over for the reply behind it.
    let mut parser = ReplyParser::new();
    let mut input = BytesMut::from("250-mx\r\n250 DSN\r\n250-mx\r\n250 SMTPUTF8\r\n");
    let mut next = || parser.parse_ehlo(&mut input).unwrap().unwrap().1;
    assert_eq!(offered(&next()), [Extension::Dsn]);
    assert_eq!(offered(&next()), [Extension::SmtpUtf8]);
}

#[test]
fn smtp_63_nothing_that_is_offered_breaks_the_reply() {
    for c in ('\0'..=' ').chain(['\x7f', '\u{80}', '\u{85}', 'ü', '\u{2028}']) {
        for text in [format!("{c}"), format!("a{c}"), format!("a{c}\n250-b")] {
            assert!(
                Capabilities::new().with_other(&text, "").is_err(),
                "{text:?}"
            );
            assert!(
                Capabilities::new().with_other("X", &text).is_err(),
                "{text:?}"
            );
        }
        let greeting = format!("mx{c}250-STARTTLS\r\n250 STARTTLS");
        let reply = Capabilities::new().with(Extension::Dsn).to_reply(&greeting);
        let (_, capabilities) = read_in(reply.wire(), reply.wire().len());
        assert_eq!(offered(&capabilities), [Extension::Dsn], "{greeting:?}");
    }
    for bad in ["", "-X", "a b", "a=b", "a.b"] {
        assert!(Capabilities::new().with_other(bad, "").is_err(), "{bad:?}");
    }
    assert!(Capabilities::new().with_other("X", "a  b").is_err());
    let long = |n: usize| Capabilities::new().with_other("X", &"a".repeat(n));
    assert_eq!(long(504).unwrap().to_reply("mx").wire().len(), 8 + 512);
    assert!(long(505).is_err());
    let reply = Capabilities::new()
        .with(Extension::Dsn)
        .to_reply(&"g".repeat(1_000));
    assert!(
        reply
            .wire()
            .split_inclusive(|o| *o == b'\n')
            .all(|line| line.len() <= 512)
    );
    let many = vec!["AAAAAAAAAAAAAAAAAAAA".parse::<Mechanism>().unwrap(); 100];
    let reply = Capabilities::new().with_auth(many).to_reply("mx");
    assert!(
        reply
            .wire()
            .split_inclusive(|o| *o == b'\n')
            .all(|line| line.len() <= 512)
    );

    let mut capabilities = Capabilities::new();
    for n in 0..127 {
        capabilities = capabilities.with_other(&format!("X{n}"), "").unwrap();
    }
    assert!(capabilities.clone().with_other("X127", "").is_err());
    let reply = capabilities.to_reply("mx");
    assert_eq!(read_in(reply.wire(), reply.wire().len()).1, capabilities);
}

#[test]
fn an_offer_takes_the_place_of_one_with_its_keyword() {
    let capabilities = Capabilities::new()
        .with_size(5)
        .with(Extension::Dsn)
        .with_size(6)
        .with_other("dsn", "x")
        .unwrap()
        .with_auth([]);
    let reply = capabilities.to_reply("mx");
    assert_eq!(reply.wire(), b"250-mx\r\n250-SIZE 6\r\n250 dsn x\r\n");
    assert_eq!(capabilities.size(), Some(6));
    assert_eq!(offered(&capabilities), [Extension::Dsn, Extension::Size]);
}
