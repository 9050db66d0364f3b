//! `mailsend`: one message to its recipients, each with an answer of its own.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::Parser;
use mailwire::{
    Account, Endpoint, Report, SendError, Submission, envelope,
    smtp::{
        address::{ForwardPath, Mailbox},
        client::{Envelope, Outcome},
        reply::{Reply, Severity},
    },
};
use serde::Serialize;

use super::{
    access::{Access, ServerUrl, patiently},
    exit::{Exit, Failure, complain},
    message::Message,
    progress,
};

/// The name in messages.
const TOOL: &str = "mailsend";

const EXITS: &str = "\
Exit codes:
  0  every recipient has it
  1  refused for good, for some recipients or all
  2  the command line, the message or the password cannot be used
  3  it may work later: a temporary refusal, no connection, or one that was lost
  4  no TLS as it was asked for, or the server did not prove who it is
  5  the login was refused";

/// Send one message over SMTP submission or LMTP.
///
/// TLS with a verified server is required unless --tls says otherwise: with STARTTLS for smtp://
/// and lmtp://, from the first octet for smtps://. Lines of FILE may end with LF or CRLF. What is
/// sent is FILE, unchanged otherwise: --from and --to are only the envelope.
#[derive(Debug, Parser)]
#[command(name = "mailsend", version, about, long_about, after_help = EXITS)]
#[non_exhaustive]
pub struct Options {
    /// The server: smtp://USER@HOST:PORT, smtps:// or lmtp://; without USER nobody logs in
    #[arg(value_name = "URL")]
    pub url: ServerUrl,

    /// The message, or - for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Deliver to ADDRESS; may be given several times
    #[arg(long, value_name = "ADDRESS", required = true)]
    pub to: Vec<String>,

    /// Send as ADDRESS, '' for the null sender [default: the user where that is an address, else
    /// the address in the From field]
    #[arg(long, value_name = "ADDRESS")]
    pub from: Option<String>,

    /// The server and the output.
    #[command(flatten)]
    pub access: Access,
}

/// All that was found to be in order before a connection is made.
#[derive(Debug)]
pub struct Prepared {
    account: Account,
    envelope: Envelope,
    message: Message,
}

impl Prepared {
    /// Checks everything that can be checked here. It may ask for a password.
    ///
    /// # Errors
    ///
    /// The first thing that cannot be used.
    pub fn new(options: &Options) -> Result<Self, Failure> {
        let endpoint = options.url.endpoint()?;
        let message = Message::open(&options.file)?;
        let from = sender(options.from.as_deref(), &endpoint, &message)?;
        let to: Vec<&str> = options.to.iter().map(String::as_str).collect();
        let envelope = envelope(&from, &to, b"");
        let mut envelope = envelope.map_err(|error| Failure::not_sent(&error, &endpoint))?;
        envelope.size = message.size();
        envelope.body = message.body();
        let account = options.access.account(endpoint, TOOL)?;
        Ok(Self {
            account,
            envelope,
            message,
        })
    }

    /// Sends it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future in the middle leaves open what became of the message.
    pub async fn send(self) -> Sent {
        let endpoint = self.account.endpoint().clone();
        let octets = self.message.octets();
        let failed = |failure| Sent {
            octets,
            report: None,
            failure: Some(failure),
        };
        let opening = patiently(Submission::open(&self.account), &endpoint, TOOL).await;
        let mut submission = match opening {
            Ok(submission) => submission,
            Err(error) => return failed(Failure::not_opened(&error, &self.account)),
        };
        let bar = progress::bar(octets, "sending");
        let reader = self.message.into_reader();
        let sending =
            submission.send_from(self.envelope, reader, |octets| bar.set_position(octets));
        let sent = sending.await;
        bar.finish_and_clear();
        match sent {
            Ok(report) => {
                submission.quit().await;
                Sent {
                    octets,
                    report: Some(report),
                    failure: None,
                }
            }
            Err(error) => {
                let failure = Failure::not_sent(&error, &endpoint);
                let report = match error {
                    SendError::Lost { report, .. } => Some(report),
                    _ => None,
                };
                Sent {
                    octets,
                    report,
                    failure: Some(failure),
                }
            }
        }
    }
}

