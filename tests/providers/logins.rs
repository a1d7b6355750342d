//! The library against a real, OpenID-certified provider: `oidc-provider` from npm, over sockets.

use crate::npm::{self, Browser, Npm, User, protocol};
use oidc_drive::DriveError;
use oidc_proto::{
    Error, Secret,
    flow::{
        Authenticated, CallbackError, Client, ClientCredentialsRequest, DeviceAuthorization, PreviousLogin,
        TokenTypeHint,
    },
    jose::{Algorithm, AlgorithmSet, JwsError},
    message::{AuthorizationRequest, AuthorizationResponse, Prompt},
    token::{AccessTokenVerifier, Scratch, VerificationError},
};
use oidc_testkit::{Clock, Seed, drive_with};
use oidc_ureq::{moment, now};
use std::time::Duration;

const ALGORITHMS: [&str; 4] = ["ES256", "PS256", "RS256", "EdDSA"];
const METHODS: [&str; 3] = ["client_secret_basic", "client_secret_post", "none"];
const RESOURCE: &str = "https://api.example/";

fn log_in(npm: &Npm, client: &Client, request: &AuthorizationRequest) -> Result<Authenticated, Error> {
    let (url, pending) = client.authorize(request, moment())?;
    let callback = Browser::new().visit(&url, User::Agrees("alice"));
    let response = AuthorizationResponse::from_url(&callback)?;
    npm.http.run(pending.callback(client, None, response, moment())?).map_err(protocol)
}

#[test]
fn users_log_in_with_every_algorithm_and_every_authentication() {
    let Some(npm) = npm::npm() else { return };
    for alg in ALGORITHMS {
        for method in METHODS {
            let pinned = Algorithm::from_name(alg).unwrap();
            let client = npm
                .client(alg, method)
                .id_token_signed_response_alg(pinned)
                .fetch_userinfo()
                .build()
                .unwrap();
            let login = log_in(npm, &client, &AuthorizationRequest::new(["profile", "email"])).unwrap();
            let id_token = &login.id_token;
            assert_eq!((id_token.iss.as_str(), id_token.sub.as_str()), (npm.issuer.as_str(), "alice"));
            assert_eq!(id_token.aud, [client.client_id()]);
            let userinfo = login.userinfo.expect("UserInfo was asked for");
            assert_eq!(userinfo.claim::<bool>("email_verified"), Some(true), "{alg} {method}");
            assert!(login.tokens.is_bearer() && login.tokens.expires_in == Some(Duration::from_secs(3600)));
            assert!(login.learned.keys.is_some(), "the keys were not known before");

            let refresh_token = login.tokens.refresh_token.expect("a refresh token");
            let previous = PreviousLogin::from(&login.id_token);
            let keys = login.learned.keys;
            let call = client
                .refresh(&refresh_token, Some(previous.clone()), keys.clone(), oidc_drive::moment())
                .unwrap();
            let refreshed = npm.http.run(call).unwrap();
            assert!(refreshed.rotated && refreshed.tokens.refresh_token.as_ref() != Some(&refresh_token));
            assert_eq!(refreshed.id_token.expect("a new ID token").sub, "alice");
            assert!(refreshed.learned.keys.is_none(), "the known keys verified it");

            // The old refresh token is used up, and the provider's error says so.
            let again = client.refresh(&refresh_token, Some(previous), keys, oidc_drive::moment()).unwrap();
            let Err(Error::OAuth(error)) = npm.http.run(again).map_err(protocol) else { panic!() };
            assert_eq!((error.status, error.response.error.as_str()), (400, "invalid_grant"));
        }
    }
}

/// The ID tokens of this provider have no claims of the scope `profile`.
#[test]
fn the_login_of_the_readme_says_who_the_user_is() {
    let Some(npm) = npm::npm() else { return };
    let visit = |url: &str| Browser::new().visit(&url.parse().expect("a URL"), User::Agrees("alice"));
    let user = crate::readme::log_in(&npm.issuer, visit).expect("a login");
    assert_eq!((user.id_token.claim::<String>("name"), user.name()), (None, Some("User alice")));
}

#[test]
fn an_unregistered_algorithm_is_refused() {
    let Some(npm) = npm::npm() else { return };
    let client = npm.client("ES256", "none").id_token_signed_response_alg(Algorithm::RS256).build().unwrap();
    let error = log_in(npm, &client, &AuthorizationRequest::new(["profile"])).unwrap_err();
    assert_eq!(error, Error::Token(VerificationError::Jws(JwsError::AlgorithmNotAllowed)));
}

