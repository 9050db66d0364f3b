//! An IMAP client and a server that talk to each other never both wait, and understand each other.

use bytes::BytesMut;
use mailwire_core::machine::{Machine, Step, TlsInfo, TlsVersion};
use mailwire_imap::client::{Event, ProtocolError};

use super::{client::Reader, server::Host};
use crate::{
    Target,
    machine::{Application, Log},
    take_octet,
};

pub(crate) const IMAP_PAIR: Target = Target {
    name: "imap_pair",
    run,
    seeds: &[
        b"\x00\x00\x00\x00",
        b"\x01\x03\x00\x03abcdefgh",
        b"\x06\x02\x07\x09\x12\x34\x56\x78\x9a\xbc\xde\xf0",
        b"\x21\x09\x2b\x01\x05\x06\x07\x08\x0b\x0c\x10\x1b\x20\x30",
        b"\x24\x89\x91\x40",
    ],
};

/// One side, and what is on its way to it.
struct End<A> {
    application: A,
    input: BytesMut,
    coming: BytesMut,
}

/// What a turn of one side came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Turn {
    Moved,
    Waits,
    StartTls,
    Over,
}

impl<A: Application> End<A> {
    fn new(application: A) -> Self {
        Self {
            application,
            input: BytesMut::new(),
            coming: BytesMut::new(),
        }
    }

    /// What it says goes to the other side; what it ends with is noted.
    fn turn(&mut self, other: &mut BytesMut, log: &mut Log) -> Turn {
        match self.application.machine().step(&mut self.input) {
            Step::Transmit(octets) => {
                log.octets("transmit", &octets);
                other.extend_from_slice(&octets);
            }
            Step::Event(event) => self.application.handle(event, log),
            Step::NeedBody => self.application.write(),
            Step::StartTls => return Turn::StartTls,
            Step::Close(_) => return Turn::Over,
            Step::NeedInput => return Turn::Waits,
            Step::NeedAnswer | Step::StartDeflate => unreachable!("all is answered: {log:?}"),
        }
        Turn::Moved
    }

    fn start_tls(&mut self) {
        assert!(self.input.is_empty() && self.coming.is_empty());
        let tls = TlsInfo::new(TlsVersion::Tls13, "TLS_AES_128_GCM_SHA256");
        self.application.machine().tls_started(tls);
    }

    /// Some octets arrive.
    fn carry(&mut self, most: usize) -> bool {
        let size = most.min(self.coming.len());
        self.input.extend_from_slice(&self.coming.split_to(size));
        size > 0
    }
}

/// A client whose server keeps to the protocol.
struct Trusting(Reader);

impl Application for Trusting {
    type Machine = mailwire_imap::Client;

    fn machine(&mut self) -> &mut Self::Machine {
        self.0.machine()
    }

    fn handle(&mut self, event: Event, log: &mut Log) {
        let is_odd = matches!(
            event,
            Event::Invalid(_) | Event::Unasked(_) | Event::Notice(_)
        );
        assert!(!is_odd, "{event:?} {log:?}");
        self.0.handle(event, log);
    }

    fn write(&mut self) {
        self.0.write();
    }
}

fn run(mut data: &[u8]) {
    let (server, client) = (take_octet(&mut data), take_octet(&mut data));
    let (plan, size) = (take_octet(&mut data), take_octet(&mut data));
    let size = usize::from(size).max(1);
    // It ends an IDLE as soon as it has begun.
    let reader = Reader::new(client & !4 | 64, data);
    let mut client = End::new(Trusting(reader));
    let mut server = End::new(Host::new(server, plan));
    let (mut heard, mut said) = (Log::default(), Log::default());
    for _ in 0..200_000 {
        let turns = (
            client.turn(&mut server.coming, &mut heard),
            server.turn(&mut client.coming, &mut said),
        );
        match turns {
            (Turn::Over, _) => {
                let end = client.application.machine().step(&mut BytesMut::new());
                // The plan may let a client in that has not said its password, or ask without end.
                let is_fine = matches!(
                    end,
                    Step::Close(
                        Ok(())
                            | Err(ProtocolError::Dismissed { .. }
                                | ProtocolError::EarlySuccess
                                | ProtocolError::TooManyChallenges)
                    )
                );
                assert!(
                    is_fine,
                    "our server keeps to the protocol: {end:?} {said:?}"
                );
                return;
            }
            (_, Turn::Over) => return,
            (Turn::StartTls, Turn::StartTls) => {
                client.start_tls();
                server.start_tls();
            }
            (Turn::Moved, _) | (_, Turn::Moved) => {}
            _ if client.carry(size) | server.carry(size) => {}
            _ => {
                let outstanding = client.application.machine().outstanding();
                assert_eq!(outstanding, 0, "both wait: {heard:?} {said:?}");
                return;
            }
        }
    }
    assert!(size == 0, "they go on for ever: {said:?}");
}
