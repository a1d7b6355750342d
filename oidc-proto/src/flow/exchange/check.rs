//! Checking what is signed with the provider's keys, and fetching newer keys once if these do not vouch for it.
//!
//! ```text
//! start ──vouched for──▶ Done(Checked)
//!       ──unknown kid, bad signature, no keys at hand──▶ Checking ──keys──▶ Done(Checked)
//! ```
//! One fetch for each flow at most, and no cooldown besides: it need not be bounded further. What comes from the
//! token endpoint comes over TLS, for a code or refresh token that this provider has given out. What comes through
//! the browser is looked at only if it has the `state` of a request that waits for it, and that is good once.

use super::{
    document::{Document, Get, Getting},
    jwks::{self, no_usable_key, read},
    learned::Learned,
};
use crate::{
    base::{
        moment::{Moment, Timestamp},
        secret::Secret,
    },
    flow::{
        client::Client,
        contract::{CallbackError, Endpoint, Error, Flow, Response, Step},
    },
    jose::{JwsError, KeySet},
    message::AuthorizationResponse,
    token::{Expected, IdToken, VerificationError},
};
use std::{convert::Infallible, marker::PhantomData, sync::Arc};

/// Something that the provider has signed for a client.
pub(in crate::flow) trait Signed: Sized {
    /// What it is once it has been verified.
    type Good;

    /// The client's secret as a key, if that is what it is signed with.
    fn secret_key(client: &Client) -> Option<Arc<KeySet>>;

    /// Verifies it.
    fn verify(&self, client: &Client, keys: &KeySet, now: Timestamp)
    -> Result<Self::Good, VerificationError>;

    /// The error of a flow that ends for this reason.
    fn refused(rejected: VerificationError) -> Error {
        rejected.into()
    }
}

/// The sub-flow.
#[derive(Debug)]
pub(in crate::flow) struct Check<S>(PhantomData<S>);

/// The keys are on their way.
pub struct Checking<S> {
    client: Client,
    signed: S,
    keys: Getting,
    /// When they were asked for.
    asked_at: Timestamp,
}

/// What is good, and the keys that were fetched, if any were.
pub(in crate::flow) struct Checked<G> {
    pub(in crate::flow) good: G,
    pub(in crate::flow) learned: Learned,
}

impl<S: Signed> Check<S> {
    /// Checks with the keys at hand; asks for newer ones if there are none, or if they could be why it is refused.
    /// Not if keys have been learned in this flow already: those are the newest.
    pub(in crate::flow) fn start(
        signed: S,
        client: Client,
        keys: Option<&KeySet>,
        learned: Learned,
        now: Timestamp,
    ) -> Result<Step<Self>, Error> {
        let secret_key = S::secret_key(&client);
        let fetchable = secret_key.is_none() && learned.keys.is_none();
        if let Some(keys) = secret_key.as_deref().or(learned.keys.as_deref()).or(keys) {
            match signed.verify(&client, keys, now) {
                Ok(good) => return Ok(Step::Done(Checked { good, learned })),
                Err(rejected) if fetchable && rejected.wants_newer_keys() => {}
                Err(rejected) => return Err(S::refused(rejected)),
            }
        }
        let call = jwks::get(client.endpoint(Endpoint::Jwks)?);
        Ok(call.map(|keys| Checking { client, signed, keys, asked_at: now }).into())
    }
}

impl<S: Signed> Flow for Check<S> {
    type Awaiting = Checking<S>;
    type Paused = Infallible;
    type Output = Checked<S::Good>;

    fn on_response(state: Checking<S>, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        let Checking { client, signed, keys, asked_at } = state;
        Get::on_response(keys, response, moment)?.within(
            (client, signed),
            |keys, (client, signed)| Checking { client, signed, keys, asked_at },
            |never, _| never,
            |document, (client, signed)| checked(&signed, &client, &document, asked_at),
        )
    }

    fn on_wake(never: Infallible, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}

/// What is signed is held to keys that have come.
fn checked<S: Signed>(
    signed: &S,
    client: &Client,
    document: &Document,
    asked_at: Timestamp,
) -> Result<Step<Check<S>>, Error> {
    let keys = read(document)?;
    match signed.verify(client, &keys, document.now) {
        Ok(good) => {
            let learned = Learned { keys: Some(Arc::new(keys)), keys_asked_at: Some(asked_at) };
            Ok(Step::Done(Checked { good, learned }))
        }
        Err(VerificationError::Jws(JwsError::UnknownKey)) if keys.is_empty() => Err(no_usable_key(document)),
        Err(rejected) => Err(S::refused(rejected)),
    }
}

/// What the ID token must fit, owned.
#[derive(Clone, Debug, Default)]
pub(in crate::flow) struct Demands {
    pub(in crate::flow) nonce: Option<Secret>,
    pub(in crate::flow) max_age: Option<u32>,
    pub(in crate::flow) acr: Vec<String>,
    pub(in crate::flow) code: Option<Secret>,
    pub(in crate::flow) state: Option<String>,
    /// Whether it came through the browser.
    pub(in crate::flow) front_channel: bool,
}

/// An ID token, and what it must fit.
pub struct Presented {
    pub(in crate::flow) id_token: Secret,
    pub(in crate::flow) access_token: Option<Secret>,
    pub(in crate::flow) demands: Demands,
}

impl Signed for Presented {
    type Good = IdToken;

    fn secret_key(client: &Client) -> Option<Arc<KeySet>> {
        client.inner().secret_key.clone()
    }

    fn verify(&self, client: &Client, keys: &KeySet, now: Timestamp) -> Result<IdToken, VerificationError> {
        let Self { id_token, access_token, demands } = self;
        let expected = Expected {
            nonce: demands.nonce.as_ref().map(Secret::expose),
            max_age: demands.max_age,
            acr: &demands.acr,
            access_token: access_token.as_ref(),
            code: demands.code.as_ref(),
            state: demands.state.as_deref(),
            front_channel: demands.front_channel,
        };
        client.inner().verifier.verify(id_token, keys, &expected, now)
    }
}

/// A signed authorization response (JARM).
pub struct SignedResponse(pub(in crate::flow) Secret);

impl Signed for SignedResponse {
    type Good = AuthorizationResponse;

    fn secret_key(client: &Client) -> Option<Arc<KeySet>> {
        client.inner().response_secret_key.clone()
    }

    fn verify(
        &self,
        client: &Client,
        keys: &KeySet,
        now: Timestamp,
    ) -> Result<AuthorizationResponse, VerificationError> {
        client.inner().response_verifier.verify(&self.0, keys, now)
    }

    fn refused(rejected: VerificationError) -> Error {
        CallbackError::Response(Box::new(rejected)).into()
    }
}
