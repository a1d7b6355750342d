//! [`Resource`]: requests to a resource that is known by its URL alone.

use super::{
    challenge::Challenge,
    error::{AccessError, NoResponseError, ResourceError},
    inner::Inner,
    obtain::{Obtained, Reason},
    state::Token,
};
use crate::{flight::NotAvailableError, store::StoreError};
use http::{HeaderMap, Method, StatusCode, Uri};
use oidc_proto::{
    base::UrlError,
    flow::{
        Endpoint, PendingResource, ResourceOutcome, ResourceRequest, ResourceRequestError, ResourceStep,
        Terms,
    },
    renew::{Epoch, Need, Published, RenewalError},
};
use std::{
    fmt,
    future::Future,
    sync::{Arc, atomic::Ordering},
};

/// The endpoint of requests to a resource, for terms and events.
const RESOURCE: Endpoint = Endpoint::Other("resource");

/// A resource that is known by its URL, and the access to it. Cheap to clone; clones share their tokens.
///
/// Give it your request. If the resource demands a token, the handle finds the authorization server, becomes a client of
/// it, has the user agree in a browser, and sends the request again. Later it refreshes the token, asks the user for more
/// scopes when an operation needs them, and begins anew when the resource has moved to another server. It asks nobody more
/// than three times for one request, and gives up with an error that says why.
///
/// The token goes to the origin of the resource and to no other. A client ID, a secret and a refresh token go to the
/// authorization server that has issued them and to no other.
///
/// ```
/// use oidc_drive::{
///     Io, Resource, http::{Error, Request, Response},
///     oidc_proto::flow::{self, ClientIdentities, PreRegisteredClient, Terms}, resource::Visit,
/// };
///
/// // The servers of this example. A program has its HTTP client here.
/// async fn send(request: flow::Request, _: Terms) -> Result<Response<&'static str>, Error> {
///     let has_token = request.headers().get("authorization").is_some_and(|value| value == "Bearer a-token");
///     let (status, body) = match request.uri().path() {
///         "/mcp" if has_token => (200, "3 tools"),
///         "/mcp" => (401, "no"),
///         "/.well-known/oauth-protected-resource/mcp" => (200, r#"{"resource": "https://mcp.example/mcp",
///             "authorization_servers": ["https://as.example"], "scopes_supported": ["tools"]}"#),
///         "/.well-known/oauth-authorization-server" => (200, r#"{"issuer": "https://as.example",
///             "authorization_endpoint": "https://as.example/authorize", "token_endpoint": "https://as.example/token",
///             "response_types_supported": ["code"], "code_challenge_methods_supported": ["S256"]}"#),
///         "/token" => (200, r#"{"access_token": "a-token", "token_type": "Bearer", "expires_in": 3600}"#),
///         _ => (404, "nothing"),
///     };
///     Response::builder().status(status).header("content-type", "application/json").body(body)
/// }
///
/// /// Opens the URL in a browser, and waits for it at the redirect URI. Here, the user agrees at once.
/// async fn browser(visit: Visit) -> Result<String, String> {
///     let state = visit.url().query_pairs().find(|(name, _)| name == "state").ok_or("no state")?.1;
///     Ok(format!("http://127.0.0.1:8400/callback?code=a-code&state={state}"))
/// }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let io = Io::new(send, |task| drop(tokio::spawn(task)), tokio::time::sleep);
///     let known = PreRegisteredClient::new("https://as.example", "my-client");
///     let resource = Resource::builder("https://mcp.example/mcp", io)
///         .identities(ClientIdentities::new().pre_registered(known))
///         .redirect_uri("http://127.0.0.1:8400/callback")
///         .browser(browser)
///         .build()?;
///
///     let request = Request::post(resource.url()).body(b"tools/list".to_vec())?;
///     let response = resource.fetch(request).await?;
///     assert_eq!(response.body(), b"3 tools");
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Resource(pub(super) Arc<Inner>);

