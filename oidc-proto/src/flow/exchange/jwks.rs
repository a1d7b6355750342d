//! The retrieval of a JWK Set (RFC 7517 section 5): the simplest flow, with one request and one response.
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
    jose::{KeySet, KeySetReader},
};
use std::sync::Arc;

/// The flow from a `jwks_uri` to a set of keys.
///
/// A set without a usable key is an error ([`ResponseRule::NoUsableKey`]), as in every flow that fetches keys: it
/// verifies nothing, and must not replace a usable set. [`KeySet::parse`] reads such a set, and gives the reason for
/// each key that it cannot use. A login gives the reason for the key that its ID token names.
///
/// ```
/// use oidc_proto::{EndpointUrl, Moment, Timestamp, UrlPolicy, flow::{JwksRetrieval, Step}};
///
/// let jwks_uri = EndpointUrl::parse("https://op.example/jwks", &UrlPolicy::default())?;
/// let receive = |body: &'static str| {
///     // Your HTTP client sends the request, and reads the response.
///     let (_request, _terms, pending) = JwksRetrieval::start(&jwks_uri).into_parts();
///     let response = http::Response::builder().header("content-type", "application/json").body(body)?;
///     let moment = Moment::new(Timestamp(1_800_000_000), [7; 32]); // the time, and 32 random bytes
///     Ok::<_, http::Error>(pending.receive(response, moment))
/// };
///
/// let step = receive(
///     r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "1",
///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
/// )??;
/// assert!(matches!(step, Step::Done(keys) if keys.knows("1")));
///
/// assert_eq!(receive(r#"{"keys": []}"#)?.unwrap_err().code(), "key_set_no_usable_key");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct JwksRetrieval;

impl JwksRetrieval {
    /// Asks for the keys at a `jwks_uri`.
    pub fn start(jwks_uri: &EndpointUrl) -> Call<Self> {
        Self::with(jwks_uri, KeySetReader::new())
    }

    /// Asks for the keys at a `jwks_uri`, and reads them as this reader does: with another limit, for example.
    pub fn with(jwks_uri: &EndpointUrl, reader: KeySetReader) -> Call<Self> {
        get(jwks_uri, false).carrying(reader)
    }
}

impl Client {
    /// Asks for the provider's keys.
    ///
    /// # Errors
    /// [`ConfigError::NoEndpoint`](crate::flow::ConfigError::NoEndpoint) if the metadata has no usable `jwks_uri`.
    pub fn jwks(&self) -> Result<Call<JwksRetrieval>, Error> {
        let call = get(self.endpoint(Endpoint::Jwks)?, self.quirks().any_media_type);
        Ok(call.max_body(self.max_document()).carrying(self.key_set_reader().clone()))
    }
}

impl Then for JwksRetrieval {
    type First = Get;
    type Carried = KeySetReader;
    type Output = Arc<KeySet>;

    fn then(document: Document, reader: KeySetReader, _: Moment) -> Result<Step<Self>, Error> {
        Ok(Step::Done(Arc::new(usable(&document, &reader)?)))
    }
}

/// Returns the request for a set of keys. `of_any_type` says whether the media type of the response counts.
pub(crate) fn get(jwks_uri: &EndpointUrl, of_any_type: bool) -> Call<Get> {
    Get::start(Endpoint::Jwks, jwks_uri, "application/jwk-set+json, application/json", of_any_type)
}

/// Reads the keys of a document, of which at least one must be usable.
pub(crate) fn usable(document: &Document, reader: &KeySetReader) -> Result<KeySet, Error> {
    let keys = read(document, reader)?;
    if keys.is_empty() { Err(no_usable_key(document)) } else { Ok(keys) }
}

/// Reads the keys of a document, usable or not.
pub(in crate::flow) fn read(document: &Document, reader: &KeySetReader) -> Result<KeySet, Error> {
    let json = document.json(&["application/json", "application/jwk-set+json"])?;
    reader.parse(json).map_err(|error| document.broken(ResponseRule::KeySet(error)))
}

/// Returns the error of a set without a usable key. The provider is to blame, and not the token.
pub(in crate::flow) fn no_usable_key(document: &Document) -> Error {
    document.broken(ResponseRule::NoUsableKey)
}
