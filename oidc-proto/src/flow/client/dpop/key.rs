//! [`DpopKey`]: the key of one session, to which its tokens are bound (RFC 9449), with its saved form.
//!
//! ```text
//! DpopKey ─▶ Client::with_dpop_key ─▶ authorize, callback, refresh, userinfo: each with this key
//!    └─▶ saved and sealed with the login or the session ─▶ another node
//! ```

use crate::{
    base::{
        base64url,
        moment::Moment,
        secret::{Secret, exposed},
    },
    flow::{
        client::{Client, Signer},
        contract::ConfigError,
        saved::seal_as_json,
    },
    jose::{Algorithm, AlgorithmSet, Jwk, RingSigner, SignError},
    metadata::{ClientAuthentication, ProviderMetadata},
    sender::Prover,
};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};
use zeroize::Zeroizing;

/// The version of the saved form.
const VERSION: u32 = 1;

/// The first bytes of an Ed25519 key in PKCS#8 DER (RFC 8410 section 7). The 32 bytes of the key follow.
const ED25519: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// The private key of one session, to which its access and refresh tokens are bound (RFC 9449). Cheap to clone.
///
/// Make a new key for each login, and give it to the client for everything that belongs to this session
/// ([`Client::with_dpop_key`]). Save it (it is `Serialize`) or seal it next to the login or the session: without it, the
/// tokens are worthless. `Debug` shows nothing of it, and its memory is wiped.
///
/// ```
/// use oidc_proto::{flow::{DpopKey, SealingKeys}, message::AuthorizationRequest};
/// use oidc_testkit::Party;
///
/// let mut party = Party::new(); // a provider without a network, a client of it, and a clock
/// let key = DpopKey::ed25519(party.clock.moment())?;
/// let client = party.client.with_dpop_key(&key)?;
/// let (url, pending) = client.authorize(&AuthorizationRequest::new(["email"]), party.clock.moment())?;
/// assert!(url.as_str().contains(&format!("dpop_jkt={}", key.thumbprint())));
///
/// // Into a cookie of its own, while the user is away. `pending` goes into another one.
/// let keys = SealingKeys::new(1, &[42; 32]); // 32 random bytes
/// let cookie = keys.seal(&key, "__Host-key at app.example", party.clock.moment())?;
///
/// // The callback may reach another node: it restores the key first.
/// let restored: DpopKey = keys.open(&cookie, "__Host-key at app.example")?;
/// assert_eq!(restored, key);
/// # drop(pending);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct DpopKey(Arc<Held>);

struct Held {
    pkcs8: Zeroizing<Vec<u8>>,
    prover: Arc<Prover>,
}

impl DpopKey {
    /// Makes a new key on Ed25519 from the entropy of a moment. Many providers accept only `ES256`: see
    /// [`from_pkcs8`](Self::from_pkcs8) for a key on P-256, and `new_dpop_key` of the handles of `oidc-drive`, which makes
    /// the kind of key that the provider accepts.
    ///
    /// # Errors
    /// None in practice: any 32 bytes are a key.
    pub fn ed25519(moment: Moment) -> Result<Self, SignError> {
        let seed = moment.split().1.key();
        let mut pkcs8 = Zeroizing::new([0; ED25519.len() + 32]);
        let bytes = ED25519.iter().chain(seed.iter());
        pkcs8.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        Self::from_pkcs8(Algorithm::EdDSA, &*pkcs8)
    }

    /// Takes a private key in PKCS#8 DER (RFC 5958) that your program has just made, such as one of
    /// `ring::signature::EcdsaKeyPair::generate_pkcs8`.
    ///
    /// # Errors
    /// The key is damaged, too weak, or not for the algorithm.
    pub fn from_pkcs8(algorithm: Algorithm, pkcs8: &[u8]) -> Result<Self, SignError> {
        let signer = RingSigner::from_pkcs8(algorithm, pkcs8, None)?;
        let prover = Prover::new(Arc::new(signer)).ok_or(SignError::KeyRejected)?;
        Ok(Self(Arc::new(Held { pkcs8: Zeroizing::new(pkcs8.to_vec()), prover: Arc::new(prover) })))
    }

    /// Returns the algorithm of the proofs.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.0.prover.algorithm()
    }

    /// Returns the SHA-256 thumbprint of the public half (RFC 7638): the `jkt` of the tokens that are bound to this key.
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        self.0.prover.thumbprint()
    }
}

/// Two keys are the same if they have the same thumbprint and sign with the same algorithm.
impl PartialEq for DpopKey {
    fn eq(&self, other: &Self) -> bool {
        (self.algorithm(), self.thumbprint()) == (other.algorithm(), other.thumbprint())
    }
}

impl Eq for DpopKey {}

impl fmt::Debug for DpopKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DpopKey(..)")
    }
}

/// The saved form of a [`DpopKey`], before it has been checked. The names of its fields are short, because the form may be
/// stored in a cookie.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    v: u32,
    /// The algorithm.
    a: String,
    /// The key in PKCS#8 DER, in base64url.
    #[serde(with = "exposed")]
    k: Secret,
}

impl From<DpopKey> for Saved {
    fn from(key: DpopKey) -> Self {
        let k = Secret::new(base64url::encode(&key.0.pkcs8));
        Self { v: VERSION, a: key.algorithm().name().to_owned(), k }
    }
}

