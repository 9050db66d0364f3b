//! IMAP4rev1 and IMAP4rev2 for clients and servers as machines without I/O.
//!
//! ```text
//!                    octets                                            octets
//!   application ◄──► Client ─────────► commands ──────────► Server ◄──► application
//!      events,          ▲                                     ▲           Session, over
//!      send()           │            ◄── responses            │           toolkit and store
//!                     Open                                 frame
//!        greeting, STARTTLS, login              lines and literals, then grammar
//! ```
//!
//! [`Client`] and [`Server`] obey one contract, [`mailwire_core::machine`]: a driver, such as the one
//! in `mailtls`, feeds them octets and does what they say. They share the codec: [`frame`] finds
//! where a command or a response ends, literals included, and [`command`] and [`response`] read what
//! is whole. What is not known is kept, and a bad item costs itself and not its neighbours.
//!
//! | you want | begin with |
//! |---|---|
//! | to read mail | [`Open`], which leads to a [`Client`] that is logged in |
//! | to serve mail | [`session`], a trait of a few async methods, and [`toolkit`] for what is behind them |
//! | to look at the protocol | [`frame`], [`command::Command::parse`], [`response::Response::parse`] |
//!
//! Read first: RFC 9051 §2 to §7, RFC 3501 where it differs, RFC 7162 §3 for mod-sequences. Not
//! supported: COMPRESS, NOTIFY, METADATA, ACL and QUOTA beyond their names and codes.
//!
//! # A client
//!
//! Commands are sent with an id, and what a server says is told in the order in which it came:
//! [`Data`](client::Event::Data) whether it was asked for or not, then [`Done`](client::Event::Done)
//! with the id. Nothing that comes unasked is ever taken for the answer. [`Open`] goes from the
//! greeting to the login in the one order that is safe; the facade crate `mailwire` has async calls
//! over both.
//!
//! ```
//! use bytes::BytesMut;
//! use mailwire_core::machine::{Machine, Step};
//! use mailwire_imap::{
//!     Client,
//!     client::{Config, Event},
//!     command::CommandBody,
//!     mailbox::Mailbox,
//!     response::Response,
//! };
//!
//! let mut client = Client::new(Config::new());
//! let mut input = BytesMut::from("* PREAUTH [CAPABILITY IMAP4rev1] ready\r\n");
//! let Step::Event(Event::Greeting { .. }) = client.step(&mut input) else { unreachable!() };
//! let mailbox = Mailbox::inbox();
//! let id = client.send(CommandBody::Examine { mailbox, parameters: Default::default() })?;
//! assert_eq!(client.step(&mut input), Step::Transmit("A1 EXAMINE INBOX\r\n".into()));
//! input.extend_from_slice(b"* 17 EXISTS\r\nA1 OK [READ-ONLY] done\r\n");
//! let Step::Event(Event::Data(data)) = client.step(&mut input) else { unreachable!() };
//! assert_eq!(data, Response::Exists(17));
//! let Step::Event(done) = client.step(&mut input) else { unreachable!() };
//! assert!(done.is_ok_of(id));
//! # Ok::<(), mailwire_imap::client::Misuse>(())
//! ```
//!
//! # A server
//!
//! [`Server`] obeys the contract of [`mailwire_core::machine`]: a driver, such as the one in
//! `mailtls`, feeds it octets and does what it says. It keeps the states of RFC 9051 §3, greets,
//! answers what needs no mail store, frames AUTHENTICATE, IDLE and the messages of APPEND, and
//! refuses what is malformed, out of place or not offered. The application is asked for the rest:
//! who may log in, and all that is in mailboxes. [`session`] makes a handful of async methods of
//! that, whose results are the answers.
//!
//! ```
//! use bytes::BytesMut;
//! use mailwire_core::machine::{Machine, Step};
//! use mailwire_imap::{
//!     ClearText, Server,
//!     command::CommandBody,
//!     server::{Config, Done, Event},
//! };
//!
//! let mut config = Config::new("mail.example.test");
//! config.clear_text = ClearText::Permitted;
//! let mut server = Server::new(config);
//! let mut input = BytesMut::from("a LOGIN bob secret\r\nb CREATE Archive\r\nc LOGOUT\r\n");
//! let mut said = BytesMut::new();
//! loop {
//!     match server.step(&mut input) {
//!         Step::Transmit(octets) => said.extend_from_slice(&octets),
//!         Step::Event(Event::Login { password, .. }) if password.matches(b"secret") => {
//!             server.accept_login()?;
//!         }
//!         Step::Event(Event::Login { .. }) => server.reply(&Done::wrong_credentials())?,
//!         Step::Event(Event::Command(CommandBody::Create { .. })) => server.accept()?,
//!         Step::Event(Event::Command(_)) => server.reply(&Done::unavailable())?,
//!         // LOGOUT was answered.
//!         Step::Close(_) => break,
//!         step => unreachable!("{step:?}"),
//!     }
//! }
//! assert!(said.ends_with(b"b OK CREATE completed\r\n* BYE good bye\r\nc OK LOGOUT completed\r\n"));
//! # Ok::<(), mailwire_imap::server::Misuse>(())
//! ```
//!
//! # How to write a store
//!
//! The machine knows no mailbox. What every IMAP server needs behind its commands is in [`toolkit`],
//! pure and without I/O; a store of one's own gives it two things:
//!
//! - a [`Snapshot`](toolkit::view::Snapshot) of each mailbox that is open: for each message its UID,
//!   flags, date, size and mod-sequence. A store keeps one, changes it, and gives each session a
//!   copy, which costs next to nothing.
//! - the text of a message with CRLF line ends, in pieces.
//!
//! With these each command is a few lines:
//!
//! ```
//! use core::num::NonZero;
//! use mailwire_imap::{
//!     command::By,
//!     toolkit::{
//!         message::{FetchPlan, Fetched, ModSeq, Structure, Text},
//!         view::{Facts, Snapshot, Timing, View},
//!     },
//! };
//!
//! // The store: one mailbox with one message.
//! let text = b"Subject: lunch\r\n\r\nAt noon?\r\n";
//! let uid = NonZero::new(7).unwrap();
//! let mut mailbox = Snapshot::new(NonZero::new(1).unwrap(), NonZero::new(8).unwrap());
//! mailbox.messages.push(Facts::new(uid, "\"17-Jul-1996 02:44:25 -0700\"".parse()?, 28));
//!
//! // SELECT: what this client has been told.
//! let mut view = View::new(mailbox.clone());
//!
//! // FETCH 1 (ENVELOPE BODY.PEEK[TEXT])
//! let plan = FetchPlan::new(&"(UID BODY.PEEK[TEXT])".parse()?, By::Number, ModSeq::IfAsked);
//! for (number, facts) in view.resolve(&"1".parse()?, By::Number, &[])? {
//!     let structure = Structure::of(text);
//!     let mut fetched = Fetched::new(number, &facts);
//!     fetched.structure = Some(&structure);
//!     fetched.text = Text::Whole(text);
//!     let answer = plan.answer(&fetched)?;
//!     assert_eq!(answer.fetch.wire(), b"* 1 FETCH (UID 7 BODY[TEXT] {10}\r\nAt noon?\r\n)");
//! }
//!
//! // Another session removes the message; NOOP tells it.
//! mailbox.messages.remove(uid);
//! view.update(mailbox)?;
//! let told: Vec<_> = view.changes(Timing::Any).collect();
//! assert_eq!(told.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! SEARCH is a [`Query`](toolkit::search::Query) that is asked of the facts first and of the text
//! only where these do not say enough; SORT and THREAD are in [`toolkit::sort`] and
//! [`toolkit::thread`], LIST and the names of mailboxes in [`toolkit::list`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod bodystructure;
pub mod capability;
pub mod client;
pub mod command;
pub mod datetime;
pub mod encode;
pub mod envelope;
pub mod error;
pub mod flag;
pub mod frame;
pub mod grammar;
pub mod limits;
pub mod mailbox;
pub mod open;
pub mod response;
pub mod sequence;
pub mod server;
pub mod session;
mod state;
pub mod text;
#[cfg(feature = "toolkit")]
pub mod toolkit;
pub mod utf7;

pub use client::Client;
pub use open::Open;
pub use server::Server;
pub use state::{ClearText, Protection, State};
