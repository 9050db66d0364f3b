//! A client that believes what it is told, and what it must know then.

use bytes::{Bytes, BytesMut};
use mailwire_imap::{
    frame::{ResponseFrame, Responses},
    response::{Response, Tolerances},
};

use crate::machine::Log;

/// The UIDs of the messages, as far as they were told; by their numbers.
#[derive(Default)]
pub(super) struct Knows {
    uids: Vec<Option<u32>>,
    responses: Responses,
    input: BytesMut,
}

impl Knows {
    /// Follows a session, and compares what is known with what the server has told.
    pub(super) fn follow(mut self, log: &Log) {
        for (kind, what) in log.entries() {
            match kind {
                "transmit" => self.hear(what),
                "select" => self.uids.clear(),
                "view" => self.compare(what),
                _ => {}
            }
        }
        assert!(self.input.is_empty(), "{}", self.input.escape_ascii());
    }

    fn hear(&mut self, said: &[u8]) {
        self.input.extend_from_slice(said);
        loop {
            match self.responses.next(&mut self.input) {
                ResponseFrame::Whole(frame) => self.take(&frame),
                ResponseFrame::NeedInput => return,
                other => unreachable!("{other:?}"),
            }
        }
    }

    fn take(&mut self, frame: &Bytes) {
        let read = Response::parse(frame.clone(), Tolerances::NONE);
        let Ok((response, notices)) = read else {
            unreachable!("{}: {read:?}", frame.escape_ascii())
        };
        assert_eq!(notices.invalid_items(), 0, "{}", frame.escape_ascii());
        match response {
            Response::Exists(count) => {
                let count = usize::try_from(count).unwrap_or_default();
                assert!(count >= self.uids.len(), "{count}");
                self.uids.resize(count, None);
            }
            Response::Expunge(number) => {
                let at = usize::try_from(number.get()).unwrap_or_default() - 1;
                assert!(at < self.uids.len(), "there is no {number}");
                self.uids.remove(at);
            }
            Response::Vanished(vanished) if !vanished.is_earlier() => {
                for range in vanished
                    .uids()
                    .iter()
                    .flat_map(|set| set.iter().collect::<Vec<_>>())
                {
                    range.bounds(0).for_each(|uid| self.forget(uid));
                }
            }
            Response::Fetch(fetch) => {
                let at = usize::try_from(fetch.number().get()).unwrap_or_default() - 1;
                let Some(known) = self.uids.get_mut(at) else {
                    unreachable!("there is no {}", fetch.number())
                };
                if let Some(uid) = fetch.uid() {
                    let uid = uid.get();
                    assert_eq!(*known.get_or_insert(uid), uid, "a number has moved");
                }
            }
            _ => {}
        }
    }

    /// A message is gone. Where its number is not known, no other is any more.
    fn forget(&mut self, uid: u32) {
        if let Some(at) = self.uids.iter().position(|known| *known == Some(uid)) {
            self.uids.remove(at);
        } else {
            assert!(self.uids.pop().is_some(), "there is no {uid}");
            self.uids.fill(None);
        }
    }

    fn compare(&self, view: &[u8]) {
        let text = String::from_utf8_lossy(view);
        let told = text.trim_matches(['[', ']']).split(", ");
        let told: Vec<u32> = told.filter_map(|uid| uid.parse().ok()).collect();
        assert_eq!(told.len(), self.uids.len(), "{told:?} {:?}", self.uids);
        for (told, known) in told.iter().zip(&self.uids) {
            assert!(known.is_none_or(|known| known == *told), "{told} {known:?}");
        }
    }
}
