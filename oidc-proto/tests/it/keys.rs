//! Key sets and their rotation during a login: selection, strength, and one refetch at most (RFC 7517, RFC
//! 7518, OpenID Connect Core 1.0 section 10.1).

use oidc_proto::{
    EndpointUrl, Error, UrlPolicy,
    base::JsonError,
    flow::{Authenticated, DiscoveryOptions, Endpoint, JwksRetrieval, PreviousLogin, ResponseRule, Step},
    jose::{Algorithm, JwsError, KeyError, KeySet, KeySetError, KeySetReader, MAX_KEYS},
    message::{AuthorizationRequest, AuthorizationResponse},
    renew::KeyRenewal,
    token::VerificationError,
};
use oidc_testkit::{ClientAuthentication, EndpointName, Party, TestProvider, drive, hostile};
use serde_json::{Value, json};
use std::sync::Arc;

fn login(party: &mut Party, keys: Option<Arc<KeySet>>) -> Result<Authenticated, Error> {
    party.login_with(&AuthorizationRequest::default(), keys)
}

#[track_caller]
fn assert_jws(result: Result<Authenticated, Error>, why: JwsError) {
    match result {
        Err(Error::Token(VerificationError::Jws(error))) => assert_eq!(error, why),
        other => panic!("{why:?} was expected: {other:?}"),
    }
}

