//! [`Renewal`]: one value, many readers, one renewal at a time. Pure policy: no locks, no wake-ups.
//!
//! ```text
//! fetched            fresh − ahead        fresh              fresh + stale_if_error
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

use super::Freshness;
use crate::{
    base::moment::{Moment, Timestamp},
    flow::Error,
};
use std::sync::Arc;

/// The numbers of a [`Renewal`], in seconds. The defaults are those for keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// How long a value is fresh if the response does not say.
    pub fresh: i64,
    /// The least that a response can set it to.
    pub floor: i64,
    /// The most that a response can set it to.
    pub ceiling: i64,
    /// How long before its end a value is renewed while it is still used.
    pub ahead: i64,
    /// For how long after its end a value is used while renewing fails (RFC 5861 section 4).
    pub stale_if_error: i64,
    /// The least time from a failure to the next attempt, doubled by each further failure; and the
    /// time in which one more forced renewal becomes possible.
    pub cooldown: i64,
    /// The longest time from a failure to the next attempt.
    pub longest_cooldown: i64,
    /// How many forced renewals are possible at once.
    pub burst: u8,
    /// How long a renewal may take before its lease ends. More than the timeout of an exchange.
    pub lease: i64,
    /// How long others wait for a renewal, before they use what is stale or are refused.
    pub patience: i64,
}

impl Policy {
    /// For keys: fresh for 5 minutes unless the response says otherwise (1 minute to 24 hours).
    pub const KEYS: Self = Self {
        fresh: 300,
        floor: 60,
        ceiling: 86_400,
        ahead: 30,
        stale_if_error: 3_600,
        cooldown: 30,
        longest_cooldown: 300,
        burst: 2,
        lease: 15,
        patience: 3,
    };

    /// For metadata: fresh for an hour unless the response says otherwise; while renewing fails, used
    /// for a day: endpoints move more rarely than keys.
    pub const METADATA: Self =
        Self { fresh: 3_600, ahead: 300, stale_if_error: 86_400, longest_cooldown: 600, ..Self::KEYS };

    /// For access tokens: as fresh as the provider says, never used after that, renewed a minute
    /// ahead. A token that does not say how long it lives is taken for five minutes.
    pub const TOKENS: Self =
        Self { floor: 0, ceiling: i64::MAX, ahead: 60, stale_if_error: 0, cooldown: 5, ..Self::KEYS };

    /// No value is used for longer than this after it was fetched, whatever happens: what is withdrawn
    /// is gone by then.
    #[must_use]
    pub const fn deadline(&self) -> i64 {
        self.ceiling.saturating_add(self.stale_if_error)
    }

    /// How long a value is fresh, by what its response says.
    fn fresh_for(&self, freshness: Freshness) -> i64 {
        match freshness.seconds() {
            Some(seconds) => seconds.clamp(self.floor, self.ceiling.max(self.floor)),
            None => self.fresh,
        }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::KEYS
    }
}

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

/// The right, and the duty, to renew. It ends by [`Renewal::settle`], or by time.
#[must_use = "nobody else renews while a lease lives"]
#[derive(Debug, PartialEq, Eq)]
pub struct Lease {
    id: u64,
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
    /// The response was no good.
    #[error(transparent)]
    Flow(#[from] Error),
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
    /// Renewals that brought a value.
    pub renewals: u64,
    /// Renewals that failed.
    pub failures: u64,
}

#[derive(Debug)]
struct Held<T> {
    value: Arc<T>,
    fresh_until: Timestamp,
    usable_until: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct Live {
    id: u64,
    since: Timestamp,
    until: Timestamp,
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
    failed: Option<(Failure, Timestamp)>,
    failures: u32,
    /// When the bucket of forced renewals is full again.
    forced: Timestamp,
    counters: Counters,
}

impl<T> Renewal<T> {
    /// Nothing is held yet.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            held: None,
            epoch: Epoch::default(),
            lease: None,
            settled: 0,
            failed: None,
            failures: 0,
            forced: Timestamp(i64::MIN),
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

    /// Until when the value that is held can be used without asking.
    #[must_use]
    pub fn renew_at(&self) -> Option<Timestamp> {
        self.held.as_ref().map(|held| held.fresh_until.plus(-self.policy.ahead))
    }

