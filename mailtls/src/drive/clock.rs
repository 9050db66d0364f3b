//! The one clock of a connection: it runs on the peer, and stands still while the application has
//! the word.

use std::{
    future::Future,
    num::NonZeroU32,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use mailwire_core::machine::Patience;
use tokio::time::{Instant, Sleep, sleep_until};

/// What is waited for. A change restarts the clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Awaited {
    /// The peer's next element.
    Element(Patience),
    /// Room in the socket; with the limits of the connection.
    Room(Duration, u32),
    /// The end of the handshake.
    Handshake(Duration),
    /// The peer's end, while we close.
    End(Duration),
}

impl Awaited {
    const fn limit(self) -> Duration {
        match self {
            Self::Element(patience) => patience.limit,
            Self::Room(limit, _) | Self::Handshake(limit) | Self::End(limit) => limit,
        }
    }

    /// Octets that must have moved within the limit to be granted another.
    fn progress(self) -> Option<u64> {
        match self {
            Self::Element(patience) => {
                let floor = u128::from(patience.floor.map(NonZeroU32::get)?);
                let octets = floor.saturating_mul(patience.limit.as_millis()) / 1000;
                Some(u64::try_from(octets).unwrap_or(u64::MAX).max(1))
            }
            Self::Room(_, octets) => Some(u64::from(octets)),
            Self::Handshake(_) | Self::End(_) => None,
        }
    }
}

#[derive(Default)]
pub(super) struct Clock {
    running: Option<Running>,
    /// When the application got the word.
    paused: Option<Instant>,
    /// Set to some moment at or before the deadline, so that a deadline that moves on with every
    /// command does not touch the timer wheel each time.
    alarm: Option<Pin<Box<Sleep>>>,
}

struct Running {
    awaited: Awaited,
    since: Instant,
    /// The count of octets at that moment.
    octets: u64,
}

impl Clock {
    /// The application has the word: its time is not the peer's.
    pub(super) fn pause(&mut self) {
        if self.running.is_some() && self.paused.is_none() {
            self.paused = Some(Instant::now());
        }
    }

    pub(super) fn resume(&mut self) {
        if let (Some(paused), Some(running)) = (self.paused.take(), &mut self.running) {
            running.since += paused.elapsed();
        }
    }

    pub(super) fn stop(&mut self) {
        self.running = None;
    }

    /// Ready when the time for `awaited` has passed. `octets` counts what the peer has moved.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, awaited: Awaited, octets: u64) -> Poll<()> {
        let running = match &mut self.running {
            Some(running) if running.awaited == awaited => running,
            other => other.insert(Running {
                awaited,
                since: Instant::now(),
                octets,
            }),
        };
        loop {
            // A limit too long for the clock never ends.
            let Some(deadline) = running.since.checked_add(awaited.limit()) else {
                return Poll::Pending;
            };
            let alarm = self
                .alarm
                .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            if alarm.deadline() > deadline {
                alarm.as_mut().reset(deadline);
            }
            if alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            if now < deadline {
                alarm.as_mut().reset(deadline);
                continue;
            }
            let moved = octets.saturating_sub(running.octets);
            if awaited.progress().is_none_or(|needed| moved < needed) {
                self.running = None;
                self.alarm = None;
                return Poll::Ready(());
            }
            (running.since, running.octets) = (now, octets);
            alarm.as_mut().reset(now + awaited.limit());
        }
    }
}
