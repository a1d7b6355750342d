//! Checking an ID token, and fetching newer keys once if these do not vouch for it.
//!
//! ```text
//! start ──vouched for─────────────────────────────▶ Done
//!       ──unknown kid, bad signature─▶ Checking ──▶ Done, or Err: the fresh keys do not, either
//! ```
//! One fetch for each ID token at most, and no cooldown besides: it need not be bounded further. An ID
//! token comes here in the answer of the token endpoint alone, over TLS, to a code or refresh token that
//! this provider has given out. Only the provider itself can cause fetches, and it answers them too: one
//! more request for each one that it has answered wrongly. A forged callback never gets this far.

use super::{
    jwks::{JwksRetrieval, no_usable_key, read},
    learned::Learned,
};
use crate::{
    base::{
        moment::{Moment, Timestamp},
        secret::Secret,
    },
    flow::{
        client::Client,
        contract::{Call, Error, Flow, Never, Response, Step},
    },
    jose::{JwsError, KeySet},
    token::{Expected, IdToken, Rejected},
};
use std::sync::Arc;

/// The sub-flow.
#[derive(Debug)]
pub struct Check;

/// What the ID token must fit, owned.
#[derive(Clone, Debug, Default)]
pub(in crate::flow) struct Demands {
    pub(in crate::flow) nonce: Option<Secret>,
    pub(in crate::flow) max_age: Option<u32>,
    pub(in crate::flow) acr: Vec<String>,
    pub(in crate::flow) code: Option<Secret>,
    pub(in crate::flow) state: Option<String>,
}

/// The keys are on their way.
pub struct Checking {
    client: Client,
    demands: Demands,
    id_token: Secret,
    access_token: Option<Secret>,
    /// When they were asked for.
    asked_at: Timestamp,
}

/// An ID token that is good, and the keys that were fetched for it, if any were.
pub struct Checked {
    pub(in crate::flow) id_token: IdToken,
    pub(in crate::flow) learned: Learned,
}

impl Check {
    /// Checks with the keys at hand; asks for newer ones if there are none, or if they could be why
    /// the token is refused.
    pub(in crate::flow) fn start(
        client: Client,
        keys: Option<&KeySet>,
        demands: Demands,
        id_token: Secret,
        access_token: Option<Secret>,
        now: Timestamp,
    ) -> Result<Step<Self>, Error> {
        let secret_key = client.inner().secret_key.clone();
        let fetchable = secret_key.is_none();
        if let Some(keys) = secret_key.as_deref().or(keys) {
            match demands.verify(&client, keys, &id_token, access_token.as_ref(), now) {
                Ok(id_token) => return Ok(Step::Done(Checked { id_token, learned: Learned::default() })),
                Err(rejected) if fetchable && rejected.wants_newer_keys() => {}
                Err(rejected) => return Err(rejected.into()),
            }
        }
        let call: Call<JwksRetrieval> = client.jwks()?;
        Ok(call.map(|_| Checking { client, demands, id_token, access_token, asked_at: now }).into())
    }
}

impl Demands {
    fn verify(
        &self,
        client: &Client,
        keys: &KeySet,
        id_token: &Secret,
        access_token: Option<&Secret>,
        now: Timestamp,
    ) -> Result<IdToken, Rejected> {
        let expected = Expected {
            nonce: self.nonce.as_ref().map(Secret::expose),
            max_age: self.max_age,
            acr: &self.acr,
            access_token,
            code: self.code.as_ref(),
            state: self.state.as_deref(),
        };
        client.inner().verifier.verify(id_token, keys, &expected, now)
    }
}

impl Flow for Check {
    type Awaiting = Checking;
    type Paused = Never;
    type Output = Checked;

    fn on_response(state: Checking, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        let Checking { client, demands, id_token, access_token, asked_at } = state;
        let now = moment.now();
        let keys = read(response, now)?;
        match demands.verify(&client, &keys, &id_token, access_token.as_ref(), now) {
            Ok(id_token) => {
                let learned = Learned { keys: Some(Arc::new(keys)), keys_asked_at: Some(asked_at) };
                Ok(Step::Done(Checked { id_token, learned }))
            }
            Err(Rejected::Jws(JwsError::UnknownKey)) if keys.is_empty() => Err(no_usable_key(response)),
            Err(rejected) => Err(rejected.into()),
        }
    }

    fn on_wake(never: Never, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}
