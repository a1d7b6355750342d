//! [`Provider`]: the handle for async programs.

use super::{
    core::{Core, Refused, TOKEN},
    error::{ProviderError, reason, stopped, told},
    session::Session,
};
use crate::{
    drive::{block_on, observed},
    flight::{NotAvailableError, SingleFlight},
    io::Io,
    issuer::failure,
};
use oidc_proto::{
    Secret,
    flow::{
        Authenticated, Client, ClientCredentialsRequest, Flow, PendingAuthorization, PreviousLogin,
        RefreshRequest, Refreshed, Step, TokenTypeHint,
    },
    jose::KeySet,
    message::{AuthorizationRequest, AuthorizationResponse, IntrospectionResponse, TokenResponse, UserInfo},
    metadata::ProviderMetadata,
    renew::{Epoch, Need, Published, RenewalError, Renewed, TokenRenewal},
    token::VerifiedAccessToken,
};
use std::{fmt, future::Future, sync::Arc, time::Duration};
use url::Url;

/// A handle for one provider, with this program as its client. Cheap to clone; clones share metadata, keys and
/// tokens.
///
/// ```
/// use oidc_drive::{Io, Provider, http, oidc_proto::flow::{ClientCredentialsRequest, Request, Terms}};
///
/// // Any async HTTP client is a closure. This one answers by hand.
/// async fn send(request: Request, _: Terms) -> Result<http::Response<&'static str>, http::Error> {
///     let body = match request.uri().path() {
///         "/token" => r#"{"access_token": "a token", "token_type": "Bearer", "expires_in": 3600}"#,
///         _ => r#"{"issuer": "https://op.example", "token_endpoint": "https://op.example/token",
///                  "response_types_supported": ["code"]}"#,
///     };
///     http::Response::builder().header("content-type", "application/json").body(body)
/// }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), oidc_drive::ProviderError> {
///     let io = Io::new(send, |task| drop(tokio::spawn(task)), tokio::time::sleep);
///     let provider =
///         Provider::builder("https://op.example", io).client_id("service").secret("my secret").build()?;
///
///     // A token for this program itself. The second call sends nothing.
///     let wanted = ClientCredentialsRequest::new(["read"]);
///     let first = provider.client_credentials(&wanted).await?;
///     let second = provider.client_credentials(&wanted).await?;
///     assert_eq!(first.value.access_token.expose(), "a token");
///     assert_eq!(first.epoch, second.epoch);
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Provider {
    pub(super) core: Arc<Core>,
    pub(super) io: Arc<Io>,
    /// The session that this handle is for, if it is for one.
    pub(super) session: Option<Arc<Session>>,
}

impl Provider {
    pub(crate) fn new(core: Core, io: Io) -> Self {
        Self::over(core, Arc::new(io))
    }

    pub(super) fn over(core: Core, io: Arc<Io>) -> Self {
        Self { core: Arc::new(core), io, session: None }
    }

