//! Refusals, redirects and odd media types by endpoint: the advice fits who asked what.

use crate::resource::world::key;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use oidc_proto::{
    Error, Secret, UrlPolicy,
    base::Remedy,
    flow::{Call, Client, Discovery, Flow, ResourceDiscovery},
    jose::Algorithm,
    metadata::{Profile, ProviderMetadata},
};
use oidc_testkit::{EndpointName, Party, drive::drive_with, hostile, scenario::SECRET};
use serde_json::json;

const DOCUMENT: &str = r#"{"issuer":"https://op.example","jwks_uri":"https://op.example/keys?v=2",
    "token_endpoint":"https://op.example/token","userinfo_endpoint":"https://op.example/userinfo",
    "introspection_endpoint":"https://op.example/introspect","revocation_endpoint":"https://op.example/revoke",
    "device_authorization_endpoint":"https://op.example/device"}"#;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Asked {
    Token,
    UserInfo,
    Introspection,
    Revocation,
    Device,
    Keys,
}

const EVERY: [Asked; 6] =
    [Asked::Token, Asked::UserInfo, Asked::Introspection, Asked::Revocation, Asked::Device, Asked::Keys];

fn end<F: Flow>(call: Call<F>, status: u16, headers: &HeaderMap, body: &str) -> Error {
    let mut clock = Party::new().clock;
    let answered = drive_with(call, &mut clock, |_, _, _| {
        let mut response = Response::new(body.as_bytes().to_vec());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        *response.headers_mut() = headers.clone();
        Some(response)
    });
    answered.map(drop).unwrap_err()
}

/// The error of a request to this endpoint that gets this response.
fn answered(asked: Asked, status: u16, headers: &HeaderMap, body: &str) -> Error {
    let policy = UrlPolicy::default();
    let metadata =
        ProviderMetadata::parse(DOCUMENT.as_bytes(), "https://op.example", Profile::TokenIssuer, &policy)
            .unwrap();
    let client = Client::builder(metadata, "app").secret(SECRET).build().unwrap();
    let mut clock = Party::new().clock;
    let (token, moment) = (Secret::new("a-token"), clock.moment());
    match asked {
        Asked::Token => end(client.refresh(&token, None, None, moment).unwrap(), status, headers, body),
        Asked::UserInfo => end(client.userinfo(&token, "alice", moment).unwrap(), status, headers, body),
        Asked::Introspection => end(client.introspect(&token, None, moment).unwrap(), status, headers, body),
        Asked::Revocation => end(client.revoke(&token, None, moment).unwrap(), status, headers, body),
        Asked::Device => end(client.device_authorization(["read"], moment).unwrap(), status, headers, body),
        Asked::Keys => end(client.jwks().unwrap(), status, headers, body),
    }
}

fn refused(asked: Asked, status: u16, code: &str) -> Error {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answered(asked, status, &headers, &json!({ "error": code }).to_string())
}

#[test]
fn nobody_is_sent_to_log_in_by_an_endpoint_at_which_nobody_has_logged_in() {
    for asked in [Asked::Introspection, Asked::Revocation, Asked::Device] {
        for code in ["invalid_token", "invalid_grant", "access_denied", "expired_token", "login_required"] {
            for status in [400, 401] {
                let error = refused(asked, status, code);
                let text = error.to_string();
                assert!(!text.contains("log in again") && !text.contains("redirect URI"), "{text}");
                assert_ne!(error.remedy(), Remedy::LogInAgain, "{text}");
            }
        }
    }
}

#[test]
fn each_refusal_has_the_advice_of_its_endpoint() {
    for (asked, status, code, advice, remedy) in [
        (
            Asked::Introspection,
            400,
            "invalid_token",
            "should answer that it is not active",
            Remedy::ProviderAtFault,
        ),
        (Asked::Introspection, 401, "invalid_token", "`ClientBuilder::secret`", Remedy::FixConfiguration),
        (
            Asked::Introspection,
            403,
            "insufficient_scope",
            "let this client introspect",
            Remedy::FixConfiguration,
        ),
        (Asked::Introspection, 403, "access_denied", "let this client introspect", Remedy::FixConfiguration),
        (Asked::Introspection, 401, "invalid_client", "`ClientBuilder::secret`", Remedy::FixConfiguration),
        (Asked::Revocation, 400, "invalid_token", "nothing is left to do", Remedy::ProviderAtFault),
        (Asked::Revocation, 400, "invalid_grant", "nothing is left to do", Remedy::ProviderAtFault),
        (Asked::Revocation, 400, "unsupported_token_type", "tokens of this kind", Remedy::FixConfiguration),
        (Asked::Revocation, 400, "unauthorized_client", "its own tokens only", Remedy::FixConfiguration),
        (Asked::Device, 400, "unauthorized_client", "use the device flow", Remedy::FixConfiguration),
        (Asked::Device, 400, "invalid_scope", "scopes that the client may have", Remedy::FixConfiguration),
        (Asked::Device, 401, "invalid_client", "`ClientBuilder::secret`", Remedy::FixConfiguration),
        (Asked::UserInfo, 401, "invalid_token", "refresh it, or log in again", Remedy::LogInAgain),
        (
            Asked::UserInfo,
            403,
            "insufficient_scope",
            "ask for the scope at the login",
            Remedy::FixConfiguration,
        ),
        (Asked::UserInfo, 401, "invalid_client", "does not accept the access token", Remedy::LogInAgain),
        (Asked::Token, 400, "invalid_grant", "log in again", Remedy::LogInAgain),
        (Asked::Token, 400, "invalid_token", "the token in the request", Remedy::LogInAgain),
        (Asked::Token, 400, "expired_token", "begin again", Remedy::LogInAgain),
        (Asked::Token, 401, "invalid_client", "`ClientBuilder::secret`", Remedy::FixConfiguration),
    ] {
        let error = refused(asked, status, code);
        assert!(error.to_string().contains(advice), "{asked:?}: {error}");
        assert_eq!(error.remedy(), remedy, "{asked:?}: {error}");
        assert_eq!(error.provider_code(), Some(code));
    }
}

