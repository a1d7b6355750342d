//! [`Renewal`]: one value, many callers, one renewal at a time. It decides, and neither locks, waits nor wakes.
//!
//! ```text
//! asked for          fresh − ahead        fresh              fresh + stale_if_error
//!    ├──────── Use ────────┼── UseAndRenew ──┼─ Renew, or ───────────┤── Renew, or Refuse
//!                                              UseAndRenew if renewing fails or is slow
//! ```
//!
//! **Leases, not locks.** A caller that renews holds a [`Lease`] that ends by itself. So a caller that is cancelled or
//! panics is replaced, and nobody waits past the lease.
//!
//! **A newer value on demand.** An unknown `kid`, an invalid signature, `invalid_token` and "rotate now" are one idea:
//! [`Need::NewerThan`]. Sixteen callers that hold the same value cause one renewal. A token bucket bounds callers that
//! ask without a reason.
//!
//! **An older value never replaces a newer one.** Each value has the time at which it was requested, and the epoch
//! that was held then. A value that was requested earlier than the held one is dropped.
//!
//! **Time only goes forward.** If the clock is set back, no caller waits twice, and no value lives longer. Clocks that
//! disagree look like one that is set back: only four set-backs count until the clock is an hour further.

use super::{
    Epoch, Freshness, Published, RenewalPolicy,
    policy::Seconds,
    time::{DISORDER, Forward},
};
use crate::base::sentence::debug_is_sentence;
use crate::{
    base::moment::{Entropy, Moment, Timestamp},
    flow::{Error, seconds},
};
use std::sync::Arc;

/// The value that a caller needs. [`Renewal`] has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// Any value that may be used.
    Any,
    /// A newer value than that of this epoch, because of an unknown `kid` or an `invalid_token`, say.
    NewerThan(Epoch),
}

/// The right and the duty of one caller to renew. [`Renewal::settle`], [`Renewal::abandon`] or time end it.
/// [`Renewal`] has an example.
#[must_use = "no other caller renews until this lease ends"]
#[derive(Debug, PartialEq, Eq)]
pub struct Lease {
    asked: Asked,
    until: Timestamp,
}

impl Lease {
    /// Returns the time at which the lease ends by itself.
    #[must_use]
    pub const fn until(&self) -> Timestamp {
        self.until
    }
}

/// When a value was requested. It decides which of two values is newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    /// The time by [`Forward`].
    at: i64,
    /// The number of the lease: of two requests in one second, the later has the greater. 0 for a learned value.
    number: u64,
    /// The epoch of the value that was held then: that value is certainly older.
    known: Epoch,
}

/// What a caller must do next. [`Renewal`] has an example.
#[must_use = "a renewal that is not carried out blocks others until its lease ends"]
#[derive(Debug)]
#[allow(clippy::exhaustive_enums, reason = "a driver handles these five, and there will be no sixth")]
pub enum Decision<T> {
    /// Use this value.
    Use(Epoch, Arc<T>),
    /// Use this value, and renew it in the background.
    UseAndRenew(Epoch, Arc<T>, Lease),
    /// Renew, then ask again. There is no value to use until then.
    Renew(Lease),
    /// Wait: another caller renews. Ask again when it has settled.
    Join {
        /// When to ask again at the latest.
        until: Timestamp,
    },
    /// Give up for now: no value meets the need, and a renewal cannot begin yet or takes too long.
    Refuse {
        /// The earliest time at which it makes sense to ask again.
        until: Timestamp,
        /// The error of the last renewal, if it is the reason.
        because: Option<RenewalError>,
    },
}

/// A value that was fetched, and how long its response says it is fresh.
#[derive(Debug)]
#[non_exhaustive]
pub struct Renewed<T> {
    /// The value.
    pub value: Arc<T>,
    /// How long the response says the value is fresh.
    pub freshness: Freshness,
}

