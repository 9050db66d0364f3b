//! Values from octets, for fuzzing. Each goes through the constructors, so that nothing comes out
//! that a program could not build.

use alloc::string::String;

use arbitrary::{Arbitrary, Error, Result, Unstructured};
use mailwire_core::secret::SecretBytes;

use crate::{
    address::{
        AddressLiteral, ClientName, Domain, ForwardPath, GeneralLiteral, Host, LocalPart, Mailbox,
        ReversePath,
    },
    command::{Argument, Command, Mechanism, Verb},
    error::InvalidValue,
    extension::{Capabilities, Extension},
    params::{BodyType, EnvId, MailParams, Notify, OriginalRecipient, Param, RcptParams, Ret},
    reply::{Code, EnhancedCode, Reply},
};

/// The longest beginning of some text, cut down octet by octet, that the constructor takes.
fn text<T>(
    u: &mut Unstructured<'_>,
    keep: fn(char) -> bool,
    max: usize,
    make: impl Fn(&str) -> core::result::Result<T, InvalidValue>,
) -> Result<T> {
    let mut text: String = <&str>::arbitrary(u)?.chars().filter(|c| keep(*c)).collect();
    while text.len() > max {
        text.pop();
    }
    loop {
        match make(&text) {
            Ok(value) => return Ok(value),
            Err(_) if text.pop().is_some() => {}
            Err(_) => return Err(Error::IncorrectFormat),
        }
    }
}

const fn word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-'
}

const fn graphic(c: char) -> bool {
    c.is_ascii_graphic()
}

fn printable(c: char) -> bool {
    !c.is_control()
}

fn name(c: char) -> bool {
    word(c) || c == '.' || !c.is_ascii()
}

impl<'a> Arbitrary<'a> for Domain {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        text(u, name, 255, str::parse)
    }
}

impl<'a> Arbitrary<'a> for GeneralLiteral {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let tag = text(u, word, 20, |tag| Self::new(tag, "x"))?;
        text(u, graphic, 100, |content| Self::new(tag.tag(), content))
    }
}

impl<'a> Arbitrary<'a> for AddressLiteral {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0..=2)? {
            0 => Self::V4(u.arbitrary()?),
            1 => Self::V6(u.arbitrary()?),
            _ => Self::General(u.arbitrary()?),
        })
    }
}

impl<'a> Arbitrary<'a> for Host {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(if u.arbitrary()? {
            Self::Domain(u.arbitrary()?)
        } else {
            Self::Literal(u.arbitrary()?)
        })
    }
}

impl<'a> Arbitrary<'a> for ClientName {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        if u.arbitrary()? {
            return u.arbitrary().map(Self::Host);
        }
        text(u, |c| printable(c) && c != ' ', 255, str::parse)
    }
}

impl<'a> Arbitrary<'a> for LocalPart {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        text(u, printable, 64, Self::new)
    }
}

impl<'a> Arbitrary<'a> for Mailbox {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Self::new(&u.arbitrary()?, &u.arbitrary()?).map_err(|_| Error::IncorrectFormat)
    }
}

impl<'a> Arbitrary<'a> for ReversePath {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mailbox = Option::<Mailbox>::arbitrary(u)?;
        Ok(mailbox.map_or(Self::Null, Self::Mailbox))
    }
}

impl<'a> Arbitrary<'a> for ForwardPath {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mailbox = Option::<Mailbox>::arbitrary(u)?;
        Ok(mailbox.map_or(Self::Postmaster, Self::Mailbox))
    }
}

impl<'a> Arbitrary<'a> for BodyType {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(&[Self::SevenBit, Self::EightBitMime, Self::BinaryMime])
            .copied()
    }
}

impl<'a> Arbitrary<'a> for Ret {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(&[Self::Full, Self::Hdrs]).copied()
    }
}

impl<'a> Arbitrary<'a> for Notify {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut notify = Self::NEVER;
        for event in [Self::SUCCESS, Self::FAILURE, Self::DELAY] {
            if u.arbitrary()? {
                notify = notify.and(event);
            }
        }
        Ok(notify)
    }
}

impl<'a> Arbitrary<'a> for EnvId {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        text(u, |c| graphic(c) || c == ' ', 100, Self::new)
    }
}

impl<'a> Arbitrary<'a> for OriginalRecipient {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let kind = *u.choose(&["rfc822", "utf-8", "x400"])?;
        let keep = if kind == "utf-8" {
            printable
        } else {
            |c: char| graphic(c) || c == ' '
        };
        text(u, keep, 493, |address| Self::new(kind, address))
    }
}

impl<'a> Arbitrary<'a> for Param {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let keyword = text(u, word, 40, |keyword| Self::new(keyword, None))?;
        if u.arbitrary()? {
            return Ok(keyword);
        }
        let keep = |c| printable(c) && !matches!(c, ' ' | '=');
        text(u, keep, 200, |value| Self::new(keyword.keyword(), value))
    }
}

impl<'a> Arbitrary<'a> for MailParams {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut params = Self::new();
        if let Some(size) = u.arbitrary()? {
            params = params.with_size(size);
        }
        if let Some(body) = u.arbitrary()? {
            params = params.with_body(body);
        }
        if u.arbitrary()? {
            params = params.with_smtputf8();
        }
        if let Some(ret) = u.arbitrary()? {
            params = params.with_ret(ret);
        }
        if let Some(envid) = u.arbitrary()? {
            params = params.with_envid(envid);
        }
        if let Some(submitter) = u.arbitrary()? {
            params = params.with_auth(submitter);
        }
        while u.arbitrary()? {
            let with = params.clone().with_unknown(u.arbitrary()?);
            params = with.unwrap_or(params);
        }
        Ok(params)
    }
}

