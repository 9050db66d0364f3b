//! Single elements: commands, replies, addresses, base64.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use arbitrary::{Arbitrary, Unstructured};
use bytes::BytesMut;
use mailwire_core::{base64, text::Sanitized};
use mailwire_pop3::{Capability, Command as PopCommand, Response};
use mailwire_smtp::{
    address::{
        AddressLiteral, ClientName, Domain, ForwardPath, Host, LocalPart, Mailbox, ReversePath,
    },
    command::{Argument, Command, Mechanism, Verb},
    extension::Capabilities,
    reply::{Reply, ReplyParser},
};

use crate::{Target, machine::pieces, take_octet};

pub(crate) const BASE64: Target = Target {
    name: "base64",
    run: base64_octets,
    seeds: &[
        b"",
        b"=",
        b"AGJvYgBzZWNyZXQ=",
        b"AGJvYgBzZWNyZXQ",
        b"AB==",
        b"A b=",
    ],
};

pub(crate) const SMTP_ADDRESS: Target = Target {
    name: "smtp_address",
    run: smtp_address,
    seeds: &[
        b"<bob@mx.example>",
        b"\"a b\\\"\"@[IPv6:::1]",
        b"<@a.example,@b.example:c@d.example>",
        b"<Postmaster>",
        "<\u{e9}@\u{fc}ber.example>".as_bytes(),
    ],
};

pub(crate) const SMTP_COMMAND: Target = Target {
    name: "smtp_command",
    run: smtp_command,
    seeds: &[
        b"EHLO [127.0.0.1]",
        b"MAIL FROM:<a@b.example> SIZE=10 BODY=8BITMIME AUTH=<>",
        b"RCPT TO:<a@b.example> NOTIFY=NEVER ORCPT=rfc822;a+2Bb@c",
        b"BDAT 100 LAST",
        b"AUTH PLAIN AGJvYgBzZWNyZXQ=",
        b"XFOO bar",
    ],
};

pub(crate) const SMTP_REPLY: Target = Target {
    name: "smtp_reply",
    run: smtp_reply,
    seeds: &[
        b"\x03250 2.1.0 ok\r\n",
        b"\x01250-mx.example\r\n250-SIZE 1000\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n",
        b"\x02421 4.3.2 bye\r\n250-a\r\n550 b\r\n",
    ],
};

pub(crate) const SMTP_VALUES: Target = Target {
    name: "smtp_values",
    run: smtp_values,
    seeds: &[
        b"",
        b"0123456789abcdefghijklmnopqrstuvwxyz",
        &[0x80; 64],
        &[7; 40],
    ],
};

pub(crate) const POP3_CODEC: Target = Target {
    name: "pop3_codec",
    run: pop3_codec,
    seeds: &[
        b"\x00RETR 1",
        b"\x00APOP bob c4c9334bac560ecc979e58001b3e22fb",
        b"\x01+OK [LOGIN-DELAY] hello",
        b"\x01-ERR [AUTH] no",
        b"\x02SASL PLAIN LOGIN",
        b"\x02EXPIRE 60 USER",
    ],
};

/// RFC 4648 §4 has one form of each sequence of octets, so what decodes must encode to what it was.
fn base64_octets(data: &[u8]) {
    if let Ok(octets) = base64::decode(data, 4096) {
        assert_eq!(base64::encode(octets.expose()).as_bytes(), data);
    }
    if let Ok(octets) = base64::decode_initial(data, 4096) {
        assert_eq!(
            base64::encode_initial(octets.expose()).expose().as_bytes(),
            data
        );
    }
    let encoded = base64::encode(data);
    let decoded = base64::decode(encoded.as_bytes(), data.len());
    assert!(decoded.is_ok_and(|octets| octets.expose() == data));
    if let Some(max) = data.len().checked_sub(1) {
        assert!(base64::decode(encoded.as_bytes(), max).is_err());
    }
    let shown = Sanitized(data).to_string();
    assert!(!shown.bytes().any(|octet| octet < b' ' || octet == 0x7f));
}

/// A text that parses is shown as something that parses to the same.
fn shown<T: FromStr<Err: Debug> + Display + PartialEq + Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let again = value.to_string().parse::<T>();
        assert!(
            again.is_ok_and(|again| again == value),
            "{text:?} {value:?}"
        );
    }
}

fn smtp_address(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    shown::<AddressLiteral>(text);
    shown::<ClientName>(text);
    shown::<Domain>(text);
    shown::<ForwardPath>(text);
    shown::<Host>(text);
    shown::<Mailbox>(text);
    shown::<Mechanism>(text);
    shown::<ReversePath>(text);
    if let Ok(mailbox) = text.parse::<Mailbox>() {
        let local = LocalPart::new(&mailbox.local_part());
        let again = local.and_then(|local| Mailbox::new(&local, &mailbox.host()));
        // An address literal may be written in more than one way.
        assert!(
            again.is_ok_and(|again| {
                again.local_part() == mailbox.local_part() && again.host() == mailbox.host()
            }),
            "{mailbox:?}"
        );
    }
    if let Ok(domain) = text.parse::<Domain>() {
        assert_eq!(domain.to_ascii().to_ascii(), domain.to_ascii());
    }
    if let Ok(verb) = text.parse::<Verb>() {
        assert!(verb.as_str().eq_ignore_ascii_case(text));
    }
    if let Ok(argument) = text.parse::<Argument>() {
        assert_eq!(argument.as_str(), text);
    }
}

