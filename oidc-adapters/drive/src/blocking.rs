//! [`Provider`] and [`Io`] for programs with threads: the same handle as [`crate::Provider`], with methods that block.
//!
//! A renewal that comes before the end of a value runs on a thread of its own, so no caller waits for it.

mod backchannel;
mod resource;
pub mod store;
mod workload;

pub use crate::api::blocking::Api;
pub use resource::Resource;
pub use workload::WorkloadTokens;

use crate::{
    api::ApiBuilder,
    drive::{Job, after, block_on},
    event::NO_RESPONSE,
    io,
    provider::{self, ProviderBuilder, ProviderError},
};
use oidc_proto::{
    Secret,
    flow::{
        AssertionGrantRequest, Authenticated, Client, ClientCredentialsRequest, DeviceAuthorization,
        DeviceAuthorizationRequest, DeviceTokens, DpopKey, ExchangedToken, Flow, GrantRequest, IdJag,
        IdJagRequest, PendingAuthorization, PreviousLogin, RefreshRequest, Refreshed, Request, Step, Terms,
        TokenExchangeRequest, TokenTypeHint,
    },
    jose::KeySet,
    message::{AuthorizationRequest, AuthorizationResponse, IntrospectionResponse, TokenResponse, UserInfo},
    metadata::ProviderMetadata,
    renew::{Epoch, Published},
    token::VerifiedAccessToken,
};
use std::{fmt, sync::Arc, thread};
use url::Url;

/// The HTTP client and the threads that a handle uses. The client is a closure, from a request to a response.
///
/// ```
/// use oidc_drive::{blocking::{Io, Provider}, http, oidc_proto::flow::{Request, Terms}};
/// use std::time::Duration;
///
/// // Carry out the request within the timeout, read at most `max_body + 1` bytes, and follow no redirect.
/// let send = |request: Request, terms: Terms| {
///     assert_eq!((terms.timeout, terms.max_body), (Duration::from_secs(10), 64 * 1024));
///     match request.uri().path() {
///         "/.well-known/openid-configuration" => http::Response::builder()
///             .header("content-type", "application/json")
///             .body(r#"{"issuer": "https://op.example", "jwks_uri": "https://op.example/jwks"}"#),
///         _ => http::Response::builder().status(404).body(""),
///     }
/// };
/// // To use a pool of your own, add `.with_spawn(|job| pool.run(job))`.
/// let provider = Provider::builder("https://op.example", Io::new(send)).build()?;
/// let keys = &provider.metadata()?.jwks_uri;
/// assert_eq!(keys.as_ref().map(|url| url.as_str()), Some("https://op.example/jwks"));
/// # Ok::<(), oidc_drive::ProviderError>(())
/// ```
pub struct Io(io::Io);

