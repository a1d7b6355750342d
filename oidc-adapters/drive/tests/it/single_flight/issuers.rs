//! Many issuers and many tokens: the room is bounded, and none affects another.

use super::*;
use oidc_drive::SingleFlights;
use oidc_proto::flow::ClientCredentialsRequest;

fn pool<K: Ord + Clone>(policy: RenewalPolicy, cap: usize) -> SingleFlights<K, u64> {
    let clock = SimClock::new(START, 1);
    SingleFlights::with_clock(policy, cap, Arc::new(move || clock.moment()))
}

#[test]
fn e28_an_issuer_that_hangs_or_fails_does_not_delay_another() {
    let flights = Arc::new(pool(RenewalPolicy::KEYS, 1_000));
    let (answer, answered) = mpsc::channel();
    let stalled = flights.clone();
    let hanging = thread::spawn(move || {
        let _ = stalled.flight(&"slow").get(Need::Any, move || answered.recv().expect("an answer"));
    });
    until(|| flights.flight(&"slow").counters().leases == 1);
    let failing = flights.flight(&"down").get(Need::Any, || Err(RenewalError::NoResponse));
    assert_eq!(failing.expect_err("down").because, Some(RenewalError::NoResponse));
    for issuer in ["a", "b", "c"] {
        assert_eq!(*flights.flight(&issuer).get(Need::Any, || fresh(1)).expect("a value").value, 1);
    }
    answer.send(fresh(1)).expect("the fetch listens");
    hanging.join().expect("no panic");
    assert_eq!(flights.all().len(), 5);
}

#[test]
fn d22_d25_ten_thousand_invented_issuers_take_bounded_room_and_break_no_flight() {
    let flights = pool(RenewalPolicy::KEYS, 100);
    let mine = flights.flight(&0);
    mine.get(Need::Any, || fresh(1)).expect("a value");
    for issuer in 1..=10_000_u32 {
        let _ = flights.flight(&issuer).get(Need::Any, || Err(RenewalError::NoResponse));
        assert!(flights.all().len() <= 100);
    }
    assert_eq!(*mine.get(Need::Any, || panic!("held")).expect("a value").value, 1);
    assert_eq!(flights.counters().evictions, 9_901);
    assert!(!Arc::ptr_eq(&mine, &flights.flight(&0)), "the next caller gets a new flight");
}

#[test]
fn d22_many_threads_with_the_same_new_issuer_get_one_flight() {
    let flights = pool(RenewalPolicy::KEYS, 10);
    let fetches = AtomicUsize::new(0);
    let start = std::sync::Barrier::new(32);
    thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                start.wait();
                let flight = flights.flight(&"new");
                let got = flight.get(Need::Any, || {
                    fetches.fetch_add(1, SeqCst);
                    fresh(1)
                });
                assert_eq!(*got.expect("a value").value, 1);
            });
        }
    });
    assert_eq!(fetches.load(SeqCst), 1);
}

#[test]
fn d11_tokens_are_never_shared_with_another_client_scope_or_resource() {
    let flights = pool(RenewalPolicy::TOKENS, 10);
    let wanted = [
        ("app", ClientCredentialsRequest::new(["read"])),
        ("other", ClientCredentialsRequest::new(["read"])),
        ("app", ClientCredentialsRequest::new(["read", "write"])),
        ("app", ClientCredentialsRequest::new(["read"]).resource("https://a.example")),
        ("app", ClientCredentialsRequest::new(["read"]).resource("https://b.example")),
        ("app", ClientCredentialsRequest::new(["read"]).parameter("audience", "c")),
    ];
    for (number, key) in (0..).zip(&wanted) {
        let got = flights.flight(key).get(Need::Any, || fresh(number)).expect("a token");
        assert_eq!(*got.value, number, "{key:?}");
    }
    for (number, key) in (0..).zip(wanted.clone()) {
        let got = flights.flight(&key).get(Need::Any, || panic!("cached")).expect("a token");
        assert_eq!(*got.value, number);
    }
}
