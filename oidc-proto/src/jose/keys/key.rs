//! [`Key`]: a public key or a secret, parsed once and bound to the algorithms that it may be used with
//! (RFC 7517 section 4, RFC 7518 sections 3 and 6).

use super::{
    super::{algorithm::Algorithm, algorithm_set::AlgorithmSet},
    key_error::KeyError,
    members::KeyMembers,
    numbers::Numbers,
    thumbprint,
};
use crate::{
    backend::{Backend, Fingerprint, PublicKey, VerifyingKey, sha256},
    base::{base64url, secret::Secret},
};
use std::{
    fmt,
    sync::{Arc, OnceLock},
};
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
    kid: Option<Box<str>>,
    x5t_s256: Option<Box<str>>,
    issuer: Option<Box<str>>,
    algorithms: AlgorithmSet,
    public: PublicKey,
    /// The same key as another backend than ring has parsed it.
    parsed: Option<Box<dyn VerifyingKey>>,
    /// The form of the key that the JWK has, and whatever is known by it alone.
    form: Form,
}

/// What a key was before it was parsed, as far as the public key does not tell.
enum Form {
    /// A public key, and its thumbprint, which is computed when somebody asks for it.
    Canonical(OnceLock<Arc<str>>),
    /// An RSA key whose modulus has a zero byte before it. It has no thumbprint: a key must not have two names.
    WithSign,
    /// A secret. The digest is of the secret, so it never leaves this room.
    Secret([u8; 32]),
}

impl Key {
    /// Checks a key. The backend parses it if all checks pass.
    pub(super) fn of(members: &KeyMembers<'_>, backend: Option<&dyn Backend>) -> Result<Self, KeyError> {
        let kind = Kind::of(members)?;
        let algorithms = bound(members.alg, kind.algorithms())?;
        let needs_backend = kind.only_by_a_backend().map(KeyError::NeedsBackend);
        if let (Some(needs_backend), None) = (needs_backend, backend) {
            return Err(needs_backend);
        }
        let (public, algorithms, form) = match kind {
            Kind::Secret => {
                let text = members.k.ok_or(KeyError::MissingMember("k"))?;
                let bytes = Zeroizing::new(base64url::decode(text).ok_or(KeyError::Base64("k"))?);
                hmac(&bytes, algorithms)?
            }
            Kind::Rsa => {
                let (numbers, is_canonical) = Numbers::rsa(members.n.as_deref(), members.e.as_deref())?;
                let form = if is_canonical { Form::Canonical(OnceLock::new()) } else { Form::WithSign };
                (numbers.judged()?, algorithms, form)
            }
            Kind::P256 | Kind::P384 | Kind::P521 | Kind::Ed25519 | Kind::MlDsa(_) => {
                (kind.numbers(members)?.judged()?, algorithms, Form::Canonical(OnceLock::new()))
            }
        };
        let owned = |text: Option<&str>| text.map(Box::from);
        let issuer = owned(members.issuer?);
        let (kid, x5t_s256) = (owned(members.kid), owned(members.x5t_s256));
        let parsed = backend.and_then(|backend| {
            let schemes: Vec<_> = algorithms.iter().map(Algorithm::scheme).collect();
            public.parsed_by(backend, &schemes)
        });
        if let (Some(needs_backend), None) = (needs_backend, &parsed) {
            return Err(needs_backend);
        }
        Ok(Self { kid, x5t_s256, issuer, algorithms, public, parsed, form })
    }

