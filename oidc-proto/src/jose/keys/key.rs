//! [`Key`]: a public key or a secret, parsed once and bound to the algorithms that it may be used with
//! (RFC 7517 section 4, RFC 7518 sections 3 and 6).

use super::{
    super::{algorithm::Algorithm, algorithm_set::AlgorithmSet},
    curve,
    jwk::Jwk,
    roca,
};
use crate::base::sentence::sentences_about;
use crate::{
    backend::{Fingerprint, PublicKey, sha256},
    base::{
        base64url,
        json::{Extra, JsonError},
        secret::Secret,
    },
};
use serde_json::Value;
use std::{fmt, sync::Arc};
use zeroize::Zeroizing;

/// A public key or a secret that verifies signatures. A [`KeySet`](super::KeySet) makes it.
///
/// ```
/// use oidc_proto::jose::{Algorithm, KeySet};
///
/// // The public key of RFC 8037 appendix A.2.
/// let keys = KeySet::parse(br#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "2026-01",
///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
///
/// for key in keys.keys() {
///     assert_eq!(key.kid(), Some("2026-01"));
///     assert!(key.algorithms().contains(Algorithm::EdDSA));
///     assert_eq!(key.thumbprint(), Some("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"));
/// }
/// assert!(!keys.is_empty());
/// # Ok::<(), oidc_proto::jose::KeySetError>(())
/// ```
pub struct Key {
    kid: Option<String>,
    x5t_s256: Option<String>,
    thumbprint: Option<Arc<str>>,
    issuer: Option<String>,
    algorithms: AlgorithmSet,
    public: PublicKey,
    /// A digest of the key material. The material may be a secret, so the digest never leaves this room.
    material: [u8; 32],
}

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
    /// A coordinate has the wrong length (RFC 7518 section 6.2.1.2, RFC 8037 section 2). Some encoders drop the zero
    /// bytes before it.
    #[error(
        "the key has a coordinate `{member}` of the wrong length: {bytes} bytes, where its curve needs {needs}"
    )]
    Length {
        /// The member.
        member: &'static str,
        /// Its length, in bytes.
        bytes: u16,
        /// The length that the curve needs, in bytes.
        needs: u16,
    },
    /// The point is not on the curve, or has small order.
    #[error("the key is not a sound point of its curve")]
    BadPoint,
    /// The secret is shorter than the hash of the algorithm (RFC 7518 section 3.2).
    #[error("the key is a secret shorter than the hash of its algorithm (HS256 needs 32 bytes)")]
    SecretTooShort,
    /// The key is published with its private members, so every reader can sign with it.
    #[error("the key is published with its private members, so anyone can sign with it")]
    PrivateMembers,
}

sentences_about!(KeyError: "the key ");

impl Key {
    /// Parses and checks a key.
    pub(super) fn from_jwk(jwk: Jwk) -> Result<Self, KeyError> {
        let (fitting, public) = kind(&jwk)?;
        let (public, algorithms) = public(&jwk, bound(jwk.alg.as_deref(), fitting)?)?;
        // A thumbprint of a secret would let others test guesses of it.
        let thumbprint = if jwk.kty == "oct" { None } else { jwk.thumbprint().map(Arc::<str>::from) };
        // `issuer` limits the tokens that the key may sign. An unreadable value must not count as absent.
        let issuer = match jwk.extra.get("issuer") {
            None | Some(Value::Null) => None,
            Some(Value::String(issuer)) => Some(issuer.clone()),
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                return Err(KeyError::WrongType("issuer"));
            }
        };
        let material = match (&thumbprint, &jwk.k) {
            (Some(thumbprint), _) => sha256(thumbprint.as_bytes()),
            (None, Some(secret)) if jwk.kty == "oct" => sha256(secret.expose().as_bytes()),
            // An RSA key in a spelling without a thumbprint: the digest is of that spelling.
            (None, _) => {
                let text = |member: &Option<String>| member.clone().unwrap_or_default();
                sha256([text(&jwk.n), text(&jwk.e)].join(".").as_bytes())
            }
        };
        let Jwk { kid, x5t_s256, .. } = jwk;
        Ok(Self { kid, x5t_s256, thumbprint, issuer, algorithms, public, material })
    }

    /// Makes a key of a secret. It has no name and is bound to each HMAC algorithm that it is long enough for.
    pub(super) fn from_secret(secret: &Secret) -> Result<Self, KeyError> {
        let bytes = secret.expose().as_bytes();
        let (public, algorithms) = hmac(bytes, AlgorithmSet::HMAC)?;
        let (kid, x5t_s256, thumbprint, issuer) = (None, None, None, None);
        Ok(Self { kid, x5t_s256, thumbprint, issuer, algorithms, public, material: sha256(bytes) })
    }

    /// The name of the key (`kid`).
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithms that the key may be used with.
    #[must_use]
    pub const fn algorithms(&self) -> AlgorithmSet {
        self.algorithms
    }

    /// The SHA-256 thumbprint of its certificate (`x5t#S256`), as the key set states it.
    #[must_use]
    pub fn x5t_s256(&self) -> Option<&str> {
        self.x5t_s256.as_deref()
    }

    /// The SHA-256 thumbprint of the key (RFC 7638), in base64url. A secret has none.
    #[must_use]
    pub fn thumbprint(&self) -> Option<&str> {
        self.thumbprint.as_deref()
    }

    /// The thumbprint, shared with the key.
    pub(crate) fn shared_thumbprint(&self) -> Option<Arc<str>> {
        self.thumbprint.clone()
    }

    /// The issuer that the key belongs to, if the key set says so. `issuer` is not a registered member; key sets that
    /// several tenants share have it.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Hashes everything that a verdict can depend on, for the generation of a key set.
    pub(super) fn feed(&self, hash: &mut Fingerprint) {
        let Self { kid, x5t_s256, thumbprint: _, issuer, algorithms, public: _, material } = self;
        for text in [kid, x5t_s256, issuer] {
            hash.text(text.as_deref());
        }
        hash.fixed(&algorithms.bits().to_be_bytes()).fixed(material);
    }

    /// The cost of verifying one signature with this key. The unit is the time of one product of two 64-bit words:
    /// 26,624 for an RSA key of 2048 bits with the exponent 65537, and 1,050,000 for P-384.
    #[must_use]
    pub fn work(&self) -> u32 {
        self.public.work()
    }

    /// Whether the signature is valid. The algorithm must be one of this key.
    pub(crate) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.public.verify(algorithm.scheme(), message, signature)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

