//! Frames of commands: the server's side.

use bytes::{Buf, Bytes, BytesMut};
use mailwire_core::line::Malformed;

use super::{
    Lost,
    literal::{Announced, Literal, announced, announced_at_end, ends_in_quotes},
    scan::Scan,
};
use crate::{command::Tag, encode::Literals, limits};

/// Finds commands in a buffer that the caller fills.
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_imap::frame::{CommandFrame, Commands, Policy};
/// let mut commands = Commands::new(Policy::before_login());
/// let mut input = BytesMut::from("a LOGIN {4}\r\n");
/// assert_eq!(commands.next(&mut input), CommandFrame::Continue);
/// assert_eq!(commands.next(&mut input), CommandFrame::NeedInput);
/// input.extend_from_slice(b"fred {3+}\r\nb*c\r\n");
/// let CommandFrame::Whole(frame) = commands.next(&mut input) else { unreachable!() };
/// assert_eq!(&frame[..], b"a LOGIN {4}\r\nfred {3+}\r\nb*c");
/// ```
#[derive(Clone, Debug)]
pub struct Commands {
    policy: Policy,
    state: State,
    scan: Scan,
    /// Why the present command will be refused; its octets are thrown away.
    refused: Option<Refused>,
    /// How many octets of it were thrown away.
    thrown: u64,
    /// Whether the frame goes on behind a body that was handed out.
    is_tail: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Line,
    /// A literal is awaited that stays in the frame; it ends at the offset.
    Literal(usize),
    /// A body was announced; the caller decides.
    Offered(Literal),
    /// So much of a body is to be handed out.
    Body(u64),
    /// So much of a literal is to be thrown away.
    Throw(u64),
}

/// What is accepted, as it stands before login and after it.
///
/// ```
/// use mailwire_imap::{encode::Literals, frame::Policy};
/// let policy = Policy::logged_in().with_literals(Literals::Plus);
/// assert_eq!(policy.literals, Literals::Plus);
/// assert!(Policy::before_login().literal < policy.literal);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Policy {
    /// Octets of a literal that stays in the frame.
    pub literal: u64,
    /// Octets of a whole command.
    pub command: usize,
    /// Octets of a line.
    pub line: usize,
    /// Which literals the client may send without waiting.
    pub literals: Literals,
    /// Octets of a refused command that are thrown away before the connection is given up.
    pub swallow: u64,
    /// What becomes of the message of an APPEND.
    pub bodies: Bodies,
}

/// What becomes of the message of an APPEND.
///
/// ```
/// use mailwire_imap::frame::{Policy, Bodies};
/// assert_eq!(Policy::before_login().bodies, Bodies::AsLiteral);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it is one or the other")]
pub enum Bodies {
    /// It is handed out in pieces, whatever its size.
    Streamed,
    /// It is a literal like others: nobody may append yet.
    AsLiteral,
}

impl Policy {
    /// Before login: small literals, nothing is streamed; LITERAL- (RFC 7888 §5).
    #[must_use]
    pub const fn before_login() -> Self {
        Self {
            literal: limits::LITERAL_BEFORE_LOGIN,
            command: limits::COMMAND,
            line: limits::COMMAND_LINE,
            literals: Literals::Minus,
            swallow: limits::SWALLOW,
            bodies: Bodies::AsLiteral,
        }
    }

    /// After login.
    #[must_use]
    pub const fn logged_in() -> Self {
        Self {
            literal: limits::LITERAL,
            bodies: Bodies::Streamed,
            ..Self::before_login()
        }
    }

    /// The same with other literals that need not wait.
    #[must_use]
    pub const fn with_literals(self, literals: Literals) -> Self {
        Self { literals, ..self }
    }
}

/// What [`Commands::next`] found.
///
/// ```
/// use mailwire_imap::frame::CommandFrame;
/// assert_ne!(CommandFrame::NeedInput, CommandFrame::Continue);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a machine must handle every outcome"
)]
pub enum CommandFrame {
    /// A whole command without its last CRLF, literals inline. It is not frozen, so a secret in it
    /// can be wiped.
    Whole(BytesMut),
    /// A command up to the announcement of a message, `{n}` included. The caller answers with
    /// [`accept_body`](Commands::accept_body) or [`refuse_body`](Commands::refuse_body).
    Body {
        /// What stood in front; behind an earlier body of the same command only what is new.
        head: BytesMut,
        /// The message.
        literal: Literal,
    },
    /// What stood behind the last body of a command, without the last CRLF.
    Tail(BytesMut),
    /// Within a body; [`take_body`](Commands::take_body) hands it out.
    InBody,
    /// The client waits for a continuation request. It is told once.
    Continue,
    /// A command that nobody can carry out has ended; it wants a BAD or NO.
    Refused(Refused),
    /// The end of the command cannot be found: BYE.
    Lost(Lost),
    /// No whole command is there yet.
    NeedInput,
}

