//! [`ToSign`]: a text to sign, for a key outside of this process. [`sign_compact`] signs with a key in the process.

use super::{
    algorithm::Algorithm,
    sign::{Sign, SignError},
};
use crate::base::{base64url, json::Extra, secret::Secret};
use std::{fmt, marker::PhantomData};

/// A JWS without its signature (RFC 7515 section 5.1), for a key in an HSM or a key management service.
///
/// A key in memory signs at once, with [`Sign`]. A remote key signs between two transitions of a flow: send
/// [`signing_input`](Self::signing_input) to it, await the signature, and pass the signature to
/// [`with_signature`](Self::with_signature). The result is a client assertion or a DPoP proof.
///
/// ```
/// use oidc_proto::flow::{Client, ClientAuthentication, Endpoint};
/// use oidc_proto::metadata::{Profile, ProviderMetadata};
/// use oidc_proto::{Moment, Timestamp, UrlPolicy, jose::Algorithm};
///
/// let document = br#"{"issuer": "https://op.example", "token_endpoint": "https://op.example/token",
///     "response_types_supported": ["code"],
///     "token_endpoint_auth_methods_supported": ["private_key_jwt"]}"#;
/// let (profile, policy) = (Profile::AuthorizationServer, UrlPolicy::default());
/// let metadata = ProviderMetadata::parse(document, "https://op.example", profile, &policy)?;
/// let client =
///     Client::builder(metadata, "client").authentication(ClientAuthentication::PrivateKeyJwt).build()?;
///
/// let moment = Moment::new(Timestamp(1_700_000_000), [7; 32]);
/// let to_sign = client.assertion_to_sign(Endpoint::Token, Algorithm::ES256, Some("2026-01"), moment)?;
/// assert_eq!(to_sign.algorithm(), Algorithm::ES256);
/// assert!(to_sign.signing_input().starts_with(b"eyJ"));
///
/// // Here, the key management service signs `signing_input`. ES256 gives 64 bytes.
/// let signature = [0; 64];
/// let _attempt = client.attempt(to_sign.with_signature(&signature));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a text to sign has no effect without its signature"]
pub struct ToSign<T> {
    signing_input: String,
    algorithm: Algorithm,
    becomes: PhantomData<fn() -> T>,
}

impl<T: FromSigned> ToSign<T> {
    /// Builds the signing input. Sets `alg` and `kid` in the header.
    pub(crate) fn new(mut header: Extra, payload: &[u8], algorithm: Algorithm, kid: Option<&str>) -> Self {
        header.insert("alg".to_owned(), algorithm.name().into());
        header.extend(kid.map(|kid| ("kid".to_owned(), kid.into())));
        let header = base64url::encode(serde_json::Value::Object(header).to_string().as_bytes());
        let signing_input = format!("{header}.{}", base64url::encode(payload));
        Self { signing_input, algorithm, becomes: PhantomData }
    }

    /// The bytes to sign. All of them are ASCII.
    #[must_use]
    pub const fn signing_input(&self) -> &[u8] {
        self.signing_input.as_bytes()
    }

    /// The algorithm to sign with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Adds the signature. An ECDSA signature is the concatenation of its two numbers, not DER (RFC 7518 section 3.4).
    #[must_use]
    pub fn with_signature(self, signature: &[u8]) -> T {
        T::from_signed(Secret::new(format!("{}.{}", self.signing_input, base64url::encode(signature))))
    }

    /// Signs with a key in this process.
    pub(crate) fn sign(self, key: &dyn Sign) -> Result<T, SignError> {
        let signature = key.sign(self.signing_input())?;
        Ok(self.with_signature(&signature))
    }
}

/// Shows the algorithm, but not the claims: they may identify the client and its request.
impl<T> fmt::Debug for ToSign<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToSign").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

/// A type that a signed JWS becomes.
#[allow(unnameable_types, reason = "nobody else may implement it")]
pub trait FromSigned {
    /// Wraps the compact serialization of a signed JWS.
    fn from_signed(token: Secret) -> Self;
}

impl FromSigned for String {
    fn from_signed(token: Secret) -> Self {
        token.expose().to_owned()
    }
}

/// Signs a payload and returns the compact serialization (RFC 7515 section 7.1). `header` has members such as `typ`;
/// `alg` and `kid` come from the signer.
///
/// # Errors
/// The signer fails, or `header` has `alg`, `kid`, `crit` or `b64`.
pub fn sign_compact(signer: &dyn Sign, header: Extra, payload: &[u8]) -> Result<String, SignError> {
    if let Some(name) = ["alg", "kid", "crit", "b64"].into_iter().find(|name| header.contains_key(*name)) {
        return Err(SignError::Header(name));
    }
    ToSign::new(header, payload, signer.algorithm(), signer.key_id()).sign(signer)
}
