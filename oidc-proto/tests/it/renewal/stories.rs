//! Stories that other libraries get wrong, with a clock that the test moves.

use super::*;

const START: i64 = 1_800_000_000;

/// A renewal, the time since the start, and a provider that the test controls.
struct Story {
    renewal: Renewal<u64>,
    now: i64,
    fetches: u64,
}

impl Story {
    /// These stories count seconds, so the spread by chance is off. Other tests cover the spread.
    fn new(mut policy: RenewalPolicy) -> Self {
        policy.spread = 0;
        Self { renewal: Renewal::new(policy), now: 0, fetches: 0 }
    }

    /// A story that holds a value with this freshness.
    fn holding(policy: RenewalPolicy, freshness: Freshness) -> Self {
        let mut story = Self::new(policy);
        let lease = story.lead(Need::Any);
        assert!(story.bring(lease, freshness));
        story
    }

    fn want(&mut self, need: Need) -> Decision<u64> {
        self.renewal.want(need, Timestamp(START + self.now))
    }

    fn newer(&mut self) -> Decision<u64> {
        let need = Need::NewerThan(self.renewal.epoch());
        self.want(need)
    }

    fn lead(&mut self, need: Need) -> Lease {
        match self.want(need) {
            Decision::Renew(lease) | Decision::UseAndRenew(_, _, lease) => lease,
            other => panic!("expected a lease at {}, not {other:?}", self.now),
        }
    }

    fn bring(&mut self, lease: Lease, freshness: Freshness) -> bool {
        self.fetches += 1;
        let value = Renewed::new(Arc::new(self.fetches), freshness);
        self.renewal.settle(lease, Ok(value), moment(START + self.now, 0))
    }

    fn fail(&mut self, lease: Lease) {
        self.fetches += 1;
        self.renewal.settle(lease, Err(RenewalError::NoResponse), moment(START + self.now, 0));
    }

    /// Asks once each second up to a time, and lets the provider answer at once. Returns the number of
    /// requests it got, and the number of callers that got no value.
    fn busy_until(&mut self, end: i64, answers: bool, forge: bool) -> (u64, u64) {
        let (before, mut refused) = (self.fetches, 0);
        while self.now < end {
            for need in [Need::Any, Need::NewerThan(self.renewal.epoch())] {
                if need != Need::Any && !forge {
                    continue;
                }
                match self.want(need) {
                    Decision::Renew(lease) | Decision::UseAndRenew(_, _, lease) if answers => {
                        self.bring(lease, Freshness::UNKNOWN);
                    }
                    Decision::Renew(lease) => {
                        self.fail(lease);
                        // The leader asks again, as any waiting caller does.
                        let nothing = matches!(self.want(need), Decision::Refuse { .. });
                        refused += u64::from(need == Need::Any && nothing);
                    }
                    Decision::UseAndRenew(_, _, lease) => self.fail(lease),
                    Decision::Use(..) | Decision::Join { .. } => {}
                    Decision::Refuse { .. } => refused += u64::from(need == Need::Any),
                }
            }
            self.now += 1;
        }
        (self.fetches - before, refused)
    }
}

#[test]
fn e12_d1_a_failure_never_takes_away_a_valid_value() {
    let mut story = Story::holding(RenewalPolicy::KEYS, Freshness::UNKNOWN);
    let Decision::Renew(lease) = story.newer() else { panic!("an unknown kid may ask once") };
    story.fail(lease);
    assert_eq!(story.renewal.value().map(|value| **value), Some(1));
    // The outage lasts beyond the end of the value. All callers are served for one more hour.
    let (_, refused) = story.busy_until(300 + 3_600, false, true);
    assert_eq!(refused, 0);
    let (_, refused) = story.busy_until(300 + 3_600 + 10, false, false);
    assert_eq!(refused, 10, "no caller is served after that");
    // The provider comes back. The next attempt notices it.
    let (_, refused) = story.busy_until(story.now + 60, true, false);
    assert!(refused <= 10, "{refused} seconds");
}

#[test]
fn d2_a_failing_provider_gets_fewer_and_fewer_requests() {
    let mut story = Story::holding(RenewalPolicy::KEYS, Freshness::UNKNOWN);
    story.busy_until(270, true, false);
    let (fetches, refused) = story.busy_until(270 + 3_600, false, false);
    assert_eq!((fetches, refused), (17, 0), "5, 10, 20, … up to 300 s apart");
    // Without any value, the wait soon stops growing.
    let mut cold = Story::new(RenewalPolicy::KEYS);
    let (fetches, refused) = cold.busy_until(3_600, false, false);
    assert!((360..=452).contains(&fetches), "{fetches}");
    assert_eq!(refused, 3_600);
}

