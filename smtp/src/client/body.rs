//! The message on its way out: dots for DATA, chunks for BDAT.

use alloc::boxed::Box;

use bytes::{Bytes, BytesMut};
use mailwire_core::dot::{BareLineBreaks, Encoder};

use super::{Client, Due, Event, Id, Misuse};
use crate::{
    body::ChunkDecoder,
    limits::CHUNK_SENT,
    params::BodyType,
    reply::{Reply, Severity},
};

/// Chunks that may be under way: enough to fill a long line, few enough to hear a refusal soon.
const CHUNKS_UNDER_WAY: usize = 4;

/// A message that is being sent.
pub(super) struct Body {
    id: Id,
    kind: BodyType,
    form: Form,
}

impl core::fmt::Debug for Body {
    // Octets of the message wait in here.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Body")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

enum Form {
    /// DATA has gone out, the 354 has not come.
    Waiting,
    Dots(Encoder),
    Chunks {
        check: ChunkDecoder,
        chunk: BytesMut,
        at: At,
    },
}

/// Where in the message the writer is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum At {
    LineStart,
    InLine,
    /// All is written, but the last chunk has not gone out.
    End,
}

impl Body {
    pub(super) const fn id(&self) -> Id {
        self.id
    }
}

impl Client {
    /// Writes the next octets of the message that [`Event::BodyWanted`] asked for.
    ///
    /// Lines end with CRLF; dots are doubled here, not by the caller.
    ///
    /// # Errors
    ///
    /// [`Misuse::Body`] for a bare CR, a bare LF or NUL, which no server should be given
    /// (RFC 5321 §2.3.8), and [`Misuse::EightBitBody`] for an octet that the type of the body rules
    /// out. Nothing of `octets` was taken then. A message that cannot be completed is given up with
    /// [`abort`](Self::abort).
    ///
    /// ```
    /// use mailwire_smtp::client::{Client, Config, Misuse};
    /// let mut client = Client::new(Config::smtp());
    /// assert_eq!(client.write_body("text".into()), Err(Misuse::NoBody));
    /// ```
    pub fn write_body(&mut self, octets: Bytes) -> Result<(), Misuse> {
        let Some(body) = &mut self.body else {
            return Err(Misuse::NoBody);
        };
        if body.kind == BodyType::SevenBit && !octets.is_ascii() {
            return Err(Misuse::EightBitBody);
        }
        match &mut body.form {
            Form::Waiting => Err(Misuse::NoBody),
            Form::Dots(encoder) => {
                let out = &mut self.out;
                encoder
                    .encode(octets, |slice| out.push_slice(slice))
                    .map_err(Misuse::Body)
            }
            Form::Chunks { at: At::End, .. } => Err(Misuse::NoBody),
            Form::Chunks { check, chunk, at } => {
                check.check(&octets).map_err(Misuse::Body)?;
                // A CR in front of them may belong to the LF that they begin with.
                let ends_line =
                    octets.ends_with(b"\r\n") || (*octets == *b"\n" && chunk.ends_with(b"\r"));
                if !octets.is_empty() {
                    *at = if ends_line { At::LineStart } else { At::InLine };
                }
                chunk.extend_from_slice(&octets);
                self.send_chunks();
                Ok(())
            }
        }
    }

