//! [`WorkloadTokens`]: access tokens for the token that a platform gives to a workload, renewed before they expire.

use super::{core::TOKEN, error::ProviderError, handle::Provider, sourced::Repeated};
use crate::{
    drive::DriveError,
    flight::SingleFlight,
    io::Fell,
    source::{Source, SourceError},
};
use oidc_proto::{
    Secret,
    flow::{AssertionGrantRequest, Step, TokenExchangeRequest},
    message::TokenResponse,
    renew::{Epoch, Freshness, Need, Published, RenewalError, Renewed},
};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// The grant for the token of a workload: a token exchange (RFC 8693), or the assertion of a JWT bearer grant (RFC 7523).
#[derive(Debug)]
#[non_exhaustive]
pub enum WorkloadGrant {
    /// The token is the subject token of an exchange.
    Exchange(TokenExchangeRequest),
    /// The token is the assertion.
    Assertion(AssertionGrantRequest),
}

impl From<TokenExchangeRequest> for WorkloadGrant {
    fn from(wanted: TokenExchangeRequest) -> Self {
        Self::Exchange(wanted)
    }
}

impl From<AssertionGrantRequest> for WorkloadGrant {
    fn from(wanted: AssertionGrantRequest) -> Self {
        Self::Assertion(wanted)
    }
}

/// Access tokens for the token of a workload. Cheap to clone; clones share the token. [`Provider::workload`] makes it.
#[derive(Clone)]
pub struct WorkloadTokens(Arc<Inner>);

struct Inner {
    provider: Provider,
    source: Source,
    grant: Box<dyn Fn(Secret) -> WorkloadGrant + Send + Sync>,
    flight: Arc<SingleFlight<TokenResponse>>,
    /// Why the latest renewal had no token to exchange, if that is why it failed.
    failed: Mutex<Option<SourceError>>,
}

impl Provider {
    /// Returns the access tokens that this provider gives for the token in a source, such as the token of a Kubernetes
    /// service account. `grant` makes the request of each attempt from what was read for it.
    ///
    /// ```
    /// use oidc_drive::{Io, Provider, ProviderError, oidc_proto::flow::*, source::Source};
    ///
    /// /// The token of a job of GitHub Actions becomes an access token for the API that the job deploys to.
    /// async fn deploy(provider: &Provider) -> Result<(), ProviderError> {
    ///     let tokens = provider.workload(Source::github_actions("https://op.example"), |job| {
    ///         TokenExchangeRequest::new(job, TokenTypeIdentifier::JWT).audience("https://api.example")
    ///     });
    ///     let token = tokens.token().await?; // the next call sends nothing, until the token has almost expired
    ///     # let _ = token;
    ///     Ok(())
    /// }
    /// # let _ = deploy;
    /// ```
    #[must_use]
    pub fn workload<G: Into<WorkloadGrant>>(
        &self,
        source: impl Into<Source>,
        grant: impl Fn(Secret) -> G + Send + Sync + 'static,
    ) -> WorkloadTokens {
        WorkloadTokens(Arc::new(Inner {
            provider: self.clone(),
            source: source.into(),
            grant: Box::new(move |token| grant(token).into()),
            flight: self.core.workload_flight(self.io.observer()),
            failed: Mutex::new(None),
        }))
    }
}

impl WorkloadTokens {
    /// Returns an access token. It is fetched if there is none, and renewed before it expires while it is used.
    ///
    /// # Errors
    /// No token is available; the error says why. [`ProviderError::Source`] if the source had none.
    pub async fn token(&self) -> Result<Published<TokenResponse>, ProviderError> {
        self.get(Need::Any).await
    }

    /// Returns a newer token than the one of this epoch, which a resource server has refused. The number of such renewals
    /// is limited.
    ///
    /// # Errors
    /// As [`token`](Self::token).
    pub async fn newer_than(&self, refused: Epoch) -> Result<Published<TokenResponse>, ProviderError> {
        self.get(Need::NewerThan(refused)).await
    }

    async fn get(&self, need: Need) -> Result<Published<TokenResponse>, ProviderError> {
        let (tokens, io) = (self.clone(), &self.0.provider.io);
        let renew = move || async move { tokens.renew().await };
        let (sleep, spawn) = (|span| io.sleep(span), |task| io.spawn(task));
        let token = self.0.flight.get_async_if(need, renew, sleep, spawn, |serves| serves).await;
        token.map_err(|why| {
            let failed = self.0.failed.lock().unwrap_or_else(PoisonError::into_inner).clone();
            match failed.filter(|_| why.because == Some(RenewalError::NoResponse)) {
                Some(failed) => ProviderError::Source(failed),
                None => self.0.provider.core.unavailable(why, TOKEN),
            }
        })
    }

    async fn renew(&self) -> Result<Renewed<TokenResponse>, RenewalError> {
        let Inner { provider, source, grant, failed, .. } = &*self.0;
        let keep = |why| *failed.lock().unwrap_or_else(PoisonError::into_inner) = why;
        keep(None);
        // Without a source of credentials, the flow repeats its request itself.
        let mut repeated = Repeated::by(provider);
        let ran = loop {
            let attempt = provider.attempt_for_renewal(TOKEN).await?;
            let token = source.read(&provider.io).await.map_err(|why| {
                keep(Some(why));
                RenewalError::NoResponse
            })?;
            let moment = provider.core.clock.moment();
            let ran = match grant(token) {
                WorkloadGrant::Exchange(wanted) => {
                    let ran = provider.io.run(Step::from(attempt.exchange(&wanted, moment)?)).await;
                    ran.map(|exchanged| exchanged.tokens)
                }
                WorkloadGrant::Assertion(wanted) => {
                    provider.io.run(Step::from(attempt.assertion_grant(wanted, moment)?)).await
                }
            };
            match &ran {
                Err(Fell { failed: DriveError::Protocol(error), .. }) if repeated.once_more(error) => {}
                _ => break ran,
            }
        };
        let tokens = ran.map_err(|fell| provider.core.issuer.lost().failure(TOKEN, fell))?;
        let freshness = tokens.expires_in.map_or(Freshness::UNKNOWN, Freshness::lasting);
        Ok(Renewed::new(Arc::new(tokens), freshness))
    }
}

impl fmt::Debug for WorkloadTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { provider, source, .. } = &*self.0;
        f.debug_struct("WorkloadTokens").field("issuer", &provider.issuer()).field("source", source).finish()
    }
}