impl TryFrom<Saved> for DpopKey {
    type Error = &'static str;

    fn try_from(Saved { v, a, k }: Saved) -> Result<Self, &'static str> {
        if v != VERSION {
            return Err("the saved DPoP key is of another version");
        }
        let algorithm = Algorithm::from_name(&a);
        let pkcs8 = base64url::decode(k.expose()).map(Zeroizing::new);
        let key =
            algorithm.zip(pkcs8).and_then(|(algorithm, pkcs8)| Self::from_pkcs8(algorithm, &pkcs8).ok());
        key.ok_or("the saved DPoP key is damaged, or of an algorithm that is not known")
    }
}

seal_as_json!(DpopKey, "dpop key");

impl Client {
    /// Returns this client with a key for one session: everything that the returned client gets is bound to this key, in
    /// place of [`ClientBuilder::dpop_key`](crate::flow::ClientBuilder::dpop_key). The login, its callback, its refreshes
    /// and its requests to UserInfo all need the same key.
    ///
    /// # Errors
    /// [`ConfigError::NoDpopAlgorithm`] if the provider lists the algorithms of proofs, and the key has none of them.
    pub fn with_dpop_key(&self, key: &DpopKey) -> Result<Self, ConfigError> {
        let prover = &key.0.prover;
        let prover = match listed(prover, self.metadata())? {
            algorithm if algorithm == prover.algorithm() => Arc::clone(prover),
            twin => Arc::new(prover.named(twin)),
        };
        Ok(self.with_prover(prover))
    }

    /// Returns the thumbprint of the key to which the tokens of this client are bound, if it has one.
    #[must_use]
    pub fn dpop_thumbprint(&self) -> Option<&str> {
        self.prover().map(Prover::thumbprint)
    }

    /// Checks that something is bound to no other key than that of this client, such as a refresh token that your program
    /// keeps. `thumbprint` is that of the key that it is bound to, and `None` if it is bound to no key, or if this is not
    /// known. The login and the refresh make this check themselves.
    ///
    /// # Errors
    /// [`ConfigError::OtherDpopKey`] if it is bound to another key, and if this client has none.
    pub fn check_dpop_key(&self, thumbprint: Option<&str>) -> Result<(), ConfigError> {
        match thumbprint {
            Some(thumbprint) if self.dpop_thumbprint() != Some(thumbprint) => Err(ConfigError::OtherDpopKey),
            Some(_) | None => Ok(()),
        }
    }

    /// Checks that what began with the key of this thumbprint goes on with one. A public client needs the same key. A
    /// client that authenticates may have a new key (RFC 9449 section 5), but not none: it would get bearer tokens.
    pub(in crate::flow) fn check_key_of_session(&self, thumbprint: Option<&str>) -> Result<(), ConfigError> {
        if self.authentication() == ClientAuthentication::None || self.dpop_thumbprint().is_none() {
            return self.check_dpop_key(thumbprint);
        }
        Ok(())
    }

    /// Returns the value of `dpop_jkt` in authorization requests (RFC 9449 section 10), if they have one.
    pub(in crate::flow) fn dpop_jkt(&self) -> Option<&str> {
        self.dpop_thumbprint().filter(|_| !self.quirks().no_dpop_jkt)
    }
}

/// Whether a text could be a thumbprint: 32 bytes in base64url.
pub(in crate::flow) fn is_thumbprint(text: &str) -> bool {
    base64url::decode(text).is_some_and(|bytes| bytes.len() == 32)
}

/// The key of the client itself, to which the tokens of all sessions are bound.
#[derive(Clone)]
pub(in crate::flow::client) enum ClientKey {
    AtHand(Signer),
    /// The public half of the key, and its algorithm.
    Elsewhere(Box<Jwk>, Algorithm),
}

impl ClientKey {
    /// Makes the prover of the client, if the provider accepts the algorithm of the key.
    pub(in crate::flow::client) fn prover(self, metadata: &ProviderMetadata) -> Result<Prover, ConfigError> {
        let prover = match self {
            Self::AtHand(Signer(key)) => Prover::new(key),
            Self::Elsewhere(jwk, algorithm) => Prover::elsewhere(*jwk, algorithm),
        };
        let prover = prover.ok_or(ConfigError::DpopKey)?;
        let algorithm = listed(&prover, metadata)?;
        Ok(prover.named(algorithm))
    }
}

/// Returns the name of the algorithm of this key that the provider lists (`dpop_signing_alg_values_supported`). The two
/// names of Ed25519 count as the same (RFC 9864). A provider that lists nothing leaves the choice to the client.
fn listed(prover: &Prover, metadata: &ProviderMetadata) -> Result<Algorithm, ConfigError> {
    let used = prover.algorithm();
    let offered = metadata.dpop_algorithms();
    if metadata.dpop_signing_alg_values_supported.as_deref().unwrap_or_default().is_empty() {
        return Ok(used);
    }
    let twins = [Algorithm::EdDSA, Algorithm::Ed25519];
    let others = twins.into_iter().filter(|_| twins.contains(&used));
    let found = [used].into_iter().chain(others).find(|algorithm| offered.contains(*algorithm));
    found.ok_or(ConfigError::NoDpopAlgorithm { offered, usable: AlgorithmSet::EMPTY.with(used) })
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
