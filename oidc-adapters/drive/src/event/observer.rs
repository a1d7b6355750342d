//! [`Observer`]: who is told of [`Event`]s, and by which clock they are timed.

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

/// Whoever wants to know what happens. Cheap to clone; clones are the same observer.
///
/// ```
/// # use oidc_drive::{Event, DriveError, Observer, run_with_observer};
/// # use oidc_proto::flow::{Discovery, Request, Terms};
/// let observer = Observer::new(|event: &Event| println!("{event:?}"));
/// // Any HTTP client is a closure. This one never gets an answer.
/// let send = |_: Request, _: Terms| Err::<http::Response<Vec<u8>>, _>("no network");
/// let send = |request, terms| observer.send(request, terms, send);
/// let call = Discovery::start("https://op.example", &Default::default())?;
/// assert!(run_with_observer(call, send, &observer).is_err());
/// # Ok::<(), oidc_proto::Error>(())
/// ```
///
/// It is called on the thread or task that an event is about, where no lock is held: slow work belongs
/// elsewhere. **It disturbs nothing:** if it panics, the panic goes no further than to the panic hook,
/// and it is called again for the next event.
#[derive(Clone, Default)]
pub struct Observer(Option<Arc<Inner>>);

struct Inner {
    tell: Arc<dyn Fn(&Event) + Send + Sync>,
    clock: Arc<dyn Clock>,
}

impl Observer {
    /// Tells nobody, at next to no cost.
    #[must_use]
    pub const fn none() -> Self {
        Self(None)
    }

    /// Tells this function of every event.
    #[must_use]
    pub fn new(tell: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(Inner { tell: Arc::new(tell), clock: Arc::new(SystemClock) })))
    }

    /// Takes durations from another clock than the system's: see [`Clock::elapsed`].
    #[must_use]
    pub fn with_clock(self, clock: impl Clock + 'static) -> Self {
        let inner = |inner: Arc<Inner>| Inner { tell: Arc::clone(&inner.tell), clock: Arc::new(clock) };
        Self(self.0.map(|known| Arc::new(inner(known))))
    }

    /// Whether nobody is told.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Tells of an event.
    pub fn tell(&self, event: &Event) {
        if let Some(inner) = &self.0 {
            // It may be called while a thread unwinds already: a second panic would end the process.
            let _panicked = catch_unwind(AssertUnwindSafe(|| (inner.tell)(event)));
        }
    }

    /// Begins to measure a time.
    #[must_use]
    pub fn start(&self) -> Started {
        Started(self.0.as_ref().map(|inner| inner.clock.elapsed()).unwrap_or_default())
    }

    /// How long ago that was.
    #[must_use]
    pub fn since(&self, started: Started) -> Duration {
        self.start().0.saturating_sub(started.0)
    }

    /// Carries a request out by this function, and tells of it.
    ///
    /// # Errors
    /// As the function.
    pub fn send<B: AsRef<[u8]>, E>(
        &self,
        request: Request,
        terms: Terms,
        send: impl FnOnce(Request, Terms) -> Result<http::Response<B>, E>,
    ) -> Result<http::Response<B>, E> {
        let sending = self.sending(&request, terms);
        sending.ended(send(request, terms), |_| NO_RESPONSE)
    }

    /// Carries a request out by this function, and tells of it; also if this future is dropped before
    /// the response is there.
    ///
    /// # Errors
    /// As the function.
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

    /// A request is about to leave: for HTTP stacks that can say why there is no response.
    pub fn sending(&self, request: &Request, terms: Terms) -> Sending {
        if self.is_none() {
            return Sending(None);
        }
        let to = Target::of(request, terms);
        self.tell(&Event::Sent { to: to.clone() });
        Sending(Some(UnderWay { observer: self.clone(), to, started: self.start() }))
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_none() { "Observer(none)" } else { "Observer" })
    }
}

/// When something began, by the clock of an [`Observer`].
#[derive(Clone, Copy, Debug)]
pub struct Started(Duration);

/// A request that is under way. Dropped before it [has ended](Self::ended), it was cancelled.
#[must_use = "dropped at once, the request counts as cancelled"]
#[derive(Debug)]
pub struct Sending(Option<UnderWay>);

#[derive(Debug)]
struct UnderWay {
    observer: Observer,
    to: Target,
    started: Started,
}

impl Sending {
    /// Tells how it ended, and gives that back. `why` has a word for an error, fit for a label.
    ///
    /// # Errors
    /// What was given.
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

impl Drop for Sending {
    fn drop(&mut self) {
        if let Some(UnderWay { observer, to, started }) = self.0.take() {
            observer.tell(&Event::Cancelled { to, took: observer.since(started) });
        }
    }
}
