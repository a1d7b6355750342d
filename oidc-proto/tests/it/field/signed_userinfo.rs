//! Signed UserInfo, as ProConnect sends it always (OpenID Connect Core 1.0 section 5.3.2).

use oidc_proto::{
    Error,
    flow::{Client, ResponseRule},
    jose::{Algorithm, JwsError, RingSigner, Sign},
    message::AuthorizationRequest,
    token::VerificationError,
};
use oidc_testkit::{EndpointName, Party, drive, drive::NOW, hostile, scenario::SECRET};
use serde_json::{Value, json};

fn signer(material: &str, algorithm: Algorithm) -> RingSigner {
    let file: Value =
        serde_json::from_str(include_str!("../../../../tests/testkit/data/test-only-keys.json")).unwrap();
    let keys = file["keys"].as_array().unwrap();
    let mut jwk = keys.iter().find(|key| key["material"] == material).unwrap().clone();
    jwk.as_object_mut().unwrap().remove("material");
    RingSigner::from_jwk(jwk.to_string().as_bytes(), Some(algorithm)).unwrap()
}

fn sign(material: &str, algorithm: Algorithm, claims: &Value) -> String {
    let signer = signer(material, algorithm);
    let encode = |part: &[u8]| oidc_proto::base::base64url::encode(part);
    let header = json!({"alg": algorithm.name(), "kid": signer.key_id()});
    let signed =
        format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    format!("{signed}.{}", encode(&signer.sign(signed.as_bytes()).unwrap()))
}

fn claims() -> Value {
    json!({"iss": "https://op.example", "aud": "app", "sub": "alice", "given_name": "Ada"})
}

/// How a party knows that UserInfo may be signed.
#[derive(Clone, Copy, PartialEq)]
enum Signed {
    No,
    Listed,
    Registered,
}

fn party(signed: Signed, fetches: bool) -> Party {
    let mut party = Party::new();
    let listed = hostile::set_member("userinfo_signing_alg_values_supported", json!(["RS256", "EdDSA"]));
    if signed == Signed::Listed {
        party.provider.alter_response(EndpointName::Discovery, listed);
    }
    let client = Client::builder(party.discover().unwrap(), "app").secret(SECRET);
    let client = client.redirect_uri("https://app.example/callback");
    let client = if fetches { client.fetch_userinfo() } else { client };
    let registered = signed == Signed::Registered;
    let client = if registered { client.userinfo_signed_response_alg(Algorithm::RS256) } else { client };
    party.client = client.build().unwrap();
    party
}

/// A login in which UserInfo is this JWT.
fn login(signed: Signed, jwt: String) -> Result<oidc_proto::flow::Authenticated, Error> {
    let mut party = party(signed, true);
    party.provider.alter_response(EndpointName::UserInfo, hostile::respond(200, "application/jwt", jwt));
    let user = party.login();
    assert_eq!(party.provider.count(EndpointName::Jwks), 1, "keys are fetched once");
    user
}

/// A login in which UserInfo is signed, whether or not the client is registered for that.
pub(crate) fn login_with_signed(registered: bool) -> Result<(), Error> {
    let signed = if registered { Signed::Registered } else { Signed::No };
    login(signed, sign("rsa-1", Algorithm::RS256, &claims())).map(drop)
}

