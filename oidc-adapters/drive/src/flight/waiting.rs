//! [`Waiting`]: the callers that wait for a change, one entry for each task or blocked thread.

use std::{collections::BTreeMap, mem, task::Waker};

/// The wakers of waiting callers, and the number of changes so far.
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

    /// Counts a change, and returns the wakers to call.
    pub(crate) fn change(&mut self) -> BTreeMap<u64, Waker> {
        self.version += 1;
        mem::take(&mut self.wakers)
    }
}
