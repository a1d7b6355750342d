//! [`Renewal`]: one value, many readers, one renewal at a time. Pure policy: no locks, no wake-ups.
//!
//! ```text
//! asked for          fresh − ahead        fresh              fresh + stale_if_error
//!    ├──────── Use ────────┼── UseAndRenew ──┼─ Renew, or ───────────┤── Renew, or Refuse
//!                                              UseAndRenew if renewing fails or is slow
//! ```
//!
//! **Leases, not locks.** Whoever is told to renew holds a [`Lease`] that ends by itself: a leader that
//! is cancelled or burns down is replaced, and nobody waits past the lease.
//!
//! **Newer than what I hold.** An unknown `kid`, a bad signature, `invalid_token` and "rotate now" are
//! one idea, [`Need::NewerThan`]: sixteen callers that hold the same value cause one renewal, and
//! callers who ask for no reason are bounded by a bucket that fills again with time.
//!
//! **Time only goes forward.** If the clock is set back, nothing has to be waited for twice, and
//! nothing lives longer: what has passed stays passed.

use super::{Freshness, Policy, Published, policy::FOREVER};
use crate::{
    base::moment::{Moment, Timestamp},
    flow::Error,
};
use std::sync::Arc;

/// Counts the values that a [`Renewal`] has held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u64);

/// What a caller needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// Whatever may be used.
    Any,
    /// The value of this epoch is not good enough: an unknown `kid`, an `invalid_token`.
    NewerThan(Epoch),
}

/// The right, and the duty, to renew. It ends by [`Renewal::settle`], [`Renewal::abandon`], or by time.
#[must_use = "nobody else renews while a lease lives"]
#[derive(Debug, PartialEq, Eq)]
pub struct Lease {
    id: u64,
    /// By the time that only goes forward.
    since: i64,
    until: Timestamp,
}

impl Lease {
    /// When the lease ends by itself.
    #[must_use]
    pub const fn until(&self) -> Timestamp {
        self.until
    }
}

/// What to do.
#[must_use = "a renewal that is not carried out blocks others until its lease ends"]
#[derive(Debug)]
#[allow(clippy::exhaustive_enums, reason = "a driver handles these five, and there will be no sixth")]
pub enum Want<T> {
    /// Use this value.
    Use(Epoch, Arc<T>),
    /// Use this value, and renew it in the background.
    UseAndRenew(Epoch, Arc<T>, Lease),
    /// Renew, then ask again: there is nothing to use until then.
    Renew(Lease),
    /// Somebody renews: ask again when they have settled, and no later than this.
    Join {
        /// When to ask again at the latest.
        until: Timestamp,
    },
    /// Not now.
    Refuse {
        /// When it makes sense to ask again.
        until: Timestamp,
        /// Why the last renewal failed, if that is why.
        because: Option<Failure>,
    },
}

/// A value that was fetched, and how long its response says it is fresh.
#[derive(Debug)]
#[non_exhaustive]
pub struct Renewed<T> {
    /// The value.
    pub value: Arc<T>,
    /// What the response says.
    pub freshness: Freshness,
}

impl<T> Renewed<T> {
    /// A value, and how long it is fresh.
    pub const fn new(value: Arc<T>, freshness: Freshness) -> Self {
        Self { value, freshness }
    }
}

impl<T> Clone for Renewed<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), freshness: self.freshness }
    }
}

/// Why a renewal failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// There was no response.
    #[error("the provider did not answer")]
    NoResponse,
    /// The value was no good any more when it came.
    #[error("what the provider sent had expired already")]
    Expired,
    /// The response was no good.
    #[error(transparent)]
    Flow(#[from] Error),
}

impl Failure {
    /// In how many seconds the provider asked to be tried again.
    fn retry_after(&self) -> i64 {
        match self {
            Self::Flow(Error::Unavailable(unavailable)) => unavailable.retry_after.unwrap_or(0),
            Self::Flow(_) | Self::NoResponse | Self::Expired => 0,
        }
    }
}

/// What has happened so far, to be read by metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Answers with a fresh value.
    pub hits: u64,
    /// Answers with a stale value, because renewing failed or was slow.
    pub stale: u64,
    /// Answers that made the caller wait for somebody else's renewal.
    pub joined: u64,
    /// Answers without a value.
    pub refused: u64,
    /// Leases given out.
    pub leases: u64,
    /// Values that came by another way.
    pub learned: u64,
    /// Values that were held, however they came.
    pub renewals: u64,
    /// Renewals that failed.
    pub failures: u64,
    /// Leases that nobody settled: their holders gave up, or were too late.
    pub abandoned: u64,
}

/// All times are by the time that only goes forward.
#[derive(Debug)]
struct Held<T> {
    value: Arc<T>,
    renew_at: i64,
    fresh_until: i64,
    usable_until: i64,
}

