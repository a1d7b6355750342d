//! The renewal policy against a model that knows the whole history, over random traces; and stories that
//! other libraries get wrong.
//!
//! The model keeps only the list of past events. It decides from that list each time, in the words of the
//! documentation.

use oidc_proto::{
    Moment, Timestamp,
    renew::{Decision, Epoch, Freshness, Lease, Need, Renewal, RenewalError, RenewalPolicy, Renewed},
};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use std::{sync::Arc, time::Duration};

mod herd;
mod model;
mod stories;

use model::{Kind, Model};

#[derive(Clone, Copy, Debug)]
enum Op {
    Any,
    /// By a caller that holds the value of this many epochs ago.
    Newer(u64),
    Bring(usize, Option<i64>),
    Fail(usize),
    Abandon(usize),
    /// The lease is dropped without a result.
    Burn(usize),
    /// A value comes by another way. It was requested this long ago, by a caller that held the value of
    /// this many epochs ago.
    Learn(i64, u64, Option<i64>),
    Pass(i64),
    SetBack(i64),
    /// A caller reads the clock, and acts on it later.
    Late(i64),
    /// A caller reads another clock, which is this far ahead; and another caller reads this clock.
    Swing(i64),
}

fn op() -> impl Strategy<Value = Op> {
    let span = prop_oneof![0..3_i64, 3..40_i64, 40..400_i64, 400..5_000_i64, 5_000..200_000_i64];
    let fresh = prop_oneof![
        Just(None),
        (0..100_i64).prop_map(Some),
        (0..10_000_i64).prop_map(Some),
        Just(Some(i64::MAX))
    ];
    prop_oneof![
        6 => Just(Op::Any),
        4 => (0..3_u64).prop_map(Op::Newer),
        4 => (0..4_usize, fresh.clone()).prop_map(|(at, fresh)| Op::Bring(at, fresh)),
        2 => (-9..60_i64, 0..3_u64, fresh).prop_map(|(ago, back, fresh)| Op::Learn(ago, back, fresh)),
        4 => (0..4_usize).prop_map(Op::Fail),
        1 => (0..4_usize).prop_map(Op::Abandon),
        1 => (0..4_usize).prop_map(Op::Burn),
        8 => span.prop_map(Op::Pass),
        1 => (6..100_000_i64).prop_map(Op::SetBack),
        1 => (1..=5_i64).prop_map(Op::Late),
        2 => prop_oneof![6..30_i64, 30..3_000_i64].prop_map(Op::Swing),
    ]
}

