//! ID tokens (OpenID Connect Core 1.0 sections 2, 3.1.3.7, 3.3.2.11 and 12.2).

use super::{
    Audience, Claims, Scratch, VerificationError,
    claims::{DEFAULT_LEEWAY, check_times, leeway_seconds},
    jwt::{Unverified, is_type},
};
use crate::{
    base::{
        json::Extra,
        moment::Timestamp,
        secret::{Secret, equal},
        visible::all_visible,
    },
    jose::{Algorithm, AlgorithmSet, Allowed, KeySet},
    metadata::IssuerRule,
};
use serde::de::DeserializeOwned;
use std::{borrow::Cow, fmt, time::Duration};

/// The longest `sub`, in ASCII characters (section 2).
const MAX_SUB: usize = 255;

/// Whether a text can be the name of a user at their issuer (OpenID Connect Core 1.0 section 2): ASCII, and
/// nothing that would break the line of a log.
pub(crate) fn is_sub(sub: &str) -> bool {
    (1..=MAX_SUB).contains(&sub.len()) && sub.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// What a client demands of ID tokens. Made once.
#[derive(Clone, Debug)]
pub struct IdTokenVerifier {
    pub(crate) issuer: IssuerRule,
    pub(crate) client_id: String,
    pub(crate) trusted_audiences: Vec<String>,
    pub(crate) algorithms: Allowed,
    pub(crate) leeway: Duration,
}

/// What one ID token must fit, besides what all of them must.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct Expected<'e> {
    /// The nonce that was sent; then the token must have it.
    pub nonce: Option<&'e str>,
    /// How old, in seconds, the user's authentication may be; then the token must have `auth_time`.
    pub max_age: Option<u32>,
    /// Authentication context classes of which the token must name one; empty if it need not name any.
    pub acr: &'e [String],
    /// The access token that came with it: `at_hash` must be its hash, if there.
    pub access_token: Option<&'e Secret>,
    /// The code that came with it: `c_hash` must be its hash, if there.
    pub code: Option<&'e Secret>,
    /// The state that came with it: `s_hash` must be its hash, if there.
    pub state: Option<&'e str>,
    /// Whether it came through the browser: then `c_hash` must be there if a code came with it, and `at_hash` if
    /// an access token did (section 3.3.2.11).
    pub front_channel: bool,
}

impl fmt::Debug for Expected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { max_age, acr, .. } = self;
        f.debug_struct("Expected").field("max_age", max_age).field("acr", acr).finish_non_exhaustive()
    }
}

impl IdTokenVerifier {
    /// Accepts ID tokens of this issuer for this client, signed with any asymmetric algorithm.
    #[must_use]
    pub fn new(issuer: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            issuer: IssuerRule::exact(issuer),
            client_id: client_id.into(),
            trusted_audiences: Vec::new(),
            algorithms: Allowed::DEFAULT,
            leeway: DEFAULT_LEEWAY,
        }
    }

    /// Accepts ID tokens of the issuers of this rule, instead of the one named first.
    #[must_use]
    pub fn issuer_rule(mut self, rule: IssuerRule) -> Self {
        self.issuer = rule;
        self
    }

    /// Accepts these algorithms only: those that every call names, if called again. The default is every
    /// asymmetric one; with an empty set, no token is accepted.
    #[must_use]
    pub const fn algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.algorithms = self.algorithms.only(algorithms);
        self
    }

    /// Accepts ID tokens that are meant for these, too, besides this client and those named before.
    #[must_use]
    pub fn trusted_audiences<S: Into<String>>(mut self, audiences: impl IntoIterator<Item = S>) -> Self {
        self.trusted_audiences.extend(audiences.into_iter().map(Into::into));
        self
    }

    /// Sets how far, in seconds, the issuer's clock may be from ours, either way.
    #[must_use]
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Verifies an ID token: signature, issuer, audience, times, and what is expected of this one.
    ///
    /// # Errors
    /// [`VerificationError`] names the clause that the token breaks.
    pub fn verify(
        &self,
        token: &Secret,
        keys: &KeySet,
        expected: &Expected<'_>,
        now: Timestamp,
    ) -> Result<IdToken, VerificationError> {
        let mut scratch = Scratch::new();
        let typ_fits: fn(Option<&str>) -> bool = |typ| typ.is_none_or(|typ| is_type(typ, "jwt"));
        let unverified = Unverified::read(token.expose(), &mut scratch, self.algorithms.set(), typ_fits)?;
        let iss = unverified.claims.iss.as_deref().ok_or(VerificationError::Missing("iss"))?;
        if !self.issuer.fits(iss, unverified.payload) {
            return Err(VerificationError::Issuer);
        }
        self.check(&unverified.claims, unverified.header.alg(), expected, now)?;
        unverified.check_signature(keys, self.algorithms.set(), &self.issuer)?;
        IdToken::new(&unverified.claims, unverified.payload, token.clone())
    }

    fn check(
        &self,
        claims: &Claims<'_>,
        alg: Algorithm,
        expected: &Expected<'_>,
        now: Timestamp,
    ) -> Result<(), VerificationError> {
        let sub = claims.sub.as_deref().ok_or(VerificationError::Missing("sub"))?;
        if !is_sub(sub) {
            return Err(VerificationError::Value("sub"));
        }
        for (name, value) in [("acr", &claims.acr), ("sid", &claims.sid)] {
            if value.as_deref().is_some_and(|value| !all_visible(value)) {
                return Err(VerificationError::Value(name));
            }
        }
        self.check_audience(claims)?;
        claims.exp.ok_or(VerificationError::Missing("exp"))?;
        claims.iat.ok_or(VerificationError::Missing("iat"))?;
        check_times(claims, self.leeway, now)?;
        if let Some(sent) = expected.nonce {
            let nonce = claims.nonce.as_deref().ok_or(VerificationError::Missing("nonce"))?;
            if !equal(nonce.as_bytes(), sent.as_bytes()) {
                return Err(VerificationError::Nonce);
            }
        }
        if let Some(max_age) = expected.max_age {
            let since = claims.auth_time.ok_or(VerificationError::Missing("auth_time"))?;
            let leeway = leeway_seconds(self.leeway);
            let latest = since.plus(i64::from(max_age)).plus(leeway);
            if latest < now {
                return Err(VerificationError::AuthenticationTooOld {
                    ago: since.until(now),
                    allowed: since.until(latest),
                });
            }
        }
        if !expected.acr.is_empty() {
            let acr = claims.acr.as_deref().ok_or(VerificationError::Missing("acr"))?;
            if !expected.acr.iter().any(|wanted| wanted == acr) {
                return Err(VerificationError::AuthenticationContext);
            }
        }
        let front = expected.front_channel;
        for (name, claim, value, demanded, otherwise) in [
            (
                "at_hash",
                &claims.at_hash,
                expected.access_token.map(Secret::expose),
                front,
                VerificationError::AccessTokenHash,
            ),
            ("c_hash", &claims.c_hash, expected.code.map(Secret::expose), front, VerificationError::CodeHash),
            ("s_hash", &claims.s_hash, expected.state, false, VerificationError::StateHash),
        ] {
            if demanded && value.is_some() && claim.is_none() {
                return Err(VerificationError::Missing(name));
            }
            // Without the value there is nothing to compare; the flow that has it passes it.
            if let (Some(hash), Some(value)) = (claim, value)
                && !equal(hash.as_bytes(), alg.left_half_hash(value.as_bytes()).as_bytes())
            {
                return Err(otherwise);
            }
        }
        Ok(())
    }

    fn check_audience(&self, claims: &Claims<'_>) -> Result<(), VerificationError> {
        let aud = claims.aud.ok_or(VerificationError::Missing("aud"))?;
        if !aud.contains(&self.client_id) {
            return Err(VerificationError::Audience);
        }
        if !aud.all(|other| other == self.client_id || self.trusted_audiences.iter().any(|t| t == other)) {
            return Err(VerificationError::UntrustedAudience);
        }
        match claims.azp.as_deref() {
            Some(azp) if azp != self.client_id => Err(VerificationError::AuthorizedParty),
            Some(_) | None => Ok(()),
        }
    }
}

