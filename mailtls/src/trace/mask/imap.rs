//! The little that must be known of IMAP to mask it: tags, literals, and which commands carry
//! secrets.

use std::mem;

use mailwire_core::{machine::Side, text::Sanitized};
use zeroize::Zeroize;

use super::{HIDDEN, Line, Show, exchange};

/// Commands whose arguments may be seen. Those of any other are hidden, for a mistyped password is
/// often one.
const SHOWN: [&[u8]; 34] = [
    b"APPEND",
    b"CAPABILITY",
    b"CHECK",
    b"CLOSE",
    b"COMPRESS",
    b"COPY",
    b"CREATE",
    b"DELETE",
    b"ENABLE",
    b"EXAMINE",
    b"EXPUNGE",
    b"FETCH",
    b"ID",
    b"IDLE",
    b"LIST",
    b"LOGOUT",
    b"LSUB",
    b"MOVE",
    b"NAMESPACE",
    b"NOOP",
    b"NOTIFY",
    b"RENAME",
    b"SEARCH",
    b"SELECT",
    b"SORT",
    b"STARTTLS",
    b"STATUS",
    b"STORE",
    b"SUBSCRIBE",
    b"THREAD",
    b"UID",
    b"UNAUTHENTICATE",
    b"UNSELECT",
    b"UNSUBSCRIBE",
];

/// Untagged data that says nothing of what is in messages.
const DATA: [&[u8]; 17] = [
    b"BAD",
    b"BYE",
    b"CAPABILITY",
    b"ENABLED",
    b"ESEARCH",
    b"FLAGS",
    b"ID",
    b"LIST",
    b"LSUB",
    b"NAMESPACE",
    b"NO",
    b"OK",
    b"PREAUTH",
    b"SEARCH",
    b"SORT",
    b"STATUS",
    b"VANISHED",
];

/// What comes next from one side.
#[derive(Clone, Copy, Debug, Default)]
enum At {
    #[default]
    Line,
    /// A literal was announced that waits for the server's `+`.
    Announced(u64),
    /// Octets of a literal to come, and in all.
    Literal(u64, u64),
}

#[derive(Debug, Default)]
pub(super) struct Imap {
    client: At,
    server: At,
    /// The client's line goes on with a command behind a literal; whether that is hidden.
    goes_on: Option<Hidden>,
    /// The server's line goes on with a response behind a literal.
    server_goes_on: bool,
    /// The tag of LOGIN or AUTHENTICATE, until it is answered.
    secret: Option<Vec<u8>>,
    /// Whether what the client sends belongs to an exchange of AUTHENTICATE.
    in_exchange: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Hidden {
    Yes,
    No,
}

impl Imap {
    /// Takes the octets of a literal off the front; what is left belongs to a line.
    pub(super) fn literal<'a>(
        &mut self,
        from: Side,
        octets: &'a [u8],
        show: Show<'_>,
    ) -> Option<&'a [u8]> {
        let at = match from {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        let At::Literal(left, all) = *at else {
            return None;
        };
        let here = usize::try_from(left).map_or(octets.len(), |left| left.min(octets.len()));
        let left = left.saturating_sub(here as u64);
        *at = At::Literal(left, all);
        if left == 0 {
            *at = At::Line;
            show(from, &format!("[{all} octets of a literal]"));
        }
        Some(octets.get(here..).unwrap_or_default())
    }

    pub(super) fn client_line(&mut self, line: &Line, show: Show<'_>) {
        // A literal that the server did not ask for is not sent; this is another command.
        if matches!(mem::take(&mut self.client), At::Announced(_)) {
            self.goes_on = None;
        }
        if self.in_exchange {
            return show(Side::Client, HIDDEN);
        }
        let hidden = match self.goes_on.take() {
            Some(hidden) => {
                let text = match hidden {
                    Hidden::Yes => HIDDEN.to_owned(),
                    Hidden::No => line.shown(),
                };
                show(Side::Client, &text);
                hidden
            }
            None => self.command(line, show),
        };
        if let Some((len, waits)) = line.literal() {
            self.goes_on = Some(hidden);
            self.client = match len {
                _ if waits => At::Announced(len),
                0 => At::Line,
                _ => At::Literal(len, len),
            };
        }
    }

