//! JWK Set retrieval (RFC 7517 section 5): the simplest flow, one request and one response.

use super::document::{check_status, get};
use crate::{
    base::{
        endpoint_url::EndpointUrl,
        header::media_type_is,
        moment::{Moment, Timestamp},
    },
    flow::{
        client::Client,
        contract::{Call, Endpoint, Error, Flow, Never, Response, ResponseError, Rule, Step, Terms},
    },
    jose::KeySet,
};
use std::sync::Arc;

/// The flow from a `jwks_uri` to a set of keys.
///
/// A set without a usable key, be it empty or of keys that are all set aside, is an error
/// ([`Rule::NoUsableKey`]), as in every flow that fetches keys: it verifies nothing, and must not take the
/// place of a good one. [`KeySet::parse`] reads such a set, and says what is wrong with each key; a login
/// says so of the key that its ID token names.
#[derive(Debug)]
#[non_exhaustive]
pub struct JwksRetrieval;

/// The request is in flight.
#[derive(Debug)]
pub struct Asked(());

impl JwksRetrieval {
    /// Asks for the keys at a `jwks_uri`.
    pub fn start(jwks_uri: &EndpointUrl) -> Call<Self> {
        let request = get(jwks_uri, "application/jwk-set+json, application/json");
        Call::new(Terms::new(Endpoint::Jwks), request, Asked(()))
    }
}

impl Client {
    /// Asks for the provider's keys.
    ///
    /// # Errors
    /// [`ConfigError::NoEndpoint`](crate::flow::ConfigError::NoEndpoint) if the metadata has no usable `jwks_uri`.
    pub fn jwks(&self) -> Result<Call<JwksRetrieval>, Error> {
        Ok(JwksRetrieval::start(self.endpoint(Endpoint::Jwks)?))
    }
}

impl Flow for JwksRetrieval {
    type Awaiting = Asked;
    type Paused = Never;
    type Output = Arc<KeySet>;

    fn on_response(_: Asked, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        let keys = read(response, moment.now())?;
        if keys.is_empty() { Err(no_usable_key(response)) } else { Ok(Step::Done(Arc::new(keys))) }
    }

    fn on_wake(never: Never, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}

/// The keys of a response, usable or not.
pub(in crate::flow) fn read(response: &Response<'_>, now: Timestamp) -> Result<KeySet, Error> {
    check_status(Endpoint::Jwks, response, now)?;
    let broken = |rule| ResponseError::new(Endpoint::Jwks, response.status(), rule);
    if !media_type_is(response.headers(), &["application/json", "application/jwk-set+json"]) {
        return Err(broken(Rule::MediaType("application/json")).into());
    }
    Ok(KeySet::parse(response.body()).map_err(|error| broken(Rule::KeySet(error)))?)
}

/// The provider is to blame, not the token that no key of it vouches for.
pub(in crate::flow) fn no_usable_key(response: &Response<'_>) -> Error {
    ResponseError::new(Endpoint::Jwks, response.status(), Rule::NoUsableKey).into()
}
