//! [`LogoutTokenVerifier`]: checks the logout tokens that a client gets (OpenID Connect Back-Channel Logout 1.0 sections
//! 2.4 and 2.6).

use super::{EndedSessions, LogoutToken};
use crate::{
    base::{
        json::{member, utf8},
        moment::Timestamp,
        secret::Secret,
        visible::all_visible,
    },
    jose::{KeySet, Scratch},
    token::{
        Claims, VerificationError,
        claims::{check_times, leeway_seconds},
        id_token::{IdTokenVerifier, is_sub, odd},
        jwt::{Unverified, is_type},
    },
};
use std::time::Duration;

/// How long ago a logout token may have been issued, unless a verifier has another limit: five minutes. Back-Channel Logout
/// 1.0 section 2.4 recommends that a token expires after two.
pub const DEFAULT_MAX_LOGOUT_TOKEN_AGE: Duration = Duration::from_secs(300);

/// The member of `events` that makes a token a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Verifies the logout tokens of one provider for one client (Back-Channel Logout 1.0 section 2.6).
///
/// Issuer, audience, times, algorithm and keys are those of ID tokens, as the specification demands. So a client has this
/// verifier at hand: [`Client::logout_token_verifier`](crate::flow::Client::logout_token_verifier). An encrypted logout
/// token is refused.
///
/// ```
/// use oidc_proto::{Secret, Timestamp, jose::KeySet, token::LogoutTokenVerifier};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let keys = KeySet::parse(br#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1",
///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)?;
/// # use oidc_proto::jose::{Algorithm, RingSigner, sign_compact};
/// # let key = br#"{"kty":"OKP","crv":"Ed25519","kid":"1","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
/// #     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// # let claims = br#"{"iss":"https://op.example","sub":"alice","aud":"app","iat":1800000000,"exp":1800000120,
/// #     "jti":"bWJq","sid":"08a5019c","events":{"http://schemas.openid.net/event/backchannel-logout":{}}}"#;
/// # let header = serde_json::json!({"typ": "logout+jwt"}).as_object().cloned().unwrap_or_default();
/// # let token = Secret::new(sign_compact(&RingSigner::from_jwk(key, Some(Algorithm::EdDSA))?, header, claims)?);
/// let verifier = LogoutTokenVerifier::new("https://op.example", "app");
/// // `token` is the parameter `logout_token` of a request to this client.
/// let verified = verifier.verify(&token, &keys, Timestamp(1_800_000_060))?;
/// assert!(verified.ends.include("https://op.example", "alice", Some("08a5019c")));
/// assert!(!verified.ends.include("https://op.example", "alice", Some("another session")));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct LogoutTokenVerifier {
    id_tokens: IdTokenVerifier,
    typed: bool,
    expires: bool,
    max_age: Duration,
}

impl LogoutTokenVerifier {
    /// Accepts the logout tokens of this issuer for this client, signed with any algorithm of
    /// [`AlgorithmSet::DEFAULT`](crate::jose::AlgorithmSet::DEFAULT).
    #[must_use]
    pub fn new(issuer: impl Into<String>, client_id: impl Into<String>) -> Self {
        Self::like(IdTokenVerifier::new(issuer, client_id))
    }

    /// Accepts logout tokens with the issuer, the audience, the algorithms, the leeway and the length that this verifier
    /// accepts in ID tokens.
    #[must_use]
    pub const fn like(id_tokens: IdTokenVerifier) -> Self {
        Self { id_tokens, typed: false, expires: true, max_age: DEFAULT_MAX_LOGOUT_TOKEN_AGE }
    }

    /// Accepts only tokens whose header has the `typ` `logout+jwt`. Without this, `JWT` or no `typ` will do: many
    /// providers write none, and `events` tells a logout token apart, too (section 4.1).
    #[must_use]
    pub const fn typed_only(mut self) -> Self {
        self.typed = true;
        self
    }

    /// Accepts a token without `exp`. It then counts for [`max_age`](Self::max_age) from its `iat`, which is the limit
    /// for every token. The drafts of the specification had no `exp`, and some providers still write none.
    #[must_use]
    pub const fn exp_may_be_absent(mut self) -> Self {
        self.expires = false;
        self
    }