    fn command(&mut self, line: &Line, show: Show<'_>) -> Hidden {
        if line.start.eq_ignore_ascii_case(b"DONE") {
            show(Side::Client, "DONE");
            return Hidden::No;
        }
        let mut words = line.start.splitn(3, |&octet| octet == b' ');
        let (tag, word) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        let arguments = words.next().unwrap_or_default();
        let upper = word.to_ascii_uppercase();
        match upper.as_slice() {
            b"AUTHENTICATE" => {
                self.secret = Some(tag.to_vec());
                self.in_exchange = true;
                let verb = format!("{} AUTHENTICATE", Sanitized(tag));
                show(Side::Client, &exchange(&verb, arguments));
                Hidden::Yes
            }
            b"LOGIN" => {
                self.secret = Some(tag.to_vec());
                show(Side::Client, &format!("{} LOGIN {HIDDEN}", Sanitized(tag)));
                Hidden::Yes
            }
            word if SHOWN.contains(&word) => {
                show(Side::Client, &line.shown());
                Hidden::No
            }
            _ => {
                show(Side::Client, &line.hidden());
                Hidden::Yes
            }
        }
    }

    pub(super) fn server_line(&mut self, line: &Line, show: Show<'_>) {
        let goes_on = mem::take(&mut self.server_goes_on);
        let is_status = !goes_on && is_status(&line.start);
        if goes_on {
            show(Side::Server, &line.hidden());
        } else if line.start.first() == Some(&b'+') {
            if let At::Announced(len) = self.client {
                self.client = if len == 0 {
                    At::Line
                } else {
                    At::Literal(len, len)
                };
            }
            let text = if self.secret.is_some() {
                format!("+ {HIDDEN}")
            } else {
                line.shown()
            };
            show(Side::Server, &text);
        } else if line.start.starts_with(b"* ") {
            show(Side::Server, &self.untagged(line));
        } else {
            self.tagged(line, show);
        }
        if !is_status && let Some((len, _)) = line.literal() {
            self.server_goes_on = true;
            if len > 0 {
                self.server = At::Literal(len, len);
            }
        }
    }

    fn untagged(&self, line: &Line) -> String {
        let mut words = line.start.split(|&octet| octet == b' ').skip(1);
        let first = words.next().unwrap_or_default();
        let is_number = !first.is_empty() && first.iter().all(u8::is_ascii_digit);
        let name = if is_number {
            words.next().unwrap_or_default()
        } else {
            first
        };
        let name = name.to_ascii_uppercase();
        match name.as_slice() {
            // While a credential is on its way anything may repeat it.
            _ if self.secret.is_some() => line.hidden(),
            b"EXISTS" | b"EXPUNGE" | b"RECENT" if is_number => line.shown(),
            b"FETCH" if is_number => format!("* {} FETCH {}", Sanitized(first), line.hidden()),
            name if !is_number && DATA.contains(&name) => line.shown(),
            _ => line.hidden(),
        }
    }

    fn tagged(&mut self, line: &Line, show: Show<'_>) {
        let mut words = line.start.splitn(3, |&octet| octet == b' ');
        let (tag, status) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        let is_status = [&b"OK"[..], b"NO", b"BAD"]
            .iter()
            .any(|known| status.eq_ignore_ascii_case(known));
        if !is_status {
            return show(Side::Server, &line.hidden());
        }
        if self.secret.is_none() {
            return show(Side::Server, &line.shown());
        }
        show(
            Side::Server,
            &format!("{} {} {HIDDEN}", Sanitized(tag), Sanitized(status)),
        );
        if self.secret.as_deref() == Some(tag) {
            if let Some(mut tag) = self.secret.take() {
                tag.zeroize();
            }
            self.in_exchange = false;
        }
    }
}

