//! The errors of a client that no server has registered: of its identifier, and of its document.

use crate::{
    page::{Page, said, show, shows_itself},
    settings::in_flow,
};
use http::Response;
use oidc_proto::{
    Error, Moment, Timestamp, UrlPolicy,
    base::{JsonError, UrlError},
    flow::{
        ClientAuthentication, ClientIdMetadataRetrieval, ClientIdentities, ConfigError,
        NoClientIdentityError, PreRegisteredClient,
    },
    message::{ClientIdMetadataError, ClientIdUrl, ClientIdUrlError, ClientMetadataError},
    metadata::{MetadataError, Profile, ProviderMetadata},
};

/// What a response to the request for a document leads to.
fn answered(status: u16, media_type: &str, body: &str) -> Error {
    let client_id = ClientIdUrl::parse("https://agent.example/client.json").unwrap();
    let call = ClientIdMetadataRetrieval::start(&client_id, &UrlPolicy::default()).unwrap();
    let (_, _, pending) = call.into_parts();
    let response = Response::builder().status(status).header("content-type", media_type);
    let response = response.body(body.as_bytes().to_vec()).unwrap();
    pending.receive(response, Moment::new(Timestamp(1_700_000_000), [1; 32])).map(drop).unwrap_err()
}

/// What a server with this metadata, besides its issuer, makes of a program with these identities.
fn chosen(identities: &ClientIdentities, more: &str) -> NoClientIdentityError {
    let document = format!(r#"{{"issuer":"https://as.example","response_types_supported":["code"]{more}}}"#);
    let (profile, policy) = (Profile::AuthorizationServer, UrlPolicy::default());
    let metadata =
        ProviderMetadata::parse(document.as_bytes(), "https://as.example", profile, &policy).unwrap();
    let error = identities.choose(&metadata, None, Timestamp(1_700_000_000)).map(drop).unwrap_err();
    shows_itself(&error);
    error
}

pub(crate) fn show(page: &mut Page) {
    page.part("A client identifier that is a URL (`ClientIdUrl::parse`, `ClientIdMetadataRetrieval`)");
    show!(page, oidc_proto::ClientIdUrlError, |error: ClientIdUrlError| said!(error);
        Url(UrlError::Scheme), NoPath, DotSegment, Query, PercentEncoding, TooLong,
        NotNormalized { normalized: "https://agent.example/client.json".into() });
    show!(page, oidc_proto::ConfigError, in_flow; ClientId(UrlError::PrivateAddress));

    page.part("The document of a client (`ClientIdMetadataDocument`)");
    let (expected, found) = ("https://agent.example/client.json", "https://agent.example:443/client.json");
    show!(page, oidc_proto::ClientIdMetadataError, |error: ClientIdMetadataError| said!(error);
        Unreadable(MetadataError::Json(JsonError::NotJson)), NoClientId,
        ClientId { expected: expected.into(), found: found.into() }, ClientName, Secret("client_secret"), SharedSecret,
        SymmetricAlgorithm("id_token_signed_response_alg"),
        Metadata(ClientMetadataError::NoKeys("private_key_jwt")), RedirectUri("is plain http and not on this machine"),
        LoopbackPath, Url { member: "logo_uri", why: UrlError::Scheme }, TooLarge { bytes: 6000 });

    page.part("What a client is at a server (`ClientIdentities::choose`)");
    page.mark("oidc_proto::NoClientIdentityError");
    let nothing = ClientIdentities::new();
    let elsewhere =
        ClientIdentities::new().pre_registered(PreRegisteredClient::new("https://work.example", "app"));
    let client_id = ClientIdUrl::parse("https://agent.example/client.json").unwrap();
    let by_key = ClientIdentities::new()
        .document(client_id)
        .document_authentication(ClientAuthentication::PrivateKeyJwt);
    let documents = r#","client_id_metadata_document_supported":true"#;
    let registers = r#","registration_endpoint":"https://as.example/register""#;
    let public = format!(r#"{documents},"token_endpoint_auth_methods_supported":["none"]"#);
    for (identities, more) in
        [(&nothing, documents), (&nothing, registers), (&nothing, ""), (&elsewhere, ""), (&by_key, &public)]
    {
        page.add(said!(chosen(identities, more)));
    }

    page.part("The document of a client, fetched (`ClientIdMetadataRetrieval`)");
    page.mark("oidc_proto::ResponseRule::ClientIdMetadata");
    let huge = " ".repeat(6000);
    for (status, media_type, body) in [
        (404, "text/html", ""),
        (302, "text/html", ""),
        (200, "text/html", "<html>"),
        (200, "application/json", huge.as_str()),
        (200, "application/json", "{}"),
        (200, "application/json", r#"{"client_id":"https://evil.example/client.json"}"#),
    ] {
        page.add(in_flow(answered(status, media_type, body)));
    }
}
