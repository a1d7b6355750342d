//! Renewing keys (OpenID Connect Core 1.0 section 10.1.1).

use super::{Freshness, Renewed};
use crate::{
    base::{endpoint_url::EndpointUrl, moment::Moment},
    flow::{Call, Error, Flow, JwksRetrieval, Never, Response, Step},
    jose::KeySet,
};

/// The flow from a `jwks_uri` to keys, and how long they are fresh.
///
/// A set without a usable key is an error, as for [`JwksRetrieval`], so that it cannot take the place of a
/// good one.
#[derive(Debug)]
#[non_exhaustive]
pub struct KeyRenewal;

impl KeyRenewal {
    /// Asks for the keys at a `jwks_uri`.
    pub fn start(jwks_uri: &EndpointUrl) -> Call<Self> {
        JwksRetrieval::start(jwks_uri).map(|asked| asked)
    }
}

impl Flow for KeyRenewal {
    type Awaiting = <JwksRetrieval as Flow>::Awaiting;
    type Paused = Never;
    type Output = Renewed<KeySet>;

    fn on_response(
        asked: Self::Awaiting,
        response: &Response<'_>,
        moment: Moment,
    ) -> Result<Step<Self>, Error> {
        let freshness = Freshness::of_response(response.headers(), moment.now());
        JwksRetrieval::on_response(asked, response, moment)?.within(
            (),
            |asked, ()| asked,
            |never, ()| never,
            |keys, ()| Ok(Step::Done(Renewed::new(keys, freshness))),
        )
    }

    fn on_wake(never: Never, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}
