//! The `get` methods of [`SingleFlight`]: a caller gets the value, renews it, or waits for another caller's renewal.
//! The code is written once, as async code; a thread blocks on it.

use super::{
    error::NotAvailableError,
    leading::Leading,
    state::{SingleFlight, State},
};
use crate::drive::{Job, Task, after, block_on};
use oidc_proto::{
    Timestamp,
    renew::{Decision, Lease, Need, Published, RenewalError, Renewed},
};
use std::{
    future::{Future, ready},
    sync::{Arc, MutexGuard},
    time::Duration,
};

/// The next step of a caller.
enum Answer<T> {
    Use(Published<T>),
    UseAndRenew(Published<T>, Lease),
    Renew(Lease),
    /// Wait until the version is no longer this one, but no longer than this.
    Wait(Duration, u64),
    No(NotAvailableError),
}

impl<T> SingleFlight<T> {
    /// Returns the value. If it must be renewed, this caller does so on its own thread, and returns when that is done.
    /// Other callers meanwhile wait no longer than the policy's patience.
    ///
    /// # Errors
    /// No value is available.
    pub fn get(
        &self,
        need: Need,
        renew: impl FnOnce() -> Result<Renewed<T>, RenewalError>,
    ) -> Result<Published<T>, NotAvailableError> {
        block_on(self.get_async_inline(need, || ready(renew()), after))
    }

    /// Returns the value. If it must be renewed, `spawn` runs the renewal on another thread, and no caller waits longer
    /// than the policy's patience.
    ///
    /// # Errors
    /// No value is available.
    pub fn get_spawning(
        self: &Arc<Self>,
        need: Need,
        renew: impl FnOnce() -> Result<Renewed<T>, RenewalError> + Send + 'static,
        spawn: impl FnOnce(Job),
    ) -> Result<Published<T>, NotAvailableError>
    where
        T: Send + Sync + 'static,
    {
        let spawn = |task| spawn(Box::new(move || block_on(task)));
        block_on(self.get_async(need, || ready(renew()), after, spawn))
    }

    /// Returns the value. If it must be renewed, this future does so itself, and is ready when that is done. If the
    /// future is dropped before, another caller renews. With a runtime, prefer [`get_async`](Self::get_async).
    ///
    /// # Errors
    /// No value is available.
    pub async fn get_async_inline<R, W>(
        &self,
        need: Need,
        renew: impl FnOnce() -> R,
        sleep: impl FnMut(Duration) -> W,
    ) -> Result<Published<T>, NotAvailableError>
    where
        R: Future<Output = Result<Renewed<T>, RenewalError>>,
        W: Future<Output = ()>,
    {
        let lead = |lease, _| {
            let leading = Leading::new(self, lease);
            async move { leading.settle(renew().await) }
        };
        self.get_async_with(need, lead, sleep).await
    }

    /// Returns the value. If it must be renewed, `spawn` runs the renewal in the background. Dropping this future then
    /// cancels nothing, and the future waits no longer than the policy's patience.
    ///
    /// # Errors
    /// No value is available.
    pub async fn get_async<R, W>(
        self: &Arc<Self>,
        need: Need,
        renew: impl FnOnce() -> R + Send + 'static,
        sleep: impl FnMut(Duration) -> W,
        spawn: impl FnOnce(Task),
    ) -> Result<Published<T>, NotAvailableError>
    where
        T: Send + Sync + 'static,
        R: Future<Output = Result<Renewed<T>, RenewalError>> + Send,
        W: Future<Output = ()>,
    {
        let lead = |lease, _| {
            let leading = Leading::new(Arc::clone(self), lease);
            spawn(Box::pin(async move { leading.settle(renew().await) }));
            ready(())
        };
        self.get_async_with(need, lead, sleep).await
    }

    /// Returns the value as [`get_async`](Self::get_async) does if `background` returns true, and as
    /// [`get_async_inline`](Self::get_async_inline) otherwise. The argument of `background` is whether there is an old
    /// value to use meanwhile.
    pub(crate) async fn get_async_if<R, W>(
        self: &Arc<Self>,
        need: Need,
        renew: impl FnOnce() -> R + Send + 'static,
        sleep: impl FnMut(Duration) -> W,
        spawn: impl FnOnce(Task),
        background: impl FnOnce(bool) -> bool,
    ) -> Result<Published<T>, NotAvailableError>
    where
        T: Send + Sync + 'static,
        R: Future<Output = Result<Renewed<T>, RenewalError>> + Send,
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

