//! One line into one command.

use mailwire_core::base64;

use crate::{
    command::{
        Command, Digest, InitialResponse, MAX_RESPONSE, Mechanism, MessageNumber, Password,
        UnknownCommand, UserName, number,
    },
    error::{Expected, ParseError},
    limits,
};

impl Command {
    /// Reads one line, given without its CRLF.
    ///
    /// # Errors
    ///
    /// [`ParseError`] with what was expected and where.
    pub fn parse(line: &[u8]) -> Result<Self, ParseError> {
        let end = line
            .iter()
            .position(|&octet| octet == b' ')
            .unwrap_or(line.len());
        let (keyword, rest) = line.split_at_checked(end).unwrap_or((line, &[]));
        let mut upper = [0; 4];
        let arguments = Arguments { rest, offset: end };
        let Some(known) = upper.get_mut(..keyword.len()) else {
            return Self::unknown(keyword, arguments);
        };
        known.copy_from_slice(keyword);
        known.make_ascii_uppercase();
        match &*known {
            b"USER" => arguments
                .whole(Expected::UserName, UserName::from_octets)
                .map(Self::User),
            b"PASS" => arguments
                .whole(Expected::Password, Password::from_octets)
                .map(Self::Pass),
            b"APOP" => arguments.apop(),
            b"STAT" => arguments.none(Self::Stat),
            b"LIST" => arguments.optional_number().map(Self::List),
            b"RETR" => arguments.only_number().map(Self::Retr),
            b"DELE" => arguments.only_number().map(Self::Dele),
            b"NOOP" => arguments.none(Self::Noop),
            b"RSET" => arguments.none(Self::Rset),
            b"QUIT" => arguments.none(Self::Quit),
            b"TOP" => arguments.top(),
            b"UIDL" => arguments.optional_number().map(Self::Uidl),
            b"CAPA" => arguments.none(Self::Capa),
            b"STLS" => arguments.none(Self::Stls),
            b"AUTH" => arguments.auth(),
            _ => Self::unknown(keyword, arguments),
        }
    }

    fn unknown(keyword: &[u8], arguments: Arguments<'_>) -> Result<Self, ParseError> {
        if let Some(bad) = keyword.iter().position(|octet| !octet.is_ascii_graphic()) {
            return Err(ParseError::new(Expected::Keyword, bad));
        }
        if keyword.is_empty() {
            return Err(ParseError::new(Expected::Keyword, 0));
        }
        if keyword.len() + arguments.rest.len() + 2 > limits::COMMAND_LINE {
            return Err(ParseError::new(
                Expected::ShorterLine,
                limits::COMMAND_LINE - 2,
            ));
        }
        if let Some(bad) = memchr::memchr3(b'\r', b'\n', 0, arguments.rest) {
            return Err(ParseError::new(Expected::CleanLine, arguments.offset + bad));
        }
        Ok(Self::Unknown(UnknownCommand {
            keyword: keyword.into(),
            arguments: arguments.rest.into(),
        }))
    }
}

/// What stands behind the keyword, with the space in front.
#[derive(Clone, Copy)]
struct Arguments<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Arguments<'a> {
    fn none(self, command: Command) -> Result<Command, ParseError> {
        if self.rest.is_empty() {
            Ok(command)
        } else {
            Err(ParseError::new(Expected::EndOfLine, self.offset))
        }
    }

    /// All of the line behind the space.
    fn whole<T>(
        self,
        expected: Expected,
        make: impl FnOnce(&[u8]) -> Result<T, usize>,
    ) -> Result<T, ParseError> {
        let text = self.rest.strip_prefix(b" ").unwrap_or_default();
        make(text).map_err(|at| ParseError::new(expected, self.offset + 1 + at))
    }

    /// The next argument, up to a space or the end.
    fn next(&mut self) -> Option<(&'a [u8], usize)> {
        let rest = self.rest.strip_prefix(b" ")?;
        let end = rest
            .iter()
            .position(|&octet| octet == b' ')
            .unwrap_or(rest.len());
        let (argument, rest) = rest.split_at_checked(end)?;
        let offset = self.offset + 1;
        *self = Self {
            rest,
            offset: offset + end,
        };
        Some((argument, offset))
    }

    fn number(&mut self) -> Result<MessageNumber, ParseError> {
        let behind = self.offset + 1;
        let (digits, offset) = self
            .next()
            .ok_or_else(|| ParseError::new(Expected::MessageNumber, behind))?;
        MessageNumber::parse(digits).ok_or_else(|| ParseError::new(Expected::MessageNumber, offset))
    }

    fn only_number(mut self) -> Result<MessageNumber, ParseError> {
        let message = self.number()?;
        self.end(message)
    }

    fn optional_number(self) -> Result<Option<MessageNumber>, ParseError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        self.only_number().map(Some)
    }

    fn end<T>(self, value: T) -> Result<T, ParseError> {
        if self.rest.is_empty() {
            return Ok(value);
        }
        Err(ParseError::new(Expected::EndOfLine, self.offset))
    }

    fn top(mut self) -> Result<Command, ParseError> {
        let message = self.number()?;
        let behind = self.offset + 1;
        let (digits, offset) = self
            .next()
            .ok_or_else(|| ParseError::new(Expected::LineCount, behind))?;
        let lines = number(digits)
            .and_then(|lines| u32::try_from(lines).ok())
            .ok_or_else(|| ParseError::new(Expected::LineCount, offset))?;
        self.end(Command::Top { message, lines })
    }

    /// The digest is the last word, and the name what stands before it.
    fn apop(self) -> Result<Command, ParseError> {
        let start = self.offset + 1;
        let rest = self.rest.strip_prefix(b" ").unwrap_or_default();
        let end = memchr::memrchr(b' ', rest).unwrap_or(rest.len());
        let (name, digest) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        let name = UserName::from_octets(name)
            .map_err(|at| ParseError::new(Expected::UserName, start + at))?;
        let digest = digest.strip_prefix(b" ").unwrap_or_default();
        let is_hex = |octet: &u8| matches!(octet, b'0'..=b'9' | b'a'..=b'f');
        let digest = core::str::from_utf8(digest)
            .ok()
            .filter(|digest| digest.len() == 32 && digest.as_bytes().iter().all(is_hex))
            .ok_or_else(|| ParseError::new(Expected::Digest, start + end + 1))?;
        Ok(Command::Apop {
            name,
            digest: Digest(digest.into()),
        })
    }

    fn auth(mut self) -> Result<Command, ParseError> {
        let behind = self.offset + 1;
        let (name, offset) = self
            .next()
            .ok_or_else(|| ParseError::new(Expected::Mechanism, behind))?;
        let mechanism =
            Mechanism::parse(name).ok_or_else(|| ParseError::new(Expected::Mechanism, offset))?;
        let initial = match self.next() {
            None => None,
            Some((text, offset)) => {
                let octets = base64::decode_initial(text, MAX_RESPONSE)
                    .map_err(|error| ParseError::new(Expected::Base64, offset + error.offset()))?;
                Some(InitialResponse(octets))
            }
        };
        self.end(Command::Auth { mechanism, initial })
    }
}
