//! [`Protect`]: no request reaches a service but through a gate.
//!
//! **Who is called.** Only a service that was polled ready is called: this one's own where the gate
//! answers at once; where it has to wait, the one that was polled goes along with the request, and a
//! clone takes its place, to be polled anew.

use crate::{
    answer,
    seen::{Seen, Sender},
};
use http::{Extensions, HeaderMap, Request, Response, Uri, header::CACHE_CONTROL};
use oidc_drive::{Gate, gate::Undecided};
use oidc_proto::resource::{Access, Denied, RequestView, Requirement};
use oidc_proto::sender::CertificateThumbprint;
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tower_layer::Layer;
use tower_service::Service;

/// Puts a [`Gate`] before a service.
#[derive(Clone)]
pub struct ProtectLayer(Arc<Settings>);

#[derive(Clone)]
struct Settings {
    gate: Gate,
    optional: bool,
    requirements: Vec<Requirement>,
    client_uri: fn(&Extensions) -> Option<&Uri>,
}

impl ProtectLayer {
    /// Demands an access token of every request.
    #[must_use]
    pub fn new(gate: Gate) -> Self {
        Self(Arc::new(Settings { gate, optional: false, requirements: Vec::new(), client_uri: |_| None }))
    }

    /// Lets requests without a token pass, without [`Access`]. One that is no good is refused all the
    /// same: its sender believes to be somebody. A [requirement](Self::require) is met by an access alone: with
    /// one, a request without a token is refused.
    #[must_use]
    pub fn optional(self) -> Self {
        self.with(|settings| settings.optional = true)
    }

    /// Demands this of every request, besides a token that is valid, and besides what was demanded before. The
    /// same as a [`RequireLayer`](crate::RequireLayer) right behind this one.
    #[must_use]
    pub fn require(self, requirement: Requirement) -> Self {
        self.with(|settings| settings.requirements.push(requirement))
    }

    /// Where the URI is that the client has sent, if a router has changed that of the request: DPoP
    /// proofs are made for it. Without an answer, the URI of the request counts.
    #[must_use]
    pub fn client_uri(self, find: fn(&Extensions) -> Option<&Uri>) -> Self {
        self.with(|settings| settings.client_uri = find)
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }
}

impl<S> Layer<S> for ProtectLayer {
    type Service = Protect<S>;

    fn layer(&self, inner: S) -> Protect<S> {
        Protect { settings: Arc::clone(&self.0), inner }
    }
}

impl fmt::Debug for ProtectLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtectLayer")
            .field("gate", &self.0.gate)
            .field("optional", &self.0.optional)
            .field("requirements", &self.0.requirements)
            .finish_non_exhaustive()
    }
}

/// A service behind a [`Gate`].
#[derive(Clone)]
pub struct Protect<S> {
    settings: Arc<Settings>,
    inner: S,
}

impl<S: fmt::Debug> fmt::Debug for Protect<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Protect").field("inner", &self.inner).finish_non_exhaustive()
    }
}

type Checked = Result<Option<Arc<Access>>, Denied>;
type Checking<B> = Pin<Box<dyn Future<Output = (Request<B>, Checked)> + Send>>;

