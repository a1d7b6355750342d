//! [`Observer`]: the receiver of [`Event`]s, with the clock that times them.

use super::{
    clock::{Clock, SystemClock},
    kinds::Event,
    target::Target,
    words::NO_RESPONSE,
};
use oidc_proto::flow::{Request, Terms};
use std::{
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

/// A function that receives each [`Event`], for logs, metrics and traces. Cheap to clone; clones are the same
/// observer.
///
/// ```
/// use oidc_drive::{Event, Observer, blocking::{Io, Provider}, http, oidc_proto::flow::{Request, Terms}};
/// use std::sync::{Arc, atomic::{AtomicUsize, Ordering::Relaxed}};
///
/// // A metric: how many requests got no response.
/// let lost = Arc::<AtomicUsize>::default();
/// let count = lost.clone();
/// let observer = Observer::new(move |event| {
///     if matches!(event, Event::Lost { .. }) {
///         count.fetch_add(1, Relaxed);
///     }
/// });
/// let io = Io::new(|_: Request, _: Terms| Err::<http::Response<Vec<u8>>, _>("no network"));
/// let provider = Provider::builder("https://op.example", io).with_observer(observer).build()?;
/// assert!(provider.metadata().is_err());
/// assert_eq!(lost.load(Relaxed), 1);
/// # Ok::<(), oidc_drive::ProviderError>(())
/// ```
///
/// The function is called on the thread or task of the event, so it should do no slow work. No lock is held
/// meanwhile. **An observer disturbs nothing:** if the function panics, the panic reaches the panic hook and nothing
/// else, and the function is called again for the next event.
#[derive(Clone, Default)]
pub struct Observer(Option<Arc<Inner>>);

struct Inner {
    tell: Arc<dyn Fn(&Event) + Send + Sync>,
    clock: Arc<dyn Clock>,
}

impl Observer {
    /// Makes an observer that ignores all events, at almost no cost.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Makes an observer that calls this function with every event.
    #[must_use]
    pub fn new(tell: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(Inner { tell: Arc::new(tell), clock: Arc::new(SystemClock) })))
    }

    /// Sets the clock for durations, see [`Clock::elapsed`]; the default is [`SystemClock`].
    #[must_use]
    pub fn with_clock(self, clock: impl Clock + 'static) -> Self {
        let inner = |inner: Arc<Inner>| Inner { tell: Arc::clone(&inner.tell), clock: Arc::new(clock) };
        Self(self.0.map(|known| Arc::new(inner(known))))
    }

    /// Whether this observer ignores all events.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Reports an event.
    pub fn tell(&self, event: &Event) {
        if let Some(inner) = &self.0 {
            // The thread may be unwinding already, and a second panic would end the process.
            let _panicked = catch_unwind(AssertUnwindSafe(|| (inner.tell)(event)));
        }
    }

    /// Begins to measure a duration.
    #[must_use]
    pub fn start(&self) -> Started {
        Started(self.0.as_ref().map(|inner| inner.clock.elapsed()).unwrap_or_default())
    }

    /// Returns the time since a [start](Self::start).
    #[must_use]
    pub fn since(&self, started: Started) -> Duration {
        self.start().0.saturating_sub(started.0)
    }

    /// Carries out a request with this function, and reports it.
    ///
    /// # Errors
    /// The error of the function.
    pub fn send<B: AsRef<[u8]>, E>(
        &self,
        request: Request,
        terms: Terms,
        send: impl FnOnce(Request, Terms) -> Result<http::Response<B>, E>,
    ) -> Result<http::Response<B>, E> {
        let sending = self.sending(&request, terms);
        sending.ended(send(request, terms), |_| NO_RESPONSE)
    }

    /// Carries out a request with this function, and reports it, even if this future is dropped before the response
    /// arrives.
    ///
    /// # Errors
    /// The error of the function.
    pub async fn send_async<B: AsRef<[u8]>, E, S>(
        &self,
        request: Request,
        terms: Terms,
        send: impl FnOnce(Request, Terms) -> S,
    ) -> Result<http::Response<B>, E>
    where
        S: Future<Output = Result<http::Response<B>, E>>,
    {
        let sending = self.sending(&request, terms);
        sending.ended(send(request, terms).await, |_| NO_RESPONSE)
    }

    /// Reports that a request is about to leave. For HTTP clients that can name the reason of a loss; others use
    /// [`send`](Self::send).
    pub fn sending(&self, request: &Request, terms: Terms) -> Sending {
        if self.is_none() {
            return Sending(None);
        }
        self.sending_to(Target::of(request, terms))
    }

    /// Reports that a request is about to leave for this target.
    pub(crate) fn sending_to(&self, to: Target) -> Sending {
        self.tell(&Event::Sent { to: to.clone() });
        Sending(Some(UnderWay { observer: self.clone(), to, started: self.start() }))
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_none() { "Observer(none)" } else { "Observer" })
    }
}

/// The beginning of a duration, by the clock of an [`Observer`].
#[derive(Clone, Copy, Debug)]
pub struct Started(Duration);

/// A request that is under way. If it is dropped before [`ended`](Self::ended) is called, it counts as cancelled.
#[must_use = "a request that is dropped counts as cancelled"]
#[derive(Debug)]
pub struct Sending(Option<UnderWay>);

#[derive(Debug)]
struct UnderWay {
    observer: Observer,
    to: Target,
    started: Started,
}

impl Sending {
    /// Reports the end of the request, and returns `result`. `why` turns an error into one word, for a label.
    ///
    /// # Errors
    /// The error of `result`.
    pub fn ended<B: AsRef<[u8]>, E>(
        mut self,
        result: Result<http::Response<B>, E>,
        why: impl FnOnce(&E) -> &'static str,
    ) -> Result<http::Response<B>, E> {
        if let Some(UnderWay { observer, to, started }) = self.0.take() {
            let took = observer.since(started);
            observer.tell(&match &result {
                Ok(response) => {
                    let (status, bytes) = (response.status(), response.body().as_ref().len());
                    Event::Answered { to, status, bytes, took }
                }
                Err(error) => Event::Lost { to, why: why(error), took },
            });
        }
        result
    }
}

impl Sending {
    /// Reports the end of a request whose body the program reads.
    pub(crate) fn ended_unread(mut self, result: Result<http::StatusCode, &'static str>) {
        if let Some(UnderWay { observer, to, started }) = self.0.take() {
            let took = observer.since(started);
            observer.tell(&match result {
                Ok(status) => Event::Answered { to, status, bytes: 0, took },
                Err(why) => Event::Lost { to, why, took },
            });
        }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if let Some(UnderWay { observer, to, started }) = self.0.take() {
            observer.tell(&Event::Cancelled { to, took: observer.since(started) });
        }
    }
}
