//! [`Policy`]: the numbers by which values are renewed.

use super::Freshness;

/// Longer than any wait that makes sense (34,000 years), and far from where sums overflow.
pub(super) const FOREVER: i64 = 1 << 40;

/// The largest [`spread`](Policy::spread), in percent.
const MAX_SPREAD: u8 = 50;

/// The numbers of a [`Renewal`](super::Renewal), in seconds. The defaults are those for keys.
///
/// Numbers that make no sense are taken for the nearest that do: what is negative for zero, a first
/// retry, a cooldown or a lease of zero for one second, a ceiling below the floor for the floor.
///
/// **How often a provider is asked, whatever callers do.** In `w` seconds, a provider that answers is
/// asked at most `burst + w / cooldown` times because callers force it or give up. Because time has passed
/// it is asked once per `floor - min(ahead, floor / 2)` seconds, less the share that `spread` is of them. A
/// provider that is down is asked, after some first attempts that come faster, once per `longest_retry`
/// while what is held serves, and once per `urgent_retry` for callers whom it does not serve (a fifth more
/// often by chance).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// How long a value is fresh if the response does not say.
    pub fresh: i64,
    /// The least that a response can set it to.
    pub floor: i64,
    /// The most that a response can set it to.
    pub ceiling: i64,
    /// How long before its end a value is renewed while it is still used; at most half its life.
    pub ahead: i64,
    /// How much earlier still a value is renewed, by chance: up to this share, in percent, of the time that
    /// is left of its life without `ahead`. So nodes that have asked at the same time, or that a cache has
    /// given the same value, do not come back in the same second. At most 50; none if `ahead` is zero, since
    /// nothing is renewed before its end then.
    pub spread: u8,
    /// For how long after its end a value is used while renewing fails (RFC 5861 section 4).
    pub stale_if_error: i64,
    /// The least time from a failure to the next attempt, doubled by each further failure. Up to a
    /// quarter is added by chance, so that nodes which fail together do not come back together.
    pub retry: i64,
    /// What that time grows to while a caller has nothing to use, or has to have something newer.
    pub urgent_retry: i64,
    /// What that time grows to while what is held serves; and the most of a provider's `Retry-After`
    /// that is heeded.
    pub longest_retry: i64,
    /// The time in which one more forced renewal becomes possible. One that fails does not count.
    pub cooldown: i64,
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
        spread: 10,
        stale_if_error: 3_600,
        retry: 5,
        urgent_retry: 10,
        longest_retry: 300,
        cooldown: 30,
        burst: 2,
        lease: 15,
        patience: 3,
    };

    /// For metadata: fresh for an hour unless the response says otherwise; while renewing fails, used
    /// for a day: endpoints move more rarely than keys.
    pub const METADATA: Self =
        Self { fresh: 3_600, ahead: 300, stale_if_error: 86_400, longest_retry: 600, ..Self::KEYS };

    /// For access tokens: as fresh as the provider says, never used after that, renewed a minute
    /// ahead. A token that does not say how long it lives is taken for five minutes.
    pub const TOKENS: Self = Self {
        floor: 0,
        ceiling: FOREVER,
        ahead: 60,
        stale_if_error: 0,
        retry: 2,
        cooldown: 15,
        ..Self::KEYS
    };

    /// No value is used for longer than this after it was asked for, whatever happens: what is
    /// withdrawn is gone by then.
    #[must_use]
    pub const fn deadline(&self) -> i64 {
        let Self { ceiling, stale_if_error, .. } = self.tamed();
        ceiling + stale_if_error
    }

    /// The same numbers, in ranges that make sense and never overflow.
    pub(super) const fn tamed(self) -> Self {
        let retry = between(self.retry, 1, FOREVER);
        let longest_retry = between(self.longest_retry, retry, FOREVER);
        let floor = between(self.floor, 0, FOREVER);
        let ceiling = between(self.ceiling, floor, FOREVER);
        Self {
            fresh: between(self.fresh, floor, ceiling),
            floor,
            ceiling,
            ahead: between(self.ahead, 0, FOREVER),
            spread: if self.spread > MAX_SPREAD { MAX_SPREAD } else { self.spread },
            stale_if_error: between(self.stale_if_error, 0, FOREVER),
            retry,
            urgent_retry: between(self.urgent_retry, retry, longest_retry),
            longest_retry,
            cooldown: between(self.cooldown, 1, FOREVER),
            burst: if self.burst == 0 { 1 } else { self.burst },
            lease: between(self.lease, 1, FOREVER),
            patience: between(self.patience, 0, FOREVER),
        }
    }

    /// How long a value is fresh, by what its response says.
    pub(super) fn fresh_for(&self, freshness: Freshness) -> i64 {
        freshness.seconds().map_or(self.fresh, |seconds| seconds.clamp(self.floor, self.ceiling))
    }

    /// How long after a value was asked for it is renewed, by chance from two bytes. No earlier than at half
    /// its life, but for the spread: a life shorter than `ahead` would have each renewal cause the next.
    pub(super) fn due_after(&self, fresh: i64, chance: u16) -> i64 {
        let latest = fresh.saturating_sub(self.ahead.min(fresh / 2));
        if self.ahead == 0 {
            return latest;
        }
        let spread = latest / 100 * i64::from(self.spread) + latest % 100 * i64::from(self.spread) / 100;
        // At most 2^40 seconds and 2^16 parts: far from overflowing.
        latest - (((spread + 1) * i64::from(chance)) >> 16)
    }

    /// The time from the failure after so many others to the next attempt, with chance from one byte.
    pub(super) fn backoff(&self, failures: u32, most: i64, chance: u8) -> i64 {
        let doubled = self.retry.saturating_mul(1 << failures.min(40));
        // A fifth less than the most, so that there is room for chance at the end of growth too.
        let wait = doubled.min(most - most / 5).max(self.retry);
        let quarter = wait / 4 + 1;
        let more = quarter / 256 * i64::from(chance) + quarter % 256 * i64::from(chance) / 256;
        (wait + more).min(most.max(self.retry))
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::KEYS
    }
}

