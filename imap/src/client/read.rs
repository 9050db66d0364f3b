//! Frames of responses, and the content of messages that is streamed.

use core::num::NonZeroU32;

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    BodyStart, Client, CommandId, Config, Event, Fault, Frames, Inside, InvalidResponse, Notice,
    Phase, ProtocolError,
    outstanding::{Idle, Kind, Outstanding},
};
use crate::{
    encode::put_number,
    error::ParseError,
    frame::{Literal, Lost, ResponseFrame},
    limits,
    response::{Fetch, Notices, Response},
    state::State,
};

/// A FETCH whose content is being streamed.
pub(super) struct Streaming {
    /// What stood around the content so far, up to the last `{n}`.
    pieces: BytesMut,
    number: Option<NonZeroU32>,
    uid: Option<NonZeroU32>,
    /// Why nobody is told of the content that is coming in.
    fault: Option<ParseError>,
}

impl Client {
    /// Takes the next element off `input`; `false` when more of it is needed.
    pub(super) fn take(&mut self, input: &mut BytesMut) -> bool {
        let frame = self.responses.next(input);
        if !matches!(frame, ResponseFrame::NeedInput | ResponseFrame::InBody) {
            self.mark = self.mark.wrapping_add(1);
        }
        match frame {
            ResponseFrame::NeedInput => return self.handle_end(input),
            ResponseFrame::InBody => return self.take_body(input),
            ResponseFrame::Whole(frame) => self.handle_frame(frame, input),
            ResponseFrame::Body { head, literal } => self.begin_body(&head, literal, input),
            ResponseFrame::Tail(tail) => self.handle_tail(&tail),
            ResponseFrame::Malformed(malformed) => {
                self.streaming = None;
                self.invalid(malformed.into(), Bytes::new());
            }
            ResponseFrame::Lost(lost) => self.fail(lost.into()),
        }
        true
    }

    /// Nothing more will come, and no whole response is there.
    fn handle_end(&mut self, input: &BytesMut) -> bool {
        if self.eof.is_none() {
            return false;
        }
        // A server that said BYE to LOGOUT owes nothing more, not even a close_notify.
        let said_bye = self.state == State::Logout;
        if said_bye && input.is_empty() {
            self.close(Ok(()));
        } else {
            let inside = self.inside(input);
            self.fail(ProtocolError::UnexpectedEof { inside });
        }
        true
    }

    fn inside(&self, input: &BytesMut) -> Inside {
        match (&self.phase, self.sent.back()) {
            _ if self.responses.body_left() > 0 => Inside::Literal,
            _ if self.responses.is_inside(input) => Inside::Response,
            (Phase::Greeting, _) => Inside::Greeting,
            (
                _,
                Some(Outstanding {
                    kind: Kind::Idle(Idle::Idling),
                    ..
                }),
            ) => Inside::Idle,
            (_, Some(_)) => Inside::Commands,
            (_, None) => Inside::Nothing,
        }
    }

    fn handle_frame(&mut self, frame: Bytes, input: &BytesMut) {
        match Response::parse(frame.clone(), self.config.tolerances) {
            Ok((response, notices)) => {
                self.handle_response(own(&self.config, response), notices, input)
            }
            Err(_) if matches!(self.phase, Phase::Greeting) => {
                self.fail(ProtocolError::BadGreeting);
            }
            Err(error) if self.is_awaited(&frame) => self.fail(ProtocolError::BadReply(error)),
            Err(error) => self.invalid(error.into(), start_of(&frame)),
        }
    }

    /// Whether a command of ours would wait for ever if this went unheard.
    fn is_awaited(&self, frame: &[u8]) -> bool {
        if frame.first() == Some(&b'+') {
            return self.awaits_continuation();
        }
        let tag = frame.split(|octet| *octet == b' ').next();
        let id = tag.and_then(CommandId::of_tag);
        id.is_some_and(|id| self.sent.iter().any(|sent| sent.id == id))
    }

    fn invalid(&mut self, fault: Fault, start: Bytes) {
        if matches!(self.phase, Phase::Greeting) {
            return self.fail(ProtocolError::BadGreeting);
        }
        if self.state == State::NotAuthenticated {
            return self.fail(ProtocolError::StrayBeforeLogin);
        }
        self.events
            .push_back(Event::Invalid(InvalidResponse { fault, start }));
    }

