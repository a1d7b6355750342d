//! [`Flight`]: parks callers while one of them renews. All decisions are those of
//! [`Renewal`]; this file only waits.
//!
//! **No lock across anything slow.** The lock is held while the renewal decides and while a waker is
//! put down: never across I/O, never while code of the caller runs.
//!
//! **No lost wake-up.** What to do and the version it was decided in are read under one lock, and
//! whoever settles counts the version up before waking anybody.

use crate::{
    Clock, Observer, SystemClock, Unavailable,
    block_on::{after, block_on},
    leading::Leading,
    observed::Watched,
    waiting::Waiting,
};
use oidc_proto::{
    Timestamp,
    renew::{
        Counters, Epoch, Failure, Lease, Need, Policy, Published, Publisher, Reader, Renewal, Renewed, Want,
    },
};
use std::{
    fmt,
    future::{Future, ready},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// What a renewal in the background is, for a runtime that is to carry it out.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a renewal in the background is, for a thread that is to carry it out.
pub type Job = Box<dyn FnOnce() + Send>;

/// One value that many threads and tasks use, and that one of them renews.
pub struct Flight<T> {
    state: Mutex<State<T>>,
    publisher: Publisher<Published<T>>,
    pub(crate) clock: Arc<dyn Clock>,
    patience: i64,
    pub(crate) once: bool,
    pub(crate) watched: Watched,
}

pub(crate) struct State<T> {
    pub(crate) renewal: Renewal<T>,
    /// Why the renewal failed that ended last; nothing if its leader gave up.
    pub(crate) failed: Option<Failure>,
    /// Until when readers have been told that they need not ask.
    told: Option<Timestamp>,
    pub(crate) waiting: Waiting,
}

/// What a caller is to do.
enum Answer<T> {
    Use(Published<T>),
    UseAndRenew(Published<T>, Lease),
    Renew(Lease),
    /// Until somebody settles after this version, but only so long.
    Wait(Duration, u64),
    No(Unavailable),
}

impl<T> Flight<T> {
    /// Nothing is held yet.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self::with_clock(policy, Arc::new(SystemClock))
    }

    /// The same by a clock of one's own.
    #[must_use]
    pub fn with_clock(policy: Policy, clock: Arc<dyn Clock>) -> Self {
        let (renewal, waiting) = (Renewal::new(policy), Waiting::default());
        Self {
            state: Mutex::new(State { renewal, failed: None, told: None, waiting }),
            publisher: Publisher::new(),
            clock,
            patience: policy.patience,
            once: false,
            watched: Watched::default(),
        }
    }

    /// Tells this observer of the end of every renewal, given up or not: that `keys` were renewed, say,
    /// of this issuer.
    #[must_use]
    pub fn observed(self, what: &'static str, issuer: impl Into<Arc<str>>, observer: &Observer) -> Self {
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

    /// The value. A caller who has to renew does it on its own thread, and comes back when it is done;
    /// the others wait for it no longer than the policy's patience.
    ///
    /// # Errors
    /// There is nothing to use now.
    pub fn get(
        &self,
        need: Need,
        renew: impl FnOnce() -> Result<Renewed<T>, Failure>,
    ) -> Result<Published<T>, Unavailable> {
        block_on(self.get_async_inline(need, || ready(renew()), after))
    }

    /// The value. If it has to be renewed, `spawn` carries that out on another thread, and nobody waits
    /// longer than the policy's patience.
    ///
    /// # Errors
    /// There is nothing to use now.
    pub fn get_spawning(
        self: &Arc<Self>,
        need: Need,
        renew: impl FnOnce() -> Result<Renewed<T>, Failure> + Send + 'static,
        spawn: impl FnOnce(Job),
    ) -> Result<Published<T>, Unavailable>
    where
        T: Send + Sync + 'static,
    {
        let spawn = |task| spawn(Box::new(move || block_on(task)));
        block_on(self.get_async(need, || ready(renew()), after, spawn))
    }

    /// The value. A caller who has to renew does it in this very future, and comes back when it is
    /// done; if it is dropped before, another caller leads. With a runtime at hand, prefer
    /// [`get_async`](Self::get_async).
    ///
    /// # Errors
    /// There is nothing to use now.
    pub async fn get_async_inline<R, W>(
        &self,
        need: Need,
        renew: impl FnOnce() -> R,
        sleep: impl FnMut(Duration) -> W,
    ) -> Result<Published<T>, Unavailable>
    where
        R: Future<Output = Result<Renewed<T>, Failure>>,
        W: Future<Output = ()>,
    {
        let lead = |lease, _| {
            let leading = Leading::new(self, lease);
            async move { leading.settle(renew().await) }
        };
        self.get_async_with(need, lead, sleep).await
    }

    /// The value. If it has to be renewed, `spawn` carries that out in the background: dropping this
    /// future cancels nothing, and it waits no longer than the policy's patience.
    ///
    /// # Errors
    /// There is nothing to use now.
    pub async fn get_async<R, W>(
        self: &Arc<Self>,
        need: Need,
        renew: impl FnOnce() -> R + Send + 'static,
        sleep: impl FnMut(Duration) -> W,
        spawn: impl FnOnce(Task),
    ) -> Result<Published<T>, Unavailable>
    where
        T: Send + Sync + 'static,
        R: Future<Output = Result<Renewed<T>, Failure>> + Send,
        W: Future<Output = ()>,
    {
        let lead = |lease, _| {
            let leading = Leading::new(Arc::clone(self), lease);
            spawn(Box::pin(async move { leading.settle(renew().await) }));
            ready(())
        };
        self.get_async_with(need, lead, sleep).await
    }

    /// As [`get_async`](Self::get_async) if `background` says so, which is told whether there is a value that
    /// serves meanwhile; else as [`get_async_inline`](Self::get_async_inline): the caller waits for the end.
    pub(crate) async fn get_async_if<R, W>(
        self: &Arc<Self>,
        need: Need,
        renew: impl FnOnce() -> R + Send + 'static,
        sleep: impl FnMut(Duration) -> W,
        spawn: impl FnOnce(Task),
        background: impl FnOnce(bool) -> bool,
    ) -> Result<Published<T>, Unavailable>
    where
        T: Send + Sync + 'static,
        R: Future<Output = Result<Renewed<T>, Failure>> + Send,
        W: Future<Output = ()>,
    {
        let lead = |lease, serves| {
            let leading = Leading::new(Arc::clone(self), lease);
            let renew: Task = Box::pin(async move { leading.settle(renew().await) });
            if background(serves) {
                spawn(renew);
                return Box::pin(ready(())) as Task;
            }
            renew
        };
        self.get_async_with(need, lead, sleep).await
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

    async fn get_async_with<L, W>(
        &self,
        need: Need,
        lead: impl FnOnce(Lease, bool) -> L,
        mut sleep: impl FnMut(Duration) -> W,
    ) -> Result<Published<T>, Unavailable>
    where
        L: Future<Output = ()>,
        W: Future<Output = ()>,
    {
        let (mut lead, mut left) = (Some(lead), self.patience);
        loop {
            match self.ask(need, left) {
                Answer::Use(published) => return Ok(published),
                Answer::UseAndRenew(published, lease) => {
                    let before = self.clock.now();
                    let Some(leading) = self.lead_once(&mut lead, lease, true) else { return Ok(published) };
                    leading.await;
                    if self.clock.now() == before {
                        return Ok(published);
                    }
                }
                Answer::Renew(lease) => {
                    let version = self.version();
                    match self.lead_once(&mut lead, lease, false) {
                        Some(leading) => leading.await,
                        None => return Err(self.not_now()),
                    }
                    if let Some(came) = self.came_since(version) {
                        return came;
                    }
                }
                Answer::Wait(time, version) => {
                    let before = self.clock.now();
                    let timed_out = !self.changed_since(version, sleep(time)).await;
                    if self.once {
                        return self.came_since(version).unwrap_or_else(|| Err(self.not_yet()));
                    }
                    left -= self.waited(before, time, timed_out);
                }
                Answer::No(unavailable) => return Err(unavailable),
            }
        }
    }

    /// Asks the renewal, for a caller who still waits so many seconds.
    fn ask(&self, need: Need, left: i64) -> Answer<T> {
        self.ask_by(self.state(), need, left, self.clock.now())
    }

    /// The value, if nobody need be asked for it: the same answer as that of [`get`](Self::get), before any
    /// machinery is made to wait for one.
    pub(crate) fn get_at_once(&self) -> Option<Published<T>> {
        let now = self.clock.now();
        let mut state = self.state();
        state.renewal.has_been(now);
        if !state.renewal.published().is_some_and(|published| published.is_fresh(now)) {
            return None;
        }
        match self.ask_by(state, Need::Any, 0, now) {
            Answer::Use(published) => Some(published),
            Answer::UseAndRenew(published, lease) => {
                self.abandon(lease);
                Some(published)
            }
            Answer::Renew(lease) => {
                self.abandon(lease);
                None
            }
            Answer::Wait(..) | Answer::No(_) => None,
        }
    }

    fn ask_by(
        &self,
        mut guard: MutexGuard<'_, State<T>>,
        need: Need,
        left: i64,
        now: Timestamp,
    ) -> Answer<T> {
        let state = &mut *guard;
        let need = match need {
            // A value that was never here was another flight's, which a pool has forgotten: any is newer.
            Need::NewerThan(epoch) if epoch > state.renewal.epoch() => Need::Any,
            need @ (Need::Any | Need::NewerThan(_) | _) => need,
        };
        let (lease, until) = match state.renewal.want(need, now) {
            Want::Use(..) => (None, now),
            Want::UseAndRenew(_, _, lease) => (Some(lease), now),
            Want::Renew(lease) => return Answer::Renew(lease),
            Want::Join { until } if left > 0 => {
                let seconds = u64::try_from(until.0.saturating_sub(now.0).min(left)).unwrap_or(0);
                return Answer::Wait(Duration::from_secs(seconds), state.waiting.version());
            }
            Want::Join { until } => return Answer::No(Unavailable::new(until, None)),
            Want::Refuse { until, because } => {
                // A lease that may outlive its exchange by far says nothing of when to ask again.
                let until = if self.once { until.min(now.plus(self.patience)) } else { until };
                return Answer::No(Unavailable::new(until, because));
            }
        };
        match (state.renewal.published(), lease) {
            (Some(published), lease) => {
                // After the clock was set back, readers have to be told the new times.
                let old = (state.told != Some(published.renew_at)).then(|| {
                    state.told = Some(published.renew_at);
                    self.publisher.publish(published.clone())
                });
                drop(guard);
                drop(old);
                match lease {
                    Some(lease) => Answer::UseAndRenew(published, lease),
                    None => Answer::Use(published),
                }
            }
            (None, _) => Answer::No(Unavailable::new(until, None)),
        }
    }

    /// For how many seconds a caller has waited. One who slept the full time has waited it, whatever
    /// the clock says.
    fn waited(&self, before: Timestamp, time: Duration, timed_out: bool) -> i64 {
        let full = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        if timed_out { full } else { self.clock.now().0.saturating_sub(before.0).clamp(0, full) }
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

impl<T> fmt::Debug for Flight<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").field("counters", &self.counters()).finish_non_exhaustive()
    }
}