/// Narrows the fitting algorithms to the one that the key names, if it names one. `EdDSA` and `Ed25519` are two
/// names of one algorithm.
fn bound(named: Option<&str>, fitting: AlgorithmSet) -> Result<AlgorithmSet, KeyError> {
    let Some(named) = named else { return Ok(fitting) };
    let named = Algorithm::from_name(named).ok_or(KeyError::UnknownAlgorithm)?;
    let named = AlgorithmSet::EMPTY.with(named);
    let twins = AlgorithmSet::ED25519;
    let named = if named.intersection(twins).is_empty() { named } else { twins };
    let bound = named.intersection(fitting);
    if bound.is_empty() { Err(KeyError::AlgorithmMismatch) } else { Ok(bound) }
}

/// Reads the members of a key, and tells a missing `kty` from a `kty` of the wrong type.
pub(super) fn typed(members: Extra) -> Result<Jwk, KeyError> {
    if members.get("kty").is_none_or(Value::is_null) {
        return Err(KeyError::MissingMember("kty"));
    }
    Ok(Jwk::from_members(members)?)
}

/// Returns the algorithms for a key of this type and curve, and the parser of its numbers.
fn kind(jwk: &Jwk) -> Result<(AlgorithmSet, Parser), KeyError> {
    // A key for encryption is never one that a signature lacks, whatever its type.
    for_signatures(jwk)?;
    Ok(match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => (AlgorithmSet::RSA, rsa),
        ("oct", _) => (AlgorithmSet::HMAC, secret),
        ("EC", Some("P-256")) => (AlgorithmSet::P256, p256),
        ("EC", Some("P-384")) => (AlgorithmSet::P384, p384),
        ("OKP", Some("Ed25519")) => (AlgorithmSet::ED25519, ed25519),
        ("EC" | "OKP", Some(_)) => return Err(KeyError::UnknownCurve),
        ("EC" | "OKP", None) => return Err(KeyError::MissingMember("crv")),
        _ => return Err(KeyError::UnknownKeyType),
    })
}

/// Refuses a key whose `use` or `key_ops` is for something other than signatures.
fn for_signatures(jwk: &Jwk) -> Result<(), KeyError> {
    if jwk.public_key_use.as_deref().is_some_and(|purpose| purpose != "sig")
        || jwk.key_ops.as_ref().is_some_and(|ops| !ops.iter().any(|op| op == "verify"))
    {
        return Err(KeyError::NotForSignatures);
    }
    Ok(())
}

/// Returns the algorithms of a key by its type and purpose. Does not check its numbers.
pub(super) fn served(jwk: &Jwk) -> Result<AlgorithmSet, KeyError> {
    bound(jwk.alg.as_deref(), kind(jwk)?.0)
}

/// Returns why a public key has no thumbprint. Needs no arithmetic.
pub(super) fn misspelt(jwk: &Jwk) -> KeyError {
    let pair = |x: Result<(), KeyError>, y| x.and(y).err();
    let why = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => pair(number("n", &jwk.n).map(drop), number("e", &jwk.e).map(drop)),
        ("EC", Some("P-384")) => pair(sized::<48>("x", &jwk.x), sized::<48>("y", &jwk.y)),
        ("EC", _) => pair(sized::<32>("x", &jwk.x), sized::<32>("y", &jwk.y)),
        _ => sized::<32>("x", &jwk.x).err(),
    };
    why.unwrap_or(KeyError::BadPoint)
}

type Parsed = Result<(PublicKey, AlgorithmSet), KeyError>;
type Parser = fn(&Jwk, AlgorithmSet) -> Parsed;

