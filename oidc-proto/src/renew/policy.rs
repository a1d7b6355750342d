//! [`RenewalPolicy`]: the times by which values are renewed.

use super::Freshness;
use crate::base::moment::whole_seconds;
use std::time::Duration;

/// Longer than any wait that makes sense (34,000 years), and far from where sums overflow.
pub(super) const FOREVER: i64 = 1 << 40;

/// The largest [`spread`](RenewalPolicy::spread), in percent.
const MAX_SPREAD: u8 = 50;

/// The times by which a [`Renewal`](super::Renewal) fetches its value again and uses the old one.
///
/// The defaults are those for keys ([`KEYS`](Self::KEYS)). Clocks are read in whole seconds, so a fraction of a
/// second counts as a whole one. A value outside of what makes sense is replaced by the nearest that does: a
/// `first_retry`, `cooldown` or `lease` of zero by one second, a `max_ttl` below `min_ttl` by `min_ttl`.
///
/// **How often a provider is asked, whatever callers do.** A provider that answers gets at most
/// `burst + w / cooldown` requests within the time `w` because callers force a renewal or give up. Because time
/// passes, it gets one request per `min_ttl - min(refresh_ahead, min_ttl / 2)`, less the share of that time that
/// `spread` allows. A provider that is down gets some early attempts, then one request per `longest_retry` while
/// the old value still serves, and one per `urgent_retry` for callers that have no value to use (chance
/// makes these up to a fifth more frequent).
///
/// ```
/// use oidc_proto::renew::RenewalPolicy;
/// use std::time::Duration;
///
/// // Keys that are withdrawn must be out of use after ten minutes, even in an outage.
/// let mut policy = RenewalPolicy::KEYS;
/// policy.max_ttl = Duration::from_secs(300);
/// policy.stale_if_error = Duration::from_secs(300);
/// assert_eq!(policy.deadline(), Duration::from_secs(600));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RenewalPolicy {
    /// How long a value is fresh if the response does not say.
    pub default_ttl: Duration,
    /// The shortest time for which a value is fresh, whatever its response says.
    pub min_ttl: Duration,
    /// The longest time for which a value is fresh, whatever its response says.
    pub max_ttl: Duration,
    /// How long before the end of its freshness a value is renewed, while it is still used. At most half of its
    /// life.
    pub refresh_ahead: Duration,
    /// By how much of its life without `refresh_ahead`, in percent, a value may be renewed earlier still. Chance
    /// decides, so nodes that asked at the same time do not all come back in the same second. At most 50. It has
    /// no effect if `refresh_ahead` is zero, because nothing is renewed before its end then.
    pub spread: u8,
    /// How long a value is used after the end of its freshness while renewals fail (RFC 5861 section 4).
    pub stale_if_error: Duration,
    /// The shortest time from a failure to the next attempt. Each further failure doubles it. Chance adds up to a
    /// quarter, so nodes that fail together do not come back together.
    pub first_retry: Duration,
    /// The longest such time while a caller has no value to use, or needs a newer one.
    pub urgent_retry: Duration,
    /// The longest such time while the old value still serves. A `Retry-After` of the provider is obeyed up to
    /// this time.
    pub longest_retry: Duration,
    /// How long it takes until one more forced renewal is possible. A renewal that fails does not count.
    pub cooldown: Duration,
    /// How many forced renewals are possible at once.
    pub burst: u8,
    /// How long a renewal may take before its lease ends. Set it longer than the timeout of an exchange.
    pub lease: Duration,
    /// How long other callers wait for a renewal before they use a stale value or are refused.
    pub patience: Duration,
}

