//! The message to send: a file is looked through first, so that its size and type are announced
//! and what cannot be sent is found before anybody is told of it.
//!
//! What comes through a pipe is not kept. Of it the first 64 KiB are looked at; if there is more,
//! its size counts as unknown and it may hold octets of 8 bits.

use std::{
    fs::File,
    io::{self, Cursor, Read, Seek, SeekFrom},
    os::fd::AsFd,
    path::Path,
};

use bytes::Bytes;
use mailwire::{
    BareCr, LineEnds,
    smtp::{address::Mailbox, params::BodyType},
};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::exit::{Exit, Failure};

/// Octets that are read at once.
const PIECE: u64 = 64 * 1024;

/// A message that can be sent.
#[derive(Debug)]
#[non_exhaustive]
pub struct Message {
    file: File,
    /// What was read of a pipe already.
    head: Vec<u8>,
    /// Octets as they are kept here, where that is known.
    octets: Option<u64>,
    /// Octets as they are sent.
    size: Option<u64>,
    body: BodyType,
    sender: Option<String>,
}

impl Message {
    /// Opens a file, or standard input for `-`, and looks it through.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, and a message that cannot be sent.
    ///
    /// ```
    /// use mailwire_examples::client::message::Message;
    /// let dir = tempfile::tempdir()?;
    /// let path = dir.path().join("message.eml");
    /// std::fs::write(&path, "From: alice@example.test\n\nHello\n")?;
    /// let message = Message::open(&path)?;
    /// assert_eq!(message.size(), Some(35));
    /// assert_eq!(message.sender(), Some("alice@example.test"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let (opened, name) = if path == Path::new("-") {
            let stdin = io::stdin().as_fd().try_clone_to_owned();
            (stdin.map(File::from), "standard input".to_owned())
        } else {
            (File::open(path), path.display().to_string())
        };
        let read = opened.map_err(Fault::from).and_then(Self::look_through);
        read.map_err(|fault| {
            let failure = Failure::new(Exit::Unusable, format_args!("{name}: {fault}"));
            match fault {
                Fault::Read(_) => failure,
                Fault::BareCr(_) => failure.remedy("lines end with LF or CRLF"),
                Fault::Nul { .. } => failure.remedy("encode it as base64"),
            }
        })
    }

    fn look_through(mut file: File) -> Result<Self, Fault> {
        let mut survey = Survey::default();
        let mut head = Vec::new();
        (&file).take(PIECE).read_to_end(&mut head)?;
        let sender = sender(&head);
        let whole = head.len() < usize::try_from(PIECE).unwrap_or(usize::MAX);
        let is_file = file.metadata()?.is_file();
        if whole || is_file {
            survey.push(head.clone())?;
        }
        if is_file && !whole {
            let before = i64::try_from(head.len()).unwrap_or(i64::MAX);
            let begin = file.stream_position()?.saturating_add_signed(-before);
            loop {
                let mut piece = Vec::new();
                if (&file).take(PIECE).read_to_end(&mut piece)? == 0 {
                    break;
                }
                survey.push(piece)?;
            }
            file.seek(SeekFrom::Start(begin))?;
            head.clear();
        }
        let known = whole || is_file;
        survey.finish()?;
        Ok(Self {
            file,
            head,
            octets: known.then_some(survey.octets),
            size: known.then(|| survey.size()),
            body: match known && !survey.eight_bit {
                true => BodyType::SevenBit,
                false => BodyType::EightBitMime,
            },
            sender,
        })
    }

    /// Its octets as they are kept here, where that is known: what a bar goes by.
    #[must_use]
    pub const fn octets(&self) -> Option<u64> {
        self.octets
    }

    /// Its octets as they are sent, where that is known (RFC 1870 §5).
    #[must_use]
    pub const fn size(&self) -> Option<u64> {
        self.size
    }

    /// Whether it has octets of 8 bits, as far as is known.
    #[must_use]
    pub const fn body(&self) -> BodyType {
        self.body
    }

    /// The address in its From field, where that has one and no more.
    #[must_use]
    pub fn sender(&self) -> Option<&str> {
        self.sender.as_deref()
    }

    /// Its octets from the first one on.
    #[must_use]
    pub fn into_reader(self) -> impl AsyncRead + Unpin + Send {
        let rest = tokio::fs::File::from_std(self.file);
        AsyncReadExt::chain(Cursor::new(self.head), rest)
    }
}

/// Why a message cannot be sent.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    BareCr(#[from] BareCr),
    #[error("NUL at octet {offset} of the message")]
    Nul { offset: u64 },
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
}

/// What is learnt of a message as it goes by.
#[derive(Debug, Default)]
struct Survey {
    line_ends: LineEnds,
    octets: u64,
    sent: u64,
    eight_bit: bool,
    in_line: bool,
}

