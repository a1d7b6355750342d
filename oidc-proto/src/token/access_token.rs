//! The hot path: [`AccessTokenVerifier`] checks access tokens at a resource server (RFC 9068 section 4).

use super::{
    Claims, Possession, Scratch, VerificationError,
    claims::{DEFAULT_LEEWAY, check_times, leeway_seconds},
    jwt::{Unverified, is_type},
    plain,
    scopes::{self, Others},
};
use crate::base::sentence::debug_is_sentence;
use crate::{
    backend::Fingerprint,
    base::{moment::Timestamp, visible::all_visible},
    jose::{AlgorithmSet, Allowed, Key, KeySet},
    metadata::IssuerRule,
};
use serde::Deserialize;
use std::{borrow::Cow, fmt, time::Duration};

/// What a resource server demands of access tokens. Made once, used for every request.
///
/// Always checked: size, `typ`, `crit`, duplicate members, signature, `iss`, `aud`, `exp`, `nbf`,
/// `iat`. Demanded by the JWT profile (RFC 9068 section 2.2): `sub`, `client_id`, `iat`, `jti`.
#[derive(Clone, Debug)]
pub struct AccessTokenVerifier {
    issuer: IssuerRule,
    /// The issuer that was named first, if a rule has taken its place.
    name: Option<String>,
    audiences: Vec<String>,
    algorithms: Allowed,
    leeway: Duration,
    plain_jwt: bool,
}

