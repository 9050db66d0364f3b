use alloc::{format, string::String, vec::Vec};

use super::*;
use crate::error::{Expected, ParseError};

fn number(number: u32) -> MessageNumber {
    MessageNumber::new(number).unwrap()
}

fn wire(command: &Command) -> Vec<u8> {
    let mut wire = BytesMut::new();
    command.encode(&mut wire);
    wire.to_vec()
}

#[test]
fn commands_are_read_and_written_the_same() {
    let secret = || InitialResponse::new(b"\0bob\0secret"[..].into()).unwrap();
    let empty = || InitialResponse::new(b""[..].into()).unwrap();
    let auth = |initial| Command::Auth {
        mechanism: Mechanism::new("PLAIN").unwrap(),
        initial,
    };
    for (line, command) in [
        (
            &b"USER bob"[..],
            Command::User(UserName::new("bob").unwrap()),
        ),
        (
            b"USER b\xc3\xb6b@x",
            Command::User(UserName::new("böb@x").unwrap()),
        ),
        (
            b"PASS secret",
            Command::Pass(Password::new("secret").unwrap()),
        ),
        (b"STAT", Command::Stat),
        (b"LIST", Command::List(None)),
        (b"LIST 2", Command::List(Some(number(2)))),
        (b"RETR 4294967295", Command::Retr(number(u32::MAX))),
        (b"DELE 1", Command::Dele(number(1))),
        (b"NOOP", Command::Noop),
        (b"RSET", Command::Rset),
        (b"QUIT", Command::Quit),
        (
            b"TOP 1 0",
            Command::Top {
                message: number(1),
                lines: 0,
            },
        ),
        (
            b"TOP 7 4294967295",
            Command::Top {
                message: number(7),
                lines: u32::MAX,
            },
        ),
        (b"UIDL", Command::Uidl(None)),
        (b"UIDL 10", Command::Uidl(Some(number(10)))),
        (b"CAPA", Command::Capa),
        (b"STLS", Command::Stls),
        (b"AUTH PLAIN", auth(None)),
        (b"AUTH PLAIN =", auth(Some(empty()))),
        (b"AUTH PLAIN AGJvYgBzZWNyZXQ=", auth(Some(secret()))),
    ] {
        assert_eq!(
            Command::parse(line).as_ref(),
            Ok(&command),
            "{}",
            line.escape_ascii()
        );
        assert_eq!(wire(&command), [line, b"\r\n"].concat());
        let keyword = line.split(|&octet| octet == b' ').next().unwrap();
        let lower = [&keyword.to_ascii_lowercase(), &line[keyword.len()..]].concat();
        assert_eq!(
            Command::parse(&lower).as_ref(),
            Ok(&command),
            "{}",
            lower.escape_ascii()
        );
    }
    for line in [
        &b"UTF8"[..],
        b"LANG *",
        b"XTND XMIT a  b ",
        b"x",
        b"AUTHX PLAIN",
        b"EHLO me",
    ] {
        let command = Command::parse(line).unwrap();
        assert!(matches!(command, Command::Unknown(_)), "{command:?}");
        assert_eq!(wire(&command), [line, b"\r\n"].concat());
    }
}

