//! Commands and their parameters: RFC 5321 §4.1.1, RFC 1870, RFC 3030, RFC 3461, RFC 4954.

use bytes::BytesMut;
use mailwire_core::secret::SecretBytes;
use mailwire_smtp::{
    address::{ClientName, Domain, GeneralLiteral, LocalPart, Mailbox, ReversePath},
    command::{Argument, Command, Mechanism, Verb},
    error::{Expected, Framing, ParseError},
    params::{BodyType, EnvId, MailParams, Notify, OriginalRecipient, Param, RcptParams, Ret},
};

pub(crate) fn parse(line: impl AsRef<[u8]>) -> Result<Command, ParseError> {
    Command::parse(BytesMut::from(line.as_ref()))
}

pub(crate) fn encode(command: &Command) -> String {
    let mut out = BytesMut::new();
    command.encode(&mut out);
    let line = String::from_utf8(out.to_vec()).unwrap();
    line.strip_suffix("\r\n").unwrap().to_owned()
}

fn mail(from: &str, params: MailParams) -> Command {
    Command::Mail {
        from: from.parse().unwrap(),
        params,
    }
}

fn rcpt(to: &str, params: RcptParams) -> Command {
    Command::Rcpt {
        to: to.parse().unwrap(),
        params,
    }
}

fn client(name: &str) -> ClientName {
    name.parse().unwrap()
}

fn auth(mechanism: &str, initial: Option<&[u8]>) -> Command {
    Command::Auth {
        mechanism: mechanism.parse().unwrap(),
        initial: initial.map(SecretBytes::from),
    }
}

