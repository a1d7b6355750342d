//! [`KeyRenewal`]: fetches the keys of a provider again (OpenID Connect Core 1.0 section 10.1.1).
//!
//! ```text
//! Getting ──keys──▶ Done(Renewed<KeySet>)
//! ```

use super::Renewed;
use crate::{
    base::{endpoint_url::EndpointUrl, moment::Moment},
    flow::{Call, DiscoveryOptions, Document, Error, Get, Step, Then, get_keys, usable_keys},
    jose::{KeySet, KeySetReader},
};
use std::sync::Arc;

/// The flow that fetches a key set, for a [`Renewal`](super::Renewal). Its output says how long the keys are fresh.
///
/// A key set without a usable key is an error, as for [`JwksRetrieval`](crate::flow::JwksRetrieval). So it cannot
/// replace a key set that works.
///
/// ```
/// use oidc_proto::{EndpointUrl, Moment, Timestamp, UrlPolicy, flow::Step};
/// use oidc_proto::renew::{Freshness, KeyRenewal};
/// use std::time::Duration;
///
/// let url = EndpointUrl::parse("https://op.example/jwks", &UrlPolicy::default())?;
/// let (request, _terms, pending) = KeyRenewal::start(&url).into_parts();
/// assert_eq!(request.uri(), "https://op.example/jwks");
///
/// // The provider's response to `request`:
/// let body = br#"{"keys": [{
///     "kty": "EC", "crv": "P-256", "kid": "2027",
///     "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
///     "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
/// }]}"#;
/// let response = http::Response::builder()
///     .header("content-type", "application/jwk-set+json")
///     .header("cache-control", "max-age=600")
///     .body(body.to_vec())?;
/// let step = pending.receive(response, Moment::new(Timestamp(1_800_000_000), [7; 32]))?;
/// let Step::Done(renewed) = step else { return Err("the flow goes on".into()) };
/// assert!(renewed.value.knows("2027"));
/// assert_eq!(renewed.freshness, Freshness::lasting(Duration::from_secs(600)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct KeyRenewal;

impl KeyRenewal {
    /// Makes the request for the keys at a `jwks_uri`.
    pub fn start(jwks_uri: &EndpointUrl) -> Call<Self> {
        get_keys(jwks_uri, false).carrying(KeySetReader::new())
    }

    /// Makes the request for the keys of a provider whose metadata was asked for with these options: keys of the same
    /// size and media types are accepted. The reader reads them: with another limit, for example.
    pub fn with(jwks_uri: &EndpointUrl, options: &DiscoveryOptions, reader: KeySetReader) -> Call<Self> {
        get_keys(jwks_uri, options.of_any_type()).max_body(options.document_limit()).carrying(reader)
    }
}

impl Then for KeyRenewal {
    type First = Get;
    type Carried = KeySetReader;
    type Output = Renewed<KeySet>;

    fn then(document: Document, reader: KeySetReader, _: Moment) -> Result<Step<Self>, Error> {
        let keys = Arc::new(usable_keys(&document, &reader)?);
        Ok(Step::Done(Renewed::new(keys, document.freshness())))
    }
}
