//! What the application answers.

use alloc::{boxed::Box, vec::Vec};

use bytes::Bytes;
use mailwire_core::machine::Answer;

use super::{
    Expects, HelloVerb, Misuse, Owed, Phase, Pipelining, Reset, Server, StartTls, Stopping,
    replies::{self, Said},
    transaction::Body,
};
use crate::{
    extension::{Capabilities, Extension},
    reply::{Code, Reply, Severity},
};

impl Server {
    /// Answers what is [owed](Self::owed), or refuses the message that is being received.
    ///
    /// Which answers are legal stands at each [`Event`](super::Event). A reply of code 421 also
    /// ends the connection (RFC 5321 §3.8).
    ///
    /// # Errors
    ///
    /// [`Misuse`] if nothing is owed or the answer does not fit; nothing has changed then.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use bytes::BytesMut;
    /// use mailwire_core::machine::{Answer, Machine, Step};
    /// use mailwire_smtp::server::{Config, Misuse, Server};
    /// let mut server = Server::new(Arc::new(Config::smtp("mx.example".parse()?)));
    /// assert_eq!(server.answer(Answer::Accept), Err(Misuse::NothingOwed));
    /// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
    /// ```
    pub fn answer(&mut self, answer: Answer<Reply>) -> Result<(), Misuse> {
        let Some(owed) = self.owed else {
            return self.refuse_body(answer);
        };
        match (owed, answer) {
            (_, Answer::Nothing) => return Err(Misuse::WrongAnswer(owed)),
            (Owed::Auth, Answer::Challenge(challenge)) => self.challenge_with(&challenge),
            (Owed::BodyEnd, Answer::Each(replies)) => self.end_each(&replies)?,
            (_, Answer::Challenge(_) | Answer::Each(_)) => return Err(Misuse::WrongAnswer(owed)),
            (_, Answer::Accept) => self.accepted(owed),
            (_, Answer::Reply(reply)) => self.replied(owed, reply)?,
        }
        self.moved();
        Ok(())
    }

    /// Answers with the machine's own positive reply.
    ///
    /// # Errors
    ///
    /// As [`answer`](Self::answer).
    pub fn accept(&mut self) -> Result<(), Misuse> {
        self.answer(Answer::Accept)
    }

    /// Answers with this reply.
    ///
    /// # Errors
    ///
    /// As [`answer`](Self::answer).
    pub fn reply(&mut self, reply: Reply) -> Result<(), Misuse> {
        self.answer(Answer::Reply(reply))
    }

    /// Answers AUTH with a challenge, before base64.
    ///
    /// # Errors
    ///
    /// As [`answer`](Self::answer).
    pub fn challenge(&mut self, challenge: impl Into<Bytes>) -> Result<(), Misuse> {
        self.answer(Answer::Challenge(challenge.into()))
    }

    /// Answers the end of a message with a reply for each accepted recipient, in order (LMTP,
    /// RFC 2033 §4.2).
    ///
    /// # Errors
    ///
    /// As [`answer`](Self::answer).
    pub fn reply_each(&mut self, replies: Vec<Reply>) -> Result<(), Misuse> {
        self.answer(Answer::Each(replies))
    }

    /// A negative reply inside a body.
    fn refuse_body(&mut self, answer: Answer<Reply>) -> Result<(), Misuse> {
        let open = matches!(self.phase, Phase::Data | Phase::Chunk { .. });
        let body = self.body().filter(|_| open);
        match (answer, body) {
            (Answer::Nothing, _) => Ok(()),
            (Answer::Reply(reply), Some(body)) if is_negative(&reply) => {
                // Where the machine has refused it already, the first reason counts.
                body.refuse(Said::Application(Box::new(reply)), Reset::Refused);
                Ok(())
            }
            _ => Err(Misuse::NothingOwed),
        }
    }

    fn accepted(&mut self, owed: Owed) {
        self.owed = None;
        match owed {
            Owed::Hello => self.offer(),
            Owed::Auth => {
                self.phase = Phase::Command;
                self.auth_accepted();
            }
            Owed::Mail => {
                self.transaction = self.next_transaction.take();
                self.say(replies::SENDER);
            }
            Owed::Rcpt => {
                self.add_recipient();
                self.say(replies::RECIPIENT);
            }
            Owed::BodyStart => self.open_body(),
            Owed::BodyEnd => self.end_message(&Said::Machine(replies::MESSAGE)),
            Owed::Verify | Owed::Expand => self.say(replies::CANNOT_VERIFY),
        }
    }

