//! What the default settings of a verifier of ID tokens refuse.

use super::{Refusal, Row, client::template, row};
use oidc_proto::{
    Secret,
    jose::{Algorithm, AlgorithmSet, KeySet, RingSigner, Sign, sign_compact},
    token::{Expected, IdTokenVerifier},
};
use oidc_testkit::{drive::NOW, scenario::SECRET};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// An ID token that comes from elsewhere.
fn presented(
    on: bool,
    options: fn(IdTokenVerifier) -> IdTokenVerifier,
    symmetric: bool,
    changes: Value,
) -> Result<(), Refusal> {
    let default = IdTokenVerifier::new("https://op.example", "app");
    let verifier = if on { options(default) } else { default };
    let mut claims =
        json!({"iss": "https://op.example", "aud": "app", "sub": "alice", "iat": NOW.0, "exp": NOW.0 + 300});
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    let secret = Secret::new(SECRET);
    let (key, keys): (Box<dyn Sign>, _) = match symmetric {
        true => (
            Box::new(RingSigner::from_secret(Algorithm::HS256, &secret, None).unwrap()),
            KeySet::from_secret(&secret),
        ),
        false => {
            let key = crate::resource::world::key("ed25519-1", Algorithm::EdDSA);
            let keys = KeySet::from_jwks(key.public_jwk()).unwrap();
            (Box::new(key), keys)
        }
    };
    let token = sign_compact(&*key, Map::new(), claims.to_string().as_bytes()).unwrap();
    Ok(verifier.verify(&Secret::new(token), &keys, &Expected::default(), NOW).map(drop)?)
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        row("IdTokenVerifier::issuer_rule", "issuer_rule`", |on| {
            let changes = json!({"iss": "https://op.example/acme", "tid": "acme"});
            presented(on, |verifier| verifier.issuer_rule(template()), false, changes)
        }),
        row("IdTokenVerifier::algorithms", "`ClientBuilder::id_token_signed_response_alg`", |on| {
            presented(on, |verifier| verifier.algorithms(AlgorithmSet::ALL), true, json!({}))
        }),
        row("IdTokenVerifier::trusted_audiences", "`trusted_audiences`", |on| {
            let changes = json!({"aud": ["app", "api"]});
            presented(on, |verifier| verifier.trusted_audiences(["api"]), false, changes)
        }),
        row("IdTokenVerifier::trusted_authorized_parties", "trusted_authorized_parties`", |on| {
            let changes = json!({"azp": "mobile"});
            presented(on, |verifier| verifier.trusted_authorized_parties(["mobile"]), false, changes)
        }),
        row("IdTokenVerifier::max_actors", "`max_actors`", |on| {
            let act = (0..9).fold(json!(null), |earlier, _| json!({"sub": "agent", "act": earlier}));
            presented(on, |verifier| verifier.max_actors(9), false, json!({ "act": act }))
        }),
        row("IdTokenVerifier::leeway", "`leeway`", |on| {
            let changes = json!({"iat": NOW.0 + 60});
            presented(on, |verifier| verifier.leeway(Duration::from_secs(90)), false, changes)
        }),
        row("IdTokenVerifier::max_token", "`max_token`", |on| {
            let changes = json!({"note": "x".repeat(20_000)});
            presented(on, |verifier| verifier.max_token(40_000), false, changes)
        }),
    ]
}
