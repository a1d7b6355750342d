//! JWK Set retrieval (RFC 7517 section 5): the simplest flow, one request and one response.
//!
//! ```text
//! Getting ──keys──▶ Done(Arc<KeySet>)
//! ```

use super::document::{Document, Get};
use crate::{
    base::{endpoint_url::EndpointUrl, moment::Moment},
    flow::{
        client::Client,
        contract::{Call, Endpoint, Error, ResponseRule, Step, Then},
    },
    jose::KeySet,
};
use std::sync::Arc;

/// The flow from a `jwks_uri` to a set of keys.
///
/// A set without a usable key, be it empty or of keys that are all set aside, is an error
/// ([`ResponseRule::NoUsableKey`]), as in every flow that fetches keys: it verifies nothing, and must not take the
/// place of a good one. [`KeySet::parse`] reads such a set, and says what is wrong with each key; a login
/// says so of the key that its ID token names.
#[derive(Debug)]
#[non_exhaustive]
pub struct JwksRetrieval;

impl JwksRetrieval {
    /// Asks for the keys at a `jwks_uri`.
    pub fn start(jwks_uri: &EndpointUrl) -> Call<Self> {
        get(jwks_uri).carrying(())
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

impl Then for JwksRetrieval {
    type First = Get;
    type Carried = ();
    type Output = Arc<KeySet>;

    fn then(document: Document, (): (), _: Moment) -> Result<Step<Self>, Error> {
        Ok(Step::Done(Arc::new(usable(&document)?)))
    }
}

/// The request for a set of keys.
pub(crate) fn get(jwks_uri: &EndpointUrl) -> Call<Get> {
    Get::start(Endpoint::Jwks, jwks_uri, "application/jwk-set+json, application/json")
}

/// The keys of a document, of which one can be used at least.
pub(crate) fn usable(document: &Document) -> Result<KeySet, Error> {
    let keys = read(document)?;
    if keys.is_empty() { Err(no_usable_key(document)) } else { Ok(keys) }
}

/// The keys of a document, usable or not.
pub(in crate::flow) fn read(document: &Document) -> Result<KeySet, Error> {
    let json = document.json(&["application/json", "application/jwk-set+json"])?;
    KeySet::parse(json).map_err(|error| document.broken(ResponseRule::KeySet(error)))
}

/// The provider is to blame, not the token that no key of it vouches for.
pub(in crate::flow) fn no_usable_key(document: &Document) -> Error {
    document.broken(ResponseRule::NoUsableKey)
}
