//! Renewing keys (OpenID Connect Core 1.0 section 10.1.1).
//!
//! ```text
//! Getting ──keys──▶ Done(Renewed<KeySet>)
//! ```

use super::Renewed;
use crate::{
    base::{endpoint_url::EndpointUrl, moment::Moment},
    flow::{Call, Document, Error, Get, Step, Then, get_keys, usable_keys},
    jose::KeySet,
};
use std::sync::Arc;

/// The flow from a `jwks_uri` to keys, and how long they are fresh.
///
/// A set without a usable key is an error, as for [`JwksRetrieval`](crate::flow::JwksRetrieval), so that it cannot take
/// the place of a good one.
#[derive(Debug)]
#[non_exhaustive]
pub struct KeyRenewal;

impl KeyRenewal {
    /// Asks for the keys at a `jwks_uri`.
    pub fn start(jwks_uri: &EndpointUrl) -> Call<Self> {
        get_keys(jwks_uri).carrying(())
    }
}

impl Then for KeyRenewal {
    type First = Get;
    type Carried = ();
    type Output = Renewed<KeySet>;

    fn then(document: Document, (): (), _: Moment) -> Result<Step<Self>, Error> {
        let keys = Arc::new(usable_keys(&document)?);
        Ok(Step::Done(Renewed::new(keys, document.freshness())))
    }
}