    fn replied(&mut self, owed: Owed, reply: Reply) -> Result<(), Misuse> {
        let negative = is_negative(&reply);
        let positive = reply.severity() == Severity::Completion;
        let fits = match owed {
            Owed::BodyStart => negative,
            _ => negative || positive,
        };
        if !fits {
            return Err(Misuse::WrongAnswer(owed));
        }
        self.owed = None;
        let closes = reply.code() == Code::NOT_AVAILABLE;
        match owed {
            Owed::Auth => {
                self.phase = Phase::Command;
                self.auth_result(&reply);
            }
            Owed::Hello if positive => {
                self.hello = Some(self.greeted_by);
                reply.encode(&mut self.out);
            }
            Owed::Mail => {
                let next = self.next_transaction.take();
                if positive {
                    self.transaction = next;
                }
                reply.encode(&mut self.out);
            }
            Owed::Rcpt => {
                if positive {
                    self.add_recipient();
                }
                reply.encode(&mut self.out);
            }
            Owed::BodyStart => self.refuse_message(reply),
            Owed::BodyEnd => self.end_message(&Said::Application(Box::new(reply))),
            Owed::Hello | Owed::Verify | Owed::Expand => reply.encode(&mut self.out),
        }
        if closes {
            self.hang_up();
        }
        Ok(())
    }

    /// After a 421: nothing more is read, but a chunk that must be skipped before the reply.
    fn hang_up(&mut self) {
        match self.phase {
            Phase::Closing(_) => {}
            Phase::Skip { .. } => self.stopping = Stopping::Silently,
            _ => self.close(Ok(()), Reset::Shutdown),
        }
    }

    fn add_recipient(&mut self) {
        if let Some(transaction) = &mut self.transaction {
            transaction.recipients += 1;
        }
    }

    /// The reply to EHLO, LHLO or HELO.
    fn offer(&mut self) {
        use core::fmt::Write;
        self.hello = Some(self.greeted_by);
        if self.greeted_by == HelloVerb::Helo {
            // Writing to a buffer that grows cannot fail.
            let _ = write!(self.out, "250 {}\r\n", self.config.hostname);
            return;
        }
        let config = &self.config;
        let mut offered = Capabilities::new();
        if config.pipelining != Pipelining::Off {
            offered = offered.with(Extension::Pipelining);
        }
        offered = offered.with_size(config.limits.message);
        for extension in [
            Extension::EightBitMime,
            Extension::Chunking,
            Extension::BinaryMime,
            Extension::SmtpUtf8,
            Extension::Dsn,
        ] {
            if config.extensions.has(extension) {
                offered = offered.with(extension);
            }
        }
        offered = offered.with(Extension::EnhancedStatusCodes);
        if config.start_tls != StartTls::Unavailable && self.tls.is_none() {
            offered = offered.with(Extension::StartTls);
        }
        if self.may_authenticate() {
            offered = offered.with_auth(config.mechanisms.iter().copied());
        }
        offered
            .to_reply(config.hostname.as_str())
            .encode(&mut self.out);
    }

    /// The application wants the message.
    fn open_body(&mut self) {
        let (breaks, nul) = (self.config.line_breaks, self.config.nul);
        let Some(transaction) = &mut self.transaction else {
            return;
        };
        match transaction.first_chunk.take() {
            None => {
                transaction.body = Some(Body::dots(breaks, nul));
                self.phase = Phase::Data;
                self.say(replies::SEND_MESSAGE);
            }
            Some((size, last)) => {
                transaction.body = Some(Body::chunks(breaks, nul, transaction.binary));
                self.open_chunk(size, last);
            }
        }
    }

    /// The application does not want the message; it knows that the transaction is over.
    fn refuse_message(&mut self, reply: Reply) {
        let chunk = self
            .transaction
            .take()
            .and_then(|transaction| transaction.first_chunk);
        match chunk {
            None => {
                reply.encode(&mut self.out);
                self.expects = Expects::Command;
            }
            Some((size, _)) => self.skip(size, Said::Application(Box::new(reply))),
        }
    }

    fn end_each(&mut self, each: &[Reply]) -> Result<(), Misuse> {
        if self.config.mode != super::Mode::Lmtp {
            return Err(Misuse::WrongAnswer(Owed::BodyEnd));
        }
        let expected = self.recipients();
        if each.len() != expected {
            return Err(Misuse::ReplyCount { expected });
        }
        if each
            .iter()
            .any(|reply| reply.severity() == Severity::Intermediate)
        {
            return Err(Misuse::WrongAnswer(Owed::BodyEnd));
        }
        self.owed = None;
        for reply in each {
            reply.encode(&mut self.out);
        }
        self.message_over();
        Ok(())
    }
}

fn is_negative(reply: &Reply) -> bool {
    matches!(reply.severity(), Severity::Transient | Severity::Permanent)
}
