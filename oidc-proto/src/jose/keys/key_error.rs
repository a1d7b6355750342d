//! [`KeyError`]: the reason why a key cannot verify signatures.

use crate::base::{json::JsonError, sentence::sentences_about};
use crate::jose::algorithm::Algorithm;

/// The reason why a key cannot verify signatures.
///
/// A key set keeps it with each key that it sets aside; reading a private key or a DPoP proof returns it inside of
/// another error.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The key is not a JSON object.
    #[error("the key is not a JSON object")]
    NotAnObject,
    /// A member that the key type requires is missing.
    #[error("the key lacks the member `{0}`")]
    MissingMember(&'static str),
    /// A member has the wrong JSON type.
    #[error("the key has a member `{0}` of the wrong type")]
    WrongType(&'static str),
    /// A member is not base64url (RFC 7515 section 2).
    #[error("the key has a member `{0}` that is not base64url")]
    Base64(&'static str),
    /// A number has leading zero bytes (RFC 7518 section 2). One zero byte before an `n` whose first bit is set is
    /// accepted.
    #[error("the key has a number `{0}` with leading zero bytes")]
    LeadingZero(&'static str),
    /// This library does not support the `kty`.
    #[error("the key has a type (`kty`) that is not supported")]
    UnknownKeyType,
    /// This library does not support the `crv`, or the curve is not for signatures.
    #[error("the key has a curve (`crv`) that is not supported")]
    UnknownCurve,
    /// This library does not support the `alg`, or the algorithm is not for signatures.
    #[error("the key has an algorithm (`alg`) that is not supported")]
    UnknownAlgorithm,
    /// The `alg` does not fit the type and the curve of the key.
    #[error("the key has an algorithm (`alg`) that does not fit its type and curve")]
    AlgorithmMismatch,
    /// `use` is not `sig`, or `key_ops` does not include `verify`.
    #[error("the key does not serve to verify signatures (`use`, `key_ops`)")]
    NotForSignatures,
    /// The RSA key has less than 2048 bits (RFC 7518 section 3.3).
    #[error("the key is an RSA key of less than 2048 bits")]
    RsaTooShort,
    /// The RSA key has more than 8192 bits. Verification would cost too much.
    #[error("the key is an RSA key of more than 8192 bits")]
    RsaTooLong,
    /// The RSA modulus is even.
    #[error("the key has an even RSA modulus")]
    RsaModulus,
    /// The RSA key comes from a broken generator (CVE-2017-15361, "ROCA").
    #[error("the key is an RSA key of a generator whose keys are broken (CVE-2017-15361)")]
    RsaBroken,
    /// The RSA exponent is even, less than 3, or has more than 33 bits.
    #[error("the key has an RSA exponent that is even, less than 3, or too long")]
    RsaExponent,
    /// A coordinate, or an ML-DSA key, has the wrong length (RFC 7518 section 6.2.1.2, RFC 8037 section 2, RFC 9964 section
    /// 4). Some encoders drop the zero bytes before a coordinate.
    #[error(
        "the key has a member `{member}` of the wrong length: {bytes} bytes, where its curve or `alg` needs {needs}"
    )]
    Length {
        /// The member.
        member: &'static str,
        /// Its length, in bytes.
        bytes: u16,
        /// The length that the curve or the algorithm needs, in bytes.
        needs: u16,
    },
    /// The point is not on the curve, or has small order.
    #[error("the key is not a sound point of its curve")]
    BadPoint,
    /// ring does not have the algorithm of the key, and no [`Backend`](crate::backend::Backend) that has it was set.
    #[error(
        "the key is for {0}, which ring does not have (`KeySetReader::backend` takes the AwsLc of the crate oidc-aws-lc, which has it)"
    )]
    NeedsBackend(Algorithm),
    /// The secret is shorter than the hash of the algorithm (RFC 7518 section 3.2).
    #[error("the key is a secret shorter than the hash of its algorithm (HS256 needs 32 bytes)")]
    SecretTooShort,
    /// The key is published with its private members, so every reader can sign with it.
    #[error("the key is published with its private members, so anyone can sign with it")]
    PrivateMembers,
}

sentences_about!(KeyError: "the key ");

impl From<JsonError> for KeyError {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::WrongType { member, .. } => Self::WrongType(member),
            JsonError::NotJson | JsonError::NotAnObject | JsonError::TooDeep | JsonError::DuplicateMember => {
                Self::NotAnObject
            }
        }
    }
}
