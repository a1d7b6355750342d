//! One fetch for all callers: threads and tasks around a [`SingleFlight`], with a clock that the tests set.
//!
//! Nothing here waits for time. A test waits until it sees an event: by a counter, a channel or a barrier.

mod interleavings;
mod issuers;
mod stalled;

use oidc_drive::{Clock, Observer, SingleFlight};
use oidc_proto::{
    Moment,
    renew::{Freshness, Need, RenewalError, RenewalPolicy, Renewed},
};
use oidc_testkit::{SimClock, Timestamp};
use std::{
    future::{Future, pending},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

const START: Timestamp = Timestamp(1_800_000_000);

fn simulated(policy: RenewalPolicy) -> (SimClock, Arc<SingleFlight<u64>>) {
    let clock = SimClock::new(START, 1);
    let shown = clock.clone();
    (clock, Arc::new(SingleFlight::with_clock(policy, Arc::new(move || shown.moment()))))
}

fn fresh(value: u64) -> Result<Renewed<u64>, RenewalError> {
    Ok(Renewed::new(Arc::new(value), Freshness::UNKNOWN))
}

fn never(_: Duration) -> impl Future<Output = ()> {
    pending()
}

/// Lets other threads run until the condition is true.
fn until(so: impl Fn() -> bool) {
    while !so() {
        thread::yield_now();
    }
}

async fn until_async(so: impl Fn() -> bool) {
    while !so() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_tasks_cause_one_fetch() {
    let (_, flight) = simulated(RenewalPolicy::KEYS);
    let fetches = Arc::new(AtomicUsize::new(0));
    let (answer, answered) = tokio::sync::watch::channel(false);
    let tasks: Vec<_> = (0..1_000)
        .map(|_| {
            let (flight, fetches, mut answered) = (flight.clone(), fetches.clone(), answered.clone());
            tokio::spawn(async move {
                let renew = move || async move {
                    fetches.fetch_add(1, SeqCst);
                    answered.wait_for(|answered| *answered).await.expect("the provider lives");
                    fresh(7)
                };
                let spawn = |task| drop(tokio::spawn(task));
                flight.get_async(Need::Any, renew, never, spawn).await
            })
        })
        .collect();
    // The leader waits too, because its fetch runs in the background.
    until_async(|| flight.waiting() == 1_000).await;
    answer.send(true).expect("the fetch listens");
    for task in tasks {
        assert_eq!(*task.await.expect("no panic").expect("a value").value, 7);
    }
    assert_eq!((fetches.load(SeqCst), flight.waiting()), (1, 0));
}

#[test]
fn sixty_four_threads_cause_one_fetch() {
    let (_, flight) = simulated(RenewalPolicy::KEYS);
    let fetches = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                let got = flight.get(Need::Any, || {
                    fetches.fetch_add(1, SeqCst);
                    until(|| flight.counters().joined == 63);
                    fresh(9)
                });
                assert_eq!(*got.expect("a value").value, 9);
            });
        }
    });
    assert_eq!(fetches.load(SeqCst), 1);
}

