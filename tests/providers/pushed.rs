//! Pushed and signed authorization requests (PAR, JAR) at a real, OpenID-certified provider, over each adapter:
//! `oidc-provider` from npm. It takes no request object by reference.

use crate::{
    adapters::Http,
    npm::{self, Browser, Npm, REDIRECT_URI, SIGNERS, User, protocol},
};
use oidc_drive::moment;
use oidc_proto::{
    Error, UrlPolicy,
    flow::{Client, ClientBuilder, ConfigError, PendingAuthorization},
    jose::Algorithm,
    message::{AuthorizationRequest, AuthorizationResponse},
};
use oidc_testkit::KeyRing;
use url::Url;

fn request() -> AuthorizationRequest {
    AuthorizationRequest::new(["profile", "email"]).max_age(std::time::Duration::from_secs(3_600))
}

/// A client of each kind. The flag says whether it has a key or a secret that signs request objects.
fn clients(npm: &Npm) -> Vec<(ClientBuilder, bool)> {
    let plain = ["client_secret_basic", "client_secret_post", "none"]
        .map(|method| (npm.client("ES256", method), false));
    let shared = ["HS256", "HS384", "HS512"].map(|alg| {
        let algorithm = Algorithm::from_name(alg).expect("an algorithm");
        (npm.client(alg, "client_secret_jwt").request_object_signing_alg(algorithm), true)
    });
    let signed = SIGNERS.map(|alg| (npm.client(alg.name(), "private_key_jwt"), true));
    let all = plain.into_iter().chain(shared).chain(signed);
    all.map(|(builder, signs)| (builder.id_token_signed_response_alg(Algorithm::ES256), signs)).collect()
}

/// Logs in, and returns the type of the access token.
fn log_in(http: &impl Http, client: &Client, url: &Url, pending: PendingAuthorization) -> String {
    let callback = Browser::new().visit(url, User::Agrees("alice"));
    let response = AuthorizationResponse::from_url(&callback).expect("a callback");
    let login = http.finish(pending.callback(client, None, response, moment()).expect("a code"));
    assert_eq!(login.id_token.sub, "alice", "{client:?}");
    assert!(login.id_token.auth_time.is_some(), "the provider has read `max_age`: {client:?}");
    login.tokens.token_type
}

fn carried(url: &Url) -> Vec<String> {
    url.query_pairs().map(|(name, _)| name.into_owned()).collect()
}

fn pushed(http: &impl Http) {
    let Some(npm) = npm::npm() else { return };
    for (builder, signs) in clients(npm) {
        let (key, _) = KeyRing::client_key(Algorithm::ES256);
        for (builder, kind) in [(builder.clone(), "Bearer"), (builder.dpop_key(key), "DPoP")] {
            let client = builder.build().expect("a client");
            let pushed = http.finish(client.push_authorize(&request(), moment()).expect("a request"));
            assert_eq!(carried(&pushed.url), ["client_id", "request_uri"]);
            assert!(pushed.expires_at <= oidc_drive::now().plus(60));
            assert_eq!(log_in(http, &client, &pushed.url, pushed.pending), kind);
            if signs {
                let prepared = client.prepare_authorization(&request(), moment()).expect("a request");
                let call = prepared.sign().expect("a signature").push(moment()).expect("a request");
                let pushed = http.finish(call);
                assert_eq!(carried(&pushed.url), ["client_id", "request_uri"]);
                assert_eq!(log_in(http, &client, &pushed.url, pushed.pending), kind);
            }
        }
    }
}

#[test]
fn users_log_in_with_pushed_requests_plain_signed_and_proven_over_ureq() {
    pushed(&oidc_ureq::Http::new());
}

#[test]
fn users_log_in_with_pushed_requests_plain_signed_and_proven_over_hyper() {
    pushed(&oidc_hyper::Http::new());
}

#[test]
fn users_log_in_with_pushed_requests_plain_signed_and_proven_over_reqwest() {
    pushed(&oidc_reqwest::Http::new());
}

