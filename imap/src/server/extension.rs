//! What a server offers beyond RFC 3501.

use crate::capability::Capability;

/// An extension that a server may offer once a client has logged in. A command that needs one that
/// is not offered is answered with BAD, like one that nobody knows.
///
/// ```
/// use mailwire_imap::server::{Extension, Extensions};
/// let offered = Extensions::default().with(Extension::Sort).without(Extension::Idle);
/// assert!(offered.has(Extension::Sort) && !offered.has(Extension::Idle));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Extension {
    /// APPENDLIMIT (RFC 7889), with the limit of the configuration.
    AppendLimit,
    /// BINARY (RFC 3516).
    Binary,
    /// CHILDREN (RFC 3348).
    Children,
    /// CONDSTORE (RFC 7162 §3.1).
    CondStore,
    /// CREATE-SPECIAL-USE (RFC 6154 §3).
    CreateSpecialUse,
    /// ESEARCH (RFC 4731).
    ESearch,
    /// ENABLE (RFC 5161). The machine answers it.
    Enable,
    /// ID (RFC 2971), before login too. The machine answers it.
    Id,
    /// IDLE (RFC 2177).
    Idle,
    /// IMAP4rev2 (RFC 9051), with all that is part of it.
    Imap4Rev2,
    /// LIST-EXTENDED (RFC 5258).
    ListExtended,
    /// LIST-STATUS (RFC 5819).
    ListStatus,
    /// MOVE (RFC 6851).
    Move,
    /// MULTIAPPEND (RFC 3502).
    MultiAppend,
    /// NAMESPACE (RFC 2342).
    Namespace,
    /// QRESYNC (RFC 7162 §3.2).
    QResync,
    /// SASL-IR (RFC 4959), before login.
    SaslIr,
    /// SEARCHRES (RFC 5182).
    SearchRes,
    /// SORT (RFC 5256).
    Sort,
    /// SPECIAL-USE (RFC 6154 §2).
    SpecialUse,
    /// STATUS=SIZE (RFC 8438).
    StatusSize,
    /// THREAD=ORDEREDSUBJECT (RFC 5256).
    ThreadOrderedSubject,
    /// THREAD=REFERENCES (RFC 5256).
    ThreadReferences,
    /// UIDPLUS (RFC 4315).
    UidPlus,
    /// UNSELECT (RFC 3691).
    Unselect,
    /// UTF8=ACCEPT (RFC 6855).
    Utf8Accept,
    /// WITHIN (RFC 5032).
    Within,
}

impl Extension {
    /// All others than IMAP4rev2, as they are announced.
    pub(super) const OTHERS: [Self; 26] = [
        Self::SaslIr,
        Self::Id,
        Self::Enable,
        Self::Idle,
        Self::Namespace,
        Self::Children,
        Self::SpecialUse,
        Self::CreateSpecialUse,
        Self::ListExtended,
        Self::ListStatus,
        Self::StatusSize,
        Self::Unselect,
        Self::UidPlus,
        Self::Move,
        Self::ESearch,
        Self::SearchRes,
        Self::Within,
        Self::Sort,
        Self::ThreadOrderedSubject,
        Self::ThreadReferences,
        Self::CondStore,
        Self::QResync,
        Self::Binary,
        Self::MultiAppend,
        Self::Utf8Accept,
        Self::AppendLimit,
    ];

    /// What is part of IMAP4rev2 (RFC 9051 appendix E). Of BINARY only FETCH is.
    const REV2: [Self; 13] = [
        Self::Imap4Rev2,
        Self::ESearch,
        Self::Enable,
        Self::Idle,
        Self::ListExtended,
        Self::ListStatus,
        Self::Move,
        Self::Namespace,
        Self::SaslIr,
        Self::SearchRes,
        Self::StatusSize,
        Self::UidPlus,
        Self::Unselect,
    ];

