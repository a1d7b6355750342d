//! [`Api`] for programs with threads: the same client as [`super::Api`], with methods that block.

use super::{
    builder::ApiBuilder,
    client,
    error::{ApiError, ApiResponse},
    source::{Source, Store},
    token::{ApiToken, SessionTokens},
};
use crate::{drive::block_on, provider::ProviderError};
use oidc_proto::{
    Secret,
    flow::{ClientCredentialsRequest, PreviousLogin, ResourceRequestError, TokenExchangeRequest},
};
use std::{fmt, future::ready, sync::Arc};

/// An API, and the access token for it. Cheap to clone; clones share their token.
/// [`Provider::api`](crate::blocking::Provider::api) makes it.
///
/// ```
/// use oidc_drive::{
///     blocking::{Io, Provider}, http::{Error, Request, Response}, oidc_proto::flow::{self, ClientCredentialsRequest, Terms},
/// };
///
/// # fn provider(request: flow::Request, _: Terms) -> Result<Response<&'static str>, Error> {
/// #     let body = match request.uri().path() {
/// #         "/token" => r#"{"access_token": "a-token", "token_type": "Bearer", "expires_in": 3600}"#,
/// #         _ => r#"{"issuer": "https://op.example", "token_endpoint": "https://op.example/token",
/// #                 "response_types_supported": ["code"]}"#,
/// #     };
/// #     Response::builder().header("content-type", "application/json").body(body)
/// # }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let io = Io::new(provider);
/// // Your HTTP client, with a body of its own. It must follow no redirect.
/// let send = |request: Request<&str>| {
///     assert_eq!(request.headers()["authorization"], "Bearer a-token");
///     Ok::<_, std::io::Error>(Response::new("3 orders"))
/// };
///
/// let provider = Provider::builder("https://op.example", io).client_id("worker").secret("my secret").build()?;
/// let api = provider.api("https://api.example").client_credentials(ClientCredentialsRequest::new(["read"]))?;
/// let answer = api.send(Request::get("https://api.example/orders").body("")?, send)?;
/// assert_eq!(answer.response.body(), &"3 orders");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Api(client::Api);

impl Api {
    /// Sends a request with the access token. `send` is your HTTP client: it gets the request with its headers, and
    /// returns the response with any body. It must follow no redirect, because a redirect would carry the token along.
    ///
    /// The body is cloned each time that the request is sent. For a body that cannot be cloned, there is
    /// [`send_once`](Self::send_once).
    ///
    /// # Errors
    /// There is no response: [`ApiError`] says why. A response with an error status is no error.
    pub fn send<B: Clone, R, E>(
        &self,
        request: http::Request<B>,
        send: impl Fn(http::Request<B>) -> Result<http::Response<R>, E>,
    ) -> Result<ApiResponse<R>, ApiError<E>> {
        block_on(self.0.send(request, |request| ready(send(request))))
    }

    /// Sends a request with the access token once, because its body is a stream. If the API would take it with another
    /// token or nonce, the [outcome](ApiResponse::outcome) says so, and the next request begins with a newer token.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_once<B, R, E>(
        &self,
        request: http::Request<B>,
        send: impl Fn(http::Request<B>) -> Result<http::Response<R>, E>,
    ) -> Result<ApiResponse<R>, ApiError<E>> {
        block_on(self.0.send_once(request, |request| ready(send(request))))
    }

    /// Sends a request over the HTTP client of the handle. It follows no redirect, and reads at most
    /// [`max_body`](ApiBuilder::max_body) bytes.
    ///
    /// # Errors
    /// As [`send`](Self::send). The text of [`ApiError::Transport`] names the host and the reason;
    /// [`ApiError::TooLarge`] if the body is larger than the limit.
    pub fn fetch(&self, request: http::Request<Vec<u8>>) -> Result<ApiResponse<Vec<u8>>, ApiError<String>> {
        block_on(self.0.fetch(request))
    }
}

impl ApiBuilder<Api> {
    /// Sends the tokens of this program itself (RFC 6749 section 4.4). The handle shares them with all callers of
    /// [`Provider::client_credentials`](crate::blocking::Provider::client_credentials).
    ///
    /// # Errors
    /// [`ResourceRequestError::Origin`] or [`ResourceRequestError::NotAnOrigin`] for an origin that cannot be one.
    pub fn client_credentials(self, wanted: ClientCredentialsRequest) -> Result<Api, ResourceRequestError> {
        self.over(|_| Source::Service(Box::new(wanted))).map(Api)
    }

    /// Sends the tokens of a user's session. When the access token expires or is refused, it is refreshed once for all
    /// callers. `store` gets the new tokens before anybody uses them, and also if the refresh failed after the provider
    /// had replaced the refresh token. For `previous`, see
    /// [`Provider::refresh`](crate::blocking::Provider::refresh).
    ///
    /// Keep one `Api` for each session: two of them would refresh with the same refresh token.
    ///
    /// # Errors
    /// As [`client_credentials`](Self::client_credentials).
    pub fn session(
        self,
        tokens: SessionTokens,
        previous: Option<PreviousLogin>,
        store: impl Fn(SessionTokens) + Send + Sync + 'static,
    ) -> Result<Api, ResourceRequestError> {
        let store: Store = Arc::new(move |tokens| {
            store(tokens);
            Box::pin(ready(()))
        });
        self.over(|provider| Source::session(provider, tokens, previous, store)).map(Api)
    }

    /// Sends tokens that the provider issues in exchange for another one (RFC 8693). An expired or refused token is
    /// replaced by another exchange.
    ///
    /// # Errors
    /// As [`client_credentials`](Self::client_credentials).
    pub fn exchange(self, wanted: TokenExchangeRequest) -> Result<Api, ResourceRequestError> {
        self.over(|provider| Source::exchange(provider, wanted)).map(Api)
    }

    /// Sends tokens from anywhere. `fetch` is called for the first request, when the token expires, and when the API
    /// has refused one: its argument is that token. All callers share the result.
    ///
    /// # Errors
    /// As [`client_credentials`](Self::client_credentials).
    pub fn tokens(
        self,
        fetch: impl Fn(Option<Secret>) -> Result<ApiToken, ProviderError> + Send + Sync + 'static,
    ) -> Result<Api, ResourceRequestError> {
        let fetch = Arc::new(fetch);
        let later = move |refused| {
            let fetch = Arc::clone(&fetch);
            Box::pin(async move { fetch(refused) }) as crate::drive::Boxed<_>
        };
        self.over(|provider| Source::fetched(provider, Arc::new(later))).map(Api)
    }

    /// Sends this token, which nobody renews.
    ///
    /// # Errors
    /// As [`client_credentials`](Self::client_credentials).
    pub fn fixed(self, token: ApiToken) -> Result<Api, ResourceRequestError> {
        self.over(|_| Source::Fixed(token)).map(Api)
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
