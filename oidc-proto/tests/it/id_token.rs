//! The rules for ID tokens, with one hostile token for each rule (OpenID Connect Core 1.0 sections 2,
//! 3.1.3.7 and 3.3.2.11, RFC 8725).

use oidc_proto::{
    Error, Secret,
    base::JsonError,
    flow::{Authenticated, ClientBuilder},
    jose::{Algorithm, JwsError, KeyError},
    message::AuthorizationRequest,
    token::{DEFAULT_LEEWAY, IdTokenVerifier, MAX_LEEWAY, VerificationError},
};
use oidc_testkit::{EndpointName, Party, drive::NOW, hostile, scenario::CLIENT_ID};
use serde_json::{Map, Value, json};
use std::time::Duration;

type Object = Map<String, Value>;
type Alteration = Box<dyn FnMut(&mut Object, &mut Object) + Send>;

fn set(name: &str, value: impl Into<Value>) -> Alteration {
    Box::new(hostile::set_claim(name, value))
}

fn remove(name: &str) -> Alteration {
    Box::new(hostile::remove_claim(name))
}

fn header(name: &str, value: impl Into<Value>) -> Alteration {
    Box::new(hostile::set_header_member(name, value))
}

fn login_with(
    request: &AuthorizationRequest,
    configure: impl FnOnce(ClientBuilder) -> ClientBuilder + 'static,
    alteration: Alteration,
) -> Result<Authenticated, Error> {
    let mut party = Party::builder().client(configure).build();
    party.provider.alter_id_token(alteration);
    let result = party.login_with(request, None);
    party.provider.assert_clean();
    result
}

fn login(alteration: Alteration) -> Result<Authenticated, Error> {
    login_with(&AuthorizationRequest::default(), |client| client, alteration)
}

#[track_caller]
fn assert_rejected(result: Result<Authenticated, Error>, why: VerificationError) {
    match result {
        Err(Error::Token(rejected)) => assert_eq!(rejected, why),
        other => panic!("{why:?} was expected: {other:?}"),
    }
}

#[test]
fn every_required_claim_is_demanded() {
    for name in ["iss", "sub", "aud", "exp", "iat", "nonce"] {
        assert_rejected(login(remove(name)), VerificationError::Missing(name));
        assert_rejected(login(set(name, Value::Null)), VerificationError::Missing(name));
    }
}

#[test]
fn every_optional_claim_may_be_missing() {
    for name in ["auth_time", "at_hash", "nbf", "azp", "acr", "amr"] {
        login(remove(name)).unwrap();
    }
}

#[test]
fn the_issuer_is_compared_to_the_letter() {
    for iss in ["https://evil.example", "https://op.example/", "https://OP.example", ""] {
        assert_rejected(login(set("iss", iss)), VerificationError::Issuer);
    }
}

#[test]
fn the_audience_must_name_the_client_and_no_other_unless_allowed() {
    let trusting = |client: ClientBuilder| {
        client.trusted_audiences(["https://api.example"]).trusted_audiences(["other"])
    };
    let plain = AuthorizationRequest::default();
    for aud in [json!("other"), json!([]), json!(["other"]), json!("App"), json!("app ")] {
        assert_rejected(login(set("aud", aud.clone())), VerificationError::Audience);
        assert_rejected(login_with(&plain, trusting, set("aud", aud)), VerificationError::Audience);
    }
    for aud in [json!([CLIENT_ID, "other"]), json!(["https://api.example", CLIENT_ID])] {
        assert_rejected(login(set("aud", aud.clone())), VerificationError::UntrustedAudience);
        login_with(&plain, trusting, set("aud", aud)).unwrap();
    }
    let mixed = set("aud", json!([CLIENT_ID, "other", "stranger"]));
    assert_rejected(login_with(&plain, trusting, mixed), VerificationError::UntrustedAudience);
    login(set("aud", json!([CLIENT_ID]))).unwrap();
    let text = VerificationError::UntrustedAudience.to_string();
    assert!(text.contains("trusted_audiences"), "the error says what to set: {text}");
}

