//! One message to its recipients: what most clients want.
//!
//! A refused recipient never costs the others, and each recipient has an outcome of its own
//! (RFC 5321 §3.3, RFC 2033 §4.2).

use alloc::vec::Vec;

use bytes::Bytes;

use super::{Client, Event, Id, Misuse, Unsupported, check};
use crate::{
    address::{ForwardPath, ReversePath},
    command::Command,
    extension::{Capabilities, Extension},
    limits,
    params::{BodyType, MailParams, RcptParams},
    reply::{Reply, Severity},
};

/// From whom a message goes to whom, and what is known of it beforehand.
///
/// ```
/// use mailwire_smtp::{client::Envelope, params::BodyType};
/// let mut envelope = Envelope::new("<alice@example.org>".parse()?);
/// envelope.add("<bob@example.net>".parse()?);
/// envelope.size = Some(12_000);
/// envelope.body = BodyType::EightBitMime;
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Envelope {
    /// Where failures are reported to.
    pub from: ReversePath,
    /// Further parameters of MAIL. SIZE, BODY and SMTPUTF8 are set from the other fields.
    pub params: MailParams,
    /// Whom the message is for.
    pub recipients: Vec<Recipient>,
    /// Which octets the message has.
    pub body: BodyType,
    /// How many octets the message has, where that is known. What the server does not take is then
    /// not begun.
    pub size: Option<u64>,
}

/// One recipient of an [`Envelope`].
///
/// ```
/// use mailwire_smtp::client::Recipient;
/// let recipient = Recipient::new("<bob@example.net>".parse()?);
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Recipient {
    /// Whom the message is for.
    pub to: ForwardPath,
    /// Parameters of RCPT.
    pub params: RcptParams,
}

impl Recipient {
    /// A recipient without parameters.
    #[must_use]
    pub fn new(to: ForwardPath) -> Self {
        Self {
            to,
            params: RcptParams::new(),
        }
    }
}

impl Envelope {
    /// An envelope without recipients, for a message of 8 bits and unknown size.
    #[must_use]
    pub fn new(from: ReversePath) -> Self {
        Self {
            from,
            params: MailParams::new(),
            recipients: Vec::new(),
            body: BodyType::EightBitMime,
            size: None,
        }
    }

    /// Adds a recipient without parameters.
    pub fn add(&mut self, to: ForwardPath) -> &mut Self {
        self.recipients.push(Recipient::new(to));
        self
    }

    /// The parameters of MAIL, as far as the server knows them.
    fn mail_params(&self, offered: &Capabilities) -> MailParams {
        let mut params = self.params.clone();
        if let Some(size) = self.size
            && offered.offers(Extension::Size)
        {
            params = params.with_size(size);
        }
        if self.body != BodyType::SevenBit {
            params = params.with_body(self.body);
        }
        let ascii = self.from.is_ascii() && self.recipients.iter().all(|r| r.to.is_ascii());
        if !ascii {
            params = params.with_smtputf8();
        }
        params
    }
}

/// What became of the message for one recipient.
///
/// ```
/// use mailwire_smtp::client::Outcome;
/// fn retry(outcome: &Outcome) -> bool {
///     match outcome {
///         Outcome::Delivered(_) => false,
///         Outcome::Rejected(reply) => reply.code().value() < 500,
///         // It may have arrived: trying again may deliver it twice, not trying may lose it.
///         Outcome::Unknown => true,
///         _ => true,
///     }
/// }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The server took the message for this recipient.
    Delivered(Reply),
    /// The server refused it, for now (4yz) or for good (5yz).
    Rejected(Reply),
    /// The connection ended before the whole message was handed over: it was not delivered.
    NotSent,
    /// The connection ended after the message was handed over and before the reply: nobody here
    /// knows whether it was delivered (RFC 1047).
    Unknown,
}

/// How far a transaction is.
///
/// ```
/// use mailwire_smtp::client::Progress;
/// assert_ne!(Progress::Waiting, Progress::WantsBody);
/// ```
#[expect(clippy::exhaustive_enums, reason = "a caller must handle every state")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// Replies are awaited.
    Waiting,
    /// [`Client::write_body`] may be called now, and again whenever the driver has room; then
    /// [`Transaction::end_body`].
    WantsBody,
    /// Every recipient has its outcome, and the client is ready for the next transaction.
    Done,
}