/// A command that ended without having been understood. What it held was thrown away.
///
/// ```
/// use bytes::BytesMut;
/// use mailwire_imap::frame::{CommandFrame, Commands, Policy, Why};
/// let mut commands = Commands::new(Policy::before_login());
/// let mut input = BytesMut::from("a LOGIN {400000000}\r\nb NOOP\r\n");
/// let CommandFrame::Refused(refused) = commands.next(&mut input) else { unreachable!() };
/// assert_eq!(refused.tag.unwrap().as_bytes(), b"a");
/// assert_eq!(refused.why, Why::LiteralTooLarge { max: 8_192 });
/// assert_eq!(commands.next(&mut input), CommandFrame::Whole("b NOOP".into()));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Refused {
    /// The tag for the answer, where one could be read.
    pub tag: Option<Tag>,
    /// Why.
    pub why: Why,
}

/// Why a command was refused before it was understood.
///
/// ```
/// use mailwire_imap::frame::Why;
/// assert_eq!(Why::LineTooLong { max: 9 }.to_string(), "line longer than 9 octets");
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Why {
    /// Braces at the end of a line that announce nothing.
    #[error("invalid literal")]
    BadLiteral,
    /// The caller refused the body.
    #[error("message refused")]
    Body,
    /// The command with its literals is too long.
    #[error("command longer than {max} octets")]
    CommandTooLong {
        /// The limit.
        max: usize,
    },
    /// A line is too long.
    #[error("line longer than {max} octets")]
    LineTooLong {
        /// The limit.
        max: usize,
    },
    /// A literal is too large.
    #[error("literal larger than {max} octets")]
    LiteralTooLarge {
        /// The limit.
        max: u64,
    },
    /// A line held a bare CR, a bare LF or NUL.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The client did not wait where it has to (RFC 7888 §4 and §5).
    #[error("this literal must wait for a continuation request")]
    NotSynchronizing,
}

impl Commands {
    /// At the start of a connection.
    #[must_use]
    pub const fn new(policy: Policy) -> Self {
        Self {
            policy,
            state: State::Line,
            scan: Scan {
                line: 0,
                bad: None,
                at: 0,
            },
            refused: None,
            thrown: 0,
            is_tail: false,
        }
    }

    /// Changes what is accepted, after login for example; it holds from the next line on.
    pub const fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// Forgets what it knows of the buffer, for when somebody else took octets off it: the lines of
    /// AUTHENTICATE and IDLE, which have no literals.
    pub fn reset(&mut self) {
        *self = Self::new(self.policy);
    }

    /// Whether a command has begun but not ended.
    #[must_use]
    pub fn is_inside(&self, input: &BytesMut) -> bool {
        !input.is_empty()
            || self.refused.is_some()
            || self.is_tail
            || !matches!(self.state, State::Line)
    }

    /// Takes the next command off `input`, once it is there.
    pub fn next(&mut self, input: &mut BytesMut) -> CommandFrame {
        loop {
            let found = match self.state {
                State::Offered(_) | State::Body(_) => return CommandFrame::InBody,
                State::Literal(end) if input.len() < end => return CommandFrame::NeedInput,
                State::Literal(end) => {
                    self.state = State::Line;
                    self.scan.begin_line(end);
                    continue;
                }
                State::Throw(left) => self.throw(left, input),
                State::Line => match self.scan.line_end(input) {
                    Some(end) => self.line(end, input),
                    None => self.no_line_end(input),
                },
            };
            match found {
                Ok(Some(command)) => return command,
                Ok(None) => {}
                Err(lost) => return CommandFrame::Lost(lost),
            }
        }
    }

    /// The body is wanted: [`take_body`](Self::take_body) follows. Where the client waits, the
    /// caller sends a continuation request.
    pub const fn accept_body(&mut self) {
        if let State::Offered(literal) = self.state {
            self.state = State::Body(literal.len);
        }
    }

