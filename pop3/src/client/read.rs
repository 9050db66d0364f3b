//! The lines behind the first of a multi-line response.

use bytes::BytesMut;
use mailwire_core::{dot::Decoded, line::Next};

use crate::{
    capability::Capability,
    client::{
        Client, CommandId, Event, Notice,
        outstanding::{
            Kind, Listing, Message, Outstanding, Reading, scan_listing, unique_id_listing,
        },
    },
    error::{Expected, ParseError, ProtocolError},
    limits,
};

impl Client {
    /// Reads on in the response at the front; `false` when more input is needed.
    pub(super) fn read_on(&mut self, input: &mut BytesMut) -> bool {
        let max = self.config.max_message;
        if let Some(Outstanding {
            id,
            kind: Kind::Reading(Reading::Message(message)),
        }) = self.sent.front_mut()
        {
            return match read_message(*id, message, max, input) {
                Ok(Read::NeedInput) => self.handle_end(),
                Ok(Read::More(events)) => {
                    self.events.extend(events.into_iter().flatten());
                    true
                }
                Ok(Read::End(event)) => {
                    self.finish(event);
                    true
                }
                Err(error) => self.fail(error),
            };
        }
        let line = match self.lines.next(input) {
            Next::NeedInput => return self.handle_end(),
            Next::Line(line) => Ok(line.freeze()),
            // The end of the line is known, so only this line is spoilt.
            Next::Malformed(bad) => Err(ParseError::new(Expected::CleanLine, bad.offset)),
            Next::TooLong | Next::Endless => {
                return self.fail(ProtocolError::LineTooLong {
                    max: limits::RESPONSE_LINE_READ,
                });
            }
        };
        match line {
            Ok(line) if &*line == b"." => self.end_lines(),
            Ok(line) => self.handle_item(Ok(line.strip_prefix(b".").unwrap_or(&line))),
            Err(error) => self.handle_item(Err(error)),
        }
    }

    fn end_lines(&mut self) -> bool {
        let Some(Outstanding {
            id,
            kind: Kind::Reading(reading),
        }) = self.sent.front_mut()
        else {
            return false;
        };
        let id = *id;
        if let Reading::Capabilities(capabilities) = reading {
            let capabilities = core::mem::take(capabilities);
            self.capabilities = Some(capabilities.clone());
            self.events
                .push_back(Event::Capabilities { id, capabilities });
        }
        self.finish(Event::End { id });
        true
    }

    fn finish(&mut self, event: Event) {
        self.mark = self.mark.wrapping_add(1);
        self.sent.pop_front();
        self.events.push_back(event);
    }

    fn handle_item(&mut self, line: Result<&[u8], ParseError>) -> bool {
        let Some(Outstanding {
            id,
            kind: Kind::Reading(reading),
        }) = self.sent.front_mut()
        else {
            return false;
        };
        let id = *id;
        let event = match reading {
            Reading::Capabilities(capabilities) => {
                if capabilities.len() >= limits::CAPABILITIES {
                    let max = limits::CAPABILITIES;
                    return self.fail(ProtocolError::TooManyCapabilities { max });
                }
                match line.and_then(Capability::parse) {
                    Ok(capability) => {
                        capabilities.push(capability);
                        return true;
                    }
                    Err(error) => Err(error),
                }
            }
            Reading::Scan(listing) | Reading::UniqueId(listing) if listing.lines >= listing.max => {
                let max = listing.max;
                return self.fail(ProtocolError::TooManyLines { max });
            }
            Reading::Scan(listing) => {
                let read = line.and_then(|line| scan_listing(id, line, None, listing.last));
                listing.count(&read);
                read
            }
            Reading::UniqueId(listing) => {
                let read = line.and_then(|line| unique_id_listing(id, line, None, listing.last));
                listing.count(&read);
                read
            }
            Reading::Message(_) => return false,
        };
        self.events
            .push_back(event.unwrap_or_else(|error| Event::Invalid { id, error }));
        true
    }
}

impl Listing {
    const fn count(&mut self, read: &Result<Event, ParseError>) {
        self.lines += 1;
        if let Ok(Event::ScanListing { message, .. } | Event::UniqueIdListing { message, .. }) =
            read
        {
            self.last = Some(*message);
        }
    }
}

enum Read {
    NeedInput,
    More([Option<Event>; 2]),
    End(Event),
}

fn read_message(
    id: CommandId,
    message: &mut Message,
    max: u64,
    input: &mut BytesMut,
) -> Result<Read, ProtocolError> {
    Ok(match message.decoder.decode(input) {
        Decoded::NeedInput => Read::NeedInput,
        Decoded::Text(octets) => {
            message.octets = message.octets.saturating_add(octets.len() as u64);
            if message.octets > max {
                return Err(ProtocolError::MessageTooLarge { max });
            }
            let notice = message.watch.finds(&octets);
            let notice = notice.then_some(Event::Notice {
                id,
                notice: Notice::BareLineBreak,
            });
            Read::More([notice, Some(Event::Body { id, octets })])
        }
        Decoded::End(Ok(())) => Read::End(Event::End { id }),
        Decoded::End(Err(fault)) => Read::End(Event::Spoilt { id, fault }),
    })
}
