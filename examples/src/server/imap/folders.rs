//! The commands about mailboxes: LIST and its kin, CREATE, DELETE, RENAME, STATUS.

use jiff::Timestamp;
use mailwire_imap::{
    command::{CommandBody, List, SpecialUses, StatusItem, StatusItems},
    mailbox::Mailbox,
    response::{Code, ListAttribute, Namespace, Namespaces, Response},
    server::Done,
    session::{Answer, Untagged},
    text::Text,
    toolkit::list::{
        Existence, Listing, MailboxFacts, Mailboxes, NamePolicy, RefusedName, StatusFacts, Wording,
    },
};

use super::{
    Imap,
    words::{self, DELIMITER, ENCODING, For, refusal},
};
use crate::store::{Account, Folder, MailboxEntry, MailboxError, Mailstore, Sizes, SpecialUse};

/// What a new account finds beside INBOX.
pub(super) const FIRST: [(&str, SpecialUse); 5] = [
    ("Archive", SpecialUse::Archive),
    ("Drafts", SpecialUse::Drafts),
    ("Junk", SpecialUse::Junk),
    ("Sent", SpecialUse::Sent),
    ("Trash", SpecialUse::Trash),
];

/// A command that is refused.
type Refused = Done;

impl Imap {
    /// Carries out a command about mailboxes.
    pub(super) async fn mailboxes(&self, command: CommandBody, out: &mut Untagged) -> Answer {
        let Some(account) = self.account.clone() else {
            return Answer::Done(Done::unavailable());
        };
        let store = self.shared.store.clone();
        let now = Timestamp::now();
        let done = match command {
            CommandBody::List(list) => self.list(&account, &list, out).await,
            CommandBody::Lsub { reference, pattern } => match listed(&store, &account, now).await {
                Ok(all) => {
                    tell(all.lsub(&reference, &pattern), out);
                    Ok(())
                }
                Err(refused) => Err(refused),
            },
            CommandBody::Namespace => {
                let own = Namespace::new(Text::plain(b""), Some(DELIMITER));
                out.push(Response::Namespace(Namespaces::new(&[own], &[], &[])));
                Ok(())
            }
            CommandBody::Status { mailbox, items } => {
                let status = self.status(&account, &mailbox, items).await;
                status.map(|response| out.push(response))
            }
            CommandBody::Create { mailbox, uses } => create(&store, &account, &mailbox, uses).await,
            CommandBody::Delete { mailbox } => match named(NamePolicy::delete, &mailbox) {
                Ok(folder) => itself(store.delete(&account, &folder, now).await),
                Err(refused) => Err(refused),
            },
            CommandBody::Rename { from, to } => rename(&store, &account, &from, &to).await,
            CommandBody::Subscribe { mailbox } => match named(NamePolicy::check, &mailbox) {
                Ok(folder) => itself(store.subscribe(&account, &folder, now).await),
                Err(refused) => Err(refused),
            },
            // What cannot be the name of a mailbox is not subscribed to either.
            CommandBody::Unsubscribe { mailbox } => match words::folder(&mailbox) {
                Some(folder) => itself(store.unsubscribe(&account, &folder, now).await),
                None => Ok(()),
            },
            _ => Err(Done::bad("not a command of this server")),
        };
        match done {
            Ok(()) => Answer::Completed,
            Err(refused) => Answer::Done(refused),
        }
    }

    async fn list(
        &self,
        account: &Account,
        list: &List,
        out: &mut Untagged,
    ) -> Result<(), Refused> {
        let all = listed(&self.shared.store, account, Timestamp::now()).await?;
        let listing = all
            .list(list, Wording::Rev1)
            .map_err(|too_many| Done::no(&too_many.to_string()).with_code(&too_many.code()))?;
        for listed in listing {
            let status = listed.status().cloned();
            out.push(listed.into_response());
            // One that cannot be asked has no STATUS, and LIST goes on (RFC 5819 §2).
            if let Some((mailbox, items)) = status
                && let Ok(response) = self.status(account, &mailbox, items).await
            {
                out.push(response);
            }
        }
        Ok(())
    }

    async fn status(
        &self,
        account: &Account,
        mailbox: &Mailbox,
        items: StatusItems,
    ) -> Result<Response, Refused> {
        let folder = words::folder(mailbox).ok_or_else(no_such_mailbox)?;
        let sizes =
            if items.contains(StatusItem::Size) || items.contains(StatusItem::DeletedStorage) {
                Sizes::Counted
            } else {
                Sizes::Known
            };
        let store = &self.shared.store;
        let status = store
            .status(account, &folder, sizes, Timestamp::now())
            .await;
        let known = status.map_err(|error| refusal(&error, For::Itself))?;
        let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let mut facts = StatusFacts::new(
            words::nonzero(known.uid_validity),
            words::nonzero(known.uid_next),
        );
        facts.messages = count(known.messages);
        facts.recent = count(known.recent);
        facts.unseen = count(known.unseen);
        facts.deleted = count(known.deleted);
        facts.size = known.octets.unwrap_or_default();
        facts.highest_mod_seq = known.highest_mod_seq;
        facts.append_limit = Some(self.shared.message_size);
        Ok(Response::MailboxStatus(facts.status(mailbox, items)))
    }
}

