//! [`Api`]: sends requests with their access token.

use super::{
    error::{ApiError, ApiResponse},
    source::{Held, Source},
};
use crate::{
    event::{Event, NO_RESPONSE, Target},
    provider::{Provider, ProviderError},
};
use http::{HeaderMap, StatusCode, Uri, request::Parts};
use oidc_proto::flow::{
    Endpoint, NotSentAgain, PendingResource, ResourceOrigins, ResourceOutcome, ResourceRequest, ResourceStep,
    Terms,
};
use std::{
    fmt,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The endpoint of requests to an API, for events and terms.
const RESOURCE: Endpoint = Endpoint::Other("resource");

/// An API, and the access token for it. Cheap to clone; clones share their token. [`Provider::api`] makes it.
///
/// Give it your request and your HTTP client. It attaches the token, and a DPoP proof if the client of the handle has a
/// key. If the API refuses the token, it gets a newer one and sends the request once more; all callers share that one
/// renewal. If the API demands a DPoP nonce, it sends the request once more with the nonce. Any other response is yours
/// as it came.
///
/// ```
/// use oidc_drive::{
///     Io, Provider, http::{Request, Response}, oidc_proto::flow::{self, ClientCredentialsRequest, ResourceOutcome, Terms},
/// };
///
/// # async fn provider(request: flow::Request, _: Terms) -> Result<Response<&'static str>, oidc_drive::http::Error> {
/// #     let body = match request.uri().path() {
/// #         "/token" => r#"{"access_token": "a-token", "token_type": "Bearer", "expires_in": 3600}"#,
/// #         _ => r#"{"issuer": "https://op.example", "token_endpoint": "https://op.example/token",
/// #                 "response_types_supported": ["code"]}"#,
/// #     };
/// #     Response::builder().header("content-type", "application/json").body(body)
/// # }
/// /// Your HTTP client, with a body of its own. It must follow no redirect.
/// async fn send(request: Request<&'static [u8]>) -> Result<Response<String>, std::io::Error> {
///     let authorized = request.headers()["authorization"] == "Bearer a-token";
///     Ok(Response::new(if authorized { "3 orders" } else { "no" }.to_owned()))
/// }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// #   let io = Io::new(provider, |task| drop(tokio::spawn(task)), tokio::time::sleep);
///     let provider = Provider::builder("https://op.example", io).client_id("worker").secret("my secret").build()?;
///     let api = provider.api("https://api.example").client_credentials(ClientCredentialsRequest::new(["read"]))?;
///
///     let request = Request::get("https://api.example/orders").body(&b""[..])?;
///     let answer = api.send(request, send).await?;
///     assert_eq!((answer.response.into_body().as_str(), answer.outcome), ("3 orders", ResourceOutcome::Answered));
///
///     // The token goes to no other server.
///     let elsewhere = Request::get("https://evil.example/").body(&b""[..])?;
///     assert_eq!(api.send(elsewhere, send).await.unwrap_err().code(), "config_other_origin");
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Api(Arc<Inner>);

pub(super) struct Inner {
    pub(super) provider: Provider,
    pub(super) origins: ResourceOrigins,
    pub(super) source: Source,
    pub(super) max_body: usize,
    pub(super) timeout: Duration,
    /// A token that the API has refused, and that nobody has renewed yet: the request with it could be sent once only.
    pub(super) refused: Mutex<Option<Held>>,
}

impl Api {
    pub(super) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Sends a request with the access token. `send` is your HTTP client: it gets the request with its headers, and
    /// returns the response with any body. It must follow no redirect, because a redirect would carry the token along.
    ///
    /// The body is cloned each time that the request is sent. For a body that cannot be cloned, there is
    /// [`send_once`](Self::send_once).
    ///
    /// # Errors
    /// There is no response: [`ApiError`] says why. A response with an error status is no error.
    pub async fn send<B: Clone, R, E, S>(
        &self,
        request: http::Request<B>,
        send: impl Fn(http::Request<B>) -> S,
    ) -> Result<ApiResponse<R>, ApiError<E>>
    where
        S: Future<Output = Result<http::Response<R>, E>>,
    {
        self.exchange(request, |body| Some(body.clone()), |request, _| self.watched(request, &send)).await
    }

    /// Sends a request with the access token once, because its body is a stream. If the API would take it with another
    /// token or nonce, the [outcome](ApiResponse::outcome) says so, and the next request begins with a newer token.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn send_once<B, R, E, S>(
        &self,
        request: http::Request<B>,
        send: impl Fn(http::Request<B>) -> S,
    ) -> Result<ApiResponse<R>, ApiError<E>>
    where
        S: Future<Output = Result<http::Response<R>, E>>,
    {
        self.exchange(request, |_| None, |request, _| self.watched(request, &send)).await
    }

    /// Sends a request over the HTTP client of the handle. It follows no redirect, and reads at most
    /// [`max_body`](super::ApiBuilder::max_body) bytes.
    ///
    /// # Errors
    /// As [`send`](Self::send). The text of [`ApiError::Transport`] names the host and the reason;
    /// [`ApiError::TooLarge`] if the body is larger than the limit.
    pub async fn fetch(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<ApiResponse<Vec<u8>>, ApiError<String>> {
        let limit = self.0.max_body;
        let send = |request, mut terms: Terms| {
            (terms.max_body, terms.timeout) = (limit, self.0.timeout);
            let sending = self.0.provider.io().send(request, terms);
            async move { sending.await.map_err(|lost| lost.text) }
        };
        let answer = self.exchange(request, |body| Some(body.clone()), send).await?;
        if answer.response.body().len() > limit { Err(ApiError::TooLarge { limit }) } else { Ok(answer) }
    }

    /// Sends a request as often as its machine says, and reports its end to the observer.
    async fn exchange<B, R, E, S>(
        &self,
        request: http::Request<B>,
        copy: impl Fn(&B) -> Option<B>,
        send: impl Fn(http::Request<B>, Terms) -> S,
    ) -> Result<ApiResponse<R>, ApiError<E>>
    where
        S: Future<Output = Result<http::Response<R>, E>>,
    {
        let observer = self.0.provider.io().observer();
        let started = observer.start();
        let (head, body) = request.into_parts();
        let answer = self.0.attempts(&head, body, copy, send).await;
        if !observer.is_none() {
            let code = match &answer {
                Ok(answer) => answer.outcome.code(),
                Err(error) => Some(error.code()),
            };
            let (outcome, took) = (code.map_or(Ok(()), Err), observer.since(started));
            observer.tell(&Event::Ended { flow: "ResourceRequest", outcome, took });
        }
        answer
    }

    /// Sends one request over the HTTP client of the program, and reports it.
    async fn watched<B, R, E, S>(
        &self,
        request: http::Request<B>,
        send: &impl Fn(http::Request<B>) -> S,
    ) -> Result<http::Response<R>, E>
    where
        S: Future<Output = Result<http::Response<R>, E>>,
    {
        let observer = self.0.provider.io().observer();
        if observer.is_none() {
            return send(request).await;
        }
        let sending = observer.sending_to(Target::new(RESOURCE, request.method(), request.uri()));
        let answer = send(request).await;
        sending.ended_unread(answer.as_ref().map(http::Response::status).map_err(|_| NO_RESPONSE));
        answer
    }
}

/// What comes after a response.
enum Next {
    Done(ResourceOutcome, Option<ProviderError>),
    Again(ResourceRequest, Held),
}

impl Inner {
    async fn attempts<B, R, E, S>(
        &self,
        head: &Parts,
        mut body: B,
        copy: impl Fn(&B) -> Option<B>,
        send: impl Fn(http::Request<B>, Terms) -> S,
    ) -> Result<ApiResponse<R>, ApiError<E>>
    where
        S: Future<Output = Result<http::Response<R>, E>>,
    {
        let mut request = ResourceRequest::new(&self.origins, &head.method, &head.uri, &head.headers)?;
        let mut held = self.token().await?;
        loop {
            let spare = copy(&body);
            if spare.is_none() {
                request = request.once();
            }
            let (headers, pending, terms) = self.authorize(request, &held).await?;
            let mut authorized = http::Request::from_parts(head.clone(), body);
            authorized.headers_mut().extend(headers);
            let response = send(authorized, terms).await.map_err(ApiError::Transport)?;
            let next = self.received(pending, &held, &head.uri, response.status(), response.headers()).await;
            (request, held, body) = match (next, spare) {
                (Next::Done(outcome, renewal), _) => return Ok(ApiResponse { response, outcome, renewal }),
                (Next::Again(request, held), Some(body)) => (request, held, body),
                // A request that is sent once does not come back.
                (Next::Again(..), None) => {
                    return Ok(ApiResponse { response, outcome: ResourceOutcome::Answered, renewal: None });
                }
            };
        }
    }

    /// Returns a token, and not the one that is known to be refused.
    async fn token(&self) -> Result<Held, ProviderError> {
        let refused = self.refused().take();
        if let Some(refused) = refused
            && let Ok(Some(newer)) = self.source.get(&self.provider, Some(&refused)).await
        {
            return Ok(newer);
        }
        let held = self.source.get(&self.provider, None).await?;
        held.ok_or_else(|| ProviderError::NoResponse(String::new()))
    }

    /// Returns the headers of a request with its token, the state to keep, and the terms for the client of the handle.
    async fn authorize(
        &self,
        request: ResourceRequest,
        held: &Held,
    ) -> Result<(HeaderMap, PendingResource, Terms), ProviderError> {
        let token = &held.token.token;
        if !held.token.bound {
            let (headers, pending) = request.with_bearer(token)?;
            return Ok((headers, pending, Terms::new(RESOURCE)));
        }
        let client = self.provider.any_client().await?;
        let moment = self.provider.core().clock.moment();
        let (headers, pending) = request.authorize(&client, token, moment)?;
        Ok((headers, pending, ResourceRequest::terms(&client)))
    }

    /// Goes on after a response. A newer token is got here.
    async fn received(
        &self,
        pending: PendingResource,
        held: &Held,
        asked: &Uri,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Next {
        self.provider.io().learn(asked, headers);
        match pending.receive(status, headers) {
            ResourceStep::Again(request) => Next::Again(request, held.clone()),
            ResourceStep::Done(outcome) => {
                let not_sent_again = outcome.challenge().and_then(|challenge| challenge.not_sent_again);
                let is_refused = matches!(outcome, ResourceOutcome::InvalidToken(_));
                if is_refused && not_sent_again == Some(NotSentAgain::Body) {
                    let _before = self.refused().replace(held.clone());
                }
                Next::Done(outcome, None)
            }
            ResourceStep::Renew(renewal) => match self.source.get(&self.provider, Some(held)).await {
                Ok(Some(newer)) => match renewal.retry(&newer.token.token) {
                    Ok(request) => Next::Again(request, newer),
                    Err(outcome) => Next::Done(outcome, None),
                },
                Ok(None) => Next::Done(renewal.give_up(), None),
                Err(error) => Next::Done(renewal.give_up(), Some(error)),
            },
        }
    }

    fn refused(&self) -> MutexGuard<'_, Option<Held>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("origins", &self.0.origins).finish_non_exhaustive()
    }
}
