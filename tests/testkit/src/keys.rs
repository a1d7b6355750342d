//! The signing keys of the provider: published, for tests only, and replaced one generation at a time.

use oidc_proto::{
    base::Secret,
    jose::{Algorithm, RingSigner, Sign},
};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, LazyLock},
};

/// The number of generations of key material. Later generations repeat it under new names.
const MATERIAL: u32 = 3;

const FAMILIES: [&str; 4] = ["rsa", "p256", "p384", "ed25519"];

/// The signing keys of a provider. Their private halves are published, so they are for tests only.
///
/// Keys come in generations. Each generation has an RSA, a P-256, a P-384 and an Ed25519 key, with the
/// `kid`s `rsa-1`, `p256-1` and so on.
///
/// ```
/// use oidc_testkit::{Algorithm, KeyRing};
///
/// let keys = KeyRing::new();
/// let (signer, kid) = keys.signer(Algorithm::ES256, 1, None);
/// assert_eq!((signer.algorithm(), kid.as_deref()), (Algorithm::ES256, Some("p256-1")));
/// assert_eq!(keys.document()["keys"].as_array().map(Vec::len), Some(4));
/// ```
pub struct KeyRing {
    pub(crate) current: u32,
    pub(crate) published: BTreeSet<u32>,
    pub(crate) extra: Vec<Value>,
    material: &'static [Map<String, Value>],
}

static MATERIAL_FILE: LazyLock<Vec<Map<String, Value>>> = LazyLock::new(|| {
    let file: Value =
        serde_json::from_str(include_str!("../data/test-only-keys.json")).expect("the data file is JSON");
    let material = file["keys"].as_array().expect("the data file has keys");
    material.iter().map(|key| key.as_object().expect("a key is an object").clone()).collect()
});

impl Default for KeyRing {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing")
            .field("current", &self.current)
            .field("published", &self.published)
            .finish_non_exhaustive()
    }
}

impl KeyRing {
    /// The keys of generation 1, which are published.
    #[must_use]
    pub fn new() -> Self {
        Self { current: 1, published: BTreeSet::from([1]), extra: Vec::new(), material: &MATERIAL_FILE }
    }

    /// The key set as it is published now (RFC 7517 section 5), with public members only.
    #[must_use]
    pub fn document(&self) -> Value {
        let ours = self
            .published
            .iter()
            .flat_map(|generation| FAMILIES.iter().map(|family| self.public_jwk(family, *generation)));
        json!({ "keys": ours.chain(self.extra.iter().cloned()).collect::<Vec<_>>() })
    }

    /// A signer of this generation, and the `kid` for the header of its signatures. A symmetric algorithm uses
    /// `secret`, and has no `kid`.
    ///
    /// # Panics
    /// Never: the keys are part of this crate, and one fits each algorithm.
    #[must_use]
    pub fn signer(
        &self,
        algorithm: Algorithm,
        generation: u32,
        secret: Option<&str>,
    ) -> (Box<dyn Sign>, Option<String>) {
        if algorithm.is_symmetric() {
            let secret = match secret {
                Some(secret) if secret.len() >= secret_length(algorithm) => Secret::new(secret),
                _ => Secret::new(self.public_jwk("rsa", generation).to_string()),
            };
            let signer =
                RingSigner::from_secret(algorithm, &secret, None).expect("the secret is long enough");
            return (Box::new(signer), None);
        }
        let family = family(algorithm);
        let mut jwk = self.private_jwk(family, generation);
        let kid = format!("{family}-{generation}");
        jwk.insert("kid".to_owned(), kid.clone().into());
        let text = Value::Object(jwk).to_string();
        let signer = RingSigner::from_jwk(text.as_bytes(), Some(algorithm)).expect("the key fits");
        (Box::new(signer), Some(kid))
    }

    /// A key of a client: the signer, and its public JWK for [`Registration::private_key_jwt`]. No provider of this crate
    /// signs with it before its third generation.
    ///
    /// # Panics
    /// If the algorithm is symmetric.
    ///
    /// [`Registration::private_key_jwt`]: crate::Registration::private_key_jwt
    #[must_use]
    pub fn client_key(algorithm: Algorithm) -> (Arc<dyn Sign>, Value) {
        assert!(!algorithm.is_symmetric(), "a client with a secret has no key");
        let keys = Self::new();
        let (signer, _) = keys.signer(algorithm, 3, None);
        (signer.into(), keys.public_jwk(family(algorithm), 3))
    }

    /// The key of an attester of clients, and its public JWK. No client of this crate has it.
    pub(crate) fn attester_key(algorithm: Algorithm) -> (Box<dyn Sign>, Value) {
        assert!(!algorithm.is_symmetric(), "an attester has a key of its own");
        let keys = Self::new();
        (keys.signer(algorithm, 2, None).0, keys.public_jwk(family(algorithm), 2))
    }

    fn public_jwk(&self, family: &str, generation: u32) -> Value {
        let mut jwk = self.private_jwk(family, generation);
        jwk.retain(|name, _| ["kty", "crv", "x", "y", "n", "e"].contains(&name.as_str()));
        jwk.insert("kid".to_owned(), format!("{family}-{generation}").into());
        jwk.insert("use".to_owned(), "sig".into());
        Value::Object(jwk)
    }

    fn private_jwk(&self, family: &str, generation: u32) -> Map<String, Value> {
        let name = format!("{family}-{}", generation.saturating_sub(1) % MATERIAL + 1);
        let mut jwk = self
            .material
            .iter()
            .find(|key| key["material"] == name.as_str())
            .cloned()
            .expect("every family has every generation");
        jwk.remove("material");
        jwk
    }
}

/// The minimum length of an HMAC secret in bytes (RFC 7518 section 3.2), or zero for other algorithms.
pub(crate) fn secret_length(algorithm: Algorithm) -> usize {
    match algorithm.name() {
        "HS256" => 32,
        "HS384" => 48,
        "HS512" => 64,
        _ => 0,
    }
}

pub(crate) fn family(algorithm: Algorithm) -> &'static str {
    match algorithm.name() {
        "ES256" => "p256",
        "ES384" => "p384",
        "EdDSA" | "Ed25519" => "ed25519",
        _ => "rsa",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_set_holds_no_private_member() {
        let document = KeyRing::new().document();
        let keys = document["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 4);
        for key in keys {
            for private in ["d", "p", "q", "dp", "dq", "qi", "k", "material"] {
                assert!(key.get(private).is_none(), "{private}");
            }
        }
    }

    #[test]
    fn every_algorithm_has_a_key_in_every_generation() {
        let keys = KeyRing::new();
        for algorithm in Algorithm::RING.iter().copied() {
            for generation in 1..=4 {
                let (signer, kid) = keys.signer(algorithm, generation, Some(&"k".repeat(64)));
                assert_eq!(signer.algorithm(), algorithm);
                assert!(!signer.sign(b"text").unwrap().is_empty());
                assert_eq!(kid.is_none(), algorithm.is_symmetric());
                assert!(kid.is_none_or(|kid| kid.ends_with(&format!("-{generation}"))));
            }
        }
    }
}
