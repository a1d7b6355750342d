//! Discovery (OpenID Connect Discovery 1.0 section 4): from an issuer to its metadata.

use super::{Call, ConfigError, Endpoint, Error, Flow, Never, Response, ResponseError, Rule, Step, jwks};
use crate::{
    base::{endpoint_url::UrlPolicy, header::media_type_is, moment::Moment},
    metadata::{Profile, ProviderMetadata, well_known},
};

/// The flow from an issuer to its metadata: one request, one response.
#[derive(Debug)]
#[non_exhaustive]
pub struct Discovery;

/// The request is in flight.
#[derive(Debug)]
pub struct Asked {
    issuer: String,
    profile: Profile,
    policy: UrlPolicy,
}

impl Discovery {
    /// Asks the issuer for its metadata as an OpenID Provider.
    ///
    /// # Errors
    /// [`ConfigError::Issuer`] if the issuer is not a URL that an issuer may have, or that the policy
    /// allows.
    pub fn start(issuer: &str, policy: &UrlPolicy) -> Result<Call<Self>, Error> {
        Self::with_profile(issuer, Profile::OpenIdProvider, policy)
    }

    /// Asks for metadata that must have what another [`Profile`] demands.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn with_profile(issuer: &str, profile: Profile, policy: &UrlPolicy) -> Result<Call<Self>, Error> {
        let url = well_known(issuer, policy).map_err(ConfigError::Issuer)?;
        let asked = Asked { issuer: issuer.to_owned(), profile, policy: *policy };
        Ok(Call::new(Endpoint::Discovery, jwks::get(&url, "application/json"), asked))
    }
}

impl Flow for Discovery {
    type Awaiting = Asked;
    type Paused = Never;
    type Output = ProviderMetadata;

    fn on_response(asked: Asked, response: &Response<'_>, moment: Moment) -> Result<Step<Self>, Error> {
        jwks::check_status(Endpoint::Discovery, response, moment.now())?;
        let broken = |rule| ResponseError::new(Endpoint::Discovery, response.status(), rule);
        if !media_type_is(response.headers(), &["application/json"]) {
            return Err(broken(Rule::MediaType("application/json")).into());
        }
        let Asked { issuer, profile, policy } = asked;
        let metadata = ProviderMetadata::parse(response.body(), &issuer, profile, &policy);
        Ok(Step::Done(metadata.map_err(|error| broken(Rule::Metadata(error)))?))
    }

    fn on_wake(never: Never, _: Moment) -> Result<Step<Self>, Error> {
        match never {}
    }
}
