//! Assertions as grants (RFC 7522, RFC 7523).

use super::*;
use oidc_proto::{
    Error, Moment,
    flow::{AssertionGrantRequest, ConfigError, JwtAssertion, MAX_RETRIES},
    jose::{Algorithm, Sign},
};
use oidc_testkit::{EndpointName, JWT_BEARER_GRANT, KeyRing, Party, SAML_BEARER_GRANT, drive, hostile};
use serde_json::json;
use std::{collections::BTreeSet, sync::Arc, time::Duration};

const OURS: &str = "https://ours.example";

fn party() -> Party {
    let mut party = Party::new();
    party.provider.allow_grant("app", JWT_BEARER_GRANT);
    party.provider.allow_grant("app", SAML_BEARER_GRANT);
    party.provider.trust_assertions(OURS, KeyRing::new().document());
    party
}

fn key(algorithm: Algorithm) -> Arc<dyn Sign> {
    KeyRing::new().signer(algorithm, 1, None).0.into()
}

/// The header and the claims of a JWT.
fn opened(jwt: &str) -> (Value, Value) {
    let part = |at: usize| {
        let text = jwt.split('.').nth(at).unwrap();
        serde_json::from_slice(&oidc_proto::base::base64url::decode(text).unwrap()).unwrap()
    };
    (part(0), part(1))
}

#[test]
fn a_signed_assertion_gets_tokens_for_its_subject() {
    for (algorithm, assertion) in [
        (Algorithm::ES256, JwtAssertion::new(OURS, "alice")),
        (Algorithm::RS256, JwtAssertion::new(OURS, "bob").audience("https://op.example/token")),
        (
            Algorithm::EdDSA,
            JwtAssertion::new(OURS, "carol")
                .lifetime(Duration::from_secs(300))
                .claim("tenant", "acme")
                .header_type("JWT"),
        ),
    ] {
        let mut party = party();
        let wanted = AssertionGrantRequest::signed(assertion, key(algorithm)).scopes(["profile"]);
        let call = party.client.assertion_grant(wanted, party.clock.moment()).unwrap();
        let tokens = drive(call, &mut party.provider, &mut party.clock).unwrap();
        assert!(tokens.is_bearer() && tokens.refresh_token.is_none());
        let seen = party.provider.requests().last().unwrap();
        assert_eq!(
            (all(seen, "grant_type"), all(seen, "scope")),
            (vec![JWT_BEARER_GRANT.into()], vec!["profile".into()])
        );
        let (header, claims) = opened(&all(seen, "assertion")[0]);
        assert_eq!((&header["alg"], &claims["iss"]), (&algorithm.name().into(), &OURS.into()));
        let lifetime = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
        if claims["sub"] == "carol" {
            assert_eq!((lifetime, &claims["tenant"], &header["typ"]), (300, &"acme".into(), &"JWT".into()));
        } else {
            assert_eq!((lifetime, &header["typ"]), (60, &Value::Null));
        }
        party.provider.assert_clean();
    }
}

/// The provider accepts each assertion once. So an assertion that is given is not sent again, and one that is signed here
/// is signed anew.
#[test]
fn no_assertion_is_sent_twice() {
    let mut party = party();
    party.provider.alter_response(EndpointName::Token, hostile::times(2, hostile::retry_after(5)));
    let wanted = AssertionGrantRequest::signed(JwtAssertion::new(OURS, "alice"), key(Algorithm::ES256));
    let call = party.client.assertion_grant(wanted, party.clock.moment()).unwrap();
    drive(call, &mut party.provider, &mut party.clock).unwrap();
    let sent: Vec<String> =
        party.provider.requests().iter().flat_map(|seen| all(seen, "assertion")).collect();
    let ids: BTreeSet<String> = sent.iter().map(|jwt| opened(jwt).1["jti"].to_string()).collect();
    assert_eq!((sent.len(), ids.len()), (3, 3));
    assert!(
        opened(&sent[0]).1["iat"].as_i64() < opened(&sent[2]).1["iat"].as_i64(),
        "its times are new, too"
    );
    party.provider.assert_clean();

    party.provider.alter_response(EndpointName::Token, hostile::retry_after(5));
    let wanted = AssertionGrantRequest::signed(JwtAssertion::new(OURS, "alice"), key(Algorithm::ES256));
    let call = party.client.assertion_grant(wanted, party.clock.moment()).unwrap();
    assert_eq!(drive(call, &mut party.provider, &mut party.clock).unwrap_err().code(), "unavailable");
    assert_eq!(
        party.provider.count(EndpointName::Token),
        3 + 1 + usize::from(MAX_RETRIES),
        "and the attempts are bounded"
    );

    for given in [AssertionGrantRequest::jwt("a.b.c"), AssertionGrantRequest::saml("<saml:Assertion/>")] {
        let before = party.provider.count(EndpointName::Token);
        let call = party.client.assertion_grant(given, party.clock.moment()).unwrap();
        assert_eq!(drive(call, &mut party.provider, &mut party.clock).unwrap_err().code(), "unavailable");
        assert_eq!(party.provider.count(EndpointName::Token), before + 1);
    }
    let (_, _, pending) =
        party.client.assertion_grant(AssertionGrantRequest::jwt("a.b.c"), moment(NOW)).unwrap().into_parts();
    assert!(pending.fail(moment(NOW)).unwrap().is_none(), "a response that is lost ends it");
}

