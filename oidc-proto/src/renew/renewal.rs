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
//! **An older value never replaces a newer one.** Each value has the time at which it was asked for, and
//! the epoch that was held then. What was asked for earlier than what is held is not kept, whichever way it
//! came.
//!
//! **Time only goes forward.** If the clock is set back, nothing has to be waited for twice, and
//! nothing lives longer: what has passed stays passed. Readings of clocks that disagree are not taken for a
//! clock that is set back for ever: four times count, and four more when the clock has come an hour further.

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
    asked: Asked,
    until: Timestamp,
}

impl Lease {
    /// When the lease ends by itself.
    #[must_use]
    pub const fn until(&self) -> Timestamp {
        self.until
    }
}

/// When a value was asked for: what makes it older or newer than another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    /// By the time that only goes forward.
    at: i64,
    /// Of two in one second, the later has the greater number. What came by another way has none.
    number: u64,
    /// What was held then: it is older for certain.
    known: Epoch,
}

/// What to do.
#[must_use = "a renewal that is not carried out blocks others until its lease ends"]
#[derive(Debug)]
#[allow(clippy::exhaustive_enums, reason = "a driver handles these five, and there will be no sixth")]
pub enum Decision<T> {
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
        because: Option<RenewalError>,
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
///
/// Whoever renews a value settles with it, if there is none; callers who have nothing to use are told of it.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenewalError {
    /// There was no response.
    #[error("the provider did not answer")]
    NoResponse,
    /// The value was no good any more when it came.
    #[error("the provider sent something that had expired already")]
    Expired,
    /// The response was no good.
    #[error(transparent)]
    Flow(#[from] Error),
}

debug_is_sentence!(RenewalError);

impl RenewalError {
    /// In how many seconds the provider asked to be tried again.
    fn retry_after(&self) -> i64 {
        match self {
            Self::Flow(Error::Unavailable(unavailable)) => seconds(unavailable.retry_after()),
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
    /// What it took out of the bucket of forced renewals.
    poured: i64,
}

#[derive(Debug)]
struct Failed {
    failure: RenewalError,
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
    policy: Seconds,
    held: Option<Held<T>>,
    epoch: Epoch,
    lease: Option<Live>,
    /// The number of what is held.
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
    /// Nothing is held yet.
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
        let since = self.time.clock(self.time.now()).plus(-DISORDER);
        Some(Published {
            value: held.value.clone(),
            epoch: self.epoch,
            since,
            renew_at: self.time.clock(held.renew_at),
        })
    }

    /// What has happened so far.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// What to do, for a caller with this need.
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

    /// Somebody says that a value which may be used is not good enough. If it is due, time renews it;
    /// else it costs what is in the bucket.
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

    /// There is nothing that this caller can use.
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

    /// From when on there is something in the bucket of forced renewals.
    fn bucket_opens(&self) -> i64 {
        let Seconds { cooldown, burst, .. } = self.policy;
        self.full.saturating_sub(cooldown.saturating_mul(i64::from(burst).saturating_sub(1)))
    }

    /// Takes one forced renewal out of the bucket.
    fn pour(&mut self, now: i64) {
        self.full = self.full.max(now).saturating_add(self.policy.cooldown);
    }

    /// Ends a lease. Returns whether the value is held now.
    ///
    /// A late value, from a lease that has ended by time, is kept only if nothing newer has come; a
    /// late failure counts for nothing. A failure never takes away what is held. How long a value is
    /// fresh counts from when it was asked for, since nobody knows when it was sent.
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
            // The time to the next attempt bounds failures; callers need not pay twice.
            self.full = self.full.saturating_sub(poured);
            self.failures = self.failures.saturating_add(1);
            self.counters.failures += 1;
        }
        false
    }

    /// Takes a value that came by another way than a lease: keys that a login has fetched for itself, say.
    /// `asked` is when it was asked for, by the same clock, and `known` what was [held](Self::epoch) before
    /// that. Returns whether it is held now.
    ///
    /// It is, if nothing has come since `known`, or nothing that was asked for in the same second or later.
    /// It is as old as its question, as with [`settle`](Self::settle). If it was asked for at a time that
    /// is yet to come, the clock was set back meanwhile: nobody knows how old the value is, and it is not
    /// kept.
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

    /// Whether this value is held now; `None` if it is of no use any more.
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

    /// Leases and what is learned are counted together.
    const fn next_id(&self) -> u64 {
        self.counters.leases + self.counters.learned
    }

    /// Gives a lease back: its holder was cancelled, or broke. The next caller leads at once, as long
    /// as there is something in the bucket of forced renewals, or this lease was paid for out of it;
    /// else when the lease has ended by time. Whoever waits must ask again.
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

    /// Tells that it has been this time already. Whoever uses a published value without asking sees more of
    /// the clock than the renewal does; if it is set back, the renewal must know how far it had come.
    pub fn has_been(&mut self, time: Timestamp) {
        self.time(time);
    }

    /// The time that only goes forward, by this reading of the clock. It may end the lease.
    fn time(&mut self, now: Timestamp) -> i64 {
        let now = self.time.tick(now);
        if self.lease.take_if(|lease| now >= lease.until).is_some() {
            self.counters.abandoned += 1;
        }
        now
    }
}
