//! [`IdTokenVerifier`]: checks ID tokens at a client (OpenID Connect Core 1.0 sections 2, 3.1.3.7 and 3.3.2.11).

mod backchannel;
mod kept;
mod verified;

pub(crate) use backchannel::Backchannel;
pub(crate) use kept::KeptIdToken;
pub(super) use verified::odd;
pub use verified::{IdToken, SetAside, VerifiedIdToken};

use super::{
    Claims, Scratch, VerificationError,
    claims::{ActorLimit, DEFAULT_LEEWAY, MAX_ACTORS, check_times, leeway_seconds},
    jwt::{MAX_TOKEN, Unverified, is_type},
};
use crate::{
    base::{
        moment::Timestamp,
        secret::{Secret, equal},
        visible::all_visible,
    },
    jose::{Algorithm, AlgorithmSet, Allowed, KeySet},
    metadata::IssuerRule,
};
use std::{fmt, time::Duration};

/// The maximum length of a `sub`, in ASCII characters (OpenID Connect Core 1.0 section 2).
const MAX_SUB: usize = 255;

/// Whether a text can be a `sub` (OpenID Connect Core 1.0 section 2): printable ASCII, so that it cannot break a log
/// line.
pub(crate) fn is_sub(sub: &str) -> bool {
    (1..=MAX_SUB).contains(&sub.len()) && sub.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Verifies the ID tokens of one issuer for one client (OpenID Connect Core 1.0 section 3.1.3.7). Make one verifier for
/// each client.
///
/// A login verifies its ID tokens itself: see [`Client::authorize`](crate::flow::Client::authorize). This type is for a
/// program that gets ID tokens in another way, for example from a mobile app.
///
/// ```
/// use oidc_proto::{
///     Secret, Timestamp,
///     jose::KeySet,
///     token::{Expected, IdTokenVerifier},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = IdTokenVerifier::new("https://op.example", "app");
/// // The JSON at the `jwks_uri` of the issuer:
/// let keys = KeySet::parse(br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1",
///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
/// let token = Secret::new(
///     "eyJhbGciOiJFZERTQSIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL29wLmV4YW1wbGUiLCJzdWIiOiJhbGljZSIsImF1Z\
///      CI6ImFwcCIsImlhdCI6MTgwMDAwMDAwMCwiZXhwIjoxODAwMDAwMzAwLCJub25jZSI6Im4tMFM2X1d6QTJNaiIsImVtYWlsI\
///      joiYWxpY2VAZXhhbXBsZS5jb20ifQ.hwNPjPVkLNg4Af4-gBAYwB4Bq2-o-7bpDrkHDPAgRRrZmMepeuhKutv3utkPPwl12O\
///      LkoqJoqcdEoO47nw5_Cw",
/// );
///
/// let mut expected = Expected::default();
/// expected.nonce = Some("n-0S6_WzA2Mj"); // The nonce of the authorization request.
/// let user = verifier.verify(&token, &keys, &expected, Timestamp(1_800_000_060))?;
/// assert_eq!(user.sub, "alice");
/// assert_eq!(user.claim::<String>("email").as_deref(), Some("alice@example.com"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct IdTokenVerifier {
    pub(crate) issuer: IssuerRule,
    pub(crate) client_id: String,
    pub(crate) trusted_audiences: Vec<String>,
    pub(crate) trusted_authorized_parties: Vec<String>,
    pub(crate) algorithms: Allowed,
    pub(crate) leeway: Duration,
    pub(super) longest: usize,
    actors: ActorLimit,
}

/// What one ID token must match, in addition to the rules for every ID token. The default adds nothing.
///
/// Start with `Expected::default()` and set its fields: see [`IdTokenVerifier`].
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct Expected<'e> {
    /// The nonce of the authorization request. If set, the token must have it.
    pub nonce: Option<&'e str>,
    /// Whether the token may lack the nonce all the same. If it has one, that must be the right one.
    pub(crate) nonce_may_be_absent: bool,
    /// The maximum age of the user's authentication. If set, the token must have `auth_time`.
    pub max_age: Option<Duration>,
    /// The accepted authentication context classes. The token must name one of them, unless this list is empty.
    pub acr: &'e [String],
    /// The access token that came with the ID token. If the ID token has `at_hash`, that must be the hash of this
    /// token.
    pub access_token: Option<&'e Secret>,
    /// The code that came with the ID token. If the ID token has `c_hash`, that must be the hash of this code.
    pub code: Option<&'e Secret>,
    /// The state that came with the ID token. If the ID token has `s_hash`, that must be the hash of this state.
    pub state: Option<&'e str>,
    /// Whether the ID token came through the browser. If so, it must have `c_hash` if `code` is set, and `at_hash` if
    /// `access_token` is set (OpenID Connect Core 1.0 section 3.3.2.11).
    pub front_channel: bool,
    /// The demands on an ID token of a backchannel authentication.
    pub(crate) backchannel: Option<Backchannel<'e>>,
}

