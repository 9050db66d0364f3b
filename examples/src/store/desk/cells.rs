//! Which accounts the process knows something about.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use super::Cell;
use crate::store::mailbox::Account;

/// Accounts whose index stays open while nothing is done with it. An open index costs three files and some hundred
/// kilobytes; opening one costs about a millisecond.
const RECENT: usize = 64;

/// Accounts that are remembered before those that nobody needs are looked for.
const CROWD: usize = 1024;

#[derive(Debug, Default)]
pub(crate) struct Cells(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    cells: HashMap<Account, Weak<Cell>>,
    /// The last one used is at the end.
    recent: VecDeque<Arc<Cell>>,
    /// How many were left when those that nobody needs were last looked for.
    left: usize,
}

impl Cells {
    fn known_all(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn known(&self, account: &Account) -> Option<Arc<Cell>> {
        self.known_all().cells.get(account)?.upgrade()
    }

    pub(super) fn of(&self, account: &Account) -> Arc<Cell> {
        let mut known = self.known_all();
        if let Some(cell) = known.cells.get(account).and_then(Weak::upgrade) {
            return cell;
        }
        if known.cells.len() >= CROWD.max(2 * known.left) {
            known.cells.retain(|_, cell| cell.strong_count() > 0);
            known.left = known.cells.len();
        }
        let cell = Arc::new(Cell::default());
        known.cells.insert(account.clone(), Arc::downgrade(&cell));
        cell
    }

    /// Keeps the index of this account open for a while, and closes the one that was not used for longest. Blocks.
    pub(super) fn used(&self, cell: &Arc<Cell>) {
        let mut known = self.known_all();
        known.recent.retain(|other| !Arc::ptr_eq(other, cell));
        known.recent.push_back(Arc::clone(cell));
        let idle = (known.recent.len() > RECENT).then(|| known.recent.pop_front());
        drop(known);
        if let Some(idle) = idle.flatten()
            && let Ok(mut work) = idle.work.try_lock()
        {
            work.index = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_that_nobody_needs_are_forgotten() {
        let cells = Cells::default();
        let account = |number: usize| Account::parse(&format!("a{number}@example.test")).unwrap();
        let held = cells.of(&account(0));
        for number in 1..10_000 {
            cells.used(&cells.of(&account(number)));
        }
        assert!(cells.known_all().cells.len() <= CROWD);
        assert!(Arc::ptr_eq(&held, &cells.of(&account(0))));
        assert!(cells.known(&account(1)).is_none());
        assert!(cells.known(&account(9_999)).is_some());
        assert_eq!(cells.known_all().recent.len(), RECENT);
    }
}
