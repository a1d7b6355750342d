//! [`DpopVerifier`]: checks the proof that a sender holds the key to which its token is bound (RFC 9449 section 4.3).
//!
//! Nowhere else does this library use a key from the message itself (`jwk`). The key proves only that the sender holds
//! its private half. It counts only if the token is bound to it.

use super::{
    claims::ProofClaims,
    nonce::{Freshness, NonceKeys},
    proof::DPOP,
    replay::ReplayKey,
    target,
};
use crate::{
    backend::sha256,
    base::{
        base64url,
        json::{JsonError, Names, integer, object::Slot},
        moment::Timestamp,
        secret::{Secret, equal},
        sentence::{debug_is_sentence, predicate},
    },
    jose::{AlgorithmSet, Compact, EmbeddedKey, Header, HeaderKey, JwsError, KeyError, MAX_EMBEDDED_RSA},
    token::{DEFAULT_LEEWAY, leeway_seconds},
};
use http::{HeaderMap, Method};
use std::time::Duration;

/// The maximum length of a proof, in bytes. A longer one is refused before it is decoded. It is no setting: a proof has one
/// key and five short claims, and the longest key makes it 2 KB.
pub const MAX_PROOF: usize = 8 * 1024;

/// The maximum length of the `jti` of a proof, in bytes. It is no setting: a client needs 16 random bytes.
pub const MAX_JTI: usize = 256;

/// The default maximum age of a proof: 60 seconds. The leeway is added to it.
pub const DEFAULT_PROOF_AGE: Duration = Duration::from_secs(60);

/// The reason why a proof is refused. The error code of the response is `use_dpop_nonce` for [`Nonce`](Self::Nonce),
/// and `invalid_dpop_proof` for all others (RFC 9449 sections 7.1 and 9).
///
/// [`DpopVerifier::verify`] returns it, and so do the refusals of a resource server
/// ([`DenialReason::Proof`](crate::resource::DenialReason::Proof)).
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// The request has no `DPoP` header.
    #[error("the request has no DPoP proof")]
    Missing,
    /// The request has more than one `DPoP` header.
    #[error("the request has more than one DPoP proof")]
    Several,
    /// The proof is longer than [`MAX_PROOF`].
    #[error("the DPoP proof is longer than {MAX_PROOF} bytes")]
    TooLarge,
    /// The proof is not a JWS, or its own key has not signed it.
    #[error("the DPoP proof is refused: {0}")]
    Jws(#[from] JwsError),
    /// The `typ` is not `dpop+jwt`.
    #[error("the DPoP proof has a `typ` that is not `dpop+jwt`")]
    Type,
    /// The header has no key (`jwk`).
    #[error("the DPoP proof has no key (`jwk`)")]
    MissingKey,
    /// The key is an RSA key of more than [`MAX_EMBEDDED_RSA`](crate::jose::MAX_EMBEDDED_RSA) bits.
    #[error("the DPoP proof has an RSA key (`jwk`) of more than {MAX_EMBEDDED_RSA} bits")]
    KeyTooLong,
    /// The key is unusable: private, symmetric, too weak, or not on its curve.
    #[error("the key (`jwk`) of the DPoP proof {}", predicate(.0))]
    Key(KeyError),
    /// The claims are not acceptable JSON.
    #[error("the payload of the DPoP proof {}", predicate(.0))]
    Claims(JsonError),
    /// A required claim is missing.
    #[error("the DPoP proof lacks the claim `{0}`")]
    MissingClaim(&'static str),
    /// The `jti` is empty or longer than [`MAX_JTI`].
    #[error("the DPoP proof has a `jti` that is empty or longer than {MAX_JTI} bytes")]
    Identifier,
    /// The proof is for another method (`htm`).
    #[error("the DPoP proof was made for another method (`htm`)")]
    Method,
    /// The proof is for another target (`htu`).
    #[error("the DPoP proof was made for another target (`htu`)")]
    Target,
    /// Made too long ago.
    #[error("the DPoP proof was made {} s ago (`iat`), and `max_age` and `leeway` allow {} s", .ago.as_secs(), .allowed.as_secs())]
    TooOld {
        /// How long ago it was made.
        ago: Duration,
        /// How long ago that may have been: the maximum age, and the leeway.
        allowed: Duration,
    },
    /// Made in the future.
    #[error("the DPoP proof was made {} s in the future (`iat`), and `leeway` is {} s; are the clocks right?", .ahead.as_secs(), .leeway.as_secs())]
    FromFuture {
        /// How far its `iat` is ahead of this clock.
        ahead: Duration,
        /// How far it may be.
        leeway: Duration,
    },
    /// The proof is for another access token (`ath`).
    #[error("the DPoP proof was made for another access token (`ath`)")]
    TokenHash,
    /// This server demands a nonce, and the proof has none, a foreign one or an old one.
    #[error("the DPoP proof has no recent nonce of this server; make one with the nonce of this response")]
    Nonce,
    /// The proof has been used before.
    #[error("the DPoP proof was used before")]
    Replayed,
}

debug_is_sentence!(ProofError);

impl ProofError {
    /// Returns a short, stable name for logs and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "proof_missing",
            Self::Several => "proof_several",
            Self::TooLarge => "proof_too_large",
            Self::Jws(_) => "proof_jws",
            Self::Type => "proof_typ",
            Self::MissingKey => "proof_missing_key",
            Self::KeyTooLong => "proof_key_too_long",
            Self::Key(_) => "proof_key",
            Self::Claims(_) => "proof_claims_json",
            Self::MissingClaim(_) => "proof_missing_claim",
            Self::Identifier => "proof_jti",
            Self::Method => "proof_htm",
            Self::Target => "proof_htu",
            Self::TooOld { .. } => "proof_too_old",
            Self::FromFuture { .. } => "proof_from_future",
            Self::TokenHash => "proof_ath",
            Self::Nonce => "proof_nonce",
            Self::Replayed => "proof_replayed",
        }
    }
}