#[test]
fn a_request_with_max_age_yields_auth_time() {
    let Some(npm) = npm::npm() else { return };
    let client = npm.client("RS256", "client_secret_basic").build().unwrap();
    let request =
        AuthorizationRequest::new(["profile"]).max_age(Duration::from_secs(60)).prompt([Prompt::Login]);
    let login = log_in(npm, &client, &request).unwrap();
    let age = now().0 - login.id_token.auth_time.expect("auth_time was demanded").0;
    assert!((-5..60).contains(&age), "{age} s");
}

#[test]
fn services_get_tokens_of_their_own_and_a_resource_server_verifies_them() {
    let Some(npm) = npm::npm() else { return };
    for method in ["client_secret_basic", "client_secret_post"] {
        let client = npm.client("ES256", method).build().unwrap();
        let wanted = ClientCredentialsRequest::new(["api:read"]).resource(RESOURCE);
        let tokens = npm.http.run(client.client_credentials(&wanted, oidc_drive::moment()).unwrap()).unwrap();
        assert_eq!(tokens.scope.as_deref(), Some("api:read"));
        let keys = npm.http.run(client.jwks().unwrap()).unwrap();
        let mut scratch = Scratch::new();
        let verifier = AccessTokenVerifier::new(&npm.issuer, RESOURCE);
        let token = tokens.access_token.expose();
        let verified = verifier.verify(token, &keys, &mut scratch, now()).unwrap();
        assert!(verified.has_scope("api:read"));
        assert_eq!(verified.claims().client_id.as_deref(), Some(client.client_id()));

        let other = AccessTokenVerifier::new(&npm.issuer, "https://other.example/");
        assert_eq!(other.verify(token, &keys, &mut scratch, now()).unwrap_err(), VerificationError::Audience);
        let none = verifier.algorithms(AlgorithmSet::EMPTY.with(Algorithm::RS256));
        let why = none.verify(token, &keys, &mut scratch, now()).unwrap_err();
        assert_eq!(why, VerificationError::Jws(JwsError::AlgorithmNotAllowed));
    }
}

#[test]
fn a_revoked_refresh_token_is_refused() {
    let Some(npm) = npm::npm() else { return };
    for method in ["client_secret_basic", "client_secret_post", "none"] {
        let client = npm.client("ES256", method).build().unwrap();
        let request = AuthorizationRequest::new(["profile", "offline_access"]).prompt([Prompt::Consent]);
        let login = log_in(npm, &client, &request).unwrap();
        let token = login.tokens.refresh_token.expect("offline access was granted");
        for hint in [Some(TokenTypeHint::RefreshToken), None] {
            npm.http.run(client.revoke(&token, hint, oidc_drive::moment()).unwrap()).unwrap();
        }
        let call =
            client.refresh(&token, Some((&login.id_token).into()), None, oidc_drive::moment()).unwrap();
        let Err(DriveError::Protocol(Error::OAuth(refused))) = npm.http.run(call) else { panic!("{method}") };
        assert_eq!((refused.status, &*refused.response.error), (400, "invalid_grant"), "{method}");
    }
}

#[test]
fn an_id_token_is_not_accepted_as_an_access_token() {
    let Some(npm) = npm::npm() else { return };
    let client = npm.client("ES256", "none").build().unwrap();
    let login = log_in(npm, &client, &AuthorizationRequest::new(["profile"])).unwrap();
    let (keys, mut scratch) = (login.learned.keys.unwrap(), Scratch::new());
    let strict = AccessTokenVerifier::new(&npm.issuer, client.client_id());
    let token = login.id_token.token.expose();
    assert_eq!(strict.verify(token, &keys, &mut scratch, now()).unwrap_err(), VerificationError::Type);
    let plain = strict.accept_plain_jwt();
    assert_eq!(
        plain.verify(token, &keys, &mut scratch, now()).unwrap_err(),
        VerificationError::IdTokenAsAccessToken
    );
}

#[test]
fn a_wrong_client_secret_is_a_named_error() {
    let Some(npm) = npm::npm() else { return };
    for method in ["client_secret_basic", "client_secret_post"] {
        let client = npm.client("RS256", method).secret(Secret::new("wrong")).build().unwrap();
        let call =
            client.client_credentials(&ClientCredentialsRequest::default(), oidc_drive::moment()).unwrap();
        let Err(Error::OAuth(error)) = npm.http.run(call).map_err(protocol) else { panic!() };
        assert_eq!((error.status, error.response.error.as_str()), (401, "invalid_client"), "{method}");
        assert!(error.to_string().contains("check `client_id`, `ClientBuilder::secret`"), "{error}");

        let error = log_in(npm, &client, &AuthorizationRequest::new(["profile"])).unwrap_err();
        assert!(matches!(&error, Error::OAuth(error) if error.response.error == "invalid_client"), "{error}");
    }
}