#[test]
fn a_retry_after_of_the_provider_is_respected_within_bounds() {
    use oidc_proto::{
        EndpointUrl, UrlPolicy,
        flow::{JwksRetrieval, Step},
    };
    let unavailable = |seconds: &str| {
        let jwks_uri = EndpointUrl::parse("https://op.example/jwks", &UrlPolicy::default()).expect("https");
        let call = JwksRetrieval::start(&jwks_uri);
        let mut response = http::Response::new(Vec::new());
        *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().insert("retry-after", seconds.parse().expect("a header value"));
        let Step::Send(call) = Step::from(call) else { unreachable!("a call") };
        let (_, _, pending) = call.into_parts();
        match pending.receive(response, moment(START, 0)) {
            Err(error) => RenewalError::from(error),
            Ok(_) => panic!("503 is an error"),
        }
    };
    for (seconds, least, most) in [("100", 100, 100), ("99999", 300, 300), ("1", 5, 6)] {
        let mut story = Story::new(RenewalPolicy::KEYS);
        let lease = story.lead(Need::Any);
        story.renewal.settle(lease, Err(unavailable(seconds)), moment(START, 0));
        let Decision::Refuse { until, because: Some(RenewalError::Flow(_)) } = story.want(Need::Any) else {
            panic!("refused, with the reason")
        };
        assert!((least..=most).contains(&(until.0 - START)), "{seconds}: {}", until.0 - START);
    }
}

#[test]
fn d3_r6_a_withdrawn_key_is_gone_by_the_deadline_in_any_case() {
    for (said, fresh) in [(None, 300), (Some(60), 60), (Some(0), 60), (Some(i64::MAX), 86_400)] {
        let freshness = said.map_or(Freshness::UNKNOWN, fresh_for);
        let mut story = Story::holding(RenewalPolicy::KEYS, freshness);
        let mut last = 0;
        while story.now < 100_000 {
            match story.want(Need::Any) {
                Decision::UseAndRenew(_, _, lease) => {
                    last = story.now;
                    story.fail(lease);
                }
                Decision::Renew(lease) => story.fail(lease),
                Decision::Use(..) => last = story.now,
                Decision::Join { .. } | Decision::Refuse { .. } => {}
            }
            story.now += 1;
        }
        assert_eq!(last, fresh + 3_600 - 1, "{said:?}");
        assert!(secs(last) <= RenewalPolicy::KEYS.deadline());
    }
    // If the provider answers, the key is gone when the value is no longer fresh, even if no caller asked
    // before.
    let mut story = Story::holding(RenewalPolicy::KEYS, Freshness::UNKNOWN);
    story.now = 300;
    assert!(
        matches!(story.want(Need::Any), Decision::Renew(_)),
        "the old value is not used before the renewal"
    );
}

#[test]
fn an_old_failure_is_no_excuse_for_a_stale_value() {
    let mut story = Story::holding(RenewalPolicy::KEYS, Freshness::UNKNOWN);
    story.now = 100;
    let Decision::Renew(lease) = story.newer() else { panic!("the bucket is full") };
    story.fail(lease);
    story.now = 2_000;
    assert!(matches!(story.want(Need::Any), Decision::Renew(_)), "the provider is asked first");
}

#[test]
fn e15_sixteen_forced_refreshes_of_one_epoch_cause_one_lease() {
    let mut story = Story::holding(RenewalPolicy::KEYS, Freshness::UNKNOWN);
    let held = Need::NewerThan(story.renewal.epoch());
    let wants: Vec<_> = (0..16).map(|_| story.want(held)).collect();
    assert_eq!(wants.iter().filter(|want| matches!(want, Decision::Renew(_))).count(), 1);
    assert_eq!(wants.iter().filter(|want| matches!(want, Decision::Join { .. })).count(), 15);
    let lease = wants.into_iter().find_map(|want| match want {
        Decision::Renew(lease) => Some(lease),
        _ => None,
    });
    story.bring(lease.expect("one leads"), Freshness::UNKNOWN);
    for _ in 0..16 {
        assert!(
            matches!(story.want(held), Decision::Use(_, value) if *value == 2),
            "the value is newer than the callers' own"
        );
    }
}

/// `burst + w / cooldown` renewals because callers force them, and one per lifetime because of time.
#[test]
fn r3_whatever_callers_do_renewals_are_bounded_per_hour() {
    let policy = RenewalPolicy::KEYS;
    let life = (policy.min_ttl - policy.refresh_ahead.min(policy.min_ttl / 2)).as_secs();
    for (window, answers) in [(3_600, true), (3_600, false), (4 * 3_600, true), (4 * 3_600, false)] {
        let mut story = Story::holding(policy, Freshness::UNKNOWN);
        let (fetches, refused) = story.busy_until(window, answers, true);
        let window = u64::try_from(window).expect("positive");
        let forced = u64::from(policy.burst) + window / 30;
        let timed = window / life + 1;
        if answers {
            assert!(fetches <= forced + timed, "{fetches}");
            // The true cost of the flood: a forced renewal is a renewal, so time asks for no more.
            assert!(fetches <= forced + 1, "{fetches}");
        } else {
            assert!(fetches <= window / 8 + 3, "{fetches}");
        }
        if answers || window <= 3_900 {
            assert_eq!(refused, 0);
        }
    }
}

