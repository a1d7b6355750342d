//! Attempts with credentials from a [`Source`]: read, sent once, and read again for another attempt.
//!
//! ```text
//! read ─▶ one attempt ─▶ an outcome
//!                     ─▶ another DPoP nonce, another challenge or a newer attestation is wanted ─▶ read ─▶ one attempt more
//!                     ─▶ busy, or no response, and a repetition does no harm ─▶ wait ─▶ read ─▶ an attempt, at most 3
//! ```
//! Without a source, a flow repeats its request itself.

use super::{
    core::{REFRESH, Sources},
    error::{ProviderError, reason},
    handle::Provider,
};
use crate::{
    drive::{DriveError, drive_to_rest, ended, waited},
    io::Fell,
};
use oidc_proto::{
    Error, Moment, Timestamp,
    flow::{
        Assertion, Attempt, Call, Client, ConfigError, Endpoint, Flow, MAX_RETRIES, Pause, RETRY_AFTER_CAP,
        RefreshRequest, Refreshed, Step,
    },
    jose::KeySet,
    metadata::ProviderMetadata,
    renew::RenewalError,
    sender::ClientAttestation,
};
use std::{future::Future, sync::Arc, time::Duration};

impl Provider {
    /// Whether credentials are read from a source for each attempt.
    pub(super) fn is_sourced(&self) -> bool {
        let Sources { assertion, attestation, secret } = &self.core.sources;
        assertion.is_some() || attestation.is_some() || secret.is_some()
    }

    /// Returns the client for this metadata, with the newest secret.
    pub(super) async fn client_of(&self, metadata: Arc<ProviderMetadata>) -> Result<Client, ProviderError> {
        let secret = match &self.core.sources.secret {
            Some(source) => Some(source.read(&self.io).await?),
            None => None,
        };
        Ok(self.made_client(metadata, secret)?)
    }

    /// Returns one attempt of this client, with an assertion or an attestation that has just been read.
    async fn attempt_of(&self, client: &Client) -> Result<Attempt, ProviderError> {
        let Sources { assertion, attestation, .. } = &self.core.sources;
        if let Some(source) = assertion {
            return Ok(client.attempt(Assertion::foreign(source.read(&self.io).await?)));
        }
        let Some(source) = attestation else { return Ok(Attempt::from(client)) };
        let attested = ClientAttestation::parse(source.read(&self.io).await?).map_err(ConfigError::from);
        let attested = attested.and_then(|attestation| client.with_attestation(&attestation));
        Ok(Attempt::from(&attested.map_err(Error::from)?))
    }

    /// Leaves the repetitions to this module if there is a source: its next credential is for the next attempt.
    fn single(&self, attempt: Attempt) -> Attempt {
        if self.is_sourced() { attempt.single() } else { attempt }
    }

    /// Returns one attempt, with credentials that have just been read.
    pub(super) async fn attempt(&self) -> Result<Attempt, ProviderError> {
        Ok(self.single(self.only_attempt().await?))
    }

    /// Returns the only attempt of a request that this module cannot repeat. Its flow does so if it can.
    pub(super) async fn only_attempt(&self) -> Result<Attempt, ProviderError> {
        let client = self.client().await?;
        self.attempt_of(&client).await
    }

    /// Returns one attempt for the renewal of `what`. If a source has no credential, nobody is asked.
    pub(super) async fn attempt_for_renewal(&self, what: &'static str) -> Result<Attempt, RenewalError> {
        let keep = |failed| self.core.source_failed(what, failed);
        keep(None);
        let fallen = |error: ProviderError| match error {
            ProviderError::Source(failed) => {
                keep(Some(failed));
                RenewalError::NoResponse
            }
            ProviderError::Protocol(error) => RenewalError::Flow(error),
            ProviderError::NoResponse(_)
            | ProviderError::Unavailable(_)
            | ProviderError::AccessToken(_)
            | ProviderError::CodeSpent
            | ProviderError::NoAudience
            | ProviderError::OtherIssuer(_)
            | ProviderError::TwoIssuerRules
            | ProviderError::RefreshTokenSpent { .. }
            | ProviderError::Shared(_) => RenewalError::NoResponse,
        };
        let client = self.client_of(self.metadata_for_renewal().await?).await.map_err(fallen)?;
        let attempt = self.attempt_of(&client).await.map_err(fallen)?;
        Ok(self.single(attempt))
    }