impl Survey {
    fn push(&mut self, piece: Vec<u8>) -> Result<(), Fault> {
        let len = |octets: &[u8]| u64::try_from(octets.len()).unwrap_or(u64::MAX);
        if let Some(at) = memchr::memchr(0, &piece) {
            let offset = self.octets + u64::try_from(at).unwrap_or(u64::MAX);
            return Err(Fault::Nul { offset });
        }
        self.octets += len(&piece);
        let sent = self.line_ends.push(Bytes::from(piece))?;
        self.sent += len(&sent);
        self.eight_bit |= !sent.is_ascii();
        if let Some(last) = sent.last() {
            self.in_line = *last != b'\n';
        }
        Ok(())
    }

    fn finish(&self) -> Result<(), BareCr> {
        self.line_ends.finish()
    }

    /// With the CRLF that a last line without one gets.
    const fn size(&self) -> u64 {
        self.sent + if self.in_line { 2 } else { 0 }
    }
}

/// The one address of the From field (RFC 5322 §3.6.2) in the beginning of a message. Where several
/// stand, or what takes a whole parser, nobody guesses.
fn sender(head: &[u8]) -> Option<String> {
    let mut value: Option<Vec<u8>> = None;
    for line in head.split(|octet| *octet == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let folded = matches!(line.first(), Some(b' ' | b'\t'));
        match (&mut value, line.split_at_checked(5)) {
            _ if line.is_empty() => break,
            (Some(value), _) if folded => value.extend_from_slice(line),
            (Some(_), _) => break,
            (None, Some((name, rest))) if name.eq_ignore_ascii_case(b"from:") => {
                value = Some(rest.to_vec());
            }
            (None, _) => {}
        }
    }
    let value = String::from_utf8(value?).ok()?;
    let address = match value.split_once('<') {
        Some((_, rest)) => rest.trim_end().strip_suffix('>')?,
        None => value.trim(),
    };
    let mailbox: Mailbox = address.parse().ok()?;
    Some(mailbox.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(octets: &[u8]) -> Result<Message, Failure> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("message");
        std::fs::write(&path, octets).unwrap();
        Message::open(&path)
    }

    fn read(message: Message) -> Vec<u8> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut octets = Vec::new();
            message
                .into_reader()
                .read_to_end(&mut octets)
                .await
                .unwrap();
            octets
        })
    }

    #[test]
    fn a_file_is_known_before_it_is_sent() {
        let long = "x\n".repeat(200_000);
        for (text, size, body) in [
            ("", 0, BodyType::SevenBit),
            ("a\nb", 6, BodyType::SevenBit),
            ("a\r\nb\r\n", 6, BodyType::SevenBit),
            ("\u{e4}\n", 4, BodyType::EightBitMime),
            (&long, 600_000, BodyType::SevenBit),
        ] {
            let message = open(text.as_bytes()).unwrap();
            assert_eq!((message.size(), message.body()), (Some(size), body));
            assert_eq!(message.octets(), u64::try_from(text.len()).ok());
            assert_eq!(read(message), text.as_bytes());
        }
    }

    #[test]
    fn a_pipe_is_read_once_and_known_where_it_is_short() {
        for (len, known) in [(100, true), (200_000, false)] {
            let (reader, mut writer) = io::pipe().unwrap();
            let text = vec![b'x'; len];
            let copy = text.clone();
            let writing = std::thread::spawn(move || {
                io::Write::write_all(&mut writer, &copy).unwrap();
            });
            let file = File::from(std::os::fd::OwnedFd::from(reader));
            let message = Message::look_through(file).unwrap();
            assert_eq!(message.size().is_some(), known);
            assert_eq!(message.body() == BodyType::SevenBit, known);
            assert_eq!(read(message), text);
            writing.join().unwrap();
        }
    }

    #[test]
    fn smtp_13_what_no_message_may_hold_is_found_before_anything_is_sent() {
        let mut late = b"x\n".repeat(100_000);
        late.extend_from_slice(b"a\rb\n");
        for (octets, what) in [
            (&b"a\rb"[..], "bare CR at octet 1"),
            (&late, "bare CR at octet 200001"),
            (b"a\n\r", "bare CR at octet 2"),
            (b"ab\0", "NUL at octet 2"),
        ] {
            let failure = open(octets).unwrap_err();
            assert_eq!(failure.exit, Exit::Unusable);
            assert!(failure.to_string().contains(what), "{failure}");
        }
    }

    #[test]
    fn the_sender_is_the_one_of_the_from_field() {
        for (text, want) in [
            ("From: alice@example.test\n\n", Some("alice@example.test")),
            (
                "X: y\r\nFROM:\r\n Alice <alice@example.test>\r\n\r\n",
                Some("alice@example.test"),
            ),
            (
                "From: \"A, B\" <a@example.test>\n\n",
                Some("a@example.test"),
            ),
            ("From: a@example.test, b@example.test\n\n", None),
            ("From: A <a@example.test>, B <b@example.test>\n\n", None),
            ("From: nobody\n\n", None),
            ("Subject: x\n\nFrom: eve@example.test\n", None),
            ("Subject: x\n From: eve@example.test\n\n", None),
            ("", None),
        ] {
            assert_eq!(sender(text.as_bytes()).as_deref(), want, "{text:?}");
        }
    }
}
