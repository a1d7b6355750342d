//! D9: races between callers, by a scheduler that polls the woken tasks in an order that a seed decides.
//!
//! A task that is not woken is not polled, so a lost wake-up is a task that never ends, which the test finds.

use super::*;
use oidc_testkit::{Seed, world::check};
use std::collections::{BTreeMap, BTreeSet};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Default)]
struct Shared {
    woken: BTreeSet<usize>,
    spawned: Vec<Task>,
    timers: BTreeMap<(i64, u64), Waker>,
    next: u64,
    /// The renewals under way, and when each of them began.
    running: BTreeMap<u64, i64>,
    served: usize,
    refused: usize,
}

#[derive(Clone)]
struct Stage(Arc<Mutex<Shared>>, SimClock);

impl Stage {
    fn with<R>(&self, look: impl FnOnce(&mut Shared) -> R) -> R {
        look(&mut self.0.lock().expect("whole"))
    }

    fn sleep(&self, seconds: i64) -> Timer {
        Timer { stage: self.clone(), until: self.1.now().0 + seconds, slot: None }
    }
}

struct Timer {
    stage: Stage,
    until: i64,
    slot: Option<u64>,
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.stage.1.now().0 >= self.until {
            return Poll::Ready(());
        }
        let (until, slot) = (self.until, self.slot);
        let slot = self.stage.with(|shared| {
            let slot = slot.unwrap_or_else(|| {
                shared.next += 1;
                shared.next
            });
            shared.timers.insert((until, slot), context.waker().clone());
            slot
        });
        self.slot = Some(slot);
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            let until = self.until;
            drop(self.stage.with(|shared| shared.timers.remove(&(until, slot))));
        }
    }
}

struct Alarm(Stage, usize);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.with(|shared| shared.woken.insert(self.1));
    }
}

/// A renewal under way, until it is dropped.
struct Running(Stage, u64);

impl Running {
    fn begin(stage: &Stage) -> Self {
        let now = stage.1.now().0;
        let id = stage.with(|shared| {
            for begun in shared.running.values() {
                assert!(
                    now - begun >= RenewalPolicy::KEYS.lease.as_secs().cast_signed(),
                    "two renewals at once"
                );
            }
            shared.next += 1;
            shared.running.insert(shared.next, now);
            shared.next
        });
        Self(stage.clone(), id)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.with(|shared| shared.running.remove(&self.1));
    }
}

/// Takes this many seconds, and then returns a value, fails, or panics.
async fn renew(stage: Stage, takes: i64, how: u64) -> Result<Renewed<u64>, RenewalError> {
    let _running = Running::begin(&stage);
    stage.sleep(takes).await;
    match how {
        0..6 => Ok(Renewed::new(Arc::new(1), Freshness::lasting(Duration::from_secs(60)))),
        6..9 => Err(RenewalError::NoResponse),
        _ => panic!("a renewal that breaks"),
    }
}

/// One caller: it gets the value, and then a newer one if `forced` is true.
async fn request(
    flight: Arc<SingleFlight<u64>>,
    stage: Stage,
    inline: bool,
    forced: bool,
    takes: i64,
    how: u64,
) {
    let mut need = Need::Any;
    for _ in 0..=u8::from(forced) {
        let begun = stage.1.now().0;
        let slept = stage.clone();
        let sleep = move |span: Duration| slept.sleep(i64::try_from(span.as_secs()).expect("short"));
        let (fetching, spawning) = (stage.clone(), stage.clone());
        let fetch = move || renew(fetching, takes, how);
        let got = if inline {
            flight.get_async_inline(need, fetch, sleep).await
        } else {
            let spawn = |task| spawning.with(|shared| shared.spawned.push(task));
            flight.get_async(need, fetch, sleep, spawn).await
        };
        let waited = stage.1.now().0 - begun;
        let most = RenewalPolicy::KEYS.patience.as_secs().cast_signed() + if inline { takes } else { 0 };
        assert!(waited <= most, "{waited} s");
        match got {
            Ok(published) => {
                stage.with(|shared| shared.served += 1);
                if let Need::NewerThan(epoch) = need {
                    assert!(published.epoch > epoch, "the value is newer");
                }
                need = Need::NewerThan(published.epoch);
            }
            Err(_) => return stage.with(|shared| shared.refused += 1),
        }
    }
}

