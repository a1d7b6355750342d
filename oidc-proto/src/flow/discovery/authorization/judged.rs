//! The verdicts on one response: metadata, nothing that is metadata, or the end.

use super::{parent_path::is_parent, rules::DiscoveryRules, settings::Settings};
use crate::{
    base::{
        json::Members,
        visible::{shown, without_mark, without_query},
    },
    flow::{
        contract::{Error, ResponseError, ResponseRule, Unavailable},
        exchange::Document,
    },
    metadata::{DiscoveryError, MetadataError, Profile, ProviderMetadata, ResourceMetadata},
};
use http::StatusCode;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;

/// A response that does not end the discovery.
pub(super) enum Judged<T> {
    /// The metadata.
    Metadata(T),
    /// There is no metadata at this place. The error is that of a discovery that has no other place.
    Nothing(Box<ResponseError>),
}

/// A JSON object with one of these members means to be metadata of a resource.
const OF_RESOURCE: [&str; 2] = ["resource", "authorization_servers"];

/// A JSON object with one of these members means to be metadata of an authorization server.
const OF_SERVER: [&str; 4] = ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"];

/// Reads the metadata of the resource.
pub(super) fn resource(document: &Document, settings: &Settings) -> Result<Judged<ResourceMetadata>, Error> {
    judge(document, &OF_RESOURCE, |body| {
        let found = Members::parse(body).map_err(MetadataError::Json)?.string("resource");
        let found = found.map_err(MetadataError::Json)?.unwrap_or_default();
        let (requested, policy) = (&settings.resource, &settings.policy);
        let of_parent = found != *requested && is_parent(&found, requested, policy);
        if of_parent && !settings.rules.parent_path {
            let [expected, found] = [requested, &found].map(|url| shown(&without_query(url)).into());
            return Err(DiscoveryError::ParentResource { expected, found }.into());
        }
        let expected = if of_parent { &found } else { requested };
        Ok(ResourceMetadata::parse(body, expected, policy)?)
    })
}

/// Reads the metadata of the authorization server. The demands are those on an authorization server in each of its forms: a
/// server without OpenID Connect may publish them under the name of OpenID (RFC 8414 section 5).
pub(super) fn server(
    document: &Document,
    issuer: &str,
    settings: &Settings,
) -> Result<Judged<ProviderMetadata>, Error> {
    judge(document, &OF_SERVER, |body| {
        let metadata = ProviderMetadata::parse(body, issuer, Profile::AuthorizationServer, &settings.policy)?;
        checks_pkce(&metadata, settings.rules)?;
        Ok(metadata)
    })
}

/// Checks what the metadata says about PKCE. A list that cannot be used is no silence.
fn checks_pkce(metadata: &ProviderMetadata, rules: DiscoveryRules) -> Result<(), DiscoveryError> {
    const MEMBER: &str = "code_challenge_methods_supported";
    let listed = &metadata.code_challenge_methods_supported;
    let silent = listed.is_none() && metadata.set_aside.iter().all(|aside| aside.member != MEMBER);
    let has_s256 = listed.iter().flatten().any(|method| method == "S256");
    if !rules.pkce || has_s256 || silent && rules.unstated_pkce {
        return Ok(());
    }
    Err(DiscoveryError::NoS256 { silent })
}

fn judge<T>(
    document: &Document,
    members: &[&str],
    read: impl FnOnce(&[u8]) -> Result<T, ResponseRule>,
) -> Result<Judged<T>, Error> {
    let body = match document.json(&["application/json"]) {
        Ok(body) => body,
        Err(error) => return Ok(Judged::Nothing(nothing_here(error)?)),
    };
    match read(body) {
        Ok(metadata) => Ok(Judged::Metadata(metadata)),
        Err(rule) if means_to_be(body, members) => Err(document.broken(rule)),
        Err(rule) => Ok(Judged::Nothing(nothing_here(document.broken(rule))?)),
    }
}

/// Whether a body in JSON means to be this metadata: an object with one of these members, or one that breaks off or cannot
/// be read. Metadata that is wrong ends the discovery, because the next place might have metadata of something else.
fn means_to_be(body: &[u8], members: &[&str]) -> bool {
    let body = without_mark(body);
    match serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(body) {
        Ok(object) => members.iter().any(|member| object.contains_key(*member)),
        Err(_) => body.trim_ascii_start().starts_with(b"{"),
    }
}

/// Goes on after this error, if the response means that there is no metadata at the place: a refusal by 4xx, or a success
/// that is something else, such as the page that an application has at every path.
///
/// A redirect means that, too. The specifications have metadata only with 200 (RFC 8414 section 3.2, RFC 9728 section 3.2),
/// and a redirect is never followed, because nobody has agreed to the place that it names. Servers send them from every
/// path that they do not know, to a page for a login. To go on is no weaker than after a 404: what is found at the next
/// place is checked in the same way.
///
/// A server that is busy or down (429, 5xx) has not said that there is nothing. Another place might have metadata that was
/// replaced long ago.
pub(super) fn nothing_here(error: Error) -> Result<Box<ResponseError>, Error> {
    let Error::Response(broken) = error else { return Err(error) };
    let (busy, refused) = (matches!(broken.status, 429 | 500..), (400..500).contains(&broken.status));
    let goes_on = match &broken.rule {
        // What is this large is a page, or it is refused anyway.
        ResponseRule::TooLarge { .. } if busy => {
            let status = StatusCode::from_u16(broken.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            return Err(Error::Unavailable(Unavailable::new(broken.endpoint, status, None)));
        }
        ResponseRule::TooLarge { .. } => refused || broken.media_type.is_some(),
        ResponseRule::Status => refused || broken.status == 204,
        _ => true,
    };
    if goes_on { Ok(broken) } else { Err(Error::Response(broken)) }
}