impl fmt::Debug for Expected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { max_age, acr, .. } = self;
        f.debug_struct("Expected").field("max_age", max_age).field("acr", acr).finish_non_exhaustive()
    }
}

impl IdTokenVerifier {
    /// Makes a verifier that accepts ID tokens of this issuer for this client, signed with any algorithm of
    /// [`AlgorithmSet::DEFAULT`].
    #[must_use]
    pub fn new(issuer: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self {
            issuer: IssuerRule::exact(issuer),
            client_id: client_id.into(),
            trusted_audiences: Vec::new(),
            trusted_authorized_parties: Vec::new(),
            algorithms: Allowed::DEFAULT,
            leeway: DEFAULT_LEEWAY,
            longest: MAX_TOKEN,
            actors: ActorLimit(MAX_ACTORS),
        }
    }

    /// Accepts ID tokens of every issuer that fits this rule, instead of the one given to [`new`](Self::new).
    #[must_use]
    pub fn issuer_rule(mut self, rule: IssuerRule) -> Self {
        self.issuer = rule;
        self
    }

    /// Accepts these signature algorithms only. The default is [`AlgorithmSet::DEFAULT`]. A second call can only narrow the
    /// set: the verifier accepts the algorithms that every call names. With an empty set, it refuses every token.
    #[must_use]
    pub const fn algorithms(mut self, algorithms: AlgorithmSet) -> Self {
        self.algorithms = self.algorithms.only(algorithms);
        self
    }

    /// Accepts ID tokens whose `aud` also names these audiences. Without this, an `aud` may name this client only. A
    /// second call adds to the list.
    ///
    /// # Danger
    /// It takes a check away: each party that you name can use its ID tokens to log in here. See [`danger`](crate::danger).
    #[must_use]
    pub fn trusted_audiences<S: Into<String>>(mut self, audiences: impl IntoIterator<Item = S>) -> Self {
        self.trusted_audiences.extend(audiences.into_iter().map(Into::into));
        self
    }

    /// Accepts ID tokens whose `azp` names one of these parties. Without this, an `azp` must name this client. A second
    /// call adds to the list.
    ///
    /// # Danger
    /// It takes a check away: each party that you name can use its ID tokens to log in here. See [`danger`](crate::danger).
    #[must_use]
    pub fn trusted_authorized_parties<S: Into<String>>(
        mut self,
        parties: impl IntoIterator<Item = S>,
    ) -> Self {
        self.trusted_authorized_parties.extend(parties.into_iter().map(Into::into));
        self
    }

    /// Sets the longest token, in bytes; the default is [`MAX_TOKEN`].
    #[must_use]
    pub const fn max_token(mut self, bytes: usize) -> Self {
        self.longest = bytes;
        self
    }

    /// Sets the largest number of parties that an ID token may name in its `act`, one within the other; the default is
    /// [`MAX_ACTORS`]. With 0, a token that names an actor is refused. A client has the default.
    #[must_use]
    pub const fn max_actors(mut self, actors: u8) -> Self {
        self.actors = ActorLimit(actors);
        self
    }

    /// Sets the leeway: how far the issuer's clock may be ahead of ours, or behind it. The default is
    /// [`DEFAULT_LEEWAY`](super::DEFAULT_LEEWAY), the maximum is [`MAX_LEEWAY`](super::MAX_LEEWAY).
    #[must_use]
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Verifies an ID token: its issuer, its audience, its times, what is `expected` of it, and its signature.
    ///
    /// It copies every claim. To verify many tokens, see [`verify_borrowed`](Self::verify_borrowed).
    ///
    /// # Errors
    /// [`VerificationError`] names the rule that the token breaks.
    pub fn verify(
        &self,
        token: &Secret,
        keys: &KeySet,
        expected: &Expected<'_>,
        now: Timestamp,
    ) -> Result<IdToken, VerificationError> {
        self.verify_borrowed(token, keys, expected, &mut Scratch::new(), now)?.to_id_token()
    }