#[test]
fn a_forged_flood_cannot_hold_back_a_renewal_that_is_due() {
    let mut story = Story::holding(RenewalPolicy::KEYS, fresh_for(60));
    for _ in 0..2 {
        let Decision::Renew(lease) = story.newer() else { panic!("the bucket holds two") };
        story.bring(lease, fresh_for(60));
    }
    assert!(matches!(story.newer(), Decision::Refuse { because: None, .. }), "the bucket is empty");
    story.now = 30;
    // The value is due by time, and the bucket has a token again. The renewal does not take it.
    let Decision::Renew(lease) = story.newer() else { panic!("due") };
    story.bring(lease, fresh_for(60));
    assert!(matches!(story.newer(), Decision::Renew(_)), "the renewal that was due by time took no token");
}

#[test]
fn a_lifetime_shorter_than_the_head_start_causes_no_endless_renewals() {
    for (policy, life) in
        [(RenewalPolicy::METADATA, 60), (RenewalPolicy::TOKENS, 40), (RenewalPolicy::TOKENS, 2)]
    {
        let mut story = Story::holding(policy, fresh_for(life));
        story.now = (life / 2 - 1).max(0);
        assert!(matches!(story.want(Need::Any), Decision::Use(..)));
        story.now = life / 2;
        assert!(matches!(story.want(Need::Any), Decision::UseAndRenew(..)));
    }
}

#[test]
fn a_token_that_has_expired_on_arrival_counts_as_a_failure_and_causes_no_storm() {
    let mut story = Story::new(RenewalPolicy::TOKENS);
    let lease = story.lead(Need::Any);
    assert!(!story.bring(lease, fresh_for(0)));
    let Decision::Refuse { because: Some(RenewalError::Expired), until } = story.want(Need::Any) else {
        panic!("refused")
    };
    assert!(until.0 >= START + 2);
}

#[test]
fn a_late_value_is_kept_only_if_no_newer_one_has_come() {
    let mut story = Story::new(RenewalPolicy::KEYS);
    let slow = story.lead(Need::Any);
    story.now = 15;
    let next = story.lead(Need::Any);
    story.now = 16;
    assert!(story.bring(slow, Freshness::UNKNOWN), "an old value is better than none");
    assert!(matches!(story.want(Need::Any), Decision::Use(..)));
    assert!(story.bring(next, Freshness::UNKNOWN), "the next value is newer");

    let mut story = Story::new(RenewalPolicy::KEYS);
    let slow = story.lead(Need::Any);
    story.now = 15;
    let next = story.lead(Need::Any);
    assert!(story.bring(next, Freshness::UNKNOWN));
    assert!(!story.bring(slow, Freshness::UNKNOWN), "this value is older than the held one");
    assert_eq!(story.renewal.value().map(|value| **value), Some(1));
}

/// Every way in, against every other: a value of an older request is not kept, whichever comes last.
#[test]
fn an_older_value_never_replaces_a_newer_one_whichever_way_it_came() {
    let value = |number: u64| Renewed::new(Arc::new(number), Freshness::UNKNOWN);
    let at = |second: i64| Timestamp(START + second);
    let learn = |story: &mut Story, number, asked, known| {
        let now = moment(START + story.now, 0);
        story.renewal.learn(value(number), asked, known, now)
    };
    let holds = |story: &Story| story.renewal.value().map(|value| **value);

    // A login requests keys at 10 s and ends at 19 s. A lease of 12 s has ended in the meantime.
    let mut story = Story::holding(RenewalPolicy::KEYS, Freshness::UNKNOWN);
    let known = story.renewal.epoch();
    story.now = 12;
    let lease = story.lead(Need::NewerThan(known));
    assert!(story.bring(lease, Freshness::UNKNOWN));
    story.now = 19;
    assert!(!learn(&mut story, 10, at(10), known) && !learn(&mut story, 10, at(12), known));
    assert_eq!(holds(&story), Some(2), "nor a value that was requested in the same second");
    assert!(learn(&mut story, 13, at(13), known) && holds(&story) == Some(13));
    assert!(
        !learn(&mut story, 12, at(12), known) && holds(&story) == Some(13),
        "another login, which began earlier"
    );
    // A caller that knew the held value has requested a later one.
    let newest = story.renewal.epoch();
    assert!(learn(&mut story, 14, at(13), newest) && holds(&story) == Some(14));

    // A lease of 10 s ends after a login that requested keys at 12 s.
    let mut story = Story::new(RenewalPolicy::KEYS);
    let none = story.renewal.epoch();
    story.now = 10;
    let slow = story.lead(Need::Any);
    story.now = 20;
    assert!(learn(&mut story, 12, at(12), none));
    assert!(!story.bring(slow, Freshness::UNKNOWN) && holds(&story) == Some(12));

    // A login that requested keys at 8 s gives way to the lease of 10 s, although the lease was granted
    // before.
    let mut story = Story::new(RenewalPolicy::KEYS);
    story.now = 10;
    let lease = story.lead(Need::Any);
    assert!(learn(&mut story, 8, at(8), none));
    assert!(story.bring(lease, Freshness::UNKNOWN) && holds(&story) == Some(1));

    // A request from tomorrow: the clock was set back, and the real time is unknown. A few seconds are
    // disorder.
    let newest = story.renewal.epoch();
    assert!(!learn(&mut story, 9, at(86_400), newest));
    let newest = story.renewal.epoch();
    assert!(learn(&mut story, 9, at(14), newest));
}

