//! The reference model of renewal. It keeps all past events, and derives each decision from them by the rules that
//! `RenewalPolicy` documents.

use super::*;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Use(u64),
    UseAndRenew(u64),
    Renew,
    /// A caller waits for this many seconds.
    Join(i64),
    Refuse(i64),
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Granted {
        id: u64,
        at: i64,
        until: i64,
        /// The number of values held before this time.
        known: usize,
    },
    Learned {
        id: u64,
        /// The time of the request.
        at: i64,
    },
    Held {
        id: u64,
        fresh: i64,
        /// The age at which the value is renewed.
        due: i64,
    },
    Failed {
        id: u64,
        at: i64,
        urgent: i64,
        retry: i64,
    },
    Ended {
        id: u64,
    },
    /// A token was taken out of the bucket: by a forced renewal, or because a renewal was abandoned.
    Poured {
        id: u64,
        at: i64,
    },
    /// The clock was set back. `furthest` was its highest reading.
    SetBack {
        furthest: i64,
    },
}

/// A policy, in seconds.
#[derive(Clone, Copy)]
pub(super) struct Numbers {
    default_ttl: i64,
    min_ttl: i64,
    max_ttl: i64,
    refresh_ahead: i64,
    spread: u8,
    stale_if_error: i64,
    first_retry: i64,
    urgent_retry: i64,
    pub(super) longest_retry: i64,
    pub(super) cooldown: i64,
    burst: u8,
    pub(super) lease: i64,
    pub(super) patience: i64,
    pub(super) deadline: i64,
}

impl Numbers {
    /// Reads the policy, within the limits that the documentation of `RenewalPolicy` states.
    fn of(policy: RenewalPolicy) -> Self {
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX).min(1 << 40);
        let [min_ttl, first_retry] = [seconds(policy.min_ttl), seconds(policy.first_retry).max(1)];
        let max_ttl = seconds(policy.max_ttl).max(min_ttl);
        let longest_retry = seconds(policy.longest_retry).max(first_retry);
        Self {
            default_ttl: seconds(policy.default_ttl).clamp(min_ttl, max_ttl),
            min_ttl,
            max_ttl,
            refresh_ahead: seconds(policy.refresh_ahead),
            spread: policy.spread.min(50),
            stale_if_error: seconds(policy.stale_if_error),
            first_retry,
            urgent_retry: seconds(policy.urgent_retry).clamp(first_retry, longest_retry),
            longest_retry,
            cooldown: seconds(policy.cooldown).max(1),
            burst: policy.burst.max(1),
            lease: seconds(policy.lease).max(1),
            patience: seconds(policy.patience),
            deadline: seconds(policy.deadline()),
        }
    }
}

pub(super) struct Model {
    pub(super) policy: Numbers,
    /// The time that has passed, in seconds. A clock that is set back adds nothing.
    pub(super) now: i64,
    /// What the clock, by its present setting, would have shown at the start.
    zero: i64,
    /// The last reading of the clock.
    read: i64,
    /// The highest reading of the clock.
    furthest: i64,
    pub(super) leases: u64,
    pub(super) epochs: Vec<Epoch>,
    history: Vec<Event>,
}

impl Model {
    pub(super) fn new(policy: RenewalPolicy) -> Self {
        let policy = Numbers::of(policy);
        let (epochs, history) = (vec![Epoch::default()], Vec::new());
        Self { policy, now: 0, zero: i64::MAX, read: 0, furthest: i64::MIN, leases: 0, epochs, history }
    }

    /// Notes a caller's reading of the clock. A reading a few seconds back is disorder between callers. A reading
    /// further back means that the clock was set back, but only four times in a row: until the clock gets an hour past
    /// its highest reading, a fifth such reading counts as that of another clock.
    pub(super) fn looked(&mut self, reading: i64) {
        if self.zero == i64::MAX {
            self.zero = reading;
        }
        (self.read, self.furthest) = (reading, self.furthest.max(reading));
        let mut last = self.furthest;
        let in_a_row = self.history.iter().rev().filter_map(|event| match event {
            Event::SetBack { furthest } => Some(*furthest),
            _ => None,
        });
        let in_a_row = in_a_row.take_while(|furthest| {
            let soon = last - furthest < 3_600;
            last = *furthest;
            soon
        });
        if self.missing() > 5 && in_a_row.count() < 4 {
            self.history.push(Event::SetBack { furthest: self.furthest });
            self.zero = reading - self.now;
        }
        self.now = self.now.max(reading - self.zero);
    }

    fn missing(&self) -> i64 {
        self.now - (self.read - self.zero)
    }

