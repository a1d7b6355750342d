//! [`Provider`]: the handle, for async stacks.

use super::{
    core::{Core, Refused},
    error::{ProviderError, reason, stopped, told},
};
use crate::{
    drive::{block_on, observed},
    flight::{NotAvailableError, SingleFlight},
    io::Io,
    issuer::failure,
};
use oidc_proto::{
    Error, Secret,
    flow::{
        Authenticated, Client, ClientCredentialsRequest, Flow, PendingAuthorization, PreviousLogin,
        Refreshed, Step, TokenTypeHint,
    },
    jose::KeySet,
    message::{AuthorizationRequest, AuthorizationResponse, IntrospectionResponse, TokenResponse, UserInfo},
    metadata::ProviderMetadata,
    renew::{Epoch, Need, Published, RenewalError, Renewed, TokenRenewal},
    token::VerifiedAccessToken,
};
use std::{fmt, future::Future, sync::Arc, time::Duration};
use url::Url;

/// A provider, and this program as its client. Cheap to clone; clones share what they hold.
#[derive(Clone)]
pub struct Provider {
    core: Arc<Core>,
    io: Arc<Io>,
}

impl Provider {
    pub(crate) fn new(core: Core, io: Io) -> Self {
        Self { core: Arc::new(core), io: Arc::new(io) }
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.core.issuer.name()
    }

    /// Where to send the user, and what to keep until they return.
    ///
    /// # Errors
    /// The metadata cannot be had; or as [`Client::authorize`].
    pub async fn authorize(
        &self,
        request: &AuthorizationRequest,
    ) -> Result<(Url, PendingAuthorization), ProviderError> {
        Ok(self.client().await?.authorize(request, self.core.clock.moment())?)
    }

    /// Ends the login that `pending` began: the code is exchanged, and the ID token verified.
    ///
    /// A code is good once, so it is sent once, whatever comes of it: of two callbacks of one login that come at
    /// once (a double click, a page that is loaded again), both get the same user, or the same failure; and so
    /// does one that comes within a minute, though this future was dropped: the
    /// exchange goes on in the background, for as long as the runtime does. Only with the same `pending`: nobody else gets
    /// anything. Other handles, and other nodes, know nothing of it.
    ///
    /// # Errors
    /// As [`PendingAuthorization::callback`], and whatever the flow meets on its way. After
    /// [`NoResponse`](ProviderError::NoResponse) the login must be begun again: nobody knows whether the code is
    /// spent. [`CodeSpent`](ProviderError::CodeSpent) if it was sent for another login.
    pub async fn callback(
        &self,
        pending: PendingAuthorization,
        response: AuthorizationResponse,
    ) -> Result<Authenticated, ProviderError> {
        let client = self.client().await?;
        let keys = self.keys_if_any().await;
        let (held, came) = (pending.clone(), response.clone());
        // A callback that fits no login is refused, and concerns nobody else.
        let call = pending.callback(&client, keys, response, self.core.clock.moment())?;
        let login = self.core.login(&held, &came)?;
        let (provider, one) = (self.clone(), login.clone());
        let renew = move || async move {
            let (began, known) = (provider.core.clock.now(), provider.core.issuer.epoch());
            let ended =
                if one.is_first() { provider.run(call).await } else { Err(stopped(provider.issuer())) };
            Ok(provider.core.ended(ended, began, known))
        };
        let sleep = |span| self.io.sleep(span);
        // A caller who may go away leaves it to the background.
        let (spawn, background) = (|task| self.io.spawn(task), |_| self.io.cancels());
        let ended = login.flight.get_async_if(Need::Any, renew, sleep, spawn, background).await;
        ended.map_err(|why| self.unavailable(why, "login"))?.value.as_ref().clone()
    }

