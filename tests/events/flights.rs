//! Renewals: each is reported once, however it ends, and an observer cannot leave a caller stuck.

use crate::{Log, START, Sim, broken};
use oidc_drive::{Observer, SingleFlight, SingleFlights};
use oidc_proto::renew::{Freshness, Need, RenewalError, RenewalPolicy, Renewed};
use std::{
    future::{Future, pending},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, Mutex, OnceLock},
    task::{Context, Waker},
    time::Duration,
};

fn fresh(value: u64) -> Result<Renewed<u64>, RenewalError> {
    Ok(Renewed::new(Arc::new(value), Freshness::UNKNOWN))
}

fn never(_: Duration) -> impl Future<Output = ()> {
    pending()
}

fn flight(log: &Log, observer: &Observer) -> Arc<SingleFlight<u64>> {
    let flight = SingleFlight::with_clock(RenewalPolicy::KEYS, Arc::new(Sim(log.clock.clone())));
    Arc::new(flight.with_observer("keys", "https://op.example", observer))
}

#[test]
fn a_finished_renewal_reports_its_outcome_and_its_duration() {
    let log = Log::new();
    let flight = flight(&log, &log.observer());
    let renewed = |seconds, result| {
        flight.get(Need::Any, || {
            log.clock.advance(seconds);
            result
        })
    };
    assert!(renewed(2, Err(RenewalError::NoResponse)).is_err());
    log.clock.advance(60);
    assert_eq!(*renewed(3, fresh(1)).unwrap().value, 1);
    assert_eq!(*renewed(3, fresh(2)).unwrap().value, 1, "the value is fresh, so that no caller renews");
    assert_eq!(
        log.lines(),
        ["renewed keys of https://op.example no_response 2 s", "renewed keys of https://op.example ok 3 s"]
    );
    // The response is so slow that the value is useless when it comes.
    log.clock.advance(1_000_000);
    assert!(renewed(1_000_000, fresh(3)).is_err());
    assert_eq!(log.lines(), ["renewed keys of https://op.example unused 1000000 s"]);
}

#[test]
fn a_leader_that_is_dropped_or_panics_has_abandoned_its_renewal() {
    let log = Log::new();
    let flight = flight(&log, &log.observer());
    {
        let leader = flight.get_async_inline(Need::Any, pending::<Result<Renewed<u64>, RenewalError>>, never);
        let mut leader = pin!(leader);
        let mut context = Context::from_waker(Waker::noop());
        assert!(leader.as_mut().poll(&mut context).is_pending());
        log.clock.advance(5);
    }
    assert_eq!(log.lines(), ["renewed keys of https://op.example abandoned 5 s"]);
    let broke = catch_unwind(AssertUnwindSafe(|| flight.get(Need::Any, || panic!("on purpose"))));
    assert!(broke.is_err());
    assert_eq!(log.lines(), ["renewed keys of https://op.example abandoned 0 s"]);
}

#[test]
fn an_observer_that_panics_loses_no_lease_and_no_value() {
    let log = Log::new();
    let flight = flight(&log, &broken());
    // The observer runs while the thread unwinds. A panic that escaped would end the process.
    let broke = catch_unwind(AssertUnwindSafe(|| flight.get(Need::Any, || panic!("on purpose"))));
    assert!(broke.is_err());
    assert!(flight.get(Need::Any, || Err(RenewalError::NoResponse)).is_err());
    log.clock.advance(60);
    let published = flight.get(Need::Any, || fresh(1)).unwrap();
    let forced = flight.get(Need::NewerThan(published.epoch), || fresh(2)).unwrap();
    assert_eq!((*published.value, *forced.value), (1, 2));
    let counters = flight.counters();
    assert_eq!((counters.leases, counters.abandoned, counters.failures, counters.renewals), (4, 1, 1, 2));
}

/// The observer runs when all is settled and no lock is held: it may use the flight that reports to it.
#[test]
fn an_observer_may_use_the_flight_that_reports_to_it() {
    let (log, known) = (Log::new(), Arc::new(OnceLock::<Arc<SingleFlight<u64>>>::new()));
    let got = Arc::new(Mutex::new(Vec::new()));
    let (seen, told) = (Arc::clone(&known), Arc::clone(&got));
    let observer = Observer::new(move |_| {
        let flight = seen.get().unwrap();
        let published = flight.get(Need::Any, || Err(RenewalError::NoResponse));
        told.lock()
            .unwrap()
            .push((published.ok().map(|published| *published.value), flight.counters().renewals));
    });
    let flight = known.get_or_init(|| flight(&log, &observer));
    flight.get(Need::Any, || fresh(7)).unwrap();
    assert_eq!(*got.lock().unwrap(), [(Some(7), 1)]);
}

#[test]
fn flights_report_an_issuer_and_never_their_key() {
    let log = Log::new();
    let clock = Arc::new(Sim(log.clock.clone()));
    let flights = SingleFlights::<(&str, &str), u64>::with_clock(RenewalPolicy::TOKENS, 2, clock)
        .with_observer("token", |(issuer, _secret)| (*issuer).into(), &log.observer());
    for key in [("https://a.example", "SECRET"), ("https://b.example", "SECRET")] {
        flights.flight(&key).get(Need::Any, || fresh(1)).unwrap();
    }
    assert_eq!(
        log.lines(),
        ["renewed token of https://a.example ok 0 s", "renewed token of https://b.example ok 0 s"]
    );
    assert_eq!(log.clock.now(), START);
}