const fn between(number: i64, least: i64, most: i64) -> i64 {
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
        let policy = Policy::KEYS.tamed();
        let span = |failures| (policy.backoff(failures, 300, 0), policy.backoff(failures, 300, 255));
        assert_eq!([0, 1, 2, 3].map(span), [(5, 6), (10, 12), (20, 25), (40, 50)]);
        assert_eq!([6, 7, 60, u32::MAX].map(span), [(240, 300); 4], "a fifth is left for chance");
        assert_eq!(policy.backoff(9, 1, 255), 5, "never less than the first");
    }

    #[test]
    fn renewals_are_spread_over_the_stated_share_and_no_further() {
        let policy = Policy::KEYS.tamed();
        let span = |fresh| (policy.due_after(fresh, u16::MAX), policy.due_after(fresh, 0));
        assert_eq!(span(300), (243, 270), "up to a tenth of 270 s earlier");
        assert_eq!(span(60), (27, 30));
        assert_eq!(span(86_400), (77_733, 86_370));
        assert_eq!([0, 1, 2].map(span), [(0, 0), (1, 1), (1, 1)]);
        assert_eq!(span(FOREVER).1, FOREVER - 30, "nothing overflows");
        let every: std::collections::BTreeSet<_> = (0..=u16::MAX).map(|c| policy.due_after(300, c)).collect();
        assert_eq!(every.len(), 28, "each second of it");
        let half = Policy { spread: u8::MAX, ..Policy::KEYS }.tamed();
        assert_eq!(half.due_after(300, u16::MAX), 135, "half of it at most");
        let none = Policy { ahead: 0, ..Policy::KEYS }.tamed();
        assert_eq!(none.due_after(300, u16::MAX), 300, "who renews nothing ahead");
    }

    #[test]
    fn numbers_without_sense_become_the_nearest_with_sense() {
        let least = Policy {
            fresh: i64::MIN,
            floor: i64::MIN,
            ceiling: i64::MIN,
            ahead: i64::MIN,
            spread: 0,
            stale_if_error: i64::MIN,
            retry: i64::MIN,
            urgent_retry: i64::MIN,
            longest_retry: i64::MIN,
            cooldown: i64::MIN,
            burst: 0,
            lease: i64::MIN,
            patience: i64::MIN,
        };
        assert_eq!(least.deadline(), 0);
        let tamed = least.tamed();
        assert_eq!((tamed.retry, tamed.cooldown, tamed.lease, tamed.burst, tamed.patience), (1, 1, 1, 1, 0));
        assert_eq!((tamed.urgent_retry, tamed.longest_retry), (1, 1));
        let most = Policy { ceiling: i64::MAX, stale_if_error: i64::MAX, ..Policy::KEYS };
        assert_eq!(most.deadline(), 2 * FOREVER);
        assert_eq!(Policy { floor: 100, ceiling: 10, ..Policy::KEYS }.deadline(), 3_700);
        for policy in [Policy::KEYS, Policy::METADATA, Policy::TOKENS] {
            assert_eq!(policy.tamed(), policy, "the defaults make sense");
        }
    }
}