    /// Spends a refresh token. What comes back holds the one to use next; see
    /// [`Client::refresh`] for `previous`.
    ///
    /// A refresh token is good once, so it is sent once: who asks at the same time gets the same tokens, or
    /// the same failure; and so does, within a minute, who asks again because this future was dropped: the
    /// exchange goes on in the background, for as long as the runtime does. What came is held to the
    /// `previous` of each who asks. Other handles, and other nodes, know nothing of it.
    ///
    /// # Errors
    /// As [`Client::refresh`], and whatever the flow meets on its way. After
    /// [`NoResponse`](ProviderError::NoResponse) nobody knows whether the refresh token is spent.
    pub async fn refresh(
        &self,
        refresh_token: &Secret,
        previous: Option<PreviousLogin>,
    ) -> Result<Arc<Refreshed>, ProviderError> {
        let client = self.client().await?;
        // A login that cannot be meant concerns nobody else who has this token: nothing is sent.
        let ours = previous.iter().try_for_each(|previous| client.check_previous(previous));
        ours.map_err(oidc_proto::Error::from)?;
        let (hash, flight) = self.core.refreshes.flight(refresh_token);
        let (provider, token) = (self.clone(), refresh_token.clone());
        let renew = move || async move {
            let began = provider.core.clock.now();
            let keys = provider.keys_if_any().await;
            let known = provider.core.issuer.epoch();
            let refreshed =
                provider.io.run(client.refresh(&token, None, keys, provider.core.clock.moment())?).await;
            let refreshed = refreshed.map_err(|fell| provider.core.issuer.lost().failure("refresh", fell))?;
            Ok(provider.core.refreshed(&hash, refreshed, began, known))
        };
        let sleep = |span| self.io.sleep(span);
        // A caller who may go away leaves it to the background.
        let (spawn, background) = (|task| self.io.spawn(task), |_| self.io.cancels());
        let refreshed = flight.get_async_if(Need::Any, renew, sleep, spawn, background).await;
        let refreshed = refreshed.map_err(|why| self.unavailable(why, "refresh"))?.value;
        Core::hold_to(&refreshed, previous.as_ref())?;
        Ok(refreshed)
    }

    /// Asks for the claims of the user with this `sub`, by their access token.
    ///
    /// # Errors
    /// As [`Client::userinfo`], and whatever the flow meets on its way.
    pub async fn userinfo(&self, access_token: &Secret, sub: &str) -> Result<UserInfo, ProviderError> {
        self.run(self.client().await?.userinfo(access_token, sub, self.core.clock.moment())?).await
    }

    /// Asks what the provider says of a token, as this client (RFC 7662). Each call asks: for a whole API,
    /// a [`Gate`](crate::Gate) remembers for a short time.
    ///
    /// # Errors
    /// As [`Client::introspect`], and whatever the flow meets on its way.
    pub async fn introspect(
        &self,
        token: &Secret,
        hint: Option<TokenTypeHint>,
    ) -> Result<IntrospectionResponse, ProviderError> {
        self.run(self.client().await?.introspect(token, hint, self.core.clock.moment())?).await
    }

    /// Revokes a token that this client was given (RFC 7009): at logout, the refresh token. Afterwards the
    /// token is worth nothing, even if the provider has never seen it.
    ///
    /// # Errors
    /// As [`Client::revoke`], and whatever the flow meets on its way: then the token may still be good.
    pub async fn revoke(&self, token: &Secret, hint: Option<TokenTypeHint>) -> Result<(), ProviderError> {
        self.run(self.client().await?.revoke(token, hint, self.core.clock.moment())?).await
    }

    /// A token for this program itself. It is kept, renewed ahead of its end while it is used, and
    /// shared by all who ask for the same scopes and resources.
    ///
    /// # Errors
    /// There is none now, and this is why.
    pub async fn client_credentials(
        &self,
        wanted: &ClientCredentialsRequest,
    ) -> Result<Published<TokenResponse>, ProviderError> {
        self.token(wanted, Need::Any).await
    }

    /// Another token than the one of this epoch, which a resource server has refused. Asked for too
    /// often, there is none: a resource server that refuses every token is not to become a flood.
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

    /// Verifies a bearer access token that is meant for [this program](super::ProviderBuilder::audience), and
    /// reads what is wanted of it. Nothing is awaited unless keys must be fetched first.
    ///
    /// # Errors
    /// [`AccessToken`](ProviderError::AccessToken) if another token would help: answer 401. Otherwise
    /// the fault is not the client's: answer 503. A [`Gate`](crate::Gate) gives such answers itself.
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

    /// The same on a thread that blocks. No future is made where the keys at hand can tell.
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

    /// The keys.
    ///
    /// # Errors
    /// There are none now, and this is why.
    pub async fn keys(&self) -> Result<Published<KeySet>, ProviderError> {
        self.keys_as(Need::Any).await.map_err(|why| self.unavailable(why, "keys"))
    }