/// Verifies DPoP proofs (RFC 9449 section 4.3). Make one and use it for every request.
///
/// A [`ResourceServer`](crate::resource::ResourceServer) with a verifier
/// ([`accept_dpop`](crate::resource::ResourceServerBuilder::accept_dpop)) does all of this for an API. This example
/// checks the proof of RFC 9449 section 4.1:
///
/// ```
/// use http::{HeaderMap, Method};
/// use oidc_proto::{
///     Timestamp,
///     sender::{DpopVerifier, ReplayAnswer, ReplayWindow},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let proof = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0V\
///     jNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5V\
///     ERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIs\
///     Imh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vf\
///     rg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
/// let mut headers = HeaderMap::new();
/// headers.insert("dpop", proof.parse()?);
/// let now = Timestamp(1_562_262_620);
///
/// let verifier = DpopVerifier::new();
/// let proof = verifier.verify(&headers, &Method::POST, "https://server.example.com/token", None, now)?;
/// // The thumbprint of the client's key. A token bound to it has it in `cnf`.
/// assert_eq!(proof.jkt(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
///
/// // The verifier has no memory: ask a window whether the proof is new.
/// let mut window = ReplayWindow::new();
/// assert_eq!(window.first_use(proof.replay_key(), now), ReplayAnswer::First);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DpopVerifier {
    algorithms: AlgorithmSet,
    max_age: Duration,
    leeway: Duration,
    nonces: Option<NonceKeys>,
}

