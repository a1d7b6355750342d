//! [`Publisher`] and [`Reader`]: pass the newest value to many threads.
//!
//! A reader that has seen the newest value takes no lock: it loads one atomic number and compares it. A mutex is
//! locked only to publish a value, and by each reader to clone a value that it has not seen yet.

use crate::base::moment::Timestamp;
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// The number of a value that a [`Renewal`](super::Renewal) has held: each new value has a greater one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// Returns the next epoch.
    pub(super) const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A value, and the times between which it may be used without a call of
/// [`Renewal::want`](super::Renewal::want).
///
/// ```
/// use oidc_proto::{
///     Moment, Timestamp,
///     renew::{Decision, Freshness, Need, Renewal, RenewalPolicy, Renewed},
/// };
/// use std::sync::Arc;
///
/// let now = Timestamp(1_800_000_000);
/// let mut keys = Renewal::new(RenewalPolicy::KEYS);
/// let Decision::Renew(lease) = keys.want(Need::Any, now) else { return Err("no lease") };
/// keys.settle(lease, Ok(Renewed::new(Arc::new("keys"), Freshness::UNKNOWN)), Moment::new(now, [7; 32]));
///
/// let published = keys.published().ok_or("no value")?;
/// assert!(published.is_fresh(now.plus(60)));
/// assert!(!published.is_fresh(now.plus(300)), "ask the renewal");
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Published<T> {
    /// The value.
    pub value: Arc<T>,
    /// The epoch of the value.
    pub epoch: Epoch,
    /// The first time at which the value is fresh. If the clock is earlier, it was set back.
    pub since: Timestamp,
    /// The time from which the value is due for renewal.
    pub renew_at: Timestamp,
}

impl<T> Published<T> {
    /// Whether the value can be used now without a call of [`Renewal::want`](super::Renewal::want).
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.since <= now && now < self.renew_at
    }
}

impl<T> Clone for Published<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), epoch: self.epoch, since: self.since, renew_at: self.renew_at }
    }
}

struct Shared<T> {
    version: AtomicU64,
    newest: Mutex<Option<T>>,
}

impl<T> Shared<T> {
    /// Locks the newest value. A poisoned lock is safe to use: values are replaced as a whole.
    fn newest(&self) -> MutexGuard<'_, Option<T>> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sender of new values to all its [`Reader`]s.
///
/// ```
/// use oidc_proto::renew::Publisher;
///
/// let publisher = Publisher::new();
/// let mut reader = publisher.reader();
/// assert_eq!(reader.get(), None);
/// publisher.publish("first");
/// assert_eq!(reader.get(), Some(&"first"));
/// assert_eq!(publisher.publish("second"), Some("first"));
/// assert_eq!(reader.get(), Some(&"second"));
/// ```
pub struct Publisher<T>(Arc<Shared<T>>);

/// The receiver of the newest value: make one for each thread.
///
/// Reading the same value again is one atomic load. The first reading of a new value locks a mutex and clones the
/// value, so `T` is best an `Arc` or a [`Published`]. [`Publisher`] has an example.
pub struct Reader<T> {
    shared: Arc<Shared<T>>,
    seen: u64,
    value: Option<T>,
}

impl<T: Clone> Publisher<T> {
    /// Creates a publisher without a value.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Shared { version: AtomicU64::new(0), newest: Mutex::new(None) }))
    }

    /// Publishes a new value to every reader, and returns the old one. So the caller drops the old value, after the
    /// lock is released.
    pub fn publish(&self, value: T) -> Option<T> {
        let mut newest = self.0.newest();
        let old = newest.replace(value);
        self.0.version.fetch_add(1, Ordering::Release);
        old
    }

    /// Creates a reader.
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
    /// Returns the newest value, if there is one.
    pub fn get(&mut self) -> Option<&T> {
        if self.shared.version.load(Ordering::Acquire) != self.seen {
            let newest = self.shared.newest();
            // Loaded under the lock, so that version and value belong together.
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::Barrier, thread};

    #[test]
    fn a_reader_sees_the_newest_value_and_keeps_it() {
        let publisher = Publisher::new();
        let (mut early, mut other) = (publisher.reader(), publisher.reader());
        assert_eq!(early.get(), None::<&u8>);
        assert_eq!(publisher.publish(1), None);
        assert_eq!((early.get(), other.get()), (Some(&1), Some(&1)));
        assert_eq!(publisher.publish(2), Some(1));
        let mut late = early.clone();
        assert_eq!((late.get(), early.get(), publisher.reader().get()), (Some(&2), Some(&2), Some(&2)));
        drop(publisher);
        assert_eq!(early.get(), Some(&2), "a reader works after its publisher was dropped");
    }

    #[test]
    fn reading_again_takes_no_lock() {
        let publisher = Publisher::new();
        publisher.publish(1);
        let mut reader = publisher.reader();
        assert_eq!(reader.get(), Some(&1));
        let _held = publisher.0.newest();
        assert_eq!(reader.get(), Some(&1), "even while the lock is held");
    }

    #[test]
    fn a_panic_in_another_thread_loses_no_value() {
        let publisher = Arc::new(Publisher::new());
        publisher.publish(1);
        let shared = Arc::clone(&publisher);
        let poisoned = thread::spawn(move || {
            let _held = shared.0.newest();
            panic!("with the lock in hand");
        });
        assert!(poisoned.join().is_err());
        assert_eq!(publisher.reader().get(), Some(&1));
        publisher.publish(2);
        assert_eq!(publisher.reader().get(), Some(&2));
    }

    /// Readers see only whole values, and never an older one after a newer.
    #[test]
    fn many_threads_read_whole_values_in_order_while_two_publish() {
        const LAST: u64 = 2_000;
        let publisher = Publisher::new();
        let start = Barrier::new(6);
        let next = Mutex::new(0);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    start.wait();
                    loop {
                        let mut next = next.lock().unwrap();
                        if *next == LAST {
                            break;
                        }
                        *next += 1;
                        publisher.publish(Arc::new((*next, !*next)));
                    }
                });
            }
            for _ in 0..4 {
                let mut reader = publisher.reader();
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    let mut seen = 0;
                    while seen < LAST {
                        let Some(value) = reader.get() else { continue };
                        let (number, check) = **value;
                        assert!(number >= seen && check == !number, "{number} after {seen}");
                        seen = number;
                    }
                });
            }
        });
    }

    #[test]
    fn a_clock_that_is_set_back_far_does_not_keep_a_value_fresh() {
        let published = Published {
            value: Arc::new(1),
            epoch: Epoch::default(),
            since: Timestamp(100),
            renew_at: Timestamp(200),
        };
        let fresh = [99, 100, 199, 200].map(|now| published.clone().is_fresh(Timestamp(now)));
        assert_eq!(fresh, [false, true, true, false]);
    }
}
