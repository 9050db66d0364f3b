//! The server as a machine: what to do next, and how long the client may take.

use alloc::boxed::Box;

use bytes::BytesMut;
use mailwire_core::machine::{Eof, Machine, Patience, Side, Step, TlsInfo};

use crate::{
    error::ProtocolError,
    server::{Event, Phase, Server, dialogue::Taken},
    state::State,
};

impl Machine for Server {
    const SIDE: Side = Side::Server;
    type Event = Event;
    type Error = ProtocolError;

    fn step(&mut self, input: &mut BytesMut) -> Step<Event, ProtocolError> {
        loop {
            // Responses are gathered while there is something to do without the application.
            if self.event.is_some() || self.out.is_full() || !self.is_at_work() {
                if let Some(octets) = self.out.next() {
                    return Step::Transmit(octets);
                }
                if let Some(event) = self.event.take() {
                    return Step::Event(event);
                }
            }
            match &mut self.phase {
                Phase::Greeting => self.greet(),
                Phase::Commands | Phase::Auth => match self.take_line(input) {
                    Taken::Event(event) => self.event = Some(event),
                    Taken::Line => {}
                    Taken::Nothing if self.is_at_work() => {
                        return self.out.next().map_or(Step::NeedInput, Step::Transmit);
                    }
                    Taken::Nothing => {}
                },
                Phase::Listing(listing) => {
                    if !listing.write(&self.maildrop, &self.deletions, &mut self.out) {
                        self.answered(Phase::Commands);
                    }
                }
                Phase::Owed(_) => return Step::NeedAnswer,
                Phase::Body(_) => return Step::NeedBody,
                Phase::Tls => return Step::StartTls,
                Phase::Closed(how) => return Step::Close(how.clone()),
            }
        }
    }

    fn patience(&self) -> Option<Patience> {
        let limit = match (&self.phase, self.state) {
            (Phase::Commands | Phase::Auth, State::Authorization) => {
                self.config.authorization_timeout
            }
            (Phase::Commands | Phase::Auth, _) => self.config.autologout,
            _ => return None,
        };
        Some(Patience::new(limit, self.mark))
    }

    fn handle_timeout(&mut self) {
        // RFC 1939 §3: no response, and nothing is removed.
        self.close(Err(ProtocolError::Timeout { state: self.state }));
    }

    fn handle_eof(&mut self, how: Eof) {
        self.eof = Some(how);
    }

    fn tls_started(&mut self, tls: TlsInfo) {
        self.event = Some(Event::Secured(Box::new(tls.clone())));
        self.tls = Some(tls);
        self.user = None;
        self.lines.reset();
        if matches!(self.phase, Phase::Tls) {
            self.answered(Phase::Commands);
        }
    }
}
