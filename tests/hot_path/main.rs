//! The hot path (RFC 9068): which access tokens are accepted, clause by clause, and without any allocation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod at_hand;
mod cached;
mod counting;
mod gates;
mod handed_on;
mod id_token;
mod plain;
mod refused;
mod tokens;

use counting::allocations;
use oidc_proto::{
    Moment, UrlPolicy,
    base::{MAX_DEPTH, base64url},
    flow::{Client, Discovery, Step},
    jose::{Algorithm, AlgorithmSet, JwsError, KeySet},
    message::{AuthorizationRequest, AuthorizationResponse},
    token::{MAX_TOKEN, Scratch, VerificationError},
};
use oidc_testkit::{Browser, Registration, TestProvider};
use ring::signature;
use serde_json::{Value, json};
use std::time::Duration;
use tokens::{API, ISSUER, NOW, claims, claims_with, header_with, jwk, keys, raw, tampered, token, verifier};

fn verdict(token: &str) -> Result<(), VerificationError> {
    let keys = keys(Algorithm::EdDSA);
    verifier().verify(token, &keys, &mut Scratch::new(), NOW).map(drop)
}

fn plain_verdict(token: &str) -> Result<(), VerificationError> {
    let keys = keys(Algorithm::EdDSA);
    verifier().accept_plain_jwt().verify(token, &keys, &mut Scratch::new(), NOW).map(drop)
}

fn with(changes: Value) -> String {
    token(Algorithm::EdDSA, &claims_with(changes))
}

/// The number of ring's own allocations for a signature: zero except for RSA, whose numbers it keeps on the
/// heap.
fn allocations_of_ring(algorithm: Algorithm, token: &str) -> usize {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = base64url::decode(signature).unwrap();
    let parameters = if algorithm == Algorithm::RS256 {
        &signature::RSA_PKCS1_2048_8192_SHA256
    } else if algorithm == Algorithm::PS256 {
        &signature::RSA_PSS_2048_8192_SHA256
    } else {
        return 0;
    };
    let jwk = jwk(algorithm);
    let number = |name| base64url::decode(jwk[name].as_str().unwrap()).unwrap();
    let key = signature::RsaPublicKeyComponents { n: number("n"), e: number("e") };
    let (count, result) = allocations(|| key.verify(parameters, signed.as_bytes(), &signature));
    result.expect("ring verifies the signature by itself");
    assert!(count > 0, "ring allocates for RSA; if it no longer does, all the better: expect 0");
    count
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| ()).0, 0);
    assert_eq!(allocations(|| drop(Box::new(5))).0, 1);
    let (count, list) = allocations(|| {
        let mut list = Vec::with_capacity(1);
        list.extend([1_u8; 100]);
        list
    });
    assert_eq!((count, list.len()), (2, 100), "growing counts, too");
}

#[test]
fn a_valid_token_costs_the_library_no_allocation() {
    let algorithms = AlgorithmSet::ALL;
    for algorithm in [
        Algorithm::ES256,
        Algorithm::ES384,
        Algorithm::EdDSA,
        Algorithm::HS256,
        Algorithm::RS256,
        Algorithm::PS256,
    ] {
        let (keys, verifier, mut scratch) =
            (keys(algorithm), verifier().algorithms(algorithms), Scratch::new());
        let plain = claims_with(json!({"aud": [API, "https://other.example"], "roles": ["a", {"b": 1}]}));
        let many: serde_json::Map<_, _> = (0..100).map(|n| (format!("claim_{n}"), json!(n))).collect();
        let listed = claims_with(json!({"scope": ["read", "write"]}));
        let scp = claims_with(json!({"scope": null, "scp": ["read", "write"]}));
        // A delegated token.
        let act = json!({"sub": "agent", "email": "a", "act": {"iss": ISSUER, "sub": "planner"}});
        let delegated = claims_with(json!({ "act": act }));
        for claims in [plain, listed, scp, delegated, claims_with(Value::Object(many))] {
            let token = token(algorithm, &claims);
            let expected = allocations_of_ring(algorithm, &token);
            verifier.verify(&token, &keys, &mut scratch, NOW).expect("a good token, and the memory grows");
            for _ in 0..3 {
                let (count, ()) = allocations(|| {
                    let verified = verifier.verify(&token, &keys, &mut scratch, NOW).unwrap();
                    assert!(verified.has_scope("write") && verified.scopes().count() == 2);
                    assert!(verified.claims().sub.as_deref() == Some("alice"));
                });
                assert_eq!(count, expected, "{algorithm:?}");
            }
        }
    }
}