/// The times of a [`RenewalPolicy`] in seconds, each in a range that makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seconds {
    default_ttl: i64,
    min_ttl: i64,
    max_ttl: i64,
    refresh_ahead: i64,
    spread: u8,
    pub(super) stale_if_error: i64,
    first_retry: i64,
    pub(super) urgent_retry: i64,
    pub(super) longest_retry: i64,
    pub(super) cooldown: i64,
    pub(super) burst: u8,
    pub(super) lease: i64,
    pub(super) patience: i64,
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl RenewalPolicy {
    /// The policy for keys: fresh for 5 minutes unless the response says otherwise (1 minute to 24 hours).
    pub const KEYS: Self = Self {
        default_ttl: secs(300),
        min_ttl: secs(60),
        max_ttl: secs(86_400),
        refresh_ahead: secs(30),
        spread: 10,
        stale_if_error: secs(3_600),
        first_retry: secs(5),
        urgent_retry: secs(10),
        longest_retry: secs(300),
        cooldown: secs(30),
        burst: 2,
        lease: secs(15),
        patience: secs(3),
    };

    /// The policy for metadata: fresh for an hour unless the response says otherwise. While renewals fail, it
    /// is used for another day, because endpoints move less often than keys.
    pub const METADATA: Self = Self {
        default_ttl: secs(3_600),
        refresh_ahead: secs(300),
        stale_if_error: secs(86_400),
        longest_retry: secs(600),
        ..Self::KEYS
    };

    /// The policy for access tokens: fresh for as long as the provider says, never used after that, renewed a
    /// minute ahead. A token without `expires_in` is used for five minutes.
    pub const TOKENS: Self = Self {
        min_ttl: secs(0),
        max_ttl: Duration::MAX,
        refresh_ahead: secs(60),
        stale_if_error: secs(0),
        first_retry: secs(2),
        cooldown: secs(15),
        ..Self::KEYS
    };

    /// Returns the longest time for which a value is used after its request, whatever happens. A key that its issuer
    /// has withdrawn is out of use by then.
    #[must_use]
    pub const fn deadline(&self) -> Duration {
        let Seconds { max_ttl, stale_if_error, .. } = self.in_seconds();
        secs((max_ttl + stale_if_error).unsigned_abs())
    }

    /// Returns the times in seconds, each in a range that makes sense and never overflows.
    pub(super) const fn in_seconds(self) -> Seconds {
        let first_retry = between(self.first_retry, 1, FOREVER);
        let longest_retry = between(self.longest_retry, first_retry, FOREVER);
        let min_ttl = between(self.min_ttl, 0, FOREVER);
        let max_ttl = between(self.max_ttl, min_ttl, FOREVER);
        Seconds {
            default_ttl: between(self.default_ttl, min_ttl, max_ttl),
            min_ttl,
            max_ttl,
            refresh_ahead: between(self.refresh_ahead, 0, FOREVER),
            spread: if self.spread > MAX_SPREAD { MAX_SPREAD } else { self.spread },
            stale_if_error: between(self.stale_if_error, 0, FOREVER),
            first_retry,
            urgent_retry: between(self.urgent_retry, first_retry, longest_retry),
            longest_retry,
            cooldown: between(self.cooldown, 1, FOREVER),
            burst: if self.burst == 0 { 1 } else { self.burst },
            lease: between(self.lease, 1, FOREVER),
            patience: between(self.patience, 0, FOREVER),
        }
    }
}

impl Seconds {
    /// Returns how long a value is fresh, given what its response says.
    pub(super) fn fresh_for(&self, freshness: Freshness) -> i64 {
        freshness.seconds().map_or(self.default_ttl, |seconds| seconds.clamp(self.min_ttl, self.max_ttl))
    }

    /// Returns how long after its request a value is due for renewal, with chance from two bytes. Apart from the
    /// spread, that is no earlier than at half its life: otherwise, if `refresh_ahead` is longer than the life, each
    /// renewal would cause the next.
    pub(super) fn due_after(&self, fresh: i64, chance: u16) -> i64 {
        let latest = fresh.saturating_sub(self.refresh_ahead.min(fresh / 2));
        if self.refresh_ahead == 0 {
            return latest;
        }
        let spread = latest / 100 * i64::from(self.spread) + latest % 100 * i64::from(self.spread) / 100;
        // At most 2^40 seconds and 2^16 parts: far from overflowing.
        latest - (((spread + 1) * i64::from(chance)) >> 16)
    }

    /// Returns the wait after a failure that follows `failures` others, with chance from one byte.
    pub(super) fn backoff(&self, failures: u32, most: i64, chance: u8) -> i64 {
        let doubled = self.first_retry.saturating_mul(1 << failures.min(40));
        // A fifth less than the most, so that there is room for chance at the end of growth too.
        let wait = doubled.min(most - most / 5).max(self.first_retry);
        let quarter = wait / 4 + 1;
        let more = quarter / 256 * i64::from(chance) + quarter % 256 * i64::from(chance) / 256;
        (wait + more).min(most.max(self.first_retry))
    }
}

impl Default for RenewalPolicy {
    fn default() -> Self {
        Self::KEYS
    }
}

