//! Sends an exchange to a server that never finishes, on runtimes of one thread and of two. A timer of
//! another task runs beside it, and must go on.

use crate::stacks::{Failure, Kept, Response};
use oidc_proto::flow::{Request, Terms};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::runtime::{Builder, Runtime};

const TICK: Duration = Duration::from_millis(100);

/// The delay that is allowed beyond the machine's own.
const SLACK: Duration = Duration::from_millis(500);

/// The bytes that sockets keep unread, on both sides together. The server has sent them all the same.
const IN_SOCKETS: u64 = 16 << 20;

/// A name, and a function that makes such a runtime.
type Kind = (&'static str, fn() -> Runtime);

/// Runtimes with one thread for everything, with one worker, and with two.
pub const RUNTIMES: [Kind; 3] = [
    ("one thread", || Builder::new_current_thread().enable_all().build().expect("a runtime")),
    ("one worker", || workers(1)),
    ("two workers", || workers(2)),
];

fn workers(count: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(count).enable_all().build().expect("a runtime")
}

/// Runs one test at a time: the effect of an attack on a timer would not show among others.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The outcome of an exchange, and its effect on others.
#[derive(Debug)]
pub struct Ended {
    pub came: Result<Response, Failure>,
    took: Duration,
    /// The longest time of a timer that should take a tenth of a second.
    timer: Duration,
    /// The greatest delay of an unrelated thread: the machine may be busy.
    machine: Duration,
}

/// Sends on this runtime, with a timer beside it.
pub fn send(runtime: fn() -> Runtime, http: &Arc<Kept>, request: Request, terms: Terms) -> Ended {
    let runtime = runtime();
    let over = Arc::new(AtomicBool::new(false));
    let machine = {
        let over = Arc::clone(&over);
        thread::spawn(move || {
            let (mut latest, nap) = (Duration::ZERO, Duration::from_millis(10));
            while !over.load(Ordering::Relaxed) {
                let start = Instant::now();
                thread::sleep(nap);
                latest = latest.max(start.elapsed().saturating_sub(nap));
            }
            latest
        })
    };
    let (longest, last) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Instant::now())));
    let (gap, tick) = (Arc::clone(&longest), Arc::clone(&last));
    let start = Instant::now();
    let came = runtime.block_on(async {
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(TICK).await;
                let mut last = tick.lock().unwrap();
                gap.fetch_max(millis(last.elapsed()), Ordering::Relaxed);
                *last = Instant::now();
            }
        });
        let http = Arc::clone(http);
        runtime.spawn(async move { http.send(request, terms).await }).await.expect("no panic")
    });
    let took = start.elapsed();
    let longest = Duration::from_millis(longest.load(Ordering::Relaxed)).max(last.lock().unwrap().elapsed());
    over.store(true, Ordering::Relaxed);
    // A connection that is left over ends with the runtime.
    runtime.shutdown_background();
    Ended { came, took, timer: longest, machine: machine.join().expect("no panic") }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).expect("a short time")
}

impl Ended {
    /// Checks that the exchange ended in time, that the timer beside it went on, and that the server could
    /// send no more than `most` bytes, apart from those that fit into sockets.
    pub fn is_kept(&self, what: &str, terms: Terms, most: u64, taken: u64) {
        let (timer, machine) = (self.timer, self.machine);
        let slack = SLACK + machine;
        assert!(self.took <= terms.timeout + slack, "{what}: took {:?}", self.took);
        assert!(
            timer <= TICK + slack,
            "{what}: a timer of {TICK:?} took {timer:?}, and the machine was {machine:?} late"
        );
        assert!(taken <= most + IN_SOCKETS, "{what}: {taken} bytes were taken");
    }
}
