//! Commands that have no reply yet: which may go out together, and what each one still expects.

use alloc::vec::Vec;

use mailwire_core::secret::SecretBytes;

use crate::{
    client::{Access, CommandId},
    command::{By, CommandBody, Message, Search, SearchKey, Wrapper},
    encode::{Fragments, LiteralKind, Literals},
    response::Status,
};

/// A command that was not handed over yet.
pub(super) struct Waiting {
    pub(super) id: CommandId,
    pub(super) body: CommandBody,
    pub(super) fragments: Fragments,
    /// With which literals the fragments were made.
    pub(super) literals: Literals,
    /// For IDLE, whether the application wants it to end already.
    pub(super) idle: Idle,
}

/// A command that was handed over, at least its first part.
pub(super) struct Outstanding {
    pub(super) id: CommandId,
    pub(super) kind: Kind,
    pub(super) traits: Traits,
    /// What waits for `+`.
    pub(super) rest: Fragments,
}

impl Outstanding {
    /// Whether nothing may be sent behind it before the server has spoken (RFC 9051 §5.5).
    pub(super) fn blocks(&self) -> bool {
        self.traits.is_alone || !self.is_complete()
    }

    /// Whether the server has all of it.
    pub(super) fn is_complete(&self) -> bool {
        let message = match &self.kind {
            Kind::Append(append) => append.stage == AppendStage::Complete,
            Kind::Authenticate { deferred, .. } => deferred.is_none(),
            _ => true,
        };
        self.rest.is_done() && message
    }
}

/// What a reply means for the session.
pub(super) enum Kind {
    /// Nothing.
    Other,
    Append(Append),
    Authenticate {
        /// An initial response that goes out as the answer to an empty challenge.
        deferred: Option<SecretBytes>,
        challenges: u8,
        /// Whether the server has told its capabilities meanwhile.
        told: bool,
    },
    /// CLOSE and UNSELECT.
    Deselect,
    Idle(Idle),
    Login {
        /// Whether the server has told its capabilities meanwhile.
        told: bool,
    },
    Logout,
    /// SELECT and EXAMINE.
    Select(Access),
    StartTls,
}

/// The messages of an APPEND.
pub(super) struct Append {
    pub(super) stage: AppendStage,
    pub(super) wrapper: Wrapper,
    pub(super) takes_nul: bool,
    /// A reply that came before the message was complete. It is told behind it, for the octets that
    /// were announced have to be sent whatever the server thinks of them.
    pub(super) reply: Option<Status>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum AppendStage {
    /// The server has not asked for the message yet.
    Announced(u64),
    /// So many octets are missing.
    Open(u64),
    Complete,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Idle {
    /// The server has not said `+` yet.
    Asked,
    /// The same, and the application wants it to end already.
    DoneWanted,
    Idling,
    DoneSent,
}

impl Kind {
    pub(super) const fn is_logout(&self) -> bool {
        matches!(self, Self::Logout)
    }

    pub(super) fn of(body: &mut CommandBody, sasl_ir: bool) -> Self {
        match body {
            CommandBody::Append { message, .. } => Self::Append(Append::of(message)),
            // RFC 4959 §3: without SASL-IR it has to wait for the challenge.
            CommandBody::Authenticate { initial, .. } => Self::Authenticate {
                deferred: if sasl_ir { None } else { initial.take() },
                challenges: 0,
                told: false,
            },
            CommandBody::Close | CommandBody::Unselect => Self::Deselect,
            CommandBody::Idle => Self::Idle(Idle::Asked),
            CommandBody::Login { .. } => Self::Login { told: false },
            CommandBody::Logout => Self::Logout,
            CommandBody::Select { .. } => Self::Select(Access::ReadWrite),
            CommandBody::Examine { .. } => Self::Select(Access::ReadOnly),
            CommandBody::StartTls => Self::StartTls,
            _ => Self::Other,
        }
    }
}

impl Append {
    pub(super) fn of(message: &Message) -> Self {
        Self {
            stage: AppendStage::Announced(message.len),
            wrapper: message.wrapper,
            takes_nul: message.kind == LiteralKind::Binary,
            reply: None,
        }
    }
}

/// What decides whether commands may be under way together (RFC 9051 §5.5).
#[derive(Clone, Copy)]
pub(super) struct Traits {
    /// It changes the session, so it waits for all before it, and all behind it wait for it.
    pub(super) is_alone: bool,
    /// Its arguments or results are message numbers, which an EXPUNGE makes wrong.
    pub(super) uses_numbers: bool,
    /// The server may send EXPUNGE while it is under way.
    pub(super) permits_expunge: bool,
    /// Its result is an untagged response that does not say which command it is of.
    pub(super) answers_alike: bool,
}

impl Traits {
    pub(super) fn of(body: &CommandBody) -> Self {
        let (by, is_search, uses_numbers) = match body {
            CommandBody::Fetch { by, .. } | CommandBody::Store { by, .. } => {
                (*by, false, *by == By::Number)
            }
            CommandBody::Copy { by, .. } | CommandBody::Move { by, .. } => {
                // These permit EXPUNGE however they count.
                return Self::shared(*by == By::Number, true, false);
            }
            CommandBody::Search { by, search }
            | CommandBody::Sort { by, search, .. }
            | CommandBody::Thread { by, search, .. } => {
                (*by, true, *by == By::Number || names_numbers(search))
            }
            CommandBody::Authenticate { .. }
            | CommandBody::Close
            | CommandBody::Enable { .. }
            | CommandBody::Examine { .. }
            | CommandBody::Idle
            | CommandBody::Login { .. }
            | CommandBody::Logout
            | CommandBody::Select { .. }
            | CommandBody::StartTls
            | CommandBody::Unselect
            // Nobody knows what these do.
            | CommandBody::Unknown(_) => {
                return Self {
                    is_alone: true,
                    ..Self::shared(false, true, false)
                };
            }
            _ => return Self::shared(false, true, false),
        };
        Self::shared(uses_numbers, by == By::Uid, is_search)
    }

    const fn shared(uses_numbers: bool, permits_expunge: bool, answers_alike: bool) -> Self {
        Self {
            is_alone: false,
            uses_numbers,
            permits_expunge,
            answers_alike,
        }
    }

    /// Whether it may go out while `before` is under way.
    pub(super) const fn may_follow(self, before: Self) -> bool {
        !(self.is_alone
            || self.uses_numbers && before.permits_expunge
            || self.answers_alike && before.answers_alike)
    }
}

/// Whether a message number stands anywhere in a search.
fn names_numbers(search: &Search) -> bool {
    let mut keys: Vec<&SearchKey> = search.keys.iter().collect();
    while let Some(key) = keys.pop() {
        match key {
            SearchKey::Set(_) => return true,
            SearchKey::Not(inner) => keys.push(inner),
            SearchKey::Or(one, other) => keys.extend([&**one, &**other]),
            SearchKey::And(inner) => keys.extend(inner),
            _ => {}
        }
    }
    false
}
