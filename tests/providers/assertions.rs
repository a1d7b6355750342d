//! Clients that sign assertions (`client_secret_jwt`, `private_key_jwt`) at a real, OpenID-certified provider, over each
//! adapter: `oidc-provider` from npm.

use crate::{
    adapters::Http,
    npm::{self, Browser, Npm, SIGNERS, User, protocol},
};
use oidc_drive::moment;
use oidc_proto::{
    Error,
    flow::{
        Assertion, AssertionAudience, AssertionType, Client, ClientAuthentication, ClientBuilder,
        ClientCredentialsRequest, PreviousLogin, TokenTypeHint,
    },
    jose::{Algorithm, sign_compact},
    message::{AuthorizationRequest, AuthorizationResponse},
};
use oidc_testkit::KeyRing;

/// Every client that signs assertions.
fn clients(npm: &Npm) -> Vec<ClientBuilder> {
    let shared = ["HS256", "HS384", "HS512"].map(|alg| npm.client(alg, "client_secret_jwt"));
    let signed = SIGNERS.map(|alg| npm.client(alg.name(), "private_key_jwt"));
    let registered =
        |builder: ClientBuilder| builder.id_token_signed_response_alg(Algorithm::ES256).fetch_userinfo();
    shared.into_iter().chain(signed).map(registered).collect()
}

fn service(http: &impl Http, client: &Client) {
    let wanted = ClientCredentialsRequest::new(["api:read"]).resource("https://api.example/");
    let tokens = http.finish(client.client_credentials(&wanted, moment()).expect("a request"));
    assert_eq!(tokens.scope.as_deref(), Some("api:read"), "{client:?}");
}

fn everything(http: &impl Http) {
    let Some(npm) = npm::npm() else { return };
    for builder in clients(npm) {
        let client = builder.build().expect("a client");
        let request = AuthorizationRequest::new(["profile", "email"]);
        let (url, pending) = client.authorize(&request, moment()).expect("a request");
        let callback = Browser::new().visit(&url, User::Agrees("alice"));
        let response = AuthorizationResponse::from_url(&callback).expect("a callback");
        let login = http.finish(pending.callback(&client, None, response, moment()).expect("a code"));
        assert_eq!(login.id_token.sub, "alice", "{client:?}");

        let (spent, previous) =
            (login.tokens.refresh_token.expect("a refresh token"), PreviousLogin::from(&login.id_token));
        let call = client.refresh(&spent, Some(previous), login.learned.keys, moment()).expect("a request");
        let refreshed = http.finish(call);
        assert!(refreshed.rotated, "{client:?}");
        service(http, &client);

        let (token, hint) =
            (refreshed.tokens.refresh_token.expect("a new one"), Some(TokenTypeHint::RefreshToken));
        assert!(http.finish(client.introspect(&token, hint, moment()).expect("a request")).active);
        http.finish(client.revoke(&token, hint, moment()).expect("a request"));
        assert!(!http.finish(client.introspect(&token, hint, moment()).expect("a request")).active);
    }
}

#[test]
fn clients_that_sign_assertions_log_in_refresh_and_serve_over_ureq() {
    everything(&oidc_ureq::Http::new());
}

#[test]
fn clients_that_sign_assertions_log_in_refresh_and_serve_over_hyper() {
    everything(&oidc_hyper::Http::new());
}

#[test]
fn clients_that_sign_assertions_log_in_refresh_and_serve_over_reqwest() {
    everything(&oidc_reqwest::Http::new());
}

#[test]
fn the_provider_takes_every_audience_and_an_assertion_that_says_what_it_is() {
    let Some(npm) = npm::npm() else { return };
    for audience in
        [AssertionAudience::Issuer, AssertionAudience::TokenEndpoint, AssertionAudience::RequestedEndpoint]
    {
        for builder in clients(npm) {
            let client = builder
                .assertion_audience(audience)
                .assertion_type(AssertionType::ClientAuthenticationJwt)
                .build()
                .expect("a client");
            service(&npm.http, &client);
        }
    }
}

#[test]
fn the_provider_refuses_an_assertion_that_was_used_and_one_of_another_key() {
    let Some(npm) = npm::npm() else { return };
    for algorithm in SIGNERS {
        let (key, _) = KeyRing::client_key(algorithm);
        let client = npm.client(algorithm.name(), "private_key_jwt").build().expect("a client");
        // A platform made it, and not this client.
        let (id, now) = (client.client_id(), oidc_drive::now().0);
        let claims = serde_json::json!({"iss": id, "sub": id, "aud": npm.issuer, "jti": format!("once-{id}"),
            "iat": now, "exp": now + 60});
        let assertion = sign_compact(&*key, Default::default(), claims.to_string().as_bytes());
        let assertion = assertion.expect("a signature");
        let send = |assertion: String| {
            let attempt = client.attempt(Assertion::foreign(assertion));
            let call = attempt.client_credentials(&ClientCredentialsRequest::default(), moment());
            npm.http.run(call.expect("a request")).map_err(protocol)
        };
        assert!(send(assertion.clone()).is_ok(), "{algorithm:?}");
        let mut other = assertion.clone();
        other.truncate(other.len() - 8);
        for bad in [assertion, other + "AAAAAAAA"] {
            let Err(Error::OAuth(refused)) = send(bad) else { panic!("{algorithm:?}") };
            assert_eq!(refused.code(), "invalid_client");
            assert!(refused.to_string().contains("`ClientBuilder::assertion_audience`"), "{refused}");
        }
    }
}

/// Its metadata lists them, and so a client need not be told.
#[test]
fn the_metadata_of_the_provider_chooses_the_method_and_the_algorithm() {
    let Some(npm) = npm::npm() else { return };
    let chosen = |builder: ClientBuilder| builder.build().expect("a client").authentication();
    let builder = || Client::builder(npm.metadata.clone(), "EdDSA-private_key_jwt");
    let keyed = builder().signer(KeyRing::client_key(Algorithm::PS512).0);
    let refused = keyed.build().unwrap_err().to_string();
    assert!(refused.contains("with PS512,") && refused.contains("RS256"), "{refused}");
    let both = builder()
        .signer(KeyRing::client_key(Algorithm::PS512).0)
        .signer(KeyRing::client_key(Algorithm::EdDSA).0);
    assert_eq!(chosen(both.clone()), ClientAuthentication::PrivateKeyJwt);
    service(&npm.http, &both.build().expect("a client"));
}
