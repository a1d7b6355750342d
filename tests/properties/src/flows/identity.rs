//! The property of a document that a client publishes: one request, and whatever comes, the document is of this client and
//! has no secret.

use super::{World, as_it_is};
use oidc_proto::{
    UrlPolicy,
    flow::ClientIdMetadataRetrieval,
    message::{ClientIdMetadataDocument, ClientIdUrl},
};
use oidc_testkit::{EndpointName, hostile};

const CLIENT_ID: &str = "https://op.example/client.json";

/// Fetches the document of a client from a server with scripted responses.
pub(super) fn document(world: &mut World<'_>, flags: u8) {
    let client_id = ClientIdUrl::parse(CLIENT_ID).expect("the URL is good");
    let builder = ClientIdMetadataDocument::builder(client_id.clone(), "My Agent");
    let made = match flags & 1 {
        0 => builder.loopback_redirects("/callback"),
        _ => builder
            .redirect_uri("https://op.example/callback")
            .metadata(|other| other.jwks_uri("https://op.example/jwks")),
    };
    let made = made.build().expect("the document is good");
    // The client has its page at the same host.
    let page = hostile::respond(200, "application/json", made.to_json().to_string());
    world.provider.alter_response(EndpointName::Unknown, page);
    let policy = UrlPolicy::default();
    let call = ClientIdMetadataRetrieval::start(&client_id, &policy).expect("the URL is allowed");
    let got = world.drive::<ClientIdMetadataRetrieval>(call, as_it_is);
    assert!(world.requests == 1 && world.waits == 0);
    let Some(got) = got else { return };
    assert_eq!(got.document.client_id(), &client_id);
    assert!(!world.honest || got.document == made, "an honest server");
    let json = got.document.to_json();
    assert!(json.get("client_secret").is_none() && json.get("client_secret_expires_at").is_none());
    let method = json["token_endpoint_auth_method"].as_str().unwrap_or("none");
    assert!(!method.starts_with("client_secret"), "{method}");
    let again = ClientIdMetadataDocument::parse(json.to_string().as_bytes(), &client_id, &policy);
    assert_eq!(again.expect("what was read is read again"), got.document);
}