#[test]
fn a_learned_value_is_as_old_as_its_request() {
    let mut story = Story::new(RenewalPolicy::KEYS);
    let (none, asked) = (story.renewal.epoch(), Timestamp(START));
    story.now = 200;
    let value = Renewed::new(Arc::new(7), Freshness::UNKNOWN);
    assert!(story.renewal.learn(value.clone(), asked, none, moment(START + 200, 0)));
    story.now = 269;
    assert!(matches!(story.want(Need::Any), Decision::Use(..)));
    story.now = 270;
    assert!(
        matches!(story.want(Need::Any), Decision::UseAndRenew(..)),
        "not 270 s after the end of the login"
    );
    let mut late = Story::new(RenewalPolicy::KEYS);
    late.now = 3_900;
    assert!(
        !late.renewal.learn(value, asked, none, moment(START + 3_900, 0)),
        "the value is older than any value may be"
    );
}

#[test]
fn a_late_value_is_as_old_as_its_request() {
    let mut story = Story::new(RenewalPolicy::TOKENS);
    let slow = story.lead(Need::Any);
    story.now = 100;
    assert!(!story.bring(slow, fresh_for(100)), "its hundred seconds are over");
    assert_eq!(story.renewal.counters().abandoned, 1);
}

#[test]
fn a_caller_that_gives_up_is_replaced_at_once_but_not_without_limit() {
    let mut story = Story::new(RenewalPolicy::KEYS);
    for _ in 0..2 {
        let lease = story.lead(Need::Any);
        story.renewal.abandon(lease, Timestamp(START));
    }
    let lease = story.lead(Need::Any);
    story.renewal.abandon(lease, Timestamp(START));
    assert!(matches!(story.want(Need::Any), Decision::Join { .. }), "the third caller has to wait");
    story.now = 15;
    assert!(matches!(story.want(Need::Any), Decision::Renew(_)));
}

#[test]
fn a_clock_that_is_set_back_extends_no_deadline() {
    let mut story = Story::holding(RenewalPolicy::KEYS, Freshness::UNKNOWN);
    story.now = -86_400;
    assert!(matches!(story.want(Need::Any), Decision::Use(..)));
    story.now += 269;
    assert!(matches!(story.want(Need::Any), Decision::Use(..)));
    let published = story.renewal.published().expect("a value");
    assert!(published.is_fresh(Timestamp(START + story.now)));
    story.now += 1;
    assert!(!published.is_fresh(Timestamp(START + story.now)));
    let lease = story.lead(Need::Any);
    assert_eq!(lease.until().0, START + story.now + 15, "leases follow the clock as it is set now");
    story.now -= 7;
    assert!(matches!(story.newer(), Decision::Join { until } if until.0 == START + story.now + 3));
}

#[test]
fn a_published_value_is_not_fresh_on_a_clock_set_back_far() {
    let story = Story::holding(RenewalPolicy::KEYS, Freshness::UNKNOWN);
    let published = story.renewal.published().expect("a value");
    let fresh = [-86_400, -6, -5, 0, 269, 270].map(|at| published.is_fresh(Timestamp(START + at)));
    assert_eq!(fresh, [false, false, true, true, true, false]);
}

#[test]
fn counters_count_every_outcome() {
    let mut story = Story::holding(RenewalPolicy::KEYS, Freshness::UNKNOWN);
    story.busy_until(4_000, false, false);
    let counters = story.renewal.counters();
    assert_eq!(counters.hits, 300);
    assert_eq!(counters.stale, 3_600);
    assert_eq!(counters.renewals, 1);
    assert_eq!(counters.leases, counters.renewals + counters.failures + counters.abandoned);
    assert!(counters.refused >= 99 && counters.joined == 0);
}
