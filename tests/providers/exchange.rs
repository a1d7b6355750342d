//! Token exchange (RFC 8693) at a real, OpenID-certified provider, over each adapter: `oidc-provider` from npm. The package
//! leaves the grant to its users, so its answer is written in `provider.mjs`; authentication and tokens are its own.

use crate::{
    adapters::Http,
    npm::{self, Browser, SECRET, User, protocol},
};
use oidc_drive::{moment, now};
use oidc_proto::{
    flow::{Client, ClientAuthentication, JwksRetrieval, TokenExchangeRequest, TokenTypeIdentifier},
    jose::Algorithm,
    message::{AuthorizationRequest, AuthorizationResponse},
    token::{AccessTokenVerifier, Scratch},
};

const RESOURCE: &str = "https://api.example/";

fn exchanged(http: &impl Http) {
    let Some(npm) = npm::npm() else { return };
    let app = npm.client("ES256", "client_secret_basic").id_token_signed_response_alg(Algorithm::ES256);
    let app = app.build().expect("a client");
    let (url, pending) = app.authorize(&AuthorizationRequest::new(["profile"]), moment()).expect("a request");
    let callback = Browser::new().visit(&url, User::Agrees("alice"));
    let response = AuthorizationResponse::from_url(&callback).expect("a callback");
    let login = http.finish(pending.callback(&app, None, response, moment()).expect("a code"));

    let api = Client::builder(npm.metadata.clone(), "exchanger").secret(SECRET);
    let api = api.authentication(ClientAuthentication::ClientSecretBasic).build().expect("a client");
    let wanted = |token: &oidc_proto::Secret, resource: &str| {
        TokenExchangeRequest::new(token.clone(), TokenTypeIdentifier::ACCESS_TOKEN)
            .requesting(TokenTypeIdentifier::ACCESS_TOKEN)
            .resource(resource)
            .scopes(["api:read"])
    };
    let users = &login.tokens.access_token;
    let done = http.finish(api.exchange(&wanted(users, RESOURCE), moment()).expect("a request"));
    assert_eq!(done.issued_token_type, TokenTypeIdentifier::ACCESS_TOKEN);
    let keys = http.finish(JwksRetrieval::start(npm.metadata.jwks_uri.as_ref().expect("keys")));
    let verifier = AccessTokenVerifier::new(&npm.issuer, RESOURCE);
    let mut scratch = Scratch::new();
    let token = done.tokens.access_token.expose();
    let verified = verifier.verify(token, &keys, &mut scratch, now()).expect("a token for the API");
    assert_eq!(verified.claims().sub.as_deref(), Some("alice"));
    assert_eq!(verified.client_id(), Some("exchanger"));
    assert!(verified.has_scope("api:read"));
}

#[test]
fn the_token_of_a_user_is_exchanged_over_ureq() {
    exchanged(&oidc_ureq::Http::new());
}

#[test]
fn the_token_of_a_user_is_exchanged_over_hyper() {
    exchanged(&oidc_hyper::Http::new());
}

#[test]
fn the_token_of_a_user_is_exchanged_over_reqwest() {
    exchanged(&oidc_reqwest::Http::new());
}

#[test]
fn the_provider_refuses_other_targets_tokens_and_clients_by_name() {
    let Some(npm) = npm::npm() else { return };
    let token = oidc_proto::Secret::new("a token that nobody issued");
    let ask = |client: &Client, resource: &str| {
        let wanted =
            TokenExchangeRequest::new(token.clone(), TokenTypeIdentifier::ACCESS_TOKEN).resource(resource);
        let call = client.exchange(&wanted, moment()).expect("a request");
        protocol(npm.http.run(call).map(drop).expect_err("a refusal")).to_string()
    };
    let api = Client::builder(npm.metadata.clone(), "exchanger").secret(SECRET);
    let api = api.authentication(ClientAuthentication::ClientSecretBasic).build().expect("a client");
    let refused = ask(&api, RESOURCE);
    assert!(refused.contains("`invalid_request` (the subject token is not valid)"), "{refused}");
    let other = npm.client("ES256", "client_secret_basic").build().expect("a client");
    let refused = ask(&other, RESOURCE);
    assert!(refused.contains("is not allowed for this client"), "{refused}");
}
