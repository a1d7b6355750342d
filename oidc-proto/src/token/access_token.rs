//! [`AccessTokenVerifier`]: checks access tokens at a resource server (RFC 9068 section 4). An API runs this code for
//! each request, so it allocates as little as possible.

use super::{
    Audience, Claims, Possession, Scratch, VerificationError, VerifiedAccessToken,
    claims::{ActorLimit, DEFAULT_LEEWAY, MAX_ACTORS, check_times, check_visible, is_plain},
    jwt::{Given, MAX_TOKEN, ReadJwt, Unverified, is_type},
    plain,
    required_claim::{RequiredClaim, Waived},
    scopes::Others,
};
use crate::{
    base::moment::Timestamp,
    jose::{AlgorithmSet, Allowed, Key, KeySet},
    metadata::IssuerRule,
};
use std::{borrow::Cow, time::Duration};

/// Verifies the JWT access tokens of one issuer (RFC 9068 section 4). Make one and use it for every request.
///
/// It always checks the size, `typ`, `crit`, duplicate members, the signature, `iss`, `aud`, `exp`, `nbf` and `iat`.
/// The token must also have `sub`, `client_id`, `iat` and `jti`: the JWT profile demands them (RFC 9068 section 2.2).
///
/// Many providers issue access tokens of another shape. One setting answers each difference, and
/// [`TrustedIssuer`](crate::resource::TrustedIssuer#presets) has the settings of well-known providers.
///
/// ```
/// use oidc_proto::{Timestamp, jose::KeySet, token::{AccessTokenVerifier, Scratch, VerificationError}};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = AccessTokenVerifier::new("https://op.example", "https://api.example");
/// // The JSON at the `jwks_uri` of the issuer:
/// let keys = KeySet::parse(br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1",
///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
/// let token = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL29wLmV4YW1wbGUiLCJzd\
///     WIiOiJhbGljZSIsImF1ZCI6Imh0dHBzOi8vYXBpLmV4YW1wbGUiLCJjbGllbnRfaWQiOiJhcHAiLCJqdGkiOiJ0MSIsImlhd\
///     CI6MTgwMDAwMDAwMCwiZXhwIjoxODAwMDAwMzAwLCJzY29wZSI6Im9yZGVycy5yZWFkIiwidGVuYW50IjoiYWNtZSJ9.e4ag\
///     dvWd_RxjIiy9mCE6CcvyIUPHNG6Jq7FevhRbv2igvkkptfNKMj5DLlsO6HNElVoOcUSW4nPfDSTSNyPVCw";
/// let now = Timestamp(1_800_000_060); // A program reads its clock here.
///
/// let mut scratch = Scratch::new(); // Memory to reuse; each thread may keep one.
/// let verified = verifier.verify(token, &keys, &mut scratch, now)?;
/// assert_eq!(verified.claims().sub.as_deref(), Some("alice"));
///
/// let other = AccessTokenVerifier::new("https://op.example", "https://other.example");
/// let refused = other.verify(token, &keys, &mut scratch, now).map(drop);
/// assert_eq!(refused, Err(VerificationError::Audience));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct AccessTokenVerifier {
    issuer: IssuerRule,
    /// The issuer given to `new`, if a rule has replaced it.
    name: Option<String>,
    audiences: Vec<String>,
    algorithms: Allowed,
    leeway: Duration,
    plain_jwt: bool,
    longest: usize,
    nonce: bool,
    client_is_audience: bool,
    nbf_is_mark: bool,
    scope_claim: Option<String>,
    waived: Waived,
    actors: ActorLimit,
    /// Only to say which audience a refused token has: no token is accepted by it.
    any_audience: bool,
}

