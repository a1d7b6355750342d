//! A refresh that several nodes share: carries out what [`Renewing`] asks for.

use super::super::{core::Core, error::ProviderError, handle::Provider};
use crate::{
    drive::DriveError,
    event::NO_RESPONSE,
    io::{Fell, NoResponse},
    store::{
        Action, Answer, End, Input, REQUEST, Renewing, SharedRefreshError, SharedRefreshes, StoreError, name,
    },
};
use oidc_proto::{
    Error, Timestamp,
    flow::{Client, ConfigError, RefreshOutcome, RefreshRequest, Refreshed, SealError},
    jose::KeySet,
    renew::RenewalError,
};
use std::{str, sync::Arc, time::Duration};

/// What came of the request of this node.
type Ran = Result<Refreshed, Fell>;

/// How often a refresh begins anew, because another node has asked for something else with a token that was not replaced.
const MOST_TURNS: usize = 16;

/// A refresh of this node.
pub(super) struct Asked<'a> {
    pub(super) client: &'a Client,
    pub(super) wanted: &'a RefreshRequest,
    pub(super) keys: Option<Arc<KeySet>>,
    /// What is asked for, if it is less than everything.
    pub(super) what: Option<String>,
}

/// Exchanges a refresh token for new tokens, as the only one of all nodes. The outer error is for the callers that wait
/// now. It says nothing about the token, so a later caller begins anew.
pub(super) async fn refresh(
    provider: &Provider,
    shared: &SharedRefreshes,
    asked: &Asked<'_>,
) -> Result<Ran, ProviderError> {
    for _ in 0..MOST_TURNS {
        if let Some(ran) = turn(provider, shared, asked).await? {
            return Ok(ran);
        }
    }
    Err(ProviderError::RefreshTokenSpent { next: None })
}

/// Goes through the protocol once. `None` if another node has asked for something else, and the token may be sent again.
async fn turn(
    provider: &Provider,
    shared: &SharedRefreshes,
    asked: &Asked<'_>,
) -> Result<Option<Ran>, ProviderError> {
    let (core, io) = (&*provider.core, &provider.io);
    let token = &asked.wanted.refresh_token;
    let key = name("refresh", core.issuer.name(), &[asked.client.client_id(), token.expose()]);
    let mut machine = Renewing::new(shared.policy, core.clock.moment().into_bits());
    let (mut action, mut ran) = (Action::Get, None);
    loop {
        let began = Began::now(core);
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
                // Made now: a proof and an assertion are valid for a short time. To read credentials may take long, and the
                // request must arrive while the lease lives.
                let most = machine.left().saturating_sub(REQUEST);
                let is_late = || began.passed() > most;
                let keys = asked.keys.clone();
                let came = provider.refresh_once(asked.client, asked.wanted, keys, is_late).await;
                let (answer, came) = match came {
                    Ok(came) => (answer(&came, shared, &key, (core, asked)), came),
                    Err(unsent) => (Answer::Unsent, Err(nothing(unsent, is_late()))),
                };
                ran = Some(came);
                Input::Answer(answer)
            }
            Action::End(end) => return over(end, ran, shared, &key, (core, asked)),
        };
        // A clock that stands still must not make a call endless.
        action = machine.step(input, began.passed().max(Duration::from_millis(1)));
    }
}

/// The time when an action began. The clock that nobody sets may stand still while a machine is suspended. The time of day
/// does not.
struct Began<'a> {
    core: &'a Core,
    elapsed: Duration,
    now: Timestamp,
}

impl<'a> Began<'a> {
    fn now(core: &'a Core) -> Self {
        Self { core, elapsed: core.clock.elapsed(), now: core.clock.now() }
    }

    /// The time since then, by the clock that says more.
    fn passed(&self) -> Duration {
        let clock = &self.core.clock;
        clock.elapsed().saturating_sub(self.elapsed).max(self.now.until(clock.now()))
    }
}

