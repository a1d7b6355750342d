//! [`Source`]: where the token of an API comes from. Each renewal is shared between all callers.

use super::token::{ApiToken, SessionTokens};
use crate::{
    drive::Boxed,
    event::Watched,
    flight::{NotAvailableError, SingleFlight},
    io::Io,
    provider::{Provider, ProviderError},
};
use oidc_proto::{
    Secret,
    flow::{ClientCredentialsRequest, ConfigError, PreviousLogin, TokenExchangeRequest},
    renew::{Epoch, Need, RenewalError, Renewed},
};
use std::sync::{Arc, Mutex, PoisonError};

/// Gets a token. The argument is the one that the API has refused.
pub(super) type Fetch = Arc<dyn Fn(Option<Secret>) -> Boxed<Result<ApiToken, ProviderError>> + Send + Sync>;

/// Stores the tokens of a session.
pub(super) type Store = Arc<dyn Fn(SessionTokens) -> Boxed<()> + Send + Sync>;

/// Where tokens come from.
pub(super) enum Source {
    /// The tokens of the program itself. The handle shares them.
    Service(Box<ClientCredentialsRequest>),
    /// Tokens that this function gets.
    Fetched(Arc<Fetched>),
    /// One token, which nobody renews.
    Fixed(ApiToken),
}

/// A token that is fetched, and shared until it expires or is refused.
pub(super) struct Fetched {
    flight: Arc<SingleFlight<ApiToken>>,
    fetch: Fetch,
    /// Why the latest renewal failed.
    failed: Mutex<Option<ProviderError>>,
}

/// A token, and which of several it is.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) token: ApiToken,
    pub(super) epoch: Option<Epoch>,
}

impl Source {
    /// The tokens of a function. The observer of the handle hears of their renewals.
    pub(super) fn fetched(provider: &Provider, fetch: Fetch) -> Self {
        let watched = Watched::new("token", provider.issuer(), provider.io().observer());
        Self::watched(provider, fetch, watched)
    }

    fn watched(provider: &Provider, fetch: Fetch, watched: Watched) -> Self {
        let core = provider.core();
        let flight = SingleFlight::with_clock(core.tokens.policy(), Arc::clone(&core.clock)).watched(watched);
        Self::Fetched(Arc::new(Fetched { flight: Arc::new(flight), fetch, failed: Mutex::default() }))
    }

    /// Tokens by an exchange.
    pub(super) fn exchange(provider: &Provider, wanted: TokenExchangeRequest) -> Self {
        let (handle, wanted) = (provider.clone(), Arc::new(wanted));
        Self::fetched(
            provider,
            Arc::new(move |_| {
                let (provider, wanted) = (handle.clone(), Arc::clone(&wanted));
                Box::pin(async move {
                    let tokens = provider.exchange(&wanted).await?.tokens;
                    if tokens.is_access_token() {
                        Ok(ApiToken::from(&tokens))
                    } else {
                        Err(ConfigError::Parameter("requested_token_type").into())
                    }
                })
            }),
        )
    }

    /// The tokens of a session. New ones are stored before anybody uses them.
    pub(super) fn session(
        provider: &Provider,
        tokens: SessionTokens,
        previous: Option<PreviousLogin>,
        store: Store,
    ) -> Self {
        let now = provider.core().clock.now();
        let (handle, first) = (provider.clone(), tokens.access(now));
        let session = Arc::new(Mutex::new(tokens));
        let fetch: Fetch = Arc::new(move |_| {
            let (provider, previous) = (handle.clone(), previous.clone());
            let (session, store) = (Arc::clone(&session), Arc::clone(&store));
            Box::pin(async move {
                let known = session.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let (next, outcome) = match provider.refresh(&known.refresh_token, previous).await {
                    Ok(refreshed) => (known.refreshed(&refreshed), Ok(ApiToken::from(&refreshed.tokens))),
                    // The provider has replaced the refresh token, so the new one must not be lost.
                    Err(error) => match error.new_refresh_token().cloned() {
                        Some(refresh_token) => (SessionTokens { refresh_token, ..known }, Err(error)),
                        None => return Err(error),
                    },
                };
                session.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&next);
                store(next).await;
                outcome
            })
        });
        // The refresh reports to the observer itself.
        let source = Self::watched(provider, fetch, Watched::default());
        if let Self::Fetched(fetched) = &source {
            let renewed = Renewed::new(Arc::new(first.clone()), first.freshness);
            // An expired token is not kept, so the first caller refreshes.
            let _kept = fetched.flight.learn(renewed, now, fetched.flight.epoch());
        }
        source
    }

    /// Returns a token: any, or a newer one than that which the API has refused. `None` if there is none newer.
    pub(super) async fn get(
        &self,
        provider: &Provider,
        refused: Option<&Held>,
    ) -> Result<Option<Held>, ProviderError> {
        let need = refused.and_then(|refused| refused.epoch).map_or(Need::Any, Need::NewerThan);
        match self {
            Self::Fixed(token) => Ok(refused.is_none().then(|| Held { token: token.clone(), epoch: None })),
            Self::Service(wanted) => {
                let tokens = match need {
                    Need::NewerThan(epoch) => provider.client_credentials_newer_than(wanted, epoch).await?,
                    Need::Any | _ => provider.client_credentials(wanted).await?,
                };
                Ok(Some(Held { token: ApiToken::from(&*tokens.value), epoch: Some(tokens.epoch) }))
            }
            Self::Fetched(fetched) => {
                let refused = refused.map(|refused| refused.token.token.clone());
                fetched.get(need, refused, provider).await.map(Some)
            }
        }
    }
}

impl Fetched {
    async fn get(
        self: &Arc<Self>,
        need: Need,
        refused: Option<Secret>,
        provider: &Provider,
    ) -> Result<Held, ProviderError> {
        let io: &Arc<Io> = provider.io();
        let fetched = Arc::clone(self);
        let renew = move || async move {
            match (fetched.fetch)(refused).await {
                Ok(token) => {
                    let freshness = token.freshness;
                    Ok(Renewed::new(Arc::new(token), freshness))
                }
                Err(error) => {
                    let why = if let ProviderError::Protocol(error) = &error {
                        RenewalError::Flow(error.clone())
                    } else {
                        RenewalError::NoResponse
                    };
                    let _old = fetched.failed().replace(error);
                    Err(why)
                }
            }
        };
        // If callers can be cancelled, the renewal runs in the background: it may spend a refresh token.
        let (spawn, background) = (|task| io.spawn(task), |serves| serves || io.cancels());
        let sleep = |span| io.sleep(span);
        match self.flight.get_async_if(need, renew, sleep, spawn, background).await {
            Ok(held) => Ok(Held { token: (*held.value).clone(), epoch: Some(held.epoch) }),
            Err(why) => Err(self.reason(why)),
        }
    }

    fn reason(&self, why: NotAvailableError) -> ProviderError {
        let failed = if why.because.is_some() { self.failed().clone() } else { None };
        failed.unwrap_or(ProviderError::Unavailable(why))
    }

    fn failed(&self) -> std::sync::MutexGuard<'_, Option<ProviderError>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