impl Settings {
    fn view<'r, B>(&self, request: &'r Request<B>) -> RequestView<'r> {
        let extensions = request.extensions();
        let uri = (self.client_uri)(extensions).unwrap_or_else(|| request.uri());
        let view = RequestView::new(request.method(), uri, request.headers());
        match extensions.get::<CertificateThumbprint>() {
            Some(certificate) => view.certificate(certificate),
            None => view,
        }
    }

    /// The verdict if nothing has to be awaited. A request that has been through this very gate, and has the
    /// same credentials still, is not judged again: a DPoP proof is good once.
    fn check_now<B>(&self, request: &Request<B>) -> Result<Checked, Undecided> {
        if let Some(access) = self.seen(request) {
            return Ok(self.required(Ok(Some(access))));
        }
        let view = self.view(request);
        let checked = match self.optional {
            true => self.gate.begin_optional(&view)?,
            false => self.gate.begin(&view)?.map(Some),
        };
        Ok(self.required(checked))
    }

    fn seen<B>(&self, request: &Request<B>) -> Option<Arc<Access>> {
        let Seen { gate, access, sender } = request.extensions().get()?;
        let access = access.as_ref().filter(|_| gate.is(&self.gate) && sender.sent(request))?;
        Some(Arc::clone(access))
    }

    fn check<B: Send + 'static>(self: &Arc<Self>, undecided: Undecided, request: Request<B>) -> Checking<B> {
        let settings = Arc::clone(self);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            // The body need not be shared between threads to be carried along.
            let head = Request::from_parts(parts, ());
            let checked = settings.gate.go_on(undecided, &settings.view(&head)).await.map(Some);
            let checked = settings.required(checked);
            (head.map(|()| body), checked)
        })
    }

    fn required(&self, checked: Checked) -> Checked {
        let naming_scope = |denied: Denied| self.requirements.iter().fold(denied, Denied::naming_scope);
        match checked {
            Ok(Some(access)) => {
                let mut requirements = self.requirements.iter();
                requirements.try_for_each(|requirement| self.gate.require(&access, requirement))?;
                Ok(Some(access))
            }
            // Nobody has what is demanded of everybody.
            Ok(None) if !self.requirements.is_empty() => Err(naming_scope(self.gate.demand_credentials())),
            Ok(None) => Ok(None),
            Err(denied) if denied.is_missing_credentials() => Err(naming_scope(denied)),
            Err(denied) => Err(denied),
        }
    }

    /// What the service gets to see; returns what the response says besides.
    fn admit<B>(&self, access: Option<Arc<Access>>, request: &mut Request<B>) -> HeaderMap {
        let headers = access.as_ref().map(|access| access.response_headers()).unwrap_or_default();
        let sender = Sender::of(request);
        let extensions = request.extensions_mut();
        extensions.insert(Seen { gate: self.gate.clone(), access: access.clone(), sender });
        // Nothing that somebody else put there may pass for an access.
        extensions.remove::<Arc<Access>>();
        if let Some(access) = access {
            extensions.insert(access);
        }
        headers
    }
}

/// Adds our headers to those of the service. A response that nobody may store stays so.
fn lay_over(said: &mut HeaderMap, mut ours: HeaderMap) {
    let directives = said.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    if directives.flat_map(|value| value.split(',')).any(|one| one.trim().eq_ignore_ascii_case("no-store")) {
        ours.remove(CACHE_CONTROL);
    }
    said.extend(ours);
}

impl<S, B, R> Service<Request<B>> for Protect<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    B: Send + 'static,
    R: From<&'static str>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ProtectFuture<S, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> ProtectFuture<S, B> {
        let state = match self.settings.check_now(&request) {
            Ok(Ok(access)) => {
                let headers = self.settings.admit(access, &mut request);
                State::Calling { called: self.inner.call(request), headers }
            }
            Ok(Err(denied)) => State::Denied { denied },
            Err(undecided) => {
                let clone = self.inner.clone();
                let ready = mem::replace(&mut self.inner, clone);
                let checking = self.settings.check(undecided, request);
                State::Checking { checking, settings: Arc::clone(&self.settings), ready }
            }
        };
        ProtectFuture { state }
    }
}

pin_project! {
    /// The response of the service, or a refusal.
    pub struct ProtectFuture<S: Service<Request<B>>, B> {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = Project]
    enum State<S: Service<Request<B>>, B> {
        Checking { checking: Checking<B>, settings: Arc<Settings>, ready: S },
        Calling { #[pin] called: S::Future, headers: HeaderMap },
        Denied { denied: Denied },
    }
}

impl<S, B, R> Future for ProtectFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<&'static str>,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                Project::Checking { checking, settings, ready } => {
                    let (mut request, checked) = ready!(checking.as_mut().poll(context));
                    match checked {
                        Ok(access) => {
                            let headers = settings.admit(access, &mut request);
                            State::Calling { called: ready.call(request), headers }
                        }
                        Err(denied) => State::Denied { denied },
                    }
                }
                Project::Calling { called, headers } => {
                    let mut response = ready!(called.poll(context))?;
                    lay_over(response.headers_mut(), mem::take(headers));
                    return Poll::Ready(Ok(response));
                }
                Project::Denied { denied } => return Poll::Ready(Ok(answer(denied))),
            };
            this.state.set(next);
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for ProtectFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtectFuture").finish_non_exhaustive()
    }
}
