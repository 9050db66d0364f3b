//! What a client makes of the first line of each response.

use bytes::BytesMut;
use mailwire_core::{base64, line::Next};
use zeroize::Zeroize;

use crate::{
    client::{Client, Event, Kind, Outstanding, Phase},
    command::MAX_RESPONSE,
    error::ProtocolError,
    limits,
    response::Response,
    state::State,
};

impl Client {
    /// The first line of a response, or a challenge.
    pub(super) fn take_line(&mut self, input: &mut BytesMut) -> bool {
        let mut line = match self.lines.next(input) {
            Next::NeedInput => return self.handle_end(),
            Next::Line(line) => line,
            Next::Malformed(bad) => return self.fail(bad.into()),
            Next::TooLong | Next::Endless => {
                return self.fail(ProtocolError::LineTooLong {
                    max: limits::RESPONSE_LINE_READ,
                });
            }
        };
        self.mark = self.mark.wrapping_add(1);
        if let Some(challenge) = challenge_of(&line)
            && let Some(Outstanding {
                kind: Kind::Auth { .. },
                ..
            }) = self.sent.front()
        {
            let decoded = base64::decode(challenge, MAX_RESPONSE);
            line.zeroize();
            return match decoded {
                Ok(challenge) => self.handle_challenge(challenge.expose()),
                Err(error) => self.fail(ProtocolError::bad_base64(error.offset() + 2)),
            };
        }
        match Response::parse(&line) {
            Ok(response) => self.handle_response(response, input),
            Err(error) => self.fail(error.into()),
        }
    }

    pub(super) fn fail(&mut self, error: ProtocolError) -> bool {
        self.close(Err(error));
        true
    }

    /// Nothing more will come, and no whole line is there.
    pub(super) fn handle_end(&mut self) -> bool {
        if self.eof.is_none() {
            return false;
        }
        self.fail(ProtocolError::UnexpectedEof { state: self.state })
    }

    fn handle_challenge(&mut self, challenge: &[u8]) -> bool {
        let Some(Outstanding {
            id,
            kind: Kind::Auth {
                deferred,
                challenges,
            },
        }) = self.sent.front_mut()
        else {
            return false;
        };
        *challenges += 1;
        if *challenges > mailwire_core::limits::SASL_STEPS {
            return self.fail(ProtocolError::TooManyChallenges);
        }
        if let Some(initial) = deferred.take()
            && challenge.is_empty()
        {
            self.put_response(initial.expose());
            return true;
        }
        let event = Event::Challenge {
            id: *id,
            octets: challenge.to_vec().into(),
        };
        self.events.push_back(event);
        self.phase = Phase::Challenged;
        true
    }

    fn handle_response(&mut self, response: Response, input: &BytesMut) -> bool {
        if matches!(self.phase, Phase::Greeting) {
            if !response.is_ok() {
                return self.fail(ProtocolError::Dismissed { response });
            }
            self.phase = Phase::Ready;
            self.events.push_back(Event::Greeting {
                response,
                protection: self.protection(),
            });
            return true;
        }
        let Some(Outstanding { id, kind }) = self.sent.pop_front() else {
            return self.fail(if response.is_ok() {
                ProtocolError::Unsolicited
            } else {
                ProtocolError::Dismissed { response }
            });
        };
        let is_ok = response.is_ok();
        let text = response.octets().to_vec();
        self.events.push_back(Event::Reply { id, response });
        match kind {
            Kind::Quit => self.close(Ok(())),
            _ if !is_ok => {}
            Kind::Login | Kind::Auth { .. } => {
                self.state = State::Transaction;
            }
            Kind::Stls if input.is_empty() => self.phase = Phase::Tls,
            // RFC 2595 §4: nobody knows who wrote this.
            Kind::Stls => return self.fail(ProtocolError::PlaintextAfterStls),
            Kind::Single => {}
            Kind::Result(wanted) => {
                let event = wanted.parse(id, &text);
                if let Event::DropListing { count, .. } = event {
                    self.count = Some(count);
                }
                self.events.extend([event, Event::End { id }]);
            }
            Kind::Lines(reading) => {
                let kind = Kind::Reading(reading.begin(&self.config, self.count));
                self.sent.push_front(Outstanding { id, kind });
            }
            Kind::Reading(_) => {}
        }
        true
    }
}

/// `+ base64`, or `+` alone, which some servers send for an empty challenge.
fn challenge_of(line: &[u8]) -> Option<&[u8]> {
    match line {
        b"+" => Some(b""),
        [b'+', b' ', challenge @ ..] => Some(challenge),
        _ => None,
    }
}
