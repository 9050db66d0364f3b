//! ENVELOPE: the parsed head of a message, as a server hands it out (RFC 9051 §7.5.2).
//!
//! The ten fields stand in a fixed order; an [`Envelope`] holds the octets and where each begins.

use core::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    error::{Expected, ParseError},
    response::{
        Tolerance, Tolerances,
        scan::{Parsed, Scan, narrow},
        write,
    },
    text::Text,
};

/// How many fields there are.
pub(crate) const FIELDS: usize = 10;

/// The ENVELOPE of a message.
///
/// ```
/// use mailwire_imap::envelope::{AddressParts, Envelope};
/// let envelope = Envelope::builder()
///     .subject(Some(b"a \"quoted\" subject"))
///     .from(&[AddressParts::new(Some(b"Fred Foobar"), b"foobar", b"blurdybloop.example")])
///     .build();
/// assert_eq!(envelope.subject().unwrap(), "a \"quoted\" subject");
/// assert_eq!(envelope.from().next().unwrap().mailbox().unwrap(), "foobar");
/// assert!(envelope.date().is_none());
/// ```
#[derive(Clone)]
pub struct Envelope {
    wire: Bytes,
    starts: [u32; FIELDS],
}

#[derive(Clone, Copy)]
#[repr(u8)]
enum Field {
    Date,
    Subject,
    From,
    Sender,
    ReplyTo,
    To,
    Cc,
    Bcc,
    InReplyTo,
    MessageId,
}

/// Reads an envelope and says where its fields begin.
pub(crate) fn read(scan: &mut Scan<'_>) -> Parsed<[u32; FIELDS]> {
    let mut starts = [0; FIELDS];
    let mut first = true;
    scan.open()?;
    for (field, start) in starts.iter_mut().enumerate() {
        if !core::mem::take(&mut first) {
            scan.sp()?;
        }
        *start = narrow(scan.at());
        if (2..8).contains(&field) {
            addresses(scan)?;
        } else {
            scan.pass_nstring()?;
        }
    }
    scan.close()?;
    Ok(starts)
}

fn addresses(scan: &mut Scan<'_>) -> Parsed<()> {
    if scan.is_nil() {
        return Ok(());
    }
    scan.open()?;
    if scan.peek() == Some(b')') && scan.tolerates(Tolerance::EmptyList) {
        return scan.close();
    }
    loop {
        address(scan)?;
        if scan.peek() == Some(b' ') && scan.peek_behind() != Some(b')') {
            between(scan)?;
        }
        if scan.closed() {
            return Ok(());
        }
    }
}

/// Spaces where two items follow each other without one.
pub(crate) fn between(scan: &mut Scan<'_>) -> Parsed<()> {
    if !scan.tolerates(Tolerance::SpaceBetweenItems) {
        return scan.fail(Expected::Open);
    }
    while scan.eat(b' ') {}
    Ok(())
}

fn address(scan: &mut Scan<'_>) -> Parsed<()> {
    scan.need(b'(', Expected::Address)?;
    scan.pass_nstring()?;
    for _ in 0..3 {
        scan.sp()?;
        scan.pass_nstring()?;
    }
    scan.close()
}

/// The same as views: for what has been checked before.
#[inline]
fn checked_address<'a>(scan: &mut Scan<'a>) -> Option<Address<'a>> {
    if !scan.eat(b'(') {
        return None;
    }
    let name = scan.checked_ntext();
    scan.sp().ok()?;
    let route = scan.checked_ntext();
    scan.sp().ok()?;
    let mailbox = scan.checked_ntext();
    scan.sp().ok()?;
    let host = scan.checked_ntext();
    scan.close().ok()?;
    Some(Address {
        name,
        route,
        mailbox,
        host,
    })
}

impl Envelope {
    /// Parses an envelope from its parenthesis to its parenthesis.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use mailwire_imap::{envelope::Envelope, response::Tolerances};
    /// let wire = Bytes::from_static(br#"(NIL "hi" NIL NIL NIL NIL NIL NIL NIL "<1@x>")"#);
    /// let envelope = Envelope::parse(wire, Tolerances::NONE)?;
    /// assert_eq!(envelope.message_id().unwrap(), "<1@x>");
    /// # Ok::<(), mailwire_imap::error::ParseError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ParseError`] if the octets are no envelope.
    pub fn parse(wire: Bytes, tolerances: Tolerances) -> Result<Self, ParseError> {
        let mut scan = Scan::new(&wire, tolerances);
        let starts = read(&mut scan)?;
        scan.end()?;
        Ok(Self { wire, starts })
    }

    /// What has been checked, and where its fields begin.
    pub(crate) const fn of_checked(wire: Bytes, starts: [u32; FIELDS]) -> Self {
        Self { wire, starts }
    }

