//! Commands whose responses have not come yet, and what each response looks like.

use bytes::BytesMut;
use mailwire_core::{
    dot::{BareLineBreaks, Decoder, NulOctets},
    secret::SecretBytes,
    text::{ByteStr, Octets},
};

use crate::{
    capability::Capabilities,
    client::{CommandId, Config, Event},
    command::{Command, MessageNumber, number},
    error::{Expected, ParseError},
    limits,
    maildrop::is_unique_id,
};

/// A command that was handed over.
#[derive(Debug)]
pub(crate) struct Outstanding {
    pub(crate) id: CommandId,
    pub(crate) kind: Kind,
}

/// What kind of response is due.
#[derive(Debug)]
pub(crate) enum Kind {
    /// One line that says it all.
    Single,
    /// One line that holds a result.
    Result(Wanted),
    /// Several lines, if it is positive.
    Lines(Multi),
    /// They are coming.
    Reading(Reading),
    /// PASS.
    Login,
    Auth {
        /// An initial response that did not fit into the command line.
        deferred: Option<SecretBytes>,
        challenges: u8,
    },
    Stls,
    Quit,
}

impl Kind {
    /// Writes the command and says what to expect.
    pub(crate) fn put(command: Command, out: &mut BytesMut) -> Self {
        let long = !command.fits();
        match command {
            Command::Auth {
                mechanism,
                initial: Some(initial),
            } if long => {
                Command::Auth {
                    mechanism,
                    initial: None,
                }
                .encode(out);
                let deferred = Some(initial.into_secret());
                return Self::Auth {
                    deferred,
                    challenges: 0,
                };
            }
            _ => command.encode(out),
        }
        match command {
            Command::Stat => Self::Result(Wanted::Drop),
            Command::List(Some(message)) => Self::Result(Wanted::Scan(message)),
            Command::Uidl(Some(message)) => Self::Result(Wanted::UniqueId(message)),
            Command::List(None) => Self::Lines(Multi::Scan),
            Command::Uidl(None) => Self::Lines(Multi::UniqueId),
            Command::Retr(_) | Command::Top { .. } => Self::Lines(Multi::Message),
            Command::Capa => Self::Lines(Multi::Capabilities),
            Command::Pass(_) => Self::Login,
            Command::Auth { .. } => Self::Auth {
                deferred: None,
                challenges: 0,
            },
            Command::Stls => Self::Stls,
            Command::Quit => Self::Quit,
            _ => Self::Single,
        }
    }

    /// Whether nothing may be sent before the response.
    pub(crate) const fn is_exclusive(&self) -> bool {
        matches!(self, Self::Auth { .. } | Self::Stls | Self::Quit)
    }
}

/// The result that stands in the first line.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    Drop,
    Scan(MessageNumber),
    UniqueId(MessageNumber),
}

impl Wanted {
    pub(crate) fn parse(self, id: CommandId, text: &[u8]) -> Event {
        let event = match self {
            Self::Drop => drop_listing(id, text),
            // RFC 1939 §5 and §7: the number is repeated, and it is the one that was asked for.
            Self::Scan(message) => scan_listing(id, text, Some(message), None),
            Self::UniqueId(message) => unique_id_listing(id, text, Some(message), None),
        };
        event.unwrap_or_else(|error| Event::Invalid { id, error })
    }
}

/// What stands in the lines behind the first.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Multi {
    Scan,
    UniqueId,
    Message,
    Capabilities,
}

impl Multi {
    pub(crate) fn begin(self, config: &Config, count: Option<u32>) -> Reading {
        let max = count.map_or(config.max_lines, |count| {
            count.saturating_add(limits::LISTING_SLACK)
        });
        let listing = Listing {
            last: None,
            lines: 0,
            max,
        };
        match self {
            Self::Scan => Reading::Scan(listing),
            Self::UniqueId => Reading::UniqueId(listing),
            Self::Message => Reading::Message(Message {
                // NUL ends no line, and a client wants its mail as it is stored.
                decoder: Decoder::new(config.bare_line_breaks).with_nul(NulOctets::Keep),
                octets: 0,
                watch: match config.bare_line_breaks {
                    BareLineBreaks::Keep => Watch::Looking { after_cr: false },
                    _ => Watch::Done,
                },
            }),
            Self::Capabilities => Reading::Capabilities(Capabilities::default()),
        }
    }
}