/// What is received, what it is, and what is sent.
fn cases() -> Vec<(&'static str, Command, &'static str)> {
    let none = MailParams::new;
    let text = |text: &str| text.parse::<Argument>().unwrap();
    let all = MailParams::new()
        .with_size(u64::MAX)
        .with_body(BodyType::BinaryMime)
        .with_smtputf8()
        .with_ret(Ret::Hdrs)
        .with_envid(EnvId::new("QQ+3=1 4").unwrap())
        .with_auth("<e=mc2@example.com>".parse().unwrap())
        .with_unknown(Param::new("X-foo", "bar").unwrap())
        .unwrap()
        .with_unknown(Param::new("REQUIRETLS", None).unwrap())
        .unwrap();
    let orcpt = OriginalRecipient::new("rfc822", "Bob+x@example.com").unwrap();
    let utf8 = OriginalRecipient::new("utf-8", "grüße@example.com").unwrap();
    vec![
        (
            "EHLO client.example",
            Command::Ehlo {
                client: client("client.example"),
            },
            "",
        ),
        (
            "ehlo [192.0.2.1]",
            Command::Ehlo {
                client: client("[192.0.2.1]"),
            },
            "EHLO [192.0.2.1]",
        ),
        (
            "HELO my_host",
            Command::Helo {
                client: client("my_host"),
            },
            "",
        ),
        (
            "LHLO x",
            Command::Lhlo {
                client: client("x"),
            },
            "",
        ),
        ("MAIL FROM:<>", mail("<>", none()), ""),
        ("mail from:<a@x>", mail("<a@x>", none()), "MAIL FROM:<a@x>"),
        ("MAIL FROM:<a@x> ", mail("<a@x>", none()), "MAIL FROM:<a@x>"),
        (
            "MAIL FROM:<@r:a@x>\t ",
            mail("<a@x>", none()),
            "MAIL FROM:<a@x>",
        ),
        ("MAIL FROM:<> SIZE=0", mail("<>", none().with_size(0)), ""),
        (
            "MAIL FROM:<a@x> size=0000000000000000012 body=8bitMIME",
            mail(
                "<a@x>",
                none().with_size(12).with_body(BodyType::EightBitMime),
            ),
            "MAIL FROM:<a@x> SIZE=12 BODY=8BITMIME",
        ),
        (
            "MAIL FROM:<a@x> BODY=7BIT",
            mail("<a@x>", none().with_body(BodyType::SevenBit)),
            "",
        ),
        (
            "MAIL FROM:<ü@x> SMTPUTF8",
            mail("<ü@x>", none().with_smtputf8()),
            "",
        ),
        (
            "MAIL FROM:<a@x> AUTH=<>",
            mail("<a@x>", none().with_auth(ReversePath::Null)),
            "",
        ),
        (
            "MAIL FROM:<a@x> RET=full",
            mail("<a@x>", none().with_ret(Ret::Full)),
            "MAIL FROM:<a@x> RET=FULL",
        ),
        (
            "MAIL FROM:<a@x> X-foo=bar SMTPUTF8 RET=HDRS AUTH=e+3Dmc2@example.com \
             REQUIRETLS ENVID=QQ+2B3+3D1+204 BODY=BINARYMIME SIZE=18446744073709551615",
            mail("<a@x>", all),
            "MAIL FROM:<a@x> SIZE=18446744073709551615 BODY=BINARYMIME SMTPUTF8 RET=HDRS \
             ENVID=QQ+2B3+3D1+204 AUTH=e+3Dmc2@example.com X-foo=bar REQUIRETLS",
        ),
        ("RCPT TO:<a@x>", rcpt("<a@x>", RcptParams::new()), ""),
        (
            "rcpt to:<postmaster>",
            rcpt("<Postmaster>", RcptParams::new()),
            "RCPT TO:<Postmaster>",
        ),
        (
            "RCPT TO:<a@x> NOTIFY=never",
            rcpt("<a@x>", RcptParams::new().with_notify(Notify::NEVER)),
            "RCPT TO:<a@x> NOTIFY=NEVER",
        ),
        (
            "RCPT TO:<a@x> ORCPT=rfc822;Bob+2Bx@example.com NOTIFY=DELAY,success",
            rcpt(
                "<a@x>",
                RcptParams::new()
                    .with_notify(Notify::SUCCESS.and(Notify::DELAY))
                    .with_orcpt(orcpt),
            ),
            "RCPT TO:<a@x> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob+2Bx@example.com",
        ),
        (
            "RCPT TO:<a@x> ORCPT=utf-8;grüße@example.com",
            rcpt("<a@x>", RcptParams::new().with_orcpt(utf8)),
            "",
        ),
        ("DATA", Command::Data, ""),
        ("data \t", Command::Data, "DATA"),
        (
            "BDAT 0 LAST",
            Command::Bdat {
                size: 0,
                last: true,
            },
            "",
        ),
        (
            "bdat 1000 last",
            Command::Bdat {
                size: 1000,
                last: true,
            },
            "BDAT 1000 LAST",
        ),
        (
            "BDAT 18446744073709551615",
            Command::Bdat {
                size: u64::MAX,
                last: false,
            },
            "",
        ),
        ("RSET", Command::Rset, ""),
        (
            "VRFY Crispin",
            Command::Vrfy {
                text: text("Crispin"),
            },
            "",
        ),
        (
            "EXPN a list",
            Command::Expn {
                text: text("a list"),
            },
            "",
        ),
        ("HELP", Command::Help { text: None }, ""),
        (
            "HELP MAIL",
            Command::Help {
                text: Some(text("MAIL")),
            },
            "",
        ),
        ("NOOP", Command::Noop { text: None }, ""),
        (
            "NOOP  grüße ",
            Command::Noop {
                text: Some(text("grüße")),
            },
            "NOOP grüße",
        ),
        ("QUIT", Command::Quit, ""),
        ("StartTLS", Command::StartTls, "STARTTLS"),
        ("AUTH LOGIN", auth("LOGIN", None), ""),
        ("auth plain =", auth("PLAIN", Some(b"")), "AUTH PLAIN ="),
        (
            "AUTH PLAIN AGFsaWNlAHNlY3JldA==",
            auth("PLAIN", Some(b"\0alice\0secret")),
            "",
        ),
        (
            "AUTH SCRAM-SHA-256-PLUS",
            auth("scram-sha-256-plus", None),
            "",
        ),
        (
            "xclient NAME=x",
            Command::Unknown {
                verb: "XCLIENT".parse().unwrap(),
            },
            "XCLIENT",
        ),
        (
            "GET / HTTP/1.1",
            Command::Unknown {
                verb: "GET".parse().unwrap(),
            },
            "GET",
        ),
        (
            "AUTHX abc",
            Command::Unknown {
                verb: "AUTHX".parse().unwrap(),
            },
            "AUTHX",
        ),
        (
            "MAILX",
            Command::Unknown {
                verb: "MAILX".parse().unwrap(),
            },
            "MAILX",
        ),
        (
            "2-X",
            Command::Unknown {
                verb: "2-X".parse().unwrap(),
            },
            "2-X",
        ),
    ]
}

