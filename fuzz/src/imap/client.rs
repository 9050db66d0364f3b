//! The client's machine, whatever a server says.

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use mailwire_imap::{
    ClearText, Client,
    client::{Config, Event, Frames, Misuse},
    command::{Command, CommandBody, Message},
    response::Tolerances,
};

use crate::{
    Target,
    machine::{Application, Log, same_for_all_cuts},
    take_octet,
};

pub(crate) const IMAP_CLIENT: Target = Target {
    name: "imap_client",
    run: session,
    seeds: &[
        b"\x00\x00\x05* OK [CAPABILITY IMAP4rev1 IDLE LITERAL- ENABLE] ready\r\nA1 OK [CAPABILITY IMAP4rev1 IDLE CONDSTORE] in\r\n\
          * 3 EXISTS\r\n* OK [UIDVALIDITY 7] valid\r\nA2 OK [READ-WRITE] selected\r\n\
          * 1 FETCH (UID 4 FLAGS (\\Seen) BODY[] {20}\r\nSubject: x\r\n\r\nhello\r\n)\r\nA3 OK done\r\n* SEARCH 1 2\r\nA4 OK done\r\n\
          + go\r\nA5 OK [APPENDUID 7 9] done\r\n+ idling\r\n* 4 EXISTS\r\n* 2 EXPUNGE\r\nA6 OK done\r\n* BYE\r\nA7 OK bye\r\n",
        b"\x01\x00\x05* PREAUTH [CAPABILITY IMAP4rev1 LITERAL+ MULTIAPPEND] hi\r\n* 1 EXISTS\r\nA1 OK [READ-ONLY] selected\r\nA2 OK done\r\n\
          A3 NO [TRYCREATE] no\r\n+ idling\r\n* VANISHED 3\r\nA4 BAD no\r\nA5 OK bye\r\n",
        b"\x06\x00\x02* OK ready\r\n+ \r\n+ Y2hhbGxlbmdl\r\nA1 NO [AUTHENTICATIONFAILED] no\r\n* BYE [UNAVAILABLE] later\r\n",
        b"\x0b\x00\x01* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\nA1 OK begin TLS\r\n",
        b"\x10\x10\x05\x09\x05\x01\x12\x0b\x01\x00\x02\x03\x04\x05\x06\x07\x08\x01\x02* OK ready\r\n* BAD what\r\n+ go\r\nA1 OK in\r\nA9 OK none\r\n",
    ],
};

/// A client that sends all that it may, and what the input makes of it.
pub(super) struct Reader {
    client: Client,
    shape: u8,
    /// Whether a further message follows in the same APPEND.
    appends: bool,
}

impl Reader {
    pub(super) fn new(shape: u8, values: &[u8]) -> Self {
        let mut config = Config::new();
        if shape & 32 == 0 {
            config.clear_text = ClearText::Permitted;
        }
        if shape & 64 != 0 {
            config.tolerances = Tolerances::NONE;
        }
        if shape & 16 != 0 {
            config.inline = 7;
        }
        if shape & 128 != 0 {
            config.frames = Frames::Copied;
        }
        let mut reader = Self {
            client: Client::new(config),
            shape,
            appends: shape & 8 != 0,
        };
        reader.queue(values);
        reader
    }

    fn queue(&mut self, values: &[u8]) {
        let login: &[&str] = match self.shape & 3 {
            0 => &["x LOGIN bob secret"],
            1 => &[],
            2 => &[
                "x AUTHENTICATE PLAIN",
                "x AUTHENTICATE PLAIN AGJvYgBzZWNyZXQ=",
            ],
            _ => &["x STARTTLS", "x LOGIN {3}\r\nb{b {6}\r\nsecret"],
        };
        let rest: &[&str] = &[
            "x SELECT INBOX",
            "x FETCH 1:* (UID FLAGS BODY.PEEK[])",
            "x SEARCH TEXT {4}\r\nabcd",
            "x APPEND Sent (\\Seen) {14}",
            "x IDLE",
            "x CLOSE",
        ];
        for line in login.iter().chain(rest) {
            if let Ok(command) = Command::parse(&Bytes::from_static(line.as_bytes())) {
                self.send(command.body);
            }
        }
        let mut unstructured = Unstructured::new(values);
        while !unstructured.is_empty() {
            let Ok(body) = CommandBody::arbitrary(&mut unstructured) else {
                break;
            };
            self.send(body);
        }
        let _ = self.client.logout().is_err();
    }

    /// What may not be sent now is refused, and changes nothing.
    fn send(&mut self, body: CommandBody) {
        // A message must come to an end.
        if matches!(&body, CommandBody::Append { message, .. } if message.len > 200) {
            return;
        }
        let outstanding = self.client.outstanding();
        if self.client.send(body).is_err() {
            assert_eq!(self.client.outstanding(), outstanding);
        }
    }
}

impl Application for Reader {
    type Machine = Client;

    fn machine(&mut self) -> &mut Client {
        &mut self.client
    }

    fn handle(&mut self, event: Event, log: &mut Log) {
        match &event {
            Event::Challenge { octets, .. } => {
                let answered = if octets.len() % 3 == 1 {
                    self.client.cancel()
                } else {
                    self.client.answer(b"response")
                };
                assert_eq!(answered, Ok(()));
            }
            Event::Idling { .. } if self.shape & 4 == 0 => {
                assert_eq!(self.client.done(), Ok(()));
            }
            // What is told while it idles, or is no answer, may bring forth an end.
            Event::Data(_) | Event::Unasked(_) => {
                let _ = self.client.done().is_err();
            }
            _ => {}
        }
        match event {
            Event::Body(octets) => {
                assert!(!octets.is_empty());
                log.octets("body", &octets);
            }
            other => log.entry("event", other),
        }
    }

    fn write(&mut self) {
        let more = self.appends && self.client.next_body(&Message::new(3)).is_ok();
        if more {
            self.appends = false;
            return;
        }
        match self.client.end_body() {
            Ok(()) => {}
            Err(Misuse::BodyIncomplete { left }) => {
                let len = usize::try_from(left.min(9)).unwrap_or_default();
                let octets = Bytes::from_static(b"a message").split_to(len);
                assert_eq!(self.client.write_body(octets), Ok(()));
            }
            Err(misuse) => unreachable!("{misuse}"),
        }
    }
}

fn session(mut data: &[u8]) {
    let (shape, values) = (take_octet(&mut data), take_octet(&mut data));
    let size = [take_octet(&mut data)];
    let (values, wire) = data.split_at_checked(values.into()).unwrap_or((&[], data));
    same_for_all_cuts(|| Reader::new(shape, values), wire, &size);
}
