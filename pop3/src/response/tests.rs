use alloc::{format, string::ToString};

use super::*;

#[test]
fn responses_are_read_and_written_the_same() {
    for (line, status, code, text) in [
        (&b"+OK"[..], Status::Ok, None, &b""[..]),
        (b"+OK 2 320", Status::Ok, None, b"2 320"),
        (b"-ERR", Status::Err, None, b""),
        (
            b"-ERR no such message",
            Status::Err,
            None,
            b"no such message",
        ),
        (
            b"-ERR [IN-USE] busy",
            Status::Err,
            Some("[IN-USE]"),
            b"busy",
        ),
        (
            b"-ERR [LOGIN-DELAY] wait",
            Status::Err,
            Some("[LOGIN-DELAY]"),
            b"wait",
        ),
        (
            b"-ERR [SYS/TEMP] later",
            Status::Err,
            Some("[SYS/TEMP]"),
            b"later",
        ),
        (
            b"-ERR [SYS/PERM] never",
            Status::Err,
            Some("[SYS/PERM]"),
            b"never",
        ),
        (b"-ERR [AUTH] wrong", Status::Err, Some("[AUTH]"), b"wrong"),
        (b"-ERR [UTF8]", Status::Err, Some("[UTF8]"), b""),
        (
            b"+OK [X-NEW/a/b] hm",
            Status::Ok,
            Some("[X-NEW/a/b]"),
            b"hm",
        ),
        (b"+OK [not a code] hm", Status::Ok, None, b"[not a code] hm"),
        (b"+OK [] hm", Status::Ok, None, b"[] hm"),
        (b"+OK [a//b] hm", Status::Ok, None, b"[a//b] hm"),
        (b"+OK [open", Status::Ok, None, b"[open"),
    ] {
        let response = Response::parse(line).unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.code().map(ToString::to_string).as_deref(), code);
        assert_eq!(response.octets(), text);
        let mut wire = BytesMut::new();
        response.encode(&mut wire);
        assert_eq!(wire, &[line, b"\r\n"].concat()[..]);
    }
    assert_eq!(
        Response::parse(b"+ok [in-use] x"),
        Ok(Response::parse(b"+OK [IN-USE] x").unwrap())
    );
}

#[test]
fn what_is_no_status_indicator_is_refused() {
    let status = ParseError::new(Expected::StatusIndicator, 0);
    for line in [
        &b""[..],
        b"OK",
        b"+",
        b"+ OK",
        b" +OK",
        b"* OK",
        b"220 hi",
        b"-ER",
        b"\x16\x03",
    ] {
        assert_eq!(
            Response::parse(line),
            Err(status.clone()),
            "{}",
            line.escape_ascii()
        );
    }
    assert_eq!(
        Response::parse(b"+OKAY"),
        Err(ParseError::new(Expected::Space, 3))
    );
    assert_eq!(
        Response::parse(b"-ERROR"),
        Err(ParseError::new(Expected::Space, 4))
    );
}

#[test]
fn all_5_what_a_server_says_is_one_short_clean_line() {
    for text in [
        "a\r\n+OK b",
        "\u{1b}[31m",
        &"x".repeat(5_000),
        "[AUTH] not a code",
        "\u{202e}",
    ] {
        for code in [None, Some(ResponseCode::SysTemp)] {
            let response = Response::err(text);
            let response = match code {
                Some(code) => response.with_code(code),
                None => response,
            };
            let mut wire = BytesMut::new();
            response.encode(&mut wire);
            assert!(wire.len() <= limits::RESPONSE_LINE, "{}", wire.len());
            let line = wire.strip_suffix(b"\r\n").unwrap();
            assert!(
                !line.iter().any(u8::is_ascii_control),
                "{}",
                line.escape_ascii()
            );
            assert_eq!(Response::parse(line), Ok(response));
        }
    }
}

#[test]
fn starttls_21_what_a_server_said_is_shown_without_controls() {
    let response = Response::parse(b"-ERR [SYS/PERM] \x1b[31;1;4mcall +1 555\x07").unwrap();
    assert_eq!(
        response.to_string(),
        "-ERR [SYS/PERM] ?[31;1;4mcall +1 555?"
    );
    assert!(!format!("{response:?}").contains('\x1b'));
    assert_eq!(response.octets(), b"\x1b[31;1;4mcall +1 555\x07");
}

#[test]
fn unknown_detail_of_a_code_is_passed_over() {
    for (line, known, temporary) in [
        (
            &b"-ERR [SYS/TEMP/DISK/FULL] x"[..],
            Some(ResponseCode::SysTemp),
            true,
        ),
        (b"-ERR [IN-USE/POP] x", Some(ResponseCode::InUse), true),
        (b"-ERR [auth/expired] x", Some(ResponseCode::Auth), false),
        (b"-ERR [SYS] x", None, false),
        (b"-ERR [SYS/ODD] x", None, false),
        (b"-ERR [SYS/TEMPO] x", None, false),
    ] {
        let response = Response::parse(line).unwrap();
        let code = response.code().unwrap();
        assert_eq!(
            (code.known_part(), code.is_temporary()),
            (known, temporary),
            "{code}"
        );
    }
}

#[test]
fn response_code_characters_are_those_of_rfc_2449() {
    for octet in 0..=255_u8 {
        // rchar = %x21-2E / %x30-5C / %x5E-7F; "/" parts levels, "]" ends the code.
        let allowed = matches!(octet, 0x21..=0x2e | 0x30..=0x5c | 0x5e..=0x7f) || octet == b'/';
        let line = [b"-ERR [A", &[octet][..], b"B] x"].concat();
        let is_code = Response::parse(&line).unwrap().code().is_some();
        // "[A]" is a code, and "B] x" then is text.
        assert_eq!(is_code, allowed || octet == b']', "{octet:#x}");
    }
}