    /// Sends a refresh token, once more if the provider wants another nonce. `client` is for a handle without sources. If
    /// credentials are read until `is_late` says so, the token is not sent: the outer error says so.
    pub(super) async fn refresh_once(
        &self,
        client: &Client,
        wanted: &RefreshRequest,
        keys: Option<Arc<KeySet>>,
        is_late: impl Fn() -> bool,
    ) -> Result<Result<Refreshed, Fell>, RenewalError> {
        if !self.is_sourced() {
            return Ok(self.io.run(client.refresh_with(wanted, None, keys, self.core.clock.moment())?).await);
        }
        let begin = |attempt: Attempt, moment| attempt.refresh_with(wanted, None, keys.clone(), moment);
        self.renewed(REFRESH, begin, is_late).await
    }

    /// Runs one attempt of a renewal of `what`, and another one if the provider wants another nonce. Nothing is sent when it
    /// is too late.
    pub(super) async fn renewed<F>(
        &self,
        what: &'static str,
        begin: impl Fn(Attempt, Moment) -> Result<Call<F>, Error>,
        is_late: impl Fn() -> bool,
    ) -> Result<Result<F::Output, Fell>, RenewalError>
    where
        F: Flow<Output: Send, Awaiting: Send, Paused: Send> + Send + 'static,
    {
        let mut repeated = Repeated::by(self);
        loop {
            let attempt = self.attempt_for_renewal(what).await?;
            if is_late() {
                return Err(RenewalError::NoResponse);
            }
            let ran = self.io.run(begin(attempt, self.core.clock.moment())?).await;
            match &ran {
                Err(Fell { failed: DriveError::Protocol(error), .. }) if repeated.once_more(error) => {}
                _ => return Ok(ran),
            }
        }
    }

    /// Runs a flow that authenticates, and that may be repeated. `whole` begins the flow that repeats its request itself,
    /// `once` begins one attempt.
    pub(super) async fn ask<F: Flow>(
        &self,
        whole: impl FnOnce(&Client, Moment) -> Result<Call<F>, Error>,
        once: impl Fn(Attempt, Moment) -> Result<Call<F>, Error>,
    ) -> Result<F::Output, ProviderError> {
        if !self.is_sourced() {
            return self.run(whole(&self.client().await?, self.core.clock.moment())?).await;
        }
        let begin = || async { Ok(once(self.attempt().await?, self.core.clock.moment())?.into()) };
        self.attempts(begin().await?, true, begin).await
    }

    /// Runs a flow that authenticates, and that nobody but the flow repeats.
    pub(super) async fn ask_once<F: Flow>(
        &self,
        once: impl Fn(Attempt, Moment) -> Result<Call<F>, Error>,
    ) -> Result<F::Output, ProviderError> {
        let begin = || async { Ok(once(self.attempt().await?, self.core.clock.moment())?.into()) };
        self.attempts(begin().await?, false, begin).await
    }

    /// Runs the first attempt, and further ones if they are necessary and allowed.
    pub(super) async fn attempts<F: Flow, B>(
        &self,
        mut step: Step<F>,
        repeats: bool,
        begin: impl Fn() -> B,
    ) -> Result<F::Output, ProviderError>
    where
        B: Future<Output = Result<Step<F>, ProviderError>>,
    {
        let (mut waits, mut repeated) = (0, Repeated::by(self));
        loop {
            let failed = match self.run(step).await {
                Ok(output) => return Ok(output),
                Err(failed) => failed,
            };
            if !matches!(&failed, ProviderError::Protocol(error) if repeated.once_more(error)) {
                let wait = wait(&failed, waits).filter(|_| repeats && waits < MAX_RETRIES);
                let Some(wait) = wait else { return Err(failed) };
                self.io.sleep(wait).await;
                waits += 1;
            }
            step = begin().await?;
        }
    }
}

