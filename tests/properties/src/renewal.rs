//! The property of renewal: whatever callers and clocks do, one caller renews at a time, and no value
//! outlives its deadline.

use crate::{NOW, Script, moment};
use oidc_proto::renew::{
    Decision, Epoch, Freshness, Lease, Need, Renewal, RenewalError, RenewalPolicy, Renewed,
};
use oidc_testkit::Timestamp;
use std::{sync::Arc, time::Duration};

/// A value as the property knows it: the latest time at which it was requested, in time that has passed.
#[derive(Debug, PartialEq)]
struct Value {
    asked: i64,
}

struct World {
    renewal: Renewal<Value>,
    policy: RenewalPolicy,
    clock: Timestamp,
    /// The time that has passed. A clock that is set back adds nothing.
    passed: i64,
    /// How often the clock was set back since it reached its highest time, and that time. A clock that is
    /// set back too often counts as several clocks that disagree; then the one that is ahead counts.
    set_backs: (u8, Timestamp),
    furthest: Timestamp,
    disagrees: bool,
    /// Leases that have not been returned: each with the time at which it was given out, and its number.
    leases: Vec<(Lease, i64, usize)>,
    given: usize,
    /// The time at which the newest lease ends, unless it has been returned.
    live: Option<i64>,
    newest: Epoch,
}

/// Checks a renewal. `data` is a script: a policy, then the acts of callers and of the clock. Callers want,
/// settle, abandon and learn; time passes, or the clock is set.
///
/// At most one lease is live. No value is used past the deadline of the policy, unless the clock is set
/// back again and again. No older value replaces a newer one. Epochs only grow. No caller is told to wait
/// for a time that has passed. Nothing panics.
///
/// # Panics
/// If the property does not hold.
pub fn renewal(data: &[u8]) {
    let mut script = Script(data);
    let policy = policy(&mut script);
    let renewal = Renewal::new(policy);
    let newest = renewal.epoch();
    let mut world = World {
        renewal,
        policy,
        clock: NOW,
        passed: 0,
        set_backs: (0, NOW),
        furthest: NOW,
        disagrees: false,
        leases: Vec::new(),
        given: 0,
        live: None,
        newest,
    };
    for _ in 0..256 {
        if script.is_over() {
            break;
        }
        world.step(&mut script);
        assert!(world.renewal.epoch() >= world.newest, "an older value has replaced a newer one");
        world.newest = world.renewal.epoch();
    }
}

fn policy(script: &mut Script<'_>) -> RenewalPolicy {
    let mut policy = script.pick(&[RenewalPolicy::KEYS, RenewalPolicy::METADATA, RenewalPolicy::TOKENS]);
    if script.byte() % 2 == 1 {
        let mut number = || match script.byte() {
            255 => Duration::MAX,
            254 => Duration::from_secs(i64::MAX.unsigned_abs()),
            253 => Duration::from_nanos(1),
            small => Duration::from_secs(small.into()),
        };
        policy.default_ttl = number();
        policy.min_ttl = number();
        policy.max_ttl = number();
        policy.refresh_ahead = number();
        policy.stale_if_error = number();
        policy.first_retry = number();
        policy.urgent_retry = number();
        policy.longest_retry = number();
        policy.cooldown = number();
        policy.lease = number();
        policy.patience = number();
        policy.burst = script.byte();
        policy.spread = policy.burst;
    }
    policy
}