#[test]
fn an_authorized_party_must_be_the_client() {
    for azp in ["other", " ", "https://api.example"] {
        assert_rejected(login(set("azp", azp)), VerificationError::AuthorizedParty);
    }
    assert_eq!(login(set("azp", CLIENT_ID)).unwrap().id_token.azp.as_deref(), Some(CLIENT_ID));
    assert_eq!(login(set("azp", "")).unwrap().id_token.azp, None, "an empty name names nobody");
}

#[test]
fn a_subject_has_1_to_255_ascii_characters() {
    for bad in [json!(""), json!("a".repeat(256)), json!("zoë"), json!("é".repeat(100))] {
        assert_rejected(login(set("sub", bad)), VerificationError::Value("sub"));
    }
    for good in ["a".repeat(255), "0".to_owned(), "a b|c".to_owned(), "~".to_owned()] {
        assert_eq!(login(set("sub", good.clone())).unwrap().id_token.sub, good);
    }
    // A log of a user's name must stay on one line.
    for bad in ["a\nb", "a\r", "\tb", "a\0b", "a\u{1b}[2J", "a\u{7f}"] {
        assert_rejected(login(set("sub", bad)), VerificationError::Value("sub"));
        assert_rejected(login(set("acr", bad)), VerificationError::Value("acr"));
        assert_rejected(login(set("sid", bad)), VerificationError::Value("sid"));
    }
    for bad in ["a\u{85}b", "a\u{2028}b", "a\u{202e}b", "a\u{200b}b", "a\u{e0041}b"] {
        assert_rejected(login(set("acr", bad)), VerificationError::Value("acr"));
        assert_rejected(login(set("sid", bad)), VerificationError::Value("sid"));
    }
}

#[test]
fn times_are_exact_at_the_edge_of_the_leeway() {
    for leeway in [Duration::ZERO, DEFAULT_LEEWAY, Duration::from_secs(120)] {
        let verdict = |name: &str, seconds: i64| {
            let configure = move |client: ClientBuilder| {
                if leeway == DEFAULT_LEEWAY { client } else { client.leeway(leeway) }
            };
            login_with(&AuthorizationRequest::default(), configure, set(name, NOW.0 + seconds))
        };
        let edge = leeway.as_secs().cast_signed();
        verdict("exp", 1 - edge).unwrap();
        assert_rejected(verdict("exp", -edge), VerificationError::Expired { ago: leeway, leeway });
        verdict("nbf", edge).unwrap();
        assert_rejected(
            verdict("nbf", edge + 1),
            VerificationError::NotYetValid { ahead: leeway + Duration::from_secs(1), leeway },
        );
        verdict("iat", edge).unwrap();
        assert_rejected(
            verdict("iat", edge + 1),
            VerificationError::IssuedInFuture { ahead: leeway + Duration::from_secs(1), leeway },
        );
    }
    assert_rejected(
        login(set("nbf", NOW.0 + 86_400)),
        VerificationError::NotYetValid {
            ahead: Duration::from_secs(86_400),
            leeway: Duration::from_secs(30),
        },
    );
    assert_rejected(
        login(set("iat", NOW.0 + 86_400)),
        VerificationError::IssuedInFuture {
            ahead: Duration::from_secs(86_400),
            leeway: Duration::from_secs(30),
        },
    );
    assert_rejected(
        login(set("exp", 0)),
        VerificationError::Expired {
            ago: Duration::from_secs(NOW.0.unsigned_abs()),
            leeway: Duration::from_secs(30),
        },
    );
    assert_rejected(
        login(set("exp", -1)),
        VerificationError::Expired {
            ago: Duration::from_secs(NOW.0.unsigned_abs() + 1),
            leeway: Duration::from_secs(30),
        },
    );
}

