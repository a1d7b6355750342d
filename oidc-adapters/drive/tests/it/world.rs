//! The whole way from a simulated network to keys: real key sets, the real flow, every network fault.

use oidc_drive::{DriveError, run};
use oidc_proto::{
    EndpointUrl, UrlPolicy,
    jose::KeySet,
    renew::{Decision, KeyRenewal, Lease, Need, Renewal, RenewalError, RenewalPolicy, Renewed},
};
use oidc_testkit::{
    Seed, Timestamp,
    world::{At, Fault, KeySite, Lost, Weather, World, check},
};
use std::{sync::Arc, time::Duration};

const START: Timestamp = Timestamp(1_800_000_000);

/// One issuer of a simulated world, and its keys as an API holds them.
struct Issuer {
    site: At<KeySite>,
    jwks_uri: EndpointUrl,
    keys: Renewal<KeySet>,
    /// When the newest keys were requested.
    fetched: Timestamp,
}

fn issuer(world: &mut World, number: usize) -> Issuer {
    let url = format!("https://op-{number}.example");
    let site = KeySite::new(&url);
    let jwks_uri = EndpointUrl::parse(&site.jwks_uri(), &UrlPolicy::default()).expect("https");
    let site = world.add(&url, site);
    Issuer { site, jwks_uri, keys: Renewal::new(RenewalPolicy::KEYS), fetched: START }
}

fn fetch(world: &mut World, jwks_uri: &EndpointUrl) -> Result<Renewed<KeySet>, RenewalError> {
    let send = |request, terms: oidc_proto::flow::Terms| -> Result<_, Lost> {
        let mut response = world.send(&request, terms.timeout)?;
        // Cuts the body as every adapter does.
        response.body_mut().truncate(terms.max_body + 1);
        Ok(response)
    };
    run(KeyRenewal::start(jwks_uri), send).map_err(DriveError::into)
}

impl Issuer {
    fn renew(&mut self, world: &mut World, lease: Lease) -> bool {
        let result = fetch(world, &self.jwks_uri);
        let asked = world.clock.now();
        let held = self.keys.settle(lease, result, world.clock.moment());
        if held {
            self.fetched = asked;
        }
        held
    }

    /// The keys, renewed first if that is due.
    fn keys(&mut self, world: &mut World, need: Need) -> Option<Arc<KeySet>> {
        for _ in 0..2 {
            match self.keys.want(need, world.clock.now()) {
                Decision::Use(_, keys) => return Some(keys),
                Decision::UseAndRenew(_, keys, lease) => {
                    self.renew(world, lease);
                    return Some(keys);
                }
                Decision::Renew(lease) => {
                    self.renew(world, lease);
                }
                Decision::Join { .. } | Decision::Refuse { .. } => return None,
            }
        }
        None
    }

    fn newer(&mut self, world: &mut World) -> Option<Arc<KeySet>> {
        let need = Need::NewerThan(self.keys.epoch());
        self.keys(world, need)
    }
}

#[test]
fn no_network_fault_replaces_valid_keys_and_new_keys_come_after_each_fault() {
    for fault in Fault::ALL {
        let mut world = World::new(START, 1);
        let mut op = issuer(&mut world, 0);
        assert!(op.keys(&mut world, Need::Any).expect("keys").knows("1"), "{fault:?}");
        world.site(op.site).publish("2");
        world.weather = Weather::fair().spell(START, START.plus(100), fault, 100);
        let fatal = fault.is_fatal();
        let newer = op.newer(&mut world);
        assert_eq!(newer.is_some_and(|keys| keys.knows("2")), !fatal, "{fault:?}");
        assert!(op.keys(&mut world, Need::Any).expect("keys").knows("1"), "{fault:?}");
        assert_eq!(op.keys.counters().failures, u64::from(fatal), "{fault:?}");
        world.clock.set(START.plus(100));
        let healed = op.newer(&mut world).expect("newer keys");
        assert!(healed.knows("1") && healed.knows("2"), "{fault:?}");
    }
}

