//! [`Waiting`]: who waits for something to change. Tasks, and threads that block, are put down once each.

use std::{collections::BTreeMap, mem, task::Waker};

/// Who waits, and how often there was something to wake them for.
#[derive(Default)]
pub(crate) struct Waiting {
    pub(super) version: u64,
    pub(super) next: u64,
    pub(super) wakers: BTreeMap<u64, Waker>,
}

impl Waiting {
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn len(&self) -> usize {
        self.wakers.len()
    }

    /// Something has changed: these are to be woken.
    pub(crate) fn change(&mut self) -> BTreeMap<u64, Waker> {
        self.version += 1;
        mem::take(&mut self.wakers)
    }
}
