//! The methods of a [`Provider`] that name what a token is for: a refresh for a part of what was granted, and devices.
//!
//! A refresh token is valid once, whatever it is asked for. So two requests with one token are never on their way at the
//! same time, and a caller never gets the outcome of a request for something else.

use super::{
    super::{error::ProviderError, handle::Provider},
    sharing::{self, Asked},
    spent::{One, Turn},
};
use crate::{
    drive::DriveError,
    flight::{NotAvailableError, SingleFlight},
    io::Fell,
    issuer::{TokenHash, hash},
};
use oidc_proto::{
    Error, Secret,
    flow::{
        Attempt, ConfigError, DeviceAuthorization, DeviceAuthorizationRequest, DeviceGrant, DeviceTokens,
        Pause, PreviousLogin, RefreshRequest, Refreshed,
    },
    renew::{Need, Published, RenewalError},
};
use std::{
    future::{pending, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::Poll,
    time::Duration,
};

use super::super::core::{Core, REFRESH, Refresh};

/// How often a caller waits for the requests of others with its refresh token.
const MOST_TURNS: usize = 16;

/// How long a caller waits before its next turn, while another caller still holds a request that failed.
const BETWEEN_TURNS: Duration = Duration::from_millis(50);

impl Provider {
    /// Exchanges a refresh token for new tokens, for a part of what was granted: some scopes, some resources, some rights.
    /// The rest is as in [`refresh`](Self::refresh).
    ///
    /// Callers at the same time share a result only if they ask for the same. A caller that asks for something else waits
    /// until the refresh token is free. If the provider has replaced it by then, the handle does not send it: the error is
    /// [`RefreshTokenSpent`](ProviderError::RefreshTokenSpent), and
    /// [`new_refresh_token`](ProviderError::new_refresh_token) has the new one to call again with.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh), and [`RefreshTokenSpent`](ProviderError::RefreshTokenSpent).
    pub async fn refresh_with(
        &self,
        wanted: &RefreshRequest,
        previous: Option<PreviousLogin>,
    ) -> Result<Arc<Refreshed>, ProviderError> {
        let client = self.client().await?;
        // A wrong login must not affect other callers with this token, so it is refused before anything is sent.
        let ours = previous.iter().try_for_each(|previous| client.check_previous(previous));
        ours.map_err(Error::from)?;
        let quirks = client.quirks();
        let owner = owner(wanted);
        if owner != hash(&wanted.refresh_token) {
            // Nor must a request that cannot be made.
            drop(client.refresh_with(wanted, None, None, self.core.clock.moment())?);
        }
        let key = hash(&client.dpop_thumbprint().unwrap_or_default().into());
        let (spent, One { flight, .. }) = self.turn(wanted, owner, key).await?;
        let (provider, asked) = (self.clone(), wanted.clone());
        let renew = move || async move {
            let began = provider.core.clock.now();
            let keys = provider.keys_if_any().await;
            let known = provider.core.issuer.epoch();
            let refreshed = match &provider.core.shared {
                None => provider.refresh_once(&client, &asked, keys, || false).await?,
                Some(shared) => {
                    let what = what(&asked);
                    let asked = Asked { client: &client, wanted: &asked, keys, what };
                    match sharing::refresh(&provider, shared, &asked).await {
                        Ok(refreshed) => refreshed,
                        Err(why) => return Ok(provider.core.not_shared(&spent, why, began)),
                    }
                }
            };
            let refreshed = match refreshed {
                Ok(refreshed) => Ok(Arc::new(refreshed)),
                // The token is spent. Whoever brings it again gets the new one, too, inside the error.
                Err(fell) => match fell.failed {
                    DriveError::Protocol(error @ Error::Refresh { .. }) => Err(error.into()),
                    failed @ (DriveError::Transport(_) | DriveError::Protocol(_)) => {
                        let fell = Fell { failed, ..fell };
                        return Err(provider.core.issuer.lost().failure(REFRESH, fell));
                    }
                },
            };
            Ok(provider.core.refreshed(&spent, refreshed, began, known))
        };
        let sleep = |span| self.io.sleep(span);
        // If callers can be cancelled, the exchange runs in the background.
        let (spawn, background) = (|task| self.io.spawn(task), |_| self.io.cancels());
        let refreshed = flight.get_async_if(Need::Any, renew, sleep, spawn, background).await;
        let refreshed = refreshed.map_err(|why| self.unavailable(why, REFRESH))?.value;
        let refreshed = refreshed.as_ref().clone()?;
        Core::hold_to(&refreshed, previous.as_ref(), quirks)?;
        Ok(refreshed)
    }

    /// Asks for a code that the user of a device can enter elsewhere (RFC 8628 section 3.1). Then [`poll`](Self::poll) with
    /// it.
    ///
    /// # Errors
    /// [`Client::device_authorization_with`](oidc_proto::flow::Client::device_authorization_with) fails, or the flow does.
    pub async fn device_authorization(
        &self,
        request: &DeviceAuthorizationRequest,
    ) -> Result<DeviceAuthorization, ProviderError> {
        self.ask_once(|attempt, moment| attempt.device_authorization_with(request, moment)).await
    }

    /// Asks for the tokens of a device until its user has decided, or the code expires: for minutes. To go on elsewhere or
    /// after a restart, run [`DeviceAuthorization::poll`] and save its pauses.
    ///
    /// # Errors
    /// [`DeviceAuthorization::poll`] fails, or the flow does.
    pub async fn poll(&self, device: DeviceAuthorization) -> Result<DeviceTokens, ProviderError> {
        let (client, keys) = (self.client().await?, self.keys_if_any().await);
        let pause = device.poll(&client, keys.clone(), self.core.clock.now())?;
        if !self.is_sourced() {
            return self.run(pause).await;
        }
        let ask = |attempt: Attempt, device, moment| attempt.poll(device, keys.clone(), moment);
        self.polled((pause.save(), pause.until()), Pause::<DeviceGrant>::save, ask).await
    }

    /// Waits until no request for something else is on its way with this refresh token.
    async fn turn(
        &self,
        wanted: &RefreshRequest,
        owner: TokenHash,
        key: TokenHash,
    ) -> Result<(TokenHash, One<Refresh>), ProviderError> {
        let mut failed = None;
        for _ in 0..MOST_TURNS {
            let turn = self.core.refreshes.turn(&wanted.refresh_token, owner, key);
            let other = match turn.ok_or(ConfigError::OtherDpopKey)? {
                Turn::Mine(hash, one) => return Ok((hash, one)),
                Turn::Others(other) => other,
            };
            match self.outcome_of(&other.flight).await {
                Others::Came(came) => {
                    let next = match came.value.as_ref() {
                        Ok(refreshed) => refreshed.tokens.refresh_token.as_ref(),
                        // It says nothing about the token, or that the session is over.
                        Err(error) => Some(error.new_refresh_token().ok_or_else(|| error.clone())?),
                    };
                    // A provider that does not replace refresh tokens takes the same one again.
                    if next != Some(&wanted.refresh_token) {
                        return Err(ProviderError::RefreshTokenSpent { next: next.cloned() });
                    }
                    continue;
                }
                // It is unknown whether the token is spent, so nobody sends it now.
                Others::Failed(why) if !is_refused(&why) => return Err(self.unavailable(why, REFRESH)),
                Others::Failed(why) => failed = Some(why),
                Others::Idle(why) => failed = why.or(failed),
            }
            // The token is free, so this caller may try.
            if !self.core.refreshes.give_way(&wanted.refresh_token, other) {
                self.io.sleep(BETWEEN_TURNS).await;
            }
        }
        let now = self.core.clock.now();
        let failed = failed.unwrap_or_else(|| NotAvailableError::new(now.plus(1), None));
        Err(self.unavailable(failed, REFRESH))
    }

    /// Waits for the outcome of another caller's request.
    async fn outcome_of(&self, flight: &SingleFlight<Refresh>) -> Others {
        let (led, waited) = (AtomicBool::new(false), AtomicBool::new(false));
        // Nobody sends it, and neither does this caller: it gives the lease back at once.
        let renew = || {
            led.store(true, SeqCst);
            pending()
        };
        let sleep = |span| {
            waited.store(true, SeqCst);
            self.io.sleep(span)
        };
        let mut outcome = pin!(flight.get_async_inline(Need::Any, renew, sleep));
        poll_fn(|context| match outcome.as_mut().poll(context) {
            Poll::Ready(Ok(came)) => Poll::Ready(Others::Came(came)),
            Poll::Ready(Err(why)) if waited.load(SeqCst) => Poll::Ready(Others::Failed(why)),
            Poll::Ready(Err(why)) => Poll::Ready(Others::Idle(Some(why))),
            Poll::Pending if led.load(SeqCst) => Poll::Ready(Others::Idle(None)),
            Poll::Pending => Poll::Pending,
        })
        .await
    }
}

/// What became of another caller's request.
enum Others {
    /// It has an outcome.
    Came(Published<Refresh>),
    /// It failed, or takes too long, while this caller waited for it.
    Failed(NotAvailableError),
    /// Nobody sends it. If it failed before this caller came, the reason is here.
    Idle(Option<NotAvailableError>),
}

/// Whether the provider has said that it has not accepted the refresh token.
fn is_refused(why: &NotAvailableError) -> bool {
    matches!(&why.because, Some(RenewalError::Flow(Error::OAuth(refused))) if refused.status < 500)
}

/// What a request asks for, for the other nodes. `None` is everything.
fn what(wanted: &RefreshRequest) -> Option<String> {
    let RefreshRequest { scopes, resources, authorization_details, .. } = wanted;
    let everything = scopes.is_empty() && resources.is_empty() && authorization_details.is_empty();
    let lines = [scopes.join(" "), resources.join(" "), authorization_details.to_json()];
    (!everything).then(|| lines.join("\n"))
}

/// The name of a request: the token, and what it is asked for. A request for everything is named by its token alone.
fn owner(wanted: &RefreshRequest) -> TokenHash {
    let RefreshRequest { refresh_token, scopes, resources, authorization_details, .. } = wanted;
    if scopes.is_empty() && resources.is_empty() && authorization_details.is_empty() {
        return hash(refresh_token);
    }
    // No scope and no resource has a line end, and JSON in one line has none.
    let lines = [scopes.join(" "), resources.join(" "), authorization_details.to_json()];
    hash(&Secret::new(format!("{}\n{}", lines.join("\n"), refresh_token.expose())))
}