impl AccessTokenVerifier {
    /// Accepts access tokens of this issuer that are meant for this audience (the resource).
    #[must_use]
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self::without_audience(issuer).or_audience(audience)
    }

    /// Refuses every token of this issuer until an audience is named.
    pub(crate) fn without_audience(issuer: impl Into<String>) -> Self {
        Self {
            issuer: IssuerRule::exact(issuer),
            name: None,
            audiences: Vec::new(),
            algorithms: Allowed::DEFAULT,
            leeway: DEFAULT_LEEWAY,
            plain_jwt: false,
        }
    }

    /// Accepts tokens of the issuers of this rule, instead of the one named first. That one stays the name of all:
    /// see [`TrustedIssuer`](crate::resource::TrustedIssuer).
    #[must_use]
    pub fn issuer_rule(mut self, rule: IssuerRule) -> Self {
        let before = std::mem::replace(&mut self.issuer, rule);
        self.name.get_or_insert_with(|| before.as_str().to_owned());
        self
    }

    /// Accepts tokens for this audience, too.
    #[must_use]
    pub fn or_audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Accepts these algorithms only: those that every call names, if called again. The default is every
    /// asymmetric one; with an empty set, no token is accepted.
    #[must_use]
    pub const fn algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.algorithms = self.algorithms.only(algorithms);
        self
    }

    /// Sets how far, in seconds, the issuer's clock may be from ours, either way; the default is
    /// [`DEFAULT_LEEWAY`](super::DEFAULT_LEEWAY), the most [`MAX_LEEWAY`](super::MAX_LEEWAY).
    #[must_use]
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Accepts JWTs that do not say they are access tokens, as older providers issue them: `typ` may
    /// be absent or `JWT`, and of the claims only `iss`, `aud` and `exp` are demanded, somebody whom it is
    /// about (`sub`, or the client), and a mark of an access token.
    ///
    /// That mark is `client_id` (or `cid` of Okta, `appid` and `azpacr` of Entra), `scope` or `scp`, an `azp`
    /// that is not in `aud`, or no `iat`. An ID token has none of them: it is made for its client, says
    /// nothing of what that may do, and says when it was issued. So ID tokens are still refused
    /// ([`VerificationError::IdTokenAsAccessToken`]), and also those with `nonce`, `at_hash`, `c_hash` or `s_hash`, or
    /// that say so (`token_use` of Cognito, `typ` of Keycloak). So are logout tokens, those with `events`;
    /// refresh tokens that say so; and authorization responses (JARM), those with `code`, `state`,
    /// `access_token`, `id_token` or `error`.
    #[must_use]
    pub const fn accept_plain_jwt(mut self) -> Self {
        self.plain_jwt = true;
        self
    }

    /// Verifies a bearer token: cheap checks first, the signature last. Allocates nothing once
    /// `scratch` has grown (claims with escapes in them apart).
    ///
    /// A token that is bound to a key (`cnf`) is no bearer token and is refused: see
    /// [`Self::verify_bound`].
    ///
    /// # Errors
    /// [`VerificationError`] names the clause that the token breaks.
    /// [`VerificationError::wants_newer_keys`] says whether to fetch the issuer's keys and try again.
    pub fn verify<'s>(
        &self,
        token: &str,
        keys: &KeySet,
        scratch: &'s mut Scratch,
        now: Timestamp,
    ) -> Result<VerifiedAccessToken<'s>, VerificationError> {
        self.verify_bound(token, keys, scratch, now, Possession::none())
    }

    /// Verifies a token, and that whoever sent it holds every key that it is bound to.
    ///
    /// # Errors
    /// As [`Self::verify`]; and the token is bound to a key that was not shown to be held, to another
    /// one, or by a method that is not supported; or a DPoP key was shown and the token is not bound
    /// to it.
    pub fn verify_bound<'s>(
        &self,
        token: &str,
        keys: &KeySet,
        scratch: &'s mut Scratch,
        now: Timestamp,
        shown: Possession<'_>,
    ) -> Result<VerifiedAccessToken<'s>, VerificationError> {
        self.verify_with_key(token, keys, scratch, now, shown).map(|(verified, _)| verified)
    }

    /// The same, and the key of the issuer that signed it.
    pub(crate) fn verify_with_key<'s, 'k>(
        &self,
        token: &str,
        keys: &'k KeySet,
        scratch: &'s mut Scratch,
        now: Timestamp,
        shown: Possession<'_>,
    ) -> Result<(VerifiedAccessToken<'s>, &'k Key), VerificationError> {
        self.verify_by(token, scratch, now, shown, |unverified| self.check_signature(unverified, keys))
    }

    /// Verifies a token whose signature somebody else vouches for, after everything else is right.
    pub(super) fn verify_by<'s, 't, K>(
        &self,
        token: &'t str,
        scratch: &'s mut Scratch,
        now: Timestamp,
        shown: Possession<'_>,
        signed: impl FnOnce(&Unverified<'s, 't>) -> Result<K, VerificationError>,
    ) -> Result<(VerifiedAccessToken<'s>, K), VerificationError> {
        let typ_fits: fn(Option<&str>) -> bool = if self.plain_jwt {
            |typ| typ.is_none_or(|typ| is_type(typ, "jwt") || is_type(typ, "at+jwt"))
        } else {
            |typ| typ.is_some_and(|typ| is_type(typ, "at+jwt"))
        };
        let token = Unverified::read(token, scratch, self.algorithms.set(), typ_fits)?;
        self.check(&token, now)?;
        shown.satisfies(token.claims.cnf.as_ref())?;
        let by = signed(&token)?;
        let scopes = Others::of(&token.claims, token.payload);
        Ok((VerifiedAccessToken { claims: token.claims, payload: token.payload, scopes }, by))
    }

    pub(super) fn check_signature<'k>(
        &self,
        token: &Unverified<'_, '_>,
        keys: &'k KeySet,
    ) -> Result<&'k Key, VerificationError> {
        token.check_signature(keys, self.algorithms.set(), &self.issuer)
    }

    /// The issuer as it was named first, whatever rule was set after.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.issuer.as_str())
    }

    pub(crate) const fn rule(&self) -> &IssuerRule {
        &self.issuer
    }

    /// Whether a token for this audience is for us.
    pub(crate) fn is_audience(&self, audience: &str) -> bool {
        self.audiences.iter().any(|ours| ours == audience)
    }

    /// The leeway that was set.
    pub(crate) const fn tolerance(&self) -> Duration {
        self.leeway
    }

    /// Everything that a verdict can depend on. A new field does not compile until it stands here.
    pub(super) fn feed(&self, hash: &mut Fingerprint) {
        let Self { issuer, name: _, audiences, algorithms, leeway, plain_jwt } = self;
        issuer.feed(hash);
        hash.count(audiences.len());
        for audience in audiences {
            hash.text(Some(audience));
        }
        hash.fixed(&algorithms.set().bits().to_be_bytes());
        hash.fixed(&leeway_seconds(*leeway).to_be_bytes()).fixed(&[u8::from(*plain_jwt)]);
    }

    fn check(&self, token: &Unverified<'_, '_>, now: Timestamp) -> Result<(), VerificationError> {
        let claims = &token.claims;
        let iss = claims.iss.as_deref().ok_or(VerificationError::Missing("iss"))?;
        if !self.issuer.fits(iss, token.payload) {
            return Err(VerificationError::Issuer);
        }
        let aud = claims.aud.ok_or(VerificationError::Missing("aud"))?;
        if !aud.any(|audience| self.is_audience(audience)) {
            return Err(VerificationError::Audience);
        }
        claims.exp.ok_or(VerificationError::Missing("exp"))?;
        check_times(claims, self.leeway, now)?;
        let declared = token.header.typ().is_some_and(|typ| is_type(typ, "at+jwt"));
        if declared {
            claims.iat.ok_or(VerificationError::Missing("iat"))?;
            for (name, value) in
                [("sub", &claims.sub), ("client_id", &claims.client_id), ("jti", &claims.jti)]
            {
                match value.as_deref() {
                    None => return Err(VerificationError::Missing(name)),
                    Some("") => return Err(VerificationError::Value(name)),
                    Some(_) => {}
                }
            }
        } else {
            plain::check(claims, token.payload)?;
        }
        // Logs and pages show who it is.
        let Claims { sub, client_id, azp, acr, sid, .. } = claims;
        if is_plain(sub) & is_plain(client_id) & is_plain(azp) & is_plain(acr) & is_plain(sid) {
            return Ok(());
        }
        check_visible(&[("sub", sub), ("client_id", client_id), ("azp", azp), ("acr", acr), ("sid", sid)])
    }
}

