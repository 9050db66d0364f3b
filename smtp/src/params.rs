//! The parameters of MAIL and RCPT.
//!
//! Read first: RFC 5321 §4.1.1.11, RFC 1870 §5, RFC 6152 §2, RFC 3461 §4, RFC 4954 §5.

use alloc::{boxed::Box, vec::Vec};

use mailwire_core::text::ByteStr;

use crate::{
    address::{Mailbox, ReversePath},
    error::{InvalidValue, ParseError},
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
    pub fn with_unknown(self, param: Param) -> Result<Self, InvalidValue> {
        let _ = param;
        unimplemented!()
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
        unimplemented!()
    }
}

impl core::fmt::Display for MailParams {
    /// Writes them as they are sent, each with a space in front.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let _ = f;
        unimplemented!()
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
    pub fn with_unknown(self, param: Param) -> Result<Self, InvalidValue> {
        let _ = param;
        unimplemented!()
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
        unimplemented!()
    }
}

impl core::fmt::Display for RcptParams {
    /// Writes them as they are sent, each with a space in front.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let _ = f;
        unimplemented!()
    }
}

/// The value of `BODY`.
///
/// ```
/// use mailwire_smtp::params::BodyType;
/// assert_eq!(BodyType::BinaryMime.as_str(), "BINARYMIME");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum BodyType {
    /// `7BIT`, RFC 6152 §2.
    SevenBit,
    /// `8BITMIME`, RFC 6152 §2.
    EightBitMime,
    /// `BINARYMIME`, RFC 3030 §3.
    BinaryMime,
}

impl BodyType {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SevenBit => "7BIT",
            Self::EightBitMime => "8BITMIME",
            Self::BinaryMime => "BINARYMIME",
        }
    }
}

/// The value of `RET`: what of the message a failure report returns.
///
/// ```
/// use mailwire_smtp::params::Ret;
/// assert_eq!(Ret::Hdrs.as_str(), "HDRS");
/// ```
#[expect(clippy::exhaustive_enums, reason = "RFC 3461 §4.3 has these two")]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Ret {
    /// All of it.
    Full,
    /// Its headers.
    Hdrs,
}

impl Ret {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Hdrs => "HDRS",
        }
    }
}

/// The value of `NOTIFY`: which events are reported, or that none is.
///
/// ```
/// use mailwire_smtp::params::Notify;
/// let notify = Notify::SUCCESS.and(Notify::DELAY);
/// assert!(notify.contains(Notify::DELAY) && !notify.contains(Notify::FAILURE));
/// assert_eq!(notify.to_string(), "SUCCESS,DELAY");
/// assert_eq!(Notify::NEVER.to_string(), "NEVER");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Notify(u8);

impl Notify {
    /// Never report anything.
    pub const NEVER: Self = Self(0);
    /// Report delivery.
    pub const SUCCESS: Self = Self(1);
    /// Report failure.
    pub const FAILURE: Self = Self(2);
    /// Report delay.
    pub const DELAY: Self = Self(4);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are reported.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl core::fmt::Display for Notify {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let _ = f;
        unimplemented!()
    }
}

/// The value of `ENVID`, decoded: printable ASCII, at most 100 octets in xtext.
///
/// ```
/// use mailwire_smtp::params::EnvId;
/// assert_eq!(EnvId::new("QQ314159")?.as_str(), "QQ314159");
/// assert!(EnvId::new("a\0b").is_err());
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct EnvId(ByteStr);

impl EnvId {
    /// The envelope id of that text.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] for what is not printable ASCII, and for what is too long.
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        let _ = text;
        unimplemented!()
    }

    /// The text, without xtext.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The value of `ORCPT`: an address type and an address, decoded. At most 500 octets as sent.
///
/// Text that is not ASCII is allowed in an address of type `utf-8` only (RFC 6533 §3).
///
/// ```
/// use mailwire_smtp::params::OriginalRecipient;
/// let orcpt = OriginalRecipient::new("rfc822", "a+b@example.org")?;
/// assert_eq!(orcpt.address(), "a+b@example.org");
/// assert_eq!(orcpt.to_string(), "rfc822;a+2Bb@example.org");
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct OriginalRecipient {
    kind: ByteStr,
    address: ByteStr,
}

impl OriginalRecipient {
    /// The original recipient of that type and address.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] for a type that is no atom, for controls, and for what is too long.
    pub fn new(kind: &str, address: &str) -> Result<Self, InvalidValue> {
        let _ = (kind, address);
        unimplemented!()
    }

    /// This mailbox, of type `rfc822`, or `utf-8` if it is not ASCII.
    #[must_use]
    pub fn of(mailbox: &Mailbox) -> Self {
        let _ = mailbox;
        unimplemented!()
    }

    /// The address type.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The address, without xtext.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

impl core::fmt::Display for OriginalRecipient {
    /// Writes it as it is sent.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let _ = f;
        unimplemented!()
    }
}

/// `esmtp-param`, RFC 5321 §4.1.2: a parameter that has no type of its own, as it stands there.
///
/// ```
/// use mailwire_smtp::params::Param;
/// let param = Param::new("FOO", "1")?;
/// assert_eq!((param.keyword(), param.value()), ("FOO", Some("1")));
/// assert!(Param::new("FOO", "a b").is_err());
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Param {
    text: ByteStr,
    equals: Option<u16>,
}

impl Param {
    /// A parameter with or without a value.
    ///
    /// # Errors
    ///
    /// [`InvalidValue`] where a character is not allowed, or the value is empty.
    pub fn new<'a>(keyword: &str, value: impl Into<Option<&'a str>>) -> Result<Self, InvalidValue> {
        let _ = (keyword, value.into());
        unimplemented!()
    }

    /// The keyword as it was written.
    #[must_use]
    pub fn keyword(&self) -> &str {
        let _ = self.equals;
        unimplemented!()
    }

    /// The value.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        unimplemented!()
    }

    /// Keyword, `=` and value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}
