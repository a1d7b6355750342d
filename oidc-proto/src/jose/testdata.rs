//! Keys for the tests of this room, made by `openssl genpkey`. They protect nothing.

use super::{Algorithm, Jwk, KeySet, RingSigner, Sign};
use crate::base::secret::Secret;

pub(in crate::jose) const RSA1024: &str = include_str!("testdata/rsa1024.pem");
pub(in crate::jose) const RSA2048: &str = include_str!("testdata/rsa2048.pem");
pub(in crate::jose) const P256: &str = include_str!("testdata/p256.pem");
pub(in crate::jose) const P384: &str = include_str!("testdata/p384.pem");
pub(in crate::jose) const ED25519: &str = include_str!("testdata/ed25519.pem");
pub(in crate::jose) const SECRET: &str = "sixty-four bytes are enough for any of the three HMAC algorithms";

/// Returns a signer for any algorithm.
pub(in crate::jose) fn signer(algorithm: Algorithm, kid: Option<&str>) -> RingSigner {
    let pem = match algorithm {
        Algorithm::RS256
        | Algorithm::RS384
        | Algorithm::RS512
        | Algorithm::PS256
        | Algorithm::PS384
        | Algorithm::PS512 => RSA2048,
        Algorithm::ES256 => P256,
        Algorithm::ES384 => P384,
        Algorithm::EdDSA | Algorithm::Ed25519 => ED25519,
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => {
            return RingSigner::from_secret(algorithm, &Secret::new(SECRET), kid).unwrap();
        }
        Algorithm::ES512 | Algorithm::MlDsa44 | Algorithm::MlDsa65 | Algorithm::MlDsa87 => {
            panic!("ring does not sign with {algorithm}")
        }
    };
    RingSigner::from_pkcs8_pem(algorithm, pem, kid).unwrap()
}

/// Returns the public half of a private key, without `kid`, `use` and `alg`.
pub(in crate::jose) fn jwk(pem: &str, algorithm: Algorithm) -> Jwk {
    let mut jwk = RingSigner::from_pkcs8_pem(algorithm, pem, None).unwrap().public_jwk().unwrap();
    (jwk.alg, jwk.public_key_use) = (None, None);
    jwk
}

/// Returns the keys that verify the signatures of [`signer`] with this algorithm.
pub(in crate::jose) fn keys(algorithm: Algorithm, kid: Option<&str>) -> KeySet {
    signer(algorithm, kid)
        .public_jwk()
        .map_or_else(|| KeySet::from_secret(&Secret::new(SECRET)), |jwk| KeySet::from_jwks([jwk]).unwrap())
}