/// Why a transaction was not begun. Nothing was sent.
///
/// ```
/// use mailwire_smtp::client::NotBegun;
/// assert_eq!(NotBegun::NoRecipients.to_string(), "no recipients");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotBegun {
    /// There is nobody to send to.
    #[error("no recipients")]
    NoRecipients,
    /// There are more recipients than are kept.
    #[error("more than {max} recipients")]
    TooManyRecipients {
        /// The limit.
        max: usize,
    },
    /// The server does not offer what the message needs.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The client is not ready for a transaction.
    #[error(transparent)]
    Misuse(#[from] Misuse),
}

/// Recipients of one transaction. A server need not take more than 100 (RFC 5321 §4.5.3.1.8) and
/// says so with 452; this bounds our own memory.
const RECIPIENTS: usize = 100_000;

/// One message on its way through a [`Client`].
///
/// The caller hands every event of the client to [`Transaction::handle`] until it is done, and tells
/// [`Transaction::connection_lost`] if the connection ends before.
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use mailwire_core::machine::{Machine, Step};
/// use mailwire_smtp::client::{Client, Config, Envelope, Outcome, Progress, Transaction};
/// use mailwire_smtp::command::Command;
///
/// let mut client = Client::new(Config::smtp());
/// client.send(Command::Ehlo { client: "client.example".parse()? }).unwrap();
/// let mut input = BytesMut::from("220 mx\r\n");
/// while client.step(&mut input) != Step::NeedInput {}
/// input.extend_from_slice(b"250-mx\r\n250-8BITMIME\r\n250 PIPELINING\r\n");
/// while client.step(&mut input) != Step::NeedInput {}
///
/// let mut envelope = Envelope::new("<alice@example.org>".parse()?);
/// envelope.add("<bob@example.net>".parse()?).add("<eve@example.net>".parse()?);
/// let mut transaction = Transaction::begin(&mut client, envelope).unwrap();
/// while client.step(&mut input) != Step::NeedInput {}
/// input.extend_from_slice(b"250 ok\r\n250 ok\r\n550 no eve\r\n354 go\r\n");
/// loop {
///     match client.step(&mut input) {
///         Step::Event(event) => match transaction.handle(&mut client, event) {
///             Progress::WantsBody => {
///                 client.write_body(Bytes::from_static(b"Subject: hi\r\n\r\n")).unwrap();
///                 transaction.end_body(&mut client).unwrap();
///                 input.extend_from_slice(b"250 done\r\n");
///             }
///             Progress::Waiting => {}
///             Progress::Done => break,
///         },
///         Step::Transmit(_) => {}
///         other => panic!("{other:?}"),
///     }
/// }
/// assert!(matches!(transaction.outcomes()[..], [Outcome::Delivered(_), Outcome::Rejected(_)]));
/// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
/// ```
#[derive(Debug)]
pub struct Transaction {
    recipients: Vec<Recipient>,
    outcomes: Vec<Option<Outcome>>,
    /// Recipients without an outcome.
    open: usize,
    body: BodyType,
    /// Recipients whose RCPT was queued.
    sent: usize,
    /// Recipients whose RCPT was answered.
    answered: usize,
    mail: Id,
    /// The id of the first RCPT; the others follow it.
    rcpts: Vec<Id>,
    message: Option<Id>,
    rset: Option<Id>,
    /// In LMTP, the recipients up to here have had their replies.
    settled_up_to: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// MAIL and RCPT are answered.
    Envelope,
    /// The message is wanted, or will be.
    Body,
    /// The message was handed over.
    Sent,
    /// Nothing was accepted, and RSET waits for its reply.
    Resetting,
    Done,
}

