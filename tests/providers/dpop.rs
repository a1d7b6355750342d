//! A DPoP key for each session at a real, OpenID-certified provider, which demands a nonce in each proof, over each adapter:
//! `oidc-provider` from npm.

use crate::{
    adapters::Http,
    npm::{self, Browser, Npm, User, protocol},
};
use oidc_drive::moment;
use oidc_proto::{
    Error, UrlPolicy,
    flow::{
        Authenticated, Client, ClientCredentialsRequest, ConfigError, DpopKey, PendingAuthorization,
        PreviousLogin, Refreshed,
    },
    jose::Algorithm,
    message::{AuthorizationRequest, AuthorizationResponse},
};
use ring::{rand::SystemRandom, signature};

fn p256() -> DpopKey {
    let curve = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let pkcs8 = signature::EcdsaKeyPair::generate_pkcs8(curve, &SystemRandom::new()).expect("a key");
    DpopKey::from_pkcs8(Algorithm::ES256, pkcs8.as_ref()).expect("a key")
}

fn keys() -> [DpopKey; 3] {
    [p256(), DpopKey::ed25519(moment()).expect("a key"), p256()]
}

/// A client whose tokens must be bound, with the key of a session.
fn client(npm: &Npm, method: &str, key: &DpopKey) -> Client {
    let client = npm.client("dpop", method).id_token_signed_response_alg(Algorithm::ES256);
    client.fetch_userinfo().build().expect("a client").with_dpop_key(key).expect("its algorithm is listed")
}

fn away(client: &Client) -> (PendingAuthorization, AuthorizationResponse) {
    let request = AuthorizationRequest::new(["profile", "email"]);
    let (url, pending) = client.authorize(&request, moment()).expect("a request");
    let callback = Browser::new().visit(&url, User::Agrees("alice"));
    (pending, AuthorizationResponse::from_url(&callback).expect("a callback"))
}

fn log_in(http: &impl Http, client: &Client) -> Authenticated {
    let (pending, response) = away(client);
    http.finish(pending.callback(client, None, response, moment()).expect("a code"))
}

fn refresh(
    npm: &Npm,
    client: &Client,
    user: &Authenticated,
    previous: PreviousLogin,
) -> Result<Refreshed, Error> {
    let token = user.tokens.refresh_token.as_ref().expect("a refresh token");
    let keys = user.learned.keys.clone();
    npm.http.run(client.refresh(token, Some(previous), keys, moment())?).map_err(protocol)
}

fn everything(http: &impl Http) {
    let Some(npm) = npm::npm() else { return };
    for key in keys() {
        for method in ["none", "client_secret_basic"] {
            let client = client(npm, method, &key);
            let (pending, response) = away(&client);
            // Another node restores the login and the key.
            let saved = serde_json::to_string(&(&pending, &key)).expect("both can be saved");
            let (pending, key): (PendingAuthorization, DpopKey) =
                serde_json::from_str(&saved).expect("the same");
            let client = self::client(npm, method, &key);
            let call = pending.callback(&client, None, response, moment()).expect("a code");
            let login = http.finish(call);
            assert_eq!(login.userinfo.as_ref().expect("UserInfo was asked for").sub, "alice");
            assert_eq!(login.tokens.token_type, "DPoP");
            let token = login.tokens.refresh_token.as_ref().expect("a refresh token");
            let previous = Some(PreviousLogin::from(&login));
            let call = client.refresh(token, previous, login.learned.keys.clone(), moment());
            let refreshed = http.finish(call.expect("a request"));
            assert!(refreshed.rotated && refreshed.id_token.is_some());
            let call = client.userinfo(&refreshed.tokens.access_token, "alice", moment());
            assert_eq!(http.finish(call.expect("a request")).sub, "alice");
        }
        let wanted = ClientCredentialsRequest::new(["api:read"]).resource("https://api.example/");
        let service = client(npm, "client_secret_basic", &key);
        let tokens = http.finish(service.client_credentials(&wanted, moment()).expect("a request"));
        let claims = tokens.access_token.expose().split('.').nth(1).expect("a JWT");
        let claims = oidc_proto::base::base64url::decode(claims).expect("claims");
        let claims: serde_json::Value = serde_json::from_slice(&claims).expect("JSON");
        assert_eq!(claims["cnf"]["jkt"], key.thumbprint(), "the token is bound to the key");
    }
}

#[test]
fn sessions_with_keys_log_in_refresh_and_serve_over_ureq() {
    everything(&oidc_ureq::Http::new());
}

#[test]
fn sessions_with_keys_log_in_refresh_and_serve_over_hyper() {
    everything(&oidc_hyper::Http::new());
}

#[test]
fn sessions_with_keys_log_in_refresh_and_serve_over_reqwest() {
    everything(&oidc_reqwest::Http::new());
}

