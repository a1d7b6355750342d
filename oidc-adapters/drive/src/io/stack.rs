//! [`Io`]: an HTTP stack and a runtime, each as a closure.

use super::lost::{Fell, NoResponse};
use crate::{
    drive::{Boxed, Task, drive},
    event::{Clock, NO_RESPONSE, Observer, SystemClock, Target},
};
use oidc_proto::{
    flow::{Flow, Request, Step, Terms},
    sender::DpopNonces,
};
use std::{
    fmt,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

type Answer = Result<http::Response<Vec<u8>>, NoResponse>;
type Send_ = Arc<dyn Fn(Request, Terms) -> Boxed<Answer> + Send + Sync>;

/// What a gate needs of the world outside: an HTTP stack and a runtime, each as a closure.
pub struct Io {
    send: Send_,
    spawn: Box<dyn Fn(Task) + Send + Sync>,
    sleep: Box<dyn Fn(Duration) -> Task + Send + Sync>,
    /// Whether callers may go away before they have what they ask for.
    cancels: bool,
    clock: Arc<dyn Clock>,
    observer: Observer,
    /// The newest nonces that servers want in proofs, learned from every response.
    nonces: Arc<Mutex<DpopNonces>>,
}

impl Io {
    /// `send` carries a request out on its [`Terms`], `spawn` runs a task in the background, `sleep`
    /// waits: with tokio, `|task| drop(tokio::spawn(task))` and `tokio::time::sleep`.
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

    /// As [`new`](Self::new), with a label for each error of the HTTP stack: one word, which
    /// [`Event::Lost`](crate::Event::Lost) carries. It is a constructor, as the type of the error is known
    /// to `send` alone.
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
            nonces: Arc::default(),
        }
    }

    /// For callers that block: they stay until the end, so what must not stop half-way may run on their thread.
    pub(crate) fn blocking(self) -> Self {
        Self { cancels: false, ..self }
    }

    /// Has this function run what is to run in the background.
    pub(crate) fn with_spawn(self, spawn: impl Fn(Task) + Send + Sync + 'static) -> Self {
        Self { spawn: Box::new(spawn), ..self }
    }

    /// Whether callers may go away before they have what they ask for.
    pub(crate) const fn cancels(&self) -> bool {
        self.cancels
    }

    /// By this clock, and telling this observer.
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

    /// The newest nonces that servers want in proofs.
    pub(crate) fn nonces(&self) -> DpopNonces {
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn send(&self, request: Request, terms: Terms) -> Boxed<Answer> {
        let (send, observer) = (Arc::clone(&self.send), self.observer.clone());
        let (nonces, asked) = (Arc::clone(&self.nonces), request.uri().clone());
        Box::pin(async move {
            let answer = if observer.is_none() {
                send(request, terms).await
            } else {
                let sending = observer.sending(&request, terms);
                sending.ended(send(request, terms).await, |lost| lost.word)
            };
            if let Ok(response) = &answer
                && response.headers().contains_key("dpop-nonce")
            {
                nonces.lock().unwrap_or_else(PoisonError::into_inner).learn(&asked, response.headers());
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

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io").finish_non_exhaustive()
    }
}

impl Io {
    /// Runs a renewal to its end, of which its flight tells.
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