    /// Sets how long ago a token may have been issued, whatever its `exp` says. The default is
    /// [`DEFAULT_MAX_LOGOUT_TOKEN_AGE`]. A provider that tries again for longer with the same token needs more.
    #[must_use]
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// Verifies a logout token: its `typ`, issuer, audience, times, event, what it names, and its signature.
    ///
    /// Accept each token once: see [`LogoutToken::replay_key`].
    ///
    /// # Errors
    /// [`VerificationError`] names the rule that the token breaks: answer 400. If it
    /// [`wants_newer_keys`](VerificationError::wants_newer_keys), fetch the keys and verify once more. Anybody can send
    /// such a token, so limit how often that happens; a [`Renewal`](crate::renew::Renewal) does.
    pub fn verify(
        &self,
        token: &Secret,
        keys: &KeySet,
        now: Timestamp,
    ) -> Result<LogoutToken, VerificationError> {
        let like = &self.id_tokens;
        let mut scratch = Scratch::new();
        let typ_fits: fn(Option<&str>) -> bool = match self.typed {
            true => |typ| typ.is_some_and(is_logout),
            false => |typ| typ.is_none_or(|typ| is_type(typ, "jwt") || is_logout(typ)),
        };
        let algorithms = like.algorithms.set();
        let unverified = Unverified::read(token.expose(), like.longest, &mut scratch, algorithms, typ_fits)?;
        let claims = &unverified.claims;
        let iss = claims.iss.as_deref().ok_or(VerificationError::Missing("iss"))?;
        if !like.issuer.fits(iss, unverified.payload) {
            return Err(VerificationError::Issuer);
        }
        like.check_audience(claims)?;
        check_event(claims, unverified.payload)?;
        let ends = ends(iss, claims)?;
        let jti = claims.jti.as_deref().filter(|jti| !jti.is_empty());
        let jti = jti.ok_or(VerificationError::Missing("jti"))?;
        if self.expires && claims.exp.is_none() {
            return Err(VerificationError::Missing("exp"));
        }
        let iat = claims.iat.ok_or(VerificationError::Missing("iat"))?;
        check_times(claims, like.leeway, now)?;
        let leeway = leeway_seconds(like.leeway);
        let latest = iat.after(self.max_age).plus(leeway);
        if latest < now {
            return Err(VerificationError::TooOld { ago: iat.until(now), allowed: iat.until(latest) });
        }
        unverified.check_signature(keys, algorithms, &like.issuer)?;
        Ok(LogoutToken {
            ends,
            client_id: like.client_id.clone(),
            jti: jti.to_owned(),
            iat,
            exp: claims.exp,
            usable_until: claims.exp.map_or(latest, |exp| exp.plus(leeway).min(latest)),
        })
    }
}

fn is_logout(typ: &str) -> bool {
    is_type(typ, "logout+jwt")
}

/// Checks that the token says it is a logout token, and that it could not be an ID token.
fn check_event(claims: &Claims<'_>, payload: &[u8]) -> Result<(), VerificationError> {
    if !claims.events {
        return Err(VerificationError::Missing("events"));
    }
    let payload = utf8(payload).map_err(VerificationError::Claims)?;
    let event = member(payload, "events").and_then(|events| member(events, EVENT));
    if !event.is_some_and(|event| event.starts_with('{')) {
        return Err(VerificationError::Value("events"));
    }
    // Whatever its value is: the specification forbids the claim, and `null` is one, too.
    match member(payload, "nonce") {
        Some(_) => Err(VerificationError::Value("nonce")),
        None => Ok(()),
    }
}

/// Reads which sessions end: by `sid`, or all of the user if there is none (section 2.4).
fn ends(iss: &str, claims: &Claims<'_>) -> Result<EndedSessions, VerificationError> {
    if claims.odd.sid {
        return Err(odd("sid"));
    }
    let (sub, sid) = (claims.sub.as_deref(), claims.sid.as_deref());
    if sub.is_some_and(|sub| !is_sub(sub)) {
        return Err(VerificationError::Value("sub"));
    }
    if sid.is_some_and(|sid| sid.is_empty() || !all_visible(sid)) {
        return Err(VerificationError::Value("sid"));
    }
    match (sid, sub) {
        (Some(sid), sub) => Ok(EndedSessions::session(iss, sid, sub)),
        (None, Some(sub)) => Ok(EndedSessions::of_user(iss, sub)),
        (None, None) => Err(VerificationError::Missing("sub")),
    }
}