impl<'a> Arbitrary<'a> for RcptParams {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut params = Self::new();
        if let Some(notify) = u.arbitrary()? {
            params = params.with_notify(notify);
        }
        if let Some(orcpt) = u.arbitrary()? {
            params = params.with_orcpt(orcpt);
        }
        while u.arbitrary()? {
            let with = params.clone().with_unknown(u.arbitrary()?);
            params = with.unwrap_or(params);
        }
        Ok(params)
    }
}

impl<'a> Arbitrary<'a> for Argument {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        text(u, printable, 512, str::parse)
    }
}

impl<'a> Arbitrary<'a> for Verb {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        text(u, word, 20, str::parse)
    }
}

impl<'a> Arbitrary<'a> for Mechanism {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        text(u, |c| word(c) || c == '_', 20, str::parse)
    }
}

impl<'a> Arbitrary<'a> for Command {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0..=15)? {
            0 => Self::Ehlo {
                client: u.arbitrary()?,
            },
            1 => Self::Helo {
                client: u.arbitrary()?,
            },
            2 => Self::Lhlo {
                client: u.arbitrary()?,
            },
            3 => Self::Mail {
                from: u.arbitrary()?,
                params: u.arbitrary()?,
            },
            4 => Self::Rcpt {
                to: u.arbitrary()?,
                params: u.arbitrary()?,
            },
            5 => Self::Data,
            6 => Self::Bdat {
                size: u.arbitrary()?,
                last: u.arbitrary()?,
            },
            7 => Self::Rset,
            8 => Self::Vrfy {
                text: u.arbitrary()?,
            },
            9 => Self::Expn {
                text: u.arbitrary()?,
            },
            10 => Self::Help {
                text: u.arbitrary()?,
            },
            11 => Self::Noop {
                text: u.arbitrary()?,
            },
            12 => Self::Quit,
            13 => Self::StartTls,
            14 => Self::Auth {
                mechanism: u.arbitrary()?,
                initial: Option::<&[u8]>::arbitrary(u)?.map(SecretBytes::from),
            },
            _ => Self::Unknown {
                verb: u.arbitrary()?,
            },
        })
    }
}

impl<'a> Arbitrary<'a> for Code {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let (class, rest) = (u.int_in_range(2..=5)?, u.int_in_range(0..=59)?);
        Self::new(class * 100 + rest).ok_or(Error::IncorrectFormat)
    }
}

impl<'a> Arbitrary<'a> for EnhancedCode {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let class = *u.choose(&[2, 4, 5])?;
        let (subject, detail) = (u.int_in_range(0..=999)?, u.int_in_range(0..=999)?);
        Self::new(class, subject, detail).ok_or(Error::IncorrectFormat)
    }
}

impl<'a> Arbitrary<'a> for Reply {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let (code, enhanced) = (u.arbitrary()?, Option::<EnhancedCode>::arbitrary(u)?);
        Ok(Self::new(code, enhanced, u.arbitrary()?))
    }
}

impl<'a> Arbitrary<'a> for Extension {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(&Self::ALL).copied()
    }
}

impl<'a> Arbitrary<'a> for Capabilities {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut capabilities = Self::new();
        while u.arbitrary()? {
            capabilities = match u.int_in_range(0..=3)? {
                0 => capabilities.with(u.arbitrary()?),
                1 => capabilities.with_size(u.arbitrary()?),
                2 => capabilities.with_auth(Option::<Mechanism>::arbitrary(u)?),
                _ => {
                    let other = capabilities
                        .clone()
                        .with_other(u.arbitrary()?, u.arbitrary()?);
                    other.unwrap_or(capabilities)
                }
            };
        }
        Ok(capabilities)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use bytes::BytesMut;

    use super::*;
    use crate::reply::ReplyParser;

    /// Enough noise that each kind of value comes out many times.
    fn noise(seed: u32) -> Vec<u8> {
        let mut state = seed.wrapping_mul(0x9e37_79b9) | 1;
        (0..600)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                // Mostly ASCII, or little of it would be text.
                state.to_le_bytes()[1] & if state & 0x700 == 0 { 0xff } else { 0x7f }
            })
            .collect()
    }

    #[test]
    fn values_from_noise_are_written_and_read_back_the_same() {
        let mut verbs = Vec::new();
        for seed in 0..4_000 {
            let noise = noise(seed);
            let mut u = Unstructured::new(&noise);
            if let Ok(command) = Command::arbitrary(&mut u) {
                let mut out = BytesMut::new();
                command.encode(&mut out);
                out.truncate(out.len() - 2);
                assert_eq!(Command::parse(out).as_ref(), Ok(&command));
                verbs.push(String::from(command.verb()));
            }
            if let Ok(reply) = Reply::arbitrary(&mut u) {
                let mut input = BytesMut::from(reply.wire());
                assert_eq!(ReplyParser::new().parse(&mut input), Ok(Some(reply)));
            }
            if let Ok(capabilities) = Capabilities::arbitrary(&mut u) {
                let mut input = BytesMut::from(capabilities.to_reply("mx").wire());
                let read = ReplyParser::new().parse_ehlo(&mut input).unwrap().unwrap();
                assert_eq!(read.1, capabilities);
            }
        }
        verbs.sort();
        verbs.dedup();
        assert!(verbs.len() > 15, "{verbs:?}");
    }
}