#[test]
fn users_log_in_with_request_objects_by_value() {
    let Some(npm) = npm::npm() else { return };
    for (builder, _) in clients(npm).into_iter().filter(|(_, signs)| *signs) {
        let client = builder.build().expect("a client");
        let prepared = client.prepare_authorization(&request(), moment()).expect("a request");
        let (url, pending) = prepared.sign().expect("a signature").by_value().expect("a URL");
        assert_eq!(carried(&url), ["client_id", "response_type", "scope", "request"]);
        log_in(&npm.http, &client, &url, pending);
        // Its metadata say that it fetches nothing.
        let prepared = client.prepare_authorization(&request(), moment()).expect("a request");
        let refused =
            prepared.sign().expect("a signature").by_reference("https://app.example/r").unwrap_err();
        assert_eq!(refused, ConfigError::NoRequestParameter("request_uri").into());
    }
}

#[test]
fn the_proof_of_a_pushed_request_binds_the_code_to_its_key() {
    let Some(npm) = npm::npm() else { return };
    let keys = [Algorithm::ES256, Algorithm::EdDSA].map(|algorithm| KeyRing::client_key(algorithm).0);
    for (signs, method) in [(false, "client_secret_basic"), (false, "none"), (true, "private_key_jwt")] {
        let builder = npm.client("ES256", method).id_token_signed_response_alg(Algorithm::ES256);
        let [client, thief] =
            keys.clone().map(|key| builder.clone().dpop_key(key).build().expect("a client"));
        let prepared = client.prepare_authorization(&request(), moment()).expect("a request");
        let call = if signs {
            prepared.sign().expect("a signature").push(moment())
        } else {
            prepared.push(moment())
        };
        let pushed = npm.http.run(call.expect("a request")).expect("a reference");
        let callback = Browser::new().visit(&pushed.url, User::Agrees("alice"));
        let response = AuthorizationResponse::from_url(&callback).expect("a callback");
        // This library does not even send the code with another key.
        let refused = pushed.pending.clone().callback(&thief, None, response.clone(), moment());
        assert_eq!(refused.map(drop).unwrap_err(), ConfigError::OtherDpopKey.into());
        // A thief leaves the check out.
        let mut saved = serde_json::to_value(&pushed.pending).expect("JSON");
        saved.as_object_mut().expect("an object").remove("d").expect("the thumbprint");
        let pending: PendingAuthorization = serde_json::from_value(saved).expect("a pending login");
        let stolen = pending.callback(&thief, None, response, moment()).expect("a code");
        let Err(Error::OAuth(refused)) = npm.http.run(stolen).map_err(protocol) else { panic!("{method}") };
        assert!(["invalid_grant", "invalid_dpop_proof"].contains(&refused.code()), "{refused}");
    }
}

#[test]
fn the_provider_refuses_a_request_object_of_another_key_and_a_client_that_does_not_authenticate() {
    let Some(npm) = npm::npm() else { return };
    let (wrong, _) = KeyRing::client_key(Algorithm::ES384);
    for algorithm in [Algorithm::ES256, Algorithm::PS256, Algorithm::EdDSA] {
        let builder = npm.client(algorithm.name(), "private_key_jwt");
        let client = builder.clone().request_object_signer(wrong.clone()).build().expect("a client");
        let prepared = client.prepare_authorization(&request(), moment()).expect("a request");
        let call = prepared.sign().expect("a signature").push(moment()).expect("a request");
        let Err(Error::OAuth(refused)) = npm.http.run(call).map_err(protocol) else {
            panic!("{algorithm:?}")
        };
        assert_eq!(refused.code(), "invalid_request_object");
    }
    for method in ["client_secret_basic", "client_secret_post"] {
        let client = npm.client("ES256", method).secret("wrong").build().expect("a client");
        let call = client.push_authorize(&request(), moment()).expect("a request");
        let Err(Error::OAuth(refused)) = npm.http.run(call).map_err(protocol) else { panic!("{method}") };
        assert_eq!(refused.code(), "invalid_client");
    }
    let client =
        npm.client("ES256", "none").redirect_uri("https://app.example/other").build().expect("a client");
    let call = client.push_authorize(&request(), moment()).expect("a request");
    assert!(matches!(npm.http.run(call).map_err(protocol), Err(Error::OAuth(_))));
}

