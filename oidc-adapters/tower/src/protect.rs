//! [`Protect`]: a request reaches the service only through a gate.
//!
//! **Which service is called.** `tower` allows a call only after `poll_ready`. If the gate answers at once, `Protect`
//! calls its own inner service. If the gate has to wait, the inner service that was polled ready moves into the future
//! with the request. A clone takes its place, and is polled again before the next call.

use crate::{
    Cors,
    answer::{answer, no_gate},
    cors::Told,
    document::resource_metadata,
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

/// A layer that puts a [`Gate`] before a service.
///
/// ```
/// use http::{Request, Response};
/// use oidc_tower::{
///     ProtectLayer, access,
///     oidc_drive::Gate,
///     oidc_proto::resource::{ResourceServer, TrustedIssuer},
/// };
/// use std::convert::Infallible;
/// use tower::{Layer, ServiceExt, service_fn};
///
/// async fn hello(request: Request<String>) -> Result<Response<String>, Infallible> {
///     let known = access(request.extensions()).is_some();
///     Ok(Response::new(if known { "Hello, friend".to_owned() } else { "Hello, stranger".to_owned() }))
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = ResourceServer::builder("https://api.example")
///     .trust(TrustedIssuer::new("https://op.example"))
///     .build()?;
/// let gate = Gate::builder(server, oidc_hyper::Http::new().io()).build()?;
/// let api = ProtectLayer::new(gate).optional().layer(service_fn(hello));
///
/// let response = api.clone().oneshot(Request::get("/").body(String::new())?).await?;
/// assert_eq!(response.body(), "Hello, stranger");
///
/// // The layer is optional, but a token that is sent must be valid.
/// let request = Request::get("/").header("authorization", "Bearer no-token").body(String::new())?;
/// assert_eq!(api.oneshot(request).await?.status(), 401);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ProtectLayer(Arc<Settings>);

#[derive(Clone)]
struct Settings {
    gate: Gate,
    optional: bool,
    requirements: Arc<Vec<Requirement>>,
    cors: Cors,
    client_uri: fn(&Extensions) -> Option<&Uri>,
}

impl ProtectLayer {
    /// Makes a layer that demands a valid access token of every request.
    #[must_use]
    pub fn new(gate: Gate) -> Self {
        Self(Arc::new(Settings {
            gate,
            optional: false,
            requirements: Arc::default(),
            cors: Cors::default(),
            client_uri: |_| None,
        }))
    }

    /// Lets requests without a token pass, without an [`Access`]. A token that is not valid is still refused, because
    /// its sender expects to be authenticated. Only an access can meet a [requirement](Self::require), so with one, a
    /// request without a token is refused.
    #[must_use]
    pub fn optional(self) -> Self {
        self.with(|settings| settings.optional = true)
    }

    /// Demands this of every request, in addition to a valid token and to earlier requirements. It works like a
    /// [`RequireLayer`](crate::RequireLayer) directly behind this layer.
    #[must_use]
    pub fn require(self, requirement: Requirement) -> Self {
        self.with(|settings| Arc::make_mut(&mut settings.requirements).push(requirement))
    }

    /// Sets how to find the URI that the client has sent, if a router changes the URI of the request. A DPoP proof is
    /// made for the URI that the client has sent. If `find` returns `None`, the URI of the request counts.
    #[must_use]
    pub fn client_uri(self, find: fn(&Extensions) -> Option<&Uri>) -> Self {
        self.with(|settings| settings.client_uri = find)
    }

    /// Sets what browsers are told about pages of other origins. It counts only if the resource server
    /// [publishes](oidc_proto::resource::ResourceServerBuilder::publish) its metadata. The default is [`Cors::default`].
    #[must_use]
    pub fn cors(self, cors: Cors) -> Self {
        self.with(|settings| settings.cors = cors)
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
    /// Returns the URI that the client has sent.
    fn uri<'r, B>(&self, request: &'r Request<B>) -> &'r Uri {
        (self.client_uri)(request.extensions()).unwrap_or_else(|| request.uri())
    }

    /// Answers a request that needs no token: for the metadata of the resource, and a preflight. There is none unless the
    /// resource server publishes its metadata.
    fn answer_to_anybody<B, R>(&self, request: &Request<B>) -> Option<Response<R>>
    where
        R: From<&'static str> + From<String>,
    {
        let published = self.gate.server().published()?;
        match published.is_at(self.uri(request)) {
            true => Some(resource_metadata(published, request)),
            false => self.cors.preflight(published, request),
        }
    }

    fn view<'r, B>(&self, request: &'r Request<B>) -> RequestView<'r> {
        let view = RequestView::new(request.method(), self.uri(request), request.headers());
        match request.extensions().get::<CertificateThumbprint>() {
            Some(certificate) => view.certificate(certificate),
            None => view,
        }
    }

    /// Returns the verdict, if the gate can decide without waiting. A request that has been through this very gate,
    /// and still has the same credentials, is not judged again, because a DPoP proof counts only once.
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
        let Seen { gate, access, sender, .. } = request.extensions().get()?;
        let access = access.as_ref().filter(|_| gate.is(&self.gate) && sender.sent(request))?;
        Some(Arc::clone(access))
    }

    fn check<B: Send + 'static>(self: &Arc<Self>, undecided: Undecided, request: Request<B>) -> Checking<B> {
        let settings = Arc::clone(self);
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            // The future holds the head by reference. The body stays out of it, so it need not be `Sync`.
            let head = Request::from_parts(parts, ());
            let checked = settings.gate.go_on(undecided, &settings.view(&head)).await.map(Some);
            let checked = settings.required(checked);
            (head.map(|()| body), checked)
        })
    }

    fn required(&self, checked: Checked) -> Checked {
        let naming_scope = |denied: Denied| self.requirements.iter().fold(denied, Denied::naming_scope);
        let publishes = self.gate.server().published().is_some();
        match checked {
            Ok(Some(access)) => {
                let mut requirements = self.requirements.iter();
                match requirements.try_for_each(|requirement| self.gate.require(&access, requirement)) {
                    Ok(()) => Ok(Some(access)),
                    // All at once: a client that asks for one scope after the other asks its user each time.
                    Err(denied) if publishes => Err(naming_scope(denied)),
                    Err(denied) => Err(denied),
                }
            }
            // Without an access, no requirement is met.
            Ok(None) if !self.requirements.is_empty() => Err(naming_scope(self.gate.demand_credentials())),
            Ok(None) => Ok(None),
            Err(denied) if publishes || denied.is_missing_credentials() => Err(naming_scope(denied)),
            Err(denied) => Err(denied),
        }
    }

    /// Puts the access into the request for the service. Returns the headers to add to the response.
    fn admit<B>(&self, access: Option<Arc<Access>>, request: &mut Request<B>) -> HeaderMap {
        let headers = access.as_ref().map(|access| access.response_headers()).unwrap_or_default();
        let sender = Sender::of(request);
        let extensions = request.extensions_mut();
        let demanded = Arc::clone(&self.requirements);
        extensions.insert(Seen::new(self.gate.clone(), access.clone(), sender, demanded));
        // An `Access` that other code put there must not count.
        extensions.remove::<Arc<Access>>();
        if let Some(access) = access {
            extensions.insert(access);
        }
        headers
    }
}

