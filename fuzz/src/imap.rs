//! IMAP: framing of both directions, commands, responses, and the names of mailboxes.

mod client;
mod list;
mod message;
mod pair;
mod server;
mod session;

use arbitrary::{Arbitrary, Unstructured};
use bytes::{Bytes, BytesMut};
use mailwire_imap::{
    command::Command,
    encode::Literals,
    frame::{CommandFrame, Commands, Policy, ResponseFrame, Responses},
    mailbox::{Encoding, Mailbox},
    response::{Fetch, FetchItem, Response, Tolerances},
    utf7,
};

pub(crate) use self::{
    client::IMAP_CLIENT, list::IMAP_LIST, message::IMAP_MESSAGE, pair::IMAP_PAIR,
    server::IMAP_SERVER, session::IMAP_SESSION,
};
use crate::{
    Target,
    machine::{Log, pieces},
    take_octet,
};

pub(crate) const IMAP_FRAMING: Target = Target {
    name: "imap_framing",
    run: framing,
    seeds: &[
        b"\x00\x05a LOGIN {4}\r\nfred {3+}\r\nb*c\r\nb NOOP\r\n",
        b"\x02\x05a APPEND Sent (\\Seen) {11+}\r\nhello world\r\nb NOOP\r\n",
        b"\x06\x03a APPEND Sent {5}\r\nhello {6+}\r\n world\r\nb NOOP\r\n",
        b"\x00\x02a SEARCH TEXT \"{50}\"\r\na {99999999999+}\r\nb NOOP\r\n",
        b"\x01\x04* 1 FETCH (BODY[] {5}\r\nhello UID 7 BODY[1] {2}\r\nab)\r\na OK {3}\r\n",
        b"\x01\x01* LIST () {3}\r\na/b {2}\r\n./\r\n* 1 FETCH (X \0 BODY[] {9}\r\n123456789)\r\n",
    ],
};

pub(crate) const IMAP_COMMAND: Target = Target {
    name: "imap_command",
    run: command,
    seeds: &[
        b"\x00a LOGIN joe {6+}\r\nsesame",
        b"\x00a LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (INBOX \"a/%\") RETURN (CHILDREN STATUS (MESSAGES UIDNEXT))",
        b"\x00a UID SEARCH RETURN (MIN COUNT) CHARSET UTF-8 OR NOT SEEN (FROM \"x\" SINCE 1-Feb-1994) UID 1:*",
        b"\x00a FETCH 1:*,3 (FLAGS BODY.PEEK[1.2.HEADER.FIELDS (From \"To\")]<0.10> BINARY[1]) (CHANGEDSINCE 7)",
        b"\x00a UID STORE 1:9 (UNCHANGEDSINCE 12) -FLAGS.SILENT (\\Deleted $Junk)",
        b"\x00a SELECT INBOX (QRESYNC (1 2 1:9 (1,2 3,4)))",
        b"\x00a APPEND x (\\Seen) \" 1-Feb-1994 10:00:00 +0100\" UTF8 (~{5}",
        b"\x01any octets make a command of some kind",
    ],
};