#[test]
fn pop3_6_malformed_arguments_are_refused_where_they_stand() {
    use Expected as E;
    for (line, expected, offset) in [
        (&b"RETR 0"[..], E::MessageNumber, 5),
        (b"RETR -1", E::MessageNumber, 5),
        (b"RETR +1", E::MessageNumber, 5),
        (b"RETR 01", E::MessageNumber, 5),
        (b"RETR 4294967296", E::MessageNumber, 5),
        (b"RETR 4294967297", E::MessageNumber, 5),
        (b"RETR 99999999999999999999999", E::MessageNumber, 5),
        (b"RETR 1 2", E::EndOfLine, 6),
        (b"RETR 1 ", E::EndOfLine, 6),
        (b"RETR", E::MessageNumber, 5),
        (b"RETR ", E::MessageNumber, 5),
        (b"RETR  1", E::MessageNumber, 5),
        (b"RETR\t1", E::Keyword, 4),
        (b"RETR a", E::MessageNumber, 5),
        (b"RETR 1a", E::MessageNumber, 5),
        (b"RETR \xd9\xa1", E::MessageNumber, 5),
        (b"TOP 1", E::LineCount, 6),
        (b"TOP 1 -1", E::LineCount, 6),
        (b"TOP 1 99999999999", E::LineCount, 6),
        (b"TOP 1 00", E::LineCount, 6),
        (b"TOP 1 1 1", E::EndOfLine, 7),
        (b"TOP", E::MessageNumber, 4),
        (b"UIDL -1", E::MessageNumber, 5),
        (b"UIDL ", E::MessageNumber, 5),
        (b"LIST a", E::MessageNumber, 5),
        (b"LIST 0", E::MessageNumber, 5),
        (b"DELE 0", E::MessageNumber, 5),
        (b"DELE", E::MessageNumber, 5),
        (b"STAT x", E::EndOfLine, 4),
        (b"STAT ", E::EndOfLine, 4),
        (b"STLS foo", E::EndOfLine, 4),
        (b"QUIT now", E::EndOfLine, 4),
        (b"", E::Keyword, 0),
        (b" STAT", E::Keyword, 0),
        (b"\0", E::Keyword, 0),
        (b"ST\xffT", E::Keyword, 2),
        (b"USER", E::UserName, 5),
        (b"USER ", E::UserName, 5),
        (b"USER a\tb", E::UserName, 6),
        (b"USER a\x7f", E::UserName, 6),
        (b"USER a\xff", E::UserName, 6),
        (b"PASS", E::Password, 5),
        (b"PASS ", E::Password, 5),
        (b"PASS a\xff", E::Password, 6),
        (b"APOP bob", E::Digest, 9),
        (b"APOP", E::UserName, 5),
        (b"APOP  c4c9334bac560ecc979e58001b3e22fb", E::UserName, 5),
        (b"APOP bob C4C9334BAC560ECC979E58001B3E22FB", E::Digest, 9),
        (b"APOP bob c4c9", E::Digest, 9),
    ] {
        let error = Command::parse(line).unwrap_err();
        assert_eq!(
            error,
            ParseError::new(expected, offset),
            "{}",
            line.escape_ascii()
        );
    }
    // A colon is a keyword that nobody knows.
    assert!(matches!(Command::parse(b":"), Ok(Command::Unknown(_))));
}

#[test]
fn auth_5_the_auth_command_is_read_strictly() {
    use Expected as E;
    for (line, expected, offset) in [
        (&b"AUTH"[..], E::Mechanism, 5),
        (b"AUTH ", E::Mechanism, 5),
        (b"AUTH  PLAIN", E::Mechanism, 5),
        (b"AUTH PLAIN ", E::Base64, 11),
        (b"AUTH PLAIN  ", E::Base64, 11),
        (b"AUTH PLAIN ==", E::Base64, 13),
        (b"AUTH PLAIN AGJv=", E::Base64, 16),
        (b"AUTH PLAIN AG-v", E::Base64, 13),
        (b"AUTH PLAIN = x", E::EndOfLine, 12),
        (b"AUTH PLAIN,LOGIN", E::Mechanism, 5),
        (b"AUTH ABCDEFGHIJKLMNOPQRSTU", E::Mechanism, 5),
    ] {
        let error = Command::parse(line).unwrap_err();
        assert_eq!(
            (error.expected, error.offset),
            (expected, offset),
            "{}",
            line.escape_ascii()
        );
    }
    let Ok(Command::Auth { mechanism, initial }) = Command::parse(b"auth login dXNlcg==") else {
        panic!("a lower-case mechanism is one");
    };
    assert_eq!(
        (&*mechanism, initial.unwrap().expose()),
        ("LOGIN", &b"user"[..])
    );
}

#[test]
fn pop3_10_the_rest_of_the_line_is_the_password() {
    for password in [" ", "  two  spaces  ", "a b", "=", "pässword", "PASS", "\t"] {
        let line = format!("PASS {password}");
        let Ok(Command::Pass(read)) = Command::parse(line.as_bytes()) else {
            panic!("{password:?}");
        };
        assert_eq!(read.expose(), password);
    }
}

