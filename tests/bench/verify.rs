//! Compares the verification of one token of about 1 KB with raw ring, jsonwebtoken and openidconnect, in
//! one run, and prints a table in Markdown. Run `cargo bench` in this directory, or `cargo bench --
//! --quick`.

use oidc_bench::*;
use oidc_proto::{
    Timestamp,
    base::{Secret, base64url},
    jose::{Algorithm, KeySet},
    token::{AccessTokenVerifier, Scratch},
};
use openidconnect::{
    ClientId, ClientSecret, IssuerUrl, Nonce,
    core::{CoreIdToken, CoreIdTokenVerifier, CoreJsonWebKeySet, CoreJwsSigningAlgorithm},
};
use ring::{hmac, signature};
use serde::Deserialize;
use serde_json::{Value, json};
use std::str::FromStr;

/// The registered claims, as a user of the other libraries would declare them.
#[derive(Deserialize)]
#[allow(dead_code, reason = "read as a user would read them")]
struct Registered {
    iss: String,
    sub: String,
    aud: Vec<String>,
    exp: i64,
    iat: i64,
    jti: String,
    client_id: String,
    scope: String,
}

const CASES: [(Algorithm, &str); 5] = [
    (Algorithm::RS256, "rsa-1"),
    (Algorithm::PS256, "rsa-1"),
    (Algorithm::ES256, "p256-1"),
    (Algorithm::EdDSA, "ed25519-1"),
    (Algorithm::HS256, ""),
];

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let payload = payload();
    if std::env::args().any(|argument| argument == "--rest") {
        return rest(&payload, quick);
    }
    let length = token(Algorithm::RS256, "rsa-1", Some("at+jwt"), &payload).len();
    println!("A payload of {} bytes; the RS256 token has {length}.\n", payload.len());
    let names = [
        "ring alone",
        "oidc-proto",
        "jsonwebtoken 9 (ring)",
        "jsonwebtoken 10 (rust_crypto)",
        "openidconnect 4",
    ];
    println!("| | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()));
    for (algorithm, material) in CASES {
        let measured = measure(contenders(algorithm, material, &payload), quick);
        let raw = measured[0].nanoseconds;
        let cells: Vec<String> = measured
            .iter()
            .map(|m| {
                format!("{:.2} µs, {:.2}×, {}", m.nanoseconds / 1000.0, m.nanoseconds / raw, m.allocations)
            })
            .collect();
        println!("| {} | {} |", algorithm.name(), cells.join(" | "));
    }
    println!("\nEach cell: the least time, its ratio to ring alone, allocations.\n");
    rest(&payload, quick);
}

fn contenders(algorithm: Algorithm, material: &str, payload: &[u8]) -> Vec<Contender<'static>> {
    let access = token(algorithm, material, Some("at+jwt"), payload);
    let plain = token(algorithm, material, None, payload);
    vec![
        Contender::new("ring", raw(algorithm, material, &access)),
        Contender::new("oidc-proto", ours(algorithm, material, access.clone())),
        Contender::new("jsonwebtoken 9", jsonwebtoken_9(algorithm, material, access.clone())),
        Contender::new("jsonwebtoken 10", jsonwebtoken_10(algorithm, material, access)),
        Contender::new("openidconnect", openidconnect_4(algorithm, material, plain)),
    ]
}

fn member(jwk: &Value, name: &str) -> String {
    jwk[name].as_str().expect("a member").to_owned()
}

fn raw(algorithm: Algorithm, material: &str, token: &str) -> Box<dyn FnMut() -> bool> {
    let (signed, encoded) = token.rsplit_once('.').expect("a token");
    let (signed, mark) = (signed.as_bytes().to_vec(), base64url::decode(encoded).expect("base64url"));
    if algorithm == Algorithm::HS256 {
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        return Box::new(move || hmac::verify(&key, &signed, &mark).is_ok());
    }
    let jwk = public_jwk(material);
    let part = |name| base64url::decode(&member(&jwk, name)).expect("base64url");
    match algorithm {
        Algorithm::RS256 | Algorithm::PS256 => {
            let key = signature::RsaPublicKeyComponents { n: part("n"), e: part("e") };
            let how = match algorithm {
                Algorithm::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
                _ => &signature::RSA_PSS_2048_8192_SHA256,
            };
            Box::new(move || key.verify(how, &signed, &mark).is_ok())
        }
        Algorithm::ES256 => {
            let point = [&[4][..], &part("x"), &part("y")].concat();
            let key = signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point);
            Box::new(move || key.verify(&signed, &mark).is_ok())
        }
        _ => {
            let key = signature::UnparsedPublicKey::new(&signature::ED25519, part("x"));
            Box::new(move || key.verify(&signed, &mark).is_ok())
        }
    }
}

fn keys(algorithm: Algorithm, material: &str) -> KeySet {
    if algorithm.is_symmetric() {
        return KeySet::from_secret(&Secret::new(SECRET));
    }
    let set = json!({ "keys": [public_jwk("rsa-2"), public_jwk(material)] });
    KeySet::parse(set.to_string().as_bytes()).expect("a key set")
}

fn verifier(algorithm: Algorithm) -> AccessTokenVerifier {
    AccessTokenVerifier::new(ISSUER, AUDIENCE).algorithms([algorithm].into_iter().collect())
}

