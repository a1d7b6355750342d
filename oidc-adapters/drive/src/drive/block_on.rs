//! [`block_on`]: runs a future to its end on this thread. With a blocking HTTP client, most awaits of a flow are
//! ready at once. The thread waits only for other threads and for [timers](after).

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, Condvar, Mutex, PoisonError},
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

thread_local! {
    /// The earliest end of the timers that the current poll has polled.
    static FIRST: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Restores the timer of an outer poll when the inner one ends, even by a panic.
struct Outer(Option<Instant>);

impl Drop for Outer {
    fn drop(&mut self) {
        FIRST.set(self.0);
    }
}

/// Whether the waiting thread was woken. The thread's own `park` is not used, because it would consume a wake-up
/// that other code meant for the thread.
#[derive(Default)]
struct Woken(Mutex<bool>, Condvar);

impl Woken {
    /// Waits until the thread is woken, or until this time.
    fn wait(&self, first: Option<Instant>) {
        let mut woken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !*woken {
            let left = first.map(|first| first.saturating_duration_since(Instant::now()));
            woken = match left {
                Some(Duration::ZERO) => break,
                Some(left) => self.1.wait_timeout(woken, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.1.wait(woken).unwrap_or_else(PoisonError::into_inner),
            };
        }
        *woken = false;
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.1.notify_one();
    }
}

/// Runs a future to its end on this thread. A future that is ready at its first poll costs no waker.
///
/// Every await in the future must be on [`after`], on a [`SingleFlight`](crate::SingleFlight), or on a future that is
/// ready at once, because no runtime runs here.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    // A `block_on` inside a poll of another one has timers of its own.
    let mut poll = |waker: &Waker| {
        let outer = Outer(FIRST.take());
        let polled = future.as_mut().poll(&mut Context::from_waker(waker));
        let first = FIRST.get();
        drop(outer);
        (polled, first)
    };
    if let (Poll::Ready(output), _) = poll(Waker::noop()) {
        return output;
    }
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    loop {
        match poll(&waker) {
            (Poll::Ready(output), _) => return output,
            (Poll::Pending, first) => woken.wait(first),
        }
    }
}

/// A timer for a thread that [blocks](block_on). It starts with the call.
pub(crate) fn after(span: Duration) -> impl Future<Output = ()> + Send {
    let until = Instant::now().checked_add(span);
    poll_fn(move |_| match until {
        Some(until) if until <= Instant::now() => Poll::Ready(()),
        until => {
            FIRST.set(FIRST.get().into_iter().chain(until).min());
            Poll::Pending
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a thread that panicked must fail the test")]
mod tests {
    use super::*;
    use std::{
        panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
        sync::mpsc::{self, RecvTimeoutError},
        thread,
    };

    /// The longest time of a test that must not hang. Nothing is measured by it.
    const LONG: Duration = Duration::from_secs(60);

    /// Runs a test that would hang if it failed.
    fn ends<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, wait) = mpsc::channel();
        let thread = thread::spawn(move || {
            let result = test();
            let _gone = done.send(());
            result
        });
        assert_ne!(wait.recv_timeout(LONG), Err(RecvTimeoutError::Timeout), "it hangs");
        thread.join().unwrap()
    }

    /// A future that another thread wakes, and that is ready then.
    async fn woken() {
        let (waker, woken) = mpsc::channel::<Waker>();
        let (sent, done) = mpsc::channel();
        let helper = thread::spawn(move || {
            // The waker of the first poll wakes nobody.
            drop(woken.recv().unwrap());
            let waker = woken.recv().unwrap();
            sent.send(()).unwrap();
            waker.wake();
        });
        poll_fn(|context| match done.try_recv() {
            Ok(()) => Poll::Ready(()),
            Err(_) => {
                let _taken = waker.send(context.waker().clone());
                Poll::Pending
            }
        })
        .await;
        helper.join().unwrap();
    }

    #[test]
    fn a_ready_future_is_not_polled_again() {
        let mut polls = 0;
        let ready = poll_fn(|_| {
            polls += 1;
            Poll::Ready(7)
        });
        assert_eq!(block_on(ready), 7);
        assert_eq!(polls, 1);
    }

    /// A thread that other code unparks while it waits here still finds that wake-up afterwards.
    #[test]
    fn a_wake_up_that_was_meant_for_the_caller_is_kept() {
        ends(|| {
            thread::current().unpark();
            block_on(woken());
            block_on(after(Duration::from_millis(1)));
            // Hangs if the wake-up was consumed.
            thread::park();
        });
    }

    #[test]
    fn a_timer_is_not_over_before_its_time() {
        let (began, span) = (Instant::now(), Duration::from_millis(5));
        block_on(after(span));
        assert!(began.elapsed() >= span);
    }

    /// The first of several timers ends the wait, in whatever order they were polled.
    #[test]
    fn the_first_of_several_timers_counts() {
        ends(|| {
            for spans in [[Duration::MAX, Duration::from_millis(1)], [Duration::from_millis(1), LONG * 60]] {
                let mut timers = spans.map(|span| Box::pin(after(span)));
                block_on(poll_fn(|context| {
                    // Polls all of them.
                    let polled = timers.each_mut().map(|timer| timer.as_mut().poll(context).is_ready());
                    if polled.contains(&true) { Poll::Ready(()) } else { Poll::Pending }
                }));
            }
        });
    }

    /// A `block_on` inside the poll of another one takes no timer from it, and leaves no timer behind.
    #[test]
    fn nested_calls_each_have_timers_of_their_own() {
        ends(|| {
            let (mut ran, mut span) = (0, Duration::from_millis(5));
            // The outer timer must not end before the third poll, which may happen on a slow machine.
            while ran < 3 {
                span *= 2;
                let mut outer = Box::pin(after(span));
                ran = 0;
                block_on(poll_fn(|context| {
                    // The timer is polled before the inner `block_on`, and must be known after it.
                    let polled = outer.as_mut().poll(context);
                    ran += 1;
                    block_on(after(Duration::from_millis(1)));
                    block_on(woken());
                    polled
                }));
                assert_eq!(FIRST.get(), None, "nothing is left behind");
            }
            // The timer of the outer one ends long before the inner one, and does not end it.
            let mut short = Box::pin(after(Duration::from_millis(1)));
            let inner = Duration::from_millis(10);
            block_on(poll_fn(|context| {
                let polled = short.as_mut().poll(context);
                let began = Instant::now();
                block_on(after(inner));
                assert!(began.elapsed() >= inner);
                polled
            }));
        });
    }

    /// A panic in an inner `block_on` leaves the outer one, which lives on, its timers.
    #[test]
    fn a_panic_in_the_inner_call_leaves_the_timers_of_the_outer_one() {
        ends(|| {
            let mut broke = 0;
            // On a slow machine a timer may have ended at the first poll.
            while broke < 2 {
                let mut timer = Box::pin(after(Duration::from_millis(2)));
                broke = 0;
                block_on(poll_fn(|context| {
                    let polled = timer.as_mut().poll(context);
                    let inner = || {
                        block_on(poll_fn(|context| -> Poll<()> {
                            let _pending = pin!(after(LONG)).as_mut().poll(context);
                            resume_unwind(Box::new("on purpose"))
                        }));
                    };
                    broke += usize::from(catch_unwind(AssertUnwindSafe(inner)).is_err());
                    polled
                }));
                assert_eq!(FIRST.get(), None);
            }
        });
    }
}