#[test]
fn no_leeway_exceeds_its_maximum() {
    let ceiling = MAX_LEEWAY.as_secs().cast_signed();
    let verdict = |name: &str, seconds: i64| {
        let request = AuthorizationRequest::default().max_age(Duration::from_secs(60));
        login_with(&request, |client| client.leeway(Duration::MAX), set(name, NOW.0 + seconds))
    };
    verdict("exp", 1 - ceiling).unwrap();
    assert_rejected(
        verdict("exp", -ceiling),
        VerificationError::Expired { ago: MAX_LEEWAY, leeway: MAX_LEEWAY },
    );
    verdict("nbf", ceiling).unwrap();
    assert_rejected(
        verdict("nbf", ceiling + 1),
        VerificationError::NotYetValid { ahead: MAX_LEEWAY + Duration::from_secs(1), leeway: MAX_LEEWAY },
    );
    verdict("auth_time", -60 - ceiling).unwrap();
    assert_rejected(
        verdict("auth_time", -61 - ceiling),
        VerificationError::AuthenticationTooOld {
            ago: MAX_LEEWAY + Duration::from_secs(61),
            allowed: MAX_LEEWAY + Duration::from_secs(60),
        },
    );
}

#[test]
fn a_token_is_judged_at_its_arrival_and_not_at_the_departure_of_the_user() {
    let mut party = Party::new();
    let (url, pending) = party.authorize(&AuthorizationRequest::default()).unwrap();
    let query = party.callback_query(&url);
    party.clock.advance(50);
    party.provider.alter_id_token(hostile::set_claim("exp", NOW.0 + 15));
    assert_rejected(
        party.callback(pending, &query, None),
        VerificationError::Expired { ago: Duration::from_secs(35), leeway: Duration::from_secs(30) },
    );
}

#[test]
fn claims_of_the_wrong_type_are_errors_and_never_count_as_absent() {
    for (name, values) in [
        ("exp", vec![json!("1900000000"), json!({}), json!(true), json!([1]), json!(1e300)]),
        ("iat", vec![json!("now"), json!([])]),
        ("nbf", vec![json!("1"), json!({})]),
        ("aud", vec![json!(5), json!({}), json!([CLIENT_ID, 5]), json!([[CLIENT_ID]]), json!(true)]),
        ("iss", vec![json!({}), json!(["https://op.example"])]),
        ("sub", vec![json!(7), json!(["alice"])]),
        ("nonce", vec![json!(1), json!([])]),
        ("azp", vec![json!([CLIENT_ID]), json!(1)]),
        ("at_hash", vec![json!(1), json!({})]),
    ] {
        for value in values {
            match login(set(name, value.clone())) {
                Err(Error::Token(VerificationError::Claims(JsonError::WrongType { member, .. }))) => {
                    assert_eq!(member, name, "{value}");
                }
                other => panic!("{name} {value}: {other:?}"),
            }
        }
    }
}

#[test]
fn the_nonce_must_be_the_one_sent() {
    for nonce in ["", "wrong", &"A".repeat(43)] {
        assert_rejected(login(set("nonce", nonce)), VerificationError::Nonce);
    }
    // The nonce of another login of the same user does not count.
    let mut party = Party::new();
    let first = party.login().unwrap();
    let nonce = first.id_token.nonce.unwrap();
    party.provider.alter_id_token(hostile::set_claim("nonce", nonce));
    assert_rejected(party.login(), VerificationError::Nonce);
}

#[test]
fn a_hash_in_the_token_must_be_right() {
    for wrong in ["", "AAAAAAAAAAAAAAAAAAAAAA", "77QmUPtjPfzWtF2AnpK9RQ"] {
        assert_rejected(login(set("at_hash", wrong)), VerificationError::AccessTokenHash);
        assert_rejected(login(set("c_hash", wrong)), VerificationError::CodeHash);
        assert_rejected(login(set("s_hash", wrong)), VerificationError::StateHash);
    }
}