    /// Makes a key of a secret. It has no name and is bound to each HMAC algorithm that it is long enough for.
    pub(super) fn from_secret(secret: &Secret) -> Result<Self, KeyError> {
        let (public, algorithms, form) = hmac(secret.expose().as_bytes(), AlgorithmSet::HMAC)?;
        Ok(Self { kid: None, x5t_s256: None, issuer: None, algorithms, public, parsed: None, form })
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

    /// The SHA-256 thumbprint of the key (RFC 7638), in base64url. It is computed when it is first asked for. A secret
    /// has none.
    #[must_use]
    pub fn thumbprint(&self) -> Option<&str> {
        self.own_thumbprint().map(|thumbprint| &**thumbprint)
    }

    fn own_thumbprint(&self) -> Option<&Arc<str>> {
        match &self.form {
            Form::Canonical(thumbprint) => Some(
                thumbprint.get_or_init(|| thumbprint::of_public(&self.public).unwrap_or_default().into()),
            ),
            Form::WithSign | Form::Secret(_) => None,
        }
    }

    /// The thumbprint, shared with the key.
    pub(crate) fn shared_thumbprint(&self) -> Option<Arc<str>> {
        self.own_thumbprint().cloned()
    }

    /// The issuer that the key belongs to, if the key set says so. `issuer` is not a registered member; key sets that
    /// several tenants share have it.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Hashes everything that a verdict can depend on, for the generation of a key set.
    pub(super) fn feed(&self, hash: &mut Fingerprint) {
        let Self { kid, x5t_s256, issuer, algorithms, public, parsed, form } = self;
        for text in [kid, x5t_s256, issuer] {
            hash.text(text.as_deref());
        }
        hash.fixed(&algorithms.bits().to_be_bytes());
        // The algorithms tell the kinds of keys apart. The form tells whether there is a thumbprint.
        match form {
            Form::Secret(digest) => hash.fixed(&[2]).fixed(digest),
            Form::Canonical(_) => hash.fixed(&[0]),
            Form::WithSign => hash.fixed(&[1]),
        };
        public.feed(hash);
        hash.fixed(&[u8::from(parsed.is_some())]);
    }

    /// The cost of verifying one signature with this key. The unit is the time of one product of two 64-bit words:
    /// 26,624 for an RSA key of 2048 bits with the exponent 65537, and 1,050,000 for P-384.
    #[must_use]
    pub fn work(&self) -> u32 {
        self.public.work()
    }

    /// Whether the signature is valid. The algorithm must be one of this key.
    pub(crate) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match &self.parsed {
            Some(key) => key.verify(algorithm.scheme(), message, signature),
            None => self.public.verify(algorithm.scheme(), message, signature),
        }
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

/// The type and the curve of a key.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Rsa,
    P256,
    P384,
    P521,
    Ed25519,
    /// A key of ML-DSA, for this algorithm.
    MlDsa(Algorithm),
    Secret,
}

impl Kind {
    /// Returns the kind of a key that is for signatures.
    pub(super) fn of(members: &KeyMembers<'_>) -> Result<Self, KeyError> {
        // A key for encryption is never one that a signature lacks, whatever its type.
        if members.public_key_use.is_some_and(|purpose| purpose != "sig") || members.verifies == Some(false) {
            return Err(KeyError::NotForSignatures);
        }
        Ok(match (members.kty, members.crv) {
            ("RSA", _) => Self::Rsa,
            ("oct", _) => Self::Secret,
            ("EC", Some("P-256")) => Self::P256,
            ("EC", Some("P-384")) => Self::P384,
            ("EC", Some("P-521")) => Self::P521,
            ("OKP", Some("Ed25519")) => Self::Ed25519,
            ("AKP", _) => match members.alg.ok_or(KeyError::MissingMember("alg"))? {
                "ML-DSA-44" => Self::MlDsa(Algorithm::MlDsa44),
                "ML-DSA-65" => Self::MlDsa(Algorithm::MlDsa65),
                "ML-DSA-87" => Self::MlDsa(Algorithm::MlDsa87),
                _ => return Err(KeyError::UnknownAlgorithm),
            },
            ("EC" | "OKP", Some(_)) => return Err(KeyError::UnknownCurve),
            ("EC" | "OKP", None) => return Err(KeyError::MissingMember("crv")),
            _ => return Err(KeyError::UnknownKeyType),
        })
    }

    const fn algorithms(self) -> AlgorithmSet {
        match self {
            Self::Rsa => AlgorithmSet::RSA,
            Self::P256 => AlgorithmSet::P256,
            Self::P384 => AlgorithmSet::P384,
            Self::P521 => AlgorithmSet::P521,
            Self::Ed25519 => AlgorithmSet::ED25519,
            Self::MlDsa(algorithm) => AlgorithmSet::EMPTY.with(algorithm),
            Self::Secret => AlgorithmSet::HMAC,
        }
    }

    /// Returns the algorithm of a key that ring does not verify with.
    pub(super) const fn only_by_a_backend(self) -> Option<Algorithm> {
        match self {
            Self::P521 => Some(Algorithm::ES512),
            Self::MlDsa(algorithm) => Some(algorithm),
            Self::Rsa | Self::P256 | Self::P384 | Self::Ed25519 | Self::Secret => None,
        }
    }

    /// Decodes the numbers of a public key in canonical form.
    pub(super) fn numbers(self, members: &KeyMembers<'_>) -> Result<Numbers, KeyError> {
        match self {
            Self::Rsa => Numbers::canonical_rsa(members.n.as_deref(), members.e.as_deref()),
            Self::P256 => Numbers::p256(members.x.as_deref(), members.y.as_deref()),
            Self::P384 => Numbers::p384(members.x.as_deref(), members.y.as_deref()),
            Self::P521 => Numbers::p521(members.x.as_deref(), members.y.as_deref()),
            Self::Ed25519 => Numbers::ed25519(members.x.as_deref()),
            Self::MlDsa(algorithm) => Numbers::ml_dsa(algorithm.scheme(), members.public.as_deref()),
            Self::Secret => Err(KeyError::UnknownKeyType),
        }
    }
}

/// Returns the algorithms of a key of this kind by its purpose. Does not check its numbers.
pub(super) fn served(members: &KeyMembers<'_>, kind: Kind) -> Result<AlgorithmSet, KeyError> {
    bound(members.alg, kind.algorithms())
}

fn hmac(secret: &[u8], algorithms: AlgorithmSet) -> Result<(PublicKey, AlgorithmSet, Form), KeyError> {
    let served: AlgorithmSet =
        algorithms.iter().filter(|name| name.hash().is_some_and(|hash| secret.len() >= hash.len())).collect();
    if served.is_empty() {
        return Err(KeyError::SecretTooShort);
    }
    let public = PublicKey::secret(secret, served.iter().filter_map(Algorithm::hash));
    Ok((public, served, Form::Secret(sha256(secret))))
}
