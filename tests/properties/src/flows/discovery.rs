//! The discovery of the authorization server of a resource.

use super::{World, as_it_is};
use crate::ISSUER;
use http::{Request, Response};
use oidc_proto::{
    UrlPolicy,
    flow::{AuthorizationDiscovery, DiscoveryRules, MetadataSource},
};
use serde_json::json;

const API: &str = "https://op.example/tenant/api";
const ORIGIN: &str = "https://op.example";

/// The metadata of the resource, at its own place.
pub(super) fn document(request: &Request<Vec<u8>>) -> Option<Response<Vec<u8>>> {
    let document = json!({"resource": API, "authorization_servers": [ISSUER], "scopes_supported": ["a"]});
    (request.uri().path() == "/.well-known/oauth-protected-resource/tenant/api").then(|| {
        let response = Response::builder().header("content-type", "application/json");
        response.body(document.to_string().into_bytes()).expect("a response")
    })
}

pub(super) fn authorization(world: &mut World<'_>, flags: u8) {
    let rules = match flags & 3 {
        0 => DiscoveryRules::default(),
        1 => DiscoveryRules::mcp().or_origin_as_issuer(),
        _ => DiscoveryRules::mcp(),
    };
    let budget = if flags & 16 == 0 { 6 } else { 2 };
    let discovery = AuthorizationDiscovery::new(API, &UrlPolicy::default()).rules(rules).max_requests(budget);
    let done = world.drive::<AuthorizationDiscovery>(discovery.start().expect("the URL is good"), as_it_is);
    assert!(world.requests <= budget.min(5) && world.waits == 0, "{}", world.requests);
    assert!(!world.honest || world.requests == 2 && done.is_some(), "each document is at its first place");
    let Some(found) = done else { return };
    let issuer = found.server.issuer;
    if found.source == MetadataSource::Origin {
        assert!(flags & 3 == 1 && issuer == ORIGIN, "{issuer}");
    } else {
        let listed = found.resource.authorization_servers.unwrap_or_default();
        assert_eq!(listed.first(), Some(&issuer), "the first is chosen");
    }
    let of = found.resource.resource.as_str();
    let parents = [ORIGIN, "https://op.example/", "https://op.example/tenant", "https://op.example/tenant/"];
    let parents = [parents.as_slice(), &["https://op.example/tenant/api/"]].concat();
    assert!(of == API || flags & 3 != 0 && parents.contains(&of), "{of}");
    let s256 = found.server.code_challenge_methods_supported.unwrap_or_default();
    assert!(flags & 3 == 0 || s256.iter().any(|method| method == "S256"));
}