/// Which hash is the right one depends on the key, and of a key that is not supported nobody knows it here.
#[test]
fn a_key_that_is_not_supported_is_named_rather_than_a_hash() {
    for (kid, jwk) in [
        ("ed448", json!({"kty": "OKP", "crv": "Ed448", "kid": "ed448", "x": "AA"})),
        ("p521", json!({"kty": "EC", "crv": "P-521", "kid": "p521", "x": "AA", "y": "AA"})),
        ("k1", json!({"kty": "EC", "crv": "secp256k1", "kid": "k1", "x": "AA", "y": "AA"})),
    ] {
        let mut party = Party::new();
        party.provider.publish_extra_jwk(jwk);
        party.provider.alter_id_token(hostile::set_header_member("kid", kid));
        party.provider.alter_id_token(hostile::set_claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"));
        let reason = match kid {
            "p521" => KeyError::NeedsBackend(Algorithm::ES512),
            _ => KeyError::UnknownCurve,
        };
        assert_rejected(party.login(), VerificationError::Jws(JwsError::KeySetAside(reason)));
    }
}

#[test]
fn right_hashes_of_code_and_state_are_accepted() {
    let mut party = Party::new();
    let (url, pending) = party.authorize(&AuthorizationRequest::default()).unwrap();
    let query = party.callback_query(&url);
    let parameter = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(known, _)| known == name).unwrap().1.into_owned()
    };
    let hash = |text: &str| {
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        oidc_proto::base::base64url::encode(&digest.as_ref()[..16])
    };
    let (code, state) = (hash(&parameter("code")), hash(&parameter("state")));
    party.provider.alter_id_token(hostile::set_claim("c_hash", code));
    party.provider.alter_id_token(hostile::set_claim("s_hash", state));
    party.callback(pending, &query, None).unwrap();
}

#[test]
fn max_age_demands_auth_time_and_limits_it_to_the_second() {
    let request = AuthorizationRequest::default().max_age(Duration::from_secs(60));
    let verdict = |alteration| login_with(&request, |client| client, alteration);
    assert_rejected(verdict(remove("auth_time")), VerificationError::Missing("auth_time"));
    let edge = 60 + DEFAULT_LEEWAY.as_secs().cast_signed();
    verdict(set("auth_time", NOW.0 - edge)).unwrap();
    assert_rejected(
        verdict(set("auth_time", NOW.0 - edge - 1)),
        VerificationError::AuthenticationTooOld {
            ago: Duration::from_secs(91),
            allowed: Duration::from_secs(90),
        },
    );
    login(set("auth_time", 0)).unwrap();
    let strict = AuthorizationRequest::default().max_age(Duration::ZERO);
    let old = set("auth_time", NOW.0 - DEFAULT_LEEWAY.as_secs().cast_signed() - 1);
    assert_rejected(
        login_with(&strict, |client| client, old),
        VerificationError::AuthenticationTooOld {
            ago: Duration::from_secs(31),
            allowed: Duration::from_secs(30),
        },
    );
}

#[test]
fn an_essential_acr_is_demanded_and_a_voluntary_one_is_not() {
    let essential = AuthorizationRequest::default().essential_acr(["gold", "silver"]);
    let verdict = |alteration| login_with(&essential, |client| client, alteration);
    assert_rejected(verdict(remove("acr")), VerificationError::Missing("acr"));
    for wrong in ["bronze", "", "gold silver", "Gold"] {
        assert_rejected(verdict(set("acr", wrong)), VerificationError::AuthenticationContext);
    }
    assert_eq!(verdict(set("acr", "silver")).unwrap().id_token.acr.as_deref(), Some("silver"));
    let mut voluntary = AuthorizationRequest::default();
    voluntary.acr_values = vec!["gold".to_owned()];
    login_with(&voluntary, |client| client, set("acr", "bronze")).unwrap();
}

#[test]
fn only_the_pinned_algorithm_is_accepted_whatever_the_token_says() {
    for pinned in [Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
        for other in Algorithm::RING.iter().copied().filter(|other| *other != pinned) {
            let mut party = Party::builder().id_token_alg(pinned).build();
            party.provider.sign_with(other);
            assert_rejected(party.login(), JwsError::AlgorithmNotAllowed.into());
        }
    }
}