#[test]
fn an_aborted_login_is_a_typed_error_from_the_right_issuer() {
    let Some(npm) = npm::npm() else { return };
    let client = npm.client("RS256", "none").build().unwrap();
    let (url, pending) = client.authorize(&AuthorizationRequest::new(["profile"]), moment()).unwrap();
    let callback = Browser::new().visit(&url, User::Aborts);
    let response = AuthorizationResponse::from_url(&callback).unwrap();
    assert_eq!(response.iss.as_deref(), Some(npm.issuer.as_str()), "RFC 9207, on errors, too");
    let error = pending.callback(&client, None, response, moment()).unwrap_err();
    assert!(matches!(&error, Error::Callback(CallbackError::Denied(why)) if why.error == "access_denied"));
}

#[test]
fn a_code_can_be_used_once() {
    let Some(npm) = npm::npm() else { return };
    let client = npm.client("RS256", "client_secret_basic").build().unwrap();
    let (url, pending) = client.authorize(&AuthorizationRequest::new(["profile"]), moment()).unwrap();
    let callback = Browser::new().visit(&url, User::Agrees("bob"));
    let response = AuthorizationResponse::from_url(&callback).unwrap();
    let twin = pending.clone();
    let first = npm.http.run(pending.callback(&client, None, response.clone(), moment()).unwrap());
    assert_eq!(first.unwrap().id_token.sub, "bob");
    let second = npm.http.run(twin.callback(&client, None, response, moment()).unwrap()).map_err(protocol);
    assert!(matches!(second, Err(Error::OAuth(error)) if error.response.error == "invalid_grant"));
}

/// A simulated clock counts the waits. The provider's own clock is that of this machine.
#[test]
fn a_device_logs_in_with_a_code_that_its_user_enters_elsewhere() {
    let Some(npm) = npm::npm() else { return };
    for method in METHODS {
        let client = npm.client("ES256", method).id_token_signed_response_alg(Algorithm::ES256);
        let client = client.build().unwrap();
        let call = client
            .device_authorization(["openid", "profile", "offline_access"], oidc_drive::moment())
            .unwrap();
        let device = npm.http.run(call).unwrap();
        let complete = device.verification_uri_complete().expect("it has one").parse().unwrap();
        assert!(device.verification_uri().starts_with(&npm.issuer));
        let user_code = device.user_code().to_owned();

        let mut clock = Clock::new(now(), Seed::new(5));
        let mut asked = 0;
        let pause = device.poll(&client, None, now()).unwrap();
        let login = drive_with(pause, &mut clock, |request, terms, _| {
            asked += 1;
            let response = npm.http.send(request.clone(), *terms).expect("the provider answers");
            if asked == 2 {
                // After the second "not yet", the user has found the page.
                Browser::new().enter_code(&complete, &user_code, "alice");
            }
            Some(response)
        });
        let login = login.unwrap().expect("every request is answered");
        assert_eq!(login.id_token.expect("openid was asked for").sub, "alice", "{method}");
        assert_eq!(asked, 4, "two polls in vain, one for the tokens, one for the keys");
        assert!(login.tokens.refresh_token.is_some());
    }
}

#[test]
fn an_unknown_device_code_is_refused_by_name() {
    let Some(npm) = npm::npm() else { return };
    let client = npm.client("ES256", "none").build().unwrap();
    let call = client.device_authorization(["openid"], oidc_drive::moment()).unwrap();
    let mut saved = serde_json::to_value(npm.http.run(call).unwrap()).unwrap();
    saved["device_code"] = "made-up".into();
    let device: DeviceAuthorization = serde_json::from_value(saved).unwrap();
    let pause = device.poll(&client, None, now()).unwrap();
    let mut clock = Clock::new(now(), Seed::new(5));
    let refused = drive_with(pause, &mut clock, |request, terms, _| {
        Some(npm.http.send(request.clone(), *terms).expect("the provider answers"))
    });
    let Err(Error::OAuth(refused)) = refused.map(drop) else { panic!() };
    assert_eq!(refused.response.error, "invalid_grant");
}
