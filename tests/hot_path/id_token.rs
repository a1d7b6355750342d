//! ID tokens of programs that verify many: nothing is allocated until a program asks for a copy.

use crate::{
    allocations_of_ring,
    counting::allocations,
    tokens::{API, ISSUER, NOW, claims_with, keys, signer},
};
use oidc_proto::{
    Secret,
    jose::{Algorithm, AlgorithmSet, sign_compact},
    token::{Expected, IdTokenVerifier, Scratch, VerificationError},
};
use serde_json::{Map, Value, json};

fn id_token(algorithm: Algorithm, changes: Value) -> Secret {
    let claims = claims_with(changes).to_string();
    Secret::new(sign_compact(&signer(algorithm), Map::new(), claims.as_bytes()).unwrap())
}

fn verifier() -> IdTokenVerifier {
    IdTokenVerifier::new(ISSUER, API).algorithms(AlgorithmSet::ALL)
}

#[test]
fn a_verified_id_token_costs_no_allocation_until_it_is_copied() {
    let mut expected = Expected::default();
    expected.nonce = Some("n");
    for algorithm in [Algorithm::ES256, Algorithm::EdDSA, Algorithm::HS256, Algorithm::RS256] {
        let (keys, verifier, mut scratch) = (keys(algorithm), verifier(), Scratch::new());
        let plain = json!({"nonce": "n", "amr": ["pwd"], "address": {"country": "NO"}});
        let set_aside = json!({"nonce": "n", "acr": 5, "sid": null, "name": "Zoë"});
        let half = json!({"nonce": "n", "auth_time": 1.5e9, "height": 1.75});
        for claims in [plain, set_aside, half] {
            let token = id_token(algorithm, claims);
            let rings = allocations_of_ring(algorithm, token.expose());
            let copied = verifier.verify(&token, &keys, &expected, NOW).unwrap();
            let mut verify = |count: bool| {
                let verified = verifier.verify_borrowed(&token, &keys, &expected, &mut scratch, NOW).unwrap();
                assert!((verified.iss(), verified.sub()) == (ISSUER, "alice"));
                assert!(verified.set_aside().eq(copied.set_aside.iter().copied()));
                assert!(count || verified.to_id_token().unwrap() == copied);
            };
            verify(false);
            for _ in 0..3 {
                let (count, ()) = allocations(|| verify(true));
                // A claim of another type costs the error of serde_json.
                let most = rings + 4 * copied.set_aside.len();
                assert!(count <= most, "{algorithm:?}: {count}, and {most} at most");
            }
        }
    }
}

#[test]
fn a_refused_id_token_costs_no_allocation_either_and_has_the_same_error() {
    let (keys, verifier, mut scratch) = (keys(Algorithm::EdDSA), verifier(), Scratch::new());
    let mut expected = Expected::default();
    expected.nonce = Some("n");
    let good = id_token(Algorithm::EdDSA, json!({"nonce": "n", "x": "x".repeat(500)}));
    verifier.verify_borrowed(&good, &keys, &expected, &mut scratch, NOW).unwrap();
    for (changes, why) in [
        (json!({"nonce": "m"}), VerificationError::Nonce),
        (json!({}), VerificationError::Missing("nonce")),
        (json!({"nonce": "n", "aud": "another"}), VerificationError::Audience),
        (json!({"nonce": "n", "sub": null}), VerificationError::Missing("sub")),
        (json!({"nonce": "n", "iss": "https://evil.example"}), VerificationError::Issuer),
    ] {
        let token = id_token(Algorithm::EdDSA, changes);
        assert_eq!(verifier.verify(&token, &keys, &expected, NOW).err(), Some(why));
        let (count, refused) =
            allocations(|| verifier.verify_borrowed(&token, &keys, &expected, &mut scratch, NOW).map(drop));
        assert_eq!((count, refused), (0, Err(why)));
    }
}

#[test]
fn custom_claims_are_borrowed_from_the_scratch() {
    let (keys, mut scratch) = (keys(Algorithm::EdDSA), Scratch::new());
    let token = id_token(Algorithm::EdDSA, json!({"tenant": "acme", "jti": "one"}));
    let verified =
        verifier().verify_borrowed(&token, &keys, &Expected::default(), &mut scratch, NOW).unwrap();
    let custom: std::collections::BTreeMap<&str, Value> = verified.custom().unwrap();
    assert_eq!((&custom["tenant"], &custom["jti"]), (&json!("acme"), &json!("one")));
    assert!(verified.custom::<Vec<u8>>().is_err());
    assert_eq!(verified.claims().jti, None, "a claim of access tokens is not read");
}