#[test]
fn commands_are_read_and_written() {
    for (line, command, sent) in cases() {
        let sent = if sent.is_empty() { line } else { sent };
        assert_eq!(parse(line).as_ref(), Ok(&command), "{line}");
        assert_eq!(encode(&command), sent, "{line}");
        assert_eq!(parse(sent), Ok(command), "{line}");
    }
}

/// Long values share the frame; what is short is copied. They are the same.
#[test]
fn long_values_are_the_same_as_short_ones() {
    let path = format!("<{}@{}.example>", "a".repeat(40), "b".repeat(40));
    let line = format!(
        "RCPT TO:{path} ORCPT=rfc822;{} X={}",
        "c".repeat(60),
        "d".repeat(60)
    );
    let command = parse(&line).unwrap();
    assert_eq!(encode(&command), line);
    let Command::Rcpt { to, params } = command else {
        panic!("{line}")
    };
    assert_eq!(to.to_string(), path);
    assert_eq!(params.orcpt().unwrap().address(), "c".repeat(60));
    assert_eq!(params.unknown()[0].value(), Some(&*"d".repeat(60)));
}

/// What is refused: rule, place, and answer.
#[test]
fn smtp_36_smtp_48_bad_commands_are_refused_with_the_right_answer() {
    for (line, expected, offset, answer) in [
        ("", Expected::Command, 0, "500 5.5.2"),
        (" ", Expected::Command, 0, "500 5.5.2"),
        (" DATA", Expected::Command, 0, "500 5.5.2"),
        ("DATA\tx", Expected::Command, 4, "500 5.5.2"),
        ("AUTH\tPLAIN", Expected::Command, 4, "500 5.5.2"),
        ("M\u{e4}IL", Expected::Command, 1, "500 5.5.2"),
        ("a=b", Expected::Command, 1, "500 5.5.2"),
        ("AAAAAAAAAAAAAAAAAAAAA", Expected::Command, 21, "500 5.5.2"),
        ("EHLO", Expected::ClientName, 5, "501 5.5.4"),
        ("EHLO  x", Expected::ClientName, 5, "501 5.5.4"),
        ("HELO x y", Expected::ClientName, 6, "501 5.5.4"),
        ("MAIL", Expected::From, 4, "501 5.5.4"),
        ("MAIL <a@x>", Expected::From, 4, "501 5.5.4"),
        ("MAIL FROM <a@x>", Expected::From, 4, "501 5.5.4"),
        ("MAIL FROM: <a@x>", Expected::ReversePath, 10, "501 5.1.7"),
        ("MAIL FROM:a@x", Expected::ReversePath, 10, "501 5.1.7"),
        ("MAIL FROM:", Expected::ReversePath, 10, "501 5.1.7"),
        ("MAIL FROM:<a b@x>", Expected::LocalPart, 12, "501 5.1.7"),
        ("MAIL FROM:<a@x_y>", Expected::Domain, 14, "501 5.1.7"),
        ("RCPT FROM:<a@x>", Expected::To, 4, "501 5.5.4"),
        ("RCPT TO:<>", Expected::ForwardPath, 8, "501 5.1.3"),
        (
            "RCPT TO:<a@[::1]>",
            Expected::AddressLiteral,
            12,
            "501 5.1.3",
        ),
        ("RCPT TO:<a@x>x", Expected::EsmtpParam, 13, "501 5.5.4"),
        (
            "MAIL FROM:<a@x>SIZE=1",
            Expected::EsmtpParam,
            15,
            "501 5.5.4",
        ),
        (
            "MAIL FROM:<a@x>  SIZE=1",
            Expected::EsmtpParam,
            16,
            "501 5.5.4",
        ),
        ("MAIL FROM:<a@x> =x", Expected::EsmtpParam, 16, "501 5.5.4"),
        (
            "MAIL FROM:<a@x> -X=x",
            Expected::EsmtpParam,
            16,
            "501 5.5.4",
        ),
        ("MAIL FROM:<a@x> X=", Expected::EsmtpParam, 18, "501 5.5.4"),
        (
            "MAIL FROM:<a@x> X=a=b",
            Expected::EsmtpParam,
            19,
            "501 5.5.4",
        ),
        ("MAIL FROM:<a@x> SIZE", Expected::SizeValue, 20, "501 5.5.4"),
        (
            "MAIL FROM:<a@x> SIZE=",
            Expected::EsmtpParam,
            21,
            "501 5.5.4",
        ),
        (
            "MAIL FROM:<a@x> SIZE=-1",
            Expected::SizeValue,
            21,
            "501 5.5.4",
        ),
        (
            "MAIL FROM:<a@x> SIZE=+1",
            Expected::SizeValue,
            21,
            "501 5.5.4",
        ),
        (
            "MAIL FROM:<a@x> SIZE=1k",
            Expected::SizeValue,
            21,
            "501 5.5.4",
        ),
        (
            "MAIL FROM:<a@x> SIZE=18446744073709551616",
            Expected::SizeValue,
            21,
            "501 5.5.4",
        ),
        (
            "MAIL FROM:<a@x> SIZE=000000000000000000001",
            Expected::SizeValue,
            21,
            "501 5.5.4",
        ),
        (
            "MAIL FROM:<a@x> SIZE=1 SIZE=2",
            Expected::UniqueParam,
            23,
            "501 5.5.4",
        ),
        (
            "MAIL FROM:<a@x> BODY=9BIT",
            Expected::BodyValue,
            21,
            "501 5.5.4",
        ),
        ("MAIL FROM:<a@x> BODY", Expected::BodyValue, 20, "501 5.5.4"),
        (
            "MAIL FROM:<a@x> BODY=7BIT body=7BIT",
            Expected::UniqueParam,
            26,
            "501 5.5.4",
        ),
        (
            "MAIL FROM:<a@x> SMTPUTF8=1",
            Expected::EsmtpParam,
            24,
            "501 5.5.4",
        ),
        (
            "MAIL FROM:<a@x> SMTPUTF8 SMTPUTF8",
            Expected::UniqueParam,
            25,
            "501 5.5.4",
        ),
        (
            "MAIL FROM:<a@x> RET=HALF",
            Expected::RetValue,
            20,
            "501 5.5.4",
        ),
        (
            "MAIL FROM:<a@x> RET=FULL RET=HDRS",
            Expected::UniqueParam,
            25,
            "501 5.5.4",
        ),
        (
            "MAIL FROM:<a@x> AUTH=x",
            Expected::AuthParameter,
            21,
            "501 5.5.4",
        ),
        (
            "MAIL FROM:<a@x> AUTH=a+40x+0D",
            Expected::AuthParameter,
            26,
            "501 5.5.4",
        ),
        (
            "MAIL FROM:<a@x> FOO=1 foo=2",
            Expected::UniqueParam,
            22,
            "501 5.5.4",
        ),
        (
            "RCPT TO:<a@x> NOTIFY=",
            Expected::EsmtpParam,
            21,
            "501 5.5.4",
        ),
        (
            "RCPT TO:<a@x> NOTIFY=NEVER NOTIFY=NEVER",
            Expected::UniqueParam,
            27,
            "501 5.5.4",
        ),
        ("DATA x", Expected::NoArgument, 4, "501 5.5.4"),
        ("RSET x", Expected::NoArgument, 4, "501 5.5.4"),
        ("QUIT x", Expected::NoArgument, 4, "501 5.5.4"),
        ("STARTTLS x", Expected::NoArgument, 8, "501 5.5.4"),
        ("VRFY", Expected::Text, 4, "501 5.5.4"),
        ("EXPN ", Expected::Text, 4, "501 5.5.4"),
        ("NOOP a\tb", Expected::Text, 6, "501 5.5.4"),
        ("NOOP a\u{9b}b", Expected::Text, 6, "501 5.5.4"),
        ("AUTH", Expected::Mechanism, 5, "501 5.5.4"),
        ("AUTH  PLAIN", Expected::Mechanism, 5, "501 5.5.4"),
        ("AUTH PL/AIN", Expected::Mechanism, 7, "501 5.5.4"),
        (
            "AUTH AAAAAAAAAAAAAAAAAAAAA",
            Expected::Mechanism,
            26,
            "501 5.5.4",
        ),
        ("AUTH PLAIN a", Expected::Base64, 12, "501 5.5.2"),
        ("AUTH PLAIN  AAAA", Expected::Base64, 11, "501 5.5.2"),
        ("AUTH PLAIN AA==AA==", Expected::Base64, 13, "501 5.5.2"),
        ("AUTH PLAIN AAAA x", Expected::Base64, 15, "501 5.5.2"),
        ("AUTH PLAIN ==", Expected::Base64, 13, "501 5.5.2"),
    ] {
        let error = parse(line).expect_err(line);
        assert_eq!(
            (error.expected(), error.offset()),
            (expected, offset),
            "{line}"
        );
        let got = format!("{} {}", error.code(), error.enhanced());
        assert_eq!(got, answer, "{line}");
        assert_eq!(error.framing(), Framing::Kept, "{line}");
        let reply = error.reply();
        assert_eq!(
            (reply.code(), reply.enhanced()),
            (error.code(), Some(error.enhanced()))
        );
        let wire = String::from_utf8(reply.wire().to_vec()).unwrap();
        assert_eq!(
            wire,
            format!("{answer} expected {expected} at octet {offset}\r\n")
        );
    }
}

