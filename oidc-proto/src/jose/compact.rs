//! The parts of a token in the compact serialization (RFC 7515 section 7.1), and [`JwsError`]: the reason why a signed
//! token is refused.

use super::keys::KeyError;
use crate::base::json::JsonError;
use crate::base::sentence::{Remedy, debug_is_sentence, predicate};

/// The three parts of a token, still encoded.
#[derive(Clone, Copy)]
pub(crate) struct Compact<'t> {
    pub(crate) header: &'t str,
    pub(crate) payload: &'t str,
    pub(crate) signature: &'t str,
    /// The signed text: header, dot, payload.
    pub(crate) signed: &'t str,
}

impl<'t> Compact<'t> {
    pub(crate) fn split(token: &'t str) -> Result<Self, JwsError> {
        // A token in the JSON serialization may have any number of dots.
        if token.starts_with('{') {
            return Err(JwsError::NotCompact);
        }
        let header = dot(token, 0).ok_or(JwsError::NotCompact)?;
        let payload = dot(token, header + 1).ok_or(JwsError::NotCompact)?;
        if dot(token, payload + 1).is_some() {
            return Err(more_than_three(token));
        }
        let parts = || {
            Some(Self {
                header: token.get(..header)?,
                payload: token.get(header + 1..payload)?,
                signature: token.get(payload + 1..)?,
                signed: token.get(..payload)?,
            })
        };
        parts().ok_or(JwsError::NotCompact)
    }
}

#[cold]
fn more_than_three(token: &str) -> JwsError {
    if token.splitn(6, '.').count() == 5 { JwsError::Encrypted } else { JwsError::NotCompact }
}

/// Returns the place of the first dot from here on. The compiler makes vector instructions of the test of a block.
fn dot(token: &str, from: usize) -> Option<usize> {
    let rest = token.as_bytes().get(from..)?;
    let (blocks, _) = rest.as_chunks::<32>();
    let without = |block: &&[u8; 32]| !block.iter().fold(false, |found, byte| found | (*byte == b'.'));
    let at = blocks.iter().take_while(without).count() * 32;
    let place = rest.get(at..)?.iter().position(|byte| *byte == b'.')?;
    Some(from + at + place)
}

/// The reason why a signed token is refused for its form, header, key or signature. Its claims were not checked.
///
/// Every verification of a JWT returns it, inside the error for that kind of token.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwsError {
    /// The token is not three parts with dots between them. The JSON serialization is refused, too.
    #[error("the JWT does not consist of three parts with dots between them")]
    NotCompact,
    /// The token has five parts, so it is encrypted (JWE).
    #[error("the JWT is encrypted, and only signed ones are read")]
    Encrypted,
    /// A part is not canonical base64url.
    #[error("the JWT has a part that is not base64url")]
    Base64,
    /// The header is not acceptable JSON, or a member has the wrong type.
    #[error("the header of the JWT {}", predicate(.0))]
    Header(JsonError),
    /// The header has no `alg`.
    #[error("the header of the JWT has no `alg`")]
    MissingAlgorithm,
    /// `alg` is `none`.
    #[error("the JWT is not signed: its `alg` is `none`")]
    Unsigned,
    /// This library does not support the `alg`.
    #[error("the JWT has an `alg` that is not supported")]
    UnknownAlgorithm,
    /// The caller does not allow the `alg`.
    #[error("the JWT has an `alg` that is not one of those allowed")]
    AlgorithmNotAllowed,
    /// The header has `crit` or `b64`: it demands an extension, and this library supports none (RFC 7515 section
    /// 4.1.11, RFC 7797).
    #[error("the JWT demands an extension (`crit`, `b64`) that is not supported")]
    Critical,
    /// The key set has no key for this token. The issuer may have rotated its keys.
    #[error("the key set has no key that the JWT means")]
    UnknownKey,
    /// The token names a key that the key set has set aside as unusable, for this reason.
    #[error("the key that the JWT names {}", predicate(.0))]
    KeySetAside(KeyError),
    /// The key that the token names cannot be used with its `alg`.
    #[error("the key that the JWT names does not serve its `alg`")]
    KeyMismatch,
    /// More keys fit the token than may be tried ([`MAX_CANDIDATES`](super::MAX_CANDIDATES),
    /// [`MAX_WORK`](super::MAX_WORK)), and none of the keys tried has signed it. Usually, such a token names no key.
    #[error("the JWT does not name its key, and too many keys of the key set fit")]
    TooManyCandidates,
    /// The signature is wrong.
    #[error("the signature of the JWT is wrong")]
    Signature,
}