impl Transaction {
    /// Queues MAIL and RCPT, and with PIPELINING the start of the message.
    ///
    /// # Errors
    ///
    /// [`NotBegun`], before anything is sent: a message that is larger than the server takes, or
    /// that needs what it does not offer, is not tried and not changed (RFC 1870 §6.2, RFC 6152 §3,
    /// RFC 6531 §3.2).
    ///
    /// ```
    /// use mailwire_smtp::client::{Client, Config, Envelope, NotBegun, Transaction};
    /// let mut client = Client::new(Config::smtp());
    /// let nobody = Envelope::new("<alice@example.org>".parse()?);
    /// assert_eq!(Transaction::begin(&mut client, nobody).unwrap_err(), NotBegun::NoRecipients);
    /// # Ok::<(), mailwire_smtp::error::InvalidValue>(())
    /// ```
    pub fn begin(client: &mut Client, envelope: Envelope) -> Result<Self, NotBegun> {
        if envelope.recipients.is_empty() {
            return Err(NotBegun::NoRecipients);
        }
        if envelope.recipients.len() > RECIPIENTS {
            return Err(NotBegun::TooManyRecipients { max: RECIPIENTS });
        }
        let nothing = Capabilities::new();
        let offered = client.capabilities().unwrap_or(&nothing);
        if let (Some(size), Some(max)) = (envelope.size, offered.size())
            && max != 0
            && size > max
        {
            return Err(Unsupported::Size { max }.into());
        }
        let params = envelope.mail_params(offered);
        check::mail(offered, &envelope.from, &params)?;
        for recipient in &envelope.recipients {
            check::rcpt(offered, &recipient.to, &recipient.params)?;
        }
        let Envelope {
            from,
            recipients,
            body,
            ..
        } = envelope;
        let mail = client.send(Command::Mail { from, params })?;
        let mut transaction = Self {
            outcomes: recipients.iter().map(|_| None).collect(),
            open: recipients.len(),
            rcpts: Vec::with_capacity(recipients.len()),
            recipients,
            body,
            sent: 0,
            answered: 0,
            mail,
            message: None,
            rset: None,
            settled_up_to: 0,
            state: State::Envelope,
        };
        if client.pipelines() {
            transaction.send_more(client);
        }
        Ok(transaction)
    }

    /// Takes an event of the client. Those of other commands are not looked at.
    pub fn handle(&mut self, client: &mut Client, event: Event) -> Progress {
        match event {
            Event::Reply { id, reply } if id == self.mail => self.mail_answered(client, &reply),
            Event::Reply { id, reply } if Some(id) == self.message => {
                self.message_answered(client, &reply);
            }
            Event::Reply { id, .. } if Some(id) == self.rset => self.state = State::Done,
            Event::Reply { id, reply } => self.rcpt_answered(client, id, reply),
            Event::RecipientReply {
                id,
                recipient,
                remaining,
                reply,
            } if Some(id) == self.message => {
                self.settle_next(recipient, &reply);
                if remaining == 0 {
                    self.state = State::Done;
                }
            }
            Event::BodyWanted { id } if Some(id) == self.message => {
                return self.body_wanted(client);
            }
            _ => {}
        }
        self.progress()
    }

    /// Writes octets of the message, and passes on what [`Client::write_body`] says.
    ///
    /// # Errors
    ///
    /// As [`Client::write_body`].
    ///
    /// ```
    /// use bytes::Bytes;
    /// use mailwire_smtp::client::{Client, Misuse, Transaction};
    /// fn write(transaction: &mut Transaction, client: &mut Client) -> Result<(), Misuse> {
    ///     transaction.write_body(client, Bytes::from_static(b"Subject: hi\r\n\r\n"))
    /// }
    /// ```
    pub fn write_body(&mut self, client: &mut Client, octets: Bytes) -> Result<(), Misuse> {
        client.write_body(octets)
    }

    /// Ends the message.
    ///
    /// # Errors
    ///
    /// As [`Client::end_body`].
    ///
    /// ```
    /// use mailwire_smtp::client::{Client, Misuse, Transaction};
    /// fn end(transaction: &mut Transaction, client: &mut Client) -> Result<(), Misuse> {
    ///     transaction.end_body(client)
    /// }
    /// ```
    pub fn end_body(&mut self, client: &mut Client) -> Result<(), Misuse> {
        client.end_body()?;
        if self.state == State::Body {
            self.state = State::Sent;
        }
        Ok(())
    }

    /// The connection has ended, in whatever way. What has no outcome yet gets one: `Unknown` once
    /// the message was handed over, `NotSent` before.
    pub fn connection_lost(&mut self) {
        let outcome = if self.state == State::Sent {
            Outcome::Unknown
        } else {
            Outcome::NotSent
        };
        self.settle_all(&outcome);
        self.state = State::Done;
    }

    /// How far the transaction is.
    #[must_use]
    pub const fn progress(&self) -> Progress {
        match self.state {
            State::Done => Progress::Done,
            _ => Progress::Waiting,
        }
    }

    /// The outcome for each recipient, in the order of the envelope. Recipients that have none yet
    /// are `NotSent`.
    #[must_use]
    pub fn outcomes(&self) -> Vec<Outcome> {
        self.outcomes
            .iter()
            .map(|outcome| outcome.clone().unwrap_or(Outcome::NotSent))
            .collect()
    }