    /// Ends the message; a CRLF is added if its last line has none.
    ///
    /// # Errors
    ///
    /// [`Misuse::NoBody`], and [`Misuse::Body`] for a message that ends with a bare CR; nothing has
    /// changed then.
    ///
    /// ```
    /// use mailwire_smtp::client::{Client, Config, Misuse};
    /// assert_eq!(Client::new(Config::smtp()).end_body(), Err(Misuse::NoBody));
    /// ```
    pub fn end_body(&mut self) -> Result<(), Misuse> {
        let Some(body) = &mut self.body else {
            return Err(Misuse::NoBody);
        };
        let (id, kind) = (body.id, body.kind);
        match &mut body.form {
            Form::Waiting => return Err(Misuse::NoBody),
            Form::Dots(encoder) => {
                let end = encoder.finish().map_err(Misuse::Body)?;
                self.out.push_slice(end);
            }
            Form::Chunks { at: At::End, .. } => return Err(Misuse::NoBody),
            Form::Chunks { check, chunk, at } => {
                check.finish().map_err(Misuse::Body)?;
                if *at == At::InLine && kind != BodyType::BinaryMime {
                    chunk.extend_from_slice(b"\r\n");
                }
                *at = At::End;
                self.send_chunks();
                return Ok(());
            }
        }
        self.body = None;
        self.expect(id, Due::End { told: 0 });
        Ok(())
    }

    /// The turn of a message has come.
    pub(super) fn begin_body(&mut self, id: Id, kind: BodyType) {
        let form = if self.chunks(kind) {
            let breaks = match kind {
                BodyType::BinaryMime => BareLineBreaks::Keep,
                _ => BareLineBreaks::Reject,
            };
            self.events.push_back(Event::BodyWanted { id });
            let check = ChunkDecoder::new(breaks);
            Form::Chunks {
                check,
                chunk: BytesMut::new(),
                at: At::LineStart,
            }
        } else {
            self.out.push(b"DATA\r\n");
            self.expect(id, Due::Data);
            Form::Waiting
        };
        self.body = Some(Box::new(Body { id, kind, form }));
    }

    /// The 354 has come.
    pub(super) fn open_dots(&mut self, id: Id) {
        if let Some(body) = &mut self.body
            && body.id == id
        {
            body.form = Form::Dots(Encoder::strict());
        }
    }

    /// Whether there is room for more of a message.
    pub(super) fn wants_body(&self) -> bool {
        self.body.as_ref().is_some_and(|body| match &body.form {
            Form::Waiting => false,
            Form::Dots(_) => true,
            Form::Chunks { chunk, at, .. } => *at != At::End && chunk.len() < CHUNK_SENT,
        })
    }

    /// The reply to a chunk that was not the last.
    pub(super) fn chunk_replied(&mut self, id: Id, reply: Reply) {
        if reply.severity() == Severity::Completion {
            self.send_chunks();
            return;
        }
        // The message is lost; what is under way of it is still answered, but to nobody.
        self.body = None;
        self.accepted = 0;
        for outstanding in self.outstanding.iter_mut().filter(|o| o.id == id) {
            outstanding.due = Due::LostChunk;
        }
        self.events.push_back(Event::Reply { id, reply });
    }

    /// Sends what has gathered, as far as chunks may be under way.
    fn send_chunks(&mut self) {
        let most = if self.pipelines() {
            CHUNKS_UNDER_WAY
        } else {
            1
        };
        loop {
            let under_way = self
                .outstanding
                .iter()
                .filter(|o| o.due == Due::Chunk)
                .count();
            let Some(body) = &mut self.body else { return };
            let id = body.id;
            let Form::Chunks { chunk, at, .. } = &mut body.form else {
                return;
            };
            if under_way >= most {
                return;
            }
            if *at == At::End {
                let rest = chunk.split().freeze();
                self.body = None;
                self.send_chunk(rest, " LAST");
                self.expect(id, Due::End { told: 0 });
                return;
            }
            if chunk.len() < CHUNK_SENT {
                return;
            }
            let full = chunk.split_to(CHUNK_SENT).freeze();
            self.send_chunk(full, "");
            self.expect(id, Due::Chunk);
        }
    }

    fn send_chunk(&mut self, chunk: Bytes, last: &str) {
        use core::fmt::Write;
        self.out.write(|out| {
            // Writing to a buffer that grows cannot fail.
            let _ = write!(out, "BDAT {}{last}\r\n", chunk.len());
        });
        self.out.push_slice(chunk);
    }
}