#[test]
fn a_code_and_the_refresh_token_of_a_public_client_need_their_own_key() {
    let Some(npm) = npm::npm() else { return };
    for key in keys() {
        let (client, other) = (client(npm, "none", &key), client(npm, "none", &p256()));
        let (pending, response) = away(&client);
        let refused =
            pending.clone().callback(&other, None, response.clone(), moment()).expect_err("refused");
        assert_eq!(refused, ConfigError::OtherDpopKey.into(), "nothing was sent");
        // Without the thumbprint nobody here knows, and the provider refuses.
        let mut saved = serde_json::to_value(&pending).expect("it can be saved");
        saved.as_object_mut().expect("members").remove("d");
        let unknown: PendingAuthorization = serde_json::from_value(saved).expect("an old one");
        let call = unknown.callback(&other, None, response, moment()).expect("a code");
        let Err(Error::OAuth(refused)) = npm.http.run(call).map_err(protocol) else { panic!("it is bound") };
        assert_eq!(refused.code(), "invalid_grant");

        let login = log_in(&npm.http, &client);
        let refused = refresh(npm, &other, &login, PreviousLogin::from(&login)).expect_err("refused");
        assert_eq!(refused, ConfigError::OtherDpopKey.into(), "nothing was sent");
        let refused =
            refresh(npm, &other, &login, PreviousLogin::from(&login.id_token)).expect_err("refused");
        assert_eq!(refused.code(), "invalid_grant", "{refused}");
        // The refresh token itself is as good as before.
        assert!(refresh(npm, &client, &login, PreviousLogin::from(&login)).is_ok());
    }
}

#[test]
fn a_client_that_authenticates_refreshes_with_a_new_key() {
    let Some(npm) = npm::npm() else { return };
    for key in keys() {
        let (before, after) =
            (client(npm, "client_secret_basic", &key), client(npm, "client_secret_basic", &p256()));
        let login = log_in(&npm.http, &before);
        let refreshed = refresh(npm, &after, &login, PreviousLogin::from(&login)).expect("new tokens");
        let call = after.userinfo(&refreshed.tokens.access_token, "alice", moment()).expect("a request");
        assert_eq!(npm.http.run(call).expect("claims").sub, "alice");
    }
}

/// The registration says `dpop_bound_access_tokens`, so a request without a proof gets nothing.
#[test]
fn a_client_without_a_key_gets_no_tokens_where_its_registration_demands_one() {
    let Some(npm) = npm::npm() else { return };
    let client = npm.client("dpop", "client_secret_basic").build().expect("a client");
    for scopes in [&["api:read"][..], &[], &["api:read", "api:read"]] {
        let wanted = ClientCredentialsRequest::new(scopes.iter().copied()).resource("https://api.example/");
        let call = client.client_credentials_once(&wanted, moment()).expect("a request");
        let Err(Error::OAuth(refused)) = npm.http.run(call).map_err(protocol) else {
            panic!("it needs a proof")
        };
        assert!(refused.to_string().contains("`ClientBuilder::dpop_key`"), "{refused}");
    }
}

/// A session over the handle of each stack. `await` where it is async.
macro_rules! by_handle {
    ($stack:ident, $visit:expr $(, $await:tt)?) => {{
        let Some(npm) = npm::npm() else { return };
        let provider = $stack::Http::new()
            .provider(&npm.issuer)
            .client_id("dpop-none")
            .redirect_uri(npm::REDIRECT_URI)
            .client(|client| client.id_token_signed_response_alg(Algorithm::ES256).fetch_userinfo())
            .url_policy(UrlPolicy::default().with_loopback())
            .build()
            .expect("settings that fit");
        let key = provider.new_dpop_key()$(.$await)?.expect("a key");
        assert_eq!(key.algorithm(), Algorithm::ES256);
        let session = provider.with_dpop_key(&key);
        let request = AuthorizationRequest::new(["profile", "email"]);
        let (url, pending) = session.authorize(&request)$(.$await)?.expect("metadata");
        let callback = $visit(&url)$(.$await)?;
        let response = AuthorizationResponse::from_url(&callback).expect("a callback");
        let login = session.callback(pending, response)$(.$await)?.expect("a login");
        let token = login.tokens.refresh_token.clone().expect("a refresh token");
        let other = provider.with_dpop_key(&provider.new_dpop_key()$(.$await)?.expect("a key"));
        let refused = other.refresh(&token, Some(PreviousLogin::from(&login)))$(.$await)?;
        assert_eq!(refused.expect_err("another key").code(), "config_other_dpop_key");
        let refreshed = session.refresh(&token, Some(PreviousLogin::from(&login)))$(.$await)?.expect("new tokens");
        let access_token = &refreshed.tokens.access_token;
        let claims = session.userinfo(access_token, "alice")$(.$await)?.expect("claims");
        assert_eq!(claims.sub, "alice");
    }};
}

#[test]
fn a_session_of_the_handle_has_its_key_over_ureq() {
    by_handle!(oidc_ureq, |url: &url::Url| Browser::new().visit(url, User::Agrees("alice")));
}

async fn visit(url: &url::Url) -> String {
    let url = url.clone();
    let visit = tokio::task::spawn_blocking(move || Browser::new().visit(&url, User::Agrees("alice")));
    visit.await.expect("a browser")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().expect("a runtime")
}

#[test]
fn a_session_of_the_handle_has_its_key_over_hyper() {
    runtime().block_on(async { by_handle!(oidc_hyper, visit, await) });
}

#[test]
fn a_session_of_the_handle_has_its_key_over_reqwest() {
    runtime().block_on(async { by_handle!(oidc_reqwest, visit, await) });
}
