//! The errors of the discovery of an authorization server.

use crate::{
    page::{Page, Said, show},
    settings::in_flow,
};
use http::StatusCode;
use oidc_proto::{
    flow::{Endpoint, ResponseError, ResponseRule},
    metadata::DiscoveryError,
};

const PLACES: [&str; 2] = [
    "https://api.example/.well-known/oauth-protected-resource/mcp",
    "https://api.example/.well-known/oauth-protected-resource",
];

/// A response of this endpoint that breaks this rule.
fn broken(endpoint: Endpoint, status: u16, rule: ResponseRule) -> ResponseError {
    let mut error = ResponseError::new(endpoint, StatusCode::from_u16(status).unwrap(), rule);
    error.urls = match endpoint {
        Endpoint::Discovery => vec!["https://as.example/.well-known/oauth-authorization-server".to_owned()],
        _ => vec![PLACES[0].to_owned()],
    };
    error
}

fn of_resource(error: DiscoveryError) -> Said {
    in_flow(broken(Endpoint::ResourceMetadata, 200, error.into()))
}

fn of_server(error: DiscoveryError) -> Said {
    in_flow(broken(Endpoint::Discovery, 200, error.into()))
}

/// The challenge is that of a response to another request.
fn of_challenge(error: DiscoveryError) -> Said {
    let mut broken = broken(Endpoint::ResourceMetadata, 401, error.into());
    broken.urls.clear();
    in_flow(broken)
}

fn nowhere(mut error: ResponseError) -> Said {
    error.urls = PLACES.map(str::to_owned).into();
    in_flow(error)
}

pub(crate) fn show(page: &mut Page) {
    page.part("The authorization server of a resource (`AuthorizationDiscovery`)");
    let (expected, found) = ("https://api.example/mcp".into(), "https://api.example".into());
    show!(page, oidc_proto::DiscoveryError, of_resource;
        NoServer, ServerNotAllowed, SeveralServers { found: 2 }, ParentResource { expected: expected, found: found },
        OverBudget { requests: 6, bytes: 393_216 });
    show!(page, oidc_proto::DiscoveryError, of_challenge; OtherOrigin);
    show!(page, oidc_proto::DiscoveryError, of_server; NoS256 { silent: true }, NoS256 { silent: false });
    let resource = |status| move |rule| nowhere(broken(Endpoint::ResourceMetadata, status, rule));
    show!(page, oidc_proto::ResponseRule, resource(404); Status);
    show!(page, oidc_proto::ResponseRule, resource(302); Redirect);
    show!(page, oidc_proto::ResponseRule, resource(200); Discovery(DiscoveryError::NoServer));
    let page_of_html = |rule| {
        let mut error = broken(Endpoint::ResourceMetadata, 200, rule);
        error.media_type = Some("text/html");
        nowhere(error)
    };
    show!(page, oidc_proto::ResponseRule, page_of_html; TooLarge { limit: 65_536 }, MediaType("application/json"));
}