#[track_caller]
fn refused(user: Result<oidc_proto::flow::Authenticated, Error>) -> ResponseRule {
    match user {
        Err(Error::Response(error)) => {
            assert_eq!(error.endpoint, oidc_proto::flow::Endpoint::UserInfo);
            error.rule
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn signed_claims_are_verified_in_a_login_if_they_are_registered_or_listed() {
    for (signed, material, algorithm) in [
        (Signed::Registered, "rsa-1", Algorithm::RS256),
        (Signed::Listed, "rsa-1", Algorithm::RS256),
        (Signed::Listed, "ed25519-1", Algorithm::EdDSA),
    ] {
        let user = login(signed, sign(material, algorithm, &claims())).unwrap();
        assert_eq!(user.userinfo.unwrap().claim::<String>("given_name").as_deref(), Some("Ada"));
        assert!(user.learned.keys.is_some(), "the keys of the login are for the cache");
    }
    let mut aud = claims();
    aud["aud"] = json!(["other", "app"]);
    assert!(login(Signed::Registered, sign("rsa-1", Algorithm::RS256, &aud)).is_ok());
    let error = login(Signed::No, sign("rsa-1", Algorithm::RS256, &claims())).unwrap_err();
    assert!(error.to_string().contains("`ClientBuilder::userinfo_signed_response_alg`"), "{error}");
    assert_eq!(refused(Err(error)), ResponseRule::UnexpectedJwt);
}

#[test]
fn a_signed_response_is_for_this_client_from_this_issuer_about_this_user() {
    let set = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        refused(login(Signed::Registered, sign("rsa-1", Algorithm::RS256, &claims)))
    };
    let jwt = ResponseRule::Jwt;
    assert_eq!(set("iss", json!("https://evil.example")), jwt(VerificationError::Issuer));
    assert_eq!(set("iss", Value::Null), jwt(VerificationError::Missing("iss")));
    assert_eq!(set("aud", json!("another-client")), jwt(VerificationError::Audience));
    assert_eq!(set("aud", Value::Null), jwt(VerificationError::Missing("aud")));
    assert_eq!(set("sub", json!("mallory")), ResponseRule::OtherSubject);
    assert_eq!(set("sub", Value::Null), jwt(VerificationError::Missing("sub")));
    assert!(matches!(set("sub", json!(35)), ResponseRule::Jwt(VerificationError::Claims(_))));
    assert!(matches!(set("exp", json!(NOW.0 - 60)), ResponseRule::Jwt(VerificationError::Expired { .. })));
    let valid = json!(NOW.0 + 60);
    let mut in_time = claims();
    in_time["exp"] = valid;
    assert!(login(Signed::Registered, sign("rsa-1", Algorithm::RS256, &in_time)).is_ok());
}

#[test]
fn an_id_token_is_no_userinfo_though_its_issuer_signed_it_for_this_client() {
    for name in ["nonce", "at_hash", "c_hash"] {
        let mut members = claims();
        members[name] = "x".into();
        let rule = refused(login(Signed::Registered, sign("rsa-1", Algorithm::RS256, &members)));
        assert_eq!(rule, ResponseRule::Jwt(VerificationError::Type), "{name}");
    }
}

#[test]
fn a_wrong_signature_or_algorithm_is_refused() {
    let refused = |jwt: String| refused(login(Signed::Registered, jwt));
    let mut good = sign("rsa-1", Algorithm::RS256, &claims());
    let other = sign("ed25519-1", Algorithm::EdDSA, &claims());
    assert_eq!(
        refused(other),
        ResponseRule::Jwt(JwsError::AlgorithmNotAllowed.into()),
        "the registered one only"
    );
    let stranger = sign("rsa-2", Algorithm::RS256, &claims());
    assert!(matches!(refused(stranger), ResponseRule::Jwt(VerificationError::Jws(_))));
    let at = good.len() - 20;
    good.replace_range(at..=at, if &good[at..=at] == "A" { "B" } else { "A" });
    assert!(matches!(refused(good), ResponseRule::Jwt(VerificationError::Jws(_))));
    let unsigned = oidc_proto::base::base64url::encode(br#"{"alg":"none"}"#);
    let payload = oidc_proto::base::base64url::encode(claims().to_string().as_bytes());
    assert_eq!(
        refused(format!("{unsigned}.{payload}.")),
        ResponseRule::Jwt(VerificationError::Jws(JwsError::Unsigned))
    );
    assert!(matches!(refused("not a jwt".to_owned()), ResponseRule::Jwt(_)));
}

/// The key of the provider, in each of the texts that an attacker may take for a secret.
fn public_texts() -> Vec<Vec<u8>> {
    let public = signer("rsa-1", Algorithm::RS256).public_jwk().unwrap().to_json();
    let modulus = public["n"].as_str().unwrap();
    let set = json!({ "keys": [public] }).to_string();
    let number = oidc_proto::base::base64url::decode(modulus).unwrap();
    vec![public.to_string().into_bytes(), modulus.as_bytes().to_vec(), number, set.into_bytes()]
}

/// A JWT that is signed with HMAC, and that names the public key of the provider.
fn mac(secret: &[u8]) -> String {
    let encode = |part: &[u8]| oidc_proto::base::base64url::encode(part);
    let header = json!({"alg": "HS256", "kid": "rsa-1"}).to_string();
    let signed = format!("{}.{}", encode(header.as_bytes()), encode(claims().to_string().as_bytes()));
    let tag = ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret), signed.as_bytes());
    format!("{signed}.{}", encode(tag.as_ref()))
}

#[test]
fn an_algorithm_is_never_taken_for_another() {
    let not_allowed = || ResponseRule::Jwt(JwsError::AlgorithmNotAllowed.into());
    let mut secrets = public_texts();
    secrets.extend([SECRET.as_bytes().to_vec(), Vec::new()]);
    for signed in [Signed::Registered, Signed::Listed] {
        for secret in &secrets {
            assert_eq!(refused(login(signed, mac(secret))), not_allowed());
        }
    }
    // Not even metadata that list the algorithm make it one of those that are accepted.
    let registered = |algorithm: Option<Algorithm>| {
        let mut party = Party::new();
        let listed = hostile::set_member("userinfo_signing_alg_values_supported", json!(["RS256", "HS256"]));
        party.provider.alter_response(EndpointName::Discovery, listed);
        let client = Client::builder(party.discover().unwrap(), "app").secret(SECRET).fetch_userinfo();
        let client = client.redirect_uri("https://app.example/callback");
        let client = match algorithm {
            Some(algorithm) => client.userinfo_signed_response_alg(algorithm),
            None => client,
        };
        party.client = client.build().unwrap();
        party
    };
    let told = |algorithm: Option<Algorithm>, jwt: String| {
        let mut party = registered(algorithm);
        let respond = hostile::respond(200, "application/jwt", jwt);
        party.provider.alter_response(EndpointName::UserInfo, respond);
        party.login()
    };
    for secret in &secrets {
        assert_eq!(refused(told(None, mac(secret))), not_allowed());
    }
    assert!(told(None, sign("rsa-1", Algorithm::RS256, &claims())).is_ok());
    // With HS256 registered, the client secret signs, and nothing else does.
    assert!(told(Some(Algorithm::HS256), mac(SECRET.as_bytes())).is_ok());
    for secret in public_texts().into_iter().chain([Vec::new(), b"another secret".to_vec()]) {
        let rule = refused(told(Some(Algorithm::HS256), mac(&secret)));
        // The JWT names a key of the provider, and the secret is none of them.
        assert_eq!(rule, ResponseRule::Jwt(JwsError::UnknownKey.into()));
    }
    let asymmetric = sign("rsa-1", Algorithm::RS256, &claims());
    assert_eq!(refused(told(Some(Algorithm::HS256), asymmetric)), not_allowed());
}

#[test]
fn claims_without_a_signature_are_refused_only_if_signed_ones_are_registered() {
    for (signed, accepted) in [(Signed::Registered, false), (Signed::Listed, true), (Signed::No, true)] {
        let mut party = party(signed, true);
        let user = party.login();
        match (user, accepted) {
            (Ok(user), true) => assert!(user.userinfo.is_some()),
            (Err(Error::Response(error)), false) => {
                assert_eq!(error.rule, ResponseRule::NotSigned);
                assert!(error.to_string().contains("userinfo_signed_response_alg"), "{error}");
            }
            (other, _) => panic!("{other:?}"),
        }
        let seen =
            party.provider.requests().iter().find(|seen| seen.endpoint == EndpointName::UserInfo).unwrap();
        let wanted = if accepted { "application/json" } else { "application/jwt" };
        assert_eq!(seen.header("accept"), Some(wanted));
    }
}

#[test]
fn the_request_by_itself_verifies_too_and_fetches_keys_only_if_it_must() {
    let mut party = party(Signed::Registered, false);
    let keys = party.keys().unwrap();
    let user = party.login_with(&AuthorizationRequest::default(), Some(keys.clone())).unwrap();
    let jwt = sign("rsa-1", Algorithm::RS256, &claims());
    party.provider.alter_response(EndpointName::UserInfo, hostile::respond(200, "application/jwt", jwt));
    let before = party.provider.count(EndpointName::Jwks);
    let token = &user.tokens.access_token;
    let call = party.client.userinfo_with_keys(token, "alice", Some(keys), party.clock.moment()).unwrap();
    let userinfo = drive(call, &mut party.provider, &mut party.clock).unwrap();
    assert_eq!(userinfo.sub, "alice");
    assert_eq!(party.provider.count(EndpointName::Jwks), before);
    let call = party.client.userinfo(token, "alice", party.clock.moment()).unwrap();
    assert!(drive(call, &mut party.provider, &mut party.clock).is_ok());
    assert_eq!(party.provider.count(EndpointName::Jwks), before + 1);
    let call = party.client.userinfo(token, "mallory", party.clock.moment()).unwrap();
    assert!(drive(call, &mut party.provider, &mut party.clock).is_err(), "another user");
}
