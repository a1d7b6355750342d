//! `SingleFlight` and `SingleFlights`: leaders and waiters are dropped at every point. The clock stands
//! still, so a caller goes on at once and not because a lease has expired.

use crate::stage::{Held, lock, points, whole};
use oidc_drive::{NotAvailableError, SingleFlight, SingleFlights, Task};
use oidc_proto::renew::{Freshness, Need, Published, RenewalError, RenewalPolicy, Renewed};
use oidc_testkit::{SimClock, Timestamp};
use std::{
    future::{Future, pending},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

const START: Timestamp = Timestamp(1_800_000_000);
/// The number of points at which a fetch is pending.
const FETCH: usize = 3;

type Got = Result<Published<u64>, NotAvailableError>;

/// A flight, the number of fetches that began, and tasks that run in the background.
struct Scene {
    clock: SimClock,
    flight: Arc<SingleFlight<u64>>,
    fetches: Arc<AtomicUsize>,
    tasks: Arc<Mutex<Vec<Task>>>,
}

fn never(_: Duration) -> impl Future<Output = ()> {
    pending()
}

async fn fetch(fetches: Arc<AtomicUsize>) -> Result<Renewed<u64>, RenewalError> {
    let value = fetches.fetch_add(1, SeqCst) as u64 + 1;
    points(FETCH).await;
    Ok(Renewed::new(Arc::new(value), Freshness::UNKNOWN))
}

impl Scene {
    fn new() -> Self {
        let clock = SimClock::new(START, 1);
        let shown = clock.clone();
        let flight =
            Arc::new(SingleFlight::with_clock(RenewalPolicy::KEYS, Arc::new(move || shown.moment())));
        Self { clock, flight, fetches: Arc::default(), tasks: Arc::default() }
    }

    fn inline(&self) -> Held<'static, Got> {
        self.inline_needing(Need::Any)
    }

    fn inline_needing(&self, need: Need) -> Held<'static, Got> {
        let (flight, fetches) = (self.flight.clone(), self.fetches.clone());
        Held::new(async move { flight.get_async_inline(need, || fetch(fetches), never).await })
    }

    fn spawning(&self, need: Need) -> Held<'static, Got> {
        let (flight, fetches, tasks) = (self.flight.clone(), self.fetches.clone(), self.tasks.clone());
        Held::new(async move {
            flight.get_async(need, || fetch(fetches), never, |task| lock(&tasks).push(task)).await
        })
    }

    fn task(&self) -> Option<Held<'static, ()>> {
        lock(&self.tasks).pop().map(Held::new)
    }

    fn fetches(&self) -> usize {
        self.fetches.load(SeqCst)
    }

    /// The numbers of leases given out, values held, and leases returned.
    fn counted(&self) -> (u64, u64, u64) {
        let counters = self.flight.counters();
        assert_eq!(counters.failures, 0, "a dropped caller has not failed");
        (counters.leases, counters.renewals, counters.abandoned)
    }
}

/// A caller leads and is dropped at any point. Another, which waited for it, is woken, leads, and is
/// dropped at any point, too. A third gets the value, in the same second.
#[test]
fn a_leader_dropped_at_any_point_is_followed_at_once_twice_in_a_row() {
    for need in [Need::Any, Need::NewerThan(Default::default())] {
        for (first, second) in (0..=FETCH).flat_map(|first| (0..=FETCH).map(move |second| (first, second))) {
            let scene = Scene::new();
            let mut leader = scene.inline_needing(need);
            (0..first).for_each(|_| assert!(leader.poll().is_none()));
            let mut waiter = scene.inline_needing(need);
            if first > 0 {
                assert!(waiter.poll().is_none());
                assert_eq!((scene.flight.waiting(), waiter.woken(), scene.fetches()), (1, 0, 1));
            }
            drop(leader);
            assert_eq!(waiter.woken(), usize::from(first > 0), "{first}, {second}: woken once");
            assert_eq!(scene.flight.waiting(), 0);
            (0..second).for_each(|_| assert!(waiter.poll().is_none()));
            let began = usize::from(first > 0) + usize::from(second > 0);
            assert_eq!(scene.fetches(), began, "{first}, {second}: the woken caller leads");
            drop(waiter);
            let got = scene.inline_needing(need).run().expect("not stuck").expect("a value");
            assert_eq!(*got.value, began as u64 + 1);
            assert_eq!(scene.counted(), (began as u64 + 1, 1, began as u64), "{first}, {second}");
            assert_eq!((scene.flight.waiting(), scene.clock.now()), (0, START));
        }
    }
}

/// The policy allows this many at once (`burst`). A third in a row looks like a flood: its lease has to
/// expire, and a waiting caller learns when.
#[test]
fn beyond_the_burst_of_the_policy_a_dropped_leader_is_followed_when_its_lease_ends() {
    let scene = Scene::new();
    for _ in 0..=RenewalPolicy::KEYS.burst {
        assert!(scene.inline().poll().is_none());
    }
    let mut waiter = scene.inline();
    assert!(waiter.poll().is_none() && scene.flight.waiting() == 1);
    assert_eq!((scene.fetches(), scene.counted()), (3, (3, 0, 2)));
    scene.clock.advance(RenewalPolicy::KEYS.lease.as_secs().cast_signed());
    scene.flight.wake();
    assert_eq!(*waiter.run().expect("not stuck").expect("a value").value, 4);
    assert_eq!(scene.counted(), (4, 1, 3));
}