/// The credentials of a client are not what a UserInfo request shows.
#[test]
fn no_refusal_of_userinfo_blames_the_secret() {
    for code in
        ["invalid_client", "unauthorized_client", "invalid_token", "access_denied", "a_code_of_its_own"]
    {
        for status in [400, 401, 403] {
            let text = refused(Asked::UserInfo, status, code).to_string();
            assert!(!text.contains("`ClientBuilder::secret`"), "{text}");
        }
    }
}

#[test]
fn a_redirect_names_the_url_of_the_endpoint_and_who_must_publish_another() {
    for asked in EVERY {
        for status in [301, 302, 307, 308] {
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, HeaderValue::from_static("https://elsewhere.example/?secret=1"));
            let error = answered(asked, status, &headers, "");
            let (text, (member, url)) = (
                error.to_string(),
                match asked {
                    Asked::Token => ("token_endpoint", "https://op.example/token"),
                    Asked::UserInfo => ("userinfo_endpoint", "https://op.example/userinfo"),
                    Asked::Introspection => ("introspection_endpoint", "https://op.example/introspect"),
                    Asked::Revocation => ("revocation_endpoint", "https://op.example/revoke"),
                    Asked::Device => ("device_authorization_endpoint", "https://op.example/device"),
                    Asked::Keys => ("jwks_uri", "https://op.example/keys?.."),
                },
            );
            assert!(text.contains(&format!("`{url}`, which the metadata names as `{member}`")), "{text}");
            assert!(text.contains("`ProviderMetadata::parse`") && !text.contains("issuer's URL"), "{text}");
            assert!(!text.contains("elsewhere") && !text.contains("v=2"), "{text}");
            assert_eq!(error.remedy(), Remedy::FixConfiguration);
        }
    }
    let discovery = Discovery::start("https://op.example", &UrlPolicy::default()).unwrap();
    let text = end(discovery, 302, &HeaderMap::new(), "").to_string();
    assert!(text.contains("check the issuer") && text.contains("`document_at`"), "{text}");
}

/// The metadata of a resource with this media type.
pub(crate) fn resource(on: bool, media_type: Option<&'static str>, body: &str) -> Result<(), Error> {
    let call = ResourceDiscovery::start("https://api.example", &UrlPolicy::default()).unwrap();
    let call = if on { call.any_media_type() } else { call };
    let mut clock = Party::new().clock;
    let found = drive_with(call, &mut clock, |_, _, _| {
        let mut response = Response::new(body.as_bytes().to_vec());
        let of_type = media_type.map(|of| (header::CONTENT_TYPE, HeaderValue::from_static(of)));
        response.headers_mut().extend(of_type);
        Some(response)
    });
    found.map(drop)
}

#[test]
fn metadata_of_a_resource_may_have_any_media_type_if_the_program_says_so() {
    const BODY: &str = r#"{"resource":"https://api.example"}"#;
    for media_type in
        [Some("text/plain"), Some("binary/octet-stream"), Some("text/html; charset=utf-8"), None]
    {
        let error = resource(false, media_type, BODY).unwrap_err();
        assert_eq!(
            (error.code(), error.remedy()),
            ("response_media_type", Remedy::FixConfiguration),
            "{error}"
        );
        assert!(error.to_string().contains("`Call::any_media_type`"), "{error}");
        resource(true, media_type, BODY).unwrap_or_else(|error| panic!("{media_type:?}: {error}"));
    }
    // Nothing but the media type is tolerated.
    for body in ["<html>", r#"{"resource":"https://evil.example"}"#, "[]", ""] {
        let error = resource(true, Some("text/html"), body).unwrap_err();
        assert!(
            matches!(error, Error::Response(_)) && error.code() != "response_media_type",
            "{body}: {error}"
        );
    }
}

/// Each refusal that a setting could change ends with the setting.
#[test]
fn userinfo_signed_with_another_algorithm_names_the_setting() {
    let mut party = Party::new();
    let client = Client::builder(party.discover().unwrap(), "app").secret(SECRET);
    let client = client.userinfo_signed_response_alg(Algorithm::RS256);
    party.client = client.redirect_uri("https://app.example/callback").build().unwrap();
    let user = party.login().unwrap();
    for algorithm in [("ed25519-1", Algorithm::EdDSA), ("p256-1", Algorithm::ES256)] {
        let signer = key(algorithm.0, algorithm.1);
        let claims = json!({"iss": "https://op.example", "aud": "app", "sub": "alice"});
        let jwt = crate::resource::world::sign(&signer, &json!({"alg": algorithm.1.name()}), &claims);
        party.provider.clear_alterations();
        let signed = hostile::respond(200, "application/jwt", jwt.as_str());
        party.provider.alter_response(EndpointName::UserInfo, signed);
        let error = party.userinfo(&user).map(drop).unwrap_err();
        assert!(error.to_string().contains("`ClientBuilder::userinfo_signed_response_alg`"), "{error}");
        assert_eq!((error.code(), error.remedy()), ("jws_alg_not_allowed", Remedy::FixConfiguration));
    }
}
