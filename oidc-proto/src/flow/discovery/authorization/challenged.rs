//! What the challenges of a response say about the metadata of a resource, and about scopes.

use crate::{
    base::{
        endpoint_url::{EndpointUrl, UrlPolicy},
        header::{Challenge, challenges},
    },
    flow::contract::{Endpoint, Error, ResponseError, ResponseRule},
    message::scopes::words,
    metadata::MetadataError,
};
use http::{HeaderMap, StatusCode, header};

const MEMBER: &str = "resource_metadata";

/// Returns the error of a challenge that breaks this rule.
pub(super) fn response_error(rule: ResponseRule) -> Box<ResponseError> {
    Box::new(ResponseError::new(Endpoint::ResourceMetadata, StatusCode::UNAUTHORIZED, rule))
}

pub(super) fn broken(rule: ResponseRule) -> Error {
    Error::Response(response_error(rule))
}

fn all(headers: &HeaderMap) -> Vec<Challenge> {
    challenges(headers, &header::WWW_AUTHENTICATE)
}

/// Returns the URL of the metadata that the challenges name, whatever their schemes (RFC 9728 section 5.1). Several
/// challenges may name the same URL.
pub(in crate::flow::discovery) fn named_metadata(
    headers: &HeaderMap,
    policy: &UrlPolicy,
) -> Result<Option<EndpointUrl>, Error> {
    let challenges = all(headers);
    let parameters = challenges.iter().flat_map(|challenge| &challenge.parameters);
    let mut places = parameters.filter(|(name, _)| name == MEMBER).map(|(_, place)| place);
    let Some(place) = places.next() else { return Ok(None) };
    if places.any(|other| other != place) {
        return Err(broken(ResponseRule::Value(MEMBER)));
    }
    let unusable = |error| broken(ResponseRule::Metadata(MetadataError::unusable_url(MEMBER, error)));
    EndpointUrl::parse(place, policy).map(Some).map_err(unusable)
}

/// Returns the scopes that the challenges name (RFC 6750 section 3): those of the challenge that names the metadata, or else
/// of the first that names any.
pub(super) fn named_scope(headers: &HeaderMap) -> Option<Vec<String>> {
    let challenges = all(headers);
    let scope = |challenge: &Challenge| {
        let words: Vec<_> = words(challenge.parameter("scope")?).map(str::to_owned).collect();
        (!words.is_empty()).then_some(words)
    };
    let with_metadata = challenges.iter().filter(|challenge| challenge.parameter(MEMBER).is_some());
    with_metadata.chain(&challenges).find_map(scope)
}