    /// A large content follows.
    fn begin_body(&mut self, head: &[u8], literal: Literal, input: &mut BytesMut) {
        if matches!(self.phase, Phase::Greeting) {
            return self.fail(ProtocolError::BadGreeting);
        }
        if self.state == State::NotAuthenticated {
            return self.fail(ProtocolError::BodyBeforeLogin);
        }
        let known = match &mut self.streaming {
            None => {
                let known = known_so_far(&[head], &self.config);
                let fetch = known.as_ref().ok().map(|(fetch, _)| fetch);
                self.streaming = Some(Streaming {
                    pieces: BytesMut::from(head),
                    number: fetch.map(Fetch::number),
                    uid: fetch.and_then(Fetch::uid),
                    fault: None,
                });
                known
            }
            Some(streaming) => {
                if streaming.pieces.len() + head.len() > limits::RESPONSE {
                    let max = limits::RESPONSE;
                    return self.fail(Lost::ResponseTooLong { max }.into());
                }
                streaming.pieces.put_slice(head);
                // Only what is new is read, so that many contents cost linear time.
                let known =
                    known_so_far(&[&streaming.front(), head.trim_ascii_start()], &self.config);
                if let Ok((fetch, _)) = &known {
                    streaming.uid = fetch.uid();
                }
                known
            }
        };
        let fault = match known {
            Ok((fetch, _)) => {
                let octets = literal.len;
                self.events
                    .push_back(Event::BodyStart(BodyStart { fetch, octets }));
                None
            }
            Err(error) => Some(error),
        };
        let is_told = fault.is_none();
        if let Some(streaming) = &mut self.streaming {
            streaming.fault = fault;
        }
        if literal.len == 0 {
            self.responses.take_body(input);
            if is_told {
                self.events.push_back(Event::BodyEnd);
            }
        }
    }

    fn take_body(&mut self, input: &mut BytesMut) -> bool {
        let Some(octets) = self.responses.take_body(input) else {
            return self.handle_end(input);
        };
        let is_told = self
            .streaming
            .as_ref()
            .is_some_and(|streaming| streaming.fault.is_none());
        if is_told {
            self.events.push_back(Event::Body(octets));
            if self.responses.body_left() == 0 {
                self.mark = self.mark.wrapping_add(1);
                self.events.push_back(Event::BodyEnd);
            }
        }
        true
    }

    /// The rest of a FETCH whose content was streamed.
    fn handle_tail(&mut self, tail: &[u8]) {
        let Some(mut streaming) = self.streaming.take() else {
            return;
        };
        if streaming.pieces.len() + tail.len() > limits::RESPONSE {
            let max = limits::RESPONSE;
            return self.fail(Lost::ResponseTooLong { max }.into());
        }
        streaming.pieces.put_slice(tail);
        let frame = streaming.pieces.freeze();
        match Fetch::parse_streamed(frame.clone(), self.config.tolerances) {
            Ok((fetch, notices)) => {
                self.notice(notices);
                self.events.push_back(Event::Data(Response::Fetch(fetch)));
            }
            Err(error) => self.invalid(error.into(), start_of(&frame)),
        }
    }

    pub(super) fn notice(&mut self, notices: Notices) {
        if !notices.is_empty() {
            self.events
                .push_back(Event::Notice(Notice::Defects(notices)));
        }
    }
}

impl Streaming {
    /// The beginning of a FETCH of the same message.
    fn front(&self) -> BytesMut {
        let mut front = BytesMut::from(&b"* "[..]);
        put_number(&mut front, self.number.map_or(0, NonZeroU32::get).into());
        front.put_slice(b" FETCH (");
        if let Some(uid) = self.uid {
            front.put_slice(b"UID ");
            put_number(&mut front, uid.get().into());
            front.put_u8(b' ');
        }
        front
    }
}

/// Reads the front of a FETCH that ends in `{n}`.
fn known_so_far(front: &[&[u8]], config: &Config) -> Result<(Fetch, Notices), ParseError> {
    let mut frame =
        BytesMut::with_capacity(front.iter().map(|piece| piece.len()).sum::<usize>() + 1);
    for piece in front {
        frame.put_slice(piece);
    }
    frame.put_u8(b')');
    Fetch::parse_streamed(frame.freeze(), config.tolerances)
}

fn own(config: &Config, response: Response) -> Response {
    match config.frames {
        Frames::Shared => response,
        Frames::Copied => response.detach(),
    }
}

fn start_of(frame: &[u8]) -> Bytes {
    Bytes::copy_from_slice(frame.get(..limits::INVALID_START).unwrap_or(frame))
}
