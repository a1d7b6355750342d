//! Metadata in both well-known forms, signed metadata, metadata of protected resources, and the flows that
//! metadata rules out (RFC 8414, RFC 9728, OpenID Connect Discovery 1.0).

use crate::support::*;
use http::{HeaderMap, header::WWW_AUTHENTICATE};
use oidc_proto::{
    Error, Timestamp, UrlPolicy,
    flow::{
        Client, ConfigError, Discovery, DiscoveryOptions, Endpoint, ResourceDiscovery, ResponseError,
        ResponseRule, Step,
    },
    jose::{Algorithm, JwsError, KeySet},
    message::AuthorizationRequest,
    metadata::{MetadataError, Profile, ProviderMetadata, ResourceMetadata, SignedMetadataError, WellKnown},
};
use oidc_testkit::{EndpointName, TestProvider, hostile};
use serde_json::{Value, json};
use std::sync::Arc;

const INSERTED: &str = "/.well-known/oauth-authorization-server/tenant";
const APPENDED: &str = "/tenant/.well-known/openid-configuration";

fn asked(provider: &TestProvider) -> Vec<String> {
    paths(provider).into_iter().map(|(_, path)| path).collect()
}

fn rule<T: std::fmt::Debug>(result: Result<T, Error>) -> ResponseRule {
    match result {
        Err(Error::Response(error)) => error.rule,
        other => panic!("not a broken response: {other:?}"),
    }
}

#[test]
fn the_metadata_of_an_authorization_server_is_before_its_path() {
    let mut provider = TestProvider::new(ISSUER);
    let found = run(&mut provider, Discovery::oauth(ISSUER, &policy()).unwrap()).unwrap();
    assert_eq!(found.issuer, ISSUER);
    let profile = Discovery::with_profile(ISSUER, Profile::AuthorizationServer, &policy()).unwrap();
    run(&mut provider, profile).unwrap();
    assert_eq!(asked(&provider), [INSERTED, INSERTED]);
    // By default, only one form is tried.
    provider.metadata_forms(true, false);
    assert_eq!(rule(run(&mut provider, Discovery::oauth(ISSUER, &policy()).unwrap())), ResponseRule::Status);
    provider.metadata_forms(false, true);
    assert_eq!(rule(run(&mut provider, Discovery::start(ISSUER, &policy()).unwrap())), ResponseRule::Status);
    assert_eq!(asked(&provider)[2..], [INSERTED, APPENDED]);
    provider.assert_clean();
}

#[test]
fn the_other_form_is_tried_only_on_request_and_only_if_the_first_is_missing() {
    for (first, in_first, paths) in [
        (WellKnown::OpenId, true, &[APPENDED][..]),
        (WellKnown::OpenId, false, &[APPENDED, INSERTED]),
        (WellKnown::OAuth, true, &[INSERTED]),
        (WellKnown::OAuth, false, &[INSERTED, APPENDED]),
    ] {
        let mut provider = TestProvider::new(ISSUER);
        let openid = (first == WellKnown::OpenId) == in_first;
        provider.metadata_forms(openid, !openid);
        run(&mut provider, Discovery::either(ISSUER, first, &policy()).unwrap()).unwrap();
        assert_eq!(asked(&provider), paths);
        provider.assert_clean();
    }
}