    /// What has happened so far.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// What to do, for a caller with this need.
    pub fn want(&mut self, need: Need, now: Timestamp) -> Want<T> {
        self.lease = self.lease.filter(|lease| now < lease.until);
        let forced = matches!(need, Need::NewerThan(epoch) if epoch >= self.epoch);
        let held = self.held.as_ref().filter(|held| now < held.usable_until);
        let Some(held) = held else { return self.must_renew(now) };
        if forced {
            return self.force(now);
        }
        let (epoch, value) = (self.epoch, held.value.clone());
        if now < held.fresh_until.plus(-self.policy.ahead) {
            self.counters.hits += 1;
            return Want::Use(epoch, value);
        }
        let fresh = now < held.fresh_until;
        let slow = self.lease.is_some_and(|lease| now >= lease.since.plus(self.policy.patience));
        if !fresh && self.failures == 0 && !slow {
            return self.must_renew(now);
        }
        if fresh {
            self.counters.hits += 1
        } else {
            self.counters.stale += 1
        }
        match self.grant(now) {
            Some(lease) => Want::UseAndRenew(epoch, value, lease),
            None => Want::Use(epoch, value),
        }
    }

    /// Somebody says that a value which may be used is not good enough.
    fn force(&mut self, now: Timestamp) -> Want<T> {
        let Policy { cooldown, burst, .. } = self.policy;
        let earliest = self.forced.plus(-cooldown.saturating_mul(i64::from(burst.max(1)) - 1));
        if self.lease.is_none() && now < earliest {
            self.counters.refused += 1;
            return Want::Refuse { until: earliest, because: None };
        }
        let want = self.must_renew(now);
        if matches!(want, Want::Renew(_)) {
            self.forced = self.forced.max(now).plus(cooldown);
        }
        want
    }

    /// There is nothing that this caller can use.
    fn must_renew(&mut self, now: Timestamp) -> Want<T> {
        if let Some(lease) = self.lease {
            let until = lease.until.min(lease.since.plus(self.policy.patience));
            if now < until {
                self.counters.joined += 1;
                return Want::Join { until };
            }
            self.counters.refused += 1;
            return Want::Refuse { until: lease.until, because: self.because() };
        }
        match (self.grant(now), self.failed.as_ref()) {
            (Some(lease), _) => Want::Renew(lease),
            (None, failed) => {
                let until = failed.map_or(now.plus(1), |(_, retry)| *retry);
                self.counters.refused += 1;
                Want::Refuse { until, because: self.because() }
            }
        }
    }

    fn because(&self) -> Option<Failure> {
        self.failed.as_ref().map(|(failure, _)| failure.clone())
    }

    /// A lease, unless somebody has one or the last failure was too short ago.
    fn grant(&mut self, now: Timestamp) -> Option<Lease> {
        if self.lease.is_some() || self.failed.as_ref().is_some_and(|(_, retry)| now < *retry) {
            return None;
        }
        self.counters.leases += 1;
        let (id, until) = (self.counters.leases, now.plus(self.policy.lease.max(1)));
        self.lease = Some(Live { id, since: now, until });
        Some(Lease { id, until })
    }

    /// Ends a lease. Returns whether the value is held now.
    ///
    /// A late value, from a lease that has ended by time, is kept only if nothing newer has come; a
    /// late failure counts for nothing. A failure never takes away what is held.
    pub fn settle(&mut self, lease: Lease, result: Result<Renewed<T>, Failure>, moment: Moment) -> bool {
        let current = self.lease.is_some_and(|live| live.id == lease.id);
        if current {
            self.lease = None;
        }
        let (now, mut entropy) = moment.split();
        match result {
            Ok(Renewed { value, freshness }) if lease.id > self.settled => {
                let fresh_until = now.plus(self.policy.fresh_for(freshness));
                let usable_until = fresh_until.plus(self.policy.stale_if_error);
                self.held = Some(Held { value, fresh_until, usable_until });
                self.epoch.0 += 1;
                self.settled = lease.id;
                (self.failed, self.failures) = (None, 0);
                self.counters.renewals += 1;
                true
            }
            Err(failure) if current => {
                let Policy { cooldown, longest_cooldown, .. } = self.policy;
                let cooldown = cooldown.max(1);
                let backoff = cooldown
                    .saturating_mul(1_i64.checked_shl(self.failures.min(30)).unwrap_or(i64::MAX))
                    .min(longest_cooldown.max(cooldown));
                // Up to a quarter less, so that nodes which failed together do not come back together.
                let jitter = i64::from(entropy.byte()) * (backoff / 4) / 256;
                self.failures = self.failures.saturating_add(1);
                self.failed = Some((failure, now.plus((backoff - jitter).max(cooldown))));
                self.counters.failures += 1;
                false
            }
            Ok(_) | Err(_) => false,
        }
    }
}