    /// The body, or what is left of it, is not wanted. A client that waits will send the next
    /// command; of others the rest of the command is thrown away and then told as
    /// [`CommandFrame::Refused`].
    pub fn refuse_body(&mut self) {
        let left = match self.state {
            State::Offered(literal) if literal.waits => {
                self.state = State::Line;
                self.is_tail = false;
                return;
            }
            State::Offered(literal) => literal.len,
            State::Body(left) => left,
            _ => return,
        };
        self.state = State::Throw(left);
        self.refused = Some(Refused {
            tag: None,
            why: Why::Body,
        });
    }

    /// What is there of a body; `None` where more input is needed, or where it has ended and
    /// [`next`](Self::next) goes on.
    pub fn take_body(&mut self, input: &mut BytesMut) -> Option<Bytes> {
        let State::Body(left) = self.state else {
            return None;
        };
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        let left = left - take as u64;
        if left == 0 {
            self.state = State::Line;
            self.is_tail = true;
            self.scan = Scan::default();
        } else {
            self.state = State::Body(left);
        }
        (take > 0).then(|| input.split_to(take).freeze())
    }

    /// How much of an accepted body is still to come.
    #[must_use]
    pub const fn body_left(&self) -> u64 {
        match self.state {
            State::Body(left) => left,
            _ => 0,
        }
    }

    fn no_line_end(&mut self, input: &mut BytesMut) -> Result<Option<CommandFrame>, Lost> {
        if self.refused.is_none() {
            // A CR at the end may be the first half of what ends the line.
            let len = input.strip_suffix(b"\r").unwrap_or(input).len();
            match self.too_long(len) {
                Some(why) => self.refuse(why, input),
                None => return Ok(Some(CommandFrame::NeedInput)),
            }
        }
        // What may yet turn out to be `~{9223372036854775807+}` CR stays.
        let old = input.len().saturating_sub(32);
        self.drop_front(old, input)?;
        Ok(Some(CommandFrame::NeedInput))
    }

    /// The limit that a command is met first by that goes on to `end`, however much of it came at once.
    fn too_long(&self, end: usize) -> Option<Why> {
        let (line, command) = (self.policy.line, self.policy.command);
        let line_ends = self.scan.line.saturating_add(line);
        if end <= line_ends.min(command) {
            None
        } else if line_ends <= command {
            Some(Why::LineTooLong { max: line })
        } else {
            Some(Why::CommandTooLong { max: command })
        }
    }

    /// A line ends at `end`.
    fn line(&mut self, end: usize, input: &mut BytesMut) -> Result<Option<CommandFrame>, Lost> {
        let line = input.get(self.scan.line..end).unwrap_or_default();
        // Of a line that is too long nobody knows the front, even if it has come all at once.
        let is_cut = self.refused.is_some() || self.too_long(end).is_some();
        let announced = match announced(line) {
            _ if is_cut => announced_at_end(line),
            // `{50}` within quotes that never end is no literal; but whether a client thinks so
            // that does not wait, nobody knows.
            Announced::Literal(literal, _) if ends_in_quotes(line) => {
                if literal.waits {
                    Announced::Nothing
                } else {
                    Announced::Lost
                }
            }
            announced => announced,
        };
        if self.refused.is_none() {
            let spoilt = || self.scan.bad.map(Why::Malformed);
            // First, for a line that comes in pieces is given up before its end is seen.
            let why = self
                .too_long(end)
                .or_else(spoilt)
                .or_else(|| match announced {
                    Announced::Unreadable => Some(Why::BadLiteral),
                    Announced::Literal(literal, at) if self.is_body(at, input) => {
                        self.not_allowed(literal)
                    }
                    Announced::Literal(literal, _) => self.too_large(literal, end),
                    Announced::Nothing | Announced::Lost => None,
                });
            match (why, announced) {
                (Some(why), _) => self.refuse(why, input),
                (None, Announced::Literal(literal, at)) if self.is_body(at, input) => {
                    return Ok(Some(self.offer(literal, end, input)));
                }
                (None, _) => {}
            }
        }
        match (announced, self.refused.take()) {
            (Announced::Lost, _) => Err(Lost::BadLiteral),
            (Announced::Literal(literal, _), None) => {
                let len = usize::try_from(literal.len).unwrap_or(usize::MAX);
                self.state = State::Literal(end.saturating_add(2).saturating_add(len));
                Ok(literal.waits.then_some(CommandFrame::Continue))
            }
            (_, None) => Ok(Some(self.whole(end, input))),
            (Announced::Literal(literal, _), Some(refused)) if !literal.waits => {
                self.refused = Some(refused);
                self.drop_front(end + 2, input)?;
                self.state = State::Throw(literal.len);
                Ok(None)
            }
            (_, Some(refused)) => {
                self.drop_front(end + 2, input)?;
                self.begin_command();
                Ok(Some(CommandFrame::Refused(refused)))
            }
        }
    }

