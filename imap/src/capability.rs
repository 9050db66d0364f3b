//! Capabilities (RFC 9051 §6.1.1 and §7.2.2): what a server says that it can do.
//!
//! Names that are not known here are kept, in the order in which the server sent them.

use core::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    error::Expected,
    grammar::is_atom_char,
    response::scan::{Parsed, Scan, Span},
    text::Text,
};

macro_rules! capabilities {
    ($($name:literal $variant:ident $doc:literal,)+) => {
        /// One capability.
        ///
        /// ```
        /// use mailwire_imap::capability::Capability;
        /// assert_eq!(Capability::of(b"literal+"), Capability::LiteralPlus);
        /// assert!(matches!(Capability::of(b"AUTH=PLAIN"), Capability::Auth(name) if name == "PLAIN"));
        /// assert!(matches!(Capability::of(b"XYZZY"), Capability::Unknown(_)));
        /// ```
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug)]
        pub enum Capability<'a> {
            $(#[doc = $doc] $variant,)+
            /// `AUTH=`: a SASL mechanism.
            Auth(Text<'a>),
            /// `THREAD=`: an algorithm of RFC 5256.
            Thread(Text<'a>),
            /// `RIGHTS=`: additional rights of RFC 4314.
            Rights(Text<'a>),
            /// `APPENDLIMIT`, RFC 7889, with the limit if it is the same for all mailboxes.
            AppendLimit(Option<u64>),
            /// Any other one.
            Unknown(Text<'a>),
        }

        fn known(name: &[u8]) -> Option<Capability<'static>> {
            // The length decides for nearly all of them, so that few names are compared.
            $(
                if name.len() == $name.len() && name.eq_ignore_ascii_case($name) {
                    return Some(Capability::$variant);
                }
            )+
            None
        }

        impl Capability<'_> {
            const fn name(&self) -> (&[u8], &'static [u8]) {
                match self {
                    $(Self::$variant => (b"", $name),)+
                    Self::Auth(name) => (name.raw(), b"AUTH="),
                    Self::Thread(name) => (name.raw(), b"THREAD="),
                    Self::Rights(name) => (name.raw(), b"RIGHTS="),
                    Self::AppendLimit(_) => (b"", b"APPENDLIMIT"),
                    Self::Unknown(name) => (name.raw(), b""),
                }
            }
        }
    };
}

