//! The client as a machine: what to do next, and how long the server may take.

use bytes::BytesMut;
use mailwire_core::machine::{Eof, Machine, Patience, Side, Step, TlsInfo};

use super::{
    Client, Event, Phase, ProtocolError,
    outstanding::{AppendStage, Idle, Kind, Outstanding},
};
use crate::{mailbox::Encoding, state::State};

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
                if !self.events.is_empty() {
                    continue;
                }
            }
            if let Some(octets) = self.out.pop_front() {
                return Step::Transmit(octets);
            }
            match &self.phase {
                Phase::Challenged => return Step::NeedAnswer,
                Phase::Tls => return Step::StartTls,
                Phase::Closed(how) => return Step::Close(how.clone()),
                Phase::Greeting | Phase::Ready => {}
            }
            if !self.take(input) {
                return if self.has_open_body() {
                    Step::NeedBody
                } else {
                    Step::NeedInput
                };
            }
        }
    }

    fn patience(&self) -> Option<Patience> {
        let patience = Patience::new(self.config.response_timeout, self.mark);
        match (&self.phase, self.sent.back()) {
            (Phase::Greeting, _) => Some(patience),
            (Phase::Ready, _) if self.responses.body_left() > 0 => {
                Some(patience.with_floor(self.config.floor_rate))
            }
            // The application writes, and the driver's own clock watches the socket.
            (Phase::Ready, Some(_)) if self.has_open_body() => None,
            // RFC 2177 §3: nothing need come for as long as nothing happens.
            (
                Phase::Ready,
                Some(Outstanding {
                    kind: Kind::Idle(Idle::Idling),
                    ..
                }),
            ) => None,
            (Phase::Ready, Some(_)) => Some(patience),
            _ => None,
        }
    }

    fn handle_timeout(&mut self) {
        self.fail(ProtocolError::Timeout { state: self.state });
    }

    fn handle_eof(&mut self, how: Eof) {
        self.eof = Some(how);
    }

    fn tls_started(&mut self, tls: TlsInfo) {
        // RFC 9051 §6.2.1: what was learnt in clear is forgotten.
        self.capabilities = None;
        self.encoding = Encoding::Utf7;
        self.responses = crate::frame::Responses::new();
        self.responses.set_inline(self.config.inline);
        self.tls = Some(tls.clone());
        if matches!(self.phase, Phase::Tls) {
            self.state = State::NotAuthenticated;
            self.mark = self.mark.wrapping_add(1);
            self.phase = Phase::Ready;
            self.events.push_back(Event::Secured(tls));
        }
    }
}

impl Client {
    fn has_open_body(&self) -> bool {
        matches!(
            self.sent.back(),
            Some(Outstanding {
                kind: Kind::Append(append),
                ..
            }) if matches!(append.stage, AppendStage::Open(_))
        )
    }
}