/// Seconds as settings take them. A negative number counts as none.
fn secs(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

fn fresh_for(seconds: i64) -> Freshness {
    Freshness::lasting(secs(seconds))
}

fn policy() -> impl Strategy<Value = RenewalPolicy> {
    let small = prop::array::uniform11(0..60_i64).prop_map(|n| {
        let mut policy = RenewalPolicy::KEYS;
        [policy.default_ttl, policy.min_ttl, policy.max_ttl, policy.refresh_ahead, policy.stale_if_error] =
            [n[0], n[1], n[2] * 4, n[3], n[4] * 8].map(secs);
        [policy.first_retry, policy.cooldown, policy.longest_retry, policy.lease, policy.patience] =
            [n[5] / 4, n[6], n[7] * 4, n[8], n[9] / 4].map(secs);
        policy.urgent_retry = secs(n[10]);
        policy.burst = u8::try_from(n[9] % 4).expect("below 4");
        policy.spread = u8::try_from(n[8] * 2).expect("a byte");
        policy
    });
    prop_oneof![
        3 => Just(RenewalPolicy::KEYS), 1 => Just(RenewalPolicy::METADATA), 1 => Just(RenewalPolicy::TOKENS), 3 => small
    ]
}

/// Every run is the same, unless `OIDC_SEED` says otherwise.
fn runner(cases: u32) -> TestRunner {
    let mut seed = [7; 32];
    if let Some(number) = std::env::var("OIDC_SEED").ok().and_then(|text| text.parse::<u64>().ok()) {
        seed[..8].copy_from_slice(&number.to_be_bytes());
    }
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    TestRunner::new_with_rng(Config { cases, failure_persistence: None, ..Config::default() }, rng)
}

/// The renewal, its model, and the callers that hold leases.
struct Run {
    renewal: Renewal<u64>,
    model: Model,
    leases: Vec<(u64, Lease)>,
    learned: u64,
    clock: i64,
    chance: u8,
}

impl Run {
    fn new(policy: RenewalPolicy) -> Self {
        let clock = 1_800_000_000;
        let (renewal, model) = (Renewal::new(policy), Model::new(policy));
        let mut run = Self { renewal, model, leases: Vec::new(), learned: 0, clock, chance: 0 };
        run.model.looked(clock);
        run.want(None, 0);
        run
    }

    fn want(&mut self, back: Option<u64>, late: i64) {
        let now = Timestamp(self.clock - late);
        self.model.looked(now.0);
        let shown = self.model.shown();
        let need = back.map_or(Need::Any, |back| Need::NewerThan(self.model.known(back).1));
        let expected = self.model.want(need, self.renewal.epoch());
        let policy = self.model.policy;
        let seen = match self.renewal.want(need, now) {
            Decision::Use(epoch, value) => {
                assert_eq!(epoch, self.renewal.epoch());
                Kind::Use(*value)
            }
            Decision::UseAndRenew(_, value, lease) => {
                self.model.granted(lease.until().0 - shown);
                self.leases.push((self.model.leases, lease));
                Kind::UseAndRenew(*value)
            }
            Decision::Renew(lease) => {
                self.model.granted(lease.until().0 - shown);
                self.leases.push((self.model.leases, lease));
                Kind::Renew
            }
            Decision::Join { until } => {
                assert!(until > now, "a wait ends in the future");
                assert!(until.0 - shown <= policy.patience, "no wait is longer than the patience");
                Kind::Join(until.0 - shown)
            }
            Decision::Refuse { until, .. } => {
                assert!(until > now, "a refusal ends in the future");
                let most = policy.longest_retry.max(policy.cooldown).max(policy.lease) + 5;
                assert!(until.0 - shown <= most, "a refusal is bounded");
                Kind::Refuse(until.0 - shown)
            }
        };
        assert_eq!(seen, expected, "at {} with {need:?}", self.model.now);
        if let Kind::Use(value) | Kind::UseAndRenew(value) = seen {
            let age = self.model.age(value);
            assert!(age <= policy.deadline, "{value} is used {age} s after it was requested");
        }
    }

    fn settle(&mut self, at: usize, result: Option<Option<i64>>) {
        if at >= self.leases.len() {
            return;
        }
        let (id, lease) = self.leases.remove(at);
        self.model.looked(self.clock);
        self.chance = self.chance.wrapping_mul(5).wrapping_add(77);
        let freshness = result.map(|seconds| seconds.map_or(Freshness::UNKNOWN, fresh_for));
        let before = self.renewal.value().cloned();
        let settled =
            freshness.map(|freshness| Renewed::new(Arc::new(id), freshness)).ok_or(RenewalError::NoResponse);
        let held = self.renewal.settle(lease, settled, moment(self.clock, self.chance));
        if !held {
            assert_eq!(self.renewal.value(), before.as_ref(), "a failure never takes a value away");
        }
        assert_eq!(held, self.model.settled(id, freshness, self.renewal.epoch(), self.chance));
    }

    fn learn(&mut self, ago: i64, back: u64, fresh: Option<i64>) {
        self.model.looked(self.clock);
        self.chance = self.chance.wrapping_mul(5).wrapping_add(77);
        self.learned += 1;
        let id = FIRST_LEARNED + self.learned;
        let (count, known) = self.model.known(back);
        let freshness = fresh.map_or(Freshness::UNKNOWN, fresh_for);
        let (renewed, asked) = (Renewed::new(Arc::new(id), freshness), Timestamp(self.clock - ago));
        let held = self.renewal.learn(renewed, asked, known, moment(self.clock, self.chance));
        let epoch = self.renewal.epoch();
        assert_eq!(held, self.model.learned(id, (ago, count), freshness, epoch, self.chance));
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::Any => self.want(None, 0),
            Op::Newer(back) => self.want(Some(back), 0),
            Op::Late(seconds) => self.want(None, seconds),
            Op::Bring(at, fresh) => self.settle(at, Some(fresh)),
            Op::Fail(at) => self.settle(at, None),
            Op::Abandon(at) if at < self.leases.len() => {
                let (id, lease) = self.leases.remove(at);
                self.model.looked(self.clock);
                self.model.abandoned(id);
                self.renewal.abandon(lease, Timestamp(self.clock));
            }
            Op::Burn(at) if at < self.leases.len() => drop(self.leases.remove(at)),
            Op::Abandon(_) | Op::Burn(_) => {}
            Op::Pass(seconds) => {
                self.clock += seconds;
                // A caller looks at the clock.
                self.want(None, 0);
            }
            Op::SetBack(seconds) => {
                self.clock -= seconds;
                self.want(None, 0);
            }
            Op::Swing(ahead) => {
                self.want(None, -ahead);
                self.want(None, 0);
            }
            Op::Learn(ago, back, fresh) => self.learn(ago, back, fresh),
        }
    }
}

