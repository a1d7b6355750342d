//! [`DpopVerifier`]: the proof that a sender holds the key its token is bound to (RFC 9449 section 4.3).
//!
//! The one place where a key that comes with a message (`jwk`) is used: it proves possession of its
//! private half and nothing else, and counts only if the token is bound to it.

use super::{
    nonce::{Freshness, NonceKeys},
    proof::DPOP,
    replay::ReplayKey,
    target,
};
use crate::{
    backend::sha256,
    base::{
        base64url,
        json::{JsonError, Members, Names, integer},
        moment::Timestamp,
        secret::{Secret, equal},
        sentence::{debug_is_sentence, predicate},
    },
    jose::{AlgorithmSet, Compact, EmbeddedKey, Header, JwsError, KeyError, MAX_EMBEDDED_RSA},
    token::{DEFAULT_LEEWAY, leeway_seconds},
};
use http::{HeaderMap, Method};
use serde_json::Value;
use std::time::Duration;

/// The longest proof that is looked at, in bytes.
pub const MAX_PROOF: usize = 8 * 1024;

/// The longest `jti` of a proof, in bytes.
pub const MAX_JTI: usize = 256;

/// How old a proof may be, in seconds, unless set otherwise; the leeway comes on top.
pub const DEFAULT_PROOF_AGE: Duration = Duration::from_secs(60);