    /// Returns what the clock of the last caller shows now.
    pub(super) fn shown(&self) -> i64 {
        if self.missing() > 5 { self.read } else { self.zero + self.now }
    }

    /// Returns the epoch of this many values ago, as a caller may have kept it. A test cannot make an epoch itself.
    pub(super) fn known(&self, back: u64) -> (usize, Epoch) {
        let at = self.epochs.len().saturating_sub(1 + usize::try_from(back).expect("small"));
        (at, self.epochs[at])
    }

    fn grant_of(&self, wanted: u64) -> (i64, usize) {
        let granted = self.history.iter().find_map(|event| match event {
            Event::Granted { id, at, known, .. } if *id == wanted => Some((*at, *known)),
            _ => None,
        });
        granted.expect("every lease was granted")
    }

    /// Returns the time since a value was requested.
    pub(super) fn age(&self, value: u64) -> i64 {
        let learned = self.history.iter().find_map(|event| match event {
            Event::Learned { id, at } if *id == value => Some(*at),
            _ => None,
        });
        self.now - learned.unwrap_or_else(|| self.grant_of(value).0)
    }

    /// Returns the live lease, if there is one: it was granted, and has neither ended nor expired.
    fn live(&self) -> Option<(u64, i64, i64)> {
        let alive = |wanted: u64| {
            !self.history.iter().any(|event| matches!(event, Event::Ended { id } if *id == wanted))
        };
        let mut live = self.history.iter().filter_map(|event| match event {
            Event::Granted { id, at, until, .. } if self.now < *until && alive(*id) => {
                Some((*id, *at, *until))
            }
            _ => None,
        });
        let first = live.next();
        assert!(live.next().is_none(), "two leases are live at once");
        first
    }

    /// Returns the last value, how long it is fresh, and the age at which it is renewed.
    fn held(&self) -> Option<(u64, i64, i64)> {
        self.history.iter().rev().find_map(|event| match event {
            Event::Held { id, fresh, due } => Some((*id, *fresh, *due)),
            _ => None,
        })
    }

    /// Returns the last failure, if no value has arrived since, and the number of failures in a row.
    fn failed(&self) -> (Option<(i64, i64, i64)>, u32) {
        let row = self.history.iter().rev().take_while(|event| !matches!(event, Event::Held { .. }));
        let failures: Vec<_> = row
            .filter_map(|event| match event {
                Event::Failed { at, urgent, retry, .. } => Some((*at, *urgent, *retry)),
                _ => None,
            })
            .collect();
        (failures.first().copied(), u32::try_from(failures.len()).expect("few"))
    }

    /// Returns the time from which the bucket has a token. A full bucket has `burst` tokens, and each token comes back
    /// one cooldown after the token before it. A forced renewal that failed took no token.
    fn bucket(&self) -> i64 {
        let mut full = i64::MIN;
        for event in &self.history {
            let Event::Poured { id, at } = event else { continue };
            let failed = |other: &Event| matches!(other, Event::Failed { id: failed, .. } if failed == id);
            if !self.history.iter().any(failed) {
                full = full.max(*at) + self.policy.cooldown;
            }
        }
        full.saturating_sub(self.policy.cooldown * (i64::from(self.policy.burst) - 1))
    }

    pub(super) fn want(&mut self, need: Need, epoch: Epoch) -> Kind {
        let (now, policy) = (self.now, self.policy);
        let live = self.live();
        let (failed, _) = self.failed();
        let wait_or_renew = || match live {
            Some((_, since, until)) if now < until.min(since + policy.patience) => {
                Kind::Join(until.min(since + policy.patience) - now)
            }
            Some((_, _, until)) => Kind::Refuse(until - now),
            None => match failed {
                Some((_, urgent, _)) if now < urgent => Kind::Refuse(urgent - now),
                _ => Kind::Renew,
            },
        };
        let Some((value, fresh, due)) = self.held() else { return wait_or_renew() };
        let age = self.age(value);
        if age >= fresh + policy.stale_if_error {
            return wait_or_renew();
        }
        let due = age >= due;
        if matches!(need, Need::NewerThan(held) if held >= epoch) {
            let earliest = self.bucket();
            if live.is_none() && !due && now < earliest {
                return Kind::Refuse(earliest - now);
            }
            let kind = wait_or_renew();
            if kind == Kind::Renew && !due {
                self.history.push(Event::Poured { id: self.leases + 1, at: now });
            }
            return kind;
        }
        let failing = failed.is_some_and(|(at, _, _)| now < at + 2 * policy.longest_retry + policy.lease);
        let slow = live.is_some_and(|(_, since, _)| now >= since + policy.patience);
        if age >= fresh && !failing && !slow {
            return wait_or_renew();
        }
        let may = failed.is_none_or(|(_, _, retry)| now >= retry);
        if due && live.is_none() && may { Kind::UseAndRenew(value) } else { Kind::Use(value) }
    }

