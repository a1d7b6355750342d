//! [`SingleFlight`]: its value and the callers that wait for it.

use super::waiting::Waiting;
use crate::event::{Clock, Observer, SystemClock, Watched};
use oidc_proto::{
    Timestamp,
    renew::{Counters, Epoch, Published, Publisher, Reader, Renewal, RenewalError, RenewalPolicy, Renewed},
};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// One value that many threads and tasks use, and that only one of them renews at a time.
///
/// A caller that finds the value fresh gets it at once. If the value must be renewed, one caller becomes the leader
/// and fetches it. The others get the old value, or wait no longer than the patience of the
/// [policy](RenewalPolicy).
///
/// ```
/// use oidc_drive::{SingleFlight, oidc_proto::renew::{Freshness, Need, RenewalPolicy, Renewed}};
/// use std::{sync::{Arc, atomic::{AtomicUsize, Ordering::Relaxed}}, thread, time::Duration};
///
/// let keys = SingleFlight::new(RenewalPolicy::KEYS);
/// let fetches = AtomicUsize::new(0);
/// let fetch = || {
///     fetches.fetch_add(1, Relaxed);
///     Ok(Renewed::new(Arc::new("keys"), Freshness::lasting(Duration::from_secs(300))))
/// };
/// thread::scope(|scope| {
///     for _ in 0..8 {
///         scope.spawn(|| assert_eq!(*keys.get(Need::Any, fetch).expect("keys").value, "keys"));
///     }
/// });
/// assert_eq!(fetches.load(Relaxed), 1, "eight threads, one fetch");
///
/// // A token has an unknown `kid`: are there newer keys?
/// let held = keys.get(Need::Any, fetch)?;
/// let newer = keys.get(Need::NewerThan(held.epoch), fetch)?;
/// assert!(newer.epoch > held.epoch);
/// # Ok::<(), oidc_drive::NotAvailableError>(())
/// ```
pub struct SingleFlight<T> {
    state: Mutex<State<T>>,
    pub(super) publisher: Publisher<Published<T>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(super) patience: i64,
    pub(crate) once: bool,
    pub(crate) watched: Watched,
}

pub(crate) struct State<T> {
    pub(crate) renewal: Renewal<T>,
    /// Why the latest renewal failed; `None` if it succeeded or its leader gave up.
    pub(crate) failed: Option<RenewalError>,
    /// The time until which the published value is fresh for readers.
    pub(super) told: Option<Timestamp>,
    pub(crate) waiting: Waiting,
}

impl<T> SingleFlight<T> {
    /// Makes a flight without a value.
    #[must_use]
    pub fn new(policy: RenewalPolicy) -> Self {
        Self::with_clock(policy, Arc::new(SystemClock))
    }

    /// Makes a flight as [`new`](Self::new) does, with another clock than [`SystemClock`].
    #[must_use]
    pub fn with_clock(policy: RenewalPolicy, clock: Arc<dyn Clock>) -> Self {
        let (renewal, waiting) = (Renewal::new(policy), Waiting::default());
        Self {
            state: Mutex::new(State { renewal, failed: None, told: None, waiting }),
            publisher: Publisher::new(),
            clock,
            patience: whole_seconds(policy.patience),
            once: false,
            watched: Watched::default(),
        }
    }

    /// Reports the end of every renewal to this observer, even of one that was given up. `what` is the kind of value,
    /// such as `keys`, and `issuer` is its issuer.
    #[must_use]
    pub fn with_observer(self, what: &'static str, issuer: impl Into<Arc<str>>, observer: &Observer) -> Self {
        self.watched(Watched::new(what, issuer, observer))
    }

    pub(crate) fn watched(self, watched: Watched) -> Self {
        Self { watched, ..self }
    }

    /// Makes callers that have waited for a renewal take its outcome, instead of leading the next renewal. For
    /// exchanges that must not be repeated unless a new call asks for it.
    pub(crate) fn once(self) -> Self {
        Self { once: true, ..self }
    }

    /// Returns a reader of the value, which takes no lock. While the value [is fresh](Published::is_fresh), it can be
    /// used without calling [`get`](Self::get).
    #[must_use]
    pub fn reader(&self) -> Reader<Published<T>> {
        self.publisher.reader()
    }

    /// Returns the counters of the renewals so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.state().renewal.counters()
    }

    /// Returns how many tasks and threads are waiting.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// Takes a value that was fetched elsewhere: keys that a login has fetched for itself, for example. `asked` is the
    /// time of that request by the clock of this flight, and `known` is the [epoch](Self::epoch) before the request.
    ///
    /// The value is kept if it is newer than the current one, as [`Renewal::learn`] defines, and waiting callers get
    /// it. Returns whether the value was kept.
    pub fn learn(&self, renewed: Renewed<T>, asked: Timestamp, known: Epoch) -> bool {
        let (moment, _kept) = (self.clock.moment(), Arc::clone(&renewed.value));
        self.change(|state| state.renewal.learn(renewed, asked, known, moment))
    }

    /// Returns the epoch of the current value. Each new value has a greater epoch.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.state().renewal.epoch()
    }

    /// Records that a [reader](Self::reader) has used this value until this time. A reader calls it when it sees that
    /// the clock was set back. Otherwise the value would stay fresh for longer, by as much as the clock was set back.
    /// Does nothing if the new times are known already.
    pub fn served_until(&self, value: &Published<T>, time: Timestamp) {
        let mut state = self.state();
        if state.told == Some(value.renew_at) {
            state.renewal.has_been(time);
        }
    }

    /// The time from which the value must be renewed, if there is a value.
    pub(crate) fn fresh_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.held(now).map(|published| published.renew_at)
    }

    /// The value, if it is fresh. Unlike a reader, this notices that the clock was set back.
    pub(crate) fn at_hand(&self, now: Timestamp) -> Option<Published<T>> {
        self.held(now).filter(|published| published.is_fresh(now))
    }

    fn held(&self, now: Timestamp) -> Option<Published<T>> {
        let mut state = self.state();
        state.renewal.has_been(now);
        state.renewal.published()
    }

    /// Wakes all waiting callers, so that they look at the clock again. For tests that set the clock.
    pub fn wake(&self) {
        self.change(|_| false);
    }

    /// Changes the renewal, publishes its value to readers, and wakes all waiting callers. `change` returns whether
    /// there is a new value.
    pub(crate) fn change(&self, change: impl FnOnce(&mut State<T>) -> bool) -> bool {
        let mut guard = self.state();
        let state = &mut *guard;
        let held = change(state);
        let old = state.renewal.published().filter(|_| held).map(|published| {
            state.told = Some(published.renew_at);
            self.publisher.publish(published)
        });
        let wakers = state.waiting.change();
        drop(guard);
        drop(old);
        wakers.into_values().for_each(std::task::Waker::wake);
        held
    }

    /// Locks the state. Poisoning is ignored: no code of a caller runs under the lock, so the state is whole.
    pub(crate) fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for SingleFlight<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlight").field("counters", &self.counters()).finish_non_exhaustive()
    }
}

/// A duration in whole seconds, rounded up, as renewals count.
const fn whole_seconds(duration: Duration) -> i64 {
    Timestamp(0).after(duration).0
}
