//! [`Io`]: an HTTP client and a runtime, each as a closure.

use super::lost::{Fell, NoResponse};
use crate::{
    drive::{Boxed, Task, drive},
    event::{Clock, NO_RESPONSE, Observer, SystemClock, Target},
};
use oidc_proto::{
    flow::{Flow, Request, Step, Terms},
    sender::{AttestationChallenges, DpopNonces},
};
use std::{
    fmt,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// What servers have named for the next proofs of a client.
type Named = (DpopNonces, AttestationChallenges);

type Answer = Result<http::Response<Vec<u8>>, NoResponse>;
type Send_ = Arc<dyn Fn(Request, Terms) -> Boxed<Answer> + Send + Sync>;

/// The HTTP client and the runtime that a gate or a handle uses, each as a closure.
///
/// ```
/// use oidc_drive::{Io, Provider, http, oidc_proto::flow::{Request, Terms}};
///
/// // Carry out the request within `terms.timeout`, read at most `terms.max_body + 1` bytes, and follow no redirect.
/// async fn send(request: Request, terms: Terms) -> Result<http::Response<String>, http::Error> {
///     assert_eq!(terms.timeout.as_secs(), 10);
///     let issuer = format!("https://{}", request.uri().host().unwrap_or_default());
///     http::Response::builder()
///         .header("content-type", "application/json")
///         .body(format!(r#"{{"issuer": "{issuer}", "jwks_uri": "{issuer}/jwks"}}"#))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), oidc_drive::ProviderError> {
/// let io = Io::new(send, |task| drop(tokio::spawn(task)), tokio::time::sleep);
/// let provider = Provider::builder("https://op.example", io).build()?;
/// assert_eq!(provider.metadata().await?.issuer, "https://op.example");
/// # Ok(())
/// # }
/// ```
pub struct Io {
    send: Send_,
    spawn: Box<dyn Fn(Task) + Send + Sync>,
    sleep: Box<dyn Fn(Duration) -> Task + Send + Sync>,
    /// Whether a caller may be cancelled before its value is there.
    cancels: bool,
    clock: Arc<dyn Clock>,
    observer: Observer,
    /// The newest DPoP nonce and the newest challenge of each server, learned from every response.
    named: Arc<Mutex<Named>>,
}

impl Io {
    /// Makes an `Io` from three functions: `send` carries out a request on its [`Terms`], `spawn` runs a task in the
    /// background, and `sleep` waits. With tokio, the last two are `|task| drop(tokio::spawn(task))` and
    /// `tokio::time::sleep`.
    pub fn new<S, B, E, W>(
        send: impl Fn(Request, Terms) -> S + Send + Sync + 'static,
        spawn: impl Fn(Task) + Send + Sync + 'static,
        sleep: impl Fn(Duration) -> W + Send + Sync + 'static,
    ) -> Self
    where
        S: Future<Output = Result<http::Response<B>, E>> + Send + 'static,
        B: Into<Vec<u8>>,
        E: fmt::Display + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        Self::with_error_labels(send, |_| NO_RESPONSE, spawn, sleep)
    }

    /// Makes an `Io` as [`new`](Self::new) does, with a one-word label for each error of the HTTP client. The label
    /// appears in [`Event::Lost`](crate::Event::Lost). This is a constructor because only `send` knows the type of
    /// the error.
    pub fn with_error_labels<S, B, E, W>(
        send: impl Fn(Request, Terms) -> S + Send + Sync + 'static,
        label: fn(&E) -> &'static str,
        spawn: impl Fn(Task) + Send + Sync + 'static,
        sleep: impl Fn(Duration) -> W + Send + Sync + 'static,
    ) -> Self
    where
        S: Future<Output = Result<http::Response<B>, E>> + Send + 'static,
        B: Into<Vec<u8>>,
        E: fmt::Display + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        Self {
            send: Arc::new(move |request, terms| {
                let to = Target::of(&request, terms);
                let sending = send(request, terms);
                Box::pin(async move {
                    let answer = sending.await.map(|response| response.map(Into::into));
                    answer.map_err(|error| NoResponse::of(&to, &error, label))
                })
            }),
            spawn: Box::new(spawn),
            sleep: Box::new(move |span| Box::pin(sleep(span))),
            cancels: true,
            clock: Arc::new(SystemClock),
            observer: Observer::none(),
            named: Arc::default(),
        }
    }

    /// Marks the callers as blocking. They stay until the end, so an exchange that must not be interrupted may run on
    /// their thread.
    pub(crate) fn blocking(self) -> Self {
        Self { cancels: false, ..self }
    }

    /// Runs background tasks with this function.
    pub(crate) fn with_spawn(self, spawn: impl Fn(Task) + Send + Sync + 'static) -> Self {
        Self { spawn: Box::new(spawn), ..self }
    }

    /// Whether a caller may be cancelled before its value is there.
    pub(crate) const fn cancels(&self) -> bool {
        self.cancels
    }

    /// Sets the clock and the observer.
    pub(crate) fn by(mut self, clock: &Arc<dyn Clock>, observer: &Observer) -> Self {
        (self.clock, self.observer) = (Arc::clone(clock), observer.clone());
        self
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(crate) const fn observer(&self) -> &Observer {
        &self.observer
    }

    /// The newest DPoP nonce and the newest challenge of each server.
    pub(crate) fn named(&self) -> Named {
        self.named.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Learns the nonce and the challenge of a response that did not come over this client.
    pub(crate) fn learn(&self, asked: &http::Uri, headers: &http::HeaderMap) {
        learn(&self.named, asked, headers);
    }

    pub(crate) fn send(&self, request: Request, terms: Terms) -> Boxed<Answer> {
        let (send, observer) = (Arc::clone(&self.send), self.observer.clone());
        let (named, asked) = (Arc::clone(&self.named), request.uri().clone());
        Box::pin(async move {
            let answer = if observer.is_none() {
                send(request, terms).await
            } else {
                let sending = observer.sending(&request, terms);
                sending.ended(send(request, terms).await, |lost| lost.word)
            };
            if let Ok(response) = &answer {
                learn(&named, &asked, response.headers());
            }
            answer
        })
    }

    pub(crate) fn spawn(&self, task: Task) {
        (self.spawn)(task);
    }

    pub(crate) fn sleep(&self, span: Duration) -> Task {
        (self.sleep)(span)
    }
}

fn learn(named: &Mutex<Named>, asked: &http::Uri, headers: &http::HeaderMap) {
    if headers.contains_key("dpop-nonce") || headers.contains_key("oauth-client-attestation-challenge") {
        let mut named = named.lock().unwrap_or_else(PoisonError::into_inner);
        named.0.learn(asked, headers);
        named.1.learn(asked, headers);
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").finish_non_exhaustive()
    }
}

impl Io {
    /// Runs the flow of a renewal to its end. The flight of the renewal reports that end to the observer.
    pub(crate) fn run<F>(self: &Arc<Self>, step: impl Into<Step<F>>) -> Boxed<Result<F::Output, Fell>>
    where
        F: Flow<Output: Send, Awaiting: Send, Paused: Send> + Send + 'static,
    {
        let (step, io) = (step.into(), Arc::clone(self));
        Box::pin(async move {
            let mut asked = None;
            let send = |request, terms| {
                asked = Some(Target::of(&request, terms));
                io.send(request, terms)
            };
            let ran = drive(step, io.clock(), send, |span, _| io.sleep(span)).await;
            ran.map_err(|failed| Fell { failed, asked: asked.map(Box::new) })
        })
    }
}