impl Provider {
    /// Asks for tokens until a user has decided, with credentials that are read for each request. `grant` is asked for
    /// first at `next`. `save` returns the grant of a rest, and `ask` begins one request.
    pub(super) async fn polled<F: Flow, S: Clone>(
        &self,
        (mut grant, mut next): (S, Timestamp),
        save: impl Fn(&Pause<F>) -> S,
        ask: impl Fn(Attempt, S, Moment) -> Result<Call<F>, Error>,
    ) -> Result<F::Output, ProviderError> {
        let (clock, observer) = (&*self.core.clock, self.io.observer());
        let mut repeated = Repeated::by(self);
        loop {
            let wait = clock.now().until(next);
            if !wait.is_zero() {
                let started = observer.start();
                self.io.sleep(wait).await;
                waited::<F>(observer, Some(Endpoint::Token), started);
            }
            let (began, attempt) = (observer.start(), self.attempt().await?);
            let call = ask(attempt, grant.clone(), clock.moment().not_before(next))?;
            let send = |request, terms| self.io.send(request, terms);
            let ran = match drive_to_rest(call, clock, send).await {
                Ok(Err(pause)) => {
                    (grant, next, repeated) = (save(&pause), pause.until(), Repeated::by(self));
                    continue;
                }
                Ok(Ok(output)) => Ok(output),
                Err(failed) => Err(failed),
            };
            match ended::<F, _>(observer, began, ran).map_err(|failed| reason(failed, self.issuer())) {
                // The provider has not looked at the grant.
                Err(ProviderError::Protocol(error)) if repeated.once_more(&error) => {}
                ran => return ran,
            }
        }
    }
}

/// For which reasons an operation was repeated at once. Without a source, its flow has done so itself.
pub(super) struct Repeated {
    sourced: bool,
    reasons: Vec<&'static str>,
}

impl Repeated {
    pub(super) fn by(provider: &Provider) -> Self {
        Self { sourced: provider.is_sourced(), reasons: Vec::new() }
    }

    /// Whether the operation may be repeated after this error: the provider has not looked at the request, and says what it
    /// wants for the first time.
    pub(super) fn once_more(&mut self, error: &Error) -> bool {
        let reason = wants(error).filter(|reason| self.sourced && !self.reasons.contains(reason));
        self.reasons.extend(reason);
        reason.is_some()
    }
}

/// What the provider wants in the same request: the newest nonce of a proof (RFC 9449 section 8), the newest challenge, or a
/// newer attestation. The handle has learned that nonce or that challenge from the response. At the UserInfo endpoint that is
/// another request (RFC 9449 section 9): the code is spent by then.
fn wants(error: &Error) -> Option<&'static str> {
    let Error::OAuth(refused) = error else { return None };
    let authenticates = matches!(
        refused.endpoint,
        Endpoint::Token
            | Endpoint::PushedAuthorizationRequest
            | Endpoint::BackchannelAuthentication
            | Endpoint::DeviceAuthorization
            | Endpoint::Introspection
            | Endpoint::Revocation
    );
    let code = refused.code();
    let named = match code {
        "use_dpop_nonce" => refused.dpop_nonce.is_some(),
        "use_attestation_challenge" => refused.attestation_challenge.is_some(),
        code => code == "use_fresh_attestation",
    };
    (authenticates && named).then_some(code)
}

/// How long to wait before a repetition: as long as the provider asks, or else twice as long as the last time.
fn wait(failed: &ProviderError, waits: u8) -> Option<Duration> {
    let asked = if let ProviderError::Protocol(Error::Unavailable(busy)) = failed {
        if !matches!(busy.status, 429 | 503) {
            return None;
        }
        busy.retry_after()
    } else if let ProviderError::NoResponse(_) = failed {
        None
    } else {
        return None;
    };
    let backoff = Duration::from_secs(1 << waits.min(MAX_RETRIES));
    Some(asked.unwrap_or_default().max(backoff)).filter(|wait| *wait <= RETRY_AFTER_CAP)
}