    /// Verifies an ID token as [`verify`](Self::verify) does, with the same verdict, and copies nothing. The method
    /// allocates nothing once `scratch` has grown, unless a claim has escapes or is set aside, or a hash is compared.
    ///
    /// ```
    /// use oidc_proto::{
    ///     Secret, Timestamp,
    ///     jose::KeySet,
    ///     token::{Expected, IdTokenVerifier, Scratch, VerificationError},
    /// };
    ///
    /// /// The user of an app that shows its ID token at each request.
    /// fn user(
    ///     verifier: &IdTokenVerifier,
    ///     token: &Secret,
    ///     keys: &KeySet,
    ///     scratch: &mut Scratch,
    ///     now: Timestamp,
    /// ) -> Result<String, VerificationError> {
    ///     let verified = verifier.verify_borrowed(token, keys, &Expected::default(), scratch, now)?;
    ///     Ok(verified.sub().to_owned())
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_borrowed<'s>(
        &self,
        token: &'s Secret,
        keys: &KeySet,
        expected: &Expected<'_>,
        scratch: &'s mut Scratch,
        now: Timestamp,
    ) -> Result<VerifiedIdToken<'s>, VerificationError> {
        // Nothing registers a type for ID tokens. Some providers write one that no other token has.
        let typ_fits: fn(Option<&str>) -> bool =
            |typ| typ.is_none_or(|typ| ["jwt", "id", "id_token+jwt"].iter().any(|kind| is_type(typ, kind)));
        let algorithms = self.algorithms.set();
        let unverified = Unverified::read_with(
            token.expose(),
            self.longest,
            scratch,
            algorithms,
            typ_fits,
            Claims::read_of_user,
        )?;
        let iss = unverified.claims.iss.as_deref().ok_or(VerificationError::Missing("iss"))?;
        if !self.issuer.fits(iss, unverified.payload) {
            return Err(VerificationError::Issuer);
        }
        self.check(&unverified.claims, expected, now)?;
        unverified.check_signature(keys, self.algorithms.set(), &self.issuer)?;
        // Behind the signature: which hash it is depends on the key, and the error must not blame the hash for a key
        // that is not supported.
        check_hashes(&unverified.claims, unverified.header.alg(), expected)?;
        if let Some(backchannel) = &expected.backchannel {
            backchannel.check(&unverified.claims, unverified.payload, unverified.header.alg())?;
        }
        Ok(VerifiedIdToken::new(unverified.claims, unverified.payload, token))
    }

    fn check(
        &self,
        claims: &Claims<'_>,
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
        self.actors.check(claims.act)?;
        // A logout token without a `typ` would be an ID token otherwise, wherever no nonce is expected.
        if claims.events {
            return Err(VerificationError::Value("events"));
        }
        self.check_audience(claims)?;
        claims.exp.ok_or(VerificationError::Missing("exp"))?;
        claims.iat.ok_or(VerificationError::Missing("iat"))?;
        check_times(claims, self.leeway, now)?;
        if let Some(sent) = expected.nonce {
            match claims.nonce.as_deref() {
                Some(nonce) if equal(nonce.as_bytes(), sent.as_bytes()) => {}
                Some(_) => return Err(VerificationError::Nonce),
                None if expected.nonce_may_be_absent => {}
                None => return Err(VerificationError::Missing("nonce")),
            }
        }
        if let Some(max_age) = expected.max_age {
            if claims.odd.auth_time {
                return Err(odd("auth_time"));
            }
            let since = claims.auth_time.ok_or(VerificationError::Missing("auth_time"))?;
            let leeway = leeway_seconds(self.leeway);
            let latest = since.after(max_age).plus(leeway);
            if latest < now {
                return Err(VerificationError::AuthenticationTooOld {
                    ago: since.until(now),
                    allowed: since.until(latest),
                });
            }
        }
        if !expected.acr.is_empty() {
            if claims.odd.acr {
                return Err(odd("acr"));
            }
            let acr = claims.acr.as_deref().ok_or(VerificationError::Missing("acr"))?;
            if !expected.acr.iter().any(|wanted| wanted == acr) {
                return Err(VerificationError::AuthenticationContext);
            }
        }
        Ok(())
    }

    pub(super) fn check_audience(&self, claims: &Claims<'_>) -> Result<(), VerificationError> {
        let aud = claims.aud.ok_or(VerificationError::Missing("aud"))?;
        if !aud.contains(&self.client_id) {
            return Err(VerificationError::Audience);
        }
        if !aud.all(|other| other == self.client_id || self.trusted_audiences.iter().any(|t| t == other)) {
            return Err(VerificationError::UntrustedAudience);
        }
        // An empty `azp` names nobody, as an absent one does.
        match claims.azp.as_deref().filter(|azp| !azp.is_empty()) {
            Some(azp)
                if azp != self.client_id && !self.trusted_authorized_parties.iter().any(|t| t == azp) =>
            {
                Err(VerificationError::AuthorizedParty)
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Compares the hashes in an ID token with what came along with it.
fn check_hashes(
    claims: &Claims<'_>,
    alg: Algorithm,
    expected: &Expected<'_>,
) -> Result<(), VerificationError> {
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
        // Without the value, there is nothing to compare with the hash. A flow that has the value passes it.
        if let (Some(hash), Some(value)) = (claim, value)
            && !equal(hash.as_bytes(), alg.left_half_hash(value.as_bytes()).as_bytes())
        {
            return Err(otherwise);
        }
    }
    Ok(())
}
