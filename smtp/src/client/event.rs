//! What a client tells the application.

use mailwire_core::secret::SecretBytes;

use crate::reply::Reply;

/// A command that was sent, to tell the replies apart.
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_smtp::{client::{Client, Config}, command::Command};
/// let mut client = Client::new(Config::smtp());
/// let first = client.send(Command::Noop { text: None }).unwrap();
/// assert_ne!(client.send(Command::Rset).unwrap(), first);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Id(pub(super) u32);

/// What a client tells the application.
///
/// ```
/// use mailwire_smtp::client::Event;
/// fn show(event: &Event) -> String {
///     match event {
///         Event::Greeting(reply) | Event::Reply { reply, .. } => reply.to_text(),
///         _ => String::new(),
///     }
/// }
/// ```
#[non_exhaustive]
#[derive(Debug, PartialEq)]
pub enum Event {
    /// The server's greeting: 220, or a refusal, behind which only QUIT makes sense.
    Greeting(Reply),
    /// The reply to a command. For a message it is the last word: that of DATA if it was refused
    /// there, otherwise that of its end.
    Reply {
        /// Which command.
        id: Id,
        /// What the server says.
        reply: Reply,
    },
    /// In LMTP, the reply to the end of a message for one recipient (RFC 2033 §4.2).
    RecipientReply {
        /// Which message.
        id: Id,
        /// Which recipient, counted from 0 among those that were accepted.
        recipient: usize,
        /// How many replies are still to come.
        remaining: usize,
        /// What the server says.
        reply: Reply,
    },
    /// A SASL challenge, decoded. Answer with [`Client::respond`](super::Client::respond) or
    /// [`Client::cancel_auth`](super::Client::cancel_auth).
    Challenge {
        /// Which AUTH.
        id: Id,
        /// What the server's mechanism says.
        challenge: SecretBytes,
    },
    /// The server wants the message: [`Client::write_body`](super::Client::write_body) now, and as
    /// often as the driver tells of room, then [`Client::end_body`](super::Client::end_body).
    BodyWanted {
        /// Which message.
        id: Id,
    },
    /// The server closes the connection, with a reply that belongs to no command (421,
    /// RFC 5321 §3.8).
    Closing(Reply),
}