#[test]
fn a_registration_that_demands_a_form_gets_a_refusal_in_any_other() {
    let Some(npm) = npm::npm() else { return };
    for (id, pushes, signs) in
        [("pushed", true, false), ("signed", false, true), ("pushed-signed", true, true)]
    {
        let builder = Client::builder(npm.metadata.clone(), id)
            .redirect_uri(REDIRECT_URI)
            .signer(KeyRing::client_key(Algorithm::ES256).0)
            .id_token_signed_response_alg(Algorithm::ES256);
        // A client that does not know its own registration.
        let client = builder.clone().build().expect("a client");
        let (url, _) = client.authorize(&request(), moment()).expect("a URL");
        let callback = Browser::new().visit(&url, User::Agrees("alice"));
        let response = AuthorizationResponse::from_url(&callback).expect("a callback");
        assert_eq!(response.error.expect("a refusal").error, "invalid_request", "{id}");
        // One that does.
        let builder = if pushes { builder.require_pushed_authorization_requests() } else { builder };
        let builder = if signs { builder.require_signed_request_object() } else { builder };
        let client = builder.build().expect("a client");
        let (url, pending) = match client.authorize(&request(), moment()) {
            Ok(signed) => signed,
            Err(refused) => {
                assert_eq!(refused, ConfigError::PushedRequestsOnly.into(), "{id}");
                let pushed = npm.http.run(client.push_authorize(&request(), moment()).expect("a request"));
                let pushed = pushed.expect("a reference");
                (pushed.url, pushed.pending)
            }
        };
        assert_eq!(carried(&url).contains(&"request_uri".to_owned()), pushes, "{id}");
        log_in(&npm.http, &client, &url, pending);
    }
}

/// Logs in through the handle of each stack, which knows from the settings that it must push and sign. `await` where
/// it is async.
macro_rules! by_handle {
    ($stack:ident, $visit:expr $(, $await:tt)?) => {{
        let Some(npm) = npm::npm() else { return };
        let provider = $stack::Http::new()
            .provider(&npm.issuer)
            .client_id("pushed-signed")
            .redirect_uri(REDIRECT_URI)
            .client(|client| {
                client
                    .signer(KeyRing::client_key(Algorithm::ES256).0)
                    .id_token_signed_response_alg(Algorithm::ES256)
                    .require_pushed_authorization_requests()
                    .require_signed_request_object()
            })
            .url_policy(UrlPolicy::default().with_loopback())
            .build()
            .expect("settings that fit");
        for _ in 0..2 {
            let (url, pending) = provider.authorize(&request())$(.$await)?.expect("a reference");
            assert_eq!(carried(&url), ["client_id", "request_uri"]);
            let callback = $visit(&url)$(.$await)?;
            let response = AuthorizationResponse::from_url(&callback).expect("a callback");
            let login = provider.callback(pending, response)$(.$await)?.expect("a login");
            assert_eq!(login.id_token.sub, "alice");
        }
    }};
}

#[test]
fn the_handle_pushes_and_signs_over_ureq() {
    by_handle!(oidc_ureq, |url: &Url| Browser::new().visit(url, User::Agrees("alice")));
}

/// The browser blocks, so it gets a thread of its own.
async fn visit(url: &Url) -> String {
    let url = url.clone();
    let visit = tokio::task::spawn_blocking(move || Browser::new().visit(&url, User::Agrees("alice")));
    visit.await.expect("a browser")
}

#[test]
fn the_handle_pushes_and_signs_over_hyper() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async { by_handle!(oidc_hyper, visit, await) });
}

#[test]
fn the_handle_pushes_and_signs_over_reqwest() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async { by_handle!(oidc_reqwest, visit, await) });
}
