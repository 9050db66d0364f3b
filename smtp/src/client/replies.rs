//! Replies: to which command each belongs, and what it means for what comes next.

use alloc::boxed::Box;

use bytes::BytesMut;
use mailwire_core::base64;

use super::{Awaiting, Client, Due, Event, Id, Outstanding, Phase, Protocol, ProtocolError};
use crate::{
    extension::Capabilities,
    limits::AUTH_OCTETS,
    reply::{Code, Reply, Severity},
};

/// The first octets of TLS records: handshake and alert (RFC 8446 §5.1).
const TLS_RECORDS: [u8; 2] = [0x15, 0x16];

impl Client {
    /// Takes a reply off the input, if there is a whole one.
    pub(super) fn take_reply(&mut self, input: &mut BytesMut) -> bool {
        let greeting = matches!(self.phase, Phase::Greeting);
        if greeting
            && input
                .first()
                .is_some_and(|first| TLS_RECORDS.contains(first))
        {
            self.close(Err(ProtocolError::TlsInsteadOfGreeting));
            return true;
        }
        let front = self.outstanding.front().copied();
        let hello = !greeting && front.is_some_and(|front| front.due == Due::Hello);
        let parsed = if hello {
            self.parser
                .parse_ehlo(input)
                .map(|found| found.map(|(reply, offered)| (reply, Some(offered))))
        } else {
            self.parser
                .parse(input)
                .map(|found| found.map(|reply| (reply, None)))
        };
        let (reply, offered) = match parsed {
            Ok(None) => return false,
            Ok(Some(found)) => found,
            Err(error) => {
                self.close(Err(error.into()));
                return true;
            }
        };
        self.moved();
        match front {
            _ if greeting => self.greeted(reply),
            None => self.unsolicited(reply),
            Some(front) => self.replied(front, reply, offered, input),
        }
        true
    }

    fn greeted(&mut self, reply: Reply) {
        match reply.severity() {
            Severity::Completion if reply.code() == Code::READY => {
                self.phase = Phase::Ready;
                self.events.push_back(Event::Greeting(reply));
            }
            Severity::Completion | Severity::Intermediate => {
                self.unexpected(&reply, Awaiting::Greeting);
            }
            Severity::Transient | Severity::Permanent => {
                self.phase = Phase::Ready;
                let closes = reply.code() == Code::NOT_AVAILABLE;
                self.events.push_back(Event::Greeting(reply));
                // Whoever is turned away has nothing to say but QUIT (RFC 5321 §3.1).
                self.queued.clear();
                if closes {
                    self.close(Ok(()));
                }
            }
        }
    }

    /// A reply to nothing: a farewell, or one that would be taken for the answer to what comes.
    fn unsolicited(&mut self, reply: Reply) {
        if let Some(body) = self.body.take() {
            // The message cannot be ended any more, so the connection is over with it.
            let id = body.id();
            let code = reply.code();
            self.events.push_back(Event::Reply { id, reply });
            self.out.clear();
            self.close(Err(ProtocolError::ReplyInsideMessage { code }));
        } else if reply.code() == Code::NOT_AVAILABLE {
            self.events.push_back(Event::Closing(reply));
            self.close(Ok(()));
        } else {
            self.close(Err(ProtocolError::UnsolicitedReply { code: reply.code() }));
        }
    }

    fn unexpected(&mut self, reply: &Reply, awaiting: Awaiting) {
        self.close(Err(ProtocolError::UnexpectedReply {
            code: reply.code(),
            awaiting,
        }));
    }

    fn replied(
        &mut self,
        front: Outstanding,
        reply: Reply,
        offered: Option<Capabilities>,
        input: &BytesMut,
    ) {
        let Outstanding { id, due } = front;
        if !fits(due, &reply) {
            self.unexpected(&reply, due.awaiting());
            return;
        }
        self.outstanding.pop_front();
        let done = reply.severity() == Severity::Completion;
        let closes = reply.code() == Code::NOT_AVAILABLE || due == Due::Quit;
        match due {
            Due::Hello | Due::Helo => {
                self.accepted = 0;
                self.capabilities = done.then(|| Box::new(offered.unwrap_or_default()));
            }
            Due::Mail | Due::Reset if done => self.accepted = 0,
            Due::Rcpt if done => self.accepted += 1,
            Due::StartTls if done => {
                if !input.is_empty() {
                    self.close(Err(ProtocolError::BufferedDataBeforeTls));
                    return;
                }
                self.phase = Phase::StartTls;
                self.capabilities = None;
            }
            Due::Auth if reply.severity() == Severity::Intermediate => {
                self.challenged(id, &reply);
                return;
            }
            Due::Data if reply.severity() == Severity::Intermediate => {
                self.open_dots(id);
                self.events.push_back(Event::BodyWanted { id });
                return;
            }
            Due::Data => self.body = None,
            Due::Chunk => {
                self.chunk_replied(id, reply);
                if closes {
                    self.close(Ok(()));
                }
                return;
            }
            Due::LostChunk => return,
            Due::End { told } => {
                self.message_replied(id, told, reply);
                if closes {
                    self.close(Ok(()));
                }
                return;
            }
            _ => {}
        }
        self.events.push_back(Event::Reply { id, reply });
        if closes {
            self.close(Ok(()));
        }
    }

    fn challenged(&mut self, id: Id, reply: &Reply) {
        let text = reply.lines().next().map_or(&[][..], |line| line.raw());
        match base64::decode(text, AUTH_OCTETS) {
            Ok(challenge) => {
                self.challenge = Some(id);
                self.events.push_back(Event::Challenge { id, challenge });
            }
            Err(_) => self.close(Err(ProtocolError::Challenge)),
        }
    }

    /// A reply to the whole message, or in LMTP to one recipient of it.
    fn message_replied(&mut self, id: Id, told: usize, reply: Reply) {
        let recipients = self.accepted;
        if self.config.protocol == Protocol::Smtp || recipients == 0 {
            self.accepted = 0;
            self.events.push_back(Event::Reply { id, reply });
            return;
        }
        let remaining = recipients.saturating_sub(told + 1);
        if remaining > 0 {
            let due = Due::End { told: told + 1 };
            self.outstanding.push_front(Outstanding { id, due });
        } else {
            self.accepted = 0;
        }
        self.events.push_back(Event::RecipientReply {
            id,
            recipient: told,
            remaining,
            reply,
        });
    }
}

/// Whether a reply of this code can belong to what is due. If not, the replies are out of step, and
/// every later one would be believed for the wrong command.
fn fits(due: Due, reply: &Reply) -> bool {
    let code = reply.code();
    match reply.severity() {
        Severity::Transient | Severity::Permanent => true,
        Severity::Intermediate => match due {
            Due::Data => code == Code::START_MAIL_INPUT,
            Due::Auth => code == Code::CHALLENGE,
            _ => false,
        },
        Severity::Completion => match due {
            Due::Hello | Due::Helo => code == Code::OK,
            Due::StartTls => code == Code::READY,
            Due::Auth => code == Code::AUTHENTICATED,
            Due::Data => false,
            Due::Quit => true,
            _ => code != Code::READY && code != Code::CLOSING,
        },
    }
}
