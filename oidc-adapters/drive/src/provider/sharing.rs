//! A refresh that several nodes share: carries out what [`Renewing`] asks for.

use super::{core::Core, error::ProviderError};
use crate::{
    drive::DriveError,
    io::{Fell, Io},
    store::{Action, Answer, End, Input, Renewing, SharedRefreshError, SharedRefreshes, StoreError, name},
};
use oidc_proto::{
    Error, Secret,
    flow::{Client, RefreshOutcome, Refreshed, SealError},
    jose::KeySet,
};
use std::{str, sync::Arc, time::Duration};

/// What came of the request of this node.
type Ran = Result<Refreshed, Fell>;

/// Exchanges a refresh token for new tokens, as the only one of all nodes. The outer error is for the callers that wait
/// now. It says nothing about the token, so a later caller begins anew.
pub(super) async fn refresh(
    (core, io): (&Core, &Arc<Io>),
    shared: &SharedRefreshes,
    client: &Client,
    token: &Secret,
    keys: Option<Arc<KeySet>>,
) -> Result<Ran, ProviderError> {
    let key = name("refresh", core.issuer.name(), &[client.client_id(), token.expose()]);
    let mut machine = Renewing::new(shared.policy, core.clock.moment().into_bits());
    let (mut action, mut ran) = (Action::Get, None);
    loop {
        let began = core.clock.elapsed();
        let input = match action {
            Action::Get => Input::Found(shared.store.get(&key).await),
            Action::Swap { expected, new } => {
                let new = new.as_ref().map(|(value, lifetime)| (&**value, *lifetime));
                Input::Swapped(shared.store.compare_and_set(&key, expected.as_deref(), new).await)
            }
            Action::Wait(span) => {
                io.sleep(span).await;
                Input::Woken
            }
            Action::Send => {
                // Made now: a proof and an assertion are valid for a short time.
                let (sent, came) = match client.refresh(token, None, keys.clone(), core.clock.moment()) {
                    Ok(call) => (true, io.run(call).await),
                    Err(error) => (false, Err(Fell { failed: DriveError::Protocol(error), asked: None })),
                };
                let answer = if sent { answer(&came, shared, &key, core) } else { Answer::Unsent };
                ran = Some(came);
                Input::Answer(answer)
            }
            Action::End(end) => return over(end, ran, shared, &key, core),
        };
        // A clock that stands still must not make a call endless.
        let took = core.clock.elapsed().saturating_sub(began).max(Duration::from_millis(1));
        action = machine.step(input, took);
    }
}

/// Says what the response means for the refresh token.
fn answer(ran: &Ran, shared: &SharedRefreshes, key: &str, core: &Core) -> Answer {
    let outcome = match ran {
        Ok(refreshed) => RefreshOutcome::of(Ok(refreshed)),
        Err(Fell { failed: DriveError::Protocol(Error::OAuth(_)), .. }) => return Answer::Refused,
        Err(Fell { failed: DriveError::Protocol(error), .. }) => RefreshOutcome::of(Err(error)),
        Err(Fell { failed: DriveError::Transport(_), .. }) => None,
    };
    let Some(outcome) = outcome else { return Answer::Lost };
    match shared.keys.seal_stored(&outcome, key, core.clock.moment()) {
        Ok(sealed) => Answer::Tokens { sealed: sealed.into_bytes(), rotated: outcome.rotated() },
        // It is longer than a response can be. This caller still gets its tokens.
        Err(_) => Answer::Lost,
    }
}

/// Turns the end of the machine into that of the refresh.
fn over(
    end: End,
    ran: Option<Ran>,
    shared: &SharedRefreshes,
    key: &str,
    core: &Core,
) -> Result<Ran, ProviderError> {
    let error = match (end, ran) {
        (End::Adopt { sealed, age }, ran) => {
            match (open(&sealed, shared, key), ran) {
                (Ok(outcome), _) => match outcome.refreshed(age, core.clock.now()) {
                    Some(refreshed) => return Ok(Ok(refreshed)),
                    None => SharedRefreshError::NotBelieved(outcome.new_refresh_token().cloned()),
                },
                // Older tokens are better than none.
                (Err(_), Some(ran @ Ok(_))) => return Ok(ran),
                (Err(error), _) => SharedRefreshError::Store(error.into()),
            }
        }
        (End::Refused { after_loss: true }, Some(Err(Fell { failed: DriveError::Protocol(error), .. })))
            if error.code() == "invalid_grant" =>
        {
            SharedRefreshError::RefusedAfterLoss(Box::new(error))
        }
        (End::MaybeSpent, _) => SharedRefreshError::MaybeSpent,
        (End::Busy(left), _) => SharedRefreshError::Busy(left),
        (End::Failed(error), _) => SharedRefreshError::Store(error),
        (End::Own | End::Lost | End::Unsent | End::Refused { .. }, Some(ran)) => return Ok(ran),
        (End::Own | End::Lost | End::Unsent | End::Refused { .. }, None) => {
            SharedRefreshError::Store(StoreError::Value)
        }
    };
    Err(ProviderError::Shared(error))
}

fn open(sealed: &[u8], shared: &SharedRefreshes, key: &str) -> Result<RefreshOutcome, SealError> {
    shared.keys.open_stored(str::from_utf8(sealed).map_err(|_| SealError::NotSealed)?, key)
}
