//! Futures that are pending for a given number of polls, a network of them, and drops at a point.

use oidc_drive::now;
use oidc_proto::flow::{Request, Terms};
use oidc_testkit::{Seed, TestProvider};
use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
};

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A waker that counts its wake-ups.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// A future that the test polls by hand.
pub struct Held<'f, T> {
    future: Pin<Box<dyn Future<Output = T> + 'f>>,
    wakes: Arc<Wakes>,
}

impl<'f, T> Held<'f, T> {
    pub fn new(future: impl Future<Output = T> + 'f) -> Self {
        Self { future: Box::pin(future), wakes: Arc::default() }
    }

    /// The number of wake-ups since the last poll.
    pub fn woken(&self) -> usize {
        self.wakes.0.load(SeqCst)
    }

    pub fn poll(&mut self) -> Option<T> {
        self.wakes.0.store(0, SeqCst);
        let waker = Waker::from(self.wakes.clone());
        match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    /// Polls for as long as the future is woken. `None` if it waits for an event that has not happened.
    pub fn run(&mut self) -> Option<T> {
        for _ in 0..1_000 {
            match self.poll() {
                None if self.woken() > 0 => {}
                polled => return polled,
            }
        }
        panic!("it does not end")
    }
}

/// Runs a future to its end. Returns the number of points at which it was pending.
pub fn whole<T>(future: impl Future<Output = T>) -> (T, usize) {
    let mut held = Held::new(future);
    for points in 0..1_000 {
        if let Some(output) = held.poll() {
            return (output, points);
        }
        assert!(held.woken() > 0, "pending at point {points}, and nothing to wake it");
    }
    panic!("it does not end")
}

/// Polls a future up to this point, and drops it there.
pub fn dropped_at<T>(point: usize, future: impl Future<Output = T>) {
    let mut held = Held::new(future);
    for _ in 0..point {
        assert!(held.poll().is_none(), "it ends before point {point}");
        assert!(held.woken() > 0, "it could be polled again when it is dropped");
    }
}

/// A future that is pending this often, and wakes its task each time.
pub async fn points(mut left: usize) {
    poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The error for a lost response. It does not happen here.
#[derive(Clone, Debug, PartialEq)]
pub struct Lost;

/// A provider behind a network. Each request and each response is on its way for one to three points. The
/// same number gives the same network.
#[derive(Clone)]
pub struct Net {
    pub provider: Arc<Mutex<TestProvider>>,
    seed: Arc<Mutex<Seed>>,
}

impl Net {
    pub fn new(provider: TestProvider, number: u64) -> Self {
        Self { provider: Arc::new(Mutex::new(provider)), seed: Arc::new(Mutex::new(Seed::new(number))) }
    }

    /// A number from one to three.
    pub fn few(&self) -> usize {
        1 + usize::try_from(lock(&self.seed).below(3)).expect("small")
    }

    pub async fn send(self, request: Request, _: Terms) -> Result<http::Response<Vec<u8>>, Lost> {
        points(self.few()).await;
        let response = lock(&self.provider).handle(&request, now());
        points(self.few()).await;
        Ok(response)
    }

    /// The number of requests that sent this value as this parameter.
    pub fn times_sent(&self, parameter: &str, value: &str) -> usize {
        let provider = lock(&self.provider);
        provider.requests().iter().filter(|seen| seen.parameter(parameter).as_deref() == Some(value)).count()
    }

    pub fn requests(&self) -> usize {
        lock(&self.provider).requests().len()
    }
}