impl<T> Renewed<T> {
    /// Combines a value and how long it is fresh.
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
///
/// Whoever renews a value settles with it, if there is none; callers who have nothing to use are told of it.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenewalError {
    /// The provider did not answer.
    #[error("the provider did not answer")]
    NoResponse,
    /// The value had expired when it arrived.
    #[error("the provider sent something that had expired already")]
    Expired,
    /// The flow that fetches the value failed.
    #[error(transparent)]
    Flow(#[from] Error),
}

debug_is_sentence!(RenewalError);

impl RenewalError {
    /// Returns the `Retry-After` of the provider, in seconds; 0 if there is none.
    fn retry_after(&self) -> i64 {
        match self {
            Self::Flow(Error::Unavailable(unavailable)) => seconds(unavailable.retry_after()),
            Self::Flow(_) | Self::NoResponse | Self::Expired => 0,
        }
    }
}

/// Counts of events since the renewal was made, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Decisions to use a fresh value.
    pub hits: u64,
    /// Decisions to use a stale value, because a renewal failed or was slow.
    pub stale: u64,
    /// Decisions to wait for the renewal of another caller.
    pub joined: u64,
    /// Decisions to refuse.
    pub refused: u64,
    /// Leases granted.
    pub leases: u64,
    /// Calls of [`Renewal::learn`].
    pub learned: u64,
    /// Values taken over, from leases and learned ones.
    pub renewals: u64,
    /// Renewals that failed.
    pub failures: u64,
    /// Leases that were abandoned, or ended by time.
    pub abandoned: u64,
}

/// The held value. All times are by [`Forward`].
#[derive(Debug)]
struct Held<T> {
    value: Arc<T>,
    asked_at: i64,
    renew_at: i64,
    fresh_until: i64,
    usable_until: i64,
}

#[derive(Clone, Copy, Debug)]
struct Live {
    id: u64,
    since: i64,
    until: i64,
    /// What the lease took out of the bucket of forced renewals, in seconds.
    poured: i64,
}

#[derive(Debug)]
struct Failed {
    failure: RenewalError,
    /// When the next attempt may begin for a caller that has no value to use.
    urgent: i64,
    /// When the next attempt may begin for a caller that has one.
    retry: i64,
    /// Until when this failure is a reason to use a stale value.
    recent: i64,
}

/// One value that expires, and the decisions about its renewal by a [`RenewalPolicy`].
///
/// ```
/// use oidc_proto::{
///     Moment, Timestamp,
///     renew::{Decision, Freshness, Need, Renewal, RenewalError, RenewalPolicy, Renewed},
/// };
/// use std::sync::Arc;
///
/// let at = |second: i64| Timestamp(1_800_000_000 + second);
/// let moment = |second: i64| Moment::new(at(second), [7; 32]);
/// let mut keys = Renewal::new(RenewalPolicy::KEYS);
///
/// // No value yet: the first caller renews, and the next one waits for it.
/// let Decision::Renew(lease) = keys.want(Need::Any, at(0)) else { return Err("no lease") };
/// assert!(matches!(keys.want(Need::Any, at(0)), Decision::Join { .. }));
/// keys.settle(lease, Ok(Renewed::new(Arc::new("keys"), Freshness::UNKNOWN)), moment(1));
/// // Fresh: for 300 seconds, the default for keys.
/// assert!(matches!(keys.want(Need::Any, at(200)), Decision::Use(..)));
/// // Renew ahead: in its last 30 seconds, the value is still used, and one caller renews it.
/// let Decision::UseAndRenew(_, _, lease) = keys.want(Need::Any, at(280)) else { return Err("no lease") };
/// // The provider is down.
/// keys.settle(lease, Err(RenewalError::NoResponse), moment(281));
/// // Stale: the old value is used for another hour, while renewals fail.
/// assert!(matches!(keys.want(Need::Any, at(301)), Decision::UseAndRenew(..)));
/// // After that hour, there is no value to use.
/// assert!(matches!(keys.want(Need::Any, at(300 + 3_600)), Decision::Renew(_)));
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug)]
pub struct Renewal<T> {
    policy: Seconds,
    held: Option<Held<T>>,
    epoch: Epoch,
    lease: Option<Live>,
    /// The number of the held value.
    settled: u64,
    failed: Option<Failed>,
    /// Failures in a row.
    failures: u32,
    /// When the bucket of forced renewals is full again.
    full: i64,
    time: Forward,
    counters: Counters,
}

impl<T> Renewal<T> {
    /// Creates a renewal without a value.
    #[must_use]
    pub fn new(policy: RenewalPolicy) -> Self {
        Self {
            policy: policy.in_seconds(),
            held: None,
            epoch: Epoch::default(),
            lease: None,
            settled: 0,
            failed: None,
            failures: 0,
            full: i64::MIN,
            time: Forward::new(),
            counters: Counters::default(),
        }
    }

    /// Returns the epoch of the held value.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Returns the held value, whether it is fresh or not.
    #[must_use]
    pub fn value(&self) -> Option<&Arc<T>> {
        self.held.as_ref().map(|held| &held.value)
    }

