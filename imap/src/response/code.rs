//! Response codes (RFC 9051 §7.1, RFC 5530, RFC 4315, RFC 7162, RFC 8474).

use core::num::NonZeroU32;

use bytes::{BufMut, BytesMut};

use super::{
    scan::{Parsed, Scan, Span},
    write,
};
use crate::{
    capability::{self, CapabilityNames},
    error::Expected,
    flag::{Flags, Spaces},
    grammar::Cursor,
    sequence::SequenceSet,
    text::Text,
};

macro_rules! codes {
    ($($name:literal $variant:ident $doc:literal,)+) => {
        /// The response code of a status response.
        ///
        /// ```
        /// use bytes::Bytes;
        /// use mailwire_imap::response::{Code, Response, Tolerances};
        /// let frame = Bytes::from_static(b"* OK [UIDNEXT 4392] Predicted next UID");
        /// let (response, _) = Response::parse(frame, Tolerances::NONE)?;
        /// let Response::Status(status) = response else { unreachable!() };
        /// assert!(matches!(status.code(), Some(Code::UidNext(uid)) if uid.get() == 4392));
        /// # Ok::<(), mailwire_imap::error::ParseError>(())
        /// ```
        #[non_exhaustive]
        #[derive(Clone, Debug, PartialEq)]
        pub enum Code<'a> {
            $(#[doc = $doc] $variant,)+
            /// `APPENDUID`, RFC 4315 §3: the UIDVALIDITY and the UIDs that were given.
            AppendUid {
                /// UIDVALIDITY of the mailbox.
                validity: NonZeroU32,
                /// The new UIDs, as ranges.
                uids: SequenceSet,
            },
            /// `BADCHARSET`, with the charsets that are supported.
            BadCharset(Charsets<'a>),
            /// `CAPABILITY`.
            Capability(CapabilityNames<'a>),
            /// `COPYUID`, RFC 4315 §3. Both sets are of the same size.
            CopyUid {
                /// UIDVALIDITY of the target.
                validity: NonZeroU32,
                /// The UIDs in the source, as ranges.
                source: SequenceSet,
                /// The UIDs in the target, in the same order.
                target: SequenceSet,
            },
            /// `HIGHESTMODSEQ`, RFC 7162 §3.1.2.1.
            HighestModSeq(u64),
            /// `MAILBOXID`, RFC 8474 §4.2.
            MailboxId(Text<'a>),
            /// `MODIFIED`, RFC 7162 §3.1.3: the messages that were not stored to.
            Modified(SequenceSet),
            /// `PERMANENTFLAGS`.
            PermanentFlags(Flags),
            /// `UIDNEXT`.
            UidNext(NonZeroU32),
            /// `UIDVALIDITY`.
            UidValidity(NonZeroU32),
            /// `UNSEEN`, RFC 3501 §7.1: the first message that is not seen.
            Unseen(NonZeroU32),
            /// A known code whose argument is not what the RFC says, as it stands on the wire.
            Invalid(&'a [u8]),
            /// Any other one.
            Unknown {
                /// Its name.
                name: &'a [u8],
                /// What follows the name and a space.
                argument: Option<&'a [u8]>,
            },
        }

        fn bare<'a>(name: &[u8]) -> Option<Code<'a>> {
            $(
                if name.len() == $name.len() && name.eq_ignore_ascii_case($name) {
                    return Some(Code::$variant);
                }
            )+
            None
        }

        const fn bare_name(code: &Code<'_>) -> &'static [u8] {
            match code {
                $(Code::$variant => $name,)+
                _ => b"",
            }
        }
    };
}

codes! {
    b"ALERT" Alert "`ALERT`: the text must be shown to the user.",
    b"ALREADYEXISTS" AlreadyExists "`ALREADYEXISTS`, RFC 5530.",
    b"AUTHENTICATIONFAILED" AuthenticationFailed "`AUTHENTICATIONFAILED`, RFC 5530.",
    b"AUTHORIZATIONFAILED" AuthorizationFailed "`AUTHORIZATIONFAILED`, RFC 5530.",
    b"CANNOT" Cannot "`CANNOT`, RFC 5530.",
    b"CLIENTBUG" ClientBug "`CLIENTBUG`, RFC 5530.",
    b"CLOSED" Closed "`CLOSED`, RFC 7162 §3.2.11: what follows is about the new mailbox.",
    b"COMPRESSIONACTIVE" CompressionActive "`COMPRESSIONACTIVE`, RFC 4978.",
    b"CONTACTADMIN" ContactAdmin "`CONTACTADMIN`, RFC 5530.",
    b"CORRUPTION" Corruption "`CORRUPTION`, RFC 5530.",
    b"EXPIRED" Expired "`EXPIRED`, RFC 5530.",
    b"EXPUNGEISSUED" ExpungeIssued "`EXPUNGEISSUED`, RFC 5530.",
    b"HASCHILDREN" HasChildren "`HASCHILDREN`, RFC 9051 §7.1.",
    b"INUSE" InUse "`INUSE`, RFC 5530.",
    b"LIMIT" Limit "`LIMIT`, RFC 5530.",
    b"NOMODSEQ" NoModSeq "`NOMODSEQ`, RFC 7162 §3.1.2.2: no modification sequences here.",
    b"NONEXISTENT" NonExistent "`NONEXISTENT`, RFC 5530.",
    b"NOPERM" NoPerm "`NOPERM`, RFC 5530.",
    b"NOTIFICATIONOVERFLOW" NotificationOverflow "`NOTIFICATIONOVERFLOW`, RFC 5465.",
    b"NOTSAVED" NotSaved "`NOTSAVED`, RFC 5182.",
    b"OVERQUOTA" OverQuota "`OVERQUOTA`, RFC 5530.",
    b"PARSE" Parse "`PARSE`: a message could not be understood.",
    b"PRIVACYREQUIRED" PrivacyRequired "`PRIVACYREQUIRED`, RFC 5530.",
    b"READ-ONLY" ReadOnly "`READ-ONLY`.",
    b"READ-WRITE" ReadWrite "`READ-WRITE`.",
    b"SERVERBUG" ServerBug "`SERVERBUG`, RFC 5530.",
    b"TOOBIG" TooBig "`TOOBIG`, RFC 4469.",
    b"TRYCREATE" TryCreate "`TRYCREATE`: the target is missing and could be created.",
    b"UIDNOTSTICKY" UidNotSticky "`UIDNOTSTICKY`, RFC 4315.",
    b"UNAVAILABLE" Unavailable "`UNAVAILABLE`, RFC 5530.",
    b"UNKNOWN-CTE" UnknownCte "`UNKNOWN-CTE`, RFC 3516.",
    b"USEATTR" UseAttr "`USEATTR`, RFC 6154.",
}

/// Goes over a response code and the bracket behind it; nothing, at the place where it was, if
/// what is there is text.
pub(super) fn read(scan: &mut Scan<'_>) -> Option<Span> {
    let start = scan.at();
    if !scan.eat(b'[') {
        return None;
    }
    let inner = scan.at();
    let rest = scan.rest();
    let mut len = memchr::memchr(b']', rest);
    // Only the charsets of BADCHARSET may be quoted and hold a bracket.
    if matches!(scan.word(Expected::ResponseCode), Ok(name) if name.eq_ignore_ascii_case(b"BADCHARSET"))
        && scan.eat(b' ')
        && scan.pass().is_ok()
        && scan.peek() == Some(b']')
    {
        len = Some(scan.at() - inner);
    }
    let Some(len) = len.filter(|len| *len > 0) else {
        scan.back_to(start);
        return None;
    };
    scan.back_to(inner + len + 1);
    let span = Span::new(inner, inner + len);
    let behind = scan.peek();
    let ends = matches!(behind, None | Some(b' '));
    let code = Code::of(scan.slice(span));
    if !ends && matches!(code, Code::Unknown { .. }) || scan.slice(span).first() == Some(&b' ') {
        // Brackets that are part of the text.
        scan.back_to(start);
        return None;
    }
    if matches!(code, Code::Invalid(_)) {
        scan.notices.invalid += 1;
    }
    Some(span)
}

impl<'a> Code<'a> {
    /// The code between the brackets.
    pub(super) fn of(inner: &'a [u8]) -> Self {
        let name_len = memchr::memchr(b' ', inner).unwrap_or(inner.len());
        let (name, argument) = inner.split_at_checked(name_len).unwrap_or((inner, b""));
        if let Some(code) = bare(name) {
            // What follows is of no meaning; some servers repeat the name of a mailbox here.
            return code;
        }
        let mut scan = Scan::again(argument);
        match Self::with_argument(name, &mut scan) {
            Some(Ok(code)) if scan.rest().trim_ascii().is_empty() => code,
            Some(_) => Self::Invalid(inner),
            None => Self::Unknown {
                name,
                argument: argument.strip_prefix(b" "),
            },
        }
    }

    fn with_argument(name: &[u8], scan: &mut Scan<'a>) -> Option<Parsed<Self>> {
        let mut upper = [0; 16];
        let upper = upper.get_mut(..name.len())?;
        upper.copy_from_slice(name);
        upper.make_ascii_uppercase();
        Some(match &*upper {
            b"APPENDUID" => append_uid(scan),
            b"BADCHARSET" => Ok(Self::BadCharset(Charsets::of(scan))),
            b"CAPABILITY" => capability::read(scan, None)
                .map(|names| Self::Capability(CapabilityNames::of(scan.slice(names)))),
            b"COPYUID" => copy_uid(scan),
            b"HIGHESTMODSEQ" => scan
                .sp()
                .and_then(|()| scan.number64())
                .map(Self::HighestModSeq),
            b"MAILBOXID" => mailbox_id(scan),
            b"MODIFIED" => scan.sp().and_then(|()| set(scan)).map(Self::Modified),
            b"PERMANENTFLAGS" => permanent_flags(scan),
            b"UIDNEXT" => nz(scan).map(Self::UidNext),
            b"UIDVALIDITY" => nz(scan).map(Self::UidValidity),
            b"UNSEEN" => nz(scan).map(Self::Unseen),
            _ => return None,
        })
    }

    /// Writes the code without its brackets.
    pub(super) fn encode(&self, wire: &mut BytesMut) {
        let name: &[u8] = match self {
            Self::AppendUid { .. } => b"APPENDUID ",
            Self::BadCharset(_) => b"BADCHARSET",
            Self::Capability(_) => b"CAPABILITY",
            Self::CopyUid { .. } => b"COPYUID ",
            Self::HighestModSeq(_) => b"HIGHESTMODSEQ ",
            Self::MailboxId(_) => b"MAILBOXID (",
            Self::Modified(_) => b"MODIFIED ",
            Self::PermanentFlags(_) => b"PERMANENTFLAGS ",
            Self::UidNext(_) => b"UIDNEXT ",
            Self::UidValidity(_) => b"UIDVALIDITY ",
            Self::Unseen(_) => b"UNSEEN ",
            other => bare_name(other),
        };
        wire.put_slice(name);
        match self {
            Self::AppendUid { validity, uids } => {
                write::number(wire, validity.get().into());
                wire.put_u8(b' ');
                wire.put_slice(uids.as_bytes());
            }
            Self::CopyUid {
                validity,
                source,
                target,
            } => {
                write::number(wire, validity.get().into());
                for set in [source, target] {
                    wire.put_u8(b' ');
                    wire.put_slice(set.as_bytes());
                }
            }
            Self::BadCharset(charsets) => {
                let mut front: &[u8] = b" (";
                for charset in charsets.clone() {
                    wire.put_slice(front);
                    write::astring(wire, &charset.octets());
                    front = b" ";
                }
                if front == b" " {
                    wire.put_u8(b')');
                }
            }
            Self::Capability(names) => {
                for name in names.names() {
                    wire.put_u8(b' ');
                    wire.put_slice(name);
                }
            }
            Self::HighestModSeq(value) => write::number(wire, *value),
            Self::MailboxId(id) => {
                wire.put_slice(id.raw());
                wire.put_u8(b')');
            }
            Self::Modified(set) => wire.put_slice(set.as_bytes()),
            Self::PermanentFlags(flags) => flags.encode(wire),
            Self::UidNext(value) | Self::UidValidity(value) | Self::Unseen(value) => {
                write::number(wire, value.get().into());
            }
            Self::Invalid(inner) => plain(wire, inner),
            Self::Unknown { name, argument } => {
                plain(wire, name);
                if let Some(argument) = argument {
                    wire.put_u8(b' ');
                    plain(wire, argument);
                }
            }
            _ => {}
        }
    }
}

/// What is not ours, without what would end the code or the line.
fn plain(wire: &mut BytesMut, octets: &[u8]) {
    let fit = |octet: &&u8| !octet.is_ascii_control() && **octet != b']';
    wire.extend(octets.iter().filter(fit));
}

fn nz(scan: &mut Scan<'_>) -> Parsed<NonZeroU32> {
    scan.sp()?;
    scan.nz_number()
}

fn set(scan: &mut Scan<'_>) -> Parsed<SequenceSet> {
    let span = scan.set()?;
    SequenceSet::parse(&mut Cursor::borrowing(scan.slice(span)))
}

fn append_uid<'a>(scan: &mut Scan<'a>) -> Parsed<Code<'a>> {
    let validity = nz(scan)?;
    scan.sp()?;
    let uids = set(scan)?;
    Ok(Code::AppendUid { validity, uids })
}

fn copy_uid<'a>(scan: &mut Scan<'a>) -> Parsed<Code<'a>> {
    let validity = nz(scan)?;
    scan.sp()?;
    let source = set(scan)?;
    scan.sp()?;
    let target = set(scan)?;
    if source.count() != target.count() {
        return scan.fail(Expected::SequenceSet);
    }
    Ok(Code::CopyUid {
        validity,
        source,
        target,
    })
}

fn mailbox_id<'a>(scan: &mut Scan<'a>) -> Parsed<Code<'a>> {
    scan.sp()?;
    scan.open()?;
    let id = scan.atom()?;
    scan.close()?;
    Ok(Code::MailboxId(Text::plain(id)))
}