    pub(super) fn granted(&mut self, seconds: i64) {
        assert_eq!(seconds, self.policy.lease, "a lease lasts as long as the policy says");
        self.leases += 1;
        let (at, known) = (self.now, self.epochs.len() - 1);
        self.history.push(Event::Granted { id: self.leases, at, until: at + seconds, known });
    }

    /// Notes the result of a lease. Returns whether its value is held now.
    pub(super) fn settled(&mut self, id: u64, result: Option<Freshness>, epoch: Epoch, chance: u8) -> bool {
        let current = self.live().is_some_and(|live| live.0 == id);
        if current {
            self.history.push(Event::Ended { id });
        }
        if let Some(held) = result.and_then(|freshness| {
            let known = self.grant_of(id).1;
            self.came(id, known, freshness, epoch, chance)
        }) {
            return held;
        }
        let chance = chance_of(chance, 1);
        if current {
            let at = self.now;
            let wait = |most| self.wait(most, chance);
            let Numbers { urgent_retry, longest_retry, .. } = self.policy;
            let (urgent, retry) = (at + wait(urgent_retry), at + wait(longest_retry));
            self.history.push(Event::Failed { id, at, urgent, retry });
        }
        false
    }

    /// Notes a value that a caller fetched without a lease, `ago` seconds ago, when it knew the value of the epoch
    /// `known`. Returns whether the value is held now.
    pub(super) fn learned(
        &mut self,
        id: u64,
        (ago, known): (i64, usize),
        freshness: Freshness,
        epoch: Epoch,
        chance: u8,
    ) -> bool {
        self.history.push(Event::Learned { id, at: self.now - ago.max(0) });
        // The real time of a request from the future is unknown.
        ago >= -5 && self.came(id, known, freshness, epoch, chance).unwrap_or(false)
    }

    /// Keeps a value, unless a value of a later request has arrived since its request. Of two requests in the same
    /// second, the one with the later lease is later. Returns whether the value is kept; `None` if it is already too
    /// old to use.
    fn came(
        &mut self,
        id: u64,
        known: usize,
        freshness: Freshness,
        epoch: Epoch,
        chance: u8,
    ) -> Option<bool> {
        let Numbers { min_ttl, max_ttl, refresh_ahead, spread, .. } = self.policy;
        let fresh = freshness.duration().map_or(self.policy.default_ttl, |said| {
            i64::try_from(said.as_secs()).unwrap_or(i64::MAX).clamp(min_ttl, max_ttl)
        });
        if self.age(id) >= fresh + self.policy.stale_if_error {
            return None;
        }
        let is_newer = |held: u64| match self.age(id) - self.age(held) {
            0 => held < id && id < FIRST_LEARNED,
            older => older < 0,
        };
        if known < self.epochs.len() - 1 && self.held().is_some_and(|(held, ..)| !is_newer(held)) {
            return Some(false);
        }
        let latest = fresh - refresh_ahead.min(fresh / 2);
        let share = if refresh_ahead == 0 { 0 } else { latest * i64::from(spread) / 100 + 1 };
        let chance = u16::from_be_bytes([chance_of(chance, 1), chance_of(chance, 2)]);
        let due = latest - share * i64::from(chance) / 65_536;
        self.history.push(Event::Held { id, fresh, due });
        self.epochs.push(epoch);
        Some(true)
    }

    /// Abandons a lease, which takes a token out of the bucket. A forced renewal took its token when it began.
    pub(super) fn abandoned(&mut self, id: u64) {
        let forced =
            self.history.iter().any(|event| matches!(event, Event::Poured { id: paid, .. } if *paid == id));
        if self.live().is_some_and(|live| live.0 == id) && (forced || self.now >= self.bucket()) {
            self.history.push(Event::Ended { id });
            if !forced {
                self.history.push(Event::Poured { id, at: self.now });
            }
        }
    }

    /// Returns the wait before the next attempt. It doubles with each failure in a row, up to four fifths of the
    /// maximum, and chance adds up to a quarter.
    fn wait(&self, most: i64, chance: u8) -> i64 {
        let mut wait = self.policy.first_retry;
        for _ in 0..self.failed().1 {
            wait = (wait * 2).min(most - most / 5);
        }
        let least = wait.min(most - most / 5).max(self.policy.first_retry);
        (least + (least / 4 + 1) * i64::from(chance) / 256).min(most.max(self.policy.first_retry))
    }
}