/// What an account is given at its first login.
pub(super) async fn ensure(store: &Mailstore, account: &Account) -> Result<(), MailboxError> {
    let wanted: Vec<_> = FIRST
        .into_iter()
        .filter_map(|(name, special_use)| Some((Folder::parse(name).ok()?, special_use)))
        .collect();
    store.ensure(account, &wanted, Timestamp::now()).await?;
    Ok(())
}

async fn listed(
    store: &Mailstore,
    account: &Account,
    now: Timestamp,
) -> Result<Mailboxes, Refused> {
    let entries = store.mailboxes(account, now).await;
    let entries = entries.map_err(|error| refusal(&error, For::Itself))?;
    Ok(Mailboxes::new(
        Some(DELIMITER),
        entries.iter().filter_map(facts),
    ))
}

fn facts(entry: &MailboxEntry) -> Option<MailboxFacts> {
    let mut facts = MailboxFacts::new(words::mailbox(&entry.folder)?);
    facts.is_subscribed = entry.subscribed;
    facts.existence = match (entry.selectable, entry.subscribed) {
        (true, _) => Existence::Exists,
        (false, true) => Existence::NonExistent,
        // Only above others: the hierarchy makes it.
        (false, false) => return None,
    };
    let attribute: Option<ListAttribute<'static>> = entry.special_use.and_then(words::attribute);
    facts.attributes.extend(attribute);
    Some(facts)
}

fn tell(listing: Listing<'_>, out: &mut Untagged) {
    for listed in listing {
        out.push(listed.into_response());
    }
}

const POLICY: NamePolicy = NamePolicy::new(Some(DELIMITER), ENCODING);

/// The folder of a name that the policy lets through.
fn named(
    check: impl FnOnce(&NamePolicy, &Mailbox) -> Result<Mailbox, RefusedName>,
    mailbox: &Mailbox,
) -> Result<Folder, Refused> {
    let name = check(&POLICY, mailbox).map_err(refused_name)?;
    words::folder(&name).ok_or_else(|| refused_name(RefusedName::Reserved))
}

fn refused_name(refused: RefusedName) -> Refused {
    Done::no(&refused.to_string()).with_code(&refused.code())
}

pub(super) fn no_such_mailbox() -> Refused {
    Done::no("no such mailbox").with_code(&Code::NonExistent)
}

fn itself<T>(result: Result<T, MailboxError>) -> Result<(), Refused> {
    match result {
        Ok(_) => Ok(()),
        Err(error) => Err(refusal(&error, For::Itself)),
    }
}

async fn create(
    store: &Mailstore,
    account: &Account,
    mailbox: &Mailbox,
    uses: SpecialUses,
) -> Result<(), Refused> {
    let folder = named(NamePolicy::create, mailbox)?;
    let known = [
        (SpecialUses::ARCHIVE, SpecialUse::Archive),
        (SpecialUses::DRAFTS, SpecialUse::Drafts),
        (SpecialUses::JUNK, SpecialUse::Junk),
        (SpecialUses::SENT, SpecialUse::Sent),
        (SpecialUses::TRASH, SpecialUse::Trash),
    ];
    let mut wanted = known
        .into_iter()
        .filter(|(use_, _)| uses.contains(*use_))
        .map(|(_, special_use)| special_use);
    let special_use = wanted.next();
    let is_plain = uses == SpecialUses::default();
    // The store keeps one use of a mailbox, and of these five only (RFC 6154 §3).
    if wanted.next().is_some() || special_use.is_none() && !is_plain {
        return Err(Done::no("this special use is not possible").with_code(&Code::UseAttr));
    }
    match store
        .create(account, &folder, special_use, Timestamp::now())
        .await
    {
        Err(MailboxError::AlreadyExists) if special_use.is_some() => {
            let taken = store.mailboxes(account, Timestamp::now()).await;
            let is_there =
                taken.is_ok_and(|all| all.iter().any(|e| e.folder == folder && e.selectable));
            let code = if is_there {
                Code::AlreadyExists
            } else {
                Code::UseAttr
            };
            Err(Done::no("mailbox or its use exists already").with_code(&code))
        }
        created => itself(created),
    }
}

async fn rename(
    store: &Mailstore,
    account: &Account,
    from: &Mailbox,
    to: &Mailbox,
) -> Result<(), Refused> {
    let (from, to) = POLICY.rename(from, to).map_err(refused_name)?;
    let from = words::folder(&from).ok_or_else(no_such_mailbox)?;
    let to = words::folder(&to).ok_or_else(|| refused_name(RefusedName::Reserved))?;
    itself(store.rename(account, &from, &to, Timestamp::now()).await)
}
