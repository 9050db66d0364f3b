//! Which commands are possible: in which state, and with which extensions.

use alloc::vec::Vec;

use crate::{
    command::{
        Algorithm, By, CommandBody, FetchItem, FetchItems, List, Search, SearchKey, SearchReturn,
        SelectionOptions, SpecialUses, StatusItem, StatusItems,
    },
    flag::{Flag, Flags},
    sequence::SequenceSet,
    server::{Done, Extension, Server},
    state::State,
};

/// In which states a command is possible (RFC 9051 §6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    Anywhere,
    BeforeLogin,
    /// Authenticated, or selected.
    BehindLogin,
    InMailbox,
}

impl Place {
    pub(super) const fn includes(self, state: State) -> bool {
        matches!(
            (self, state),
            (Self::Anywhere, _)
                | (Self::BeforeLogin, State::NotAuthenticated)
                | (Self::BehindLogin, State::Authenticated | State::Selected)
                | (Self::InMailbox, State::Selected)
        )
    }
}

/// The name of a command in replies, and where it is possible. ENABLE is taken in the selected
/// state too, which RFC 5161 §3.1 leaves to servers.
pub(super) const fn place(body: &CommandBody) -> (&'static str, Place) {
    use Place::{Anywhere, BeforeLogin, BehindLogin, InMailbox};

    match body {
        CommandBody::Capability => ("CAPABILITY", Anywhere),
        CommandBody::Noop => ("NOOP", Anywhere),
        CommandBody::Logout => ("LOGOUT", Anywhere),
        CommandBody::Id { .. } => ("ID", Anywhere),
        CommandBody::StartTls => ("STARTTLS", BeforeLogin),
        CommandBody::Authenticate { .. } => ("AUTHENTICATE", BeforeLogin),
        CommandBody::Login { .. } => ("LOGIN", BeforeLogin),
        CommandBody::Enable { .. } => ("ENABLE", BehindLogin),
        CommandBody::Select { .. } => ("SELECT", BehindLogin),
        CommandBody::Examine { .. } => ("EXAMINE", BehindLogin),
        CommandBody::Create { .. } => ("CREATE", BehindLogin),
        CommandBody::Delete { .. } => ("DELETE", BehindLogin),
        CommandBody::Rename { .. } => ("RENAME", BehindLogin),
        CommandBody::Subscribe { .. } => ("SUBSCRIBE", BehindLogin),
        CommandBody::Unsubscribe { .. } => ("UNSUBSCRIBE", BehindLogin),
        CommandBody::List(_) => ("LIST", BehindLogin),
        CommandBody::Lsub { .. } => ("LSUB", BehindLogin),
        CommandBody::Namespace => ("NAMESPACE", BehindLogin),
        CommandBody::Status { .. } => ("STATUS", BehindLogin),
        CommandBody::Append { .. } => ("APPEND", BehindLogin),
        CommandBody::Idle => ("IDLE", BehindLogin),
        CommandBody::Check => ("CHECK", InMailbox),
        CommandBody::Close => ("CLOSE", InMailbox),
        CommandBody::Unselect => ("UNSELECT", InMailbox),
        CommandBody::Expunge | CommandBody::UidExpunge { .. } => ("EXPUNGE", InMailbox),
        CommandBody::Search { .. } => ("SEARCH", InMailbox),
        CommandBody::Sort { .. } => ("SORT", InMailbox),
        CommandBody::Thread { .. } => ("THREAD", InMailbox),
        CommandBody::Fetch { .. } => ("FETCH", InMailbox),
        CommandBody::Store { .. } => ("STORE", InMailbox),
        CommandBody::Copy { .. } => ("COPY", InMailbox),
        CommandBody::Move { .. } => ("MOVE", InMailbox),
        CommandBody::Unknown(_) => ("", Anywhere),
    }
}