#[test]
fn smtp_48_unknown_parameters_are_kept_and_refused_with_555() {
    let Ok(Command::Mail { params, .. }) = parse("MAIL FROM:<a@x> SIZE=1 FOO=1 bar") else {
        panic!()
    };
    let kept: Vec<_> = params
        .unknown()
        .iter()
        .map(|p| (p.keyword(), p.value()))
        .collect();
    assert_eq!(kept, [("FOO", Some("1")), ("bar", None)]);
    let refused = params.refuse_unknown().unwrap_err();
    assert_eq!(
        refused.reply().wire(),
        b"555 5.5.4 expected a parameter that was offered at octet 23\r\n"
    );
    let Ok(Command::Rcpt { params, .. }) = parse("RCPT TO:<a@x> SIZE=1") else {
        panic!()
    };
    assert_eq!(params.refuse_unknown().unwrap_err().code().value(), 555);
    let Ok(Command::Rcpt { params, .. }) = parse("RCPT TO:<a@x> NOTIFY=DELAY") else {
        panic!()
    };
    assert_eq!(params.refuse_unknown(), Ok(()));

    let many = |n: usize| {
        let params: String = (0..n).map(|i| format!(" X{i}=1")).collect();
        parse(format!("MAIL FROM:<a@x>{params}"))
    };
    assert!(many(16).is_ok());
    assert_eq!(many(17).unwrap_err().expected(), Expected::FewerParams);
    for typed in ["size", "BODY", "SMTPUTF8", "RET", "ENVID", "auth"] {
        let param = Param::new(typed, "1").unwrap();
        assert!(
            MailParams::new().with_unknown(param.clone()).is_err(),
            "{typed}"
        );
        assert!(RcptParams::new().with_unknown(param).is_ok(), "{typed}");
    }
}

