//! The server as a machine: what to do next, and how long the client may take.

use alloc::boxed::Box;

use bytes::BytesMut;
use mailwire_core::machine::{Eof, Machine, Patience, Side, Step, TlsInfo};

use crate::{
    server::{Event, Phase, Pieces, ProtocolError, Server, dialogue::Taken, extension::Extensions},
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
            match &self.phase {
                Phase::Greeting => self.greet(),
                Phase::Commands | Phase::Auth | Phase::Idle | Phase::Append => {
                    match self.take(input) {
                        Taken::Event(event) => self.event = Some(event),
                        Taken::Element => {}
                        Taken::Nothing if self.is_at_work() => {
                            if let Some(octets) = self.out.next() {
                                return Step::Transmit(octets);
                            }
                            self.out.rest();
                            return Step::NeedInput;
                        }
                        Taken::Nothing => {}
                    }
                }
                Phase::Owed(_, Pieces::Many) => return Step::NeedBody,
                Phase::Owed(..) if self.body.is_some() => return Step::NeedBody,
                Phase::Owed(..) => return Step::NeedAnswer,
                Phase::Tls => return Step::StartTls,
                Phase::Closed(how) => return Step::Close(how.clone()),
            }
        }
    }

    fn patience(&self) -> Option<Patience> {
        let limits = &self.config.limits;
        let limit = match (&self.phase, self.state) {
            (Phase::Commands | Phase::Auth, State::NotAuthenticated) => {
                limits.before_login_patience
            }
            (Phase::Commands | Phase::Auth, _) => limits.autologout,
            (Phase::Idle, _) => limits.idle_patience,
            (Phase::Append, _) => {
                let patience = Patience::new(limits.body_patience, self.mark);
                return Some(match limits.body_floor {
                    Some(floor) => patience.with_floor(floor),
                    None => patience,
                });
            }
            _ => return None,
        };
        Some(Patience::new(limit, self.mark))
    }

    fn handle_timeout(&mut self) {
        let state = self.state;
        self.end("idle for too long", ProtocolError::Timeout { state });
    }

    fn handle_eof(&mut self, how: Eof) {
        self.eof = Some(how);
    }

    fn tls_started(&mut self, tls: TlsInfo) {
        self.event = Some(Event::Secured(Box::new(tls.clone())));
        self.tls = Some(tls);
        self.enabled = Extensions::none();
        self.commands.reset();
        self.lines.reset();
        if matches!(self.phase, Phase::Tls) {
            self.answered(Phase::Commands);
        }
    }
}

impl Server {
    /// Says BYE and ends the connection because of what the client did.
    pub(super) fn end(&mut self, text: &str, error: ProtocolError) {
        // What has come of a message must not stay.
        let reset = self.reset_at_end();
        self.bye(text);
        self.close(Err(error));
        self.event = reset;
    }
}