/// A forced renewal pays when it begins. Dropping it costs nothing more, and the next caller that needs a
/// newer value has it at once.
#[test]
fn a_forced_renewal_dropped_at_any_point_can_be_forced_again_at_once() {
    for point in 1..=FETCH {
        let scene = Scene::new();
        let held = scene.inline().run().expect("not stuck").expect("a value");
        let mut leader = scene.inline_needing(Need::NewerThan(held.epoch));
        (0..point).for_each(|_| assert!(leader.poll().is_none()));
        let mut waiter = scene.inline_needing(Need::NewerThan(held.epoch));
        assert!(waiter.poll().is_none() && scene.flight.waiting() == 1);
        drop(leader);
        assert_eq!(waiter.woken(), 1);
        let newer = waiter.run().expect("not stuck").expect("a newer value");
        assert!(newer.epoch > held.epoch && *newer.value == 3);
        assert_eq!((scene.counted(), scene.clock.now()), ((3, 2, 1), START));
        // The policy allows this many at once, however they ended, and no more.
        let third = scene.inline_needing(Need::NewerThan(newer.epoch)).run().expect("at once");
        assert_eq!(third.expect_err("too often").until, START.after(RenewalPolicy::KEYS.cooldown));
    }
}

/// The held value still serves all callers while it is renewed ahead of time, whichever caller is dropped.
#[test]
fn a_dropped_early_renewal_takes_no_value_away() {
    for point in 1..=FETCH {
        let scene = Scene::new();
        scene.inline().run().expect("not stuck").expect("a value");
        let fresh = RenewalPolicy::KEYS.default_ttl - RenewalPolicy::KEYS.refresh_ahead;
        scene.clock.advance(fresh.as_secs().cast_signed());
        let mut leader = scene.inline();
        (0..point).for_each(|_| assert!(leader.poll().is_none()));
        assert_eq!(*scene.inline().poll().expect("at once").expect("the old one").value, 1);
        drop(leader);
        let mut next = scene.inline();
        assert!(next.poll().is_none() && scene.fetches() == 3, "the next caller leads");
        assert_eq!(*scene.inline().poll().expect("at once").expect("the old one").value, 1);
        assert_eq!(*next.run().expect("not stuck").expect("the old one").value, 1);
        assert_eq!(*scene.inline().poll().expect("at once").expect("the new one").value, 3);
        assert_eq!(scene.counted(), (3, 2, 1));
    }
}

/// The caller of a background renewal may be dropped at any point: before it is polled, while it waits, or
/// after it is woken. The fetch goes on and serves the others. If the fetch is dropped, too, the next
/// caller leads.
#[test]
fn a_background_renewal_and_its_caller_may_both_be_dropped() {
    for (polls, killed) in (0..=FETCH + 1).flat_map(|polls| [(polls, false), (polls, true)]) {
        let scene = Scene::new();
        let mut caller = scene.spawning(Need::Any);
        drop(scene.spawning(Need::Any));
        assert!(lock(&scene.tasks).is_empty(), "never polled, never begun");
        assert!(caller.poll().is_none());
        let mut other = scene.spawning(Need::Any);
        assert!(other.poll().is_none());
        let mut task = scene.task().expect("one fetch");
        let done = (0..polls).filter(|_| task.poll().is_some()).count() == 1;
        assert_eq!((done, caller.woken()), (polls > FETCH, usize::from(done)), "woken, and not polled");
        drop(caller);
        assert_eq!(scene.flight.waiting(), usize::from(!done));
        let again = if killed && !done {
            drop(task);
            assert_eq!((other.woken(), scene.flight.waiting()), (1, 0), "the waiting caller is woken");
            assert!(other.poll().is_none(), "the woken caller leads in its turn");
            scene.task().expect("another fetch").run().expect("it ends");
            true
        } else {
            assert!(done || task.run().is_some(), "the fetch does not need its caller");
            false
        };
        assert_eq!(other.woken(), 1);
        let got = other.run().expect("not stuck").expect("a value");
        // A fetch that was not polled has not begun. Its lease counts all the same.
        assert_eq!(*got.value, if again && polls > 0 { 2 } else { 1 });
        let again = u64::from(again);
        assert_eq!((scene.counted(), scene.flight.waiting()), ((1 + again, 1, again), 0));
        assert!(scene.spawning(Need::Any).poll().is_some() && scene.task().is_none(), "no caller fetches");
    }
}