#[test]
fn smtp_49_xtext_is_exact() {
    let envid = |value: &str| match parse(format!("MAIL FROM:<> ENVID={value}")) {
        Ok(Command::Mail { params, .. }) => Ok(params.envid().unwrap().as_str().to_owned()),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err((error.expected(), error.code().value())),
    };
    assert_eq!(envid("a+2Bb+3Dc+20d~!").unwrap(), "a+b=c d~!");
    assert_eq!(envid(&"a".repeat(100)).unwrap().len(), 100);
    for bad in [
        "a+00b", "a+0Ab", "a+0Db", "+7F", "+80", "+FF", "+GG", "+", "a+2", "+2b", "+2G", "++2B",
        "+ 2", "a\u{fc}",
    ] {
        assert_eq!(envid(bad).unwrap_err().1, 501, "{bad}");
    }
    assert_eq!(envid(&"a".repeat(101)), Err((Expected::EnvidValue, 501)));
    assert_eq!(EnvId::new("a+b").unwrap(), EnvId::new("a+b").unwrap());
    assert!(EnvId::new("").is_err());
    assert!(EnvId::new(&"+".repeat(33)).is_ok());
    assert!(EnvId::new(&"+".repeat(34)).is_err());

    let orcpt = |value: &str| match parse(format!("RCPT TO:<a@x> ORCPT={value}")) {
        Ok(Command::Rcpt { params, .. }) => {
            let orcpt = params.orcpt().unwrap();
            Ok((orcpt.kind().to_owned(), orcpt.address().to_owned()))
        }
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.code().value()),
    };
    let pair = |kind: &str, address: &str| Ok((kind.to_owned(), address.to_owned()));
    assert_eq!(orcpt("rfc822;a+2Bb@x"), pair("rfc822", "a+b@x"));
    assert_eq!(orcpt("x400;;c+3Dgb;"), pair("x400", ";c=gb;"));
    assert_eq!(orcpt("rfc822;"), pair("rfc822", ""));
    for bad in [
        "rfc822",
        "a+0D+0ARCPT",
        "rfc822;a+0D+0ARCPT",
        ";a@x",
        "rfc 822;a",
        "rfc=822;a",
        "rfc(822;a",
        "rfc822;ü@x",
        "ü;a",
        "utf-8;a\u{9b}",
        "rfc822;+C3+BC",
    ] {
        assert_eq!(orcpt(bad), Err(501), "{bad}");
    }
    let long = |n: usize| format!("rfc822;{}", "a".repeat(n - 7));
    assert!(orcpt(&long(500)).is_ok());
    assert!(orcpt(&long(501)).is_err());
    assert!(OriginalRecipient::new("rfc822", &"a".repeat(493)).is_ok());
    assert!(OriginalRecipient::new("rfc822", &"a".repeat(494)).is_err());
    // Everything that may stand in an address comes out encoded so that it is read back.
    for octet in b' '..=b'~' {
        let address = format!("x{}y", char::from(octet));
        let value = OriginalRecipient::new("rfc822", &address).unwrap();
        let sent = value.to_string();
        let must = matches!(octet, b' ' | b'+' | b'=');
        assert_eq!(sent.contains('+'), must, "{sent}");
        assert_eq!(orcpt(&sent), pair("rfc822", &address));
    }
    let mailbox = r#""a b"@x"#.parse::<Mailbox>().unwrap();
    assert_eq!(
        OriginalRecipient::of(&mailbox).unwrap().to_string(),
        r#"rfc822;"a+20b"@x"#
    );

    for (value, ok) in [
        ("NEVER", true),
        ("SUCCESS,FAILURE,DELAY", true),
        ("DELAY,DELAY", true),
        ("NEVER,SUCCESS", false),
        ("SUCCESS,NEVER", false),
        ("SUCCESS,", false),
        (",SUCCESS", false),
        ("SUCCESS,,DELAY", false),
        ("SOMETIMES", false),
    ] {
        let notify = parse(format!("RCPT TO:<a@x> NOTIFY={value}"));
        assert_eq!(notify.is_ok(), ok, "{value}");
    }
}

