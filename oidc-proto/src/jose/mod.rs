//! Room `jose`: signed tokens and their keys (JWS, JWK; RFC 7515, 7517, 7518, 7638, 8037).
//!
//! A JWS is a signed text in three parts, `header.payload.signature`. A JWT, such as an ID token, is a JWS whose
//! payload is a JSON object of claims. Providers publish the public keys of their tokens as a JWK Set, here a
//! [`KeySet`]. [`verify_compact`] checks the signature of a token:
//!
//! ```
//! use oidc_proto::jose::{AlgorithmSet, KeySet, Scratch, verify_compact};
//!
//! // The public key and the token of RFC 8037 appendix A.
//! let keys = KeySet::parse(br#"{"keys": [{"kty": "OKP", "crv": "Ed25519",
//!     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
//! let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
//!     hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
//!
//! let mut scratch = Scratch::new();
//! let jws = verify_compact(token, &keys, AlgorithmSet::ASYMMETRIC, &mut scratch)?;
//! assert_eq!(jws.payload(), b"Example of Ed25519 signing");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A valid signature does not make a token acceptable: it may have expired, or be meant for another audience.
//! [`IdTokenVerifier`](crate::token::IdTokenVerifier) and
//! [`AccessTokenVerifier`](crate::token::AccessTokenVerifier) check the claims too. Use [`RingSigner`] to sign with
//! a key in memory, and [`ToSign`] to sign with a key in an HSM or a key management service.
//!
//! A [`Key`] is parsed once and bound to the [`Algorithm`]s that it may be used with. A token names an algorithm and
//! a key, and both must fit. The types cannot express `none`, HMAC with a public key, or an algorithm of another
//! curve. So these attacks do not depend on a check that someone could forget.

mod algorithm;
mod algorithm_set;
mod compact;
mod header;
mod keys;
mod sign;
mod signers;
#[cfg(test)]
mod testdata;
mod to_sign;
mod verify;

pub use algorithm::Algorithm;
pub use algorithm_set::AlgorithmSet;
pub(crate) use algorithm_set::Allowed;
pub(crate) use compact::Compact;
pub use compact::JwsError;
pub use header::Header;
pub(crate) use keys::{EmbeddedKey, Generation, HeaderKey};
pub use keys::{
    Jwk, Key, KeyError, KeySet, KeySetError, KeySetReader, MAX_CANDIDATES, MAX_EMBEDDED_RSA, MAX_KEYS,
    MAX_WORK, UnusableKey,
};
pub use sign::{Sign, SignError};
pub use signers::{BackendSigner, RingSigner};
pub(crate) use to_sign::FromSigned;
pub use to_sign::{ToSign, sign_compact};
pub(crate) use verify::Decoded;
pub use verify::{Jws, Scratch, verify_compact};
