//! Tests of the store that need more than one of its files.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod crash;
mod disk;
mod imap_crash;
mod imap_disk;
mod index;
mod mailboxes;
mod service;
mod uids;

use super::{
    delivery::{Delivery, Target},
    error::{Doing as _, OpenError, ReadError, StoreError},
    fs::Fs,
    mailbox::{Account, Folder},
    maildir::Store,
};

fn alice() -> Account {
    Account::parse("alice@example.test").unwrap()
}

fn bob() -> Account {
    Account::parse("bob@example.test").unwrap()
}

fn inbox(account: Account) -> Target {
    (account, Folder::inbox())
}

fn at(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(seconds).unwrap()
}

fn deliver<F: Fs>(store: &Store<F>, to: &[Target], text: &[u8]) -> Vec<Result<(), StoreError>> {
    let mut delivery = Delivery::begin(store, to, at(1_000_000));
    let (first, second) = text.split_at(text.len() / 2);
    delivery.write(first);
    delivery.write(second);
    delivery.commit()
}
