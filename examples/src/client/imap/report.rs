//! What was copied, as it is told.

use std::io::{self, Write};

use indicatif::HumanBytes;
use serde::Serialize;

use super::{
    super::exit::{Exit, Failure, complain},
    Direction, Options, TOOL,
};

/// What was copied.
#[derive(Clone, Debug, Default)]
pub struct Copied {
    pub(super) folders: usize,
    pub(super) messages: usize,
    pub(super) octets: u64,
    pub(super) flags: usize,
    pub(super) removed: usize,
    /// Keywords that have no letter left.
    pub(super) keywords_lost: usize,
    pub(super) skipped: Vec<Skipped>,
    pub(super) notices: Vec<String>,
    pub(super) reconnects: usize,
    pub(super) failure: Option<Failure>,
}

/// What was not copied while the rest went on.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Skipped {
    pub(super) mailbox: String,
    /// The UIDs, or the file; nothing where it is the whole mailbox.
    pub(super) messages: Option<String>,
    pub(super) error: String,
    #[serde(skip)]
    pub(super) exit: Exit,
}

#[derive(Serialize)]
struct Document<'a> {
    exit: u8,
    folders: usize,
    messages: usize,
    octets: u64,
    flags: usize,
    removed: usize,
    keywords_lost: usize,
    reconnects: usize,
    skipped: &'a [Skipped],
    notices: &'a [String],
    error: Option<String>,
}

impl Copied {
    /// Before anything was copied.
    #[must_use]
    pub fn failed(failure: Failure) -> Self {
        Self {
            failure: Some(failure),
            ..Self::default()
        }
    }

    pub(super) fn skip(&mut self, mailbox: &str, messages: Option<String>, failure: &Failure) {
        self.skipped.push(Skipped {
            mailbox: mailbox.to_owned(),
            messages,
            error: failure.to_string(),
            exit: failure.exit,
        });
    }

    /// How the tool ends: what cannot be changed by waiting is told before what can.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let exits = || self.skipped.iter().map(|skipped| skipped.exit);
        match &self.failure {
            Some(failure) => failure.exit,
            None if exits().any(|exit| exit == Exit::Refused) => Exit::Refused,
            None => exits().max().unwrap_or(Exit::Done),
        }
    }

    /// Tells it on standard output and standard error.
    ///
    /// # Errors
    ///
    /// Standard output that cannot be written to.
    pub fn tell(&self, options: &Options) -> io::Result<()> {
        for notice in &self.notices {
            complain(TOOL, shown(notice));
        }
        if self.keywords_lost > 0 {
            let lost = self.keywords_lost;
            complain(
                TOOL,
                format_args!("{lost} keywords were left out: a folder holds 26 different ones"),
            );
        }
        for Skipped {
            mailbox,
            messages,
            error,
            ..
        } in &self.skipped
        {
            let what = match messages {
                Some(messages) => format!("{mailbox}: {messages}: {error}"),
                None => format!("{mailbox}: {error}"),
            };
            complain(TOOL, shown(&what));
        }
        if let Some(failure) = &self.failure {
            complain(TOOL, failure);
        }
        let mut out = io::stdout().lock();
        if options.access.json {
            serde_json::to_writer(&mut out, &self.document())?;
            writeln!(out)?;
        } else if !options.quiet && (self.failure.is_none() || self.messages > 0) {
            writeln!(out, "{}", self.summary(options.direction()))?;
        }
        out.flush()
    }

    fn summary(&self, direction: Direction) -> String {
        let verb = match direction {
            Direction::Fetch => "fetched",
            Direction::Upload => "uploaded",
        };
        let (messages, octets, folders) = (self.messages, HumanBytes(self.octets), self.folders);
        let (flags, skipped) = (self.flags, self.skipped.len());
        let mut summary = format!(
            "{folders} folders: {verb} {messages} new messages, {octets}; {flags} with new flags"
        );
        if self.removed > 0 {
            summary.push_str(&format!(", {} removed", self.removed));
        }
        summary.push_str(&format!(", {skipped} skipped"));
        summary
    }

    fn document(&self) -> Document<'_> {
        Document {
            exit: self.exit().code(),
            folders: self.folders,
            messages: self.messages,
            octets: self.octets,
            flags: self.flags,
            removed: self.removed,
            keywords_lost: self.keywords_lost,
            reconnects: self.reconnects,
            skipped: &self.skipped,
            notices: &self.notices,
            error: self.failure.as_ref().map(Failure::to_string),
        }
    }
}

/// A name of a mailbox or a file may hold what would move the cursor.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_changed_by_waiting_is_told_before_what_can() {
        let mut copied = Copied::default();
        assert_eq!(copied.exit(), Exit::Done);
        copied.skip("A", None, &Failure::new(Exit::Later, "busy"));
        assert_eq!(copied.exit(), Exit::Later);
        copied.skip("B", None, &Failure::new(Exit::Refused, "no"));
        assert_eq!(copied.exit(), Exit::Refused);
        copied.failure = Some(Failure::new(Exit::Interrupted, "interrupted"));
        assert_eq!(copied.exit(), Exit::Interrupted);
    }

    #[test]
    fn a_name_does_not_move_the_cursor() {
        assert_eq!(shown("\u{e4}\u{1b}[2J\n"), "\u{e4}\\u{1b}[2J\\n");
    }
}
