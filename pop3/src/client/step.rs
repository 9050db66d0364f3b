//! The client as a machine: what to do next, and how long the server may take.

use bytes::BytesMut;
use mailwire_core::machine::{Eof, Machine, Patience, Side, Step, TlsInfo};

use crate::{
    client::{Client, Event, Kind, Outstanding, Phase},
    error::ProtocolError,
};

impl Machine for Client {
    const SIDE: Side = Side::Client;
    type Event = Event;
    type Error = ProtocolError;

    fn step(&mut self, input: &mut BytesMut) -> Step<Event, ProtocolError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Step::Event(event);
            }
            if matches!(self.phase, Phase::Ready) {
                self.put_commands();
            }
            if !self.out.is_empty() {
                return Step::Transmit(self.out.split().freeze());
            }
            match &self.phase {
                Phase::Challenged => return Step::NeedAnswer,
                Phase::Tls => return Step::StartTls,
                Phase::Closed(how) => return Step::Close(how.clone()),
                Phase::Greeting | Phase::Ready => {}
            }
            let moved = match self.sent.front_mut() {
                Some(Outstanding {
                    kind: Kind::Reading(_),
                    ..
                }) => self.read_on(input),
                _ => self.take_line(input),
            };
            if !moved {
                return Step::NeedInput;
            }
        }
    }

    fn patience(&self) -> Option<Patience> {
        let patience = Patience::new(self.config.response_timeout, self.mark);
        match (&self.phase, self.sent.front()) {
            (Phase::Greeting, _) => Some(patience),
            (
                Phase::Ready,
                Some(Outstanding {
                    kind: Kind::Reading(_),
                    ..
                }),
            ) => Some(patience.with_floor(self.config.floor_rate)),
            (Phase::Ready, Some(_)) => Some(patience),
            _ => None,
        }
    }

    fn handle_timeout(&mut self) {
        self.close(Err(ProtocolError::Timeout { state: self.state }));
    }

    fn handle_eof(&mut self, how: Eof) {
        self.eof = Some(how);
    }

    fn tls_started(&mut self, tls: TlsInfo) {
        // RFC 2595 §4: what was learnt in clear is forgotten.
        self.tls = Some(tls);
        self.capabilities = None;
        self.count = None;
        self.lines.reset();
        if matches!(self.phase, Phase::Tls) {
            self.mark = self.mark.wrapping_add(1);
            self.phase = Phase::Ready;
        }
    }
}