/// Why a proof is refused: `invalid_dpop_proof`, or `use_dpop_nonce` (RFC 9449 sections 7.1 and 9).
///
/// [`DpopVerifier::verify`] returns it, and so do the refusals of a resource server
/// ([`DenialReason::Proof`](crate::resource::DenialReason::Proof)).
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// No `DPoP` header.
    #[error("the request has no DPoP proof")]
    Missing,
    /// More than one `DPoP` header.
    #[error("the request has more than one DPoP proof")]
    Several,
    /// Longer than [`MAX_PROOF`].
    #[error("the DPoP proof is longer than {MAX_PROOF} bytes")]
    TooLarge,
    /// Not a JWS that its own key vouches for.
    #[error("the DPoP proof is refused: {0}")]
    Jws(#[from] JwsError),
    /// Its `typ` is not `dpop+jwt`.
    #[error("the DPoP proof has a `typ` that is not `dpop+jwt`")]
    Type,
    /// Its header brings no key.
    #[error("the DPoP proof has no key (`jwk`)")]
    MissingKey,
    /// Its key is an RSA key of more than [`MAX_EMBEDDED_RSA`](crate::jose::MAX_EMBEDDED_RSA) bits.
    #[error("the DPoP proof has an RSA key (`jwk`) of more than {MAX_EMBEDDED_RSA} bits")]
    KeyTooLong,
    /// Its key is unfit: private, symmetric, too weak, not on its curve.
    #[error("the key (`jwk`) of the DPoP proof {}", predicate(.0))]
    Key(KeyError),
    /// Its claims are not acceptable JSON.
    #[error("the payload of the DPoP proof {}", predicate(.0))]
    Claims(JsonError),
    /// A claim that must be there is not.
    #[error("the DPoP proof lacks the claim `{0}`")]
    MissingClaim(&'static str),
    /// Its `jti` is empty or longer than [`MAX_JTI`].
    #[error("the DPoP proof has a `jti` that is empty or longer than {MAX_JTI} bytes")]
    Identifier,
    /// Made for another method.
    #[error("the DPoP proof was made for another method (`htm`)")]
    Method,
    /// Made for another target.
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
    /// Made for another token.
    #[error("the DPoP proof was made for another access token (`ath`)")]
    TokenHash,
    /// A nonce of this server is demanded, and there is none, or none that is recent.
    #[error("the DPoP proof has no recent nonce of this server; make one with the nonce of this response")]
    Nonce,
    /// Used before.
    #[error("the DPoP proof was used before")]
    Replayed,
}

debug_is_sentence!(ProofError);

impl ProofError {
    /// A short, stable name for logs and metrics.
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

/// What a server demands of DPoP proofs. Made once.
#[derive(Clone, Debug)]
pub struct DpopVerifier {
    algorithms: AlgorithmSet,
    max_age: Duration,
    leeway: Duration,
    nonces: Option<NonceKeys>,
}

impl DpopVerifier {
    /// Accepts proofs with any asymmetric algorithm, no older than [`DEFAULT_PROOF_AGE`], without a
    /// nonce.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            algorithms: AlgorithmSet::ASYMMETRIC,
            max_age: DEFAULT_PROOF_AGE,
            leeway: DEFAULT_LEEWAY,
            nonces: None,
        }
    }

    /// Accepts these algorithms only: those that every call names, if called again. Symmetric ones are left
    /// out whatever is asked for; with an empty set, no proof is accepted.
    #[must_use]
    pub const fn algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.algorithms = self.algorithms.intersection(algorithms);
        self
    }

    /// Sets how old a proof may be.
    #[must_use]
    pub const fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    /// Sets how far the client's clock may be from ours, either way; the default is
    /// [`DEFAULT_LEEWAY`], the most [`MAX_LEEWAY`](crate::token::MAX_LEEWAY).
    #[must_use]
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Demands a nonce of this server in every proof, so that none can be made in advance
    /// (section 11.2). Nothing in a proof or token can take that back.
    #[must_use]
    pub fn demand_nonce(mut self, keys: NonceKeys) -> Self {
        self.nonces = Some(keys);
        self
    }

    /// The nonce that clients should use now, if one is demanded.
    #[must_use]
    pub fn nonce(&self, now: Timestamp) -> Option<String> {
        self.nonces.as_ref().map(|keys| keys.nonce(now))
    }

    /// Checks the proof of a request for `url` (as the client sees it) that came with this token, or
    /// with none: what costs little first, then whether its key is sound, and the signature last. Replay is
    /// for the caller to check, with [`DpopProof::replay_key`].
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
        self.read(headers, method, url, token, now)?.check_signature()
    }

    /// Every check but the two that are dear: whether the key is sound, and the signature. Anybody can send a
    /// proof, so these wait until the token is known to be good, too.
    pub(crate) fn read(
        &self,
        headers: &HeaderMap,
        method: &Method,
        url: &str,
        token: Option<&Secret>,
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
        // Two headers on the way may have become one (RFC 9110 section 5.3).
        if proof.contains(',') {
            return Err(ProofError::Several);
        }
        let parts = Compact::split(proof)?;
        let decode = |part| base64url::decode(part).ok_or(JwsError::Base64);
        let (header, payload, signature) =
            (decode(parts.header)?, decode(parts.payload)?, decode(parts.signature)?);

        let parsed = Header::parse(&header, &mut Names::default())?;
        if !parsed.typ().is_some_and(|typ| typ.eq_ignore_ascii_case("dpop+jwt")) {
            return Err(ProofError::Type);
        }
        if !self.algorithms.contains(parsed.alg()) {
            return Err(JwsError::AlgorithmNotAllowed.into());
        }
        let jwk = Members::parse(&header)
            .and_then(|mut members| members.object("jwk"))
            .map_err(|error| ProofError::Jws(JwsError::Header(error)))?
            .ok_or(ProofError::MissingKey)?;

        let mut claims = Members::parse(&payload).map_err(ProofError::Claims)?;
        let mut text = |name| claims.string(name).map_err(ProofError::Claims);
        let jti = text("jti")?.ok_or(ProofError::MissingClaim("jti"))?;
        let htm = text("htm")?.ok_or(ProofError::MissingClaim("htm"))?;
        let htu = text("htu")?.ok_or(ProofError::MissingClaim("htu"))?;
        let (ath, nonce) = (text("ath")?, text("nonce")?);
        let iat = Timestamp(date(claims.any("iat").ok_or(ProofError::MissingClaim("iat"))?)?);
        if jti.is_empty() || jti.len() > MAX_JTI {
            return Err(ProofError::Identifier);
        }
        if htm != method.as_str() {
            return Err(ProofError::Method);
        }
        let htu = target::normalize(&htu).filter(|htu| target::normalize(url).as_ref() == Some(htu));
        let htu = htu.ok_or(ProofError::Target)?;
        if let Some(token) = token {
            let ath = ath.ok_or(ProofError::MissingClaim("ath"))?;
            let hash = base64url::encode(&sha256(token.expose().as_bytes()));
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
        let next_nonce = self.check_nonce(nonce.as_deref(), now)?;

        let key = EmbeddedKey::read(jwk).map_err(ProofError::Key)?;
        if !key.algorithms().contains(parsed.alg()) {
            return Err(JwsError::KeyMismatch.into());
        }
        if key.is_too_long() {
            return Err(ProofError::KeyTooLong);
        }
        let jkt = key.thumbprint().to_owned();
        let replay_key = ReplayKey::new("dpop", &jkt, &[&jti, &htu], until);
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

    /// The algorithms as a challenge names them.
    pub(crate) fn algorithm_names(&self) -> String {
        self.algorithms.iter().map(crate::jose::Algorithm::name).collect::<Vec<_>>().join(" ")
    }
}

impl Default for DpopVerifier {
    fn default() -> Self {
        Self::new()
    }
}

/// A `NumericDate`, rounded down.
fn date(value: Value) -> Result<i64, ProofError> {
    let wrong = ProofError::Claims(JsonError::WrongType { member: "iat", expected: "a date in seconds" });
    value.as_f64().and_then(|seconds| integer(seconds.floor())).ok_or(wrong)
}

/// A proof whose key and signature have not been checked yet.
pub(crate) struct UncheckedProof {
    proof: DpopProof,
    alg: crate::jose::Algorithm,
    key: EmbeddedKey,
    signed: String,
    signature: Vec<u8>,
}

impl UncheckedProof {
    /// The thumbprint of the key that the proof is said to be of.
    pub(crate) fn jkt(&self) -> &str {
        &self.proof.jkt
    }

    pub(crate) fn check_signature(self) -> Result<DpopProof, ProofError> {
        let key = self.key.judge().map_err(ProofError::Key)?;
        if key.verify(self.alg, self.signed.as_bytes(), &self.signature) {
            Ok(self.proof)
        } else {
            Err(JwsError::Signature.into())
        }
    }
}

/// A proof that has been checked, but for replay.
#[derive(Clone, Debug)]
#[must_use]
pub struct DpopProof {
    jkt: String,
    replay_key: ReplayKey,
    next_nonce: Option<String>,
}

impl DpopProof {
    /// The thumbprint of the key that the sender holds.
    #[must_use]
    pub fn jkt(&self) -> &str {
        &self.jkt
    }

    /// What to remember the proof by.
    #[must_use]
    pub const fn replay_key(&self) -> ReplayKey {
        self.replay_key
    }

    /// A newer nonce for the client, if its own will soon be too old.
    #[must_use]
    pub fn next_nonce(&self) -> Option<&str> {
        self.next_nonce.as_deref()
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