    /// Returns the issuer, as the settings spell it.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.core.issuer.name()
    }

    /// Begins a login: returns the URL to which to send the user, and the state to keep until they return. If the
    /// provider or the [client](oidc_proto::flow::ClientBuilder::require_pushed_authorization_requests) demands it, the
    /// request is [pushed](Client::push_authorize): the URL then works once, and only for a short time.
    ///
    /// # Errors
    /// The metadata is not available, or [`Client::authorize`] or [`Client::push_authorize`] fails, or its flow does.
    pub async fn authorize(
        &self,
        request: &AuthorizationRequest,
    ) -> Result<(Url, PendingAuthorization), ProviderError> {
        self.begin(self.client().await?, request, self.core.clock.moment()).await
    }

    /// Ends the login that `pending` began: exchanges the code, and verifies the ID token. For the user's
    /// [name](Authenticated::name), most providers need
    /// [`fetch_userinfo`](oidc_proto::flow::ClientBuilder::fetch_userinfo) in
    /// [`client`](super::ProviderBuilder::client).
    ///
    /// A code is valid once, so the handle sends it once, whatever the outcome. Two callbacks of one login at the
    /// same time (a double click, a page that is loaded again) get the same user or the same failure. So does a
    /// callback within a minute after the first one, even if the first future was dropped: the exchange goes on in
    /// the background while the runtime lives. Every callback needs the same `pending`; a caller with another one
    /// gets nothing. Other handles and other nodes do not share any of this.
    ///
    /// # Errors
    /// [`PendingAuthorization::callback`] fails, or the flow does. After
    /// [`NoResponse`](ProviderError::NoResponse) the login must begin again, because it is unknown whether the
    /// provider has used the code. [`CodeSpent`](ProviderError::CodeSpent) if the code was sent for another login.
    pub async fn callback(
        &self,
        pending: PendingAuthorization,
        response: AuthorizationResponse,
    ) -> Result<Authenticated, ProviderError> {
        let keys = self.keys_if_any().await;
        let (held, came, provider) = (pending.clone(), response.clone(), self.clone());
        let begin = move || {
            let (provider, pending, response) = (provider.clone(), pending.clone(), response.clone());
            let keys = keys.clone();
            async move {
                let attempt = provider.attempt().await?;
                Ok(attempt.callback(pending, keys, response, provider.core.clock.moment())?)
            }
        };
        // Refuses a callback that does not fit its login before it can affect another caller.
        let client = self.client().await?;
        let step = begin().await?;
        let login = self.core.login(&held, &came, &client)?;
        let (provider, one) = (self.clone(), login.clone());
        let renew = move || async move {
            let (began, known) = (provider.core.clock.now(), provider.core.issuer.epoch());
            let ended = match one.is_first() {
                true => provider.attempts(step, false, begin).await,
                false => Err(stopped(provider.issuer())),
            };
            Ok(provider.core.ended(ended, began, known))
        };
        let sleep = |span| self.io.sleep(span);
        // If callers can be cancelled, the exchange runs in the background.
        let (spawn, background) = (|task| self.io.spawn(task), |_| self.io.cancels());
        let ended = login.flight.get_async_if(Need::Any, renew, sleep, spawn, background).await;
        ended.map_err(|why| self.unavailable(why, "login"))?.value.as_ref().clone()
    }

    /// Exchanges a refresh token for new tokens. The response has the refresh token to use next; see
    /// [`Client::refresh`] for `previous`.
    ///
    /// A refresh token may be valid only once, so the handle sends it once. Callers at the same time get the same
    /// tokens or the same failure. A caller within a minute after them gets the same tokens, even if the first future
    /// was dropped: the exchange goes on in the background while the runtime lives. The result is checked against the
    /// `previous` of each caller. Other handles and other nodes share this only through a store:
    /// [`shared_refreshes`](super::ProviderBuilder::shared_refreshes).
    ///
    /// # Errors
    /// [`Client::refresh`] fails, or the flow does. After [`NoResponse`](ProviderError::NoResponse) it is unknown
    /// whether the provider has used the refresh token. If
    /// [`ProviderError::new_refresh_token`] has a token, keep it in place of the old one: the provider has replaced it,
    /// and something else in its response is not believed. [`RefreshTokenSpent`](ProviderError::RefreshTokenSpent) if
    /// the token was sent [for a part](Self::refresh_with) of what was granted, and has been replaced.
    pub async fn refresh(
        &self,
        refresh_token: &Secret,
        previous: Option<PreviousLogin>,
    ) -> Result<Arc<Refreshed>, ProviderError> {
        self.refresh_with(&RefreshRequest::new(refresh_token.clone()), previous).await
    }

    /// Fetches the claims of the user with this `sub` from the UserInfo endpoint (OpenID Connect Core 1.0
    /// section 5.3), with the user's access token.
    ///
    /// # Errors
    /// [`Client::userinfo`] fails, or the flow does.
    pub async fn userinfo(&self, access_token: &Secret, sub: &str) -> Result<UserInfo, ProviderError> {
        // Only signed claims need keys, and the flow fetches them if there are none in memory.
        let keys = self.keys_at_once().map(|published| published.value);
        let (client, moment) = (self.client().await?, self.core.clock.moment());
        self.run(client.userinfo_with_keys(access_token, sub, keys, moment)?).await
    }

    /// Introspects a token as this client (RFC 7662). Each call sends a request. For a whole API, use a
    /// [`Gate`](crate::Gate), which keeps the responses for a short time.
    ///
    /// # Errors
    /// [`Client::introspect`] fails, or the flow does.
    pub async fn introspect(
        &self,
        token: &Secret,
        hint: Option<TokenTypeHint>,
    ) -> Result<IntrospectionResponse, ProviderError> {
        // Only a signed response needs keys, and the flow fetches them if there are none in memory.
        let (keys, known) = (self.keys_at_once().map(|keys| keys.value), self.core.issuer.epoch());
        let said = self.ask(
            |client, moment| client.introspect_with_keys(token, hint, keys.clone(), moment),
            |attempt, moment| attempt.introspect_with_keys(token, hint, keys.clone(), moment),
        );
        let said = said.await?;
        self.core.issuer.learn(&said.learned, known);
        Ok(said.response)
    }

    /// Revokes a token of this client (RFC 7009): at logout, the refresh token. Afterwards the token is not valid,
    /// even if the provider has never seen it.
    ///
    /// # Errors
    /// [`Client::revoke`] fails, or the flow does. The token may still be valid then.
    pub async fn revoke(&self, token: &Secret, hint: Option<TokenTypeHint>) -> Result<(), ProviderError> {
        self.ask(
            |client, moment| client.revoke(token, hint, moment),
            |attempt, moment| attempt.revoke(token, hint, moment),
        )
        .await
    }

    /// Returns an access token for this program itself (RFC 6749 section 4.4). The handle keeps the token, renews it
    /// before it expires while it is used, and shares it between callers with the same scopes and resources.
    ///
    /// # Errors
    /// No token is available; the error says why.
    pub async fn client_credentials(
        &self,
        wanted: &ClientCredentialsRequest,
    ) -> Result<Published<TokenResponse>, ProviderError> {
        self.token(wanted, Need::Any).await
    }

    /// Returns a newer token than the one of this epoch, which a resource server has refused. The number of such
    /// renewals is limited, so a resource server that refuses every token does not cause a flood of requests.
    ///
    /// # Errors
    /// As [`client_credentials`](Self::client_credentials).
    pub async fn client_credentials_newer_than(
        &self,
        wanted: &ClientCredentialsRequest,
        refused: Epoch,
    ) -> Result<Published<TokenResponse>, ProviderError> {
        self.token(wanted, Need::NewerThan(refused)).await
    }

    /// Verifies a bearer access token (RFC 9068) for [this program](super::ProviderBuilder::audience), and calls
    /// `read` with its claims. Waits only if keys must be fetched first.
    ///
    /// # Errors
    /// [`AccessToken`](ProviderError::AccessToken) if another token would help: answer 401. For any other error the
    /// client is not to blame: answer 503. A [`Gate`](crate::Gate) makes these answers itself.
    pub async fn verify<T>(
        &self,
        token: &str,
        read: impl FnOnce(&VerifiedAccessToken<'_>) -> T,
    ) -> Result<T, ProviderError> {
        let started = self.io.observer().start();
        let verified = match self.core.verify_now(token, read) {
            Ok(Err(later)) => self.verify_later(token, later).await,
            Ok(Ok(verified)) => Ok(verified),
            Err(error) => Err(error),
        };
        told(self.io.observer(), started, verified.as_ref().map(drop));
        verified
    }

    /// [`verify`](Self::verify) for a thread that blocks. Makes no future if the keys in memory can decide.
    pub(crate) fn verify_blocking<T>(
        &self,
        token: &str,
        read: impl FnOnce(&VerifiedAccessToken<'_>) -> T,
    ) -> Result<T, ProviderError> {
        let started = self.io.observer().start();
        let verified = match self.core.verify_now(token, read) {
            Ok(Err(later)) => block_on(self.verify_later(token, later)),
            Ok(Ok(verified)) => Ok(verified),
            Err(error) => Err(error),
        };
        told(self.io.observer(), started, verified.as_ref().map(drop));
        verified
    }

    /// Returns the keys of the provider, and fetches them if need be.
    ///
    /// # Errors
    /// No keys are available; the error says why.
    pub async fn keys(&self) -> Result<Published<KeySet>, ProviderError> {
        self.keys_as(Need::Any).await.map_err(|why| self.unavailable(why, "keys"))
    }

    /// Returns the metadata of the provider, and fetches it if need be.
    ///
    /// # Errors
    /// No metadata is available; the error says why.
    pub async fn metadata(&self) -> Result<Arc<ProviderMetadata>, ProviderError> {
        self.core.issuer.metadata(&self.io).await.map_err(|why| self.unavailable(why, "metadata"))
    }

    /// Returns the client for the current metadata. Use it for flows that have no method here, and [run](Self::run)
    /// them.
    ///
    /// # Errors
    /// The metadata is not available, or the settings do not fit it.
    pub async fn client(&self) -> Result<Client, ProviderError> {
        let metadata = self.metadata().await?;
        self.client_of(metadata).await
    }

    /// Runs any flow to its end.
    ///
    /// # Errors
    /// The flow fails.
    pub async fn run<F: Flow>(&self, step: impl Into<Step<F>>) -> Result<F::Output, ProviderError> {
        let send = |request, terms| self.io.send(request, terms);
        let sleep = |span| self.io.sleep(span);
        let ran = observed(step, self.io.clock(), send, sleep, self.io.observer()).await;
        ran.map_err(|failed| reason(failed, self.issuer()))
    }

    /// Verifies a token for which the keys in memory cannot decide.
    async fn verify_later<T, R: FnOnce(&VerifiedAccessToken<'_>) -> T>(
        &self,
        token: &str,
        (refused, read): (Option<Refused>, R),
    ) -> Result<T, ProviderError> {
        // Both waits share the patience of one.
        let since = self.core.clock.now();
        let sleep = |span: Duration| {
            let left = since.after(self.core.patience).0.saturating_sub(self.core.clock.now().0);
            self.io.sleep(span.min(Duration::from_secs(u64::try_from(left).unwrap_or(0))))
        };
        let (Refused { rejected, epoch }, read) = match refused {
            Some(refused) => (refused, read),
            None => {
                let keys = self.core.issuer.keys(Need::Any, &self.io, sleep).await;
                let keys = keys.map_err(|why| self.unavailable(why, "keys"))?;
                match self.core.judge(token, &keys.value, read)? {
                    Ok(verified) => return Ok(verified),
                    Err((rejected, read)) => (Refused { rejected, epoch: keys.epoch }, read),
                }
            }
        };
        match self.core.issuer.keys(Need::NewerThan(epoch), &self.io, sleep).await {
            Ok(newer) => match self.core.judge(token, &newer.value, read)? {
                Ok(verified) => Ok(verified),
                Err((rejected, _)) => Err(rejected.into()),
            },
            Err(why) if self.core.is_to_blame(&why) => Err(self.unavailable(why, "keys")),
            Err(_) => Err(rejected.into()),
        }
    }

    fn keys_as(&self, need: Need) -> impl Future<Output = Result<Published<KeySet>, NotAvailableError>> {
        self.core.issuer.keys(need, &self.io, |span| self.io.sleep(span))
    }

    /// The keys, if they are available. Without them, a flow that needs keys fetches them itself.
    pub(super) async fn keys_if_any(&self) -> Option<Arc<KeySet>> {
        self.keys_as(Need::Any).await.ok().map(|published| published.value)
    }

    async fn token(
        &self,
        wanted: &ClientCredentialsRequest,
        need: Need,
    ) -> Result<Published<TokenResponse>, ProviderError> {
        self.core.sweep(self.core.clock.now());
        let flight: Arc<SingleFlight<TokenResponse>> = self.tokens().flight(wanted);
        let (provider, asked) = (self.clone(), wanted.clone());
        let renew = move || async move { provider.fetch_token(&asked).await };
        let sleep = |span| self.io.sleep(span);
        let spawn = |task| self.io.spawn(task);
        let token = flight.get_async_if(need, renew, sleep, spawn, |serves| serves).await;
        token.map_err(|why| self.unavailable(why, TOKEN))
    }

    async fn fetch_token(
        &self,
        wanted: &ClientCredentialsRequest,
    ) -> Result<Renewed<TokenResponse>, RenewalError> {
        let begin = |attempt, moment| TokenRenewal::start(attempt, wanted, moment);
        let token = self.renewed(TOKEN, begin, || false).await?;
        token.map_err(|fell| self.core.issuer.lost().failure(TOKEN, fell))
    }

    pub(super) async fn metadata_for_renewal(&self) -> Result<Arc<ProviderMetadata>, RenewalError> {
        let metadata = self.core.issuer.metadata_for_renewal(&self.io).await;
        Ok(metadata.map_err(|why| failure(why, TOKEN, self.core.issuer.lost()))?.value)
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    pub(crate) const fn io(&self) -> &Arc<Io> {
        &self.io
    }

    /// A client with the settings of this handle, for what does not depend on the metadata: even during an outage.
    pub(crate) async fn any_client(&self) -> Result<Client, ProviderError> {
        match self.core.latest_client() {
            Some(client) => Ok(self.in_session(client)?),
            None => self.client().await,
        }
    }

    /// The keys in memory, for a thread that blocks: no future is made. `None` if they must be fetched. The next three
    /// methods do the same for other values.
    pub(crate) fn keys_at_once(&self) -> Option<Published<KeySet>> {
        self.core.issuer.keys_at_once()
    }

    pub(crate) fn metadata_at_once(&self) -> Option<Arc<ProviderMetadata>> {
        self.core.issuer.metadata_at_once()
    }

    pub(crate) fn client_at_once(&self) -> Option<Result<Client, ProviderError>> {
        let reads = self.core.sources.secret.is_some();
        Some(self.made_client(self.metadata_at_once().filter(|_| !reads)?, None).map_err(Into::into))
    }

    pub(crate) fn token_at_once(
        &self,
        wanted: &ClientCredentialsRequest,
    ) -> Option<Published<TokenResponse>> {
        let token = self.tokens().existing(wanted)?.get_at_once()?;
        self.core.sweep(self.core.clock.now());
        Some(token)
    }

    pub(super) fn unavailable(&self, why: NotAvailableError, what: &'static str) -> ProviderError {
        self.core.unavailable(why, what)
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.core.fmt(f)
    }
}