/// A token, and which of several it is.
#[derive(Clone)]
struct Held {
    /// `None` if the login is over.
    token: Option<Token>,
    epoch: Epoch,
    /// Whether it came from a refresh for this request.
    refreshed: bool,
}

impl Held {
    fn of(token: &Published<Option<Token>>) -> Self {
        Self { token: (*token.value).clone(), epoch: token.epoch, refreshed: false }
    }
}

impl Resource {
    /// Returns the URL of the resource, as the settings spell it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.url
    }

    /// Sends a request to the resource, over a client library of yours that takes headers. `send` sends it with these
    /// headers; there are none if no token is needed. `challenge` says whether an answer is a refusal. `method` counts for
    /// DPoP proofs; the request goes to the [URL](Self::url) of the resource.
    ///
    /// The answer comes back as it is, unless it is a refusal that the handle could not do anything against.
    ///
    /// # Errors
    /// [`ResourceError::Transport`] with the error of `send`, unless it is a refusal; [`ResourceError::Access`] if there is
    /// no access.
    pub async fn authorized<T, E, S>(
        &self,
        method: &Method,
        send: impl Fn(HeaderMap) -> S,
        challenge: impl Fn(&Result<T, E>) -> Option<Challenge>,
    ) -> Result<T, ResourceError<E>>
    where
        S: Future<Output = Result<T, E>>,
    {
        let uri = self.0.uri()?;
        let send = |headers, _| send(headers);
        let answer = self.0.rounds((method, &uri, &HeaderMap::new()), send, challenge).await?;
        answer.map_err(ResourceError::Transport)
    }

    /// Sends a request with the access token. `send` is your HTTP client: it gets the request with its headers, and returns
    /// the response with any body. It must follow no redirect, because a redirect would carry the token along. The body is
    /// cloned each time that the request is sent.
    ///
    /// # Errors
    /// There is no access, or no response. A response with another error status is no error.
    pub async fn send<B: Clone, R, E, S>(
        &self,
        request: http::Request<B>,
        send: impl Fn(http::Request<B>) -> S,
    ) -> Result<http::Response<R>, ResourceError<E>>
    where
        S: Future<Output = Result<http::Response<R>, E>>,
    {
        self.exchange(request, |request, _| send(request)).await
    }

    /// Sends a request over the HTTP client of the handle. It follows no redirect, and reads at most
    /// [`max_body`](super::ResourceBuilder::max_body) bytes.
    ///
    /// # Errors
    /// As [`send`](Self::send). The text of [`ResourceError::Transport`] names the host and the reason;
    /// [`ResourceError::TooLarge`] if the body is larger than the limit.
    pub async fn fetch(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Vec<u8>>, ResourceError<NoResponseError>> {
        let (limit, timeout) = (self.0.max_body, self.0.timeout);
        let send = |request, mut terms: Terms| {
            (terms.max_body, terms.timeout) = (limit, timeout);
            let sending = self.0.io.send(request, terms);
            async move { sending.await.map_err(|lost| NoResponseError::from(lost.text)) }
        };
        let response = self.exchange(request, send).await?;
        if response.body().len() > limit { Err(ResourceError::TooLarge { limit }) } else { Ok(response) }
    }

    async fn exchange<B: Clone, R, E, S>(
        &self,
        request: http::Request<B>,
        send: impl Fn(http::Request<B>, Terms) -> S,
    ) -> Result<http::Response<R>, ResourceError<E>>
    where
        S: Future<Output = Result<http::Response<R>, E>>,
    {
        let (head, body) = request.into_parts();
        let (method, uri, headers) = (head.method.clone(), head.uri.clone(), head.headers.clone());
        let send = |headers: HeaderMap, terms| {
            let mut request = http::Request::from_parts(head.clone(), body.clone());
            request.headers_mut().extend(headers);
            send(request, terms)
        };
        let challenge = |answer: &Result<http::Response<R>, E>| answer.as_ref().ok().and_then(Challenge::of);
        self.0.rounds((&method, &uri, &headers), send, challenge).await?.map_err(ResourceError::Transport)
    }

    /// Forgets which scopes the user has refused, so that the next request may ask for them again.
    ///
    /// # Errors
    /// The store has no answer.
    pub async fn ask_again(&self) -> Result<(), StoreError> {
        if let Some(mut kept) = self.0.reload().await? {
            kept.scopes.begin_anew();
            self.0.save(kept).await;
        }
        Ok(())
    }

    /// Returns why the newest tokens are not in the [store](super::ResourceBuilder::store). `None` if they are. The handle goes on
    /// with them all the same, and stores them with the next change; after a restart they would be missing.
    #[must_use]
    pub fn unsaved(&self) -> Option<StoreError> {
        self.0.live().unsaved.clone()
    }
}