capabilities! {
    b"IMAP4rev1" Imap4Rev1 "`IMAP4rev1`, RFC 3501.",
    b"IMAP4rev2" Imap4Rev2 "`IMAP4rev2`, RFC 9051.",
    b"ACL" Acl "`ACL`, RFC 4314.",
    b"BINARY" Binary "`BINARY`, RFC 3516.",
    b"CATENATE" Catenate "`CATENATE`, RFC 4469.",
    b"CHILDREN" Children "`CHILDREN`, RFC 3348.",
    b"COMPRESS=DEFLATE" CompressDeflate "`COMPRESS=DEFLATE`, RFC 4978.",
    b"CONDSTORE" CondStore "`CONDSTORE`, RFC 7162.",
    b"CONTEXT=SEARCH" ContextSearch "`CONTEXT=SEARCH`, RFC 5267.",
    b"CONTEXT=SORT" ContextSort "`CONTEXT=SORT`, RFC 5267.",
    b"CREATE-SPECIAL-USE" CreateSpecialUse "`CREATE-SPECIAL-USE`, RFC 6154.",
    b"ENABLE" Enable "`ENABLE`, RFC 5161.",
    b"ESEARCH" ESearch "`ESEARCH`, RFC 4731.",
    b"ESORT" ESort "`ESORT`, RFC 5267.",
    b"FILTERS" Filters "`FILTERS`, RFC 5466.",
    b"ID" Id "`ID`, RFC 2971.",
    b"IDLE" Idle "`IDLE`, RFC 2177.",
    b"LANGUAGE" Language "`LANGUAGE`, RFC 5255.",
    b"LIST-EXTENDED" ListExtended "`LIST-EXTENDED`, RFC 5258.",
    b"LIST-MYRIGHTS" ListMyRights "`LIST-MYRIGHTS`, RFC 8440.",
    b"LIST-STATUS" ListStatus "`LIST-STATUS`, RFC 5819.",
    b"LITERAL+" LiteralPlus "`LITERAL+`, RFC 7888.",
    b"LITERAL-" LiteralMinus "`LITERAL-`, RFC 7888.",
    b"LOGIN-REFERRALS" LoginReferrals "`LOGIN-REFERRALS`, RFC 2221.",
    b"LOGINDISABLED" LoginDisabled "`LOGINDISABLED`: LOGIN is refused, RFC 9051 §6.2.3.",
    b"MAILBOX-REFERRALS" MailboxReferrals "`MAILBOX-REFERRALS`, RFC 2193.",
    b"METADATA" Metadata "`METADATA`, RFC 5464.",
    b"METADATA-SERVER" MetadataServer "`METADATA-SERVER`, RFC 5464.",
    b"MOVE" Move "`MOVE`, RFC 6851.",
    b"MULTIAPPEND" MultiAppend "`MULTIAPPEND`, RFC 3502.",
    b"MULTISEARCH" MultiSearch "`MULTISEARCH`, RFC 7377.",
    b"NAMESPACE" Namespace "`NAMESPACE`, RFC 2342.",
    b"NOTIFY" Notify "`NOTIFY`, RFC 5465.",
    b"OBJECTID" ObjectId "`OBJECTID`, RFC 8474.",
    b"PARTIAL" Partial "`PARTIAL`, RFC 9394.",
    b"PREVIEW" Preview "`PREVIEW`, RFC 8970.",
    b"QRESYNC" QResync "`QRESYNC`, RFC 7162.",
    b"QUOTA" Quota "`QUOTA`, RFC 9208.",
    b"REPLACE" Replace "`REPLACE`, RFC 8508.",
    b"SASL-IR" SaslIr "`SASL-IR`, RFC 4959.",
    b"SAVEDATE" SaveDate "`SAVEDATE`, RFC 8514.",
    b"SEARCH=FUZZY" SearchFuzzy "`SEARCH=FUZZY`, RFC 6203.",
    b"SEARCHRES" SearchRes "`SEARCHRES`, RFC 5182.",
    b"SORT" Sort "`SORT`, RFC 5256.",
    b"SORT=DISPLAY" SortDisplay "`SORT=DISPLAY`, RFC 5957.",
    b"SPECIAL-USE" SpecialUse "`SPECIAL-USE`, RFC 6154.",
    b"STARTTLS" StartTls "`STARTTLS`, RFC 9051 §6.2.1.",
    b"STATUS=SIZE" StatusSize "`STATUS=SIZE`, RFC 8438.",
    b"UIDPLUS" UidPlus "`UIDPLUS`, RFC 4315.",
    b"UNAUTHENTICATE" Unauthenticate "`UNAUTHENTICATE`, RFC 8437.",
    b"UNSELECT" Unselect "`UNSELECT`, RFC 3691.",
    b"UTF8=ACCEPT" Utf8Accept "`UTF8=ACCEPT`, RFC 6855.",
    b"UTF8=ONLY" Utf8Only "`UTF8=ONLY`, RFC 6855.",
    b"WITHIN" Within "`WITHIN`, RFC 5032.",
    b"X-GM-EXT-1" GmailExt1 "`X-GM-EXT-1` of Gmail: labels, message and thread ids.",
}

impl<'a> Capability<'a> {
    /// The capability of that name, in whatever case.
    #[must_use]
    pub fn of(name: &'a [u8]) -> Self {
        if let Some(known) = known(name) {
            return known;
        }
        let value = |prefix: &[u8]| {
            let (head, value) = name.split_at_checked(prefix.len())?;
            let found = head.eq_ignore_ascii_case(prefix) && !value.is_empty();
            found.then_some(Text::plain(value))
        };
        if let Some(mechanism) = value(b"AUTH=") {
            return Self::Auth(mechanism);
        }
        if let Some(algorithm) = value(b"THREAD=") {
            return Self::Thread(algorithm);
        }
        if let Some(rights) = value(b"RIGHTS=") {
            return Self::Rights(rights);
        }
        if name.eq_ignore_ascii_case(b"APPENDLIMIT") {
            return Self::AppendLimit(None);
        }
        if let Some(limit) = value(b"APPENDLIMIT=") {
            let mut scan = Scan::again(limit.raw());
            if let Ok(limit) = scan.number64().and_then(|limit| scan.end().map(|()| limit)) {
                return Self::AppendLimit(Some(limit));
            }
        }
        Self::Unknown(Text::plain(name))
    }
}

/// Names are equal without regard to case.
impl PartialEq for Capability<'_> {
    fn eq(&self, other: &Self) -> bool {
        if let (Self::AppendLimit(one), Self::AppendLimit(two)) = (self, other) {
            return one == two;
        }
        let ((value, kind), (other_value, other_kind)) = (self.name(), other.name());
        kind == other_kind && value.eq_ignore_ascii_case(other_value)
    }
}

