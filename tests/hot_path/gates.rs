//! A gate decides with a handful of allocations: the text of the token's claims, and the access that holds them.

use crate::{
    allocations_of_ring,
    counting::allocations,
    handed_on::{self, bearer},
    tokens::{API, ISSUER, NOW, claims_with, keys, signer, tampered, token},
};
use http::{HeaderMap, HeaderValue, Method, Uri};
use oidc_drive::{Gate, Io, gate::KeySource};
use oidc_proto::{
    Moment,
    base::base64url,
    flow::Request,
    jose::{Algorithm, AlgorithmSet, Jwk, KeySet, Sign, sign_compact},
    resource::{RequestView, Requirement, ResourceServer, TrustedIssuer},
    sender::DpopVerifier,
    token::{AccessTokenVerifier, Scratch},
};
use ring::digest;
use serde_json::{Map, Value, json};
use std::{convert::Infallible, future::ready};

/// The most allocations of a request, besides those of ring for RSA: the text of the claims, and the access.
const MOST: usize = 2;

/// The most allocations of a refusal: the text of the claims, the record, the details of the challenge and, where the
/// record says what was expected, a text that grows.
const MOST_REFUSED: usize = 6;

/// The most allocations of a request with a proof, besides those for the key of the proof.
const MOST_BOUND: usize = 20;

const ALGORITHMS: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::PS256,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
    Algorithm::HS256,
];