/// What to do after a response.
enum Next {
    Nonce(ResourceRequest),
    Token(Reason),
}

impl Inner {
    /// Sends a request as often as it takes.
    async fn rounds<T, E, S>(
        self: &Arc<Self>,
        (method, uri, headers): (&Method, &Uri, &HeaderMap),
        send: impl Fn(HeaderMap, Terms) -> S,
        challenge: impl Fn(&Result<T, E>) -> Option<Challenge>,
    ) -> Result<Result<T, E>, AccessError>
    where
        S: Future<Output = Result<T, E>>,
    {
        // Refuses a request that must have no token, even if none is needed.
        let mut request = ResourceRequest::new(&self.origins, method, uri, headers)?;
        let mut held = self.held().await?;
        // Each authorization may be followed by one refresh, and the first round may have no token.
        for _ in 0..2 + 2 * usize::from(self.step_up.limit()) {
            let token = held.as_ref().and_then(|held| Some((held, held.token.as_ref()?)));
            let reason = match token {
                None => {
                    let answer = send(HeaderMap::new(), Terms::new(RESOURCE)).await;
                    match challenge(&answer) {
                        Some(refused) if refused.status == StatusCode::UNAUTHORIZED => {
                            Reason::Missing(refused)
                        }
                        _ => return Ok(answer),
                    }
                }
                Some((held, token)) => loop {
                    let (headers, pending, terms) = self.authorize_request(request, token).await?;
                    let answer = send(headers, terms).await;
                    let Some(refused) = challenge(&answer) else {
                        if answer.is_ok() {
                            self.accepted(token).await;
                        }
                        return Ok(answer);
                    };
                    self.io.learn(uri, &refused.headers);
                    match self.after(
                        pending.receive(refused.status, &refused.headers),
                        (token, held.refreshed),
                        refused,
                    )? {
                        None => return Ok(answer),
                        Some(Next::Nonce(again)) => request = again,
                        Some(Next::Token(reason)) => break reason,
                    }
                },
            };
            held = Some(self.another(held.map(|held| held.epoch), reason).await?);
            request = ResourceRequest::new(&self.origins, method, uri, headers)?;
        }
        // Other processes have brought one token after the other, and the resource has refused each.
        Err(AccessError::Unavailable(NotAvailableError::new(self.now(), None)))
    }

    /// Returns the headers of a request with its token, the state to keep, and the terms for the client of the handle.
    async fn authorize_request(
        &self,
        request: ResourceRequest,
        token: &Token,
    ) -> Result<(HeaderMap, PendingResource, Terms), AccessError> {
        if !token.bound {
            let (headers, pending) = request.with_bearer(&token.token)?;
            return Ok((headers, pending, Terms::new(RESOURCE)));
        }
        let kept = self.live().kept.clone().ok_or(AccessError::NoGrant)?;
        let connected = self.connected(&kept).await?.ok_or(AccessError::NoGrant)?;
        let client = connected.provider.client().await?;
        let (headers, pending) = request.authorize(&client, &token.token, self.clock.moment())?;
        Ok((headers, pending, ResourceRequest::terms(&client)))
    }

