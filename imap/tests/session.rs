//! The async trait over the machine.

use std::{
    future::Future,
    num::NonZeroU32,
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use mailwire_core::{
    machine::{Machine, Step, TlsInfo},
    secret::SecretBytes,
    text::Octets,
};
use mailwire_imap::{
    State,
    command::{CommandBody, Fields, Mechanism, Message, SelectParameters},
    mailbox::Mailbox,
    response::{Code, Fetch, Response, Section},
    server::{Access, Done, Event, Invalid, Misuse, Reset, Selected},
    session::{Answer, AuthAnswer, AuthStep, Reaction, Session, Untagged, Wanted, more, respond},
};

use crate::{
    server::{ONE, Rig, everything, inbox},
    transcripts::tls,
};

/// Runs a future that never waits.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

/// One mailbox with messages of 100,000 octets.
#[derive(Default)]
struct Example {
    told: Vec<String>,
    /// What is left of the messages that are being fetched.
    pieces: Vec<usize>,
    message: Vec<u8>,
    stored: Vec<Vec<u8>>,
}

const PIECE: usize = 50_000;

impl Session for Example {
    async fn login(&mut self, user: Octets, password: SecretBytes) -> Result<(), Done> {
        match &*user {
            b"bob" if password.matches(b"secret") => Ok(()),
            // A mistake: it must let nobody in.
            b"oops" => Err(Done::ok("you may")),
            _ => Err(Done::wrong_credentials()),
        }
    }

    async fn auth(&mut self, step: AuthStep) -> AuthAnswer {
        match step {
            AuthStep::Start { initial: None, .. } => AuthAnswer::Challenge(Bytes::new()),
            AuthStep::Start {
                mechanism,
                initial: Some(_),
            } => {
                self.told.push(mechanism.to_string());
                AuthAnswer::Refuse(Done::ok("you may"))
            }
            AuthStep::Response(response) if response.matches(b"\0bob\0secret") => {
                AuthAnswer::Accept
            }
            AuthStep::Response(_) => AuthAnswer::Refuse(Done::wrong_credentials()),
        }
    }

    fn auth_cancelled(&mut self) {
        self.told.push("cancelled".into());
    }

    fn secured(&mut self, tls: &TlsInfo) {
        self.told.push(tls.version.to_string());
    }

    fn id(&mut self, fields: Option<&Fields>) {
        self.told.push(format!("id {}", fields.is_some()));
    }

    async fn select(
        &mut self,
        mailbox: Mailbox,
        _: SelectParameters,
        _: Access,
        out: &mut Untagged,
    ) -> Result<Selected, Done> {
        if !mailbox.is_inbox() {
            return Err(Done::no("no such mailbox").with_code(&Code::NonExistent));
        }
        out.push(Response::Exists(9));
        Ok(inbox())
    }

    async fn command(&mut self, command: CommandBody, out: &mut Untagged) -> Answer {
        match command {
            CommandBody::Noop => {
                out.push(Response::Expunge(ONE));
                Answer::Completed
            }
            CommandBody::Fetch { .. } => {
                self.pieces = vec![2, 2];
                Answer::More
            }
            CommandBody::Store { .. } => {
                // A mistake.
                out.push(Response::Expunge(ONE));
                Answer::Completed
            }
            CommandBody::Copy { .. } => {
                out.fetch(message(1));
                Answer::Abort
            }
            _ => Answer::Done(Done::no("not here").with_code(&Code::Cannot)),
        }
    }

    async fn more(&mut self, out: &mut Untagged) -> Answer {
        let Some(left) = self.pieces.last_mut() else {
            return Answer::Completed;
        };
        if *left == 2 {
            out.fetch(message(2));
        }
        out.body(Bytes::from(vec![b'x'; PIECE]));
        *left -= 1;
        if *left == 0 {
            self.pieces.pop();
        }
        Answer::More
    }

    async fn append(&mut self, mailbox: Mailbox, _: Message) -> Result<(), Done> {
        if mailbox.is_inbox() {
            Ok(())
        } else {
            Err(Done::no("no such mailbox").with_code(&Code::TryCreate))
        }
    }

    async fn append_next(&mut self, _: Message) -> Result<(), Done> {
        let message = core::mem::take(&mut self.message);
        self.stored.push(message);
        Ok(())
    }

    async fn append_body(&mut self, octets: Bytes) -> Wanted {
        self.message.extend_from_slice(&octets);
        if self.message.starts_with(b"full") {
            return Wanted::Nothing(Done::no("disk full").with_code(&Code::OverQuota));
        }
        Wanted::More
    }

    async fn append_end(&mut self, out: &mut Untagged) -> Done {
        let message = core::mem::take(&mut self.message);
        self.stored.push(message);
        out.push(Response::Exists(10));
        Done::ok("stored").with_code(&Code::AppendUid {
            validity: ONE,
            uids: "7".parse().unwrap(),
        })
    }

    fn append_reset(&mut self, why: Reset) {
        self.stored.clear();
        self.message.clear();
        self.told.push(format!("{why:?}"));
    }

    async fn idle(&mut self, out: &mut Untagged) {
        out.push(Response::Exists(11));
    }

    fn done(&mut self) {
        self.told.push("done".into());
    }

    fn invalid(&mut self, what: &Invalid) {
        self.told.push(what.to_string());
    }
}

/// A FETCH whose literal comes in so many pieces.
fn message(pieces: usize) -> Fetch {
    let octets = (pieces * PIECE) as u64;
    Fetch::builder(ONE)
        .streamed_section(Section::of(b"").unwrap(), None, octets)
        .build()
}

/// The whole of a server's loop.
fn serve(rig: &mut Rig, session: &mut Example, lines: &str) -> Result<(), Misuse> {
    rig.input.extend_from_slice(lines.as_bytes());
    loop {
        match rig.server.step(&mut rig.input) {
            Step::Transmit(octets) => {
                assert!(octets.len() <= 64 * 1024);
                rig.said.extend_from_slice(&octets);
            }
            Step::Event(event) => ready(respond(session, event)).apply(&mut rig.server)?,
            Step::NeedBody => ready(more(session)).apply(&mut rig.server)?,
            Step::NeedAnswer => panic!("an answer was forgotten"),
            wait => {
                rig.wait = wait;
                return Ok(());
            }
        }
    }
}

#[test]
fn a_session_is_a_handful_of_methods() {
    let mut rig = Rig::new(everything());
    let mut session = Example::default();
    rig.server.tls_started(tls());
    serve(
        &mut rig,
        &mut session,
        "a ID NIL\r\nb LOGIN bob wrong\r\nc LOGIN oops x\r\nd AUTHENTICATE PLAIN AAAA\r\n",
    )
    .unwrap();
    assert_eq!(
        rig.server.state(),
        State::NotAuthenticated,
        "{}",
        rig.said()
    );
    assert!(rig.said().contains("c NO [UNAVAILABLE]"));
    assert!(rig.said().contains("d NO [UNAVAILABLE]"));
    serve(
        &mut rig,
        &mut session,
        "e AUTHENTICATE PLAIN\r\n*\r\nf AUTHENTICATE PLAIN\r\nAGJvYgBzZWNyZXQ=\r\n",
    )
    .unwrap();
    assert_eq!(rig.server.state(), State::Authenticated);
    assert_eq!(session.told, ["TLSv1.3", "id false", "PLAIN", "cancelled"]);
    rig.forget();
    let lines =
        "g SELECT Nowhere\r\nh SELECT INBOX\r\ni NOOP\r\nj CREATE x\r\nk IDLE\r\nDONE\r\nl\r\n";
    serve(&mut rig, &mut session, lines).unwrap();
    let said = rig.said();
    let behind = said
        .split("g NO [NONEXISTENT] no such mailbox\r\n")
        .nth(1)
        .unwrap();
    // What a session adds to SELECT stands between its responses and the OK.
    assert!(behind.ends_with(
        "* OK [HIGHESTMODSEQ 77] highest\r\n\
         * 9 EXISTS\r\n\
         h OK [READ-WRITE] SELECT completed\r\n\
         * 1 EXPUNGE\r\n\
         i OK NOOP completed\r\n\
         j NO [CANNOT] not here\r\n\
         + idling\r\n\
         * 11 EXISTS\r\n\
         k OK IDLE completed\r\n\
         l BAD expected a single space at octet 1\r\n"
    ));
    assert_eq!(session.told.len(), 6);
}

#[test]
fn a_large_answer_comes_in_pieces() {
    let mut rig = Rig::in_state(everything(), State::Selected);
    let mut session = Example::default();
    serve(
        &mut rig,
        &mut session,
        "a FETCH 1:2 BODY[]\r\nb FETCH 1 BODY[]\r\n",
    )
    .unwrap();
    let one = format!("* 1 FETCH (BODY[] {{{}}}\r\n", 2 * PIECE).len() + 2 * PIECE + ")\r\n".len();
    assert_eq!(
        rig.said.len(),
        4 * one + 2 * "a OK FETCH completed\r\n".len()
    );
    assert!(rig.said.ends_with(b"x)\r\nb OK FETCH completed\r\n"));
}

#[test]
fn no_octets_behind_a_literal_are_nothing() {
    let mut out = Untagged::new();
    out.body(Bytes::new());
    assert!(out.is_empty());
    out.fetch(message(1));
    out.body(Bytes::from(vec![b'x'; PIECE]));
    out.body(Bytes::new());
    assert_eq!((out.len(), out.body_octets()), (2, PIECE));
}

#[test]
fn append_is_stored_whole_or_not_at_all() {
    let mut rig = Rig::in_state(everything(), State::Selected);
    let mut session = Example::default();
    serve(
        &mut rig,
        &mut session,
        "a APPEND Nowhere {3}\r\nb APPEND INBOX {3}\r\nabc {3}\r\ndef\r\n",
    )
    .unwrap();
    assert_eq!(session.stored, [b"abc", b"def"]);
    assert!(rig.said().contains("a NO [TRYCREATE] no such mailbox\r\n"));
}

#[test]
fn append_to_the_mailbox_that_is_selected_tells_what_is_new() {
    let mut rig = Rig::in_state(everything(), State::Selected);
    let mut session = Example::default();
    serve(&mut rig, &mut session, "a APPEND INBOX {3+}\r\nabc\r\n").unwrap();
    assert_eq!(rig.said(), "* 10 EXISTS\r\na OK [APPENDUID 1 7] stored\r\n");
    rig.forget();
    serve(
        &mut rig,
        &mut session,
        "b APPEND INBOX {4+}\r\nfull\r\nc APPEND INBOX {3}\r\nabc\r\n",
    )
    .unwrap();
    assert_eq!(session.told, ["Refused"]);
    assert_eq!(session.stored, [b"abc"]);
    assert!(rig.said().starts_with("b NO [OVERQUOTA] disk full\r\n"));
}

#[test]
fn a_mistake_of_a_session_is_told_to_its_caller() {
    let mut rig = Rig::in_state(everything(), State::Selected);
    let mut session = Example::default();
    let result = serve(&mut rig, &mut session, "a STORE 1 FLAGS ()\r\n");
    assert_eq!(result, Err(Misuse::Misplaced));
}

#[test]
fn a_literal_that_cannot_be_completed_cuts_the_connection() {
    let mut rig = Rig::in_state(everything(), State::Selected);
    let mut session = Example::default();
    serve(&mut rig, &mut session, "a COPY 1 x\r\n").unwrap();
    assert_eq!(rig.wait, Step::Close(Ok(())));
    assert!(!rig.said().contains("OK"));
}

/// A session that does the least.
struct Least;

impl Session for Least {
    async fn login(&mut self, _: Octets, _: SecretBytes) -> Result<(), Done> {
        Ok(())
    }
    async fn select(
        &mut self,
        _: Mailbox,
        _: SelectParameters,
        access: Access,
        _: &mut Untagged,
    ) -> Result<Selected, Done> {
        Ok(Selected::new(access, ONE, ONE))
    }
    async fn command(&mut self, _: CommandBody, _: &mut Untagged) -> Answer {
        Answer::More
    }
    async fn append(&mut self, _: Mailbox, _: Message) -> Result<(), Done> {
        Ok(())
    }
}

#[test]
fn what_a_session_leaves_out_does_no_harm() {
    let mechanism = Mechanism::new(b"PLAIN").unwrap();
    let start = Event::AuthStart {
        mechanism,
        initial: None,
    };
    let unavailable = "Reply(Done(NO [UNAVAILABLE] temporary failure, try again later))";
    let first = Message::new(3);
    for (event, expected) in [
        (start, unavailable),
        (Event::AuthCancelled, "Nothing"),
        (Event::Secured(Box::new(tls())), "Nothing"),
        (Event::AppendNext { message: first }, unavailable),
        (Event::Body(Bytes::from_static(b"abc")), unavailable),
        (Event::AppendEnd, unavailable),
        (Event::AppendReset(Reset::Refused), "Nothing"),
        (Event::Idle, "Nothing"),
        (Event::Done, "Nothing"),
        (Event::Command(CommandBody::Noop), "More"),
    ] {
        let shown = format!("{:?}", ready(respond(&mut Least, event)));
        assert!(shown.contains(expected), "{shown}");
    }
    assert!(format!("{:?}", ready(more(&mut Least))).contains("Accept"));
}

#[test]
fn updates_between_events_go_the_same_way() {
    let mut rig = Rig::in_state(everything(), State::Selected);
    let mut out = Untagged::new();
    out.push(Response::Exists(12));
    out.push(Response::Recent(NonZeroU32::MIN.get()));
    assert_eq!(out.len(), 2);
    Reaction::from(out).apply(&mut rig.server).unwrap();
    rig.run();
    assert_eq!(rig.said(), "* 12 EXISTS\r\n* 1 RECENT\r\n");
}