#[derive(Clone, Copy, Debug)]
struct Live {
    id: u64,
    since: i64,
    until: i64,
    /// What it took out of the bucket of forced renewals.
    poured: i64,
}

#[derive(Debug)]
struct Failed {
    failure: Failure,
    /// When a caller may try again who has nothing to use.
    urgent: i64,
    /// When a caller may try again who has.
    retry: i64,
    /// How long this counts as the present state of affairs.
    recent: i64,
}

/// One value that goes stale, and the policy by which it is renewed.
#[derive(Debug)]
pub struct Renewal<T> {
    policy: Policy,
    held: Option<Held<T>>,
    epoch: Epoch,
    lease: Option<Live>,
    /// The newest lease whose value is held.
    settled: u64,
    failed: Option<Failed>,
    /// Failures in a row.
    failures: u32,
    /// When the bucket of forced renewals is full again.
    full: i64,
    /// The latest time seen, and what the clock is behind it for having been set back.
    seen: i64,
    behind: i64,
    counters: Counters,
}

/// Threads that read the clock one after the other may come in another order: so many seconds back are
/// no clock that was set back.
pub const DISORDER: i64 = 5;

impl<T> Renewal<T> {
    /// Nothing is held yet.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy: policy.tamed(),
            held: None,
            epoch: Epoch::default(),
            lease: None,
            settled: 0,
            failed: None,
            failures: 0,
            full: i64::MIN,
            seen: i64::MIN,
            behind: 0,
            counters: Counters::default(),
        }
    }

    /// Which value is held.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The value that is held, fresh or not.
    #[must_use]
    pub fn value(&self) -> Option<&Arc<T>> {
        self.held.as_ref().map(|held| &held.value)
    }

    /// The value that is held, and when it can be used without asking. To be published.
    #[must_use]
    pub fn published(&self) -> Option<Published<T>> {
        let held = self.held.as_ref()?;
        let since = self.clock(self.seen).plus(-DISORDER);
        Some(Published {
            value: held.value.clone(),
            epoch: self.epoch,
            since,
            renew_at: self.clock(held.renew_at),
        })
    }

    /// What has happened so far.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// What to do, for a caller with this need.
    pub fn want(&mut self, need: Need, now: Timestamp) -> Want<T> {
        let now = self.tick(now);
        let Some(held) = self.held.as_ref().filter(|held| now < held.usable_until) else {
            return self.must_renew(now);
        };
        let (due, fresh) = (now >= held.renew_at, now < held.fresh_until);
        if matches!(need, Need::NewerThan(epoch) if epoch >= self.epoch) {
            return self.force(due, now);
        }
        let failing = self.failed.as_ref().is_some_and(|failed| now < failed.recent);
        let slow = self.lease.is_some_and(|lease| now >= lease.since + self.policy.patience);
        if !fresh && !failing && !slow {
            return self.must_renew(now);
        }
        let (epoch, value) = (self.epoch, held.value.clone());
        if fresh {
            self.counters.hits += 1
        } else {
            self.counters.stale += 1
        }
        let retry = self.failed.as_ref().map_or(now, |failed| failed.retry);
        if due && self.lease.is_none() && now >= retry {
            return Want::UseAndRenew(epoch, value, self.grant(now));
        }
        Want::Use(epoch, value)
    }

    /// Somebody says that a value which may be used is not good enough. If it is due, time renews it;
    /// else it costs what is in the bucket.
    fn force(&mut self, due: bool, now: i64) -> Want<T> {
        if self.lease.is_some() || due {
            return self.must_renew(now);
        }
        let earliest = self.bucket_opens();
        if now < earliest {
            self.counters.refused += 1;
            return Want::Refuse { until: self.clock(earliest), because: None };
        }
        let want = self.must_renew(now);
        if let Some(lease) = &mut self.lease {
            lease.poured = self.policy.cooldown;
            self.pour(now);
        }
        want
    }

    /// There is nothing that this caller can use.
    fn must_renew(&mut self, now: i64) -> Want<T> {
        let urgent = self.failed.as_ref().map_or(now, |failed| failed.urgent);
        let until = match self.lease {
            None if now >= urgent => return Want::Renew(self.grant(now)),
            None => urgent,
            Some(lease) => {
                let until = lease.until.min(lease.since + self.policy.patience);
                if now < until {
                    self.counters.joined += 1;
                    return Want::Join { until: self.clock(until) };
                }
                lease.until
            }
        };
        self.counters.refused += 1;
        let because = self.failed.as_ref().map(|failed| failed.failure.clone());
        Want::Refuse { until: self.clock(until), because }
    }

    fn grant(&mut self, now: i64) -> Lease {
        self.counters.leases += 1;
        let (id, until) = (self.next_id(), now + self.policy.lease);
        self.lease = Some(Live { id, since: now, until, poured: 0 });
        Lease { id, since: now, until: self.clock(until) }
    }

    /// From when on there is something in the bucket of forced renewals.
    fn bucket_opens(&self) -> i64 {
        let Policy { cooldown, burst, .. } = self.policy;
        self.full.saturating_sub(cooldown * (i64::from(burst) - 1))
    }

    /// Takes one forced renewal out of the bucket.
    fn pour(&mut self, now: i64) {
        self.full = self.full.max(now) + self.policy.cooldown;
    }

    /// Ends a lease. Returns whether the value is held now.
    ///
    /// A late value, from a lease that has ended by time, is kept only if nothing newer has come; a
    /// late failure counts for nothing. A failure never takes away what is held. How long a value is
    /// fresh counts from when it was asked for, since nobody knows when it was sent.
    pub fn settle(&mut self, lease: Lease, result: Result<Renewed<T>, Failure>, moment: Moment) -> bool {
        let (now, mut entropy) = moment.split();
        let now = self.tick(now);
        let current = self.end(&lease);
        let failure = match result {
            Ok(renewed) => match self.hold(lease.id, lease.since, renewed, now) {
                Some(held) => return held,
                None => Failure::Expired,
            },
            Err(failure) => failure,
        };
        if let Some(Live { poured, .. }) = current {
            let Policy { urgent_retry, longest_retry, .. } = self.policy;
            let after = failure.retry_after().clamp(0, longest_retry);
            let chance = entropy.byte();
            let wait = |most| now + self.policy.backoff(self.failures, most, chance).max(after);
            self.failed = Some(Failed {
                failure,
                urgent: wait(urgent_retry),
                retry: wait(longest_retry),
                recent: now + 2 * longest_retry + self.policy.lease,
            });
            // The time to the next attempt bounds failures; callers need not pay twice.
            self.full = self.full.saturating_sub(poured);
            self.failures = self.failures.saturating_add(1);
            self.counters.failures += 1;
        }
        false
    }

    /// Takes a value that came by another way than a lease: keys that a login has fetched for itself,
    /// say. Returns whether it is held now.
    pub fn learn(&mut self, renewed: Renewed<T>, now: Timestamp) -> bool {
        let now = self.tick(now);
        self.counters.learned += 1;
        let id = self.next_id();
        self.hold(id, now, renewed, now).unwrap_or(false)
    }

    /// Whether this value is held now; `None` if it is of no use any more.
    fn hold(&mut self, id: u64, since: i64, renewed: Renewed<T>, now: i64) -> Option<bool> {
        let fresh = self.policy.fresh_for(renewed.freshness);
        let fresh_until = since + fresh;
        let usable_until = fresh_until + self.policy.stale_if_error;
        if now >= usable_until {
            return None;
        }
        if id <= self.settled {
            return Some(false);
        }
        let renew_at = fresh_until - self.policy.ahead_of(fresh);
        self.held = Some(Held { value: renewed.value, renew_at, fresh_until, usable_until });
        self.epoch.0 += 1;
        self.settled = id;
        (self.failed, self.failures) = (None, 0);
        self.counters.renewals += 1;
        Some(true)
    }

    /// Leases and what is learned are counted together: the later one was asked for later.
    const fn next_id(&self) -> u64 {
        self.counters.leases + self.counters.learned
    }

    /// Gives a lease back: its holder was cancelled, or broke. The next caller leads at once, as long
    /// as there is something in the bucket of forced renewals, or this lease was paid for out of it;
    /// else when the lease has ended by time. Whoever waits must ask again.
    pub fn abandon(&mut self, lease: Lease, now: Timestamp) {
        let now = self.tick(now);
        let paid = self.lease.is_some_and(|live| live.id == lease.id && live.poured > 0);
        if (paid || now >= self.bucket_opens()) && self.end(&lease).is_some() {
            self.counters.abandoned += 1;
            if !paid {
                self.pour(now);
            }
        }
    }

    fn end(&mut self, lease: &Lease) -> Option<Live> {
        self.lease.take_if(|live| live.id == lease.id)
    }

    /// Tells that it has been this time already. Whoever uses a published value without asking sees more of
    /// the clock than the renewal does; if it is set back, the renewal must know how far it had come.
    pub fn has_been(&mut self, time: Timestamp) {
        self.tick(time);
    }

    /// The time that only goes forward, by this reading of the clock. It may end the lease.
    fn tick(&mut self, now: Timestamp) -> i64 {
        let now = now.0.clamp(-FOREVER, FOREVER) + self.behind;
        if now < self.seen.saturating_sub(DISORDER) {
            self.behind += self.seen - now;
        }
        let now = self.seen.max(now);
        self.seen = now;
        if self.lease.take_if(|lease| now >= lease.until).is_some() {
            self.counters.abandoned += 1;
        }
        now
    }

    /// What the clock says at this time.
    const fn clock(&self, time: i64) -> Timestamp {
        Timestamp(time.saturating_sub(self.behind))
    }
}