fn ours(algorithm: Algorithm, material: &str, token: String) -> impl FnMut() -> i64 + 'static {
    let (verifier, keys, mut scratch) = (verifier(algorithm), keys(algorithm, material), Scratch::new());
    move || {
        let verified = verifier.verify(&token, &keys, &mut scratch, Timestamp(NOW)).expect("a good token");
        verified.claims().exp.expect("exp").0
    }
}

fn jsonwebtoken_9(algorithm: Algorithm, material: &str, token: String) -> impl FnMut() -> i64 + 'static {
    use jsonwebtoken_ring::{Algorithm as Name, DecodingKey, Validation, decode};
    let jwk = || public_jwk(material);
    let (name, key) = match algorithm {
        Algorithm::RS256 => {
            (Name::RS256, DecodingKey::from_rsa_components(&member(&jwk(), "n"), &member(&jwk(), "e")))
        }
        Algorithm::PS256 => {
            (Name::PS256, DecodingKey::from_rsa_components(&member(&jwk(), "n"), &member(&jwk(), "e")))
        }
        Algorithm::ES256 => {
            (Name::ES256, DecodingKey::from_ec_components(&member(&jwk(), "x"), &member(&jwk(), "y")))
        }
        Algorithm::HS256 => (Name::HS256, Ok(DecodingKey::from_secret(SECRET.as_bytes()))),
        _ => (Name::EdDSA, DecodingKey::from_ed_components(&member(&jwk(), "x"))),
    };
    let key = key.expect("a key");
    let mut validation = Validation::new(name);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.validate_nbf = true;
    move || decode::<Registered>(&token, &key, &validation).expect("a good token").claims.exp
}

fn jsonwebtoken_10(algorithm: Algorithm, material: &str, token: String) -> impl FnMut() -> i64 + 'static {
    use jsonwebtoken::{Algorithm as Name, DecodingKey, Validation, decode};
    let jwk = || public_jwk(material);
    let (name, key) = match algorithm {
        Algorithm::RS256 => {
            (Name::RS256, DecodingKey::from_rsa_components(&member(&jwk(), "n"), &member(&jwk(), "e")))
        }
        Algorithm::PS256 => {
            (Name::PS256, DecodingKey::from_rsa_components(&member(&jwk(), "n"), &member(&jwk(), "e")))
        }
        Algorithm::ES256 => {
            (Name::ES256, DecodingKey::from_ec_components(&member(&jwk(), "x"), &member(&jwk(), "y")))
        }
        Algorithm::HS256 => (Name::HS256, Ok(DecodingKey::from_secret(SECRET.as_bytes()))),
        _ => (Name::EdDSA, DecodingKey::from_ed_components(&member(&jwk(), "x"))),
    };
    let key = key.expect("a key");
    let mut validation = Validation::new(name);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.validate_nbf = true;
    move || decode::<Registered>(&token, &key, &validation).expect("a good token").claims.exp
}

fn openidconnect_4(algorithm: Algorithm, material: &str, token: String) -> impl FnMut() -> usize + 'static {
    let issuer = IssuerUrl::new(ISSUER.to_owned()).expect("an issuer");
    let client = ClientId::new(AUDIENCE.to_owned());
    let (name, verifier) = match algorithm {
        Algorithm::HS256 => (
            CoreJwsSigningAlgorithm::HmacSha256,
            CoreIdTokenVerifier::new_confidential_client(
                client,
                ClientSecret::new(SECRET.to_owned()),
                issuer,
                CoreJsonWebKeySet::new(Vec::new()),
            ),
        ),
        _ => {
            let set = json!({ "keys": [public_jwk("rsa-2"), public_jwk(material)] }).to_string();
            let keys: CoreJsonWebKeySet = serde_json::from_str(&set).expect("a key set");
            let name = match algorithm {
                Algorithm::RS256 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
                Algorithm::PS256 => CoreJwsSigningAlgorithm::RsaSsaPssSha256,
                Algorithm::ES256 => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
                _ => CoreJwsSigningAlgorithm::EdDsa,
            };
            (name, CoreIdTokenVerifier::new_public_client(client, issuer, keys))
        }
    };
    let verifier = verifier.set_allowed_algs([name]).set_other_audience_verifier_fn(|_| true);
    move || {
        let token = CoreIdToken::from_str(&token).expect("a token");
        let claims = token.claims(&verifier, |_: Option<&Nonce>| Ok(())).expect("a good token");
        claims.audiences().len()
    }
}

/// Measures everything except the signature: a token whose key is not in the set is refused after all other
/// checks.
fn rest(payload: &[u8], quick: bool) {
    let access = token(Algorithm::RS256, "rsa-1", Some("at+jwt"), payload);
    let (verifier, strangers) = (verifier(Algorithm::RS256), keys(Algorithm::RS256, "rsa-3"));
    let mut scratch = Scratch::new();
    let measured = measure(
        vec![
            Contender::new("`serde_json` reads the payload into a `Value`", || {
                serde_json::from_slice::<Value>(payload).expect("JSON")
            }),
            Contender::new("`AccessTokenVerifier::verify`, all but the signature", || {
                verifier.verify(&access, &strangers, &mut scratch, Timestamp(NOW)).is_err()
            }),
        ],
        quick,
    );
    println!("| | ns | ratio | allocations |\n|---|---|---|---|");
    for m in &measured {
        let ratio = m.nanoseconds / measured[0].nanoseconds;
        println!("| {} | {:.0} | {ratio:.2}× | {} |", m.name, m.nanoseconds, m.allocations);
    }
}