    /// Returns the held value, and the times between which it can be used without a call of [`want`](Self::want).
    #[must_use]
    pub fn published(&self) -> Option<Published<T>> {
        let held = self.held.as_ref()?;
        let since = self.time.clock(self.time.now()).plus(-DISORDER);
        Some(Published {
            value: held.value.clone(),
            epoch: self.epoch,
            since,
            renew_at: self.time.clock(held.renew_at),
        })
    }

    /// Returns the counters.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Decides what a caller with this need must do.
    pub fn want(&mut self, need: Need, now: Timestamp) -> Decision<T> {
        let now = self.time(now);
        let Some(held) = self.held.as_ref().filter(|held| now < held.usable_until) else {
            return self.must_renew(now);
        };
        let (due, fresh) = (now >= held.renew_at, now < held.fresh_until);
        if matches!(need, Need::NewerThan(epoch) if epoch >= self.epoch) {
            return self.force(due, now);
        }
        let failing = self.failed.as_ref().is_some_and(|failed| now < failed.recent);
        let slow = self.lease.is_some_and(|lease| now >= lease.since.saturating_add(self.policy.patience));
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
            return Decision::UseAndRenew(epoch, value, self.grant(now));
        }
        Decision::Use(epoch, value)
    }

    /// Decides for a caller that needs a newer value. A renewal that is not due by time is taken out of the bucket.
    fn force(&mut self, due: bool, now: i64) -> Decision<T> {
        if self.lease.is_some() || due {
            return self.must_renew(now);
        }
        let earliest = self.bucket_opens();
        if now < earliest {
            self.counters.refused += 1;
            return Decision::Refuse { until: self.time.clock(earliest), because: None };
        }
        let want = self.must_renew(now);
        if let Some(lease) = &mut self.lease {
            lease.poured = self.policy.cooldown;
            self.pour(now);
        }
        want
    }

    /// Decides for a caller that has no value to use.
    fn must_renew(&mut self, now: i64) -> Decision<T> {
        let urgent = self.failed.as_ref().map_or(now, |failed| failed.urgent);
        let until = match self.lease {
            None if now >= urgent => return Decision::Renew(self.grant(now)),
            None => urgent,
            Some(lease) => {
                let until = lease.until.min(lease.since.saturating_add(self.policy.patience));
                if now < until {
                    self.counters.joined += 1;
                    return Decision::Join { until: self.time.clock(until) };
                }
                lease.until
            }
        };
        self.counters.refused += 1;
        let because = self.failed.as_ref().map(|failed| failed.failure.clone());
        Decision::Refuse { until: self.time.clock(until), because }
    }

    fn grant(&mut self, now: i64) -> Lease {
        self.counters.leases += 1;
        let (id, until) = (self.next_id(), now.saturating_add(self.policy.lease));
        self.lease = Some(Live { id, since: now, until, poured: 0 });
        let asked = Asked { at: now, number: id, known: self.epoch };
        Lease { asked, until: self.time.clock(until) }
    }

    /// Returns the time from which the bucket has a forced renewal in it.
    fn bucket_opens(&self) -> i64 {
        let Seconds { cooldown, burst, .. } = self.policy;
        self.full.saturating_sub(cooldown.saturating_mul(i64::from(burst).saturating_sub(1)))
    }

    /// Takes one forced renewal out of the bucket.
    fn pour(&mut self, now: i64) {
        self.full = self.full.max(now).saturating_add(self.policy.cooldown);
    }

    /// Ends a lease with its result. Returns whether the value is held now.
    ///
    /// A late value, from a lease that has ended by time, is held only if no newer value has arrived. A late failure
    /// is ignored. A failure never removes the held value. The freshness of a value counts from its request, because
    /// the time at which it was sent is unknown.
    pub fn settle(&mut self, lease: Lease, result: Result<Renewed<T>, RenewalError>, moment: Moment) -> bool {
        let (now, mut entropy) = moment.split();
        let now = self.time(now);
        let current = self.end(&lease);
        let failure = match result {
            Ok(renewed) => match self.hold(lease.asked, renewed, now, &mut entropy) {
                Some(held) => return held,
                None => RenewalError::Expired,
            },
            Err(failure) => failure,
        };
        if let Some(Live { poured, .. }) = current {
            let Seconds { urgent_retry, longest_retry, lease, .. } = self.policy;
            let after = failure.retry_after().clamp(0, longest_retry);
            let chance = entropy.byte();
            let wait = |most| now.saturating_add(self.policy.backoff(self.failures, most, chance).max(after));
            let recent = longest_retry.saturating_mul(2).saturating_add(lease);
            self.failed = Some(Failed {
                failure,
                urgent: wait(urgent_retry),
                retry: wait(longest_retry),
                recent: now.saturating_add(recent),
            });
            // The wait after a failure is the price: the bucket gets its share back.
            self.full = self.full.saturating_sub(poured);
            self.failures = self.failures.saturating_add(1);
            self.counters.failures += 1;
        }
        false
    }

    /// Takes over a value that was fetched without a lease: keys that a login has fetched, say. Returns whether the
    /// value is held now.
    ///
    /// `asked` is the time of its request, and `known` is the [`epoch`](Self::epoch) before that request. The value is
    /// held if no other has arrived since `known`, or only values that were requested in an earlier second. Its
    /// freshness counts from `asked`. If `asked` is more than [`CLOCK_DISORDER`](super::CLOCK_DISORDER) in the future,
    /// the clock was set back: the age of the value is unknown, and it is dropped.
    pub fn learn(&mut self, renewed: Renewed<T>, asked: Timestamp, known: Epoch, moment: Moment) -> bool {
        let (clock, mut entropy) = moment.split();
        let now = self.time(clock);
        self.counters.learned += 1;
        let age = clock.0.saturating_sub(asked.0);
        if age < -DISORDER {
            return false;
        }
        let asked = Asked { at: now.saturating_sub(age.max(0)), number: 0, known };
        self.hold(asked, renewed, now, &mut entropy).unwrap_or(false)
    }

    /// Takes over a value. Returns whether it is held now, or `None` if it has expired.
    fn hold(&mut self, asked: Asked, renewed: Renewed<T>, now: i64, entropy: &mut Entropy) -> Option<bool> {
        let fresh = self.policy.fresh_for(renewed.freshness);
        let fresh_until = asked.at.saturating_add(fresh);
        let usable_until = fresh_until.saturating_add(self.policy.stale_if_error);
        if now >= usable_until {
            return None;
        }
        let is_newer = |held: &Held<T>| (asked.at, asked.number) > (held.asked_at, self.settled);
        if asked.known != self.epoch && !self.held.as_ref().is_none_or(is_newer) {
            return Some(false);
        }
        let chance = u16::from_be_bytes([entropy.byte(), entropy.byte()]);
        let renew_at = asked.at.saturating_add(self.policy.due_after(fresh, chance));
        self.held =
            Some(Held { value: renewed.value, asked_at: asked.at, renew_at, fresh_until, usable_until });
        self.epoch = self.epoch.next();
        self.settled = if asked.number == 0 { self.next_id() } else { asked.number };
        (self.failed, self.failures) = (None, 0);
        self.counters.renewals += 1;
        Some(true)
    }

    /// Returns the next number. Leases and learned values are numbered together.
    const fn next_id(&self) -> u64 {
        self.counters.leases + self.counters.learned
    }

    /// Gives a lease back, because its holder was cancelled or panicked. Callers that wait must ask again.
    ///
    /// The next caller may renew at once if the bucket has a forced renewal left, or if this lease was taken out of
    /// it. Otherwise the lease goes on until it ends by time.
    pub fn abandon(&mut self, lease: Lease, now: Timestamp) {
        let now = self.time(now);
        let paid = self.lease.is_some_and(|live| live.id == lease.asked.number && live.poured > 0);
        if (paid || now >= self.bucket_opens()) && self.end(&lease).is_some() {
            self.counters.abandoned += 1;
            if !paid {
                self.pour(now);
            }
        }
    }

    fn end(&mut self, lease: &Lease) -> Option<Live> {
        self.lease.take_if(|live| live.id == lease.asked.number)
    }

    /// Notes that the clock has shown this time. Callers that use a published value read the clock without the
    /// renewal. If the clock is set back later, the renewal must know how far it had come.
    pub fn has_been(&mut self, time: Timestamp) {
        self.time(time);
    }

    /// Returns the time by [`Forward`] for this reading of the clock. Ends a lease that has run out.
    fn time(&mut self, now: Timestamp) -> i64 {
        let now = self.time.tick(now);
        if self.lease.take_if(|lease| now >= lease.until).is_some() {
            self.counters.abandoned += 1;
        }
        now
    }
}