#[test]
fn a_key_that_is_elsewhere_signs_the_assertion() {
    let mut party = party();
    let remote = key(Algorithm::ES256);
    let assertion = JwtAssertion::new(OURS, "alice");
    let to_sign = party
        .client
        .jwt_assertion_to_sign(&assertion, remote.algorithm(), Some("p256-1"), party.clock.moment())
        .unwrap();
    let signature = remote.sign(to_sign.signing_input()).unwrap();
    let wanted = to_sign.with_signature(&signature);
    let call = party.client.assertion_grant(wanted, party.clock.moment()).unwrap();
    drive(call, &mut party.provider, &mut party.clock).unwrap();
    party.provider.assert_clean();
}

#[test]
fn a_saml_assertion_is_sent_in_base64url() {
    for user in ["alice", "bob", "Jürgen"] {
        let mut party = party();
        let xml = format!(
            "<saml:Assertion><saml:Subject><saml:NameID>{user}</saml:NameID></saml:Subject></saml:Assertion>"
        );
        let call = party
            .client
            .assertion_grant(AssertionGrantRequest::saml(xml.as_str()), party.clock.moment())
            .unwrap();
        drive(call, &mut party.provider, &mut party.clock).unwrap();
        let seen = party.provider.requests().last().unwrap();
        assert_eq!(all(seen, "grant_type"), [SAML_BEARER_GRANT]);
        assert_eq!(all(seen, "assertion"), [oidc_proto::base::base64url::encode(xml.as_bytes())]);
        party.provider.assert_clean();
    }
}

#[test]
fn a_provider_that_does_not_trust_the_assertion_says_so() {
    let mut party = party();
    for assertion in [
        JwtAssertion::new("https://others.example", "alice"),
        JwtAssertion::new(OURS, "alice").audience("https://another.example"),
    ] {
        let wanted = AssertionGrantRequest::signed(assertion, key(Algorithm::ES256));
        let call = party.client.assertion_grant(wanted, party.clock.moment()).unwrap();
        let refused = drive(call, &mut party.provider, &mut party.clock).unwrap_err();
        assert_eq!(refused.code(), "invalid_grant");
        assert!(refused.to_string().contains("assertion"), "{refused}");
    }
}

#[test]
fn an_assertion_that_cannot_be_right_is_not_sent() {
    let party = party();
    let refused = |wanted| party.client.assertion_grant(wanted, moment(NOW)).unwrap_err();
    let signed = |assertion| refused(AssertionGrantRequest::signed(assertion, key(Algorithm::ES256)));
    let assertion = || JwtAssertion::new(OURS, "alice");
    for name in ["iss", "sub", "aud", "exp", "iat", "nbf", "jti"] {
        assert_eq!(signed(assertion().claim(name, "x")), ConfigError::Reserved(name).into());
        let elsewhere = party.client.jwt_assertion_to_sign(
            &assertion().claim(name, 1),
            Algorithm::ES256,
            None,
            moment(NOW),
        );
        assert_eq!(elsewhere.unwrap_err(), ConfigError::Reserved(name));
    }
    for (assertion, claim) in [
        (JwtAssertion::new("", "alice"), "iss"),
        (JwtAssertion::new(OURS, ""), "sub"),
        (assertion().lifetime(Duration::from_millis(999)), "exp"),
    ] {
        assert_eq!(signed(assertion), ConfigError::Parameter(claim).into());
    }
    for empty in [AssertionGrantRequest::jwt(""), AssertionGrantRequest::saml("")] {
        assert_eq!(refused(empty), ConfigError::Parameter("assertion").into());
    }
    let own = AssertionGrantRequest::jwt("a.b.c").parameter("assertion", "d.e.f");
    assert_eq!(refused(own), ConfigError::Reserved("assertion").into());
    let own =
        AssertionGrantRequest::signed(assertion(), key(Algorithm::ES256)).parameter("assertion", "d.e.f");
    assert_eq!(refused(own), ConfigError::Reserved("assertion").into());
}

/// A server may demand another nonce before it looks at the request. It then gets another assertion, if one is signed here.
#[test]
fn a_demand_for_a_nonce_gets_a_new_assertion() {
    let party = Party::builder().client(|builder| builder.dpop_key(key(Algorithm::ES256))).build();
    let wanted = AssertionGrantRequest::signed(JwtAssertion::new(OURS, "alice"), key(Algorithm::ES256));
    let (first, _, pending) = party.client.assertion_grant(wanted, moment(NOW)).unwrap().into_parts();
    let mut demand = response(400, &json!({"error": "use_dpop_nonce"}));
    demand.headers_mut().insert("dpop-nonce", "n1".parse().unwrap());
    let Ok(Step::Send(call)) = pending.receive(demand, Moment::new(NOW, [8; 32])) else {
        panic!("once more")
    };
    let jti = |body: &[u8]| {
        let form: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
        opened(&form.iter().find(|(name, _)| name == "assertion").unwrap().1).1["jti"].clone()
    };
    assert_ne!(jti(first.body()), jti(call.request().body()));
}

#[test]
fn a_key_that_fails_ends_the_flow_before_anything_is_sent() {
    struct Broken;
    impl Sign for Broken {
        fn algorithm(&self) -> Algorithm {
            Algorithm::ES256
        }
        fn key_id(&self) -> Option<&str> {
            None
        }
        fn sign(&self, _: &[u8]) -> Result<Vec<u8>, oidc_proto::jose::SignError> {
            Err(oidc_proto::jose::SignError::Failed)
        }
        fn public_jwk(&self) -> Option<oidc_proto::jose::Jwk> {
            None
        }
    }
    let wanted = AssertionGrantRequest::signed(JwtAssertion::new(OURS, "alice"), Arc::new(Broken));
    let failed = party().client.assertion_grant(wanted, moment(NOW)).unwrap_err();
    assert!(matches!(failed, Error::Sign(_)), "{failed:?}");
}
