//! [`block_on`]: runs a future to its end on this thread. With an HTTP stack that blocks, every await of a flow
//! is over at once; only other threads and [timers](after) are left to wait for.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::pin,
    sync::{Arc, Condvar, Mutex, PoisonError},
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

thread_local! {
    /// The earliest end of the timers that the running poll has met.
    static FIRST: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Puts back the timers of the poll around this one, however this one ends.
struct Outer(Option<Instant>);

impl Drop for Outer {
    fn drop(&mut self) {
        FIRST.set(self.0);
    }
}

/// Whether a thread that waits has something to do. This is not the thread's `park`: a wake-up that somebody
/// else meant for the thread would be lost there.
#[derive(Default)]
struct Woken(Mutex<bool>, Condvar);

impl Woken {
    /// Waits until somebody wakes the thread, or until this time.
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

/// Runs a future to its end on this thread. A future that is over at its first poll costs no waker.
///
/// Every await in the future must be one of [`after`], of a [`SingleFlight`](crate::SingleFlight), or of something that is
/// ready at once: no runtime runs here.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    // A `block_on` within a poll of another one has timers of its own.
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

/// A timer for a thread that [blocks](block_on). It runs from the call.
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
#[allow(clippy::unwrap_used, reason = "a thread that broke fails the test, as it should")]
mod tests {
    use super::*;
    use std::{
        panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
        sync::mpsc::{self, RecvTimeoutError},
        thread,
    };

    /// What a test may take that must not hang; nothing is measured by it.
    const LONG: Duration = Duration::from_secs(60);

    /// Runs a test that hangs where it fails.
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

    /// Is woken from another thread, and is over then.
    async fn woken() {
        let (waker, woken) = mpsc::channel::<Waker>();
        let (sent, done) = mpsc::channel();
        let helper = thread::spawn(move || {
            // The first poll is by a waker that wakes nobody.
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
    fn what_is_ready_is_not_polled_again() {
        let mut polls = 0;
        let ready = poll_fn(|_| {
            polls += 1;
            Poll::Ready(7)
        });
        assert_eq!(block_on(ready), 7);
        assert_eq!(polls, 1);
    }

    /// A thread that is unparked for a reason of its own, while it waits here, finds that afterwards.
    #[test]
    fn a_wake_up_that_was_meant_for_the_caller_is_kept() {
        ends(|| {
            thread::current().unpark();
            block_on(woken());
            block_on(after(Duration::from_millis(1)));
            // Hangs if somebody took it.
            thread::park();
        });
    }

    #[test]
    fn a_timer_is_not_over_before_its_time() {
        let (began, span) = (Instant::now(), Duration::from_millis(5));
        block_on(after(span));
        assert!(began.elapsed() >= span);
    }

    /// The first of several timers ends the wait, in whatever order they were met.
    #[test]
    fn the_first_of_several_timers_counts() {
        ends(|| {
            for spans in [[Duration::MAX, Duration::from_millis(1)], [Duration::from_millis(1), LONG * 60]] {
                let mut timers = spans.map(|span| Box::pin(after(span)));
                block_on(poll_fn(|context| {
                    // All of them are polled.
                    let polled = timers.each_mut().map(|timer| timer.as_mut().poll(context).is_ready());
                    if polled.contains(&true) { Poll::Ready(()) } else { Poll::Pending }
                }));
            }
        });
    }

    /// One that runs within a poll of another takes no timer of it, and leaves it none.
    #[test]
    fn each_of_two_that_are_nested_has_timers_of_its_own() {
        ends(|| {
            let (mut ran, mut span) = (0, Duration::from_millis(5));
            // It must wait, and not be over at the second look already, as it may be on a slow machine.
            while ran < 3 {
                span *= 2;
                let mut outer = Box::pin(after(span));
                ran = 0;
                block_on(poll_fn(|context| {
                    // The timer is met before the inner one runs: it must be known afterwards.
                    let polled = outer.as_mut().poll(context);
                    ran += 1;
                    block_on(after(Duration::from_millis(1)));
                    block_on(woken());
                    polled
                }));
                assert_eq!(FIRST.get(), None, "nothing is left behind");
            }
            // And the inner one does not end by the timer of the outer one, which is over long before.
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

    /// A panic within the inner one takes nothing from the outer one that lives on.
    #[test]
    fn a_panic_within_leaves_the_timers_of_the_one_around_it() {
        ends(|| {
            let mut broke = 0;
            // On a slow machine a timer may be over at the first look.
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