/// Learned values start here, so that they differ from the values of leases.
const FIRST_LEARNED: u64 = 1_000_000;

/// The byte that a moment of this entropy yields at this draw.
fn chance_of(entropy: u8, draw: u32) -> u8 {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &[entropy; 32]);
    ring::hmac::sign(&key, &draw.to_be_bytes()).as_ref()[0]
}

fn moment(now: i64, chance: u8) -> Moment {
    Moment::new(Timestamp(now), [chance; 32])
}

#[test]
fn over_random_traces_the_policy_agrees_with_the_model() {
    let traces = (policy(), prop::collection::vec(op(), 1..150));
    let checked = runner(3_000).run(&traces, |(policy, trace)| {
        let mut run = Run::new(policy);
        for op in trace {
            run.step(op);
        }
        Ok(())
    });
    checked.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn no_number_and_no_time_causes_a_panic() {
    let number = || {
        prop_oneof![
            Just(i64::MIN),
            Just(i64::MIN + 1),
            Just(-1_i64),
            Just(0_i64),
            Just(1_i64),
            Just(i64::MAX),
            Just(i64::MAX - 1),
            any::<i64>()
        ]
    };
    let policy = (prop::collection::vec(number(), 11), any::<u8>()).prop_map(|(n, burst)| {
        let mut policy = RenewalPolicy::KEYS;
        [policy.default_ttl, policy.min_ttl, policy.max_ttl, policy.refresh_ahead, policy.stale_if_error] =
            [n[0], n[1], n[2], n[3], n[4]].map(secs);
        [policy.first_retry, policy.cooldown, policy.longest_retry, policy.lease, policy.patience] =
            [n[5], n[6], n[7], n[8], n[9]].map(secs);
        policy.urgent_retry = secs(n[10]);
        (policy.burst, policy.spread) = (burst, burst);
        policy
    });
    let step = (0..6_u8, number(), any::<u8>());
    let traces = (policy, prop::collection::vec(step, 1..60));
    let checked = runner(3_000).run(&traces, |(policy, trace)| {
        let mut renewal = Renewal::new(policy);
        let mut leases = Vec::new();
        assert!(policy.deadline() <= secs(1 << 42), "bounded");
        for (what, number, chance) in trace {
            let now = Timestamp(number);
            let need = if chance & 1 == 0 { Need::Any } else { Need::NewerThan(renewal.epoch()) };
            match (what, leases.pop()) {
                (0, Some(lease)) => {
                    let value = Renewed::new(Arc::new(1), fresh_for(number.wrapping_mul(7)));
                    renewal.settle(lease, Ok(value), moment(number, chance));
                }
                (1, Some(lease)) => {
                    renewal.settle(lease, Err(RenewalError::NoResponse), moment(number, chance));
                }
                (2, Some(lease)) => renewal.abandon(lease, now),
                (3, kept) => {
                    leases.extend(kept);
                    let value = Renewed::new(Arc::new(2), fresh_for(number.wrapping_mul(3)));
                    let asked = Timestamp(number.wrapping_mul(5));
                    renewal.learn(value, asked, renewal.epoch(), moment(number, chance));
                }
                (_, kept) => leases.extend(kept),
            }
            match renewal.want(need, now) {
                Decision::Renew(lease) | Decision::UseAndRenew(_, _, lease) => leases.push(lease),
                Decision::Use(..) | Decision::Join { .. } | Decision::Refuse { .. } => {}
            }
            let _ = renewal.published().map(|published| published.is_fresh(now));
        }
        Ok(())
    });
    checked.unwrap_or_else(|error| panic!("{error}"));
}