/// An ID token that has been verified: who the user is, as the issuer says.
///
/// There is no other way to one than a verifier or a flow.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct IdToken {
    /// The issuer.
    pub iss: String,
    /// The user, at this issuer.
    pub sub: String,
    /// Whom it is meant for.
    pub aud: Vec<String>,
    /// When it expires.
    pub exp: Timestamp,
    /// When it was issued.
    pub iat: Timestamp,
    /// The client it was issued to.
    pub azp: Option<String>,
    /// The nonce of the request it answers.
    pub nonce: Option<String>,
    /// When the user was authenticated.
    pub auth_time: Option<Timestamp>,
    /// The class of that authentication.
    pub acr: Option<String>,
    /// The methods of that authentication.
    pub amr: Vec<String>,
    /// The session at the provider.
    pub sid: Option<String>,
    /// Every other claim.
    pub claims: Extra,
    /// The token itself, for `id_token_hint`.
    pub token: Secret,
}

/// Without the nonce, which a log has no use for; of the other claims the names alone.
impl fmt::Debug for IdToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { iss, sub, aud, exp, iat, azp, nonce: _, auth_time, acr, amr, sid, claims, token: _ } =
            self;
        f.debug_struct("IdToken")
            .field("iss", iss)
            .field("sub", sub)
            .field("aud", aud)
            .field("exp", exp)
            .field("iat", iat)
            .field("azp", azp)
            .field("auth_time", auth_time)
            .field("acr", acr)
            .field("amr", amr)
            .field("sid", sid)
            .field("claims", &claims.keys())
            .finish_non_exhaustive()
    }
}

/// The claims that have fields of their own.
const TYPED: [&str; 11] =
    ["iss", "sub", "aud", "exp", "iat", "azp", "nonce", "auth_time", "acr", "amr", "sid"];

impl IdToken {
    fn new(claims: &Claims<'_>, payload: &[u8], token: Secret) -> Result<Self, VerificationError> {
        let owned = |claim: &Option<Cow<'_, str>>| claim.as_deref().map(str::to_owned);
        let mut others: Extra = serde_json::from_slice(payload)
            .map_err(|_| VerificationError::Claims(crate::base::json::JsonError::NotJson))?;
        others.retain(|name, value| !value.is_null() && !TYPED.contains(&name.as_str()));
        Ok(Self {
            iss: owned(&claims.iss).ok_or(VerificationError::Missing("iss"))?,
            sub: owned(&claims.sub).ok_or(VerificationError::Missing("sub"))?,
            aud: claims.aud.map(Audience::to_vec).unwrap_or_default(),
            exp: claims.exp.ok_or(VerificationError::Missing("exp"))?,
            iat: claims.iat.ok_or(VerificationError::Missing("iat"))?,
            azp: owned(&claims.azp),
            nonce: owned(&claims.nonce),
            auth_time: claims.auth_time,
            acr: owned(&claims.acr),
            amr: claims.amr.map(Audience::to_vec).unwrap_or_default(),
            sid: owned(&claims.sid),
            claims: others,
            token,
        })
    }

    /// A claim in a type of your choice; `None` if it is absent or of another type.
    #[must_use]
    pub fn claim<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.claims.get(name)?).ok()
    }
}