    pub(crate) const fn starts(&self) -> [u32; FIELDS] {
        self.starts
    }

    /// A new one, all of whose fields are NIL until they are set.
    #[must_use]
    pub fn builder() -> EnvelopeBuilder<'static> {
        EnvelopeBuilder::default()
    }

    fn start(&self, field: Field) -> u32 {
        self.starts.get(field as usize).copied().unwrap_or_default()
    }

    fn nstring(&self, field: Field) -> Option<Text<'_>> {
        let mut scan = Scan::again_at(&self.wire, self.start(field));
        scan.checked_ntext()
    }

    fn list(&self, field: Field) -> Addresses<'_> {
        let mut scan = Scan::again_at(&self.wire, self.start(field));
        let open = !scan.is_nil() && scan.open().is_ok();
        Addresses {
            scan: open.then_some(scan),
        }
    }

    /// `env-date`: the Date field as it stands in the message.
    #[must_use]
    pub fn date(&self) -> Option<Text<'_>> {
        self.nstring(Field::Date)
    }

    /// `env-subject`, with its encoded words.
    #[must_use]
    pub fn subject(&self) -> Option<Text<'_>> {
        self.nstring(Field::Subject)
    }

    /// `env-from`.
    #[must_use]
    pub fn from(&self) -> Addresses<'_> {
        self.list(Field::From)
    }

    /// `env-sender`.
    #[must_use]
    pub fn sender(&self) -> Addresses<'_> {
        self.list(Field::Sender)
    }

    /// `env-reply-to`.
    #[must_use]
    pub fn reply_to(&self) -> Addresses<'_> {
        self.list(Field::ReplyTo)
    }

    /// `env-to`.
    #[must_use]
    pub fn to(&self) -> Addresses<'_> {
        self.list(Field::To)
    }

    /// `env-cc`.
    #[must_use]
    pub fn cc(&self) -> Addresses<'_> {
        self.list(Field::Cc)
    }

    /// `env-bcc`.
    #[must_use]
    pub fn bcc(&self) -> Addresses<'_> {
        self.list(Field::Bcc)
    }

    /// `env-in-reply-to`.
    #[must_use]
    pub fn in_reply_to(&self) -> Option<Text<'_>> {
        self.nstring(Field::InReplyTo)
    }

    /// `env-message-id`.
    #[must_use]
    pub fn message_id(&self) -> Option<Text<'_>> {
        self.nstring(Field::MessageId)
    }

    /// The octets on the wire.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// Copies what would pin a read buffer.
    #[must_use]
    pub fn detach(self) -> Self {
        Self {
            wire: Bytes::copy_from_slice(&self.wire),
            ..self
        }
    }
}

impl PartialEq for Envelope {
    fn eq(&self, other: &Self) -> bool {
        let texts = [
            Field::Date,
            Field::Subject,
            Field::InReplyTo,
            Field::MessageId,
        ];
        let lists = [
            Field::From,
            Field::Sender,
            Field::ReplyTo,
            Field::To,
            Field::Cc,
            Field::Bcc,
        ];
        texts.iter().all(|f| self.nstring(*f) == other.nstring(*f))
            && lists.iter().all(|f| self.list(*f).eq(other.list(*f)))
    }
}

impl Eq for Envelope {}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope")
            .field("date", &self.date())
            .field("subject", &self.subject())
            .field("from", &self.from())
            .field("to", &self.to())
            .field("message_id", &self.message_id())
            .finish_non_exhaustive()
    }
}

/// The addresses of a field of an [`Envelope`]; none where the field is NIL.
///
/// ```
/// use mailwire_imap::envelope::Envelope;
/// assert_eq!(Envelope::builder().build().cc().count(), 0);
/// ```
#[derive(Clone)]
pub struct Addresses<'a> {
    scan: Option<Scan<'a>>,
}

impl<'a> Iterator for Addresses<'a> {
    type Item = Address<'a>;

    fn next(&mut self) -> Option<Address<'a>> {
        let scan = self.scan.as_mut()?;
        while scan.eat(b' ') {}
        let address = checked_address(scan);
        if address.is_none() {
            self.scan = None;
        }
        address
    }
}

impl fmt::Debug for Addresses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// An address of an [`Envelope`], or the begin or end of a group.
///
/// ```
/// use mailwire_imap::envelope::{AddressKind, AddressParts, Envelope};
/// let to = [AddressParts::group(b"friends"), AddressParts::group_end()];
/// let envelope = Envelope::builder().to(&to).build();
/// let kinds: Vec<_> = envelope.to().map(|address| address.kind()).collect();
/// assert_eq!(kinds, [AddressKind::Group, AddressKind::GroupEnd]);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Address<'a> {
    name: Option<Text<'a>>,
    route: Option<Text<'a>>,
    mailbox: Option<Text<'a>>,
    host: Option<Text<'a>>,
}