/// Who sends: who was named, else who logs in, else who wrote.
fn sender(named: Option<&str>, endpoint: &Endpoint, message: &Message) -> Result<String, Failure> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    let user = endpoint.user.as_deref();
    let is_address = |user: &&str| user.parse::<Mailbox>().is_ok();
    let found = user.filter(is_address).or_else(|| message.sender());
    found.map(str::to_owned).ok_or_else(|| {
        let nowhere = "the sender is not known: the message has no From field with one address";
        let failure = match user {
            Some(user) => Failure::new(
                Exit::Unusable,
                format_args!("{nowhere}, and {user:?} is none"),
            ),
            None => Failure::new(Exit::Unusable, nowhere),
        };
        failure.remedy("name it with --from")
    })
}

/// What became of a message.
#[derive(Clone, Debug)]
pub struct Sent {
    octets: Option<u64>,
    report: Option<Report>,
    failure: Option<Failure>,
}

#[derive(Serialize)]
struct Document<'a> {
    delivered: bool,
    exit: u8,
    octets: Option<u64>,
    recipients: Vec<Recipient<'a>>,
    error: Option<String>,
}

#[derive(Serialize)]
struct Recipient<'a> {
    to: String,
    outcome: &'a str,
    code: Option<u16>,
    enhanced: Option<String>,
    text: Option<String>,
}

impl Sent {
    /// Before anything was sent.
    #[must_use]
    pub const fn failed(failure: Failure) -> Self {
        Self {
            octets: None,
            report: None,
            failure: Some(failure),
        }
    }

    /// How the tool ends: what cannot be changed by waiting is told before what can.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let of = |outcome: &Outcome| match outcome {
            Outcome::Delivered(_) => Exit::Done,
            Outcome::Rejected(reply) if reply.severity() != Severity::Transient => Exit::Refused,
            _ => Exit::Later,
        };
        let outcomes = || {
            let recipients = self.report.iter().flat_map(Report::iter);
            recipients.map(|(_, outcome)| of(outcome))
        };
        match &self.failure {
            Some(failure) => failure.exit,
            None if outcomes().any(|exit| exit == Exit::Refused) => Exit::Refused,
            None => outcomes().max().unwrap_or(Exit::Done),
        }
    }

    /// Tells it on standard output and standard error.
    ///
    /// # Errors
    ///
    /// Standard output that cannot be written to.
    pub fn tell(&self, access: &Access) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if access.json {
            serde_json::to_writer(&mut out, &self.document())?;
            writeln!(out)?;
        } else {
            for recipient in self.recipients() {
                writeln!(out, "{recipient}")?;
            }
        }
        if let Some(failure) = &self.failure {
            complain(TOOL, failure);
        }
        out.flush()
    }

    fn document(&self) -> Document<'_> {
        Document {
            delivered: self.exit() == Exit::Done,
            exit: self.exit().code(),
            octets: self.octets,
            recipients: self.recipients().collect(),
            error: self.failure.as_ref().map(Failure::to_string),
        }
    }

    fn recipients(&self) -> impl Iterator<Item = Recipient<'_>> {
        let lines = self.report.iter().flat_map(Report::iter);
        lines.map(|(to, outcome)| Recipient::new(to, outcome))
    }
}

impl Recipient<'_> {
    fn new(to: &ForwardPath, outcome: &Outcome) -> Self {
        let (outcome, reply): (_, Option<&Reply>) = match outcome {
            Outcome::Delivered(reply) => ("delivered", Some(reply)),
            Outcome::Rejected(reply) if reply.severity() == Severity::Transient => {
                ("deferred", Some(reply))
            }
            Outcome::Rejected(reply) => ("refused", Some(reply)),
            Outcome::NotSent => ("not-sent", None),
            _ => ("unknown", None),
        };
        Self {
            to: match to {
                ForwardPath::Mailbox(mailbox) => mailbox.as_str().to_owned(),
                to => to.to_string(),
            },
            outcome,
            code: reply.map(|reply| reply.code().value()),
            enhanced: reply.and_then(Reply::enhanced).map(|code| code.to_string()),
            text: reply.map(Reply::to_text),
        }
    }
}

impl std::fmt::Display for Recipient<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.to, self.outcome)?;
        if let Some(code) = self.code {
            write!(f, ": {code}")?;
        }
        for part in [&self.enhanced, &self.text].into_iter().flatten() {
            write!(f, " {part}")?;
        }
        Ok(())
    }
}