fn rsa(jwk: &Jwk, algorithms: AlgorithmSet) -> Parsed {
    let n = modulus(&jwk.n)?;
    let e = number("e", &jwk.e)?;
    match bits(&n) {
        ..2048 => return Err(KeyError::RsaTooShort),
        8193.. => return Err(KeyError::RsaTooLong),
        2048..=8192 => {}
    }
    let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    if !odd(&n) {
        return Err(KeyError::RsaModulus);
    }
    // ring accepts at most 33 bits. A longer exponent is slower and no safer.
    let value = e.iter().take(6).fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    if !odd(&e) || !(3..1 << 33).contains(&value) {
        return Err(KeyError::RsaExponent);
    }
    // The most expensive check comes last.
    if roca::is_marked(&n) {
        return Err(KeyError::RsaBroken);
    }
    Ok((PublicKey::rsa(n, e), algorithms))
}

/// Returns the length in bits of a number without leading zero bytes.
fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |byte| number.len() * 8 - byte.leading_zeros() as usize)
}

/// Returns the length in bits of an RSA key of at least 2048 bits, or 0 for a key of another type.
pub(super) fn rsa_bits(jwk: &Jwk) -> Result<usize, KeyError> {
    match jwk.kty.as_str() {
        "RSA" => Some(bits(&modulus(&jwk.n)?)).filter(|bits| *bits >= 2048).ok_or(KeyError::RsaTooShort),
        _ => Ok(0),
    }
}

fn p256(jwk: &Jwk, algorithms: AlgorithmSet) -> Parsed {
    let (x, y) = (octets("x", &jwk.x)?, octets("y", &jwk.y)?);
    if !curve::on_p256(&x, &y) {
        return Err(KeyError::BadPoint);
    }
    Ok((PublicKey::P256([&[4], &x[..], &y[..]].concat()), algorithms))
}

fn p384(jwk: &Jwk, algorithms: AlgorithmSet) -> Parsed {
    let (x, y) = (octets("x", &jwk.x)?, octets("y", &jwk.y)?);
    if !curve::on_p384(&x, &y) {
        return Err(KeyError::BadPoint);
    }
    Ok((PublicKey::P384([&[4], &x[..], &y[..]].concat()), algorithms))
}

fn ed25519(jwk: &Jwk, algorithms: AlgorithmSet) -> Parsed {
    let point = octets("x", &jwk.x)?;
    if curve::has_small_order(&point) {
        return Err(KeyError::BadPoint);
    }
    // About half of all values of 32 bytes are not points. With such a key, each verification fails.
    Ok((PublicKey::Ed25519(point), algorithms))
}

fn secret(jwk: &Jwk, algorithms: AlgorithmSet) -> Parsed {
    let text = jwk.k.as_ref().ok_or(KeyError::MissingMember("k"))?;
    let bytes = Zeroizing::new(base64url::decode(text.expose()).ok_or(KeyError::Base64("k"))?);
    hmac(&bytes, algorithms)
}

fn hmac(secret: &[u8], algorithms: AlgorithmSet) -> Parsed {
    let served: AlgorithmSet = algorithms.iter().filter(|name| secret.len() >= name.hash().len()).collect();
    if served.is_empty() {
        return Err(KeyError::SecretTooShort);
    }
    Ok((PublicKey::secret(secret, served.iter().map(Algorithm::hash)), served))
}

fn bytes(name: &'static str, member: &Option<String>) -> Result<Vec<u8>, KeyError> {
    let text = member.as_deref().ok_or(KeyError::MissingMember(name))?;
    base64url::decode(text).ok_or(KeyError::Base64(name))
}

fn octets<const N: usize>(name: &'static str, member: &Option<String>) -> Result<[u8; N], KeyError> {
    let bytes = bytes(name, member)?;
    let wrong = KeyError::Length { member: name, bytes: short(bytes.len()), needs: short(N) };
    bytes.try_into().map_err(|_| wrong)
}

fn short(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

fn sized<const N: usize>(name: &'static str, member: &Option<String>) -> Result<(), KeyError> {
    octets::<N>(name, member).map(drop)
}

fn number(name: &'static str, member: &Option<String>) -> Result<Vec<u8>, KeyError> {
    let bytes = bytes(name, member)?;
    if bytes.first() == Some(&0) { Err(KeyError::LeadingZero(name)) } else { Ok(bytes) }
}

/// Reads a modulus. Accepts one zero byte before it if its first bit is set: some encoders add that byte as a sign
/// (RFC 7518 section 6.3.1.1 warns of them), live providers do so (LINE, PayPal, Nikkei), and the number is the same.
/// More zero bytes have no such cause.
fn modulus(member: &Option<String>) -> Result<Vec<u8>, KeyError> {
    match bytes("n", member)?.as_slice() {
        [0, n @ ..] if n.first().is_some_and(|byte| byte & 0x80 != 0) => Ok(n.to_vec()),
        [0, ..] => Err(KeyError::LeadingZero("n")),
        n => Ok(n.to_vec()),
    }
}

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