/// A multi-line response that is being read.
#[derive(Debug)]
pub(crate) enum Reading {
    Scan(Listing),
    UniqueId(Listing),
    Message(Message),
    Capabilities(Capabilities),
}

/// A listing as far as it has come: nothing that grows.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) last: Option<MessageNumber>,
    pub(crate) lines: u32,
    pub(crate) max: u32,
}

#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) decoder: Decoder,
    pub(crate) octets: u64,
    pub(crate) watch: Watch,
}

/// Looks for the first bare line break that is tolerated.
#[derive(Debug)]
pub(crate) enum Watch {
    Looking { after_cr: bool },
    Done,
}

impl Watch {
    /// Whether the first one is among these octets.
    pub(crate) fn finds(&mut self, octets: &[u8]) -> bool {
        let Self::Looking { after_cr } = self else {
            return false;
        };
        let mut before = *after_cr;
        for at in memchr::memchr2_iter(b'\r', b'\n', octets) {
            let follows = at == 0 || octets.get(at - 1) == Some(&b'\r');
            let is_lf = octets.get(at) == Some(&b'\n');
            // Each CR must be followed by LF, each LF must follow a CR.
            if is_lf != before || (is_lf && !follows) {
                *self = Self::Done;
                return true;
            }
            before = !is_lf;
        }
        if before && octets.last() != Some(&b'\r') && !octets.is_empty() {
            *self = Self::Done;
            return true;
        }
        *after_cr = before;
        false
    }
}

/// The numbers of a line, parted by single spaces.
struct Fields<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Fields<'a> {
    const fn new(rest: &'a [u8]) -> Self {
        Self { rest, offset: 0 }
    }

    fn next(&mut self) -> &'a [u8] {
        let end = memchr::memchr(b' ', self.rest).unwrap_or(self.rest.len());
        let (field, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, &[]));
        self.offset += end + usize::from(!rest.is_empty());
        self.rest = rest.get(1..).unwrap_or_default();
        field
    }

    fn number(&mut self, expected: Expected) -> Result<u64, ParseError> {
        let offset = self.offset;
        number(self.next()).ok_or_else(|| ParseError::new(expected, offset))
    }

    fn message(
        &mut self,
        wanted: Option<MessageNumber>,
        above: Option<MessageNumber>,
    ) -> Result<MessageNumber, ParseError> {
        let number = MessageNumber::parse(self.next())
            .ok_or_else(|| ParseError::new(Expected::MessageNumber, 0))?;
        if wanted.is_some_and(|wanted| wanted != number) || above.is_some_and(|last| number <= last)
        {
            return Err(ParseError::new(Expected::NextMessageNumber, 0));
        }
        Ok(number)
    }
}

fn drop_listing(id: CommandId, text: &[u8]) -> Result<Event, ParseError> {
    let mut fields = Fields::new(text);
    let count = fields.number(Expected::Count)?;
    let count = u32::try_from(count).map_err(|_| ParseError::new(Expected::Count, 0))?;
    let octets = fields.number(Expected::Size)?;
    Ok(Event::DropListing { id, count, octets })
}

pub(crate) fn scan_listing(
    id: CommandId,
    text: &[u8],
    wanted: Option<MessageNumber>,
    above: Option<MessageNumber>,
) -> Result<Event, ParseError> {
    let mut fields = Fields::new(text);
    let message = fields.message(wanted, above)?;
    // RFC 1939 §5 lets anything follow the size.
    let octets = fields.number(Expected::Size)?;
    Ok(Event::ScanListing {
        id,
        message,
        octets,
    })
}

pub(crate) fn unique_id_listing(
    id: CommandId,
    text: &[u8],
    wanted: Option<MessageNumber>,
    above: Option<MessageNumber>,
) -> Result<Event, ParseError> {
    let mut fields = Fields::new(text);
    let message = fields.message(wanted, above)?;
    // RFC 1939 §7: nothing follows the unique-id.
    let bad = ParseError::new(Expected::UniqueId, fields.offset);
    if !is_unique_id(fields.rest) {
        return Err(bad);
    }
    let unique_id = ByteStr::new(Octets::from(fields.rest)).map_err(|_| bad)?;
    Ok(Event::UniqueIdListing {
        id,
        message,
        unique_id,
    })
}