#[test]
fn at_most_two_requests_are_sent_and_each_status_has_its_meaning() {
    let either = || Discovery::either(ISSUER, WellKnown::OpenId, &policy()).unwrap();
    for status in [400, 401, 403, 404, 405, 410] {
        let Ok(Step::Send(second)) = answer(either(), status, "text/html", "") else { panic!("{status}") };
        assert_eq!(second.request().uri().path(), INSERTED);
        assert_eq!(
            rule(answer(second, status, "text/html", "")),
            ResponseRule::Status,
            "no request follows the second one"
        );
    }
    for status in [406, 409, 418, 451] {
        assert_eq!(rule(answer(either(), status, "text/html", "")), ResponseRule::Status, "{status}");
    }
    assert_eq!(rule(answer(either(), 302, "text/html", "")), ResponseRule::Redirect);
    for status in [429, 500, 503] {
        assert!(matches!(answer(either(), status, "text/html", ""), Err(Error::Unavailable(_))), "{status}");
    }
    // An application sends its page at every path. The other form may have the metadata.
    for (status, media_type) in [(200, "text/html"), (200, "text/plain"), (200, ""), (204, "")] {
        let Ok(Step::Send(second)) = answer(either(), status, media_type, "<html>") else {
            panic!("{status} {media_type}")
        };
        assert_eq!(second.request().uri().path(), INSERTED);
        let last = rule(answer(second, 200, "text/html", "<html>"));
        assert_eq!(last, ResponseRule::MediaType("application/json"), "no third request");
    }
    let broken = rule(answer(either(), 200, "application/json", "<html>"));
    assert!(matches!(broken, ResponseRule::Metadata(MetadataError::Json(_))), "it says that it is JSON");
    let one = Discovery::start(ISSUER, &policy()).unwrap();
    assert_eq!(rule(answer(one, 200, "text/html", "<html>")), ResponseRule::MediaType("application/json"));
}

#[test]
fn another_issuer_in_the_document_ends_discovery_without_a_second_request() {
    let mut provider = TestProvider::new(ISSUER);
    provider.alter_response(EndpointName::Discovery, hostile::set_member("issuer", "https://evil.example"));
    let ended = run(&mut provider, Discovery::either(ISSUER, WellKnown::OpenId, &policy()).unwrap());
    assert!(matches!(rule(ended), ResponseRule::Metadata(MetadataError::Issuer { .. })));
    assert_eq!(asked(&provider), [APPENDED]);
}

#[test]
fn each_form_must_have_its_own_required_members() {
    // An authorization server need not list algorithms for ID tokens. An OpenID Provider must.
    let mut provider = TestProvider::new(ISSUER);
    for endpoint in [EndpointName::Discovery, EndpointName::OAuthMetadata] {
        provider.alter_response(endpoint, hostile::remove_member("subject_types_supported"));
    }
    let mut ask = |first| run(&mut provider, Discovery::either(ISSUER, first, &policy()).unwrap());
    assert!(ask(WellKnown::OAuth).is_ok());
    assert_eq!(
        rule(ask(WellKnown::OpenId)),
        ResponseRule::Metadata(MetadataError::Missing(vec!["subject_types_supported"]))
    );
}

#[test]
fn the_url_of_metadata_is_not_an_issuer() {
    let error =
        Discovery::start(&format!("{ISSUER}/.well-known/openid-configuration"), &policy()).unwrap_err();
    assert!(matches!(error, Error::Config(ConfigError::Issuer(_))));
    assert!(error.to_string().contains("give the issuer"), "{error}");
}

fn keys(provider: &TestProvider) -> Arc<KeySet> {
    Arc::new(KeySet::parse(provider.key_set().to_string().as_bytes()).unwrap())
}

fn signed(provider: &mut TestProvider, claims: Value, now: Timestamp) -> Result<ProviderMetadata, Error> {
    let keys = keys(provider);
    provider.sign_metadata(claims);
    let options = DiscoveryOptions::new(&policy()).form(WellKnown::OAuth).signed_by(keys);
    run_at(provider, Discovery::with(ISSUER, options).unwrap(), &mut now.clone())
}

#[test]
fn signed_values_take_precedence_and_other_members_stay() {
    let mut provider = TestProvider::new(ISSUER);
    let metadata = signed(
        &mut provider,
        json!({"iss": ISSUER, "iat": 5, "token_endpoint": "https://op.example/signed", "extra": true}),
        NOW,
    )
    .unwrap();
    assert_eq!(metadata.token_endpoint.unwrap().as_str(), "https://op.example/signed");
    assert_eq!(metadata.jwks_uri.unwrap().as_str(), provider.url(EndpointName::Jwks));
    assert_eq!(metadata.extra["extra"], true);
    assert!(!metadata.extra.contains_key("iat") && !metadata.extra.contains_key("iss"));
    assert!(metadata.signed_metadata.is_some());
    // Without a key, signed metadata is only a text.
    let plain = run(&mut provider, Discovery::oauth(ISSUER, &policy()).unwrap()).unwrap();
    assert_eq!(plain.token_endpoint.unwrap().as_str(), provider.url(EndpointName::Token));
    assert!(plain.signed_metadata.is_some());
}