    const fn not_allowed(&self, literal: Literal) -> Option<Why> {
        let is_allowed = match self.policy.literals {
            _ if literal.waits => true,
            Literals::Synchronizing => false,
            Literals::Minus => literal.len <= limits::LITERAL_MINUS,
            Literals::Plus => true,
        };
        if is_allowed {
            None
        } else {
            Some(Why::NotSynchronizing)
        }
    }

    fn too_large(&self, literal: Literal, end: usize) -> Option<Why> {
        if literal.len > self.policy.literal {
            let max = self.policy.literal;
            return Some(Why::LiteralTooLarge { max });
        }
        let room = self.policy.command.saturating_sub(end + 2) as u64;
        if literal.len > room {
            let max = self.policy.command;
            return Some(Why::CommandTooLong { max });
        }
        self.not_allowed(literal)
    }

    /// Whether the literal announced at `at` of the line is the message of an APPEND.
    fn is_body(&self, at: usize, input: &BytesMut) -> bool {
        if self.policy.bodies == Bodies::AsLiteral {
            return false;
        }
        if self.is_tail {
            return true;
        }
        let before = input.get(..self.scan.line.saturating_add(at));
        let mut words = before.unwrap_or_default().splitn(3, |octet| *octet == b' ');
        let is_append = words
            .nth(1)
            .is_some_and(|word| word.eq_ignore_ascii_case(b"APPEND"));
        // The first argument is the mailbox, which may be a literal too.
        is_append && words.next().is_some_and(|rest| !rest.is_empty())
    }

    fn offer(&mut self, literal: Literal, end: usize, input: &mut BytesMut) -> CommandFrame {
        let mut head = input.split_to(end + 2);
        head.truncate(end);
        self.begin_command();
        self.state = State::Offered(literal);
        CommandFrame::Body { head, literal }
    }

    fn whole(&mut self, end: usize, input: &mut BytesMut) -> CommandFrame {
        let mut frame = input.split_to(end + 2);
        frame.truncate(end);
        let is_tail = self.is_tail;
        self.begin_command();
        if is_tail {
            CommandFrame::Tail(frame)
        } else {
            CommandFrame::Whole(frame)
        }
    }

    /// From here on the command is thrown away.
    fn refuse(&mut self, why: Why, input: &BytesMut) {
        // How much has come of a line that is too long is chance, and so is a tag that it cuts.
        let front = input.get(..=self.policy.line).unwrap_or(input);
        let has_tag = !self.is_tail && front.contains(&b' ');
        let tag = if has_tag { Tag::of(front) } else { None };
        self.refused = Some(Refused { tag, why });
    }

    fn throw(&mut self, left: u64, input: &mut BytesMut) -> Result<Option<CommandFrame>, Lost> {
        if left > self.policy.swallow {
            return Err(self.endless());
        }
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        self.drop_front(take, input)?;
        let left = left - take as u64;
        if left > 0 {
            self.state = State::Throw(left);
            return Ok(Some(CommandFrame::NeedInput));
        }
        self.state = State::Line;
        self.scan.begin_line(0);
        Ok(None)
    }

    fn drop_front(&mut self, count: usize, input: &mut BytesMut) -> Result<(), Lost> {
        input.advance(count.min(input.len()));
        self.scan.taken(count);
        self.thrown = self.thrown.saturating_add(count as u64);
        if self.thrown
            > self
                .policy
                .swallow
                .saturating_add(self.policy.command as u64)
        {
            return Err(self.endless());
        }
        Ok(())
    }

    const fn endless(&self) -> Lost {
        Lost::EndlessCommand {
            max: self.policy.swallow,
        }
    }

    fn begin_command(&mut self) {
        self.state = State::Line;
        self.scan = Scan::default();
        self.refused = None;
        self.thrown = 0;
        self.is_tail = false;
    }
}