/// Whether it is a status response: the braces in its text announce nothing.
fn is_status(line: &[u8]) -> bool {
    let mut words = line.split(|&octet| octet == b' ').skip(1);
    let word = words.next().unwrap_or_default();
    [&b"OK"[..], b"NO", b"BAD", b"BYE", b"PREAUTH"]
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{C, S, trace};

    #[test]
    fn all_4_imap_shows_the_dialogue_and_no_secret() {
        let shown = trace(&[
            (S, "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready {3}\r\n"),
            (C, "a ID (\"name\" \"x\")\r\n"),
            (S, "* ID NIL\r\na OK done\r\n"),
            (C, "b AUTHENTICATE PLAIN AGFsaWNlAGNhbmFyeQ==\r\n"),
            (S, "* OK canary\r\nb NO no canary\r\n"),
            (C, "c AUTHENTICATE LOGIN\r\n"),
            (S, "+ VXNlcm5hbWU6\r\n"),
            (C, "canary\r\n"),
            (S, "+ canary\r\n"),
            (C, "canary\r\n"),
            (S, "c BAD canary\r\n"),
            (C, "d LOGIN canary canary\r\n"),
            (S, "d NO canary\r\n"),
            (C, "e login {6}\r\n"),
            (S, "+ go on\r\n"),
            (C, "canary {6}\r\n"),
            (S, "+ go on\r\n"),
            (C, "canary\r\n"),
            (S, "e OK welcome canary\r\n"),
            (C, "f LIST \"\" {3+}\r\na/*\r\n"),
            (S, "* LIST () \"/\" INBOX\r\nf OK done\r\n"),
            (C, "g canary\r\n"),
            (S, "g BAD what\r\n"),
        ]);
        assert_eq!(
            shown,
            "S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready {3}\n\
             C: a ID (\"name\" \"x\")\nS: * ID NIL\nS: a OK done\n\
             C: b AUTHENTICATE PLAIN ***\nS: [13 octets]\nS: b NO ***\n\
             C: c AUTHENTICATE LOGIN\nS: + ***\nC: ***\nS: + ***\nC: ***\nS: c BAD ***\n\
             C: d LOGIN ***\nS: d NO ***\n\
             C: e LOGIN ***\nS: + ***\nC: [6 octets of a literal]\nC: ***\nS: + ***\n\
             C: [6 octets of a literal]\nC: ***\nS: e OK ***\n\
             C: f LIST \"\" {3+}\nC: [3 octets of a literal]\nC: \n\
             S: * LIST () \"/\" INBOX\nS: f OK done\n\
             C: [10 octets]\nS: g BAD what\n"
        );
    }

    #[test]
    fn all_4_messages_in_imap_are_counted_and_not_shown() {
        let shown = trace(&[
            (S, "* PREAUTH hello\r\n"),
            (C, "a UID FETCH 1 (ENVELOPE BODY[])\r\n"),
            (S, "* 1 FETCH (ENVELOPE (NIL \"canary\") BODY[] {8}\r\n"),
            (S, "canary\r\n UID 7 X \"canary\")\r\na OK done\r\n"),
            (C, "b APPEND Sent {8}\r\n"),
            (S, "+ go\r\n"),
            (C, "canary\r\n\r\n"),
            (S, "* 2 EXISTS\r\n* X-CANARY canary\r\nb OK done\r\n"),
            (C, "c IDLE\r\n"),
            (S, "+ idling\r\n"),
            (C, "DONE\r\n"),
            (S, "c OK\r\n"),
        ]);
        assert!(
            !shown.contains("canary") && !shown.contains("CANARY"),
            "{shown}"
        );
        assert_eq!(
            shown,
            "S: * PREAUTH hello\nC: a UID FETCH 1 (ENVELOPE BODY[])\n\
             S: * 1 FETCH [47 octets]\nS: [8 octets of a literal]\nS: [20 octets]\nS: a OK done\n\
             C: b APPEND Sent {8}\nS: + go\nC: [8 octets of a literal]\nC: \n\
             S: * 2 EXISTS\nS: [19 octets]\nS: b OK done\n\
             C: c IDLE\nS: + idling\nC: DONE\nS: c OK\n"
        );
    }

    #[test]
    fn all_4_a_literal_that_was_refused_is_not_waited_for() {
        let shown = trace(&[
            (S, "* OK ready\r\n"),
            (C, "a APPEND x {900}\r\n"),
            (S, "a NO [TOOBIG] no\r\n"),
            (C, "b LOGIN canary canary\r\n"),
            (S, "b OK\r\n"),
        ]);
        assert_eq!(
            shown,
            "S: * OK ready\nC: a APPEND x {900}\nS: a NO [TOOBIG] no\nC: b LOGIN ***\nS: b OK ***\n"
        );
    }
}
