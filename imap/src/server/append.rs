//! The messages of APPEND (RFC 9051 §6.3.12, RFC 3502).
//!
//! A message is asked for before its octets come, so that one that is not wanted costs nothing. What
//! a client that does not wait sends all the same is thrown away up to where its command ends, and
//! answered there.

use bytes::BytesMut;

use crate::{
    command::{Command, CommandBody, Message, Tag, Wrapper},
    encode::LiteralKind,
    error::{Expected, ParseError},
    frame::{CommandFrame, Literal},
    response::Code,
    server::{
        Done, Event, Extension, Owed, Phase, Reset, Server, dialogue::Taken, dialogue::refusal,
        gate,
    },
};

/// An APPEND that is under way.
#[derive(Debug, Default)]
pub(super) struct Append {
    /// Whether the client waits for the word to send its message.
    waits: bool,
    wrapper: Wrapper,
    /// Whether the application has let a message in.
    has_begun: bool,
    /// What is said at the end of the command instead of asking the application.
    refusal: Option<(Done, Option<Reset>)>,
}

impl Server {
    /// The command up to its first message.
    pub(super) fn handle_append(&mut self, head: BytesMut, literal: Literal) -> Option<Event> {
        self.append = Append {
            waits: literal.waits,
            ..Append::default()
        };
        self.command.tag = Tag::of(&head);
        self.command.name = "APPEND";
        self.command.expunges = true;
        match Command::take(head) {
            Ok(Command {
                body: CommandBody::Append { mailbox, message },
                ..
            }) => {
                if let Err((done, _)) = self.check(&message) {
                    return self.refuse_message(done, None);
                }
                self.append.wrapper = message.wrapper;
                self.owe(Owed::Append);
                Some(Event::Append { mailbox, message })
            }
            Ok(_) => self.refuse_message(Done::bad("unknown command"), None),
            Err(error) => {
                let done = Done::bad(&alloc::format!("{error}"));
                // What becomes of it is said behind the message, if that is on its way.
                let event = self.refuse_message(done, None);
                event.or(Some(Event::Invalid(error.into())))
            }
        }
    }

    /// Takes what there is of a message, or what stands behind it.
    pub(super) fn take_append(&mut self, input: &mut BytesMut) -> Taken {
        if let Some(octets) = self.commands.take_body(input) {
            return match self.append.refusal {
                None => Taken::Event(Event::Body(octets)),
                Some(_) => Taken::Element,
            };
        }
        let found = if self.commands.body_left() > 0 {
            CommandFrame::NeedInput
        } else {
            self.commands.next(input)
        };
        if found != CommandFrame::NeedInput {
            self.mark = self.mark.wrapping_add(1);
        }
        match found {
            CommandFrame::NeedInput => {
                self.handle_end(input);
                Taken::Nothing
            }
            CommandFrame::Body { head, literal } => self.next_message(&head, literal).into(),
            CommandFrame::Tail(tail) => self.end_of_messages(&tail).into(),
            CommandFrame::Refused(refused) => {
                if self.append.refusal.is_none() {
                    self.append.refusal = Some((refusal(refused.why), Some(Reset::Invalid)));
                }
                self.end_refused().into()
            }
            CommandFrame::Lost(lost) => {
                if let Some((done, _)) = self.append.refusal.take() {
                    self.say(&done);
                }
                self.end("the end of the command cannot be found", lost.into());
                Taken::Nothing
            }
            CommandFrame::Whole(_) | CommandFrame::InBody | CommandFrame::Continue => {
                Taken::Element
            }
        }
    }