impl World {
    fn step(&mut self, script: &mut Script<'_>) {
        match script.byte() % 8 {
            0 => self.want(Need::Any),
            1 => self.want(Need::NewerThan(self.renewal.epoch())),
            2 => self.settle(script),
            3 => {
                if let Some((lease, _, number)) = self.take(script) {
                    let before = self.renewal.counters().abandoned;
                    self.renewal.abandon(lease, self.clock);
                    if number == self.given && self.renewal.counters().abandoned > before {
                        self.live = None;
                    }
                }
            }
            4 => {
                let (ago, chance) = (i64::from(script.byte()), script.byte());
                let value = Value { asked: self.passed - ago };
                let older = self.renewal.value().is_some_and(|held| value.asked < held.asked);
                let (value, asked) = (Arc::new(value), self.clock.plus(-ago));
                let known = if chance % 2 == 0 { self.newest } else { Epoch::default() };
                let held = self.renewal.learn(
                    Renewed::new(value, freshness(script)),
                    asked,
                    known,
                    moment(self.clock, chance),
                );
                let knew = known == self.newest;
                assert!(!held || !older || knew || self.disagrees, "an older value has replaced a newer one");
            }
            5 => self.advance(i64::from(script.byte())),
            6 => self.advance(i64::from(script.number()) * 16),
            _ => {
                // The clock is set back, by more than the clocks of threads disagree.
                self.clock = self.clock.plus(-i64::from(script.number()) - 10);
                if self.furthest >= self.set_backs.1.plus(3_600) {
                    self.set_backs.0 = 0;
                }
                self.set_backs = (self.set_backs.0.saturating_add(1), self.furthest);
                self.disagrees |= self.set_backs.0 > 4;
                self.want(Need::Any);
            }
        }
    }

    /// Lets time pass; a caller sees it.
    fn advance(&mut self, seconds: i64) {
        self.clock = self.clock.plus(seconds);
        self.passed += seconds;
        self.furthest = self.furthest.max(self.clock);
        self.want(Need::Any);
    }

    fn want(&mut self, need: Need) {
        let want = self.renewal.want(need, self.clock);
        match want {
            Decision::Use(epoch, value) => self.used(need, epoch, &value),
            Decision::UseAndRenew(epoch, value, lease) => {
                self.used(need, epoch, &value);
                self.granted(lease);
            }
            Decision::Renew(lease) => self.granted(lease),
            Decision::Join { until } => {
                assert!(until > self.clock, "a wait ends in the future");
                assert!(
                    self.disagrees || self.live.is_some_and(|until| until > self.passed),
                    "a caller waits although no caller renews"
                );
            }
            Decision::Refuse { until, .. } => assert!(until > self.clock, "a wait ends in the future"),
        }
    }

    fn used(&self, need: Need, epoch: Epoch, value: &Value) {
        assert_eq!(epoch, self.renewal.epoch());
        assert!(need == Need::Any, "a value was used that does not meet the demand");
        let age = self.passed - value.asked;
        assert!(
            self.disagrees || Timestamp(age) <= Timestamp(0).after(self.policy.deadline()),
            "a value was used {age} s after it was requested"
        );
    }

    fn granted(&mut self, lease: Lease) {
        assert!(self.live.is_none_or(|until| until <= self.passed), "two leases are live");
        assert!(lease.until() > self.clock);
        self.live = Some(self.passed.saturating_add(lease.until().0.saturating_sub(self.clock.0)));
        self.given += 1;
        self.leases.push((lease, self.passed, self.given));
    }

    fn take(&mut self, script: &mut Script<'_>) -> Option<(Lease, i64, usize)> {
        let index = usize::from(script.byte()) % self.leases.len().max(1);
        (index < self.leases.len()).then(|| self.leases.remove(index))
    }

    fn settle(&mut self, script: &mut Script<'_>) {
        let Some((lease, given, number)) = self.take(script) else { return };
        let kind = script.byte();
        let result = match kind % 4 {
            0 => Err(RenewalError::NoResponse),
            _ => Ok(Renewed::new(Arc::new(Value { asked: given }), freshness(script))),
        };
        let held = self.renewal.settle(lease, result, moment(self.clock, kind));
        assert!(!held || self.renewal.value().is_some_and(|value| value.asked == given));
        if number == self.given {
            self.live = None;
        }
    }
}

fn freshness(script: &mut Script<'_>) -> Freshness {
    match script.byte() {
        0 => Freshness::UNKNOWN,
        255 => Freshness::lasting(Duration::MAX),
        254 => Freshness::lasting(Duration::ZERO),
        seconds => Freshness::lasting(Duration::from_secs(u64::from(seconds) * 4)),
    }
}