    /// The recipients, in the order of the outcomes.
    #[must_use]
    pub fn recipients(&self) -> &[Recipient] {
        &self.recipients
    }

    fn mail_answered(&mut self, client: &mut Client, reply: &Reply) {
        if reply.severity() == Severity::Completion {
            self.send_more(client);
            return;
        }
        self.settle_open(reply);
        if self.rcpts.is_empty() {
            // Nothing was sent behind MAIL, and nothing was begun.
            self.state = State::Done;
        }
    }

    fn rcpt_answered(&mut self, client: &mut Client, id: Id, reply: Reply) {
        if self.rcpts.get(self.answered) != Some(&id) {
            return;
        }
        if let Some(outcome) = self.outcomes.get_mut(self.answered)
            && outcome.is_none()
            && reply.severity() != Severity::Completion
        {
            *outcome = Some(Outcome::Rejected(reply));
            self.open -= 1;
        }
        self.answered += 1;
        self.send_more(client);
    }

    /// Queues what may be queued now.
    fn send_more(&mut self, client: &mut Client) {
        let pipelines = client.pipelines();
        // A window, so that a server which is slow does not make us keep a long queue.
        let window = if pipelines {
            limits::OUTSTANDING / 2
        } else {
            1
        };
        let mail_failed = self.all_settled();
        while !mail_failed
            && self.sent - self.answered < window
            && let Some(recipient) = self.recipients.get(self.sent)
        {
            let Recipient { to, params } = recipient.clone();
            let Ok(id) = client.send(Command::Rcpt { to, params }) else {
                return;
            };
            self.rcpts.push(id);
            self.sent += 1;
        }
        let all_answered = self.answered == self.sent;
        if self.message.is_some() || self.rset.is_some() {
            return;
        }
        if all_answered && self.all_settled() {
            self.reset(client);
        } else if self.sent == self.recipients.len()
            && (all_answered || (pipelines && !client.chunks(self.body)))
        {
            // DATA may be the last of a group: its 354 comes behind the replies to RCPT. BDAT
            // cannot be taken back, so it waits for them (RFC 2920 §3.1, RFC 3030 §4.1).
            if let Ok(id) = client.send_body(self.body) {
                self.message = Some(id);
                self.state = State::Body;
            }
        }
    }

    /// Nobody is left to send to.
    fn reset(&mut self, client: &mut Client) {
        match client.send(Command::Rset) {
            Ok(id) => {
                self.rset = Some(id);
                self.state = State::Resetting;
            }
            Err(_) => self.state = State::Done,
        }
    }

    fn body_wanted(&mut self, client: &mut Client) -> Progress {
        if self.all_settled() {
            // A 354 although no recipient was accepted: nothing but the end goes out
            // (RFC 2920 §3.1).
            if client.end_body().is_ok() {
                self.state = State::Resetting;
            }
            return self.progress();
        }
        Progress::WantsBody
    }

    /// The reply to the whole message, or to a DATA or BDAT that was refused.
    fn message_answered(&mut self, client: &mut Client, reply: &Reply) {
        self.settle_open(reply);
        if self.state == State::Body {
            // It was refused before its end, so the server still has the envelope.
            self.reset(client);
        } else {
            self.state = State::Done;
        }
    }

    /// Gives the recipients that are still open this reply.
    fn settle_open(&mut self, reply: &Reply) {
        self.settle_all(&outcome_of(reply));
    }

    fn settle_all(&mut self, outcome: &Outcome) {
        for open in self.outcomes.iter_mut().filter(|open| open.is_none()) {
            *open = Some(outcome.clone());
        }
        self.open = 0;
    }

    /// Gives the next recipient that was accepted this reply; they come in order.
    fn settle_next(&mut self, nth: usize, reply: &Reply) {
        let from = if nth == 0 { 0 } else { self.settled_up_to };
        let open = self.outcomes.iter().skip(from).position(Option::is_none);
        if let Some(at) = open.map(|offset| from + offset)
            && let Some(outcome) = self.outcomes.get_mut(at)
        {
            *outcome = Some(outcome_of(reply));
            self.open -= 1;
            self.settled_up_to = at + 1;
        }
    }

    const fn all_settled(&self) -> bool {
        self.open == 0
    }
}

fn outcome_of(reply: &Reply) -> Outcome {
    if reply.severity() == Severity::Completion {
        Outcome::Delivered(reply.clone())
    } else {
        Outcome::Rejected(reply.clone())
    }
}