/// Whether EXPUNGE may be told while the command is answered (RFC 9051 §7.5.1, RFC 5256 §3).
pub(super) const fn may_expunge(body: &CommandBody) -> bool {
    !matches!(
        body,
        CommandBody::Fetch { by: By::Number, .. }
            | CommandBody::Store { by: By::Number, .. }
            | CommandBody::Search { by: By::Number, .. }
            | CommandBody::Sort { by: By::Number, .. }
            | CommandBody::Thread { by: By::Number, .. }
    )
}

/// Whether the command would change the mailbox that is selected. CLOSE expunges nothing where it
/// must not (RFC 9051 §6.4.1).
pub(super) const fn changes_mailbox(body: &CommandBody) -> bool {
    matches!(
        body,
        CommandBody::Store { .. }
            | CommandBody::Expunge
            | CommandBody::UidExpunge { .. }
            | CommandBody::Move { .. }
    )
}

/// Whether a client can set these flags: `\Recent` is the server's to set, and `\*` is none (RFC
/// 3501 §9, RFC 9051 §9).
pub(super) fn are_settable(flags: &Flags) -> bool {
    !flags.contains(&Flag::Recent) && !flags.contains(&Flag::Wildcard)
}

/// What is said where they cannot be set.
pub(super) fn not_settable() -> Done {
    Done::bad("no client can set these flags")
}

/// Whether the command turns CONDSTORE on (RFC 7162 §3.1).
pub(super) fn enables_cond_store(body: &CommandBody) -> bool {
    match body {
        CommandBody::Fetch {
            items, modifiers, ..
        } => modifiers.changed_since.is_some() || items.iter().any(|i| i == FetchItem::ModSeq),
        CommandBody::Store {
            unchanged_since, ..
        } => unchanged_since.is_some(),
        CommandBody::Status { items, .. } => items.contains(StatusItem::HighestModSeq),
        CommandBody::Search { search, .. }
        | CommandBody::Sort { search, .. }
        | CommandBody::Thread { search, .. } => {
            any_key(search, |key| matches!(key, SearchKey::ModSeq(_)))
        }
        _ => false,
    }
}

impl Server {
    /// Whether all that the command needs is offered.
    pub(super) fn is_offered(&self, body: &CommandBody) -> bool {
        match body {
            CommandBody::Unknown(_) => false,
            CommandBody::Id { .. } => self.has(Extension::Id),
            CommandBody::Enable { .. } => self.has(Extension::Enable),
            CommandBody::Idle => self.has(Extension::Idle),
            CommandBody::Namespace => self.has(Extension::Namespace),
            CommandBody::Unselect => self.has(Extension::Unselect),
            CommandBody::Authenticate { initial, .. } => {
                initial.is_none() || self.has(Extension::SaslIr)
            }
            CommandBody::Select { parameters, .. } | CommandBody::Examine { parameters, .. } => {
                (!parameters.condstore || self.has(Extension::CondStore))
                    && (parameters.qresync.is_none() || self.has(Extension::QResync))
            }
            CommandBody::Create { uses, .. } => {
                *uses == SpecialUses::NONE || self.has(Extension::CreateSpecialUse)
            }
            CommandBody::List(list) => self.offers_list(list),
            CommandBody::Status { items, .. } => self.offers_status(*items),
            CommandBody::UidExpunge { set } => self.has(Extension::UidPlus) && self.offers_set(set),
            CommandBody::Search { search, .. } => self.offers_search(search),
            CommandBody::Sort { search, .. } => {
                self.has(Extension::Sort) && search.returns.is_none() && self.offers_search(search)
            }
            CommandBody::Thread {
                algorithm, search, ..
            } => {
                (match algorithm {
                    Algorithm::OrderedSubject => self.has(Extension::ThreadOrderedSubject),
                    Algorithm::References => self.has(Extension::ThreadReferences),
                    _ => false,
                }) && self.offers_search(search)
            }
            CommandBody::Fetch {
                by,
                set,
                items,
                modifiers,
            } => {
                self.offers_set(set)
                    && self.offers_items(items)
                    && (modifiers.changed_since.is_none() || self.has(Extension::CondStore))
                    // RFC 7162 §3.2.6
                    && (!modifiers.vanished
                        || self.enabled.has(Extension::QResync)
                            && *by == By::Uid
                            && modifiers.changed_since.is_some())
            }
            CommandBody::Store {
                set,
                unchanged_since,
                ..
            } => {
                self.offers_set(set)
                    && (unchanged_since.is_none() || self.has(Extension::CondStore))
            }
            CommandBody::Copy { set, .. } => self.offers_set(set),
            CommandBody::Move { set, .. } => self.has(Extension::Move) && self.offers_set(set),
            _ => true,
        }
    }