/// Whether a text is of nothing but visible ASCII. Each token is asked: JSON has control characters in escapes
/// alone, and what has some is not borrowed.
fn is_plain(text: &Option<Cow<'_, str>>) -> bool {
    match text {
        None => true,
        Some(Cow::Borrowed(text)) => text.bytes().fold(true, |plain, byte| plain & (byte < 0x7f)),
        Some(Cow::Owned(_)) => false,
    }
}

#[cold]
fn check_visible(all: &[(&'static str, &Option<Cow<'_, str>>)]) -> Result<(), VerificationError> {
    let hides = |text: &Option<Cow<'_, str>>| text.as_deref().is_some_and(|text| !all_visible(text));
    all.iter().find(|(_, text)| hides(text)).map_or(Ok(()), |(name, _)| Err(VerificationError::Value(name)))
}

/// An access token that has been verified: what one may believe.
#[derive(Clone)]
pub struct VerifiedAccessToken<'s> {
    claims: Claims<'s>,
    payload: &'s [u8],
    scopes: Others<'s>,
}

impl fmt::Debug for VerifiedAccessToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedAccessToken").field("claims", &self.claims).finish_non_exhaustive()
    }
}

impl<'s> VerifiedAccessToken<'s> {
    /// The registered claims.
    #[must_use]
    pub const fn claims(&self) -> &Claims<'s> {
        &self.claims
    }

    /// The set of claims, as JSON.
    pub(crate) const fn payload(&self) -> &'s [u8] {
        self.payload
    }

    /// The scopes: the words of `scope`, or its items if it is an array; if there is no `scope`, those of
    /// `scp`, as Entra and Okta write it.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        scopes::all(&self.claims, &self.scopes)
    }

    /// Whether it has this scope.
    #[must_use]
    pub fn has_scope(&self, wanted: &str) -> bool {
        self.scopes().any(|scope| scope == wanted)
    }

    /// Claims of your own: a second, typed pass over the same bytes.
    ///
    /// # Errors
    /// If the claims are not of that type.
    pub fn custom<T: Deserialize<'s>>(&self) -> Result<T, CustomClaimsError> {
        serde_json::from_slice(self.payload).map_err(|_| CustomClaimsError)
    }
}

/// The claims of a verified token are not of the type asked for.
///
/// `custom` and `claim`, which read claims into a type of your own, return it.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the claims of the token are not of the type that the caller asks for")]
#[non_exhaustive]
pub struct CustomClaimsError;

debug_is_sentence!(CustomClaimsError);
