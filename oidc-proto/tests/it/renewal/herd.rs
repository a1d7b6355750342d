//! Many nodes and many clocks: nodes do not renew in step, and disagreeing clocks cause no endless
//! renewals.

use super::*;
use http::HeaderMap;
use std::collections::BTreeMap;

/// The entropy of one of five hundred nodes. Two nodes may have the same.
fn entropy(node: i64) -> [u8; 32] {
    std::array::from_fn(|at| {
        u8::try_from((node * 31 + i64::try_from(at).expect("small") * 17) % 256).expect("a byte")
    })
}

/// The time at which a node renews, if it is asked each second from this time on.
fn renews(renewal: &mut Renewal<i64>, mut at: Timestamp) -> Timestamp {
    while let Decision::Use(..) = renewal.want(Need::Any, at) {
        at = at.plus(1);
    }
    at
}

/// The times at which this many nodes renew that start at `start` and get this freshness.
fn herd(policy: RenewalPolicy, start: impl Fn(i64) -> (Timestamp, Freshness)) -> BTreeMap<Timestamp, usize> {
    let mut asked = BTreeMap::new();
    for node in 0..500 {
        let (now, freshness) = start(node);
        let mut renewal = Renewal::new(policy);
        let Decision::Renew(lease) = renewal.want(Need::Any, now) else { panic!("nothing is held") };
        let value = Renewed::new(Arc::new(node), freshness);
        assert!(renewal.settle(lease, Ok(value), Moment::new(now, entropy(node))));
        *asked.entry(renews(&mut renewal, now)).or_default() += 1;
    }
    asked
}

fn most(asked: &BTreeMap<Timestamp, usize>) -> usize {
    asked.values().copied().max().expect("somebody asks")
}

/// A cache in front of `jwks_uri`, with max-age 3600 and the true `Age`. 500 nodes ask at 500 times, and
/// all of their keys end in the same second.
#[test]
fn nodes_behind_one_cache_do_not_all_come_back_in_the_same_second() {
    let fetched = 999_993;
    let asked = herd(RenewalPolicy::KEYS, |node| {
        let now = Timestamp(1_000_000 + node);
        let mut headers = HeaderMap::new();
        headers.insert("cache-control", "max-age=3600".parse().expect("a value"));
        headers.insert("age", (now.0 - fetched).to_string().parse().expect("a value"));
        (now, Freshness::of_response(&headers, now))
    });
    assert!(most(&asked) < 20, "{} of 500 nodes ask in the same second", most(&asked));
    // Half a minute before the end, and up to a tenth of the remaining time earlier.
    let (end, first, last) = (fetched + 3_600, asked.keys().next(), asked.keys().last());
    assert!(
        last.is_some_and(|last| last.0 <= end - 30) && first.is_some_and(|first| first.0 >= end - 30 - 357)
    );
}

/// Nodes that start together, without any `Cache-Control`.
#[test]
fn nodes_that_start_together_spread() {
    let start = Timestamp(1_000_000);
    for (policy, freshness, soonest, latest) in [
        (RenewalPolicy::KEYS, Freshness::UNKNOWN, 243, 270),
        (RenewalPolicy::KEYS, fresh_for(3_600), 3_213, 3_570),
        (RenewalPolicy::METADATA, Freshness::UNKNOWN, 2_970, 3_300),
        (RenewalPolicy::TOKENS, fresh_for(3_600), 3_186, 3_540),
    ] {
        let asked = herd(policy, |_| (start, freshness));
        assert!(most(&asked) < 50, "{} of 500 nodes ask in the same second", most(&asked));
        assert!(asked.keys().all(|at| (soonest..=latest).contains(&(at.0 - start.0))), "{asked:?}");
        // The documented share is the share that is used.
        let seconds = asked.keys().last().expect("one").0 - asked.keys().next().expect("one").0;
        assert!(seconds > (latest - soonest) * 3 / 4, "{asked:?}");
    }
    // A value that was learned from a login is spread in the same way.
    let mut asked: BTreeMap<Timestamp, usize> = BTreeMap::new();
    for node in 0..500 {
        let mut renewal = Renewal::new(RenewalPolicy::KEYS);
        let value = Renewed::new(Arc::new(node), Freshness::UNKNOWN);
        let moment = Moment::new(start, entropy(node));
        assert!(renewal.learn(value, start, renewal.epoch(), moment));
        *asked.entry(renews(&mut renewal, start)).or_default() += 1;
    }
    assert!(most(&asked) < 50, "{} of 500 nodes ask in the same second", most(&asked));
}

/// The share is a setting. Without it, all nodes renew in step; with a half, they are spread over half of
/// the time.
#[test]
fn the_spread_of_the_nodes_is_a_setting() {
    let spread = |percent| {
        let mut policy = RenewalPolicy::KEYS;
        policy.spread = percent;
        most(&herd(policy, |_| (Timestamp(1_000_000), Freshness::UNKNOWN)))
    };
    assert_eq!(spread(0), 500);
    assert!(spread(50) < spread(10) && spread(50) < 20, "{} and {}", spread(10), spread(50));
}

/// Two threads whose clocks differ by ten seconds. The swings back do not add up.
#[test]
fn a_clock_that_swings_does_not_run_away() {
    for apart in [6, 10, 30] {
        let mut renewal = Renewal::new(RenewalPolicy::KEYS);
        let Decision::Renew(lease) = renewal.want(Need::Any, Timestamp(0)) else { panic!("nothing is held") };
        let value = Renewed::new(Arc::new(1), Freshness::UNKNOWN);
        renewal.settle(lease, Ok(value), moment(0, 1));
        for swing in 0..10_000 {
            let _ = renewal.want(Need::Any, Timestamp(apart));
            let want = renewal.want(Need::Any, Timestamp(0));
            assert!(matches!(want, Decision::Use(..)), "{swing} swings within {apart} s: {want:?}");
        }
        assert_eq!(renewal.counters().leases, 1);
    }
}

/// However far clocks disagree, their differences do not cause one renewal after the other.
#[test]
fn clocks_that_disagree_widely_cause_few_renewals() {
    for apart in [100, 3_600, 86_400, i64::MAX] {
        let mut renewal = Renewal::new(RenewalPolicy::KEYS);
        let mut swing = |now: i64| match renewal.want(Need::Any, Timestamp(now)) {
            Decision::Renew(lease) | Decision::UseAndRenew(_, _, lease) => {
                let value = Renewed::new(Arc::new(1), Freshness::UNKNOWN);
                renewal.settle(lease, Ok(value), moment(now, 1));
            }
            Decision::Use(..) | Decision::Join { .. } | Decision::Refuse { .. } => {}
        };
        for second in 0..240 {
            for _ in 0..100 {
                swing(apart.saturating_add(second));
                swing(second);
            }
        }
        let leases = renewal.counters().leases;
        assert!(leases <= 2 * 4 + 2, "{apart} s apart: {leases} renewals");
    }
}

/// The sum of all swings has a limit.
#[test]
fn times_never_overflow_whatever_the_clock_does() {
    let mut renewal: Renewal<u8> = Renewal::new(RenewalPolicy::KEYS);
    for _ in 0..8_400_000 {
        let _ = renewal.want(Need::Any, Timestamp(i64::MAX));
        let _ = renewal.want(Need::Any, Timestamp(i64::MIN));
    }
}