    fn has(&self, extension: Extension) -> bool {
        self.config.extensions.has(extension)
    }

    /// `$` is the result of the last SEARCH (RFC 5182 §2.1).
    fn offers_set(&self, set: &SequenceSet) -> bool {
        !set.is_saved() || self.has(Extension::SearchRes)
    }

    fn offers_list(&self, list: &List) -> bool {
        let is_extended =
            list.selection.is_some() || list.returns.is_some() || list.patterns.is_list();
        let by_use = list
            .selection
            .is_some_and(|selection| selection.contains(SelectionOptions::SPECIAL_USE))
            || list
                .returns
                .as_ref()
                .is_some_and(|returns| returns.special_use);
        let returns = list.returns.as_ref();
        let status = returns.and_then(|returns| returns.status);
        (!is_extended || self.has(Extension::ListExtended))
            && (!by_use || self.has(Extension::SpecialUse))
            && status
                .is_none_or(|items| self.has(Extension::ListStatus) && self.offers_status(items))
            && !returns.is_some_and(|returns| returns.my_rights)
    }

    fn offers_status(&self, items: StatusItems) -> bool {
        items.iter().all(|item| match item {
            StatusItem::Size => self.has(Extension::StatusSize),
            StatusItem::Deleted => self.has(Extension::Imap4Rev2),
            StatusItem::HighestModSeq => self.has(Extension::CondStore),
            StatusItem::AppendLimit => self.has(Extension::AppendLimit),
            StatusItem::MailboxId | StatusItem::DeletedStorage => false,
            _ => true,
        })
    }

    fn offers_items(&self, items: &FetchItems) -> bool {
        items.iter().all(|item| match item {
            FetchItem::Binary { .. } | FetchItem::BinarySize(_) => {
                self.has(Extension::Binary) || self.has(Extension::Imap4Rev2)
            }
            FetchItem::ModSeq => self.has(Extension::CondStore),
            FetchItem::Preview | FetchItem::SaveDate | FetchItem::EmailId | FetchItem::ThreadId => {
                false
            }
            _ => true,
        })
    }

    fn offers_search(&self, search: &Search) -> bool {
        let saves = search
            .returns
            .is_some_and(|returns| returns.contains(SearchReturn::SAVE));
        (search.returns.is_none() || self.has(Extension::ESearch))
            && (!saves || self.has(Extension::SearchRes))
            && !any_key(search, |key| match key {
                SearchKey::ModSeq(_) => !self.has(Extension::CondStore),
                SearchKey::Older(_) | SearchKey::Younger(_) => !self.has(Extension::Within),
                SearchKey::Set(set) | SearchKey::Uid(set) => !self.offers_set(set),
                _ => false,
            })
    }
}

/// Whether there is such a key anywhere in the tree, which is walked without recursion.
fn any_key(search: &Search, is_it: impl Fn(&SearchKey) -> bool) -> bool {
    let mut rest: Vec<&SearchKey> = search.keys.iter().collect();
    while let Some(key) = rest.pop() {
        match key {
            SearchKey::Not(key) => rest.push(key),
            SearchKey::Or(one, two) => rest.extend([&**one, &**two]),
            SearchKey::And(keys) => rest.extend(keys),
            key if is_it(key) => return true,
            _ => {}
        }
    }
    false
}