impl Eq for Capability<'_> {}

/// The capabilities of a CAPABILITY or ENABLED response, or of a response code.
///
/// ```
/// use mailwire_imap::capability::{Capabilities, Capability};
/// let offered = Capabilities::new([&b"IMAP4rev2"[..], b"IDLE", b"AUTH=PLAIN"]);
/// assert!(offered.contains(Capability::Idle));
/// assert!(!offered.contains(Capability::StartTls));
/// assert_eq!(offered.mechanisms().count(), 1);
/// ```
#[derive(Clone, Default)]
pub struct Capabilities {
    pub(crate) frame: Bytes,
    names: Span,
}

/// Reads ` name name name` to the end of the line, or to what `stop` says.
pub(crate) fn read(scan: &mut Scan<'_>, stop: Option<u8>) -> Parsed<Span> {
    let start = scan.at();
    while scan.peek() != stop && !scan.at_end() {
        scan.sp()?;
        if stop.is_some() && scan.peek() == stop {
            break;
        }
        scan.run(is_atom_char, Expected::Capability)?;
    }
    Ok(scan.since(start))
}

impl Capabilities {
    pub(crate) fn read(scan: &mut Scan<'_>) -> Parsed<Self> {
        let names = read(scan, None)?;
        Ok(Self {
            frame: Bytes::new(),
            names,
        })
    }

    /// These capabilities, by their names. What is no atom is left out.
    #[must_use]
    pub fn new<'n>(names: impl IntoIterator<Item = &'n [u8]>) -> Self {
        Self::written(b"* CAPABILITY", names)
    }

    /// As [`new`](Self::new), for an ENABLED response.
    #[must_use]
    pub fn enabled<'n>(names: impl IntoIterator<Item = &'n [u8]>) -> Self {
        Self::written(b"* ENABLED", names)
    }

    fn written<'n>(head: &[u8], names: impl IntoIterator<Item = &'n [u8]>) -> Self {
        let mut wire = BytesMut::with_capacity(128);
        wire.put_slice(head);
        for name in names {
            if !name.is_empty() && name.iter().all(|octet| is_atom_char(*octet)) {
                wire.put_u8(b' ');
                wire.put_slice(name);
            }
        }
        Self {
            names: Span::new(head.len(), wire.len()),
            frame: wire.freeze(),
        }
    }

    /// The same capabilities as a response code had them.
    #[must_use]
    pub fn of_code(list: CapabilityNames<'_>) -> Self {
        Self::new(list.names())
    }

    /// The view of all of them.
    #[must_use]
    pub fn as_names(&self) -> CapabilityNames<'_> {
        CapabilityNames {
            octets: self.names.of(&self.frame),
        }
    }

    /// Each of them, in the server's order.
    pub fn iter(&self) -> impl Iterator<Item = Capability<'_>> {
        self.as_names().iter()
    }

    /// Whether this one is among them.
    #[must_use]
    pub fn contains(&self, capability: Capability<'_>) -> bool {
        self.iter().any(|here| here == capability)
    }

    /// The SASL mechanisms that are offered.
    pub fn mechanisms(&self) -> impl Iterator<Item = Text<'_>> {
        self.iter().filter_map(|capability| match capability {
            Capability::Auth(name) => Some(name),
            _ => None,
        })
    }

    /// Copies what would pin a read buffer.
    #[must_use]
    pub fn detach(self) -> Self {
        Self {
            frame: Bytes::copy_from_slice(&self.frame),
            ..self
        }
    }
}

impl PartialEq for Capabilities {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Capabilities {}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Capabilities as a view.
///
/// ```
/// use mailwire_imap::capability::Capabilities;
/// let offered = Capabilities::new([&b"IMAP4rev2"[..], b"IDLE"]);
/// assert_eq!(offered.as_names().names().count(), 2);
/// ```
#[derive(Clone, Copy)]
pub struct CapabilityNames<'a> {
    octets: &'a [u8],
}

impl<'a> CapabilityNames<'a> {
    pub(crate) const fn of(octets: &'a [u8]) -> Self {
        Self { octets }
    }

    /// The names as they stand on the wire.
    pub fn names(self) -> impl Iterator<Item = &'a [u8]> {
        self.octets
            .split(|octet| *octet == b' ')
            .filter(|name| !name.is_empty())
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Capability<'a>> {
        self.names().map(Capability::of)
    }
}

impl PartialEq for CapabilityNames<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for CapabilityNames<'_> {}

impl fmt::Debug for CapabilityNames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