#[test]
fn signed_metadata_that_does_not_verify_is_refused() {
    use SignedMetadataError as MemberError;
    let good = || json!({"iss": ISSUER, "exp": NOW.0 + 100, "issuer": ISSUER});
    assert!(signed(&mut TestProvider::new(ISSUER), good(), NOW).is_ok());
    let refused = |claims: Value, now: i64, prepare: fn(&mut TestProvider)| {
        let mut provider = TestProvider::new(ISSUER);
        prepare(&mut provider);
        match rule(signed(&mut provider, claims, Timestamp(now))) {
            ResponseRule::Metadata(MetadataError::Signed(why)) => why,
            other => panic!("{other}"),
        }
    };
    let now = NOW.0;
    assert_eq!(refused(json!({}), now, |_| {}), MemberError::Issuer);
    assert_eq!(refused(json!({"iss": "https://evil.example"}), now, |_| {}), MemberError::Issuer);
    assert_eq!(refused(good(), now + 130, |_| {}), MemberError::Time);
    assert!(
        signed(&mut TestProvider::new(ISSUER), good(), Timestamp(now + 129)).is_ok(),
        "within the leeway and no more"
    );
    assert_eq!(refused(json!({"iss": ISSUER, "nbf": now + 31}), now, |_| {}), MemberError::Time);
    assert_eq!(refused(json!({"iss": ISSUER, "signed_metadata": "x"}), now, |_| {}), MemberError::Nested);
    assert_eq!(refused(good(), now, |p| p.break_signatures(true)), MemberError::Jws(JwsError::Signature));
    assert_eq!(refused(good(), now, |p| p.sign_with_generation(9)), MemberError::Jws(JwsError::UnknownKey));
    // The issuer in signed metadata is checked against the one asked for, too.
    let other =
        signed(&mut TestProvider::new(ISSUER), json!({"iss": ISSUER, "issuer": "https://x.example"}), NOW);
    assert!(matches!(rule(other), ResponseRule::Metadata(MetadataError::Issuer { .. })));
}

#[test]
fn a_missing_signature_is_no_way_around_the_check() {
    let mut provider = TestProvider::new(ISSUER);
    let options = DiscoveryOptions::new(&policy()).signed_by(keys(&provider));
    let ended = run(&mut provider, Discovery::with(ISSUER, options.clone()).unwrap());
    assert_eq!(rule(ended), ResponseRule::Metadata(MetadataError::Missing(vec!["signed_metadata"])));
    provider.alter_response(EndpointName::Discovery, hostile::set_member("signed_metadata", 5));
    let ended = run(&mut provider, Discovery::with(ISSUER, options).unwrap());
    assert!(matches!(rule(ended), ResponseRule::Metadata(MetadataError::Json(_))));
}

