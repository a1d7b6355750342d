//! D5: a provider that takes a request and does not answer. No lock is held meanwhile.

use super::*;

/// A fetch that hangs in another thread until the test sends its result.
fn stall(
    flight: &Arc<SingleFlight<u64>>,
    need: Need,
) -> (mpsc::Sender<Result<u64, RenewalError>>, thread::JoinHandle<()>) {
    let (answer, answered) = mpsc::channel::<Result<u64, RenewalError>>();
    let (flight, leases) = (flight.clone(), flight.counters().leases);
    let stalled = flight.clone();
    let thread = thread::spawn(move || {
        let _ = stalled.get(need, move || answered.recv().expect("an answer").and_then(fresh));
    });
    until(|| flight.counters().leases == leases + 1);
    (answer, thread)
}

#[test]
fn d5_a_fresh_value_is_served_and_read_while_a_renewal_hangs() {
    let (clock, flight) = simulated(RenewalPolicy::KEYS);
    let mut reader = flight.reader();
    assert!(reader.get().is_none());
    flight.get(Need::Any, || fresh(1)).expect("a value");
    clock.advance(270);
    let (answer, hanging) = stall(&flight, Need::Any);
    for _ in 0..100 {
        let got = flight.get(Need::Any, || panic!("somebody renews already")).expect("a value");
        assert_eq!((*got.value, got.is_fresh(clock.now())), (1, false));
        assert_eq!(reader.get().map(|published| *published.value), Some(1));
    }
    answer.send(Ok(2)).expect("the fetch listens");
    hanging.join().expect("no panic");
    let published = reader.get().expect("a value");
    assert!(*published.value == 2 && published.is_fresh(clock.now()));
}

#[test]
fn d5_a_stale_value_is_served_after_the_patience_while_a_renewal_hangs() {
    let (clock, flight) = simulated(RenewalPolicy::KEYS);
    flight.get(Need::Any, || fresh(1)).expect("a value");
    clock.advance(300);
    let (answer, hanging) = stall(&flight, Need::Any);
    // The first callers wait until their patience ends by the clock.
    let waiter = flight.clone();
    let waiter = thread::spawn(move || waiter.get(Need::Any, || panic!("somebody renews already")));
    until(|| flight.counters().joined == 1);
    clock.advance(3);
    flight.wake();
    assert_eq!(*waiter.join().expect("no panic").expect("the stale value").value, 1);
    // Later callers do not wait at all.
    assert_eq!(*flight.get(Need::Any, || panic!("somebody renews already")).expect("stale").value, 1);
    answer.send(Err(RenewalError::NoResponse)).expect("the fetch listens");
    hanging.join().expect("no panic");
    assert_eq!(*flight.get(Need::Any, || panic!("too soon")).expect("stale").value, 1);
    assert_eq!(flight.counters().stale, 4, "the leader gets the stale value too");
}

#[test]
fn without_a_value_nobody_waits_longer_than_the_patience() {
    let (clock, flight) = simulated(RenewalPolicy::KEYS);
    let (answer, hanging) = stall(&flight, Need::Any);
    let slept = Arc::new(Mutex::new(Vec::new()));
    let (sleeping, time) = (slept.clone(), clock.clone());
    let sleep = move |span: Duration| {
        sleeping.lock().expect("whole").push(span);
        time.advance(i64::try_from(span.as_secs()).expect("short"));
        std::future::ready(())
    };
    let mut asked = Box::pin(flight.get_async_inline(Need::Any, || async { fresh(1) }, sleep));
    let Poll::Ready(Err(unavailable)) = asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("refused")
    };
    assert_eq!(*slept.lock().expect("whole"), [Duration::from_secs(3)]);
    assert_eq!((unavailable.until, unavailable.because), (START.plus(15), None), "when the lease ends");
    answer.send(Err(RenewalError::NoResponse)).expect("the fetch listens");
    hanging.join().expect("no panic");
    let refused = flight.get(Need::Any, || panic!("too soon")).expect_err("nothing to use");
    assert_eq!(refused.because, Some(RenewalError::NoResponse));
    assert!(refused.until >= clock.now().plus(5));
}

#[test]
fn a_clock_set_back_while_a_caller_sleeps_does_not_make_it_sleep_again() {
    let (clock, flight) = simulated(RenewalPolicy::KEYS);
    let (answer, hanging) = stall(&flight, Need::Any);
    let time = clock.clone();
    let slept = AtomicUsize::new(0);
    let sleep = |_| {
        slept.fetch_add(1, SeqCst);
        time.advance(-3_600);
        std::future::ready(())
    };
    let mut asked = Box::pin(flight.get_async_inline(Need::Any, || async { fresh(1) }, sleep));
    assert!(asked.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    assert_eq!(slept.load(SeqCst), 1);
    answer.send(Ok(1)).expect("the fetch listens");
    hanging.join().expect("no panic");
}

#[test]
fn readers_get_new_times_after_the_clock_was_set_back() {
    let (clock, flight) = simulated(RenewalPolicy::KEYS);
    flight.get(Need::Any, || fresh(1)).expect("a value");
    let mut reader = flight.reader();
    clock.advance(-86_400);
    assert!(reader.get().is_some_and(|published| !published.is_fresh(clock.now())), "ask");
    flight.get(Need::Any, || panic!("what passed stays passed, no more")).expect("a value");
    assert!(reader.get().is_some_and(|published| published.is_fresh(clock.now())));
    clock.advance(270);
    assert!(reader.get().is_some_and(|published| !published.is_fresh(clock.now())));
}

#[test]
fn in_the_background_not_even_the_leader_waits_for_a_fresh_value() {
    let (clock, flight) = simulated(RenewalPolicy::KEYS);
    flight.get(Need::Any, || fresh(1)).expect("a value");
    clock.advance(280);
    let (job, jobs) = mpsc::channel();
    let got = flight.get_spawning(Need::Any, || fresh(2), move |spawned| job.send(spawned).expect("kept"));
    assert_eq!(*got.expect("a value").value, 1);
    jobs.recv().expect("a job")();
    assert_eq!(*flight.get(Need::Any, || panic!("renewed already")).expect("a value").value, 2);
}

/// A renewal before the end of a value may take long. The leader does not get the old value after its end.
#[test]
fn a_leader_does_not_get_the_old_value_that_expired_during_the_renewal() {
    fn lives(value: u64, seconds: i64) -> Result<Renewed<u64>, RenewalError> {
        Ok(Renewed::new(Arc::new(value), Freshness::lasting(Duration::from_secs(seconds.unsigned_abs()))))
    }
    let (clock, flight) = simulated(RenewalPolicy::TOKENS);
    let renewed = |in_future: bool, takes, result| {
        let time = clock.clone();
        let renew = move || {
            time.advance(takes);
            result
        };
        if !in_future {
            return flight.get(Need::Any, renew);
        }
        let renewing = pin!(flight.get_async_inline(Need::Any, || async { renew() }, never));
        match renewing.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(got) => got,
            Poll::Pending => panic!("there is nothing to wait for"),
        }
    };
    for in_future in [false, true] {
        clock.advance(1_000);
        renewed(in_future, 0, lives(1, 10)).expect("a value");
        clock.advance(6);
        assert_eq!(*renewed(in_future, 20, lives(2, 60)).expect("the new one").value, 2);
        clock.advance(12);
        let over = renewed(in_future, 40, Err(RenewalError::NoResponse)).expect_err("it has ended");
        assert_eq!(over.because, Some(RenewalError::NoResponse));
    }
}