/// What an [`Address`] is.
///
/// ```
/// use mailwire_imap::envelope::{AddressKind, AddressParts, Envelope};
/// let to = [AddressParts::new(None, b"fred", b"example.org")];
/// let envelope = Envelope::builder().to(&to).build();
/// assert_eq!(envelope.to().next().unwrap().kind(), AddressKind::Mailbox);
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AddressKind {
    /// A mailbox: local part and domain.
    Mailbox,
    /// The begin of a group, whose name is in [`Address::mailbox`].
    Group,
    /// The end of a group.
    GroupEnd,
}

impl<'a> Address<'a> {
    /// `addr-name`: the display name, with its encoded words.
    #[must_use]
    pub const fn name(&self) -> Option<Text<'a>> {
        self.name
    }

    /// `addr-adl`: the source route.
    #[must_use]
    pub const fn route(&self) -> Option<Text<'a>> {
        self.route
    }

    /// `addr-mailbox`: the local part, or the name of a group.
    #[must_use]
    pub const fn mailbox(&self) -> Option<Text<'a>> {
        self.mailbox
    }

    /// `addr-host`: the domain.
    #[must_use]
    pub const fn host(&self) -> Option<Text<'a>> {
        self.host
    }

    /// Whether it is a mailbox, or the begin or end of a group.
    #[must_use]
    pub const fn kind(&self) -> AddressKind {
        match (self.mailbox, self.host) {
            (None, None) => AddressKind::GroupEnd,
            (Some(_), None) => AddressKind::Group,
            (_, Some(_)) => AddressKind::Mailbox,
        }
    }
}

/// What an address of a new [`Envelope`] says.
///
/// ```
/// use mailwire_imap::envelope::AddressParts;
/// let parts = AddressParts::new(None, b"fred", b"example.org");
/// assert_eq!(parts.mailbox, Some(&b"fred"[..]));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct AddressParts<'a> {
    /// `addr-name`.
    pub name: Option<&'a [u8]>,
    /// `addr-adl`.
    pub route: Option<&'a [u8]>,
    /// `addr-mailbox`.
    pub mailbox: Option<&'a [u8]>,
    /// `addr-host`.
    pub host: Option<&'a [u8]>,
}

impl<'a> AddressParts<'a> {
    /// A mailbox.
    #[must_use]
    pub const fn new(name: Option<&'a [u8]>, mailbox: &'a [u8], host: &'a [u8]) -> Self {
        Self {
            name,
            route: None,
            mailbox: Some(mailbox),
            host: Some(host),
        }
    }

    /// The begin of a group of that name.
    #[must_use]
    pub const fn group(name: &'a [u8]) -> Self {
        Self {
            name: None,
            route: None,
            mailbox: Some(name),
            host: None,
        }
    }

    /// The end of a group.
    #[must_use]
    pub const fn group_end() -> Self {
        Self {
            name: None,
            route: None,
            mailbox: None,
            host: None,
        }
    }
}

/// Sets the fields of a new [`Envelope`]; what is not set is NIL.
///
/// ```
/// use mailwire_imap::envelope::Envelope;
/// let envelope = Envelope::builder().message_id(Some(b"<1@example>")).build();
/// assert_eq!(
///     envelope.wire(),
///     br#"(NIL NIL NIL NIL NIL NIL NIL NIL NIL "<1@example>")"#,
/// );
/// ```
#[derive(Clone, Debug, Default)]
pub struct EnvelopeBuilder<'a> {
    texts: [Option<&'a [u8]>; FIELDS],
    lists: [&'a [AddressParts<'a>]; FIELDS],
}