debug_is_sentence!(JwsError);

impl JwsError {
    /// Returns a short, stable name of this reason, for logs and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotCompact => "jws_not_compact",
            Self::Encrypted => "jws_encrypted",
            Self::Base64 => "jws_base64",
            Self::Header(_) => "jws_header",
            Self::MissingAlgorithm => "jws_missing_alg",
            Self::Unsigned => "jws_unsigned",
            Self::UnknownAlgorithm => "jws_unknown_alg",
            Self::AlgorithmNotAllowed => "jws_alg_not_allowed",
            Self::Critical => "jws_crit",
            Self::UnknownKey => "jws_unknown_key",
            Self::KeySetAside(_) => "jws_key_set_aside",
            Self::KeyMismatch => "jws_key_mismatch",
            Self::TooManyCandidates => "jws_too_many_keys",
            Self::Signature => "jws_signature",
        }
    }

    /// Returns who can do what about a JWT that the provider has sent to this client.
    #[must_use]
    pub const fn remedy(self) -> Remedy {
        match self {
            // Another algorithm can be registered, or allowed.
            Self::Encrypted | Self::UnknownAlgorithm | Self::AlgorithmNotAllowed => Remedy::FixConfiguration,
            Self::KeySetAside(_) if self.is_unsupported() => Remedy::FixConfiguration,
            Self::NotCompact
            | Self::Base64
            | Self::Header(_)
            | Self::MissingAlgorithm
            | Self::Unsigned
            | Self::Critical
            | Self::UnknownKey
            | Self::KeySetAside(_)
            | Self::KeyMismatch
            | Self::TooManyCandidates
            | Self::Signature => Remedy::ProviderAtFault,
        }
    }

    /// Whether this library lacks what the issuer signs with: the algorithm, or the type, curve or size of the key.
    #[must_use]
    pub const fn is_unsupported(self) -> bool {
        use KeyError::{NeedsBackend, RsaTooLong, UnknownAlgorithm, UnknownCurve, UnknownKeyType};
        matches!(
            self,
            Self::UnknownAlgorithm
                | Self::KeySetAside(
                    UnknownKeyType | UnknownCurve | UnknownAlgorithm | RsaTooLong | NeedsBackend(_)
                )
        )
    }

    /// Whether the token might be accepted with newer keys of the issuer. A key that needs a backend needs the same backend
    /// when it is fetched again.
    #[must_use]
    pub const fn wants_newer_keys(self) -> bool {
        match self {
            Self::KeySetAside(reason) => !matches!(reason, KeyError::NeedsBackend(_)),
            Self::UnknownKey | Self::KeyMismatch | Self::TooManyCandidates | Self::Signature => true,
            Self::NotCompact
            | Self::Encrypted
            | Self::Base64
            | Self::Header(_)
            | Self::MissingAlgorithm
            | Self::UnknownAlgorithm
            | Self::Unsigned
            | Self::Critical
            | Self::AlgorithmNotAllowed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_parts_are_signed_five_are_encrypted_and_other_counts_are_refused() {
        let parts = Compact::split("a.b.c").ok().unwrap();
        assert_eq!((parts.header, parts.payload, parts.signature, parts.signed), ("a", "b", "c", "a.b"));
        let empty = Compact::split("..").ok().unwrap();
        assert_eq!((empty.header, empty.payload, empty.signature, empty.signed), ("", "", "", "."));
        assert_eq!(Compact::split("a.b.c.d.e").err(), Some(JwsError::Encrypted));
        for bad in [
            "",
            "a",
            "a.b",
            "{a.b.c}",
            "{a.b.c.d.e}",
            "a.b.c.d",
            "a.b.c.d.e.f",
            "a.b.c.d.e.f.g",
            &".".repeat(9999),
        ] {
            assert_eq!(Compact::split(bad).err(), Some(JwsError::NotCompact), "{bad:.20}");
        }
    }
}
