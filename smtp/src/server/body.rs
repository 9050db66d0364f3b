//! Bodies: DATA and BDAT, with the same events (RFC 5321 §4.1.1.4, RFC 3030 §2).

use bytes::{Buf, Bytes, BytesMut};
use mailwire_core::{
    dot::{BodyFault, Decoded},
    machine::Step,
};

use super::{
    BodyEnd, BodyStart, Event, Invalid, LineBreaks, Mode, Phase, ProtocolError, Reset, Server,
    ServerStep, Stopping, Transfer, body_event,
    replies::{self, Said},
    transaction::{Body, Decoder, Refused},
};
use crate::limits::BODY_EVENT;

impl Server {
    pub(super) fn take_data(&mut self, input: &mut BytesMut) -> Option<ServerStep> {
        let Some(Body {
            decoder: Decoder::Dots(decoder),
            ..
        }) = self.body()
        else {
            return self.lost_body();
        };
        match decoder.decode(input) {
            Decoded::Text(text) => {
                let text = join_crumbs(decoder, text, input);
                self.tell(text)
            }
            Decoded::NeedInput => {
                let fault = decoder.fault();
                self.wait_in_body(fault)
            }
            Decoded::End(result) => {
                self.moved();
                self.judge_fault(result.err());
                self.drain();
                self.body_complete();
                None
            }
        }
    }

    pub(super) fn bdat(&mut self, size: u64, last: bool) {
        let limits = &self.config.limits;
        let (message, most) = (limits.message, limits.chunks);
        let recipients = self.recipients();
        let Some(transaction) = &mut self.transaction else {
            return;
        };
        match &mut transaction.body {
            None => {
                if size > message {
                    self.refuse_chunk(
                        size,
                        Invalid::MessageTooLarge,
                        Said::Machine(replies::TOO_LARGE),
                    );
                    return;
                }
                transaction.first_chunk = Some((size, last));
                let start = BodyStart {
                    transfer: Transfer::Bdat,
                    recipients,
                };
                self.events.push_back(Event::BodyStart(start));
            }
            Some(body) if body.chunks >= most => {
                self.say(replies::TOO_MANY_CHUNKS);
                self.close(Err(ProtocolError::TooManyCommands), Reset::Disconnected);
            }
            Some(body) if body.announced.saturating_add(size) > message => {
                self.refuse_chunk(
                    size,
                    Invalid::MessageTooLarge,
                    Said::Machine(replies::TOO_LARGE),
                );
            }
            Some(_) => self.open_chunk(size, last),
        }
    }

    pub(super) fn open_chunk(&mut self, size: u64, last: bool) {
        if let Some(body) = self.body() {
            body.announced = body.announced.saturating_add(size);
            body.chunks += 1;
        }
        self.phase = Phase::Chunk { left: size, last };
    }

    pub(super) fn take_chunk(&mut self, input: &mut BytesMut) -> Option<ServerStep> {
        let Phase::Chunk { mut left, last } = self.phase else {
            return None;
        };
        let Some(Body {
            decoder: Decoder::Chunks(decoder),
            ..
        }) = self.body()
        else {
            return self.lost_body();
        };
        let text = decoder.decode(input, &mut left);
        let fault = decoder.fault();
        self.phase = Phase::Chunk { left, last };
        if let Some(text) = text {
            return self.tell(text);
        }
        if left > 0 {
            return self.wait_in_body(fault);
        }
        self.chunk_complete(last);
        None
    }