impl AccessTokenVerifier {
    /// Accepts access tokens of this issuer whose `aud` names this audience: the identifier of your API.
    #[must_use]
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self::without_audience(issuer).or_audience(audience)
    }

    /// Makes a verifier without an audience. It refuses every token until an audience is added.
    pub(crate) fn without_audience(issuer: impl Into<String>) -> Self {
        Self {
            issuer: IssuerRule::exact(issuer),
            name: None,
            audiences: Vec::new(),
            algorithms: Allowed::DEFAULT,
            leeway: DEFAULT_LEEWAY,
            plain_jwt: false,
            longest: MAX_TOKEN,
            nonce: false,
            client_is_audience: false,
            nbf_is_mark: false,
            scope_claim: None,
            waived: Waived::default(),
            actors: ActorLimit(MAX_ACTORS),
            any_audience: false,
        }
    }

    /// Accepts tokens of every issuer that fits this rule, instead of the one given to [`new`](Self::new). That one
    /// stays the common name of them all: see
    /// [`TrustedIssuer::access_tokens`](crate::resource::TrustedIssuer::access_tokens).
    ///
    /// With [`IssuerRule::exact`], the tokens have another issuer than the metadata. AD FS does this: its metadata has
    /// `https://fs.example/adfs`, and its access tokens have `http://fs.example/adfs/services/trust`.
    #[must_use]
    pub fn issuer_rule(mut self, rule: IssuerRule) -> Self {
        let before = std::mem::replace(&mut self.issuer, rule);
        self.name.get_or_insert_with(|| before.as_str().to_owned());
        self
    }

    /// Also accepts tokens for this audience.
    #[must_use]
    pub fn or_audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Accepts these signature algorithms only. The default is [`AlgorithmSet::DEFAULT`]. A second call can only narrow the
    /// set: the verifier accepts the algorithms that every call names. With an empty set, it refuses every token.
    #[must_use]
    pub const fn algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.algorithms = self.algorithms.only(algorithms);
        self
    }

    /// Sets how far the issuer's clock may be ahead of ours or behind it. The default is
    /// [`DEFAULT_LEEWAY`](super::DEFAULT_LEEWAY), the maximum [`MAX_LEEWAY`](super::MAX_LEEWAY).
    #[must_use]
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Sets the longest token, in bytes; the default is [`MAX_TOKEN`]. A gate and a resource server take a token from its
    /// request by a limit of their own:
    /// [`CredentialPolicy::with_max_token`](crate::resource::CredentialPolicy::with_max_token), which is enough there.
    #[must_use]
    pub const fn max_token(mut self, bytes: usize) -> Self {
        self.longest = bytes;
        self
    }

    /// Sets the largest number of parties that a token may name in its `act`, one within the other; the default is
    /// [`MAX_ACTORS`]. With 0, a token that names an actor is refused.
    #[must_use]
    pub const fn max_actors(mut self, actors: u8) -> Self {
        self.actors = ActorLimit(actors);
        self
    }

    pub(crate) const fn actor_limit(&self) -> ActorLimit {
        self.actors
    }

    /// Accepts tokens of this length, at least.
    pub(crate) fn at_least(mut self, bytes: usize) -> Self {
        self.longest = self.longest.max(bytes);
        self
    }

    /// Also accepts JWTs that do not declare themselves access tokens, as older providers issue them. Their `typ` may
    /// be absent or `JWT`. They must have `iss`, `aud`, `exp`, a subject (`sub`, or the client) and a mark of an access
    /// token.
    ///
    /// That mark is `client_id` (or Okta's `cid`, or Entra's `appid` and `azpacr`), `scope` or `scp`, an `azp` that is
    /// not in `aud`, or the absence of `iat`. An ID token has none of these: its audience is its client, it grants
    /// nothing, and it says when it was issued. So the verifier still refuses:
    ///
    /// * ID tokens ([`VerificationError::IdTokenAsAccessToken`]): tokens without a mark, tokens with `at_hash`, `c_hash`
    ///   or `s_hash`, and tokens that declare themselves ID tokens (Cognito's `token_use`, Keycloak's `typ`);
    /// * tokens with `nonce` that do not declare themselves access tokens: see [`accept_nonce`](Self::accept_nonce).
    ///   They do so by the claim `typ` of `Bearer` or `DPoP` (Keycloak), or by `token_use` of `access`;
    /// * refresh tokens that declare themselves so in one of these claims;
    /// * logout tokens: tokens with `events`;
    /// * authorization responses (JARM): tokens with `code`, `state`, `access_token`, `id_token` or `error`.
    ///
    /// # Danger
    /// It takes a check away: the header `typ` no longer tells access tokens from other tokens. See [`danger`](crate::danger).
    #[must_use]
    pub const fn accept_plain_jwt(mut self) -> Self {
        self.plain_jwt = true;
        self
    }

    /// Also accepts tokens with a `nonce` that do not say what they are, if
    /// [`accept_plain_jwt`](Self::accept_plain_jwt) is set. They must still have a mark of an access token, and no hash
    /// (`at_hash`, `c_hash`, `s_hash`). Some providers copy the `nonce` of the login into the access token.
    ///
    /// A token that says that it is an access token needs no such setting: see
    /// [`accept_plain_jwt`](Self::accept_plain_jwt).
    ///
    /// # Danger
    /// It takes a check away: a `nonce` no longer tells an ID token from an access token. See [`danger`](crate::danger).
    #[must_use]
    pub const fn accept_nonce(mut self) -> Self {
        self.nonce = true;
        self
    }

    /// Takes `client_id` for the audience of tokens that have no `aud`: it must then be one of the audiences. Name the
    /// clients of your API with [`or_audience`](Self::or_audience). Such a token must say that it is an access token, by
    /// the claim `token_use` of `access`. A token with `aud` is judged by it, as always.
    ///
    /// Amazon Cognito issues access tokens without `aud`. They have no header `typ` either, so
    /// [`accept_plain_jwt`](Self::accept_plain_jwt) must be set, too.
    ///
    /// # Danger
    /// It takes a check away: a token names the client that got it, and no longer the API that it is for. See
    /// [`danger`](crate::danger).
    #[must_use]
    pub const fn client_id_as_audience(mut self) -> Self {
        self.client_is_audience = true;
        self
    }

    pub(crate) const fn takes_client_as_audience(&self) -> bool {
        self.client_is_audience
    }

    /// Accepts tokens without this claim, although their header `typ` is `at+jwt`, and RFC 9068 section 2.2 demands the
    /// claim. A second call adds another claim. A token must still name the user (`sub`) or the client (`client_id` or
    /// `azp`).
    ///
    /// Keycloak, set to write `at+jwt`, names the client in `azp`, and its lightweight tokens have no `sub`. Tokens that
    /// [`accept_plain_jwt`](Self::accept_plain_jwt) lets in need none of these claims, so the method changes nothing for
    /// them.
    #[must_use]
    pub const fn without_required_claim(mut self, claim: RequiredClaim) -> Self {
        self.waived = self.waived.and(claim);
        self
    }

    /// Sets the claim that has the scopes: a string with spaces, or an array of strings. No other claim is then read for
    /// them. The default is `scope`, or `scp` (Entra, Okta) if there is no `scope`.
    #[must_use]
    pub fn scope_claim(mut self, claim: impl Into<String>) -> Self {
        self.scope_claim = Some(claim.into());
        self
    }

    /// Also takes `nbf` for a mark of an access token, if [`accept_plain_jwt`](Self::accept_plain_jwt) is set. A token with
    /// `azp`, `auth_time`, `sid` or `nonce` still needs another mark.
    ///
    /// Spring Authorization Server writes `nbf` into access tokens and never into ID tokens, and `azp` into ID tokens and
    /// never into access tokens. Nothing else tells its access tokens without scopes.
    ///
    /// # Danger
    /// It takes a check away: an ID token with `nbf` and without these claims passes for an access token. See
    /// [`danger`](crate::danger).
    #[must_use]
    pub const fn nbf_marks_access_tokens(mut self) -> Self {
        self.nbf_is_mark = true;
        self
    }

    /// Verifies a bearer token. The cheap checks run first, the signature last. The method allocates nothing once
    /// `scratch` has grown, unless a claim has escapes.
    ///
    /// A token that is bound to a key (`cnf`) is not a bearer token and is refused: see [`Self::verify_bound`].
    ///
    /// # Errors
    /// [`VerificationError`] names the rule that the token breaks. [`VerificationError::wants_newer_keys`] says whether
    /// to fetch the issuer's keys and try again.
    pub fn verify<'s>(
        &self,
        token: &str,
        keys: &KeySet,
        scratch: &'s mut Scratch,
        now: Timestamp,
    ) -> Result<VerifiedAccessToken<'s>, VerificationError> {
        self.verify_bound(token, keys, scratch, now, Possession::none())
    }

    /// Verifies a token, and that its sender holds every key to which the token is bound (`cnf`, RFC 7800).
    ///
    /// # Errors
    /// As [`Self::verify`]. The method also fails if the sender has not shown a key to which the token is bound, has
    /// shown another one, or the binding is of an unsupported method. And it fails if the sender has shown a DPoP key
    /// and the token is not bound to it.
    pub fn verify_bound<'s>(
        &self,
        token: &str,
        keys: &KeySet,
        scratch: &'s mut Scratch,
        now: Timestamp,
        shown: Possession<'_>,
    ) -> Result<VerifiedAccessToken<'s>, VerificationError> {
        let given = Given { token, read: None };
        self.verify_with_key(given, keys, scratch, now, shown).map(|(verified, _)| verified)
    }

    /// Verifies like [`Self::verify_bound`], and also returns the issuer's key that signed the token.
    pub(crate) fn verify_with_key<'s, 'k>(
        &self,
        token: Given<'s, '_>,
        keys: &'k KeySet,
        scratch: &'s mut Scratch,
        now: Timestamp,
        shown: Possession<'_>,
    ) -> Result<(VerifiedAccessToken<'s>, &'k Key), VerificationError> {
        self.verify_by(token, scratch, now, shown, |unverified| self.check_signature(unverified, keys))
    }

    /// Verifies a token; `signed` checks the signature after every other check has passed.
    pub(super) fn verify_by<'s, 't, K>(
        &self,
        given: Given<'s, 't>,
        scratch: &'s mut Scratch,
        now: Timestamp,
        shown: Possession<'_>,
        signed: impl FnOnce(&Unverified<'s, 't>) -> Result<K, VerificationError>,
    ) -> Result<(VerifiedAccessToken<'s>, K), VerificationError> {
        let token = Unverified::of(given, self.longest, scratch, self.algorithms.set(), self.typ_fits())?;
        self.judge(token, now, shown, signed)
    }

    /// Verifies a token that was read before, and that this key has signed: checks everything but the signature. The
    /// result borrows from `text`, which is the text of `read`.
    pub(crate) fn verify_known<'s, 'k>(
        &self,
        token: &str,
        (read, text): (&ReadJwt, &'s str),
        key: &'k Key,
        now: Timestamp,
        shown: Possession<'_>,
    ) -> Result<(VerifiedAccessToken<'s>, &'k Key), VerificationError> {
        if token.len() > self.longest {
            return Err(VerificationError::TooLarge);
        }
        let token = read.unverified(text, token, None, self.algorithms.set(), self.typ_fits())?;
        self.judge(token, now, shown, |token| token.check_key(key, &self.issuer))
    }

    /// Returns whether the `typ` of a header is one of an access token, by these settings.
    const fn typ_fits(&self) -> fn(Option<&str>) -> bool {
        match self.plain_jwt {
            true => |typ| typ.is_none_or(|typ| is_type(typ, "jwt") || is_type(typ, "at+jwt")),
            false => |typ| typ.is_some_and(|typ| is_type(typ, "at+jwt")),
        }
    }

    /// Runs every check that comes after the header; `signed` is the last.
    fn judge<'s, 't, K>(
        &self,
        token: Unverified<'s, 't>,
        now: Timestamp,
        shown: Possession<'_>,
        signed: impl FnOnce(&Unverified<'s, 't>) -> Result<K, VerificationError>,
    ) -> Result<(VerifiedAccessToken<'s>, K), VerificationError> {
        let client = self.check(&token, now)?;
        shown.satisfies(token.claims.cnf.as_ref())?;
        let by = signed(&token)?;
        let scopes = match &self.scope_claim {
            Some(claim) => Others::of_claim(claim, token.payload),
            None => Others::of(&token.claims, token.payload),
        };
        Ok((VerifiedAccessToken { claims: token.claims, payload: token.payload, scopes, client }, by))
    }

    pub(super) fn check_signature<'k>(
        &self,
        token: &Unverified<'_, '_>,
        keys: &'k KeySet,
    ) -> Result<&'k Key, VerificationError> {
        token.check_signature(keys, self.algorithms.set(), &self.issuer)
    }

    /// Returns the issuer given to `new`, whatever rule was set later.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.issuer.as_str())
    }

    pub(crate) const fn rule(&self) -> &IssuerRule {
        &self.issuer
    }

    /// Returns the claim that was set for the scopes.
    pub(crate) fn scopes_in(&self) -> Option<&str> {
        self.scope_claim.as_deref()
    }

    /// Whether this audience is one of ours.
    pub(crate) fn is_audience(&self, audience: &str) -> bool {
        self.audiences.iter().any(|ours| ours == audience)
    }

    /// Returns our audiences.
    pub(crate) fn audiences(&self) -> impl Iterator<Item = &str> {
        self.audiences.iter().map(String::as_str)
    }

    /// Returns the audience of a token that is refused for its audience alone, for a log. `None` if anything else is wrong
    /// with it, too: then its issuer may not have written it.
    #[cold]
    pub(crate) fn other_audience(
        &self,
        token: &str,
        keys: &KeySet,
        now: Timestamp,
        shown: Possession<'_>,
    ) -> Option<Vec<String>> {
        let (mut scratch, open) = (Scratch::new(), Self { any_audience: true, ..self.clone() });
        let verified = open.verify_bound(token, keys, &mut scratch, now, shown).ok()?;
        let client = || verified.client_id().map(str::to_owned).into_iter().collect();
        Some(verified.claims().aud.map_or_else(client, Audience::to_vec))
    }

    /// Returns the leeway that was set.
    pub(crate) const fn tolerance(&self) -> Duration {
        self.leeway
    }

    /// Checks everything but the binding and the signature. Returns the client if it has another name than `client_id`
    /// or `azp`.
    fn check<'s>(
        &self,
        token: &Unverified<'s, '_>,
        now: Timestamp,
    ) -> Result<Option<Cow<'s, str>>, VerificationError> {
        let claims = &token.claims;
        let iss = claims.iss.as_deref().ok_or(VerificationError::Missing("iss"))?;
        if !self.issuer.fits(iss, token.payload) {
            return Err(VerificationError::Issuer);
        }
        self.check_audience(token)?;
        claims.exp.ok_or(VerificationError::Missing("exp"))?;
        check_times(claims, self.leeway, now)?;
        let declared = token.header.typ().is_some_and(|typ| is_type(typ, "at+jwt"));
        let client = if declared {
            self.waived.check(claims)?;
            None
        } else {
            plain::check(claims, token.payload, self.nonce, self.nbf_is_mark)?
        };
        // Logs and pages show these claims, so they must not hide anything.
        let Claims { sub, client_id, azp, acr, sid, .. } = claims;
        let named = is_plain(client_id) & is_plain(azp) & is_plain(&client);
        if !(named & is_plain(sub) & is_plain(acr) & is_plain(sid)) {
            check_visible(&[
                ("sub", sub),
                ("client_id", client_id),
                ("azp", azp),
                ("acr", acr),
                ("sid", sid),
            ])?;
            check_visible(&[("client_id", &client)])?;
        }
        self.actors.check(claims.act)?;
        Ok(client)
    }

    fn check_audience(&self, token: &Unverified<'_, '_>) -> Result<(), VerificationError> {
        let ours = match (token.claims.aud, self.client_is_audience) {
            (Some(aud), _) => aud.any(|audience| self.is_audience(audience)),
            (None, false) => return Err(VerificationError::Missing("aud")),
            (None, true) => {
                let client = token.claims.client_id.as_deref().ok_or(VerificationError::Missing("aud"))?;
                plain::check_token_use(token.payload)?;
                self.is_audience(client)
            }
        };
        if ours | self.any_audience { Ok(()) } else { Err(VerificationError::Audience) }
    }
}
