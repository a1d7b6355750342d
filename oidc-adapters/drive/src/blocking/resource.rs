//! [`Resource`] for programs with threads: the same handle as [`crate::Resource`], with methods that block.

use super::Io;
use crate::{
    drive::block_on,
    resource::{self, AccessError, Challenge, NoResponseError, ResourceBuilder, ResourceError, Visit},
    store::StoreError,
};
use http::{HeaderMap, Method};
use std::{fmt, future::ready, sync::Arc};

/// A resource that is known by its URL, and the access to it. Cheap to clone; clones share their tokens. It is
/// [`Resource`](crate::Resource) for threads.
///
/// ```
/// use oidc_drive::{
///     blocking::{Io, Resource}, http::{Error, Request, Response}, oidc_proto::flow::{self, ClientIdentities, PreRegisteredClient, Terms},
/// };
///
/// # fn send(request: flow::Request, _: Terms) -> Result<Response<&'static str>, Error> {
/// #     let has_token = request.headers().get("authorization").is_some_and(|value| value == "Bearer a-token");
/// #     let (status, body) = match request.uri().path() {
/// #         "/mcp" if has_token => (200, "3 tools"),
/// #         "/mcp" => (401, "no"),
/// #         "/.well-known/oauth-protected-resource/mcp" => (200, r#"{"resource": "https://mcp.example/mcp",
/// #             "authorization_servers": ["https://as.example"]}"#),
/// #         "/.well-known/oauth-authorization-server" => (200, r#"{"issuer": "https://as.example",
/// #             "token_endpoint": "https://as.example/token", "grant_types_supported": ["client_credentials"],
/// #             "response_types_supported": ["code"], "code_challenge_methods_supported": ["S256"]}"#),
/// #         "/token" => (200, r#"{"access_token": "a-token", "token_type": "Bearer", "expires_in": 3600}"#),
/// #         _ => (404, "nothing"),
/// #     };
/// #     Response::builder().status(status).header("content-type", "application/json").body(body)
/// # }
/// // A program with access of its own.
/// let known = PreRegisteredClient::new("https://as.example", "my-service").secret("my secret");
/// let resource = Resource::builder("https://mcp.example/mcp", Io::new(send))
///     .identities(ClientIdentities::new().pre_registered(known))
///     .client_credentials()
///     .build()?;
/// let response = resource.fetch(Request::post(resource.url()).body(b"tools/list".to_vec())?)?;
/// assert_eq!(response.body(), b"3 tools");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Resource(resource::Resource);

impl Resource {
    /// Begins the settings of a handle for the resource at this URL, over this HTTP client. Nothing is sent before the first
    /// request.
    pub fn builder(url: impl Into<String>, io: Io) -> ResourceBuilder<Io> {
        ResourceBuilder::new(url.into(), io)
    }

    /// Returns the URL of the resource, as the settings spell it.
    #[must_use]
    pub fn url(&self) -> &str {
        self.0.url()
    }

    /// Sends a request to the resource, over a client library of yours that takes headers. See
    /// [`Resource::authorized`](crate::Resource::authorized).
    ///
    /// # Errors
    /// As there.
    pub fn authorized<T, E>(
        &self,
        method: &Method,
        send: impl Fn(HeaderMap) -> Result<T, E>,
        challenge: impl Fn(&Result<T, E>) -> Option<Challenge>,
    ) -> Result<T, ResourceError<E>> {
        block_on(self.0.authorized(method, |headers| ready(send(headers)), challenge))
    }

    /// Sends a request with the access token. `send` is your HTTP client. It must follow no redirect, because a redirect would
    /// carry the token along. The body is cloned each time that the request is sent.
    ///
    /// # Errors
    /// There is no access, or no response. A response with another error status is no error.
    pub fn send<B: Clone, R, E>(
        &self,
        request: http::Request<B>,
        send: impl Fn(http::Request<B>) -> Result<http::Response<R>, E>,
    ) -> Result<http::Response<R>, ResourceError<E>> {
        block_on(self.0.send(request, |request| ready(send(request))))
    }

    /// Sends a request over the HTTP client of the handle. It follows no redirect, and reads at most
    /// [`max_body`](ResourceBuilder::max_body) bytes.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn fetch(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Vec<u8>>, ResourceError<NoResponseError>> {
        block_on(self.0.fetch(request))
    }

    /// Forgets which scopes the user has refused, so that the next request may ask for them again.
    ///
    /// # Errors
    /// The store has no answer.
    pub fn ask_again(&self) -> Result<(), StoreError> {
        block_on(self.0.ask_again())
    }

    /// Returns why the newest tokens are not in the [store](ResourceBuilder::store). `None` if they are.
    #[must_use]
    pub fn unsaved(&self) -> Option<StoreError> {
        self.0.unsaved()
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResourceBuilder<Io> {
    /// Gets the tokens of a user, who agrees in a browser. `browser` opens the URL of the [`Visit`], and returns the URL to
    /// which the browser is sent back, with its query; or a text that says why the user did not come. It runs on the
    /// thread of a caller.
    pub fn browser(self, browser: impl Fn(Visit) -> Result<String, String> + Send + Sync + 'static) -> Self {
        self.with_browser(Arc::new(move |visit| Box::pin(ready(browser(visit)))))
    }

    /// Builds the handle. Nothing is sent.
    ///
    /// # Errors
    /// The URL is not one that may be requested, or a redirect URI is missing.
    pub fn build(self) -> Result<Resource, AccessError> {
        self.build_over(|io| io.0).map(Resource)
    }
}
