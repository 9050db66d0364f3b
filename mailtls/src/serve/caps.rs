//! How many connections there are, in all and by address.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::Limits;

/// The counts of a server.
///
/// ```
/// use mailtls::serve::{Limits, Server};
/// let server = Server::<tokio::net::TcpListener>::new(Limits::default());
/// assert_eq!(server.counters().open(), 0);
/// ```
#[derive(Clone, Debug)]
pub struct Counters(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    open: Mutex<Open>,
    accepted: AtomicU64,
    refused: AtomicU64,
    panicked: AtomicU64,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    /// Only addresses with open connections are here, so it is bounded by their number. The
    /// hasher is keyed, for peers choose the keys.
    by_address: HashMap<IpAddr, usize>,
}

impl Counters {
    /// Connections that are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.0
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .all
    }

    /// Connections that were handed to a handler so far.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.0.accepted.load(Ordering::Relaxed)
    }

    /// Connections that a cap refused so far.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// Handlers that panicked so far.
    #[must_use]
    pub fn panicked(&self) -> u64 {
        self.0.panicked.load(Ordering::Relaxed)
    }

    pub(super) fn panic(&self) {
        self.0.panicked.fetch_add(1, Ordering::Relaxed);
    }
}

/// The place of one open connection; it is free again when this is dropped.
#[derive(Debug)]
pub struct Slot {
    shared: Arc<Shared>,
    address: IpAddr,
    /// The connection's number.
    pub(super) id: u64,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self
            .shared
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        open.all = open.all.saturating_sub(1);
        if let Some(count) = open.by_address.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct Caps {
    limits: Limits,
    shared: Arc<Shared>,
}

impl Caps {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            shared: Arc::default(),
        }
    }

    pub(super) fn counters(&self) -> Counters {
        Counters(Arc::clone(&self.shared))
    }

    /// A place for a connection from this address, where there is one.
    pub(super) fn admit(&self, address: IpAddr) -> Option<Slot> {
        let address = network(address);
        let mut open = self
            .shared
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let here = open.by_address.get(&address).copied().unwrap_or_default();
        if open.all >= self.limits.connections || here >= self.limits.per_address {
            self.shared.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        open.all = open.all.saturating_add(1);
        open.by_address.insert(address, here.saturating_add(1));
        let id = self.shared.accepted.fetch_add(1, Ordering::Relaxed);
        Some(Slot {
            shared: Arc::clone(&self.shared),
            address,
            id,
        })
    }
}

/// What counts as one address: an IPv4 address, or an IPv6 network of 64 bits, which is what one
/// subscriber has.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caps(connections: usize, per_address: usize) -> Caps {
        Caps::new(Limits {
            connections,
            per_address,
            ..Limits::default()
        })
    }

    #[test]
    fn dos_4_caps_at_the_limit_and_beyond() {
        let caps = caps(3, 2);
        let counters = caps.counters();
        let (a, b): (IpAddr, IpAddr) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let first = caps.admit(a).unwrap();
        let _second = caps.admit(a).unwrap();
        assert!(caps.admit(a).is_none(), "the address has its two");
        let _third = caps.admit(b).unwrap();
        assert!(caps.admit(b).is_none(), "all three are taken");
        drop(first);
        let fourth = caps.admit(a).unwrap();
        assert_eq!(fourth.id, 3, "numbers are not used twice");
        assert_eq!(
            (counters.open(), counters.accepted(), counters.refused()),
            (3, 4, 2)
        );
    }

    #[test]
    fn dos_4_counts_return_to_nothing() {
        let caps = caps(100, 100);
        let slots: Vec<_> = (0..100)
            .map(|_| caps.admit([192, 0, 2, 1].into()).unwrap())
            .collect();
        assert_eq!(caps.counters().open(), 100);
        drop(slots);
        assert_eq!(caps.counters().open(), 0);
        assert!(caps.shared.open.lock().unwrap().by_address.is_empty());
    }

    #[test]
    fn dos_4_one_subscriber_has_one_ipv6_network() {
        let a = network("2001:db8:0:1::1".parse().unwrap());
        assert_eq!(a, network("2001:db8:0:1:ffff::2".parse().unwrap()));
        assert_ne!(a, network("2001:db8:0:2::1".parse().unwrap()));
        assert_eq!(
            network("::ffff:192.0.2.1".parse().unwrap()),
            network("192.0.2.1".parse().unwrap()),
        );
    }
}
