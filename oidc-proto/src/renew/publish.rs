//! Hands the newest value to many readers, without making them wait for each other.

use super::Epoch;
use crate::base::moment::Timestamp;
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// A value, and until when it may be used without asking its renewal.
#[derive(Debug)]
#[non_exhaustive]
pub struct Published<T> {
    /// The value.
    pub value: Arc<T>,
    /// Which one it is.
    pub epoch: Epoch,
    /// Until when nobody need be asked.
    pub renew_at: Timestamp,
}

impl<T> Published<T> {
    /// A value, as its renewal holds it.
    pub const fn new(value: Arc<T>, epoch: Epoch, renew_at: Timestamp) -> Self {
        Self { value, epoch, renew_at }
    }
}

impl<T> Clone for Published<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), epoch: self.epoch, renew_at: self.renew_at }
    }
}

struct Shared<T> {
    version: AtomicU64,
    newest: Mutex<Option<T>>,
}

impl<T> Shared<T> {
    /// A panic of another thread leaves a whole value behind: it is replaced in one move.
    fn newest(&self) -> MutexGuard<'_, Option<T>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where new values are put.
pub struct Publisher<T>(Arc<Shared<T>>);

/// Where they are read: one for each worker. Reading is one atomic load, unless there is a new value.
pub struct Reader<T> {
    shared: Arc<Shared<T>>,
    seen: u64,
    value: Option<T>,
}

impl<T: Clone> Publisher<T> {
    /// Nothing is there yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Shared { version: AtomicU64::new(0), newest: Mutex::new(None) }))
    }

    /// Puts a new value where every reader finds it.
    pub fn publish(&self, value: T) {
        let mut newest = self.0.newest();
        *newest = Some(value);
        self.0.version.fetch_add(1, Ordering::Release);
    }

    /// A reader of its own.
    #[must_use]
    pub fn reader(&self) -> Reader<T> {
        Reader { shared: self.0.clone(), seen: 0, value: None }
    }
}

impl<T: Clone> Default for Publisher<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Clone> Reader<T> {
    /// The newest value, if there is one.
    pub fn get(&mut self) -> Option<&T> {
        if self.shared.version.load(Ordering::Acquire) != self.seen {
            let newest = self.shared.newest();
            // Under the lock, so that version and value belong together.
            self.seen = self.shared.version.load(Ordering::Acquire);
            self.value.clone_from(&newest);
        }
        self.value.as_ref()
    }
}

impl<T: Clone> Clone for Reader<T> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), seen: self.seen, value: self.value.clone() }
    }
}

impl<T> fmt::Debug for Publisher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("version", &self.0.version).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("seen", &self.seen).finish_non_exhaustive()
    }
}