    /// The name of the capability. That of APPENDLIMIT has the limit behind it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::AppendLimit => "APPENDLIMIT",
            Self::Binary => "BINARY",
            Self::Children => "CHILDREN",
            Self::CondStore => "CONDSTORE",
            Self::CreateSpecialUse => "CREATE-SPECIAL-USE",
            Self::ESearch => "ESEARCH",
            Self::Enable => "ENABLE",
            Self::Id => "ID",
            Self::Idle => "IDLE",
            Self::Imap4Rev2 => "IMAP4rev2",
            Self::ListExtended => "LIST-EXTENDED",
            Self::ListStatus => "LIST-STATUS",
            Self::Move => "MOVE",
            Self::MultiAppend => "MULTIAPPEND",
            Self::Namespace => "NAMESPACE",
            Self::QResync => "QRESYNC",
            Self::SaslIr => "SASL-IR",
            Self::SearchRes => "SEARCHRES",
            Self::Sort => "SORT",
            Self::SpecialUse => "SPECIAL-USE",
            Self::StatusSize => "STATUS=SIZE",
            Self::ThreadOrderedSubject => "THREAD=ORDEREDSUBJECT",
            Self::ThreadReferences => "THREAD=REFERENCES",
            Self::UidPlus => "UIDPLUS",
            Self::Unselect => "UNSELECT",
            Self::Utf8Accept => "UTF8=ACCEPT",
            Self::Within => "WITHIN",
        }
    }

    /// What ENABLE can turn on under this name.
    pub(super) fn enabled_by(name: &[u8]) -> Option<Self> {
        Some(match Capability::of(name) {
            Capability::CondStore => Self::CondStore,
            Capability::QResync => Self::QResync,
            Capability::Imap4Rev2 => Self::Imap4Rev2,
            Capability::Utf8Accept => Self::Utf8Accept,
            _ => return None,
        })
    }
}

/// A set of extensions. The default is what needs nothing from a mail store but what it must have
/// anyway: ENABLE, ID, IDLE, LITERAL-, NAMESPACE, SASL-IR, UNSELECT and WITHIN.
///
/// ```
/// use mailwire_imap::server::{Extension, Extensions};
/// let offered = Extensions::none().with(Extension::Imap4Rev2);
/// assert!(offered.has(Extension::Move), "it is part of IMAP4rev2");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Extensions(u32);

impl Extensions {
    /// None of them: RFC 3501 alone.
    #[must_use]
    pub const fn none() -> Self {
        Self(0)
    }

    /// The same with this one. IMAP4rev2 brings all that is part of it, QRESYNC brings CONDSTORE
    /// and ENABLE.
    #[must_use]
    pub fn with(self, extension: Extension) -> Self {
        let parts: &[Extension] = match extension {
            Extension::Imap4Rev2 => &Extension::REV2,
            Extension::QResync => &[Extension::QResync, Extension::CondStore, Extension::Enable],
            _ => &[],
        };
        let bits = parts
            .iter()
            .fold(bit(extension), |bits, part| bits | bit(*part));
        Self(self.0 | bits)
    }

    /// The same with this one and nothing that it brings.
    pub(super) const fn with_alone(self, extension: Extension) -> Self {
        Self(self.0 | bit(extension))
    }

    /// The same without this one.
    #[must_use]
    pub const fn without(self, extension: Extension) -> Self {
        Self(self.0 & !bit(extension))
    }

    /// Whether it is in the set.
    #[must_use]
    pub const fn has(self, extension: Extension) -> bool {
        self.0 & bit(extension) != 0
    }
}

const fn bit(extension: Extension) -> u32 {
    1 << extension as u32
}

impl Default for Extensions {
    fn default() -> Self {
        [
            Extension::Enable,
            Extension::Id,
            Extension::Idle,
            Extension::Namespace,
            Extension::SaslIr,
            Extension::Unselect,
            Extension::Within,
        ]
        .into_iter()
        .collect()
    }
}

impl FromIterator<Extension> for Extensions {
    fn from_iter<I: IntoIterator<Item = Extension>>(extensions: I) -> Self {
        extensions.into_iter().fold(Self::none(), Self::with)
    }
}
