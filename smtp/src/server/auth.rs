//! AUTH (RFC 4954 §4): framing, base64, and nothing of the mechanisms.

use bytes::BytesMut;
use mailwire_core::{base64, line::Next, machine::Step, secret::SecretBytes};
use zeroize::Zeroize;

use super::{
    AuthStart, Event, Invalid, Login, Phase, ProtocolError, Reset, Server, ServerStep, replies,
};
use crate::{
    command::Mechanism,
    limits::AUTH_OCTETS,
    reply::{Reply, Severity},
};

impl Server {
    pub(super) fn auth(&mut self, mechanism: Mechanism, initial: Option<SecretBytes>) {
        self.events
            .push_back(Event::AuthStart(AuthStart { mechanism, initial }));
    }

    /// Sends a challenge and waits for the response.
    pub(super) fn challenge_with(&mut self, challenge: &[u8]) {
        self.owed = None;
        let encoded = base64::encode_secret(challenge);
        self.say("334 ");
        self.out.extend_from_slice(encoded.expose().as_bytes());
        self.say("\r\n");
        self.phase = Phase::AuthResponse;
        self.lines.set_max(self.config.limits.auth_line);
    }

    pub(super) fn take_auth_response(&mut self, input: &mut BytesMut) -> Option<ServerStep> {
        let next = self.lines.next(input);
        if next == Next::NeedInput {
            return Some(Step::NeedInput);
        }
        self.phase = Phase::Command;
        self.moved();
        match next {
            Next::Line(line) => self.auth_response(line),
            Next::Malformed(malformed) => self.cancel(Invalid::Line(malformed), replies::LINE),
            Next::TooLong => self.cancel(Invalid::LineTooLong, replies::AUTH_LINE_TOO_LONG),
            Next::Endless => {
                self.say(replies::AUTH_LINE_TOO_LONG);
                self.events.push_back(Event::AuthCancelled);
                self.close(Err(ProtocolError::LineWithoutEnd), Reset::Disconnected);
            }
            Next::NeedInput => {}
        }
        None
    }

    fn auth_response(&mut self, mut line: BytesMut) {
        if *line == *b"*" {
            self.bad_commands += 1;
            self.events.push_back(Event::AuthCancelled);
            if self.bad_commands >= self.config.limits.bad_commands {
                self.say(replies::TOO_MANY_BAD);
                self.close(Err(ProtocolError::TooManyBadCommands), Reset::Disconnected);
            } else {
                self.say(replies::AUTH_CANCELLED);
            }
            return;
        }
        let decoded = base64::decode(&line, AUTH_OCTETS);
        line.as_mut().zeroize();
        match decoded {
            Ok(response) => self.events.push_back(Event::AuthResponse(response)),
            Err(_) => self.cancel(Invalid::AuthResponse, replies::AUTH_BASE64),
        }
    }

    fn cancel(&mut self, invalid: Invalid, reply: &'static str) {
        self.events.push_back(Event::AuthCancelled);
        self.bad(invalid, reply);
    }

    /// The application's last word on the exchange.
    pub(super) fn auth_result(&mut self, reply: &Reply) {
        match reply.severity() {
            Severity::Completion => {
                self.login = Login::Authenticated;
                reply.encode(&mut self.out);
            }
            // What failed on our side says nothing about the peer.
            Severity::Transient => reply.encode(&mut self.out),
            Severity::Permanent | Severity::Intermediate => {
                self.auth_failures += 1;
                if self.auth_failures >= self.config.limits.auth_failures {
                    self.say(replies::TOO_MANY_AUTH);
                    self.close(Err(ProtocolError::TooManyAuthFailures), Reset::Disconnected);
                } else {
                    reply.encode(&mut self.out);
                }
            }
        }
    }

    pub(super) fn auth_accepted(&mut self) {
        self.login = Login::Authenticated;
        self.say(replies::AUTHENTICATED);
    }
}