/// Waiting callers are dropped at every point, in every order. The remaining ones are served all the same.
#[test]
fn a_waiter_dropped_at_any_point_blocks_no_other() {
    // Each of three waiting callers: never polled, parked, parked and polled again, woken and not polled,
    // or not dropped.
    for choice in 0..5usize.pow(3) {
        for leader_dies in [false, true] {
            let ways = [choice % 5, choice / 5 % 5, choice / 25];
            let scene = Scene::new();
            let mut leader = scene.inline();
            assert!(leader.poll().is_none());
            let mut waiters: Vec<_> = ways
                .iter()
                .map(|way| {
                    let mut waiter = scene.inline();
                    (0..[0, 1, 2, 1, 1][*way]).for_each(|_| assert!(waiter.poll().is_none()));
                    Some(waiter)
                })
                .collect();
            let parked = ways.iter().filter(|way| **way > 0).count();
            assert_eq!(scene.flight.waiting(), parked);
            for (way, waiter) in ways.iter().zip(&mut waiters).filter(|(way, _)| **way < 3) {
                drop(waiter.take());
                assert!(*way < 3 && scene.flight.waiting() <= parked);
            }
            let left = ways.iter().filter(|way| **way >= 3).count();
            assert_eq!(scene.flight.waiting(), left, "{ways:?}");
            if leader_dies {
                drop(leader);
            } else {
                leader.run().expect("not stuck").expect("a value");
            }
            assert_eq!(scene.flight.waiting(), 0);
            for (way, waiter) in ways.iter().zip(&mut waiters) {
                if let Some(waiter) = waiter.as_ref() {
                    assert_eq!(waiter.woken(), 1, "{ways:?}: all of them are woken");
                }
                if *way == 3 {
                    drop(waiter.take());
                }
            }
            for mut waiter in waiters.into_iter().flatten() {
                waiter.run().expect("not stuck").expect("a value");
            }
            scene.inline().run().expect("not stuck").expect("a value");
            let fetches = if leader_dies { 2 } else { 1 };
            assert_eq!((scene.fetches(), scene.flight.waiting()), (fetches, 0), "{ways:?}");
        }
    }
}

/// A waiting caller is dropped while asleep, and after its sleep before it is polled. The leader is not
/// disturbed.
#[test]
fn a_waiter_dropped_in_or_after_its_sleep_leaves_nothing_behind() {
    for point in 0..=4 {
        let scene = Scene::new();
        let mut leader = scene.inline();
        assert!(leader.poll().is_none());
        let flight = scene.flight.clone();
        let nobody = || async { panic!("somebody leads already") };
        let mut sleeper =
            Held::new(async move { flight.get_async_inline(Need::Any, nobody, |_| points(3)).await });
        let ended = (0..point).filter_map(|_| sleeper.poll()).next();
        // Its patience ends with its sleep.
        assert_eq!(ended.map(|got| got.is_err()), (point == 4).then_some(true));
        drop(sleeper);
        assert_eq!(scene.flight.waiting(), 0);
        assert_eq!(*leader.run().expect("not stuck").expect("a value").value, 1);
        assert_eq!(scene.counted(), (1, 1, 0));
    }
}

/// A pool of flights: a drop in one flight, or a flight that the pool forgets, does not affect the others.
#[test]
fn flights_of_a_pool_are_dropped_independently() {
    for point in 0..=FETCH {
        let clock = SimClock::new(START, 1);
        let flights: SingleFlights<&str, u64> =
            SingleFlights::with_clock(RenewalPolicy::KEYS, 2, Arc::new(move || clock.moment()));
        let fetches = Arc::new(AtomicUsize::new(0));
        let ask = |key| {
            let (flight, fetches) = (flights.flight(&key), fetches.clone());
            Held::new(async move { flight.get_async_inline(Need::Any, || fetch(fetches), never).await })
        };
        let (mut one, mut two) = (ask("one"), ask("two"));
        assert!(two.poll().is_none());
        (0..point).for_each(|_| assert!(one.poll().is_none()));
        let mut waits_for_two = ask("two");
        assert!(waits_for_two.poll().is_none());
        drop(one);
        assert_eq!(waits_for_two.woken(), 0, "the other flight is not affected");
        ask("one").run().expect("not stuck").expect("a value");
        // A flight is forgotten while it is under way: its callers go on, and later callers begin anew.
        assert!(flights.remove(&"two").is_some());
        ask("two").run().expect("not stuck").expect("a value");
        two.run().expect("not stuck").expect("a value");
        waits_for_two.run().expect("not stuck").expect("a value");
        assert_eq!(fetches.load(SeqCst), 3 + usize::from(point > 0));
        let one = flights.existing(&"one").expect("it is held").counters();
        assert_eq!((one.renewals, one.abandoned), (1, u64::from(point > 0)));
    }
}

/// The points above are all points.
#[test]
fn an_uninterrupted_fetch_has_these_points_and_no_others() {
    let scene = Scene::new();
    let flight = scene.flight.clone();
    let (got, points) = whole(flight.get_async_inline(Need::Any, || fetch(scene.fetches.clone()), never));
    assert_eq!((*got.expect("a value").value, points), (1, FETCH));
}