#[test]
fn a_flow_that_the_metadata_rules_out_is_refused_early_with_a_reason() {
    let login = |member: &str, value: Value| {
        let mut document = TestProvider::new(ISSUER).metadata();
        document[member] = value;
        let text = document.to_string();
        let metadata =
            ProviderMetadata::parse(text.as_bytes(), ISSUER, Profile::OpenIdProvider, &policy()).unwrap();
        let client =
            Client::builder(metadata, "app").redirect_uri("https://app.example/callback").build().unwrap();
        match client.authorize(&AuthorizationRequest::new(["profile"]), moment(NOW)) {
            Ok(_) => None,
            Err(Error::Config(error)) => Some(error),
            Err(other) => panic!("{other}"),
        }
    };
    for (member, value, why) in [
        ("require_pushed_authorization_requests", json!(true), ConfigError::PushedRequestsOnly),
        ("require_signed_request_object", json!(true), ConfigError::SignedRequestsOnly),
        (
            "response_types_supported",
            json!(["id_token", "code id_token"]),
            ConfigError::NoResponseType("code"),
        ),
        ("response_modes_supported", json!(["form_post"]), ConfigError::NoResponseMode("query")),
        ("code_challenge_methods_supported", json!(["plain"]), ConfigError::NoS256),
        ("id_token_signing_alg_values_supported", json!(["HS256", "XX"]), ConfigError::NoAlgorithm),
    ] {
        assert_eq!(login(member, value), Some(why), "{member}");
        assert!(why.to_string().contains(member), "{why}");
    }
    for (member, value) in [
        ("require_pushed_authorization_requests", json!(false)),
        ("response_types_supported", json!(["id_token", "code"])),
        ("response_modes_supported", json!(["form_post", "query"])),
        ("response_modes_supported", json!([])),
        ("response_modes_supported", json!(null)),
        ("code_challenge_methods_supported", json!(null)),
        ("grant_types_supported", json!(["implicit"])),
    ] {
        assert_eq!(login(member, value), None, "{member}");
    }
}