#[test]
fn a_refused_token_costs_no_allocation_either() {
    let (keys, mut scratch) = (keys(Algorithm::EdDSA), Scratch::new());
    let members: serde_json::Map<_, _> =
        (0..100).map(|n| (format!("claim_{n}"), json!("x".repeat(80)))).collect();
    let large =
        raw(&header_with(json!({"x": "x".repeat(200)})), &claims_with(Value::Object(members)).to_string());
    verifier().verify(&large, &keys, &mut scratch, NOW).expect("a good token, and the memory grows");
    let verifier = verifier();
    for refused in refused::table() {
        let (count, why) = allocations(|| verifier.verify(&refused.token, &keys, &mut scratch, NOW).err());
        assert_eq!(why, Some(refused.why), "{}", refused.what);
        // serde_json allocates a message and boxes it again at each level. The count never exceeds this.
        let json =
            matches!(refused.why, VerificationError::Claims(_) | VerificationError::Jws(JwsError::Header(_)));
        assert!(count <= if json { 16 + MAX_DEPTH } else { 0 }, "{}: {count} allocations", refused.what);
    }
}

/// Scenario E37: a peer decoded a token of a megabyte before it looked at its length.
#[test]
fn e37_a_token_of_a_megabyte_costs_no_memory() {
    let keys = keys(Algorithm::EdDSA);
    let note = |bytes: usize| with(json!({ "note": "x".repeat(bytes) }));
    for (what, token) in [
        ("a valid token", note(1 << 20)),
        ("just over the limit", note(MAX_TOKEN)),
        ("a long header", raw(&header_with(json!({"x": "x".repeat(1 << 20)})), &claims().to_string())),
        ("a long signature", format!("e30.e30.{}", "A".repeat(1 << 20))),
    ] {
        // The scratch is new: the first byte that is decoded would cost an allocation.
        let (verifier, mut scratch) = (verifier(), Scratch::new());
        let (count, why) = allocations(|| verifier.verify(&token, &keys, &mut scratch, NOW).err());
        assert_eq!((count, why), (0, Some(VerificationError::TooLarge)), "{what}");
    }
    let (verifier, mut scratch, token) = (verifier(), Scratch::new(), note(100));
    let (count, why) = allocations(|| verifier.verify(&token, &keys, &mut scratch, NOW).err());
    assert!(count > 0 && why.is_none(), "a token that is decoded is counted: {count}");
}

#[test]
fn a_wrong_rsa_signature_costs_only_the_allocations_of_ring() {
    let (keys, mut scratch) = (keys(Algorithm::RS256), Scratch::new());
    for algorithm in [Algorithm::RS256, Algorithm::PS256] {
        let most = allocations_of_ring(algorithm, &token(algorithm, &claims()));
        let token = tampered(algorithm);
        for round in 0..3 {
            let (count, why) = allocations(|| verifier().verify(&token, &keys, &mut scratch, NOW).err());
            assert_eq!(why, Some(VerificationError::Jws(JwsError::Signature)));
            // The verifier itself is built in this measurement, which takes three allocations.
            assert!(round == 0 || count <= most + 3, "{algorithm:?}: {count}, ring alone {most}");
        }
    }
}

#[test]
fn each_clause_refuses_the_token_that_breaks_it() {
    let table = refused::table();
    assert!(table.len() > 60);
    for refused in table {
        assert_eq!(verdict(&refused.token), Err(refused.why), "{}", refused.what);
        assert!(refused.why.code().contains('_') && !refused.why.to_string().is_empty());
    }
}