#[test]
fn bdat_says_what_becomes_of_the_octets_behind_it() {
    for (line, framing) in [
        ("BDAT", Framing::Lost),
        ("BDAT ", Framing::Lost),
        ("BDAT  5", Framing::Lost),
        ("BDAT x", Framing::Lost),
        ("BDAT -1", Framing::Lost),
        ("BDAT +1", Framing::Lost),
        ("BDAT 0x10", Framing::Lost),
        ("BDAT 5LAST", Framing::Lost),
        ("BDAT 18446744073709551616", Framing::Lost),
        ("BDAT 000000000000000000005", Framing::Lost),
        ("BDAT LAST", Framing::Lost),
        ("BDAT 5 FIRST", Framing::Chunk(5)),
        ("BDAT 5  LAST", Framing::Chunk(5)),
        ("BDAT 5 LAST LAST", Framing::Chunk(5)),
    ] {
        let error = parse(line).expect_err(line);
        assert_eq!(error.framing(), framing, "{line}");
        assert_eq!(error.code().value(), 501, "{line}");
    }
}

#[test]
fn smtp_45_no_invalid_utf8_is_accepted_anywhere() {
    for bad in [
        &b"\xc0\xaf"[..],
        b"\xed\xa0\x80",
        b"\xf0\x9f",
        b"\xff",
        b"\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xf4\x90\x80\x80",
    ] {
        for (before, after) in [
            ("EHLO ", ""),
            ("EHLO a", "b"),
            ("MAIL FROM:<", "@x>"),
            ("MAIL FROM:<a", "b@x>"),
            ("MAIL FROM:<\"", "\"@x>"),
            ("MAIL FROM:<a@", ">"),
            ("MAIL FROM:<a@x", ".y>"),
            ("MAIL FROM:<@", ":a@x>"),
            ("MAIL FROM:<a@[", "]>"),
            ("MAIL FROM:<a@[x:", "]>"),
            ("MAIL FROM:<a@x> AUTH=", "@x"),
            ("MAIL FROM:<a@x> ENVID=", ""),
            ("MAIL FROM:<a@x> X=", ""),
            ("RCPT TO:<a@x> ORCPT=utf-8;", ""),
            ("RCPT TO:<a@x> ORCPT=utf-8;a+2B", ""),
            ("RCPT TO:<", "@x>"),
            ("VRFY ", ""),
            ("NOOP ", ""),
            ("", ""),
        ] {
            let line = [before.as_bytes(), bad, after.as_bytes()].concat();
            let error = parse(&line).expect_err(&line.escape_ascii().to_string());
            assert!(matches!(error.code().value(), 500 | 501));
            assert!(error.offset() <= line.len());
        }
    }
}