#[test]
fn in_any_weather_keys_of_the_last_hour_serve_and_older_ones_do_not() {
    check(60, |seed| {
        let mut world = World::new(START, seed.number());
        let mut issuers: Vec<_> = (0..5).map(|number| issuer(&mut world, number)).collect();
        world.weather = Weather::random(seed, START.plus(10), 20_000, 6);
        let mut served = 0;
        for op in &mut issuers {
            assert!(op.keys(&mut world, Need::Any).is_some(), "the weather is fair at first");
        }
        while world.clock.now() < START.plus(20_000) {
            let at = usize::try_from(seed.below(5)).expect("small");
            let op = &mut issuers[at];
            let (now, forged) = (world.clock.now(), seed.below(4) == 0);
            // The age of keys counts from their request, which may be as long before their arrival as a response takes.
            let age = now.0 - op.fetched.0;
            let keys = op.keys(&mut world, Need::Any);
            assert!(keys.is_some() || age >= 3_900 - 10, "no keys, though the last ones are {age} s old");
            assert!(keys.is_none() || age < 3_900 || op.fetched >= now, "keys in use after {age} s");
            served += usize::from(keys.is_some());
            if forged {
                op.newer(&mut world);
            }
            world.clock.advance(i64::try_from(seed.below(60)).expect("small"));
        }
        assert!(served > 300, "{served}");
        for op in issuers {
            let requests = world.site(op.site).requests();
            assert!(requests < 20_000 / 8, "{requests} in {seed}");
        }
    });
}

#[test]
fn a_key_set_without_a_usable_key_never_replaces_one() {
    let mut world = World::new(START, 1);
    let mut op = issuer(&mut world, 0);
    assert!(op.keys(&mut world, Need::Any).is_some());
    world.site(op.site).withdraw("1");
    assert!(op.newer(&mut world).is_none());
    assert!(op.keys(&mut world, Need::Any).expect("the old ones").knows("1"));
    world.site(op.site).publish("2");
    world.clock.advance(6);
    let keys = op.newer(&mut world).expect("new ones");
    assert!(keys.knows("2") && !keys.knows("1"), "a withdrawn key is out of use");
}

#[test]
fn the_freshness_in_the_response_counts() {
    let mut world = World::new(START, 1);
    let mut op = issuer(&mut world, 0);
    world.site(op.site).max_age(Some(7_200));
    assert!(op.keys(&mut world, Need::Any).is_some());
    // Half a minute before the end, and by chance up to a tenth of the time until then earlier.
    let soonest = (7_200 - 30) * 9 / 10 - 1;
    world.clock.advance(soonest);
    assert!(op.keys(&mut world, Need::Any).is_some());
    assert_eq!(world.site(op.site).requests(), 1);
    world.clock.advance(7_200 - 30 - soonest);
    assert!(op.keys(&mut world, Need::Any).is_some());
    assert_eq!(world.site(op.site).requests(), 2, "renewed before the end");
}

#[test]
fn a_run_with_a_thousand_issuers_can_be_repeated() {
    let trace = |number| {
        let mut seed = Seed::new(number);
        let mut world = World::new(START, number);
        let mut issuers: Vec<_> = (0..1_000).map(|number| issuer(&mut world, number)).collect();
        world.weather = Weather::random(&mut seed, START, 600, 5);
        for _ in 0..3_000 {
            let at = usize::try_from(seed.below(1_000)).expect("small");
            issuers[at].keys(&mut world, Need::Any);
            if seed.below(10) == 0 {
                world.clock.advance(1);
            }
        }
        assert!(world.trace().iter().all(|exchange| exchange.done.0 - exchange.sent.0 <= TIMEOUT));
        world.trace().to_vec()
    };
    let first = trace(5);
    assert!(first.len() > 500);
    assert_eq!(first, trace(5));
}

const TIMEOUT: i64 = Duration::from_secs(10).as_secs() as i64;