    async fn get_async_with<L, W>(
        &self,
        need: Need,
        lead: impl FnOnce(Lease, bool) -> L,
        mut sleep: impl FnMut(Duration) -> W,
    ) -> Result<Published<T>, NotAvailableError>
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

    /// Asks the renewal for the next step of a caller that may wait for `left` more seconds.
    fn ask(&self, need: Need, left: i64) -> Answer<T> {
        self.ask_by(self.state(), need, left, self.clock.now())
    }

    /// The value, if it is fresh. It is the value that [`get`](Self::get) returns, but no future is made.
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
            // An epoch that was never here is from an older flight, which a pool has forgotten. Any value is newer.
            Need::NewerThan(epoch) if epoch > state.renewal.epoch() => Need::Any,
            need @ (Need::Any | Need::NewerThan(_) | _) => need,
        };
        let (lease, until) = match state.renewal.want(need, now) {
            Decision::Use(..) => (None, now),
            Decision::UseAndRenew(_, _, lease) => (Some(lease), now),
            Decision::Renew(lease) => return Answer::Renew(lease),
            Decision::Join { until } if left > 0 => {
                let seconds = u64::try_from(until.0.saturating_sub(now.0).min(left)).unwrap_or(0);
                return Answer::Wait(Duration::from_secs(seconds), state.waiting.version());
            }
            Decision::Join { until } => return Answer::No(NotAvailableError::new(until, None)),
            Decision::Refuse { until, because } => {
                // The lease is far longer than its exchange, so its end is not the time to ask again.
                let until = if self.once { until.min(now.plus(self.patience)) } else { until };
                return Answer::No(NotAvailableError::new(until, because));
            }
        };
        match (state.renewal.published(), lease) {
            (Some(published), lease) => {
                // After the clock was set back, readers need the new times.
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
            (None, _) => Answer::No(NotAvailableError::new(until, None)),
        }
    }

    /// The number of seconds that a caller has waited. A caller that slept the full time has waited all of it,
    /// whatever the clock says.
    fn waited(&self, before: Timestamp, time: Duration, timed_out: bool) -> i64 {
        let full = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        if timed_out { full } else { self.clock.now().0.saturating_sub(before.0).clamp(0, full) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a missing value must fail the test")]
mod tests {
    use super::*;
    use oidc_proto::renew::{Freshness, RenewalPolicy};
    use std::{sync::mpsc, thread};

    fn value(number: u64) -> Result<Renewed<u64>, RenewalError> {
        Ok(Renewed::new(Arc::new(number), Freshness::lasting(Duration::from_secs(600))))
    }

    /// The renewal of one value may need another value, and wait for a third one that another thread renews. A wake-up
    /// that was meant for the thread is still there afterwards.
    #[test]
    fn a_get_may_need_another_get() {
        let (done, wait) = mpsc::channel();
        let caller = thread::spawn(move || {
            let [outer, inner, other] =
                std::array::from_fn(|_| Arc::new(SingleFlight::<u64>::new(RenewalPolicy::KEYS)));
            let (job, jobs) = mpsc::channel::<Job>();
            let worker = thread::spawn(move || jobs.into_iter().for_each(|job| job()));
            thread::current().unpark();
            let got = outer.get(Need::Any, || {
                let inner = inner.get(Need::Any, || {
                    let spawn = |renewal| job.send(renewal).unwrap();
                    let other = other.get_spawning(Need::Any, || value(1), spawn).unwrap();
                    value(*other.value + 1)
                });
                value(*inner.unwrap().value + 1)
            });
            // Hangs if the wake-up was consumed.
            thread::park();
            assert_eq!(*got.unwrap().value, 3);
            assert_eq!([&outer, &inner, &other].map(|flight| flight.counters().leases), [1; 3]);
            assert_eq!([&outer, &inner, &other].map(|flight| flight.waiting()), [0; 3]);
            drop(job);
            worker.join().unwrap();
            done.send(()).unwrap();
        });
        let ended = wait.recv_timeout(Duration::from_secs(60));
        assert_ne!(ended, Err(mpsc::RecvTimeoutError::Timeout), "it hangs");
        caller.join().unwrap();
    }
}