#[test]
fn metadata_tells_what_a_client_may_do() {
    let metadata = |members: Value| {
        let mut document = json!({"issuer": ISSUER, "response_types_supported": ["id_token code"]});
        document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let text = document.to_string();
        ProviderMetadata::parse(text.as_bytes(), ISSUER, Profile::AuthorizationServer, &policy()).unwrap()
    };
    let silent = metadata(json!({}));
    assert!(silent.supports_token_endpoint_auth_method("client_secret_basic"));
    assert!(silent.supports_introspection_auth_method("client_secret_basic"));
    assert!(!silent.supports_introspection_auth_method("client_secret_post"));
    assert!(silent.supports_response_type("code id_token") && !silent.supports_response_type("code"));
    assert!(silent.supports_response_mode("fragment") && !silent.supports_response_mode("form_post"));
    assert!(silent.names_grant_type("authorization_code") && !silent.names_grant_type("client_credentials"));
    assert_eq!((silent.names_s256(), silent.requires_pushed_requests()), (None, false));
    assert!(silent.dpop_algorithms().is_empty());
    let said = metadata(json!({
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
        "introspection_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
        "userinfo_signing_alg_values_supported": ["RS256", "none"],
        "dpop_signing_alg_values_supported": ["ES256", "EdDSA", "new"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "grant_types_supported": ["client_credentials"],
    }));
    assert!(!said.supports_introspection_auth_method("client_secret_post"));
    assert!(said.supports_introspection_auth_method("private_key_jwt"));
    assert_eq!(said.dpop_algorithms(), [Algorithm::ES256, Algorithm::EdDSA].into_iter().collect());
    assert_eq!(said.userinfo_algorithms(), [Algorithm::RS256].into_iter().collect());
    assert_eq!(said.client_assertion_algorithms(), [Algorithm::ES256].into_iter().collect());
    assert!(said.names_s256() == Some(true) && said.names_grant_type("client_credentials"));
}

const API: &str = "https://api.example/v1";

#[test]
fn the_metadata_of_a_resource_is_before_its_path_and_must_name_that_resource() {
    let own = ResourceMetadata::new(API).authorization_servers([ISSUER]).scopes_supported(["read"]);
    let call = ResourceDiscovery::start(API, &policy()).unwrap();
    assert_eq!(call.request().uri().to_string(), own.url(&policy()).unwrap().as_str());
    let Step::Done(found) = answer(call, 200, "application/json", own.to_json()).unwrap() else { panic!() };
    assert_eq!(found.authorization_servers, Some(vec![ISSUER.to_owned()]));
    let ask = || ResourceDiscovery::start(API, &policy()).unwrap();
    let other = ResourceMetadata::new("https://api.example").to_json();
    let ended = answer(ask(), 200, "application/json", other);
    assert!(matches!(rule(ended), ResponseRule::Metadata(MetadataError::Resource { .. })));
    assert_eq!(
        rule(answer(ask(), 200, "text/html", own.to_json())),
        ResponseRule::MediaType("application/json")
    );
    assert_eq!(rule(answer(ask(), 404, "application/json", "")), ResponseRule::Status);
    assert_eq!(rule(answer(ask(), 301, "application/json", "")), ResponseRule::Redirect);
    for bad in ["http://api.example", "https://api.example/#x", "https://10.1.1.1/", "api"] {
        let error = ResourceDiscovery::start(bad, &policy()).unwrap_err();
        assert!(matches!(error, Error::Config(ConfigError::Resource(_))), "{bad}: {error}");
    }
}

fn challenged(values: &[&str]) -> HeaderMap {
    values.iter().map(|value| (WWW_AUTHENTICATE, value.parse().unwrap())).collect()
}

#[test]
fn a_challenge_leads_only_to_the_metadata_of_the_url_that_was_requested() {
    let place = "https://meta.example/somewhere";
    let ask = |values: &[&str], policy: &UrlPolicy| {
        ResourceDiscovery::from_challenge(&challenged(values), API, policy)
    };
    let header = format!(r#"DPoP algs="ES256", Bearer error="invalid_token", resource_metadata="{place}""#);
    let call = ask(&[&header], &policy()).unwrap().unwrap();
    assert_eq!(call.request().uri().to_string(), place);
    let good = ResourceMetadata::new(API).to_json();
    assert!(matches!(answer(call, 200, "application/json", good), Ok(Step::Done(_))));
    // The resource that was asked speaks only for itself, not even for its whole host.
    for other in ["https://api.example", "https://api.example/v1/", "https://bank.example"] {
        let call = ask(&[&header], &policy()).unwrap().unwrap();
        let ended = answer(call, 200, "application/json", ResourceMetadata::new(other).to_json());
        assert!(matches!(rule(ended), ResponseRule::Metadata(MetadataError::Resource { .. })), "{other}");
    }
    assert!(ask(&["Bearer"], &policy()).unwrap().is_none());
    assert!(ask(&[], &policy()).unwrap().is_none());
    let twice = [header.as_str(), &header];
    assert!(ask(&twice, &policy()).unwrap().is_some(), "the same address twice counts once");
    let two = [header.as_str(), r#"Bearer resource_metadata="https://other.example/""#];
    assert_eq!(rule(ask(&two, &policy())), ResponseRule::Value("resource_metadata"));
    for inward in ["http://meta.example/", "https://169.254.169.254/latest", "file:///etc/passwd", "x"] {
        let Err(Error::Response(error)) =
            ask(&[&format!(r#"Bearer resource_metadata="{inward}""#)], &policy())
        else {
            panic!("{inward}")
        };
        let ResponseError { endpoint, rule, .. } = *error;
        assert_eq!(endpoint, Endpoint::ResourceMetadata);
        assert!(matches!(rule, ResponseRule::Metadata(MetadataError::Unusable(_))), "{inward}");
    }
}

/// A party that can change the document has a token of the issuer, or can get one.
#[test]
fn another_jwt_of_the_issuer_is_not_accepted_as_signed_metadata() {
    for claims in [
        json!({"iss": ISSUER, "sub": "mallory", "aud": "app", "exp": NOW.0 + 100, "iat": NOW.0, "nonce": "n",
               "at_hash": "x", "auth_time": NOW.0, "name": "Mallory"}),
        json!({"iss": ISSUER, "sub": "mallory", "aud": "api", "exp": NOW.0 + 100, "jti": "1",
               "client_id": "app", "scope": "read", "token_endpoint_hint": "x"}),
        json!({"iss": ISSUER, "token_endpoint": null}),
    ] {
        let mut provider = TestProvider::new(ISSUER);
        let stolen = hostile::set_member("token_endpoint", "https://evil.example/token");
        provider.alter_response(EndpointName::OAuthMetadata, stolen);
        let ended = signed(&mut provider, claims, NOW);
        assert!(ended.is_err(), "{:?}", ended.map(|metadata| metadata.token_endpoint));
    }
}