const fn between(time: Duration, least: i64, most: i64) -> i64 {
    let number = whole_seconds(time);
    if number < least {
        least
    } else if number > most {
        most
    } else {
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_with_chance_and_never_pass_the_most() {
        let policy = RenewalPolicy::KEYS.in_seconds();
        let span = |failures| (policy.backoff(failures, 300, 0), policy.backoff(failures, 300, 255));
        assert_eq!([0, 1, 2, 3].map(span), [(5, 6), (10, 12), (20, 25), (40, 50)]);
        assert_eq!([6, 7, 60, u32::MAX].map(span), [(240, 300); 4], "a fifth is left for chance");
        assert_eq!(policy.backoff(9, 1, 255), 5, "never less than the first");
    }

    #[test]
    fn renewals_are_spread_over_the_stated_share_and_no_further() {
        let policy = RenewalPolicy::KEYS.in_seconds();
        let span = |fresh| (policy.due_after(fresh, u16::MAX), policy.due_after(fresh, 0));
        assert_eq!(span(300), (243, 270), "up to a tenth of 270 s earlier");
        assert_eq!(span(60), (27, 30));
        assert_eq!(span(86_400), (77_733, 86_370));
        assert_eq!([0, 1, 2].map(span), [(0, 0), (1, 1), (1, 1)]);
        assert_eq!(span(FOREVER).1, FOREVER - 30, "nothing overflows");
        let every: std::collections::BTreeSet<_> = (0..=u16::MAX).map(|c| policy.due_after(300, c)).collect();
        assert_eq!(every.len(), 28, "every second of the spread occurs");
        let half = RenewalPolicy { spread: u8::MAX, ..RenewalPolicy::KEYS }.in_seconds();
        assert_eq!(half.due_after(300, u16::MAX), 135, "half of it at most");
        let none = RenewalPolicy { refresh_ahead: Duration::ZERO, ..RenewalPolicy::KEYS }.in_seconds();
        assert_eq!(none.due_after(300, u16::MAX), 300, "without refresh_ahead there is no spread");
    }

    #[test]
    fn a_fraction_of_a_second_counts_as_a_whole_one() {
        let policy = RenewalPolicy { lease: Duration::from_millis(1_001), ..RenewalPolicy::KEYS };
        assert_eq!(policy.in_seconds().lease, 2);
    }

    #[test]
    fn times_that_make_no_sense_become_the_nearest_that_do() {
        let least = RenewalPolicy {
            default_ttl: Duration::ZERO,
            min_ttl: Duration::ZERO,
            max_ttl: Duration::ZERO,
            refresh_ahead: Duration::ZERO,
            spread: 0,
            stale_if_error: Duration::ZERO,
            first_retry: Duration::ZERO,
            urgent_retry: Duration::ZERO,
            longest_retry: Duration::ZERO,
            cooldown: Duration::ZERO,
            burst: 0,
            lease: Duration::ZERO,
            patience: Duration::ZERO,
        };
        assert_eq!(least.deadline(), Duration::ZERO);
        let tamed = least.in_seconds();
        assert_eq!(
            (tamed.first_retry, tamed.cooldown, tamed.lease, tamed.burst, tamed.patience),
            (1, 1, 1, 1, 0)
        );
        assert_eq!((tamed.urgent_retry, tamed.longest_retry), (1, 1));
        let most =
            RenewalPolicy { max_ttl: Duration::MAX, stale_if_error: Duration::MAX, ..RenewalPolicy::KEYS };
        assert_eq!(most.deadline(), secs(2 * FOREVER.unsigned_abs()));
        assert_eq!(
            RenewalPolicy { min_ttl: secs(100), max_ttl: secs(10), ..RenewalPolicy::KEYS }.deadline(),
            secs(3_700)
        );
        for policy in [RenewalPolicy::KEYS, RenewalPolicy::METADATA, RenewalPolicy::TOKENS] {
            let same = [
                (policy.default_ttl, policy.in_seconds().default_ttl),
                (policy.min_ttl, policy.in_seconds().min_ttl),
                (policy.max_ttl.min(secs(FOREVER.unsigned_abs())), policy.in_seconds().max_ttl),
                (policy.refresh_ahead, policy.in_seconds().refresh_ahead),
                (policy.stale_if_error, policy.in_seconds().stale_if_error),
                (policy.first_retry, policy.in_seconds().first_retry),
                (policy.urgent_retry, policy.in_seconds().urgent_retry),
                (policy.longest_retry, policy.in_seconds().longest_retry),
                (policy.cooldown, policy.in_seconds().cooldown),
                (policy.lease, policy.in_seconds().lease),
                (policy.patience, policy.in_seconds().patience),
            ];
            assert!(
                same.iter().all(|(set, used)| *set == secs(used.unsigned_abs())),
                "the defaults make sense: {same:?}"
            );
            assert_eq!(
                (policy.in_seconds().spread, policy.in_seconds().burst),
                (policy.spread, policy.burst)
            );
        }
    }
}