/// The provider's RSA key of this generation, in the provider's own form.
fn rsa(party: &Party, generation: u32) -> Value {
    let kid = format!("rsa-{generation}");
    let set = party.provider.key_set();
    set["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid.as_str()).unwrap().clone()
}

/// Publishes exactly these keys.
fn publish(party: &mut Party, keys: &[Value]) {
    let body = json!({ "keys": keys }).to_string();
    party.provider.alter_response(EndpointName::Jwks, hostile::respond(200, "application/json", body));
}

/// Keys that this library does not know or must not use. Real providers publish each of them.
fn strange_keys() -> Vec<Value> {
    let short = "x".repeat(172);
    vec![
        json!({"kty": "OKP", "crv": "X25519", "use": "enc", "kid": "x", "x": "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}),
        json!({"kty": "OKP", "crv": "Ed448", "kid": "e", "x": "AAAA"}),
        json!({"kty": "EC", "crv": "secp256k1", "kid": "k", "alg": "ES256K", "x": "AAAA", "y": "AAAA"}),
        json!({"kty": "EC", "crv": "P-521", "kid": "p", "x": "AAAA", "y": "AAAA"}),
        json!({"kty": "AKP", "alg": "ML-DSA-44", "kid": "m", "pub": "AAAA"}),
        json!({"kty": "RSA", "kid": "short", "n": short, "e": "AQAB"}),
        json!({"kty": "RSA", "kid": "half", "n": "AAAA"}),
        json!({"kty": "EC", "crv": "P-256", "kid": "off", "x": "A".repeat(43), "y": "A".repeat(43)}),
        json!({"kty": "oct", "kid": "s", "k": "AAAA"}),
        json!({"kty": 7, "kid": "t"}),
        json!({"kid": "untyped"}),
        json!({}),
        json!(null),
        json!("garbage"),
        json!([1, 2]),
    ]
}

#[test]
fn keys_are_fetched_once_and_returned_for_the_next_login() {
    let mut party = Party::new();
    let first = login(&mut party, None).unwrap();
    let learned = first.learned.keys.unwrap();
    assert!(learned.knows("rsa-1"));
    let second = login(&mut party, Some(learned)).unwrap();
    assert!(second.learned.keys.is_none());
    assert_eq!(party.provider.count(EndpointName::Jwks), 1);
    party.provider.assert_clean();
}

#[test]
fn a_login_survives_a_rotation_with_one_fetch() {
    for keep_old in [true, false] {
        let mut party = Party::new();
        let keys = party.keys().unwrap();
        let (url, pending) = party.authorize(&AuthorizationRequest::default()).unwrap();
        let query = party.callback_query(&url);
        match keep_old {
            true => party.provider.rotate_keys_keeping_old(),
            false => party.provider.rotate_keys(),
        }
        let user = party.callback(pending, &query, Some(keys)).unwrap();
        let learned = user.learned.keys.unwrap();
        assert!(learned.knows("rsa-2"));
        assert_eq!(learned.knows("rsa-1"), keep_old, "a withdrawn key is gone");
        assert_eq!(party.provider.count(EndpointName::Jwks), 2);
        party.provider.assert_clean();
    }
}

#[test]
fn old_keys_are_renewed_once_and_the_login_goes_on() {
    let provider = TestProvider::new("https://op.example");
    let named = |index: usize, kid: &str| {
        let mut key = provider.key_set()["keys"][index].clone();
        key["kid"] = kid.into();
        key
    };
    let mut party = Party::new();
    party.provider.rotate_keys_keeping_old();
    let other_material = {
        let mut key = rsa(&party, 2);
        key["kid"] = "rsa-1".into();
        key
    };
    let mut for_encryption = named(0, "rsa-1");
    for_encryption["use"] = "enc".into();
    for (what, old) in [
        ("no keys", vec![]),
        ("another name", vec![named(0, "rsa-0")]),
        ("another type", vec![named(1, "rsa-1")]),
        ("another key of that name", vec![other_material.clone()]),
        ("a key that was not for signatures", vec![for_encryption]),
    ] {
        let keys = KeySet::parse(json!({ "keys": old }).to_string().as_bytes()).unwrap();
        let mut party = Party::new();
        let user = login(&mut party, Some(Arc::new(keys))).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(user.learned.keys.unwrap().knows("rsa-1"), "{what}");
        assert_eq!(party.provider.count(EndpointName::Jwks), 1, "{what}");
        party.provider.assert_clean();
    }
    // Too many old keys, and a token that names none of them.
    let mut party = Party::new();
    party.provider.alter_id_token(hostile::remove_header_member("kid"));
    let old: Vec<_> = (0..20).map(|_| other_material.clone()).collect();
    let keys = KeySet::parse(json!({ "keys": old }).to_string().as_bytes()).unwrap();
    assert!(login(&mut party, Some(Arc::new(keys))).unwrap().learned.keys.is_some());
}

#[test]
fn an_unpublished_kid_costs_one_fetch_and_no_more() {
    for keys_at_hand in [true, false] {
        let mut party = Party::new();
        let keys = keys_at_hand.then(|| party.keys().unwrap());
        let before = party.provider.count(EndpointName::Jwks);
        party.provider.alter_id_token(hostile::set_header_member("kid", "nobody's"));
        assert_jws(login(&mut party, keys), JwsError::UnknownKey);
        assert_eq!(party.provider.count(EndpointName::Jwks) - before, 1);
        assert_eq!(party.provider.count(EndpointName::Token), 1);
        party.provider.assert_clean();
    }
}

#[test]
fn a_wrong_signature_costs_one_fetch_and_is_refused() {
    for algorithm in Algorithm::RING.iter().copied() {
        let mut party = Party::builder().id_token_alg(algorithm).build();
        let keys = party.keys().unwrap();
        party.provider.break_signatures(true);
        assert_jws(login(&mut party, Some(keys)), JwsError::Signature);
        let fetches = if algorithm.is_symmetric() { 1 } else { 2 };
        assert_eq!(party.provider.count(EndpointName::Jwks), fetches, "{algorithm:?}");
        party.provider.assert_clean();
    }
}

#[test]
fn a_signature_of_another_key_under_the_right_name_is_refused() {
    let mut party = Party::new();
    party.provider.sign_with_generation(2);
    party.provider.alter_id_token(hostile::set_header_member("kid", "rsa-1"));
    assert_jws(login(&mut party, None), JwsError::Signature);
    let mut party = Party::builder().id_token_alg(Algorithm::ES256).build();
    party.provider.alter_id_token(hostile::set_header_member("kid", "rsa-1"));
    assert_jws(login(&mut party, None), JwsError::KeyMismatch);
}

#[test]
fn a_withdrawn_key_verifies_nothing_once_the_keys_are_fetched() {
    let mut party = Party::new();
    party.provider.rotate_keys();
    party.provider.sign_with_generation(1);
    assert_jws(login(&mut party, None), JwsError::UnknownKey);
}

#[test]
fn without_a_kid_every_fitting_key_is_tried() {
    for (generations, algorithm) in [(1, Algorithm::RS256), (3, Algorithm::PS256), (3, Algorithm::EdDSA)] {
        let mut party = Party::builder().id_token_alg(algorithm).build();
        for _ in 1..generations {
            party.provider.rotate_keys_keeping_old();
        }
        party.provider.sign_with_generation(1);
        party.provider.alter_id_token(hostile::remove_header_member("kid"));
        login(&mut party, None).unwrap();
        party.provider.break_signatures(true);
        assert_jws(login(&mut party, None), JwsError::Signature);
    }
}

#[test]
fn a_single_key_of_the_set_without_kid_serves_a_token_without_kid() {
    let mut party = Party::new();
    let mut key = rsa(&party, 1);
    key.as_object_mut().unwrap().remove("kid");
    publish(&mut party, &[key]);
    party.provider.alter_id_token(hostile::remove_header_member("kid"));
    login(&mut party, None).unwrap();
}

#[test]
fn two_keys_of_one_name_are_both_tried() {
    let mut party = Party::new();
    party.provider.rotate_keys_keeping_old();
    let (mut other, key) = (rsa(&party, 1), rsa(&party, 2));
    other["kid"] = "rsa-2".into();
    publish(&mut party, &[other, key]);
    login(&mut party, None).unwrap();
}

#[test]
fn a_token_that_names_a_certificate_is_verified_with_its_key_only() {
    for name in ["first", "second", "third"] {
        let mut party = Party::new();
        party.provider.rotate_keys_keeping_old();
        let (mut first, mut second) = (rsa(&party, 1), rsa(&party, 2));
        first["x5t#S256"] = "first".into();
        second["x5t#S256"] = "second".into();
        publish(&mut party, &[first, second]);
        party.provider.sign_with_generation(1);
        party.provider.alter_id_token(hostile::remove_header_member("kid"));
        party.provider.alter_id_token(hostile::set_header_member("x5t#S256", name));
        let result = login(&mut party, None);
        match name {
            "first" => assert!(result.is_ok()),
            "second" => assert_jws(result, JwsError::Signature),
            _ => assert_jws(result, JwsError::UnknownKey),
        }
    }
}

#[test]
fn a_token_that_names_no_key_is_tried_with_only_a_few_keys() {
    let mut party = Party::new();
    for _ in 0..20 {
        party.provider.rotate_keys_keeping_old();
    }
    party.provider.alter_id_token(hostile::remove_header_member("kid"));
    party.provider.break_signatures(true);
    assert_jws(login(&mut party, None), JwsError::TooManyCandidates);
}

#[test]
fn a_key_serves_only_its_use_its_operations_and_its_algorithm() {
    for (member, value, why) in [
        ("use", json!("enc"), JwsError::KeySetAside(KeyError::NotForSignatures)),
        ("key_ops", json!(["encrypt"]), JwsError::KeySetAside(KeyError::NotForSignatures)),
        ("alg", json!("PS256"), JwsError::KeyMismatch),
        ("alg", json!("RSA-OAEP"), JwsError::KeySetAside(KeyError::UnknownAlgorithm)),
        ("alg", json!("ES256"), JwsError::KeySetAside(KeyError::AlgorithmMismatch)),
        ("d", json!("AAAA"), JwsError::KeySetAside(KeyError::PrivateMembers)),
        ("kty", json!("EC"), JwsError::KeySetAside(KeyError::MissingMember("crv"))),
        ("n", json!("AQAB"), JwsError::KeySetAside(KeyError::RsaTooShort)),
        ("n", json!("x".repeat(1368)), JwsError::KeySetAside(KeyError::RsaTooLong)),
        ("e", json!("AQ"), JwsError::KeySetAside(KeyError::RsaExponent)),
        ("n", json!("not base64!"), JwsError::KeySetAside(KeyError::Base64("n"))),
    ] {
        let mut party = Party::new();
        let mut key = rsa(&party, 1);
        key[member] = value.clone();
        publish(&mut party, &[key]);
        assert_jws(login(&mut party, None), why);
    }
    for (member, value) in [("use", json!("sig")), ("key_ops", json!(["verify"])), ("alg", json!("RS256"))] {
        let mut party = Party::new();
        let mut key = rsa(&party, 1);
        key[member] = value;
        publish(&mut party, &[key]);
        login(&mut party, None).unwrap();
    }
}

#[test]
fn a_symmetric_key_in_a_published_set_verifies_nothing() {
    let secret = oidc_proto::base::base64url::encode(oidc_testkit::scenario::SECRET.as_bytes());
    let mut party = Party::new();
    publish(&mut party, &[json!({"kty": "oct", "k": secret})]);
    party.provider.sign_with(Algorithm::HS256);
    assert_jws(login(&mut party, None), JwsError::AlgorithmNotAllowed);
}

#[test]
fn strange_keys_are_set_aside_with_a_reason_and_the_usable_one_serves() {
    let mut party = Party::new();
    let strange = strange_keys();
    let mut keys = strange.clone();
    keys.insert(7, rsa(&party, 1));
    publish(&mut party, &keys);
    let user = login(&mut party, None).unwrap();
    let learned = user.learned.keys.unwrap();
    assert_eq!((learned.keys().count(), learned.set_aside().len()), (1, strange.len()));
    let reason = |kid: &str| {
        learned.set_aside().iter().find(|aside| aside.kid.as_deref() == Some(kid)).unwrap().reason
    };
    assert_eq!(reason("x"), KeyError::NotForSignatures);
    assert_eq!(reason("k"), KeyError::UnknownCurve);
    assert_eq!(reason("m"), KeyError::NeedsBackend(Algorithm::MlDsa44));
    assert_eq!(reason("short"), KeyError::RsaTooShort);
    assert_eq!(reason("s"), KeyError::SecretTooShort);
    assert_eq!(reason("off"), KeyError::BadPoint);
    party.provider.assert_clean();
}

#[test]
fn a_malformed_set_ends_the_login_and_the_error_names_the_rule() {
    let too_many = json!({ "keys": vec![json!({"kty": "x"}); MAX_KEYS + 1] }).to_string();
    let wrong = KeySetError::Json(JsonError::WrongType { member: "keys", expected: "an array" });
    for (body, why) in [
        ("{}", KeySetError::NoKeys),
        (r#"{"keys":{}}"#, wrong),
        (r#"{"keys":null}"#, KeySetError::NoKeys),
        ("[]", KeySetError::Json(JsonError::NotAnObject)),
        ("<html>", KeySetError::Json(JsonError::NotJson)),
        (r#"{"keys":[],"keys":[]}"#, KeySetError::Json(JsonError::DuplicateMember)),
        (too_many.as_str(), KeySetError::TooManyKeys { max_keys: MAX_KEYS }),
    ] {
        let mut party = Party::new();
        party.provider.alter_response(EndpointName::Jwks, hostile::respond(200, "application/json", body));
        let Err(Error::Response(error)) = login(&mut party, None) else { panic!("{body}") };
        assert_eq!((error.endpoint, error.rule), (Endpoint::Jwks, ResponseRule::KeySet(why)), "{body:.40}");
    }
    let mut party = Party::new();
    publish(&mut party, &[]);
    let Err(Error::Response(error)) = login(&mut party, None) else { panic!("no keys") };
    assert_eq!(
        (error.endpoint, error.rule),
        (Endpoint::Jwks, ResponseRule::NoUsableKey),
        "the token is not to blame"
    );
}

#[test]
fn keys_are_json_or_a_jwk_set_and_never_a_redirect() {
    for good in ["application/json", "application/jwk-set+json", "application/jwk-set+json; charset=utf-8"] {
        let mut party = Party::new();
        party.provider.alter_response(EndpointName::Jwks, hostile::set_header("content-type", good));
        party.keys().unwrap();
    }
    let large = " ".repeat(65537);
    for (alteration, rule) in [
        (hostile::respond(200, "text/html", "{\"keys\":[]}"), ResponseRule::MediaType("application/json")),
        (hostile::respond(404, "application/json", "{\"keys\":[]}"), ResponseRule::Status),
        (hostile::respond(302, "application/json", "{\"keys\":[]}"), ResponseRule::Redirect),
        (hostile::respond(200, "application/json", large.as_str()), ResponseRule::TooLarge { limit: 65536 }),
    ] {
        let mut party = Party::new();
        party.provider.alter_response(EndpointName::Jwks, alteration);
        let Err(Error::Response(error)) = party.keys() else { panic!("{rule:?}") };
        assert_eq!((error.endpoint, error.rule), (Endpoint::Jwks, rule));
        party.provider.assert_clean();
    }
}

/// `{"keys": []}` and a set whose keys are all set aside both count as no keys, whichever flow fetches
/// them.
#[test]
fn a_set_without_a_usable_key_is_blamed_on_the_provider_in_every_flow() {
    let none = |error: Error| match error {
        Error::Response(broken) => {
            (broken.endpoint, broken.rule) == (Endpoint::Jwks, ResponseRule::NoUsableKey)
        }
        _ => false,
    };
    for keys in [vec![], strange_keys()] {
        let mut party = Party::new();
        publish(&mut party, &keys);
        assert!(none(party.keys().unwrap_err()), "{} strange keys", keys.len());
        let url = EndpointUrl::parse("https://op.example/jwks", &UrlPolicy::default()).unwrap();
        let renewal = drive(KeyRenewal::start(&url), &mut party.provider, &mut party.clock);
        assert!(none(renewal.map(drop).unwrap_err()), "{} strange keys", keys.len());
        assert!(none(login(&mut party, None).unwrap_err()), "a login");
        let mut party = Party::new();
        let user = login(&mut party, None).unwrap();
        party.provider.rotate_keys();
        publish(&mut party, &keys);
        let refresh_token = user.tokens.refresh_token.clone().unwrap();
        let previous = Some(PreviousLogin::from(&user.id_token));
        let next = party.refresh_with(&refresh_token, previous, user.learned.keys).unwrap();
        assert!(next.id_token_unchecked && next.id_token.is_none(), "the new refresh token is not lost");
        assert!(next.learned.keys.is_none());
    }
}

/// Only the provider can cause these fetches. Each of its wrong responses causes one, so there are at most
/// twice as many requests as logins, whatever it signs.
#[test]
fn a_login_fetches_keys_at_most_once_and_a_forged_callback_never() {
    let mut party = Party::new();
    let keys = party.keys().unwrap();
    party.provider.break_signatures(true);
    for logins in 1..=20 {
        assert_jws(login(&mut party, Some(keys.clone())), JwsError::Signature);
        let (url, pending) = party.authorize(&AuthorizationRequest::default()).unwrap();
        let forged = party.callback_query(&url).replace("state=", "state=x");
        assert!(matches!(party.callback(pending, &forged, Some(keys.clone())), Err(Error::Callback(_))));
        assert_eq!(party.provider.count(EndpointName::Token), logins);
        assert_eq!(party.provider.count(EndpointName::Jwks), 1 + logins, "one fetch for each login");
    }
}

/// The holder of these keys must know their age. They are as old as the request for them, not as the end of
/// the login.
#[test]
fn a_login_reports_when_it_requested_the_keys() {
    let mut party = Party::new();
    let (url, pending) = party.authorize(&AuthorizationRequest::default()).unwrap();
    let response = AuthorizationResponse::from_query(&party.callback_query(&url)).unwrap();
    let begun = party.clock.now();
    let mut step = pending.callback(&party.client, None, response, party.clock.moment()).unwrap();
    let user = loop {
        step = match step {
            Step::Send(call) => {
                let (request, _, pending) = call.into_parts();
                let response = party.provider.handle(&request, party.clock.now());
                party.clock.advance(7);
                pending.receive(response, party.clock.moment()).unwrap()
            }
            Step::Done(user) => break user,
            Step::Wait(_) => panic!("a login does not wait"),
        };
    };
    assert!(user.learned.keys.is_some());
    assert_eq!(
        user.learned.keys_asked_at,
        Some(begun.plus(7)),
        "the keys were requested after the tokens had come"
    );
    assert_eq!(party.clock.now(), begun.plus(14));
    let keys = user.learned.keys;
    assert_eq!(login(&mut party, keys).unwrap().learned.keys_asked_at, None, "no keys were requested");
}

#[test]
fn a_request_for_keys_does_not_identify_the_client() {
    let mut party = Party::builder().authentication(ClientAuthentication::None).build();
    party.keys().unwrap();
    let seen = party.provider.requests().last().unwrap();
    assert!(seen.header("authorization").is_none() && seen.query.is_none() && seen.body.is_empty());
}

#[test]
fn the_maximum_number_of_keys_is_a_setting_and_its_error_names_it() {
    // The key that signs, and others that no flow of this provider needs.
    let padded = |party: &mut Party, count: usize| {
        let mut keys = party.provider.key_set();
        let all = keys["keys"].as_array_mut().unwrap();
        let others = (all.len()..count).map(|index| json!({"kty": "new", "kid": format!("other-{index}")}));
        *all = others.chain(all.clone()).collect();
        let body = keys.to_string();
        party.provider.alter_response(EndpointName::Jwks, hostile::respond(200, "application/json", body));
        keys.to_string()
    };
    for (limit, count, is_read) in [
        (None, MAX_KEYS, true),
        (None, MAX_KEYS + 1, false),
        (Some(1_000), 1_000, true),
        (Some(1_000), 1_001, false),
        (Some(7), 8, false),
    ] {
        let mut party = Party::builder()
            .client(move |client| match limit {
                Some(limit) => client.max_keys(limit),
                None => client,
            })
            .build();
        let body = padded(&mut party, count);
        let outcome = party.login();
        assert_eq!(outcome.is_ok(), is_read, "{limit:?} {count}");
        assert_eq!(party.keys().is_ok(), is_read, "{limit:?} {count}");
        let max_keys = limit.unwrap_or(MAX_KEYS);
        if let Err(error) = outcome {
            let text = format!("more than {max_keys} keys (`max_keys` sets the limit)");
            assert!(error.to_string().contains(&text), "{error}");
        }
        let reader = KeySetReader::new().max_keys(max_keys);
        let read = reader.parse(body.as_bytes()).map(|keys| keys.keys().count() + keys.set_aside().len());
        assert_eq!(read, if is_read { Ok(count) } else { Err(KeySetError::TooManyKeys { max_keys }) });
        // A retrieval and a renewal without a client read the set with a reader of their own.
        let url = party.client.metadata().jwks_uri.clone().unwrap();
        let receive = |reader: KeySetReader| {
            let moment = || oidc_proto::Moment::new(party.clock.now(), [7; 32]);
            let builder = || http::Response::builder().header("content-type", "application/json");
            let response = || builder().body(body.clone().into_bytes()).unwrap();
            let (_, _, retrieval) = JwksRetrieval::with(&url, reader.clone()).max_body(1 << 20).into_parts();
            let (_, _, renewal) =
                KeyRenewal::with(&url, &DiscoveryOptions::new(&UrlPolicy::default()), reader)
                    .max_body(1 << 20)
                    .into_parts();
            (retrieval.receive(response(), moment()).is_ok(), renewal.receive(response(), moment()).is_ok())
        };
        assert_eq!(receive(reader), (is_read, is_read));
        assert_eq!(receive(KeySetReader::default()), (count <= MAX_KEYS, count <= MAX_KEYS));
    }
}