impl DpopVerifier {
    /// Accepts proofs with any algorithm of [`AlgorithmSet::DEFAULT`], no older than [`DEFAULT_PROOF_AGE`]. It demands no nonce.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            algorithms: AlgorithmSet::DEFAULT,
            max_age: DEFAULT_PROOF_AGE,
            leeway: DEFAULT_LEEWAY,
            nonces: None,
        }
    }

    /// Accepts these signature algorithms only. A second call can only narrow the set: the verifier accepts the
    /// algorithms that every call names. Symmetric algorithms are never accepted. With an empty set, it refuses every
    /// proof.
    #[must_use]
    pub const fn algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.algorithms = self.algorithms.intersection(algorithms);
        self
    }

    /// Sets the maximum age of a proof. The default is [`DEFAULT_PROOF_AGE`]. The leeway is added to it.
    #[must_use]
    pub const fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// Sets how far the client's clock may be ahead of ours or behind it. The default is [`DEFAULT_LEEWAY`], the
    /// maximum [`MAX_LEEWAY`](crate::token::MAX_LEEWAY).
    #[must_use]
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Demands a nonce of this server in every proof, so that a client cannot make proofs in advance (RFC 9449 section
    /// 11.2). Nothing in a proof or token can switch this off.
    #[must_use]
    pub fn demand_nonce(mut self, keys: NonceKeys) -> Self {
        self.nonces = Some(keys);
        self
    }

    /// Returns the nonce that clients should use now. `None` if no nonce is demanded.
    #[must_use]
    pub fn nonce(&self, now: Timestamp) -> Option<String> {
        self.nonces.as_ref().map(|keys| keys.nonce(now))
    }

    /// Checks the proof of a request. `url` is the URL as the client sees it, `token` the access token of the request,
    /// if it has one. Cheap checks run first, then the check of the key, and the signature last. The caller must then
    /// check for replay, with [`DpopProof::replay_key`].
    ///
    /// # Errors
    /// [`ProofError`] names the rule that the proof breaks.
    pub fn verify(
        &self,
        headers: &HeaderMap,
        method: &Method,
        url: &str,
        token: Option<&Secret>,
        now: Timestamp,
    ) -> Result<DpopProof, ProofError> {
        self.read(headers, method, url, token.map(Secret::expose), now)?.check_signature()
    }

    /// Runs every check except the two expensive ones: whether the key is usable, and the signature. Anybody can send a
    /// proof, so these two wait until the token is known to be valid.
    pub(crate) fn read(
        &self,
        headers: &HeaderMap,
        method: &Method,
        url: &str,
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<UncheckedProof, ProofError> {
        let mut values = headers.get_all(DPOP).iter();
        let proof = values.next().ok_or(ProofError::Missing)?;
        if values.next().is_some() {
            return Err(ProofError::Several);
        }
        if proof.len() > MAX_PROOF {
            return Err(ProofError::TooLarge);
        }
        let proof = proof.to_str().map_err(|_| JwsError::NotCompact)?;
        // A proxy may have joined two headers into one (RFC 9110 section 5.3).
        if proof.contains(',') {
            return Err(ProofError::Several);
        }
        let parts = Compact::split(proof)?;
        let decode = |part| base64url::decode(part).ok_or(JwsError::Base64);
        let (header, payload, signature) =
            (decode(parts.header)?, decode(parts.payload)?, decode(parts.signature)?);

        let mut names = Names::default();
        let mut jwk = HeaderKey::default();
        let parsed = Header::parse_with(&header, &mut names, &mut jwk)?;
        if !parsed.typ().is_some_and(|typ| typ.eq_ignore_ascii_case("dpop+jwt")) {
            return Err(ProofError::Type);
        }
        if !self.algorithms.contains(parsed.alg()) {
            return Err(JwsError::AlgorithmNotAllowed.into());
        }
        let jwk = jwk
            .found()
            .map_err(|error| ProofError::Jws(JwsError::Header(error)))?
            .ok_or(ProofError::MissingKey)?;

        let claims = ProofClaims::parse(&payload, &mut names).map_err(ProofError::Claims)?;
        let text = |claim: &'static str, slot| Slot::string(slot, claim).map_err(ProofError::Claims);
        let jti = text("jti", &claims.jti)?.ok_or(ProofError::MissingClaim("jti"))?;
        let htm = text("htm", &claims.htm)?.ok_or(ProofError::MissingClaim("htm"))?;
        let htu = text("htu", &claims.htu)?.ok_or(ProofError::MissingClaim("htu"))?;
        let (ath, nonce) = (text("ath", &claims.ath)?, text("nonce", &claims.nonce)?);
        let iat = Timestamp(date(&claims.iat)?);
        if jti.is_empty() || jti.len() > MAX_JTI {
            return Err(ProofError::Identifier);
        }
        if htm != method.as_str() {
            return Err(ProofError::Method);
        }
        let htu = target::normalize(htu).filter(|htu| target::normalize(url).as_ref() == Some(htu));
        let htu = htu.ok_or(ProofError::Target)?;
        if let Some(token) = token {
            let ath = ath.ok_or(ProofError::MissingClaim("ath"))?;
            let hash = base64url::encode(&sha256(token.as_bytes()));
            if !equal(ath.as_bytes(), hash.as_bytes()) {
                return Err(ProofError::TokenHash);
            }
        }
        let leeway = leeway_seconds(self.leeway);
        let until = iat.after(self.max_age).plus(leeway);
        if now > until {
            return Err(ProofError::TooOld { ago: iat.until(now), allowed: iat.until(until) });
        }
        if iat > now.plus(leeway) {
            let leeway = Duration::from_secs(leeway.unsigned_abs());
            return Err(ProofError::FromFuture { ahead: now.until(iat), leeway });
        }
        let next_nonce = self.check_nonce(nonce, now)?;

        let key = EmbeddedKey::read(&jwk).map_err(ProofError::Key)?;
        if !key.algorithms().contains(parsed.alg()) {
            return Err(JwsError::KeyMismatch.into());
        }
        if key.is_too_long() {
            return Err(ProofError::KeyTooLong);
        }
        let jkt = key.thumbprint().to_owned();
        let replay_key = ReplayKey::new("dpop", &jkt, &[jti, &htu], until);
        let proof = DpopProof { jkt, replay_key, next_nonce };
        let signed = parts.signed.to_owned();
        Ok(UncheckedProof { proof, alg: parsed.alg(), key, signed, signature })
    }

    fn check_nonce(&self, nonce: Option<&str>, now: Timestamp) -> Result<Option<String>, ProofError> {
        let Some(keys) = &self.nonces else { return Ok(None) };
        match nonce.map(|nonce| keys.check(nonce, now)) {
            Some(Freshness::Current) => Ok(None),
            Some(Freshness::Recent) => Ok(Some(keys.nonce(now))),
            Some(Freshness::Foreign) | None => Err(ProofError::Nonce),
        }
    }

    /// Returns the names of the algorithms, separated by spaces, for a challenge.
    pub(crate) fn algorithm_names(&self) -> String {
        self.algorithms.iter().map(crate::jose::Algorithm::name).collect::<Vec<_>>().join(" ")
    }
}

impl Default for DpopVerifier {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads the `iat` as a `NumericDate` (RFC 7519 section 2), rounded down.
fn date(iat: &Slot<'_>) -> Result<i64, ProofError> {
    let wrong = ProofError::Claims(JsonError::WrongType { member: "iat", expected: "a date in seconds" });
    match iat {
        Slot::Absent => Err(ProofError::MissingClaim("iat")),
        Slot::Number(seconds) => integer(seconds.floor()).ok_or(wrong),
        Slot::Text(_) | Slot::Other => Err(wrong),
    }
}

/// A proof whose key and signature are not checked yet.
pub(crate) struct UncheckedProof {
    proof: DpopProof,
    alg: crate::jose::Algorithm,
    key: EmbeddedKey,
    signed: String,
    signature: Vec<u8>,
}

impl UncheckedProof {
    /// Returns the thumbprint of the key in the proof. Whether this key signed the proof is not checked yet.
    pub(crate) fn jkt(&self) -> &str {
        &self.proof.jkt
    }

    pub(crate) fn check_signature(self) -> Result<DpopProof, ProofError> {
        let signed = self.signed.as_bytes();
        if self.key.verify(self.alg, signed, &self.signature).map_err(ProofError::Key)? {
            Ok(self.proof)
        } else {
            Err(JwsError::Signature.into())
        }
    }
}

/// A checked proof. Only the check for replay is left to the caller: see [`replay_key`](Self::replay_key).
///
/// ```
/// use http::{HeaderMap, header::InvalidHeaderValue};
/// use oidc_proto::sender::DpopProof;
///
/// /// What a token endpoint does with a checked proof: it renews the nonce and binds the token.
/// fn bind(proof: &DpopProof, response: &mut HeaderMap) -> Result<serde_json::Value, InvalidHeaderValue> {
///     if let Some(nonce) = proof.next_nonce() {
///         response.insert("dpop-nonce", nonce.parse()?);
///     }
///     Ok(serde_json::json!({ "jkt": proof.jkt() })) // The `cnf` of the token.
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct DpopProof {
    jkt: String,
    replay_key: ReplayKey,
    next_nonce: Option<String>,
}

impl DpopProof {
    /// Returns the thumbprint of the key that the sender holds (RFC 7638). Show it to a token verifier with
    /// [`Possession::key`](crate::token::Possession::key).
    #[must_use]
    pub fn jkt(&self) -> &str {
        &self.jkt
    }

    /// Returns the key under which a [`ReplayWindow`](super::ReplayWindow) or a shared store remembers the proof.
    #[must_use]
    pub const fn replay_key(&self) -> ReplayKey {
        self.replay_key
    }

    /// Returns a newer nonce for the client, if its own will soon be too old. Send it in the header `DPoP-Nonce` of the
    /// response (RFC 9449 section 8.2).
    #[must_use]
    pub fn next_nonce(&self) -> Option<&str> {
        self.next_nonce.as_deref()
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