    /// What stands between two messages.
    fn next_message(&mut self, head: &[u8], literal: Literal) -> Option<Event> {
        self.append.waits = literal.waits;
        if let Some((done, reset)) = self.append.refusal.take() {
            return self.refuse_message(done, reset);
        }
        let invalid = Some(Reset::Invalid);
        if !self.config.extensions.has(Extension::MultiAppend) {
            let done = Done::bad("MULTIAPPEND is not offered");
            return self.refuse_message(done, invalid);
        }
        let was_wrapped = self.append.wrapper == Wrapper::Utf8;
        let message = if head.starts_with(b")") == was_wrapped {
            Message::parse_next(head)
        } else {
            let expected = if was_wrapped {
                Expected::Close
            } else {
                Expected::Space
            };
            Err(ParseError::new(expected, 0))
        };
        let message = match message {
            Ok(message) => message,
            Err(error) => {
                let done = Done::bad(&alloc::format!("{error}"));
                return self.refuse_message(done, invalid);
            }
        };
        if let Err((done, reset)) = self.check(&message) {
            return self.refuse_message(done, Some(reset));
        }
        self.append.wrapper = message.wrapper;
        self.owe(Owed::AppendNext);
        Some(Event::AppendNext { message })
    }

    fn end_of_messages(&mut self, tail: &[u8]) -> Option<Event> {
        let expected: &[u8] = match self.append.wrapper {
            Wrapper::Nothing => b"",
            Wrapper::Utf8 => b")",
        };
        if self.append.refusal.is_none() && tail != expected {
            let error = ParseError::new(Expected::End, 0);
            let done = Done::bad(&alloc::format!("{error}"));
            self.append.refusal = Some((done, Some(Reset::Invalid)));
        }
        if self.append.refusal.is_some() {
            return self.end_refused();
        }
        self.owe(Owed::AppendEnd);
        Some(Event::AppendEnd)
    }

    /// Whether a message may come.
    fn check(&self, message: &Message) -> Result<(), (Done, Reset)> {
        let extensions = self.config.extensions;
        let is_offered = match (message.wrapper, message.kind) {
            (Wrapper::Utf8, _) => self.enabled.has(Extension::Utf8Accept),
            (Wrapper::Nothing, LiteralKind::Binary) => extensions.has(Extension::Binary),
            (Wrapper::Nothing, LiteralKind::Plain) => true,
        };
        let max = self.config.limits.message;
        if !is_offered {
            Err((Done::bad("literal8 is not possible here"), Reset::Invalid))
        } else if !gate::are_settable(&message.flags) {
            Err((gate::not_settable(), Reset::Invalid))
        } else if message.len == 0 {
            Err((Done::no("empty message"), Reset::Cancelled))
        } else if message.len > max {
            let text = alloc::format!("message larger than {max} octets");
            let done = Done::no(&text).with_code(&Code::TooBig);
            Err((done, Reset::TooLarge))
        } else {
            Ok(())
        }
    }

    /// The message that was announced shall not come; what came before it is void, if that is told.
    pub(super) fn refuse_message(&mut self, done: Done, reset: Option<Reset>) -> Option<Event> {
        self.commands.refuse_body();
        self.append.refusal = Some((done, reset));
        if self.append.waits {
            return self.end_refused();
        }
        self.phase = Phase::Append;
        None
    }

    /// A refusal within a message: it is drained to its end.
    pub(super) fn refuse_rest(&mut self, done: Done) {
        self.append.refusal = Some((done, Some(Reset::Refused)));
    }

    /// Whether a message is on its way that nobody has refused yet.
    pub(super) const fn is_receiving(&self) -> bool {
        matches!(self.phase, Phase::Append) && self.append.refusal.is_none()
    }

    fn end_refused(&mut self) -> Option<Event> {
        let (done, reset) = self.append.refusal.take()?;
        self.answered(Phase::Commands);
        if done.is_bad() {
            self.bad(&done);
        } else {
            self.say(&done);
        }
        reset.map(Event::AppendReset)
    }

    /// What the application is told when the connection ends.
    pub(super) fn reset_at_end(&self) -> Option<Event> {
        let is_open = matches!(self.phase, Phase::Append | Phase::Owed(Owed::AppendNext, _));
        (is_open && self.append.has_begun).then_some(Event::AppendReset(Reset::Disconnected))
    }

    /// The application wants the message.
    pub(super) fn accept_message(&mut self) {
        self.append.has_begun = true;
        self.commands.accept_body();
        if self.append.waits {
            self.go_ahead();
        }
        self.answered(Phase::Append);
    }
}
