//! Tests the rules of the audit for token exchange and for assertions. Each case is a client that breaks one rule.
#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use common::*;
use oidc_testkit::{
    Algorithm, JWT_BEARER_GRANT, KeyRing, SAML_BEARER_GRANT, TOKEN_EXCHANGE_GRANT, TestProvider,
};
use serde_json::{Value, json};

const OURS: &str = "https://ours.example";
const ISSUER: &str = "https://op.example/tenant";

fn ready() -> TestProvider {
    let mut provider = provider();
    for grant in [TOKEN_EXCHANGE_GRANT, JWT_BEARER_GRANT, SAML_BEARER_GRANT] {
        provider.allow_grant("basic", grant);
    }
    provider.trust_assertions(OURS, KeyRing::new().document());
    provider.trust_id_jags(ISSUER, KeyRing::new().document());
    provider
}

fn jwt(typ: Option<&str>, changes: &Value) -> String {
    let mut claims =
        json!({"iss": OURS, "sub": "alice", "aud": ISSUER, "jti": "1", "iat": NOW.0, "exp": NOW.0 + 60});
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let (signer, _) = KeyRing::new().signer(Algorithm::EdDSA, 1, None);
    let header = typ.map(|typ| ("typ".to_owned(), typ.into())).into_iter().collect();
    oidc_proto::jose::sign_compact(&*signer, header, claims.to_string().as_bytes()).unwrap()
}

fn bearer(assertion: &str) -> Pairs {
    pairs([("grant_type", JWT_BEARER_GRANT), ("assertion", assertion)])
}

#[test]
fn an_assertion_is_of_a_trusted_issuer_for_this_server_and_used_once() {
    for (changes, what) in [
        (json!({"iss": "https://others.example"}), "of nobody who is trusted"),
        (json!({"aud": "https://others.example"}), "the audience of the assertion is another"),
        (json!({"exp": NOW.0}), "not valid at this time"),
        (json!({"iat": NOW.0 + 1}), "not valid at this time"),
        (json!({"jti": null}), "without jti"),
        (json!({"sub": null}), "without sub"),
    ] {
        let mut provider = ready();
        let response = token(&mut provider, "basic", &bearer(&jwt(None, &changes)));
        assert_error(&response, 400, "invalid_grant");
        assert_only_finding(&provider, what);
    }
    let mut provider = ready();
    let params = bearer(&jwt(None, &json!({})));
    assert_eq!(token(&mut provider, "basic", &params).status(), 200);
    provider.assert_clean();
    assert_error(&token(&mut provider, "basic", &params), 400, "invalid_grant");
    assert_only_finding(&provider, "assertion was sent a second time");

    let mut provider = ready();
    let own = jwt(Some("oauth-id-jag+jwt"), &json!({"iss": ISSUER, "client_id": "basic"}));
    assert_error(&token(&mut provider, "basic", &bearer(&own)), 400, "invalid_grant");
    assert_only_finding(&provider, "an ID-JAG of this server itself");

    let mut provider = ready();
    let params = pairs([("grant_type", SAML_BEARER_GRANT), ("assertion", "<saml:Assertion/>")]);
    assert_error(&token(&mut provider, "basic", &params), 400, "invalid_grant");
    assert_only_finding(&provider, "no SAML assertion in base64url");
}

#[test]
fn an_exchange_has_what_belongs_together() {
    let whole = || {
        let mut params = pairs([("grant_type", TOKEN_EXCHANGE_GRANT)]);
        set(&mut params, "subject_token", &jwt(None, &json!({})));
        set(&mut params, "subject_token_type", "urn:ietf:params:oauth:token-type:jwt");
        params
    };
    let mut provider = ready();
    let mut params = whole();
    params.extend(pairs([("audience", "a"), ("audience", "b"), ("resource", "https://c.example")]));
    assert_eq!(token(&mut provider, "basic", &params).status(), 200);
    provider.assert_clean();

    for (name, value, what) in [
        ("subject_token", "", "no subject_token"),
        ("subject_token_type", "", "no subject_token_type"),
        ("subject_token_type", "jwt", "a token type that is not known"),
        ("actor_token_type", "urn:ietf:params:oauth:token-type:jwt", "go together"),
        ("actor_token", "x", "go together"),
        (
            "requested_token_type",
            "urn:ietf:params:oauth:token-type:saml2",
            "requested_token_type is not known",
        ),
        ("requested_token_type", "urn:ietf:params:oauth:token-type:id-jag", "an ID-JAG has one audience"),
        ("assertion", "x", "stray parameter `assertion`"),
    ] {
        let mut provider = ready();
        let mut params = whole();
        if value.is_empty() {
            remove(&mut params, name)
        } else {
            set(&mut params, name, value)
        }
        token(&mut provider, "basic", &params);
        assert_only_finding(&provider, what);
    }
}
