//! The grammar of commands.
//!
//! The verb is compared as one number, and each command's arguments are parsed once, in their
//! place, over the frame that long values then share.

use bytes::{Bytes, BytesMut};
use mailwire_core::base64;
use zeroize::Zeroize;

use super::{Argument, Command, Mechanism, Verb, word::is_mechanism};
use crate::{
    address::{ClientName, parse::Source, parse::forward_path, parse::reverse_path},
    error::{Expected, Framing, InvalidValue, ParseError},
    limits::AUTH_OCTETS,
    params::{decimal, mail_params, rcpt_params},
};

pub(super) fn command(mut line: BytesMut) -> Result<Command, ParseError> {
    // Trailing white space is tolerated (RFC 5321 §4.1.1).
    let len = line
        .iter()
        .rposition(|octet| !matches!(octet, b' ' | b'\t'));
    line.truncate(len.map_or(0, |last| last + 1));
    if line
        .first_chunk()
        .is_some_and(|verb: &[u8; 4]| verb.eq_ignore_ascii_case(b"AUTH"))
    {
        let parsed = match verb(&line) {
            Some(_) => auth(&line),
            None => rare(Source::copied(&line)),
        };
        line.as_mut().zeroize();
        return parsed;
    }
    framed(&line.freeze())
}

/// The first four octets in capitals, if the word ends behind them.
fn verb(line: &[u8]) -> Option<[u8; 4]> {
    let (verb, rest) = line.split_first_chunk::<4>()?;
    if !matches!(rest.first(), None | Some(b' ')) {
        return None;
    }
    // Nothing but letters comes out as a capital letter.
    Some((u32::from_ne_bytes(*verb) & 0xdfdf_dfdf).to_ne_bytes())
}

fn framed(frame: &Bytes) -> Result<Command, ParseError> {
    let source = Source::frame(frame);
    match verb(frame) {
        Some([b'M', b'A', b'I', b'L']) => mail(source),
        Some([b'R', b'C', b'P', b'T']) => rcpt(source),
        Some([b'D', b'A', b'T', b'A']) => bare(source, 4, Command::Data),
        Some([b'B', b'D', b'A', b'T']) => bdat(source),
        Some([b'R', b'S', b'E', b'T']) => bare(source, 4, Command::Rset),
        Some([b'N', b'O', b'O', b'P']) => optional(source).map(|text| Command::Noop { text }),
        Some([b'Q', b'U', b'I', b'T']) => bare(source, 4, Command::Quit),
        Some([b'E', b'H', b'L', b'O']) => client(source).map(|client| Command::Ehlo { client }),
        Some([b'H', b'E', b'L', b'O']) => client(source).map(|client| Command::Helo { client }),
        Some([b'L', b'H', b'L', b'O']) => client(source).map(|client| Command::Lhlo { client }),
        Some([b'V', b'R', b'F', b'Y']) => argument(source).map(|text| Command::Vrfy { text }),
        Some([b'E', b'X', b'P', b'N']) => argument(source).map(|text| Command::Expn { text }),
        Some([b'H', b'E', b'L', b'P']) => optional(source).map(|text| Command::Help { text }),
        _ => rare(source),
    }
}

fn mail(source: Source<'_>) -> Result<Command, ParseError> {
    let at = keyword(source, b" FROM:", Expected::From)?;
    let (from, end) = reverse_path(source, at).map_err(ParseError::sender)?;
    let params = mail_params(source, end)?;
    Ok(Command::Mail { from, params })
}

fn rcpt(source: Source<'_>) -> Result<Command, ParseError> {
    let at = keyword(source, b" TO:", Expected::To)?;
    let (to, end) = forward_path(source, at).map_err(ParseError::recipient)?;
    let params = rcpt_params(source, end)?;
    Ok(Command::Rcpt { to, params })
}

/// Where the path begins behind the verb and `keyword`, which follows it.
fn keyword(source: Source<'_>, keyword: &[u8], expected: Expected) -> Result<usize, ParseError> {
    let end = 4 + keyword.len();
    if source.slice(4..end).eq_ignore_ascii_case(keyword) {
        return Ok(end);
    }
    Err(ParseError::argument(InvalidValue::new(expected, 4)))
}