impl Io {
    /// Makes an `Io` from `send`, which carries out a request on its [`Terms`]. Keys, and values that are renewed
    /// before their end, are fetched on threads of the standard library. There is at most one thread for the keys,
    /// one for the metadata, and one for each service token in use.
    pub fn new<B: Into<Vec<u8>>, E: fmt::Display + 'static>(
        send: impl Fn(Request, Terms) -> Result<http::Response<B>, E> + Send + Sync + 'static,
    ) -> Self {
        Self::with_error_labels(send, |_| NO_RESPONSE)
    }

    /// Makes an `Io` as [`new`](Self::new) does, with a one-word label for each error of the HTTP client. The label
    /// appears in [`Event::Lost`](crate::Event::Lost). This is a constructor because only `send` knows the type of
    /// the error.
    pub fn with_error_labels<B: Into<Vec<u8>>, E: fmt::Display + 'static>(
        send: impl Fn(Request, Terms) -> Result<http::Response<B>, E> + Send + Sync + 'static,
        label: fn(&E) -> &'static str,
    ) -> Self {
        let send = Arc::new(send);
        let send = move |request, terms| {
            let send = Arc::clone(&send);
            async move { send(request, terms) }
        };
        let io = io::Io::with_error_labels(send, label, drop, after).blocking();
        Self(io).with_spawn(|job| {
            // Without a thread the job is dropped. That returns its lease, and another caller renews.
            drop(thread::Builder::new().name("oidc-renewal".into()).spawn(job));
        })
    }

    /// Runs background renewals with this function, on a pool of your own, instead of on new threads.
    #[must_use]
    pub fn with_spawn(self, spawn: impl Fn(Job) + Send + Sync + 'static) -> Self {
        Self(self.0.with_spawn(move |task| spawn(Box::new(move || block_on(task)))))
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A handle for one provider, with this program as its client. Cheap to clone; clones share metadata, keys and
/// tokens.
///
/// This program verifies access tokens:
///
/// ```
/// use oidc_drive::{blocking::{Io, Provider}, http, oidc_proto::{Moment, Timestamp, flow::{Request, Terms}}};
///
/// let send = |request: Request, _: Terms| {
///     let body = match request.uri().path() {
///         "/jwks" => r#"{"keys": [{"kty": "OKP", "crv": "Ed25519",
///                        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
///         _ => r#"{"issuer": "https://op.example", "jwks_uri": "https://op.example/jwks"}"#,
///     };
///     http::Response::builder().header("content-type", "application/json").body(body)
/// };
/// let provider = Provider::builder("https://op.example", Io::new(send))
///     .audience("https://api.example")
///     .clock(|| Moment::new(Timestamp(1_800_000_100), [7; 32])) // the time of the token below
///     .build()?;
///
/// let token = "eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9.\
///     eyJpc3MiOiJodHRwczovL29wLmV4YW1wbGUiLCJzdWIiOiJhbGljZSIsImF1ZCI6Imh0dHBzOi8vYXBpLmV4YW1wbGUiLCJjbGllbnRfaWQi\
///     OiJhcHAiLCJzY29wZSI6InJlYWQiLCJqdGkiOiIxIiwiaWF0IjoxODAwMDAwMDAwLCJleHAiOjE4MDAwMDAzMDB9.\
///     GcENlqCchH47x3Jd90ZeEK5g9DMVEZWPJ3qAZwbbsfioMSJywrx9CJh0IJWWBEBHZdw4hYQ4YRpQZAPoiJ7ICw";
/// let may_read = provider.verify(token, |verified| verified.has_scope("read"))?;
/// assert!(may_read);
/// assert_eq!(provider.verify("another token", |_| ()).unwrap_err().code(), "jws_not_compact");
/// # Ok::<(), oidc_drive::ProviderError>(())
/// ```
#[derive(Clone)]
pub struct Provider(provider::Provider);

impl Provider {
    /// Begins the settings of a handle for this issuer, over this HTTP client. Nothing is fetched before it is
    /// needed, so a program starts while its provider is down.
    pub fn builder(issuer: impl Into<String>, io: Io) -> ProviderBuilder<Io> {
        ProviderBuilder::new(issuer.into(), io)
    }

    /// Returns the issuer, as the settings spell it.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.0.issuer()
    }

    /// Begins a login: returns the URL to which to send the user, and the state to keep until they return. If the
    /// provider or the [client](oidc_proto::flow::ClientBuilder::require_pushed_authorization_requests) demands it, the
    /// request is [pushed](Client::push_authorize): the URL then works once, and only for a short time.
    ///
    /// # Errors
    /// The metadata is not available, or [`Client::authorize`] or [`Client::push_authorize`] fails, or its flow does.
    pub fn authorize(
        &self,
        request: &AuthorizationRequest,
    ) -> Result<(Url, PendingAuthorization), ProviderError> {
        block_on(self.0.authorize(request))
    }

    /// Ends the login that `pending` began: exchanges the code, and verifies the ID token. For the user's
    /// [name](Authenticated::name), most providers need
    /// [`fetch_userinfo`](oidc_proto::flow::ClientBuilder::fetch_userinfo) in
    /// [`client`](crate::ProviderBuilder::client).
    ///
    /// A code is valid once, so the handle sends it once, whatever the outcome. Two callbacks of one login at the
    /// same time (a double click, a page that is loaded again) get the same user or the same failure. So does a
    /// callback within a minute after the first one. Every callback needs the same `pending`; a caller with another
    /// one gets nothing. Other handles and other nodes do not share any of this.
    ///
    /// # Errors
    /// [`PendingAuthorization::callback`] fails, or the flow does. After
    /// [`NoResponse`](ProviderError::NoResponse) the login must begin again, because it is unknown whether the
    /// provider has used the code. [`CodeSpent`](ProviderError::CodeSpent) if the code was sent for another login.
    pub fn callback(
        &self,
        pending: PendingAuthorization,
        response: AuthorizationResponse,
    ) -> Result<Authenticated, ProviderError> {
        block_on(self.0.callback(pending, response))
    }

    /// Exchanges a refresh token for new tokens. The response has the refresh token to use next; see
    /// [`Client::refresh`] for `previous`.
    ///
    /// A refresh token may be valid only once, so the handle sends it once. Callers at the same time get the same
    /// tokens or the same failure. A caller within a minute after them gets the same tokens. The result is checked
    /// against the `previous` of each caller. Other handles and other nodes share this only through a store:
    /// [`shared_refreshes`](ProviderBuilder::shared_refreshes).
    ///
    /// # Errors
    /// [`Client::refresh`] fails, or the flow does. After [`NoResponse`](ProviderError::NoResponse) it is unknown
    /// whether the provider has used the refresh token. If
    /// [`ProviderError::new_refresh_token`] has a token, keep it in place of the old one: the provider has replaced it,
    /// and something else in its response is not believed. [`RefreshTokenSpent`](ProviderError::RefreshTokenSpent) if
    /// the token was sent [for a part](Self::refresh_with) of what was granted, and has been replaced.
    pub fn refresh(
        &self,
        refresh_token: &Secret,
        previous: Option<PreviousLogin>,
    ) -> Result<Arc<Refreshed>, ProviderError> {
        block_on(self.0.refresh(refresh_token, previous))
    }

    /// Exchanges a refresh token for new tokens, for a part of what was granted: some scopes, some resources, some rights.
    /// Callers share a result only if they ask for the same; see
    /// [`Provider::refresh_with`](crate::Provider::refresh_with).
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh), and [`RefreshTokenSpent`](ProviderError::RefreshTokenSpent).
    pub fn refresh_with(
        &self,
        wanted: &RefreshRequest,
        previous: Option<PreviousLogin>,
    ) -> Result<Arc<Refreshed>, ProviderError> {
        block_on(self.0.refresh_with(wanted, previous))
    }

    /// Asks for a code that the user of a device can enter elsewhere (RFC 8628 section 3.1). Then [`poll`](Self::poll) with
    /// it.
    ///
    /// # Errors
    /// [`Client::device_authorization_with`] fails, or the flow does.
    pub fn device_authorization(
        &self,
        request: &DeviceAuthorizationRequest,
    ) -> Result<DeviceAuthorization, ProviderError> {
        block_on(self.0.device_authorization(request))
    }

    /// Asks for the tokens of a device until its user has decided, or the code expires. The thread waits for minutes.
    ///
    /// # Errors
    /// [`DeviceAuthorization::poll`] fails, or the flow does.
    pub fn poll(&self, device: DeviceAuthorization) -> Result<DeviceTokens, ProviderError> {
        block_on(self.0.poll(device))
    }

    /// Fetches the claims of the user with this `sub` from the UserInfo endpoint (OpenID Connect Core 1.0
    /// section 5.3), with the user's access token.
    ///
    /// # Errors
    /// [`Client::userinfo`] fails, or the flow does.
    pub fn userinfo(&self, access_token: &Secret, sub: &str) -> Result<UserInfo, ProviderError> {
        block_on(self.0.userinfo(access_token, sub))
    }

    /// Introspects a token as this client (RFC 7662). Each call sends a request.
    ///
    /// # Errors
    /// [`Client::introspect`] fails, or the flow does.
    pub fn introspect(
        &self,
        token: &Secret,
        hint: Option<TokenTypeHint>,
    ) -> Result<IntrospectionResponse, ProviderError> {
        block_on(self.0.introspect(token, hint))
    }

    /// Revokes a token of this client (RFC 7009): at logout, the refresh token. Afterwards the token is not valid,
    /// even if the provider has never seen it.
    ///
    /// # Errors
    /// [`Client::revoke`] fails, or the flow does. The token may still be valid then.
    pub fn revoke(&self, token: &Secret, hint: Option<TokenTypeHint>) -> Result<(), ProviderError> {
        block_on(self.0.revoke(token, hint))
    }

    /// Exchanges a token for another one (RFC 8693), such as a user's token at this API for a token at the next API. Each
    /// call sends a request.
    ///
    /// # Errors
    /// [`Client::exchange`] fails, or the flow does.
    pub fn exchange(&self, wanted: &TokenExchangeRequest) -> Result<ExchangedToken, ProviderError> {
        block_on(self.0.exchange(wanted))
    }

    /// Gets tokens with an assertion: a JWT (RFC 7523) or a SAML 2.0 assertion (RFC 7522) of a party that the provider
    /// trusts. Each call sends a request.
    ///
    /// # Errors
    /// [`Client::assertion_grant`] fails, or the flow does.
    pub fn assertion_grant(&self, wanted: AssertionGrantRequest) -> Result<TokenResponse, ProviderError> {
        block_on(self.0.assertion_grant(wanted))
    }

    /// Gets an ID-JAG from this identity provider: its word for a user, for the authorization server of another service.
    /// The handle of that server [redeems](Self::redeem_id_jag) it.
    ///
    /// # Errors
    /// [`Client::id_jag`] fails, or the flow does.
    pub fn id_jag(&self, wanted: &IdJagRequest) -> Result<IdJag, ProviderError> {
        block_on(self.0.id_jag(wanted))
    }

    /// Gets tokens of this authorization server with the ID-JAG of an identity provider.
    ///
    /// # Errors
    /// [`Client::redeem_id_jag`] fails, or the flow does.
    pub fn redeem_id_jag(&self, id_jag: IdJag) -> Result<TokenResponse, ProviderError> {
        block_on(self.0.redeem_id_jag(id_jag))
    }

    /// Gets tokens with a grant of one's own. [`GrantRequest`] has an example.
    ///
    /// # Errors
    /// [`Client::grant`] fails, or the flow does.
    pub fn grant(&self, wanted: &GrantRequest) -> Result<TokenResponse, ProviderError> {
        block_on(self.0.grant(wanted))
    }

    /// Returns an access token for this program itself (RFC 6749 section 4.4). The handle keeps the token, renews it
    /// before it expires while it is used, and shares it between callers with the same scopes and resources.
    ///
    /// # Errors
    /// No token is available; the error says why.
    pub fn client_credentials(
        &self,
        wanted: &ClientCredentialsRequest,
    ) -> Result<Published<TokenResponse>, ProviderError> {
        self.0.token_at_once(wanted).map_or_else(|| block_on(self.0.client_credentials(wanted)), Ok)
    }

    /// Returns a newer token than the one of this epoch, which a resource server has refused. The number of such
    /// renewals is limited, so a resource server that refuses every token does not cause a flood of requests.
    ///
    /// # Errors
    /// As [`client_credentials`](Self::client_credentials).
    pub fn client_credentials_newer_than(
        &self,
        wanted: &ClientCredentialsRequest,
        refused: Epoch,
    ) -> Result<Published<TokenResponse>, ProviderError> {
        block_on(self.0.client_credentials_newer_than(wanted, refused))
    }

    /// Begins the settings of a client for an API, which attaches access tokens to the requests of this program. The
    /// origin is a scheme, a host and a port, such as `https://api.example`: no other server gets the token.
    pub fn api(&self, origin: impl Into<String>) -> ApiBuilder<Api> {
        ApiBuilder::new(self.0.clone(), origin.into())
    }

    /// Verifies a bearer access token (RFC 9068) for [this program](ProviderBuilder::audience), and calls `read` with
    /// its claims. Waits only if keys must be fetched first.
    ///
    /// # Errors
    /// [`AccessToken`](ProviderError::AccessToken) if another token would help: answer 401. For any other error the
    /// client is not to blame: answer 503. In an async server, a [`Gate`](crate::Gate) makes these answers itself.
    pub fn verify<T>(
        &self,
        token: &str,
        read: impl FnOnce(&VerifiedAccessToken<'_>) -> T,
    ) -> Result<T, ProviderError> {
        self.0.verify_blocking(token, read)
    }

    /// Returns the keys of the provider, and fetches them if need be.
    ///
    /// # Errors
    /// No keys are available; the error says why.
    pub fn keys(&self) -> Result<Published<KeySet>, ProviderError> {
        self.0.keys_at_once().map_or_else(|| block_on(self.0.keys()), Ok)
    }

    /// Returns the metadata of the provider, and fetches it if need be.
    ///
    /// # Errors
    /// No metadata is available; the error says why.
    pub fn metadata(&self) -> Result<Arc<ProviderMetadata>, ProviderError> {
        self.0.metadata_at_once().map_or_else(|| block_on(self.0.metadata()), Ok)
    }

    /// Returns the client for the current metadata. Use it for flows that have no method here, and [run](Self::run)
    /// them.
    ///
    /// # Errors
    /// The metadata is not available, or the settings do not fit it.
    pub fn client(&self) -> Result<Client, ProviderError> {
        self.0.client_at_once().unwrap_or_else(|| block_on(self.0.client()))
    }

    /// Makes a key for a new session, of a kind that the provider accepts: on P-256 (`ES256`), or else on Ed25519.
    /// Give it to [`with_dpop_key`](Self::with_dpop_key), and save it with the login.
    ///
    /// # Errors
    /// The metadata is not available, or lists neither algorithm for DPoP proofs.
    ///
    /// # Panics
    /// If the operating system has no entropy, as with [`moment`](crate::moment).
    pub fn new_dpop_key(&self) -> Result<DpopKey, ProviderError> {
        block_on(self.0.new_dpop_key())
    }

    /// Returns a handle for the session of this key: everything that it gets is bound to the key. See
    /// [`Provider::with_dpop_key`](crate::Provider::with_dpop_key).
    #[must_use]
    pub fn with_dpop_key(&self, key: &DpopKey) -> Self {
        Self(self.0.with_dpop_key(key))
    }

    /// Runs any flow to its end.
    ///
    /// # Errors
    /// The flow fails.
    pub fn run<F: Flow>(&self, step: impl Into<Step<F>>) -> Result<F::Output, ProviderError> {
        block_on(self.0.run(step))
    }
}

impl ProviderBuilder<Io> {
    /// Builds the handle. Nothing is fetched.
    ///
    /// # Errors
    /// The issuer is not a valid issuer URL, or the policy does not allow it. Settings that depend on the metadata
    /// are checked when the metadata is there.
    pub fn build(self) -> Result<Provider, ProviderError> {
        self.build_over(|io| io.0).map(Provider)
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