#[test]
fn smtp_36_no_control_is_accepted_in_any_command() {
    for control in (0..0x20).chain([0x7f]) {
        for (line, _, _) in cases() {
            for at in 0..=line.len() {
                let mut octets = line.as_bytes().to_vec();
                octets.insert(at, control);
                let trailing =
                    control == b'\t' && line.as_bytes()[at..].iter().all(|o| b" \t".contains(o));
                let unread = matches!(parse(&octets), Ok(Command::Unknown { .. }));
                assert!(
                    trailing || unread || parse(&octets).is_err(),
                    "{}",
                    octets.escape_ascii()
                );
            }
        }
    }
}

#[test]
fn smtp_54_no_answer_repeats_what_was_sent() {
    for line in [
        "VRFY <script>\t</script>",
        "<script>alert(1)</script>",
        "EHLO <script> x",
        "RCPT TO:<script>",
        "AUTH <script>",
    ] {
        let reply = parse(line).unwrap_err().reply();
        let wire = String::from_utf8(reply.wire().to_vec()).unwrap();
        assert!(!wire.contains("script"), "{wire}");
    }
}

/// Each setter with each bad octet.
#[test]
fn smtp_63_no_value_takes_a_line_break_or_a_control() {
    for control in (0..0x20).chain([0x7f, 0x80, 0x85, 0x9b]) {
        for (before, after) in [("", ""), ("a", ""), ("", "a"), ("a", "\r\nRSET")] {
            let bad = format!("{before}{}{after}", char::from(control));
            assert!(bad.parse::<ClientName>().is_err(), "{bad:?}");
            assert!(bad.parse::<Domain>().is_err(), "{bad:?}");
            assert!(bad.parse::<Argument>().is_err(), "{bad:?}");
            assert!(bad.parse::<Verb>().is_err(), "{bad:?}");
            assert!(bad.parse::<Mechanism>().is_err(), "{bad:?}");
            assert!(LocalPart::new(&bad).is_err(), "{bad:?}");
            assert!(EnvId::new(&bad).is_err(), "{bad:?}");
            assert!(OriginalRecipient::new("rfc822", &bad).is_err(), "{bad:?}");
            assert!(OriginalRecipient::new("utf-8", &bad).is_err(), "{bad:?}");
            assert!(OriginalRecipient::new(&bad, "a").is_err(), "{bad:?}");
            assert!(Param::new("X", &*bad).is_err(), "{bad:?}");
            assert!(Param::new(&bad, None).is_err(), "{bad:?}");
            assert!(GeneralLiteral::new("x", &bad).is_err(), "{bad:?}");
            assert!(GeneralLiteral::new(&bad, "x").is_err(), "{bad:?}");
        }
    }
    for bad in ["", "a b", "a=b"] {
        assert!(Param::new(bad, None).is_err(), "{bad:?}");
        assert!(Param::new("X", bad).is_err(), "{bad:?}");
    }
    assert!(Param::new("a=b", "c").is_err());
    assert!("".parse::<Argument>().is_err());
    assert!(" a".parse::<Argument>().is_err());
    assert!("a ".parse::<Argument>().is_err());
}

#[test]
fn secrets_are_not_shown() {
    let command = parse("AUTH PLAIN AGFsaWNlAHNlY3JldA==").unwrap();
    let shown = format!("{command:?}");
    assert!(
        !shown.contains("alice") && !shown.contains("115"),
        "{shown}"
    );
    let long = format!("AUTH PLAIN {}", "A".repeat(12_292));
    let error = parse(long).unwrap_err();
    assert_eq!(
        format!("{} {}", error.code(), error.enhanced()),
        "500 5.5.6"
    );
}