#[test]
fn an_unsigned_token_is_refused_and_so_is_every_spelling_of_none() {
    assert_rejected(login(header("alg", "none")), JwsError::Unsigned.into());
    for spelling in ["None", "NONE", "nOnE", ""] {
        assert_rejected(login(header("alg", spelling)), JwsError::UnknownAlgorithm.into());
    }
    assert_rejected(login(Box::new(hostile::remove_header_member("alg"))), JwsError::MissingAlgorithm.into());
}

#[test]
fn a_public_key_is_never_taken_for_a_secret() {
    // The classic confusion: HMAC with the text of the public key. The client is public.
    for pin in [false, true] {
        let builder = Party::builder().authentication(oidc_testkit::ClientAuthentication::None);
        let mut party = if pin { builder.id_token_alg(Algorithm::RS256) } else { builder }.build();
        let keys = party.keys().unwrap();
        party.provider.sign_with(Algorithm::HS256);
        let result = party.login_with(&AuthorizationRequest::default(), Some(keys));
        assert_rejected(result, JwsError::AlgorithmNotAllowed.into());
        assert_eq!(party.provider.count(EndpointName::Jwks), 1, "newer keys would not help");
        party.provider.assert_clean();
    }
}

#[test]
fn a_token_of_another_kind_is_refused() {
    for typ in ["at+jwt", "application/at+jwt", "logout+jwt", "dpop+jwt", "oauth-authz-req+jwt", "JWS", " "] {
        assert_rejected(login(header("typ", typ)), VerificationError::Type);
    }
    for typ in ["JWT", "jwt", "application/jwt", "ID", "id_token+jwt", ""] {
        login(header("typ", typ)).unwrap();
    }
}

#[test]
fn a_critical_extension_is_refused() {
    for value in [json!(["exp"]), json!(["b64"]), json!([]), json!("x"), json!(null)] {
        assert_rejected(login(header("crit", value)), JwsError::Critical.into());
    }
    assert_rejected(login(header("b64", false)), JwsError::Critical.into());
}

#[test]
fn keys_and_urls_in_the_header_are_ignored() {
    for (name, value) in [
        ("jwk", json!({"kty": "oct", "k": "AAAA"})),
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/certificate")),
        ("x5c", json!(["AAAA"])),
    ] {
        login(header(name, value)).unwrap();
    }
}

#[test]
fn everything_else_in_the_token_reaches_the_user() {
    let alteration: Alteration = Box::new(|_, claims| {
        claims.insert("amr".to_owned(), json!(["pwd", "otp"]));
        claims.insert("sid".to_owned(), json!("s1"));
        claims.insert("email_verified".to_owned(), json!("true"));
        claims.insert("roles".to_owned(), json!(["admin"]));
        claims.insert("nothing".to_owned(), Value::Null);
    });
    let user = login(alteration).unwrap().id_token;
    assert_eq!(
        (user.amr.as_slice(), user.sid.as_deref()),
        (&["pwd".to_owned(), "otp".to_owned()][..], Some("s1"))
    );
    assert_eq!(user.claim::<Vec<String>>("roles").unwrap(), ["admin"]);
    assert_eq!(user.claim::<String>("email_verified").unwrap(), "true");
    assert!(!user.claims.contains_key("nothing") && !user.claims.contains_key("sub"));
    assert_eq!((user.exp.0, user.iat, user.auth_time), (NOW.0 + 300, NOW, Some(NOW)));
}

#[test]
fn a_separate_verifier_demands_the_expected_values() {
    let mut party = Party::new();
    let user = party.login().unwrap();
    let keys = party.keys().unwrap();
    let verifier = IdTokenVerifier::new("https://op.example", CLIENT_ID);
    let expected = Default::default();
    let verify = |token: &Secret| verifier.verify(token, &keys, &expected, NOW);
    assert_eq!(verify(&user.id_token.token).unwrap(), user.id_token);
    let access_token = verify(&user.tokens.access_token);
    assert_eq!(access_token, Err(VerificationError::Type), "an access token is no ID token");
    let long = Secret::new("a".repeat(oidc_proto::token::MAX_TOKEN + 1));
    assert_eq!(verify(&long), Err(VerificationError::TooLarge));
}