fn smtp_command(data: &[u8]) {
    // No line holds these; the framing has seen to it.
    if data.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0)) {
        return;
    }
    if let Ok(command) = Command::parse(BytesMut::from(data)) {
        assert_written(&command);
    }
}

/// Parses to the same when it is written.
fn assert_written(command: &Command) {
    let mut wire = BytesMut::new();
    command.encode(&mut wire);
    let line = wire.strip_suffix(b"\r\n").unwrap_or_default();
    assert!(
        !line.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0)),
        "{command:?}"
    );
    let again = Command::parse(BytesMut::from(line));
    assert!(
        again.as_ref() == Ok(command),
        "{command:?} {:?}",
        line.escape_ascii().to_string()
    );
}

fn smtp_reply(mut data: &[u8]) {
    let size = [take_octet(&mut data)];
    let whole = replies([data]);
    assert_eq!(replies(data.chunks(1)), whole);
    assert_eq!(replies(pieces(data, &size)), whole);
    for reply in whole.0 {
        let mut wire = BytesMut::new();
        reply.encode(&mut wire);
        assert_eq!(ReplyParser::new().parse(&mut wire), Ok(Some(reply)));
        assert!(wire.is_empty());
    }
}

/// Replies and EHLO replies in turn, and how it ended.
fn replies<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Reply>, Vec<String>, Vec<u8>) {
    let (mut parser, mut input) = (ReplyParser::new(), BytesMut::new());
    let (mut replies, mut offers) = (Vec::new(), Vec::new());
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            let parsed = if replies.len() % 2 == 1 {
                parser.parse(&mut input)
            } else {
                parser.parse_ehlo(&mut input).map(|parsed| {
                    parsed.map(|(reply, offered)| {
                        offers.push(format!("{:?} {:?}", offered.size(), offered.iter().count()));
                        reply
                    })
                })
            };
            match parsed {
                Ok(Some(reply)) => replies.push(reply),
                Ok(None) => break,
                Err(error) => {
                    // How much of the reply is there when it is given up depends on the cuts.
                    offers.push(error.to_string());
                    return (replies, offers, Vec::new());
                }
            }
        }
    }
    (replies, offers, input.to_vec())
}

/// What a program can build parses to what was built.
fn smtp_values(data: &[u8]) {
    let mut unstructured = Unstructured::new(data);
    if let Ok(command) = Command::arbitrary(&mut unstructured) {
        assert_written(&command);
    }
    if let Ok(reply) = Reply::arbitrary(&mut unstructured) {
        let mut wire = BytesMut::from(reply.wire());
        assert_eq!(ReplyParser::new().parse(&mut wire), Ok(Some(reply)));
        assert!(wire.is_empty());
    }
    if let Ok(offered) = Capabilities::arbitrary(&mut unstructured) {
        let mut wire = BytesMut::from(offered.to_reply("mx.example").wire());
        let parsed = ReplyParser::new().parse_ehlo(&mut wire);
        assert!(parsed.is_ok_and(|parsed| parsed.is_some_and(|(_, again)| {
            again.size() == offered.size() && again.iter().eq(offered.iter())
        })));
    }
}

fn pop3_codec(mut data: &[u8]) {
    let choice = take_octet(&mut data);
    if data.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0)) {
        return;
    }
    let mut wire = BytesMut::new();
    let line = |wire: &BytesMut| wire.strip_suffix(b"\r\n").unwrap_or_default().to_vec();
    match choice % 3 {
        0 => {
            if let Ok(command) = PopCommand::parse(data) {
                command.encode(&mut wire);
                assert!(
                    PopCommand::parse(&line(&wire)).is_ok_and(|again| again == command),
                    "{command:?}"
                );
            }
        }
        1 => {
            // What may not be shown is not sent on, and a code is set apart from the text: after
            // that, nothing changes any more.
            let written = |line: &[u8]| {
                let mut wire = BytesMut::new();
                Response::parse(line).ok()?.encode(&mut wire);
                Some(wire.strip_suffix(b"\r\n")?.to_vec())
            };
            if let Some(first) = written(data) {
                let second = written(&first);
                assert!(second.is_some(), "{}", first.escape_ascii());
                assert_eq!(second.as_deref().and_then(written), second);
            }
        }
        _ => {
            if let Ok(capability) = Capability::parse(data) {
                capability.encode(&mut wire);
                assert!(
                    Capability::parse(&line(&wire)).is_ok_and(|again| again == capability),
                    "{capability:?}"
                );
            }
        }
    }
    if let Ok(command) = PopCommand::arbitrary(&mut Unstructured::new(data)) {
        wire.clear();
        command.encode(&mut wire);
        let again = PopCommand::parse(&line(&wire));
        assert!(
            again.is_ok_and(|again| again == command) || !command.fits(),
            "{command:?}"
        );
    }
}
