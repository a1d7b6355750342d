//! The verification of a signed token with the provider's keys, and one fetch of newer keys if these do not verify it.
//!
//! ```text
//! start ──vouched for──▶ Done(Checked)
//!       ──unknown kid, bad signature, no keys at hand──▶ Checking ──keys──▶ Done(Checked)
//! ```
//! Each flow fetches keys at most once. There is no need for another limit, such as a cooldown. A token from the
//! token endpoint comes over TLS, for a code or refresh token of this provider. A token from the browser is checked
//! only if it comes with the `state` of an open request, and each `state` works once.

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
        contract::{CallbackError, Endpoint, Error, Flow, Response, ResponseError, ResponseRule, Step},
    },
    jose::{JwsError, KeySet},
    message::{AuthorizationResponse, UserInfo},
    token::{self, Expected, IdToken, VerificationError},
};
use std::{convert::Infallible, marker::PhantomData, sync::Arc, time::Duration};

/// A token that the provider has signed for a client.
pub(in crate::flow) trait Signed: Sized {
    /// The verified value.
    type Good;

    /// Returns the client's secret as a key, if the token is signed with it.
    fn secret_key(client: &Client) -> Option<Arc<KeySet>>;

    /// Verifies the token.
    fn verify(&self, client: &Client, keys: &KeySet, now: Timestamp)
    -> Result<Self::Good, VerificationError>;

    /// Returns the error of a flow that ends for this reason.
    fn refused(rejected: VerificationError) -> Error {
        rejected.into()
    }
}

/// The sub-flow that verifies a signed token.
#[derive(Debug)]
pub(in crate::flow) struct Check<S>(PhantomData<S>);

/// The request for keys is in flight.
pub struct Checking<S> {
    client: Client,
    signed: S,
    keys: Getting,
    /// The time of the request for keys.
    asked_at: Timestamp,
}

/// The verified value, and the keys that were fetched, if any.
pub(in crate::flow) struct Checked<G> {
    pub(in crate::flow) good: G,
    pub(in crate::flow) learned: Learned,
}

impl<S: Signed> Check<S> {
    /// Verifies the token with the keys at hand. It asks for newer keys if there are none, or if newer keys could
    /// change the verdict. It does not ask if this flow has fetched keys already: those are the newest.
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
        let call = jwks::get(client.endpoint(Endpoint::Jwks)?, client.quirks().any_media_type)
            .max_body(client.max_document());
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

/// Verifies the token with the keys of a document.
fn checked<S: Signed>(
    signed: &S,
    client: &Client,
    document: &Document,
    asked_at: Timestamp,
) -> Result<Step<Check<S>>, Error> {
    let keys = read(document, client.key_set_reader())?;
    match signed.verify(client, &keys, document.now) {
        Ok(good) => {
            let learned = Learned { keys: Some(Arc::new(keys)), keys_asked_at: Some(asked_at) };
            Ok(Step::Done(Checked { good, learned }))
        }
        Err(VerificationError::Jws(JwsError::UnknownKey)) if keys.is_empty() => Err(no_usable_key(document)),
        Err(rejected) => Err(S::refused(rejected)),
    }
}

/// The demands on an ID token, as owned values.
#[derive(Clone, Debug, Default)]
pub(in crate::flow) struct Demands {
    pub(in crate::flow) nonce: Option<Secret>,
    /// Whether the ID token may lack the nonce.
    pub(in crate::flow) nonce_may_be_absent: bool,
    pub(in crate::flow) max_age: Option<u32>,
    pub(in crate::flow) acr: Vec<String>,
    pub(in crate::flow) code: Option<Secret>,
    pub(in crate::flow) state: Option<String>,
    /// Whether the ID token came through the browser.
    pub(in crate::flow) front_channel: bool,
    /// The demands of a backchannel authentication.
    pub(in crate::flow) backchannel: Option<Backchannel>,
}

/// The demands of a backchannel authentication on its ID token, as owned values.
#[derive(Clone, Debug)]
pub(in crate::flow) struct Backchannel {
    pub(in crate::flow) auth_req_id: Secret,
    pub(in crate::flow) sub: Option<String>,
    pub(in crate::flow) refresh_token: Option<Secret>,
    pub(in crate::flow) pushed: bool,
}

/// An ID token, and the demands on it.
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
            nonce_may_be_absent: demands.nonce_may_be_absent,
            max_age: demands.max_age.map(|seconds| Duration::from_secs(seconds.into())),
            acr: &demands.acr,
            access_token: access_token.as_ref(),
            code: demands.code.as_ref(),
            state: demands.state.as_deref(),
            front_channel: demands.front_channel,
            backchannel: demands.backchannel.as_ref().map(|demanded| token::Backchannel {
                auth_req_id: &demanded.auth_req_id,
                sub: demanded.sub.as_deref(),
                refresh_token: demanded.refresh_token.as_ref(),
                pushed: demanded.pushed,
            }),
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

/// A signed UserInfo response.
pub struct SignedUserInfo(pub(in crate::flow) Secret);

impl Signed for SignedUserInfo {
    type Good = UserInfo;

    fn secret_key(client: &Client) -> Option<Arc<KeySet>> {
        client.inner().userinfo_secret_key.clone()
    }

    fn verify(&self, client: &Client, keys: &KeySet, now: Timestamp) -> Result<UserInfo, VerificationError> {
        client.inner().userinfo_verifier.verify(&self.0, keys, now)
    }

    fn refused(rejected: VerificationError) -> Error {
        ResponseError::new(Endpoint::UserInfo, http::StatusCode::OK, ResponseRule::Jwt(rejected)).into()
    }
}