fn permanent_flags<'a>(scan: &mut Scan<'a>) -> Parsed<Code<'a>> {
    scan.sp()?;
    let mut cursor = Cursor::borrowing(scan.rest());
    let (flags, _) = Flags::parse_spaced(&mut cursor, Spaces::Any)?;
    scan.back_to(scan.at() + cursor.offset());
    Ok(Code::PermanentFlags(flags))
}

/// The charsets of BADCHARSET.
///
/// ```
/// use bytes::Bytes;
/// use mailwire_imap::response::{Code, Response, Tolerances};
/// let frame = Bytes::from_static(b"a NO [BADCHARSET (UTF-8 \"x]\")] no");
/// let (Response::Status(status), _) = Response::parse(frame, Tolerances::NONE)? else { unreachable!() };
/// let Some(Code::BadCharset(charsets)) = status.code() else { unreachable!() };
/// assert_eq!(charsets.count(), 2);
/// # Ok::<(), mailwire_imap::error::ParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Charsets<'a> {
    scan: Scan<'a>,
}

impl<'a> Charsets<'a> {
    /// The charsets of a list as it stands on the wire, for a response that is written.
    ///
    /// ```
    /// use mailwire_imap::response::Charsets;
    /// assert_eq!(Charsets::of_list(b"(US-ASCII UTF-8)").count(), 2);
    /// ```
    #[must_use]
    pub fn of_list(list: &'a [u8]) -> Self {
        Self {
            scan: Scan::again(list),
        }
    }

    /// The list behind the name; the scan is left behind it.
    fn of(scan: &mut Scan<'a>) -> Self {
        let found = Self { scan: scan.clone() };
        if scan.eat(b' ') && scan.peek() == Some(b'(') {
            let _ = scan.pass();
        }
        found
    }
}

impl<'a> Iterator for Charsets<'a> {
    type Item = Text<'a>;

    fn next(&mut self) -> Option<Text<'a>> {
        while self.scan.eat(b' ') || self.scan.eat(b'(') {}
        let span = self.scan.astring().ok()?;
        Some(self.scan.text(span))
    }
}

impl PartialEq for Charsets<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.clone().eq(other.clone())
    }
}
