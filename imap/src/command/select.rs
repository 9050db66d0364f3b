//! SELECT and EXAMINE (RFC 9051 §6.3.2, RFC 7162 §3.1.8 and §3.2.5).

use alloc::boxed::Box;
use core::num::NonZeroU32;

use super::{keyword, mailboxes};
use crate::{
    encode::Encoder,
    error::{Expected, ParseError},
    grammar::Cursor,
    mailbox::Mailbox,
    sequence::SequenceSet,
};

/// The parameters of SELECT and EXAMINE.
///
/// ```
/// use mailwire_imap::command::SelectParameters;
/// assert!(!SelectParameters::default().condstore);
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct SelectParameters {
    /// CONDSTORE (RFC 7162 §3.1.8).
    pub condstore: bool,
    /// QRESYNC (RFC 7162 §3.2.5).
    pub qresync: Option<Box<Qresync>>,
}

impl SelectParameters {
    /// CONDSTORE alone.
    #[must_use]
    pub const fn condstore() -> Self {
        Self {
            condstore: true,
            qresync: None,
        }
    }

    /// QRESYNC with what the client knows.
    #[must_use]
    pub fn qresync(known: Qresync) -> Self {
        Self {
            condstore: false,
            qresync: Some(Box::new(known)),
        }
    }
}

/// What a client knows of a mailbox since it was last there.
///
/// ```
/// use mailwire_imap::command::Qresync;
/// let known = Qresync::new(core::num::NonZeroU32::MIN, 90);
/// assert!(known.known_uids.is_none());
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Qresync {
    /// The last known UIDVALIDITY.
    pub uid_validity: NonZeroU32,
    /// The last known modification sequence.
    pub mod_sequence: u64,
    /// The UIDs that it knows; all below the last one where there are none.
    pub known_uids: Option<SequenceSet>,
    /// Some message numbers and the UIDs that they had.
    pub pairs: Option<(SequenceSet, SequenceSet)>,
}

impl Qresync {
    /// What every client knows.
    #[must_use]
    pub const fn new(uid_validity: NonZeroU32, mod_sequence: u64) -> Self {
        Self {
            uid_validity,
            mod_sequence,
            known_uids: None,
            pairs: None,
        }
    }

    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, ParseError> {
        cursor.space()?;
        cursor.enter(Expected::Open)?;
        let uid_validity = cursor.nz_number()?;
        cursor.space()?;
        let error = cursor.error(Expected::ModSequence);
        let mod_sequence = cursor.number64().map_err(|_| error)?;
        let mut known = Self::new(uid_validity, mod_sequence);
        if cursor.rest().first() == Some(&b' ') && cursor.rest().get(1) != Some(&b'(') {
            cursor.space()?;
            known.known_uids = Some(plain_set(cursor)?);
        }
        if cursor.eat(b' ') {
            cursor.enter(Expected::Open)?;
            let numbers = plain_set(cursor)?;
            cursor.space()?;
            known.pairs = Some((numbers, plain_set(cursor)?));
            cursor.leave()?;
        }
        cursor.leave()?;
        Ok(known)
    }

    fn encode(&self, encoder: &mut Encoder) {
        encoder.raw(b"QRESYNC (");
        encoder.number(u64::from(self.uid_validity.get()));
        encoder.raw(b" ");
        encoder.number(self.mod_sequence);
        if let Some(uids) = &self.known_uids {
            encoder.raw(b" ");
            encoder.raw(uids.as_bytes());
        }
        if let Some((numbers, uids)) = &self.pairs {
            encoder.raw(b" (");
            encoder.raw(numbers.as_bytes());
            encoder.raw(b" ");
            encoder.raw(uids.as_bytes());
            encoder.raw(b")");
        }
        encoder.raw(b")");
    }
}

/// A set without `*` and `$` (RFC 7162 §7).
fn plain_set(cursor: &mut Cursor<'_>) -> Result<SequenceSet, ParseError> {
    let error = cursor.error(Expected::SequenceSet);
    let set = SequenceSet::parse(cursor)?;
    if set.has_largest() || set.is_saved() {
        return Err(error);
    }
    Ok(set)
}

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<(Mailbox, SelectParameters), ParseError> {
    let mailbox = mailboxes::parse(cursor)?;
    let mut parameters = SelectParameters::default();
    if cursor.eat(b' ') {
        cursor.list(Expected::Parameter, |cursor| {
            let error = cursor.error(Expected::Parameter);
            match keyword::keyword(cursor, Expected::Parameter)?.upper() {
                b"CONDSTORE" => parameters.condstore = true,
                b"QRESYNC" => parameters.qresync = Some(Box::new(Qresync::parse(cursor)?)),
                _ => return Err(error),
            }
            Ok(())
        })?;
    }
    Ok((mailbox, parameters))
}

pub(super) fn encode(encoder: &mut Encoder, mailbox: &Mailbox, parameters: &SelectParameters) {
    mailboxes::encode(encoder, mailbox);
    match (parameters.condstore, parameters.qresync.as_deref()) {
        (false, None) => {}
        (true, None) => encoder.raw(b" (CONDSTORE)"),
        (condstore, Some(qresync)) => {
            encoder.raw(if condstore { b" (CONDSTORE " } else { b" (" });
            qresync.encode(encoder);
            encoder.raw(b")");
        }
    }
}