macro_rules! setters {
    ($lifetime:lifetime, $store:ident, $value:ty: $($(#[$doc:meta])* $name:ident $field:ident,)+) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub fn $name<$lifetime>(self, value: $value) -> EnvelopeBuilder<$lifetime>
            where
                'a: $lifetime,
            {
                let mut builder: EnvelopeBuilder<$lifetime> = self;
                if let Some(place) = builder.$store.get_mut(Field::$field as usize) {
                    *place = value;
                }
                builder
            }
        )+
    };
}

impl<'a> EnvelopeBuilder<'a> {
    setters! { 'b, texts, Option<&'b [u8]>:
        /// `env-date`.
        date Date,
        /// `env-subject`.
        subject Subject,
        /// `env-in-reply-to`.
        in_reply_to InReplyTo,
        /// `env-message-id`.
        message_id MessageId,
    }

    setters! { 'b, lists, &'b [AddressParts<'b>]:
        /// `env-from`.
        from From,
        /// `env-sender`.
        sender Sender,
        /// `env-reply-to`.
        reply_to ReplyTo,
        /// `env-to`.
        to To,
        /// `env-cc`.
        cc Cc,
        /// `env-bcc`.
        bcc Bcc,
    }

    /// The envelope.
    #[must_use]
    pub fn build(&self) -> Envelope {
        let mut wire = BytesMut::with_capacity(self.octets());
        let starts = self.put(&mut wire);
        Envelope {
            wire: wire.freeze(),
            starts,
        }
    }

    /// How many octets it takes where nothing has to be escaped; a little more than that.
    fn octets(&self) -> usize {
        let string = |text: Option<&[u8]>| text.map_or(0, <[u8]>::len) + 4;
        let texts: usize = self.texts.iter().map(|text| string(*text)).sum();
        let addresses = self.lists.iter().copied().flatten();
        let addresses = addresses.map(|part| {
            string(part.name) + string(part.mailbox) + string(part.host) + string(part.route)
        });
        // Of each field at least the space and, around a list, the parentheses.
        texts + addresses.sum::<usize>() + 4 * FIELDS
    }

    /// Writes it behind what is there, and says where its fields begin within it.
    pub(crate) fn put(&self, wire: &mut BytesMut) -> [u32; FIELDS] {
        let mut stage = Stage::on(wire);
        let front = stage.len();
        let mut starts = [0; FIELDS];
        let fields = self.texts.iter().zip(&self.lists).enumerate();
        for ((field, (text, list)), start) in fields.zip(&mut starts) {
            stage.octets(if field == 0 { b"(" } else { b" " });
            *start = narrow(stage.len() - front);
            match list {
                [] => stage.nstring(*text),
                list => {
                    stage.octets(b"(");
                    for address in *list {
                        stage.address(address);
                    }
                    stage.octets(b")");
                }
            }
        }
        stage.octets(b")");
        stage.pass_on();
        starts
    }
}

/// An envelope is a hundred short pieces, and each of them costs a buffer that grows more than it
/// costs an array; so they are gathered here.
struct Stage<'a> {
    wire: &'a mut BytesMut,
    gathered: [u8; Stage::OCTETS],
    len: usize,
}

impl<'a> Stage<'a> {
    /// Most envelopes are passed on at once, or twice.
    const OCTETS: usize = 512;

    const fn on(wire: &'a mut BytesMut) -> Self {
        Self {
            wire,
            gathered: [0; Self::OCTETS],
            len: 0,
        }
    }

    /// How long all is by now.
    fn len(&self) -> usize {
        self.wire.len() + self.len
    }

    #[inline]
    fn octets(&mut self, octets: &[u8]) {
        let end = self.len + octets.len();
        if let Some(place) = self.gathered.get_mut(self.len..end) {
            place.copy_from_slice(octets);
            self.len = end;
        } else {
            self.pass_on();
            self.wire.put_slice(octets);
        }
    }

    fn nstring(&mut self, octets: Option<&[u8]>) {
        match octets {
            None => self.octets(b"NIL"),
            Some(octets) if write::is_quotable(octets) => {
                self.octets(b"\"");
                self.octets(octets);
                self.octets(b"\"");
            }
            Some(octets) => {
                self.pass_on();
                write::string(self.wire, octets);
            }
        }
    }

    fn address(&mut self, address: &AddressParts<'_>) {
        let mut front = b"(";
        for part in [address.name, address.route, address.mailbox, address.host] {
            self.octets(front);
            self.nstring(part);
            front = b" ";
        }
        self.octets(b")");
    }

    fn pass_on(&mut self) {
        let gathered = self.gathered.get(..self.len).unwrap_or_default();
        self.wire.put_slice(gathered);
        self.len = 0;
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn what_is_gathered_is_written_whole_wherever_it_is_cut() {
        for len in (0..1100).chain([4096]) {
            let mut text = vec![b'a'; len];
            for last in [b'a', b'"', b'\n'] {
                text.last_mut().into_iter().for_each(|octet| *octet = last);
                let from = [AddressParts::new(Some(&text), b"fred", &text)];
                let written = Envelope::builder()
                    .date(Some(b"today"))
                    .subject(Some(&text))
                    .from(&from)
                    .message_id(Some(b"<1@x>"))
                    .build();
                let read = Envelope::parse(written.wire.clone(), Tolerances::NONE).unwrap();
                assert_eq!(read.starts, written.starts, "{len}");
                assert!(written.subject().unwrap() == text[..], "{len}");
                let host = written.from().next().unwrap().host().unwrap();
                assert!(host == text[..], "{len}");
                assert_eq!(written.message_id().unwrap(), "<1@x>");
            }
        }
    }
}