#[test]
fn only_verdicts_that_newer_keys_could_change_ask_for_them() {
    let newer_keys =
        ["kid unknown", "kid of another key", "alg of another key", "a wrong bit", "a wrong bit, ES256"];
    for refused in refused::table() {
        let wants = newer_keys.contains(&refused.what.as_str());
        assert_eq!(refused.why.wants_newer_keys(), wants, "{}", refused.what);
    }
}

#[test]
fn valid_tokens_in_every_shape_are_accepted() {
    for (what, token) in [
        ("the plainest", with(json!({}))),
        ("audience in an array", with(json!({"aud": [API]}))),
        ("audience among others", with(json!({"aud": ["https://other.example", API]}))),
        ("the last second of leeway after exp", with(json!({"exp": NOW.0 - 29}))),
        ("the last second of leeway before nbf", with(json!({"nbf": NOW.0 + 30}))),
        ("the last second of leeway before iat", with(json!({"iat": NOW.0 + 30}))),
        ("issued long ago", with(json!({"iat": 1}))),
        ("dates with fractions", with(json!({"iat": NOW.0 as f64 + 0.5, "exp": NOW.0 as f64 + 9.75}))),
        ("no scope", with(json!({"scope": null}))),
        ("scopes in an array, read as none", with(json!({"scope": ["read"]}))),
        ("claims that nobody knows", with(json!({"x": {"y": [1, "z"]}, "": null, "é": 1.5e3}))),
        ("long typ", raw(&header_with(json!({"typ": "application/at+jwt"})), &claims().to_string())),
        ("loud typ", raw(&header_with(json!({"typ": "AT+JWT"})), &claims().to_string())),
        ("no kid", raw(&header_with(json!({"kid": null})), &claims().to_string())),
        ("Ed25519 by its new name", raw(&header_with(json!({"alg": "Ed25519"})), &claims().to_string())),
        (
            "an untrusted key in the header",
            raw(&header_with(json!({"jku": "https://evil"})), &claims().to_string()),
        ),
        ("escapes", raw(&header_with(json!({})), &claims().to_string().replace("/", "\\/"))),
    ] {
        assert_eq!(verdict(&token), Ok(()), "{what}");
    }
    for algorithm in
        [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::ES384, Algorithm::RS512]
    {
        assert_eq!(verdict(&token(algorithm, &claims())), Ok(()), "{algorithm:?}");
    }
}

#[test]
fn the_caller_sets_leeway_audiences_and_algorithms() {
    let keys = keys(Algorithm::EdDSA);
    let verdict = |verifier: oidc_proto::token::AccessTokenVerifier, token: &str| {
        verifier.verify(token, &keys, &mut Scratch::new(), NOW).err()
    };
    for (leeway, exp, why) in [
        (0, NOW.0 + 1, None),
        (
            0,
            NOW.0,
            Some(VerificationError::Expired { ago: Duration::from_secs(0), leeway: Duration::from_secs(0) }),
        ),
        (600, NOW.0 - 599, None),
        (
            u64::MAX,
            NOW.0 - 600,
            Some(VerificationError::Expired {
                ago: Duration::from_secs(600),
                leeway: Duration::from_secs(600),
            }),
        ),
    ] {
        assert_eq!(
            verdict(verifier().leeway(Duration::from_secs(leeway)), &with(json!({"exp": exp}))),
            why,
            "{leeway} {exp}"
        );
    }
    let token = with(json!({"aud": "https://second.example"}));
    assert_eq!(verdict(verifier(), &token), Some(VerificationError::Audience));
    assert_eq!(verdict(verifier().or_audience("https://second.example"), &token), None);
    let only = verifier().algorithms(AlgorithmSet::EMPTY.with(Algorithm::ES256));
    let not_allowed = Some(VerificationError::Jws(JwsError::AlgorithmNotAllowed));
    assert_eq!(verdict(only.clone(), &with(json!({}))), not_allowed);
    assert_eq!(
        verdict(only.algorithms(AlgorithmSet::ALL), &with(json!({}))),
        not_allowed,
        "a later call does not undo the setting"
    );
    assert_eq!(verdict(verifier().algorithms(AlgorithmSet::EMPTY), &with(json!({}))), not_allowed);
}

