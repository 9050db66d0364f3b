//! ID (RFC 2971 §3.1).

use alloc::vec::Vec;

use mailwire_core::text::Octets;

use super::CommandBody;
use crate::{
    encode::Encoder,
    error::{Expected, ParseError},
    grammar::Cursor,
    limits,
};

/// One field of ID.
///
/// ```
/// use mailwire_imap::command::{Field, Fields};
/// let fields = Fields::new([Field::new(b"name", b"mailwire")]).unwrap();
/// assert_eq!(fields.value(b"NAME"), Some(&b"mailwire"[..]));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "RFC 2971 id-params-list")]
pub struct Field {
    /// Its name.
    pub name: Octets,
    /// Its value; `None` for NIL.
    pub value: Option<Octets>,
}

impl Field {
    /// A field with a value.
    #[must_use]
    pub fn new(name: &[u8], value: &[u8]) -> Self {
        Self {
            name: Octets::from(name),
            value: Some(Octets::from(value)),
        }
    }
}

/// The fields of ID, within the limits of RFC 2971 §3.3.
///
/// ```
/// use mailwire_imap::command::{Field, Fields};
/// assert!(Fields::new([Field::new(&[b'x'; 31], b"")]).is_none());
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Fields(Vec<Field>);

impl Fields {
    /// At most 30 fields, names of at most 30 octets, values of at most 1,024; `None` for others.
    #[must_use]
    pub fn new(fields: impl IntoIterator<Item = Field>) -> Option<Self> {
        let mut list = Vec::new();
        for field in fields {
            let value = field.value.as_deref().unwrap_or_default().len();
            if list.len() == limits::ID_PAIRS
                || field.name.len() > limits::ID_FIELD
                || value > limits::ID_VALUE
            {
                return None;
            }
            list.push(field);
        }
        Some(Self(list))
    }

    /// The fields in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Field> {
        self.0.iter()
    }

    /// The value of the first field of that name, in any case.
    #[must_use]
    pub fn value(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter()
            .find(|field| field.name.eq_ignore_ascii_case(name))
            .and_then(|field| field.value.as_deref())
    }

    /// Reads `NIL` or the list; also that of the ID response.
    ///
    /// # Errors
    ///
    /// There is neither, or it is beyond the limits.
    pub fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Self>, ParseError> {
        if cursor.eat_keyword(b"NIL") {
            return Ok(None);
        }
        let error = cursor.error(Expected::List);
        let mut fields = Vec::new();
        cursor.list_or_empty(Expected::List, |cursor| {
            let name = cursor.string()?;
            cursor.space()?;
            let value = cursor.nstring()?;
            if fields.len() >= limits::ID_PAIRS {
                return Err(cursor.error(Expected::Close));
            }
            fields.push(Field {
                name: cursor.octets(name),
                value: value.map(|value| cursor.octets(value)),
            });
            Ok(())
        })?;
        Self::new(fields).map(Some).ok_or(error)
    }
}

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<CommandBody, ParseError> {
    cursor.space()?;
    let fields = Fields::parse(cursor)?;
    Ok(CommandBody::Id { fields })
}

/// `ID ()` is refused by some servers, so no fields are written as NIL.
pub(super) fn encode(encoder: &mut Encoder, fields: Option<&Fields>) {
    let Some(fields) = fields.filter(|fields| !fields.0.is_empty()) else {
        return encoder.raw(b" NIL");
    };
    let mut front: &[u8] = b" (";
    for field in fields.iter() {
        encoder.raw(front);
        encoder.string(&field.name);
        encoder.raw(b" ");
        encoder.nstring(field.value.as_deref());
        front = b" ";
    }
    encoder.raw(b")");
}
