//! [`ToSign`]: what a key that is elsewhere is to sign, as a value that leaves the library and comes back;
//! and the same for a key at hand, at once.

use super::{
    algorithm::Algorithm,
    sign::{Sign, SignError},
};
use crate::base::{base64url, json::Extra, secret::Secret};
use std::{fmt, marker::PhantomData};

/// A JWS that lacks its signature (RFC 7515 section 5.1).
///
/// A key in memory signs at once, by [`Sign`]. A key in an HSM or a key management service is asked between
/// two transitions of a flow, in whatever way it is asked: give it [`signing_input`](Self::signing_input),
/// await its signature, and hand that to [`with_signature`](Self::with_signature).
#[must_use = "what is to be signed comes to nothing without its signature"]
pub struct ToSign<T> {
    signing_input: String,
    algorithm: Algorithm,
    becomes: PhantomData<fn() -> T>,
}

impl<T: FromSigned> ToSign<T> {
    /// The header gets `alg` and `kid`, whatever is in it.
    pub(crate) fn new(mut header: Extra, payload: &[u8], algorithm: Algorithm, kid: Option<&str>) -> Self {
        header.insert("alg".to_owned(), algorithm.name().into());
        header.extend(kid.map(|kid| ("kid".to_owned(), kid.into())));
        let header = base64url::encode(serde_json::Value::Object(header).to_string().as_bytes());
        let signing_input = format!("{header}.{}", base64url::encode(payload));
        Self { signing_input, algorithm, becomes: PhantomData }
    }

    /// The bytes to sign, all of them ASCII.
    #[must_use]
    pub const fn signing_input(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    /// The algorithm to sign them with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Adds the signature. That of an ECDSA key is the two numbers side by side (RFC 7518 section 3.4).
    #[must_use]
    pub fn with_signature(self, signature: &[u8]) -> T {
        T::from_signed(Secret::new(format!("{}.{}", self.signing_input, base64url::encode(signature))))
    }

    /// Signs with a key at hand.
    pub(crate) fn sign(self, key: &dyn Sign) -> Result<T, SignError> {
        let signature = key.sign(self.signing_input())?;
        Ok(self.with_signature(&signature))
    }
}

/// Without the claims: they may say who a client is and what it asks for.
impl<T> fmt::Debug for ToSign<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToSign").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// What a JWS becomes when it is signed.
pub trait FromSigned {
    /// From the compact serialization.
    fn from_signed(token: Secret) -> Self;
}

impl FromSigned for String {
    fn from_signed(token: Secret) -> Self {
        token.expose().to_owned()
    }
}

/// Signs a payload: the compact serialization. `header` holds members such as `typ`; `alg` and `kid`
/// are those of the signer.
///
/// # Errors
/// The signer fails, or `header` brings a member that is not for the caller to set.
pub fn sign_compact(signer: &dyn Sign, header: Extra, payload: &[u8]) -> Result<String, SignError> {
    if let Some(name) = ["alg", "kid", "crit", "b64"].into_iter().find(|name| header.contains_key(*name)) {
        return Err(SignError::Header(name));
    }
    ToSign::new(header, payload, signer.algorithm(), signer.key_id()).sign(signer)
}