pub(crate) const IMAP_RESPONSE: Target = Target {
    name: "imap_response",
    run: response,
    seeds: &[
        b"\x00* OK [CAPABILITY IMAP4rev1 LITERAL+ AUTH=PLAIN] ready",
        b"\x00* 12 FETCH (FLAGS (\\Seen $x) UID 7 MODSEQ (5) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" \
          RFC822.SIZE 4286 ENVELOPE (\"d\" \"s\" ((\"n\" NIL \"m\" \"h\")) NIL NIL NIL NIL NIL NIL \"<i>\"))",
        b"\x01* 1 FETCH (BODYSTRUCTURE ((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"x\") NIL NIL \"7BIT\" 1 1)(\"MESSAGE\" \"RFC822\" NIL NIL \
          NIL \"7BIT\" 1 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) (\"A\" \"B\" NIL NIL NIL \"7BIT\" 1) 2) \"MIXED\" NIL NIL NIL))",
        b"\x01* LIST (\\HasChildren \\Sent) \"/\" {5}\r\na & b (CHILDINFO (\"SUBSCRIBED\"))",
        b"\x00* ESEARCH (TAG \"A\") UID MIN 1 MAX 9 ALL 1:3,9 COUNT 4 MODSEQ 12",
        b"\x00* THREAD (2)(3 6 (4 23)(44 7 96))",
        b"\x01* STATUS x (MESSAGES 1 UIDNEXT 2 HIGHESTMODSEQ 3 SIZE 44) ",
        b"\x00a1 NO [COPYUID 1 2:4 7:9] \xc3\xa4",
        b"\x00+ idling",
    ],
};

pub(crate) const IMAP_NAMES: Target = Target {
    name: "imap_names",
    run: names,
    seeds: &[
        b"INBOX",
        b"&U,BTFw-/&ZeVnLIqe-",
        b"Entw&APw-rfe & Co",
        b"&2D3eAA-",
        "Entw\u{fc}rfe/\u{1f600}".as_bytes(),
    ],
};

/// The same frames at all cuts, and a frame that is whole is one that a machine could not have
/// found earlier.
fn framing(mut data: &[u8]) {
    let (shape, size) = (take_octet(&mut data), [take_octet(&mut data)]);
    let frames = |cuts: &[&[u8]]| {
        if shape & 1 == 0 {
            command_frames(shape, cuts)
        } else {
            response_frames(shape, cuts)
        }
    };
    let whole = frames(&[data]);
    let octets: Vec<&[u8]> = data.chunks(1).collect();
    let odd: Vec<&[u8]> = pieces(data, &size).collect();
    for cut in [frames(&octets), frames(&odd)] {
        assert!(whole == cut, "whole: {whole:#?}\ncut: {cut:#?}");
    }
}

fn command_frames(shape: u8, cuts: &[&[u8]]) -> Log {
    let mut policy = if shape & 2 == 0 {
        Policy::before_login()
    } else {
        Policy::logged_in()
    };
    // Small ones, so that a short input comes to them.
    policy.literal = 16;
    policy.command = 96;
    policy.line = 64;
    policy.swallow = 64;
    if shape & 8 != 0 {
        policy = policy.with_literals(Literals::Plus);
    }
    let (mut commands, mut input, mut log) =
        (Commands::new(policy), BytesMut::new(), Log::default());
    for cut in cuts {
        input.extend_from_slice(cut);
        loop {
            match commands.next(&mut input) {
                CommandFrame::NeedInput => break,
                CommandFrame::InBody => match commands.take_body(&mut input) {
                    Some(octets) => log.octets("body", &octets),
                    None if commands.body_left() > 0 => break,
                    None => {}
                },
                CommandFrame::Body { head, literal } => {
                    log.octets("head", &head);
                    log.entry("literal", literal);
                    if shape & 4 == 0 {
                        commands.accept_body();
                    } else {
                        commands.refuse_body();
                    }
                }
                // Which of two limits is met first may depend on the cut.
                CommandFrame::Lost(_) => {
                    log.entry("lost", ());
                    return log;
                }
                other => log.entry("frame", other),
            }
        }
    }
    log
}

fn response_frames(shape: u8, cuts: &[&[u8]]) -> Log {
    let (mut responses, mut input, mut log) = (Responses::new(), BytesMut::new(), Log::default());
    responses.set_inline(u64::from(shape >> 1 & 7));
    for cut in cuts {
        input.extend_from_slice(cut);
        loop {
            match responses.next(&mut input) {
                ResponseFrame::NeedInput => break,
                ResponseFrame::InBody => match responses.take_body(&mut input) {
                    Some(octets) => log.octets("body", &octets),
                    None if responses.body_left() > 0 => break,
                    None => {}
                },
                ResponseFrame::Lost(_) => {
                    log.entry("lost", ());
                    return log;
                }
                other => log.entry("frame", other),
            }
        }
    }
    log
}

/// What is read is written as something that is read as the same; so is what can be built.
fn command(mut data: &[u8]) {
    let command = if take_octet(&mut data) & 1 == 0 {
        Command::parse(&Bytes::copy_from_slice(data)).ok()
    } else {
        Command::arbitrary(&mut Unstructured::new(data)).ok()
    };
    let Some(command) = command else { return };
    for literals in [Literals::Synchronizing, Literals::Minus, Literals::Plus] {
        let Ok(fragments) = command.encode(literals) else {
            continue;
        };
        let wire: Vec<u8> = fragments.flatten().collect();
        let frame = wire.strip_suffix(b"\r\n").unwrap_or(&wire);
        let again = Command::parse(&Bytes::copy_from_slice(frame));
        assert!(
            again.as_ref() == Ok(&command),
            "{}: {again:?}",
            wire.escape_ascii()
        );
    }
}

/// What is read says the same when its octets are read again, and every part of it can be walked.
fn response(mut data: &[u8]) {
    let tolerances = if take_octet(&mut data) & 1 == 0 {
        Tolerances::NONE
    } else {
        Tolerances::ALL
    };
    let frame = Bytes::copy_from_slice(data);
    if let Ok((fetch, _)) = Fetch::parse_streamed(frame.clone(), tolerances) {
        walk(&fetch);
    }
    let Ok((response, _)) = Response::parse(frame, tolerances) else {
        return;
    };
    if let Response::Fetch(fetch) = &response {
        walk(fetch);
    }
    let shown = format!("{response:?}");
    assert!(!shown.bytes().any(|octet| octet < b' '), "{shown}");
    let mut wire = BytesMut::new();
    response.encode(&mut wire);
    let frame = wire.split_to(wire.len().saturating_sub(2)).freeze();
    let again = Response::parse(frame, tolerances);
    assert!(
        again.as_ref().is_ok_and(|(again, _)| *again == response),
        "{response:?}: {again:?}"
    );
    assert!(response.clone().detach() == response);
}

fn walk(fetch: &Fetch) {
    for item in fetch.items() {
        match item {
            FetchItem::Envelope(envelope) => {
                for address in envelope.from().chain(envelope.to()).chain(envelope.cc()) {
                    let _ = address.kind();
                }
            }
            FetchItem::BodyStructure(body) | FetchItem::Body(body) => {
                let mut parts = body.parts();
                while let Some(part) = parts.next() {
                    assert!(parts.depth() <= mailwire_imap::limits::DEPTH);
                    let _ = (part.parameters().count(), part.languages().count());
                }
            }
            _ => {}
        }
    }
    let pieces: usize = fetch.pieces().map(|(octets, _)| octets.len()).sum();
    assert!(pieces >= fetch.wire().len());
}

/// A name has one form in modified UTF-7, and whatever is decoded is encoded as it was.
fn names(data: &[u8]) {
    if let Ok(name) = utf7::decode(data) {
        assert_eq!(utf7::encode(&name), data, "{name:?}");
    }
    // A mailbox name holds none of these (RFC 9051 §9 `CHAR8`, RFC 3501 §9 `astring`).
    let is_name = !data.iter().any(|octet| matches!(octet, 0 | b'\r' | b'\n'));
    if is_name && let Ok(text) = std::str::from_utf8(data) {
        let wire = utf7::encode(text);
        assert!(wire.iter().all(|octet| octet.is_ascii()));
        assert!(
            utf7::decode(&wire).is_ok_and(|name| name == text),
            "{text:?}"
        );
        for encoding in [Encoding::Utf7, Encoding::Utf8] {
            if let Ok(mailbox) = Mailbox::encode(text, encoding) {
                assert!(
                    mailbox
                        .name(encoding)
                        .is_ok_and(|name| name == text || mailbox.is_inbox())
                );
            }
        }
    }
    if let Ok(mailbox) = Mailbox::new(data) {
        assert!(
            !mailbox
                .as_bytes()
                .iter()
                .any(|octet| matches!(octet, 0 | b'\r' | b'\n'))
        );
    }
}