/// The failure of a request that was not made.
fn nothing(unsent: RenewalError, is_late: bool) -> Fell {
    let failed = if let RenewalError::Flow(error) = unsent {
        DriveError::Protocol(error)
    } else {
        let text = match is_late {
            true => "the credentials came so late that the refresh token was not sent".to_owned(),
            false => unsent.to_string(),
        };
        DriveError::Transport(NoResponse { text, word: NO_RESPONSE })
    };
    Fell { failed, asked: None }
}

/// Says what the response means for the refresh token.
fn answer(ran: &Ran, shared: &SharedRefreshes, key: &str, (core, asked): (&Core, &Asked<'_>)) -> Answer {
    let outcome = match ran {
        Ok(refreshed) => RefreshOutcome::of(Ok(refreshed)),
        // A server that failed says nothing about the token, whatever its body says.
        Err(Fell { failed: DriveError::Protocol(Error::OAuth(refused)), .. }) if refused.status < 500 => {
            return Answer::Refused;
        }
        Err(Fell { failed: DriveError::Protocol(error), .. }) => RefreshOutcome::of(Err(error)),
        Err(Fell { failed: DriveError::Transport(_), .. }) => None,
    };
    let Some(outcome) = outcome else { return Answer::Lost };
    let outcome = outcome.asked_for(asked.what.clone());
    let bound = asked.client.dpop_thumbprint();
    match shared.keys.seal_stored(&outcome, &with_key(key, bound), core.clock.moment()) {
        Ok(sealed) => {
            let sealed = with_key(&sealed, bound).into_bytes();
            Answer::Tokens { sealed, rotated: outcome.rotated() }
        }
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
    (core, asked): (&Core, &Asked<'_>),
) -> Result<Option<Ran>, ProviderError> {
    let error = match (end, ran) {
        (End::Adopt { sealed, age }, ran) => {
            match (open(&sealed, shared, key), ran) {
                (Ok((bound, outcome)), _) => {
                    let (next, rotated) = (outcome.new_refresh_token().cloned(), outcome.rotated());
                    if bound.as_deref() != asked.client.dpop_thumbprint() {
                        // They are of no use without that key, and neither is the next refresh token.
                        return if rotated { Err(ConfigError::OtherDpopKey.into()) } else { Ok(None) };
                    }
                    match outcome.refreshed(age, core.clock.now()) {
                        None => SharedRefreshError::NotBelieved(next),
                        Some(refreshed) if outcome.is_for(asked.what.as_deref()) => {
                            return Ok(Some(Ok(refreshed)));
                        }
                        // Tokens for something else. The old refresh token is spent.
                        Some(_) if rotated => return Err(ProviderError::RefreshTokenSpent { next }),
                        Some(_) => return Ok(None),
                    }
                }
                // Older tokens are better than none.
                (Err(_), Some(ran @ Ok(_))) => return Ok(Some(ran)),
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
        (End::Own | End::Lost | End::Unsent | End::Refused { .. }, Some(ran)) => return Ok(Some(ran)),
        (End::Own | End::Lost | End::Unsent | End::Refused { .. }, None) => {
            SharedRefreshError::Store(StoreError::Value)
        }
    };
    Err(ProviderError::Shared(error))
}

/// Adds the thumbprint of a DPoP key after a space, if there is one: to a name, and to what is sealed under that name. So
/// nobody can move tokens from one key to another.
fn with_key(text: &str, bound: Option<&str>) -> String {
    bound.map_or_else(|| text.to_owned(), |bound| format!("{text} {bound}"))
}

/// Opens an outcome, and returns the thumbprint of the key that it is bound to.
fn open(
    sealed: &[u8],
    shared: &SharedRefreshes,
    key: &str,
) -> Result<(Option<String>, RefreshOutcome), SealError> {
    let sealed = str::from_utf8(sealed).map_err(|_| SealError::NotSealed)?;
    let (sealed, bound) = match sealed.split_once(' ') {
        Some((sealed, bound)) => (sealed, Some(bound)),
        None => (sealed, None),
    };
    let outcome = shared.keys.open_stored(sealed, &with_key(key, bound))?;
    Ok((bound.map(str::to_owned), outcome))
}