    /// What to do after a refusal. `None` if it is not about the token.
    fn after(
        &self,
        step: ResourceStep,
        (token, refreshed): (&Token, bool),
        challenge: Challenge,
    ) -> Result<Option<Next>, AccessError> {
        let outcome = match step {
            ResourceStep::Again(request) => return Ok(Some(Next::Nonce(request))),
            ResourceStep::Renew(renewal) => renewal.give_up(),
            ResourceStep::Done(outcome) => outcome,
        };
        let token = token.token.clone();
        let reason = match outcome {
            ResourceOutcome::Answered => return Ok(None),
            ResourceOutcome::InvalidToken(_) => Reason::Refused { token, challenge, refreshed },
            ResourceOutcome::InsufficientScope(said) => {
                Reason::Scope { token, challenge, demanded: said.scope }
            }
            ResourceOutcome::InsufficientAuthentication(said) => Reason::Authentication {
                token,
                challenge,
                acr_values: said.acr_values,
                max_age: said.max_age,
            },
            ResourceOutcome::NonceDemanded(said) | ResourceOutcome::Refused(said) => {
                return Err(AccessError::Refused(said));
            }
            _ => return Ok(None),
        };
        Ok(Some(Next::Token(reason)))
    }

    /// The token to begin with. `None` if there is none, or only one that nobody can refresh.
    async fn held(self: &Arc<Self>) -> Result<Option<Held>, AccessError> {
        if let Some(token) = self.flight.get_at_once() {
            return Ok(Some(Held::of(&token)));
        }
        let known = self.flight.epoch();
        let Some(kept) = self.reload().await? else { return Ok(None) };
        let now = self.now();
        if let Some(token) = kept.usable(now) {
            let _kept = self.flight.learn(token, now, known);
        } else if kept.refresh_token().is_none() {
            return Ok(None);
        }
        self.get(Need::Any, Reason::Expired).await.map(Some)
    }

    /// Another token than that of this epoch.
    async fn another(self: &Arc<Self>, refused: Option<Epoch>, reason: Reason) -> Result<Held, AccessError> {
        let held = self.get(refused.map_or(Need::Any, Need::NewerThan), reason).await?;
        Ok(Held { refreshed: self.refreshed.load(Ordering::Acquire), ..held })
    }

    /// Gets a token. One caller does the work, and all others wait for it.
    async fn get(self: &Arc<Self>, need: Need, reason: Reason) -> Result<Held, AccessError> {
        let inner = Arc::clone(self);
        let renew = move || async move {
            match inner.obtain(reason).await {
                Ok(Obtained { token, refreshed }) => {
                    inner.refreshed.store(refreshed, Ordering::Release);
                    Ok(token)
                }
                Err(error) => {
                    inner.live().failed = Some(error);
                    Err(RenewalError::NoResponse)
                }
            }
        };
        let sleep = |span| self.io.sleep(span);
        // If callers can be cancelled, the work runs in the background: it may spend a code or a refresh token.
        let (spawn, background) = (|task| self.io.spawn(task), |_| self.io.cancels());
        match self.flight.get_async_if(need, renew, sleep, spawn, background).await {
            Ok(token) => Ok(Held::of(&token)),
            Err(why) => {
                let failed = if why.because.is_some() { self.live().failed.clone() } else { None };
                Err(failed.unwrap_or(AccessError::Unavailable(why)))
            }
        }
    }

    /// The resource has accepted a token, so the user may be asked again later.
    async fn accepted(&self, token: &Token) {
        let counts = {
            let mut live = self.live();
            let kept = live.kept.as_mut().filter(|kept| kept.scopes.authorizations() > 0);
            kept.map(|kept| kept.scopes.accepted()).is_some()
        };
        if counts {
            // Without an answer of the store, the count there is too high until the next accepted request. Nothing else is lost.
            let _too_high = self.keeper.accept(&token.token, self.clock.moment()).await;
        }
    }

    fn uri(&self) -> Result<Uri, AccessError> {
        let wrong = ResourceRequestError::Url(UrlError::NotAbsolute);
        self.url.parse().map_err(|_| wrong.into())
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resource").field("url", &self.0.url).finish_non_exhaustive()
    }
}