/// Adds our headers to the headers of the service. `no-store` of the service stays: it is stricter than ours.
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
    R: From<&'static str> + From<String>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ProtectFuture<S, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> ProtectFuture<S, B> {
        if let Some(response) = self.settings.answer_to_anybody(&request) {
            return ProtectFuture { state: State::Answered { response: Some(response) }, told: None };
        }
        let published = self.settings.gate.server().published();
        let told = published.map(|published| self.settings.cors.told(published, request.headers()));
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
        ProtectFuture { state, told }
    }
}

pin_project! {
    /// The future of [`Protect`]: it returns the response of the service, or a refusal.
    pub struct ProtectFuture<S: Service<Request<B>>, B> {
        #[pin]
        state: State<S, B>,
        // What browsers are told about the response.
        told: Option<Told>,
    }
}

pin_project! {
    #[project = Project]
    enum State<S: Service<Request<B>>, B> {
        Checking { checking: Checking<B>, settings: Arc<Settings>, ready: S },
        Calling { #[pin] called: S::Future, headers: HeaderMap },
        Denied { denied: Denied },
        Answered { response: Option<S::Response> },
    }
}

impl<S, B, R> Future for ProtectFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: From<&'static str> + From<String>,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let mut respond = |mut response: Response<R>| {
            if let Some(told) = this.told.take() {
                told.add_to(response.headers_mut());
            }
            Poll::Ready(Ok(response))
        };
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
                    return respond(response);
                }
                Project::Denied { denied } => return respond(answer(denied)),
                Project::Answered { response } => {
                    // A future that has ended is not polled again, so the response is there.
                    return respond(response.take().unwrap_or_else(no_gate));
                }
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
