//! Mail that comes in: by SMTP, for one account or more.

use std::{collections::HashSet, fmt, sync::Arc};

use bytes::BytesMut;
use jiff::Timestamp;
use tokio::runtime::Handle;

use super::{
    Backend, Mailstore, PIECE, blocking,
    delivery::{Delivery, Target},
    error::StoreError,
    fs::Disk,
    mailbox::{Account, Folder},
};

impl Mailstore {
    /// A message that is about to come in. Nothing is touched before its first 64 KiB are there, or its end.
    #[must_use]
    pub fn incoming(&self, recipients: Vec<(Account, Folder)>, now: Timestamp) -> Incoming {
        Incoming {
            backend: self.0.clone(),
            recipients: recipients.into(),
            now,
            gathered: BytesMut::new(),
            state: State::Waiting,
        }
    }
}

/// One message on its way in. Dropping it discards it.
pub struct Incoming {
    backend: Backend,
    recipients: Arc<[Target]>,
    now: Timestamp,
    /// Not yet handed on; all of the message in [`Backend::Memory`].
    gathered: BytesMut,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing is on disk yet.
    Waiting,
    Writing(Box<Delivery<Disk>>),
    /// The delivery is with a thread of ours, or was lost with it.
    Away,
}

impl Incoming {
    /// The next octets of the file: first the trace fields, then the message. What goes wrong is told at the end.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped before its end may leave the message incomplete; it is discarded then, and `commit`
    /// answers with an error.
    pub async fn write(&mut self, octets: &[u8]) {
        match &self.backend {
            Backend::Discard => {}
            Backend::Memory(_) => self.gathered.extend_from_slice(octets),
            Backend::Disk(_) => {
                self.gathered.extend_from_slice(octets);
                if self.gathered.len() >= PIECE {
                    self.flush().await;
                }
            }
        }
    }

    async fn flush(&mut self) {
        let Some(work) = self.take() else { return };
        let written = blocking("write a message", move || {
            let (mut delivery, mut gathered) = work();
            delivery.write(&gathered);
            gathered.clear();
            (delivery, gathered)
        });
        if let Ok((delivery, gathered)) = written.await {
            (self.state, self.gathered) = (State::Writing(delivery), gathered);
        }
    }

    /// What the next blocking call begins with: the delivery, which may have to be begun, and the octets for it.
    fn take(
        &mut self,
    ) -> Option<impl FnOnce() -> (Box<Delivery<Disk>>, BytesMut) + Send + 'static> {
        let Backend::Disk(store) = &self.backend else {
            return None;
        };
        let state = std::mem::replace(&mut self.state, State::Away);
        if matches!(state, State::Away) {
            return None;
        }
        let (store, recipients, now) = (store.clone(), Arc::clone(&self.recipients), self.now);
        let gathered = std::mem::take(&mut self.gathered);
        Some(move || {
            let delivery = match state {
                State::Writing(delivery) => delivery,
                _ => Box::new(Delivery::begin(&store, &recipients, now)),
            };
            (delivery, gathered)
        })
    }

    /// Delivers. One result for each recipient, in order; `Ok` means durable and visible.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped before its end has delivered, or will, or not: like a server that is cut off before
    /// its reply (RFC 1047).
    pub async fn commit(mut self) -> Vec<Result<(), StoreError>> {
        let count = self.recipients.len();
        match &self.backend {
            Backend::Discard => vec![Ok(()); count],
            Backend::Memory(memory) => {
                let targets: HashSet<&Target> = self.recipients.iter().collect();
                memory.deliver(&targets, std::mem::take(&mut self.gathered), self.now);
                vec![Ok(()); count]
            }
            Backend::Disk(store) => {
                let store = store.clone();
                let lost = StoreError::lost("deliver a message");
                let Some(work) = self.take() else {
                    return vec![Err(lost); count];
                };
                let recipients = Arc::clone(&self.recipients);
                let committed = blocking("deliver a message", move || {
                    let (mut delivery, gathered) = work();
                    delivery.write(&gathered);
                    let results = delivery.commit();
                    for ((account, folder), result) in recipients.iter().zip(&results) {
                        if result.is_ok() {
                            store.ring(account, folder);
                        }
                    }
                    results
                });
                committed.await.unwrap_or_else(|_| vec![Err(lost); count])
            }
        }
    }
}

impl fmt::Debug for Incoming {
    // What is gathered is somebody's message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("recipients", &self.recipients)
            .field("gathered", &self.gathered.len())
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Away);
        // Removing the file may block.
        if let (State::Writing(_), Ok(runtime)) = (&state, Handle::try_current()) {
            runtime.spawn_blocking(move || drop(state));
        }
    }
}