#[test]
fn pop3_17_nothing_that_ends_a_line_can_be_put_into_a_command() {
    for bad in ["bob\r\nDELE 1", "bob\n", "\rbob", "b\0b"] {
        assert!(UserName::new(bad).is_err(), "{bad:?}");
        assert!(Password::new(bad).is_err(), "{bad:?}");
        assert!(Mechanism::new(bad).is_err(), "{bad:?}");
        let line = [b"XTND ", bad.as_bytes()].concat();
        assert!(Command::parse(&line).is_err(), "{bad:?}");
    }
    // Base64 carries all octets; the line stays one.
    let initial = InitialResponse::new(b"a\r\nQUIT\r\n\0"[..].into()).unwrap();
    let mechanism = Mechanism::new("PLAIN").unwrap();
    let line = wire(&Command::Auth {
        mechanism,
        initial: Some(initial),
    });
    assert_eq!(memchr::memchr2_iter(b'\r', b'\n', &line).count(), 2);
}

#[test]
fn pop3_20_user_names_are_utf_8_or_refused() {
    assert_eq!(&*UserName::new("用户").unwrap(), "用户");
    for bad in [
        &b"USER \xc3"[..],
        b"USER a\xc3\x28",
        b"USER \xed\xa0\x80",
        b"USER \xc0\xaf",
    ] {
        assert_eq!(
            Command::parse(bad).unwrap_err().expected,
            Expected::UserName
        );
    }
    assert!(matches!(Command::parse(b"UTF8"), Ok(Command::Unknown(_))));
    assert!(matches!(
        Command::parse(b"LANG de"),
        Ok(Command::Unknown(_))
    ));
}

#[test]
fn every_command_that_can_be_made_fits_into_a_line_or_says_so() {
    let longest: String = "x".repeat(limits::ARGUMENT);
    for command in [
        Command::User(UserName::new(&longest).unwrap()),
        Command::Pass(Password::new(&longest).unwrap()),
    ] {
        assert!(command.fits());
        assert_eq!(wire(&command).len(), limits::COMMAND_LINE);
    }
    let longer = "x".repeat(limits::ARGUMENT + 1);
    let offset = limits::ARGUMENT;
    assert_eq!(
        UserName::new(&longer),
        Err(InvalidArgument::UserName { offset })
    );
    assert_eq!(
        Password::new(&longer),
        Err(InvalidArgument::Password { offset })
    );
    for len in 170..200 {
        let initial = InitialResponse::new(alloc::vec![b'x'; len].into()).unwrap();
        let mechanism = Mechanism::new("PLAIN").unwrap();
        let command = Command::Auth {
            mechanism,
            initial: Some(initial),
        };
        assert_eq!(
            command.fits(),
            wire(&command).len() <= limits::COMMAND_LINE,
            "{len}"
        );
    }
}

#[test]
fn all_4_debug_shows_no_credential() {
    for line in [
        &b"PASS canary"[..],
        b"AUTH PLAIN Y2FuYXJ5",
        b"PASSX canary",
        b"APOP bob c4c9334bac560ecc979e58001b3e22fb",
    ] {
        let shown = format!("{:?}", Command::parse(line).unwrap());
        for canary in [
            "canary",
            "Y2FuYXJ5",
            "c4c9334bac560ecc979e58001b3e22fb",
            "99, 97",
        ] {
            assert!(!shown.contains(canary), "{shown}");
        }
    }
}

#[test]
fn keyword_characters_are_those_of_rfc_2449() {
    for octet in 0..=255_u8 {
        // keyword = 3*4VCHAR, and VCHAR is %x21-7E.
        let allowed = (0x21..=0x7e).contains(&octet);
        let line = [b'X', b'Y', octet, b'Z'];
        let read = Command::parse(&line);
        if octet == b' ' {
            assert!(matches!(read, Ok(Command::Unknown(_))));
        } else {
            assert_eq!(read.is_ok(), allowed, "{octet:#x}");
        }
    }
}
