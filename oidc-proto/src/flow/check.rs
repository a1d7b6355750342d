//! Checking an ID token, and fetching newer keys once if these do not vouch for it.
//!
//! ```text
//! start ──vouched for─────────────────────────────▶ Done
//!       ──unknown kid, bad signature─▶ Checking ──▶ Done, or Err: the fresh keys do not, either
//! ```

use super::{Call, Client, Error, Flow, JwksRetrieval, Never, Response, Step};
use crate::{
    base::{
        moment::{Moment, Timestamp},
        secret::Secret,
    },
    jose::KeySet,
    token::{Expected, IdToken, Rejected},
};
use std::sync::Arc;

/// The sub-flow.
#[derive(Debug)]
pub(super) struct Check;

/// What the ID token must fit, owned.
#[derive(Clone, Debug, Default)]
pub(super) struct Demands {
    pub(super) nonce: Option<Secret>,
    pub(super) max_age: Option<u32>,
    pub(super) acr: Vec<String>,
    pub(super) code: Option<Secret>,
    pub(super) state: Option<String>,
}

/// The keys are on their way.
pub struct Checking {
    client: Client,
    demands: Demands,
    id_token: Secret,
    access_token: Secret,
    jwks: <JwksRetrieval as Flow>::Awaiting,
}

/// An ID token that is good, and the keys that were fetched for it.
pub(super) struct Checked {
    pub(super) id_token: IdToken,
    pub(super) learned: Option<Arc<KeySet>>,
}

impl Check {
    /// Checks with the keys at hand; asks for newer ones if there are none, or if they could be why
    /// the token is refused.
    pub(super) fn start(
        client: Client,
        keys: Option<&KeySet>,
        demands: Demands,
        id_token: Secret,
        access_token: Secret,
        now: Timestamp,
    ) -> Result<Step<Self>, Error> {
        let secret_key = client.inner().secret_key.clone();
        let fetchable = secret_key.is_none();
        if let Some(keys) = secret_key.as_deref().or(keys) {
            match demands.verify(&client, keys, &id_token, &access_token, now) {
                Ok(id_token) => return Ok(Step::Done(Checked { id_token, learned: None })),
                Err(rejected) if fetchable && rejected.wants_newer_keys() => {}
                Err(rejected) => return Err(rejected.into()),
            }
        }
        let call: Call<JwksRetrieval> = client.jwks()?;
        Ok(call.map(|jwks| Checking { client, demands, id_token, access_token, jwks }).into())
    }
}

impl Demands {
    fn verify(
        &self,
        client: &Client,
        keys: &KeySet,
        id_token: &Secret,
        access_token: &Secret,
        now: Timestamp,
    ) -> Result<IdToken, Rejected> {
        let expected = Expected {
            nonce: self.nonce.as_ref().map(Secret::expose),
            max_age: self.max_age,
            acr: &self.acr,
            access_token: Some(access_token),
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
        let Checking { client, demands, id_token, access_token, jwks } = state;
        let now = moment.now();
        JwksRetrieval::on_response(jwks, response, moment)?.within(
            (client, demands, id_token, access_token),
            |jwks, (client, demands, id_token, access_token)| Checking {
                client,
                demands,
                id_token,
                access_token,
                jwks,
            },
            |never, _| never,
            |keys, (client, demands, id_token, access_token)| {
                let id_token = demands.verify(&client, &keys, &id_token, &access_token, now)?;
                Ok(Step::Done(Checked { id_token, learned: Some(keys) }))
            },
        )
    }

    fn on_wake(never: Never, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}