/// The size limit to the byte: the longest token that is read, and the shortest that is not.
#[test]
fn the_size_cap_is_exact() {
    let padded = |length: usize| {
        let claims = claims_with(json!({"pad": ""})).to_string();
        let payload = claims.replace("\"pad\":\"\"", &format!("\"pad\":\"{}\"", "x".repeat(length)));
        raw(&header_with(json!({})), &payload)
    };
    let at = (11_000..13_000).map(padded).find(|token| token.len() >= MAX_TOKEN).unwrap();
    assert_eq!((at.len(), verdict(&at)), (MAX_TOKEN, Ok(())));
    let above = (11_000..13_000).map(padded).find(|token| token.len() > MAX_TOKEN).unwrap();
    assert_eq!(verdict(&above), Err(VerificationError::TooLarge));
}

#[test]
fn plain_jwts_are_accepted_only_by_choice_and_id_tokens_never() {
    let bare = json!({"iss": ISSUER, "aud": API, "exp": NOW.0 + 300, "client_id": "app"});
    for typ in [json!(null), json!("JWT"), json!("jwt")] {
        let token = raw(&header_with(json!({"typ": typ})), &bare.to_string());
        assert_eq!(verdict(&token), Err(VerificationError::Type), "{typ}");
        assert_eq!(plain_verdict(&token), Ok(()), "{typ}");
        for claim in ["nonce", "at_hash", "c_hash", "s_hash"] {
            let mut claims = bare.clone();
            claims[claim] = json!("x");
            let token = raw(&header_with(json!({"typ": typ})), &claims.to_string());
            assert_eq!(plain_verdict(&token), Err(VerificationError::IdTokenAsAccessToken), "{typ} {claim}");
        }
        for (claim, value, why) in [
            ("iss", json!("x"), VerificationError::Issuer),
            ("aud", json!("x"), VerificationError::Audience),
            (
                "exp",
                json!(NOW.0 - 30),
                VerificationError::Expired { ago: Duration::from_secs(30), leeway: Duration::from_secs(30) },
            ),
            ("exp", json!(null), VerificationError::Missing("exp")),
            (
                "nbf",
                json!(NOW.0 + 31),
                VerificationError::NotYetValid {
                    ahead: Duration::from_secs(31),
                    leeway: Duration::from_secs(30),
                },
            ),
            ("cnf", json!({"jkt": "x"}), VerificationError::SenderConstrained),
            (
                "events",
                json!({"http://schemas.openid.net/event/backchannel-logout": {}}),
                VerificationError::Value("events"),
            ),
            ("events", json!({}), VerificationError::Value("events")),
        ] {
            let mut claims = bare.clone();
            claims[claim] = value;
            let token = raw(&header_with(json!({"typ": typ})), &claims.to_string());
            assert_eq!(plain_verdict(&token), Err(why), "{typ} {claim}");
        }
    }
    let declared = raw(&header_with(json!({})), &bare.to_string());
    assert_eq!(
        plain_verdict(&declared),
        Err(VerificationError::Missing("iat")),
        "a token with the type at+jwt must meet its rules"
    );
    let other = raw(&header_with(json!({"typ": "logout+jwt"})), &bare.to_string());
    assert_eq!(plain_verdict(&other), Err(VerificationError::Type));
}