/// RFC 3030 §4.2. Once a size is known, its octets follow whatever else is wrong.
fn bdat(source: Source<'_>) -> Result<Command, ParseError> {
    let rest = source.from(5);
    let digits = rest
        .iter()
        .position(|octet| !octet.is_ascii_digit())
        .unwrap_or(rest.len());
    let (number, marker) = rest.split_at_checked(digits).unwrap_or_default();
    let lost = |at| {
        let invalid = InvalidValue::new(Expected::ChunkSize, at);
        Err(ParseError::argument(invalid).with_framing(Framing::Lost))
    };
    let Some(size) = decimal(number) else {
        return lost(5);
    };
    if marker.is_empty() {
        return Ok(Command::Bdat { size, last: false });
    }
    if marker.eq_ignore_ascii_case(b" LAST") {
        return Ok(Command::Bdat { size, last: true });
    }
    if !marker.starts_with(b" ") {
        return lost(5 + digits);
    }
    let invalid = InvalidValue::new(Expected::EndMarker, 6 + digits);
    Err(ParseError::argument(invalid).with_framing(Framing::Chunk(size)))
}

fn client(source: Source<'_>) -> Result<ClientName, ParseError> {
    ClientName::parse(source, 5).map_err(ParseError::argument)
}

fn argument(source: Source<'_>) -> Result<Argument, ParseError> {
    let spaces = source.from(4).iter().take_while(|octet| **octet == b' ');
    Argument::parse(source, 4 + spaces.count()).map_err(ParseError::argument)
}

fn optional(source: Source<'_>) -> Result<Option<Argument>, ParseError> {
    if source.octets().len() == 4 {
        return Ok(None);
    }
    argument(source).map(Some)
}

/// A command that takes no argument, whose verb has `len` letters.
fn bare(source: Source<'_>, len: usize, command: Command) -> Result<Command, ParseError> {
    if source.octets().len() > len {
        return Err(ParseError::argument(InvalidValue::new(
            Expected::NoArgument,
            len,
        )));
    }
    Ok(command)
}

fn rare(source: Source<'_>) -> Result<Command, ParseError> {
    const STARTTLS: &[u8] = b"STARTTLS";
    let octets = source.octets();
    let len = octets
        .iter()
        .position(|octet| matches!(octet, b' ' | b'\t'))
        .unwrap_or(octets.len());
    let word = source.slice(0..len);
    if word.eq_ignore_ascii_case(STARTTLS) {
        return bare(source, STARTTLS.len(), Command::StartTls);
    }
    let text = core::str::from_utf8(word)
        .map_err(|error| ParseError::not_a_command(error.valid_up_to()))?;
    let verb = text
        .parse::<Verb>()
        .map_err(|error| ParseError::not_a_command(error.offset()))?;
    Ok(Command::Unknown { verb })
}

/// `AUTH SP mechanism [SP initial-response]`, RFC 4954 §4.
fn auth(line: &[u8]) -> Result<Command, ParseError> {
    let rest = line.get(5..).unwrap_or_default();
    let name = rest
        .iter()
        .position(|&octet| !is_mechanism(octet))
        .unwrap_or(rest.len());
    let (name, response) = rest.split_at_checked(name).unwrap_or_default();
    let end = 5 + name.len();
    let mechanism = Mechanism::from_octets(name)
        .filter(|_| matches!(response.first(), None | Some(b' ')))
        .ok_or_else(|| ParseError::argument(InvalidValue::new(Expected::Mechanism, end)))?;
    let initial = match response.split_first() {
        None => None,
        Some((_, response)) => {
            let secret = base64::decode_initial(response, AUTH_OCTETS).map_err(|error| {
                let at = end + 1 + error.offset();
                if error.is_too_long() {
                    ParseError::base64_too_long(at)
                } else {
                    ParseError::base64(at)
                }
            })?;
            Some(secret)
        }
    };
    Ok(Command::Auth { mechanism, initial })
}
