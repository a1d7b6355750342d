//! [`Require`]: demands more of an access for a part of a service, behind [`Protect`](crate::Protect).

use crate::{access, answer, answer::no_gate, seen::Seen};
use http::{Extensions, Request, Response};
use oidc_proto::resource::{Denied, Requirement};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

/// A layer that demands something of every access, for one route or several.
///
/// A [`ProtectLayer`](crate::ProtectLayer) further out must have checked the token. Without one, every request is
/// answered 500.
///
/// ```
/// use http::{Request, Response};
/// use oidc_tower::{
///     ProtectLayer, require_scope,
///     oidc_drive::Gate,
///     oidc_proto::resource::{ResourceServer, TrustedIssuer},
/// };
/// use std::convert::Infallible;
/// use tower::{Layer, ServiceExt, service_fn};
///
/// async fn write(_: Request<String>) -> Result<Response<String>, Infallible> {
///     Ok(Response::new("written".to_owned()))
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = ResourceServer::builder("https://api.example")
///     .trust(TrustedIssuer::new("https://op.example"))
///     .build()?;
/// let gate = Gate::builder(server, oidc_hyper::Http::new().io()).build()?;
/// let write = require_scope("api:write").layer(service_fn(write));
/// // The gate lets a request without a token pass, but `write` demands a scope.
/// let api = ProtectLayer::new(gate).optional().layer(write);
///
/// let response = api.oneshot(Request::get("/").body(String::new())?).await?;
/// assert_eq!(response.status(), 401);
/// assert_eq!(response.headers()["www-authenticate"], r#"Bearer realm="https://api.example", scope="api:write""#);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct RequireLayer(Arc<Requirement>);

/// Makes a layer that demands this scope. An access without it is answered 403 (`insufficient_scope`).
#[must_use]
pub fn require_scope(scope: impl Into<String>) -> RequireLayer {
    RequireLayer::new(Requirement::new().scope(scope))
}

impl RequireLayer {
    /// Makes a layer that demands this.
    #[must_use]
    pub fn new(requirement: Requirement) -> Self {
        Self(Arc::new(requirement))
    }
}

impl<S> Layer<S> for RequireLayer {
    type Service = Require<S>;

    fn layer(&self, inner: S) -> Require<S> {
        Require { requirement: Arc::clone(&self.0), inner }
    }
}

/// A service behind a [`RequireLayer`]: it demands more of an access than a valid token.
#[derive(Clone, Debug)]
pub struct Require<S> {
    requirement: Arc<Requirement>,
    inner: S,
}

/// Why a request is stopped: the refusal, or `None` if no gate has seen the request.
type Stopped = Option<Denied>;

fn check(extensions: &Extensions, requirement: &Requirement) -> Result<(), Stopped> {
    let seen: &Seen = extensions.get().ok_or(None)?;
    let checked = match access(extensions) {
        Some(access) => seen.gate.require(access, requirement),
        None => Err(seen.gate.demand_credentials()),
    };
    checked.map_err(|denied| Some(seen.naming_scopes(denied.naming_scope(requirement))))
}

impl<S, B, R> Service<Request<B>> for Require<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<&'static str>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = RequireFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> RequireFuture<S::Future> {
        let state = match check(request.extensions(), &self.requirement) {
            Ok(()) => {
                if let Some(seen) = request.extensions_mut().get_mut::<Seen>() {
                    seen.has_met(&self.requirement);
                }
                State::Calling { called: self.inner.call(request) }
            }
            Err(stopped) => State::Stopped { stopped },
        };
        RequireFuture { state }
    }
}

pin_project! {
    /// The future of [`Require`]: it returns the response of the service, or a refusal.
    pub struct RequireFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = Project]
    enum State<F> {
        Calling { #[pin] called: F },
        Stopped { stopped: Stopped },
    }
}

impl<F, R, E> Future for RequireFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: From<&'static str>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match self.project().state.project() {
            Project::Calling { called } => called.poll(context),
            Project::Stopped { stopped: Some(denied) } => Poll::Ready(Ok(answer(denied))),
            Project::Stopped { stopped: None } => Poll::Ready(Ok(no_gate())),
        }
    }
}

impl<F> fmt::Debug for RequireFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequireFuture").finish_non_exhaustive()
    }
}