fn run(seed: &mut Seed) -> (usize, usize) {
    let (clock, flight) = simulated(RenewalPolicy::KEYS);
    let stage = Stage(Arc::default(), clock.clone());
    let mut tasks: Vec<Option<(Task, Waker)>> = Vec::new();
    let mut arrivals = 60;
    loop {
        // A new caller comes, and spawned tasks begin.
        let mut new = stage.with(|shared| std::mem::take(&mut shared.spawned));
        if arrivals > 0 && (seed.below(3) == 0 || tasks.iter().all(Option::is_none)) {
            arrivals -= 1;
            let takes = [0, 0, 1, 2, 4, 20][usize::try_from(seed.below(6)).expect("small")];
            let (inline, forced, how) = (seed.below(2) == 0, seed.below(3) == 0, seed.below(10));
            new.push(Box::pin(request(flight.clone(), stage.clone(), inline, forced, takes, how)));
        }
        for task in new {
            let at = tasks.len();
            tasks.push(Some((task, Waker::from(Arc::new(Alarm(stage.clone(), at))))));
            stage.with(|shared| shared.woken.insert(at));
        }
        // A task is cancelled at any point: a caller or a renewal.
        if seed.below(25) == 0 && !tasks.is_empty() {
            let at = usize::try_from(seed.below(tasks.len() as u64)).expect("an index");
            drop(tasks[at].take());
        }
        // A woken task goes on.
        let woken: Vec<_> = stage.with(|shared| shared.woken.iter().copied().collect());
        if woken.is_empty() {
            let first = stage.with(|shared| shared.timers.first_key_value().map(|((until, _), _)| *until));
            match first {
                Some(until) if until > clock.now().0 => clock.set(Timestamp(until)),
                Some(_) => {}
                None if arrivals > 0 => {
                    clock.advance(i64::try_from(seed.below(100)).expect("small"));
                    continue;
                }
                None => break,
            }
            let now = clock.now().0;
            let due = stage.with(|shared| {
                let later = shared.timers.split_off(&(now + 1, 0));
                std::mem::replace(&mut shared.timers, later)
            });
            due.into_values().for_each(Waker::wake);
            continue;
        }
        let at = woken[usize::try_from(seed.below(woken.len() as u64)).expect("an index")];
        stage.with(|shared| shared.woken.remove(&at));
        if let Some((mut task, waker)) = tasks[at].take() {
            let polled =
                catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(&mut Context::from_waker(&waker))));
            match polled {
                Ok(Poll::Pending) => tasks[at] = Some((task, waker)),
                Ok(Poll::Ready(())) => {}
                Err(panic) => {
                    let ours = panic.downcast_ref::<&str>() == Some(&"a renewal that breaks");
                    assert!(ours, "{:?}", panic.downcast_ref::<String>());
                }
            }
        }
    }
    assert!(tasks.iter().all(Option::is_none), "a task was never woken");
    assert_eq!(flight.waiting(), 0, "no waiter is left behind");
    let counters = flight.counters();
    let ended = counters.renewals + counters.failures + counters.abandoned;
    assert!(counters.leases <= ended + 1, "all leases but the last have ended: {counters:?}");
    stage.with(|shared| (shared.served, shared.refused))
}

#[test]
fn d9_in_every_order_of_events_one_caller_renews_and_none_is_forgotten() {
    let hook = std::panic::take_hook();
    // The intended panics would print thousands of messages.
    std::panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<&str>() != Some(&"a renewal that breaks") {
            hook(info);
        }
    }));
    let total = Mutex::new((0, 0));
    check(1_500, |seed| {
        let (served, refused) = run(seed);
        let mut total = total.lock().expect("whole");
        *total = (total.0 + served, total.1 + refused);
    });
    let (served, refused) = *total.lock().expect("whole");
    assert!(served > refused && refused > 0, "{served} served, {refused} refused");
}
