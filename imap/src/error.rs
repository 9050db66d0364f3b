//! What went wrong with one element; the connection goes on behind it.

use core::fmt;

/// One element did not parse.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::{error::Expected, grammar::Cursor};
/// let frame = Bytes::from_static(b"7 x");
/// let mut cursor = Cursor::new(&frame);
/// assert_eq!(cursor.number(), Ok(7));
/// cursor.space()?;
/// let error = cursor.number().unwrap_err();
/// assert_eq!((error.expected, error.offset), (Expected::Number, 2));
/// assert_eq!(error.to_string(), "expected a number at octet 2");
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("expected {expected} at octet {offset}")]
#[non_exhaustive]
pub struct ParseError {
    /// What should have stood there.
    pub expected: Expected,
    /// Where, from the start of the frame.
    pub offset: usize,
}

impl ParseError {
    pub(crate) const fn new(expected: Expected, offset: usize) -> Self {
        Self { expected, offset }
    }
}

macro_rules! expected {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// What should have stood where a parser stopped, in the words of RFC 9051 §9.
        ///
        /// ```
        /// use mailwire_imap::error::Expected;
        /// assert_eq!(Expected::SequenceSet.to_string(), "a sequence-set");
        /// ```
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum Expected {
            $($(#[doc = $doc])+ $name,)+
        }

        impl fmt::Display for Expected {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$name => $text,)+
                })
            }
        }
    };
}

expected! {
    /// An address of an envelope.
    Address = "an address",
    /// An astring.
    Astring = "an astring",
    /// An atom.
    Atom = "an atom",
    /// Base64.
    Base64 = "base64",
    /// A body structure.
    Body = "a body structure",
    /// A capability.
    Capability = "a capability",
    /// A character set after CHARSET.
    Charset = "a charset",
    /// `)`.
    Close = "a closing parenthesis",
    /// `]`.
    CloseBracket = "a closing bracket",
    /// The keyword of a command.
    Command = "a command",
    /// The `+` of a continuation request.
    Continuation = "a continuation request",
    /// A date, `dd-Mon-yyyy`.
    Date = "a date",
    /// A date and time, `dd-Mon-yyyy hh:mm:ss +zzzz`.
    DateTime = "a date-time",
    /// No further argument.
    End = "the end of the command or response",
    /// An envelope.
    Envelope = "an envelope",
    /// What FETCH is to return, or an item of a FETCH response.
    FetchAttribute = "a fetch attribute",
    /// A flag.
    Flag = "a flag",
    /// A list in parentheses.
    List = "a parenthesised list",
    /// The name of a LIST selection or return option.
    ListOption = "a LIST option",
    /// A literal.
    Literal = "a literal",
    /// A mailbox name without NUL, CR and LF.
    Mailbox = "a mailbox name",
    /// The name of a SASL mechanism.
    Mechanism = "a SASL mechanism",
    /// A modification sequence, at most 63 bits.
    ModSequence = "a mod-sequence-value",
    /// `NIL` or a string.
    Nstring = "NIL or a string",
    /// A number of 32 bits.
    Number = "a number",
    /// A number of 63 bits.
    Number64 = "a number of 63 bits",
    /// A number that is not zero.
    NzNumber = "a number that is not zero",
    /// `(`.
    Open = "an opening parenthesis",
    /// `[`.
    OpenBracket = "an opening bracket",
    /// A parameter of a command.
    Parameter = "a parameter",
    /// A partial, `<offset.count>`.
    Partial = "a partial",
    /// A quoted string.
    Quoted = "a quoted string",
    /// A response.
    Response = "a response",
    /// A response code.
    ResponseCode = "a response code",
    /// An item of RETURN.
    ReturnOption = "a return option",
    /// A key of SEARCH.
    SearchKey = "a search key",
    /// A section of a message.
    Section = "a section",
    /// A sequence-set.
    SequenceSet = "a sequence-set",
    /// Fewer parentheses in each other than `limits::DEPTH`.
    ShallowerNesting = "shallower nesting",
    /// A key of SORT.
    SortKey = "a sort key",
    /// A single space.
    Space = "a single space",
    /// An item of STATUS.
    StatusItem = "a status item",
    /// `OK`, `NO`, `BAD`, `BYE` or `PREAUTH`.
    Status = "a status",
    /// FLAGS, +FLAGS or -FLAGS.
    StoreItem = "a STORE item",
    /// A string.
    String = "a string",
    /// A tag.
    Tag = "a tag",
    /// Text.
    Text = "text",
    /// A threading algorithm.
    ThreadAlgorithm = "a threading algorithm",
    /// A name after UID that UID can stand before.
    UidCommand = "a command that takes UIDs",
    /// Valid UTF-8.
    Utf8 = "UTF-8",
}