#[test]
fn e15_sixteen_forced_refreshes_cause_one_fetch() {
    let (_, flight) = simulated(RenewalPolicy::KEYS);
    let held = flight.get(Need::Any, || fresh(1)).expect("a value");
    let fetches = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let got = flight.get(Need::NewerThan(held.epoch), || {
                    fetches.fetch_add(1, SeqCst);
                    until(|| flight.counters().joined == 15);
                    fresh(2)
                });
                let got = got.expect("a newer value");
                assert!(*got.value == 2 && got.epoch > held.epoch);
            });
        }
    });
    assert_eq!(fetches.load(SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn d4_cancelling_the_first_caller_fails_neither_its_fetch_nor_another_caller() {
    let (_, flight) = simulated(RenewalPolicy::KEYS);
    let (answer, answered) = tokio::sync::oneshot::channel();
    let leading = flight.clone();
    let first = tokio::spawn(async move {
        let renew = move || async move { fresh(answered.await.expect("the provider lives")) };
        leading.get_async(Need::Any, renew, never, |task| drop(tokio::spawn(task))).await
    });
    until_async(|| flight.waiting() == 1).await;
    let others: Vec<_> = (0..50)
        .map(|_| {
            let flight = flight.clone();
            tokio::spawn(async move {
                let renew = || async { panic!("there is a fetch already") };
                flight.get_async(Need::Any, renew, never, |task| drop(tokio::spawn(task))).await
            })
        })
        .collect();
    until_async(|| flight.waiting() == 51).await;
    first.abort();
    assert!(first.await.expect_err("cancelled").is_cancelled());
    assert_eq!(flight.waiting(), 50, "the cancelled caller is gone");
    answer.send(3).expect("the fetch goes on");
    for other in others {
        assert_eq!(*other.await.expect("no panic").expect("a value").value, 3);
    }
    assert_eq!(flight.counters().leases, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cancelled_leader_that_fetched_itself_is_replaced() {
    let (clock, flight) = simulated(RenewalPolicy::KEYS);
    let fetches = Arc::new(AtomicUsize::new(0));
    let lead = |flight: Arc<SingleFlight<u64>>| {
        tokio::spawn(async move { flight.get_async_inline(Need::Any, pending, never).await })
    };
    let leader = lead(flight.clone());
    until_async(|| flight.counters().leases == 1).await;
    let others: Vec<_> = (0..50)
        .map(|_| {
            let (flight, fetches) = (flight.clone(), fetches.clone());
            tokio::spawn(async move {
                let renew = || async move {
                    fetches.fetch_add(1, SeqCst);
                    fresh(8)
                };
                flight.get_async_inline(Need::Any, renew, never).await
            })
        })
        .collect();
    until_async(|| flight.waiting() == 50).await;
    leader.abort();
    for other in others {
        assert_eq!(*other.await.expect("no panic").expect("a value").value, 8);
    }
    assert_eq!(fetches.load(SeqCst), 1, "one of fifty takes over");
    assert_eq!((flight.counters().abandoned, flight.waiting()), (1, 0));

    // After several cancelled leaders in a row, the next caller leads only when the lease ends.
    clock.advance(1_000_000);
    for _ in 0..3 {
        let leases = flight.counters().leases;
        let leader = lead(flight.clone());
        until_async(|| flight.counters().leases == leases + 1).await;
        leader.abort();
        assert!(leader.await.is_err());
    }
    let waiter = flight.clone();
    let waiter =
        tokio::spawn(async move { waiter.get_async_inline(Need::Any, || async { fresh(9) }, never).await });
    until_async(|| flight.waiting() == 1).await;
    clock.advance(15);
    flight.wake();
    assert_eq!(*waiter.await.expect("no panic").expect("a value").value, 9, "replaced within its lease");
}

#[test]
fn a_leader_that_panics_is_replaced() {
    let (_, flight) = simulated(RenewalPolicy::KEYS);
    thread::scope(|scope| {
        let leader = scope.spawn(|| {
            catch_unwind(AssertUnwindSafe(|| {
                let _ = flight.get(Need::Any, || {
                    until(|| flight.counters().joined == 1);
                    panic!("the transport is broken")
                });
            }))
        });
        until(|| flight.counters().leases == 1);
        assert_eq!(*flight.get(Need::Any, || fresh(4)).expect("a value").value, 4);
        assert!(leader.join().expect("caught").is_err());
    });
}

/// A clock whose entropy fails the first time.
struct Broken(SimClock, AtomicUsize);

impl Clock for Broken {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn moment(&self) -> Moment {
        assert!(self.1.fetch_add(1, SeqCst) > 0, "there is no entropy");
        self.0.moment()
    }
}

#[test]
fn a_leader_that_finds_no_entropy_to_settle_with_is_replaced() {
    let clock = Broken(SimClock::new(START, 1), AtomicUsize::new(0));
    let flight = SingleFlight::with_clock(RenewalPolicy::KEYS, Arc::new(clock));
    let leader = catch_unwind(AssertUnwindSafe(|| flight.get(Need::Any, || fresh(1)).map(drop)));
    assert!(leader.is_err());
    assert_eq!(flight.counters().abandoned, 1);
    assert_eq!(*flight.get(Need::Any, || fresh(2)).expect("at once").value, 2);
}

/// When the leader looks, it may be time for another attempt. The reason of its own failure is still the answer.
#[test]
fn a_leader_that_fails_gets_the_reason_however_late_it_looks() {
    let (clock, flight) = simulated(RenewalPolicy::KEYS);
    let late = Observer::new(move |_| clock.advance(60));
    let flight =
        Arc::new(Arc::into_inner(flight).expect("nobody else").with_observer("keys", "of one", &late));
    let lost = || Err(RenewalError::NoResponse);
    let refused = flight.get(Need::Any, lost).expect_err("nothing to use");
    assert_eq!(refused.because, Some(RenewalError::NoResponse));
    let asked = pin!(flight.get_async(
        Need::Any,
        move || async move { lost() },
        never,
        |mut task| {
            assert!(task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        }
    ));
    let Poll::Ready(Err(refused)) = asked.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("nothing to use")
    };
    assert_eq!(refused.because, Some(RenewalError::NoResponse));
    // A leader that gives up has no reason, whatever happened before.
    let refused = flight.get_spawning(Need::Any, || fresh(1), drop).expect_err("nobody carries it out");
    assert_eq!(refused.because, None);
}

#[test]
fn a_background_task_that_is_never_run_is_a_leader_that_gave_up() {
    let (_, flight) = simulated(RenewalPolicy::KEYS);
    let mut got = Box::pin(flight.get_async(Need::Any, || async { fresh(1) }, never, drop));
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(Err(unavailable)) = got.as_mut().poll(&mut context) else { panic!("refused at once") };
    assert_eq!(unavailable.until, START.plus(1));
    assert_eq!(*flight.get(Need::Any, || fresh(2)).expect("a value").value, 2);
}

#[test]
fn ten_thousand_cancelled_waiters_leave_nothing_behind() {
    let (_, flight) = simulated(RenewalPolicy::KEYS);
    let kept = Arc::new(Mutex::new(None));
    let keep = kept.clone();
    let mut leader = Box::pin(flight.get_async(
        Need::Any,
        || async { fresh(1) },
        never,
        move |task| *keep.lock().expect("whole") = Some(task),
    ));
    let mut context = Context::from_waker(Waker::noop());
    assert!(leader.as_mut().poll(&mut context).is_pending());
    for _ in 0..10_000 {
        let mut waiter = Box::pin(flight.get_async_inline(Need::Any, || async { fresh(2) }, never));
        assert!(waiter.as_mut().poll(&mut context).is_pending());
        // A waiter that is polled again still takes one place.
        assert!(waiter.as_mut().poll(&mut context).is_pending());
        assert_eq!(flight.waiting(), 2);
    }
    assert_eq!(flight.waiting(), 1);
    drop(leader);
    assert_eq!(flight.waiting(), 0);
    let mut task = kept.lock().expect("whole").take().expect("spawned");
    assert!(task.as_mut().poll(&mut context).is_ready());
    assert_eq!(flight.counters().renewals, 1, "the fetch did not need its caller");
}

/// A waker that calls many methods of the flight while it is woken.
struct Meddler(Arc<SingleFlight<u64>>, AtomicUsize);

impl Wake for Meddler {
    fn wake(self: Arc<Self>) {
        if self.1.fetch_add(1, SeqCst) == 0 {
            self.0.learn(Renewed::new(Arc::new(50), Freshness::UNKNOWN), START, self.0.epoch());
            let got = self.0.get(Need::Any, || panic!("there is a value"));
            assert_eq!(*got.expect("a value").value, 50);
            self.0.wake();
        }
    }
}

#[test]
fn d8_a_waker_that_calls_the_flight_finds_no_lock_and_breaks_nothing() {
    let (_, flight) = simulated(RenewalPolicy::KEYS);
    let meddler = Arc::new(Meddler(flight.clone(), AtomicUsize::new(0)));
    let waker = Waker::from(meddler.clone());
    let mut context = Context::from_waker(&waker);
    let (task, spawned) = mpsc::channel();
    let mut first: Pin<Box<_>> = Box::pin(flight.get_async(
        Need::Any,
        || async { fresh(1) },
        never,
        move |spawned| task.send(spawned).expect("kept"),
    ));
    assert!(first.as_mut().poll(&mut context).is_pending());
    let mut task = spawned.recv().expect("spawned");
    assert!(task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    assert_eq!(meddler.1.load(SeqCst), 1, "woken once");
    let Poll::Ready(Ok(got)) = first.as_mut().poll(&mut context) else { panic!("there is a value") };
    assert_eq!(*got.value, 50, "the newest");
    assert_eq!(flight.waiting(), 0);
}

#[test]
fn a_renewal_may_call_its_own_flight() {
    let (_, flight) = simulated(RenewalPolicy::KEYS);
    let inner = flight.clone();
    let got = flight.get(Need::Any, || {
        let mut asked = Box::pin(inner.get_async_inline(Need::Any, || async { fresh(1) }, never));
        assert!(asked.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        fresh(2)
    });
    assert_eq!(*got.expect("a value").value, 2);
}
