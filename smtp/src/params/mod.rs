//! The parameters of MAIL and RCPT.
//!
//! Read first: RFC 5321 §4.1.1.11, RFC 1870 §5, RFC 6152 §2, RFC 3461 §4, RFC 4954 §5.

mod param;
mod parse;
mod value;
mod xtext;

use alloc::{boxed::Box, vec::Vec};
use core::fmt::{self, Write};

pub use param::Param;
pub(crate) use parse::{decimal, mail_params, rcpt_params};
pub use value::{BodyType, EnvId, Notify, OriginalRecipient, Ret};
use xtext::write_xtext;

use crate::{
    address::ReversePath,
    error::{Expected, InvalidValue, ParseError},
    limits::UNKNOWN_PARAMS,
};

/// The parameters of MAIL. Each stands there at most once.
///
/// ```
/// use mailwire_smtp::params::{BodyType, MailParams, Ret};
/// let params = MailParams::new().with_size(1000).with_body(BodyType::EightBitMime);
/// assert_eq!(params.to_string(), " SIZE=1000 BODY=8BITMIME");
/// assert_eq!(params.ret(), None::<Ret>);
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MailParams {
    size: Option<u64>,
    body: Option<BodyType>,
    smtputf8: bool,
    rare: Option<Box<MailRare>>,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct MailRare {
    ret: Option<Ret>,
    envid: Option<EnvId>,
    auth: Option<ReversePath>,
    unknown: Vec<Param>,
}

impl MailParams {
    /// No parameters.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With `SIZE`, RFC 1870 §5.
    #[must_use]
    pub fn with_size(mut self, octets: u64) -> Self {
        self.size = Some(octets);
        self
    }

    /// With `BODY`, RFC 6152 §2.
    #[must_use]
    pub fn with_body(mut self, body: BodyType) -> Self {
        self.body = Some(body);
        self
    }

    /// With `SMTPUTF8`, RFC 6531 §3.4.
    #[must_use]
    pub fn with_smtputf8(mut self) -> Self {
        self.smtputf8 = true;
        self
    }

    /// With `RET`, RFC 3461 §4.3.
    #[must_use]
    pub fn with_ret(mut self, ret: Ret) -> Self {
        self.rare.get_or_insert_default().ret = Some(ret);
        self
    }

    /// With `ENVID`, RFC 3461 §4.4.
    #[must_use]
    pub fn with_envid(mut self, envid: EnvId) -> Self {
        self.rare.get_or_insert_default().envid = Some(envid);
        self
    }

    /// With `AUTH`, RFC 4954 §5: who submitted the message, or null for "not known".
    #[must_use]
    pub fn with_auth(mut self, submitter: ReversePath) -> Self {
        self.rare.get_or_insert_default().auth = Some(submitter);
        self
    }

    /// With a parameter that has no type of its own.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] if the parameter has a type of its own, stands there already, or would be
    /// one too many.
    pub fn with_unknown(mut self, param: Param) -> Result<Self, InvalidValue> {
        if ["SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "AUTH"]
            .iter()
            .any(|typed| param.keyword().eq_ignore_ascii_case(typed))
        {
            return Err(InvalidValue::new(Expected::UniqueParam, 0));
        }
        push_unknown(&mut self.rare.get_or_insert_default().unknown, param)?;
        Ok(self)
    }

    /// `SIZE`: how large the client says the message is.
    #[must_use]
    pub const fn size(&self) -> Option<u64> {
        self.size
    }

    /// `BODY`.
    #[must_use]
    pub const fn body(&self) -> Option<BodyType> {
        self.body
    }

    /// Whether `SMTPUTF8` stands there.
    #[must_use]
    pub const fn is_smtputf8(&self) -> bool {
        self.smtputf8
    }

    /// `RET`.
    #[must_use]
    pub fn ret(&self) -> Option<Ret> {
        self.rare.as_ref()?.ret
    }

    /// `ENVID`.
    #[must_use]
    pub fn envid(&self) -> Option<&EnvId> {
        self.rare.as_ref()?.envid.as_ref()
    }

    /// `AUTH`.
    #[must_use]
    pub fn auth(&self) -> Option<&ReversePath> {
        self.rare.as_ref()?.auth.as_ref()
    }

    /// The parameters that have no type of their own. A server that does not know one answers 555
    /// (RFC 5321 §4.1.1.11): see [`refuse_unknown`](Self::refuse_unknown).
    #[must_use]
    pub fn unknown(&self) -> &[Param] {
        self.rare.as_ref().map_or(&[], |rare| &rare.unknown)
    }

    /// For a server that knows no other parameters.
    ///
    /// # Errors
    ///
    /// [`ParseError`] with 555 5.5.4 if there is an unknown parameter.
    pub fn refuse_unknown(&self) -> Result<(), ParseError> {
        refuse_unknown(self.unknown())
    }
}

impl MailParams {
    pub(crate) fn write(&self, out: &mut impl Write) -> fmt::Result {
        if let Some(size) = self.size {
            write!(out, " SIZE={size}")?;
        }
        if let Some(body) = self.body {
            out.write_str(" BODY=")?;
            out.write_str(body.as_str())?;
        }
        if self.smtputf8 {
            out.write_str(" SMTPUTF8")?;
        }
        let Some(rare) = &self.rare else {
            return Ok(());
        };
        if let Some(ret) = rare.ret {
            out.write_str(" RET=")?;
            out.write_str(ret.as_str())?;
        }
        if let Some(envid) = &rare.envid {
            out.write_str(" ENVID=")?;
            write_xtext(envid.as_str(), out)?;
        }
        if let Some(submitter) = &rare.auth {
            out.write_str(" AUTH=")?;
            match submitter {
                ReversePath::Null => out.write_str("<>")?,
                ReversePath::Mailbox(mailbox) => write_xtext(mailbox.as_str(), out)?,
            }
        }
        write_unknown(&rare.unknown, out)
    }
}

impl fmt::Display for MailParams {
    /// Writes them as they are sent, each with a space in front.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

/// The parameters of RCPT. Each stands there at most once.
///
/// ```
/// use mailwire_smtp::params::{Notify, RcptParams};
/// let params = RcptParams::new().with_notify(Notify::FAILURE.and(Notify::DELAY));
/// assert_eq!(params.to_string(), " NOTIFY=FAILURE,DELAY");
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RcptParams {
    notify: Option<Notify>,
    rare: Option<Box<RcptRare>>,
}

#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct RcptRare {
    orcpt: Option<OriginalRecipient>,
    unknown: Vec<Param>,
}

impl RcptParams {
    /// No parameters.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With `NOTIFY`, RFC 3461 §4.1.
    #[must_use]
    pub fn with_notify(mut self, notify: Notify) -> Self {
        self.notify = Some(notify);
        self
    }

    /// With `ORCPT`, RFC 3461 §4.2.
    #[must_use]
    pub fn with_orcpt(mut self, orcpt: OriginalRecipient) -> Self {
        self.rare.get_or_insert_default().orcpt = Some(orcpt);
        self
    }

    /// With a parameter that has no type of its own.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] if the parameter has a type of its own, stands there already, or would be
    /// one too many.
    pub fn with_unknown(mut self, param: Param) -> Result<Self, InvalidValue> {
        if ["NOTIFY", "ORCPT"]
            .iter()
            .any(|typed| param.keyword().eq_ignore_ascii_case(typed))
        {
            return Err(InvalidValue::new(Expected::UniqueParam, 0));
        }
        push_unknown(&mut self.rare.get_or_insert_default().unknown, param)?;
        Ok(self)
    }

    /// `NOTIFY`.
    #[must_use]
    pub const fn notify(&self) -> Option<Notify> {
        self.notify
    }

    /// `ORCPT`.
    #[must_use]
    pub fn orcpt(&self) -> Option<&OriginalRecipient> {
        self.rare.as_ref()?.orcpt.as_ref()
    }

    /// The parameters that have no type of their own.
    #[must_use]
    pub fn unknown(&self) -> &[Param] {
        self.rare.as_ref().map_or(&[], |rare| &rare.unknown)
    }

    /// For a server that knows no other parameters.
    ///
    /// # Errors
    ///
    /// [`ParseError`] with 555 5.5.4 if there is an unknown parameter.
    pub fn refuse_unknown(&self) -> Result<(), ParseError> {
        refuse_unknown(self.unknown())
    }
}

impl RcptParams {
    pub(crate) fn write(&self, out: &mut impl Write) -> fmt::Result {
        if let Some(notify) = self.notify {
            out.write_str(" NOTIFY=")?;
            notify.write(out)?;
        }
        let Some(rare) = &self.rare else {
            return Ok(());
        };
        if let Some(orcpt) = &rare.orcpt {
            out.write_str(" ORCPT=")?;
            orcpt.write(out)?;
        }
        write_unknown(&rare.unknown, out)
    }
}

impl fmt::Display for RcptParams {
    /// Writes them as they are sent, each with a space in front.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

/// Adds a parameter, if it is not there and there is room.
fn push_unknown(unknown: &mut Vec<Param>, param: Param) -> Result<(), InvalidValue> {
    let same = |other: &Param| other.keyword().eq_ignore_ascii_case(param.keyword());
    if unknown.iter().any(same) {
        return Err(InvalidValue::new(Expected::UniqueParam, 0));
    }
    if unknown.len() >= UNKNOWN_PARAMS {
        return Err(InvalidValue::new(Expected::FewerParams, 0));
    }
    unknown.push(param);
    Ok(())
}

const fn refuse_unknown(unknown: &[Param]) -> Result<(), ParseError> {
    match unknown.first() {
        None => Ok(()),
        Some(param) => Err(ParseError::unknown_param(param.offset())),
    }
}

fn write_unknown(unknown: &[Param], out: &mut impl Write) -> fmt::Result {
    for param in unknown {
        out.write_char(' ')?;
        out.write_str(param.as_str())?;
    }
    Ok(())
}