    fn chunk_complete(&mut self, last: bool) {
        self.moved();
        self.phase = Phase::Command;
        let Some(Body {
            decoder: Decoder::Chunks(decoder),
            ..
        }) = self.body()
        else {
            return;
        };
        if last {
            let fault = decoder.finish().err();
            self.judge_fault(fault);
            self.body_complete();
            return;
        }
        let fault = decoder.fault();
        self.judge_fault(fault);
        if matches!(self.phase, Phase::Closing(_)) {
            return;
        }
        if let Some(refused) = self.body().and_then(|body| body.refused.take()) {
            // The chunk was not the last: one reply, for all recipients (RFC 2033 §4.3).
            self.say_refusal(&refused, 1);
        } else if self.stopping == Stopping::AfterMessage {
            self.say(replies::SHUTDOWN);
            self.close(Ok(()), Reset::Shutdown);
        } else {
            self.say(replies::CHUNK);
        }
    }

    /// A chunk that is out of order, too large or malformed: its octets are no commands. What there
    /// was of the message is gone with it.
    pub(super) fn refuse_chunk(&mut self, size: u64, invalid: Invalid, say: Said) {
        let why = if invalid == Invalid::MessageTooLarge {
            Reset::TooLarge
        } else {
            Reset::ChunkOutOfOrder
        };
        self.end_transaction(why);
        self.events.push_back(Event::Invalid(invalid));
        self.bad_commands += 1;
        if self.bad_commands >= self.config.limits.bad_commands {
            self.say(replies::TOO_MANY_BAD);
            self.close(Err(ProtocolError::TooManyBadCommands), Reset::Disconnected);
        } else {
            self.skip(size, say);
        }
    }

    /// Throws the octets of a chunk away, then says this.
    pub(super) fn skip(&mut self, size: u64, then: Said) {
        let max = self.config.limits.drain;
        if size > max {
            self.say_all(&then);
            self.close(
                Err(ProtocolError::BodyWithoutEnd { max }),
                Reset::Disconnected,
            );
        } else {
            self.phase = Phase::Skip { left: size, then };
        }
    }

    pub(super) fn skip_chunk(&mut self, input: &mut BytesMut) -> Option<ServerStep> {
        let Phase::Skip { left, then } = &mut self.phase else {
            return None;
        };
        let most = usize::try_from(*left)
            .unwrap_or(usize::MAX)
            .min(input.len());
        input.advance(most);
        // A length always fits 64 bits.
        *left = left.saturating_sub(most as u64);
        if *left > 0 {
            return Some(Step::NeedInput);
        }
        then.write(&mut self.out);
        self.phase = Phase::Command;
        self.moved();
        self.stop_if_asked();
        None
    }

    /// Text for the application, unless the message is refused already or now too large.
    fn tell(&mut self, mut text: Bytes) -> Option<ServerStep> {
        let max = self.config.limits.message;
        let body = self.body()?;
        if body.refused.is_some() {
            self.drain();
            return None;
        }
        let room = usize::try_from(max.saturating_sub(body.octets)).unwrap_or(usize::MAX);
        if text.len() > room {
            // What fits is told, so that the cut of the input does not decide how much that is.
            text.truncate(room);
            body.refuse(Said::Machine(replies::TOO_LARGE), Reset::TooLarge);
        }
        // A length always fits 64 bits.
        body.octets = body.octets.saturating_add(text.len() as u64);
        (!text.is_empty()).then(|| body_event(text))
    }

    /// More octets of the body are needed; perhaps it is one that is not wanted any more.
    fn wait_in_body(&mut self, fault: Option<BodyFault>) -> Option<ServerStep> {
        self.judge_fault(fault);
        self.drain();
        (!matches!(self.phase, Phase::Closing(_))).then_some(Step::NeedInput)
    }

    /// Gives the connection up when more of a refused body has come than is thrown away. It is
    /// counted from the start of the body, so that the cut of the input does not decide.
    fn drain(&mut self) {
        let limits = &self.config.limits;
        let max = limits.message.saturating_add(limits.drain);
        let Some(body) = self.body() else { return };
        let taken = body.taken();
        if taken > max
            && let Some(refused) = body.refused.take()
        {
            self.say_all(&refused.say);
            self.close(Err(ProtocolError::BodyWithoutEnd { max }), refused.why);
        }
    }