    /// The metadata.
    ///
    /// # Errors
    /// There is none now, and this is why.
    pub async fn metadata(&self) -> Result<Arc<ProviderMetadata>, ProviderError> {
        self.core.issuer.metadata(&self.io).await.map_err(|why| self.unavailable(why, "metadata"))
    }

    /// The client by the metadata of now, for what this handle has no method for.
    ///
    /// # Errors
    /// The metadata cannot be had, or the settings do not fit it.
    pub async fn client(&self) -> Result<Client, ProviderError> {
        Ok(self.core.client(self.metadata().await?)?.with_dpop_nonces(self.io.nonces()))
    }

    /// Runs any flow to its end.
    ///
    /// # Errors
    /// Whatever the flow meets on its way.
    pub async fn run<F: Flow>(&self, step: impl Into<Step<F>>) -> Result<F::Output, ProviderError> {
        let send = |request, terms| self.io.send(request, terms);
        let sleep = |span| self.io.sleep(span);
        let ran = observed(step, self.io.clock(), send, sleep, self.io.observer()).await;
        ran.map_err(|failed| reason(failed, self.issuer()))
    }

    /// For a token on which the keys at hand cannot decide.
    async fn verify_later<T, R: FnOnce(&VerifiedAccessToken<'_>) -> T>(
        &self,
        token: &str,
        (refused, read): (Option<Refused>, R),
    ) -> Result<T, ProviderError> {
        // Two waits take no more time than one may.
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

    /// Without any, a flow fetches them for itself if it needs them.
    async fn keys_if_any(&self) -> Option<Arc<KeySet>> {
        self.keys_as(Need::Any).await.ok().map(|published| published.value)
    }

    async fn token(
        &self,
        wanted: &ClientCredentialsRequest,
        need: Need,
    ) -> Result<Published<TokenResponse>, ProviderError> {
        self.core.sweep(self.core.clock.now());
        let flight: Arc<SingleFlight<TokenResponse>> = self.core.tokens.flight(wanted);
        let (provider, asked) = (self.clone(), wanted.clone());
        let renew = move || async move { provider.fetch_token(&asked).await };
        let sleep = |span| self.io.sleep(span);
        let spawn = |task| self.io.spawn(task);
        let token = flight.get_async_if(need, renew, sleep, spawn, |serves| serves).await;
        token.map_err(|why| self.unavailable(why, "token"))
    }

    async fn fetch_token(
        &self,
        wanted: &ClientCredentialsRequest,
    ) -> Result<Renewed<TokenResponse>, RenewalError> {
        let client = self.client_for_renewal().await?;
        let token = self.io.run(TokenRenewal::start(&client, wanted, self.core.clock.moment())?).await;
        token.map_err(|fell| self.core.issuer.lost().failure("token", fell))
    }

    async fn client_for_renewal(&self) -> Result<Client, RenewalError> {
        let metadata = self.core.issuer.metadata_for_renewal(&self.io).await;
        let metadata = metadata.map_err(|why| failure(why, "token", self.core.issuer.lost()))?.value;
        let client = self.core.client(metadata).map_err(Error::from)?;
        Ok(client.with_dpop_nonces(self.io.nonces()))
    }

    /// What a thread that blocks is given without any future, where nobody need be asked for it.
    pub(crate) fn keys_at_once(&self) -> Option<Published<KeySet>> {
        self.core.issuer.keys_at_once()
    }

    pub(crate) fn metadata_at_once(&self) -> Option<Arc<ProviderMetadata>> {
        self.core.issuer.metadata_at_once()
    }

    pub(crate) fn client_at_once(&self) -> Option<Result<Client, ProviderError>> {
        Some(self.core.client(self.metadata_at_once()?).map_err(Into::into))
    }

    pub(crate) fn token_at_once(
        &self,
        wanted: &ClientCredentialsRequest,
    ) -> Option<Published<TokenResponse>> {
        let token = self.core.tokens.existing(wanted)?.get_at_once()?;
        self.core.sweep(self.core.clock.now());
        Some(token)
    }

    fn unavailable(&self, why: NotAvailableError, what: &'static str) -> ProviderError {
        self.core.unavailable(why, what)
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.core.fmt(f)
    }
}