/// The issuers of the profiles: tokens of RFC 9068, plain JWTs, and those of Keycloak.
fn profiles() -> [(&'static str, TrustedIssuer, Map<String, Value>, Value); 3] {
    let typ = |typ: &str| Map::from_iter([("typ".to_owned(), json!(typ))]);
    let plain = TrustedIssuer::new(ISSUER).access_tokens(|demands| demands.accept_plain_jwt());
    let keycloak = json!({
        "client_id": null, "azp": "app", "typ": "Bearer", "aud": [API, "account"], "acr": "1", "sid": "s",
        "auth_time": NOW.0, "realm_access": {"roles": ["admin", "user"]}, "preferred_username": "alice",
        "resource_access": {"account": {"roles": ["manage-account"]}}, "allowed-origins": ["*"],
    });
    [
        ("at+jwt", TrustedIssuer::new(ISSUER), typ("at+jwt"), json!({"roles": ["admin", {"b": 1}]})),
        ("plain", plain, typ("JWT"), json!({"scope": null, "scp": ["read", "write"]})),
        ("keycloak", TrustedIssuer::keycloak(ISSUER), typ("JWT"), keycloak),
    ]
}

/// The verifier of a profile by itself.
fn verifier(profile: &str) -> AccessTokenVerifier {
    let verifier = AccessTokenVerifier::new(ISSUER, API).algorithms(AlgorithmSet::ALL);
    if profile == "at+jwt" { verifier } else { verifier.accept_plain_jwt() }
}

fn gate(issuer: TrustedIssuer, algorithm: Algorithm) -> Gate {
    let issuer = issuer.access_tokens(|demands| demands.algorithms(AlgorithmSet::ALL));
    gate_of(ResourceServer::builder(API).trust(issuer).build().unwrap(), algorithm)
}

fn gate_of(server: ResourceServer, algorithm: Algorithm) -> Gate {
    let send = |_: Request, _| ready(Ok::<_, Infallible>(http::Response::new(Vec::new())));
    let io = Io::new(send, drop, |_| ready(()));
    Gate::builder(server, io)
        .keys_of(ISSUER, KeySource::Fixed(keys(algorithm).into()))
        .clock(|| Moment::new(NOW, [7; 32]))
        .build()
        .unwrap()
}

#[test]
fn a_request_costs_a_gate_few_allocations_in_every_algorithm_and_profile() {
    let (get, uri) = (Method::GET, Uri::from_static("/orders"));
    for algorithm in ALGORITHMS {
        for (profile, issuer, header, changes) in profiles() {
            let claims = claims_with(changes).to_string();
            let token = sign_compact(&signer(algorithm), header, claims.as_bytes()).unwrap();
            let (gate, headers) = (gate(issuer, algorithm), bearer(&token));
            let view = RequestView::new(&get, &uri, &headers);
            gate.try_check(&view).unwrap().expect("a good token, and the memory grows");
            let of_ring = allocations_of_ring(algorithm, &token);
            let (verifier, keys, mut scratch) = (verifier(profile), keys(algorithm), Scratch::new());
            verifier.verify(&token, &keys, &mut scratch, NOW).unwrap();
            for _ in 0..3 {
                let (count, _) =
                    allocations(|| drop(verifier.verify(&token, &keys, &mut scratch, NOW).unwrap()));
                assert_eq!(count, of_ring, "{algorithm:?} {profile}, by the verifier alone");
                let (count, access) = allocations(|| gate.try_check(&view).unwrap().unwrap());
                let ours = count - of_ring;
                assert!((1..=MOST).contains(&ours), "{algorithm:?} {profile}: {ours}");
                // What a handler asks for costs nothing.
                let needs = Requirement::new().scope("read");
                let (count, told) = allocations(|| {
                    let role = access.has_role("/realm_access/roles", "admin");
                    assert!(gate.require(&access, &needs).is_ok() && access.has_scope("write"));
                    assert!(access.audience().any(|one| one == API) && access.issuer() == ISSUER);
                    assert_eq!(access.client_id(), Some("app"));
                    assert!(access.claim::<&str>("/jti").is_ok_and(|jti| jti == "one"));
                    (access.subject(), role)
                });
                assert_eq!((count, told), (0, (Some("alice"), profile == "keycloak")), "{profile}");
            }
        }
    }
}

/// A proof is read, its key is judged, and the replay window remembers it.
#[test]
fn a_bound_request_costs_few_allocations_besides_the_key_of_its_proof() {
    let (get, uri) = (Method::GET, Uri::from_static("/orders"));
    let key = signer(Algorithm::ES256).public_jwk().unwrap();
    let mut jwk = key.to_json();
    jwk.as_object_mut().unwrap().retain(|name, _| ["kty", "crv", "x", "y"].contains(&name.as_str()));
    let jkt = key.thumbprint().unwrap();
    let bound = token(Algorithm::ES256, &claims_with(json!({"cnf": {"jkt": jkt}})));
    let ath = base64url::encode(digest::digest(&digest::SHA256, bound.as_bytes()).as_ref());
    let headers = |jti: &str| {
        let header = Map::from_iter([("typ".to_owned(), json!("dpop+jwt")), ("jwk".to_owned(), jwk.clone())]);
        let claims =
            json!({"jti": jti, "htm": "GET", "htu": format!("{API}/orders"), "iat": NOW.0, "ath": ath});
        let proof = sign_compact(&signer(Algorithm::ES256), header, claims.to_string().as_bytes()).unwrap();
        let pairs = [("authorization", format!("DPoP {bound}")), ("dpop", proof)];
        HeaderMap::from_iter(pairs.map(|(name, value)| {
            (http::HeaderName::from_static(name), HeaderValue::from_str(&value).unwrap())
        }))
    };
    let server = ResourceServer::builder(API).trust(TrustedIssuer::new(ISSUER));
    let gate = gate_of(server.require_dpop(DpopVerifier::new()).build().unwrap(), Algorithm::ES256);
    let check = |headers: &HeaderMap| {
        let view = RequestView::new(&get, &uri, headers);
        allocations(|| gate.try_check(&view).unwrap().unwrap())
    };
    drop(check(&headers("first")));
    // Reading a key: its JSON, its members, its thumbprint.
    let text = jwk.to_string();
    let (of_key, _) = allocations(|| {
        let key = Jwk::parse(text.as_bytes()).unwrap();
        (key.thumbprint().unwrap(), KeySet::from_jwks([key]).unwrap())
    });
    for jti in ["second", "third", "fourth"] {
        let (count, access) = check(&headers(jti));
        assert_eq!(access.key(), Some(&*jkt));
        assert!(count <= of_key + MOST_BOUND, "{count}, and {of_key} for the key");
    }
}

/// Keys that are fetched cost no more than fixed ones.
#[test]
fn fetched_keys_cost_no_more_than_fixed_ones() {
    let (get, uri) = (Method::GET, Uri::from_static("/orders"));
    let (gate, token) = (handed_on::gate(), token(Algorithm::RS256, &claims_with(json!({}))));
    handed_on::block_on(gate.warm_up()).unwrap();
    let (headers, of_ring) = (bearer(&token), allocations_of_ring(Algorithm::RS256, &token));
    let view = RequestView::new(&get, &uri, &headers);
    gate.try_check(&view).unwrap().unwrap();
    let (count, access) = allocations(|| gate.try_check(&view).unwrap().unwrap());
    assert!(count - of_ring <= MOST && access.has_scope("read"), "{count}");
}

/// A refusal is a record and, where it helps, what was expected.
#[test]
fn a_refused_request_costs_few_allocations_too() {
    let (get, uri) = (Method::GET, Uri::from_static("/orders"));
    let gate = gate(TrustedIssuer::new(ISSUER), Algorithm::EdDSA);
    let late = token(Algorithm::EdDSA, &claims_with(json!({"exp": NOW.0 - 999})));
    let stranger = token(Algorithm::EdDSA, &claims_with(json!({"iss": "https://other.example"})));
    for (token, code) in [
        (late, "token_expired"),
        (tampered(Algorithm::EdDSA), "jws_signature"),
        (stranger, "token_untrusted_issuer"),
        ("opaque".to_owned(), "token_not_jwt"),
    ] {
        let headers = bearer(&token);
        let view = RequestView::new(&get, &uri, &headers);
        assert_eq!(gate.try_check(&view).unwrap().unwrap_err().code(), code);
        let (count, _denied) = allocations(|| gate.try_check(&view).unwrap().unwrap_err());
        assert!(count <= MOST_REFUSED, "{code}: {count}");
    }
}
