//! [`ApiBuilder`]: the settings of an [`Api`].

use super::{
    client::{Api, Inner},
    source::{Source, Store},
    token::{ApiToken, SessionTokens},
};
use crate::provider::{Provider, ProviderError};
use oidc_proto::{
    Secret, UrlPolicy,
    flow::{
        ClientCredentialsRequest, PreviousLogin, ResourceOrigins, ResourceRequestError, TIMEOUT,
        TokenExchangeRequest,
    },
};
use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    sync::{Arc, Mutex},
    time::Duration,
};

/// The largest response body that [`Api::fetch`] reads, in bytes, unless [`ApiBuilder::max_body`] sets another limit.
/// [`Api::send`] reads no body, and has no limit.
pub const MAX_API_RESPONSE: usize = 1024 * 1024;

/// The settings of an [`Api`]: where tokens go, and where they come from. [`Provider::api`] makes it.
///
/// ```
/// use oidc_drive::{
///     Io, Provider, ProviderError, api::SessionTokens, http,
///     oidc_proto::{flow::{ClientCredentialsRequest, Request, Terms}, Secret},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # async fn send(_: Request, _: Terms) -> Result<http::Response<Vec<u8>>, &'static str> { Err("no network") }
/// # let io = Io::new(send, |task| drop(tokio::spawn(task)), tokio::time::sleep);
/// # let provider = Provider::builder("https://op.example", io).client_id("app").build()?;
/// // The tokens of this program, for an API at two servers.
/// let api = provider
///     .api("https://api.example")
///     .and_origin("https://files.example:8443")
///     .client_credentials(ClientCredentialsRequest::new(["read"]))?;
///
/// // The tokens of a user. After each refresh they are stored anew, before anybody uses them.
/// let tokens = SessionTokens::new(Secret::new("an access token"), Secret::new("a refresh token"));
/// let store = |tokens: SessionTokens| async move { drop(tokens) };
/// let users = provider.api("https://api.example").session(tokens, None, store)?;
///
/// // A wrong origin is found at once.
/// assert!(provider.api("http://api.example").client_credentials(ClientCredentialsRequest::default()).is_err());
/// # drop((api, users));
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder does nothing until it has a source of tokens"]
pub struct ApiBuilder<A = Api> {
    provider: Provider,
    origins: Vec<String>,
    urls: Option<UrlPolicy>,
    max_body: usize,
    timeout: Duration,
    made: PhantomData<fn() -> A>,
}

impl Provider {
    /// Begins the settings of a client for an API, which attaches access tokens to the requests of this program. The
    /// origin is a scheme, a host and a port, such as `https://api.example`: no other server gets the token.
    pub fn api(&self, origin: impl Into<String>) -> ApiBuilder {
        ApiBuilder::new(self.clone(), origin.into())
    }
}

impl<A> ApiBuilder<A> {
    pub(crate) fn new(provider: Provider, origin: String) -> Self {
        let (urls, max_body, timeout) = (None, MAX_API_RESPONSE, TIMEOUT);
        Self { provider, origins: vec![origin], urls, max_body, timeout, made: PhantomData }
    }

    /// Names one more origin of the API, which gets the same token.
    pub fn and_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// Sets which URLs may be requested; the default is https, and no address literal of this machine or of a private
    /// network. Without it, an origin on this machine, such as `http://localhost:8080`, needs no policy, because the
    /// program has named it.
    pub fn url_policy(mut self, urls: UrlPolicy) -> Self {
        self.urls = Some(urls);
        self
    }

    /// Sets the largest response body that [`Api::fetch`] reads, in bytes; the default is [`MAX_API_RESPONSE`].
    pub const fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Sets the longest time of one exchange of [`Api::fetch`]; the default is [`TIMEOUT`].
    pub const fn timeout(mut self, time: Duration) -> Self {
        self.timeout = time;
        self
    }

    pub(super) fn over(self, source: impl FnOnce(&Provider) -> Source) -> Result<Api, ResourceRequestError> {
        let urls = self.urls.unwrap_or_else(|| {
            self.origins.iter().fold(UrlPolicy::default(), |urls, origin| urls.for_issuer(origin))
        });
        let mut names = self.origins.iter();
        let first = names.next().map_or("", String::as_str);
        let origins = names.try_fold(ResourceOrigins::new(first, &urls)?, |named, one| named.and(one))?;
        let source = source(&self.provider);
        let Self { provider, max_body, timeout, .. } = self;
        Ok(Api::new(Inner { provider, origins, source, max_body, timeout, refused: Mutex::default() }))
    }
}

impl ApiBuilder {
    /// Sends the tokens of this program itself (RFC 6749 section 4.4). The handle shares them with all callers of
    /// [`Provider::client_credentials`].
    ///
    /// # Errors
    /// [`ResourceRequestError::Origin`] or [`ResourceRequestError::NotAnOrigin`] for an origin that cannot be one.
    pub fn client_credentials(self, wanted: ClientCredentialsRequest) -> Result<Api, ResourceRequestError> {
        self.over(|_| Source::Service(Box::new(wanted)))
    }

    /// Sends the tokens of a user's session. When the access token expires or is refused, it is refreshed once for all
    /// callers. `store` gets the new tokens before anybody uses them, even if every caller is gone, and also if the
    /// refresh failed after the provider had replaced the refresh token. For `previous`, see [`Provider::refresh`].
    ///
    /// Keep one `Api` for each session: two of them would refresh with the same refresh token.
    ///
    /// # Errors
    /// As [`client_credentials`](Self::client_credentials).
    pub fn session<S: Future<Output = ()> + Send + 'static>(
        self,
        tokens: SessionTokens,
        previous: Option<PreviousLogin>,
        store: impl Fn(SessionTokens) -> S + Send + Sync + 'static,
    ) -> Result<Api, ResourceRequestError> {
        let store: Store = Arc::new(move |tokens| Box::pin(store(tokens)));
        self.over(|provider| Source::session(provider, tokens, previous, store))
    }

    /// Sends tokens that the provider issues in exchange for another one (RFC 8693). An expired or refused token is
    /// replaced by another exchange.
    ///
    /// # Errors
    /// As [`client_credentials`](Self::client_credentials).
    pub fn exchange(self, wanted: TokenExchangeRequest) -> Result<Api, ResourceRequestError> {
        self.over(|provider| Source::exchange(provider, wanted))
    }

    /// Sends tokens from anywhere. `fetch` is called for the first request, when the token expires, and when the API
    /// has refused one: its argument is that token. All callers share the result.
    ///
    /// # Errors
    /// As [`client_credentials`](Self::client_credentials).
    pub fn tokens<S: Future<Output = Result<ApiToken, ProviderError>> + Send + 'static>(
        self,
        fetch: impl Fn(Option<Secret>) -> S + Send + Sync + 'static,
    ) -> Result<Api, ResourceRequestError> {
        self.over(|provider| Source::fetched(provider, Arc::new(move |refused| Box::pin(fetch(refused)))))
    }

    /// Sends this token, which nobody renews.
    ///
    /// # Errors
    /// As [`client_credentials`](Self::client_credentials).
    pub fn fixed(self, token: ApiToken) -> Result<Api, ResourceRequestError> {
        self.over(|_| Source::Fixed(token))
    }
}

impl<A> fmt::Debug for ApiBuilder<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiBuilder").field("origins", &self.origins).finish_non_exhaustive()
    }
}