    /// A body that holds what no body may hold is refused at its end, or the connection ends.
    fn judge_fault(&mut self, fault: Option<BodyFault>) {
        let Some(fault) = fault else { return };
        let nul = matches!(fault, BodyFault::Nul { .. });
        if self.config.line_breaks == LineBreaks::RejectAndClose {
            self.say(if nul {
                replies::NUL_CLOSE
            } else {
                replies::LINE_BREAK_CLOSE
            });
            self.close(Err(ProtocolError::Fault(fault)), Reset::Fault(fault));
            return;
        }
        let reply = if nul {
            replies::NUL
        } else {
            replies::LINE_BREAK
        };
        if let Some(body) = self.body() {
            body.refuse(Said::Machine(reply), Reset::Fault(fault));
        }
    }

    /// The true end of the message.
    fn body_complete(&mut self) {
        if matches!(self.phase, Phase::Closing(_)) {
            return;
        }
        self.phase = Phase::Command;
        let recipients = self.recipients();
        let Some(body) = self.body() else { return };
        match body.refused.take() {
            None => {
                let octets = body.octets;
                self.events
                    .push_back(Event::BodyEnd(BodyEnd { octets, recipients }));
            }
            Some(refused) => {
                let times = self.final_replies();
                self.say_refusal(&refused, times);
            }
        }
    }

    /// Says a refusal that had to wait for the end of what was refused.
    fn say_refusal(&mut self, refused: &Refused, times: usize) {
        for _ in 0..times {
            self.say_all(&refused.say);
        }
        self.end_transaction(refused.why);
        if refused.say.hangs_up() {
            self.stopping = Stopping::Silently;
        }
        self.stop_if_asked();
    }

    /// The application's answer to the end of the message.
    pub(super) fn end_message(&mut self, say: &Said) {
        for _ in 0..self.final_replies() {
            self.say_all(say);
        }
        self.message_over();
    }

    pub(super) fn message_over(&mut self) {
        self.transaction = None;
        self.idle_commands = 0;
        self.phase = Phase::Command;
        self.stop_if_asked();
    }

    /// In LMTP each accepted recipient gets a reply (RFC 2033 §4.2).
    fn final_replies(&self) -> usize {
        if self.config.mode == Mode::Lmtp {
            self.recipients()
        } else {
            1
        }
    }

    fn stop_if_asked(&mut self) {
        if self.stopping == Stopping::No || matches!(self.phase, Phase::Closing(_)) {
            return;
        }
        if self.stopping == Stopping::AfterMessage {
            self.say(replies::SHUTDOWN);
        }
        self.close(Ok(()), Reset::Shutdown);
    }

    /// There is always a body in these phases; without one the connection could not be framed.
    fn lost_body(&mut self) -> Option<ServerStep> {
        debug_assert!(false, "a body phase without a body");
        self.close(Ok(()), Reset::Disconnected);
        None
    }
}

/// Dots cut a body into slices. Small ones are copied together, so that a body full of dots does
/// not become a million events.
fn join_crumbs(
    decoder: &mut mailwire_core::dot::Decoder,
    text: Bytes,
    input: &mut BytesMut,
) -> Bytes {
    const CRUMB: usize = 1_024;
    if text.len() >= CRUMB || input.len() < CRUMB {
        return text;
    }
    let mut joined = BytesMut::with_capacity(BODY_EVENT);
    joined.extend_from_slice(&text);
    while joined.len() < BODY_EVENT - CRUMB {
        match decoder.decode(input) {
            Decoded::Text(text) if text.len() < CRUMB => joined.extend_from_slice(&text),
            Decoded::Text(text) => {
                joined.extend_from_slice(&text);
                break;
            }
            // The decoder says both again when it is asked again.
            Decoded::NeedInput | Decoded::End(_) => break,
        }
    }
    joined.freeze()
}