/// The tokens of a whole login: the access token is accepted and the ID token is refused, even at an API
/// that has the client's own name.
#[test]
fn only_the_access_token_of_a_login_opens_the_api() {
    let mut provider = TestProvider::new(ISSUER);
    provider.register(Registration::public("app").redirect_uri("https://app.example/cb"));
    let moment = |n: u8| Moment::new(NOW, [n; 32]);
    let (request, _, pending) = Discovery::start(ISSUER, &UrlPolicy::default()).unwrap().into_parts();
    let Ok(Step::Done(metadata)) = pending.receive(provider.handle(&request, NOW), moment(0)) else {
        panic!()
    };
    let client = Client::builder(metadata, "app").redirect_uri("https://app.example/cb").build().unwrap();
    let (url, pending) = client.authorize(&AuthorizationRequest::default(), moment(1)).unwrap();
    let landing = Browser::new().visit(&mut provider, url, NOW);
    let keys = std::sync::Arc::new(KeySet::parse(provider.key_set().to_string().as_bytes()).unwrap());
    let response = AuthorizationResponse::from_url(landing.url()).unwrap();
    let call = pending.callback(&client, Some(keys.clone()), response, moment(2)).unwrap();
    let (request, _, pending) = call.into_call().expect("the code is sent").into_parts();
    let Ok(Step::Done(login)) = pending.receive(provider.handle(&request, NOW), moment(3)) else { panic!() };
    let (access, id) = (login.tokens.access_token.expose(), login.id_token.token.expose());

    let (own_name, mut scratch) = (verifier().or_audience("app"), Scratch::new());
    assert!(own_name.verify(access, &keys, &mut scratch, NOW).is_ok());
    assert_eq!(own_name.verify(id, &keys, &mut scratch, NOW).err(), Some(VerificationError::Type));
    let plain = own_name.accept_plain_jwt();
    assert!(plain.verify(access, &keys, &mut scratch, NOW).is_ok());
    assert_eq!(
        plain.verify(id, &keys, &mut scratch, NOW).err(),
        Some(VerificationError::IdTokenAsAccessToken)
    );
    provider.rotate_keys();
    let newer = KeySet::parse(provider.key_set().to_string().as_bytes()).unwrap();
    let withdrawn = plain.verify(access, &newer, &mut scratch, NOW).unwrap_err();
    assert!(withdrawn.wants_newer_keys(), "{withdrawn:?}");
}

#[test]
fn custom_claims_are_a_second_typed_pass() {
    let keys = keys(Algorithm::EdDSA);
    let token = with(json!({"tenant": "acme", "roles": ["admin"], "scope": "read  write write.all"}));
    let mut scratch = Scratch::new();
    let verified = verifier().verify(&token, &keys, &mut scratch, NOW).unwrap();
    let custom: std::collections::BTreeMap<String, Value> = verified.custom().unwrap();
    assert_eq!((&custom["tenant"], &custom["roles"]), (&json!("acme"), &json!(["admin"])));
    assert!(verified.custom::<Vec<u8>>().is_err());
    assert_eq!(verified.scopes().collect::<Vec<_>>(), ["read", "write", "write.all"]);
    assert!(verified.has_scope("write") && !verified.has_scope("writ") && !verified.has_scope(""));
    assert_eq!(verified.claims().scope.as_deref(), Some("read  write write.all"));
    let claims = verified.claims();
    assert_eq!((claims.jti.as_deref(), claims.client_id.as_deref()), (Some("one"), Some("app")));
}

/// A line break counts even if JSON writes it with an escape.
#[test]
fn no_name_may_contain_a_line_break() {
    for claim in ["sub", "client_id", "azp", "acr", "sid"] {
        for bad in ["alice\nbob", "\r", "a\0", "\u{1b}[2J"] {
            assert_eq!(
                verdict(&with(json!({claim: bad}))),
                Err(VerificationError::Value(claim)),
                "{claim} {bad:?}"
            );
        }
        assert_eq!(verdict(&with(json!({claim: "Zoë Müller \u{65e5}"}))), Ok(()), "{claim}");
    }
}

/// A scratch that has held another token keeps nothing of it.
#[test]
fn no_part_of_the_last_token_stays_in_the_scratch() {
    let (keys, mut scratch) = (keys(Algorithm::EdDSA), Scratch::new());
    let long = with(json!({"sub": "mallory", "admin": true, "pad": "x".repeat(5000)}));
    verifier().verify(&long, &keys, &mut scratch, NOW).unwrap();
    for refused in refused::table() {
        assert_eq!(verifier().verify(&refused.token, &keys, &mut scratch, NOW).err(), Some(refused.why));
        let good = with(json!({}));
        let verified = verifier().verify(&good, &keys, &mut scratch, NOW).unwrap();
        assert_eq!(verified.claims().sub.as_deref(), Some("alice"));
        let custom: std::collections::BTreeMap<String, Value> = verified.custom().unwrap();
        assert!(!custom.contains_key("admin"));
    }
}
