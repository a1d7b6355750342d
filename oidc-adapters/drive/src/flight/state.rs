//! [`SingleFlight`]: what is held, and who waits for it.

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

/// One value that many threads and tasks use, and that one of them renews.
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
    /// Why the renewal failed that ended last; nothing if its leader gave up.
    pub(crate) failed: Option<RenewalError>,
    /// Until when readers have been told that they need not ask.
    pub(super) told: Option<Timestamp>,
    pub(crate) waiting: Waiting,
}

impl<T> SingleFlight<T> {
    /// Nothing is held yet.
    #[must_use]
    pub fn new(policy: RenewalPolicy) -> Self {
        Self::with_clock(policy, Arc::new(SystemClock))
    }

    /// The same by a clock of one's own.
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

    /// Tells this observer of the end of every renewal, given up or not: that `keys` were renewed, say,
    /// of this issuer.
    #[must_use]
    pub fn with_observer(self, what: &'static str, issuer: impl Into<Arc<str>>, observer: &Observer) -> Self {
        self.watched(Watched::new(what, issuer, observer))
    }

    pub(crate) fn watched(self, watched: Watched) -> Self {
        Self { watched, ..self }
    }

    /// Who has waited for a renewal takes what came of it, and leads none: for what must not be tried again
    /// unless somebody asks anew.
    pub(crate) fn once(self) -> Self {
        Self { once: true, ..self }
    }

    /// Reads the value without a lock. While it [is fresh](Published::is_fresh), nobody need be asked.
    #[must_use]
    pub fn reader(&self) -> Reader<Published<T>> {
        self.publisher.reader()
    }

    /// What has happened so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.state().renewal.counters()
    }

    /// How many tasks and threads wait now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.state().waiting.len()
    }

    /// Takes a value that came by another way: keys that a login has fetched for itself, say. `asked` is
    /// when it was asked for, by the clock of this flight, and `known` the [epoch](Self::epoch) that was held
    /// before that. It is kept if it is newer than what is held, as [`Renewal::learn`] says, and whoever waits
    /// gets it. Returns whether it is held now.
    pub fn learn(&self, renewed: Renewed<T>, asked: Timestamp, known: Epoch) -> bool {
        let (moment, _kept) = (self.clock.moment(), Arc::clone(&renewed.value));
        self.change(|state| state.renewal.learn(renewed, asked, known, moment))
    }

    /// Which value is held.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.state().renewal.epoch()
    }

    /// Tells that this value served without a question until this time: for a [reader](Self::reader) that
    /// sees the clock set back. Otherwise the value would serve readers for as long again as the clock was
    /// set back. Does nothing if the new times are known already.
    pub fn served_until(&self, value: &Published<T>, time: Timestamp) {
        let mut state = self.state();
        if state.told == Some(value.renew_at) {
            state.renewal.has_been(time);
        }
    }

    /// Until when what is held needs no renewal, if anything is.
    pub(crate) fn fresh_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.held(now).map(|published| published.renew_at)
    }

    /// What is held, if nobody need be asked for it. Unlike a reader, it knows if the clock was set back.
    pub(crate) fn at_hand(&self, now: Timestamp) -> Option<Published<T>> {
        self.held(now).filter(|published| published.is_fresh(now))
    }

    fn held(&self, now: Timestamp) -> Option<Published<T>> {
        let mut state = self.state();
        state.renewal.has_been(now);
        state.renewal.published()
    }

    /// Has everybody who waits ask again: for a clock that was moved by hand.
    pub fn wake(&self) {
        self.change(|_| false);
    }

    /// Changes the renewal, tells readers, and wakes everybody. The change says whether a value came.
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

    /// A panic of another thread leaves a whole state behind: no code of a caller runs under the lock.
    pub(crate) fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for SingleFlight<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlight").field("counters", &self.counters()).finish_non_exhaustive()
    }
}

/// A duration in seconds, a fraction counted as a whole one, as renewals count.
const fn whole_seconds(duration: Duration) -> i64 {
    Timestamp(0).after(duration).0
}
